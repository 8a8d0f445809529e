//! What the node reports by itself: a stream that a reader can take up where it left off.

use std::{collections::VecDeque, time::Duration};

use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::sync::watch;

use super::SimulatedNode;
use crate::{
    domain::Time,
    funding::{Positioned, SourceDown},
};

/// How many events are taken off the books at a time.
const BATCH: usize = 64;
/// A reader that waits for a payment to end looks no more often than this ...
const SHORTEST_WAIT: Duration = Duration::from_millis(10);
/// ... and no less often, since clocks jump.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// One reader of the stream.
struct Reader<'a> {
    node: &'a SimulatedNode,
    /// How many events it has read.
    read: usize,
    ready: VecDeque<Positioned>,
    news: watch::Receiver<()>,
    /// How often streams had been cut when it began.
    cuts: u64,
    over: bool,
}

impl SimulatedNode {
    /// Events after this position. A position beyond the last one is from a journal that is gone; then
    /// the stream begins at the first event, since a reader takes repetitions but not gaps.
    pub(super) fn event_stream(&self, after: i64) -> BoxStream<'_, Result<Positioned, SourceDown>> {
        let known = self.books().events.len();
        let read = usize::try_from(after).ok().filter(|after| *after <= known).unwrap_or(0);
        let (news, cuts) = (self.news.subscribe(), self.controls().cuts);
        let reader = Reader { node: self, read, ready: VecDeque::new(), news, cuts, over: false };
        stream::unfold(reader, |mut reader| async move {
            if reader.over {
                return None;
            }
            let next = reader.next().await;
            reader.over = next.is_err();
            Some((next, reader))
        })
        .boxed()
    }
}

impl Reader<'_> {
    async fn next(&mut self) -> Result<Positioned, SourceDown> {
        loop {
            self.news.mark_unchanged();
            self.node.reachable()?;
            if self.node.controls().cuts != self.cuts {
                return Err(SourceDown("the connection to the node was lost".into()));
            }
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let (facts, due) = self.take();
            if self.ready.is_empty() {
                self.wait(due).await;
            } else {
                self.node.journal.written(facts).await?;
            }
        }
    }

    /// Takes what has happened off the books; says what it rests on, and when more is due.
    fn take(&mut self) -> (u64, Option<Time>) {
        let books = self.node.books();
        let new = books.events.iter().enumerate().skip(self.read).take(BATCH);
        self.ready.extend(new.filter_map(|(at, event)| {
            let position = i64::try_from(at).ok()?.checked_add(1)?;
            Some((position, event.clone()))
        }));
        let (facts, due) = (self.node.journal.end(), books.next_due());
        drop(books);

        self.read = self.read.saturating_add(self.ready.len());
        let controls = self.node.controls();
        if controls.reorder_events {
            self.ready.make_contiguous().reverse();
        }
        if controls.duplicate_events {
            self.ready = self.ready.drain(..).flat_map(|event| [event.clone(), event]).collect();
        }
        (facts, due)
    }

    /// Waits for news, or for the moment at which a payment ends by itself.
    async fn wait(&mut self, due: Option<Time>) {
        let Some(due) = due else {
            // the node holds the other end, so that there is always somebody to wait for
            drop(self.news.changed().await);
            return;
        };
        let micros = due.0.saturating_sub(self.node.clock.now().0);
        let wait = Duration::from_micros(u64::try_from(micros).unwrap_or(0)).clamp(SHORTEST_WAIT, LONGEST_WAIT);
        drop(tokio::time::timeout(wait, self.news.changed()).await);
    }
}
