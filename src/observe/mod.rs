//! What operators look at: who did what, whether the work in the background goes well, and how much of
//! everything there is.
//!
//! None of it is ever in a request's way: lines and numbers are left behind in memory, and written or
//! read by others.

mod audit;
mod jobs;
mod metrics;
mod traces;

pub use audit::AuditLog;
pub use jobs::{Job, JobBook};
pub use metrics::{Gauges, METRICS, Metrics};
pub use traces::Traces;
