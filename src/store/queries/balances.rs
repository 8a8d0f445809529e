//! The only statements that change a balance. Each matches only a wallet that can bear the change, and
//! answers what the wallet then holds.

use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::RunQueryDsl;

use super::{Conn, kept::kept};
use crate::{
    domain::{Msat, WalletId, journal::Book},
    store::{Refusal, StoreError, schema::wallets},
};

/// Takes from a wallet that holds enough and is not deleted.
pub(super) async fn take(conn: &mut Conn, wallet: &WalletId, amount: Msat) -> Result<Msat, StoreError> {
    let able = wallets::table.find(wallet).filter(wallets::balance_msat.ge(amount)).filter(wallets::deleted.eq(false));
    let taken = diesel::update(able).set(wallets::balance_msat.eq(wallets::balance_msat - amount));
    match kept!(taken).execute(conn).await? {
        0 => Err(Refusal::InsufficientBalance { needed: amount }.into()),
        _ => held(conn, wallet).await,
    }
}

/// Adds to a wallet, deleted or not: what belongs to it arrives.
pub(super) async fn give(conn: &mut Conn, wallet: &WalletId, amount: Msat) -> Result<Msat, StoreError> {
    let given =
        diesel::update(wallets::table.find(wallet)).set(wallets::balance_msat.eq(wallets::balance_msat + amount));
    match kept!(given).execute(conn).await? {
        0 => Err(Refusal::Missing("wallet").into()),
        _ => held(conn, wallet).await,
    }
}

/// Adds to a wallet that is not deleted: nobody sends money where its owner cannot reach it.
pub(super) async fn give_to_living(conn: &mut Conn, wallet: &WalletId, amount: Msat) -> Result<Msat, StoreError> {
    let living = wallets::table.find(wallet).filter(wallets::deleted.eq(false));
    let given = diesel::update(living).set(wallets::balance_msat.eq(wallets::balance_msat + amount));
    match kept!(given).execute(conn).await? {
        0 => Err(Refusal::Missing("wallet").into()),
        _ => held(conn, wallet).await,
    }
}

/// Takes from the wallet if it can bear it, else the house bears it: then the second value names the
/// house's book.
pub(super) async fn take_or_lose(
    conn: &mut Conn,
    wallet: &WalletId,
    amount: Msat,
) -> Result<(Msat, Option<Book>), StoreError> {
    let able = wallets::table.find(wallet).filter(wallets::balance_msat.ge(amount));
    let taken = diesel::update(able).set(wallets::balance_msat.eq(wallets::balance_msat - amount));
    match kept!(taken).execute(conn).await? {
        0 => Ok((give(conn, wallet, Msat::ZERO).await?, Some(Book::Loss))),
        _ => Ok((held(conn, wallet).await?, None)),
    }
}

/// What the wallet holds. Asking separately is cheaper than `RETURNING`, for which SQLite builds a
/// table each time; the transaction has the row, so that nobody changes it in between.
async fn held(conn: &mut Conn, wallet: &WalletId) -> Result<Msat, StoreError> {
    let balance = wallets::table.find(wallet).select(wallets::balance_msat).first(conn).await.optional()?;
    balance.ok_or_else(|| Refusal::Missing("wallet").into())
}
