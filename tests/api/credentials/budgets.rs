//! Limits and budgets (scenarios 43, 52–55): what a credential may spend, whatever happens at the same time.

use std::{sync::Arc, time::Duration};

use satchel::{
    domain::{
        CredentialId, Msat, Status, Time,
        credential::{Budget, Period, Restrictions},
    },
    funding::simulated::{Ending, Script},
    ledger::Spent,
};
use serde_json::json;

use super::kit::{Holder, Minted, budget, code, invoice_of};
use crate::harness::{Plan, Server, Wallet, hash_of};

const DAY: i64 = 24 * 3600;

async fn spent(server: &Server, key: &Minted, sat: i64, period: Period) -> Spent {
    let budget = Budget { credential: key.id.clone(), limit: Msat(sat * 1000), period };
    server.ledger().budget_spent(&budget).await.unwrap()
}

/// All windows of a credential, oldest first: when they began, and what was spent.
async fn windows(plan: &Arc<crate::databases::Database>, id: &CredentialId) -> Vec<(i64, i64)> {
    let sql = format!(
        "SELECT window_start || ' ' || spent_msat AS line FROM budget_windows WHERE credential_id = '{id}' \
         ORDER BY window_start"
    );
    let lines = plan.lines(&sql).await;
    let of = |line: &String| {
        let (start, spent) = line.split_once(' ').unwrap();
        (Time(start.parse().unwrap()).unix(), spent.parse().unwrap())
    };
    lines.iter().map(of).collect()
}

/// A payment to the outside that stays in flight.
async fn in_flight(server: &Server, key: &Minted, msat: i64) -> (u16, String) {
    let bolt11 = server.outside_invoice(msat, "");
    server.node.script(&hash_of(&bolt11), Script::Never);
    (key.pay(&bolt11).await.status, bolt11)
}

async fn until_ended(server: &Server, bolt11: &str, status: Status) {
    for _ in 0..1200 {
        server.clock.advance(1);
        let found = server.ledger().find(&hash_of(bolt11).to_string(), None).await.unwrap();
        if found.status == status {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{bolt11} never became {status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_above_the_keys_limit_is_refused_by_name() {
    let server = Server::start().await;
    let (alice, shop) = (Holder::new(&server, "alice", 10_000).await, server.wallet(0).await);
    let limits = Restrictions { max_amount_msat: Some(100_000), ..Restrictions::default() };
    let key = alice.mint(&server, limits, None).await;
    let wide = Restrictions { max_amount_msat: Some(500_000), ..Restrictions::default() };
    let child = alice.mint(&server, wide, Some(&key)).await;
    for bolt11 in [invoice_of(&shop, 101).await, server.outside_invoice(100_001, "")] {
        for key in [&key, &child] {
            let refused = key.pay(&bolt11).await;
            assert_eq!(code(&refused), (403, "limit_exceeded"), "{}", refused.text);
            let said = (&refused.body["exceeded"], &refused.body["limit"], &refused.body["status"]);
            assert_eq!(said, (&json!("max_amount_msat"), &json!(100_000), &json!("failed")));
        }
    }
    assert_eq!(alice.balance(&server).await, 10_000_000);
    for bolt11 in [invoice_of(&shop, 100).await, server.outside_invoice(100_000, "")] {
        assert_eq!(child.pay(&bolt11).await.status, 201);
    }
    assert_eq!(code(&key.pay("nonsense").await), (520, "invalid_invoice"));
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_fee_limit_lowers_the_payments_own() {
    let server = Server::start().await;
    let (alice, shop) = (Holder::new(&server, "alice", 10_000).await, server.wallet(0).await);
    let limits = Restrictions { max_fee_msat: Some(700), ..Restrictions::default() };
    let key = alice.mint(&server, limits, None).await;
    for (asked, expected) in [(None, 700), (Some(5000), 700), (Some(300), 300)] {
        let bolt11 = server.outside_invoice(100_000, "");
        let mut order = super::kit::order(&bolt11);
        if let Some(asked) = asked {
            order["fee_limit_msat"] = json!(asked);
        }
        assert_eq!(key.caller.post("/api/v1/payments", order).await.status, 201);
        let paid = server.ledger().find(&hash_of(&bolt11).to_string(), Some(&alice.wallet)).await.unwrap();
        assert_eq!(paid.fee_limit_msat, Msat(expected));
    }
    let dear = key.pay(&server.outside_invoice(100_000, "sim:fee 701")).await;
    assert_eq!(code(&dear), (520, "payment_failed"));
    assert_eq!(key.pay(&invoice_of(&shop, 100).await).await.status, 201, "inside nothing is routed");
    server.assert_sound().await;
}

/// Twenty payments of 1000 sat at once on a budget of 10 000 sat, over both servers.
async fn exactly_as_many_as_fit(servers: [&Server; 2]) {
    let server = servers[0];
    let (alice, shop) = (Holder::new(server, "alice", 100_000).await, server.wallet(0).await);
    // a key of its own for each kind of payment; those outside hold the fee cap besides, 1010 sat in all
    for (outside, fit) in [(false, 10), (true, 9)] {
        let key = alice.mint(server, budget(10_000, Period::Month), None).await;
        let mut orders = Vec::new();
        for number in 0..20 {
            let bolt11 = if outside { server.outside_invoice(1_000_000, "") } else { invoice_of(&shop, 1000).await };
            if outside {
                server.node.script(&hash_of(&bolt11), Script::Never);
            }
            let caller = servers[number % 2].key(&key.secret);
            orders.push(async move { caller.post("/api/v1/payments", super::kit::order(&bolt11)).await });
        }
        let before = alice.balance(server).await;
        let answers = futures_util::future::join_all(orders).await;
        let done = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(done, fit);
        let cost = if outside { 1_010_000 } else { 1_000_000 };
        for refused in answers.iter().filter(|answer| answer.status != 201) {
            assert_eq!(code(refused), (403, "budget_exceeded"), "{}", refused.text);
            assert_eq!(
                (&refused.body["exceeded"], &refused.body["limit"]),
                (&json!("budget_msat"), &json!(10_000_000))
            );
            assert!(refused.body["left_msat"].as_i64().unwrap() < cost, "{}", refused.text);
            assert!(refused.body["resets_at"].as_str().unwrap().contains("-01T00:00:00"), "{}", refused.text);
        }
        let total = i64::try_from(fit).unwrap() * cost;
        assert_eq!(before - alice.balance(server).await, total, "what was refused holds nothing");
        assert_eq!(spent(server, &key, 10_000, Period::Month).await.spent, Msat(total));
    }
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s52_twenty_payments_at_once_spend_what_the_budget_has_on_sqlite() {
    let server = Server::start().await;
    exactly_as_many_as_fit([&server, &server]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s52_twenty_payments_at_once_spend_what_the_budget_has_over_two_servers() {
    let server = Plan::postgres().await.start().await;
    let twin = server.twin().start().await;
    exactly_as_many_as_fit([&server, &twin]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s07_what_routing_did_not_cost_returns_to_the_budget_and_a_failure_returns_all() {
    let server = Server::start().await;
    let alice = Holder::new(&server, "alice", 10_000).await;
    let key = alice.mint(&server, budget(2000, Period::Day), None).await;
    assert_eq!(key.pay(&server.outside_invoice(1_000_000, "sim:fee 3000")).await.status, 201);
    assert_eq!(spent(&server, &key, 2000, Period::Day).await.spent, Msat(1_003_000));
    let failed = key.pay(&server.outside_invoice(900_000, "sim:fail")).await;
    assert_eq!(code(&failed), (520, "payment_failed"));
    let refused = key.pay(&server.outside_invoice(900_000, "sim:refused")).await;
    assert_eq!(refused.status, 503);
    let now = spent(&server, &key, 2000, Period::Day).await;
    assert_eq!((now.spent, now.left()), (Msat(1_003_000), Msat(997_000)));
    // amount and fee cap have to fit: 988 + 9.88 do not, 987 + 9.87 do
    assert_eq!(code(&key.pay(&server.outside_invoice(988_000, "")).await), (403, "budget_exceeded"));
    assert_eq!(key.pay(&server.outside_invoice(987_000, "")).await.status, 201);
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s53_a_new_day_begins_at_midnight_and_a_clock_that_goes_back_does_not_bring_yesterday_back() {
    let plan = Plan::sqlite().seeded();
    let database = Arc::clone(&plan.database);
    let server = plan.start().await;
    let (alice, shop) = (Holder::new(&server, "alice", 100_000).await, server.wallet(0).await);
    let key = alice.mint(&server, budget(1000, Period::Day), None).await;
    let pay = async |sat: i64| key.pay(&invoice_of(&shop, sat).await).await;
    // half an hour before midnight
    let today = server.clock.now().unix() / DAY * DAY;
    server.clock.advance(today + DAY - 1800 - server.clock.now().unix());
    assert_eq!(pay(600).await.status, 201);
    let refused = pay(401).await;
    assert_eq!((&refused.body["left_msat"], refused.status), (&json!(400_000), 403));
    assert_eq!(refused.body["resets_at"], json!(Time::from_unix(today + DAY).to_string()));
    server.clock.advance(1799);
    assert_eq!(pay(401).await.status, 403, "a second before midnight");
    server.clock.advance(1);
    assert_eq!(pay(900).await.status, 201, "at midnight");
    server.clock.advance(-3600);
    let back = pay(101).await;
    assert_eq!((back.status, &back.body["left_msat"]), (403, &json!(100_000)), "yesterday's 400 sat are gone");
    assert_eq!(back.body["resets_at"], json!(Time::from_unix(today + 2 * DAY).to_string()));
    assert_eq!(pay(100).await.status, 201);
    server.clock.advance(3600);
    assert_eq!(pay(1).await.status, 403);
    assert_eq!(windows(&database, &key.id).await, [(today, 600_000), (today + DAY, 1_000_000)]);
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s54_a_payment_across_midnight_counts_on_the_day_of_its_hold() {
    let plan = Plan::sqlite().seeded();
    let database = Arc::clone(&plan.database);
    let server = plan.start().await;
    let alice = Holder::new(&server, "alice", 100_000).await;
    let key = alice.mint(&server, budget(2100, Period::Day), None).await;
    let today = server.clock.now().unix() / DAY * DAY;
    let (status, paid) = in_flight(&server, &key, 1_000_000).await;
    let (also, failed) = in_flight(&server, &key, 1_000_000).await;
    assert_eq!((status, also), (201, 201));
    assert_eq!(windows(&database, &key.id).await, [(today, 2_020_000)]);
    server.clock.advance(DAY);
    assert_eq!(spent(&server, &key, 2100, Period::Day).await.spent, Msat::ZERO, "a new day");
    assert_eq!(key.pay(&server.outside_invoice(500_000, "")).await.status, 201);
    let tomorrow = windows(&database, &key.id).await[1];
    assert!(server.node.resolve(&hash_of(&paid), Ending::Paid));
    until_ended(&server, &paid, Status::Success).await;
    assert!(server.node.resolve(&hash_of(&failed), Ending::Failed("no route".into())));
    until_ended(&server, &failed, Status::Failed).await;
    let fee = server.ledger().find(&hash_of(&paid).to_string(), None).await.unwrap().fee_msat.0;
    assert_eq!(windows(&database, &key.id).await, [(today, 1_000_000 + fee), tomorrow]);
    server.assert_sound().await;
}

/// s43, s19: what is in flight for a day counts all the while, and what was given up and paid after all counts too.
#[tokio::test(flavor = "multi_thread")]
async fn s43_what_is_in_flight_stays_charged_and_a_late_success_is_charged_after_all() {
    let server = Plan::sqlite().seeded().start().await;
    let alice = Holder::new(&server, "alice", 100_000).await;
    let key = alice.mint(&server, budget(2000, Period::Month), None).await;
    let (_, bolt11) = in_flight(&server, &key, 1_000_000).await;
    for _ in 0..24 {
        server.clock.advance(3600);
        assert_eq!(spent(&server, &key, 2000, Period::Month).await.spent, Msat(1_010_000));
    }
    assert_eq!(in_flight(&server, &key, 1_000_000).await.0, 403);
    assert!(server.node.resolve(&hash_of(&bolt11), Ending::Failed("no route".into())));
    until_ended(&server, &bolt11, Status::Failed).await;
    assert_eq!(spent(&server, &key, 2000, Period::Month).await.spent, Msat::ZERO);
    assert_eq!(in_flight(&server, &key, 1_500_000).await.0, 201);
    assert!(server.node.resolve(&hash_of(&bolt11), Ending::Paid), "the node was wrong");
    until_ended(&server, &bolt11, Status::Success).await;
    let paid = server.ledger().find(&hash_of(&bolt11).to_string(), None).await.unwrap();
    let now = spent(&server, &key, 2000, Period::Month).await;
    let expected = 1_000_000 + paid.fee_msat.0 + 1_515_000;
    assert_eq!((now.spent, now.left()), (Msat(expected), Msat::ZERO), "beyond the budget, as it was");
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s55_children_share_the_budget_of_their_parent_and_end_with_it() {
    let server = Server::start().await;
    let (alice, shop) = (Holder::new(&server, "alice", 100_000).await, server.wallet(0).await);
    let parent = alice.mint(&server, budget(1000, Period::Week), None).await;
    let one = alice.mint(&server, budget(5000, Period::Day), Some(&parent)).await;
    let other = alice.mint(&server, budget(300, Period::Month), Some(&parent)).await;
    let grandchild = alice.mint(&server, Restrictions::default(), Some(&one)).await;
    let pay = async |key: &Minted, shop: &Wallet, sat: i64| key.pay(&invoice_of(shop, sat).await).await;
    assert_eq!(pay(&one, &shop, 500).await.status, 201);
    let refused = pay(&other, &shop, 301).await;
    assert_eq!((code(&refused), &refused.body["limit"]), ((403, "budget_exceeded"), &json!(300_000)), "its own");
    assert_eq!(pay(&other, &shop, 300).await.status, 201);
    let refused = pay(&grandchild, &shop, 201).await;
    assert_eq!((&refused.body["limit"], &refused.body["left_msat"]), (&json!(1_000_000), &json!(200_000)), "shared");
    assert_eq!(pay(&grandchild, &shop, 200).await.status, 201);
    for key in [&parent, &one, &grandchild] {
        assert_eq!(pay(key, &shop, 1).await.status, 403);
    }
    assert_eq!(spent(&server, &one, 5000, Period::Day).await.spent, Msat(700_000), "what was refused is not charged");
    assert_eq!(spent(&server, &parent, 1000, Period::Week).await.spent, Msat(1_000_000));
    let wallet = alice.session.get("/api/v1/wallet").await.ok();
    assert_eq!(wallet["balance"], 99_000_000);
    server.store.credential_revoke(alice.account.clone(), parent.id.clone(), server.clock.now()).await.unwrap();
    for key in [&one, &other, &grandchild] {
        for _ in 0..40 {
            if key.caller.get("/api/v1/wallet").await.status == 401 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(pay(key, &shop, 1).await.status, 401);
    }
    server.assert_sound().await;
}
