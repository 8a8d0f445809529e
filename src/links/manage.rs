//! Links, as their owners see them: making, changing and forgetting them.

use serde_json::Value;

use super::{LinkError, Links};
use crate::{
    domain::{
        Msat, Time, WalletId,
        fiat::Currency,
        ids::to_hex,
        link::{Link, LinkKind},
        payer::Wanted,
    },
    outbound::check_callback,
    store::{Refusal, StoreError},
};

/// Links of each wallet.
const MOST: i64 = 1000;
/// Uses of a link.
const USES_MAX: i64 = 100_000;
/// The longest title, in bytes: what fits into an invoice's description.
const TITLE_MAX: usize = 639;
/// The longest message after a payment, in characters (LUD-09).
pub(super) const MESSAGE_MAX: usize = 144;
/// The longest description, in characters (LUD-20).
const DESCRIPTION_MAX: usize = 1000;
/// The longest text that is sealed for who pays, in bytes: sealed it has 4096 characters at most (LUD-10).
const SECRET_MAX: usize = 3000;
/// The longest comment that a payer may send, in characters.
const COMMENT_MAX: i64 = 799;
/// The longest rest between two uses, in seconds: a year.
const PAUSE_MAX: i64 = 366 * 24 * 3600;

/// The most that a link asks for, in thousandths of its currency's unit.
const MILLI_MAX: i64 = 1_000_000_000_000_000;

/// The least that goes by a link at once.
#[derive(Debug, Clone, Copy)]
pub enum Least {
    /// So much.
    Msat(Msat),
    /// As much as so many thousandths of a currency's unit are worth at that moment.
    Fiat(Currency, i64),
}

/// A link about to be made.
#[derive(Debug, Clone)]
pub struct New {
    /// Whose.
    pub wallet: WalletId,
    /// Which way.
    pub kind: LinkKind,
    /// The least at once.
    pub least: Least,
    /// The rest of it; what is `None` has its default.
    pub rest: Change,
}

/// What is to change of a link; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// What it is for.
    pub title: Option<String>,
    /// The least at once.
    pub min: Option<Msat>,
    /// The most at once.
    pub max: Option<Msat>,
    /// The least at once, in thousandths of its currency's unit.
    pub min_milli: Option<i64>,
    /// The most at once, likewise.
    pub max_milli: Option<i64>,
    /// What it asks of its payers.
    pub payer_data: Option<Wanted>,
    /// The longest comment.
    pub comment_max: Option<i64>,
    /// What a payer is told; empty for nothing.
    pub success_message: Option<String>,
    /// Where a payer is led; empty for nowhere.
    pub success_url: Option<String>,
    /// What a payer can read once he has paid; empty for nothing.
    pub success_secret: Option<String>,
    /// What it is for, at length; empty for nothing.
    pub description: Option<String>,
    /// Where receipts are reported to; empty for nowhere.
    pub webhook: Option<String>,
    /// How often it pays out.
    pub uses: Option<i64>,
    /// How long it rests after each time.
    pub pause_seconds: Option<i64>,
    /// When it ends.
    pub open_until: Option<Time>,
    /// Does it work?
    pub enabled: Option<bool>,
}

impl Links {
    /// Makes a link.
    ///
    /// # Errors
    /// When it makes no sense, or the wallet has too many.
    pub async fn create(&self, new: New) -> Result<Link, LinkError> {
        let now = self.clock.now();
        let (min_msat, currency, min_milli) = match new.least {
            Least::Msat(least) => (least, None, 0),
            Least::Fiat(currency, milli) => (Msat(1), Some(currency.code().to_owned()), milli),
        };
        let blank = Link {
            id: to_hex(&self.clock.bytes::<16>()),
            wallet_id: new.wallet,
            kind: new.kind,
            title: String::new(),
            min_msat,
            max_msat: if currency.is_some() { Msat::MAX } else { min_msat },
            comment_max: 0,
            success_message: None,
            success_url: None,
            webhook: None,
            uses: i64::from(new.kind == LinkKind::Withdraw),
            used: 0,
            pause_seconds: 0,
            open_until: None,
            last_used_at: None,
            enabled: true,
            created_at: now,
            updated_at: now,
            currency,
            min_milli,
            max_milli: min_milli,
            payer_data: None,
            description: None,
            secret_sealed: None,
        };
        let link = self.checked(self.changed(blank, new.rest)?)?;
        match self.store.link_create(link.clone(), MOST).await {
            Ok(()) => Ok(link),
            Err(StoreError::Refused(Refusal::Taken(_))) => {
                Err(LinkError::Invalid(format!("A wallet has at most {MOST} links. Delete one first.")))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A wallet's links, oldest first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn list(&self, wallet: &WalletId) -> Result<Vec<Link>, LinkError> {
        Ok(self.store.link_list(wallet.clone()).await?)
    }

    /// One of them.
    ///
    /// # Errors
    /// When the wallet has none such.
    pub async fn find(&self, wallet: &WalletId, id: &str) -> Result<Link, LinkError> {
        let found = self.store.link_find(id.to_owned()).await?;
        found.filter(|link| link.wallet_id == *wallet).ok_or(LinkError::Missing)
    }

    /// Changes one.
    ///
    /// # Errors
    /// When the wallet has none such, or it would make no sense.
    pub async fn change(&self, wallet: &WalletId, id: &str, change: Change) -> Result<Link, LinkError> {
        let old = self.find(wallet, id).await?;
        let read = old.updated_at;
        let new = self.checked(self.changed(old, change)?)?;
        // two changes of one moment are told apart all the same
        let later = self.clock.now().0.max(read.0.saturating_add(1));
        let new = Link { updated_at: Time(later), ..new };
        if !self.store.link_update(new.clone(), read).await? {
            return Err(LinkError::Changed);
        }
        self.find(wallet, id).await
    }

    /// Forgets one. What was handed in at it is still paid.
    ///
    /// # Errors
    /// When the wallet has none such.
    pub async fn delete(&self, wallet: &WalletId, id: &str) -> Result<(), LinkError> {
        if self.store.link_delete(wallet.clone(), id.to_owned()).await? { Ok(()) } else { Err(LinkError::Missing) }
    }

    fn checked(&self, link: Link) -> Result<Link, LinkError> {
        let wrong = |text: String| Err(LinkError::Invalid(text));
        if link.title.is_empty() || link.title.len() > TITLE_MAX {
            return wrong(format!("title: 1 to {TITLE_MAX} bytes."));
        }
        if link.min_msat <= Msat::ZERO || link.max_msat < link.min_msat || link.max_msat > Msat::MAX {
            return wrong("min_msat and max_msat: at least 1, and the most no less than the least.".to_owned());
        }
        if link.currency.is_some() && (link.min_msat, link.max_msat) != (Msat(1), Msat::MAX) {
            return wrong("min_msat and max_msat: this link asks for a currency; say min and max.".to_owned());
        }
        let least = i64::from(link.currency.is_some());
        if link.min_milli < least || link.max_milli < link.min_milli || link.max_milli > least * MILLI_MAX {
            return wrong("min and max: of a currency, more than 0, and the most no less than the least.".to_owned());
        }
        if !(0..=COMMENT_MAX).contains(&link.comment_max) {
            return wrong(format!("comment_max: 0 to {COMMENT_MAX}."));
        }
        if link.success_message.as_ref().is_some_and(|text| text.chars().count() > MESSAGE_MAX) {
            return wrong(format!("success_message: {MESSAGE_MAX} characters at most."));
        }
        if link.description.as_ref().is_some_and(|text| text.chars().count() > DESCRIPTION_MAX) {
            return wrong(format!("description: {DESCRIPTION_MAX} characters at most."));
        }
        if link.success_url.is_some() && link.secret_sealed.is_some() {
            return wrong("success_url and success_secret: a payer's wallet shows one of them.".to_owned());
        }
        if !(0..=PAUSE_MAX).contains(&link.pause_seconds) {
            return wrong(format!("pause_seconds: 0 to {PAUSE_MAX}."));
        }
        match link.kind {
            LinkKind::Withdraw => {
                if link.uses < link.used.max(1) || link.uses > USES_MAX {
                    return wrong(format!("uses: 1 to {USES_MAX}, and not less than it was used."));
                }
                let after =
                    link.success_url.is_some() || link.success_message.is_some() || link.secret_sealed.is_some();
                if link.comment_max > 0 || link.description.is_some() || after {
                    let text = "comments, descriptions and what happens after a payment belong to pay links.";
                    return wrong(text.to_owned());
                }
                if link.currency.is_some() || !Wanted::stored(link.payer_data.as_deref()).is_empty() {
                    return wrong("currency and payer_data belong to pay links.".to_owned());
                }
                if link.webhook.is_some() {
                    return wrong(
                        "webhook: of a pay link alone; payments that leave are reported by webhooks.".to_owned(),
                    );
                }
            }
            LinkKind::Pay => {
                if link.uses != 0 || link.pause_seconds != 0 {
                    return wrong("uses and pause_seconds belong to withdraw links.".to_owned());
                }
                if let Some(url) = &link.webhook {
                    check_callback(url, &self.ledger.limits().callbacks)?;
                }
            }
        }
        Ok(link)
    }

    /// The link with what is to change; an empty text clears.
    fn changed(&self, link: Link, change: Change) -> Result<Link, LinkError> {
        let text = |new: Option<String>, old: Option<String>| new.or(old).filter(|text| !text.is_empty());
        let min_msat = change.min.unwrap_or(link.min_msat);
        // one price stays one price
        let is_fixed = link.min_milli == link.max_milli;
        let secret = change.success_secret.map(|text| Some(text).filter(|text| !text.is_empty()));
        if secret.iter().flatten().any(|text| text.len() > SECRET_MAX) {
            return Err(LinkError::Invalid(format!("success_secret: {SECRET_MAX} bytes at most.")));
        }
        let seal = |text: String| self.vault.seal(text.as_bytes(), &secret_context(&link.id));
        Ok(Link {
            title: change.title.unwrap_or(link.title),
            min_msat,
            max_msat: change.max.unwrap_or(link.max_msat),
            comment_max: change.comment_max.unwrap_or(link.comment_max),
            success_message: text(change.success_message, link.success_message),
            success_url: text(change.success_url, link.success_url),
            webhook: text(change.webhook, link.webhook),
            uses: change.uses.unwrap_or(link.uses),
            pause_seconds: change.pause_seconds.unwrap_or(link.pause_seconds),
            open_until: change.open_until.or(link.open_until),
            min_milli: change.min_milli.unwrap_or(link.min_milli),
            max_milli: change.max_milli.or(change.min_milli.filter(|_| is_fixed)).unwrap_or(link.max_milli),
            payer_data: change
                .payer_data
                .map_or(link.payer_data, |wanted| Some(Value::Object(wanted.words()).to_string())),
            description: text(change.description, link.description),
            secret_sealed: secret.map_or(link.secret_sealed, |text| text.map(seal)),
            enabled: change.enabled.unwrap_or(link.enabled),
            ..link
        })
    }
}

/// What is sealed opens only for its own link.
pub(super) fn secret_context(id: &str) -> String {
    format!("link secret/{id}")
}
