//! Lists of payments: what is in them, in which order, by which pages; and what they add up to.

use serde_json::{Value, json};

use super::{text, wrong};
use crate::harness::{Plan, Server, Wallet};

/// A wallet with 100 sat, four invoices (one of them paid) and one payment that failed.
async fn filled(server: &Server) -> Wallet {
    let wallet = server.wallet(100).await;
    for (sat, memo, tag) in [(1, "tea", "shop"), (2, "Tea party", "shop"), (3, "coffee", "bar")] {
        server.clock.advance(60);
        let order = json!({ "out": false, "amount": sat, "memo": memo, "extra": { "tag": tag }, "external_id": memo.replace(' ', "-") });
        wallet.invoice.post("/api/v1/payments", order).await.ok();
    }
    server.clock.advance(60);
    let paid = wallet.new_invoice(4).await;
    server.ledger().pay_from_outside(&text(&paid, "bolt11"), None).unwrap();
    server.until(&wallet, &text(&paid, "payment_hash"), satchel::domain::Status::Success).await;
    server.clock.advance(60);
    let failed = wallet.pay(&server.outside_invoice(5000, "sim:fail")).await;
    assert_eq!((failed.status, &failed.body["code"]), (520, &json!("payment_failed")), "{}", failed.text);
    wallet
}

async fn amounts(wallet: &Wallet, path: &str) -> Vec<i64> {
    let answer = wallet.invoice.get(path).await.ok();
    let list = answer.get("data").unwrap_or(&answer).as_array().unwrap();
    list.iter().map(|payment| payment["amount"].as_i64().unwrap() / 1000).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_filter_sort_search_and_page() {
    let server = Plan::sqlite().seeded().start().await;
    let wallet = filled(&server).await;
    server.wallet(7).await;
    for (query, expected) in [
        ("", vec![4, 3, 2, 1, 100]),
        ("limit=2", vec![4, 3]),
        ("limit=2&offset=1", vec![3, 2]),
        ("limit=3&offset=3", vec![1, 100]),
        ("limit=0&sortby=amount", vec![1, 2, 3, 4, 100]),
        ("sortby=amount&direction=desc&limit=2", vec![100, 4]),
        ("sortby=time&direction=asc&limit=1", vec![100]),
        ("search=TEA&sortby=amount", vec![1, 2]),
        ("tag=shop&sortby=amount", vec![1, 2]),
        ("tag[in]=shop,bar&sortby=amount", vec![1, 2, 3]),
        ("memo[like]=ea&sortby=amount", vec![1, 2]),
        ("amount[gt]=2000&status=pending", vec![3]),
        ("amount=1000&amount=2000&sortby=amount", vec![1, 2]),
        ("external_id=coffee", vec![3]),
        ("status=failed", vec![]),
        ("status[ne]=pending&sortby=amount", vec![4, 100]),
        ("unknown=1&also[gt]=x&limit=1", vec![4]),
        ("offset=100", vec![]),
        ("search=%25", vec![]),
        ("search=_", vec![]),
    ] {
        assert_eq!(amounts(&wallet, &format!("/api/v1/payments?{query}")).await, expected, "{query}");
    }
    let page = |query: &'static str| wallet.invoice.get(query);
    let all = page("/api/v1/payments/paginated?limit=2").await.ok();
    assert_eq!((&all["total"], all["data"].as_array().unwrap().len()), (&json!(6), 2), "with the one that failed");
    assert_eq!(page("/api/v1/payments/paginated?offset=50").await.ok(), json!({ "data": [], "total": 6 }));
    assert_eq!(page("/api/v1/payments/paginated?status=failed&recheck_pending=true").await.ok()["total"], 1);
    for (query, parameter) in [
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=1.5", "limit"),
        ("offset=-1", "offset"),
        ("offset=9223372036854775808", "offset"),
        ("sortby=preimage", "sortby"),
        ("direction=up", "direction"),
        ("amount=abc", "amount"),
        ("amount[gt=1", "amount[gt"),
        ("amount[xx]=1", "amount[xx]"),
        ("time=yesterday", "time"),
        ("search=%00", "search"),
    ] {
        let answer = wallet.invoice.get(&format!("/api/v1/payments?{query}")).await;
        assert_eq!(wrong(&answer).0, json!(["query", parameter]), "{query}");
    }
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_have_the_shape_that_clients_draw() {
    let server = Plan::sqlite().seeded().start().await;
    let wallet = filled(&server).await;
    let get = |path: &'static str| wallet.invoice.get(path);
    let history = get("/api/v1/payments/history").await.ok();
    let last = history.as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["balance"], json!(wallet.balance().await));
    assert_eq!((&last["income"], &last["spending"]), (&json!(104_000), &json!(0)));
    assert!(last["date"].is_string());
    for group in ["hour", "day", "month"] {
        assert_eq!(wallet.invoice.get(&format!("/api/v1/payments/history?group={group}")).await.status, 200);
    }
    assert_eq!(wrong(&get("/api/v1/payments/history?group=year").await).0, json!(["query", "group"]));
    let breakdown = get("/api/v1/payments/stats/breakdown").await.ok();
    let whole =
        |entry: &Value| entry["is_fiat"] == false && entry["payments_count"].is_i64() && entry["total"].is_i64();
    assert!(breakdown.as_array().unwrap().iter().all(whole), "{breakdown}");
    let alice = server.user("alice").await;
    let own = alice.get("/api/v1/wallets").await.ok()[0].clone();
    server.ledger().adjust(text(&own, "id").parse().unwrap(), satchel::domain::Msat(9000)).await.unwrap();
    let count = alice.get("/api/v1/payments/stats/count?count_by=status").await.ok();
    assert_eq!(count, json!([{ "field": "success", "total": 1 }]), "nobody else's are counted");
    let wallets = alice.get("/api/v1/payments/stats/wallets").await.ok();
    let expected = json!([{
        "wallet_id": own["id"], "wallet_name": own["name"], "user_id": own["user"], "payments_count": 1, "balance": 9000
    }]);
    assert_eq!(wallets, expected);
    let daily = alice.get("/api/v1/payments/stats/daily").await.ok();
    assert_eq!(daily.as_array().unwrap().len(), 1);
    for (key, value) in
        [("balance", 9), ("balance_in", 9), ("balance_out", 0), ("payments_count", 1), ("count_in", 1), ("fee", 0)]
    {
        assert_eq!(daily[0][key], value, "{key} in {daily}");
    }
    let all = alice.get("/api/v1/payments/all/paginated").await.ok();
    assert_eq!(all["total"], 1);
    let root = server.super_user().await;
    assert_eq!(root.get("/api/v1/payments/all/paginated").await.ok()["total"], 7, "the whole server's");
    assert_eq!(alice.get("/api/v1/payments/stats/count?count_by=preimage").await.status, 400);
}
