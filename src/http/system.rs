//! The server itself: is it up, what is it, and its contract.

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    House,
    answer::Page,
    permission::{Account, Caller, Public},
    problem::{Code, Problem},
    route::{Route, route},
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/api/v1/health", Public, health).doc("Says that the server is up."),
        route(Method::GET, "/api/v1/ready", Public, ready).doc(
            "Says whether the server can do its work: the database and the node answer.\n\
            The answer is 503 while one of them does not, and names it in `missing`.",
        ),
        route(Method::GET, "/api/v1/status", Account, status).doc("Says which version runs on what."),
        route(Method::GET, "/openapi.json", Public, openapi).doc("The machine-readable contract (OpenAPI)."),
        route(Method::GET, "/api/docs/swagger.json", Public, openapi)
            .doc("The same, under the name that some tools look for."),
    ]
}

#[derive(Serialize, ToSchema)]
struct Health {
    /// Unix seconds.
    server_time: i64,
    /// Hours, minutes and seconds since the start; the hours go on beyond 24.
    up_time: String,
}

#[expect(clippy::option_option, reason = "absent, null and a value are three things on the wire")]
#[derive(Serialize, ToSchema)]
struct StatusShape {
    /// Unix seconds.
    server_time: i64,
    up_time: String,
    up_time_seconds: i64,
    version: &'static str,
    /// The funding source.
    funding_source: String,
    /// The Lightning network its invoices are for.
    network: &'static str,
    /// What the node holds, in millisatoshi; for the super user, and null when the node does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    funding_source_balance_msat: Option<Option<i64>>,
    /// Why the node does not answer; for the super user.
    #[serde(skip_serializing_if = "Option::is_none")]
    funding_source_error: Option<Option<String>>,
}

#[derive(Serialize, ToSchema)]
struct Ready {
    /// Always true: else the answer is an error.
    ready: bool,
}

async fn health(_: Caller<Public>, house: Data<House>) -> Json<Health> {
    let (server_time, up) = times(&house);
    Json(Health { server_time, up_time: up_time(up) })
}

async fn ready(_: Caller<Public>, house: Data<House>) -> Result<Json<Ready>, Problem> {
    let (database, node) = futures_util::join!(house.ledger.database_answers(), house.ledger.node_balance());
    let missing: Vec<&str> = [("database", database.is_err()), ("funding_source", node.is_err())]
        .into_iter()
        .filter(|(_, away)| *away)
        .map(|(name, _)| name)
        .collect();
    if missing.is_empty() {
        return Ok(Json(Ready { ready: true }));
    }
    let code = if database.is_err() { Code::DatabaseUnavailable } else { Code::FundingSourceUnavailable };
    let text = format!("Not ready: no answer from {}.", missing.join(" and ").replace('_', " "));
    Err(Problem::new(code, text).with("missing", missing))
}

async fn status(Caller(principal): Caller<Account>, house: Data<House>) -> Json<StatusShape> {
    let (server_time, up) = times(&house);
    let node = if House::is_super_user(&principal) { Some(house.ledger.node_balance().await) } else { None };
    let balance = node.as_ref().map(|node| node.as_ref().ok().map(|balance| balance.0));
    let error = node.map(|node| node.err().map(|error| error.to_string()));
    Json(StatusShape {
        server_time,
        up_time: up_time(up),
        up_time_seconds: up,
        version: env!("CARGO_PKG_VERSION"),
        funding_source: house.ledger.source_name(),
        network: house.ledger.network(),
        funding_source_balance_msat: balance,
        funding_source_error: error,
    })
}

fn times(house: &House) -> (i64, i64) {
    let now = house.clock.now().unix();
    (now, now.saturating_sub(house.started.unix()).max(0))
}

fn up_time(seconds: i64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

async fn openapi(_: Caller<Public>, house: Data<House>) -> Page {
    Page { content_type: "application/json", content: house.openapi.clone() }
}
