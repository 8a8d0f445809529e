//! What a payee seals for whoever paid him (LUD-10): readable by the preimage, and by nothing else.

use aes::Aes256;
use base64::{Engine, prelude::BASE64_STANDARD};
use cbc::{
    Decryptor, Encryptor,
    cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7},
};
use serde_json::Value;

/// A text that only the preimage opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// In base64.
    pub ciphertext: String,
    /// In base64.
    pub iv: String,
}

/// Seals a text for whoever will know the preimage; `iv` must be random.
pub fn seal(text: &str, preimage: [u8; 32], iv: [u8; 16]) -> Sealed {
    let cipher = Encryptor::<Aes256>::new(&preimage.into(), &iv.into());
    let ciphertext = cipher.encrypt_padded_vec::<Pkcs7>(text.as_bytes());
    Sealed { ciphertext: BASE64_STANDARD.encode(ciphertext), iv: BASE64_STANDARD.encode(iv) }
}

/// The text that an action of the tag `aes` seals, where the preimage opens it.
pub fn unsealed(action: &str, preimage: &[u8; 32]) -> Option<String> {
    let action: Value = serde_json::from_str(action).ok()?;
    let text = |name: &str| action.get(name).and_then(Value::as_str);
    if text("tag") != Some("aes") {
        return None;
    }
    let sealed = BASE64_STANDARD.decode(text("ciphertext")?).ok()?;
    let iv: [u8; 16] = BASE64_STANDARD.decode(text("iv")?).ok()?.try_into().ok()?;
    let opened = Decryptor::<Aes256>::new(&(*preimage).into(), &iv.into()).decrypt_padded_vec::<Pkcs7>(&sealed).ok()?;
    String::from_utf8(opened).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sealed(text: &str, preimage: [u8; 32]) -> Value {
        let Sealed { ciphertext, iv } = seal(text, preimage, [7; 16]);
        json!({ "tag": "aes", "description": "code", "ciphertext": ciphertext, "iv": iv })
    }

    #[test]
    fn the_preimage_opens_it_and_nothing_else_does() {
        let action = sealed("the code is 1234 ✓", [5; 32]);
        assert_eq!(unsealed(&action.to_string(), &[5; 32]).as_deref(), Some("the code is 1234 ✓"));
        assert_eq!(unsealed(&action.to_string(), &[6; 32]), None);
        for (name, value) in [
            ("tag", json!("message")),
            ("iv", json!("AAAA")),
            ("iv", json!("?")),
            ("ciphertext", json!("AAAA")),
            ("ciphertext", json!("")),
            ("ciphertext", Value::Null),
        ] {
            let mut broken = action.clone();
            broken[name] = value;
            assert_eq!(unsealed(&broken.to_string(), &[5; 32]), None, "{broken}");
        }
        assert_eq!(unsealed("nonsense", &[5; 32]), None);
    }
}
