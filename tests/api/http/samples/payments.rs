//! Samples of payments, of what happens beside them, and of what the super user does.

use serde_json::json;

use super::{Sample, plain, with};

/// A link that nobody has to be asked about.
const LOGIN: &str =
    "keyauth://service.example/login?tag=login&k1=e2af6254a8df433264fa23f67eb8188635d15ce883e8fc020989d5f82ae6f11e";

/// In any order.
pub(super) const SAMPLES: &[Sample] = &[
    plain("GET /api/v1/payments", |_| "/api/v1/payments".into()),
    plain("GET /api/v1/payments/paginated", |_| "/api/v1/payments/paginated".into()),
    plain("GET /api/v1/payments/all/paginated", |_| "/api/v1/payments/all/paginated".into()),
    plain("GET /api/v1/payments/{payment_hash}", |s| format!("/api/v1/payments/{}", s.received)),
    with(
        "PUT /api/v1/payments/{payment_hash}/labels",
        |s| format!("/api/v1/payments/{}/labels", s.received),
        |_| json!({ "labels": ["rent"] }),
    ),
    with(
        "PATCH /api/v1/payments/extra",
        |_| "/api/v1/payments/extra".into(),
        |s| json!({ "payment_hash": s.received, "extra": { "order": 7 } }),
    ),
    with(
        "POST /api/v1/payments/keysend",
        |_| "/api/v1/payments/keysend".into(),
        |_| json!({ "destination": "00".repeat(33), "amount_msat": 1000, "memo": "m", "fee_limit_msat": 10 }),
    ),
    with(
        "POST /api/v1/payments/settle",
        |_| "/api/v1/payments/settle".into(),
        |_| json!({ "preimage": "11".repeat(32) }),
    ),
    with(
        "POST /api/v1/payments/cancel",
        |_| "/api/v1/payments/cancel".into(),
        |_| json!({ "payment_hash": "11".repeat(32) }),
    ),
    with(
        "POST /api/v1/links",
        |_| "/api/v1/links".into(),
        |_| json!({ "kind": "pay", "title": "t", "min_msat": 1000, "max_msat": 2000, "comment_max": 10 }),
    ),
    plain("GET /api/v1/links", |_| "/api/v1/links".into()),
    plain("GET /api/v1/links/{link_id}", |_| "/api/v1/links/none".into()),
    with("PATCH /api/v1/links/{link_id}", |_| "/api/v1/links/none".into(), |_| json!({ "enabled": true })),
    plain("DELETE /api/v1/links/{link_id}", |_| "/api/v1/links/none".into()),
    plain("GET /api/v1/lnurl/pay/{link_id}", |_| "/api/v1/lnurl/pay/none".into()),
    plain("GET /api/v1/lnurl/pay/{link_id}/cb", |_| "/api/v1/lnurl/pay/none/cb?amount=1000&comment=c".into()),
    plain("GET /api/v1/lnurl/withdraw/{link_id}", |_| "/api/v1/lnurl/withdraw/none".into()),
    plain("GET /api/v1/lnurl/withdraw/{link_id}/cb", |_| "/api/v1/lnurl/withdraw/none/cb?k1=k&pr=p".into()),
    plain("GET /api/v1/payments/history", |_| "/api/v1/payments/history".into()),
    plain("GET /api/v1/payments/stats/breakdown", |_| "/api/v1/payments/stats/breakdown".into()),
    plain("GET /api/v1/payments/stats/count", |_| "/api/v1/payments/stats/count".into()),
    plain("GET /api/v1/payments/stats/wallets", |_| "/api/v1/payments/stats/wallets".into()),
    plain("GET /api/v1/payments/stats/daily", |_| "/api/v1/payments/stats/daily".into()),
    plain("GET /api/v1/payments/export.csv", |_| "/api/v1/payments/export.csv?status=success".into()),
    plain("GET /api/v1/payments/all/export.csv", |_| "/api/v1/payments/all/export.csv".into()),
    plain("GET /api/v1/payments/statement.pdf", |_| "/api/v1/payments/statement.pdf?from=2026-01-01".into()),
    plain("GET /api/v1/payments/{payment_hash}/receipt.pdf", |s| {
        format!("/api/v1/payments/{}/receipt.pdf", s.received)
    }),
    plain("GET /api/v1/currencies", |_| "/api/v1/currencies".into()),
    plain("GET /api/v1/rate/history", |_| "/api/v1/rate/history".into()),
    plain("GET /api/v1/rate/{currency}", |_| "/api/v1/rate/EUR".into()),
    with(
        "POST /api/v1/conversion",
        |_| "/api/v1/conversion".into(),
        |_| json!({ "from_": "sat", "amount": 1000, "to": "usd,eur" }),
    ),
    plain("POST /api/v1/assets", |_| "/api/v1/assets".into()),
    plain("GET /api/v1/assets/paginated", |_| "/api/v1/assets/paginated?sortby=name".into()),
    plain("GET /api/v1/assets/{asset_id}", |s| format!("/api/v1/assets/{}", s.user)),
    plain("GET /api/v1/assets/{asset_id}/data", |s| format!("/api/v1/assets/{}/data", s.user)),
    plain("GET /api/v1/assets/{asset_id}/thumbnail", |s| format!("/api/v1/assets/{}/thumbnail", s.user)),
    with(
        "PUT /api/v1/assets/{asset_id}",
        |s| format!("/api/v1/assets/{}", s.user),
        |_| json!({ "name": "n", "is_public": true }),
    ),
    plain("DELETE /api/v1/assets/{asset_id}", |s| format!("/api/v1/assets/{}", s.user)),
    plain("GET /api/v1/webpush", |_| "/api/v1/webpush".into()),
    with(
        "POST /api/v1/webpush",
        |_| "/api/v1/webpush".into(),
        |_| {
            let keys = json!({
                "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
                "auth": "BTBZMqHH6r4Tts7J_aSIgg"
            });
            json!({ "subscription": json!({ "endpoint": "https://push.example/1", "keys": keys }).to_string() })
        },
    ),
    plain("DELETE /api/v1/webpush", |_| "/api/v1/webpush?endpoint=aHR0cHMlM0ElMkYlMkZwdXNoLmV4YW1wbGUlMkYx".into()),
    plain("GET /api/v1/webhooks", |_| "/api/v1/webhooks".into()),
    with("POST /api/v1/webhooks", |_| "/api/v1/webhooks".into(), |_| json!({ "url": "https://a.example/hook" })),
    plain("GET /api/v1/webhooks/{webhook_id}", |_| "/api/v1/webhooks/none".into()),
    with("PATCH /api/v1/webhooks/{webhook_id}", |_| "/api/v1/webhooks/none".into(), |_| json!({ "enabled": false })),
    plain("DELETE /api/v1/webhooks/{webhook_id}", |_| "/api/v1/webhooks/none".into()),
    with(
        "POST /api/v1/webhooks/{webhook_id}/rotate",
        |_| "/api/v1/webhooks/none/rotate".into(),
        |_| json!({ "overlap_seconds": 60 }),
    ),
    plain("POST /api/v1/webhooks/{webhook_id}/test", |_| "/api/v1/webhooks/none/test".into()),
    plain("GET /api/v1/webhooks/{webhook_id}/deliveries", |_| "/api/v1/webhooks/none/deliveries".into()),
    plain("POST /api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver", |_| {
        "/api/v1/webhooks/none/deliveries/1/redeliver".into()
    }),
    plain("POST /api/v1/tinyurl", |_| "/api/v1/tinyurl?url=https://example.com/long&endless=false".into()),
    plain("GET /api/v1/tinyurl/{tinyurl_id}", |_| "/api/v1/tinyurl/abcdefgh".into()),
    plain("DELETE /api/v1/tinyurl/{tinyurl_id}", |_| "/api/v1/tinyurl/abcdefgh".into()),
    plain("GET /t/{tinyurl_id}", |_| "/t/abcdefgh".into()),
    with("POST /api/v1/lnurlscan", |_| "/api/v1/lnurlscan".into(), |_| json!({ "lnurl": LOGIN })),
    plain("GET /api/v1/lnurlscan/{code}", |_| {
        format!("/api/v1/lnurlscan/{}", satchel::lnurl::code::encode(&LOGIN.replace("keyauth", "https")).unwrap())
    }),
    with(
        "POST /api/v1/payments/lnurl",
        |_| "/api/v1/payments/lnurl".into(),
        |_| json!({ "lnurl": "me@127.0.0.1:1", "amount": 1000 }),
    ),
    with(
        "POST /api/v1/lnurlauth",
        |_| "/api/v1/lnurlauth".into(),
        |_| json!({ "callback": "https://127.0.0.1:1/login", "k1": "00".repeat(32) }),
    ),
    with(
        "POST /api/v1/payments/{payment_request}/pay-with-nfc",
        |s| format!("/api/v1/payments/{}/pay-with-nfc", s.open),
        |_| json!({ "lnurl_w": "lnurlw://127.0.0.1:1/card" }),
    ),
    plain("GET /.well-known/lnurlp/{username}", |_| "/.well-known/lnurlp/nobody".into()),
    plain("GET /api/v1/lnurl/wallet/{username}/cb", |_| "/api/v1/lnurl/wallet/nobody/cb?amount=1000".into()),
    plain("GET /api/v1/lnurl/verify/{payment_hash}", |_| format!("/api/v1/lnurl/verify/{}", "00".repeat(32))),
    plain("GET /api/v1/qrcode", |_| "/api/v1/qrcode?data=lnbc1".into()),
    plain("GET /api/v1/qrcode/{data}", |_| "/api/v1/qrcode/lnbc1".into()),
    with(
        "POST /api/v1/payments/decode",
        |_| "/api/v1/payments/decode".into(),
        |s| json!({ "data": s.open, "filter_fields": ["payment_hash"] }),
    ),
    plain("GET /api/v1/payments/fee-reserve", |s| format!("/api/v1/payments/fee-reserve?invoice={}", s.open)),
    plain("GET /api/v1/ws/{item_id}", |s| format!("/api/v1/ws/{}", s.admin_key)),
    plain("GET /api/v1/events", |_| "/api/v1/events?after=0&limit=5".into()),
    plain("GET /api/v1/events/stream", |_| "/api/v1/events/stream?after=0".into()),
    plain("GET /api/v1/tiers", |_| "/api/v1/tiers".into()),
    plain("GET /api/v1/account/tier", |_| "/api/v1/account/tier".into()),
    with("POST /api/v1/account/tier", |_| "/api/v1/account/tier".into(), |_| json!({ "tier": "pro" })),
    with(
        "PUT /users/api/v1/user/{id}/tier",
        |s| format!("/users/api/v1/user/{}/tier", s.user),
        |_| json!({ "tier": "free" }),
    ),
    plain("GET /users/api/v1/user", |s| format!("/users/api/v1/user?wallet_id={}&sortby=created_at", s.other.1)),
    with("POST /users/api/v1/user", |_| "/users/api/v1/user".into(), |s| json!({ "username": s.free_name })),
    plain("GET /users/api/v1/user/{id}", |s| format!("/users/api/v1/user/{}", s.other.0)),
    with(
        "PUT /users/api/v1/user/{id}",
        |s| format!("/users/api/v1/user/{}", s.other.0),
        |s| json!({ "id": s.other.0, "username": s.free_name }),
    ),
    plain("DELETE /users/api/v1/user/{id}", |s| format!("/users/api/v1/user/{}", s.other.0)),
    plain("PUT /users/api/v1/user/{id}/activate", |s| format!("/users/api/v1/user/{}/activate", s.other.0)),
    plain("PUT /users/api/v1/user/{id}/admin", |s| format!("/users/api/v1/user/{}/admin", s.other.0)),
    plain("GET /users/api/v1/user/{id}/wallet", |s| format!("/users/api/v1/user/{}/wallet", s.other.0)),
    with(
        "POST /users/api/v1/user/{id}/wallet",
        |s| format!("/users/api/v1/user/{}/wallet", s.other.0),
        |_| json!({ "name": "his", "currency": "EUR" }),
    ),
    plain("DELETE /users/api/v1/user/{id}/wallets", |s| format!("/users/api/v1/user/{}/wallets", s.other.0)),
    plain("DELETE /users/api/v1/user/{id}/wallet/{wallet}", |s| {
        format!("/users/api/v1/user/{}/wallet/{}", s.other.0, s.other.1)
    }),
    plain("PUT /users/api/v1/user/{id}/wallet/{wallet}/undelete", |s| {
        format!("/users/api/v1/user/{}/wallet/{}/undelete", s.other.0, s.other.1)
    }),
    with(
        "PUT /users/api/v1/user/{id}/wallet/{wallet}/lightning-address",
        |s| format!("/users/api/v1/user/{}/wallet/{}/lightning-address", s.other.0, s.other.1),
        |s| json!({ "lightning_address": s.free_name }),
    ),
    with("PUT /users/api/v1/balance", |_| "/users/api/v1/balance".into(), |s| json!({ "id": s.wallet, "amount": 5 })),
    with(
        "POST /admin/api/v1/simulation/pay",
        |_| "/admin/api/v1/simulation/pay".into(),
        |s| json!({ "bolt11": s.open, "amount_msat": 1000 }),
    ),
    with(
        "POST /admin/api/v1/simulation/invoice",
        |_| "/admin/api/v1/simulation/invoice".into(),
        |_| json!({ "amount_msat": 1000, "memo": "m", "expiry": 600 }),
    ),
    plain("GET /admin/api/v1/settings", |_| "/admin/api/v1/settings".into()),
    with(
        "PUT /admin/api/v1/settings",
        |_| "/admin/api/v1/settings".into(),
        |_| json!({ "lnbits_denomination": "sats" }),
    ),
    with(
        "PATCH /admin/api/v1/settings",
        |_| "/admin/api/v1/settings".into(),
        |_| json!({ "lnbits_denomination": null }),
    ),
    plain("DELETE /admin/api/v1/settings", |_| "/admin/api/v1/settings".into()),
    plain("GET /admin/api/v1/settings/default", |_| {
        "/admin/api/v1/settings/default?field_name=lnbits_site_title".into()
    }),
    plain("GET /admin/api/v1/funding", |_| "/admin/api/v1/funding".into()),
    with(
        "POST /admin/api/v1/funding/check",
        |_| "/admin/api/v1/funding/check".into(),
        |_| json!({ "lnbits_backend_wallet_class": "FakeWallet" }),
    ),
    plain("GET /admin/api/v1/reconciliation", |_| "/admin/api/v1/reconciliation".into()),
    plain("GET /admin/api/v1/alarms", |_| "/admin/api/v1/alarms?acknowledged=false&sortby=created_at".into()),
    with(
        "PUT /admin/api/v1/alarms/{alarm_id}",
        |_| "/admin/api/v1/alarms/1".into(),
        |_| json!({ "acknowledged": true, "note": "the node was mended" }),
    ),
    plain("GET /audit/api/v1", |_| "/audit/api/v1?response_code=404&sortby=duration&direction=desc".into()),
    plain("GET /audit/api/v1/stats", |_| "/audit/api/v1/stats?component=core".into()),
    plain("GET /admin/api/v1/audit", |_| "/admin/api/v1/audit".into()),
    plain("GET /admin/api/v1/monitor", |_| "/admin/api/v1/monitor".into()),
    plain("POST /admin/api/v1/restart", |_| "/admin/api/v1/restart".into()),
    with(
        "POST /admin/api/v1/backup",
        |_| "/admin/api/v1/backup".into(),
        |_| json!({ "pass_phrase": "correct horse battery" }),
    ),
    plain("GET /metrics", |_| "/metrics".into()),
    plain("GET /api/v1/ready", |_| "/api/v1/ready".into()),
    plain("GET /api/v1/health", |_| "/api/v1/health".into()),
    plain("GET /api/v1/status", |_| "/api/v1/status".into()),
    plain("GET /openapi.json", |_| "/openapi.json".into()),
    plain("GET /api/docs/swagger.json", |_| "/api/docs/swagger.json".into()),
    plain("GET /docs", |_| "/docs".into()),
    plain("GET /first_install", |_| "/first_install".into()),
    plain("GET /", |_| "/".into()),
    plain("GET /wallet", |_| "/wallet".into()),
    plain("GET /wallets", |_| "/wallets".into()),
    plain("GET /account", |_| "/account".into()),
    plain("GET /keys", |_| "/keys".into()),
    plain("GET /server", |_| "/server".into()),
    plain("GET /static/{file}", |_| "/static/app.css".into()),
    plain("GET /static/{folder}/{file}", |_| "/static/ui/kit.js".into()),
    plain("GET /api/v1/server", |_| "/api/v1/server".into()),
];
