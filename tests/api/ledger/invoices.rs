//! The same invoice, the same hash: paid once, whoever pays, however often, from wherever.

use std::time::Duration;

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::{Secp256k1, SecretKey},
};
use futures_util::future::{join, join_all};
use lightning_invoice::{Currency, InvoiceBuilder, PaymentSecret};
use satchel::{
    domain::{Msat, Status},
    funding::simulated::{Ending, Script},
};

use super::{accepted, code, invoice_of, until, until_recorded};
use crate::harness::{Answer, Plan, Server, Wallet, hash_of};

const MANY: usize = 50;

fn successes(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 201).count()
}

/// Everybody pays the same request to the outside at once; answers how that went.
async fn all_pay_outside(server: &Server, wallets: &[&Wallet]) -> String {
    let bolt11 = server.outside_invoice(1_000_000, "");
    let hash = hash_of(&bolt11);
    server.node.script(&hash, Script::Never);
    let answers = join_all((0..MANY).map(|at| wallets[at % wallets.len()].pay(&bolt11))).await;
    assert_eq!(successes(&answers), 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(code(answer), (520, "payment_pending"), "{}", answer.text);
        assert_eq!(answer.body["checking_id"], hash.to_string());
    }
    assert!(server.node.resolve(&hash, Ending::Paid));
    until("it is paid", || async {
        server.ledger().find(&hash.to_string(), None).await.unwrap().status == Status::Success
    })
    .await;
    for wallet in wallets {
        let again = wallet.pay(&bolt11).await;
        assert_eq!((code(&again), &again.body["status"]), ((520, "already_paid"), &"success".into()));
        assert_eq!(again.body["checking_id"], hash.to_string());
    }
    assert_eq!((server.node.sends_of(&hash), server.node.attempts_of(&hash).len()), (1, 1));
    assert_eq!(server.node.duplicate_sends(), 0, "the node was told twice");
    server.assert_sound().await;
    bolt11
}

#[tokio::test(flavor = "multi_thread")]
async fn s32_one_request_paid_fifty_times_at_once_is_paid_once() {
    let server = Server::start().await;
    let wallet = server.wallet(100_000).await;
    all_pay_outside(&server, &[&wallet]).await;
    assert_eq!(wallet.balance().await, 100_000_000 - 1_001_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn s33_one_request_paid_by_two_wallets_is_paid_by_one() {
    let server = Plan::postgres().await.start().await;
    let (one, other) = (server.wallet(10_000).await, server.wallet(10_000).await);
    all_pay_outside(&server, &[&one, &other]).await;
    assert_eq!(one.balance().await + other.balance().await, 20_000_000 - 1_001_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn s32_s33_one_request_of_ours_is_paid_once_by_whoever_is_first() {
    let server = Server::start().await;
    let (one, other, shop) = (server.wallet(10_000).await, server.wallet(10_000).await, server.wallet(0).await);
    let bolt11 = invoice_of(&shop, 1000).await;
    // upper case is the same request
    let upper = bolt11.to_uppercase();
    let pay = |at: usize| if at.is_multiple_of(2) { one.pay(&bolt11) } else { other.pay(&upper) };
    let answers = join_all((0..20).map(pay)).await;
    assert_eq!(successes(&answers), 1);
    let answers = join_all((0..2).map(pay)).await;
    for answer in &answers {
        assert_eq!(code(answer), (520, "already_paid"), "{}", answer.text);
        assert_eq!(answer.body["checking_id"], format!("internal_{}", hash_of(&bolt11)));
    }
    assert_eq!(one.balance().await + other.balance().await, 19_000_000);
    assert_eq!(shop.balance().await, 1_000_000);
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s34_paid_inside_and_outside_at_once_is_credited_once() {
    let server = Server::start().await;
    let (payer, shop) = (server.wallet(10_000).await, server.wallet(0).await);
    let mut inside = 0;
    for round in 0..20_u64 {
        let bolt11 = invoice_of(&shop, 100).await;
        let outside = async {
            tokio::time::sleep(Duration::from_micros(round * 300)).await;
            server.ledger().pay_from_outside(&bolt11, None).unwrap();
        };
        let (answer, ()) = join(payer.pay(&bolt11), outside).await;
        if answer.status == 201 {
            inside += 1;
        } else {
            assert_eq!(code(&answer), (520, "already_paid"), "{}", answer.text);
            assert_eq!(answer.body["checking_id"], hash_of(&bolt11).to_string(), "the receipt");
        }
    }
    // what the node received beside is kept apart and reported
    until("every receipt is booked", || async {
        let audit = server.store.audit().await.unwrap();
        assert!(audit.suspense.size().0 <= inside * 100_000);
        audit.suspense.size().0 == inside * 100_000 && audit.alarms == inside
    })
    .await;
    until("every receipt is credited", || async { shop.balance().await == 2_000_000 }).await;
    assert_eq!(payer.balance().await, 10_000_000 - inside * 100_000);
    server.assert_sound().await;
}

/// Another node's request that carries the payment hash of ours.
fn wrapped(bolt11: &str, msat: u64, now: u64) -> String {
    let hash: [u8; 32] = satchel::domain::ids::array_from_hex(&hash_of(bolt11).to_string()).unwrap();
    let key = SecretKey::from_slice(&[3; 32]).unwrap();
    InvoiceBuilder::new(Currency::Regtest)
        .description("wrapped".into())
        .payment_hash(sha256::Hash::from_byte_array(hash))
        .payment_secret(PaymentSecret([5; 32]))
        .duration_since_epoch(Duration::from_secs(now))
        .min_final_cltv_expiry_delta(24)
        .amount_milli_satoshis(msat)
        .build_signed(|message| Secp256k1::new().sign_ecdsa_recoverable(message, &key))
        .unwrap()
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn s35_a_foreign_request_with_our_hash_settles_nothing_of_ours() {
    let server = Server::start().await;
    let (payer, shop) = (server.wallet(10_000).await, server.wallet(0).await);
    let ours = invoice_of(&shop, 1000).await;
    let now = u64::try_from(server.clock.now().unix()).unwrap();
    for msat in [1000, 1_000_000, 2_000_000] {
        let foreign = wrapped(&ours, msat, now);
        // it goes out to the network, where nobody takes it
        let answer = payer.pay(&foreign).await;
        assert_eq!(code(&answer), (520, "payment_failed"), "{}", answer.text);
        assert_eq!((payer.balance().await, shop.balance().await), (10_000_000, 0));
    }
    let open = shop.invoice.get(&format!("/api/v1/payments/{}", hash_of(&ours))).await.ok();
    assert_eq!(open["status"], "pending");
    assert_eq!(accepted(&payer.pay(&ours).await), "success");
    assert_eq!((payer.balance().await, shop.balance().await), (9_000_000, 1_000_000));
    let late = payer.pay(&wrapped(&ours, 1_000_000, now)).await;
    assert_eq!(code(&late), (520, "already_paid"), "{}", late.text);
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s36_a_wallet_that_pays_itself_neither_gains_nor_loses() {
    let server = Server::start().await;
    let wallet = server.wallet(1000).await;
    for _ in 0..3 {
        let bolt11 = invoice_of(&wallet, 1000).await;
        let answers = join_all((0..5).map(|_| wallet.pay(&bolt11))).await;
        assert_eq!(successes(&answers), 1);
        assert_eq!(wallet.balance().await, 1_000_000);
    }
    let too_much = invoice_of(&wallet, 1001).await;
    assert_eq!(code(&wallet.pay(&too_much).await), (520, "insufficient_balance"));
    assert_eq!(wallet.balance().await, 1_000_000);
    assert_eq!(server.store.audit().await.unwrap().liabilities, Msat(1_000_000));
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s38_an_expired_request_is_not_paid() {
    let server = Plan::sqlite().seeded().start().await;
    let (payer, shop) = (server.wallet(1000).await, server.wallet(0).await);
    let body = serde_json::json!({ "out": false, "amount": 10, "expiry": 60 });
    let made = shop.invoice.post("/api/v1/payments", body).await.ok();
    let (ours, foreign) =
        (made["bolt11"].as_str().unwrap(), server.ledger().invoice_from_outside(Msat(1000), "", 60).unwrap());
    server.clock.advance(61);
    for bolt11 in [ours, &foreign] {
        assert_eq!(code(&payer.pay(bolt11).await), (520, "invoice_expired"));
    }
    until_recorded(&server, &shop, ours, Status::Failed).await;
    assert_eq!(code(&payer.pay(ours).await), (520, "invoice_expired"));
    assert_eq!((payer.balance().await, shop.balance().await), (1_000_000, 0));
    assert_eq!(server.node.attempts_of(&hash_of(&foreign)), []);
    server.assert_sound().await;
}
