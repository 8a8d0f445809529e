//! Accounts: the people behind wallets.

use diesel::prelude::{Insertable, Queryable, Selectable};
use serde_json::{Map, Value};

use super::{AccountId, SessionId, Time};

/// An account, as the store remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = crate::store::schema::accounts)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Account {
    /// Names it for ever.
    pub id: AccountId,
    /// Login name, as its owner writes it.
    pub username: Option<String>,
    /// Login name in lower case; unique.
    pub username_key: Option<String>,
    /// E-mail, as its owner writes it.
    pub email: Option<String>,
    /// E-mail in lower case; unique.
    pub email_key: Option<String>,
    /// Argon2id hash in PHC form.
    pub password_hash: Option<String>,
    /// Nostr public key, hex; unique.
    pub pubkey: Option<String>,
    /// The operator's own name for it.
    pub external_id: Option<String>,
    /// How the account came to be: `lnbits` for a password, `env` for the super user before the
    /// first install (the words that existing clients know).
    pub provider: String,
    /// Is this the super user?
    pub super_user: bool,
    /// May it be used?
    pub activated: bool,
    /// Did somebody prove that the e-mail is his?
    pub email_verified: bool,
    /// Name of the tier of its keys.
    pub tier: String,
    /// JSON object that its owner may change.
    pub extra: String,
    /// JSON object of the user interface.
    pub ui_customization: String,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// May its logins administer other accounts?
    pub admin: bool,
    /// When it was deleted. Its wallets keep their money; it has no name and no login any more.
    pub deleted_at: Option<Time>,
}

impl Account {
    /// A fresh account without any way to log in.
    pub fn fresh(id: AccountId, provider: &str, now: Time) -> Self {
        Self {
            id,
            username: None,
            username_key: None,
            email: None,
            email_key: None,
            password_hash: None,
            pubkey: None,
            external_id: None,
            provider: provider.to_owned(),
            super_user: false,
            activated: true,
            email_verified: false,
            tier: "free".to_owned(),
            extra: "{}".to_owned(),
            ui_customization: "{}".to_owned(),
            created_at: now,
            updated_at: now,
            admin: false,
            deleted_at: None,
        }
    }

    /// `extra` as an object.
    pub fn extra_object(&self) -> Map<String, Value> {
        serde_json::from_str(&self.extra).unwrap_or_default()
    }
}

/// A login on one device; revoked by setting `revoked_at`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = crate::store::schema::sessions)]
pub struct Session {
    /// `jti` of its token.
    pub id: SessionId,
    /// Whose it is.
    pub account_id: AccountId,
    /// When the login happened.
    pub created_at: Time,
    /// When the token dies.
    pub expires_at: Time,
    /// When it was ended before that.
    pub revoked_at: Option<Time>,
    /// What the client called itself at login.
    pub user_agent: String,
    /// When its token was last used, to the minute or so.
    pub last_used_at: Option<Time>,
    /// From where.
    pub last_used_ip: Option<String>,
    /// The super user who looks at the account through it; absent when its owner logged in himself.
    pub impersonated_by: Option<AccountId>,
}

/// Somebody of another house who opens an account here.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = crate::store::schema::identities)]
pub struct Identity {
    /// Who vouches for him: `google`, `github`, `keycloak`, `oidc`.
    pub provider: String,
    /// What the provider calls him, for ever; with the issuer before it where that may change.
    pub subject: String,
    /// Whose account it opens.
    pub account_id: AccountId,
    /// The e-mail that the provider gave.
    pub email: Option<String>,
    /// Since when.
    pub created_at: Time,
}
