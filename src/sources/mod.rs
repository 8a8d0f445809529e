//! The funding sources of this server: the one that was chosen, and those where something is still under way.
//!
//! Why there may be several: a payment was handed to one node, and only that node knows what became of it. Whoever
//! chooses another source wants the next payment to go there, and the last one to end where it began. So every payment
//! carries the name of its source, a source has a name of its own that follows from who it is, and the one that is not
//! chosen any more is *parked*: it is asked about what is open there, and sends nothing. When nothing is open, it is
//! let go; the settings that open it again stay, sealed, with its name.

mod adopt;
mod report;

use std::{
    collections::BTreeMap,
    ops::Deref,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

pub use crate::funding::Capabilities;
use arc_swap::ArcSwap;
use lightning_invoice::Currency;
pub use report::{SourceReport, Tried};
use tokio::sync::watch;

use crate::{
    clock::Clock,
    funding::{DRIVERS, Driver, FundingSource, SourceDown},
    settings::Settings,
    store::Store,
    vault::Vault,
};

/// The classes of funding sources that this server can have, by the names of LNbits.
pub fn classes() -> Vec<&'static str> {
    DRIVERS.iter().map(|driver| driver.class).collect()
}

/// Which funding source a server was started with.
#[derive(Clone)]
pub enum Given {
    /// This one, whatever the settings say: tests bring their own.
    Source(Arc<dyn FundingSource>, Currency),
    /// The one of this class, unless the settings choose another.
    Class(&'static str),
    /// None: whoever only looks at the books needs no node.
    Nobody,
}

/// A funding source and its name.
pub struct Named {
    /// What is written with its payments.
    pub name: String,
    /// Its network.
    pub network: Currency,
    /// Who it says it is.
    pub identity: String,
    class: &'static str,
    title: &'static str,
    source: Arc<dyn FundingSource>,
}

impl Deref for Named {
    type Target = dyn FundingSource;

    fn deref(&self) -> &Self::Target {
        self.source.as_ref()
    }
}

/// What is open, and what is not.
#[derive(Default)]
struct Open {
    /// The one that was chosen.
    current: Option<Arc<Named>>,
    /// Why there is none.
    missing: String,
    /// All that are open, by name.
    all: BTreeMap<String, Arc<Named>>,
}

/// All sources. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Sources(Arc<Inner>);

struct Inner {
    store: Store,
    settings: Settings,
    vault: Vault,
    clock: Clock,
    /// Where sources keep what they have to remember.
    folder: Option<PathBuf>,
    given: Given,
    open: ArcSwap<Open>,
    /// What was last adopted or tried.
    last: Mutex<Option<adopt::Wanted>>,
    /// Held while one is adopted.
    adopting: tokio::sync::Mutex<()>,
    changed: watch::Sender<()>,
    /// When it was last looked whether something is open elsewhere.
    looked: Mutex<Option<Instant>>,
}

/// What sources are put together from.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// What is chosen.
    pub settings: Settings,
    /// Seals settings.
    pub vault: Vault,
    /// Time and randomness.
    pub clock: Clock,
    /// The data folder, where there is one.
    pub folder: Option<PathBuf>,
    /// What the server was started with.
    pub given: Given,
}

impl Sources {
    /// None is open yet, but for one that was given.
    pub fn new(parts: Parts) -> Self {
        let Parts { store, settings, vault, clock, folder, given } = parts;
        let mut open = Open { missing: "the funding source was not opened yet".to_owned(), ..Open::default() };
        if let Given::Source(source, network) = &given {
            let name = source.name();
            let driver = DRIVERS.iter().find(|driver| driver.name == name);
            let named = Arc::new(Named {
                name: name.to_owned(),
                network: network.clone(),
                identity: name.to_owned(),
                class: driver.map_or("", |driver| driver.class),
                title: driver.map_or("", |driver| driver.title),
                source: Arc::clone(source),
            });
            open.all.insert(named.name.clone(), Arc::clone(&named));
            open.current = Some(named);
        }
        let (open, last, changed) = (ArcSwap::from_pointee(open), Mutex::default(), watch::Sender::new(()));
        let (adopting, looked) = (tokio::sync::Mutex::default(), Mutex::default());
        Self(Arc::new(Inner { store, settings, vault, clock, folder, given, open, last, adopting, changed, looked }))
    }

    /// The source that was chosen.
    ///
    /// # Errors
    /// When there is none now; says why.
    pub fn current(&self) -> Result<Arc<Named>, SourceDown> {
        let open = self.0.open.load();
        open.current.clone().ok_or_else(|| SourceDown(open.missing.clone()))
    }

    /// The source of this name, if it is open.
    ///
    /// # Errors
    /// When it is not.
    pub fn of(&self, name: &str) -> Result<Arc<Named>, SourceDown> {
        let open = self.0.open.load();
        open.all.get(name).cloned().ok_or_else(|| SourceDown(format!("the funding source {name} is not open")))
    }

    /// All sources that are open.
    pub fn open(&self) -> Vec<Arc<Named>> {
        self.0.open.load().all.values().cloned().collect()
    }

    /// Tells of sources that come and go.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    fn driver_of(class: &str) -> Option<&'static Driver> {
        DRIVERS.iter().find(|driver| driver.class == class)
    }

    fn replace(&self, change: impl FnOnce(&mut Open)) {
        let before = self.0.open.load();
        let mut open =
            Open { current: before.current.clone(), missing: before.missing.clone(), all: before.all.clone() };
        drop(before);
        change(&mut open);
        self.0.open.store(Arc::new(open));
        self.0.changed.send_replace(());
    }

    fn last(&self) -> Option<adopt::Wanted> {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_last(&self, wanted: adopt::Wanted) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(wanted);
    }
}
