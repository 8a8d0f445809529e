//! Messages that only one browser reads (RFC 8291): content encoding `aes128gcm` (RFC 8188) under a key that both sides
//! agree on by P-256.

use aes_gcm::{
    Aes128Gcm, Nonce,
    aead::{Aead, KeyInit},
};
use hmac::{Hmac, Mac};
use p256::{PublicKey, SecretKey, ecdh::diffie_hellman, elliptic_curve::sec1::ToEncodedPoint};
use sha2::Sha256;

/// The size of a record, of which there is one, in bytes.
const RECORD: u32 = 4096;
/// What a record has beside the message: its end and its tag, in bytes.
const AROUND: usize = 17;

/// What a browser gives away when it subscribes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// Its public key (`p256dh`): an uncompressed point of 65 bytes.
    pub public: [u8; 65],
    /// What it shares with whoever may write to it (`auth`).
    pub auth: [u8; 16],
}

/// Encrypts a message; `fresh` is a key that was never used before, and `salt` random. `None` when the browser's key is no
/// point of the curve, or the message too long for one record.
pub fn encrypt(message: &[u8], to: &Keys, fresh: &SecretKey, salt: [u8; 16]) -> Option<Vec<u8>> {
    if message.len() + AROUND > usize::try_from(RECORD).ok()? {
        return None;
    }
    let theirs = PublicKey::from_sec1_bytes(&to.public).ok()?;
    let own = fresh.public_key().to_encoded_point(false);
    let shared = diffie_hellman(fresh.to_nonzero_scalar(), theirs.as_affine());
    let pseudo_random = keyed(&to.auth, &[shared.raw_secret_bytes()]);
    let input = keyed(&pseudo_random, &[b"WebPush: info\0", &to.public, own.as_bytes(), &[1]]);
    let pseudo_random = keyed(&salt, &[&input]);
    let key = keyed(&pseudo_random, &[b"Content-Encoding: aes128gcm\0", &[1]]);
    let nonce = keyed(&pseudo_random, &[b"Content-Encoding: nonce\0", &[1]]);
    let cipher = Aes128Gcm::new_from_slice(key.get(..16)?).ok()?;
    let nonce: &Nonce<_> = nonce.get(..12)?.try_into().ok()?;
    // 2 marks the last record
    let sealed = cipher.encrypt(nonce, [message, &[2]].concat().as_slice()).ok()?;
    let length = u8::try_from(own.len()).ok()?;
    Some([&salt[..], &RECORD.to_be_bytes(), &[length], own.as_bytes(), &sealed].concat())
}

fn keyed(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // a key of any length is taken
    let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};

    use super::*;

    /// RFC 8291, section 5 and appendix A.
    #[test]
    fn the_example_of_the_specification() {
        let read = |text: &str| BASE64.decode(text).unwrap();
        let public = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
        let to =
            Keys { public: read(public).try_into().unwrap(), auth: read("BTBZMqHH6r4Tts7J_aSIgg").try_into().unwrap() };
        let fresh = SecretKey::from_slice(&read("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")).unwrap();
        let salt = read("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let sealed = encrypt(b"When I grow up, I want to be a watermelon", &to, &fresh, salt).unwrap();
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz\
            AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(BASE64.encode(sealed), expected);
        let off = Keys { public: [4; 65], ..to.clone() };
        assert_eq!(encrypt(b"", &off, &fresh, salt), None, "that is no point");
        assert_eq!(encrypt(&[0; 4080], &to, &fresh, salt), None, "that is too long");
        assert!(encrypt(&[0; 4079], &to, &fresh, salt).is_some());
    }
}
