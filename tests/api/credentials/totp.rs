//! One-time codes: turned on, asked for at logins and at large sends, good once, and slow to guess.

use reqwest::Method;
use satchel::clock::Clock;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use super::people::{assert_refused, id_of, login, text, with_code};
use crate::harness::{Answer, Caller, PASSWORD, Plan, Server};

const PATH: &str = "/api/v1/auth/totp";
const ASKED: &str = "This account asks for a one-time code: send it in the header X-OTP-Code.";
const ASKED_HERE: &str = "This asks for a one-time code: send it in the header X-OTP-Code.";
const WRONG: &str = "Invalid one-time code.";

/// What an authenticator shows.
pub(super) struct Authenticator {
    secret: String,
    clock: Clock,
}

impl Authenticator {
    /// The code of the step that is so many steps from now.
    fn at(&self, steps: i64) -> String {
        let secret = Secret::try_from_base32(&self.secret).unwrap();
        let codes = Builder::new().with_secret(secret).with_account_name("x").build().unwrap();
        codes.generate(u64::try_from(self.clock.now().unix() + 30 * steps).unwrap()).to_string()
    }

    /// A code that was never shown: the clock moves on to the next step.
    pub(super) fn fresh(&self) -> String {
        self.clock.advance(30);
        self.at(0)
    }
}

/// Turns codes on; answers the authenticator and the recovery codes. The server's clock must be a seeded one.
pub(super) async fn enrol(server: &Server, who: &Caller) -> (Authenticator, Vec<String>) {
    let made = who.post(PATH, json!({})).await.ok();
    let authenticator = Authenticator { secret: text(&made, "secret"), clock: server.clock.clone() };
    let on = who.put(PATH, json!({ "code": authenticator.fresh() })).await.ok();
    let codes = on["recovery_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned());
    (authenticator, codes.collect())
}

async fn login_with(server: &Server, name: &str, code: &str) -> Answer {
    let body = json!({ "username": name, "password": PASSWORD });
    with_code(&server.anybody(), Method::POST, "/api/v1/auth", Some(body), code).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_asks_for_a_code_that_counts_once() {
    let server = Plan::sqlite().seeded().start().await;
    let alice = server.user("alice").await;
    let made = alice.post(PATH, json!({})).await.ok();
    let uri = text(&made, "otpauth_uri");
    assert!(uri.starts_with("otpauth://totp/") && uri.contains(&text(&made, "secret")), "{uri}");
    assert!(uri.contains("alice") && uri.contains("issuer=Satchel"), "{uri}");
    assert_eq!(login(&server, "alice").await.status, 200, "nothing is on yet");
    assert_refused(&alice.put(PATH, json!({ "code": "000000" })).await, 400, "invalid_request", WRONG);
    let (authenticator, recovery) = enrol(&server, &alice).await;
    assert_eq!(recovery.len(), 10);
    let status = alice.get(PATH).await.ok();
    assert_eq!(status, json!({ "enabled": true, "otp_required_above_sat": null, "recovery_codes_left": 10 }));
    assert_eq!(alice.post(PATH, json!({})).await.status, 400, "no second secret beside the first");

    let missing = login(&server, "alice").await;
    assert_refused(&missing, 401, "otp_required", ASKED);
    assert_eq!(missing.body["header"], "X-OTP-Code");
    // whoever does not know the password learns nothing of codes
    let body = json!({ "username": "alice", "password": "wrong horse" });
    assert_refused(&server.anybody().post("/api/v1/auth", body).await, 401, "unauthenticated", "Invalid credentials.");

    let used = authenticator.at(0);
    assert_refused(&login_with(&server, "alice", &used).await, 401, "unauthenticated", WRONG);
    let code = authenticator.fresh();
    assert_eq!(login_with(&server, "alice", &code).await.status, 200);
    assert_refused(&login_with(&server, "alice", &code).await, 401, "unauthenticated", WRONG);
    // clocks differ: the next step's code is good, and then no earlier one is
    assert_eq!(login_with(&server, "alice", &authenticator.at(1)).await.status, 200);
    assert_refused(&login_with(&server, "alice", &authenticator.at(0)).await, 401, "unauthenticated", WRONG);
    server.clock.advance(60);
    let body = json!({ "username": "alice", "password": PASSWORD, "otp_code": authenticator.at(0) });
    assert_eq!(server.anybody().post("/api/v1/auth", body).await.status, 200, "in the body, too");
    assert_eq!(login(&server, "bob").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn recovery_codes_take_a_codes_place_once() {
    let server = Plan::sqlite().seeded().start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (_, recovery) = enrol(&server, &alice).await;
    let (_, bobs) = enrol(&server, &bob).await;
    assert_eq!(login_with(&server, "alice", &recovery[0]).await.status, 200);
    assert_refused(&login_with(&server, "alice", &recovery[0]).await, 401, "unauthenticated", WRONG);
    assert_refused(&login_with(&server, "alice", &bobs[0]).await, 401, "unauthenticated", WRONG);
    let written = recovery[1].replace('-', "").to_uppercase();
    assert_eq!(login_with(&server, "alice", &written).await.status, 200);
    assert_eq!(alice.get(PATH).await.ok()["recovery_codes_left"], 8);
    // a lost phone: codes are turned off with one, and then all is as before
    assert_refused(&alice.delete(PATH).await, 403, "otp_required", ASKED_HERE);
    let off = alice.send(Method::DELETE, PATH, Some(json!({ "code": recovery[2] }))).await;
    assert_eq!(off.status, 200, "{}", off.text);
    assert_eq!(login(&server, "alice").await.status, 200);
    assert_eq!(alice.delete(PATH).await.status, 400);
    enrol(&server, &alice).await;
    assert_refused(&login_with(&server, "alice", &recovery[3]).await, 401, "unauthenticated", WRONG);
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_codes_is_slow() {
    let server = Plan::sqlite().seeded().start().await;
    let alice = server.user("alice").await;
    let (authenticator, recovery) = enrol(&server, &alice).await;
    for _ in 0..5 {
        assert_refused(&login_with(&server, "alice", "000000").await, 401, "unauthenticated", WRONG);
    }
    let slow = "Too many wrong one-time codes. Try again later.";
    for code in ["000000", &authenticator.at(1), &recovery[0]] {
        assert_refused(&login_with(&server, "alice", code).await, 429, "too_many_codes", slow);
    }
    // other people are not held up, and neither is she for ever
    assert_eq!(login(&server, "alice").await.status, 401);
    server.user("bob").await;
    server.clock.advance(30);
    assert_eq!(login_with(&server, "alice", &authenticator.fresh()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_protects_the_account_changes_only_with_a_code() {
    let server = Plan::sqlite().seeded().start().await;
    let alice = server.user("alice").await;
    let (authenticator, _) = enrol(&server, &alice).await;
    let id = id_of(&alice).await;
    let body = json!({
        "user_id": id, "username": "alice", "password": "another horse", "password_repeat": "another horse",
        "password_old": PASSWORD
    });
    let path = "/api/v1/auth/password";
    assert_refused(&alice.put(path, body.clone()).await, 403, "otp_required", ASKED_HERE);
    let wrong = with_code(&alice, Method::PUT, path, Some(body.clone()), "000000").await;
    assert_refused(&wrong, 403, "forbidden", WRONG);
    assert_refused(&login_with(&server, "alice", &authenticator.at(0)).await, 401, "unauthenticated", WRONG);
    let start = "/api/v1/auth/passkeys/register/start";
    assert_refused(&alice.post(start, json!({})).await, 403, "otp_required", ASKED_HERE);
    let code = authenticator.fresh();
    assert_eq!(with_code(&alice, Method::PUT, path, Some(body), &code).await.status, 200);
}

/// A reset key alone does not take the place of the second factor, and is not used up by a missing one.
#[tokio::test(flavor = "multi_thread")]
async fn a_reset_asks_for_a_code_too() {
    let server = Plan::sqlite().seeded().start().await;
    let (root, alice) = (server.super_user().await, server.user("alice").await);
    let (authenticator, _) = enrol(&server, &alice).await;
    let path = format!("/users/api/v1/user/{}/reset_password", id_of(&alice).await);
    let key = root.put(&path, json!({})).await.ok();
    let body = json!({ "reset_key": key, "password": "a new horse", "password_repeat": "a new horse" });
    let anybody = server.anybody();
    assert_refused(&anybody.put("/api/v1/auth/reset", body.clone()).await, 401, "otp_required", ASKED);
    let done = with_code(&anybody, Method::PUT, "/api/v1/auth/reset", Some(body), &authenticator.fresh()).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let login = json!({ "username": "alice", "password": "a new horse" });
    assert_refused(&anybody.post("/api/v1/auth", login).await, 401, "otp_required", ASKED);
}

async fn pay(who: &Caller, bolt11: &str, code: Option<&str>) -> Answer {
    let body = json!({ "out": true, "bolt11": bolt11 });
    match code {
        Some(code) => with_code(who, Method::POST, "/api/v1/payments", Some(body), code).await,
        None => who.post("/api/v1/payments", body).await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_sends_of_a_person_ask_for_a_code() {
    let server = Plan::sqlite().seeded().start().await;
    let alice = server.user("alice").await;
    let wallet = alice.get("/api/v1/wallet").await.ok();
    let id: satchel::domain::WalletId = text(&wallet, "id").parse().unwrap();
    server.ledger().adjust(id, satchel::domain::Msat(1_000_000)).await.unwrap();
    let key = server.key(&text(&wallet, "adminkey"));
    let set = |above: Value| json!({ "otp_required_above_sat": above });
    let off = alice.patch("/api/v1/auth", set(json!(100))).await;
    assert_eq!(off.status, 400, "codes are not on: {}", off.text);
    let (authenticator, recovery) = enrol(&server, &alice).await;
    assert_refused(&alice.patch("/api/v1/auth", set(json!(100))).await, 403, "otp_required", ASKED_HERE);
    let code = authenticator.fresh();
    with_code(&alice, Method::PATCH, "/api/v1/auth", Some(set(json!(100))), &code).await.ok();
    assert_eq!(alice.get(PATH).await.ok()["otp_required_above_sat"], 100);

    let shop = server.wallet(0).await;
    let at = text(&shop.new_invoice(100).await, "bolt11");
    assert_eq!(pay(&alice, &at, None).await.status, 201, "not more than the amount");
    let inside = text(&shop.new_invoice(101).await, "bolt11");
    let outside = server.outside_invoice(100_001, "");
    for bolt11 in [&inside, &outside, &outside.to_uppercase(), &format!("lightning:{inside}")] {
        let missing = pay(&alice, bolt11, None).await;
        assert_refused(&missing, 403, "otp_required", ASKED_HERE);
        assert_eq!(missing.body["header"], "X-OTP-Code");
    }
    // nor does it help to name the amount oneself, or to need no invoice
    let open = json!({ "out": true, "bolt11": server.outside_invoice(0, ""), "amount": 101 });
    let node = "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5";
    let keysend = json!({ "destination": node, "amount_msat": 100_001 });
    for (path, body) in [("/api/v1/payments", open), ("/api/v1/payments/keysend", keysend)] {
        assert_refused(&alice.post(path, body).await, 403, "otp_required", ASKED_HERE);
    }
    for wrong in ["000000", &code] {
        assert_refused(&pay(&alice, &inside, Some(wrong)).await, 403, "forbidden", WRONG);
    }
    assert_eq!(shop.balance().await, 100_000, "nothing was paid");
    assert_eq!(pay(&alice, &inside, Some(&authenticator.fresh())).await.status, 201);
    assert_eq!(pay(&alice, &outside, Some(&recovery[0])).await.status, 201);
    // keys have limits of their own and nobody beside them to type a code
    let more = text(&shop.new_invoice(150).await, "bolt11");
    assert_eq!(pay(&key, &more, None).await.status, 201);
    // a null clears it, with a code
    assert_eq!(alice.patch("/api/v1/auth", set(Value::Null)).await.status, 403);
    let code = authenticator.fresh();
    with_code(&alice, Method::PATCH, "/api/v1/auth", Some(set(Value::Null)), &code).await.ok();
    let last = text(&shop.new_invoice(101).await, "bolt11");
    assert_eq!(pay(&alice, &last, None).await.status, 201);
    server.assert_sound().await;
}

/// Of many who show the same code at the same time, on two servers, one gets in.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_counts_once_on_all_servers() {
    let here = Plan::postgres().await.seeded().start().await;
    let there = here.twin().start().await;
    let alice = here.user("alice").await;
    let (authenticator, recovery) = enrol(&here, &alice).await;
    for code in [authenticator.fresh(), recovery[0].clone()] {
        let tries = [&here, &there, &here, &there].map(|server| login_with(server, "alice", &code));
        let mut outcomes: Vec<u16> =
            futures_util::future::join_all(tries).await.iter().map(|answer| answer.status).collect();
        outcomes.sort_unstable();
        assert_eq!(outcomes, [200, 401, 401, 401]);
    }
}
