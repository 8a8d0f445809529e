//! How drivers talk to a source: what may have been lost on the way is part of every answer.

pub mod feed;
pub mod http;
pub mod socket;
pub mod tls;
