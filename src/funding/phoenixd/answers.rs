//! What phoenixd answers, and what that means.

use serde::Deserialize;

use super::sat;
use crate::{
    domain::{Msat, Time, ids::array_from_hex},
    funding::{AttemptRef, CLOCKS_APART, Outcome},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Info {
    pub(super) node_id: String,
    pub(super) chain: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Balance {
    pub(super) balance_sat: i64,
}

#[derive(Deserialize)]
pub(super) struct Created {
    pub(super) serialized: String,
}

/// What the answer to an order means.
pub(super) enum Ordered {
    Paid(Outcome),
    /// It says that the payment failed.
    Failed(String),
    /// It did not begin.
    Refused(String),
    Unclear(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    payment_id: Option<String>,
    payment_preimage: Option<String>,
    routing_fee_sat: Option<i64>,
    reason: Option<String>,
}

/// Reads the answer to an order that was taken.
pub(super) fn ordered(body: &[u8]) -> Ordered {
    let unclear = || Ordered::Unclear("phoenixd answered what cannot be read".to_owned());
    let Ok(done) = serde_json::from_slice::<Done>(body) else { return unclear() };
    match (done.payment_preimage.as_deref().and_then(array_from_hex), done.routing_fee_sat, done.reason) {
        (Some(preimage), Some(fee), _) => {
            Ordered::Paid(Outcome::Paid { preimage, fee: sat(fee), source_ref: done.payment_id })
        }
        (None, None, Some(reason)) => Ordered::Failed(reason),
        _ => unclear(),
    }
}

/// A payment in phoenixd's records.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outgoing {
    payment_id: Option<String>,
    preimage: Option<String>,
    pub(super) is_paid: bool,
    /// In millisatoshis, unlike the rest.
    #[serde(default)]
    fees: i64,
    /// In milliseconds.
    completed_at: Option<i64>,
    /// In milliseconds.
    created_at: i64,
}

impl Outgoing {
    pub(super) fn is_over(&self) -> bool {
        self.completed_at.is_some()
    }

    /// What it says of an attempt. Asked by hash, phoenixd tells of the best attempt: one that failed before this one
    /// was handed over says nothing of it.
    pub(super) fn outcome(self, attempt: &AttemptRef) -> Outcome {
        let preimage = self.preimage.as_deref().and_then(array_from_hex);
        match (self.is_paid, self.is_over(), preimage) {
            (true, _, Some(preimage)) => Outcome::Paid { preimage, fee: Msat(self.fees), source_ref: self.payment_id },
            (true, _, None) => Outcome::Unknown("phoenixd says paid, without a preimage".to_owned()),
            (false, false, _) => Outcome::InFlight { source_ref: self.payment_id },
            (false, true, _) => {
                let named = attempt.source_ref.is_some() && attempt.source_ref == self.payment_id;
                let began = Time(self.created_at.saturating_mul(1000));
                let this = attempt.dispatched_at.is_some_and(|at| began >= at.plus_seconds(-CLOCKS_APART));
                if named || this {
                    Outcome::Failed { attempt: attempt.attempt, reason: "phoenixd found no way to pay it".to_owned() }
                } else {
                    Outcome::Unknown("phoenixd tells of an earlier attempt".to_owned())
                }
            }
        }
    }
}

/// An invoice in phoenixd's records.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Incoming {
    pub(super) payment_hash: String,
    preimage: Option<String>,
    is_paid: bool,
    #[serde(default)]
    received_sat: i64,
    /// In milliseconds.
    pub(super) completed_at: Option<i64>,
}

impl Incoming {
    /// What arrived, and what proves it.
    pub(super) fn receipt(&self) -> Option<(Msat, Option<[u8; 32]>)> {
        self.is_paid.then(|| (sat(self.received_sat), self.preimage.as_deref().and_then(array_from_hex)))
    }
}
