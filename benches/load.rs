//! How fast a server of the `LNbits` API is over HTTP, as a Markdown table on standard output.
//!
//! It speaks only what Satchel and the reference (`LNbits` 1.6.2) have in common, so both can be
//! measured with the same bytes:
//!
//! ```text
//! cargo bench --bench load                                    # this build of Satchel, every row
//! cargo bench --bench load -- --rows 100000 --only balance,list
//! cargo bench --bench load -- --spawn PROGRAM                 # another server: PROGRAM serve --listen A --data-dir D
//! cargo bench --bench load -- --url http://127.0.0.1:5000     # one that is running
//! ```
//!
//! A running server needs `--super-user` and `--super-password`, unless it is not installed yet.
//! Its rate limits are lifted and its accounts, wallets and payments stay: use a throw-away one.
//!
//! # Columns
//!
//! Every client is a keep-alive connection that sends its next request when the last is answered.
//! Latency is seen by the client: with many clients on few cores most of it is waiting in line.
//! An answer counts only if it is the wanted one; all others are errors. The load generator is
//! one thread and shares the machine with the server; so does whatever else is running, which
//! is why the load average is printed, and CPU time of the server per request, which depends on
//! neighbours the least (including background work in that time; only for spawned servers).
//!
//! # Rows
//!
//! * `start`: from starting the process until the health route answers, on an empty data folder and,
//!   at the end of the run, on the folder that the run has filled. Spawned servers only.
//! * `memory`: resident memory one second after the start, at the end, and one second after starting
//!   again. Spawned servers only.
//! * `stop`: only if the server did not end by itself, with status 0, when asked to (SIGTERM).
//! * `bare`: an actix-web handler with a constant JSON answer, in a process of its own: the ceiling.
//! * `balance`: `GET /api/v1/wallet` with the invoice key of a wallet with few or many payments.
//! * `invoice`: `POST /api/v1/payments` with the invoice keys of 16 wallets.
//! * `payment`: paying invoices of those 16 wallets, made before the clock starts, from 16 others;
//!   `hot`: from a single one.
//! * `token`: balances of the 16 wallets by their invoice keys, and by tokens of an access list, in turn.
//! * `list`: pages of 20 of the big wallet, by one client, so that latency is the server's own.
//! * `export`: all payments of the big wallet as CSV, and the server's resident memory meanwhile.
//! * `listeners`: from paying until each of 200 websockets of the payee's wallet has heard of it, one payment at a time.
//! * `sockets`: resident memory with 10,000 websockets that only listen. Spawned servers only.
//! * `hang`: balances of the payers while the node is well and while 32 of their payments hang at the
//!   (simulated) node, in turn; medians of the rounds.
//!
//! The history of a wallet is written into the database of a Satchel that was started here, and made
//! over HTTP anywhere else.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::load::{Failure, bare, measure, table};

mod load {
    pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

    pub(crate) mod api;
    pub(crate) mod bare;
    pub(crate) mod drive;
    pub(crate) mod export;
    pub(crate) mod http;
    pub(crate) mod judge;
    pub(crate) mod listen;
    pub(crate) mod measure;
    pub(crate) mod process;
    pub(crate) mod seed;
    pub(crate) mod table;
}

/// Measures a Lightning wallet server over HTTP and prints a Markdown table.
#[derive(Parser)]
pub(crate) struct Args {
    /// Measure the server running here, on this machine, instead of starting one.
    #[arg(long, value_parser = local_address)]
    url: Option<SocketAddr>,
    /// The server to start, called as `PROGRAM serve --listen ADDRESS --data-dir FOLDER`.
    #[arg(long, value_name = "PROGRAM", default_value = env!("CARGO_BIN_EXE_satchel"))]
    spawn: PathBuf,
    /// Connections used at the same time.
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// Length of each measurement, after a warm-up of a tenth of it.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Measure only these.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Measurement>,
    /// Payments to put into the big wallet; with 0 it is not measured.
    #[arg(long, default_value_t = 1_000_000)]
    rows: usize,
    #[arg(long, default_value = "loadadmin")]
    super_user: String,
    #[arg(long, default_value = "load generator")]
    super_password: String,
    /// Worker threads of the bare server: as many as the measured server has.
    #[arg(long, default_value_t = 2)]
    bare_workers: usize,
    /// Be the bare server.
    #[arg(long, hide = true, value_name = "PORT")]
    serve_bare: Option<u16>,
    /// Given by `cargo bench`, and not by `cargo test --all-targets`.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measurement {
    Start,
    Memory,
    Bare,
    Balance,
    Invoice,
    Payment,
    Hot,
    Token,
    List,
    Export,
    Hang,
    Listeners,
    Sockets,
}

impl Args {
    fn wants(&self, measurement: Measurement) -> bool {
        self.only.is_empty() || self.only.contains(&measurement)
    }

    fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    fn warm(&self) -> Duration {
        self.time() / 10
    }
}

/// Load is for one's own machine only.
fn local_address(url: &str) -> Result<SocketAddr, String> {
    let address = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
    let address: SocketAddr = address.parse().map_err(|_| "not http://ADDRESS:PORT".to_owned())?;
    if address.ip().is_loopback() { Ok(address) } else { Err("not an address of this machine".to_owned()) }
}

fn main() -> ExitCode {
    match work(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            table::progress(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn work(args: &Args) -> Result<(), Failure> {
    if let Some(port) = args.serve_bare {
        return bare::serve(port, args.bare_workers);
    }
    if !args.bench {
        table::progress("nothing measured: this is for `cargo bench` (or pass --bench)");
        return Ok(());
    }
    // One thread: the cores belong to the server.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    runtime.block_on(measure::all(args))
}
