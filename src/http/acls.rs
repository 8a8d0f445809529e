//! Access lists and their tokens: which endpoints a token may use.

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    House,
    answer::Created,
    body::{Body, PathPart, PathParts},
    handed_out::{HandedOutShape, KeyLimits, expiry},
    lenient,
    permission::{Caller, Credentials},
    problem::Problem,
    route::{Route, route},
};
use crate::{
    accounts::{Grant, Wanted},
    domain::credential::{Acl, CredentialKind},
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::POST, "/api/v1/auth/acls", Credentials, create).doc(
            "Makes an access list.\n\
            `allowed_endpoints` are methods and paths as this page writes them, `GET /api/v1/wallet`; `*` stands for a variable \
            part, `POST /api/v1/payments#receive` for one of the things that a route does.",
        ),
        route(Method::GET, "/api/v1/auth/acls", Credentials, list).doc("Lists the account's access lists."),
        route(Method::GET, "/api/v1/auth/acls/{acl_id}", Credentials, read).doc("Reads an access list."),
        route(Method::PUT, "/api/v1/auth/acls/{acl_id}", Credentials, change)
            .doc("Changes an access list; its tokens may do from then on what it says."),
        route(Method::DELETE, "/api/v1/auth/acls/{acl_id}", Credentials, delete)
            .doc("Deletes an access list and ends its tokens."),
        route(Method::POST, "/api/v1/auth/acls/{acl_id}/tokens", Credentials, mint).idempotent()
            .doc("Mints a token for an access list. The token is in this answer and nowhere else."),
        route(Method::GET, "/api/v1/auth/acls/{acl_id}/tokens", Credentials, tokens)
            .doc("Lists the tokens of an access list, never their secrets."),
        route(Method::DELETE, "/api/v1/auth/acls/{acl_id}/tokens/{token_id}", Credentials, revoke)
            .doc("Ends a token at once, on every server."),
    ]
}

/// An access list.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessList)]
struct AclShape {
    /// Names it.
    id: String,
    name: String,
    /// What its tokens may use.
    allowed_endpoints: Vec<String>,
    created_at: String,
    updated_at: String,
}

impl AclShape {
    fn of(acl: Acl) -> Self {
        Self {
            allowed_endpoints: acl.entry_list(),
            id: acl.id,
            name: acl.name,
            created_at: acl.created_at.to_string(),
            updated_at: acl.updated_at.to_string(),
        }
    }
}

#[derive(Deserialize, ToSchema)]
struct NewAcl {
    #[serde(deserialize_with = "lenient::text")]
    name: String,
    /// `GET /api/v1/wallet`, `GET /api/v1/payments/*`, `POST /api/v1/payments#receive`, …
    allowed_endpoints: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
struct AclChange {
    #[serde(default, deserialize_with = "lenient::opt_text")]
    name: Option<String>,
    /// Replaces what there was.
    #[serde(default)]
    allowed_endpoints: Option<Vec<String>>,
}

#[derive(Deserialize, ToSchema)]
struct NewToken {
    #[serde(deserialize_with = "lenient::text")]
    name: String,
    /// ISO 8601.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    expires_at: Option<String>,
    /// The wallets it reaches; all of the account's when absent.
    #[serde(default)]
    wallets: Option<Vec<String>>,
    #[serde(default)]
    limits: Option<KeyLimits>,
}

async fn create(
    Caller(principal): Caller<Credentials>,
    house: Data<House>,
    Body(new): Body<NewAcl>,
) -> Result<Created<AclShape>, Problem> {
    let acl = house.accounts.acl_create(&principal, new.name, &new.allowed_endpoints).await?;
    Ok(Created(AclShape::of(acl)))
}

async fn list(Caller(principal): Caller<Credentials>, house: Data<House>) -> Result<Json<Vec<AclShape>>, Problem> {
    let acls = house.accounts.acls(&principal).await?;
    Ok(Json(acls.into_iter().map(AclShape::of).collect()))
}

async fn read(
    Caller(principal): Caller<Credentials>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<AclShape>, Problem> {
    Ok(Json(AclShape::of(house.accounts.acl(&principal, &id).await?)))
}

async fn change(
    Caller(principal): Caller<Credentials>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
    Body(new): Body<AclChange>,
) -> Result<Json<AclShape>, Problem> {
    let acl = house.accounts.acl_change(&principal, &id, new.name, new.allowed_endpoints.as_deref()).await?;
    Ok(Json(AclShape::of(acl)))
}

async fn delete(
    Caller(principal): Caller<Credentials>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<()>, Problem> {
    Ok(Json(house.accounts.acl_delete(&principal, &id).await?))
}

async fn mint(
    Caller(principal): Caller<Credentials>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
    Body(new): Body<NewToken>,
) -> Result<Created<HandedOutShape>, Problem> {
    let wanted = Wanted {
        name: new.name,
        grant: Grant::List(id),
        wallets: new.wallets,
        limits: new.limits.unwrap_or_default().read()?,
        expires_at: expiry(new.expires_at)?,
    };
    let minted = house.accounts.mint(&principal, CredentialKind::AclToken, wanted).await?;
    Ok(Created(HandedOutShape::minted(minted, &principal, house.clock.now())))
}

async fn tokens(
    Caller(principal): Caller<Credentials>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<Vec<HandedOutShape>>, Problem> {
    let acl = house.accounts.acl(&principal, &id).await?;
    let tokens = house.accounts.handed_out(&principal, CredentialKind::AclToken, Some(&acl.id)).await?;
    let now = house.clock.now();
    Ok(Json(tokens.into_iter().map(|token| HandedOutShape::of(token, &principal, now)).collect()))
}

async fn revoke(
    Caller(principal): Caller<Credentials>,
    house: Data<House>,
    PathParts(acl, token): PathParts<String, String>,
) -> Result<Json<()>, Problem> {
    Ok(Json(house.accounts.revoke(&principal, CredentialKind::AclToken, Some(&acl), &token).await?))
}
