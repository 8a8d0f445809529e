//! Forgotten passwords: the super user makes a key, its bearer sets a new password with it, once.

use sha2::{Digest, Sha256};

use super::{
    AccountError, Accounts,
    login::{Login, check_repeat},
};
use crate::domain::{Account, factor::ResetKey, ids::to_hex};

/// What every such key begins with.
const PREFIX: &str = "reset_key_";
/// How long one is good, in seconds.
const LIFE_SECONDS: i64 = 3600;

/// A new password for somebody who forgot his.
pub struct Reset {
    /// The key that the super user made.
    pub key: String,
    /// The new password.
    pub password: String,
    /// The same, to catch slips.
    pub password_repeat: String,
    /// A code, where the account asks for one.
    pub otp_code: Option<String>,
    /// What the client calls itself.
    pub user_agent: String,
}

impl Accounts {
    /// Makes a key that sets this account's password, in place of an earlier one.
    ///
    /// # Errors
    /// When there is no such account, or it is the super user's.
    pub async fn reset_key(&self, account: &str) -> Result<String, AccountError> {
        let account = self.user(account).await?;
        if account.super_user {
            return Err(AccountError::Forbidden("Cannot change superuser password.".into()));
        }
        self.reset_key_of(&account).await
    }

    /// The same for any account, also the super user's: for whoever holds the database.
    ///
    /// # Errors
    /// When the account is closed, or the database is not available.
    pub async fn reset_key_of(&self, account: &Account) -> Result<String, AccountError> {
        if !account.activated {
            return Err(AccountError::invalid("User is not activated."));
        }
        let key = format!("{PREFIX}{}", to_hex(&self.clock.bytes::<32>()));
        let expires_at = self.clock.now().plus_seconds(LIFE_SECONDS);
        self.store
            .reset_key_save(ResetKey { account_id: account.id.clone(), key_hash: hash(&key), expires_at })
            .await?;
        Ok(key)
    }

    /// Sets the password of any account and ends all its logins: for whoever holds the database.
    ///
    /// # Errors
    /// When the password is too short or too long, or the account is closed.
    pub async fn set_password(&self, account: &Account, password: String) -> Result<(), AccountError> {
        if !(8..=50).contains(&password.chars().count()) {
            return Err(AccountError::invalid("A password has 8 to 50 characters."));
        }
        let key = self.reset_key_of(account).await?;
        let password_hash = self.passwords.hash(password).await?;
        self.store.reset_key_use(hash(&key), password_hash, self.clock.now()).await?;
        self.grants.forget();
        Ok(())
    }

    /// Sets a new password, ends all logins of the account, and logs in.
    ///
    /// # Errors
    /// When the key is none, was used, or is over; or a code is asked for.
    pub async fn reset_password(&self, reset: Reset) -> Result<Login, AccountError> {
        const INVALID: &str = "Invalid reset key.";
        check_repeat(&reset.password, &reset.password_repeat)?;
        if !reset.key.starts_with(PREFIX) {
            return Err(AccountError::invalid("This is not a reset key."));
        }
        let key_hash = hash(&reset.key);
        let found = self.store.reset_key_find(key_hash.clone()).await?;
        let now = self.clock.now();
        let live = found.filter(|key| key.expires_at > now).ok_or_else(|| AccountError::invalid(INVALID))?;
        let account = self.store.account_find(live.account_id).await?.filter(|account| account.activated);
        let account = account.ok_or(AccountError::Missing("User not found."))?;
        // before anything changes: a key alone does not take the place of the second factor
        self.second_factor(&account.id, reset.otp_code.as_deref()).await?;
        let password_hash = self.passwords.hash(reset.password).await?;
        if !self.store.reset_key_use(key_hash, password_hash, now).await? {
            return Err(AccountError::invalid(INVALID));
        }
        self.grants.forget();
        self.start_session(&account, reset.user_agent).await
    }
}

/// A key has 256 random bits, so that its plain hash says nothing about it.
fn hash(key: &str) -> Vec<u8> {
    Sha256::digest(key).to_vec()
}
