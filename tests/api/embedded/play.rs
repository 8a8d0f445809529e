//! The network of a first run.

use std::sync::Arc;

use futures_util::StreamExt;
use lightning_invoice::Currency;
use satchel::{
    clock::Clock,
    domain::{Msat, PaymentHash, Status},
    funding::{
        Fields, FundingSource, Home, InvoiceOrder, InvoiceState, Outcome, Setup, SourceEvent, embedded::play::DRIVER,
    },
    vault::Vault,
};
use serde_json::json;

use super::{Folder, balance, gone, invoice_order, order, question, reference, until, until_held, until_paid};
use crate::harness::Plan;

fn open(folder: &Folder) -> Arc<dyn FundingSource> {
    let clock = Clock::system();
    let home = Home { folder: folder.0.clone(), vault: Vault::new([7; 32], clock.clone()) };
    (DRIVER.open)(&Fields::default(), &Setup { home: Some(home), ..Setup::new(clock) }).unwrap()
}

/// A channel is balanced, used both ways, and what was paid is the same to the millisatoshi after a restart.
#[tokio::test]
async fn it_pays_and_is_paid_and_goes_on_after_a_restart() {
    let folder = Folder::new();
    let source = open(&folder);
    let status = source.status().await.unwrap();
    assert_eq!(status.network, Currency::Regtest);
    assert!((4_900_000_000..=5_000_000_000).contains(&status.balance.0), "{}", status.balance);
    let outside = source.outside().unwrap();

    let theirs = outside.issue(Msat(1_234_567), "a book", 600).unwrap();
    let first = order(1, &theirs, Msat(1_000));
    let asked = question(&first);
    let Outcome::Paid { preimage, fee, .. } = FundingSource::pay(source.as_ref(), first.clone()).await else {
        panic!("it is not paid")
    };
    assert_eq!((PaymentHash::of(&preimage), fee), (first.payee.payment_hash(), Msat::ZERO));
    until("the balance", || balance(source.as_ref()), |now| now.0 == status.balance.0 - 1_234_567).await;

    let ours = source.create_invoice(invoice_order(Msat(7_654_321))).await.unwrap();
    assert!(outside.pay(&theirs, None).is_err(), "not an invoice of ours");
    outside.pay(&ours.bolt11, None).unwrap();
    let mut events = source.events(0);
    let received = loop {
        if let Some(Ok((_, SourceEvent::InvoicePaid { payment_hash, amount, preimage }))) = events.next().await {
            break (payment_hash, amount, preimage.map(|preimage| PaymentHash::of(&preimage)));
        }
    };
    assert_eq!(received, (ours.payment_hash.clone(), Msat(7_654_321), Some(ours.payment_hash.clone())));
    drop(events);
    let known = status.balance.0 - 1_234_567 + 7_654_321;
    until("the balance", || balance(source.as_ref()), |now| now.0 == known).await;
    gone(source).await;

    let source = open(&folder);
    let again = source.status().await.unwrap();
    assert_eq!((again.identity, again.balance), (status.identity, Msat(known)));
    assert!(matches!(until_paid(source.as_ref(), &asked).await, Outcome::Paid { .. }));
    let state = source.lookup_invoice(reference(&ours)).await.unwrap();
    assert!(matches!(state, InvoiceState::Paid { amount: Msat(7_654_321), .. }), "{state:?}");
    // what was told is told again from a position, and from nowhere else
    let mut events = source.events(1);
    assert!(matches!(events.next().await, Some(Ok((2, SourceEvent::InvoicePaid { .. })))));
    drop(events);
    gone(source).await;
}

#[tokio::test]
async fn s41_what_is_held_is_taken_or_goes_back() {
    let folder = Folder::new();
    let source = open(&folder);
    let before = balance(source.as_ref()).await;
    for (number, takes) in [(3_u8, true), (4, false)] {
        let preimage = [number; 32];
        let hold = Some(PaymentHash::of(&preimage));
        let issued = source.create_invoice(InvoiceOrder { hold, ..invoice_order(Msat(50_000_000)) }).await.unwrap();
        assert!(source.settle_invoice(preimage).await.is_err(), "nobody has paid it yet");
        source.outside().unwrap().pay(&issued.bolt11, None).unwrap();
        let held = until_held(source.as_ref(), &issued).await;
        assert!(matches!(held, InvoiceState::Held { amount: Msat(50_000_000), deadline: Some(_) }), "{held:?}");
        if takes {
            source.settle_invoice(preimage).await.unwrap();
            let ask = || async { source.lookup_invoice(reference(&issued)).await.unwrap() };
            until("the money", ask, |state| matches!(state, InvoiceState::Paid { amount: Msat(50_000_000), .. })).await;
            source.settle_invoice(preimage).await.unwrap();
            assert!(source.cancel_invoice(issued.payment_hash.clone()).await.is_err());
        } else {
            source.cancel_invoice(issued.payment_hash.clone()).await.unwrap();
            source.cancel_invoice(issued.payment_hash.clone()).await.unwrap();
            assert!(source.settle_invoice(preimage).await.is_err());
            assert_eq!(source.lookup_invoice(reference(&issued)).await.unwrap(), InvoiceState::Closed);
        }
    }
    until("the balance", || balance(source.as_ref()), |now| now.0 == before.0 + 50_000_000).await;
    gone(source).await;
}

/// A whole server on it, through the front door.
#[tokio::test]
async fn a_server_on_it_adds_up_to_the_millisatoshi() {
    let folder = Folder::new();
    let source = open(&folder);
    let before = balance(source.as_ref()).await;
    let server = Plan { source: Some(Arc::clone(&source)), ..Plan::sqlite() }.start().await;
    let wallet = server.wallet(100_000).await;
    let root = server.super_user().await;
    let body = json!({ "amount_msat": 21_000_000, "memo": "shoes" });
    let theirs = root.post("/admin/api/v1/simulation/invoice", body).await.ok();
    let theirs = theirs["bolt11"].as_str().unwrap();
    wallet.pay(theirs).await.ok();
    server.until(&wallet, crate::harness::hash_of(theirs).as_str(), Status::Success).await;
    let ours = wallet.new_invoice(5_000).await;
    root.post("/admin/api/v1/simulation/pay", json!({ "bolt11": ours["bolt11"] })).await.ok();
    server.until(&wallet, ours["payment_hash"].as_str().unwrap(), Status::Success).await;
    assert_eq!(wallet.balance().await, (100_000 - 21_000 + 5_000) * 1000);
    until("the balance", || balance(source.as_ref()), |now| now.0 == before.0 - 16_000_000).await;
    let report = root.get("/admin/api/v1/reconciliation").await.ok();
    assert_eq!(report[0]["differences"], json!([]), "{report:#}");
    server.assert_sound().await;
    drop(server.stop().await);
    gone(source).await;
}
