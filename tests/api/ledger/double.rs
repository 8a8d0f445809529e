//! A node that behaves as the simulated one does, except where a test wants it worse.

use std::sync::Arc;

use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use satchel::{
    domain::PaymentHash,
    funding::{
        AttemptRef, Capabilities, FundingSource, InvoiceError, InvoiceOrder, InvoiceRef, InvoiceState, IssuedInvoice,
        NodeStatus, Outcome, OutsideWorld, PaymentOrder, Positioned, SourceDown, simulated::SimulatedNode,
    },
};
use tokio::sync::Semaphore;

/// What the provider of [`Double::provider`] calls every payment.
pub(super) const PROVIDERS_NAME: &str = "provider-7";

/// A node that never reports anything by itself.
pub(crate) struct Double {
    node: Arc<SimulatedNode>,
    /// Opened once the answer to an order may leave.
    answers: Option<Arc<Semaphore>>,
}

impl Double {
    /// Has to be asked; else an honest node.
    pub(crate) fn silent(node: &Arc<SimulatedNode>) -> Arc<Self> {
        Arc::new(Self { node: Arc::clone(node), answers: None })
    }

    /// A provider that gives each payment a name of its own, late, and answers no question without it.
    pub(super) fn provider(node: &Arc<SimulatedNode>, answers: &Arc<Semaphore>) -> Arc<Self> {
        Arc::new(Self { node: Arc::clone(node), answers: Some(Arc::clone(answers)) })
    }
}

impl FundingSource for Double {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn capabilities(&self) -> Capabilities {
        self.node.capabilities()
    }

    fn status(&self) -> BoxFuture<'_, Result<NodeStatus, SourceDown>> {
        self.node.status()
    }

    fn create_invoice(&self, order: InvoiceOrder) -> BoxFuture<'_, Result<IssuedInvoice, InvoiceError>> {
        self.node.create_invoice(order)
    }

    fn pay(&self, order: PaymentOrder) -> BoxFuture<'_, Outcome> {
        let Some(answers) = &self.answers else { return FundingSource::pay(self.node.as_ref(), order) };
        async move {
            let _ = FundingSource::pay(self.node.as_ref(), order).await;
            let _ = answers.acquire().await.unwrap();
            Outcome::InFlight { source_ref: Some(PROVIDERS_NAME.into()) }
        }
        .boxed()
    }

    fn lookup_payment(&self, attempt: AttemptRef) -> BoxFuture<'_, Outcome> {
        if self.answers.is_some() && attempt.source_ref.as_deref() != Some(PROVIDERS_NAME) {
            return std::future::ready(Outcome::Unknown("400: id missing".into())).boxed();
        }
        self.node.lookup_payment(attempt)
    }

    fn lookup_invoice(&self, invoice: InvoiceRef) -> BoxFuture<'_, Result<InvoiceState, SourceDown>> {
        self.node.lookup_invoice(invoice)
    }

    fn settle_invoice(&self, preimage: [u8; 32]) -> BoxFuture<'_, Result<(), InvoiceError>> {
        self.node.settle_invoice(preimage)
    }

    fn cancel_invoice(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<(), InvoiceError>> {
        self.node.cancel_invoice(payment_hash)
    }

    fn events(&self, _after: i64) -> BoxStream<'_, Result<Positioned, SourceDown>> {
        stream::pending().boxed()
    }

    fn outside(&self) -> Option<&dyn OutsideWorld> {
        self.node.outside()
    }
}
