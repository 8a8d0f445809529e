//! Hold invoices at the node: what came in for them stays in between until the node is told.

use super::{SimulatedNode, books::Hold, fact::Fact, issuer::HOLD_CLTV_DELTA};
use crate::{
    domain::{Msat, PaymentHash},
    funding::InvoiceError,
};

/// Between two blocks, in seconds, more or less.
const BLOCK_SECONDS: i64 = 600;

impl SimulatedNode {
    /// Takes in money for a hold invoice, which then waits for a day at most. The caller writes it down and checked that
    /// nothing was paid before.
    pub(super) fn hold(&self, hash: PaymentHash, amount: Msat) -> Fact {
        let blocks = i64::try_from(HOLD_CLTV_DELTA).unwrap_or(0);
        let deadline = self.clock.now().plus_seconds(blocks.saturating_mul(BLOCK_SECONDS)).0;
        Fact::Held { hash, amount, deadline }
    }

    /// Takes the money that is held.
    pub(super) async fn settle_held(&self, preimage: [u8; 32]) -> Result<(), InvoiceError> {
        let hash = PaymentHash::of(&preimage);
        self.reachable()?;
        let facts = {
            let mut books = self.books();
            if !books.receipts.contains_key(&hash) {
                match books.holds.get(&hash) {
                    Some(Hold::Held { amount, .. }) => {
                        let amount = *amount;
                        self.record(&mut books, Fact::Received { hash, amount, preimage });
                    }
                    Some(Hold::LetGo) => return Err(InvoiceError::Refused("the invoice is cancelled".to_owned())),
                    None => return Err(InvoiceError::Refused("nobody has paid the invoice".to_owned())),
                }
            }
            self.journal.end()
        };
        Ok(self.journal.written(facts).await?)
    }

    /// Lets go of the invoice and of what is held for it.
    pub(super) async fn let_go(&self, hash: PaymentHash) -> Result<(), InvoiceError> {
        self.reachable()?;
        let facts = {
            let mut books = self.books();
            if books.receipts.contains_key(&hash) {
                return Err(InvoiceError::Refused("the invoice is settled".to_owned()));
            }
            if !matches!(books.holds.get(&hash), Some(Hold::LetGo)) {
                self.record(&mut books, Fact::LetGo { hash });
            }
            self.journal.end()
        };
        Ok(self.journal.written(facts).await?)
    }
}
