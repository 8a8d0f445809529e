//! What the server knows of a setting.

use serde_json::Value;

use super::{Effective, kind::Kind};

/// What becomes of a value.
#[derive(Clone, Copy)]
pub enum Effect {
    /// It holds at once, on every server of this database.
    Now {
        /// The value in force.
        read: fn(&Effective) -> Value,
        /// Puts a value into force, or says why it cannot be.
        write: fn(&mut Effective, &Value) -> Result<(), String>,
    },
    /// It is kept, and the funding source is opened anew with it: what is under way at another one is finished there.
    Source,
    /// It is kept and answered, and governs nothing here.
    Stored,
    /// It says what the server can do, and cannot be set.
    Fixed,
}

impl Effect {
    /// In words, for the documentation.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Now { .. } => "at once",
            Self::Source => "at once, by the next payment",
            Self::Stored => "stored",
            Self::Fixed => "fixed",
        }
    }
}

/// Who sees a value, and how it lies in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// Plain.
    Open,
    /// Sealed in the database, shown to the super user, who has to hand it on.
    Sealed,
    /// Sealed in the database and never shown again.
    Secret,
}

/// A setting.
#[derive(Clone, Copy)]
pub struct Key {
    /// Its name; in upper case, the environment variable that gives its default.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// May it be null?
    pub nullable: bool,
    /// Its default as JSON, unless it holds at once: then the default is what the server started with.
    pub default: &'static str,
    /// Who sees it.
    pub secrecy: Secrecy,
    /// What becomes of a value.
    pub effect: Effect,
    /// Is the default given by a flag of `satchel serve`, which has read the variable itself?
    pub by_flag: bool,
    /// What it is for.
    pub doc: &'static str,
}

/// A setting that is kept and governs nothing.
pub(super) const fn stored(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    let nullable = matches!(default.as_bytes(), b"null");
    let (secrecy, effect) = (Secrecy::Open, Effect::Stored);
    Key { name, kind, nullable, default, secrecy, effect, by_flag: false, doc }
}

/// A setting that holds at once.
pub(super) const fn now(
    name: &'static str,
    kind: Kind,
    read: fn(&Effective) -> Value,
    write: fn(&mut Effective, &Value) -> Result<(), String>,
    doc: &'static str,
) -> Key {
    Key { effect: Effect::Now { read, write }, ..stored(name, kind, "", doc) }
}

impl Key {
    /// It may also be null.
    pub(super) const fn or_null(self) -> Self {
        Self { nullable: true, ..self }
    }

    /// Never shown again.
    pub(super) const fn secret(self) -> Self {
        Self { secrecy: Secrecy::Secret, ..self }
    }

    /// Sealed, but shown.
    pub(super) const fn sealed(self) -> Self {
        Self { secrecy: Secrecy::Sealed, ..self }
    }

    /// Opens the funding source anew.
    pub(super) const fn source(self) -> Self {
        Self { effect: Effect::Source, ..self }
    }

    /// Cannot be set.
    pub(super) const fn fixed(self) -> Self {
        Self { effect: Effect::Fixed, ..self }
    }

    /// A flag of `satchel serve` gives the default.
    pub(super) const fn by_flag(self) -> Self {
        Self { by_flag: true, ..self }
    }

    /// The environment variable that gives the default.
    pub fn variable(&self) -> String {
        self.name.to_ascii_uppercase()
    }

    /// The value in the one shape in which it is kept.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn read(&self, given: &Value) -> Result<Value, String> {
        let empty = match given {
            Value::Null => true,
            // where a form's field was left empty, nothing is named
            Value::String(text) => text.trim().is_empty() && !matches!(self.kind, Kind::Text(_) | Kind::List(_)),
            _ => false,
        };
        match (empty, self.nullable) {
            (true, true) => Ok(Value::Null),
            (true, false) => Err("none is not an allowed value".into()),
            (false, _) => self.kind.read(given),
        }
    }
}
