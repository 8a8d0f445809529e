//! How many payments a wallet or an account has, without counting all of them each time.
//!
//! Payments are never deleted, and each is written within moments of the time it bears. So what lies
//! further back than [`SETTLED_SECONDS`] is counted once and remembered, and only the rest is counted
//! live, on the same snapshot. Lists with conditions are counted as they are.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::{Store, StoreError};
use crate::domain::{Time, filter::Listing, payment::Scope};

/// Between the time that a payment bears and the moment it is in the database, at the very most: waiting
/// for a connection, and the clocks of several servers being apart.
const SETTLED_SECONDS: i64 = 600;
/// Most totals that are remembered; then all are counted anew.
const TOTALS_MAX: usize = 10_000;

/// Payments of a scope up to a time.
#[derive(Clone, Copy)]
struct Total {
    until: Time,
    count: i64,
}

/// The totals that are remembered.
#[derive(Default)]
pub(super) struct Totals(Mutex<HashMap<Scope, Total>>);

impl Totals {
    fn get(&self, scope: &Scope) -> Option<Total> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(scope).copied()
    }

    fn put(&self, scope: Scope, total: Total) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= TOTALS_MAX {
            known.clear();
        }
        known.insert(scope, total);
    }
}

impl Store {
    /// Counts the payments of a listing, whatever its page.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn payment_total(&self, scope: Scope, listing: Listing, now: Time) -> Result<i64, StoreError> {
        let all = listing.conditions.is_empty() && listing.search.is_none();
        if !all || matches!(scope, Scope::All) {
            return self.payment_count(scope, listing).await;
        }
        let known = self.totals.get(&scope).unwrap_or(Total { until: Time(i64::MIN), count: 0 });
        let until = now.plus_seconds(-SETTLED_SECONDS).max(known.until);
        let (settled, live) = self.payment_count_since(scope.clone(), known.until, until).await?;
        let count = known.count.saturating_add(settled);
        if until > known.until {
            self.totals.put(scope, Total { until, count });
        }
        Ok(count.saturating_add(live))
    }
}
