//! Paying a node that issued no invoice.

use actix_web::{HttpRequest, http::Method, web::Data};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::super::{
    House,
    answer::Created,
    body::Body,
    idempotency::Once,
    lenient,
    permission::{Caller, WalletSend},
    problem::Problem,
    route::{Route, route},
    shapes::PaymentShape,
    totp,
};
use crate::{
    domain::{Msat, ids::from_hex, names::is_external_id, payment::Annotations},
    ledger::KeysendRequest,
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::POST, "/api/v1/payments/keysend", WalletSend, keysend)
            .doc(
                "Pays a node that issued no invoice (keysend), where the funding source can.\n\
                A payment whose outcome is not known yet is answered as `pending`; its money stays held until the node says.",
            )
            .idempotent(),
    ]
}

#[derive(Deserialize, ToSchema)]
struct Keysend {
    /// The node's public key: 66 hex characters.
    #[serde(deserialize_with = "lenient::text")]
    destination: String,
    /// How much arrives, in millisatoshi.
    #[serde(default, deserialize_with = "lenient::opt_natural")]
    #[schema(required)]
    amount_msat: Option<i64>,
    /// The most that routing may cost, in millisatoshi. The operator's cap holds besides.
    #[serde(default, deserialize_with = "lenient::opt_natural")]
    fee_limit_msat: Option<i64>,
    /// What it is for; the payee does not see it.
    #[serde(default, deserialize_with = "lenient::opt_text_up_to::<_, 640>")]
    memo: Option<String>,
    /// Free-form; `extra.tag` also becomes the tag.
    #[serde(default, deserialize_with = "lenient::object")]
    #[schema(value_type = Object)]
    extra: Map<String, Value>,
    /// Labels.
    #[serde(default)]
    labels: Vec<String>,
    /// The caller's own name for it: at most 256 characters without spaces.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    external_id: Option<String>,
}

async fn keysend(
    Caller(caller): Caller<WalletSend>,
    request: HttpRequest,
    house: Data<House>,
    Once(once): Once,
    Body(new): Body<Keysend>,
) -> Result<Created<PaymentShape>, Problem> {
    let node = from_hex(&new.destination).and_then(|bytes| <[u8; 33]>::try_from(bytes).ok());
    let node = node.filter(|node| bitcoin::secp256k1::PublicKey::from_slice(node).is_ok());
    let node = node.ok_or_else(|| Problem::field("destination", "not the public key of a node", "value_error"))?;
    if new.external_id.as_ref().is_some_and(|id| !is_external_id(id)) {
        let text = "Invalid external id. Max length is 256 characters. Space and newlines are not allowed.";
        return Err(Problem::field("external_id", text, "value_error"));
    }
    let amount = new.amount_msat.map(Msat).filter(|amount| *amount > Msat::ZERO);
    let amount = amount.ok_or_else(|| Problem::field("amount_msat", "1 at least", "value_error"))?;
    let code = totp::code(&request, None);
    house.accounts.confirm_payment(&caller.principal, || Some(amount), code.as_deref()).await?;
    let asked = KeysendRequest {
        wallet: caller.wallet.id.clone(),
        node,
        amount,
        fee_limit: new.fee_limit_msat.map(Msat),
        memo: new.memo.unwrap_or_default(),
        annotations: Annotations {
            extra: new.extra,
            labels: new.labels,
            external_id: new.external_id,
            by: caller.author(),
            ..Annotations::default()
        },
        spender: caller.principal.policy.spender(),
        once,
    };
    Ok(Created(PaymentShape::of(house.ledger.keysend(asked).await?, &house.ledger)))
}
