//! The super user looking at an account as its owner does, and letting somebody back in who forgot his password.

use actix_web::{
    HttpRequest,
    http::Method,
    web::{Data, Json},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    House,
    answer::LoggedIn,
    auth::{SESSION_COOKIE, Token, forgotten, keep, logged_in, user_agent},
    body::{Body, PathPart},
    lenient,
    permission::{AccountSecrets, Caller, Public, SuperUser},
    problem::Problem,
    route::{Route, route},
    totp,
};
use crate::accounts::{AccountError, Login, Reset};

/// The super user's own token, while he looks at somebody else's account.
const ADMIN_COOKIE: &str = "admin_access_token";
/// Tells scripts of a page that it is so.
const IMPERSONATED_COOKIE: &str = "is_lnbits_user_impersonated";

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::POST, "/api/v1/auth/impersonate", SuperUser, start).doc(
            "Logs the super user in to another account.\n\
            His own token must be in the cookie; it is kept in another one until he goes back. The account's owner sees the login in his list.",
        ),
        route(Method::DELETE, "/api/v1/auth/impersonate", AccountSecrets, stop)
            .doc("Goes back to the super user's own login and ends the other."),
        route(Method::PUT, "/users/api/v1/user/{id}/reset_password", SuperUser, make_reset_key)
            .doc("Makes a key that sets the account's password once, within an hour."),
        route(Method::PUT, "/api/v1/auth/reset", Public, reset).doc(
            "Sets a new password with such a key, ends all of the account's logins, and logs in.\n\
            Asks for a one-time code where the account has them.",
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
struct Target {
    /// Id of the account.
    #[serde(deserialize_with = "lenient::text")]
    usr: String,
}

#[derive(Deserialize, ToSchema)]
struct NewPassword {
    /// `reset_key_…`
    #[serde(deserialize_with = "lenient::text")]
    reset_key: String,
    /// 8–50 characters.
    #[serde(deserialize_with = "lenient::text_between::<_, 8, 50>")]
    password: String,
    /// The same.
    #[serde(deserialize_with = "lenient::text_between::<_, 8, 50>")]
    password_repeat: String,
    /// A one-time code, if not in the header `X-OTP-Code`.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    otp_code: Option<String>,
}

async fn start(
    Caller(principal): Caller<SuperUser>,
    request: HttpRequest,
    house: Data<House>,
    Body(target): Body<Target>,
) -> Result<LoggedIn<Token>, Problem> {
    let in_cookie = request.cookie(SESSION_COOKIE).map(|cookie| cookie.value().to_owned());
    let own = in_cookie.filter(|token| super::permission::token(&request).as_deref() == Some(token));
    let own = own.ok_or(AccountError::Unauthenticated("Only cookie based impersonation is allowed."))?;
    let login = house.accounts.impersonate(&principal, &target.usr, &user_agent(&request)).await?;
    let mut answer = logged_in(&house, login);
    answer.cookies.push(keep(&house, ADMIN_COOKIE, own, true));
    answer.cookies.push(keep(&house, IMPERSONATED_COOKIE, "true".to_owned(), false));
    Ok(answer)
}

async fn stop(
    Caller(principal): Caller<AccountSecrets>,
    request: HttpRequest,
    house: Data<House>,
) -> Result<LoggedIn<Token>, Problem> {
    let kept = request.cookie(ADMIN_COOKIE).map(|cookie| cookie.value().to_owned());
    let own = kept.ok_or(AccountError::Unauthenticated("No admin access token found to stop impersonation."))?;
    house.accounts.stop_impersonating(&principal, &own).await?;
    let mut answer = logged_in(&house, Login { access_token: own });
    answer.cookies.extend([forgotten(ADMIN_COOKIE), forgotten(IMPERSONATED_COOKIE)]);
    Ok(answer)
}

async fn make_reset_key(
    _: Caller<SuperUser>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<String>, Problem> {
    Ok(Json(house.accounts.reset_key(&id).await?))
}

async fn reset(
    _: Caller<Public>,
    request: HttpRequest,
    house: Data<House>,
    Body(new): Body<NewPassword>,
) -> Result<LoggedIn<Token>, Problem> {
    let login = house
        .accounts
        .reset_password(Reset {
            key: new.reset_key,
            password: new.password,
            password_repeat: new.password_repeat,
            otp_code: totp::code(&request, new.otp_code),
            user_agent: user_agent(&request),
        })
        .await?;
    Ok(logged_in(&house, login))
}
