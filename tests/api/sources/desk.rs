//! What stands behind every interface: the simulated node, and a record of what it was asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use futures_util::StreamExt;
use lightning_invoice::Currency;
use satchel::{
    clock::Clock,
    domain::{Msat, PaymentHash, PaymentId, Time, bolt11},
    funding::{
        AttemptRef, Description, FundingSource, InvoiceError, InvoiceOrder, InvoiceRef, InvoiceState, IssuedInvoice,
        Outcome, OutsideWorld, Payee, PaymentOrder, SourceEvent,
        simulated::{Options, SimulatedNode},
    },
};
use tokio::sync::watch;

use super::front::Front;

/// What is wrong with the next answer to an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// Nothing is done, and the answer is an error of the server.
    ErrorBefore,
    /// The order is carried out, and the answer is an error of the server.
    ErrorAfter,
    /// The order is carried out, and the answer is nonsense with the status of success.
    Nonsense,
    /// The order is carried out, and the connection is cut before the answer.
    Cut,
    /// The order is carried out, and the answer never comes.
    Silence,
}

/// An attempt to pay, as the provider records it.
#[derive(Clone)]
pub struct Attempt {
    pub number: PaymentId,
    pub hash: PaymentHash,
    pub amount: Msat,
    pub fee_limit: Msat,
    pub bolt11: Option<String>,
    pub began: Time,
}

impl Attempt {
    /// The provider's own name for it.
    pub fn id(&self) -> String {
        format!("{:08x}-0000-4000-8000-{}", self.number.0, &self.hash.as_str()[..12])
    }
}

/// What the provider says of an attempt.
pub struct Told {
    pub attempt: Attempt,
    pub outcome: Outcome,
}

/// Money that arrived, or is held.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub hash: PaymentHash,
    pub amount: Msat,
    pub held: bool,
    pub at: Time,
}

/// An invoice that was issued.
#[derive(Clone)]
pub struct Issued {
    pub invoice: IssuedInvoice,
    pub order: InvoiceOrder,
    pub at: Time,
}

impl Issued {
    pub fn memo(&self) -> &str {
        match &self.order.description {
            Description::Text(text) => text,
            Description::Hash(_) => "",
        }
    }
}

pub struct Desk {
    pub node: Arc<SimulatedNode>,
    pub clock: Clock,
    pub network: Currency,
    attempts: Mutex<Vec<Attempt>>,
    invoices: Mutex<Vec<Issued>>,
    receipts: Mutex<Vec<Receipt>>,
    troubles: Mutex<VecDeque<Trouble>>,
    /// Rings with every receipt.
    pub news: watch::Sender<()>,
    /// Requests that carried the wrong secret.
    pub refused: Mutex<u64>,
    /// Cuts the connections of whoever talks to the desk.
    pub front: OnceLock<Arc<Front>>,
}

impl Desk {
    pub fn open(network: Currency) -> Arc<Self> {
        let clock = Clock::system();
        let options = Options { network: network.clone(), ..Options::new(clock.clone(), clock.bytes()) };
        let desk = Arc::new(Self {
            node: SimulatedNode::open(options).unwrap(),
            clock,
            network,
            attempts: Mutex::default(),
            invoices: Mutex::default(),
            receipts: Mutex::default(),
            troubles: Mutex::default(),
            news: watch::Sender::new(()),
            refused: Mutex::default(),
            front: OnceLock::new(),
        });
        tokio::spawn(note_receipts(Arc::clone(&desk)));
        desk
    }

    pub fn now(&self) -> Time {
        self.clock.now()
    }

    pub fn refuse(&self) {
        *self.refused.lock().unwrap() += 1;
    }

    pub fn trouble_next(&self, trouble: Trouble) {
        self.troubles.lock().unwrap().push_back(trouble);
    }

    /// Cuts every connection, now.
    pub async fn cut(&self) {
        if let Some(front) = self.front.get() {
            front.cut().await;
        }
    }

    pub fn take_trouble(&self) -> Option<Trouble> {
        self.troubles.lock().unwrap().pop_front()
    }

    /// Pays an invoice; the answer comes when it is over.
    pub async fn pay(&self, text: &str, amount: Option<Msat>, fee_limit: Msat) -> Result<Told, String> {
        let invoice = bolt11::parse(text).map_err(|error| error.0)?;
        let amount = invoice.amount.or(amount).ok_or("the invoice has no amount")?;
        self.send(Payee::Invoice(Box::new(invoice)), Some(text.to_owned()), amount, fee_limit).await
    }

    async fn send(&self, payee: Payee, bolt11: Option<String>, amount: Msat, fee_limit: Msat) -> Result<Told, String> {
        let hash = payee.payment_hash();
        if let Some(before) = self.told(&hash).await
            && !matches!(before.outcome, Outcome::Failed { .. })
        {
            return Err(match before.outcome {
                Outcome::Paid { .. } => "the invoice is already paid".to_owned(),
                _ => "the payment is in progress".to_owned(),
            });
        }
        let attempt = {
            let mut attempts = self.attempts.lock().unwrap();
            let number = PaymentId(i64::try_from(attempts.len()).unwrap() + 1001);
            let attempt = Attempt { number, hash, amount, fee_limit, bolt11, began: self.now() };
            attempts.push(attempt.clone());
            attempt
        };
        let order = PaymentOrder { attempt: attempt.number, payee, amount, fee_limit };
        match FundingSource::pay(self.node.as_ref(), order).await {
            Outcome::NotSent(why) => {
                self.attempts.lock().unwrap().retain(|other| other.number != attempt.number);
                Err(why)
            }
            // for the simulated node's silence the provider's interface has no word
            Outcome::Unknown(_) | Outcome::NotFound => {
                Ok(Told { attempt, outcome: Outcome::InFlight { source_ref: None } })
            }
            outcome => Ok(Told { attempt, outcome }),
        }
    }

    /// What the provider says of the last attempt to pay this hash.
    pub async fn told(&self, hash: &PaymentHash) -> Option<Told> {
        let attempt = self.attempts.lock().unwrap().iter().rev().find(|attempt| attempt.hash == *hash).cloned()?;
        self.told_of(attempt).await
    }

    /// The same by the provider's own name.
    pub async fn told_by_id(&self, id: &str) -> Option<Told> {
        let attempt = self.attempts.lock().unwrap().iter().find(|attempt| attempt.id() == id).cloned()?;
        self.told_of(attempt).await
    }

    async fn told_of(&self, attempt: Attempt) -> Option<Told> {
        let question = AttemptRef {
            attempt: attempt.number,
            payment_hash: attempt.hash.clone(),
            source_ref: None,
            dispatched_at: Some(attempt.began),
        };
        match self.node.lookup_payment(question).await {
            Outcome::NotFound => None,
            // the failure of an attempt that began an hour before
            Outcome::Failed { attempt: number, reason } if number != attempt.number => {
                let began = attempt.began.plus_seconds(-3600);
                let stale = Attempt { began, number: PaymentId(attempt.number.0 - 1000), ..attempt };
                Some(Told { outcome: Outcome::Failed { attempt: stale.number, reason }, attempt: stale })
            }
            outcome => Some(Told { attempt, outcome }),
        }
    }

    /// All attempts, oldest first.
    pub fn attempts(&self) -> Vec<Attempt> {
        self.attempts.lock().unwrap().clone()
    }

    pub async fn issue(&self, order: InvoiceOrder) -> Result<Issued, String> {
        let invoice = self.node.create_invoice(order.clone()).await.map_err(|error| match error {
            InvoiceError::Down(down) => down.0,
            InvoiceError::Refused(why) => why,
        })?;
        let mut invoices = self.invoices.lock().unwrap();
        let issued = Issued { invoice, order, at: self.now() };
        invoices.push(issued.clone());
        Ok(issued)
    }

    pub fn invoices(&self) -> Vec<Issued> {
        self.invoices.lock().unwrap().clone()
    }

    pub fn invoice_by_hash(&self, hash: &str) -> Option<Issued> {
        self.invoices.lock().unwrap().iter().find(|issued| issued.invoice.payment_hash.as_str() == hash).cloned()
    }

    pub async fn state_of(&self, issued: &Issued) -> InvoiceState {
        self.node.lookup_invoice(reference(issued)).await.unwrap_or(InvoiceState::Unknown)
    }

    /// What arrived, oldest first. What was held and then taken is there twice.
    pub fn receipts(&self) -> Vec<Receipt> {
        self.receipts.lock().unwrap().clone()
    }

    pub fn receipt_of(&self, hash: &str) -> Option<Receipt> {
        self.receipts
            .lock()
            .unwrap()
            .iter()
            .rev()
            .find(|receipt| receipt.hash.as_str() == hash && !receipt.held)
            .cloned()
    }

    pub async fn balance(&self) -> Msat {
        self.node.status().await.unwrap().balance
    }
}

pub fn reference(issued: &Issued) -> InvoiceRef {
    InvoiceRef {
        payment_hash: issued.invoice.payment_hash.clone(),
        source_ref: issued.invoice.source_ref.clone(),
        bolt11: issued.invoice.bolt11.clone(),
        issued_at: issued.at,
    }
}

async fn note_receipts(desk: Arc<Desk>) {
    let mut after = 0;
    loop {
        let mut events = desk.node.events(after);
        while let Some(Ok((position, event))) = events.next().await {
            after = after.max(position);
            let (hash, amount, held) = match event {
                SourceEvent::InvoicePaid { payment_hash, amount, .. } => (payment_hash, amount, false),
                SourceEvent::InvoiceHeld { payment_hash, amount, .. } => (payment_hash, amount, true),
                SourceEvent::PaymentChanged { .. } => {
                    desk.news.send_replace(());
                    continue;
                }
            };
            let mut receipts = desk.receipts.lock().unwrap();
            receipts.push(Receipt { hash, amount, held, at: desk.now() });
            drop(receipts);
            desk.news.send_replace(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Somebody outside pays.
pub trait Outside {
    fn pay_from_outside(&self, bolt11: &str);
}

impl Outside for SimulatedNode {
    fn pay_from_outside(&self, bolt11: &str) {
        OutsideWorld::pay(self, bolt11, None).unwrap();
    }
}
