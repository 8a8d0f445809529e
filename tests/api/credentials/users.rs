//! Administering other people's accounts: what is said of them, who may, and what ends with them.

use reqwest::Method;
use serde_json::{Value, json};

use super::people::{assert_refused, id_of, login, text};
use crate::harness::{Caller, PASSWORD, Plan, Server};

const USERS: &str = "/users/api/v1/user";

fn at(id: &str, rest: &str) -> String {
    format!("{USERS}/{id}{rest}")
}

/// An administrator who is not the super user.
async fn admin(server: &Server, root: &Caller, name: &str) -> Caller {
    let caller = server.user(name).await;
    let told = root.put(&at(&id_of(&caller).await, "/admin"), json!({})).await.ok();
    assert_eq!(told["message"], "User admin: 'True'.");
    caller
}

async fn listed(caller: &Caller, query: &str) -> Vec<String> {
    let page = caller.get(&format!("{USERS}?{query}")).await.ok();
    page["data"].as_array().unwrap().iter().map(|user| text(user, "id")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_users_counts_what_they_have_on_both_databases() {
    for plan in [Plan::sqlite(), Plan::postgres().await] {
        let server = plan.start().await;
        let root = server.super_user().await;
        let made =
            root.post(USERS, json!({ "username": "alice", "email": "Alice@b.co", "external_id": "ext-1" })).await.ok();
        let (id, password) = (text(&made, "id"), text(&made, "password"));
        assert_eq!(password.len(), 22);
        let body = json!({ "username": "alice", "password": password });
        assert_eq!(server.anybody().post("/api/v1/auth", body).await.status, 200);
        let wallet = text(&root.get(&at(&id, "/wallet")).await.ok()[0], "id");
        let credit = json!({ "id": wallet, "amount": 25, "reason": "a prize" });
        root.put("/users/api/v1/balance", credit).await.ok();
        for query in [
            format!("id={id}"),
            "username=alice".into(),
            "email[like]=alice@".into(),
            "external_id=ext-1".into(),
            format!("wallet_id={wallet}"),
            format!("wallet_id[in]={wallet},x"),
            "search=ALICE".into(),
            format!("search={}", &wallet[4..28]),
        ] {
            assert_eq!(listed(&root, &query).await, std::slice::from_ref(&id), "{query}");
        }
        assert_eq!(listed(&root, "username=bob").await, Vec::<String>::new());
        assert_eq!(listed(&root, "sortby=username&direction=desc&limit=1").await.len(), 1);
        assert_eq!(root.get(&format!("{USERS}?sortby=balance")).await.status, 400);
        let page = root.get(&format!("{USERS}?id={id}")).await.ok();
        let user = &page["data"][0];
        assert_eq!((page["total"].clone(), user["wallet_count"].clone()), (json!(1), json!(1)));
        assert_eq!((user["balance_msat"].clone(), user["transaction_count"].clone()), (json!(25_000), json!(1)));
        assert!(user["last_payment"].is_string());
        let payments = root.get("/api/v1/payments/all/paginated").await;
        assert!(payments.status == 200 && !user.to_string().contains("argon2"), "{}", payments.text);
        server.assert_sound().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_draft_is_said_and_nothing_is_written() {
    let server = Server::start().await;
    let root = server.super_user().await;
    let key = "3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d";
    let alice = json!({ "username": "alice", "email": "a@b.co", "pubkey": key, "extra": { "first_name": "A" } });
    let alice = text(&root.post(USERS, alice).await.ok(), "id");
    let bob = text(&root.post(USERS, json!({ "username": "bob" })).await.ok(), "id");
    for (draft, detail) in [
        (json!({ "username": "_x_" }), "Invalid username."),
        (json!({ "username": "ALICE" }), "Username already exists."),
        (json!({ "username": "bob", "email": "nobody" }), "Invalid email."),
        (json!({ "username": "bob", "email": "A@B.co" }), "Email already exists."),
        (json!({ "username": "bob", "pubkey": "ab" }), "Key has wrong length."),
        (json!({ "username": "bob", "pubkey": key }), "Pubkey already exists."),
        (
            json!({ "username": "bob", "external_id": "a b" }),
            "Invalid external id. Max length is 256 characters. Space and newlines are not allowed.",
        ),
        (json!({ "username": "bob", "extensions": ["x"] }), "Extension 'x' does not exist."),
    ] {
        assert_refused(&root.put(&at(&bob, ""), draft.clone()).await, 400, "invalid_request", detail);
        if draft["username"] != "bob" {
            assert_refused(&root.post(USERS, draft).await, 400, "invalid_request", detail);
        }
    }
    for (draft, detail) in [
        (json!({ "id": alice, "username": "bob" }), "User Id missmatch."),
        (json!({ "username": "bob", "password": PASSWORD }), "Use 'reset password' functionality."),
        (json!({}), "Cannot remove username."),
    ] {
        assert_refused(&root.put(&at(&bob, ""), draft).await, 400, "invalid_request", detail);
    }
    let no_name = json!({ "password": PASSWORD, "password_repeat": PASSWORD });
    let detail = "Username required when password provided.";
    assert_refused(&root.post(USERS, no_name).await, 400, "invalid_request", detail);
    let differ = json!({ "username": "carol", "password": PASSWORD, "password_repeat": "another one" });
    assert_refused(&root.post(USERS, differ).await, 400, "invalid_request", "Passwords do not match.");
    // what is not given is cleared
    root.put(&at(&alice, ""), json!({ "username": "alice2" })).await.ok();
    let user = root.get(&at(&alice, "")).await.ok();
    assert_eq!((&user["username"], &user["email"], &user["pubkey"]), (&json!("alice2"), &Value::Null, &Value::Null));
    assert_eq!(user["extra"]["first_name"], Value::Null);
    assert_eq!(root.get(&format!("{USERS}?search=bob")).await.ok()["total"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_stay_below_the_super_user_and_see_no_keys() {
    let server = Server::start().await;
    let root = server.super_user().await;
    let (ann, abe) = (admin(&server, &root, "ann").await, admin(&server, &root, "abe").await);
    let alice = server.user("alice").await;
    let (root_id, abe_id, alice_id) = (id_of(&root).await, id_of(&abe).await, id_of(&alice).await);
    let only = "Action only allowed for super user.";
    for above in [&root_id, &abe_id] {
        assert_refused(&ann.put(&at(above, ""), json!({ "username": "x1" })).await, 403, "forbidden", only);
        assert_refused(&ann.post(&at(above, "/wallet"), json!({})).await, 403, "forbidden", only);
        assert_refused(&ann.delete(&at(above, "/wallets")).await, 403, "forbidden", only);
    }
    assert_refused(&ann.put(&at(&abe_id, "/activate"), json!({})).await, 403, "forbidden", only);
    let detail = "Only super_user can delete admin user.";
    assert_refused(&ann.delete(&at(&abe_id, "")).await, 400, "invalid_request", detail);
    for who in [&ann, &root] {
        let deleted = who.delete(&at(&root_id, "")).await;
        assert_refused(&deleted, 400, "invalid_request", "Cannot delete super user.");
        let closed = who.put(&at(&root_id, "/activate"), json!({})).await;
        assert_refused(&closed, 400, "invalid_request", "Cannot deactivate super user.");
    }
    let own = ann.put(&at(&id_of(&ann).await, "/activate"), json!({})).await;
    assert_refused(&own, 400, "invalid_request", "You cannot deactivate yourself.");
    // another way into an account is not an administrator's to open
    let key = "3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d";
    let draft = json!({ "username": "alice", "pubkey": key });
    assert_refused(&ann.put(&at(&alice_id, ""), draft.clone()).await, 403, "forbidden", only);
    root.put(&at(&alice_id, ""), draft).await.ok();
    for rest in ["/reset_password", "/admin"] {
        let detail = "User not authorized. No super user privileges.";
        assert_refused(&ann.put(&at(&alice_id, rest), json!({})).await, 403, "forbidden", detail);
    }
    let none = "User not authorized. No admin privileges.";
    assert_refused(&alice.get(USERS).await, 403, "forbidden", none);
    // keys: nobody's to see
    let made = ann.post(&at(&alice_id, "/wallet"), json!({ "name": "spare", "currency": "EUR" })).await.ok();
    assert_eq!((&made["adminkey"], &made["inkey"]), (&json!("********"), &json!("********")));
    let seen = alice.get("/api/v1/wallets").await.ok();
    let secrets = seen.as_array().unwrap().iter().flat_map(|w| [text(w, "adminkey"), text(w, "inkey")]);
    let shown = [root.get(&at(&alice_id, "")).await.text, root.get(&at(&alice_id, "/wallet")).await.text].concat();
    for secret in secrets {
        assert!(!shown.contains(&secret));
    }
    // no key and no token of an administrator carries it
    let key = ann.post("/api/v1/api-keys", json!({ "name": "full", "scope": "full" })).await.ok();
    assert_refused(&server.bearer(&text(&key, "key")).get(USERS).await, 403, "forbidden", none);
    let list = json!({ "name": "all", "allowed_endpoints": ["GET /users/api/v1/user"] });
    assert!(ann.post("/api/v1/auth/acls", list).await.status >= 400);
    // the flag goes, and with it the right
    root.put(&at(&id_of(&ann).await, "/admin"), json!({})).await.ok();
    assert_refused(&ann.get(USERS).await, 403, "forbidden", none);
    for (method, path) in [(Method::GET, "/activate"), (Method::GET, "/admin"), (Method::GET, "/reset_password")] {
        let answer = root.send(method, &at(&alice_id, path), None).await;
        assert_eq!((answer.status, answer.headers["allow"].to_str().unwrap()), (405, "PUT"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_there_is_not_found() {
    let server = Server::start().await;
    let root = server.super_user().await;
    let nobody = "0".repeat(32);
    for (method, rest, body) in [
        (Method::GET, "", None),
        (Method::PUT, "", Some(json!({ "username": "x1" }))),
        (Method::DELETE, "", None),
        (Method::PUT, "/activate", None),
        (Method::PUT, "/admin", None),
        (Method::PUT, "/reset_password", None),
        (Method::GET, "/wallet", None),
        (Method::POST, "/wallet", Some(json!({}))),
        (Method::DELETE, "/wallets", None),
    ] {
        let answer = root.send(method.clone(), &at(&nobody, rest), body).await;
        assert_refused(&answer, 404, "not_found", "User not found.");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_closed_out_is_out_everywhere_and_logs_in_anew() {
    let here = Plan::postgres().await.start().await;
    let there = here.twin().start().await;
    let root = here.super_user().await;
    let alice = here.user("alice").await;
    let id = id_of(&alice).await;
    let wallet = alice.get("/api/v1/wallets").await.ok()[0].clone();
    let minted = alice.post("/api/v1/api-keys", json!({ "name": "full", "scope": "full" })).await.ok();
    let (wallet_key, api_key) = (here.key(&text(&wallet, "adminkey")), here.bearer(&text(&minted, "key")));
    let reads = [(&alice, "/api/v1/auth"), (&wallet_key, "/api/v1/wallet"), (&api_key, "/api/v1/wallets")];
    for (caller, path) in reads {
        assert_eq!(caller.at(&there.url).get(path).await.status, 200);
    }
    assert_eq!(root.put(&at(&id, "/activate"), json!({})).await.ok()["message"], "User deactivated.");
    for (caller, path) in reads {
        assert!([401, 404].contains(&caller.get(path).await.status), "{path}");
        // a second, said the issue: bounded here by the number of questions, each a moment apart
        let mut status = 200;
        for _ in 0..100 {
            status = caller.at(&there.url).get(path).await.status;
            if status != 200 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert!([401, 404].contains(&status), "{path} elsewhere");
    }
    assert_eq!(login(&here, "alice").await.status, 401);
    assert_eq!(root.put(&at(&id, "/activate"), json!({})).await.ok()["message"], "User activated.");
    // the old login is over; keys work again
    assert_eq!(alice.get("/api/v1/auth").await.status, 401);
    assert_eq!(wallet_key.get("/api/v1/wallet").await.status, 200);
    assert_eq!(login(&here, "alice").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn money_is_not_deleted_with_its_owner() {
    for plan in [Plan::sqlite(), Plan::postgres().await] {
        let server = plan.start().await;
        let root = server.super_user().await;
        let alice = server.user("alice").await;
        let id = id_of(&alice).await;
        let wallet = alice.get("/api/v1/wallets").await.ok()[0].clone();
        let (wallet_id, key) = (text(&wallet, "id"), server.key(&text(&wallet, "adminkey")));
        root.put("/users/api/v1/balance", json!({ "id": wallet_id, "amount": 1000 })).await.ok();
        let invoice = server.outside_invoice(100_000, "sim:late");
        let paid = key.post("/api/v1/payments", json!({ "out": true, "bolt11": invoice })).await;
        assert_eq!((paid.status, &paid.body["status"]), (201, &json!("pending")), "{}", paid.text);
        for path in [at(&id, ""), at(&id, "/wallets"), at(&id, &format!("/wallet/{wallet_id}"))] {
            let refused = root.delete(&path).await;
            assert_eq!((refused.status, refused.body["code"].as_str()), (409, Some("holds_money")), "{}", refused.text);
            assert!(refused.body["balance_msat"].as_i64().unwrap() >= 1_000_000, "{}", refused.text);
        }
        assert_eq!(key.get("/api/v1/wallet").await.status, 200);
        assert_eq!(root.delete(&at(&id, "?confirm=true")).await.ok()["message"], "User deleted.");
        for (caller, path) in [(&alice, "/api/v1/auth"), (&key, "/api/v1/wallet")] {
            assert!([401, 404].contains(&caller.get(path).await.status), "{path}");
        }
        assert_refused(&root.delete(&at(&id, "?confirm=true")).await, 404, "not_found", "User not found.");
        assert_eq!(login(&server, "alice").await.status, 401);
        assert_eq!(root.get(&format!("{USERS}?id={id}")).await.ok()["total"], 0);
        // the name is free, and the money is in the books
        server.user("alice").await;
        root.put(&at(&id, &format!("/wallet/{wallet_id}/undelete")), json!({})).await.ok();
        assert_eq!(key.get("/api/v1/wallet").await.status, 404);
        root.put("/users/api/v1/balance", json!({ "id": wallet_id, "amount": -5 })).await.ok();
        server.assert_sound().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_at_the_moment_of_closing_does_not_outlive_it() {
    for plan in [Plan::sqlite(), Plan::postgres().await] {
        let server = plan.start().await;
        let root = server.super_user().await;
        let id = id_of(&server.user("alice").await).await;
        let toggle = at(&id, "/activate");
        for _ in 0..3 {
            let (logged_in, closed) = tokio::join!(login(&server, "alice"), root.put(&toggle, json!({})));
            assert_eq!(closed.ok()["message"], "User deactivated.");
            root.put(&toggle, json!({})).await.ok();
            if logged_in.status == 200 {
                let session = server.bearer(&text(&logged_in.body, "access_token"));
                assert_eq!(session.get("/api/v1/auth").await.status, 401, "it came back with the account");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wallets_of_somebody_are_deleted_restored_and_addressed() {
    let server = Server::start().await;
    let root = server.super_user().await;
    let (alice, bob) = (id_of(&server.user("alice").await).await, id_of(&server.user("bob").await).await);
    let wallet = text(&root.get(&at(&alice, "/wallet")).await.ok()[0], "id");
    let of = |id: &str, rest: &str| at(id, &format!("/wallet/{wallet}{rest}"));
    let gone = "Wallet does not exist.";
    let foreign = "Wallet does not belong to user.";
    assert_refused(&root.delete(&of(&bob, "")).await, 403, "forbidden", foreign);
    assert_refused(&root.put(&of(&alice, "/undelete"), json!({})).await, 404, "not_found", gone);
    assert_eq!(root.delete(&of(&alice, "")).await.ok()["message"], "Wallet deleted.");
    assert_refused(&root.delete(&of(&alice, "")).await, 404, "not_found", gone);
    assert_eq!(root.get(&at(&alice, "/wallet")).await.ok()[0]["deleted"], true);
    assert_eq!(root.put(&of(&alice, "/undelete"), json!({})).await.ok()["message"], "Wallet undeleted.");
    let address = of(&alice, "/lightning-address");
    let named = root.put(&address, json!({ "lightning_address": " Tea.Shop " })).await.ok();
    assert_eq!(named["lightning_address"], "tea.shop");
    for (bad, detail) in [
        (" ", "Lightning Address is required."),
        ("a+b", "Lightning Address cannot include tags."),
        ("a@b", "Enter only the Lightning Address name before @."),
    ] {
        let answer = root.put(&address, json!({ "lightning_address": bad })).await;
        assert_refused(&answer, 400, "invalid_request", detail);
    }
    let other = text(&root.get(&at(&bob, "/wallet")).await.ok()[0], "id");
    let taken = at(&bob, &format!("/wallet/{other}/lightning-address"));
    let taken = root.put(&taken, json!({ "lightning_address": "tea.shop" })).await;
    assert_refused(&taken, 400, "invalid_request", "Lightning Address is already taken.");
    let bad = root.post(&at(&alice, "/wallet"), json!({ "currency": "euro" })).await;
    assert_refused(&bad, 400, "invalid_request", "Currency 'euro' not allowed.");
    root.post(&at(&alice, "/wallet"), json!({ "name": "second" })).await.ok();
    assert_eq!(root.delete(&at(&alice, "/wallets")).await.ok()["message"], "Deleted '2' wallets. ");
}
