//! Credentials as their holders see them.

mod proxies;
mod tiers;
