//! Secrets at rest: keyed hashes for finding, sealed copies for showing again.
//!
//! Everything derives from one master secret that lives outside the database, so that a stolen
//! database alone reveals no key and no preimage, and a forged row opens to nothing.

use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::clock::Clock;

const NONCE: usize = 24;

/// Turns secrets into what may be stored. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    index: Hmac<Sha256>,
    cipher: XChaCha20Poly1305,
    clock: Clock,
    master: [u8; 32],
}

impl Vault {
    /// Opens the vault with the master secret.
    pub fn new(master: [u8; 32], clock: Clock) -> Self {
        let index = mac(&derive(&master, "index of keys"));
        let cipher = XChaCha20Poly1305::new(&derive(&master, "sealed copies").into());
        Self { index, cipher, clock, master }
    }

    /// A key of its own for another purpose, such as signing session tokens.
    pub fn derived(&self, purpose: &str) -> [u8; 32] {
        derive(&self.master, purpose)
    }

    /// The keyed hash under which a secret is found. Without the master secret nobody can compute
    /// it, so that it says nothing about the secret.
    pub fn fingerprint(&self, secret: &str) -> [u8; 32] {
        let mut index = self.index.clone();
        index.update(secret.as_bytes());
        index.finalize().into_bytes().into()
    }

    /// Seals a secret for the row it belongs to; it opens only with the same `context`.
    pub fn seal(&self, secret: &[u8], context: &str) -> Vec<u8> {
        let nonce: [u8; NONCE] = self.clock.bytes();
        let payload = Payload { msg: secret, aad: context.as_bytes() };
        let mut sealed = nonce.to_vec();
        // sealing fails only beyond 256 GiB; an empty box opens to nothing
        sealed.extend(self.cipher.encrypt(XNonce::from_slice(&nonce), payload).unwrap_or_default());
        sealed
    }

    /// Opens a sealed secret; `None` when it was altered, belongs to another row, or was sealed with
    /// another master secret.
    pub fn open(&self, sealed: &[u8], context: &str) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.split_at_checked(NONCE)?;
        let payload = Payload { msg: text, aad: context.as_bytes() };
        self.cipher.decrypt(XNonce::from_slice(nonce), payload).ok()
    }

    /// Opens a sealed text.
    pub fn open_text(&self, sealed: &[u8], context: &str) -> Option<String> {
        String::from_utf8(self.open(sealed, context)?).ok()
    }
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of any length; the fallback is never reached
    <Hmac<Sha256> as Mac>::new_from_slice(key)
        .unwrap_or_else(|_| <Hmac<Sha256> as Mac>::new(&hmac::digest::Key::<Hmac<Sha256>>::default()))
}

fn derive(master: &[u8; 32], purpose: &str) -> [u8; 32] {
    let mut mac = mac(master);
    mac.update(b"satchel/1/");
    mac.update(purpose.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::{Clock, Vault};

    #[test]
    fn a_sealed_secret_opens_only_where_it_belongs() {
        let vault = Vault::new([7; 32], Clock::system());
        let sealed = vault.seal(b"key", "wallet/1");
        assert_eq!(vault.open(&sealed, "wallet/1").as_deref(), Some(&b"key"[..]));
        assert_eq!(vault.open(&sealed, "wallet/2"), None);
        assert_eq!(Vault::new([8; 32], Clock::system()).open(&sealed, "wallet/1"), None);
        assert_ne!(vault.fingerprint("key"), Vault::new([8; 32], Clock::system()).fingerprint("key"));
        assert_eq!(vault.open(b"short", "wallet/1"), None);
    }
}
