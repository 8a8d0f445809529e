//! Plain types and pure rules: what a wallet, a payment and an amount are, and what is allowed.
//!
//! Nothing here does I/O or knows of HTTP, a database connection or a node. The only thing the
//! types know of the store is how each is written into one column ([`mod@column`]).

pub mod account;
pub mod asset;
pub mod audit;
pub mod bolt11;
pub mod column;
pub mod credential;
pub mod event;
pub mod factor;
pub mod fiat;
pub mod filter;
pub mod funding;
pub mod hold;
pub mod ids;
pub mod journal;
pub mod limits;
pub mod link;
pub mod lnurl;
pub mod money;
pub mod names;
pub mod payer;
pub mod payment;
pub mod push;
pub mod share;
pub mod sighting;
pub mod tier;
pub mod time;
pub mod tiny;
pub mod wallet;
pub mod webhook;

pub use account::Account;
pub use ids::{AccountId, CredentialId, PaymentHash, PaymentId, SessionId, WalletId};
pub use money::Msat;
pub use payment::{Kind, Payment, Status};
pub use time::Time;
pub use wallet::Wallet;
