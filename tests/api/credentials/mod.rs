//! Credentials: how people come in, and what their tokens are worth.

mod logins;
pub(crate) mod nostr;
mod provider;
mod sso;
mod sso_forged;
mod tokens;
