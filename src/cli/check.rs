//! `satchel check`: does the ledger add up, and is the audit log whole?

use clap::Args;
use serde_json::json;

use super::{Failure, Told, answer, offline};

/// What is checked.
#[derive(Args)]
pub(super) struct Check {
    #[command(flatten)]
    told: Told,
    /// Look at the audit log as well: is a line missing, altered or moved?
    #[arg(long)]
    audit: bool,
}

/// Says what was found; fails when anything is at fault.
pub(super) async fn run(
    Check { told: Told { settings, json: as_json }, audit: with_log }: Check,
) -> Result<(), Failure> {
    let parts = offline(&settings).await?;
    let report = parts.ledger().check().await?;
    let log = if with_log { Some(parts.audit().verify().await?) } else { None };
    let (books, log_faults) = (&report.audit, log.iter().flat_map(|log| &log.faults));
    let faults = report.faults.len() + log_faults.clone().count();
    let mut lines = vec![report.to_string()];
    lines.extend(log_faults.map(|fault| format!("FAULT: audit log: {fault}")));
    lines.extend(log.iter().map(|log| {
        let word = if log.faults.is_empty() { "whole" } else { "NOT whole" };
        format!("The audit log has {} lines and is {word}.", log.lines)
    }));
    let log = log.map(|log| json!({ "whole": log.faults.is_empty(), "lines": log.lines, "faults": log.faults }));
    let body = json!({
        "sound": faults == 0,
        "faults": report.faults,
        "owed_msat": books.liabilities.0,
        "held_msat": books.held.0,
        "lightning_msat": books.lightning.0,
        "added_msat": books.operator.negated().0,
        "suspense_msat": books.suspense.0,
        "lost_msat": books.loss.negated().0,
        "node_msat": report.node.map(|node| node.0),
        "oldest_in_flight": books.oldest_in_flight.map(|at| at.to_string()),
        "open_alarms": books.open_alarms.iter().map(|alarm| alarm.id).collect::<Vec<_>>(),
        "audit_log": log,
    });
    answer(as_json, &body, &lines.join("\n"))?;
    if faults == 0 { Ok(()) } else { Err(format!("{faults} faults").into()) }
}
