//! Why the ledger did not do what it was asked.

use crate::{
    domain::{Msat, Payment, Time, bolt11::NotAnInvoice},
    funding::SourceDown,
    store::{Refusal, StoreError},
};

/// A reason that a caller can be told. The texts are what LNbits clients know, where they know one.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The text is not a payment request.
    #[error("Bolt11 decoding failed.")]
    NotAnInvoice(#[from] NotAnInvoice),
    /// A payment request for another network.
    #[error("This invoice is for {theirs}; this server works on {ours}.")]
    WrongNetwork {
        /// The server's.
        ours: &'static str,
        /// The invoice's.
        theirs: &'static str,
    },
    /// The request leaves the amount to the payer, or the caller gave none.
    #[error("Amountless invoices not supported.")]
    Amountless,
    /// Above what the operator allows.
    #[error("Invoice amount {amount_sat} sats is too high. Max allowed: {max_sat} sats.")]
    TooHigh {
        /// Asked.
        amount_sat: i64,
        /// Allowed.
        max_sat: i64,
    },
    /// Wallets are only paid here.
    #[error("Only incoming payments allowed.")]
    OnlyIncoming,
    /// The wallet would hold more than the operator allows.
    #[error("Wallet balance cannot exceed {} sats.", .most.sat_floor())]
    BalanceAbove {
        /// The most.
        most: Msat,
    },
    /// More would leave the wallet in a day than the operator allows.
    #[error("Daily withdrawal limit of {} sats reached.", .most.sat_floor())]
    DayAbove {
        /// The most.
        most: Msat,
    },
    /// The wallet's last payment is not long enough ago.
    #[error("The time limit of {seconds} seconds between payments has been reached.")]
    TooSoon {
        /// How long it takes.
        seconds: i64,
    },
    /// Above what the credential may pay at once.
    #[error("This credential may pay {limit} at most.")]
    LimitExceeded {
        /// The most.
        limit: Msat,
    },
    /// The credential's budget, or one that it shares, does not reach for it.
    #[error("This credential's budget has {left} left, fees included, until {resets_at}.")]
    BudgetExceeded {
        /// The most of a period.
        limit: Msat,
        /// What is left of it.
        left: Msat,
        /// When the next period begins.
        resets_at: Time,
    },
    /// The payment request has expired.
    #[error("Invoice expired.")]
    Expired,
    /// The wallet does not hold the amount.
    #[error("Insufficient balance.")]
    InsufficientBalance,
    /// The wallet holds the amount, but not the routing fee that must be set aside.
    #[error("You must reserve at least ({reserve_sat}  sat) to cover potential routing fees.")]
    ReserveNeeded {
        /// What must be set aside beside the amount.
        reserve_sat: i64,
        /// What the wallet must hold in all.
        needed: Msat,
    },
    /// The source cannot keep a fee limit, and the caller asked for one.
    #[error("The funding source cannot keep a routing fee limit; pay without fee_limit_msat.")]
    NoFeeLimit,
    /// The source cannot hold what arrives.
    #[error("Hold invoices are not supported by this wallet.")]
    HoldUnsupported,
    /// The source pays nobody who issued no invoice.
    #[error("The funding source cannot pay a node without an invoice (keysend).")]
    KeysendUnsupported,
    /// A hold invoice is not so far, or too far, for what is asked.
    #[error("{0}")]
    HoldState(&'static str),
    /// The node could not be told what becomes of a hold invoice; it is told as soon as it answers.
    #[error("The funding source is not available: {0}. It is told as soon as it answers; ask for the payment then.")]
    HoldLater(String),
    /// An invoice of this server that has been paid: by this payment, or as this receipt.
    #[error("Internal invoice already paid.")]
    InternalAlreadyPaid(Box<Payment>),
    /// The same payment hash is on its way.
    #[error("Payment is still pending.")]
    StillPending(Box<Payment>),
    /// The same payment hash was paid from here.
    #[error("Payment already paid.")]
    AlreadyPaid(Box<Payment>),
    /// The node says that it failed for good; the money is back.
    #[error("Payment failed: {0}")]
    PaymentFailed(String),
    /// The node cannot be reached; nothing was sent.
    #[error("The funding source is not available: {0}")]
    SourceDown(String),
    /// The node will not do it.
    #[error("{0}")]
    SourceRefused(String),
    /// There is no such thing.
    #[error("{0} does not exist.")]
    Missing(&'static str),
    /// A caller's value makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The database is not available, or objects.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(Refusal::AlreadyAttempted(payment)) => match payment.status {
                crate::domain::Status::Success => Self::AlreadyPaid(payment),
                _ => Self::StillPending(payment),
            },
            StoreError::Refused(Refusal::InsufficientBalance { .. }) => Self::InsufficientBalance,
            StoreError::Refused(Refusal::BudgetExceeded(spent)) => (*spent).into(),
            StoreError::Refused(Refusal::BalanceAbove { most }) => Self::BalanceAbove { most },
            StoreError::Refused(Refusal::DayAbove { most }) => Self::DayAbove { most },
            StoreError::Refused(Refusal::TooSoon { seconds }) => Self::TooSoon { seconds },
            StoreError::Refused(Refusal::Missing("payment" | "invoice")) => Self::Missing("Payment"),
            StoreError::Refused(Refusal::Missing("wallet")) => Self::Missing("Wallet"),
            StoreError::Refused(Refusal::Missing("alarm")) => Self::Missing("Alarm"),
            other => Self::Store(other),
        }
    }
}

impl From<SourceDown> for LedgerError {
    fn from(down: SourceDown) -> Self {
        Self::SourceDown(down.0)
    }
}
