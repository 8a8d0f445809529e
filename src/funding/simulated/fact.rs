//! What the node writes down: one JSON line for each thing that money depends on.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::domain::{
    Msat, PaymentHash,
    ids::{array_from_hex, to_hex},
};

/// How an attempt ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The money arrived.
    Paid,
    /// It never will; the text says why.
    Failed(String),
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub(super) enum Fact {
    /// Money came from outside.
    Received {
        #[serde(deserialize_with = "parsed")]
        hash: PaymentHash,
        amount: Msat,
        #[serde(with = "hex")]
        preimage: [u8; 32],
    },
    /// Money for a hold invoice came from outside and is held.
    Held {
        #[serde(deserialize_with = "parsed")]
        hash: PaymentHash,
        amount: Msat,
        /// Microseconds since the epoch: when it goes back by itself.
        deadline: i64,
    },
    /// A hold invoice is over, and what was held went back.
    LetGo {
        #[serde(deserialize_with = "parsed")]
        hash: PaymentHash,
    },
    /// An attempt is under way. How and when it ends is settled already, so that a restart does not
    /// change it.
    Accepted {
        #[serde(deserialize_with = "parsed")]
        hash: PaymentHash,
        attempt: i64,
        amount: Msat,
        fee: Msat,
        #[serde(with = "hex")]
        preimage: [u8; 32],
        ends: Ending,
        /// Microseconds since the epoch; without it somebody else has to end it.
        due: Option<i64>,
    },
    /// An attempt is over. One that was never accepted failed before any money was set aside.
    Ended {
        #[serde(deserialize_with = "parsed")]
        hash: PaymentHash,
        attempt: i64,
        ending: Ending,
    },
}

fn parsed<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(format!("{text:?} is not a payment hash")))
}

mod hex {
    use super::{Deserialize, Deserializer, Error, Serializer, array_from_hex, to_hex};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_hex(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        array_from_hex(&text).ok_or_else(|| D::Error::custom("a preimage has 64 hex characters"))
    }
}
