//! A server that dies at a labelled point of a payment and is started again on the same database and node.

use std::sync::Arc;

use satchel::{
    domain::{Kind, Status, payment::NewPayment},
    funding::{
        FundingSource,
        simulated::{Options, Point, Script, SimulatedNode},
    },
};
use serde_json::json;

use super::{accepted, double::Double, record, until, until_recorded};
use crate::harness::{Plan, Server, Wallet, hash_of};

const DAY: i64 = 86_400;

/// Pays a request that a dying server was asked to pay; answers the server that came after it.
async fn die_at(plan: Plan, point: Point, script: Script) -> (Server, Wallet, String) {
    let plan = plan.seeded();
    let node = SimulatedNode::open(Options::new(plan.clock.clone(), [9; 32])).unwrap();
    // the node's own reports would save the dying server
    let source: Option<Arc<dyn FundingSource>> = Some(Double::silent(&node));
    let server = Plan { node: Some(node), source, ..plan }.start().await;
    let wallet = server.wallet(2000).await;
    let bolt11 = server.outside_invoice(1_000_000, "");
    server.node.script(&hash_of(&bolt11), script);
    // whoever is told that the caller is dead waits for ever, also after the restart
    server.node.set_hook(move |here, _| here == point);
    assert_eq!(accepted(&wallet.pay(&bolt11).await), "pending");
    if point == Point::LookupAnswered {
        server.clock.advance(5);
    }
    let (node, keys) = (server.node.clone(), (wallet.admin_key.clone(), wallet.invoice_key.clone()));
    let plan = server.stop().await;
    node.set_hook(|_, _| false);
    let server = Plan { source: None, ..plan }.start().await;
    let (admin, invoice) = (server.key(&keys.0), server.key(&keys.1));
    (server, Wallet { admin, invoice, ..wallet }, bolt11)
}

/// Every outcome at every point: what the node did counts, once.
async fn whatever_the_node_did_is_booked(plan: impl AsyncFn() -> Plan) {
    for point in [Point::PayAccepted, Point::PayAnswered] {
        for (script, status, balance) in
            [(Script::Pay, Status::Success, 999_000), (Script::Fail, Status::Failed, 2_000_000)]
        {
            let (server, wallet, bolt11) = die_at(plan().await, point, script).await;
            until("the outcome is booked", || async {
                server.clock.advance(61);
                record(&server, &wallet, &bolt11).await.status == status
            })
            .await;
            assert_eq!(wallet.balance().await, balance, "{point:?}");
            assert_eq!(server.node.duplicate_sends(), 0, "{point:?}: sent blindly once more");
            assert!(server.node.sends_of(&hash_of(&bolt11)) <= 1);
            server.assert_sound().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s27_a_death_after_sending_is_resolved_by_asking() {
    whatever_the_node_did_is_booked(async || Plan::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s27_the_same_on_a_shared_database() {
    whatever_the_node_did_is_booked(Plan::postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s27_a_death_while_asking_is_resolved_by_asking_again() {
    let (server, wallet, bolt11) = die_at(Plan::sqlite(), Point::LookupAnswered, Script::Lost).await;
    until_recorded(&server, &wallet, &bolt11, Status::Success).await;
    assert_eq!((wallet.balance().await, server.node.sends_of(&hash_of(&bolt11))), (999_000, 1));
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s26_a_death_at_the_nodes_door_holds_the_money_until_nothing_can_be_under_way() {
    let (server, wallet, bolt11) = die_at(Plan::sqlite(), Point::PayArrived, Script::Pay).await;
    super::until_asked(&server, &wallet, &bolt11, 3).await;
    assert_eq!(wallet.balance().await, 990_000);
    server.clock.advance(15 * DAY);
    until_recorded(&server, &wallet, &bolt11, Status::Failed).await;
    assert_eq!((wallet.balance().await, server.node.attempts_of(&hash_of(&bolt11)).len()), (2_000_000, 0));
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s26_what_was_held_and_never_handed_over_comes_back_at_the_next_start() {
    let server = Server::start().await;
    let wallet = server.wallet(2000).await;
    let bolt11 = server.outside_invoice(1_000_000, "");
    // a finished payment is the pattern for one that stopped after its hold
    assert_eq!(accepted(&wallet.pay(&bolt11).await), "success");
    let done = record(&server, &wallet, &bolt11).await;
    let other = server.outside_invoice(500_000, "");
    let now = server.clock.now();
    let held = NewPayment {
        wallet_id: wallet.id.clone(),
        kind: Kind::External,
        status: Status::Pending,
        checking_id: hash_of(&other).to_string(),
        payment_hash: hash_of(&other),
        amount_msat: satchel::domain::Msat(-500_000),
        fee_msat: satchel::domain::Msat(5000),
        hold_msat: satchel::domain::Msat(505_000),
        fee_limit_msat: satchel::domain::Msat(5000),
        memo: String::new(),
        bolt11: other.clone(),
        preimage_sealed: None,
        expires_at: now.plus_seconds(3600),
        webhook: None,
        tag: None,
        extension: None,
        labels: "[]".into(),
        extra: "{}".into(),
        external_id: None,
        source: done.source,
        source_ref: None,
        created_at: now,
        updated_at: now,
        next_check_at: Some(now.plus_seconds(60)),
        idempotency: None,
    };
    server.store.hold(held).await.unwrap();
    let (admin_key, invoice_key) = (wallet.admin_key.clone(), wallet.invoice_key.clone());
    let server = server.stop().await.start().await;
    let wallet = Wallet { admin: server.key(&admin_key), invoice: server.key(&invoice_key), ..wallet };
    until_recorded(&server, &wallet, &other, Status::Failed).await;
    assert_eq!(wallet.balance().await, 999_000);
    assert_eq!(server.node.attempts_of(&hash_of(&other)), []);
    // and it can be paid
    let again = wallet.admin.post("/api/v1/payments", json!({ "out": true, "bolt11": other })).await;
    assert_eq!(accepted(&again), "success");
    server.assert_sound().await;
}
