//! SQLite: one writer thread that commits many operations at once, and a few readers.
//!
//! A commit has to wait for the disk, and the disk takes as long for a hundred operations as for
//! one. So operations queue up, and all that are there share the next commit. Callers hear only after
//! the commit. Where one of them is refused, the batch is rolled back and run once more with a savepoint
//! around each, so that the refused one takes nothing with it; savepoints cost too much to have always.

use std::{
    future::Future,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{StoreError, types::Posts};
use crate::domain::{Msat, WalletId};

mod balances;
mod conn;
#[path = "queries/mod.rs"]
pub(super) mod queries;

use balances::Balances;
pub(super) use conn::Conn;

/// The database that the queries are written for here.
pub(super) type Db = diesel::sqlite::Sqlite;
/// The number that this connection's last INSERT gave its row.
const NEWEST_ID: &str = "last_insert_rowid()";
/// An operation: an async function of the connection, boxed so that it can change threads. It can be run
/// again after what it did was rolled back.
pub(super) type Op<T> = Box<dyn for<'c> Fn(&'c mut Conn) -> BoxFuture<'c, Result<T, StoreError>> + Send + Sync>;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
/// Most operations of one commit.
const BATCH_MAX: usize = 256;
/// Most operations that wait for the writer; whoever comes then waits before queueing.
const QUEUE_MAX: usize = 4096;
const READERS: usize = 4;

/// Every commit reaches the disk before anybody hears of it (`synchronous=FULL`); the log is folded
/// back into the database every 4096 pages, in the writer's time.
const WRITER: &str = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; \
    PRAGMA busy_timeout=5000; PRAGMA wal_autocheckpoint=4096; PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY;";
/// What a copy is made with. (`query_only` would forbid it.)
const COPIER: &str = "PRAGMA busy_timeout=5000; PRAGMA cache_size=-8192;";
const READER: &str =
    "PRAGMA query_only=ON; PRAGMA busy_timeout=5000; PRAGMA cache_size=-8192; PRAGMA temp_store=MEMORY;";

/// The database file, its writer and its readers. Cheap to clone.
#[derive(Clone)]
pub(super) struct Sqlite {
    file: Arc<str>,
    writer: mpsc::Sender<Box<dyn Job>>,
    readers: Arc<Readers>,
    balances: Arc<Balances>,
}

impl Sqlite {
    pub(super) fn open(file: &Path) -> Result<Self, StoreError> {
        let url = file.to_str().ok_or_else(|| StoreError::Unavailable("the file's name is not UTF-8".into()))?;
        let mut writer = connect(url, WRITER)?;
        writer.migrate(MIGRATIONS).map_err(|error| StoreError::Unavailable(format!("migration: {error}")))?;
        let readers = (0..READERS).map(|_| connect(url, READER)).collect::<Result<_, _>>()?;
        let (sender, jobs) = mpsc::channel(QUEUE_MAX);
        std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || write_loop(writer, jobs))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self {
            file: url.into(),
            writer: sender,
            readers: Arc::new(Readers::new(readers)),
            balances: Arc::default(),
        })
    }

    /// Copies the database as it is now into a new file, by a connection of its own: neither the writer nor the
    /// readers wait for it.
    pub(super) fn copy_into(&self, file: &Path) -> Result<(), StoreError> {
        let name = file.to_str().ok_or_else(|| StoreError::Unavailable("the file's name is not UTF-8".into()))?;
        let mut conn = connect(&self.file, COPIER)?;
        Ok(conn.run(&format!("VACUUM INTO '{}'", name.replace('\'', "''")))?)
    }

    /// How many operations wait for the writer.
    pub(super) fn waiting(&self) -> usize {
        QUEUE_MAX.saturating_sub(self.writer.capacity())
    }

    /// Runs the operation in the writer's transaction; returns once that is on disk.
    pub(super) async fn write<T: Send + 'static>(&self, op: Op<T>) -> Result<T, StoreError> {
        self.submit(op, |_| ()).await
    }

    /// Like [`Self::write`], for operations that change balances.
    pub(super) async fn post<T: Posts + Send + 'static>(&self, op: Op<T>) -> Result<T, StoreError> {
        let balances = Arc::clone(&self.balances);
        self.submit(op, move |outcome: &T| balances.committed(outcome.balances())).await
    }

    async fn submit<T: Send + 'static>(
        &self,
        op: Op<T>,
        committed: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Operation { op, outcome: None, committed, reply };
        self.writer.send(Box::new(job)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Runs a read on one of the readers, off the async threads.
    pub(super) async fn read<T: Send + 'static>(&self, op: Op<T>) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.readers).free.clone().acquire_owned().await.map_err(|_| closed())?;
        let readers = Arc::clone(&self.readers);
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let mut conn = readers.take().ok_or_else(closed)?;
            let outcome = run_inline(op(&mut conn));
            readers.give_back(conn);
            outcome
        })
        .await
        .map_err(|_| closed())?
    }

    /// Like [`Self::read`], all of it as of one moment.
    pub(super) async fn snapshot<T: Send + 'static>(&self, op: Op<T>) -> Result<T, StoreError> {
        let op = Arc::new(op);
        self.read(Box::new(move |conn| {
            let op = Arc::clone(&op);
            async move {
                conn.run("BEGIN")?;
                let outcome = op(conn).await;
                conn.run("ROLLBACK")?;
                outcome
            }
            .boxed()
        }))
        .await
    }

    /// The balance from memory, or else from `load`.
    pub(super) async fn balance<F>(
        &self,
        wallet: &WalletId,
        load: impl FnOnce() -> F,
    ) -> Result<Option<Msat>, StoreError>
    where
        F: Future<Output = Result<Option<Msat>, StoreError>>,
    {
        self.balances.get_or_load(wallet, load).await
    }
}

fn connect(url: &str, pragmas: &str) -> Result<Conn, StoreError> {
    let unavailable = |error: &dyn std::fmt::Display| StoreError::Unavailable(format!("{url}: {error}"));
    let mut conn = Conn::establish(url).map_err(|error| unavailable(&error))?;
    conn.run(pragmas).map_err(|error| unavailable(&error))?;
    Ok(conn)
}

fn closed() -> StoreError {
    StoreError::Unavailable("the server is shutting down".into())
}

/// Polls work that never waits because its connection is [`Conn`].
fn run_inline<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    work.now_or_never().unwrap_or_else(|| Err(StoreError::Unavailable("an inline connection waited".into())))
}

/// Idle readers; a permit of `free` is a connection in `idle`.
struct Readers {
    idle: Mutex<Vec<Conn>>,
    free: Arc<Semaphore>,
}

impl Readers {
    fn new(conns: Vec<Conn>) -> Self {
        Self { free: Arc::new(Semaphore::new(conns.len())), idle: Mutex::new(conns) }
    }

    fn take(&self) -> Option<Conn> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, conn: Conn) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
    }
}

/// A queued operation whose type of answer only its caller knows.
trait Job: Send {
    /// Runs it; false when it is to be rolled back.
    fn run(&mut self, conn: &mut Conn) -> bool;
    /// Tells its caller: the outcome if the commit held, else why not.
    fn finish(self: Box<Self>, committed: Result<(), &str>);
}

struct Operation<T, C> {
    op: Op<T>,
    outcome: Option<Result<T, StoreError>>,
    committed: C,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, C: FnOnce(&T) + Send> Job for Operation<T, C> {
    fn run(&mut self, conn: &mut Conn) -> bool {
        let outcome = run_inline((self.op)(conn));
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    fn finish(self: Box<Self>, committed: Result<(), &str>) {
        let answer = match (self.outcome, committed) {
            (Some(Ok(outcome)), Ok(())) => {
                (self.committed)(&outcome);
                Ok(outcome)
            }
            (Some(Err(error)), _) => Err(error),
            (_, Err(why)) => Err(StoreError::Unavailable(why.to_owned())),
            (None, Ok(())) => Err(closed()),
        };
        // a caller that went away does not need the answer
        let _ = self.reply.send(answer);
    }
}

/// Group commit: whatever queued up while the last commit was syncing shares the next one.
fn write_loop(mut conn: Conn, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while let Some(first) = jobs.blocking_recv() {
        batch.push(first);
        while batch.len() < BATCH_MAX {
            let Ok(job) = jobs.try_recv() else { break };
            batch.push(job);
        }
        let committed = commit(&mut conn, &mut batch);
        for job in batch.drain(..) {
            job.finish(match &committed {
                Ok(()) => Ok(()),
                Err(why) => Err(why.as_str()),
            });
        }
    }
}

/// Runs the batch as one transaction. An error means that nothing of it was kept.
fn commit(conn: &mut Conn, batch: &mut [Box<dyn Job>]) -> Result<(), String> {
    let outcome = together(conn, batch).and_then(|all_kept| if all_kept { Ok(()) } else { apart(conn, batch) });
    outcome.map_err(|error| {
        tracing::error!(%error, "a commit failed; its operations were not carried out");
        // fails when SQLite has rolled back by itself, which is as good
        let _ = conn.run("ROLLBACK");
        error.to_string()
    })
}

/// All or nothing: false when one was refused, and then nothing was kept.
fn together(conn: &mut Conn, batch: &mut [Box<dyn Job>]) -> Result<bool, StoreError> {
    conn.run("BEGIN IMMEDIATE")?;
    if batch.iter_mut().all(|job| job.run(conn)) {
        conn.run("COMMIT")?;
        return Ok(true);
    }
    // fails when SQLite has rolled back by itself; the second run finds out why
    let _ = conn.run("ROLLBACK");
    Ok(false)
}

/// Each with a savepoint of its own. Should SQLite roll back everything by itself (on a full disk), the
/// savepoint is gone, and the batch ends there.
fn apart(conn: &mut Conn, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    conn.run("BEGIN IMMEDIATE")?;
    for job in batch {
        conn.run("SAVEPOINT op")?;
        let keep = job.run(conn);
        conn.run(if keep { "RELEASE op" } else { "ROLLBACK TO op; RELEASE op" })?;
    }
    Ok(conn.run("COMMIT")?)
}
