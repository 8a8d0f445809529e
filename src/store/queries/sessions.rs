//! Lists of logins, the keys that sign their tokens, and the keys that reset a password.

use diesel::prelude::{ExpressionMethods, Insertable, OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::RunQueryDsl;

use super::{Conn, accounts::credentials_changed};
use crate::{
    domain::{AccountId, SessionId, Time, account::Session, factor::ResetKey},
    store::{
        StoreError,
        schema::{accounts, reset_keys, session_keys, sessions},
    },
};

pub(in crate::store) async fn list(
    conn: &mut Conn,
    account: &AccountId,
    now: &Time,
) -> Result<Vec<Session>, StoreError> {
    let own = sessions::table.filter(sessions::account_id.eq(account));
    let live = own.filter(sessions::revoked_at.is_null()).filter(sessions::expires_at.gt(*now));
    let newest = live.order((sessions::created_at.desc(), sessions::id));
    Ok(newest.select(Session::as_select()).load(conn).await?)
}

pub(in crate::store) async fn revoke_own(
    conn: &mut Conn,
    account: &AccountId,
    id: &SessionId,
    at: &Time,
) -> Result<bool, StoreError> {
    let live = sessions::table
        .find(id)
        .filter(sessions::account_id.eq(account))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(*at));
    let ended = diesel::update(live).set(sessions::revoked_at.eq(Some(*at))).execute(conn).await?;
    if ended > 0 {
        credentials_changed(conn).await?;
    }
    Ok(ended > 0)
}

pub(in crate::store) async fn revoke_impersonated(
    conn: &mut Conn,
    by: &AccountId,
    at: &Time,
) -> Result<(), StoreError> {
    let live = sessions::table.filter(sessions::impersonated_by.eq(by)).filter(sessions::revoked_at.is_null());
    if diesel::update(live).set(sessions::revoked_at.eq(Some(*at))).execute(conn).await? > 0 {
        credentials_changed(conn).await?;
    }
    Ok(())
}

pub(in crate::store) async fn key_list(conn: &mut Conn) -> Result<Vec<(i64, Time)>, StoreError> {
    let keys = session_keys::table.order(session_keys::number);
    Ok(keys.select((session_keys::number, session_keys::since)).load(conn).await?)
}

/// Two servers that rotate at the same moment try to write the same number: one of them fails and says so.
pub(in crate::store) async fn key_rotate(conn: &mut Conn, at: &Time) -> Result<i64, StoreError> {
    let last: Option<i64> = session_keys::table.select(diesel::dsl::max(session_keys::number)).first(conn).await?;
    let next = last.unwrap_or(0).saturating_add(1);
    diesel::insert_into(session_keys::table)
        .values((session_keys::number.eq(next), session_keys::since.eq(*at)))
        .execute(conn)
        .await
        .map_err(StoreError::or_taken("session key"))?;
    credentials_changed(conn).await?;
    Ok(next)
}

pub(in crate::store) async fn reset_key_save(conn: &mut Conn, key: &ResetKey) -> Result<(), StoreError> {
    diesel::delete(reset_keys::table.find(&key.account_id)).execute(conn).await?;
    key.insert_into(reset_keys::table).execute(conn).await.map_err(StoreError::or_taken("reset key"))?;
    Ok(())
}

pub(in crate::store) async fn reset_key_find(conn: &mut Conn, hash: &Vec<u8>) -> Result<Option<ResetKey>, StoreError> {
    let found = reset_keys::table.filter(reset_keys::key_hash.eq(hash));
    Ok(found.select(ResetKey::as_select()).first(conn).await.optional()?)
}

pub(in crate::store) async fn reset_key_use(
    conn: &mut Conn,
    hash: &Vec<u8>,
    password_hash: &String,
    at: &Time,
) -> Result<bool, StoreError> {
    let Some(key) = reset_key_find(conn, hash).await? else { return Ok(false) };
    let live = reset_keys::table.filter(reset_keys::key_hash.eq(hash)).filter(reset_keys::expires_at.gt(*at));
    if diesel::delete(live).execute(conn).await? == 0 {
        return Ok(false);
    }
    // the time of the last change moves on in any case: whoever read the account before writes nothing over this
    diesel::update(accounts::table.find(&key.account_id))
        .set((accounts::password_hash.eq(Some(password_hash)), accounts::updated_at.eq(accounts::updated_at + 1)))
        .execute(conn)
        .await?;
    super::accounts::session_revoke_others(conn, &key.account_id, &None, at).await?;
    Ok(true)
}
