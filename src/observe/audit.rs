//! The audit log's writer: lines queue up in memory and are written many at a time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Mutex, mpsc, oneshot};

use crate::{
    clock::Clock,
    domain::{
        Time,
        audit::{AUDIT, AuditLine, AuditPolicy, ChainKey, Verdict},
        filter::{Fields, Listing},
    },
    store::{Store, StoreError, types::AuditTotals},
    vault::Vault,
};

/// Lines that wait for the writer; what comes then is dropped, and counted.
const QUEUE_MAX: usize = 8192;
/// Most lines of one writing.
const BATCH_MAX: usize = 512;
/// Lines that come so soon after one another are written together.
const GATHER: Duration = Duration::from_millis(100);
/// Between two tries to write: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// How long somebody waits until what was recorded before is written.
const FLUSH_WAIT: Duration = Duration::from_secs(10);
/// The route under which lines that were dropped are told.
const DROPPED: &str = "audit/dropped";

enum Message {
    Line(Box<AuditLine>),
    /// Everything before it is to be written, then its sender is told.
    Flush(oneshot::Sender<()>),
}

/// The audit log of this server. Cheap to clone.
#[derive(Clone)]
pub struct AuditLog {
    queue: mpsc::Sender<Message>,
    inbox: Arc<Mutex<mpsc::Receiver<Message>>>,
    /// Lines that were dropped and not told yet, and all that ever were.
    dropped: Arc<AtomicU64>,
    dropped_ever: Arc<AtomicU64>,
    store: Store,
    key: ChainKey,
    clock: Clock,
}

impl AuditLog {
    /// What lists of it know.
    pub const FIELDS: &'static Fields = &AUDIT;

    /// The log in this store. Nothing is written before [`AuditLog::run`].
    pub fn new(store: Store, vault: &Vault, clock: Clock) -> Self {
        let (queue, inbox) = mpsc::channel(QUEUE_MAX);
        let key = ChainKey::new(vault.derived("audit chain"));
        Self {
            queue,
            inbox: Arc::new(Mutex::new(inbox)),
            dropped: Arc::default(),
            dropped_ever: Arc::default(),
            store,
            key,
            clock,
        }
    }

    /// Leaves a line for the writer. Never waits: when the writer does not keep up, the line is counted as dropped,
    /// and a line of its own tells how many were.
    pub fn record(&self, line: AuditLine) {
        if self.queue.try_send(Message::Line(Box::new(line))).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            self.dropped_ever.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many lines were dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped_ever.load(Ordering::Relaxed)
    }

    /// How many lines wait for the writer.
    pub fn waiting(&self) -> usize {
        QUEUE_MAX.saturating_sub(self.queue.capacity())
    }

    /// Writes lines, for ever. It may be cut off between two writings; [`AuditLog::flush`] comes before that.
    pub async fn run(&self) {
        let mut inbox = self.inbox.lock().await;
        let mut messages = Vec::new();
        loop {
            if inbox.recv_many(&mut messages, 1).await == 0 {
                return;
            }
            if messages.iter().all(|message| matches!(message, Message::Line(_))) {
                tokio::time::sleep(GATHER).await;
            }
            while messages.len() < BATCH_MAX {
                let Ok(message) = inbox.try_recv() else { break };
                messages.push(message);
            }
            let (mut lines, mut waiting) = (Vec::new(), Vec::new());
            for message in messages.drain(..) {
                match message {
                    Message::Line(line) => lines.push(*line),
                    Message::Flush(told) => waiting.push(told),
                }
            }
            self.write(lines).await;
            for told in waiting {
                // whoever does not wait any more need not be told
                let _ = told.send(());
            }
        }
    }

    /// Tries until the database takes them.
    async fn write(&self, mut lines: Vec<AuditLine>) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::error!(dropped, "the audit log's writer did not keep up; lines were dropped");
            lines.push(self.about_dropped(dropped));
        }
        if lines.is_empty() {
            return;
        }
        let mut pause = RETRY.0;
        while let Err(error) = self.store.audit_append(lines.clone(), self.key.clone()).await {
            tracing::warn!(%error, lines = lines.len(), "the audit log cannot be written; trying again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY.1);
        }
    }

    fn about_dropped(&self, dropped: u64) -> AuditLine {
        let now = self.clock.now();
        AuditLine {
            id: 0,
            created_at: now,
            duration_us: 0,
            component: "audit".into(),
            request_method: "-".into(),
            path: DROPPED.into(),
            request_path: None,
            details: Some(format!("{{\"dropped\":{dropped}}}")),
            response_code: 0,
            account_id: None,
            family: None,
            credential_id: None,
            ip_address: None,
            request_id: String::new(),
            // longer than any line beside it may be kept by default
            delete_at: AuditPolicy { retention_days: 0, ..AuditPolicy::default() }.delete_at(now),
            hash: Vec::new(),
        }
    }

    /// Waits until what was recorded before is written; false when that took too long.
    pub async fn flush(&self) -> bool {
        let (told, written) = oneshot::channel();
        let flushed = async { self.queue.send(Message::Flush(told)).await.is_ok() && written.await.is_ok() };
        tokio::time::timeout(FLUSH_WAIT, flushed).await.unwrap_or(false)
    }

    /// Forgets lines whose time is over.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn forget(&self, now: Time) -> Result<(), StoreError> {
        while self.store.audit_forget(now, self.key.clone()).await? > 0 {}
        Ok(())
    }

    /// Walks along the chain and says what is wrong with it.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn verify(&self) -> Result<Verdict, StoreError> {
        self.store.audit_verify(self.key.clone()).await
    }

    /// A page of lines, newest first unless the listing says otherwise, and how many there are on all pages.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn page(&self, listing: Listing) -> Result<(Vec<AuditLine>, i64), StoreError> {
        self.store.audit_page(listing).await
    }

    /// Counts over the lines that the listing asks for.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn totals(&self, listing: Listing) -> Result<AuditTotals, StoreError> {
        self.store.audit_totals(listing).await
    }
}
