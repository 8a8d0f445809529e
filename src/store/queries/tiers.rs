//! Tiers of accounts, and the orders that change them when they are paid.

use diesel::prelude::{ExpressionMethods, Insertable, JoinOnDsl, QueryDsl, SelectableHelper};
use diesel_async::RunQueryDsl;

use super::{Conn, accounts::credentials_changed};
use crate::{
    domain::{AccountId, Kind, Payment, Status, Time, tier::TierOrder},
    store::{
        Refusal, StoreError,
        schema::{accounts, payments, tier_orders},
        types::TierGrant,
    },
};

pub(in crate::store) async fn create(conn: &mut Conn, order: &TierOrder) -> Result<(), StoreError> {
    order.insert_into(tier_orders::table).execute(conn).await?;
    Ok(())
}

pub(in crate::store) async fn open(
    conn: &mut Conn,
    account: &AccountId,
    most: &i64,
) -> Result<Vec<(TierOrder, Payment)>, StoreError> {
    let invoices =
        tier_orders::table.inner_join(payments::table.on(payments::payment_hash.eq(tier_orders::payment_hash)));
    let own = invoices
        .filter(payments::kind.eq(Kind::Invoice))
        .filter(payments::status.ne(Status::Failed))
        .filter(tier_orders::account_id.eq(account))
        .filter(tier_orders::applied_at.is_null());
    let newest = own.order((tier_orders::created_at.desc(), tier_orders::payment_hash)).limit(*most);
    Ok(newest.select((TierOrder::as_select(), Payment::as_select())).load(conn).await?)
}

/// What was received for the invoice is compared, not what it was made for: nobody gets a tier for less.
pub(in crate::store) async fn paid(
    conn: &mut Conn,
    account: &Option<AccountId>,
    most: &i64,
) -> Result<Vec<TierOrder>, StoreError> {
    let invoices =
        tier_orders::table.inner_join(payments::table.on(payments::payment_hash.eq(tier_orders::payment_hash)));
    let mut paid = invoices
        .filter(payments::kind.eq(Kind::Invoice))
        .filter(payments::status.eq(Status::Success))
        .filter(payments::amount_msat.ge(tier_orders::price_msat))
        .filter(tier_orders::applied_at.is_null())
        .order(tier_orders::created_at)
        .limit(*most)
        .select(TierOrder::as_select())
        .into_boxed();
    if let Some(account) = account {
        paid = paid.filter(tier_orders::account_id.eq(account));
    }
    Ok(paid.load(conn).await?)
}

/// False when it was granted before. The mark comes first, so that only one of many takes it.
pub(in crate::store) async fn grant(conn: &mut Conn, grant: &TierGrant) -> Result<bool, StoreError> {
    let open = tier_orders::table.find(&grant.order).filter(tier_orders::applied_at.is_null());
    if diesel::update(open).set(tier_orders::applied_at.eq(Some(grant.at))).execute(conn).await? == 0 {
        return Ok(false);
    }
    let same = accounts::table.find(&grant.account).filter(accounts::tier.eq(&grant.was));
    if diesel::update(same).set(accounts::tier.eq(&grant.tier)).execute(conn).await? == 0 {
        return Err(Refusal::Changed("tier").into());
    }
    credentials_changed(conn).await?;
    Ok(true)
}

/// False when there is no such account.
pub(in crate::store) async fn set(conn: &mut Conn, account: &AccountId, tier: &String) -> Result<bool, StoreError> {
    let updated = diesel::update(accounts::table.find(account)).set(accounts::tier.eq(tier)).execute(conn).await?;
    credentials_changed(conn).await?;
    Ok(updated > 0)
}

/// Orders whose invoices expired unpaid are of no use to anybody.
pub(in crate::store) async fn forget(conn: &mut Conn, before: &Time) -> Result<(), StoreError> {
    let failed = payments::table
        .filter(payments::kind.eq(Kind::Invoice))
        .filter(payments::status.eq(Status::Failed))
        .filter(payments::payment_hash.eq(tier_orders::payment_hash))
        .select(payments::id);
    let stale = tier_orders::table
        .filter(tier_orders::applied_at.is_null())
        .filter(tier_orders::created_at.lt(*before))
        .filter(diesel::dsl::exists(failed));
    diesel::delete(stale).execute(conn).await?;
    Ok(())
}
