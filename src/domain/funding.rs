//! Funding sources as the store remembers them.

use diesel::prelude::{AsChangeset, Insertable, Queryable, Selectable};

use super::Time;

/// In place of a source's name: all of them.
pub const EVERY_SOURCE: &str = "*";

/// A funding source that is or was in use.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = crate::store::schema::funding_sources)]
pub struct UsedSource {
    /// What is written with each of its payments.
    pub name: String,
    /// The class of its driver.
    pub class: String,
    /// Its network (`mainnet`, `testnet`, `signet`, `regtest`).
    pub network: String,
    /// Who it says it is.
    pub identity: String,
    /// The settings that open it, sealed.
    pub settings_sealed: Vec<u8>,
    /// When it was chosen last.
    pub chosen_at: Time,
}
