//! Funding sources that are or were in use.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::{
    domain::{Kind, Payment, Status, Time, funding::UsedSource},
    store::{
        StoreError,
        schema::{funding_sources, payments},
    },
};

pub(in crate::store) async fn list(conn: &mut Conn) -> Result<Vec<UsedSource>, StoreError> {
    let all = funding_sources::table.order((funding_sources::chosen_at.desc(), funding_sources::name));
    Ok(all.select(UsedSource::as_select()).load(conn).await?)
}

pub(in crate::store) async fn choose(conn: &mut Conn, source: &UsedSource) -> Result<(), StoreError> {
    diesel::insert_into(funding_sources::table)
        .values(source)
        .on_conflict(funding_sources::name)
        .do_update()
        .set(source)
        .execute(conn)
        .await?;
    Ok(())
}

/// Counts what is open by source: attempts to pay, and invoices.
pub(in crate::store) async fn open(conn: &mut Conn) -> Result<Vec<(String, Kind, i64)>, StoreError> {
    let open = payments::table
        .filter(payments::status.eq(Status::Pending))
        .filter(payments::next_check_at.is_not_null())
        .filter(payments::kind.eq_any([Kind::Invoice, Kind::External]));
    let counted = open.group_by((payments::source, payments::kind));
    let counted = counted.select((payments::source, payments::kind, diesel::dsl::count_star()));
    Ok(counted.load(conn).await?)
}

/// Payments of a source about which the node may say something else than is written here: what is open, and what was
/// given up since a time; newest first.
pub(in crate::store) async fn doubtful(
    conn: &mut Conn,
    source: &String,
    since: &Time,
    most: &i64,
) -> Result<Vec<Payment>, StoreError> {
    let open = payments::status.eq(Status::Pending).and(payments::kind.eq_any([Kind::Invoice, Kind::External]));
    let given_up = payments::status
        .eq(Status::Failed)
        .and(payments::kind.eq_any([Kind::Invoice, Kind::External]))
        .and(payments::updated_at.ge(since));
    let found = payments::table.filter(payments::source.eq(source)).filter(open.or(given_up));
    Ok(found.order(payments::id.desc()).limit(*most).select(Payment::as_select()).load(conn).await?)
}
