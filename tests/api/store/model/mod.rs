//! s01, s02: stories of random steps, told to the store and to a model of it; after every step both
//! must say the same.

mod reference;

use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any},
    prop_oneof,
    test_runner::{TestCaseError, TestRunner},
};
use satchel::{
    domain::{
        AccountId, CredentialId, Msat, PaymentHash, PaymentId, Time, Wallet, WalletId,
        credential::{Budget, Period},
        filter::{LIMIT_MAX, Listing},
        limits::Terms,
        payment::{NewPayment, Scope},
    },
    store::{
        Refusal, Store, StoreError,
        types::{Audit, Failure, Held, HoldHere, Posted, Receipt, Settlement},
    },
};

use self::reference::{BUDGETS, Books, DONE, Reference, Step, VALID_SECONDS, Verdict};
use super::fixtures::{self, NOW, a_hash, a_wallet_of, an_account, assert_sound, random};
use crate::databases::Database;

const WALLETS: usize = 3;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = || any::<u8>().prop_map(usize::from);
    let msat = || prop_oneof![4 => 1..2000i64, 1 => Just(1000i64)];
    let fee = || prop_oneof![Just(0i64), Just(100i64), 0..300i64];
    let sum = prop_oneof![6 => 1..5000i64, 3 => -3000..0i64];
    let step = prop_oneof![
        4 => (number(), msat()).prop_map(|(wallet, msat)| Step::Invoice { wallet, msat }),
        1 => (number(), number()).prop_map(|(wallet, invoice)| Step::InvoiceAgain { wallet, invoice }),
        6 => (number(), number(), any::<u8>(), 0..=BUDGETS.len())
            .prop_map(|(payer, invoice, dice, spender)| Step::Transfer { payer, invoice, foreign: dice < 20, spender }),
        4 => (number(), msat(), fee(), 0..=BUDGETS.len())
            .prop_map(|(wallet, msat, fee_limit, spender)| Step::Hold { wallet, msat, fee_limit, spender }),
        3 => (number(), number(), msat()).prop_map(|(wallet, payment, msat)| Step::HoldAgain { wallet, payment, msat }),
        3 => number().prop_map(|payment| Step::Dispatch { payment }),
        2 => number().prop_map(|payment| Step::ReleaseUndispatched { payment }),
        6 => (number(), fee()).prop_map(|(payment, fee)| Step::Settle { payment, fee }),
        4 => number().prop_map(|payment| Step::Release { payment }),
        5 => (number(), msat()).prop_map(|(payment, msat)| Step::Receive { payment, msat }),
        2 => number().prop_map(|payment| Step::Expire { payment }),
        3 => (number(), msat()).prop_map(|(wallet, msat)| Step::HoldInvoice { wallet, msat }),
        4 => (number(), number(), 0..=BUDGETS.len())
            .prop_map(|(payer, invoice, spender)| Step::PayHeld { payer, invoice, spender }),
        2 => (number(), msat()).prop_map(|(payment, msat)| Step::Held { payment, msat }),
        4 => number().prop_map(|payment| Step::SettleHeld { payment }),
        3 => number().prop_map(|payment| Step::CancelHeld { payment }),
        5 => (number(), sum).prop_map(|(wallet, msat)| Step::Adjust { wallet, msat }),
        1 => number().prop_map(|wallet| Step::Delete { wallet }),
        2 => (1..70i64).prop_map(|seconds| Step::Wait { seconds }),
        1 => Just(Step::Wait { seconds: 86_400 }),
        3 => Just(Step::Acknowledge),
    ];
    vec(step, 1..60)
}

/// The store under test, and the names that the model's numbers stand for.
struct Story {
    store: Store,
    account: AccountId,
    wallets: Vec<WalletId>,
    payments: Vec<PaymentId>,
    hashes: Vec<PaymentHash>,
    /// The parent's and the child's, in the order of their ids.
    budgets: Vec<Budget>,
    model: Reference,
    before: Audit,
}

impl Story {
    async fn begin(store: Store) -> Self {
        // the stories share a database
        fixtures::acknowledge_all(&store).await;
        let before = store.audit().await.unwrap();
        let account = an_account();
        store.account_create(account.clone(), None).await.unwrap();
        let mut wallets: Vec<_> = (0..WALLETS).map(|_| WalletId::from(random::<16>())).collect();
        wallets.sort();
        for id in &wallets {
            store.wallet_create(Wallet { id: id.clone(), ..a_wallet_of(&account.id) }).await.unwrap();
        }
        let model = Reference::new(WALLETS);
        let mut credentials: Vec<_> = BUDGETS.iter().map(|_| CredentialId::from(random::<4>())).collect();
        credentials.sort();
        let limits = credentials.into_iter().zip(BUDGETS);
        let budgets = limits.map(|(credential, limit)| Budget { credential, limit: Msat(limit), period: Period::Day });
        let budgets = budgets.collect();
        Self { store, account: account.id, wallets, payments: Vec::new(), hashes: Vec::new(), budgets, model, before }
    }

    fn at(&self) -> Time {
        NOW.plus_seconds(self.model.seconds)
    }

    fn dated(&self, payment: NewPayment) -> NewPayment {
        let at = self.at();
        NewPayment { created_at: at, updated_at: at, expires_at: at.plus_seconds(VALID_SECONDS), ..payment }
    }

    /// Takes note of a payment that the store wrote.
    fn wrote(&mut self, id: PaymentId, hash: PaymentHash) -> Verdict {
        self.payments.push(id);
        self.hashes.push(hash);
        DONE
    }

    /// How the store's refusal reads in the model's words.
    fn refused(&self, error: StoreError) -> Verdict {
        match error {
            StoreError::Refused(refusal) => match refusal {
                Refusal::InsufficientBalance { needed } => Verdict::Insufficient { needed: needed.0 },
                Refusal::AlreadyAttempted(other) => {
                    Verdict::AlreadyAttempted { by: self.payments.iter().position(|id| *id == other.id).unwrap() }
                }
                Refusal::InvoiceNotOpen(_) => Verdict::NotOpen,
                Refusal::BudgetExceeded(spent) => Verdict::OverBudget { left: spent.left().0 },
                Refusal::Missing("leave to send") => Verdict::Stopped,
                Refusal::Missing(_) => Verdict::Missing,
                Refusal::Taken(_) => Verdict::Taken,
                Refusal::Done(_) | Refusal::Changed(_) | Refusal::HoldsMoney(_) => Verdict::Nothing,
                Refusal::HoldInvoice => Verdict::ToBeHeld,
                Refusal::Full | Refusal::BalanceAbove { .. } | Refusal::DayAbove { .. } | Refusal::TooSoon { .. } => {
                    panic!("{refusal}")
                }
            },
            other => panic!("{other}"),
        }
    }

    fn posted(&self, outcome: Result<Posted, StoreError>) -> Verdict {
        match outcome {
            Ok(Posted { alarm: Some(_), .. }) => Verdict::Done { alarm: true },
            Ok(Posted { balances, .. }) if balances.is_empty() => Verdict::Nothing,
            Ok(_) => DONE,
            Err(error) => self.refused(error),
        }
    }

    /// Takes one step in both worlds and compares how it ended. Steps about payments wait for the first.
    async fn take(&mut self, step: &Step) {
        let (expected, found) = match step {
            Step::Invoice { .. } | Step::InvoiceAgain { .. } | Step::Transfer { .. } => self.take_inside(step).await,
            Step::HoldInvoice { .. }
            | Step::PayHeld { .. }
            | Step::Held { .. }
            | Step::SettleHeld { .. }
            | Step::CancelHeld { .. } => self.take_held(step).await,
            Step::Adjust { wallet, msat } => {
                let wallet = wallet % WALLETS;
                let new = self.dated(fixtures::adjustment(&self.wallets[wallet], *msat).payment);
                let hash = new.payment_hash.clone();
                let found = match self.store.adjust(satchel::store::types::Adjustment { payment: new }).await {
                    Ok(posted) => self.wrote(posted.payment.id, hash),
                    Err(error) => self.refused(error),
                };
                (self.model.adjust(wallet, *msat).unwrap_or_else(|refused| refused), found)
            }
            Step::Delete { wallet } => {
                let wallet = wallet % WALLETS;
                let deleted = !self.model.deleted[&wallet];
                self.model.deleted.insert(wallet, deleted);
                self.store.wallet_set_deleted(self.wallets[wallet].clone(), deleted, self.at()).await.unwrap();
                (DONE, DONE)
            }
            Step::Wait { seconds } => {
                self.model.seconds += seconds;
                (DONE, DONE)
            }
            Step::Acknowledge => {
                fixtures::acknowledge_all(&self.store).await;
                self.model.stopped = false;
                (DONE, DONE)
            }
            _ => self.take_outside(step).await,
        };
        assert_eq!(found, expected, "the store (left) and the model (right) after {step:?}");
    }

    /// The payment that a step's number stands for.
    fn pick(&self, number: usize) -> Option<usize> {
        number.checked_rem(self.payments.len())
    }

    async fn take_inside(&mut self, step: &Step) -> (Verdict, Verdict) {
        match step {
            Step::Transfer { payer, invoice, foreign, spender } => {
                let Some(number) = self.pick(*invoice) else { return (DONE, DONE) };
                let (payer, hash) = (payer % WALLETS, self.model.rows[number].hash);
                let like = NewPayment {
                    payment_hash: self.hashes[hash].clone(),
                    ..fixtures::an_invoice(&self.wallets[payer], 1)
                };
                let like = NewPayment { bolt11: format!("lnbc{}", self.hashes[hash]), ..like };
                let mut transfer = fixtures::transfer(&self.wallets[payer], &like);
                transfer.payment = self.dated(transfer.payment);
                if *foreign {
                    transfer.bolt11.push('x');
                }
                let found = match self.store.transfer_within(transfer, self.within(*spender)).await {
                    Ok(moved) => self.wrote(moved.sent.id, self.hashes[hash].clone()),
                    Err(error) => self.refused(error),
                };
                (self.model.transfer(payer, hash, *foreign, *spender).unwrap_or_else(|refused| refused), found)
            }
            Step::Invoice { wallet, msat } => self.issue(wallet % WALLETS, *msat, None).await,
            Step::InvoiceAgain { wallet, invoice } => match self.pick(*invoice) {
                Some(number) => self.issue(wallet % WALLETS, 500, Some(self.model.rows[number].hash)).await,
                None => (DONE, DONE),
            },
            other => unreachable!("{other:?}"),
        }
    }

    async fn take_held(&mut self, step: &Step) -> (Verdict, Verdict) {
        if let Step::HoldInvoice { wallet, msat } = step {
            return self.issue_held(wallet % WALLETS, *msat).await;
        }
        let (Step::PayHeld { invoice: number, .. }
        | Step::Held { payment: number, .. }
        | Step::SettleHeld { payment: number }
        | Step::CancelHeld { payment: number }) = step
        else {
            unreachable!("{step:?}")
        };
        // nobody says these things of anything else
        let Some(number) = self.pick(*number).filter(|number| self.model.rows[*number].held.is_some()) else {
            return (DONE, DONE);
        };
        let (store, at, id, hash) =
            (self.store.clone(), self.at(), self.payments[number], self.model.rows[number].hash);
        match step {
            Step::PayHeld { payer, spender, .. } => {
                let (payer, amount) = (payer % WALLETS, Msat(self.model.rows[number].amount));
                let attempt = fixtures::an_attempt(&self.wallets[payer], amount.0, 0);
                let name = self.hashes[hash].clone();
                let like = NewPayment { payment_hash: name.clone(), source: "internal".into(), ..attempt };
                let payment = self.dated(like);
                let order = HoldHere { payment, bolt11: format!("lnbc{name}"), amount, deadline: at };
                let found = match store.hold_invoice_pay(order, Terms::default(), self.within(*spender)).await {
                    Ok(posted) => self.wrote(posted.payment.id, name),
                    Err(error) => self.refused(error),
                };
                (self.model.pay_held(payer, hash, *spender).unwrap_or_else(|refused| refused), found)
            }
            Step::Held { msat, .. } => {
                let held = Held { id, amount: Msat(*msat), deadline: None, check_at: at, at };
                let found = store.hold_invoice_held(held).await.unwrap();
                (self.model.held(number), if found { DONE } else { Verdict::Nothing })
            }
            Step::SettleHeld { .. } => {
                let found = store.hold_invoice_settle(id, vec![7; 8], at).await.unwrap();
                (self.model.settle_held(number), found.map_or(Verdict::Nothing, |posted| self.posted(Ok(posted))))
            }
            Step::CancelHeld { .. } => {
                let found = store.hold_invoice_cancel(id, "no more".into(), at).await.unwrap();
                (self.model.cancel_held(number), found.map_or(Verdict::Nothing, |_| DONE))
            }
            other => unreachable!("{other:?}"),
        }
    }

    async fn issue_held(&mut self, wallet: usize, msat: i64) -> (Verdict, Verdict) {
        let name = a_hash();
        let invoice = fixtures::an_invoice(&self.wallets[wallet], msat);
        let (bolt11, extra) = (format!("lnbc{name}"), r#"{"hold_invoice":true}"#.into());
        let invoice = NewPayment { payment_hash: name.clone(), bolt11, extra, preimage_sealed: None, ..invoice };
        let id = self.store.hold_invoice_create(self.dated(invoice)).await.unwrap();
        let done = self.model.create_invoice(wallet, msat, None);
        self.model.rows.last_mut().unwrap().held = Some(reference::Held::Nothing);
        (done, self.wrote(id, name))
    }

    async fn issue(&mut self, wallet: usize, msat: i64, hash: Option<usize>) -> (Verdict, Verdict) {
        let name = hash.map_or_else(a_hash, |hash| self.hashes[hash].clone());
        let invoice = fixtures::an_invoice(&self.wallets[wallet], msat);
        let invoice = self.dated(NewPayment { payment_hash: name.clone(), bolt11: format!("lnbc{name}"), ..invoice });
        let found = match self.store.invoice_create(invoice).await {
            Ok(id) => self.wrote(id, name),
            Err(error) => self.refused(error),
        };
        (self.model.create_invoice(wallet, msat, hash), found)
    }

    async fn take_outside(&mut self, step: &Step) -> (Verdict, Verdict) {
        if let Step::Hold { wallet, msat, fee_limit, spender } = step {
            return self.hold(wallet % WALLETS, *msat, *fee_limit, None, *spender).await;
        }
        let Some(number) = self.pick(match step {
            Step::HoldAgain { payment, .. }
            | Step::Dispatch { payment }
            | Step::ReleaseUndispatched { payment }
            | Step::Settle { payment, .. }
            | Step::Release { payment }
            | Step::Receive { payment, .. }
            | Step::Expire { payment } => *payment,
            other => unreachable!("{other:?}"),
        }) else {
            return (DONE, DONE);
        };
        let (store, at, id, hash) =
            (self.store.clone(), self.at(), self.payments[number], self.model.rows[number].hash);
        let failure = Failure { id, reason: "no route".into(), at };
        let whether = |done| if done { DONE } else { Verdict::Nothing };
        match step {
            Step::HoldAgain { wallet, msat, .. } => self.hold(wallet % WALLETS, *msat, 10, Some(hash), 0).await,
            Step::Dispatch { .. } => {
                (self.model.dispatch(number), whether(store.payment_dispatch(id, at).await.unwrap()))
            }
            Step::ReleaseUndispatched { .. } => {
                let found = whether(store.undispatched_release(failure).await.unwrap().is_some());
                (self.model.release_undispatched(number), found)
            }
            Step::Settle { fee, .. } => {
                let settlement = Settlement { at, ..fixtures::settlement(id, *fee) };
                let found = self.posted(store.settle(settlement).await);
                (self.model.settle(number, *fee), found)
            }
            Step::Release { .. } => {
                let found = self.posted(store.release(failure).await);
                (self.model.release(number), found)
            }
            Step::Receive { msat, .. } => {
                let payment_hash = self.hashes[hash].clone();
                let receipt = Receipt { payment_hash, amount: Msat(*msat), preimage_sealed: None, at };
                let found = self.posted(store.receive(receipt).await);
                (self.model.receive(hash, *msat), found)
            }
            // the ledger ends hold invoices in their own way
            Step::Expire { .. } if self.model.rows[number].held.is_some() => (DONE, DONE),
            Step::Expire { .. } => (self.model.expire(number), whether(store.invoice_expire(id, at).await.unwrap())),
            other => unreachable!("{other:?}"),
        }
    }

    fn within(&self, spender: usize) -> Vec<Budget> {
        self.budgets.iter().take(spender).cloned().rev().collect()
    }

    async fn hold(
        &mut self,
        wallet: usize,
        msat: i64,
        fee_limit: i64,
        hash: Option<usize>,
        spender: usize,
    ) -> (Verdict, Verdict) {
        let name = hash.map_or_else(a_hash, |hash| self.hashes[hash].clone());
        let attempt = fixtures::an_attempt(&self.wallets[wallet], msat, fee_limit);
        let attempt = self.dated(NewPayment { payment_hash: name.clone(), ..attempt });
        let found = match self.store.hold_within(attempt, self.within(spender)).await {
            Ok(posted) => self.wrote(posted.payment.id, name),
            Err(error) => self.refused(error),
        };
        (self.model.hold(wallet, msat, fee_limit, hash, spender).unwrap_or_else(|refused| refused), found)
    }

    /// Balances and payments are what the model says.
    async fn compare(&self) {
        let wallets = self.store.wallet_list(self.account.clone(), true).await.unwrap();
        for (number, id) in self.wallets.iter().enumerate() {
            let wallet = wallets.iter().find(|wallet| wallet.id == *id).unwrap();
            assert_eq!(wallet.balance_msat.0, self.model.balances[&number], "balance of wallet {number}");
            assert_eq!(
                self.store.balance(id).await.unwrap(),
                Some(wallet.balance_msat),
                "remembered balance of wallet {number}"
            );
        }
        let everything = Listing { limit: LIMIT_MAX, sort: Some(("payments.id", false)), ..Listing::default() };
        let payments = self.store.payment_list(Scope::Account(self.account.clone()), everything).await.unwrap();
        assert_eq!(payments.len(), self.model.rows.len());
        for (payment, row) in payments.iter().zip(&self.model.rows) {
            let found = (payment.status, payment.amount_msat.0, payment.fee_msat.0, payment.hold_msat.0);
            assert_eq!(found, (row.status, row.amount, row.fee, row.hold), "payment {payment:?}");
            assert_eq!((&payment.wallet_id, payment.kind), (&self.wallets[row.wallet], row.kind));
        }
        assert_eq!(self.model.conserved(), 0);
        for (number, budget) in self.budgets.iter().enumerate() {
            let found = self.store.budget_spent(budget.clone(), self.at()).await.unwrap().spent.0;
            let expected = self.model.spent.get(&(number, self.model.day())).copied().unwrap_or(0);
            assert_eq!(found, expected, "spent of budget {number}");
        }
    }

    /// The books are right, and they grew by what the model says.
    async fn end(self) {
        let after = self.store.audit().await.unwrap();
        assert_sound(&after);
        let grown = |of: fn(&Audit) -> Msat| of(&after).0 - of(&self.before).0;
        let books = Books {
            lightning: grown(|audit| audit.lightning),
            operator: grown(|audit| audit.operator),
            suspense: grown(|audit| audit.suspense),
            loss: grown(|audit| audit.loss),
            alarms: after.alarms - self.before.alarms,
        };
        assert_eq!(books, self.model.books);
    }
}

fn tell(database: Database, cases: u32, runtime: &tokio::runtime::Runtime) {
    let config =
        ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 500, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&steps(), |steps| {
        let told = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                let mut story = Story::begin(database.store.clone()).await;
                for step in &steps {
                    story.take(step).await;
                    story.compare().await;
                }
                story.end().await;
            });
        }));
        told.map_err(|panic| TestCaseError::fail(message(&*panic)))
    });
    drop(database);
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.unwrap_or_else(|| panic.downcast_ref::<&str>().map_or_else(|| "a panic".to_owned(), |text| (*text).to_owned()))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn s01_random_stories_end_alike_in_the_model_and_on_sqlite() {
    let runtime = runtime();
    tell(Database::sqlite(), 150, &runtime);
}

#[test]
fn s01_random_stories_end_alike_in_the_model_and_on_postgres() {
    let runtime = runtime();
    tell(runtime.block_on(Database::postgres()), 25, &runtime);
}
