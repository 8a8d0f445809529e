//! Tiers of accounts: what their keys lack, and how a paid invoice changes them.
//!
//! What was ordered is a row of our own, made together with an invoice of the super user's; what an
//! invoice says of itself counts for nothing, so that nobody can make one that looks like an order.

use super::{AccountError, Accounts, policy::Principal};
use crate::{
    domain::{
        AccountId, Msat, Payment, WalletId,
        tier::{Capability, Tier, TierOrder},
    },
    store::{Refusal, StoreError, types::TierGrant},
};

/// Most orders of one round, and of one list.
const ORDERS_MAX: i64 = 100;
/// An open invoice with less time left than this is not offered again.
const PAYABLE_SECONDS: i64 = 60;
/// How long orders are kept whose invoices expired.
const KEPT_SECONDS: i64 = 7 * 24 * 3600;

/// A capability that a tier lacks.
pub struct Lack {
    /// Which.
    pub capability: Capability,
    /// The tier that lacks it.
    pub tier: String,
    /// The cheapest tier that has it, if any has.
    pub available_in: Option<String>,
}

/// A tier that an account can buy.
pub struct TierOffer {
    /// Its name.
    pub tier: String,
    /// What it costs.
    pub price: Msat,
    /// The wallet that is to be paid.
    pub payee: WalletId,
    /// The same account's order of it that can still be paid.
    pub open: Option<(TierOrder, Payment)>,
}

impl Accounts {
    /// All tiers, the cheapest first.
    pub fn tiers(&self) -> Vec<(String, Tier)> {
        let limits = self.limits();
        limits.tiers.ladder().into_iter().map(|(name, tier)| (name.to_owned(), tier.clone())).collect()
    }

    /// What this tier, or the one that stands for it, allows.
    pub fn tier(&self, name: &str) -> Option<Tier> {
        self.limits().tiers.of(name).cloned()
    }

    /// What the tier of a key that was handed out lacks for this; wallet keys and logins lack nothing.
    pub fn lack(&self, principal: &Principal, capability: Capability) -> Option<Lack> {
        let limits = self.limits();
        let tiers = &limits.tiers;
        let tier = principal.credential().and_then(|_| tiers.of(&principal.tier))?;
        if tier.capabilities.contains(&capability) {
            return None;
        }
        let available_in = tiers.offering(capability).map(str::to_owned);
        Some(Lack { capability, tier: principal.tier.to_string(), available_in })
    }

    /// What it would take to have this tier.
    ///
    /// # Errors
    /// When there is no such tier, it is not for sale, or the account has it or a dearer one.
    pub async fn tier_offer(&self, account: &AccountId, name: &str) -> Result<TierOffer, AccountError> {
        self.check_tier(name)?;
        let limits = self.settings.kept_limits();
        let tiers = &limits.tiers;
        let (price, has) = (tiers.price(name), self.account(account).await?.tier);
        if price <= Msat::ZERO {
            return Err(AccountError::Invalid(format!("The tier {name} is not for sale; the super user gives it.")));
        }
        if has == name {
            return Err(AccountError::Invalid(format!("The account is in the tier {name}.")));
        }
        if tiers.price(&has) > price {
            return Err(AccountError::Invalid(format!("The account is in the tier {has}, which is above {name}.")));
        }
        let payable_until = self.clock.now().plus_seconds(PAYABLE_SECONDS);
        let mut open = self.open_tier_orders(account).await?.into_iter();
        let open = open.find(|(order, invoice)| {
            let pending = invoice.status == crate::domain::Status::Pending && invoice.expires_at > payable_until;
            pending && order.tier == name && order.price_msat == price
        });
        Ok(TierOffer { tier: name.to_owned(), price, payee: self.till().await?, open })
    }

    /// Remembers that paying this invoice of [`TierOffer::payee`] buys the offer.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn order_tier(
        &self,
        account: &AccountId,
        offer: &TierOffer,
        invoice: &Payment,
    ) -> Result<TierOrder, AccountError> {
        let order = TierOrder {
            payment_hash: invoice.payment_hash.clone(),
            account_id: account.clone(),
            tier: offer.tier.clone(),
            price_msat: offer.price,
            created_at: self.clock.now(),
            applied_at: None,
        };
        self.store.tier_order_create(order.clone()).await?;
        Ok(order)
    }

    /// The account's orders that are not granted yet, with their invoices, newest first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn open_tier_orders(&self, account: &AccountId) -> Result<Vec<(TierOrder, Payment)>, AccountError> {
        Ok(self.store.tier_order_open(account.clone(), ORDERS_MAX).await?)
    }

    /// Puts accounts, or this one, into the tiers that they paid for. An order is granted once, however
    /// many servers are at it.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn grant_paid_tiers(&self, account: Option<AccountId>) -> Result<(), AccountError> {
        for order in self.store.tier_order_paid(account, ORDERS_MAX).await? {
            self.grant_tier(&order).await?;
        }
        Ok(())
    }

    async fn grant_tier(&self, order: &TierOrder) -> Result<(), AccountError> {
        loop {
            let was = self.account(&order.account_id).await?.tier;
            // who paid for two tiers at once does not end in the lower one
            let above = self.limits().tiers.price(&was) > order.price_msat;
            let grant = TierGrant {
                order: order.payment_hash.clone(),
                account: order.account_id.clone(),
                tier: if above { was.clone() } else { order.tier.clone() },
                was,
                at: self.clock.now(),
            };
            match self.store.tier_order_grant(grant).await {
                Err(StoreError::Refused(Refusal::Changed(_))) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => {
                    self.grants.forget();
                    return Ok(());
                }
            }
        }
    }

    /// Puts an account into a tier, as the super user says.
    ///
    /// # Errors
    /// When there is no such tier or no such account.
    pub async fn set_tier(&self, account: &AccountId, name: &str) -> Result<(), AccountError> {
        self.check_tier(name)?;
        if !self.store.account_set_tier(account.clone(), name.to_owned()).await? {
            return Err(AccountError::Missing("User not found."));
        }
        self.grants.forget();
        Ok(())
    }

    /// Forgets orders that nobody paid in time.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn forget_stale_tier_orders(&self) -> Result<(), AccountError> {
        Ok(self.store.tier_order_forget(self.clock.now().plus_seconds(-KEPT_SECONDS)).await?)
    }

    fn check_tier(&self, name: &str) -> Result<(), AccountError> {
        let limits = self.limits();
        let tiers = &limits.tiers.by_name;
        if tiers.contains_key(name) {
            return Ok(());
        }
        let known: Vec<_> = tiers.keys().map(String::as_str).collect();
        Err(AccountError::Invalid(format!("There is no tier {name:?}; there are {}.", known.join(", "))))
    }

    /// The wallet that is paid for tiers: the super user's first.
    async fn till(&self) -> Result<WalletId, AccountError> {
        let owner = self.store.account_super_user().await?.ok_or(AccountError::Missing("User not found."))?;
        let wallets = self.store.wallet_list(owner.id.clone(), false).await?;
        if let Some(first) = wallets.into_iter().next() {
            return Ok(first.id);
        }
        let made = self.new_wallet(&owner.id, None)?.wallet;
        self.store.wallet_create(made.clone()).await?;
        Ok(made.id)
    }
}
