//! LNURL links of wallets: to be paid by (LUD-06) and to pay out by (LUD-03).

use diesel::prelude::{AsChangeset, Insertable, Queryable, Selectable};

use super::{Msat, PaymentHash, Time, WalletId, column::text_enum};

text_enum! {
    /// Which way the money goes.
    LinkKind {
        /// Whoever has the link pays the wallet.
        Pay = "pay",
        /// Whoever has the link is paid by the wallet.
        Withdraw = "withdraw",
    }
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = crate::store::schema::links, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Link {
    /// Its name and secret: 32 hex characters.
    pub id: String,
    /// Whose.
    pub wallet_id: WalletId,
    /// Which way.
    pub kind: LinkKind,
    /// What it is for, in words.
    pub title: String,
    /// The least at once.
    pub min_msat: Msat,
    /// The most at once.
    pub max_msat: Msat,
    /// The longest comment of a payer, in characters (LUD-12).
    pub comment_max: i64,
    /// What a payer is told (LUD-09).
    pub success_message: Option<String>,
    /// Where a payer is led (LUD-09).
    pub success_url: Option<String>,
    /// Where receipts are reported to.
    pub webhook: Option<String>,
    /// How often it pays out.
    pub uses: i64,
    /// How often it did, or is about to.
    pub used: i64,
    /// How long it rests after each time.
    pub pause_seconds: i64,
    /// When it ends.
    pub open_until: Option<Time>,
    /// When it paid out last.
    pub last_used_at: Option<Time>,
    /// Does it work at present?
    pub enabled: bool,
    /// When it was made.
    pub created_at: Time,
    /// When its owner last changed it.
    pub updated_at: Time,
    /// The currency in which it asks for money, if not in millisatoshi: its code.
    pub currency: Option<String>,
    /// The least at once, in thousandths of the currency's unit; 0 without one.
    pub min_milli: i64,
    /// The most at once, likewise.
    pub max_milli: i64,
    /// What it asks of its payers ([`super::payer::Wanted`]), as JSON (LUD-18).
    pub payer_data: Option<String>,
    /// What it is for, at length (LUD-20).
    pub description: Option<String>,
    /// What it has for whoever has paid (LUD-10), sealed.
    pub secret_sealed: Option<Vec<u8>>,
}

/// An invoice that was handed in at a withdraw link.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = crate::store::schema::link_claims)]
pub struct Claim {
    /// Its payment hash: an invoice is taken once, at whichever link.
    pub payment_hash: PaymentHash,
    /// The link.
    pub link_id: String,
    /// Who pays it.
    pub wallet_id: WalletId,
    /// The invoice.
    pub bolt11: String,
    /// What the payment is for.
    pub memo: String,
    /// Is its payment still to end?
    pub open: bool,
    /// Until then whoever pays it has it for himself; then somebody looks what became of it.
    pub check_at: Time,
    /// How often somebody looked.
    pub checks: i64,
    /// When it was handed in.
    pub created_at: Time,
}
