//! Telling people what happened.
//!
//! The outbox in the database is the truth; here it is read with a cursor and handed to whoever
//! listens on this server. A listener that cannot keep up is told that it missed something
//! ([`Message::Gap`]), never left to believe that nothing happened.

mod feed;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

pub use feed::Feed;
use tokio::sync::{Mutex as AsyncMutex, Notify, mpsc};

use crate::{
    clock::Clock,
    domain::{
        Msat, Payment, PaymentHash, Time, WalletId,
        event::{Event, EventKind},
    },
    store::{Store, StoreError},
};

/// Messages that wait for one listener.
const QUEUE_MAX: usize = 256;
/// Events of one reading.
const READ_MAX: i64 = 1000;
/// How often the outbox is looked at without the bell: other servers on the database do not ring it.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A number that is missing in the outbox belongs to a transaction that is still open, or to one that
/// was rolled back; after so many seconds it is the latter.
const HOLE_SECONDS: i64 = 10;

/// What somebody listens to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Everything that moves a wallet's balance.
    Wallet(WalletId),
    /// What becomes of one payment hash.
    Payment(PaymentHash),
}

/// An event with the payment as it stood when it was read.
#[derive(Debug)]
pub struct Delivery {
    /// Position; within a wallet what happened later has a larger one.
    pub id: i64,
    /// When it happened.
    pub at: Time,
    /// What happened.
    pub kind: EventKind,
    /// The payment.
    pub payment: Payment,
    /// The wallet's balance right after.
    pub balance: Msat,
}

impl Delivery {
    fn of(event: &Event, payment: Payment) -> Self {
        Self { id: event.id, at: event.created_at, kind: event.kind, payment, balance: event.balance_msat }
    }
}

/// What a listener hears.
#[derive(Debug, Clone)]
pub enum Message {
    /// Something happened.
    Event(Arc<Delivery>),
    /// So much happened that some of it was left out: look for yourself.
    Gap,
}

/// The listeners of this server. Cheap to clone.
#[derive(Clone)]
pub struct Events {
    store: Store,
    clock: Clock,
    bell: Arc<Notify>,
    listeners: Arc<Mutex<Listeners>>,
    cursor: Arc<AsyncMutex<Option<Cursor>>>,
}

#[derive(Default)]
struct Listeners {
    by_channel: HashMap<Channel, Vec<Listener>>,
    last: u64,
}

struct Listener {
    id: u64,
    queue: mpsc::Sender<Message>,
    /// It missed something and has not been told yet.
    behind: bool,
}

/// How far the outbox was read. Numbers above `low` that were read already are in `seen`: on a
/// shared database a smaller number can appear after a larger one.
struct Cursor {
    low: i64,
    seen: BTreeSet<i64>,
    hole_since: Option<Time>,
}

impl Cursor {
    fn at(low: i64) -> Self {
        Self { low, seen: BTreeSet::new(), hole_since: None }
    }
}

/// A listener's end. Listening ends when it is dropped.
pub struct Subscription {
    id: u64,
    channel: Channel,
    queue: mpsc::Receiver<Message>,
    listeners: Arc<Mutex<Listeners>>,
}

impl Subscription {
    /// The next message; `None` when the server stops.
    pub async fn next(&mut self) -> Option<Message> {
        self.queue.recv().await
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = listeners.by_channel.get_mut(&self.channel) {
            same.retain(|listener| listener.id != self.id);
            if same.is_empty() {
                listeners.by_channel.remove(&self.channel);
            }
        }
    }
}

impl Events {
    /// Listens to the outbox of this store; `bell` rings after each commit of this server.
    pub fn new(store: Store, clock: Clock, bell: Arc<Notify>) -> Self {
        Self { store, clock, bell, listeners: Arc::default(), cursor: Arc::default() }
    }

    /// Begins to listen: everything that is committed after this returns is heard.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn subscribe(&self, channel: Channel) -> Result<Subscription, StoreError> {
        let mut cursor = self.cursor.lock().await;
        if cursor.is_none() {
            *cursor = Some(Cursor::at(self.store.event_last().await?));
        }
        let (sender, queue) = mpsc::channel(QUEUE_MAX);
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.last += 1;
        let id = listeners.last;
        listeners.by_channel.entry(channel.clone()).or_default().push(Listener { id, queue: sender, behind: false });
        drop(listeners);
        Ok(Subscription { id, channel, queue, listeners: Arc::clone(&self.listeners) })
    }

    /// How many events the listeners were not told yet; `None` when nobody listens or it cannot be found out soon.
    pub async fn lag(&self) -> Option<i64> {
        let low = tokio::time::timeout(LOOK_EVERY, self.cursor.lock()).await.ok()?.as_ref()?.low;
        let last = self.store.event_last().await.ok()?;
        Some(last.saturating_sub(low).max(0))
    }

    /// Reads the outbox and tells the listeners, for ever.
    pub async fn run(&self) {
        loop {
            // taken before reading, so that a bell that rings meanwhile is not missed
            let rung = self.bell.notified();
            match self.deliver().await {
                Ok(READ_MAX..) => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "could not read the outbox; trying again"),
            }
            let _ = tokio::time::timeout(LOOK_EVERY, rung).await;
        }
    }

    /// One reading. Answers how many events were read.
    async fn deliver(&self) -> Result<i64, StoreError> {
        let mut place = self.cursor.lock().await;
        if self.nobody_listens() {
            *place = None; // the next listener begins at what is then the end
            return Ok(0);
        }
        let Some(cursor) = place.as_mut() else { return Ok(0) };
        let events = self.store.event_list(cursor.low, READ_MAX).await?;
        let read = i64::try_from(events.len()).unwrap_or(READ_MAX);
        for event in events {
            if !cursor.seen.insert(event.id) {
                continue;
            }
            // what is about no payment is told to nobody here
            let Some(payment) = event.payment_id else { continue };
            if let Some(payment) = self.store.payment_find(payment).await? {
                self.tell(&Arc::new(Delivery::of(&event, payment)));
            }
        }
        self.advance(cursor);
        Ok(read)
    }

    fn advance(&self, cursor: &mut Cursor) {
        while cursor.seen.remove(&(cursor.low + 1)) {
            cursor.low += 1;
            cursor.hole_since = None;
        }
        let Some(first) = cursor.seen.first().copied() else { return };
        let now = self.clock.now();
        let since = *cursor.hole_since.get_or_insert(now);
        if since.plus_seconds(HOLE_SECONDS) <= now {
            cursor.low = first - 1;
            self.advance(cursor);
        }
    }

    fn nobody_listens(&self) -> bool {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).by_channel.is_empty()
    }

    fn tell(&self, delivery: &Arc<Delivery>) {
        let channels = [
            Channel::Wallet(delivery.payment.wallet_id.clone()),
            Channel::Payment(delivery.payment.payment_hash.clone()),
        ];
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        for channel in channels {
            for listener in listeners.by_channel.get_mut(&channel).into_iter().flatten() {
                if listener.behind && listener.queue.try_send(Message::Gap).is_ok() {
                    listener.behind = false;
                }
                if listener.behind || listener.queue.try_send(Message::Event(Arc::clone(delivery))).is_err() {
                    listener.behind = true;
                }
            }
        }
    }
}
