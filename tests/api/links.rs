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

/// LUD-18: a link asks who pays; the invoice commits to the answer, and the payee reads it.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_asks_who_pays() {
    let mut plan = Plan::sqlite();
    plan.limits.lnurl.allow_private = true;
    let server = plan.start().await;
    let (payer, payee) = (server.wallet(100).await, server.wallet(0).await);
    let asked = json!({ "name": "optional", "email": "mandatory" });
    let order = json!({ "kind": "pay", "title": "ticket", "min_msat": 1000, "max_msat": 9000, "payer_data": asked });
    let link = made(&payee, order).await;
    assert_eq!(link["payer_data"], asked);
    let offer = open(&server, link["url"].as_str().unwrap()).await;
    assert_eq!(offer["payerData"], json!({ "name": { "mandatory": false }, "email": { "mandatory": true } }));
    let callback = offer["callback"].as_str().unwrap();
    for (told, why) in [
        ("", "payerdata: email is required."),
        ("&payerdata=%7B%7D", "payerdata: email is required."),
        ("&payerdata=%7B%22email%22%3A%22nobody%22%7D", "payerdata: email is not one."),
        ("&payerdata=%7B%22email%22%3A%22a@b%22%2C%22age%22%3A%227%22%7D", "payerdata: \"age\" is not asked for."),
        ("&payerdata=nonsense", "payerdata: not a JSON object."),
    ] {
        assert_eq!(open(&server, &format!("{callback}?amount=1000{told}")).await["reason"], why, "{told}");
    }
    let issued = open(&server, &format!("{callback}?amount=1000&payerdata=%7B%22email%22%3A%22a@b%22%7D")).await;
    let invoice: lightning_invoice::Bolt11Invoice = issued["pr"].as_str().unwrap().parse().unwrap();
    let committed = format!("{}{}", offer["metadata"].as_str().unwrap(), r#"{"email":"a@b"}"#);
    let lightning_invoice::Bolt11InvoiceDescriptionRef::Hash(hash) = invoice.description() else { panic!("no hash") };
    let hash: &[u8] = hash.0.as_ref();
    assert_eq!(hash, Sha256::digest(committed.as_bytes()).as_slice());
    // from the payer's side: nothing is told that is not asked for, and what is insisted on is named
    let pay = async |more: Value| {
        let mut body = json!({ "lnurl": link["lnurl"], "amount": 5000 });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        payer.admin.post("/api/v1/payments/lnurl", body).await
    };
    let refused = pay(json!({})).await;
    let text = "This service asks who pays, in payer_data: email is required.";
    assert_eq!((refused.status, refused.detail()), (400, text));
    let told = json!({ "email": "ada@example.com", "name": "Ada", "pubkey": "02" });
    let paid = pay(json!({ "payer_data": told })).await.ok();
    assert_eq!((payer.balance().await, payee.balance().await), (95_000, 5000));
    let path = format!("/api/v1/payments/{}", paid["payment_hash"].as_str().unwrap());
    let received = payee.invoice.get(&path).await.ok();
    assert_eq!(received["details"]["extra"]["payer_data"], json!({ "email": "ada@example.com", "name": "Ada" }));
    let at = format!("/api/v1/links/{}", link["id"].as_str().unwrap());
    assert_eq!(payee.admin.patch(&at, json!({ "payer_data": {} })).await.ok()["payer_data"], json!({}));
    pay(json!({ "payer_data": told })).await.ok();
    server.assert_sound().await;
}

/// LUD-10 and LUD-20: what is sold by a link is described at length, and read by whoever has paid.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_has_something_for_who_pays() {
    let mut plan = Plan::sqlite();
    plan.limits.lnurl.allow_private = true;
    let server = plan.start().await;
    let (payer, payee) = (server.wallet(100).await, server.wallet(0).await);
    let order = json!({
        "kind": "pay", "title": "book", "min_msat": 1000, "success_message": "Your code", "success_secret": "it is 1234 ✓",
        "description": "A book of many pages.",
    });
    let link = made(&payee, order).await;
    assert_eq!((&link["has_success_secret"], &link["description"]), (&json!(true), &json!("A book of many pages.")));
    assert!(!link.to_string().contains("1234"), "{link}");
    let offer = open(&server, link["url"].as_str().unwrap()).await;
    assert_eq!(offer["metadata"], r#"[["text/plain","book"],["text/long-desc","A book of many pages."]]"#);
    let paid = payer.admin.post("/api/v1/payments/lnurl", json!({ "lnurl": link["lnurl"], "amount": 1000 })).await.ok();
    assert!(!paid["extra"]["success_action"].as_str().unwrap().contains("1234"), "{paid}");
    assert_eq!(paid["extra"]["success_action_text"], "it is 1234 ✓");
    // the payee's own list has no word of it
    let received = payee.admin.get("/api/v1/payments").await;
    assert!(!received.text.contains("1234"), "{}", received.text);
    let at = format!("/api/v1/links/{}", link["id"].as_str().unwrap());
    for wrong in [
        json!({ "success_url": format!("{}/thanks", server.url) }),
        json!({ "success_secret": "x".repeat(3001) }),
        json!({ "description": "x".repeat(1001) }),
    ] {
        assert_eq!(payee.admin.patch(&at, wrong.clone()).await.status, 400, "{wrong}");
    }
    let kept = payee.admin.patch(&at, json!({ "title": "books" })).await.ok();
    assert_eq!(kept["has_success_secret"], true);
    let cleared = payee.admin.patch(&at, json!({ "success_secret": "", "description": "" })).await.ok();
    assert_eq!((&cleared["has_success_secret"], &cleared["description"]), (&json!(false), &Value::Null));
    assert_eq!(open(&server, link["url"].as_str().unwrap()).await["metadata"], r#"[["text/plain","books"]]"#);
    for wrong in [json!({ "success_secret": "x" }), json!({ "description": "x" })] {
        let mut body = withdraw_link(2000, 1);
        body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        assert_eq!(payee.admin.post("/api/v1/links", body).await.status, 400, "{wrong}");
    }
    server.assert_sound().await;
}

/// A price in a currency is worth what it is worth when somebody pays; between offer and answer the rate may move a little.
async fn a_link_has_a_price(plan: Plan) {
    let server = plan.start().await;
    let (payer, payee) = (server.wallet(10_000).await, server.wallet(0).await);
    let link = made(&payee, json!({ "kind": "pay", "title": "coffee", "currency": "eur", "min": 2.5 })).await;
    let shown = [&link["currency"], &link["min"], &link["max"], &link["min_msat"]];
    assert_eq!(shown, [&json!("EUR"), &json!(2.5), &json!(2.5), &Value::Null]);
    let url = link["url"].as_str().unwrap();
    let offer = open(&server, url).await;
    // 50,000 EUR are a bitcoin
    assert_eq!((&offer["minSendable"], &offer["maxSendable"]), (&json!(5_000_000), &json!(5_000_000)));
    let invoice =
        async |msat: i64| open(&server, &format!("{}?amount={msat}", offer["callback"].as_str().unwrap())).await;
    assert_eq!(invoice(4_899_000).await["reason"], "Between 5000000 msat and 5000000 msat can be paid.");
    assert_eq!(invoice(5_101_000).await["status"], "ERROR");
    assert!(invoice(5_099_000).await["pr"].is_string());
    let bolt11 = invoice(4_950_000).await["pr"].as_str().unwrap().to_owned();
    payer.pay(&bolt11).await.ok();
    let paid = payee.invoice.get(&format!("/api/v1/payments/{}", hash_of(&bolt11))).await.ok();
    let extra = &paid["details"]["extra"];
    assert_eq!((&extra["fiat_currency"], &extra["fiat_amount"]), (&json!("EUR"), &json!(2.5)), "{extra}");
    assert_eq!((payer.balance().await, payee.balance().await), (5_050_000, 4_950_000));
    // one price stays one price
    let at = format!("/api/v1/links/{}", link["id"].as_str().unwrap());
    let dearer = payee.admin.patch(&at, json!({ "min": 3 })).await.ok();
    assert_eq!((&dearer["min"], &dearer["max"]), (&json!(3.0), &json!(3.0)));
    let range = payee.admin.patch(&at, json!({ "max": 5.125 })).await.ok();
    assert_eq!((&range["min"], &range["max"]), (&json!(3.0), &json!(5.125)));
    for wrong in [json!({ "min": 6 }), json!({ "min": 0 }), json!({ "min": 1.0001 }), json!({ "min_msat": 5 })] {
        assert_eq!(payee.admin.patch(&at, wrong.clone()).await.status, 400, "{wrong}");
    }
    for wrong in [
        json!({ "kind": "pay", "title": "x", "currency": "EUR" }),
        json!({ "kind": "pay", "title": "x", "currency": "XXX", "min": 1 }),
        json!({ "kind": "pay", "title": "x", "currency": "EUR", "min": 1, "min_msat": 1 }),
        json!({ "kind": "pay", "title": "x", "min_msat": 1, "min": 1 }),
        json!({ "kind": "withdraw", "title": "x", "currency": "EUR", "min": 1 }),
        json!({ "kind": "withdraw", "title": "x", "min_msat": 1, "payer_data": { "name": "optional" } }),
        json!({ "kind": "pay", "title": "x", "min_msat": 1, "payer_data": { "age": "optional" } }),
    ] {
        assert_eq!(payee.admin.post("/api/v1/links", wrong.clone()).await.status, 400, "{wrong}");
    }
    // nobody knows what it costs: then only links in satoshi are paid
    let root = server.super_user().await;
    root.put("/admin/api/v1/settings", json!({ "satchel_rates": "off" })).await.ok();
    let told = open(&server, url).await;
    assert_eq!(told["status"], "ERROR");
    assert!(told["reason"].as_str().unwrap().starts_with("Could not get exchange rate for EUR."), "{told}");
    let plain = made(&payee, json!({ "kind": "pay", "title": "tea", "min_msat": 1000 })).await;
    assert_eq!(open(&server, plain["url"].as_str().unwrap()).await["tag"], "payRequest");
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_has_a_price_on_sqlite() {
    a_link_has_a_price(Plan::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_has_a_price_on_postgres() {
    a_link_has_a_price(Plan::postgres().await).await;
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
