//! The ledger proves itself: numbers that must agree are computed from the records and compared.

use std::{fmt, time::Duration};

use super::{Ledger, LedgerError};
use crate::{domain::Msat, store::types::Audit};

/// How long the check waits for the node's balance.
const NODE_WAIT: Duration = Duration::from_secs(5);

/// What the check found.
#[derive(Debug)]
pub struct Report {
    /// The numbers.
    pub audit: Audit,
    /// What the node holds; `None` when it could not be asked.
    pub node: Option<Msat>,
    /// What is wrong; empty when the ledger is sound.
    pub faults: Vec<String>,
}

impl Ledger {
    /// Checks every wallet, the journal and the holds, and compares with the node.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn check(&self) -> Result<Report, LedgerError> {
        let audit = self.store.audit().await?;
        let node = match self.sources.current() {
            Ok(source) => tokio::time::timeout(NODE_WAIT, source.status()).await.ok().and_then(Result::ok),
            Err(_) => None,
        };
        let node = node.map(|status| status.balance);
        let mut faults = Vec::new();
        for (wallet, balance, booked) in &audit.wrong_balances {
            faults.push(format!("wallet {wallet} shows {balance}, its entries add up to {booked}"));
        }
        if !audit.all_entries.is_zero() {
            faults.push(format!("all entries add up to {} instead of zero", audit.all_entries));
        }
        for payment in &audit.unbalanced {
            faults.push(format!("the entries of payment {} do not add up to zero", payment.0));
        }
        if audit.held != audit.in_flight {
            faults.push(format!("the journal holds {}, payments in flight hold {}", audit.held, audit.in_flight));
        }
        for payment in &audit.wrong_fees {
            faults.push(format!("the service fee of payment {} is not booked as it should be", payment.0));
        }
        for (credential, window, spent, charged) in &audit.wrong_budgets {
            faults.push(format!(
                "the budget of credential {credential} shows {spent} spent since {window}, its charges add up to {charged}"
            ));
        }
        Ok(Report { audit, node, faults })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let audit = &self.audit;
        writeln!(f, "owed to users     {}", audit.liabilities)?;
        writeln!(f, "held in flight    {}", audit.held)?;
        writeln!(f, "sent, less received over Lightning  {}", audit.lightning)?;
        writeln!(f, "added by the super user  {}", audit.operator.negated())?;
        if !audit.suspense.is_zero() || !audit.loss.is_zero() {
            writeln!(f, "in suspense       {}", audit.suspense)?;
            writeln!(f, "lost by the house {}", audit.loss.negated())?;
        }
        match self.node {
            Some(node) => {
                let spare = Msat(node.0.saturating_sub(audit.liabilities.0).saturating_sub(audit.held.0));
                writeln!(f, "node holds        {node} ({spare} beyond what is owed and held)")?;
            }
            None => writeln!(f, "node holds        unknown: it does not answer")?,
        }
        if let Some(oldest) = audit.oldest_in_flight {
            writeln!(f, "oldest in flight  since {oldest}")?;
        }
        writeln!(f, "alarms            {}, {} of them open", audit.alarms, audit.open_alarms.len())?;
        for alarm in &audit.open_alarms {
            write!(f, "OPEN ALARM {}: {}", alarm.id, alarm.kind)?;
            if let Some(hash) = &alarm.payment_hash {
                write!(f, " on the payment with the hash {hash}")?;
            }
            writeln!(f, ": {}", alarm.detail)?;
            if let Some(source) = &alarm.source {
                writeln!(f, "  until it is acknowledged, nothing is sent through the {source} source")?;
            }
        }
        for fault in &self.faults {
            writeln!(f, "FAULT: {fault}")?;
        }
        write!(f, "{}", if self.faults.is_empty() { "The ledger is sound." } else { "The ledger is NOT sound." })
    }
}
