//! Putting it together: from boot settings to a running server.

use std::{
    fs::{self, File, TryLockError},
    net::{SocketAddr, TcpListener},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use actix_web::{dev::ServerHandle, web::Bytes};
use tokio::{
    sync::{Notify, watch},
    task::{JoinHandle, JoinSet},
};

use crate::{
    accounts::{AccountError, Accounts, Setup},
    backup::{self, Backup},
    clock::Clock,
    config::{ConfigError, DATABASE_FILE, Logins, Secrets, Settings},
    domain::limits::Limits,
    events::Events,
    http::{self, House},
    idempotency::Idempotency,
    jobs::{self, Workshop},
    keepsakes::Keepsakes,
    ledger::{Ledger, LedgerError},
    links::Links,
    lnurl::Lnurl,
    observe::{AuditLog, JobBook, Metrics},
    outbound::Outbound,
    push::Pushes,
    settings::{Effective, Settings as Live, Values},
    sources::{self, Given, Sources},
    store::{Store, StoreError},
    vault::Vault,
    webhooks::Webhooks,
};

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting or a secret.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The accounts.
    #[error(transparent)]
    Accounts(#[from] AccountError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The socket.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// Another server has the data folder.
    #[error("another server uses the data folder {0}; stop it first, or give this one its own with --data-dir")]
    Busy(String),
}

/// What a server is made of before it serves. Tests bring their own parts.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// The node.
    pub source: Given,
    /// Where a node of this process keeps what it has to remember.
    pub folder: Option<PathBuf>,
    /// Secrets.
    pub secrets: Secrets,
    /// Time and randomness.
    pub clock: Clock,
    /// The operator's limits where nothing was set.
    pub limits: Limits,
    /// How people may log in where nothing was set.
    pub logins: Logins,
    /// Defaults of further settings, from the environment.
    pub environment: Values,
    /// Held as long as the server runs, so that no second one writes to the same folder.
    pub lock: Option<File>,
}

impl Parts {
    /// Opens what the settings name.
    ///
    /// # Errors
    /// When something of it cannot be opened.
    pub async fn open(settings: &Settings) -> Result<Self, StartError> {
        let clock = Clock::system();
        make_folder(&settings.data_dir)?;
        let lock = take_folder(&settings.data_dir)?;
        backup::sweep(&settings.data_dir);
        let secrets = Secrets::load(&settings.data_dir, &clock)?;
        let store = open_store(settings).await?;
        let (source, folder) = (Given::Class(settings.funding.class()), Some(settings.data_dir.clone()));
        let limits = Limits { tiers: settings.traffic.tiers(), ..Limits::default() };
        let mut all = Effective { limits, logins: Logins::load()? };
        let environment = crate::settings::environment(&mut all, |name| std::env::var(name).ok())?;
        let Effective { limits, logins } = all;
        Ok(Self { store, source, secrets, clock, limits, logins, environment, folder, lock: Some(lock) })
    }

    /// Opens what a check needs beside a running server on the same data folder. The database has to be
    /// one that servers share; the node belongs to the running server and does not answer here.
    ///
    /// # Errors
    /// When something of it cannot be opened.
    pub async fn open_beside(settings: &Settings) -> Result<Self, StartError> {
        let clock = Clock::system();
        let secrets = Secrets::load(&settings.data_dir, &clock)?;
        let store = open_store(settings).await?;
        let source = Given::Nobody;
        let (limits, logins) = (Limits::default(), Logins::default());
        Ok(Self { store, source, secrets, clock, limits, logins, environment: Values::new(), folder: None, lock: None })
    }

    /// The audit log alone, for commands that do not serve.
    pub fn audit(&self) -> AuditLog {
        let vault = Vault::new(self.secrets.master.0, self.clock.clone());
        AuditLog::new(self.store.clone(), &vault, self.clock.clone())
    }

    /// The accounts alone, for commands that do not serve.
    pub fn accounts(&self) -> Accounts {
        Accounts::new(Setup {
            store: self.store.clone(),
            vault: Vault::new(self.secrets.master.0, self.clock.clone()),
            clock: self.clock.clone(),
            settings: self.settings(),
            auth_secret: None,
            install_token: None,
            catalogue: Arc::default(),
            public_url: String::new(),
        })
    }

    /// The ledger alone, with the funding sources that can be opened, for commands that do not serve.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn ledger(&self) -> Result<Ledger, StoreError> {
        let settings = self.settings();
        settings.load().await?;
        let sources = self.sources(settings.clone());
        sources.follow().await?;
        Ok(self.ledger_under(settings, sources))
    }

    /// The funding sources alone. None is open before they follow what was chosen.
    fn sources(&self, settings: Live) -> Sources {
        Sources::new(sources::Parts {
            store: self.store.clone(),
            settings,
            vault: Vault::new(self.secrets.master.0, self.clock.clone()),
            clock: self.clock.clone(),
            folder: self.folder.clone(),
            given: self.source.clone(),
        })
    }

    fn ledger_under(&self, settings: Live, sources: Sources) -> Ledger {
        let vault = Vault::new(self.secrets.master.0, self.clock.clone());
        Ledger::new(self.store.clone(), sources, vault, self.clock.clone(), settings)
    }

    fn links(&self, ledger: &Ledger) -> Links {
        let vault = Vault::new(self.secrets.master.0, self.clock.clone());
        Links::new(self.store.clone(), ledger.clone(), vault, self.clock.clone())
    }

    fn webhooks(&self, ledger: &Ledger, settings: Live) -> Webhooks {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let vault = Vault::new(self.secrets.master.0, clock.clone());
        Webhooks::new(store, vault, clock, settings, ledger.bell(), http::words(ledger))
    }

    fn idempotency(&self) -> Idempotency {
        let vault = Vault::new(self.secrets.master.0, self.clock.clone());
        Idempotency::new(self.store.clone(), vault, self.clock.clone())
    }

    fn pushes(&self, ledger: &Ledger, settings: Live, public_url: &str) -> Pushes {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let vault = Vault::new(self.secrets.master.0, clock.clone());
        Pushes::new(store, vault, clock, settings, ledger.bell(), public_url)
    }

    /// What the super user decides, with what the server was started with beneath it.
    fn settings(&self) -> Live {
        let vault = Vault::new(self.secrets.master.0, self.clock.clone());
        let all = Effective { limits: self.limits.clone(), logins: self.logins.clone() };
        Live::new(self.store.clone(), vault, self.clock.clone(), all, self.environment.clone())
    }
}

/// Opens the database that the settings name.
///
/// # Errors
/// When it cannot be opened or brought up to date.
pub async fn open_store(settings: &Settings) -> Result<Store, StartError> {
    match settings.postgres()? {
        Some(url) => Ok(Store::open_postgres(url).await?),
        None => {
            make_folder(&settings.data_dir)?;
            Ok(Store::open_sqlite(&settings.data_dir.join(DATABASE_FILE))?)
        }
    }
}

/// The data folder holds secrets: nobody else may look into one that is made here.
///
/// # Errors
/// When it cannot be made.
pub fn make_folder(path: &Path) -> Result<(), ConfigError> {
    let failed = |error| ConfigError::File { path: path.to_owned(), error };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)
}

fn take_folder(path: &Path) -> Result<File, StartError> {
    let file = path.join("satchel.lock");
    let failed = |error| ConfigError::File { path: file.clone(), error };
    let lock = File::options().create(true).truncate(false).write(true).open(&file).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StartError::Busy(path.display().to_string())),
        Err(TryLockError::Error(error)) => Err(failed(error).into()),
    }
}

/// A server that runs.
pub struct App {
    address: SocketAddr,
    ledger: Ledger,
    accounts: Accounts,
    install_open: bool,
    handle: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
    stopping: watch::Sender<bool>,
    restart: Arc<Notify>,
    audit: AuditLog,
    jobs: JoinSet<()>,
    _lock: Option<File>,
}

impl App {
    /// Binds the socket, takes up what earlier runs left open, and serves.
    ///
    /// # Errors
    /// When a part does not work or the socket cannot be bound.
    pub async fn start(settings: &Settings, parts: Parts) -> Result<Self, StartError> {
        let socket = TcpListener::bind(settings.listen).map_err(|error| StartError::Listen(settings.listen, error))?;
        let address = socket.local_addr().map_err(|error| StartError::Listen(settings.listen, error))?;
        let table = Arc::new(http::table());
        let catalogue = Arc::new(http::catalogue(&table));
        let live = parts.settings();
        live.load().await?;
        let sources = parts.sources(live.clone());
        // one that cannot be reached does not keep the server from starting
        sources.follow().await?;
        let (ledger, audit) = (parts.ledger_under(live.clone(), sources), parts.audit());
        let (webhooks, links) = (parts.webhooks(&ledger, live.clone()), parts.links(&ledger));
        let public_url = settings.public_url(address)?;
        let (pushes, idempotency) = (parts.pushes(&ledger, live.clone(), &public_url), parts.idempotency());
        let accounts = Accounts::new(Setup {
            store: parts.store.clone(),
            vault: Vault::new(parts.secrets.master.0, parts.clock.clone()),
            clock: parts.clock.clone(),
            settings: live.clone(),
            auth_secret: parts.secrets.auth_secret.map(|secret| secret.reveal().to_owned()),
            install_token: parts.secrets.install_token.map(|secret| secret.reveal().to_owned()),
            catalogue: Arc::clone(&catalogue),
            public_url: public_url.clone(),
        });
        accounts.load_session_keys().await?;
        let install_open = accounts.ensure_super_user().await?;
        let open = ledger.recover().await?;
        if open > 0 {
            tracing::info!(open, "payments were in flight when the server stopped; the node is being asked");
        }
        let events = Events::new(parts.store.clone(), parts.clock.clone(), ledger.bell());
        let book = JobBook::new(parts.clock.clone());
        let jobs = jobs::start(&Workshop {
            ledger: &ledger,
            accounts: &accounts,
            events: &events,
            webhooks: &webhooks,
            pushes: &pushes,
            links: &links,
            settings: &live,
            audit: &audit,
            store: &parts.store,
            clock: &parts.clock,
            book: &book,
        });
        let (store, clock) = (parts.store.clone(), parts.clock.clone());
        let named = catalogue.operations().iter().map(|operation| (operation.method.clone(), operation.path)).collect();
        let (told, lines) = (events.clone(), audit.clone());
        let metrics = Metrics::new(named, store.clone(), ledger.clone(), told, lines, book.clone(), clock.clone());
        // a server that keeps nothing in its folder may have none
        let folder = if settings.data_dir.is_dir() { settings.data_dir.clone() } else { std::env::temp_dir() };
        let backup = Backup::new(store, parts.secrets.master.clone(), clock, folder);
        let keepsakes = Keepsakes::new(parts.store.clone(), parts.clock.clone(), live.clone());
        let restart = Arc::new(Notify::new());
        let (stopping, stop_seen) = watch::channel(false);
        let house = House {
            openapi: Bytes::from(http::openapi_json(&table)),
            public_url,
            started: parts.clock.now(),
            clock: parts.clock,
            accounts: accounts.clone(),
            ledger: ledger.clone(),
            events,
            rules: http::rules(&table),
            idempotency,
            keepsakes,
            links,
            lnurl: Lnurl::new(Outbound::new(), live.clone()),
            webhooks,
            pushes,
            settings: live,
            catalogue,
            stopping: stop_seen,
            audit: audit.clone(),
            metrics,
            metrics_for: settings.observing.metrics.clone(),
            jobs: book,
            backup,
            restart: Arc::clone(&restart),
        };
        let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let server = http::serve(socket, workers, table, house).map_err(|error| StartError::Listen(address, error))?;
        let handle = server.handle();
        let serving = tokio::spawn(server);
        Ok(Self {
            address,
            ledger,
            accounts,
            install_open,
            handle,
            serving,
            stopping,
            restart,
            audit,
            jobs,
            _lock: parts.lock,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// True while the super user has no name and password.
    pub fn is_install_open(&self) -> bool {
        self.install_open
    }

    /// Its ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Waits until the super user wants the server to begin anew.
    pub async fn restart_wanted(&self) {
        self.restart.notified().await;
    }

    /// Lets open requests finish, then stops.
    pub async fn stop(mut self) {
        // nobody listening to it means that there is nothing to end
        let _ = self.stopping.send(true);
        self.handle.stop(true).await;
        let _ = self.serving.await;
        // nobody records any more: what is in memory is all there is
        if !self.audit.flush().await {
            tracing::error!(lines = self.audit.waiting(), "the audit log's last lines could not be written");
        }
        self.jobs.shutdown().await;
        if let Err(error) = self.accounts.flush_uses().await {
            tracing::warn!(%error, "when credentials were last used could not be written");
        }
        if let Err(error) = self.accounts.note_sightings().await {
            tracing::warn!(%error, "from where keys were used could not be written");
        }
    }
}
