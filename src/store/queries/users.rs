//! Accounts as their administrators see them: listing, changing, closing and deleting other people's.

use std::collections::HashMap;

use diesel::{
    dsl::{count_star, max},
    prelude::{BoolExpressionMethods, ExpressionMethods, JoinOnDsl, QueryDsl, SelectableHelper},
};
use diesel_async::RunQueryDsl;

use super::{
    Conn,
    accounts::{by_login, credentials_changed, session_revoke_others},
    identities::by_pubkey,
    listing::{Matches, order},
};
use crate::{
    domain::{Account, AccountId, Msat, Time, Wallet, WalletId, filter::Listing},
    store::{
        Refusal, StoreError,
        schema::{
            accounts, credentials, identities, passkeys, payments, recovery_codes, reset_keys, shares, totp, wallets,
        },
        types::{Deletion, UserTotals},
    },
};

pub(in crate::store) async fn page(
    conn: &mut Conn,
    listing: &Listing,
) -> Result<(Vec<(Account, UserTotals)>, i64), StoreError> {
    let living = || accounts::table.filter(accounts::deleted_at.is_null()).filter(Matches(listing));
    let count = living().count().get_result(conn).await?;
    let page = living().select(Account::as_select()).order(order(listing, "accounts.created_at, accounts.id"));
    let page: Vec<Account> = page.limit(listing.limit).offset(listing.offset).load(conn).await?;
    let ids: Vec<AccountId> = page.iter().map(|account| account.id.clone()).collect();
    let mut totals: HashMap<AccountId, UserTotals> = HashMap::new();
    let held: Vec<(AccountId, bool, Msat)> = wallets::table
        .filter(wallets::account_id.eq_any(&ids))
        .select((wallets::account_id, wallets::deleted, wallets::balance_msat))
        .load(conn)
        .await?;
    for (account, deleted, balance) in held {
        let total = totals.entry(account).or_default();
        total.wallets += i64::from(!deleted);
        total.balance = Msat(total.balance.0.saturating_add(balance.0));
    }
    let paid: Vec<(AccountId, i64, Option<Time>)> = payments::table
        .inner_join(wallets::table.on(wallets::id.eq(payments::wallet_id)))
        .filter(wallets::account_id.eq_any(&ids))
        .group_by(wallets::account_id)
        .select((wallets::account_id, count_star(), max(payments::created_at)))
        .load(conn)
        .await?;
    for (account, count, last) in paid {
        let total = totals.entry(account).or_default();
        (total.payments, total.last_payment) = (count, last);
    }
    let with_totals = |account: Account| {
        let total = totals.remove(&account.id).unwrap_or_default();
        (account, total)
    };
    Ok((page.into_iter().map(with_totals).collect(), count))
}

/// Asked before writing, so that the answer can say which name is taken; the unique indexes decide.
async fn check_free(conn: &mut Conn, account: &Account) -> Result<(), StoreError> {
    for (taken, name) in [(account.username_key.as_ref(), "username"), (account.email_key.as_ref(), "email")] {
        if let Some(key) = taken
            && by_login(conn, key).await?.is_some_and(|other| other.id != account.id)
        {
            return Err(Refusal::Taken(name).into());
        }
    }
    if let Some(key) = &account.pubkey
        && by_pubkey(conn, key).await?.is_some_and(|other| other.id != account.id)
    {
        return Err(Refusal::Taken("pubkey").into());
    }
    Ok(())
}

pub(in crate::store) async fn create(conn: &mut Conn, account: &Account, wallet: &Wallet) -> Result<(), StoreError> {
    check_free(conn, account).await?;
    super::accounts::create(conn, account, &Some(wallet.clone())).await
}

pub(in crate::store) async fn replace(conn: &mut Conn, account: &Account, was: &Time) -> Result<(), StoreError> {
    check_free(conn, account).await?;
    let same = accounts::table.find(&account.id).filter(accounts::updated_at.eq(*was));
    let updated = diesel::update(same.filter(accounts::deleted_at.is_null()))
        .set((
            accounts::username.eq(&account.username),
            accounts::username_key.eq(&account.username_key),
            accounts::email.eq(&account.email),
            accounts::email_key.eq(&account.email_key),
            accounts::email_verified.eq(account.email_verified),
            accounts::pubkey.eq(&account.pubkey),
            accounts::external_id.eq(&account.external_id),
            accounts::extra.eq(&account.extra),
            accounts::updated_at.eq(account.updated_at),
        ))
        .execute(conn)
        .await
        .map_err(StoreError::or_taken("username"))?;
    if updated == 0 {
        return Err(Refusal::Changed("account").into());
    }
    credentials_changed(conn).await
}

/// Whoever is closed out is logged out for good, and is no administrator when he comes back.
pub(in crate::store) async fn set_active(
    conn: &mut Conn,
    id: &AccountId,
    active: &bool,
    was: &Time,
    at: &Time,
) -> Result<(), StoreError> {
    let same = accounts::table.find(id).filter(accounts::updated_at.eq(*was)).filter(accounts::deleted_at.is_null());
    let updated = diesel::update(same.filter(accounts::super_user.eq(false)))
        .set((accounts::activated.eq(*active), accounts::updated_at.eq(*at)))
        .execute(conn)
        .await?;
    if updated == 0 {
        return Err(Refusal::Changed("account").into());
    }
    if *active {
        return credentials_changed(conn).await;
    }
    diesel::update(accounts::table.find(id)).set(accounts::admin.eq(false)).execute(conn).await?;
    diesel::delete(reset_keys::table.find(id)).execute(conn).await?;
    session_revoke_others(conn, id, &None, at).await
}

pub(in crate::store) async fn set_admin(
    conn: &mut Conn,
    id: &AccountId,
    admin: &bool,
    was: &Time,
    at: &Time,
) -> Result<(), StoreError> {
    let same = accounts::table.find(id).filter(accounts::updated_at.eq(*was)).filter(accounts::deleted_at.is_null());
    let updated = diesel::update(same.filter(accounts::activated.eq(true)).filter(accounts::super_user.eq(false)))
        .set((accounts::admin.eq(*admin), accounts::updated_at.eq(*at)))
        .execute(conn)
        .await?;
    if updated == 0 { Err(Refusal::Changed("account").into()) } else { credentials_changed(conn).await }
}

/// The row stays, because the books name its wallets; nothing is left that would let anybody in, and its names are
/// free again.
pub(in crate::store) async fn delete(conn: &mut Conn, deletion: &Deletion) -> Result<(), StoreError> {
    let Deletion { account, admins_too, confirmed, at } = deletion;
    let living = accounts::table.find(account).filter(accounts::deleted_at.is_null());
    let nobody: Option<String> = None;
    let at_most = [false, *admins_too];
    let may_be = living.filter(accounts::super_user.eq(false)).filter(accounts::admin.eq_any(at_most));
    let updated = diesel::update(may_be)
        .set((
            (accounts::username.eq(&nobody), accounts::username_key.eq(&nobody)),
            (accounts::email.eq(&nobody), accounts::email_key.eq(&nobody), accounts::email_verified.eq(false)),
            (accounts::password_hash.eq(&nobody), accounts::pubkey.eq(&nobody), accounts::external_id.eq(&nobody)),
            (accounts::extra.eq("{}"), accounts::ui_customization.eq("{}")),
            (accounts::activated.eq(false), accounts::admin.eq(false)),
            (accounts::deleted_at.eq(Some(*at)), accounts::updated_at.eq(*at)),
        ))
        .execute(conn)
        .await?;
    if updated == 0 {
        return Err(Refusal::Missing("account").into());
    }
    let own = || wallets::table.filter(wallets::account_id.eq(account)).select(wallets::id);
    let ids: Vec<WalletId> = own().load(conn).await?;
    // those that he deleted himself count as well: he could have brought them back
    wallets_close(conn, &ids, *confirmed, at).await?;
    diesel::update(wallets::table.filter(wallets::source_wallet_id.eq_any(&ids)))
        .set((wallets::deleted.eq(true), wallets::updated_at.eq(*at)))
        .execute(conn)
        .await?;
    let his = shares::account_id.eq(account).or(shares::wallet_id.eq_any(own()));
    diesel::delete(shares::table.filter(his)).execute(conn).await?;
    let live = credentials::table.filter(credentials::account_id.eq(account));
    diesel::update(live.filter(credentials::revoked_at.is_null()))
        .set(credentials::revoked_at.eq(Some(*at)))
        .execute(conn)
        .await?;
    super::push::forget_account(conn, account).await?;
    diesel::delete(reset_keys::table.find(account)).execute(conn).await?;
    diesel::delete(identities::table.filter(identities::account_id.eq(account))).execute(conn).await?;
    diesel::delete(passkeys::table.filter(passkeys::account_id.eq(account))).execute(conn).await?;
    diesel::delete(recovery_codes::table.filter(recovery_codes::account_id.eq(account))).execute(conn).await?;
    diesel::delete(totp::table.find(account)).execute(conn).await?;
    session_revoke_others(conn, account, &None, at).await
}

/// One living wallet of an account, or all of them.
pub(in crate::store) async fn wallets_delete(
    conn: &mut Conn,
    account: &AccountId,
    only: &Option<WalletId>,
    confirmed: &bool,
    at: &Time,
) -> Result<i64, StoreError> {
    let mut ids: Vec<WalletId> = wallets::table
        .filter(wallets::account_id.eq(account))
        .filter(wallets::deleted.eq(false))
        .select(wallets::id)
        .load(conn)
        .await?;
    ids.retain(|id| only.as_ref().is_none_or(|only| only == id));
    if only.is_some() && ids.is_empty() {
        return Err(Refusal::Missing("wallet").into());
    }
    wallets_close(conn, &ids, *confirmed, at).await?;
    credentials_changed(conn).await?;
    Ok(i64::try_from(ids.len()).unwrap_or(i64::MAX))
}

/// What is in flight from a wallet counts as its own: it may come back. The rows are locked before they are added
/// up, so that nothing arrives in between.
async fn wallets_close(conn: &mut Conn, ids: &[WalletId], confirmed: bool, at: &Time) -> Result<(), StoreError> {
    let balances: Vec<Msat> = diesel::update(wallets::table.filter(wallets::id.eq_any(ids)))
        .set((wallets::deleted.eq(true), wallets::updated_at.eq(*at)))
        .returning(wallets::balance_msat)
        .get_results(conn)
        .await?;
    let in_flight = payments::table.filter(payments::wallet_id.eq_any(ids)).filter(payments::hold_msat.gt(Msat::ZERO));
    let held: Vec<Msat> = in_flight.select(payments::hold_msat).load(conn).await?;
    let sum = balances.iter().chain(&held).fold(0_i64, |sum, amount| sum.saturating_add(amount.0));
    if sum > 0 && !confirmed { Err(Refusal::HoldsMoney(Msat(sum)).into()) } else { Ok(()) }
}
