//! Tiers: how often a credential may call, what it may be used for, and how an account gets another.

use std::{future::Future, time::Duration};

use reqwest::Method;
use satchel::domain::{
    Msat,
    credential::{Credential, CredentialKind, HandedOut, Restrictions, Scope},
    tier::{Capability, Tiers},
};
use serde_json::{Value, json};

use crate::harness::{Answer, Caller, Plan, Server};

/// A server whose clock stands still and which counts nothing but what the test says.
pub(super) fn counting(plan: Plan, change: impl FnOnce(&mut Tiers)) -> Plan {
    let mut plan = plan.seeded();
    plan.limits.tiers = Tiers { wallet_requests_per_minute: 0, anonymous_requests_per_minute: 0, ..Tiers::default() };
    change(&mut plan.limits.tiers);
    plan
}

fn rate(tiers: &mut Tiers, name: &str, requests_per_minute: u32) {
    tiers.by_name.get_mut(name).unwrap().requests_per_minute = requests_per_minute;
}

/// A key or a token of the account, with all that its family may do.
pub(super) async fn mint(server: &Server, owner: &Caller, kind: CredentialKind, restrictions: &Restrictions) -> String {
    let account = owner.get("/api/v1/auth").await.ok()["id"].as_str().unwrap().parse().unwrap();
    let secret = HandedOut::new(kind, server.clock.bytes(), server.clock.bytes());
    let credential = Credential {
        id: secret.id.clone(),
        kind,
        account_id: account,
        minted_by: None,
        name: "test".into(),
        secret_hash: secret.hash().to_vec(),
        previous_hash: None,
        previous_until: None,
        scope: Scope::Full,
        acl_id: None,
        wallets: None,
        limits: serde_json::to_string(restrictions).unwrap(),
        created_at: server.clock.now(),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
        last_used_ip: None,
    };
    server.store.credential_create(credential).await.unwrap();
    secret.reveal().to_owned()
}

async fn api_key(server: &Server, owner: &Caller) -> String {
    mint(server, owner, CredentialKind::ApiKey, &Restrictions::default()).await
}

fn header(answer: &Answer, name: &str) -> Option<u64> {
    answer.headers.get(name).map(|value| value.to_str().unwrap().parse().unwrap())
}

/// Limit, remaining and reset, as the headers say.
#[track_caller]
pub(super) fn count_down(answer: &Answer) -> (u64, u64, u64) {
    let number =
        |name| header(answer, name).unwrap_or_else(|| panic!("{} {name}: {:?}", answer.status, answer.headers));
    (number("ratelimit-limit"), number("ratelimit-remaining"), number("ratelimit-reset"))
}

/// One request too many.
#[track_caller]
pub(super) fn assert_over(answer: &Answer, tier: &str, limit: u64, wait: u64) {
    assert_eq!(answer.status, 429, "{}", answer.text);
    let body = &answer.body;
    assert_eq!((&body["error"], &body["code"]), (&json!("Rate limit exceeded"), &json!("rate_limited")));
    assert_eq!((&body["tier"], &body["limit"], &body["retry_after"]), (&json!(tier), &json!(limit), &json!(wait)));
    assert!(answer.detail().contains(&format!("{limit} requests a minute in the tier {tier}")), "{}", answer.text);
    assert_eq!(body["request_id"].as_str(), answer.headers["x-request-id"].to_str().ok());
    assert_eq!(header(answer, "retry-after"), Some(wait));
    assert_eq!(count_down(answer), (limit, 0, 60));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_counted_down_and_recovers() {
    let server = counting(Plan::sqlite(), |tiers| rate(tiers, "free", 3)).start().await;
    let alice = server.user("alice").await;
    let (first, second) = (api_key(&server, &alice).await, api_key(&server, &alice).await);
    let path = "/api/v1/wallet";
    assert_eq!(count_down(&server.key(&first).get(path).await), (3, 2, 20));
    // the same credential, however it is sent
    assert_eq!(count_down(&server.bearer(&first).get(path).await), (3, 1, 40));
    let refused = server.key(&first).delete("/api/v1/wallet/00000000000000000000000000000000").await;
    assert_eq!((refused.status, count_down(&refused)), (404, (3, 0, 60)), "errors count too");
    assert_over(&server.key(&first).get(path).await, "free", 3, 20);
    assert_over(&server.key(&first).get("/api/v1/wallets").await, "free", 3, 20);
    // neither another key of the account nor its login is held up
    assert_eq!(count_down(&server.key(&second).get(path).await), (3, 2, 20));
    assert_eq!(alice.get(path).await.status, 200);
    server.clock.advance(19);
    assert_over(&server.key(&first).get(path).await, "free", 3, 1);
    server.clock.advance(1);
    let again = server.key(&first).get(path).await;
    assert_eq!((again.status, count_down(&again)), (200, (3, 0, 60)));
    server.clock.advance(3600);
    assert_eq!(count_down(&server.key(&first).get(path).await), (3, 2, 20), "it holds a minute's worth and no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_anonymous_sessions_are_counted_by_tier_and_wallet_keys_by_their_own() {
    let server = counting(Plan::sqlite(), |tiers| tiers.wallet_requests_per_minute = 2).start().await;
    let alice = server.user("alice").await;
    let nothing = Restrictions::default();
    for kind in [CredentialKind::AclToken, CredentialKind::Anonymous] {
        let token = mint(&server, &alice, kind, &nothing).await;
        server.clock.advance(60);
        assert_eq!(count_down(&server.bearer(&token).get("/api/v1/wallets").await), (60, 59, 1));
    }
    let wallet = server.wallet(0).await;
    for left in [1, 0] {
        assert_eq!(count_down(&wallet.invoice.get("/api/v1/wallet").await).1, left);
    }
    assert_over(&wallet.invoice.get("/api/v1/wallet").await, "wallet", 2, 30);
    assert_eq!(count_down(&wallet.admin.get("/api/v1/wallet").await).1, 1, "the admin key is another");
    assert_eq!(count_down(&alice.get("/api/v1/wallets").await).1, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_what_is_left() {
    let all = |tiers: &mut Tiers| {
        tiers.wallet_requests_per_minute = 1000;
        tiers.anonymous_requests_per_minute = 2000;
    };
    let server = counting(Plan::sqlite(), all).start().await;
    let wallet = server.wallet(0).await;
    let (anybody, key) = (server.anybody(), &wallet.invoice);
    let answers = [
        (200, 1000, key.get("/api/v1/wallet").await),
        (403, 1000, key.delete("/api/v1/wallet").await),
        (400, 1000, key.raw(Method::POST, "/api/v1/payments", Some(b"{".to_vec()), &[]).await),
        (201, 1000, key.post("/api/v1/payments", json!({ "out": false, "amount": 1 })).await),
        (200, 1000, key.get("/api/v1/tiers").await),
        (200, 2000, anybody.get("/api/v1/tiers").await),
        (401, 2000, anybody.get("/api/v1/wallet").await),
        (404, 2000, server.key("0123456789abcdef0123456789abcdef").get("/api/v1/wallet").await),
        (401, 2000, server.bearer("garbage").get("/api/v1/auth").await),
        (401, 2000, anybody.post("/api/v1/auth", json!({ "username": "x", "password": "y" })).await),
        (404, 2000, anybody.get("/nothing").await),
        (405, 2000, anybody.delete("/api/v1/payments").await),
        (307, 2000, anybody.get("/api/v1/wallet/").await),
    ];
    let mut left = std::collections::HashMap::new();
    for (status, limit, answer) in answers {
        assert_eq!(answer.status, status, "{}", answer.text);
        let (said, remaining, _) = count_down(&answer);
        assert_eq!(said, limit, "{status} {}", answer.text);
        if let Some(before) = left.insert(limit, remaining) {
            assert_eq!(remaining, before - 1, "{status} {}", answer.text);
        }
    }
    for page in ["/api/v1/health", "/docs", "/static/app.css", "/openapi.json"] {
        assert_eq!(header(&anybody.get(page).await, "ratelimit-limit"), None, "{page}");
    }
    assert_eq!(left[&1000], 995);
}

#[tokio::test(flavor = "multi_thread")]
async fn worthless_credentials_count_for_their_address() {
    let server = counting(Plan::sqlite(), |tiers| tiers.anonymous_requests_per_minute = 4).start().await;
    let wallet = server.wallet(0).await;
    server.clock.advance(60);
    for (caller, status) in [
        (server.key("0123456789abcdef0123456789abcdef"), 404),
        (server.bearer("garbage"), 401),
        (server.key(&format!("sk_00000000_{}", "0".repeat(64))), 401),
        (server.anybody(), 401),
    ] {
        assert_eq!(caller.get("/api/v1/wallet").await.status, status);
    }
    assert_over(&server.bearer("other garbage").get("/api/v1/wallet").await, "anonymous", 4, 15);
    assert_over(&server.anybody().get("/api/v1/tiers").await, "anonymous", 4, 15);
    assert_over(&server.anybody().get("/nothing").await, "anonymous", 4, 15);
    // who has a credential of worth is not held up by his neighbours
    assert_eq!(wallet.invoice.get("/api/v1/wallet").await.status, 200);
    assert_eq!(wallet.invoice.get("/api/v1/tiers").await.status, 200);
    assert_eq!(server.anybody().get("/api/v1/health").await.status, 200);
}

/// Otherwise a key, of which anybody can have many, would buy as many guesses as it has requests.
#[tokio::test(flavor = "multi_thread")]
async fn logins_count_for_the_address_whatever_is_shown() {
    let server = counting(Plan::sqlite(), |tiers| tiers.anonymous_requests_per_minute = 3).start().await;
    let wallet = server.wallet(0).await;
    server.clock.advance(60);
    let guess = json!({ "username": "alice", "password": "wrong" });
    for _ in 0..3 {
        assert_eq!(wallet.admin.post("/api/v1/auth", guess.clone()).await.status, 401);
    }
    assert_over(&wallet.admin.post("/api/v1/auth", guess).await, "anonymous", 3, 20);
    assert_over(&wallet.admin.post("/api/v1/account", json!({ "name": "more" })).await, "anonymous", 3, 20);
}

#[track_caller]
fn assert_lacks(answer: &Answer, capability: &str, tier: &str, available_in: Value) {
    let body = &answer.body;
    assert_eq!((answer.status, &body["capability"]), (403, &json!(capability)), "{}", answer.text);
    assert_eq!((&body["tier"], &body["available_in"]), (&json!(tier), &available_in), "{}", answer.text);
    assert!(answer.detail().contains(available_in.as_str().unwrap_or("no tier")), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capability_that_the_tier_lacks_is_refused_and_the_tier_that_has_it_is_named() {
    let server = counting(Plan::sqlite(), |_| ()).start().await;
    let (root, alice) = (server.super_user().await, server.user("alice").await);
    let key = server.key(&api_key(&server, &alice).await);
    let (invoice, hooked) =
        (json!({ "out": false, "amount": 5 }), json!({ "out": false, "amount": 5, "webhook": "https://example.com/" }));
    let channel = format!("/api/v1/ws/{}", "0".repeat(64));
    let other = server.wallet(0).await.new_invoice(1).await["bolt11"].clone();
    let pay = json!({ "out": true, "bolt11": other });
    assert_eq!(key.get("/api/v1/wallet").await.status, 200);
    assert_eq!(key.post("/api/v1/payments", invoice.clone()).await.status, 201);
    assert_eq!(key.post("/api/v1/payments", pay.clone()).await.status, 520, "it may pay, but has nothing");
    assert_lacks(&key.post("/api/v1/payments", hooked.clone()).await, "webhooks", "free", json!("pro"));
    assert_lacks(&key.get(&channel).await, "streaming", "free", json!("pro"));
    // logins and wallet keys lack nothing
    assert_eq!(alice.post("/api/v1/payments", hooked.clone()).await.status, 201);
    assert_eq!(alice.get(&channel).await.status, 400, "no handshake");
    let id = alice.get("/api/v1/auth").await.ok()["id"].as_str().unwrap().to_owned();
    let path = format!("/users/api/v1/user/{id}/tier");
    assert_eq!(root.put(&path, json!({ "tier": "pro" })).await.ok()["tier"], "pro");
    assert_eq!(key.post("/api/v1/payments", hooked).await.status, 201);
    assert_eq!(key.get(&channel).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_thing_takes_its_capability() {
    let only = |capability: Capability| {
        move |tiers: &mut Tiers| {
            for tier in tiers.by_name.values_mut() {
                tier.capabilities = vec![capability];
            }
        }
    };
    let (receive, pay) = (json!({ "out": false, "amount": 5 }), json!({ "out": true, "bolt11": "nonsense" }));
    for capability in [Capability::Read, Capability::Receive, Capability::Send] {
        let server = counting(Plan::sqlite(), only(capability)).start().await;
        let alice = server.user("alice").await;
        let key = server.key(&api_key(&server, &alice).await);
        let check = |answer: Answer, takes: Capability, status: u16| {
            if takes == capability {
                assert_eq!(answer.status, status, "{}", answer.text);
            } else {
                assert_lacks(&answer, takes.as_str(), "free", Value::Null);
            }
        };
        check(key.get("/api/v1/wallet").await, Capability::Read, 200);
        check(key.get("/api/v1/wallets").await, Capability::Read, 200);
        if capability != Capability::Read {
            check(key.post("/api/v1/payments", receive.clone()).await, Capability::Receive, 201);
            check(key.post("/api/v1/payments", pay.clone()).await, Capability::Send, 520);
        }
        // what could be had is seen from everywhere
        assert_eq!(key.get("/api/v1/account/tier").await.status, 200);
        assert_eq!(key.post("/api/v1/account/tier", json!({ "tier": "pro" })).await.status, 201);
    }
}

/// Waits, bounded, for what the other server or a job has to do.
async fn soon<F: Future<Output = bool>>(what: &str, mut is: impl FnMut() -> F) {
    for _ in 0..200 {
        if is().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} never happened");
}

async fn tier_of(caller: &Caller) -> Value {
    caller.get("/api/v1/account/tier").await.ok()["tier"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn paying_changes_the_tier_once_on_sqlite() {
    paying_changes_the_tier_once(Plan::sqlite(), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paying_changes_the_tier_once_on_postgres() {
    paying_changes_the_tier_once(Plan::postgres().await, true).await;
}

async fn paying_changes_the_tier_once(plan: Plan, shared: bool) {
    let server = counting(plan, |_| ()).start().await;
    let twin = if shared { Some(server.twin().start().await) } else { None };
    let (root, alice) = (server.super_user().await, server.user("alice").await);
    let payer = server.wallet(50_000).await;
    let secret = api_key(&server, &alice).await;
    let order = alice.post("/api/v1/account/tier", json!({ "tier": "pro" })).await.ok();
    assert_eq!(
        (&order["tier"], &order["amount_sat"], &order["status"]),
        (&json!("pro"), &json!(10_000), &json!("pending"))
    );
    let again = alice.post("/api/v1/account/tier", json!({ "tier": "pro" })).await.ok();
    assert_eq!(again["payment_hash"], order["payment_hash"], "an open order is answered again");
    let state = alice.get("/api/v1/account/tier").await.ok();
    assert_eq!((&state["tier"], &state["orders"]), (&json!("free"), &json!([order])));
    let servers: Vec<&Server> = std::iter::once(&server).chain(twin.as_ref()).collect();
    for server in &servers {
        assert_eq!(count_down(&server.key(&secret).get("/api/v1/wallet").await).0, 60);
    }
    assert_eq!(payer.pay(order["bolt11"].as_str().unwrap()).await.status, 201);
    let id = alice.get("/api/v1/auth").await.ok()["id"].as_str().unwrap().to_owned();
    let session = alice.clone();
    let mut race = tokio::task::JoinSet::new();
    for _ in 0..8 {
        for server in &servers {
            let caller = session.at(&server.url);
            race.spawn(async move { tier_of(&caller).await });
        }
    }
    assert!(race.join_all().await.iter().all(|tier| tier == "pro"));
    for server in &servers {
        soon("the new rate", || async { count_down(&server.key(&secret).get("/api/v1/wallet").await).0 == 300 }).await;
    }
    assert_eq!(alice.get("/api/v1/account/tier").await.ok()["orders"], json!([]));
    // it was applied once: what the super user says afterwards stays, however often anybody looks
    root.put(&format!("/users/api/v1/user/{id}/tier"), json!({ "tier": "free" })).await.ok();
    for server in &servers {
        assert_eq!(tier_of(&session.at(&server.url)).await, "free");
    }
    tokio::time::sleep(Duration::from_millis(1500)).await; // a round of the job
    assert_eq!(tier_of(&alice).await, "free");
    server.assert_sound().await;
    let till = root.get("/api/v1/wallets").await.ok()[0]["balance_msat"].clone();
    assert_eq!(till, 10_000_000, "the super user was paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_from_outside_counts_and_nobody_looks() {
    let server = counting(Plan::sqlite(), |_| ()).start().await;
    let (root, alice) = (server.super_user().await, server.user("alice").await);
    let key = server.key(&api_key(&server, &alice).await);
    let cheap = alice.post("/api/v1/account/tier", json!({ "tier": "enterprise" })).await.ok();
    // a node that lets too little pass: the simulated one does not
    let hash = cheap["payment_hash"].as_str().unwrap().parse().unwrap();
    server.ledger().receive(hash, Msat(1000), None).await.unwrap().unwrap();
    soon("the receipt", || async { root.get("/api/v1/wallet").await.ok()["balance"] == 1000 }).await;
    assert_eq!(tier_of(&alice).await, "free", "too little buys nothing");
    let order = alice.post("/api/v1/account/tier", json!({ "tier": "pro" })).await.ok();
    root.post("/admin/api/v1/simulation/pay", json!({ "bolt11": order["bolt11"] })).await.ok();
    soon("the new rate", || async { count_down(&key.get("/api/v1/wallet").await).0 == 300 }).await;
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_orders_paid_at_once_end_in_the_higher_tier() {
    let server = counting(Plan::sqlite(), |_| ()).start().await;
    server.super_user().await;
    let (alice, payer) = (server.user("alice").await, server.wallet(200_000).await);
    let low = alice.post("/api/v1/account/tier", json!({ "tier": "pro" })).await.ok();
    let high = alice.post("/api/v1/account/tier", json!({ "tier": "enterprise" })).await.ok();
    for order in [&high, &low] {
        assert_eq!(payer.pay(order["bolt11"].as_str().unwrap()).await.status, 201);
        assert_eq!(tier_of(&alice).await, "enterprise");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_that_looks_like_an_order_buys_nothing() {
    let server = counting(Plan::sqlite(), |_| ()).start().await;
    let (root, mallory) = (server.super_user().await, server.user("mallory").await);
    let payer = server.wallet(50_000).await;
    let order = mallory.post("/api/v1/account/tier", json!({ "tier": "pro" })).await.ok();
    let listed = root.get("/api/v1/payments").await.ok();
    let extra = listed[0]["extra"].clone();
    assert_eq!(extra, json!({ "tag": "tier", "tier": "pro" }));
    let forged = json!({
        "out": false, "amount": 10_000, "memo": "Tier pro", "extra": extra, "external_id": order["payment_hash"]
    });
    for forger in [&mallory, &root] {
        let forged = forger.post("/api/v1/payments", forged.clone()).await.ok();
        assert_eq!(payer.pay(forged["bolt11"].as_str().unwrap()).await.status, 201);
    }
    assert_eq!(tier_of(&mallory).await, "free");
    assert_eq!(tier_of(&root).await, "free");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_bought_or_set_is_refused_with_the_reason() {
    let server = counting(Plan::sqlite(), |_| ()).start().await;
    let (root, alice) = (server.super_user().await, server.user("alice").await);
    let id = alice.get("/api/v1/auth").await.ok()["id"].as_str().unwrap().to_owned();
    let list = server.anybody().get("/api/v1/tiers").await.ok();
    let names: Vec<_> = list.as_array().unwrap().iter().map(|tier| tier["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["free", "pro", "enterprise"]);
    assert_eq!(list[0]["capabilities"], json!(["read", "receive", "send"]));
    let path = format!("/users/api/v1/user/{id}/tier");
    root.put(&path, json!({ "tier": "pro" })).await.ok();
    for (tier, reason) in [
        ("gold", "There is no tier \"gold\"; there are enterprise, free, pro."),
        ("free", "The tier free is not for sale; the super user gives it."),
        ("pro", "The account is in the tier pro."),
    ] {
        let answer = alice.post("/api/v1/account/tier", json!({ "tier": tier })).await;
        assert_eq!((answer.status, answer.detail()), (400, reason));
    }
    root.put(&path, json!({ "tier": "enterprise" })).await.ok();
    let lower = alice.post("/api/v1/account/tier", json!({ "tier": "pro" })).await;
    assert_eq!((lower.status, lower.detail()), (400, "The account is in the tier enterprise, which is above pro."));
    assert_eq!(root.put(&path, json!({ "tier": "gold" })).await.status, 400);
    for nobody in ["00000000000000000000000000000000", "nonsense"] {
        let answer = root.put(&format!("/users/api/v1/user/{nobody}/tier"), json!({ "tier": "pro" })).await;
        assert_eq!((answer.status, answer.detail()), (404, "User not found."));
    }
    assert_eq!(alice.put(&path, json!({ "tier": "pro" })).await.status, 403);
    assert_eq!(root.get("/api/v1/payments").await.ok(), json!([]), "no invoice was made for any of these");
}
