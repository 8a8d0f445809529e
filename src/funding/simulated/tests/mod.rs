//! The node's own tests: a node on a seeded clock, and short words for what is done to it.

mod events;
mod incoming;
mod journal;
mod outgoing;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{MEMOS, Options, Point, Script, SimulatedNode};
use crate::{
    clock::Clock,
    domain::{
        Msat, PaymentHash, PaymentId, Time,
        bolt11::{self, Invoice},
    },
    funding::{
        AttemptRef, Capabilities, Description, FundingSource, InvoiceOrder, InvoiceState, IssuedInvoice, Outcome,
        OutsideWorld, Payee, PaymentOrder,
    },
};

const START: Time = Time::from_unix(1_800_000_000);
const SECRET: [u8; 32] = [42; 32];

fn clock() -> Clock {
    Clock::seeded(START, 7)
}

fn node_at(clock: &Clock) -> Arc<SimulatedNode> {
    SimulatedNode::open(Options::new(clock.clone(), SECRET)).unwrap()
}

fn node() -> Arc<SimulatedNode> {
    node_at(&clock())
}

impl SimulatedNode {
    async fn invoice(&self, amount: i64) -> IssuedInvoice {
        let description = Description::Text("a cup of tea".into());
        let order = InvoiceOrder { amount: Msat(amount), description, expiry_seconds: 3600, hold: None };
        self.create_invoice(order).await.unwrap()
    }

    /// An invoice from outside, read.
    fn foreign(&self, amount: i64, memo: &str) -> Invoice {
        bolt11::parse(&self.issue(Msat(amount), memo, 3600).unwrap()).unwrap()
    }

    /// Pays one of the node's invoices from outside.
    fn receive(&self, bolt11: &str, amount: Option<Msat>) -> Result<(), String> {
        OutsideWorld::pay(self, bolt11, amount)
    }

    /// Has the node pay.
    async fn spend(&self, order: PaymentOrder) -> Outcome {
        FundingSource::pay(self, order).await
    }

    async fn look(&self, hash: &PaymentHash, attempt: i64) -> Outcome {
        let question = AttemptRef {
            attempt: PaymentId(attempt),
            payment_hash: hash.clone(),
            source_ref: None,
            dispatched_at: Some(START),
        };
        self.lookup_payment(question).await
    }

    async fn balance(&self) -> i64 {
        self.status().await.unwrap().balance.0
    }
}

/// An order to pay what the invoice asks, with room for a fee of 1 %.
fn order(invoice: &Invoice, attempt: i64) -> PaymentOrder {
    let amount = invoice.amount.unwrap();
    let payee = Payee::Invoice(Box::new(invoice.clone()));
    PaymentOrder { attempt: PaymentId(attempt), payee, amount, fee_limit: Msat(amount.0 / 100) }
}

/// The fee of a payment that arrived, once its proof is checked.
fn fee_of(outcome: &Outcome, hash: &PaymentHash) -> Option<i64> {
    match outcome {
        Outcome::Paid { preimage, fee, .. } if PaymentHash::of(preimage) == *hash => Some(fee.0),
        _ => None,
    }
}

fn is_failure_of(outcome: &Outcome, number: i64) -> bool {
    matches!(outcome, Outcome::Failed { attempt, .. } if *attempt == PaymentId(number))
}

/// A file that is removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("satchel-node-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    fn open(&self, clock: &Clock) -> Arc<SimulatedNode> {
        let options = Options { journal: Some(self.0.clone()), ..Options::new(clock.clone(), SECRET) };
        SimulatedNode::open(options).unwrap()
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}
