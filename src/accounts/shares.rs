//! Wallets that their owners let others use: inviting, accepting, and what a member may do then.
//!
//! Whoever uses a shared wallet does so as himself: his credential's own policy, within what the share allows, on
//! the wallet of the owner. A mirror wallet is only a pair of keys for that. Nothing is remembered of a share but
//! what a mirror's key resolved to, and every change of a share makes all servers forget that.

use std::sync::Arc;

use super::{
    AccountError, Accounts, WalletCard, WalletWithKeys,
    policy::{Policy, Principal, Sight},
    wallets::check_makes_wallets,
};
use crate::{
    domain::{
        AccountId, CredentialId, Msat, Wallet, WalletId,
        credential::Restrictions,
        payment::Author,
        share::{OpenShare, Share, ShareRights, ShareRole, ShareStatus, operator_id},
    },
    store::types::ShareChange,
};

/// Most shares of one owner.
const SHARES_MAX: usize = 1000;

/// How somebody who is not its owner came to a wallet.
#[derive(Debug, Clone)]
pub struct Through {
    /// The mirror that stands for it, where he came by that.
    pub mirror: Option<WalletId>,
    /// Who he is to the owner.
    pub author: Author,
}

/// A wallet as one of those who use it sees it.
pub struct WalletView {
    /// The wallet. A mirror looks like its source, and has its own id and keys; a shared wallet without a mirror has
    /// no keys.
    pub opened: WalletWithKeys,
    /// Where it is somebody else's.
    pub shared: Option<SharedWallet>,
    /// Whom its owner invited.
    pub members: Vec<Share>,
}

/// What a member knows of a wallet that is shared with him.
#[derive(Debug, Clone)]
pub struct SharedWallet {
    /// Which it is.
    pub source: WalletId,
    /// What he may do.
    pub rights: ShareRights,
    /// His role.
    pub role: ShareRole,
}

/// A share about to be made.
pub(super) struct NewShare<'a> {
    pub(super) wallet: &'a WalletId,
    pub(super) member: &'a AccountId,
    /// As the owner calls the member.
    pub(super) invitee: &'a str,
    pub(super) role: ShareRole,
    pub(super) rights: ShareRights,
    pub(super) limits: String,
    /// The name of the budget that it shares with others, if there are others.
    pub(super) budget: Option<CredentialId>,
}

impl Accounts {
    /// The wallet that a principal acts on, and what he may do there: on one that is shared with him what his
    /// credential and the share both allow.
    ///
    /// # Errors
    /// When it names none and has several, or names one that it does not reach.
    pub async fn acting_on(
        &self,
        principal: &Arc<Principal>,
        named: Option<&str>,
    ) -> Result<(Arc<Principal>, Arc<WalletCard>), AccountError> {
        let card = match self.wallet_of(principal, named).await {
            Ok(card) => card,
            Err(refused @ (AccountError::Missing(_) | AccountError::Forbidden(_))) => {
                return self.shared_by_name(principal, named).await?.ok_or(refused);
            }
            Err(error) => return Err(error),
        };
        let Some(source) = card.source.clone() else { return Ok((Arc::clone(principal), card)) };
        let found = self.open_share(source, &principal.account).await?;
        let open = found.filter(|open| open.share.mirror_wallet_id.as_ref() == Some(&card.id));
        Ok(self.narrowed(principal, open.ok_or(GONE)?, Some(card.id.clone())))
    }

    /// The wallet of somebody else that this name stands for.
    async fn shared_by_name(
        &self,
        principal: &Principal,
        named: Option<&str>,
    ) -> Result<Option<(Arc<Principal>, Arc<WalletCard>)>, AccountError> {
        let Some(id) = named.and_then(|name| name.parse::<WalletId>().ok()) else { return Ok(None) };
        let open = self.open_share(id, &principal.account).await?.filter(|open| reaches(principal, &open.share));
        Ok(open.map(|open| self.narrowed(principal, open, None)))
    }

    async fn open_share(&self, wallet: WalletId, member: &AccountId) -> Result<Option<OpenShare>, AccountError> {
        Ok(self.store.share_find(wallet, member.clone()).await?.filter(OpenShare::is_open))
    }

    /// What a mirror's key opens: its source, within the share. Other wallets' keys open what they are for.
    pub(super) async fn through_mirror(&self, principal: Arc<Principal>) -> Result<Arc<Principal>, AccountError> {
        let mirror = principal.wallet.as_ref().is_some_and(|card| card.source.is_some());
        if mirror { Ok(self.acting_on(&principal, None).await?.0) } else { Ok(principal) }
    }

    fn narrowed(
        &self,
        principal: &Principal,
        open: OpenShare,
        mirror: Option<WalletId>,
    ) -> (Arc<Principal>, Arc<WalletCard>) {
        let OpenShare { share, wallet, owner } = open;
        let author = Author { operator: operator_id(&owner.id, &share.account_id), name: share.invitee.clone() };
        // the owner's keys are not even there to be shown
        let card = Arc::new(WalletCard {
            id: wallet.id.clone(),
            account: owner.id,
            name: wallet.name,
            admin_key: String::new(),
            invoice_key: String::new(),
            source: None,
            through: Some(Through { mirror, author }),
        });
        let bounds = Policy::of(self.catalogue.shared(share.rights()));
        let bounds = bounds.limited(share.restrictions(), share.budget_id.clone());
        let policy = Policy { wallets: None, ..principal.policy.clone() }.within(&bounds);
        let principal = Principal {
            wallet: Some(Arc::clone(&card)),
            policy: Policy { wallets: Some(vec![wallet.id]), ..policy },
            sight: Sight { admin_key: false, invoice_key: false },
            ..principal.clone()
        };
        (Arc::new(principal), card)
    }

    /// May a principal hear what happens in its wallet? Everybody may who may read its payments.
    pub fn may_listen(&self, principal: &Principal) -> bool {
        principal.policy.routes.covers(&self.catalogue.shared(ShareRights::VIEW))
    }

    /// Invites somebody to a wallet. Whether there is somebody of that name shows: clients know the text for it.
    ///
    /// # Errors
    /// When there is nobody of that name, or he was invited before.
    pub async fn share_wallet(
        &self,
        principal: &Principal,
        wallet: &WalletCard,
        invitee: &str,
        rights: ShareRights,
    ) -> Result<Share, AccountError> {
        check_may_share(principal)?;
        let member = self.invitee(&wallet.account, invitee).await?;
        let given = self.store.share_list_of_owner(wallet.account.clone()).await?;
        let budget = budget_of(&given, &member);
        let (limits, role) = (text_of(&Restrictions::default()), ShareRole::Custom);
        let new = NewShare { wallet: &wallet.id, member: &member, invitee, role, rights, limits, budget };
        let share = self.new_share(&wallet.account, new).await?;
        check_room(given.len() + 1)?;
        self.store.share_create(vec![share.clone()]).await?;
        self.grants.forget();
        Ok(share)
    }

    /// Changes what the mirror of a wallet may do.
    ///
    /// # Errors
    /// When the wallet has no such mirror.
    pub async fn change_share(
        &self,
        principal: &Principal,
        wallet: &WalletCard,
        mirror: Option<&str>,
        rights: ShareRights,
    ) -> Result<Share, AccountError> {
        check_may_share(principal)?;
        let named = mirror.filter(|id| !id.is_empty()).ok_or_else(|| AccountError::invalid("Wallet ID missing."))?;
        let mut given = self.store.share_list_of_owner(wallet.account.clone()).await?.into_iter();
        let mirrored = |share: &Share| share.mirror_wallet_id.as_ref().is_some_and(|id| id.as_str() == named);
        let found = given.find(|open| open.share.wallet_id == wallet.id && mirrored(&open.share));
        let share = found.ok_or_else(|| AccountError::invalid("Share not found"))?.share;
        let target = match &share.mirror_wallet_id {
            Some(id) => self.store.wallet_find(id.clone()).await?.filter(|mirror| !mirror.deleted),
            None => None,
        };
        if target.is_none() {
            return Err(AccountError::invalid("Target wallet not found"));
        }
        let role = Some((ShareRole::Custom, rights));
        let change =
            ShareChange { ids: vec![share.id], enabled: Some(true), role, ..ShareChange::at(self.clock.now()) };
        self.store.share_change(change).await?;
        self.grants.forget();
        let changed = self.store.share_find(wallet.id.clone(), share.account_id).await?;
        changed.map(|open| open.share).ok_or_else(|| AccountError::invalid("Share not found"))
    }

    /// Ends a share and its mirror. Answers whether there was a mirror.
    ///
    /// # Errors
    /// When the wallet has no such share.
    pub async fn end_share(
        &self,
        principal: &Principal,
        wallet: &WalletCard,
        request: &str,
    ) -> Result<bool, AccountError> {
        check_may_share(principal)?;
        let mut given = self.store.share_list_of_owner(wallet.account.clone()).await?.into_iter();
        let found = given.find(|open| open.share.wallet_id == wallet.id && open.share.request_id() == request);
        let share = found.ok_or_else(|| AccountError::invalid("Wallet share not found."))?.share;
        let change = ShareChange { remove: vec![share.id], ..ShareChange::at(self.clock.now()) };
        self.store.share_change(change).await?;
        self.grants.forget();
        Ok(share.mirror_wallet_id.is_some())
    }

    /// Accepts an invitation by making a mirror of the wallet.
    ///
    /// # Errors
    /// When there is no such wallet or no invitation to it.
    pub async fn mirror_wallet(&self, principal: &Principal, source: Option<&str>) -> Result<WalletView, AccountError> {
        check_makes_wallets(principal)?;
        let invalid = AccountError::invalid;
        let source = source.filter(|id| !id.is_empty());
        let source = source.ok_or_else(|| invalid("Shared wallet ID is required for shared wallets."))?;
        let found = match source.parse::<WalletId>() {
            Ok(id) => self.store.wallet_find(id).await?.filter(|wallet| !wallet.deleted),
            Err(()) => None,
        };
        let source = found.ok_or_else(|| invalid("Shared wallet does not exist."))?;
        if source.source_wallet_id.is_some() {
            return Err(invalid("Shared wallet is not a lightning wallet."));
        }
        if source.account_id == principal.account {
            return Err(invalid("Cannot mirror your own wallet."));
        }
        let open = self.store.share_find(source.id.clone(), principal.account.clone()).await?;
        let open = open.filter(|open| open.share.status != ShareStatus::Disabled && open.owner.activated);
        let open = open.ok_or_else(|| invalid("No invitation found for this invited user."))?;
        let mut made = self.new_wallet(&principal.account, Some(&source.name))?;
        made.wallet.source_wallet_id = Some(source.id);
        let (id, mirror) = (open.share.id.clone(), Some(made.wallet.clone()));
        if !self.store.share_accept(id, mirror, self.clock.now()).await? {
            return Err(invalid("This wallet is already shared with you."));
        }
        self.grants.forget();
        Ok(mirrored(made, &open))
    }

    /// What a principal was invited to and did not answer yet.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn invitations(&self, account: &AccountId) -> Result<Vec<OpenShare>, AccountError> {
        let mut given = self.store.share_list_of_member(account.clone()).await?;
        let living = |open: &OpenShare| !open.wallet.deleted && open.owner.activated;
        given.retain(|open| open.share.status == ShareStatus::Invited && living(open));
        Ok(given)
    }

    /// Accepts or declines an invitation.
    ///
    /// # Errors
    /// When there is no such invitation.
    pub async fn answer_invitation(
        &self,
        principal: &Principal,
        request: &str,
        accept: bool,
    ) -> Result<OpenShare, AccountError> {
        let missing = || AccountError::invalid("Invitation not found.");
        let mut invitations = self.invitations(&principal.account).await?.into_iter();
        let open = invitations.find(|open| open.share.request_id() == request).ok_or_else(missing)?;
        let (id, now) = (open.share.id.clone(), self.clock.now());
        let answered = if accept {
            self.store.share_accept(id, None, now).await?
        } else {
            self.store.share_decline(id, now).await?
        };
        self.grants.forget();
        if !answered {
            return Err(missing());
        }
        let status = if accept { ShareStatus::Active } else { ShareStatus::Disabled };
        Ok(OpenShare { share: Share { status, ..open.share }, ..open })
    }

    /// All wallets that a principal reaches, those that are shared with him too.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn wallet_views(&self, principal: &Principal) -> Result<Vec<WalletView>, AccountError> {
        let own = self.wallets(principal).await?;
        let mirrors: Vec<WalletId> = own.iter().map(|opened| opened.wallet.id.clone()).collect();
        let mut views = self.viewed(principal, own).await?;
        let given = self.store.share_list_of_member(principal.account.clone()).await?;
        let unmirrored = |share: &Share| share.mirror_wallet_id.as_ref().is_none_or(|id| !mirrors.contains(id));
        let plain = given.into_iter().filter(|open| open.is_open() && unmirrored(&open.share));
        views.extend(plain.filter(|open| reaches(principal, &open.share)).map(|open| {
            let member = open.share.account_id.clone();
            let wallet = Wallet { id: open.wallet.id.clone(), account_id: member, ..seen_through(&open) };
            let opened = WalletWithKeys { wallet, admin_key: String::new(), invoice_key: String::new() };
            WalletView { opened, shared: Some(shared(&open)), members: Vec::new() }
        }));
        Ok(views)
    }

    /// An account's own wallets as it sees them: with whom they are shared, and mirrors as their sources. Mirrors whose
    /// share cannot be used now are left out.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn viewed(
        &self,
        principal: &Principal,
        own: Vec<WalletWithKeys>,
    ) -> Result<Vec<WalletView>, AccountError> {
        let given = self.store.share_list_of_owner(principal.account.clone()).await?;
        let has_mirrors = own.iter().any(|opened| opened.wallet.source_wallet_id.is_some());
        let received =
            if has_mirrors { self.store.share_list_of_member(principal.account.clone()).await? } else { Vec::new() };
        let view = |opened: WalletWithKeys| {
            if opened.wallet.source_wallet_id.is_some() {
                let id = Some(&opened.wallet.id);
                let open = received.iter().find(|open| open.share.mirror_wallet_id.as_ref() == id && open.is_open());
                return open.map(|open| mirrored(opened, open));
            }
            let members = given.iter().map(|open| &open.share).filter(|share| share.wallet_id == opened.wallet.id);
            let members = members.cloned().collect();
            Some(WalletView { opened, shared: None, members })
        };
        Ok(own.into_iter().filter_map(view).collect())
    }

    /// Who was given what of a wallet, oldest first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn members_of(&self, wallet: &WalletId) -> Result<Vec<Share>, AccountError> {
        Ok(self.store.share_list_of_wallet(wallet.clone()).await?)
    }

    /// Who is meant by a name that an owner gives.
    pub(super) async fn invitee(&self, owner: &AccountId, name: &str) -> Result<AccountId, AccountError> {
        let name = name.trim();
        if name.is_empty() {
            return Err(AccountError::invalid("Username or email missing."));
        }
        let key = name.to_lowercase();
        let found = self.store.account_by_login(key.clone()).await?;
        // an e-mail that nobody proved to be his may be anybody's
        let known = found.filter(|found| found.username_key.as_ref() == Some(&key) || found.email_verified);
        let member = known.filter(|member| member.activated);
        let member = member.ok_or_else(|| AccountError::invalid("Invited user not found."))?;
        if member.id == *owner {
            return Err(AccountError::invalid("You cannot invite yourself."));
        }
        Ok(member.id)
    }

    pub(super) async fn new_share(&self, by: &AccountId, new: NewShare<'_>) -> Result<Share, AccountError> {
        let (id, now) = (self.unused_id().await?, self.clock.now());
        Ok(Share {
            wallet_id: new.wallet.clone(),
            account_id: new.member.clone(),
            invitee: new.invitee.trim().to_owned(),
            may_view: new.rights.view,
            may_receive: new.rights.receive,
            may_send: new.rights.send,
            may_manage: new.rights.manage,
            role: new.role,
            limits: new.limits,
            budget_id: new.budget.unwrap_or_else(|| id.clone()),
            status: ShareStatus::Invited,
            mirror_wallet_id: None,
            invited_by: by.clone(),
            accepted_at: None,
            created_at: now,
            updated_at: now,
            id,
        })
    }

    /// An id that no credential has: budgets of both are counted under these names.
    async fn unused_id(&self) -> Result<CredentialId, AccountError> {
        loop {
            let id = CredentialId::from(self.clock.bytes::<4>());
            if self.store.credential_find(id.clone()).await?.is_none() {
                return Ok(id);
            }
        }
    }
}

const GONE: AccountError = AccountError::Missing("Wallet not found.");

/// Only who may see a wallet's admin key may share it: all others have bounds that a share of theirs would not have.
pub(super) fn check_may_share(principal: &Principal) -> Result<(), AccountError> {
    if principal.sight.admin_key {
        return Ok(());
    }
    let who = principal.family.name();
    Err(AccountError::Forbidden(format!("This {who} has limits of its own; it cannot share wallets.")))
}

pub(super) fn check_room(shares: usize) -> Result<(), AccountError> {
    if shares > SHARES_MAX {
        return Err(AccountError::Invalid(format!("An account shares its wallets {SHARES_MAX} times at most.")));
    }
    Ok(())
}

/// The name under which the spending of this member is counted already.
pub(super) fn budget_of(given: &[OpenShare], member: &AccountId) -> Option<CredentialId> {
    given.iter().find(|open| open.share.account_id == *member).map(|open| open.share.budget_id.clone())
}

/// Limits as they are stored: plain numbers and texts, which serialize without fail.
pub(super) fn text_of(limits: &Restrictions) -> String {
    serde_json::to_string(limits).unwrap_or_else(|_| "{}".to_owned())
}

/// Is the wallet, or the mirror that stands for it, among those that the credential is for?
fn reaches(principal: &Principal, share: &Share) -> bool {
    let policy = &principal.policy;
    policy.reaches(&share.wallet_id) || share.mirror_wallet_id.as_ref().is_some_and(|mirror| policy.reaches(mirror))
}

/// The wallet as its member sees it.
fn seen_through(open: &OpenShare) -> Wallet {
    let wallet = open.wallet.clone();
    let balance_msat = if open.share.rights().any() { wallet.balance_msat } else { Msat::ZERO };
    Wallet { balance_msat, stored_paylinks: "[]".to_owned(), ..wallet }
}

fn mirrored(opened: WalletWithKeys, open: &OpenShare) -> WalletView {
    let mirror = opened.wallet;
    let wallet = Wallet {
        id: mirror.id,
        account_id: mirror.account_id,
        created_at: mirror.created_at,
        source_wallet_id: mirror.source_wallet_id,
        ..seen_through(open)
    };
    let opened = WalletWithKeys { wallet, ..opened };
    WalletView { opened, shared: Some(shared(open)), members: Vec::new() }
}

fn shared(open: &OpenShare) -> SharedWallet {
    SharedWallet { source: open.wallet.id.clone(), rights: open.share.rights(), role: open.share.role }
}
