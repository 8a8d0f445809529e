//! Time and randomness as a value, so that tests can seed them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rand::{RngCore, SeedableRng, rngs::StdRng};

use crate::domain::Time;

/// Where the server takes the time and its random bytes from.
#[derive(Clone)]
pub struct Clock(Arc<Source>);

enum Source {
    System { since: Instant },
    Seeded { now: Mutex<Time>, random: Box<Mutex<StdRng>> },
}

impl Clock {
    /// The machine's clock and the operating system's randomness.
    pub fn system() -> Self {
        Self(Arc::new(Source::System { since: Instant::now() }))
    }

    /// A clock that stands at `start` until it is moved, and bytes that follow from `seed`.
    pub fn seeded(start: Time, seed: u64) -> Self {
        let random = Box::new(Mutex::new(StdRng::seed_from_u64(seed)));
        Self(Arc::new(Source::Seeded { now: Mutex::new(start), random }))
    }

    /// Now.
    pub fn now(&self) -> Time {
        match self.0.as_ref() {
            Source::System { .. } => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                Time(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
            }
            Source::Seeded { now, .. } => *now.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// How much time has passed since a moment that is always the same. Where [`Clock::now`] may be set back by
    /// whoever sets the machine's clock, this goes on: waiting times are measured with it.
    pub fn elapsed(&self) -> Duration {
        match self.0.as_ref() {
            Source::System { since } => since.elapsed(),
            Source::Seeded { .. } => Duration::from_micros(u64::try_from(self.now().0).unwrap_or(0)),
        }
    }

    /// Moves a seeded clock on (or back). The system's clock moves by itself.
    pub fn advance(&self, seconds: i64) {
        if let Source::Seeded { now, .. } = self.0.as_ref() {
            let mut now = now.lock().unwrap_or_else(PoisonError::into_inner);
            *now = now.plus_seconds(seconds);
        }
    }

    /// Random bytes, fit for keys.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match self.0.as_ref() {
            Source::System { .. } => rand::rng().fill_bytes(&mut bytes),
            Source::Seeded { random, .. } => {
                random.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
            }
        }
        bytes
    }

    /// A version 4 UUID (RFC 9562) as its 16 bytes: what LNbits clients expect of ids and keys.
    pub fn uuid(&self) -> [u8; 16] {
        let mut bytes: [u8; 16] = self.bytes();
        if let Some(version) = bytes.get_mut(6) {
            *version = (*version & 0x0f) | 0x40;
        }
        if let Some(variant) = bytes.get_mut(8) {
            *variant = (*variant & 0x3f) | 0x80;
        }
        bytes
    }
}
