//! Endpoints: making, changing and forgetting them, and looking at what was reported to them.

use super::Webhooks;
use crate::{
    domain::{
        Msat, Time, WalletId,
        event::EventKind,
        ids::to_hex,
        webhook::{DeliveryState, Endpoint, NewReport, Report, Subject},
    },
    outbound::{NotAllowed, check_callback},
    store::{Refusal, StoreError},
};

/// Endpoints of each wallet.
pub const MOST: i64 = 20;
/// How long a secret holds after it was replaced, unless said, in seconds.
const OVERLAP_SECONDS: i64 = 24 * 3600;
/// At most.
const OVERLAP_MAX: i64 = 30 * 24 * 3600;
/// The longest description, in bytes.
const DESCRIPTION_MAX: usize = 640;

/// An endpoint about to be made.
#[derive(Debug, Clone)]
pub struct New {
    /// Whose events.
    pub wallet: WalletId,
    /// Where to.
    pub url: String,
    /// What its owner calls it.
    pub description: String,
    /// Which events; all when empty.
    pub events: Vec<EventKind>,
}

/// What is to change of an endpoint; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Where to.
    pub url: Option<String>,
    /// What its owner calls it.
    pub description: Option<String>,
    /// Which events; all when empty.
    pub events: Option<Vec<EventKind>>,
    /// Are events reported?
    pub enabled: Option<bool>,
}

/// An endpoint with a secret that is told once.
#[derive(Debug)]
pub struct Made {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// What reports to it are signed with.
    pub secret: String,
}

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The address is not allowed.
    #[error(transparent)]
    Url(#[from] NotAllowed),
    /// There is none such.
    #[error("{0}")]
    Missing(&'static str),
    /// It makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// Somebody else changed it at the same moment.
    #[error("The webhook was changed meanwhile; read it again.")]
    Changed,
    /// The database is not available, or objects.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const MISSING: WebhookError = WebhookError::Missing("Webhook does not exist.");

impl Webhooks {
    /// Makes an endpoint.
    ///
    /// # Errors
    /// When its address is not allowed, or the wallet has too many.
    pub async fn create(&self, new: New) -> Result<Made, WebhookError> {
        check_callback(&new.url, &self.settings.limits().callbacks)?;
        described(&new.description)?;
        let (id, secret, now) = (to_hex(&self.clock.bytes::<16>()), self.new_secret(), self.clock.now());
        let endpoint = Endpoint {
            secret_sealed: self.seal(&id, &secret),
            id,
            wallet_id: new.wallet,
            url: new.url,
            description: new.description,
            events: listed(&new.events),
            enabled: true,
            previous_sealed: None,
            previous_until: None,
            created_at: now,
            updated_at: now,
        };
        match self.store.webhook_create(endpoint.clone(), MOST).await {
            Ok(()) => Ok(Made { endpoint, secret }),
            Err(StoreError::Refused(Refusal::Taken(_))) => {
                Err(WebhookError::Invalid(format!("A wallet has at most {MOST} webhooks. Delete one first.")))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A wallet's endpoints.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn list(&self, wallet: &WalletId) -> Result<Vec<Endpoint>, WebhookError> {
        Ok(self.store.webhook_list(wallet.clone()).await?)
    }

    /// One of them.
    ///
    /// # Errors
    /// When the wallet has none such.
    pub async fn find(&self, wallet: &WalletId, id: &str) -> Result<Endpoint, WebhookError> {
        self.store.webhook_find(wallet.clone(), id.to_owned()).await?.ok_or(MISSING)
    }

    /// Changes one.
    ///
    /// # Errors
    /// When the wallet has none such, or the new address is not allowed.
    pub async fn change(&self, wallet: &WalletId, id: &str, change: Change) -> Result<Endpoint, WebhookError> {
        if let Some(url) = &change.url {
            check_callback(url, &self.settings.limits().callbacks)?;
        }
        described(change.description.as_deref().unwrap_or_default())?;
        let old = self.find(wallet, id).await?;
        let new = Endpoint {
            url: change.url.unwrap_or_else(|| old.url.clone()),
            description: change.description.unwrap_or_else(|| old.description.clone()),
            events: change.events.map_or_else(|| old.events.clone(), |events| listed(&events)),
            enabled: change.enabled.unwrap_or(old.enabled),
            ..old.clone()
        };
        self.write(&old, new).await
    }

    /// Gives an endpoint a new secret; reports are signed with the old one besides for so many seconds.
    ///
    /// # Errors
    /// When the wallet has none such, or that is too long.
    pub async fn rotate(&self, wallet: &WalletId, id: &str, overlap: Option<i64>) -> Result<Made, WebhookError> {
        let overlap = overlap.unwrap_or(OVERLAP_SECONDS);
        if !(0..=OVERLAP_MAX).contains(&overlap) {
            return Err(WebhookError::Invalid(format!("overlap_seconds: from 0 to {OVERLAP_MAX}.")));
        }
        let (old, secret) = (self.find(wallet, id).await?, self.new_secret());
        let new = Endpoint {
            secret_sealed: self.seal(id, &secret),
            previous_sealed: Some(old.secret_sealed.clone()).filter(|_| overlap > 0),
            previous_until: Some(self.clock.now().plus_seconds(overlap)).filter(|_| overlap > 0),
            ..old.clone()
        };
        Ok(Made { endpoint: self.write(&old, new).await?, secret })
    }

    /// Forgets an endpoint and all that was or is to be reported to it.
    ///
    /// # Errors
    /// When the wallet has none such.
    pub async fn delete(&self, wallet: &WalletId, id: &str) -> Result<(), WebhookError> {
        if self.store.webhook_delete(wallet.clone(), id.to_owned()).await? { Ok(()) } else { Err(MISSING) }
    }

    /// What was and is to be reported to an endpoint, newest first, and how much that is.
    ///
    /// # Errors
    /// When the wallet has none such.
    pub async fn reports(
        &self,
        wallet: &WalletId,
        id: &str,
        offset: i64,
        most: i64,
    ) -> Result<(Vec<Report>, i64), WebhookError> {
        let endpoint = self.find(wallet, id).await?;
        Ok(self.store.webhook_reports(endpoint.id, offset, most).await?)
    }

    /// Sends a report that says nothing.
    ///
    /// # Errors
    /// When the wallet has no such endpoint, or it is switched off.
    pub async fn test(&self, wallet: &WalletId, id: &str) -> Result<Report, WebhookError> {
        let (endpoint, now) = (self.enabled(wallet, id).await?, self.clock.now());
        let new = NewReport {
            endpoint_id: Some(endpoint.id.clone()),
            wallet_id: wallet.clone(),
            payment_id: None,
            event_id: 0,
            kind: Subject::Test,
            balance_msat: self.store.wallet_balance(wallet.clone()).await?.unwrap_or(Msat::ZERO),
            happened_at: now,
            state: DeliveryState::Pending,
            attempts: 0,
            next_at: now,
            created_at: now,
            updated_at: now,
            about: None,
        };
        self.add(endpoint, new).await
    }

    /// Sends a report once more. The event is the same, and says so.
    ///
    /// # Errors
    /// When the wallet has no such endpoint, it is switched off, or there is no such report to it.
    pub async fn again(&self, wallet: &WalletId, id: &str, report: i64) -> Result<Report, WebhookError> {
        let (endpoint, now) = (self.enabled(wallet, id).await?, self.clock.now());
        let old = self.store.webhook_report_find(endpoint.id.clone(), report).await?;
        let old = old.ok_or(WebhookError::Missing("Delivery does not exist."))?;
        if old.state == DeliveryState::Pending {
            return Err(WebhookError::Invalid("It is being delivered already.".to_owned()));
        }
        let new = NewReport {
            endpoint_id: old.endpoint_id,
            wallet_id: old.wallet_id,
            payment_id: old.payment_id,
            event_id: old.event_id,
            kind: old.kind,
            balance_msat: old.balance_msat,
            happened_at: old.happened_at,
            state: DeliveryState::Pending,
            attempts: 0,
            next_at: now,
            created_at: now,
            updated_at: now,
            about: old.about,
        };
        self.add(endpoint, new).await
    }

    async fn enabled(&self, wallet: &WalletId, id: &str) -> Result<Endpoint, WebhookError> {
        let endpoint = self.find(wallet, id).await?;
        if endpoint.enabled {
            return Ok(endpoint);
        }
        Err(WebhookError::Invalid("The webhook is switched off.".to_owned()))
    }

    async fn add(&self, endpoint: Endpoint, new: NewReport) -> Result<Report, WebhookError> {
        let number = self.store.webhook_add(new).await?;
        self.bell.notify_waiters();
        let written = self.store.webhook_report_find(endpoint.id, number).await?;
        written.ok_or(WebhookError::Missing("Delivery does not exist."))
    }

    async fn write(&self, old: &Endpoint, new: Endpoint) -> Result<Endpoint, WebhookError> {
        // later than before, so that of two who read the same one only one writes
        let at = Time(self.clock.now().0.max(old.updated_at.0.saturating_add(1)));
        let new = Endpoint { updated_at: at, ..new };
        if self.store.webhook_update(new.clone(), old.updated_at).await? { Ok(new) } else { Err(WebhookError::Changed) }
    }

    fn new_secret(&self) -> String {
        format!("whsec_{}", to_hex(&self.clock.bytes::<32>()))
    }

    fn seal(&self, id: &str, secret: &str) -> Vec<u8> {
        self.vault.seal(secret.as_bytes(), &context(id))
    }
}

/// A sealed secret opens only for its own endpoint.
pub(super) fn context(id: &str) -> String {
    format!("webhook/{id}")
}

fn listed(events: &[EventKind]) -> String {
    let words: Vec<&str> = events.iter().map(EventKind::as_str).collect();
    serde_json::to_string(&words).unwrap_or_else(|_| "[]".to_owned())
}

fn described(text: &str) -> Result<(), WebhookError> {
    if text.len() <= DESCRIPTION_MAX {
        return Ok(());
    }
    Err(WebhookError::Invalid(format!("description: at most {DESCRIPTION_MAX} bytes.")))
}
