//! The world outside of a network of play money.

use super::{Ledger, LedgerError};
use crate::domain::Msat;

impl Ledger {
    /// Is all money here play money, with a world outside that can be told to pay and to be paid?
    pub fn is_play_money(&self) -> bool {
        self.sources.current().is_ok_and(|source| source.outside().is_some())
    }

    /// Pays one of our invoices from outside.
    ///
    /// # Errors
    /// When the money is real, or the invoice cannot be paid.
    pub fn pay_from_outside(&self, bolt11: &str, amount: Option<Msat>) -> Result<(), LedgerError> {
        let source = self.sources.current()?;
        let outside = source.outside().ok_or_else(not_play_money)?;
        outside.pay(bolt11, amount).map_err(LedgerError::Invalid)
    }

    /// Makes an invoice of another node, for us to pay.
    ///
    /// # Errors
    /// When the money is real, or the invoice cannot be made.
    pub fn invoice_from_outside(&self, amount: Msat, memo: &str, expiry_seconds: u64) -> Result<String, LedgerError> {
        let source = self.sources.current()?;
        let outside = source.outside().ok_or_else(not_play_money)?;
        outside.issue(amount, memo, expiry_seconds).map_err(LedgerError::Invalid)
    }
}

fn not_play_money() -> LedgerError {
    LedgerError::Missing("A network of play money")
}
