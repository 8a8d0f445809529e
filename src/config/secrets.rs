//! Secrets from the environment or the data folder. They never show in logs.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    str::FromStr,
};

use super::ConfigError;
use crate::{
    clock::Clock,
    domain::ids::{array_from_hex, to_hex},
};

/// A text that does not show itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(set)")
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// What the server must keep to itself.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// Everything at rest is sealed with keys that derive from it.
    pub master: MasterKey,
    /// What the first install asks for.
    pub install_token: Option<Secret>,
    /// Signs session tokens instead of a key that derives from the master secret.
    pub auth_secret: Option<Secret>,
}

/// The master secret.
#[derive(Clone)]
pub struct MasterKey(pub [u8; 32]);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(set)")
    }
}

pub(super) const MASTER_FILE: &str = "master.key";

impl Secrets {
    /// Reads them from the environment; the master secret else from the data folder, where it is made
    /// at the first start.
    ///
    /// # Errors
    /// When a secret is malformed, or the file cannot be read or written.
    pub fn load(data_dir: &Path, clock: &Clock) -> Result<Self, ConfigError> {
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty()).map(Secret);
        let master = match variable("SATCHEL_MASTER_KEY") {
            Some(text) => parse(text.reveal(), "SATCHEL_MASTER_KEY")?,
            None => from_file(&data_dir.join(MASTER_FILE), clock)?,
        };
        Ok(Self {
            master,
            install_token: variable("SATCHEL_FIRST_INSTALL_TOKEN"),
            auth_secret: variable("AUTH_SECRET_KEY"),
        })
    }
}

fn parse(text: &str, origin: &str) -> Result<MasterKey, ConfigError> {
    let key = array_from_hex::<32>(text.trim()).map(MasterKey);
    key.ok_or_else(|| ConfigError::Invalid(format!("{origin} must hold 64 hex digits")))
}

fn from_file(path: &Path, clock: &Clock) -> Result<MasterKey, ConfigError> {
    let failed = |error| ConfigError::File { path: path.to_owned(), error };
    let mut new = OpenOptions::new();
    new.write(true).create_new(true).mode(0o600);
    match new.open(path) {
        Ok(mut file) => {
            let key: [u8; 32] = clock.bytes();
            // a key that is not on disk would make everything sealed with it unreadable
            file.write_all(to_hex(&key).as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
            Ok(MasterKey(key))
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let mut text = String::new();
            File::open(path).and_then(|mut file| file.read_to_string(&mut text)).map_err(failed)?;
            parse(&text, &path.display().to_string())
        }
        Err(error) => Err(failed(error)),
    }
}
