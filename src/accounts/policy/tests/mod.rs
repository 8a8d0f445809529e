//! What policies allow and what not.

use super::{Catalogue, Family, Operation, Policy, Right, RouteSet};
use crate::domain::{Msat, Time, share::ShareRights};

#[test]
fn a_route_set_holds_what_was_put_in() {
    let set: RouteSet = [0, 63, 64, 511, 512, 9999].into_iter().collect();
    for number in [0, 63, 64, 511] {
        assert!(set.contains(number));
    }
    for number in [1, 65, 510, 512, 9999] {
        assert!(!set.contains(number));
    }
    assert_eq!(set.and(&[64, 65].into_iter().collect()), [64].into_iter().collect());
}

#[test]
fn families_get_what_their_rights_allow() {
    let operation = |right| Operation { method: "GET".into(), path: "/", fork: "", right };
    let catalogue = Catalogue::new(Right::ALL.iter().copied().map(operation).collect());
    let may = |family| (0..13).filter(|n| catalogue.allowed(family).contains(*n)).collect::<Vec<_>>();
    assert_eq!(may(Family::InvoiceKey), [0, 2, 3]);
    assert_eq!(may(Family::AdminKey), [0, 2, 3, 4, 5, 6]);
    assert_eq!(may(Family::AnonymousKey), [0, 1, 2, 3, 4, 5, 7]);
    assert_eq!(may(Family::ApiKey), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(may(Family::AclToken), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(may(Family::Session), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(may(Family::AdminSession), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    assert_eq!(may(Family::SuperUserSession), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
}

#[test]
fn a_share_allows_what_its_rights_name_and_never_the_rest() {
    let operation = |method: &str, path, right| Operation { method: method.into(), path, fork: "", right };
    let mut operations = vec![
        operation("GET", "/api/v1/wallet", Right::WalletRead),
        operation("GET", "/api/v1/payments", Right::WalletRead),
        operation("DELETE", "/api/v1/wallet", Right::WalletManage),
    ];
    operations.extend(Right::ALL.iter().map(|right| operation("PUT", "/", *right)));
    let catalogue = Catalogue::new(operations);
    let may = |rights| {
        let set = catalogue.shared(rights);
        (0..15).filter(|n| set.contains(*n)).collect::<Vec<_>>()
    };
    let none = ShareRights::default();
    assert_eq!(may(none), [3]);
    assert_eq!(may(ShareRights { receive: true, ..none }), [0, 3, 6]);
    assert_eq!(may(ShareRights { send: true, ..none }), [0, 3, 7]);
    assert_eq!(may(ShareRights::VIEW), [0, 1, 3, 5]);
    assert_eq!(may(ShareRights { view: true, receive: true, send: true, manage: true }), [0, 1, 3, 5, 6, 7, 8]);
}

#[test]
fn what_both_allow_is_what_each_allows() {
    let routes: RouteSet = [1, 2, 3].into_iter().collect();
    let parent = Policy {
        max_amount: Some(Msat(1000)),
        expires_at: Some(Time(5)),
        sources: vec![vec!["10.0.0.0/8".parse().unwrap()]],
        ..Policy::of(routes)
    };
    let child =
        Policy { max_amount: Some(Msat(5000)), max_fee: Some(Msat(7)), ..Policy::of([2, 4].into_iter().collect()) };
    let both = child.within(&parent);
    assert_eq!(both.routes, [2].into_iter().collect());
    assert_eq!((both.max_amount, both.max_fee, both.expires_at), (Some(Msat(1000)), Some(Msat(7)), Some(Time(5))));
    assert!(both.admits("10.1.2.3".parse().unwrap()) && both.admits("::ffff:10.1.2.3".parse().unwrap()));
    assert!(!both.admits("192.0.2.1".parse().unwrap()));
    assert!(both.is_bounded() && !Policy::of(routes).is_bounded());
}
