//! The ledger: what may happen to money, and in which order.
//!
//! Why it is built the way it is: a payment over Lightning is a promise that another machine keeps or
//! breaks at a time of its own choosing, while requests are abandoned, processes are killed and answers
//! get lost. So no step relies on the one before it having been heard of. What is about to be sent is
//! held and on disk before the node is told; what the node says is booked by statements that can be
//! repeated; and where nobody knows, the money stays held and the question is asked again, for as long
//! as it takes.
//!
//! The ledger never sees a request, and no handler's own future moves money: work that must not be
//! cut off runs as a task of the server's (`Ledger::spawn`).

mod adjust;
mod alarms;
mod check;
mod dispatch;
mod error;
mod holds;
mod incoming;
mod keysend;
mod outgoing;
mod outside;
mod reconcile;
mod reconciliation;
mod records;
mod spending;
mod state;
mod worth;

use std::{future::Future, sync::Arc, time::Duration};

pub use alarms::{ALARMS, Alarm};
use arc_swap::Guard;
pub use check::Report;
pub use error::LedgerError;
pub use incoming::InvoiceRequest;
pub use keysend::KeysendRequest;
pub use outgoing::PayRequest;
pub use reconciliation::{Difference, Reconciliation};
pub use records::{DailyTotals, HistoryGroup, HistoryRow, WalletTotals};
pub use spending::Spent;
use tokio::{runtime::Handle, sync::Notify, task::JoinHandle};
use tracing::Instrument;

use crate::{
    clock::Clock,
    domain::{Msat, Payment, PaymentHash, WalletId, bolt11, limits::Limits},
    funding::{InvoiceRef, SourceDown},
    rates::Rates,
    settings::Settings,
    sources::{Named, Sources},
    store::Store,
    trace,
    vault::Vault,
};

/// How long the node may take to answer a question, or to issue an invoice. (How long a payment may take
/// is the node's own business.)
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// The name under which is recorded what concerns no node.
const HERE: &str = "internal";

/// Everything that moves money. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    store: Store,
    sources: Sources,
    vault: Vault,
    clock: Clock,
    settings: Settings,
    rates: Rates,
    /// Currencies of wallets.
    currencies: Arc<worth::Currencies>,
    runtime: Handle,
    /// Rung after every commit that wrote to the outbox.
    bell: Arc<Notify>,
}

impl Ledger {
    /// Puts the ledger together. Must be called on the runtime that is to carry its tasks.
    pub fn new(store: Store, sources: Sources, vault: Vault, clock: Clock, settings: Settings) -> Self {
        let rates = Rates::new(settings.clone(), clock.clone());
        let (currencies, runtime, bell) = (Arc::default(), Handle::current(), Arc::default());
        Self { store, sources, vault, clock, settings, rates, currencies, runtime, bell }
    }

    /// The operator's limits, as they are now.
    pub fn limits(&self) -> Guard<Arc<Limits>> {
        self.settings.limits()
    }

    /// Rings whenever there may be new events.
    pub fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.bell)
    }

    /// The network that invoices are for, as people know it; `none` while there is no funding source.
    pub fn network(&self) -> &'static str {
        self.sources.current().map_or("none", |source| bolt11::network_name(&source.network))
    }

    /// The funding source's name; `none` while there is none.
    pub fn source_name(&self) -> String {
        self.sources.current().map_or("none".to_owned(), |source| source.name.clone())
    }

    /// The name that is written with what concerns no node: the source's that is in use.
    fn source_label(&self) -> String {
        self.sources.current().map_or(HERE.to_owned(), |source| source.name.clone())
    }

    /// The funding sources.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// What a wallet holds; `None` when there is no such wallet.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn balance(&self, wallet: &WalletId) -> Result<Option<Msat>, LedgerError> {
        Ok(self.store.balance(wallet).await?)
    }

    /// The preimage of a payment, as hex, once it is known.
    pub fn preimage(&self, payment: &Payment) -> Option<String> {
        let sealed = payment.preimage_sealed.as_ref()?;
        let preimage = self.vault.open(sealed, &preimage_context(&payment.payment_hash))?;
        Some(crate::domain::ids::to_hex(&preimage))
    }

    fn seal_preimage(&self, hash: &PaymentHash, preimage: &[u8; 32]) -> Vec<u8> {
        self.vault.seal(preimage, &preimage_context(hash))
    }

    /// Runs work to its end, whatever becomes of whoever asked for it.
    fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.runtime.spawn(work.in_current_span())
    }

    /// The node's answer to a question, unless it takes too long.
    async fn answered<T>(
        &self,
        source: &Named,
        name: &'static str,
        question: impl Future<Output = T>,
    ) -> Result<T, SourceDown> {
        let late = |_| SourceDown("the node did not answer in time".to_owned());
        let question = question.instrument(trace::node(source.name(), name));
        tokio::time::timeout(ANSWER_WAIT, question).await.map_err(late)
    }

    /// Waits so long for work that goes on in any case; `None` when it is not done yet.
    async fn patience<T>(work: JoinHandle<T>, wait: Duration) -> Option<T> {
        tokio::time::timeout(wait, work).await.ok()?.ok()
    }
}

/// How a node is asked about an invoice that it issued.
fn invoice_ref(invoice: &Payment) -> InvoiceRef {
    InvoiceRef {
        payment_hash: invoice.payment_hash.clone(),
        source_ref: invoice.source_ref.clone(),
        bolt11: invoice.bolt11.clone(),
        issued_at: invoice.created_at,
    }
}

/// A sealed preimage opens only under its own payment hash.
fn preimage_context(hash: &PaymentHash) -> String {
    format!("preimage/{hash}")
}
