//! The conditions and the order of a list as SQL.

use diesel::{
    expression::{AppearsOnTable, Expression, SelectableExpression, SqlLiteral, ValidGrouping, is_aggregate},
    query_builder::{AstPass, QueryFragment, QueryId},
    result::QueryResult,
    sql_types::{BigInt, Bool, Text},
};

use super::{Db, places::has_hash};
use crate::domain::{
    filter::{Condition, Listing, Operand, Operator},
    payment::Scope,
};

/// True for the records that a listing asks for. Column expressions come from the tables of
/// `domain::filter`, values are bound, so that no input becomes SQL.
#[derive(Clone, Copy)]
pub(super) struct Matches<'a>(pub(super) &'a Listing);

/// True for the payments that lie in a scope.
#[derive(Clone, Copy)]
pub(super) struct Within<'a>(pub(super) &'a Scope);

macro_rules! condition {
    ($name:ident) => {
        impl Expression for $name<'_> {
            type SqlType = Bool;
        }
        impl QueryId for $name<'_> {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }
        impl ValidGrouping<()> for $name<'_> {
            type IsAggregate = is_aggregate::No;
        }
        impl<QS> AppearsOnTable<QS> for $name<'_> {}
        impl<QS> SelectableExpression<QS> for $name<'_> {}
    };
}
condition!(Matches);
condition!(Within);

impl QueryFragment<Db> for Matches<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
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
pub(super) fn order(listing: &Listing, otherwise: &str) -> SqlLiteral<diesel::sql_types::Untyped> {
    let text = match listing.sort {
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
    };
    diesel::dsl::sql(&text)
}
