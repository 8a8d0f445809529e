//! Payments to other nodes: held, dispatched, settled or released.

use satchel::{
    domain::{Msat, Payment, Status, WalletId, event::EventKind, payment::NewPayment},
    store::{Refusal, Store, types::Settlement},
};

use super::fixtures::{
    NOW, a_hash, acknowledge_all, adjustment, an_attempt, at_once, balance, done, failure, held, random, refusal,
    settlement, sound, status, wallet_with,
};
use crate::databases::{Database, on_both};

on_both! {
    a_hold_takes_amount_and_fee_cap_at_once,
    s06_a_hold_beyond_the_balance_names_what_it_needs_and_writes_nothing,
    a_deleted_wallet_sends_nothing,
    s04_two_hundred_holds_from_a_wallet_that_affords_one_hold_one,
    s32_the_same_hash_twice_answers_with_the_first_attempt,
    s32_the_same_hash_fifty_times_at_once_is_held_once,
    s32_attempts_that_come_and_go_are_never_refused_without_a_name,
    s33_the_same_hash_from_two_wallets_is_held_once,
    s37_a_failed_attempt_makes_room_for_another,
    an_attempt_is_dispatched_once,
    s26_dispatch_and_release_of_the_undispatched_exclude_each_other,
    only_an_attempt_can_be_dispatched,
    s07_a_fee_below_the_cap_gives_the_rest_back,
    s39_one_settlement_told_a_hundred_times_is_booked_once,
    s08_a_fee_above_the_cap_is_booked_truthfully_and_raises_an_alarm,
    s08_a_fee_above_the_cap_that_the_wallet_cannot_bear_is_the_houses_loss,
    s19_a_success_after_a_failure_is_booked_once_and_raises_an_alarm,
    s19_a_late_success_that_the_wallet_cannot_bear_is_the_houses_loss,
    s19_a_late_success_told_fifty_times_at_once_is_booked_once,
    s37_a_late_success_beside_another_attempt_leaves_that_one_alone,
    s37_a_late_success_and_another_attempt_at_once_are_both_booked,
    s18_settled_and_released_at_once_the_truth_is_booked,
    a_release_gives_everything_back_once,
    a_release_after_the_settlement_changes_nothing,
    a_settlement_of_something_else_changes_nothing,
    the_sources_own_name_is_kept,
}

async fn a_hold_takes_amount_and_fee_cap_at_once(store: Store) {
    let wallet = wallet_with(&store, 10_000).await;
    let payment = held(&store, &wallet, 5000, 50).await;
    assert_eq!((payment.status, payment.amount_msat, payment.hold_msat), (Status::Pending, Msat(-5000), Msat(5050)));
    assert_eq!(store.payment_find(payment.id).await.unwrap().as_ref(), Some(&payment));
    assert_eq!(store.payment_in_flight(10).await.unwrap(), [payment]);
    assert_eq!(balance(&store, &wallet).await, 4950);
    let audit = sound(&store).await;
    assert_eq!((audit.held.0, audit.oldest_in_flight), (5050, Some(NOW)));
}

async fn s06_a_hold_beyond_the_balance_names_what_it_needs_and_writes_nothing(store: Store) {
    let wallet = wallet_with(&store, 5049).await;
    let attempt = an_attempt(&wallet, 5000, 50);
    let outcome = refusal(store.hold(attempt.clone()).await);
    assert!(matches!(outcome, Refusal::InsufficientBalance { needed: Msat(5050) }), "{outcome}");
    assert_eq!(balance(&store, &wallet).await, 5049);
    assert_eq!(store.payment_by_name(attempt.checking_id).await.unwrap(), []);
    assert_eq!(sound(&store).await.held, Msat::ZERO);
    held(&store, &wallet, 5000, 49).await;
}

async fn a_deleted_wallet_sends_nothing(store: Store) {
    let wallet = wallet_with(&store, 10_000).await;
    store.wallet_set_deleted(wallet.clone(), true, NOW).await.unwrap();
    refusal(store.hold(an_attempt(&wallet, 1000, 0)).await);
    assert_eq!(balance(&store, &wallet).await, 10_000);
}

async fn s04_two_hundred_holds_from_a_wallet_that_affords_one_hold_one(store: Store) {
    let wallet = wallet_with(&store, 1999).await;
    let outcomes = at_once(200, |_| {
        let (store, attempt) = (store.clone(), an_attempt(&wallet, 990, 10));
        async move { store.hold(attempt).await }
    });
    assert_eq!(done(outcomes.await), 1);
    assert_eq!(balance(&store, &wallet).await, 999);
    assert_eq!(sound(&store).await.held.0, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn s05_two_servers_on_one_database_hold_one() {
    let database = Database::postgres().await;
    let servers = [database.store.clone(), database.reopened().await];
    let wallet = wallet_with(&servers[0], 1999).await;
    let outcomes = at_once(200, |number| {
        let (store, attempt) = (servers[number % 2].clone(), an_attempt(&wallet, 990, 10));
        async move { store.hold(attempt).await }
    });
    assert_eq!(done(outcomes.await), 1);
    for server in &servers {
        assert_eq!(balance(server, &wallet).await, 999);
    }
    sound(&servers[1]).await;
}

async fn s32_the_same_hash_twice_answers_with_the_first_attempt(store: Store) {
    let wallet = wallet_with(&store, 10_000).await;
    let attempt = an_attempt(&wallet, 1000, 10);
    let first = store.hold(attempt.clone()).await.unwrap().payment;
    let again = async || match refusal(store.hold(attempt.clone()).await) {
        Refusal::AlreadyAttempted(other) => *other,
        other => panic!("{other}"),
    };
    assert_eq!(again().await, first);
    let settled = store.settle(settlement(first.id, 3)).await.unwrap().payment;
    assert_eq!(again().await, settled);
    assert_eq!(store.attempt_by_hash(attempt.payment_hash.clone()).await.unwrap(), Some(settled));
    assert_eq!(balance(&store, &wallet).await, 8997);
}

async fn s32_the_same_hash_fifty_times_at_once_is_held_once(store: Store) {
    let wallet = wallet_with(&store, 1_000_000).await;
    let attempt = an_attempt(&wallet, 1000, 0);
    let outcomes = at_once(50, |_| {
        let (store, attempt) = (store.clone(), attempt.clone());
        async move { store.hold(attempt).await }
    });
    let outcomes = outcomes.await;
    let first = outcomes.iter().find_map(|outcome| outcome.as_ref().ok()).unwrap().payment.id;
    for outcome in outcomes.into_iter().filter(Result::is_err) {
        assert!(matches!(refusal(outcome), Refusal::AlreadyAttempted(other) if other.id == first));
    }
    assert_eq!(balance(&store, &wallet).await, 999_000);
    sound(&store).await;
}

async fn s32_attempts_that_come_and_go_are_never_refused_without_a_name(store: Store) {
    let wallet = wallet_with(&store, 1_000_000).await;
    let attempt = an_attempt(&wallet, 1000, 0);
    let outcomes = at_once(8, |_| {
        let (store, attempt) = (store.clone(), attempt.clone());
        async move {
            for _ in 0..20 {
                match store.hold(attempt.clone()).await {
                    Ok(posted) => drop(store.release(failure(posted.payment.id)).await.unwrap()),
                    error => assert!(matches!(refusal(error), Refusal::AlreadyAttempted(_))),
                }
            }
        }
    });
    outcomes.await;
    assert_eq!(balance(&store, &wallet).await, 1_000_000);
    sound(&store).await;
}

async fn s33_the_same_hash_from_two_wallets_is_held_once(store: Store) {
    let wallets = [wallet_with(&store, 1000).await, wallet_with(&store, 1000).await];
    for _ in 0..10 {
        let hash = a_hash();
        let outcomes = at_once(2, |number| {
            let store = store.clone();
            let attempt = NewPayment { payment_hash: hash.clone(), ..an_attempt(&wallets[number], 10, 0) };
            async move { store.hold(attempt).await }
        });
        assert_eq!(done(outcomes.await), 1);
    }
    assert_eq!(sound(&store).await.held.0, 100);
}

async fn s37_a_failed_attempt_makes_room_for_another(store: Store) {
    let wallet = wallet_with(&store, 1000).await;
    let attempt = an_attempt(&wallet, 900, 100);
    let first = store.hold(attempt.clone()).await.unwrap().payment;
    store.release(failure(first.id)).await.unwrap();
    let second = store.hold(attempt.clone()).await.unwrap().payment;
    assert!(second.id > first.id);
    let both = store.payment_by_name(attempt.checking_id).await.unwrap();
    let both: Vec<_> = both.iter().map(|payment| (payment.id, payment.status)).collect();
    assert_eq!(both, [(second.id, Status::Pending), (first.id, Status::Failed)]);
    assert_eq!(balance(&store, &wallet).await, 0);
    sound(&store).await;
}

async fn an_attempt_is_dispatched_once(store: Store) {
    let wallet = wallet_with(&store, 1_000_000).await;
    let payment = held(&store, &wallet, 1000, 0).await;
    let outcomes = at_once(16, |_| {
        let store = store.clone();
        async move { store.payment_dispatch(payment.id, NOW.plus_seconds(1)).await.unwrap() }
    });
    assert_eq!(outcomes.await.into_iter().filter(|dispatched| *dispatched).count(), 1);
    assert_eq!(store.payment_find(payment.id).await.unwrap().unwrap().dispatched_at, Some(NOW.plus_seconds(1)));
    assert!(store.undispatched_release(failure(payment.id)).await.unwrap().is_none());
    assert_eq!(balance(&store, &wallet).await, 999_000);
    let ended = held(&store, &wallet, 1000, 0).await;
    store.release(failure(ended.id)).await.unwrap();
    assert!(!store.payment_dispatch(ended.id, NOW).await.unwrap());
}

async fn s26_dispatch_and_release_of_the_undispatched_exclude_each_other(store: Store) {
    let wallet = wallet_with(&store, 40_000).await;
    let mut dispatched = 0;
    for _ in 0..40 {
        let id = held(&store, &wallet, 1000, 0).await.id;
        let outcomes = at_once(4, |number| {
            let store = store.clone();
            async move {
                if number % 2 == 0 {
                    (store.payment_dispatch(id, NOW).await.unwrap(), false)
                } else {
                    (false, store.undispatched_release(failure(id)).await.unwrap().is_some())
                }
            }
        });
        let outcomes = outcomes.await;
        let sent = outcomes.iter().filter(|outcome| outcome.0).count();
        let released = outcomes.iter().filter(|outcome| outcome.1).count();
        assert_eq!(sent + released, 1, "sent {sent} times, released {released} times");
        assert_eq!(status(&store, id).await, if sent == 1 { Status::Pending } else { Status::Failed });
        dispatched += i64::try_from(sent).unwrap();
    }
    assert_eq!(balance(&store, &wallet).await, 40_000 - dispatched * 1000);
    assert_eq!(sound(&store).await.held.0, dispatched * 1000);
}

async fn only_an_attempt_can_be_dispatched(store: Store) {
    let wallet = wallet_with(&store, 0).await;
    let invoice = store.invoice_create(super::fixtures::an_invoice(&wallet, 1000)).await.unwrap();
    assert!(!store.payment_dispatch(invoice, NOW).await.unwrap());
    assert!(!store.payment_dispatch(satchel::domain::PaymentId(404), NOW).await.unwrap());
}

/// Holds 1000 with a cap of 100 from a wallet that then has `left`.
async fn in_flight(store: &Store, left: i64) -> (WalletId, Payment) {
    let wallet = wallet_with(store, 1100 + left).await;
    let payment = held(store, &wallet, 1000, 100).await;
    assert!(store.payment_dispatch(payment.id, NOW).await.unwrap());
    (wallet, payment)
}

async fn s07_a_fee_below_the_cap_gives_the_rest_back(store: Store) {
    for (fee, then) in [(0, 150), (30, 120), (100, 50)] {
        let (wallet, payment) = in_flight(&store, 50).await;
        let posted = store.settle(settlement(payment.id, fee)).await.unwrap();
        assert_eq!((posted.payment.status, posted.payment.fee_msat.0), (Status::Success, fee));
        assert_eq!((posted.payment.hold_msat, posted.payment.next_check_at), (Msat::ZERO, None));
        assert_eq!(posted.payment.preimage_sealed, Some(vec![9; 8]));
        assert!(posted.alarm.is_none());
        assert_eq!(store.payment_find(payment.id).await.unwrap(), Some(posted.payment));
        assert_eq!(balance(&store, &wallet).await, then);
    }
    let audit = sound(&store).await;
    assert_eq!((audit.lightning.0, audit.held.0, audit.alarms), (3130, 0, 0));
}

async fn s39_one_settlement_told_a_hundred_times_is_booked_once(store: Store) {
    let (wallet, payment) = in_flight(&store, 50).await;
    let outcomes = at_once(100, |_| {
        let store = store.clone();
        async move { store.settle(settlement(payment.id, 30)).await }
    });
    let booked: Vec<_> =
        outcomes.await.into_iter().map(Result::unwrap).filter(|posted| !posted.balances.is_empty()).collect();
    assert_eq!(booked.len(), 1);
    assert_eq!(balance(&store, &wallet).await, 120);
    let events = store.event_list(0, 1000).await.unwrap();
    assert_eq!(events.iter().filter(|event| event.kind == EventKind::PaymentSent).count(), 1);
    assert_eq!(sound(&store).await.alarms, 0);
}

async fn s08_a_fee_above_the_cap_is_booked_truthfully_and_raises_an_alarm(store: Store) {
    let (wallet, payment) = in_flight(&store, 50).await;
    let posted = store.settle(settlement(payment.id, 150)).await.unwrap();
    assert_eq!(posted.payment.fee_msat.0, 150);
    assert!(posted.alarm.is_some_and(|alarm| alarm.contains("150") && alarm.contains("100")));
    assert_eq!(balance(&store, &wallet).await, 0);
    let audit = sound(&store).await;
    assert_eq!((audit.lightning.0, audit.loss.0, audit.alarms), (1150, 0, 1));
}

async fn s08_a_fee_above_the_cap_that_the_wallet_cannot_bear_is_the_houses_loss(store: Store) {
    let (wallet, payment) = in_flight(&store, 49).await;
    let posted = store.settle(settlement(payment.id, 150)).await.unwrap();
    assert!(posted.alarm.is_some());
    assert_eq!((posted.payment.status, posted.payment.fee_msat.0), (Status::Success, 150));
    assert_eq!(balance(&store, &wallet).await, 49);
    let audit = sound(&store).await;
    assert_eq!((audit.lightning.0, audit.loss.0, audit.alarms), (1150, -50, 1));
}

async fn s19_a_success_after_a_failure_is_booked_once_and_raises_an_alarm(store: Store) {
    let (wallet, payment) = in_flight(&store, 0).await;
    store.release(failure(payment.id)).await.unwrap();
    assert_eq!(balance(&store, &wallet).await, 1100);
    let posted = store.settle(settlement(payment.id, 30)).await.unwrap();
    assert!(posted.alarm.is_some());
    assert_eq!((posted.payment.status, posted.payment.fee_msat.0), (Status::Success, 30));
    let again = store.settle(settlement(payment.id, 30)).await.unwrap();
    assert!(again.alarm.is_none() && again.balances.is_empty());
    assert_eq!(balance(&store, &wallet).await, 70);
    let audit = sound(&store).await;
    assert_eq!((audit.lightning.0, audit.loss.0, audit.alarms), (1030, 0, 1));
}

async fn s19_a_late_success_that_the_wallet_cannot_bear_is_the_houses_loss(store: Store) {
    let (wallet, payment) = in_flight(&store, 0).await;
    store.release(failure(payment.id)).await.unwrap();
    store.adjust(adjustment(&wallet, -1100)).await.unwrap();
    let posted = store.settle(settlement(payment.id, 30)).await.unwrap();
    assert!(posted.alarm.is_some_and(|alarm| alarm.contains("loss")));
    assert_eq!(balance(&store, &wallet).await, 0);
    let audit = sound(&store).await;
    assert_eq!((audit.lightning.0, audit.loss.0, audit.alarms), (1030, -1030, 1));
}

async fn s19_a_late_success_told_fifty_times_at_once_is_booked_once(store: Store) {
    let (wallet, payment) = in_flight(&store, 5000).await;
    store.release(failure(payment.id)).await.unwrap();
    let outcomes = at_once(50, |_| {
        let store = store.clone();
        async move { store.settle(settlement(payment.id, 30)).await }
    });
    assert_eq!(outcomes.await.into_iter().map(Result::unwrap).filter(|posted| posted.alarm.is_some()).count(), 1);
    assert_eq!(balance(&store, &wallet).await, 5070);
    assert_eq!(sound(&store).await.alarms, 1);
}

async fn s37_a_late_success_beside_another_attempt_leaves_that_one_alone(store: Store) {
    let wallet = wallet_with(&store, 10_000).await;
    let attempt = an_attempt(&wallet, 1000, 100);
    let first = store.hold(attempt.clone()).await.unwrap().payment;
    store.release(failure(first.id)).await.unwrap();
    let second = store.hold(attempt).await.unwrap().payment;
    assert!(store.settle(settlement(first.id, 30)).await.unwrap().alarm.is_some());
    assert_eq!((status(&store, first.id).await, status(&store, second.id).await), (Status::Failed, Status::Pending));
    assert_eq!(balance(&store, &wallet).await, 10_000 - 1030 - 1100);
    store.settle(settlement(second.id, 100)).await.unwrap();
    assert_eq!(sound(&store).await.lightning.0, 2130);
}

async fn s37_a_late_success_and_another_attempt_at_once_are_both_booked(store: Store) {
    let wallet = wallet_with(&store, 1_000_000).await;
    let mut left = 1_000_000;
    for _ in 0..20 {
        acknowledge_all(&store).await;
        let attempt = an_attempt(&wallet, 1000, 100);
        let first = store.hold(attempt.clone()).await.unwrap().payment;
        store.release(failure(first.id)).await.unwrap();
        let outcomes = at_once(8, |number| {
            let (store, attempt) = (store.clone(), attempt.clone());
            async move {
                if number % 2 == 0 { store.settle(settlement(first.id, 30)).await } else { store.hold(attempt).await }
            }
        });
        let holds = done(outcomes.await) - 4;
        // whichever came first has the place of the attempt that counts; the money of both is booked
        assert_eq!(status(&store, first.id).await, if holds == 0 { Status::Success } else { Status::Failed });
        left -= 1030 + if holds == 0 { 0 } else { 1100 };
        assert_eq!(balance(&store, &wallet).await, left);
    }
    assert_eq!(sound(&store).await.alarms, 20);
}

async fn s18_settled_and_released_at_once_the_truth_is_booked(store: Store) {
    let wallet = wallet_with(&store, 100_000).await;
    for round in 1..=20 {
        // where the release came first, the success was late
        acknowledge_all(&store).await;
        let id = held(&store, &wallet, 1000, 100).await.id;
        let outcomes = at_once(4, |number| {
            let store = store.clone();
            async move {
                if number % 2 == 0 { store.settle(settlement(id, 30)).await } else { store.release(failure(id)).await }
            }
        });
        assert_eq!(done(outcomes.await), 4);
        assert_eq!(status(&store, id).await, Status::Success);
        assert_eq!(balance(&store, &wallet).await, 100_000 - round * 1030);
    }
    sound(&store).await;
}

async fn a_release_gives_everything_back_once(store: Store) {
    let (wallet, payment) = in_flight(&store, 50).await;
    let outcomes = at_once(50, |_| {
        let store = store.clone();
        async move { store.release(failure(payment.id)).await }
    });
    let booked: Vec<_> =
        outcomes.await.into_iter().map(Result::unwrap).filter(|posted| !posted.balances.is_empty()).collect();
    assert_eq!(booked.len(), 1);
    let failed = &booked[0].payment;
    assert_eq!(
        (failed.status, failed.failure.as_deref(), failed.hold_msat),
        (Status::Failed, Some("no route"), Msat::ZERO)
    );
    assert_eq!(balance(&store, &wallet).await, 1150);
    assert_eq!(store.event_list(0, 10).await.unwrap().last().map(|event| event.kind), Some(EventKind::PaymentFailed));
    assert_eq!(sound(&store).await.lightning, Msat::ZERO);
}

async fn a_release_after_the_settlement_changes_nothing(store: Store) {
    let (wallet, payment) = in_flight(&store, 50).await;
    store.settle(settlement(payment.id, 30)).await.unwrap();
    let posted = store.release(failure(payment.id)).await.unwrap();
    assert!(posted.balances.is_empty() && posted.payment.status == Status::Success);
    assert!(store.undispatched_release(failure(payment.id)).await.unwrap().is_none());
    assert_eq!(balance(&store, &wallet).await, 120);
    sound(&store).await;
}

async fn a_settlement_of_something_else_changes_nothing(store: Store) {
    let wallet = wallet_with(&store, 1000).await;
    let invoice = store.invoice_create(super::fixtures::an_invoice(&wallet, 1000)).await.unwrap();
    assert!(store.settle(settlement(invoice, 0)).await.unwrap().balances.is_empty());
    assert!(store.release(failure(invoice)).await.unwrap().balances.is_empty());
    assert_eq!(status(&store, invoice).await, Status::Pending);
    let nobody = satchel::domain::PaymentId(404);
    assert!(matches!(refusal(store.settle(settlement(nobody, 0)).await), Refusal::Missing("payment")));
    assert!(matches!(refusal(store.release(failure(nobody)).await), Refusal::Missing("payment")));
    sound(&store).await;
}

async fn the_sources_own_name_is_kept(store: Store) {
    let name = satchel::domain::ids::to_hex(&random::<8>());
    let (_, payment) = in_flight(&store, 0).await;
    store.payment_set_source_ref(payment.id, name.clone()).await.unwrap();
    let settled = store.settle(settlement(payment.id, 0)).await.unwrap().payment;
    assert_eq!(settled.source_ref, Some(name));
    let (_, payment) = in_flight(&store, 0).await;
    let named = Settlement { source_ref: Some("other".into()), ..settlement(payment.id, 0) };
    assert_eq!(store.settle(named).await.unwrap().payment.source_ref.as_deref(), Some("other"));
}
