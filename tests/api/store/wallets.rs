//! Wallets: keys, owners, names and appearance.

use satchel::{
    domain::{Msat, Wallet, WalletId, filter::WALLETS, wallet::WalletPatch},
    store::{Refusal, Store},
};

use super::fixtures::{NOW, a_wallet_of, an_account, at_once, balance, done, new_wallet, random, refusal, wallet_with};
use crate::databases::on_both;

on_both! {
    either_key_finds_the_wallet_and_its_owner,
    new_keys_replace_the_old_ones,
    a_key_belongs_to_one_wallet,
    a_deleted_wallet_keeps_its_money_and_comes_back,
    a_patch_changes_what_it_names_and_nothing_else,
    patches_of_different_fields_at_once_all_stay,
    a_lightning_address_belongs_to_one_wallet,
    sixteen_at_once_want_one_address_and_one_gets_it,
    a_missing_wallet_is_refused,
    wallets_are_listed_oldest_first_and_paged,
    a_wallet_needs_its_account,
}

async fn by_key(store: &Store, hash: &[u8]) -> Option<Wallet> {
    store.wallet_by_key(hash.to_vec()).await.unwrap().map(|(wallet, _)| wallet)
}

async fn either_key_finds_the_wallet_and_its_owner(store: Store) {
    let account = an_account();
    let wallet = a_wallet_of(&account.id);
    store.account_create(account.clone(), Some(wallet.clone())).await.unwrap();
    new_wallet(&store).await;
    for hash in [&wallet.admin_key_hash, &wallet.invoice_key_hash] {
        let found = store.wallet_by_key(hash.clone()).await.unwrap();
        assert_eq!(found, Some((wallet.clone(), account.clone())));
    }
    assert_eq!(by_key(&store, &random::<32>()).await, None);
    assert_eq!(store.wallet_find(wallet.id.clone()).await.unwrap(), Some(wallet));
}

async fn new_keys_replace_the_old_ones(store: Store) {
    let old = new_wallet(&store).await;
    let new = Wallet {
        admin_key_hash: random::<32>().into(),
        invoice_key_hash: random::<32>().into(),
        admin_key_sealed: vec![3],
        invoice_key_sealed: vec![4],
        updated_at: NOW.plus_seconds(1),
        ..old.clone()
    };
    store.wallet_rekey(new.clone()).await.unwrap();
    assert_eq!(by_key(&store, &old.admin_key_hash).await, None);
    assert_eq!(by_key(&store, &old.invoice_key_hash).await, None);
    assert_eq!(by_key(&store, &new.admin_key_hash).await, Some(new.clone()));
    assert_eq!(by_key(&store, &new.invoice_key_hash).await, Some(new));
}

async fn a_key_belongs_to_one_wallet(store: Store) {
    let wallet = new_wallet(&store).await;
    for (admin, invoice) in
        [(wallet.admin_key_hash.clone(), random::<32>().into()), (random::<32>().into(), wallet.invoice_key_hash)]
    {
        let same = Wallet { admin_key_hash: admin, invoice_key_hash: invoice, ..a_wallet_of(&wallet.account_id) };
        assert!(store.wallet_create(same).await.is_err());
    }
    assert_eq!(store.wallet_list(wallet.account_id, true).await.unwrap().len(), 1);
}

async fn a_deleted_wallet_keeps_its_money_and_comes_back(store: Store) {
    let id = wallet_with(&store, 5000).await;
    let set = async |deleted| store.wallet_set_deleted(id.clone(), deleted, NOW.plus_seconds(1)).await;
    assert!(matches!(refusal(set(false).await), Refusal::Missing("wallet")));
    set(true).await.unwrap();
    assert!(matches!(refusal(set(true).await), Refusal::Missing("wallet")));
    let wallet = store.wallet_find(id.clone()).await.unwrap().unwrap();
    assert!(wallet.deleted && wallet.balance_msat == Msat(5000));
    assert_eq!(store.wallet_list(wallet.account_id.clone(), false).await.unwrap(), []);
    assert_eq!(store.wallet_list(wallet.account_id.clone(), true).await.unwrap(), [wallet]);
    let renamed = store.wallet_patch(id.clone(), WalletPatch::default(), NOW).await;
    assert!(matches!(refusal(renamed), Refusal::Missing("wallet")));
    set(false).await.unwrap();
    assert!(!store.wallet_find(id.clone()).await.unwrap().unwrap().deleted);
    assert_eq!(balance(&store, &id).await, 5000);
}

async fn a_patch_changes_what_it_names_and_nothing_else(store: Store) {
    let wallet = new_wallet(&store).await;
    let at = NOW.plus_seconds(9);
    let patch = async |patch| store.wallet_patch(wallet.id.clone(), patch, at).await.unwrap();
    let named =
        patch(WalletPatch { name: Some("rent".into()), currency: Some(Some("EUR".into())), ..WalletPatch::default() })
            .await;
    assert_eq!((named.name.as_str(), named.currency.as_deref(), named.updated_at), ("rent", Some("EUR"), at));
    assert_eq!((&named.admin_key_hash, named.created_at), (&wallet.admin_key_hash, wallet.created_at));
    let shown = patch(WalletPatch { color: Some("red".into()), pinned: Some(true), ..WalletPatch::default() }).await;
    assert_eq!((shown.name.as_str(), shown.currency.as_deref()), ("rent", Some("EUR")));
    let shown = shown.appearance();
    assert_eq!((shown.icon.as_str(), shown.color.as_str(), shown.pinned), ("flash_on", "red", true));
    let cleared =
        patch(WalletPatch { currency: Some(None), icon: Some("star".into()), ..WalletPatch::default() }).await;
    assert_eq!(
        (cleared.currency.as_deref(), cleared.appearance().icon.as_str(), cleared.appearance().pinned),
        (None, "star", true)
    );
    assert_eq!(store.wallet_find(wallet.id.clone()).await.unwrap(), Some(cleared));
}

async fn patches_of_different_fields_at_once_all_stay(store: Store) {
    let id = new_wallet(&store).await.id;
    let outcomes = at_once(30, |number| {
        let (store, id) = (store.clone(), id.clone());
        let word = || Some(format!("new{number}"));
        let patch = match number % 5 {
            0 => WalletPatch { name: Some("new".into()), ..WalletPatch::default() },
            1 => WalletPatch { currency: Some(Some("CHF".into())), ..WalletPatch::default() },
            2 => WalletPatch { lightning_address: word(), ..WalletPatch::default() },
            3 => WalletPatch { icon: word(), ..WalletPatch::default() },
            _ => WalletPatch { color: word(), ..WalletPatch::default() },
        };
        async move { store.wallet_patch(id, patch, NOW).await }
    });
    assert_eq!(done(outcomes.await), 30);
    let wallet = store.wallet_find(id).await.unwrap().unwrap();
    let shown = wallet.appearance();
    assert_eq!((wallet.name.as_str(), wallet.currency.as_deref()), ("new", Some("CHF")));
    for word in [wallet.lightning_address.unwrap(), shown.icon, shown.color] {
        assert!(word.starts_with("new"), "{word} is the old one");
    }
}

fn address(text: &str) -> WalletPatch {
    WalletPatch { lightning_address: Some(text.into()), ..WalletPatch::default() }
}

async fn a_lightning_address_belongs_to_one_wallet(store: Store) {
    let (one, other) = (new_wallet(&store).await.id, new_wallet(&store).await.id);
    store.wallet_patch(one.clone(), address("ana"), NOW).await.unwrap();
    store.wallet_patch(one, address("ana"), NOW).await.unwrap();
    let taken = store.wallet_patch(other.clone(), address("ana"), NOW).await;
    assert!(matches!(refusal(taken), Refusal::Taken("lightning address")));
    store.wallet_patch(other, address("bea"), NOW).await.unwrap();
}

async fn sixteen_at_once_want_one_address_and_one_gets_it(store: Store) {
    let outcomes = at_once(16, |_| {
        let store = store.clone();
        async move {
            let wallet = new_wallet(&store).await;
            store.wallet_patch(wallet.id, address("ana"), NOW).await
        }
    });
    assert_eq!(done(outcomes.await), 1);
}

async fn a_missing_wallet_is_refused(store: Store) {
    let nobody = WalletId::from(random::<16>());
    assert_eq!(store.wallet_find(nobody.clone()).await.unwrap(), None);
    assert_eq!(store.wallet_balance(nobody.clone()).await.unwrap(), None);
    assert_eq!(store.balance(&nobody).await.unwrap(), None);
    assert!(matches!(refusal(store.wallet_patch(nobody, address("x"), NOW).await), Refusal::Missing("wallet")));
}

async fn wallets_are_listed_oldest_first_and_paged(store: Store) {
    let first = new_wallet(&store).await;
    for number in 1..5 {
        let wallet = Wallet {
            name: format!("w{number}"),
            created_at: NOW.plus_seconds(10 - number),
            ..a_wallet_of(&first.account_id)
        };
        store.wallet_create(wallet).await.unwrap();
    }
    new_wallet(&store).await;
    let names = |wallets: Vec<Wallet>| wallets.into_iter().map(|wallet| wallet.name).collect::<Vec<_>>();
    assert_eq!(
        names(store.wallet_list(first.account_id.clone(), false).await.unwrap()),
        ["tea", "w4", "w3", "w2", "w1"]
    );
    let page = async |query: &[(&str, &str)]| {
        let query: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (page, count) =
            store.wallet_page(first.account_id.clone(), WALLETS.listing(&query).unwrap()).await.unwrap();
        (names(page), count)
    };
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(page(&[("limit", "2"), ("offset", "1")]).await, (texts(&["w4", "w3"]), 5));
    assert_eq!(page(&[("sortby", "name"), ("direction", "desc"), ("limit", "2")]).await, (texts(&["w4", "w3"]), 5));
    assert_eq!(page(&[("search", "W1")]).await, (texts(&["w1"]), 1));
    assert_eq!(page(&[("name[in]", "w1,tea,else")]).await, (texts(&["tea", "w1"]), 2));
}

async fn a_wallet_needs_its_account(store: Store) {
    let orphan = a_wallet_of(&satchel::domain::AccountId::from(random::<16>()));
    assert!(store.wallet_create(orphan.clone()).await.is_err());
    assert_eq!(store.wallet_find(orphan.id).await.unwrap(), None);
}
