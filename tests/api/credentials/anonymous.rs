//! Anonymous sessions, and becoming somebody.

use satchel::domain::limits::Limits;
use serde_json::{Value, json};

use super::text;
use crate::harness::{Caller, PASSWORD, Plan, Server};

async fn open(server: &Server) -> (Caller, String, Value) {
    let answer = server.anybody().post("/api/v1/session", json!({})).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let key = text(&answer.body["account"], "session_key");
    (server.bearer(&key), key, answer.body)
}

fn person(name: &str) -> Value {
    json!({ "username": name, "password": PASSWORD, "password_repeat": PASSWORD })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anonymous_session_owns_its_wallets_and_nothing_else() {
    let server = Server::start().await;
    let (session, key, opened) = open(&server).await;
    assert!(key.starts_with("ss_"), "{key}");
    let wallets = session.get("/api/v1/wallets").await.ok();
    assert_eq!(
        (wallets[0]["id"].clone(), wallets[0]["adminkey"].clone()),
        (opened["wallet"]["id"].clone(), opened["wallet"]["adminkey"].clone())
    );
    assert_eq!(wallets[0]["user"], opened["account"]["id"]);
    assert_eq!(session.post("/api/v1/payments", json!({ "out": false, "amount": 1 })).await.status, 201);
    assert_eq!(session.get("/api/v1/api-keys/self").await.ok()["kind"], "anonymous session");
    for (path, body) in [
        ("/api/v1/api-keys", json!({ "name": "k" })),
        ("/api/v1/auth/acls", json!({ "name": "l", "allowed_endpoints": [] })),
    ] {
        let answer = session.post(path, body).await;
        assert_eq!((answer.status, &answer.body["missing_right"]), (403, &json!("Credentials")), "{}", answer.text);
    }
    assert_eq!(session.get("/api/v1/auth").await.status, 403);
    assert_eq!(session.put("/api/v1/auth/me", json!({})).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn registering_with_the_key_makes_the_account_a_full_one() {
    let server = Server::start().await;
    server.user("taken").await;
    let (session, key, opened) = open(&server).await;
    let wallet = text(&opened["wallet"], "id");
    server.ledger().adjust(wallet.parse().unwrap(), satchel::domain::Msat(5000)).await.unwrap();
    assert_eq!(session.post("/api/v1/auth/register", person("taken")).await.status, 400);
    assert_eq!(session.get("/api/v1/wallets").await.status, 200, "a failed claim ends nothing");
    let login = session.post("/api/v1/auth/register", person("alice")).await.ok();
    let alice = server.bearer(&text(&login, "access_token"));
    let account = alice.get("/api/v1/auth").await.ok();
    assert_eq!((&account["id"], &account["username"]), (&opened["account"]["id"], &json!("alice")));
    assert_eq!(account["wallets"].as_array().unwrap().len(), 1);
    assert_eq!((text(&account["wallets"][0], "id"), &account["wallets"][0]["balance_msat"]), (wallet, &json!(5000)));
    for path in ["/api/v1/wallets", "/api/v1/api-keys/self"] {
        let answer = session.get(path).await;
        assert_eq!((answer.status, answer.detail()), (401, "This anonymous session has ended."));
    }
    // the key is worth nothing now: not even to claim again, nor silently to open another account
    let again = server.bearer(&key).post("/api/v1/auth/register", person("mallory")).await;
    assert_eq!((again.status, again.detail()), (401, "This anonymous session has ended."));
    assert_eq!(
        server.anybody().post("/api/v1/auth", json!({ "username": "mallory", "password": PASSWORD })).await.status,
        401
    );
    assert_eq!(
        server.anybody().post("/api/v1/auth", json!({ "username": "alice", "password": PASSWORD })).await.status,
        200
    );
    // a login that registers opens another account, as before
    let other = alice.post("/api/v1/auth/register", person("other")).await.ok();
    assert_ne!(server.bearer(&text(&other, "access_token")).get("/api/v1/auth").await.ok()["id"], account["id"]);
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_claims_at_once_one_wins() {
    let server = Plan::postgres().await.start().await;
    let (session, _, opened) = open(&server).await;
    let claims = ["alice", "bob", "carol"].map(|name| session.post("/api/v1/auth/register", person(name)));
    let answers = futures_util::future::join_all(claims).await;
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    let alice = server.bearer(&text(&won[0].body, "access_token"));
    assert_eq!(alice.get("/api/v1/auth").await.ok()["id"], opened["account"]["id"]);
    for lost in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(lost.status, 401, "{}", lost.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_can_switch_them_off() {
    let mut plan = Plan::sqlite();
    plan.limits = Limits { allow_anonymous_sessions: false, ..plan.limits };
    let server = plan.start().await;
    let answer = server.anybody().post("/api/v1/session", json!({})).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    assert!(answer.detail().contains("switched off"), "{}", answer.text);
}
