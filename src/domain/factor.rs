//! What proves an identity beside a password: one-time codes, passkeys, and the keys that reset a password.

use diesel::prelude::{Insertable, Queryable, Selectable};

use super::{AccountId, Time, column::text_enum};

/// An account's one-time codes (TOTP, RFC 6238).
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = crate::store::schema::totp)]
pub struct Totp {
    /// Whose.
    pub account_id: AccountId,
    /// The secret that the authenticator shares, sealed.
    pub secret_sealed: Vec<u8>,
    /// False until a first code proved that the authenticator has the secret.
    pub enabled: bool,
    /// The last step of 30 seconds whose code was accepted: no step is accepted twice.
    pub last_step: i64,
    /// Sends of more satoshi than this ask for a code; none do when absent.
    pub above_sat: Option<i64>,
    /// When the secret was made.
    pub created_at: Time,
}

/// A passkey (`WebAuthn` Level 3): the public half of a key that never leaves its owner's device.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = crate::store::schema::passkeys)]
pub struct Passkey {
    /// Names it here: 32 hex characters.
    pub id: String,
    /// Whose.
    pub account_id: AccountId,
    /// What its owner calls it.
    pub name: String,
    /// Its name on the device; unique.
    pub credential_id: Vec<u8>,
    /// Public key and what else never changes, as the `WebAuthn` library writes it.
    pub static_state: Vec<u8>,
    /// Signature counter and what else changes with use, written likewise.
    pub dynamic_state: Vec<u8>,
    /// When it was registered.
    pub created_at: Time,
    /// When it was last used to log in.
    pub last_used_at: Option<Time>,
}

text_enum! {
    /// What a browser is asked to sign a challenge for.
    ChallengeKind {
        /// Making a passkey.
        Register = "register",
        /// Logging in with one.
        Login = "login",
    }
}

/// What a browser was asked to sign. The first answer takes it away.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = crate::store::schema::challenges)]
pub struct Challenge {
    /// The challenge itself, hex.
    pub id: String,
    /// What for.
    pub kind: ChallengeKind,
    /// For whom, if that is known.
    pub account_id: Option<AccountId>,
    /// What the `WebAuthn` library needs to check the answer.
    pub state: Vec<u8>,
    /// Until when the answer counts.
    pub expires_at: Time,
}

/// A key with which a forgotten password is replaced, once.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = crate::store::schema::reset_keys)]
pub struct ResetKey {
    /// Whose password; an account has at most one such key.
    pub account_id: AccountId,
    /// SHA-256 of the key.
    pub key_hash: Vec<u8>,
    /// When it ends by itself.
    pub expires_at: Time,
}
