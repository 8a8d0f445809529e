//! Balances in memory, as committed.
//!
//! This process is the only writer of a SQLite database (it holds a lock on the data folder), and the
//! writer thread tells every balance that a commit changed before anybody hears of the commit. What
//! is shown from here is therefore never older than what a caller has been told. Spending never looks
//! here: the guarded statement in the database decides.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    domain::{Msat, WalletId},
    store::{StoreError, types::Balance},
};

/// Most wallets that are remembered; then all are forgotten and read anew.
const WALLETS_MAX: usize = 100_000;

#[derive(Clone, Copy)]
enum Slot {
    /// As of the last commit.
    Known(Msat),
    /// Somebody is reading it; the number says who.
    Loading(u64),
}

/// The last committed balance of the wallets that were looked at or moved lately.
#[derive(Default)]
pub(super) struct Balances(Mutex<Slots>);

#[derive(Default)]
struct Slots {
    by_wallet: HashMap<WalletId, Slot>,
    loads: u64,
}

impl Balances {
    /// Takes note of a commit. Called by the writer thread, in the order of the commits.
    pub(super) fn committed(&self, balances: &[Balance]) {
        let mut slots = self.lock();
        for Balance(wallet, balance) in balances {
            slots.put(wallet, Slot::Known(*balance));
        }
    }

    /// The balance from memory, or else from the database.
    ///
    /// A commit that happens while the database is being read replaces the mark that the reader left,
    /// and the reader then does not write over it.
    pub(super) async fn get_or_load<F>(
        &self,
        wallet: &WalletId,
        load: impl FnOnce() -> F,
    ) -> Result<Option<Msat>, StoreError>
    where
        F: Future<Output = Result<Option<Msat>, StoreError>>,
    {
        let mine = {
            let mut slots = self.lock();
            if let Some(Slot::Known(balance)) = slots.by_wallet.get(wallet) {
                return Ok(Some(*balance));
            }
            slots.loads += 1;
            let mine = slots.loads;
            slots.put(wallet, Slot::Loading(mine));
            mine
        };
        let loaded = load().await;
        let mut slots = self.lock();
        match (slots.by_wallet.get(wallet), &loaded) {
            (Some(Slot::Known(newer)), Ok(Some(_))) => return Ok(Some(*newer)),
            (Some(Slot::Loading(who)), Ok(Some(balance))) if *who == mine => slots.put(wallet, Slot::Known(*balance)),
            (Some(Slot::Loading(who)), _) if *who == mine => {
                slots.by_wallet.remove(wallet);
            }
            _ => {}
        }
        loaded
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slots {
    fn put(&mut self, wallet: &WalletId, slot: Slot) {
        if self.by_wallet.len() >= WALLETS_MAX && !self.by_wallet.contains_key(wallet) {
            self.by_wallet.clear();
        }
        self.by_wallet.insert(wallet.clone(), slot);
    }
}
