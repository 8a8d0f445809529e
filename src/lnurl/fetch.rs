//! Asking LNURL services, and what they answer.

use std::time::Duration;

use reqwest::Url;
use serde_json::{Map, Value};

use super::{Lnurl, LnurlError};
use crate::outbound::{OutboundError, Policy, Request, Rules, check_callback};

/// The longest answer, in bytes.
const BODY_MAX: usize = 256 * 1024;
/// How long a service may take to say what it offers.
pub(super) const OFFER_WAIT: Duration = Duration::from_secs(5);
/// How long it may take to issue or to pay an invoice.
pub(super) const CALLBACK_WAIT: Duration = Duration::from_secs(10);
/// The longest reason of a service's that is passed on, in characters.
const REASON_MAX: usize = 400;

impl Lnurl {
    /// Asks a service; its answer is an object which is not an error.
    pub(super) async fn fetch(&self, url: &Url, timeout: Duration) -> Result<Map<String, Value>, LnurlError> {
        let answer = self.fetch_any(url, timeout).await?;
        let status = answer.get("status").and_then(Value::as_str).unwrap_or_default();
        if status.eq_ignore_ascii_case("error") {
            return Err(LnurlError(reason(&answer)));
        }
        Ok(answer)
    }

    /// The same; the answer may be an error.
    pub(super) async fn fetch_any(&self, url: &Url, timeout: Duration) -> Result<Map<String, Value>, LnurlError> {
        let policy = {
            let limits = self.settings.limits();
            Policy {
                allow_private: limits.lnurl.allow_private,
                plain_http: false,
                max_body: BODY_MAX,
                timeout,
                redirects: Rules::read(limits.lnurl.redirect_rules.iter().map(String::as_str)),
            }
        };
        let reply = self.outbound.send(&policy, Request::get(url.as_str())).await;
        let reply = reply.map_err(|error| LnurlError(words(error).to_owned()))?;
        match serde_json::from_slice(&reply.body) {
            // some say what is wrong with a status beside
            Ok(Value::Object(answer)) if reply.is_success() || answer.contains_key("reason") => Ok(answer),
            _ if !reply.is_success() => Err(LnurlError("LNURL request failed.".to_owned())),
            _ => Err(LnurlError("Invalid LNURL response.".to_owned())),
        }
    }

    /// May a callback go there, as the operator's rules say?
    pub(super) fn check_callback(&self, url: &Url) -> Result<(), LnurlError> {
        let rules = &self.settings.limits().callbacks;
        check_callback(url.as_str(), rules).map_err(|not| LnurlError(not.to_string()))
    }
}

fn reason(answer: &Map<String, Value>) -> String {
    let reason = answer.get("reason").and_then(Value::as_str).unwrap_or_default();
    let reason: String = reason.chars().filter(|c| !c.is_control()).take(REASON_MAX).collect();
    if reason.is_empty() { "LNURL request failed.".to_owned() } else { reason }
}

/// What people are told.
pub(super) fn words(error: OutboundError) -> &'static str {
    match error {
        OutboundError::InvalidUrl | OutboundError::InvalidHeader => "Invalid LNURL request URL.",
        OutboundError::Credentials => "LNURL request URL must not include credentials.",
        OutboundError::NoHost => "LNURL request target hostname is missing.",
        OutboundError::Scheme => "LNURL request URL scheme must be HTTP or HTTPS.",
        OutboundError::Port => "LNURL request target port is invalid.",
        OutboundError::PlainHttp => "LNURL request target is not allowed over HTTP.",
        OutboundError::Private => "LNURL request target resolves to a private or non-global IP address.",
        OutboundError::Redirect => "LNURL redirect was not allowed.",
        OutboundError::Unresolved => "LNURL request target could not be resolved.",
        OutboundError::TooLarge => "LNURL response is too large.",
        OutboundError::Late | OutboundError::Unreachable => "LNURL request failed.",
    }
}
