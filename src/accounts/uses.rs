//! When, and from where, credentials and logins were last used: remembered here, written now and then.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    AccountError, Accounts,
    policy::{Bearing, Principal},
};
use crate::{
    domain::{CredentialId, SessionId, Time},
    store::types::LastUse,
};

/// Most that are remembered until they are written; what exceeds it is noted at its next use.
const USES_MAX: usize = 50_000;
/// Most that are written at once, so that no payment waits for them.
const USES_AT_ONCE: usize = 500;

/// What can be used: a credential by its present secret or by the one before, or a login.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Used {
    Credential { id: CredentialId, old_secret: bool },
    Session(SessionId),
}

/// A use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Use {
    pub(super) at: Time,
    pub(super) from: Option<IpAddr>,
}

/// Uses that are not written yet.
#[derive(Default)]
pub(super) struct Uses(Mutex<HashMap<Used, Use>>);

impl Uses {
    fn note(&self, used: Used, at: Use) {
        let mut known = self.known();
        if known.len() < USES_MAX || known.contains_key(&used) {
            known.insert(used, at);
        }
    }

    /// The last use that is not written yet.
    pub(super) fn last(&self, used: &Used) -> Option<Use> {
        self.known().get(used).copied()
    }

    fn take(&self) -> Vec<(Used, Use)> {
        std::mem::take(&mut *self.known()).into_iter().collect()
    }

    /// Remembers again what could not be written, unless it was used again since.
    fn put_back(&self, uses: &[(Used, Use)]) {
        let mut known = self.known();
        for (used, at) in uses {
            known.entry(used.clone()).or_insert(*at);
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Used, Use>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Accounts {
    /// Notes that a principal's credential is used, and from where. When a wallet's own keys were last used is not
    /// noted.
    pub fn note_use(&self, principal: &Principal, from: Option<IpAddr>) {
        if let Some(from) = from {
            self.sightings.note(principal, from, self.clock.now());
        }
        let used = match &principal.bearing {
            Bearing::Credential(id) => Used::Credential { id: id.clone(), old_secret: principal.old_secret },
            Bearing::Session(id) => Used::Session(id.clone()),
            Bearing::AdminKey(_) | Bearing::InvoiceKey(_) | Bearing::AccountId => return,
        };
        self.uses.note(used, Use { at: self.clock.now(), from });
    }

    /// Writes what was noted since the last time.
    ///
    /// # Errors
    /// When the database is not available; what was not written is written the next time.
    pub async fn flush_uses(&self) -> Result<(), AccountError> {
        let uses = self.uses.take();
        let mut rest = uses.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(USES_AT_ONCE));
            let rows = now.iter().map(|(used, at)| row(used, *at)).collect();
            if let Err(error) = self.store.credential_used(rows).await {
                self.uses.put_back(rest);
                return Err(error.into());
            }
            rest = later;
        }
        Ok(())
    }
}

fn row(used: &Used, Use { at, from }: Use) -> LastUse {
    let (credential, old_secret, session) = match used {
        Used::Credential { id, old_secret } => (Some(id.clone()), *old_secret, None),
        Used::Session(id) => (None, false, Some(id.clone())),
    };
    LastUse { credential, old_secret, session, at, from: from.map(|from| from.to_canonical().to_string()) }
}
