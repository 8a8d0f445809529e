//! Links of wallets here, as those see them who have one: LUD-03, LUD-06, LUD-09, LUD-10,
//! LUD-12, LUD-18, LUD-20 and LUD-21.
//!
//! What is wrong is said with status 200 and `status: ERROR`, as wallets expect it.

use actix_web::{
    HttpRequest,
    http::Method,
    web::{Data, Json},
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::{
    super::{
        House,
        body::{Params, PathPart},
        lenient,
        permission::{Caller, Public},
        problem::Problem,
        route::{Route, route},
    },
    served::{reached, wrong},
};
use crate::{
    domain::{Msat, payer::Wanted},
    ledger::LedgerError,
    links::{Issued, LinkError, Offer, Success, Told, metadata},
    lnurl::action::Sealed,
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/api/v1/lnurl/pay/{link_id}", Public, offer)
            .doc("Says what can be paid by a pay link (LUD-06)."),
        route(Method::GET, "/api/v1/lnurl/pay/{link_id}/cb", Public, invoice)
            .doc("Issues an invoice for a pay link, with what its payer is shown afterwards (LUD-09, LUD-10)."),
        route(Method::GET, "/api/v1/lnurl/withdraw/{link_id}", Public, withdrawable)
            .doc("Says what can be withdrawn by a withdraw link (LUD-03)."),
        route(Method::GET, "/api/v1/lnurl/withdraw/{link_id}/cb", Public, withdraw)
            .doc("Takes an invoice that is going to be paid; `k1` is the link's word of this time."),
    ]
}

#[derive(Deserialize, IntoParams)]
struct ToPay {
    /// Millisatoshi.
    #[serde(deserialize_with = "lenient::int")]
    amount: i64,
    /// For the payee.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    comment: Option<String>,
    /// Who pays, as far as the link asks: a JSON object (LUD-18).
    #[serde(default, deserialize_with = "lenient::opt_text")]
    payerdata: Option<String>,
}

#[derive(Deserialize, IntoParams)]
struct ToWithdraw {
    /// The word of the link.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    k1: Option<String>,
    /// The invoice.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    pr: Option<String>,
}

async fn offer(
    _: Caller<Public>,
    request: HttpRequest,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<Value>, Problem> {
    let Offer { link, min, max, name, .. } = match house.links.payable(&id).await {
        Ok(offer) => offer,
        Err(error) => return told(error),
    };
    let (_, base) = reached(&request, &house);
    let mut offer = json!({
        "tag": "payRequest",
        "callback": format!("{base}/api/v1/lnurl/pay/{name}/cb"),
        "minSendable": min.0,
        "maxSendable": max.0,
        "metadata": metadata(&link),
        "commentAllowed": link.comment_max,
    });
    if let (Some(offer), Some(asked)) = (offer.as_object_mut(), Wanted::stored(link.payer_data.as_deref()).offer()) {
        offer.insert("payerData".to_owned(), asked);
    }
    Ok(Json(offer))
}

async fn invoice(
    _: Caller<Public>,
    request: HttpRequest,
    house: Data<House>,
    PathPart(id): PathPart<String>,
    Params(asked): Params<ToPay>,
) -> Result<Json<Value>, Problem> {
    let told_with = Told { comment: asked.comment, payer_data: asked.payerdata };
    let Issued { payment, success } = match house.links.invoice(&id, Msat(asked.amount), told_with).await {
        Ok(made) => made,
        Err(error) => return told(error),
    };
    let (_, base) = reached(&request, &house);
    let success = success.map(|success| match success {
        Success::Message(message) => json!({ "tag": "message", "message": message }),
        Success::Url(url, description) => json!({ "tag": "url", "url": url, "description": description }),
        Success::Sealed(Sealed { ciphertext, iv }, description) => {
            json!({ "tag": "aes", "description": description, "ciphertext": ciphertext, "iv": iv })
        }
    });
    Ok(Json(json!({
        "pr": payment.bolt11,
        "routes": [],
        "disposable": false,
        "successAction": success,
        "verify": format!("{base}/api/v1/lnurl/verify/{}", payment.payment_hash),
    })))
}

async fn withdrawable(
    _: Caller<Public>,
    request: HttpRequest,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<Value>, Problem> {
    let (link, word) = match house.links.withdrawable(&id).await {
        Ok(found) => found,
        Err(error) => return told(error),
    };
    let (_, base) = reached(&request, &house);
    Ok(Json(json!({
        "tag": "withdrawRequest",
        "callback": format!("{base}/api/v1/lnurl/withdraw/{}/cb", link.id),
        "k1": word,
        "minWithdrawable": link.min_msat.0,
        "maxWithdrawable": link.max_msat.0,
        "defaultDescription": link.title,
    })))
}

async fn withdraw(
    _: Caller<Public>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
    Params(asked): Params<ToWithdraw>,
) -> Result<Json<Value>, Problem> {
    let (Some(k1), Some(pr)) = (asked.k1, asked.pr) else { return Ok(wrong("k1 and pr are required.")) };
    match house.links.withdraw(&id, &k1, &pr).await {
        Ok(()) => Ok(Json(json!({ "status": "OK" }))),
        Err(error) => told(error),
    }
}

/// What the stranger can change, or should be told; the rest is the server's own trouble.
fn told(error: LinkError) -> Result<Json<Value>, Problem> {
    match error {
        LinkError::Store(_) | LinkError::Ledger(LedgerError::Store(_) | LedgerError::SourceDown(_)) => {
            Err(error.into())
        }
        other => Ok(wrong(other.to_string())),
    }
}
