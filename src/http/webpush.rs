//! Web push: browsers that are told of an account's payments.

use actix_web::{
    HttpRequest,
    http::Method,
    web::{Data, Json},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    House,
    answer::Created,
    body::{Body, Params, percent_decoded},
    lenient,
    lnurl::reached,
    permission::{Account, Caller},
    problem::{Code, Problem},
    route::{Route, route},
};
use crate::push::PushError;

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/api/v1/webpush", Account, key)
            .doc("Tells the key that a browser subscribes with (`applicationServerKey`, RFC 8292)."),
        route(Method::POST, "/api/v1/webpush", Account, subscribe).doc(
            "Has a browser told of every payment in and out of the account's wallets.\n\
            Messages are JSON with `title`, `body`, `url` and `tag`, encrypted for the browser (RFC 8291). A browser that its push \
            service does not know any more is forgotten.",
        ),
        route(Method::DELETE, "/api/v1/webpush", Account, unsubscribe).doc("Has a browser told no more."),
    ]
}

#[derive(Serialize, ToSchema)]
struct PushKey {
    /// An uncompressed point of P-256, in base64url without padding.
    public_key: String,
}

#[derive(Deserialize, ToSchema)]
struct Subscribe {
    /// The JSON text of a `PushSubscription`: `endpoint` and `keys`.
    #[serde(deserialize_with = "lenient::text")]
    subscription: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = WebPushSubscription)]
struct SubscriptionShape {
    /// Where the browser's push service takes messages for it.
    endpoint: String,
    /// Whose payments it is told of.
    user: String,
    /// What was given.
    data: String,
    /// Under which address it reached this server.
    host: String,
    /// When.
    timestamp: String,
}

#[derive(Deserialize, IntoParams)]
struct Which {
    /// The endpoint, percent-encoded and then in base64.
    #[serde(deserialize_with = "lenient::text")]
    endpoint: String,
}

#[derive(Serialize, ToSchema)]
struct Ended {
    /// How many subscriptions ended.
    count: i64,
}

async fn key(_: Caller<Account>, house: Data<House>) -> Result<Json<PushKey>, Problem> {
    let public_key = house.pushes.public_key();
    let none = || Problem::new(Code::NotFound, "This server has no key for web push.");
    Ok(Json(PushKey { public_key: public_key.ok_or_else(none)? }))
}

async fn subscribe(
    Caller(principal): Caller<Account>,
    request: HttpRequest,
    house: Data<House>,
    Body(new): Body<Subscribe>,
) -> Result<Created<SubscriptionShape>, Problem> {
    let (host, _) = reached(&request, &house);
    let made = house.pushes.subscribe(&principal.account, &new.subscription, host).await?;
    Ok(Created(SubscriptionShape {
        endpoint: made.endpoint,
        user: made.account_id.to_string(),
        data: new.subscription,
        host: made.host,
        timestamp: made.created_at.to_string(),
    }))
}

async fn unsubscribe(
    Caller(principal): Caller<Account>,
    house: Data<House>,
    Params(which): Params<Which>,
) -> Result<Json<Ended>, Problem> {
    let endpoint = endpoint(&which.endpoint)
        .ok_or_else(|| Problem::field("endpoint", "not an address in percent-encoding and base64", "value_error"))?;
    Ok(Json(Ended { count: house.pushes.unsubscribe(&principal.account, &endpoint).await? }))
}

/// Reads what browsers write by `btoa(encodeURIComponent(endpoint))`.
fn endpoint(text: &str) -> Option<String> {
    let text = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    let padded = format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4));
    let bytes = BASE64_STANDARD.decode(padded).ok()?;
    Some(percent_decoded(&String::from_utf8(bytes).ok()?))
}

impl From<PushError> for Problem {
    fn from(error: PushError) -> Self {
        match error {
            PushError::Invalid(why) => Self::invalid("Cannot create webpush notification").with("reason", why),
            PushError::Store(error) => super::unavailable(error),
        }
    }
}
