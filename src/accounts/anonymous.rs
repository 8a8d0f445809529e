//! Anonymous sessions: an account that nobody can log in to, held by one key, until somebody claims it.

use super::{AccountError, Accounts, WalletWithKeys, keys::ID_TRIES};
use crate::{
    domain::{
        Account, AccountId, CredentialId, Time,
        credential::{Credential, CredentialKind, HandedOut, Scope},
    },
    store::{Refusal, StoreError},
};

/// A fresh anonymous account.
pub struct AnonymousSession {
    /// Whose.
    pub account: AccountId,
    /// Its key, shown this once.
    pub key: HandedOut,
    /// Its wallet.
    pub wallet: WalletWithKeys,
}

impl Accounts {
    /// Opens an anonymous account with a wallet and the key that owns it.
    ///
    /// # Errors
    /// When the operator does not allow it.
    pub async fn open_anonymous(&self) -> Result<AnonymousSession, AccountError> {
        if !self.limits().allow_anonymous_sessions {
            return Err(AccountError::Forbidden("Anonymous sessions are switched off on this server.".into()));
        }
        self.check_open()?;
        let max_users = self.limits().max_users;
        let account = self.fresh_account("anonymous");
        let wallet = self.new_wallet(&account.id, None)?;
        for _ in 0..ID_TRIES {
            let key = HandedOut::new(CredentialKind::Anonymous, self.clock.bytes(), self.clock.bytes());
            let credential = self.anonymous_key(&account, &key);
            match self.store.anonymous_open(account.clone(), wallet.wallet.clone(), credential, max_users).await {
                Err(StoreError::Refused(Refusal::Taken(_))) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => return Ok(AnonymousSession { account: account.id, key, wallet }),
            }
        }
        Err(AccountError::invalid("No free id was found for it. Try again."))
    }

    fn anonymous_key(&self, account: &Account, key: &HandedOut) -> Credential {
        Credential {
            id: key.id.clone(),
            kind: CredentialKind::Anonymous,
            account_id: account.id.clone(),
            minted_by: None,
            name: "anonymous session".to_owned(),
            secret_hash: key.hash().to_vec(),
            previous_hash: None,
            previous_until: None,
            scope: Scope::Full,
            acl_id: None,
            wallets: None,
            limits: "{}".to_owned(),
            created_at: self.clock.now(),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
            last_used_ip: None,
        }
    }

    /// The anonymous session that this bearer token is the key of, if it is meant to be one.
    ///
    /// # Errors
    /// When it is meant to be one and is worth nothing: whoever presents it wants that account, not another.
    pub async fn anonymous_session(&self, bearer: &str) -> Result<Option<CredentialId>, AccountError> {
        let meant = bearer.split_once('_').is_some_and(|(kind, _)| kind == CredentialKind::Anonymous.prefix());
        if !meant {
            return Ok(None);
        }
        Ok(self.by_secret(bearer).await?.credential().cloned())
    }

    /// Turns the anonymous account of this session into somebody's: `name` fills in how he logs in. Account and
    /// wallets stay what they are; the session's key ends.
    ///
    /// # Errors
    /// When the key was ended, a name is taken, or `name` objects.
    pub async fn claim(
        &self,
        session: &CredentialId,
        name: impl Fn(Account) -> Result<Account, AccountError>,
    ) -> Result<Account, AccountError> {
        const OVER: AccountError = AccountError::Unauthenticated("This anonymous session has ended.");
        let key = self.store.credential_find(session.clone()).await?;
        let key = key.filter(|key| key.kind == CredentialKind::Anonymous).ok_or(OVER)?;
        loop {
            let account = self.account(&key.account_id).await?;
            let was = account.updated_at;
            let now = self.clock.now();
            let claimed = Account { updated_at: now.max(Time(was.0.saturating_add(1))), ..name(account)? };
            match self.store.anonymous_claim(claimed.clone(), was, key.id.clone(), now).await {
                Err(StoreError::Refused(Refusal::Changed(_))) => {}
                Err(StoreError::Refused(Refusal::Done(_))) => return Err(OVER),
                Err(error) => return Err(error.into()),
                Ok(()) => {
                    self.grants.forget();
                    return Ok(claimed);
                }
            }
        }
    }
}
