//! Wallets that are used by others than their owners.

use diesel::prelude::{ExpressionMethods, Insertable, JoinOnDsl, OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::RunQueryDsl;

use super::{Conn, accounts::credentials_changed};
use crate::{
    domain::{
        Account, AccountId, CredentialId, Time, Wallet, WalletId,
        share::{OpenShare, Share, ShareStatus},
    },
    store::{
        Refusal, StoreError,
        schema::{accounts, shares, wallets},
        types::ShareChange,
    },
};

type Row = (Share, Wallet, Account);

fn opened((share, wallet, owner): Row) -> OpenShare {
    OpenShare { share, wallet, owner }
}

/// Every share with its wallet and that one's owner.
macro_rules! with_ends {
    () => {
        shares::table
            .inner_join(wallets::table.on(wallets::id.eq(shares::wallet_id)))
            .inner_join(accounts::table.on(accounts::id.eq(wallets::account_id)))
            .select((Share::as_select(), Wallet::as_select(), Account::as_select()))
    };
}

pub(in crate::store) async fn create(conn: &mut Conn, new: &Vec<Share>) -> Result<(), StoreError> {
    for share in new {
        share.insert_into(shares::table).execute(conn).await.map_err(StoreError::or_taken("share"))?;
    }
    credentials_changed(conn).await
}

pub(in crate::store) async fn find(
    conn: &mut Conn,
    wallet: &WalletId,
    member: &AccountId,
) -> Result<Option<OpenShare>, StoreError> {
    let query = with_ends!().filter(shares::wallet_id.eq(wallet)).filter(shares::account_id.eq(member));
    Ok(query.first::<Row>(conn).await.optional()?.map(opened))
}

pub(in crate::store) async fn list_of_member(
    conn: &mut Conn,
    member: &AccountId,
) -> Result<Vec<OpenShare>, StoreError> {
    let query = with_ends!().filter(shares::account_id.eq(member)).order((shares::created_at, shares::id));
    Ok(query.load::<Row>(conn).await?.into_iter().map(opened).collect())
}

pub(in crate::store) async fn list_of_wallet(conn: &mut Conn, wallet: &WalletId) -> Result<Vec<Share>, StoreError> {
    let of = shares::table.filter(shares::wallet_id.eq(wallet)).order((shares::created_at, shares::id));
    Ok(of.select(Share::as_select()).load(conn).await?)
}

pub(in crate::store) async fn list_of_owner(conn: &mut Conn, owner: &AccountId) -> Result<Vec<OpenShare>, StoreError> {
    let query = with_ends!().filter(wallets::account_id.eq(owner)).order((shares::created_at, shares::id));
    Ok(query.load::<Row>(conn).await?.into_iter().map(opened).collect())
}

/// An accepted share that has no living mirror may be given one.
pub(in crate::store) async fn accept(
    conn: &mut Conn,
    id: &CredentialId,
    mirror: &Option<Wallet>,
    at: &Time,
) -> Result<bool, StoreError> {
    // a write first, so that nobody else accepts, declines or ends it before this is over
    let open = shares::table.find(id).filter(shares::status.ne(ShareStatus::Disabled));
    let touched = diesel::update(open).set(shares::updated_at.eq(*at)).returning(Share::as_returning());
    let Some(share) = touched.get_result::<Share>(conn).await.optional()? else { return Ok(false) };
    if let Some(mirror) = mirror {
        if let Some(old) = &share.mirror_wallet_id
            && super::wallets::find(conn, old).await?.is_some_and(|old| !old.deleted)
        {
            return Ok(false);
        }
        super::wallets::create(conn, mirror).await?;
        let mirrored = diesel::update(shares::table.find(id)).set(shares::mirror_wallet_id.eq(Some(&mirror.id)));
        mirrored.execute(conn).await?;
    }
    if share.status == ShareStatus::Invited {
        diesel::update(shares::table.find(id))
            .set((shares::status.eq(ShareStatus::Active), shares::accepted_at.eq(Some(*at))))
            .execute(conn)
            .await?;
    }
    credentials_changed(conn).await?;
    Ok(true)
}

pub(in crate::store) async fn decline(conn: &mut Conn, id: &CredentialId, at: &Time) -> Result<bool, StoreError> {
    let invited = shares::table.find(id).filter(shares::status.eq(ShareStatus::Invited));
    let declined = diesel::update(invited)
        .set((shares::status.eq(ShareStatus::Disabled), shares::updated_at.eq(*at)))
        .execute(conn)
        .await?;
    credentials_changed(conn).await?;
    Ok(declined > 0)
}

pub(in crate::store) async fn change(conn: &mut Conn, change: &ShareChange) -> Result<(), StoreError> {
    for id in &change.remove {
        remove(conn, id).await?;
    }
    for id in &change.ids {
        let mut found =
            diesel::update(shares::table.find(id)).set(shares::updated_at.eq(change.at)).execute(conn).await?;
        if let Some((role, rights)) = change.role {
            found = diesel::update(shares::table.find(id))
                .set((
                    shares::role.eq(role),
                    shares::may_view.eq(rights.view),
                    shares::may_receive.eq(rights.receive),
                    shares::may_send.eq(rights.send),
                    shares::may_manage.eq(rights.manage),
                ))
                .execute(conn)
                .await?;
        }
        if let Some(limits) = &change.limits {
            found = diesel::update(shares::table.find(id)).set(shares::limits.eq(limits)).execute(conn).await?;
        }
        if let Some(enabled) = change.enabled {
            found = enable(conn, id, enabled).await?;
        }
        if found == 0 {
            return Err(Refusal::Changed("share").into());
        }
    }
    create(conn, &change.add).await
}

/// What was accepted once can be used again; what was not waits for the member, even if he declined before.
async fn enable(conn: &mut Conn, id: &CredentialId, enabled: bool) -> Result<usize, StoreError> {
    if !enabled {
        let ended = diesel::update(shares::table.find(id)).set(shares::status.eq(ShareStatus::Disabled));
        return Ok(ended.execute(conn).await?);
    }
    let accepted = shares::table.find(id).filter(shares::accepted_at.is_not_null());
    let active = diesel::update(accepted).set(shares::status.eq(ShareStatus::Active)).execute(conn).await?;
    let open = shares::table.find(id).filter(shares::accepted_at.is_null());
    Ok(active + diesel::update(open).set(shares::status.eq(ShareStatus::Invited)).execute(conn).await?)
}

/// The mirror ends with its share, for good: it held nothing, and nothing refers to it.
async fn remove(conn: &mut Conn, id: &CredentialId) -> Result<(), StoreError> {
    let mirror: Option<Option<WalletId>> =
        diesel::delete(shares::table.find(id)).returning(shares::mirror_wallet_id).get_result(conn).await.optional()?;
    if let Some(Some(mirror)) = mirror {
        let held = wallets::table.find(mirror).filter(wallets::source_wallet_id.is_not_null());
        diesel::delete(held).execute(conn).await?;
    }
    Ok(())
}
