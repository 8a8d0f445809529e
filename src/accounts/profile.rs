//! What an account says of itself, and its password.

use serde_json::{Map, Value, json};

use super::{AccountError, Accounts, login::check_repeat, policy::Principal};
use crate::{
    domain::{
        Account, AccountId, Time,
        names::{is_label, is_username},
    },
    store::{Refusal, StoreError},
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
    /// A code, where the account asks for one.
    pub otp_code: Option<String>,
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
        if let Some(username) = &change.username {
            self.check_free(id, username).await?;
        }
        if let Some(extra) = &change.extra {
            check_labels(extra)?;
        }
        let ProfileChange { username, extra } = change;
        self.edit(id, |mut account| {
            if let Some(username) = &username {
                rename(&mut account, username);
            }
            if let Some(new) = &extra {
                let own = new.iter().filter(|(key, _)| OWN_EXTRA.contains(&key.as_str()));
                let mut extra = account.extra_object();
                extra.extend(own.map(|(key, value)| (key.clone(), value.clone())));
                account.extra = stored(&extra)?;
            }
            Ok(account)
        })
        .await
    }

    /// Adds labels that a payment was given to those that the account knows.
    ///
    /// # Errors
    /// Names the label that is not allowed.
    pub async fn know_labels(&self, id: &AccountId, labels: &[String]) -> Result<(), AccountError> {
        if let Some(bad) = labels.iter().find(|label| !is_label(label)) {
            return Err(AccountError::Invalid(format!("Invalid label name: '{bad}'.")));
        }
        let unknown = |account: &Account| {
            let known = known_labels(account);
            let is_known = |label: &String| known.iter().any(|entry| entry["name"] == label.as_str());
            labels.iter().filter(|label| !is_known(label)).cloned().collect::<Vec<_>>()
        };
        if unknown(&self.account(id).await?).is_empty() {
            return Ok(());
        }
        let done = self.edit(id, |account| {
            let mut known = known_labels(&account);
            let new = unknown(&account);
            known.extend(
                new.iter().map(|label| json!({ "name": label, "description": null, "color": color_of(label) })),
            );
            let mut extra = account.extra_object();
            extra.insert("labels".to_owned(), Value::Array(known));
            Ok(Account { extra: stored(&extra)?, ..account })
        });
        done.await.map(|_| ())
    }

    /// Merges keys into what the user interface remembers.
    ///
    /// # Errors
    /// When it grows too large.
    pub async fn change_ui(&self, id: &AccountId, new: Map<String, Value>) -> Result<Account, AccountError> {
        self.edit(id, |account| {
            let mut ui: Map<String, Value> = serde_json::from_str(&account.ui_customization).unwrap_or_default();
            ui.extend(new.clone());
            let text = serde_json::to_string(&ui).unwrap_or_default();
            if text.len() > STORED_MAX {
                return Err(AccountError::invalid("UI customization too large. Drop some fields."));
            }
            Ok(Account { ui_customization: text, ..account })
        })
        .await
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
        self.check_fresh(principal)?;
        if change.user_id != principal.account.as_str() {
            return Err(AccountError::invalid("Invalid user ID."));
        }
        check_repeat(&change.password, &change.password_repeat)?;
        self.check_free(&principal.account, &change.username).await?;
        let account = self.account(&principal.account).await?;
        let current = account.password_hash.clone();
        if current.is_some() {
            let old = change.password_old.ok_or_else(|| AccountError::invalid("Missing old password."))?;
            if !self.is_password(&account, old).await? {
                return Err(AccountError::invalid("Invalid old password."));
            }
        }
        self.confirm(&principal.account, change.otp_code.as_deref()).await?;
        let new = self.passwords.hash(change.password).await?;
        let edited = self.edit(&principal.account, |mut account| {
            if account.password_hash != current {
                return Err(AccountError::invalid("Invalid old password.")); // somebody was faster
            }
            rename(&mut account, &change.username);
            Ok(Account { password_hash: Some(new.clone()), ..account })
        });
        let account = edited.await?;
        self.store.session_revoke_others(account.id.clone(), principal.session().cloned(), now).await?;
        self.end_impersonations(principal).await?;
        self.grants.forget();
        Ok(account)
    }

    /// What lets people in is changed only by somebody who just came in.
    pub(super) fn check_fresh(&self, principal: &Principal) -> Result<(), AccountError> {
        let fresh = self.limits().fresh_login_seconds;
        if principal.login_at.is_none_or(|at| at.plus_seconds(fresh) < self.clock.now()) {
            return Err(AccountError::Invalid(format!(
                "You can only update your credentials in the first {fresh} seconds. Please login again or ask a new reset key!"
            )));
        }
        Ok(())
    }

    async fn check_free(&self, id: &AccountId, username: &str) -> Result<(), AccountError> {
        if !is_username(username) {
            return Err(AccountError::invalid("Invalid username."));
        }
        let other = self.store.account_by_login(username.to_lowercase()).await?;
        if other.is_some_and(|other| other.id != *id) {
            return Err(AccountError::invalid("Username already exists."));
        }
        Ok(())
    }

    /// Reads, changes and writes an account; again from the start if somebody else wrote in between.
    async fn edit(
        &self,
        id: &AccountId,
        change: impl Fn(Account) -> Result<Account, AccountError>,
    ) -> Result<Account, AccountError> {
        loop {
            let account = self.account(id).await?;
            let was = account.updated_at;
            // every write has another time, so that the time tells whether there was one
            let updated_at = self.clock.now().max(Time(was.0.saturating_add(1)));
            let changed = Account { updated_at, ..change(account)? };
            match self.store.account_update(changed.clone(), was).await {
                Err(StoreError::Refused(Refusal::Changed(_))) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => {
                    self.grants.forget();
                    return Ok(changed);
                }
            }
        }
    }
}

fn rename(account: &mut Account, username: &str) {
    account.username = Some(username.to_owned());
    account.username_key = Some(username.to_lowercase());
}

/// A whole profile, of what a person may say of himself; other keys are passed over.
pub(super) fn replaced(new: &Map<String, Value>) -> Result<String, AccountError> {
    check_labels(new)?;
    let own = new.iter().filter(|(key, _)| OWN_EXTRA.contains(&key.as_str()));
    stored(&own.map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn known_labels(account: &Account) -> Vec<Value> {
    account.extra_object().get("labels").and_then(Value::as_array).cloned().unwrap_or_default()
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
