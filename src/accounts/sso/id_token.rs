//! ID tokens (OpenID Connect Core 1.0, section 3.1.3.7): whose word it is, for whom, and how old.

use std::str::FromStr;

use jsonwebtoken::{
    Algorithm, DecodingKey, Header, Validation, decode,
    jwk::{Jwk, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

use super::issuer::Discovery;
use crate::domain::Time;

/// What a token may be signed with: nothing that a client's secret or a public key could forge.
const ASYMMETRIC: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// How far the issuer's clock may be from ours, in seconds.
const LEEWAY: i64 = 60;

/// What the issuer says.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    iss: String,
    pub(super) sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    nonce: Option<String>,
    pub(super) email: Option<String>,
    email_verified: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// What a token must say.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client: &'a str,
    pub(super) nonce: Option<&'a str>,
    pub(super) now: Time,
}

/// The algorithms that the issuer signs with and we accept. RS256 is what an issuer has that says nothing.
pub(super) fn accepted(discovery: &Discovery) -> Vec<Algorithm> {
    let named = &discovery.id_token_signing_alg_values_supported;
    if named.is_empty() {
        return vec![Algorithm::RS256];
    }
    let known = named.iter().filter_map(|name| Algorithm::from_str(name).ok());
    known.filter(|algorithm| ASYMMETRIC.contains(algorithm)).collect()
}

/// The key that a token of this header is signed with. A token that names none means the only one.
pub(super) fn key_of<'k>(header: &Header, keys: &'k [Jwk]) -> Option<&'k Jwk> {
    let mut fitting = keys.iter().filter(|key| {
        let signs = key.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
        let named = header.kid.is_none() || key.common.key_id == header.kid;
        signs && named && fits(header.alg, key)
    });
    let first = fitting.next()?;
    (header.kid.is_some() || fitting.next().is_none()).then_some(first)
}

fn fits(algorithm: Algorithm, key: &Jwk) -> bool {
    let says_so = key.common.key_algorithm.is_none_or(|own| Algorithm::try_from(own).is_ok_and(|own| own == algorithm));
    says_so && DecodingKey::from_jwk(key).is_ok_and(|key| key.family() == algorithm.family())
}

/// Checks signature and claims.
pub(super) fn verify(
    token: &str,
    header: &Header,
    key: &Jwk,
    accepted: &[Algorithm],
    expected: &Expected<'_>,
) -> Result<Claims, &'static str> {
    if !accepted.contains(&header.alg) || !ASYMMETRIC.contains(&header.alg) {
        return Err("its algorithm is not one that the issuer signs with");
    }
    let key = DecodingKey::from_jwk(key).map_err(|_| "its key cannot be read")?;
    let mut rules = Validation::new(header.alg);
    // by our own clock and rules, below
    rules.validate_exp = false;
    rules.validate_aud = false;
    rules.required_spec_claims.clear();
    let claims = decode::<Claims>(token, &key, &rules).map_err(|_| "its signature or form is wrong")?.claims;
    check(&claims, expected)?;
    Ok(claims)
}

fn check(claims: &Claims, expected: &Expected<'_>) -> Result<(), &'static str> {
    if claims.iss != expected.issuer {
        return Err("it is another issuer's");
    }
    let (for_us, several) = match &claims.aud {
        Audience::One(audience) => (audience == expected.client, false),
        Audience::Many(audiences) => (audiences.iter().any(|one| one == expected.client), audiences.len() > 1),
    };
    let party = claims.azp.as_deref();
    if !for_us || party.is_some_and(|party| party != expected.client) || (several && party.is_none()) {
        return Err("it is for another client");
    }
    let now = expected.now.unix();
    if claims.exp.saturating_add(LEEWAY) <= now {
        return Err("it has expired");
    }
    let latest = now.saturating_add(LEEWAY);
    if claims.iat > latest || claims.nbf.is_some_and(|from| from > latest) {
        return Err("it is from the future");
    }
    if claims.nonce.as_deref() != expected.nonce {
        return Err("its nonce is not the one that was asked with");
    }
    if claims.sub.is_empty() || claims.sub.len() > 255 {
        return Err("its subject is empty or too long");
    }
    Ok(())
}

impl Claims {
    /// Does the issuer vouch for the e-mail? Some write the truth as a text.
    pub(super) fn is_email_verified(&self) -> bool {
        is_true(self.email_verified.as_ref())
    }
}

/// True, or the word for it.
pub(super) fn is_true(value: Option<&Value>) -> bool {
    value.is_some_and(|value| *value == Value::Bool(true) || value == "true")
}
