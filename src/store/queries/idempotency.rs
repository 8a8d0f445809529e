//! Requests that may come twice: who is at one, and what was answered.

use diesel::prelude::{
    ExpressionMethods, Insertable, NullableExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper,
};
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::{
    domain::{Payment, Time},
    store::{
        StoreError,
        schema::{idempotency, payments},
        types::Claim,
    },
};

/// Writes the claim if it is the first under its key; else answers the one that is there.
pub(in crate::store) async fn claim(conn: &mut Conn, claim: &Claim) -> Result<Option<Claim>, StoreError> {
    if claim.insert_into(idempotency::table).on_conflict_do_nothing().execute(conn).await? == 1 {
        return Ok(None);
    }
    find(conn, &claim.key_hash).await
}

pub(in crate::store) async fn find(conn: &mut Conn, key_hash: &Vec<u8>) -> Result<Option<Claim>, StoreError> {
    Ok(idempotency::table.find(key_hash).select(Claim::as_select()).first(conn).await.optional()?)
}

/// Takes over the claim of somebody who is gone; false when somebody else did so first, or it was answered.
pub(in crate::store) async fn take_over(conn: &mut Conn, was: &Claim, by: &Claim) -> Result<bool, StoreError> {
    let open = idempotency::table.find(&was.key_hash).filter(idempotency::response.is_null());
    let same = open.filter(idempotency::owner.eq(&was.owner)).filter(idempotency::lease_until.eq(was.lease_until));
    let taken = diesel::update(same)
        .set((idempotency::owner.eq(&by.owner), idempotency::lease_until.eq(by.lease_until)))
        .execute(conn)
        .await?;
    Ok(taken == 1)
}

/// Says that its owner is still at it.
pub(in crate::store) async fn renew(
    conn: &mut Conn,
    key_hash: &Vec<u8>,
    owner: &String,
    until: &Time,
) -> Result<(), StoreError> {
    let mine = idempotency::table.find(key_hash).filter(idempotency::owner.eq(owner));
    diesel::update(mine).set(idempotency::lease_until.eq(*until)).execute(conn).await?;
    Ok(())
}

/// Keeps what was answered, once.
pub(in crate::store) async fn answer(
    conn: &mut Conn,
    key_hash: &Vec<u8>,
    owner: &String,
    response: &Vec<u8>,
) -> Result<(), StoreError> {
    let mine = idempotency::table.find(key_hash).filter(idempotency::owner.eq(owner));
    let open = mine.filter(idempotency::response.is_null());
    diesel::update(open).set(idempotency::response.eq(Some(response))).execute(conn).await?;
    Ok(())
}

/// Forgets a request of which nothing came, so that it can be tried again.
pub(in crate::store) async fn give_up(conn: &mut Conn, key_hash: &Vec<u8>, owner: &String) -> Result<(), StoreError> {
    let mine = idempotency::table.find(key_hash).filter(idempotency::owner.eq(owner));
    diesel::delete(mine.filter(idempotency::response.is_null())).execute(conn).await?;
    Ok(())
}

/// The payment that was asked for under this key.
pub(in crate::store) async fn payment(conn: &mut Conn, key_hash: &Vec<u8>) -> Result<Option<Payment>, StoreError> {
    let made = payments::table.filter(payments::idempotency.eq(Some(key_hash)));
    Ok(made.select(Payment::as_select()).first(conn).await.optional()?)
}

/// Forgets keys that are older than this: from then on they are new ones.
pub(in crate::store) async fn forget(conn: &mut Conn, before: &Time) -> Result<(), StoreError> {
    let old = || idempotency::table.filter(idempotency::created_at.lt(*before));
    let keys = old().select(idempotency::key_hash.nullable());
    diesel::update(payments::table.filter(payments::idempotency.eq_any(keys)))
        .set(payments::idempotency.eq(None::<Vec<u8>>))
        .execute(conn)
        .await?;
    diesel::delete(old()).execute(conn).await?;
    Ok(())
}
