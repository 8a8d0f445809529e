//! Reports on their way.

use std::time::Duration;

use tokio::{task::JoinSet, time::timeout};

use super::{Webhooks, manage::context, signature};
use crate::{
    domain::{
        Payment, Time, Wallet,
        webhook::{Attempted, DeliveryState, Endpoint, Report},
    },
    outbound::{OutboundError, Policy, Request, Rules, check_callback},
    store::StoreError,
};

/// Receivers that are called at the same time.
const AT_ONCE: usize = 32;
/// Wallets whose events become reports in one round.
const WALLETS: i64 = 500;
/// How often it is looked whether something is due, without the bell: other servers do not ring it, nor does time.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Between two looks while the bell rings on and on.
const BREATH: Duration = Duration::from_millis(20);
/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// For so long nobody else tries a report that is being tried, in seconds; longer than the patience.
const LEASE_SECONDS: i64 = 60;
/// Of an answer so much is read, in bytes.
const ANSWER_MAX: usize = 64 * 1024;
/// After each attempt that came to nothing, how long until the next, in seconds; after the last one, as long again.
const PAUSES: [i64; 9] = [5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800];
/// How long a report is tried, in seconds.
const GIVEN_UP_SECONDS: i64 = 3 * 24 * 3600;

impl Webhooks {
    /// Reports what is to be reported, for ever.
    pub async fn run(&self) {
        let mut running = JoinSet::new();
        loop {
            // taken before looking, so that a bell that rings meanwhile is not missed
            let rung = self.bell.notified();
            if let Err(error) = self.round(&mut running).await {
                tracing::warn!(%error, "webhooks cannot be read; trying again");
            }
            let full = running.len() >= AT_ONCE;
            tokio::select! {
                () = rung, if !full => {}
                Some(_) = running.join_next() => while running.try_join_next().is_some() {},
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            tokio::time::sleep(BREATH).await;
        }
    }

    async fn round(&self, running: &mut JoinSet<()>) -> Result<(), StoreError> {
        for wallet in self.store.webhook_wallets(WALLETS).await? {
            self.store.webhook_report(wallet, self.clock.now()).await?;
        }
        let free = AT_ONCE.saturating_sub(running.len());
        if free == 0 {
            return Ok(());
        }
        let now = self.clock.now();
        for (report, endpoint, payment) in self.store.webhook_due(now, i64::try_from(free).unwrap_or(1)).await? {
            let until = now.plus_seconds(LEASE_SECONDS);
            if self.store.webhook_lease(report.id, report.attempts, now, until).await? {
                let webhooks = self.clone();
                running.spawn(async move { webhooks.attempt(report, endpoint, payment).await });
            }
        }
        Ok(())
    }

    /// Tries one report and notes what came of it.
    async fn attempt(&self, report: Report, endpoint: Option<Endpoint>, payment: Option<Payment>) {
        let outcome = match timeout(PATIENCE * 2, self.send(&report, endpoint, payment)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Trouble::Passing(OutboundError::Late.to_string())),
        };
        let (now, attempts) = (self.clock.now(), report.attempts.saturating_add(1));
        let mut what = Attempted {
            id: report.id,
            attempts,
            state: DeliveryState::Delivered,
            next_at: now,
            status: None,
            error: None,
            at: now,
        };
        match outcome {
            Ok(status) => {
                what.status = Some(i64::from(status));
                if !(200..300).contains(&status) {
                    what.error = Some(format!("The receiver answered {status}."));
                    (what.state, what.next_at) = self.later(&report, attempts, now);
                }
            }
            Err(Trouble::Passing(why)) => {
                what.error = Some(why);
                (what.state, what.next_at) = self.later(&report, attempts, now);
            }
            Err(Trouble::Lasting(why)) => {
                what.error = Some(why);
                what.state = DeliveryState::Failed;
            }
        }
        // without this note the report is tried once more when its lease is over; receivers know events by their ids
        if let Err(error) = self.store.webhook_attempted(what).await {
            tracing::warn!(report = report.id, %error, "what came of a webhook could not be noted");
        }
    }

    /// When a report that did not arrive is tried again, if it is.
    fn later(&self, report: &Report, attempts: i64, now: Time) -> (DeliveryState, Time) {
        let nth = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        let pause = PAUSES.get(nth).or(PAUSES.last()).copied().unwrap_or(3600);
        // a fifth more or less, so that what failed together does not come back together
        let [random] = self.clock.bytes::<1>();
        let wobble = pause.saturating_mul(i64::from(random) - 128) / 640;
        let next = now.plus_seconds(pause.saturating_add(wobble).max(1));
        let over = report.created_at.plus_seconds(GIVEN_UP_SECONDS) <= next;
        if over { (DeliveryState::Failed, now) } else { (DeliveryState::Pending, next) }
    }

    /// Sends a report; answers the HTTP status.
    async fn send(
        &self,
        report: &Report,
        endpoint: Option<Endpoint>,
        payment: Option<Payment>,
    ) -> Result<u16, Trouble> {
        let now = self.clock.now();
        let (url, secrets, body) = match (endpoint, payment) {
            (Some(endpoint), payment) => {
                if !endpoint.enabled {
                    return Err(Trouble::Lasting("The webhook is switched off.".to_owned()));
                }
                let body = (self.words.report)(report, payment).to_string();
                (endpoint.url.clone(), self.secrets(&endpoint, now), body)
            }
            (None, Some(payment)) => {
                let url = payment.webhook.clone();
                let url = url.ok_or_else(|| Trouble::Lasting("The payment names no receiver.".to_owned()))?;
                let found = self.store.wallet_find(payment.wallet_id.clone()).await;
                let wallet = found.map_err(|error| Trouble::Passing(error.to_string()))?;
                let secrets = wallet.and_then(|wallet| self.wallet_secret(&wallet)).into_iter().collect();
                // a JSON text that holds JSON: receivers of LNbits decode twice
                let body = serde_json::Value::String((self.words.payment)(payment).to_string()).to_string();
                (url, secrets, body)
            }
            (None, None) => return Err(Trouble::Lasting("The payment is gone.".to_owned())),
        };
        let rules = self.settings.limits().callbacks.clone();
        check_callback(&url, &rules).map_err(|not| Trouble::Lasting(not.to_string()))?;
        let policy = Policy {
            allow_private: rules.allow_private,
            plain_http: true,
            max_body: ANSWER_MAX,
            timeout: PATIENCE,
            redirects: Rules::none(),
        };
        let signature = signature::sign(&secrets, now, body.as_bytes());
        let request = Request::post(url, body.into_bytes())
            .header(signature::HEADER, signature)
            .header("Satchel-Event", report.kind.as_str())
            .header("Satchel-Delivery", report.id.to_string());
        let reply = self.outbound.send(&policy, request).await;
        reply.map(|reply| reply.status).map_err(|error| Trouble::Passing(error.to_string()))
    }

    /// What an endpoint's reports are signed with now.
    fn secrets(&self, endpoint: &Endpoint, now: Time) -> Vec<String> {
        let open = |sealed: &[u8]| self.vault.open_text(sealed, &context(&endpoint.id));
        let holds = endpoint.previous_until.is_some_and(|until| until > now);
        let previous = endpoint.previous_sealed.as_ref().filter(|_| holds);
        open(&endpoint.secret_sealed).into_iter().chain(previous.and_then(|sealed| open(sealed))).collect()
    }

    /// What reports to receivers that payments name are signed with: it follows from the wallet's admin key, so
    /// that whoever has that can compute it, and new keys give a new one.
    fn wallet_secret(&self, wallet: &Wallet) -> Option<String> {
        let key = self.vault.open_text(&wallet.admin_key_sealed, &format!("wallet/{}", wallet.id))?;
        Some(signature::of_key(&key))
    }
}

/// Why a report did not arrive.
enum Trouble {
    /// It may the next time.
    Passing(String),
    /// It never will.
    Lasting(String),
}
