//! Copies of everything, encrypted with a pass phrase.
//!
//! A backup is a tar archive in the age format (age-encryption.org/v1): `age -d FILE | tar x` opens it without this
//! program. In it are the database as it was at one moment, the master secret that opens what is sealed in it,
//! and a note of what made it. Only the database's copy ever lies on disk unencrypted, in a folder for the owner
//! only, until it was sent; the rest passes through a few buffers, whatever its size.

mod pipe;
mod restore;

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    iter,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use age::{Encryptor, secrecy::SecretString};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

pub use restore::{Restored, restore};

use crate::{
    clock::Clock,
    config::MasterKey,
    domain::{Time, ids::to_hex},
    store::{CopyError, Store},
};

/// The fewest characters of a pass phrase.
pub const PASS_PHRASE_MIN: usize = 12;
/// 2^16 rounds of scrypt with 64 MiB: what guessing one pass phrase costs.
const WORK_FACTOR: u8 = 16;
/// Members of the archive.
const MASTER: &str = "master.key";
const ABOUT: &str = "backup.json";
const SQLITE: &str = "satchel.sqlite3";
const POSTGRES: &str = "satchel.pgdump";
/// How the folders of copies on their way are called.
const COPIES: &str = ".backup-";
/// The version of the archive's layout.
const LAYOUT: i64 = 1;

/// Why there is no backup, or none to restore.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// One is being made.
    #[error("A backup is being made; wait until it is done.")]
    Busy,
    /// The pass phrase would be guessed.
    #[error("A pass phrase has at least {PASS_PHRASE_MIN} characters.")]
    PassPhrase,
    /// The database cannot be copied from here. The text says what to do.
    #[error("{0}")]
    Unsupported(String),
    /// The database cannot be copied now.
    #[error("the database cannot be copied: {0}")]
    Copy(String),
    /// A file cannot be read or written.
    #[error("{0}")]
    File(String),
    /// What is to be restored cannot be.
    #[error("{0}")]
    Refused(String),
}

impl From<CopyError> for BackupError {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::NoTool(what) => Self::Unsupported(what),
            CopyError::Failed(why) => Self::Copy(why),
        }
    }
}

/// Makes backups, one at a time. Cheap to clone.
#[derive(Clone)]
pub struct Backup {
    store: Store,
    master: MasterKey,
    clock: Clock,
    folder: PathBuf,
    turn: Arc<Semaphore>,
}

/// A backup on its way: its parts, in order. It ends with an error when something went wrong on the way.
pub type Parts = mpsc::Receiver<io::Result<Vec<u8>>>;

impl Backup {
    /// Copies of this store. What has to lie on disk meanwhile lies in this folder.
    pub fn new(store: Store, master: MasterKey, clock: Clock, folder: PathBuf) -> Self {
        Self { store, master, clock, folder, turn: Arc::new(Semaphore::new(1)) }
    }

    /// Copies the database as it is now, and begins to send it.
    ///
    /// # Errors
    /// When the pass phrase is too short, another backup is under way, or the database cannot be copied.
    pub async fn begin(&self, pass_phrase: String) -> Result<Parts, BackupError> {
        if pass_phrase.chars().count() < PASS_PHRASE_MIN {
            return Err(BackupError::PassPhrase);
        }
        let permit = Arc::clone(&self.turn).try_acquire_owned().map_err(|_| BackupError::Busy)?;
        let name = format!("{COPIES}{}", to_hex(&self.clock.bytes::<8>()));
        let folder = Folder::make(&self.folder, &name)?;
        let member = if self.store.is_shared() { POSTGRES } else { SQLITE };
        self.store.copy_into(&folder.0.join(member)).await?;
        let (parts, receiver) = pipe::pipe();
        let (master, now) = (self.master.clone(), self.clock.now());
        tokio::task::spawn_blocking(move || {
            let folder = folder;
            let _permit: OwnedSemaphorePermit = permit;
            let sent = write(&parts, SecretString::from(pass_phrase), &folder.0.join(member), member, &master, now);
            if let Err(error) = sent {
                tracing::warn!(%error, "a backup was not finished");
                parts.fail(error);
            }
        });
        Ok(receiver)
    }
}

/// Writes the archive: the age format around tar around the members.
fn write(
    parts: &pipe::Parts,
    pass_phrase: SecretString,
    database: &Path,
    member: &str,
    master: &MasterKey,
    now: Time,
) -> io::Result<()> {
    let mut recipient = age::scrypt::Recipient::new(pass_phrase);
    recipient.set_work_factor(WORK_FACTOR);
    let recipient: &dyn age::Recipient = &recipient;
    let encryptor = Encryptor::with_recipients(iter::once(recipient)).map_err(io::Error::other)?;
    let sealed = encryptor.wrap_output(parts.writer())?;
    let mut archive = tar::Builder::new(sealed);
    let about = json!({
        "layout": LAYOUT, "satchel": env!("CARGO_PKG_VERSION"), "created_at": now.to_string(), "database": member,
    });
    append(&mut archive, ABOUT, about.to_string().as_bytes(), now)?;
    append(&mut archive, MASTER, to_hex(&master.0).as_bytes(), now)?;
    let file = File::open(database)?;
    let mut header = header(file.metadata()?.len(), now);
    archive.append_data(&mut header, member, file)?;
    let sealed = archive.into_inner()?;
    sealed.finish()?.flush()
}

fn append(archive: &mut tar::Builder<impl Write>, name: &str, bytes: &[u8], now: Time) -> io::Result<()> {
    let mut header = header(u64::try_from(bytes.len()).unwrap_or(u64::MAX), now);
    archive.append_data(&mut header, name, bytes)
}

fn header(size: u64, now: Time) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o600);
    header.set_mtime(u64::try_from(now.unix()).unwrap_or(0));
    header
}

/// Removes the copies that a killed server left behind: they are not encrypted.
pub fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(COPIES)) {
        drop(Folder(entry.path()));
    }
}

/// A folder for the owner only, gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn make(parent: &Path, name: &str) -> Result<Self, BackupError> {
        let path = parent.join(name);
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| BackupError::File(format!("{}: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "what a backup left behind could not be removed");
        }
    }
}
