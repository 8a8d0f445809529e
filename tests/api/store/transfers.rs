//! Payments between two wallets of the server: all of it or nothing.

use satchel::{
    domain::{Kind, Status, WalletId, event::EventKind, payment::NewPayment},
    store::{Refusal, Store, types::Transfer},
};

use super::fixtures::{
    EXPIRY, NOW, adjustment, an_attempt, an_invoice, at_once, balance, done, new_invoice, receipt, refusal, sound,
    transfer, wallet_with,
};
use crate::databases::on_both;

on_both! {
    a_hash_is_issued_once,
    a_hash_wanted_by_many_at_once_is_issued_once,
    s28_a_transfer_moves_the_whole_amount_once,
    s33_fifty_wallets_pay_one_invoice_at_once_and_one_does,
    s32_one_wallet_pays_one_invoice_fifty_times_and_pays_once,
    transfers_in_opposite_directions_never_block_each_other,
    s04_transfers_from_a_wallet_that_affords_one_move_one,
    s06_a_transfer_of_all_the_wallet_holds_leaves_nothing,
    a_wallet_that_holds_too_little_pays_nothing,
    s36_a_wallet_that_pays_itself_neither_gains_nor_loses,
    s36_a_wallet_cannot_pay_itself_what_it_does_not_hold,
    s35_a_foreign_request_with_our_hash_is_not_ours_to_settle,
    s38_an_expired_invoice_is_not_paid_internally,
    nobody_pays_a_deleted_wallet,
    a_deleted_wallet_pays_nobody,
    an_unknown_hash_is_missing,
    s34_transferred_and_held_at_once_only_one_pays,
    s34_transferred_and_received_at_once_the_wallet_gains_once,
}

async fn events(store: &Store, wallet: &WalletId) -> Vec<(EventKind, i64)> {
    let events = store.event_list(0, 1000).await.unwrap();
    events
        .into_iter()
        .filter(|event| event.wallet_id == *wallet)
        .map(|event| (event.kind, event.balance_msat.0))
        .collect()
}

/// Nothing was written: balances, invoice, journal and outbox are what they were.
async fn untouched(store: &Store, payer: &WalletId, holds: i64, invoice: &NewPayment) {
    assert_eq!(balance(store, payer).await, holds);
    let found = store.invoice_by_hash(invoice.payment_hash.clone()).await.unwrap().unwrap();
    assert_eq!((found.status, found.updated_at), (Status::Pending, NOW));
    assert_eq!(store.attempt_by_hash(invoice.payment_hash.clone()).await.unwrap(), None);
    assert!(events(store, payer).await.iter().all(|(kind, _)| *kind == EventKind::PaymentReceived));
    sound(store).await;
}

async fn a_hash_is_issued_once(store: Store) {
    let (one, other) = (wallet_with(&store, 0).await, wallet_with(&store, 0).await);
    let invoice = new_invoice(&store, &one, 1000).await;
    for wallet in [one, other] {
        let again = NewPayment { wallet_id: wallet, ..invoice.clone() };
        assert!(matches!(refusal(store.invoice_create(again).await), Refusal::Taken("payment hash")));
    }
}

async fn a_hash_wanted_by_many_at_once_is_issued_once(store: Store) {
    let invoice = an_invoice(&wallet_with(&store, 0).await, 1000);
    let outcomes = at_once(16, |_| {
        let (store, invoice) = (store.clone(), invoice.clone());
        async move { store.invoice_create(invoice).await }
    });
    assert_eq!(done(outcomes.await), 1);
}

async fn s28_a_transfer_moves_the_whole_amount_once(store: Store) {
    let (payer, payee) = (wallet_with(&store, 5000).await, wallet_with(&store, 100).await);
    let invoice = new_invoice(&store, &payee, 3000).await;
    let moved = store.transfer(transfer(&payer, &invoice)).await.unwrap();
    assert_eq!((balance(&store, &payer).await, balance(&store, &payee).await), (2000, 3100));
    assert_eq!(
        (moved.sent.kind, moved.sent.status, moved.sent.amount_msat.0),
        (Kind::Internal, Status::Success, -3000)
    );
    assert_eq!((moved.received.kind, moved.received.status), (Kind::Invoice, Status::Success));
    assert_eq!(moved.sent.preimage_sealed, invoice.preimage_sealed);
    for shown in [&moved.sent, &moved.received] {
        assert_eq!(store.payment_find(shown.id).await.unwrap().as_ref(), Some(shown));
    }
    assert_eq!(events(&store, &payer).await.last(), Some(&(EventKind::PaymentSent, 2000)));
    assert_eq!(events(&store, &payee).await.last(), Some(&(EventKind::PaymentReceived, 3100)));
    let again = refusal(store.transfer(transfer(&payer, &invoice)).await);
    assert!(matches!(again, Refusal::InvoiceNotOpen(found) if found.id == moved.received.id));
    assert_eq!(balance(&store, &payer).await, 2000);
    sound(&store).await;
}

async fn s33_fifty_wallets_pay_one_invoice_at_once_and_one_does(store: Store) {
    let payee = wallet_with(&store, 0).await;
    let invoice = new_invoice(&store, &payee, 700).await;
    let mut payers = Vec::new();
    for _ in 0..50 {
        payers.push(wallet_with(&store, 1000).await);
    }
    let outcomes = at_once(50, |number| {
        let (store, transfer) = (store.clone(), transfer(&payers[number], &invoice));
        async move { store.transfer(transfer).await }
    });
    assert_eq!(done(outcomes.await), 1);
    assert_eq!(balance(&store, &payee).await, 700);
    assert_eq!(sound(&store).await.liabilities.0, 50_000);
}

async fn s32_one_wallet_pays_one_invoice_fifty_times_and_pays_once(store: Store) {
    let (payer, payee) = (wallet_with(&store, 50_000).await, wallet_with(&store, 0).await);
    let invoice = new_invoice(&store, &payee, 700).await;
    let outcomes = at_once(50, |_| {
        let (store, transfer) = (store.clone(), transfer(&payer, &invoice));
        async move { store.transfer(transfer).await }
    });
    assert_eq!(done(outcomes.await), 1);
    assert_eq!((balance(&store, &payer).await, balance(&store, &payee).await), (49_300, 700));
    sound(&store).await;
}

async fn transfers_in_opposite_directions_never_block_each_other(store: Store) {
    let wallets = [wallet_with(&store, 1_000_000).await, wallet_with(&store, 1_000_000).await];
    let mut transfers = Vec::new();
    for number in 0..200 {
        let invoice = new_invoice(&store, &wallets[number % 2], 10).await;
        transfers.push(transfer(&wallets[(number + 1) % 2], &invoice));
    }
    let outcomes = at_once(200, |number| {
        let (store, transfer) = (store.clone(), transfers[number].clone());
        async move { store.transfer(transfer).await }
    });
    assert_eq!(done(outcomes.await), 200);
    for wallet in &wallets {
        assert_eq!(balance(&store, wallet).await, 1_000_000);
    }
    sound(&store).await;
}

async fn s04_transfers_from_a_wallet_that_affords_one_move_one(store: Store) {
    let (payer, payee) = (wallet_with(&store, 1000).await, wallet_with(&store, 0).await);
    let mut transfers = Vec::new();
    for _ in 0..50 {
        transfers.push(transfer(&payer, &new_invoice(&store, &payee, 900).await));
    }
    let outcomes = at_once(50, |number| {
        let (store, transfer) = (store.clone(), transfers[number].clone());
        async move { store.transfer(transfer).await }
    });
    assert_eq!(done(outcomes.await), 1);
    assert_eq!((balance(&store, &payer).await, balance(&store, &payee).await), (100, 900));
    sound(&store).await;
}

async fn s06_a_transfer_of_all_the_wallet_holds_leaves_nothing(store: Store) {
    let (payer, payee) = (wallet_with(&store, 1000).await, wallet_with(&store, 0).await);
    let invoice = new_invoice(&store, &payee, 1000).await;
    store.transfer(transfer(&payer, &invoice)).await.unwrap();
    assert_eq!((balance(&store, &payer).await, balance(&store, &payee).await), (0, 1000));
    sound(&store).await;
}

async fn a_wallet_that_holds_too_little_pays_nothing(store: Store) {
    // several pairs, because the order of two ids decides which wallet is asked first
    for _ in 0..6 {
        let (payer, payee) = (wallet_with(&store, 999).await, wallet_with(&store, 0).await);
        let invoice = new_invoice(&store, &payee, 1000).await;
        let outcome = refusal(store.transfer(transfer(&payer, &invoice)).await);
        assert!(matches!(outcome, Refusal::InsufficientBalance { needed } if needed.0 == 1000), "{outcome}");
        untouched(&store, &payer, 999, &invoice).await;
        assert_eq!(balance(&store, &payee).await, 0);
    }
}

async fn s36_a_wallet_that_pays_itself_neither_gains_nor_loses(store: Store) {
    let wallet = wallet_with(&store, 1000).await;
    let invoice = new_invoice(&store, &wallet, 1000).await;
    let moved = store.transfer(transfer(&wallet, &invoice)).await.unwrap();
    assert_eq!((moved.sent.status, moved.received.status), (Status::Success, Status::Success));
    assert!(moved.balances.iter().all(|balance| balance.1.0 == 1000));
    assert!(events(&store, &wallet).await.iter().all(|(_, balance)| *balance == 1000));
    assert_eq!(balance(&store, &wallet).await, 1000);
    sound(&store).await;
}

async fn s36_a_wallet_cannot_pay_itself_what_it_does_not_hold(store: Store) {
    let wallet = wallet_with(&store, 999).await;
    let invoice = new_invoice(&store, &wallet, 1000).await;
    let outcome = refusal(store.transfer(transfer(&wallet, &invoice)).await);
    assert!(matches!(outcome, Refusal::InsufficientBalance { .. }));
    untouched(&store, &wallet, 999, &invoice).await;
}

async fn s35_a_foreign_request_with_our_hash_is_not_ours_to_settle(store: Store) {
    let (payer, payee) = (wallet_with(&store, 5000).await, wallet_with(&store, 0).await);
    let invoice = new_invoice(&store, &payee, 1000).await;
    let wrapped = Transfer { bolt11: format!("{}x", invoice.bolt11), ..transfer(&payer, &invoice) };
    assert!(matches!(refusal(store.transfer(wrapped).await), Refusal::InvoiceNotOpen(_)));
    untouched(&store, &payer, 5000, &invoice).await;
}

async fn s38_an_expired_invoice_is_not_paid_internally(store: Store) {
    let (payer, payee) = (wallet_with(&store, 5000).await, wallet_with(&store, 0).await);
    let invoice = new_invoice(&store, &payee, 1000).await;
    let at = |moment| {
        let Transfer { payment, .. } = transfer(&payer, &invoice);
        Transfer { payment: NewPayment { created_at: moment, ..payment }, ..transfer(&payer, &invoice) }
    };
    assert!(matches!(refusal(store.transfer(at(EXPIRY)).await), Refusal::InvoiceNotOpen(_)));
    untouched(&store, &payer, 5000, &invoice).await;
    store.transfer(at(EXPIRY.plus_seconds(-1))).await.unwrap();
}

async fn nobody_pays_a_deleted_wallet(store: Store) {
    for _ in 0..6 {
        let (payer, payee) = (wallet_with(&store, 5000).await, wallet_with(&store, 0).await);
        let invoice = new_invoice(&store, &payee, 1000).await;
        store.wallet_set_deleted(payee.clone(), true, NOW).await.unwrap();
        assert!(matches!(refusal(store.transfer(transfer(&payer, &invoice)).await), Refusal::Missing("wallet")));
        untouched(&store, &payer, 5000, &invoice).await;
    }
}

async fn a_deleted_wallet_pays_nobody(store: Store) {
    let (payer, payee) = (wallet_with(&store, 5000).await, wallet_with(&store, 0).await);
    let invoice = new_invoice(&store, &payee, 1000).await;
    store.wallet_set_deleted(payer.clone(), true, NOW).await.unwrap();
    refusal(store.transfer(transfer(&payer, &invoice)).await);
    untouched(&store, &payer, 5000, &invoice).await;
}

async fn an_unknown_hash_is_missing(store: Store) {
    let payer = wallet_with(&store, 5000).await;
    let never_written = an_invoice(&payer, 1000);
    assert!(matches!(refusal(store.transfer(transfer(&payer, &never_written)).await), Refusal::Missing("invoice")));
    assert_eq!(balance(&store, &payer).await, 5000);
}

async fn s34_transferred_and_held_at_once_only_one_pays(store: Store) {
    let (payer, payee) = (wallet_with(&store, 1_000_000).await, wallet_with(&store, 0).await);
    for _ in 0..20 {
        let invoice = new_invoice(&store, &payee, 1000).await;
        let outcomes = at_once(8, |number| {
            let (store, inside) = (store.clone(), transfer(&payer, &invoice));
            let outside = NewPayment { payment_hash: invoice.payment_hash.clone(), ..an_attempt(&payer, 1000, 0) };
            async move {
                if number % 2 == 0 {
                    store.transfer(inside).await.map(drop)
                } else {
                    store.hold(outside).await.map(drop)
                }
            }
        });
        assert_eq!(done(outcomes.await), 1);
    }
    assert_eq!(balance(&store, &payer).await, 1_000_000 - 20 * 1000);
    sound(&store).await;
}

async fn s34_transferred_and_received_at_once_the_wallet_gains_once(store: Store) {
    let (payer, payee) = (wallet_with(&store, 1_000_000).await, wallet_with(&store, 0).await);
    for round in 1..=20 {
        let invoice = new_invoice(&store, &payee, 1000).await;
        let outcomes = at_once(4, |number| {
            let (store, inside, outside) = (store.clone(), transfer(&payer, &invoice), receipt(&invoice, 1000));
            async move {
                if number == 0 {
                    store.transfer(inside).await.map(drop)
                } else {
                    store.receive(outside).await.map(drop)
                }
            }
        });
        assert!(done(outcomes.await) >= 3, "a receipt was refused");
        assert_eq!(balance(&store, &payee).await, round * 1000);
    }
    let audit = sound(&store).await;
    let both_ways = (1_000_000 - balance(&store, &payer).await) / 1000;
    assert_eq!((audit.suspense.0, audit.alarms), (both_ways * 1000, both_ways));
    store.adjust(adjustment(&payee, -20_000)).await.unwrap();
}
