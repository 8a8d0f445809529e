//! phoenixd's HTTP interface and websocket.

use std::{collections::HashMap, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data, Form, Path, Payload, Query},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::FutureExt;
use satchel::{
    domain::{Msat, ids::to_hex},
    funding::{Description, InvoiceOrder, InvoiceState, Outcome, phoenixd::DRIVER},
};
use serde_json::{Value, json};

use super::{
    bench::{Row, Served, serve},
    conduct::conduct,
    desk::{Desk, Issued, Told},
};

pub const ROW: Row = Row {
    driver: &DRIVER,
    serve: |desk| {
        async {
            let routes = |app: &mut web::ServiceConfig| {
                app.route("/getinfo", web::get().to(info))
                    .route("/getbalance", web::get().to(balance))
                    .route("/createinvoice", web::post().to(create))
                    .route("/payinvoice", web::post().to(pay))
                    .route("/payments/incoming", web::get().to(incoming))
                    .route("/payments/incoming/{hash}", web::get().to(incoming_one))
                    .route("/payments/outgoing/{id}", web::get().to(outgoing))
                    .route("/payments/outgoingbyhash/{hash}", web::get().to(outgoing_by_hash))
                    .route("/websocket", web::get().to(websocket));
            };
            Served::at(serve(desk, |path| path == "/payinvoice", routes).await)
        }
        .boxed()
    },
    fields: |_, door| {
        vec![("phoenixd_api_endpoint", format!("http://{}/", door.0)), ("phoenixd_api_password", PASSWORD.to_owned())]
    },
    wrong_secret: ("phoenixd_api_password", "nobody-knows-this-one"),
    needed: "phoenixd_api_password",
};

const PASSWORD: &str = "4a2f9c-the-right-one";

conduct!(ROW);

fn refused(request: &HttpRequest, desk: &Desk) -> Option<HttpResponse> {
    let right = format!("Basic {}", BASE64_STANDARD.encode(format!(":{PASSWORD}")));
    let given = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    if given == Some(right.as_str()) {
        return None;
    }
    desk.refuse();
    Some(
        HttpResponse::Unauthorized()
            .body("Invalid authentication (use basic auth with the http password set in phoenix.conf)"),
    )
}

macro_rules! let_in {
    ($request:expr, $desk:expr) => {
        if let Some(refused) = refused(&$request, &$desk) {
            return refused;
        }
    };
}

async fn info(request: HttpRequest, desk: Data<Desk>) -> HttpResponse {
    let_in!(request, desk);
    HttpResponse::Ok().json(json!({
        "nodeId": "03c5f6e5d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8",
        "channels": [], "chain": satchel::domain::bolt11::network_name(&desk.network), "blockHeight": 101, "version": "0.6.2",
    }))
}

async fn balance(request: HttpRequest, desk: Data<Desk>) -> HttpResponse {
    let_in!(request, desk);
    HttpResponse::Ok().json(json!({ "balanceSat": desk.balance().await.0 / 1000, "feeCreditSat": 0 }))
}

async fn create(request: HttpRequest, desk: Data<Desk>, form: Form<HashMap<String, String>>) -> HttpResponse {
    let_in!(request, desk);
    let sat: i64 = form.get("amountSat").map_or(0, |sat| sat.parse().unwrap());
    let description = match (form.get("description"), form.get("descriptionHash")) {
        (Some(text), None) => Description::Text(text.clone()),
        (None, Some(hash)) => Description::Hash(satchel::domain::ids::array_from_hex(hash).unwrap()),
        _ => return HttpResponse::BadRequest().body("Must provide either a description or descriptionHash"),
    };
    let expiry_seconds = form.get("expirySeconds").map_or(3600, |seconds| seconds.parse().unwrap());
    let order = InvoiceOrder { amount: Msat(sat * 1000), description, expiry_seconds, hold: None };
    let issued = desk.issue(order).await.unwrap();
    HttpResponse::Ok().json(json!({
        "amountSat": sat, "paymentHash": issued.invoice.payment_hash.as_str(), "serialized": issued.invoice.bolt11,
    }))
}

async fn pay(request: HttpRequest, desk: Data<Desk>, form: Form<HashMap<String, String>>) -> HttpResponse {
    let_in!(request, desk);
    let Some(text) = form.get("invoice") else {
        return HttpResponse::BadRequest().body("Parameter invoice is required");
    };
    let amount = form.get("amountSat").map(|sat| Msat(sat.parse::<i64>().unwrap() * 1000));
    // it goes on without whoever asked
    let (desk, text) = (desk.into_inner(), text.clone());
    let told = tokio::spawn(async move { desk.pay(&text, amount, Msat(50_000)).await }).await.unwrap();
    match told {
        Ok(Told { attempt, outcome: Outcome::Paid { preimage, fee, .. } }) => HttpResponse::Ok().json(json!({
            "recipientAmountSat": attempt.amount.0 / 1000, "routingFeeSat": fee.0 / 1000, "paymentId": attempt.id(),
            "paymentHash": attempt.hash.as_str(), "paymentPreimage": to_hex(&preimage),
        })),
        Ok(Told { attempt, outcome: Outcome::Failed { reason, .. } }) => {
            HttpResponse::Ok().json(json!({ "paymentHash": attempt.hash.as_str(), "reason": reason }))
        }
        Ok(_) => std::future::pending().await,
        Err(why) if why.contains("already paid") || why.contains("progress") => {
            HttpResponse::Ok().json(json!({ "paymentHash": "", "reason": "this invoice has already been paid" }))
        }
        Err(why) => HttpResponse::BadRequest().body(why),
    }
}

fn record(told: Told) -> Value {
    let (paid, preimage, fee, over) = match &told.outcome {
        Outcome::Paid { preimage, fee, .. } => (true, Some(to_hex(preimage)), fee.0, true),
        Outcome::Failed { .. } => (false, None, 0, true),
        _ => (false, None, 0, false),
    };
    let began = told.attempt.began.0 / 1000;
    json!({
        "type": "outgoing_payment", "subType": "lightning", "paymentId": told.attempt.id(), "paymentHash": told.attempt.hash.as_str(),
        "preimage": preimage, "isPaid": paid, "sent": told.attempt.amount.0 / 1000, "fees": fee,
        "invoice": told.attempt.bolt11, "completedAt": over.then_some(began + 100), "createdAt": began,
    })
}

async fn outgoing(request: HttpRequest, desk: Data<Desk>, id: Path<String>) -> HttpResponse {
    let_in!(request, desk);
    match desk.told_by_id(&id).await {
        Some(told) => HttpResponse::Ok().json(record(told)),
        None => HttpResponse::NotFound().body(""),
    }
}

async fn outgoing_by_hash(request: HttpRequest, desk: Data<Desk>, hash: Path<String>) -> HttpResponse {
    let_in!(request, desk);
    match desk.told(&hash.parse().unwrap()).await {
        Some(told) => HttpResponse::Ok().json(record(told)),
        None => HttpResponse::NotFound().body(""),
    }
}

fn receipt(issued: &Issued, state: &InvoiceState, at: Option<i64>) -> Value {
    let (paid, amount, preimage) = match state {
        InvoiceState::Paid { amount, preimage } => (true, amount.0 / 1000, preimage.map(|preimage| to_hex(&preimage))),
        _ => (false, 0, None),
    };
    json!({
        "type": "incoming_payment", "subType": "lightning", "paymentHash": issued.invoice.payment_hash.as_str(),
        "preimage": preimage, "externalId": null, "description": issued.memo(), "invoice": issued.invoice.bolt11,
        "isPaid": paid, "isExpired": false, "receivedSat": amount, "fees": 0, "completedAt": at, "createdAt": issued.at.0 / 1000,
    })
}

async fn incoming_one(request: HttpRequest, desk: Data<Desk>, hash: Path<String>) -> HttpResponse {
    let_in!(request, desk);
    let Some(issued) = desk.invoice_by_hash(&hash) else { return HttpResponse::NotFound().body("") };
    let state = desk.state_of(&issued).await;
    let at = desk.receipt_of(&hash).map(|receipt| receipt.at.0 / 1000);
    HttpResponse::Ok().json(receipt(&issued, &state, at))
}

#[derive(serde::Deserialize)]
struct Page {
    from: i64,
    limit: usize,
    offset: usize,
}

async fn incoming(request: HttpRequest, desk: Data<Desk>, query: Query<Page>) -> HttpResponse {
    let_in!(request, desk);
    let Page { from, limit, offset } = *query;
    let mut found = Vec::new();
    for money in desk.receipts().iter().rev().filter(|money| money.at.0 / 1000 >= from) {
        let issued = desk.invoice_by_hash(money.hash.as_str()).unwrap();
        let state = desk.state_of(&issued).await;
        found.push(receipt(&issued, &state, Some(money.at.0 / 1000)));
    }
    HttpResponse::Ok().json(found.into_iter().skip(offset).take(limit).collect::<Vec<_>>())
}

async fn websocket(request: HttpRequest, desk: Data<Desk>, body: Payload) -> Result<HttpResponse, actix_web::Error> {
    if let Some(refused) = refused(&request, &desk) {
        return Ok(refused);
    }
    let (answer, mut session, _) = actix_ws::handle(&request, body)?;
    let desk: Arc<Desk> = desk.into_inner();
    let mut news = desk.news.subscribe();
    let mut told = desk.receipts().len();
    actix_web::rt::spawn(async move {
        while news.changed().await.is_ok() {
            let receipts = desk.receipts();
            for receipt in receipts.iter().skip(told) {
                let message = json!({
                    "type": "payment_received", "amountSat": receipt.amount.0 / 1000,
                    "paymentHash": receipt.hash.as_str(), "externalId": null,
                });
                if session.text(message.to_string()).await.is_err() {
                    return;
                }
            }
            told = receipts.len();
        }
    });
    Ok(answer)
}
