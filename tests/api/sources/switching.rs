//! Another funding source is chosen while the server runs.

use std::{sync::Arc, time::Duration};

use lightning_invoice::Currency;
use satchel::{
    domain::{Msat, Status},
    funding::{
        OutsideWorld,
        simulated::{Ending, Script},
    },
};
use serde_json::{Value, json};

use super::{
    bench::{PATIENCE, run},
    desk::{Desk, Outside},
    front::Front,
    phoenixd::ROW,
};
use crate::harness::{Answer, Plan, Server, hash_of};

/// Another source and the settings that choose it.
struct Other {
    desk: Arc<Desk>,
    front: Arc<Front>,
    settings: Value,
}

impl Other {
    async fn open(network: Currency) -> Self {
        let desk = Desk::open(network);
        let served = (ROW.serve)(Arc::clone(&desk)).await;
        let front = Front::open(served.door).await;
        let mut settings = json!({ "lnbits_backend_wallet_class": ROW.driver.class });
        for (name, value) in (ROW.fields)(&served, &front.door) {
            settings[name] = value.into();
        }
        Self { desk, front, settings }
    }
}

async fn choose(server: &Server, settings: &Value) -> Answer {
    server.super_user().await.put("/admin/api/v1/settings", settings.clone()).await
}

/// What is told of the sources, once that is so.
async fn sources(server: &Server, wanted: impl Fn(&Value) -> bool) -> Value {
    let caller = server.super_user().await;
    let mut last = Value::Null;
    let asking = async {
        loop {
            last = caller.get("/admin/api/v1/funding").await.ok();
            if wanted(&last) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, asking).await.is_ok(), "still {last:#}");
    last
}

fn current(state: &Value) -> Option<&str> {
    state["sources"].as_array()?.iter().find(|source| source["state"] == "current")?["name"].as_str()
}

fn is_phoenixd(state: &Value) -> bool {
    current(state).is_some_and(|name| name.starts_with("phoenixd-"))
}

#[test]
fn what_is_under_way_ends_where_it_began() {
    run(async {
        let server = Plan::sqlite().start().await;
        let wallet = server.wallet(100_000).await;
        let other = Other::open(Currency::Regtest).await;
        let stuck = server.outside_invoice(21_000, "stuck");
        server.node.script(&hash_of(&stuck), Script::Never);
        let paid = wallet.pay(&stuck).await;
        assert_eq!(paid.body["status"], "pending", "{}", paid.text);
        let open = wallet.new_invoice(500).await;

        choose(&server, &other.settings).await.ok();
        sources(&server, is_phoenixd).await;
        // what is new is the new one's business
        let made = wallet.new_invoice(700).await;
        assert_eq!(other.desk.invoices().len(), 1);
        other.desk.node.pay_from_outside(made["bolt11"].as_str().unwrap());
        server.until(&wallet, made["payment_hash"].as_str().unwrap(), Status::Success).await;
        let theirs = other.desk.node.issue(Msat(3_000_000), "new", 600).unwrap();
        wallet.pay(&theirs).await.ok();
        server.until(&wallet, hash_of(&theirs).as_str(), Status::Success).await;
        assert_eq!(other.desk.node.sends_of(&hash_of(&theirs)), 1);

        // what is old stays the old one's
        let state = sources(&server, |_| true).await;
        let parked = state["sources"].as_array().unwrap().iter().find(|source| source["name"] == "simulated").unwrap();
        assert_eq!((&parked["state"], &parked["open_payments"]), (&json!("parked"), &json!(1)), "{state:#}");
        assert_eq!(parked["open_invoices"], 1);
        server.node.resolve(&hash_of(&stuck), Ending::Paid);
        server.until(&wallet, hash_of(&stuck).as_str(), Status::Success).await;
        server.node.pay_from_outside(open["bolt11"].as_str().unwrap());
        server.until(&wallet, open["payment_hash"].as_str().unwrap(), Status::Success).await;
        assert!(other.desk.attempts().iter().all(|attempt| attempt.hash == hash_of(&theirs)));

        // over a restart the choice holds
        let server = server.stop().await.start().await;
        sources(&server, is_phoenixd).await;
        server.assert_sound().await;
    });
}

#[test]
fn a_source_that_is_away_keeps_nobody_from_the_rest() {
    run(async {
        let server = Plan::sqlite().start().await;
        let (payer, payee) = (server.wallet(1_000).await, server.wallet(0).await);
        let inside = payee.new_invoice(100).await;
        let other = Other::open(Currency::Regtest).await;
        other.front.close().await;
        choose(&server, &other.settings).await.ok();
        let state = sources(&server, |state| {
            state["ready"] == false && state["missing"].as_str().unwrap().contains("cannot be used")
        })
        .await;
        assert!(state["missing"].as_str().unwrap().contains("phoenixd cannot be reached"), "{state:#}");
        let refused = payer.invoice.post("/api/v1/payments", json!({ "out": false, "amount": 10 })).await;
        assert_eq!(refused.status, 503, "{}", refused.text);
        assert!(refused.text.contains("phoenixd cannot be reached"), "{}", refused.text);
        payer.pay(inside["bolt11"].as_str().unwrap()).await.ok();

        other.front.reopen().await;
        sources(&server, is_phoenixd).await;
        payer.new_invoice(10).await;
        // known by now, it is in use even while it is away
        other.front.close().await;
        let server = server.stop().await.start().await;
        sources(&server, is_phoenixd).await;
        assert_eq!(server.super_user().await.get("/api/v1/ready").await.status, 503);
        other.front.reopen().await;
        let made = payer.invoice.at(&server.url).post("/api/v1/payments", json!({ "out": false, "amount": 10 })).await;
        assert_eq!(made.status, 201, "{}", made.text);
    });
}

#[test]
fn what_cannot_be_is_refused_in_words_and_changes_nothing() {
    run(async {
        let server = Plan::sqlite().start().await;
        let other = Other::open(Currency::Regtest).await;
        let mut settings = other.settings.clone();
        settings["phoenixd_api_password"] = Value::Null;
        let refused = choose(&server, &settings).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert!(refused.text.contains("phoenixd_api_password") && refused.text.contains("needed"), "{}", refused.text);
        let refused = choose(&server, &json!({ "lnbits_backend_wallet_class": "MagicWallet" })).await;
        assert_eq!(refused.status, 400);
        assert!(refused.text.contains("MagicWallet") && refused.text.contains("PhoenixdWallet"), "{}", refused.text);
        settings["phoenixd_api_endpoint"] = "http://me:secret@127.0.0.1".into();
        settings["phoenixd_api_password"] = "x".into();
        let refused = choose(&server, &settings).await;
        assert!(refused.status == 400 && refused.text.contains("settings of their own"), "{}", refused.text);
        let state = sources(&server, |_| true).await;
        assert_eq!(current(&state), Some("simulated"));

        // settings are tried before they are saved
        let caller = server.super_user().await;
        let tried = caller.post("/admin/api/v1/funding/check", other.settings.clone()).await.ok();
        assert_eq!((&tried["network"], &tried["balance_msat"]), (&json!("regtest"), &json!(1_000_000_000)));
        settings["phoenixd_api_endpoint"] = other.settings["phoenixd_api_endpoint"].clone();
        settings["phoenixd_api_password"] = "surely-wrong-one".into();
        let tried = caller.post("/admin/api/v1/funding/check", settings).await;
        assert!(tried.status >= 500 && tried.text.contains("credentials"), "{}", tried.text);
        assert!(!tried.text.contains("surely-wrong-one"));
        assert_eq!(current(&sources(&server, |_| true).await), Some("simulated"));
    });
}

#[test]
fn money_of_another_network_stays_out() {
    run(async {
        let server = Plan::sqlite().start().await;
        // the database knows its network once a source was chosen
        let home = Other::open(Currency::Regtest).await;
        choose(&server, &home.settings).await.ok();
        sources(&server, is_phoenixd).await;
        let other = Other::open(Currency::Signet).await;
        let caller = server.super_user().await;
        let tried = caller.post("/admin/api/v1/funding/check", other.settings.clone()).await;
        assert!(
            tried.status >= 500 && tried.text.contains("signet") && tried.text.contains("regtest"),
            "{}",
            tried.text
        );
        choose(&server, &other.settings).await.ok();
        let state =
            sources(&server, |state| state["ready"] == false && state["missing"].as_str().unwrap().contains("signet"))
                .await;
        assert!(state["missing"].as_str().unwrap().contains("data folder or database of its own"), "{state:#}");
        // and back
        choose(&server, &home.settings).await.ok();
        sources(&server, is_phoenixd).await;
        choose(&server, &json!({ "lnbits_backend_wallet_class": null })).await.ok();
        sources(&server, |state| current(state) == Some("simulated")).await;
    });
}

#[test]
fn s03_the_report_names_the_payments_that_explain_the_difference() {
    run(async {
        let server = Plan::sqlite().start().await;
        let wallet = server.wallet(100_000).await;
        let invoice = server.outside_invoice(21_000_000, "stuck");
        server.node.script(&hash_of(&invoice), Script::Never);
        wallet.pay(&invoice).await;
        let caller = server.super_user().await;
        let report = caller.get("/admin/api/v1/reconciliation").await.ok();
        let one = &report[0];
        assert_eq!(
            (&one["source"], &one["complete"], &one["unanswered"]),
            (&json!("simulated"), &json!(true), &json!(0))
        );
        let difference =
            one["differences"].as_array().unwrap().iter().find(|one| one["payment_hash"] == hash_of(&invoice).as_str());
        assert_eq!(difference.unwrap()["status"], "pending", "{report:#}");
        let spare = one["node_msat"].as_i64().unwrap()
            - one["owed_msat"].as_i64().unwrap()
            - one["held_msat"].as_i64().unwrap();
        assert_eq!(one["spare_msat"], spare - one["suspense_msat"].as_i64().unwrap());
    });
}
