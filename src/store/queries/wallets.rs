//! Wallets: their names, keys and owners. Their balances move in `ledger.rs` only.

use diesel::prelude::{ExpressionMethods, Insertable, JoinOnDsl, OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::RunQueryDsl;

use super::{
    Conn, Db,
    accounts::credentials_changed,
    listing::{Matches, order},
};
use crate::{
    domain::{Account, AccountId, Msat, Time, Wallet, WalletId, filter::Listing, wallet::WalletPatch},
    store::{
        Refusal, StoreError,
        schema::{accounts, wallets},
    },
};

pub(in crate::store) async fn create(conn: &mut Conn, wallet: &Wallet) -> Result<(), StoreError> {
    wallet.insert_into(wallets::table).execute(conn).await?;
    Ok(())
}

pub(in crate::store) async fn find(conn: &mut Conn, id: &WalletId) -> Result<Option<Wallet>, StoreError> {
    Ok(wallets::table.find(id).select(Wallet::as_select()).first(conn).await.optional()?)
}

pub(in crate::store) async fn by_key(conn: &mut Conn, hash: &Vec<u8>) -> Result<Option<(Wallet, Account)>, StoreError> {
    let with_owner = wallets::table.inner_join(accounts::table.on(accounts::id.eq(wallets::account_id)));
    let columns = (Wallet::as_select(), Account::as_select());
    let by_admin_key = with_owner.filter(wallets::admin_key_hash.eq(hash)).select(columns);
    if let Some(found) = by_admin_key.first(conn).await.optional()? {
        return Ok(Some(found));
    }
    Ok(with_owner.filter(wallets::invoice_key_hash.eq(hash)).select(columns).first(conn).await.optional()?)
}

pub(in crate::store) async fn by_address(conn: &mut Conn, name: &String) -> Result<Option<Wallet>, StoreError> {
    let living = wallets::table.filter(wallets::lightning_address.eq(name)).filter(wallets::deleted.eq(false));
    Ok(living.select(Wallet::as_select()).first(conn).await.optional()?)
}

pub(in crate::store) async fn list(
    conn: &mut Conn,
    account: &AccountId,
    deleted: &bool,
) -> Result<Vec<Wallet>, StoreError> {
    let mut query =
        wallets::table.filter(wallets::account_id.eq(account)).select(Wallet::as_select()).into_boxed::<Db>();
    if !deleted {
        query = query.filter(wallets::deleted.eq(false));
    }
    Ok(query.order((wallets::created_at, wallets::id)).load(conn).await?)
}

pub(in crate::store) async fn page(
    conn: &mut Conn,
    account: &AccountId,
    listing: &Listing,
) -> Result<(Vec<Wallet>, i64), StoreError> {
    let own = || {
        wallets::table
            .filter(wallets::account_id.eq(account))
            .filter(wallets::deleted.eq(false))
            .filter(Matches(listing))
    };
    let count = own().count().get_result(conn).await?;
    let page = own().select(Wallet::as_select()).order(order(listing, "wallets.created_at, wallets.id"));
    Ok((page.limit(listing.limit).offset(listing.offset).load(conn).await?, count))
}

pub(in crate::store) async fn patch(
    conn: &mut Conn,
    id: &WalletId,
    patch: &WalletPatch,
    at: &Time,
) -> Result<Wallet, StoreError> {
    // a write first, so that nobody changes another field between reading the row and writing it back
    let wallet = diesel::update(wallets::table.find(id).filter(wallets::deleted.eq(false)))
        .set(wallets::updated_at.eq(*at))
        .returning(Wallet::as_returning())
        .get_result::<Wallet>(conn)
        .await
        .optional()?
        .ok_or(Refusal::Missing("wallet"))?;
    let mut appearance = wallet.appearance();
    if let Some(icon) = &patch.icon {
        appearance.icon.clone_from(icon);
    }
    if let Some(color) = &patch.color {
        appearance.color.clone_from(color);
    }
    if let Some(pinned) = patch.pinned {
        appearance.pinned = pinned;
    }
    let extra = serde_json::to_string(&appearance).unwrap_or_else(|_| wallet.extra.clone());
    let paylinks = patch.paylinks.as_ref().map(|change| change.apply(&wallet.stored_paylinks));
    let paylinks = paylinks.unwrap_or_else(|| wallet.stored_paylinks.clone());
    let changed = diesel::update(wallets::table.find(id))
        .set((
            wallets::name.eq(patch.name.as_ref().unwrap_or(&wallet.name)),
            wallets::currency.eq(patch.currency.as_ref().unwrap_or(&wallet.currency)),
            wallets::lightning_address.eq(patch.lightning_address.as_ref().or(wallet.lightning_address.as_ref())),
            wallets::extra.eq(extra),
            wallets::stored_paylinks.eq(paylinks),
            wallets::updated_at.eq(*at),
        ))
        .returning(Wallet::as_returning())
        .get_result(conn)
        .await
        .map_err(StoreError::or_taken("lightning address"))?;
    credentials_changed(conn).await?;
    Ok(changed)
}

pub(in crate::store) async fn rekey(conn: &mut Conn, wallet: &Wallet) -> Result<(), StoreError> {
    diesel::update(wallets::table.find(&wallet.id))
        .set((
            wallets::admin_key_hash.eq(&wallet.admin_key_hash),
            wallets::admin_key_sealed.eq(&wallet.admin_key_sealed),
            wallets::invoice_key_hash.eq(&wallet.invoice_key_hash),
            wallets::invoice_key_sealed.eq(&wallet.invoice_key_sealed),
            wallets::updated_at.eq(wallet.updated_at),
        ))
        .execute(conn)
        .await?;
    credentials_changed(conn).await
}

pub(in crate::store) async fn set_deleted(
    conn: &mut Conn,
    id: &WalletId,
    deleted: &bool,
    at: &Time,
) -> Result<(), StoreError> {
    let updated = diesel::update(wallets::table.find(id).filter(wallets::deleted.ne(*deleted)))
        .set((wallets::deleted.eq(*deleted), wallets::updated_at.eq(*at)))
        .execute(conn)
        .await?;
    if updated == 0 {
        return Err(Refusal::Missing("wallet").into());
    }
    credentials_changed(conn).await
}

pub(in crate::store) async fn balance(conn: &mut Conn, id: &WalletId) -> Result<Option<Msat>, StoreError> {
    Ok(wallets::table.find(id).select(wallets::balance_msat).first(conn).await.optional()?)
}
