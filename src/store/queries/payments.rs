//! Payments: writing open invoices, finding and listing, and who is asked about next.

use diesel::{
    dsl::sql,
    prelude::{ExpressionMethods, Insertable, OptionalExtension, QueryDsl, SelectableHelper},
    sql_types::{BigInt, Bool},
};
use diesel_async::RunQueryDsl;

use super::{
    Conn, NEWEST_ID,
    kept::kept,
    listing::{Matches, OnPage, Within, order},
    places::{HasHash, IsInvoice, IsLiveAttempt},
};
use crate::{
    domain::{
        Kind, Payment, PaymentHash, PaymentId, Status, Time,
        filter::Listing,
        payment::{NewPayment, Scope},
    },
    store::{Refusal, StoreError, schema::payments},
};

/// Newest first; two of the same moment in the order of writing.
const NEWEST_FIRST: &str = "payments.created_at DESC, payments.id DESC";

pub(in crate::store) async fn create(conn: &mut Conn, payment: &NewPayment) -> Result<PaymentId, StoreError> {
    write(conn, payment).await?.ok_or_else(|| Refusal::Taken("payment hash").into())
}

/// Writes a payment; `None` when its place is taken. Asking for its number is cheaper than `RETURNING`,
/// for which SQLite builds a table each time.
pub(super) async fn write(conn: &mut Conn, payment: &NewPayment) -> Result<Option<PaymentId>, StoreError> {
    let insert = payment.insert_into(payments::table).on_conflict_do_nothing();
    if kept!(insert).execute(conn).await? == 0 {
        return Ok(None);
    }
    Ok(Some(kept!(diesel::select(sql::<BigInt>(NEWEST_ID))).get_result(conn).await?))
}

pub(in crate::store) async fn find(conn: &mut Conn, id: &PaymentId) -> Result<Option<Payment>, StoreError> {
    Ok(kept!(payments::table.find(id).select(Payment::as_select())).get_result(conn).await.optional()?)
}

pub(in crate::store) async fn by_name(conn: &mut Conn, name: &String) -> Result<Vec<Payment>, StoreError> {
    // every checking id ends in the payment hash, so that one index serves both names
    let hash = name.rsplit('_').next().unwrap_or(name);
    let query = payments::table.filter(HasHash(hash)).order(payments::id.desc());
    let mut found: Vec<Payment> = query.select(Payment::as_select()).limit(100).load(conn).await?;
    if hash.len() != name.len() {
        found.retain(|payment| payment.checking_id == *name);
    }
    Ok(found)
}

pub(in crate::store) async fn invoice_by_hash(
    conn: &mut Conn,
    hash: &PaymentHash,
) -> Result<Option<Payment>, StoreError> {
    let query = payments::table.filter(payments::payment_hash.eq(hash)).filter(IsInvoice);
    Ok(kept!(query.select(Payment::as_select())).get_result(conn).await.optional()?)
}

pub(in crate::store) async fn attempt_by_hash(
    conn: &mut Conn,
    hash: &PaymentHash,
) -> Result<Option<Payment>, StoreError> {
    let query = payments::table.filter(payments::payment_hash.eq(hash)).filter(IsLiveAttempt);
    Ok(kept!(query.select(Payment::as_select())).get_result(conn).await.optional()?)
}

pub(in crate::store) async fn list(
    conn: &mut Conn,
    scope: &Scope,
    listing: &Listing,
) -> Result<Vec<Payment>, StoreError> {
    let order = order(listing, NEWEST_FIRST);
    let page = OnPage { within: Within(scope), matches: Matches(listing), order: &order };
    Ok(payments::table.filter(page).select(Payment::as_select()).order(order.clone()).load(conn).await?)
}

/// The whole server's in the order of writing, else by time: each has an index that finds the place at once.
pub(in crate::store) async fn after(
    conn: &mut Conn,
    scope: &Scope,
    listing: &Listing,
    (time, id): &(Time, PaymentId),
    most: &i64,
) -> Result<Vec<Payment>, StoreError> {
    let matching = payments::table.filter(Within(scope)).filter(Matches(listing)).select(Payment::as_select());
    if *scope == Scope::All {
        let later = matching.filter(payments::id.gt(*id)).order(payments::id);
        return Ok(later.limit(*most).load(conn).await?);
    }
    let later = sql::<Bool>("(payments.created_at, payments.id) > (")
        .bind::<BigInt, _>(*time)
        .sql(", ")
        .bind::<BigInt, _>(*id)
        .sql(")");
    let later = matching.filter(later).order((payments::created_at, payments::id));
    Ok(later.limit(*most).load(conn).await?)
}

pub(in crate::store) async fn count(conn: &mut Conn, scope: &Scope, listing: &Listing) -> Result<i64, StoreError> {
    let query = payments::table.filter(Within(scope)).filter(Matches(listing));
    Ok(query.count().get_result(conn).await?)
}

pub(in crate::store) async fn count_since(
    conn: &mut Conn,
    scope: &Scope,
    after: &Time,
    until: &Time,
) -> Result<(i64, i64), StoreError> {
    let later = payments::table.filter(Within(scope)).filter(payments::created_at.gt(*until));
    let live = later.count().get_result(conn).await?;
    if after == until {
        return Ok((0, live));
    }
    let between = payments::table
        .filter(Within(scope))
        .filter(payments::created_at.gt(*after))
        .filter(payments::created_at.le(*until));
    Ok((between.count().get_result(conn).await?, live))
}

pub(in crate::store) async fn set_labels(
    conn: &mut Conn,
    id: &PaymentId,
    labels: &String,
    at: &Time,
) -> Result<(), StoreError> {
    diesel::update(payments::table.find(id))
        .set((payments::labels.eq(labels), payments::updated_at.eq(*at)))
        .execute(conn)
        .await?;
    Ok(())
}

/// False when somebody else changed the extra since it was read.
pub(in crate::store) async fn add_extra(
    conn: &mut Conn,
    id: &PaymentId,
    extra: &String,
    was: &String,
    at: &Time,
) -> Result<bool, StoreError> {
    let updated = diesel::update(payments::table.find(id).filter(payments::extra.eq(was)))
        .set((payments::extra.eq(extra), payments::updated_at.eq(*at)))
        .execute(conn)
        .await?;
    Ok(updated == 1)
}

/// Two servers on one database never take the same payment: each row is claimed by a statement that
/// matches only the turn that was read.
pub(in crate::store) async fn take_due(
    conn: &mut Conn,
    now: &Time,
    lease: &Time,
    most: &i64,
) -> Result<Vec<Payment>, StoreError> {
    let query = payments::table.filter(payments::next_check_at.is_not_null()).filter(payments::next_check_at.le(*now));
    let due: Vec<Payment> = query
        .select(Payment::as_select())
        .order((payments::next_check_at, payments::id))
        .limit(*most)
        .load(conn)
        .await?;
    let mut taken = Vec::with_capacity(due.len());
    for payment in due {
        let claim = payments::table.find(payment.id).filter(payments::next_check_at.eq(payment.next_check_at));
        let claimed = diesel::update(claim)
            .set((payments::next_check_at.eq(Some(*lease)), payments::checks.eq(payments::checks + 1)))
            .execute(conn)
            .await?;
        if claimed == 1 {
            taken.push(payment);
        }
    }
    Ok(taken)
}

pub(in crate::store) async fn in_flight(conn: &mut Conn, most: &i64) -> Result<Vec<Payment>, StoreError> {
    let query = payments::table
        .filter(payments::next_check_at.is_not_null())
        .filter(payments::kind.eq(Kind::External))
        .filter(payments::status.eq(Status::Pending));
    Ok(query.select(Payment::as_select()).order(payments::id).limit(*most).load(conn).await?)
}

pub(in crate::store) async fn check_again(
    conn: &mut Conn,
    id: &PaymentId,
    at: &Option<Time>,
) -> Result<(), StoreError> {
    let open = payments::table.find(id).filter(payments::status.eq(Status::Pending));
    kept!(diesel::update(open).set(payments::next_check_at.eq(*at))).execute(conn).await?;
    Ok(())
}

pub(in crate::store) async fn set_source_ref(
    conn: &mut Conn,
    id: &PaymentId,
    source_ref: &String,
) -> Result<(), StoreError> {
    diesel::update(payments::table.find(id)).set(payments::source_ref.eq(Some(source_ref))).execute(conn).await?;
    Ok(())
}
