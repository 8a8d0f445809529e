//! Everything that is tested from outside, in one binary: linking once is most of what tests cost.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]
#![allow(clippy::pedantic, reason = "tests are read for what they say, not for how")]

mod bolt11;
mod browser;
mod clients;
mod credentials;
mod databases;
mod docker;
mod embedded;
mod harness;
mod http;
mod keepsakes;
mod ledger;
mod links;
mod lnurl;
mod observe;
mod pages;
mod papers;
mod push;
mod rates;
mod receiver;
mod settings;
mod sources;
mod store;
mod story;
#[path = "../tidy.rs"]
mod tidy;
mod webhooks;
