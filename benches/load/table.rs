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

/// A row of the medians of several runs, and the p99 of each.
pub(crate) fn medians<T>(name: &str, outcomes: &[Outcome<T>], note: &str) -> io::Result<()> {
    let median = |of: fn(&Outcome<T>) -> f64| {
        let mut values: Vec<f64> = outcomes.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    let errors: u32 = outcomes.iter().map(|outcome| outcome.errors).sum();
    let each: Vec<_> = outcomes.iter().map(|outcome| format!("{:.1}", outcome.percentile_ms(99))).collect();
    writeln!(
        io::stdout(),
        "| {name} | {:.0} | {:.2} | {:.2} | {errors} | {:.0} | {note}; p99 of each: {} |",
        median(Outcome::per_second),
        median(|outcome| outcome.percentile_ms(50)),
        median(|outcome| outcome.percentile_ms(99)),
        median(|outcome| outcome.cpu_us_per_request().unwrap_or_default()),
        each.join(", "),
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
