//! What payments are worth in their wallets' currencies, noted as they are made.
//!
//! Nothing here waits for a web service: the price is what is known at that moment, and where none is known none is
//! noted. A wallet's currency is remembered for a few seconds, so that payments do not read it each time.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Map, Value};

use super::Ledger;
use crate::{
    domain::{
        Msat, Payment, WalletId,
        fiat::{Currency, Quote, Source, VALUE_KEYS},
        payment::Annotations,
    },
    rates::Rates,
};

/// How long a wallet's currency is remembered that another server may have changed.
const KEPT: Duration = Duration::from_secs(5);
/// How many wallets' currencies are remembered.
const MOST: usize = 10_000;

/// Currencies of wallets, each with when it was read.
#[derive(Default)]
pub(super) struct Currencies(Mutex<HashMap<WalletId, (Option<Currency>, Duration)>>);

impl Ledger {
    /// The exchange rates.
    pub fn rates(&self) -> &Rates {
        &self.rates
    }

    /// Looks a wallet's currency up anew next time.
    pub fn forget_currency(&self, wallet: &WalletId) {
        self.currencies.0.lock().unwrap_or_else(PoisonError::into_inner).remove(wallet);
    }

    /// What the wallet's currency costs, if it has one and that is known.
    pub(super) async fn quote_of(&self, wallet: &WalletId) -> Option<Quote> {
        if self.limits().rates.source == Source::Off {
            return None;
        }
        self.rates.known(self.currency_of(wallet).await?)
    }

    /// Notes what a payment is worth whose amount was not known when it was made. Its money is booked; should the note
    /// not be written, only the note is missing.
    pub(super) async fn note_worth(&self, payment: &Payment) {
        let mut extra = payment.extra_object();
        if VALUE_KEYS.iter().any(|key| extra.contains_key(*key)) {
            return;
        }
        let Some(quote) = self.quote_of(&payment.wallet_id).await else { return };
        quote.note_value(payment.amount_msat, &mut extra);
        let (extra, was) = (super::incoming::json(&extra), payment.extra.clone());
        if let Err(error) = self.store.payment_add_extra(payment.id, extra, was, self.clock.now()).await {
            tracing::warn!(payment = payment.id.0, %error, "what a payment is worth is not noted");
        }
    }

    async fn currency_of(&self, wallet: &WalletId) -> Option<Currency> {
        let now = self.clock.elapsed();
        let remembered = self.currencies.0.lock().unwrap_or_else(PoisonError::into_inner).get(wallet).copied();
        if let Some((currency, at)) = remembered
            && now.saturating_sub(at) < KEPT
        {
            return currency;
        }
        // without the currency the payment goes on; only the note is missing
        let found = self.store.wallet_find(wallet.clone()).await.ok()??;
        let currency = found.currency.as_deref().and_then(Currency::parse);
        let mut kept = self.currencies.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(wallet.clone(), (currency, now));
        currency
    }
}

/// A payment's `extra`: what the caller attached, and what the amount is worth by this quote.
pub(super) fn noted_extra(notes: &Annotations, amount: Msat, quote: Option<Quote>) -> Map<String, Value> {
    let mut extra = notes.stored_extra();
    for key in VALUE_KEYS {
        extra.remove(key);
    }
    // what the payer chooses is worth something once he has chosen
    if let Some(quote) = quote.filter(|_| !amount.is_zero()) {
        quote.note_value(amount, &mut extra);
    }
    if let Some(asked) = notes.asked {
        if quote.is_some_and(|quote| quote.currency == asked.quote.currency) {
            asked.note_as_value(&mut extra);
        } else {
            asked.note(&mut extra);
        }
    }
    extra
}
