//! LNURL links of wallets: pay links, by which strangers pay a wallet (LUD-06), and withdraw links, by which they are
//! paid by it (LUD-03).
//!
//! A stranger who hands in an invoice is told at once that it will be paid. By then one use of the link is taken and
//! written down together with the invoice, in one transaction that matches only the link as the stranger saw it: of
//! many who come at once, each use serves one. The payment is made afterwards, by a task of the server's, under a
//! key that follows from the payment hash, so that however often it is tried it is made once; after a crash the job
//! tries it again. Only a payment that has failed for good gives the use back.

mod claims;
mod manage;
mod offers;
mod prices;

use std::sync::Arc;

pub use manage::{Change, Least, New};
pub use offers::{Issued, Offer, PAY_LINK, Success, Told, metadata};
use tokio::{runtime::Handle, sync::Semaphore};

use crate::{
    clock::Clock,
    domain::link::Link,
    ledger::{Ledger, LedgerError},
    outbound::NotAllowed,
    rates::NoRate,
    store::{Store, StoreError},
    vault::Vault,
};

/// Payments for links that are begun at once; others wait until the job comes to them.
const AT_ONCE: usize = 256;

/// Makes links and does what they promise. Cheap to clone.
#[derive(Clone)]
pub struct Links {
    store: Store,
    ledger: Ledger,
    vault: Vault,
    clock: Clock,
    runtime: Handle,
    turns: Arc<Semaphore>,
}

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// There is none such.
    #[error("Link does not exist.")]
    Missing,
    /// It makes no sense, or the link does not allow it. The text is for people.
    #[error("{0}")]
    Invalid(String),
    /// Receipts are not to be reported there.
    #[error(transparent)]
    Webhook(#[from] NotAllowed),
    /// Somebody else changed it at the same moment.
    #[error("The link was changed meanwhile; read it again.")]
    Changed,
    /// Nobody knows what its currency costs now.
    #[error(transparent)]
    NoRate(#[from] NoRate),
    /// No invoice can be made now.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The database is not available, or objects.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Links {
    /// Puts it together. Must be called on the runtime that is to carry its tasks.
    pub fn new(store: Store, ledger: Ledger, vault: Vault, clock: Clock) -> Self {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        Self { store, ledger, vault, clock, runtime: Handle::current(), turns }
    }

    /// Is the wallet there, and its account open? Else nothing goes in or out by its links.
    async fn has_owner(&self, link: &Link) -> Result<(), LinkError> {
        let wallet = self.store.wallet_find(link.wallet_id.clone()).await?.filter(|wallet| !wallet.deleted);
        let wallet = wallet.ok_or(LinkError::Missing)?;
        let account = self.store.account_find(wallet.account_id).await?;
        if account.is_some_and(|account| account.activated) { Ok(()) } else { Err(LinkError::Missing) }
    }
}
