//! Paying, and telling what became of it.

use std::time::Duration;

use super::{
    SimulatedNode,
    books::{Attempt, Books},
    controls::Point,
    fact::{Ending, Fact},
    script::{Reply, Script},
};
use crate::{
    domain::{Msat, PaymentHash, PaymentId, bolt11::Invoice},
    funding::{AttemptRef, Outcome, Payee, PaymentOrder},
};

/// What `pay` does once the books are settled.
enum Next {
    /// Says this.
    Say(Outcome),
    /// Waits so long, then ends the attempt and tells the truth.
    Wait(Duration),
    /// Says nothing, ever.
    Silence,
}

impl SimulatedNode {
    /// Takes an order to pay and answers as the script says.
    pub(super) async fn send(&self, order: PaymentOrder) -> Outcome {
        let hash = order.payee.payment_hash();
        self.survive(Point::PayArrived, &hash).await;
        if let Err(down) = self.reachable() {
            return Outcome::NotSent(down.0);
        }
        let (next, facts) = {
            let mut books = self.books();
            let next = self.decide(&mut books, &order);
            (next, self.journal.end())
        };
        if let Err(down) = self.journal.written(facts).await {
            return Outcome::Unknown(down.0);
        }
        self.survive(Point::PayAccepted, &hash).await;
        let outcome = match next {
            Next::Say(outcome) => outcome,
            Next::Wait(duration) => {
                tokio::time::sleep(duration).await;
                self.end_as_planned(&hash, order.attempt).await
            }
            Next::Silence => std::future::pending().await,
        };
        self.survive(Point::PayAnswered, &hash).await;
        outcome
    }

    /// Answers a question about an attempt.
    pub(super) async fn what_became_of(&self, question: AttemptRef) -> Outcome {
        let AttemptRef { attempt, payment_hash, .. } = question;
        let told = |books: &mut Books| {
            let attempt = books.attempt_mut(&payment_hash, attempt);
            attempt.map_or(Outcome::NotFound, Attempt::told)
        };
        let outcome = self.answer(told).await.unwrap_or_else(|down| Outcome::Unknown(down.0));
        self.survive(Point::LookupAnswered, &payment_hash).await;
        outcome
    }

    /// Accepts or refuses an order. What is known of the hash already comes first: whatever else might
    /// be wrong with a second order, saying that it was not sent could be taken for the first one.
    fn decide(&self, books: &mut Books, order: &PaymentOrder) -> Next {
        let hash = &order.payee.payment_hash();
        if let Some(outcome) = known_already(books, hash, order.attempt) {
            let mut controls = self.controls();
            controls.duplicate_sends = controls.duplicate_sends.saturating_add(1);
            return Next::Say(outcome);
        }
        if let Some(reason) = self.refusal(order) {
            return Next::Say(Outcome::NotSent(reason.into()));
        }
        let script = self.controls().take_script(hash);
        let script = script.unwrap_or_else(|| match &order.payee {
            Payee::Invoice(invoice) => Script::of_memo(&invoice.description),
            Payee::Node(_) => Script::Pay,
        });
        if script == Script::Refuse {
            return Next::Say(Outcome::NotSent("the node refuses to pay this".into()));
        }
        match self.accept(books, order, &script) {
            Ok(next) => next,
            Err(reason) => {
                let ending = Ending::Failed(reason.into());
                self.record(books, Fact::Ended { hash: hash.clone(), attempt: order.attempt.0, ending });
                Next::Say(Outcome::Failed { attempt: order.attempt, reason: reason.into() })
            }
        }
    }

    /// Why the node would not even try.
    fn refusal(&self, order: &PaymentOrder) -> Option<&'static str> {
        let PaymentOrder { payee, amount, fee_limit, .. } = order;
        if *amount <= Msat::ZERO || *amount > Msat::MAX {
            return Some("there is no such amount to pay");
        }
        if *fee_limit < Msat::ZERO || *fee_limit > Msat::MAX {
            return Some("there is no such fee limit");
        }
        match payee {
            Payee::Invoice(invoice) => self.refusal_of(invoice, *amount),
            Payee::Node(spontaneous) if spontaneous.node == self.issuer.node_id() => Some("the node is this one"),
            Payee::Node(_) => None,
        }
    }

    fn refusal_of(&self, invoice: &Invoice, amount: Msat) -> Option<&'static str> {
        let asked = invoice.amount.unwrap_or(amount);
        if amount < asked || amount.0 > asked.0.saturating_mul(2) {
            Some("the recipient takes what the invoice asks for, and at most twice as much")
        } else if invoice.parsed.currency() != self.network {
            Some("the invoice is for another network")
        } else if invoice.expires_at <= self.clock.now() {
            Some("the invoice has expired")
        } else if self.issuer.preimage(&invoice.parsed).is_some() || self.issuer.holds(&invoice.parsed) {
            Some("the invoice is the node's own")
        } else {
            None
        }
    }

    /// Sets the money aside and begins. The error is why the payment failed for good.
    fn accept(&self, books: &mut Books, order: &PaymentOrder, script: &Script) -> Result<Next, &'static str> {
        let (fee, limited) = script.fee(order.amount, order.fee_limit);
        if limited && self.controls().capabilities.fee_limit && fee > order.fee_limit {
            return Err("no route within the fee limit");
        }
        let preimage = match &order.payee {
            Payee::Invoice(invoice) => self.stranger.preimage(&invoice.parsed),
            Payee::Node(to) => (to.node == self.stranger.node_id()).then_some(to.preimage),
        };
        let preimage = preimage.ok_or("no route to the recipient")?;
        let total = order.amount.plus(fee).ok_or("the node's balance is too low")?;
        if total > books.spendable() {
            return Err("the node's balance is too low");
        }
        let (hash, number) = (order.payee.payment_hash(), order.attempt);
        let course = script.course();
        let now = self.clock.now();
        let due = course.after.map(|after| {
            let micros = i64::try_from(after.as_micros()).unwrap_or(i64::MAX);
            now.0.saturating_add(micros)
        });
        self.record(
            books,
            Fact::Accepted {
                hash: hash.clone(),
                attempt: number.0,
                amount: order.amount,
                fee,
                preimage,
                ends: course.ends,
                due,
            },
        );
        if due.is_some_and(|due| due <= now.0)
            && let Some(end) = books.planned_end(&hash, number)
        {
            self.record(books, end);
        }
        let Some(attempt) = books.attempt_mut(&hash, number) else { return Ok(Next::Silence) };
        attempt.quirk = course.quirk;
        Ok(match (course.reply, course.after) {
            (Reply::Truth, _) => Next::Say(attempt.told()),
            (Reply::Lost(why), _) => Next::Say(Outcome::Unknown(why.into())),
            (Reply::AtTheEnd, Some(after)) => Next::Wait(after),
            (Reply::AtTheEnd, None) | (Reply::Silence, _) => Next::Silence,
        })
    }

    /// Ends an attempt that the caller has waited for, unless it is over already.
    async fn end_as_planned(&self, hash: &PaymentHash, number: PaymentId) -> Outcome {
        let (outcome, facts) = {
            let mut books = self.books();
            if let Some(end) = books.planned_end(hash, number) {
                self.record(&mut books, end);
            }
            let outcome = books.attempt_mut(hash, number).map_or(Outcome::NotFound, Attempt::told);
            (outcome, self.journal.end())
        };
        match self.journal.written(facts).await {
            Ok(()) => outcome,
            Err(down) => Outcome::Unknown(down.0),
        }
    }
}

/// What is to be said of an order that repeats one which still stands. An attempt that failed may be
/// followed by another, but not by itself.
fn known_already(books: &Books, hash: &PaymentHash, number: PaymentId) -> Option<Outcome> {
    let same = books.attempts_of(hash).iter().find(|attempt| attempt.number == number);
    if let Some(attempt) = same {
        return Some(attempt.outcome());
    }
    match books.standing(hash)?.outcome() {
        Outcome::Paid { .. } => Some(Outcome::Unknown("the node has paid this invoice already".into())),
        in_flight => Some(in_flight),
    }
}
