//! Requests to addresses that somebody else chose: webhooks, LNURLs, lightning addresses.
//!
//! Whoever lets strangers name an address lets them knock at the doors of the server's own network, unless each
//! address is looked at before a byte is sent. Here it is looked at where names become addresses: the client connects
//! to what was checked and to nothing else, whatever the name means a moment later. Redirects are followed by hand,
//! each under the same rules; answers and patience are bounded.

mod address;
mod callback;

use std::{error::Error, fmt, net::IpAddr, sync::OnceLock, time::Duration};

pub use callback::{NotAllowed, check_callback};
use reqwest::{
    Client, Method, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{HeaderMap, LOCATION},
    redirect::Policy,
};

use self::address::is_global;

/// The longest address, in bytes.
const URL_MAX: usize = 4096;
/// Redirects that are followed at most.
const REDIRECTS_MAX: usize = 3;
/// The name that this server gives itself.
const AGENT: &str = concat!("Satchel/", env!("CARGO_PKG_VERSION"));

/// What an address may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Only what the whole world reaches.
    World,
    /// Only what it does not: loopback, private and local networks.
    Near,
    /// Anything.
    Anywhere,
}

/// How a request is made.
#[derive(Debug, Clone)]
pub struct Manner {
    /// May it lead to addresses that are not the whole world's?
    pub allow_private: bool,
    /// Is plain http accepted wherever it leads? If not, it is where private addresses are, and only there.
    pub plain_http: bool,
    /// Expressions of which one has to match the whole of an address that a redirect leads to; none for none.
    pub redirects: Vec<String>,
    /// How long all of it may take.
    pub patience: Duration,
    /// The largest answer, in bytes.
    pub answer_max: usize,
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer. Texts are for people and name no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// It is no address at all, or too long.
    #[error("It is not an address.")]
    Unreadable,
    /// A user name or a password stands in it.
    #[error("The address includes credentials.")]
    Credentials,
    /// It names no host.
    #[error("The address names no host.")]
    Hostless,
    /// It is neither http nor https.
    #[error("The address is neither http nor https.")]
    Scheme,
    /// The name leads nowhere.
    #[error("The host's name could not be resolved.")]
    Unresolved,
    /// Plain http to where that is not accepted.
    #[error("The address asks for https.")]
    Plain,
    /// It leads into a network that is not the whole world's.
    #[error("The address leads to a private network.")]
    Private,
    /// A redirect that is not allowed, or one too many.
    #[error("It redirects to where that is not allowed.")]
    Redirect,
    /// The answer is too large.
    #[error("The answer is too large.")]
    TooLarge,
    /// It took too long.
    #[error("There was no answer in time.")]
    Late,
    /// The connection failed.
    #[error("The connection failed.")]
    Failed,
}

impl NoAnswer {
    /// True when certainly nothing was sent.
    pub fn before_sending(self) -> bool {
        !matches!(self, Self::Redirect | Self::TooLarge | Self::Late | Self::Failed)
    }
}

/// Asks for an address.
///
/// # Errors
/// When it is not allowed or does not answer as it should.
pub async fn get(url: &str, manner: &Manner) -> Result<Answer, NoAnswer> {
    bounded(send(Method::GET, url, HeaderMap::new(), Vec::new(), manner), manner).await
}

/// Sends something to an address. Redirects are not followed.
///
/// # Errors
/// When it is not allowed or does not answer as it should.
pub async fn post(url: &str, headers: HeaderMap, body: Vec<u8>, manner: &Manner) -> Result<Answer, NoAnswer> {
    bounded(send(Method::POST, url, headers, body, manner), manner).await
}

async fn bounded(request: impl Future<Output = Result<Answer, NoAnswer>>, manner: &Manner) -> Result<Answer, NoAnswer> {
    tokio::time::timeout(manner.patience, request).await.unwrap_or(Err(NoAnswer::Late))
}

async fn send(
    method: Method,
    url: &str,
    headers: HeaderMap,
    body: Vec<u8>,
    manner: &Manner,
) -> Result<Answer, NoAnswer> {
    let mut url = read(url)?;
    for _ in 0..=REDIRECTS_MAX {
        let client = client(reach(&url, manner)?)?;
        let request = client.request(method.clone(), url.clone()).headers(headers.clone()).body(body.clone());
        let response = request.send().await.map_err(|error| reason(&error))?;
        if method == Method::GET && response.status().is_redirection() {
            let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok()).ok_or(NoAnswer::Redirect)?;
            let to = url.join(to).map_err(|_| NoAnswer::Redirect)?;
            if !manner.redirects.iter().any(|rule| callback::matches(rule, to.as_str())) {
                return Err(NoAnswer::Redirect);
            }
            url = read(to.as_str())?;
            continue;
        }
        return answer(response, manner.answer_max).await;
    }
    Err(NoAnswer::Redirect)
}

async fn answer(mut response: reqwest::Response, most: usize) -> Result<Answer, NoAnswer> {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| reason(&error))? {
        if body.len().saturating_add(chunk.len()) > most {
            return Err(NoAnswer::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, body })
}

/// Reads an address that may be asked for.
///
/// # Errors
/// Why it may not.
pub fn read(url: &str) -> Result<Url, NoAnswer> {
    if url.len() > URL_MAX {
        return Err(NoAnswer::Unreadable);
    }
    let url = Url::parse(url).map_err(|_| NoAnswer::Unreadable)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(NoAnswer::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(NoAnswer::Credentials);
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(NoAnswer::Hostless);
    }
    Ok(url)
}

/// What this address may lead to. Those that are numbers already are looked at here: no name is resolved for them.
fn reach(url: &Url, manner: &Manner) -> Result<Reach, NoAnswer> {
    let plain = url.scheme() == "http" && !manner.plain_http;
    let reach = match (manner.allow_private, plain) {
        (false, true) => return Err(NoAnswer::Plain),
        (true, true) => Reach::Near,
        (true, false) => Reach::Anywhere,
        (false, false) => Reach::World,
    };
    let number: Option<IpAddr> =
        url.host_str().and_then(|host| host.trim_start_matches('[').trim_end_matches(']').parse().ok());
    match number {
        Some(address) => allowed(reach, address).map(|()| reach),
        None => Ok(reach),
    }
}

fn allowed(reach: Reach, address: IpAddr) -> Result<(), NoAnswer> {
    match (reach, is_global(address)) {
        (Reach::Anywhere, _) | (Reach::World, true) | (Reach::Near, false) => Ok(()),
        (Reach::World, false) => Err(NoAnswer::Private),
        (Reach::Near, true) => Err(NoAnswer::Plain),
    }
}

/// One client for each reach: what was connected under one is not used under another.
fn client(reach: Reach) -> Result<&'static Client, NoAnswer> {
    static CLIENTS: [OnceLock<Option<Client>>; 3] = [OnceLock::new(), OnceLock::new(), OnceLock::new()];
    let [world, near, anywhere] = &CLIENTS;
    let slot = match reach {
        Reach::World => world,
        Reach::Near => near,
        Reach::Anywhere => anywhere,
    };
    let build = || {
        let builder = Client::builder().no_proxy().redirect(Policy::none()).user_agent(AGENT);
        builder
            .dns_resolver(std::sync::Arc::new(Checked(reach)))
            .pool_idle_timeout(Duration::from_secs(30))
            .build()
            .ok()
    };
    slot.get_or_init(build).as_ref().ok_or(NoAnswer::Failed)
}

/// Resolves names to addresses that may be connected to; one that may not spoils the name.
struct Checked(Reach);

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(|_| Bad(NoAnswer::Unresolved))?;
            let found: Vec<_> = found.collect();
            if found.is_empty() {
                return Err(Bad(NoAnswer::Unresolved).into());
            }
            for address in &found {
                allowed(reach, address.ip()).map_err(Bad)?;
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

/// A reason on its way through the client's own errors.
#[derive(Debug)]
struct Bad(NoAnswer);

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Bad {}

fn reason(error: &reqwest::Error) -> NoAnswer {
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(Bad(reason)) = error.downcast_ref() {
            return *reason;
        }
        source = error.source();
    }
    if error.is_timeout() { NoAnswer::Late } else { NoAnswer::Failed }
}

#[cfg(test)]
mod tests;
