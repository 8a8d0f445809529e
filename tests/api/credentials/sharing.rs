//! Sharing a wallet the way LNbits clients do: invitations, mirrors, permissions (contract §7.8).

use std::time::Duration;

use reqwest::Method;
use satchel::domain::{AccountId, Msat, WalletId, share::request_id};
use serde_json::{Value, json};

use super::{
    only_wallet,
    people::{id_of, token},
    text,
};
use crate::harness::{Answer, Caller, Plan, Server, Wallet};

const INVITE: &str = "/api/v1/wallet/share/invite";
const SHARE: &str = "/api/v1/wallet/share";

/// An owner with a funded wallet, and somebody who may be let in.
pub(super) struct Pair {
    pub(super) server: Server,
    pub(super) owner: Caller,
    /// By the admin key of the wallet.
    pub(super) key: Caller,
    pub(super) wallet: Value,
    pub(super) member: Caller,
    pub(super) shop: Wallet,
}

impl Pair {
    pub(super) async fn new(plan: Plan) -> Self {
        let server = plan.start().await;
        let (owner, member) = (server.user("owner").await, server.user("member").await);
        let wallet = owner.get("/api/v1/wallets").await.ok()[0].clone();
        let id: WalletId = text(&wallet, "id").parse().unwrap();
        server.ledger().adjust(id, Msat(1_000_000)).await.unwrap();
        let key = server.key(&text(&wallet, "adminkey"));
        let shop = server.wallet(0).await;
        Self { owner, key, wallet, member, shop, server }
    }

    pub(super) fn id(&self) -> String {
        text(&self.wallet, "id")
    }

    async fn invite(&self, permissions: &[&str]) -> Answer {
        let body = json!({ "username": "member", "status": "invite_sent", "permissions": permissions });
        self.key.put(INVITE, body).await
    }

    async fn accept(&self) -> Answer {
        self.member
            .post("/api/v1/wallet", json!({ "wallet_type": "lightning-shared", "shared_wallet_id": self.id() }))
            .await
    }

    /// The mirror of a wallet that was shared with these permissions.
    async fn mirror(&self, permissions: &[&str]) -> Value {
        self.invite(permissions).await.ok();
        self.accept().await.ok()
    }

    async fn permit(&self, mirror: &Value, permissions: &[&str]) -> Value {
        let body = json!({
            "username": "member", "status": "approved", "shared_with_wallet_id": mirror["id"],
            "permissions": permissions
        });
        self.key.put(SHARE, body).await.ok()
    }

    async fn balance(&self) -> i64 {
        self.key.get("/api/v1/wallet").await.ok()["balance"].as_i64().unwrap()
    }

    /// An invoice of the shop.
    pub(super) async fn bill(&self, sat: i64) -> String {
        text(&self.shop.new_invoice(sat).await, "bolt11")
    }
}

pub(super) fn pay(bolt11: &str) -> Value {
    json!({ "out": true, "bolt11": bolt11 })
}

pub(super) fn order(sat: i64) -> Value {
    json!({ "out": false, "amount": sat, "memo": "shared" })
}

#[track_caller]
fn refused(answer: &Answer, text: &str) {
    assert_eq!((answer.status, answer.detail()), (400, text), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_becomes_a_mirror_and_ends() {
    let pair = Pair::new(Plan::sqlite()).await;
    let invited = pair.invite(&["view-payments", "receive-payments"]).await.ok();
    let member: AccountId = id_of(&pair.member).await.parse().unwrap();
    let expected = request_id(&member, &pair.id().parse().unwrap());
    let permissions = json!(["view-payments", "receive-payments"]);
    assert_eq!(
        invited,
        json!({
            "request_id": expected, "username": "member", "shared_with_wallet_id": null,
            "permissions": permissions, "status": "invite_sent", "comment": null
        })
    );
    let profile = pair.member.get("/api/v1/auth").await.ok();
    let asked = json!([{
        "request_id": expected, "from_user_name": "owner", "to_wallet_id": pair.id(), "to_wallet_name": pair.wallet["name"]
    }]);
    assert_eq!(profile["extra"]["wallet_invite_requests"], asked);
    refused(&pair.invite(&[]).await, "User already invited to this wallet.");

    let mirror = pair.accept().await.ok();
    assert_eq!((&mirror["wallet_type"], &mirror["shared_wallet_id"]), (&json!("lightning-shared"), &json!(pair.id())));
    assert_eq!((&mirror["share_permissions"], &mirror["balance_msat"]), (&permissions, &json!(1_000_000)));
    assert_eq!((&mirror["user"], &mirror["name"]), (&json!(member.as_str()), &pair.wallet["name"]));
    assert_ne!(mirror["adminkey"], pair.wallet["adminkey"]);
    refused(&pair.accept().await, "This wallet is already shared with you.");
    let profile = pair.member.get("/api/v1/auth").await.ok();
    assert_eq!(profile["extra"]["wallet_invite_requests"], json!([]));
    let listed = pair.member.get("/api/v1/wallets").await.ok();
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    assert_eq!((&listed[1]["id"], &listed[1]["adminkey"]), (&mirror["id"], &mirror["adminkey"]));
    let seen = pair.owner.get("/api/v1/wallets").await.ok()[0]["extra"]["shared_with"][0].clone();
    assert_eq!((&seen["status"], &seen["shared_with_wallet_id"]), (&json!("approved"), &mirror["id"]));
    let patched = pair.owner.patch("/api/v1/wallet", json!({ "pinned": true })).await.ok();
    assert_eq!(patched["extra"]["shared_with"][0], seen);

    let changed = pair.permit(&mirror, &["send-payments"]).await;
    assert_eq!((&changed["status"], &changed["permissions"]), (&json!("approved"), &json!(["send-payments"])));
    let ended = pair.key.delete(&format!("{SHARE}/{expected}")).await.ok();
    assert_eq!(ended, json!({ "success": true, "message": "Permission removed." }));
    let gone = pair.server.key(&text(&mirror, "adminkey")).get("/api/v1/wallet").await;
    assert_eq!((gone.status, gone.detail()), (404, "Wallet not found."));
    assert_eq!(pair.member.get("/api/v1/wallets").await.ok().as_array().unwrap().len(), 1);
    refused(&pair.key.delete(&format!("{SHARE}/{expected}")).await, "Wallet share not found.");
    pair.mirror(&["view-payments"]).await;
    pair.server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_step_has_its_text() {
    let pair = Pair::new(Plan::sqlite()).await;
    let invite = async |name: &str| pair.key.put(INVITE, json!({ "username": name, "permissions": [] })).await;
    refused(&invite(" ").await, "Username or email missing.");
    refused(&pair.key.put(INVITE, json!({ "permissions": [] })).await, "Username or email missing.");
    refused(&invite("nobody").await, "Invited user not found.");
    refused(&invite("OWNER").await, "You cannot invite yourself.");
    let bad = pair.key.put(INVITE, json!({ "username": "member", "permissions": ["steal"] })).await;
    assert_eq!((bad.status, &bad.body["detail"][0]["loc"]), (400, &json!(["body", "permissions"])), "{}", bad.text);

    let accept = async |id: Value| {
        pair.member.post("/api/v1/wallet", json!({ "wallet_type": "lightning-shared", "shared_wallet_id": id })).await
    };
    refused(&accept(Value::Null).await, "Shared wallet ID is required for shared wallets.");
    refused(&accept(json!("")).await, "Shared wallet ID is required for shared wallets.");
    refused(&accept(json!("x")).await, "Shared wallet does not exist.");
    refused(&accept(json!("0".repeat(32))).await, "Shared wallet does not exist.");
    refused(&accept(json!(pair.id())).await, "No invitation found for this invited user.");
    refused(&accept(json!(only_wallet(&pair.member).await)).await, "Cannot mirror your own wallet.");
    refused(&pair.member.delete(&format!("{INVITE}/{}", "0".repeat(64))).await, "Invitation not found.");

    let change = async |key: &Caller, id: Value| {
        key.put(SHARE, json!({ "username": "member", "shared_with_wallet_id": id, "permissions": [] })).await
    };
    refused(&change(&pair.key, Value::Null).await, "Wallet ID missing.");
    refused(&change(&pair.key, json!("x")).await, "Share not found");
    refused(&pair.key.delete(&format!("{SHARE}/x")).await, "Wallet share not found.");

    // declined: the owner's entry stays until he takes it away, and nobody is asked twice
    let request = text(&pair.invite(&["view-payments"]).await.ok(), "request_id");
    let stranger = pair.server.user("stranger").await;
    refused(&stranger.delete(&format!("{INVITE}/{request}")).await, "Invitation not found.");
    let declined = pair.member.delete(&format!("{INVITE}/{request}")).await.ok();
    assert_eq!(declined, json!({ "success": true, "message": "Invitation rejected." }));
    refused(&pair.accept().await, "No invitation found for this invited user.");
    refused(&pair.invite(&[]).await, "User already invited to this wallet.");
    let ended = pair.key.delete(&format!("{SHARE}/{request}")).await.ok();
    assert_eq!(ended["message"], "Permission removed. Target wallet not found.");

    // a mirror is nobody's to share
    let mirror = pair.mirror(&["view-payments", "receive-payments", "send-payments"]).await;
    let by_mirror = pair.server.key(&text(&mirror, "adminkey"));
    let again = by_mirror.put(INVITE, json!({ "username": "stranger", "permissions": [] })).await;
    refused(&again, "Only lightning wallets can be shared.");
    refused(&change(&by_mirror, mirror["id"].clone()).await, "Only lightning wallets can be shared.");
    refused(&by_mirror.delete(&format!("{SHARE}/{request}")).await, "Source wallet is not a lightning wallet.");
    let second = json!({ "wallet_type": "lightning-shared", "shared_wallet_id": mirror["id"] });
    refused(&stranger.post("/api/v1/wallet", second).await, "Shared wallet is not a lightning wallet.");
    let operator = json!({ "username": "stranger", "role": "view", "wallets": [mirror["id"]] });
    refused(&pair.member.post("/api/v1/operators/invite", operator).await, "Only lightning wallets can be shared.");
    let member = pair.server.user("other").await;
    assert_eq!(member.put(&format!("{INVITE}?wallet_id={}", pair.id()), json!({ "username": "x" })).await.status, 404);
}

/// Each permission opens what it names and nothing else; what is missing is said as LNbits says it where money is
/// asked for, and by name elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn each_permission_opens_what_it_names() {
    let pair = Pair::new(Plan::sqlite()).await;
    let mirror = pair.mirror(&[]).await;
    let key = pair.server.key(&text(&mirror, "adminkey"));
    let inkey = pair.server.key(&text(&mirror, "inkey"));
    for (permissions, statuses) in [
        (vec![], [403, 403, 520, 520]),
        (vec!["view-payments"], [200, 200, 520, 520]),
        (vec!["receive-payments"], [200, 403, 201, 520]),
        (vec!["send-payments"], [200, 403, 520, 201]),
        (vec!["view-payments", "receive-payments", "send-payments"], [200, 200, 201, 201]),
    ] {
        pair.permit(&mirror, &permissions).await;
        let bill = pair.bill(1).await;
        let (read, list) = (key.get("/api/v1/wallet").await, key.get("/api/v1/payments").await);
        let made = key.post("/api/v1/payments", order(1)).await;
        let paid = key.post("/api/v1/payments", pay(&bill)).await;
        let found = [read.status, list.status, made.status, paid.status];
        assert_eq!(found, statuses, "{permissions:?}: {} {} {} {}", read.text, list.text, made.text, paid.text);
        for (answer, text) in [(&made, "create invoices"), (&paid, "pay invoices")] {
            if answer.status == 520 {
                assert_eq!(answer.detail(), format!("Wallet does not have permission to {text}."));
                assert_eq!((&answer.body["status"], &answer.body["code"]), (&json!("failed"), &json!("not_shared")));
            }
        }
        if list.status == 403 {
            assert_eq!(list.body["missing_right"], "WalletRead", "{}", list.text);
        }
        for answer in [
            key.put("/api/v1/wallet", json!({ "name": "mine" })).await,
            key.patch("/api/v1/wallet", json!({ "name": "mine" })).await,
            key.delete("/api/v1/wallet").await,
            inkey.post("/api/v1/payments", pay(&bill)).await,
        ] {
            assert_eq!(answer.status, 403, "{}", answer.text);
        }
    }
    let read = key.get("/api/v1/wallet").await.ok();
    assert_eq!(read["id"], mirror["id"], "a mirror is known by its own name");
    assert_eq!(read["balance"], pair.balance().await);
    // the mirror's own row never holds anything, whoever tries
    let root = pair.server.super_user().await;
    let put = root.put("/users/api/v1/balance", json!({ "id": mirror["id"], "amount": 5 })).await;
    assert_eq!(put.status, 400, "{}", put.text);
    let row: WalletId = text(&mirror, "id").parse().unwrap();
    assert_eq!(pair.server.store.wallet_balance(row).await.unwrap(), Some(Msat::ZERO));
    assert_eq!(pair.balance().await, 998_000);
    pair.server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_sees_who_paid_and_nobody_can_pretend() {
    let pair = Pair::new(Plan::sqlite()).await;
    let mirror = pair.mirror(&["view-payments", "receive-payments", "send-payments"]).await;
    let key = pair.server.key(&text(&mirror, "adminkey"));
    let operator = pair.owner.get("/api/v1/operators").await.ok()[0].clone();
    let by = json!({ "operator": operator["id"], "username": "member" });
    let spoofed = json!({ "satchel_by": { "operator": "somebody else" }, "note": 1 });
    let with_extra = |mut body: Value| {
        body["extra"] = spoofed.clone();
        body
    };
    let bill = pair.bill(2).await;
    let paid = key.post("/api/v1/payments", with_extra(pay(&bill))).await.ok();
    let made = key.post("/api/v1/payments", with_extra(order(3))).await.ok();
    for payment in [&paid, &made] {
        assert_eq!((&payment["extra"]["satchel_by"], &payment["extra"]["note"]), (&by, &json!(1)));
        assert_eq!(payment["wallet_id"], pair.wallet["id"], "recorded where the money is");
    }
    let seen = pair.key.get("/api/v1/payments").await.ok();
    assert_eq!((&seen[0]["extra"]["satchel_by"], &seen[1]["extra"]["satchel_by"]), (&by, &by));
    // the owner's own payments are nobody else's
    let own = pair.key.post("/api/v1/payments", with_extra(pay(&pair.bill(1).await))).await.ok();
    assert_eq!(own["extra"], json!({ "note": 1 }));
    for caller in [&key, &pair.key] {
        let add = json!({ "payment_hash": own["payment_hash"], "extra": { "satchel_by": by } });
        let added = caller.patch("/api/v1/payments/extra", add).await;
        assert_eq!(added.status, 400, "{}", added.text);
    }
    pair.server.assert_sound().await;
}

/// Whatever a member asks, with whatever of his credentials, he sees no key of the source and no id of its owner.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_never_learns_the_owners_secrets() {
    let pair = Pair::new(Plan::sqlite()).await;
    let mirror = pair.mirror(&["view-payments", "receive-payments", "send-payments"]).await;
    let operator = text(&pair.owner.get("/api/v1/operators").await.ok()[0], "id");
    pair.owner.put(&format!("/api/v1/operators/{operator}"), json!({ "role": "admin" })).await.ok();
    let owner = id_of(&pair.owner).await;
    let secrets = [text(&pair.wallet, "adminkey"), text(&pair.wallet, "inkey"), owner];
    let api_key = pair.member.post("/api/v1/api-keys", json!({ "name": "all", "scope": "full" })).await.ok();
    let callers = [
        pair.server.key(&text(&mirror, "adminkey")),
        pair.server.key(&text(&mirror, "inkey")),
        pair.member.clone(),
        pair.server.bearer(&text(&api_key, "key")),
    ];
    pair.key.post("/api/v1/payments", pay(&pair.bill(1).await)).await.ok();
    for caller in &callers {
        for named in [pair.id(), text(&mirror, "id")] {
            let headers = [("X-Wallet-Id", named.as_str())];
            for (method, path, body) in [
                (Method::GET, "/api/v1/wallet", None),
                (Method::GET, "/api/v1/wallets", None),
                (Method::GET, "/api/v1/wallet/paginated", None),
                (Method::GET, "/api/v1/auth", None),
                (Method::GET, "/api/v1/payments", None),
                (Method::GET, "/api/v1/operators", None),
                (Method::GET, "/api/v1/operators/invitations", None),
                (Method::PATCH, "/api/v1/wallet", Some(json!({ "icon": "bolt" }))),
                (Method::PUT, "/api/v1/wallet", Some(json!({ "name": "till" }))),
                (Method::POST, "/api/v1/payments", Some(order(1))),
            ] {
                let body = body.map(|body| body.to_string().into_bytes());
                let answer = caller.raw(method.clone(), path, body, &headers).await;
                assert!(answer.status < 500 || answer.status == 520, "{method} {path}: {}", answer.text);
                for secret in &secrets {
                    assert!(!answer.text.contains(secret), "{method} {path}: {}", answer.text);
                }
            }
        }
    }
    assert_eq!(pair.key.get("/api/v1/wallet").await.ok()["name"], "till", "an admin may name it");
}

/// Ending what was shared holds at once, on every server that shares the database.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_back_is_gone_everywhere() {
    let pair = Pair::new(Plan::postgres().await).await;
    let twin = pair.server.twin().start().await;
    let mirror = pair.mirror(&["view-payments", "send-payments"]).await;
    let here = pair.server.key(&text(&mirror, "adminkey"));
    let there = here.at(&twin.url);
    let until = async |caller: &Caller, status: u16| {
        for _ in 0..100 {
            if caller.get("/api/v1/payments").await.status == status {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never {status}");
    };
    until(&there, 200).await;
    pair.permit(&mirror, &["send-payments"]).await;
    assert_eq!(here.get("/api/v1/payments").await.status, 403);
    until(&there, 403).await;
    let operator = format!("/api/v1/operators/{}", text(&pair.owner.get("/api/v1/operators").await.ok()[0], "id"));
    pair.owner.put(&operator, json!({ "role": "view" })).await.ok();
    until(&there, 200).await;
    pair.owner.put(&operator, json!({ "status": "disabled" })).await.ok();
    assert_eq!(here.get("/api/v1/payments").await.status, 404);
    until(&there, 404).await;
    pair.owner.put(&operator, json!({ "status": "active" })).await.ok();
    assert_eq!(here.get("/api/v1/payments").await.status, 200);
    until(&there, 200).await;
    pair.owner.delete(&format!("/api/v1/wallet/{}", pair.id())).await.ok();
    assert_eq!(here.get("/api/v1/payments").await.status, 404);
    until(&there, 404).await;
    pair.owner.put(&format!("/api/v1/wallet/undelete/{}", pair.id()), json!({})).await.ok();
    until(&there, 200).await;
    pair.owner.delete(&operator).await.ok();
    assert_eq!(here.get("/api/v1/payments").await.status, 404);
    until(&there, 404).await;
    pair.server.assert_sound().await;
}

/// A disabled account neither uses what is shared with it nor lets others use its wallets.
#[tokio::test(flavor = "multi_thread")]
async fn a_share_rests_while_one_of_its_ends_is_disabled() {
    let pair = Pair::new(Plan::sqlite()).await;
    let mirror = pair.mirror(&["view-payments"]).await;
    let key = pair.server.key(&text(&mirror, "adminkey"));
    let session = pair.server.bearer(&token(&pair.server, "member").await);
    let headers_id = pair.id();
    let by_session =
        async || session.raw(Method::GET, "/api/v1/payments", None, &[("X-Wallet-Id", &headers_id)]).await.status;
    assert_eq!((key.get("/api/v1/payments").await.status, by_session().await), (200, 200));
    for (name, by_key, by_login) in [("owner", 404, 404), ("member", 404, 401)] {
        for (activated, by_key, by_login) in [(false, by_key, by_login), (true, 200, 200)] {
            let account = pair.server.store.account_by_login(name.into()).await.unwrap().unwrap();
            let (was, mut changed) = (account.updated_at, account);
            changed.activated = activated;
            changed.updated_at.0 += 1;
            pair.server.store.account_update(changed, was).await.unwrap();
            let mut found = (0, 0);
            for _ in 0..100 {
                found = (key.get("/api/v1/payments").await.status, by_session().await);
                if found == (by_key, by_login) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert_eq!(found, (by_key, by_login), "{name} {activated}");
        }
    }
}
