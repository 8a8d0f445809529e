//! Entries of access lists, against the real route table: whatever is written there, no token gets what no token may
//! have, and whoever writes nonsense is told so.
//!
//! Run with `cargo +nightly fuzz run acl_entry`.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use satchel::{
    accounts::{
        acl,
        policy::{Catalogue, Family, RouteSet},
    },
    http,
};

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| http::catalogue(&http::table()));

fuzz_target!(|entry: &str| {
    let known = acl::compile_known(&CATALOGUE, &[entry]);
    assert!(CATALOGUE.allowed(Family::AclToken).covers(&known), "{entry:?} reaches beyond what tokens may have");
    match acl::compile(&CATALOGUE, &[entry]) {
        Ok(routes) => {
            assert_ne!(routes, RouteSet::default(), "{entry:?} was accepted and allows nothing");
            assert_eq!(routes, known);
        }
        Err(unknown) => {
            assert_eq!(known, RouteSet::default(), "{entry:?} was refused and allows something");
            assert!(unknown.to_string().contains("matches no endpoint"));
            for name in &unknown.nearest {
                assert!(acl::compile(&CATALOGUE, &[name]).is_ok(), "{name:?} was suggested and is none");
            }
        }
    }
});
