//! What goes on in the background: following the node, asking about what is open, telling listeners.
//!
//! Every job is a loop that can be cut off anywhere: what it does is done by transactions, and what it
//! did not come to, its next round does.

mod sources;

use std::{future::Future, time::Duration};

use futures_util::future::BoxFuture;
use tokio::{task::JoinSet, time::sleep};

use crate::{
    accounts::{AccountError, Accounts},
    clock::Clock,
    events::Events,
    idempotency::KEPT_SECONDS,
    ledger::Ledger,
    links::Links,
    observe::{AuditLog, JobBook},
    push::Pushes,
    settings::Settings,
    store::Store,
    webhooks::Webhooks,
};

/// Between two looks at whether credentials or settings changed elsewhere; revocation takes at most so long.
const CREDENTIALS_EVERY: Duration = Duration::from_millis(400);
/// Between two writings of when credentials were last used.
const USES_EVERY: Duration = Duration::from_secs(30);
/// Between two writings of from where keys were used.
const PLACES_EVERY: Duration = Duration::from_secs(2);
/// How long events stay in the outbox.
const EVENTS_KEPT_SECONDS: i64 = 7 * 24 * 3600;
/// How long is known what became of a report.
const REPORTS_KEPT_SECONDS: i64 = 30 * 24 * 3600;
const CLEAN_EVERY: Duration = Duration::from_hours(1);
/// Between two self-checks.
const CHECK_EVERY: Duration = Duration::from_hours(24);
/// Between two looks at whether somebody paid for a tier.
const TIERS_EVERY: Duration = Duration::from_secs(1);
/// Between two looks at whether withdrawals have ended.
const WITHDRAWALS_EVERY: Duration = Duration::from_secs(5);
/// Between two rounds of forgetting callers that have not called for long.
const CALLERS_EVERY: Duration = Duration::from_secs(30);

/// What the jobs work with.
pub struct Workshop<'a> {
    /// Money.
    pub ledger: &'a Ledger,
    /// People and credentials.
    pub accounts: &'a Accounts,
    /// Live updates.
    pub events: &'a Events,
    /// Where events are reported to.
    pub webhooks: &'a Webhooks,
    /// Browsers.
    pub pushes: &'a Pushes,
    /// LNURL links.
    pub links: &'a Links,
    /// What the super user decides.
    pub settings: &'a Settings,
    /// The audit log.
    pub audit: &'a AuditLog,
    /// The database.
    pub store: &'a Store,
    /// Time.
    pub clock: &'a Clock,
    /// Where each run is noted.
    pub book: &'a JobBook,
}

/// Starts all jobs. They end when the set is dropped.
#[expect(clippy::too_many_lines, reason = "an entry for each job")]
pub fn start(of: &Workshop<'_>) -> JoinSet<()> {
    let mut jobs = JoinSet::new();
    let book = of.book.clone();
    book.begins("node reports", None);
    jobs.spawn(sources::follow_all(of.ledger.clone(), book));
    let chosen = of.ledger.sources().clone();
    let book = of.book.clone();
    book.begins("funding source", Some(CREDENTIALS_EVERY));
    jobs.spawn(again_and_again(
        book,
        "funding source",
        CREDENTIALS_EVERY,
        work(move || {
            let chosen = chosen.clone();
            async move { chosen.follow().await }
        }),
    ));
    // these look by themselves whether there is something to do, and tell the log when it goes wrong
    of.book.begins("open payments", None);
    let ledger = of.ledger.clone();
    jobs.spawn(async move { ledger.ask_about_open().await });
    of.book.begins("live updates", None);
    let events = of.events.clone();
    jobs.spawn(async move { events.run().await });
    of.book.begins("webhooks", None);
    let webhooks = of.webhooks.clone();
    jobs.spawn(async move { webhooks.run().await });
    of.book.begins("web push", None);
    let pushes = of.pushes.clone();
    jobs.spawn(async move { pushes.run().await });
    of.book.begins("exchange rates", None);
    let rates = of.ledger.rates().clone();
    jobs.spawn(async move { rates.run().await });
    of.book.begins("audit log", None);
    let audit = of.audit.clone();
    jobs.spawn(async move { audit.run().await });
    let mut every = |name, pause, work: Work| {
        of.book.begins(name, Some(pause));
        jobs.spawn(again_and_again(of.book.clone(), name, pause, work));
    };
    let accounts = of.accounts.clone();
    every(
        "credentials",
        CREDENTIALS_EVERY,
        work(move || {
            let accounts = accounts.clone();
            async move { accounts.follow_changes().await }
        }),
    );
    let settings = of.settings.clone();
    every(
        "settings",
        CREDENTIALS_EVERY,
        work(move || {
            let settings = settings.clone();
            async move { settings.follow().await.map(drop) }
        }),
    );
    let accounts = of.accounts.clone();
    every(
        "last uses",
        USES_EVERY,
        work(move || {
            let accounts = accounts.clone();
            async move { accounts.flush_uses().await }
        }),
    );
    let accounts = of.accounts.clone();
    every(
        "places of keys",
        PLACES_EVERY,
        work(move || {
            let accounts = accounts.clone();
            async move { accounts.note_sightings().await }
        }),
    );
    let accounts = of.accounts.clone();
    every(
        "tiers",
        TIERS_EVERY,
        work(move || {
            let accounts = accounts.clone();
            async move { accounts.grant_paid_tiers(None).await }
        }),
    );
    let links = of.links.clone();
    every(
        "withdrawals",
        WITHDRAWALS_EVERY,
        work(move || {
            let links = links.clone();
            async move { links.go_on().await }
        }),
    );
    let accounts = of.accounts.clone();
    every(
        "stale tier orders",
        CLEAN_EVERY,
        work(move || {
            let accounts = accounts.clone();
            async move { accounts.forget_stale_tier_orders().await }
        }),
    );
    let accounts = of.accounts.clone();
    every(
        "idle callers",
        CALLERS_EVERY,
        work(move || {
            accounts.forget_idle_callers();
            std::future::ready(Ok::<(), AccountError>(()))
        }),
    );
    let ledger = of.ledger.clone();
    every("self-check", CHECK_EVERY, work(move || self_check(ledger.clone())));
    let accounts = of.accounts.clone();
    every(
        "used login events",
        CLEAN_EVERY,
        work(move || {
            let accounts = accounts.clone();
            async move { accounts.forget_events().await }
        }),
    );
    let (store, clock) = (of.store.clone(), of.clock.clone());
    every(
        "old events",
        CLEAN_EVERY,
        work(move || {
            let (store, before) = (store.clone(), clock.now().plus_seconds(-EVENTS_KEPT_SECONDS));
            async move { store.event_forget(before).await }
        }),
    );
    let (store, clock) = (of.store.clone(), of.clock.clone());
    every(
        "old webhook deliveries",
        CLEAN_EVERY,
        work(move || {
            let (store, before) = (store.clone(), clock.now().plus_seconds(-REPORTS_KEPT_SECONDS));
            async move { store.webhook_forget(before).await }
        }),
    );
    let (store, clock) = (of.store.clone(), of.clock.clone());
    every(
        "old idempotency keys",
        CLEAN_EVERY,
        work(move || {
            let (store, before) = (store.clone(), clock.now().plus_seconds(-KEPT_SECONDS));
            async move { store.idempotency_forget(before).await }
        }),
    );
    let (audit, clock) = (of.audit.clone(), of.clock.clone());
    every(
        "old audit lines",
        CLEAN_EVERY,
        work(move || {
            let (audit, now) = (audit.clone(), clock.now());
            async move { audit.forget(now).await }
        }),
    );
    jobs
}

/// One run of a job; what went wrong is for people.
type Work = Box<dyn FnMut() -> BoxFuture<'static, Result<(), String>> + Send>;

fn work<F, E>(mut work: impl FnMut() -> F + Send + 'static) -> Work
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: std::fmt::Display,
{
    Box::new(move || {
        let run = work();
        Box::pin(async move { run.await.map_err(|error| error.to_string()) })
    })
}

async fn again_and_again(book: JobBook, name: &'static str, pause: Duration, mut work: Work) {
    loop {
        book.ended(name, work().await);
        sleep(pause).await;
    }
}

async fn self_check(ledger: Ledger) -> Result<(), String> {
    let report = ledger.check().await.map_err(|error| error.to_string())?;
    for fault in &report.faults {
        tracing::error!(fault, "the ledger does not add up");
    }
    if report.faults.is_empty() { Ok(()) } else { Err(format!("{} faults in the ledger", report.faults.len())) }
}
