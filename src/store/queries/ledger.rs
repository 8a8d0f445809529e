//! Money moves here and nowhere else.
//!
//! Each function is one transaction. It changes the state of a payment by a statement that matches
//! only the state it may come from, moves balances by statements that match only what may be moved,
//! and writes the movement into the journal, where its primary key forbids booking it again.
//!
//! Locks are taken in one order everywhere, first the payments, then wallets by their ids, so that two
//! transfers in opposite directions wait for each other instead of blocking each other; then budgets by their
//! credentials' ids (see `budgets.rs`).

use diesel::{
    prelude::{ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper},
    result::{DatabaseErrorKind, Error},
};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use super::{
    Conn,
    alarms::{may_send, raise},
    balances::{give, give_to_living, take, take_or_lose},
    budgets::true_up,
    holds,
    kept::kept,
    payments::{attempt_by_hash, find, invoice_by_hash, write},
    places::IsInvoice,
    rows::{self, Entry},
    terms,
};
use crate::{
    domain::{
        Kind, Msat, Payment, PaymentId, Status, Time, WalletId,
        event::{EventKind, NewEvent},
        journal::{Book, EntryKind},
        limits::ServiceFee,
        payment::NewPayment,
    },
    store::{
        Refusal, StoreError,
        schema::payments,
        types::{
            Adjustment, AlarmKind, Balance, Failure, FeeRecord, Posted, Receipt, Settlement, Transfer, Transferred,
        },
    },
};

/// How often an attempt is written that others keep making way for just after standing in it.
const ATTEMPTS_MAX: usize = 8;

pub(in crate::store) async fn transfer(conn: &mut Conn, transfer: &Transfer) -> Result<Transferred, StoreError> {
    transfer_for(conn, transfer, &ServiceFee::default()).await
}

/// The same, and the house takes something for it.
pub(super) async fn transfer_for(
    conn: &mut Conn,
    transfer: &Transfer,
    fee: &ServiceFee,
) -> Result<Transferred, StoreError> {
    let at = transfer.payment.created_at;
    let received = close_invoice(conn, transfer, at).await?;
    let amount = received.amount_msat;
    let (payer, payee) = (&transfer.payment.wallet_id, &received.wallet_id);
    let fee = fee.due(payer, amount);
    // before the wallets, as in `hold`: an attempt on the same hash waits for this one or the other way round
    let new = NewPayment {
        amount_msat: amount.negated(),
        fee_msat: fee.as_ref().map_or(Msat::ZERO, |(_, fee)| *fee),
        preimage_sealed: received.preimage_sealed.clone(),
        memo: received.memo.clone(),
        bolt11: received.bolt11.clone(),
        expires_at: received.expires_at,
        ..transfer.payment.clone()
    };
    let sent = attempt(conn, new).await?;
    let (left, gained, house) = match fee {
        None => {
            let (left, gained) = exchange(conn, &sent, payee, amount).await?;
            (left, gained, None)
        }
        Some((wallet_id, amount_msat)) => {
            let fee = FeeRecord { payment_id: sent.id, wallet_id, amount_msat, booked_id: None };
            let moved = terms::move_with_fee(conn, &sent, &received, fee).await?;
            (moved.left, moved.gained, Some(moved.house))
        }
    };
    let event = |payment: &Payment, kind, balance_msat| NewEvent {
        wallet_id: payment.wallet_id.clone(),
        payment_id: payment.id,
        kind,
        balance_msat,
        created_at: at,
        reported: payment.webhook.is_some(),
    };
    let events = [event(&sent, EventKind::PaymentSent, left), event(&received, EventKind::PaymentReceived, gained)];
    rows::insert(conn, events).await?;
    let mut balances = vec![Balance(payer.clone(), left), Balance(payee.clone(), gained)];
    balances.extend(house);
    Ok(Transferred { sent, received, balances })
}

/// Moves the amount from wallet to wallet; answers what the payer and the payee then hold.
async fn exchange(conn: &mut Conn, sent: &Payment, payee: &WalletId, amount: Msat) -> Result<(Msat, Msat), StoreError> {
    let (payer, at) = (&sent.wallet_id, sent.created_at);
    let (left, gained) = if payer <= payee {
        let left = take(conn, payer, amount).await?;
        let gained = give_to_living(conn, payee, amount).await?;
        (if payer == payee { gained } else { left }, gained)
    } else {
        let gained = give_to_living(conn, payee, amount).await?;
        (take(conn, payer, amount).await?, gained)
    };
    let leg =
        |book, amount_msat| Entry { payment_id: sent.id, kind: EntryKind::Transfer, book, amount_msat, created_at: at };
    if payer == payee {
        // both legs would be the same row; the journal says that nothing moved
        book(conn, [leg(of(payer), Msat::ZERO)]).await?;
    } else {
        book(conn, [leg(of(payer), amount.negated()), leg(of(payee), amount)]).await?;
    }
    Ok((left, gained))
}

/// Marks the invoice paid, if it is open, unexpired and the very request that is being paid: another
/// node's request may carry the same payment hash and is not ours to settle.
async fn close_invoice(conn: &mut Conn, transfer: &Transfer, at: Time) -> Result<Payment, StoreError> {
    let hash = &transfer.payment.payment_hash;
    let open = payments::table
        .filter(payments::payment_hash.eq(hash))
        .filter(IsInvoice)
        .filter(payments::status.eq(Status::Pending))
        .filter(payments::bolt11.eq(&transfer.bolt11))
        .filter(payments::expires_at.gt(at));
    let paid =
        (payments::status.eq(Status::Success), payments::updated_at.eq(at), payments::next_check_at.eq(None::<Time>));
    let closed = match transfer.amount {
        None => kept!(diesel::update(open).set(paid)).execute(conn).await?,
        // the payer's word counts only where the invoice has none
        Some(amount) => {
            let open = open.filter(payments::amount_msat.eq(Msat::ZERO));
            kept!(diesel::update(open).set((paid, payments::amount_msat.eq(amount)))).execute(conn).await?
        }
    } == 1;
    let invoice = invoice_by_hash(conn, hash).await?.ok_or(Refusal::Missing("invoice"))?;
    if closed && invoice.is_hold_invoice() {
        return Err(Refusal::HoldInvoice.into());
    }
    if closed { Ok(invoice) } else { Err(Refusal::InvoiceNotOpen(Box::new(invoice)).into()) }
}

pub(in crate::store) async fn hold(conn: &mut Conn, payment: &NewPayment) -> Result<Posted, StoreError> {
    let (held, at) = (payment.hold_msat, payment.created_at);
    let payment = attempt(conn, payment.clone()).await?;
    let left = take(conn, &payment.wallet_id, held).await?;
    may_send(conn, &payment.source).await?;
    let leg =
        |book, amount_msat| Entry { payment_id: payment.id, kind: EntryKind::Hold, book, amount_msat, created_at: at };
    book(conn, [leg(of(&payment.wallet_id), held.negated()), leg(Book::Holds, held)]).await?;
    Ok(posted(payment, left, None))
}

/// The mark that divides "certainly not sent" from "perhaps sent": it is on disk before the node hears
/// of the payment, and it and [`release_undispatched`] exclude each other.
pub(in crate::store) async fn dispatch(conn: &mut Conn, id: &PaymentId, at: &Time) -> Result<bool, StoreError> {
    let held = payments::table
        .find(id)
        .filter(payments::kind.eq(Kind::External))
        .filter(payments::status.eq(Status::Pending))
        .filter(payments::dispatched_at.is_null());
    Ok(kept!(diesel::update(held).set(payments::dispatched_at.eq(Some(*at)))).execute(conn).await? == 1)
}

pub(in crate::store) async fn release_undispatched(
    conn: &mut Conn,
    failure: &Failure,
) -> Result<Option<Posted>, StoreError> {
    let held = payments::table
        .find(failure.id)
        .filter(payments::kind.eq(Kind::External))
        .filter(payments::status.eq(Status::Pending))
        .filter(payments::dispatched_at.is_null());
    // the mark is taken first, so that nobody can dispatch from here on
    let taken = kept!(diesel::update(held).set(payments::dispatched_at.eq(Some(failure.at)))).execute(conn).await?;
    if taken == 0 { Ok(None) } else { release(conn, failure).await.map(Some) }
}

pub(in crate::store) async fn settle(conn: &mut Conn, settlement: &Settlement) -> Result<Posted, StoreError> {
    let before = find(conn, &settlement.id).await?.ok_or(Refusal::Missing("payment"))?;
    let owed = terms::owed(conn, &before).await?;
    let fee = Msat(settlement.fee.0.saturating_add(owed.as_ref().map_or(0, |owed| owed.amount_msat.0)));
    let open = payments::table
        .find(settlement.id)
        .filter(payments::kind.eq(Kind::External))
        .filter(payments::status.eq(Status::Pending));
    let settled = diesel::update(open)
        .set((
            payments::status.eq(Status::Success),
            payments::fee_msat.eq(fee),
            payments::hold_msat.eq(Msat::ZERO),
            payments::preimage_sealed.eq(Some(&settlement.preimage_sealed)),
            payments::source_ref.eq(settlement.source_ref.as_ref().or(before.source_ref.as_ref())),
            payments::updated_at.eq(settlement.at),
            payments::next_check_at.eq(None::<Time>),
        ))
        .returning(Payment::as_returning());
    let settled = kept!(settled).get_result::<Payment>(conn).await.optional()?;
    let Some(payment) = settled else { return settle_late(conn, settlement).await };
    if let Some(owed) = owed {
        return terms::settle(conn, &before, payment, settlement, owed).await;
    }
    let (held, at) = (before.hold_msat, settlement.at);
    let cost = Msat(payment.amount_msat.size().0.saturating_add(settlement.fee.0));
    let left_over = Msat(held.0.saturating_sub(cost.0));
    let (balance, payer_of_rest, alarm) = if left_over >= Msat::ZERO {
        (give(conn, &payment.wallet_id, left_over).await?, of(&payment.wallet_id), None)
    } else {
        let (balance, who) = take_or_lose(conn, &payment.wallet_id, left_over.negated()).await?;
        let detail =
            format!("the source charged {} for routing, {} were allowed", settlement.fee, before.fee_limit_msat);
        let alarm = raise(conn, AlarmKind::FeeAboveLimit, &payment, &detail, at).await?;
        (balance, who.unwrap_or_else(|| of(&payment.wallet_id)), Some(alarm))
    };
    let leg = |book, amount_msat| Entry {
        payment_id: payment.id,
        kind: EntryKind::Settle,
        book,
        amount_msat,
        created_at: at,
    };
    if left_over.is_zero() {
        book(conn, [leg(Book::Holds, held.negated()), leg(Book::Lightning, cost)]).await?;
    } else {
        book(conn, [leg(Book::Holds, held.negated()), leg(Book::Lightning, cost), leg(payer_of_rest, left_over)])
            .await?;
    }
    true_up(conn, payment.id, cost).await?;
    announce(conn, &payment, EventKind::PaymentSent, balance, at).await?;
    Ok(posted(payment, balance, alarm))
}

/// The node says paid, but the attempt is not open. Either it was booked before, and nothing happens;
/// or it was recorded as failed and its hold given back: then the truth is booked after all, at the
/// wallet's cost if it still holds so much and else at the house's, and a person is called.
async fn settle_late(conn: &mut Conn, settlement: &Settlement) -> Result<Posted, StoreError> {
    let at = settlement.at;
    let failed = payments::table
        .find(settlement.id)
        .filter(payments::kind.eq(Kind::External))
        .filter(payments::status.eq(Status::Failed));
    // changes nothing, but whoever else brings this news now waits here, before holding anything
    let locked = diesel::update(failed).set(payments::checks.eq(payments::checks)).returning(Payment::as_returning());
    let locked = kept!(locked).get_result::<Payment>(conn).await.optional()?;
    let Some(payment) = locked else {
        return Ok(unchanged(find(conn, &settlement.id).await?.ok_or(Refusal::Missing("payment"))?));
    };
    let gate = Entry {
        payment_id: payment.id,
        kind: EntryKind::Late,
        book: Book::Lightning,
        amount_msat: Msat(payment.amount_msat.size().0.saturating_add(settlement.fee.0)),
        created_at: at,
    };
    let cost = gate.amount_msat;
    if rows::insert_new(conn, gate).await? == 0 {
        return Ok(unchanged(payment));
    }
    let marked = mark_late(conn, &payment, settlement).await?;
    let (balance, loser) = take_or_lose(conn, &payment.wallet_id, cost).await?;
    true_up(conn, payment.id, cost).await?;
    let who = loser.unwrap_or_else(|| of(&payment.wallet_id));
    let detail = format!("recorded as failed, but the source says that {cost} left; booked to {}", who.as_str());
    book(
        conn,
        [Entry {
            payment_id: payment.id,
            kind: EntryKind::Late,
            book: who,
            amount_msat: cost.negated(),
            created_at: at,
        }],
    )
    .await?;
    let alarm = raise(conn, AlarmKind::LateSuccess, &payment, &detail, at).await?;
    // where another attempt holds the place of the one that counts, this row stays what it was
    let Some(payment) = marked else { return Ok(posted(payment, balance, Some(alarm))) };
    announce(conn, &payment, EventKind::PaymentSent, balance, at).await?;
    Ok(posted(payment, balance, Some(alarm)))
}

/// Makes the failed attempt the one that succeeded; `None` when another attempt lives, even one that is
/// being written this very moment: then the index objects, and only this statement is taken back.
async fn mark_late(conn: &mut Conn, payment: &Payment, settlement: &Settlement) -> Result<Option<Payment>, StoreError> {
    if attempt_by_hash(conn, &payment.payment_hash).await?.is_some() {
        return Ok(None);
    }
    conn.batch_execute("SAVEPOINT late").await?;
    let marked = diesel::update(payments::table.find(payment.id))
        .set((
            payments::status.eq(Status::Success),
            payments::fee_msat.eq(settlement.fee),
            payments::preimage_sealed.eq(Some(&settlement.preimage_sealed)),
            payments::updated_at.eq(settlement.at),
            payments::next_check_at.eq(None::<Time>),
        ))
        .returning(Payment::as_returning());
    let marked = kept!(marked).get_result::<Payment>(conn).await;
    match marked {
        Ok(payment) => {
            conn.batch_execute("RELEASE SAVEPOINT late").await?;
            Ok(Some(payment))
        }
        Err(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
            conn.batch_execute("ROLLBACK TO SAVEPOINT late").await?;
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

pub(in crate::store) async fn release(conn: &mut Conn, failure: &Failure) -> Result<Posted, StoreError> {
    let before = find(conn, &failure.id).await?.ok_or(Refusal::Missing("payment"))?;
    let open = payments::table
        .find(failure.id)
        .filter(payments::kind.eq(Kind::External))
        .filter(payments::status.eq(Status::Pending));
    let failed = diesel::update(open)
        .set((
            payments::status.eq(Status::Failed),
            payments::fee_msat.eq(Msat::ZERO),
            payments::hold_msat.eq(Msat::ZERO),
            payments::failure.eq(Some(&failure.reason)),
            payments::updated_at.eq(failure.at),
            payments::next_check_at.eq(None::<Time>),
        ))
        .returning(Payment::as_returning());
    let failed = kept!(failed).get_result::<Payment>(conn).await.optional()?;
    let Some(payment) = failed else {
        let payment = find(conn, &failure.id).await?.ok_or(Refusal::Missing("payment"))?;
        return Ok(unchanged(payment));
    };
    let (held, at) = (before.hold_msat, failure.at);
    let balance = give(conn, &payment.wallet_id, held).await?;
    terms::forgive(conn, &before).await?;
    true_up(conn, payment.id, Msat::ZERO).await?;
    let leg = |book, amount_msat| Entry {
        payment_id: payment.id,
        kind: EntryKind::Release,
        book,
        amount_msat,
        created_at: at,
    };
    book(conn, [leg(Book::Holds, held.negated()), leg(of(&payment.wallet_id), held)]).await?;
    announce(conn, &payment, EventKind::PaymentFailed, balance, at).await?;
    Ok(posted(payment, balance, None))
}

pub(in crate::store) async fn receive(conn: &mut Conn, receipt: &Receipt) -> Result<Posted, StoreError> {
    let (amount, at) = (receipt.amount, receipt.at);
    let invoice = invoice_by_hash(conn, &receipt.payment_hash).await?.ok_or(Refusal::Missing("invoice"))?;
    let leg = |book, amount_msat| Entry {
        payment_id: invoice.id,
        kind: EntryKind::Receive,
        book,
        amount_msat,
        created_at: at,
    };
    // the first notification wins this row; every other one changes nothing
    if rows::insert_new(conn, leg(Book::Lightning, amount.negated())).await? == 0 {
        return Ok(unchanged(invoice));
    }
    let unpaid = payments::table.find(invoice.id).filter(payments::status.ne(Status::Success));
    let paid = diesel::update(unpaid)
        .set((
            payments::status.eq(Status::Success),
            payments::amount_msat.eq(amount),
            payments::preimage_sealed.eq(receipt.preimage_sealed.as_ref().or(invoice.preimage_sealed.as_ref())),
            payments::updated_at.eq(at),
            payments::next_check_at.eq(None::<Time>),
        ))
        .returning(Payment::as_returning());
    let paid = kept!(paid).get_result::<Payment>(conn).await.optional()?;
    let Some(payment) = paid else {
        // paid between two wallets here, and by somebody outside as well: the second sum is kept apart
        book(conn, [leg(Book::Suspense, amount)]).await?;
        let alarm =
            raise(conn, AlarmKind::PaidTwice, &invoice, &format!("{amount} more arrived for a paid invoice"), at)
                .await?;
        return Ok(Posted { alarm: Some(alarm), ..unchanged(invoice) });
    };
    let (payment, mut balances) =
        if payment.is_hold_invoice() { holds::settled(conn, payment, at).await? } else { (payment, Vec::new()) };
    let balance = give(conn, &payment.wallet_id, amount).await?;
    book(conn, [leg(of(&payment.wallet_id), amount)]).await?;
    announce(conn, &payment, EventKind::PaymentReceived, balance, at).await?;
    // the last one counts, where both are of one wallet
    balances.push(Balance(payment.wallet_id.clone(), balance));
    Ok(Posted { payment, balances, alarm: None })
}

/// False when the invoice was not open any more.
pub(in crate::store) async fn expire(conn: &mut Conn, id: &PaymentId, at: &Time) -> Result<bool, StoreError> {
    let payment = loop {
        let Some(invoice) = find(conn, id).await? else { return Ok(false) };
        let open = payments::table
            .find(id)
            .filter(payments::kind.eq(Kind::Invoice))
            .filter(payments::status.eq(Status::Pending))
            .filter(payments::expires_at.le(*at));
        let mut labels = invoice.label_list();
        labels.push("expired".to_owned());
        // labels that somebody gave it since they were read are not lost: then it is all done once more
        let expiry = diesel::update(open.filter(payments::labels.eq(&invoice.labels)))
            .set((
                payments::status.eq(Status::Failed),
                payments::labels.eq(serde_json::to_string(&labels).unwrap_or_else(|_| invoice.labels.clone())),
                payments::updated_at.eq(*at),
                payments::next_check_at.eq(None::<Time>),
            ))
            .returning(Payment::as_returning());
        match kept!(expiry).get_result::<Payment>(conn).await.optional()? {
            Some(payment) => break payment,
            None if open.select(payments::id).first::<PaymentId>(conn).await.optional()?.is_some() => {}
            None => return Ok(false),
        }
    };
    let balance = give(conn, &payment.wallet_id, Msat::ZERO).await?;
    announce(conn, &payment, EventKind::InvoiceExpired, balance, *at).await?;
    Ok(true)
}

pub(in crate::store) async fn adjust(conn: &mut Conn, adjustment: &Adjustment) -> Result<Posted, StoreError> {
    let new = &adjustment.payment;
    let (amount, wallet, at) = (new.amount_msat, &new.wallet_id, new.created_at);
    let balance = if amount > Msat::ZERO {
        give(conn, wallet, amount).await?
    } else {
        take(conn, wallet, amount.negated()).await?
    };
    let id = super::payments::create(conn, new).await?;
    let payment = new.clone().numbered(id);
    let leg = |book, amount_msat| Entry { payment_id: id, kind: EntryKind::Adjust, book, amount_msat, created_at: at };
    book(conn, [leg(of(wallet), amount), leg(Book::Operator, amount.negated())]).await?;
    let kind = if amount > Msat::ZERO { EventKind::PaymentReceived } else { EventKind::PaymentSent };
    announce(conn, &payment, kind, balance, at).await?;
    Ok(posted(payment, balance, None))
}

/// Writes an outgoing payment; the database lets one attempt per payment hash live.
async fn attempt(conn: &mut Conn, new: NewPayment) -> Result<Payment, StoreError> {
    for _ in 0..ATTEMPTS_MAX {
        if let Some(id) = write(conn, &new).await? {
            return Ok(new.numbered(id));
        }
        // where nothing is in the way any more, it failed before it could be looked at, and left room
        if let Some(other) = attempt_by_hash(conn, &new.payment_hash).await? {
            return Err(Refusal::AlreadyAttempted(Box::new(other)).into());
        }
    }
    Err(Refusal::Taken("payment hash").into())
}

fn of(wallet: &WalletId) -> Book {
    Book::Wallet(wallet.clone())
}

/// Writes legs into the journal. They must be new.
async fn book<const N: usize>(conn: &mut Conn, legs: [Entry; N]) -> Result<(), StoreError> {
    rows::insert(conn, legs).await?;
    Ok(())
}

pub(super) async fn announce(
    conn: &mut Conn,
    payment: &Payment,
    kind: EventKind,
    balance: Msat,
    at: Time,
) -> Result<(), StoreError> {
    let event = NewEvent {
        wallet_id: payment.wallet_id.clone(),
        payment_id: payment.id,
        kind,
        balance_msat: balance,
        created_at: at,
        reported: payment.webhook.is_some(),
    };
    rows::insert(conn, [event]).await?;
    Ok(())
}

fn posted(payment: Payment, balance: Msat, alarm: Option<String>) -> Posted {
    let balances = vec![Balance(payment.wallet_id.clone(), balance)];
    Posted { payment, balances, alarm }
}

fn unchanged(payment: Payment) -> Posted {
    Posted { payment, balances: Vec::new(), alarm: None }
}
