//! The wallet: receiving, sending, what happened, and files of it.

use serde_json::json;

use super::kit::Browser;
use crate::{
    harness::{Caller, Plan, Server},
    lnurl::{host, named, open},
};

/// The account's first wallet: its id and a caller with its admin key.
async fn first_wallet(server: &Server, who: &Caller) -> (String, Caller) {
    let wallets = who.get("/api/v1/wallets").await.ok();
    let text = |name: &str| wallets[0][name].as_str().unwrap().to_owned();
    (text("id"), server.key(&text("adminkey")))
}

async fn fund(server: &Server, wallet: &str, sat: i64) {
    server.ledger().adjust(wallet.parse().unwrap(), satchel::domain::Msat(sat * 1000)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_turns_to_paid_by_itself() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let browser = Browser::open(&server).await;
    browser.sign_in("alice").await;
    browser.press("Receive").await;
    browser.look("receive").await;
    browser.write("Amount", "two").await;
    browser.press("Make the invoice").await;
    browser.reads("That is no amount.").await;
    browser.write("Amount", "2500").await;
    browser.write("What for", "Two coffees").await;
    browser.press("Make the invoice").await;
    browser.reads("Waiting for the payment").await;
    browser.look("receive-invoice").await;
    let invoice = browser.run("return document.querySelector('.invoice').textContent").await;
    server.ledger().pay_from_outside(invoice.as_str().unwrap(), None).unwrap();
    browser.reads("+2,500").await;
    browser.until("document.querySelector('dialog .tick')").await;
    browser.look("receive-paid").await;
    browser.press("Done").await;
    // the balance and the list know, too, without a reload
    browser.until("document.querySelector('.purse .balance').textContent.startsWith('2,500')").await;
    browser.until("document.querySelector('.payments .amount.in')").await;
    let wallets = alice.get("/api/v1/wallets").await.ok();
    assert_eq!(wallets[0]["balance_msat"], 2_500_000);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_in_money_asks_for_what_that_is_worth() {
    let server = Server::start().await;
    server.user("alice").await;
    let browser = Browser::open(&server).await;
    browser.sign_in("alice").await;
    browser.press("Receive").await;
    browser.write("Amount", "1.50").await;
    browser.control("Unit").await.select_by_value("USD").await.unwrap();
    browser.press("Make the invoice").await;
    // at 100,000 dollars a bitcoin
    browser.reads("1,500").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_shown_asked_for_once_and_sent() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let (wallet, _) = first_wallet(&server, &alice).await;
    fund(&server, &wallet, 50_000).await;
    let mut browser = Browser::open(&server).await;
    browser.sign_in("alice").await;
    browser.press("Send").await;
    browser.look("send").await;
    browser
        .write("Whom to pay", &format!("lightning:{}", server.outside_invoice(21_000_000, "Books").to_uppercase()))
        .await;
    browser.press("Go on").await;
    browser.reads("Pay this?").await;
    browser.reads("Books").await;
    browser.look("send-check").await;
    browser.press("Pay 21,000 sat").await;
    browser.reads("Fee: 21 sat").await;
    browser.look("send-done").await;
    browser.press("Done").await;
    browser.until("document.querySelector('.purse .balance').textContent.startsWith('28,979')").await;
    // too low a cap for the fee, and more than there is: nothing leaves
    browser.expects(520);
    browser.press("Send").await;
    browser.write("Whom to pay", &server.outside_invoice(60_000_000, "A car")).await;
    browser.press("Go on").await;
    browser.press("Pay 60,000 sat").await;
    browser.reads("There is not enough in this wallet.").await;
    browser.look("send-refused").await;
    browser.press("Close").await;
    browser.press("Send").await;
    browser.write("Whom to pay", &server.outside_invoice(2_000_000, "sim:fail")).await;
    browser.press("Go on").await;
    browser.press("Pay 2,000 sat").await;
    browser.until("document.querySelector('dialog .notice.bad:not([hidden])')").await;
    browser.press("Close").await;
    browser.visit("/wallet").await;
    browser.until("document.querySelector('.purse .balance')?.textContent.startsWith('28,979')").await;
    server.assert_sound().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_and_lightning_addresses_are_paid_too() {
    let server = open(Plan::sqlite()).start().await;
    server.super_user().await;
    let tea = named(&server, 0, "tea").await;
    let alice = server.user("alice").await;
    let (wallet, _) = first_wallet(&server, &alice).await;
    fund(&server, &wallet, 10_000).await;
    let invoice = server.outside_invoice(3_000_000, "From a poster");
    let browser = Browser::open(&server).await;
    // chromium has a detector on some systems only
    let detector = format!(
        "window.BarcodeDetector = class {{ async detect() {{ return [{{ rawValue: {} }}]; }} }};",
        json!(invoice)
    );
    browser.on_every_page(&detector).await;
    browser.sign_in("alice").await;
    browser
        .run(
            "const canvas = document.createElement('canvas'); canvas.width = canvas.height = 8; canvas.getContext('2d').fillRect(0, 0, 4, 4); \
            return new Promise((done) => canvas.toBlob((blob) => { const data = new DataTransfer(); \
            data.items.add(new File([blob], 'code.png', { type: 'image/png' })); \
            dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })); done(); }))",
        )
        .await;
    browser.reads("From a poster").await;
    browser.press("Pay 3,000 sat").await;
    browser.reads("Fee: 3 sat").await;
    browser.press("Done").await;
    browser.press("Send").await;
    browser.write("Whom to pay", &format!("tea@{}", host(&server))).await;
    browser.press("Go on").await;
    browser.write("Amount in sat", "1500").await;
    browser.look("send-address").await;
    browser.press("Pay").await;
    browser.until("document.querySelector('dialog .tick')").await;
    assert_eq!(tea.balance().await, 1_500_000);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_searched_filtered_and_leafed_through() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let (wallet, admin) = first_wallet(&server, &alice).await;
    fund(&server, &wallet, 1_000).await;
    for number in 0..45 {
        let body = json!({ "out": false, "amount": 10 + number, "memo": format!("Order {number}") });
        assert_eq!(admin.post("/api/v1/payments", body).await.status, 201);
    }
    let browser = Browser::open(&server).await;
    browser.sign_in("alice").await;
    let rows = "document.querySelectorAll('.payments > li').length";
    browser.until(&format!("{rows} === 20")).await;
    browser.press("Show older ones").await;
    browser.until(&format!("{rows} === 40")).await;
    browser.press("Show older ones").await;
    browser.until(&format!("{rows} === 46")).await;
    let unique = "new Set([...document.querySelectorAll('.payments .memo')].map((one) => one.textContent)).size";
    browser.until(&format!("{unique} === 46")).await;
    browser.until("document.querySelector('.more button').hidden").await;
    browser.write("Search", "Order 7").await;
    browser.until(&format!("{rows} === 1")).await;
    browser.run("document.querySelector('.payments button').click()").await;
    browser.reads("Payment hash").await;
    browser.write("Labels", "tea, friends").await;
    browser.press("Save").await;
    browser.reads("Saved.").await;
    browser.look("payment").await;
    browser.press("Close").await;
    browser.write("Search", "nothing is called so").await;
    browser.reads("Nothing matches.").await;
    browser.look("history-nothing").await;
    browser.visit("/wallet").await;
    browser.control("Show").await.select_by_value("pending").await.unwrap();
    browser.until("document.querySelectorAll('.payments .tag').length >= 20").await;
    browser.write("Search", "tea").await;
    browser.press("friends").await;
    browser.until(&format!("{rows} === 1")).await;
    browser.look("history").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_kept_as_files() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let (wallet, _) = first_wallet(&server, &alice).await;
    for _ in 0..3 {
        fund(&server, &wallet, 1_000).await;
    }
    let browser = Browser::open(&server).await;
    browser
        .on_every_page("window.kept = []; const make = URL.createObjectURL; URL.createObjectURL = (blob) => { blob.arrayBuffer().then((all) => window.kept.push(new TextDecoder().decode(all.slice(0, 60)))); return make.call(URL, blob); };")
        .await;
    browser.sign_in("alice").await;
    browser.press("Export").await;
    browser.look("export").await;
    browser.press("Table (CSV)").await;
    browser.reads("3 payments are saved.").await;
    browser.press("Statement (PDF)").await;
    browser.reads("The file is saved.").await;
    browser.until("window.kept.length === 2").await;
    let kept = browser.run("return window.kept").await;
    assert!(kept[1].as_str().unwrap().starts_with("%PDF"), "{kept}");
    browser.press("Close").await;
    // the receipt's link is good for this browser
    browser.run("document.querySelector('.payments button').click()").await;
    browser.control("Receipt (PDF)").await;
    let kind = browser
        .run("return fetch(document.querySelector('a[download]').href).then((one) => one.headers.get('content-type'))")
        .await;
    assert_eq!(kind, "application/pdf");
    browser.close().await;
}
