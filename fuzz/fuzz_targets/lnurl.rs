//! LNURLs, lightning addresses and the URLs in them: whatever is read can be asked, and reads the same when it is
//! written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use satchel::{
    lnurl::{code, serve::Address},
    outbound::target,
};

fuzz_target!(|text: &str| {
    if let Ok(url) = code::read(text) {
        assert!(matches!(url.scheme(), "http" | "https"), "{text:?} leads to {url}");
        assert!(url.username().is_empty() && url.password().is_none(), "{text:?} has credentials");
        assert_eq!(target(url.as_str()).as_ref(), Ok(&url));
        if let Some(code) = code::encode(url.as_str()) {
            assert_eq!(code::read(&code).as_ref(), Ok(&url));
        }
    }
    let _ = code::address(text);
    let _ = target(text);
    if let Some(address) = Address::read(text, "host.example") {
        assert_eq!(Address::read(&address.user(), "host.example").as_ref(), Some(&address));
        assert!(address.metadata().starts_with("[[\"text/plain\", \"Payment to "));
    }
});
