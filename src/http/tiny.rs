//! Short names for long addresses.

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    House,
    answer::Elsewhere,
    body::{Params, PathPart},
    lenient,
    permission::{Caller, Public, WalletManage, WalletRead},
    problem::{Code, Problem},
    route::{Route, route},
};
use crate::{domain::tiny::TinyUrl, keepsakes::is_web_address};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::POST, "/api/v1/tinyurl", WalletManage, create)
            .doc("Makes a short name for an address, or answers the one that the wallet made of it before."),
        route(Method::GET, "/api/v1/tinyurl/{tinyurl_id}", WalletRead, read).doc("Reads a short name of the wallet."),
        route(Method::DELETE, "/api/v1/tinyurl/{tinyurl_id}", WalletManage, delete)
            .doc("Forgets a short name of the wallet."),
        route(Method::GET, "/t/{tinyurl_id}", Public, follow).doc("Sends the browser to the address."),
    ]
}

#[derive(Deserialize, IntoParams)]
struct New {
    /// An address that begins with https:// or http://, of at most 2048 bytes.
    #[serde(deserialize_with = "lenient::text")]
    url: String,
    /// Kept and answered; a short name lasts until it is deleted.
    #[serde(default, deserialize_with = "lenient::flag")]
    endless: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TinyUrl)]
struct TinyShape {
    /// The short name: `/t/<id>` leads to the address.
    id: String,
    url: String,
    endless: bool,
    /// The wallet that made it.
    wallet: String,
    /// When.
    time: String,
}

impl From<TinyUrl> for TinyShape {
    fn from(tiny: TinyUrl) -> Self {
        Self {
            id: tiny.id,
            url: tiny.url,
            endless: tiny.endless,
            wallet: tiny.wallet_id.to_string(),
            time: tiny.created_at.to_string(),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct Deleted {
    deleted: bool,
}

async fn create(
    Caller(caller): Caller<WalletManage>,
    house: Data<House>,
    Params(new): Params<New>,
) -> Result<Json<TinyShape>, Problem> {
    if !is_web_address(&new.url) {
        return Err(Problem::invalid("Unable to create tinyurl").with("reason", "the url is not an address of the web"));
    }
    let made = house.keepsakes.shorten(caller.wallet.id.clone(), new.url, new.endless).await?;
    Ok(Json(made.into()))
}

async fn read(
    Caller(caller): Caller<WalletRead>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<TinyShape>, Problem> {
    let found = house.keepsakes.tiny(&id).await?;
    let own = found.filter(|tiny| tiny.wallet_id == caller.wallet.id);
    own.map(|tiny| Json(tiny.into())).ok_or_else(|| Problem::new(Code::NotFound, "Unable to fetch tinyurl"))
}

async fn delete(
    Caller(caller): Caller<WalletManage>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<Deleted>, Problem> {
    let deleted = house.keepsakes.forget_tiny(&caller.wallet.id, &id).await?;
    if deleted { Ok(Json(Deleted { deleted })) } else { Err(Problem::invalid("Unable to delete")) }
}

async fn follow(
    _: Caller<Public>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Elsewhere<307>, Problem> {
    let found = house.keepsakes.tiny(&id).await?;
    let tiny = found.ok_or_else(|| Problem::new(Code::NotFound, "unable to find tinyurl"))?;
    Ok(Elsewhere { location: tiny.url, cookies: Vec::new() })
}
