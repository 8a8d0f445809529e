//! The state of the server, for the super user: the ledger against the node, the work in the background, numbers,
//! a copy of everything, and a new start.

use std::net::IpAddr;

use actix_web::{
    HttpRequest,
    http::Method,
    web::{Bytes, Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    House,
    answer::{Download, Page},
    body::Body,
    lenient,
    permission::{Caller, Permission, SuperUser, client_address},
    problem::{Code, Problem},
    route::{Route, route},
};
use crate::{accounts::policy::Right, backup::BackupError, config::MetricsFor, domain::Msat, observe::Job};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/admin/api/v1/audit", SuperUser, audit).doc(
            "Compares what the server owes with what the node holds, after checking the whole ledger.\n\
            The node may hold more; where it holds less, the difference is missing.",
        ),
        route(Method::GET, "/admin/api/v1/monitor", SuperUser, monitor)
            .doc("Lists the work in the background of this server: when it last ran, and whether that went well."),
        route(Method::POST, "/admin/api/v1/restart", SuperUser, restart).doc(
            "Starts the server anew.\n\
            Requests that are open may finish; then the program replaces itself by the one that is now at its place, \
            with the same arguments and environment and under the same process id.",
        ),
        route(Method::POST, "/admin/api/v1/backup", SuperUser, backup).doc(
            "Sends a copy of everything as it is now, encrypted with a pass phrase, while the server goes on.\n\
            The file is in the age format: `satchel restore` takes it, and so does `age -d FILE | tar x`. Where the \
            copy cannot be made from here, the answer is 501 and names the command to run.",
        ),
        route(Method::GET, "/metrics", Metrics, metrics).doc(
            "Numbers about the server in the text format of Prometheus.\n\
            Who may read them besides the super user is the setting SATCHEL_METRICS.",
        ),
    ]
}

/// May read the metrics: the super user, or whoever asks from a network that the operator named.
#[derive(Clone, Copy)]
pub struct Metrics;

impl Permission for Metrics {
    type Proof = ();
    const RIGHTS: &'static [(&'static str, Right)] = &[("", Right::SuperUser)];

    async fn check(request: HttpRequest) -> Result<(), Problem> {
        let setting = request.app_data::<Data<House>>().map(|house| house.metrics_for.clone());
        let among = |address: IpAddr, list: &[ipnet::IpNet]| list.iter().any(|network| network.contains(&address));
        match (setting, client_address(&request)) {
            (None | Some(MetricsFor::Off), _) => Err(Problem::new(Code::NotFound, "Not Found")),
            (Some(MetricsFor::Networks(networks)), Some(from)) if among(from, &networks.0) => Ok(()),
            _ => SuperUser::check(request).await.map(drop),
        }
    }
}

/// What the server owes and what the node holds.
#[derive(Serialize, ToSchema)]
struct LedgerState {
    /// What the server owes its users, in whole satoshi.
    lnbits_balance_sats: i64,
    /// What the node holds, in whole satoshi; null when it does not answer.
    node_balance_sats: Option<i64>,
    /// Why the node does not answer.
    node_error: Option<String>,
    /// Millisatoshi that are owed.
    owed_msat: i64,
    /// Millisatoshi that are held for payments in flight.
    held_msat: i64,
    /// Millisatoshi that the node holds.
    node_msat: Option<i64>,
    /// What the node holds beyond what is owed and held; negative when it holds less.
    spare_msat: Option<i64>,
    /// What is wrong with the ledger; empty when it is sound.
    faults: Vec<String>,
    /// Alarms that nobody acknowledged.
    open_alarms: usize,
}

/// Work in the background.
#[derive(Serialize, ToSchema)]
struct JobState {
    name: &'static str,
    /// Since when there is this work.
    created_at: String,
    /// Seconds that it rests between two runs; null when it goes on without a rest.
    every_seconds: Option<f64>,
    /// Runs that ended.
    runs: u64,
    /// Runs that failed.
    failures: u64,
    /// When it last ended a run.
    last_run: Option<String>,
    /// Did that go well? Null before the first.
    ok: Option<bool>,
    /// Why not.
    error: Option<String>,
}

impl From<Job> for JobState {
    fn from(job: Job) -> Self {
        Self {
            name: job.name,
            created_at: job.created_at.to_string(),
            every_seconds: job.every.map(|pause| pause.as_secs_f64()),
            runs: job.runs,
            failures: job.failures,
            ok: job.last_run.map(|_| job.last_error.is_none()),
            last_run: job.last_run.map(|at| at.to_string()),
            error: job.last_error,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct Done {
    /// `Success`.
    status: &'static str,
}

#[derive(Deserialize, ToSchema)]
struct BackupOrder {
    /// What opens the backup; at least 12 characters. It is written down nowhere: without it, nothing opens it.
    #[serde(deserialize_with = "lenient::text")]
    pass_phrase: String,
}

impl From<BackupError> for Problem {
    fn from(error: BackupError) -> Self {
        let text = error.to_string();
        match error {
            BackupError::PassPhrase => Self::field("pass_phrase", &text, "value_error.any_str.min_length"),
            BackupError::Busy => Self::new(Code::BackupInProgress, text),
            BackupError::Unsupported(_) => Self::new(Code::BackupUnsupported, text),
            BackupError::Copy(_) | BackupError::File(_) | BackupError::Refused(_) => {
                let told = "The copy could not be made; the log says why.";
                Self::new(Code::BackupFailed, told).because(&text)
            }
        }
    }
}

async fn audit(_: Caller<SuperUser>, house: Data<House>) -> Result<Json<LedgerState>, Problem> {
    let report = house.ledger.check().await?;
    let (owed, held) = (report.audit.liabilities, report.audit.held);
    let spare = |node: Msat| node.0.saturating_sub(owed.0).saturating_sub(held.0);
    Ok(Json(LedgerState {
        lnbits_balance_sats: owed.0 / 1000,
        node_balance_sats: report.node.map(|node| node.0 / 1000),
        node_error: report.node.is_none().then(|| "the node does not answer".to_owned()),
        owed_msat: owed.0,
        held_msat: held.0,
        node_msat: report.node.map(|node| node.0),
        spare_msat: report.node.map(spare),
        faults: report.faults,
        open_alarms: report.audit.open_alarms.len(),
    }))
}

async fn monitor(_: Caller<SuperUser>, house: Data<House>) -> Json<Vec<JobState>> {
    Json(house.jobs.list().into_iter().map(JobState::from).collect())
}

async fn restart(Caller(principal): Caller<SuperUser>, house: Data<House>) -> Json<Done> {
    tracing::warn!(by = %principal.account, "the super user starts the server anew");
    house.restart.notify_one();
    Json(Done { status: "Success" })
}

async fn backup(
    Caller(principal): Caller<SuperUser>,
    house: Data<House>,
    Body(order): Body<BackupOrder>,
) -> Result<Download, Problem> {
    let parts = house.backup.begin(order.pass_phrase).await?;
    tracing::warn!(by = %principal.account, "the super user takes a backup");
    Ok(Download { name: format!("satchel-backup-{}.tar.age", house.clock.now().unix()), parts })
}

async fn metrics(_: Caller<Metrics>, house: Data<House>) -> Page {
    let content = Bytes::from(house.metrics.text().await);
    Page { content_type: "text/plain; version=0.0.4; charset=utf-8", content }
}
