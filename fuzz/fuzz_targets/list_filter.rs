//! The query strings of lists: whatever is accepted stays within its bounds and names only columns that are known.
#![no_main]

use libfuzzer_sys::fuzz_target;
use satchel::domain::filter::{LIMIT_MAX, PAYMENTS};

fuzz_target!(|text: &str| {
    let pairs = text.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let query: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    match PAYMENTS.listing(&query) {
        Ok(listing) => {
            assert!((0..=LIMIT_MAX).contains(&listing.limit) && listing.offset >= 0, "{text:?}: {listing:?}");
            if let Some((column, _)) = &listing.sort {
                assert!(PAYMENTS.0.iter().any(|field| field.sql == *column), "{text:?} sorts by {column:?}");
            }
        }
        Err(bad) => assert!(!bad.parameter.is_empty() || text.contains("="), "{text:?} is refused without a name"),
    }
});
