//! Where a credential may stand, and which one counts.

use reqwest::Method;
use serde_json::json;

use super::{assert_refused, text};
use crate::harness::{Answer, Server};

async fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> Answer {
    server.anybody().raw(Method::GET, path, None, headers).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_key_stands_in_the_header_or_in_the_query() {
    let server = Server::start().await;
    let (one, other) = (server.wallet(1).await, server.wallet(2).await);
    let path = "/api/v1/wallet";
    for name in ["X-Api-Key", "x-api-key", "X-API-KEY"] {
        assert_eq!(get(&server, path, &[(name, &one.invoice_key)]).await.ok()["balance"], 1000);
    }
    let query = format!("{path}?x=1&api-key={}", one.invoice_key);
    assert_eq!(get(&server, &query, &[]).await.ok()["balance"], 1000);
    let both = get(&server, &query, &[("X-Api-Key", &other.invoice_key)]).await;
    assert_eq!(both.ok()["balance"], 2000, "the header wins");
    let wrong = get(&server, &query, &[("X-Api-Key", "nobody's")]).await;
    assert_refused(&wrong, 404, "Wallet not found.");
    let underscore = format!("{path}?api_key={}", one.invoice_key);
    assert_refused(&get(&server, &underscore, &[]).await, 401, "No Api Key provided.");
    let upper = one.admin_key.to_uppercase();
    assert_refused(&get(&server, path, &[("X-Api-Key", &upper)]).await, 404, "Wallet not found.");
    for empty in ["", " "] {
        let answer = get(&server, path, &[("X-Api-Key", empty)]).await;
        assert_refused(&answer, 401, "No Api Key provided.");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_do_not_open_accounts() {
    let server = Server::start().await;
    let wallet = server.wallet(0).await;
    for path in ["/api/v1/wallets", "/api/v1/auth", "/api/v1/payments/all/paginated", "/api/v1/status"] {
        for key in [&wallet.admin, &wallet.invoice] {
            assert_refused(&key.get(path).await, 401, "Missing user ID or access token.");
        }
    }
    let delete = wallet.admin.delete(&format!("/api/v1/wallet/{}", wallet.id)).await;
    assert_refused(&delete, 401, "Missing user ID or access token.");
    assert_refused(&wallet.invoice.delete("/api/v1/wallet").await, 403, "Invalid adminkey.");
    let pay = wallet.invoice.post("/api/v1/payments", json!({ "out": true, "bolt11": "x" })).await;
    assert_refused(&pay, 403, "Invoice (or Admin) key required.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_stands_in_the_header_or_in_the_cookie() {
    let server = Server::start().await;
    let login = json!({ "username": "alice", "password": crate::harness::PASSWORD });
    server.user("alice").await;
    let token = text(&server.anybody().post("/api/v1/auth", login).await.ok(), "access_token");
    let path = "/api/v1/wallets";
    let bearer = format!("Bearer {token}");
    let cookie = format!("other=1; cookie_access_token={token}");
    for value in [bearer.as_str(), &format!("bearer {token}"), &format!("BEARER   {token}")] {
        assert_eq!(get(&server, path, &[("Authorization", value)]).await.status, 200, "{value}");
    }
    assert_eq!(get(&server, path, &[("Cookie", &cookie)]).await.status, 200);
    for absent in ["Bearer", "Bearer ", "Basic YTpi", "Bearer\t", &token] {
        let alone = get(&server, path, &[("Authorization", absent)]).await;
        assert_refused(&alone, 401, "Missing user ID or access token.");
        let beside = get(&server, path, &[("Authorization", absent), ("Cookie", &cookie)]).await;
        assert_eq!(beside.status, 200, "{absent} counts as absent");
    }
    let wrong = get(&server, path, &[("Authorization", "Bearer x.y.z"), ("Cookie", &cookie)]).await;
    assert_refused(&wrong, 401, "Invalid access token.");
    let key = server.wallet(5).await;
    let both = get(&server, "/api/v1/wallet", &[("Authorization", &bearer), ("X-Api-Key", &key.invoice_key)]).await;
    assert_eq!(both.ok()["balance"], 5000, "on wallet routes the key comes first");
    let usr = get(&server, &format!("{path}?usr={}", key.id), &[]).await;
    assert_refused(&usr, 401, "Missing user ID or access token.");
}

/// A token says which algorithm signed it; only ours is believed.
#[tokio::test(flavor = "multi_thread")]
async fn forged_tokens_are_refused() {
    let server = Server::start().await;
    let session = server.user("alice").await;
    let login = json!({ "username": "alice", "password": crate::harness::PASSWORD });
    let token = text(&server.anybody().post("/api/v1/auth", login).await.ok(), "access_token");
    let parts: Vec<&str> = token.split('.').collect();
    let [head, claims, signature] = parts[..] else { panic!("{token}") };
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"; // {"alg":"none","typ":"JWT"}
    let swapped: String = signature.chars().rev().collect();
    for forged in [
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{signature}"),
        format!("{head}.{claims}."),
        format!("{head}.{claims}.{swapped}"),
        format!("{head}.{}.{signature}", claims.to_uppercase()),
        format!("{head}.{claims}"),
        "a".repeat(5000),
    ] {
        let answer = server.bearer(&forged).get("/api/v1/auth").await;
        assert_refused(&answer, 401, "Invalid access token.");
    }
    assert_eq!(session.get("/api/v1/auth").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_names_the_wallet_it_means() {
    let server = Server::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let first = alice.get("/api/v1/wallets").await.ok()[0].clone();
    let alone = alice.get("/api/v1/wallet").await.ok();
    assert_eq!((&alone["id"], &alone["adminkey"]), (&first["id"], &first["adminkey"]));
    let second = alice.post("/api/v1/wallet", json!({ "name": "second" })).await.ok();
    let unnamed = alice.get("/api/v1/wallet").await;
    assert_eq!((unnamed.status, &unnamed.body["code"]), (400, &json!("wallet_not_named")));
    assert!(unnamed.detail().contains("X-Wallet-Id"), "{}", unnamed.text);
    let id = text(&second, "id");
    let by_header = alice.raw(Method::GET, "/api/v1/wallet", None, &[("X-Wallet-Id", &id)]).await.ok();
    let by_query = alice.get(&format!("/api/v1/wallet?wallet_id={id}")).await.ok();
    assert_eq!((&by_header["name"], &by_query["name"]), (&json!("second"), &json!("second")));
    let theirs = text(&bob.get("/api/v1/wallets").await.ok()[0], "id");
    for other in [theirs.as_str(), "0123456789abcdef0123456789abcdef", "nonsense"] {
        let answer = alice.raw(Method::GET, "/api/v1/wallet", None, &[("X-Wallet-Id", other)]).await;
        assert_refused(&answer, 404, "Wallet not found.");
        let pay = json!({ "out": true, "bolt11": "x" });
        assert_refused(
            &alice.post(&format!("/api/v1/payments?wallet_id={other}"), pay).await,
            404,
            "Wallet not found.",
        );
    }
}
