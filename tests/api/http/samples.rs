//! One sample request for every operation of the route table: what a client would really send.

use serde_json::{Value, json};

use super::world::Subject;

/// A link that nobody has to be asked about.
const LOGIN: &str =
    "keyauth://service.example/login?tag=login&k1=e2af6254a8df433264fa23f67eb8188635d15ce883e8fc020989d5f82ae6f11e";

/// A request that its rightful caller gets a success for.
pub(super) struct Sample {
    /// The operation as an access list names it.
    pub(super) operation: &'static str,
    /// Where it is sent.
    pub(super) path: fn(&Subject) -> String,
    /// What is sent.
    pub(super) body: Option<fn(&Subject) -> Value>,
}

const fn plain(operation: &'static str, path: fn(&Subject) -> String) -> Sample {
    Sample { operation, path, body: None }
}

const fn with(operation: &'static str, path: fn(&Subject) -> String, body: fn(&Subject) -> Value) -> Sample {
    Sample { operation, path, body: Some(body) }
}

/// The samples, in any order: an operation without one fails the matrix.
pub(super) const SAMPLES: &[Sample] = &[
    with(
        "POST /api/v1/auth/register",
        |_| "/api/v1/auth/register".into(),
        |s| json!({ "username": s.free_name, "password": s.password(), "password_repeat": s.password() }),
    ),
    with("POST /api/v1/auth", |_| "/api/v1/auth".into(), |s| json!({ "username": "guest", "password": s.password() })),
    with("POST /api/v1/auth/usr", |_| "/api/v1/auth/usr".into(), |s| json!({ "usr": s.user })),
    plain("POST /api/v1/auth/nostr", |_| "/api/v1/auth/nostr".into()),
    with(
        "PUT /api/v1/auth/pubkey",
        |_| "/api/v1/auth/pubkey".into(),
        |s| json!({ "user_id": s.user, "pubkey": crate::credentials::nostr::pubkey_of(&s.user) }),
    ),
    plain("GET /api/v1/auth/{provider}", |_| "/api/v1/auth/google".into()),
    plain("GET /api/v1/auth/{provider}/token", |_| "/api/v1/auth/google/token?code=c&state=s".into()),
    with(
        "POST /api/v1/auth/{provider}/token",
        |_| "/api/v1/auth/google/token".into(),
        |_| json!({ "code": "c", "code_verifier": "v".repeat(43), "redirect_uri": "https://a.example", "nonce": "n" }),
    ),
    plain("POST /api/v1/auth/logout", |_| "/api/v1/auth/logout".into()),
    with(
        "PUT /api/v1/auth/first_install",
        |_| "/api/v1/auth/first_install".into(),
        |s| json!({ "username": s.free_name, "password": s.password(), "password_repeat": s.password() }),
    ),
    with("POST /api/v1/account", |_| "/api/v1/account".into(), |_| json!({ "name": "anonymous" })),
    plain("POST /api/v1/session", |_| "/api/v1/session".into()),
    with(
        "POST /api/v1/auth/acls",
        |_| "/api/v1/auth/acls".into(),
        |_| json!({ "name": "list", "allowed_endpoints": ["GET /api/v1/wallet", "POST /api/v1/payments#receive"] }),
    ),
    plain("GET /api/v1/auth/acls", |_| "/api/v1/auth/acls".into()),
    plain("GET /api/v1/auth/acls/{acl_id}", |s| format!("/api/v1/auth/acls/{}", s.acl)),
    with(
        "PUT /api/v1/auth/acls/{acl_id}",
        |s| format!("/api/v1/auth/acls/{}", s.acl),
        |_| json!({ "name": "renamed", "allowed_endpoints": ["GET /api/v1/payments/*"] }),
    ),
    plain("DELETE /api/v1/auth/acls/{acl_id}", |s| format!("/api/v1/auth/acls/{}", s.acl)),
    with(
        "POST /api/v1/auth/acls/{acl_id}/tokens",
        |s| format!("/api/v1/auth/acls/{}/tokens", s.acl),
        |s| {
            json!({
                "name": "till", "expires_at": "2040-01-01T00:00:00Z", "wallets": [s.wallet],
                "limits": {
                    "max_amount_msat": 1000, "max_fee_msat": 10, "budget_msat": 5000, "budget_period": "day",
                    "source_ips": ["127.0.0.0/8"]
                }
            })
        },
    ),
    plain("GET /api/v1/auth/acls/{acl_id}/tokens", |s| format!("/api/v1/auth/acls/{}/tokens", s.acl)),
    plain("DELETE /api/v1/auth/acls/{acl_id}/tokens/{token_id}", |s| {
        format!("/api/v1/auth/acls/{}/tokens/{}", s.acl, s.token)
    }),
    plain("GET /api/v1/auth/acl", |_| "/api/v1/auth/acl".into()),
    with("PUT /api/v1/auth/acl", |_| "/api/v1/auth/acl".into(), prefix_list),
    with("PATCH /api/v1/auth/acl", |_| "/api/v1/auth/acl".into(), prefix_list),
    with(
        "DELETE /api/v1/auth/acl",
        |_| "/api/v1/auth/acl".into(),
        |s| json!({ "id": s.acl, "password": s.password() }),
    ),
    with(
        "POST /api/v1/auth/acl/token",
        |_| "/api/v1/auth/acl/token".into(),
        |s| json!({ "acl_id": s.acl, "token_name": "till", "password": s.password(), "expiration_time_minutes": 60 }),
    ),
    with(
        "DELETE /api/v1/auth/acl/token",
        |_| "/api/v1/auth/acl/token".into(),
        |s| json!({ "id": s.token, "acl_id": s.acl, "password": s.password() }),
    ),
    plain("GET /api/v1/api-keys", |_| "/api/v1/api-keys".into()),
    with(
        "POST /api/v1/api-keys",
        |_| "/api/v1/api-keys".into(),
        |s| {
            json!({
                "name": "shop", "expires_at": "2040-01-01T00:00:00Z", "scope": "receive", "wallets": [s.wallet],
                "limits": { "max_amount_msat": 1000 }
            })
        },
    ),
    plain("GET /api/v1/api-keys/self", |_| "/api/v1/api-keys/self".into()),
    with(
        "POST /api/v1/api-keys/check",
        |_| "/api/v1/api-keys/check".into(),
        |s| {
            json!({
                "method": "POST", "path": "/api/v1/payments", "body": { "out": true, "bolt11": s.to_pay }, "out": true,
                "amount_msat": 1000, "wallet_id": s.wallet, "source_ip": "192.0.2.1", "at": "2030-01-01T00:00:00Z"
            })
        },
    ),
    with(
        "POST /api/v1/api-keys/{id}/rotate",
        |s| format!("/api/v1/api-keys/{}/rotate", s.key),
        |_| json!({ "overlap_seconds": 60 }),
    ),
    plain("DELETE /api/v1/api-keys/{id}", |s| format!("/api/v1/api-keys/{}", s.key)),
    plain("GET /api/v1/auth", |_| "/api/v1/auth".into()),
    with(
        "PATCH /api/v1/auth",
        |_| "/api/v1/auth".into(),
        |s| json!({ "user_id": s.user, "username": s.username, "extra": { "first_name": "A" } }),
    ),
    with(
        "PUT /api/v1/auth/me",
        |_| "/api/v1/auth/me".into(),
        |s| json!({ "username": s.username, "extra": { "first_name": "A" } }),
    ),
    with("PATCH /api/v1/auth/ui", |_| "/api/v1/auth/ui".into(), |_| json!({ "dark": true })),
    with(
        "PUT /api/v1/auth/password",
        |_| "/api/v1/auth/password".into(),
        |s| {
            json!({
                "user_id": s.user, "username": s.username, "password": s.password(), "password_repeat": s.password(),
                "password_old": s.password()
            })
        },
    ),
    plain("GET /api/v1/auth/sessions", |_| "/api/v1/auth/sessions".into()),
    plain("DELETE /api/v1/auth/sessions", |_| "/api/v1/auth/sessions".into()),
    plain("DELETE /api/v1/auth/sessions/{id}", |s| format!("/api/v1/auth/sessions/{}", s.user)),
    plain("POST /admin/api/v1/session-keys/rotate", |_| "/admin/api/v1/session-keys/rotate".into()),
    plain("GET /api/v1/auth/totp", |_| "/api/v1/auth/totp".into()),
    plain("POST /api/v1/auth/totp", |_| "/api/v1/auth/totp".into()),
    with("PUT /api/v1/auth/totp", |_| "/api/v1/auth/totp".into(), |_| json!({ "code": "123456" })),
    with("DELETE /api/v1/auth/totp", |_| "/api/v1/auth/totp".into(), |_| json!({ "code": "123456" })),
    plain("POST /api/v1/auth/passkeys/register/start", |_| "/api/v1/auth/passkeys/register/start".into()),
    with(
        "POST /api/v1/auth/passkeys/register/finish",
        |_| "/api/v1/auth/passkeys/register/finish".into(),
        |_| json!({ "name": "phone", "credential": {} }),
    ),
    plain("GET /api/v1/auth/passkeys", |_| "/api/v1/auth/passkeys".into()),
    plain("DELETE /api/v1/auth/passkeys/{id}", |s| format!("/api/v1/auth/passkeys/{}", s.user)),
    with(
        "POST /api/v1/auth/passkey/start",
        |_| "/api/v1/auth/passkey/start".into(),
        |s| json!({ "username": s.username }),
    ),
    with("POST /api/v1/auth/passkey/finish", |_| "/api/v1/auth/passkey/finish".into(), |_| json!({ "credential": {} })),
    with("POST /api/v1/auth/impersonate", |_| "/api/v1/auth/impersonate".into(), |s| json!({ "usr": s.user })),
    plain("DELETE /api/v1/auth/impersonate", |_| "/api/v1/auth/impersonate".into()),
    plain("PUT /users/api/v1/user/{id}/reset_password", |s| format!("/users/api/v1/user/{}/reset_password", s.user)),
    with(
        "PUT /api/v1/auth/reset",
        |_| "/api/v1/auth/reset".into(),
        |s| json!({ "reset_key": "reset_key_00", "password": s.password(), "password_repeat": s.password() }),
    ),
    plain("GET /api/v1/wallet", |_| "/api/v1/wallet".into()),
    with("POST /api/v1/wallet", |_| "/api/v1/wallet".into(), |_| json!({ "name": "new", "wallet_type": "lightning" })),
    with("PUT /api/v1/wallet", |_| "/api/v1/wallet".into(), |_| json!({ "name": "renamed" })),
    with(
        "PATCH /api/v1/wallet",
        |_| "/api/v1/wallet".into(),
        |_| json!({ "name": "n", "icon": "bolt", "color": "red", "currency": "EUR", "pinned": true }),
    ),
    plain("DELETE /api/v1/wallet", |_| "/api/v1/wallet".into()),
    plain("GET /api/v1/wallets", |_| "/api/v1/wallets".into()),
    plain("GET /api/v1/wallet/paginated", |_| "/api/v1/wallet/paginated".into()),
    plain("PUT /api/v1/wallet/{new_name}", |_| "/api/v1/wallet/renamed".into()),
    plain("DELETE /api/v1/wallet/{wallet_id}", |s| format!("/api/v1/wallet/{}", s.wallet)),
    with(
        "PUT /api/v1/wallet/stored_paylinks/{wallet_id}",
        |s| format!("/api/v1/wallet/stored_paylinks/{}", s.wallet),
        |_| json!({ "links": [{ "lnurl": "tea@shop.example", "label": "tea", "last_used": 1_800_000_000 }] }),
    ),
    plain("PUT /api/v1/wallet/reset/{wallet_id}", |s| format!("/api/v1/wallet/reset/{}", s.wallet)),
    plain("PUT /api/v1/wallet/undelete/{wallet_id}", |s| format!("/api/v1/wallet/undelete/{}", s.wallet)),
    with(
        "PUT /api/v1/wallet/share/invite",
        |_| "/api/v1/wallet/share/invite".into(),
        |_| json!({ "username": "stranger", "status": "invite_sent", "permissions": ["view-payments"] }),
    ),
    plain("DELETE /api/v1/wallet/share/invite/{request_id}", |s| {
        format!("/api/v1/wallet/share/invite/{}", s.shared.invitation)
    }),
    with(
        "PUT /api/v1/wallet/share",
        |_| "/api/v1/wallet/share".into(),
        |s| {
            json!({
                "username": "friend", "status": "approved", "shared_with_wallet_id": s.shared.mirror,
                "permissions": ["view-payments", "send-payments"]
            })
        },
    ),
    plain("DELETE /api/v1/wallet/share/{request_id}", |s| format!("/api/v1/wallet/share/{}", s.shared.request)),
    plain("GET /api/v1/operators", |_| "/api/v1/operators".into()),
    with(
        "POST /api/v1/operators/invite",
        |_| "/api/v1/operators/invite".into(),
        |s| {
            json!({
                "username": "stranger", "role": "operate", "wallets": [s.wallet],
                "limits": { "max_amount_msat": 1000, "budget_msat": 5000, "budget_period": "day" }
            })
        },
    ),
    with(
        "PUT /api/v1/operators/{id}",
        |s| format!("/api/v1/operators/{}", s.shared.operator),
        |s| {
            json!({
                "status": "disabled", "role": "view", "wallets": [s.wallet],
                "limits": { "max_fee_msat": 10, "source_ips": ["203.0.113.0/24"] }
            })
        },
    ),
    plain("DELETE /api/v1/operators/{id}", |s| format!("/api/v1/operators/{}", s.shared.operator)),
    plain("GET /api/v1/operators/invitations", |_| "/api/v1/operators/invitations".into()),
    with(
        "PUT /api/v1/operators/invitations/{id}",
        |s| format!("/api/v1/operators/invitations/{}", s.shared.invitation),
        |_| json!({ "status": "active" }),
    ),
    plain("DELETE /api/v1/operators/invitations/{id}", |s| {
        format!("/api/v1/operators/invitations/{}", s.shared.invitation)
    }),
    with(
        "POST /api/v1/payments#receive",
        |_| "/api/v1/payments".into(),
        |_| {
            json!({
                "out": false, "amount": 1, "unit": "sat", "memo": "m", "expiry": 600, "extra": { "tag": "t" },
                "extension": "e", "webhook": "https://example.com/hook", "labels": ["l"], "external_id": "x",
                "description_hash": "", "unhashed_description": "", "internal": false
            })
        },
    ),
    with(
        "POST /api/v1/payments#send",
        |_| "/api/v1/payments".into(),
        |s| json!({ "out": true, "bolt11": s.to_pay, "fee_limit_msat": 5000, "extra": {}, "labels": [], "external_id": "y" }),
    ),
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
    plain("GET /static/{file}", |_| "/static/satchel.css".into()),
];

fn prefix_list(s: &Subject) -> Value {
    json!({
        "id": s.acl, "name": "by prefix", "password": s.password(),
        "endpoints": [{ "path": "/api/v1/wallet", "name": "Wallet", "read": true, "write": false }],
        "token_id_list": [{ "id": s.token, "name": "kept", "expires_at": null }]
    })
}

/// The sample of an operation.
pub(super) fn of(operation: &str) -> &'static Sample {
    let found = SAMPLES.iter().find(|sample| sample.operation == operation);
    found.unwrap_or_else(|| panic!("{operation} has no sample request: add one in tests/api/http/samples.rs"))
}
