//! What the node knows: a function of its journal.
//!
//! Everything is kept for good, about half a kilobyte for each receipt and each attempt, because a
//! node must know every payment hash that it has ever paid or been paid for.

use std::collections::{BTreeSet, HashMap};

use super::{
    fact::{Ending, Fact},
    script::Quirk,
};
use crate::{
    domain::{Msat, PaymentHash, PaymentId, Time},
    funding::{Outcome, SourceEvent},
};

/// The node's accounts.
pub(super) struct Books {
    /// What is there, money in flight included.
    pub(super) balance: Msat,
    /// How much of it is on its way out.
    pub(super) in_flight: Msat,
    pub(super) receipts: HashMap<PaymentHash, Receipt>,
    /// What became of hold invoices that somebody paid or that were cancelled, until they are settled.
    pub(super) holds: HashMap<PaymentHash, Hold>,
    /// What is held, by when it goes back.
    held: BTreeSet<(Time, PaymentHash)>,
    /// All attempts to pay a hash, oldest first.
    attempts: HashMap<PaymentHash, Vec<Attempt>>,
    /// Attempts that end by themselves, soonest first.
    due: BTreeSet<(Time, PaymentHash, PaymentId)>,
    /// Event n is at position n + 1.
    pub(super) events: Vec<SourceEvent>,
    accepted: u64,
}

/// Money that came from outside.
pub(super) struct Receipt {
    pub(super) amount: Msat,
    pub(super) preimage: [u8; 32],
}

/// A hold invoice.
pub(super) enum Hold {
    /// Its money is here and is neither ours nor gone.
    Held { amount: Msat, deadline: Time },
    /// Its money went back, or nobody can pay it any more.
    LetGo,
}

/// One attempt to pay.
pub(super) struct Attempt {
    pub(super) number: PaymentId,
    /// The node's own name for it; empty for one that never began.
    source_ref: Option<String>,
    /// `None` for one that never began.
    terms: Option<Terms>,
    /// `None` while it is in flight.
    pub(super) ended: Option<Ending>,
    pub(super) quirk: Quirk,
}

struct Terms {
    amount: Msat,
    fee: Msat,
    preimage: [u8; 32],
    ends: Ending,
    due: Option<Time>,
}

impl Books {
    pub(super) fn new(balance: Msat) -> Self {
        Self {
            balance,
            in_flight: Msat::ZERO,
            receipts: HashMap::new(),
            holds: HashMap::new(),
            held: BTreeSet::new(),
            attempts: HashMap::new(),
            due: BTreeSet::new(),
            events: Vec::new(),
            accepted: 0,
        }
    }

    /// Makes a fact true. Facts that contradict what is known change nothing.
    pub(super) fn apply(&mut self, fact: Fact) {
        match fact {
            Fact::Received { hash, amount, preimage } => {
                if self.receipts.contains_key(&hash) {
                    return;
                }
                add(&mut self.balance, amount);
                self.end_hold(&hash);
                self.receipts.insert(hash.clone(), Receipt { amount, preimage });
                self.events.push(SourceEvent::InvoicePaid { payment_hash: hash, amount, preimage: Some(preimage) });
            }
            Fact::Held { hash, amount, deadline } => {
                if self.receipts.contains_key(&hash) || self.holds.contains_key(&hash) {
                    return;
                }
                let deadline = Time(deadline);
                self.held.insert((deadline, hash.clone()));
                self.holds.insert(hash.clone(), Hold::Held { amount, deadline });
                self.events.push(SourceEvent::InvoiceHeld { payment_hash: hash, amount, deadline: Some(deadline) });
            }
            Fact::LetGo { hash } => {
                if !self.receipts.contains_key(&hash) {
                    self.end_hold(&hash);
                    self.holds.insert(hash, Hold::LetGo);
                }
            }
            Fact::Accepted { hash, attempt, amount, fee, preimage, ends, due } => {
                let number = PaymentId(attempt);
                let due = due.map(Time);
                self.accepted = self.accepted.saturating_add(1);
                add(&mut self.in_flight, amount);
                add(&mut self.in_flight, fee);
                self.due.extend(due.map(|due| (due, hash.clone(), number)));
                self.attempts.entry(hash).or_default().push(Attempt {
                    number,
                    source_ref: Some(format!("sim-{}", self.accepted)),
                    terms: Some(Terms { amount, fee, preimage, ends, due }),
                    ended: None,
                    quirk: Quirk::None,
                });
            }
            Fact::Ended { hash, attempt, ending } => self.end(hash, PaymentId(attempt), ending),
        }
    }

    fn end_hold(&mut self, hash: &PaymentHash) {
        if let Some(Hold::Held { deadline, .. }) = self.holds.remove(hash) {
            self.held.remove(&(deadline, hash.clone()));
        }
    }

    fn end(&mut self, hash: PaymentHash, number: PaymentId, ending: Ending) {
        let attempts = self.attempts.entry(hash.clone()).or_default();
        match attempts.iter_mut().find(|attempt| attempt.number == number) {
            None => attempts.push(Attempt {
                number,
                source_ref: None,
                terms: None,
                ended: Some(ending),
                quirk: Quirk::None,
            }),
            Some(attempt) => {
                let Some(terms) = &attempt.terms else { return };
                let before = attempt.ended.replace(ending.clone());
                if before.is_none() {
                    add(&mut self.in_flight, terms.amount.negated());
                    add(&mut self.in_flight, terms.fee.negated());
                    if let Some(due) = terms.due {
                        self.due.remove(&(due, hash.clone(), number));
                    }
                }
                if ending == Ending::Paid && before != Some(Ending::Paid) {
                    add(&mut self.balance, terms.amount.negated());
                    add(&mut self.balance, terms.fee.negated());
                }
            }
        }
        self.events.push(SourceEvent::PaymentChanged { payment_hash: hash });
    }

    /// What is not on its way out already.
    pub(super) fn spendable(&self) -> Msat {
        Msat(self.balance.0.saturating_sub(self.in_flight.0))
    }

    /// The facts that time has brought about by now.
    pub(super) fn endings_due(&self, now: Time) -> Vec<Fact> {
        let due = self.due.iter().take_while(|(due, ..)| *due <= now);
        let held = self.held.iter().take_while(|(deadline, _)| *deadline <= now);
        let back = held.map(|(_, hash)| Fact::LetGo { hash: hash.clone() });
        due.filter_map(|(_, hash, number)| self.planned_end(hash, *number)).chain(back).collect()
    }

    /// When the next attempt ends by itself.
    pub(super) fn next_due(&self) -> Option<Time> {
        self.due.first().map(|(due, ..)| *due)
    }

    /// How an attempt in flight is going to end.
    pub(super) fn planned_end(&self, hash: &PaymentHash, number: PaymentId) -> Option<Fact> {
        let attempt = self.attempts_of(hash).iter().find(|a| a.number == number && a.ended.is_none())?;
        let ending = attempt.terms.as_ref()?.ends.clone();
        Some(Fact::Ended { hash: hash.clone(), attempt: number.0, ending })
    }

    /// All attempts to pay this hash, oldest first.
    pub(super) fn attempts_of(&self, hash: &PaymentHash) -> &[Attempt] {
        self.attempts.get(hash).map_or(&[], Vec::as_slice)
    }

    pub(super) fn attempt_mut(&mut self, hash: &PaymentHash, number: PaymentId) -> Option<&mut Attempt> {
        self.attempts.get_mut(hash)?.iter_mut().find(|attempt| attempt.number == number)
    }

    /// The attempt that keeps another from being made: in flight or paid.
    pub(super) fn standing(&self, hash: &PaymentHash) -> Option<&Attempt> {
        self.attempts_of(hash).iter().find(|attempt| !matches!(attempt.ended, Some(Ending::Failed(_))))
    }
}

impl Attempt {
    /// What really became of it.
    pub(super) fn outcome(&self) -> Outcome {
        match (&self.ended, &self.terms) {
            (Some(Ending::Failed(reason)), _) => Outcome::Failed { attempt: self.number, reason: reason.clone() },
            (Some(Ending::Paid), Some(terms)) => {
                Outcome::Paid { preimage: terms.preimage, fee: terms.fee, source_ref: self.source_ref.clone() }
            }
            _ => Outcome::InFlight { source_ref: self.source_ref.clone() },
        }
    }

    /// What the node says became of it.
    pub(super) fn told(&mut self) -> Outcome {
        match self.quirk {
            Quirk::NotFound(questions) if questions > 0 => {
                self.quirk = Quirk::NotFound(questions.saturating_sub(1));
                Outcome::NotFound
            }
            Quirk::StaleFailed => {
                self.quirk = Quirk::None;
                let attempt = Quirk::stale_number(self.number);
                Outcome::Failed { attempt, reason: "an earlier attempt failed".into() }
            }
            Quirk::WrongPreimage => match self.outcome() {
                Outcome::Paid { fee, source_ref, .. } => Outcome::Paid { preimage: [0; 32], fee, source_ref },
                other => other,
            },
            Quirk::None | Quirk::NotFound(_) => self.outcome(),
        }
    }

    /// Whether money was set aside for it once.
    pub(super) fn began(&self) -> bool {
        self.terms.is_some()
    }
}

/// Amounts are checked before they become facts, so that nothing saturates.
fn add(total: &mut Msat, amount: Msat) {
    total.0 = total.0.saturating_add(amount.0);
}
