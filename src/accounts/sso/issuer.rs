//! What is known of an issuer of OpenID Connect: its discovery document and its keys, remembered for a while.

use std::sync::Arc;

use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use super::web::{Unreachable, Web};
use crate::{config::logins::Issuer, domain::Time};

/// How long a document is good, in seconds.
const FRESH: i64 = 3600;
/// Between two looks for a key that is not among the known ones, in seconds.
const LOOK_AGAIN: i64 = 30;

/// OpenID Connect Discovery 1.0, section 3: what of it is needed.
#[derive(Debug, Deserialize)]
pub(super) struct Discovery {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    jwks_uri: String,
    pub(super) userinfo_endpoint: Option<String>,
    #[serde(default)]
    pub(super) id_token_signing_alg_values_supported: Vec<String>,
    #[serde(default)]
    pub(super) token_endpoint_auth_methods_supported: Vec<String>,
}

/// An issuer, with what we know of it.
pub(super) struct Known {
    pub(super) settings: Issuer,
    /// Held while it is asked, so that logins at the same time ask once.
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    discovery: Option<(Arc<Discovery>, Time)>,
    keys: Option<(Arc<[Jwk]>, Time)>,
    looked_again: Option<Time>,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Value>,
}

impl Known {
    pub(super) fn new(settings: Issuer) -> Self {
        Self { settings, memory: Mutex::default() }
    }

    pub(super) async fn discovery(&self, web: &Web, now: Time) -> Result<Arc<Discovery>, Unreachable> {
        self.memory.lock().await.discovery(&self.settings, web, now).await
    }

    /// The issuer's keys; asked for again if none of them satisfies and it was not asked just now, because
    /// issuers change their keys.
    pub(super) async fn keys(
        &self,
        web: &Web,
        now: Time,
        satisfies: impl Fn(&[Jwk]) -> bool,
    ) -> Result<Arc<[Jwk]>, Unreachable> {
        let mut memory = self.memory.lock().await;
        let url = memory.discovery(&self.settings, web, now).await?.jwks_uri.clone();
        if let Some((keys, at)) = memory.keys.clone()
            && is_fresh(at, now)
        {
            let lately = memory.looked_again.is_some_and(|at| at.plus_seconds(LOOK_AGAIN) > now);
            if satisfies(&keys) || lately {
                return Ok(keys);
            }
            memory.looked_again = Some(now);
        }
        let set: Keys = web.get(&url, None).await?;
        // keys of kinds that we do not know are somebody else's
        let keys: Vec<Jwk> = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect();
        let keys: Arc<[Jwk]> = keys.into();
        memory.keys = Some((Arc::clone(&keys), now));
        Ok(keys)
    }
}

impl Memory {
    async fn discovery(&mut self, issuer: &Issuer, web: &Web, now: Time) -> Result<Arc<Discovery>, Unreachable> {
        if let Some((discovery, at)) = &self.discovery
            && is_fresh(*at, now)
        {
            return Ok(Arc::clone(discovery));
        }
        match web.get::<Discovery>(&issuer.discovery_url, None).await {
            Ok(discovery) => {
                let discovery = Arc::new(discovery);
                self.discovery = Some((Arc::clone(&discovery), now));
                Ok(discovery)
            }
            // what it said an hour ago is better than nothing
            Err(error) => match &self.discovery {
                Some((discovery, _)) => {
                    tracing::warn!(%error, "a login provider's discovery document cannot be renewed");
                    Ok(Arc::clone(discovery))
                }
                None => Err(error),
            },
        }
    }
}

fn is_fresh(at: Time, now: Time) -> bool {
    at.plus_seconds(FRESH) > now
}
