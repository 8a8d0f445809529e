//! Payments on paper: lists for spreadsheets, statements and receipts for people.

pub mod csv;
mod pdf;
pub mod receipt;
pub mod statement;

use serde_json::Value;

use crate::domain::{Msat, Payment};

/// Satoshi with three decimals: what people read, to the last millisatoshi.
fn sat_text(amount: Msat) -> String {
    let sign = if amount < Msat::ZERO { "-" } else { "" };
    let size = amount.size().0;
    format!("{sign}{}.{:03}", size / 1000, size % 1000)
}

/// What a payment was worth, as the server noted it when it was made: currency, amount, units for a bitcoin.
fn worth(payment: &Payment) -> Option<(String, String, String)> {
    let extra = payment.extra_object();
    let number = |key: &str| match extra.get(key) {
        Some(Value::Number(number)) => Some(plain(number)),
        _ => None,
    };
    let currency = extra.get("wallet_fiat_currency").and_then(Value::as_str)?;
    Some((currency.to_owned(), number("wallet_fiat_amount")?, number("wallet_btc_rate")?))
}

/// A number without an exponent.
fn plain(number: &serde_json::Number) -> String {
    let decimal = crate::domain::fiat::decimal(&Value::Number(number.clone()));
    decimal.map_or_else(|| number.to_string(), |decimal| decimal.normalize().to_string())
}

#[cfg(test)]
mod tests {
    use super::{Msat, sat_text};

    #[test]
    fn amounts_are_written_to_the_millisatoshi() {
        for (msat, text) in [(0, "0.000"), (1, "0.001"), (-1, "-0.001"), (-21_000, "-21.000"), (1_234_567, "1234.567")]
        {
            assert_eq!(sat_text(Msat(msat)), text);
        }
    }
}
