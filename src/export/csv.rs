//! Payments as a table for spreadsheets (RFC 4180), in parts, so that a long history takes no more memory than a
//! short one.
//!
//! What people wrote into a payment cannot become a formula: a text that a spreadsheet would reckon with gets an
//! apostrophe before it.

use std::fmt::Write;

use super::{plain, sat_text, worth};
use crate::{
    domain::{Payment, PaymentId, Time, WalletId, filter::Listing, payment::Scope},
    ledger::{Ledger, LedgerError},
};

/// Payments of one part.
const PART: i64 = 500;

const HEAD: &str = "time,wallet_id,status,kind,amount_sat,fee_sat,currency,value,btc_price,asked_currency,asked_amount,\
    memo,tag,labels,external_id,payment_hash,checking_id\r\n";

/// A table on its way.
pub struct Table {
    ledger: Ledger,
    listing: Listing,
    /// What is still to come, the next last: each wallet by itself, so that its index finds the place.
    scopes: Vec<Scope>,
    place: (Time, PaymentId),
    begun: bool,
}

impl Table {
    /// The payments of a scope that match, whatever the listing's page and order: wallet by wallet, each from its first
    /// payment to its last.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn new(ledger: Ledger, scope: Scope, listing: Listing) -> Result<Self, LedgerError> {
        let listing = Listing { sort: None, limit: PART, offset: 0, ..listing };
        let wallets: Option<Vec<WalletId>> = match &scope {
            Scope::Account(account) => Some(ledger.wallets_of(account).await?),
            Scope::Wallets(wallets) => Some(wallets.clone()),
            Scope::Wallet(_) | Scope::All => None,
        };
        let scopes = match wallets {
            Some(wallets) => wallets.into_iter().rev().map(Scope::Wallet).collect(),
            None => vec![scope],
        };
        Ok(Self { ledger, listing, scopes, place: START, begun: false })
    }

    /// The next part; `None` after the last.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn next(&mut self) -> Result<Option<String>, LedgerError> {
        let mut text = String::new();
        if !std::mem::replace(&mut self.begun, true) {
            text.push_str(HEAD);
        }
        while let Some(scope) = self.scopes.last().cloned() {
            let payments = self.ledger.after(scope, self.listing.clone(), self.place, PART).await?;
            match payments.last() {
                Some(last) => self.place = (last.created_at, last.id),
                None => {
                    self.scopes.pop();
                    self.place = START;
                }
            }
            for payment in &payments {
                line(payment, &mut text);
            }
            if !text.is_empty() {
                return Ok(Some(text));
            }
        }
        Ok(Some(text).filter(|text| !text.is_empty()))
    }
}

/// Before every payment.
const START: (Time, PaymentId) = (Time(i64::MIN), PaymentId(i64::MIN));

fn line(payment: &Payment, text: &mut String) {
    let (currency, value, price) = worth(payment).unwrap_or_default();
    let extra = payment.extra_object();
    let asked_currency = extra.get("fiat_currency").and_then(serde_json::Value::as_str).unwrap_or_default();
    let asked_amount = match extra.get("fiat_amount") {
        Some(serde_json::Value::Number(number)) if !asked_currency.is_empty() => plain(number),
        _ => String::new(),
    };
    // a text takes what is written to it
    let _ = write!(
        text,
        "{},{},{},{},{},{},",
        payment.created_at,
        payment.wallet_id,
        payment.status.as_str(),
        payment.kind.as_str(),
        sat_text(payment.amount_msat),
        sat_text(payment.fee_msat),
    );
    let words = [
        (currency.as_str(), ","),
        (value.as_str(), ","),
        (price.as_str(), ","),
        (asked_currency, ","),
        (asked_amount.as_str(), ","),
        (payment.memo.as_str(), ","),
        (payment.tag.as_deref().unwrap_or_default(), ","),
        (&payment.label_list().join(" "), ","),
        (payment.external_id.as_deref().unwrap_or_default(), ","),
        (payment.payment_hash.as_str(), ","),
        (payment.checking_id.as_str(), "\r\n"),
    ];
    for (word, end) in words {
        cell(word, text);
        text.push_str(end);
    }
}

/// A cell that no spreadsheet reckons with, and that ends where it should.
fn cell(word: &str, text: &mut String) {
    let formula = word.trim_start().starts_with(['=', '+', '-', '@']) || word.starts_with(['\t', '\r', '\n']);
    if !formula && !word.contains([',', '"', '\r', '\n', ';', '\t']) {
        text.push_str(word);
        return;
    }
    text.push('"');
    if formula {
        text.push('\'');
    }
    text.push_str(&word.replace('"', "\"\""));
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn no_cell_is_a_formula_and_none_breaks_out() {
        for (word, expected) in [
            ("tea", "tea"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"x\"\nand y", "\"say \"\"x\"\"\nand y\""),
            ("=1+1", "\"'=1+1\""),
            ("  @SUM(A1)", "\"'  @SUM(A1)\""),
            ("-2", "\"'-2\""),
            ("+49 30", "\"'+49 30\""),
            ("\t=1", "\"'\t=1\""),
            ("1-2", "1-2"),
        ] {
            let mut text = String::new();
            cell(word, &mut text);
            assert_eq!(text, expected);
        }
    }
}
