//! What there is to say about the sources.

use std::time::Duration;

use super::{Given, Sources, adopt::other_network};
use crate::{
    domain::{Kind, Msat, Time, bolt11::network_name},
    funding::{Capabilities, DRIVERS, SourceDown},
    settings::SourceChoice,
    store::StoreError,
};

/// How long a source may take to say how it is.
const WAIT: Duration = Duration::from_secs(5);

/// A source that is or was in use.
#[derive(Debug, Clone)]
pub struct SourceReport {
    /// What is written with its payments.
    pub name: String,
    /// The class by which settings choose it.
    pub class: String,
    /// What people call it.
    pub title: String,
    /// Its network.
    pub network: String,
    /// Who it says it is.
    pub identity: String,
    /// Is it the one that was chosen?
    pub current: bool,
    /// Is it open?
    pub open: bool,
    /// Attempts to pay whose outcome is open.
    pub payments: i64,
    /// Invoices that can still be paid there.
    pub invoices: i64,
    /// When it was chosen last.
    pub chosen_at: Option<Time>,
    /// What it can do, while it is open.
    pub able: Option<Capabilities>,
    /// What it holds, or why that is not known.
    pub balance: Result<Msat, String>,
}

/// What came of trying settings.
#[derive(Debug, Clone)]
pub struct Tried {
    /// Who it says it is.
    pub identity: String,
    /// Its network.
    pub network: &'static str,
    /// What it holds.
    pub balance: Msat,
    /// What it can do.
    pub able: Capabilities,
}

impl Sources {
    /// Every source, the one in use first, and why there is none in use where there is none.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn report(&self) -> Result<(Vec<SourceReport>, Option<String>), StoreError> {
        let (used, counts) = (self.0.store.source_list().await?, self.0.store.source_open().await?);
        let current = self.current();
        let missing = current.as_ref().err().map(|down| down.0.clone());
        let current = current.ok().map(|current| current.name.clone());
        let count = |name: &str, kind: Kind| {
            counts.iter().filter(|(of, what, _)| of == name && *what == kind).map(|(.., count)| count).sum::<i64>()
        };
        let mut reports: Vec<SourceReport> = Vec::new();
        for named in self.open() {
            let status = tokio::time::timeout(WAIT, named.status()).await;
            let balance = match status {
                Ok(Ok(status)) => Ok(status.balance),
                Ok(Err(down)) => Err(down.0),
                Err(_) => Err("it does not answer in time".to_owned()),
            };
            reports.push(SourceReport {
                current: current.as_ref() == Some(&named.name),
                open: true,
                payments: count(&named.name, Kind::External),
                invoices: count(&named.name, Kind::Invoice),
                chosen_at: used.iter().find(|used| used.name == named.name).map(|used| used.chosen_at),
                able: Some(named.capabilities()),
                balance,
                name: named.name.clone(),
                class: named.class.to_owned(),
                title: named.title.to_owned(),
                network: network_name(&named.network).to_owned(),
                identity: named.identity.clone(),
            });
        }
        for used in used {
            if reports.iter().any(|report| report.name == used.name) {
                continue;
            }
            reports.push(SourceReport {
                current: false,
                open: false,
                payments: count(&used.name, Kind::External),
                invoices: count(&used.name, Kind::Invoice),
                chosen_at: Some(used.chosen_at),
                able: None,
                balance: Err("it is not open".to_owned()),
                title: Self::driver_of(&used.class).map_or("", |driver| driver.title).to_owned(),
                name: used.name,
                class: used.class,
                network: used.network,
                identity: used.identity,
            });
        }
        reports.sort_by_key(|report| (!report.current, std::cmp::Reverse(report.chosen_at)));
        Ok((reports, missing))
    }

    /// Opens a source as it would be opened, asks how it is, and lets go of it.
    ///
    /// # Errors
    /// When it cannot be opened, does not answer, or is on another network than the money here; says what to change.
    pub async fn try_out(&self, choice: &SourceChoice) -> Result<Tried, SourceDown> {
        let class = match (&choice.class, &self.0.given) {
            (Some(class), _) => class.as_str(),
            (None, Given::Class(class)) => class,
            (None, Given::Source(source, _)) => {
                DRIVERS.iter().find(|driver| driver.name == source.name()).map_or("", |driver| driver.class)
            }
            (None, Given::Nobody) => "",
        };
        let driver =
            Self::driver_of(class).ok_or_else(|| SourceDown(format!("there is no funding source {class:?}")))?;
        let source = self.open_driver(driver, &choice.fields(driver))?;
        let status = tokio::time::timeout(WAIT, source.status()).await;
        let status = status.unwrap_or_else(|_| Err(SourceDown("it does not answer in time".to_owned())))?;
        let known = self.0.store.source_list().await.map_err(|error| SourceDown(error.to_string()))?;
        if let Some(other) = known.iter().find(|used| used.network != network_name(&status.network)) {
            return Err(other_network(&status.network, other));
        }
        let (able, network) = (source.capabilities(), network_name(&status.network));
        Ok(Tried { identity: status.identity, network, balance: status.balance, able })
    }
}
