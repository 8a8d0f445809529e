//! The caller's own logins, and the key that signs all of them.

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    House,
    body::PathPart,
    permission::{AccountSecrets, Caller, SuperUser},
    problem::Problem,
    route::{Route, route},
};
use crate::{
    accounts::policy::Principal,
    domain::{Time, account::Session},
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/api/v1/auth/sessions", AccountSecrets, list)
            .doc("Lists the account's logins that are alive, newest first."),
        route(Method::DELETE, "/api/v1/auth/sessions/{id}", AccountSecrets, end)
            .doc("Ends a login, on every server at once."),
        route(Method::DELETE, "/api/v1/auth/sessions", AccountSecrets, end_others)
            .doc("Ends all logins but the one that calls."),
        route(Method::POST, "/admin/api/v1/session-keys/rotate", SuperUser, rotate).doc(
            "Lets a new key sign session tokens.\n\
            Tokens that are signed already stay good as long as their sessions live, so that nobody has to log in again.",
        ),
    ]
}

/// A login.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
struct SessionShape {
    /// Names it.
    id: String,
    /// When the login happened.
    created_at: String,
    /// When its token dies.
    expires_at: String,
    /// When it was last used, to the minute or so.
    last_used_at: Option<String>,
    /// From which address.
    last_used_ip: Option<String>,
    /// What the client called itself.
    user_agent: String,
    /// Is it the one that calls?
    current: bool,
    /// Id of the super user who looks at the account through it; null when its owner logged in himself.
    impersonated_by: Option<String>,
}

impl SessionShape {
    fn of(session: Session, principal: &Principal) -> Self {
        Self {
            current: principal.session() == Some(&session.id),
            id: session.id.to_string(),
            created_at: session.created_at.to_string(),
            expires_at: session.expires_at.to_string(),
            last_used_at: session.last_used_at.as_ref().map(Time::to_string),
            last_used_ip: session.last_used_ip,
            user_agent: session.user_agent,
            impersonated_by: session.impersonated_by.map(|id| id.to_string()),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct Ended {
    success: bool,
}

#[derive(Serialize, ToSchema)]
struct RotatedKey {
    /// One more with each rotation.
    number: i64,
    /// `kid` of the tokens that it signs.
    key_id: String,
}

async fn list(
    Caller(principal): Caller<AccountSecrets>,
    house: Data<House>,
) -> Result<Json<Vec<SessionShape>>, Problem> {
    let sessions = house.accounts.sessions(&principal).await?;
    Ok(Json(sessions.into_iter().map(|session| SessionShape::of(session, &principal)).collect()))
}

async fn end(
    Caller(principal): Caller<AccountSecrets>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<Ended>, Problem> {
    house.accounts.end_session(&principal, &id).await?;
    Ok(Json(Ended { success: true }))
}

async fn end_others(Caller(principal): Caller<AccountSecrets>, house: Data<House>) -> Result<Json<Ended>, Problem> {
    house.accounts.end_other_sessions(&principal).await?;
    Ok(Json(Ended { success: true }))
}

async fn rotate(_: Caller<SuperUser>, house: Data<House>) -> Result<Json<RotatedKey>, Problem> {
    let key = house.accounts.rotate_session_key().await?;
    Ok(Json(RotatedKey { number: key.number, key_id: key.id }))
}
