//! The authorization code flow with one provider.

use std::borrow::Cow;

use jsonwebtoken::decode_header;
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointSet, ExtraTokenFields,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, StandardRevocableToken,
    StandardTokenResponse, TokenResponse, TokenUrl,
    basic::{BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Configured, NOBODY, State,
    id_token::{self, Expected},
    issuer::{Discovery, Known},
    web::Web,
};
use crate::{
    accounts::{AccountError, identities::Person},
    config::logins::{Client as Registered, Github},
    domain::Time,
};

/// What a code is exchanged with.
pub(super) struct Code {
    pub(super) code: String,
    pub(super) verifier: String,
    pub(super) redirect_uri: String,
    pub(super) nonce: Option<String>,
}

/// What issuers of OpenID Connect answer beside an access token.
#[derive(Debug, Serialize, Deserialize)]
struct IdToken {
    id_token: Option<String>,
}
impl ExtraTokenFields for IdToken {}

type Tokens = StandardTokenResponse<IdToken, BasicTokenType>;
type Bare = oauth2::Client<
    BasicErrorResponse,
    Tokens,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
>;
type Ready = oauth2::Client<
    BasicErrorResponse,
    Tokens,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointNotSet,
    EndpointSet,
>;

/// The OAuth client of a provider with these endpoints.
fn client(registered: &Registered, how: AuthType, authorize: String, token: String) -> Result<Ready, AccountError> {
    let broken = |error: &dyn std::fmt::Display| AccountError::ProviderDown(format!("its endpoints: {error}"));
    let authorize = AuthUrl::new(authorize).map_err(|error| broken(&error))?;
    let token = TokenUrl::new(token).map_err(|error| broken(&error))?;
    let mut client = Bare::new(ClientId::new(registered.id.clone())).set_auth_type(how);
    if let Some(secret) = &registered.secret {
        client = client.set_client_secret(ClientSecret::new(secret.reveal().to_owned()));
    }
    Ok(client.set_auth_uri(authorize).set_token_uri(token))
}

fn issuer_client(known: &Known, discovery: &Discovery) -> Result<Ready, AccountError> {
    let methods = &discovery.token_endpoint_auth_methods_supported;
    let knows = |name: &str| methods.iter().any(|method| method == name);
    // RFC 6749, section 2.3.1: Basic is what everybody has who says nothing
    let in_body = knows("client_secret_post") && !knows("client_secret_basic");
    let how = if in_body { AuthType::RequestBody } else { AuthType::BasicAuth };
    let (authorize, token) = (discovery.authorization_endpoint.clone(), discovery.token_endpoint.clone());
    client(&known.settings.client, how, authorize, token)
}

fn github_client(github: &Github) -> Result<Ready, AccountError> {
    let endpoint = |name: &str| format!("{}/login/oauth/{name}", github.url);
    client(&github.client, AuthType::RequestBody, endpoint("authorize"), endpoint("access_token"))
}

fn redirect(uri: &str) -> Result<RedirectUrl, AccountError> {
    RedirectUrl::new(uri.to_owned()).map_err(|_| AccountError::invalid("redirect_uri is not a URL."))
}

impl Configured<'_> {
    /// Where a browser is sent.
    pub(super) async fn authorize_url(
        &self,
        web: &Web,
        state: &State,
        redirect_uri: &str,
        now: Time,
    ) -> Result<String, AccountError> {
        let verifier = PkceCodeVerifier::new(state.verifier.clone());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
        let csrf = || CsrfToken::new(state.state.clone());
        let back = Cow::Owned(redirect(redirect_uri)?);
        let (url, _) = match self {
            Self::Issuer(known) => {
                let discovery = known.discovery(web, now).await?;
                let client = issuer_client(known, &discovery)?;
                let scopes = ["openid", "email", "profile"].map(|scope| Scope::new(scope.to_owned()));
                let request = client.authorize_url(csrf).add_scopes(scopes).add_extra_param("nonce", &state.nonce);
                request.set_pkce_challenge(challenge).set_redirect_uri(back).url()
            }
            Self::Github(github) => {
                let client = github_client(github)?;
                let request = client.authorize_url(csrf).add_scope(Scope::new("user:email".to_owned()));
                request.set_pkce_challenge(challenge).set_redirect_uri(back).url()
            }
        };
        Ok(url.to_string())
    }

    /// Whom the provider vouches for by this code.
    pub(super) async fn person(&self, web: &Web, code: Code, now: Time) -> Result<Person, AccountError> {
        match self {
            Self::Issuer(known) => {
                let discovery = known.discovery(web, now).await?;
                let nonce = code.nonce.clone();
                let tokens = exchange(&issuer_client(known, &discovery)?, web, code).await?;
                of_issuer(known, &discovery, web, &tokens, nonce.as_deref(), now).await
            }
            Self::Github(github) => {
                let tokens = exchange(&github_client(github)?, web, code).await?;
                of_github(github, web, tokens.access_token().secret()).await
            }
        }
    }
}

async fn exchange(client: &Ready, web: &Web, code: Code) -> Result<Tokens, AccountError> {
    let send = |request| web.call(request);
    let answered = client
        .exchange_code(AuthorizationCode::new(code.code))
        .set_pkce_verifier(PkceCodeVerifier::new(code.verifier))
        .set_redirect_uri(Cow::Owned(redirect(&code.redirect_uri)?))
        .request_async(&send)
        .await;
    answered.map_err(|error| match error {
        RequestTokenError::Request(unreachable) => unreachable.into(),
        // never the answer itself, which may hold tokens
        RequestTokenError::ServerResponse(answer) => {
            let code: &str = answer.error().as_ref();
            tracing::info!(error = code, "a login provider refuses a code");
            AccountError::Unauthenticated("The provider does not accept this code.")
        }
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            tracing::info!("a login provider's token endpoint answers something else");
            AccountError::Unauthenticated("The provider does not accept this code.")
        }
    })
}

async fn of_issuer(
    known: &Known,
    discovery: &Discovery,
    web: &Web,
    tokens: &Tokens,
    nonce: Option<&str>,
    now: Time,
) -> Result<Person, AccountError> {
    let refused = |reason: &str| {
        tracing::warn!(issuer = discovery.issuer, reason, "an id token is refused");
        NOBODY
    };
    let token = tokens.extra_fields().id_token.as_deref().ok_or_else(|| refused("there is none"))?;
    let header = decode_header(token).map_err(|_| refused("its header cannot be read"))?;
    let accepted = id_token::accepted(discovery);
    if !accepted.contains(&header.alg) {
        return Err(refused("its algorithm is not one that the issuer signs with"));
    }
    let keys = known.keys(web, now, |keys| id_token::key_of(&header, keys).is_some()).await?;
    let key = id_token::key_of(&header, &keys).ok_or_else(|| refused("its key is not the issuer's"))?;
    let expected = Expected { issuer: &discovery.issuer, client: &known.settings.client.id, nonce, now };
    let claims = id_token::verify(token, &header, key, &accepted, &expected).map_err(refused)?;
    // a subject is unique with its issuer only, and settings may come to name another one
    let subject = format!("{} {}", discovery.issuer, claims.sub);
    if claims.email.is_some() {
        let verified = claims.is_email_verified();
        return Ok(Person::new(subject, claims.email, verified));
    }
    let Some(endpoint) = &discovery.userinfo_endpoint else { return Ok(Person::new(subject, None, false)) };
    let info: UserInfo = web.get(endpoint, Some(tokens.access_token().secret())).await?;
    if info.sub != claims.sub {
        return Err(refused("the user info is another subject's"));
    }
    let verified = id_token::is_true(info.email_verified.as_ref());
    Ok(Person::new(subject, info.email, verified))
}

/// OpenID Connect Core 1.0, section 5.3.2: what of it is needed.
#[derive(Deserialize)]
struct UserInfo {
    sub: String,
    email: Option<String>,
    email_verified: Option<Value>,
}

#[derive(Deserialize)]
struct GithubUser {
    /// Names the user for ever; the login name may change hands.
    id: u64,
}

#[derive(Deserialize)]
struct GithubEmail {
    email: String,
    primary: bool,
    verified: bool,
}

async fn of_github(github: &Github, web: &Web, token: &str) -> Result<Person, AccountError> {
    let user: GithubUser = web.get(&format!("{}/user", github.api_url), Some(token)).await?;
    let emails: Vec<GithubEmail> = web.get(&format!("{}/user/emails", github.api_url), Some(token)).await?;
    let primary = emails.into_iter().find(|email| email.primary);
    let verified = primary.as_ref().is_some_and(|email| email.verified);
    Ok(Person::new(user.id.to_string(), primary.map(|email| email.email), verified))
}
