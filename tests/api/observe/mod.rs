//! What operators look at: the audit log and its chain, numbers, the state of the server.

mod audit;
mod chain;
mod metrics;
mod state;
