//! Money that comes in: invoices, and what arrives for them.

use std::time::Duration;

use super::{Ledger, LedgerError, worth::noted_extra};
use crate::{
    domain::{
        Kind, Msat, Payment, PaymentHash, Status, Time, WalletId, bolt11,
        hold::IS_HOLD,
        payment::{Annotations, NewPayment},
    },
    funding::{Description, InvoiceError, InvoiceOrder, InvoiceState},
    sources::Named,
    store::{Refusal, StoreError, types::Receipt},
};

/// How long a reader waits for the node's word on an invoice that is still open.
const LOOKUP_WAIT: Duration = Duration::from_secs(3);

/// Seconds between two questions about an open invoice at a source that reports nothing: at first, and at most.
const ASK_EVERY: (i64, i64) = (2, 60);

/// An invoice that a wallet wants to issue.
#[derive(Debug, Clone)]
pub struct InvoiceRequest {
    /// Whose.
    pub wallet: WalletId,
    /// How much, in whole msat; zero leaves it to the payer, where the node can.
    pub amount: Msat,
    /// Makes it a hold invoice: its money is held until somebody brings the preimage of this hash.
    pub hold: Option<PaymentHash>,
    /// In words; `None` takes the server's name. Beside a description hash it is only recorded.
    pub memo: Option<String>,
    /// SHA-256 of a description that is given elsewhere.
    pub description_hash: Option<[u8; 32]>,
    /// How long it is valid; `None` takes the operator's default.
    pub expiry_seconds: Option<u64>,
    /// What the caller attaches.
    pub annotations: Annotations,
    /// Keyed hash of the key under which it is asked for: the invoice of a key is issued once.
    pub once: Option<Vec<u8>>,
}

impl Ledger {
    /// Has the node issue an invoice and records it.
    ///
    /// # Errors
    /// When the amount is not allowed, the node refuses or is down, or the database is not available.
    pub async fn create_invoice(&self, request: InvoiceRequest) -> Result<Payment, LedgerError> {
        if let Some(issued) = self.made_before(request.once.as_ref()).await? {
            return Ok(issued);
        }
        let source = self.sources.current()?;
        self.can_issue(&source, &request).await?;
        let limits = self.settings.kept_limits();
        if request.amount > limits.max_incoming {
            let (amount_sat, max_sat) = (request.amount.sat_floor(), limits.max_incoming.sat_floor());
            return Err(LedgerError::TooHigh { amount_sat, max_sat });
        }
        if let Some(most) = limits.bounds.max_balance {
            let balance = self.balance(&request.wallet).await?.unwrap_or_default();
            if balance.plus(request.amount).is_none_or(|balance| balance > most) {
                return Err(LedgerError::BalanceAbove { most });
            }
        }
        let (memo, description) = match request.description_hash {
            Some(hash) => (request.memo.unwrap_or_default(), Description::Hash(hash)),
            None => {
                let memo = request.memo.unwrap_or_else(|| limits.site_title.clone());
                (memo.clone(), Description::Text(memo))
            }
        };
        let default_expiry = u64::try_from(limits.invoice_expiry_seconds).unwrap_or(3600);
        let expiry_seconds = request.expiry_seconds.unwrap_or(default_expiry);
        let order = InvoiceOrder { amount: request.amount, description, expiry_seconds, hold: request.hold.clone() };
        let issued = self.answered(&source, "create_invoice", source.create_invoice(order)).await?;
        let issued = issued.map_err(|error| match error {
            InvoiceError::Down(down) => down.into(),
            InvoiceError::Refused(why) => LedgerError::SourceRefused(why),
        })?;
        not_of_another_network(&source, &issued.bolt11)?;
        let now = self.clock.now();
        let notes = request.annotations;
        let quote = self.quote_of(&request.wallet).await;
        let mut extra = noted_extra(&notes, request.amount, quote);
        if request.hold.is_some() {
            extra.insert(IS_HOLD.to_owned(), true.into());
        }
        let invoice = NewPayment {
            wallet_id: request.wallet,
            kind: Kind::Invoice,
            status: Status::Pending,
            checking_id: issued.payment_hash.to_string(),
            amount_msat: request.amount,
            fee_msat: Msat::ZERO,
            hold_msat: Msat::ZERO,
            fee_limit_msat: Msat::ZERO,
            memo,
            preimage_sealed: issued.preimage.map(|preimage| self.seal_preimage(&issued.payment_hash, &preimage)),
            payment_hash: issued.payment_hash,
            bolt11: issued.bolt11,
            expires_at: issued.expires_at,
            tag: notes.tag(),
            webhook: notes.webhook,
            extension: notes.extension,
            labels: json(&notes.labels),
            extra: json(&extra),
            external_id: notes.external_id,
            source: source.name.clone(),
            source_ref: issued.source_ref,
            created_at: now,
            updated_at: now,
            next_check_at: Some(first_question(&source, now, issued.expires_at)),
            idempotency: request.once.clone(),
        };
        let written = if request.hold.is_some() {
            self.store.hold_invoice_create(invoice.clone()).await
        } else {
            self.store.invoice_create(invoice.clone()).await
        };
        match written {
            Ok(id) => Ok(invoice.numbered(id)),
            Err(error @ StoreError::Refused(Refusal::Taken(_))) => {
                self.made_before(request.once.as_ref()).await?.ok_or(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Can the node issue such an invoice, and is there none like it?
    async fn can_issue(&self, source: &Named, request: &InvoiceRequest) -> Result<(), LedgerError> {
        let able = source.capabilities();
        if request.amount < Msat::ZERO || (request.amount.is_zero() && !able.amountless) {
            return Err(LedgerError::Amountless);
        }
        let Some(hash) = &request.hold else { return Ok(()) };
        if !able.hold {
            return Err(LedgerError::HoldUnsupported);
        }
        match self.store.invoice_by_hash(hash.clone()).await? {
            Some(_) => Err(LedgerError::Invalid("An invoice with this payment_hash was made before.".to_owned())),
            None => Ok(()),
        }
    }

    /// Books money that arrived at the node. Hearing of it again changes nothing; money for an invoice
    /// that is not ours changes nothing either.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn receive(
        &self,
        payment_hash: PaymentHash,
        amount: Msat,
        preimage: Option<[u8; 32]>,
    ) -> Result<Option<Payment>, LedgerError> {
        let proven = preimage.filter(|preimage| PaymentHash::of(preimage) == payment_hash);
        let preimage_sealed = proven.map(|preimage| self.seal_preimage(&payment_hash, &preimage));
        let receipt = Receipt { payment_hash, amount, preimage_sealed, at: self.clock.now() };
        match self.store.receive(receipt).await {
            Ok(posted) => {
                if let Some(alarm) = &posted.alarm {
                    tracing::error!(payment = posted.payment.id.0, alarm, "money arrived that needs a person");
                }
                if !posted.balances.is_empty() {
                    self.note_worth(&posted.payment).await;
                }
                self.bell.notify_waiters();
                Ok(Some(posted.payment))
            }
            Err(StoreError::Refused(Refusal::Missing(_))) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The payment with the node's newest word applied, if the node answers soon.
    pub async fn refreshed(&self, payment: Payment) -> Payment {
        if payment.status != Status::Pending || payment.kind == Kind::Internal {
            return payment;
        }
        let (ledger, asked) = (self.clone(), payment.clone());
        let work = self.spawn(async move {
            match asked.kind {
                Kind::Invoice => ledger.ask_about_invoice(&asked).await,
                _ => ledger.ask_about_attempt(&asked).await,
            }
        });
        match Self::patience(work, LOOKUP_WAIT).await {
            Some(Ok(())) => match self.store.payment_find(payment.id).await {
                Ok(Some(newer)) => newer,
                _ => payment,
            },
            _ => payment,
        }
    }

    /// Asks the node about an open invoice and books what it says. One that expired unpaid is closed.
    pub(super) async fn ask_about_invoice(&self, invoice: &Payment) -> Result<(), LedgerError> {
        if invoice.is_hold_invoice() {
            return self.ask_about_hold(invoice).await;
        }
        match self.said_of(invoice).await? {
            InvoiceState::Paid { amount, preimage } => {
                self.receive(invoice.payment_hash.clone(), amount, preimage).await?;
            }
            InvoiceState::Open | InvoiceState::Held { .. } | InvoiceState::Closed | InvoiceState::Unknown => {
                if self.store_expired(invoice).await? {
                    self.bell.notify_waiters();
                } else {
                    self.ask_again_soon(invoice).await?;
                }
            }
        }
        Ok(())
    }

    /// A source that reports nothing by itself is asked, at first often and then every minute.
    async fn ask_again_soon(&self, invoice: &Payment) -> Result<(), LedgerError> {
        let reports = self.sources.of(&invoice.source).is_ok_and(|source| source.capabilities().reports);
        if !reports && invoice.expires_at > self.clock.now() {
            let pause = ASK_EVERY.0.saturating_add(invoice.checks.max(0)).min(ASK_EVERY.1);
            self.store.payment_check_again(invoice.id, Some(self.clock.now().plus_seconds(pause))).await?;
        }
        Ok(())
    }

    async fn store_expired(&self, invoice: &Payment) -> Result<bool, LedgerError> {
        let now = self.clock.now();
        if invoice.expires_at > now {
            return Ok(false);
        }
        Ok(self.store.invoice_expire(invoice.id, now).await?)
    }
}

/// When the node is first asked about an invoice. Where its stream tells of receipts, that is once it has expired.
fn first_question(source: &Named, now: Time, expires_at: Time) -> Time {
    let expired = expires_at.plus_seconds(1);
    if source.capabilities().reports { expired } else { expired.min(now.plus_seconds(ASK_EVERY.0)) }
}

/// An invoice of another network would be paid with other money.
fn not_of_another_network(source: &Named, text: &str) -> Result<(), LedgerError> {
    let theirs = bolt11::parse(text)?.parsed.currency();
    if theirs == source.network {
        return Ok(());
    }
    let (theirs, ours) = (bolt11::network_name(&theirs), bolt11::network_name(&source.network));
    Err(LedgerError::SourceDown(format!("the funding source issued an invoice of {theirs}; it is to be on {ours}")))
}

/// What serializes without fail: lists and objects of plain JSON.
pub(super) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
