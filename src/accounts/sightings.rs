//! From where keys are used: remembered here, so that a use from a known place costs no more than a look, and written
//! down soon where it is not known.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::json;

use super::{
    AccountError, Accounts,
    policy::{Bearing, Principal},
    throttle::network,
};
use crate::domain::{
    Time,
    sighting::{KeyAddress, Sighting},
};

/// Keys that are remembered; when there are more, all are looked up in the database again.
const KEYS_MAX: usize = 50_000;
/// Places that are remembered of one key.
const PLACES_MAX: usize = 64;
/// Most that wait to be written; what exceeds it is noted at its next use.
const WAITING_MAX: usize = 10_000;
/// Most that are written at once, so that no payment waits for them.
const AT_ONCE: usize = 200;

/// What this server saw.
#[derive(Default)]
pub(super) struct Sightings(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    /// Of each key, the places that are written down or wait for it.
    places: HashMap<Bearing, Vec<IpAddr>>,
    waiting: Vec<Sighting>,
}

impl Sightings {
    /// Notes that somebody calls from there, if he calls with a key.
    pub(super) fn note(&self, principal: &Principal, from: IpAddr, at: Time) {
        let place = network(Some(from));
        let mut seen = self.seen();
        let known = seen.places.get(&principal.bearing);
        if known.is_some_and(|known| known.contains(&place)) || seen.waiting.len() >= WAITING_MAX {
            return;
        }
        let is_first = known.is_none();
        let Some(sighting) = sighting(principal, place, at) else { return };
        seen.waiting.push(sighting);
        if is_first && seen.places.len() >= KEYS_MAX {
            seen.places.clear();
        }
        let known = seen.places.entry(principal.bearing.clone()).or_default();
        if known.len() >= PLACES_MAX {
            known.clear();
        }
        known.push(place);
    }

    fn take(&self) -> Vec<Sighting> {
        std::mem::take(&mut self.seen().waiting)
    }

    fn put_back(&self, unwritten: &[Sighting]) {
        self.seen().waiting.extend_from_slice(unwritten);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `None` for a login: that is no key.
fn sighting(principal: &Principal, place: IpAddr, at: Time) -> Option<Sighting> {
    let (key, id) = match &principal.bearing {
        Bearing::AdminKey(wallet) => (format!("admin/{wallet}"), None),
        Bearing::InvoiceKey(wallet) => (format!("invoice/{wallet}"), None),
        Bearing::Credential(id) => (format!("credential/{id}"), Some(id.to_string())),
        Bearing::Session(_) | Bearing::AccountId => return None,
    };
    let address = if place.is_ipv6() { format!("{place}/64") } else { place.to_string() };
    let about = json!({ "key": { "kind": principal.family.name(), "id": id }, "address": address });
    Some(Sighting {
        place: KeyAddress { key, address, seen_at: at },
        account: principal.account.clone(),
        wallet: principal.wallet.as_ref().map(|card| card.id.clone()),
        about: about.to_string(),
    })
}

impl Accounts {
    /// Writes down from where keys were used since the last time, and whom that is news for.
    ///
    /// # Errors
    /// When the database is not available; what was not written is written the next time.
    pub async fn note_sightings(&self) -> Result<(), AccountError> {
        let waiting = self.sightings.take();
        let mut rest = waiting.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(AT_ONCE));
            if let Err(error) = self.store.key_seen(now.to_vec()).await {
                self.sightings.put_back(rest);
                return Err(error.into());
            }
            rest = later;
        }
        Ok(())
    }
}
