//! Logins: seen in a list, ended one by one or all but one, and signed by keys that change.

use serde_json::json;

use super::people::{assert_refused, login, text, token};
use crate::harness::{Caller, PASSWORD, Plan, Server};

async fn is_in(caller: &Caller) -> bool {
    let answer = caller.get("/api/v1/auth").await;
    assert!(matches!(answer.status, 200 | 401), "{}", answer.text);
    answer.status == 200
}

/// Asks until the other server has noticed, which takes it less than a second.
async fn until_out(caller: &Caller) {
    for _ in 0..400 {
        if !is_in(caller).await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("the credential is good for ever");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_and_ends_his_own_logins() {
    let server = Server::start().await;
    let (first, bob) = (server.user("alice").await, server.user("bob").await);
    let agent = [("User-Agent", "phone")];
    let body = json!({ "username": "alice", "password": PASSWORD }).to_string().into_bytes();
    let second = server.anybody().raw(reqwest::Method::POST, "/api/v1/auth", Some(body), &agent).await.ok();
    let second = server.bearer(&text(&second, "access_token"));
    let third = server.bearer(&token(&server, "alice").await);

    let list = first.get("/api/v1/auth/sessions").await.ok();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 3, "bob's are not among them");
    assert_eq!(list.iter().filter(|session| session["current"] == true).count(), 1);
    let keys = "id created_at expires_at last_used_at last_used_ip user_agent current impersonated_by";
    for key in keys.split(' ') {
        assert!(list.iter().all(|session| session.get(key).is_some()), "{key} is missing");
    }
    let phone = list.iter().find(|session| session["user_agent"] == "phone").unwrap();
    assert_eq!((&phone["current"], &phone["impersonated_by"]), (&json!(false), &json!(null)));

    let path = format!("/api/v1/auth/sessions/{}", text(phone, "id"));
    for (who, path) in [(&bob, path.as_str()), (&first, "/api/v1/auth/sessions/0123456789abcdef0123456789abcdef")] {
        assert_refused(&who.delete(path).await, 404, "not_found", "Session not found.");
    }
    first.delete(&path).await.ok();
    assert_eq!((is_in(&first).await, is_in(&second).await, is_in(&third).await), (true, false, true));
    assert_refused(&first.delete(&path).await, 404, "not_found", "Session not found.");
    assert_refused(&second.get("/api/v1/auth").await, 401, "unauthenticated", "Session expired.");

    third.delete("/api/v1/auth/sessions").await.ok();
    assert_eq!((is_in(&first).await, is_in(&third).await, is_in(&bob).await), (false, true, true));
    assert_eq!(third.get("/api/v1/auth/sessions").await.ok().as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_are_no_business_of_keys() {
    let server = Server::start().await;
    let wallet = server.wallet(0).await;
    for key in [&wallet.admin, &wallet.invoice, &server.anybody()] {
        assert_eq!(key.get("/api/v1/auth/sessions").await.status, 401);
        assert_eq!(key.delete("/api/v1/auth/sessions").await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_and_a_logout_end_logins() {
    let server = Server::start().await;
    let (first, second) = (server.user("alice").await, server.bearer(&token(&server, "alice").await));
    let third = server.bearer(&token(&server, "alice").await);
    third.post("/api/v1/auth/logout", json!({})).await.ok();
    assert!(!is_in(&third).await);
    let id = super::people::id_of(&second).await;
    let body = json!({
        "user_id": id, "username": "alice", "password": "another horse", "password_repeat": "another horse",
        "password_old": PASSWORD
    });
    second.put("/api/v1/auth/password", body).await.ok();
    assert_eq!((is_in(&first).await, is_in(&second).await), (false, true));
    assert_eq!(login(&server, "alice").await.status, 401);
}

/// Scenario 59, and "without logging everybody out".
#[tokio::test(flavor = "multi_thread")]
async fn signing_keys_rotate_without_logging_anybody_out() {
    let server = Server::start().await;
    let root = server.super_user().await;
    let old = token(&server, "root").await;
    server.user("alice").await;
    let alice = token(&server, "alice").await;
    let answer = server.bearer(&alice).post("/admin/api/v1/session-keys/rotate", json!({})).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    let rotated = root.post("/admin/api/v1/session-keys/rotate", json!({})).await.ok();
    assert_eq!(rotated["number"], 1);
    let new = token(&server, "alice").await;
    let head = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_ne!(head(&alice), head(&new), "another key signs");
    for token in [&old, &alice, &new] {
        assert!(is_in(&server.bearer(token)).await);
    }
    // a token of one key under the name of another is nobody's
    let (_, rest) = new.split_once('.').unwrap();
    let swapped = server.bearer(&format!("{}.{rest}", head(&alice))).get("/api/v1/auth").await;
    assert_refused(&swapped, 401, "unauthenticated", "Invalid access token.");
    // a server that starts later knows all of them
    let again = server.stop().await.start().await;
    for token in [&old, &alice, &new] {
        assert!(is_in(&again.bearer(token)).await);
    }
    again.assert_sound().await;
}

/// Scenario 51, for logins.
#[tokio::test(flavor = "multi_thread")]
async fn every_server_notices_at_once() {
    let here = Plan::postgres().await.start().await;
    let there = here.twin().start().await;
    here.user("alice").await;
    let (first, second) = (token(&here, "alice").await, token(&here, "alice").await);
    assert!(is_in(&there.bearer(&first)).await && is_in(&there.bearer(&second)).await);
    here.bearer(&first).delete("/api/v1/auth/sessions").await.ok();
    until_out(&there.bearer(&second)).await;
    assert!(is_in(&there.bearer(&first)).await);
    // a token whose key the other server has not heard of yet is good there, too
    let root = here.super_user().await;
    for number in 1..4 {
        assert_eq!(root.post("/admin/api/v1/session-keys/rotate", json!({})).await.ok()["number"], number);
        assert!(is_in(&there.bearer(&token(&here, "alice").await)).await);
    }
    assert!(is_in(&there.bearer(&first)).await && is_in(&here.bearer(&first)).await);
}
