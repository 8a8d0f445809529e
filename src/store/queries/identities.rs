//! Who else opens an account: subjects of providers, and Nostr keys with the events they signed.

use diesel::prelude::{ExpressionMethods, Insertable, JoinOnDsl, OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::RunQueryDsl;

use super::{
    Conn,
    accounts::{by_login, create, credentials_changed, find},
};
use crate::{
    domain::{Account, AccountId, Time, Wallet, account::Identity},
    store::{
        Refusal, StoreError,
        schema::{accounts, identities, nostr_events, sessions},
    },
};

pub(in crate::store) async fn account(
    conn: &mut Conn,
    provider: &String,
    subject: &String,
) -> Result<Option<Account>, StoreError> {
    let owner = identities::table
        .inner_join(accounts::table.on(accounts::id.eq(identities::account_id)))
        .filter(identities::provider.eq(provider))
        .filter(identities::subject.eq(subject));
    Ok(owner.select(Account::as_select()).first(conn).await.optional()?)
}

/// All or nothing: of two first logins at once, one finds the identity taken and leaves no account behind.
pub(in crate::store) async fn register(
    conn: &mut Conn,
    account: &Account,
    wallet: &Wallet,
    identity: &Identity,
    max_users: &i64,
) -> Result<(), StoreError> {
    super::settings::take_seat(conn, *max_users).await?;
    create(conn, account, &Some(wallet.clone())).await?;
    write(conn, identity).await
}

async fn write(conn: &mut Conn, identity: &Identity) -> Result<(), StoreError> {
    let written = identity.insert_into(identities::table).on_conflict_do_nothing().execute(conn).await?;
    if written == 0 { Err(Refusal::Taken("identity").into()) } else { Ok(()) }
}

pub(in crate::store) async fn link(
    conn: &mut Conn,
    identity: &Identity,
    verified_email: &Option<String>,
) -> Result<(), StoreError> {
    write(conn, identity).await?;
    if let Some(email) = verified_email {
        let key = email.to_lowercase();
        let own = find(conn, &identity.account_id).await?.and_then(|account| account.email_key);
        let row = accounts::table.find(&identity.account_id);
        if own.as_ref() == Some(&key) {
            diesel::update(row).set(accounts::email_verified.eq(true)).execute(conn).await?;
        } else if own.is_none() && by_login(conn, &key).await?.is_none() {
            let to = (accounts::email.eq(email), accounts::email_key.eq(&key), accounts::email_verified.eq(true));
            diesel::update(row).set(to).execute(conn).await.map_err(StoreError::or_taken("email"))?;
        }
    }
    credentials_changed(conn).await
}

pub(in crate::store) async fn by_pubkey(conn: &mut Conn, pubkey: &String) -> Result<Option<Account>, StoreError> {
    let query = accounts::table.filter(accounts::pubkey.eq(pubkey));
    Ok(query.select(Account::as_select()).first(conn).await.optional()?)
}

pub(in crate::store) async fn set_pubkey(
    conn: &mut Conn,
    account: &AccountId,
    pubkey: &String,
) -> Result<(), StoreError> {
    diesel::update(accounts::table.find(account))
        .set(accounts::pubkey.eq(pubkey))
        .execute(conn)
        .await
        .map_err(StoreError::or_taken("pubkey"))?;
    credentials_changed(conn).await
}

pub(in crate::store) async fn use_event(conn: &mut Conn, id: &String, at: &Time) -> Result<bool, StoreError> {
    let row = (nostr_events::id.eq(id), nostr_events::seen_at.eq(*at));
    let written = diesel::insert_into(nostr_events::table).values(row).on_conflict_do_nothing().execute(conn).await?;
    Ok(written > 0)
}

pub(in crate::store) async fn forget_events(conn: &mut Conn, before: &Time) -> Result<(), StoreError> {
    diesel::delete(nostr_events::table.filter(nostr_events::seen_at.lt(*before))).execute(conn).await?;
    Ok(())
}

pub(in crate::store) async fn seen_from(
    conn: &mut Conn,
    account: &AccountId,
    address: &String,
    now: &Time,
) -> Result<bool, StoreError> {
    let live = sessions::table
        .filter(sessions::account_id.eq(account))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(*now))
        .filter(sessions::last_used_ip.eq(address));
    let found: Option<String> = live.select(sessions::id).first(conn).await.optional()?;
    Ok(found.is_some())
}
