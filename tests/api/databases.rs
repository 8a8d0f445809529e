//! A fresh database for every test: a SQLite file in memory's file system, or a schema of its own in
//! the throwaway PostgreSQL that `./test` starts.

use std::{env, fs, path::PathBuf, thread};

use diesel::{Connection, QueryableByName, SqliteConnection, connection::SimpleConnection, sql_query, sql_types::Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use satchel::{clock::Clock, domain::ids::to_hex, store::Store};

const FILE: &str = "satchel.sqlite3";

/// Runs each body `async fn name(store: Store)` as a test `sqlite::name` and a test `postgres::name`.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let database = $crate::databases::Database::sqlite();
                super::$name(database.store.clone()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let database = $crate::databases::Database::postgres().await;
                super::$name(database.store.clone()).await;
            })*
        }
    };
}
pub(crate) use on_both;

/// An empty database with its tables, gone when dropped.
pub(crate) struct Database {
    /// The way the server uses it.
    pub(crate) store: Store,
    place: Place,
}

enum Place {
    Folder(PathBuf),
    Schema { name: String, url: String },
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        let folder = memory_folder().join(format!("satchel-{}", random_name()));
        fs::create_dir(&folder).unwrap();
        let store = Store::open_sqlite(&folder.join(FILE)).unwrap();
        Self { store, place: Place::Folder(folder) }
    }

    pub(crate) async fn postgres() -> Self {
        let cluster = cluster();
        let name = random_name();
        execute_postgres(&cluster, &format!("CREATE SCHEMA {name}")).await.unwrap();
        let sign = if cluster.contains('?') { '&' } else { '?' };
        let url = format!("{cluster}{sign}options=-c%20search_path%3D{name}");
        let store = Store::open_postgres(&url).await.unwrap();
        Self { store, place: Place::Schema { name, url } }
    }

    /// Opens the same database once more, as a second server or a restarted one would.
    pub(crate) async fn reopened(&self) -> Store {
        match &self.place {
            Place::Folder(folder) => Store::open_sqlite(&folder.join(FILE)).unwrap(),
            Place::Schema { url, .. } => Store::open_postgres(url).await.unwrap(),
        }
    }

    /// Runs statements past the store, as somebody at the database's own prompt would.
    pub(crate) async fn execute(&self, sql: &str) -> Result<(), String> {
        match &self.place {
            Place::Folder(_) => self.raw_sqlite().batch_execute(sql).map_err(|error| error.to_string()),
            Place::Schema { url, .. } => execute_postgres(url, sql).await,
        }
    }

    /// The texts in the column `line` of a query.
    pub(crate) async fn lines(&self, sql: &str) -> Vec<String> {
        let lines: Vec<Line> = match &self.place {
            Place::Folder(_) => diesel::RunQueryDsl::load(sql_query(sql), &mut self.raw_sqlite()).unwrap(),
            Place::Schema { url, .. } => {
                let mut conn = AsyncPgConnection::establish(url).await.unwrap();
                RunQueryDsl::load(sql_query(sql), &mut conn).await.unwrap()
            }
        };
        lines.into_iter().map(|row| row.line).collect()
    }

    fn raw_sqlite(&self) -> SqliteConnection {
        let Place::Folder(folder) = &self.place else { panic!("not SQLite") };
        let mut conn = SqliteConnection::establish(folder.join(FILE).to_str().unwrap()).unwrap();
        conn.batch_execute("PRAGMA busy_timeout=5000; PRAGMA foreign_keys=ON;").unwrap();
        conn
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        match &self.place {
            Place::Folder(folder) => drop(fs::remove_dir_all(folder)),
            Place::Schema { name, .. } => {
                at_leisure(format!("SET lock_timeout = '2s'; DROP SCHEMA {name} CASCADE"));
            }
        }
    }
}

/// A database of the cluster, for a server process of its own; gone when dropped.
pub(crate) struct OwnDatabase {
    name: String,
    /// Where it is.
    pub(crate) url: String,
}

impl OwnDatabase {
    pub(crate) async fn new() -> Self {
        let (cluster, name) = (cluster(), random_name());
        execute_postgres(&cluster, &format!("CREATE DATABASE {name}")).await.unwrap();
        let (server, _) = cluster.rsplit_once('/').unwrap();
        Self { url: format!("{server}/{name}"), name }
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        at_leisure(format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// Runs a statement in a thread of its own, because this may be inside the test's runtime.
fn at_leisure(sql: String) {
    let dropped = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // what stays behind goes with the cluster
        drop(runtime.block_on(execute_postgres(&cluster(), &sql)));
    });
    drop(dropped.join());
}

async fn execute_postgres(url: &str, sql: &str) -> Result<(), String> {
    let mut conn = AsyncPgConnection::establish(url).await.map_err(|error| error.to_string())?;
    conn.batch_execute(sql).await.map_err(|error| error.to_string())
}

fn cluster() -> String {
    env::var("SATCHEL_TEST_POSTGRES")
        .expect("SATCHEL_TEST_POSTGRES is not set: run ./test, which starts a throwaway PostgreSQL")
}

fn memory_folder() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let probe = memory.join(random_name());
    if fs::create_dir(&probe).and_then(|()| fs::remove_dir(&probe)).is_ok() { memory } else { env::temp_dir() }
}

fn random_name() -> String {
    format!("test_{}", to_hex(&Clock::system().bytes::<12>()))
}
