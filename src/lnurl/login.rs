//! Logging into services by a key that only they see (LUD-04), made from the wallet's own (LUD-05).

use bitcoin::{
    Network,
    bip32::{ChildNumber, Xpriv},
    hashes::{Hash, HashEngine, Hmac, HmacEngine, sha256},
    secp256k1::{Message, PublicKey, Secp256k1, SecretKey},
};
use reqwest::Url;
use serde_json::{Map, Value};

use super::{Lnurl, LnurlError, fetch};
use crate::domain::ids::{array_from_hex, from_hex, to_hex};

/// A wallet's key for one service.
pub struct Key(SecretKey);

impl Key {
    /// Derives it from a wallet's admin key (16 bytes as hex are a seed of BIP 32) and the service's full domain name.
    pub fn derive(admin_key: &str, domain: &str) -> Option<Self> {
        let curve = Secp256k1::new();
        let seed = from_hex(admin_key).unwrap_or_else(|| admin_key.as_bytes().to_vec());
        let master = Xpriv::new_master(Network::Bitcoin, &seed).ok()?;
        let purpose = ChildNumber::from_hardened_idx(138).ok()?;
        let hashing = master.derive_priv(&curve, &[purpose, ChildNumber::from_normal_idx(0).ok()?]).ok()?;
        let path = path(&hashing.private_key.secret_bytes(), domain);
        let [first, second, third, fourth] = path;
        let linking = master.derive_priv(&curve, &[purpose, first, second, third, fourth]).ok()?;
        Some(Self(linking.private_key))
    }

    /// The public part, as hex.
    pub fn public(&self) -> String {
        PublicKey::from_secret_key(&Secp256k1::new(), &self.0).to_string()
    }

    /// Signs a challenge; DER as hex.
    fn sign(&self, k1: [u8; 32]) -> String {
        let signature = Secp256k1::new().sign_ecdsa(&Message::from_digest(k1), &self.0);
        to_hex(&signature.serialize_der())
    }
}

/// The four steps below the purpose that belong to a domain.
fn path(hashing_key: &[u8; 32], domain: &str) -> [ChildNumber; 4] {
    let mut engine = HmacEngine::<sha256::Hash>::new(hashing_key);
    engine.input(domain.as_bytes());
    let hash = Hmac::<sha256::Hash>::from_engine(engine).to_byte_array();
    let (fours, _) = hash.as_chunks::<4>();
    let mut numbers = fours.iter().copied().map(u32::from_be_bytes);
    [(); 4].map(|()| ChildNumber::from(numbers.next().unwrap_or_default()))
}

impl Lnurl {
    /// Logs into a service: signs its challenge and answers what it says, be it a refusal.
    ///
    /// # Errors
    /// When the challenge or the callback are none, the operator's rules forbid it, or the service cannot be reached.
    pub async fn log_in(&self, callback: &str, k1: &str, admin_key: &str) -> Result<Map<String, Value>, LnurlError> {
        let url = crate::outbound::target(callback).map_err(|error| LnurlError(fetch::words(error).to_owned()))?;
        self.check_callback(&url)?;
        let challenge =
            array_from_hex::<32>(k1).ok_or_else(|| LnurlError("Invalid LNURL-auth challenge.".to_owned()))?;
        let key = Key::derive(admin_key, url.host_str().unwrap_or_default());
        let key = key.ok_or_else(|| LnurlError("This wallet cannot log in.".to_owned()))?;
        let answered = signed(&url, k1, &key.sign(challenge), &key.public());
        self.fetch_any(&answered, fetch::CALLBACK_WAIT).await
    }
}

/// The callback with the answer to its challenge.
fn signed(url: &Url, k1: &str, signature: &str, key: &str) -> Url {
    let others = url.query_pairs().filter(|(name, _)| !matches!(name.as_ref(), "k1" | "sig" | "key"));
    let others: Vec<(String, String)> = others.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let mut answered = url.clone();
    answered.query_pairs_mut().clear().extend_pairs(others).extend_pairs([
        ("k1", k1),
        ("sig", signature),
        ("key", key),
    ]);
    answered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_lud_05_leads_to_its_path() {
        let key = array_from_hex::<32>("7d417a6a5e9a6a4a879aeaba11a11838764c8fa2b959c242d43dea682b3e409b").unwrap();
        let steps = [1_588_488_367, 2_659_270_754, 38_110_259, 4_136_336_762].map(ChildNumber::from);
        assert_eq!(path(&key, "site.com"), steps);
    }

    #[test]
    fn every_service_sees_another_key_and_the_same_one_again() {
        let public = |admin: &str, domain| Key::derive(admin, domain).unwrap().public();
        let (one, other) = ("00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100");
        assert_eq!(public(one, "site.com"), public(one, "site.com"));
        assert_ne!(public(one, "site.com"), public(one, "other.com"));
        assert_ne!(public(one, "site.com"), public(other, "site.com"));
    }

    #[test]
    fn the_callback_keeps_its_parameters() {
        let url = "https://site.com/cb?tag=login&k1=aa&action=link".parse().unwrap();
        let answered = signed(&url, "bb", "cc", "dd");
        assert_eq!(answered.as_str(), "https://site.com/cb?tag=login&action=link&k1=bb&sig=cc&key=dd");
    }
}
