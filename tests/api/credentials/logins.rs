//! Which logins are allowed, and what becomes of those who guess.

use satchel::config::{Logins, logins::LoginMethod};
use serde_json::json;

use crate::harness::{Answer, PASSWORD, Plan, Server};

async fn attempt(server: &Server, name: &str, password: &str) -> Answer {
    server.anybody().post("/api/v1/auth", json!({ "username": name, "password": password })).await
}

fn only(method: LoginMethod) -> Logins {
    Logins { methods: vec![method], ..Logins::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_is_off_says_so_and_ends_no_session() {
    let server = Plan::sqlite().start().await;
    let alice = server.user("alice").await;
    let id = alice.get("/api/v1/auth").await.ok()["id"].clone();
    let by_id = json!({ "usr": id });
    let off = server.anybody().post("/api/v1/auth/usr", by_id.clone()).await;
    assert_eq!((off.status, off.detail()), (403, "Login by 'User ID' not allowed."));

    let server = Plan { logins: only(LoginMethod::UserId), ..server.stop().await }.start().await;
    let off = attempt(&server, "alice", PASSWORD).await;
    assert_eq!((off.status, off.detail()), (403, "Login by 'Username and Password' not allowed."));
    let new = json!({ "username": "bob", "password": PASSWORD, "password_repeat": PASSWORD });
    let off = server.anybody().post("/api/v1/auth/register", new).await;
    assert_eq!((off.status, off.detail()), (403, "Register by 'Username and Password' not allowed."));
    let on = server.anybody().post("/api/v1/auth/usr", by_id).await.ok();
    let account = server.bearer(on["access_token"].as_str().unwrap()).get("/api/v1/auth").await.ok();
    assert_eq!(account["id"], id);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_alone_lets_people_in_where_that_is_allowed_but_never_the_super_user() {
    let logins = Logins { methods: vec![LoginMethod::UserId, LoginMethod::Password], ..Logins::default() };
    let server = Plan { logins, ..Plan::sqlite() }.start().await;
    let anybody = server.anybody();
    let by_id = |id: String| anybody.post("/api/v1/auth/usr", json!({ "usr": id }));
    let alice = server.user("alice").await.get("/api/v1/auth").await.ok()["id"].as_str().unwrap().to_owned();
    let dashed = format!("{}-{}-{}-{}-{}", &alice[..8], &alice[8..12], &alice[12..16], &alice[16..20], &alice[20..]);
    for id in [alice.clone(), dashed.to_uppercase()] {
        assert_eq!(by_id(id).await.status, 200);
    }
    for nobody in ["0".repeat(32), "x".into(), String::new()] {
        let answer = by_id(nobody).await;
        assert_eq!((answer.status, answer.detail()), (401, "User ID does not exist."));
    }
    let root = server.super_user().await.get("/api/v1/auth").await.ok()["id"].as_str().unwrap().to_owned();
    let answer = by_id(root).await;
    assert_eq!((answer.status, answer.detail()), (403, "Admin users cannot login with user id only."));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_in_the_address_stands_for_a_login_only_where_that_is_allowed() {
    let server = Plan::sqlite().start().await;
    let alice = server.user("alice").await.get("/api/v1/auth").await.ok()["id"].as_str().unwrap().to_owned();
    let named = |id: &str| format!("/api/v1/auth?usr={id}");
    let off = server.anybody().get(&named(&alice)).await;
    assert_eq!((off.status, off.detail()), (401, "Missing user ID or access token."));

    let logins = Logins { methods: vec![LoginMethod::UserId, LoginMethod::Password], ..Logins::default() };
    let server = Plan { logins, ..server.stop().await }.start().await;
    let anybody = server.anybody();
    assert_eq!(anybody.get(&named(&alice)).await.ok()["id"], alice);
    let dashed = format!("{}-{}-{}-{}-{}", &alice[..8], &alice[8..12], &alice[12..16], &alice[16..20], &alice[20..]);
    assert_eq!(anybody.get(&named(&dashed.to_uppercase())).await.ok()["id"], alice);
    assert_eq!(anybody.get(&format!("/api/v1/wallets?usr={alice}")).await.ok().as_array().unwrap().len(), 1);
    // a token that is shown counts, even where it is worth nothing; and no login happened a moment ago
    assert_eq!(server.bearer("x").get(&named(&alice)).await.status, 401);
    let key = json!({ "user_id": alice, "pubkey": "11".repeat(32) });
    assert_eq!(anybody.put(&format!("/api/v1/auth/pubkey?usr={alice}"), key).await.status, 400);

    assert_eq!(anybody.get(&named("x")).await.status, 400);
    let nobody = anybody.get(&named(&"0".repeat(32))).await;
    assert_eq!((nobody.status, nobody.detail()), (401, "User not found."));
    let root = server.super_user().await.get("/api/v1/auth").await.ok()["id"].as_str().unwrap().to_owned();
    let answer = anybody.get(&named(&root)).await;
    assert_eq!((answer.status, answer.detail()), (403, "User id only access for admins is forbidden."));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_waits_and_the_right_password_does_not_help_meanwhile() {
    let server = Plan::sqlite().seeded().start().await;
    let alice = server.user("alice").await;
    server.user("bob").await;
    for _ in 0..4 {
        attempt(&server, "alice", "wrong").await;
    }
    assert_eq!(attempt(&server, "alice", PASSWORD).await.status, 200, "a slip or two are no guessing");
    for name in ["alice", "nobody at all"] {
        for _ in 0..5 {
            let wrong = attempt(&server, name, "wrong").await;
            assert_eq!((wrong.status, wrong.detail()), (401, "Invalid credentials."));
        }
        let blocked = attempt(&server, name, PASSWORD).await;
        assert_eq!((blocked.status, blocked.detail()), (429, "Too many login attempts. Try again later."));
        assert_eq!(
            (&blocked.headers["retry-after"], &blocked.body["retry_after"]),
            (&"60".parse().unwrap(), &json!(60))
        );
        assert_eq!(blocked.body["code"], "too_many_attempts");
    }
    // a live login goes on, and so do others from the same address
    assert_eq!(alice.get("/api/v1/auth").await.status, 200);
    assert_eq!(attempt(&server, "bob", PASSWORD).await.status, 200);
    server.clock.advance(60);
    assert_eq!(attempt(&server, "alice", "wrong").await.status, 401);
    assert_eq!(attempt(&server, "alice", PASSWORD).await.headers["retry-after"], "120");
    server.clock.advance(120);
    assert_eq!(attempt(&server, "alice", PASSWORD).await.status, 200);
    assert_eq!(attempt(&server, "alice", "wrong").await.status, 401, "forgiven");
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_the_same_time_do_not_slip_through_together() {
    let server = Plan::sqlite().seeded().start().await;
    server.user("alice").await;
    let all = (0..20).map(|_| attempt(&server, "alice", "wrong"));
    let answers = futures_util::future::join_all(all).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), 5);
    assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 15);
}
