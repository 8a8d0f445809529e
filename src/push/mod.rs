//! Web push: telling the browsers of an account's owner what happened to his wallets (RFC 8030).
//!
//! A job reads the outbox and writes down which browser is to be told of what; nothing is written, and hardly anything
//! read, while no browser wants to know. Messages are encrypted for the browser (RFC 8291), signed with the server's key
//! (RFC 8292) and tried for an hour. A browser that its push service does not know any more is forgotten.

mod encrypt;
mod vapid;

use std::{sync::Arc, time::Duration};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use p256::SecretKey;
use serde_json::{Value, json};
use tokio::{sync::Notify, task::JoinSet};

use encrypt::{Keys, encrypt};
use vapid::Identity;

use crate::{
    clock::Clock,
    domain::{
        AccountId, Payment, Time, Wallet,
        event::EventKind,
        push::{Push, Subscription},
    },
    outbound::{Outbound, Policy, Request, Rules, target},
    settings::Settings,
    store::{Refusal, Store, StoreError},
    vault::Vault,
};

/// Browsers of each account.
const MOST: i64 = 50;
/// The longest subscription that is read, in bytes.
const TEXT_MAX: usize = 4096;
/// The longest address of a browser, in bytes.
const ENDPOINT_MAX: usize = 2048;
/// Messages that are sent at the same time.
const AT_ONCE: usize = 32;
/// Between two looks, without the bell: other servers do not ring it, nor does time.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Between two looks whether any browser wants to be told.
const IDLE: Duration = Duration::from_secs(2);
/// Between two looks while the bell rings on and on.
const BREATH: Duration = Duration::from_millis(50);
/// How long a push service may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// For so long nobody else sends a message that is being sent, in seconds; longer than the patience.
const LEASE_SECONDS: i64 = 60;
/// Of an answer so much is read, in bytes.
const ANSWER_MAX: usize = 64 * 1024;
/// What happened longer ago is no news, in seconds; a push service keeps a message as long.
const NEWS_SECONDS: i64 = 3600;
/// After each attempt that came to nothing, how long until the next, in seconds; after the last one there is none.
const PAUSES: [i64; 5] = [5, 30, 120, 600, 1800];
/// Browsers write their keys in base64url, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Tells browsers. Cheap to clone.
#[derive(Clone)]
pub struct Pushes {
    store: Store,
    vault: Vault,
    clock: Clock,
    settings: Settings,
    /// Rings after each commit that may have brought something to tell.
    bell: Arc<Notify>,
    /// Under which address people reach this server.
    public_url: Arc<str>,
    outbound: Outbound,
}

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// It makes no sense. The text is for people.
    #[error("{0}")]
    Invalid(String),
    /// The database is not available.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Pushes {
    /// Puts it together; `bell` rings after each commit of this server.
    pub fn new(
        store: Store,
        vault: Vault,
        clock: Clock,
        settings: Settings,
        bell: Arc<Notify>,
        public_url: &str,
    ) -> Self {
        Self { store, vault, clock, settings, bell, public_url: public_url.into(), outbound: Outbound::new() }
    }

    /// The public key that browsers subscribe with, in base64url; `None` when there is none.
    pub fn public_key(&self) -> Option<String> {
        Some(self.identity()?.public())
    }

    /// Has a browser told of an account's payments; `subscription` is what the browser made, as JSON.
    ///
    /// # Errors
    /// When it is not one, leads where nothing may be sent, or the account has too many.
    pub async fn subscribe(
        &self,
        account: &AccountId,
        subscription: &str,
        host: String,
    ) -> Result<Subscription, PushError> {
        let wrong = |text: &str| PushError::Invalid(text.to_owned());
        if subscription.len() > TEXT_MAX {
            return Err(wrong("subscription: 4096 bytes at most."));
        }
        let given: Value = serde_json::from_str(subscription).map_err(|_| wrong("subscription: not JSON."))?;
        let endpoint = given.get("endpoint").and_then(Value::as_str).unwrap_or_default();
        let url = target(endpoint).ok().filter(|_| endpoint.len() <= ENDPOINT_MAX);
        let url = url.ok_or_else(|| wrong("subscription: its endpoint is not an address of the web."))?;
        if url.scheme() != "https" && !self.settings.limits().callbacks.allow_private {
            return Err(wrong("subscription: its endpoint is not an address of https."));
        }
        let keys = keys(&given).ok_or_else(|| {
            wrong("subscription: its keys are not there: p256dh, 65 bytes, and auth, 16 bytes, in base64url.")
        })?;
        let sealed = [&keys.public[..], &keys.auth].concat();
        let new = Subscription {
            keys_sealed: self.vault.seal(&sealed, &context(account, endpoint)),
            endpoint: endpoint.to_owned(),
            account_id: account.clone(),
            host,
            created_at: self.clock.now(),
        };
        match self.store.push_subscribe(new.clone(), MOST).await {
            Ok(()) => Ok(new),
            Err(StoreError::Refused(Refusal::Taken(_))) => {
                Err(PushError::Invalid(format!("An account has at most {MOST} browsers. Unsubscribe one first.")))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Has a browser told no more; answers how many subscriptions ended.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn unsubscribe(&self, account: &AccountId, endpoint: &str) -> Result<i64, PushError> {
        Ok(self.store.push_unsubscribe(endpoint.to_owned(), account.clone()).await?)
    }

    /// Tells what there is to tell, for ever.
    pub async fn run(&self) {
        let mut running = JoinSet::new();
        loop {
            // taken before looking, so that a bell that rings meanwhile is not missed
            let rung = self.bell.notified();
            let rest = match self.round(&mut running).await {
                Ok(true) => LOOK_EVERY,
                Ok(false) => {
                    tokio::time::sleep(IDLE).await;
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "what browsers are to be told cannot be read; trying again");
                    IDLE
                }
            };
            let full = running.len() >= AT_ONCE;
            tokio::select! {
                () = rung, if !full => {}
                Some(_) = running.join_next() => while running.try_join_next().is_some() {},
                () = tokio::time::sleep(rest) => {}
            }
            tokio::time::sleep(BREATH).await;
        }
    }

    /// One look. False when no browser wants to be told of anything.
    async fn round(&self, running: &mut JoinSet<()>) -> Result<bool, StoreError> {
        if !self.store.push_any().await? {
            return Ok(false);
        }
        let now = self.clock.now();
        while self.store.push_plan(now, now.plus_seconds(-NEWS_SECONDS)).await? {}
        let free = AT_ONCE.saturating_sub(running.len());
        if free == 0 {
            return Ok(true);
        }
        let due = self.store.push_due(now, i64::try_from(free).unwrap_or(1)).await?;
        for (push, subscription, payment, wallet) in due {
            let until = now.plus_seconds(LEASE_SECONDS);
            if self.store.push_lease(push.id, push.attempts, now, until).await? {
                let pushes = self.clone();
                running.spawn(async move { pushes.attempt(push, subscription, &payment, &wallet).await });
            }
        }
        Ok(true)
    }

    /// Tries one message and notes what came of it.
    async fn attempt(&self, push: Push, to: Subscription, payment: &Payment, wallet: &Wallet) {
        let noted = match self.send(&push, &to, payment, wallet).await {
            Ok(()) => self.store.push_attempted(push.id, None).await,
            Err(Trouble::Gone) => self.store.push_unsubscribe(to.endpoint, to.account_id).await.map(drop),
            Err(Trouble::Passing(why)) => {
                tracing::debug!(message = push.id, why, "a browser could not be told");
                self.store.push_attempted(push.id, self.later(push.attempts)).await
            }
        };
        // without this note the message is sent once more when its lease is over; browsers show it once, by its tag
        if let Err(error) = noted {
            tracing::warn!(message = push.id, %error, "what came of a push message could not be noted");
        }
    }

    /// When a message that did not arrive is tried again, if it is.
    fn later(&self, attempts: i64) -> Option<Time> {
        let pause = PAUSES.get(usize::try_from(attempts).ok()?)?;
        Some(self.clock.now().plus_seconds(*pause))
    }

    async fn send(&self, push: &Push, to: &Subscription, payment: &Payment, wallet: &Wallet) -> Result<(), Trouble> {
        let passing = |why: &str| Trouble::Passing(why.to_owned());
        // what does not open was sealed under another master secret: nobody can write to that browser any more
        let keys = self.keys_of(to).ok_or(Trouble::Gone)?;
        let identity = self.identity().ok_or_else(|| passing("the server has no key of its own"))?;
        let url = target(&to.endpoint).map_err(|_| Trouble::Gone)?;
        let fresh = SecretKey::from_slice(&self.clock.bytes::<32>()).map_err(|_| passing("that key is none"))?;
        let message = self.words(push, payment, wallet).to_string();
        let body = encrypt(message.as_bytes(), &keys, &fresh, self.clock.bytes()).ok_or(Trouble::Gone)?;
        let origin = url.origin().ascii_serialization();
        let limits = self.settings.limits();
        let policy = Policy {
            allow_private: limits.callbacks.allow_private,
            plain_http: false,
            max_body: ANSWER_MAX,
            timeout: PATIENCE,
            redirects: Rules::none(),
        };
        drop(limits);
        let request = Request::post(to.endpoint.clone(), body)
            .header("Content-Type", "application/octet-stream")
            .header("Content-Encoding", "aes128gcm")
            .header("TTL", NEWS_SECONDS.to_string())
            .header("Urgency", "high")
            .header("Authorization", identity.authorization(&origin, &self.public_url, self.clock.now()));
        match self.outbound.send(&policy, request).await {
            Ok(reply) if reply.is_success() => Ok(()),
            Ok(reply) if matches!(reply.status, 404 | 410) => Err(Trouble::Gone),
            Ok(reply) => Err(Trouble::Passing(format!("the push service answered {}", reply.status))),
            Err(error) => Err(Trouble::Passing(error.to_string())),
        }
    }

    /// What the browser shows. The address has nothing in it that opens anything.
    fn words(&self, push: &Push, payment: &Payment, wallet: &Wallet) -> Value {
        let verb = if push.kind == EventKind::PaymentReceived { "received" } else { "sent" };
        let amount = payment.amount_msat.size().sat_floor();
        let memo = if payment.memo.is_empty() { String::new() } else { format!("\n{}", payment.memo) };
        json!({
            "title": format!("{}: {}", self.settings.limits().site_title, wallet.name),
            "body": format!("You just {verb} {amount} sats!{memo}"),
            "url": format!("{}/wallet?wal={}", self.public_url, wallet.id),
            "tag": format!("event-{}", push.event_id),
        })
    }

    fn keys_of(&self, of: &Subscription) -> Option<Keys> {
        let opened = self.vault.open(&of.keys_sealed, &context(&of.account_id, &of.endpoint))?;
        let (public, auth) = opened.split_at_checked(65)?;
        Some(Keys { public: public.try_into().ok()?, auth: auth.try_into().ok()? })
    }

    /// The operator's own key, or else the one that follows from the master secret.
    fn identity(&self) -> Option<Identity> {
        match &self.settings.limits().push_key {
            Some(key) => Identity::read(&key.0),
            None => Identity::derived(&self.vault),
        }
    }
}

/// Why a message did not arrive.
enum Trouble {
    /// It may the next time.
    Passing(String),
    /// There is no such browser any more.
    Gone,
}

/// Sealed keys open only for their own subscription.
fn context(account: &AccountId, endpoint: &str) -> String {
    format!("web push/{account}/{endpoint}")
}

fn keys(given: &Value) -> Option<Keys> {
    let read = |name: &str| BASE64.decode(given.get("keys")?.get(name)?.as_str()?).ok();
    let keys = Keys { public: read("p256dh")?.try_into().ok()?, auth: read("auth")?.try_into().ok()? };
    p256::PublicKey::from_sec1_bytes(&keys.public).ok().map(|_| keys)
}
