//! A request's span: where the caller's own trace goes on, and what became of the request.

use actix_web::{
    dev::{ServiceRequest, ServiceResponse},
    http::header::HeaderMap,
};
use opentelemetry::{
    propagation::{Extractor, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::trace;

/// Opens the span of a request; under the caller's, if `traceparent` names it (W3C Trace Context).
pub(super) fn begin(request: &ServiceRequest, id: &str) -> Span {
    let span = trace::request(id);
    if request.headers().contains_key("traceparent") {
        // fails only where nothing is exported
        let _ = span.set_parent(TraceContextPropagator::new().extract(&Headers(request.headers())));
    }
    span
}

/// Notes what became of it.
pub(super) fn end<B>(span: &Span, response: &ServiceResponse<B>) {
    if span.is_disabled() {
        return;
    }
    let (request, status) = (response.request(), response.status());
    // a span that was entered has its name, and takes another only from OpenTelemetry's own hand
    let name = match request.match_pattern() {
        Some(route) => {
            span.record("http.route", &route);
            format!("{} {route}", request.method())
        }
        None => request.method().to_string(),
    };
    span.context().span().update_name(name);
    span.record("http.request.method", request.method().as_str());
    span.record("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.record("otel.status_code", "error");
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(actix_web::http::header::HeaderName::as_str).collect()
    }
}
