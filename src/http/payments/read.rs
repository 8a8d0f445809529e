//! One payment, and lists of them.

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::{
    House,
    body::{List, OfPayments, Params, PathPart},
    lenient,
    permission::{Caller, Public, WalletRead, Wallets},
    problem::{Code, Problem},
    route::{Route, route},
    shapes::{PageOf, PaymentShape},
};
use crate::{
    domain::{
        Payment, Status,
        filter::{Condition, Operand, Operator},
        payment::Scope,
    },
    ledger::LedgerError,
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/api/v1/payments", WalletRead, list)
            .doc("Lists the wallet's payments, newest first, without those that failed."),
        route(Method::GET, "/api/v1/payments/paginated", WalletRead, page)
            .doc("Lists all of the wallet's payments by pages."),
        route(Method::GET, "/api/v1/payments/all/paginated", Wallets, page_of_all).doc(
            "Lists the payments of all of the account's wallets by pages; for the super user, the whole server's.",
        ),
        route(Method::GET, "/api/v1/payments/{payment_hash}", Public, one).doc(
            "Reads one payment by its payment hash or checking id, after asking the node if it is open.\n\
            With the key of its wallet the answer has all its details and the proof of payment.",
        ),
    ]
}

/// What became of a payment.
#[derive(Serialize, ToSchema)]
struct Verdict {
    /// Was it paid?
    paid: bool,
    /// `pending`, `success` or `failed`; `failed` is final.
    status: &'static str,
    /// Proof of payment; only with the wallet's key, once it was paid.
    preimage: Option<String>,
    /// Only with the wallet's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<PaymentShape>,
}

#[derive(Deserialize, IntoParams)]
struct Recheck {
    /// Ask the node about each open payment of the page first.
    #[serde(default, deserialize_with = "lenient::flag")]
    recheck_pending: bool,
}

async fn one(
    _: Caller<Public>,
    owner: Option<Caller<WalletRead>>,
    house: Data<House>,
    PathPart(name): PathPart<String>,
) -> Result<Json<Verdict>, Problem> {
    let wallet = owner.map(|Caller(caller)| caller.wallet.id.clone());
    let found = house.ledger.find(&name, wallet.as_ref()).await;
    let payment = found.map_err(|error| match error {
        LedgerError::Missing(_) => Problem::new(Code::NotFound, "Payment does not exist."),
        other => other.into(),
    })?;
    let payment = house.ledger.refreshed(payment).await;
    let (paid, status) = (payment.status == Status::Success, payment.status.as_str());
    let details = wallet.map(|_| PaymentShape::of(payment, &house.ledger));
    let preimage = details.as_ref().and_then(|details| details.preimage.clone());
    Ok(Json(Verdict { paid, status, preimage, details }))
}

async fn list(
    Caller(caller): Caller<WalletRead>,
    house: Data<House>,
    listing: List<OfPayments>,
) -> Result<Json<Vec<PaymentShape>>, Problem> {
    let mut listing = listing.into_inner();
    let living = [Status::Success, Status::Pending].map(|status| Operand::Text(status.as_str().to_owned()));
    listing.conditions.push(Condition { sql: "payments.status", operator: Operator::In, operands: living.to_vec() });
    let payments = house.ledger.list(Scope::Wallet(caller.wallet.id.clone()), listing).await?;
    Ok(Json(shown(&house, payments)))
}

async fn page(
    Caller(caller): Caller<WalletRead>,
    house: Data<House>,
    listing: List<OfPayments>,
    Params(recheck): Params<Recheck>,
) -> Result<Json<PageOf<PaymentShape>>, Problem> {
    let scope = Scope::Wallet(caller.wallet.id.clone());
    let (mut payments, total) = house.ledger.page(scope, listing.into_inner()).await?;
    if recheck.recheck_pending {
        let asked = payments.into_iter().map(|payment| house.ledger.refreshed(payment));
        payments = futures_util::future::join_all(asked).await;
    }
    Ok(Json(PageOf { data: shown(&house, payments), total }))
}

async fn page_of_all(
    Caller(principal): Caller<Wallets>,
    house: Data<House>,
    listing: List<OfPayments>,
) -> Result<Json<PageOf<PaymentShape>>, Problem> {
    let (payments, total) = house.ledger.page(super::stats::scope(&principal), listing.into_inner()).await?;
    Ok(Json(PageOf { data: shown(&house, payments), total }))
}

fn shown(house: &House, payments: Vec<Payment>) -> Vec<PaymentShape> {
    payments.into_iter().map(|payment| PaymentShape::of(payment, &house.ledger)).collect()
}
