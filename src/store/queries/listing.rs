//! The conditions and the order of a list as SQL.

use diesel::{
    expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate},
    query_builder::{AstPass, QueryFragment, QueryId},
    result::QueryResult,
    sql_types::{BigInt, Bool, Text, Untyped},
};

use super::{Db, places::has_hash};
use crate::domain::{
    filter::{Condition, Listing, Operand, Operator, WALLETS_OF_ACCOUNT},
    payment::Scope,
};

/// True for the records that a listing asks for. Column expressions come from the tables of
/// `domain::filter`, values are bound, so that no input becomes SQL.
#[derive(Clone, Copy)]
pub(super) struct Matches<'a>(pub(super) &'a Listing);

/// True for the payments that lie in a scope.
#[derive(Clone, Copy)]
pub(super) struct Within<'a>(pub(super) &'a Scope);

/// True for the payments of one page.
///
/// The page is found by ids alone, which the index holds together with what orders a wallet's payments
/// and what leaves out those that failed: only the page's own rows are read, however many come before.
#[derive(Clone, Copy)]
pub(super) struct OnPage<'a> {
    pub(super) within: Within<'a>,
    pub(super) matches: Matches<'a>,
    pub(super) order: &'a Order,
}

/// What a list is sorted by.
#[derive(Clone)]
pub(super) struct Order(String);

macro_rules! expression {
    ($name:ty, $of:ty) => {
        impl Expression for $name {
            type SqlType = $of;
        }
        impl QueryId for $name {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }
        impl ValidGrouping<()> for $name {
            type IsAggregate = is_aggregate::No;
        }
        impl<QS> AppearsOnTable<QS> for $name {}
        impl<QS> SelectableExpression<QS> for $name {}
    };
}
expression!(Matches<'_>, Bool);
expression!(Within<'_>, Bool);
expression!(OnPage<'_>, Bool);
expression!(Order, Untyped);

impl QueryFragment<Db> for Matches<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        // what callers may shape is not kept prepared: there is no end to the shapes
        if !self.0.conditions.is_empty() || self.0.search.is_some() {
            out.unsafe_to_cache_prepared();
        }
        out.push_sql("(1 = 1");
        for condition in &self.0.conditions {
            out.push_sql(" AND (");
            compare(condition, &mut out)?;
            out.push_sql(")");
        }
        if let Some((expressions, text)) = &self.0.search {
            out.push_sql(" AND (1 = 0");
            for expression in expressions {
                out.push_sql(" OR ");
                contains(expression, text, &mut out)?;
            }
            out.push_sql(")");
        }
        out.push_sql(")");
        Ok(())
    }
}

impl QueryFragment<Db> for Within<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        match self.0 {
            Scope::Wallet(wallet) => {
                out.push_sql("payments.wallet_id = ");
                out.push_bind_param::<Text, _>(wallet)?;
            }
            Scope::Account(account) => {
                out.push_sql("payments.wallet_id IN (SELECT id FROM wallets WHERE account_id = ");
                out.push_bind_param::<Text, _>(account)?;
                out.push_sql(")");
            }
            Scope::Wallets(wallets) => {
                out.unsafe_to_cache_prepared();
                out.push_sql("(1 = 0");
                for wallet in wallets {
                    out.push_sql(" OR payments.wallet_id = ");
                    out.push_bind_param::<Text, _>(wallet)?;
                }
                out.push_sql(")");
            }
            Scope::All => out.push_sql("1 = 1"),
        }
        Ok(())
    }
}

impl QueryFragment<Db> for OnPage<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        out.push_sql("payments.id IN (SELECT payments.id FROM payments WHERE ");
        self.within.walk_ast(out.reborrow())?;
        out.push_sql(" AND ");
        self.matches.walk_ast(out.reborrow())?;
        out.push_sql(" ORDER BY ");
        self.order.walk_ast(out.reborrow())?;
        out.push_sql(" LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.matches.0.limit)?;
        out.push_sql(" OFFSET ");
        out.push_bind_param::<BigInt, _>(&self.matches.0.offset)?;
        out.push_sql(")");
        Ok(())
    }
}

impl QueryFragment<Db> for Order {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        out.push_sql(&self.0);
        Ok(())
    }
}

fn compare<'b>(condition: &'b Condition, out: &mut AstPass<'_, 'b, Db>) -> QueryResult<()> {
    let Condition { sql, operator, operands } = condition;
    let (sign, joint) = match operator {
        Operator::Eq | Operator::In => (" = ", " OR "),
        Operator::Ne => (" <> ", " OR "),
        Operator::Ex => (" <> ", " AND "),
        Operator::Gt => (" > ", " OR "),
        Operator::Lt => (" < ", " OR "),
        Operator::Ge => (" >= ", " OR "),
        Operator::Le => (" <= ", " OR "),
        Operator::Like | Operator::Any => ("", " OR "),
        Operator::Every => ("", " AND "),
    };
    for (number, operand) in operands.iter().enumerate() {
        if number > 0 {
            out.push_sql(joint);
        }
        match (operator, operand) {
            (Operator::Eq, Operand::Text(hash)) if *sql == "payments.payment_hash" => has_hash(hash, out)?,
            (Operator::Eq | Operator::In, Operand::Text(wallet)) if *sql == WALLETS_OF_ACCOUNT => {
                out.push_sql("accounts.id IN (SELECT wallets.account_id FROM wallets WHERE wallets.id = ");
                out.push_bind_param::<Text, _>(wallet)?;
                out.push_sql(")");
            }
            (Operator::Like, Operand::Text(text)) => contains(sql, text, out)?,
            (Operator::Any | Operator::Every, Operand::Text(text)) => holds(sql, text, out)?,
            (_, Operand::Text(text)) => {
                out.push_sql(sql);
                out.push_sql(sign);
                out.push_bind_param::<Text, _>(text)?;
            }
            (_, Operand::Integer(number)) => {
                out.push_sql(sql);
                out.push_sql(sign);
                out.push_bind_param::<BigInt, _>(number)?;
            }
        }
    }
    Ok(())
}

/// The text occurs in the expression, upper and lower case being the same. `instr` and `strpos` are
/// not common to both databases, LIKE is, once its wildcards are spelt out.
fn contains<'b>(expression: &'b str, text: &'b str, out: &mut AstPass<'_, 'b, Db>) -> QueryResult<()> {
    out.push_sql("LOWER(CAST(");
    out.push_sql(expression);
    out.push_sql(" AS TEXT)) LIKE '%' || REPLACE(REPLACE(REPLACE(LOWER(");
    out.push_bind_param::<Text, _>(text)?;
    out.push_sql("), '!', '!!'), '%', '!%'), '_', '!_') || '%' ESCAPE '!'");
    Ok(())
}

/// The JSON list in the expression holds the text as one of its members. (SQLite's LIKE knows no upper
/// and lower case; REPLACE does, on both databases, and has no wildcards.)
fn holds<'b>(expression: &'b str, text: &'b str, out: &mut AstPass<'_, 'b, Db>) -> QueryResult<()> {
    out.push_sql("REPLACE(CAST(");
    out.push_sql(expression);
    out.push_sql(" AS TEXT), '\"' || ");
    out.push_bind_param::<Text, _>(text)?;
    out.push_sql(" || '\"', '') <> CAST(");
    out.push_sql(expression);
    out.push_sql(" AS TEXT)");
    Ok(())
}

/// The order that was asked for, or else the given one. What is empty is less than anything, which the
/// databases would not agree on. Times are never empty, and saying it would cost them their index.
pub(super) fn order(listing: &Listing, otherwise: &str) -> Order {
    Order(match listing.sort {
        None => otherwise.to_owned(),
        Some((sql, descending)) => {
            let direction = match (descending, sql.ends_with("_at")) {
                (true, true) => "DESC",
                (true, false) => "DESC NULLS LAST",
                (false, true) => "ASC",
                (false, false) => "ASC NULLS FIRST",
            };
            format!("{sql} {direction}, {otherwise}")
        }
    })
}
