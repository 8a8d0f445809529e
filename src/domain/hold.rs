//! Hold invoices: money that arrives for them is held, and goes to the wallet or back only when the wallet says so.

use diesel::prelude::{Insertable, Queryable, Selectable};

use super::{Msat, PaymentId, Time, column::text_enum};

text_enum! {
    /// How far a hold invoice is. It never goes back, and of `settling` and `cancelling` only one is ever taken.
    HoldState {
        /// Nobody has paid it yet.
        Open = "open",
        /// The money is here and is held.
        Accepted = "accepted",
        /// The wallet gave the preimage; the node is told until it has taken the money.
        Settling = "settling",
        /// The money is the wallet's.
        Settled = "settled",
        /// The money is to go back; the node is told until it has let go of it.
        Cancelling = "cancelling",
        /// The money went back, or nobody can pay it any more.
        Cancelled = "cancelled",
    }
}

/// What is known of a hold invoice beside its payment.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = crate::store::schema::hold_invoices, treat_none_as_default_value = false)]
pub struct HoldInvoice {
    /// The invoice.
    pub payment_id: PaymentId,
    /// How far it is.
    pub state: HoldState,
    /// What is held; zero while nothing is.
    pub amount_msat: Msat,
    /// The payment from a wallet here that holds it; `None` when the node holds it, or nobody.
    pub payer_id: Option<PaymentId>,
    /// When it goes back by itself.
    pub deadline: Option<Time>,
    /// Was a person called because the node could not be told to let go?
    pub alarmed: bool,
    /// When it last changed.
    pub updated_at: Time,
}

impl HoldInvoice {
    /// A new one.
    pub fn open(payment_id: PaymentId, at: Time) -> Self {
        let (state, amount_msat) = (HoldState::Open, Msat::ZERO);
        Self { payment_id, state, amount_msat, payer_id: None, deadline: None, alarmed: false, updated_at: at }
    }
}

/// The key of `extra` that makes an invoice a hold invoice.
pub const IS_HOLD: &str = "hold_invoice";
/// Its money is here.
pub const ACCEPTED: &str = "hold_invoice_accepted";
/// Its money is the wallet's.
pub const SETTLED: &str = "hold_invoice_settled";
/// It is over, and its money went back.
pub const CANCELLED: &str = "hold_invoice_cancelled";
/// The keys of `extra` that say of a hold invoice what it is and how far. Only the server writes them.
pub const HOLD_KEYS: [&str; 4] = [IS_HOLD, ACCEPTED, SETTLED, CANCELLED];
