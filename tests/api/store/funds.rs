//! What the super user adds and takes, and the limits that the tables keep.

use satchel::{
    domain::{Kind, Msat, Status, event::EventKind},
    store::{Refusal, Store},
};

use super::fixtures::{NOW, adjustment, at_once, balance, done, refusal, sound, wallet_with};
use crate::databases::on_both;

on_both! {
    the_super_user_adds_and_takes,
    nobody_takes_more_than_there_is,
    twenty_take_at_once_and_only_what_is_there_goes,
    no_wallet_holds_more_than_all_bitcoin,
    a_deleted_wallet_gives_nothing,
}

async fn the_super_user_adds_and_takes(store: Store) {
    let wallet = wallet_with(&store, 0).await;
    let added = store.adjust(adjustment(&wallet, 5000)).await.unwrap();
    assert_eq!(
        (added.payment.kind, added.payment.status, added.payment.amount_msat.0),
        (Kind::TopUp, Status::Success, 5000)
    );
    let taken = store.adjust(adjustment(&wallet, -2000)).await.unwrap();
    assert_eq!((taken.payment.kind, taken.payment.amount_msat.0), (Kind::Debit, -2000));
    assert_eq!(store.payment_find(taken.payment.id).await.unwrap(), Some(taken.payment));
    assert_eq!(balance(&store, &wallet).await, 3000);
    let events: Vec<_> =
        store.event_list(0, 10).await.unwrap().iter().map(|event| (event.kind, event.balance_msat.0)).collect();
    assert_eq!(events, [(EventKind::PaymentReceived, 5000), (EventKind::PaymentSent, 3000)]);
    assert_eq!(sound(&store).await.operator.0, -3000);
}

async fn nobody_takes_more_than_there_is(store: Store) {
    let wallet = wallet_with(&store, 1000).await;
    let outcome = refusal(store.adjust(adjustment(&wallet, -1001)).await);
    assert!(matches!(outcome, Refusal::InsufficientBalance { needed: Msat(1001) }));
    assert_eq!((balance(&store, &wallet).await, sound(&store).await.operator.0), (1000, -1000));
}

async fn twenty_take_at_once_and_only_what_is_there_goes(store: Store) {
    let wallet = wallet_with(&store, 1000).await;
    let outcomes = at_once(20, |_| {
        let (store, adjustment) = (store.clone(), adjustment(&wallet, -300));
        async move { store.adjust(adjustment).await }
    });
    assert_eq!(done(outcomes.await), 3);
    assert_eq!(balance(&store, &wallet).await, 100);
    sound(&store).await;
}

async fn no_wallet_holds_more_than_all_bitcoin(store: Store) {
    let wallet = wallet_with(&store, 1).await;
    for too_much in [Msat::MAX.0, i64::MAX] {
        refusal(store.adjust(adjustment(&wallet, too_much)).await);
        assert_eq!(balance(&store, &wallet).await, 1);
    }
    store.adjust(adjustment(&wallet, Msat::MAX.0 - 1)).await.unwrap();
    assert_eq!(balance(&store, &wallet).await, Msat::MAX.0);
    sound(&store).await;
}

async fn a_deleted_wallet_gives_nothing(store: Store) {
    let wallet = wallet_with(&store, 1000).await;
    store.wallet_set_deleted(wallet.clone(), true, NOW).await.unwrap();
    refusal(store.adjust(adjustment(&wallet, -1)).await);
    assert_eq!(balance(&store, &wallet).await, 1000);
}
