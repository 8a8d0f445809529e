//! The part of a payment that leaves the house: hand it to the node, and book what the node says.
//!
//! The order is the safety. 1. The hold is on disk. 2. The mark "handed to the node" is on disk. 3. The
//! node is told. 4. What the node says is booked. A crash before 2 is certain not to have sent
//! anything, and the hold is given back; a crash after 2 may have sent it, and only the node can tell.

use std::time::Duration;

use tracing::Instrument;

use super::{Ledger, LedgerError};
use crate::{
    domain::{Msat, Payment, PaymentHash, Time},
    funding::{AttemptRef, Outcome, Payee, PaymentOrder},
    sources::Named,
    store::{
        StoreError,
        types::{Failure, Posted, Settlement},
    },
    trace,
};

/// The longest that a payment can stay in flight after its invoice expired: 2016 blocks, the largest
/// expiry a route may add (BOLT 4), at ten minutes each.
const HTLC_LIFETIME_SECONDS: i64 = 2016 * 600;
/// How often a node must not know a payment before that counts as an answer.
const NOT_FOUND_TIMES: i64 = 2;
/// Between two tries to book what the node said: at first, and at most.
const BOOKING_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(10));
/// The longest pause between two questions about the same payment.
const PAUSE_MAX_SECONDS: i64 = 3600;

impl Ledger {
    /// Hands a held payment to the node and books the outcome. Answers the payment as it then stands.
    pub(super) async fn dispatch(
        &self,
        source: &Named,
        payment: Payment,
        payee: Payee,
        amount: Msat,
    ) -> Result<Payment, LedgerError> {
        let (id, fee_limit) = (payment.id, payment.fee_limit_msat);
        match self.store.payment_dispatch(id, self.clock.now()).await {
            Ok(true) => {}
            Ok(false) => return self.current(payment).await,
            Err(error) => {
                // nobody but this task would have told the node: with or without the mark, nothing was sent
                let reason = "the database failed before the payment was sent".to_owned();
                self.conclude_surely(&payment, Outcome::NotSent(reason)).await?;
                return Err(error.into());
            }
        }
        let paying = source.pay(PaymentOrder { attempt: id, payee, amount, fee_limit });
        let outcome = paying.instrument(trace::node(source.name(), "pay")).await;
        self.conclude_surely(&payment, outcome.clone()).await?;
        if let Outcome::NotSent(why) = outcome {
            return Err(LedgerError::SourceDown(why));
        }
        self.current(payment).await
    }

    /// Books what the node said to the one who paid, which nobody else heard and no later question may
    /// bring up again: tries until the database takes it, or the server stops and its tasks with it.
    async fn conclude_surely(&self, payment: &Payment, outcome: Outcome) -> Result<(), LedgerError> {
        let mut pause = BOOKING_PAUSE.0;
        loop {
            match self.conclude(payment, outcome.clone()).await {
                Err(LedgerError::Store(error)) if !matches!(error, StoreError::Refused(_)) => {
                    tracing::warn!(payment = payment.id.0, %error, "the node's word is not booked yet; trying again");
                }
                done => return done,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(BOOKING_PAUSE.1);
        }
    }

    /// Asks the node about an attempt and books what it says.
    pub(super) async fn ask_about_attempt(&self, payment: &Payment) -> Result<(), LedgerError> {
        if payment.dispatched_at.is_none() {
            return Ok(());
        }
        let attempt = AttemptRef {
            attempt: payment.id,
            payment_hash: payment.payment_hash.clone(),
            source_ref: payment.source_ref.clone(),
            dispatched_at: payment.dispatched_at,
        };
        // only the source that it was handed to knows what became of it
        let outcome = match self.sources.of(&payment.source) {
            Ok(source) => self.answered(&source, "lookup_payment", source.lookup_payment(attempt)).await,
            Err(closed) => Err(closed),
        };
        let outcome = outcome.unwrap_or_else(|down| Outcome::Unknown(down.0));
        self.conclude(payment, outcome).await
    }

    /// Books the node's word, if it is a definite word about this very attempt; else the payment stays
    /// as it is and is asked about again.
    pub(super) async fn conclude(&self, payment: &Payment, outcome: Outcome) -> Result<(), LedgerError> {
        match outcome {
            Outcome::Paid { preimage, .. } if PaymentHash::of(&preimage) != payment.payment_hash => {
                tracing::error!(
                    payment = payment.id.0,
                    "the source claims success with a wrong preimage; not believed"
                );
                self.ask_again(payment).await
            }
            Outcome::Paid { preimage, fee, source_ref } => {
                let preimage_sealed = self.seal_preimage(&payment.payment_hash, &preimage);
                let at = self.clock.now();
                let settlement = Settlement { id: payment.id, fee: fee.size(), preimage_sealed, source_ref, at };
                self.announce(&self.store.settle(settlement).await?);
                Ok(())
            }
            Outcome::Failed { attempt, reason } if attempt == payment.id => self.give_back(payment, reason).await,
            Outcome::NotSent(reason) => self.give_back(payment, reason).await,
            Outcome::NotFound if self.not_found_is_final(payment) => {
                self.give_back(payment, "the node never sent it".to_owned()).await
            }
            Outcome::InFlight { source_ref } => {
                if let Some(name) = source_ref.filter(|name| payment.source_ref.as_ref() != Some(name)) {
                    self.store.payment_set_source_ref(payment.id, name).await?;
                }
                self.ask_again(payment).await
            }
            Outcome::Failed { .. } | Outcome::NotFound | Outcome::Unknown(_) => self.ask_again(payment).await,
        }
    }

    async fn give_back(&self, payment: &Payment, reason: String) -> Result<(), LedgerError> {
        let failure = Failure { id: payment.id, reason, at: self.clock.now() };
        self.announce(&self.store.release(failure).await?);
        Ok(())
    }

    /// A node that does not know a payment is believed only if its memory is consistent, it was asked
    /// more than once, and nothing that was sent could still be under way.
    fn not_found_is_final(&self, payment: &Payment) -> bool {
        let dead = payment.expires_at.plus_seconds(HTLC_LIFETIME_SECONDS);
        let consistent =
            self.sources.of(&payment.source).is_ok_and(|source| source.capabilities().consistent_not_found);
        consistent && payment.checks >= NOT_FOUND_TIMES && self.clock.now() > dead
    }

    /// Puts the next question off: one second, then twice as long each time, up to an hour. There is no
    /// age at which the question is dropped.
    async fn ask_again(&self, payment: &Payment) -> Result<(), LedgerError> {
        let doublings = u32::try_from(payment.checks.clamp(0, 12)).unwrap_or(12);
        let pause = (1_i64 << doublings).min(PAUSE_MAX_SECONDS);
        self.store.payment_check_again(payment.id, Some(self.clock.now().plus_seconds(pause))).await?;
        Ok(())
    }

    pub(super) fn announce(&self, posted: &Posted) {
        if let Some(alarm) = &posted.alarm {
            tracing::error!(payment = posted.payment.id.0, alarm, "a payment needs a person");
        }
        self.bell.notify_waiters();
    }

    async fn current(&self, payment: Payment) -> Result<Payment, LedgerError> {
        Ok(self.store.payment_find(payment.id).await?.unwrap_or(payment))
    }

    /// Now, for those who schedule.
    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }
}
