//! Websockets to a source.

use std::{sync::Arc, time::Duration};

use tokio::net::TcpStream;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{
        client::IntoClientRequest,
        http::{HeaderName, HeaderValue},
    },
};

use super::tls::Trust;
use crate::funding::SourceDown;

/// How long a connection may take to come about.
const CONNECT_WAIT: Duration = Duration::from_secs(15);

/// An open websocket.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens a websocket.
///
/// # Errors
/// When it cannot be opened; the text names `who`, never the address or a header.
pub async fn connect(
    who: &str,
    url: &str,
    trust: &Trust,
    headers: &[(&'static str, String)],
) -> Result<Socket, SourceDown> {
    let down = |what: &dyn std::fmt::Display| SourceDown(format!("the websocket of {who} cannot be opened: {what}"));
    let mut request = url.into_client_request().map_err(|error| down(&error))?;
    for (name, value) in headers {
        let mut value = HeaderValue::from_str(value).map_err(|error| down(&error))?;
        value.set_sensitive(true);
        request.headers_mut().insert(HeaderName::from_static(name), value);
    }
    let config = trust.config().map_err(|error| down(&error))?;
    let connector = Connector::Rustls(Arc::new(config));
    let opening = connect_async_tls_with_config(request, None, true, Some(connector));
    match tokio::time::timeout(CONNECT_WAIT, opening).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(error)) => Err(down(&error)),
        Err(_) => Err(down(&"it took too long")),
    }
}

/// The address of a websocket beside an address over HTTP.
pub fn beside(http: &str) -> String {
    match http.split_once("://") {
        Some(("https", rest)) => format!("wss://{rest}"),
        Some((_, rest)) => format!("ws://{rest}"),
        None => format!("ws://{http}"),
    }
}
