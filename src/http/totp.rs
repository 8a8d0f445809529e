//! One-time codes: turning them on and off, and where a request carries one.

use actix_web::{
    HttpRequest,
    http::Method,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    House,
    body::Body,
    lenient,
    permission::{AccountSecrets, Caller},
    problem::Problem,
    route::{Route, route},
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/api/v1/auth/totp", AccountSecrets, status).doc("Says whether one-time codes are on."),
        route(Method::POST, "/api/v1/auth/totp", AccountSecrets, begin).doc(
            "Makes a secret for an authenticator (TOTP, RFC 6238).\n\
            Nothing asks for codes until `PUT` saw one; until then, each call makes another secret.",
        ),
        route(Method::PUT, "/api/v1/auth/totp", AccountSecrets, enable).doc(
            "Turns one-time codes on with a first one, and answers ten recovery codes, shown this once.\n\
            From then on logins ask for a code in the header `X-OTP-Code`, and so does what changes how people get in.",
        ),
        route(Method::DELETE, "/api/v1/auth/totp", AccountSecrets, disable)
            .doc("Turns one-time codes off. Asks for a code, or a recovery code."),
    ]
}

#[derive(Serialize, ToSchema)]
struct Status {
    /// Are codes asked for?
    enabled: bool,
    /// Sends of more satoshi than this ask for one, too; null for none.
    otp_required_above_sat: Option<i64>,
    /// Recovery codes that were not used yet.
    recovery_codes_left: i64,
}

#[derive(Serialize, ToSchema)]
struct Secret {
    /// Base32, to be typed.
    secret: String,
    /// To be scanned.
    otpauth_uri: String,
}

#[derive(Deserialize, ToSchema)]
struct Code {
    /// Six digits.
    #[serde(deserialize_with = "lenient::text")]
    code: String,
}

#[derive(Deserialize, ToSchema)]
struct MaybeCode {
    /// Six digits, or a recovery code; or else in the header `X-OTP-Code`.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    code: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Recovery {
    /// Each takes the place of a code once.
    recovery_codes: Vec<String>,
}

#[derive(Serialize, ToSchema)]
struct Off {
    enabled: bool,
}

/// The code that a request carries: in its header, or else in its body.
pub(super) fn code(request: &HttpRequest, body: Option<String>) -> Option<String> {
    let header = request.headers().get("x-otp-code").and_then(|value| value.to_str().ok());
    header.map(str::to_owned).filter(|code| !code.trim().is_empty()).or(body)
}

async fn status(Caller(principal): Caller<AccountSecrets>, house: Data<House>) -> Result<Json<Status>, Problem> {
    let status = house.accounts.totp_status(&principal).await?;
    Ok(Json(Status {
        enabled: status.enabled,
        otp_required_above_sat: status.above_sat,
        recovery_codes_left: status.recovery_codes,
    }))
}

async fn begin(Caller(principal): Caller<AccountSecrets>, house: Data<House>) -> Result<Json<Secret>, Problem> {
    let made = house.accounts.totp_begin(&principal).await?;
    Ok(Json(Secret { secret: made.secret, otpauth_uri: made.otpauth_uri }))
}

async fn enable(
    Caller(principal): Caller<AccountSecrets>,
    house: Data<House>,
    Body(given): Body<Code>,
) -> Result<Json<Recovery>, Problem> {
    Ok(Json(Recovery { recovery_codes: house.accounts.totp_enable(&principal, &given.code).await? }))
}

async fn disable(
    Caller(principal): Caller<AccountSecrets>,
    request: HttpRequest,
    house: Data<House>,
    Body(given): Body<MaybeCode>,
) -> Result<Json<Off>, Problem> {
    house.accounts.totp_disable(&principal, code(&request, given.code).as_deref()).await?;
    Ok(Json(Off { enabled: false }))
}
