//! Reading payments: one, many, and what they add up to.

use std::collections::BTreeMap;

use super::{Ledger, LedgerError};
use crate::{
    domain::{
        AccountId, Msat, Payment, PaymentId, Time, WalletId,
        filter::Listing,
        payment::{Scope, is_servers_key},
        time::{DAY, HOUR},
    },
    store::types::{GroupTotals, SpanTotals},
};

/// How a history is cut into spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryGroup {
    /// By hour.
    Hour,
    /// By day (UTC).
    Day,
    /// By calendar month (UTC).
    Month,
}

/// One span of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRow {
    /// Its start.
    pub start: Time,
    /// What came in.
    pub income: Msat,
    /// What went out, with fees.
    pub spending: Msat,
    /// The balance at its end.
    pub balance: Msat,
}

/// One day of the statistics.
#[derive(Debug, Clone)]
pub struct DailyTotals {
    /// Its start.
    pub start: Time,
    /// In, out, fees and counts.
    pub totals: SpanTotals,
    /// All until its end.
    pub balance: Msat,
}

/// A wallet's share of the statistics.
#[derive(Debug, Clone)]
pub struct WalletTotals {
    /// Which.
    pub wallet: WalletId,
    /// How many payments.
    pub count: i64,
    /// What they add up to, less fees.
    pub total: Msat,
}

impl Ledger {
    /// The newest payment of this name (payment hash or checking id) within a wallet. With no wallet,
    /// of the two sides of an internal payment the outgoing one.
    ///
    /// # Errors
    /// When there is none, or the database is not available.
    pub async fn find(&self, name: &str, wallet: Option<&WalletId>) -> Result<Payment, LedgerError> {
        let found = self.store.payment_by_name(name.to_owned()).await?;
        // the record of a fee has the hash of the payment that it is for; it is meant only by its own name
        let named = |payment: &Payment| payment.kind != crate::domain::Kind::ServiceFee || payment.checking_id == name;
        let (found, fees): (Vec<_>, Vec<_>) = found.into_iter().partition(named);
        let mut mine =
            found.into_iter().chain(fees).filter(|payment| wallet.is_none_or(|wallet| payment.wallet_id == *wallet));
        let first = mine.next().ok_or(LedgerError::Missing("Payment"))?;
        if wallet.is_some() || first.is_outgoing() {
            return Ok(first);
        }
        Ok(mine.find(Payment::is_outgoing).unwrap_or(first))
    }

    /// The invoice of this payment hash, whoever's it is.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn issued(&self, hash: &str) -> Result<Option<Payment>, LedgerError> {
        let found = self.store.payment_by_name(hash.to_owned()).await?;
        Ok(found.into_iter().find(|payment| payment.kind == crate::domain::Kind::Invoice))
    }

    /// A page of payments, newest first unless the listing says otherwise.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn list(&self, scope: Scope, listing: Listing) -> Result<Vec<Payment>, LedgerError> {
        Ok(self.store.payment_list(scope, listing).await?)
    }

    /// A page of payments and how many there are on all pages.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn page(&self, scope: Scope, listing: Listing) -> Result<(Vec<Payment>, i64), LedgerError> {
        let total = self.store.payment_total(scope.clone(), listing.clone(), self.clock.now()).await?;
        Ok((self.store.payment_list(scope, listing).await?, total))
    }

    /// The payments of a listing that come after a place, oldest first, at most so many.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn after(
        &self,
        scope: Scope,
        listing: Listing,
        place: (Time, PaymentId),
        most: i64,
    ) -> Result<Vec<Payment>, LedgerError> {
        Ok(self.store.payment_after(scope, listing, place, most).await?)
    }

    /// All wallets that an account has or had, oldest first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn wallets_of(&self, account: &AccountId) -> Result<Vec<WalletId>, LedgerError> {
        let wallets = self.store.wallet_list(account.clone(), true).await?;
        // a wallet that stands for somebody else's has no payments of its own
        Ok(wallets.into_iter().filter(|wallet| wallet.source_wallet_id.is_none()).map(|wallet| wallet.id).collect())
    }

    /// Replaces a payment's labels.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn set_labels(&self, payment: &Payment, labels: &[String]) -> Result<(), LedgerError> {
        let labels = super::incoming::json(&labels);
        Ok(self.store.payment_set_labels(payment.id, labels, self.now()).await?)
    }

    /// Adds keys to a payment's extra; keys that are there are never changed.
    ///
    /// # Errors
    /// Names the keys that exist already; or the database is not available.
    pub async fn add_extra(
        &self,
        mut payment: Payment,
        add: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Payment, LedgerError> {
        if let Some(key) = add.keys().find(|key| is_servers_key(key)) {
            return Err(LedgerError::Invalid(format!("The extra key {key} is the server's to write.")));
        }
        loop {
            let mut extra = payment.extra_object();
            let mut taken: Vec<_> = add.keys().filter(|key| extra.contains_key(*key)).cloned().collect();
            if !taken.is_empty() {
                taken.sort();
                return Err(LedgerError::Invalid(format!("Extra keys already exist: {}.", taken.join(", "))));
            }
            extra.extend(add.clone());
            let (extra, now) = (super::incoming::json(&extra), self.now());
            if self.store.payment_add_extra(payment.id, extra, payment.extra.clone(), now).await? {
                break;
            }
            // somebody else added to it since it was read
            payment = self.store.payment_find(payment.id).await?.ok_or(LedgerError::Missing("Payment"))?;
        }
        self.store.payment_find(payment.id).await?.ok_or(LedgerError::Missing("Payment"))
    }

    /// Income, spending and balance over time, oldest first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn history(
        &self,
        wallet: &WalletId,
        listing: Listing,
        group: HistoryGroup,
    ) -> Result<Vec<HistoryRow>, LedgerError> {
        let span = if group == HistoryGroup::Hour { HOUR } else { DAY };
        let spans = self.store.payment_spans(Scope::Wallet(wallet.clone()), listing, span).await?;
        let mut by_start: BTreeMap<Time, (i64, i64)> = BTreeMap::new();
        for totals in spans {
            let start = Time(totals.span.saturating_mul(span));
            let start = if group == HistoryGroup::Month { start.month_start() } else { start };
            let (income, spending) = by_start.entry(start).or_default();
            *income = income.saturating_add(totals.income);
            *spending = spending.saturating_add(totals.spending).saturating_add(totals.fees);
        }
        // the balance is known today; each span's end lies before the income and spending after it
        let mut balance = self.balance(wallet).await?.unwrap_or_default().0;
        let mut rows: Vec<HistoryRow> = by_start
            .into_iter()
            .rev()
            .map(|(start, (income, spending))| {
                let row = HistoryRow { start, income: Msat(income), spending: Msat(spending), balance: Msat(balance) };
                balance = balance.saturating_sub(income).saturating_add(spending);
                row
            })
            .collect();
        rows.reverse();
        Ok(rows)
    }

    /// Totals by day, oldest first, with a running balance over the days shown.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn daily(&self, scope: Scope, listing: Listing) -> Result<Vec<DailyTotals>, LedgerError> {
        let spans = self.store.payment_spans(scope, listing, DAY).await?;
        let mut balance = 0_i64;
        Ok(spans
            .into_iter()
            .map(|totals| {
                balance =
                    balance.saturating_add(totals.income).saturating_sub(totals.spending).saturating_sub(totals.fees);
                DailyTotals { start: Time(totals.span.saturating_mul(DAY)), totals, balance: Msat(balance) }
            })
            .collect())
    }

    /// How many payments there are, and their sums, by a column that the caller names.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn grouped(
        &self,
        scope: Scope,
        listing: Listing,
        field: &'static str,
    ) -> Result<Vec<GroupTotals>, LedgerError> {
        Ok(self.store.payment_groups(scope, listing, field).await?)
    }

    /// The same by wallet.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn by_wallet(&self, scope: Scope, listing: Listing) -> Result<Vec<WalletTotals>, LedgerError> {
        let groups = self.store.payment_groups(scope, listing, "payments.wallet_id").await?;
        let totals = groups.into_iter().filter_map(|group| {
            let wallet = group.name?.parse().ok()?;
            Some(WalletTotals { wallet, count: group.count, total: Msat(group.total) })
        });
        Ok(totals.collect())
    }
}
