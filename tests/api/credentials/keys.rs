//! Named API keys: minting, scopes, limits, rotation, ending, and what they say of themselves.

use std::time::Duration;

use reqwest::Method;
use satchel::{
    accounts::{acl, policy::Right},
    domain::credential::CredentialKind,
    http::{catalogue, table},
};
use serde_json::{Value, json};

use super::{only_wallet, text};
use crate::harness::{Answer, Caller, Plan, Server};

const KEYS: &str = "/api/v1/api-keys";

async fn mint(by: &Caller, body: Value) -> Value {
    let answer = by.post(KEYS, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.body
}

#[track_caller]
fn refused(answer: &Answer, status: u16, part: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert!(answer.text.contains(part), "no {part:?} in {}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_and_kept_as_a_hash() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let wallet = only_wallet(&alice).await;
    let limits = json!({
        "max_amount_msat": 5000, "max_fee_msat": 10, "budget_msat": 20_000, "budget_period": "week",
        "source_ips": ["127.0.0.1", "10.1.2.3/8"]
    });
    let body = json!({
        "name": "shop", "scope": "receive", "wallets": [wallet], "limits": limits, "expires_at": "2040-01-01T00:00:00Z"
    });
    let minted = mint(&alice, body).await;
    let (key, id) = (text(&minted, "key"), text(&minted, "id"));
    let parts: Vec<&str> = key.split('_').collect();
    assert_eq!((parts[0], parts[1], parts[2].len(), parts.len()), ("sk", id.as_str(), 64, 3));
    let list = alice.get(KEYS).await;
    assert!(!list.text.contains(parts[2]) && !list.text.contains("hash"), "{}", list.text);
    let mut shown = list.ok()[0].clone();
    for name in ["created_at", "id"] {
        shown.as_object_mut().unwrap().remove(name).unwrap();
    }
    let expected = json!({
        "name": "shop", "prefix": format!("sk_{id}"), "status": "active", "scope": "receive", "acl_id": null,
        "tier": "free", "wallets": [wallet],
        "limits": {
            "max_amount_msat": 5000, "max_fee_msat": 10, "budget_msat": 20_000, "budget_period": "week",
            "source_ips": ["127.0.0.1/32", "10.0.0.0/8"]
        },
        "expires_at": "2040-01-01T00:00:00.000000+00:00", "last_used_at": null, "last_used_ip": null
    });
    assert_eq!(shown, expected);
    let row = server.store.credential_find(id.parse().unwrap()).await.unwrap().unwrap();
    assert!(!format!("{row:?}").contains(parts[2]));
    assert_eq!(row.secret_hash.len(), 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_stands_in_either_header_and_opens_its_own_account_only() {
    let server = Server::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let key = text(&mint(&alice, json!({ "name": "k" })).await, "key");
    for caller in [server.key(&key), server.bearer(&key)] {
        assert_eq!(caller.get("/api/v1/wallets").await.ok()[0]["id"], only_wallet(&alice).await);
        let theirs = only_wallet(&bob).await;
        let answer = caller.raw(Method::GET, "/api/v1/wallet", None, &[("X-Wallet-Id", &theirs)]).await;
        refused(&answer, 403, "This API key belongs to another account.");
    }
    let by_query = server.anybody().get(&format!("/api/v1/wallet?api-key={key}")).await;
    assert_eq!(by_query.status, 200, "{}", by_query.text);
}

/// One text for all that is wrong with a secret, whether its id is known or not (scenario 61).
#[tokio::test(flavor = "multi_thread")]
async fn what_is_malformed_unknown_or_not_the_secret_is_told_alike() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let minted = mint(&alice, json!({ "name": "k" })).await;
    let (id, key) = (text(&minted, "id"), text(&minted, "key"));
    let wrong_secret = format!("sk_{id}_{}", "0".repeat(64));
    let other_family = key.replacen("sk_", "at_", 1);
    for bad in ["sk_", "sk_zz_00", &wrong_secret, &format!("sk_00000000_{}", "0".repeat(64)), &other_family] {
        for caller in [server.key(bad), server.bearer(bad)] {
            for path in ["/api/v1/wallet", "/api/v1/wallets", "/api/v1/api-keys/self", "/users/api/v1/balance"] {
                let method = if path.starts_with("/users") { Method::PUT } else { Method::GET };
                let answer = caller.send(method, path, None).await;
                refused(&answer, 401, "Invalid API key or token.");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_make_no_sense_are_refused() {
    let server = Server::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let theirs = only_wallet(&bob).await;
    for (field, value, part) in [
        ("name", json!(""), "name"),
        ("name", json!("x".repeat(101)), "name"),
        ("scope", json!("everything"), "permitted"),
        ("scope", json!("acl"), "acl_id"),
        ("acl_id", json!("0".repeat(32)), "Access list not found."),
        ("expires_at", json!("tomorrow"), "datetime"),
        ("expires_at", json!("2020-01-01T00:00:00Z"), "in the future"),
        ("wallets", json!([]), "at least one"),
        ("wallets", json!([theirs]), "is not a wallet of this account"),
        ("wallets", json!("x"), "list"),
        ("limits", json!({ "max_amount": 1 }), "unknown field `max_amount`"),
        ("limits", json!({ "max_amount_msat": -1 }), "greater than or equal to 0"),
        ("limits", json!({ "max_fee_msat": 1.5 }), "whole number"),
        ("limits", json!({ "budget_msat": 5 }), "budget_period"),
        ("limits", json!({ "budget_period": "day" }), "budget_msat"),
        ("limits", json!({ "budget_msat": 5, "budget_period": "year" }), "'day', 'week', 'month'"),
        ("limits", json!({ "source_ips": ["10.0.0.0/33"] }), "network"),
        ("limits", json!({ "source_ips": "10.0.0.0/8" }), "list"),
    ] {
        let mut body = json!({ "name": "k" });
        body[field] = value;
        let answer = alice.post(KEYS, body.clone()).await;
        assert!(matches!(answer.status, 400 | 404), "{body} {}", answer.text);
        assert!(answer.text.contains(part), "{body}: no {part:?} in {}", answer.text);
    }
    assert_eq!(alice.get(KEYS).await.ok(), json!([]), "something was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_when_it_says() {
    let server = Plan::sqlite().seeded().start().await;
    let alice = server.user("alice").await;
    let soon = server.clock.now().plus_seconds(60).to_string();
    let minted = mint(&alice, json!({ "name": "k", "expires_at": soon })).await;
    let key = server.key(&text(&minted, "key"));
    assert_eq!(key.get("/api/v1/wallet").await.status, 200);
    let asked = json!({ "method": "GET", "path": "/api/v1/wallet", "at": soon });
    assert_eq!(key.post("/api/v1/api-keys/check", asked).await.ok()["rule"], "expires_at");
    server.clock.advance(60);
    for path in ["/api/v1/wallet", "/api/v1/api-keys/self"] {
        refused(&key.get(path).await, 403, "API key has expired");
    }
    assert_eq!(alice.get(KEYS).await.ok()[0]["status"], "expired");
    let rotate = alice.post(&format!("{KEYS}/{}/rotate", text(&minted, "id")), json!({})).await;
    refused(&rotate, 400, "expired");
}

/// Scenario 57.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_secret_stays_good_for_the_overlap() {
    let server = Plan::sqlite().seeded().start().await;
    let alice = server.user("alice").await;
    let minted = mint(&alice, json!({ "name": "k" })).await;
    let id = text(&minted, "id");
    let path = format!("{KEYS}/{id}/rotate");
    for bad in [-1, 604_801] {
        refused(&alice.post(&path, json!({ "overlap_seconds": bad })).await, 400, "overlap_seconds");
    }
    let rotated = alice.post(&path, json!({ "overlap_seconds": 3600 })).await.ok();
    assert_eq!((text(&rotated, "id"), text(&rotated, "prefix")), (id.clone(), format!("sk_{id}")));
    assert_eq!(rotated["previous"]["valid_until"], server.clock.now().plus_seconds(3600).to_string());
    let (old, new) = (server.key(&text(&minted, "key")), server.key(&text(&rotated, "key")));
    assert_eq!(alice.get(KEYS).await.ok()[0]["previous"]["last_used_at"], Value::Null);
    for key in [&old, &new] {
        assert_eq!(key.get("/api/v1/wallet").await.status, 200);
    }
    // somebody still uses the old one, and the list says so
    let used = server.clock.now().to_string();
    server.clock.advance(10);
    new.get("/api/v1/wallet").await.ok();
    let shown = alice.get(KEYS).await.ok()[0].clone();
    assert_eq!(text(&shown["previous"], "last_used_at"), used);
    assert_eq!(text(&shown, "last_used_at"), server.clock.now().to_string());
    // the old one does not make itself the new one, nor outlive the overlap in what it mints
    refused(&old.post(&path, json!({})).await, 403, "rotated out");
    let child = mint(&old, json!({ "name": "child" })).await;
    assert_eq!(child["expires_at"], rotated["previous"]["valid_until"]);
    server.clock.advance(3600);
    refused(&old.get("/api/v1/wallet").await, 403, "API key has expired");
    refused(&server.key(&text(&child, "key")).get("/api/v1/wallet").await, 403, "API key has expired");
    assert_eq!(new.get("/api/v1/wallet").await.status, 200);
    assert!(alice.get(KEYS).await.ok()[1].get("previous").is_none());
    let last = alice.post(&path, json!({})).await.ok();
    assert_ne!(new.get("/api/v1/wallet").await.status, 200, "without an overlap the old one ends at once");
    assert_eq!(server.key(&text(&last, "key")).get("/api/v1/wallet").await.status, 200);
}

/// Scenario 51: a key ended on one server is refused by the other, which had it in its memory.
#[tokio::test(flavor = "multi_thread")]
async fn an_ended_key_is_refused_on_every_server() {
    let one = Plan::postgres().await.start().await;
    let other = one.twin().start().await;
    let alice = one.user("alice").await;
    let minted = mint(&alice, json!({ "name": "k" })).await;
    let (id, key) = (text(&minted, "id"), text(&minted, "key"));
    for server in [&one, &other] {
        assert_eq!(server.key(&key).get("/api/v1/wallet").await.status, 200);
    }
    alice.delete(&format!("{KEYS}/{id}")).await.ok();
    refused(&one.key(&key).get("/api/v1/wallet").await, 401, "This API key was revoked.");
    let mut status = 0;
    for _ in 0..100 {
        status = other.key(&key).get("/api/v1/wallet").await.status;
        if status != 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(status, 401);
    assert_eq!(alice.get(KEYS).await.ok()[0]["status"], "revoked");
    alice.delete(&format!("{KEYS}/{id}")).await.ok();
    refused(&alice.delete(&format!("{KEYS}/00000000")).await, 404, "API key not found.");
    refused(&alice.post(&format!("{KEYS}/{id}/rotate"), json!({})).await, 400, "revoked");
}

/// Scenario 50: what was let through for reading is not let through for more.
#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_key_and_a_receiving_key_never_spend() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let wallet = alice.get("/api/v1/wallets").await.ok()[0].clone();
    let minted = mint(&alice, json!({ "name": "k", "scope": "receive" })).await;
    let callers = [server.key(&text(&wallet, "inkey")), server.key(&text(&minted, "key"))];
    let catalogue = catalogue(&table());
    for caller in &callers {
        for operation in catalogue.operations() {
            if !matches!(operation.right, Right::WalletSend | Right::WalletManage) {
                continue;
            }
            assert_eq!(caller.get("/api/v1/wallet").await.status, 200);
            let path = operation.path.replace("{payment_hash}", &"0".repeat(64)).replace("{new_name}", "x");
            let method: Method = operation.method.parse().unwrap();
            let answer = caller.send(method, &path, Some(json!({ "out": true, "bolt11": "x" }))).await;
            assert_eq!(answer.status, 403, "{}: {}", acl::name(operation), answer.text);
            assert_eq!(answer.body["missing_right"], operation.right.as_str(), "{}", answer.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn key_material_is_masked_for_those_who_may_do_less() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let wallet = alice.get("/api/v1/wallets").await.ok()[0].clone();
    let (admin, invoice) = (text(&wallet, "adminkey"), text(&wallet, "inkey"));
    let id = text(&wallet, "id");
    for (body, sees_admin, sees_invoice) in [
        (json!({ "name": "full" }), true, true),
        (json!({ "name": "receive", "scope": "receive" }), false, true),
        (json!({ "name": "read", "scope": "read" }), false, false),
        (json!({ "name": "stats", "scope": "stats" }), false, false),
        (json!({ "name": "small", "limits": { "max_amount_msat": 1000 } }), false, false),
        (json!({ "name": "one", "wallets": [id] }), false, false),
        (json!({ "name": "ends", "expires_at": "2040-01-01T00:00:00Z" }), false, false),
        (json!({ "name": "here", "limits": { "source_ips": ["127.0.0.0/8"] } }), false, false),
    ] {
        let key = server.key(&text(&mint(&alice, body.clone()).await, "key"));
        let mut seen = String::new();
        for path in ["/api/v1/wallet", "/api/v1/wallets", "/api/v1/wallet/paginated", "/api/v1/auth"] {
            seen.push_str(&key.get(path).await.text);
        }
        assert_eq!((seen.contains(&admin), seen.contains(&invoice)), (sees_admin, sees_invoice), "{body}: {seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_says_what_it_may_and_what_would_stop_a_request() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let wallet = only_wallet(&alice).await;
    let other = text(&alice.post("/api/v1/wallet", json!({ "name": "other" })).await.ok(), "id");
    let limits = json!({
        "max_amount_msat": 5000, "budget_msat": 7000, "budget_period": "day", "source_ips": ["127.0.0.0/8"]
    });
    let minted = mint(&alice, json!({ "name": "till", "wallets": [wallet], "limits": limits })).await;
    let key = server.bearer(&text(&minted, "key"));
    let own = key.get("/api/v1/api-keys/self").await.ok();
    assert_eq!((&own["id"], &own["scope"], &own["status"]), (&minted["id"], &json!("full"), &json!("active")));
    assert_eq!((&own["wallets"], &own["limits"]["source_ips"]), (&json!([wallet]), &json!(["127.0.0.0/8"])));
    assert_eq!((&own["budgets"][0]["limit_msat"], &own["budgets"][0]["period"]), (&json!(7000), &json!("day")));
    let endpoints = own["endpoints"].as_array().unwrap();
    assert!(endpoints.contains(&json!("POST /api/v1/payments#send")));
    assert!(!own["endpoints"].to_string().contains("/admin"), "{own}");
    let pay = |amount: i64| json!({ "method": "POST", "path": "/api/v1/payments", "out": true, "amount_msat": amount });
    let with = |mut body: Value, name: &str, value: Value| {
        body[name] = value;
        body
    };
    let invoice = server.outside_invoice(6000, "");
    let by_body =
        json!({ "method": "post", "path": "/api/v1/payments?x=1", "body": { "out": true, "bolt11": invoice } });
    for (asked, rule) in [
        (pay(5000), Value::Null),
        (pay(5001), json!("max_amount_msat")),
        (by_body, json!("max_amount_msat")),
        (with(pay(9000), "out", json!(false)), Value::Null),
        (with(pay(1), "wallet_id", json!(wallet)), Value::Null),
        (with(pay(1), "wallet_id", json!(other)), json!("wallets")),
        (with(pay(1), "wallet_id", json!("0".repeat(32))), json!("wallets")),
        (with(pay(1), "source_ip", json!("127.0.0.9")), Value::Null),
        (with(pay(1), "source_ip", json!("192.0.2.1")), json!("source_ips")),
        (json!({ "method": "GET", "path": "/api/v1/nothing" }), json!("endpoint")),
        (json!({ "method": "PUT", "path": "/users/api/v1/balance" }), json!("right")),
        (json!({ "method": "DELETE", "path": format!("/api/v1/wallet/{other}") }), json!("wallets")),
        (json!({ "method": "DELETE", "path": format!("/api/v1/wallet/{wallet}") }), Value::Null),
        (json!({ "method": "GET", "path": "/api/v1/payments/paginated" }), Value::Null),
        (json!({ "method": "GET", "path": "/api/v1/health", "source_ip": "192.0.2.1" }), Value::Null),
    ] {
        let verdict = key.post("/api/v1/api-keys/check", asked.clone()).await.ok();
        assert_eq!((&verdict["rule"], &verdict["allowed"]), (&rule, &json!(rule.is_null())), "{asked}: {verdict}");
        assert_eq!(verdict["detail"].is_null(), rule.is_null(), "{verdict}");
    }
    let small = mint(&alice, json!({ "name": "stats", "scope": "stats" })).await;
    let small = server.key(&text(&small, "key"));
    let verdict = small.post("/api/v1/api-keys/check", pay(1)).await.ok();
    assert_eq!(verdict["missing_right"], "WalletSend");
    assert_eq!(verdict["missing_endpoint"], "POST /api/v1/payments#send");
    assert_eq!(small.get("/api/v1/api-keys/self").await.ok()["scope"], "stats");
    let session = alice.get("/api/v1/api-keys/self").await.ok();
    assert_eq!((&session["kind"], &session["id"]), (&json!("session"), &Value::Null));
    let bad = key.post("/api/v1/api-keys/check", with(pay(1), "source_ip", json!("here"))).await;
    refused(&bad, 400, "source_ip");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_use_outlives_the_server() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let minted = mint(&alice, json!({ "name": "k", "scope": "stats" })).await;
    let key = server.key(&text(&minted, "key"));
    assert_eq!(key.get("/api/v1/wallets").await.status, 403);
    assert_eq!(key.get("/api/v1/payments/history").await.status, 200);
    let shown = alice.get(KEYS).await.ok()[0].clone();
    assert_eq!(shown["last_used_ip"], "127.0.0.1", "{shown}");
    let token = text(&minted, "id");
    let plan = server.stop().await;
    let server = plan.start().await;
    let row = server.store.credential_find(token.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((row.kind, row.last_used_ip.as_deref()), (CredentialKind::ApiKey, Some("127.0.0.1")));
    assert_eq!(row.last_used_at.unwrap().to_string(), text(&shown, "last_used_at"));
}

/// A key sees and ends itself and what it minted; a login, all of the account's; nobody, another account's.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_manages_its_own_line_only() {
    let server = Server::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let elder = mint(&alice, json!({ "name": "elder" })).await;
    let stranger = mint(&alice, json!({ "name": "stranger" })).await;
    let by_elder = server.key(&text(&elder, "key"));
    let child = mint(&by_elder, json!({ "name": "child" })).await;
    let grandchild = mint(&server.key(&text(&child, "key")), json!({ "name": "grandchild" })).await;
    assert_eq!((&child["minted_by"], &grandchild["minted_by"]), (&elder["id"], &child["id"]));
    let names = |list: Value| {
        let mut names: Vec<_> = list.as_array().unwrap().iter().map(|key| text(key, "name")).collect();
        names.sort();
        names
    };
    assert_eq!(names(alice.get(KEYS).await.ok()), ["child", "elder", "grandchild", "stranger"]);
    assert_eq!(names(by_elder.get(KEYS).await.ok()), ["child", "elder", "grandchild"]);
    assert_eq!(names(bob.get(KEYS).await.ok()), Vec::<String>::new());
    let child_key = server.key(&text(&child, "key"));
    for (who, whose) in [(&by_elder, &stranger), (&child_key, &elder), (&bob, &elder)] {
        let path = format!("{KEYS}/{}", text(whose, "id"));
        refused(&who.delete(&path).await, 404, "API key not found.");
        refused(&who.post(&format!("{path}/rotate"), json!({})).await, 404, "API key not found.");
    }
    by_elder.delete(&format!("{KEYS}/{}", text(&child, "id"))).await.ok();
    for dead in [&child, &grandchild] {
        refused(&server.key(&text(dead, "key")).get("/api/v1/wallet").await, 401, "revoked");
    }
    let statuses: Vec<_> =
        by_elder.get(KEYS).await.ok().as_array().unwrap().iter().map(|key| text(key, "status")).collect();
    assert_eq!(statuses.iter().filter(|status| *status == "revoked").count(), 2, "{statuses:?}");
}
