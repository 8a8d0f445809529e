//! Asking providers: with a time limit, without redirects, and never more than fits.

use std::time::Duration;

use oauth2::{HttpRequest, HttpResponse};
use reqwest::{Client, Response, header, redirect::Policy};
use serde::de::DeserializeOwned;

/// How long a provider may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take to be reached.
const CONNECT: Duration = Duration::from_secs(5);
/// The largest answer that is read, in bytes.
const ANSWER_MAX: usize = 1024 * 1024;

/// Why there is no answer: for people, without anything secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unreachable(pub(super) String);

/// An HTTP client. Cheap to clone.
#[derive(Clone)]
pub(super) struct Web(Result<Client, String>);

impl Web {
    pub(super) fn new() -> Self {
        let client = Client::builder()
            .timeout(PATIENCE)
            .connect_timeout(CONNECT)
            // an answer that leads elsewhere would carry codes and secrets there
            .redirect(Policy::none())
            // connections belong to the thread that opened them, and logins are rare
            .pool_max_idle_per_host(0)
            .user_agent(concat!("satchel/", env!("CARGO_PKG_VERSION")))
            .build();
        Self(client.map_err(|error| error.to_string()))
    }

    /// Reads a JSON document.
    pub(super) async fn get<T: DeserializeOwned>(&self, url: &str, bearer: Option<&str>) -> Result<T, Unreachable> {
        let mut request = self.client()?.get(url).header(header::ACCEPT, "application/json");
        if let Some(token) = bearer {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(Unreachable(format!("{url} answers {status}")));
        }
        let body = bounded(response).await?;
        serde_json::from_slice(&body).map_err(|error| Unreachable(format!("{url} answers something else: {error}")))
    }

    /// Sends a request of the OAuth client.
    pub(super) async fn call(&self, request: HttpRequest) -> Result<HttpResponse, Unreachable> {
        let (head, body) = request.into_parts();
        let sent = self.client()?.request(head.method, head.uri.to_string()).headers(head.headers).body(body).send();
        let response = sent.await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        if status.is_server_error() || status.is_redirection() {
            return Err(Unreachable(format!("its token endpoint answers {status}")));
        }
        let kind = response.headers().get(header::CONTENT_TYPE).cloned();
        let mut answer = HttpResponse::new(bounded(response).await?);
        *answer.status_mut() = status;
        if let Some(kind) = kind {
            answer.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        Ok(answer)
    }

    fn client(&self) -> Result<&Client, Unreachable> {
        self.0.as_ref().map_err(|error| Unreachable(error.clone()))
    }
}

async fn bounded(mut response: Response) -> Result<Vec<u8>, Unreachable> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
        if body.len() + chunk.len() > ANSWER_MAX {
            return Err(Unreachable(format!("its answer has more than {ANSWER_MAX} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What the client library says, down to the cause, without the URL's query.
fn unreachable(error: &reqwest::Error) -> Unreachable {
    let mut text = match error.url() {
        Some(url) => format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default()),
        None => "the provider".to_owned(),
    };
    text.push_str(if error.is_timeout() { " does not answer in time" } else { " cannot be reached" });
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if inner.source().is_none() {
            text.push_str(": ");
            text.push_str(&inner.to_string());
        }
        cause = inner.source();
    }
    Unreachable(text)
}
