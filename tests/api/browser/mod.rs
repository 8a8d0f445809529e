//! The dashboard in a real browser.

mod account;
mod everybody;
mod first_run;
pub(crate) mod kit;
mod pictures;
mod security;
mod signin;
mod wallet;
mod weight;
