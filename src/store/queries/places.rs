//! Finding payments by their hash.
//!
//! A hash is as random as can be, so that each index by it costs a page of its own in every commit. There
//! are three, and each payment lies in one: two say that it is unique in its place, and the third has what
//! is left. SQLite takes a partial index only where the statement's own text says that the row is in it;
//! a bound value says that too late. Hence the conditions here, in the words of the migrations.

use diesel::{
    expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate},
    query_builder::{AstPass, QueryFragment, QueryId},
    result::QueryResult,
    sql_types::{Bool, Text},
};

use super::Db;
use crate::store::schema::payments;

const INVOICE: &str = "(payments.kind = 'invoice')";
const LIVE_ATTEMPT: &str = "(payments.kind IN ('external', 'internal') AND payments.status <> 'failed')";
const OTHER: &str = "(payments.kind = 'top_up' OR payments.kind = 'debit' OR payments.kind = 'service_fee' \
    OR payments.status = 'failed')";

/// True for invoices; see the index `one_invoice_per_hash`.
#[derive(Clone, Copy, QueryId)]
pub(super) struct IsInvoice;

/// True for attempts to pay that have not failed; see the index `one_live_attempt_per_hash`.
#[derive(Clone, Copy, QueryId)]
pub(super) struct IsLiveAttempt;

/// True for the payments with this hash, whatever they are.
#[derive(Clone, Copy)]
pub(super) struct HasHash<'a>(pub(super) &'a str);

macro_rules! condition {
    ($name:ty) => {
        impl Expression for $name {
            type SqlType = Bool;
        }
        impl ValidGrouping<()> for $name {
            type IsAggregate = is_aggregate::No;
        }
        impl AppearsOnTable<payments::table> for $name {}
        impl SelectableExpression<payments::table> for $name {}
    };
}
condition!(IsInvoice);
condition!(IsLiveAttempt);
condition!(HasHash<'_>);

impl QueryId for HasHash<'_> {
    type QueryId = HasHash<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Db> for IsInvoice {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        out.push_sql(INVOICE);
        Ok(())
    }
}

impl QueryFragment<Db> for IsLiveAttempt {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        out.push_sql(LIVE_ATTEMPT);
        Ok(())
    }
}

impl QueryFragment<Db> for HasHash<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        has_hash(self.0, &mut out)
    }
}

/// [`HasHash`] as a part of other text.
pub(super) fn has_hash<'b>(hash: &'b str, out: &mut AstPass<'_, 'b, Db>) -> QueryResult<()> {
    for (joint, place) in [("(", INVOICE), (" OR ", LIVE_ATTEMPT), (" OR ", OTHER)] {
        out.push_sql(joint);
        out.push_sql("(payments.payment_hash = ");
        out.push_bind_param::<Text, str>(hash)?;
        out.push_sql(" AND ");
        out.push_sql(place);
        out.push_sql(")");
    }
    out.push_sql(")");
    Ok(())
}
