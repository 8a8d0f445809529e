//! What callers attach to payments afterwards: labels and extra.

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::super::{
    House,
    body::{Body, PathPart},
    lenient,
    permission::{Caller, WalletCaller, WalletSend},
    problem::{Code, Problem},
    route::{Route, route},
    shapes::PaymentShape,
};
use crate::{
    domain::{Payment, Status},
    ledger::LedgerError,
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::PUT, "/api/v1/payments/{payment_hash}/labels", WalletSend, put_labels)
            .doc("Replaces a payment's labels."),
        route(Method::PATCH, "/api/v1/payments/extra", WalletSend, patch_extra)
            .doc("Adds keys to the extra of a payment that succeeded; keys that are there are never changed."),
    ]
}

#[derive(Deserialize, ToSchema)]
struct Labels {
    /// Letters, digits, spaces, dots, underscores and dashes; 1–100 characters each.
    #[serde(default)]
    labels: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
struct Extra {
    #[serde(deserialize_with = "lenient::text")]
    payment_hash: String,
    #[serde(deserialize_with = "lenient::object")]
    #[schema(value_type = Object)]
    extra: Map<String, Value>,
}

async fn put_labels(
    Caller(caller): Caller<WalletSend>,
    house: Data<House>,
    PathPart(name): PathPart<String>,
    Body(new): Body<Labels>,
) -> Result<Json<&'static str>, Problem> {
    let payment = own(&house, &caller, &name).await?;
    house.accounts.know_labels(&caller.principal.account, &new.labels).await?;
    house.ledger.set_labels(&payment, &new.labels).await?;
    Ok(Json("Payment labels updated."))
}

async fn patch_extra(
    Caller(caller): Caller<WalletSend>,
    house: Data<House>,
    Body(new): Body<Extra>,
) -> Result<Json<PaymentShape>, Problem> {
    let payment = own(&house, &caller, &new.payment_hash).await?;
    if payment.status != Status::Success {
        return Err(Problem::invalid("Payment extra can only be updated after success."));
    }
    let payment = house.ledger.add_extra(payment, &new.extra).await?;
    Ok(Json(PaymentShape::of(payment, &house.ledger)))
}

async fn own(house: &House, caller: &WalletCaller, name: &str) -> Result<Payment, Problem> {
    house.ledger.find(name, Some(&caller.wallet.id)).await.map_err(|error| match error {
        LedgerError::Missing(_) => Problem::new(Code::NotFound, "Payment does not exist."),
        other => other.into(),
    })
}
