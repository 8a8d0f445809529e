//! Events: what happened to a payment, written in the same transaction as the change itself.

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
    /// Which payment.
    pub payment_id: PaymentId,
    /// What happened.
    pub kind: EventKind,
    /// The wallet's balance right after it.
    pub balance_msat: Msat,
    /// When.
    pub created_at: Time,
}

/// An event about to be written.
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
