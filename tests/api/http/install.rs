//! The first install: whoever comes first names the super user, once.

use satchel::domain::Account;
use serde_json::{Value, json};

use super::{assert_refused, text, wrong};
use crate::harness::{Answer, PASSWORD, Plan, Server};

fn naming(key: &str, value: Value) -> Value {
    let mut body = json!({ "username": "boss", "password": PASSWORD, "password_repeat": PASSWORD });
    body[key] = value;
    body
}

async fn install(server: &Server, body: Value) -> Answer {
    server.anybody().put("/api/v1/auth/first_install", body).await
}

fn not_installed() -> Plan {
    Plan { installed: false, ..Plan::sqlite() }
}

/// Until then everything leads to the page, whoever asks; but the server's health is told.
#[tokio::test(flavor = "multi_thread")]
async fn everything_leads_to_the_first_install_until_it_is_done() {
    let server = not_installed().start().await;
    let twin = Plan { installed: false, ..server.twin() }.start().await;
    for path in ["/", "/docs", "/openapi.json", "/api/v1/wallet", "/api/v1/auth", "/admin/api/v1/settings", "/nowhere"]
    {
        let answer = server.anybody().get(path).await;
        let to = answer.headers.get("location").map(|to| to.to_str().unwrap().to_owned());
        assert_eq!((answer.status, to.as_deref()), (307, Some("/first_install")), "{path}");
    }
    let register = json!({ "username": "alice", "password": PASSWORD, "password_repeat": PASSWORD });
    assert_eq!(server.anybody().post("/api/v1/auth/register", register.clone()).await.status, 307);
    for path in [
        "/first_install",
        "/static/app.js",
        "/static/pages/first-install.js",
        "/api/v1/server",
        "/api/v1/health",
        "/api/v1/ready",
    ] {
        assert_eq!(server.anybody().get(path).await.status, 200, "{path}");
    }
    assert_eq!(install(&server, naming("username", json!("boss"))).await.status, 200);
    for one in [&server, &twin] {
        assert_eq!(one.anybody().get("/docs").await.status, 200);
    }
    assert_eq!(server.anybody().post("/api/v1/auth/register", register).await.status, 200);
}

const AGAIN: &str = "This is not your first install";

#[tokio::test(flavor = "multi_thread")]
async fn the_super_user_is_named_once() {
    let server = not_installed().start().await;
    let id = "0123456789abcdef0123456789abcdef".parse().unwrap();
    let alice = Account::fresh(id, "lnbits", server.clock.now());
    let account = Account { username: Some("alice".into()), username_key: Some("alice".into()), ..alice };
    server.store.account_create(account, None).await.unwrap();
    for (body, detail) in [
        (naming("password_repeat", json!("something else")), "Passwords do not match."),
        (naming("username", json!("_admin_")), "Invalid username."),
        (naming("username", json!("Alice")), "Username already exists."),
    ] {
        assert_refused(&install(&server, body).await, 400, detail);
    }
    assert_eq!(wrong(&install(&server, naming("password", json!("short"))).await).0, json!(["body", "password"]));
    let done = install(&server, naming("username", json!("boss"))).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert!(done.headers.get_all("set-cookie").iter().any(|cookie| cookie.to_str().unwrap().contains("HttpOnly")));
    let boss = server.bearer(&text(&done.body, "access_token"));
    let user = boss.get("/api/v1/auth").await.ok();
    assert_eq!((&user["super_user"], &user["admin"], &user["username"]), (&json!(true), &json!(true), &json!("boss")));
    for name in ["boss", "other"] {
        assert_refused(&install(&server, naming("username", json!(name))).await, 403, AGAIN);
    }
    let again = server.stop().await.start().await;
    assert_refused(&install(&again, naming("username", json!("other"))).await, 403, AGAIN);
    let login = json!({ "username": "boss", "password": PASSWORD });
    assert_eq!(again.anybody().post("/api/v1/auth", login).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_install_token_is_asked_for_when_there_is_one() {
    let token = "a very secret token of the operator";
    let server = Plan { install_token: Some(token.to_owned()), ..not_installed() }.start().await;
    for missing in [Value::Null, json!("")] {
        let answer = install(&server, naming("first_install_token", missing)).await;
        assert_refused(&answer, 401, "Missing first_install_token.");
    }
    for bad in ["a very secret token of the operato", "A very secret token of the operator", "x"] {
        let answer = install(&server, naming("first_install_token", json!(bad))).await;
        assert_refused(&answer, 401, "Invalid first_install_token.");
    }
    assert_eq!(install(&server, naming("first_install_token", json!(token))).await.status, 200);
    assert_refused(&install(&server, naming("first_install_token", json!(token))).await, 403, AGAIN);
}

/// Of two who come at the same moment, one is the super user.
#[tokio::test(flavor = "multi_thread")]
async fn a_race_to_be_the_super_user_has_one_winner() {
    let server = not_installed().start().await;
    let names = ["first", "second", "third", "fourth"];
    let asked = names.map(|name| install(&server, naming("username", json!(name))));
    let answers = futures_util::future::join_all(asked).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403, 403, 403]);
    let won = answers.iter().position(|answer| answer.status == 200).unwrap();
    for (number, name) in names.iter().enumerate() {
        let login = json!({ "username": name, "password": PASSWORD });
        let status = server.anybody().post("/api/v1/auth", login).await.status;
        assert_eq!(status, if number == won { 200 } else { 401 }, "{name}");
    }
}
