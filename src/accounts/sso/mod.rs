//! Logins by other houses: Google, GitHub, Keycloak and any OpenID Connect issuer.
//!
//! The authorization code flow of OAuth 2.0 with PKCE (RFC 6749, RFC 7636), twice: as redirect and callback for
//! browsers, where `state`, `nonce` and verifier wait in a sealed cookie, and as a single call for apps that
//! fetch the code themselves. What comes of it is a person; who that is here, `identities` decides.

mod flow;
mod id_token;
mod issuer;
mod web;

use flow::Code;
use issuer::Known;
use web::{Unreachable, Web};

use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use serde::{Deserialize, Serialize};

use super::{AccountError, Accounts, Login, identities::Person, login::Visitor};
use crate::{
    config::logins::{Github, LoginMethod, Logins, Provider},
    domain::Time,
};

/// How long somebody may take at the provider, in seconds.
pub const STATE_SECONDS: i64 = 600;
/// What the sealed state is for; it opens as nothing else.
const SEAL: &str = "sso state";

/// Everything about providers. Kept for as long as the server runs, with what is known of them.
pub(super) struct Sso {
    web: Web,
    google: Option<Known>,
    keycloak: Option<Known>,
    oidc: Option<Known>,
    github: Option<Github>,
}

/// A provider that is configured.
enum Configured<'a> {
    Issuer(&'a Known),
    Github(&'a Github),
}

/// The providers of the settings in force. What is known of a provider is kept until a setting about logins changes.
pub(super) struct Providers(ArcSwap<(Arc<Logins>, Arc<Sso>)>);

impl Providers {
    pub(super) fn new(logins: &Arc<Logins>) -> Self {
        Self(ArcSwap::from_pointee((Arc::clone(logins), Arc::new(Sso::new(logins)))))
    }

    fn of(&self, logins: &Arc<Logins>) -> Arc<Sso> {
        let known = self.0.load();
        if Arc::ptr_eq(&known.0, logins) {
            return Arc::clone(&known.1);
        }
        let sso = Arc::new(Sso::new(logins));
        self.0.store(Arc::new((Arc::clone(logins), Arc::clone(&sso))));
        sso
    }
}

impl Sso {
    fn new(logins: &Logins) -> Self {
        let known = |issuer: &Option<_>| issuer.clone().map(Known::new);
        Self {
            web: Web::new(),
            google: known(&logins.google),
            keycloak: known(&logins.keycloak),
            oidc: known(&logins.oidc),
            github: logins.github.clone(),
        }
    }

    fn configured(&self, provider: Provider) -> Option<Configured<'_>> {
        match provider {
            Provider::Google => self.google.as_ref().map(Configured::Issuer),
            Provider::Keycloak => self.keycloak.as_ref().map(Configured::Issuer),
            Provider::Oidc => self.oidc.as_ref().map(Configured::Issuer),
            Provider::Github => self.github.as_ref().map(Configured::Github),
        }
    }
}

/// Where to send a browser, and what it is to bring back.
pub struct SsoStart {
    /// The provider's authorization endpoint, with the request.
    pub url: String,
    /// For the cookie `sso_state`.
    pub cookie: String,
}

/// What a browser brings back.
pub struct SsoReturn<'a> {
    /// Our own address that the provider sent it to.
    pub redirect_uri: String,
    /// The authorization code.
    pub code: Option<String>,
    /// The state that the provider was given.
    pub state: Option<&'a str>,
    /// The cookie `sso_state`.
    pub cookie: Option<&'a str>,
}

/// A code that an app fetched itself.
pub struct SsoExchange {
    /// The authorization code.
    pub code: String,
    /// The PKCE verifier whose challenge the provider was given.
    pub code_verifier: String,
    /// Where the provider sent the code.
    pub redirect_uri: String,
    /// The nonce that the provider was given, if one was.
    pub nonce: Option<String>,
}

/// How a browser's login ended well.
pub struct SsoDone {
    /// The login.
    pub login: Login,
    /// Was it to link the identity with an account that was logged in?
    pub linked: bool,
}

/// What waits in the browser, sealed, while its user is at the provider.
#[derive(Serialize, Deserialize)]
struct State {
    csrf: String,
    nonce: String,
    verifier: String,
    provider: String,
    link: Option<String>,
    begun: i64,
}

impl Accounts {
    /// Begins a login in a browser; with `link`, to open that account, the visitor's own, by this provider from
    /// then on.
    ///
    /// # Errors
    /// When the provider is not allowed or not configured, or cannot be asked now; when the account is another.
    pub async fn sso_start(
        &self,
        provider: &str,
        redirect_uri: &str,
        link: Option<String>,
        visitor: &Visitor,
    ) -> Result<SsoStart, AccountError> {
        let sso = self.sso.of(&self.logins());
        let (provider, configured) = self.provider(&sso, provider)?;
        if link.as_deref().is_some_and(|link| visitor.account.as_ref().is_none_or(|own| own.as_str() != link)) {
            return Err(AccountError::Forbidden("User ID mismatch.".into()));
        }
        let random = || BASE64.encode(self.clock.bytes::<32>());
        let state = State {
            csrf: random(),
            nonce: random(),
            verifier: random(),
            provider: provider.name().to_owned(),
            link,
            begun: self.clock.now().0,
        };
        let now = self.clock.now();
        let url = configured.authorize_url(&sso.web, &state, redirect_uri, now).await?;
        let text = serde_json::to_vec(&state).unwrap_or_default();
        Ok(SsoStart { url, cookie: BASE64.encode(self.vault.seal(&text, SEAL)) })
    }

    /// Ends a login in a browser.
    ///
    /// # Errors
    /// When the state is not the one this browser was sent away with, the provider does not vouch for the code,
    /// or its person may not come in.
    pub async fn sso_return(
        &self,
        provider: &str,
        back: SsoReturn<'_>,
        visitor: Visitor,
    ) -> Result<SsoDone, AccountError> {
        let sso = self.sso.of(&self.logins());
        let (provider, configured) = self.provider(&sso, provider)?;
        let code = back
            .code
            .filter(|code| !code.is_empty())
            .ok_or_else(|| AccountError::invalid("'code' parameter was not found in callback request"))?;
        let now = self.clock.now();
        let state = self.open_state(provider, back.cookie, back.state, now);
        let state = state.ok_or(AccountError::Unauthenticated("Invalid state"))?;
        let link = match &state.link {
            None => None,
            // whoever began it must still be logged in
            Some(id) => match &visitor.account {
                Some(account) if account.as_str() == id => Some(account.clone()),
                _ => return Err(AccountError::Forbidden("User ID mismatch.".into())),
            },
        };
        let code =
            Code { grant: code, verifier: state.verifier, redirect_uri: back.redirect_uri, nonce: Some(state.nonce) };
        let person = configured.person(&sso.web, code, now).await?;
        let linked = link.is_some();
        let login = match link {
            Some(account) => self.link(&account, provider, &person, visitor).await?,
            None => self.enter(provider, &person, visitor).await?,
        };
        Ok(SsoDone { login, linked })
    }

    /// Logs in by a code that an app fetched itself.
    ///
    /// # Errors
    /// When the provider does not vouch for the code, or its person may not come in.
    pub async fn sso_exchange(
        &self,
        provider: &str,
        given: SsoExchange,
        visitor: Visitor,
    ) -> Result<Login, AccountError> {
        let sso = self.sso.of(&self.logins());
        let (provider, configured) = self.provider(&sso, provider)?;
        let code = Code {
            grant: given.code,
            verifier: given.code_verifier,
            redirect_uri: given.redirect_uri,
            nonce: given.nonce,
        };
        let person = configured.person(&sso.web, code, self.clock.now()).await?;
        self.enter(provider, &person, visitor).await
    }

    fn provider<'a>(&self, sso: &'a Sso, name: &str) -> Result<(Provider, Configured<'a>), AccountError> {
        let provider: Option<Provider> = name.parse().ok();
        let allowed = provider.filter(|provider| self.logins().allows(LoginMethod::Provider(*provider)));
        let configured = allowed.and_then(|provider| Some((provider, sso.configured(provider)?)));
        configured.ok_or_else(|| {
            let shown: String = name.chars().take(64).collect();
            AccountError::Forbidden(format!("Login by '{shown}' not allowed."))
        })
    }

    fn open_state(&self, provider: Provider, cookie: Option<&str>, given: Option<&str>, now: Time) -> Option<State> {
        use subtle::ConstantTimeEq;
        let sealed = BASE64.decode(cookie?).ok()?;
        let state: State = serde_json::from_slice(&self.vault.open(&sealed, SEAL)?).ok()?;
        let same: bool = state.csrf.as_bytes().ct_eq(given?.as_bytes()).into();
        let young = Time(state.begun).plus_seconds(STATE_SECONDS) > now;
        (same && young && state.provider == provider.name()).then_some(state)
    }
}

/// The answer when a provider cannot be asked.
impl From<Unreachable> for AccountError {
    fn from(error: Unreachable) -> Self {
        Self::ProviderDown(error.0)
    }
}

/// What a provider says of somebody, before it is known who that is here.
const NOBODY: AccountError = AccountError::Unauthenticated("Invalid user info.");

impl Person {
    fn new(subject: String, email: Option<String>, email_verified: bool) -> Self {
        Self { subject, email, email_verified }
    }
}
