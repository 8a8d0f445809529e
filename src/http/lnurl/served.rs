//! Lightning addresses of wallets here: LUD-06, LUD-12, LUD-16 and LUD-21 as their payers see them.
//!
//! What is wrong is said with status 200 and `status: ERROR`, as payers expect it.

use actix_web::{
    HttpRequest,
    http::{Method, header},
    web::{Data, Json},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::IntoParams;

use super::super::{
    House,
    body::{Params, PathPart},
    lenient, origin,
    permission::{Caller, Public},
    problem::Problem,
    route::{Route, route},
};
use crate::{
    domain::{Kind, Msat, Status, payment::Annotations},
    ledger::{InvoiceRequest, LedgerError},
    links::PAY_LINK,
    lnurl::serve::{Address, COMMENT_MAX, MAX_SENDABLE, MIN_SENDABLE},
};

/// What marks the invoices that are made here.
const TAG: &str = "wallet_lightning_address";
/// Invoices of which payers may ask whether they were paid.
const VERIFIED: [&str; 2] = [TAG, PAY_LINK];

pub fn routes() -> Vec<Route> {
    let mut routes = vec![
        route(Method::GET, "/.well-known/lnurlp/{username}", Public, offer)
            .doc("Says how a lightning address of this server is paid (LUD-16)."),
        route(Method::GET, "/api/v1/lnurl/wallet/{username}/cb", Public, invoice)
            .doc("Issues an invoice for a lightning address (LUD-06)."),
        route(Method::GET, "/api/v1/lnurl/verify/{payment_hash}", Public, verify)
            .doc("Says whether an invoice for a lightning address or a pay link was paid (LUD-21)."),
    ];
    routes.extend(super::links::routes());
    routes
}

#[derive(Deserialize, IntoParams)]
struct Asked {
    /// Millisatoshi.
    #[serde(deserialize_with = "lenient::int")]
    amount: i64,
    /// For the payee: at most 799 characters.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    comment: Option<String>,
}

pub(super) fn wrong(reason: impl Into<String>) -> Json<Value> {
    Json(json!({ "status": "ERROR", "reason": reason.into() }))
}

fn unknown() -> Json<Value> {
    wrong("Lightning address not found.")
}

/// Under which name the payer reached this server, and the address that begins with it.
pub(in crate::http) fn reached(request: &HttpRequest, house: &House) -> (String, String) {
    let (scheme, own) = house.public_url.split_once("://").unwrap_or(("http", &house.public_url));
    let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let named = named.filter(|host| {
        (1..=260).contains(&host.len())
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
    });
    let host = named.unwrap_or(own).to_ascii_lowercase();
    let scheme = if host == own || !origin::is_https(request) { scheme } else { "https" };
    let base = format!("{scheme}://{host}");
    (host, base)
}

async fn offer(
    _: Caller<Public>,
    request: HttpRequest,
    house: Data<House>,
    PathPart(user): PathPart<String>,
) -> Result<Json<Value>, Problem> {
    let (host, base) = reached(&request, &house);
    let Some(address) = Address::read(&user, &host) else { return Ok(unknown()) };
    if house.accounts.wallet_at(&address.name).await?.is_none() {
        return Ok(unknown());
    }
    Ok(Json(json!({
        "tag": "payRequest",
        "callback": format!("{base}/api/v1/lnurl/wallet/{}/cb", address.user()),
        "minSendable": MIN_SENDABLE.0,
        "maxSendable": MAX_SENDABLE.0,
        "metadata": address.metadata(),
        "commentAllowed": COMMENT_MAX,
    })))
}

async fn invoice(
    _: Caller<Public>,
    request: HttpRequest,
    house: Data<House>,
    PathPart(user): PathPart<String>,
    Params(asked): Params<Asked>,
) -> Result<Json<Value>, Problem> {
    let (amount, comment) = (Msat(asked.amount), asked.comment.filter(|comment| !comment.is_empty()));
    if amount < MIN_SENDABLE {
        return Ok(wrong(format!("Amount is smaller than minimum {}.", MIN_SENDABLE.0)));
    }
    if amount > MAX_SENDABLE {
        return Ok(wrong(format!("Amount is greater than maximum {}.", MAX_SENDABLE.0)));
    }
    let length = comment.as_ref().map_or(0, |comment| comment.chars().count());
    if length > COMMENT_MAX {
        return Ok(wrong(format!("Got a comment with {length} characters, but can only accept {COMMENT_MAX}")));
    }
    let (host, base) = reached(&request, &house);
    let Some(address) = Address::read(&user, &host) else { return Ok(unknown()) };
    let Some(wallet) = house.accounts.wallet_at(&address.name).await? else { return Ok(unknown()) };
    let mut extra = Map::new();
    extra.insert("tag".into(), TAG.into());
    extra.insert("lnaddress".into(), address.whole().into());
    for (name, value) in [("lnaddress_tag", address.tag.clone()), ("comment", comment)] {
        if let Some(value) = value {
            extra.insert(name.into(), value.into());
        }
    }
    let order = InvoiceRequest {
        hold: None,
        wallet,
        amount,
        memo: Some(address.memo()),
        description_hash: Some(address.description_hash()),
        expiry_seconds: None,
        annotations: Annotations { extra, ..Annotations::default() },
        once: None,
    };
    match house.ledger.create_invoice(order).await {
        Ok(payment) => Ok(Json(json!({
            "pr": payment.bolt11,
            "routes": [],
            "disposable": false,
            "verify": format!("{base}/api/v1/lnurl/verify/{}", payment.payment_hash),
        }))),
        // what the payer can change, or should be told
        Err(error @ (LedgerError::TooHigh { .. } | LedgerError::BalanceAbove { .. })) => Ok(wrong(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

async fn verify(
    _: Caller<Public>,
    house: Data<House>,
    PathPart(hash): PathPart<String>,
) -> Result<Json<Value>, Problem> {
    let found = match house.ledger.issued(&hash).await {
        Ok(found) => found.filter(|payment| {
            payment.kind == Kind::Invoice && VERIFIED.contains(&payment.tag.as_deref().unwrap_or_default())
        }),
        Err(error) => return Err(error.into()),
    };
    let Some(payment) = found else { return Ok(wrong("Not found")) };
    let payment = house.ledger.refreshed(payment).await;
    let settled = payment.status == Status::Success;
    let preimage = if settled { house.ledger.preimage(&payment) } else { None };
    Ok(Json(json!({ "status": "OK", "settled": settled, "preimage": preimage, "pr": payment.bolt11 })))
}
