//! Before a right is looked at: the request's credential becomes a principal, once, and the request is
//! counted, for the credential or for the address it came from.
//!
//! How a route's requests are counted, and which capability of a tier they take, follows from its row.

use std::{net::Ipv4Addr, sync::Arc};

use actix_web::{HttpMessage, HttpRequest, web::Data};

use super::{
    House, origin, permission,
    problem::{Code, Problem},
    route::{self, Route},
};
use crate::{
    accounts::{
        Counted, Lack,
        policy::{Principal, Right},
    },
    domain::tier::Capability,
};

/// For whom a request is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// For nobody: pages and their parts, the health check.
    Nobody,
    /// For the address, whatever else is shown: who guesses passwords or makes accounts must not do
    /// so at the expense of a key, of which he can have as many as he likes.
    Address,
    /// For the credential, or for the address when there is none of worth.
    Caller,
}

#[derive(Debug, Clone, Copy)]
struct Rule {
    by: By,
    capability: Option<Capability>,
}

/// The rule of each operation, by its number.
#[derive(Debug, Clone)]
pub struct Rules(Vec<Rule>);

/// Reads the rules off the table.
pub fn rules(table: &[Route]) -> Rules {
    let of = |route: &Route| {
        let (tag, method) = (route.tag(), route.name().0.as_str());
        let rule = |(_, right): &(&str, Right)| rule(tag, method, *right);
        route.operations().iter().map(rule).collect::<Vec<_>>()
    };
    Rules(table.iter().flat_map(of).collect())
}

/// **The** table of how requests are counted and which capability they take.
fn rule(tag: &str, method: &str, right: Right) -> Rule {
    let by = match (tag, right) {
        ("Server", Right::Public) => By::Nobody,
        ("Login", Right::Public) => By::Address,
        _ => By::Caller,
    };
    let capability = match (tag, right, method) {
        ("Live updates", ..) => Some(Capability::Streaming),
        ("Webhooks", ..) => Some(Capability::Webhooks),
        // what an account can have is seen and bought from every tier
        ("Tiers", ..) => None,
        (_, Right::WalletReceive, _) => Some(Capability::Receive),
        (_, Right::WalletSend, _) => Some(Capability::Send),
        (_, Right::WalletRead, _) | (_, Right::Wallets | Right::Account, "GET") => Some(Capability::Read),
        _ => None,
    };
    Rule { by, capability }
}

/// By which kind of credential one comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// None is needed; one that is good on routes of wallets is recognised.
    Public,
    /// A wallet's key, or any other.
    Wallet,
    /// Any but a wallet's key.
    Account,
}

impl Door {
    /// The door of a route that asks for these.
    pub(super) fn of(rights: &[(&str, Right)]) -> Self {
        let wallet =
            [Right::WalletRead, Right::WalletReceive, Right::WalletSend, Right::WalletManage, Right::WalletShare];
        match rights {
            [(_, Right::Public), ..] => Self::Public,
            [(_, right), ..] if wallet.contains(right) => Self::Wallet,
            _ => Self::Account,
        }
    }
}

/// What became of the request's credential, kept with the request.
struct Known {
    door: Door,
    outcome: Result<Arc<Principal>, Problem>,
}

/// Recognises whoever sent the request and counts it.
pub(super) async fn admit(request: &HttpRequest, door: Door) -> Result<(), Problem> {
    let Some(house) = request.app_data::<Data<House>>() else { return Ok(()) };
    let by = route::number(request).and_then(|number| house.rules.0.get(number)).map_or(By::Caller, |rule| rule.by);
    let outcome = match (by, door) {
        (By::Nobody, _) => return Ok(()),
        (By::Address, _) => None,
        (By::Caller, Door::Public) if !permission::shows_credential(request) => None,
        (By::Caller, Door::Public | Door::Wallet) => Some(permission::wallet_principal(request).await),
        (By::Caller, Door::Account) => Some(permission::account_principal(request).await),
    };
    let counted = match &outcome {
        Some(Ok(principal)) => house.accounts.count_principal(principal),
        // that the database is away is not the caller's doing
        Some(Err(problem)) if problem.code().status() >= 500 => None,
        _ => count_address(house, request),
    };
    if let Some(outcome) = outcome {
        // what is good for one kind of route is not asked for on the other
        let door = if door == Door::Public { Door::Wallet } else { door };
        request.extensions_mut().insert(Known { door, outcome });
    }
    settle(request, counted)
}

/// Counts a request that no route answers.
pub(super) fn stranger(request: &HttpRequest) -> Result<(), Problem> {
    let Some(house) = request.app_data::<Data<House>>() else { return Ok(()) };
    settle(request, count_address(house, request))
}

fn count_address(house: &House, request: &HttpRequest) -> Option<Counted> {
    // a proxy that does not say for whom it asks is counted itself
    let address = origin::client_address(request).or_else(|| origin::peer(request));
    house.accounts.count_address(address.unwrap_or(Ipv4Addr::UNSPECIFIED.into()))
}

/// Leaves the count with the request, for the headers of its answer, and ends it when it is one too many.
fn settle(request: &HttpRequest, counted: Option<Counted>) -> Result<(), Problem> {
    let Some(counted) = counted else { return Ok(()) };
    let problem = counted.retry_after.map(|wait| {
        let text =
            format!("At most {} requests a minute in the tier {}. Try again in {wait} s.", counted.limit, counted.tier);
        Problem::new(Code::RateLimited, text)
            .with("error", "Rate limit exceeded")
            .with("tier", counted.tier.as_ref())
            .with("limit", counted.limit)
            .with("retry_after", wait)
    });
    request.extensions_mut().insert(counted);
    problem.map_or(Ok(()), Err)
}

/// The principal that the request was recognised as on its way in.
pub(super) fn known(request: &HttpRequest, door: Door) -> Option<Result<Arc<Principal>, Problem>> {
    request.extensions().get::<Known>().filter(|known| known.door == door).map(|known| known.outcome.clone())
}

/// Lets the credential be looked up anew.
pub(super) fn forget(request: &HttpRequest) {
    request.extensions_mut().remove::<Known>();
}

/// Does the principal's tier have what this operation takes?
pub(super) fn may(house: &House, principal: &Principal, number: usize) -> Result<(), Problem> {
    match house.rules.0.get(number).and_then(|rule| rule.capability) {
        Some(capability) => takes(house, principal, capability),
        None => Ok(()),
    }
}

/// The same for whoever a public route recognised.
pub(super) fn may_publicly(request: &HttpRequest) -> Result<(), Problem> {
    match (request.app_data::<Data<House>>(), known(request, Door::Wallet), route::number(request)) {
        (Some(house), Some(Ok(principal)), Some(number)) => may(house, &principal, number),
        _ => Ok(()),
    }
}

/// Does the principal's tier have this capability?
pub(super) fn takes(house: &House, principal: &Principal, capability: Capability) -> Result<(), Problem> {
    let Some(Lack { capability, tier, available_in }) = house.accounts.lack(principal, capability) else {
        return Ok(());
    };
    let elsewhere = match &available_in {
        Some(other) => format!("the tier {other} has it"),
        None => "no tier has it".to_owned(),
    };
    let text = format!("The tier {tier} lacks {:?}; {elsewhere}.", capability.as_str());
    Err(Problem::new(Code::Forbidden, text)
        .with("capability", capability.as_str())
        .with("tier", tier)
        .with("available_in", available_in))
}
