use std::time::Duration;

use super::*;
use crate::funding::simulated::Ending;

/// Pays a new invoice for this amount and memo; the answer and the hash.
async fn try_memo(node: &SimulatedNode, amount: i64, memo: &str, attempt: i64) -> (Outcome, PaymentHash) {
    let invoice = node.foreign(amount, memo);
    (node.spend(order(&invoice, attempt)).await, invoice.payment_hash)
}

/// The same for a script.
async fn try_script(node: &SimulatedNode, script: Script, attempt: i64) -> (Outcome, PaymentHash) {
    node.script_next(script);
    try_memo(node, 1000, "", attempt).await
}

/// Whether an answer comes soon.
async fn hangs(node: &SimulatedNode, order: PaymentOrder) -> bool {
    tokio::time::timeout(Duration::from_millis(20), node.spend(order)).await.is_err()
}

#[tokio::test]
async fn the_usual_fee_is_nothing_below_1000_sat_and_a_thousandth_from_there_on() {
    let node = node();
    for (amount, fee) in [(1, 0), (999_999, 0), (1_000_000, 1000), (50_000_000, 50_000)] {
        let (outcome, hash) = try_memo(&node, amount, "tea", amount).await;
        assert_eq!(fee_of(&outcome, &hash), Some(fee));
        assert_eq!(node.look(&hash, amount).await, outcome);
    }
    assert_eq!(node.balance().await, 1_000_000_000 - 1 - 999_999 - 1_001_000 - 50_050_000);
}

#[tokio::test]
async fn every_memo_does_what_the_table_says() {
    let clock = clock();
    let node = node_at(&clock);
    let tried =
        ["sim:fail", "sim:refused", "sim:hang", "sim:late", "sim:late-fail", "sim:lost", "sim:fee N", "sim:overcharge"];
    assert_eq!(MEMOS.iter().map(|(memo, _)| *memo).collect::<Vec<_>>(), tried);

    let (outcome, hash) = try_memo(&node, 1000, "sim:fail", 1).await;
    assert!(is_failure_of(&outcome, 1) && is_failure_of(&node.look(&hash, 1).await, 1));

    let (outcome, hash) = try_memo(&node, 1000, "sim:refused", 2).await;
    assert!(matches!(outcome, Outcome::NotSent(_)));
    assert_eq!(node.look(&hash, 2).await, Outcome::NotFound);

    let held = node.foreign(1000, "sim:hang");
    assert!(hangs(&node, order(&held, 3)).await);
    clock.advance(29);
    assert!(matches!(node.look(&held.payment_hash, 3).await, Outcome::InFlight { source_ref: Some(_) }));
    clock.advance(1);
    assert_eq!(fee_of(&node.look(&held.payment_hash, 3).await, &held.payment_hash), Some(0));

    let (outcome, late) = try_memo(&node, 1000, "sim:late", 4).await;
    assert_eq!(outcome, Outcome::Unknown("timed out".into()));
    let (outcome, late_fail) = try_memo(&node, 1000, "sim:late-fail", 5).await;
    assert_eq!(outcome, Outcome::Unknown("timed out".into()));
    clock.advance(59);
    assert!(matches!(node.look(&late, 4).await, Outcome::InFlight { .. }));
    assert!(matches!(node.look(&late_fail, 5).await, Outcome::InFlight { .. }));
    clock.advance(1);
    assert_eq!(fee_of(&node.look(&late, 4).await, &late), Some(0));
    assert!(is_failure_of(&node.look(&late_fail, 5).await, 5));

    let (outcome, lost) = try_memo(&node, 1000, "sim:lost", 6).await;
    assert!(matches!(outcome, Outcome::Unknown(_)));
    assert_eq!(fee_of(&node.look(&lost, 6).await, &lost), Some(0));

    let (outcome, hash) = try_memo(&node, 100_000, "sim:fee 1000", 7).await;
    assert_eq!(fee_of(&outcome, &hash), Some(1000));
    let (outcome, _) = try_memo(&node, 100_000, " sim:fee  1001 ", 8).await;
    assert!(is_failure_of(&outcome, 8));
    let (outcome, hash) = try_memo(&node, 100_000, "sim:overcharge", 9).await;
    assert_eq!(fee_of(&outcome, &hash), Some(5000));
    let (outcome, hash) = try_memo(&node, 1000, "sim:something", 10).await;
    assert_eq!(fee_of(&outcome, &hash), Some(0), "an unknown word is any memo");
    assert_eq!(node.balance().await, 1_000_000_000 - 4 * 1000 - 101_000 - 105_000);
}

#[tokio::test]
async fn the_fee_limit_is_kept_unless_the_node_cannot() {
    let node = node();
    let invoice = node.foreign(1_000_000, "");
    let at = |attempt, limit| PaymentOrder { fee_limit: Msat(limit), ..order(&invoice, attempt) };
    let outcome = node.spend(at(1, 999)).await;
    assert_eq!(outcome, Outcome::Failed { attempt: PaymentId(1), reason: "no route within the fee limit".into() });
    assert_eq!(node.look(&invoice.payment_hash, 1).await, outcome);
    assert_eq!(fee_of(&node.spend(at(2, 1000)).await, &invoice.payment_hash), Some(1000));

    node.set_capabilities(Capabilities { fee_limit: false, consistent_not_found: false, ..Capabilities::ALL });
    let invoice = node.foreign(1_000_000, "");
    let outcome = node.spend(PaymentOrder { fee_limit: Msat::ZERO, ..order(&invoice, 3) }).await;
    assert_eq!(fee_of(&outcome, &invoice.payment_hash), Some(1000));
}

#[tokio::test]
async fn money_in_flight_cannot_be_spent_again() {
    let node = node();
    let (outcome, first) = try_memo(&node, 600_000_000, "sim:late-fail", 1).await;
    assert!(matches!(outcome, Outcome::Unknown(_)));
    assert_eq!(node.balance().await, 1_000_000_000, "in flight, it is still the node's");
    let (outcome, _) = try_memo(&node, 600_000_000, "", 2).await;
    assert!(is_failure_of(&outcome, 2));
    assert!(node.resolve(&first, Ending::Failed("held too long".into())));
    let (outcome, hash) = try_memo(&node, 600_000_000, "", 3).await;
    assert_eq!(fee_of(&outcome, &hash), Some(600_000));
}

#[tokio::test]
async fn what_no_node_would_try_is_not_sent() {
    let clock = clock();
    let node = node_at(&clock);
    let invoice = node.foreign(1000, "");
    let with =
        |amount, fee_limit| PaymentOrder { amount: Msat(amount), fee_limit: Msat(fee_limit), ..order(&invoice, 1) };
    for bad in [with(0, 0), with(-1, 0), with(1000, -1), with(999, 0), with(2001, 0), with(i64::MAX, 0)] {
        assert!(matches!(node.spend(bad).await, Outcome::NotSent(_)));
    }
    let own = bolt11::parse(&node.invoice(1000).await.bolt11).unwrap();
    assert!(matches!(node.spend(order(&own, 1)).await, Outcome::NotSent(_)));
    node.set_down(true);
    assert!(matches!(node.spend(with(1000, 0)).await, Outcome::NotSent(_)));
    assert!(matches!(node.look(&invoice.payment_hash, 1).await, Outcome::Unknown(_)));
    node.set_down(false);
    clock.advance(3600);
    assert!(matches!(node.spend(with(1000, 0)).await, Outcome::NotSent(_)));
    assert_eq!(node.look(&invoice.payment_hash, 1).await, Outcome::NotFound);

    let elsewhere = SimulatedNode::open(Options::new(clock, [1; 32])).unwrap().foreign(1000, "");
    assert!(is_failure_of(&node.spend(order(&elsewhere, 2)).await, 2), "nobody knows the way to that node");
    assert_eq!((node.balance().await, node.duplicate_sends()), (1_000_000_000, 0));
}

#[tokio::test]
async fn a_second_order_for_the_same_hash_pays_nothing() {
    let node = node();
    let invoice = node.foreign(1000, "sim:late");
    let hash = &invoice.payment_hash;
    node.spend(order(&invoice, 1)).await;
    for attempt in [1, 2] {
        assert!(matches!(node.spend(order(&invoice, attempt)).await, Outcome::InFlight { .. }));
    }
    node.resolve(hash, Ending::Paid);
    assert_eq!(fee_of(&node.spend(order(&invoice, 1)).await, hash), Some(0), "the truth about the same attempt");
    assert!(matches!(node.spend(order(&invoice, 2)).await, Outcome::Unknown(_)));
    assert_eq!(node.look(hash, 2).await, Outcome::NotFound);
    assert_eq!((node.duplicate_sends(), node.sends_of(hash), node.balance().await), (4, 1, 1_000_000_000 - 1000));
}

#[tokio::test]
async fn a_failed_payment_is_retried_by_a_new_attempt() {
    let node = node();
    let invoice = node.foreign(1000, "");
    let hash = &invoice.payment_hash;
    node.script(hash, Script::Fail);
    assert!(is_failure_of(&node.spend(order(&invoice, 1)).await, 1));
    assert!(is_failure_of(&node.spend(order(&invoice, 1)).await, 1), "the same attempt is not made again");
    assert_eq!(fee_of(&node.spend(order(&invoice, 2)).await, hash), Some(0));
    assert!(is_failure_of(&node.look(hash, 1).await, 1));
    assert_eq!(node.attempts_of(hash), [PaymentId(1), PaymentId(2)]);
    assert_eq!((node.sends_of(hash), node.duplicate_sends()), (1, 1));
}

#[tokio::test]
async fn scripts_lie_as_they_say() {
    let node = node();
    let (outcome, hash) = try_script(&node, Script::WrongPreimage, 1).await;
    assert!(matches!(outcome, Outcome::Paid { preimage, .. } if PaymentHash::of(&preimage) != hash));
    assert_eq!(node.look(&hash, 1).await, outcome);
    assert!(node.resolve(&hash, Ending::Paid));
    assert_eq!(fee_of(&node.look(&hash, 1).await, &hash), Some(0));

    let (_, hash) = try_script(&node, Script::StaleFailed, 5).await;
    assert!(is_failure_of(&node.look(&hash, 5).await, 4));
    assert_eq!(fee_of(&node.look(&hash, 5).await, &hash), Some(0));

    let (_, hash) = try_script(&node, Script::NotFoundThen(2), 6).await;
    assert_eq!(node.look(&hash, 6).await, Outcome::NotFound);
    assert_eq!(node.look(&hash, 6).await, Outcome::NotFound);
    assert_eq!(fee_of(&node.look(&hash, 6).await, &hash), Some(0));

    let (outcome, hash) = try_script(&node, Script::Fail, 7).await;
    assert!(is_failure_of(&outcome, 7));
    assert!(node.resolve(&hash, Ending::Paid), "the node was wrong");
    assert_eq!(fee_of(&node.look(&hash, 7).await, &hash), Some(0));
    assert!(!node.resolve(&hash, Ending::Failed("too late".into())));
    assert_eq!(node.balance().await, 1_000_000_000 - 4000);
}

#[tokio::test]
async fn a_payment_can_take_its_time() {
    let node = node();
    let (outcome, hash) = try_script(&node, Script::Delay(5, Ending::Paid), 1).await;
    assert_eq!(fee_of(&outcome, &hash), Some(0));
    let (outcome, _) = try_script(&node, Script::Delay(5, Ending::Failed("no".into())), 2).await;
    assert!(is_failure_of(&outcome, 2));

    node.script_next(Script::Never);
    let invoice = node.foreign(1000, "");
    assert!(hangs(&node, order(&invoice, 3)).await);
    assert!(matches!(node.look(&invoice.payment_hash, 3).await, Outcome::InFlight { .. }));
    assert!(node.resolve(&invoice.payment_hash, Ending::Paid));
    assert_eq!(fee_of(&node.look(&invoice.payment_hash, 3).await, &invoice.payment_hash), Some(0));
}

#[tokio::test]
async fn a_caller_that_dies_leaves_what_the_node_had_done() {
    for (point, sends) in [(Point::PayArrived, 0), (Point::PayAccepted, 1), (Point::PayAnswered, 1)] {
        let node = node();
        node.set_hook(move |here, _| here == point);
        let invoice = node.foreign(1000, "");
        assert!(hangs(&node, order(&invoice, 1)).await);
        assert_eq!(node.sends_of(&invoice.payment_hash), sends, "{point:?}");
        let found = node.look(&invoice.payment_hash, 1).await != Outcome::NotFound;
        assert_eq!(found, sends == 1);
    }
}
