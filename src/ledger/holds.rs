//! Hold invoices: money that arrives is held, by the node or by a payment of a wallet here, until the wallet that issued
//! the invoice settles or cancels it, or time runs out.
//!
//! What the wallet says is written down before the node is told, and the node is told again until it has heard. The
//! money counts as the wallet's when the node says that it took it, never before.

use super::{HERE, Ledger, LedgerError, PayRequest, invoice_ref};
use crate::{
    domain::{
        Msat, Payment, PaymentHash, Time, WalletId,
        bolt11::Peek,
        fiat::Quote,
        hold::{HoldInvoice, HoldState},
        payment::NewPayment,
    },
    funding::{InvoiceError, InvoiceState, SourceDown},
    store::{
        Refusal, StoreError,
        types::{Held, HoldHere},
    },
};

/// How long money of a wallet here is held at most: as long as a payment over Lightning to a hold invoice can be.
const HELD_HERE_SECONDS: i64 = 24 * 3600;
/// So long before the node would let go by itself, it is told to: twelve blocks at ten minutes. After that the channel
/// may be closed by force.
const MARGIN_SECONDS: i64 = 12 * 600;

impl Ledger {
    /// Sets money aside for a hold invoice of another wallet here. The payment is pending until that wallet settles.
    pub(super) async fn pay_into_hold(
        &self,
        request: &PayRequest,
        peek: &Peek,
        amount: Msat,
        quote: Option<Quote>,
    ) -> Result<Payment, LedgerError> {
        let invoice = self.store.invoice_by_hash(peek.payment_hash.clone()).await?;
        let invoice = invoice.ok_or(LedgerError::Missing("Payment"))?;
        let limits = self.settings.kept_limits();
        if let Some(most) = limits.bounds.max_balance {
            let balance = self.balance(&invoice.wallet_id).await?.unwrap_or_default();
            if balance.plus(amount).is_none_or(|balance| balance > most) {
                return Err(LedgerError::BalanceAbove { most });
            }
        }
        let terms = limits.terms(true);
        let fee = terms.service_fee.due(&request.wallet, amount).map_or(Msat::ZERO, |(_, fee)| fee);
        let hold = amount.plus(fee).ok_or(LedgerError::InsufficientBalance)?;
        let new = self.outgoing(request, peek, quote);
        let payment = NewPayment {
            checking_id: format!("internal_{}", peek.payment_hash),
            amount_msat: amount.negated(),
            fee_msat: fee,
            hold_msat: hold,
            memo: request.memo.clone().unwrap_or(invoice.memo.clone()),
            source: HERE.to_owned(),
            ..new
        };
        let deadline = payment.created_at.plus_seconds(HELD_HERE_SECONDS);
        let order = HoldHere { payment, bolt11: peek.text.clone(), amount, deadline };
        match self.store.hold_invoice_pay(order, terms, request.spender.budgets.clone()).await {
            Ok(posted) => {
                self.announce(&posted);
                // nobody else is to pay it any more
                let ledger = self.clone();
                self.spawn(async move { ledger.let_go(&invoice).await });
                Ok(posted.payment)
            }
            Err(StoreError::Refused(Refusal::InvoiceNotOpen(invoice))) => Err(self.not_open(invoice).await),
            Err(error) => Err(self.not_held(error, HERE, &request.wallet, amount, &peek.payment_hash).await),
        }
    }

    /// Settles a hold invoice of this wallet: its money, which is here, becomes the wallet's.
    ///
    /// # Errors
    /// When the wallet has no such invoice, nobody has paid it, or it is over; or when the node cannot be told now: then
    /// it is told later.
    pub async fn settle_hold(&self, wallet: WalletId, preimage: [u8; 32]) -> Result<Payment, LedgerError> {
        let ledger = self.clone();
        let work = self.spawn(async move { ledger.settle_now(&wallet, preimage).await });
        work.await.unwrap_or_else(|_| Err(LedgerError::HoldLater("the server stops".to_owned())))
    }

    /// Cancels a hold invoice of this wallet: nobody can pay it any more, and what is held goes back.
    ///
    /// # Errors
    /// When the wallet has no such invoice, or it is over; or when the node cannot be told now: then it is told later.
    pub async fn cancel_hold(&self, wallet: WalletId, hash: PaymentHash) -> Result<Payment, LedgerError> {
        let ledger = self.clone();
        let work = self.spawn(async move { ledger.cancel_now(&wallet, &hash).await });
        work.await.unwrap_or_else(|_| Err(LedgerError::HoldLater("the server stops".to_owned())))
    }

    async fn settle_now(&self, wallet: &WalletId, preimage: [u8; 32]) -> Result<Payment, LedgerError> {
        let hash = PaymentHash::of(&preimage);
        let (invoice, mut hold) = self.own_hold(wallet, &hash).await?;
        if hold.state == HoldState::Open {
            // the node may hold it already, and the news be on its way
            self.ask_about_hold(&invoice).await?;
            hold = self.own_hold(wallet, &hash).await?.1;
        }
        if !matches!(hold.state, HoldState::Accepted | HoldState::Settling) {
            return Err(in_state(hold.state));
        }
        let sealed = self.seal_preimage(&hash, &preimage);
        if hold.payer_id.is_some() {
            let Some(posted) = self.store.hold_invoice_settle(invoice.id, sealed, self.now()).await? else {
                return Err(in_state(self.own_hold(wallet, &hash).await?.1.state));
            };
            self.note_worth(&posted.payment).await;
            self.announce(&posted);
            return Ok(posted.payment);
        }
        if !self.store.hold_invoice_decide(invoice.id, Some(sealed), self.now()).await? {
            return Err(in_state(self.own_hold(wallet, &hash).await?.1.state));
        }
        self.take_held(&invoice, preimage).await?;
        Ok(self.own_hold(wallet, &hash).await?.0)
    }

    async fn cancel_now(&self, wallet: &WalletId, hash: &PaymentHash) -> Result<Payment, LedgerError> {
        let (invoice, hold) = self.own_hold(wallet, hash).await?;
        if hold.payer_id.is_none() && self.store.hold_invoice_decide(invoice.id, None, self.now()).await? {
            self.give_held_back(&invoice, "the payee cancelled it").await?;
        } else if hold.payer_id.is_none() || !self.cancel_record(&invoice, "the payee cancelled it").await? {
            return Err(in_state(self.own_hold(wallet, hash).await?.1.state));
        }
        Ok(self.own_hold(wallet, hash).await?.0)
    }

    async fn own_hold(&self, wallet: &WalletId, hash: &PaymentHash) -> Result<(Payment, HoldInvoice), LedgerError> {
        let invoice = self.store.invoice_by_hash(hash.clone()).await?;
        let own = invoice.filter(|invoice| invoice.wallet_id == *wallet).ok_or(LedgerError::Missing("Payment"))?;
        match self.store.hold_invoice_find(own.id).await? {
            Some(hold) => Ok((own, hold)),
            None => Err(LedgerError::HoldState("This is not a hold invoice.")),
        }
    }

    /// Hears that the node holds money for an invoice; false when it is none of ours.
    pub(super) async fn held(
        &self,
        hash: &PaymentHash,
        amount: Msat,
        deadline: Option<Time>,
    ) -> Result<bool, LedgerError> {
        let Some(invoice) = self.store.invoice_by_hash(hash.clone()).await? else { return Ok(false) };
        let at = self.now();
        let check_at = deadline.unwrap_or(at.plus_seconds(HELD_HERE_SECONDS)).plus_seconds(-MARGIN_SECONDS);
        if self.store.hold_invoice_held(Held { id: invoice.id, amount, deadline, check_at, at }).await? {
            self.bell.notify_waiters();
            return Ok(true);
        }
        let hold = self.store.hold_invoice_find(invoice.id).await?;
        if hold.is_some_and(|hold| hold.payer_id.is_some() || hold.state == HoldState::Cancelled) {
            // a wallet here was faster, or it was cancelled before: whoever paid from outside gets it back
            self.let_go(&invoice).await;
        }
        Ok(true)
    }

    /// Asks the node about a hold invoice that is not over and does what is due.
    pub(super) async fn ask_about_hold(&self, invoice: &Payment) -> Result<(), LedgerError> {
        let Some(hold) = self.store.hold_invoice_find(invoice.id).await? else { return Ok(()) };
        let now = self.now();
        if hold.payer_id.is_some() {
            return if hold.deadline.is_some_and(|deadline| deadline > now) {
                Ok(self.store.payment_check_again(invoice.id, hold.deadline).await?)
            } else {
                self.cancel_record(invoice, "the payee did not settle it in time").await.map(drop)
            };
        }
        let said = match self.said_of(invoice).await {
            Ok(said) => said,
            Err(down) => {
                self.call_for_help(&hold, &down).await?;
                return Err(down.into());
            }
        };
        match (said, hold.state) {
            (InvoiceState::Paid { amount, preimage }, _) => {
                self.receive(invoice.payment_hash.clone(), amount, preimage).await.map(drop)
            }
            (_, HoldState::Settled | HoldState::Cancelled) => Ok(()),
            (InvoiceState::Closed, _) => self.cancel_record(invoice, "the node let go of it").await.map(drop),
            (InvoiceState::Held { amount, deadline }, HoldState::Open) => {
                self.held(&invoice.payment_hash, amount, deadline).await.map(drop)
            }
            (_, HoldState::Settling) => match self.preimage_bytes(invoice) {
                Some(preimage) => self.take_held(invoice, preimage).await,
                None => Ok(()),
            },
            (_, HoldState::Cancelling) => self.give_held_back(invoice, "it was cancelled").await,
            (_, HoldState::Accepted) => {
                let due = hold.deadline.map(|deadline| deadline.plus_seconds(-MARGIN_SECONDS));
                self.give_back_when(invoice, due, "it was not settled in time").await
            }
            (_, HoldState::Open) => self.give_back_when(invoice, Some(invoice.expires_at), "it expired").await,
        }
    }

    /// Cancels an invoice once its time has come, and puts the question off until then.
    async fn give_back_when(&self, invoice: &Payment, due: Option<Time>, why: &str) -> Result<(), LedgerError> {
        let now = self.now();
        if due.is_none_or(|due| due > now) {
            let next = due.unwrap_or(now.plus_seconds(3600));
            return Ok(self.store.payment_check_again(invoice.id, Some(next)).await?);
        }
        if self.store.hold_invoice_decide(invoice.id, None, now).await? {
            self.give_held_back(invoice, why).await?;
        }
        Ok(())
    }

    /// Has the node take what it holds, and books it.
    async fn take_held(&self, invoice: &Payment, preimage: [u8; 32]) -> Result<(), LedgerError> {
        let source = self.sources.of(&invoice.source).map_err(|down| LedgerError::HoldLater(down.0))?;
        let done = self.answered(&source, "settle_invoice", source.settle_invoice(preimage)).await;
        match done.map_err(InvoiceError::Down).and_then(|done| done) {
            Err(InvoiceError::Down(down)) => return Err(LedgerError::HoldLater(down.0)),
            Err(InvoiceError::Refused(why)) => tracing::warn!(payment = invoice.id.0, why, "the node does not settle"),
            Ok(()) => {}
        }
        let hash = invoice.payment_hash.clone();
        match self.said_of(invoice).await.map_err(|down| LedgerError::HoldLater(down.0))? {
            InvoiceState::Paid { amount, .. } => self.receive(hash, amount, Some(preimage)).await.map(drop),
            InvoiceState::Closed => {
                self.cancel_record(invoice, "the node let go of it before it was settled").await?;
                Err(LedgerError::HoldState("The money went back before the hold invoice was settled."))
            }
            _ => Ok(()),
        }
    }

    /// Has the node give back what it holds, and books that.
    async fn give_held_back(&self, invoice: &Payment, why: &str) -> Result<(), LedgerError> {
        let hash = invoice.payment_hash.clone();
        let done = match self.sources.of(&invoice.source) {
            Ok(source) => self.answered(&source, "cancel_invoice", source.cancel_invoice(hash.clone())).await,
            Err(closed) => Err(closed),
        };
        match done.map_err(InvoiceError::Down).and_then(|done| done) {
            Ok(()) => self.cancel_record(invoice, why).await.map(drop),
            Err(InvoiceError::Down(down)) => {
                if let Some(hold) = self.store.hold_invoice_find(invoice.id).await? {
                    self.call_for_help(&hold, &down).await?;
                }
                Err(LedgerError::HoldLater(down.0))
            }
            Err(InvoiceError::Refused(why)) => {
                tracing::warn!(payment = invoice.id.0, why, "the node does not cancel");
                if let InvoiceState::Paid { amount, preimage } = self.said_of(invoice).await? {
                    self.receive(hash, amount, preimage).await?;
                }
                Ok(())
            }
        }
    }

    /// What the source that issued an invoice says of it.
    pub(super) async fn said_of(&self, invoice: &Payment) -> Result<InvoiceState, SourceDown> {
        let source = self.sources.of(&invoice.source)?;
        self.answered(&source, "lookup_invoice", source.lookup_invoice(invoice_ref(invoice))).await?
    }

    /// Tells the node, as far as it hears, that nobody is to pay this invoice.
    async fn let_go(&self, invoice: &Payment) {
        let Ok(source) = self.sources.of(&invoice.source) else { return };
        let hash = &invoice.payment_hash;
        if let Ok(Err(error)) = self.answered(&source, "cancel_invoice", source.cancel_invoice(hash.clone())).await {
            tracing::info!(%hash, %error, "the node does not cancel a hold invoice; what arrives for it goes back");
        }
    }

    async fn cancel_record(&self, invoice: &Payment, why: &str) -> Result<bool, LedgerError> {
        let cancelled = self.store.hold_invoice_cancel(invoice.id, why.to_owned(), self.now()).await?;
        if let Some(posted) = &cancelled {
            self.announce(posted);
        }
        Ok(cancelled.is_some())
    }

    /// Calls a person when the node holds money that should be on its way back, and does not answer.
    async fn call_for_help(&self, hold: &HoldInvoice, down: &SourceDown) -> Result<(), LedgerError> {
        let (now, Some(deadline)) = (self.now(), hold.deadline) else { return Ok(()) };
        if deadline.plus_seconds(-MARGIN_SECONDS) > now {
            return Ok(());
        }
        let detail = format!("{} is held until {deadline}, and the node cannot be told: {down}", hold.amount_msat);
        if self.store.hold_invoice_alarm(hold.payment_id, detail.clone(), now).await? {
            tracing::error!(payment = hold.payment_id.0, detail, "a hold invoice needs a person");
        }
        Ok(())
    }

    fn preimage_bytes(&self, invoice: &Payment) -> Option<[u8; 32]> {
        crate::domain::ids::array_from_hex(&self.preimage(invoice)?)
    }
}

/// What is wrong with settling or cancelling a hold invoice that is so far.
fn in_state(state: HoldState) -> LedgerError {
    LedgerError::HoldState(match state {
        HoldState::Open => "Nobody has paid this hold invoice yet.",
        HoldState::Accepted => "The hold invoice was changed meanwhile; ask again.",
        HoldState::Settling | HoldState::Settled => "The hold invoice is settled already.",
        HoldState::Cancelling | HoldState::Cancelled => "The hold invoice was cancelled already.",
    })
}
