//! Headers of NIP-98 logins: whatever comes, it is refused with a word or is an event that somebody signed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use satchel::{accounts::nostr, domain::Time};

fuzz_target!(|header: &str| {
    let urls = ["http://127.0.0.1:5000/nostr".to_owned()];
    if let Ok(event) = nostr::parse(Some(header)) {
        let _ = nostr::check(&event, &urls, header.as_bytes(), Time::from_unix(1_800_000_000));
    }
    let _ = nostr::public_key(header);
});
