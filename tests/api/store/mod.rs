//! What every database behind the store must do. Each body runs on SQLite and on PostgreSQL.

mod accounts;
mod alarms;
mod audit;
mod copy;
mod events;
mod fixtures;
mod funds;
mod listing;
mod model;
mod outgoing;
mod receiving;
mod schema;
mod stats;
mod transfers;
mod wallets;
