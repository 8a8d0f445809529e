//! Each setting that holds at once: set over HTTP, and seen.

use serde_json::{Value, json};

use super::{PATH, governed, set, setting};
use crate::harness::{Answer, Caller, PASSWORD, Plan, Server};

async fn register(server: &Server, name: &str, code: Option<&str>) -> Answer {
    let body = json!({ "username": name, "password": PASSWORD, "password_repeat": PASSWORD, "invitation_code": code });
    server.anybody().post("/api/v1/auth/register", body).await
}

async fn details(root: &Caller, server: &Server, setting: Value, path: &str, body: Value) -> (u16, String) {
    set(root, setting).await;
    let answer = server.anybody().post(path, body).await;
    (answer.status, answer.detail().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_come_in() {
    let (server, root) = governed(Plan::sqlite()).await;
    let walter = server.user("walter").await;
    let id = walter.get("/api/v1/auth").await.ok()["id"].as_str().unwrap().to_owned();
    let other = server.user("other").await;
    let closed = (400, "Account creation is disabled.".to_owned());
    let made =
        details(&root, &server, json!({ "lnbits_allow_new_accounts": false }), "/api/v1/account", json!({})).await;
    assert_eq!(made, closed);
    set(&root, json!({ "lnbits_allow_new_accounts": null, "lnbits_allowed_users": [id] })).await;
    assert_eq!(register(&server, "third", None).await.detail(), closed.1);
    assert_eq!((walter.get("/api/v1/auth").await.status, root.get("/api/v1/auth").await.status), (200, 200));
    let refused = other.get("/api/v1/auth").await;
    assert_eq!((refused.status, refused.detail()), (403, "User not allowed."));
    set(&root, json!({ "lnbits_allowed_users": [], "lnbits_max_users": 4 })).await;
    assert_eq!(register(&server, "third", None).await.status, 200);
    assert_eq!(register(&server, "fourth", None).await.detail(), "Max amount of users have been created");
    assert_eq!(
        server.anybody().post("/api/v1/session", json!({})).await.detail(),
        "Max amount of users have been created"
    );
    set(&root, json!({ "lnbits_max_users": 0, "satchel_allow_anonymous_sessions": false })).await;
    assert_eq!(server.anybody().post("/api/v1/session", json!({})).await.status, 403);
    set(&root, json!({ "auth_allowed_methods": ["nostr-auth-nip98"] })).await;
    assert_eq!(register(&server, "fourth", None).await.status, 403);
    let login = json!({ "username": "walter", "password": PASSWORD });
    assert_eq!(
        server.anybody().post("/api/v1/auth", login).await.detail(),
        "Login by 'Username and Password' not allowed."
    );
}

async fn codes(plan: Plan) {
    let (server, root) = governed(plan).await;
    set(&root, json!({ "lnbits_require_user_activation": true })).await;
    assert_eq!(register(&server, "walter", Some("often")).await.detail(), "No activation method provided.");
    set(
        &root,
        json!({
            "lnbits_user_activation_by_invitation_code": true,
            "lnbits_register_reusable_activation_code": "often",
            "lnbits_register_one_time_activation_codes": "once,twice",
        }),
    )
    .await;
    assert_eq!(register(&server, "walter", None).await.detail(), "Invitation code cannot be empty.");
    assert_eq!(register(&server, "walter", Some("never")).await.detail(), "Invalid invitation code.");
    for name in ["anna", "berta"] {
        assert_eq!(register(&server, name, Some("often")).await.status, 200);
    }
    // a name that is taken costs no code
    assert_eq!(register(&server, "anna", Some("once")).await.detail(), "Username already exists.");
    let server = std::sync::Arc::new(server);
    let racing: Vec<_> = (0..8)
        .map(|number| {
            let server = server.clone();
            tokio::spawn(async move { register(&server, &format!("racer{number}"), Some("once")).await.status })
        })
        .collect();
    let mut in_ = 0;
    for racer in racing {
        in_ += usize::from(racer.await.unwrap() == 200);
    }
    assert_eq!(in_, 1, "a code that is good once let in so many");
    assert_eq!(setting(&root, "lnbits_register_one_time_activation_codes").await, json!(["twice"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn invitation_codes_are_good_as_often_as_they_say() {
    codes(Plan::sqlite()).await;
    codes(Plan::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_follow_the_settings_of_the_moment() {
    let (server, root) = governed(Plan::sqlite()).await;
    let wallet = server.wallet(100_000).await;
    let reserve = async |msat: i64| {
        let bolt11 = server.outside_invoice(msat, "");
        let path = format!("/api/v1/payments/fee-reserve?invoice={bolt11}");
        server.anybody().get(&path).await.ok()["fee_reserve"].as_i64().unwrap()
    };
    set(&root, json!({ "lnbits_reserve_fee_min": 7000, "lnbits_reserve_fee_percent": 2.5 })).await;
    assert_eq!((reserve(1000).await, reserve(1_000_000).await), (7000, 25_000));
    set(&root, json!({ "lnbits_max_outgoing_payment_amount_sats": 50 })).await;
    let refused = wallet.pay(&server.outside_invoice(51_000, "")).await;
    assert_eq!((refused.status, refused.detail()), (520, "Invoice amount 51 sats is too high. Max allowed: 50 sats."));
    set(&root, json!({ "lnbits_only_allow_incoming_payments": true })).await;
    let refused = wallet.pay(&server.outside_invoice(1000, "")).await;
    assert_eq!(
        (refused.status, refused.detail(), &refused.body["status"]),
        (520, "Only incoming payments allowed.", &json!("failed"))
    );
    set(&root, json!({ "lnbits_max_incoming_payment_amount_sats": 10 })).await;
    let refused = wallet.invoice.post("/api/v1/payments", json!({ "out": false, "amount": 11 })).await;
    assert_eq!(refused.detail(), "Invoice amount 11 sats is too high. Max allowed: 10 sats.");
    set(&root, json!({ "lightning_invoice_expiry": 60, "lnbits_site_title": "Bank" })).await;
    let made = wallet.invoice.post("/api/v1/payments", json!({ "out": false, "amount": 1 })).await.ok();
    assert_eq!(made["memo"], "Bank");
    let decoded = server.anybody().post("/api/v1/payments/decode", json!({ "data": made["bolt11"] })).await.ok();
    assert_eq!(decoded["expiry"], 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn wallets_are_made_as_the_settings_say() {
    let (server, root) = governed(Plan::sqlite()).await;
    set(&root, json!({ "lnbits_default_wallet_name": "Purse", "lnbits_default_accounting_currency": "chf" })).await;
    let made = server.anybody().post("/api/v1/account", json!({})).await.ok();
    assert_eq!((&made["name"], &made["currency"]), (&json!("Purse"), &json!("CHF")));
    set(&root, json!({ "lnbits_allowed_currencies": "EUR" })).await;
    let own = server.key(made["adminkey"].as_str().unwrap());
    assert_eq!(own.patch("/api/v1/wallet", json!({ "currency": "USD" })).await.status, 400);
    assert_eq!(own.patch("/api/v1/wallet", json!({ "currency": "EUR" })).await.ok()["currency"], "EUR");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_live_as_long_as_the_settings_say() {
    let (server, root) = governed(Plan::sqlite().seeded()).await;
    set(&root, json!({ "auth_token_expire_minutes": 5, "auth_credetials_update_threshold": 0 })).await;
    let walter = server.user("walter").await;
    server.clock.advance(2);
    let change = json!({ "user_id": walter.get("/api/v1/auth").await.ok()["id"], "pubkey": "0".repeat(64) });
    let refused = walter.put("/api/v1/auth/pubkey", change).await;
    assert!(refused.detail().contains("first 0 seconds"), "{}", refused.text);
    server.clock.advance(299);
    assert_eq!(walter.get("/api/v1/auth").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_counted_and_blocked_as_the_settings_say() {
    let (server, root) = governed(Plan::sqlite()).await;
    set(&root, json!({ "satchel_trusted_proxies": ["127.0.0.1"], "lnbits_rate_limit_no": 3 })).await;
    let from = async |address: &str, path: &str| {
        server.anybody().raw(reqwest::Method::GET, path, None, &[("X-Forwarded-For", address)]).await
    };
    for _ in 0..3 {
        assert_eq!(from("192.0.2.1", "/api/v1/tiers").await.status, 200);
    }
    assert_eq!(from("192.0.2.1", "/api/v1/tiers").await.status, 429);
    assert_eq!(from("192.0.2.2", "/api/v1/tiers").await.status, 200);
    set(&root, json!({ "lnbits_rate_limit_no": null, "lnbits_blocked_ips": ["192.0.2.0/24"], "lnbits_allowed_ips": ["192.0.2.9"] })).await;
    for path in ["/api/v1/tiers", "/api/v1/health", "/nowhere"] {
        let refused = from("192.0.2.1", path).await;
        assert_eq!((refused.status, refused.detail()), (403, "IP is blocked"), "{path}");
    }
    assert_eq!(
        (from("192.0.2.9", "/api/v1/tiers").await.status, from("198.51.100.1", "/api/v1/tiers").await.status),
        (200, 200)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_tiers_follow_the_settings() {
    let (server, root) = governed(Plan::sqlite()).await;
    let wallet = server.wallet(0).await;
    let by_query = format!("/api/v1/wallet?api-key={}", wallet.invoice_key);
    assert_eq!(server.anybody().get(&by_query).await.status, 200);
    let tiers = json!({ "free": { "requests_per_minute": 9, "capabilities": ["read"], "price_sat": 0 } });
    set(
        &root,
        json!({ "satchel_allow_query_keys": false, "satchel_tiers": tiers, "satchel_wallet_requests_per_minute": 7 }),
    )
    .await;
    assert_eq!(server.anybody().get(&by_query).await.status, 401);
    let tiers = server.anybody().get("/api/v1/tiers").await.ok();
    assert_eq!((tiers.as_array().unwrap().len(), &tiers[0]["requests_per_minute"]), (1, &json!(9)));
    let counted = wallet.invoice.get("/api/v1/wallet").await;
    assert_eq!(counted.headers["ratelimit-limit"], "7");
    let answer = root.put(PATH, json!({ "satchel_wallet_requests_per_minute": 0 })).await;
    assert_eq!(answer.status, 200);
    assert!(wallet.invoice.get("/api/v1/wallet").await.headers.get("ratelimit-limit").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_there_as_soon_as_it_is_set() {
    let (server, root) = governed(Plan::sqlite()).await;
    assert_eq!(server.anybody().get("/api/v1/auth/github").await.status, 403);
    set(
        &root,
        json!({
            "github_client_id": "satchel",
            "github_client_secret": "hidden",
            "auth_allowed_methods": ["username-password", "github-auth"],
        }),
    )
    .await;
    let sent = server.anybody().get("/api/v1/auth/github").await;
    assert!((300..400).contains(&sent.status), "{}", sent.text);
    assert!(sent.headers["location"].to_str().unwrap().starts_with("https://github.com/login/oauth/authorize"));
    assert_eq!(setting(&root, "github_client_secret").await, "set");
    let refused = root.patch(PATH, json!({ "github_client_id": null })).await;
    assert_eq!(super::blamed(&refused), ["auth_allowed_methods"]);
}
