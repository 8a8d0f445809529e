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
    let audit = &report.audit;
    let mut body = json!({
        "sound": report.faults.is_empty(),
        "faults": report.faults,
        "owed_msat": audit.liabilities.0,
        "held_msat": audit.held.0,
        "lightning_msat": audit.lightning.0,
        "added_msat": audit.operator.negated().0,
        "suspense_msat": audit.suspense.0,
        "lost_msat": audit.loss.negated().0,
        "node_msat": report.node.map(|node| node.0),
        "oldest_in_flight": audit.oldest_in_flight.map(|at| at.to_string()),
        "open_alarms": audit.open_alarms.iter().map(|alarm| alarm.id).collect::<Vec<_>>(),
    });
    let mut text = report.to_string();
    let mut faults = report.faults.len();
    if with_log {
        let log = parts.audit().verify().await?;
        for fault in &log.faults {
            text.push_str(&format!("\nFAULT: audit log: {fault}"));
        }
        let word = if log.faults.is_empty() { "whole" } else { "NOT whole" };
        text.push_str(&format!("\nThe audit log has {} lines and is {word}.", log.lines));
        body["audit_log"] = json!({ "whole": log.faults.is_empty(), "lines": log.lines, "faults": log.faults });
        faults += log.faults.len();
    }
    answer(as_json, &body, &text)?;
    if faults == 0 { Ok(()) } else { Err(format!("{faults} faults").into()) }
}
