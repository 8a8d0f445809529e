//! Asking services what a bitcoin costs: with a time limit, and never more than fits.

use std::{collections::BTreeMap, time::Duration};

use reqwest::{Client, header, redirect::Policy};
use serde_json::Value;

use crate::domain::fiat::{Currency, Price, RatePolicy, agreed};

/// How long a service may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// The largest answer that is read, in bytes.
const ANSWER_MAX: usize = 256 * 1024;
/// The name under which the aggregator's word is kept.
const AGGREGATOR: &str = "Aggregator";

/// The client for all services.
pub(super) fn client() -> Result<Client, String> {
    Client::builder()
        .timeout(PATIENCE)
        .redirect(Policy::none())
        .user_agent(concat!("satchel/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| error.to_string())
}

/// What a currency costs, and who said what.
pub(super) async fn price(
    client: &Client,
    policy: &RatePolicy,
    currency: Currency,
) -> Result<(Price, BTreeMap<String, Price>), String> {
    let mut reasons = Vec::new();
    if policy.aggregator {
        match aggregated(client, &policy.aggregator_url, currency).await {
            Ok(price) => return Ok((price, BTreeMap::from([(AGGREGATOR.to_owned(), price)]))),
            Err(reason) => reasons.push(format!("{AGGREGATOR}: {reason}")),
        }
    }
    let asked = policy.providers.iter().filter_map(|provider| {
        let url = provider.url(currency)?;
        Some(async move {
            let answer = fetch_json(client, &url).await;
            let price = answer.and_then(|answer| {
                provider.price(currency, &answer).ok_or_else(|| "its answer has no such price".to_owned())
            });
            (provider.name.clone(), price)
        })
    });
    let mut by = BTreeMap::new();
    for (name, price) in futures_util::future::join_all(asked).await {
        match price {
            Ok(price) => drop(by.insert(name, price)),
            Err(reason) => reasons.push(format!("{name}: {reason}")),
        }
    }
    match agreed(by.values().copied().collect()) {
        Some(price) => Ok((price, by)),
        None if !by.is_empty() => Err("The services do not agree on a price.".to_owned()),
        None if reasons.is_empty() => Err("This server asks no service about it.".to_owned()),
        None => Err(format!("No service answered ({}).", reasons.join("; "))),
    }
}

async fn aggregated(client: &Client, base: &str, currency: Currency) -> Result<Price, String> {
    let url = format!("{}/rate/{currency}", base.trim_end_matches('/'));
    let answer = fetch_json(client, &url).await?;
    let median = answer.pointer("/rates/median").and_then(Price::read);
    median.ok_or_else(|| "its answer has no such price".to_owned())
}

/// Reads a JSON document, or says why not: for people, without the URL.
async fn fetch_json(client: &Client, url: &str) -> Result<Value, String> {
    let failed = |error: reqwest::Error| {
        if error.is_timeout() { "does not answer in time".to_owned() } else { "cannot be reached".to_owned() }
    };
    let sent = client.get(url).header(header::ACCEPT, "application/json").send();
    let mut response = sent.await.map_err(failed)?;
    if !response.status().is_success() {
        return Err(format!("answers {}", response.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > ANSWER_MAX {
            return Err(format!("answers more than {ANSWER_MAX} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|_| "does not answer JSON".to_owned())
}
