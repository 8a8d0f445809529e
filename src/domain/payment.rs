//! Payments: one row per attempt, signed amounts, three states that are promised to callers.

use diesel::prelude::{Insertable, Queryable, Selectable};
use serde_json::{Map, Value, json};

use super::{
    AccountId, Msat, PaymentHash, PaymentId, Time, WalletId,
    column::text_enum,
    fiat::Asked,
    hold::{HOLD_KEYS, IS_HOLD},
};

text_enum! {
    /// What a caller is told of a payment. `success` and `failed` are final for outgoing payments.
    ///
    /// An outcome that nobody knows yet is `pending`: the money stays held until the node says.
    Status {
        /// Not paid yet, or nobody knows.
        Pending = "pending",
        /// Paid.
        Success = "success",
        /// Will never be paid.
        Failed = "failed",
    }
}

text_enum! {
    /// How a payment came to be, and with that who may settle it.
    Kind {
        /// A BOLT 11 invoice that a wallet issued.
        Invoice = "invoice",
        /// Money sent over Lightning to another node.
        External = "external",
        /// The paying side of a transfer between two wallets of this server.
        Internal = "internal",
        /// Money that the super user added to a wallet.
        TopUp = "top_up",
        /// Money that the super user took from a wallet.
        Debit = "debit",
        /// What the house took for somebody's payment, in the wallet that gets it.
        ServiceFee = "service_fee",
    }
}

/// A payment in or out of a wallet, as the store remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = crate::store::schema::payments)]
pub struct Payment {
    /// Number of the attempt.
    pub id: PaymentId,
    /// The wallet it belongs to.
    pub wallet_id: WalletId,
    /// How it came to be.
    pub kind: Kind,
    /// What callers are told.
    pub status: Status,
    /// The name that LNbits clients use: the payment hash, or `internal_` and the hash.
    pub checking_id: String,
    /// SHA-256 of the preimage.
    pub payment_hash: PaymentHash,
    /// Signed: positive comes in, negative goes out.
    pub amount_msat: Msat,
    /// Routing fee; never negative. While the payment is in flight, the most that it may become.
    pub fee_msat: Msat,
    /// What is held for it while in flight: amount and fee cap. Zero once it is over.
    pub hold_msat: Msat,
    /// The most that routing may cost.
    pub fee_limit_msat: Msat,
    /// What it is for, in words.
    pub memo: String,
    /// The payment request; empty where there was none.
    pub bolt11: String,
    /// The preimage, sealed; `None` until it is known.
    pub preimage_sealed: Option<Vec<u8>>,
    /// When the payment request expires.
    pub expires_at: Time,
    /// Where to report the receipt.
    pub webhook: Option<String>,
    /// HTTP status of that report.
    pub webhook_status: Option<String>,
    /// `extra.tag` at creation.
    pub tag: Option<String>,
    /// The extension that made it.
    pub extension: Option<String>,
    /// JSON list of texts.
    pub labels: String,
    /// JSON object, free-form.
    pub extra: String,
    /// The caller's own name for it.
    pub external_id: Option<String>,
    /// Why it failed, for people.
    pub failure: Option<String>,
    /// The funding source that handles it.
    pub source: String,
    /// That source's own name for it.
    pub source_ref: Option<String>,
    /// When it was written.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// When it was handed to the node. Before that mark is written nothing was sent, for certain.
    pub dispatched_at: Option<Time>,
    /// When the node is to be asked next; `None` when nothing is open.
    pub next_check_at: Option<Time>,
    /// How often the node was asked.
    pub checks: i64,
}

impl Payment {
    /// `extra` as an object; empty when it is not one.
    pub fn extra_object(&self) -> Map<String, Value> {
        serde_json::from_str(&self.extra).unwrap_or_default()
    }

    /// `labels` as a list.
    pub fn label_list(&self) -> Vec<String> {
        serde_json::from_str(&self.labels).unwrap_or_default()
    }

    /// Is it an invoice whose money is held until its wallet says what becomes of it?
    pub fn is_hold_invoice(&self) -> bool {
        self.kind == Kind::Invoice
            && self.extra.contains(IS_HOLD)
            && self.extra_object().get(IS_HOLD) == Some(&true.into())
    }

    /// True for money that leaves the wallet.
    pub fn is_outgoing(&self) -> bool {
        self.amount_msat < Msat::ZERO
    }
}

/// A payment about to be written.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = crate::store::schema::payments, treat_none_as_default_value = false)]
pub struct NewPayment {
    pub wallet_id: WalletId,
    pub kind: Kind,
    pub status: Status,
    pub checking_id: String,
    pub payment_hash: PaymentHash,
    pub amount_msat: Msat,
    pub fee_msat: Msat,
    pub hold_msat: Msat,
    pub fee_limit_msat: Msat,
    pub memo: String,
    pub bolt11: String,
    pub preimage_sealed: Option<Vec<u8>>,
    pub expires_at: Time,
    pub webhook: Option<String>,
    pub tag: Option<String>,
    pub extension: Option<String>,
    pub labels: String,
    pub extra: String,
    pub external_id: Option<String>,
    pub source: String,
    /// The source's own name for it, when it gave one.
    pub source_ref: Option<String>,
    pub created_at: Time,
    pub updated_at: Time,
    pub next_check_at: Option<Time>,
    /// Keyed hash of the key under which it was asked for, if it was: such a payment is made once.
    pub idempotency: Option<Vec<u8>>,
}

impl NewPayment {
    /// The payment as it stands once it is written under this number.
    pub fn numbered(self, id: PaymentId) -> Payment {
        Payment {
            id,
            wallet_id: self.wallet_id,
            kind: self.kind,
            status: self.status,
            checking_id: self.checking_id,
            payment_hash: self.payment_hash,
            amount_msat: self.amount_msat,
            fee_msat: self.fee_msat,
            hold_msat: self.hold_msat,
            fee_limit_msat: self.fee_limit_msat,
            memo: self.memo,
            bolt11: self.bolt11,
            preimage_sealed: self.preimage_sealed,
            expires_at: self.expires_at,
            webhook: self.webhook,
            webhook_status: None,
            tag: self.tag,
            extension: self.extension,
            labels: self.labels,
            extra: self.extra,
            external_id: self.external_id,
            failure: None,
            source: self.source,
            source_ref: self.source_ref,
            created_at: self.created_at,
            updated_at: self.updated_at,
            dispatched_at: None,
            next_check_at: self.next_check_at,
            checks: 0,
        }
    }
}

/// What the caller attaches to a payment; stored and given back, never interpreted by the ledger.
#[derive(Debug, Clone, Default)]
pub struct Annotations {
    /// Free-form object.
    pub extra: Map<String, Value>,
    /// Labels.
    pub labels: Vec<String>,
    /// The caller's own name.
    pub external_id: Option<String>,
    /// The extension in whose name the caller acts.
    pub extension: Option<String>,
    /// Where to report a receipt.
    pub webhook: Option<String>,
    /// Who does it, where it is not the wallet's owner.
    pub by: Option<Author>,
    /// What was asked for, where that is not satoshi.
    pub asked: Option<Asked>,
}

/// Somebody who uses a wallet that its owner shared with him.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The name under which the owner finds him among his operators.
    pub operator: String,
    /// The name by which the owner invited him.
    pub name: String,
}

/// The key of `extra` that says who made a payment. Only the server writes it.
pub const AUTHOR_KEY: &str = "satchel_by";

/// Is it for the server alone to write this key of `extra`?
pub fn is_servers_key(key: &str) -> bool {
    key == AUTHOR_KEY || HOLD_KEYS.contains(&key)
}

impl Annotations {
    /// `extra` as it is stored: what callers say of who made the payment, and of its being held, counts for nothing.
    pub fn stored_extra(&self) -> Map<String, Value> {
        let mut extra = self.extra.clone();
        extra.retain(|key, _| !is_servers_key(key));
        if let Some(by) = &self.by {
            extra.insert(AUTHOR_KEY.to_owned(), json!({ "operator": by.operator, "username": by.name }));
        }
        extra
    }

    /// The text under `extra.tag`.
    pub fn tag(&self) -> Option<String> {
        self.extra.get("tag").and_then(Value::as_str).map(|tag| tag.replace('\0', ""))
    }
}

/// Which payments a list or a sum is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One wallet's.
    Wallet(WalletId),
    /// Those of all wallets of an account.
    Account(AccountId),
    /// Those of these wallets.
    Wallets(Vec<WalletId>),
    /// The whole server's.
    All,
}
