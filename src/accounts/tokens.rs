//! Session tokens: JWTs (RFC 7519) that name an account and a revocable session row.

use std::sync::{PoisonError, RwLock};

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode, errors::ErrorKind,
};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{Account, SessionId, Time, account::Session, ids::to_hex},
    vault::Vault,
};

/// What a token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Claims {
    /// The account's id, never its name: names change hands.
    pub(super) sub: String,
    /// The same, where LNbits clients look for it.
    pub(super) usr: String,
    /// E-mail, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<String>,
    /// Unix time of the login.
    pub(super) auth_time: i64,
    /// Unix time of its end.
    pub(super) exp: i64,
    /// The session row.
    pub(super) jti: String,
}

/// Why a token is worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadToken {
    Invalid,
    /// Signed by a key that this server has not heard of, or that is none.
    UnknownKey,
    Expired,
}

/// Tokens that are signed a moment after a rotation elsewhere still have the key from before it.
const SLACK_SECONDS: i64 = 3600;

/// Signs and checks tokens: one algorithm, the newest key to sign, every key to check whose sessions may live.
pub(super) struct Tokens {
    vault: Vault,
    /// The operator's secret from another server; it takes the place of key 0.
    brought: Option<Vec<u8>>,
    ring: RwLock<Ring>,
}

/// The keys that are known, oldest first.
#[derive(Default)]
struct Ring(Vec<Key>);

#[derive(Clone)]
struct Key {
    number: i64,
    id: String,
    signing: EncodingKey,
    checking: DecodingKey,
    /// When sessions signed with it are over; `None` for the newest.
    ends: Option<Time>,
}

impl Key {
    fn new(number: i64, secret: &[u8]) -> Self {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest([b"key id of ", secret].concat());
        Self {
            number,
            id: to_hex(digest.get(..4).unwrap_or_default()),
            signing: EncodingKey::from_secret(secret),
            checking: DecodingKey::from_secret(secret),
            ends: None,
        }
    }
}

impl Tokens {
    /// With key 0 alone, until the others are [`Self::know`]n.
    pub(super) fn new(vault: Vault, brought: Option<String>) -> Self {
        let tokens = Self { vault, brought: brought.map(String::into_bytes), ring: RwLock::new(Ring::default()) };
        tokens.know(&[], 0);
        tokens
    }

    /// Takes over the list of rotations: the number of each key and since when it signs, oldest first. An earlier key
    /// is good as long as a session may live that it signed.
    pub(super) fn know(&self, rotations: &[(i64, Time)], session_minutes: i64) {
        let life_seconds = session_minutes.saturating_mul(60).saturating_add(SLACK_SECONDS);
        let mut keys = vec![Key::new(0, &self.secret(0))];
        for (number, since) in rotations {
            if let Some(earlier) = keys.last_mut() {
                earlier.ends = Some(since.plus_seconds(life_seconds));
            }
            keys.push(Key::new(*number, &self.secret(*number)));
        }
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Ring(keys);
    }

    /// Key 0 is the one that servers had before they could rotate.
    fn secret(&self, number: i64) -> Vec<u8> {
        match (&self.brought, number) {
            (Some(brought), 0) => brought.clone(),
            (None, 0) => self.vault.derived("session tokens").to_vec(),
            (_, number) => self.vault.derived(&format!("session tokens/{number}")).to_vec(),
        }
    }

    /// The number and the id (`kid`) of the key that signs.
    pub(super) fn current(&self) -> (i64, String) {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        ring.0.last().map(|key| (key.number, key.id.clone())).unwrap_or_default()
    }

    /// A token for this session; `None` only if it cannot be serialized, which plain text always can.
    pub(super) fn sign(&self, account: &Account, session: &Session) -> Option<String> {
        let claims = Claims {
            sub: account.id.to_string(),
            usr: account.id.to_string(),
            email: account.email.clone(),
            auth_time: session.created_at.unix(),
            exp: session.expires_at.unix(),
            jti: session.id.to_string(),
        };
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let key = ring.0.last()?;
        let header = Header { kid: Some(key.id.clone()), ..Header::new(Algorithm::HS256) };
        encode(&header, &claims, &key.signing).ok()
    }

    /// The session that the token names, if key, signature, algorithm and time are right.
    pub(super) fn check(&self, token: &str, now: Time) -> Result<SessionId, BadToken> {
        let header = decode_header(token).map_err(|_| BadToken::Invalid)?;
        let checking = self.checking(header.kid.as_deref(), now)?;
        let mut rules = Validation::new(Algorithm::HS256);
        rules.validate_exp = false; // by our own clock, below
        rules.set_required_spec_claims(&["exp", "sub"]);
        let claims = decode::<Claims>(token, &checking, &rules).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => BadToken::Expired,
            _ => BadToken::Invalid,
        })?;
        if claims.claims.exp <= now.unix() {
            return Err(BadToken::Expired);
        }
        claims.claims.jti.parse().map_err(|()| BadToken::Invalid)
    }

    /// The key that the token names. One that names none was signed by the secret that the operator brought along.
    fn checking(&self, id: Option<&str>, now: Time) -> Result<DecodingKey, BadToken> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let named = |key: &&Key| match id {
            Some(id) => key.id == id,
            None => key.number == 0 && self.brought.is_some(),
        };
        let key = ring.0.iter().find(named).ok_or(BadToken::UnknownKey)?;
        if key.ends.is_some_and(|end| end <= now) { Err(BadToken::Expired) } else { Ok(key.checking.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{BadToken, Tokens};
    use crate::{
        clock::Clock,
        domain::{Account, Time, account::Session},
        vault::Vault,
    };

    fn tokens(brought: Option<&str>) -> Tokens {
        Tokens::new(Vault::new([7; 32], Clock::system()), brought.map(str::to_owned))
    }

    fn signed(tokens: &Tokens, at: i64) -> String {
        let account = Account::fresh([1; 16].into(), "lnbits", Time::from_unix(at));
        let session = Session {
            id: [2; 16].into(),
            account_id: account.id.clone(),
            created_at: Time::from_unix(at),
            expires_at: Time::from_unix(at + 1_000_000),
            revoked_at: None,
            user_agent: String::new(),
            last_used_at: None,
            last_used_ip: None,
            impersonated_by: None,
        };
        tokens.sign(&account, &session).unwrap()
    }

    #[test]
    fn a_rotated_key_checks_until_its_sessions_are_over() {
        let here = tokens(None);
        let old = signed(&here, 1000);
        here.know(&[(1, Time::from_unix(2000))], 60);
        let new = signed(&here, 2000);
        for token in [&old, &new] {
            assert!(here.check(token, Time::from_unix(2001)).is_ok());
        }
        assert_eq!(here.current().0, 1);
        // a server that has not heard of the rotation knows that it does not know the key
        assert_eq!(tokens(None).check(&new, Time::from_unix(2001)), Err(BadToken::UnknownKey));
        // an hour of life and an hour of slack
        let late = Time::from_unix(2000 + 7201);
        assert_eq!(here.check(&old, late), Err(BadToken::Expired));
        assert!(here.check(&new, late).is_ok());
    }

    #[test]
    fn a_secret_from_elsewhere_is_key_0_and_needs_no_name() {
        use jsonwebtoken::{EncodingKey, Header, encode};
        let (here, other) = (tokens(Some("brought")), tokens(None));
        let jti = "02".repeat(16);
        let claims = serde_json::json!({ "sub": "x", "usr": "x", "auth_time": 1, "exp": 5000, "jti": jti });
        let nameless = encode(&Header::default(), &claims, &EncodingKey::from_secret(b"brought")).unwrap();
        assert!(here.check(&nameless, Time::from_unix(2000)).is_ok());
        assert_eq!(other.check(&nameless, Time::from_unix(2000)), Err(BadToken::UnknownKey));
        here.know(&[(1, Time::from_unix(2000))], 60);
        assert!(here.check(&nameless, Time::from_unix(2001)).is_ok());
        assert!(here.check(&signed(&here, 2000), Time::from_unix(2001)).is_ok());
        let forged = encode(&Header::default(), &claims, &EncodingKey::from_secret(b"other")).unwrap();
        assert_eq!(here.check(&forged, Time::from_unix(2000)), Err(BadToken::Invalid));
    }
}
