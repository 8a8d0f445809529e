//! phoenixd: ACINQ's self-custodial node with one channel and automatic liquidity, over its HTTP interface.
//!
//! What shapes this driver: amounts are whole satoshis; routing has a price (0.4 % and 4 sat) instead of a limit; a
//! payment is answered when it is over; and its records tell attempts apart by ids of their own, which the answer to
//! a lost order would have told. Facts: <https://phoenix.acinq.co/server/api>.

mod answers;

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::BoxStream};
use reqwest::{Method, StatusCode};
use tokio::sync::Notify;

use self::answers::{Balance, Created, Incoming, Info, Ordered, Outgoing};
use super::{
    AttemptRef, BadField, Capabilities, Description, Driver, Fields, FundingSource, InvoiceError, InvoiceOrder,
    InvoiceRef, InvoiceState, IssuedInvoice, NodeStatus, Outcome, Payee, PaymentOrder, Positioned, Setup, SourceDown,
    SourceEvent, issued, network_named,
    wire::{
        feed,
        http::{Api, Lost, Reply},
        socket,
        tls::Trust,
    },
};
use crate::domain::Msat;

/// Chosen by `PhoenixdWallet`.
pub const DRIVER: Driver = Driver {
    class: "PhoenixdWallet",
    name: "phoenixd",
    title: "phoenixd",
    fields: &["phoenixd_api_endpoint", "phoenixd_api_password"],
    open,
};

const WHO: &str = "phoenixd";
/// Between two looks at what arrived, when nothing rings.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// So far behind the newest receipt begins the next list, in milliseconds: receipts may be written out of order.
const OVERLAP_MS: i64 = 10 * 60 * 1000;
/// Most receipts of one list.
const PAGE: usize = 200;

struct Phoenixd {
    api: Api,
    socket: String,
    headers: Vec<(&'static str, String)>,
}

fn open(fields: &Fields, _: &Setup) -> Result<Arc<dyn FundingSource>, BadField> {
    let base = fields.url("phoenixd_api_endpoint", Some("http://localhost:9740"))?;
    let password = fields.secret_text(&["phoenixd_api_password"], "http-password of phoenix.conf")?;
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!(":{password}")));
    let headers = vec![("authorization", basic)];
    let api = Api::new(WHO, &base, &Trust::Authorities, &headers, "phoenixd_api_password")?;
    let socket = format!("{}/websocket", socket::beside(&base));
    Ok(Arc::new(Phoenixd { api, socket, headers }))
}

impl Phoenixd {
    async fn how_it_is(&self) -> Result<NodeStatus, SourceDown> {
        let info: Info = self.api.get("/getinfo").await?.read()?;
        let balance: Balance = self.api.get("/getbalance").await?.read()?;
        let network = network_named(&info.chain)
            .ok_or_else(|| SourceDown(format!("phoenixd is on a network that is not known here: {}", info.chain)))?;
        Ok(NodeStatus { balance: sat(balance.balance_sat), identity: info.node_id, network })
    }

    async fn issue(&self, order: InvoiceOrder) -> Result<IssuedInvoice, InvoiceError> {
        if order.hold.is_some() {
            return Err(InvoiceError::Refused("phoenixd cannot hold invoices".to_owned()));
        }
        let mut form = vec![("expirySeconds", order.expiry_seconds.to_string())];
        if order.amount > Msat::ZERO {
            form.push(("amountSat", whole_sat(order.amount).map_err(InvoiceError::Refused)?.to_string()));
        }
        form.push(match &order.description {
            Description::Text(text) => ("description", text.clone()),
            Description::Hash(hash) => ("descriptionHash", crate::domain::ids::to_hex(hash)),
        });
        let reply = self.api.form("/createinvoice", &form).await.map_err(SourceDown::from)?;
        if reply.status == StatusCode::BAD_REQUEST {
            return Err(InvoiceError::Refused(reply.words()));
        }
        let created: Created = reply.read()?;
        issued(&created.serialized, &order, None, None)
    }

    async fn send(&self, order: PaymentOrder) -> Outcome {
        let Payee::Invoice(invoice) = &order.payee else {
            return Outcome::NotSent("phoenixd cannot pay a node without an invoice".to_owned());
        };
        let price = price(order.amount);
        if price > order.fee_limit {
            return Outcome::NotSent(format!("phoenixd takes {price} for it; the fee limit is {}", order.fee_limit));
        }
        let mut form = vec![("invoice", invoice.text.clone())];
        if invoice.amount.is_none() {
            match whole_sat(order.amount) {
                Ok(sat) => form.push(("amountSat", sat.to_string())),
                Err(why) => return Outcome::NotSent(why),
            }
        }
        // it answers when the payment is over, however long that takes
        let call = self.api.request(Method::POST, "/payinvoice").form(&form);
        let reply = match self.api.send(call).await {
            Ok(reply) => reply,
            Err(lost) => return lost.of_order(),
        };
        match Self::answered(&reply) {
            Ordered::Paid(paid) => paid,
            Ordered::Refused(why) => Outcome::NotSent(why),
            Ordered::Unclear(why) => Outcome::Unknown(why),
            Ordered::Failed(why) => self.failed(&order, why).await,
        }
    }

    fn answered(reply: &Reply) -> Ordered {
        match reply.status {
            // it looks at the password and at what it was given before it does anything
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                Ordered::Refused(reply.words())
            }
            StatusCode::OK => answers::ordered(&reply.body),
            _ => Ordered::Unclear(reply.words()),
        }
    }

    /// It says that the payment failed. That may be because another attempt for the same invoice is under way or
    /// arrived before: then nothing is over.
    async fn failed(&self, order: &PaymentOrder, why: String) -> Outcome {
        let path = format!("/payments/outgoingbyhash/{}", order.payee.payment_hash());
        match self.api.get(&path).await {
            Ok(reply) if reply.status == StatusCode::NOT_FOUND => {
                Outcome::Failed { attempt: order.attempt, reason: why }
            }
            Ok(reply) => match reply.read::<Outgoing>() {
                Ok(record) if record.is_over() && !record.is_paid => {
                    Outcome::Failed { attempt: order.attempt, reason: why }
                }
                Ok(_) => Outcome::Unknown(format!("phoenixd said that it failed ({why}), and lists it otherwise")),
                Err(down) => Outcome::Unknown(down.0),
            },
            Err(lost) => lost.of_question(),
        }
    }

    async fn became(&self, attempt: AttemptRef) -> Outcome {
        let path = match &attempt.source_ref {
            Some(id) => format!("/payments/outgoing/{id}"),
            None => format!("/payments/outgoingbyhash/{}", attempt.payment_hash),
        };
        let reply = match self.api.get(&path).await {
            Ok(reply) => reply,
            Err(lost) => return lost.of_question(),
        };
        if reply.status == StatusCode::NOT_FOUND {
            return Outcome::NotFound;
        }
        match reply.read::<Outgoing>() {
            Ok(record) => record.outcome(&attempt),
            Err(down) => Outcome::Unknown(down.0),
        }
    }

    async fn invoice(&self, invoice: InvoiceRef) -> Result<InvoiceState, SourceDown> {
        let reply = self.api.get(&format!("/payments/incoming/{}", invoice.payment_hash)).await?;
        if reply.status == StatusCode::NOT_FOUND {
            return Ok(InvoiceState::Unknown);
        }
        let record: Incoming = reply.read()?;
        Ok(record.receipt().map_or(InvoiceState::Open, |(amount, preimage)| InvoiceState::Paid { amount, preimage }))
    }

    /// What arrived after a position, which is the moment of the receipt in milliseconds.
    async fn received(&self, after: i64) -> feed::Page {
        let from = after.saturating_sub(OVERLAP_MS).max(0);
        let mut found = Vec::new();
        for offset in (0..).step_by(PAGE) {
            let path = format!("/payments/incoming?from={from}&limit={PAGE}&offset={offset}");
            let page: Vec<Incoming> = self.api.get(&path).await?.read()?;
            let count = page.len();
            found.extend(page.into_iter().filter_map(|record| Some((record.completed_at?, record))));
            if count < PAGE {
                break;
            }
        }
        found.sort_by_key(|(at, _)| *at);
        let events = found.into_iter().filter(|(at, _)| *at > after).filter_map(|(at, record)| {
            let (amount, preimage) = record.receipt()?;
            Some((at, SourceEvent::InvoicePaid { payment_hash: record.payment_hash.parse().ok()?, amount, preimage }))
        });
        Ok(events.collect())
    }

    /// Rings when the websocket has something to say. Ends when the connection does.
    async fn listen(&self, bell: &Notify) -> Result<(), SourceDown> {
        let mut open = socket::connect(WHO, &self.socket, &Trust::Authorities, &self.headers).await?;
        bell.notify_one();
        while let Some(message) = open.next().await {
            let message = message.map_err(|error| SourceDown(format!("phoenixd's websocket is lost: {error}")))?;
            if message.is_text() {
                bell.notify_one();
            }
        }
        Err(SourceDown("phoenixd closed its websocket".to_owned()))
    }
}

impl FundingSource for Phoenixd {
    fn name(&self) -> &'static str {
        DRIVER.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            // it has no parameter for one, and a price that is known before
            fee_limit: true,
            consistent_not_found: true,
            hold: false,
            amountless: true,
            keysend: false,
            reports: true,
        }
    }

    fn status(&self) -> BoxFuture<'_, Result<NodeStatus, SourceDown>> {
        self.how_it_is().boxed()
    }

    fn create_invoice(&self, order: InvoiceOrder) -> BoxFuture<'_, Result<IssuedInvoice, InvoiceError>> {
        self.issue(order).boxed()
    }

    fn pay(&self, order: PaymentOrder) -> BoxFuture<'_, Outcome> {
        self.send(order).boxed()
    }

    fn lookup_payment(&self, attempt: AttemptRef) -> BoxFuture<'_, Outcome> {
        self.became(attempt).boxed()
    }

    fn lookup_invoice(&self, invoice: InvoiceRef) -> BoxFuture<'_, Result<InvoiceState, SourceDown>> {
        self.invoice(invoice).boxed()
    }

    fn price(&self, amount: Msat) -> Option<Msat> {
        Some(price(amount))
    }

    fn events(&self, after: i64) -> BoxStream<'_, Result<Positioned, SourceDown>> {
        let bell = Arc::new(Notify::new());
        let rung = Arc::clone(&bell);
        feed::rung(
            async move { self.listen(&rung).await },
            feed::follow(after, LOOK_EVERY, bell, |after| self.received(after)),
        )
    }
}

/// 0.4 % and 4 sat, in whole satoshis.
fn price(amount: Msat) -> Msat {
    Msat((amount.0.saturating_mul(4) / 1000).saturating_add(4_999) / 1000 * 1000)
}

fn sat(sat: i64) -> Msat {
    Msat(sat.saturating_mul(1000))
}

/// An amount in satoshis, where it is one.
fn whole_sat(amount: Msat) -> Result<i64, String> {
    if amount.0 % 1000 == 0 {
        Ok(amount.0 / 1000)
    } else {
        Err(format!("phoenixd takes whole satoshis only, not {amount}"))
    }
}

impl From<Lost> for InvoiceError {
    fn from(lost: Lost) -> Self {
        Self::Down(lost.into())
    }
}
