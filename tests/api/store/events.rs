//! Listeners hear every event once, on both databases, whatever order the database numbers them in.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use satchel::{
    clock::Clock,
    events::{Channel, Events, Message},
    store::Store,
};
use tokio::sync::Notify;

use crate::{
    databases::on_both,
    store::fixtures::{an_invoice, at_once, transfer, wallet_with},
};

on_both!(listeners_of_many_wallets_hear_every_event_once);

/// Between two looks of a listener at whether all has been heard; what is heard twice comes within it.
const SILENCE: Duration = Duration::from_millis(500);
/// Looks before a listener gives up: far more than anything that works takes.
const LOOKS_MAX: usize = 240;
/// Two hundred transfers, each heard at both ends.
const EVENTS: usize = 400;

async fn listeners_of_many_wallets_hear_every_event_once(store: Store) {
    let payer = wallet_with(&store, 1_000_000).await;
    let mut payees = Vec::new();
    for _ in 0..8 {
        payees.push(wallet_with(&store, 1).await);
    }
    let bell = Arc::new(Notify::new());
    let events = Events::new(store.clone(), Clock::system(), Arc::clone(&bell));
    let (mut hearing, count) = (Vec::new(), Arc::new(AtomicUsize::new(0)));
    for wallet in payees.iter().chain([&payer]) {
        let mut subscription = events.subscribe(Channel::Wallet(wallet.clone())).await.unwrap();
        let count = Arc::clone(&count);
        hearing.push(tokio::spawn(async move {
            let (mut heard, mut looks) = (Vec::new(), 0);
            while looks < LOOKS_MAX {
                match tokio::time::timeout(SILENCE, subscription.next()).await {
                    Ok(Some(Message::Event(delivery))) => {
                        heard.push(delivery.payment.id);
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(Some(Message::Gap)) => panic!("a listener that listens has no gaps"),
                    Ok(None) => break,
                    Err(_) if count.load(Ordering::Relaxed) >= EVENTS => break,
                    Err(_) => looks += 1,
                }
            }
            heard
        }));
    }
    let running = tokio::spawn(async move { events.run().await });
    let outcomes = at_once(200, |number| {
        let (store, payer, bell) = (store.clone(), payer.clone(), Arc::clone(&bell));
        let payee = payees[number % payees.len()].clone();
        async move {
            let invoice = an_invoice(&payee, 10);
            store.invoice_create(invoice.clone()).await?;
            let done = store.transfer(transfer(&payer, &invoice)).await;
            bell.notify_waiters();
            done
        }
    })
    .await;
    assert!(outcomes.iter().all(Result::is_ok));
    let mut total = 0;
    for listener in hearing {
        let mut heard = listener.await.unwrap();
        let all = heard.len();
        heard.sort();
        heard.dedup();
        assert_eq!(heard.len(), all, "an event was heard twice");
        total += all;
    }
    assert_eq!(total, EVENTS);
    running.abort();
}
