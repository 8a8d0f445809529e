//! Wallets.

use diesel::prelude::{Insertable, Queryable, Selectable};
use serde::{Deserialize, Serialize};

use super::{AccountId, Msat, Time, WalletId};

/// A wallet, as the store remembers it: its keys only as keyed hashes and sealed copies.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = crate::store::schema::wallets)]
pub struct Wallet {
    /// Its name for the API.
    pub id: WalletId,
    /// Who owns it.
    pub account_id: AccountId,
    /// Its name for people.
    pub name: String,
    /// Keyed hash of the admin key, for look-up.
    pub admin_key_hash: Vec<u8>,
    /// The admin key, sealed, for showing it again.
    pub admin_key_sealed: Vec<u8>,
    /// Keyed hash of the invoice key.
    pub invoice_key_hash: Vec<u8>,
    /// The invoice key, sealed.
    pub invoice_key_sealed: Vec<u8>,
    /// What it holds and may spend; never negative, by order of the database.
    pub balance_msat: Msat,
    /// Accounting currency (ISO 4217), if any.
    pub currency: Option<String>,
    /// Local part of its lightning address.
    pub lightning_address: Option<String>,
    /// JSON of [`Appearance`].
    pub extra: String,
    /// JSON list of remembered pay links.
    pub stored_paylinks: String,
    /// Deleted wallets keep their money and records and can be restored.
    pub deleted: bool,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// The wallet of somebody else that it stands for. Such a mirror holds nothing itself, by order of the database.
    pub source_wallet_id: Option<WalletId>,
}

/// How wallet apps show a wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Appearance {
    /// Name of a Material icon.
    pub icon: String,
    /// Name of a palette colour.
    pub color: String,
    /// Shown first.
    pub pinned: bool,
}

impl Default for Appearance {
    fn default() -> Self {
        Self { icon: "flash_on".into(), color: "primary".into(), pinned: false }
    }
}

impl Wallet {
    /// How it is shown.
    pub fn appearance(&self) -> Appearance {
        serde_json::from_str(&self.extra).unwrap_or_default()
    }
}

/// Changes to a wallet; `None` keeps what is.
#[derive(Debug, Clone, Default)]
pub struct WalletPatch {
    /// New name.
    pub name: Option<String>,
    /// New currency; `Some(None)` clears it.
    pub currency: Option<Option<String>>,
    /// New lightning address.
    pub lightning_address: Option<String>,
    /// New icon.
    pub icon: Option<String>,
    /// New colour.
    pub color: Option<String>,
    /// Pinned or not.
    pub pinned: Option<bool>,
    /// What becomes of the links that are remembered.
    pub paylinks: Option<Paylinks>,
}

/// A place that a wallet pays to again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paylink {
    /// The LNURL or lightning address.
    pub lnurl: String,
    /// What its owner calls it.
    pub label: String,
    /// When it was used last, in Unix seconds.
    pub last_used: i64,
}

/// A change of the links that a wallet remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paylinks {
    /// These and no others.
    Replace(Vec<Paylink>),
    /// This one was used: it is new, or keeps its label.
    Used(Paylink),
}

/// The most links that a wallet remembers; a new one takes the place of the one that was not used for longest.
pub const PAYLINKS_MAX: usize = 200;

impl Paylinks {
    /// The list after this change, as it is stored.
    pub fn apply(&self, stored: &str) -> String {
        let mut links: Vec<Paylink> = serde_json::from_str(stored).unwrap_or_default();
        match self {
            Self::Replace(new) => links.clone_from(new),
            Self::Used(used) => match links.iter_mut().find(|link| link.lnurl == used.lnurl) {
                Some(known) => known.last_used = used.last_used,
                None => {
                    links.push(used.clone());
                    if links.len() > PAYLINKS_MAX {
                        links.sort_by_key(|link| std::cmp::Reverse(link.last_used));
                        links.truncate(PAYLINKS_MAX);
                    }
                }
            },
        }
        serde_json::to_string(&links).unwrap_or_else(|_| stored.to_owned())
    }
}
