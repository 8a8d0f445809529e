//! Payments that stay in flight for a day or two months, and nodes that have to be asked.

use std::sync::Arc;

use satchel::{
    domain::{Msat, Status},
    funding::{
        Capabilities,
        simulated::{Ending, Options, Point, Script, SimulatedNode},
    },
};
use tokio::sync::Semaphore;

use super::{
    accepted,
    double::{Double, PROVIDERS_NAME},
    invoice_of, record, until, until_asked, until_recorded,
};
use crate::harness::{Plan, Server, Wallet, hash_of};

const DAY: i64 = 86_400;

/// A server whose node reports nothing by itself.
async fn silent() -> (Server, Wallet) {
    let plan = Plan::sqlite().seeded();
    let node = SimulatedNode::open(Options::new(plan.clock.clone(), [9; 32])).unwrap();
    let source = Double::silent(&node);
    let server = Plan { node: Some(node), source: Some(source), ..plan }.start().await;
    let wallet = server.wallet(2000).await;
    (server, wallet)
}

async fn pay_into_the_dark(server: &Server, wallet: &Wallet, script: Script) -> String {
    let bolt11 = server.outside_invoice(1_000_000, "");
    server.node.script(&hash_of(&bolt11), script);
    assert_eq!(accepted(&wallet.pay(&bolt11).await), "pending");
    bolt11
}

/// Asks again until the record stands so, an hour at a time.
async fn until_found(server: &Server, wallet: &Wallet, bolt11: &str, status: Status) {
    until(status.as_str(), || async {
        server.clock.advance(3601);
        record(server, wallet, bolt11).await.status == status
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s21_after_sixty_days_the_node_is_still_asked() {
    let (server, wallet) = silent().await;
    let bolt11 = pay_into_the_dark(&server, &wallet, Script::Never).await;
    server.clock.advance(60 * DAY);
    until_asked(&server, &wallet, &bolt11, 3).await;
    assert_eq!(wallet.balance().await, 990_000);
    assert!(server.node.resolve(&hash_of(&bolt11), Ending::Paid));
    until_found(&server, &wallet, &bolt11, Status::Success).await;
    assert_eq!(wallet.balance().await, 999_000);
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s21_not_found_counts_only_when_nothing_can_be_under_way_any_more() {
    let (server, wallet) = silent().await;
    server.node.set_hook(|point, _| point == Point::PayArrived);
    let bolt11 = pay_into_the_dark(&server, &wallet, Script::Pay).await;
    // expired, asked more than twice, and still within the lifetime of what might be under way
    server.clock.advance(13 * DAY);
    until_asked(&server, &wallet, &bolt11, 3).await;
    assert_eq!(wallet.balance().await, 990_000);
    server.clock.advance(2 * DAY);
    until_found(&server, &wallet, &bolt11, Status::Failed).await;
    assert_eq!(wallet.balance().await, 2_000_000);
    assert_eq!(server.node.attempts_of(&hash_of(&bolt11)), []);
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s21_not_found_never_counts_at_a_node_whose_memory_lags() {
    let (server, wallet) = silent().await;
    server.node.set_capabilities(Capabilities { consistent_not_found: false, ..Capabilities::ALL });
    server.node.set_hook(|point, _| point == Point::PayArrived);
    let bolt11 = pay_into_the_dark(&server, &wallet, Script::Pay).await;
    server.clock.advance(100 * DAY);
    until_asked(&server, &wallet, &bolt11, 4).await;
    assert_eq!(wallet.balance().await, 990_000);
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s23_a_name_that_arrives_after_the_reply_is_kept_and_used() {
    let plan = Plan::sqlite().seeded();
    let node = SimulatedNode::open(Options::new(plan.clock.clone(), [9; 32])).unwrap();
    let answers = Arc::new(Semaphore::new(0));
    let source = Double::provider(&node, &answers);
    let server = Plan { node: Some(node), source: Some(source), ..plan }.start().await;
    let wallet = server.wallet(2000).await;
    let bolt11 = pay_into_the_dark(&server, &wallet, Script::Lost).await;
    // the reply has gone; without the name no question helps
    server.clock.advance(120);
    until_asked(&server, &wallet, &bolt11, 2).await;
    assert_eq!(record(&server, &wallet, &bolt11).await.source_ref, None);
    answers.add_permits(1);
    until("the name is kept", || async {
        let now = record(&server, &wallet, &bolt11).await;
        now.source_ref.as_deref() == Some(PROVIDERS_NAME)
    })
    .await;
    until_found(&server, &wallet, &bolt11, Status::Success).await;
    assert_eq!((wallet.balance().await, server.node.duplicate_sends()), (999_000, 0));
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s43_a_payment_in_flight_for_a_day_keeps_its_hold_and_disturbs_nobody() {
    let server = Plan::sqlite().seeded().start().await;
    let (wallet, shop) = (server.wallet(2000).await, server.wallet(0).await);
    let bolt11 = pay_into_the_dark(&server, &wallet, Script::Never).await;
    for hour in 1..=24 {
        server.clock.advance(3600);
        assert_eq!(wallet.balance().await, 990_000 - (hour - 1) * 1000, "hour {hour}");
        let page = wallet.invoice.get("/api/v1/payments?limit=50").await.ok();
        let open = page.as_array().unwrap().iter().filter(|payment| payment["status"] == "pending").count();
        assert_eq!(open, 1, "hour {hour}");
        assert_eq!(accepted(&wallet.pay(&invoice_of(&shop, 1).await).await), "success", "hour {hour}");
        assert_eq!(server.store.audit().await.unwrap().held, Msat(1_010_000), "hour {hour}");
    }
    assert_eq!(super::code(&wallet.pay(&server.outside_invoice(990_000, "")).await), (520, "insufficient_balance"));
    assert!(server.node.resolve(&hash_of(&bolt11), Ending::Failed("the recipient gave up".into())));
    until_recorded(&server, &wallet, &bolt11, Status::Failed).await;
    assert_eq!(wallet.balance().await, 2_000_000 - 24_000);
    server.assert_sound().await;
}
