//! Tiers: how often the keys of an account may call, what they may be used for, and what that costs.

use std::collections::BTreeMap;

use diesel::prelude::{Insertable, Queryable, Selectable};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{AccountId, Msat, PaymentHash, Time, column::text_enum};

text_enum! {
    /// What the keys of a tier may be used for.
    #[derive(PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    Capability {
        /// Reading wallets and payments.
        Read = "read",
        /// Making invoices.
        Receive = "receive",
        /// Paying.
        Send = "send",
        /// Having receipts reported to an address of one's own.
        Webhooks = "webhooks",
        /// Live updates.
        Streaming = "streaming",
    }
}

/// One tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// Requests a minute for each key; 0 for as many as it likes.
    pub requests_per_minute: u32,
    /// What its keys may be used for.
    pub capabilities: Vec<Capability>,
    /// What it costs, once, in satoshi; 0 when it is not for sale.
    #[serde(default)]
    pub price_sat: i64,
}

/// How often callers may call. Names follow the settings `satchel_tiers`, `satchel_wallet_requests_per_minute`
/// and so on.
#[derive(Debug, Clone)]
pub struct Tiers {
    /// The tiers of keys that are handed out, by name. Every account begins in [`Tiers::FIRST`].
    pub by_name: BTreeMap<String, Tier>,
    /// Requests a minute for each wallet key and each login; 0 for as many as it likes.
    pub wallet_requests_per_minute: u32,
    /// Requests a minute for each address, counting those without a credential and those with a worthless one;
    /// 0 for as many as it likes.
    pub anonymous_requests_per_minute: u32,
    /// The reverse proxies whose word on where a request came from is taken.
    pub trusted_proxies: Vec<IpNet>,
    /// Are keys accepted in the query string, where they end up in logs?
    pub allow_query_keys: bool,
}

impl Default for Tiers {
    /// The first tier pays and is paid, because a key that its owner asked for should do what he can do;
    /// what costs the server work on its own account, reporting and streaming, comes with the second. An
    /// address may call ten times a second, so that several people behind one address get along.
    fn default() -> Self {
        use Capability::{Read, Receive, Send, Streaming, Webhooks};
        let tier = |requests_per_minute, capabilities: &[Capability], price_sat| Tier {
            requests_per_minute,
            capabilities: capabilities.to_vec(),
            price_sat,
        };
        let all = [Read, Receive, Send, Webhooks, Streaming];
        Self {
            by_name: BTreeMap::from([
                (Self::FIRST.to_owned(), tier(60, &[Read, Receive, Send], 0)),
                ("pro".to_owned(), tier(300, &all, 10_000)),
                ("enterprise".to_owned(), tier(1000, &all, 100_000)),
            ]),
            wallet_requests_per_minute: 1200,
            anonymous_requests_per_minute: 600,
            trusted_proxies: Vec::new(),
            allow_query_keys: true,
        }
    }
}

impl Tiers {
    /// The tier in which accounts begin. It also holds for accounts whose tier is not there any more.
    pub const FIRST: &str = "free";

    /// The tier of this name, or else the first one.
    pub fn of(&self, name: &str) -> Option<&Tier> {
        self.by_name.get(name).or_else(|| self.by_name.get(Self::FIRST))
    }

    /// All tiers by price, the slower before the faster where they cost the same.
    pub fn ladder(&self) -> Vec<(&str, &Tier)> {
        let mut ladder: Vec<_> = self.by_name.iter().map(|(name, tier)| (name.as_str(), tier)).collect();
        ladder.sort_by_key(|(_, tier)| (tier.price_sat, tier.requests_per_minute));
        ladder
    }

    /// The cheapest tier with this capability.
    pub fn offering(&self, capability: Capability) -> Option<&str> {
        let mut ladder = self.ladder().into_iter();
        ladder.find(|(_, tier)| tier.capabilities.contains(&capability)).map(|(name, _)| name)
    }

    /// What the tier of this name costs; nothing when there is none.
    pub fn price(&self, name: &str) -> Msat {
        self.by_name.get(name).and_then(|tier| Msat::from_sat(tier.price_sat)).unwrap_or(Msat::ZERO)
    }
}

/// An account's wish to be in a tier, granted when its invoice is paid.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = crate::store::schema::tier_orders)]
pub struct TierOrder {
    /// Of the invoice that the server made for it.
    pub payment_hash: PaymentHash,
    /// Whose.
    pub account_id: AccountId,
    /// Which tier.
    pub tier: String,
    /// What has to arrive.
    pub price_msat: Msat,
    /// When it was made.
    pub created_at: Time,
    /// When it was granted.
    pub applied_at: Option<Time>,
}

#[cfg(test)]
mod tests {
    use super::{Capability, Tier, Tiers};

    #[test]
    fn tiers_are_found_by_name_and_by_what_they_offer() {
        let tiers = Tiers::default();
        assert_eq!(tiers.of("pro").unwrap().requests_per_minute, 300);
        assert_eq!(tiers.of("gone").unwrap().requests_per_minute, 60);
        assert_eq!(tiers.offering(Capability::Send), Some("free"));
        assert_eq!(tiers.offering(Capability::Streaming), Some("pro"));
        let names: Vec<_> = tiers.ladder().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["free", "pro", "enterprise"]);
        assert_eq!((tiers.price("pro").0, tiers.price("gone").0), (10_000_000, 0));
    }

    #[test]
    fn a_tier_reads_as_the_setting_is_written() {
        let text = r#"{"requests_per_minute": 60, "capabilities": ["read", "receive"], "price_sat": 0}"#;
        let tier: Tier = serde_json::from_str(text).unwrap();
        assert_eq!(tier.capabilities, [Capability::Read, Capability::Receive]);
    }
}
