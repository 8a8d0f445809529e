//! Statements that the connection keeps prepared.
//!
//! The query builder never keeps an UPDATE, because its columns can differ from call to call. Those here
//! cannot: each place in the program has one. So the place is the name under which the connection finds
//! the prepared statement again, without writing its text. Preparing costs several times what running does.

use std::marker::PhantomData;

use diesel::{
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    result::QueryResult,
};

use super::Db;

/// Keeps the statement prepared. Its text must follow from this place in the program: no columns that
/// are set only sometimes, no lists of varying length, and the place must not lie in a generic function.
macro_rules! kept {
    ($query:expr) => {{
        struct Here;
        super::kept::Kept::<Here, _>::new($query)
    }};
}

pub(super) use kept;

/// A statement to be kept, and the place that names it.
pub(super) struct Kept<Place, Q>(Q, PhantomData<fn() -> Place>);

impl<Place, Q> Kept<Place, Q> {
    pub(super) fn new(query: Q) -> Self {
        Self(query, PhantomData)
    }
}

impl<Place, Q: QueryFragment<Db>> QueryFragment<Db> for Kept<Place, Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _: &Db) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<Place: 'static, Q> QueryId for Kept<Place, Q> {
    type QueryId = Place;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<Place, Q: Query> Query for Kept<Place, Q> {
    type SqlType = Q::SqlType;
}
