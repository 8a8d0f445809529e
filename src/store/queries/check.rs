//! The numbers that must agree, computed by the database from the records themselves.

use diesel::{
    dsl::sql,
    prelude::{ExpressionMethods, OptionalExtension, QueryDsl},
    sql_types::BigInt,
};
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::{
    domain::{Kind, Msat, PaymentId, Status, Time, WalletId},
    store::{
        StoreError,
        schema::{alarms, entries, payments, wallets},
        types::Audit,
    },
};

pub(in crate::store) async fn audit(conn: &mut Conn) -> Result<Audit, StoreError> {
    Ok(Audit {
        wrong_balances: wrong_balances(conn).await?,
        all_entries: sum_of_entries(conn, "1 = 1").await?,
        unbalanced: unbalanced(conn).await?,
        held: sum_of_entries(conn, "book = 'holds'").await?,
        in_flight: in_flight(conn).await?,
        liabilities: Msat(wallets::table.select(sum("balance_msat")).first(conn).await?),
        lightning: sum_of_entries(conn, "book = 'lightning'").await?,
        operator: sum_of_entries(conn, "book = 'operator'").await?,
        suspense: sum_of_entries(conn, "book = 'suspense'").await?,
        loss: sum_of_entries(conn, "book = 'loss'").await?,
        wrong_budgets: super::budgets::wrong(conn).await?,
        wrong_fees: super::terms::wrong(conn).await?,
        alarms: alarms::table.count().get_result(conn).await?,
        open_alarms: super::alarms::open(conn).await?,
        oldest_in_flight: oldest_in_flight(conn).await?,
    })
}

/// diesel types the sum of a big integer as Numeric, which SQLite cannot read: the type is named here.
fn sum(column: &str) -> diesel::expression::SqlLiteral<BigInt> {
    sql::<BigInt>(&format!("CAST(COALESCE(SUM({column}), 0) AS BIGINT)"))
}

async fn sum_of_entries(conn: &mut Conn, which: &str) -> Result<Msat, StoreError> {
    let filter = sql::<diesel::sql_types::Bool>(which);
    Ok(Msat(entries::table.filter(filter).select(sum("amount_msat")).first(conn).await?))
}

async fn wrong_balances(conn: &mut Conn) -> Result<Vec<(WalletId, Msat, Msat)>, StoreError> {
    // entries have no index by book: one pass over them, not one per wallet
    let sums = entries::table
        .group_by(entries::book)
        .select((entries::book, sum("amount_msat")))
        .load::<(String, i64)>(conn)
        .await?;
    let sums: std::collections::HashMap<String, i64> = sums.into_iter().collect();
    let stored = wallets::table.select((wallets::id, wallets::balance_msat)).load::<(WalletId, Msat)>(conn).await?;
    let booked = |id: &WalletId| Msat(sums.get(id.as_str()).copied().unwrap_or(0));
    Ok(stored
        .into_iter()
        .map(|(id, balance)| {
            let booked = booked(&id);
            (id, balance, booked)
        })
        .filter(|(_, balance, booked)| balance != booked)
        .collect())
}

async fn unbalanced(conn: &mut Conn) -> Result<Vec<PaymentId>, StoreError> {
    let query = entries::table.group_by(entries::payment_id).select(entries::payment_id);
    let query = query.having(sql::<BigInt>("SUM(amount_msat)").ne(0));
    // the two sides of a transfer are two payments; their legs meet under the payer's number
    Ok(query.load(conn).await?)
}

async fn in_flight(conn: &mut Conn) -> Result<Msat, StoreError> {
    let open = payments::table.filter(payments::kind.eq(Kind::External)).filter(payments::status.eq(Status::Pending));
    Ok(Msat(open.select(sum("hold_msat")).first(conn).await?))
}

pub(in crate::store) async fn oldest_in_flight(conn: &mut Conn) -> Result<Option<Time>, StoreError> {
    let open = payments::table.filter(payments::kind.eq(Kind::External)).filter(payments::status.eq(Status::Pending));
    let oldest = open.filter(payments::next_check_at.is_not_null()).order(payments::id).select(payments::created_at);
    Ok(oldest.first(conn).await.optional()?)
}

/// How many payments there are of each kind in each state.
pub(in crate::store) async fn states(conn: &mut Conn) -> Result<Vec<(Kind, Status, i64)>, StoreError> {
    let groups = payments::table.group_by((payments::kind, payments::status));
    let counts = groups.select((payments::kind, payments::status, diesel::dsl::count_star()));
    Ok(counts.order((payments::kind, payments::status)).load(conn).await?)
}
