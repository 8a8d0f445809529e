//! Accounts, login sessions and counters.

use diesel::prelude::{ExpressionMethods, Insertable, OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::{
    domain::{Account, AccountId, SessionId, Time, Wallet, account::Session},
    store::{
        Refusal, StoreError,
        schema::{accounts, counters, sessions},
    },
};

/// The counter that moves whenever a credential ends or changes.
const CREDENTIALS: &str = "credentials";

pub(in crate::store) async fn create(
    conn: &mut Conn,
    account: &Account,
    wallet: &Option<Wallet>,
) -> Result<(), StoreError> {
    // asked before writing, so that the answer can say which name is taken; the unique indexes decide
    for (taken, name) in [(account.username_key.as_ref(), "username"), (account.email_key.as_ref(), "email")] {
        if let Some(key) = taken
            && by_login(conn, key).await?.is_some()
        {
            return Err(Refusal::Taken(name).into());
        }
    }
    let written = account.insert_into(accounts::table).on_conflict_do_nothing().execute(conn).await?;
    if written == 0 {
        return Err(Refusal::Taken("username").into());
    }
    match wallet {
        Some(wallet) => super::wallets::create(conn, wallet).await,
        None => Ok(()),
    }
}

pub(in crate::store) async fn find(conn: &mut Conn, id: &AccountId) -> Result<Option<Account>, StoreError> {
    Ok(accounts::table.find(id).select(Account::as_select()).first(conn).await.optional()?)
}

pub(in crate::store) async fn by_login(conn: &mut Conn, login: &String) -> Result<Option<Account>, StoreError> {
    let by_name = accounts::table.filter(accounts::username_key.eq(login));
    if let Some(account) = by_name.select(Account::as_select()).first(conn).await.optional()? {
        return Ok(Some(account));
    }
    let by_email = accounts::table.filter(accounts::email_key.eq(login));
    Ok(by_email.select(Account::as_select()).first(conn).await.optional()?)
}

pub(in crate::store) async fn super_user(conn: &mut Conn) -> Result<Option<Account>, StoreError> {
    let query = accounts::table.filter(accounts::super_user.eq(true));
    Ok(query.select(Account::as_select()).first(conn).await.optional()?)
}

/// Writes the row only if it is still the one that was read: a change of the profile must not bring back
/// a password that was changed meanwhile.
pub(in crate::store) async fn update(conn: &mut Conn, account: &Account, was: &Time) -> Result<(), StoreError> {
    if let Some(key) = &account.username_key
        && by_login(conn, key).await?.is_some_and(|other| other.id != account.id)
    {
        return Err(Refusal::Taken("username").into());
    }
    let updated = diesel::update(accounts::table.find(&account.id).filter(accounts::updated_at.eq(*was)))
        .set((
            accounts::username.eq(&account.username),
            accounts::username_key.eq(&account.username_key),
            accounts::password_hash.eq(&account.password_hash),
            accounts::provider.eq(&account.provider),
            accounts::activated.eq(account.activated),
            accounts::extra.eq(&account.extra),
            accounts::ui_customization.eq(&account.ui_customization),
            accounts::updated_at.eq(account.updated_at),
        ))
        .execute(conn)
        .await
        .map_err(StoreError::or_taken("username"))?;
    if updated == 0 {
        return Err(Refusal::Changed("account").into());
    }
    credentials_changed(conn).await
}

pub(in crate::store) async fn first_install(conn: &mut Conn, account: &Account) -> Result<(), StoreError> {
    if let Some(key) = &account.username_key
        && by_login(conn, key).await?.is_some_and(|other| other.id != account.id)
    {
        return Err(Refusal::Taken("username").into());
    }
    let fresh = accounts::table.find(&account.id).filter(accounts::provider.eq("env"));
    let updated = diesel::update(fresh)
        .set((
            accounts::username.eq(&account.username),
            accounts::username_key.eq(&account.username_key),
            accounts::password_hash.eq(&account.password_hash),
            accounts::provider.eq(&account.provider),
            accounts::updated_at.eq(account.updated_at),
        ))
        .execute(conn)
        .await
        .map_err(StoreError::or_taken("username"))?;
    if updated == 0 {
        return Err(Refusal::Done("the first install").into());
    }
    credentials_changed(conn).await
}

pub(in crate::store) async fn session_create(conn: &mut Conn, session: &Session) -> Result<(), StoreError> {
    // a write, so that whoever closes the account at this moment ends this session, or is seen
    let open = accounts::table.find(&session.account_id).filter(accounts::activated.eq(true));
    if diesel::update(open).set(accounts::activated.eq(true)).execute(conn).await? == 0 {
        return Err(Refusal::Missing("open account").into());
    }
    session.insert_into(sessions::table).execute(conn).await?;
    Ok(())
}

pub(in crate::store) async fn session_find(
    conn: &mut Conn,
    id: &SessionId,
) -> Result<Option<(Session, Account)>, StoreError> {
    let session: Option<Session> =
        sessions::table.find(id).select(Session::as_select()).first(conn).await.optional()?;
    let Some(session) = session else { return Ok(None) };
    Ok(find(conn, &session.account_id).await?.map(|account| (session, account)))
}

pub(in crate::store) async fn session_revoke(conn: &mut Conn, id: &SessionId, at: &Time) -> Result<(), StoreError> {
    diesel::update(sessions::table.find(id).filter(sessions::revoked_at.is_null()))
        .set(sessions::revoked_at.eq(Some(*at)))
        .execute(conn)
        .await?;
    credentials_changed(conn).await
}

pub(in crate::store) async fn session_revoke_others(
    conn: &mut Conn,
    account: &AccountId,
    keep: &Option<SessionId>,
    at: &Time,
) -> Result<(), StoreError> {
    let live = sessions::table.filter(sessions::account_id.eq(account)).filter(sessions::revoked_at.is_null());
    match keep {
        Some(keep) => {
            let others = live.filter(sessions::id.ne(keep));
            diesel::update(others).set(sessions::revoked_at.eq(Some(*at))).execute(conn).await?;
        }
        None => {
            diesel::update(live).set(sessions::revoked_at.eq(Some(*at))).execute(conn).await?;
        }
    }
    credentials_changed(conn).await
}

pub(in crate::store) async fn counter(conn: &mut Conn, name: &String) -> Result<i64, StoreError> {
    let value: Option<i64> = counters::table.find(name).select(counters::value).first(conn).await.optional()?;
    Ok(value.unwrap_or(0))
}

pub(in crate::store) async fn counter_raise(conn: &mut Conn, name: &String, value: &i64) -> Result<(), StoreError> {
    diesel::insert_into(counters::table)
        .values((counters::name.eq(name), counters::value.eq(0)))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    diesel::update(counters::table.find(name).filter(counters::value.lt(*value)))
        .set(counters::value.eq(*value))
        .execute(conn)
        .await?;
    Ok(())
}

/// Tells every server on this database that what it remembers of credentials may be stale.
pub(super) async fn credentials_changed(conn: &mut Conn) -> Result<(), StoreError> {
    diesel::insert_into(counters::table)
        .values((counters::name.eq(CREDENTIALS), counters::value.eq(1)))
        .on_conflict(counters::name)
        .do_update()
        .set(counters::value.eq(counters::value + 1))
        .execute(conn)
        .await?;
    Ok(())
}
