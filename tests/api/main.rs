//! Everything that is tested from outside, in one binary: linking once is most of what tests cost.

mod bolt11;
mod clients;
mod databases;
mod docker;
mod harness;
mod http;
mod ledger;
mod pages;
mod store;
mod story;
#[path = "../tidy.rs"]
mod tidy;
