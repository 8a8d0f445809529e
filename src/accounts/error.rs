//! Why somebody is not let in, or not obeyed.

use crate::store::{Refusal, StoreError};

/// A reason that a caller can be told. The texts are those that LNbits clients know.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// 401: nothing usable was presented, or it is worth nothing.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// 403: who it is, is known; he may not.
    #[error("{0}")]
    Forbidden(String),
    /// 404.
    #[error("{0}")]
    Missing(&'static str),
    /// 400: which wallet?
    #[error("Name the wallet in the header X-Wallet-Id (or the parameter wallet_id): the account has several.")]
    WalletNotNamed,
    /// 400: the request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The database is not available, or objects.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(Refusal::Taken("username")) => Self::invalid("Username already exists."),
            StoreError::Refused(Refusal::Taken("email")) => Self::invalid("Email already exists."),
            StoreError::Refused(Refusal::Taken("lightning address")) => {
                Self::invalid("Lightning Address is already taken.")
            }
            StoreError::Refused(Refusal::Taken("share")) => Self::invalid("User already invited to this wallet."),
            StoreError::Refused(Refusal::Missing("wallet")) => Self::Missing("Wallet not found"),
            other => Self::Store(other),
        }
    }
}

impl AccountError {
    pub(super) fn invalid(text: &str) -> Self {
        Self::Invalid(text.to_owned())
    }
}
