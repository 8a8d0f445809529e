//! What users keep here beside money: pictures, and short names for long addresses.

use diesel::prelude::{ExpressionMethods, Insertable, OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::RunQueryDsl;

use super::{
    Conn,
    listing::{Matches, order},
};
use crate::{
    domain::{AccountId, WalletId, asset::AssetInfo, filter::Listing, tiny::TinyUrl},
    store::{
        Refusal, StoreError,
        schema::{accounts, assets, tiny_urls, wallets},
    },
};

/// Makes a short name, unless the wallet has as many as it may.
pub(in crate::store) async fn tiny_create(conn: &mut Conn, url: &TinyUrl, most: &i64) -> Result<(), StoreError> {
    // whoever makes another for the same wallet waits here, so that nobody counts what is not written yet
    let wallet = wallets::table.find(&url.wallet_id);
    diesel::update(wallet).set(wallets::updated_at.eq(wallets::updated_at)).execute(conn).await?;
    let own = tiny_urls::table.filter(tiny_urls::wallet_id.eq(&url.wallet_id));
    let count: i64 = own.count().get_result(conn).await?;
    if count >= *most {
        return Err(Refusal::Taken("short addresses").into());
    }
    url.insert_into(tiny_urls::table).execute(conn).await?;
    Ok(())
}

pub(in crate::store) async fn tiny_find(conn: &mut Conn, id: &String) -> Result<Option<TinyUrl>, StoreError> {
    Ok(tiny_urls::table.find(id).select(TinyUrl::as_select()).get_result(conn).await.optional()?)
}

/// The one that the wallet made of this address before.
pub(in crate::store) async fn tiny_made(
    conn: &mut Conn,
    wallet: &WalletId,
    url: &String,
) -> Result<Option<TinyUrl>, StoreError> {
    let own = tiny_urls::table.filter(tiny_urls::wallet_id.eq(wallet)).filter(tiny_urls::url.eq(url));
    let first = own.order(tiny_urls::created_at).select(TinyUrl::as_select()).first(conn).await;
    Ok(first.optional()?)
}

/// False when the wallet has none such.
pub(in crate::store) async fn tiny_delete(conn: &mut Conn, wallet: &WalletId, id: &String) -> Result<bool, StoreError> {
    let own = tiny_urls::table.find(id).filter(tiny_urls::wallet_id.eq(wallet));
    Ok(diesel::delete(own).execute(conn).await? > 0)
}

/// Keeps a picture, unless the account has as many as it may.
pub(in crate::store) async fn asset_create(
    conn: &mut Conn,
    info: &AssetInfo,
    data: &Vec<u8>,
    most: &Option<i64>,
) -> Result<(), StoreError> {
    let account = accounts::table.find(&info.account_id);
    diesel::update(account).set(accounts::updated_at.eq(accounts::updated_at)).execute(conn).await?;
    if let Some(most) = most {
        let own = assets::table.filter(assets::account_id.eq(&info.account_id));
        let count: i64 = own.count().get_result(conn).await?;
        if count >= *most {
            return Err(Refusal::Taken("pictures").into());
        }
    }
    diesel::insert_into(assets::table).values((info, assets::data.eq(data))).execute(conn).await?;
    Ok(())
}

pub(in crate::store) async fn asset_find(conn: &mut Conn, id: &String) -> Result<Option<AssetInfo>, StoreError> {
    Ok(assets::table.find(id).select(AssetInfo::as_select()).get_result(conn).await.optional()?)
}

pub(in crate::store) async fn asset_data(conn: &mut Conn, id: &String) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(assets::table.find(id).select(assets::data).get_result(conn).await.optional()?)
}

pub(in crate::store) async fn asset_page(
    conn: &mut Conn,
    account: &AccountId,
    listing: &Listing,
) -> Result<(Vec<AssetInfo>, i64), StoreError> {
    let own = || assets::table.filter(assets::account_id.eq(account)).filter(Matches(listing));
    let count = own().count().get_result(conn).await?;
    let page = own().select(AssetInfo::as_select()).order(order(listing, "assets.created_at, assets.id"));
    Ok((page.limit(listing.limit).offset(listing.offset).load(conn).await?, count))
}

/// Changes what a picture is called and who sees it; false when there is none such.
pub(in crate::store) async fn asset_update(
    conn: &mut Conn,
    id: &String,
    name: &String,
    is_public: &bool,
) -> Result<bool, StoreError> {
    let changed = diesel::update(assets::table.find(id))
        .set((assets::name.eq(name), assets::is_public.eq(*is_public)))
        .execute(conn)
        .await?;
    Ok(changed > 0)
}

/// False when the account has none such.
pub(in crate::store) async fn asset_delete(
    conn: &mut Conn,
    account: &AccountId,
    id: &String,
) -> Result<bool, StoreError> {
    let own = assets::table.find(id).filter(assets::account_id.eq(account));
    Ok(diesel::delete(own).execute(conn).await? > 0)
}
