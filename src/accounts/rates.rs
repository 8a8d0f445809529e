//! How often a credential may call, and an address that shows none.
//!
//! Each has a token bucket that holds a minute's worth of requests and is refilled evenly (the generic cell
//! rate algorithm of the crate `governor`). Buckets are kept by rate, so that a changed tier or setting
//! simply means another bucket, and in this process alone: several servers on one database each allow the
//! rate. Nothing can be made to grow by guessing keys, because worthless ones count for their address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use governor::{Quota, RateLimiter, middleware::StateInformationMiddleware, state::keyed::DashMapStateStore};

use super::{
    Accounts,
    policy::{Bearing, Principal},
};
use crate::clock::Clock;

/// Most buckets of one rate that are kept; beyond, all begin full again.
const BUCKETS_MAX: usize = 500_000;

/// Whose bucket it is.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Owner {
    Credential(Bearing),
    /// An IPv4 address, or the 64 bits of an IPv6 address that name a network: whoever has one of its
    /// addresses has them all.
    Network(IpAddr),
}

/// The server's clock, as the crate reads it.
struct Ticks(Clock);

impl governor::clock::Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

type Buckets = RateLimiter<Owner, DashMapStateStore<Owner>, Ticks, StateInformationMiddleware>;

/// All buckets, by how many requests a minute they allow.
pub(super) struct Rates {
    clock: Clock,
    by_rate: RwLock<HashMap<NonZeroU32, Arc<Buckets>>>,
    wallet: Arc<str>,
    anonymous: Arc<str>,
}

/// What is left after a request was counted.
#[derive(Debug, Clone)]
pub struct Counted {
    /// The tier by whose rate it was counted: that of an account, `wallet` for wallet keys and logins,
    /// `anonymous` for addresses.
    pub tier: Arc<str>,
    /// Requests a minute.
    pub limit: u32,
    /// How many more may come at once.
    pub remaining: u32,
    /// Seconds until as many as the limit may come at once.
    pub reset_seconds: u64,
    /// Seconds to wait, where this request was one too many.
    pub retry_after: Option<u64>,
}

impl Rates {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, by_rate: RwLock::default(), wallet: "wallet".into(), anonymous: "anonymous".into() }
    }

    /// `None` when the rate is 0: as many as one likes.
    fn count(&self, tier: &Arc<str>, per_minute: u32, owner: &Owner) -> Option<Counted> {
        let rate = NonZeroU32::new(per_minute)?;
        let (remaining, retry_after) = match self.buckets(rate).check_key(owner) {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(until) => (0, Some(whole_seconds(until.wait_time_from(self.clock.elapsed())))),
        };
        let missing = u64::from(per_minute.saturating_sub(remaining));
        let reset_seconds = (missing * 60).div_ceil(u64::from(per_minute));
        Some(Counted { tier: Arc::clone(tier), limit: per_minute, remaining, reset_seconds, retry_after })
    }

    fn buckets(&self, rate: NonZeroU32) -> Arc<Buckets> {
        if let Some(known) = self.by_rate.read().unwrap_or_else(PoisonError::into_inner).get(&rate) {
            return Arc::clone(known);
        }
        let mut by_rate = self.by_rate.write().unwrap_or_else(PoisonError::into_inner);
        let fresh = || {
            let buckets = DashMapStateStore::default();
            Arc::new(RateLimiter::new(Quota::per_minute(rate), buckets, Ticks(self.clock.clone())))
        };
        Arc::clone(by_rate.entry(rate).or_insert_with(fresh))
    }

    /// Forgets the buckets that are full again.
    fn forget_full(&self) {
        let mut by_rate = self.by_rate.write().unwrap_or_else(PoisonError::into_inner);
        by_rate.retain(|_, buckets| {
            buckets.retain_recent();
            buckets.shrink_to_fit();
            !buckets.is_empty() && buckets.len() <= BUCKETS_MAX
        });
    }
}

/// At least one: who is told to wait for nothing comes back at once.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

impl Accounts {
    /// Counts a request of somebody who proved who he is. `None` when nobody counts his.
    pub fn count_principal(&self, principal: &Principal) -> Option<Counted> {
        let limits = self.limits();
        let tiers = &limits.tiers;
        let owner = Owner::Credential(principal.bearing.clone());
        match principal.credential().and_then(|_| tiers.of(&principal.tier)) {
            Some(tier) => self.rates.count(&principal.tier, tier.requests_per_minute, &owner),
            None => self.rates.count(&self.rates.wallet, tiers.wallet_requests_per_minute, &owner),
        }
    }

    /// Counts a request of somebody who showed nothing, or nothing of worth. `None` when nobody counts his.
    pub fn count_address(&self, address: IpAddr) -> Option<Counted> {
        let rate = self.limits().address_requests_per_minute();
        self.rates.count(&self.rates.anonymous, rate, &Owner::Network(network(address)))
    }

    /// Forgets who has not called for so long that it makes no difference.
    pub fn forget_idle_callers(&self) {
        self.rates.forget_full();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Owner, Rates, network};
    use crate::{clock::Clock, domain::Time};

    fn owner(address: &str) -> Owner {
        Owner::Network(network(address.parse().unwrap()))
    }

    #[test]
    fn a_bucket_empties_and_fills_evenly() {
        let clock = Clock::seeded(Time::from_unix(1_800_000_000), 1);
        let (rates, tier, me) = (Rates::new(clock.clone()), Arc::from("free"), owner("192.0.2.1"));
        for left in (0..4).rev() {
            let counted = rates.count(&tier, 4, &me).unwrap();
            assert_eq!((counted.limit, counted.remaining, counted.retry_after), (4, left, None));
            assert_eq!(counted.reset_seconds, u64::from(4 - left) * 15);
        }
        let over = rates.count(&tier, 4, &me).unwrap();
        assert_eq!((over.remaining, over.reset_seconds, over.retry_after), (0, 60, Some(15)));
        clock.advance(14);
        assert_eq!(rates.count(&tier, 4, &me).unwrap().retry_after, Some(1));
        clock.advance(1);
        assert_eq!(rates.count(&tier, 4, &me).unwrap().retry_after, None);
        assert_eq!(rates.count(&tier, 4, &owner("192.0.2.2")).unwrap().remaining, 3);
        assert!(rates.count(&tier, 0, &me).is_none());
    }

    #[test]
    fn what_is_full_again_is_forgotten() {
        let clock = Clock::seeded(Time::from_unix(1_800_000_000), 1);
        let (rates, tier) = (Rates::new(clock.clone()), Arc::from("free"));
        let kept = |rates: &Rates| rates.by_rate.read().unwrap().values().map(|buckets| buckets.len()).sum::<usize>();
        for last in 0..100 {
            rates.count(&tier, 60, &owner(&format!("192.0.2.{last}")));
        }
        rates.forget_full();
        assert_eq!(kept(&rates), 100);
        clock.advance(61);
        rates.count(&tier, 60, &owner("192.0.2.7"));
        rates.forget_full();
        assert_eq!(kept(&rates), 1);
    }

    #[test]
    fn addresses_of_one_network_share_a_bucket() {
        assert!(owner("2001:db8::1") == owner("2001:db8::ffff:2"));
        assert!(owner("2001:db8::1") != owner("2001:db8:0:1::1"));
        assert!(owner("::ffff:192.0.2.1") == owner("192.0.2.1"));
    }
}
