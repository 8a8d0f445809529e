//! Access lists in the shape of LNbits: reading and writing by prefix, on the same stored lists.
//!
//! Every change asks for the account's password in the body. It is checked and forgotten.

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    House,
    body::Body,
    lenient,
    permission::{Caller, Credentials},
    problem::Problem,
    route::{Route, route},
};
use crate::accounts::{PrefixRights, policy::Principal};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/api/v1/auth/acl", Credentials, read)
            .doc("Lists the account's access lists by prefix, as LNbits does."),
        route(Method::PUT, "/api/v1/auth/acl", Credentials, put).doc(
            "Replaces an access list as a whole; tokens that are not in `token_id_list` end.\n\
            An unknown id makes a new list that allows nothing: granting takes a second call.",
        ),
        route(Method::PATCH, "/api/v1/auth/acl", Credentials, put)
            .doc("Replaces an access list as a whole, as PUT does."),
        route(Method::DELETE, "/api/v1/auth/acl", Credentials, delete)
            .doc("Deletes an access list and ends its tokens."),
        route(Method::POST, "/api/v1/auth/acl/token", Credentials, mint)
            .idempotent()
            .doc("Mints a token for an access list. The token is in this answer and nowhere else."),
        route(Method::DELETE, "/api/v1/auth/acl/token", Credentials, revoke).doc("Ends a token at once."),
    ]
}

/// All access lists of an account.
#[derive(Serialize, ToSchema)]
struct UserAcls {
    /// The account.
    id: String,
    access_control_list: Vec<PrefixList>,
    /// Now.
    updated_at: String,
}

/// An access list by prefix.
#[derive(Serialize, ToSchema)]
struct PrefixList {
    id: String,
    name: String,
    endpoints: Vec<PrefixFlags>,
    token_id_list: Vec<TokenName>,
}

#[derive(Serialize, ToSchema)]
struct PrefixFlags {
    /// `/api/v1/wallet`.
    path: String,
    /// `Wallet`.
    name: String,
    /// May its tokens use everything under it that changes nothing?
    read: bool,
    /// And everything that changes something?
    write: bool,
}

#[derive(Serialize, ToSchema)]
struct TokenName {
    id: String,
    name: String,
    /// Unix time.
    expires_at: Option<i64>,
}

#[derive(Deserialize, ToSchema)]
struct PutAcl {
    #[serde(deserialize_with = "lenient::text")]
    id: String,
    #[serde(deserialize_with = "lenient::text")]
    name: String,
    /// The account's.
    #[serde(deserialize_with = "lenient::text")]
    password: String,
    #[serde(default)]
    endpoints: Option<Vec<GivenFlags>>,
    /// The tokens that stay.
    #[serde(default)]
    token_id_list: Option<Vec<GivenToken>>,
}

#[derive(Deserialize, ToSchema)]
struct GivenFlags {
    #[serde(deserialize_with = "lenient::text")]
    path: String,
    #[serde(default, deserialize_with = "lenient::flag")]
    read: bool,
    #[serde(default, deserialize_with = "lenient::flag")]
    write: bool,
}

#[derive(Deserialize, ToSchema)]
struct GivenToken {
    #[serde(deserialize_with = "lenient::text")]
    id: String,
}

#[derive(Deserialize, ToSchema)]
struct DropAcl {
    #[serde(deserialize_with = "lenient::text")]
    id: String,
    /// The account's.
    #[serde(deserialize_with = "lenient::text")]
    password: String,
}

#[derive(Deserialize, ToSchema)]
struct MintToken {
    #[serde(deserialize_with = "lenient::text")]
    acl_id: String,
    #[serde(deserialize_with = "lenient::text")]
    token_name: String,
    /// The account's.
    #[serde(deserialize_with = "lenient::text")]
    password: String,
    /// At least 1.
    #[serde(deserialize_with = "lenient::int")]
    expiration_time_minutes: i64,
}

#[derive(Serialize, ToSchema)]
struct MintedToken {
    id: String,
    /// To be sent as `Authorization: Bearer …`.
    api_token: String,
}

#[derive(Deserialize, ToSchema)]
struct DropToken {
    /// The token's.
    #[serde(deserialize_with = "lenient::text")]
    id: String,
    #[serde(deserialize_with = "lenient::text")]
    acl_id: String,
    /// The account's.
    #[serde(deserialize_with = "lenient::text")]
    password: String,
}

async fn read(Caller(principal): Caller<Credentials>, house: Data<House>) -> Result<Json<UserAcls>, Problem> {
    all(&house, &principal).await
}

async fn put(
    Caller(principal): Caller<Credentials>,
    house: Data<House>,
    Body(new): Body<PutAcl>,
) -> Result<Json<UserAcls>, Problem> {
    let rights = |given: GivenFlags| PrefixRights { path: given.path, read: given.read, write: given.write };
    let rights: Vec<_> = new.endpoints.unwrap_or_default().into_iter().map(rights).collect();
    let tokens: Vec<_> = new.token_id_list.unwrap_or_default().into_iter().map(|token| token.id).collect();
    house.accounts.acl_put(&principal, new.password, &new.id, new.name, &rights, &tokens).await?;
    all(&house, &principal).await
}

async fn delete(
    Caller(principal): Caller<Credentials>,
    house: Data<House>,
    Body(gone): Body<DropAcl>,
) -> Result<Json<()>, Problem> {
    Ok(Json(house.accounts.acl_drop(&principal, gone.password, &gone.id).await?))
}

async fn mint(
    Caller(principal): Caller<Credentials>,
    house: Data<House>,
    Body(new): Body<MintToken>,
) -> Result<Json<MintedToken>, Problem> {
    let (name, minutes) = (new.token_name, new.expiration_time_minutes);
    let secret = house.accounts.token_for_minutes(&principal, new.password, &new.acl_id, name, minutes).await?;
    Ok(Json(MintedToken { id: secret.id.to_string(), api_token: secret.reveal().to_owned() }))
}

async fn revoke(
    Caller(principal): Caller<Credentials>,
    house: Data<House>,
    Body(gone): Body<DropToken>,
) -> Result<Json<()>, Problem> {
    Ok(Json(house.accounts.token_drop(&principal, gone.password, &gone.acl_id, &gone.id).await?))
}

async fn all(house: &House, principal: &Principal) -> Result<Json<UserAcls>, Problem> {
    let names = house.accounts.prefixes();
    let lists = house.accounts.acls_with_tokens(principal).await?;
    let lists = lists.into_iter().map(|(acl, tokens)| PrefixList {
        endpoints: (house.accounts.prefix_rights(&acl).into_iter().zip(&names))
            .map(|(rights, prefix)| PrefixFlags {
                path: rights.path,
                name: prefix.name.clone(),
                read: rights.read,
                write: rights.write,
            })
            .collect(),
        token_id_list: tokens
            .into_iter()
            .map(|token| TokenName {
                id: token.id.to_string(),
                name: token.name,
                expires_at: token.expires_at.map(crate::domain::Time::unix),
            })
            .collect(),
        id: acl.id,
        name: acl.name,
    });
    let access_control_list = lists.collect();
    let (id, updated_at) = (principal.account.to_string(), house.clock.now().to_string());
    Ok(Json(UserAcls { id, access_control_list, updated_at }))
}
