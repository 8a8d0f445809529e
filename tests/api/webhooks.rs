//! Webhooks, from outside: who is told, in which order, signed how, and what happens when nobody is there.

use std::time::Duration;

use reqwest::Method;
use satchel::{
    domain::{Msat, webhook::CallbackRules},
    store::types::Receipt,
    webhooks::{of_key, sign},
};
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Caller, Plan, Server, Wallet},
    receiver::{Call, Receiver},
};

/// A server whose callbacks may go to this machine.
fn open(plan: Plan) -> Plan {
    let mut plan = plan;
    plan.limits.callbacks = CallbackRules { origins: Vec::new(), allow_private: true };
    plan
}

async fn webhook(wallet: &Wallet, body: Value) -> Answer {
    wallet.admin.post("/api/v1/webhooks", body).await
}

async fn invoice(wallet: &Wallet, body: Value) -> Value {
    let mut whole = json!({ "out": false, "amount": 21 });
    whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    wallet.invoice.post("/api/v1/payments", whole).await.ok()
}

/// Waits until the last delivery of a webhook is as it should be.
async fn settled(wallet: &Wallet, id: &str, state: &str) -> Value {
    for _ in 0..1000 {
        let all = wallet.admin.get(&format!("/api/v1/webhooks/{id}/deliveries")).await.ok();
        if all["data"].as_array().unwrap().iter().any(|delivery| delivery["state"] == state) {
            return all;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no delivery is {state}");
}

async fn endpoints_hear_of_what_they_want(plan: Plan) {
    let server = open(plan).start().await;
    let receiver = Receiver::start().await;
    let (payer, payee) = (server.wallet(1000).await, server.wallet(0).await);
    let all = webhook(&payee, json!({ "url": format!("{}/all", receiver.url) })).await;
    assert_eq!(all.status, 201);
    let all = all.ok();
    let (id, secret) = (all["id"].as_str().unwrap(), all["secret"].as_str().unwrap().to_owned());
    assert!(secret.starts_with("whsec_") && secret.len() == 70);
    let some = json!({ "url": format!("{}/sent", receiver.url), "events": ["payment_sent"] });
    webhook(&payer, some).await.ok();
    let made = invoice(&payee, json!({ "memo": "tea" })).await;
    payer.pay(made["bolt11"].as_str().unwrap()).await.ok();
    let calls = receiver.wait_for(2).await;
    let call = |path: &str| calls.iter().find(|call| call.path == path).unwrap().clone();
    let got = call("/all");
    let event = payee.invoice.get("/api/v1/events").await.ok()["data"][0].clone();
    let body = got.json();
    for key in ["id", "type", "created_at", "balance_msat"] {
        assert_eq!(body[key], event[key], "{key}");
    }
    assert_eq!((&body["type"], &body["wallet_id"]), (&json!("payment_received"), &json!(payee.id.to_string())));
    assert_eq!(body["payment"]["payment_hash"], made["payment_hash"]);
    assert_eq!(
        (got.headers["satchel-event"].as_str(), got.headers["content-type"].as_str()),
        ("payment_received", "application/json")
    );
    let signature = &got.headers["lnbits-signature"];
    let at = signature.strip_prefix("t=").unwrap().split(',').next().unwrap().parse().unwrap();
    assert_eq!(*signature, sign(std::slice::from_ref(&secret), satchel::domain::Time::from_unix(at), &got.body));
    assert_eq!(call("/sent").json()["type"], "payment_sent");
    // the secret is never told again, and the log of deliveries says what happened
    let read = payee.admin.get(&format!("/api/v1/webhooks/{id}")).await;
    assert!(!read.text.contains("whsec_") && read.ok()["enabled"] == true);
    let log = settled(&payee, id, "delivered").await;
    assert_eq!(
        (&log["total"], &log["data"][0]["attempts"], &log["data"][0]["last_status"]),
        (&json!(1), &json!(1), &json!(200))
    );
    assert!(log["data"][0].get("next_at").is_none());
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_hear_of_what_they_want_on_sqlite() {
    endpoints_hear_of_what_they_want(Plan::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_hear_of_what_they_want_on_postgres() {
    endpoints_hear_of_what_they_want(Plan::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_field_of_an_invoice_is_told_twice_encoded_and_its_answer_is_noted() {
    let server = open(Plan::sqlite()).start().await;
    let receiver = Receiver::start().await;
    let (payer, payee) = (server.wallet(1000).await, server.wallet(0).await);
    receiver.answers(&[404]);
    let made = invoice(&payee, json!({ "webhook": format!("{}/own", receiver.url) })).await;
    payer.pay(made["bolt11"].as_str().unwrap()).await.ok();
    let call = receiver.wait_for(1).await.remove(0);
    let inner: String = serde_json::from_slice(&call.body).unwrap();
    let payment: Value = serde_json::from_str(&inner).unwrap();
    assert_eq!((&payment["payment_hash"], &payment["status"]), (&made["payment_hash"], &json!("success")));
    assert_eq!(payment["webhook_status"], Value::Null);
    let signature = &call.headers["lnbits-signature"];
    let at = signature.strip_prefix("t=").unwrap().split(',').next().unwrap().parse().unwrap();
    let secret = of_key(&payee.admin_key);
    assert_eq!(*signature, sign(&[secret], satchel::domain::Time::from_unix(at), &call.body));
    let path = format!("/api/v1/payments/{}", made["payment_hash"].as_str().unwrap());
    for expected in ["404", "200"] {
        let mut noted = Value::Null;
        for _ in 0..500 {
            noted = payee.invoice.get(&path).await.ok()["details"]["webhook_status"].clone();
            if noted == expected {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(noted, expected);
        // it is tried again, and then it arrives
        server.clock.advance(60);
    }
    assert_eq!(receiver.wait_for(2).await.len(), 2);
}

/// Waits until the oldest delivery of a webhook has been tried so often, and that is written down.
async fn tried(client: &Caller, id: &str, attempts: u64) {
    for _ in 0..1000 {
        let all = client.get(&format!("/api/v1/webhooks/{id}/deliveries")).await.ok();
        if all["data"].as_array().unwrap().last().is_some_and(|delivery| delivery["attempts"] == attempts) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no attempt {attempts} is noted");
}

/// s63: nobody is there for hours; then all of it arrives, once and in order, over a restart.
#[tokio::test(flavor = "multi_thread")]
async fn s63_what_nobody_took_arrives_later_in_order() {
    let server = open(Plan::sqlite().seeded()).start().await;
    let receiver = Receiver::start().await;
    receiver.answers(&[500; 4]);
    let (payer, payee) = (server.wallet(1000).await, server.wallet(0).await);
    let made = webhook(&payee, json!({ "url": receiver.url })).await.ok();
    let id = made["id"].as_str().unwrap().to_owned();
    let mut hashes = Vec::new();
    for _ in 0..3 {
        let made = invoice(&payee, json!({})).await;
        payer.pay(made["bolt11"].as_str().unwrap()).await.ok();
        hashes.push(made["payment_hash"].clone());
    }
    // the next attempt is set when the one before has ended, so the clock waits for that
    tried(&payee.admin, &id, 1).await;
    for attempt in 2..=3 {
        server.clock.advance(4 * 3600);
        tried(&payee.admin, &id, attempt).await;
    }
    // in between the server is stopped and started
    let plan = server.stop().await;
    let server = open(plan).start().await;
    let owner = server.key(&payee.admin_key);
    server.clock.advance(8 * 3600);
    tried(&owner, &id, 4).await;
    server.clock.advance(8 * 3600);
    let calls = receiver.wait_for(7).await;
    let of = |call: &Call| call.json()["payment"]["payment_hash"].clone();
    assert!(calls[..5].iter().all(|call| of(call) == hashes[0]), "the first one is tried until it is taken");
    assert_eq!(calls[4..].iter().map(of).collect::<Vec<_>>(), hashes);
    assert_eq!(calls[0].json()["id"], calls[4].json()["id"], "a repetition is known by the event's id");
    let log = owner.get(&format!("/api/v1/webhooks/{id}/deliveries")).await.ok();
    assert_eq!((&log["total"], &log["data"][2]["attempts"]), (&json!(3), &json!(5)));
    assert_eq!(receiver.calls().len(), 7);
}

/// s29: the receipt is committed, and then the server is gone before anybody was told.
#[tokio::test(flavor = "multi_thread")]
async fn s29_what_was_committed_before_a_crash_is_reported_after_it() {
    let server = open(Plan::sqlite()).start().await;
    let receiver = Receiver::start().await;
    let payee = server.wallet(0).await;
    webhook(&payee, json!({ "url": receiver.url })).await.ok();
    let made = invoice(&payee, json!({})).await;
    let payment_hash = made["payment_hash"].as_str().unwrap().parse().unwrap();
    let plan = server.stop().await;
    let store = plan.database.reopened().await;
    let receipt = Receipt { payment_hash, amount: Msat(21_000), preimage_sealed: None, at: plan.clock.now() };
    store.receive(receipt).await.unwrap();
    drop(store);
    assert!(receiver.calls().is_empty());
    let server = open(plan).start().await;
    let calls = receiver.wait_for(1).await;
    let events = server.key(&payee.invoice_key).get("/api/v1/events").await.ok();
    assert_eq!(calls[0].json()["id"], events["data"][0]["id"]);
    assert_eq!(calls[0].json()["payment"]["payment_hash"], made["payment_hash"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_never_answers_is_given_up_after_three_days() {
    let server = open(Plan::sqlite().seeded()).start().await;
    let wallet = server.wallet(0).await;
    // nobody listens there
    let made = webhook(&wallet, json!({ "url": "http://127.0.0.1:1/" })).await.ok();
    let id = made["id"].as_str().unwrap();
    wallet.admin.post(&format!("/api/v1/webhooks/{id}/test"), json!({})).await.ok();
    for _ in 0..40 {
        server.clock.advance(12 * 3600);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let log = wallet.admin.get(&format!("/api/v1/webhooks/{id}/deliveries")).await.ok();
        if log["data"][0]["state"] == "failed" {
            assert_eq!(log["data"][0]["last_error"], "The target cannot be reached.");
            assert_eq!(log["data"][0]["last_status"], Value::Null);
            return;
        }
    }
    // attempts are seconds apart at first, so that the clock has to pass them one by one
    settled(&wallet, id, "failed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_rotate_with_an_overlap_and_reports_can_be_sent_again() {
    let server = open(Plan::sqlite().seeded()).start().await;
    let receiver = Receiver::start().await;
    let wallet = server.wallet(0).await;
    let made = webhook(&wallet, json!({ "url": receiver.url, "description": "shop" })).await.ok();
    let (id, old) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap().to_owned());
    let at = format!("/api/v1/webhooks/{id}");
    let new = wallet.admin.post(&format!("{at}/rotate"), json!({ "overlap_seconds": 60 })).await.ok();
    let new = new["secret"].as_str().unwrap().to_owned();
    assert_ne!(old, new);
    let test = wallet.admin.post(&format!("{at}/test"), json!({})).await;
    assert_eq!((test.status, &test.body["event_id"]), (201, &json!(0)));
    let call = receiver.wait_for(1).await.remove(0);
    assert_eq!((&call.json()["type"], &call.json()["payment"]), (&json!("test"), &Value::Null));
    let moment = |call: &Call| {
        let header = call.headers["lnbits-signature"].clone();
        satchel::domain::Time::from_unix(header[2..].split(',').next().unwrap().parse().unwrap())
    };
    let both = [new.clone(), old];
    assert_eq!(call.headers["lnbits-signature"], sign(&both, moment(&call), &call.body));
    let log = settled(&wallet, id, "delivered").await;
    let number = log["data"][0]["id"].as_i64().unwrap();
    server.clock.advance(61);
    let again = wallet.admin.post(&format!("{at}/deliveries/{number}/redeliver"), json!({})).await;
    assert_eq!(again.status, 201);
    let call = receiver.wait_for(2).await.remove(1);
    assert_eq!(call.headers["lnbits-signature"], sign(&[new], moment(&call), &call.body));
    assert_eq!(wallet.admin.post(&format!("{at}/deliveries/999/redeliver"), json!({})).await.status, 404);
    assert_eq!(wallet.admin.post(&format!("{at}/rotate"), json!({ "overlap_seconds": 1e9 })).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_their_wallets_own_and_can_be_switched_off() {
    let server = open(Plan::sqlite()).start().await;
    let receiver = Receiver::start().await;
    let (payer, payee) = (server.wallet(1000).await, server.wallet(0).await);
    let made = webhook(&payee, json!({ "url": receiver.url })).await.ok();
    let at = format!("/api/v1/webhooks/{}", made["id"].as_str().unwrap());
    assert_eq!(payer.admin.get(&at).await.status, 404);
    assert_eq!(payer.admin.delete(&at).await.status, 404);
    assert_eq!(payee.invoice.get("/api/v1/webhooks").await.status, 403);
    assert_eq!(payer.admin.get("/api/v1/webhooks").await.ok(), json!([]));
    let off = payee.admin.patch(&at, json!({ "enabled": false })).await.ok();
    assert_eq!((&off["enabled"], &off["url"]), (&json!(false), &json!(receiver.url)));
    let unheard = invoice(&payee, json!({})).await;
    payer.pay(unheard["bolt11"].as_str().unwrap()).await.ok();
    assert_eq!(payee.admin.post(&format!("{at}/test"), json!({})).await.status, 400);
    // wait until the event has been looked at: what happens while a webhook is off is never reported
    let other = webhook(&payee, json!({ "url": format!("{}/other", receiver.url) })).await.ok();
    let heard = invoice(&payee, json!({})).await;
    payer.pay(heard["bolt11"].as_str().unwrap()).await.ok();
    let calls = receiver.wait_for(1).await;
    assert_eq!(calls[0].path, "/other");
    payee.admin.patch(&at, json!({ "enabled": true, "events": ["payment_received"] })).await.ok();
    let last = invoice(&payee, json!({})).await;
    payer.pay(last["bolt11"].as_str().unwrap()).await.ok();
    receiver.wait_for(3).await;
    assert_eq!(payee.admin.delete(&at).await.ok(), json!({ "deleted": true }));
    assert_eq!(payee.admin.get(&at).await.status, 404);
    assert_eq!(payee.admin.get("/api/v1/webhooks").await.ok().as_array().unwrap().len(), 1);
    for body in [
        json!({ "url": "ftp://a.example" }),
        json!({ "url": "https://u:p@a.example" }),
        json!({ "url": "" }),
        json!({}),
        json!({ "url": receiver.url, "events": ["everything"] }),
        json!({ "url": receiver.url, "description": "x".repeat(641) }),
        json!({ "url": receiver.url, "wallet_id": payer.id.to_string() }),
    ] {
        assert_eq!(webhook(&payee, body.clone()).await.status, 400, "{body}");
    }
    for number in 0..25 {
        let made = webhook(&payee, json!({ "url": receiver.url })).await;
        assert_eq!(made.status, if number < 19 { 201 } else { 400 }, "{number}");
    }
    drop(other);
}

/// s64: the operator's rules hold when a webhook is made and again when it is used; redirects lead nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn s64_webhooks_do_not_reach_where_they_must_not() {
    let server = Server::start().await;
    let receiver = Receiver::start().await;
    let wallet = server.wallet(0).await;
    let refused = webhook(&wallet, json!({ "url": "http://127.0.0.1:8080/x" })).await;
    let text = "Callback URL origin 'http://127.0.0.1:8080' is not allowed. Please check your admin settings.";
    assert_eq!((refused.status, refused.detail()), (400, text));
    let refused = wallet
        .invoice
        .post("/api/v1/payments", json!({ "out": false, "amount": 1, "webhook": "http://127.0.0.1/" }))
        .await;
    assert_eq!(refused.status, 400);
    let root = server.super_user().await;
    assert_eq!(root.put("/admin/api/v1/settings", json!({ "lnbits_callback_url_rules": ["("] })).await.status, 400);
    root.put("/admin/api/v1/settings", json!({ "lnbits_callback_url_rules": [] })).await.ok();
    // any origin, but no private address
    let made = webhook(&wallet, json!({ "url": receiver.url })).await.ok();
    let id = made["id"].as_str().unwrap();
    let test = async || wallet.admin.post(&format!("/api/v1/webhooks/{id}/test"), json!({})).await.ok();
    test().await;
    let mut log = Value::Null;
    for _ in 0..500 {
        log = wallet.admin.get(&format!("/api/v1/webhooks/{id}/deliveries")).await.ok()["data"][0].clone();
        if log["attempts"] != 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(
        (&log["state"], &log["last_error"]),
        (&json!("pending"), &json!("The target resolves to a private or non-global IP address."))
    );
    assert!(receiver.calls().is_empty());
    root.put("/admin/api/v1/settings", json!({ "lnbits_callback_allow_private_ips": true })).await.ok();
    let second = webhook(&wallet, json!({ "url": receiver.url })).await.ok();
    receiver.answers(&[302]);
    wallet.admin.post(&format!("/api/v1/webhooks/{}/test", second["id"].as_str().unwrap()), json!({})).await.ok();
    receiver.wait_for(1).await;
    let log = settled(&wallet, second["id"].as_str().unwrap(), "pending").await;
    assert_eq!(log["data"][0]["state"], "pending");
}

async fn keys_in_new_hands_are_told(plan: Plan) {
    let mut plan = open(plan);
    plan.limits.tiers.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let server = plan.start().await;
    let receiver = Receiver::start().await;
    let wallet = server.wallet(1000).await;
    let to = |path: &str| format!("{}/{path}", receiver.url);
    webhook(&wallet, json!({ "url": to("keys"), "events": ["key_new_address"] })).await.ok();
    webhook(&wallet, json!({ "url": to("money"), "events": ["payment_received"] })).await.ok();
    let from = async |caller: &Caller, address: &str| {
        let answer = caller.raw(Method::GET, "/api/v1/wallet", None, &[("X-Forwarded-For", address)]).await;
        assert_eq!(answer.status, 200);
    };
    // the first place of a key is no news, nor is the next address of the same network
    for address in ["203.0.113.1", "203.0.113.1"] {
        from(&wallet.invoice, address).await;
    }
    for address in ["203.0.113.2", "2001:db8:0:1::7", "2001:db8:0:1::8", "203.0.113.1", "203.0.113.2"] {
        from(&wallet.invoice, address).await;
    }
    let calls = receiver.wait_for(2).await;
    let told: Vec<Value> = calls.iter().map(Call::json).collect();
    let key = json!({ "kind": "invoice key", "id": null });
    for (call, address) in told.iter().zip(["203.0.113.2", "2001:db8:0:1::/64"]) {
        assert_eq!((&call["type"], &call["key"], &call["address"]), (&json!("key_new_address"), &key, &json!(address)));
        assert_eq!((&call["payment"], &call["balance_msat"]), (&Value::Null, &json!(1_000_000)));
        assert_eq!(call["wallet_id"], wallet.id.to_string());
    }
    assert!(told[0]["id"].as_i64() < told[1]["id"].as_i64(), "{told:?}");
    // the admin key was used from here to make the webhooks; whoever may only read does not learn from where
    from(&wallet.admin, "198.51.100.4").await;
    let told = receiver.wait_for(3).await[2].json();
    assert_eq!((&told["key"]["kind"], &told["address"]), (&json!("admin key"), &json!("198.51.100.4")));
    let events = wallet.invoice.get("/api/v1/events").await;
    assert!(!events.body.to_string().contains("198.51.100.4"), "{}", events.body);
    assert!(receiver.calls().iter().all(|call| call.path == "/keys"));
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_used_from_a_new_address_is_told() {
    keys_in_new_hands_are_told(Plan::sqlite()).await;
    keys_in_new_hands_are_told(Plan::postgres().await).await;
}

/// A named key is known by its id; a restart does not forget from where it was used.
#[tokio::test(flavor = "multi_thread")]
async fn places_of_named_keys_outlive_a_restart() {
    let mut plan = open(Plan::sqlite());
    plan.limits.tiers.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let (server, receiver) = (plan.start().await, Receiver::start().await);
    let owner = server.user("alice").await;
    let wallet = owner.get("/api/v1/wallets").await.ok()[0]["id"].as_str().unwrap().to_owned();
    let named = [("X-Wallet-Id", wallet.as_str())];
    let body = json!({ "url": receiver.url }).to_string().into_bytes();
    assert_eq!(owner.raw(Method::POST, "/api/v1/webhooks", Some(body), &named).await.status, 201);
    let order = json!({ "name": "till", "scope": "receive", "expires_at": "2040-01-01T00:00:00Z" });
    let minted = owner.post("/api/v1/api-keys", order).await.ok();
    let key = minted["key"].as_str().unwrap();
    let look = async |server: &Server, address: &str| {
        let headers = [("X-Forwarded-For", address), named[0]];
        assert_eq!(server.key(key).raw(Method::GET, "/api/v1/wallet", None, &headers).await.status, 200);
    };
    look(&server, "203.0.113.1").await;
    let server = server.stop().await.start().await;
    look(&server, "203.0.113.1").await;
    look(&server, "203.0.113.9").await;
    let told = receiver.wait_for(1).await[0].json();
    assert_eq!((&told["address"], &told["key"]["kind"]), (&json!("203.0.113.9"), &json!("API key")));
    assert_eq!((&told["key"]["id"], &told["wallet_id"]), (&minted["id"], &json!(wallet)));
}
