//! Logins by other houses: the redirect, the callback, and the exchange of a code by an app.

use actix_web::{
    HttpRequest,
    cookie::{Cookie, SameSite, time::Duration},
    http::Method,
    web::Data,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    House,
    answer::{Elsewhere, LoggedIn},
    auth::{Token, forgotten, logged_in, login_cookies, visitor},
    body::{Body, Params, PathPart},
    lenient,
    permission::{Caller, Public},
    problem::Problem,
    route::{Route, route},
};
use crate::accounts::{STATE_SECONDS, SsoExchange, SsoReturn};

/// Waits in the browser while its user is at the provider.
const STATE_COOKIE: &str = "sso_state";
/// Nothing else needs to see it.
const STATE_PATH: &str = "/api/v1/auth";

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/api/v1/auth/{provider}", Public, start).doc(
            "Sends a browser to a provider to log in.\nThe provider is google, github, keycloak or oidc. With `user_id`, the caller's own, the provider opens that account from then on.",
        ),
        route(Method::GET, "/api/v1/auth/{provider}/token", Public, callback)
            .doc("Where a provider sends the browser back; logs in and goes on to `/wallet`."),
        route(Method::POST, "/api/v1/auth/{provider}/token", Public, exchange).doc(
            "Logs in by an authorization code that the client fetched itself.\nFor apps: with the PKCE verifier and the redirect URI that the code was fetched with, and the nonce if one was sent.",
        ),
    ]
}

#[derive(Deserialize, IntoParams)]
struct Start {
    /// The caller's own account, to link it with the provider.
    user_id: Option<String>,
}

#[derive(Deserialize, IntoParams)]
struct Back {
    /// The authorization code.
    code: Option<String>,
    /// The state that the provider was given.
    state: Option<String>,
}

#[derive(Deserialize, ToSchema)]
struct Exchange {
    /// The authorization code.
    #[serde(deserialize_with = "lenient::text_between::<_, 1, 4096>")]
    code: String,
    /// The PKCE verifier (RFC 7636) of the challenge that the provider was given: 43–128 characters.
    #[serde(deserialize_with = "lenient::text_between::<_, 43, 128>")]
    code_verifier: String,
    /// Where the provider sent the code.
    #[serde(deserialize_with = "lenient::text_between::<_, 1, 2048>")]
    redirect_uri: String,
    /// The nonce that the provider was given, if one was.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    nonce: Option<String>,
}

async fn start(
    _: Caller<Public>,
    request: HttpRequest,
    house: Data<House>,
    PathPart(provider): PathPart<String>,
    Params(Start { user_id }): Params<Start>,
) -> Result<Elsewhere<303>, Problem> {
    let link = user_id.filter(|id| !id.is_empty());
    let visitor = visitor(&request, &house).await;
    let start = house.accounts.sso_start(&provider, &redirect_uri(&house, &provider), link, &visitor).await?;
    let cookie = Cookie::build(STATE_COOKIE, start.cookie)
        .path(STATE_PATH)
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(house.public_url.starts_with("https://"))
        .max_age(Duration::seconds(STATE_SECONDS));
    Ok(Elsewhere { location: start.url, cookies: vec![cookie.finish()] })
}

async fn callback(
    _: Caller<Public>,
    request: HttpRequest,
    house: Data<House>,
    PathPart(provider): PathPart<String>,
    Params(Back { code, state }): Params<Back>,
) -> Result<Elsewhere<307>, Problem> {
    let cookie = request.cookie(STATE_COOKIE);
    let back = SsoReturn {
        redirect_uri: redirect_uri(&house, &provider),
        code,
        state: state.as_deref(),
        cookie: cookie.as_ref().map(Cookie::value),
    };
    let done = house.accounts.sso_return(&provider, back, visitor(&request, &house).await).await?;
    let mut cookies = login_cookies(&house, &done.login);
    let mut over = forgotten(STATE_COOKIE);
    over.set_path(STATE_PATH);
    cookies.push(over);
    let location = if done.linked { "/account" } else { "/wallet" };
    Ok(Elsewhere { location: location.to_owned(), cookies })
}

async fn exchange(
    _: Caller<Public>,
    request: HttpRequest,
    house: Data<House>,
    PathPart(provider): PathPart<String>,
    Body(given): Body<Exchange>,
) -> Result<LoggedIn<Token>, Problem> {
    let given = SsoExchange {
        code: given.code,
        code_verifier: given.code_verifier,
        redirect_uri: given.redirect_uri,
        nonce: given.nonce,
    };
    let login = house.accounts.sso_exchange(&provider, given, visitor(&request, &house).await).await?;
    Ok(logged_in(&house, login))
}

/// Where providers send browsers back to; it has to be registered with them.
fn redirect_uri(house: &House, provider: &str) -> String {
    format!("{}/api/v1/auth/{provider}/token", house.public_url)
}
