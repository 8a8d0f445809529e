//! Web push: browsers that are told of an account's payments (RFC 8030).

use diesel::prelude::{Insertable, Queryable, Selectable};

use super::{AccountId, PaymentId, Time, event::EventKind};

/// The private key that push services know this server by: 32 bytes in base64url (RFC 8292). Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct PushKey(pub String);

impl std::fmt::Debug for PushKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PushKey(…)")
    }
}

/// A browser that wants to be told.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = crate::store::schema::push_subscriptions)]
pub struct Subscription {
    /// Where its push service takes messages for it, if they are signed with this server's key.
    pub endpoint: String,
    /// Whose payments.
    pub account_id: AccountId,
    /// Under which address it reached this server.
    pub host: String,
    /// What messages to it are encrypted with, sealed.
    pub keys_sealed: Vec<u8>,
    /// When it asked.
    pub created_at: Time,
}

/// One event for one browser.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = crate::store::schema::push_messages)]
pub struct Push {
    /// Its number.
    pub id: i64,
    /// Position of the event.
    pub event_id: i64,
    /// To which browser.
    pub endpoint: String,
    /// Whose.
    pub account_id: AccountId,
    /// Which payment.
    pub payment_id: PaymentId,
    /// What happened.
    pub kind: EventKind,
    /// Is it still to be sent?
    pub open: bool,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next.
    pub next_at: Time,
    /// Until then somebody is trying it.
    pub leased_until: Option<Time>,
    /// When the event happened.
    pub created_at: Time,
}
