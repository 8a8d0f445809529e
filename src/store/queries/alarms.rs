//! Alarms: what a person has to look at, and which funding source is stopped until somebody did.

use diesel::prelude::{
    ExpressionMethods, JoinOnDsl, NullableExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper,
};
use diesel_async::RunQueryDsl;

use super::{
    Conn,
    listing::{Matches, order},
};
use crate::{
    domain::{Payment, Time, filter::Listing, funding::EVERY_SOURCE},
    store::{
        Refusal, StoreError,
        schema::{alarms, payments},
        types::{Acknowledgement, Alarm, AlarmKind},
    },
};

/// Most open alarms that are read at once: who has that many reads the list.
const OPEN_MAX: i64 = 100;

/// Alarms with the payments they are about.
macro_rules! with_payments {
    () => {
        alarms::table.left_join(payments::table.on(alarms::payment_id.eq(payments::id.nullable())))
    };
}

/// Calls a person, in the transaction that books what happened.
pub(super) async fn raise(
    conn: &mut Conn,
    kind: AlarmKind,
    payment: &Payment,
    detail: &str,
    at: Time,
) -> Result<String, StoreError> {
    diesel::insert_into(alarms::table)
        .values((
            alarms::payment_id.eq(Some(payment.id)),
            alarms::kind.eq(kind),
            alarms::source.eq(kind.stops_source().then_some(&payment.source)),
            alarms::detail.eq(detail),
            alarms::created_at.eq(at),
        ))
        .execute(conn)
        .await?;
    Ok(format!("{kind}: {detail}"))
}

/// Refuses when an alarm about this source is open.
///
/// It has to be asked after the wallet was taken from: what waited there for the very payment that
/// raises the alarm then sees it.
pub(super) async fn may_send(conn: &mut Conn, source: &str) -> Result<(), StoreError> {
    let open = alarms::table.filter(alarms::source.eq_any([source, EVERY_SOURCE]));
    let open = open.filter(alarms::acknowledged_at.is_null());
    match open.select(alarms::id).first::<i64>(conn).await.optional()? {
        Some(_) => Err(Refusal::Missing("leave to send").into()),
        None => Ok(()),
    }
}

pub(in crate::store) async fn stopping(conn: &mut Conn, source: &str) -> Result<Option<Alarm>, StoreError> {
    let open = with_payments!().filter(alarms::source.eq_any([source, EVERY_SOURCE]));
    let open = open.filter(alarms::acknowledged_at.is_null());
    Ok(open.order(alarms::id).select(Alarm::as_select()).first(conn).await.optional()?)
}

pub(super) async fn open(conn: &mut Conn) -> Result<Vec<Alarm>, StoreError> {
    let open = with_payments!().filter(alarms::acknowledged_at.is_null());
    Ok(open.order(alarms::id).limit(OPEN_MAX).select(Alarm::as_select()).load(conn).await?)
}

pub(in crate::store) async fn page(conn: &mut Conn, listing: &Listing) -> Result<(Vec<Alarm>, i64), StoreError> {
    let count = with_payments!().filter(Matches(listing)).count().get_result(conn).await?;
    let page = with_payments!().filter(Matches(listing)).order(order(listing, "alarms.id DESC"));
    let page = page.select(Alarm::as_select()).limit(listing.limit).offset(listing.offset);
    Ok((page.load(conn).await?, count))
}

/// Calls a person about a source: its payments after a backup are unknown here.
pub(in crate::store) async fn restored(
    conn: &mut Conn,
    source: &str,
    detail: &str,
    at: &Time,
) -> Result<(), StoreError> {
    about_source(conn, AlarmKind::Restored, source, detail, *at).await
}

/// Calls a person about something at the source that the ledger has no record of; once, and only while nobody has
/// acknowledged that a backup was restored. (A node may have other users, whose payments are none of the ledger's.)
pub(in crate::store) async fn unrecorded(
    conn: &mut Conn,
    source: &str,
    detail: &str,
    at: &Time,
) -> Result<bool, StoreError> {
    let of = |kind: AlarmKind| {
        alarms::table.filter(alarms::source.eq_any([source, EVERY_SOURCE])).filter(alarms::kind.eq(kind))
    };
    let restored = of(AlarmKind::Restored).filter(alarms::acknowledged_at.is_null());
    let told = of(AlarmKind::Unrecorded).filter(alarms::detail.eq(detail));
    let restored: i64 = restored.count().get_result(conn).await?;
    let told: i64 = told.count().get_result(conn).await?;
    if restored == 0 || told > 0 {
        return Ok(false);
    }
    about_source(conn, AlarmKind::Unrecorded, source, detail, *at).await?;
    Ok(true)
}

async fn about_source(
    conn: &mut Conn,
    kind: AlarmKind,
    source: &str,
    detail: &str,
    at: Time,
) -> Result<(), StoreError> {
    diesel::insert_into(alarms::table)
        .values((
            alarms::kind.eq(kind),
            alarms::source.eq(Some(source)),
            alarms::detail.eq(detail),
            alarms::created_at.eq(at),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

pub(in crate::store) async fn count_open(conn: &mut Conn) -> Result<i64, StoreError> {
    Ok(alarms::table.filter(alarms::acknowledged_at.is_null()).count().get_result(conn).await?)
}

/// Whoever was first to take note stays the one who did.
pub(in crate::store) async fn acknowledge(conn: &mut Conn, by: &Acknowledgement) -> Result<Alarm, StoreError> {
    diesel::update(alarms::table.find(by.id).filter(alarms::acknowledged_at.is_null()))
        .set((
            alarms::acknowledged_at.eq(Some(by.at)),
            alarms::acknowledged_by.eq(Some(&by.by)),
            alarms::note.eq(by.note.as_ref()),
        ))
        .execute(conn)
        .await?;
    let found = with_payments!().filter(alarms::id.eq(by.id)).select(Alarm::as_select()).first(conn).await;
    found.optional()?.ok_or_else(|| Refusal::Missing("alarm").into())
}
