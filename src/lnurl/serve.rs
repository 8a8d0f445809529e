//! What a wallet with a lightning address tells payers (LUD-06, LUD-16).

use sha2::{Digest, Sha256};

use crate::domain::{Msat, names::is_lightning_address};

/// The least that can be sent to an address.
pub const MIN_SENDABLE: Msat = Msat(1000);
/// The most: all the bitcoin there will ever be.
pub const MAX_SENDABLE: Msat = Msat(2_100_000_000_000_000_000);
/// The longest comment, in characters.
pub const COMMENT_MAX: usize = 799;

/// A lightning address of this server, perhaps with a tag: `name+tag`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Whose.
    pub name: String,
    /// What the payer adds, for whoever is paid.
    pub tag: Option<String>,
    /// Under which name the payer reached this server, with the port where it has one.
    pub host: String,
}

impl Address {
    /// Reads the part before the `@`, in any case.
    pub fn read(user: &str, host: &str) -> Option<Self> {
        let user = user.to_lowercase();
        let (name, tag) = match user.split_once('+') {
            Some((name, tag)) => (name, Some(tag)),
            None => (user.as_str(), None),
        };
        let good = is_lightning_address(name) && tag.is_none_or(is_lightning_address);
        good.then(|| Self { name: name.to_owned(), tag: tag.map(str::to_owned), host: host.to_owned() })
    }

    /// The part before the `@`.
    pub fn user(&self) -> String {
        match &self.tag {
            Some(tag) => format!("{}+{tag}", self.name),
            None => self.name.clone(),
        }
    }

    /// All of it.
    pub fn whole(&self) -> String {
        format!("{}@{}", self.user(), self.host)
    }

    /// What the payment is for, in words.
    pub fn memo(&self) -> String {
        format!("Payment to {}", self.whole())
    }

    /// The metadata, to the letter: an invoice commits to its hash.
    pub fn metadata(&self) -> String {
        let mut entries = vec![("text/plain", self.memo()), ("text/identifier", self.whole())];
        if let Some(tag) = &self.tag {
            entries.push(("text/tag", tag.clone()));
        }
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let entries: Vec<String> =
            entries.into_iter().map(|(kind, text)| format!("[{}, {}]", quoted(kind), quoted(&text))).collect();
        format!("[{}]", entries.join(", "))
    }

    /// What an invoice commits to.
    pub fn description_hash(&self) -> [u8; 32] {
        Sha256::digest(self.metadata().as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_written_with_its_spaces() {
        let address = Address::read("Alice", "pay.example:5000").unwrap();
        let expected =
            r#"[["text/plain", "Payment to alice@pay.example:5000"], ["text/identifier", "alice@pay.example:5000"]]"#;
        assert_eq!(address.metadata(), expected);
        let tagged = Address::read("alice+Tea", "pay.example").unwrap();
        let expected = r#"[["text/plain", "Payment to alice+tea@pay.example"], ["text/identifier", "alice+tea@pay.example"], ["text/tag", "tea"]]"#;
        assert_eq!((tagged.metadata().as_str(), tagged.name.as_str()), (expected, "alice"));
    }

    #[test]
    fn what_cannot_be_a_name_is_none() {
        for user in ["", "a b", "a\"b", "+tag", "a+", "a+b+c", "a/b", "ä"] {
            assert_eq!(Address::read(user, "pay.example"), None, "{user}");
        }
    }
}
