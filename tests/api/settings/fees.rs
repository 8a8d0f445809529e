//! What the house takes for a payment: with its success, and never without it.

use std::sync::Arc;

use satchel::{
    domain::Status,
    funding::{
        FundingSource,
        simulated::{Options, Point, Script, SimulatedNode},
    },
};
use serde_json::{Value, json};

use super::{governed, set};
use crate::{
    harness::{Caller, Plan, Server, Wallet, hash_of},
    ledger::double::Double,
};

/// One percent, five satoshi at most, for a wallet of its own.
async fn charging(plan: Plan, more: Value) -> (Server, Caller, Wallet) {
    let (server, root) = governed(plan).await;
    let house = server.wallet(0).await;
    let mut settings = json!({ "lnbits_service_fee": 1, "lnbits_service_fee_max": 5, "lnbits_service_fee_wallet": house.id.to_string() });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    set(&root, settings).await;
    (server, root, house)
}

async fn external(plan: Plan) {
    let (server, root, house) = charging(plan, json!({})).await;
    let payer = server.wallet(2000).await;
    for (msat, routing, fee) in [(100_000, 0, 1000), (1_000_000, 1000, 5000)] {
        let before = (payer.balance().await, house.balance().await);
        let bolt11 = server.outside_invoice(msat, "");
        let paid = payer.pay(&bolt11).await.ok();
        assert_eq!((&paid["status"], paid["fee"].as_i64()), (&json!("success"), Some(-(routing + fee))), "{paid}");
        assert_eq!(payer.balance().await, before.0 - msat - routing - fee);
        assert_eq!(house.balance().await, before.1 + fee);
        let hash = hash_of(&bolt11);
        let record = house.invoice.get(&format!("/api/v1/payments/service_fee_{hash}")).await.ok();
        assert_eq!((&record["details"]["amount"], &record["paid"]), (&json!(fee), &json!(true)), "{record}");
        server.assert_sound().await;
    }
    let before = (payer.balance().await, house.balance().await);
    assert_eq!(payer.pay(&server.outside_invoice(100_000, "sim:fail")).await.status, 520);
    assert_eq!((payer.balance().await, house.balance().await), before, "a failure cost something");
    // all that is needed is held, so that no success finds an empty wallet
    let poor = server.wallet(102).await;
    let refused = poor.pay(&server.outside_invoice(100_000, "")).await;
    assert_eq!(refused.detail(), "You must reserve at least (3  sat) to cover potential routing fees.");
    assert_eq!(server.wallet(103).await.pay(&server.outside_invoice(100_000, "")).await.status, 201);
    let asked = format!("/api/v1/payments/fee-reserve?invoice={}", server.outside_invoice(100_000, ""));
    assert_eq!(server.anybody().get(&asked).await.ok()["fee_reserve"], 3000);
    server.assert_sound().await;
    drop(root);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_over_lightning_pays_the_house_when_it_succeeds() {
    external(Plan::sqlite()).await;
    external(Plan::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_is_open_costs_nothing_yet_and_a_change_of_settings_does_not_change_it() {
    let (server, root, house) = charging(Plan::sqlite().seeded(), json!({})).await;
    let payer = server.wallet(1000).await;
    let bolt11 = server.outside_invoice(100_000, "");
    server.node.script(&hash_of(&bolt11), Script::Late);
    assert_eq!(payer.pay(&bolt11).await.ok()["status"], "pending");
    assert_eq!((payer.balance().await, house.balance().await), (897_000, 0));
    server.assert_sound().await;
    set(&root, json!({ "lnbits_service_fee": 0, "lnbits_service_fee_wallet": null })).await;
    server.clock.advance(3600);
    server.until(&payer, &hash_of(&bolt11).to_string(), Status::Success).await;
    assert_eq!((payer.balance().await, house.balance().await), (899_000, 1000));
    server.assert_sound().await;
}

async fn internal(plan: Plan) {
    let (server, root, house) = charging(plan, json!({})).await;
    let (payer, payee) = (server.wallet(1000).await, server.wallet(0).await);
    let pay = async |from: &Wallet, to: &Wallet| {
        let bolt11 = to.new_invoice(100).await["bolt11"].as_str().unwrap().to_owned();
        from.pay(&bolt11).await.ok()["fee"].as_i64().unwrap()
    };
    let all = async || (payer.balance().await, payee.balance().await, house.balance().await);
    assert_eq!(pay(&payer, &payee).await, 0);
    assert_eq!(all().await, (900_000, 100_000, 0));
    set(&root, json!({ "lnbits_service_fee_ignore_internal": false })).await;
    assert_eq!(pay(&payer, &payee).await, -1000);
    assert_eq!(all().await, (799_000, 200_000, 1000));
    // to oneself, to the house, and from the house
    assert_eq!(pay(&payer, &payer).await, -1000);
    assert_eq!(all().await, (798_000, 200_000, 2000));
    assert_eq!(pay(&payer, &house).await, -1000);
    assert_eq!(all().await, (697_000, 200_000, 103_000));
    assert_eq!(pay(&house, &payee).await, 0);
    assert_eq!(all().await, (697_000, 300_000, 3000));
    server.assert_sound().await;
    let exact = server.wallet(100).await;
    let bolt11 = payee.new_invoice(100).await["bolt11"].as_str().unwrap().to_owned();
    assert_eq!(exact.pay(&bolt11).await.detail(), "Insufficient balance.");
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_between_wallets_here_are_free_unless_the_operator_says_otherwise() {
    internal(Plan::sqlite()).await;
    internal(Plan::postgres().await).await;
}

/// A server that dies between hold and settlement: whoever comes after it books the fee with the rest, once.
async fn dies(plan: Plan, point: Point, script: Script, status: Status) {
    let plan = plan.seeded();
    let node = SimulatedNode::open(Options::new(plan.clock.clone(), [9; 32])).unwrap();
    // the node's own reports would save the dying server
    let source: Arc<dyn FundingSource> = Double::silent(&node);
    let (server, _, house) =
        charging(Plan { node: Some(Arc::clone(&node)), source: Some(source), ..plan }, json!({})).await;
    let payer = server.wallet(1000).await;
    let bolt11 = server.outside_invoice(100_000, "");
    node.script(&hash_of(&bolt11), script);
    node.set_hook(move |here, _| here == point);
    assert_eq!(payer.pay(&bolt11).await.ok()["status"], "pending");
    let plan = server.stop().await;
    node.set_hook(|_, _| false);
    let server = Plan { source: None, ..plan }.start().await;
    let payer = Wallet { admin: server.key(&payer.admin_key), invoice: server.key(&payer.invoice_key), ..payer };
    let house = Wallet { admin: server.key(&house.admin_key), invoice: server.key(&house.invoice_key), ..house };
    let hash = hash_of(&bolt11).to_string();
    for _ in 0..200 {
        server.clock.advance(61);
        let record = payer.invoice.get(&format!("/api/v1/payments/{hash}")).await.ok();
        if record["status"] == status.as_str() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    let (left, gained) = if status == Status::Success { (899_000, 1000) } else { (1_000_000, 0) };
    assert_eq!((payer.balance().await, house.balance().await), (left, gained), "{point:?}");
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_between_hold_and_settlement_costs_the_fee_once_or_not_at_all() {
    for point in [Point::PayAccepted, Point::PayAnswered] {
        dies(Plan::sqlite(), point, Script::Pay, Status::Success).await;
        dies(Plan::sqlite(), point, Script::Fail, Status::Failed).await;
    }
    dies(Plan::postgres().await, Point::PayAccepted, Script::Pay, Status::Success).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_of_a_fee_does_not_stand_before_the_payment() {
    let (server, _, house) = charging(Plan::sqlite(), json!({ "lnbits_service_fee_ignore_internal": false })).await;
    let payer = server.wallet(1000).await;
    let bolt11 = house.new_invoice(100).await["bolt11"].as_str().unwrap().to_owned();
    payer.pay(&bolt11).await.ok();
    let found = house.invoice.get(&format!("/api/v1/payments/{}", hash_of(&bolt11))).await.ok();
    assert_eq!(found["details"]["amount"], 100_000, "{found}");
}
