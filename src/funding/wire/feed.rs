//! A stream of events made of lists: what came after a position is asked for whenever a bell rings, and from time to
//! time in any case, so that a bell that was not heard costs seconds and no money.

use std::{collections::VecDeque, future::Future, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream, stream::BoxStream};
use tokio::sync::Notify;

use crate::funding::{Positioned, SourceDown};

/// A page of events: in order, each behind the position that it was asked for.
pub type Page = Result<Vec<Positioned>, SourceDown>;

/// Follows what `list` tells of after a position. A page that is not empty is followed by the next at once.
pub fn follow<'a, F, L>(
    after: i64,
    every: Duration,
    bell: Arc<Notify>,
    list: L,
) -> BoxStream<'a, Result<Positioned, SourceDown>>
where
    L: Fn(i64) -> F + Send + 'a,
    F: Future<Output = Page> + Send + 'a,
{
    let start = Follower { after, every, bell, list, ready: VecDeque::new(), asked: false, over: false };
    stream::unfold(start, |mut follower| async move {
        if follower.over {
            return None;
        }
        let next = follower.next().await;
        follower.over = next.is_err();
        Some((next, follower))
    })
    .boxed()
}

/// A feed that ends as well when whoever rings its bell is lost, so that both begin anew together.
pub fn rung<'a>(
    ringing: impl Future<Output = Result<(), SourceDown>> + Send + 'a,
    feed: BoxStream<'a, Result<Positioned, SourceDown>>,
) -> BoxStream<'a, Result<Positioned, SourceDown>> {
    let lost = stream::once(ringing).filter_map(|ended| std::future::ready(ended.err().map(Err)));
    stream::select(feed, lost).boxed()
}

struct Follower<L> {
    after: i64,
    every: Duration,
    bell: Arc<Notify>,
    list: L,
    ready: VecDeque<Positioned>,
    asked: bool,
    over: bool,
}

impl<L, F> Follower<L>
where
    L: Fn(i64) -> F,
    F: Future<Output = Page>,
{
    async fn next(&mut self) -> Result<Positioned, SourceDown> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.after = self.after.max(event.0);
                return Ok(event);
            }
            // an empty list is followed by a pause; the bell that rings meanwhile is remembered by it
            if std::mem::replace(&mut self.asked, true) {
                drop(tokio::time::timeout(self.every, self.bell.notified()).await);
            }
            self.ready = (self.list)(self.after).await?.into();
            if !self.ready.is_empty() {
                self.asked = false;
            }
        }
    }
}
