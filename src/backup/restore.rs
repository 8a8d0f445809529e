//! From a backup back to a folder that a server can start with.
//!
//! Everything is unpacked beside its place and put there when the archive was read, and proven, to its end. The
//! database comes last: a folder without one was not restored.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Write},
    iter,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use age::{Decryptor, secrecy::SecretString};
use serde_json::Value;

use super::{ABOUT, BackupError, Folder, LAYOUT, MASTER, POSTGRES, SQLITE};
use crate::{clock::Clock, domain::ids::to_hex};

/// The largest work factor that is tried: 1 GiB of memory.
const WORK_FACTOR_MAX: u8 = 20;

/// What was restored.
#[derive(Debug, PartialEq, Eq)]
pub struct Restored {
    /// When the backup was made.
    pub created_at: String,
    /// The PostgreSQL dump that is still to be loaded, where the backup is one of PostgreSQL.
    pub dump: Option<PathBuf>,
}

/// Unpacks a backup into a folder that has neither a database nor a master secret. `postgres` says of which
/// database it has to be.
///
/// # Errors
/// When the folder is in use, the pass phrase is wrong, or the file is no backup or not all of one.
pub fn restore(
    file: &Path,
    folder: &Path,
    postgres: bool,
    pass_phrase: String,
    clock: &Clock,
) -> Result<Restored, BackupError> {
    for name in [SQLITE, MASTER, POSTGRES, "satchel.sqlite3-wal", "satchel.sqlite3-journal"] {
        if folder.join(name).exists() {
            let text = format!("{} has a {name} already: restore into a new folder", folder.display());
            return Err(BackupError::Refused(text));
        }
    }
    let opened = File::open(file).map_err(|error| failed(file, &error))?;
    let name = format!(".restore-{}", to_hex(&clock.bytes::<8>()));
    let beside = Folder::make(folder, &name)?;
    let (members, about) = unpack(opened, &beside.0, pass_phrase)?;
    let database = members.iter().find(|name| [SQLITE, POSTGRES].contains(name));
    let (Some(database), true) = (database, members.contains(&MASTER)) else {
        return Err(BackupError::Refused("the backup has no database or no master secret in it".into()));
    };
    match (*database == POSTGRES, postgres) {
        (true, false) => {
            let text = "the backup is of PostgreSQL: name an empty database in DATABASE_URL";
            return Err(BackupError::Refused(text.into()));
        }
        (false, true) => {
            return Err(BackupError::Refused("the backup is of SQLite: leave DATABASE_URL away to use it".into()));
        }
        _ => {}
    }
    for name in [MASTER, database] {
        fs::rename(beside.0.join(name), folder.join(name)).map_err(|error| failed(folder, &error))?;
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed(folder, &error))?;
    let created_at = about.get("created_at").and_then(Value::as_str).unwrap_or("an unknown time").to_owned();
    Ok(Restored { created_at, dump: (*database == POSTGRES).then(|| folder.join(POSTGRES)) })
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> BackupError {
    BackupError::File(format!("{}: {error}", path.display()))
}

/// Writes the members that a backup has; anything else is passed over.
fn unpack(file: File, folder: &Path, pass: String) -> Result<(Vec<&'static str>, Value), BackupError> {
    let refused = |error: &dyn std::fmt::Display| BackupError::Refused(format!("the backup cannot be opened: {error}"));
    let decryptor = Decryptor::new_buffered(BufReader::new(file)).map_err(|error| refused(&error))?;
    let mut identity = age::scrypt::Identity::new(SecretString::from(pass));
    identity.set_max_work_factor(WORK_FACTOR_MAX);
    let identity: &dyn age::Identity = &identity;
    let opened = decryptor.decrypt(iter::once(identity)).map_err(|error| match error {
        age::DecryptError::DecryptionFailed | age::DecryptError::KeyDecryptionFailed => {
            BackupError::Refused("the pass phrase is not the one that the backup was made with".into())
        }
        other => refused(&other),
    })?;
    let mut archive = tar::Archive::new(opened);
    let (mut members, mut about) = (Vec::new(), Value::Null);
    for entry in archive.entries().map_err(|error| refused(&error))? {
        let mut entry = entry.map_err(|error| refused(&error))?;
        let path = entry.path_bytes().into_owned();
        let Some(name) = [ABOUT, MASTER, SQLITE, POSTGRES].into_iter().find(|name| name.as_bytes() == path) else {
            continue;
        };
        if name == ABOUT {
            let mut text = String::new();
            entry.by_ref().take(64 * 1024).read_to_string(&mut text).map_err(|error| refused(&error))?;
            about = serde_json::from_str(&text).unwrap_or_default();
            if about.get("layout").and_then(Value::as_i64) != Some(LAYOUT) {
                return Err(BackupError::Refused("the backup was made by a newer Satchel".into()));
            }
            continue;
        }
        let path = folder.join(name);
        let written = write(&mut entry, &path);
        written.map_err(|error| failed(&path, &error))?;
        members.push(name);
    }
    // to the very end: what was cut off there is noticed only then
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|error| refused(&error))?;
    Ok((members, about))
}

fn write(from: &mut impl Read, path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    io::copy(from, &mut file)?;
    file.flush()?;
    file.sync_all()
}
