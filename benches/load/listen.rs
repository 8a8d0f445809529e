//! Websockets: what idle ones cost, and how soon many of them hear of a payment.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::load::Failure;
use crate::load::api::Wallet;
use crate::load::http::Connection;
use crate::load::process::memory_mib;
use crate::load::table;

const IDLE: usize = 10_000;
const LISTENERS: usize = 200;
/// One after the other; the first ones warm up.
const PAYMENTS: usize = 60;
const WARM: usize = 10;
/// A message that does not come by then does not come.
const LATE: Duration = Duration::from_secs(10);
const SETTLE: Duration = Duration::from_secs(2);

type Socket = WebSocketStream<TcpStream>;

async fn open(address: SocketAddr, wallet: &Wallet) -> Result<Socket, Failure> {
    let stream = TcpStream::connect(address).await?;
    let url = format!("ws://{address}/api/v1/ws/{}", wallet.invoice_key);
    Ok(tokio_tungstenite::client_async(url, stream).await?.0)
}

/// Memory of the server with so many clients that only listen.
pub(crate) async fn idle(address: SocketAddr, pid: u32, wallets: &[Wallet]) -> Result<(), Failure> {
    let before = memory_mib(pid).unwrap_or_default();
    let mut sockets = Vec::with_capacity(IDLE);
    for wallet in wallets.iter().cycle().take(IDLE) {
        sockets.push(open(address, wallet).await.map_err(|error| format!("websocket {}: {error}", sockets.len()))?);
    }
    sleep(SETTLE).await;
    let with = memory_mib(pid).unwrap_or_default();
    let each = (with - before) * 1024.0 / f64::from(u32::try_from(IDLE)?);
    let note = format!("{with:.1} MiB, {before:.1} before: {each:.1} KiB each");
    Ok(table::fact(&format!("memory, {IDLE} idle websockets"), &note)?)
}

/// From sending the request that pays until each listener of the payee's wallet has heard.
pub(crate) async fn heard(address: SocketAddr, payee: &Wallet, payments: &[Vec<u8>]) -> Result<(), Failure> {
    let (tell, mut told) = mpsc::unbounded_channel();
    for _ in 0..LISTENERS {
        let mut socket = open(address, payee).await?;
        let tell = tell.clone();
        tokio::spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                if matches!(message, Message::Text(_)) && tell.send(Instant::now()).is_err() {
                    return;
                }
            }
        });
    }
    let mut payer = Connection::new(address);
    let mut latencies_ms = Vec::new();
    for (number, payment) in payments.iter().take(PAYMENTS).enumerate() {
        let sent = Instant::now();
        let (status, _) = payer.send(payment).await?;
        if status != 201 {
            return Err(format!("a payment was answered {status}").into());
        }
        for _ in 0..LISTENERS {
            let at = timeout(LATE, told.recv()).await?.ok_or("the listeners are gone")?;
            if number >= WARM {
                latencies_ms.push((at - sent).as_secs_f64() * 1_000.0);
            }
        }
    }
    latencies_ms.sort_by(f64::total_cmp);
    let percentile = |percent: usize| {
        let rank = (latencies_ms.len() * percent).div_ceil(100).max(1);
        latencies_ms.get(rank - 1).copied().unwrap_or_default()
    };
    let note = format!("p50 {:.1} ms, p99 {:.1} ms from sending the payment", percentile(50), percentile(99));
    Ok(table::fact(&format!("a payment reaches {LISTENERS} listeners"), &note)?)
}

/// How many payments [`heard`] wants.
pub(crate) const WANTED: usize = PAYMENTS;
