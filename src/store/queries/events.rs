//! The outbox, from the reading side. It is written where the change is.

use diesel::prelude::{
    BoolExpressionMethods, ExpressionMethods, JoinOnDsl, NullableExpressionMethods, QueryDsl, SelectableHelper,
};
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::{
    domain::{Payment, Time, WalletId, event::Event},
    store::{
        StoreError,
        schema::{outbox, payments},
    },
};

pub(in crate::store) async fn list(conn: &mut Conn, after: &i64, most: &i64) -> Result<Vec<Event>, StoreError> {
    let query = outbox::table.filter(outbox::id.gt(*after)).order(outbox::id).limit(*most);
    Ok(query.select(Event::as_select()).load(conn).await?)
}

pub(in crate::store) async fn last(conn: &mut Conn) -> Result<i64, StoreError> {
    let last: Option<i64> = outbox::table.select(diesel::dsl::max(outbox::id)).first(conn).await?;
    Ok(last.unwrap_or(0))
}

/// A wallet's events come in the order of their positions: each is written by a transaction that holds the wallet's
/// row already, so that the next one gets its position when this one is committed.
pub(in crate::store) async fn page(
    conn: &mut Conn,
    wallet: &WalletId,
    after: &i64,
    most: &i64,
) -> Result<Vec<(Event, Payment)>, StoreError> {
    let query = outbox::table
        .inner_join(payments::table.on(payments::id.nullable().eq(outbox::payment_id)))
        .filter(outbox::wallet_id.eq(wallet))
        .filter(outbox::id.gt(*after))
        .order(outbox::id)
        .limit(*most);
    Ok(query.select((Event::as_select(), Payment::as_select())).load(conn).await?)
}

pub(in crate::store) async fn last_of(conn: &mut Conn, wallet: &WalletId) -> Result<i64, StoreError> {
    let of_wallet = outbox::table.filter(outbox::wallet_id.eq(wallet));
    let last: Option<i64> = of_wallet.select(diesel::dsl::max(outbox::id)).first(conn).await?;
    Ok(last.unwrap_or(0))
}

pub(in crate::store) async fn forgotten(conn: &mut Conn) -> Result<i64, StoreError> {
    let first: Option<i64> = outbox::table.select(diesel::dsl::min(outbox::id)).first(conn).await?;
    Ok(first.map_or(0, |first| first.saturating_sub(1)))
}

/// The last event stays whatever its age: it says how far the forgetting went.
pub(in crate::store) async fn forget(conn: &mut Conn, before: &Time) -> Result<(), StoreError> {
    let old =
        outbox::created_at.lt(*before).and(outbox::id.lt(last(conn).await?)).and(diesel::dsl::not(outbox::to_report));
    diesel::delete(outbox::table.filter(old)).execute(conn).await?;
    Ok(())
}
