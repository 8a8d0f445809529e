//! What goes into and comes out of the store's operations beside the domain's own types.

use diesel::prelude::{NullableExpressionMethods, Queryable, Selectable};

use super::schema::payments;
use crate::domain::{
    AccountId, CredentialId, Msat, Payment, PaymentHash, PaymentId, SessionId, Time, WalletId,
    column::text_enum,
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

/// A tier for an account that paid for it.
#[derive(Debug, Clone)]
pub struct TierGrant {
    /// The order that was paid.
    pub order: PaymentHash,
    /// Whose.
    pub account: AccountId,
    /// The tier that the account is in.
    pub was: String,
    /// The tier that it gets.
    pub tier: String,
    /// When.
    pub at: Time,
}

/// A use of a credential or a login.
#[derive(Debug, Clone)]
pub struct LastUse {
    /// The credential, if it was one.
    pub credential: Option<CredentialId>,
    /// Was it the credential's secret before its last rotation?
    pub old_secret: bool,
    /// The login, if it was one.
    pub session: Option<SessionId>,
    /// When.
    pub at: Time,
    /// From which address.
    pub from: Option<String>,
}

/// What an account has, for those who administer it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserTotals {
    /// Its living wallets.
    pub wallets: i64,
    /// What all its wallets hold, deleted ones too.
    pub balance: Msat,
    /// Payments of all its wallets, whatever became of them.
    pub payments: i64,
    /// When the last of them was made.
    pub last_payment: Option<Time>,
}

/// Asks for an account to be deleted.
#[derive(Debug, Clone)]
pub struct Deletion {
    /// Whose.
    pub account: AccountId,
    /// Even if it administers others?
    pub admins_too: bool,
    /// Even if its wallets hold money?
    pub confirmed: bool,
    /// When.
    pub at: Time,
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
    /// What is paid where the invoice leaves that to the payer.
    pub amount: Option<Msat>,
}

/// Asks for money of a wallet here to be held for a hold invoice of another one here.
#[derive(Debug, Clone)]
pub struct HoldHere {
    /// The paying side, with all that is held for it.
    pub payment: NewPayment,
    /// The request as the payer gave it: it must be the invoice's own, to the letter.
    pub bolt11: String,
    /// What the payee gets once he settles.
    pub amount: Msat,
    /// When it goes back by itself.
    pub deadline: Time,
}

/// The node's word that it holds money for a hold invoice.
#[derive(Debug, Clone)]
pub struct Held {
    /// Which invoice.
    pub id: PaymentId,
    /// How much.
    pub amount: Msat,
    /// When the node lets go of it by itself.
    pub deadline: Option<Time>,
    /// When the ledger is to let go of it.
    pub check_at: Time,
    /// When we heard.
    pub at: Time,
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

text_enum! {
    /// Why a person is called.
    AlarmKind {
        /// The source charged more for routing than it was allowed.
        FeeAboveLimit = "fee_above_limit",
        /// The source says paid of what it had said failed.
        LateSuccess = "late_success",
        /// An invoice that was paid inside was paid from outside as well.
        PaidTwice = "paid_twice",
        /// The database was restored from a backup: what happened after that, the ledger does not know.
        Restored = "restored",
        /// The source reports what the ledger has no record of, after a backup was restored.
        Unrecorded = "unrecorded",
        /// The node holds money that should go back, and cannot be told: its channel may be closed by force.
        HoldStuck = "hold_stuck",
    }
}

impl AlarmKind {
    /// Is no more money entrusted to the source until a person looked? It broke its word, or the ledger may not know
    /// what it did.
    pub fn stops_source(self) -> bool {
        match self {
            Self::FeeAboveLimit | Self::LateSuccess | Self::Restored | Self::Unrecorded => true,
            Self::PaidTwice | Self::HoldStuck => false,
        }
    }
}

/// Something that a person has to look at.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = super::schema::alarms)]
pub struct Alarm {
    /// Its number; larger is later.
    pub id: i64,
    /// What happened.
    pub kind: AlarmKind,
    /// The funding source that sends nothing more until this is acknowledged; `None` when it stops none.
    pub source: Option<String>,
    /// What happened, for people.
    pub detail: String,
    /// When.
    pub created_at: Time,
    /// When somebody took note.
    pub acknowledged_at: Option<Time>,
    /// Who.
    pub acknowledged_by: Option<AccountId>,
    /// What that person wrote about it.
    pub note: Option<String>,
    /// Which payment it is about.
    pub payment_id: Option<PaymentId>,
    /// That payment's hash.
    #[diesel(select_expression = payments::payment_hash.nullable())]
    pub payment_hash: Option<PaymentHash>,
}

/// A person takes note of an alarm.
#[derive(Debug, Clone)]
pub struct Acknowledgement {
    /// Which alarm.
    pub id: i64,
    /// Who.
    pub by: AccountId,
    /// What there is to say about it.
    pub note: Option<String>,
    /// When.
    pub at: Time,
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
    /// Windows of budgets that are not the sum of their charges: credential, beginning, what is written, the sum.
    pub wrong_budgets: Vec<(CredentialId, Time, Msat, Msat)>,
    /// Payments whose service fee was not booked as it should be.
    pub wrong_fees: Vec<PaymentId>,
    /// How many alarms were raised ever.
    pub alarms: i64,
    /// The alarms that nobody acknowledged yet, oldest first.
    pub open_alarms: Vec<Alarm>,
    /// When the oldest payment that is still in flight was made.
    pub oldest_in_flight: Option<Time>,
}

/// What was spent of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// The most of the period.
    pub limit: Msat,
    /// What was spent and is held in it.
    pub spent: Msat,
    /// When it begins anew.
    pub resets_at: Time,
}

impl Spent {
    /// What can still be spent; never less than nothing.
    pub fn left(&self) -> Msat {
        Msat(self.limit.0.saturating_sub(self.spent.0).max(0))
    }
}

/// Somebody is at a request that may come twice, or was.
#[derive(Debug, Clone, PartialEq, Eq, diesel::Queryable, diesel::Selectable, diesel::Insertable)]
#[diesel(table_name = super::schema::idempotency)]
pub struct Claim {
    /// Keyed hash of the caller and his key.
    pub key_hash: Vec<u8>,
    /// JSON of the keyed hashes of the request's parts.
    pub fields: String,
    /// The server that is at it.
    pub owner: String,
    /// Until when that server is believed to be at it unless it says so again.
    pub lease_until: Time,
    /// What was answered, sealed.
    pub response: Option<Vec<u8>>,
    /// When it first came.
    pub created_at: Time,
}

/// Counts over the audit log, the largest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditTotals {
    /// Lines by method.
    pub methods: Vec<(String, i64)>,
    /// Lines by status.
    pub codes: Vec<(i64, i64)>,
    /// Lines by component.
    pub components: Vec<(String, i64)>,
    /// The routes with the slowest answers, and how slow these were, in microseconds.
    pub slowest: Vec<(String, Option<i64>)>,
}

/// What the super user set, as it lies in the database.
#[derive(Debug, Clone, diesel::Queryable, diesel::Selectable, diesel::Insertable)]
#[diesel(table_name = super::schema::settings, treat_none_as_default_value = false)]
pub struct StoredSetting {
    /// The setting.
    pub name: String,
    /// Its value as JSON, unless it is sealed.
    pub value: Option<String>,
    /// Its value as JSON, sealed.
    pub sealed: Option<Vec<u8>>,
    /// When it was set.
    pub updated_at: Time,
}

/// A change of settings, made if nobody changed any since they were read.
#[derive(Debug, Clone)]
pub struct SettingsChange {
    /// What is set.
    pub put: Vec<StoredSetting>,
    /// What has its default again.
    pub clear: Vec<String>,
    /// The counter `settings` when they were read.
    pub was: i64,
}

/// What a new account takes beside itself.
#[derive(Debug, Clone, Default)]
pub struct Admission {
    /// How many accounts there may be with it; 0 for as many as come.
    pub max_users: i64,
    /// An invitation code that it uses up.
    pub code: Option<SettingsChange>,
}

/// What the house takes for a payment.
#[derive(Debug, Clone, PartialEq, Eq, diesel::Queryable, diesel::Selectable, diesel::Insertable)]
#[diesel(table_name = super::schema::service_fees, treat_none_as_default_value = false)]
pub struct FeeRecord {
    /// The payment.
    pub payment_id: PaymentId,
    /// The wallet that gets it.
    pub wallet_id: WalletId,
    /// How much.
    pub amount_msat: Msat,
    /// The record of it in that wallet, once the payment has succeeded.
    pub booked_id: Option<PaymentId>,
}
