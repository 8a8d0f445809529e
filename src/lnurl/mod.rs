//! LNURL and lightning addresses, both ways: what others offer is read, paid and logged into; what wallets here offer
//! is written.
//!
//! Services are strangers. They are asked through [`crate::outbound`] alone; what they answer is checked before any of
//! it is shown or paid; and whatever they say, it is the ledger that pays, an invoice whose amount was compared
//! with what the payer wanted.

pub mod action;
pub mod code;
mod fetch;
mod login;
mod pay;
pub mod serve;
mod withdraw;

use reqwest::Url;
use serde_json::{Map, Value};

pub use login::Key;
pub use pay::{Offer, Order, Saying};

use crate::{outbound::Outbound, settings::Settings};

/// Why nothing came of it. The text is for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LnurlError(pub String);

impl From<code::NotAnLnurl> for LnurlError {
    fn from(error: code::NotAnLnurl) -> Self {
        Self(error.to_string())
    }
}

/// Talks to LNURL services. Cheap to clone.
#[derive(Clone)]
pub struct Lnurl {
    outbound: Outbound,
    settings: Settings,
}

impl Lnurl {
    /// Puts it together.
    pub fn new(outbound: Outbound, settings: Settings) -> Self {
        Self { outbound, settings }
    }

    /// What is behind an LNURL: the service's own words, or those of the link where it is a login (LUD-04). With
    /// `strict`, the operator's rules of callbacks hold for it.
    ///
    /// # Errors
    /// When the text is no LNURL, or the service does not answer as one.
    pub async fn scan(&self, text: &str, strict: bool) -> Result<Map<String, Value>, LnurlError> {
        let url = code::read(text)?;
        let parameter =
            |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        if parameter("tag").as_deref() == Some("login") {
            let k1 = parameter("k1").filter(|k1| crate::domain::ids::array_from_hex::<32>(k1).is_some());
            let k1 = k1.ok_or_else(|| LnurlError("Invalid LNURL response.".to_owned()))?;
            if strict {
                self.check_callback(&url)?;
            }
            let login = [("tag", "login"), ("callback", url.as_str()), ("k1", k1.as_str())];
            return Ok(login.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect());
        }
        let mut offer = self.fetch(&url, fetch::OFFER_WAIT).await?;
        offer.retain(|_, value| !value.is_null());
        let callback = callback(&offer)?;
        if strict {
            self.check_callback(&callback)?;
        }
        match offer.get("tag").and_then(Value::as_str) {
            Some("payRequest") => drop(Offer::read(&offer)?),
            Some("withdrawRequest" | "channelRequest" | "hostedChannelRequest") => {}
            _ => return Err(LnurlError("Invalid LNURL response.".to_owned())),
        }
        Ok(offer)
    }
}

fn callback(offer: &Map<String, Value>) -> Result<Url, LnurlError> {
    let callback = offer.get("callback").or_else(|| offer.get("uri")).and_then(Value::as_str);
    let callback = callback.ok_or_else(|| LnurlError("Invalid LNURL response.".to_owned()))?;
    crate::outbound::target(callback).map_err(|error| LnurlError(fetch::words(error).to_owned()))
}
