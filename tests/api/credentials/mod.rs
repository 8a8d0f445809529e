//! Credentials of every family: how people come in, what each allows, how long, and who may hand it on.

mod acls;
mod anonymous;
mod budgets;
mod chains;
mod idempotency;
mod impersonation;
mod keys;
mod kit;
mod logins;
pub(crate) mod nostr;
mod operators;
mod passkeys;
mod people;
mod prefixes;
pub(crate) mod provider;
mod proxies;
mod resets;
mod sessions;
mod sharing;
mod sso;
mod sso_forged;
mod tiers;
mod tokens;
mod totp;
mod users;
mod websockets;

use serde_json::Value;

/// A text of a JSON object.
fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no text {name} in {value}")).to_owned()
}

/// The id of the only wallet of whoever asks.
async fn only_wallet(caller: &crate::harness::Caller) -> String {
    text(&caller.get("/api/v1/wallets").await.ok()[0], "id")
}
