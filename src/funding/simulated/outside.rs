//! The rest of the network: one other node, which pays our invoices and issues its own.

use super::{SimulatedNode, fact::Fact};
use crate::{
    domain::{Msat, bolt11},
    funding::{Description, InvoiceOrder, OutsideWorld},
};

impl OutsideWorld for SimulatedNode {
    /// Returns when the receipt is on disk, which takes as long as one flush.
    fn pay(&self, bolt11: &str, amount: Option<Msat>) -> Result<(), String> {
        self.reachable().map_err(|down| down.0)?;
        let invoice = bolt11::parse(bolt11).map_err(|error| error.0)?;
        let preimage = self.issuer.preimage(&invoice.parsed);
        if preimage.is_none() && !self.issuer.holds(&invoice.parsed) {
            return Err("the invoice is not from this node".into());
        }
        let amount = match (amount, invoice.amount) {
            (None, None) => return Err("the invoice names no amount; say how much to pay".into()),
            (None, Some(asked)) => asked,
            (Some(amount), None) => amount,
            // BOLT 4 lets a sender pay up to twice what is asked
            (Some(amount), Some(asked)) if amount >= asked && amount.0 <= asked.0.saturating_mul(2) => amount,
            (Some(_), Some(asked)) => {
                return Err(format!("the invoice asks for {asked}; no less is accepted, and at most twice as much"));
            }
        };
        if amount <= Msat::ZERO || amount > Msat::MAX {
            return Err("there is no such amount to pay".into());
        }
        let facts = {
            let mut books = self.books();
            if books.receipts.contains_key(&invoice.payment_hash) || books.holds.contains_key(&invoice.payment_hash) {
                return Err("the invoice is paid already, or cancelled".into());
            }
            if invoice.expires_at <= self.clock.now() {
                return Err("the invoice has expired".into());
            }
            if books.balance.plus(amount).is_none_or(|balance| balance > Msat::MAX) {
                return Err("the node cannot hold that much".into());
            }
            let hash = invoice.payment_hash;
            let fact = match preimage {
                Some(preimage) => Fact::Received { hash, amount, preimage },
                None => self.hold(hash, amount),
            };
            self.record(&mut books, fact);
            self.journal.end()
        };
        self.journal.written_blocking(facts).map_err(|down| down.0)
    }

    fn issue(&self, amount: Msat, memo: &str, expiry_seconds: u64) -> Result<String, String> {
        let description = Description::Text(memo.to_owned());
        let order = InvoiceOrder { amount, description, expiry_seconds, hold: None };
        self.stranger.issue(&self.clock, order).map(|invoice| invoice.bolt11)
    }
}
