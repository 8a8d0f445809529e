//! Outcomes that nobody knows: only a definite word about this very attempt ends a payment.

use std::time::Duration;

use satchel::{
    domain::Status,
    funding::simulated::{Ending, Point, Script},
};
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{accepted, alarms::look, code, record, until, until_asked, until_recorded};
use crate::harness::{Plan, Server, Wallet, hash_of};

/// What a payment of 1000 sat leaves of 2000 while it is in flight, and what once it arrived.
const HELD: i64 = 990_000;
const PAID: i64 = 999_000;

async fn server_with_wallet() -> (Server, Wallet) {
    let server = Plan::sqlite().seeded().start().await;
    let wallet = server.wallet(2000).await;
    (server, wallet)
}

/// Begins a payment whose outcome nobody knows.
async fn in_flight(server: &Server, wallet: &Wallet, script: Script) -> String {
    let bolt11 = server.ledger().invoice_from_outside(satchel::domain::Msat(1_000_000), "", 86_400).unwrap();
    server.node.script(&hash_of(&bolt11), script);
    assert_eq!(accepted(&wallet.pay(&bolt11).await), "pending");
    bolt11
}

/// It was paid, once, and nobody was alarmed.
async fn assert_paid_once(server: &Server, wallet: &Wallet, bolt11: &str) {
    assert_eq!(wallet.balance().await, PAID);
    assert_eq!((server.node.sends_of(&hash_of(bolt11)), server.node.duplicate_sends()), (1, 0));
    assert_eq!(server.store.audit().await.unwrap().alarms, 0);
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s13_a_node_that_answers_after_an_hour_is_believed_then() {
    let (server, wallet) = server_with_wallet().await;
    let bolt11 = in_flight(&server, &wallet, Script::Never).await;
    for _ in 0..6 {
        server.clock.advance(600);
        let seen = wallet.invoice.get(&format!("/api/v1/payments/{}", hash_of(&bolt11))).await.ok();
        assert_eq!((&seen["status"], &seen["paid"]), (&json!("pending"), &json!(false)));
        assert_eq!(wallet.balance().await, HELD);
    }
    assert!(server.node.resolve(&hash_of(&bolt11), Ending::Paid));
    until_recorded(&server, &wallet, &bolt11, Status::Success).await;
    assert_paid_once(&server, &wallet, &bolt11).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s14_a_recipient_who_holds_the_payment_gains_nothing_by_it() {
    let (server, wallet) = server_with_wallet().await;
    let bolt11 = in_flight(&server, &wallet, Script::Hang).await;
    let again = wallet.pay(&bolt11).await;
    assert_eq!((code(&again), wallet.balance().await), ((520, "payment_pending"), HELD));
    server.clock.advance(31);
    until_recorded(&server, &wallet, &bolt11, Status::Success).await;
    assert_paid_once(&server, &wallet, &bolt11).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s15_an_answer_lost_after_sending_is_no_failure() {
    let (server, wallet) = server_with_wallet().await;
    let bolt11 = in_flight(&server, &wallet, Script::Late).await;
    until_asked_within(&server, &wallet, &bolt11, 50).await;
    assert_eq!(wallet.balance().await, HELD);
    server.clock.advance(60);
    until_recorded(&server, &wallet, &bolt11, Status::Success).await;
    assert_paid_once(&server, &wallet, &bolt11).await;
}

/// Lets so many seconds go by while the node is asked.
async fn until_asked_within(server: &Server, wallet: &Wallet, bolt11: &str, seconds: i64) {
    for _ in 0..seconds / 10 {
        server.clock.advance(10);
        let checks = record(server, wallet, bolt11).await.checks;
        assert_eq!(wallet.balance().await, HELD, "after {checks} questions");
    }
    until("the node is asked", || async { record(server, wallet, bolt11).await.checks >= 1 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_what_was_never_sent_comes_back_at_once() {
    let (server, wallet) = server_with_wallet().await;
    let bolt11 = server.outside_invoice(1_000_000, "");
    server.node.set_down(true);
    assert_eq!(code(&wallet.pay(&bolt11).await), (503, "funding_source_unavailable"));
    assert_eq!(wallet.balance().await, 2_000_000);
    assert_eq!(record(&server, &wallet, &bolt11).await.status, Status::Failed);
    server.node.set_down(false);
    let refused = server.outside_invoice(1_000_000, "sim:refused");
    assert_eq!(wallet.pay(&refused).await.status, 503);
    assert_eq!(wallet.balance().await, 2_000_000);
    assert_eq!(accepted(&wallet.pay(&bolt11).await), "success");
    assert_paid_once(&server, &wallet, &bolt11).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s17_not_found_right_after_sending_means_nothing() {
    let (server, wallet) = server_with_wallet().await;
    let bolt11 = in_flight(&server, &wallet, Script::NotFoundThen(5)).await;
    let mut seen_held = 0;
    for _ in 0..1200 {
        let now = record(&server, &wallet, &bolt11).await;
        assert_ne!(now.status, Status::Failed, "{now:?}");
        if now.status == Status::Success {
            break;
        }
        seen_held += 1;
        server.clock.advance(60);
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert!(seen_held > 1);
    assert_paid_once(&server, &wallet, &bolt11).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s18_the_failure_of_another_attempt_is_not_this_ones() {
    let (server, wallet) = server_with_wallet().await;
    let bolt11 = in_flight(&server, &wallet, Script::StaleFailed).await;
    until("it is paid", || async {
        server.clock.advance(60);
        record(&server, &wallet, &bolt11).await.status == Status::Success
    })
    .await;
    let told = record(&server, &wallet, &bolt11).await;
    assert_eq!(told.failure, None, "the stale failure was applied");
    assert_paid_once(&server, &wallet, &bolt11).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s19_a_success_after_a_failure_is_booked_once_with_an_alarm() {
    let (server, wallet) = server_with_wallet().await;
    let bolt11 = server.outside_invoice(1_000_000, "sim:fail");
    assert_eq!(code(&wallet.pay(&bolt11).await), (520, "payment_failed"));
    assert_eq!(wallet.balance().await, 2_000_000);
    server.node.duplicate_events(true);
    assert!(server.node.resolve(&hash_of(&bolt11), Ending::Paid));
    until_recorded(&server, &wallet, &bolt11, Status::Success).await;
    server.node.disconnect();
    assert_eq!(code(&wallet.pay(&bolt11).await), (520, "already_paid"));
    look(&server).await;
    // something that comes after all the repetitions
    let next = server.outside_invoice(1000, "");
    assert_eq!(accepted(&wallet.pay(&next).await), "success");
    assert_eq!(wallet.balance().await, PAID - 1000);
    assert_eq!(server.node.sends_of(&hash_of(&bolt11)), 1);
    assert_eq!(server.store.audit().await.unwrap().alarms, 1);
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s20_a_preimage_that_proves_nothing_is_not_believed() {
    let (server, wallet) = server_with_wallet().await;
    let bolt11 = in_flight(&server, &wallet, Script::WrongPreimage).await;
    until_asked(&server, &wallet, &bolt11, 3).await;
    assert_eq!(wallet.balance().await, HELD);
    let hash = hash_of(&bolt11);
    let seen = wallet.invoice.get(&format!("/api/v1/payments/{hash}")).await.ok();
    assert_eq!((&seen["paid"], &seen["preimage"]), (&json!(false), &json!(null)));
    // from here on the node tells the truth
    assert!(server.node.resolve(&hash, Ending::Paid));
    until("it is paid", || async {
        server.clock.advance(3601);
        record(&server, &wallet, &bolt11).await.status == Status::Success
    })
    .await;
    assert_paid_once(&server, &wallet, &bolt11).await;
}

/// Sends a request to pay and hangs up with a reset once `begun`.
async fn hang_up<F: Future<Output = bool>>(server: &Server, wallet: &Wallet, bolt11: &str, begun: impl FnMut() -> F) {
    let body = json!({ "out": true, "bolt11": bolt11 }).to_string();
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    let request = format!(
        "POST /api/v1/payments HTTP/1.1\r\nHost: x\r\nX-Api-Key: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        wallet.admin_key,
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    until("the payment has begun", begun).await;
    stream.set_zero_linger().unwrap();
    drop(stream);
}

#[tokio::test(flavor = "multi_thread")]
async fn s22_a_client_that_hangs_up_does_not_stop_its_payment() {
    let mut plan = Plan::sqlite();
    plan.limits.pay_wait_ms = 20_000;
    let server = plan.start().await;
    for (script, status, balance) in [
        (Script::Delay(700, Ending::Paid), Status::Success, PAID),
        (Script::Delay(700, Ending::Failed("no".into())), Status::Failed, 2_000_000),
    ] {
        let wallet = server.wallet(2000).await;
        let bolt11 = server.outside_invoice(1_000_000, "");
        let hash = hash_of(&bolt11);
        server.node.script(&hash, script);
        hang_up(&server, &wallet, &bolt11, || async { !server.node.attempts_of(&hash).is_empty() }).await;
        assert_eq!(record(&server, &wallet, &bolt11).await.status, Status::Pending, "the client hung up too late");
        until_recorded(&server, &wallet, &bolt11, status).await;
        assert_eq!(wallet.balance().await, balance);
    }
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s22_a_client_that_hangs_up_at_any_moment_leaves_a_recorded_outcome() {
    let server = Server::start().await;
    let wallet = server.wallet(100_000).await;
    let mut sent = Vec::new();
    for wait_us in [0, 200, 500, 1000, 2000, 4000, 8000, 16_000] {
        for memo in ["", "sim:fail"] {
            let bolt11 = server.outside_invoice(1_000_000, memo);
            let mut waited = false;
            hang_up(&server, &wallet, &bolt11, || {
                let first = !std::mem::replace(&mut waited, true);
                async move {
                    if first {
                        tokio::time::sleep(Duration::from_micros(wait_us)).await;
                    }
                    true
                }
            })
            .await;
            sent.push(bolt11);
        }
    }
    let listed = || async { wallet.invoice.get("/api/v1/payments/paginated?limit=100").await.ok() };
    until("nothing is pending but what was never handed over", || async {
        let page = listed().await;
        let open = page["data"].as_array().unwrap().iter().filter(|payment| payment["status"] == "pending").count();
        let held = server.store.payment_in_flight(100).await.unwrap();
        open == held.iter().filter(|payment| payment.dispatched_at.is_none()).count()
    })
    .await;
    for bolt11 in &sent {
        let paid = server.node.sends_of(&hash_of(bolt11));
        let found = server.ledger().find(&hash_of(bolt11).to_string(), Some(&wallet.id)).await;
        let recorded = found.map(|payment| payment.status).ok();
        assert_eq!(paid == 1, recorded == Some(Status::Success), "{recorded:?}, sent {paid} times");
    }
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s24_a_payment_that_failed_in_the_dark_ends_as_failed() {
    let (server, wallet) = server_with_wallet().await;
    let bolt11 = in_flight(&server, &wallet, Script::LateFail).await;
    assert_eq!(wallet.balance().await, HELD);
    server.clock.advance(61);
    until_recorded(&server, &wallet, &bolt11, Status::Failed).await;
    assert_eq!(wallet.balance().await, 2_000_000);
    let seen = wallet.invoice.get(&format!("/api/v1/payments/{}", hash_of(&bolt11))).await.ok();
    assert_eq!((&seen["status"], &seen["paid"]), (&json!("failed"), &json!(false)));
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_never_answers_a_question_stops_no_other() {
    let (server, wallet) = server_with_wallet().await;
    let bolt11 = in_flight(&server, &wallet, Script::Late).await;
    let stuck = hash_of(&bolt11);
    let of = stuck.clone();
    server.node.set_hook(move |point, hash| point == Point::LookupAnswered && *hash == of);
    server.clock.advance(2);
    let seen = wallet.invoice.get(&format!("/api/v1/payments/{stuck}")).await.ok();
    assert_eq!(seen["status"], "pending");
    until_asked(&server, &wallet, &bolt11, 1).await;
    let other = in_flight(&server, &server.wallet(2000).await, Script::Lost).await;
    assert_ne!(other, bolt11);
    let payer = server.store.attempt_by_hash(hash_of(&other)).await.unwrap().unwrap().wallet_id;
    until("the other is asked about", || async {
        server.clock.advance(61);
        server.ledger().find(&hash_of(&other).to_string(), Some(&payer)).await.unwrap().status == Status::Success
    })
    .await;
    server.assert_sound().await;
}
