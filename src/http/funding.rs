//! The funding source: which one is in use, what is still open at others, and whether the books agree with it.

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    House,
    body::Body,
    permission::{Caller, SuperUser},
    problem::{Code, Problem, store_problem},
    route::{Route, route},
};
use crate::{
    ledger::{Difference, Reconciliation},
    sources::{SourceReport, Tried},
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/admin/api/v1/funding", SuperUser, state).doc(
            "Tells which funding source is in use, and what is still open at those that were.\n\
            Another one is chosen by the settings of the group \"Funding source\", without a restart: from then on \
            payments go to the new one, and what is under way at the old one ends there.",
        ),
        route(Method::POST, "/admin/api/v1/funding/check", SuperUser, check).doc(
            "Tries settings of a funding source without saving them: opens it and asks how it is.\n\
            The body holds settings by their names; those that are not named stay as they are.",
        ),
        route(Method::GET, "/admin/api/v1/reconciliation", SuperUser, reconciliation).doc(
            "Compares the books with the node: what it holds against what is owed, and every payment of which the two \
            tell different stories. The node is asked about each open payment, which takes a moment.",
        ),
    ]
}

/// The funding sources of this server.
#[derive(Serialize, ToSchema)]
#[schema(as = FundingState)]
struct State {
    /// Is there one in use?
    ready: bool,
    /// Why there is none in use; null when there is one.
    missing: Option<String>,
    /// Is its money play money, of a network other than mainnet?
    play_money: bool,
    /// The classes that can be chosen.
    classes: Vec<&'static str>,
    /// The source in use, and those that were, the latest first.
    sources: Vec<SourceShape>,
}

/// A funding source that is or was in use.
#[derive(Serialize, ToSchema)]
#[schema(as = FundingSource)]
struct SourceShape {
    /// What is written with its payments.
    name: String,
    /// The class by which it is chosen.
    class: String,
    /// What people call it.
    title: String,
    network: String,
    /// Who it says it is: a node's public key, or an account's name at a provider.
    identity: String,
    /// `current`, `parked` while something is open there, or `idle`.
    state: &'static str,
    /// Payments whose outcome only this source knows.
    open_payments: i64,
    /// Invoices that can still be paid there.
    open_invoices: i64,
    /// When it was chosen last.
    chosen_at: Option<String>,
    /// What it holds; null when that is not known.
    balance_msat: Option<i64>,
    /// Why its balance is not known.
    error: Option<String>,
    /// What it can do; null while it is not open.
    capabilities: Option<Able>,
}

/// What a source can do.
#[derive(Serialize, ToSchema)]
#[schema(as = FundingCapabilities)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
struct Able {
    /// Keeps a fee limit.
    fee_limit: bool,
    /// Holds the money of hold invoices.
    hold: bool,
    /// Issues and pays invoices without an amount.
    amountless: bool,
    /// Pays nodes without an invoice.
    keysend: bool,
    /// Tells of receipts by itself.
    reports: bool,
}

impl From<crate::sources::Capabilities> for Able {
    fn from(able: crate::sources::Capabilities) -> Self {
        let crate::sources::Capabilities { fee_limit, hold, amountless, keysend, reports, .. } = able;
        Self { fee_limit, hold, amountless, keysend, reports }
    }
}

impl From<SourceReport> for SourceShape {
    fn from(report: SourceReport) -> Self {
        let state = match (report.current, report.open) {
            (true, _) => "current",
            (false, true) => "parked",
            (false, false) => "idle",
        };
        let (balance_msat, error) = match report.balance {
            Ok(balance) => (Some(balance.0), None),
            Err(why) => (None, Some(why)),
        };
        Self {
            name: report.name,
            class: report.class,
            title: report.title,
            network: report.network,
            identity: report.identity,
            state,
            open_payments: report.payments,
            open_invoices: report.invoices,
            chosen_at: report.chosen_at.map(|at| at.to_string()),
            balance_msat,
            error: error.filter(|_| report.open),
            capabilities: report.able.map(Able::from),
        }
    }
}

async fn state(_: Caller<SuperUser>, house: Data<House>) -> Result<Json<State>, Problem> {
    let sources = house.ledger.sources();
    let report = sources.report().await;
    let (sources, missing) = report.map_err(|error| store_problem(error.is_unavailable(), &error.to_string()))?;
    Ok(Json(State {
        ready: missing.is_none(),
        missing,
        play_money: house.ledger.network() != "mainnet",
        classes: crate::sources::classes(),
        sources: sources.into_iter().map(SourceShape::from).collect(),
    }))
}

/// Settings by their names.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(as = FundingSettings, value_type = Object)]
struct Given(Map<String, Value>);

/// How a source is that was tried.
#[derive(Serialize, ToSchema)]
#[schema(as = FundingTried)]
struct TriedShape {
    identity: String,
    network: &'static str,
    balance_msat: i64,
    capabilities: Able,
}

async fn check(
    _: Caller<SuperUser>,
    house: Data<House>,
    Body(Given(given)): Body<Given>,
) -> Result<Json<TriedShape>, Problem> {
    let choice = house.settings.source_choice_with(&given)?;
    if let Some(class) = choice.class.as_ref().filter(|class| !crate::sources::classes().contains(&class.as_str())) {
        return Err(Problem::invalid(format!("There is no funding source {class:?}.")));
    }
    let Tried { identity, network, balance, able } = match house.ledger.sources().try_out(&choice).await {
        Ok(tried) => tried,
        Err(down) => return Err(Problem::new(Code::FundingSourceUnavailable, down.0)),
    };
    Ok(Json(TriedShape { identity, network, balance_msat: balance.0, capabilities: able.into() }))
}

/// The books against one node.
#[derive(Serialize, ToSchema)]
#[schema(as = Reconciliation)]
struct ReconciliationShape {
    /// The source.
    source: String,
    /// What the node holds; null when it does not answer.
    node_msat: Option<i64>,
    /// What is owed to users.
    owed_msat: i64,
    /// What is held for payments in flight.
    held_msat: i64,
    /// What arrived that belongs to nobody yet.
    suspense_msat: i64,
    /// What the node holds beyond that; negative when it holds less.
    spare_msat: Option<i64>,
    /// Payments that the node was asked about.
    asked: usize,
    /// Payments about which it did not answer.
    unanswered: usize,
    /// False when there are more open payments than were asked about.
    complete: bool,
    /// Payments of which the node tells something else.
    differences: Vec<DifferenceShape>,
}

/// A payment of which the node tells another story.
#[derive(Serialize, ToSchema)]
#[schema(as = ReconciliationDifference)]
struct DifferenceShape {
    payment_hash: String,
    /// What it is in the books.
    status: &'static str,
    /// Its amount; negative for what leaves.
    amount_msat: i64,
    /// What the node says.
    node_says: String,
    /// By how much the node holds more than the books know of; negative when less.
    difference_msat: i64,
}

impl From<Difference> for DifferenceShape {
    fn from(one: Difference) -> Self {
        Self {
            payment_hash: one.payment_hash.to_string(),
            status: one.status.as_str(),
            amount_msat: one.amount.0,
            node_says: one.node_says,
            difference_msat: one.difference.0,
        }
    }
}

impl From<Reconciliation> for ReconciliationShape {
    fn from(report: Reconciliation) -> Self {
        Self {
            source: report.source,
            node_msat: report.node.map(|node| node.0),
            owed_msat: report.books.liabilities.0,
            held_msat: report.books.held.0,
            suspense_msat: report.books.suspense.0,
            spare_msat: report.spare.map(|spare| spare.0),
            asked: report.asked,
            unanswered: report.unanswered,
            complete: report.complete,
            differences: report.differences.into_iter().map(DifferenceShape::from).collect(),
        }
    }
}

async fn reconciliation(_: Caller<SuperUser>, house: Data<House>) -> Result<Json<Vec<ReconciliationShape>>, Problem> {
    let reports = house.ledger.reconciliation().await?;
    Ok(Json(reports.into_iter().map(ReconciliationShape::from).collect()))
}
