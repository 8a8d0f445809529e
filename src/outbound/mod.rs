//! Requests to servers that somebody else named: LNURL services, lightning addresses, webhooks.
//!
//! Why one door: whoever may name a URL may name one inside the operator's network, or one that never ends. So all
//! such requests go through here, and each is checked in the same way:
//!
//! * the URL is `https`, or `http` where that is allowed (to private addresses, or for callbacks to any), and has no
//!   credentials in it;
//! * the host's name is looked up once, **every** address found must be allowed, and the connection goes to exactly
//!   these addresses, so that a name which changes its meaning in between leads nowhere else. Proxies of the
//!   environment are not used;
//! * one time limit holds for everything: the look-up, redirects, and the body to its last byte;
//! * the body is read up to a bound and not one byte beyond; nothing is unpacked;
//! * redirects are followed by hand, for GET alone, where a rule of the operator's fits each target, which is then
//!   checked like the first URL. Headers of the caller's stay with the origin that they were meant for.
//!
//! # The public shape
//!
//! ```text
//! let outbound = Outbound::new();                            // cheap to clone; keeps no connections
//! let policy = Policy { allow_private: settings…, ..Policy::default() };
//! let request = Request::get(url);
//! let request = Request::post(url, json_bytes).header("LNbits-Signature", "t=…,v1=…");
//! let reply: Reply = outbound.send(&policy, request).await?; // Reply { status: u16, headers, body: Vec<u8> }
//! ```
//!
//! A reply with any status is a [`Reply`]; an [`OutboundError`] says that there is none. Its text never has the URL
//! in it and may be shown. [`OutboundError::is_refusal`] tells what will not become better by trying again.

mod address;
mod callback;
mod rules;
#[cfg(test)]
mod tests;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

pub use address::Reach;
pub use callback::{NotAllowed, check_callback};
use futures_util::future::BoxFuture;
use reqwest::{
    Client, Method, Response, StatusCode, Url,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
pub use rules::Rules;

/// Redirects that are followed at most.
const REDIRECTS_MAX: usize = 3;
/// URLs longer than this are refused, in bytes.
const URL_MAX: usize = 8 * 1024;

/// What a request may do. The default may do least.
#[derive(Debug, Clone)]
pub struct Policy {
    /// May it go to private addresses, and to those without encryption?
    pub allow_private: bool,
    /// May it go without encryption anywhere?
    pub plain_http: bool,
    /// The longest body of a reply, in bytes.
    pub max_body: usize,
    /// How long all of it may take.
    pub timeout: Duration,
    /// Where a GET may be redirected to. Without rules nowhere.
    pub redirects: Rules,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            allow_private: false,
            plain_http: false,
            max_body: 256 * 1024,
            timeout: Duration::from_secs(5),
            redirects: Rules::none(),
        }
    }
}

/// What is to be asked.
pub struct Request {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    /// A GET.
    pub fn get(url: impl Into<String>) -> Self {
        Self { method: Method::GET, url: url.into(), headers: Vec::new(), body: None }
    }

    /// A POST of a JSON document. It is never redirected.
    pub fn post(url: impl Into<String>, json: Vec<u8>) -> Self {
        Self { method: Method::POST, url: url.into(), headers: Vec::new(), body: Some(json) }
    }

    /// With a header more. One that cannot be sent makes the request fail.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// What the server said.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Reply {
    /// True for 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why there is no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// It cannot be read.
    #[error("The URL is invalid.")]
    InvalidUrl,
    /// A name or a password in it.
    #[error("The URL must not include credentials.")]
    Credentials,
    /// No host in it.
    #[error("The URL has no hostname.")]
    NoHost,
    /// Neither http nor https.
    #[error("The URL's scheme must be HTTP or HTTPS.")]
    Scheme,
    /// Its port is none.
    #[error("The URL's port is invalid.")]
    Port,
    /// A header cannot be sent.
    #[error("A header of the request is invalid.")]
    InvalidHeader,
    /// Not encrypted, to where it has to be.
    #[error("The target is not allowed over HTTP.")]
    PlainHttp,
    /// An address that is not allowed.
    #[error("The target resolves to a private or non-global IP address.")]
    Private,
    /// A redirect that no rule allows, or one too many.
    #[error("The redirect was not allowed.")]
    Redirect,
    /// Nobody knows its name.
    #[error("The target could not be resolved.")]
    Unresolved,
    /// More than the bound.
    #[error("The response is too large.")]
    TooLarge,
    /// Not whole within the time limit.
    #[error("The target does not answer in time.")]
    Late,
    /// It could not be reached, or broke off.
    #[error("The target cannot be reached.")]
    Unreachable,
}

impl OutboundError {
    /// True where the request as such is not allowed: trying again changes nothing as long as the target stays.
    pub fn is_refusal(self) -> bool {
        !matches!(self, Self::Unresolved | Self::TooLarge | Self::Late | Self::Unreachable)
    }
}

/// Looks a host's name up: every address that it has, with the port.
type Resolve = dyn Fn(String, u16) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> + Send + Sync;

/// The guarded client. Cheap to clone.
#[derive(Clone)]
pub struct Outbound {
    resolve: Arc<Resolve>,
}

impl Default for Outbound {
    fn default() -> Self {
        Self::new()
    }
}

impl Outbound {
    /// Asks the system for names.
    pub fn new() -> Self {
        Self::with_resolver(|host, port| {
            Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
        })
    }

    /// Asks somebody else for names.
    pub fn with_resolver(
        resolve: impl Fn(String, u16) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> + Send + Sync + 'static,
    ) -> Self {
        Self { resolve: Arc::new(resolve) }
    }

    /// Sends a request and reads the whole reply.
    ///
    /// # Errors
    /// When the policy does not allow it, or there is no whole reply within its bounds.
    pub async fn send(&self, policy: &Policy, request: Request) -> Result<Reply, OutboundError> {
        let whole = Box::pin(self.follow(policy, request));
        tokio::time::timeout(policy.timeout, whole).await.unwrap_or(Err(OutboundError::Late))
    }

    async fn follow(&self, policy: &Policy, request: Request) -> Result<Reply, OutboundError> {
        let mut url = target(&request.url)?;
        let mut headers = headers(&request)?;
        let mut hops = 0;
        loop {
            let response = self.ask(policy, &request, &url, headers.clone()).await?;
            let Some(next) = redirect(&url, &response)? else {
                return read(policy, response).await;
            };
            if request.method != Method::GET || hops == REDIRECTS_MAX || !policy.redirects.allow(&next) {
                return Err(OutboundError::Redirect);
            }
            if next.origin() != url.origin() {
                headers.clear();
            }
            url = target(next.as_str())?;
            hops += 1;
        }
    }

    /// One request to one URL, at addresses that were checked.
    async fn ask(
        &self,
        policy: &Policy,
        request: &Request,
        url: &Url,
        headers: HeaderMap,
    ) -> Result<Response, OutboundError> {
        let addresses = self.addresses(policy, url).await?;
        // a client of its own: what one request was allowed must not be another's connection
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .user_agent(concat!("satchel/", env!("CARGO_PKG_VERSION")));
        let client = match url.domain() {
            Some(name) => client.resolve_to_addrs(name, &addresses),
            None => client,
        };
        let client = client.build().map_err(|_| OutboundError::Unreachable)?;
        let mut asked = client.request(request.method.clone(), url.clone()).headers(headers);
        if let Some(body) = &request.body {
            asked = asked.body(body.clone());
        }
        asked.send().await.map_err(|_| OutboundError::Unreachable)
    }

    /// Where the URL leads, each address checked.
    async fn addresses(&self, policy: &Policy, url: &Url) -> Result<Vec<SocketAddr>, OutboundError> {
        let port = url.port_or_known_default().filter(|port| *port != 0).ok_or(OutboundError::Port)?;
        let host = url.host_str().ok_or(OutboundError::NoHost)?;
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let addresses = match literal {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => (self.resolve)(host.to_owned(), port).await.map_err(|_| OutboundError::Unresolved)?,
        };
        if addresses.is_empty() {
            return Err(OutboundError::Unresolved);
        }
        for address in &addresses {
            match Reach::of(address.ip()) {
                Reach::Global if url.scheme() == "http" && !policy.plain_http => return Err(OutboundError::PlainHttp),
                Reach::Private if !policy.allow_private => return Err(OutboundError::Private),
                Reach::Never => return Err(OutboundError::Private),
                Reach::Global | Reach::Private => {}
            }
        }
        Ok(addresses)
    }
}

/// Reads a URL and checks what can be checked without asking anybody.
///
/// # Errors
/// What is wrong with it.
pub fn target(text: &str) -> Result<Url, OutboundError> {
    if text.len() > URL_MAX {
        return Err(OutboundError::InvalidUrl);
    }
    let url = Url::parse(text).map_err(|error| match error.to_string().as_str() {
        "invalid port number" => OutboundError::Port,
        "empty host" => OutboundError::NoHost,
        _ => OutboundError::InvalidUrl,
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(OutboundError::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(OutboundError::Credentials);
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(OutboundError::NoHost);
    }
    if url.port() == Some(0) {
        return Err(OutboundError::Port);
    }
    Ok(url)
}

fn headers(request: &Request) -> Result<HeaderMap, OutboundError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    if request.body.is_some() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    for (name, value) in &request.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| OutboundError::InvalidHeader)?;
        // these say where a message ends and whom it is for: the client writes them
        if matches!(name, header::HOST | header::CONTENT_LENGTH | header::TRANSFER_ENCODING | header::CONNECTION) {
            return Err(OutboundError::InvalidHeader);
        }
        let value = HeaderValue::from_str(value).map_err(|_| OutboundError::InvalidHeader)?;
        headers.insert(name, value);
    }
    Ok(headers)
}

/// Where the response sends the caller on, if it does.
fn redirect(from: &Url, response: &Response) -> Result<Option<Url>, OutboundError> {
    let moved = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    if !moved {
        return Ok(None);
    }
    let place = response.headers().get(header::LOCATION).and_then(|place| place.to_str().ok());
    let place = place.and_then(|place| from.join(place).ok());
    place.map(Some).ok_or(OutboundError::Redirect)
}

async fn read(policy: &Policy, mut response: Response) -> Result<Reply, OutboundError> {
    let announced = response
        .content_length()
        .is_some_and(|length| usize::try_from(length).map_or(true, |length| length > policy.max_body));
    if announced {
        return Err(OutboundError::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| OutboundError::Unreachable)? {
        if body.len().saturating_add(chunk.len()) > policy.max_body {
            return Err(OutboundError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status: response.status().as_u16(), headers: response.headers().clone(), body })
}
