//! LNURL links of wallets, and the invoices that were handed in at them.

use diesel::prelude::{
    BoolExpressionMethods, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, SelectableHelper,
};
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::{
    domain::{
        PaymentHash, Time, WalletId,
        link::{Claim, Link},
    },
    store::{
        Refusal, StoreError,
        schema::{link_claims as claims, links, wallets},
    },
};

/// Writes a link, unless the wallet has as many as it may.
pub(in crate::store) async fn create(conn: &mut Conn, link: &Link, most: &i64) -> Result<(), StoreError> {
    // two at once wait for each other here
    let wallet = wallets::table.find(&link.wallet_id);
    diesel::update(wallet).set(wallets::updated_at.eq(wallets::updated_at)).execute(conn).await?;
    let count: i64 = links::table.filter(links::wallet_id.eq(&link.wallet_id)).count().get_result(conn).await?;
    if count >= *most {
        return Err(Refusal::Taken("links").into());
    }
    link.insert_into(links::table).execute(conn).await?;
    Ok(())
}

pub(in crate::store) async fn list(conn: &mut Conn, wallet: &WalletId) -> Result<Vec<Link>, StoreError> {
    let own = links::table.filter(links::wallet_id.eq(wallet));
    Ok(own.order((links::created_at, links::id)).select(Link::as_select()).load(conn).await?)
}

pub(in crate::store) async fn find(conn: &mut Conn, id: &String) -> Result<Option<Link>, StoreError> {
    Ok(links::table.find(id).select(Link::as_select()).first(conn).await.optional()?)
}

/// Writes what its owner may change, if nobody changed it since it was read; how often it was used is not his.
pub(in crate::store) async fn update(conn: &mut Conn, link: &Link, read: &Time) -> Result<bool, StoreError> {
    let same = links::table.find(&link.id).filter(links::updated_at.eq(*read)).filter(links::used.le(link.uses));
    let changed = diesel::update(same)
        .set((
            links::title.eq(&link.title),
            links::min_msat.eq(link.min_msat),
            links::max_msat.eq(link.max_msat),
            links::comment_max.eq(link.comment_max),
            links::success_message.eq(&link.success_message),
            links::success_url.eq(&link.success_url),
            links::webhook.eq(&link.webhook),
            links::uses.eq(link.uses),
            links::pause_seconds.eq(link.pause_seconds),
            links::open_until.eq(link.open_until),
            links::enabled.eq(link.enabled),
            links::updated_at.eq(link.updated_at),
            links::min_milli.eq(link.min_milli),
            links::max_milli.eq(link.max_milli),
            links::payer_data.eq(&link.payer_data),
            links::description.eq(&link.description),
            links::secret_sealed.eq(&link.secret_sealed),
        ))
        .execute(conn)
        .await?;
    Ok(changed == 1)
}

pub(in crate::store) async fn delete(conn: &mut Conn, wallet: &WalletId, id: &String) -> Result<bool, StoreError> {
    let own = links::table.find(id).filter(links::wallet_id.eq(wallet));
    Ok(diesel::delete(own).execute(conn).await? == 1)
}

/// Takes a use and writes down for which invoice; false when the link was used, or is not to be used, since it was read.
pub(in crate::store) async fn claim(conn: &mut Conn, claim: &Claim, seen: &Link) -> Result<bool, StoreError> {
    let at = claim.created_at;
    let rested = at.plus_seconds(seen.pause_seconds.saturating_neg());
    let usable = links::table
        .find(&claim.link_id)
        .filter(links::enabled.eq(true))
        .filter(links::updated_at.eq(seen.updated_at))
        .filter(links::used.eq(seen.used))
        .filter(links::used.lt(links::uses))
        .filter(links::open_until.is_null().or(links::open_until.gt(at)))
        .filter(links::last_used_at.is_null().or(links::last_used_at.le(rested)));
    let set = (links::used.eq(links::used + 1), links::last_used_at.eq(Some(at)));
    if diesel::update(usable).set(set).execute(conn).await? == 0 {
        return Ok(false);
    }
    if claim.insert_into(claims::table).on_conflict_do_nothing().execute(conn).await? == 0 {
        return Err(Refusal::Taken("invoice").into());
    }
    Ok(true)
}

/// Takes up claims whose turn it is. Of two servers one gets each of them: it is taken by a statement that matches only
/// the turn that was read.
pub(in crate::store) async fn take_due(
    conn: &mut Conn,
    now: &Time,
    lease: &Time,
    most: &i64,
) -> Result<Vec<Claim>, StoreError> {
    let due = claims::table.filter(claims::open.eq(true)).filter(claims::check_at.le(*now)).order(claims::check_at);
    let due: Vec<Claim> = due.limit(*most).select(Claim::as_select()).load(conn).await?;
    let mut taken = Vec::with_capacity(due.len());
    for claim in due {
        let same = claims::table
            .find(&claim.payment_hash)
            .filter(claims::open.eq(true))
            .filter(claims::check_at.eq(claim.check_at));
        let set = (claims::check_at.eq(*lease), claims::checks.eq(claims::checks + 1));
        if diesel::update(same).set(set).execute(conn).await? == 1 {
            taken.push(claim);
        }
    }
    Ok(taken)
}

pub(in crate::store) async fn check_again(conn: &mut Conn, hash: &PaymentHash, at: &Time) -> Result<(), StoreError> {
    let open = claims::table.find(hash).filter(claims::open.eq(true));
    diesel::update(open).set(claims::check_at.eq(*at)).execute(conn).await?;
    Ok(())
}

/// The payment has ended: it was paid, or failed and the link gets its use back. Once.
pub(in crate::store) async fn end_claim(conn: &mut Conn, hash: &PaymentHash, paid: &bool) -> Result<(), StoreError> {
    let open = claims::table.find(hash).filter(claims::open.eq(true));
    let ended = diesel::update(open)
        .set(claims::open.eq(false))
        .returning(claims::link_id)
        .get_result::<String>(conn)
        .await
        .optional()?;
    if let (Some(link), false) = (ended, paid) {
        let used = links::table.find(link).filter(links::used.gt(0));
        diesel::update(used).set(links::used.eq(links::used - 1)).execute(conn).await?;
    }
    Ok(())
}
