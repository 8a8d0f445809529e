//! The audit log, for the super user.

use std::time::Duration;

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    House,
    body::{List, Listable},
    permission::{Caller, SuperUser},
    problem::Problem,
    route::{Route, route},
};
use crate::{
    domain::{audit::AuditLine, filter::Fields},
    observe::AuditLog,
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/audit/api/v1", SuperUser, list).doc(
            "Lists the audit log by pages, newest first.\n\
            Which requests are recorded, and what of them, is a setting. The log's lines form a chain: \
            `satchel check --audit` finds one that was removed, altered or moved.",
        ),
        route(Method::GET, "/audit/api/v1/stats", SuperUser, stats)
            .doc("Counts lines of the audit log by method, status and component, and names the slowest routes."),
    ]
}

/// The audit log can be listed.
struct OfLines;
impl Listable for OfLines {
    const FIELDS: &'static Fields = AuditLog::FIELDS;
}

/// A request that was recorded.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditLine)]
struct LineShape {
    /// Its number in the chain.
    id: i64,
    /// `core`, or the first part of the path.
    component: String,
    /// From where, if addresses are recorded.
    ip_address: Option<String>,
    /// The account of whoever asked; null where nobody was recognised.
    user_id: Option<String>,
    /// The family of his credential.
    credential: Option<String>,
    /// The number of his login or of the credential that was handed out; the wallet of a wallet's key.
    credential_id: Option<String>,
    /// The route's template.
    path: String,
    /// The path as it was asked for, with keys masked, if that is recorded.
    request_path: Option<String>,
    /// `http`.
    request_type: &'static str,
    request_method: String,
    /// The parameters of path and query, secrets masked.
    #[schema(value_type = Option<Object>)]
    request_details: Value,
    /// The request's id, as in the server's log and in the answer.
    request_id: String,
    /// The status.
    response_code: String,
    /// Seconds.
    duration: f64,
    /// Until when the line is kept.
    delete_at: String,
    created_at: String,
}

impl From<AuditLine> for LineShape {
    fn from(line: AuditLine) -> Self {
        Self {
            id: line.id,
            component: line.component,
            ip_address: line.ip_address,
            user_id: line.account_id,
            credential: line.family,
            credential_id: line.credential_id,
            path: line.path,
            request_path: line.request_path,
            request_type: "http",
            request_method: line.request_method,
            request_details: line.details.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null),
            request_id: line.request_id,
            response_code: line.response_code.to_string(),
            duration: seconds(line.duration_us),
            delete_at: line.delete_at.to_string(),
            created_at: line.created_at.to_string(),
        }
    }
}

/// A page of the audit log.
#[derive(Serialize, ToSchema)]
struct AuditPage {
    /// The lines of this page.
    data: Vec<LineShape>,
    /// How many there are on all pages.
    total: i64,
}

/// A number of requests, or of seconds, under a name.
#[derive(Serialize, ToSchema)]
struct Total {
    field: String,
    total: f64,
}

/// What the log adds up to.
#[derive(Serialize, ToSchema)]
struct AuditStats {
    /// Requests by method.
    request_method: Vec<Total>,
    /// Requests by status.
    response_code: Vec<Total>,
    /// Requests by component.
    component: Vec<Total>,
    /// The routes with the slowest answers, and how many seconds these took.
    long_duration: Vec<Total>,
}

fn seconds(micros: i64) -> f64 {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0)).as_secs_f64()
}

/// A count as a number of JSON.
fn count(field: String, total: i64) -> Total {
    // below 2^32 lines of at most some days; more of them are shown as that
    Total { field, total: f64::from(u32::try_from(total).unwrap_or(u32::MAX)) }
}

async fn list(_: Caller<SuperUser>, house: Data<House>, listing: List<OfLines>) -> Result<Json<AuditPage>, Problem> {
    house.audit.flush().await;
    let (lines, total) = house.audit.page(listing.into_inner()).await.map_err(unavailable)?;
    Ok(Json(AuditPage { data: lines.into_iter().map(LineShape::from).collect(), total }))
}

async fn stats(_: Caller<SuperUser>, house: Data<House>, listing: List<OfLines>) -> Result<Json<AuditStats>, Problem> {
    house.audit.flush().await;
    let totals = house.audit.totals(listing.into_inner()).await.map_err(unavailable)?;
    let counts = |lines: Vec<(String, i64)>| lines.into_iter().map(|(field, total)| count(field, total)).collect();
    let slowest = totals.slowest.into_iter();
    Ok(Json(AuditStats {
        request_method: counts(totals.methods),
        response_code: totals.codes.into_iter().map(|(code, total)| count(code.to_string(), total)).collect(),
        component: counts(totals.components),
        long_duration: slowest.map(|(field, us)| Total { field, total: seconds(us.unwrap_or(0)) }).collect(),
    }))
}

fn unavailable(error: impl std::fmt::Display) -> Problem {
    super::problem::store_problem(true, &error.to_string())
}
