//! Which work goes on in the background, when it last ran and whether that went well.

use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{clock::Clock, domain::Time};

/// One kind of work in the background.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its name.
    pub name: &'static str,
    /// How long it rests between two runs; `None` when it goes on without a rest.
    pub every: Option<Duration>,
    /// Since when there is this work.
    pub created_at: Time,
    /// How often it ran to an end.
    pub runs: u64,
    /// How many of these runs failed.
    pub failures: u64,
    /// When it last ended; `None` before that.
    pub last_run: Option<Time>,
    /// Why the last run failed; `None` when it went well.
    pub last_error: Option<String>,
}

/// All the work of this server. Cheap to clone.
#[derive(Clone)]
pub struct JobBook {
    jobs: Arc<Mutex<BTreeMap<&'static str, Job>>>,
    clock: Clock,
}

impl JobBook {
    /// A book without jobs.
    pub fn new(clock: Clock) -> Self {
        Self { jobs: Arc::default(), clock }
    }

    /// Notes that there is this work.
    pub fn begins(&self, name: &'static str, every: Option<Duration>) {
        let created_at = self.clock.now();
        let job = Job { name, every, created_at, runs: 0, failures: 0, last_run: None, last_error: None };
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_insert(job);
    }

    /// Notes how a run of it ended; a failure goes to the log as well.
    pub fn ended(&self, name: &'static str, outcome: Result<(), impl Display>) {
        let error = outcome.err().map(|error| error.to_string());
        if let Some(error) = &error {
            tracing::warn!(job = name, error, "a job failed; it is tried again");
        }
        let now = self.clock.now();
        if let Some(job) = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).get_mut(name) {
            job.runs = job.runs.saturating_add(1);
            job.failures = job.failures.saturating_add(u64::from(error.is_some()));
            job.last_run = Some(now);
            job.last_error = error;
        }
    }

    /// All of it, by name.
    pub fn list(&self) -> Vec<Job> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
