//! Pay links, as payers see them.

use sha2::{Digest, Sha256};

use super::{LinkError, Links};
use crate::{
    domain::{
        Msat, Payment, Time,
        link::{Link, LinkKind},
        payment::Annotations,
    },
    ledger::InvoiceRequest,
};

/// What marks the invoices.
pub const PAY_LINK: &str = "pay_link";

/// What a payer is shown when he has paid (LUD-09).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Success {
    /// A text.
    Message(String),
    /// A page, and what to say of it.
    Url(String, String),
}

impl Links {
    /// What can be paid by this link.
    ///
    /// # Errors
    /// When there is no such link, or it does not work now.
    pub async fn payable(&self, id: &str) -> Result<Link, LinkError> {
        let found = self.store.link_find(id.to_owned()).await?;
        let link = found.filter(|link| link.kind == LinkKind::Pay).ok_or(LinkError::Missing)?;
        let over = |now: Time| link.open_until.is_some_and(|until| until <= now);
        if !link.enabled || over(self.clock.now()) {
            return Err(LinkError::Invalid("This link is switched off, or has ended.".to_owned()));
        }
        self.has_owner(&link).await?;
        Ok(link)
    }

    /// Has the wallet issue an invoice for a payer.
    ///
    /// # Errors
    /// When the link does not allow such a payment, or no invoice can be made now.
    pub async fn invoice(&self, id: &str, amount: Msat, comment: Option<String>) -> Result<(Link, Payment), LinkError> {
        let link = self.payable(id).await?;
        if amount < link.min_msat || amount > link.max_msat {
            let text = format!("Between {} and {} can be paid.", link.min_msat, link.max_msat);
            return Err(LinkError::Invalid(text));
        }
        let comment = comment.filter(|comment| !comment.is_empty());
        let length = comment.as_ref().map_or(0, |comment| comment.chars().count());
        if i64::try_from(length).is_ok_and(|length| length > link.comment_max) {
            return Err(LinkError::Invalid(format!("A comment has {} characters at most.", link.comment_max)));
        }
        let mut extra = serde_json::Map::new();
        extra.insert("tag".into(), PAY_LINK.into());
        extra.insert("link".into(), link.id.clone().into());
        if let Some(comment) = comment {
            extra.insert("comment".into(), comment.into());
        }
        let order = InvoiceRequest {
            wallet: link.wallet_id.clone(),
            amount,
            hold: None,
            memo: Some(link.title.clone()),
            description_hash: Some(Sha256::digest(metadata(&link).as_bytes()).into()),
            expiry_seconds: None,
            annotations: Annotations { extra, webhook: link.webhook.clone(), ..Annotations::default() },
            once: None,
        };
        let payment = self.ledger.create_invoice(order).await?;
        Ok((link, payment))
    }
}

/// The metadata, to the letter: an invoice commits to its hash.
pub fn metadata(link: &Link) -> String {
    serde_json::json!([["text/plain", link.title]]).to_string()
}

impl Success {
    /// What a link has for its payers.
    pub fn of(link: &Link) -> Option<Self> {
        match (&link.success_url, &link.success_message) {
            (Some(url), message) => Some(Self::Url(url.clone(), message.clone().unwrap_or_else(|| link.title.clone()))),
            (None, Some(message)) => Some(Self::Message(message.clone())),
            (None, None) => None,
        }
    }
}
