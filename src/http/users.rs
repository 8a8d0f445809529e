//! What the super user does with wallets' balances, and the world outside of play money.

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    House,
    body::Body,
    idempotency::Once,
    lenient,
    permission::{Caller, SuperUser},
    problem::{Code, Problem},
    route::{Route, route},
};
use crate::{domain::Msat, ledger::LedgerError};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::PUT, "/users/api/v1/balance", SuperUser, put_balance)
            .doc("Adds satoshi to a wallet, or takes them with a negative amount.")
            .idempotent(),
        route(Method::POST, "/admin/api/v1/simulation/pay", SuperUser, pay)
            .doc("Pays an invoice of this server from outside; only where money is play money."),
        route(Method::POST, "/admin/api/v1/simulation/invoice", SuperUser, invoice).doc(
            "Makes an invoice of another node, to be paid from here; only where money is play money.\n\
            On the simulated node its memo decides what becomes of the payment: the README lists the words.",
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
struct Change {
    /// The wallet.
    #[serde(deserialize_with = "lenient::text")]
    id: String,
    /// Satoshi.
    #[serde(deserialize_with = "lenient::int")]
    amount: i64,
    /// Why; kept with the record, as `extra.reason`.
    #[serde(default, deserialize_with = "lenient::opt_text_up_to::<_, 500>")]
    reason: Option<String>,
}

#[derive(Deserialize, ToSchema)]
struct Pay {
    /// The invoice.
    #[serde(deserialize_with = "lenient::text")]
    bolt11: String,
    /// Millisatoshi to send, if not what the invoice asks for.
    #[serde(default, deserialize_with = "lenient::opt_natural")]
    amount_msat: Option<i64>,
}

#[derive(Deserialize, ToSchema)]
struct Invoice {
    /// Millisatoshi.
    #[serde(deserialize_with = "lenient::int")]
    amount_msat: i64,
    /// What becomes of the payment.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    memo: Option<String>,
    /// Seconds until it expires; an hour when absent.
    #[serde(default, deserialize_with = "lenient::opt_natural")]
    expiry: Option<i64>,
}

#[derive(Serialize, ToSchema)]
struct Outcome {
    success: bool,
    message: &'static str,
}

#[derive(Serialize, ToSchema)]
struct Issued {
    /// The payment request.
    bolt11: String,
}

async fn put_balance(
    _: Caller<SuperUser>,
    house: Data<House>,
    Once(once): Once,
    Body(change): Body<Change>,
) -> Result<Json<&'static str>, Problem> {
    let no_wallet = || Problem::new(Code::NotFound, "Wallet not found.");
    let wallet = change.id.parse().map_err(|()| no_wallet())?;
    let amount = Msat::from_sat(change.amount)
        .ok_or_else(|| Problem::field("amount", "more satoshi than there are", "value_error.number.not_le"))?;
    let reason = change.reason.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    match house.ledger.adjust_once(wallet, amount, reason, once).await {
        Ok(_) => Ok(Json("Balance updated.")),
        Err(LedgerError::Missing(_)) => Err(no_wallet()),
        Err(error) => Err(error.into()),
    }
}

async fn pay(_: Caller<SuperUser>, house: Data<House>, Body(asked): Body<Pay>) -> Result<Json<Outcome>, Problem> {
    house.ledger.pay_from_outside(&asked.bolt11, asked.amount_msat.map(Msat))?;
    Ok(Json(Outcome { success: true, message: "Paid from outside." }))
}

async fn invoice(
    _: Caller<SuperUser>,
    house: Data<House>,
    Body(asked): Body<Invoice>,
) -> Result<Json<Issued>, Problem> {
    let expiry = asked.expiry.and_then(|seconds| u64::try_from(seconds).ok()).filter(|seconds| *seconds > 0);
    let memo = asked.memo.unwrap_or_default();
    let bolt11 = house.ledger.invoice_from_outside(Msat(asked.amount_msat), &memo, expiry.unwrap_or(3600))?;
    Ok(Json(Issued { bolt11 }))
}
