//! What payments add up to: over time, by tag, by wallet.

use std::collections::HashMap;

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::{
    House,
    body::{List, OfPayments, Params},
    permission::{Caller, WalletRead, Wallets},
    problem::{FieldError, Problem},
    route::{Route, route},
};
use crate::{
    accounts::policy::Principal,
    domain::{
        Msat,
        filter::{LIMIT_MAX, Listing},
        payment::Scope,
    },
    ledger::HistoryGroup,
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/api/v1/payments/history", WalletRead, history)
            .doc("Income, spending and balance of the wallet over time, in millisatoshi."),
        route(Method::GET, "/api/v1/payments/stats/breakdown", WalletRead, breakdown)
            .doc("The wallet's payments by tag."),
        route(Method::GET, "/api/v1/payments/stats/count", Wallets, count)
            .doc("Counts the account's payments by one of their fields."),
        route(Method::GET, "/api/v1/payments/stats/wallets", Wallets, wallets)
            .doc("Counts and sums payments by wallet, in millisatoshi."),
        route(Method::GET, "/api/v1/payments/stats/daily", Wallets, daily).doc("Totals by day, in satoshi."),
    ]
}

#[derive(Deserialize, IntoParams)]
struct Group {
    /// `hour`, `day` or `month`.
    #[serde(default)]
    group: Option<String>,
}

#[derive(Deserialize, IntoParams)]
struct CountBy {
    /// `status`, `tag`, `extension` or `wallet_id`.
    #[serde(default)]
    count_by: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct HistoryShape {
    /// Start of the span.
    date: String,
    income: i64,
    /// With fees.
    spending: i64,
    /// At the span's end.
    balance: i64,
}

#[derive(Serialize, ToSchema)]
struct Breakdown {
    tag: Option<String>,
    is_fiat: bool,
    payments_count: i64,
    /// Less fees.
    total: i64,
}

#[derive(Serialize, ToSchema)]
struct Counted {
    /// Empty where the payments have none.
    field: String,
    total: i64,
}

#[derive(Serialize, ToSchema)]
struct WalletStats {
    wallet_id: String,
    wallet_name: String,
    user_id: String,
    payments_count: i64,
    balance: i64,
}

#[derive(Serialize, ToSchema)]
struct DailyShape {
    date: String,
    /// Over the days shown, until this day's end.
    balance: i64,
    balance_in: i64,
    /// Negative.
    balance_out: i64,
    payments_count: i64,
    count_in: i64,
    count_out: i64,
    fee: i64,
}

/// The caller's own payments; for the super user, everybody's.
pub(super) fn scope(principal: &Principal) -> Scope {
    match &principal.policy.wallets {
        Some(wallets) => Scope::Wallets(wallets.clone()),
        None if House::is_super_user(principal) => Scope::All,
        None => Scope::Account(principal.account.clone()),
    }
}

async fn history(
    Caller(caller): Caller<WalletRead>,
    house: Data<House>,
    listing: List<OfPayments>,
    Params(group): Params<Group>,
) -> Result<Json<Vec<HistoryShape>>, Problem> {
    let group = match group.group.as_deref() {
        None | Some("" | "day") => HistoryGroup::Day,
        Some("hour") => HistoryGroup::Hour,
        Some("month") => HistoryGroup::Month,
        Some(_) => return Err(choice("group", "'hour', 'day', 'month'")),
    };
    let rows = house.ledger.history(&caller.wallet.id, whole(listing), group).await?;
    let shown = rows.into_iter().map(|row| HistoryShape {
        date: row.start.to_string(),
        income: row.income.0,
        spending: row.spending.0,
        balance: row.balance.0,
    });
    Ok(Json(shown.collect()))
}

async fn breakdown(Caller(caller): Caller<WalletRead>, house: Data<House>) -> Result<Json<Vec<Breakdown>>, Problem> {
    let all = Listing { limit: LIMIT_MAX, ..Listing::default() };
    let groups = house.ledger.grouped(Scope::Wallet(caller.wallet.id.clone()), all, "payments.tag").await?;
    let shown = groups.into_iter().map(|group| Breakdown {
        tag: group.name,
        is_fiat: false,
        payments_count: group.count,
        total: group.total,
    });
    Ok(Json(shown.collect()))
}

async fn count(
    Caller(principal): Caller<Wallets>,
    house: Data<House>,
    listing: List<OfPayments>,
    Params(by): Params<CountBy>,
) -> Result<Json<Vec<Counted>>, Problem> {
    let field = match by.count_by.as_deref() {
        None | Some("" | "tag") => "payments.tag",
        Some("status") => "payments.status",
        Some("extension") => "payments.extension",
        Some("wallet_id") => "payments.wallet_id",
        Some(_) => return Err(choice("count_by", "'status', 'tag', 'extension', 'wallet_id'")),
    };
    let groups = house.ledger.grouped(scope(&principal), whole(listing), field).await?;
    Ok(Json(groups.into_iter().map(|g| Counted { field: g.name.unwrap_or_default(), total: g.count }).collect()))
}

async fn wallets(
    Caller(principal): Caller<Wallets>,
    house: Data<House>,
    listing: List<OfPayments>,
) -> Result<Json<Vec<WalletStats>>, Problem> {
    let totals = house.ledger.by_wallet(scope(&principal), whole(listing)).await?;
    let mut names = HashMap::new();
    for total in &totals {
        if let Some(wallet) = house.accounts.wallet_label(&total.wallet).await? {
            names.insert(total.wallet.clone(), wallet);
        }
    }
    let shown = totals.into_iter().map(|total| {
        let (name, owner) = names.remove(&total.wallet).unwrap_or_default();
        WalletStats {
            wallet_id: total.wallet.to_string(),
            wallet_name: name,
            user_id: owner,
            payments_count: total.count,
            balance: total.total.0,
        }
    });
    Ok(Json(shown.collect()))
}

async fn daily(
    Caller(principal): Caller<Wallets>,
    house: Data<House>,
    listing: List<OfPayments>,
) -> Result<Json<Vec<DailyShape>>, Problem> {
    let days = house.ledger.daily(scope(&principal), whole(listing)).await?;
    let sat = |msat: i64| Msat(msat).sat_floor();
    let shown = days.into_iter().map(|day| DailyShape {
        date: day.start.to_string(),
        balance: day.balance.sat_floor(),
        balance_in: sat(day.totals.income),
        balance_out: sat(day.totals.spending.saturating_neg()),
        payments_count: day.totals.count_in.saturating_add(day.totals.count_out),
        count_in: day.totals.count_in,
        count_out: day.totals.count_out,
        fee: sat(day.totals.fees),
    });
    Ok(Json(shown.collect()))
}

/// Sums are over all that matches, not over a page.
fn whole(listing: List<OfPayments>) -> Listing {
    Listing { offset: 0, ..listing.into_inner() }
}

fn choice(name: &str, permitted: &str) -> Problem {
    let msg = format!("unexpected value; permitted: {permitted}");
    Problem::fields(vec![FieldError { loc: vec!["query".into(), name.into()], msg, kind: "value_error.const".into() }])
}
