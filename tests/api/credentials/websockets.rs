//! Open connections end with the key that opened them, on every server (scenario 51).

use futures_util::StreamExt;
use serde_json::json;
use tokio::{net::TcpStream, time};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use super::people::text;
use crate::harness::{Plan, Server};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Only a connection that is never closed takes so long; nothing is measured by it.
const LOST: time::Duration = time::Duration::from_secs(20);

async fn listen(server: &Server, channel: &str) -> Socket {
    let url = format!("{}/api/v1/ws/{channel}", server.url.replacen("http", "ws", 1));
    connect_async(url).await.unwrap().0
}

/// The code with which the server closed; fails on any other message.
async fn closed(socket: &mut Socket) -> u16 {
    loop {
        match time::timeout(LOST, socket.next()).await.expect("the connection lives on") {
            Some(Ok(Message::Close(reason))) => return reason.unwrap().code.into(),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn hears(socket: &mut Socket) -> bool {
    loop {
        match time::timeout(LOST, socket.next()).await.expect("the message was lost") {
            Some(Ok(Message::Text(_))) => return true,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            _ => return false,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_ends_with_its_key_on_every_server() {
    let here = Plan::postgres().await.start().await;
    let there = here.twin().start().await;
    let alice = here.user("alice").await;
    let wallet = alice.get("/api/v1/wallet").await.ok();
    let bystander = here.wallet(0).await;
    let mut sockets = Vec::new();
    for server in [&here, &there] {
        for key in ["adminkey", "inkey"] {
            sockets.push(listen(server, &text(&wallet, key)).await);
        }
    }
    let mut others = [listen(&here, &bystander.invoice_key).await, listen(&there, &bystander.admin_key).await];
    alice.put(&format!("/api/v1/wallet/reset/{}", text(&wallet, "id")), json!({})).await.ok();
    for socket in &mut sockets {
        assert_eq!(closed(socket).await, 1008);
    }
    // those of other people go on
    let made = bystander.new_invoice(5).await;
    here.ledger().pay_from_outside(&text(&made, "bolt11"), None).unwrap();
    for socket in &mut others {
        assert!(hears(socket).await);
    }
    bystander.admin.delete("/api/v1/wallet").await.ok();
    for socket in &mut others {
        assert_eq!(closed(socket).await, 1008);
    }
    here.assert_sound().await;
}
