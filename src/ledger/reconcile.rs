//! What is open is asked about again, for as long as it is open; and what the node reports is booked.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::{task::JoinSet, time::sleep};

use super::{Ledger, LedgerError};
use crate::{
    domain::{Kind, Payment, PaymentHash, Status},
    funding::SourceEvent,
    sources::Named,
    store::types::Failure,
};

/// Between two looks at what is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Most questions that wait for the node's answer at once.
const QUESTIONS_MAX: usize = 256;
/// Nobody else takes up a payment for so long after one server did: longer than a question waits.
const LEASE_SECONDS: i64 = 60;

impl Ledger {
    /// Takes up what earlier runs of this server left open. Where no other server shares the
    /// database, nobody else can be at it, and every open attempt's turn is now.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn recover(&self) -> Result<usize, LedgerError> {
        if self.store.is_shared() {
            return Ok(0);
        }
        let open = self.store.payment_in_flight(i64::MAX).await?;
        for payment in &open {
            self.store.payment_check_again(payment.id, Some(self.now())).await?;
        }
        Ok(open.len())
    }

    /// Asks about everything whose turn it is, again and again. A question that the node leaves
    /// unanswered keeps no other one waiting.
    pub async fn ask_about_open(&self) {
        let mut questions = JoinSet::new();
        loop {
            while questions.try_join_next().is_some() {}
            match self.take_turns(QUESTIONS_MAX.saturating_sub(questions.len())).await {
                Ok(due) => {
                    for payment in due {
                        let ledger = self.clone();
                        questions.spawn(async move { ledger.ask(payment).await });
                    }
                }
                Err(error) => tracing::warn!(%error, "could not look at what is open; trying again"),
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Takes up at most so many of the payments whose turn it is.
    async fn take_turns(&self, most: usize) -> Result<Vec<Payment>, LedgerError> {
        let (now, most) = (self.now(), i64::try_from(most).unwrap_or(i64::MAX));
        Ok(self.store.payment_take_due(now, now.plus_seconds(LEASE_SECONDS), most).await?)
    }

    async fn ask(&self, payment: Payment) {
        // the turn that was taken counts as a question
        let payment = Payment { checks: payment.checks.saturating_add(1), ..payment };
        let asked = match (payment.kind, payment.status) {
            (Kind::Invoice, Status::Pending) => self.ask_about_invoice(&payment).await,
            (Kind::External, Status::Pending) if payment.dispatched_at.is_none() => self.release_unsent(&payment).await,
            (Kind::External, Status::Pending) => self.ask_about_attempt(&payment).await,
            _ => Ok(()),
        };
        if let Err(error) = asked {
            tracing::warn!(payment = payment.id.0, %error, "could not ask about a payment; it stays as it is");
        }
    }

    /// Whoever held the money never came to hand the payment to the node.
    async fn release_unsent(&self, payment: &Payment) -> Result<(), LedgerError> {
        let reason = "the server stopped before the payment was sent".to_owned();
        let failure = Failure { id: payment.id, reason, at: self.now() };
        if let Some(posted) = self.store.undispatched_release(failure).await? {
            self.announce(&posted);
        }
        Ok(())
    }

    /// Follows the node's own reports until the node is lost. The position is kept with the ledger, so
    /// that nothing is missed while nobody listens.
    ///
    /// # Errors
    /// When the node or the database is lost; then it is to be called again.
    pub async fn follow_source(&self, source: &Named) -> Result<(), LedgerError> {
        let cursor = format!("source/{}", source.name);
        let mut events = source.events(self.store.counter(cursor.clone()).await?);
        while let Some(event) = events.next().await {
            let (position, event) = event?;
            match event {
                SourceEvent::InvoicePaid { payment_hash, amount, preimage } => {
                    if self.receive(payment_hash.clone(), amount, preimage).await?.is_none() {
                        self.unrecorded(
                            &source.name,
                            &format!("the node received {amount} for an invoice"),
                            &payment_hash,
                        )
                        .await?;
                    }
                }
                SourceEvent::InvoiceHeld { payment_hash, amount, deadline } => {
                    if !self.held(&payment_hash, amount, deadline).await? {
                        self.unrecorded(
                            &source.name,
                            &format!("the node holds {amount} for an invoice"),
                            &payment_hash,
                        )
                        .await?;
                    }
                }
                SourceEvent::PaymentChanged { payment_hash } => {
                    self.ask_about_hash(&source.name, &payment_hash).await?;
                }
            }
            self.store.counter_raise(cursor.clone(), position).await?;
        }
        Ok(())
    }

    /// News of a payment hash is about the attempt that is in flight. Where none is and none succeeded,
    /// an attempt that was recorded as failed may have been paid after all, and is asked about as well.
    async fn ask_about_hash(&self, source: &str, hash: &PaymentHash) -> Result<(), LedgerError> {
        if let Some(attempt) = self.store.attempt_by_hash(hash.clone()).await? {
            return if attempt.status == Status::Pending { self.ask_about_attempt(&attempt).await } else { Ok(()) };
        }
        let mut attempts = self.store.payment_by_name(hash.to_string()).await?;
        attempts.retain(|attempt| attempt.kind == Kind::External);
        if attempts.is_empty() {
            return self.unrecorded(source, "the node sent a payment", hash).await;
        }
        for attempt in attempts {
            self.ask_about_attempt(&attempt).await?;
            // a source that tells attempts apart by their hash alone would say paid of each of them
            if self.store.attempt_by_hash(hash.clone()).await?.is_some() {
                break;
            }
        }
        Ok(())
    }
}
