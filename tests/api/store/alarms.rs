//! Alarms: which stop their source, until when, and who looked.

use satchel::{
    domain::{Msat, filter::Listing, payment::NewPayment},
    store::{
        Refusal, Store,
        types::{Alarm, AlarmKind},
    },
};

use super::fixtures::{
    acknowledge_all, acknowledgement, an_attempt, at_once, balance, failure, held, new_invoice, receipt, refusal,
    settlement, sound, transfer, wallet_with,
};
use crate::databases::on_both;

on_both! {
    s08_a_hold_is_refused_while_an_alarm_about_its_source_is_open,
    s19_a_late_success_stops_the_source_as_well,
    s08_another_source_sends_on,
    s34_what_the_source_is_not_to_blame_for_stops_nothing,
    s08_what_waited_for_the_payment_that_raises_the_alarm_is_not_held,
    an_alarm_is_acknowledged_once,
    alarms_are_listed_by_pages_newest_first,
}

/// The source charges more than it may; the wallet is left with `left`.
async fn overcharged(store: &Store, left: i64) -> Alarm {
    let wallet = wallet_with(store, 1150 + left).await;
    let payment = held(store, &wallet, 1000, 100).await;
    store.settle(settlement(payment.id, 150)).await.unwrap();
    let alarm = open(store).await.pop().unwrap();
    assert_eq!((alarm.payment_id, alarm.payment_hash.as_ref()), (Some(payment.id), Some(&payment.payment_hash)));
    alarm
}

async fn open(store: &Store) -> Vec<Alarm> {
    sound(store).await.open_alarms
}

async fn assert_stopped(store: &Store) {
    let wallet = wallet_with(store, 1000).await;
    let attempt = an_attempt(&wallet, 500, 0);
    let outcome = refusal(store.hold(attempt.clone()).await);
    assert!(matches!(outcome, Refusal::Missing("leave to send")), "{outcome}");
    assert_eq!(balance(store, &wallet).await, 1000);
    assert_eq!(store.payment_by_name(attempt.checking_id).await.unwrap(), []);
    // what is wrong with the payment itself is said first
    assert!(matches!(
        refusal(store.hold(an_attempt(&wallet, 5000, 0)).await),
        Refusal::InsufficientBalance { needed: Msat(5000) }
    ));
    // inside, money moves
    let shop = wallet_with(store, 0).await;
    let invoice = new_invoice(store, &shop, 500).await;
    store.transfer(transfer(&wallet, &invoice)).await.unwrap();
    assert_eq!((balance(store, &wallet).await, balance(store, &shop).await), (500, 500));
}

async fn s08_a_hold_is_refused_while_an_alarm_about_its_source_is_open(store: Store) {
    let (first, second) = {
        let wallet = wallet_with(&store, 5000).await;
        let under_way = held(&store, &wallet, 1000, 100).await;
        let first = overcharged(&store, 0).await;
        // what was under way before is booked, and is a second breach here
        store.settle(settlement(under_way.id, 200)).await.unwrap();
        (first, open(&store).await.pop().unwrap())
    };
    assert_eq!((first.kind, first.source.as_deref()), (AlarmKind::FeeAboveLimit, Some("simulated")));
    assert_stopped(&store).await;
    assert_eq!(store.alarm_stopping("simulated".into()).await.unwrap(), Some(first.clone()));
    store.alarm_acknowledge(acknowledgement(first.id)).await.unwrap();
    assert_eq!(store.alarm_stopping("simulated".into()).await.unwrap(), Some(second.clone()));
    assert_stopped(&store).await;
    store.alarm_acknowledge(acknowledgement(second.id)).await.unwrap();
    assert_eq!(store.alarm_stopping("simulated".into()).await.unwrap(), None);
    held(&store, &wallet_with(&store, 1000).await, 1000, 0).await;
}

async fn s19_a_late_success_stops_the_source_as_well(store: Store) {
    let wallet = wallet_with(&store, 2000).await;
    let payment = held(&store, &wallet, 1000, 100).await;
    store.release(failure(payment.id)).await.unwrap();
    store.settle(settlement(payment.id, 30)).await.unwrap();
    assert_eq!(open(&store).await[0].kind, AlarmKind::LateSuccess);
    assert_stopped(&store).await;
    acknowledge_all(&store).await;
    held(&store, &wallet, 500, 0).await;
}

async fn s08_another_source_sends_on(store: Store) {
    overcharged(&store, 0).await;
    let wallet = wallet_with(&store, 1000).await;
    store.hold(NewPayment { source: "another".into(), ..an_attempt(&wallet, 500, 0) }).await.unwrap();
    assert_eq!(balance(&store, &wallet).await, 500);
}

async fn s34_what_the_source_is_not_to_blame_for_stops_nothing(store: Store) {
    let (payer, payee) = (wallet_with(&store, 2000).await, wallet_with(&store, 0).await);
    let invoice = new_invoice(&store, &payee, 1000).await;
    store.transfer(transfer(&payer, &invoice)).await.unwrap();
    store.receive(receipt(&invoice, 1000)).await.unwrap();
    let alarm = open(&store).await.pop().unwrap();
    assert_eq!((alarm.kind, alarm.source), (AlarmKind::PaidTwice, None));
    held(&store, &payer, 500, 0).await;
}

async fn s08_what_waited_for_the_payment_that_raises_the_alarm_is_not_held(store: Store) {
    for _ in 0..10 {
        let wallet = wallet_with(&store, 100_000).await;
        let payment = held(&store, &wallet, 1000, 0).await;
        let outcomes = at_once(9, |number| {
            let (store, attempt) = (store.clone(), an_attempt(&wallet, 1000, 0));
            async move {
                if number == 0 { store.settle(settlement(payment.id, 50)).await } else { store.hold(attempt).await }
            }
        });
        // a wallet's balances are a history: what was taken after the alarm would show here
        let mut after: Vec<i64> = Vec::new();
        let mut at_alarm = None;
        for outcome in outcomes.await {
            match outcome {
                Ok(posted) if posted.alarm.is_some() => at_alarm = Some(posted.balances[0].1.0),
                Ok(posted) => after.push(posted.balances[0].1.0),
                Err(error) => assert!(matches!(refusal::<()>(Err(error)), Refusal::Missing("leave to send"))),
            }
        }
        let at_alarm = at_alarm.unwrap();
        assert!(after.iter().all(|left| *left > at_alarm), "{after:?} after {at_alarm}");
        acknowledge_all(&store).await;
    }
}

async fn an_alarm_is_acknowledged_once(store: Store) {
    let alarm = overcharged(&store, 0).await;
    let outcomes = at_once(16, |_| {
        let (store, by) = (store.clone(), acknowledgement(alarm.id));
        async move { (by.by.clone(), store.alarm_acknowledge(by).await.unwrap()) }
    });
    let outcomes = outcomes.await;
    let first = outcomes[0].1.acknowledged_by.clone().unwrap();
    assert!(outcomes.iter().any(|(by, _)| *by == first));
    for (_, seen) in &outcomes {
        assert_eq!((seen, seen.note.as_deref()), (&outcomes[0].1, Some("looked")));
    }
    assert_eq!((open(&store).await, sound(&store).await.alarms), (vec![], 1));
    let nobody = refusal(store.alarm_acknowledge(acknowledgement(404)).await);
    assert!(matches!(nobody, Refusal::Missing("alarm")));
}

async fn alarms_are_listed_by_pages_newest_first(store: Store) {
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(overcharged(&store, 0).await.id);
        acknowledge_all(&store).await;
    }
    ids.reverse();
    let listed = async |listing: Listing| {
        let (page, total) = store.alarm_page(listing).await.unwrap();
        (page.into_iter().map(|alarm| alarm.id).collect::<Vec<_>>(), total)
    };
    let page = |limit, offset| Listing { limit, offset, ..Listing::default() };
    assert_eq!(listed(page(10, 0)).await, (ids.clone(), 5));
    assert_eq!(listed(page(2, 2)).await, (ids[2..4].to_vec(), 5));
    let oldest_first = Listing { sort: Some(("alarms.created_at", false)), ..page(1, 4) };
    assert_eq!(listed(oldest_first).await, (vec![ids[4]], 5));
}
