//! Other people's accounts, for those who administer them. Nobody but the super user touches another administrator,
//! nobody at all sees somebody else's keys, and nobody but the super user opens another way into an account.

use serde_json::{Map, Value};

use super::{
    AccountError, Accounts, WalletWithKeys,
    login::check_repeat,
    nostr::public_key,
    policy::{Family, Principal},
    profile,
};
pub use crate::store::types::UserTotals;
use crate::{
    domain::{
        Account, AccountId, Time, Wallet, WalletId,
        filter::Listing,
        ids::to_hex,
        names::{is_email, is_external_id, is_username},
    },
    store::{Refusal, StoreError, types::Deletion},
};

/// What an administrator says of an account.
#[derive(Debug, Clone, Default)]
pub struct UserDraft {
    /// Login name.
    pub username: Option<String>,
    /// E-mail; unverified from then on, if it is another one.
    pub email: Option<String>,
    /// Nostr public key, hex or npub.
    pub pubkey: Option<String>,
    /// The operator's own name for it.
    pub external_id: Option<String>,
    /// Profile keys, as its owner could set them.
    pub extra: Map<String, Value>,
}

const NO_USER: AccountError = AccountError::Missing("User not found.");
const NO_WALLET: AccountError = AccountError::Missing("Wallet does not exist.");

impl Accounts {
    /// A page of the accounts, each with what it has, and how many there are.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn users(&self, listing: Listing) -> Result<(Vec<(Account, UserTotals)>, i64), AccountError> {
        Ok(self.store.user_page(listing).await?)
    }

    /// An account, active or not.
    ///
    /// # Errors
    /// When there is no such account.
    pub async fn user(&self, id: &str) -> Result<Account, AccountError> {
        let id: AccountId = id.replace('-', "").to_ascii_lowercase().parse().map_err(|()| NO_USER)?;
        let found = self.store.account_find(id).await?;
        found.filter(|account| account.deleted_at.is_none()).ok_or(NO_USER)
    }

    /// An account by its user name, its e-mail or its id.
    ///
    /// # Errors
    /// When there is no such account.
    pub async fn user_named(&self, name: &str) -> Result<Account, AccountError> {
        match self.store.account_by_login(name.to_lowercase()).await? {
            Some(account) => Ok(account),
            None => self.user(name).await,
        }
    }

    /// Opens an account for somebody, with a first wallet. Answers his password, made up if none was given.
    ///
    /// # Errors
    /// Says which value is not allowed or taken.
    pub async fn create_user(
        &self,
        draft: UserDraft,
        password: Option<(String, String)>,
    ) -> Result<(Account, String), AccountError> {
        let password = match password {
            Some((password, repeat)) => {
                if draft.username.is_none() {
                    return Err(AccountError::invalid("Username required when password provided."));
                }
                check_repeat(&password, &repeat)?;
                password
            }
            None => to_hex(&self.clock.bytes::<11>()),
        };
        let mut account = drafted(self.fresh_account("lnbits"), &draft)?;
        account.password_hash = Some(self.passwords.hash(password.clone()).await?);
        let wallet = self.new_wallet(&account.id, None)?;
        match self.store.user_create(account.clone(), wallet.wallet).await {
            Ok(()) => Ok((account, password)),
            Err(error) => Err(taken(error)),
        }
    }

    /// Replaces what is said of an account: what is not given is cleared.
    ///
    /// # Errors
    /// Says which value is not allowed or taken.
    pub async fn replace_user(&self, by: &Principal, id: &str, draft: &UserDraft) -> Result<Account, AccountError> {
        loop {
            let account = self.touchable(by, id).await?;
            if account.username.is_some() && draft.username.is_none() {
                return Err(AccountError::invalid("Cannot remove username."));
            }
            let (was, pubkey) = (account.updated_at, account.pubkey.clone());
            let changed = Account { updated_at: self.after(was), ..drafted(account, draft)? };
            // whoever has the key can log in
            if changed.pubkey.is_some() && changed.pubkey != pubkey && !is_super(by) {
                return Err(only_super());
            }
            match self.store.user_replace(changed.clone(), was).await {
                Err(StoreError::Refused(Refusal::Changed(_))) => {}
                Err(error) => return Err(taken(error)),
                Ok(()) => {
                    self.grants.forget();
                    return Ok(changed);
                }
            }
        }
    }

    /// Deletes an account. Its wallets are deleted as their owner could; their money stays in the books.
    ///
    /// # Errors
    /// When there is no such account, it may not be deleted, or its wallets hold money and `confirmed` is not said.
    pub async fn delete_user(&self, by: &Principal, id: &str, confirmed: bool) -> Result<(), AccountError> {
        let account = self.user(id).await?;
        if account.super_user {
            return Err(AccountError::invalid("Cannot delete super user."));
        }
        if account.admin && !is_super(by) {
            return Err(AccountError::invalid("Only super_user can delete admin user."));
        }
        let at = self.clock.now();
        self.store.user_delete(Deletion { account: account.id, admins_too: is_super(by), confirmed, at }).await?;
        self.grants.forget();
        Ok(())
    }

    /// Closes an open account and opens a closed one; answers what it is then. Who is closed out is logged out
    /// everywhere, and none of his keys and tokens works until he is let in again.
    ///
    /// # Errors
    /// When there is no such account, or it may not be closed.
    pub async fn toggle_active(&self, by: &Principal, id: &str) -> Result<bool, AccountError> {
        loop {
            let account = self.user(id).await?;
            if account.super_user {
                return Err(AccountError::invalid("Cannot deactivate super user."));
            }
            if account.id == by.account {
                return Err(AccountError::invalid("You cannot deactivate yourself."));
            }
            if account.admin && !is_super(by) {
                return Err(only_super());
            }
            if self.set_active(&account, !account.activated).await? {
                return Ok(!account.activated);
            }
        }
    }

    /// Opens or closes an account; false when somebody changed it meanwhile.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn set_active(&self, account: &Account, active: bool) -> Result<bool, AccountError> {
        let (was, at) = (account.updated_at, self.after(account.updated_at));
        match self.store.user_set_active(account.id.clone(), active, was, at).await {
            Err(StoreError::Refused(Refusal::Changed(_))) => Ok(false),
            Err(error) => Err(error.into()),
            Ok(()) => {
                self.grants.forget();
                Ok(true)
            }
        }
    }

    /// Lets an account administer others, or no longer; answers what it is then.
    ///
    /// # Errors
    /// When there is no such account, or it is not open.
    pub async fn toggle_admin(&self, id: &str) -> Result<bool, AccountError> {
        loop {
            let account = self.user(id).await?;
            if account.super_user {
                return Err(AccountError::invalid("Cannot change super user."));
            }
            if !account.activated {
                return Err(AccountError::invalid("User is not activated."));
            }
            let (was, at) = (account.updated_at, self.after(account.updated_at));
            match self.store.user_set_admin(account.id, !account.admin, was, at).await {
                Err(StoreError::Refused(Refusal::Changed(_))) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => {
                    self.grants.forget();
                    return Ok(!account.admin);
                }
            }
        }
    }

    /// All wallets of somebody's account, deleted ones too. Nobody is to be shown their keys.
    ///
    /// # Errors
    /// When there is no such account.
    pub async fn user_wallets(&self, id: &str) -> Result<Vec<WalletWithKeys>, AccountError> {
        let account = self.user(id).await?;
        let wallets = self.store.wallet_list(account.id, true).await?;
        wallets.into_iter().map(|wallet| self.with_keys(wallet)).collect()
    }

    /// Makes a wallet for somebody's account.
    ///
    /// # Errors
    /// When there is no such account, or a value is not allowed.
    pub async fn create_user_wallet(
        &self,
        by: &Principal,
        id: &str,
        name: Option<&str>,
        currency: Option<String>,
    ) -> Result<WalletWithKeys, AccountError> {
        let account = self.touchable(by, id).await?;
        let currency = currency.filter(|code| !code.is_empty());
        if let Some(code) = currency.as_ref().filter(|code| !is_currency(code)) {
            return Err(AccountError::Invalid(format!("Currency '{code}' not allowed.")));
        }
        let made = self.new_wallet(&account.id, name)?;
        let wallet = Wallet { currency, ..made.wallet };
        self.store.wallet_create(wallet.clone()).await?;
        Ok(WalletWithKeys { wallet, ..made })
    }

    /// Brings back a deleted wallet of somebody's account. The super user also those of deleted accounts, whose keys
    /// then still open nothing: so he gets at the money that they hold.
    ///
    /// # Errors
    /// When the account has no such deleted wallet.
    pub async fn undelete_user_wallet(&self, by: &Principal, id: &str, wallet: &str) -> Result<(), AccountError> {
        let account = match self.touchable(by, id).await {
            Err(AccountError::Missing(_)) if is_super(by) => {
                let id: AccountId = id.parse().map_err(|()| NO_USER)?;
                self.store.account_find(id).await?.ok_or(NO_USER)?
            }
            other => other?,
        };
        let wallet = self.wallet_in(&account, wallet).await?;
        if !wallet.deleted {
            return Err(NO_WALLET);
        }
        self.set_deleted(wallet.id, false).await
    }

    /// Gives a wallet of somebody's account a lightning address.
    ///
    /// # Errors
    /// When the account has no such wallet, or the address is not allowed or taken.
    pub async fn set_user_address(
        &self,
        by: &Principal,
        id: &str,
        wallet: &str,
        address: &str,
    ) -> Result<WalletWithKeys, AccountError> {
        let wallet = self.wallet_of_user(by, id, wallet).await?;
        self.set_address(&wallet, address).await
    }

    /// Deletes a wallet of somebody's account, or all of them; answers how many. Their money stays in the books.
    ///
    /// # Errors
    /// When the account has no such wallet, or they hold money and `confirmed` is not said.
    pub async fn delete_user_wallets(
        &self,
        by: &Principal,
        id: &str,
        only: Option<&str>,
        confirmed: bool,
    ) -> Result<i64, AccountError> {
        let only = match only {
            Some(wallet) => Some(self.wallet_of_user(by, id, wallet).await?.id),
            None => None,
        };
        let account = self.touchable(by, id).await?;
        if only.is_none() && account.super_user {
            return Err(AccountError::invalid("Action not allowed."));
        }
        match self.store.user_wallets_delete(account.id, only, confirmed, self.clock.now()).await {
            Err(StoreError::Refused(Refusal::Missing("wallet"))) => Err(NO_WALLET),
            Err(error) => Err(error.into()),
            Ok(count) => {
                self.grants.forget();
                Ok(count)
            }
        }
    }

    async fn wallet_of_user(&self, by: &Principal, id: &str, wallet: &str) -> Result<Wallet, AccountError> {
        let account = self.touchable(by, id).await?;
        self.wallet_in(&account, wallet).await
    }

    async fn wallet_in(&self, account: &Account, wallet: &str) -> Result<Wallet, AccountError> {
        let wallet: WalletId = wallet.replace('-', "").to_ascii_lowercase().parse().map_err(|()| NO_WALLET)?;
        let wallet = self.store.wallet_find(wallet).await?.ok_or(NO_WALLET)?;
        if wallet.account_id != account.id {
            return Err(AccountError::Forbidden("Wallet does not belong to user.".into()));
        }
        Ok(wallet)
    }

    /// The account, if this administrator may change it: the super user's and other administrators' are the super
    /// user's to change.
    async fn touchable(&self, by: &Principal, id: &str) -> Result<Account, AccountError> {
        let account = self.user(id).await?;
        let above = (account.super_user || account.admin) && account.id != by.account;
        if above && !is_super(by) { Err(only_super()) } else { Ok(account) }
    }

    /// A time after this one: every write of an account has its own.
    fn after(&self, was: Time) -> Time {
        self.clock.now().max(Time(was.0.saturating_add(1)))
    }
}

/// The account with what its administrator wants of it.
fn drafted(account: Account, draft: &UserDraft) -> Result<Account, AccountError> {
    let refused = |text: &str| Err(AccountError::invalid(text));
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (username, email) = (given(&draft.username), given(&draft.email));
    if username.as_ref().is_some_and(|name| !is_username(name)) {
        return refused("Invalid username.");
    }
    if email.as_ref().is_some_and(|email| !is_email(email)) {
        return refused("Invalid email.");
    }
    let external_id = given(&draft.external_id);
    if external_id.as_ref().is_some_and(|id| !is_external_id(id)) {
        return refused("Invalid external id. Max length is 256 characters. Space and newlines are not allowed.");
    }
    let pubkey = given(&draft.pubkey).map(|key| public_key(&key)).transpose()?;
    let email_key = email.as_ref().map(|email| email.to_lowercase());
    Ok(Account {
        username_key: username.as_ref().map(|name| name.to_lowercase()),
        username,
        email_verified: account.email_verified && account.email_key == email_key,
        email_key,
        email,
        pubkey,
        external_id,
        extra: profile::replaced(&draft.extra)?,
        ..account
    })
}

fn is_super(by: &Principal) -> bool {
    by.family == Family::SuperUserSession
}

fn only_super() -> AccountError {
    AccountError::Forbidden("Action only allowed for super user.".into())
}

fn is_currency(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn taken(error: StoreError) -> AccountError {
    match error {
        StoreError::Refused(Refusal::Taken("pubkey")) => AccountError::invalid("Pubkey already exists."),
        other => other.into(),
    }
}
