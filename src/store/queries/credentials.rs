//! API keys, access lists and their tokens, keys of anonymous sessions.

use diesel::prelude::{
    BoolExpressionMethods, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, SelectableHelper,
};
use diesel_async::RunQueryDsl;

use super::{Conn, accounts::credentials_changed};
use crate::{
    domain::{
        Account, AccountId, CredentialId, Time, Wallet,
        credential::{Acl, Credential, CredentialKind},
    },
    store::{
        Refusal, StoreError,
        schema::{accounts, acl_makers, acls, credentials, old_secret_uses, sessions},
        types::{LastUse, Rotation},
    },
};

pub(in crate::store) async fn create(conn: &mut Conn, credential: &Credential) -> Result<(), StoreError> {
    let written = credential.insert_into(credentials::table).on_conflict_do_nothing().execute(conn).await?;
    if written == 0 { Err(Refusal::Taken("credential id").into()) } else { Ok(()) }
}

pub(in crate::store) async fn find(conn: &mut Conn, id: &CredentialId) -> Result<Option<Credential>, StoreError> {
    Ok(credentials::table.find(id).select(Credential::as_select()).first(conn).await.optional()?)
}

/// Newest first. Revoked ones stay in the list: what was there is part of the answer to "who could?".
pub(in crate::store) async fn list(
    conn: &mut Conn,
    account: &AccountId,
    kind: &CredentialKind,
) -> Result<Vec<Credential>, StoreError> {
    let own = credentials::table.filter(credentials::account_id.eq(account)).filter(credentials::kind.eq(*kind));
    let newest = own.order((credentials::created_at.desc(), credentials::id));
    Ok(newest.select(Credential::as_select()).load(conn).await?)
}

/// The old secret stays good until `previous_until`.
pub(in crate::store) async fn rotate(conn: &mut Conn, rotation: &Rotation) -> Result<(), StoreError> {
    let same = credentials::table
        .find(&rotation.id)
        .filter(credentials::revoked_at.is_null())
        .filter(credentials::secret_hash.eq(&rotation.was));
    let updated = diesel::update(same)
        .set((
            credentials::secret_hash.eq(&rotation.secret_hash),
            credentials::previous_hash.eq(Some(&rotation.was)),
            credentials::previous_until.eq(Some(rotation.previous_until)),
        ))
        .execute(conn)
        .await?;
    if updated == 0 {
        return Err(Refusal::Changed("credential").into());
    }
    diesel::delete(old_secret_uses::table.find(&rotation.id)).execute(conn).await?;
    credentials_changed(conn).await
}

pub(in crate::store) async fn old_uses(
    conn: &mut Conn,
    account: &AccountId,
) -> Result<Vec<(CredentialId, Time, Option<String>)>, StoreError> {
    let own = credentials::table.filter(credentials::account_id.eq(account)).select(credentials::id);
    let uses = old_secret_uses::table.filter(old_secret_uses::credential_id.eq_any(own));
    let columns = (old_secret_uses::credential_id, old_secret_uses::last_used_at, old_secret_uses::last_used_ip);
    Ok(uses.select(columns).load(conn).await?)
}

/// False when it was ended before, or never was this account's.
pub(in crate::store) async fn revoke(
    conn: &mut Conn,
    account: &AccountId,
    id: &CredentialId,
    at: &Time,
) -> Result<bool, StoreError> {
    let live = credentials::table
        .find(id)
        .filter(credentials::account_id.eq(account))
        .filter(credentials::revoked_at.is_null());
    let updated = diesel::update(live).set(credentials::revoked_at.eq(Some(*at))).execute(conn).await?;
    credentials_changed(conn).await?;
    Ok(updated > 0)
}

pub(in crate::store) async fn used(conn: &mut Conn, uses: &Vec<LastUse>) -> Result<(), StoreError> {
    for LastUse { credential, old_secret, session, at, from } in uses {
        if let (Some(id), true) = (credential, old_secret) {
            let row = (
                old_secret_uses::credential_id.eq(id),
                old_secret_uses::last_used_at.eq(*at),
                old_secret_uses::last_used_ip.eq(from),
            );
            diesel::insert_into(old_secret_uses::table)
                .values(row)
                .on_conflict(old_secret_uses::credential_id)
                .do_update()
                .set((old_secret_uses::last_used_at.eq(*at), old_secret_uses::last_used_ip.eq(from)))
                .execute(conn)
                .await?;
        }
        if let Some(id) = credential {
            let earlier = credentials::last_used_at.is_null().or(credentials::last_used_at.lt(*at));
            diesel::update(credentials::table.find(id).filter(earlier))
                .set((credentials::last_used_at.eq(Some(*at)), credentials::last_used_ip.eq(from)))
                .execute(conn)
                .await?;
        }
        if let Some(id) = session {
            let earlier = sessions::last_used_at.is_null().or(sessions::last_used_at.lt(*at));
            diesel::update(sessions::table.find(id).filter(earlier))
                .set((sessions::last_used_at.eq(Some(*at)), sessions::last_used_ip.eq(from)))
                .execute(conn)
                .await?;
        }
    }
    Ok(())
}

pub(in crate::store) async fn anonymous_open(
    conn: &mut Conn,
    account: &Account,
    wallet: &Wallet,
    key: &Credential,
    max_users: &i64,
) -> Result<(), StoreError> {
    super::settings::take_seat(conn, *max_users).await?;
    super::accounts::create(conn, account, &Some(wallet.clone())).await?;
    create(conn, key).await
}

/// The key's own row says whether the account is still anonymous: it is ended here, once.
pub(in crate::store) async fn anonymous_claim(
    conn: &mut Conn,
    account: &Account,
    was: &Time,
    key: &CredentialId,
    at: &Time,
) -> Result<(), StoreError> {
    for (taken, name) in [(account.username_key.as_ref(), "username"), (account.email_key.as_ref(), "email")] {
        if let Some(login) = taken
            && super::accounts::by_login(conn, login).await?.is_some_and(|other| other.id != account.id)
        {
            return Err(Refusal::Taken(name).into());
        }
    }
    if !revoke(conn, &account.id, key, at).await? {
        return Err(Refusal::Done("claiming this account").into());
    }
    let updated = diesel::update(accounts::table.find(&account.id).filter(accounts::updated_at.eq(*was)))
        .set((
            accounts::username.eq(&account.username),
            accounts::username_key.eq(&account.username_key),
            accounts::email.eq(&account.email),
            accounts::email_key.eq(&account.email_key),
            accounts::email_verified.eq(account.email_verified),
            accounts::password_hash.eq(&account.password_hash),
            accounts::pubkey.eq(&account.pubkey),
            accounts::provider.eq(&account.provider),
            accounts::extra.eq(&account.extra),
            accounts::updated_at.eq(account.updated_at),
        ))
        .execute(conn)
        .await
        .map_err(StoreError::or_taken("username"))?;
    if updated == 0 { Err(Refusal::Changed("account").into()) } else { Ok(()) }
}

pub(in crate::store) async fn acl_create(
    conn: &mut Conn,
    acl: &Acl,
    maker: &Option<CredentialId>,
) -> Result<(), StoreError> {
    acl.insert_into(acls::table).execute(conn).await.map_err(StoreError::or_taken("access list id"))?;
    if let Some(maker) = maker {
        let row = (acl_makers::acl_id.eq(&acl.id), acl_makers::credential_id.eq(maker));
        diesel::insert_into(acl_makers::table).values(row).execute(conn).await?;
    }
    Ok(())
}

pub(in crate::store) async fn acl_replace(
    conn: &mut Conn,
    acl: &Acl,
    keep: &Vec<CredentialId>,
    at: &Time,
) -> Result<(), StoreError> {
    acl_save(conn, acl).await?;
    let live = credentials::table
        .filter(credentials::acl_id.eq(&acl.id))
        .filter(credentials::kind.eq(CredentialKind::AclToken))
        .filter(credentials::revoked_at.is_null())
        .filter(credentials::id.ne_all(keep));
    diesel::update(live).set(credentials::revoked_at.eq(Some(*at))).execute(conn).await?;
    Ok(())
}

pub(in crate::store) async fn acl_makers(
    conn: &mut Conn,
    account: &AccountId,
) -> Result<Vec<(String, CredentialId)>, StoreError> {
    let own = acls::table.filter(acls::account_id.eq(account)).select(acls::id);
    let made = acl_makers::table.filter(acl_makers::acl_id.eq_any(own));
    Ok(made.select((acl_makers::acl_id, acl_makers::credential_id)).load(conn).await?)
}

pub(in crate::store) async fn acl_save(conn: &mut Conn, acl: &Acl) -> Result<(), StoreError> {
    let changed = diesel::update(acls::table.find(&acl.id).filter(acls::account_id.eq(&acl.account_id)))
        .set((acls::name.eq(&acl.name), acls::entries.eq(&acl.entries), acls::updated_at.eq(acl.updated_at)))
        .execute(conn)
        .await?;
    if changed == 0 {
        acl.insert_into(acls::table).execute(conn).await.map_err(StoreError::or_taken("access list id"))?;
    }
    credentials_changed(conn).await
}

pub(in crate::store) async fn acl_find(conn: &mut Conn, id: &String) -> Result<Option<Acl>, StoreError> {
    Ok(acls::table.find(id).select(Acl::as_select()).first(conn).await.optional()?)
}

pub(in crate::store) async fn acl_list(conn: &mut Conn, account: &AccountId) -> Result<Vec<Acl>, StoreError> {
    let own = acls::table.filter(acls::account_id.eq(account));
    Ok(own.order((acls::created_at, acls::id)).select(Acl::as_select()).load(conn).await?)
}

/// Deletes a list and ends everything that was handed out for it; false when the account has none such.
pub(in crate::store) async fn acl_delete(
    conn: &mut Conn,
    account: &AccountId,
    id: &String,
    at: &Time,
) -> Result<bool, StoreError> {
    let own = acls::table.find(id).filter(acls::account_id.eq(account));
    if diesel::delete(own).execute(conn).await? == 0 {
        return Ok(false);
    }
    let live = credentials::table.filter(credentials::acl_id.eq(id)).filter(credentials::revoked_at.is_null());
    diesel::update(live).set(credentials::revoked_at.eq(Some(*at))).execute(conn).await?;
    credentials_changed(conn).await?;
    Ok(true)
}
