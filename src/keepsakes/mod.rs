//! What users keep here beside money: pictures, and short names for long addresses.

mod assets;
mod picture;
mod tiny;

use std::sync::Arc;

pub use assets::{KeepsakeError, Upload};
pub use tiny::is_web_address;
use tokio::sync::Semaphore;

use crate::{clock::Clock, settings::Settings, store::Store};

/// Pictures that are decoded at the same time: each may take tens of megabytes while it is.
const AT_ONCE: usize = 2;

/// The keepsakes of all users. Cheap to clone.
#[derive(Clone)]
pub struct Keepsakes {
    store: Store,
    clock: Clock,
    settings: Settings,
    decoding: Arc<Semaphore>,
}

impl Keepsakes {
    /// Puts them together.
    pub fn new(store: Store, clock: Clock, settings: Settings) -> Self {
        Self { store, clock, settings, decoding: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}
