//! Payments on the wire: their fields, who sees what, and what is attached afterwards.

use serde_json::{Value, json};

use super::{assert_refused, text};
use crate::harness::Server;

const FIELDS: &[&str] = &[
    "checking_id",
    "payment_hash",
    "wallet_id",
    "amount",
    "fee",
    "bolt11",
    "payment_request",
    "fiat_provider",
    "status",
    "memo",
    "expiry",
    "webhook",
    "webhook_status",
    "preimage",
    "tag",
    "extension",
    "time",
    "created_at",
    "updated_at",
    "labels",
    "extra",
    "external_id",
];

#[track_caller]
fn assert_payment(payment: &Value) {
    let object = payment.as_object().unwrap();
    for field in FIELDS {
        assert!(object.contains_key(*field), "{field} is missing in {payment}");
    }
    assert_eq!(payment["bolt11"], payment["payment_request"]);
    for field in ["memo", "expiry", "time", "created_at", "updated_at"] {
        assert!(payment[field].is_string(), "{field} in {payment}");
    }
    for field in ["time", "created_at", "updated_at", "expiry"] {
        let time = payment[field].as_str().unwrap();
        assert!(time.len() == 32 && time.ends_with("+00:00") && time.contains('T'), "{field}: {time}");
    }
    assert!(payment["fee"].as_i64().unwrap() <= 0, "{payment}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_has_every_field_wherever_it_is_shown() {
    let server = Server::start().await;
    let (payer, shop) = (server.wallet(1000).await, server.wallet(0).await);
    let made = shop.new_invoice(21).await;
    assert_payment(&made);
    assert_eq!(
        (&made["status"], &made["amount"], &made["preimage"]),
        (&json!("pending"), &json!(21_000), &Value::Null)
    );
    assert_eq!(made["checking_id"], made["payment_hash"]);
    let paid = payer.pay(&text(&made, "bolt11")).await.ok();
    assert_payment(&paid);
    let hash = text(&made, "payment_hash");
    assert_eq!((&paid["amount"], &paid["checking_id"]), (&json!(-21_000), &json!(format!("internal_{hash}"))));
    assert_eq!(text(&paid, "preimage").len(), 64);
    let outside = payer.pay(&server.outside_invoice(5000, "")).await.ok();
    assert_payment(&outside);
    assert_eq!(outside["amount"], -5000);
    for path in ["/api/v1/payments", "/api/v1/payments/paginated"] {
        let answer = payer.invoice.get(path).await.ok();
        let list = answer.get("data").unwrap_or(&answer).as_array().unwrap().clone();
        assert_eq!(list.len(), 3);
        list.iter().for_each(assert_payment);
    }
    assert_payment(&shop.invoice.get(&format!("/api/v1/payments/{hash}")).await.ok()["details"]);
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn proof_and_details_are_for_the_wallet_alone() {
    let server = Server::start().await;
    let (payer, shop, other) = (server.wallet(1000).await, server.wallet(0).await, server.wallet(0).await);
    let made = shop.new_invoice(21).await;
    let path = format!("/api/v1/payments/{}", text(&made, "payment_hash"));
    let open = shop.invoice.get(&path).await.ok();
    assert_eq!((&open["paid"], &open["status"], &open["preimage"]), (&json!(false), &json!("pending"), &Value::Null));
    assert_eq!(open["details"]["preimage"], Value::Null);
    payer.pay(&text(&made, "bolt11")).await.ok();
    for key in [&shop.invoice, &shop.admin, &payer.invoice] {
        let seen = key.get(&path).await.ok();
        assert_eq!((&seen["paid"], &seen["preimage"]), (&json!(true), &seen["details"]["preimage"]));
        assert_eq!(text(&seen, "preimage").len(), 64);
    }
    assert_eq!(payer.invoice.get(&path).await.ok()["details"]["amount"], -21_000);
    assert_refused(&other.admin.get(&path).await, 404, "Payment does not exist.");
    for stranger in [server.anybody(), server.key("0123456789abcdef0123456789abcdef"), server.bearer("garbage")] {
        let seen = stranger.get(&path).await.ok();
        assert_eq!(seen, json!({ "paid": true, "status": "success", "preimage": null }));
    }
    for name in ["sse", "nonsense", &"0".repeat(64), "%00", "%F0%9F%92%B8"] {
        let answer = shop.invoice.get(&format!("/api/v1/payments/{name}")).await;
        assert_refused(&answer, 404, "Payment does not exist.");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_and_extra_are_added_by_the_admin_key() {
    let server = Server::start().await;
    let (payer, shop) = (server.wallet(1000).await, server.wallet(0).await);
    let made = shop.new_invoice(21).await;
    let hash = text(&made, "payment_hash");
    let path = format!("/api/v1/payments/{hash}/labels");
    let labels = json!({ "labels": ["rent", "May 2026"] });
    assert_refused(&shop.invoice.put(&path, labels.clone()).await, 403, "Invalid adminkey.");
    assert_eq!(shop.admin.put(&path, labels).await.ok(), "Payment labels updated.");
    let bad = shop.admin.put(&path, json!({ "labels": ["<b>"] })).await;
    assert_refused(&bad, 400, "Invalid label name: '<b>'.");
    let elsewhere = payer.admin.put(&path, json!({ "labels": [] })).await;
    assert_refused(&elsewhere, 404, "Payment does not exist.");
    let details = shop.invoice.get(&format!("/api/v1/payments/{hash}")).await.ok()["details"].clone();
    assert_eq!(details["labels"], json!(["rent", "May 2026"]));
    let add =
        |extra: Value| shop.admin.patch("/api/v1/payments/extra", json!({ "payment_hash": hash, "extra": extra }));
    assert_refused(&add(json!({ "a": 1 })).await, 400, "Payment extra can only be updated after success.");
    payer.pay(&text(&made, "bolt11")).await.ok();
    assert_eq!(add(json!({ "b": 1, "a": [2] })).await.ok()["extra"]["a"], json!([2]));
    assert_refused(&add(json!({ "c": 1, "b": 1, "a": 3 })).await, 400, "Extra keys already exist: a, b.");
    assert_eq!(add(json!({ "c": null })).await.ok()["extra"], json!({ "b": 1, "a": [2], "c": null }));
    let stranger = json!({ "payment_hash": hash, "extra": {} });
    let stranger = server.wallet(0).await.admin.patch("/api/v1/payments/extra", stranger).await;
    assert_refused(&stranger, 404, "Payment does not exist.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fee_limit_is_kept_and_shown() {
    let server = Server::start().await;
    let payer = server.wallet(1000).await;
    for (name, limit, shown) in
        [("fee_limit_msat", 1500, 1500), ("max_fee_msat", 0, 0), ("fee_limit_msat", 1_000_000, 2000)]
    {
        let mut body = json!({ "out": true, "bolt11": server.outside_invoice(5000, "") });
        body[name] = json!(limit);
        let paid = payer.admin.post("/api/v1/payments", body).await;
        assert_eq!(paid.body["fee_limit_msat"], shown, "{limit}: {}", paid.text);
        assert!(-paid.body["fee"].as_i64().unwrap() <= shown);
    }
    let mut body = json!({ "out": true, "bolt11": server.outside_invoice(5000, "") });
    body["fee_limit_msat"] = json!(-1);
    assert_eq!(payer.admin.post("/api/v1/payments", body).await.status, 400);
    server.assert_sound().await;
}
