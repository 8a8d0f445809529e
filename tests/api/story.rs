//! The story of the README: from a registration to a payment that both sides see.

use serde_json::json;

use crate::harness::Server;

#[tokio::test(flavor = "multi_thread")]
async fn two_wallets_with_two_keys_receive_and_send() {
    let server = Server::start().await;
    let (alice, root) = (server.user("alice").await, server.super_user().await);
    let wallet = alice.get("/api/v1/wallets").await.ok()[0].clone();
    let shop = alice.post("/api/v1/wallet", json!({ "name": "shop" })).await.ok();
    let credit = json!({ "id": wallet["id"], "amount": 1000 });
    assert_eq!(root.put("/users/api/v1/balance", credit).await.ok(), "Balance updated.");

    let key = |wallet: &serde_json::Value, name: &str| server.key(wallet[name].as_str().unwrap());
    let order = json!({ "out": false, "amount": 21, "memo": "tea" });
    let invoice = key(&shop, "inkey").post("/api/v1/payments", order).await;
    assert_eq!((invoice.status, &invoice.body["status"]), (201, &json!("pending")));
    let pay = json!({ "out": true, "bolt11": invoice.body["bolt11"] });
    assert_eq!(key(&wallet, "inkey").post("/api/v1/payments", pay.clone()).await.status, 403);
    let paid = key(&wallet, "adminkey").post("/api/v1/payments", pay.clone()).await;
    assert_eq!((paid.status, &paid.body["status"], &paid.body["amount"]), (201, &json!("success"), &json!(-21000)));

    assert_eq!(key(&wallet, "inkey").get("/api/v1/wallet").await.ok()["balance"], 979_000);
    assert_eq!(key(&shop, "inkey").get("/api/v1/wallet").await.ok()["balance"], 21_000);
    let again = key(&wallet, "adminkey").post("/api/v1/payments", pay).await;
    assert_eq!(again.status, 520);
    assert!(again.detail().contains("already paid"), "{}", again.text);
    server.assert_sound().await;
}
