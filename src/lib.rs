//! Satchel: many users, many wallets, one Lightning funding source.
//!
//! The map of the house. Arrows point down: nothing below calls anything above it.

pub mod accounts;
pub mod clock;
pub mod domain;
pub mod funding;
pub mod ledger;
pub mod store;
pub mod vault;
