//! The signature of a report: `t=<Unix seconds>,v1=<hex>`, HMAC-SHA256 of `<t>.<body>` under the endpoint's secret.
//!
//! While a secret is being replaced there is one `v1` for each of the two.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::domain::{Time, ids::to_hex};

/// The header in which it stands.
pub(super) const HEADER: &str = "LNbits-Signature";

/// Signs a body under these secrets.
pub fn sign(secrets: &[String], at: Time, body: &[u8]) -> String {
    let moment = at.unix().to_string();
    let mut header = format!("t={moment}");
    for secret in secrets {
        let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(secret.as_bytes()) else { continue };
        mac.update(moment.as_bytes());
        mac.update(b".");
        mac.update(body);
        header.push_str(",v1=");
        header.push_str(&to_hex(&mac.finalize().into_bytes()));
    }
    header
}

/// The secret that follows from a wallet's admin key: `whsec_` and the hex of HMAC-SHA256 of `webhooks` under it.
pub fn of_key(admin_key: &str) -> String {
    let hash = <Hmac<Sha256> as Mac>::new_from_slice(admin_key.as_bytes()).map(|mut mac| {
        mac.update(b"webhooks");
        to_hex(&mac.finalize().into_bytes())
    });
    format!("whsec_{}", hash.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{Time, sign};

    #[test]
    fn every_secret_signs_the_moment_and_the_body() {
        let at = Time::from_unix(1_700_000_000);
        let one = sign(&["key".into()], at, b"{}");
        // openssl: printf '1700000000.{}' | openssl dgst -sha256 -hmac key
        assert_eq!(one, "t=1700000000,v1=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae");
        let two = sign(&["key".into(), "old".into()], at, b"{}");
        assert!(two.starts_with(&one) && two.matches(",v1=").count() == 2);
        assert_ne!(sign(&["key".into()], at.plus_seconds(1), b"{}"), one);
        assert_ne!(sign(&["key".into()], at, b"{ }")[13..], one[13..]);
    }
}
