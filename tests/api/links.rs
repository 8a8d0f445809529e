//! LNURL links of wallets, as strangers with a phone and as their owners use them.

use std::time::Duration;

use satchel::{
    domain::{Msat, Time, bolt11, link::Claim},
    lnurl::code,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Answer, Plan, Server, Wallet, hash_of};

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

async fn hand_in(server: &Server, offer: &Value, bolt11: &str) -> Value {
    let (callback, k1) = (offer["callback"].as_str().unwrap(), offer["k1"].as_str().unwrap());
    open(server, &format!("{callback}?k1={k1}&pr={bolt11}")).await
}

async fn bill(wallet: &Wallet, sat: i64) -> String {
    wallet.new_invoice(sat).await["bolt11"].as_str().unwrap().to_owned()
}

async fn until_balance(wallet: &Wallet, msat: i64) {
    for _ in 0..1200 {
        if wallet.balance().await == msat {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the wallet never holds {msat}");
}

async fn until_used(wallet: &Wallet, id: &str, used: i64) {
    let mut found = Value::Null;
    for _ in 0..1200 {
        found = wallet.admin.get(&format!("/api/v1/links/{id}")).await.ok()["used"].clone();
        if found == used {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the link was never used {used} times, but {found}");
}

/// s66: of many who come with a one-use link at the same moment, one is paid.
async fn a_one_use_link_pays_once(plan: Plan) {
    let server = plan.start().await;
    let (payer, payee) = (server.wallet(1000).await, server.wallet(0).await);
    let link = made(&payer, withdraw_link(21_000, 1)).await;
    let url = link["url"].as_str().unwrap();
    assert_eq!(code::read(link["lnurl"].as_str().unwrap()).unwrap().as_str(), url);
    assert!(link["link"].as_str().unwrap().starts_with("lnurlw://"));
    let offer = open(&server, url).await;
    assert_eq!(
        (&offer["tag"], &offer["minWithdrawable"], &offer["maxWithdrawable"], &offer["defaultDescription"]),
        (&json!("withdrawRequest"), &json!(1000), &json!(21_000), &json!("voucher"))
    );
    let mut bills = Vec::new();
    for _ in 0..20 {
        bills.push(bill(&payee, 21).await);
    }
    let answers = futures_util::future::join_all(bills.iter().map(|bolt11| hand_in(&server, &offer, bolt11))).await;
    let taken = answers.iter().filter(|answer| answer["status"] == "OK").count();
    assert_eq!(taken, 1, "{answers:?}");
    until_balance(&payee, 21_000).await;
    assert_eq!(payer.balance().await, 979_000);
    assert_eq!(open(&server, url).await["reason"], "This link is used up.");
    // the word of the one time is worth nothing now
    assert_eq!(hand_in(&server, &offer, &bill(&payee, 1).await).await["status"], "ERROR");
    assert_eq!((payer.balance().await, payee.balance().await), (979_000, 21_000));
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s66_a_one_use_link_pays_once_on_sqlite() {
    a_one_use_link_pays_once(Plan::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s66_a_one_use_link_pays_once_on_postgres() {
    a_one_use_link_pays_once(Plan::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_gives_the_use_back_and_what_nobody_knows_does_not() {
    let server = Plan::sqlite().seeded().start().await;
    let payer = server.wallet(1000).await;
    let link = made(&payer, withdraw_link(100_000, 1)).await;
    let (id, url) = (link["id"].as_str().unwrap(), link["url"].as_str().unwrap());
    let failing = server.outside_invoice(10_000, "sim:fail");
    let offer = open(&server, url).await;
    assert_eq!(hand_in(&server, &offer, &failing).await["status"], "OK", "it is told that it will be tried");
    until_used(&payer, id, 0).await;
    assert_eq!(payer.balance().await, 1_000_000);
    // the same invoice is not taken again, another one is
    let offer = open(&server, url).await;
    let again = hand_in(&server, &offer, &failing).await;
    assert_eq!(again["reason"], "This invoice was handed in before.");
    let late = server.outside_invoice(20_000, "sim:late");
    assert_eq!(hand_in(&server, &offer, &late).await["status"], "OK");
    for _ in 0..3 {
        server.clock.advance(15);
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(open(&server, url).await["reason"], "This link is used up.", "as long as nobody knows");
    }
    server.clock.advance(60);
    server.until(&payer, &hash_of(&late).to_string(), satchel::domain::Status::Success).await;
    assert_eq!(server.node.sends_of(&hash_of(&late)), 1);
    until_used(&payer, id, 1).await;
    assert_eq!(payer.balance().await, 980_000);
    server.assert_sound().await;
}

/// A use was taken, and the server stopped before it paid.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_promised_before_a_crash_is_paid_after_it_once() {
    let server = Plan::sqlite().start().await;
    let (payer, payee) = (server.wallet(1000).await, server.wallet(0).await);
    let link = made(&payer, withdraw_link(50_000, 2)).await;
    let id = link["id"].as_str().unwrap();
    let bolt11 = bill(&payee, 50).await;
    let seen = server.store.link_find(id.to_owned()).await.unwrap().unwrap();
    let long_ago = Time(server.clock.now().0 - 60_000_000);
    let claim = Claim {
        payment_hash: hash_of(&bolt11),
        link_id: id.to_owned(),
        wallet_id: payer.id.clone(),
        bolt11: bolt11.clone(),
        memo: "voucher".into(),
        open: true,
        check_at: long_ago,
        checks: 0,
        created_at: long_ago,
    };
    let plan = server.stop().await;
    let store = plan.database.reopened().await;
    assert!(store.link_claim(claim.clone(), seen.clone()).await.unwrap());
    assert!(!store.link_claim(claim, seen).await.unwrap(), "it was used since it was read");
    drop(store);
    let server = plan.start().await;
    let again = |wallet: &Wallet| Wallet {
        id: wallet.id.clone(),
        admin: server.key(&wallet.admin_key),
        invoice: server.key(&wallet.invoice_key),
        admin_key: wallet.admin_key.clone(),
        invoice_key: wallet.invoice_key.clone(),
    };
    let (payer, payee) = (again(&payer), again(&payee));
    until_balance(&payee, 50_000).await;
    assert_eq!(payer.balance().await, 950_000);
    until_used(&payer, id, 1).await;
    server.assert_sound().await;
}

/// Many withdrawals of which nobody knows yet keep none waiting that a crash left behind.
#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_is_not_in_the_way() {
    let server = Plan::sqlite().start().await;
    let (payer, payee) = (server.wallet(1000).await, server.wallet(0).await);
    let link = made(&payer, withdraw_link(50_000, 200)).await;
    let id = link["id"].as_str().unwrap().to_owned();
    let long_ago = Time(server.clock.now().0 - 3_600_000_000);
    let mut bills = Vec::new();
    for _ in 0..80 {
        bills.push(server.outside_invoice(1000, "sim:late"));
    }
    bills.push(bill(&payee, 50).await);
    for (number, bolt11) in bills.into_iter().enumerate() {
        let seen = server.store.link_find(id.clone()).await.unwrap().unwrap();
        let at = Time(long_ago.0 + i64::try_from(number).unwrap());
        let claim = Claim {
            payment_hash: hash_of(&bolt11),
            link_id: id.clone(),
            wallet_id: payer.id.clone(),
            bolt11,
            memo: "voucher".into(),
            open: true,
            check_at: at,
            checks: 0,
            created_at: at,
        };
        assert!(server.store.link_claim(claim, seen).await.unwrap());
    }
    until_balance(&payee, 50_000).await;
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_rests_ends_and_is_switched_off() {
    let server = Plan::sqlite().seeded().start().await;
    let (payer, payee) = (server.wallet(1000).await, server.wallet(0).await);
    let until = server.clock.now().unix() + 3600;
    let mut body = withdraw_link(5000, 3);
    body["pause_seconds"] = json!(60);
    body["open_until"] = json!(until);
    let link = made(&payer, body).await;
    let (id, url) = (link["id"].as_str().unwrap(), link["url"].as_str().unwrap());
    let offer = open(&server, url).await;
    for (bolt11, says) in [
        (bill(&payee, 6).await, "Between 1000 msat and 5000 msat can be withdrawn."),
        (server.outside_invoice(0, ""), "Amountless invoices not supported."),
        ("nonsense".to_owned(), "Bolt11 decoding failed."),
    ] {
        assert_eq!(hand_in(&server, &offer, &bolt11).await["reason"], says, "{bolt11}");
    }
    assert_eq!(hand_in(&server, &offer, &bill(&payee, 5).await).await["status"], "OK");
    until_balance(&payee, 5000).await;
    assert_eq!(open(&server, url).await["reason"], "This link rests. Try again in 60 seconds.");
    server.clock.advance(60);
    let at = format!("/api/v1/links/{id}");
    let offer = open(&server, url).await;
    payer.admin.patch(&at, json!({ "enabled": false })).await.ok();
    assert_eq!(hand_in(&server, &offer, &bill(&payee, 5).await).await["reason"], "This link is switched off.");
    payer.admin.patch(&at, json!({ "enabled": true, "max_msat": 2000 })).await.ok();
    let offer = open(&server, url).await;
    assert_eq!(offer["maxWithdrawable"], 2000);
    server.clock.advance(3600);
    assert_eq!(open(&server, url).await["reason"], "This link has ended.");
    assert_eq!(payer.admin.delete(&at).await.ok(), json!({ "deleted": true }));
    assert_eq!(open(&server, url).await["reason"], "Link does not exist.");
    assert_eq!((payer.balance().await, payee.balance().await), (995_000, 5000));
    server.assert_sound().await;
}

async fn anybody_pays_by_a_pay_link(plan: Plan) {
    let server = plan.start().await;
    let (payer, payee) = (server.wallet(1000).await, server.wallet(0).await);
    let host = server.url.strip_prefix("http://").unwrap();
    let body = json!({
        "kind": "pay", "title": "Tips for the \"bar\"", "min_msat": 1000, "max_msat": 50_000, "comment_max": 5,
        "success_url": format!("http://{host}/thanks"), "success_message": "Thanks!",
    });
    let link = made(&payee, body).await;
    let offer = open(&server, link["url"].as_str().unwrap()).await;
    assert_eq!(
        (&offer["tag"], &offer["minSendable"], &offer["maxSendable"], &offer["commentAllowed"]),
        (&json!("payRequest"), &json!(1000), &json!(50_000), &json!(5))
    );
    let metadata = offer["metadata"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(metadata).unwrap(), json!([["text/plain", "Tips for the \"bar\""]]));
    let callback = offer["callback"].as_str().unwrap();
    for (query, says) in [
        ("amount=999", "Between 1000 msat and 50000 msat can be paid."),
        ("amount=50001", "Between 1000 msat and 50000 msat can be paid."),
        ("amount=2000&comment=sixsix", "A comment has 5 characters at most."),
    ] {
        assert_eq!(open(&server, &format!("{callback}?{query}")).await["reason"], says, "{query}");
    }
    let asked = open(&server, &format!("{callback}?amount=12345&comment=merci")).await;
    let request = asked["pr"].as_str().unwrap();
    let invoice = bolt11::parse(request).unwrap();
    let description = invoice.parsed.into_signed_raw();
    let hash = description.description_hash().unwrap().0.to_string();
    let expected: [u8; 32] = Sha256::digest(metadata.as_bytes()).into();
    assert_eq!((invoice.amount, hash), (Some(Msat(12_345)), satchel::domain::ids::to_hex(&expected)));
    assert_eq!(
        asked["successAction"],
        json!({ "tag": "url", "url": format!("http://{host}/thanks"), "description": "Thanks!" })
    );
    let verify = asked["verify"].as_str().unwrap();
    assert_eq!(open(&server, verify).await["settled"], false);
    payer.pay(request).await.ok();
    assert_eq!((payee.balance().await, payer.balance().await), (12_345, 987_655));
    let seen = open(&server, verify).await;
    assert_eq!((&seen["settled"], seen["preimage"].is_string()), (&json!(true), true));
    let received = payee.invoice.get(&format!("/api/v1/payments/{}", hash_of(request))).await.ok();
    let extra = &received["details"]["extra"];
    assert_eq!((&extra["tag"], &extra["comment"], &extra["link"]), (&json!("pay_link"), &json!("merci"), &link["id"]));
    // a plain message, and a link that is off
    let at = format!("/api/v1/links/{}", link["id"].as_str().unwrap());
    payee.admin.patch(&at, json!({ "success_url": "" })).await.ok();
    let asked = open(&server, &format!("{callback}?amount=1000")).await;
    assert_eq!(asked["successAction"], json!({ "tag": "message", "message": "Thanks!" }));
    payee.admin.patch(&at, json!({ "enabled": false })).await.ok();
    assert_eq!(open(&server, &format!("{callback}?amount=1000")).await["status"], "ERROR");
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_pays_by_a_pay_link_on_sqlite() {
    anybody_pays_by_a_pay_link(Plan::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_pays_by_a_pay_link_on_postgres() {
    anybody_pays_by_a_pay_link(Plan::postgres().await).await;
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
    assert_eq!(user.post("/api/v1/links", withdraw_link(2000, 1)).await.status, 201);
    let pay = json!({ "kind": "pay", "title": "x", "min_msat": 1 });
    assert_eq!(bounded.post("/api/v1/links", pay).await.status, 201);
}
