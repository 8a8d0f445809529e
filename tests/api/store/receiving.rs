//! Money that arrives from other nodes, and invoices that expire.

use satchel::{
    domain::{Msat, PaymentId, Status, event::EventKind, payment::NewPayment},
    store::{Refusal, Store, types::Receipt},
};

use super::fixtures::{
    EXPIRY, NOW, an_attempt, an_invoice, at_once, balance, done, held, new_invoice, receipt, refusal, sound, status,
    transfer, wallet_with,
};
use crate::databases::on_both;

on_both! {
    s39_one_receipt_told_a_hundred_times_is_credited_once,
    what_arrived_counts_and_not_what_was_asked,
    s34_what_arrives_for_an_invoice_paid_inside_is_kept_apart,
    s38_what_arrives_after_expiry_is_credited,
    what_arrives_for_a_deleted_wallet_is_credited,
    a_receipt_for_nothing_of_ours_is_refused,
    an_invoice_expires_once_and_not_before_its_time,
    expired_and_received_at_once_the_wallet_gains,
    eight_who_look_for_work_at_once_never_take_the_same,
    what_is_put_off_comes_up_again_at_its_time,
    of_what_is_due_at_the_same_time_the_oldest_comes_first,
    a_label_given_while_its_invoice_expires_stays,
}

async fn s39_one_receipt_told_a_hundred_times_is_credited_once(store: Store) {
    let wallet = wallet_with(&store, 10).await;
    let invoice = new_invoice(&store, &wallet, 1000).await;
    let outcomes = at_once(100, |_| {
        let (store, receipt) = (store.clone(), receipt(&invoice, 1000));
        async move { store.receive(receipt).await }
    });
    let booked: Vec<_> =
        outcomes.await.into_iter().map(Result::unwrap).filter(|posted| !posted.balances.is_empty()).collect();
    assert_eq!(booked.len(), 1);
    assert_eq!(booked[0].payment.status, Status::Success);
    assert_eq!(balance(&store, &wallet).await, 1010);
    let events = store.event_list(0, 1000).await.unwrap();
    let gains: Vec<_> = events.iter().filter(|event| event.payment_id == Some(booked[0].payment.id)).collect();
    assert_eq!(
        gains.iter().map(|event| (event.kind, event.balance_msat.0)).collect::<Vec<_>>(),
        [(EventKind::PaymentReceived, 1010)]
    );
    let audit = sound(&store).await;
    assert_eq!((audit.lightning.0, audit.alarms), (-1000, 0));
}

async fn what_arrived_counts_and_not_what_was_asked(store: Store) {
    let wallet = wallet_with(&store, 0).await;
    let invoice = new_invoice(&store, &wallet, 1000).await;
    let receipt = Receipt { preimage_sealed: Some(vec![5]), ..receipt(&invoice, 1500) };
    let paid = store.receive(receipt).await.unwrap().payment;
    assert_eq!((paid.amount_msat.0, paid.preimage_sealed), (1500, Some(vec![5])));
    assert_eq!(balance(&store, &wallet).await, 1500);
    sound(&store).await;
}

async fn s34_what_arrives_for_an_invoice_paid_inside_is_kept_apart(store: Store) {
    let (payer, payee) = (wallet_with(&store, 1000).await, wallet_with(&store, 0).await);
    let invoice = new_invoice(&store, &payee, 1000).await;
    store.transfer(transfer(&payer, &invoice)).await.unwrap();
    let posted = store.receive(receipt(&invoice, 1000)).await.unwrap();
    assert!(posted.alarm.is_some() && posted.balances.is_empty());
    let again = store.receive(receipt(&invoice, 1000)).await.unwrap();
    assert!(again.alarm.is_none());
    assert_eq!(balance(&store, &payee).await, 1000);
    let audit = sound(&store).await;
    assert_eq!((audit.suspense.0, audit.lightning.0, audit.alarms), (1000, -1000, 1));
}

async fn s38_what_arrives_after_expiry_is_credited(store: Store) {
    let wallet = wallet_with(&store, 0).await;
    let invoice = an_invoice(&wallet, 1000);
    let id = store.invoice_create(invoice.clone()).await.unwrap();
    assert!(store.invoice_expire(id, EXPIRY).await.unwrap());
    assert_eq!(status(&store, id).await, Status::Failed);
    let posted = store.receive(receipt(&invoice, 1000)).await.unwrap();
    assert_eq!(posted.payment.status, Status::Success);
    assert_eq!(balance(&store, &wallet).await, 1000);
    sound(&store).await;
}

async fn what_arrives_for_a_deleted_wallet_is_credited(store: Store) {
    let wallet = wallet_with(&store, 0).await;
    let invoice = new_invoice(&store, &wallet, 1000).await;
    store.wallet_set_deleted(wallet.clone(), true, NOW).await.unwrap();
    store.receive(receipt(&invoice, 1000)).await.unwrap();
    assert_eq!(balance(&store, &wallet).await, 1000);
    sound(&store).await;
}

async fn a_receipt_for_nothing_of_ours_is_refused(store: Store) {
    let wallet = wallet_with(&store, 5000).await;
    let unknown = an_invoice(&wallet, 1000);
    assert!(matches!(refusal(store.receive(receipt(&unknown, 1000)).await), Refusal::Missing("invoice")));
    // a payment that goes out under that hash is not an invoice of ours either
    store
        .hold(NewPayment { payment_hash: unknown.payment_hash.clone(), ..an_attempt(&wallet, 1000, 0) })
        .await
        .unwrap();
    assert!(matches!(refusal(store.receive(receipt(&unknown, 1000)).await), Refusal::Missing("invoice")));
    assert_eq!(balance(&store, &wallet).await, 4000);
}

async fn an_invoice_expires_once_and_not_before_its_time(store: Store) {
    let wallet = wallet_with(&store, 0).await;
    let id = store.invoice_create(an_invoice(&wallet, 1000)).await.unwrap();
    assert!(!store.invoice_expire(id, EXPIRY.plus_seconds(-1)).await.unwrap());
    assert_eq!(status(&store, id).await, Status::Pending);
    let outcomes = at_once(16, |_| {
        let store = store.clone();
        async move { store.invoice_expire(id, EXPIRY).await.unwrap() }
    });
    assert_eq!(outcomes.await.into_iter().filter(|expired| *expired).count(), 1);
    let invoice = store.payment_find(id).await.unwrap().unwrap();
    assert_eq!((invoice.status, invoice.label_list()), (Status::Failed, vec!["expired".to_owned()]));
    assert_eq!(store.event_list(0, 10).await.unwrap().last().map(|event| event.kind), Some(EventKind::InvoiceExpired));
    assert!(!store.invoice_expire(PaymentId(404), EXPIRY).await.unwrap());
    let paid = new_invoice(&store, &wallet, 1000).await;
    let paid = store.receive(receipt(&paid, 1000)).await.unwrap().payment.id;
    assert!(!store.invoice_expire(paid, EXPIRY).await.unwrap());
    assert_eq!(status(&store, paid).await, Status::Success);
}

async fn expired_and_received_at_once_the_wallet_gains(store: Store) {
    let wallet = wallet_with(&store, 0).await;
    for round in 1..=20 {
        let invoice = an_invoice(&wallet, 1000);
        let id = store.invoice_create(invoice.clone()).await.unwrap();
        let outcomes = at_once(4, |number| {
            let (store, receipt) = (store.clone(), receipt(&invoice, 1000));
            async move {
                if number % 2 == 0 {
                    store.invoice_expire(id, EXPIRY).await.map(drop)
                } else {
                    store.receive(receipt).await.map(drop)
                }
            }
        });
        assert_eq!(done(outcomes.await), 4);
        assert_eq!((status(&store, id).await, balance(&store, &wallet).await), (Status::Success, round * 1000));
    }
    sound(&store).await;
}

async fn eight_who_look_for_work_at_once_never_take_the_same(store: Store) {
    let wallet = wallet_with(&store, 1_000_000).await;
    for number in 0..60 {
        let due = NOW.plus_seconds(number / 20);
        store.hold(NewPayment { next_check_at: Some(due), ..an_attempt(&wallet, 10, 0) }).await.unwrap();
    }
    let (now, lease) = (NOW.plus_seconds(10), NOW.plus_seconds(100));
    let takers = at_once(8, |_| {
        let store = store.clone();
        async move {
            let mut taken = Vec::new();
            // some rows may be another's by now, so that an empty hand does not mean the end
            for _ in 0..12 {
                taken
                    .extend(store.payment_take_due(now, lease, 7).await.unwrap().into_iter().map(|payment| payment.id));
            }
            taken
        }
    });
    let mut taken: Vec<_> = takers.await.into_iter().flatten().collect();
    let all = taken.len();
    taken.sort_unstable();
    taken.dedup();
    assert_eq!((all, taken.len()), (60, 60));
    for id in taken {
        let payment = store.payment_find(id).await.unwrap().unwrap();
        assert_eq!((payment.next_check_at, payment.checks), (Some(lease), 1));
    }
}

async fn what_is_put_off_comes_up_again_at_its_time(store: Store) {
    let wallet = wallet_with(&store, 5000).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(store.hold(an_attempt(&wallet, 1000, 0)).await.unwrap().payment.id);
    }
    let due = async |seconds| {
        let now = NOW.plus_seconds(seconds);
        let mut taken: Vec<_> = store
            .payment_take_due(now, now.plus_seconds(50), 10)
            .await
            .unwrap()
            .iter()
            .map(|payment| payment.id)
            .collect();
        taken.sort_unstable();
        taken
    };
    assert_eq!(due(-1).await, []);
    assert_eq!(due(0).await, ids);
    assert_eq!(due(49).await, []);
    store.payment_check_again(ids[0], Some(NOW.plus_seconds(5))).await.unwrap();
    store.payment_check_again(ids[1], None).await.unwrap();
    assert_eq!(due(6).await, [ids[0]]);
    assert_eq!(due(1000).await, [ids[0], ids[2]]);
    store.release(super::fixtures::failure(ids[2])).await.unwrap();
    // the end of a payment is the end of asking, whoever still wants to put it off
    store.payment_check_again(ids[2], Some(NOW)).await.unwrap();
    assert_eq!(due(10_000).await, [ids[0]]);
    assert_eq!(sound(&store).await.held, Msat(2000));
}

async fn of_what_is_due_at_the_same_time_the_oldest_comes_first(store: Store) {
    let wallet = wallet_with(&store, 20_000).await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(held(&store, &wallet, 1000, 0).await.id);
    }
    // a turn that was taken and put back is written behind the others
    for id in &ids[..10] {
        store.payment_check_again(*id, Some(NOW.plus_seconds(1))).await.unwrap();
        store.payment_check_again(*id, Some(NOW)).await.unwrap();
    }
    for expected in ids.chunks(5) {
        let taken = store.payment_take_due(NOW, NOW.plus_seconds(50), 5).await.unwrap();
        assert_eq!(taken.iter().map(|payment| payment.id).collect::<Vec<_>>(), expected);
    }
}

async fn a_label_given_while_its_invoice_expires_stays(store: Store) {
    let wallet = wallet_with(&store, 0).await;
    for _ in 0..40 {
        let id = store.invoice_create(an_invoice(&wallet, 1000)).await.unwrap();
        let outcomes = at_once(2, |number| {
            let store = store.clone();
            async move {
                if number == 0 {
                    store.payment_set_labels(id, "[\"rent\"]".into(), NOW).await
                } else {
                    store.invoice_expire(id, EXPIRY).await.map(|expired| assert!(expired))
                }
            }
        });
        assert_eq!(done(outcomes.await), 2);
        let labels = store.payment_find(id).await.unwrap().unwrap().label_list();
        assert_eq!(labels.first().map(String::as_str), Some("rent"), "{labels:?}");
    }
}
