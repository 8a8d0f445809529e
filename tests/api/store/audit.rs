//! The self-check tells the truth: in traffic, after traffic, and about a database that was tampered with.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use satchel::{
    domain::{Msat, WalletId, event::Event},
    store::{Store, StoreError},
};

use super::fixtures::{
    adjustment, an_attempt, assert_sound, at_once, balance, failure, new_invoice, receipt, settlement, sound, transfer,
    wallet_with,
};
use crate::databases::{Database, on_both};

on_both! {
    s02_the_books_are_right_after_everything_at_once,
    s03_the_books_are_right_at_every_moment_of_the_traffic,
    a_reader_with_a_cursor_misses_no_event_of_a_wallet,
    events_are_forgotten_by_age,
}

/// One of everything, chosen by the number.
async fn something(store: Store, wallets: Vec<WalletId>, number: usize) -> Result<(), StoreError> {
    let (one, other) = (&wallets[number % 4], &wallets[(number / 4) % 4]);
    match number % 7 {
        0 => drop(store.adjust(adjustment(one, 1000)).await?),
        1 => drop(store.adjust(adjustment(one, -1000)).await?),
        2 => drop(store.receive(receipt(&new_invoice(&store, one, 500).await, 500)).await?),
        3 => {
            let id = store.hold(an_attempt(one, 300, 10)).await?.payment.id;
            store.release(failure(id)).await?;
        }
        4 => {
            let id = store.hold(an_attempt(one, 300, 10)).await?.payment.id;
            store.settle(settlement(id, 5)).await?;
        }
        5 => drop(store.hold(an_attempt(one, 200, 10)).await?),
        _ => drop(store.transfer(transfer(one, &new_invoice(&store, other, 250).await)).await?),
    }
    Ok(())
}

async fn four_wallets(store: &Store) -> Vec<WalletId> {
    let mut wallets = Vec::new();
    for _ in 0..4 {
        wallets.push(wallet_with(store, 100_000).await);
    }
    wallets
}

async fn s02_the_books_are_right_after_everything_at_once(store: Store) {
    let wallets = four_wallets(&store).await;
    let outcomes = at_once(420, |number| something(store.clone(), wallets.clone(), number)).await;
    for outcome in outcomes {
        outcome.unwrap();
    }
    for wallet in &wallets {
        // twice, because the second answer comes from memory where there is one
        assert_eq!(balance(&store, wallet).await, balance(&store, wallet).await);
    }
    let audit = sound(&store).await;
    assert_eq!((audit.held.0, audit.lightning.0), (60 * 210, 60 * 305 - 60 * 500));
    assert_eq!((audit.operator.0, audit.alarms), (-400_000, 0));
}

async fn s03_the_books_are_right_at_every_moment_of_the_traffic(store: Store) {
    let wallets = four_wallets(&store).await;
    let over = Arc::new(AtomicBool::new(false));
    let checker = tokio::spawn({
        let (store, over) = (store.clone(), Arc::clone(&over));
        async move {
            while !over.load(Ordering::Relaxed) {
                assert_sound(&store.audit().await.unwrap());
            }
        }
    });
    for round in 0..6 {
        at_once(70, |number| something(store.clone(), wallets.clone(), number + round)).await;
    }
    over.store(true, Ordering::Relaxed);
    checker.await.unwrap();
}

/// Follows the outbox while there is traffic; answers how many events were seen and how many there are.
/// `whose` chooses the events, as a consumer does that serves one wallet.
async fn follow(store: Store, wallets: Vec<WalletId>, whose: Option<WalletId>) -> (usize, usize) {
    let start = store.event_last().await.unwrap();
    let mine = move |event: &Event| whose.as_ref().is_none_or(|wallet| event.wallet_id == *wallet);
    let over = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (store, over, mine) = (store.clone(), Arc::clone(&over), mine.clone());
        async move {
            let (mut cursor, mut seen) = (start, 0);
            loop {
                let last_look = over.load(Ordering::Relaxed);
                let mut events = store.event_list(cursor, 10_000).await.unwrap();
                events.retain(&mine);
                seen += events.len();
                cursor = events.last().map_or(cursor, |event| event.id);
                if last_look && events.is_empty() {
                    return seen;
                }
            }
        }
    });
    for round in 0..6 {
        at_once(70, |number| something(store.clone(), wallets.clone(), number + round)).await;
    }
    over.store(true, Ordering::Relaxed);
    let written = store.event_list(start, 10_000).await.unwrap();
    (reader.await.unwrap(), written.iter().filter(|event| mine(event)).count())
}

async fn a_reader_with_a_cursor_misses_no_event_of_a_wallet(store: Store) {
    let wallets = four_wallets(&store).await;
    let (seen, written) = follow(store, wallets.clone(), Some(wallets[1].clone())).await;
    assert!(seen == written && written > 50, "{seen} of {written}");
}

async fn events_are_forgotten_by_age(store: Store) {
    let wallet = wallet_with(&store, 1000).await;
    let first = store.event_last().await.unwrap();
    let id = store.hold(an_attempt(&wallet, 10, 0)).await.unwrap().payment.id;
    let failure = failure(id);
    store.release(failure.clone()).await.unwrap();
    store.event_forget(failure.at).await.unwrap();
    let left = store.event_list(0, 10).await.unwrap();
    assert_eq!(left.iter().map(|event| event.payment_id).collect::<Vec<_>>(), [Some(id)]);
    assert!(left[0].id > first && store.event_last().await.unwrap() == left[0].id);
    store.event_forget(failure.at.plus_seconds(1)).await.unwrap();
    // positions are never given twice, so that a cursor stays valid
    let another = store.hold(an_attempt(&wallet, 10, 0)).await.unwrap().payment.id;
    store.settle(settlement(another, 0)).await.unwrap();
    assert!(store.event_last().await.unwrap() > left[0].id);
}

async fn tampering_is_found(database: Database) {
    let store = &database.store;
    let (wallet, other) = (wallet_with(store, 1000).await, wallet_with(store, 1000).await);
    let id = store.hold(an_attempt(&other, 100, 0)).await.unwrap().payment.id;
    database.execute(&format!("UPDATE wallets SET balance_msat = 1001 WHERE id = '{wallet}'")).await.unwrap();
    database.execute(&format!("UPDATE payments SET hold_msat = 99 WHERE id = {}", id.0)).await.unwrap();
    let entry = format!("INSERT INTO entries VALUES ({}, 'late', 'lightning', 5, 0)", id.0);
    database.execute(&entry).await.unwrap();
    let audit = store.audit().await.unwrap();
    assert_eq!(audit.wrong_balances, [(wallet, Msat(1001), Msat(1000))]);
    assert_eq!((audit.all_entries, audit.unbalanced), (Msat(5), vec![id]));
    assert_eq!((audit.held, audit.in_flight), (Msat(100), Msat(99)));
}

#[tokio::test(flavor = "multi_thread")]
async fn tampering_is_found_on_sqlite() {
    tampering_is_found(Database::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tampering_is_found_on_postgres() {
    tampering_is_found(Database::postgres().await).await;
}
