//! The audit log: lines are added at the end of one chain, and forgotten from its front.
//!
//! Whoever adds lines first takes the row of the chain's ends, by changing it: that makes writers on all servers
//! follow one another.

use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::RunQueryDsl;

use super::{
    Conn,
    listing::{Matches, order},
};
use crate::{
    domain::{
        Time,
        audit::{AuditLine, ChainKey, Ends, Verdict, Walk},
        filter::Listing,
    },
    store::{
        StoreError,
        schema::{audit, audit_chain},
        types::AuditTotals,
    },
};

/// Lines that are read at once when all are.
const READ_MAX: i64 = 2000;
/// Most lines that one round forgets.
const FORGET_MAX: i64 = 5000;
/// The slowest paths that are told.
const SLOWEST: i64 = 5;

/// The row of the ends, which nobody else changes until this transaction is over.
async fn take_ends(conn: &mut Conn, key: &ChainKey) -> Result<Ends, StoreError> {
    let lock = || diesel::update(audit_chain::table.find(1)).set(audit_chain::last.eq(audit_chain::last));
    if lock().execute(conn).await? == 0 {
        // the first line of all; or somebody took the row away, and then the lines that follow do not fit the old ones
        let last: Option<i64> = audit::table.select(diesel::dsl::max(audit::id)).first(conn).await?;
        let ends = key.sealed(Ends { last: last.unwrap_or(0), ..key.no_lines() });
        diesel::insert_into(audit_chain::table).values(&ends).on_conflict_do_nothing().execute(conn).await?;
        lock().execute(conn).await?;
    }
    Ok(audit_chain::table.find(1).select(Ends::as_select()).first(conn).await?)
}

/// Adds lines in this order. Their numbers and hashes are given here.
pub(in crate::store) async fn append(
    conn: &mut Conn,
    lines: &Vec<AuditLine>,
    key: &ChainKey,
) -> Result<(), StoreError> {
    let mut ends = take_ends(conn, key).await?;
    if !key.wrote(&ends) {
        // somebody altered the ends. To build on them would hide that: the next line follows nothing
        ends.last_hash = vec![0; 32];
        let newest: Option<i64> = audit::table.select(diesel::dsl::max(audit::id)).first(conn).await?;
        ends.last = ends.last.max(newest.unwrap_or(0));
    }
    for line in lines {
        let mut line = AuditLine { id: ends.last.saturating_add(1), ..line.clone() };
        line.hash = key.link(&ends.last_hash, &line);
        diesel::insert_into(audit::table).values(&line).execute(conn).await?;
        (ends.last, ends.last_hash) = (line.id, line.hash);
    }
    put_ends(conn, key.sealed(ends)).await
}

async fn put_ends(conn: &mut Conn, ends: Ends) -> Result<(), StoreError> {
    diesel::update(audit_chain::table.find(1)).set(&ends).execute(conn).await?;
    Ok(())
}

/// Forgets the lines at the front whose time is over; answers how many. The hash of the last of them stays, so that
/// the chain goes on from there. Nothing is forgotten of a chain whose ends were altered.
pub(in crate::store) async fn forget(conn: &mut Conn, now: &Time, key: &ChainKey) -> Result<i64, StoreError> {
    let none: Option<i64> =
        audit::table.filter(audit::delete_at.le(now)).select(audit::id).first(conn).await.optional()?;
    if none.is_none() {
        return Ok(0);
    }
    let ends = take_ends(conn, key).await?;
    if !key.wrote(&ends) {
        return Ok(0);
    }
    let upto = ends.first.saturating_add(FORGET_MAX);
    let live = audit::table.filter(audit::id.le(upto)).filter(audit::delete_at.gt(now)).order(audit::id);
    let live: Option<i64> = live.select(audit::id).first(conn).await.optional()?;
    let over = audit::table.filter(audit::id.le(live.map_or(upto, |live| live - 1))).order(audit::id.desc());
    let over: Option<(i64, Vec<u8>)> = over.select((audit::id, audit::hash)).first(conn).await.optional()?;
    let Some((first, first_hash)) = over else { return Ok(0) };
    let gone = diesel::delete(audit::table.filter(audit::id.le(first))).execute(conn).await?;
    put_ends(conn, key.sealed(Ends { first, first_hash, ..ends })).await?;
    Ok(i64::try_from(gone).unwrap_or(i64::MAX))
}

/// Walks along the whole chain.
pub(in crate::store) async fn verify(conn: &mut Conn, key: &ChainKey) -> Result<Verdict, StoreError> {
    let ends = audit_chain::table.find(1).select(Ends::as_select()).first(conn).await.optional()?;
    let mut walk = Walk::new(key.clone(), ends);
    let mut after = i64::MIN;
    loop {
        let lines = audit::table.filter(audit::id.gt(after)).order(audit::id).limit(READ_MAX);
        let lines: Vec<AuditLine> = lines.select(AuditLine::as_select()).load(conn).await?;
        let Some(last) = lines.last() else { return Ok(walk.finish()) };
        after = last.id;
        for line in &lines {
            walk.step(line);
        }
    }
}

pub(in crate::store) async fn page(conn: &mut Conn, listing: &Listing) -> Result<(Vec<AuditLine>, i64), StoreError> {
    let count = audit::table.filter(Matches(listing)).count().get_result(conn).await?;
    let page = audit::table.filter(Matches(listing)).order(order(listing, "audit.id DESC"));
    let page = page.select(AuditLine::as_select()).limit(listing.limit).offset(listing.offset);
    Ok((page.load(conn).await?, count))
}

pub(in crate::store) async fn totals(conn: &mut Conn, listing: &Listing) -> Result<AuditTotals, StoreError> {
    use diesel::dsl::{count_star, max};
    let lines = || audit::table.filter(Matches(listing));
    let methods = lines().group_by(audit::request_method).select((audit::request_method, count_star()));
    let codes = lines().group_by(audit::response_code).select((audit::response_code, count_star()));
    let components = lines().group_by(audit::component).select((audit::component, count_star()));
    let slowest = lines().group_by(audit::path).select((audit::path, max(audit::duration_us)));
    let slowest = slowest.order(max(audit::duration_us).desc()).limit(SLOWEST);
    Ok(AuditTotals {
        methods: methods.order(count_star().desc()).load(conn).await?,
        codes: codes.order(count_star().desc()).load(conn).await?,
        components: components.order(count_star().desc()).load(conn).await?,
        slowest: slowest.load(conn).await?,
    })
}
