//! Credentials of every family: what they allow, how long, and who may hand them on.

mod acls;
mod anonymous;
mod chains;
mod keys;
mod prefixes;

use serde_json::Value;

/// A text of a JSON object.
fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no text {name} in {value}")).to_owned()
}

/// The id of the only wallet of whoever asks.
async fn only_wallet(caller: &crate::harness::Caller) -> String {
    text(&caller.get("/api/v1/wallets").await.ok()[0], "id")
}
//! Credentials as their holders see them.

mod proxies;
mod tiers;
//! Credentials: how people come in, and what their tokens are worth.

mod logins;
pub(crate) mod nostr;
mod provider;
mod sso;
mod sso_forged;
mod tokens;
//! What opens doors besides wallet keys: logins, second factors, and how each of them ends.

mod impersonation;
mod passkeys;
mod people;
mod resets;
mod sessions;
mod totp;
mod websockets;
//! Credentials as their holders see them.

mod budgets;
mod idempotency;
mod kit;
