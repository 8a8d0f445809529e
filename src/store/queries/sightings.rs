//! From where keys are used.

use diesel::prelude::{ExpressionMethods, Insertable, JoinOnDsl, OptionalExtension, QueryDsl};
use diesel_async::RunQueryDsl;

use super::{Conn, webhooks};
use crate::{
    domain::{
        Msat, WalletId,
        event::EventKind,
        sighting::{KeyAddress, Sighting},
    },
    store::{
        StoreError,
        schema::{key_addresses, outbox, wallets, webhook_endpoints as endpoints},
    },
};

/// Places that are remembered of one key; the one that was left longest ago is forgotten first.
const KEPT: i64 = 200;

/// Notes from where keys are used, and says so where nobody used the key before, unless it is the first place at all.
pub(in crate::store) async fn note(conn: &mut Conn, seen: &[Sighting]) -> Result<(), StoreError> {
    for sighting in seen {
        if is_news(conn, &sighting.place).await? {
            tell(conn, sighting).await?;
        }
    }
    Ok(())
}

async fn is_news(conn: &mut Conn, place: &KeyAddress) -> Result<bool, StoreError> {
    let known = key_addresses::table.find((&place.key, &place.address));
    if diesel::update(known).set(key_addresses::seen_at.eq(place.seen_at)).execute(conn).await? > 0 {
        return Ok(false);
    }
    let of_key = || key_addresses::table.filter(key_addresses::key.eq(&place.key));
    let others: i64 = of_key().count().get_result(conn).await?;
    // another server may have seen the same: it tells
    let new = place.clone().insert_into(key_addresses::table).on_conflict_do_nothing().execute(conn).await? > 0;
    if others >= KEPT {
        let oldest = of_key().order(key_addresses::seen_at).select(key_addresses::address);
        let oldest: String = oldest.first(conn).await?;
        diesel::delete(key_addresses::table.find((&place.key, oldest))).execute(conn).await?;
    }
    Ok(new && others > 0)
}

/// Writes it down for the endpoints of the key's owner that want to hear of it.
async fn tell(conn: &mut Conn, sighting: &Sighting) -> Result<(), StoreError> {
    let listening = endpoints::table
        .inner_join(wallets::table.on(wallets::id.eq(endpoints::wallet_id)))
        .filter(wallets::account_id.eq(&sighting.account))
        .select(wallets::id)
        .distinct()
        .order(wallets::id);
    let listening: Vec<WalletId> = listening.load(conn).await?;
    for wallet in listening.into_iter().filter(|wallet| sighting.wallet.as_ref().is_none_or(|only| only == wallet)) {
        // events of a wallet get their positions in turn
        webhooks::lock(conn, &wallet).await?;
        let kind = EventKind::KeyNewAddress;
        if !webhooks::list(conn, &wallet).await?.iter().any(|endpoint| endpoint.wants(kind)) {
            continue;
        }
        let balance = wallets::table.find(&wallet).select(wallets::balance_msat);
        let Some(balance) = balance.first::<Msat>(conn).await.optional()? else { continue };
        let event = (
            outbox::wallet_id.eq(&wallet),
            outbox::kind.eq(kind),
            outbox::balance_msat.eq(balance),
            outbox::created_at.eq(sighting.place.seen_at),
            outbox::to_report.eq(true),
            outbox::about.eq(&sighting.about),
        );
        event.insert_into(outbox::table).execute(conn).await?;
    }
    Ok(())
}
