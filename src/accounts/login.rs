//! Coming in: registration, login by password or by the account's id, anonymous accounts, logout.

use std::net::IpAddr;

use subtle::ConstantTimeEq;

use super::{
    AccountError, Accounts, WalletWithKeys,
    policy::Principal,
    throttle::{Name, Refused},
};
use crate::{
    config::logins::LoginMethod,
    domain::{
        Account, AccountId, Wallet,
        names::{is_email, is_username},
    },
    store::{Refusal, StoreError, types::Admission},
};

/// How often an account is written anew while others use up other codes.
const ADMISSIONS_MAX: usize = 50;
const UNKNOWN_CODE: &str = "Invalid invitation code.";

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
    /// The bearer token that was presented: the key of an anonymous session makes its account a full one.
    pub bearer: Option<String>,
    /// An invitation code, where the operator asks for one.
    pub invitation_code: Option<String>,
}

/// Who knocks, as far as the request shows.
#[derive(Debug, Clone, Default)]
pub struct Visitor {
    /// What the client calls itself.
    pub user_agent: String,
    /// Where it is.
    pub address: Option<IpAddr>,
    /// The account of a live login that came with the request.
    pub account: Option<AccountId>,
    /// A one-time code or a recovery code that came with the request.
    pub code: Option<String>,
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
    /// Opens an account with a first wallet, or makes an anonymous account a full one, and logs in.
    ///
    /// # Errors
    /// Says which value is not allowed or taken.
    pub async fn register(&self, new: Registration) -> Result<Login, AccountError> {
        if !self.logins().allows(LoginMethod::Password) {
            return Err(AccountError::Forbidden("Register by 'Username and Password' not allowed.".into()));
        }
        check_repeat(&new.password, &new.password_repeat)?;
        if !is_username(&new.username) {
            return Err(AccountError::invalid("Invalid username."));
        }
        let email = new.email.filter(|email| !email.is_empty());
        if email.as_ref().is_some_and(|email| !is_email(email)) {
            return Err(AccountError::invalid("Invalid email."));
        }
        let anonymous = match &new.bearer {
            Some(bearer) => self.anonymous_session(bearer).await?,
            None => None,
        };
        let one_time = self.check_invitation(new.invitation_code.as_deref())?;
        self.check_open()?;
        if self.store.account_by_login(new.username.to_lowercase()).await?.is_some() {
            return Err(AccountError::invalid("Username already exists."));
        }
        let password_hash = self.passwords.hash(new.password).await?;
        let named = |account: Account| Account {
            username_key: Some(new.username.to_lowercase()),
            username: Some(new.username.clone()),
            email_key: email.as_ref().map(|email| email.to_lowercase()),
            email: email.clone(),
            password_hash: Some(password_hash.clone()),
            provider: "lnbits".to_owned(),
            ..account
        };
        if let Some(session) = anonymous {
            if one_time.is_some() {
                return Err(AccountError::invalid(
                    "A code that is good once opens a new account. Register without the anonymous session.",
                ));
            }
            let account = self.claim(&session, |account| Ok(named(account))).await?;
            return self.start_session(&account, new.user_agent).await;
        }
        let account = named(self.fresh_account("lnbits"));
        let wallet = self.new_wallet(&account.id, None)?;
        self.admit(account.clone(), wallet.wallet, one_time).await?;
        self.start_session(&account, new.user_agent).await
    }

    /// Checks a name (or e-mail) and a password.
    ///
    /// # Errors
    /// One answer for every way in which they can be wrong; when there were too many of them.
    pub async fn login(
        &self,
        username: &str,
        password: String,
        factor: Factor<'_>,
        visitor: Visitor,
    ) -> Result<Login, AccountError> {
        if !self.logins().allows(LoginMethod::Password) {
            return Err(AccountError::Forbidden("Login by 'Username and Password' not allowed.".into()));
        }
        let found = self.store.account_by_login(username.to_lowercase()).await?;
        let name = self.attempt(username, found.as_ref(), &visitor).await?;
        let found = found.filter(|account| account.activated);
        let stored = found.as_ref().and_then(|account| account.password_hash.clone());
        let right = self.passwords.check(password, stored).await;
        let account = found.filter(|_| right).ok_or(AccountError::Unauthenticated("Invalid credentials."))?;
        // the password was right; guesses at the second factor are counted where they are made
        self.throttle.succeeded(Some(&name), visitor.address, self.clock.now());
        match factor {
            Factor::Code(code) => self.second_factor(&account.id, code).await?,
            Factor::Passkey(answer) => self.second_factor_by_passkey(&account.id, answer).await?,
        }
        self.start_session(&account, visitor.user_agent).await
    }

    /// Logs in by the account's id alone, where the operator allows it.
    ///
    /// # Errors
    /// When it is not allowed, nobody has the id, or it is the super user's; when there were too many attempts.
    pub async fn login_by_id(&self, id: &str, visitor: Visitor) -> Result<Login, AccountError> {
        if !self.logins().allows(LoginMethod::UserId) {
            return Err(AccountError::Forbidden("Login by 'User ID' not allowed.".into()));
        }
        let found = match id.replace('-', "").to_ascii_lowercase().parse() {
            Ok(id) => self.store.account_find(id).await?,
            Err(()) => None,
        };
        let name = self.attempt(id, found.as_ref(), &visitor).await?;
        let found = found.filter(|account| account.activated);
        let account = found.ok_or(AccountError::Unauthenticated("User ID does not exist."))?;
        if account.super_user || account.admin {
            return Err(AccountError::Forbidden("Admin users cannot login with user id only.".into()));
        }
        self.second_factor(&account.id, visitor.code.as_deref()).await?;
        self.throttle.succeeded(Some(&name), visitor.address, self.clock.now());
        self.start_session(&account, visitor.user_agent).await
    }

    /// Is it the password of an account whose owner, it seems, is in already? Guesses are charged as those at the
    /// door are, whatever address they come from.
    pub(super) async fn is_password(&self, account: &Account, given: String) -> Result<bool, AccountError> {
        let (name, now) = (Name::Account(account.id.clone()), self.clock.now());
        self.throttle.begin(Some(&name), None, true, now)?;
        let right = self.passwords.check(given, account.password_hash.clone()).await;
        if right {
            self.throttle.succeeded(Some(&name), None, now);
        }
        Ok(right)
    }

    /// Charges an attempt to log in under this name, before it is looked at.
    async fn attempt(&self, given: &str, found: Option<&Account>, visitor: &Visitor) -> Result<Name, AccountError> {
        let name = match found {
            Some(account) => Name::Account(account.id.clone()),
            None => Name::Unknown(self.vault.fingerprint(given).first().copied().unwrap_or_default()),
        };
        let now = self.clock.now();
        let own = found.is_some_and(|account| visitor.account.as_ref() == Some(&account.id));
        match self.throttle.begin(Some(&name), visitor.address, own, now) {
            Ok(()) => {}
            Err(refused @ Refused::Crowded(_)) => {
                let (Some(account), Some(address)) = (found, visitor.address) else { return Err(refused.into()) };
                if !self.store.session_seen_from(account.id.clone(), address.to_string(), now).await? {
                    return Err(refused.into());
                }
                self.throttle.begin(Some(&name), visitor.address, true, now)?;
            }
            Err(refused) => return Err(refused.into()),
        }
        Ok(name)
    }

    /// Opens an account without any login, for a wallet that lives by its keys alone.
    ///
    /// # Errors
    /// When the operator does not allow it.
    pub async fn anonymous(&self, wallet_name: Option<&str>) -> Result<WalletWithKeys, AccountError> {
        self.check_open()?;
        let account = self.fresh_account("lnbits");
        let wallet = self.new_wallet(&account.id, wallet_name)?;
        self.admit(account, wallet.wallet.clone(), None).await?;
        Ok(wallet)
    }

    /// Ends the login that the principal is; its token is worth nothing from here on.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn logout(&self, principal: &Principal) -> Result<(), AccountError> {
        let Some(session) = principal.session().cloned() else { return Ok(()) };
        self.store.session_revoke(session, self.clock.now()).await?;
        self.end_impersonations(principal).await?;
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

    /// Writes a new account, if there is room for one more, and for an invitation code that it uses up.
    pub(super) async fn admit(
        &self,
        account: Account,
        wallet: Wallet,
        one_time: Option<String>,
    ) -> Result<(), AccountError> {
        let max_users = self.limits().max_users;
        let Some(code) = one_time else {
            if max_users == 0 {
                return Ok(self.store.account_create(account, Some(wallet)).await?);
            }
            let admission = Admission { max_users, code: None };
            return Ok(self.store.account_admit(account, Some(wallet), admission).await?);
        };
        for _ in 0..ADMISSIONS_MAX {
            let used = self.settings.without_code(&code).ok_or(AccountError::Invalid(UNKNOWN_CODE.to_owned()))?;
            let admission = Admission { max_users, code: Some(used) };
            let admitted = self.store.account_admit(account.clone(), Some(wallet.clone()), admission).await;
            // what is on the list is known anew before the next one asks, or before it is tried again
            self.settings.load().await?;
            match admitted {
                Err(StoreError::Refused(Refusal::Changed("settings"))) => {}
                other => return Ok(other?),
            }
        }
        Err(AccountError::invalid("Others register at the same moment. Try again."))
    }

    /// Does registering take an invitation code, and is this one good? A code that is good once is answered.
    fn check_invitation(&self, code: Option<&str>) -> Result<Option<String>, AccountError> {
        let limits = self.limits();
        let activation = &limits.activation;
        if !activation.required {
            return Ok(None);
        }
        if !activation.by_code {
            return Err(AccountError::invalid("No activation method provided."));
        }
        let code = code.map(str::trim).filter(|code| !code.is_empty());
        let code = code.ok_or_else(|| AccountError::invalid("Invitation code cannot be empty."))?;
        let same = |known: &str| bool::from(known.as_bytes().ct_eq(code.as_bytes()));
        if !activation.reusable_code.is_empty() && same(&activation.reusable_code) {
            return Ok(None);
        }
        if activation.one_time_codes.iter().any(|known| same(known)) {
            return Ok(Some(code.to_owned()));
        }
        Err(AccountError::Invalid(UNKNOWN_CODE.to_owned()))
    }

    pub(super) fn check_open(&self) -> Result<(), AccountError> {
        if self.limits().is_open() { Ok(()) } else { Err(AccountError::invalid("Account creation is disabled.")) }
    }
}

pub(super) fn check_repeat(password: &str, repeat: &str) -> Result<(), AccountError> {
    if password == repeat { Ok(()) } else { Err(AccountError::invalid("Passwords do not match.")) }
}
