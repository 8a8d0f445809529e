//! Named API keys, and what any handed-out credential may ask about itself.

use std::net::IpAddr;

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    House,
    answer::Created,
    body::{Body, PathPart},
    handed_out::{HandedOutShape, KeyLimits, expiry},
    lenient,
    permission::{Caller, Credentials, Introspect},
    problem::Problem,
    route::{Route, route},
};
use crate::{
    accounts::{
        BudgetState, Grant, Question, Verdict, Wanted,
        policy::{Family, Principal},
    },
    domain::{
        Msat, Time, bolt11,
        credential::{CredentialKind, Restrictions, Scope},
    },
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/api/v1/api-keys", Credentials, list)
            .doc("Lists the account's API keys, never their secrets.\nA key sees itself and what it minted."),
        route(Method::POST, "/api/v1/api-keys", Credentials, mint).idempotent().doc(
            "Mints an API key. The key is in this answer and nowhere else.\n\
            Its scope is `full`, `read`, `stats` (counts and totals only), `receive`, or the id of an access list. Nobody mints more than he holds.",
        ),
        route(Method::GET, "/api/v1/api-keys/self", Introspect, own)
            .doc("Says what the credential that is sent may do, and what is left of its budget."),
        route(Method::POST, "/api/v1/api-keys/check", Introspect, check)
            .doc("Says whether a request would pass and, if not, which rule stops it. Nothing is done."),
        route(Method::POST, "/api/v1/api-keys/{id}/rotate", Credentials, rotate).idempotent()
            .doc("Gives an API key a new secret; the old one stays good for the overlap."),
        route(Method::DELETE, "/api/v1/api-keys/{id}", Credentials, revoke)
            .doc("Ends an API key at once, on every server, and whatever it minted."),
    ]
}

#[derive(Deserialize, ToSchema)]
struct NewKey {
    #[serde(deserialize_with = "lenient::text")]
    name: String,
    /// ISO 8601; never when absent.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    expires_at: Option<String>,
    /// `full` (the default), `read`, `stats`, `receive`, or the id of an access list.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    scope: Option<String>,
    /// The id of an access list, in place of a scope.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    acl_id: Option<String>,
    /// The wallets it reaches; all of the account's when absent.
    #[serde(default)]
    wallets: Option<Vec<String>>,
    #[serde(default)]
    limits: Option<KeyLimits>,
}

#[derive(Deserialize, ToSchema)]
struct Rotate {
    /// How long the old secret stays good: 0 (the default) to 604800.
    #[serde(default, deserialize_with = "lenient::opt_int")]
    overlap_seconds: Option<i64>,
}

/// What stands of a budget.
#[derive(Serialize, ToSchema)]
struct BudgetShape {
    /// The credential whose it is.
    credential: String,
    limit_msat: i64,
    /// `day`, `week` or `month` (UTC).
    period: String,
    /// Null while it is not known.
    spent_msat: Option<i64>,
    /// Null while it is not known.
    left_msat: Option<i64>,
}

/// What a credential may do.
#[derive(Serialize, ToSchema)]
struct WhatMayI {
    /// `API key`, `ACL token`, `anonymous session` or `session`.
    kind: &'static str,
    /// The account.
    account_id: String,
    /// The credential's id; null for logins.
    id: Option<String>,
    name: Option<String>,
    prefix: Option<String>,
    /// `active`: others do not get an answer.
    status: &'static str,
    /// Null when an access list says what it may do, and for logins.
    scope: Option<&'static str>,
    acl_id: Option<String>,
    tier: String,
    /// Every endpoint that it may use.
    endpoints: Vec<String>,
    /// The wallets it reaches; null for all of the account's.
    wallets: Option<Vec<String>>,
    /// What holds for it, whoever in its line set it.
    limits: KeyLimits,
    /// Its own budget and those of the credentials that it comes from.
    budgets: Vec<BudgetShape>,
    created_at: Option<String>,
    expires_at: Option<String>,
}

#[derive(Deserialize, ToSchema)]
struct Asked {
    #[serde(deserialize_with = "lenient::text")]
    method: String,
    #[serde(deserialize_with = "lenient::text")]
    path: String,
    /// The body that would be sent: `out` and `bolt11` are looked at.
    #[serde(default)]
    #[schema(value_type = Object)]
    body: Option<Map<String, Value>>,
    /// Does it pay? Overrides the body's.
    #[serde(default, deserialize_with = "lenient::opt_flag")]
    out: Option<bool>,
    /// What it pays, in millisatoshi. Overrides the invoice's.
    #[serde(default, deserialize_with = "lenient::opt_natural")]
    amount_msat: Option<i64>,
    #[serde(default, deserialize_with = "lenient::opt_text")]
    wallet_id: Option<String>,
    /// From which address.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    source_ip: Option<String>,
    /// When, ISO 8601; now, unless said.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    at: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct VerdictShape {
    allowed: bool,
    /// What stops it: `endpoint`, `right`, `expires_at`, `source_ips`, `wallets`, `max_amount_msat`, `budget_msat`.
    rule: Option<&'static str>,
    /// For people.
    detail: Option<String>,
    missing_right: Option<&'static str>,
    missing_endpoint: Option<String>,
}

async fn list(
    Caller(principal): Caller<Credentials>,
    house: Data<House>,
) -> Result<Json<Vec<HandedOutShape>>, Problem> {
    let keys = house.accounts.handed_out(&principal, CredentialKind::ApiKey, None).await?;
    let now = house.clock.now();
    Ok(Json(keys.into_iter().map(|key| HandedOutShape::of(key, &principal, now)).collect()))
}

async fn mint(
    Caller(principal): Caller<Credentials>,
    house: Data<House>,
    Body(new): Body<NewKey>,
) -> Result<Created<HandedOutShape>, Problem> {
    let wanted = Wanted {
        name: new.name,
        grant: grant(new.scope, new.acl_id)?,
        wallets: new.wallets,
        limits: new.limits.unwrap_or_default().read()?,
        expires_at: expiry(new.expires_at)?,
    };
    let minted = house.accounts.mint(&principal, CredentialKind::ApiKey, wanted).await?;
    Ok(Created(HandedOutShape::minted(minted, &principal, house.clock.now())))
}

fn grant(scope: Option<String>, acl_id: Option<String>) -> Result<Grant, Problem> {
    let wrong = |text: &str| Problem::field("scope", text, "value_error.const");
    match (scope, acl_id) {
        (None, None) => Ok(Grant::Preset(Scope::Full)),
        (None, Some(id)) => Ok(Grant::List(id)),
        (Some(_), Some(_)) => Err(wrong("a key has a scope or an acl_id, not both")),
        (Some(word), None) => match word.parse::<Scope>() {
            Ok(Scope::Acl) => Err(wrong("name the access list: acl_id")),
            Ok(scope) => Ok(Grant::Preset(scope)),
            Err(()) if word.len() == 32 => Ok(Grant::List(word)),
            Err(()) => {
                Err(wrong("unexpected value; permitted: 'full', 'read', 'stats', 'receive', the id of an access list"))
            }
        },
    }
}

async fn rotate(
    Caller(principal): Caller<Credentials>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
    Body(asked): Body<Rotate>,
) -> Result<Json<HandedOutShape>, Problem> {
    let minted = house.accounts.rotate(&principal, &id, asked.overlap_seconds.unwrap_or(0)).await?;
    Ok(Json(HandedOutShape::minted(minted, &principal, house.clock.now())))
}

async fn revoke(
    Caller(principal): Caller<Credentials>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<()>, Problem> {
    Ok(Json(house.accounts.revoke(&principal, CredentialKind::ApiKey, None, &id).await?))
}

async fn own(Caller(principal): Caller<Introspect>, house: Data<House>) -> Result<Json<WhatMayI>, Problem> {
    let row = house.accounts.own_credential(&principal).await?;
    let budgets = house.accounts.budgets(&principal).await?;
    let scope = row.as_ref().map(|row| row.scope).filter(|scope| *scope != Scope::Acl);
    let policy = &principal.policy;
    Ok(Json(WhatMayI {
        kind: principal.family.name(),
        account_id: principal.account.to_string(),
        id: row.as_ref().map(|row| row.id.to_string()),
        name: row.as_ref().map(|row| row.name.clone()),
        prefix: row.as_ref().map(|row| format!("{}_{}", row.kind.prefix(), row.id)),
        status: "active",
        scope: scope.filter(|_| principal.family == Family::ApiKey).map(|scope| scope.as_str()),
        acl_id: row.as_ref().and_then(|row| row.acl_id.clone()),
        tier: principal.tier.to_string(),
        endpoints: house.accounts.endpoints(&principal),
        wallets: policy.wallets.as_ref().map(|wallets| wallets.iter().map(ToString::to_string).collect()),
        limits: KeyLimits::of(&effective(&principal)),
        budgets: budgets.iter().map(budget).collect(),
        created_at: row.as_ref().map(|row| row.created_at.to_string()),
        expires_at: policy.expires_at.map(|at| at.to_string()),
    }))
}

/// The limits that hold: each is the tightest in the credential's line, where it was checked at minting.
fn effective(principal: &Principal) -> Restrictions {
    let policy = &principal.policy;
    let budget = policy.budgets.first();
    Restrictions {
        max_amount_msat: policy.max_amount.map(|most| most.0),
        max_fee_msat: policy.max_fee.map(|most| most.0),
        budget_msat: budget.map(|budget| budget.limit.0),
        budget_period: budget.map(|budget| budget.period),
        source_ips: policy.sources.first().cloned().unwrap_or_default(),
    }
}

fn budget(state: &BudgetState) -> BudgetShape {
    BudgetShape {
        credential: state.budget.credential.to_string(),
        limit_msat: state.budget.limit.0,
        period: state.budget.period.to_string(),
        spent_msat: state.spent.map(|spent| spent.0),
        left_msat: state.left().map(|left| left.0),
    }
}

async fn check(
    Caller(principal): Caller<Introspect>,
    house: Data<House>,
    Body(asked): Body<Asked>,
) -> Result<Json<VerdictShape>, Problem> {
    let verdict = house.accounts.would_pass(&principal, &question(asked)?).await?;
    Ok(Json(match verdict {
        Verdict::Allowed => {
            VerdictShape { allowed: true, rule: None, detail: None, missing_right: None, missing_endpoint: None }
        }
        Verdict::Refused { rule, detail, missing } => VerdictShape {
            allowed: false,
            rule: Some(rule),
            detail: Some(detail),
            missing_right: missing.as_ref().map(|(right, _)| right.as_str()),
            missing_endpoint: missing.map(|(_, endpoint)| endpoint),
        },
    }))
}

fn question(asked: Asked) -> Result<Question, Problem> {
    let body = asked.body.unwrap_or_default();
    let from = match asked.source_ip.map(|text| text.parse::<IpAddr>()) {
        None => None,
        Some(Ok(address)) => Some(address),
        Some(Err(_)) => return Err(Problem::field("source_ip", "value is not a valid IP address", "value_error.ip")),
    };
    let at = match asked.at.map(|text| Time::parse(&text)) {
        None => None,
        Some(Some(time)) => Some(time),
        Some(None) => return Err(Problem::field("at", "invalid datetime format", "value_error.datetime")),
    };
    let invoice = ["bolt11", "payment_request"].iter().find_map(|name| body.get(*name)?.as_str());
    let in_invoice = || invoice.and_then(|text| bolt11::parse(text).ok()).and_then(|invoice| invoice.amount);
    Ok(Question {
        method: asked.method,
        path: asked.path,
        out: asked.out.or_else(|| body.get("out").and_then(Value::as_bool)),
        amount: asked.amount_msat.map(Msat).or_else(in_invoice),
        wallet: asked.wallet_id,
        from,
        at,
    })
}
