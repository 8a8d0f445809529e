//! What the super user decides while the server runs.
//!
//! Why this is a floor of its own: a limit is asked on every request and every payment, and changes once a month. So
//! what holds is a snapshot behind an atomic pointer, which costs a load; a change is checked as a whole, written as
//! one transaction, and only then put into force. Other servers on the same database see the counter `settings` move
//! and read all of it again.
//!
//! What may be set is one table ([`table`]); what a server started with is the default beneath it.

mod audit;
mod funding;
mod key;
mod kind;
mod money;
mod others;
mod rates;
mod rules;
pub mod table;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::{ArcSwap, Guard};
use serde_json::{Map, Value};

pub use funding::{CLASS, SourceChoice};
pub use key::{Effect, Key, Secrecy};

use crate::{
    clock::Clock,
    config::{ConfigError, Logins},
    domain::limits::Limits,
    store::{
        Refusal, Store, StoreError,
        types::{SettingsChange, StoredSetting},
    },
    vault::Vault,
};

/// How often a change is tried anew that others were faster with.
const TRIES: usize = 20;
/// What a secret that is set is answered as; sent back, it changes nothing.
pub const SET: &str = "set";

/// What holds.
#[derive(Debug, Clone, Default)]
pub struct Effective {
    /// The operator's limits.
    pub limits: Limits,
    /// How people may log in.
    pub logins: Logins,
}

/// Values by the names of their settings.
pub type Values = BTreeMap<&'static str, Value>;

/// Why a change was refused. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Names and values that are wrong: the name, and what is wrong with it.
    #[error("settings were refused: {}", .0.iter().map(|fault| format!("{}: {}", fault.name, fault.text)).collect::<Vec<_>>().join("; "))]
    Wrong(Vec<Fault>),
    /// Others changed settings all the time.
    #[error("Others change settings at the same moment. Try again.")]
    Busy,
    /// The database is not available, or objects.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The setting.
    pub name: String,
    /// What would be right.
    pub text: String,
    /// Is there no such setting?
    pub unknown: bool,
}

impl Fault {
    fn of(name: &str, text: impl Into<String>) -> Self {
        Self { name: name.to_owned(), text: text.into(), unknown: false }
    }
}

/// The settings in force. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Settings(Arc<Shared>);

struct Shared {
    store: Store,
    vault: Vault,
    clock: Clock,
    /// What holds where nothing was set.
    defaults: Effective,
    /// Defaults from the environment of settings that are not in force here.
    environment: Values,
    limits: ArcSwap<Limits>,
    logins: ArcSwap<Logins>,
    stored: ArcSwap<Stored>,
    /// Held by whoever puts what was read into force.
    applying: Mutex<()>,
}

/// What was set, as of a moment.
#[derive(Debug, Clone, Default)]
struct Stored {
    /// The counter `settings` then.
    version: i64,
    values: Values,
}

impl Settings {
    /// With the defaults in force, until the database is [`Self::load`]ed.
    pub fn new(store: Store, vault: Vault, clock: Clock, defaults: Effective, environment: Values) -> Self {
        let (limits, logins) =
            (ArcSwap::from_pointee(defaults.limits.clone()), ArcSwap::from_pointee(defaults.logins.clone()));
        let (stored, applying) = (ArcSwap::default(), Mutex::default());
        Self(Arc::new(Shared { store, vault, clock, defaults, environment, limits, logins, stored, applying }))
    }

    /// The limits in force. To be dropped before anything is awaited; [`Self::kept_limits`] may be kept.
    pub fn limits(&self) -> Guard<Arc<Limits>> {
        self.0.limits.load()
    }

    /// The limits in force, for longer.
    pub fn kept_limits(&self) -> Arc<Limits> {
        self.0.limits.load_full()
    }

    /// How people may log in. The same pointer as long as nothing about it changes.
    pub fn logins(&self) -> Arc<Logins> {
        self.0.logins.load_full()
    }

    /// Reads what was set and puts it into force.
    ///
    /// # Errors
    /// When the database is not available; what held goes on holding.
    pub async fn load(&self) -> Result<(), StoreError> {
        let (rows, version) = self.0.store.settings_all().await?;
        let values = rows.into_iter().filter_map(|row| self.opened(row)).collect();
        self.apply(Stored { version, values });
        Ok(())
    }

    /// Reads again if any server on this database changed something. True when it did.
    ///
    /// # Errors
    /// When the database is not available; what held goes on holding.
    pub async fn follow(&self) -> Result<bool, StoreError> {
        let version = self.0.store.counter("settings".to_owned()).await?;
        let behind = self.0.stored.load().version != version;
        if behind {
            self.load().await?;
        }
        Ok(behind)
    }

    /// All settings as they are shown: secrets only as set or not set.
    pub fn shown(&self) -> Map<String, Value> {
        let stored = self.0.stored.load();
        table::keys().map(|key| (key.name.to_owned(), mask(key, self.value(key, &stored.values)))).collect()
    }

    /// A setting's default; a secret only as set or not set. `None` when there is no such setting.
    pub fn default_of(&self, name: &str) -> Option<Value> {
        let key = table::find(name)?;
        Some(mask(key, self.default(key)))
    }

    /// Sets what is given; null clears. All of it, or nothing.
    ///
    /// # Errors
    /// Names everything that is wrong; nothing was changed then.
    pub async fn change(&self, given: &Map<String, Value>) -> Result<(), SettingsError> {
        let change = self.read(given)?;
        for _ in 0..TRIES {
            let before = self.0.stored.load_full();
            let mut values = before.values.clone();
            for (name, value) in &change {
                match value {
                    Some(value) => drop(values.insert(name, value.clone())),
                    None => drop(values.remove(name)),
                }
            }
            let names: Vec<_> = change.iter().map(|(name, _)| *name).collect();
            self.check(&names, &values).await?;
            if self.write(&change, before.version).await? {
                return Ok(());
            }
        }
        Err(SettingsError::Busy)
    }

    /// Everything has its default again, but for the funding source and the keys of web push.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn reset(&self) -> Result<(), SettingsError> {
        let keeps = |name: &str| {
            let funding = table::GROUPS.iter().find(|(group, _)| *group == table::FUNDING);
            name.starts_with("lnbits_webpush_")
                || funding.is_some_and(|(_, keys)| keys.iter().any(|key| key.name == name))
        };
        for _ in 0..TRIES {
            let before = self.0.stored.load_full();
            let change: Vec<_> = before.values.keys().filter(|name| !keeps(name)).map(|name| (*name, None)).collect();
            if self.write(&change, before.version).await? {
                return Ok(());
            }
        }
        Err(SettingsError::Busy)
    }

    /// The change that takes an invitation code off the list, if it is on it, to be written with the account that
    /// uses it.
    pub fn without_code(&self, code: &str) -> Option<SettingsChange> {
        const NAME: &str = "lnbits_register_one_time_activation_codes";
        let stored = self.0.stored.load_full();
        let key = table::find(NAME)?;
        let Value::Array(codes) = self.value(key, &stored.values) else { return None };
        let left: Vec<Value> = codes.iter().filter(|known| known.as_str() != Some(code)).cloned().collect();
        let used = left.len() < codes.len();
        used.then(|| self.sealed(&[(key.name, Some(Value::Array(left)))], stored.version))
    }

    /// The values that are given, read; null is `None` where it clears.
    fn read(&self, given: &Map<String, Value>) -> Result<Vec<(&'static str, Option<Value>)>, SettingsError> {
        let (mut change, mut faults) = (Vec::new(), Vec::new());
        let stored = self.0.stored.load();
        for (name, value) in given {
            let Some(key) = table::find(name) else {
                let text = "extra fields not permitted".to_owned();
                faults.push(Fault { name: name.clone(), text, unknown: true });
                continue;
            };
            // what was answered may be sent back as it is
            let same = *value == mask(key, self.value(key, &stored.values));
            match key.effect {
                Effect::Fixed if same => continue,
                Effect::Fixed => {
                    faults.push(Fault::of(name, "this says what the server can do and cannot be set"));
                    continue;
                }
                _ => {}
            }
            if key.secrecy == Secrecy::Secret && value.as_str() == Some(SET) {
                continue;
            }
            if value.is_null() && !key.nullable {
                change.push((key.name, None));
                continue;
            }
            match key.read(value) {
                Ok(value) => change.push((key.name, Some(value))),
                Err(text) => faults.push(Fault::of(name, text)),
            }
        }
        if faults.is_empty() { Ok(change) } else { Err(SettingsError::Wrong(faults)) }
    }

    /// Would these values hold together, as far as the change is about them?
    async fn check(&self, names: &[&'static str], values: &Values) -> Result<(), SettingsError> {
        let mut faults = Vec::new();
        let all = compose(&self.0.defaults, values, |key, text| faults.push(Fault::of(key.name, text)));
        faults.retain(|fault| names.contains(&fault.name.as_str()));
        faults.extend(rules::contradictions(&all, names));
        faults.extend(self.source_faults(names, values));
        if let Some(wallet) = all.limits.service_fee.wallet.filter(|_| names.contains(&"lnbits_service_fee_wallet")) {
            let found = self.0.store.wallet_find(wallet).await?;
            if found.is_none_or(|wallet| wallet.deleted || wallet.source_wallet_id.is_some()) {
                faults.push(Fault::of("lnbits_service_fee_wallet", "there is no such wallet"));
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(SettingsError::Wrong(faults)) }
    }

    /// False when somebody else changed something since; then it was read again.
    async fn write(&self, change: &[(&'static str, Option<Value>)], version: i64) -> Result<bool, SettingsError> {
        if change.is_empty() {
            return Ok(true);
        }
        let written = self.0.store.settings_change(self.sealed(change, version)).await;
        self.load().await?;
        match written {
            Ok(()) => Ok(true),
            Err(StoreError::Refused(Refusal::Changed(_))) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn sealed(&self, change: &[(&'static str, Option<Value>)], version: i64) -> SettingsChange {
        let updated_at = self.0.clock.now();
        let (mut put, mut clear) = (Vec::new(), Vec::new());
        for (name, value) in change {
            let Some(value) = value else {
                clear.push((*name).to_owned());
                continue;
            };
            let plain = table::find(name).is_some_and(|key| key.secrecy == Secrecy::Open);
            let text = value.to_string();
            let sealed = (!plain).then(|| self.0.vault.seal(text.as_bytes(), &context(name)));
            put.push(StoredSetting { name: (*name).to_owned(), value: plain.then_some(text), sealed, updated_at });
        }
        SettingsChange { put, clear, was: version }
    }

    /// A row's value, if this server knows the setting and the value.
    fn opened(&self, row: StoredSetting) -> Option<(&'static str, Value)> {
        let key = table::find(&row.name)?;
        let text = match (row.value, row.sealed) {
            (Some(text), _) => Some(text),
            (None, Some(sealed)) => self.0.vault.open_text(&sealed, &context(key.name)),
            (None, None) => None,
        };
        let value = text.and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let value = value.and_then(|value| key.read(&value).ok());
        if value.is_none() {
            tracing::warn!(setting = key.name, "what was set cannot be read; its default holds");
        }
        Some((key.name, value?))
    }

    fn apply(&self, read: Stored) {
        let _one_at_a_time = self.0.applying.lock().unwrap_or_else(PoisonError::into_inner);
        if read.version < self.0.stored.load().version {
            return;
        }
        let all = compose(&self.0.defaults, &read.values, |key, text| {
            tracing::warn!(setting = key.name, text, "what was set cannot hold; its default does");
        });
        self.0.limits.store(Arc::new(all.limits));
        if **self.0.logins.load() != all.logins {
            self.0.logins.store(Arc::new(all.logins));
        }
        self.0.stored.store(Arc::new(read));
    }

    fn value(&self, key: &Key, stored: &Values) -> Value {
        stored.get(key.name).cloned().unwrap_or_else(|| self.default(key))
    }

    fn default(&self, key: &Key) -> Value {
        match key.effect {
            Effect::Now { read, .. } => read(&self.0.defaults),
            _ => self.0.environment.get(key.name).cloned().unwrap_or_else(|| written(key)),
        }
    }
}

/// The defaults with what was set above them, in the order of the table.
fn compose(defaults: &Effective, values: &Values, mut fault: impl FnMut(&Key, String)) -> Effective {
    let mut all = defaults.clone();
    for key in table::keys() {
        let Effect::Now { write, .. } = key.effect else { continue };
        let Some(value) = values.get(key.name) else { continue };
        if let Err(text) = write(&mut all, value) {
            fault(key, text);
        }
    }
    rules::finish(&mut all.logins);
    all
}

/// Takes the defaults of settings from environment variables: what holds at once goes into `all`, the rest is answered.
///
/// # Errors
/// Names the variable that makes no sense.
pub fn environment(all: &mut Effective, variable: impl Fn(&str) -> Option<String>) -> Result<Values, ConfigError> {
    let mut others = Values::new();
    for key in table::keys().filter(|key| !key.by_flag && !matches!(key.effect, Effect::Fixed)) {
        let name = key.variable();
        let Some(text) = variable(&name).filter(|text| !text.trim().is_empty()) else { continue };
        let wrong = |text: String| ConfigError::Invalid(format!("{name}: {text}"));
        let value = key.read(&Value::String(text)).map_err(wrong)?;
        match key.effect {
            Effect::Now { write, .. } => write(all, &value).map_err(wrong)?,
            _ => drop(others.insert(key.name, value)),
        }
    }
    rules::finish(&mut all.logins);
    Ok(others)
}

fn context(name: &str) -> String {
    format!("setting/{name}")
}

/// The default that the table writes down.
fn written(key: &Key) -> Value {
    serde_json::from_str(key.default).unwrap_or_default()
}

fn mask(key: &Key, value: Value) -> Value {
    let empty = value.is_null() || value.as_str() == Some("");
    match key.secrecy {
        Secrecy::Secret if empty => Value::Null,
        Secrecy::Secret => Value::from(SET),
        Secrecy::Open | Secrecy::Sealed => value,
    }
}

#[cfg(test)]
mod tests;
