//! Passkeys: making, listing and removing them, and logging in with one.

use actix_web::{
    HttpRequest,
    http::Method,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    House,
    answer::LoggedIn,
    auth::{Token, logged_in, user_agent},
    body::{Body, PathPart},
    lenient,
    permission::{AccountSecrets, Caller, Public},
    problem::Problem,
    route::{Route, route},
    totp,
};
use crate::domain::{Time, factor::Passkey};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::POST, "/api/v1/auth/passkeys/register/start", AccountSecrets, register_start).doc(
            "Asks for a new passkey: the answer goes to `PublicKeyCredential.parseCreationOptionsFromJSON`.\n\
            Asks for a one-time code where the account has them.",
        ),
        route(Method::POST, "/api/v1/auth/passkeys/register/finish", AccountSecrets, register_finish)
            .doc("Takes the new passkey, as `toJSON` of the browser's credential. Within five minutes, once."),
        route(Method::GET, "/api/v1/auth/passkeys", AccountSecrets, list).doc("Lists the account's passkeys."),
        route(Method::DELETE, "/api/v1/auth/passkeys/{id}", AccountSecrets, remove)
            .doc("Removes a passkey. Asks for a one-time code where the account has them."),
        route(Method::POST, "/api/v1/auth/passkey/start", Public, login_start).doc(
            "Asks for a login by passkey: the answer goes to `PublicKeyCredential.parseRequestOptionsFromJSON`.\n\
            With a user name, only a passkey of that account will do.",
        ),
        route(Method::POST, "/api/v1/auth/passkey/finish", Public, login_finish).doc(
            "Logs in with a passkey's answer, as `toJSON` of the browser's credential. Within five minutes, once.\n\
            It counts as both factors: no one-time code is asked for.",
        ),
    ]
}

/// What a browser is asked for.
#[derive(Serialize, ToSchema)]
#[schema(value_type = Object)]
struct Asked(Value);

#[derive(Deserialize, ToSchema)]
struct StartRegistration {
    /// A one-time code, if not in the header `X-OTP-Code`.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    otp_code: Option<String>,
}

#[derive(Deserialize, ToSchema)]
struct FinishRegistration {
    /// What its owner calls it: at most 100 characters.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    name: Option<String>,
    /// `RegistrationResponseJSON`.
    #[schema(value_type = Object)]
    credential: Map<String, Value>,
}

#[derive(Deserialize, ToSchema)]
struct StartLogin {
    /// User name or e-mail; without it, the browser offers every passkey that it has for this server.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    username: Option<String>,
}

#[derive(Deserialize, ToSchema)]
struct FinishLogin {
    /// `AuthenticationResponseJSON`.
    #[schema(value_type = Object)]
    credential: Map<String, Value>,
}

/// A passkey.
#[derive(Serialize, ToSchema)]
#[schema(as = Passkey)]
struct PasskeyShape {
    /// Names it.
    id: String,
    /// What its owner calls it.
    name: String,
    /// When it was registered.
    created_at: String,
    /// When it was last used.
    last_used_at: Option<String>,
}

impl From<Passkey> for PasskeyShape {
    fn from(passkey: Passkey) -> Self {
        Self {
            id: passkey.id,
            name: passkey.name,
            created_at: passkey.created_at.to_string(),
            last_used_at: passkey.last_used_at.as_ref().map(Time::to_string),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct Removed {
    success: bool,
}

/// An object as the text that the browser sent, more or less.
pub(super) fn text(credential: Map<String, Value>) -> String {
    Value::Object(credential).to_string()
}

async fn register_start(
    Caller(principal): Caller<AccountSecrets>,
    request: HttpRequest,
    house: Data<House>,
    Body(given): Body<StartRegistration>,
) -> Result<Json<Asked>, Problem> {
    let code = totp::code(&request, given.otp_code);
    let options = house.accounts.passkey_register_start(&principal, code.as_deref()).await?;
    Ok(Json(Asked(options)))
}

async fn register_finish(
    Caller(principal): Caller<AccountSecrets>,
    house: Data<House>,
    Body(given): Body<FinishRegistration>,
) -> Result<Json<PasskeyShape>, Problem> {
    let answer = text(given.credential);
    Ok(Json(house.accounts.passkey_register(&principal, given.name, &answer).await?.into()))
}

async fn list(
    Caller(principal): Caller<AccountSecrets>,
    house: Data<House>,
) -> Result<Json<Vec<PasskeyShape>>, Problem> {
    let passkeys = house.accounts.passkeys(&principal).await?;
    Ok(Json(passkeys.into_iter().map(PasskeyShape::from).collect()))
}

async fn remove(
    Caller(principal): Caller<AccountSecrets>,
    request: HttpRequest,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<Removed>, Problem> {
    house.accounts.passkey_remove(&principal, &id, totp::code(&request, None).as_deref()).await?;
    Ok(Json(Removed { success: true }))
}

async fn login_start(
    _: Caller<Public>,
    house: Data<House>,
    Body(given): Body<StartLogin>,
) -> Result<Json<Asked>, Problem> {
    let username = given.username.filter(|name| !name.is_empty());
    Ok(Json(Asked(house.accounts.passkey_login_start(username.as_deref()).await?)))
}

async fn login_finish(
    _: Caller<Public>,
    request: HttpRequest,
    house: Data<House>,
    Body(given): Body<FinishLogin>,
) -> Result<LoggedIn<Token>, Problem> {
    let login = house.accounts.passkey_login(&text(given.credential), user_agent(&request)).await?;
    Ok(logged_in(&house, login))
}
