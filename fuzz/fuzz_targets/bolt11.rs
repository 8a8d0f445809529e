//! Payment requests: a quick look and a full reading agree, and what is read is read the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use satchel::domain::{Msat, bolt11};

fuzz_target!(|text: &str| {
    let Ok(invoice) = bolt11::parse(text) else {
        let _ = bolt11::peek(text);
        return;
    };
    let peek = bolt11::peek(text).expect("what can be read can be looked at");
    assert_eq!((&peek.text, &peek.payment_hash), (&invoice.text, &invoice.payment_hash));
    assert!(invoice.amount.is_none_or(|amount| amount >= Msat::ZERO && amount <= Msat::MAX));
    let again = bolt11::parse(&invoice.text).expect("what was read is read again");
    assert_eq!((again.text, again.amount, again.expires_at), (invoice.text, invoice.amount, invoice.expires_at));
});
