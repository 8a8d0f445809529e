//! Every query, written once. These files are compiled twice, inside `store::sqlite` and inside
//! `store::postgres`, which name the database by their `Conn` and `Db`; nothing here may mention one.

use super::{Conn, Db};

pub(in crate::store) mod accounts;
mod balances;
pub(in crate::store) mod check;
pub(in crate::store) mod credentials;
pub(in crate::store) mod events;
mod kept;
pub(in crate::store) mod ledger;
mod listing;
pub(in crate::store) mod payments;
mod rows;
pub(in crate::store) mod shares;
pub(in crate::store) mod stats;
pub(in crate::store) mod wallets;
