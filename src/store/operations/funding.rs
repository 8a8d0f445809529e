//! Operations on funding sources.

use super::operations;
use crate::{
    domain::{Kind, Payment, Time, funding::UsedSource},
    store::{Backend, Store, StoreError, postgres, sqlite},
    trace,
};

operations! {
    /// Reads every funding source that is or was in use, the one that was chosen last first.
    read source_list() -> Vec<UsedSource> = funding::list;
    /// Writes that a funding source was chosen.
    write source_choose(source: UsedSource) -> () = funding::choose;
    /// Counts what is open, by source and kind.
    read source_open() -> Vec<(String, Kind, i64)> = funding::open;
    /// Reads a source's payments that are open, and those given up since a time; the newest, so many at most.
    read source_doubtful(source: String, since: Time, most: i64) -> Vec<Payment> = funding::doubtful;
}
