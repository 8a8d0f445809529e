//! The journal's vocabulary: in whose book an entry stands, and why.

use std::str::FromStr;

use diesel::{deserialize::FromSqlRow, expression::AsExpression, sql_types::Text};

use super::{
    WalletId,
    column::{text_column, text_enum},
};

text_enum! {
    /// Why money moved.
    EntryKind {
        /// Between two wallets of this server.
        Transfer = "transfer",
        /// Set aside for a payment on its way out.
        Hold = "hold",
        /// That payment arrived.
        Settle = "settle",
        /// That payment failed, and what was set aside went back.
        Release = "release",
        /// That payment arrived after it had been recorded as failed.
        Late = "late",
        /// Came in over Lightning.
        Receive = "receive",
        /// The super user added or took it.
        Adjust = "adjust",
    }
}

/// In whose book an entry stands. The sum over all books is zero, always.
#[derive(Debug, Clone, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub enum Book {
    /// A wallet's.
    Wallet(WalletId),
    /// The world behind the node: what left this server over Lightning, less what came in.
    Lightning,
    /// What is set aside for payments in flight.
    Holds,
    /// What the super user took out of wallets, less what he put in.
    Operator,
    /// What arrived and belongs to nobody yet.
    Suspense,
    /// What the house lost, as a negative sum.
    Loss,
}

impl Book {
    /// The word or the wallet's id that is stored.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Wallet(id) => id.as_str(),
            Self::Lightning => "lightning",
            Self::Holds => "holds",
            Self::Operator => "operator",
            Self::Suspense => "suspense",
            Self::Loss => "loss",
        }
    }
}

impl FromStr for Book {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "lightning" => Self::Lightning,
            "holds" => Self::Holds,
            "operator" => Self::Operator,
            "suspense" => Self::Suspense,
            "loss" => Self::Loss,
            wallet => Self::Wallet(wallet.parse()?),
        })
    }
}
text_column!(Book);
