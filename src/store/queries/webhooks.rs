//! Webhooks: endpoints, and what is to be reported to them.
//!
//! The transaction that writes an event marks it where somebody wants to hear of it, and nothing else: money does not
//! wait for its news. From the marks a job writes the reports, wallet by wallet and in order, and takes the marks
//! away in the same transaction, so that each event becomes a report exactly once, whichever server does it.

use diesel::{
    dsl::{exists, not, sql},
    prelude::{
        BoolExpressionMethods, ExpressionMethods, Insertable, JoinOnDsl, NullableExpressionMethods, OptionalExtension,
        QueryDsl, SelectableHelper,
    },
    sql_types::BigInt,
};
use diesel_async::RunQueryDsl;

use super::{Conn, NEWEST_ID};
use crate::{
    domain::{
        Payment, Time, WalletId,
        event::{Event, EventKind},
        webhook::{Attempted, DeliveryState, Endpoint, NewReport, Report},
    },
    store::{
        Refusal, StoreError,
        schema::{outbox, payments, wallets, webhook_deliveries as reports, webhook_endpoints as endpoints},
    },
};

/// Events of a wallet that become reports in one transaction.
const BATCH: i64 = 200;

/// Makes an endpoint, unless the wallet has as many as it may.
pub(in crate::store) async fn create(conn: &mut Conn, endpoint: &Endpoint, most: &i64) -> Result<(), StoreError> {
    lock(conn, &endpoint.wallet_id).await?;
    let own = endpoints::table.filter(endpoints::wallet_id.eq(&endpoint.wallet_id));
    let count: i64 = own.count().get_result(conn).await?;
    if count >= *most {
        return Err(Refusal::Taken("webhooks").into());
    }
    endpoint.insert_into(endpoints::table).execute(conn).await?;
    Ok(())
}

pub(in crate::store) async fn list(conn: &mut Conn, wallet: &WalletId) -> Result<Vec<Endpoint>, StoreError> {
    let own = endpoints::table.filter(endpoints::wallet_id.eq(wallet));
    Ok(own.order((endpoints::created_at, endpoints::id)).select(Endpoint::as_select()).load(conn).await?)
}

pub(in crate::store) async fn find(
    conn: &mut Conn,
    wallet: &WalletId,
    id: &String,
) -> Result<Option<Endpoint>, StoreError> {
    let own = endpoints::table.find(id).filter(endpoints::wallet_id.eq(wallet));
    Ok(own.select(Endpoint::as_select()).first(conn).await.optional()?)
}

/// Writes an endpoint anew, if nobody changed it since it was read.
pub(in crate::store) async fn update(conn: &mut Conn, endpoint: &Endpoint, read: &Time) -> Result<bool, StoreError> {
    let same = endpoints::table.find(&endpoint.id).filter(endpoints::updated_at.eq(*read));
    Ok(diesel::update(same).set(endpoint).execute(conn).await? > 0)
}

/// Deletes an endpoint with all that was or is to be reported to it; false when the wallet has none such.
pub(in crate::store) async fn delete(conn: &mut Conn, wallet: &WalletId, id: &String) -> Result<bool, StoreError> {
    // a report that is being written for it is waited for
    lock(conn, wallet).await?;
    if find(conn, wallet, id).await?.is_none() {
        return Ok(false);
    }
    diesel::delete(reports::table.filter(reports::endpoint_id.eq(id))).execute(conn).await?;
    Ok(diesel::delete(endpoints::table.find(id)).execute(conn).await? > 0)
}

/// Wallets of which something is to be reported.
pub(in crate::store) async fn wallets_to_report(conn: &mut Conn, most: &i64) -> Result<Vec<WalletId>, StoreError> {
    let marked = outbox::table.filter(outbox::to_report).select(outbox::wallet_id).order(outbox::id).limit(*most);
    let mut wallets: Vec<WalletId> = marked.load(conn).await?;
    wallets.sort_unstable();
    wallets.dedup();
    Ok(wallets)
}

/// Writes what is to be reported of a wallet's events. Answers how many events that were.
pub(in crate::store) async fn report(conn: &mut Conn, wallet: &WalletId, at: &Time) -> Result<i64, StoreError> {
    lock(conn, wallet).await?;
    let marked = outbox::table
        .left_join(payments::table.on(payments::id.nullable().eq(outbox::payment_id)))
        .filter(outbox::wallet_id.eq(wallet))
        .filter(outbox::to_report)
        .order(outbox::id)
        .limit(BATCH);
    let marked: Vec<(Event, Option<String>)> =
        marked.select((Event::as_select(), payments::webhook.nullable())).load(conn).await?;
    let receivers = list(conn, wallet).await?;
    for (event, own) in &marked {
        let wanting = receivers.iter().filter(|endpoint| endpoint.wants(event.kind));
        let mut to: Vec<Option<String>> = wanting.map(|endpoint| Some(endpoint.id.clone())).collect();
        if own.is_some() && event.kind == EventKind::PaymentReceived {
            to.push(None);
        }
        for endpoint_id in to {
            let new = NewReport {
                endpoint_id,
                wallet_id: event.wallet_id.clone(),
                payment_id: event.payment_id,
                event_id: event.id,
                kind: event.kind.into(),
                balance_msat: event.balance_msat,
                happened_at: event.created_at,
                state: DeliveryState::Pending,
                attempts: 0,
                next_at: *at,
                created_at: *at,
                updated_at: *at,
                about: event.about.clone(),
            };
            new.insert_into(reports::table).execute(conn).await?;
        }
        let done = outbox::table.find(event.id);
        diesel::update(done).set(outbox::to_report.eq(false)).execute(conn).await?;
    }
    Ok(i64::try_from(marked.len()).unwrap_or(BATCH))
}

/// Writes one more report: a test, or one that is to be tried again.
pub(in crate::store) async fn add(conn: &mut Conn, new: &NewReport) -> Result<i64, StoreError> {
    new.clone().insert_into(reports::table).execute(conn).await?;
    Ok(diesel::select(sql::<BigInt>(NEWEST_ID)).get_result(conn).await?)
}

/// What is to be tried now: to each endpoint only the earliest event that it has not taken yet.
pub(in crate::store) async fn due(
    conn: &mut Conn,
    at: &Time,
    most: &i64,
) -> Result<Vec<(Report, Option<Endpoint>, Option<Payment>)>, StoreError> {
    let earlier = diesel::alias!(reports as earlier);
    let before = earlier
        .filter(earlier.field(reports::endpoint_id).eq(reports::endpoint_id))
        .filter(earlier.field(reports::state).eq(DeliveryState::Pending))
        .filter(earlier.field(reports::event_id).lt(reports::event_id).or(
            earlier.field(reports::event_id).eq(reports::event_id).and(earlier.field(reports::id).lt(reports::id)),
        ));
    let open = reports::table
        .left_join(endpoints::table.on(endpoints::id.nullable().eq(reports::endpoint_id)))
        .left_join(payments::table.on(payments::id.nullable().eq(reports::payment_id)))
        .filter(reports::state.eq(DeliveryState::Pending))
        .filter(reports::next_at.le(*at))
        .filter(reports::leased_until.is_null().or(reports::leased_until.le(*at)))
        .filter(not(exists(before)))
        .order((reports::next_at, reports::id))
        .limit(*most);
    let columns = (Report::as_select(), Option::<Endpoint>::as_select(), Option::<Payment>::as_select());
    Ok(open.select(columns).load(conn).await?)
}

/// Takes a report for an attempt; false when somebody else did.
pub(in crate::store) async fn lease(
    conn: &mut Conn,
    id: &i64,
    attempts: &i64,
    at: &Time,
    until: &Time,
) -> Result<bool, StoreError> {
    let free = reports::table
        .find(id)
        .filter(reports::state.eq(DeliveryState::Pending))
        .filter(reports::attempts.eq(*attempts))
        .filter(reports::leased_until.is_null().or(reports::leased_until.le(*at)));
    Ok(diesel::update(free).set(reports::leased_until.eq(Some(*until))).execute(conn).await? > 0)
}

/// Notes what came of an attempt; a payment that says itself where it is reported to learns of it too.
pub(in crate::store) async fn attempted(conn: &mut Conn, what: &Attempted) -> Result<(), StoreError> {
    let open = reports::table.find(what.id).filter(reports::state.eq(DeliveryState::Pending));
    let noted = diesel::update(open)
        .set((
            reports::state.eq(what.state),
            reports::attempts.eq(what.attempts),
            reports::next_at.eq(what.next_at),
            reports::leased_until.eq(None::<Time>),
            reports::last_status.eq(what.status),
            reports::last_error.eq(&what.error),
            reports::updated_at.eq(what.at),
        ))
        .returning(Report::as_returning());
    let Some(report) = noted.get_result::<Report>(conn).await.optional()? else { return Ok(()) };
    match (&report.endpoint_id, report.payment_id) {
        (None, Some(payment)) => {
            let said = what.status.map_or_else(|| "-1".to_owned(), |status| status.to_string());
            let payment = payments::table.find(payment);
            diesel::update(payment).set(payments::webhook_status.eq(Some(said))).execute(conn).await?;
        }
        (Some(endpoint), _) if what.state == DeliveryState::Pending => {
            // what has to wait for this one need not be looked at before
            let behind = reports::table
                .filter(reports::endpoint_id.eq(endpoint))
                .filter(reports::state.eq(DeliveryState::Pending))
                .filter(reports::next_at.lt(what.next_at));
            diesel::update(behind).set(reports::next_at.eq(what.next_at)).execute(conn).await?;
        }
        (Some(endpoint), _) => {
            let next = reports::table
                .filter(reports::endpoint_id.eq(endpoint))
                .filter(reports::state.eq(DeliveryState::Pending))
                .order((reports::event_id, reports::id))
                .select(reports::id);
            if let Some(next) = next.first::<i64>(conn).await.optional()? {
                diesel::update(reports::table.find(next)).set(reports::next_at.eq(what.at)).execute(conn).await?;
            }
        }
        (None, None) => {}
    }
    Ok(())
}

/// An endpoint's reports, newest first, and how many there are.
pub(in crate::store) async fn page(
    conn: &mut Conn,
    endpoint: &String,
    offset: &i64,
    most: &i64,
) -> Result<(Vec<Report>, i64), StoreError> {
    let own = || reports::table.filter(reports::endpoint_id.eq(endpoint));
    let count = own().count().get_result(conn).await?;
    let page = own().order(reports::id.desc()).offset(*offset).limit(*most);
    Ok((page.select(Report::as_select()).load(conn).await?, count))
}

pub(in crate::store) async fn report_find(
    conn: &mut Conn,
    endpoint: &String,
    id: &i64,
) -> Result<Option<Report>, StoreError> {
    let own = reports::table.find(id).filter(reports::endpoint_id.eq(endpoint));
    Ok(own.select(Report::as_select()).first(conn).await.optional()?)
}

/// Forgets what was over before this.
pub(in crate::store) async fn forget(conn: &mut Conn, before: &Time) -> Result<(), StoreError> {
    let old = reports::table.filter(reports::state.ne(DeliveryState::Pending)).filter(reports::updated_at.lt(*before));
    diesel::delete(old).execute(conn).await?;
    Ok(())
}

/// Whoever changes the wallet, or reports of it, waits.
pub(super) async fn lock(conn: &mut Conn, wallet: &WalletId) -> Result<(), StoreError> {
    let wallet = wallets::table.find(wallet);
    diesel::update(wallet).set(wallets::updated_at.eq(wallets::updated_at)).execute(conn).await?;
    Ok(())
}
