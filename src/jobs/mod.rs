//! What goes on in the background: following the node, asking about what is open, telling listeners.
//!
//! Every job is a loop that can be cut off anywhere: what it does is done by transactions, and what it
//! did not come to, its next round does.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use tokio::{task::JoinSet, time::sleep};

use crate::{
    accounts::Accounts, clock::Clock, domain::Time, events::Events, idempotency::KEPT_SECONDS, ledger::Ledger,
    settings::Settings, store::Store,
};

/// Between two looks at whether credentials or settings changed elsewhere; revocation takes at most so long.
const CREDENTIALS_EVERY: Duration = Duration::from_millis(400);
/// Between two writings of when credentials were last used.
const USES_EVERY: Duration = Duration::from_secs(30);
/// Before a lost node is called again: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// How long events stay in the outbox.
const EVENTS_KEPT_SECONDS: i64 = 7 * 24 * 3600;
const CLEAN_EVERY: Duration = Duration::from_hours(1);
/// Between two self-checks.
const CHECK_EVERY: Duration = Duration::from_hours(24);
/// Between two looks at whether somebody paid for a tier.
const TIERS_EVERY: Duration = Duration::from_secs(1);
/// Between two rounds of forgetting callers that have not called for long.
const CALLERS_EVERY: Duration = Duration::from_secs(30);

/// Starts all jobs. They end when the set is dropped.
pub fn start(
    ledger: &Ledger,
    accounts: &Accounts,
    events: &Events,
    settings: &Settings,
    store: &Store,
    clock: &Clock,
) -> JoinSet<()> {
    let mut jobs = JoinSet::new();
    jobs.spawn(follow_source(ledger.clone()));
    let (asking, checking, people) = (ledger.clone(), ledger.clone(), accounts.clone());
    jobs.spawn(async move { asking.ask_about_open().await });
    jobs.spawn(every(CREDENTIALS_EVERY, move || {
        let accounts = people.clone();
        async move { warn("credentials", accounts.follow_changes().await) }
    }));
    let live = settings.clone();
    jobs.spawn(every(CREDENTIALS_EVERY, move || {
        let settings = live.clone();
        async move { warn("settings", settings.follow().await.map(drop)) }
    }));
    let used = accounts.clone();
    jobs.spawn(every(USES_EVERY, move || {
        let accounts = used.clone();
        async move { warn("last uses", accounts.flush_uses().await) }
    }));
    let (selling, forgetting, counting) = (accounts.clone(), accounts.clone(), accounts.clone());
    jobs.spawn(every(TIERS_EVERY, move || {
        let accounts = selling.clone();
        async move { warn("tiers", accounts.grant_paid_tiers(None).await) }
    }));
    jobs.spawn(every(CLEAN_EVERY, move || {
        let accounts = forgetting.clone();
        async move { warn("tier orders", accounts.forget_stale_tier_orders().await) }
    }));
    jobs.spawn(every(CALLERS_EVERY, move || {
        counting.forget_idle_callers();
        std::future::ready(())
    }));
    jobs.spawn(every(CHECK_EVERY, move || self_check(checking.clone())));
    let logins = accounts.clone();
    jobs.spawn(every(CLEAN_EVERY, move || {
        let accounts = logins.clone();
        async move { warn("used login events", accounts.forget_events().await) }
    }));
    let (store, clock) = (store.clone(), clock.clone());
    jobs.spawn(every(CLEAN_EVERY, move || {
        let (store, now) = (store.clone(), clock.now());
        let (events, keys): (Time, Time) = (now.plus_seconds(-EVENTS_KEPT_SECONDS), now.plus_seconds(-KEPT_SECONDS));
        async move {
            warn("outbox", store.event_forget(events).await);
            warn("idempotency", store.idempotency_forget(keys).await);
        }
    }));
    let telling = events.clone();
    jobs.spawn(async move { telling.run().await });
    jobs
}

async fn every<F: Future<Output = ()>>(pause: Duration, mut work: impl FnMut() -> F) {
    loop {
        work().await;
        sleep(pause).await;
    }
}

fn warn(job: &str, outcome: Result<(), impl std::fmt::Display>) {
    if let Err(error) = outcome {
        tracing::warn!(job, %error, "a job failed; it is tried again");
    }
}

async fn follow_source(ledger: Ledger) {
    let mut pause = RETRY.0;
    loop {
        let since = Instant::now();
        let outcome = ledger.follow_source().await;
        // a node that was there for a while and is lost again is called again at once
        let lasted = outcome.is_ok() || since.elapsed() > RETRY.1;
        pause = if lasted { RETRY.0 } else { (pause * 2).min(RETRY.1) };
        if let Err(error) = outcome {
            tracing::warn!(%error, "the funding source's reports are interrupted; listening again soon");
        }
        sleep(pause).await;
    }
}

async fn self_check(ledger: Ledger) {
    match ledger.check().await {
        Ok(report) => {
            for fault in &report.faults {
                tracing::error!(fault, "the ledger does not add up");
            }
        }
        Err(error) => tracing::warn!(%error, "the self-check could not run"),
    }
}
