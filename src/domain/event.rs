//! Events: what happened to a payment or a key, written in the same transaction as the change itself.

use diesel::prelude::{Queryable, Selectable};

use super::{Msat, PaymentId, Time, WalletId, column::text_enum};

text_enum! {
    /// What happened.
    EventKind {
        /// Money came in.
        PaymentReceived = "payment_received",
        /// Money went out.
        PaymentSent = "payment_sent",
        /// An outgoing payment failed for good; its hold is released.
        PaymentFailed = "payment_failed",
        /// An invoice expired unpaid.
        InvoiceExpired = "invoice_expired",
        /// Money for a hold invoice is here and waits for the wallet's word.
        HoldAccepted = "hold_accepted",
        /// A key was used from where it was never used before. Only webhooks tell it: who may manage the wallet.
        KeyNewAddress = "key_new_address",
    }
}

/// One row of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = crate::store::schema::outbox)]
pub struct Event {
    /// Position; consumers remember it as their cursor.
    pub id: i64,
    /// Whose wallet.
    pub wallet_id: WalletId,
    /// Which payment, if it is about one.
    pub payment_id: Option<PaymentId>,
    /// What happened.
    pub kind: EventKind,
    /// The wallet's balance right after it.
    pub balance_msat: Msat,
    /// When.
    pub created_at: Time,
    /// What it is about if not a payment, as JSON.
    pub about: Option<String>,
}

/// An event of a payment, about to be written.
#[derive(Debug, Clone)]
pub struct NewEvent {
    pub wallet_id: WalletId,
    pub payment_id: PaymentId,
    pub kind: EventKind,
    pub balance_msat: Msat,
    pub created_at: Time,
    /// The payment says itself where it is to be reported to.
    pub reported: bool,
}
