//! Real Lightning: nodes inside the process, on a chain of their own.

mod play;
mod trio;

use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};

use satchel::{
    clock::Clock,
    domain::{Msat, PaymentId, bolt11},
    funding::{
        AttemptRef, Description, FundingSource, InvoiceOrder, InvoiceRef, InvoiceState, IssuedInvoice, Outcome, Payee,
        PaymentOrder,
    },
};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder in memory's file system, gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let parent = if PathBuf::from("/dev/shm").is_dir() { "/dev/shm".into() } else { std::env::temp_dir() };
        let name = satchel::domain::ids::to_hex(&Clock::system().bytes::<12>());
        let path: PathBuf = parent.join(format!("satchel-node-{name}"));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn invoice_order(amount: Msat) -> InvoiceOrder {
    InvoiceOrder { amount, description: Description::Text("coffee".into()), expiry_seconds: 900, hold: None }
}

fn order(attempt: i64, text: &str, fee_limit: Msat) -> PaymentOrder {
    let invoice = bolt11::parse(text).unwrap();
    let amount = invoice.amount.unwrap();
    PaymentOrder { attempt: PaymentId(attempt), payee: Payee::Invoice(Box::new(invoice)), amount, fee_limit }
}

fn question(order: &PaymentOrder) -> AttemptRef {
    let dispatched_at = Some(Clock::system().now());
    AttemptRef { attempt: order.attempt, payment_hash: order.payee.payment_hash(), source_ref: None, dispatched_at }
}

fn reference(issued: &IssuedInvoice) -> InvoiceRef {
    InvoiceRef {
        payment_hash: issued.payment_hash.clone(),
        source_ref: None,
        bolt11: issued.bolt11.clone(),
        issued_at: Clock::system().now(),
    }
}

/// Asks until it is so.
async fn until<T, F: Future<Output = T>>(what: &str, ask: impl Fn() -> F, so: impl Fn(&T) -> bool) -> T {
    let asking = async {
        loop {
            let answer = ask().await;
            if so(&answer) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("{what} does not come about"))
}

async fn until_paid(source: &dyn FundingSource, asked: &AttemptRef) -> Outcome {
    let ask = || source.lookup_payment(asked.clone());
    until("the payment", ask, |outcome| matches!(outcome, Outcome::Paid { .. })).await
}

async fn until_held(source: &dyn FundingSource, issued: &IssuedInvoice) -> InvoiceState {
    let ask = || async { source.lookup_invoice(reference(issued)).await.unwrap() };
    until("the money", ask, |state| matches!(state, InvoiceState::Held { .. })).await
}

async fn balance(source: &dyn FundingSource) -> Msat {
    source.status().await.unwrap().balance
}

/// A source that nobody else has any more is gone, threads and all, once its folder can be opened again.
async fn gone(source: Arc<dyn FundingSource>) {
    drop(source);
    tokio::time::sleep(Duration::from_millis(1500)).await;
}
