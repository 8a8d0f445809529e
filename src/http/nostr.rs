//! Logins by what one holds: the account's id, or a Nostr key.

use actix_web::{
    HttpRequest,
    http::{Method, header},
    web::{Data, Json},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    House,
    account::shown,
    answer::LoggedIn,
    auth::{Token, logged_in, visitor},
    body::{Body, RawBody},
    lenient,
    permission::{AccountSecrets, Caller, Public},
    problem::Problem,
    route::{Route, route},
    shapes::UserShape,
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::POST, "/api/v1/auth/usr", Public, by_id)
            .doc("Logs in by the account's id alone.\nOff unless the operator allows it; never for the super user."),
        route(Method::POST, "/api/v1/auth/nostr", Public, by_nostr).doc(
            "Logs in by a signed Nostr event (NIP-98).\nThe header is `Authorization: Nostr <base64 of the event>`: kind 27235, signed within a minute, with the tags `u` (this URL) and `method` (POST); `payload` is compared with the body where there is one. An event is good once. An unknown key opens an account.",
        ),
        route(Method::PUT, "/api/v1/auth/pubkey", AccountSecrets, put_pubkey)
            .doc("Sets the Nostr key to log in with.\nOnly within two minutes of a login."),
    ]
}

#[derive(Deserialize, ToSchema)]
struct ById {
    /// The account's id.
    #[serde(deserialize_with = "lenient::text")]
    usr: String,
}

#[derive(Deserialize, ToSchema)]
struct PutPubkey {
    /// The caller's own account.
    #[serde(deserialize_with = "lenient::text")]
    user_id: String,
    /// `npub1…` or 64 hex digits.
    #[serde(deserialize_with = "lenient::text_between::<_, 1, 64>")]
    pubkey: String,
}

async fn by_id(
    _: Caller<Public>,
    request: HttpRequest,
    house: Data<House>,
    Body(given): Body<ById>,
) -> Result<LoggedIn<Token>, Problem> {
    let login = house.accounts.login_by_id(&given.usr, visitor(&request, &house).await).await?;
    Ok(logged_in(&house, login))
}

async fn by_nostr(
    _: Caller<Public>,
    request: HttpRequest,
    house: Data<House>,
    RawBody(body): RawBody,
) -> Result<LoggedIn<Token>, Problem> {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let visitor = visitor(&request, &house).await;
    let login = house.accounts.login_nostr(header, &body, &house.public_url, visitor).await?;
    Ok(logged_in(&house, login))
}

async fn put_pubkey(
    Caller(principal): Caller<AccountSecrets>,
    house: Data<House>,
    Body(new): Body<PutPubkey>,
) -> Result<Json<UserShape>, Problem> {
    let id = house.accounts.change_pubkey(&principal, &new.user_id, &new.pubkey).await?;
    let account = house.accounts.account(&id).await?;
    shown(&house, account, &principal).await
}
