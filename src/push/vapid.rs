//! By what a push service knows this server (VAPID, RFC 8292): a key of P-256, and a token that it signs.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use p256::{
    SecretKey,
    ecdsa::{Signature, SigningKey, signature::Signer},
    elliptic_curve::sec1::ToEncodedPoint,
};
use serde_json::json;

use crate::{domain::Time, vault::Vault};

/// How long a token is good; a day is the most that is allowed, in seconds.
const GOOD_SECONDS: i64 = 12 * 3600;
/// How often a key is drawn again that is none: one in 2^32 is.
const DRAWS: u8 = 8;

/// The server's key.
#[derive(Clone)]
pub struct Identity(SecretKey);

impl Identity {
    /// Reads a private key: 32 bytes in base64url.
    pub fn read(text: &str) -> Option<Self> {
        SecretKey::from_slice(&BASE64.decode(text.trim().trim_end_matches('=')).ok()?).ok().map(Self)
    }

    /// The one that follows from the server's master secret: the same on every server of a database, and in its backups.
    pub fn derived(vault: &Vault) -> Option<Self> {
        (0..DRAWS).find_map(|draw| SecretKey::from_slice(&vault.derived(&format!("web push/{draw}"))).ok()).map(Self)
    }

    /// The public key as browsers take it (`applicationServerKey`): an uncompressed point in base64url.
    pub fn public(&self) -> String {
        BASE64.encode(self.0.public_key().to_encoded_point(false))
    }

    /// The `Authorization` for a push service at this origin.
    pub fn authorization(&self, origin: &str, contact: &str, now: Time) -> String {
        let claims = json!({ "aud": origin, "exp": now.unix().saturating_add(GOOD_SECONDS), "sub": contact });
        let header = json!({ "typ": "JWT", "alg": "ES256" });
        let signed = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        let signature: Signature = SigningKey::from(&self.0).sign(signed.as_bytes());
        format!("vapid t={signed}.{}, k={}", BASE64.encode(signature.to_bytes()), self.public())
    }
}
