//! What a wallet can spend: once, with its fees, and no more than it holds.

use futures_util::future::join_all;
use satchel::{
    domain::{Msat, Status},
    funding::{Capabilities, simulated::Ending, simulated::Script},
};
use serde_json::{Value, json};

use super::{accepted, alarms::look, code, invoice_of, pay_with, record, until, until_recorded};
use crate::harness::{Caller, Plan, Server, hash_of};

const MANY: usize = 200;

/// Two hundred payments from a wallet that affords one, spread over the servers.
async fn one_of_many_is_sent(servers: &[&Server]) {
    let first = servers[0];
    let wallet = first.wallet(1010).await;
    let requests: Vec<String> = (0..MANY).map(|_| first.outside_invoice(1_000_000, "sim:hang")).collect();
    let answers = join_all(requests.iter().enumerate().map(|(at, bolt11)| {
        let caller = servers[at % servers.len()].key(&wallet.admin_key);
        async move { caller.post("/api/v1/payments", json!({ "out": true, "bolt11": bolt11 })).await }
    }))
    .await;
    let sent: Vec<usize> = (0..MANY).filter(|at| answers[*at].status == 201).collect();
    assert_eq!(sent.len(), 1);
    for (at, answer) in answers.iter().enumerate().filter(|(at, _)| !sent.contains(at)) {
        assert_eq!(code(answer), (520, "insufficient_balance"), "{at}: {}", answer.text);
    }
    assert_eq!(wallet.balance().await, 0);
    let paid = &requests[sent[0]];
    until("the node has it", || async { !first.node.attempts_of(&hash_of(paid)).is_empty() }).await;
    let known = requests.iter().filter(|bolt11| !first.node.attempts_of(&hash_of(bolt11)).is_empty()).count();
    assert_eq!(known, 1, "the node got more than one");
    assert!(first.node.resolve(&hash_of(paid), Ending::Paid));
    until_recorded(first, &wallet, paid, Status::Success).await;
    assert_eq!(wallet.balance().await, 9000);
    first.assert_sound().await;
}

async fn one_of_many_is_transferred(servers: &[&Server]) {
    let first = servers[0];
    let (payer, shop) = (first.wallet(1000).await, first.wallet(0).await);
    let requests = join_all((0..MANY).map(|_| invoice_of(&shop, 1000))).await;
    let answers = join_all(requests.iter().enumerate().map(|(at, bolt11)| {
        let caller = servers[at % servers.len()].key(&payer.admin_key);
        async move { caller.post("/api/v1/payments", json!({ "out": true, "bolt11": bolt11 })).await }
    }))
    .await;
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(code(answer), (520, "insufficient_balance"), "{}", answer.text);
    }
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert_eq!((payer.balance().await, shop.balance().await), (0, 1_000_000));
    first.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s04_two_hundred_payments_from_a_wallet_that_affords_one_send_one() {
    one_of_many_is_sent(&[&Server::start().await]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s04_two_hundred_transfers_from_a_wallet_that_affords_one_move_one() {
    one_of_many_is_transferred(&[&Server::start().await]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s05_the_same_over_two_servers_on_one_database() {
    let one = Plan::postgres().await.start().await;
    let other = one.twin().start().await;
    one_of_many_is_sent(&[&one, &other]).await;
    one_of_many_is_transferred(&[&other, &one]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s06_the_whole_balance_goes_inside_but_not_outside() {
    let server = Server::start().await;
    let (wallet, shop) = (server.wallet(1000).await, server.wallet(0).await);
    let bolt11 = server.outside_invoice(1_000_000, "");
    let refused = wallet.pay(&bolt11).await;
    assert_eq!(code(&refused), (520, "fee_reserve_needed"));
    assert_eq!(refused.body["needed_msat"], 1_010_000);
    assert!(refused.detail().contains("(10  sat)"), "{}", refused.text);
    let too_much = wallet.pay(&server.outside_invoice(1_000_001, "")).await;
    assert_eq!(code(&too_much), (520, "insufficient_balance"));
    assert_eq!(wallet.balance().await, 1_000_000);
    assert_eq!(server.node.attempts_of(&hash_of(&bolt11)), []);
    assert_eq!(accepted(&wallet.pay(&invoice_of(&shop, 1000).await).await), "success");
    assert_eq!((wallet.balance().await, shop.balance().await), (0, 1_000_000));
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s07_what_routing_did_not_cost_comes_back() {
    let server = Server::start().await;
    let wallet = server.wallet(2000).await;
    let bolt11 = server.outside_invoice(1_000_000, "");
    server.node.script(&hash_of(&bolt11), Script::Never);
    let answer = wallet.pay(&bolt11).await;
    assert_eq!((accepted(&answer), wallet.balance().await), ("pending", 990_000));
    assert!(server.node.resolve(&hash_of(&bolt11), Ending::Paid));
    until_recorded(&server, &wallet, &bolt11, Status::Success).await;
    assert_eq!(wallet.balance().await, 999_000);
    let paid = wallet.invoice.get(&format!("/api/v1/payments/{}", hash_of(&bolt11))).await.ok();
    assert_eq!((&paid["details"]["fee"], &paid["details"]["amount"]), (&json!(-1000), &json!(-1_000_000)));
    let preimage = paid["preimage"].as_str().unwrap();
    let bytes = satchel::domain::ids::array_from_hex::<32>(preimage).unwrap();
    assert_eq!(satchel::domain::PaymentHash::of(&bytes), hash_of(&bolt11));
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s08_a_node_that_charges_too_much_is_booked_truthfully() {
    let server = Server::start().await;
    let (rich, poor) = (server.wallet(2000).await, server.wallet(1010).await);
    let answer = rich.pay(&server.outside_invoice(1_000_000, "sim:overcharge")).await;
    assert_eq!((accepted(&answer), &answer.body["fee"]), ("success", &json!(-50_000)));
    assert_eq!(rich.balance().await, 950_000);
    look(&server).await;
    assert_eq!(accepted(&poor.pay(&server.outside_invoice(1_000_000, "sim:overcharge")).await), "success");
    assert_eq!(poor.balance().await, 0);
    let audit = server.store.audit().await.unwrap();
    assert_eq!((audit.alarms, audit.loss.size(), audit.lightning), (2, Msat(40_000), Msat(2_100_000)));
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s09_the_fee_limit_holds_to_the_millisatoshi() {
    let server = Server::start().await;
    let wallet = server.wallet(100_000).await;
    // the caller's limit, what routing costs, whether it is paid
    let cases = [
        (Some(0), 0, true),
        (Some(0), 1, false),
        (Some(500), 500, true),
        (Some(500), 501, false),
        (None, 10_000, true),
        (None, 10_001, false),
        (Some(1_000_000), 10_000, true),
        (Some(1_000_000), 10_001, false),
    ];
    let mut balance = 100_000_000;
    for name in ["fee_limit_msat", "max_fee_msat", "max_fee"] {
        for (limit, fee, paid) in cases {
            let bolt11 = server.outside_invoice(1_000_000, &format!("sim:fee {fee}"));
            let answer = match limit {
                Some(limit) => pay_with(&wallet, &bolt11, name, limit).await,
                None => wallet.pay(&bolt11).await,
            };
            if paid {
                assert_eq!(accepted(&answer), "success", "{name} {limit:?} {fee}");
                balance -= 1_000_000 + fee;
            } else {
                assert_eq!(code(&answer), (520, "payment_failed"), "{name} {limit:?} {fee}");
            }
            assert_eq!(wallet.balance().await, balance, "{name} {limit:?} {fee}");
        }
    }
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_a_limit_that_the_source_cannot_keep_is_refused_before_money_moves() {
    let server = Server::start().await;
    let wallet = server.wallet(2000).await;
    server.node.set_capabilities(Capabilities { fee_limit: false, ..Capabilities::ALL });
    let bolt11 = server.outside_invoice(1_000_000, "");
    let answer = pay_with(&wallet, &bolt11, "fee_limit_msat", 1000).await;
    assert_eq!(code(&answer), (400, "fee_limit_unsupported"));
    assert_eq!(wallet.balance().await, 2_000_000);
    assert_eq!(server.node.attempts_of(&hash_of(&bolt11)), []);
    let page = wallet.invoice.get("/api/v1/payments/paginated").await.ok();
    assert_eq!(page["total"], 1, "beside the top-up nothing is recorded");
    assert_eq!(accepted(&wallet.pay(&bolt11).await), "success");
    server.assert_sound().await;
}

/// Sends a body as it is written, since some of these numbers have no JSON value.
async fn refused(caller: &Caller, method: reqwest::Method, path: &str, body: String) {
    let answer = caller.raw(method, path, Some(body.clone().into_bytes()), &[]).await;
    assert!(matches!(answer.status, 400 | 404 | 520), "{body}: {} {}", answer.status, answer.text);
    assert!(answer.body["code"].is_string(), "{body}: {}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn s12_numbers_that_are_no_amounts_are_refused() {
    let server = Server::start().await;
    let (wallet, root) = (server.wallet(1000).await, server.super_user().await);
    let bolt11 = server.outside_invoice(1000, "");
    let never = ["-1", "NaN", "1e30", "9223372036854775808", "\"1e3\"", "1.5", "\"\\u0000\"", "[1]", "{}", "1e400"];
    let open = server.outside_invoice(0, "");
    for number in never {
        let body = format!("{{\"out\":false,\"amount\":{number}}}");
        refused(&wallet.admin, reqwest::Method::POST, "/api/v1/payments", body).await;
        let body = format!("{{\"out\":true,\"bolt11\":\"{open}\",\"amount\":{number}}}");
        refused(&wallet.admin, reqwest::Method::POST, "/api/v1/payments", body).await;
    }
    // a limit beyond all bounds is a limit: the operator's holds
    for number in never.into_iter().filter(|number| !matches!(*number, "1e30" | "9223372036854775808")) {
        let body = format!("{{\"out\":true,\"bolt11\":\"{bolt11}\",\"fee_limit_msat\":{number}}}");
        refused(&wallet.admin, reqwest::Method::POST, "/api/v1/payments", body).await;
    }
    // the super user may take, but not what is not there
    for number in never.into_iter().filter(|number| *number != "-1").chain(["0", "-1001", "-9223372036854775808"]) {
        let body = format!("{{\"id\":\"{}\",\"amount\":{number}}}", wallet.id.as_str());
        refused(&root, reqwest::Method::PUT, "/users/api/v1/balance", body).await;
    }
    assert_eq!(wallet.balance().await, 1_000_000);
    assert_eq!(server.node.attempts_of(&hash_of(&bolt11)), []);
    assert_eq!(wallet.invoice.get("/api/v1/payments/paginated").await.ok()["total"], 1);
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s37_a_failed_payment_is_tried_again_and_both_attempts_stay_on_record() {
    let server = Server::start().await;
    let wallet = server.wallet(2000).await;
    let bolt11 = server.outside_invoice(1_000_000, "");
    server.node.script(&hash_of(&bolt11), Script::Fail);
    assert_eq!(code(&wallet.pay(&bolt11).await), (520, "payment_failed"));
    assert_eq!(wallet.balance().await, 2_000_000);
    let first = record(&server, &wallet, &bolt11).await;
    assert_eq!(accepted(&wallet.pay(&bolt11).await), "success");
    let second = record(&server, &wallet, &bolt11).await;
    assert_ne!(first.id, second.id);
    let page = wallet.invoice.get("/api/v1/payments/paginated?amount[lt]=0").await.ok();
    let states: Vec<&Value> = page["data"].as_array().unwrap().iter().map(|payment| &payment["status"]).collect();
    assert_eq!(states, ["success", "failed"]);
    assert_eq!((server.node.sends_of(&hash_of(&bolt11)), wallet.balance().await), (1, 999_000));
    server.assert_sound().await;
}
