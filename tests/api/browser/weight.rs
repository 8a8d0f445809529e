//! What the pages weigh, and how soon they are there.

use serde_json::json;

use super::kit::{Browser, screenshots};
use crate::harness::Server;

/// Bytes on the wire of the first page.
const WEIGHT_MAX: f64 = 60_000.0;
const REQUESTS_MAX: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_is_light() {
    let server = Server::start().await;
    server.user("alice").await;
    let mut browser = Browser::open(&server).await;
    browser.cdp("Emulation.setCPUThrottlingRate", json!({ "rate": 4 })).await;
    browser.visit("/").await;
    let ready =
        browser.run("return performance.getEntriesByType('mark').find((one) => one.name === 'ready').startTime").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    // what the browser answered itself did not travel
    browser.requests.retain(|(_, bytes)| *bytes > 0.0);
    let weight: f64 = browser.requests.iter().map(|(_, bytes)| bytes).sum();
    let figures = format!("{} requests, {weight} bytes, ready after {ready} ms\n", browser.requests.len());
    std::fs::create_dir_all(screenshots()).unwrap();
    std::fs::write(screenshots().join("first-page.txt"), figures).unwrap();
    assert!(browser.requests.len() <= REQUESTS_MAX, "{:?}", browser.requests);
    assert!(weight <= WEIGHT_MAX, "{weight}: {:?}", browser.requests);
    // the second time, nothing comes again but the word that it is still good
    browser.requests.clear();
    browser.visit("/").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    let weight: f64 = browser.requests.iter().map(|(_, bytes)| bytes).sum();
    assert!(weight <= WEIGHT_MAX / 10.0, "{weight}: {:?}", browser.requests);
}
