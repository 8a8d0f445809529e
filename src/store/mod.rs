//! What the server remembers, on either database.
//!
//! Every operation is one line below and one function in `queries/`. The query files mention no
//! database: they are compiled twice, under `sqlite` and under `postgres`, which say what a
//! connection is. Each operation is one transaction and returns only when that transaction is on
//! disk. Money is decided by guarded statements (`UPDATE … WHERE balance_msat >= ?`) whose row
//! count is looked at, never by reading, comparing and writing back; so any number of servers may
//! share one PostgreSQL.

mod copy;
mod error;
mod operations;
#[expect(clippy::duplicate_mod, reason = "the query files are compiled once per database")]
mod postgres;
pub mod schema;
#[expect(clippy::duplicate_mod, reason = "the query files are compiled once per database")]
mod sqlite;
mod totals;
pub mod types;

use std::{path::Path, sync::Arc};

pub use copy::{CopyError, load_dump};
pub use error::{Refusal, StoreError};

use crate::domain::{Msat, WalletId};

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    backend: Backend,
    totals: Arc<totals::Totals>,
}

#[derive(Clone)]
enum Backend {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

impl Store {
    /// Opens (and where needed makes) the SQLite database in this file and brings its tables up to date.
    ///
    /// # Errors
    /// When the file cannot be opened or a migration fails.
    pub fn open_sqlite(file: &Path) -> Result<Self, StoreError> {
        Ok(Self { backend: Backend::Sqlite(sqlite::Sqlite::open(file)?), totals: Arc::default() })
    }

    /// Connects to PostgreSQL and brings its tables up to date.
    ///
    /// Must be called on the multi-threaded runtime that the server's own tasks run on.
    ///
    /// # Errors
    /// When it cannot be reached or a migration fails.
    pub async fn open_postgres(url: &str) -> Result<Self, StoreError> {
        Ok(Self { backend: Backend::Postgres(postgres::Postgres::open(url).await?), totals: Arc::default() })
    }

    /// Which database this is, for people.
    pub fn name(&self) -> &'static str {
        match &self.backend {
            Backend::Sqlite(_) => "SQLite",
            Backend::Postgres(_) => "PostgreSQL",
        }
    }

    /// Which database this is, in the words of OpenTelemetry.
    const fn system(&self) -> &'static str {
        match &self.backend {
            Backend::Sqlite(_) => "sqlite",
            Backend::Postgres(_) => "postgresql",
        }
    }

    /// May another process write to the same database?
    pub fn is_shared(&self) -> bool {
        matches!(self.backend, Backend::Postgres(_))
    }

    /// How many operations wait for the database.
    pub fn waiting(&self) -> usize {
        match &self.backend {
            Backend::Sqlite(db) => db.waiting(),
            Backend::Postgres(db) => db.waiting(),
        }
    }

    /// What the wallet holds; `None` when there is no such wallet.
    ///
    /// On SQLite, whose only writer is this process, the answer comes from memory when it is there.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn balance(&self, wallet: &WalletId) -> Result<Option<Msat>, StoreError> {
        if let Backend::Sqlite(db) = &self.backend {
            return db.balance(wallet, || self.wallet_balance(wallet.clone())).await;
        }
        self.wallet_balance(wallet.clone()).await
    }
}
