//! Signing in, every way there is.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use totp_rs::{Builder, Secret};

use super::kit::Browser;
use crate::{
    credentials::{
        nostr::signed,
        provider::{Provider, somebody},
    },
    harness::{Caller, PASSWORD, Plan, Server},
};

/// What an authenticator shows now.
pub(super) fn code_of(secret: &str, server: &Server) -> String {
    let secret = Secret::try_from_base32(secret).unwrap();
    let codes = Builder::new().with_secret(secret).with_account_name("x").build().unwrap();
    codes.generate(u64::try_from(server.clock.now().unix()).unwrap()).to_string()
}

/// Turns one-time codes on; answers the recovery codes.
async fn enrol(server: &Server, who: &Caller) -> Vec<String> {
    let made = who.post("/api/v1/auth/totp", json!({})).await.ok();
    let code = code_of(made["secret"].as_str().unwrap(), server);
    let on = who.put("/api/v1/auth/totp", json!({ "code": code })).await.ok();
    on["recovery_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_and_a_password_lead_to_where_somebody_wanted_to_go() {
    let server = Server::start().await;
    server.user("alice").await;
    let mut browser = Browser::open(&server).await;
    browser.expects(401);
    browser.visit("/wallets").await;
    browser.reads("Sign in to see that page.").await;
    browser.look("sign-in").await;
    browser.write("Username or e-mail", "alice").await;
    browser.write("Password", "not that").await;
    browser.press("Sign in").await;
    browser.reads("Request ").await;
    browser.look("sign-in-refused").await;
    browser.write("Password", PASSWORD).await;
    browser.press("Sign in").await;
    browser.reads("A new wallet").await;
    assert_eq!(browser.path().await, "/wallets");
    browser.press("Sign out").await;
    browser.control("Sign in with a passkey").await;
    browser.visit("/account").await;
    browser.reads("Sign in to see that page.").await;
    // a link may send people on within the dashboard, and nowhere else
    browser.visit("/?next=https://example.com/").await;
    browser.write("Username or e-mail", "alice").await;
    browser.write("Password", PASSWORD).await;
    browser.press("Sign in").await;
    browser.reads("History").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_opens_an_account_where_that_is_allowed() {
    let server = Server::start().await;
    let mut browser = Browser::open(&server).await;
    browser.expects(400);
    browser.visit("/").await;
    browser.press("Open an account").await;
    browser.reads("Password, once more").await;
    browser.look("register").await;
    browser.write("Username", "x").await;
    browser.write("Password", PASSWORD).await;
    browser.write("Password, once more", PASSWORD).await;
    browser.press("Open the account").await;
    browser.until("document.querySelector('[aria-invalid=true]')").await;
    browser.write("Username", "alice").await;
    browser.press("Open the account").await;
    browser.reads("Nothing has happened here yet.").await;
    browser.look("wallet-empty").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_with_one_time_codes_asks_for_one() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let recovery = enrol(&server, &alice).await;
    let mut browser = Browser::open(&server).await;
    browser.expects(401);
    browser.visit("/").await;
    browser.write("Username or e-mail", "alice").await;
    browser.write("Password", PASSWORD).await;
    browser.press("Sign in").await;
    browser.reads("Your account asks for a one-time code.").await;
    browser.look("sign-in-code").await;
    browser.write("One-time code", "not a code").await;
    browser.press("Sign in").await;
    browser.reads("Request ").await;
    browser.write("One-time code", &recovery[0]).await;
    browser.press("Sign in").await;
    browser.reads("History").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_made_and_signs_in() {
    let server = Server::start().await;
    server.user("alice").await;
    let mut browser = Browser::open(&server).await;
    // passkeys are bound to names
    browser.url = browser.url.replace("127.0.0.1", "localhost");
    let kind = json!({ "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
        "isUserConsenting": true, "isUserVerified": true });
    browser.chromium("webauthn/authenticator", kind).await;
    browser.sign_in("alice").await;
    browser.visit("/account").await;
    browser.press("Add a passkey").await;
    browser.until("document.querySelector('dialog[open]')").await;
    browser.write("Name", "My laptop").await;
    browser.press("Save").await;
    browser.reads("My laptop").await;
    browser.look("passkeys").await;
    browser.press("Sign out").await;
    browser.press("Sign in with a passkey").await;
    browser.reads("History").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nostr_extension_signs_in() {
    let server = Server::start().await;
    server.super_user().await;
    let browser = Browser::open(&server).await;
    browser.visit("/").await;
    browser.press("Sign in with Nostr").await;
    browser.reads("No Nostr extension answers in this browser.").await;
    browser
        .on_every_page(
            "window.nostr = { signEvent: (event) => { window.toSign = event; return new Promise((done) => { window.sign = done; }); } };",
        )
        .await;
    browser.visit("/").await;
    browser.press("Sign in with Nostr").await;
    browser.until("window.toSign").await;
    let event = browser.run("return window.toSign").await;
    assert_eq!((event["kind"].as_u64(), &event["tags"][1]), (Some(27_235), &json!(["method", "POST"])));
    let secret: [u8; 32] = Sha256::digest("alice").into();
    let done: Value = signed(&secret, event["created_at"].as_i64().unwrap(), 27_235, event["tags"].clone(), "");
    browser.run(&format!("window.sign({done})")).await;
    browser.reads("History").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_are_offered_where_they_are_configured() {
    let server = Server::start().await;
    let browser = Browser::open(&server).await;
    browser.visit("/").await;
    assert_eq!(browser.run("return document.querySelectorAll('a[href^=\"/api/v1/auth/\"]').length").await, 0);
    browser.close().await;

    let plan = Plan::sqlite().seeded();
    let provider = Provider::start(plan.clock.clone()).await;
    let server = Plan { logins: provider.logins(), ..plan }.start().await;
    server.super_user().await;
    provider.state().who = somebody("1", "alice@example.org", true);
    let mut browser = Browser::open(&server).await;
    browser.knows(&provider.url);
    browser.visit("/").await;
    browser.look("sign-in-providers").await;
    for name in ["Google", "GitHub", "Keycloak", "OpenID Connect"] {
        browser.control(&format!("Sign in with {name}")).await;
    }
    browser.press("Sign in with Keycloak").await;
    browser.reads("History").await;
    assert!(browser.path().await.starts_with("/wallet"));
    browser.close().await;
}
