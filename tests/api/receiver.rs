//! Somebody whom the server calls: a webhook's receiver, a push service.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What arrived: headers by their names in lower case, and the body.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Answers with the statuses it is told, and 200 when none is left.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    calls: Arc<Mutex<Vec<Call>>>,
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let receiver = Self { url, calls: Arc::default(), answers: Arc::default() };
        let own = receiver.clone();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
                let call = loop {
                    let read = socket.read(&mut part).await.unwrap_or(0);
                    bytes.extend_from_slice(&part[..read]);
                    if let Some(call) = parse(&bytes) {
                        break Some(call);
                    }
                    if read == 0 {
                        break None;
                    }
                };
                let Some(call) = call else { continue };
                own.calls.lock().unwrap().push(call);
                let status = {
                    let mut answers = own.answers.lock().unwrap();
                    if answers.is_empty() { 200 } else { answers.remove(0) }
                };
                let away = if status == 302 { "location: http://127.0.0.1:1/\r\n" } else { "" };
                let answer = format!("HTTP/1.1 {status} X\r\n{away}content-length: 0\r\nconnection: close\r\n\r\n");
                let _ = socket.write_all(answer.as_bytes()).await;
            }
        });
        receiver
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Call> {
        for _ in 0..1500 {
            if self.calls().len() >= count {
                return self.calls();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{} calls of {count} came", self.calls().len());
    }

    pub(crate) fn answers(&self, statuses: &[u16]) {
        *self.answers.lock().unwrap() = statuses.to_vec();
    }
}

fn parse(bytes: &[u8]) -> Option<Call> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: HashMap<String, String> =
        lines.filter_map(|line| line.split_once(": ")).map(|(k, v)| (k.to_lowercase(), v.to_owned())).collect();
    let length: usize = headers.get("content-length")?.parse().ok()?;
    let body = bytes[end + 4..].to_vec();
    (body.len() >= length).then_some(Call { path, headers, body })
}
