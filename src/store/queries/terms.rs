//! Terms on which money moves beside what a wallet holds: what each wallet may hold and spend, and what the house
//! takes.
//!
//! None of it costs a statement where nothing of it is set: then the ledger's plain operations run. Where it is, all
//! of it is one transaction with the movement itself. The row of the wallet was changed before its day's payments
//! are summed, so that of two payments at once the second one sees the first.
//!
//! What the house takes is agreed when the money is held ([`FeeRecord`]), is a part of the hold, and is booked by the
//! transaction that books the success. A payment that fails gives it back with the rest; one that is heard of only
//! after it was recorded as failed costs no fee. Wallets are changed in the order of their ids, as everywhere.

use diesel::{
    dsl::{exists, not, sql},
    prelude::{
        BoolExpressionMethods, ExpressionMethods, Insertable, JoinOnDsl, NullableExpressionMethods, OptionalExtension,
        QueryDsl, SelectableHelper,
    },
    sql_types::BigInt,
};
use diesel_async::RunQueryDsl;

use super::{
    Conn,
    alarms::raise,
    balances::{give, give_to_living, take, take_or_lose},
    budgets::{charge, true_up},
    ledger,
    payments::create,
    rows::{self, Entry},
};
use crate::{
    domain::{
        Kind, Msat, Payment, PaymentId, Status, Time, WalletId,
        credential::Budget,
        event::{EventKind, NewEvent},
        journal::{Book, EntryKind},
        limits::{Terms, WalletBounds},
        payment::NewPayment,
        time::DAY,
    },
    store::{
        Refusal, StoreError,
        schema::{payments, service_fees, wallets},
        types::{Adjustment, AlarmKind, Balance, FeeRecord, Posted, Settlement, Transfer, Transferred},
    },
};

/// [`ledger::transfer`] on terms.
pub(in crate::store) async fn transfer(
    conn: &mut Conn,
    transfer: &Transfer,
    terms: &Terms,
    budgets: &[Budget],
) -> Result<Transferred, StoreError> {
    let moved = ledger::transfer_for(conn, transfer, &terms.service_fee).await?;
    let cost = Msat(moved.received.amount_msat.0.saturating_add(moved.sent.fee_msat.0));
    charge(conn, moved.sent.id, cost, budgets, transfer.payment.created_at).await?;
    within(conn, &moved.sent, &terms.bounds).await?;
    if moved.sent.wallet_id != moved.received.wallet_id {
        may_hold(&moved.balances, &moved.received.wallet_id, terms.bounds.max_balance)?;
    }
    Ok(moved)
}

/// [`ledger::hold`] on terms. What is held covers what the house takes.
pub(in crate::store) async fn hold(
    conn: &mut Conn,
    payment: &NewPayment,
    terms: &Terms,
    budgets: &[Budget],
) -> Result<Posted, StoreError> {
    let posted = ledger::hold(conn, payment).await?;
    charge(conn, posted.payment.id, payment.hold_msat, budgets, payment.created_at).await?;
    if let Some((wallet_id, amount_msat)) = terms.service_fee.due(&payment.wallet_id, payment.amount_msat.size()) {
        let fee = FeeRecord { payment_id: posted.payment.id, wallet_id, amount_msat, booked_id: None };
        fee.insert_into(service_fees::table).execute(conn).await?;
    }
    within(conn, &posted.payment, &terms.bounds).await?;
    Ok(posted)
}

/// [`ledger::adjust`] within what a wallet may hold.
pub(in crate::store) async fn adjust(
    conn: &mut Conn,
    adjustment: &Adjustment,
    max_balance: &Msat,
) -> Result<Posted, StoreError> {
    let posted = ledger::adjust(conn, adjustment).await?;
    if adjustment.payment.amount_msat > Msat::ZERO {
        may_hold(&posted.balances, &adjustment.payment.wallet_id, Some(*max_balance))?;
    }
    Ok(posted)
}

fn may_hold(balances: &[Balance], wallet: &WalletId, most: Option<Msat>) -> Result<(), Refusal> {
    match most {
        Some(most) if balances.iter().any(|Balance(id, balance)| id == wallet && *balance > most) => {
            Err(Refusal::BalanceAbove { most })
        }
        _ => Ok(()),
    }
}

/// Is this payment, which is written and has changed its wallet, within the wallet's bounds?
async fn within(conn: &mut Conn, payment: &Payment, bounds: &WalletBounds) -> Result<(), StoreError> {
    let own = payments::table.filter(payments::wallet_id.eq(&payment.wallet_id));
    if let Some(seconds) = bounds.pause_seconds {
        let since = payment.created_at.plus_seconds(seconds.saturating_neg());
        let other = own
            .filter(payments::created_at.gt(since))
            .filter(payments::id.ne(payment.id))
            .filter(payments::kind.ne(Kind::ServiceFee))
            .select(payments::id);
        if other.first::<PaymentId>(conn).await.optional()?.is_some() {
            return Err(Refusal::TooSoon { seconds }.into());
        }
    }
    if let Some(most) = bounds.max_daily {
        let today = Time(payment.created_at.0.div_euclid(DAY).saturating_mul(DAY));
        let spent: i64 = own
            .filter(payments::created_at.ge(today))
            .filter(payments::kind.eq_any([Kind::Internal, Kind::External]))
            .filter(payments::status.ne(Status::Failed))
            .select(sql::<BigInt>("CAST(COALESCE(-SUM(amount_msat), 0) AS BIGINT)"))
            .first(conn)
            .await?;
        if Msat(spent) > most {
            return Err(Refusal::DayAbove { most }.into());
        }
    }
    Ok(())
}

/// What the house takes for a payment.
pub(in crate::store) async fn fee_of(conn: &mut Conn, payment: &PaymentId) -> Result<Option<FeeRecord>, StoreError> {
    Ok(service_fees::table.find(payment).select(FeeRecord::as_select()).first(conn).await.optional()?)
}

/// What is held for the house besides amount and routing; the database is asked only where there is something.
pub(super) async fn owed(conn: &mut Conn, held: &Payment) -> Result<Option<FeeRecord>, StoreError> {
    let needed = held.amount_msat.size().0.saturating_add(held.fee_limit_msat.0);
    if held.hold_msat.0 <= needed {
        return Ok(None);
    }
    Ok(fee_of(conn, &held.id).await?.filter(|fee| fee.booked_id.is_none()))
}

/// Forgets what was agreed for a payment that failed.
pub(super) async fn forgive(conn: &mut Conn, held: &Payment) -> Result<(), StoreError> {
    if owed(conn, held).await?.is_some() {
        diesel::delete(service_fees::table.find(held.id)).execute(conn).await?;
    }
    Ok(())
}

/// Where the money of a transfer with a fee went.
pub(super) struct Moved {
    pub(super) left: Msat,
    pub(super) gained: Msat,
    pub(super) house: Balance,
}

/// Moves the amount to the payee and the fee to the house, and books both under the payer's payment.
pub(super) async fn move_with_fee(
    conn: &mut Conn,
    sent: &Payment,
    received: &Payment,
    fee: FeeRecord,
) -> Result<Moved, StoreError> {
    let (payer, payee, house) = (&sent.wallet_id, &received.wallet_id, fee.wallet_id.clone());
    let (amount, at) = (received.amount_msat, sent.created_at);
    let cost = amount.plus(fee.amount_msat).ok_or(Refusal::InsufficientBalance { needed: amount })?;
    // in the order of ids, and from a wallet before to the same one
    let mut moves = [(payer, 0, cost), (payee, 1, amount), (&house, 2, fee.amount_msat)];
    moves.sort_unstable_by_key(|(wallet, what, _)| (wallet.as_str(), *what));
    let (mut left, mut gained, mut houses) = (Msat::ZERO, Msat::ZERO, Msat::ZERO);
    for (wallet, what, msat) in moves {
        let balance = match what {
            0 => take(conn, wallet, msat).await?,
            1 => give_to_living(conn, wallet, msat).await?,
            _ => give(conn, wallet, msat).await?,
        };
        for (other, known) in [(payer, &mut left), (payee, &mut gained), (&house, &mut houses)] {
            if other == wallet {
                *known = balance;
            }
        }
    }
    let leg = |wallet: &WalletId, amount_msat| Entry {
        payment_id: sent.id,
        kind: EntryKind::Transfer,
        book: Book::Wallet(wallet.clone()),
        amount_msat,
        created_at: at,
    };
    if payer == payee {
        rows::insert(conn, [leg(payer, fee.amount_msat.negated()), leg(&house, fee.amount_msat)]).await?;
    } else if *payee == house {
        rows::insert(conn, [leg(payer, cost.negated()), leg(payee, cost)]).await?;
    } else {
        let legs = [leg(payer, cost.negated()), leg(payee, amount), leg(&house, fee.amount_msat)];
        rows::insert(conn, legs).await?;
    }
    let booked = record(conn, sent, &fee, houses, at).await?;
    let agreed = FeeRecord { booked_id: Some(booked), ..fee };
    agreed.insert_into(service_fees::table).execute(conn).await?;
    Ok(Moved { left, gained, house: Balance(house, houses) })
}

/// The rest of [`ledger::settle`] for a payment of which the house takes something: `before` is the payment as it was
/// held, `payment` as it is now.
pub(super) async fn settle(
    conn: &mut Conn,
    before: &Payment,
    payment: Payment,
    settlement: &Settlement,
    fee: FeeRecord,
) -> Result<Posted, StoreError> {
    let (held, at, house) = (before.hold_msat, settlement.at, fee.wallet_id.clone());
    let sent = Msat(payment.amount_msat.size().0.saturating_add(settlement.fee.0));
    let cost = Msat(sent.0.saturating_add(fee.amount_msat.0));
    let left_over = Msat(held.0.saturating_sub(cost.0));
    let mut who = None;
    let (balance, houses) = if payment.wallet_id < house {
        let balance = rest(conn, &payment.wallet_id, left_over, &mut who).await?;
        (balance, give(conn, &house, fee.amount_msat).await?)
    } else {
        let houses = give(conn, &house, fee.amount_msat).await?;
        (rest(conn, &payment.wallet_id, left_over, &mut who).await?, houses)
    };
    let alarm = if left_over < Msat::ZERO {
        let detail =
            format!("the source charged {} for routing, {} were allowed", settlement.fee, before.fee_limit_msat);
        Some(raise(conn, AlarmKind::FeeAboveLimit, &payment, &detail, at).await?)
    } else {
        None
    };
    let leg = |book, amount_msat| Entry {
        payment_id: payment.id,
        kind: EntryKind::Settle,
        book,
        amount_msat,
        created_at: at,
    };
    let legs = [
        leg(Book::Holds, held.negated()),
        leg(Book::Lightning, sent),
        leg(Book::Wallet(house.clone()), fee.amount_msat),
    ];
    rows::insert(conn, legs).await?;
    if !left_over.is_zero() {
        let book = who.unwrap_or_else(|| Book::Wallet(payment.wallet_id.clone()));
        rows::insert(conn, [leg(book, left_over)]).await?;
    }
    let booked = record(conn, &payment, &fee, houses, at).await?;
    diesel::update(service_fees::table.find(payment.id))
        .set(service_fees::booked_id.eq(Some(booked)))
        .execute(conn)
        .await?;
    true_up(conn, payment.id, cost).await?;
    rows::insert(conn, [event(&payment.wallet_id, payment.id, EventKind::PaymentSent, balance, at)]).await?;
    let balances = vec![Balance(payment.wallet_id.clone(), balance), Balance(house, houses)];
    Ok(Posted { payment, balances, alarm })
}

/// Gives back what is left of a hold; what it lacks, the wallet pays if it can, and else the house.
async fn rest(conn: &mut Conn, wallet: &WalletId, left_over: Msat, who: &mut Option<Book>) -> Result<Msat, StoreError> {
    if left_over >= Msat::ZERO {
        return give(conn, wallet, left_over).await;
    }
    let (balance, loser) = take_or_lose(conn, wallet, left_over.negated()).await?;
    *who = loser;
    Ok(balance)
}

/// Writes the record of a fee in the wallet that got it, and tells of it.
async fn record(
    conn: &mut Conn,
    payment: &Payment,
    fee: &FeeRecord,
    balance: Msat,
    at: Time,
) -> Result<PaymentId, StoreError> {
    let name: String = wallets::table.find(&payment.wallet_id).select(wallets::name).first(conn).await?;
    let (sat, id) = (payment.amount_msat.size().sat_floor(), &payment.wallet_id);
    let receipt = NewPayment {
        wallet_id: fee.wallet_id.clone(),
        kind: Kind::ServiceFee,
        status: Status::Success,
        checking_id: format!("service_fee_{}", payment.payment_hash),
        payment_hash: payment.payment_hash.clone(),
        amount_msat: fee.amount_msat,
        fee_msat: Msat::ZERO,
        hold_msat: Msat::ZERO,
        fee_limit_msat: Msat::ZERO,
        memo: format!("Service fee for payment of {sat} sats. Wallet: '{name}' ({id})."),
        bolt11: payment.bolt11.clone(),
        preimage_sealed: None,
        expires_at: payment.expires_at,
        webhook: None,
        tag: None,
        extension: None,
        labels: "[]".to_owned(),
        extra: "{}".to_owned(),
        external_id: None,
        source: payment.source.clone(),
        source_ref: None,
        created_at: at,
        updated_at: at,
        next_check_at: None,
        idempotency: None,
    };
    let booked = create(conn, &receipt).await?;
    rows::insert(conn, [event(&fee.wallet_id, booked, EventKind::PaymentReceived, balance, at)]).await?;
    Ok(booked)
}

fn event(wallet: &WalletId, payment_id: PaymentId, kind: EventKind, balance_msat: Msat, created_at: Time) -> NewEvent {
    NewEvent { wallet_id: wallet.clone(), payment_id, kind, balance_msat, created_at, reported: false }
}

/// Payments whose fee is not where it should be: agreed, while they are in flight; in the house's wallet, once they
/// have succeeded; nowhere, once they have failed. And records of fees that belong to no payment.
pub(super) async fn wrong(conn: &mut Conn) -> Result<Vec<PaymentId>, StoreError> {
    let agreed = service_fees::table.inner_join(payments::table.on(payments::id.eq(service_fees::payment_id)));
    let early = payments::status.eq(Status::Pending).and(service_fees::booked_id.is_not_null());
    let missing = payments::status.eq(Status::Success).and(service_fees::booked_id.is_null());
    let unearned = payments::status.eq(Status::Failed);
    let mut wrong: Vec<PaymentId> =
        agreed.filter(early.or(missing).or(unearned)).select(service_fees::payment_id).load(conn).await?;
    let same = payments::kind
        .eq(Kind::ServiceFee)
        .and(payments::status.eq(Status::Success))
        .and(payments::amount_msat.eq(service_fees::amount_msat))
        .and(payments::wallet_id.eq(service_fees::wallet_id));
    let booked =
        service_fees::table.inner_join(payments::table.on(payments::id.nullable().eq(service_fees::booked_id)));
    let other: Vec<PaymentId> = booked.filter(not(same)).select(service_fees::payment_id).load(conn).await?;
    wrong.extend(other);
    let known = service_fees::table.filter(service_fees::booked_id.eq(payments::id.nullable()));
    let stray: Vec<PaymentId> = payments::table
        .filter(payments::kind.eq(Kind::ServiceFee))
        .filter(not(exists(known)))
        .select(payments::id)
        .load(conn)
        .await?;
    wrong.extend(stray);
    Ok(wrong)
}
