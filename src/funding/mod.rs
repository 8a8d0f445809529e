//! Funding sources: the Lightning node behind the server.
//!
//! The rule that keeps money right is in the answers: [`Outcome`] has a word for "I do not know", and
//! only a definite word moves money back. A source that cannot be sure says [`Outcome::Unknown`].

pub mod driver;
pub mod embedded;
pub mod phoenixd;
pub mod regtest;
pub mod simulated;
pub mod wire;

use std::future::ready;

pub use driver::{BadField, Driver, Fields, Home, Setup};
use futures_util::{future::BoxFuture, stream::BoxStream};
use lightning_invoice::Currency;

use crate::domain::{
    Msat, PaymentHash, PaymentId, Time,
    bolt11::{self, Invoice},
};

/// Every kind of source that this server can have.
pub const DRIVERS: &[Driver] = &[embedded::play::DRIVER, simulated::DRIVER, phoenixd::DRIVER];

/// How far the source's clock may be from ours, in seconds, where the two are compared: both are set by NTP.
pub const CLOCKS_APART: i64 = 2;

/// What a source can do. A request that needs what is missing is refused before money moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub struct Capabilities {
    /// Keeps a payment's routing fee under the limit it is given.
    pub fee_limit: bool,
    /// A payment that it does not find was never sent: no copy of the answer lags behind.
    pub consistent_not_found: bool,
    /// Issues invoices whose money it holds until it is told what becomes of it.
    pub hold: bool,
    /// Issues and pays invoices that leave the amount to the payer.
    pub amountless: bool,
    /// Pays nodes that issued no invoice.
    pub keysend: bool,
    /// Tells by itself what arrives. A source that does not is asked about every open invoice, again and again.
    pub reports: bool,
}

impl Capabilities {
    /// All of it.
    pub const ALL: Self = Self {
        fee_limit: true,
        consistent_not_found: true,
        hold: true,
        amountless: true,
        keysend: true,
        reports: true,
    };
}

/// The source cannot be reached or cannot work now; it may later. The text is for people.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct SourceDown(pub String);

/// How the node is.
#[derive(Debug, Clone)]
pub struct NodeStatus {
    /// What it can send and has received, all channels together.
    pub balance: Msat,
    /// Who it is: the node's public key, or the name of the account at a provider. Two sources with one identity are
    /// one source.
    pub identity: String,
    /// The network that it is on.
    pub network: Currency,
}

/// What an invoice is to say.
#[derive(Debug, Clone)]
pub struct InvoiceOrder {
    /// What is asked; zero leaves it to the payer.
    pub amount: Msat,
    /// The words, or their hash.
    pub description: Description,
    /// How long it is valid.
    pub expiry_seconds: u64,
    /// Makes it a hold invoice: whoever knows the preimage of this hash settles it.
    pub hold: Option<PaymentHash>,
}

/// What an invoice is for (BOLT 11 fields `d` and `h`).
#[derive(Debug, Clone)]
pub enum Description {
    /// Words, at most 639 bytes.
    Text(String),
    /// SHA-256 of words that are given elsewhere.
    Hash([u8; 32]),
}

/// An invoice that the node issued and will accept money for.
#[derive(Debug, Clone)]
pub struct IssuedInvoice {
    /// The payment request, lower case.
    pub bolt11: String,
    /// Its payment hash.
    pub payment_hash: PaymentHash,
    /// The preimage, when the node tells it.
    pub preimage: Option<[u8; 32]>,
    /// When it expires.
    pub expires_at: Time,
    /// The source's own name for it, when it gave one.
    pub source_ref: Option<String>,
}

/// Which invoice a question is about.
#[derive(Debug, Clone)]
pub struct InvoiceRef {
    /// Its payment hash.
    pub payment_hash: PaymentHash,
    /// The source's own name for it, when it gave one.
    pub source_ref: Option<String>,
    /// The payment request.
    pub bolt11: String,
    /// When it was issued.
    pub issued_at: Time,
}

/// Reads the invoice that a source issued.
///
/// # Errors
/// When it is none, or asks for another amount than was ordered: whoever pays it would pay something else.
pub fn issued(
    text: &str,
    order: &InvoiceOrder,
    preimage: Option<[u8; 32]>,
    source_ref: Option<String>,
) -> Result<IssuedInvoice, InvoiceError> {
    let invoice = bolt11::parse(text)
        .map_err(|error| SourceDown(format!("the source issued what is no payment request: {error}")))?;
    if invoice.amount.unwrap_or(Msat::ZERO) != order.amount {
        let asks = invoice.amount.map_or("no amount".to_owned(), |amount| amount.to_string());
        return Err(InvoiceError::Refused(format!("the source issued an invoice that asks for {asks}")));
    }
    if order.hold.as_ref().is_some_and(|hash| *hash != invoice.payment_hash) {
        return Err(InvoiceError::Refused("the source issued an invoice with another payment hash".to_owned()));
    }
    let preimage = preimage.filter(|preimage| PaymentHash::of(preimage) == invoice.payment_hash);
    let (payment_hash, expires_at) = (invoice.payment_hash, invoice.expires_at);
    Ok(IssuedInvoice { bolt11: invoice.text, payment_hash, preimage, expires_at, source_ref })
}

/// The network of a name that nodes use for it.
pub fn network_named(name: &str) -> Option<Currency> {
    match name.trim().to_ascii_lowercase().as_str() {
        "mainnet" | "main" | "bitcoin" | "livenet" => Some(Currency::Bitcoin),
        "testnet" | "testnet3" | "testnet4" | "test" => Some(Currency::BitcoinTestnet),
        "signet" | "mutinynet" => Some(Currency::Signet),
        "regtest" => Some(Currency::Regtest),
        "simnet" => Some(Currency::Simnet),
        _ => None,
    }
}

/// Why no invoice was issued.
#[derive(Debug, Clone, thiserror::Error)]
pub enum InvoiceError {
    /// The node does not work now.
    #[error(transparent)]
    Down(#[from] SourceDown),
    /// The node will not issue such an invoice.
    #[error("{0}")]
    Refused(String),
}

/// Who is paid.
#[derive(Debug, Clone)]
pub enum Payee {
    /// Whoever issued this invoice.
    Invoice(Box<Invoice>),
    /// A node that issued none (keysend).
    Node(Spontaneous),
}

impl Payee {
    /// The payment hash.
    pub fn payment_hash(&self) -> PaymentHash {
        match self {
            Self::Invoice(invoice) => invoice.payment_hash.clone(),
            Self::Node(spontaneous) => PaymentHash::of(&spontaneous.preimage),
        }
    }
}

/// A payment to a node that issued no invoice: the payer makes the preimage and sends it along
/// (bLIP 3, record 5482373484).
#[derive(Debug, Clone)]
pub struct Spontaneous {
    /// The node's public key, compressed.
    pub node: [u8; 33],
    /// The preimage.
    pub preimage: [u8; 32],
}

/// One attempt to pay.
#[derive(Debug, Clone)]
pub struct PaymentOrder {
    /// Names the attempt; a retry of the same invoice is another attempt.
    pub attempt: PaymentId,
    /// What to pay.
    pub payee: Payee,
    /// How much arrives.
    pub amount: Msat,
    /// The most that routing may cost.
    pub fee_limit: Msat,
}

/// Which attempt a question is about.
#[derive(Debug, Clone)]
pub struct AttemptRef {
    /// Its number.
    pub attempt: PaymentId,
    /// Its payment hash.
    pub payment_hash: PaymentHash,
    /// The source's own name for it, when it gave one.
    pub source_ref: Option<String>,
    /// When it was handed to the node: a word about anything before that is not about this attempt.
    pub dispatched_at: Option<Time>,
}

/// What the node says of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It arrived.
    Paid {
        /// Proof: hashes to the payment hash.
        preimage: [u8; 32],
        /// What routing cost.
        fee: Msat,
        /// The source's own name for it.
        source_ref: Option<String>,
    },
    /// It failed for good: no money left, and none will.
    Failed {
        /// The attempt that failed. A word about another attempt is not applied to this one.
        attempt: PaymentId,
        /// Why, for people.
        reason: String,
    },
    /// It never left us: the node was not reached or refused to begin.
    NotSent(String),
    /// It is on its way.
    InFlight {
        /// The source's own name for it.
        source_ref: Option<String>,
    },
    /// The node does not know it. What that means depends on the source and the time.
    NotFound,
    /// Nobody knows: the question or the answer got lost.
    Unknown(String),
}

/// What the node says of an invoice it issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvoiceState {
    /// Nobody has paid it yet.
    Open,
    /// It was paid.
    Paid {
        /// How much arrived; may be more than was asked (BOLT 4).
        amount: Msat,
        /// The preimage that was given for it.
        preimage: Option<[u8; 32]>,
    },
    /// Its money is here and is held.
    Held {
        /// How much.
        amount: Msat,
        /// When the node lets go of it by itself.
        deadline: Option<Time>,
    },
    /// It cannot be paid any more.
    Closed,
    /// The node does not know it.
    Unknown,
}

/// What a node reports by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceEvent {
    /// Money for an invoice arrived.
    InvoicePaid {
        /// Which invoice.
        payment_hash: PaymentHash,
        /// How much.
        amount: Msat,
        /// The preimage that was given for it.
        preimage: Option<[u8; 32]>,
    },
    /// Money for a hold invoice arrived and is held.
    InvoiceHeld {
        /// Which invoice.
        payment_hash: PaymentHash,
        /// How much.
        amount: Msat,
        /// When the node lets go of it by itself.
        deadline: Option<Time>,
    },
    /// There is news of a payment: ask.
    PaymentChanged {
        /// Which payment.
        payment_hash: PaymentHash,
    },
}

/// An event and its position in the source's stream.
pub type Positioned = (i64, SourceEvent);

/// A Lightning node, seen from the ledger.
pub trait FundingSource: Send + Sync {
    /// The short name of its driver.
    fn name(&self) -> &'static str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Asks how the node is.
    fn status(&self) -> BoxFuture<'_, Result<NodeStatus, SourceDown>>;

    /// Has the node issue an invoice.
    fn create_invoice(&self, order: InvoiceOrder) -> BoxFuture<'_, Result<IssuedInvoice, InvoiceError>>;

    /// Hands a payment to the node and waits for what becomes of it, however long that takes.
    fn pay(&self, order: PaymentOrder) -> BoxFuture<'_, Outcome>;

    /// Asks what became of an attempt. Never answers [`Outcome::NotSent`].
    fn lookup_payment(&self, attempt: AttemptRef) -> BoxFuture<'_, Outcome>;

    /// Asks what became of an invoice.
    fn lookup_invoice(&self, invoice: InvoiceRef) -> BoxFuture<'_, Result<InvoiceState, SourceDown>>;

    /// What sending so much costs, where that is a price and not the luck of routing: then a payment whose fee limit is
    /// below it need not be tried.
    fn price(&self, _amount: Msat) -> Option<Msat> {
        None
    }

    /// Has the node take the money that it holds for a hold invoice. Saying so again of one that it took is no error.
    /// Only for sources that can hold.
    fn settle_invoice(&self, _preimage: [u8; 32]) -> BoxFuture<'_, Result<(), InvoiceError>> {
        Box::pin(ready(Err(InvoiceError::Refused("the source cannot hold invoices".to_owned()))))
    }

    /// Has the node let go of a hold invoice, and of what it holds for it. Saying so again is no error. Only for sources
    /// that can hold.
    fn cancel_invoice(&self, _payment_hash: PaymentHash) -> BoxFuture<'_, Result<(), InvoiceError>> {
        Box::pin(ready(Err(InvoiceError::Refused("the source cannot hold invoices".to_owned()))))
    }

    /// What happens at the node after this position, in order, without an end. The stream ends with an
    /// error when the node is lost; then it is opened again.
    fn events(&self, after: i64) -> BoxStream<'_, Result<Positioned, SourceDown>>;

    /// The world on the other side of a simulated node; real nodes have the real one.
    fn outside(&self) -> Option<&dyn OutsideWorld> {
        None
    }
}

/// The rest of a play-money network: pays our invoices and issues its own.
pub trait OutsideWorld: Send + Sync {
    /// Pays an invoice of ours from outside. `amount` overrides what the invoice asks for.
    ///
    /// # Errors
    /// Why it cannot be paid, for people.
    fn pay(&self, bolt11: &str, amount: Option<Msat>) -> Result<(), String>;

    /// Issues an invoice of another node. Its memo decides what happens when it is paid.
    ///
    /// # Errors
    /// Why it cannot be issued, for people.
    fn issue(&self, amount: Msat, memo: &str, expiry_seconds: u64) -> Result<String, String>;
}
