//! What a wallet may hold and spend, whatever happens at the same time.

use serde_json::json;

use super::{governed, set};
use crate::harness::{Plan, Server, Wallet};

async fn invoices(wallet: &Wallet, count: usize, sat: i64) -> Vec<String> {
    let mut made = Vec::new();
    for _ in 0..count {
        made.push(wallet.new_invoice(sat).await["bolt11"].as_str().unwrap().to_owned());
    }
    made
}

/// Pays all of them at once; how many were paid, and the details of the others.
async fn race(payer: &Wallet, invoices: Vec<String>) -> (usize, Vec<(u16, String)>) {
    let calls: Vec<_> = invoices
        .into_iter()
        .map(|bolt11| {
            let payer = payer.admin.clone();
            tokio::spawn(async move { payer.post("/api/v1/payments", json!({ "out": true, "bolt11": bolt11 })).await })
        })
        .collect();
    let (mut paid, mut refused) = (0, Vec::new());
    for call in calls {
        let answer = call.await.unwrap();
        if answer.status == 201 {
            paid += 1;
        } else {
            refused.push((answer.status, answer.detail().to_owned()));
        }
    }
    (paid, refused)
}

async fn daily(plan: Plan) {
    let (server, root) = governed(plan.seeded()).await;
    let (payer, payee) = (server.wallet(10_000).await, server.wallet(0).await);
    let mut wanted = invoices(&payee, 10, 100).await;
    wanted.extend((0..10).map(|_| server.outside_invoice(100_000, "")));
    set(&root, json!({ "lnbits_wallet_limit_daily_max_withdraw": 700 })).await;
    let (paid, refused) = race(&payer, wanted).await;
    assert_eq!(paid, 7);
    for (status, detail) in refused {
        assert_eq!((status, detail.as_str()), (400, "Daily withdrawal limit of 700 sats reached."));
    }
    server.assert_sound().await;
    // the next day begins anew
    server.clock.advance(86_400);
    assert_eq!(race(&payer, vec![server.outside_invoice(700_000, "")]).await.0, 1);
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_at_once_do_not_spend_more_than_the_day_allows() {
    daily(Plan::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_on_a_shared_database() {
    daily(Plan::postgres().await).await;
}

async fn pause(plan: Plan) {
    let (server, root) = governed(plan.seeded()).await;
    let (payer, payee) = (server.wallet(10_000).await, server.wallet(0).await);
    let wanted = invoices(&payee, 6, 10).await;
    set(&root, json!({ "lnbits_wallet_limit_secs_between_trans": 30 })).await;
    server.clock.advance(31);
    let (paid, refused) = race(&payer, wanted).await;
    assert_eq!(paid, 1);
    for (status, detail) in refused {
        assert_eq!((status, detail.as_str()), (520, "The time limit of 30 seconds between payments has been reached."));
    }
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn between_two_payments_lies_the_time_that_is_set() {
    pause(Plan::sqlite()).await;
    pause(Plan::postgres().await).await;
}

async fn most(server: Server, root: crate::harness::Caller) {
    let (payer, payee) = (server.wallet(10_000).await, server.wallet(0).await);
    let wanted = invoices(&payee, 8, 80).await;
    set(&root, json!({ "lnbits_wallet_limit_max_balance": 250 })).await;
    let (paid, refused) = race(&payer, wanted).await;
    assert_eq!((paid, payee.balance().await), (3, 240_000));
    for (status, detail) in refused {
        assert_eq!((status, detail.as_str()), (520, "Wallet balance cannot exceed 250 sats."));
    }
    let invoice = payee.invoice.post("/api/v1/payments", json!({ "out": false, "amount": 11 })).await;
    assert_eq!((invoice.status, invoice.detail()), (520, "Wallet balance cannot exceed 250 sats."));
    let top_up = root.put("/users/api/v1/balance", json!({ "id": payee.id.to_string(), "amount": 11 })).await;
    assert_eq!(top_up.detail(), "Balance change failed, amount exceeds maximum balance.");
    assert_eq!(
        root.put("/users/api/v1/balance", json!({ "id": payee.id.to_string(), "amount": 10 })).await.status,
        200
    );
    // who holds more than that may still spend
    let rich = invoices(&payee, 0, 0).await;
    assert!(rich.is_empty());
    assert_eq!(race(&payer, vec![server.outside_invoice(10_000, "")]).await.0, 1);
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_wallet_is_filled_above_its_bound_from_here() {
    for plan in [Plan::sqlite(), Plan::postgres().await] {
        let (server, root) = governed(plan).await;
        most(server, root).await;
    }
}
