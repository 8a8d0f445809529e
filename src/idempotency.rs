//! Requests that may come twice: a client that heard no answer asks again under the same key, and hears what the
//! first time came to.
//!
//! Who is at a request is a row that is on disk before the work begins. Its owner says again and again that he is
//! still at it; when he stops, or his process is gone, the next one takes the request over. That alone would not
//! keep two from doing the same, since nobody can tell a slow server from a dead one. What does is the payment: it
//! carries the key in a unique column, and is written in the transaction that moves the money (`Ledger::pay`,
//! `Ledger::adjust_once`). So the row here decides who answers, and the ledger decides what happened.
//!
//! Nothing of it is in clear at rest: of the key and the request there are keyed hashes, the answer is sealed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::{
    clock::Clock,
    domain::{Time, ids::to_hex},
    store::{Store, StoreError, types::Claim},
    vault::Vault,
};

/// How long answers are kept: afterwards a key is a new one.
pub const KEPT_SECONDS: i64 = 24 * 3600;
/// How long a server that says nothing is believed to be at a request.
const LEASE_SECONDS: i64 = 30;
/// Between two words that it is.
pub const RENEW_EVERY: Duration = Duration::from_secs(8);
/// How long somebody waits for the answer to a request that another one is at.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks whether it is there: at first, and at most.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(15), Duration::from_millis(240));
/// Bytes that are kept of the keyed hash of a part of a request.
const PART_BYTES: usize = 16;

/// The memory of requests and answers. Cheap to clone.
#[derive(Clone)]
pub struct Idempotency {
    store: Store,
    vault: Vault,
    clock: Clock,
    /// This process, among all that share the database.
    owner: Arc<str>,
}

/// Why nothing can be said of a request now.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct IdempotencyError(#[from] StoreError);

impl IdempotencyError {
    /// Is the trouble the database's, and may pass?
    pub fn is_unavailable(&self) -> bool {
        self.0.is_unavailable()
    }
}

/// The keyed hash of a caller and his key: the name of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey(Vec<u8>);

impl RequestKey {
    /// As the ledger writes it to the payment.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// The parts of a request by their names, so that two of them can be told apart part by part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts(BTreeMap<String, String>);

impl Parts {
    /// The names of the parts in which the two differ.
    fn differing(&self, other: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        names.into_iter().filter(|name| self.0.get(*name) != other.0.get(*name)).cloned().collect()
    }
}

/// An answer, as it went out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers of its own.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// What is to be done with a request.
#[derive(Debug)]
pub enum Begun {
    /// It is ours: carry it out, then [`Idempotency::keep`] the answer or [`Idempotency::give_up`].
    Ours,
    /// It was carried out; this was the answer.
    Answered(Reply),
    /// The key was used for another request, which differs in these parts.
    Other(Vec<String>),
    /// Somebody is still at it.
    Busy,
}

impl Idempotency {
    /// Puts it together.
    pub fn new(store: Store, vault: Vault, clock: Clock) -> Self {
        // names a process, and is nothing that a test could want to repeat
        let owner = to_hex(&Clock::system().bytes::<16>()).into();
        Self { store, vault, clock, owner }
    }

    /// The name of what a caller asks under a key. Callers are apart: nobody meets another one's requests.
    pub fn key(&self, caller: &str, key: &str) -> RequestKey {
        RequestKey(self.vault.fingerprint(&format!("idempotency/{caller}/{key}")).into())
    }

    /// The parts of a request, of which only keyed hashes are kept.
    pub fn parts<'a>(&self, key: &RequestKey, parts: impl IntoIterator<Item = (String, &'a [u8])>) -> Parts {
        let hashed = parts.into_iter().map(|(name, value)| {
            let text = format!("idempotency/{}/{name}/{}", to_hex(&key.0), to_hex(value));
            let hash = self.vault.fingerprint(&text);
            (name, to_hex(hash.get(..PART_BYTES).unwrap_or(&hash)))
        });
        Parts(hashed.collect())
    }

    /// Asks whose a request is. Where somebody is at it, waits for the answer for a few seconds.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn begin(&self, key: &RequestKey, parts: &Parts) -> Result<Begun, IdempotencyError> {
        let fields = serde_json::to_string(parts).unwrap_or_default();
        let until = Instant::now() + PATIENCE;
        let (mut pause, mut there) = (LOOK_EVERY.0, false);
        loop {
            let now = self.clock.now();
            let mine = Claim {
                key_hash: key.0.clone(),
                fields: fields.clone(),
                owner: self.owner.as_ref().to_owned(),
                lease_until: now.plus_seconds(LEASE_SECONDS),
                response: None,
                created_at: now,
            };
            let found = if there {
                self.store.idempotency_find(key.0.clone()).await?
            } else {
                match self.store.idempotency_claim(mine.clone()).await? {
                    None => return Ok(Begun::Ours),
                    found => found,
                }
            };
            // where it is gone again, its owner gave it up, and it can be claimed
            there = found.is_some();
            let Some(claim) = found else { continue };
            let before: Parts = serde_json::from_str(&claim.fields).unwrap_or_default();
            let differing = parts.differing(&before);
            if !differing.is_empty() {
                return Ok(Begun::Other(differing));
            }
            if let Some(reply) = claim.response.as_ref().and_then(|sealed| self.open(key, sealed)) {
                return Ok(Begun::Answered(reply));
            }
            if self.is_gone(&claim, now) && self.store.idempotency_take_over(claim, mine).await? {
                return Ok(Begun::Ours);
            }
            if Instant::now() >= until {
                return Ok(Begun::Busy);
            }
            sleep(pause).await;
            pause = (pause * 2).min(LOOK_EVERY.1);
        }
    }

    /// Is nobody at it any more? Where no other server shares the database, whoever is not this process is gone.
    fn is_gone(&self, claim: &Claim, now: Time) -> bool {
        let another = *claim.owner != *self.owner;
        claim.response.is_none() && (claim.lease_until <= now || another && !self.store.is_shared())
    }

    /// Says that this server is still at it.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn renew(&self, key: &RequestKey) -> Result<(), IdempotencyError> {
        let until = self.clock.now().plus_seconds(LEASE_SECONDS);
        Ok(self.store.idempotency_renew(key.0.clone(), self.owner.as_ref().to_owned(), until).await?)
    }

    /// Keeps the answer.
    ///
    /// # Errors
    /// When the database is not available: then the request is carried out once more when it comes again, and the
    /// ledger finds what was done.
    pub async fn keep(&self, key: &RequestKey, reply: &Reply) -> Result<(), IdempotencyError> {
        let sealed = self.vault.seal(&packed(reply), &context(key));
        Ok(self.store.idempotency_answer(key.0.clone(), self.owner.as_ref().to_owned(), sealed).await?)
    }

    /// Forgets a request of which nothing came, so that it can be tried again under the same key.
    ///
    /// # Errors
    /// When the database is not available: then it is taken over when the lease has passed.
    pub async fn give_up(&self, key: &RequestKey) -> Result<(), IdempotencyError> {
        Ok(self.store.idempotency_give_up(key.0.clone(), self.owner.as_ref().to_owned()).await?)
    }

    /// Did a payment come of it?
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn left_a_payment(&self, key: &RequestKey) -> Result<bool, IdempotencyError> {
        Ok(self.store.idempotency_payment(key.0.clone()).await?.is_some())
    }

    fn open(&self, key: &RequestKey, sealed: &[u8]) -> Option<Reply> {
        unpacked(&self.vault.open(sealed, &context(key))?)
    }
}

/// A sealed answer opens only under its own key.
fn context(key: &RequestKey) -> String {
    format!("idempotency/{}", to_hex(&key.0))
}

/// Status and headers on one line, then the body as it is.
fn packed(reply: &Reply) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(&(reply.status, &reply.headers)).unwrap_or_default();
    bytes.push(b'\n');
    bytes.extend(&reply.body);
    bytes
}

fn unpacked(bytes: &[u8]) -> Option<Reply> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (head, body) = bytes.split_at_checked(end)?;
    let (status, headers) = serde_json::from_slice(head).ok()?;
    Some(Reply { status, headers, body: body.get(1..)?.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::{Parts, Reply, packed, unpacked};

    #[test]
    fn an_answer_is_given_again_to_the_byte() {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        for body in [&b"{\n\"a\":1}\n"[..], b"", b"\n\n\xff"] {
            let reply = Reply { status: 520, headers: headers.clone(), body: body.to_vec() };
            assert_eq!(unpacked(&packed(&reply)), Some(reply));
        }
        assert_eq!(unpacked(b"nonsense"), None);
    }

    #[test]
    fn requests_differ_in_what_one_of_them_lacks_too() {
        let parts = |pairs: &[(&str, &str)]| {
            Parts(pairs.iter().map(|(name, hash)| ((*name).to_owned(), (*hash).to_owned())).collect())
        };
        let one = parts(&[("amount", "1"), ("memo", "2"), ("out", "3")]);
        assert_eq!(one.differing(&one), Vec::<String>::new());
        assert_eq!(one.differing(&parts(&[("amount", "9"), ("out", "3"), ("unit", "4")])), ["amount", "memo", "unit"]);
    }
}
