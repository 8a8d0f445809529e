//! Several rows in one INSERT, for the two tables of which every movement writes a few. (The query
//! builder's own batch insert does not exist for SQLite's asynchronous connection.)

use diesel::{
    query_builder::{AstPass, QueryFragment, QueryId},
    result::QueryResult,
    sql_types::{BigInt, Bool, Text},
};
use diesel_async::RunQueryDsl;

use super::{Conn, Db};
use crate::{
    domain::{
        Msat, PaymentId, Time,
        event::NewEvent,
        journal::{Book, EntryKind},
    },
    store::StoreError,
};

/// One leg of a movement.
pub(super) struct Entry {
    pub(super) payment_id: PaymentId,
    pub(super) kind: EntryKind,
    pub(super) book: Book,
    pub(super) amount_msat: Msat,
    pub(super) created_at: Time,
}

/// A row that knows its table.
pub(super) trait Row: Send + Sync + 'static {
    /// `INSERT INTO table (columns) VALUES `.
    const INTO: &'static str;
    /// The values, bound, between commas.
    fn bind<'b>(&'b self, out: &mut AstPass<'_, 'b, Db>) -> QueryResult<()>;
}

impl Row for Entry {
    const INTO: &'static str = "INSERT INTO entries (payment_id, kind, book, amount_msat, created_at) VALUES ";

    fn bind<'b>(&'b self, out: &mut AstPass<'_, 'b, Db>) -> QueryResult<()> {
        out.push_bind_param::<BigInt, _>(&self.payment_id)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(&self.kind)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(&self.book)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.amount_msat)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.created_at)
    }
}

impl Row for NewEvent {
    const INTO: &'static str =
        "INSERT INTO outbox (wallet_id, payment_id, kind, balance_msat, created_at, to_report) VALUES ";

    fn bind<'b>(&'b self, out: &mut AstPass<'_, 'b, Db>) -> QueryResult<()> {
        out.push_bind_param::<Text, _>(&self.wallet_id)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.payment_id)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(&self.kind)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.balance_msat)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.created_at)?;
        out.push_sql(", ");
        out.push_bind_param::<Bool, _>(&self.reported)?;
        // read where it is written, so that an endpoint hears of all that happens after it was made
        out.push_sql(" OR EXISTS (SELECT 1 FROM webhook_endpoints WHERE wallet_id = ");
        out.push_bind_param::<Text, _>(&self.wallet_id)?;
        out.push_sql(")");
        Ok(())
    }
}

/// Writes the rows, all of them new.
pub(super) async fn insert<T: Row, const N: usize>(conn: &mut Conn, rows: [T; N]) -> Result<usize, StoreError> {
    Ok(Rows::<T, N, false>(rows).execute(conn).await?)
}

/// Like [`insert`], but leaves rows alone that are there already.
pub(super) async fn insert_new<T: Row>(conn: &mut Conn, row: T) -> Result<usize, StoreError> {
    Ok(Rows::<T, 1, true>([row]).execute(conn).await?)
}

struct Rows<T, const N: usize, const ONCE: bool>([T; N]);

impl<T: Row, const N: usize, const ONCE: bool> QueryId for Rows<T, N, ONCE> {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<T: Row, const N: usize, const ONCE: bool> QueryFragment<Db> for Rows<T, N, ONCE> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        out.push_sql(T::INTO);
        for (number, row) in self.0.iter().enumerate() {
            out.push_sql(if number == 0 { "(" } else { ", (" });
            row.bind(&mut out)?;
            out.push_sql(")");
        }
        if ONCE {
            out.push_sql(" ON CONFLICT DO NOTHING");
        }
        Ok(())
    }
}
