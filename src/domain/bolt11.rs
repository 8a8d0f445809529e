//! BOLT 11 payment requests: reading them, and what makes one payable here.

use std::str::FromStr;

use lightning_invoice::{
    Bolt11Invoice, Bolt11InvoiceDescriptionRef, Currency, RawTaggedField, SignedRawBolt11Invoice, TaggedField,
};

use super::{Msat, PaymentHash, Time};

/// The longest payment request that is looked at, in bytes. Real ones stay far below.
pub const MAX_LENGTH: usize = 7089;

/// Why a text is not a payment request. The text is for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAnInvoice(pub String);

/// What the text alone says: its checksum is right, its signature was not looked at.
///
/// Good for finding a request that this server issued itself, which is matched to the letter.
#[derive(Debug, Clone)]
pub struct Peek {
    /// The request in lower case, without `lightning:`.
    pub text: String,
    /// Field `p`.
    pub payment_hash: PaymentHash,
    /// What is asked, as far as that is an amount at all.
    pub amount: Option<Msat>,
}

/// A payment request whose signature is right.
#[derive(Debug, Clone)]
pub struct Invoice {
    /// The request in lower case, without `lightning:`.
    pub text: String,
    /// Field `p`.
    pub payment_hash: PaymentHash,
    /// What is asked; `None` leaves it to the payer.
    pub amount: Option<Msat>,
    /// Field `d`; empty when there is a description hash instead.
    pub description: String,
    /// From when on it is not to be paid.
    pub expires_at: Time,
    /// All of it.
    pub parsed: Bolt11Invoice,
}

/// The request without its URI scheme, in lower case.
///
/// # Errors
/// When it is empty, too long, or mixes upper and lower case.
pub fn normalize(text: &str) -> Result<String, NotAnInvoice> {
    let text = text.trim();
    let text = match text.split_at_checked(10) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("lightning:") => rest,
        _ => text,
    };
    if text.is_empty() {
        return Err(NotAnInvoice("the payment request is empty".into()));
    }
    if text.len() > MAX_LENGTH {
        return Err(NotAnInvoice(format!("a payment request has at most {MAX_LENGTH} characters")));
    }
    let mixed = text.chars().any(|c| c.is_ascii_lowercase()) && text.chars().any(|c| c.is_ascii_uppercase());
    if mixed {
        return Err(NotAnInvoice("a payment request is all lower or all upper case".into()));
    }
    Ok(text.to_ascii_lowercase())
}

/// Reads just enough to look the request up.
///
/// # Errors
/// When the text is not a BOLT 11 payment request.
pub fn peek(text: &str) -> Result<Peek, NotAnInvoice> {
    let text = normalize(text)?;
    let raw = SignedRawBolt11Invoice::from_str(&text).map_err(|error| NotAnInvoice(error.to_string()))?;
    let hash = raw.raw_invoice().payment_hash().ok_or_else(|| NotAnInvoice("it has no payment hash".into()))?;
    let bytes: &[u8; 32] = hash.0.as_ref();
    let amount = raw.raw_invoice().amount_pico_btc().and_then(|pico| i64::try_from(pico / 10).ok()).map(Msat);
    Ok(Peek { payment_hash: PaymentHash::from(*bytes), text, amount })
}

/// Reads and checks the whole request, signature included.
///
/// # Errors
/// When the text is not a BOLT 11 payment request that the specification allows.
pub fn parse(text: &str) -> Result<Invoice, NotAnInvoice> {
    let text = normalize(text)?;
    let raw = SignedRawBolt11Invoice::from_str(&text).map_err(|error| NotAnInvoice(error.to_string()))?;
    unambiguous(&raw, &text)?;
    let parsed = Bolt11Invoice::from_signed(raw).map_err(|error| NotAnInvoice(error.to_string()))?;
    let hash: &[u8; 32] = parsed.payment_hash().as_ref();
    let amount = match parsed.amount_milli_satoshis().map(i64::try_from) {
        None => None,
        Some(Ok(msat)) if msat <= Msat::MAX.0 => Some(Msat(msat)),
        Some(_) => return Err(NotAnInvoice("it asks for more than there is".into())),
    };
    let description = match parsed.description() {
        Bolt11InvoiceDescriptionRef::Direct(text) => text.to_string(),
        Bolt11InvoiceDescriptionRef::Hash(_) => String::new(),
    };
    let expires_at =
        parsed.expires_at().and_then(|at| i64::try_from(at.as_secs()).ok()).map_or(Time(i64::MAX), Time::from_unix);
    Ok(Invoice { payment_hash: PaymentHash::from(*hash), amount, description, expires_at, text, parsed })
}

/// Refuses what two readers could understand in two ways: one of them might pay what the other does not expect.
fn unambiguous(raw: &SignedRawBolt11Invoice, text: &str) -> Result<(), NotAnInvoice> {
    let invoice = raw.raw_invoice();
    let is_hash =
        |field: &&RawTaggedField| matches!(field, RawTaggedField::KnownSemantics(TaggedField::PaymentHash(_)));
    if invoice.data.tagged_fields.iter().filter(is_hash).count() > 1 {
        return Err(NotAnInvoice("it has more than one payment hash".into()));
    }
    // the parser takes an amount that overflows for none at all
    if invoice.hrp.raw_amount.is_some() && invoice.amount_pico_btc().is_none() {
        return Err(NotAnInvoice("it asks for more than there is".into()));
    }
    if raw.to_string() != text {
        return Err(NotAnInvoice("a number in it is not written in its shortest form".into()));
    }
    Ok(())
}

/// The network's name, as people know it.
pub fn network_name(currency: &Currency) -> &'static str {
    match currency {
        Currency::Bitcoin => "mainnet",
        Currency::BitcoinTestnet => "testnet",
        Currency::Regtest => "regtest",
        Currency::Simnet => "simnet",
        Currency::Signet => "signet",
    }
}

#[cfg(test)]
mod tests {
    use super::normalize;

    #[test]
    fn the_scheme_and_the_case_are_taken_away() {
        for text in ["lnbc1x", "LNBC1X", "lightning:lnbc1x", "LIGHTNING:LNBC1X", "Lightning:LNBC1X", "  lnbc1x\n"] {
            assert_eq!(normalize(text).as_deref(), Ok("lnbc1x"), "{text:?}");
        }
    }

    #[test]
    fn mixed_case_nothing_and_too_much_are_refused() {
        let (longest, longer) = ("a".repeat(super::MAX_LENGTH), "a".repeat(super::MAX_LENGTH + 1));
        assert_eq!(normalize(&longest).as_deref(), Ok(longest.as_str()));
        for text in ["lnbC1x", "LNBC1x", "lightning:LNBC1x", "", " ", "lightning:", &longer] {
            assert!(normalize(text).is_err(), "{text:?}");
        }
    }
}
