//! Hold invoices: each step is a statement that matches only the states it may come from, so that of a wallet's word
//! and the clock's, and of two words at once, one counts.
//!
//! Money of a wallet here that is held for an invoice of another wallet here is held by a payment like any other that
//! is in flight, and is booked like one: out into the world, and in again. Nobody sends it, so that nobody is asked
//! about it; the invoice's own turns bring it to an end.

use diesel::prelude::{ExpressionMethods, Insertable, OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::RunQueryDsl;

use super::{
    Conn,
    alarms::raise,
    balances::give,
    budgets, ledger,
    payments::{create as write_payment, find as find_payment, invoice_by_hash},
    terms,
};
use crate::{
    domain::{
        Msat, Payment, PaymentId, Status, Time, WalletId,
        credential::Budget,
        event::EventKind,
        hold::{ACCEPTED, CANCELLED, HoldInvoice, HoldState, SETTLED},
        limits::Terms,
        payment::NewPayment,
    },
    store::{
        Refusal, StoreError,
        schema::{hold_invoices as holds, payments, wallets},
        types::{AlarmKind, Balance, Failure, Held, HoldHere, Posted, Receipt, Settlement},
    },
};

pub(in crate::store) async fn create(conn: &mut Conn, payment: &NewPayment) -> Result<PaymentId, StoreError> {
    let id = write_payment(conn, payment).await?;
    HoldInvoice::open(id, payment.created_at).insert_into(holds::table).execute(conn).await?;
    Ok(id)
}

pub(in crate::store) async fn find(conn: &mut Conn, id: &PaymentId) -> Result<Option<HoldInvoice>, StoreError> {
    Ok(holds::table.find(id).select(HoldInvoice::as_select()).first(conn).await.optional()?)
}

pub(in crate::store) async fn held(conn: &mut Conn, held: &Held) -> Result<bool, StoreError> {
    let accepted = accept(conn, held).await?;
    if let Some(invoice) = &accepted {
        tell(conn, invoice, EventKind::HoldAccepted, held.at).await?;
    }
    Ok(accepted.is_some())
}

/// Marks an open hold invoice as paid and not settled; `None` when it is not open.
async fn accept(conn: &mut Conn, held: &Held) -> Result<Option<Payment>, StoreError> {
    if !take_open(conn, &held.id).await? {
        return Ok(None);
    }
    let row = holds::table.find(held.id).filter(holds::state.eq(HoldState::Open));
    let accepted = diesel::update(row)
        .set((
            holds::state.eq(HoldState::Accepted),
            holds::amount_msat.eq(held.amount),
            holds::deadline.eq(held.deadline),
            holds::updated_at.eq(held.at),
        ))
        .execute(conn)
        .await?;
    if accepted == 0 {
        return Ok(None);
    }
    let invoice = diesel::update(payments::table.find(held.id));
    invoice.set(payments::next_check_at.eq(Some(held.check_at))).execute(conn).await?;
    mark(conn, held.id, ACCEPTED, held.at).await.map(Some)
}

pub(in crate::store) async fn pay(
    conn: &mut Conn,
    order: &HoldHere,
    on: &Terms,
    within: &[Budget],
) -> Result<Posted, StoreError> {
    let (new, at) = (&order.payment, order.payment.created_at);
    let invoice = invoice_by_hash(conn, &new.payment_hash).await?.ok_or(Refusal::Missing("invoice"))?;
    if invoice.bolt11 != order.bolt11 || invoice.expires_at <= at || !invoice.is_hold_invoice() {
        return Err(Refusal::InvoiceNotOpen(Box::new(invoice)).into());
    }
    // before the payer's payment and the wallets, as everywhere; the payer is written down once he has a number
    let deadline = Some(order.deadline);
    let held = Held { id: invoice.id, amount: order.amount, deadline, check_at: order.deadline, at };
    if accept(conn, &held).await?.is_none() {
        return Err(Refusal::InvoiceNotOpen(Box::new(invoice)).into());
    }
    let posted = if on.is_plain() && within.is_empty() {
        ledger::hold(conn, new).await?
    } else if on.is_plain() {
        budgets::hold(conn, new, within).await?
    } else {
        terms::hold(conn, new, on, within).await?
    };
    diesel::update(holds::table.find(invoice.id))
        .set(holds::payer_id.eq(Some(posted.payment.id)))
        .execute(conn)
        .await?;
    tell(conn, &invoice, EventKind::HoldAccepted, at).await?;
    Ok(posted)
}

pub(in crate::store) async fn decide(
    conn: &mut Conn,
    id: &PaymentId,
    preimage_sealed: &Option<Vec<u8>>,
    at: &Time,
) -> Result<bool, StoreError> {
    if !take_open(conn, id).await? {
        return Ok(false);
    }
    let (from, to) = match preimage_sealed {
        Some(_) => ([HoldState::Accepted, HoldState::Settling].as_slice(), HoldState::Settling),
        None => ([HoldState::Open, HoldState::Accepted, HoldState::Cancelling].as_slice(), HoldState::Cancelling),
    };
    let row = holds::table.find(id).filter(holds::payer_id.is_null()).filter(holds::state.eq_any(from));
    let decided = diesel::update(row).set((holds::state.eq(to), holds::updated_at.eq(*at))).execute(conn).await?;
    if decided == 0 {
        return Ok(false);
    }
    // the node is told at once; should that not be heard of, its turn comes a minute later
    let invoice = diesel::update(payments::table.find(id));
    invoice.set(payments::next_check_at.eq(Some(at.plus_seconds(60)))).execute(conn).await?;
    if let Some(sealed) = preimage_sealed {
        let known = payments::preimage_sealed.eq(Some(sealed));
        diesel::update(payments::table.find(id)).set(known).execute(conn).await?;
    }
    Ok(true)
}

/// Takes hold of an invoice that is open, before its row here, as everybody does; false when it is not open any more.
async fn take_open(conn: &mut Conn, id: &PaymentId) -> Result<bool, StoreError> {
    let open = payments::table.find(id).filter(payments::status.eq(Status::Pending));
    Ok(diesel::update(open).set(payments::checks.eq(payments::checks)).execute(conn).await? == 1)
}

pub(in crate::store) async fn settle(
    conn: &mut Conn,
    id: &PaymentId,
    preimage_sealed: &[u8],
    at: &Time,
) -> Result<Option<Posted>, StoreError> {
    if !take_open(conn, id).await? {
        return Ok(None);
    }
    let invoice = find_payment(conn, id).await?.ok_or(Refusal::Missing("payment"))?;
    let Some((payer, hold)) = end_here(conn, id, HoldState::Settled, *at).await? else { return Ok(None) };
    in_order(conn, &[&payer.wallet_id, &invoice.wallet_id], &payer).await?;
    let settlement = Settlement {
        id: payer.id,
        fee: Msat::ZERO,
        preimage_sealed: preimage_sealed.to_vec(),
        source_ref: None,
        at: *at,
    };
    let mut balances = ledger::settle(conn, &settlement).await?.balances;
    let receipt = Receipt {
        payment_hash: invoice.payment_hash,
        amount: hold.amount_msat,
        preimage_sealed: Some(preimage_sealed.to_vec()),
        at: *at,
    };
    let received = ledger::receive(conn, &receipt).await?;
    balances.extend(received.balances);
    Ok(Some(Posted { balances, ..received }))
}

pub(in crate::store) async fn cancel(
    conn: &mut Conn,
    id: &PaymentId,
    reason: &String,
    at: &Time,
) -> Result<Option<Posted>, StoreError> {
    let open = payments::table.find(id).filter(payments::status.eq(Status::Pending));
    let failed = diesel::update(open)
        .set((
            payments::status.eq(Status::Failed),
            payments::failure.eq(Some(reason)),
            payments::preimage_sealed.eq(None::<Vec<u8>>),
            payments::updated_at.eq(*at),
            payments::next_check_at.eq(None::<Time>),
        ))
        .execute(conn)
        .await?;
    if failed == 0 {
        return Ok(None);
    }
    let paid_here = end_here(conn, id, HoldState::Cancelled, *at).await?;
    diesel::update(holds::table.find(id))
        .set((holds::state.eq(HoldState::Cancelled), holds::updated_at.eq(*at)))
        .execute(conn)
        .await?;
    let payment = mark(conn, *id, CANCELLED, *at).await?;
    let balances = match paid_here {
        Some((payer, _)) => {
            ledger::release(conn, &Failure { id: payer.id, reason: reason.clone(), at: *at }).await?.balances
        }
        None => Vec::new(),
    };
    tell(conn, &payment, EventKind::InvoiceExpired, *at).await?;
    Ok(Some(Posted { payment, balances, alarm: None }))
}

/// Ends what a wallet here has paid for; `None` when no wallet here has, or it has ended.
async fn end_here(
    conn: &mut Conn,
    id: &PaymentId,
    end: HoldState,
    at: Time,
) -> Result<Option<(Payment, HoldInvoice)>, StoreError> {
    let row = holds::table.find(id).filter(holds::payer_id.is_not_null()).filter(holds::state.eq(HoldState::Accepted));
    let ended = diesel::update(row)
        .set((holds::state.eq(end), holds::updated_at.eq(at)))
        .returning(HoldInvoice::as_returning())
        .get_result::<HoldInvoice>(conn)
        .await
        .optional()?;
    let Some(hold) = ended else { return Ok(None) };
    let Some(payer) = hold.payer_id else { return Ok(None) };
    let payer = find_payment(conn, &payer).await?.ok_or(Refusal::Missing("payment"))?;
    Ok(Some((payer, hold)))
}

/// Takes hold of all wallets that are about to change in the order of their ids, the house's among them.
async fn in_order(conn: &mut Conn, wallets: &[&WalletId], payer: &Payment) -> Result<(), StoreError> {
    let house = terms::owed(conn, payer).await?.map(|fee| fee.wallet_id);
    let mut all: Vec<&WalletId> = wallets.iter().copied().chain(&house).collect();
    all.sort_unstable();
    all.dedup();
    for wallet in all {
        give(conn, wallet, Msat::ZERO).await?;
    }
    Ok(())
}

/// The rest of [`ledger::receive`] for a hold invoice. Should the node have taken money for it while a wallet here
/// waits, that wallet gets its own back.
pub(super) async fn settled(
    conn: &mut Conn,
    payment: Payment,
    at: Time,
) -> Result<(Payment, Vec<Balance>), StoreError> {
    let waiting = end_here(conn, &payment.id, HoldState::Settled, at).await?;
    diesel::update(holds::table.find(payment.id))
        .set((holds::state.eq(HoldState::Settled), holds::updated_at.eq(at)))
        .execute(conn)
        .await?;
    let payment = mark(conn, payment.id, SETTLED, at).await?;
    let Some((payer, _)) = waiting else { return Ok((payment, Vec::new())) };
    let reason = "the invoice was paid over Lightning".to_owned();
    let released = ledger::release(conn, &Failure { id: payer.id, reason, at }).await?;
    Ok((payment, released.balances))
}

pub(in crate::store) async fn alarm(
    conn: &mut Conn,
    id: &PaymentId,
    detail: &str,
    at: &Time,
) -> Result<bool, StoreError> {
    let quiet = holds::table.find(id).filter(holds::alarmed.eq(false));
    if diesel::update(quiet).set(holds::alarmed.eq(true)).execute(conn).await? == 0 {
        return Ok(false);
    }
    let payment = find_payment(conn, id).await?.ok_or(Refusal::Missing("payment"))?;
    raise(conn, AlarmKind::HoldStuck, &payment, detail, *at).await?;
    Ok(true)
}

/// Says in the invoice's `extra` what became of it. The caller has its row.
async fn mark(conn: &mut Conn, id: PaymentId, key: &str, at: Time) -> Result<Payment, StoreError> {
    let payment = find_payment(conn, &id).await?.ok_or(Refusal::Missing("payment"))?;
    let mut extra = payment.extra_object();
    extra.insert(key.to_owned(), true.into());
    let extra = serde_json::Value::Object(extra).to_string();
    let marked = diesel::update(payments::table.find(id))
        .set((payments::extra.eq(extra), payments::updated_at.eq(at)))
        .returning(Payment::as_returning());
    Ok(marked.get_result(conn).await?)
}

/// Writes an event that moved nothing of this wallet's.
async fn tell(conn: &mut Conn, payment: &Payment, kind: EventKind, at: Time) -> Result<(), StoreError> {
    let balance = wallets::table.find(&payment.wallet_id).select(wallets::balance_msat).first(conn).await?;
    ledger::announce(conn, payment, kind, balance, at).await
}
