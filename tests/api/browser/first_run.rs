//! From a new server to a paid invoice.

use super::kit::Browser;
use crate::harness::{PASSWORD, Plan};

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_names_the_super_user_and_finds_money_in_the_wallet() {
    let server = Plan { installed: false, ..Plan::sqlite() }.start().await;
    let browser = Browser::open(&server).await;
    browser.visit("/").await;
    assert_eq!(browser.path().await, "/first_install");
    browser.reads("play money").await;
    browser.look("first-run").await;
    browser.write("Username", "root").await;
    browser.write("Password", PASSWORD).await;
    browser.write("Password, once more", "something else").await;
    browser.press("Start").await;
    browser.reads("The two passwords differ.").await;
    browser.look("first-run-mistake").await;
    browser.write("Password, once more", PASSWORD).await;
    browser.press("Start").await;
    browser.reads("100,000 sat of play money").await;
    browser.look("first-run-done").await;
    browser.press("Open the wallet").await;
    browser.reads("100,000").await;
    // an invoice is made and paid, and another one from outside, without anything but this page
    browser.press("Receive").await;
    browser.write("Amount", "2500").await;
    browser.press("Make the invoice").await;
    browser.press("Pay it with play money").await;
    browser.until("document.querySelector('dialog .tick')").await;
    browser.press("Done").await;
    browser.press("Send").await;
    browser.press("Take a practice invoice").await;
    browser.press("Pay 2,100 sat").await;
    browser.until("document.querySelector('dialog .tick')").await;
    browser.press("Done").await;
    browser.until("document.querySelector('.purse .balance').textContent.startsWith('100,397.9')").await;
    browser.look("first-run-wallet").await;
    server.assert_sound().await;
    browser.close().await;
}
