//! The things that store tests are about, and how they ask about them.

use std::{future::Future, sync::Arc};

use satchel::{
    clock::Clock,
    domain::{
        Account, AccountId, Kind, Msat, Payment, PaymentHash, PaymentId, Status, Time, Wallet, WalletId,
        payment::NewPayment,
    },
    store::{
        Refusal, Store, StoreError,
        types::{Acknowledgement, Adjustment, Audit, Failure, Receipt, Settlement, Transfer},
    },
};
use tokio::sync::Barrier;

/// When everything happens.
pub(super) const NOW: Time = Time::from_unix(1_795_000_000);
/// When invoices expire.
pub(super) const EXPIRY: Time = NOW.plus_seconds(3600);

pub(super) fn random<const N: usize>() -> [u8; N] {
    Clock::system().bytes()
}

pub(super) fn a_hash() -> PaymentHash {
    random::<32>().into()
}

/// An account that was not written yet.
pub(super) fn an_account() -> Account {
    Account::fresh(AccountId::from(random::<16>()), "lnbits", NOW)
}

pub(super) fn named(name: &str) -> Account {
    Account { username: Some(name.into()), username_key: Some(name.to_lowercase()), ..an_account() }
}

/// An empty wallet that was not written yet.
pub(super) fn a_wallet_of(account: &AccountId) -> Wallet {
    Wallet {
        id: WalletId::from(random::<16>()),
        account_id: account.clone(),
        name: "tea".into(),
        admin_key_hash: random::<32>().into(),
        admin_key_sealed: vec![1],
        invoice_key_hash: random::<32>().into(),
        invoice_key_sealed: vec![2],
        balance_msat: Msat::ZERO,
        currency: None,
        lightning_address: None,
        extra: "{}".into(),
        stored_paylinks: "[]".into(),
        deleted: false,
        created_at: NOW,
        updated_at: NOW,
        source_wallet_id: None,
    }
}

/// Writes an account with one empty wallet.
pub(super) async fn new_wallet(store: &Store) -> Wallet {
    let account = an_account();
    let wallet = a_wallet_of(&account.id);
    store.account_create(account, Some(wallet.clone())).await.unwrap();
    wallet
}

/// Writes a wallet that holds so many msat.
pub(super) async fn wallet_with(store: &Store, msat: i64) -> WalletId {
    let wallet = new_wallet(store).await.id;
    if msat > 0 {
        store.adjust(adjustment(&wallet, msat)).await.unwrap();
    }
    wallet
}

fn payment(wallet: &WalletId, kind: Kind, status: Status, hash: PaymentHash, msat: i64) -> NewPayment {
    NewPayment {
        wallet_id: wallet.clone(),
        kind,
        status,
        checking_id: hash.to_string(),
        bolt11: format!("lnbc{hash}"),
        payment_hash: hash,
        amount_msat: Msat(msat),
        fee_msat: Msat::ZERO,
        hold_msat: Msat::ZERO,
        fee_limit_msat: Msat::ZERO,
        memo: String::new(),
        preimage_sealed: None,
        expires_at: EXPIRY,
        webhook: None,
        tag: None,
        extension: None,
        labels: "[]".into(),
        extra: "{}".into(),
        external_id: None,
        source: "simulated".into(),
        source_ref: None,
        created_at: NOW,
        updated_at: NOW,
        next_check_at: None,
        idempotency: None,
    }
}

pub(super) fn an_invoice(wallet: &WalletId, msat: i64) -> NewPayment {
    let invoice = payment(wallet, Kind::Invoice, Status::Pending, a_hash(), msat);
    NewPayment { preimage_sealed: Some(vec![7; 8]), ..invoice }
}

/// Writes an open invoice.
pub(super) async fn new_invoice(store: &Store, wallet: &WalletId, msat: i64) -> NewPayment {
    let invoice = an_invoice(wallet, msat);
    store.invoice_create(invoice.clone()).await.unwrap();
    invoice
}

/// An attempt to pay somebody else so much, which routing may make dearer by `fee_limit`.
pub(super) fn an_attempt(wallet: &WalletId, msat: i64, fee_limit: i64) -> NewPayment {
    NewPayment {
        fee_msat: Msat(fee_limit),
        hold_msat: Msat(msat + fee_limit),
        fee_limit_msat: Msat(fee_limit),
        next_check_at: Some(NOW),
        ..payment(wallet, Kind::External, Status::Pending, a_hash(), -msat)
    }
}

/// Holds the money for an attempt.
pub(super) async fn held(store: &Store, wallet: &WalletId, msat: i64, fee_limit: i64) -> Payment {
    store.hold(an_attempt(wallet, msat, fee_limit)).await.unwrap().payment
}

/// The wallet pays the invoice.
pub(super) fn transfer(payer: &WalletId, invoice: &NewPayment) -> Transfer {
    let payment = NewPayment {
        checking_id: format!("internal_{}", invoice.payment_hash),
        bolt11: invoice.bolt11.clone(),
        ..payment(payer, Kind::Internal, Status::Success, invoice.payment_hash.clone(), -invoice.amount_msat.0)
    };
    Transfer { payment, bolt11: invoice.bolt11.clone(), amount: None }
}

/// The super user adds (or with a negative sum takes) so much.
pub(super) fn adjustment(wallet: &WalletId, msat: i64) -> Adjustment {
    let kind = if msat > 0 { Kind::TopUp } else { Kind::Debit };
    Adjustment { payment: payment(wallet, kind, Status::Success, a_hash(), msat) }
}

pub(super) fn settlement(id: PaymentId, fee: i64) -> Settlement {
    Settlement { id, fee: Msat(fee), preimage_sealed: vec![9; 8], source_ref: None, at: NOW.plus_seconds(60) }
}

pub(super) fn failure(id: PaymentId) -> Failure {
    Failure { id, reason: "no route".into(), at: NOW.plus_seconds(30) }
}

pub(super) fn receipt(invoice: &NewPayment, msat: i64) -> Receipt {
    let payment_hash = invoice.payment_hash.clone();
    Receipt { payment_hash, amount: Msat(msat), preimage_sealed: None, at: NOW.plus_seconds(90) }
}

/// What the wallet holds; what is remembered must be what is written.
pub(super) async fn balance(store: &Store, wallet: &WalletId) -> i64 {
    let written = store.wallet_balance(wallet.clone()).await.unwrap().unwrap();
    assert_eq!(store.balance(wallet).await.unwrap(), Some(written), "the remembered balance is not the written one");
    written.0
}

pub(super) async fn status(store: &Store, id: PaymentId) -> Status {
    store.payment_find(id).await.unwrap().unwrap().status
}

/// Proves that the books are right, and answers their totals.
pub(super) async fn sound(store: &Store) -> Audit {
    let audit = store.audit().await.unwrap();
    assert_sound(&audit);
    audit
}

pub(super) fn assert_sound(audit: &Audit) {
    assert_eq!(audit.all_entries, Msat::ZERO, "{audit:?}");
    assert_eq!(audit.wrong_balances, [], "{audit:?}");
    assert_eq!(audit.unbalanced, [], "{audit:?}");
    assert_eq!(audit.held, audit.in_flight, "{audit:?}");
    assert_eq!(audit.wrong_budgets, [], "{audit:?}");
    let all = [audit.liabilities, audit.held, audit.lightning, audit.operator, audit.suspense, audit.loss];
    assert_eq!(all.iter().map(|sum| sum.0).sum::<i64>(), 0, "{audit:?}");
}

/// Somebody takes note of every alarm.
pub(super) async fn acknowledge_all(store: &Store) {
    for alarm in store.audit().await.unwrap().open_alarms {
        store.alarm_acknowledge(acknowledgement(alarm.id)).await.unwrap();
    }
}

pub(super) fn acknowledgement(alarm: i64) -> Acknowledgement {
    Acknowledgement { id: alarm, by: random::<16>().into(), note: Some("looked".into()), at: NOW.plus_seconds(120) }
}

/// The rule that forbade it.
#[track_caller]
pub(super) fn refusal<T>(outcome: Result<T, StoreError>) -> Refusal {
    match outcome {
        Err(StoreError::Refused(refusal)) => refusal,
        Err(other) => panic!("not a refusal: {other}"),
        Ok(_) => panic!("it was done"),
    }
}

/// How many were done. Those that were not must have been refused by a rule: no lock, time-out or
/// constraint of the database may show.
#[track_caller]
pub(super) fn done<T>(outcomes: Vec<Result<T, StoreError>>) -> usize {
    let mut done = 0;
    for outcome in outcomes {
        match outcome {
            Ok(_) => done += 1,
            Err(StoreError::Refused(_)) => {}
            Err(other) => panic!("not a refusal: {other}"),
        }
    }
    done
}

/// Runs all of them, started at the same moment on all threads.
pub(super) async fn at_once<F, Fut>(how_many: usize, make: F) -> Vec<Fut::Output>
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output: Send + 'static> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(how_many));
    let tasks: Vec<_> = (0..how_many)
        .map(|number| {
            let (barrier, work) = (Arc::clone(&barrier), make(number));
            tokio::spawn(async move {
                barrier.wait().await;
                work.await
            })
        })
        .collect();
    let mut outcomes = Vec::with_capacity(how_many);
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}
