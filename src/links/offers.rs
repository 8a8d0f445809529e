//! Pay links, as payers see them.

use rust_decimal::Decimal;

use super::{
    LinkError, Links,
    manage::{MESSAGE_MAX, secret_context},
    prices::in_msat,
};
use crate::{
    domain::{
        Msat, Payment, Time,
        fiat::{Asked, Currency, Quote},
        ids::array_from_hex,
        link::{Link, LinkKind},
        payer::{Wanted, commitment},
        payment::Annotations,
    },
    ledger::InvoiceRequest,
    lnurl::action::{self, Sealed},
};

/// What marks the invoices.
pub const PAY_LINK: &str = "pay_link";

/// What can be paid by a link at this moment.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The link.
    pub link: Link,
    /// The least.
    pub min: Msat,
    /// The most.
    pub max: Msat,
    /// The name under which the payer answers.
    pub name: String,
    /// What the link's currency costs, if it has one.
    quote: Option<Quote>,
}

/// What a payer tells with his payment.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// A comment (LUD-12).
    pub comment: Option<String>,
    /// Who he is, as JSON, to the letter (LUD-18).
    pub payer_data: Option<String>,
}

/// What a payer is shown when he has paid (LUD-09).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Success {
    /// A text.
    Message(String),
    /// A page, and what to say of it.
    Url(String, String),
    /// What only he can read, and what to say of it (LUD-10).
    Sealed(Sealed, String),
}

/// An invoice for a payer, and what he is shown when he has paid it.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The invoice.
    pub payment: Payment,
    /// What its link has for him.
    pub success: Option<Success>,
}

impl Links {
    /// What can be paid by this link: by its id, or by the name of an offer that was made before.
    ///
    /// # Errors
    /// When there is no such link, or it does not work now.
    pub async fn payable(&self, name: &str) -> Result<Offer, LinkError> {
        let (id, before) = name.split_once('.').map_or((name, None), |(id, offer)| (id, Some(offer)));
        let found = self.store.link_find(id.to_owned()).await?;
        let link = found.filter(|link| link.kind == LinkKind::Pay).ok_or(LinkError::Missing)?;
        let over = |now: Time| link.open_until.is_some_and(|until| until <= now);
        if !link.enabled || over(self.clock.now()) {
            return Err(LinkError::Invalid("This link is switched off, or has ended.".to_owned()));
        }
        self.has_owner(&link).await?;
        let Some(code) = &link.currency else {
            return Ok(Offer { min: link.min_msat, max: link.max_msat, name: link.id.clone(), quote: None, link });
        };
        let quote = self.ledger.rates().price(Currency::parse(code).ok_or(LinkError::Missing)?).await?;
        let (min, max) = match before.and_then(|offer| self.kept(&link, offer)) {
            Some(kept) => kept,
            None => (in_msat(quote, link.min_milli)?, in_msat(quote, link.max_milli)?),
        };
        Ok(Offer { min, max, name: self.kept_as(&link, min, max), quote: Some(quote), link })
    }

    /// Has the wallet issue an invoice for a payer.
    ///
    /// # Errors
    /// When the link does not allow such a payment, or no invoice can be made now.
    pub async fn invoice(&self, name: &str, amount: Msat, told: Told) -> Result<Issued, LinkError> {
        let offer = self.payable(name).await?;
        if amount < offer.min || amount > offer.max {
            return Err(LinkError::Invalid(format!("Between {} and {} can be paid.", offer.min, offer.max)));
        }
        let (asked, link) = (offer.asked(amount), offer.link);
        let payer_data = told.payer_data.filter(|told| !told.is_empty());
        let payer = Wanted::stored(link.payer_data.as_deref()).accept(payer_data.as_deref());
        let payer = payer.map_err(|wrong| LinkError::Invalid(format!("payerdata: {wrong}.")))?;
        let comment = told.comment.filter(|comment| !comment.is_empty());
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
        if !payer.is_empty() {
            extra.insert("payer_data".into(), payer.into());
        }
        let order = InvoiceRequest {
            wallet: link.wallet_id.clone(),
            amount,
            hold: None,
            memo: Some(link.title.clone()),
            description_hash: Some(commitment(&metadata(&link), payer_data.as_deref())),
            expiry_seconds: None,
            annotations: Annotations { extra, asked, webhook: link.webhook.clone(), ..Annotations::default() },
            once: None,
        };
        let payment = self.ledger.create_invoice(order).await?;
        Ok(Issued { success: self.success(&link, &payment)?, payment })
    }

    /// What the link has for whoever pays this invoice.
    fn success(&self, link: &Link, payment: &Payment) -> Result<Option<Success>, LinkError> {
        let said = || link.success_message.clone().unwrap_or_else(|| link.title.chars().take(MESSAGE_MAX).collect());
        match (&link.success_url, &link.secret_sealed, &link.success_message) {
            (Some(url), _, _) => Ok(Some(Success::Url(url.clone(), said()))),
            (None, Some(sealed), _) => {
                let secret = self.vault.open_text(sealed, &secret_context(&link.id));
                let preimage = self.ledger.preimage(payment).and_then(|hex| array_from_hex::<32>(&hex));
                // better no invoice than one whose payer does not get what he pays for
                let (secret, preimage) = secret.zip(preimage).ok_or_else(|| {
                    LinkError::Invalid("What this link has for its payers cannot be sealed now.".to_owned())
                })?;
                Ok(Some(Success::Sealed(action::seal(&secret, preimage, self.clock.bytes()), said())))
            }
            (None, None, Some(message)) => Ok(Some(Success::Message(message.clone()))),
            (None, None, None) => Ok(None),
        }
    }
}

impl Offer {
    /// What of the link's currency this amount is for: its price, where it has one.
    fn asked(&self, amount: Msat) -> Option<Asked> {
        let quote = self.quote?;
        let (min, max) = (self.link.min_milli, self.link.max_milli);
        let price = if min == max { Decimal::new(min, 3) } else { quote.price.value(amount) };
        Some(Asked { quote, amount: price })
    }
}

/// The metadata, to the letter: an invoice commits to its hash.
pub fn metadata(link: &Link) -> String {
    let mut entries = vec![["text/plain", &link.title]];
    entries.extend(link.description.as_deref().map(|text| ["text/long-desc", text]));
    serde_json::json!(entries).to_string()
}
