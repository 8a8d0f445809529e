//! The super user: made at the first start, named by whoever installs the server.

use std::sync::atomic::Ordering;

use super::{AccountError, Accounts, Login, login::check_repeat};
use crate::{
    domain::{Account, names::is_username},
    store::{Refusal, StoreError},
};

/// How an account is marked whose super user has not named himself yet.
const NOT_INSTALLED: &str = "env";

impl Accounts {
    /// Makes the super user's account if there is none. True while nobody has named it.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn ensure_super_user(&self) -> Result<bool, AccountError> {
        if let Some(account) = self.store.account_super_user().await? {
            return Ok(account.provider == NOT_INSTALLED);
        }
        let account = Account { super_user: true, ..self.fresh_account(NOT_INSTALLED) };
        let wallet = self.new_wallet(&account.id, None)?;
        match self.store.account_create(account, Some(wallet.wallet)).await {
            // another server on the same database was faster
            Ok(()) | Err(StoreError::Refused(_)) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Has the super user a name? Asked at every request, and remembered once he has: there is no way back.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn is_installed(&self) -> Result<bool, AccountError> {
        if self.is_known_installed() {
            return Ok(true);
        }
        let found = self.store.account_super_user().await?;
        let named = found.is_some_and(|account| account.provider != NOT_INSTALLED);
        self.installed.store(named, Ordering::Relaxed);
        Ok(named)
    }

    /// The same without asking the database: false when that has yet to be found out.
    pub fn is_known_installed(&self) -> bool {
        self.installed.load(Ordering::Relaxed)
    }

    /// Gives the super user a name and a password, once, and logs him in.
    ///
    /// # Errors
    /// When it was done before, the install token is wrong, or a value is not allowed.
    pub async fn first_install(
        &self,
        username: String,
        password: String,
        repeat: &str,
        token: Option<&str>,
        user_agent: String,
    ) -> Result<Login, AccountError> {
        let found = self.store.account_super_user().await?;
        let account = found
            .filter(|account| account.provider == NOT_INSTALLED)
            .ok_or_else(|| AccountError::Forbidden("This is not your first install".into()))?;
        match (&self.install_token, token.filter(|token| !token.is_empty())) {
            (Some(_), None) => return Err(AccountError::Unauthenticated("Missing first_install_token.")),
            (Some(expected), Some(given)) if !same_text(expected, given) => {
                return Err(AccountError::Unauthenticated("Invalid first_install_token."));
            }
            _ => {}
        }
        check_repeat(&password, repeat)?;
        if !is_username(&username) {
            return Err(AccountError::invalid("Invalid username."));
        }
        let account = Account {
            username_key: Some(username.to_lowercase()),
            username: Some(username),
            password_hash: Some(self.passwords.hash(password).await?),
            provider: "lnbits".to_owned(),
            updated_at: self.clock.now(),
            ..account
        };
        match self.store.account_first_install(account.clone()).await {
            Err(StoreError::Refused(Refusal::Done(_))) => {
                Err(AccountError::Forbidden("This is not your first install".into()))
            }
            Err(error) => Err(error.into()),
            Ok(()) => {
                self.grants.forget();
                self.start_session(&account, user_agent).await
            }
        }
    }
}

fn same_text(a: &str, b: &str) -> bool {
    use subtle::ConstantTimeEq;
    a.as_bytes().ct_eq(b.as_bytes()).into()
}
