//! What the super user decides while the server runs: that it is checked as a whole, kept, shown, and in force at
//! once, on every server.

mod bounds;
mod effects;
mod fees;
mod guide;

use serde_json::{Value, json};

use crate::harness::{Answer, Caller, Plan, Server};

const PATH: &str = "/admin/api/v1/settings";

/// A server with its super user.
async fn governed(plan: Plan) -> (Server, Caller) {
    let server = plan.start().await;
    let root = server.super_user().await;
    (server, root)
}

async fn set(root: &Caller, settings: Value) {
    assert_eq!(root.put(PATH, settings).await.ok(), json!({ "status": "Success" }));
}

async fn setting(root: &Caller, name: &str) -> Value {
    root.get(PATH).await.ok()[name].clone()
}

/// The names that a refusal is about.
fn blamed(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 400, "{}", answer.text);
    let list = answer.body["detail"].as_array().unwrap_or_else(|| panic!("{}", answer.text));
    list.iter().map(|fault| fault["loc"][1].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_is_kept_and_shown_and_null_clears_it() {
    let (server, root) = governed(Plan::sqlite()).await;
    let shown = root.get(PATH).await.ok();
    assert_eq!((&shown["is_super_user"], &shown["lnbits_site_title"]), (&json!(true), &json!("Satchel")));
    assert!(shown["lnbits_allowed_funding_sources"].is_array() && shown.get("super_user").is_none());
    set(&root, json!({ "lnbits_site_title": "Bank", "lnbits_callback_url_rules": "https://a, https://b" })).await;
    assert_eq!(root.patch(PATH, json!({ "lnbits_denomination": "msat" })).await.status, 200);
    let expected =
        [("lnbits_site_title", json!("Bank")), ("lnbits_callback_url_rules", json!(["https://a", "https://b"]))];
    for (name, value) in &expected {
        assert_eq!(setting(&root, name).await, *value);
    }
    let default = root.get("/admin/api/v1/settings/default?field_name=lnbits_site_title").await.ok();
    assert_eq!(default, json!({ "default_value": "Satchel" }));
    let server = server.stop().await.start().await;
    let root = server.super_user().await;
    for (name, value) in &expected {
        assert_eq!(setting(&root, name).await, *value, "not after a restart");
    }
    assert_eq!(root.patch(PATH, json!({ "lnbits_site_title": null })).await.status, 200);
    assert_eq!(setting(&root, "lnbits_site_title").await, json!("Satchel"));
    set(&root, json!({ "lnbits_backend_wallet_class": "FakeWallet" })).await;
    assert_eq!(root.delete(PATH).await.ok(), Value::Null);
    assert_eq!(setting(&root, "lnbits_denomination").await, json!("sats"));
    assert_eq!(setting(&root, "lnbits_backend_wallet_class").await, json!("FakeWallet"));
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_answered_can_be_sent_back() {
    let (_server, root) = governed(Plan::sqlite()).await;
    set(&root, json!({ "phoenixd_api_password": "hidden", "lnbits_register_one_time_activation_codes": ["a", "b"] }))
        .await;
    let mut shown = root.get(PATH).await.ok();
    assert_eq!(shown["phoenixd_api_password"], "set");
    assert_eq!(shown["lnbits_register_one_time_activation_codes"], json!(["a", "b"]));
    assert!(shown["lnd_rest_macaroon"].is_null());
    let object = shown.as_object_mut().unwrap();
    object.remove("is_super_user");
    object.remove("lnbits_allowed_funding_sources");
    set(&root, shown.clone()).await;
    let again = root.get(PATH).await.ok();
    for (name, value) in shown.as_object().unwrap() {
        assert_eq!(again[name], *value, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_with_a_fault_in_it_changes_nothing() {
    let (_server, root) = governed(Plan::sqlite()).await;
    let nobody = "0123456789abcdef0123456789abcdef";
    for (settings, names) in [
        (json!({ "lnbits_site_titel": "Bank" }), vec!["lnbits_site_titel"]),
        (json!({ "super_user": nobody }), vec!["super_user"]),
        (
            json!({ "lnbits_max_users": "many", "lnbits_reserve_fee_percent": 101 }),
            vec!["lnbits_max_users", "lnbits_reserve_fee_percent"],
        ),
        (json!({ "lnbits_wallet_limit_daily_max_withdraw": -1 }), vec!["lnbits_wallet_limit_daily_max_withdraw"]),
        (json!({ "lnbits_service_fee": 1 }), vec!["lnbits_service_fee_wallet"]),
        (json!({ "lnbits_service_fee": 1, "lnbits_service_fee_wallet": nobody }), vec!["lnbits_service_fee_wallet"]),
        (json!({ "auth_allowed_methods": [] }), vec!["auth_allowed_methods"]),
        (json!({ "auth_allowed_methods": ["google-auth"] }), vec!["auth_allowed_methods"]),
        (json!({ "auth_allowed_methods": ["password"] }), vec!["auth_allowed_methods"]),
        (json!({ "auth_all_methods": ["user-id-only"] }), vec!["auth_all_methods"]),
        (
            json!({ "satchel_tiers": { "pro": { "requests_per_minute": 1, "capabilities": [] } } }),
            vec!["satchel_tiers"],
        ),
        (json!({ "lnbits_default_accounting_currency": "1" }), vec!["lnbits_default_accounting_currency"]),
        (json!({ "lnbits_blocked_ips": "everybody" }), vec!["lnbits_blocked_ips"]),
    ] {
        let mut whole = settings.clone();
        whole["lnbits_denomination"] = json!("changed");
        for answer in [root.put(PATH, whole.clone()).await, root.patch(PATH, whole).await] {
            assert_eq!(blamed(&answer), names, "{settings}");
        }
        assert_eq!(setting(&root, "lnbits_denomination").await, json!("sats"), "{settings}");
    }
    assert_eq!(root.get("/admin/api/v1/settings/default?field_name=nothing").await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_the_super_user_sees_or_sets() {
    let (server, _) = governed(Plan::sqlite()).await;
    let user = server.user("walter").await;
    for answer in [user.get(PATH).await, user.put(PATH, json!({})).await, user.delete(PATH).await] {
        assert_eq!(answer.status, 403);
    }
    assert_eq!(server.wallet(0).await.admin.get(PATH).await.status, 401);
}

/// A change on one server holds on the other.
async fn holds_on_every_server(plan: Plan) {
    let (server, root) = governed(plan).await;
    let other = server.twin().start().await;
    set(&root, json!({ "lnbits_allow_new_accounts": false, "lnbits_site_title": "Bank" })).await;
    let mut closed = false;
    for _ in 0..200 {
        let answer = other.anybody().post("/api/v1/account", json!({})).await;
        closed = answer.status == 400 && answer.detail() == "Account creation is disabled.";
        if closed {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(closed, "the other server never heard of it");
    assert_eq!(setting(&root.at(&other.url), "lnbits_site_title").await, json!("Bank"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_holds_on_every_server() {
    holds_on_every_server(Plan::postgres().await).await;
}

/// Two changes at once are both there afterwards, and what contradicts itself is not.
#[tokio::test(flavor = "multi_thread")]
async fn changes_at_once_do_not_undo_each_other() {
    for plan in [Plan::sqlite(), Plan::postgres().await] {
        let (server, root) = governed(plan).await;
        let names = ["lnbits_site_tagline", "lnbits_denomination", "lnbits_default_theme", "lnbits_custom_badge"];
        let calls = names.map(|name| {
            let root = root.clone();
            tokio::spawn(async move { root.patch(PATH, json!({ name: "x" })).await.status })
        });
        for call in calls {
            assert_eq!(call.await.unwrap(), 200);
        }
        for name in names {
            assert_eq!(setting(&root, name).await, "x");
        }
        drop(server);
    }
}
