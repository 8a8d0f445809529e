//! What an account says of itself, and its password.

use serde_json::{Map, Value};

use super::{AccountError, Accounts, login::check_repeat, policy::Principal};
use crate::domain::{
    Account, AccountId,
    names::{is_label, is_username},
};

/// Changes to a profile; `None` keeps what is.
#[derive(Debug, Default)]
pub struct ProfileChange {
    /// New login name.
    pub username: Option<String>,
    /// Keys to set; others stay.
    pub extra: Option<Map<String, Value>>,
}

/// A new password, and the old one if there is one.
pub struct PasswordChange {
    /// Whose; must be the caller's own.
    pub user_id: String,
    /// Login name to have from then on.
    pub username: String,
    /// The new password.
    pub password: String,
    /// The same, to catch slips.
    pub password_repeat: String,
    /// The one it replaces.
    pub password_old: Option<String>,
}

/// What a person may say of himself. Everything else in `extra` is the server's to say.
const OWN_EXTRA: &[&str] =
    &["first_name", "last_name", "display_name", "picture", "visible_wallet_count", "notifications", "labels"];
/// The most that a profile or a user interface may store, in bytes of JSON.
const STORED_MAX: usize = 65_536;

impl Accounts {
    /// Reads an account.
    ///
    /// # Errors
    /// When it is gone, or the database is not available.
    pub async fn account(&self, id: &AccountId) -> Result<Account, AccountError> {
        self.store.account_find(id.clone()).await?.ok_or(AccountError::Unauthenticated("User not found."))
    }

    /// Changes the profile.
    ///
    /// # Errors
    /// Says which value is not allowed or taken.
    pub async fn change_profile(&self, id: &AccountId, change: ProfileChange) -> Result<Account, AccountError> {
        let mut account = self.account(id).await?;
        if let Some(username) = change.username {
            self.rename(&mut account, username).await?;
        }
        if let Some(new) = change.extra {
            check_labels(&new)?;
            let mut extra = account.extra_object();
            extra.extend(new.into_iter().filter(|(key, _)| OWN_EXTRA.contains(&key.as_str())));
            account.extra = stored(&extra)?;
        }
        self.write(account).await
    }

    /// Adds labels that a payment was given to those that the account knows.
    ///
    /// # Errors
    /// Names the label that is not allowed.
    pub async fn know_labels(&self, id: &AccountId, labels: &[String]) -> Result<(), AccountError> {
        if let Some(bad) = labels.iter().find(|label| !is_label(label)) {
            return Err(AccountError::Invalid(format!("Invalid label name: '{bad}'.")));
        }
        let account = self.account(id).await?;
        let mut extra = account.extra_object();
        let mut known = extra.get("labels").and_then(Value::as_array).cloned().unwrap_or_default();
        let before = known.len();
        for label in labels {
            if !known.iter().any(|entry| entry.get("name").and_then(Value::as_str) == Some(label)) {
                known.push(serde_json::json!({ "name": label, "description": null, "color": color_of(label) }));
            }
        }
        if known.len() == before {
            return Ok(());
        }
        extra.insert("labels".to_owned(), Value::Array(known));
        let extra = stored(&extra)?;
        self.write(Account { extra, ..account }).await.map(|_| ())
    }

    /// Merges keys into what the user interface remembers.
    ///
    /// # Errors
    /// When it grows too large.
    pub async fn change_ui(&self, id: &AccountId, new: Map<String, Value>) -> Result<Account, AccountError> {
        let account = self.account(id).await?;
        let mut ui: Map<String, Value> = serde_json::from_str(&account.ui_customization).unwrap_or_default();
        ui.extend(new);
        let text = serde_json::to_string(&ui).unwrap_or_default();
        if text.len() > STORED_MAX {
            return Err(AccountError::invalid("UI customization too large. Drop some fields."));
        }
        self.write(Account { ui_customization: text, ..account }).await
    }

    /// Sets a new password and ends every other login of the account.
    ///
    /// # Errors
    /// When the login is not fresh, the old password is wrong, or a value is not allowed.
    pub async fn change_password(
        &self,
        principal: &Principal,
        change: PasswordChange,
    ) -> Result<Account, AccountError> {
        let now = self.clock.now();
        let fresh = self.limits.fresh_login_seconds;
        if principal.login_at.is_none_or(|at| at.plus_seconds(fresh) < now) {
            return Err(AccountError::Invalid(format!(
                "You can only update your credentials in the first {fresh} seconds. Please login again or ask a new reset key!"
            )));
        }
        if change.user_id != principal.account.as_str() {
            return Err(AccountError::invalid("Invalid user ID."));
        }
        check_repeat(&change.password, &change.password_repeat)?;
        let mut account = self.account(&principal.account).await?;
        if account.password_hash.is_some() {
            let old = change.password_old.ok_or_else(|| AccountError::invalid("Missing old password."))?;
            if !self.passwords.check(old, account.password_hash.clone()).await {
                return Err(AccountError::invalid("Invalid old password."));
            }
        }
        self.rename(&mut account, change.username).await?;
        account.password_hash = Some(self.passwords.hash(change.password).await?);
        let account = self.write(account).await?;
        self.store.session_revoke_others(account.id.clone(), principal.session.clone(), now).await?;
        self.grants.forget();
        Ok(account)
    }

    async fn rename(&self, account: &mut Account, username: String) -> Result<(), AccountError> {
        if !is_username(&username) {
            return Err(AccountError::invalid("Invalid username."));
        }
        let key = username.to_lowercase();
        let other = self.store.account_by_login(key.clone()).await?;
        if other.is_some_and(|other| other.id != account.id) {
            return Err(AccountError::invalid("Username already exists."));
        }
        account.username = Some(username);
        account.username_key = Some(key);
        Ok(())
    }

    async fn write(&self, account: Account) -> Result<Account, AccountError> {
        let account = Account { updated_at: self.clock.now(), ..account };
        self.store.account_update(account.clone()).await?;
        self.grants.forget();
        Ok(account)
    }
}

fn stored(extra: &Map<String, Value>) -> Result<String, AccountError> {
    let text = serde_json::to_string(extra).unwrap_or_default();
    if text.len() > STORED_MAX {
        return Err(AccountError::Invalid(format!("A profile holds at most {STORED_MAX} bytes.")));
    }
    Ok(text)
}

fn check_labels(extra: &Map<String, Value>) -> Result<(), AccountError> {
    let Some(labels) = extra.get("labels").and_then(Value::as_array) else { return Ok(()) };
    let mut seen = std::collections::HashSet::new();
    for label in labels {
        let name = label.get("name").and_then(Value::as_str).unwrap_or_default();
        if !is_label(name) {
            return Err(AccountError::Invalid(format!("Invalid label name: '{name}'.")));
        }
        if !seen.insert(name) {
            return Err(AccountError::Invalid(format!("Duplicate label name: {name}")));
        }
    }
    Ok(())
}

/// A colour that a label keeps wherever it appears.
fn color_of(label: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(label);
    let hex = crate::domain::ids::to_hex(digest.get(..3).unwrap_or_default());
    format!("#{hex}")
}
