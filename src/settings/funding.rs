//! Which funding source is chosen, and by which settings it is opened.

use serde_json::Value;

use super::{Fault, Settings, Values, table};
use crate::funding::{DRIVERS, Driver, Fields, Setup};

/// The setting that chooses.
pub const CLASS: &str = "lnbits_backend_wallet_class";

/// A funding source that somebody chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceChoice {
    /// Its class; none leaves it to whoever started the server.
    pub class: Option<String>,
    /// The settings of all funding sources.
    pub values: Vec<(String, String)>,
}

impl SourceChoice {
    /// The settings that this driver reads, and no others.
    pub fn fields(&self, driver: &Driver) -> Fields {
        Fields::new(self.values.iter().filter(|(name, _)| driver.fields.contains(&name.as_str())).cloned())
    }
}

impl Settings {
    /// What is chosen now.
    pub fn source_choice(&self) -> SourceChoice {
        self.choice_of(&self.0.stored.load().values)
    }

    /// What would be chosen if these settings were changed as well: what a form asks before it is saved. A secret that
    /// is sent back as it was shown stays as it is.
    ///
    /// # Errors
    /// Names everything that is wrong.
    pub fn source_choice_with(
        &self,
        given: &serde_json::Map<String, Value>,
    ) -> Result<SourceChoice, super::SettingsError> {
        let mut values = self.0.stored.load().values.clone();
        for (name, value) in self.read(given)? {
            match value {
                Some(value) => drop(values.insert(name, value)),
                None => drop(values.remove(name)),
            }
        }
        Ok(self.choice_of(&values))
    }

    fn choice_of(&self, stored: &Values) -> SourceChoice {
        let group = table::GROUPS.iter().find(|(group, _)| *group == table::FUNDING);
        let keys = group.into_iter().flat_map(|(_, keys)| keys.iter());
        let values: Vec<_> =
            keys.filter_map(|key| Some((key.name.to_owned(), written(self.value(key, stored))?))).collect();
        let class = values.iter().find(|(name, _)| name == CLASS).map(|(_, class)| class.clone());
        SourceChoice { class, values }
    }

    /// What is wrong with the funding source that would be chosen, as far as its driver can say without a call.
    pub(super) fn source_faults(&self, names: &[&'static str], values: &Values) -> Vec<Fault> {
        let choice = self.choice_of(values);
        let Some(class) = &choice.class else { return Vec::new() };
        let Some(driver) = DRIVERS.iter().find(|driver| driver.class == *class) else {
            let known: Vec<_> = DRIVERS.iter().map(|driver| driver.class).collect();
            let text = format!("there is no funding source {class:?}; there are {}", known.join(", "));
            return if names.contains(&CLASS) { vec![Fault::of(CLASS, text)] } else { Vec::new() };
        };
        if !names.iter().any(|name| *name == CLASS || driver.fields.contains(name)) {
            return Vec::new();
        }
        // without a home: what is opened here keeps nothing and is dropped at once
        match (driver.open)(&choice.fields(driver), &Setup::new(self.0.clock.clone())) {
            Ok(_) => Vec::new(),
            Err(bad) => vec![Fault::of(bad.name, bad.text)],
        }
    }
}

fn written(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text).filter(|text| !text.is_empty()),
        other => Some(other.to_string()),
    }
}
