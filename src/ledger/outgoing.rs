//! Money that goes out: to another wallet here, or over Lightning.

use std::{sync::Arc, time::Duration};

use super::{Ledger, LedgerError, incoming::json, worth::noted_extra};
use crate::{
    domain::{
        Kind, Msat, Payment, PaymentHash, Status, Time, WalletId,
        bolt11::{self, Invoice, Peek},
        credential::Spender,
        fiat::Quote,
        payment::{Annotations, NewPayment},
    },
    funding::Payee,
    sources::Named,
    store::{Refusal, StoreError, types::Transfer},
};

/// How long an attempt that is being dispatched is left alone by the reconciler. Long enough for any
/// dispatch that is alive to have marked its attempt.
const DISPATCH_SECONDS: i64 = 60;

/// A payment that a wallet wants to make.
#[derive(Debug, Clone)]
pub struct PayRequest {
    /// Whose money.
    pub wallet: WalletId,
    /// The payment request.
    pub bolt11: String,
    /// How much, where the payment request leaves that to the payer. Where it does not, nothing else may stand here.
    pub amount: Option<Msat>,
    /// The most that routing may cost; the operator's cap holds besides.
    pub fee_limit: Option<Msat>,
    /// What it is for; `None` takes the words of the payment request.
    pub memo: Option<String>,
    /// What the caller attaches.
    pub annotations: Annotations,
    /// What bounds the payment beside the wallet's balance.
    pub spender: Spender,
    /// Keyed hash of the key under which it is asked for: the payment of a key is made once.
    pub once: Option<Vec<u8>>,
}

/// What is sent, and to whom.
pub(super) struct Sending {
    pub(super) peek: Peek,
    /// What arrives.
    pub(super) amount: Msat,
    pub(super) memo: String,
    /// From when on nothing new can be begun.
    pub(super) expires_at: Time,
    pub(super) payee: Payee,
}

impl Ledger {
    /// Pays a payment request that nothing forbids to pay.
    pub(super) async fn pay_now(&self, request: PayRequest) -> Result<Payment, LedgerError> {
        if self.limits().only_incoming {
            return Err(LedgerError::OnlyIncoming);
        }
        let asked = bolt11::peek(&request.bolt11)?;
        let amount = match (asked.amount, request.amount) {
            (Some(asked), Some(given)) if asked != given => {
                let text = format!("The invoice asks for {asked}; leave the amount out, or give the same.");
                return Err(LedgerError::Invalid(text));
            }
            (asked, given) => asked.or(given).filter(|amount| *amount > Msat::ZERO).ok_or(LedgerError::Amountless)?,
        };
        let chosen = asked.amount.is_none().then_some(amount);
        let peek = Peek { amount: Some(amount), ..asked };
        let quote = self.quote_of(&request.wallet).await;
        match self.pay_internally(&request, &peek, chosen, quote).await {
            // boxed, so that a transfer does not carry what the longer ways need
            Err(Elsewhere::NotOurs) => Box::pin(self.pay_externally(request, &peek.text, chosen, quote)).await,
            Err(Elsewhere::ToBeHeld) => Box::pin(self.pay_into_hold(&request, &peek, amount, quote)).await,
            Ok(done) => done,
        }
    }

    /// Pays a request that this server issued.
    ///
    /// It is recognised by the whole text, not by its payment hash: another node may wrap our hash
    /// into a request of its own, and paying that one is not paying ours.
    async fn pay_internally(
        &self,
        request: &PayRequest,
        peek: &Peek,
        chosen: Option<Msat>,
        quote: Option<Quote>,
    ) -> Result<Result<Payment, LedgerError>, Elsewhere> {
        let payment = NewPayment {
            kind: Kind::Internal,
            status: Status::Success,
            checking_id: format!("internal_{}", peek.payment_hash),
            ..self.outgoing(request, peek, quote)
        };
        let transfer = Transfer { payment, bolt11: peek.text.clone(), amount: chosen };
        let terms = self.limits().terms(true);
        Ok(match self.transfer(transfer, terms, &request.spender).await {
            Ok(transferred) => {
                if chosen.is_some() {
                    self.note_worth(&transferred.received).await;
                }
                self.bell.notify_waiters();
                Ok(transferred.sent)
            }
            Err(StoreError::Refused(Refusal::Missing("invoice"))) => return Err(Elsewhere::NotOurs),
            Err(StoreError::Refused(Refusal::HoldInvoice)) => return Err(Elsewhere::ToBeHeld),
            Err(StoreError::Refused(Refusal::InvoiceNotOpen(invoice))) if invoice.bolt11 != peek.text => {
                return Err(Elsewhere::NotOurs);
            }
            Err(StoreError::Refused(Refusal::InvoiceNotOpen(invoice))) => Err(self.not_open(invoice).await),
            Err(error) => Err(self.refused(error, &peek.payment_hash).await),
        })
    }

    async fn pay_externally(
        &self,
        request: PayRequest,
        text: &str,
        chosen: Option<Msat>,
        quote: Option<Quote>,
    ) -> Result<Payment, LedgerError> {
        let invoice = bolt11::parse(text)?;
        let source = self.sources.current()?;
        let amount = self.payable(&source, &invoice, chosen)?;
        let sending = Sending {
            peek: Peek { text: invoice.text.clone(), payment_hash: invoice.payment_hash.clone(), amount: Some(amount) },
            amount,
            memo: invoice.description.clone(),
            expires_at: invoice.expires_at,
            payee: Payee::Invoice(Box::new(invoice)),
        };
        self.send(source, request, sending, quote).await
    }

    /// Holds the money, hands the payment to the node, and waits for what it says.
    pub(super) async fn send(
        &self,
        source: Arc<Named>,
        request: PayRequest,
        sending: Sending,
        quote: Option<Quote>,
    ) -> Result<Payment, LedgerError> {
        let Sending { peek, amount, memo, expires_at, payee } = sending;
        if request.fee_limit.is_some() && !source.capabilities().fee_limit {
            return Err(LedgerError::NoFeeLimit);
        }
        let limits = self.settings.kept_limits();
        let fee_limit = limits.fee_limit(amount, request.fee_limit, source.price(amount));
        let terms = limits.terms(false);
        let service_fee = terms.service_fee.due(&request.wallet, amount).map_or(Msat::ZERO, |(_, fee)| fee);
        let most_fee = fee_limit.plus(service_fee).ok_or(LedgerError::InsufficientBalance)?;
        let hold = amount.plus(most_fee).ok_or(LedgerError::InsufficientBalance)?;
        let new = self.outgoing(&request, &peek, quote);
        let new = NewPayment {
            amount_msat: amount.negated(),
            fee_msat: most_fee,
            hold_msat: hold,
            fee_limit_msat: fee_limit,
            source: source.name.clone(),
            memo: request.memo.clone().unwrap_or(memo),
            expires_at,
            next_check_at: Some(new.created_at.plus_seconds(DISPATCH_SECONDS)),
            ..new
        };
        let held = match self.hold(new, terms, &request.spender).await {
            Ok(held) => held.payment,
            Err(error) => {
                return Err(self.not_held(error, &source.name, &request.wallet, amount, &peek.payment_hash).await);
            }
        };
        let ledger = self.clone();
        let (attempt, id) = (held.clone(), held.id);
        let work = self.spawn(async move { ledger.dispatch(&source, attempt, payee, amount).await });
        let wait = Duration::from_millis(limits.pay_wait_ms);
        let now = match Self::patience(work, wait).await {
            Some(ended) => ended?,
            None => self.store.payment_find(id).await.ok().flatten().unwrap_or(held),
        };
        match now.status {
            Status::Failed => {
                Err(LedgerError::PaymentFailed(now.failure.unwrap_or_else(|| "without an error message.".into())))
            }
            _ => Ok(now),
        }
    }

    /// Why the money for an attempt was not set aside.
    pub(super) async fn not_held(
        &self,
        error: StoreError,
        source: &str,
        wallet: &WalletId,
        amount: Msat,
        hash: &PaymentHash,
    ) -> LedgerError {
        match error {
            StoreError::Refused(Refusal::InsufficientBalance { needed }) => self.too_poor(wallet, amount, needed).await,
            StoreError::Refused(Refusal::Missing("leave to send")) => self.stopped(source).await,
            error => self.refused(error, hash).await,
        }
    }

    /// What the request asks for, if it may be paid at all.
    fn payable(&self, source: &Named, invoice: &Invoice, chosen: Option<Msat>) -> Result<Msat, LedgerError> {
        let (ours, theirs) = (source.network.clone(), invoice.parsed.currency());
        if ours != theirs {
            let (ours, theirs) = (bolt11::network_name(&ours), bolt11::network_name(&theirs));
            return Err(LedgerError::WrongNetwork { ours, theirs });
        }
        let chosen = chosen.filter(|_| source.capabilities().amountless);
        let amount = invoice.amount.or(chosen).filter(|amount| *amount > Msat::ZERO).ok_or(LedgerError::Amountless)?;
        self.not_too_high(amount)?;
        if invoice.expires_at <= self.clock.now() {
            return Err(LedgerError::Expired);
        }
        Ok(amount)
    }

    /// Does the operator allow to send so much at once?
    pub(super) fn not_too_high(&self, amount: Msat) -> Result<(), LedgerError> {
        let most = self.limits().max_outgoing;
        if amount <= most {
            return Ok(());
        }
        Err(LedgerError::TooHigh { amount_sat: amount.sat_ceil(), max_sat: most.sat_floor() })
    }

    /// The paying side's record, as far as it follows from the caller's request.
    pub(super) fn outgoing(&self, request: &PayRequest, peek: &Peek, quote: Option<Quote>) -> NewPayment {
        let now = self.clock.now();
        let notes = &request.annotations;
        NewPayment {
            wallet_id: request.wallet.clone(),
            kind: Kind::External,
            status: Status::Pending,
            checking_id: peek.payment_hash.to_string(),
            payment_hash: peek.payment_hash.clone(),
            amount_msat: Msat::ZERO,
            fee_msat: Msat::ZERO,
            hold_msat: Msat::ZERO,
            fee_limit_msat: Msat::ZERO,
            memo: String::new(),
            bolt11: peek.text.clone(),
            preimage_sealed: None,
            expires_at: now,
            webhook: None,
            tag: notes.tag(),
            extension: notes.extension.clone(),
            labels: json(&notes.labels),
            extra: json(&noted_extra(notes, peek.amount.unwrap_or_default(), quote)),
            external_id: notes.external_id.clone(),
            source: self.source_label(),
            source_ref: None,
            created_at: now,
            updated_at: now,
            next_check_at: None,
            idempotency: request.once.clone(),
        }
    }

    /// Why an invoice of ours cannot be paid any more.
    pub(super) async fn not_open(&self, invoice: Box<Payment>) -> LedgerError {
        let held = invoice.status == Status::Pending && invoice.expires_at > self.clock.now();
        if invoice.status == Status::Success || held { self.already_paid(invoice).await } else { LedgerError::Expired }
    }

    /// Names the payment that paid an invoice of ours: the one from here, or else the receipt itself.
    async fn already_paid(&self, invoice: Box<Payment>) -> LedgerError {
        match self.store.attempt_by_hash(invoice.payment_hash.clone()).await {
            Ok(attempt) => LedgerError::InternalAlreadyPaid(attempt.map_or(invoice, Box::new)),
            Err(error) => error.into(),
        }
    }

    /// Reads a refusal. Where others at the same hash came and went too fast to be named, one more look
    /// may find who is there now.
    async fn refused(&self, error: StoreError, hash: &PaymentHash) -> LedgerError {
        if !matches!(error, StoreError::Refused(Refusal::Taken("payment hash"))) {
            return error.into();
        }
        match self.store.attempt_by_hash(hash.clone()).await {
            Ok(Some(live)) => StoreError::from(Refusal::AlreadyAttempted(Box::new(live))).into(),
            Ok(None) => LedgerError::PaymentFailed("others tried it at the same moment; try again.".to_owned()),
            Err(unavailable) => unavailable.into(),
        }
    }

    /// Says what exactly is missing: the amount itself, or what has to be set aside for routing.
    async fn too_poor(&self, wallet: &WalletId, amount: Msat, needed: Msat) -> LedgerError {
        match self.store.wallet_balance(wallet.clone()).await {
            Ok(Some(balance)) if balance >= amount => {
                let reserve = Msat(needed.0.saturating_sub(amount.0));
                LedgerError::ReserveNeeded { reserve_sat: reserve.sat_ceil(), needed }
            }
            Ok(_) => LedgerError::InsufficientBalance,
            Err(error) => error.into(),
        }
    }
}

/// Why a request is not paid by moving money from wallet to wallet.
enum Elsewhere {
    /// It was not issued here.
    NotOurs,
    /// It was, and its money is to be held.
    ToBeHeld,
}
