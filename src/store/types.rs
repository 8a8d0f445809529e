//! What goes into and comes out of the store's operations beside the domain's own types.

use crate::domain::{
    CredentialId, Msat, Payment, PaymentHash, PaymentId, SessionId, Time, WalletId,
    payment::NewPayment,
    share::{Share, ShareRights, ShareRole},
};

/// A wallet's new balance, as committed.
#[derive(Debug, Clone)]
pub struct Balance(pub WalletId, pub Msat);

/// An outcome that changed balances.
pub trait Posts {
    /// The balances as they are now.
    fn balances(&self) -> &[Balance];
}

/// One payment whose change moved money.
#[derive(Debug, Clone)]
pub struct Posted {
    /// The payment as it is now.
    pub payment: Payment,
    /// The balances it changed; empty when the change had been booked before.
    pub balances: Vec<Balance>,
    /// What a person has to look at.
    pub alarm: Option<String>,
}

impl Posts for Posted {
    fn balances(&self) -> &[Balance] {
        &self.balances
    }
}

impl<T: Posts> Posts for Option<T> {
    fn balances(&self) -> &[Balance] {
        self.as_ref().map_or(&[], T::balances)
    }
}

/// A new secret for a credential.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// Which.
    pub id: CredentialId,
    /// SHA-256 of the secret that it has.
    pub was: Vec<u8>,
    /// SHA-256 of the secret that it gets.
    pub secret_hash: Vec<u8>,
    /// Until when the old one is still good.
    pub previous_until: Time,
}

/// A use of a credential or a login.
#[derive(Debug, Clone)]
pub struct LastUse {
    /// The credential, if it was one.
    pub credential: Option<CredentialId>,
    /// The login, if it was one.
    pub session: Option<SessionId>,
    /// When.
    pub at: Time,
    /// From which address.
    pub from: Option<String>,
}

/// What an owner changes about shares of his wallets.
#[derive(Debug, Clone)]
pub struct ShareChange {
    /// Which.
    pub ids: Vec<CredentialId>,
    /// May they be used? One that was not accepted yet then waits for that.
    pub enabled: Option<bool>,
    /// New role and rights.
    pub role: Option<(ShareRole, ShareRights)>,
    /// New limits, as JSON.
    pub limits: Option<String>,
    /// Shares to end, with their mirrors.
    pub remove: Vec<CredentialId>,
    /// Shares to write.
    pub add: Vec<Share>,
    /// When.
    pub at: Time,
}

impl ShareChange {
    /// Changes nothing yet.
    pub fn at(at: Time) -> Self {
        Self { ids: Vec::new(), enabled: None, role: None, limits: None, remove: Vec::new(), add: Vec::new(), at }
    }
}

/// A transfer between two wallets.
#[derive(Debug, Clone)]
pub struct Transferred {
    /// The paying side.
    pub sent: Payment,
    /// The invoice, now paid.
    pub received: Payment,
    /// Both wallets' balances.
    pub balances: Vec<Balance>,
}

impl Posts for Transferred {
    fn balances(&self) -> &[Balance] {
        &self.balances
    }
}

/// Asks for a transfer: the open invoice is paid by the wallet of `payment`.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// The paying side. Its amount, preimage, memo, request and expiry are taken from the invoice.
    pub payment: NewPayment,
    /// The request as the payer gave it: it must be the invoice's own, to the letter.
    pub bolt11: String,
}

/// The node's word that an outgoing payment was paid.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Which attempt.
    pub id: PaymentId,
    /// What routing cost.
    pub fee: Msat,
    /// Proof of payment, sealed.
    pub preimage_sealed: Vec<u8>,
    /// The source's name for it, when it has one of its own.
    pub source_ref: Option<String>,
    /// When we heard.
    pub at: Time,
}

/// The node's word that an outgoing payment failed for good.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Which attempt.
    pub id: PaymentId,
    /// Why, for people.
    pub reason: String,
    /// When we heard.
    pub at: Time,
}

/// The node's word that money for an invoice arrived.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// Which invoice.
    pub payment_hash: PaymentHash,
    /// How much.
    pub amount: Msat,
    /// The preimage that was given for it, sealed; `None` when the node does not tell.
    pub preimage_sealed: Option<Vec<u8>>,
    /// When we heard.
    pub at: Time,
}

/// The super user adds to or takes from a wallet.
#[derive(Debug, Clone)]
pub struct Adjustment {
    /// The record of it, with its signed amount.
    pub payment: NewPayment,
}

/// Totals of payments in a span of time.
#[derive(Debug, Clone, diesel::QueryableByName, PartialEq, Eq)]
pub struct SpanTotals {
    /// Number of the span since the epoch.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub span: i64,
    /// What came in, in msat.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub income: i64,
    /// What went out, without fees, in msat; positive.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub spending: i64,
    /// Fees, in msat; positive.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub fees: i64,
    /// How many came in.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub count_in: i64,
    /// How many went out.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub count_out: i64,
}

/// A number of payments and their sum under one name.
#[derive(Debug, Clone, diesel::QueryableByName, PartialEq, Eq)]
pub struct GroupTotals {
    /// The group's name; `None` where the field is empty.
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
    pub name: Option<String>,
    /// How many.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub count: i64,
    /// Amounts less fees, in msat.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub total: i64,
}

/// Numbers that must agree; see `ledger::check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// Wallets whose stored balance is not the sum of their entries: id, balance, sum.
    pub wrong_balances: Vec<(WalletId, Msat, Msat)>,
    /// Sum of all entries; zero.
    pub all_entries: Msat,
    /// Payments whose entries do not add up to zero.
    pub unbalanced: Vec<PaymentId>,
    /// What the journal holds for payments in flight.
    pub held: Msat,
    /// What the payments in flight say is held for them.
    pub in_flight: Msat,
    /// Sum of all balances: what the server owes its users.
    pub liabilities: Msat,
    /// What the journal says the node gained or lost.
    pub lightning: Msat,
    /// What the super user put in (negative) or took out.
    pub operator: Msat,
    /// Money that arrived and belongs to nobody yet.
    pub suspense: Msat,
    /// Money that the server lost.
    pub loss: Msat,
    /// How many alarms were raised ever.
    pub alarms: i64,
    /// When the oldest payment that is still in flight was made.
    pub oldest_in_flight: Option<Time>,
}
