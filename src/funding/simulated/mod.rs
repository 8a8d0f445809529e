//! A Lightning node that plays: the demo node of a fresh install, and the node that the tests run
//! against.
//!
//! Its invoices are real BOLT 11 invoices of a regtest network that nobody else is on, and its money is
//! worth nothing; in all else it behaves as a real node does, bad days included. What it has paid
//! and been paid is written to a journal before anybody is told, so that it tells the truth after a
//! crash. On the other side of it is the [outside world](crate::funding::OutsideWorld): one more node,
//! which pays our invoices and issues its own. What happens to a payment is decided by the memo of the
//! invoice ([`MEMOS`]) or, in tests, by a [`Script`].

mod books;
mod controls;
mod events;
mod fact;
mod holding;
mod issuer;
mod journal;
mod outgoing;
mod outside;
mod script;
#[cfg(test)]
mod tests;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{future::BoxFuture, stream::BoxStream};
use lightning_invoice::Currency;
use tokio::sync::watch;

use self::{
    books::{Books, Hold},
    controls::Controls,
    fact::Fact,
    issuer::Issuer,
    journal::Journal,
};
pub use self::{controls::Point, fact::Ending, script::MEMOS, script::Script};
use super::{
    AttemptRef, BadField, Capabilities, Driver, FundingSource, InvoiceError, InvoiceOrder, InvoiceRef, InvoiceState,
    IssuedInvoice, NodeStatus, Outcome, OutsideWorld, PaymentOrder, Positioned, Setup, SourceDown,
};
use crate::{
    clock::Clock,
    domain::{Msat, PaymentHash, ids::to_hex},
};

/// Chosen by name, for demonstrations, tests and benchmarks.
pub const DRIVER: Driver = Driver {
    class: "FakeWallet",
    name: "simulated",
    title: "Simulated node (play money)",
    fields: &[],
    open: |_, setup| open(setup).map_err(|down| BadField::new("lnbits_backend_wallet_class", down.0)),
};

/// The file in the source's home that remembers.
const JOURNAL: &str = "simulated-node.jsonl";

/// What a new node has: 0.01 play bitcoin.
pub const INITIAL_BALANCE: Msat = Msat(1_000_000_000);

/// How to open a node.
pub struct Options {
    /// Time and randomness.
    pub clock: Clock,
    /// Both node keys and all preimages follow from it. Whoever changes it can no longer be paid for
    /// the invoices issued before.
    pub secret: [u8; 32],
    /// The file that remembers; without one the node forgets everything when it is dropped.
    pub journal: Option<PathBuf>,
    /// What the node had before the first line of its journal.
    pub initial_balance: Msat,
    /// What the node can do.
    pub capabilities: Capabilities,
    /// The network of the invoices.
    pub network: Currency,
}

impl Options {
    /// A node of a regtest network (prefix `lnbcrt`) that can do everything, has [`INITIAL_BALANCE`], and keeps no
    /// journal.
    pub const fn new(clock: Clock, secret: [u8; 32]) -> Self {
        let (journal, capabilities, network) = (None, Capabilities::ALL, Currency::Regtest);
        Self { clock, secret, journal, initial_balance: INITIAL_BALANCE, capabilities, network }
    }
}

/// Opens the node that lives in the home, or one that forgets.
fn open(setup: &Setup) -> Result<Arc<dyn FundingSource>, SourceDown> {
    let options = match &setup.home {
        None => Options::new(setup.clock.clone(), setup.clock.bytes()),
        Some(home) => {
            let secret = home.vault.derived("simulated node");
            Options { journal: Some(home.folder.join(JOURNAL)), ..Options::new(setup.clock.clone(), secret) }
        }
    };
    Ok(SimulatedNode::open(options)?)
}

/// The simulated node.
pub struct SimulatedNode {
    clock: Clock,
    /// Issues the node's own invoices.
    issuer: Issuer,
    /// Issues those of the other node, the outside world.
    stranger: Issuer,
    books: Mutex<Books>,
    journal: Journal,
    network: Currency,
    /// Says that the books or the switches have changed.
    news: watch::Sender<()>,
    controls: Mutex<Controls>,
}

impl SimulatedNode {
    /// Opens a node and replays its journal.
    ///
    /// # Errors
    /// When the journal cannot be opened, is in use by another process, or holds something else than
    /// a journal.
    pub fn open(options: Options) -> Result<Arc<Self>, SourceDown> {
        let Options { clock, secret, journal, initial_balance, capabilities, network } = options;
        let mut books = Books::new(initial_balance);
        let journal = match journal {
            Some(path) => Journal::open(&path, |fact| books.apply(fact))?,
            None => Journal::in_memory(),
        };
        Ok(Arc::new(Self {
            clock,
            issuer: Issuer::new(&secret, "node", network.clone())?,
            stranger: Issuer::new(&secret, "outside", network.clone())?,
            books: Mutex::new(books),
            journal,
            network,
            news: watch::Sender::new(()),
            controls: Mutex::new(Controls::new(capabilities)),
        }))
    }

    /// The books as they are now: what has become due is over.
    fn books(&self) -> MutexGuard<'_, Books> {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        for fact in books.endings_due(self.clock.now()) {
            self.record(&mut books, fact);
        }
        books
    }

    /// Writes a fact down and makes it true. Nobody may be told before it is flushed, see [`Journal`].
    fn record(&self, books: &mut Books, fact: Fact) {
        self.journal.append(&fact);
        books.apply(fact);
        self.news.send_replace(());
    }

    /// Reads an answer off the books and waits until all it rests on is flushed.
    async fn answer<T>(&self, read: impl FnOnce(&mut Books) -> T) -> Result<T, SourceDown> {
        self.reachable()?;
        let (answer, facts) = {
            let mut books = self.books();
            let answer = read(&mut books);
            (answer, self.journal.end())
        };
        self.journal.written(facts).await?;
        Ok(answer)
    }

    /// Whether the node works at present.
    fn reachable(&self) -> Result<(), SourceDown> {
        if self.controls().down {
            return Err(SourceDown("the node is not reachable".into()));
        }
        self.journal.works()
    }
}

impl FundingSource for SimulatedNode {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn capabilities(&self) -> Capabilities {
        self.controls().capabilities
    }

    fn status(&self) -> BoxFuture<'_, Result<NodeStatus, SourceDown>> {
        let (identity, network) = (to_hex(&self.issuer.node_id()), self.network.clone());
        Box::pin(self.answer(move |books| NodeStatus { balance: books.balance, identity, network }))
    }

    fn create_invoice(&self, order: InvoiceOrder) -> BoxFuture<'_, Result<IssuedInvoice, InvoiceError>> {
        Box::pin(async move {
            self.reachable()?;
            self.issuer.issue(&self.clock, order).map_err(InvoiceError::Refused)
        })
    }

    fn pay(&self, order: PaymentOrder) -> BoxFuture<'_, Outcome> {
        Box::pin(self.send(order))
    }

    fn lookup_payment(&self, attempt: AttemptRef) -> BoxFuture<'_, Outcome> {
        Box::pin(self.what_became_of(attempt))
    }

    /// An invoice without a receipt is open: invoices are not remembered, so that the node cannot tell
    /// one that it never issued, or that has expired, from one that nobody has paid yet.
    fn lookup_invoice(&self, invoice: InvoiceRef) -> BoxFuture<'_, Result<InvoiceState, SourceDown>> {
        let payment_hash = invoice.payment_hash;
        Box::pin(self.answer(move |books| match books.receipts.get(&payment_hash) {
            Some(receipt) => InvoiceState::Paid { amount: receipt.amount, preimage: Some(receipt.preimage) },
            None => match books.holds.get(&payment_hash) {
                Some(Hold::Held { amount, deadline }) => {
                    InvoiceState::Held { amount: *amount, deadline: Some(*deadline) }
                }
                Some(Hold::LetGo) => InvoiceState::Closed,
                None => InvoiceState::Open,
            },
        }))
    }

    fn settle_invoice(&self, preimage: [u8; 32]) -> BoxFuture<'_, Result<(), InvoiceError>> {
        Box::pin(self.settle_held(preimage))
    }

    fn cancel_invoice(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<(), InvoiceError>> {
        Box::pin(self.let_go(payment_hash))
    }

    fn events(&self, after: i64) -> BoxStream<'_, Result<Positioned, SourceDown>> {
        self.event_stream(after)
    }

    fn outside(&self) -> Option<&dyn OutsideWorld> {
        Some(self)
    }
}
