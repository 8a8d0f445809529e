//! What holds on every page: the keyboard is enough, motion and colours follow the system, and whoever waits is told.

use serde_json::json;

use super::kit::Browser;
use crate::harness::{PASSWORD, Server};

async fn media(browser: &Browser, name: &str, value: &str) {
    let features = json!({ "features": [{ "name": name, "value": value }] });
    browser.cdp("Emulation.setEmulatedMedia", features).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_is_enough_to_sign_in_and_be_paid() {
    let server = Server::start().await;
    server.user("alice").await;
    let browser = Browser::open(&server).await;
    browser.visit("/").await;
    browser.keys_until("Username or e-mail").await;
    browser.keys(&format!("alice\t{PASSWORD}\n")).await;
    browser.reads("History").await;
    // what was loaded is where reading goes on
    browser.until("document.activeElement.localName === 'h1'").await;
    browser.keys_until("Receive").await;
    browser.keys("\n").await;
    browser.until("document.querySelector('dialog[open]')").await;
    browser.keys_until("Amount").await;
    browser.keys("21\n").await;
    browser.reads("Waiting for the payment").await;
    browser.keys("\u{e00c}").await;
    // closed, and back where it was opened
    browser.until("!document.querySelector('dialog')").await;
    browser.until("document.activeElement.textContent === 'Receive'").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn motion_and_colours_follow_the_system() {
    let server = Server::start().await;
    server.user("alice").await;
    let browser = Browser::open(&server).await;
    media(&browser, "prefers-color-scheme", "dark").await;
    browser.sign_in("alice").await;
    browser.until("getComputedStyle(document.body).backgroundColor === 'rgb(22, 19, 17)'").await;
    media(&browser, "prefers-reduced-motion", "reduce").await;
    browser.until("getComputedStyle(document.body).backgroundColor === 'rgb(250, 247, 242)'").await;
    browser.press("Receive").await;
    browser.write("Amount", "21").await;
    browser.press("Make the invoice").await;
    browser.reads("Waiting for the payment").await;
    assert_eq!(browser.run("return document.getAnimations().length").await, 0);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_is_told_and_who_is_cut_off_too() {
    let server = Server::start().await;
    server.user("alice").await;
    let mut browser = Browser::open(&server).await;
    browser.visit("/").await;
    browser.write("Username or e-mail", "alice").await;
    browser.write("Password", PASSWORD).await;
    let slow = |offline: bool, latency: u32| json!({ "offline": offline, "latency": latency, "downloadThroughput": -1, "uploadThroughput": -1 });
    browser.cdp("Network.enable", json!({})).await;
    browser.expects_word("ERR_INTERNET_DISCONNECTED");
    browser.cdp("Network.emulateNetworkConditions", slow(true, 0)).await;
    browser.press("Sign in").await;
    browser.reads("The server does not answer.").await;
    browser.look("sign-in-offline").await;
    browser.cdp("Network.emulateNetworkConditions", slow(false, 1500)).await;
    browser.press("Sign in").await;
    browser.until("document.documentElement.dataset.busy").await;
    browser.shoot("sign-in-busy-1280").await;
    browser.reads("History").await;
    browser.until("!document.documentElement.dataset.busy").await;
    browser.cdp("Network.emulateNetworkConditions", slow(false, 0)).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_leads_nowhere_says_so() {
    let server = Server::start().await;
    server.super_user().await;
    let browser = Browser::open(&server).await;
    browser.visit("/docs").await;
    browser.reads("operations").await;
    browser.shoot("api-1280").await;
    browser.visit("/keys").await;
    browser.until("document.querySelector('h1')").await;
    browser.close().await;
}
