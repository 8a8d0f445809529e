//! Paying what a service offers (LUD-06), with a comment (LUD-12), with what it asks of its payers (LUD-18) and what it
//! says afterwards (LUD-09, LUD-10).

use reqwest::Url;
use serde_json::{Map, Value};

use super::{Lnurl, LnurlError, callback, code, fetch};
use crate::domain::{
    Msat, bolt11,
    payer::{Wanted, commitment},
};
use lightning_invoice::Bolt11InvoiceDescriptionRef;

/// The longest success action that is kept, in bytes of JSON.
const ACTION_MAX: usize = 8 * 1024;

/// What a service wants to be paid.
#[derive(Debug, Clone)]
pub struct Offer {
    callback: Url,
    min: Msat,
    max: Msat,
    metadata: String,
    /// In plain words.
    text: String,
    comment_max: usize,
    /// What it asks of the payer (LUD-18), or the name of something that it insists on and that nobody here tells.
    payer: Result<Wanted, String>,
}

/// What the payer says with his payment.
#[derive(Debug, Clone, Copy)]
pub struct Saying<'a> {
    /// A comment (LUD-12).
    pub comment: Option<&'a str>,
    /// What he is ready to tell of himself (LUD-18), by its names there. Nothing is told that is not asked for.
    pub payer: &'a Map<String, Value>,
}

/// An invoice that a service issued, checked and not paid yet.
#[derive(Debug, Clone)]
pub struct Order {
    /// The payment request.
    pub bolt11: String,
    /// What it is for, in the service's words.
    pub memo: String,
    /// What the service wants to say once it is paid, as JSON.
    pub success_action: Option<String>,
    /// Does the service say that the link can be used again?
    pub lasting: bool,
}

impl Offer {
    /// Reads what a service answered.
    ///
    /// # Errors
    /// When it is not a complete offer.
    pub fn read(offer: &Map<String, Value>) -> Result<Self, LnurlError> {
        let invalid = || LnurlError("Invalid LNURL-pay response.".to_owned());
        if offer.get("tag").and_then(Value::as_str) != Some("payRequest") {
            return Err(LnurlError("Invalid LNURL response. Expected LnurlPayResponse.".to_owned()));
        }
        let amount = |name: &str| offer.get(name).and_then(Value::as_i64).filter(|msat| *msat > 0).map(Msat);
        let (min, max) = amount("minSendable").zip(amount("maxSendable")).ok_or_else(invalid)?;
        let metadata = offer.get("metadata").and_then(Value::as_str).ok_or_else(invalid)?;
        let entries: Vec<Value> = serde_json::from_str(metadata).map_err(|_| invalid())?;
        let text = entries.iter().find_map(|entry| match entry.as_array()?.as_slice() {
            [Value::String(kind), Value::String(text), ..] if kind == "text/plain" => Some(text.clone()),
            _ => None,
        });
        let comment_max = offer.get("commentAllowed").and_then(Value::as_u64).unwrap_or(0);
        if min > max {
            return Err(invalid());
        }
        Ok(Self {
            callback: callback(offer)?,
            min,
            max,
            metadata: metadata.to_owned(),
            text: text.ok_or_else(invalid)?,
            comment_max: usize::try_from(comment_max).unwrap_or(usize::MAX),
            payer: Wanted::offered(offer.get("payerData")),
        })
    }

    /// What the service is told of the payer, as JSON.
    fn told(&self, ready: &Map<String, Value>) -> Result<Option<String>, LnurlError> {
        let wanted = self.payer.as_ref().map_err(|name| {
            LnurlError(format!("This service insists on {name:?} of its payers, which cannot be told from here."))
        })?;
        let text = |wrong| LnurlError(format!("This service asks who pays, in payer_data: {wrong}."));
        wanted.told(ready).map_err(text)
    }

    /// Where the invoice is asked for, once amount and comment were found to fit.
    fn question(&self, amount: Msat, comment: Option<&str>, told: Option<&str>) -> Result<Url, LnurlError> {
        if amount < self.min || amount > self.max {
            let (amount, min, max) = (amount.0, self.min.0, self.max.0);
            return Err(LnurlError(format!("Amount {amount} not in range {min} - {max}")));
        }
        let mut url = self.callback.clone();
        url.query_pairs_mut().append_pair("amount", &amount.0.to_string());
        if let Some(comment) = comment {
            let length = comment.chars().count();
            if length > self.comment_max {
                let max = self.comment_max;
                return Err(LnurlError(format!("Comment length {length} exceeds allowed length {max}")));
            }
            url.query_pairs_mut().append_pair("comment", comment);
        }
        if let Some(told) = told {
            url.query_pairs_mut().append_pair("payerdata", told);
        }
        Ok(url)
    }

    /// Reads the invoice, and whether it is what was asked for.
    fn accept(&self, answer: &Map<String, Value>, amount: Msat, told: Option<&str>) -> Result<Order, LnurlError> {
        let invalid = || LnurlError("Invalid invoice in LNURL response.".to_owned());
        let pr = answer.get("pr").and_then(Value::as_str).ok_or_else(invalid)?;
        let invoice = bolt11::parse(pr).map_err(|_| invalid())?;
        if invoice.amount != Some(amount) {
            return Err(LnurlError("LNURL service returned an invalid invoice amount.".to_owned()));
        }
        // services that put a plain description into the invoice are many; one that commits must commit to this
        if let Bolt11InvoiceDescriptionRef::Hash(hash) = invoice.parsed.description() {
            let committed: &[u8] = hash.0.as_ref();
            if committed != commitment(&self.metadata, told) {
                return Err(LnurlError("LNURL service returned an invoice for another description.".to_owned()));
            }
        }
        let action = answer.get("successAction").filter(|action| self.is_action(action));
        Ok(Order {
            bolt11: invoice.text,
            memo: self.text.clone(),
            success_action: action.map(Value::to_string).filter(|action| action.len() <= ACTION_MAX),
            lasting: answer.get("disposable") == Some(&Value::Bool(false)),
        })
    }

    /// A message, a place of the same service's, or something sealed: nothing else is kept.
    fn is_action(&self, action: &Value) -> bool {
        let text = |name: &str| action.get(name).and_then(Value::as_str);
        let has = |name: &str, most: usize| text(name).is_some_and(|text| text.chars().count() <= most);
        match action.get("tag").and_then(Value::as_str) {
            Some("message") => has("message", 144),
            Some("url") => {
                let url = action.get("url").and_then(Value::as_str).and_then(|url| crate::outbound::target(url).ok());
                has("description", 144) && url.is_some_and(|url| url.host_str() == self.callback.host_str())
            }
            Some("aes") => {
                has("description", 144) && has("ciphertext", 4096) && text("iv").is_some_and(|iv| iv.len() == 24)
            }
            _ => false,
        }
    }
}

impl Lnurl {
    /// Asks the service behind an LNURL what it offers.
    ///
    /// # Errors
    /// When the text is no LNURL, or the service offers nothing to pay.
    pub async fn offer(&self, text: &str) -> Result<Offer, LnurlError> {
        Offer::read(&self.fetch(&code::read(text)?, fetch::OFFER_WAIT).await?)
    }

    /// Has the service issue an invoice over exactly this amount.
    ///
    /// # Errors
    /// When amount or comment do not fit the offer, it asks more of the payer than he tells, or the invoice is not what
    /// was asked for.
    pub async fn order(&self, offer: &Offer, amount: Msat, says: Saying<'_>) -> Result<Order, LnurlError> {
        let told = offer.told(says.payer)?;
        let url = offer.question(amount, says.comment.filter(|comment| !comment.is_empty()), told.as_deref())?;
        offer.accept(&self.fetch(&url, fetch::CALLBACK_WAIT).await?, amount, told.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "a JSON literal is a value")]
    fn offer(change: Value) -> Result<Offer, LnurlError> {
        let mut offer = json!({
            "tag": "payRequest", "callback": "https://service.com/cb?id=1", "minSendable": 1000, "maxSendable": 5000,
            "metadata": "[[\"text/plain\", \"tea\"]]", "commentAllowed": 3,
        });
        offer.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        Offer::read(offer.as_object().unwrap())
    }

    #[test]
    fn amount_and_comment_must_fit_the_offer() {
        let offer = offer(json!({})).unwrap();
        let url =
            |amount, comment| offer.question(Msat(amount), comment, None).map(String::from).map_err(|error| error.0);
        assert_eq!(url(1000, None).as_deref(), Ok("https://service.com/cb?id=1&amount=1000"));
        assert_eq!(url(5000, Some("é&b")).as_deref(), Ok("https://service.com/cb?id=1&amount=5000&comment=%C3%A9%26b"));
        assert_eq!(url(999, None).unwrap_err(), "Amount 999 not in range 1000 - 5000");
        assert_eq!(url(5001, None).unwrap_err(), "Amount 5001 not in range 1000 - 5000");
        assert_eq!(url(1000, Some("abcd")).unwrap_err(), "Comment length 4 exceeds allowed length 3");
    }

    #[test]
    fn an_offer_is_whole_or_none() {
        for change in [
            json!({ "minSendable": 0 }),
            json!({ "minSendable": 6000 }),
            json!({ "maxSendable": "5000" }),
            json!({ "metadata": "tea" }),
            json!({ "metadata": "[[\"text/identifier\", \"a@b\"]]" }),
            json!({ "callback": "ftp://service.com/" }),
            json!({ "callback": "https://a:b@service.com/" }),
            json!({ "callback": null }),
            json!({ "tag": "withdrawRequest" }),
        ] {
            assert!(offer(change.clone()).is_err(), "{change}");
        }
    }

    #[test]
    fn actions_are_kept_as_far_as_they_are_the_services_own() {
        let offer = offer(json!({})).unwrap();
        for good in [
            json!({ "tag": "message", "message": "thanks" }),
            json!({ "tag": "url", "description": "see", "url": "https://service.com/order/1" }),
            json!({ "tag": "aes", "description": "code", "ciphertext": "AAAA", "iv": "A".repeat(24) }),
        ] {
            assert!(offer.is_action(&good), "{good}");
        }
        for bad in [
            json!(null),
            json!({ "tag": "script", "message": "thanks" }),
            json!({ "tag": "message", "message": "x".repeat(145) }),
            json!({ "tag": "url", "description": "see", "url": "https://other.com/order/1" }),
            json!({ "tag": "url", "description": "see", "url": "javascript:alert(1)" }),
            json!({ "tag": "aes", "description": "code", "ciphertext": "A".repeat(4097), "iv": "A".repeat(24) }),
        ] {
            assert!(!offer.is_action(&bad), "{bad}");
        }
    }
}
