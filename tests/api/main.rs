//! Everything that is tested from outside, in one binary: linking once is most of what tests cost.

mod databases;
mod harness;
mod ledger;
mod store;
mod story;
#[path = "../tidy.rs"]
mod tidy;
