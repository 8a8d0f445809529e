//! How an operation of the store can end other than well.

use super::types::Spent;
use crate::domain::{Msat, Payment};

/// Why the database did not do what it was asked. Nothing was written in any of these cases.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The rules of the house forbid it; somebody is told why.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The database cannot be reached, is full, or is read-only. It may work again later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The database objects to the statement: a defect of the program.
    #[error("the database objects: {0}")]
    Defect(diesel::result::Error),
}

/// A rule that the store keeps.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The wallet does not hold so much.
    #[error("the wallet does not hold {needed}")]
    InsufficientBalance {
        /// What it would have to hold.
        needed: Msat,
    },
    /// An attempt to pay this hash is in flight or has succeeded.
    #[error("this payment hash is being paid or was paid before")]
    AlreadyAttempted(Box<Payment>),
    /// The invoice is not open any more.
    #[error("the invoice is not open")]
    InvoiceNotOpen(Box<Payment>),
    /// The invoice's money is to be held, not moved.
    #[error("the invoice is a hold invoice")]
    HoldInvoice,
    /// There is no such thing (any more).
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// Something else has this name already.
    #[error("the {0} is taken")]
    Taken(&'static str),
    /// Somebody changed it since it was read.
    #[error("the {0} was changed meanwhile")]
    Changed(&'static str),
    /// It would put money out of its owner's reach, and nobody said that this is meant.
    #[error("it holds {0}")]
    HoldsMoney(Msat),
    /// A budget does not reach for it.
    #[error("a budget has {} left", .0.left())]
    BudgetExceeded(Box<Spent>),
    /// There are as many accounts as there may be.
    #[error("there are as many accounts as there may be")]
    Full,
    /// The wallet would hold more than it may.
    #[error("the wallet may hold {most} at most")]
    BalanceAbove {
        /// The most.
        most: Msat,
    },
    /// More would leave the wallet in a day than may.
    #[error("{most} may leave the wallet in a day")]
    DayAbove {
        /// The most.
        most: Msat,
    },
    /// The wallet's last payment is not long enough ago.
    #[error("{seconds} seconds lie between two payments")]
    TooSoon {
        /// How long it takes.
        seconds: i64,
    },
    /// It was done before, and may be done once.
    #[error("{0} was done before")]
    Done(&'static str),
}

impl StoreError {
    /// Is the trouble the database's, and may pass?
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Reads the error of a statement that writes one unique value: that somebody else was faster is a
    /// refusal, not a defect.
    pub(super) fn or_taken(what: &'static str) -> impl FnOnce(diesel::result::Error) -> Self {
        use diesel::result::{DatabaseErrorKind, Error};
        move |error| match error {
            Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Refusal::Taken(what).into(),
            other => other.into(),
        }
    }
}

impl From<diesel::result::Error> for StoreError {
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::{DatabaseErrorKind as Kind, Error};
        if let Error::DatabaseError(Kind::CheckViolation, info) = &error
            && info.message().contains("balance_msat")
        {
            return Refusal::Missing("room in the wallet").into(); // more than all the bitcoin there will be
        }
        if error.to_string().contains("bigint out of range") {
            return Refusal::Missing("room in the wallet").into(); // the same, beyond what can be written at all
        }
        let unavailable = match &error {
            Error::DatabaseError(kind, info) => {
                let text = info.message();
                matches!(
                    kind,
                    Kind::ClosedConnection
                        | Kind::UnableToSendCommand
                        | Kind::ReadOnlyTransaction
                        | Kind::SerializationFailure
                ) || UNAVAILABLE.iter().any(|sign| text.contains(sign))
            }
            Error::BrokenTransactionManager | Error::AlreadyInTransaction | Error::NotInTransaction => true,
            _ => false,
        };
        if unavailable { Self::Unavailable(error.to_string()) } else { Self::Defect(error) }
    }
}

/// How the two databases say that the trouble is theirs: SQLite on a full or broken disk, PostgreSQL
/// on a full disk, a shutdown or a lost connection, either on a lock that is held too long.
const UNAVAILABLE: &[&str] = &[
    "database or disk is full",
    "disk I/O error",
    "unable to open database file",
    "attempt to write a readonly database",
    "database is locked",
    "No space left on device",
    "could not extend file",
    "terminating connection",
    "connection closed",
    "the database system is",
    "deadlock detected",
];
