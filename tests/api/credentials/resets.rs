//! Reset keys: made by the super user, good once, for an hour.

use serde_json::{Value, json};

use super::people::{assert_refused, id_of, login, text, token};
use crate::harness::{Answer, Caller, Plan, Server};

async fn key_for(root: &Caller, id: &str) -> String {
    let made = root.put(&format!("/users/api/v1/user/{id}/reset_password"), json!({})).await.ok();
    made.as_str().unwrap().to_owned()
}

async fn reset(server: &Server, key: &str, password: &str) -> Answer {
    let body = json!({ "reset_key": key, "password": password, "password_repeat": password });
    server.anybody().put("/api/v1/auth/reset", body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_sets_a_password_once_and_ends_every_login() {
    let server = Plan::sqlite().seeded().start().await;
    let root = server.super_user().await;
    let alice = server.user("alice").await;
    let id = id_of(&alice).await;
    let other = server.bearer(&token(&server, "alice").await);
    let first = key_for(&root, &id).await;
    let key = key_for(&root, &id).await;
    assert!(key.starts_with("reset_key_") && key != first);
    assert_refused(&reset(&server, &first, "a new horse").await, 400, "invalid_request", "Invalid reset key.");
    let done = reset(&server, &key, "a new horse").await;
    assert_eq!(done.status, 200, "{}", done.text);
    for ended in [&alice, &other] {
        assert_eq!(ended.get("/api/v1/auth").await.status, 401);
    }
    let user = server.bearer(&text(&done.body, "access_token")).get("/api/v1/auth").await.ok();
    assert_eq!((&user["id"], &user["username"]), (&json!(id), &json!("alice")));
    assert_refused(&reset(&server, &key, "another one").await, 400, "invalid_request", "Invalid reset key.");
    assert_eq!(login(&server, "alice").await.status, 401, "the old password");
    let body = json!({ "username": "alice", "password": "a new horse" });
    assert_eq!(server.anybody().post("/api/v1/auth", body).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_end_by_themselves_and_nonsense_is_refused() {
    let server = Plan::sqlite().seeded().start().await;
    let root = server.super_user().await;
    let alice = server.user("alice").await;
    let id = id_of(&alice).await;
    let key = key_for(&root, &id).await;
    let mut differing = json!({ "reset_key": key, "password": "a new horse", "password_repeat": "an old horse" });
    let refused = server.anybody().put("/api/v1/auth/reset", differing.clone()).await;
    assert_refused(&refused, 400, "invalid_request", "Passwords do not match.");
    differing["password"] = Value::from("short");
    assert_eq!(server.anybody().put("/api/v1/auth/reset", differing).await.status, 400);
    for (bad, detail) in [
        ("nonsense", "This is not a reset key."),
        ("reset_key_", "Invalid reset key."),
        (&key[..key.len() - 1], "Invalid reset key."),
    ] {
        assert_refused(&reset(&server, bad, "a new horse").await, 400, "invalid_request", detail);
    }
    server.clock.advance(3601);
    assert_refused(&reset(&server, &key, "a new horse").await, 400, "invalid_request", "Invalid reset key.");
    assert_eq!(alice.get("/api/v1/auth").await.status, 200, "nothing was ended");

    let path = |id: &str| format!("/users/api/v1/user/{id}/reset_password");
    let own = root.put(&path(&id_of(&root).await), json!({})).await;
    assert_refused(&own, 403, "forbidden", "Cannot change superuser password.");
    let nobody = root.put(&path("0123456789abcdef0123456789abcdef"), json!({})).await;
    assert_refused(&nobody, 404, "not_found", "User not found.");
    assert_eq!(alice.put(&path(&id), json!({})).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_use_a_key_one_gets_in() {
    let server = Server::start().await;
    let root = server.super_user().await;
    let id = id_of(&server.user("alice").await).await;
    let key = key_for(&root, &id).await;
    let tries = (0..6).map(|number| {
        let (server, key) = (&server, &key);
        async move { reset(server, key, &format!("horse number {number}")).await.status }
    });
    let mut outcomes = futures_util::future::join_all(tries).await;
    outcomes.sort_unstable();
    assert_eq!(outcomes, [200, 400, 400, 400, 400, 400]);
}
