//! Access lists in the shape of LNbits (contract, section 6).

use reqwest::Method;
use serde_json::{Value, json};

use super::text;
use crate::harness::{Answer, Caller, PASSWORD, Plan, Server};

const LISTS: &str = "/api/v1/auth/acl";
const TOKENS: &str = "/api/v1/auth/acl/token";

#[track_caller]
fn refused(answer: &Answer, status: u16, detail: &str) {
    assert_eq!((answer.status, answer.detail()), (status, detail), "{}", answer.text);
}

async fn put(by: &Caller, id: &str, endpoints: Value, tokens: Value) -> Value {
    let body = json!({
        "id": id, "name": "list", "password": PASSWORD, "endpoints": endpoints, "token_id_list": tokens
    });
    by.put(LISTS, body).await.ok()
}

fn flags<'a>(lists: &'a Value, list: &str, path: &str) -> (&'a Value, &'a Value) {
    let lists = lists["access_control_list"].as_array().unwrap();
    let list = lists.iter().find(|one| one["id"] == list).unwrap();
    let endpoint = list["endpoints"].as_array().unwrap().iter().find(|one| one["path"] == path).unwrap();
    (&endpoint["read"], &endpoint["write"])
}

#[tokio::test(flavor = "multi_thread")]
async fn granting_takes_two_calls_and_the_token_obeys() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let empty = alice.get(LISTS).await.ok();
    assert_eq!(empty["access_control_list"], json!([]));
    assert!(empty["id"].is_string() && empty["updated_at"].is_string());
    let wish = json!([
        { "path": "/api/v1/wallets", "name": "Wallets", "read": true, "write": true },
        { "path": "/api/v1/auth", "name": "Auth", "read": true, "write": false },
        { "path": "/admin/api/v1", "name": "Admin", "read": true, "write": true },
        { "path": "/api/v1/nothing", "name": "Nothing", "read": true, "write": true }
    ]);
    let made = put(&alice, "new", wish.clone(), json!([])).await;
    let list = made["access_control_list"][0].clone();
    let id = text(&list, "id");
    let endpoints = list["endpoints"].as_array().unwrap();
    assert!(endpoints.iter().all(|one| one["read"] == false && one["write"] == false), "{list}");
    let names: Vec<String> = endpoints.iter().map(|one| text(one, "name").to_lowercase()).collect();
    assert!(names.is_sorted() && names.contains(&"wallet".to_owned()) && names.contains(&"users".to_owned()));
    let granted = put(&alice, &id, wish, json!([])).await;
    assert_eq!(flags(&granted, &id, "/api/v1/wallets"), (&json!(true), &json!(false)), "nothing there writes");
    assert_eq!(flags(&granted, &id, "/api/v1/auth"), (&json!(true), &json!(false)));
    assert_eq!(flags(&granted, &id, "/admin/api/v1"), (&json!(false), &json!(false)), "never");
    assert_eq!(flags(&granted, &id, "/api/v1/wallet"), (&json!(false), &json!(false)));
    assert!(!granted.to_string().contains("/api/v1/nothing") && !granted.to_string().contains(PASSWORD));
    let order = json!({ "acl_id": id, "token_name": "till", "password": PASSWORD, "expiration_time_minutes": 60 });
    let minted = alice.post(TOKENS, order).await.ok();
    let holder = server.bearer(&text(&minted, "api_token"));
    let seen = holder.get("/api/v1/wallets").await;
    assert!(seen.status == 200 && seen.body[0]["adminkey"] == "********", "{}", seen.text);
    assert_eq!(holder.get("/api/v1/auth").await.status, 200);
    assert_eq!(holder.put("/api/v1/auth/me", json!({})).await.status, 403);
    assert_eq!(holder.get("/api/v1/wallet").await.status, 403);
    let lists = alice.get(LISTS).await.ok();
    let listed = &lists["access_control_list"][0]["token_id_list"][0];
    assert_eq!((&listed["id"], &listed["name"]), (&minted["id"], &json!("till")));
    assert!(listed["expires_at"].is_i64(), "{listed}");
    // the newer shape shows the same list
    let newer = alice.get("/api/v1/auth/acls").await.ok();
    assert_eq!(newer[0]["allowed_endpoints"], json!(["READ /api/v1/wallets", "READ /api/v1/auth"]));
    // what is not named any more ends
    put(&alice, &id, json!([]), json!([listed])).await;
    assert_eq!(holder.get("/api/v1/wallets").await.status, 403);
    put(&alice, &id, json!([{ "path": "/api/v1/wallets", "read": true }]), json!([listed])).await;
    assert_eq!(holder.get("/api/v1/wallets").await.status, 200);
    put(&alice, &id, json!([{ "path": "/api/v1/wallets", "read": true }]), json!([])).await;
    refused(&holder.get("/api/v1/wallets").await, 403, "Invalid token id.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_the_newer_shape_shows_what_it_covers_whole() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let body = json!({ "name": "l", "allowed_endpoints": ["GET /api/v1/wallets", "GET /api/v1/wallet"] });
    let id = text(&alice.post("/api/v1/auth/acls", body).await.ok(), "id");
    let lists = alice.get(LISTS).await.ok();
    assert_eq!(flags(&lists, &id, "/api/v1/wallets").0, &json!(true));
    assert_eq!(flags(&lists, &id, "/api/v1/wallet").0, &json!(false), "there is more to read under it");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_asks_for_the_password() {
    let server = Plan::sqlite().seeded().start().await;
    let alice = server.user("alice").await;
    let made = put(&alice, "", json!([]), json!([])).await;
    let id = text(&made["access_control_list"][0], "id");
    let bodies = |password: &str| {
        [
            (Method::PUT, LISTS, json!({ "id": id, "name": "x", "password": password })),
            (Method::PATCH, LISTS, json!({ "id": id, "name": "x", "password": password })),
            (Method::DELETE, LISTS, json!({ "id": id, "password": password })),
            (
                Method::POST,
                TOKENS,
                json!({ "acl_id": id, "token_name": "t", "password": password, "expiration_time_minutes": 5 }),
            ),
            (Method::DELETE, TOKENS, json!({ "id": "t", "acl_id": id, "password": password })),
        ]
    };
    for (method, path, body) in bodies("wrong password") {
        refused(&alice.send(method, path, Some(body)).await, 401, "Invalid credentials.");
    }
    // five guesses are enough, also for one that would have been right
    let right = || json!({ "id": id, "name": "x", "password": PASSWORD });
    assert_eq!(alice.put(LISTS, right()).await.status, 429);
    let login = json!({ "username": "alice", "password": PASSWORD });
    assert_eq!(server.anybody().post("/api/v1/auth", login).await.status, 200, "who comes by the door is not kept out");
    server.clock.advance(61);
    for (method, path, mut body) in bodies("x") {
        body.as_object_mut().unwrap().remove("password");
        let answer = alice.send(method, path, Some(body)).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
    }
    assert_eq!(alice.get(LISTS).await.ok()["access_control_list"][0]["name"], "list");
    let minutes = |minutes: i64| json!({ "acl_id": "none", "token_name": "t", "password": PASSWORD, "expiration_time_minutes": minutes });
    refused(&alice.post(TOKENS, minutes(0)).await, 400, "Expiration time must be in the future.");
    refused(&alice.post(TOKENS, minutes(1)).await, 401, "Invalid ACL id.");
    let gone = json!({ "id": "t", "acl_id": "none", "password": PASSWORD });
    refused(&alice.send(Method::DELETE, TOKENS, Some(gone)).await, 401, "Invalid ACL id.");
    for (path, body) in [
        (TOKENS, json!({ "id": "unknown", "acl_id": id, "password": PASSWORD })),
        (LISTS, json!({ "id": "unknown", "password": PASSWORD })),
        (LISTS, json!({ "id": id, "password": PASSWORD })),
    ] {
        let answer = alice.send(Method::DELETE, path, Some(body)).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, "null"));
    }
    assert_eq!(alice.get(LISTS).await.ok()["access_control_list"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_after_its_minutes() {
    let server = Plan::sqlite().seeded().start().await;
    let alice = server.user("alice").await;
    let made = put(&alice, "", json!([]), json!([])).await;
    let id = text(&made["access_control_list"][0], "id");
    put(&alice, &id, json!([{ "path": "/api/v1/wallets", "read": true }]), json!([])).await;
    let order = json!({ "acl_id": id, "token_name": "t", "password": PASSWORD, "expiration_time_minutes": 2 });
    let holder = server.bearer(&text(&alice.post(TOKENS, order).await.ok(), "api_token"));
    assert_eq!(holder.get("/api/v1/wallets").await.status, 200);
    server.clock.advance(120);
    refused(&holder.get("/api/v1/wallets").await, 401, "Session expired.");
}
