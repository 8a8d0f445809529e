//! Paying, and telling what became of it.

use bitcoin::secp256k1::PublicKey;
use ldk_node::{
    LightningBalance, Node, NodeError,
    lightning::routing::router::RouteParametersConfig,
    lightning_types::payment::PaymentPreimage,
    payment::{PaymentDetails, PaymentDirection, PaymentStatus},
};

use super::{EmbeddedNode, hash_of, msat, preimage_of};
use crate::{
    domain::{Msat, PaymentHash, Time, ids::array_from_hex},
    funding::{AttemptRef, Outcome, Payee, PaymentOrder, SourceDown},
};

impl EmbeddedNode {
    pub(super) async fn send(&self, order: PaymentOrder) -> Outcome {
        let hash = order.payee.payment_hash();
        let attempt = order.attempt;
        let mut news = self.journal.news();
        news.mark_unchanged();
        let sent = match self.blocking(move |node| begin(node, &order)).await {
            Ok(sent) => sent,
            // whether the thread came to it is not known
            Err(down) => return Outcome::Unknown(down.0),
        };
        match sent {
            Ok(()) => {}
            Err(Refusal::Never(why)) => return Outcome::NotSent(why),
            Err(Refusal::NoRoute) => {
                return Outcome::Failed { attempt, reason: "no route within the fee limit".to_owned() };
            }
            Err(Refusal::Nobody(why)) => return Outcome::Unknown(why),
        }
        // the record is this attempt's from now on
        loop {
            match self.told(&hash) {
                Told::Paid(paid) => return paid,
                Told::Failed(_) => {
                    return Outcome::Failed { attempt, reason: "the node found no way to pay it".to_owned() };
                }
                Told::InFlight | Told::Nothing => {}
                Told::Unclear(why) => return Outcome::Unknown(why),
            }
            if news.changed().await.is_err() {
                return Outcome::Unknown("the node is being stopped".to_owned());
            }
        }
    }

    /// What became of an attempt. The node has one record for each hash: a failure that is older than this attempt is
    /// not about it.
    pub(super) fn became(&self, attempt: &AttemptRef) -> Outcome {
        match self.told(&attempt.payment_hash) {
            Told::Paid(paid) => paid,
            Told::InFlight => Outcome::InFlight { source_ref: None },
            Told::Nothing => Outcome::NotFound,
            Told::Unclear(why) => Outcome::Unknown(why),
            Told::Failed(at) => {
                let handed_over = attempt.dispatched_at.map_or(i64::MAX, Time::unix);
                let reason = "the node found no way to pay it".to_owned();
                match at.cmp(&handed_over) {
                    std::cmp::Ordering::Greater => Outcome::Failed { attempt: attempt.attempt, reason },
                    // in the same second: it is this one's unless something is on its way in a channel
                    std::cmp::Ordering::Equal if !self.is_on_its_way(&attempt.payment_hash) => {
                        Outcome::Failed { attempt: attempt.attempt, reason }
                    }
                    _ => Outcome::Unknown("the node tells of an earlier attempt".to_owned()),
                }
            }
        }
    }

    fn told(&self, hash: &PaymentHash) -> Told {
        // what the node reported outlives its record
        if let Some((Some(preimage), Some(fee))) = self.journal.sent(hash)
            && let Some(preimage) = array_from_hex(&preimage)
        {
            return Told::Paid(Outcome::Paid { preimage, fee, source_ref: None });
        }
        match self.record(hash) {
            Err(down) => Told::Unclear(down.0),
            Ok(Some(record)) if record.direction == PaymentDirection::Outbound => told_by(&record),
            Ok(_) if self.is_on_its_way(hash) => Told::InFlight,
            Ok(_) => Told::Nothing,
        }
    }

    /// Does a channel hold a part of such a payment of ours?
    fn is_on_its_way(&self, hash: &PaymentHash) -> bool {
        let Ok(wanted) = hash_of(hash) else { return false };
        self.node.list_balances().lightning_balances.iter().any(|balance| {
            matches!(balance, LightningBalance::MaybeTimeoutClaimableHTLC { payment_hash, outbound_payment: true, .. }
                if *payment_hash == wanted)
        })
    }
}

enum Told {
    Paid(Outcome),
    /// When, in seconds.
    Failed(i64),
    InFlight,
    Nothing,
    Unclear(String),
}

fn told_by(record: &PaymentDetails) -> Told {
    match record.status {
        PaymentStatus::Pending => Told::InFlight,
        PaymentStatus::Failed => Told::Failed(i64::try_from(record.latest_update_timestamp).unwrap_or(0)),
        PaymentStatus::Succeeded => match (preimage_of(&record.kind), record.fee_paid_msat.and_then(msat)) {
            (Some(preimage), Some(fee)) => Told::Paid(Outcome::Paid { preimage, fee, source_ref: None }),
            _ => Told::Unclear("the node does not say yet what it cost".to_owned()),
        },
    }
}

/// Why a payment did not begin.
pub(super) enum Refusal {
    /// Nothing was tried.
    Never(String),
    /// There is no way to the recipient that keeps the limit.
    NoRoute,
    /// It may have begun.
    Nobody(String),
}

/// Has the node begin. Blocks.
pub(super) fn begin(node: &Node, order: &PaymentOrder) -> Result<(), Refusal> {
    let never = |why: &str| Refusal::Never(why.to_owned());
    let limit = u64::try_from(order.fee_limit.0).map_err(|_| never("there is no such fee limit"))?;
    let amount = u64::try_from(order.amount.0).map_err(|_| never("there is no such amount"))?;
    let keeping = RouteParametersConfig { max_total_routing_fee_msat: Some(limit), ..Default::default() };
    let begun = match &order.payee {
        Payee::Invoice(invoice) if invoice.amount.is_none() => {
            node.bolt11_payment().send_using_amount(&invoice.parsed, amount, Some(keeping))
        }
        Payee::Invoice(invoice) => node.bolt11_payment().send(&invoice.parsed, Some(keeping)),
        Payee::Node(to) => {
            let payee = PublicKey::from_slice(&to.node).map_err(|_| never("the recipient's key is none"))?;
            let preimage = PaymentPreimage(to.preimage);
            node.spontaneous_payment().send_with_preimage(amount, payee, preimage, Some(keeping))
        }
    };
    match begun {
        Ok(_) => Ok(()),
        Err(NodeError::NotRunning) => Err(never("the node is stopped")),
        Err(NodeError::InvalidInvoice | NodeError::InvalidAmount) => Err(never("the node cannot pay such an invoice")),
        Err(NodeError::PaymentSendingFailed) => Err(Refusal::NoRoute),
        Err(NodeError::DuplicatePayment) => Err(Refusal::Nobody("the node knows this payment already".to_owned())),
        Err(other) => Err(Refusal::Nobody(other.to_string())),
    }
}

impl From<Refusal> for SourceDown {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Never(why) | Refusal::Nobody(why) => Self(why),
            Refusal::NoRoute => Self("no route".to_owned()),
        }
    }
}

/// What a payment of the outside world costs at most: nobody there counts.
pub(super) const GENEROUS: Msat = Msat(1_000_000);
