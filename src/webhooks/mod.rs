//! Webhooks: telling other programs what happened to a wallet.
//!
//! An event marks itself as to be reported in the transaction that moves the money; what follows is done here and
//! can be cut off anywhere. Reports are written from the marks, each for one receiver, and tried until the receiver
//! takes them or three days have passed. To each endpoint they go in the order of the events: what comes later
//! waits for what is tried again. A payment can name a receiver of its own instead, which is told of its receipt.

mod deliver;
mod manage;
mod signature;

use std::sync::Arc;

pub use manage::{Change, MOST, Made, New, WebhookError};
use serde_json::Value;
pub use signature::{of_key, sign};
use tokio::sync::Notify;

use crate::{
    clock::Clock,
    domain::{Payment, webhook::Report},
    outbound::Outbound,
    settings::Settings,
    store::Store,
    vault::Vault,
};

/// How a report and its payment are put into words for an endpoint, and a payment by itself for a receiver that it
/// names.
#[derive(Clone)]
pub struct Words {
    /// What an endpoint gets.
    pub report: Arc<OfReport>,
    /// What a payment's own receiver gets.
    pub payment: Arc<OfPayment>,
}

type OfReport = dyn Fn(&Report, Option<Payment>) -> Value + Send + Sync;
type OfPayment = dyn Fn(Payment) -> Value + Send + Sync;

/// The webhooks of all wallets. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    store: Store,
    vault: Vault,
    clock: Clock,
    settings: Settings,
    /// Rings after each commit that may have brought something to report.
    bell: Arc<Notify>,
    words: Words,
    outbound: Outbound,
}

impl Webhooks {
    /// Puts them together; `bell` rings after each commit of this server.
    pub fn new(store: Store, vault: Vault, clock: Clock, settings: Settings, bell: Arc<Notify>, words: Words) -> Self {
        Self { store, vault, clock, settings, bell, words, outbound: Outbound::new() }
    }
}
