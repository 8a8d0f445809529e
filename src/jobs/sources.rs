//! Listening to every funding source that is open, each in a task of its own.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{task::JoinSet, time::sleep};

use crate::{ledger::Ledger, observe::JobBook, sources::Named};

/// Before a lost node is called again: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Listens to the sources that are open now, and to those that are opened later, until they are let go.
pub(super) async fn follow_all(ledger: Ledger, book: JobBook) {
    let mut changes = ledger.sources().changes();
    let mut tasks = JoinSet::new();
    let mut following: BTreeMap<String, (Arc<Named>, tokio::task::AbortHandle)> = BTreeMap::new();
    loop {
        let open: BTreeMap<_, _> =
            ledger.sources().open().into_iter().map(|named| (named.name.clone(), named)).collect();
        following.retain(|name, (followed, task)| {
            // one that was opened anew with other settings is another connection
            let stays = open.get(name).is_some_and(|named| Arc::ptr_eq(named, followed));
            if !stays {
                task.abort();
            }
            stays
        });
        for (name, named) in open {
            if named.capabilities().reports && !following.contains_key(&name) {
                let task = tasks.spawn(follow(ledger.clone(), Arc::clone(&named), book.clone()));
                following.insert(name, (named, task));
            }
        }
        while tasks.try_join_next().is_some() {}
        if changes.changed().await.is_err() {
            return;
        }
    }
}

async fn follow(ledger: Ledger, source: Arc<Named>, book: JobBook) {
    let mut pause = RETRY.0;
    loop {
        let since = Instant::now();
        let outcome = ledger.follow_source(&source).await;
        // a node that was there for a while and is lost again is called again at once
        let lasted = outcome.is_ok() || since.elapsed() > RETRY.1;
        pause = if lasted { RETRY.0 } else { (pause * 2).min(RETRY.1) };
        book.ended("node reports", outcome);
        sleep(pause).await;
    }
}
