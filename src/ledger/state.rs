//! What there is to say about the node, asked without patience.

use super::{Ledger, LedgerError};
use crate::domain::Msat;

/// How long the node may take to say how it is.
const WAIT: std::time::Duration = std::time::Duration::from_secs(3);

impl Ledger {
    /// What the node holds.
    ///
    /// # Errors
    /// When it does not answer soon.
    pub async fn node_balance(&self) -> Result<Msat, LedgerError> {
        let source = self.sources.current()?;
        match tokio::time::timeout(WAIT, source.status()).await {
            Ok(status) => Ok(status?.balance),
            Err(_) => Err(LedgerError::SourceDown("the node does not answer in time".to_owned())),
        }
    }

    /// Can the database be read?
    ///
    /// # Errors
    /// When it cannot.
    pub async fn database_answers(&self) -> Result<(), LedgerError> {
        match tokio::time::timeout(WAIT, self.store.event_last()).await {
            Ok(last) => Ok(last.map(drop)?),
            Err(_) => Err(crate::store::StoreError::Unavailable("it does not answer in time".to_owned()).into()),
        }
    }
}
