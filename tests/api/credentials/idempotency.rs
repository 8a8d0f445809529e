//! `Idempotency-Key` (scenarios 44–49): whatever is repeated happens once, and is answered alike.

use std::{sync::Arc, time::Duration};

use reqwest::Method;
use satchel::{
    domain::{credential::Period, limits::Limits},
    funding::simulated::Script,
    ledger::Ledger,
};
use serde_json::{Value, json};

use super::kit::{Holder, budget, code, invoice_of, order};
use crate::{
    databases::Database,
    harness::{Answer, Caller, PASSWORD, Plan, Server, hash_of},
};

const PAYMENTS: &str = "/api/v1/payments";
const UUID: &str = "3f0cbe2e-0b49-4a7e-9d0b-6a3ad4ef7f10";

async fn keyed(caller: &Caller, key: &str, body: &Value) -> Answer {
    post(caller, PAYMENTS, key, body).await
}

async fn post(caller: &Caller, path: &str, key: &str, body: &Value) -> Answer {
    caller.raw(Method::POST, path, Some(body.to_string().into_bytes()), &[("Idempotency-Key", key)]).await
}

fn is_replayed(answer: &Answer) -> bool {
    answer.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
}

/// The same to the byte, and said to be so.
fn assert_again(again: &Answer, first: &Answer) {
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(again.headers.get("content-type"), first.headers.get("content-type"));
    assert!(is_replayed(again) && !is_replayed(first), "{}", again.text);
}

async fn count(ledger: &Ledger) -> i64 {
    ledger.page(satchel::domain::payment::Scope::All, Default::default()).await.unwrap().1
}

#[tokio::test(flavor = "multi_thread")]
async fn s44_the_same_request_is_answered_the_same_to_the_byte() {
    let server = Server::start().await;
    let (payer, shop) = (server.wallet(1000).await, server.wallet(0).await);
    let invoice = json!({ "out": false, "amount": 5, "memo": "tea" });
    let asks = [
        (201, invoice.clone()),
        (201, order(&invoice_of(&shop, 10).await)),
        (201, order(&server.outside_invoice(20_000, ""))),
        (520, order(&server.outside_invoice(20_000, "sim:fail"))),
        (503, order(&server.outside_invoice(20_000, "sim:refused"))),
        (520, order(&server.outside_invoice(5_000_000, ""))),
        (520, order("nonsense")),
        (400, json!({ "out": false, "amount": "x" })),
        (400, json!({ "out": true })),
    ];
    for (number, (status, ask)) in asks.iter().enumerate() {
        let key = format!("key-{number}");
        let first = keyed(&payer.admin, &key, ask).await;
        assert_eq!(first.status, *status, "{}", first.text);
        let (payments, balance) = (count(server.ledger()).await, payer.balance().await);
        for _ in 0..2 {
            assert_again(&keyed(&payer.admin, &key, ask).await, &first);
        }
        assert_eq!((count(server.ledger()).await, payer.balance().await), (payments, balance), "{ask}");
    }
    let without = payer.admin.post(PAYMENTS, invoice).await;
    assert!(!is_replayed(&without));
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s44_what_says_nothing_of_the_request_can_be_tried_again() {
    let plan = Plan::sqlite().seeded();
    let server = plan.start().await;
    let shop = server.wallet(0).await;
    let alice = Holder::new(&server, "alice", 10_000).await;
    let key = alice.mint(&server, budget(100, Period::Day), None).await;
    let ask = order(&invoice_of(&shop, 60).await);
    assert_eq!(key.pay(&invoice_of(&shop, 60).await).await.status, 201);
    for _ in 0..2 {
        let refused = keyed(&key.caller, "retry", &ask).await;
        assert_eq!((code(&refused), is_replayed(&refused)), ((403, "budget_exceeded"), false));
    }
    server.clock.advance(24 * 3600);
    let later = json!({ "out": true, "bolt11": invoice_of(&shop, 60).await });
    assert_eq!(keyed(&key.caller, "retry", &later).await.status, 201, "a refusal does not use up the key");

    server.node.set_down(true);
    let invoice = json!({ "out": false, "amount": 5 });
    let wallet = server.wallet(0).await;
    let down = keyed(&wallet.invoice, "node", &invoice).await;
    assert_eq!(code(&down), (503, "funding_source_unavailable"));
    server.node.set_down(false);
    let up = keyed(&wallet.invoice, "node", &invoice).await;
    assert_eq!((up.status, is_replayed(&up)), (201, false));
    let pay = order(&server.outside_invoice(1000, ""));
    assert_eq!(keyed(&wallet.invoice, "right", &pay).await.status, 403);
    assert_eq!(keyed(&server.key("nobody"), "right", &pay).await.status, 404);
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s45_another_request_under_the_key_is_refused_and_the_difference_named() {
    let server = Server::start().await;
    let wallet = server.wallet(100).await;
    let first = json!({ "out": false, "amount": 5, "memo": "tea", "extra": { "a": 1, "b": [1, 2] } });
    assert_eq!(keyed(&wallet.admin, "k", &first).await.status, 201);
    for (other, differing) in [
        (json!({ "out": false, "amount": 6, "memo": "tea", "extra": { "a": 1, "b": [1, 2] } }), json!(["amount"])),
        (json!({ "out": false, "amount": 5, "memo": "te", "unit": "sat" }), json!(["extra", "memo", "unit"])),
        (json!({ "out": false, "amount": 5, "memo": "tea", "extra": { "a": 1, "b": [2, 1] } }), json!(["extra"])),
    ] {
        let refused = keyed(&wallet.admin, "k", &other).await;
        assert_eq!(code(&refused), (422, "idempotency_mismatch"), "{}", refused.text);
        assert_eq!(refused.body["differing"], differing);
    }
    let rearranged = r#" {"extra": {"b":[1,2], "a":1}, "memo":"tea","amount":5,"out":false}"#;
    let headers = [("Idempotency-Key", "k")];
    let again = wallet.admin.raw(Method::POST, PAYMENTS, Some(rearranged.into()), &headers).await;
    assert!(is_replayed(&again), "{}", again.text);
    let nothing = wallet.admin.raw(Method::POST, PAYMENTS, Some(b"[".to_vec()), &headers).await;
    assert_eq!(nothing.status, 422);
    assert_eq!(count(server.ledger()).await, 2);
    // another wallet and another route are other requests
    let alice = Holder::new(&server, "alice", 0).await;
    let ask = json!({ "name": "second" });
    assert_eq!(post(&alice.session, "/api/v1/wallet", "k", &ask).await.status, 200);
    let refused = post(&alice.session, PAYMENTS, "k", &ask).await;
    assert_eq!(refused.status, 400, "no wallet is named, before anything");
    let body = Some(ask.to_string().into_bytes());
    let headers = [("Idempotency-Key", "k"), ("X-Wallet-Id", alice.wallet.as_str())];
    let refused = alice.session.raw(Method::POST, PAYMENTS, body, &headers).await;
    assert_eq!((refused.status, &refused.body["differing"]), (422, &json!(["(path)", "(wallet)"])));
}

/// Fifty at once over both servers: one is carried out, and all hear the same.
async fn fifty_at_once_pay_once(servers: [&Server; 2]) {
    let server = servers[0];
    let (payer, shop) = (server.wallet(1000).await, server.wallet(0).await);
    for outside in [false, true] {
        let bolt11 = if outside { server.outside_invoice(10_000, "") } else { invoice_of(&shop, 10).await };
        if outside {
            server.node.script(&hash_of(&bolt11), Script::Never);
        }
        let ask = order(&bolt11);
        let (before, balance) = (count(server.ledger()).await, payer.balance().await);
        let callers: Vec<Caller> = (0..50).map(|number| servers[number % 2].key(&payer.admin_key)).collect();
        let key = format!("fifty-{outside}");
        let answers = futures_util::future::join_all(callers.iter().map(|caller| keyed(caller, &key, &ask))).await;
        let heard: Vec<&Answer> = answers.iter().filter(|answer| answer.status != 409).collect();
        assert_eq!(heard.iter().filter(|answer| !is_replayed(answer)).count(), 1, "one was carried out");
        for answer in &heard {
            assert_eq!((answer.status, &answer.text), (201, &heard[0].text));
        }
        for busy in answers.iter().filter(|answer| answer.status == 409) {
            assert_eq!(code(busy), (409, "idempotency_in_progress"));
            assert!(busy.headers.contains_key("retry-after"));
        }
        assert!(is_replayed(&keyed(&callers[1], &key, &ask).await));
        assert_eq!(count(server.ledger()).await, before + 1);
        assert!(payer.balance().await < balance);
    }
    assert_eq!(shop.balance().await, 10_000);
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s46_fifty_at_once_pay_once_on_sqlite() {
    let server = Server::start().await;
    fifty_at_once_pay_once([&server, &server]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s46_fifty_at_once_pay_once_over_two_servers() {
    let server = Plan::postgres().await.start().await;
    let twin = server.twin().start().await;
    fifty_at_once_pay_once([&server, &twin]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s46_who_waits_in_vain_is_told_when_to_ask_again() {
    let plan = Plan::sqlite();
    let limits = Limits { pay_wait_ms: 60_000, ..plan.limits.clone() };
    let server = Plan { limits, ..plan }.start().await;
    let payer = server.wallet(1000).await;
    let bolt11 = server.outside_invoice(10_000, "");
    server.node.script(&hash_of(&bolt11), Script::Delay(12_000, satchel::funding::simulated::Ending::Paid));
    let (ask, caller) = (order(&bolt11), payer.admin.clone());
    let first = tokio::spawn({
        let ask = ask.clone();
        async move { keyed(&caller, "slow", &ask).await }
    });
    until_sent(&server, &bolt11).await;
    let busy = keyed(&payer.admin, "slow", &ask).await;
    assert_eq!((code(&busy), busy.headers["retry-after"].to_str().unwrap()), ((409, "idempotency_in_progress"), "2"));
    let first = first.await.unwrap();
    assert_eq!((first.status, &first.body["status"]), (201, &json!("success")));
    assert_again(&keyed(&payer.admin, "slow", &ask).await, &first);
}

async fn until_sent(server: &Server, bolt11: &str) {
    for _ in 0..1200 {
        if !server.node.attempts_of(&hash_of(bolt11)).is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("never sent: {bolt11}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s47_each_credential_has_keys_of_its_own_and_logins_of_an_account_share_theirs() {
    let server = Server::start().await;
    let (one, other) = (server.wallet(0).await, server.wallet(0).await);
    let ask = json!({ "out": false, "amount": 5 });
    let mut hashes = std::collections::HashSet::new();
    for caller in [&one.admin, &one.invoice, &other.admin] {
        let made = keyed(caller, "same", &ask).await;
        assert!(!is_replayed(&made));
        hashes.insert(made.ok()["payment_hash"].to_string());
    }
    assert_eq!(hashes.len(), 3);
    let alice = Holder::new(&server, "alice", 0).await;
    let minted = alice.mint(&server, Default::default(), None).await;
    let first = keyed(&alice.session, "same", &ask).await;
    let login = json!({ "username": "alice", "password": PASSWORD });
    let token = server.anybody().post("/api/v1/auth", login).await.ok();
    let again = server.bearer(token["access_token"].as_str().unwrap());
    assert_again(&keyed(&again, "same", &ask).await, &first);
    assert!(!is_replayed(&keyed(&minted.caller, "same", &ask).await));
}

/// As if the server that carried it out had died before it wrote down its answer.
async fn forget_the_answer(database: &Database, lease_until: i64) {
    let sql = format!("UPDATE idempotency SET response = NULL, owner = 'gone', lease_until = {lease_until}");
    database.execute(&sql).await.unwrap();
}

async fn a_lost_answer_is_found_again(plan: Plan) {
    let database = Arc::clone(&plan.database);
    let server = plan.start().await;
    let root = server.super_user().await;
    let (payer, shop) = (server.wallet(1000).await, server.wallet(0).await);
    let asks = [
        json!({ "out": false, "amount": 5, "memo": "tea" }),
        order(&invoice_of(&shop, 10).await),
        order(&server.outside_invoice(20_000, "")),
        order(&server.outside_invoice(20_000, "sim:fail")),
    ];
    for (number, ask) in asks.iter().enumerate() {
        let key = format!("lost-{number}");
        let first = keyed(&payer.admin, &key, ask).await;
        let (payments, balance) = (count(server.ledger()).await, payer.balance().await);
        forget_the_answer(&database, 0).await;
        let found = keyed(&payer.admin, &key, ask).await;
        let without_id = |answer: &Answer| {
            let mut body = answer.body.clone();
            body.as_object_mut().unwrap().remove("request_id");
            (answer.status, body)
        };
        assert_eq!(without_id(&found), without_id(&first));
        assert_eq!((count(server.ledger()).await, payer.balance().await), (payments, balance), "{ask}");
        assert_again(&keyed(&payer.admin, &key, ask).await, &found);
    }
    for sat in [7, -3] {
        let before = payer.balance().await;
        let ask = json!({ "id": payer.id, "amount": sat }).to_string().into_bytes();
        let key = format!("sum{sat}");
        let put = async || {
            let headers = [("Idempotency-Key", key.as_str())];
            root.raw(Method::PUT, "/users/api/v1/balance", Some(ask.clone()), &headers).await
        };
        let first = put().await;
        assert_eq!(first.status, 200, "{}", first.text);
        assert_again(&put().await, &first);
        forget_the_answer(&database, 0).await;
        assert_eq!(put().await.text, first.text);
        assert_eq!(payer.balance().await, before + sat * 1000);
    }
    // nothing had happened yet when the server died
    let ask = order(&server.outside_invoice(2_000_000, ""));
    assert_eq!(code(&keyed(&payer.admin, "poor", &ask).await), (520, "insufficient_balance"));
    forget_the_answer(&database, 0).await;
    server.ledger().adjust(payer.id.clone(), satchel::domain::Msat(3_000_000)).await.unwrap();
    assert_eq!(keyed(&payer.admin, "poor", &ask).await.status, 201);
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s48_a_lost_answer_is_found_again_on_sqlite() {
    a_lost_answer_is_found_again(Plan::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s48_a_lost_answer_is_found_again_on_postgres() {
    a_lost_answer_is_found_again(Plan::postgres().await).await;
}

/// Another server of the database may still be at it: only when its time is over is it taken over.
#[tokio::test(flavor = "multi_thread")]
async fn s48_a_server_that_may_be_alive_is_waited_for() {
    let plan = Plan::postgres().await.seeded();
    let database = Arc::clone(&plan.database);
    let server = plan.start().await;
    let payer = server.wallet(1000).await;
    let ask = order(&server.outside_invoice(20_000, ""));
    let first = keyed(&payer.admin, "k", &ask).await;
    assert_eq!(first.status, 201);
    forget_the_answer(&database, server.clock.now().plus_seconds(30).0).await;
    assert_eq!(code(&keyed(&payer.admin, "k", &ask).await), (409, "idempotency_in_progress"));
    server.clock.advance(31);
    let found = keyed(&payer.admin, "k", &ask).await;
    assert_eq!((found.status, found.body["payment_hash"].clone()), (201, first.body["payment_hash"].clone()));
    assert_eq!(server.node.duplicate_sends(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s22_who_hangs_up_hears_the_answer_when_he_asks_again() {
    let server = Server::start().await;
    let payer = server.wallet(1000).await;
    let bolt11 = server.outside_invoice(20_000, "");
    server.node.script(&hash_of(&bolt11), Script::Delay(200, satchel::funding::simulated::Ending::Paid));
    let (ask, caller) = (order(&bolt11), payer.admin.clone());
    let gone = tokio::spawn({
        let ask = ask.clone();
        async move { keyed(&caller, "gone", &ask).await }
    });
    until_sent(&server, &bolt11).await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    let heard = keyed(&payer.admin, "gone", &ask).await;
    assert_eq!((heard.status, is_replayed(&heard)), (201, true), "{}", heard.text);
    assert_eq!(server.node.sends_of(&hash_of(&bolt11)), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn s49_after_a_day_the_key_is_a_new_one_and_what_was_paid_stays_paid() {
    let server = Plan::sqlite().seeded().start().await;
    let payer = server.wallet(1000).await;
    let ask = json!({ "out": false, "amount": 5 });
    let bolt11 = server.ledger().invoice_from_outside(satchel::domain::Msat(20_000), "", 200_000).unwrap();
    let pay = order(&bolt11);
    let (made, paid) = (keyed(&payer.admin, "i", &ask).await, keyed(&payer.admin, "p", &pay).await);
    let forget = async || {
        let before = server.clock.now().plus_seconds(-satchel::idempotency::KEPT_SECONDS);
        server.store.idempotency_forget(before).await.unwrap();
    };
    server.clock.advance(24 * 3600 - 1);
    forget().await;
    assert_again(&keyed(&payer.admin, "i", &ask).await, &made);
    assert_again(&keyed(&payer.admin, "p", &pay).await, &paid);
    server.clock.advance(2);
    forget().await;
    let new = keyed(&payer.admin, "i", &ask).await;
    assert_ne!((is_replayed(&new), new.ok()["payment_hash"].clone()), (false, made.ok()["payment_hash"].clone()));
    assert_eq!(code(&keyed(&payer.admin, "p", &pay).await), (520, "already_paid"));
    assert_eq!(server.node.sends_of(&hash_of(&bolt11)), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_one_header_of_visible_characters() {
    let server = Server::start().await;
    let wallet = server.wallet(0).await;
    let ask = json!({ "out": false, "amount": 5 });
    let long = "k".repeat(256);
    for bad in ["", " ", "a b", "é", &long] {
        let refused = keyed(&wallet.invoice, bad, &ask).await;
        assert_eq!(code(&refused), (400, "invalid_request"), "{bad:?}");
        assert!(refused.detail().contains("Idempotency-Key"), "{}", refused.text);
    }
    let twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")];
    let body = Some(ask.to_string().into_bytes());
    assert_eq!(wallet.invoice.raw(Method::POST, PAYMENTS, body, &twice).await.status, 400);
    assert_eq!(keyed(&server.anybody(), "", &ask).await.status, 401, "who calls comes first");
    for good in ["k", "!~", &long[1..]] {
        assert_eq!(keyed(&wallet.invoice, good, &ask).await.status, 201);
    }
    let headers = [("Origin", "https://a.example"), ("Access-Control-Request-Method", "POST")];
    let preflight = server.anybody().raw(Method::OPTIONS, PAYMENTS, None, &headers).await;
    assert!(preflight.headers["access-control-allow-headers"].to_str().unwrap().contains("Idempotency-Key"));
}

/// Answers hold secrets, and requests what nobody else should read: neither is in clear in the database.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_minted_once_and_its_copy_is_sealed() {
    let plan = Plan::sqlite();
    let database = Arc::clone(&plan.database);
    let server = plan.start().await;
    let ask = json!({ "name": "a very private name" });
    let account = "/api/v1/account";
    let short = post(&server.anybody(), account, "guess", &ask).await;
    assert_eq!((short.status, short.detail().contains("32")), (400, true), "{}", short.text);
    let first = post(&server.anybody(), account, UUID, &ask).await;
    assert_again(&post(&server.anybody(), account, UUID, &ask).await, &first);
    let secret = first.ok()["adminkey"].as_str().unwrap().to_owned();
    let lines = database
        .lines("SELECT hex(key_hash) || ' ' || hex(response) || ' ' || hex(fields) || ' ' || fields AS line FROM idempotency")
        .await;
    assert_eq!(lines.len(), 1);
    for private in [secret.as_str(), "a very private name", UUID] {
        let hex = satchel::domain::ids::to_hex(private.as_bytes()).to_uppercase();
        assert!(!lines[0].contains(private) && !lines[0].contains(&hex), "{private} is in clear");
    }
    assert!(lines[0].contains("name"), "names of fields are there: {}", lines[0]);
}

/// The wallets of a holder are his, whoever asks under the same key.
#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_made_twice_under_a_key_is_one() {
    let server = Server::start().await;
    let alice = Holder::new(&server, "alice", 0).await;
    let ask = json!({ "name": "second" });
    let first = post(&alice.session, "/api/v1/wallet", "w", &ask).await;
    assert_again(&post(&alice.session, "/api/v1/wallet", "w", &ask).await, &first);
    assert_eq!(alice.session.get("/api/v1/wallets").await.ok().as_array().unwrap().len(), 2);
}
