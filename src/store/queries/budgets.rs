//! What credentials spend of their budgets.
//!
//! A payment is charged to each of its credential's budgets in the transaction that takes the money: what is held,
//! routing fee included. The transaction that ends it makes the charge what was really spent, or nothing, in the
//! window that was charged. Whether it still fits is decided by a guarded UPDATE, whose row count is looked at.
//!
//! Locks: budgets come last, after payments and wallets (see `ledger.rs`), and among themselves in the order of
//! their credentials' ids, so that payments of a parent and of its children wait for each other and never in a
//! circle. Whoever waits here holds his wallet; nobody who holds a budget waits for a wallet.
//!
//! A window never goes back: where a clock, or another server's clock, has opened a later one, that one is
//! charged. So a clock that is set back gives nobody the end of yesterday's budget today.

use diesel::{
    dsl::max,
    prelude::{ExpressionMethods, OptionalExtension, QueryDsl},
};
use diesel_async::RunQueryDsl;

use super::{Conn, ledger};
use crate::{
    domain::{CredentialId, Msat, PaymentId, Time, credential::Budget, payment::NewPayment},
    store::{
        Refusal, StoreError,
        schema::{budget_charges, budget_windows},
        types::{Posted, Spent, Transfer, Transferred},
    },
};

/// [`ledger::transfer`] by a credential with budgets.
pub(in crate::store) async fn transfer(
    conn: &mut Conn,
    transfer: &Transfer,
    budgets: &[Budget],
) -> Result<Transferred, StoreError> {
    let moved = ledger::transfer(conn, transfer).await?;
    charge(conn, moved.sent.id, moved.received.amount_msat, budgets, transfer.payment.created_at).await?;
    Ok(moved)
}

/// [`ledger::hold`] by a credential with budgets.
pub(in crate::store) async fn hold(
    conn: &mut Conn,
    payment: &NewPayment,
    budgets: &[Budget],
) -> Result<Posted, StoreError> {
    let posted = ledger::hold(conn, payment).await?;
    charge(conn, posted.payment.id, payment.hold_msat, budgets, payment.created_at).await?;
    Ok(posted)
}

/// Charges a payment to each budget, or refuses it.
pub(super) async fn charge(
    conn: &mut Conn,
    payment: PaymentId,
    amount: Msat,
    budgets: &[Budget],
    at: Time,
) -> Result<(), StoreError> {
    let mut budgets: Vec<&Budget> = budgets.iter().collect();
    budgets.sort_by(|one, other| one.credential.cmp(&other.credential));
    for budget in budgets {
        let window = window(conn, budget, at).await?;
        diesel::insert_into(budget_windows::table)
            .values((
                budget_windows::credential_id.eq(&budget.credential),
                budget_windows::window_start.eq(window),
                budget_windows::spent_msat.eq(Msat::ZERO),
            ))
            .on_conflict_do_nothing()
            .execute(conn)
            .await?;
        let room = Msat(budget.limit.0.saturating_sub(amount.0));
        let has_room =
            budget_windows::table.find((&budget.credential, window)).filter(budget_windows::spent_msat.le(room));
        let charged = diesel::update(has_room)
            .set(budget_windows::spent_msat.eq(budget_windows::spent_msat + amount))
            .execute(conn)
            .await?;
        if charged == 0 {
            return Err(Refusal::BudgetExceeded(Box::new(spent_in(conn, budget, window).await?)).into());
        }
        diesel::insert_into(budget_charges::table)
            .values((
                budget_charges::payment_id.eq(payment),
                budget_charges::credential_id.eq(&budget.credential),
                budget_charges::window_start.eq(window),
                budget_charges::amount_msat.eq(amount),
            ))
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// Makes what was charged for a payment what it cost in the end: nothing if it failed. What it cost is never
/// refused, even beyond the budget. The caller has the payment's row, so that nobody else is at its charges.
pub(super) async fn true_up(conn: &mut Conn, payment: PaymentId, cost: Msat) -> Result<(), StoreError> {
    let charges: Vec<(CredentialId, Time, Msat)> = budget_charges::table
        .filter(budget_charges::payment_id.eq(payment))
        .order(budget_charges::credential_id)
        .select((budget_charges::credential_id, budget_charges::window_start, budget_charges::amount_msat))
        .load(conn)
        .await?;
    for (credential, window, charged) in charges {
        let more = Msat(cost.0.saturating_sub(charged.0));
        diesel::update(budget_windows::table.find((&credential, window)))
            .set(budget_windows::spent_msat.eq(budget_windows::spent_msat + more))
            .execute(conn)
            .await?;
        diesel::update(budget_charges::table.find((payment, &credential)))
            .set(budget_charges::amount_msat.eq(cost))
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// What was spent of a budget in the window that a payment would be charged to now.
pub(in crate::store) async fn spent(conn: &mut Conn, budget: &Budget, at: &Time) -> Result<Spent, StoreError> {
    let window = window(conn, budget, *at).await?;
    spent_in(conn, budget, window).await
}

async fn spent_in(conn: &mut Conn, budget: &Budget, window: Time) -> Result<Spent, StoreError> {
    let row = budget_windows::table.find((&budget.credential, window)).select(budget_windows::spent_msat);
    let spent: Option<Msat> = row.first(conn).await.optional()?;
    let (_, resets_at) = budget.period.span(window);
    Ok(Spent { limit: budget.limit, spent: spent.unwrap_or_default(), resets_at })
}

/// The window of this moment, or a later one that was opened already.
async fn window(conn: &mut Conn, budget: &Budget, at: Time) -> Result<Time, StoreError> {
    let (now, _) = budget.period.span(at);
    let windows = budget_windows::table.filter(budget_windows::credential_id.eq(&budget.credential));
    let last: Option<Time> = windows.select(max(budget_windows::window_start)).first(conn).await?;
    Ok(last.map_or(now, |last| last.max(now)))
}

/// Windows that are not the sum of their charges: credential, beginning, what is written, the sum.
pub(super) async fn wrong(conn: &mut Conn) -> Result<Vec<(CredentialId, Time, Msat, Msat)>, StoreError> {
    let sum = diesel::dsl::sql::<diesel::sql_types::BigInt>("CAST(SUM(amount_msat) AS BIGINT)");
    let sums: Vec<(CredentialId, Time, i64)> = budget_charges::table
        .group_by((budget_charges::credential_id, budget_charges::window_start))
        .select((budget_charges::credential_id, budget_charges::window_start, sum))
        .load(conn)
        .await?;
    let mut sums: std::collections::HashMap<(CredentialId, Time), i64> =
        sums.into_iter().map(|(credential, window, sum)| ((credential, window), sum)).collect();
    let columns = (budget_windows::credential_id, budget_windows::window_start, budget_windows::spent_msat);
    let windows: Vec<(CredentialId, Time, Msat)> = budget_windows::table.select(columns).load(conn).await?;
    let written = windows.into_iter().map(|(credential, window, spent)| {
        let sum = Msat(sums.remove(&(credential.clone(), window)).unwrap_or(0));
        (credential, window, spent, sum)
    });
    let mut wrong: Vec<_> = written.filter(|(_, _, spent, sum)| spent != sum).collect();
    wrong.extend(sums.into_iter().map(|((credential, window), sum)| (credential, window, Msat::ZERO, Msat(sum))));
    Ok(wrong)
}
