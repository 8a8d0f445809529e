//! What happened to a wallet: pages, streams and websockets that leave nothing out and repeat nothing.

use futures_util::StreamExt;
use satchel::domain::Msat;
use serde_json::{Value, json};
use tokio::time;
use tokio_tungstenite::{connect_async, tungstenite::Message};

use super::{assert_refused, text};
use crate::harness::{Caller, Plan, Server, Wallet};

/// Only a lost message takes so long; nothing is measured by it.
const LOST: time::Duration = time::Duration::from_secs(20);

/// A stream of server-sent events, as a browser reads it.
struct Stream {
    answer: reqwest::Response,
    read: String,
}

impl Stream {
    async fn open(caller: &Caller, path: &str, headers: &[(&str, &str)]) -> Self {
        let answer = caller.open(path, headers).await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        Self { answer, read: String::new() }
    }

    /// Name, id and data of the next event; `None` when the server ended the stream.
    async fn next(&mut self) -> Option<(String, Option<i64>, Value)> {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n").map(|(a, b)| (a.to_owned(), b.to_owned())) {
                self.read = rest;
                let field = |name: &str| {
                    block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
                };
                if let Some(event) = field("event") {
                    let data = serde_json::from_str(&field("data").unwrap()).unwrap();
                    return Some((event, field("id").map(|id| id.parse().unwrap()), data));
                }
                continue;
            }
            let part = time::timeout(LOST, self.answer.chunk()).await.expect("the event was lost");
            self.read.push_str(std::str::from_utf8(&part.ok()??).unwrap());
        }
    }
}

/// So many payments arrive at the wallet, one after the other; answers their hashes.
async fn receive(server: &Server, wallet: &Wallet, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let payment = server.ledger().adjust(wallet.id.clone(), Msat(1000)).await.unwrap();
        ids.push(payment.checking_id.clone());
    }
    ids
}

fn of(event: &Value) -> String {
    text(&event["payment"], "checking_id")
}

async fn concurrently(plan: Plan) {
    let server = plan.start().await;
    let twin = server.twin().start().await;
    let shop = server.wallet(0).await;
    let mut payers = Vec::new();
    for one in [&server, &server, &twin] {
        let payer = server.wallet(100).await;
        let payer = one.key(&payer.admin_key);
        let mut invoices = Vec::new();
        for _ in 0..15 {
            invoices.push(text(&shop.new_invoice(1).await, "bolt11"));
        }
        payers.push(tokio::spawn(async move {
            for bolt11 in invoices {
                payer.post("/api/v1/payments", json!({ "out": true, "bolt11": bolt11 })).await.ok();
            }
        }));
    }
    let (mut seen, mut after) = (Vec::new(), 0);
    while seen.len() < 45 {
        let page = shop.invoice.get(&format!("/api/v1/events?after={after}&limit=7")).await.ok();
        assert_eq!(page["gap"], false);
        let events = page["data"].as_array().unwrap();
        assert!(events.len() <= 7);
        for event in events {
            assert!(event["id"].as_i64().unwrap() > after, "{event} after {after}");
            assert_eq!((&event["type"], &event["payment"]["amount"]), (&json!("payment_received"), &json!(1000)));
            after = event["id"].as_i64().unwrap();
            seen.push((of(event), event["balance_msat"].as_i64().unwrap()));
        }
        assert_eq!(page["next"], after);
    }
    for payer in payers {
        payer.await.unwrap();
    }
    // each once, and the balance grows in the order in which they are told
    let balances: Vec<i64> = seen.iter().map(|(_, balance)| *balance).collect();
    assert_eq!(balances, (1..=45).map(|sat| sat * 1000).collect::<Vec<_>>());
    seen.sort();
    seen.dedup_by(|a, b| a.0 == b.0);
    assert_eq!(seen.len(), 45);
    let page = shop.invoice.get(&format!("/api/v1/events?after={after}")).await.ok();
    assert_eq!((&page["data"], &page["next"]), (&json!([]), &json!(after)));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_page_by_page_hears_of_everything_once() {
    concurrently(Plan::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_where_the_last_one_ended() {
    let server = Server::start().await;
    let (shop, other) = (server.wallet(0).await, server.wallet(0).await);
    receive(&server, &shop, 2).await;
    let mut stream = Stream::open(&shop.invoice, "/api/v1/events/stream", &[]).await;
    let first = receive(&server, &shop, 1).await;
    receive(&server, &other, 1).await;
    let (name, id, data) = stream.next().await.unwrap();
    assert_eq!((name.as_str(), id, of(&data)), ("payment_received", data["id"].as_i64(), first[0].clone()));
    assert!(!data.to_string().contains(&shop.admin_key));
    drop(stream);
    let missed = receive(&server, &shop, 3).await;
    let last = id.unwrap().to_string();
    let mut stream = Stream::open(&shop.admin, "/api/v1/events/stream?after=0", &[("Last-Event-ID", &last)]).await;
    for one in &missed {
        assert_eq!(&of(&stream.next().await.unwrap().2), one);
    }
    let live = receive(&server, &shop, 1).await;
    assert_eq!(of(&stream.next().await.unwrap().2), live[0]);
    let mut all = Stream::open(&shop.invoice, "/api/v1/events/stream?after=0", &[]).await;
    for _ in 0..7 {
        all.next().await.unwrap();
    }
    server.stop().await;
    assert_eq!((stream.next().await, all.next().await), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_slowly_misses_nothing() {
    let server = Server::start().await;
    let shop = server.wallet(0).await;
    let mut stream = Stream::open(&shop.invoice, "/api/v1/events/stream", &[]).await;
    // more than any queue has room for
    let all = receive(&server, &shop, 700).await;
    for one in &all {
        let (name, _, data) = stream.next().await.unwrap();
        assert_eq!((name.as_str(), &of(&data)), ("payment_received", one));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_credential_and_nobody_elses() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let wallet = alice.get("/api/v1/wallet").await.ok();
    let by_key = server.key(&text(&wallet, "inkey"));
    let path = format!("/api/v1/events/stream?wallet_id={}", text(&wallet, "id"));
    let mut streams =
        [Stream::open(&by_key, "/api/v1/events/stream", &[]).await, Stream::open(&alice, &path, &[]).await];
    let bystander = server.wallet(0).await;
    let mut other = Stream::open(&bystander.invoice, "/api/v1/events/stream", &[]).await;
    alice.put(&format!("/api/v1/wallet/reset/{}", text(&wallet, "id")), json!({})).await.ok();
    assert_eq!(streams[0].next().await, None);
    alice.post("/api/v1/auth/logout", json!({})).await.ok();
    assert_eq!(streams[1].next().await, None);
    receive(&server, &bystander, 1).await;
    assert!(other.next().await.is_some());
    assert_eq!(by_key.get("/api/v1/events/stream").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_forgotten_is_said_to_be_missing() {
    let server = Server::start().await;
    let shop = server.wallet(0).await;
    let all = receive(&server, &shop, 5).await;
    server.store.event_forget(server.clock.now().plus_seconds(1)).await.unwrap();
    let page = shop.invoice.get("/api/v1/events?after=0").await.ok();
    let left: Vec<String> = page["data"].as_array().unwrap().iter().map(of).collect();
    assert_eq!((&page["gap"], left), (&json!(true), vec![all[4].clone()]));
    let before_last = page["next"].as_i64().unwrap() - 1;
    let page = shop.invoice.get(&format!("/api/v1/events?after={before_last}")).await.ok();
    assert_eq!((&page["gap"], page["data"].as_array().unwrap().len()), (&json!(false), 1));
    let mut stream = Stream::open(&shop.invoice, "/api/v1/events/stream?after=1", &[]).await;
    assert_eq!(stream.next().await, Some(("gap".to_owned(), None, json!({}))));
    assert_eq!(of(&stream.next().await.unwrap().2), all[4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_goes_on_where_the_last_one_ended() {
    let server = Server::start().await;
    let shop = server.wallet(0).await;
    receive(&server, &shop, 3).await;
    let url = |after: i64| {
        let server = server.url.replacen("http", "ws", 1);
        format!("{server}/api/v1/ws/{}?after={after}", shop.invoice_key)
    };
    let mut cursor = 0;
    for expected in [vec![1, 2, 3], vec![4, 5]] {
        let mut socket = connect_async(url(cursor)).await.unwrap().0;
        for sat in expected {
            let message: Value = loop {
                match time::timeout(LOST, socket.next()).await.expect("the message was lost") {
                    Some(Ok(Message::Text(text))) => break serde_json::from_str(text.as_str()).unwrap(),
                    Some(Ok(_)) => {}
                    other => panic!("{other:?}"),
                }
            };
            assert_eq!(message["wallet_balance"], sat);
            cursor = message["cursor"].as_i64().unwrap();
        }
        receive(&server, &shop, 2).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_are_numbers() {
    let server = Server::start().await;
    let shop = server.wallet(0).await;
    for query in ["after=x", "after=1.5", "limit=0", "limit=1001", "limit=-1"] {
        let answer = shop.invoice.get(&format!("/api/v1/events?{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text);
    }
    let answer = shop.invoice.raw(reqwest::Method::GET, "/api/v1/events/stream", None, &[("Last-Event-ID", "x")]).await;
    assert_refused(&answer, 400, "Last-Event-ID is not the id of an event.");
    assert_eq!(server.anybody().get("/api/v1/events").await.status, 401);
}
