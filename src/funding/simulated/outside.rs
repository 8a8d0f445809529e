//! The rest of the network: one other node, which pays our invoices and issues its own.

use super::{SimulatedNode, fact::Fact};
use crate::{
    domain::{Msat, bolt11},
    funding::{Description, OutsideWorld},
};

impl OutsideWorld for SimulatedNode {
    /// Returns when the receipt is on disk, which takes as long as one flush.
    fn pay(&self, bolt11: &str, amount: Option<Msat>) -> Result<(), String> {
        self.reachable().map_err(|down| down.0)?;
        let invoice = bolt11::parse(bolt11).map_err(|error| error.0)?;
        let preimage = self.issuer.preimage(&invoice.parsed).ok_or("the invoice is not from this node")?;
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
            if books.receipts.contains_key(&invoice.payment_hash) {
                return Err("the invoice is paid already".into());
            }
            if invoice.expires_at <= self.clock.now() {
                return Err("the invoice has expired".into());
            }
            if books.balance.plus(amount).is_none_or(|balance| balance > Msat::MAX) {
                return Err("the node cannot hold that much".into());
            }
            let hash = invoice.payment_hash;
            self.record(&mut books, Fact::Received { hash, amount, preimage });
            self.journal.end()
        };
        self.journal.written_blocking(facts).map_err(|down| down.0)
    }

    fn issue(&self, amount: Msat, memo: &str, expiry_seconds: u64) -> Result<String, String> {
        let description = Description::Text(memo.to_owned());
        self.stranger.issue(&self.clock, amount, description, expiry_seconds).map(|invoice| invoice.bolt11)
    }
}
