//! The result: Markdown on standard output, as it grows; progress on standard error.

use std::io::{self, Write as _};

use crate::load::drive::Outcome;

const HEAD: &str = "\
| measurement | requests/s | p50 ms | p99 ms | errors | server CPU µs/request | note |
|---|---:|---:|---:|---:|---:|---|";

/// Prints what was measured where, and the head of the table.
pub(crate) fn begin(setting: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{setting}\n\n{HEAD}")
}

/// A row of the table. The first answer that was not good goes to the log.
pub(crate) fn row<T>(name: &str, outcome: &Outcome<T>, note: &str) -> io::Result<()> {
    if let Some(complaint) = &outcome.complaint {
        progress(&format!("{name}: first error: {complaint}"));
    }
    let cpu = outcome.cpu_us_per_request();
    let cpu = cpu.map_or_else(|| "–".to_owned(), |cpu| format!("{cpu:.0}"));
    writeln!(
        io::stdout(),
        "| {name} | {:.0} | {:.2} | {:.2} | {} | {cpu} | {note} |",
        outcome.per_second(),
        outcome.percentile_ms(50),
        outcome.percentile_ms(99),
        outcome.errors,
    )
}

/// A row that is not about requests, or one that could not be measured.
pub(crate) fn fact(name: &str, note: &str) -> io::Result<()> {
    writeln!(io::stdout(), "| {name} | – | – | – | – | – | {note} |")
}

/// Says what is going on.
pub(crate) fn progress(text: &str) {
    // Nobody to tell is no reason to stop.
    let _ = writeln!(io::stderr(), "{text}");
}
