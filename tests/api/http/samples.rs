//! One sample request for every operation of the route table: what a client would really send.

mod payments;

use serde_json::{Value, json};

use super::world::Subject;

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

/// The samples of people and their wallets, in any order: an operation without one fails the matrix.
const SAMPLES: &[Sample] = &[
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
];

fn prefix_list(s: &Subject) -> Value {
    json!({
        "id": s.acl, "name": "by prefix", "password": s.password(),
        "endpoints": [{ "path": "/api/v1/wallet", "name": "Wallet", "read": true, "write": false }],
        "token_id_list": [{ "id": s.token, "name": "kept", "expires_at": null }]
    })
}

/// All samples.
pub(super) fn all() -> impl Iterator<Item = &'static Sample> {
    SAMPLES.iter().chain(payments::SAMPLES)
}

/// The sample of an operation.
pub(super) fn of(operation: &str) -> &'static Sample {
    let found = all().find(|sample| sample.operation == operation);
    found.unwrap_or_else(|| panic!("{operation} has no sample request: add one in tests/api/http/samples.rs"))
}
