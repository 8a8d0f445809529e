//! Every query, written once. These files are compiled twice, inside `store::sqlite` and inside
//! `store::postgres`, which name the database by their `Conn` and `Db` (and `NEWEST_ID`); nothing here may mention one.

use super::{Conn, Db, NEWEST_ID};

pub(in crate::store) mod accounts;
pub(in crate::store) mod alarms;
pub(in crate::store) mod audit;
mod balances;
pub(in crate::store) mod budgets;
pub(in crate::store) mod check;
pub(in crate::store) mod credentials;
pub(in crate::store) mod events;
pub(in crate::store) mod factors;
pub(in crate::store) mod funding;
pub(in crate::store) mod holds;
pub(in crate::store) mod idempotency;
pub(in crate::store) mod identities;
pub(in crate::store) mod keepsakes;
mod kept;
pub(in crate::store) mod ledger;
pub(in crate::store) mod links;
mod listing;
pub(in crate::store) mod payments;
mod places;
pub(in crate::store) mod push;
mod rows;
pub(in crate::store) mod sessions;
pub(in crate::store) mod settings;
pub(in crate::store) mod shares;
pub(in crate::store) mod sightings;
pub(in crate::store) mod stats;
pub(in crate::store) mod terms;
pub(in crate::store) mod tiers;
pub(in crate::store) mod users;
pub(in crate::store) mod wallets;
pub(in crate::store) mod webhooks;
