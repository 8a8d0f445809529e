//! Slows down whoever guesses, without locking anybody out.
//!
//! Three counts, each of which an attempt is charged to before it is looked at, and refunded if it
//! succeeds, so that attempts at the same time cannot slip through together:
//!
//! - of a name from an address: after five failures it is blocked for a minute, then two, four … fifteen;
//! - of an address, whatever the name: the same after fifty, because people share addresses;
//! - of a name from everywhere: after a hundred, strangers get one attempt every five seconds between them.
//!   Where a person was let in before, or has a live login, this does not hold for him: whoever guesses from
//!   elsewhere cannot keep him out.
//!
//! In memory, of this server: several servers on one database allow several times as much.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::AccountError;
use crate::domain::{AccountId, Time, time::SECOND};

/// Failures of a name from one address before it is blocked.
const NAME_FREE: u32 = 5;
/// Failures from one address before it is blocked.
const ADDRESS_FREE: u32 = 50;
/// Failures of a name from everywhere before strangers have to take turns.
const ACCOUNT_FREE: u32 = 100;
/// The first block, in seconds; each further failure doubles it.
const BLOCK_FIRST: i64 = 60;
/// The longest block, and how long after the last failure it is forgotten, in seconds.
const BLOCK_MAX: i64 = 15 * 60;
/// Between two attempts of strangers, in seconds.
const TURN: i64 = 5;
/// How long an address is remembered from which somebody was let in, in seconds.
const KNOWN_SECONDS: i64 = 30 * 24 * 3600;
/// Entries of each count.
const ENTRIES_MAX: usize = 20_000;

/// Who somebody says he is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Name {
    /// Somebody whom we know.
    Account(AccountId),
    /// Nobody whom we know. They share a few counts, so that invented names take no memory.
    Unknown(u8),
}

/// Why an attempt is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Too many failures; so many seconds to wait.
    Blocked(i64),
    /// Strangers take turns at this account; so many seconds to wait. Not for those who are known here.
    Crowded(i64),
}

impl From<Refused> for AccountError {
    fn from(refused: Refused) -> Self {
        let (Refused::Blocked(seconds) | Refused::Crowded(seconds)) = refused;
        Self::TooManyAttempts { retry_after: seconds.max(1) }
    }
}

/// The counts.
#[derive(Default)]
pub(super) struct Throttle(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    names: HashMap<(Name, IpAddr), Failures>,
    addresses: HashMap<IpAddr, Failures>,
    accounts: HashMap<AccountId, Crowd>,
    known: HashMap<(AccountId, IpAddr), Time>,
}

struct Failures {
    count: u32,
    last: Time,
    blocked_until: Time,
}

struct Crowd {
    count: u32,
    last: Time,
    next_turn: Time,
}

impl Throttle {
    /// Charges an attempt to its name (if one is tried) and its address. `welcome` says that the address is
    /// the person's own, by what the caller knows.
    pub(super) fn begin(
        &self,
        name: Option<&Name>,
        from: Option<IpAddr>,
        welcome: bool,
        now: Time,
    ) -> Result<(), Refused> {
        let from = network(from);
        let mut counts = self.counts();
        let counts = &mut *counts;
        let blocked = [
            name.and_then(|name| counts.names.get(&(name.clone(), from))),
            counts.addresses.get(&from).filter(|_| !welcome),
        ];
        let wait = blocked.into_iter().flatten().map(|failures| failures.wait(now)).max().unwrap_or(0);
        if wait > 0 {
            return Err(Refused::Blocked(wait));
        }
        if let Some(Name::Account(account)) = name {
            let known = counts.known.get(&(account.clone(), from));
            let welcome = welcome || known.is_some_and(|at| at.plus_seconds(KNOWN_SECONDS) > now);
            make_room(&mut counts.accounts, now, |crowd| crowd.last);
            let crowd = counts.accounts.entry(account.clone()).or_insert(Crowd { count: 0, last: now, next_turn: now });
            if is_over(crowd.last, now) {
                crowd.count = 0;
            }
            if !welcome && crowd.count >= ACCOUNT_FREE {
                let wait = seconds_until(crowd.next_turn, now);
                if wait > 0 {
                    return Err(Refused::Crowded(wait));
                }
                crowd.next_turn = now.plus_seconds(TURN);
            }
            crowd.count = crowd.count.saturating_add(1);
            crowd.last = now;
        }
        if let Some(name) = name {
            make_room(&mut counts.names, now, |failures| failures.last);
            counts.names.entry((name.clone(), from)).or_insert(Failures::none(now)).charge(now, NAME_FREE);
        }
        make_room(&mut counts.addresses, now, |failures| failures.last);
        counts.addresses.entry(from).or_insert(Failures::none(now)).charge(now, ADDRESS_FREE);
        Ok(())
    }

    /// Refunds an attempt that was a success, and remembers where it came from.
    pub(super) fn succeeded(&self, name: Option<&Name>, from: Option<IpAddr>, now: Time) {
        let from = network(from);
        let mut counts = self.counts();
        if let Some(failures) = counts.addresses.get_mut(&from) {
            failures.refund(ADDRESS_FREE);
        }
        let Some(name) = name else { return };
        counts.names.remove(&(name.clone(), from));
        if let Name::Account(account) = name {
            if let Some(crowd) = counts.accounts.get_mut(account) {
                crowd.count = crowd.count.saturating_sub(1);
            }
            make_room(&mut counts.known, now, |at| *at);
            counts.known.insert((account.clone(), from), now);
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failures {
    fn none(now: Time) -> Self {
        Self { count: 0, last: now, blocked_until: now }
    }

    fn wait(&self, now: Time) -> i64 {
        seconds_until(self.blocked_until, now)
    }

    fn charge(&mut self, now: Time, free: u32) {
        if is_over(self.last, now) {
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        self.last = now;
        if let Some(beyond) = self.count.checked_sub(free) {
            let block = BLOCK_FIRST.checked_shl(beyond.min(8)).unwrap_or(BLOCK_MAX).min(BLOCK_MAX);
            self.blocked_until = now.plus_seconds(block);
        }
    }

    fn refund(&mut self, free: u32) {
        self.count = self.count.saturating_sub(1);
        if self.count < free {
            self.blocked_until = self.last;
        }
    }
}

fn is_over(last: Time, now: Time) -> bool {
    last.plus_seconds(BLOCK_MAX) <= now
}

/// Whole seconds, rounded up; none when it is past.
fn seconds_until(end: Time, now: Time) -> i64 {
    let micros = end.0.saturating_sub(now.0).max(0);
    micros.saturating_add(SECOND - 1) / SECOND
}

/// Who has one address of IPv6 has all of its /64.
pub(super) fn network(address: Option<IpAddr>) -> IpAddr {
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V6(address)) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        Some(address) => address,
        None => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// Makes room for one more: what is over goes, and if that is not enough, the older half.
fn make_room<K: Eq + Hash, V>(map: &mut HashMap<K, V>, now: Time, last: impl Fn(&V) -> Time) {
    if map.len() < ENTRIES_MAX {
        return;
    }
    map.retain(|_, value| !is_over(last(value), now));
    if map.len() >= ENTRIES_MAX {
        let mut times: Vec<Time> = map.values().map(&last).collect();
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        let median = *median;
        map.retain(|_, value| last(value) > median);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{ADDRESS_FREE, ENTRIES_MAX, Name, Refused, Throttle};
    use crate::domain::Time;

    const NOW: Time = Time::from_unix(1_800_000_000);

    #[expect(clippy::unnecessary_wraps, reason = "the way in which addresses are asked for")]
    fn address(number: u32) -> Option<IpAddr> {
        Some(IpAddr::V4(number.to_be_bytes().into()))
    }

    fn alice() -> Name {
        Name::Account([1; 16].into())
    }

    #[test]
    fn the_fifth_failure_blocks_for_a_minute_and_each_further_one_twice_as_long() {
        let throttle = Throttle::default();
        let mut now = NOW;
        for block in [60, 120, 240, 480, 900, 900] {
            let free = if block == 60 { 5 } else { 1 };
            for _ in 0..free {
                throttle.begin(Some(&alice()), address(1), false, now).unwrap();
            }
            assert_eq!(throttle.begin(Some(&alice()), address(1), false, now), Err(Refused::Blocked(block)));
            // from elsewhere, and another name from here, go on
            assert_eq!(throttle.begin(Some(&Name::Unknown(7)), address(2), false, now), Ok(()));
            throttle.succeeded(Some(&Name::Unknown(7)), address(2), now);
            now = now.plus_seconds(block.min(899));
            if block == 900 {
                assert_eq!(throttle.begin(Some(&alice()), address(1), false, now), Err(Refused::Blocked(1)));
                break;
            }
        }
        assert_eq!(throttle.begin(Some(&alice()), address(1), false, now.plus_seconds(901)), Ok(()));
    }

    #[test]
    fn a_success_clears_the_name_and_costs_the_address_nothing() {
        let throttle = Throttle::default();
        for _ in 0..ADDRESS_FREE * 3 {
            throttle.begin(Some(&alice()), address(1), false, NOW).unwrap();
            throttle.succeeded(Some(&alice()), address(1), NOW);
        }
        for number in 0..ADDRESS_FREE {
            let name = Name::Unknown(u8::try_from(number).unwrap());
            throttle.begin(Some(&name), address(1), false, NOW).unwrap();
        }
        assert_eq!(throttle.begin(Some(&Name::Unknown(200)), address(1), false, NOW), Err(Refused::Blocked(60)));
        assert_eq!(throttle.begin(None, address(1), false, NOW), Err(Refused::Blocked(60)));
        assert_eq!(throttle.begin(Some(&alice()), address(1), true, NOW), Ok(()), "with a live login");
    }

    #[test]
    fn guesses_from_everywhere_slow_strangers_down_and_nobody_who_was_here_before() {
        let throttle = Throttle::default();
        throttle.begin(Some(&alice()), address(1), false, NOW).unwrap();
        throttle.succeeded(Some(&alice()), address(1), NOW);
        for number in 0..100 {
            throttle.begin(Some(&alice()), address(1000 + number), false, NOW).unwrap();
        }
        let begin = |from, welcome, now| throttle.begin(Some(&alice()), address(from), welcome, now);
        assert_eq!(begin(2, false, NOW), Ok(()), "the first turn");
        assert_eq!(begin(3, false, NOW), Err(Refused::Crowded(5)));
        assert_eq!(begin(3, true, NOW), Ok(()), "a live login");
        assert_eq!(begin(1, false, NOW), Ok(()), "was let in before");
        assert_eq!(begin(4, false, NOW.plus_seconds(5)), Ok(()), "the next turn");
    }

    #[test]
    fn memory_is_bounded_and_neighbours_in_a_network_are_one() {
        let throttle = Throttle::default();
        for number in 0..u32::try_from(ENTRIES_MAX).unwrap() * 2 {
            let now = Time(NOW.0 + i64::from(number));
            throttle.begin(Some(&Name::Unknown(1)), address(number), false, now).unwrap();
        }
        let counts = throttle.counts();
        assert!(counts.names.len() <= ENTRIES_MAX && counts.addresses.len() <= ENTRIES_MAX);
        drop(counts);
        let v6 = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        for number in 0..5 {
            throttle.begin(Some(&alice()), v6(&format!("2001:db8::{number}")), false, NOW).unwrap();
        }
        assert!(throttle.begin(Some(&alice()), v6("2001:db8::ffff"), false, NOW).is_err());
        assert!(throttle.begin(Some(&alice()), v6("2001:db8:0:1::1"), false, NOW).is_ok());
        for _ in 0..5 {
            throttle.begin(Some(&alice()), v6("::ffff:192.0.2.1"), false, NOW).unwrap();
        }
        assert!(throttle.begin(Some(&alice()), v6("192.0.2.1"), false, NOW).is_err());
    }
}
