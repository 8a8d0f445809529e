//! Alarms: what a person has to look at. While one about the funding source's word is open, nothing more
//! is sent through it; transfers inside, invoices, receipts and reads go on.
//!
//! Whether a source is stopped is nobody's memory: the open alarms say so, and the transaction that
//! holds the money asks them. So it holds over restarts and on every server of a shared database.

use super::{Ledger, LedgerError};
use crate::{
    domain::{
        AccountId, PaymentHash,
        filter::{Field, Fields, Listing, Type},
    },
    store::types::Acknowledgement,
};

pub use crate::store::types::Alarm;

const fn field(name: &'static str, sql: &'static str, of: Type, search: bool) -> Field {
    Field { name, sql, of, filter: true, sort: true, search }
}

/// What lists of alarms know.
pub const ALARMS: Fields = Fields(&[
    field("kind", "alarms.kind", Type::Text, true),
    field("source", "alarms.source", Type::Text, true),
    field("payment_hash", "payments.payment_hash", Type::Text, true),
    field("detail", "alarms.detail", Type::Text, true),
    field("acknowledged", "CASE WHEN alarms.acknowledged_at IS NULL THEN 'false' ELSE 'true' END", Type::Text, false),
    field("created_at", "alarms.created_at", Type::Time, false),
]);

impl Ledger {
    /// A page of alarms, newest first unless the listing says otherwise, and how many there are on all
    /// pages.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn alarms(&self, listing: Listing) -> Result<(Vec<Alarm>, i64), LedgerError> {
        Ok(self.store.alarm_page(listing).await?)
    }

    /// Notes that somebody looked at an alarm. Once every alarm about a source was looked at, it sends
    /// again. What was noted first stays.
    ///
    /// # Errors
    /// When there is no such alarm, or the database is not available.
    pub async fn acknowledge(&self, id: i64, by: AccountId, note: Option<String>) -> Result<Alarm, LedgerError> {
        let alarm = self.store.alarm_acknowledge(Acknowledgement { id, by, note, at: self.now() }).await?;
        tracing::warn!(alarm = alarm.id, by = ?alarm.acknowledged_by, "an alarm was acknowledged");
        Ok(alarm)
    }

    /// The source reports something that the ledger has no record of. After a backup was restored a person has to
    /// know; else it is the business of whoever else uses the node.
    pub(super) async fn unrecorded(&self, source: &str, what: &str, hash: &PaymentHash) -> Result<(), LedgerError> {
        let detail = format!("{what}; its hash is {hash}, and the ledger has no record of it");
        if self.store.alarm_unrecorded(source.to_owned(), detail.clone(), self.now()).await? {
            tracing::error!(%hash, what, "the restored ledger has no record of what the node reports");
        }
        Ok(())
    }

    /// Why the source sends nothing, and what ends that.
    pub(super) async fn stopped(&self, source: &str) -> LedgerError {
        match self.store.alarm_stopping(source.to_owned()).await {
            Ok(Some(alarm)) => {
                let (id, kind) = (alarm.id, alarm.kind);
                let about = match alarm.payment_hash {
                    Some(hash) => format!(" on the payment with the hash {hash}"),
                    None => String::new(),
                };
                LedgerError::SourceDown(format!(
                    "nothing is sent since alarm {id}: {kind}{about}. The super user has to look into it and \
                     acknowledge the alarm (PUT /admin/api/v1/alarms/{id})."
                ))
            }
            Ok(None) => LedgerError::SourceDown("an alarm was being acknowledged; try again.".to_owned()),
            Err(error) => error.into(),
        }
    }
}
