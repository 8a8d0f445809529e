//! Operators: the same shares, seen by person. Whoever an owner let into some of his wallets is one operator.

use super::{
    AccountError, Accounts,
    policy::Principal,
    shares::{NewShare, budget_of, check_may_share, check_room, text_of},
};
use crate::{
    domain::{
        AccountId, WalletId,
        credential::Restrictions,
        share::{OpenShare, ShareRole, ShareStatus, operator_id},
    },
    store::types::ShareChange,
};

/// Somebody who is to be invited.
pub struct NewOperator {
    /// His user name, or his e-mail where he proved that it is his.
    pub username: String,
    /// What he may do.
    pub role: ShareRole,
    /// The wallets; all of the owner's when absent.
    pub wallets: Option<Vec<String>>,
    /// Within which limits: those of his payments hold for each, the budget for all wallets together.
    pub limits: Restrictions,
}

/// Changes to an operator; `None` keeps what is.
#[derive(Default)]
pub struct OperatorChange {
    /// May he do it now?
    pub enabled: Option<bool>,
    /// New role.
    pub role: Option<ShareRole>,
    /// New limits, in place of all the old ones.
    pub limits: Option<Restrictions>,
    /// Exactly these wallets.
    pub wallets: Option<Vec<String>>,
}

/// Somebody who was let into some of an owner's wallets.
pub struct Operator {
    /// Names him for this owner.
    pub id: String,
    /// His shares of living wallets; never empty.
    pub shares: Vec<OpenShare>,
}

impl Operator {
    /// Disabled, unless he may use one of the wallets or is invited to one.
    pub fn status(&self) -> ShareStatus {
        let has = |status| self.shares.iter().any(|open| open.share.status == status);
        [ShareStatus::Active, ShareStatus::Invited]
            .into_iter()
            .find(|status| has(*status))
            .unwrap_or(ShareStatus::Disabled)
    }

    /// His role, if it is the same everywhere.
    pub fn role(&self) -> ShareRole {
        let mut roles = self.shares.iter().map(|open| open.share.role);
        let first = roles.next().unwrap_or(ShareRole::Custom);
        if roles.all(|role| role == first) { first } else { ShareRole::Custom }
    }
}

impl Accounts {
    /// Everybody who was let into the account's wallets, whoever was first comes first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn operators(&self, principal: &Principal) -> Result<Vec<Operator>, AccountError> {
        let mut given = self.store.share_list_of_owner(principal.account.clone()).await?;
        given.retain(|open| !open.wallet.deleted && principal.policy.reaches(&open.wallet.id));
        let mut operators: Vec<Operator> = Vec::new();
        for open in given {
            let id = operator_id(&principal.account, &open.share.account_id);
            match operators.iter_mut().find(|operator| operator.id == id) {
                Some(operator) => operator.shares.push(open),
                None => operators.push(Operator { id, shares: vec![open] }),
            }
        }
        Ok(operators)
    }

    /// One of them.
    ///
    /// # Errors
    /// When there is none of this id.
    pub async fn operator(&self, principal: &Principal, id: &str) -> Result<Operator, AccountError> {
        let found = self.operators(principal).await?.into_iter().find(|operator| operator.id == id);
        found.ok_or(AccountError::Missing("Operator not found."))
    }

    /// Invites somebody to wallets of the account: to all of those that are named, or to none. Without names, to all
    /// that he was not invited to before.
    ///
    /// # Errors
    /// Says which value is not allowed, or that he was invited before.
    pub async fn invite_operator(&self, principal: &Principal, new: NewOperator) -> Result<Operator, AccountError> {
        check_may_share(principal)?;
        let owner = &principal.account;
        let member = self.invitee(owner, &new.username).await?;
        let mut wallets = self.shareable(principal, new.wallets.as_deref()).await?;
        let given = self.store.share_list_of_owner(owner.clone()).await?;
        let invited = |wallet: &WalletId| {
            given.iter().any(|open| open.share.account_id == member && open.share.wallet_id == *wallet)
        };
        if new.wallets.is_none() {
            wallets.retain(|wallet| !invited(wallet));
        }
        if wallets.is_empty() || wallets.iter().any(invited) {
            return Err(AccountError::invalid("User already invited to this wallet."));
        }
        check_room(given.len() + wallets.len())?;
        let rights = new.role.rights().unwrap_or_default();
        let mut budget = budget_of(&given, &member);
        let mut shares = Vec::new();
        for wallet in &wallets {
            let (invitee, limits) = (new.username.as_str(), text_of(&new.limits));
            let share = NewShare { wallet, member: &member, invitee, role: new.role, rights, limits, budget };
            let share = self.new_share(owner, share).await?;
            budget = Some(share.budget_id.clone());
            shares.push(share);
        }
        self.store.share_create(shares).await?;
        self.grants.forget();
        self.operator(principal, &operator_id(owner, &member)).await
    }

    /// Changes what an operator may do, where, and whether he may do it now. One who has not accepted yet still has to.
    ///
    /// # Errors
    /// When there is none of this id, or a value is not allowed.
    pub async fn change_operator(
        &self,
        principal: &Principal,
        id: &str,
        change: OperatorChange,
    ) -> Result<Operator, AccountError> {
        check_may_share(principal)?;
        let operator = self.operator(principal, id).await?;
        let Some(first) = operator.shares.first().map(|open| open.share.clone()) else {
            return Err(AccountError::Missing("Operator not found."));
        };
        let mut shares = ShareChange::at(self.clock.now());
        let mut kept = operator.shares;
        if let Some(names) = &change.wallets {
            let wallets = self.shareable(principal, Some(names)).await?;
            let (keep, remove): (Vec<_>, Vec<_>) =
                kept.into_iter().partition(|open| wallets.contains(&open.share.wallet_id));
            shares.remove = remove.into_iter().map(|open| open.share.id).collect();
            for wallet in wallets.iter().filter(|wallet| keep.iter().all(|open| open.share.wallet_id != **wallet)) {
                let role = change.role.unwrap_or(first.role);
                let rights = role.rights().unwrap_or(first.rights());
                let limits = change.limits.as_ref().map_or_else(|| first.limits.clone(), text_of);
                let (member, invitee, budget) =
                    (&first.account_id, first.invitee.as_str(), Some(first.budget_id.clone()));
                let new = NewShare { wallet, member, invitee, role, rights, limits, budget };
                let mut share = self.new_share(&principal.account, new).await?;
                // he agreed to work for this owner; whether he may now is said for all wallets alike
                (share.status, share.accepted_at) = (first.status, first.accepted_at);
                share.status = match (change.enabled, share.accepted_at) {
                    (None, _) => share.status,
                    (Some(false), _) => ShareStatus::Disabled,
                    (Some(true), Some(_)) => ShareStatus::Active,
                    (Some(true), None) => ShareStatus::Invited,
                };
                shares.add.push(share);
            }
            kept = keep;
        }
        check_room(kept.len() + shares.add.len())?;
        shares.ids = kept.into_iter().map(|open| open.share.id).collect();
        shares.enabled = change.enabled;
        shares.role = change.role.map(|role| (role, role.rights().unwrap_or(first.rights())));
        shares.limits = change.limits.as_ref().map(text_of);
        self.store.share_change(shares).await?;
        self.grants.forget();
        self.operator(principal, id).await
    }

    /// Lets an operator out of all the account's wallets.
    ///
    /// # Errors
    /// When there is none of this id.
    pub async fn remove_operator(&self, principal: &Principal, id: &str) -> Result<(), AccountError> {
        check_may_share(principal)?;
        let operator = self.operator(principal, id).await?;
        let remove = operator.shares.into_iter().map(|open| open.share.id).collect();
        self.store.share_change(ShareChange { remove, ..ShareChange::at(self.clock.now()) }).await?;
        self.grants.forget();
        Ok(())
    }

    /// The account's own living wallets of these names, or all of them. A mirror is nobody's to share.
    async fn shareable(&self, principal: &Principal, names: Option<&[String]>) -> Result<Vec<WalletId>, AccountError> {
        let own: AccountId = principal.account.clone();
        let mut living = self.store.wallet_list(own, false).await?;
        living.retain(|wallet| principal.policy.reaches(&wallet.id));
        let Some(names) = names else {
            let sources = living.into_iter().filter(|wallet| wallet.source_wallet_id.is_none());
            return Ok(sources.map(|wallet| wallet.id).collect());
        };
        if names.is_empty() {
            return Err(AccountError::invalid("wallets: name at least one."));
        }
        let mut wallets: Vec<WalletId> = Vec::new();
        for name in names {
            let found = living.iter().find(|wallet| wallet.id.as_str() == name);
            let wallet = found.ok_or(AccountError::Missing("Wallet not found."))?;
            if wallet.source_wallet_id.is_some() {
                return Err(AccountError::invalid("Only lightning wallets can be shared."));
            }
            if !wallets.contains(&wallet.id) {
                wallets.push(wallet.id.clone());
            }
        }
        Ok(wallets)
    }
}
