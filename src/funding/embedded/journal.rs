//! What the node reported, in order: a file of lines, written and flushed before the node forgets.

use std::{
    collections::{HashMap, VecDeque},
    fs::{File, OpenOptions},
    io::{Read, Write},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::{StreamExt, stream, stream::BoxStream};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use tokio::sync::watch;

use crate::{
    domain::{Msat, PaymentHash, Time, ids::array_from_hex},
    funding::{Positioned, SourceDown, SourceEvent},
};

/// Reports that are kept in memory for whoever reads from a position. All are kept on disk.
const KEPT: usize = 100_000;

/// One report.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Entry {
    /// A payment of ours arrived.
    Sent {
        #[serde(deserialize_with = "parsed")]
        hash: PaymentHash,
        preimage: Option<String>,
        fee: Option<Msat>,
    },
    /// A payment of ours failed.
    NotSent {
        #[serde(deserialize_with = "parsed")]
        hash: PaymentHash,
    },
    /// Money arrived.
    Received {
        #[serde(deserialize_with = "parsed")]
        hash: PaymentHash,
        amount: Msat,
        preimage: Option<String>,
    },
    /// Money is held, until this height.
    Held {
        #[serde(deserialize_with = "parsed")]
        hash: PaymentHash,
        amount: Msat,
        deadline: Option<u32>,
    },
}

#[derive(Default)]
struct Known {
    last: i64,
    recent: VecDeque<(i64, Entry)>,
    sent: HashMap<PaymentHash, (Option<String>, Option<Msat>)>,
    received: HashMap<PaymentHash, Msat>,
    held: HashMap<PaymentHash, (Msat, Option<u32>)>,
}

pub(super) struct Journal {
    known: Mutex<Known>,
    file: Mutex<File>,
    news: watch::Sender<()>,
}

impl Journal {
    pub(super) fn open(path: &Path) -> Result<Self, SourceDown> {
        let down = |error: std::io::Error| SourceDown(format!("the node's journal cannot be used: {error}"));
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path).map_err(down)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(down)?;
        // a line that was written half was never told to anybody, and the node will say it again
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end.saturating_add(1));
        file.set_len(u64::try_from(whole).unwrap_or(0)).map_err(down)?;
        let mut known = Known::default();
        for line in text.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let entry = serde_json::from_slice(line)
                .map_err(|error| SourceDown(format!("the node's journal has a line that is none: {error}")))?;
            known.note(entry);
        }
        Ok(Self { known: Mutex::new(known), file: Mutex::new(file), news: watch::Sender::new(()) })
    }

    /// Writes a report down, and makes it known.
    pub(super) fn append(&self, entry: Entry) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let before = file.metadata()?.len();
        if let Err(error) = file.write_all(&line).and_then(|()| file.sync_data()) {
            // half a line would spoil the next one
            drop(file.set_len(before));
            return Err(error);
        }
        self.known().note(entry);
        drop(file);
        self.news.send_replace(());
        Ok(())
    }

    pub(super) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    pub(super) fn sent(&self, hash: &PaymentHash) -> Option<(Option<String>, Option<Msat>)> {
        self.known().sent.get(hash).cloned()
    }

    pub(super) fn received(&self, hash: &PaymentHash) -> Option<Msat> {
        self.known().received.get(hash).copied()
    }

    pub(super) fn held(&self, hash: &PaymentHash) -> Option<(Msat, Option<u32>)> {
        self.known().held.get(hash).copied()
    }

    /// What was reported after a position, without an end.
    pub(super) fn events<'a>(
        &'a self,
        after: i64,
        time_of: impl Fn(u32) -> Time + Send + 'a,
    ) -> BoxStream<'a, Result<Positioned, SourceDown>> {
        let mut news = self.news.subscribe();
        news.mark_changed();
        stream::unfold((self, after, news, time_of), |(journal, at, mut news, time_of)| async move {
            loop {
                let next = journal.known().recent.iter().find(|(position, _)| *position > at).cloned();
                if let Some((position, entry)) = next {
                    let event = event_of(entry, &time_of);
                    return Some((Ok((position, event)), (journal, position, news, time_of)));
                }
                if news.changed().await.is_err() {
                    return None;
                }
            }
        })
        .boxed()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn note(&mut self, entry: Entry) {
        self.last = self.last.saturating_add(1);
        match &entry {
            Entry::Sent { hash, preimage, fee } => drop(self.sent.insert(hash.clone(), (preimage.clone(), *fee))),
            Entry::NotSent { .. } => {}
            Entry::Received { hash, amount, .. } => {
                self.held.remove(hash);
                self.received.insert(hash.clone(), *amount);
            }
            Entry::Held { hash, amount, deadline } => drop(self.held.insert(hash.clone(), (*amount, *deadline))),
        }
        self.recent.push_back((self.last, entry));
        if self.recent.len() > KEPT {
            self.recent.pop_front();
        }
    }
}

fn event_of(entry: Entry, time_of: &impl Fn(u32) -> Time) -> SourceEvent {
    match entry {
        Entry::Sent { hash, .. } | Entry::NotSent { hash } => SourceEvent::PaymentChanged { payment_hash: hash },
        Entry::Received { hash, amount, preimage } => SourceEvent::InvoicePaid {
            payment_hash: hash,
            amount,
            preimage: preimage.as_deref().and_then(array_from_hex),
        },
        Entry::Held { hash, amount, deadline } => {
            SourceEvent::InvoiceHeld { payment_hash: hash, amount, deadline: deadline.map(time_of) }
        }
    }
}

fn parsed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PaymentHash, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(|()| D::Error::custom("not a payment hash"))
}
