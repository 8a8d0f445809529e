//! Amounts, units and payment requests that must not pass.

use serde_json::{Value, json};

use super::{assert_explained, assert_refused, text, wrong};
use crate::harness::{Server, Wallet};

async fn count(wallet: &Wallet) -> i64 {
    wallet.invoice.get("/api/v1/payments/paginated").await.ok()["total"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amount_is_a_whole_number_of_satoshi_within_the_limit() {
    let server = Server::start().await;
    let wallet = server.wallet(0).await;
    let too_high = "is too high. Max allowed: 10000000 sats.";
    for (amount, status, says) in [
        (json!(-1), 400, "greater than or equal to 0"),
        (json!(1.5), 400, "whole number"),
        (json!("NaN"), 400, "valid integer"),
        (json!("Infinity"), 400, "valid integer"),
        (json!("1e3"), 400, "valid integer"),
        (json!(9_223_372_036_854_775_808_u64), 520, too_high),
        (json!(1e30), 520, too_high),
        (json!(i64::MAX), 520, too_high),
        (json!(10_000_001), 520, too_high),
    ] {
        let answer = wallet.invoice.post("/api/v1/payments", json!({ "out": false, "amount": amount })).await;
        assert_eq!(answer.status, status, "{amount}: {}", answer.text);
        assert!(answer.text.contains(says), "{amount}: {}", answer.text);
        assert_explained(&answer);
        if status == 520 {
            assert_eq!(answer.body["status"], "failed");
        }
    }
    for unit in ["XYZ", "msat", "btc", "🦀", ""] {
        let body = json!({ "out": false, "amount": 1, "unit": unit });
        let said = wrong(&wallet.invoice.post("/api/v1/payments", body).await);
        assert_eq!(
            (said.0, said.1.as_str()),
            (json!(["body", "unit"]), "The provided unit is not supported"),
            "{unit}"
        );
    }
    assert_eq!(count(&wallet).await, 0);
    for amount in [1_i64, 10_000_000] {
        let body = json!({ "out": false, "amount": amount, "unit": "sat" });
        assert_eq!(wallet.invoice.post("/api/v1/payments", body).await.ok()["amount"], amount * 1000);
    }
}

/// A mainnet invoice, from the examples of BOLT 11 (2500 micro-bitcoin, signature valid).
const MAINNET: &str = "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh";

#[tokio::test(flavor = "multi_thread")]
async fn tampered_and_foreign_payment_requests_are_refused() {
    let server = Server::start().await;
    let wallet = server.wallet(1_000_000).await;
    let outside = server.outside_invoice(5000, "");
    let own = text(&server.wallet(0).await.new_invoice(5).await, "bolt11");
    let change = |text: &str, at: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'q' { b'p' } else { b'q' };
        String::from_utf8(bytes).unwrap()
    };
    let garbage = [
        String::new(),
        "nonsense".to_owned(),
        "lnbcrt1".to_owned(),
        "💸".to_owned(),
        change(&outside, outside.len() - 1),
        change(&outside, outside.len() / 2),
        change(&own, 30),
        outside.replacen("50n", "500n", 1),
        outside.chars().take(outside.len() - 20).collect(),
        "l".repeat(8000),
    ];
    for bad in &garbage {
        let paid = wallet.pay(bad).await;
        let status = if bad.is_empty() { 400 } else { 520 };
        assert_eq!(paid.status, status, "{bad}: {}", paid.text);
        assert_explained(&paid);
        let read = server.anybody().post("/api/v1/payments/decode", json!({ "data": bad })).await;
        assert_eq!(read.status, 400, "{bad}: {}", read.text);
        assert!(text(&read.body, "message").starts_with("Failed to decode: "), "{}", read.text);
        if bad.is_ascii() {
            let reserve = server.anybody().get(&format!("/api/v1/payments/fee-reserve?invoice={bad}")).await;
            assert_eq!(reserve.status, 400, "{bad}: {}", reserve.text);
        }
    }
    let foreign = wallet.pay(MAINNET).await;
    assert_eq!((foreign.status, &foreign.body["code"]), (400, &json!("wrong_network")), "{}", foreign.text);
    assert!(foreign.detail().contains("mainnet") && foreign.detail().contains("regtest"), "{}", foreign.text);
    assert_eq!(wallet.balance().await, 1_000_000_000);
    assert_eq!(count(&wallet).await, 1, "only what filled the wallet");
    assert_refused(&wallet.admin.post("/api/v1/payments", json!({})).await, 400, "Missing BOLT11 invoice");
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_request_is_read_by_anybody() {
    let server = Server::start().await;
    let read = |data: String| {
        let anybody = server.anybody();
        async move { anybody.post("/api/v1/payments/decode", json!({ "data": data })).await.ok() }
    };
    let fields = read(MAINNET.to_owned()).await;
    for (key, value) in [
        ("currency", json!("bc")),
        ("amount_msat", json!(250_000_000)),
        ("date", json!(1_496_314_658)),
        ("expiry", json!(60)),
        ("description", json!("1 cup coffee")),
        ("payment_hash", json!("0001020304050607080900010203040506070809000102030405060708090102")),
        ("payment_secret", json!("11".repeat(32))),
        ("payee", json!("03e7156ae33b0a208d0744199163177e909e80176e55d97a2f221ede0f934dd9ad")),
        ("features", json!({ "var_onion_optin": "supported", "payment_secret": "required" })),
        ("min_final_cltv_expiry", json!(18)),
        ("route_hints", json!([])),
    ] {
        if key == "features" {
            assert!(fields[key].as_object().unwrap().contains_key("payment_secret"), "{fields}");
        } else {
            assert_eq!(fields[key], value, "{key}");
        }
    }
    assert!(fields["signature"].is_string());
    for variant in
        [MAINNET.to_uppercase(), format!("lightning:{MAINNET}"), format!("LIGHTNING:{}", MAINNET.to_uppercase())]
    {
        assert_eq!(read(variant).await, fields);
    }
    let body = json!({ "data": MAINNET, "filter_fields": ["expiry", "nothing"] });
    assert_eq!(server.anybody().post("/api/v1/payments/decode", body).await.ok(), json!({ "expiry": 60 }));
    let reserve = server.anybody().get(&format!("/api/v1/payments/fee-reserve?invoice={MAINNET}")).await.ok();
    assert_eq!(reserve, json!({ "fee_reserve": 2_500_000 }));
    let small = server.outside_invoice(1000, "");
    let reserve = server.anybody().get(&format!("/api/v1/payments/fee-reserve?invoice={small}")).await.ok();
    assert_eq!(reserve, json!({ "fee_reserve": 2000 }));
    assert_eq!(server.anybody().get("/api/v1/payments/fee-reserve").await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_attached_to_an_invoice_has_rules() {
    let server = Server::start().await;
    let wallet = server.wallet(0).await;
    let made = |key: &str, value: Value| {
        let mut body = json!({ "out": false, "amount": 1 });
        body[key] = value;
        wallet.invoice.post("/api/v1/payments", body)
    };
    for url in
        ["ftp://example.com", "https://user:pass@example.com/", "example.com/hook", "https://", "javascript:alert(1)"]
    {
        assert_refused(&made("webhook", json!(url)).await, 400, "Callback URL is not allowed.");
    }
    assert_eq!(made("webhook", json!("")).await.ok()["webhook"], Value::Null);
    let kept = made("webhook", json!("https://example.com/hook?x=1")).await.ok();
    assert_eq!(kept["webhook"], "https://example.com/hook?x=1");
    for id in ["a b".to_owned(), "a\nb".to_owned(), "x".repeat(257)] {
        assert_eq!(wrong(&made("external_id", json!(id)).await).0, json!(["body", "external_id"]));
    }
    assert_eq!(made("external_id", json!("order-1")).await.ok()["external_id"], "order-1");
    let tagged = made("extra", json!({ "tag": "tea", "n": { "deep": [1, null] } })).await.ok();
    assert_eq!((&tagged["tag"], &tagged["extra"]["n"]), (&json!("tea"), &json!({ "deep": [1, null] })));
    for hash in ["zz", "00", &"0".repeat(63)] {
        assert_eq!(made("description_hash", json!(hash)).await.status, 400, "{hash}");
    }
    assert_eq!(made("unhashed_description", json!("xyz")).await.status, 400);
    let hashed = made("unhashed_description", json!("68656c6c6f")).await.ok();
    let read = json!({ "data": hashed["bolt11"] });
    let read = server.anybody().post("/api/v1/payments/decode", read).await.ok();
    assert_eq!(read["description_hash"], "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    assert_eq!(wrong(&made("memo", json!("é".repeat(320))).await).0, json!(["body", "memo"]));
    assert_eq!(made("memo", json!("☕".repeat(213))).await.status, 201);
    assert_eq!(wrong(&made("expiry", json!(365 * 24 * 3600 + 1)).await).0, json!(["body", "expiry"]));
}
