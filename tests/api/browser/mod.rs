//! The dashboard in a real browser.

mod account;
mod first_run;
pub(crate) mod kit;
mod security;
mod signin;
mod wallet;
mod weight;
