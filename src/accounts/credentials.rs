//! From a presented credential to a principal: in one place, once per request.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{
    AccountError, Accounts, WalletCard,
    policy::{Family, Policy, Principal},
    tokens::BadToken,
};
use crate::{
    domain::{Account, Time, Wallet, WalletId},
    store::StoreError,
    vault::Vault,
};

impl Accounts {
    /// Who holds this wallet key?
    ///
    /// # Errors
    /// When no living wallet of an active account has it.
    pub async fn by_wallet_key(&self, key: &str) -> Result<Arc<Principal>, AccountError> {
        let fingerprint = self.vault.fingerprint(key);
        if let Some(known) = self.grants.get(&fingerprint) {
            return Ok(known);
        }
        let generation = self.grants.generation();
        let found = self.store.wallet_by_key(fingerprint.to_vec()).await?;
        let (wallet, owner) = found
            .filter(|(wallet, owner)| !wallet.deleted && owner.activated)
            .ok_or(AccountError::Missing("Wallet not found."))?;
        let is_admin_key = same(&wallet.admin_key_hash, &fingerprint);
        let family = if is_admin_key { Family::AdminKey } else { Family::InvoiceKey };
        let principal = Arc::new(Principal {
            account: owner.id,
            wallet: Some(Arc::new(WalletCard::open(&self.vault, wallet)?)),
            policy: Policy { routes: self.catalogue.allowed(family), expires_at: None },
            session: None,
            login_at: None,
            sees_admin_key: is_admin_key,
        });
        self.grants.put(fingerprint, Arc::clone(&principal), generation);
        Ok(principal)
    }

    /// Whose login is this token?
    ///
    /// # Errors
    /// When it is forged, expired or revoked, or its account is gone or disabled.
    pub async fn by_token(&self, token: &str) -> Result<Arc<Principal>, AccountError> {
        let fingerprint: [u8; 32] = Sha256::digest(token).into();
        let now = self.clock.now();
        if let Some(known) = self.grants.get(&fingerprint) {
            return if over(&known.policy, now) { Err(EXPIRED) } else { Ok(known) };
        }
        let generation = self.grants.generation();
        let id = self.tokens.check(token, now).map_err(|bad| match bad {
            BadToken::Expired => EXPIRED,
            BadToken::Invalid => INVALID,
        })?;
        let (session, account) = self.store.session_find(id).await?.ok_or(INVALID)?;
        if session.revoked_at.is_some() || session.expires_at <= now {
            return Err(EXPIRED);
        }
        if !account.activated {
            return Err(AccountError::Unauthenticated("User not found."));
        }
        let principal = Arc::new(Principal {
            wallet: None,
            policy: Policy {
                routes: self.catalogue.allowed(family_of(&account)),
                expires_at: Some(session.expires_at),
            },
            session: Some(session.id),
            login_at: Some(session.created_at),
            sees_admin_key: true,
            account: account.id,
        });
        self.grants.put(fingerprint, Arc::clone(&principal), generation);
        Ok(principal)
    }

    /// The wallet that a principal acts on: the credential's own, or the one it names among the
    /// account's, or the account's only one.
    ///
    /// # Errors
    /// When it names none and has several, or names one that is not its own.
    pub async fn wallet_of(&self, principal: &Principal, named: Option<&str>) -> Result<Arc<WalletCard>, AccountError> {
        if let Some(own) = &principal.wallet {
            return Ok(Arc::clone(own));
        }
        let wallet = match named {
            Some(name) => self.own_wallet(principal, name).await?,
            None => {
                let mut wallets = self.store.wallet_list(principal.account.clone(), false).await?;
                match (wallets.pop(), wallets.is_empty()) {
                    (Some(only), true) => only,
                    (Some(_), false) => return Err(AccountError::WalletNotNamed),
                    (None, _) => return Err(AccountError::Missing("Wallet not found.")),
                }
            }
        };
        Ok(Arc::new(WalletCard::open(&self.vault, wallet)?))
    }

    async fn own_wallet(&self, principal: &Principal, name: &str) -> Result<Wallet, AccountError> {
        let id: WalletId = name.parse().map_err(|()| AccountError::Missing("Wallet not found."))?;
        let found = self.store.wallet_find(id).await?;
        let own = found.filter(|wallet| wallet.account_id == principal.account && !wallet.deleted);
        own.ok_or(AccountError::Missing("Wallet not found."))
    }
}

const EXPIRED: AccountError = AccountError::Unauthenticated("Session expired.");
const INVALID: AccountError = AccountError::Unauthenticated("Invalid access token.");

fn family_of(account: &Account) -> Family {
    if account.super_user { Family::SuperUserSession } else { Family::Session }
}

fn over(policy: &Policy, now: Time) -> bool {
    policy.expires_at.is_some_and(|end| end <= now)
}

fn same(stored: &[u8], computed: &[u8; 32]) -> bool {
    use subtle::ConstantTimeEq;
    stored.ct_eq(computed).into()
}

impl WalletCard {
    /// Opens a wallet's sealed keys.
    pub(super) fn open(vault: &Vault, wallet: Wallet) -> Result<Self, AccountError> {
        let open = |sealed: &[u8]| vault.open_text(sealed, &format!("wallet/{}", wallet.id));
        let keys = open(&wallet.admin_key_sealed).zip(open(&wallet.invoice_key_sealed));
        let Some((admin_key, invoice_key)) = keys else {
            let why = format!(
                "the keys of wallet {} do not open: is the master secret the one they were sealed with?",
                wallet.id
            );
            return Err(AccountError::Store(StoreError::Unavailable(why)));
        };
        Ok(Self { id: wallet.id, account: wallet.account_id, name: wallet.name, admin_key, invoice_key })
    }
}
