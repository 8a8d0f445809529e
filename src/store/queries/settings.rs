//! What the super user set, and what it says about new accounts.

use diesel::{
    dsl::count_star,
    prelude::{ExpressionMethods, Insertable, QueryDsl, SelectableHelper},
};
use diesel_async::RunQueryDsl;

use super::{Conn, accounts::counter};
use crate::{
    domain::{Account, Wallet},
    store::{
        Refusal, StoreError,
        schema::{accounts, counters, settings},
        types::{Admission, SettingsChange, StoredSetting},
    },
};

/// The counter that moves with every change.
const SETTINGS: &str = "settings";
/// The row that everybody takes who counts accounts before writing one.
const SEATS: &str = "seats";

pub(in crate::store) async fn all(conn: &mut Conn) -> Result<(Vec<StoredSetting>, i64), StoreError> {
    let version = counter(conn, &SETTINGS.to_owned()).await?;
    Ok((settings::table.select(StoredSetting::as_select()).order(settings::name).load(conn).await?, version))
}

/// The counter's row is taken first, so that of two changes at once the second one sees the first.
pub(in crate::store) async fn change(conn: &mut Conn, change: &SettingsChange) -> Result<(), StoreError> {
    begin(conn, SETTINGS).await?;
    let same = counters::table.find(SETTINGS).filter(counters::value.eq(change.was));
    let moved = diesel::update(same).set(counters::value.eq(counters::value + 1)).execute(conn).await?;
    if moved == 0 {
        return Err(Refusal::Changed("settings").into());
    }
    for setting in &change.put {
        diesel::delete(settings::table.find(&setting.name)).execute(conn).await?;
        setting.insert_into(settings::table).execute(conn).await?;
    }
    for name in &change.clear {
        diesel::delete(settings::table.find(name)).execute(conn).await?;
    }
    Ok(())
}

/// An account that uses up an invitation code, or takes one of a number of seats.
pub(in crate::store) async fn admit(
    conn: &mut Conn,
    account: &Account,
    wallet: &Option<Wallet>,
    admission: &Admission,
) -> Result<(), StoreError> {
    if let Some(code) = &admission.code {
        change(conn, code).await?;
    }
    take_seat(conn, admission.max_users).await?;
    super::accounts::create(conn, account, wallet).await
}

/// Is there room for one more account? Whoever asks waits for all who asked before.
pub(super) async fn take_seat(conn: &mut Conn, max_users: i64) -> Result<(), StoreError> {
    if max_users <= 0 {
        return Ok(());
    }
    begin(conn, SEATS).await?;
    diesel::update(counters::table.find(SEATS)).set(counters::value.eq(counters::value + 1)).execute(conn).await?;
    let there: i64 = accounts::table.select(count_star()).first(conn).await?;
    if there < max_users { Ok(()) } else { Err(Refusal::Full.into()) }
}

async fn begin(conn: &mut Conn, name: &str) -> Result<(), StoreError> {
    diesel::insert_into(counters::table)
        .values((counters::name.eq(name), counters::value.eq(0)))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    Ok(())
}
