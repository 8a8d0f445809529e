//! The outbox, from the reading side. It is written where the change is.

use diesel::prelude::{ExpressionMethods, QueryDsl, SelectableHelper};
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::{
    domain::{Time, event::Event},
    store::{StoreError, schema::outbox},
};

pub(in crate::store) async fn list(conn: &mut Conn, after: &i64, most: &i64) -> Result<Vec<Event>, StoreError> {
    let query = outbox::table.filter(outbox::id.gt(*after)).order(outbox::id).limit(*most);
    Ok(query.select(Event::as_select()).load(conn).await?)
}

pub(in crate::store) async fn last(conn: &mut Conn) -> Result<i64, StoreError> {
    let last: Option<i64> = outbox::table.select(diesel::dsl::max(outbox::id)).first(conn).await?;
    Ok(last.unwrap_or(0))
}

pub(in crate::store) async fn forget(conn: &mut Conn, before: &Time) -> Result<(), StoreError> {
    diesel::delete(outbox::table.filter(outbox::created_at.lt(*before))).execute(conn).await?;
    Ok(())
}
