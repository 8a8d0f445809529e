//! Spans: a request, what it asked of the database, what it asked of the node.
//!
//! The request's own is for the log as well, whatever its level: lines that belong to a request carry its id. The
//! others cost next to nothing unless [`crate::observe::Traces`] looks for them. What is in them may leave the house,
//! so they name routes, operations and statuses, never paths or keys.

use tracing::{Span, field::Empty};

/// The target of all spans that are exported.
pub const TARGET: &str = "satchel::trace";

/// A request (semantic conventions for HTTP servers). Method, route and status are recorded when it is answered.
pub fn request(id: &str) -> Span {
    tracing::error_span!(
        target: TARGET,
        "request",
        id,
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = Empty,
        http.route = Empty,
        http.response.status_code = Empty,
    )
}

/// An operation of the store, from queueing to the commit.
pub fn database(system: &'static str, operation: &'static str) -> Span {
    tracing::debug_span!(
        target: TARGET,
        "database",
        otel.name = operation,
        otel.kind = "client",
        db.system.name = system,
        db.operation.name = operation,
    )
}

/// Something that the node is asked or told.
pub fn node(source: &'static str, operation: &'static str) -> Span {
    tracing::debug_span!(
        target: TARGET,
        "node",
        otel.name = operation,
        otel.kind = "client",
        rpc.system.name = source,
        rpc.method = operation,
    )
}
