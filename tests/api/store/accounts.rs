//! Accounts, login sessions and counters.

use satchel::{
    domain::{Account, AccountId, SessionId, account::Session},
    store::{Refusal, Store},
};

use super::fixtures::{NOW, a_wallet_of, an_account, at_once, done, named, random, refusal};
use crate::databases::on_both;

on_both! {
    an_account_is_found_by_id_by_name_and_by_email,
    a_name_is_taken_whatever_its_case,
    sixteen_at_once_want_one_name_and_one_gets_it,
    an_account_is_written_only_as_it_was_read,
    sixteen_rename_themselves_at_once_and_one_gets_the_name,
    an_account_whose_wallet_cannot_be_written_is_not_written,
    there_is_one_super_user,
    the_first_install_happens_once,
    sixteen_first_installs_at_once_and_one_happens,
    a_session_ends_once_and_stays_ended,
    all_sessions_but_one_end,
    a_counter_never_goes_back,
    a_counter_raised_by_many_ends_at_the_highest,
    whatever_changes_a_credential_moves_the_counter,
}

async fn an_account_is_found_by_id_by_name_and_by_email(store: Store) {
    let account = Account { email: Some("A@b.co".into()), email_key: Some("a@b.co".into()), ..named("Alice") };
    store.account_create(account.clone(), None).await.unwrap();
    assert_eq!(store.account_find(account.id.clone()).await.unwrap(), Some(account.clone()));
    assert_eq!(store.account_by_login("alice".into()).await.unwrap(), Some(account.clone()));
    assert_eq!(store.account_by_login("a@b.co".into()).await.unwrap(), Some(account));
    assert_eq!(store.account_by_login("bob".into()).await.unwrap(), None);
    assert_eq!(store.account_find(AccountId::from(random::<16>())).await.unwrap(), None);
}

async fn a_name_is_taken_whatever_its_case(store: Store) {
    let alice = Account { email: Some("a@b.co".into()), email_key: Some("a@b.co".into()), ..named("Alice") };
    store.account_create(alice.clone(), None).await.unwrap();
    assert!(matches!(refusal(store.account_create(named("aLICE"), None).await), Refusal::Taken("username")));
    let same_email = Account { email_key: alice.email_key.clone(), ..named("bob") };
    assert!(matches!(refusal(store.account_create(same_email, None).await), Refusal::Taken("email")));
    let bob = named("bob");
    store.account_create(bob.clone(), None).await.unwrap();
    let renamed = Account { username_key: alice.username_key.clone(), ..bob.clone() };
    assert!(matches!(refusal(store.account_update(renamed, bob.updated_at).await), Refusal::Taken("username")));
    assert_eq!(store.account_find(bob.id.clone()).await.unwrap(), Some(bob));
}

async fn sixteen_at_once_want_one_name_and_one_gets_it(store: Store) {
    let outcomes = at_once(16, |number| {
        let store = store.clone();
        async move { store.account_create(named(if number % 2 == 0 { "Carol" } else { "cAROL" }), None).await }
    });
    assert_eq!(done(outcomes.await), 1);
}

async fn an_account_is_written_only_as_it_was_read(store: Store) {
    let account = an_account();
    store.account_create(account.clone(), None).await.unwrap();
    let (was, later) = (account.updated_at, account.updated_at.plus_seconds(1));
    let password = Account { password_hash: Some("new".into()), updated_at: later, ..account.clone() };
    store.account_update(password.clone(), was).await.unwrap();
    let stale = Account { extra: "{}".into(), updated_at: later, ..account };
    assert!(matches!(refusal(store.account_update(stale, was).await), Refusal::Changed("account")));
    assert_eq!(store.account_find(password.id.clone()).await.unwrap(), Some(password));
}

async fn sixteen_rename_themselves_at_once_and_one_gets_the_name(store: Store) {
    let outcomes = at_once(16, |_| {
        let store = store.clone();
        async move {
            let account = an_account();
            store.account_create(account.clone(), None).await?;
            let was = account.updated_at;
            store.account_update(Account { username_key: Some("dave".into()), ..account }, was).await
        }
    });
    assert_eq!(done(outcomes.await), 1);
}

async fn an_account_whose_wallet_cannot_be_written_is_not_written(store: Store) {
    let (first, second) = (an_account(), an_account());
    let wallet = a_wallet_of(&first.id);
    store.account_create(first, Some(wallet.clone())).await.unwrap();
    let same_keys = satchel::domain::Wallet { admin_key_hash: wallet.admin_key_hash, ..a_wallet_of(&second.id) };
    assert!(store.account_create(second.clone(), Some(same_keys)).await.is_err());
    assert_eq!(store.account_find(second.id).await.unwrap(), None);
}

async fn there_is_one_super_user(store: Store) {
    assert_eq!(store.account_super_user().await.unwrap(), None);
    let supers = || Account { super_user: true, ..an_account() };
    let first = supers();
    store.account_create(first.clone(), None).await.unwrap();
    assert!(store.account_create(supers(), None).await.is_err());
    store.account_create(an_account(), None).await.unwrap();
    assert_eq!(store.account_super_user().await.unwrap(), Some(first));
}

fn before_the_install() -> Account {
    Account { super_user: true, provider: "env".into(), ..an_account() }
}

fn installed(account: &Account, name: &str) -> Account {
    Account { username_key: Some(name.into()), provider: "lnbits".into(), ..account.clone() }
}

async fn the_first_install_happens_once(store: Store) {
    let account = before_the_install();
    store.account_create(account.clone(), None).await.unwrap();
    store.account_create(named("taken"), None).await.unwrap();
    let outcome = store.account_first_install(installed(&account, "taken")).await;
    assert!(matches!(refusal(outcome), Refusal::Taken("username")));
    store.account_first_install(installed(&account, "boss")).await.unwrap();
    let again = store.account_first_install(installed(&account, "thief")).await;
    assert!(matches!(refusal(again), Refusal::Done(_)));
    assert_eq!(store.account_by_login("boss".into()).await.unwrap().map(|found| found.id), Some(account.id));
}

async fn sixteen_first_installs_at_once_and_one_happens(store: Store) {
    let account = before_the_install();
    store.account_create(account.clone(), None).await.unwrap();
    let outcomes = at_once(16, |number| {
        let (store, account) = (store.clone(), installed(&account, &format!("boss{number}")));
        async move { store.account_first_install(account).await }
    });
    assert_eq!(done(outcomes.await), 1);
}

async fn a_session(store: &Store, account: &AccountId) -> Session {
    let session = Session {
        id: SessionId::from(random::<16>()),
        account_id: account.clone(),
        created_at: NOW,
        expires_at: NOW.plus_seconds(3600),
        revoked_at: None,
        user_agent: "browser".into(),
        last_used_at: None,
        last_used_ip: None,
        impersonated_by: None,
    };
    store.session_create(session.clone()).await.unwrap();
    session
}

async fn revoked_at(store: &Store, session: &Session) -> Option<satchel::domain::Time> {
    store.session_find(session.id.clone()).await.unwrap().unwrap().0.revoked_at
}

async fn a_session_ends_once_and_stays_ended(store: Store) {
    let account = an_account();
    store.account_create(account.clone(), None).await.unwrap();
    let session = a_session(&store, &account.id).await;
    assert_eq!(store.session_find(session.id.clone()).await.unwrap(), Some((session.clone(), account)));
    store.session_revoke(session.id.clone(), NOW.plus_seconds(1)).await.unwrap();
    store.session_revoke(session.id.clone(), NOW.plus_seconds(2)).await.unwrap();
    assert_eq!(revoked_at(&store, &session).await, Some(NOW.plus_seconds(1)));
    assert_eq!(store.session_find(SessionId::from(random::<16>())).await.unwrap(), None);
}

async fn all_sessions_but_one_end(store: Store) {
    let (one, other) = (an_account(), an_account());
    store.account_create(one.clone(), None).await.unwrap();
    store.account_create(other.clone(), None).await.unwrap();
    let (kept, ended) = (a_session(&store, &one.id).await, a_session(&store, &one.id).await);
    let foreign = a_session(&store, &other.id).await;
    store.session_revoke_others(one.id.clone(), Some(kept.id.clone()), NOW).await.unwrap();
    assert_eq!(revoked_at(&store, &kept).await, None);
    assert_eq!(revoked_at(&store, &ended).await, Some(NOW));
    store.session_revoke_others(one.id, None, NOW.plus_seconds(5)).await.unwrap();
    assert_eq!(revoked_at(&store, &kept).await, Some(NOW.plus_seconds(5)));
    assert_eq!(revoked_at(&store, &ended).await, Some(NOW));
    assert_eq!(revoked_at(&store, &foreign).await, None);
}

async fn a_counter_never_goes_back(store: Store) {
    let count = async || store.counter("lnd".into()).await.unwrap();
    assert_eq!(count().await, 0);
    for (raise, then) in [(5, 5), (3, 5), (5, 5), (9, 9)] {
        store.counter_raise("lnd".into(), raise).await.unwrap();
        assert_eq!(count().await, then);
    }
    assert_eq!(store.counter("cln".into()).await.unwrap(), 0);
}

async fn a_counter_raised_by_many_ends_at_the_highest(store: Store) {
    let outcomes = at_once(32, |number| {
        let store = store.clone();
        async move { store.counter_raise("lnd".into(), i64::try_from(number * 7 % 32).unwrap()).await }
    });
    assert_eq!(done(outcomes.await), 32);
    assert_eq!(store.counter("lnd".into()).await.unwrap(), 31);
}

async fn whatever_changes_a_credential_moves_the_counter(store: Store) {
    let account = an_account();
    let wallet = a_wallet_of(&account.id);
    store.account_create(account.clone(), Some(wallet.clone())).await.unwrap();
    let session = a_session(&store, &account.id).await;
    let mut last = store.counter("credentials".into()).await.unwrap();
    for step in 0..6 {
        match step {
            0 => store.account_update(account.clone(), account.updated_at).await.unwrap(),
            1 => store.wallet_rekey(wallet.clone()).await.unwrap(),
            2 => store.wallet_set_deleted(wallet.id.clone(), true, NOW).await.unwrap(),
            3 => store.wallet_set_deleted(wallet.id.clone(), false, NOW).await.unwrap(),
            4 => store.session_revoke(session.id.clone(), NOW).await.unwrap(),
            _ => store.session_revoke_others(account.id.clone(), None, NOW).await.unwrap(),
        }
        let now = store.counter("credentials".into()).await.unwrap();
        assert!(now > last, "step {step}");
        last = now;
    }
}
