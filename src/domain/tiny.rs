//! Short names for long addresses.

use diesel::prelude::{Insertable, Queryable, Selectable};

use super::{Time, WalletId};

/// A short name and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = crate::store::schema::tiny_urls)]
pub struct TinyUrl {
    /// The short name.
    pub id: String,
    /// The wallet that made it.
    pub wallet_id: WalletId,
    /// The address.
    pub url: String,
    /// What its maker said of how long it is to last; it lasts until he deletes it.
    pub endless: bool,
    /// When it was made.
    pub created_at: Time,
}
