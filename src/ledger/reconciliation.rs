//! What the node holds against what is owed, and where the two records tell different stories.
//!
//! A node's balance is no sum of payments: channels are opened, rebalanced, and paid for. So the balance alone proves
//! nothing. What does is the node's word on every payment that is open here, or was given up: each one of which the
//! node tells something else is a difference with a name.

use futures_util::{StreamExt, stream};

use super::{Ledger, LedgerError, invoice_ref};
use crate::{
    domain::{Kind, Msat, Payment, PaymentHash, Status},
    funding::{AttemptRef, InvoiceState, Outcome},
    sources::Named,
    store::types::Audit,
};

/// So far back payments that were given up are asked about, in seconds.
const BACK_SECONDS: i64 = 30 * 24 * 3600;
/// Most payments of one source that the node is asked about.
const MOST: i64 = 1000;
/// Questions at once.
const AT_ONCE: usize = 16;
/// How long the node may take to say how it is.
const WAIT: std::time::Duration = std::time::Duration::from_secs(5);

/// A payment of which the node tells another story than the ledger.
#[derive(Debug, Clone)]
pub struct Difference {
    /// Its payment hash.
    pub payment_hash: PaymentHash,
    /// What it is here.
    pub status: Status,
    /// Its amount here; negative for what leaves.
    pub amount: Msat,
    /// What the node says, for people.
    pub node_says: String,
    /// By how much the node holds more than the ledger knows of; negative when it holds less.
    pub difference: Msat,
}

/// A node against the books.
#[derive(Debug)]
pub struct Reconciliation {
    /// The source.
    pub source: String,
    /// What it holds; none when it did not answer.
    pub node: Option<Msat>,
    /// What is owed to users, what is held for payments in flight, and what waits in suspense.
    pub books: Audit,
    /// What the node holds beyond all that; negative when it holds less than is owed.
    pub spare: Option<Msat>,
    /// Payments of which the node tells something else.
    pub differences: Vec<Difference>,
    /// Payments that the node was asked about.
    pub asked: usize,
    /// Payments about which the node did not answer.
    pub unanswered: usize,
    /// False when there are more open payments than were asked about.
    pub complete: bool,
}

impl Ledger {
    /// Compares the books with every source that is open.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn reconciliation(&self) -> Result<Vec<Reconciliation>, LedgerError> {
        let mut reports = Vec::new();
        for source in self.sources.open() {
            reports.push(self.reconciled(&source).await?);
        }
        Ok(reports)
    }

    async fn reconciled(&self, source: &Named) -> Result<Reconciliation, LedgerError> {
        let books = self.store.audit().await?;
        let status = tokio::time::timeout(WAIT, source.status()).await;
        let node = status.ok().and_then(Result::ok).map(|status| status.balance);
        let since = self.now().plus_seconds(-BACK_SECONDS);
        let doubtful = self.store.source_doubtful(source.name.clone(), since, MOST).await?;
        let asked = doubtful.len();
        let told: Vec<_> = stream::iter(doubtful)
            .map(|payment| async move { self.difference(source, payment).await })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let unanswered = told.iter().filter(|told| told.is_err()).count();
        let differences = told.into_iter().filter_map(|told| told.ok().flatten()).collect();
        let owed = books.liabilities.0.saturating_add(books.held.0).saturating_add(books.suspense.0);
        Ok(Reconciliation {
            source: source.name.clone(),
            spare: node.map(|node| Msat(node.0.saturating_sub(owed))),
            node,
            books,
            differences,
            asked,
            unanswered,
            complete: i64::try_from(asked).is_ok_and(|asked| asked < MOST),
        })
    }

    /// What the node says of a payment that is open or given up here, where that is something else.
    async fn difference(&self, source: &Named, payment: Payment) -> Result<Option<Difference>, ()> {
        let told = match payment.kind {
            Kind::Invoice => {
                let asked = self.answered(source, "lookup_invoice", source.lookup_invoice(invoice_ref(&payment)));
                match asked.await.map_err(drop)?.map_err(drop)? {
                    InvoiceState::Paid { amount, .. } => Some((format!("paid: {amount} arrived"), amount)),
                    InvoiceState::Held { amount, .. } => Some((format!("held: {amount}"), Msat::ZERO)),
                    InvoiceState::Open | InvoiceState::Closed | InvoiceState::Unknown => None,
                }
            }
            _ => self.attempt_told(source, &payment).await?,
        };
        Ok(told.map(|(node_says, difference)| Difference {
            payment_hash: payment.payment_hash,
            status: payment.status,
            amount: payment.amount_msat,
            node_says,
            difference,
        }))
    }

    async fn attempt_told(&self, source: &Named, payment: &Payment) -> Result<Option<(String, Msat)>, ()> {
        // what was never handed over is no business of the node's
        let Some(dispatched_at) = payment.dispatched_at else { return Ok(None) };
        let attempt = AttemptRef {
            attempt: payment.id,
            payment_hash: payment.payment_hash.clone(),
            source_ref: payment.source_ref.clone(),
            dispatched_at: Some(dispatched_at),
        };
        let asked = self.answered(source, "lookup_payment", source.lookup_payment(attempt));
        let pending = payment.status == Status::Pending;
        Ok(match asked.await.map_err(drop)? {
            Outcome::Paid { fee, .. } => {
                let left = payment.amount_msat.0.saturating_sub(fee.0);
                Some((format!("paid, with {fee} for routing"), Msat(left)))
            }
            Outcome::Failed { reason, .. } if pending => Some((format!("failed: {reason}"), Msat::ZERO)),
            Outcome::InFlight { .. } if !pending => Some(("under way".to_owned(), payment.amount_msat)),
            Outcome::InFlight { .. } => Some(("under way; its money is held".to_owned(), Msat::ZERO)),
            Outcome::NotFound if pending => Some(("never seen".to_owned(), Msat::ZERO)),
            Outcome::Failed { .. } | Outcome::NotFound | Outcome::NotSent(_) => None,
            Outcome::Unknown(_) => return Err(()),
        })
    }
}
