//! Operators: people with a role in somebody else's wallets, by their own logins and keys.

use reqwest::Method;
use satchel::{domain::Status, funding::simulated::Script};
use serde_json::{Value, json};

use super::{
    people::id_of,
    sharing::{Pair, order, pay},
    text,
};
use crate::harness::{Answer, Caller, Plan, hash_of};

const OPERATORS: &str = "/api/v1/operators";
const INVITATIONS: &str = "/api/v1/operators/invitations";

async fn invite(pair: &Pair, body: Value) -> Answer {
    let mut asked = json!({ "username": "member", "wallets": [pair.id()] });
    asked.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    pair.owner.post(&format!("{OPERATORS}/invite"), asked).await
}

/// Invites, accepts, and answers the operator's path.
async fn hire(pair: &Pair, body: Value) -> String {
    let invited = invite(pair, body).await.ok();
    assert_eq!(invited["status"], "invited");
    for invitation in pair.member.get(INVITATIONS).await.ok().as_array().unwrap() {
        let path = format!("{INVITATIONS}/{}", text(invitation, "id"));
        assert_eq!(pair.member.put(&path, json!({ "status": "active" })).await.ok()["status"], "active");
    }
    format!("{OPERATORS}/{}", text(&invited, "id"))
}

async fn on(pair: &Pair, caller: &Caller, method: Method, path: &str, body: Option<Value>) -> Answer {
    let body = body.map(|body| body.to_string().into_bytes());
    caller.raw(method, path, body, &[("X-Wallet-Id", &pair.id())]).await
}

/// What a member's login is answered to one request of each class: reading the wallet, its payments, its history,
/// receiving, paying, labelling, renaming, changing; and deleting, sharing it.
async fn asked(pair: &Pair) -> [u16; 10] {
    let bill = pair.bill(1).await;
    let made = pair.key.post("/api/v1/payments", order(1)).await.ok();
    let labels = format!("/api/v1/payments/{}/labels", text(&made, "payment_hash"));
    let share = json!({ "username": "shop", "permissions": [] });
    let mut found = [0; 10];
    for (place, (method, path, body)) in [
        (Method::GET, "/api/v1/wallet", None),
        (Method::GET, "/api/v1/payments", None),
        (Method::GET, "/api/v1/payments/history", None),
        (Method::POST, "/api/v1/payments", Some(order(1))),
        (Method::POST, "/api/v1/payments", Some(pay(&bill))),
        (Method::PUT, labels.as_str(), Some(json!({ "labels": [] }))),
        (Method::PUT, "/api/v1/wallet", Some(json!({ "name": "renamed" }))),
        (Method::PATCH, "/api/v1/wallet", Some(json!({ "icon": "bolt" }))),
        (Method::DELETE, "/api/v1/wallet", None),
        (Method::PUT, "/api/v1/wallet/share/invite", Some(share)),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = on(pair, &pair.member, method.clone(), path, body).await;
        if answer.status == 403 {
            assert!(answer.body["missing_right"].is_string(), "{method} {path}: {}", answer.text);
        }
        found[place] = answer.status;
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_does_what_it_is_for() {
    let pair = Pair::new(Plan::sqlite()).await;
    pair.server.user("shop").await;
    let nobody = asked(&pair).await;
    assert_eq!(nobody, [404; 10], "somebody else's wallet does not exist");
    let path = hire(&pair, json!({ "role": "view" })).await;
    let (yes, no) = (200, 403);
    for (role, expected) in [
        ("view", [yes, yes, yes, no, no, no, no, no, no, no]),
        ("operate", [yes, yes, yes, 201, 201, yes, no, no, no, no]),
        ("admin", [yes, yes, yes, 201, 201, yes, yes, yes, no, no]),
    ] {
        let changed = pair.owner.put(&path, json!({ "role": role })).await.ok();
        assert_eq!((&changed["role"], &changed["status"]), (&json!(role), &json!("active")));
        assert_eq!(asked(&pair).await, expected, "{role}");
    }
    for (method, other) in [
        (Method::DELETE, format!("/api/v1/wallet/{}", pair.id())),
        (Method::PUT, format!("/api/v1/wallet/reset/{}", pair.id())),
    ] {
        assert_eq!(on(&pair, &pair.member, method, &other, Some(json!({}))).await.status, 404);
    }
    let read = on(&pair, &pair.member, Method::GET, "/api/v1/wallet", None).await.ok();
    assert_eq!((&read["id"], &read["name"], &read["adminkey"]), (&pair.wallet["id"], &json!("renamed"), &Value::Null));
    let listed = pair.member.get("/api/v1/wallets").await.ok();
    let shared = &listed[1];
    assert_eq!((&shared["id"], &shared["wallet_type"]), (&pair.wallet["id"], &json!("lightning-shared")));
    assert_eq!((&shared["adminkey"], &shared["inkey"]), (&json!("********"), &json!("********")));
    let member = id_of(&pair.member).await;
    assert_eq!((&shared["user"], &shared["shared_wallet_id"]), (&json!(member), &pair.wallet["id"]));
    pair.server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_is_invited_disabled_enabled_and_dismissed() {
    let pair = Pair::new(Plan::sqlite()).await;
    let second = text(&pair.owner.post("/api/v1/wallet", json!({ "name": "second" })).await.ok(), "id");
    let all = json!({ "username": "member", "role": "view" });
    let invited = pair.owner.post(&format!("{OPERATORS}/invite"), all.clone()).await.ok();
    assert_eq!(invited["wallets"], json!([pair.id(), second]), "all of the owner's when none is named");
    let path = format!("{OPERATORS}/{}", text(&invited, "id"));
    let read = async || on(&pair, &pair.member, Method::GET, "/api/v1/payments", None).await.status;
    assert_eq!(read().await, 404, "not before he accepted");
    // disabling and enabling what was not accepted yet makes no operator of anybody
    pair.owner.put(&path, json!({ "status": "disabled" })).await.ok();
    assert_eq!(pair.member.get(INVITATIONS).await.ok(), json!([]));
    assert_eq!(pair.owner.put(&path, json!({ "status": "active" })).await.ok()["status"], "invited");
    assert_eq!(read().await, 404);
    let open = pair.member.get(INVITATIONS).await.ok();
    assert_eq!((open.as_array().unwrap().len(), &open[0]["from"]), (2, &json!("owner")));
    let [one, other] = [0, 1].map(|n| format!("{INVITATIONS}/{}", text(&open[n], "id")));
    assert_eq!(pair.owner.put(&one, json!({ "status": "active" })).await.status, 400, "it is not his to accept");
    pair.member.put(&one, json!({ "status": "active" })).await.ok();
    pair.member.delete(&other).await.ok();
    assert_eq!(pair.member.put(&other, json!({ "status": "active" })).await.status, 400);
    assert_eq!(read().await, 200);
    for (status, expected) in [("disabled", 404), ("disabled", 404), ("active", 200)] {
        pair.owner.put(&path, json!({ "status": status })).await.ok();
        assert_eq!(read().await, expected);
    }
    let taken = pair.owner.post(&format!("{OPERATORS}/invite"), all).await;
    assert_eq!((taken.status, taken.detail()), (400, "User already invited to this wallet."));
    // wallets are replaced as a whole; who works here already need not be asked again
    let moved = pair.owner.put(&path, json!({ "wallets": [second] })).await.ok();
    assert_eq!((&moved["wallets"], read().await), (&json!([second]), 404));
    let back = pair.owner.put(&path, json!({ "wallets": [pair.id()], "status": "active" })).await.ok();
    assert_eq!(back["wallets"], json!([pair.id()]));
    pair.owner.delete(&path).await.ok();
    assert_eq!((read().await, pair.owner.get(OPERATORS).await.ok()), (404, json!([])));
    assert_eq!(pair.owner.put(&path, json!({ "status": "active" })).await.status, 404);
    for (body, name) in [
        (json!({ "username": "member", "role": "king" }), "role"),
        (json!({ "username": "member", "role": "view", "limits": { "source_ips": ["x"] } }), "limits"),
        (json!({ "username": "member", "role": "view", "limits": { "budget_period": "hour" } }), "limits"),
    ] {
        let answer = pair.owner.post(&format!("{OPERATORS}/invite"), body).await;
        assert_eq!((answer.status, &answer.body["detail"][0]["loc"][1]), (400, &json!(name)), "{}", answer.text);
    }
    let foreign = json!({ "username": "owner", "role": "view", "wallets": [pair.id()] });
    assert_eq!(pair.member.post(&format!("{OPERATORS}/invite"), foreign).await.status, 404);
}

/// Limits hold for the login, for the mirror's keys and for API keys, and one budget for all wallets of the owner.
#[tokio::test(flavor = "multi_thread")]
async fn no_way_in_leads_past_the_limits() {
    let pair = Pair::new(Plan::sqlite()).await;
    let limits = json!({ "max_amount_msat": 5000, "budget_msat": 12_000, "budget_period": "day" });
    let path = hire(&pair, json!({ "role": "operate", "limits": limits })).await;
    let accept = json!({ "wallet_type": "lightning-shared", "shared_wallet_id": pair.id() });
    let mirror = pair.member.post("/api/v1/wallet", accept).await.ok();
    let second = text(&pair.owner.post("/api/v1/wallet", json!({ "name": "second" })).await.ok(), "id");
    pair.server.ledger().adjust(second.parse().unwrap(), satchel::domain::Msat(100_000)).await.unwrap();
    pair.owner.put(&path, json!({ "wallets": [pair.id(), second] })).await.ok();
    let api_key = pair.member.post("/api/v1/api-keys", json!({ "name": "all", "scope": "full" })).await.ok();
    let callers =
        [pair.member.clone(), pair.server.key(&text(&mirror, "adminkey")), pair.server.bearer(&text(&api_key, "key"))];
    for caller in &callers {
        let bill = pair.bill(6).await;
        let much = on(&pair, caller, Method::POST, "/api/v1/payments", Some(pay(&bill))).await;
        assert!(much.status >= 400 && much.detail().contains("may pay"), "{}", much.text);
    }
    for caller in &callers[..2] {
        let bill = pair.bill(5).await;
        let paid = on(&pair, caller, Method::POST, "/api/v1/payments", Some(pay(&bill))).await;
        assert_eq!(paid.status, 201, "{}", paid.text);
    }
    let (bill, path) = (pair.bill(3).await, format!("/api/v1/payments?wallet_id={second}"));
    let over = pair.member.post(&path, pay(&bill)).await;
    assert!(over.status >= 400 && over.detail().contains("budget"), "{}", over.text);
    let last = pair.member.post(&path, pay(&pair.bill(2).await)).await;
    assert_eq!(last.status, 201, "{}", last.text);
    // a payment that stays in flight counts, too
    for caller in &callers {
        let bill = pair.server.outside_invoice(1000, "");
        pair.server.node.script(&hash_of(&bill), Script::Never);
        let over = on(&pair, caller, Method::POST, "/api/v1/payments", Some(pay(&bill))).await;
        assert!(over.status >= 400 && over.detail().contains("budget"), "{}", over.text);
    }
    assert_eq!(pair.key.get("/api/v1/wallet").await.ok()["balance"], 990_000);
    assert!(pair.owner.get("/api/v1/payments/paginated?status=pending").await.status >= 400, "two wallets: none named");
    let found = pair.key.get(&format!("/api/v1/payments?status={}", Status::Pending)).await.ok();
    assert_eq!(found, json!([]));
    pair.server.assert_sound().await;
}

/// A share may be good from some networks only, and a member's keys reach it only if they reach all his wallets or
/// name it.
#[tokio::test(flavor = "multi_thread")]
async fn a_members_keys_are_bounded_twice() {
    let pair = Pair::new(Plan::sqlite()).await;
    let path = hire(&pair, json!({ "role": "operate" })).await;
    let accept = json!({ "wallet_type": "lightning-shared", "shared_wallet_id": pair.id() });
    let mirror = pair.member.post("/api/v1/wallet", accept).await.ok();
    let own = text(&pair.member.get("/api/v1/wallets").await.ok()[0], "id");
    let mint = async |scope: &str, wallets: Value| {
        let body = json!({ "name": "key", "scope": scope, "wallets": wallets });
        pair.server.bearer(&text(&pair.member.post("/api/v1/api-keys", body).await.ok(), "key"))
    };
    let bill = pair.bill(1).await;
    for (scope, wallets, named, read, send) in [
        ("full", Value::Null, pair.id(), 200, 201),
        ("read", Value::Null, pair.id(), 200, 403),
        ("receive", json!([mirror["id"]]), pair.id(), 200, 403),
        ("receive", json!([mirror["id"]]), text(&mirror, "id"), 200, 403),
        ("full", json!([own]), pair.id(), 403, 403),
        ("full", json!([own]), text(&mirror, "id"), 403, 403),
    ] {
        let key = mint(scope, wallets.clone()).await;
        let get = key.raw(Method::GET, "/api/v1/payments", None, &[("X-Wallet-Id", &named)]).await;
        let body = Some(pay(&bill).to_string().into_bytes());
        let sent = key.raw(Method::POST, "/api/v1/payments", body, &[("X-Wallet-Id", &named)]).await;
        assert_eq!((get.status, sent.status), (read, send), "{scope} {wallets} {}: {} {}", named, get.text, sent.text);
    }
    // a key with bounds of its own lets nobody in
    let bounded = json!({ "name": "bounded", "scope": "full", "limits": { "max_amount_msat": 1000 } });
    let bounded = pair.owner.post("/api/v1/api-keys", bounded).await.ok();
    let bounded = pair.server.bearer(&text(&bounded, "key"));
    pair.server.user("third").await;
    let invite = json!({ "username": "third", "role": "admin" });
    assert_eq!(bounded.post(&format!("{OPERATORS}/invite"), invite).await.status, 403);
    let invite = json!({ "username": "third", "permissions": ["send-payments"] });
    assert_eq!(bounded.put("/api/v1/wallet/share/invite", invite).await.status, 403);
    assert_eq!(bounded.put(&path, json!({ "role": "admin" })).await.status, 403);

    for (network, status) in [("203.0.113.0/24", 403), ("127.0.0.0/8", 200)] {
        pair.owner.put(&path, json!({ "limits": { "source_ips": [network] } })).await.ok();
        for caller in [&pair.member, &pair.server.key(&text(&mirror, "adminkey"))] {
            let found = on(&pair, caller, Method::GET, "/api/v1/payments", None).await;
            assert_eq!(found.status, status, "{network} {}", found.text);
        }
    }
    pair.server.assert_sound().await;
}
