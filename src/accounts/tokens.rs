//! Session tokens: JWTs (RFC 7519) that name an account and a revocable session row.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode, errors::ErrorKind};
use serde::{Deserialize, Serialize};

use crate::domain::{Account, SessionId, Time, account::Session, ids::to_hex};

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
    Expired,
}

/// Signs and checks tokens with one secret and one algorithm.
pub(super) struct Tokens {
    signing: EncodingKey,
    checking: DecodingKey,
    key_id: String,
}

impl Tokens {
    pub(super) fn new(secret: &[u8]) -> Self {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest([b"key id of ", secret].concat());
        Self {
            signing: EncodingKey::from_secret(secret),
            checking: DecodingKey::from_secret(secret),
            key_id: to_hex(digest.get(..4).unwrap_or_default()),
        }
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
        let header = Header { kid: Some(self.key_id.clone()), ..Header::new(Algorithm::HS256) };
        encode(&header, &claims, &self.signing).ok()
    }

    /// The session that the token names, if signature, algorithm and time are right.
    pub(super) fn check(&self, token: &str, now: Time) -> Result<SessionId, BadToken> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.validate_exp = false; // by our own clock, below
        rules.set_required_spec_claims(&["exp", "sub"]);
        let claims = decode::<Claims>(token, &self.checking, &rules).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => BadToken::Expired,
            _ => BadToken::Invalid,
        })?;
        // a token that names a key names this one; those of servers that moved here name none
        if claims.header.kid.as_ref().is_some_and(|kid| *kid != self.key_id) {
            return Err(BadToken::Invalid);
        }
        if claims.claims.exp <= now.unix() {
            return Err(BadToken::Expired);
        }
        claims.claims.jti.parse().map_err(|()| BadToken::Invalid)
    }
}
