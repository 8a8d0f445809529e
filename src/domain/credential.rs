//! Credentials that are handed out once and kept as a hash: named API keys, tokens of access lists,
//! and the keys of anonymous sessions.

use std::{fmt, str::FromStr};

use diesel::prelude::{Insertable, Queryable, Selectable};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{AccountId, Msat, Time, WalletId, column::text_enum, ids::CredentialId, time::DAY};

text_enum! {
    /// The families of such credentials.
    CredentialKind {
        /// A named API key of an account.
        ApiKey = "api_key",
        /// A token of an access list.
        AclToken = "acl_token",
        /// The key of an anonymous session, which owns its account.
        Anonymous = "anonymous",
    }
}

impl CredentialKind {
    /// What its secrets begin with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::ApiKey => "sk",
            Self::AclToken => "at",
            Self::Anonymous => "ss",
        }
    }
}

text_enum! {
    /// What a credential is for; it never exceeds its account and the credential that minted it.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    Scope {
        /// Everything its family may do.
        Full = "full",
        /// Every GET.
        Read = "read",
        /// Counts and totals only: safe to hand to a third party.
        Stats = "stats",
        /// Making and reading invoices.
        Receive = "receive",
        /// What an access list names.
        Acl = "acl",
    }
}

text_enum! {
    /// How often a budget begins anew: at midnight UTC, on Mondays, or on the first of a month.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    Period {
        /// Each day.
        Day = "day",
        /// Each week, from Monday.
        Week = "week",
        /// Each month.
        Month = "month",
    }
}

impl Period {
    /// The span of the calendar (UTC) that a point in time lies in: its beginning, and where the next one begins.
    pub fn span(self, at: Time) -> (Time, Time) {
        let whole = |days: i64, first: i64| {
            // day 0 of the epoch was a Thursday; `first` is a day on which a span began
            let length = days.saturating_mul(DAY);
            let start = at.0.saturating_sub(first).div_euclid(length).saturating_mul(length).saturating_add(first);
            (Time(start), Time(start.saturating_add(length)))
        };
        match self {
            Self::Day => whole(1, 0),
            Self::Week => whole(7, -3 * DAY),
            Self::Month => {
                let start = at.month_start();
                (start, Time(start.0.saturating_add(32 * DAY)).month_start())
            }
        }
    }
}

/// What a credential may spend, and from where it may be used. All of it is optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Restrictions {
    /// The largest payment, in msat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_amount_msat: Option<i64>,
    /// The most that routing one payment may cost, in msat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_fee_msat: Option<i64>,
    /// The most that may be spent in a period, fees included, in msat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_msat: Option<i64>,
    /// The budget's period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_period: Option<Period>,
    /// The networks it may be used from; any when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source_ips: Vec<IpNet>,
}

/// A spending budget of one credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Whose.
    pub credential: CredentialId,
    /// The most in one period.
    pub limit: Msat,
    /// How often it begins anew.
    pub period: Period,
}

/// What bounds the payments of a credential beside the balance of the wallet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spender {
    /// The largest payment.
    pub max_amount: Option<Msat>,
    /// The most that routing one payment may cost.
    pub max_fee: Option<Msat>,
    /// The budgets that its spending counts against, all of them.
    pub budgets: Vec<Budget>,
}

/// A credential, as the store remembers it: never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = crate::store::schema::credentials)]
pub struct Credential {
    /// Names it; part of the secret.
    pub id: CredentialId,
    /// Its family.
    pub kind: CredentialKind,
    /// Whose account it acts on.
    pub account_id: AccountId,
    /// The credential that minted it, where that was not a login: it bounds this one for ever.
    pub minted_by: Option<CredentialId>,
    /// What its owner calls it.
    pub name: String,
    /// SHA-256 of the whole secret.
    pub secret_hash: Vec<u8>,
    /// SHA-256 of the secret before the last rotation.
    pub previous_hash: Option<Vec<u8>>,
    /// Until when that one is still good.
    pub previous_until: Option<Time>,
    /// What it is for.
    pub scope: Scope,
    /// The access list, where the scope is one.
    pub acl_id: Option<String>,
    /// JSON list of the wallets it reaches; all of the account's when absent.
    pub wallets: Option<String>,
    /// JSON of [`Restrictions`].
    pub limits: String,
    /// When it was minted.
    pub created_at: Time,
    /// When it ends by itself.
    pub expires_at: Option<Time>,
    /// When it was ended.
    pub revoked_at: Option<Time>,
    /// When it was last used, to the minute or so.
    pub last_used_at: Option<Time>,
    /// From where.
    pub last_used_ip: Option<String>,
}

impl Credential {
    /// Its restrictions. A row that cannot be read allows nothing to be spent.
    pub fn restrictions(&self) -> Restrictions {
        let nothing = || Restrictions { max_amount_msat: Some(0), max_fee_msat: Some(0), ..Restrictions::default() };
        serde_json::from_str(&self.limits).unwrap_or_else(|_| nothing())
    }

    /// The wallets it reaches; `None` for all of the account's.
    pub fn wallet_list(&self) -> Option<Vec<WalletId>> {
        let text = self.wallets.as_ref()?;
        let names: Vec<String> = serde_json::from_str(text).unwrap_or_default();
        Some(names.iter().filter_map(|name| name.parse().ok()).collect())
    }
}

/// An access list.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = crate::store::schema::acls)]
pub struct Acl {
    /// Names it: 32 hex characters.
    pub id: String,
    /// Whose.
    pub account_id: AccountId,
    /// What its owner calls it.
    pub name: String,
    /// JSON list of its entries, as they were written.
    pub entries: String,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}

impl Acl {
    /// Its entries.
    pub fn entry_list(&self) -> Vec<String> {
        serde_json::from_str(&self.entries).unwrap_or_default()
    }
}

/// A secret as it is handed out, such as `sk_1f2e3d4c_…`: family, id, and 256 random bits in hex.
#[derive(Clone, PartialEq, Eq)]
pub struct HandedOut {
    /// Its family.
    pub kind: CredentialKind,
    /// Its id.
    pub id: CredentialId,
    text: String,
}

impl HandedOut {
    /// Puts one together.
    pub fn new(kind: CredentialKind, id: [u8; 4], random: [u8; 32]) -> Self {
        let id = CredentialId::from(id);
        let text = format!("{}_{id}_{}", kind.prefix(), super::ids::to_hex(&random));
        Self { kind, id, text }
    }

    /// The whole secret.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What may be stored of it.
    pub fn hash(&self) -> [u8; 32] {
        use sha2::{Digest, Sha256};
        Sha256::digest(&self.text).into()
    }

    /// Is this text meant to be such a secret, even if a malformed one?
    pub fn resembles(text: &str) -> bool {
        let prefix = text.split_once('_').map(|(prefix, _)| prefix);
        CredentialKind::ALL.iter().any(|kind| prefix == Some(kind.prefix()))
    }
}

impl FromStr for HandedOut {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('_');
        let (Some(prefix), Some(id), Some(random), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(());
        };
        let kind = CredentialKind::ALL.iter().find(|kind| kind.prefix() == prefix).ok_or(())?;
        let lower_hex = random.len() == 64 && random.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !lower_hex {
            return Err(());
        }
        Ok(Self { kind: *kind, id: id.parse()?, text: text.to_owned() })
    }
}

impl fmt::Debug for HandedOut {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_…", self.kind.prefix(), self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::{CredentialKind, HandedOut, Period, Time};

    #[test]
    fn s53_budgets_begin_anew_with_the_calendar_in_utc() {
        let span = |period: Period, at: &str| {
            let (start, end) = period.span(Time::parse(at).unwrap());
            [start, end].map(|time| time.to_string().split_once('T').unwrap().0.to_owned())
        };
        for (period, at, start, end) in [
            (Period::Day, "2028-02-28T23:59:59.999999Z", "2028-02-28", "2028-02-29"),
            (Period::Day, "2028-02-29T00:00:00Z", "2028-02-29", "2028-03-01"),
            // the clocks of many countries change in these nights; these here do not
            (Period::Day, "2026-03-29T23:30:00Z", "2026-03-29", "2026-03-30"),
            (Period::Day, "2026-10-25T00:30:00Z", "2026-10-25", "2026-10-26"),
            (Period::Week, "2026-11-22T23:59:59Z", "2026-11-16", "2026-11-23"),
            (Period::Week, "2026-11-23T00:00:00Z", "2026-11-23", "2026-11-30"),
            (Period::Week, "1969-12-31T12:00:00Z", "1969-12-29", "1970-01-05"),
            (Period::Month, "2028-02-29T12:00:00Z", "2028-02-01", "2028-03-01"),
            (Period::Month, "2027-02-01T00:00:00Z", "2027-02-01", "2027-03-01"),
            (Period::Month, "2026-12-31T23:59:59Z", "2026-12-01", "2027-01-01"),
        ] {
            assert_eq!(span(period, at), [start, end], "{period} at {at}");
        }
        let midnight = Time::parse("2026-11-23T00:00:00Z").unwrap();
        assert_eq!(Period::Week.span(midnight).0, midnight);
    }

    #[test]
    fn a_secret_reads_back_and_nothing_else_does() {
        let secret = HandedOut::new(CredentialKind::ApiKey, [1, 2, 3, 4], [0xab; 32]);
        assert!(secret.reveal().starts_with("sk_01020304_abab"));
        assert_eq!(secret.reveal().parse::<HandedOut>().unwrap(), secret);
        assert!(!format!("{secret:?}").contains("abab"));
        let body = "ab".repeat(32);
        for bad in ["", "sk", "sk_01020304", "sk_0102030_00", "xx_01020304_00", &format!("sk_01020304_{body}_x")] {
            assert!(bad.parse::<HandedOut>().is_err(), "{bad}");
        }
        assert!(format!("sk_0102030G_{body}").parse::<HandedOut>().is_err());
        assert!(format!("sk_01020304_{}", body.to_uppercase()).parse::<HandedOut>().is_err());
        assert!(HandedOut::resembles("sk_") && HandedOut::resembles("at_x") && !HandedOut::resembles("eyJ_"));
    }
}
