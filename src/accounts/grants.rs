//! What credentials resolved to, remembered: the grant itself, never a verdict about a route.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use tokio::sync::watch;

use super::{WalletCard, policy::Principal};
use crate::domain::WalletId;

/// Most credentials that are remembered; then all are forgotten and resolved anew.
const GRANTS_MAX: usize = 50_000;

/// Resolved credentials by their fingerprint.
#[derive(Default)]
pub(super) struct Grants {
    known: RwLock<Known>,
    /// Tells those who rely on a credential for longer than a request that it may have ended.
    forgotten: watch::Sender<u64>,
}

#[derive(Default)]
struct Known {
    by_credential: HashMap<[u8; 32], Arc<Principal>>,
    /// Living wallets with their keys opened, for credentials that reach several.
    wallets: HashMap<WalletId, Arc<WalletCard>>,
    /// Moves whenever something is forgotten: what was read before is not remembered after.
    generation: u64,
    /// The database's count of changed credentials when last looked at.
    changes: i64,
}

impl Grants {
    pub(super) fn get(&self, credential: &[u8; 32]) -> Option<Arc<Principal>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).by_credential.get(credential).cloned()
    }

    /// To be taken before the database is read.
    pub(super) fn generation(&self) -> u64 {
        self.known.read().unwrap_or_else(PoisonError::into_inner).generation
    }

    /// Remembers, unless something changed since `generation` was taken.
    pub(super) fn put(&self, credential: [u8; 32], principal: Arc<Principal>, generation: u64) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.generation == generation {
            if known.by_credential.len() >= GRANTS_MAX {
                known.by_credential.clear();
            }
            known.by_credential.insert(credential, principal);
        }
    }

    /// A living wallet, as it was when it was last read.
    pub(super) fn wallet(&self, id: &WalletId) -> Option<Arc<WalletCard>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).wallets.get(id).cloned()
    }

    /// Remembers a living wallet, unless something changed since `generation` was taken.
    pub(super) fn put_wallet(&self, card: &Arc<WalletCard>, generation: u64) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.generation == generation {
            if known.wallets.len() >= GRANTS_MAX {
                known.wallets.clear();
            }
            known.wallets.insert(card.id.clone(), Arc::clone(card));
        }
    }

    pub(super) fn forget(&self) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.generation += 1;
        known.by_credential.clear();
        known.wallets.clear();
        let generation = known.generation;
        drop(known);
        self.forgotten.send_replace(generation);
    }

    /// Moves with everything that is forgotten.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.forgotten.subscribe()
    }

    /// Is the database's count of changes another than the one last seen?
    pub(super) fn is_behind(&self, changes: i64) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).changes != changes
    }

    /// Forgets everything if the database's count of changes is not the one last seen.
    pub(super) fn changed_to(&self, changes: i64) {
        if self.is_behind(changes) {
            self.forget();
            self.known.write().unwrap_or_else(PoisonError::into_inner).changes = changes;
        }
    }
}
