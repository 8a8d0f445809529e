//! Passwords: argon2id, on threads where nobody waits for them, and only a few at a time.

use std::sync::{Arc, LazyLock};

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version,
    password_hash::{PasswordHash, SaltString},
};
use tokio::sync::Semaphore;

use super::AccountError;
use crate::clock::Clock;

/// Memory (KiB), passes and lanes: the OWASP recommendation of 19 MiB, two passes, one lane.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);
/// Hashes at the same time; each takes 19 MiB and a core.
const AT_ONCE: usize = 2;

/// What an unknown login is checked against, so that it takes as long as a wrong password.
static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hash("nobody has this password", &[0x5a; 16]));

/// Hashes and checks passwords. Cheap to clone.
#[derive(Clone)]
pub(super) struct Passwords {
    turn: Arc<Semaphore>,
    clock: Clock,
}

impl Passwords {
    pub(super) fn new(clock: Clock) -> Self {
        Self { turn: Arc::new(Semaphore::new(AT_ONCE)), clock }
    }

    /// The hash to store, in PHC form.
    pub(super) async fn hash(&self, password: String) -> Result<String, AccountError> {
        let salt: [u8; 16] = self.clock.bytes();
        let hashed = self.work(move || hash(&password, &salt)).await.flatten();
        hashed.ok_or_else(|| AccountError::invalid("This password cannot be used."))
    }

    /// Is it the password of this hash? Without a hash the answer is no, after the same time.
    pub(super) async fn check(&self, password: String, stored: Option<String>) -> bool {
        let known = stored.is_some();
        let right = self.work(move || {
            let stored = stored.or_else(|| NOBODY.clone()).unwrap_or_default();
            PasswordHash::new(&stored)
                .is_ok_and(|stored| argon2().verify_password(password.as_bytes(), &stored).is_ok())
        });
        right.await.unwrap_or(false) && known
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let turn = Arc::clone(&self.turn).acquire_owned().await.ok()?;
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        })
        .await
        .ok()
    }
}

fn argon2() -> Argon2<'static> {
    let (memory, passes, lanes) = COST;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(memory, passes, lanes, None).unwrap_or_default())
}

fn hash(password: &str, salt: &[u8]) -> Option<String> {
    let salt = SaltString::encode_b64(salt).ok()?;
    Some(argon2().hash_password(password.as_bytes(), &salt).ok()?.to_string())
}
