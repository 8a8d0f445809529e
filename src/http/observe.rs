//! What is left behind of every request that was answered: numbers, and a line of the audit log where the operator
//! wants one. Both go to memory; nothing waits.

use std::{sync::Arc, time::Duration};

use actix_web::{HttpMessage, HttpRequest, body::BoxBody, dev::ServiceResponse, web::Data};
use serde_json::{Map, Value};

use super::{House, origin, route};
use crate::{
    accounts::{
        Counted,
        policy::{Bearing, Principal},
    },
    domain::{
        PaymentHash,
        audit::{AuditLine, AuditPolicy},
        credential::HandedOut,
    },
};

/// What stands for a secret.
const MASKED: &str = "********";
/// Variable parts of paths whose values are no secrets. (What stands where a payment hash belongs is shown when it
/// is one: people put keys there.)
const PLAIN_PARTS: &[&str] =
    &["acl_id", "alarm_id", "file", "id", "new_name", "provider", "request_id", "token_id", "user_id", "wallet_id"];
/// Parameters of queries whose values are no secrets: what lists are asked with, and names of things.
const PLAIN_PARAMETERS: &[&str] = &[
    "all",
    "amount",
    "created_at",
    "direction",
    "duration",
    "external_id",
    "fee",
    "field_name",
    "group",
    "id",
    "component",
    "ip_address",
    "limit",
    "memo",
    "name",
    "offset",
    "path",
    "payment_hash",
    "checking_id",
    "request_method",
    "response_code",
    "search",
    "sortby",
    "status",
    "tag",
    "time",
    "unit",
    "user_id",
    "wallet_id",
    "labels",
    "count_by",
];
/// Most characters of a value that are recorded.
const VALUE_MAX: usize = 200;

/// Notes an answer.
pub(super) fn note(response: &ServiceResponse<BoxBody>, id: &str, took: Duration) {
    let request = response.request();
    let Some(house) = request.app_data::<Data<House>>() else { return };
    let (number, status) = (route::number(request), response.status().as_u16());
    house.metrics.answered(number, status, took);
    let policy = &house.ledger.limits().audit;
    // who only comes too often must not be able to fill the log
    let too_often = |counted: &Counted| counted.retry_after.is_some();
    let Some(template) = number.and_then(|number| house.catalogue.operations().get(number)).map(|it| it.path) else {
        return;
    };
    if policy.records(request.method().as_str(), template, status)
        && !request.extensions().get::<Counted>().is_some_and(too_often)
    {
        house.audit.record(line(request, house, policy, template, status, id, took));
    }
}

fn line(
    request: &HttpRequest,
    house: &House,
    policy: &AuditPolicy,
    template: &'static str,
    status: u16,
    id: &str,
    took: Duration,
) -> AuditLine {
    let now = house.clock.now();
    let (account_id, family, credential_id) = who(request);
    let parts = parts(template, request.path());
    let request_path = policy.log_path_params.then(|| asked_for(template, &parts));
    let mut details = Map::new();
    if policy.log_path_params && !parts.is_empty() {
        let parts = parts.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        details.insert("path_params".into(), Value::Object(parts.collect()));
    }
    if policy.log_query_params && !request.query_string().is_empty() {
        details.insert("query_params".into(), Value::Object(parameters(request.query_string())));
    }
    let ip_address = policy.log_ip_address.then(|| origin::client_address(request)).flatten();
    AuditLine {
        id: 0,
        created_at: now,
        duration_us: i64::try_from(took.as_micros()).unwrap_or(i64::MAX),
        component: component(template).to_owned(),
        request_method: request.method().to_string(),
        path: template.to_owned(),
        request_path,
        details: (!details.is_empty()).then(|| Value::Object(details).to_string()),
        response_code: i64::from(status),
        account_id,
        family,
        credential_id,
        ip_address: ip_address.map(|address| address.to_string()),
        request_id: id.to_owned(),
        delete_at: policy.delete_at(now),
        hash: Vec::new(),
    }
}

/// Account, family and number of whoever asked: never anything that he showed.
fn who(request: &HttpRequest) -> (Option<String>, Option<String>, Option<String>) {
    let extensions = request.extensions();
    let Some(principal) = extensions.get::<Arc<Principal>>() else { return (None, None, None) };
    let credential = match &principal.bearing {
        Bearing::AdminKey(wallet) | Bearing::InvoiceKey(wallet) => wallet.to_string(),
        Bearing::Session(id) => id.to_string(),
        Bearing::AccountId => principal.account.to_string(),
        Bearing::Credential(id) => id.to_string(),
    };
    (Some(principal.account.to_string()), Some(principal.family.name().to_owned()), Some(credential))
}

/// `core` for what is the server's own, else the first part of the path: `users`, `admin`, `audit`, …
fn component(template: &str) -> &str {
    match template.trim_start_matches('/').split('/').next() {
        None | Some("api" | "") => "core",
        Some(first) => first,
    }
}

/// The variable parts of a path, by name, with what may be recorded of each.
fn parts(template: &'static str, path: &str) -> Vec<(&'static str, String)> {
    let pairs = template.split('/').zip(path.split('/'));
    let named = pairs.filter_map(|(part, value)| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        let plain = PLAIN_PARTS.contains(&name) || value.parse::<PaymentHash>().is_ok();
        Some((name, shown(value, plain)))
    });
    named.collect()
}

/// The path with those parts.
fn asked_for(template: &str, parts: &[(&str, String)]) -> String {
    let mut parts = parts.iter();
    let filled = template.split('/').map(|part| match part.strip_prefix('{') {
        Some(_) => parts.next().map_or(MASKED, |(_, value)| value.as_str()),
        None => part,
    });
    filled.collect::<Vec<_>>().join("/")
}

/// The parameters of a query, by name. A parameter that nobody knows may be anybody's secret.
fn parameters(query: &str) -> Map<String, Value> {
    let pairs =
        actix_web::web::Query::<Vec<(String, String)>>::from_query(query).map(actix_web::web::Query::into_inner);
    let recorded = pairs.unwrap_or_default().into_iter().map(|(name, value)| {
        let known = PLAIN_PARAMETERS.contains(&name.split('[').next().unwrap_or_default());
        // nor is a name that nobody knows recorded as it came: a secret can stand there by mistake
        let named = if known || name.len() <= 16 { name } else { MASKED.to_owned() };
        (named, shown(&value, known).into())
    });
    recorded.collect()
}

fn shown(value: &str, plain: bool) -> String {
    if plain && !HandedOut::resembles(value) { value.chars().take(VALUE_MAX).collect() } else { MASKED.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{asked_for, component, parameters, parts};

    #[track_caller]
    fn check_path(template: &'static str, path: &str, expected: &str) {
        assert_eq!(asked_for(template, &parts(template, path)), expected);
    }

    #[test]
    fn keys_in_paths_are_masked_and_hashes_are_not() {
        let (key, hash) = ("0123456789abcdef0123456789abcdef", "ab".repeat(32));
        check_path("/api/v1/ws/{item_id}", &format!("/api/v1/ws/{key}"), "/api/v1/ws/********");
        check_path("/api/v1/ws/{item_id}", &format!("/api/v1/ws/{hash}"), &format!("/api/v1/ws/{hash}"));
        check_path("/api/v1/payments/{payment_hash}", &format!("/api/v1/payments/{key}"), "/api/v1/payments/********");
        check_path("/api/v1/api-keys/{id}", "/api/v1/api-keys/sk_01_x", "/api/v1/api-keys/********");
        check_path("/api/v1/wallet/{wallet_id}", &format!("/api/v1/wallet/{key}"), &format!("/api/v1/wallet/{key}"));
        assert_eq!((component("/api/v1/ws/{item_id}"), component("/users/api/v1/user")), ("core", "users"));
    }

    #[test]
    fn parameters_that_nobody_knows_are_masked() {
        let recorded = |query: &str| serde_json::Value::Object(parameters(query)).to_string();
        assert_eq!(recorded("limit=5&amount[ge]=3"), r#"{"limit":"5","amount[ge]":"3"}"#);
        assert_eq!(recorded("api-key=x&usr=y&code=z"), r#"{"api-key":"********","usr":"********","code":"********"}"#);
        assert_eq!(recorded("0123456789abcdef0123456789abcdef="), r#"{"********":"********"}"#);
        assert_eq!(recorded("memo=sk_0102_x"), r#"{"memo":"********"}"#);
    }
}
