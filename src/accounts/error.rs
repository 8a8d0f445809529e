//! Why somebody is not let in, or not obeyed.

use super::policy::Right;
use crate::{
    domain::Msat,
    store::{Refusal, StoreError},
};

/// A reason that a caller can be told. The texts are those that LNbits clients know.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// 401: nothing usable was presented, or it is worth nothing.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// 403: who it is, is known; he may not.
    #[error("{0}")]
    Forbidden(String),
    /// 403: a credential hands on no more than it has.
    #[error("{}", .0.text)]
    Beyond(Box<Beyond>),
    /// 401: the first factor was right; the account asks for a second one.
    #[error("This account asks for a one-time code: send it in the header X-OTP-Code.")]
    OtpRequired,
    /// 403: a login alone does not do here.
    #[error("This asks for a one-time code: send it in the header X-OTP-Code.")]
    OtpToGoOn,
    /// 429: too many wrong one-time codes.
    #[error("Too many wrong one-time codes. Try again later.")]
    TooManyCodes,
    /// 404.
    #[error("{0}")]
    Missing(&'static str),
    /// 400: which wallet?
    #[error("Name the wallet in the header X-Wallet-Id (or the parameter wallet_id): the account has several.")]
    WalletNotNamed,
    /// 400: the request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// 409: there is money that its owner could not reach any more.
    #[error("Its wallets hold {0}. Move the money first, or say confirm=true: it stays in the books.")]
    HoldsMoney(Msat),
    /// 429: too many failures; wait so many seconds.
    #[error("Too many login attempts. Try again later.")]
    TooManyAttempts {
        /// In seconds.
        retry_after: i64,
    },
    /// 503: a login provider cannot be asked now.
    #[error("The login provider cannot be asked now: {0}.")]
    ProviderDown(String),
    /// The database is not available, or objects.
    #[error(transparent)]
    Store(StoreError),
}

/// What somebody asked for beyond what he holds himself.
#[derive(Debug)]
pub struct Beyond {
    /// For people.
    pub text: String,
    /// The right that he lacks and the endpoint that asks for it.
    pub missing: Option<(Right, String)>,
    /// Which of his limits it exceeds.
    pub exceeded: Option<&'static str>,
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(Refusal::Full) => Self::invalid("Max amount of users have been created"),
            StoreError::Refused(Refusal::Taken("username")) => Self::invalid("Username already exists."),
            StoreError::Refused(Refusal::Taken("email")) => Self::invalid("Email already exists."),
            StoreError::Refused(Refusal::Taken("pubkey")) => Self::invalid("Public key already in use."),
            StoreError::Refused(Refusal::Taken("lightning address")) => {
                Self::invalid("Lightning Address is already taken.")
            }
            StoreError::Refused(Refusal::Taken("share")) => Self::invalid("User already invited to this wallet."),
            StoreError::Refused(Refusal::HoldsMoney(amount)) => Self::HoldsMoney(amount),
            StoreError::Refused(Refusal::Missing("open account")) => Self::Unauthenticated("User is not activated."),
            StoreError::Refused(Refusal::Missing("account")) => Self::Missing("User not found."),
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
