//! The node's memory on disk: lines that are only ever appended.
//!
//! A fact is queued under the lock of the books, so that the lines stand in the order in which things
//! happened. One thread writes what is queued and flushes it, many facts at a time. Until a fact is
//! flushed nobody is told of it. When the disk refuses, the half-written part is cut off and
//! written again every second until it works; meanwhile the node counts as down.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Seek, SeekFrom, Write},
    path::Path,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::watch;

use super::fact::Fact;
use crate::funding::SourceDown;

/// How long to wait before a failed write is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Where facts go. Without a file they are only counted.
pub(super) struct Journal {
    file: Option<(Arc<Shared>, Option<JoinHandle<()>>)>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// There is work for the writer, or news from it.
    changed: Condvar,
    progress: watch::Sender<Progress>,
    /// Set by tests: every write fails.
    disk_full: AtomicBool,
}

#[derive(Default)]
struct Queue {
    pending: Vec<u8>,
    /// Number of facts queued since the start.
    appended: u64,
    closing: bool,
}

#[derive(Clone, Default)]
struct Progress {
    /// Number of facts flushed since the start.
    written: u64,
    /// Why nothing can be written now.
    trouble: Option<Arc<str>>,
}

impl Journal {
    /// A journal that forgets.
    pub(super) const fn in_memory() -> Self {
        Self { file: None }
    }

    /// Opens or creates the file, hands each fact in it to `replay`, and gets ready to append. A torn
    /// last line, which nobody was told of, is cut off.
    pub(super) fn open(path: &Path, mut replay: impl FnMut(Fact)) -> Result<Self, SourceDown> {
        let down = |what: &str, error: &dyn std::fmt::Display| {
            SourceDown(format!("the simulated node's journal {} {what}: {error}", path.display()))
        };
        let file = create(path).map_err(|error| down("cannot be opened", &error))?;
        file.try_lock().map_err(|error| down("is in use", &error))?;
        let length = read(&file, &mut replay).map_err(|error| down("cannot be read", &error))?;
        file.set_len(length).map_err(|error| down("cannot be written", &error))?;

        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            changed: Condvar::new(),
            progress: watch::Sender::new(Progress::default()),
            disk_full: AtomicBool::new(false),
        });
        let writer = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("node-journal".into())
            .spawn(move || writer.run(&file, length))
            .map_err(|error| down("has no writer", &error))?;
        Ok(Self { file: Some((shared, Some(thread))) })
    }

    /// Queues a fact.
    pub(super) fn append(&self, fact: &Fact) {
        let Some((shared, _)) = &self.file else { return };
        let mut queue = shared.queue();
        // a fact consists of numbers and texts, which always have a JSON form
        if serde_json::to_writer(&mut queue.pending, fact).is_ok() {
            queue.pending.push(b'\n');
        }
        queue.appended = queue.appended.saturating_add(1);
        drop(queue);
        shared.changed.notify_all();
    }

    /// How many facts are queued so far: what an answer that is made up now rests on.
    pub(super) fn end(&self) -> u64 {
        self.file.as_ref().map_or(0, |(shared, _)| shared.queue().appended)
    }

    /// Whether facts can be written at present.
    pub(super) fn works(&self) -> Result<(), SourceDown> {
        let trouble = self.file.as_ref().and_then(|(shared, _)| shared.progress.borrow().trouble.clone());
        trouble.map_or(Ok(()), |why| Err(SourceDown(why.to_string())))
    }

    /// Waits until so many facts are flushed, or until the disk refuses.
    pub(super) async fn written(&self, facts: u64) -> Result<(), SourceDown> {
        let Some((shared, _)) = &self.file else { return Ok(()) };
        let mut progress = shared.progress.subscribe();
        // the sender lives as long as the journal, so that waiting does not fail
        let reached = progress.wait_for(|now| now.written >= facts || now.trouble.is_some()).await;
        reached.map_or(Ok(()), |now| now.reached(facts))
    }

    /// The same for callers that cannot await. Takes as long as one flush.
    pub(super) fn written_blocking(&self, facts: u64) -> Result<(), SourceDown> {
        let Some((shared, _)) = &self.file else { return Ok(()) };
        let mut queue = shared.queue();
        loop {
            let now = shared.progress.borrow().clone();
            if now.written >= facts || now.trouble.is_some() {
                return now.reached(facts);
            }
            queue = shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Makes every write fail, as on a full disk, until it is switched off.
    pub(super) fn set_disk_full(&self, full: bool) {
        if let Some((shared, _)) = &self.file {
            shared.disk_full.store(full, Ordering::SeqCst);
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let Some((shared, thread)) = &mut self.file else { return };
        shared.queue().closing = true;
        shared.changed.notify_all();
        if let Some(thread) = thread.take() {
            // a writer that panicked has nothing more to flush
            drop(thread.join());
        }
    }
}

impl Progress {
    fn reached(&self, facts: u64) -> Result<(), SourceDown> {
        match &self.trouble {
            Some(why) if self.written < facts => Err(SourceDown(why.to_string())),
            _ => Ok(()),
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is queued until the journal is closed.
    fn run(&self, file: &File, mut length: u64) {
        let mut batch = Vec::new();
        loop {
            let retrying = !batch.is_empty();
            let (facts, closing) = {
                let mut queue = self.queue();
                if retrying && !queue.closing {
                    queue = self.changed.wait_timeout(queue, RETRY).unwrap_or_else(PoisonError::into_inner).0;
                }
                while queue.pending.is_empty() && batch.is_empty() && !queue.closing {
                    queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                }
                batch.append(&mut queue.pending);
                (queue.appended, queue.closing)
            };
            if batch.is_empty() {
                return;
            }
            match self.write(file, length, &batch, retrying) {
                Ok(()) => {
                    length = length.saturating_add(u64::try_from(batch.len()).unwrap_or(u64::MAX));
                    batch.clear();
                    self.publish(|now| *now = Progress { written: facts, trouble: None });
                }
                Err(error) => {
                    let why = format!("the simulated node cannot write its journal: {error}");
                    tracing::error!(%error, "the simulated node cannot write its journal");
                    self.publish(|now| now.trouble = Some(why.into()));
                    if closing {
                        return;
                    }
                }
            }
        }
    }

    fn write(&self, mut file: &File, length: u64, batch: &[u8], retrying: bool) -> io::Result<()> {
        if self.disk_full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if retrying {
            file.set_len(length)?;
        }
        file.seek(SeekFrom::Start(length))?;
        file.write_all(batch)?;
        file.sync_data()
    }

    fn publish(&self, change: impl FnOnce(&mut Progress)) {
        self.progress.send_modify(change);
        // whoever waits without a runtime looks at the progress under this lock
        drop(self.queue());
        self.changed.notify_all();
    }
}

/// Opens the file for its owner only: it holds preimages. A new file's name is flushed as well.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all()?,
        _ => File::open(".")?.sync_all()?,
    }
    Ok(file)
}

/// Reads facts up to the end or a torn last line, and says how long the good part is.
fn read(file: &File, replay: &mut impl FnMut(Fact)) -> io::Result<u64> {
    let mut reader = BufReader::new(file);
    let (mut line, mut good, mut number) = (Vec::new(), 0_u64, 0_u64);
    loop {
        line.clear();
        number = number.saturating_add(1);
        let length = reader.read_until(b'\n', &mut line)?;
        let fact = if line.ends_with(b"\n") { serde_json::from_slice(&line).ok() } else { None };
        match fact {
            Some(fact) => replay(fact),
            None if reader.fill_buf()?.is_empty() => return Ok(good),
            None => return Err(io::Error::new(io::ErrorKind::InvalidData, format!("line {number} is not a fact"))),
        }
        good = good.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
    }
}
