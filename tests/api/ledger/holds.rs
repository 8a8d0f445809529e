//! Hold invoices: paid from outside and from another wallet here, settled, cancelled, and left alone too long.

use satchel::{
    domain::{Msat, PaymentHash, Status},
    funding::{Capabilities, FundingSource, InvoiceRef, InvoiceState},
};
use serde_json::{Value, json};

use super::until;
use crate::harness::{Answer, Plan, Server, Wallet};

const HOUR: i64 = 3600;

/// A preimage and its hash, in hex.
fn secret(number: u8) -> (String, String) {
    let preimage = [number; 32];
    (satchel::domain::ids::to_hex(&preimage), PaymentHash::of(&preimage).to_string())
}

async fn issued(wallet: &Wallet, hash: &str, sat: i64) -> String {
    let body = json!({ "out": false, "amount": sat, "memo": "deposit", "payment_hash": hash });
    let made = wallet.invoice.post("/api/v1/payments", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!((&made.body["payment_hash"], &made.body["extra"]["hold_invoice"]), (&json!(hash), &json!(true)));
    assert_eq!((&made.body["preimage"], &made.body["status"]), (&Value::Null, &json!("pending")));
    made.body["bolt11"].as_str().unwrap().to_owned()
}

async fn settle(wallet: &Wallet, preimage: &str) -> Answer {
    wallet.admin.post("/api/v1/payments/settle", json!({ "preimage": preimage })).await
}

async fn cancel(wallet: &Wallet, hash: &str) -> Answer {
    wallet.admin.post("/api/v1/payments/cancel", json!({ "payment_hash": hash })).await
}

async fn details(wallet: &Wallet, hash: &str) -> Value {
    wallet.invoice.get(&format!("/api/v1/payments/{hash}")).await.ok()["details"].clone()
}

async fn until_marked(wallet: &Wallet, hash: &str, mark: &str) -> Value {
    until(mark, || async { details(wallet, hash).await["extra"][mark] == true }).await;
    details(wallet, hash).await
}

async fn at_the_node(server: &Server, hash: &str) -> InvoiceState {
    let invoice = InvoiceRef {
        payment_hash: hash.parse().unwrap(),
        source_ref: None,
        bolt11: String::new(),
        issued_at: server.clock.now(),
    };
    server.node.lookup_invoice(invoice).await.unwrap()
}

async fn kinds(wallet: &Wallet) -> Vec<String> {
    let events = wallet.invoice.get("/api/v1/events").await.ok();
    events["data"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

async fn money_from_outside_waits_for_the_preimage(plan: Plan) {
    let server = plan.start().await;
    let (payee, other) = (server.wallet(0).await, server.wallet(0).await);
    let (preimage, hash) = secret(1);
    let bolt11 = issued(&payee, &hash, 21).await;
    let early = settle(&payee, &preimage).await;
    assert_eq!((early.status, early.detail()), (520, "Nobody has paid this hold invoice yet."));
    server.ledger().pay_from_outside(&bolt11, None).unwrap();
    let held = until_marked(&payee, &hash, "hold_invoice_accepted").await;
    assert_eq!((&held["status"], &held["preimage"], payee.balance().await), (&json!("pending"), &Value::Null, 0));
    assert!(matches!(at_the_node(&server, &hash).await, InvoiceState::Held { amount: Msat(21_000), .. }));
    // a second payment finds it taken, and a hash makes one invoice
    assert!(server.ledger().pay_from_outside(&bolt11, None).is_err());
    let again = json!({ "out": false, "amount": 1, "payment_hash": hash });
    assert_eq!(other.invoice.post("/api/v1/payments", again).await.status, 400);
    // whoever knows the preimage and not the wallet gets nothing; so does the invoice key
    let stranger = settle(&other, &preimage).await;
    let missing = "Payment does not exist or does not belong to this wallet.";
    assert_eq!((stranger.status, stranger.detail()), (404, missing));
    assert_eq!(cancel(&other, &hash).await.status, 404);
    let kiosk = payee.invoice.post("/api/v1/payments/settle", json!({ "preimage": preimage })).await;
    assert_eq!(kiosk.status, 403);

    let done = settle(&payee, &preimage).await.ok();
    assert_eq!(done, json!([true, null, null, null, preimage, null]));
    let paid = details(&payee, &hash).await;
    assert_eq!((&paid["status"], &paid["preimage"]), (&json!("success"), &json!(preimage)));
    assert_eq!((&paid["extra"]["hold_invoice_settled"], payee.balance().await), (&json!(true), 21_000));
    assert_eq!(kinds(&payee).await, ["hold_accepted", "payment_received"]);
    // s41: neither a second word nor the opposite one changes anything
    for answer in [settle(&payee, &preimage).await, cancel(&payee, &hash).await] {
        assert_eq!((answer.status, answer.detail()), (520, "The hold invoice is settled already."));
    }
    assert_eq!(payee.balance().await, 21_000);
    server.assert_sound().await;
}

async fn money_goes_back_when_it_is_cancelled(plan: Plan) {
    let server = plan.start().await;
    let payee = server.wallet(0).await;
    let (preimage, hash) = secret(2);
    let bolt11 = issued(&payee, &hash, 21).await;
    server.ledger().pay_from_outside(&bolt11, None).unwrap();
    until_marked(&payee, &hash, "hold_invoice_accepted").await;
    assert_eq!(cancel(&payee, &hash).await.ok()[0], true);
    let gone = details(&payee, &hash).await;
    assert_eq!((&gone["status"], &gone["extra"]["hold_invoice_cancelled"]), (&json!("failed"), &json!(true)));
    assert_eq!(at_the_node(&server, &hash).await, InvoiceState::Closed);
    for answer in [settle(&payee, &preimage).await, cancel(&payee, &hash).await] {
        assert_eq!((answer.status, answer.detail()), (520, "The hold invoice was cancelled already."));
    }
    assert_eq!(payee.balance().await, 0);
    // one that nobody has paid can be cancelled too, and nobody can pay it then
    let (_, hash) = secret(3);
    let bolt11 = issued(&payee, &hash, 21).await;
    cancel(&payee, &hash).await.ok();
    assert!(server.ledger().pay_from_outside(&bolt11, None).is_err());
    assert_eq!(kinds(&payee).await, ["hold_accepted", "invoice_expired", "invoice_expired"]);
    let payer = server.wallet(100).await;
    assert_eq!(payer.pay(&bolt11).await.status, 520);
    assert_eq!(payer.balance().await, 100_000);
    server.assert_sound().await;
}

async fn money_of_a_wallet_here_is_held_as_well(plan: Plan) {
    let server = plan.start().await;
    let (payer, payee) = (server.wallet(100).await, server.wallet(0).await);
    let (preimage, hash) = secret(4);
    let bolt11 = issued(&payee, &hash, 21).await;
    let paying = payer.pay(&bolt11).await;
    assert_eq!((paying.status, &paying.body["status"]), (201, &json!("pending")));
    assert_eq!((payer.balance().await, payee.balance().await), (79_000, 0));
    assert_eq!(details(&payee, &hash).await["extra"]["hold_invoice_accepted"], true);
    server.assert_sound().await;
    let again = server.wallet(100).await;
    assert_eq!((again.pay(&bolt11).await.status, again.balance().await), (520, 100_000));
    until("nobody outside can pay it", || async {
        server.ledger().pay_from_outside(&bolt11, None).is_err()
            && at_the_node(&server, &hash).await == InvoiceState::Closed
    })
    .await;
    settle(&payee, &preimage).await.ok();
    for wallet in [&payer, &payee] {
        let paid = details(wallet, &hash).await;
        assert_eq!((&paid["status"], &paid["preimage"]), (&json!("success"), &json!(preimage)));
    }
    assert_eq!((payer.balance().await, payee.balance().await), (79_000, 21_000));
    assert_eq!(settle(&payee, &preimage).await.status, 520);
    assert_eq!(kinds(&payer).await, ["payment_received", "payment_sent"], "the top-up, and this");

    let (_, hash) = secret(5);
    let bolt11 = issued(&payee, &hash, 50).await;
    assert_eq!(payer.pay(&bolt11).await.body["status"], "pending");
    assert_eq!(payer.balance().await, 29_000);
    cancel(&payee, &hash).await.ok();
    assert_eq!((payer.balance().await, payee.balance().await), (79_000, 21_000));
    assert_eq!(details(&payer, &hash).await["status"], "failed");

    // the payer may choose the amount, here as well
    let (preimage, hash) = secret(50);
    let bolt11 = issued(&payee, &hash, 0).await;
    assert_eq!(payer.pay(&bolt11).await.status, 520);
    let body = json!({ "out": true, "bolt11": bolt11, "amount": 9 });
    assert_eq!(payer.admin.post("/api/v1/payments", body).await.ok()["status"], "pending");
    settle(&payee, &preimage).await.ok();
    assert_eq!(details(&payee, &hash).await["amount"], 9_000);
    assert_eq!((payer.balance().await, payee.balance().await), (70_000, 30_000));
    server.assert_sound().await;
}

/// s41: of two words at once, one counts.
async fn settling_and_cancelling_exclude_each_other(plan: Plan) {
    let server = plan.start().await;
    let (payer, payee) = (server.wallet(1000).await, server.wallet(0).await);
    for number in 10..22 {
        let (preimage, hash) = secret(number);
        let bolt11 = issued(&payee, &hash, 10).await;
        if number % 2 == 0 {
            payer.pay(&bolt11).await.ok();
        } else {
            server.ledger().pay_from_outside(&bolt11, None).unwrap();
            until_marked(&payee, &hash, "hold_invoice_accepted").await;
        }
        let before = payee.balance().await;
        let (one, two, three) =
            tokio::join!(settle(&payee, &preimage), cancel(&payee, &hash), settle(&payee, &preimage));
        let now = details(&payee, &hash).await;
        let gained = payee.balance().await - before;
        assert_eq!((now["status"] == "success", now["status"] == "failed"), (gained == 10_000, gained == 0));
        assert_eq!(two.status == 200, gained == 0, "{}", two.text);
        assert_eq!(one.status == 200 || three.status == 200, gained == 10_000, "{} {}", one.text, three.text);
    }
    let settled = payer.balance().await + payee.balance().await;
    assert!(settled >= 1_000_000, "nothing is lost on the way: {settled}");
    server.assert_sound().await;
}

macro_rules! on_both {
    ($($name:ident),*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() { super::$name(super::Plan::sqlite()).await; })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() { super::$name(super::Plan::postgres().await).await; })*
        }
    };
}

on_both!(
    money_from_outside_waits_for_the_preimage,
    money_goes_back_when_it_is_cancelled,
    money_of_a_wallet_here_is_held_as_well,
    settling_and_cancelling_exclude_each_other
);

/// s42: while the server was away, the time came to let go.
#[tokio::test(flavor = "multi_thread")]
async fn s42_what_nobody_settles_goes_back_before_the_deadline() {
    let server = Plan::sqlite().seeded().start().await;
    let (payer, payee) = (server.wallet(100).await, server.wallet(0).await);
    let ((_, outside), (_, inside)) = (secret(6), secret(7));
    let bolt11 = issued(&payee, &outside, 21).await;
    server.ledger().pay_from_outside(&bolt11, None).unwrap();
    until_marked(&payee, &outside, "hold_invoice_accepted").await;
    payer.pay(&issued(&payee, &inside, 30).await).await.ok();
    // the invoice itself has expired, and still the money is held
    server.clock.advance(21 * HOUR);
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    assert!(matches!(at_the_node(&server, &outside).await, InvoiceState::Held { .. }));
    assert_eq!(details(&payee, &outside).await["status"], "pending");
    let (plan, clock) = (server.twin(), server.clock.clone());
    drop(server.stop().await);
    // an hour and a half before the node would have to close a channel
    clock.advance(3 * HOUR / 2);
    let server = plan.start().await;
    let payee = Wallet { admin: server.key(&payee.admin_key), invoice: server.key(&payee.invoice_key), ..payee };
    let gone = until_marked(&payee, &outside, "hold_invoice_cancelled").await;
    assert_eq!(gone["status"], "failed");
    assert_eq!(at_the_node(&server, &outside).await, InvoiceState::Closed);
    // money of a wallet here has no channel behind it, and its whole day
    clock.advance(2 * HOUR);
    until_marked(&payee, &inside, "hold_invoice_cancelled").await;
    let payer = Wallet { admin: server.key(&payer.admin_key), invoice: server.key(&payer.invoice_key), ..payer };
    assert_eq!(payer.balance().await, 100_000);
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s42_a_node_that_cannot_be_told_is_an_alarm() {
    let server = Plan::sqlite().seeded().start().await;
    let payee = server.wallet(0).await;
    let (_, hash) = secret(8);
    let bolt11 = issued(&payee, &hash, 21).await;
    server.ledger().pay_from_outside(&bolt11, None).unwrap();
    until_marked(&payee, &hash, "hold_invoice_accepted").await;
    server.node.set_down(true);
    server.clock.advance(22 * HOUR + HOUR / 2);
    let alarms = || async { server.ledger().check().await.unwrap().audit.open_alarms };
    until("an alarm", || async { !alarms().await.is_empty() }).await;
    assert_eq!(alarms().await[0].kind.as_str(), "hold_stuck");
    // later questions raise no more of them, and other payments go on
    server.clock.advance(HOUR / 4);
    server.node.set_down(false);
    until_marked(&payee, &hash, "hold_invoice_cancelled").await;
    assert_eq!((alarms().await.len(), payee.balance().await), (1, 0));
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_the_node_did_not_hear_is_said_again() {
    let server = Plan::sqlite().seeded().start().await;
    let payee = server.wallet(0).await;
    let mut hashes = Vec::new();
    for number in [30, 31] {
        let (preimage, hash) = secret(number);
        let bolt11 = issued(&payee, &hash, 21).await;
        server.ledger().pay_from_outside(&bolt11, None).unwrap();
        until_marked(&payee, &hash, "hold_invoice_accepted").await;
        hashes.push((preimage, hash));
    }
    server.node.set_down(true);
    let (settled, cancelled) = (settle(&payee, &hashes[0].0).await, cancel(&payee, &hashes[1].1).await);
    for answer in [&settled, &cancelled] {
        assert_eq!((answer.status, &answer.body["status"]), (503, &json!("pending")), "{}", answer.text);
    }
    // the opposite is too late from here on, over a restart as well
    let plan = server.stop().await;
    let server = plan.start().await;
    let payee = Wallet { admin: server.key(&payee.admin_key), invoice: server.key(&payee.invoice_key), ..payee };
    assert_eq!(cancel(&payee, &hashes[0].1).await.status, 520);
    assert_eq!(settle(&payee, &hashes[1].0).await.status, 520);
    assert_eq!(payee.balance().await, 0);
    server.node.set_down(false);
    server.clock.advance(120);
    server.until(&payee, &hashes[0].1, Status::Success).await;
    until_marked(&payee, &hashes[1].1, "hold_invoice_cancelled").await;
    assert_eq!(payee.balance().await, 21_000);
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unpaid_one_expires_and_cannot_be_paid_then() {
    let server = Plan::sqlite().seeded().start().await;
    let payee = server.wallet(0).await;
    let (preimage, hash) = secret(9);
    issued(&payee, &hash, 21).await;
    server.clock.advance(HOUR + 2);
    until_marked(&payee, &hash, "hold_invoice_cancelled").await;
    assert_eq!(at_the_node(&server, &hash).await, InvoiceState::Closed);
    assert_eq!(settle(&payee, &preimage).await.status, 520);
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused() {
    let server = Server::start().await;
    let wallet = server.wallet(100).await;
    let (preimage, hash) = secret(40);
    for bad in ["00", "xyz", &hash[1..], &format!("{hash}00")] {
        let body = json!({ "out": false, "amount": 1, "payment_hash": bad });
        assert_eq!(wallet.invoice.post("/api/v1/payments", body).await.status, 400, "{bad}");
        assert_eq!(cancel(&wallet, bad).await.status, 400, "{bad}");
        let answer = settle(&wallet, bad).await;
        assert_eq!((answer.status, answer.detail()), (520, "Invalid preimage."));
    }
    assert_eq!((settle(&wallet, &preimage).await.status, cancel(&wallet, &hash).await.status), (404, 404));
    // an ordinary invoice is none, whatever its maker writes into it
    let body = json!({ "out": false, "amount": 1, "extra": { "hold_invoice": true, "hold_invoice_settled": true } });
    let made = wallet.invoice.post("/api/v1/payments", body).await.ok();
    assert_eq!(made["extra"].get("hold_invoice"), None);
    let none = cancel(&wallet, made["payment_hash"].as_str().unwrap()).await;
    assert_eq!((none.status, none.detail()), (520, "This is not a hold invoice."));
    server.node.set_capabilities(Capabilities { hold: false, ..Capabilities::ALL });
    let body = json!({ "out": false, "amount": 1, "payment_hash": hash });
    let answer = wallet.invoice.post("/api/v1/payments", body).await;
    assert_eq!((answer.status, answer.detail()), (520, "Hold invoices are not supported by this wallet."));
}
