//! A Lightning node inside the server: LDK, with channels of its own.
//!
//! It runs on a runtime of its own, because parts of it block: opening, sending and syncing are handed to threads that
//! may wait. What it reports is written to a journal before the node forgets that it said so;
//! positions in that journal are the cursor of the event stream, so that nothing is lost between the two.

mod journal;
mod open;
mod outgoing;
pub mod play;

use std::{sync::Arc, time::Duration};

use bitcoin::{hashes::Hash, hashes::sha256};
use futures_util::{FutureExt, future::BoxFuture, stream::BoxStream};
use ldk_node::{
    Event, Node, NodeError,
    lightning_invoice::{Bolt11InvoiceDescription, Description as Words, Sha256},
    lightning_types::payment::{PaymentHash as LdkHash, PaymentPreimage},
    payment::{PaymentDetails, PaymentDirection, PaymentKind, PaymentStatus},
};
use lightning_invoice::Currency;
use tokio::runtime::{Handle, Runtime};

use self::journal::{Entry, Journal};
pub use self::open::{ChainSource, Options};
use super::{
    AttemptRef, Capabilities, Description, FundingSource, InvoiceError, InvoiceOrder, InvoiceRef, InvoiceState,
    IssuedInvoice, NodeStatus, Outcome, PaymentOrder, Positioned, SourceDown, issued,
};
use crate::{
    clock::Clock,
    domain::{Msat, PaymentHash, Time, ids::array_from_hex},
};

/// How long a block takes, for people who ask until when money is held.
const BLOCK_SECONDS: i64 = 600;

/// The node.
pub struct EmbeddedNode {
    name: &'static str,
    node: Arc<Node>,
    journal: Arc<Journal>,
    clock: Clock,
    network: Currency,
    handle: Handle,
    /// Taken when it is dropped: a runtime must not end inside another one.
    runtime: Option<Runtime>,
}

impl EmbeddedNode {
    /// The node itself, for what is no payment.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Runs what may block on a thread that may wait.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Node) -> T + Send + 'static,
    ) -> Result<T, SourceDown> {
        let node = Arc::clone(&self.node);
        let done = self.handle.spawn_blocking(move || work(&node)).await;
        done.map_err(|_| SourceDown("the node is being stopped".to_owned()))
    }

    /// Looks at the chain now instead of in a while.
    ///
    /// # Errors
    /// When the chain cannot be reached.
    pub async fn sync(&self) -> Result<(), SourceDown> {
        let synced = self.blocking(Node::sync_wallets).await?;
        synced.map_err(|error| SourceDown(format!("the node cannot look at the chain: {error}")))
    }

    /// Stops it. What it was asked before is on disk.
    pub async fn stop(&self) {
        if let Ok(Err(error)) = self.blocking(Node::stop).await
            && error != NodeError::NotRunning
        {
            tracing::warn!(%error, "the node did not stop cleanly");
        }
    }

    async fn issue(&self, order: InvoiceOrder) -> Result<IssuedInvoice, InvoiceError> {
        self.blocking(move |node| issue_at(node, &order)).await?
    }

    /// Issues an invoice on the thread that asks for it, which must be one that may wait.
    pub(super) fn issue_now(&self, order: &InvoiceOrder) -> Result<String, String> {
        issue_at(&self.node, order).map(|issued| issued.bolt11).map_err(|error| error.to_string())
    }

    /// Begins to send on the thread that asks for it, which must be one that may wait.
    pub(super) fn begin_sending(&self, order: &PaymentOrder) -> Result<(), String> {
        outgoing::begin(&self.node, order).map_err(|refusal| SourceDown::from(refusal).0)
    }

    /// The node's record of a payment, in or out.
    pub(super) fn record(&self, hash: &PaymentHash) -> Result<Option<PaymentDetails>, SourceDown> {
        let id = ldk_node::lightning::ln::channelmanager::PaymentId(hash_of(hash)?.0);
        Ok(self.node.payment(&id))
    }

    fn state_of(&self, hash: &PaymentHash) -> Result<InvoiceState, SourceDown> {
        let Some(record) = self.record(hash)?.filter(|record| record.direction == PaymentDirection::Inbound) else {
            return Ok(InvoiceState::Unknown);
        };
        let preimage = preimage_of(&record.kind);
        Ok(match (record.status, self.journal.held(hash)) {
            (PaymentStatus::Succeeded, _) => {
                let amount = self.journal.received(hash).or_else(|| msat(record.amount_msat?));
                match amount {
                    Some(amount) => InvoiceState::Paid { amount, preimage },
                    None => return Err(SourceDown("the node does not say how much arrived".to_owned())),
                }
            }
            (PaymentStatus::Failed, _) => InvoiceState::Closed,
            (PaymentStatus::Pending, Some((amount, deadline))) => match deadline.map(|height| self.time_of(height)) {
                // the node lets go of it by itself
                Some(deadline) if deadline <= self.clock.now() => InvoiceState::Closed,
                deadline => InvoiceState::Held { amount, deadline },
            },
            (PaymentStatus::Pending, None) => InvoiceState::Open,
        })
    }

    /// When a height is reached, at the usual pace.
    fn time_of(&self, height: u32) -> Time {
        let best = self.node.status().current_best_block.height;
        let blocks = i64::from(height).saturating_sub(i64::from(best));
        self.clock.now().plus_seconds(blocks.saturating_mul(BLOCK_SECONDS))
    }

    async fn settle(&self, preimage: [u8; 32]) -> Result<(), InvoiceError> {
        let hash = PaymentHash::of(&preimage);
        match self.state_of(&hash)? {
            InvoiceState::Paid { .. } => Ok(()),
            InvoiceState::Held { amount, .. } => {
                let (id, msat) = (hash_of(&hash)?, u64::try_from(amount.0).unwrap_or(0));
                let claimed = self
                    .blocking(move |node| node.bolt11_payment().claim_for_hash(id, msat, PaymentPreimage(preimage)));
                claimed.await?.map_err(|error| InvoiceError::Refused(error.to_string()))
            }
            InvoiceState::Open | InvoiceState::Closed | InvoiceState::Unknown => {
                Err(InvoiceError::Refused("the node holds nothing for this invoice".to_owned()))
            }
        }
    }

    async fn cancel(&self, hash: PaymentHash) -> Result<(), InvoiceError> {
        match self.state_of(&hash)? {
            InvoiceState::Closed => Ok(()),
            InvoiceState::Paid { .. } => Err(InvoiceError::Refused("the invoice is settled".to_owned())),
            InvoiceState::Unknown => Err(InvoiceError::Refused("the node issued no such invoice".to_owned())),
            InvoiceState::Open | InvoiceState::Held { .. } => {
                let id = hash_of(&hash)?;
                let let_go = self.blocking(move |node| node.bolt11_payment().fail_for_hash(id));
                let_go.await?.map_err(|error| InvoiceError::Refused(error.to_string()))
            }
        }
    }

    fn balance(&self) -> Msat {
        let of = |channel: &ldk_node::ChannelDetails| {
            let reserve = channel.unspendable_punishment_reserve.unwrap_or(0).saturating_mul(1000);
            // the reserve is ours as well, as soon as there is more than that
            let reserve = if channel.outbound_capacity_msat > 0 { reserve } else { 0 };
            channel.outbound_capacity_msat.saturating_add(reserve)
        };
        let sum = self.node.list_channels().iter().map(of).fold(0_u64, u64::saturating_add);
        Msat(i64::try_from(sum).unwrap_or(i64::MAX))
    }
}

impl FundingSource for EmbeddedNode {
    fn name(&self) -> &'static str {
        self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    fn status(&self) -> BoxFuture<'_, Result<NodeStatus, SourceDown>> {
        async {
            if !self.node.status().is_running {
                return Err(SourceDown("the node is stopped".to_owned()));
            }
            let identity = self.node.node_id().to_string();
            Ok(NodeStatus { balance: self.balance(), identity, network: self.network.clone() })
        }
        .boxed()
    }

    fn create_invoice(&self, order: InvoiceOrder) -> BoxFuture<'_, Result<IssuedInvoice, InvoiceError>> {
        self.issue(order).boxed()
    }

    fn pay(&self, order: PaymentOrder) -> BoxFuture<'_, Outcome> {
        self.send(order).boxed()
    }

    fn lookup_payment(&self, attempt: AttemptRef) -> BoxFuture<'_, Outcome> {
        std::future::ready(self.became(&attempt)).boxed()
    }

    fn lookup_invoice(&self, invoice: InvoiceRef) -> BoxFuture<'_, Result<InvoiceState, SourceDown>> {
        std::future::ready(self.state_of(&invoice.payment_hash)).boxed()
    }

    fn settle_invoice(&self, preimage: [u8; 32]) -> BoxFuture<'_, Result<(), InvoiceError>> {
        self.settle(preimage).boxed()
    }

    fn cancel_invoice(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<(), InvoiceError>> {
        self.cancel(payment_hash).boxed()
    }

    fn events(&self, after: i64) -> BoxStream<'_, Result<Positioned, SourceDown>> {
        self.journal.events(after, |height| self.time_of(height))
    }
}

impl Drop for EmbeddedNode {
    fn drop(&mut self) {
        let (node, runtime) = (Arc::clone(&self.node), self.runtime.take());
        // on a thread of its own: neither may end where nobody may wait
        std::thread::spawn(move || {
            let _ = node.stop();
            drop(node);
            if let Some(runtime) = runtime {
                runtime.shutdown_timeout(Duration::from_secs(10));
            }
        });
    }
}

/// Has the node issue an invoice. Blocks.
fn issue_at(node: &Node, order: &InvoiceOrder) -> Result<IssuedInvoice, InvoiceError> {
    let refused = |why: &str| InvoiceError::Refused(why.to_owned());
    let description = match &order.description {
        Description::Text(text) => {
            let words = Words::new(text.clone()).map_err(|_| refused("a description has 639 bytes at most"))?;
            Bolt11InvoiceDescription::Direct(words)
        }
        Description::Hash(hash) => Bolt11InvoiceDescription::Hash(Sha256(sha256::Hash::from_byte_array(*hash))),
    };
    let msat = u64::try_from(order.amount.0).map_err(|_| refused("an invoice cannot ask for this amount"))?;
    let expiry = u32::try_from(order.expiry_seconds).map_err(|_| refused("an invoice is not valid for so long"))?;
    let hold = order.hold.as_ref().map(hash_of).transpose()?;
    let payments = node.bolt11_payment();
    let made = match (msat, hold) {
        (0, None) => payments.receive_variable_amount(&description, expiry),
        (0, Some(hash)) => payments.receive_variable_amount_for_hash(&description, expiry, hash),
        (msat, None) => payments.receive(msat, &description, expiry),
        (msat, Some(hash)) => payments.receive_for_hash(msat, &description, expiry, hash),
    };
    match made {
        Ok(invoice) => issued(&invoice.to_string(), order, None, None),
        Err(NodeError::InvoiceCreationFailed) => Err(refused("the node cannot issue such an invoice")),
        Err(error) => Err(SourceDown(error.to_string()).into()),
    }
}

/// Writes down what the node reports, and lets it forget that only then.
async fn listen(node: Arc<Node>, journal: Arc<Journal>) {
    loop {
        let event = node.next_event_async().await;
        if let Some(entry) = entry_of(&node, event) {
            while let Err(error) = journal.append(entry.clone()) {
                tracing::error!(%error, "what the node reports cannot be written down; trying again");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        if let Err(error) = node.event_handled() {
            tracing::error!(%error, "the node cannot note that its report was heard; it will say it again");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

fn entry_of(node: &Node, event: Event) -> Option<Entry> {
    let hash = |hash: LdkHash| PaymentHash::from(hash.0);
    match event {
        Event::PaymentSuccessful { payment_hash, payment_preimage, fee_paid_msat, .. } => Some(Entry::Sent {
            hash: hash(payment_hash),
            preimage: payment_preimage.map(|preimage| crate::domain::ids::to_hex(&preimage.0)),
            fee: fee_paid_msat.and_then(msat),
        }),
        Event::PaymentFailed { payment_hash, reason, .. } => {
            tracing::debug!(?reason, "a payment failed");
            Some(Entry::NotSent { hash: hash(payment_hash?) })
        }
        Event::PaymentReceived { payment_id, payment_hash, amount_msat, .. } => {
            let record = payment_id.and_then(|id| node.payment(&id));
            let preimage = record.and_then(|record| preimage_of(&record.kind));
            let preimage = preimage.map(|preimage| crate::domain::ids::to_hex(&preimage));
            Some(Entry::Received { hash: hash(payment_hash), amount: msat(amount_msat)?, preimage })
        }
        Event::PaymentClaimable { payment_hash, claimable_amount_msat, claim_deadline, .. } => Some(Entry::Held {
            hash: hash(payment_hash),
            amount: msat(claimable_amount_msat)?,
            deadline: claim_deadline,
        }),
        Event::ChannelClosed { counterparty_node_id, reason, .. } => {
            let peer = counterparty_node_id.map(|id| id.to_string());
            tracing::info!(peer, ?reason, "a channel was closed");
            None
        }
        Event::ChannelReady { counterparty_node_id, .. } => {
            let peer = counterparty_node_id.map(|id| id.to_string());
            tracing::info!(peer, "a channel can be used");
            None
        }
        Event::PaymentForwarded { .. }
        | Event::ChannelPending { .. }
        | Event::SplicePending { .. }
        | Event::SpliceFailed { .. } => None,
    }
}

pub(super) fn hash_of(hash: &PaymentHash) -> Result<LdkHash, SourceDown> {
    array_from_hex(hash.as_str()).map(LdkHash).ok_or_else(|| SourceDown("the payment hash is none".to_owned()))
}

fn msat(msat: u64) -> Option<Msat> {
    i64::try_from(msat).ok().map(Msat)
}

fn preimage_of(kind: &PaymentKind) -> Option<[u8; 32]> {
    let preimage = match kind {
        PaymentKind::Bolt11 { preimage, .. }
        | PaymentKind::Bolt11Jit { preimage, .. }
        | PaymentKind::Bolt12Offer { preimage, .. }
        | PaymentKind::Bolt12Refund { preimage, .. }
        | PaymentKind::Spontaneous { preimage, .. } => *preimage,
        PaymentKind::Onchain { .. } => None,
    };
    preimage.map(|preimage| preimage.0)
}
