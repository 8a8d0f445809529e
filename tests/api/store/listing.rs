//! Lists of payments: the filter grammar, as both databases answer it.

use satchel::{
    domain::{
        Kind, Msat, Status, Time, WalletId,
        filter::{Listing, PAYMENTS},
        payment::{NewPayment, Scope},
    },
    store::Store,
};

use super::fixtures::{NOW, a_wallet_of, an_attempt, an_invoice, new_wallet};
use crate::databases::on_both;

on_both! {
    every_operator_compares_texts,
    every_operator_compares_numbers,
    every_operator_compares_times,
    every_operator_compares_lists,
    no_operator_on_any_field_is_an_error,
    a_search_takes_its_text_literally,
    a_search_looks_at_every_searchable_field,
    lists_are_sorted_both_ways_and_newest_first_otherwise,
    what_has_no_value_sorts_first_everywhere,
    pages_cover_everything_once,
    a_list_stays_within_its_scope,
    a_payment_is_found_by_hash_and_by_checking_id,
    labels_and_extra_change_without_losing_another_change,
    a_remembered_total_stays_exact,
}

/// Six payments, named by their memos: a to f, oldest first.
async fn six(store: &Store) -> WalletId {
    let wallet = new_wallet(store).await.id;
    let at = |seconds| NOW.plus_seconds(seconds);
    let invoice = || an_invoice(&wallet, 1000);
    let labels = |text: &str| text.to_owned();
    let six = [
        NewPayment {
            memo: "a 100% tea_pot".into(),
            tag: Some("shop".into()),
            labels: labels(r#"["rent","food"]"#),
            ..invoice()
        },
        NewPayment {
            memo: "b 1000 teaspots".into(),
            amount_msat: Msat(2000),
            labels: labels(r#"["Rent"]"#),
            ..invoice()
        },
        NewPayment {
            memo: r#"c it's "quoted" \ !"#.into(),
            amount_msat: Msat(3000),
            tag: Some("lnurlp".into()),
            ..invoice()
        },
        NewPayment {
            memo: "d ÄPFEL und Öl".into(),
            status: Status::Success,
            external_id: Some("order-1".into()),
            ..invoice()
        },
        NewPayment { memo: "e out".into(), labels: labels(r#"["food"]"#), ..an_attempt(&wallet, 5000, 50) },
        NewPayment {
            memo: "f failed".into(),
            status: Status::Failed,
            hold_msat: Msat::ZERO,
            kind: Kind::External,
            ..an_attempt(&wallet, 6000, 0)
        },
    ];
    for (number, payment) in six.into_iter().enumerate() {
        let created_at = at(i64::try_from(number).unwrap());
        store.invoice_create(NewPayment { created_at, ..payment }).await.unwrap();
    }
    wallet
}

fn listing(query: &str) -> Listing {
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap());
    let pairs: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    PAYMENTS.listing(&pairs).unwrap()
}

/// First letters of the memos, in the list's order.
async fn letters(store: &Store, wallet: &WalletId, query: &str) -> String {
    let found = store.payment_list(Scope::Wallet(wallet.clone()), listing(query)).await.unwrap();
    found.iter().map(|payment| payment.memo.chars().next().unwrap()).collect()
}

/// Each line: a query and the letters it finds, newest first. The count must agree.
async fn check(store: &Store, cases: &[(&str, &str)]) {
    let wallet = six(store).await;
    for (query, expected) in cases {
        assert_eq!(letters(store, &wallet, query).await, *expected, "{query}");
        let count = store.payment_count(Scope::Wallet(wallet.clone()), listing(query)).await.unwrap();
        assert_eq!(usize::try_from(count).unwrap(), expected.len(), "count of {query}");
    }
}

async fn every_operator_compares_texts(store: Store) {
    check(
        &store,
        &[
            ("", "fedcba"),
            ("status=pending", "ecba"),
            ("status[eq]=pending&status[eq]=failed", "fecba"),
            ("status[ne]=pending", "fd"),
            ("status[in]=success, failed", "fd"),
            ("status[ex]=success,failed", "ecba"),
            ("memo[gt]=d", "fed"),
            ("memo[ge]=e out", "fe"),
            ("memo[lt]=b", "a"),
            ("memo[le]=b 1000 teaspots", "ba"),
            ("memo[like]=TEA", "ba"),
            ("memo[like]=100%", "a"),
            ("memo[like]=tea_", "a"),
            ("memo[like]=\"quoted\"", "c"),
            ("memo[like]=it's", "c"),
            ("memo[like]=' OR 1=1 --", ""),
            ("memo[like]=\\", "c"),
            ("memo[like]=!", "c"),
            ("memo[like]=tea&memo[like]=out", "eba"),
            ("memo[like]=ÄPFEL", "d"),
            ("tag=shop", "a"),
            ("tag[ne]=shop", "c"),
            ("tag[in]=shop,lnurlp", "ca"),
            ("external_id=order-1", "d"),
            ("status=pending&tag=shop", "a"),
            ("status=success&tag=shop", ""),
        ],
    )
    .await;
}

async fn every_operator_compares_numbers(store: Store) {
    check(
        &store,
        &[
            ("amount=1000", "da"),
            ("amount[ne]=1000", "fecb"),
            ("amount[gt]=1000", "cb"),
            ("amount[ge]=2000", "cb"),
            ("amount[lt]=0", "fe"),
            ("amount[le]=-6000", "f"),
            ("amount[in]=2000,3000", "cb"),
            ("amount[ex]=2000,3000", "feda"),
            ("amount[like]=000", "fedcba"),
            ("amount[like]=-5", "e"),
            ("amount[like]=%", ""),
            ("amount[gt]=-6000&amount[lt]=2000", "eda"),
            ("fee=-50", "e"),
            ("fee[lt]=0", "e"),
            ("fee[ge]=0", "fdcba"),
            ("amount=9223372036854775807", ""),
        ],
    )
    .await;
}

async fn every_operator_compares_times(store: Store) {
    let start = NOW.unix();
    let query = |operator: &str, seconds: i64| format!("time{operator}={}", start + seconds);
    let cases = [
        (query("", 2), "c"),
        (query("[ne]", 2), "fedba"),
        (query("[gt]", 2), "fed"),
        (query("[ge]", 2), "fedc"),
        (query("[lt]", 2), "ba"),
        (query("[le]", 2), "cba"),
        (format!("time[in]={},{}", start, start + 5), "fa"),
        (format!("time[ex]={},{}", start, start + 5), "edcb"),
        (format!("time[ge]={}&time[lt]={}", start + 1, start + 3), "cb"),
        (format!("time[gt]={}", NOW.plus_seconds(4)), "f"),
    ];
    let cases: Vec<_> = cases.iter().map(|(query, letters)| (query.as_str(), *letters)).collect();
    check(&store, &cases).await;
}

async fn every_operator_compares_lists(store: Store) {
    check(
        &store,
        &[
            ("labels[any]=rent", "a"),
            ("labels[any]=Rent,food", "eba"),
            ("labels[every]=rent,food", "a"),
            ("labels[every]=food", "ea"),
            ("labels[any]=ren", ""),
            ("labels[any]=r%", ""),
            ("labels[any]=____", ""),
            ("labels[like]=RENT", "ba"),
            ("labels=[\"food\"]", "e"),
            ("labels[ne]=[]", "eba"),
        ],
    )
    .await;
}

async fn no_operator_on_any_field_is_an_error(store: Store) {
    let scope = Scope::Wallet(six(&store).await);
    for field in PAYMENTS.0.iter().filter(|field| field.filter) {
        for operator in ["eq", "ne", "gt", "lt", "ge", "le", "like", "in", "ex", "every", "any"] {
            let query = format!("{}[{operator}]=1795000000", field.name);
            let listed = store.payment_list(scope.clone(), listing(&query)).await;
            let listed = listed.unwrap_or_else(|error| panic!("{query}: {error}")).len();
            let counted = store.payment_count(scope.clone(), listing(&query)).await.unwrap();
            assert_eq!(i64::try_from(listed).unwrap(), counted, "{query}");
        }
    }
}

async fn a_search_takes_its_text_literally(store: Store) {
    check(
        &store,
        &[
            ("search=tea", "ba"),
            ("search=TEA", "ba"),
            ("search=tea_", "a"),
            ("search=100%", "a"),
            ("search=it's", "c"),
            ("search=\"quoted\"", "c"),
            ("search=\\", "c"),
            ("search=Äpfel", "d"),
            ("search=ÄPFEL", "d"),
            ("search=Öl", "d"),
            ("search='; DROP TABLE payments; --", ""),
            ("search=tea&amount[gt]=1000", "b"),
        ],
    )
    .await;
}

async fn a_search_looks_at_every_searchable_field(store: Store) {
    check(
        &store,
        &[
            ("search=success", "d"),
            ("search=lnurlp", "c"),
            ("search=order-1", "d"),
            ("search=-5000", "e"),
            ("search=rent", "ba"),
        ],
    )
    .await;
    let wallet = six(&store).await;
    assert_eq!(letters(&store, &wallet, &format!("search={wallet}")).await, "fedcba");
}

async fn lists_are_sorted_both_ways_and_newest_first_otherwise(store: Store) {
    check(
        &store,
        &[
            ("sortby=time&direction=asc", "abcdef"),
            ("sortby=time&direction=desc", "fedcba"),
            ("sortby=time", "abcdef"),
            ("sortby=memo&direction=desc", "fedcba"),
            ("sortby=amount&direction=asc", "fedabc"),
            ("sortby=amount&direction=desc", "cbdaef"),
            ("sortby=fee&direction=asc", "efdcba"),
            ("direction=asc", "fedcba"),
        ],
    )
    .await;
}

async fn what_has_no_value_sorts_first_everywhere(store: Store) {
    check(&store, &[("sortby=tag&direction=asc", "fedbca"), ("sortby=tag&direction=desc", "acfedb")]).await;
}

async fn pages_cover_everything_once(store: Store) {
    let wallet = six(&store).await;
    for sort in ["", "sortby=amount&", "sortby=tag&"] {
        let whole = letters(&store, &wallet, sort.trim_end_matches('&')).await;
        let mut pages = String::new();
        for offset in (0..8).step_by(2) {
            pages += &letters(&store, &wallet, &format!("{sort}limit=2&offset={offset}")).await;
        }
        assert_eq!((pages.as_str(), pages.len()), (whole.as_str(), 6));
    }
    let count = store.payment_count(Scope::Wallet(wallet.clone()), listing("limit=2&offset=4")).await.unwrap();
    assert_eq!(count, 6, "a count has no pages");
    assert_eq!(letters(&store, &wallet, "offset=9223372036854775807").await, "");
}

async fn a_list_stays_within_its_scope(store: Store) {
    let (one, other) = (six(&store).await, six(&store).await);
    let account = store.wallet_find(one.clone()).await.unwrap().unwrap().account_id;
    let second = a_wallet_of(&account);
    store.wallet_create(second.clone()).await.unwrap();
    store.invoice_create(an_invoice(&second.id, 1000)).await.unwrap();
    let count = async |scope| store.payment_count(scope, listing("")).await.unwrap();
    assert_eq!(count(Scope::Wallet(other)).await, 6);
    assert_eq!(count(Scope::Wallet(second.id)).await, 1);
    assert_eq!(count(Scope::Account(account)).await, 7);
    assert_eq!(count(Scope::All).await, 13);
    assert_eq!(letters(&store, &one, &format!("wallet_id={one}")).await, "fedcba");
}

async fn a_payment_is_found_by_hash_and_by_checking_id(store: Store) {
    let wallet = super::fixtures::wallet_with(&store, 5000).await;
    let invoice = super::fixtures::new_invoice(&store, &wallet, 1000).await;
    let moved = store.transfer(super::fixtures::transfer(&wallet, &invoice)).await.unwrap();
    let found = async |name: &str| {
        let found = store.payment_by_name(name.to_owned()).await.unwrap();
        found.into_iter().map(|payment| payment.id).collect::<Vec<_>>()
    };
    assert_eq!(found(invoice.payment_hash.as_str()).await, [moved.sent.id, moved.received.id]);
    assert_eq!(found(&format!("internal_{}", invoice.payment_hash)).await, [moved.sent.id]);
    assert_eq!(found("other_name").await, []);
    assert_eq!(found("").await, []);
}

async fn labels_and_extra_change_without_losing_another_change(store: Store) {
    let wallet = new_wallet(&store).await.id;
    let id = store.invoice_create(an_invoice(&wallet, 1000)).await.unwrap();
    store.payment_set_labels(id, r#"["rent"]"#.into(), NOW.plus_seconds(1)).await.unwrap();
    let add = async |extra: &str, was: &str| {
        store.payment_add_extra(id, extra.into(), was.into(), NOW.plus_seconds(2)).await.unwrap()
    };
    assert!(add(r#"{"a":1}"#, "{}").await);
    assert!(!add(r#"{"b":2}"#, "{}").await);
    let payment = store.payment_find(id).await.unwrap().unwrap();
    assert_eq!((payment.label_list(), payment.extra.as_str()), (vec!["rent".to_owned()], r#"{"a":1}"#));
    assert_eq!(payment.updated_at, NOW.plus_seconds(2));
}

/// What lies far enough back is counted once; what is new, or changed, counts at once all the same.
async fn a_remembered_total_stays_exact(store: Store) {
    let wallet = six(&store).await;
    let total = async |now: Time, query| {
        let scope = Scope::Wallet(wallet.clone());
        store.payment_total(scope, listing(query), now).await.unwrap()
    };
    let later = NOW.plus_seconds(100_000);
    assert_eq!(total(NOW, "").await, 6);
    assert_eq!(total(later, "").await, 6, "now all six are settled");
    let new = NewPayment { created_at: later, ..an_invoice(&wallet, 1000) };
    store.invoice_create(new).await.unwrap();
    assert_eq!(total(later, "").await, 7);
    assert_eq!(total(later.plus_seconds(100_000), "limit=1&offset=3").await, 7, "the page does not matter");
    let counted = store.payment_count(Scope::Wallet(wallet.clone()), listing("tag=shop")).await.unwrap();
    assert_eq!(total(later, "tag=shop").await, counted, "conditions are counted live");
    let new = NewPayment { created_at: later.plus_seconds(100_000), ..an_invoice(&wallet, 1000) };
    store.invoice_create(new).await.unwrap();
    assert_eq!(total(later, "").await, 8, "a clock that went back changes nothing");
}
