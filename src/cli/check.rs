//! `satchel check`: does the ledger add up, and is the audit log whole?

use clap::Args;
use satchel::ledger::{Difference, Reconciliation};
use serde_json::{Value, json};

use super::{Failure, Told, answer, offline};

/// What is checked.
#[derive(Args)]
pub(super) struct Check {
    #[command(flatten)]
    told: Told,
    /// Look at the audit log as well: is a line missing, altered or moved?
    #[arg(long)]
    audit: bool,
    /// Ask the node about every payment that is open or was given up, and say where it tells something else.
    #[arg(long)]
    node: bool,
}

/// Says what was found; fails when anything is at fault.
pub(super) async fn run(
    Check { told: Told { settings, json: as_json }, audit: with_log, node: with_node }: Check,
) -> Result<(), Failure> {
    let parts = offline(&settings).await?;
    let ledger = parts.ledger().await?;
    let report = ledger.check().await?;
    let node = if with_node { ledger.reconciliation().await? } else { Vec::new() };
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
    lines.extend(node.iter().map(told_by));
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
        "nodes": node.iter().map(nodes_json).collect::<Vec<_>>(),
    });
    answer(as_json, &body, &lines.join("\n"))?;
    if faults == 0 { Ok(()) } else { Err(format!("{faults} faults").into()) }
}

/// A node against the books, in words.
fn told_by(report: &Reconciliation) -> String {
    let mut lines = vec![match (report.node, report.spare) {
        (Some(node), Some(spare)) => format!("The source {} holds {node}: {spare} beyond what is owed.", report.source),
        _ => format!("The source {} does not answer.", report.source),
    }];
    lines.extend(report.differences.iter().map(|one| {
        let Difference { payment_hash, status, amount, node_says, difference } = one;
        format!("  {payment_hash}  {status}, {amount} here; the node says {node_says} ({difference})")
    }));
    let silent = report.unanswered;
    lines.push(format!("  It was asked about {} payments and left {silent} unanswered.", report.asked));
    lines.join("\n")
}

fn nodes_json(report: &Reconciliation) -> Value {
    let differences = report.differences.iter().map(|one| {
        json!({
            "payment_hash": one.payment_hash.to_string(),
            "status": one.status.as_str(),
            "amount_msat": one.amount.0,
            "node_says": one.node_says,
            "difference_msat": one.difference.0,
        })
    });
    json!({
        "source": report.source,
        "node_msat": report.node.map(|node| node.0),
        "spare_msat": report.spare.map(|spare| spare.0),
        "asked": report.asked,
        "unanswered": report.unanswered,
        "complete": report.complete,
        "differences": differences.collect::<Vec<_>>(),
    })
}
