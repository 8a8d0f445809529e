//! Wallets: made, named, listed, deleted, restored, and given new keys.

use reqwest::Method;
use serde_json::{Value, json};

use super::{assert_refused, text, wrong};
use crate::harness::Server;

fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_credential_sees_no_stronger_one() {
    let server = Server::start().await;
    let wallet = server.wallet(7).await;
    let seen = wallet.invoice.get("/api/v1/wallet").await.ok();
    assert_eq!(seen, json!({ "name": "test", "balance": 7000, "inkey": wallet.invoice_key }));
    let seen = wallet.admin.get("/api/v1/wallet").await.ok();
    let whole = json!({
        "id": wallet.id.to_string(), "name": "test", "balance": 7000, "adminkey": wallet.admin_key,
        "inkey": wallet.invoice_key
    });
    assert_eq!(seen, whole);
    for path in ["/api/v1/payments", "/api/v1/payments/paginated", "/api/v1/payments/history"] {
        let text = wallet.invoice.get(path).await.text;
        assert!(!text.contains(&wallet.admin_key), "{path}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_has_every_field_that_clients_read() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let made = alice.post("/api/v1/wallet", json!({ "name": "shop" })).await.ok();
    let fields = [
        "id",
        "user",
        "wallet_type",
        "adminkey",
        "inkey",
        "name",
        "shared_wallet_id",
        "deleted",
        "created_at",
        "updated_at",
        "currency",
        "lightning_address",
        "balance_msat",
        "extra",
        "stored_paylinks",
        "share_permissions",
    ];
    for field in fields {
        assert!(names(&made).contains(&field), "{field} is missing in {made}");
    }
    assert_eq!((&made["name"], &made["wallet_type"]), (&json!("shop"), &json!("lightning")));
    for key in ["id", "user", "adminkey", "inkey"] {
        let id = text(&made, key);
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()), "{key}: {id}");
    }
    assert_eq!(made["stored_paylinks"], json!({ "links": [] }));
    for body in [json!({}), json!({ "name": null }), json!({ "name": "" })] {
        assert!(!text(&alice.post("/api/v1/wallet", body).await.ok(), "name").is_empty());
    }
    let bad = alice.post("/api/v1/wallet", json!({ "wallet_type": "fiat" })).await;
    assert_eq!(wrong(&bad).0, json!(["body", "wallet_type"]));
    assert_eq!(alice.post("/api/v1/wallet", json!({ "name": "n".repeat(101) })).await.status, 400);
    assert_eq!(alice.get("/api/v1/wallets").await.ok().as_array().unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn wallets_are_listed_by_pages() {
    let server = Server::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    for name in ["xc", "xa", "xb"] {
        alice.post("/api/v1/wallet", json!({ "name": name })).await.ok();
    }
    let page = |query: &str| {
        let path = format!("/api/v1/wallet/paginated?{query}");
        let alice = alice.clone();
        async move { alice.get(&path).await.ok() }
    };
    let all = page("sortby=name").await;
    assert_eq!((all["data"].as_array().unwrap().len(), &all["total"]), (4, &json!(4)));
    let second = page("sortby=name&direction=desc&limit=1&offset=1").await;
    assert_eq!((second["data"].as_array().unwrap().len(), &second["total"]), (1, &json!(4)));
    assert_eq!(second["data"][0]["name"], "xb");
    assert_eq!(page("offset=50").await, json!({ "data": [], "total": 4 }));
    assert_eq!(page("name=xa").await["total"], 1);
    assert_eq!(page("search=XB").await["data"][0]["name"], "xb");
    assert_eq!(bob.get("/api/v1/wallet/paginated").await.ok()["total"], 1);
    assert_eq!(alice.get("/api/v1/wallet/paginated?sortby=adminkey").await.status, 400);
    assert_eq!(alice.get("/api/v1/wallet/paginated?limit=-1").await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_is_renamed_in_three_ways() {
    let server = Server::start().await;
    let wallet = server.wallet(3).await;
    let renamed = wallet.admin.put("/api/v1/wallet", json!({ "name": "one" })).await.ok();
    assert_eq!(renamed, json!({ "id": wallet.id.to_string(), "name": "one", "balance": 3000 }));
    let renamed = wallet.admin.put("/api/v1/wallet/caf%C3%A9%20%E2%98%95", json!({})).await.ok();
    assert_eq!(renamed["name"], "café ☕");
    assert_eq!(wallet.invoice.get("/api/v1/wallet").await.ok()["name"], "café ☕");
    let patch = json!({ "name": "two", "currency": "EUR", "pinned": true, "icon": "bolt", "color": "red" });
    let patched = wallet.admin.patch("/api/v1/wallet", patch).await.ok();
    assert_eq!((&patched["name"], &patched["currency"]), (&json!("two"), &json!("EUR")));
    assert_eq!(patched["extra"], json!({ "icon": "bolt", "color": "red", "pinned": true, "shared_with": [] }));
    let kept = json!({ "name": "", "icon": null, "color": "", "pinned": null, "currency": "" });
    let kept = wallet.admin.patch("/api/v1/wallet", kept).await.ok();
    assert_eq!((&kept["name"], &kept["currency"], &kept["extra"]), (&json!("two"), &Value::Null, &patched["extra"]));
    assert_refused(&wallet.invoice.put("/api/v1/wallet", json!({ "name": "x" })).await, 403, "Invalid adminkey.");
    assert_refused(&wallet.invoice.patch("/api/v1/wallet", json!({})).await, 403, "Invalid adminkey.");
    assert_eq!(wallet.admin.put("/api/v1/wallet", json!({ "name": "n".repeat(101) })).await.status, 400);
    assert_eq!(wrong(&wallet.admin.put("/api/v1/wallet", json!({})).await).0, json!(["body", "name"]));
    assert_eq!(wallet.invoice.get("/api/v1/wallet").await.ok()["name"], "two");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_wallet_is_closed_and_comes_back_with_its_money() {
    let server = Server::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let wallet = alice.post("/api/v1/wallet", json!({ "name": "shop" })).await.ok();
    let id = text(&wallet, "id");
    server.ledger().adjust(id.parse().unwrap(), satchel::domain::Msat(9000)).await.unwrap();
    let (admin, invoice) = (server.key(&text(&wallet, "adminkey")), server.key(&text(&wallet, "inkey")));
    let order = invoice.post("/api/v1/payments", json!({ "out": false, "amount": 1 })).await.ok();
    let path = format!("/api/v1/wallet/{id}");
    for stranger in [&bob, &server.super_user().await] {
        assert_refused(&stranger.delete(&path).await, 404, "Wallet not found");
    }
    assert_eq!(alice.delete(&path).await.ok(), Value::Null);
    for key in [&admin, &invoice] {
        assert_refused(&key.get("/api/v1/wallet").await, 404, "Wallet not found.");
        assert_refused(&key.get("/api/v1/payments").await, 404, "Wallet not found.");
        let order = key.post("/api/v1/payments", json!({ "out": false, "amount": 1 })).await;
        assert_refused(&order, 404, "Wallet not found.");
    }
    let named = alice.raw(Method::GET, "/api/v1/wallet", None, &[("X-Wallet-Id", &id)]).await;
    assert_refused(&named, 404, "Wallet not found.");
    assert_refused(&alice.delete(&path).await, 404, "Wallet not found");
    assert_eq!(alice.get("/api/v1/wallets").await.ok().as_array().unwrap().len(), 1);
    let undelete = format!("/api/v1/wallet/undelete/{id}");
    assert_eq!(bob.put(&undelete, json!({})).await.status, 403);
    assert_eq!(alice.put(&undelete, json!({})).await.status, 200);
    assert_refused(&alice.put(&undelete, json!({})).await, 404, "Wallet does not exist.");
    assert_eq!(admin.get("/api/v1/wallet").await.ok()["balance"], 9000);
    let hash = text(&order, "payment_hash");
    assert_eq!(invoice.get(&format!("/api/v1/payments/{hash}")).await.ok()["details"]["wallet_id"], json!(id));
    assert_eq!(admin.delete("/api/v1/wallet").await.status, 200, "an admin key deletes its own wallet");
    assert_refused(&admin.delete("/api/v1/wallet").await, 404, "Wallet not found.");
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_deletes_his_last_wallet_gets_another() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let first = text(&alice.get("/api/v1/wallets").await.ok()[0], "id");
    alice.delete(&format!("/api/v1/wallet/{first}")).await.ok();
    let left = alice.get("/api/v1/wallets").await.ok();
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_ne!(text(&left[0], "id"), first);
    assert_eq!(alice.get("/api/v1/wallet").await.ok()["id"], left[0]["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_end_the_old_ones_at_once() {
    let server = Server::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let wallet = alice.get("/api/v1/wallets").await.ok()[0].clone();
    let path = format!("/api/v1/wallet/reset/{}", text(&wallet, "id"));
    let old = [server.key(&text(&wallet, "adminkey")), server.key(&text(&wallet, "inkey"))];
    for key in &old {
        assert_eq!(key.get("/api/v1/payments").await.status, 200);
    }
    for stranger in [&bob, &server.super_user().await] {
        assert_refused(&stranger.put(&path, json!({})).await, 404, "Wallet not found");
    }
    let new = alice.put(&path, json!({})).await.ok();
    assert_eq!(new["id"], wallet["id"]);
    for key in &old {
        assert_refused(&key.get("/api/v1/payments").await, 404, "Wallet not found.");
        assert_refused(&key.get("/api/v1/wallet").await, 404, "Wallet not found.");
    }
    assert_eq!(server.key(&text(&new, "adminkey")).get("/api/v1/wallet").await.ok()["id"], wallet["id"]);
    assert_eq!(server.key(&text(&new, "inkey")).get("/api/v1/wallet").await.status, 200);
    assert_refused(&alice.put("/api/v1/wallet/reset/nonsense", json!({})).await, 404, "Wallet not found");
}
