//! The account and its wallets.

use serde_json::json;

use super::{kit::Browser, signin::code_of};
use crate::harness::{PASSWORD, Server};

#[tokio::test(flavor = "multi_thread")]
async fn the_profile_the_password_and_the_sessions_are_looked_after() {
    let server = Server::start().await;
    let elsewhere = server.user("alice").await;
    let browser = Browser::open(&server).await;
    browser.sign_in("alice").await;
    browser.visit("/account").await;
    browser.look("account").await;
    browser.write("Name that is shown", "Alice A.").await;
    browser.press("Save").await;
    browser.reads("Saved.").await;
    assert_eq!(elsewhere.get("/api/v1/auth").await.ok()["extra"]["display_name"], "Alice A.");
    browser.press("End all others").await;
    browser.reads("has to sign in again").await;
    browser.look("account-sure").await;
    browser.press("End all others").await;
    browser.reads("Ended.").await;
    browser.until("!window.satchelFind('End all others')").await;
    assert_eq!(elsewhere.get("/api/v1/auth").await.status, 401);
    browser.write("Password now", PASSWORD).await;
    browser.write("New password", "an even better horse").await;
    browser.write("Password, once more", "an even better horse").await;
    browser.press("Change the password").await;
    browser.reads("The password is changed.").await;
    let body = json!({ "username": "alice", "password": "an even better horse" });
    assert_eq!(server.anybody().post("/api/v1/auth", body).await.status, 200);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_time_codes_are_turned_on() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let browser = Browser::open(&server).await;
    browser.sign_in("alice").await;
    browser.visit("/account").await;
    browser.press("Turn on").await;
    browser.reads("Scan this").await;
    browser.look("one-time-codes").await;
    let secret = browser.run("return document.querySelector('dialog code').textContent").await;
    browser.write("One-time code", &code_of(secret.as_str().unwrap(), &server)).await;
    browser.press("Turn on").await;
    browser.reads("Each takes the place of a code once.").await;
    browser.look("recovery-codes").await;
    browser.press("Done").await;
    browser.reads("10 recovery codes are left.").await;
    assert_eq!(alice.get("/api/v1/auth/totp").await.ok()["enabled"], true);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wallets_are_made_renamed_deleted_and_brought_back() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let browser = Browser::open(&server).await;
    browser.sign_in("alice").await;
    browser.press("Wallets").await;
    browser.write("Name", "Savings").await;
    browser.press("Make the wallet").await;
    browser.reads("Savings is ready.").await;
    browser.look("wallets").await;
    browser.press("Change: Savings").await;
    browser.control("Show it in").await.select_by_value("EUR").await.unwrap();
    browser.write("Name", "Old age").await;
    browser.look("wallet-change").await;
    browser.press("Save").await;
    browser.reads("Old age").await;
    browser.press("Change: Old age").await;
    browser.press("Delete the wallet").await;
    browser.press("Delete the wallet").await;
    browser.reads("Old age is deleted.").await;
    browser.press("Undo").await;
    browser.control("Change: Old age").await;
    let wallets = alice.get("/api/v1/wallets").await.ok();
    let found = wallets.as_array().unwrap().iter().find(|wallet| wallet["name"] == "Old age").unwrap();
    assert_eq!((&found["currency"], &found["deleted"]), (&json!("EUR"), &json!(false)));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn language_and_theme_are_remembered() {
    let server = Server::start().await;
    server.user("alice").await;
    let browser = Browser::open(&server).await;
    browser.sign_in("alice").await;
    for (code, word) in [("es", "Historial"), ("de", "Verlauf")] {
        browser.run(&format!("const all = document.querySelector('.foot select'); all.value = '{code}'; all.dispatchEvent(new Event('change'))")).await;
        browser.reads(word).await;
        browser.look(&format!("wallet-{code}")).await;
    }
    browser.run("const all = document.querySelectorAll('.foot select')[1]; all.value = 'dark'; all.dispatchEvent(new Event('change'))").await;
    browser.visit("/account").await;
    browser.reads("Einmalcodes").await;
    assert_eq!(
        browser.run("return document.documentElement.lang + document.documentElement.dataset.theme").await,
        "dedark"
    );
    assert_eq!(browser.run("return getComputedStyle(document.body).backgroundColor").await, "rgb(22, 19, 17)");
    browser.shoot("account-dark-1280").await;
    browser.close().await;
}
