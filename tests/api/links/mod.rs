//! LNURL links of wallets, as strangers with a phone and as their owners use them.

mod pay;
mod withdraw;

use serde_json::{Value, json};

use crate::harness::{Answer, Server, Wallet};

async fn made(wallet: &Wallet, body: Value) -> Value {
    let answer = wallet.admin.post("/api/v1/links", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.body
}

fn withdraw_link(msat: i64, uses: i64) -> Value {
    json!({ "kind": "withdraw", "title": "voucher", "min_msat": 1000, "max_msat": msat, "uses": uses })
}

/// What a wallet is told that opens an address.
async fn open(server: &Server, url: &str) -> Value {
    let path = url.strip_prefix(&server.url).unwrap_or(url);
    let answer = server.anybody().get(path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_their_wallets_own_and_make_sense() {
    let server = Server::start().await;
    let (owner, other) = (server.wallet(100).await, server.wallet(0).await);
    let link = made(&owner, withdraw_link(2000, 1)).await;
    let at = format!("/api/v1/links/{}", link["id"].as_str().unwrap());
    for answer in [other.admin.get(&at).await, other.admin.patch(&at, json!({})).await, other.admin.delete(&at).await] {
        assert_eq!(answer.status, 404, "{}", answer.text);
    }
    assert_eq!((owner.invoice.get(&at).await.status, other.admin.get("/api/v1/links").await.ok()), (403, json!([])));
    let try_it = async |body: Value| -> Answer { owner.admin.post("/api/v1/links", body).await };
    for body in [
        json!({}),
        json!({ "kind": "gift", "title": "x", "min_msat": 1 }),
        json!({ "kind": "pay", "min_msat": 1 }),
        json!({ "kind": "pay", "title": "x" }),
        json!({ "kind": "pay", "title": "x", "min_msat": 0 }),
        json!({ "kind": "pay", "title": "x", "min_msat": 2, "max_msat": 1 }),
        json!({ "kind": "pay", "title": "x", "min_msat": 1, "max_msat": i64::MAX }),
        json!({ "kind": "pay", "title": "x".repeat(640), "min_msat": 1 }),
        json!({ "kind": "pay", "title": "x", "min_msat": 1, "comment_max": 800 }),
        json!({ "kind": "pay", "title": "x", "min_msat": 1, "success_message": "x".repeat(145) }),
        json!({ "kind": "pay", "title": "x", "min_msat": 1, "success_url": "https://elsewhere.example/" }),
        json!({ "kind": "pay", "title": "x", "min_msat": 1, "webhook": "http://127.0.0.1/" }),
        json!({ "kind": "pay", "title": "x", "min_msat": 1, "uses": 2 }),
        json!({ "kind": "withdraw", "title": "x", "min_msat": 1, "uses": 0 }),
        json!({ "kind": "withdraw", "title": "x", "min_msat": 1, "uses": 100_001 }),
        json!({ "kind": "withdraw", "title": "x", "min_msat": 1, "comment_max": 5 }),
        json!({ "kind": "withdraw", "title": "x", "min_msat": 1, "pause_seconds": -1 }),
        json!({ "kind": "withdraw", "title": "x", "min_msat": 1, "open_until": "tomorrow" }),
    ] {
        let answer = try_it(body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
    }
    // what is handed out with bounds makes nothing that pays without them
    let user = server.user("owner").await;
    let key = user.post("/api/v1/api-keys", json!({ "name": "k", "scope": "full" })).await.ok();
    let bounded = server.key(key["key"].as_str().unwrap());
    let refused = bounded.post("/api/v1/links", withdraw_link(2000, 1)).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    let open = user.post("/api/v1/links", withdraw_link(2000, 1)).await;
    assert_eq!(open.status, 201);
    // whoever has the address of such a link is paid by it: it is not shown to who may not make one
    let at = format!("/api/v1/links/{}", open.body["id"].as_str().unwrap());
    assert_eq!((bounded.get(&at).await.status, bounded.delete(&at).await.status), (403, 403));
    assert_eq!(bounded.get("/api/v1/links").await.ok(), json!([]));
    assert_eq!(user.get("/api/v1/links").await.ok()[0]["id"], open.body["id"]);
    let pay = json!({ "kind": "pay", "title": "x", "min_msat": 1 });
    assert_eq!(bounded.post("/api/v1/links", pay).await.status, 201);
}
