//! Sums and counts over payments. What counts: everything that moved or holds money, which is what
//! succeeded and what is on its way out.

use diesel::{
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    result::QueryResult,
    sql_types::{BigInt, Untyped},
};
use diesel_async::RunQueryDsl;

use super::{
    Conn, Db,
    listing::{Matches, Within},
};
use crate::{
    domain::{filter::Listing, payment::Scope},
    store::{
        StoreError,
        types::{GroupTotals, SpanTotals},
    },
};

const COUNTS: &str = " AND (payments.status = 'success' OR (payments.status = 'pending' AND payments.amount_msat < 0))";

pub(in crate::store) async fn spans(
    conn: &mut Conn,
    scope: &Scope,
    listing: &Listing,
    span: &i64,
) -> Result<Vec<SpanTotals>, StoreError> {
    let sum = |what: &str, name: &str| format!("CAST(COALESCE(SUM({what}), 0) AS BIGINT) AS {name}");
    let select = [
        sum("CASE WHEN payments.amount_msat > 0 THEN payments.amount_msat ELSE 0 END", "income"),
        sum("CASE WHEN payments.amount_msat < 0 THEN -payments.amount_msat ELSE 0 END", "spending"),
        sum("payments.fee_msat", "fees"),
        sum("CASE WHEN payments.amount_msat > 0 THEN 1 ELSE 0 END", "count_in"),
        sum("CASE WHEN payments.amount_msat < 0 THEN 1 ELSE 0 END", "count_out"),
    ];
    let query =
        Summary { select: select.join(", "), by: By::Span(*span), within: Within(scope), matches: Matches(listing) };
    Ok(query.load(conn).await?)
}

pub(in crate::store) async fn groups(
    conn: &mut Conn,
    scope: &Scope,
    listing: &Listing,
    field: &&'static str,
) -> Result<Vec<GroupTotals>, StoreError> {
    let select = "CAST(COUNT(*) AS BIGINT) AS count, \
        CAST(COALESCE(SUM(CASE WHEN payments.status = 'success' OR (payments.status = 'pending' AND payments.amount_msat < 0) \
        THEN payments.amount_msat - payments.fee_msat ELSE 0 END), 0) AS BIGINT) AS total";
    let query =
        Summary { select: select.to_owned(), by: By::Field(field), within: Within(scope), matches: Matches(listing) };
    Ok(query.load(conn).await?)
}

enum By {
    Span(i64),
    /// A column, never from input.
    Field(&'static str),
}

/// `SELECT group, sums FROM payments WHERE … GROUP BY group`.
struct Summary<'a> {
    select: String,
    by: By,
    within: Within<'a>,
    matches: Matches<'a>,
}

impl QueryFragment<Db> for Summary<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("SELECT ");
        match &self.by {
            By::Span(span) => {
                out.push_sql("payments.created_at / ");
                out.push_bind_param::<BigInt, _>(span)?;
                out.push_sql(" AS span, ");
            }
            By::Field(field) => {
                out.push_sql(field);
                out.push_sql(" AS name, ");
            }
        }
        out.push_sql(&self.select);
        out.push_sql(" FROM payments WHERE ");
        self.within.walk_ast(out.reborrow())?;
        out.push_sql(" AND ");
        self.matches.walk_ast(out.reborrow())?;
        if matches!(self.by, By::Span(_)) {
            out.push_sql(COUNTS);
        }
        out.push_sql(" GROUP BY 1 ORDER BY 1");
        Ok(())
    }
}

impl QueryId for Summary<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Summary<'_> {
    type SqlType = Untyped;
}
