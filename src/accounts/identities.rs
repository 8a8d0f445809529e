//! Who somebody is here whom a provider vouches for.
//!
//! An account is opened by provider and subject. By e-mail only if the provider verified it *and* this server
//! knows it as verified: else whoever registers with a stranger's e-mail, here or there, would share his account.

use super::{AccountError, Accounts, Login, login::Visitor};
use crate::{
    config::logins::Provider,
    domain::{Account, AccountId, account::Identity, names::is_email},
    store::{Refusal, StoreError},
};

/// Somebody, by a provider's word.
pub(super) struct Person {
    /// What the provider calls him, for ever.
    pub(super) subject: String,
    /// His e-mail.
    pub(super) email: Option<String>,
    /// Did the provider verify it?
    pub(super) email_verified: bool,
}

/// First logins of one person at the same time that are sorted out before it is given up.
const ATTEMPTS: usize = 5;
const CLOSED: AccountError = AccountError::Unauthenticated("User is not activated.");

impl Accounts {
    /// Logs somebody in; whom nobody here knows gets an account.
    pub(super) async fn enter(
        &self,
        provider: Provider,
        person: &Person,
        visitor: Visitor,
    ) -> Result<Login, AccountError> {
        let account = self.resident(provider, person).await?;
        if !account.activated {
            return Err(CLOSED);
        }
        self.second_factor(&account.id, visitor.code.as_deref()).await?;
        self.start_session(&account, visitor.user_agent).await
    }

    async fn resident(&self, provider: Provider, person: &Person) -> Result<Account, AccountError> {
        for _ in 0..ATTEMPTS {
            let subject = person.subject.clone();
            if let Some(account) = self.store.identity_account(provider.name().to_owned(), subject).await? {
                return Ok(account);
            }
            let email = person.email.clone().filter(|email| is_email(email));
            let email = email.ok_or_else(|| AccountError::invalid("Invalid email."))?;
            let holder = self.store.account_by_login(email.to_lowercase()).await?;
            let outcome = match &holder {
                Some(same) if person.email_verified && same.email_verified => {
                    if !same.activated {
                        return Err(CLOSED);
                    }
                    self.store.identity_link(identity(self, provider, person, &same.id), None).await
                }
                _ => {
                    self.check_open()?;
                    let max_users = self.limits().max_users;
                    let mut account = self.fresh_account(provider.name());
                    // nobody holds a name here by an unverified e-mail of his
                    if person.email_verified && holder.is_none() {
                        account.email_key = Some(email.to_lowercase());
                        account.email = Some(email);
                        account.email_verified = true;
                    }
                    let wallet = self.new_wallet(&account.id, None)?.wallet;
                    let identity = identity(self, provider, person, &account.id);
                    self.store.identity_register(account, wallet, identity, max_users).await
                }
            };
            match outcome {
                // somebody was faster with the identity or the e-mail: look again, or read what was written
                Ok(()) | Err(StoreError::Refused(Refusal::Taken(_))) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AccountError::invalid("Too many logins at the same time. Try again."))
    }

    /// Opens the caller's own account by this identity from now on.
    pub(super) async fn link(
        &self,
        account: &AccountId,
        provider: Provider,
        person: &Person,
        visitor: Visitor,
    ) -> Result<Login, AccountError> {
        let forbidden = |text: &str| AccountError::Forbidden(text.to_owned());
        let own = self.store.account_find(account.clone()).await?.filter(|account| account.activated);
        let own = own.ok_or_else(|| forbidden("Cannot verify user email."))?;
        let owner = self.store.identity_account(provider.name().to_owned(), person.subject.clone()).await?;
        match owner {
            Some(owner) if owner.id == own.id => {}
            Some(_) => return Err(forbidden("This login opens another account.")),
            None => {
                let email = person.email.clone().filter(|email| is_email(email));
                if let Some(email) = &email
                    && let Some(holder) = self.store.account_by_login(email.to_lowercase()).await?
                    && holder.id != own.id
                    && holder.email_verified
                {
                    return Err(forbidden("Email already used."));
                }
                let verified = email.filter(|_| person.email_verified);
                let linked = self.store.identity_link(identity(self, provider, person, &own.id), verified).await;
                match linked {
                    Err(StoreError::Refused(Refusal::Taken("identity"))) => {
                        return Err(forbidden("This login opens another account."));
                    }
                    other => other?,
                }
                self.grants.forget();
            }
        }
        self.start_session(&own, visitor.user_agent).await
    }
}

fn identity(accounts: &Accounts, provider: Provider, person: &Person, account: &AccountId) -> Identity {
    Identity {
        provider: provider.name().to_owned(),
        subject: person.subject.clone(),
        account_id: account.clone(),
        email: person.email.clone(),
        created_at: accounts.clock.now(),
    }
}
