//! Identifiers. Accounts, wallets and sessions have 32 lower-case hex characters, credentials 8; payments are
//! numbered in the order in which they were written.

use std::{fmt, str::FromStr, sync::Arc};

use diesel::{deserialize::FromSqlRow, expression::AsExpression, sql_types};
use serde::Serialize;

use super::column::{integer_column, text_column};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, AsExpression, FromSqlRow)]
        #[serde(transparent)]
        #[diesel(sql_type = sql_types::Text)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The identifier as it is stored and shown.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = ();
            /// Accepts exactly the lower-case hex form.
            fn from_str(text: &str) -> Result<Self, ()> {
                let hex = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                if hex && text.len() == $length { Ok(Self(text.into())) } else { Err(()) }
            }
        }
        impl From<[u8; $length / 2]> for $name {
            fn from(bytes: [u8; $length / 2]) -> Self {
                Self(to_hex(&bytes).into())
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        text_column!($name);
    };
}

text_id!(
    /// Names an account for ever; it is the subject of every session token.
    AccountId, 32
);
text_id!(
    /// Names a wallet.
    WalletId, 32
);
text_id!(
    /// Names a login session (`jti` of its token).
    SessionId, 32
);
text_id!(
    /// Names an API key, a token or the key of an anonymous session; it is part of the secret.
    CredentialId, 8
);
text_id!(
    /// The SHA-256 of a payment's preimage (BOLT 11 field `p`).
    PaymentHash, 64
);

impl PaymentHash {
    /// The hash that this preimage unlocks.
    pub fn of(preimage: &[u8; 32]) -> Self {
        use sha2::{Digest, Sha256};
        let digest: [u8; 32] = Sha256::digest(preimage).into();
        digest.into()
    }
}

/// Numbers a payment attempt; larger is later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::BigInt)]
pub struct PaymentId(pub i64);
integer_column!(PaymentId);

/// Lower-case hex.
pub fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Bytes of a hex text of either case; `None` when it is not one.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

/// Exactly `N` bytes of hex.
pub fn array_from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    from_hex(text)?.try_into().ok()
}
