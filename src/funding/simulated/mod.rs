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
    AttemptRef, Capabilities, FundingSource, InvoiceError, InvoiceOrder, InvoiceState, IssuedInvoice, NodeStatus,
    Outcome, OutsideWorld, PaymentOrder, Positioned, SourceDown,
};
use crate::{
    clock::Clock,
    domain::{Msat, PaymentHash},
};

/// The network of the invoices (prefix `lnbcrt`).
const NETWORK: Currency = Currency::Regtest;

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
}

impl Options {
    /// A node that can do everything, has [`INITIAL_BALANCE`], and keeps no journal.
    pub const fn new(clock: Clock, secret: [u8; 32]) -> Self {
        Self { clock, secret, journal: None, initial_balance: INITIAL_BALANCE, capabilities: Capabilities::ALL }
    }
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
        let Options { clock, secret, journal, initial_balance, capabilities } = options;
        let mut books = Books::new(initial_balance);
        let journal = match journal {
            Some(path) => Journal::open(&path, |fact| books.apply(fact))?,
            None => Journal::in_memory(),
        };
        Ok(Arc::new(Self {
            clock,
            issuer: Issuer::new(&secret, "node", NETWORK)?,
            stranger: Issuer::new(&secret, "outside", NETWORK)?,
            books: Mutex::new(books),
            journal,
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

    fn network(&self) -> Currency {
        NETWORK
    }

    fn capabilities(&self) -> Capabilities {
        self.controls().capabilities
    }

    fn status(&self) -> BoxFuture<'_, Result<NodeStatus, SourceDown>> {
        Box::pin(self.answer(|books| NodeStatus { balance: books.balance }))
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
    fn lookup_invoice(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, SourceDown>> {
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
