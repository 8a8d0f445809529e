//! From where a key is used: its owner can be told when that is a place that he does not know.

use diesel::prelude::{Insertable, Queryable};

use super::{AccountId, Time, WalletId};

/// A key, seen in use somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Where.
    pub place: KeyAddress,
    /// Whose key.
    pub account: AccountId,
    /// The one wallet that it opens; `None` for all that its owner has.
    pub wallet: Option<WalletId>,
    /// What its owner is told, as JSON.
    pub about: String,
}

/// Where a key is used.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable)]
#[diesel(table_name = crate::store::schema::key_addresses)]
pub struct KeyAddress {
    /// The key's name, never the key.
    pub key: String,
    /// An address; of IPv6 the network of 64 bits, all of which one caller has.
    pub address: String,
    /// When it was last used from there.
    pub seen_at: Time,
}
