//! Stands between a client and the server and writes down what goes over the wire.

use std::{
    future::ready,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_http::encoding::Decoder;
use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    error::PayloadError,
    http::{StatusCode, header::ContentEncoding},
    rt,
    web::{self, Bytes, Data, Payload},
};
use actix_ws::{MessageStream, Session};
use futures_util::{StreamExt, stream};
use reqwest::{Client, Method, redirect};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message},
};

/// What belongs to one connection, or is written anew by whoever passes it on.
const NOT_PASSED_ON: &[&str] = &["connection", "content-length", "date", "transfer-encoding"];

/// A question and its answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Exchange {
    pub(super) method: String,
    /// With the query.
    pub(super) path: String,
    /// In any order, with names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    /// 0 for as long as there is no answer.
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) answer: String,
}

/// What was said on a websocket.
#[derive(Debug, Clone, Default)]
pub(super) struct Socket {
    pub(super) path: String,
    /// Each begins with who said it.
    pub(super) frames: Vec<String>,
}

/// In the order in which they were begun.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    pub(super) exchanges: Vec<Exchange>,
    pub(super) sockets: Vec<Socket>,
}

type Shelf = Arc<Mutex<Record>>;

struct Wire {
    server: String,
    client: Client,
    shelf: Shelf,
}

/// Passes on to a server what it is sent, until it is dropped.
pub(super) struct Recorder {
    pub(super) url: String,
    shelf: Shelf,
    handle: ServerHandle,
}

impl Drop for Recorder {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

impl Recorder {
    pub(super) fn start(server: &str) -> Self {
        let shelf = Shelf::default();
        let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().no_gzip().build().unwrap();
        let wire = Data::new(Wire { server: server.to_owned(), client, shelf: shelf.clone() });
        let listener = HttpServer::new(move || {
            App::new()
                .app_data(wire.clone())
                .app_data(web::PayloadConfig::new(1 << 24))
                .default_service(web::to(pass_on))
        });
        let listener = listener.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.addrs()[0]);
        let running = listener.run();
        let handle = running.handle();
        tokio::spawn(running);
        Self { url, shelf, handle }
    }

    /// What was written down once every websocket has heard of this; that and what follows it is left out.
    pub(super) async fn until_all_heard(&self, last: &str) -> Record {
        for _ in 0..1200 {
            let mut record = self.shelf.lock().unwrap().clone();
            let heard = |socket: &Socket| socket.frames.iter().position(|frame| frame.contains(last));
            if record.sockets.iter().all(|socket| heard(socket).is_some()) {
                for socket in &mut record.sockets {
                    socket.frames.truncate(heard(socket).unwrap());
                }
                return record;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("a websocket does not hear of {last:?}: {:?}", self.shelf.lock().unwrap().sockets);
    }
}

impl Wire {
    /// Begins an exchange; its number.
    fn asked(&self, exchange: Exchange) -> usize {
        let mut record = self.shelf.lock().unwrap();
        record.exchanges.push(exchange);
        record.exchanges.len() - 1
    }

    fn answered(&self, number: usize, status: StatusCode, content_type: &str, answer: String) {
        let exchange = &mut self.shelf.lock().unwrap().exchanges[number];
        exchange.status = status.as_u16();
        exchange.content_type = content_type.to_owned();
        exchange.answer = answer;
    }

    /// Begins a websocket; its number.
    fn opened(&self, path: &str) -> usize {
        let mut record = self.shelf.lock().unwrap();
        record.sockets.push(Socket { path: path.to_owned(), frames: Vec::new() });
        record.sockets.len() - 1
    }

    fn said(&self, number: usize, who: &str, text: &str) {
        self.shelf.lock().unwrap().sockets[number].frames.push(format!("{who}: {text}"));
    }
}

async fn pass_on(request: HttpRequest, payload: Payload, wire: Data<Wire>) -> HttpResponse {
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let headers: Vec<_> = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let upgrade = headers.iter().any(|(name, value)| name == "upgrade" && value.eq_ignore_ascii_case("websocket"));
    let exchange = Exchange {
        method: request.method().to_string(),
        path: request.uri().to_string(),
        headers,
        ..Exchange::default()
    };
    if upgrade {
        connect(&request, payload, wire, exchange).await
    } else {
        forward(payload.to_bytes().await.unwrap(), &wire, exchange).await
    }
}

async fn forward(body: Bytes, wire: &Wire, exchange: Exchange) -> HttpResponse {
    let method: Method = exchange.method.parse().unwrap();
    let mut onward = wire.client.request(method, format!("{}{}", wire.server, exchange.path));
    for (name, value) in exchange.headers.iter().filter(|(name, _)| !NOT_PASSED_ON.contains(&name.as_str())) {
        onward = onward.header(name, value);
    }
    let number = wire.asked(Exchange { body: String::from_utf8_lossy(&body).into_owned(), ..exchange });
    let answer = onward.body(body).send().await.unwrap();
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
    let mut back = HttpResponse::build(status);
    let (mut kind, mut coding) = (String::new(), ContentEncoding::Identity);
    for (name, value) in answer.headers() {
        let value = value.to_str().unwrap();
        match name.as_str() {
            "content-type" => kind = value.to_owned(),
            "content-encoding" => coding = value.parse().unwrap(),
            _ => {}
        }
        if !NOT_PASSED_ON.contains(&name.as_str()) {
            back.append_header((name.as_str(), value));
        }
    }
    let bytes = answer.bytes().await.unwrap();
    wire.answered(number, status, &kind, decoded(bytes.clone(), coding).await);
    back.body(bytes)
}

/// What the client reads out of these bytes.
async fn decoded(bytes: Bytes, coding: ContentEncoding) -> String {
    let mut chunks = Decoder::new(stream::once(ready(Ok::<_, PayloadError>(bytes))), coding);
    let mut plain = Vec::new();
    while let Some(chunk) = chunks.next().await {
        plain.extend_from_slice(&chunk.unwrap());
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// The server hears of the client before the client hears of the server: who is connected is subscribed.
async fn connect(request: &HttpRequest, payload: Payload, wire: Data<Wire>, exchange: Exchange) -> HttpResponse {
    let path = exchange.path.clone();
    let number = wire.asked(exchange);
    match connect_async(format!("{}{path}", wire.server.replacen("http", "ws", 1))).await {
        Ok((server, _)) => {
            let (response, session, client) = actix_ws::handle(request, payload).unwrap();
            wire.answered(number, response.status(), "", String::new());
            let socket = wire.opened(&path);
            rt::spawn(converse(wire, socket, server, session, client));
            response
        }
        Err(Error::Http(refusal)) => {
            let status = StatusCode::from_u16(refusal.status().as_u16()).unwrap();
            let body = String::from_utf8_lossy(refusal.body().as_deref().unwrap_or_default()).into_owned();
            wire.answered(number, status, "", body.clone());
            HttpResponse::build(status).body(body)
        }
        Err(error) => panic!("{error}"),
    }
}

/// Listens to the server for as long as that speaks, even when the client has gone: what is on the way when a client
/// leaves must not depend on who is faster.
async fn converse(
    wire: Data<Wire>,
    number: usize,
    mut server: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: Session,
    mut client: MessageStream,
) {
    // for as long as the client is there
    let mut session = Some(session);
    loop {
        tokio::select! {
            heard = server.next() => match heard {
                Some(Ok(Message::Text(text))) => {
                    wire.said(number, "server", text.as_str());
                    if let Some(session) = &mut session {
                        drop(session.text(text.as_str().to_owned()).await);
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => {
                    say_goodbye(&mut session).await;
                    return;
                }
                Some(Ok(_)) => {}
            },
            heard = client.next(), if session.is_some() => match heard {
                Some(Ok(actix_ws::Message::Text(text))) => wire.said(number, "client", &text),
                Some(Ok(actix_ws::Message::Ping(bytes))) => {
                    if let Some(session) = &mut session {
                        drop(session.pong(&bytes).await);
                    }
                }
                Some(Ok(actix_ws::Message::Close(_)) | Err(_)) | None => say_goodbye(&mut session).await,
                Some(Ok(_)) => {}
            },
        }
    }
}

async fn say_goodbye(session: &mut Option<Session>) {
    if let Some(session) = session.take() {
        drop(session.close(None).await);
    }
}
