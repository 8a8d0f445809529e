//! The shapes of what is handed out: API keys and tokens of access lists alike.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    lenient,
    problem::{FieldError, Problem},
};
use crate::{
    accounts::{HandedOutCredential, Minted, policy::Principal},
    domain::{
        Time,
        credential::{CredentialKind, Period, Restrictions, Scope},
    },
};

/// Limits; all of them are optional.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KeyLimits {
    /// The largest payment, in millisatoshi.
    #[serde(deserialize_with = "lenient::opt_natural", skip_serializing_if = "Option::is_none")]
    max_amount_msat: Option<i64>,
    /// The most that routing one payment may cost, in millisatoshi.
    #[serde(deserialize_with = "lenient::opt_natural", skip_serializing_if = "Option::is_none")]
    max_fee_msat: Option<i64>,
    /// The most that may be spent in a period, fees included, in millisatoshi.
    #[serde(deserialize_with = "lenient::opt_natural", skip_serializing_if = "Option::is_none")]
    budget_msat: Option<i64>,
    /// `day`, `week` or `month` (UTC).
    #[serde(deserialize_with = "lenient::opt_text", skip_serializing_if = "Option::is_none")]
    budget_period: Option<String>,
    /// The networks that it may be used from, such as `203.0.113.0/24`.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_ips: Option<Vec<String>>,
}

/// Most networks in a list.
const NETWORKS_MAX: usize = 64;

fn wrong(field: &str, msg: &str, kind: &str) -> Problem {
    let loc = ["body", "limits", field].map(Value::from).to_vec();
    Problem::fields(vec![FieldError { loc, msg: msg.to_owned(), kind: kind.to_owned() }])
}

impl KeyLimits {
    /// As the accounts know them.
    pub fn read(self) -> Result<Restrictions, Problem> {
        let budget_period = match self.budget_period.map(|word| word.parse::<Period>()) {
            None => None,
            Some(Ok(period)) => Some(period),
            Some(Err(())) => {
                let text = "unexpected value; permitted: 'day', 'week', 'month'";
                return Err(wrong("budget_period", text, "value_error.const"));
            }
        };
        let given = self.source_ips.unwrap_or_default();
        if given.len() > NETWORKS_MAX {
            let text = format!("ensure this value has at most {NETWORKS_MAX} items");
            return Err(wrong("source_ips", &text, "value_error.list.max_items"));
        }
        let mut source_ips = Vec::new();
        for text in given {
            let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().map(IpNet::from).ok());
            let Some(network) = network else {
                let text = "value is not an IP address or network, such as 203.0.113.0/24";
                return Err(wrong("source_ips", text, "value_error.ip_network"));
            };
            source_ips.push(network.trunc());
        }
        Ok(Restrictions {
            max_amount_msat: self.max_amount_msat,
            max_fee_msat: self.max_fee_msat,
            budget_msat: self.budget_msat,
            budget_period,
            source_ips,
        })
    }

    /// As they are shown.
    pub fn of(limits: &Restrictions) -> Self {
        let networks = limits.source_ips.iter().map(IpNet::to_string).collect::<Vec<_>>();
        Self {
            max_amount_msat: limits.max_amount_msat,
            max_fee_msat: limits.max_fee_msat,
            budget_msat: limits.budget_msat,
            budget_period: limits.budget_period.map(|period| period.to_string()),
            source_ips: (!networks.is_empty()).then_some(networks),
        }
    }
}

/// The secret before the last rotation, while it is still good.
#[derive(Serialize, ToSchema)]
pub struct OldSecret {
    /// Until when it is.
    valid_until: String,
    /// When it was last used: who has not changed over yet?
    last_used_at: Option<String>,
}

/// An API key or a token of an access list.
#[derive(Serialize, ToSchema)]
#[schema(as = HandedOut)]
pub struct HandedOutShape {
    /// Names it.
    id: String,
    name: String,
    /// What its secret begins with.
    prefix: String,
    /// `active`, `expired` or `revoked`.
    status: &'static str,
    /// `full`, `read`, `stats` or `receive`; null when an access list says what it may do.
    scope: Option<&'static str>,
    /// That access list.
    acl_id: Option<String>,
    /// Its tier.
    tier: String,
    /// The wallets it reaches; null for all of the account's.
    wallets: Option<Vec<String>>,
    limits: KeyLimits,
    created_at: String,
    /// When it ends by itself.
    expires_at: Option<String>,
    /// When it was last used.
    last_used_at: Option<String>,
    /// From which address.
    last_used_ip: Option<String>,
    /// The credential that minted it, where that was not a login: it never exceeds that one, and ends with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    minted_by: Option<String>,
    /// Only while a rotated secret is still good.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<OldSecret>,
    /// The secret of an API key: only in the answer that mints it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// The secret of a token: only in the answer that mints it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl HandedOutShape {
    /// What is remembered of it; never the secret.
    pub fn of(shown: HandedOutCredential, principal: &Principal, now: Time) -> Self {
        let HandedOutCredential { credential: one, status, old_secret_used_at } = shown;
        let previous = one.previous_until.filter(|until| *until > now && one.revoked_at.is_none());
        Self {
            prefix: format!("{}_{}", one.kind.prefix(), one.id),
            scope: (one.scope != Scope::Acl).then(|| one.scope.as_str()),
            wallets: one.wallet_list().map(|wallets| wallets.iter().map(ToString::to_string).collect()),
            limits: KeyLimits::of(&one.restrictions()),
            id: one.id.to_string(),
            name: one.name,
            status,
            acl_id: one.acl_id,
            tier: principal.tier.to_string(),
            created_at: one.created_at.to_string(),
            expires_at: one.expires_at.map(|at| at.to_string()),
            last_used_at: one.last_used_at.map(|at| at.to_string()),
            last_used_ip: one.last_used_ip,
            minted_by: one.minted_by.map(|id| id.to_string()),
            previous: previous.map(|until| OldSecret {
                valid_until: until.to_string(),
                last_used_at: old_secret_used_at.map(|at| at.to_string()),
            }),
            key: None,
            token: None,
        }
    }

    /// The same with the secret, once.
    pub fn minted(minted: Minted, principal: &Principal, now: Time) -> Self {
        let secret = Some(minted.secret.reveal().to_owned());
        let (key, token) = match minted.secret.kind {
            CredentialKind::AclToken => (None, secret),
            CredentialKind::ApiKey | CredentialKind::Anonymous => (secret, None),
        };
        Self { key, token, ..Self::of(minted.shown, principal, now) }
    }
}

/// The end of the year 9999, the last that ISO 8601 writes with four digits.
const LAST_TIME: Time = Time::from_unix(253_402_300_799);

/// A point in time, as clients write it.
pub fn expiry(text: Option<String>) -> Result<Option<Time>, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let time = Time::parse(&text).filter(|time| *time <= LAST_TIME);
    time.map(Some).ok_or_else(|| Problem::field("expires_at", "invalid datetime format", "value_error.datetime"))
}
