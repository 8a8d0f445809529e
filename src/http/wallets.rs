//! Wallets: the one that a key is for, and those of an account.

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    House,
    body::{Body, List, OfWallets, PathPart},
    lenient,
    permission::{Caller, WalletCaller, WalletManage, WalletRead, Wallets},
    problem::{Code, Problem},
    route::{Route, route},
    shapes::{PageOf, WalletShape},
    sharing,
};
use crate::{
    accounts::policy::Family,
    domain::{Msat, wallet::WalletPatch},
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/api/v1/wallet", WalletRead, read).doc("Reads the wallet's name, balance and keys.\nAn invoice key sees neither the wallet's id nor its admin key."),
        route(Method::POST, "/api/v1/wallet", Wallets, create).doc("Makes a wallet.").idempotent(),
        route(Method::PUT, "/api/v1/wallet", WalletManage, rename).doc("Renames the wallet."),
        route(Method::PATCH, "/api/v1/wallet", WalletManage, patch).doc("Changes how the wallet is named and shown."),
        route(Method::DELETE, "/api/v1/wallet", WalletManage, delete)
            .doc("Deletes the wallet. Its money and records stay, and come back when it is restored."),
        route(Method::GET, "/api/v1/wallets", Wallets, list).doc("Lists the account's wallets with their keys."),
        route(Method::GET, "/api/v1/wallet/paginated", Wallets, page).doc("Lists the account's wallets by pages."),
        route(Method::PUT, "/api/v1/wallet/{new_name}", WalletManage, rename_by_path).doc("Renames the wallet."),
        route(Method::DELETE, "/api/v1/wallet/{wallet_id}", Wallets, delete_own)
            .doc("Deletes one of the account's wallets. Its money and records stay, and come back when it is restored."),
        route(Method::PUT, "/api/v1/wallet/reset/{wallet_id}", Wallets, reset)
            .doc("Gives one of the account's wallets new keys; the old ones stop at once.")
            .idempotent(),
        route(Method::PUT, "/api/v1/wallet/undelete/{wallet_id}", Wallets, undelete)
            .doc("Restores a deleted wallet of the account."),
    ]
}

/// A wallet, as its key sees it.
#[derive(Serialize, ToSchema)]
struct OwnWallet {
    /// Not for invoice keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    name: String,
    /// Millisatoshi.
    balance: i64,
    /// Not for invoice keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    adminkey: Option<String>,
    /// Only for those who may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    inkey: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Renamed {
    id: String,
    name: String,
    /// Millisatoshi.
    balance: i64,
}

#[derive(Deserialize, ToSchema)]
struct NewWallet {
    /// The server's default when absent.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    name: Option<String>,
    /// `lightning`, or `lightning-shared` to accept an invitation to somebody's wallet.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    wallet_type: Option<String>,
    /// That wallet.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    shared_wallet_id: Option<String>,
}

#[derive(Deserialize, ToSchema)]
struct Rename {
    #[serde(deserialize_with = "lenient::text")]
    name: String,
}

#[derive(Deserialize, ToSchema)]
struct PatchWallet {
    #[serde(default, deserialize_with = "lenient::opt_text")]
    name: Option<String>,
    #[serde(default, deserialize_with = "lenient::opt_text")]
    icon: Option<String>,
    #[serde(default, deserialize_with = "lenient::opt_text")]
    color: Option<String>,
    /// Accounting currency; the empty text clears it.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    currency: Option<String>,
    #[serde(default, deserialize_with = "lenient::opt_flag")]
    pinned: Option<bool>,
    /// The part of the lightning address before the `@`, where the operator lets owners choose.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    lightning_address: Option<String>,
}

async fn read(Caller(caller): Caller<WalletRead>, house: Data<House>) -> Result<Json<OwnWallet>, Problem> {
    let balance = balance(&house, &caller).await?;
    let (wallet, sight) = (&caller.wallet, caller.principal.sight);
    // a mirror is known to its user by its own name
    let own_id = wallet.through.as_ref().and_then(|through| through.mirror.as_ref()).unwrap_or(&wallet.id);
    Ok(Json(OwnWallet {
        id: (caller.principal.family != Family::InvoiceKey).then(|| own_id.to_string()),
        name: wallet.name.clone(),
        balance: balance.0,
        adminkey: sight.admin_key.then(|| wallet.admin_key.clone()),
        inkey: sight.invoice_key.then(|| wallet.invoice_key.clone()),
    }))
}

async fn create(
    Caller(principal): Caller<Wallets>,
    house: Data<House>,
    Body(new): Body<NewWallet>,
) -> Result<Json<WalletShape>, Problem> {
    match new.wallet_type.as_deref() {
        None | Some("lightning") => {}
        Some("lightning-shared") => {
            let wallet = house.accounts.mirror_wallet(&principal, new.shared_wallet_id.as_deref()).await?;
            return Ok(Json(sharing::view(wallet, &principal)));
        }
        Some(_) => {
            let text = "unexpected value; permitted: 'lightning', 'lightning-shared'";
            return Err(Problem::field("wallet_type", text, "value_error.const"));
        }
    }
    let wallet = house.accounts.create_wallet(&principal, new.name.as_deref()).await?;
    Ok(Json(WalletShape::seen(wallet, principal.sight)))
}

async fn list(Caller(principal): Caller<Wallets>, house: Data<House>) -> Result<Json<Vec<WalletShape>>, Problem> {
    Ok(Json(sharing::views(&house, &principal).await?))
}

async fn page(
    Caller(principal): Caller<Wallets>,
    house: Data<House>,
    listing: List<OfWallets>,
) -> Result<Json<PageOf<WalletShape>>, Problem> {
    let (wallets, total) = house.accounts.wallet_page(&principal, listing.into_inner()).await?;
    let data = sharing::own_views(&house, &principal, wallets).await?;
    Ok(Json(PageOf { data, total }))
}

async fn rename(
    Caller(caller): Caller<WalletManage>,
    house: Data<House>,
    Body(new): Body<Rename>,
) -> Result<Json<Renamed>, Problem> {
    renamed(&house, &caller, new.name).await
}

async fn rename_by_path(
    Caller(caller): Caller<WalletManage>,
    house: Data<House>,
    PathPart(name): PathPart<String>,
) -> Result<Json<Renamed>, Problem> {
    renamed(&house, &caller, name).await
}

async fn renamed(house: &House, caller: &WalletCaller, name: String) -> Result<Json<Renamed>, Problem> {
    let patch = WalletPatch { name: Some(name), ..WalletPatch::default() };
    let wallet = house.accounts.patch_wallet(&caller.wallet.id, patch).await?.wallet;
    Ok(Json(Renamed { id: wallet.id.to_string(), name: wallet.name, balance: wallet.balance_msat.0 }))
}

async fn patch(
    Caller(caller): Caller<WalletManage>,
    house: Data<House>,
    Body(new): Body<PatchWallet>,
) -> Result<Json<WalletShape>, Problem> {
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let patch = WalletPatch {
        name: some(new.name),
        currency: new.currency.map(|code| some(Some(code))),
        icon: some(new.icon),
        color: some(new.color),
        pinned: new.pinned,
        lightning_address: None,
        paylinks: None,
    };
    if let Some(address) = new.lightning_address.filter(|address| !address.is_empty()) {
        house.accounts.choose_address(&caller.wallet.id, &address).await?;
    }
    let wallet = house.accounts.patch_wallet(&caller.wallet.id, patch).await?;
    house.ledger.forget_currency(&caller.wallet.id);
    Ok(Json(sharing::acted_on(&house, wallet, &caller).await?))
}

async fn delete(Caller(caller): Caller<WalletManage>, house: Data<House>) -> Result<Json<()>, Problem> {
    Ok(Json(house.accounts.delete_wallet(&caller.principal, caller.wallet.id.as_str()).await?))
}

async fn delete_own(
    Caller(principal): Caller<Wallets>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<()>, Problem> {
    Ok(Json(house.accounts.delete_wallet(&principal, &id).await?))
}

async fn undelete(
    Caller(principal): Caller<Wallets>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<()>, Problem> {
    Ok(Json(house.accounts.undelete_wallet(&principal, &id).await?))
}

async fn reset(
    Caller(principal): Caller<Wallets>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<WalletShape>, Problem> {
    Ok(Json(WalletShape::seen(house.accounts.reset_keys(&principal, &id).await?, principal.sight)))
}

pub(super) async fn balance(house: &House, caller: &WalletCaller) -> Result<Msat, Problem> {
    let balance = house.ledger.balance(&caller.wallet.id).await?;
    balance.ok_or_else(|| Problem::new(Code::NotFound, "Wallet not found."))
}
