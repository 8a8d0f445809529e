//! What becomes of money that a hold invoice holds.

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::{
    House,
    body::Body,
    lenient,
    permission::{Caller, WalletSend},
    problem::{Code, Problem},
    route::{Route, route},
};
use crate::{
    domain::{PaymentHash, ids::array_from_hex},
    ledger::LedgerError,
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::POST, "/api/v1/payments/settle", WalletSend, settle).doc(
            "Settles a hold invoice: its money, which is held, becomes the wallet's.\n\
            Answers a list: whether it is done, the checking id, the payment request, an error, the preimage, the fee.",
        ),
        route(Method::POST, "/api/v1/payments/cancel", WalletSend, cancel).doc(
            "Cancels a hold invoice: nobody can pay it any more, and money that is held goes back.\n\
            Answers a list: whether it is done, the checking id, the payment request, an error, the preimage, the fee.",
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
struct Settlement {
    /// The preimage (64 hex characters) of the payment hash under which the invoice was made.
    #[serde(deserialize_with = "lenient::text")]
    preimage: String,
}

#[derive(Deserialize, ToSchema)]
struct Cancellation {
    /// The payment hash (64 hex characters) under which the invoice was made.
    #[serde(deserialize_with = "lenient::text")]
    payment_hash: String,
}

/// Done: whether, the checking id, the payment request, an error, the preimage, the fee.
#[derive(Serialize, ToSchema)]
struct Done(bool, Option<String>, Option<String>, Option<String>, Option<String>, Option<i64>);

async fn settle(
    Caller(caller): Caller<WalletSend>,
    house: Data<House>,
    Body(asked): Body<Settlement>,
) -> Result<Json<Done>, Problem> {
    let preimage = array_from_hex::<32>(&asked.preimage);
    let preimage = preimage.ok_or_else(|| Problem::new(Code::HoldState, "Invalid preimage."))?;
    house.ledger.settle_hold(caller.wallet.id.clone(), preimage).await.map_err(problem)?;
    Ok(Json(Done(true, None, None, None, Some(asked.preimage.to_ascii_lowercase()), None)))
}

async fn cancel(
    Caller(caller): Caller<WalletSend>,
    house: Data<House>,
    Body(asked): Body<Cancellation>,
) -> Result<Json<Done>, Problem> {
    let hash = array_from_hex::<32>(&asked.payment_hash).map(PaymentHash::from);
    let hash = hash.ok_or_else(|| Problem::field("payment_hash", "64 hex characters are wanted", "value_error"))?;
    let payment = house.ledger.cancel_hold(caller.wallet.id.clone(), hash).await.map_err(problem)?;
    Ok(Json(Done(true, Some(payment.checking_id), None, None, None, None)))
}

fn problem(error: LedgerError) -> Problem {
    match error {
        LedgerError::Missing(_) => {
            Problem::new(Code::NotFound, "Payment does not exist or does not belong to this wallet.")
        }
        other => other.into(),
    }
}
