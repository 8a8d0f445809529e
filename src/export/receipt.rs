//! A receipt for one payment.

use super::{
    pdf::{Pages, Style},
    sat_text, worth,
};
use crate::domain::{Msat, Payment, Time, WalletId};

/// What a receipt is made of beside the payment.
pub struct Particulars {
    /// The site's name.
    pub site: String,
    /// The wallet.
    pub wallet: (WalletId, String),
    /// The preimage, hex.
    pub preimage: Option<String>,
    /// When the receipt is made.
    pub at: Time,
}

/// Writes the receipt of a payment that succeeded, as PDF.
pub fn write(payment: &Payment, of: &Particulars) -> Vec<u8> {
    let outgoing = payment.is_outgoing();
    let title = if outgoing { "Receipt for a payment sent" } else { "Receipt for a payment received" };
    let mut pages = Pages::new(&format!("{title} {}", payment.payment_hash));
    pages.line(Style::Title, title);
    pages.line(Style::Plain, &of.site);
    pages.space();
    pages.entry("Wallet", &of.wallet.1);
    pages.entry("", of.wallet.0.as_str());
    pages.entry("Time", &payment.created_at.to_string());
    pages.entry("Settled", &payment.updated_at.to_string());
    pages.entry("Status", payment.status.as_str());
    pages.space();
    pages.entry("Amount", &format!("{} sat", sat_text(payment.amount_msat.size())));
    pages.entry("Fee", &format!("{} sat", sat_text(payment.fee_msat)));
    let whole = Msat(payment.amount_msat.0.saturating_sub(payment.fee_msat.0));
    pages.entry("In all", &format!("{} sat", sat_text(whole)));
    if let Some((currency, value, price)) = worth(payment) {
        pages.entry("Value", &format!("{value} {currency}, at {price} {currency} for a bitcoin when it was made"));
    }
    pages.space();
    pages.entry("Memo", &payment.memo);
    if let Some(id) = &payment.external_id {
        pages.entry("External id", id);
    }
    pages.entry("Payment hash", payment.payment_hash.as_str());
    pages.entry("Preimage", of.preimage.as_deref().unwrap_or("not known"));
    if !payment.bolt11.is_empty() {
        pages.entry("Invoice", &payment.bolt11);
    }
    pages.space();
    pages.line(Style::Plain, "The SHA-256 of the preimage is the payment hash: who has it was paid, or paid.");
    pages.line(Style::Plain, &format!("Made on {}.", of.at));
    pages.finish(of.at)
}
