//! Access lists and their tokens.

use reqwest::Method;
use serde_json::{Value, json};

use super::{only_wallet, text};
use crate::harness::{Answer, Caller, Server};

const LISTS: &str = "/api/v1/auth/acls";

async fn list(by: &Caller, entries: &[&str]) -> Value {
    let answer = by.post(LISTS, json!({ "name": "list", "allowed_endpoints": entries })).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.body
}

async fn token(by: &Caller, list: &Value, more: Value) -> Value {
    let mut body = json!({ "name": "token" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = by.post(&format!("{LISTS}/{}/tokens", text(list, "id")), body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.body
}

#[track_caller]
fn refused(answer: &Answer, status: u16, part: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert!(answer.text.contains(part), "no {part:?} in {}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_may_do_what_its_list_says_and_no_more() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let made = list(&alice, &["GET /api/v1/wallet", "POST /api/v1/payments#receive", "GET  /api/v1/wallet"]).await;
    assert_eq!(made["allowed_endpoints"], json!(["GET /api/v1/wallet", "POST /api/v1/payments#receive"]));
    assert_eq!(alice.get(LISTS).await.ok()[0], made);
    assert_eq!(alice.get(&format!("{LISTS}/{}", text(&made, "id"))).await.ok(), made);
    let minted = token(&alice, &made, json!({})).await;
    assert!(text(&minted, "token").starts_with(&format!("at_{}_", text(&minted, "id"))), "{minted}");
    assert_eq!((&minted["acl_id"], &minted["scope"]), (&made["id"], &Value::Null));
    let holder = server.bearer(&text(&minted, "token"));
    assert_eq!(holder.get("/api/v1/wallet").await.status, 200);
    assert_eq!(holder.post("/api/v1/payments", json!({ "out": false, "amount": 1 })).await.status, 201);
    let pay = holder.post("/api/v1/payments", json!({ "out": true, "bolt11": "x" })).await;
    refused(&pay, 403, "Path not allowed. This token lacks \\\"POST /api/v1/payments#send\\\".");
    assert_eq!(
        (&pay.body["missing_right"], pay.body["missing_endpoint"].as_str()),
        (&json!("WalletSend"), Some("POST /api/v1/payments#send"))
    );
    refused(&holder.get("/api/v1/wallets").await, 403, "Path not allowed.");
    refused(&holder.send(Method::PUT, "/users/api/v1/balance", None).await, 403, "No super user privileges.");
    // the list changes, and its token with it, at once
    let path = format!("{LISTS}/{}", text(&made, "id"));
    let changed =
        alice.put(&path, json!({ "allowed_endpoints": ["GET /api/v1/wallets", "GET /api/v1/payments/*"] })).await;
    assert_eq!(changed.ok()["name"], "list");
    assert_eq!(holder.get("/api/v1/wallets").await.status, 200);
    refused(&holder.get("/api/v1/wallet").await, 403, "Path not allowed.");
    let tokens = alice.get(&format!("{path}/tokens")).await;
    assert!(!tokens.text.contains(&text(&minted, "token")[12..]), "{}", tokens.text);
    assert_eq!((&tokens.body[0]["status"], &tokens.body[0]["last_used_ip"]), (&json!("active"), &json!("127.0.0.1")));
    alice.delete(&format!("{path}/tokens/{}", text(&minted, "id"))).await.ok();
    refused(&holder.get("/api/v1/wallets").await, 403, "Invalid token id.");
    refused(&alice.delete(&format!("{path}/tokens/00000000")).await, 404, "Token not found.");
    let second = server.bearer(&text(&token(&alice, &made, json!({})).await, "token"));
    assert_eq!(second.get("/api/v1/wallets").await.status, 200);
    assert_eq!(alice.delete(&path).await.text, "null");
    refused(&second.get("/api/v1/wallets").await, 403, "Invalid token id.");
    refused(&alice.get(&path).await, 404, "Access list not found.");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_matches_nothing_is_named_with_the_nearest() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    for (bad, nearest) in [
        ("GET /api/v1/walet", "GET /api/v1/wallet"),
        ("POST /api/v1/payments#recieve", "POST /api/v1/payments#receive"),
        ("GET /admin/api/v1/settings", ""),
        ("PUT /users/api/v1/balance", ""),
        ("PUT /api/v1/auth/password", ""),
        ("", ""),
    ] {
        let body = json!({ "name": "l", "allowed_endpoints": ["GET /api/v1/wallet", bad] });
        let answer = alice.post(LISTS, body).await;
        refused(&answer, 400, "matches no endpoint");
        assert!(answer.detail().contains(bad) && answer.detail().contains(nearest), "{}", answer.text);
    }
    refused(&alice.post(LISTS, json!({ "name": "l" })).await, 400, "field required");
    assert_eq!(alice.get(LISTS).await.ok(), json!([]));
    let made = list(&alice, &["GET /api/v1/wallet"]).await;
    let path = format!("{LISTS}/{}", text(&made, "id"));
    refused(&alice.put(&path, json!({ "allowed_endpoints": ["GET /x"] })).await, 400, "matches no endpoint");
    assert_eq!(alice.get(&path).await.ok(), made, "nothing was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_bound_to_wallets_addresses_and_times() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let first = only_wallet(&alice).await;
    let second = text(&alice.post("/api/v1/wallet", json!({ "name": "second" })).await.ok(), "id");
    let made = list(&alice, &["GET /api/v1/wallet", "GET /api/v1/wallets"]).await;
    let bound = token(&alice, &made, json!({ "wallets": [first] })).await;
    let bound = server.bearer(&text(&bound, "token"));
    assert_eq!(bound.get("/api/v1/wallet").await.status, 200, "it has only one");
    assert_eq!(bound.get("/api/v1/wallets").await.ok().as_array().unwrap().len(), 1);
    let other = bound.get(&format!("/api/v1/wallet?wallet_id={second}")).await;
    refused(&other, 403, "is not for wallet");
    let elsewhere = token(&alice, &made, json!({ "limits": { "source_ips": ["203.0.113.0/24"] } })).await;
    let answer = server.bearer(&text(&elsewhere, "token")).get("/api/v1/wallets").await;
    refused(&answer, 403, "may not be used from this address");
    assert_eq!(answer.body["exceeded"], "source_ips");
    let tokens = alice.get(&format!("{LISTS}/{}/tokens", text(&made, "id"))).await.ok();
    let unused = tokens.as_array().unwrap().iter().find(|one| one["id"] == elsewhere["id"]).unwrap();
    assert_eq!(unused["last_used_at"], Value::Null, "it was not let in");
}

/// Whoever holds a part of an account's rights cannot give away the rest, by whatever list.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_made_or_changed_by_a_token_names_only_what_the_token_holds() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let lists = ["GET", "POST"].map(|method| format!("{method} {LISTS}"));
    let change = format!("PUT {LISTS}/{{acl_id}}");
    let tokens = format!("POST {LISTS}/{{acl_id}}/tokens");
    let keys = "POST /api/v1/api-keys";
    let mine = [lists[0].as_str(), &lists[1], &change, &tokens, keys, "GET /api/v1/wallet"];
    let made = list(&alice, &mine).await;
    let limited = token(&alice, &made, json!({ "limits": { "max_amount_msat": 1000 } })).await;
    let limited = server.bearer(&text(&limited, "token"));
    let beyond = json!({ "name": "l", "allowed_endpoints": ["GET /api/v1/wallet", "POST /api/v1/payments#send"] });
    let answer = limited.post(LISTS, beyond).await;
    refused(&answer, 403, "POST /api/v1/payments#send");
    assert_eq!(answer.body["missing_right"], "WalletSend");
    // its login's list it may read, and mint from, but not change
    let path = format!("{LISTS}/{}", text(&made, "id"));
    assert_eq!(limited.get(LISTS).await.ok()[0]["id"], made["id"]);
    let widen = json!({ "allowed_endpoints": ["GET /api/v1/wallets"] });
    refused(&limited.put(&path, json!({ "name": "mine now" })).await, 403, "did not make");
    let theirs = list(&alice, &["GET /api/v1/wallets"]).await;
    let hidden = format!("{LISTS}/{}", text(&theirs, "id"));
    refused(&limited.put(&hidden, widen.clone()).await, 404, "Access list not found.");
    refused(&limited.post(&format!("{hidden}/tokens"), json!({ "name": "t" })).await, 404, "Access list not found.");
    let by_scope = limited.post(keys.split_once(' ').unwrap().1, json!({ "name": "k", "acl_id": theirs["id"] })).await;
    refused(&by_scope, 404, "Access list not found.");
    // its own list it may change, within what it holds
    let own = list(&limited, &["GET /api/v1/wallet"]).await;
    let own_path = format!("{LISTS}/{}", text(&own, "id"));
    refused(&limited.put(&own_path, widen.clone()).await, 403, "GET /api/v1/wallets");
    let child = token(&limited, &own, json!({})).await;
    assert_eq!(child["limits"]["max_amount_msat"], 1000, "the limit is handed on");
    // the login widens the list; what the token minted stays within the token
    alice.put(&own_path, widen).await.ok();
    refused(&server.bearer(&text(&child, "token")).get("/api/v1/wallets").await, 403, "Path not allowed.");
    let by_login = token(&alice, &own, json!({})).await;
    assert_eq!(server.bearer(&text(&by_login, "token")).get("/api/v1/wallets").await.status, 200);
    // that token is not bounded by the limits of the list's maker, who therefore widens the list no more
    let more = json!({ "allowed_endpoints": ["GET /api/v1/wallet", keys] });
    refused(&limited.put(&own_path, more).await, 403, "did not mint");
    limited.put(&own_path, json!({ "allowed_endpoints": [] })).await.ok();
}
