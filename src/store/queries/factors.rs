//! One-time codes with their recovery codes, passkeys and their challenges.

use diesel::prelude::{ExpressionMethods, Insertable, OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::{
    domain::{
        AccountId, Time,
        factor::{Challenge, ChallengeKind, Passkey, Totp},
    },
    store::{
        StoreError,
        schema::{challenges, passkeys, recovery_codes, totp},
    },
};

/// A secret that nobody confirmed yet is replaced; one that is in use never is.
pub(in crate::store) async fn totp_begin(conn: &mut Conn, new: &Totp) -> Result<bool, StoreError> {
    diesel::delete(totp::table.find(&new.account_id).filter(totp::enabled.eq(false))).execute(conn).await?;
    let written = new.insert_into(totp::table).on_conflict_do_nothing().execute(conn).await?;
    Ok(written > 0)
}

pub(in crate::store) async fn totp_find(conn: &mut Conn, account: &AccountId) -> Result<Option<Totp>, StoreError> {
    Ok(totp::table.find(account).select(Totp::as_select()).first(conn).await.optional()?)
}

pub(in crate::store) async fn totp_enable(
    conn: &mut Conn,
    confirmed: &Totp,
    recovery: &Vec<Vec<u8>>,
) -> Result<bool, StoreError> {
    let same = totp::table
        .find(&confirmed.account_id)
        .filter(totp::enabled.eq(false))
        .filter(totp::secret_sealed.eq(&confirmed.secret_sealed));
    let on = diesel::update(same)
        .set((totp::enabled.eq(true), totp::last_step.eq(confirmed.last_step)))
        .execute(conn)
        .await?;
    if on == 0 {
        return Ok(false);
    }
    for hash in recovery {
        diesel::insert_into(recovery_codes::table)
            .values((recovery_codes::account_id.eq(&confirmed.account_id), recovery_codes::code_hash.eq(hash)))
            .execute(conn)
            .await?;
    }
    Ok(true)
}

/// The row count decides, so that one code counts once, whichever servers it is shown to.
pub(in crate::store) async fn totp_use(conn: &mut Conn, account: &AccountId, step: &i64) -> Result<bool, StoreError> {
    let unused = totp::table.find(account).filter(totp::enabled.eq(true)).filter(totp::last_step.lt(*step));
    Ok(diesel::update(unused).set(totp::last_step.eq(*step)).execute(conn).await? > 0)
}

pub(in crate::store) async fn recovery_code_use(
    conn: &mut Conn,
    account: &AccountId,
    hash: &Vec<u8>,
) -> Result<bool, StoreError> {
    let own = recovery_codes::table.find((account, hash));
    Ok(diesel::delete(own).execute(conn).await? > 0)
}

pub(in crate::store) async fn recovery_code_count(conn: &mut Conn, account: &AccountId) -> Result<i64, StoreError> {
    let own = recovery_codes::table.filter(recovery_codes::account_id.eq(account));
    Ok(own.count().get_result(conn).await?)
}

pub(in crate::store) async fn totp_set_above(
    conn: &mut Conn,
    account: &AccountId,
    above_sat: &Option<i64>,
) -> Result<bool, StoreError> {
    let on = totp::table.find(account).filter(totp::enabled.eq(true));
    Ok(diesel::update(on).set(totp::above_sat.eq(*above_sat)).execute(conn).await? > 0)
}

pub(in crate::store) async fn totp_end(conn: &mut Conn, account: &AccountId) -> Result<(), StoreError> {
    diesel::delete(recovery_codes::table.filter(recovery_codes::account_id.eq(account))).execute(conn).await?;
    diesel::delete(totp::table.find(account)).execute(conn).await?;
    Ok(())
}

pub(in crate::store) async fn challenge_create(
    conn: &mut Conn,
    challenge: &Challenge,
    now: &Time,
) -> Result<(), StoreError> {
    diesel::delete(challenges::table.filter(challenges::expires_at.le(*now))).execute(conn).await?;
    challenge.insert_into(challenges::table).execute(conn).await.map_err(StoreError::or_taken("challenge"))?;
    Ok(())
}

/// Whoever deletes the row has it.
pub(in crate::store) async fn challenge_take(
    conn: &mut Conn,
    id: &String,
    kind: &ChallengeKind,
) -> Result<Option<Challenge>, StoreError> {
    let same = challenges::table.find(id).filter(challenges::kind.eq(*kind));
    let found: Option<Challenge> = same.select(Challenge::as_select()).first(conn).await.optional()?;
    let taken = diesel::delete(challenges::table.find(id).filter(challenges::kind.eq(*kind))).execute(conn).await?;
    Ok(found.filter(|_| taken > 0))
}

pub(in crate::store) async fn passkey_create(conn: &mut Conn, passkey: &Passkey) -> Result<(), StoreError> {
    passkey.insert_into(passkeys::table).execute(conn).await.map_err(StoreError::or_taken("passkey"))?;
    Ok(())
}

pub(in crate::store) async fn passkey_list(conn: &mut Conn, account: &AccountId) -> Result<Vec<Passkey>, StoreError> {
    let own = passkeys::table.filter(passkeys::account_id.eq(account));
    Ok(own.order((passkeys::created_at, passkeys::id)).select(Passkey::as_select()).load(conn).await?)
}

pub(in crate::store) async fn passkey_find(
    conn: &mut Conn,
    credential_id: &Vec<u8>,
) -> Result<Option<Passkey>, StoreError> {
    let same = passkeys::table.filter(passkeys::credential_id.eq(credential_id));
    Ok(same.select(Passkey::as_select()).first(conn).await.optional()?)
}

/// Only if its signature counter is still the one that the answer was checked against.
pub(in crate::store) async fn passkey_used(
    conn: &mut Conn,
    passkey: &Passkey,
    was: &Vec<u8>,
) -> Result<bool, StoreError> {
    let same = passkeys::table.find(&passkey.id).filter(passkeys::dynamic_state.eq(was));
    let used = diesel::update(same)
        .set((passkeys::dynamic_state.eq(&passkey.dynamic_state), passkeys::last_used_at.eq(passkey.last_used_at)))
        .execute(conn)
        .await?;
    Ok(used > 0)
}

pub(in crate::store) async fn passkey_delete(
    conn: &mut Conn,
    account: &AccountId,
    id: &String,
) -> Result<bool, StoreError> {
    let own = passkeys::table.find(id).filter(passkeys::account_id.eq(account));
    Ok(diesel::delete(own).execute(conn).await? > 0)
}
