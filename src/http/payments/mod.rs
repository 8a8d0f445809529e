//! Payments: receiving, sending, reading, and what they add up to.

mod create;
mod decode;
mod hold;
mod keysend;
mod notes;
mod papers;
mod read;
mod stats;

use super::route::Route;

pub fn routes() -> Vec<Route> {
    let mut routes = create::routes();
    routes.extend(keysend::routes());
    routes.extend(hold::routes());
    routes.extend(read::routes());
    routes.extend(notes::routes());
    routes.extend(stats::routes());
    routes.extend(papers::routes());
    routes.extend(decode::routes());
    routes
}
