//! Credentials as their holders see them.

mod budgets;
mod idempotency;
mod kit;
