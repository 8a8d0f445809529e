//! Statements that the connection keeps prepared.
//!
//! The query builder never keeps an UPDATE, because its columns can differ from call to call; but the
//! connection finds kept statements by their whole text, so that keeping one is safe. Preparing costs
//! several times what running does.

use diesel::{
    query_builder::{AstPass, QueryFragment, QueryId},
    result::QueryResult,
};

use super::Db;

/// Keeps the statement prepared. Its text must not depend on input, or the connection would keep one
/// for each.
pub(super) fn kept<Q>(query: Q) -> Kept<Q> {
    Kept(query)
}

/// A statement to be kept.
pub(super) struct Kept<Q>(Q);

impl<Q: QueryFragment<Db>> QueryFragment<Db> for Kept<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _: &Db) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<Q> QueryId for Kept<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
