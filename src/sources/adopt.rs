//! Opening the source that was chosen, parking the one before, and taking up those where something is open.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use lightning_invoice::Currency;
use sha2::{Digest, Sha256};

use super::{Given, Named, Sources};
use crate::{
    domain::{bolt11::network_name, funding::UsedSource, ids::to_hex},
    funding::{DRIVERS, Driver, Fields, FundingSource, Home, NodeStatus, Setup, SourceDown, network_named},
    settings::CLASS,
    store::StoreError,
};

/// How long a source may take to say who it is.
const WAIT: Duration = Duration::from_secs(10);
/// Between two looks at whether something is open at a source that is not in use.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// The name of a driver whose sources are all one.
const SIMULATED: &str = "simulated";

/// What is to be in use: a class and what opens it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) class: String,
    /// The driver's settings, in order, as JSON.
    values: String,
    /// Is it in use?
    adopted: bool,
}

impl Sources {
    /// Brings what is open in line with what was chosen: on every server of the database, within a second of the
    /// choice. A source that cannot be reached is tried again.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn follow(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.0.adopting.lock().await;
        let before = self.current().ok().map(|current| current.name.clone());
        self.follow_choice().await?;
        let switched = self.current().ok().map(|current| current.name.clone()) != before;
        if self.is_time_to_look(switched) {
            self.take_up_parked().await?;
        }
        Ok(())
    }

    fn is_time_to_look(&self, switched: bool) -> bool {
        let mut looked = self.0.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = switched || looked.is_none_or(|looked| looked.elapsed() > LOOK_EVERY);
        if due {
            *looked = Some(Instant::now());
        }
        due
    }

    async fn follow_choice(&self) -> Result<(), StoreError> {
        let choice = self.0.settings.source_choice();
        let class = match (&choice.class, &self.0.given) {
            (Some(class), Given::Class(_)) => class.as_str(),
            (Some(class), Given::Source(..)) if Self::driver_of(class).is_some() => class.as_str(),
            (_, Given::Class(class)) => class,
            (_, Given::Source(..)) => {
                self.go_back_to_given();
                return Ok(());
            }
            (_, Given::Nobody) => return Ok(()),
        };
        let Some(driver) = Self::driver_of(class) else {
            let known: Vec<_> = DRIVERS.iter().map(|driver| driver.class).collect();
            let missing = format!("there is no funding source {class:?}; {CLASS} may be one of {}", known.join(", "));
            self.without(missing);
            return Ok(());
        };
        let values: Vec<_> =
            choice.values.iter().filter(|(name, _)| driver.fields.contains(&name.as_str())).cloned().collect();
        let values = serde_json::to_string(&values).unwrap_or_default();
        let mut wanted = Wanted { class: class.to_owned(), values, adopted: true };
        let last = self.last();
        if last.as_ref() == Some(&wanted) {
            return Ok(());
        }
        wanted.adopted = false;
        if last.as_ref() != Some(&wanted) {
            // from now on nothing is sent through the one before
            self.without(format!("the funding source {} is being opened", driver.title));
            self.set_last(wanted.clone());
        }
        match self.adopt(driver, &choice.fields(driver), &wanted).await? {
            Ok(named) => {
                tracing::info!(
                    source = named.name,
                    network = network_name(&named.network),
                    "the funding source in use"
                );
                wanted.adopted = true;
                self.set_last(wanted);
                self.replace(|open| {
                    open.all.insert(named.name.clone(), Arc::clone(&named));
                    open.current = Some(named);
                    open.missing.clear();
                });
            }
            Err(down) => self.without(format!("the funding source {} cannot be used: {down}", driver.title)),
        }
        Ok(())
    }

    /// Tests bring a source of their own, which is in use while the settings choose none.
    fn go_back_to_given(&self) {
        let Given::Source(source, _) = &self.0.given else { return };
        let name = source.name();
        if self.current().is_ok_and(|current| current.name == name) {
            return;
        }
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.replace(|open| open.current = open.all.get(name).cloned());
    }

    fn without(&self, missing: String) {
        let known = self.0.open.load();
        if known.current.is_none() && known.missing == missing {
            return;
        }
        drop(known);
        tracing::warn!(missing, "there is no funding source in use");
        self.replace(|open| {
            open.current = None;
            open.missing = missing;
        });
    }

    /// Opens a source and finds out who it is.
    async fn adopt(
        &self,
        driver: &'static Driver,
        fields: &Fields,
        wanted: &Wanted,
    ) -> Result<Result<Arc<Named>, SourceDown>, StoreError> {
        let known = self.0.store.source_list().await?;
        let same = known
            .iter()
            .find(|used| used.class == wanted.class && self.opened(used).is_some_and(|values| values == wanted.values));
        let source = match self.open_driver(driver, fields) {
            Ok(source) => source,
            Err(down) => return Ok(Err(down)),
        };
        let asked = tokio::time::timeout(WAIT, source.status()).await;
        let asked = asked.unwrap_or_else(|_| Err(SourceDown("it does not answer in time".to_owned())));
        let (name, network, identity) = match (asked, same) {
            (Ok(NodeStatus { identity, network, .. }), _) => (name_of(driver, &identity), network, identity),
            // who it is was found out before: reads and receipts wait for it, and the server is up
            (Err(down), Some(used)) => match network_named(&used.network) {
                Some(network) => (used.name.clone(), network, used.identity.clone()),
                None => return Ok(Err(down)),
            },
            (Err(down), None) => return Ok(Err(down)),
        };
        if let Some(other) = known.iter().find(|used| used.network != network_name(&network)) {
            return Ok(Err(other_network(&network, other)));
        }
        let settings_sealed = self.0.vault.seal(wanted.values.as_bytes(), &context(&name));
        let used = UsedSource {
            name: name.clone(),
            class: driver.class.to_owned(),
            network: network_name(&network).to_owned(),
            identity: identity.clone(),
            settings_sealed,
            chosen_at: self.0.clock.now(),
        };
        self.0.store.source_choose(used).await?;
        Ok(Ok(Arc::new(Named { name, network, identity, class: driver.class, title: driver.title, source })))
    }

    /// Opens the sources where something is still open, and lets go of those where nothing is.
    async fn take_up_parked(&self) -> Result<(), StoreError> {
        let open: BTreeSet<String> = self.0.store.source_open().await?.into_iter().map(|(name, ..)| name).collect();
        let current = self.current().ok().map(|current| current.name.clone());
        let stays = |name: &String| open.contains(name) || current.as_ref() == Some(name);
        let given = match &self.0.given {
            Given::Source(source, _) => Some(source.name().to_owned()),
            Given::Class(_) | Given::Nobody => None,
        };
        let idle: Vec<_> = self.open().iter().map(|named| named.name.clone()).collect();
        let idle: Vec<_> = idle.into_iter().filter(|name| !stays(name) && given.as_ref() != Some(name)).collect();
        if !idle.is_empty() && current.is_some() {
            self.replace(|open| open.all.retain(|name, _| !idle.contains(name)));
        }
        if matches!(self.0.given, Given::Nobody) {
            return Ok(());
        }
        let missing: Vec<_> = open.iter().filter(|name| self.of(name).is_err()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        for used in self.0.store.source_list().await? {
            if !missing.contains(&&used.name) {
                continue;
            }
            match self.parked(&used) {
                Ok(named) => self.replace(|open| drop(open.all.insert(named.name.clone(), named))),
                Err(down) => tracing::debug!(source = used.name, %down, "a parked funding source cannot be opened"),
            }
        }
        Ok(())
    }

    fn parked(&self, used: &UsedSource) -> Result<Arc<Named>, SourceDown> {
        let lost = |what: &str| SourceDown(format!("{what} of the funding source {} is not known here", used.name));
        let driver = Self::driver_of(&used.class).ok_or_else(|| lost("the class"))?;
        let network = network_named(&used.network).ok_or_else(|| lost("the network"))?;
        let values = self.opened(used).ok_or_else(|| lost("the secret"))?;
        let values: Vec<(String, String)> = serde_json::from_str(&values).map_err(|_| lost("the shape"))?;
        let source = self.open_driver(driver, &Fields::new(values))?;
        let (name, identity) = (used.name.clone(), used.identity.clone());
        Ok(Arc::new(Named { name, network, identity, class: driver.class, title: driver.title, source }))
    }

    /// Opens a source. One that is open already with the same driver and lives in this process is the same one.
    pub(super) fn open_driver(
        &self,
        driver: &'static Driver,
        fields: &Fields,
    ) -> Result<Arc<dyn FundingSource>, SourceDown> {
        if driver.fields.is_empty()
            && let Some(open) = self.open().into_iter().find(|named| named.class == driver.class)
        {
            return Ok(Arc::clone(&open.source));
        }
        let home = self.0.folder.clone().map(|folder| Home { folder, vault: self.0.vault.clone() });
        let setup = Setup { clock: self.0.clock.clone(), network: None, home };
        (driver.open)(fields, &setup).map_err(|bad| SourceDown(bad.to_string()))
    }

    fn opened(&self, used: &UsedSource) -> Option<String> {
        self.0.vault.open_text(&used.settings_sealed, &context(&used.name))
    }
}

/// Follows from who it is, so that settings that reach the same node another way are the same source.
fn name_of(driver: &Driver, identity: &str) -> String {
    if driver.name == SIMULATED {
        return SIMULATED.to_owned();
    }
    let digest = to_hex(&Sha256::digest(identity.as_bytes()));
    format!("{}-{}", driver.name, digest.get(..8).unwrap_or_default())
}

pub(super) fn other_network(network: &Currency, other: &UsedSource) -> SourceDown {
    SourceDown(format!(
        "it is on {}, and the money in this database is of {} ({}); a server for another network needs a data folder or \
         database of its own",
        network_name(network),
        other.network,
        other.name,
    ))
}

fn context(name: &str) -> String {
    format!("funding source/{name}")
}
