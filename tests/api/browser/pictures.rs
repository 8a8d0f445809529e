//! The pictures that the README shows, of a wallet with a month behind it.

use serde_json::json;

use super::kit::Browser;
use crate::harness::{Plan, Server};

const DAY: i64 = 86_400;
/// What came in on a day, and what for.
const SALES: &[(i64, &str)] = &[
    (42_000, "Bread and cheese"),
    (18_500, "Two coffees"),
    (96_000, "Bicycle repair"),
    (27_300, "Flowers"),
    (64_800, "A week of vegetables"),
];
const COSTS: &[(i64, &str)] = &[(31_000, "Flour from the mill"), (52_000, "Electricity"), (12_400, "Stamps")];

/// A shop's month, day after day.
async fn month(server: &Server) {
    let alice = server.user("alice").await;
    let wallets = alice.get("/api/v1/wallets").await.ok();
    let (id, key) = (wallets[0]["id"].as_str().unwrap(), wallets[0]["adminkey"].as_str().unwrap());
    let wallet = server.key(key);
    wallet.patch("/api/v1/wallet", json!({ "name": "Corner shop", "currency": "EUR" })).await.ok();
    server.ledger().adjust(id.parse().unwrap(), satchel::domain::Msat(180_000_000)).await.unwrap();
    for day in 0..29_usize {
        server.clock.advance(DAY);
        for n in 0..=(day % 3) {
            let (sat, memo) = SALES[(day * 2 + n) % SALES.len()];
            let made = wallet.post("/api/v1/payments", json!({ "out": false, "amount": sat, "memo": memo })).await.ok();
            server.ledger().pay_from_outside(made["bolt11"].as_str().unwrap(), None).unwrap();
            server.clock.advance(3_000);
        }
        if day % 2 == 1 {
            let (sat, memo) = COSTS[day / 2 % COSTS.len()];
            let invoice = server.outside_invoice(sat * 1000, memo);
            wallet.post("/api/v1/payments", json!({ "out": true, "bolt11": invoice })).await.ok();
            server.clock.advance(600);
        }
    }
    let last = wallet.get("/api/v1/payments?limit=3").await.ok();
    let hash = last[1]["payment_hash"].as_str().unwrap();
    wallet.put(&format!("/api/v1/payments/{hash}/labels"), json!({ "labels": ["market"] })).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_is_shown_as_in_the_readme() {
    let server = Plan::sqlite().seeded().start().await;
    month(&server).await;
    let browser = Browser::open(&server).await;
    // the browser lives in the server's time
    let now = server.clock.now().unix() * 1000;
    let script = format!(
        "const Real = Date; const shift = {now} - Real.now(); window.Date = class extends Real {{ \
         constructor(...all) {{ if (all.length) super(...all); else super(Real.now() + shift); }} \
         static now() {{ return Real.now() + shift; }} }};"
    );
    browser.on_every_page(&script).await;
    browser.sign_in("alice").await;
    browser.until("document.querySelectorAll('.drawing .spending').length > 10").await;
    browser.look("readme-wallet").await;
    browser.run("document.documentElement.dataset.theme = 'dark'").await;
    browser.shoot("readme-wallet-dark-1280").await;
    browser.press("Receive").await;
    browser.write("Amount", "18500").await;
    browser.write("What for", "Two coffees").await;
    browser.press("Make the invoice").await;
    browser.reads("Waiting for the payment").await;
    browser.run("document.documentElement.dataset.theme = 'light'").await;
    browser.look("readme-receive").await;
    browser.close().await;
}
