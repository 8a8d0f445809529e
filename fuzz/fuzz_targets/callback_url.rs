//! Addresses that webhooks are sent to: what the operator's usual rules let through is an http address with a host that
//! has a name, and no credentials.
#![no_main]

use libfuzzer_sys::fuzz_target;
use satchel::{
    domain::webhook::CallbackRules,
    outbound::{check_callback, target},
};

fuzz_target!(|text: &str| {
    if check_callback(text, &CallbackRules::default()).is_ok() {
        let url = target(text).expect("what is allowed can be asked");
        assert!(matches!(url.scheme(), "http" | "https"), "{text:?} leads to {url}");
        assert!(url.username().is_empty() && url.password().is_none(), "{text:?} has credentials");
        let host = url.host_str().unwrap_or_default();
        assert!(host.contains('.') && host.parse::<std::net::IpAddr>().is_err(), "{text:?} leads to {host:?}");
    }
});
