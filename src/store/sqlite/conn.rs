//! A connection that works right where it is asked: the threads here are ours to block.
//!
//! `diesel_async` has a wrapper for SQLite, which may carry each statement to another thread and therefore
//! writes its text and copies its values every time, although the statement was prepared long ago. Here
//! diesel finds a prepared statement by the type of its query, and the values are bound where they lie.

use std::{
    future::{Ready, ready},
    vec,
};

use diesel::{
    Connection, ConnectionResult, RunQueryDsl, SqliteConnection,
    connection::{LoadConnection, SimpleConnection},
    migration::MigrationSource,
    query_builder::{AsQuery, AstPass, Query, QueryFragment, QueryId},
    result::{Error, QueryResult},
    row::IntoOwnedRow,
    sql_types::{BigInt, Untyped},
    sqlite::Sqlite,
};
use diesel_async::{AsyncConnectionCore, SimpleAsyncConnection};
use diesel_migrations::MigrationHarness;
use futures_util::stream::{self, Iter};

/// A connection to a SQLite file. Its futures are ready when they are made.
pub(in crate::store) struct Conn(SqliteConnection);

type Borrowed<'conn, 'query> = <SqliteConnection as LoadConnection>::Row<'conn, 'query>;
type Owned = <Borrowed<'static, 'static> as IntoOwnedRow<'static, Sqlite>>::OwnedRow;

impl Conn {
    pub(super) fn establish(url: &str) -> ConnectionResult<Self> {
        SqliteConnection::establish(url).map(Self)
    }

    pub(super) fn migrate(&mut self, migrations: impl MigrationSource<Sqlite>) -> diesel::migration::Result<()> {
        self.0.run_pending_migrations(migrations).map(drop)
    }

    pub(super) fn run(&mut self, sql: &str) -> QueryResult<()> {
        self.0.batch_execute(sql)
    }
}

impl SimpleAsyncConnection for Conn {
    async fn batch_execute(&mut self, sql: &str) -> QueryResult<()> {
        self.run(sql)
    }
}

impl AsyncConnectionCore for Conn {
    type ExecuteFuture<'conn, 'query> = Ready<QueryResult<usize>>;
    type LoadFuture<'conn, 'query> = Ready<QueryResult<Self::Stream<'conn, 'query>>>;
    type Stream<'conn, 'query> = Iter<vec::IntoIter<QueryResult<Owned>>>;
    type Row<'conn, 'query> = Owned;
    type Backend = Sqlite;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> Self::LoadFuture<'conn, 'query>
    where
        T: AsQuery + 'query,
        T::Query: QueryFragment<Sqlite> + QueryId + 'query,
    {
        let mut names = None;
        let rows = self.0.load(Plain(source.as_query())).map(|rows| {
            let rows: Vec<_> = rows.map(|row| Ok(row?.into_owned(&mut names))).collect();
            stream::iter(rows)
        });
        ready(rows)
    }

    fn execute_returning_count<'conn, 'query, T>(&'conn mut self, source: T) -> Self::ExecuteFuture<'conn, 'query>
    where
        T: QueryFragment<Sqlite> + QueryId + 'query,
    {
        ready(count(&mut self.0, Plain(source)))
    }
}

/// Runs a statement for the number of rows that it changed. diesel's own way of counting takes the query by
/// reference, and behind a reference it forgets that the statement may be kept.
fn count(
    conn: &mut SqliteConnection,
    query: impl Query<SqlType = Untyped> + QueryFragment<Sqlite> + QueryId,
) -> QueryResult<usize> {
    conn.load(query)?.try_for_each(|row| row.map(drop))?;
    let changed: i64 = Changes.get_result(conn)?;
    usize::try_from(changed).map_err(|error| Error::DeserializationError(error.into()))
}

/// Asks how many rows the last statement changed.
#[derive(QueryId)]
struct Changes;

impl Query for Changes {
    type SqlType = BigInt;
}

impl RunQueryDsl<SqliteConnection> for Changes {}

impl QueryFragment<Sqlite> for Changes {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("SELECT changes()");
        Ok(())
    }
}

/// A query whose rows are read by whoever asked, who knows their types.
struct Plain<Q>(Q);

impl<Q> Query for Plain<Q> {
    type SqlType = Untyped;
}

impl<Q: QueryFragment<Sqlite>> QueryFragment<Sqlite> for Plain<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, backend: &Sqlite) -> QueryResult<bool> {
        self.0.is_safe_to_cache_prepared(backend)
    }
}

impl<Q: QueryId> QueryId for Plain<Q> {
    type QueryId = Q::QueryId;
    const HAS_STATIC_QUERY_ID: bool = Q::HAS_STATIC_QUERY_ID;
}
