//! Calls over HTTP whose failures say what they mean for money: nothing was sent, or nobody knows.

use std::{error::Error, time::Duration};

use futures_util::{Stream, StreamExt};
use reqwest::{
    Client, Method, RequestBuilder, StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::tls::Trust;
use crate::funding::{BadField, Outcome, SourceDown};

/// How long a connection may take to come about.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// How long a question may take.
pub const QUESTION_WAIT: Duration = Duration::from_secs(30);
/// Answers longer than this are nothing that a driver asked for.
const BODY_MAX: usize = 16 * 1024 * 1024;
/// Most that is repeated of somebody else's words.
const WORDS_MAX: usize = 300;

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Lost {
    /// Not a byte of the question left: no connection came about.
    #[error("{0}")]
    NotSent(String),
    /// The question may have arrived.
    #[error("{0}")]
    Unknown(String),
}

impl From<Lost> for SourceDown {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::NotSent(why) | Lost::Unknown(why) => Self(why),
        }
    }
}

impl Lost {
    /// What it means for an order to pay.
    pub fn of_order(self) -> Outcome {
        match self {
            Self::NotSent(why) => Outcome::NotSent(why),
            Self::Unknown(why) => Outcome::Unknown(why),
        }
    }

    /// What it means for a question about a payment, which is never an answer.
    pub fn of_question(self) -> Outcome {
        Outcome::Unknown(SourceDown::from(self).0)
    }
}

/// Somebody's HTTP interface.
#[derive(Clone)]
pub struct Api {
    client: Client,
    base: String,
    /// Who it is, for people.
    who: &'static str,
    headers: HeaderMap,
}

impl Api {
    /// Reaches `base` with these headers in every call; their values are secret.
    ///
    /// # Errors
    /// When a header cannot be one, or a certificate is none. The setting `field` is named.
    pub fn new(
        who: &'static str,
        base: &str,
        trust: &Trust,
        headers: &[(&'static str, String)],
        field: &'static str,
    ) -> Result<Self, BadField> {
        let mut secret = HeaderMap::new();
        for (name, value) in headers {
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| BadField::new(field, "it has letters that cannot be sent in a header"))?;
            value.set_sensitive(true);
            secret.insert(HeaderName::from_static(name), value);
        }
        let builder = Client::builder()
            .connect_timeout(CONNECT_WAIT)
            .redirect(Policy::none())
            .no_proxy()
            // a connection that the other side has closed meanwhile would be a question that may have arrived
            .pool_idle_timeout(Duration::from_secs(15))
            .tcp_nodelay(true)
            .user_agent(concat!("satchel/", env!("CARGO_PKG_VERSION")));
        let builder = match trust {
            Trust::Authorities => builder,
            Trust::Pinned(_) => {
                let config = trust.config().map_err(|why| BadField::new(field, why))?;
                builder.use_preconfigured_tls(config)
            }
        };
        let client = builder.build().map_err(|error| BadField::new(field, error.to_string()))?;
        Ok(Self { client, base: base.to_owned(), who, headers: secret })
    }

    /// Asks for something; the answer comes within [`QUESTION_WAIT`].
    ///
    /// # Errors
    /// When no answer came.
    pub async fn get(&self, path: &str) -> Result<Reply, Lost> {
        self.send(self.request(Method::GET, path).timeout(QUESTION_WAIT)).await
    }

    /// Sends JSON; the answer comes within [`QUESTION_WAIT`].
    ///
    /// # Errors
    /// When no answer came.
    pub async fn post<B: Serialize + Sync>(&self, path: &str, body: &B) -> Result<Reply, Lost> {
        self.send(self.request(Method::POST, path).json(body).timeout(QUESTION_WAIT)).await
    }

    /// Sends the fields of a form; the answer comes within [`QUESTION_WAIT`].
    ///
    /// # Errors
    /// When no answer came.
    pub async fn form(&self, path: &str, fields: &[(&str, String)]) -> Result<Reply, Lost> {
        self.send(self.request(Method::POST, path).form(fields).timeout(QUESTION_WAIT)).await
    }

    /// A call to be finished with [`Self::send`]; without a timeout it may take as long as it takes.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).headers(self.headers.clone())
    }

    /// Makes a call and reads the whole answer.
    ///
    /// # Errors
    /// When no answer came, or not all of it.
    pub async fn send(&self, request: RequestBuilder) -> Result<Reply, Lost> {
        let answer = request.send().await.map_err(|error| self.lost(&error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut chunks = answer.bytes_stream();
        let mut body = Vec::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| Lost::Unknown(self.why(&error)))?;
            if body.len().saturating_add(chunk.len()) > BODY_MAX {
                return Err(Lost::Unknown(format!("{} answered far too much", self.who)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { who: self.who, status, headers, body })
    }

    /// Makes a call whose answer is a line of JSON after the other, as they come.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn lines(
        &self,
        request: RequestBuilder,
    ) -> Result<impl Stream<Item = Result<Vec<u8>, Lost>> + Send + use<>, Lost> {
        let answer = request.send().await.map_err(|error| self.lost(&error))?;
        let status = answer.status();
        if !status.is_success() {
            let body = answer.bytes().await.map_err(|error| Lost::Unknown(self.why(&error)))?;
            let reply = Reply { who: self.who, status, headers: HeaderMap::new(), body: body.to_vec() };
            return Err(Lost::Unknown(reply.words()));
        }
        let who = self.who;
        let chunks = answer
            .bytes_stream()
            .map(move |chunk| chunk.map_err(|_| Lost::Unknown(format!("the connection to {who} was lost"))));
        Ok(split(chunks.boxed()))
    }

    fn lost(&self, error: &reqwest::Error) -> Lost {
        let why = self.why(error);
        // a request that could not be built has not left either
        if error.is_connect() || error.is_builder() { Lost::NotSent(why) } else { Lost::Unknown(why) }
    }

    /// What went wrong, without the address: it may hold what others should not read.
    fn why(&self, error: &reqwest::Error) -> String {
        if error.is_timeout() && !error.is_connect() {
            return format!("{} did not answer in time", self.who);
        }
        let mut deepest: &dyn Error = error;
        while let Some(source) = deepest.source() {
            deepest = source;
        }
        let what = if error.is_connect() { "cannot be reached" } else { "did not answer" };
        format!("{} {what}: {deepest}", self.who)
    }
}

/// Cuts what comes into lines.
fn split<S, B>(chunks: S) -> impl Stream<Item = Result<Vec<u8>, Lost>> + Send
where
    S: Stream<Item = Result<B, Lost>> + Send + Unpin,
    B: AsRef<[u8]>,
{
    futures_util::stream::unfold((chunks, Vec::new(), false), |(mut chunks, mut kept, over)| async move {
        if over {
            return None;
        }
        loop {
            if let Some(end) = kept.iter().position(|byte| *byte == b'\n') {
                let rest = kept.split_off(end.saturating_add(1));
                let line = std::mem::replace(&mut kept, rest);
                return Some((Ok(line), (chunks, kept, false)));
            }
            if kept.len() > BODY_MAX {
                return Some((Err(Lost::Unknown("a line of the stream is far too long".into())), (chunks, kept, true)));
            }
            match chunks.next().await {
                Some(Ok(chunk)) => kept.extend_from_slice(chunk.as_ref()),
                Some(Err(error)) => return Some((Err(error), (chunks, kept, true))),
                None => return None,
            }
        }
    })
}

/// An answer.
pub struct Reply {
    who: &'static str,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// All of its body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The answer as what a success looks like.
    ///
    /// # Errors
    /// When it tells of an error, or is something else.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, SourceDown> {
        if !self.status.is_success() {
            return Err(SourceDown(self.words()));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| SourceDown(format!("{} answered what cannot be read: {error}", self.who)))
    }

    /// The body as JSON, whatever the status; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// What went wrong, in the other side's words.
    pub fn words(&self) -> String {
        let json = self.json();
        let named = ["message", "error", "detail", "reason", "msg"].iter().find_map(|name| said(json.get(name)?));
        let text = named.unwrap_or_else(|| String::from_utf8_lossy(&self.body).trim().to_owned());
        let text: String = text.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect();
        let hint = match self.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => " (are the credentials right?)",
            _ => "",
        };
        format!("{} answered {}{hint}: {text}", self.who, self.status.as_u16())
    }
}

fn said(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(inner) => ["message", "detail", "reason"].iter().find_map(|name| said(inner.get(*name)?)),
        _ => None,
    }
}
