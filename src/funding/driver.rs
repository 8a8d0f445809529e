//! How a funding source is chosen: by the class name that LNbits gives it, and opened with settings that are read
//! and judged before anything is called.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use lightning_invoice::Currency;

use super::{FundingSource, wire::tls::Trust};
use crate::{clock::Clock, domain::ids::from_hex, vault::Vault};

/// A kind of funding source.
pub struct Driver {
    /// The class by which settings choose it, as LNbits names it.
    pub class: &'static str,
    /// Its short name, the first part of what is stored with each payment.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// The settings that it reads.
    pub fields: &'static [&'static str],
    /// Reads the settings and makes the source. Calls nobody: a source that is down is one that is made.
    pub open: fn(&Fields, &Setup) -> Opened,
}

/// A source, or what is wrong with its settings.
pub type Opened = Result<Arc<dyn FundingSource>, BadField>;

/// What a driver gets besides its settings.
#[derive(Clone)]
pub struct Setup {
    /// Time and randomness.
    pub clock: Clock,
    /// The network that money here is of, where that is known already.
    pub network: Option<Currency>,
    /// Where a source that keeps something may keep it; without a home it keeps nothing.
    pub home: Option<Home>,
}

/// A place for what a source has to remember.
#[derive(Clone)]
pub struct Home {
    /// The folder, which exists.
    pub folder: PathBuf,
    /// Seals what is secret.
    pub vault: Vault,
}

impl Setup {
    /// Without a home, and of any network.
    pub const fn new(clock: Clock) -> Self {
        Self { clock, network: None, home: None }
    }
}

/// What is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {text}")]
pub struct BadField {
    /// The setting.
    pub name: &'static str,
    /// What would be right.
    pub text: String,
}

impl BadField {
    /// Says what would be right.
    pub fn new(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, text: text.into() }
    }
}

/// The settings of a funding source, by their names. What is empty is not there.
#[derive(Debug, Clone, Default)]
pub struct Fields(BTreeMap<String, String>);

impl Fields {
    /// With these values.
    pub fn new<N: Into<String>, V: Into<String>>(values: impl IntoIterator<Item = (N, V)>) -> Self {
        Self(values.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// What was set, without the spaces around it.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The first of these that was set: newer names come before older ones.
    pub fn first(&self, names: &[&'static str]) -> Option<(&'static str, &str)> {
        names.iter().find_map(|name| Some((*name, self.text(name)?)))
    }

    /// What has to be set.
    ///
    /// # Errors
    /// When it is not; the text says what belongs there.
    pub fn need(&self, name: &'static str, what: &str) -> Result<&str, BadField> {
        self.text(name).ok_or_else(|| BadField::new(name, format!("needed: {what}")))
    }

    /// A switch.
    pub fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    /// An address over HTTP, without a slash at its end.
    ///
    /// # Errors
    /// When it is none, or has a name and password in it, which would end up in logs.
    pub fn url(&self, name: &'static str, default: Option<&str>) -> Result<String, BadField> {
        let text = match (self.text(name), default) {
            (Some(text), _) => text,
            (None, Some(default)) => default,
            (None, None) => return Err(BadField::new(name, "needed: an address such as https://host:port")),
        };
        checked_url(name, text, &["http", "https"])
    }

    /// An address of a websocket.
    ///
    /// # Errors
    /// When it is none.
    pub fn socket_url(&self, name: &'static str) -> Result<Option<String>, BadField> {
        self.text(name).map(|text| checked_url(name, text, &["ws", "wss"])).transpose()
    }

    /// A secret of bytes, in lower-case hex: given in hex, in base64, or as the path of a file that holds the bytes or
    /// one of the two.
    ///
    /// # Errors
    /// When it is neither, or the file cannot be read. The text does not repeat what was given.
    pub fn secret_hex(&self, names: &[&'static str], what: &str) -> Result<String, BadField> {
        let Some((name, given)) = self.first(names) else {
            let name = names.first().copied().unwrap_or("");
            return Err(BadField::new(name, format!("needed: {what}, in hex, in base64, or the path of its file")));
        };
        if let Some(bytes) = bytes_of(given) {
            return Ok(hex(&bytes));
        }
        let bytes = file(name, given, &format!("{what}: neither hex nor base64, nor a file that can be read"))?;
        let inner = std::str::from_utf8(&bytes).ok().and_then(|text| bytes_of(text.trim()));
        Ok(hex(&inner.unwrap_or(bytes)))
    }

    /// A secret of letters, or the path of a file that holds it: what begins with `/` or `./` is a path.
    ///
    /// # Errors
    /// When it is missing, or the file cannot be read.
    pub fn secret_text(&self, names: &[&'static str], what: &str) -> Result<String, BadField> {
        let Some((name, given)) = self.first(names) else {
            return Err(BadField::new(names.first().copied().unwrap_or(""), format!("needed: {what}")));
        };
        if !given.starts_with('/') && !given.starts_with("./") {
            return Ok(given.to_owned());
        }
        let bytes = file(name, given, &format!("{what}: the file cannot be read"))?;
        let text = String::from_utf8(bytes).map_err(|_| BadField::new(name, "the file holds no text"))?;
        Ok(text.trim().to_owned())
    }

    /// The certificate that the other side must show, or that must have signed what it shows: as PEM, as PEM in hex or
    /// base64, or the path of its file. Where none is given, the usual authorities are trusted.
    ///
    /// # Errors
    /// When what is given holds no certificate.
    pub fn certificate(&self, names: &[&'static str]) -> Result<Trust, BadField> {
        let Some((name, given)) = self.first(names) else { return Ok(Trust::Authorities) };
        let text = if given.contains("-----BEGIN") {
            given.replace("\\n", "\n").into_bytes()
        } else {
            match bytes_of(given) {
                Some(bytes) => bytes,
                None => file(name, given, "neither a certificate in PEM nor a file that can be read")?,
            }
        };
        Trust::pinned(&text).map_err(|why| BadField::new(name, why))
    }
}

fn checked_url(name: &'static str, text: &str, schemes: &[&str]) -> Result<String, BadField> {
    let with_scheme = if text.contains("://") {
        text.to_owned()
    } else {
        format!("{}://{text}", schemes.last().copied().unwrap_or("https"))
    };
    let url = reqwest::Url::parse(&with_scheme)
        .map_err(|error| BadField::new(name, format!("not an address such as https://host:port ({error})")))?;
    if !schemes.contains(&url.scheme()) || url.host_str().is_none() {
        return Err(BadField::new(name, format!("an address that begins with {}://", schemes.join(":// or "))));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BadField::new(name, "no name and password in the address; they have settings of their own"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let long_enough = text.len() >= 16;
    long_enough.then(|| from_hex(text).or_else(|| BASE64_STANDARD.decode(text).ok())).flatten()
}

fn file(name: &'static str, path: &str, otherwise: &str) -> Result<Vec<u8>, BadField> {
    std::fs::read(path).map_err(|error| BadField::new(name, format!("{otherwise} ({})", error.kind())))
}

fn hex(bytes: &[u8]) -> String {
    crate::domain::ids::to_hex(bytes)
}
