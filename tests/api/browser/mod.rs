//! The dashboard in a real browser.

mod first_run;
mod kit;
