//! Settings of the audit log.

use serde_json::{Value, json};

use super::{
    key::{Key, now},
    kind::{Item, Kind},
    table::{field, flag, int, texts},
};
use crate::domain::audit::Patterns;

/// A hundred years.
const DAYS_MAX: i64 = 36_500;

pub(super) const AUDIT: &[Key] = &[
    field!("lnbits_audit_enabled", Kind::Flag, limits.audit.enabled, flag, "Are requests recorded?"),
    field!(
        "lnbits_audit_retention_days",
        Kind::Int(0, DAYS_MAX),
        limits.audit.retention_days,
        int,
        "How long records are kept, in days; 0 stands for 365."
    ),
    field!("lnbits_audit_log_ip_address", Kind::Flag, limits.audit.log_ip_address, flag, "With the address?"),
    field!(
        "lnbits_audit_log_path_params",
        Kind::Flag,
        limits.audit.log_path_params,
        flag,
        "With the variable parts of the path? Keys are masked."
    ),
    field!(
        "lnbits_audit_log_query_params",
        Kind::Flag,
        limits.audit.log_query_params,
        flag,
        "With the parameters of the query? Secrets are masked."
    ),
    now(
        "lnbits_audit_log_request_body",
        Kind::Flag,
        |_| json!(false),
        |_, value| {
            let why = "bodies are never recorded: passwords, pass phrases and keys are in them";
            if flag(value) { Err(why.to_owned()) } else { Ok(()) }
        },
        "Always false: passwords, pass phrases and keys are in bodies, so they are never recorded.",
    ),
    now(
        "lnbits_audit_include_paths",
        Kind::List(Item::Text),
        |all| json!(all.limits.audit.include_paths.texts()),
        |all, value| patterns(value).map(|read| all.limits.audit.include_paths = read),
        "Regular expressions of route templates that are recorded.",
    ),
    now(
        "lnbits_audit_exclude_paths",
        Kind::List(Item::Text),
        |all| json!(all.limits.audit.exclude_paths.texts()),
        |all, value| patterns(value).map(|read| all.limits.audit.exclude_paths = read),
        "Regular expressions of route templates that are not.",
    ),
    field!(
        "lnbits_audit_http_methods",
        Kind::List(Item::Word(&["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])),
        limits.audit.http_methods,
        texts,
        "Methods that are recorded."
    ),
    now(
        "lnbits_audit_http_response_codes",
        Kind::List(Item::Text),
        |all| json!(all.limits.audit.http_response_codes.texts()),
        |all, value| patterns(value).map(|read| all.limits.audit.http_response_codes = read),
        "Regular expressions of statuses that are recorded.",
    ),
];

fn patterns(value: &Value) -> Result<Patterns, String> {
    Patterns::parse(texts(value)).map_err(|error| format!("not a list of regular expressions: {error}"))
}
