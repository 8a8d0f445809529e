//! What the operator allows: amounts, fees and times, with the defaults of a new server.

use super::{Msat, audit::AuditPolicy, tier::Tiers};

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
    /// How often callers may call, and what tiers there are.
    pub tiers: Tiers,
    /// Which requests are recorded in the audit log.
    pub audit: AuditPolicy,
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
            tiers: Tiers::default(),
            audit: AuditPolicy::default(),
        }
    }
}

impl Limits {
    /// What is set aside for routing an external payment of this size.
    pub fn fee_reserve(&self, amount: Msat) -> Msat {
        let share = i128::from(amount.0) * i128::from(self.reserve_fee_milli_percent) / 100_000;
        let share = i64::try_from(share).unwrap_or(Msat::MAX.0);
        self.reserve_fee_min.max(Msat(share))
    }

    /// The fee cap of a payment: the caller's, but never more than the operator's.
    pub fn fee_limit(&self, amount: Msat, asked: Option<Msat>) -> Msat {
        let reserve = self.fee_reserve(amount);
        asked.map_or(reserve, |asked| asked.min(reserve))
    }
}

#[cfg(test)]
mod tests {
    use super::{Limits, Msat};

    #[test]
    fn the_reserve_is_one_percent_and_two_satoshi_at_least() {
        let limits = Limits::default();
        assert_eq!(limits.fee_reserve(Msat(1000)), Msat(2000));
        assert_eq!(limits.fee_reserve(Msat(1_000_000)), Msat(10_000));
        assert_eq!(limits.fee_reserve(Msat::MAX), Msat(Msat::MAX.0 / 100));
        assert_eq!(limits.fee_limit(Msat(1_000_000), None), Msat(10_000));
        assert_eq!(limits.fee_limit(Msat(1_000_000), Some(Msat(0))), Msat(0));
        assert_eq!(limits.fee_limit(Msat(1_000_000), Some(Msat(50_000))), Msat(10_000));
    }
}
