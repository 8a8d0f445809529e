//! Coming in: registration, login by password, anonymous accounts, logout.

use super::{AccountError, Accounts, WalletWithKeys};
use crate::domain::{
    Account, SessionId,
    names::{is_email, is_username},
};

/// What a new user gives.
pub struct Registration {
    /// Login name.
    pub username: String,
    /// Password.
    pub password: String,
    /// The same, to catch slips.
    pub password_repeat: String,
    /// E-mail, unverified.
    pub email: Option<String>,
    /// What the client calls itself.
    pub user_agent: String,
}

/// What a login shows beside its password.
#[derive(Debug, Clone, Copy)]
pub enum Factor<'a> {
    /// A one-time code or a recovery code, if the account asks for one.
    Code(Option<&'a str>),
    /// A passkey's answer to a challenge, as JSON.
    Passkey(&'a str),
}

/// A login that succeeded.
pub struct Login {
    /// Its token.
    pub access_token: String,
}

impl Accounts {
    /// Opens an account with a first wallet and logs in.
    ///
    /// # Errors
    /// Says which value is not allowed or taken.
    pub async fn register(&self, new: Registration) -> Result<Login, AccountError> {
        check_repeat(&new.password, &new.password_repeat)?;
        if !is_username(&new.username) {
            return Err(AccountError::invalid("Invalid username."));
        }
        let email = new.email.filter(|email| !email.is_empty());
        if email.as_ref().is_some_and(|email| !is_email(email)) {
            return Err(AccountError::invalid("Invalid email."));
        }
        self.check_open()?;
        if self.store.account_by_login(new.username.to_lowercase()).await?.is_some() {
            return Err(AccountError::invalid("Username already exists."));
        }
        let password_hash = self.passwords.hash(new.password).await?;
        let account = Account {
            username_key: Some(new.username.to_lowercase()),
            username: Some(new.username),
            email_key: email.as_ref().map(|email| email.to_lowercase()),
            email,
            password_hash: Some(password_hash),
            ..self.fresh_account("lnbits")
        };
        let wallet = self.new_wallet(&account.id, None)?;
        self.store.account_create(account.clone(), Some(wallet.wallet)).await?;
        self.start_session(&account, new.user_agent).await
    }

    /// Checks a name (or e-mail) and a password.
    ///
    /// # Errors
    /// One answer for every way in which they can be wrong.
    pub async fn login(
        &self,
        username: &str,
        password: String,
        factor: Factor<'_>,
        user_agent: String,
    ) -> Result<Login, AccountError> {
        let found = self.store.account_by_login(username.to_lowercase()).await?.filter(|account| account.activated);
        let stored = found.as_ref().and_then(|account| account.password_hash.clone());
        let right = self.passwords.check(password, stored).await;
        match found.filter(|_| right) {
            Some(account) => {
                match factor {
                    Factor::Code(code) => self.second_factor(&account.id, code).await?,
                    Factor::Passkey(answer) => self.second_factor_by_passkey(&account.id, answer).await?,
                }
                self.start_session(&account, user_agent).await
            }
            None => Err(AccountError::Unauthenticated("Invalid credentials.")),
        }
    }

    /// Opens an account without any login, for a wallet that lives by its keys alone.
    ///
    /// # Errors
    /// When the operator does not allow it.
    pub async fn anonymous(&self, wallet_name: Option<&str>) -> Result<WalletWithKeys, AccountError> {
        self.check_open()?;
        let account = self.fresh_account("lnbits");
        let wallet = self.new_wallet(&account.id, wallet_name)?;
        self.store.account_create(account, Some(wallet.wallet.clone())).await?;
        Ok(wallet)
    }

    /// Ends a login; its token is worth nothing from here on.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn logout(&self, session: SessionId) -> Result<(), AccountError> {
        self.store.session_revoke(session, self.clock.now()).await?;
        self.grants.forget();
        Ok(())
    }

    pub(super) async fn start_session(&self, account: &Account, user_agent: String) -> Result<Login, AccountError> {
        let session = self.fresh_session(&account.id, &user_agent);
        self.begin_session(account, session).await
    }

    pub(super) fn fresh_account(&self, provider: &str) -> Account {
        Account::fresh(self.clock.uuid().into(), provider, self.clock.now())
    }

    fn check_open(&self) -> Result<(), AccountError> {
        if self.limits.allow_new_accounts {
            Ok(())
        } else {
            Err(AccountError::invalid("Account creation is disabled."))
        }
    }
}

pub(super) fn check_repeat(password: &str, repeat: &str) -> Result<(), AccountError> {
    if password == repeat { Ok(()) } else { Err(AccountError::invalid("Passwords do not match.")) }
}
