//! PostgreSQL: a pool of connections, one transaction per operation.

use std::{sync::Arc, time::Duration};

use diesel_async::{
    AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, SimpleAsyncConnection,
    pooled_connection::{
        AsyncDieselConnectionManager,
        deadpool::{Object, Pool},
    },
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

use super::{StoreError, types::Posts};

#[path = "queries/mod.rs"]
pub(super) mod queries;

/// The database that the queries are written for here.
pub(super) type Db = diesel::pg::Pg;
/// The number that this connection's last INSERT gave its row.
const NEWEST_ID: &str = "lastval()";
/// A connection to it.
pub(super) type Conn = AsyncPgConnection;
/// An operation: an async function of the connection, boxed so that it can change threads.
pub(super) type Op<T> = Box<dyn for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, StoreError>> + Send>;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const POOL_SIZE: usize = 16;
/// How long an operation waits for its turn at a connection before it says that the database is not there. (A
/// database that cannot be reached says so at once.)
const PATIENCE: Duration = Duration::from_secs(15);
/// Two servers that start at once migrate one after the other: the number names the lock.
const LOCK: &str = "SELECT pg_advisory_lock(5354434845)";
const UNLOCK: &str = "SELECT pg_advisory_unlock(5354434845)";

/// A pool of connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct Postgres {
    pool: Pool<AsyncPgConnection>,
    runtime: Handle,
    url: Arc<str>,
}

impl Postgres {
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let unavailable = |error: &dyn std::fmt::Display| StoreError::Unavailable(error.to_string());
        let mut conn = AsyncPgConnection::establish(url).await.map_err(|error| unavailable(&error))?;
        conn.batch_execute(LOCK).await?;
        let mut harness = AsyncMigrationHarness::new(conn);
        harness.run_pending_migrations(MIGRATIONS).map_err(|error| unavailable(&format!("migration: {error}")))?;
        harness.into_inner().batch_execute(UNLOCK).await?;
        let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(url);
        let pool = Pool::builder(manager).max_size(POOL_SIZE).build().map_err(|error| unavailable(&error))?;
        Ok(Self { pool, runtime: Handle::current(), url: url.into() })
    }

    /// Where it is.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The schema that the tables are in.
    pub(super) async fn schema(&self) -> Result<String, StoreError> {
        let mut conn = take(&self.pool).await?;
        let schema = diesel::select(diesel::dsl::sql::<diesel::sql_types::Text>("CAST(current_schema() AS TEXT)"));
        Ok(diesel_async::RunQueryDsl::get_result(schema, &mut conn).await?)
    }

    /// How many operations wait for a connection.
    pub(super) fn waiting(&self) -> usize {
        self.pool.status().waiting
    }

    /// Runs the operation in a transaction of its own, to its end even if the caller goes away.
    pub(super) async fn write<T: Send + 'static>(&self, op: Op<T>) -> Result<T, StoreError> {
        let pool = self.pool.clone();
        let task = self.runtime.spawn(async move {
            let mut conn = take(&pool).await?;
            let conn: &mut Conn = &mut conn;
            conn.transaction(async |conn| op(conn).await).await
        });
        task.await.map_err(|_| StoreError::Unavailable("the server is shutting down".into()))?
    }

    /// Like [`Self::write`]: balances are not remembered here, because others may change them.
    pub(super) async fn post<T: Posts + Send + 'static>(&self, op: Op<T>) -> Result<T, StoreError> {
        self.write(op).await
    }

    pub(super) async fn read<T: Send + 'static>(&self, op: Op<T>) -> Result<T, StoreError> {
        let mut conn = take(&self.pool).await?;
        op(&mut conn).await
    }

    /// Like [`Self::read`], all of it as of one moment.
    pub(super) async fn snapshot<T: Send + 'static>(&self, op: Op<T>) -> Result<T, StoreError> {
        let mut conn = take(&self.pool).await?;
        let conn: &mut Conn = &mut conn;
        conn.build_transaction().read_only().repeatable_read().run(async |conn| op(conn).await).await
    }
}

async fn take(pool: &Pool<AsyncPgConnection>) -> Result<Object<AsyncPgConnection>, StoreError> {
    let unavailable = |why: &dyn std::fmt::Display| StoreError::Unavailable(why.to_string());
    match tokio::time::timeout(PATIENCE, pool.get()).await {
        Ok(taken) => taken.map_err(|error| unavailable(&error)),
        Err(_) => Err(unavailable(&"no connection became free")),
    }
}
