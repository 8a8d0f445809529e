//! Pay links: what payers are told, asked and given.

use satchel::domain::{Msat, bolt11};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{made, open, withdraw_link};
use crate::harness::{Plan, hash_of};

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

/// A price in a currency is worth what it is worth when somebody opens the link, for as long as he needs to answer.
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
    let answer = |offer: &Value, msat: i64| format!("{}?amount={msat}", offer["callback"].as_str().unwrap());
    for wrong in [4_999_000, 5_001_000] {
        let told = open(&server, &answer(&offer, wrong)).await;
        assert_eq!(told["reason"], "Between 5000000 msat and 5000000 msat can be paid.");
    }
    // the rate moves: who was offered the old price pays that, for ten minutes; nobody makes a price for himself
    let root = server.super_user().await;
    root.put("/admin/api/v1/settings", json!({ "satchel_rates": "fixed:EUR=25000" })).await.ok();
    assert_eq!(open(&server, url).await["minSendable"], 10_000_000);
    let own = offer["callback"].as_str().unwrap().replace(".5000000.", ".4000000.");
    let told = open(&server, &format!("{own}?amount=4000000")).await;
    assert_eq!(told["reason"], "Between 10000000 msat and 10000000 msat can be paid.");
    let bolt11 = open(&server, &answer(&offer, 5_000_000)).await["pr"].as_str().unwrap().to_owned();
    server.clock.advance(601);
    assert_eq!(open(&server, &answer(&offer, 5_000_000)).await["status"], "ERROR");
    payer.pay(&bolt11).await.ok();
    let paid = payee.invoice.get(&format!("/api/v1/payments/{}", hash_of(&bolt11))).await.ok();
    let extra = &paid["details"]["extra"];
    assert_eq!((&extra["fiat_currency"], &extra["fiat_amount"]), (&json!("EUR"), &json!(2.5)), "{extra}");
    assert_eq!((payer.balance().await, payee.balance().await), (5_000_000, 5_000_000));
    // one price stays one price
    let at = format!("/api/v1/links/{}", link["id"].as_str().unwrap());
    let before = open(&server, url).await;
    let dearer = payee.admin.patch(&at, json!({ "min": 3 })).await.ok();
    assert_eq!(open(&server, &answer(&before, 10_000_000)).await["status"], "ERROR", "its owner changed it");
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
    a_link_has_a_price(Plan::sqlite().seeded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_has_a_price_on_postgres() {
    a_link_has_a_price(Plan::postgres().await.seeded()).await;
}
