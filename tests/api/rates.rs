//! Amounts in the money of states, from outside: what they are converted to, what is kept of it, and what happens when
//! nobody knows a price.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use satchel::domain::{fiat::RatePolicy, limits::Limits};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Plan, Server, Wallet};

async fn invoice(wallet: &Wallet, body: Value) -> crate::harness::Answer {
    let mut whole = json!({ "out": false });
    whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    wallet.invoice.post("/api/v1/payments", whole).await
}

async fn in_currency(server: &Server, sat: i64, code: &str) -> Wallet {
    let wallet = server.wallet(sat).await;
    wallet.admin.patch("/api/v1/wallet", json!({ "currency": code })).await.ok();
    wallet
}

#[tokio::test(flavor = "multi_thread")]
async fn currencies_rates_and_conversions_are_answered() {
    let server = Server::start().await;
    let anybody = server.anybody();
    let codes = anybody.get("/api/v1/currencies").await.ok();
    assert_eq!((codes.as_array().unwrap().len(), &codes[0]), (165, &json!("AED")));
    let rate = anybody.get("/api/v1/rate/usd").await.ok();
    assert_eq!(rate, json!({ "rate": 1000.0, "price": 100_000.0 }));
    let unknown = anybody.get("/api/v1/rate/xxx").await;
    assert_eq!((unknown.status, unknown.detail()), (400, "Currency 'XXX' not allowed."));
    let convert = async |body: Value| anybody.post("/api/v1/conversion", body).await;
    assert_eq!(
        convert(json!({ "amount": 1000, "to": "usd, EUR" })).await.ok(),
        json!({ "BTC": 0.00001, "sats": 1000, "USD": 1.0, "EUR": 0.5 })
    );
    assert_eq!(
        convert(json!({ "from_": "usd", "amount": 10, "to": "eur" })).await.ok(),
        json!({ "USD": 10.0, "sats": 10_000, "BTC": 0.0001 })
    );
    assert_eq!(convert(json!({ "from_": "EUR", "amount": "0.0099999" })).await.ok()["sats"], 19);
    for body in [
        json!({ "amount": 1, "to": "XXX" }),
        json!({ "from_": "doge", "amount": 1 }),
        json!({ "from_": "usd", "amount": -1 }),
        json!({ "from_": "usd", "amount": "much" }),
        json!({ "from_": "usd", "amount": 1e30 }),
        json!({ "from_": "usd" }),
    ] {
        assert_eq!(convert(body.clone()).await.status, 400, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_in_fiat_asks_for_whole_satoshi_and_says_at_which_rate() {
    let server = Server::start().await;
    let plain = server.wallet(0).await;
    let made = invoice(&plain, json!({ "amount": 10.5, "unit": "USD" })).await.ok();
    assert_eq!(made["amount"], 10_500_000);
    let expected = json!({ "fiat_currency": "USD", "fiat_amount": 10.5, "fiat_rate": 1000.0, "btc_rate": 100_000.0 });
    assert_eq!(made["extra"], expected);
    let wallet = in_currency(&server, 0, "EUR").await;
    let made =
        invoice(&wallet, json!({ "amount": "0.05", "unit": "USD", "extra": { "a": 1, "fiat_rate": 7 } })).await.ok();
    let extra = &made["extra"];
    assert_eq!((&made["amount"], &extra["a"], &extra["fiat_rate"]), (&json!(50_000), &json!(1), &json!(1000.0)));
    assert_eq!((&extra["wallet_fiat_currency"], &extra["wallet_fiat_amount"]), (&json!("EUR"), &json!(0.025)));
    // in the wallet's own currency what was asked for is what it is worth
    let made = invoice(&wallet, json!({ "amount": 0.333_33, "unit": "eur" })).await.ok();
    assert_eq!((&made["amount"], &made["extra"]["wallet_fiat_amount"]), (&json!(666_000), &json!(0.333)));
    assert!(made["extra"].get("fiat_currency").is_none());
    let stored = wallet.invoice.get(&format!("/api/v1/payments/{}", made["payment_hash"].as_str().unwrap())).await.ok();
    assert_eq!(stored["details"]["extra"], made["extra"]);
    for (body, status) in [
        (json!({ "amount": 1, "unit": "XXX" }), 400),
        (json!({ "amount": 1.5, "unit": "sat" }), 400),
        (json!({ "amount": -1, "unit": "USD" }), 400),
        (json!({ "unit": "USD" }), 400),
        (json!({ "amount": 0.000_001, "unit": "USD" }), 520),
        (json!({ "amount": 1e20, "unit": "USD" }), 520),
        (json!({ "amount": 1, "unit": "CHF" }), 503),
    ] {
        assert_eq!(invoice(&wallet, body.clone()).await.status, status, "{body}");
    }
}

/// The worth is kept with every payment, whichever way it went, and nobody but the server writes it.
#[tokio::test(flavor = "multi_thread")]
async fn every_payment_is_kept_with_what_it_was_worth() {
    let server = Server::start().await;
    let payer = in_currency(&server, 100_000, "USD").await;
    let payee = in_currency(&server, 0, "EUR").await;
    let forged = json!({ "wallet_fiat_amount": 1_000_000, "wallet_fiat_currency": "XAU", "wallet_btc_rate": 1 });
    let asked = invoice(&payee, json!({ "amount": 2000, "extra": forged })).await.ok();
    assert_eq!(
        (&asked["extra"]["wallet_fiat_currency"], &asked["extra"]["wallet_fiat_amount"]),
        (&json!("EUR"), &json!(1.0))
    );
    let sent = payer.pay(asked["bolt11"].as_str().unwrap()).await.ok();
    let expected = json!({
        "wallet_fiat_currency": "USD", "wallet_fiat_amount": 2.0, "wallet_fiat_rate": 1000.0, "wallet_btc_rate": 100_000.0
    });
    assert_eq!(sent["extra"], expected);
    let sent = payer.pay(&server.outside_invoice(3_000_000, "tea")).await.ok();
    assert_eq!(sent["extra"]["wallet_fiat_amount"], 3.0);
    // without a currency there is nothing to say, and what callers say of it does not count either
    let plain = server.wallet(0).await;
    let made = invoice(&plain, json!({ "amount": 1, "extra": { "wallet_fiat_amount": 5, "note": "x" } })).await.ok();
    assert_eq!(made["extra"], json!({ "note": "x" }));
    // a change of currency holds at once
    plain.admin.patch("/api/v1/wallet", json!({ "currency": "USD" })).await.ok();
    assert_eq!(invoice(&plain, json!({ "amount": 1000 })).await.ok()["extra"]["wallet_fiat_amount"], 1.0);
    server.assert_sound().await;
}

/// Services that answer what the test says.
struct Services {
    url: String,
    up: Arc<AtomicBool>,
}

impl Services {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let up = Arc::new(AtomicBool::new(true));
        let is_up = up.clone();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let is_up = is_up.clone();
                tokio::spawn(async move {
                    let mut head = vec![0; 4096];
                    let read = socket.read(&mut head).await.unwrap_or(0);
                    let head = String::from_utf8_lossy(&head[..read]).into_owned();
                    let answer = match head.split_whitespace().nth(1).unwrap_or_default() {
                        "/a/EUR" => r#"{"price":"60000"}"#,
                        "/b/eur" => r#"{"data":[{"last":60100.5}]}"#,
                        "/c" => r#"{"EUR":1}"#,
                        _ => "",
                    };
                    let status = if answer.is_empty() || !is_up.load(Ordering::SeqCst) { "500 Oh" } else { "200 OK" };
                    let text = format!(
                        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
                        answer.len()
                    );
                    let _ = socket.write_all(text.as_bytes()).await;
                });
            }
        });
        Self { url, up }
    }

    fn limits(&self) -> Limits {
        let provider = |name: &str, path: &str, at: &str| json!({ "name": name, "api_url": format!("{}{path}", self.url), "path": at });
        let providers = json!([
            provider("a", "/a/{TO}", "$.price"),
            provider("b", "/b/{to}", "$.data[0].last"),
            provider("liar", "/c", "/{TO}"),
        ]);
        let rates = RatePolicy {
            aggregator_url: self.url.clone(),
            providers: serde_json::from_value(providers).unwrap(),
            ..RatePolicy::default()
        };
        Limits { rates, default_currency: Some("EUR".into()), ..Plan::sqlite().limits }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_asked_beside_the_payments_and_their_silence_stops_no_satoshi() {
    let services = Services::start().await;
    let server = Plan { limits: services.limits(), ..Plan::sqlite().seeded() }.start().await;
    // two agree, the third is far off, and the aggregator is silent
    let rate = server.anybody().get("/api/v1/rate/EUR").await.ok();
    assert_eq!(rate["price"], 60_050.25);
    let user = server.user("walter").await;
    let past = user.get("/api/v1/rate/history").await.ok();
    for (name, price) in [("a", 60_000.0), ("b", 60_100.5), ("liar", 1.0)] {
        assert_eq!(past[0]["rates"][name], price, "{past}");
    }
    let wallet = server.wallet(10_000).await;
    let made = invoice(&wallet, json!({ "amount": 1000 })).await.ok();
    assert_eq!(made["extra"]["wallet_fiat_amount"], 0.6);
    // for a while the last price goes on holding
    services.up.store(false, Ordering::SeqCst);
    server.clock.advance(120);
    assert_eq!(server.anybody().get("/api/v1/rate/EUR").await.ok()["price"], 60_050.25);
    // and then nobody knows
    server.clock.advance(700);
    for answer in [
        server.anybody().get("/api/v1/rate/EUR").await,
        server.anybody().post("/api/v1/conversion", json!({ "amount": 1, "to": "EUR" })).await,
        invoice(&wallet, json!({ "amount": 1, "unit": "EUR" })).await,
    ] {
        assert_eq!((answer.status, &answer.body["code"]), (503, &json!("rate_unavailable")));
        assert!(
            answer.detail().starts_with("Could not get exchange rate for EUR. No service answered"),
            "{}",
            answer.text
        );
        assert!(!answer.text.contains(&services.url), "{}", answer.text);
    }
    let made = invoice(&wallet, json!({ "amount": 1000 })).await.ok();
    assert!(made["extra"].get("wallet_fiat_amount").is_none());
    assert_eq!(wallet.pay(&server.outside_invoice(1_000_000, "tea")).await.status, 201);
    // services that are back are found
    services.up.store(true, Ordering::SeqCst);
    server.clock.advance(20);
    assert_eq!(server.anybody().get("/api/v1/rate/EUR").await.ok()["price"], 60_050.25);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_super_user_says_which_currencies_there_are_and_what_they_cost() {
    let server = Server::start().await;
    let root = server.super_user().await;
    let set = async |settings: Value| root.put("/admin/api/v1/settings", settings).await.status;
    assert_eq!(set(json!({ "satchel_rates": "fixed:CHF=40000", "lnbits_allowed_currencies": "CHF, EUR" })).await, 200);
    assert_eq!(server.anybody().get("/api/v1/currencies").await.ok(), json!(["CHF", "EUR"]));
    assert_eq!(server.anybody().get("/api/v1/rate/chf").await.ok()["price"], 40_000.0);
    assert_eq!(server.anybody().get("/api/v1/rate/usd").await.status, 400);
    assert_eq!(server.anybody().get("/api/v1/rate/eur").await.status, 503);
    assert_eq!(set(json!({ "satchel_rates": "off" })).await, 200);
    let none = server.anybody().get("/api/v1/rate/chf").await;
    assert_eq!(none.detail(), "Could not get exchange rate for CHF. This server has no source of exchange rates.");
    for wrong in [json!("fixed:XXX=1"), json!("somewhere")] {
        assert_eq!(set(json!({ "satchel_rates": wrong })).await, 400);
    }
    assert_eq!(set(json!({ "lnbits_exchange_rate_providers": [{ "name": "x" }] })).await, 400);
}
