//! A source that broke its word sends nothing more until the super user looked; everything else goes on.

use satchel::{domain::Status, funding::simulated::Ending};
use serde_json::{Value, json};

use super::{
    accepted, code, invoice_of,
    process::{Folder, Process, check, text},
    record, until_recorded,
};
use crate::harness::{Answer, Caller, Plan, Server, Wallet, hash_of};

/// The same wallet on another server of the same database.
fn on(server: &Server, wallet: &Wallet) -> Wallet {
    Wallet {
        id: wallet.id.clone(),
        admin: server.key(&wallet.admin_key),
        invoice: server.key(&wallet.invoice_key),
        admin_key: wallet.admin_key.clone(),
        invoice_key: wallet.invoice_key.clone(),
    }
}

async fn open_alarms(root: &Caller) -> Vec<Value> {
    let page = root.get("/admin/api/v1/alarms?acknowledged=false").await.ok();
    let open = page["data"].as_array().unwrap().clone();
    assert_eq!(page["total"], open.len());
    open
}

async fn acknowledge(root: &Caller, alarm: &Value) -> Answer {
    root.put(&format!("/admin/api/v1/alarms/{}", alarm["id"]), json!({ "acknowledged": true, "note": "mended" })).await
}

/// The super user takes note of every alarm.
pub(super) async fn look(server: &Server) {
    let root = server.super_user().await;
    for alarm in open_alarms(&root).await {
        acknowledge(&root, &alarm).await.ok();
    }
}

/// Refused with the reason and the way out, before anything was held; everything inside goes on.
async fn assert_stopped(server: &Server, wallet: &Wallet, shop: &Wallet, kind: &str, broken: &str) {
    let (balance, gained) = (wallet.balance().await, shop.balance().await);
    let bolt11 = server.outside_invoice(1000, "");
    let refused = wallet.pay(&bolt11).await;
    assert_eq!((code(&refused), &refused.body["status"]), ((503, "funding_source_unavailable"), &json!("failed")));
    for needle in [kind, hash_of(broken).to_string().as_str(), "super user", "/admin/api/v1/alarms/"] {
        assert!(refused.detail().contains(needle), "{needle} is missing in {}", refused.text);
    }
    assert_eq!(wallet.balance().await, balance);
    assert!(server.ledger().find(&hash_of(&bolt11).to_string(), None).await.is_err(), "it was recorded");
    assert!(server.node.attempts_of(&hash_of(&bolt11)).is_empty(), "the node was told");
    // inside, receipts and reads
    assert_eq!(accepted(&wallet.pay(&invoice_of(shop, 1).await).await), "success");
    let receipt = invoice_of(shop, 1).await;
    server.ledger().pay_from_outside(&receipt, None).unwrap();
    until_recorded(server, shop, &receipt, Status::Success).await;
    assert_eq!((wallet.balance().await, shop.balance().await), (balance - 1000, gained + 2000));
    assert_eq!(wallet.invoice.get("/api/v1/payments").await.status, 200);
}

/// From the alarm on every server refuses, also one that was started since, until somebody took note.
async fn stops_until_acknowledged(plan: Plan, kind: &str, breach: impl AsyncFn(&Server, &Wallet) -> String) {
    let server = plan.start().await;
    let root = server.super_user().await;
    let (wallet, shop) = (server.wallet(10_000).await, server.wallet(0).await);
    assert!(open_alarms(&root).await.is_empty());
    let broken = breach(&server, &wallet).await;
    assert_stopped(&server, &wallet, &shop, kind, &broken).await;
    // what is known of the broken payment is still told
    assert_eq!(code(&wallet.pay(&broken).await), (520, "already_paid"));

    let server = server.stop().await.start().await;
    let (root, wallet, shop) = (server.super_user().await, on(&server, &wallet), on(&server, &shop));
    assert_stopped(&server, &wallet, &shop, kind, &broken).await;
    let open = open_alarms(&root).await;
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!((&open[0]["kind"], &open[0]["source"]), (&json!(kind), &json!("simulated")));
    assert_eq!(open[0]["payment_hash"], hash_of(&broken).to_string());

    let done = acknowledge(&root, &open[0]).await.ok();
    assert_eq!((&done["acknowledged"], &done["note"]), (&json!(true), &json!("mended")));
    assert!(open_alarms(&root).await.is_empty());
    assert_eq!(root.get("/admin/api/v1/alarms").await.ok()["data"], json!([done]));
    assert_eq!(accepted(&wallet.pay(&server.outside_invoice(1000, "")).await), "success");
    server.assert_sound().await;
}

async fn overcharged(server: &Server, wallet: &Wallet) -> String {
    let bolt11 = server.outside_invoice(1_000_000, "sim:overcharge");
    assert_eq!(accepted(&wallet.pay(&bolt11).await), "success");
    bolt11
}

async fn paid_after_all(server: &Server, wallet: &Wallet) -> String {
    let bolt11 = server.outside_invoice(1_000_000, "sim:fail");
    assert_eq!(code(&wallet.pay(&bolt11).await), (520, "payment_failed"));
    assert!(server.node.resolve(&hash_of(&bolt11), Ending::Paid));
    until_recorded(server, wallet, &bolt11, Status::Success).await;
    bolt11
}

#[tokio::test(flavor = "multi_thread")]
async fn s08_a_source_that_charges_too_much_is_stopped_until_somebody_looked() {
    stops_until_acknowledged(Plan::sqlite(), "fee_above_limit", overcharged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s19_a_source_that_takes_back_a_failure_is_stopped_until_somebody_looked() {
    stops_until_acknowledged(Plan::sqlite(), "late_success", paid_after_all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s08_s19_the_same_on_a_shared_database() {
    stops_until_acknowledged(Plan::postgres().await, "fee_above_limit", overcharged).await;
    stops_until_acknowledged(Plan::postgres().await, "late_success", paid_after_all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s08_two_servers_on_one_database_stop_and_go_on_together() {
    let one = Plan::postgres().await.start().await;
    let other = one.twin().start().await;
    let (wallet, shop) = (one.wallet(10_000).await, one.wallet(0).await);
    let broken = overcharged(&one, &wallet).await;
    let there = on(&other, &wallet);
    assert_stopped(&other, &there, &on(&other, &shop), "fee_above_limit", &broken).await;
    assert_stopped(&one, &wallet, &shop, "fee_above_limit", &broken).await;
    let root = other.super_user().await;
    acknowledge(&root, &open_alarms(&root).await[0]).await.ok();
    for (server, wallet) in [(&one, &wallet), (&other, &there)] {
        assert_eq!(accepted(&wallet.pay(&server.outside_invoice(1000, "")).await), "success");
    }
    one.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s08_each_alarm_has_to_be_looked_at() {
    let server = Server::start().await;
    let root = server.super_user().await;
    let wallet = server.wallet(10_000).await;
    // two that failed before anybody knows what that is worth
    let requests: Vec<String> = (0..2).map(|_| server.outside_invoice(1_000_000, "sim:fail")).collect();
    for bolt11 in &requests {
        assert_eq!(code(&wallet.pay(bolt11).await), (520, "payment_failed"));
    }
    for bolt11 in &requests {
        assert!(server.node.resolve(&hash_of(bolt11), Ending::Paid));
        until_recorded(&server, &wallet, bolt11, Status::Success).await;
    }
    let open = open_alarms(&root).await;
    let hashes: Vec<&Value> = open.iter().map(|alarm| &alarm["payment_hash"]).collect();
    let newest_first: Vec<String> = requests.iter().rev().map(|bolt11| hash_of(bolt11).to_string()).collect();
    assert_eq!(hashes, newest_first.iter().collect::<Vec<_>>());
    let first = acknowledge(&root, &open[0]).await.ok();
    // who was first to look stays on record
    assert_eq!(acknowledge(&root, &open[0]).await.ok(), first);
    assert_eq!(wallet.pay(&server.outside_invoice(1000, "")).await.status, 503);
    acknowledge(&root, &open[1]).await.ok();
    assert_eq!(accepted(&wallet.pay(&server.outside_invoice(1000, "")).await), "success");
    let page = root.get("/admin/api/v1/alarms?limit=1&offset=1").await.ok();
    assert_eq!((&page["total"], &page["data"][0]["id"]), (&json!(2), &open[1]["id"]));
    let undo = root.put("/admin/api/v1/alarms/1", json!({ "acknowledged": false })).await;
    assert_eq!(code(&undo), (400, "invalid_request"));
    for nobody in ["404", "x", "-1"] {
        let answer = root.put(&format!("/admin/api/v1/alarms/{nobody}"), json!({ "acknowledged": true })).await;
        assert_eq!(code(&answer), (404, "not_found"), "{nobody}");
    }
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_names_the_alarms_that_are_open() {
    let folder = Folder::new();
    let mut process = Process::start(&folder).await;
    let root = process.install().await;
    let payer = text(&process.wallet(&root, 10_000).await, "adminkey");
    let bolt11 = process.outside(&root, 1_000_000, "sim:overcharge").await;
    assert_eq!(accepted(&process.pay(&payer, &bolt11).await), "success");
    process.kill();
    let output = check(&folder);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "the ledger is sound: {said}");
    for needle in ["1 of them open", "fee_above_limit", &hash_of(&bolt11).to_string(), "simulated"] {
        assert!(said.contains(needle), "{needle} is missing in\n{said}");
    }
}

/// Makes the database fail where a statement writes this column of a payment, as a broken disk would.
async fn break_writes(server: &Server, column: &str) {
    let sql = format!(
        "CREATE TRIGGER broken BEFORE UPDATE OF {column} ON payments BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"
    );
    server.twin().database.execute(&sql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn s30_what_the_node_said_is_booked_once_the_database_is_back() {
    let server = Server::start().await;
    let wallet = server.wallet(10_000).await;
    for (memo, status, balance) in [
        ("sim:fail", Status::Failed, 10_000_000),
        ("sim:refused", Status::Failed, 10_000_000),
        ("", Status::Success, 8_999_000),
    ] {
        let bolt11 = server.outside_invoice(1_000_000, memo);
        break_writes(&server, "status").await;
        assert_eq!(accepted(&wallet.pay(&bolt11).await), "pending", "{memo}");
        assert_eq!(record(&server, &wallet, &bolt11).await.status, Status::Pending);
        server.twin().database.execute("DROP TRIGGER broken").await.unwrap();
        until_recorded(&server, &wallet, &bolt11, status).await;
        assert_eq!(wallet.balance().await, balance, "{memo}");
    }
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s26_where_the_mark_cannot_be_written_the_money_comes_back_at_once() {
    let server = Server::start().await;
    let wallet = server.wallet(10_000).await;
    let bolt11 = server.outside_invoice(1_000_000, "");
    break_writes(&server, "dispatched_at").await;
    assert_eq!(code(&wallet.pay(&bolt11).await), (503, "database_unavailable"));
    assert_eq!(wallet.balance().await, 10_000_000);
    assert_eq!(record(&server, &wallet, &bolt11).await.status, Status::Failed);
    assert!(server.node.attempts_of(&hash_of(&bolt11)).is_empty());
    server.twin().database.execute("DROP TRIGGER broken").await.unwrap();
    assert_eq!(accepted(&wallet.pay(&bolt11).await), "success");
    server.assert_sound().await;
}
