//! Opening accounts, coming in and going out.

use reqwest::Method;
use serde_json::{Value, json};

use super::{assert_refused, text, wrong};
use crate::harness::{Answer, Caller, PASSWORD, Plan, Server};

fn registration(name: &str) -> Value {
    json!({ "username": name, "password": PASSWORD, "password_repeat": PASSWORD })
}

async fn register(server: &Server, body: Value) -> Answer {
    server.anybody().post("/api/v1/auth/register", body).await
}

async fn login(server: &Server, name: &str, password: &str) -> Answer {
    server.anybody().post("/api/v1/auth", json!({ "username": name, "password": password })).await
}

async fn session(server: &Server, name: &str, password: &str) -> Caller {
    server.bearer(&text(&login(server, name, password).await.ok(), "access_token"))
}

#[tokio::test(flavor = "multi_thread")]
async fn registration_has_rules_and_says_which_was_broken() {
    let server = Server::start().await;
    server.user("alice").await;
    let with = |key: &str, value: Value| {
        let mut body = registration("bob");
        body[key] = value;
        body
    };
    for (body, detail) in [
        (with("password_repeat", json!("another one")), "Passwords do not match."),
        (with("username", json!("_bob")), "Invalid username."),
        (with("username", json!("bob.")), "Invalid username."),
        (with("username", json!("b..b")), "Invalid username."),
        (with("username", json!("b b")), "Invalid username."),
        (with("username", json!("bób")), "Invalid username."),
        (with("username", json!("bo<b>")), "Invalid username."),
        (with("username", json!("alice")), "Username already exists."),
        (with("username", json!("ALICE")), "Username already exists."),
        (with("email", json!("nonsense")), "Invalid email."),
        (with("email", json!("a@b")), "Invalid email."),
    ] {
        assert_refused(&register(&server, body).await, 400, detail);
    }
    for (key, value, msg) in [
        ("username", json!("b"), "ensure this value has at least 2 characters"),
        ("username", json!("b".repeat(21)), "ensure this value has at most 20 characters"),
        ("password", json!("short"), "ensure this value has at least 8 characters"),
        ("password", json!("p".repeat(51)), "ensure this value has at most 50 characters"),
        ("password_repeat", json!("short"), "ensure this value has at least 8 characters"),
        ("username", Value::Null, "none is not an allowed value"),
    ] {
        let answer = register(&server, with(key, value)).await;
        let (loc, said, _) = wrong(&answer);
        assert_eq!((loc, said.as_str()), (json!(["body", key]), msg));
    }
    for key in ["username", "password", "password_repeat"] {
        let mut body = registration("bob");
        body.as_object_mut().unwrap().remove(key);
        assert_eq!(wrong(&register(&server, body).await).0, json!(["body", key]));
    }
    let mut mail = registration("bob");
    mail["email"] = json!("Bob@Example.com");
    register(&server, mail.clone()).await.ok();
    mail["username"] = json!("bobby");
    mail["email"] = json!("bob@example.COM");
    assert_refused(&register(&server, mail).await, 400, "Email already exists.");
    assert_eq!(login(&server, "bobby", PASSWORD).await.status, 401, "nothing is left of a refused registration");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_shown_whole() {
    let server = Server::start().await;
    let mut body = registration("Alice");
    body["email"] = json!("alice@example.com");
    let made = register(&server, body).await;
    assert_eq!((made.status, &made.body["token_type"]), (200, &json!("bearer")));
    let alice = server.bearer(&text(&made.body, "access_token"));
    let user = alice.get("/api/v1/auth").await.ok();
    let keys: Vec<&str> = user.as_object().unwrap().keys().map(String::as_str).collect();
    for key in [
        "id",
        "activated",
        "created_at",
        "updated_at",
        "email",
        "username",
        "pubkey",
        "external_id",
        "extensions",
        "wallets",
        "admin",
        "super_user",
        "fiat_providers",
        "has_password",
        "extra",
        "ui_customization",
    ] {
        assert!(keys.contains(&key), "{key} is missing in {user}");
    }
    assert_eq!((&user["username"], &user["email"]), (&json!("Alice"), &json!("alice@example.com")));
    assert_eq!(
        (&user["admin"], &user["super_user"], &user["has_password"]),
        (&json!(false), &json!(false), &json!(true))
    );
    assert_eq!(user["wallets"].as_array().unwrap().len(), 1);
    assert!(!user.to_string().contains("argon2") && !user.to_string().contains("password_hash"));
    for name in ["alice", "ALICE", "alice@example.com", "Alice@Example.Com"] {
        assert_eq!(login(&server, name, PASSWORD).await.status, 200, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_failed_logins_look_alike() {
    let server = Server::start().await;
    server.user("alice").await;
    let account = server.anybody().post("/api/v1/account", json!({})).await.ok();
    let id = text(&account, "user");
    let mut bodies = std::collections::HashSet::new();
    for (name, password) in [
        ("alice", "wrong password"),
        ("nobody", PASSWORD),
        ("", ""),
        (&id, ""),
        ("alice", ""),
        ("root", "wrong password"),
    ] {
        let mut answer = login(&server, name, password).await;
        assert_refused(&answer, 401, "Invalid credentials.");
        assert!(!answer.headers.contains_key("set-cookie"));
        answer.body.as_object_mut().unwrap().remove("request_id");
        bodies.insert(answer.body.to_string());
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_ends_the_session_and_no_other() {
    let server = Server::start().await;
    let first = server.user("alice").await;
    let second = session(&server, "alice", PASSWORD).await;
    assert_eq!(first.get("/api/v1/auth").await.status, 200);
    let out = first.post("/api/v1/auth/logout", json!({})).await;
    assert_eq!((out.status, &out.body), (200, &json!({ "status": "success" })));
    assert_refused(&first.get("/api/v1/auth").await, 401, "Session expired.");
    assert_refused(&first.get("/api/v1/wallet").await, 401, "Session expired.");
    assert_eq!(second.get("/api/v1/auth").await.status, 200);
    for caller in [&first, &server.anybody(), &server.bearer("garbage")] {
        assert_eq!(caller.raw(Method::POST, "/api/v1/auth/logout", None, &[]).await.status, 200);
    }
    let token = text(&login(&server, "alice", PASSWORD).await.ok(), "access_token");
    let cookie = [("Cookie", &*format!("cookie_access_token={token}"))];
    server.anybody().raw(Method::POST, "/api/v1/auth/logout", None, &cookie).await.ok();
    assert_refused(&server.bearer(&token).get("/api/v1/auth").await, 401, "Session expired.");
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_are_for_this_server_and_not_for_scripts() {
    let server = Server::start().await;
    let answer = register(&server, registration("alice")).await;
    let token = text(&answer.body, "access_token");
    let cookies = |answer: &Answer| -> Vec<String> {
        answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    };
    let find = |cookies: &[String], name: &str| {
        let found = cookies.iter().find(|cookie| cookie.starts_with(&format!("{name}=")));
        found.unwrap_or_else(|| panic!("{name} is not among {cookies:?}")).clone()
    };
    for answer in [&answer, &login(&server, "alice", PASSWORD).await] {
        let set = cookies(answer);
        let session = find(&set, "cookie_access_token");
        for part in ["HttpOnly", "SameSite=Lax", "Path=/", &format!("Max-Age={}", 525_600 * 60)] {
            assert!(session.contains(part), "{part} is not in {session}");
        }
        assert!(!session.contains("Secure") && !session.contains("Domain"), "this server speaks http: {session}");
        let hint = find(&set, "is_lnbits_user_authorized");
        assert!(hint.starts_with("is_lnbits_user_authorized=true;") && !hint.contains("HttpOnly"), "{hint}");
    }
    assert!(find(&cookies(&answer), "cookie_access_token").contains(&token));
    let out = server.bearer(&token).post("/api/v1/auth/logout", json!({})).await;
    for name in
        ["cookie_access_token", "is_lnbits_user_authorized", "is_access_token_expired", "lnbits_last_active_wallet"]
    {
        let forgotten = find(&cookies(&out), name);
        assert!(forgotten.contains("Max-Age=0") && forgotten.contains("Path=/"), "{forgotten}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_changed_by_its_owner_only() {
    let server = Server::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let id = text(&alice.get("/api/v1/auth").await.ok(), "id");
    let body = json!({ "user_id": id, "username": "alice", "extra": { "first_name": "Al" } });
    assert_eq!(alice.patch("/api/v1/auth", body.clone()).await.ok()["extra"]["first_name"], "Al");
    assert_refused(&bob.patch("/api/v1/auth", body).await, 400, "Invalid user ID.");
    let me = alice.put("/api/v1/auth/me", json!({ "extra": { "display_name": "A", "last_name": null } })).await.ok();
    assert_eq!((&me["extra"]["first_name"], &me["extra"]["display_name"]), (&json!("Al"), &json!("A")));
    let forbidden = json!({ "extra": { "provider": "env", "email_verified": true, "wallet_invite_requests": [1] } });
    let same = alice.put("/api/v1/auth/me", forbidden).await.ok();
    assert_eq!((&same["extra"]["provider"], &same["extra"]["email_verified"]), (&json!("lnbits"), &json!(false)));
    assert_eq!(same["extra"]["wallet_invite_requests"], json!([]));
    let meddling = json!({ "super_user": true, "admin": true, "id": "x", "activated": false, "email": "x@y.zz" });
    let same = alice.put("/api/v1/auth/me", meddling).await.ok();
    assert_eq!((&same["admin"], &same["activated"], &same["email"]), (&json!(false), &json!(true), &Value::Null));
    for (name, detail) in
        [("BOB", "Username already exists."), ("x", "Invalid username."), ("a__b", "Invalid username.")]
    {
        assert_refused(&alice.put("/api/v1/auth/me", json!({ "username": name })).await, 400, detail);
    }
    let label = |name: &str| json!({ "extra": { "labels": [{ "name": name }, { "name": "ok" }] } });
    assert_refused(&alice.put("/api/v1/auth/me", label("ok")).await, 400, "Duplicate label name: ok");
    assert_refused(&alice.put("/api/v1/auth/me", label("<b>")).await, 400, "Invalid label name: '<b>'.");
    let renamed = alice.put("/api/v1/auth/me", json!({ "username": "alicia" })).await.ok();
    assert_eq!(renamed["username"], "alicia");
    assert_eq!(alice.get("/api/v1/auth").await.status, 200, "a new name does not end the session");
    let taken = server.user("alice").await;
    assert_ne!(text(&taken.get("/api/v1/auth").await.ok(), "id"), id, "nor does the old name open it");
    assert_eq!(text(&alice.get("/api/v1/auth").await.ok(), "id"), id);
    let ui = alice.patch("/api/v1/auth/ui", json!({ "a": 1 })).await.ok();
    assert_eq!(ui["ui_customization"], json!({ "a": 1 }));
    let ui = alice.patch("/api/v1/auth/ui", json!({ "b": { "c": [] } })).await.ok();
    assert_eq!(ui["ui_customization"], json!({ "a": 1, "b": { "c": [] } }));
    let large = alice.patch("/api/v1/auth/ui", json!({ "b": "x".repeat(70_000) })).await;
    assert_refused(&large, 400, "UI customization too large. Drop some fields.");
    assert_eq!(alice.patch("/api/v1/auth/ui", json!([1])).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_changed_right_after_a_login_and_ends_the_others() {
    let server = Plan::sqlite().seeded().start().await;
    let other = server.user("alice").await;
    let alice = session(&server, "alice", PASSWORD).await;
    let id = text(&alice.get("/api/v1/auth").await.ok(), "id");
    assert_eq!(other.get("/api/v1/auth").await.status, 200);
    let change = |key: &str, value: Value| {
        let mut body = json!({
            "user_id": id, "username": "alice", "password": "new password", "password_repeat": "new password",
            "password_old": PASSWORD
        });
        body[key] = value;
        body
    };
    let path = "/api/v1/auth/password";
    for (key, value, detail) in [
        ("user_id", json!("other"), "Invalid user ID."),
        ("password_repeat", json!("new passwort"), "Passwords do not match."),
        ("password_old", json!("wrong password"), "Invalid old password."),
        ("password_old", Value::Null, "Missing old password."),
        ("username", json!("_a"), "Invalid username."),
    ] {
        assert_refused(&alice.put(path, change(key, value)).await, 400, detail);
    }
    assert_eq!(other.get("/api/v1/auth").await.status, 200);
    server.clock.advance(121);
    let stale = alice.put(path, change("username", json!("alice"))).await;
    assert_eq!(stale.status, 400);
    assert!(stale.detail().starts_with("You can only update your credentials in the first 120 seconds."));
    let alice = session(&server, "alice", PASSWORD).await;
    assert_eq!(alice.put(path, change("username", json!("alice"))).await.status, 200);
    assert_eq!(alice.get("/api/v1/auth").await.status, 200);
    assert_refused(&other.get("/api/v1/auth").await, 401, "Session expired.");
    assert_refused(&login(&server, "alice", PASSWORD).await, 401, "Invalid credentials.");
    assert_eq!(login(&server, "alice", "new password").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_after_a_year() {
    let server = Plan::sqlite().seeded().start().await;
    let alice = server.user("alice").await;
    server.clock.advance(525_600 * 60 - 1);
    assert_eq!(alice.get("/api/v1/auth").await.status, 200);
    server.clock.advance(1);
    assert_refused(&alice.get("/api/v1/auth").await, 401, "Session expired.");
    assert_refused(&alice.get("/api/v1/wallet").await, 401, "Session expired.");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anonymous_account_lives_by_its_keys() {
    let server = Server::start().await;
    let made = server.anybody().post("/api/v1/account", json!({ "name": "tips", "shared_wallet_id": "x" })).await.ok();
    assert_eq!((&made["name"], &made["balance_msat"]), (&json!("tips"), &json!(0)));
    let unnamed = server.anybody().raw(Method::POST, "/api/v1/account", None, &[]).await.ok();
    assert!(!text(&unnamed, "name").is_empty());
    assert_ne!(made["user"], unnamed["user"]);
    assert_eq!(server.key(&text(&made, "adminkey")).get("/api/v1/wallet").await.ok()["id"], made["id"]);
    assert_eq!(server.anybody().post("/api/v1/account", json!({ "name": "n".repeat(500) })).await.status, 400);
    let mut limits = Plan::sqlite();
    limits.limits.allow_new_accounts = false;
    let closed = limits.start().await;
    let refusal = "Account creation is disabled.";
    assert_refused(&closed.anybody().post("/api/v1/account", json!({})).await, 400, refusal);
    assert_refused(&register(&closed, registration("alice")).await, 400, refusal);
}
