//! Withdraw links: each use pays once, whoever comes, and whatever stops in between.

use std::time::Duration;

use satchel::{
    domain::{Time, link::Claim},
    lnurl::code,
};
use serde_json::{Value, json};

use super::{made, open, withdraw_link};
use crate::harness::{Plan, Server, Wallet, hash_of};

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
