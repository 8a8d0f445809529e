//! Live updates: who listens hears of each payment once, in the shape that clients know.

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use super::text;
use crate::harness::Server;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Only a lost message takes so long; nothing is measured by it.
const LOST: time::Duration = time::Duration::from_secs(20);

async fn listen(server: &Server, channel: &str) -> Socket {
    let url = format!("{}/api/v1/ws/{channel}", server.url.replacen("http", "ws", 1));
    connect_async(url).await.unwrap().0
}

/// The next text, or `None` when the server closed.
async fn heard(socket: &mut Socket) -> Option<Value> {
    loop {
        match time::timeout(LOST, socket.next()).await.expect("the message was lost") {
            Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(text.as_str()).unwrap()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(_)) => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_who_listens_hears_once() {
    let server = Server::start().await;
    let (payer, shop) = (server.wallet(1000).await, server.wallet(10).await);
    let made = shop.new_invoice(21).await;
    let hash = text(&made, "payment_hash");
    let mut shops = Vec::new();
    for channel in [&shop.invoice_key, &shop.admin_key, &shop.invoice_key] {
        shops.push(listen(&server, channel).await);
    }
    let mut payers = [listen(&server, &payer.admin_key).await, listen(&server, &payer.invoice_key).await];
    let mut hashes = [listen(&server, &hash).await, listen(&server, &hash).await];
    let mut nobody = listen(&server, "0123456789abcdef0123456789abcdef").await;
    payer.pay(&text(&made, "bolt11")).await.ok();
    // a second payment marks the end: whoever hears of it next heard of the first one once
    let second = shop.new_invoice(5).await;
    payer.pay(&text(&second, "bolt11")).await.ok();
    for socket in &mut shops {
        for (balance, amount, hash) in [(31, 21_000, &made["payment_hash"]), (36, 5000, &second["payment_hash"])] {
            let message = heard(socket).await.unwrap();
            assert_eq!((&message["wallet_balance"], &message["payment"]["amount"]), (&json!(balance), &json!(amount)));
            assert_eq!((&message["payment"]["payment_hash"], &message["payment"]["status"]), (hash, &json!("success")));
            assert_eq!(message.as_object().unwrap().len(), 2, "{message}");
            assert!(!message.to_string().contains(&shop.admin_key));
        }
    }
    for socket in &mut payers {
        for (balance, amount) in [(979, -21_000), (974, -5000)] {
            let message = heard(socket).await.unwrap();
            assert_eq!((&message["wallet_balance"], &message["payment"]["amount"]), (&json!(balance), &json!(amount)));
        }
    }
    for socket in &mut hashes {
        assert_eq!(heard(socket).await, Some(json!({ "pending": false, "status": "success" })));
    }
    // the server says goodbye to all, and only then is it sure that nothing more was said
    server.stop().await;
    for socket in shops.iter_mut().chain(&mut payers).chain(&mut hashes).chain([&mut nobody]) {
        assert_eq!(heard(socket).await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_over_lightning_are_told_too_and_what_clients_say_is_not() {
    let server = Server::start().await;
    let wallet = server.wallet(1000).await;
    let made = wallet.new_invoice(3).await;
    let (mut own, mut hash) =
        (listen(&server, &wallet.invoice_key).await, listen(&server, &text(&made, "payment_hash")).await);
    let mut shouter = listen(&server, &wallet.invoice_key).await;
    futures_util::SinkExt::send(&mut shouter, Message::text("{\"wallet_balance\": 1}")).await.unwrap();
    server.ledger().pay_from_outside(&text(&made, "bolt11"), None).unwrap();
    for socket in [&mut own, &mut shouter] {
        let message = heard(socket).await.unwrap();
        assert_eq!((&message["wallet_balance"], &message["payment"]["amount"]), (&json!(1003), &json!(3000)));
    }
    assert_eq!(heard(&mut hash).await, Some(json!({ "pending": false, "status": "success" })));
    wallet.pay(&server.outside_invoice(5000, "")).await.ok();
    assert_eq!(heard(&mut own).await.unwrap()["payment"]["amount"], -5000);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_publishes_but_the_server() {
    let server = Server::start().await;
    let wallet = server.wallet(0).await;
    let path = format!("/api/v1/ws/{}", wallet.invoice_key);
    assert_eq!(wallet.admin.post(&format!("{path}?data=x"), json!({})).await.status, 405);
    assert_eq!(wallet.admin.get(&format!("{path}/x")).await.status, 404);
    assert_eq!(wallet.admin.get(&path).await.status, 400, "without a handshake");
}
