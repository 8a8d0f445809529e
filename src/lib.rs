//! Satchel: many users, many wallets, one Lightning funding source.
//!
//! The map of the house. Arrows point down: nothing below calls anything above it.

pub mod accounts;
pub mod app;
pub mod backup;
pub mod clock;
pub mod config;
pub mod domain;
pub mod events;
pub mod export;
pub mod funding;
pub mod http;
pub mod idempotency;
pub mod jobs;
pub mod keepsakes;
pub mod ledger;
pub mod links;
pub mod lnurl;
pub mod observe;
pub mod outbound;
pub mod push;
pub mod rates;
pub mod settings;
pub mod sources;
pub mod store;
pub mod trace;
pub mod vault;
pub mod webhooks;
