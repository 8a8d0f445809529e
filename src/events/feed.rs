//! A wallet's events without an omission: from a position on, and then as they happen.
//!
//! Whoever reads slowly is not told that he missed something: what did not fit into his queue is read from the
//! database when he comes to it.

use std::{collections::VecDeque, sync::Arc};

use super::{Channel, Delivery, Events, Message, Subscription};
use crate::{domain::WalletId, store::StoreError};

/// Events of one reading.
const READ_MAX: i64 = 200;

/// One reader's place in a wallet's events.
pub struct Feed {
    events: Events,
    wallet: WalletId,
    live: Subscription,
    last: i64,
    read: VecDeque<Message>,
    /// The database may have more than was read.
    behind: bool,
}

impl Events {
    /// A page of a wallet's events after a position, and whether some after it were forgotten for their age.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn page(
        &self,
        wallet: &WalletId,
        after: i64,
        most: i64,
    ) -> Result<(Vec<Arc<Delivery>>, bool), StoreError> {
        let found = self.store.event_page(wallet.clone(), after, most).await?;
        let gap = after < self.store.event_forgotten().await?;
        let deliveries = found.into_iter().map(|(event, payment)| Arc::new(Delivery::of(&event, payment)));
        Ok((deliveries.collect(), gap))
    }

    /// Follows a wallet: from a position on, or from now on.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn follow(&self, wallet: WalletId, after: Option<i64>) -> Result<Feed, StoreError> {
        // first, so that nothing falls between what is read and what is heard
        let live = self.subscribe(Channel::Wallet(wallet.clone())).await?;
        let mut read = VecDeque::new();
        let last = match after {
            None => self.store.event_last_of(wallet.clone()).await?,
            Some(after) => {
                if after < self.store.event_forgotten().await? {
                    read.push_back(Message::Gap);
                }
                after
            }
        };
        Ok(Feed { events: self.clone(), wallet, live, last, read, behind: after.is_some() })
    }
}

impl Feed {
    /// The next event, or a gap where events were forgotten; `None` when the server stops. May be dropped and called
    /// again at any time.
    ///
    /// # Errors
    /// When the database is not available; nothing is lost then.
    pub async fn next(&mut self) -> Result<Option<Message>, StoreError> {
        loop {
            if let Some(message) = self.read.pop_front() {
                return Ok(Some(message));
            }
            if self.behind {
                let (page, _) = self.events.page(&self.wallet, self.last, READ_MAX).await?;
                self.behind = i64::try_from(page.len()).is_ok_and(|read| read == READ_MAX);
                self.last = page.last().map_or(self.last, |delivery| delivery.id);
                self.read.extend(page.into_iter().map(Message::Event));
                continue;
            }
            match self.live.next().await {
                None => return Ok(None),
                Some(Message::Gap) => self.behind = true,
                Some(Message::Event(delivery)) if delivery.id <= self.last => {}
                Some(Message::Event(delivery)) => {
                    self.last = delivery.id;
                    return Ok(Some(Message::Event(delivery)));
                }
            }
        }
    }
}
