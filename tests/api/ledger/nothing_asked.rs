//! Payments whose amount the payer chooses: invoices without an amount, and payments to nodes without an invoice.

use satchel::{
    domain::{Msat, Status, bolt11},
    funding::{Capabilities, simulated::Script},
};
use serde_json::{Value, json};

use crate::harness::{Answer, Plan, Server, Wallet, hash_of};

async fn amountless(wallet: &Wallet) -> String {
    let made = wallet.invoice.post("/api/v1/payments", json!({ "out": false, "amount": 0, "memo": "tips" })).await;
    assert_eq!((made.status, &made.body["amount"]), (201, &json!(0)), "{}", made.text);
    let bolt11 = made.body["bolt11"].as_str().unwrap().to_owned();
    assert_eq!(bolt11::parse(&bolt11).unwrap().amount, None);
    bolt11
}

async fn pay(wallet: &Wallet, bolt11: &str, amount: Value) -> Answer {
    wallet.admin.post("/api/v1/payments", json!({ "out": true, "bolt11": bolt11, "amount": amount })).await
}

async fn the_payer_says_how_much(plan: Plan) {
    let server = plan.start().await;
    let (payer, payee) = (server.wallet(1000).await, server.wallet(0).await);
    // from outside: what arrives is what it was over
    let bolt11 = amountless(&payee).await;
    assert!(server.ledger().pay_from_outside(&bolt11, None).is_err());
    server.ledger().pay_from_outside(&bolt11, Some(Msat(5_432))).unwrap();
    let paid = server.until(&payee, &hash_of(&bolt11).to_string(), Status::Success).await;
    assert_eq!((&paid["details"]["amount"], payee.balance().await), (&json!(5_432), 5_432));

    // from a wallet here: not without an amount, and once
    let bolt11 = amountless(&payee).await;
    for nothing in [Value::Null, json!(0)] {
        let answer = pay(&payer, &bolt11, nothing.clone()).await;
        assert_eq!((answer.status, answer.detail()), (520, "Amountless invoices not supported."), "{nothing}");
    }
    let sent = pay(&payer, &bolt11, json!(100)).await.ok();
    assert_eq!((&sent["amount"], &sent["status"]), (&json!(-100_000), &json!("success")));
    assert_eq!((payer.balance().await, payee.balance().await), (900_000, 105_432));
    assert_eq!(pay(&payer, &bolt11, json!(100)).await.status, 520);
    assert_eq!(pay(&payer, &amountless(&payee).await, json!(901)).await.status, 520);

    // to outside
    let bolt11 = server.outside_invoice(0, "");
    assert_eq!(payer.pay(&bolt11).await.status, 520);
    let sent = pay(&payer, &bolt11, json!(200)).await.ok();
    assert_eq!((&sent["amount"], &sent["status"]), (&json!(-200_000), &json!("success")));
    assert_eq!(payer.balance().await, 700_000);

    // where the invoice says how much, nothing else may be paid
    let bolt11 = server.outside_invoice(50_000, "");
    let other = pay(&payer, &bolt11, json!(51)).await;
    assert_eq!(other.status, 400);
    assert!(other.detail().contains("asks for"), "{}", other.text);
    assert_eq!(pay(&payer, &bolt11, json!(50)).await.status, 201);
    let own = payee.new_invoice(5).await;
    assert_eq!(pay(&payer, own["bolt11"].as_str().unwrap(), json!(6)).await.status, 400);
    assert_eq!(payer.balance().await, 650_000);
    // a price in euro: 1 € is 2000 sat here
    let bolt11 = amountless(&payee).await;
    let body = json!({ "out": true, "bolt11": bolt11, "amount": 0.1, "unit": "EUR" });
    assert_eq!(payer.admin.post("/api/v1/payments", body).await.ok()["amount"], -200_000);
    // what it is worth is noted once it is known: here 1 € is 2000 sat
    payee.admin.patch("/api/v1/wallet", json!({ "currency": "EUR" })).await.ok();
    for inside in [true, false] {
        let bolt11 = amountless(&payee).await;
        if inside {
            pay(&payer, &bolt11, json!(100)).await.ok();
        } else {
            server.ledger().pay_from_outside(&bolt11, Some(Msat(100_000))).unwrap();
        }
        let hash = hash_of(&bolt11).to_string();
        server.until(&payee, &hash, Status::Success).await;
        super::until("worth", || async {
            let found = payee.invoice.get(&format!("/api/v1/payments/{hash}")).await.ok();
            found["details"]["extra"]["wallet_fiat_amount"] == 0.05
        })
        .await;
    }
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_payer_says_how_much_on_sqlite() {
    the_payer_says_how_much(Plan::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_payer_says_how_much_on_postgres() {
    the_payer_says_how_much(Plan::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_for_amounts_that_the_payer_chooses() {
    let server = Server::start().await;
    let user = server.user("limited").await;
    let wallet = user.post("/api/v1/wallet", json!({ "name": "w" })).await.ok();
    let id: satchel::domain::WalletId = wallet["id"].as_str().unwrap().parse().unwrap();
    server.ledger().adjust(id.clone(), Msat(1_000_000)).await.unwrap();
    let key = json!({ "name": "k", "scope": "full", "wallets": [id.to_string()],
        "limits": { "max_amount_msat": 10_000 } });
    let made = user.post("/api/v1/api-keys", key).await.ok();
    let limited = server.key(made["key"].as_str().unwrap());
    let payee = server.wallet(0).await;
    let bolt11 = amountless(&payee).await;
    for (amount, status) in [(11, 403), (10, 201)] {
        let answer = limited.post("/api/v1/payments", json!({ "out": true, "bolt11": bolt11, "amount": amount })).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    let node = destination(&server);
    for (amount, status) in [(10_001, 403), (10_000, 201)] {
        let body = json!({ "destination": node, "amount_msat": amount });
        let answer = limited.post("/api/v1/payments/keysend", body).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    server.assert_sound().await;
}

/// The other node's public key.
fn destination(server: &Server) -> String {
    let invoice = bolt11::parse(&server.outside_invoice(1000, "")).unwrap();
    invoice.parsed.get_payee_pub_key().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_paid_without_an_invoice() {
    let server = Server::start().await;
    let wallet = server.wallet(1000).await;
    let keysend = async |body: Value| wallet.admin.post("/api/v1/payments/keysend", body).await;
    let node = destination(&server);
    let sent = keysend(json!({ "destination": node, "amount_msat": 1_234, "memo": "thanks" })).await;
    assert_eq!((sent.status, &sent.body["status"], &sent.body["amount"]), (201, &json!("success"), &json!(-1_234)));
    let hash = sent.body["payment_hash"].as_str().unwrap();
    let found = wallet.invoice.get(&format!("/api/v1/payments/{hash}")).await.ok();
    let preimage = satchel::domain::ids::array_from_hex::<32>(found["preimage"].as_str().unwrap()).unwrap();
    assert_eq!(satchel::domain::PaymentHash::of(&preimage).to_string(), hash);
    assert_eq!((&found["details"]["memo"], wallet.balance().await), (&json!("thanks"), 998_766));

    let stranger = "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5";
    let lost = keysend(json!({ "destination": stranger, "amount_msat": 1_000 })).await;
    assert_eq!((lost.status, wallet.balance().await), (520, 998_766), "{}", lost.text);
    for body in [
        json!({ "destination": "00", "amount_msat": 1 }),
        json!({ "destination": "ff".repeat(33), "amount_msat": 1 }),
        json!({ "destination": node }),
        json!({ "destination": node, "amount_msat": 0 }),
        json!({ "destination": node, "amount_msat": -1 }),
        json!({ "amount_msat": 1 }),
    ] {
        assert_eq!(keysend(body.clone()).await.status, 400, "{body}");
    }
    assert_eq!(keysend(json!({ "destination": node, "amount_msat": 2_000_000 })).await.status, 520);
    // an outcome that nobody knows yet is pending, and the money held
    server.node.script_next(Script::Late);
    let late = keysend(json!({ "destination": node, "amount_msat": 8_766 })).await;
    assert_eq!((late.status, &late.body["status"]), (201, &json!("pending")));
    assert!(wallet.balance().await <= 990_000);
    server.assert_sound().await;
    server.node.set_capabilities(Capabilities { keysend: false, amountless: false, ..Capabilities::ALL });
    assert_eq!(keysend(json!({ "destination": node, "amount_msat": 1 })).await.status, 520);
    let body = json!({ "out": false, "amount": 0 });
    assert_eq!(wallet.invoice.post("/api/v1/payments", body).await.status, 520);
}
