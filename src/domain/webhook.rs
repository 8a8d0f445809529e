//! Webhooks: where a wallet's events are reported to, and what became of each report.

use diesel::prelude::{AsChangeset, Insertable, Queryable, Selectable};

use super::{Msat, PaymentId, Time, WalletId, column::text_enum, event::EventKind};

text_enum! {
    /// How far a report is.
    DeliveryState {
        /// It is tried, and tried again.
        Pending = "pending",
        /// The receiver took it.
        Delivered = "delivered",
        /// It was given up.
        Failed = "failed",
    }
}

text_enum! {
    /// What is reported.
    Subject {
        /// Money came in.
        PaymentReceived = "payment_received",
        /// Money went out.
        PaymentSent = "payment_sent",
        /// An outgoing payment failed for good.
        PaymentFailed = "payment_failed",
        /// An invoice expired unpaid.
        InvoiceExpired = "invoice_expired",
        /// Money for a hold invoice is here and waits for the wallet's word.
        HoldAccepted = "hold_accepted",
        /// A key was used from where it was never used before.
        KeyNewAddress = "key_new_address",
        /// Nothing: somebody wants to see whether reports arrive.
        Test = "test",
    }
}

impl From<EventKind> for Subject {
    fn from(kind: EventKind) -> Self {
        match kind {
            EventKind::PaymentReceived => Self::PaymentReceived,
            EventKind::PaymentSent => Self::PaymentSent,
            EventKind::PaymentFailed => Self::PaymentFailed,
            EventKind::InvoiceExpired => Self::InvoiceExpired,
            EventKind::HoldAccepted => Self::HoldAccepted,
            EventKind::KeyNewAddress => Self::KeyNewAddress,
        }
    }
}

/// The operator's rules for addresses that events are reported to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackRules {
    /// Expressions of which one has to match the whole of `scheme://host[:port]`; none for anything.
    pub origins: Vec<String>,
    /// May callbacks go to private addresses?
    pub allow_private: bool,
}

impl Default for CallbackRules {
    fn default() -> Self {
        Self { origins: vec![r"https?://([a-zA-Z0-9.-]+\.[a-zA-Z]{2,})(:\d+)?".to_owned()], allow_private: false }
    }
}

/// Where a wallet's events are reported to.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = crate::store::schema::webhook_endpoints, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Endpoint {
    /// Its name: 32 hex characters.
    pub id: String,
    /// Whose events.
    pub wallet_id: WalletId,
    /// Where to.
    pub url: String,
    /// What its owner calls it.
    pub description: String,
    /// JSON list of [`EventKind`]s; empty for all.
    pub events: String,
    /// Are events reported at present?
    pub enabled: bool,
    /// What reports are signed with, sealed.
    pub secret_sealed: Vec<u8>,
    /// What they are signed with besides, after a rotation.
    pub previous_sealed: Option<Vec<u8>>,
    /// Until when.
    pub previous_until: Option<Time>,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}

impl Endpoint {
    /// The events that it wants; empty for all.
    pub fn event_list(&self) -> Vec<EventKind> {
        let words: Vec<String> = serde_json::from_str(&self.events).unwrap_or_default();
        words.iter().filter_map(|word| word.parse().ok()).collect()
    }

    /// Does it want to hear of such events?
    pub fn wants(&self, kind: EventKind) -> bool {
        let wanted = self.event_list();
        self.enabled && (wanted.is_empty() || wanted.contains(&kind))
    }
}

/// One event for one receiver.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = crate::store::schema::webhook_deliveries)]
pub struct Report {
    /// Its number.
    pub id: i64,
    /// The endpoint; `None` where the payment itself says where to.
    pub endpoint_id: Option<String>,
    /// Whose event.
    pub wallet_id: WalletId,
    /// Of which payment; `None` for a test, and where it is about something else.
    pub payment_id: Option<PaymentId>,
    /// Position of the event; 0 for a test.
    pub event_id: i64,
    /// What happened.
    pub kind: Subject,
    /// The wallet's balance right after it.
    pub balance_msat: Msat,
    /// When it happened.
    pub happened_at: Time,
    /// How far it is.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next.
    pub next_at: Time,
    /// Until then somebody is trying it.
    pub leased_until: Option<Time>,
    /// What the receiver answered last: an HTTP status.
    pub last_status: Option<i64>,
    /// Why the last attempt came to nothing, for people.
    pub last_error: Option<String>,
    /// When it was written.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// What it is about if not a payment, as JSON.
    pub about: Option<String>,
}

/// A report about to be written.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = crate::store::schema::webhook_deliveries, treat_none_as_default_value = false)]
pub struct NewReport {
    pub endpoint_id: Option<String>,
    pub wallet_id: WalletId,
    pub payment_id: Option<PaymentId>,
    pub event_id: i64,
    pub kind: Subject,
    pub balance_msat: Msat,
    pub happened_at: Time,
    pub state: DeliveryState,
    pub attempts: i64,
    pub next_at: Time,
    pub created_at: Time,
    pub updated_at: Time,
    pub about: Option<String>,
}

/// What came of an attempt to report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// Which report.
    pub id: i64,
    /// How often it has been tried now.
    pub attempts: i64,
    /// How far it is now.
    pub state: DeliveryState,
    /// When it is tried again, if it is.
    pub next_at: Time,
    /// What the receiver answered: an HTTP status.
    pub status: Option<i64>,
    /// Why it came to nothing.
    pub error: Option<String>,
    /// When.
    pub at: Time,
}
