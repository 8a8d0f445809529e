//! Web push: browsers, and what they are to be told.
//!
//! Money does not wait for its news, and where nobody wants any, nothing is written for it: a job reads the outbox from
//! where it was (the counter `push`) and writes down who is to be told of what, in the transaction that moves the counter.

use diesel::prelude::{
    BoolExpressionMethods, ExpressionMethods, Insertable, JoinOnDsl, OptionalExtension, QueryDsl, SelectableHelper,
};
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::{
    domain::{
        AccountId, Payment, Time, Wallet,
        event::{Event, EventKind},
        push::{Push, Subscription},
    },
    store::{
        Refusal, StoreError,
        schema::{
            accounts, counters, outbox, payments, push_messages as messages, push_subscriptions as subscriptions,
            wallets,
        },
    },
};

const CURSOR: &str = "push";
/// Events that are looked at in one transaction.
const BATCH: i64 = 2000;
/// A number that is missing in the outbox belongs to a transaction that is still open, or to one that was rolled back;
/// after so many seconds it is the latter.
const HOLE_SECONDS: i64 = 10;

/// Writes a subscription, or anew the one that the account has of this browser.
pub(in crate::store) async fn subscribe(conn: &mut Conn, new: &Subscription, most: &i64) -> Result<(), StoreError> {
    // two at once wait for each other here
    let cursor = place(conn).await?;
    let everybodys: i64 = subscriptions::table.count().get_result(conn).await?;
    if everybodys == 0 {
        // nobody was told since the last one left, and what happened then is no news
        let last: Option<i64> = outbox::table.select(diesel::dsl::max(outbox::id)).first(conn).await?;
        move_to(conn, cursor.max(last.unwrap_or(0))).await?;
    }
    let same = subscriptions::table.find((&new.endpoint, &new.account_id));
    diesel::delete(same).execute(conn).await?;
    let own = subscriptions::table.filter(subscriptions::account_id.eq(&new.account_id));
    let count: i64 = own.count().get_result(conn).await?;
    if count >= *most {
        return Err(Refusal::Taken("subscriptions").into());
    }
    new.insert_into(subscriptions::table).execute(conn).await?;
    Ok(())
}

/// Forgets a subscription with all that it was to be told; answers how many there were.
pub(in crate::store) async fn unsubscribe(
    conn: &mut Conn,
    endpoint: &String,
    account: &AccountId,
) -> Result<i64, StoreError> {
    let its = messages::table.filter(messages::endpoint.eq(endpoint)).filter(messages::account_id.eq(account));
    diesel::delete(its).execute(conn).await?;
    let gone = diesel::delete(subscriptions::table.find((endpoint, account))).execute(conn).await?;
    Ok(i64::try_from(gone).unwrap_or(i64::MAX))
}

/// Does anybody want to be told?
pub(in crate::store) async fn any(conn: &mut Conn) -> Result<bool, StoreError> {
    let one = subscriptions::table.select(subscriptions::created_at).limit(1);
    Ok(one.first::<Time>(conn).await.optional()?.is_some())
}

/// Writes down who is to be told of what happened since the last time, unless it is older than `since`, and forgets what
/// is. Answers whether there may be more.
pub(in crate::store) async fn plan(conn: &mut Conn, now: &Time, since: &Time) -> Result<bool, StoreError> {
    let cursor = place(conn).await?;
    let after = outbox::table.filter(outbox::id.gt(cursor)).order(outbox::id).limit(BATCH);
    let events: Vec<(i64, Time)> = after.select((outbox::id, outbox::created_at)).load(conn).await?;
    let mut reached = cursor;
    for (id, at) in &events {
        let is_next = *id == reached.saturating_add(1);
        if !is_next && at.plus_seconds(HOLE_SECONDS) > *now {
            break;
        }
        reached = *id;
    }
    if reached > cursor {
        address(conn, cursor, reached, *since).await?;
        move_to(conn, reached).await?;
    }
    diesel::delete(messages::table.filter(messages::created_at.lt(*since))).execute(conn).await?;
    Ok(i64::try_from(events.len()).is_ok_and(|read| read == BATCH) && reached > cursor)
}

/// Of these events, one message for each browser that wants to hear of it. Most events concern nobody who does: they
/// are not even read.
async fn address(conn: &mut Conn, after: i64, reached: i64, since: Time) -> Result<(), StoreError> {
    let heard = outbox::table
        .inner_join(wallets::table.on(wallets::id.eq(outbox::wallet_id)))
        .inner_join(subscriptions::table.on(subscriptions::account_id.eq(wallets::account_id)))
        .filter(outbox::id.gt(after))
        .filter(outbox::id.le(reached))
        .filter(outbox::created_at.ge(since))
        .filter(outbox::kind.eq_any([EventKind::PaymentReceived, EventKind::PaymentSent]))
        .filter(subscriptions::created_at.le(outbox::created_at))
        .order((outbox::id, subscriptions::endpoint))
        .select((Event::as_select(), subscriptions::endpoint, subscriptions::account_id));
    let heard: Vec<(Event, String, AccountId)> = heard.load(conn).await?;
    for (event, endpoint, account) in heard {
        let Some(payment) = event.payment_id else { continue };
        let message = (
            messages::event_id.eq(event.id),
            messages::endpoint.eq(endpoint),
            messages::account_id.eq(account),
            messages::payment_id.eq(payment),
            messages::kind.eq(event.kind),
            messages::open.eq(true),
            messages::attempts.eq(0),
            messages::next_at.eq(event.created_at),
            messages::created_at.eq(event.created_at),
        );
        message.insert_into(messages::table).on_conflict_do_nothing().execute(conn).await?;
    }
    Ok(())
}

/// What is to be sent now, of accounts that are open.
pub(in crate::store) async fn due(
    conn: &mut Conn,
    now: &Time,
    most: &i64,
) -> Result<Vec<(Push, Subscription, Payment, Wallet)>, StoreError> {
    let open =
        messages::table
            .inner_join(subscriptions::table.on(
                subscriptions::endpoint.eq(messages::endpoint).and(subscriptions::account_id.eq(messages::account_id)),
            ))
            .inner_join(payments::table.on(payments::id.eq(messages::payment_id)))
            .inner_join(wallets::table.on(wallets::id.eq(payments::wallet_id)))
            .inner_join(accounts::table.on(accounts::id.eq(messages::account_id)))
            .filter(messages::open.eq(true))
            .filter(messages::next_at.le(*now))
            .filter(messages::leased_until.is_null().or(messages::leased_until.le(*now)))
            .filter(accounts::activated.eq(true))
            .order((messages::next_at, messages::id))
            .limit(*most);
    let columns = (Push::as_select(), Subscription::as_select(), Payment::as_select(), Wallet::as_select());
    Ok(open.select(columns).load(conn).await?)
}

/// Takes a message for an attempt; false when somebody else did.
pub(in crate::store) async fn lease(
    conn: &mut Conn,
    id: &i64,
    attempts: &i64,
    now: &Time,
    until: &Time,
) -> Result<bool, StoreError> {
    let free = messages::table
        .find(id)
        .filter(messages::open.eq(true))
        .filter(messages::attempts.eq(*attempts))
        .filter(messages::leased_until.is_null().or(messages::leased_until.le(*now)));
    Ok(diesel::update(free).set(messages::leased_until.eq(Some(*until))).execute(conn).await? > 0)
}

/// Notes an attempt: it is sent, or given up, or tried again at a moment.
pub(in crate::store) async fn attempted(conn: &mut Conn, id: &i64, again: &Option<Time>) -> Result<(), StoreError> {
    let set = (
        messages::open.eq(again.is_some()),
        messages::attempts.eq(messages::attempts + 1),
        messages::leased_until.eq(None::<Time>),
    );
    diesel::update(messages::table.find(id)).set(set).execute(conn).await?;
    if let Some(at) = again {
        diesel::update(messages::table.find(id)).set(messages::next_at.eq(*at)).execute(conn).await?;
    }
    Ok(())
}

/// Forgets what an account that ends has of this.
pub(super) async fn forget_account(conn: &mut Conn, account: &AccountId) -> Result<(), StoreError> {
    diesel::delete(messages::table.filter(messages::account_id.eq(account))).execute(conn).await?;
    diesel::delete(subscriptions::table.filter(subscriptions::account_id.eq(account))).execute(conn).await?;
    Ok(())
}

/// Up to which event everybody who wants to be told is written down. Whoever reads it waits for all who did before.
async fn place(conn: &mut Conn) -> Result<i64, StoreError> {
    let start = (counters::name.eq(CURSOR), counters::value.eq(0));
    start.insert_into(counters::table).on_conflict_do_nothing().execute(conn).await?;
    let held = diesel::update(counters::table.find(CURSOR)).set(counters::value.eq(counters::value));
    Ok(held.returning(counters::value).get_result(conn).await?)
}

async fn move_to(conn: &mut Conn, event: i64) -> Result<(), StoreError> {
    diesel::update(counters::table.find(CURSOR)).set(counters::value.eq(event)).execute(conn).await?;
    Ok(())
}
