//! Short names for long addresses.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{KeepsakeError, Keepsakes};
use crate::{
    domain::{WalletId, tiny::TinyUrl},
    store::{Refusal, StoreError},
};

/// The longest address, in bytes.
const URL_MAX: usize = 2048;
/// Short names of each wallet.
const MOST: i64 = 1000;

impl Keepsakes {
    /// Makes a short name, or answers the one that this wallet made of the address before.
    ///
    /// # Errors
    /// When the wallet has too many, or the database is not available.
    pub async fn shorten(&self, wallet: WalletId, url: String, endless: bool) -> Result<TinyUrl, KeepsakeError> {
        if let Some(made) = self.store.tiny_made(wallet.clone(), url.clone()).await? {
            return Ok(made);
        }
        let id = URL_SAFE_NO_PAD.encode(self.clock.bytes::<6>());
        let made = TinyUrl { id, wallet_id: wallet, url, endless, created_at: self.clock.now() };
        match self.store.tiny_create(made.clone(), MOST).await {
            Ok(()) => Ok(made),
            Err(StoreError::Refused(Refusal::Taken(_))) => {
                Err(KeepsakeError::Refused("Unable to create tinyurl".to_owned()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What a short name stands for.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn tiny(&self, id: &str) -> Result<Option<TinyUrl>, KeepsakeError> {
        Ok(self.store.tiny_find(id.to_owned()).await?)
    }

    /// Forgets a short name of this wallet; false when it has none such.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn forget_tiny(&self, wallet: &WalletId, id: &str) -> Result<bool, KeepsakeError> {
        Ok(self.store.tiny_delete(wallet.clone(), id.to_owned()).await?)
    }
}

/// An address that browsers may be sent to: http or https, with a host, without credentials, and in the letters of
/// URLs alone.
pub fn is_web_address(url: &str) -> bool {
    let Ok(parsed) = reqwest::Url::parse(url) else { return false };
    let plain = url.len() <= URL_MAX && url.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b));
    let credentials = !parsed.username().is_empty() || parsed.password().is_some();
    plain && matches!(parsed.scheme(), "http" | "https") && parsed.has_host() && !credentials
}

#[cfg(test)]
mod tests {
    use super::is_web_address;

    #[test]
    fn only_addresses_of_the_web_are_shortened() {
        for url in ["https://a.example/x?y=z#w", "http://[::1]:8000/", "https://a.example"] {
            assert!(is_web_address(url), "{url}");
        }
        for url in [
            "javascript:alert(1)",
            "data:text/html,x",
            "//a.example",
            "https://",
            "ftp://a.example",
            "a.example",
            "https://a.example/ x",
            "https://user:pw@a.example",
            "https://a.example/\r\nSet-Cookie: x",
            "https:\\\\a",
        ] {
            assert!(!is_web_address(url), "{url}");
        }
    }
}
