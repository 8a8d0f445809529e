//! What tests do to the node.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, MutexGuard, PoisonError},
};

use super::{
    SimulatedNode,
    fact::{Ending, Fact},
    script::{Quirk, Script},
};
use crate::{
    domain::{PaymentHash, PaymentId},
    funding::Capabilities,
};

/// A moment at which a caller may die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// An order to pay has reached the node, which has done nothing yet.
    PayArrived,
    /// The node has accepted or refused the payment and has written that down.
    PayAccepted,
    /// The answer to an order is on its way back.
    PayAnswered,
    /// The answer to a question about a payment is on its way back.
    LookupAnswered,
}

/// Says whether the caller dies at a point of a payment.
type Hook = Arc<dyn Fn(Point, &PaymentHash) -> bool + Send + Sync>;

/// The switches and what they count.
pub(super) struct Controls {
    pub(super) capabilities: Capabilities,
    pub(super) down: bool,
    /// Grows when streams are cut; a stream that was opened before ends.
    pub(super) cuts: u64,
    pub(super) duplicate_events: bool,
    pub(super) reorder_events: bool,
    pub(super) duplicate_sends: u64,
    scripts: HashMap<PaymentHash, VecDeque<Script>>,
    next_scripts: VecDeque<Script>,
    hook: Option<Hook>,
}

impl Controls {
    pub(super) fn new(capabilities: Capabilities) -> Self {
        Self {
            capabilities,
            down: false,
            cuts: 0,
            duplicate_events: false,
            reorder_events: false,
            duplicate_sends: 0,
            scripts: HashMap::new(),
            next_scripts: VecDeque::new(),
            hook: None,
        }
    }

    /// The script that a test has set for this payment; each serves once.
    pub(super) fn take_script(&mut self, hash: &PaymentHash) -> Option<Script> {
        let own = self.scripts.get_mut(hash).and_then(VecDeque::pop_front);
        own.or_else(|| self.next_scripts.pop_front())
    }
}

impl SimulatedNode {
    pub(super) fn controls(&self) -> MutexGuard<'_, Controls> {
        self.controls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides the next attempt to pay this hash. Several scripts for one hash serve one attempt each.
    pub fn script(&self, payment_hash: &PaymentHash, script: Script) {
        self.controls().scripts.entry(payment_hash.clone()).or_default().push_back(script);
    }

    /// Decides the next attempt that has no script of its own.
    pub fn script_next(&self, script: Script) {
        self.controls().next_scripts.push_back(script);
    }

    /// Ends the latest attempt to pay this hash, and stops lying about it. An attempt in flight ends
    /// so; a failed one can still turn out to be paid, as with a node that was wrong. Anything else
    /// is left as it is. Says whether the attempt has now ended so.
    pub fn resolve(&self, payment_hash: &PaymentHash, ending: Ending) -> bool {
        let mut books = self.books();
        let Some(latest) = books.attempts_of(payment_hash).last() else { return false };
        let number = latest.number;
        let possible = match latest.ended {
            None => true,
            Some(Ending::Failed(_)) => latest.began() && ending == Ending::Paid,
            Some(Ending::Paid) => false,
        };
        let already = latest.ended.as_ref() == Some(&ending);
        if possible {
            self.record(&mut books, Fact::Ended { hash: payment_hash.clone(), attempt: number.0, ending });
        }
        if let Some(attempt) = books.attempt_mut(payment_hash, number) {
            attempt.quirk = Quirk::None;
        }
        possible || already
    }

    /// Makes the node unreachable, or reachable again. Streams end.
    pub fn set_down(&self, down: bool) {
        self.controls().down = down;
        self.news.send_replace(());
    }

    /// Changes what the node says it can do. Without the fee limit it charges what routing costs.
    pub fn set_capabilities(&self, capabilities: Capabilities) {
        self.controls().capabilities = capabilities;
    }

    /// Makes writing the journal fail, as on a full disk, or work again. Takes up to a second to heal. A node
    /// without a journal does not notice.
    pub fn set_disk_full(&self, full: bool) {
        self.journal.set_disk_full(full);
    }

    /// Cuts all event streams: each ends with an error. Streams opened afterwards work.
    pub fn disconnect(&self) {
        let mut controls = self.controls();
        controls.cuts = controls.cuts.saturating_add(1);
        drop(controls);
        self.news.send_replace(());
    }

    /// Reports every event twice.
    pub fn duplicate_events(&self, on: bool) {
        self.controls().duplicate_events = on;
    }

    /// Reports what has piled up latest first.
    pub fn reorder_events(&self, on: bool) {
        self.controls().reorder_events = on;
    }

    /// Calls this at every [`Point`]. If it says true, the call stops there and never returns, as for
    /// a caller that has died; what the node has done by then stays done. It is called without locks.
    pub fn set_hook(&self, hook: impl Fn(Point, &PaymentHash) -> bool + Send + Sync + 'static) {
        self.controls().hook = Some(Arc::new(hook));
    }

    /// Waits for ever if the hook wants the caller dead.
    pub(super) async fn survive(&self, point: Point, payment_hash: &PaymentHash) {
        let hook = self.controls().hook.clone();
        if hook.is_some_and(|dies| dies(point, payment_hash)) {
            std::future::pending::<()>().await;
        }
    }

    /// How often the node was told to pay a hash that it was paying or had paid already.
    pub fn duplicate_sends(&self) -> u64 {
        self.controls().duplicate_sends
    }

    /// How many times money has left for this hash for good. More than one is a loss.
    pub fn sends_of(&self, payment_hash: &PaymentHash) -> usize {
        self.books().attempts_of(payment_hash).iter().filter(|attempt| attempt.ended == Some(Ending::Paid)).count()
    }

    /// The attempts to pay this hash that the node knows, oldest first.
    pub fn attempts_of(&self, payment_hash: &PaymentHash) -> Vec<PaymentId> {
        self.books().attempts_of(payment_hash).iter().map(|attempt| attempt.number).collect()
    }
}
