//! LNURL: what others offer, and what wallets here offer to others.

mod links;
mod served;
mod stored;

use actix_web::{
    HttpRequest,
    http::Method,
    web::{Data, Json},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
pub(super) use served::{reached, routes as served};
use utoipa::ToSchema;

use super::{
    House,
    body::{Body, PathPart},
    idempotency::Once,
    lenient,
    permission::{Caller, Public, WalletCaller, WalletManage, WalletRead, WalletSend},
    problem::Problem,
    rates,
    route::{Route, route},
    shapes::PaymentShape,
    totp,
};
use crate::{
    domain::{Msat, fiat::Asked, payment::Annotations},
    ledger::PayRequest,
    lnurl::{LnurlError, Offer, Saying},
};

pub fn routes() -> Vec<Route> {
    let mut routes = vec![
        route(Method::POST, "/api/v1/lnurlscan", WalletRead, scan)
            .doc("Says what is behind an LNURL or a lightning address, in the words of its service."),
        route(Method::GET, "/api/v1/lnurlscan/{code}", WalletRead, scan_by_path)
            .doc("Says the same of one in the path, under the operator's rules of callbacks."),
        route(Method::POST, "/api/v1/payments/lnurl", WalletSend, pay)
            .doc("Pays to an LNURL or a lightning address: has its service issue an invoice over this amount, checks it and pays it.")
            .idempotent(),
        route(Method::POST, "/api/v1/lnurlauth", WalletManage, log_in).doc(
            "Logs into a service (LUD-04) with a key that the wallet's admin key and the service's domain make (LUD-05).\n\
            The answer is the service's own; it may be an error.",
        ),
        route(Method::POST, "/api/v1/payments/{payment_request}/pay-with-nfc", Public, withdraw)
            .doc("Has the service behind an `lnurlw://` link, as cards hold one, pay an invoice."),
    ];
    routes.extend(stored::routes());
    routes
}

impl From<LnurlError> for Problem {
    fn from(error: LnurlError) -> Self {
        Self::invalid(error.0)
    }
}

#[derive(Deserialize, ToSchema)]
struct Scan {
    /// An LNURL in bech32 or with a scheme of LUD-17, or a lightning address.
    #[serde(deserialize_with = "lenient::text")]
    lnurl: String,
}

#[derive(Deserialize, ToSchema)]
struct PayLnurl {
    /// What `POST /api/v1/lnurlscan` answered for a payment; or else `lnurl`.
    #[serde(default)]
    #[schema(value_type = Object)]
    res: Option<Map<String, Value>>,
    /// An LNURL or a lightning address.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    lnurl: Option<String>,
    /// Millisatoshi; or thousandths of the currency that `unit` names.
    #[serde(deserialize_with = "lenient::int")]
    amount: i64,
    /// For the payee, where the service takes comments.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    comment: Option<String>,
    /// `sat`, or one of `GET /api/v1/currencies`; whole satoshi are paid then, rounded down.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    unit: Option<String>,
    /// Who pays, for services that ask (LUD-18): `name`, `email`, `identifier`, `pubkey`. Nothing is told that is not
    /// asked for.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    payer_data: Option<Map<String, Value>>,
    /// Taken and not used.
    #[serde(default, deserialize_with = "lenient::opt_text", rename = "internal_memo")]
    _internal_memo: Option<String>,
}

#[derive(Deserialize, ToSchema)]
struct LogIn {
    /// Where the service wants to be answered.
    #[serde(deserialize_with = "lenient::text")]
    callback: String,
    /// Its challenge: 32 bytes as hex.
    #[serde(deserialize_with = "lenient::text")]
    k1: String,
}

#[derive(Deserialize, ToSchema)]
struct Tap {
    /// `lnurlw://…`
    #[serde(deserialize_with = "lenient::text")]
    lnurl_w: String,
}

async fn scan(_: Caller<WalletRead>, house: Data<House>, Body(scan): Body<Scan>) -> Result<Json<Value>, Problem> {
    Ok(Json(Value::Object(house.lnurl.scan(&scan.lnurl, false).await?)))
}

async fn scan_by_path(
    _: Caller<WalletRead>,
    house: Data<House>,
    PathPart(code): PathPart<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(Value::Object(house.lnurl.scan(&code, true).await?)))
}

async fn pay(
    Caller(caller): Caller<WalletSend>,
    request: HttpRequest,
    house: Data<House>,
    Once(once): Once,
    Body(asked): Body<PayLnurl>,
) -> Result<Json<PaymentShape>, Problem> {
    let (amount, in_fiat) = amount(&house, &asked).await?;
    let offer = match (&asked.res, asked.lnurl.as_deref().filter(|text| !text.is_empty())) {
        (Some(res), _) => Offer::read(res)?,
        (None, Some(lnurl)) => house.lnurl.offer(lnurl).await?,
        (None, None) => return Err(Problem::invalid("Missing LNURL or LnurlPayResponse data.")),
    };
    let comment = asked.comment.filter(|comment| !comment.is_empty());
    let payer = asked.payer_data.unwrap_or_default();
    let says = Saying { comment: comment.as_deref(), payer: &payer };
    let order = house.lnurl.order(&offer, amount, says).await?;
    let lasting = asked.lnurl.filter(|_| order.lasting && caller.wallet.through.is_none());
    let code = totp::code(&request, None);
    house.accounts.confirm_payment(&caller.principal, || Some(amount), code.as_deref()).await?;
    let mut extra = Map::new();
    if order.lasting {
        extra.insert("stored".into(), true.into());
    }
    for (name, value) in [("success_action", order.success_action), ("comment", comment)] {
        if let Some(value) = value {
            extra.insert(name.into(), value.into());
        }
    }
    let payment = PayRequest {
        amount: None,
        wallet: caller.wallet.id.clone(),
        bolt11: order.bolt11,
        fee_limit: None,
        memo: Some(order.memo),
        annotations: Annotations { extra, by: caller.author(), asked: in_fiat, ..Annotations::default() },
        spender: caller.principal.policy.spender(),
        once,
    };
    let paid = house.ledger.pay(payment).await?;
    if let Some(lnurl) = lasting.filter(|lnurl| lnurl.len() <= stored::LONGEST.0) {
        let label = paid.memo.chars().take(64).collect();
        stored::remember(&house, &caller, lnurl, label).await;
    }
    Ok(Json(PaymentShape::of(paid, &house.ledger)))
}

/// How much is paid; an amount in fiat waits for a rate.
async fn amount(house: &House, asked: &PayLnurl) -> Result<(Msat, Option<Asked>), Problem> {
    if asked.amount <= 0 {
        return Err(Problem::field("amount", "ensure this value is greater than 0", "value_error.number.not_gt"));
    }
    let unit = asked.unit.as_deref().map(str::trim);
    let Some(unit) = unit.filter(|unit| !unit.is_empty() && !unit.eq_ignore_ascii_case("sat")) else {
        return Ok((Msat(asked.amount), None));
    };
    // thousandths, rounded to hundredths
    let hundredths = asked.amount.saturating_add(5) / 10;
    let written = Value::from(format!("{}.{:02}", hundredths / 100, hundredths % 100));
    let (amount, asked) = rates::in_satoshi(house, unit, &written).await?;
    Ok((amount, Some(asked)))
}

async fn log_in(
    Caller(caller): Caller<WalletManage>,
    house: Data<House>,
    Body(asked): Body<LogIn>,
) -> Result<Json<Value>, Problem> {
    let key = admin_key(&caller)?;
    Ok(Json(Value::Object(house.lnurl.log_in(&asked.callback, &asked.k1, key).await?)))
}

/// Who uses somebody else's wallet does not log in as its owner.
fn admin_key(caller: &WalletCaller) -> Result<&str, Problem> {
    let own = caller.wallet.through.is_none() && !caller.wallet.admin_key.is_empty();
    own.then_some(caller.wallet.admin_key.as_str())
        .ok_or_else(|| Problem::new(super::Code::Forbidden, "Only a wallet's owner can log in with it."))
}

async fn withdraw(
    _: Caller<Public>,
    house: Data<House>,
    PathPart(invoice): PathPart<String>,
    Body(tap): Body<Tap>,
) -> Result<Json<Value>, Problem> {
    house.lnurl.withdraw(&tap.lnurl_w, &invoice).await?;
    Ok(Json(json!({ "success": true, "message": "Payment sent with NFC.", "data": null })))
}
