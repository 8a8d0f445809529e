//! Traces for OpenTelemetry, sent by OTLP over HTTP.
//!
//! What is not said here is said by the specification's own variables: `OTEL_SERVICE_NAME`,
//! `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_BSP_…`.

use std::time::Duration;

use futures_util::{StreamExt, future::BoxFuture};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

use crate::{config::Collector, trace};

/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a collector may answer, in bytes.
const ANSWER_MAX: usize = 64 * 1024;

/// Sends spans to a collector, in the background and many at a time.
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Begins to send. Has to be called on the runtime that does the sending.
    ///
    /// # Errors
    /// When the exporter cannot be made.
    pub fn to(collector: &Collector) -> Result<Self, String> {
        let client = reqwest::Client::builder().timeout(PATIENCE).build().map_err(|error| error.to_string())?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Sender { client, runtime: Handle::current() })
            .with_endpoint(collector.traces())
            .build()
            .map_err(|error| error.to_string())?;
        let mut resource = Resource::builder();
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name("satchel");
        }
        let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = resource.with_attribute(version).build();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        Ok(Self { provider })
    }

    /// What hands spans, and the warnings and errors logged within them, to the exporter.
    pub fn layer<S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync>(
        &self,
    ) -> impl Layer<S> + Send + Sync + use<S> {
        let wanted =
            Targets::new().with_target("satchel", LevelFilter::WARN).with_target(trace::TARGET, LevelFilter::DEBUG);
        tracing_opentelemetry::layer()
            .with_location(false)
            .with_threads(false)
            .with_tracer(self.provider.tracer("satchel"))
            .with_filter(wanted)
    }

    /// Sends what is left.
    pub async fn finish(self) {
        let sent = tokio::task::spawn_blocking(move || self.provider.shutdown()).await;
        if let Ok(Err(error)) = sent {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// The exporter has a thread of its own; the sending happens on the server's runtime.
#[derive(Debug)]
struct Sender {
    client: reqwest::Client,
    runtime: Handle,
}

impl HttpClient for Sender {
    fn send_bytes<'life, 'answer>(
        &'life self,
        request: Request<Bytes>,
    ) -> BoxFuture<'answer, Result<Response<Bytes>, HttpError>>
    where
        'life: 'answer,
        Self: 'answer,
    {
        let sending = self.runtime.spawn(send(self.client.clone(), request));
        Box::pin(async move { sending.await? })
    }
}

async fn send(client: reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let answer = client.execute(request.try_into()?).await?;
    let status = answer.status();
    let mut body = Vec::new();
    let mut parts = answer.bytes_stream();
    while let Some(part) = parts.next().await {
        body.extend_from_slice(&part?);
        if body.len() > ANSWER_MAX {
            return Err("the collector's answer is too long".into());
        }
    }
    Ok(Response::builder().status(status).body(Bytes::from(body))?)
}
