//! Coming in and going out: registration, login, logout, first install.

use actix_web::{
    HttpRequest,
    cookie::{Cookie, SameSite, time::Duration},
    http::{Method, header},
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    House,
    answer::LoggedIn,
    body::Body,
    lenient,
    permission::{Caller, Public},
    problem::Problem,
    route::{Route, route},
    shapes::WalletShape,
    totp,
};
use crate::accounts::{Factor, Login, Registration, Visitor, policy::Sight};

/// The cookie that carries the session token.
pub const SESSION_COOKIE: &str = "cookie_access_token";
/// Tells scripts of a page that there is a session.
const AUTHORIZED_COOKIE: &str = "is_lnbits_user_authorized";
/// Forgotten at logout and login.
const STALE_COOKIES: &[&str] = &["is_access_token_expired", "lnbits_last_active_wallet"];

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::POST, "/api/v1/auth/register", Public, register)
            .doc("Opens an account with a first wallet and logs in.\nWith the key of an anonymous session as the bearer token, that account becomes a full one: same id, same wallets; the key ends.")
            .idempotent(),
        route(Method::POST, "/api/v1/auth", Public, login).doc("Logs in by user name (or e-mail) and password."),
        route(Method::POST, "/api/v1/auth/logout", Public, logout).doc("Ends the session of the token that is sent."),
        route(Method::PUT, "/api/v1/auth/first_install", Public, first_install)
            .doc("Gives the super user a name and a password, once."),
        route(Method::POST, "/api/v1/account", Public, anonymous)
            .doc("Opens an account without a login; its wallet lives by its keys alone.")
            .idempotent(),
    ]
}

#[derive(Deserialize, ToSchema)]
struct Register {
    /// 2–20 letters, digits, dots or underscores.
    #[serde(deserialize_with = "lenient::text_between::<_, 2, 20>")]
    username: String,
    /// 8–50 characters.
    #[serde(deserialize_with = "lenient::text_between::<_, 8, 50>")]
    password: String,
    /// The same.
    #[serde(deserialize_with = "lenient::text_between::<_, 8, 50>")]
    password_repeat: String,
    #[serde(default, deserialize_with = "lenient::opt_text")]
    email: Option<String>,
    /// Where the operator asks for one.
    #[serde(default, deserialize_with = "lenient::opt_text_up_to::<_, 256>")]
    invitation_code: Option<String>,
}

#[derive(Deserialize, ToSchema)]
struct Credentials {
    /// User name or e-mail.
    #[serde(deserialize_with = "lenient::text")]
    username: String,
    #[serde(deserialize_with = "lenient::text")]
    password: String,
    /// A one-time or recovery code where the account asks for one, if not in the header `X-OTP-Code`.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    otp_code: Option<String>,
    /// In place of a code: a passkey's answer to `POST /api/v1/auth/passkey/start`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    passkey: Option<Map<String, Value>>,
}

#[expect(clippy::struct_field_names, reason = "the name is the wire contract's")]
#[derive(Deserialize, ToSchema)]
struct FirstInstall {
    /// 2–20 letters, digits, dots or underscores.
    #[serde(deserialize_with = "lenient::text_between::<_, 2, 20>")]
    username: String,
    /// 8–50 characters.
    #[serde(deserialize_with = "lenient::text_between::<_, 8, 50>")]
    password: String,
    /// The same.
    #[serde(deserialize_with = "lenient::text_between::<_, 8, 50>")]
    password_repeat: String,
    /// What the operator set as `SATCHEL_FIRST_INSTALL_TOKEN`, if he did.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    first_install_token: Option<String>,
}

#[derive(Deserialize, ToSchema)]
struct Anonymous {
    /// The wallet's name.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    name: Option<String>,
}

/// A session.
#[derive(Serialize, ToSchema)]
pub struct Token {
    /// To be sent as `Authorization: Bearer …`.
    access_token: String,
    /// `bearer`.
    token_type: &'static str,
}

#[derive(Serialize, ToSchema)]
struct Done {
    /// `success`.
    status: &'static str,
}

async fn register(
    _: Caller<Public>,
    request: HttpRequest,
    house: Data<House>,
    Body(new): Body<Register>,
) -> Result<LoggedIn<Token>, Problem> {
    let login = house
        .accounts
        .register(Registration {
            username: new.username,
            password: new.password,
            password_repeat: new.password_repeat,
            email: new.email,
            user_agent: user_agent(&request),
            bearer: super::permission::token(&request),
            invitation_code: new.invitation_code,
        })
        .await?;
    Ok(logged_in(&house, login))
}

async fn login(
    _: Caller<Public>,
    request: HttpRequest,
    house: Data<House>,
    Body(given): Body<Credentials>,
) -> Result<LoggedIn<Token>, Problem> {
    let visitor = visitor(&request, &house).await;
    let (code, passkey) = (totp::code(&request, given.otp_code), given.passkey.map(super::passkeys::text));
    let factor = passkey.as_deref().map_or(Factor::Code(code.as_deref()), Factor::Passkey);
    let login = house.accounts.login(&given.username, given.password, factor, visitor).await?;
    Ok(logged_in(&house, login))
}

async fn first_install(
    _: Caller<Public>,
    request: HttpRequest,
    house: Data<House>,
    Body(new): Body<FirstInstall>,
) -> Result<LoggedIn<Token>, Problem> {
    let (token, agent) = (new.first_install_token.as_deref(), user_agent(&request));
    let login = house.accounts.first_install(new.username, new.password, &new.password_repeat, token, agent).await?;
    Ok(logged_in(&house, login))
}

async fn anonymous(
    _: Caller<Public>,
    house: Data<House>,
    Body(new): Body<Anonymous>,
) -> Result<Json<WalletShape>, Problem> {
    let wallet = house.accounts.anonymous(new.name.as_deref()).await?;
    Ok(Json(WalletShape::seen(wallet, Sight { admin_key: true, invoice_key: true })))
}

async fn logout(_: Caller<Public>, request: HttpRequest, house: Data<House>) -> Result<LoggedIn<Done>, Problem> {
    if let Some(token) = super::permission::token(&request)
        && let Ok(principal) = house.accounts.by_bearer(&token).await
    {
        house.accounts.logout(&principal).await?;
    }
    let mut cookies = vec![forgotten(SESSION_COOKIE), forgotten(AUTHORIZED_COOKIE)];
    cookies.extend(STALE_COOKIES.iter().map(|name| forgotten(name)));
    Ok(LoggedIn { body: Done { status: "success" }, cookies })
}

/// What the client calls itself.
pub(super) fn user_agent(request: &HttpRequest) -> String {
    let header = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    header.unwrap_or_default().to_owned()
}

/// Who knocks. A login that comes with the request counts only while it lives.
pub(super) async fn visitor(request: &HttpRequest, house: &House) -> Visitor {
    let account = match super::permission::token(request) {
        Some(token) => house.accounts.by_bearer(&token).await.ok(),
        None => None,
    };
    let account = account.filter(|principal| principal.session().is_some());
    Visitor {
        user_agent: user_agent(request),
        address: super::permission::client_address(request),
        account: account.map(|principal| principal.account.clone()),
        code: totp::code(request, None),
    }
}

pub(super) fn logged_in(house: &House, login: Login) -> LoggedIn<Token> {
    let cookies = login_cookies(house, &login);
    LoggedIn { body: Token { access_token: login.access_token, token_type: "bearer" }, cookies }
}

/// A cookie that lives as long as a login.
pub(super) fn keep(house: &House, name: &'static str, value: String, hidden: bool) -> Cookie<'static> {
    Cookie::build(name, value)
        .path("/")
        .http_only(hidden)
        .same_site(SameSite::Lax)
        .secure(house.public_url.starts_with("https://"))
        .max_age(Duration::minutes(house.accounts.session_minutes()))
        .finish()
}

/// What a browser remembers of a login.
pub(super) fn login_cookies(house: &House, login: &Login) -> Vec<Cookie<'static>> {
    vec![
        keep(house, SESSION_COOKIE, login.access_token.clone(), true),
        keep(house, AUTHORIZED_COOKIE, "true".to_owned(), false),
        forgotten("is_access_token_expired"),
    ]
}

/// Makes a browser forget a cookie.
pub(super) fn forgotten(name: &'static str) -> Cookie<'static> {
    let mut cookie = Cookie::build(name, "").path("/").same_site(SameSite::Lax).finish();
    cookie.make_removal();
    cookie.set_path("/");
    cookie
}
