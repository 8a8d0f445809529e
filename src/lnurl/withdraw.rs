//! Asking a service to pay an invoice (LUD-03).

use serde_json::Value;

use super::{Lnurl, LnurlError, callback, code, fetch};
use crate::domain::{Msat, bolt11};

impl Lnurl {
    /// Has the service behind an `lnurlw://` link pay an invoice. It says only that it will.
    ///
    /// # Errors
    /// When the link is none of that kind, the service does not pay so much, or the operator's rules forbid it.
    pub async fn withdraw(&self, link: &str, request: &str) -> Result<(), LnurlError> {
        let scheme = link.trim().split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        if scheme.as_deref() != Some("lnurlw") {
            return Err(LnurlError("LNURL-withdraw lud17 not provided.".to_owned()));
        }
        let invoice = bolt11::parse(request).map_err(|error| LnurlError(error.to_string()))?;
        let offer = self.fetch(&code::read(link)?, fetch::OFFER_WAIT).await?;
        let invalid = || LnurlError("Invalid LNURL-withdraw response.".to_owned());
        let text = |name: &str| offer.get(name).and_then(Value::as_str);
        let amount = |name: &str| offer.get(name).and_then(Value::as_i64).map(Msat);
        let k1 = text("k1").filter(|_| text("tag") == Some("withdrawRequest")).ok_or_else(invalid)?;
        let (min, max) =
            (amount("minWithdrawable").unwrap_or_default(), amount("maxWithdrawable").ok_or_else(invalid)?);
        let mut url = callback(&offer).map_err(|_| invalid())?;
        self.check_callback(&url).map_err(|error| LnurlError(format!("Invalid callback URL: {error}")))?;
        let asked = invoice.amount.ok_or_else(|| LnurlError("The invoice has no amount.".to_owned()))?;
        if asked < min || asked > max {
            return Err(LnurlError(format!("Amount {} not in range {} - {}", asked.0, min.0, max.0)));
        }
        url.query_pairs_mut().append_pair("k1", k1).append_pair("pr", &invoice.text);
        self.fetch(&url, fetch::CALLBACK_WAIT).await.map(drop)
    }
}
