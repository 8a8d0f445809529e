//! What the operator allows: amounts, fees and times, with the defaults of a new server.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::{
    AccountId, Msat, WalletId, asset::AssetPolicy, audit::AuditPolicy, fiat::RatePolicy, lnurl::LnurlPolicy,
    push::PushKey, tier::Tiers, webhook::CallbackRules,
};

/// The operator's limits. Names follow the settings that administrators of such servers know.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Smallest routing fee that is set aside for an external payment.
    pub reserve_fee_min: Msat,
    /// Routing fee that is set aside, in thousandths of a percent of the amount (1000 = 1 %).
    pub reserve_fee_milli_percent: i64,
    /// Largest invoice.
    pub max_incoming: Msat,
    /// Largest payment.
    pub max_outgoing: Msat,
    /// How long an invoice is valid unless its maker says otherwise, in seconds.
    pub invoice_expiry_seconds: i64,
    /// How long a request waits for the node before it answers `pending`, in milliseconds.
    pub pay_wait_ms: u64,
    /// How long a login lasts, in minutes.
    pub session_minutes: i64,
    /// How old a login may be for changing a password, in seconds.
    pub fresh_login_seconds: i64,
    /// May anybody open an account?
    pub allow_new_accounts: bool,
    /// May anybody open an anonymous session?
    pub allow_anonymous_sessions: bool,
    /// Name of a wallet whose maker gave none.
    pub default_wallet_name: String,
    /// Memo of an invoice whose maker gave none.
    pub site_title: String,
    /// The operator's own key for web push; else one that follows from the master secret.
    pub push_key: Option<PushKey>,
    /// How often callers may call, and what tiers there are.
    pub tiers: Tiers,
    /// Which requests are recorded in the audit log.
    pub audit: AuditPolicy,
    /// May wallets only be paid?
    pub only_incoming: bool,
    /// What the house takes for a payment.
    pub service_fee: ServiceFee,
    /// What each wallet may hold and spend.
    pub bounds: WalletBounds,
    /// If there are any, nobody else may do anything, but for the super user.
    pub allowed_users: BTreeSet<AccountId>,
    /// How many accounts there may be; 0 for as many as come.
    pub max_users: i64,
    /// What registering by name and password takes beside them.
    pub activation: Activation,
    /// The accounting currency of new wallets.
    pub default_currency: Option<String>,
    /// The currencies that wallets may have; all when there are none here.
    pub allowed_currencies: BTreeSet<String>,
    /// Whose requests are refused.
    pub blocked_ips: Vec<IpNet>,
    /// Whose requests are taken although they are blocked.
    pub allowed_ips: Vec<IpNet>,
    /// A further bound to the requests of each address.
    pub address_rate: AddressRate,
    /// Where exchange rates come from.
    pub rates: RatePolicy,
    /// What pictures users may keep here.
    pub assets: AssetPolicy,
    /// LNURL services, and lightning addresses.
    pub lnurl: LnurlPolicy,
    /// Where events may be reported to.
    pub callbacks: CallbackRules,
}

/// What registering by name and password takes beside them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activation {
    /// Anything at all?
    pub required: bool,
    /// Will an invitation code do?
    pub by_code: bool,
    /// A code that is good as often as it is used; empty for none.
    pub reusable_code: String,
    /// Codes that are good once.
    pub one_time_codes: Vec<String>,
}

/// So many requests in a unit of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressRate {
    /// How many; `None` for as many as it likes.
    pub number: Option<u32>,
    /// `second`, `minute`, `hour` or `day`; empty for `minute`.
    pub unit: String,
}

impl AddressRate {
    /// The same in a minute, one at least; `None` when there is no bound.
    pub fn per_minute(&self) -> Option<u32> {
        let number = self.number.filter(|number| *number > 0)?;
        Some(match self.unit.as_str() {
            "second" => number.saturating_mul(60),
            "hour" => number.div_ceil(60),
            "day" => number.div_ceil(24 * 60),
            _ => number,
        })
    }
}

/// What the house takes for a payment that was made, for a wallet of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceFee {
    /// Who gets it; `None` when nothing is taken.
    pub wallet: Option<WalletId>,
    /// In thousandths of a percent of the amount.
    pub milli_percent: i64,
    /// The most of a payment; zero for no cap.
    pub max: Msat,
    /// Are payments between two wallets here free?
    pub ignore_internal: bool,
}

impl Default for ServiceFee {
    fn default() -> Self {
        Self { wallet: None, milli_percent: 0, max: Msat::ZERO, ignore_internal: true }
    }
}

impl ServiceFee {
    /// What this wallet owes, and to whom, for a payment of this size. The house takes nothing from itself.
    pub fn due(&self, payer: &WalletId, amount: Msat) -> Option<(WalletId, Msat)> {
        let wallet = self.wallet.as_ref().filter(|wallet| *wallet != payer)?;
        let fee = self.of(amount);
        (fee > Msat::ZERO).then(|| (wallet.clone(), fee))
    }

    /// The fee on an amount, rounded down, whoever pays.
    pub fn of(&self, amount: Msat) -> Msat {
        if self.wallet.is_none() {
            return Msat::ZERO;
        }
        let fee = share(amount, self.milli_percent);
        if self.max > Msat::ZERO { fee.min(self.max) } else { fee }
    }
}

/// What each wallet may hold and spend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WalletBounds {
    /// The most that it may hold by what happens inside this server.
    pub max_balance: Option<Msat>,
    /// The most that may leave it in a day (UTC), fees not counted.
    pub max_daily: Option<Msat>,
    /// So many seconds lie between any payment of it and its next outgoing one.
    pub pause_seconds: Option<i64>,
}

/// What the ledger's transaction asks of a payment beside the balance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Of the wallets that take part.
    pub bounds: WalletBounds,
    /// What the house takes, if it takes something from this payment.
    pub service_fee: ServiceFee,
}

impl Terms {
    /// Is there nothing to ask?
    pub fn is_plain(&self) -> bool {
        self.bounds == WalletBounds::default() && self.service_fee.wallet.is_none()
    }
}

/// So many thousandths of a percent, rounded down.
fn share(amount: Msat, milli_percent: i64) -> Msat {
    let share = i128::from(amount.0) * i128::from(milli_percent) / 100_000;
    Msat(i64::try_from(share).unwrap_or(Msat::MAX.0))
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reserve_fee_min: Msat(2000),
            reserve_fee_milli_percent: 1000,
            max_incoming: Msat(10_000_000_000),
            max_outgoing: Msat(10_000_000_000),
            invoice_expiry_seconds: 3600,
            pay_wait_ms: 5000,
            session_minutes: 525_600,
            fresh_login_seconds: 120,
            allow_new_accounts: true,
            allow_anonymous_sessions: true,
            default_wallet_name: "Satchel wallet".into(),
            site_title: "Satchel".into(),
            push_key: None,
            tiers: Tiers::default(),
            audit: AuditPolicy::default(),
            only_incoming: false,
            service_fee: ServiceFee::default(),
            bounds: WalletBounds::default(),
            allowed_users: BTreeSet::new(),
            max_users: 0,
            activation: Activation::default(),
            default_currency: None,
            allowed_currencies: BTreeSet::new(),
            blocked_ips: Vec::new(),
            allowed_ips: Vec::new(),
            address_rate: AddressRate::default(),
            rates: RatePolicy::default(),
            assets: AssetPolicy::default(),
            lnurl: LnurlPolicy::default(),
            callbacks: CallbackRules::default(),
        }
    }
}

impl Limits {
    /// What is set aside for routing an external payment of this size.
    pub fn fee_reserve(&self, amount: Msat) -> Msat {
        self.reserve_fee_min.max(share(amount, self.reserve_fee_milli_percent))
    }

    /// What an external payment of this size may cost beside the amount: routing, and what the house takes.
    pub fn whole_reserve(&self, amount: Msat) -> Msat {
        Msat(self.fee_reserve(amount).0.saturating_add(self.service_fee.of(amount).0))
    }

    /// What is asked of a payment out of a wallet.
    pub fn terms(&self, internal: bool) -> Terms {
        let free = internal && self.service_fee.ignore_internal || self.service_fee.milli_percent == 0;
        let service_fee = if free { ServiceFee::default() } else { self.service_fee.clone() };
        Terms { bounds: self.bounds.clone(), service_fee }
    }

    /// May this account do anything here?
    pub fn allows(&self, account: &AccountId) -> bool {
        self.allowed_users.is_empty() || self.allowed_users.contains(account)
    }

    /// Is there room for new accounts, as far as the settings say?
    pub fn is_open(&self) -> bool {
        self.allow_new_accounts && self.allowed_users.is_empty()
    }

    /// Are requests of this address refused?
    pub fn blocks(&self, address: std::net::IpAddr) -> bool {
        let among = |list: &[IpNet]| list.iter().any(|network| network.contains(&address));
        !self.blocked_ips.is_empty() && among(&self.blocked_ips) && !among(&self.allowed_ips)
    }

    /// Requests a minute for each address; 0 for as many as it likes.
    pub fn address_requests_per_minute(&self) -> u32 {
        let usual = self.tiers.anonymous_requests_per_minute;
        match self.address_rate.per_minute() {
            Some(rate) if usual == 0 => rate,
            Some(rate) => rate.min(usual),
            None => usual,
        }
    }

    /// The fee cap of a payment: the caller's, but never more than the operator's. Where sending has a price, less than
    /// that would pay nothing.
    pub fn fee_limit(&self, amount: Msat, asked: Option<Msat>, price: Option<Msat>) -> Msat {
        let reserve = price.map_or(self.fee_reserve(amount), |price| price.max(self.fee_reserve(amount)));
        asked.map_or(reserve, |asked| asked.min(reserve))
    }
}

#[cfg(test)]
mod tests {
    use super::{AddressRate, Limits, Msat, ServiceFee};

    #[test]
    fn the_house_takes_its_share_up_to_a_cap_and_never_from_itself() {
        let wallet: crate::domain::WalletId = "0".repeat(32).parse().unwrap();
        let other: crate::domain::WalletId = "1".repeat(32).parse().unwrap();
        let fee = ServiceFee { wallet: Some(wallet.clone()), milli_percent: 1500, ..ServiceFee::default() };
        assert_eq!(fee.due(&other, Msat(100_000)), Some((wallet.clone(), Msat(1500))));
        assert_eq!(fee.due(&other, Msat(66)), None);
        assert_eq!(fee.due(&wallet, Msat(100_000)), None);
        let capped = ServiceFee { max: Msat(1000), ..fee };
        assert_eq!(capped.due(&other, Msat(100_000)), Some((wallet, Msat(1000))));
        assert_eq!(ServiceFee { wallet: None, ..capped }.due(&other, Msat(100_000)), None);
    }

    #[test]
    fn the_narrower_of_two_rates_counts() {
        let rate = |number, unit: &str| AddressRate { number, unit: unit.into() }.per_minute();
        assert_eq!(
            (rate(Some(2), "second"), rate(Some(60), "minute"), rate(Some(61), "hour")),
            (Some(120), Some(60), Some(2))
        );
        assert_eq!((rate(Some(0), "minute"), rate(None, "day"), rate(Some(1), "day")), (None, None, Some(1)));
    }

    #[test]
    fn the_reserve_is_one_percent_and_two_satoshi_at_least() {
        let limits = Limits::default();
        assert_eq!(limits.fee_reserve(Msat(1000)), Msat(2000));
        assert_eq!(limits.fee_reserve(Msat(1_000_000)), Msat(10_000));
        assert_eq!(limits.fee_reserve(Msat::MAX), Msat(Msat::MAX.0 / 100));
        assert_eq!(limits.fee_limit(Msat(1_000_000), None, None), Msat(10_000));
        assert_eq!(limits.fee_limit(Msat(1_000_000), Some(Msat(0)), None), Msat(0));
        assert_eq!(limits.fee_limit(Msat(1_000_000), Some(Msat(50_000)), None), Msat(10_000));
        assert_eq!(limits.fee_limit(Msat(1000), None, Some(Msat(4004))), Msat(4004));
        assert_eq!(limits.fee_limit(Msat(1000), Some(Msat(7)), Some(Msat(4004))), Msat(7));
    }
}
