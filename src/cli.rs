//! `satchel serve | migrate | check | restore | user | config | rotate-session-key | openapi | health`.

mod check;
mod restore;
mod users;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use satchel::{
    app::{self, App, Parts, StartError},
    config::{DATABASE_FILE, LogFormat, Settings, report},
    http,
    observe::Traces,
};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::{EnvFilter, Layer, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// A Lightning wallet backend: many wallets with two keys each on one funding source.
#[derive(Parser)]
#[command(name = "satchel", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server (what is done without a command).
    Serve(Settings),
    /// Bring the database up to date and stop.
    Migrate(Settings),
    /// Prove that the ledger adds up; fails when it does not. The server must not be running, unless
    /// it uses PostgreSQL.
    Check(check::Check),
    /// Make a data folder (or fill an empty PostgreSQL) from a backup. The pass phrase is read from
    /// `SATCHEL_BACKUP_PASS_PHRASE`, or else asked for.
    Restore(restore::Restore),
    /// List accounts, let somebody back in, open and close accounts: for when nobody can log in. The server must
    /// not be running, unless it uses PostgreSQL.
    User {
        #[command(subcommand)]
        command: users::UserCommand,
    },
    /// Show every boot setting, its value and where it came from; of secrets only whether they are set.
    Config(Told),
    /// Let a new key sign session tokens; nobody has to log in again. The server must not be running, unless
    /// it uses PostgreSQL: then ask it by POST /admin/api/v1/session-keys/rotate.
    RotateSessionKey(Settings),
    /// Print the OpenAPI document.
    Openapi,
    /// Ask the running server whether it is well; fails when it is not.
    Health(Settings),
}

/// Settings and how to answer.
#[derive(Args)]
struct Told {
    #[command(flatten)]
    settings: Settings,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

type Failure = Box<dyn std::error::Error>;

/// Runs the command that the arguments name.
pub(crate) fn run() -> ExitCode {
    let matches = Cli::command().get_matches();
    let parsed = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let command = parsed.command.unwrap_or_else(|| match Cli::parse_from(["satchel", "serve"]).command {
        Some(command) => command,
        None => Command::Openapi,
    });
    let outcome = match command {
        Command::Serve(settings) => on_runtime(serve(settings)),
        Command::Migrate(settings) => on_runtime(migrate(settings)),
        Command::Check(command) => on_runtime(check::run(command)),
        Command::Restore(command) => on_runtime(restore::run(command)),
        Command::User { command } => on_runtime(users::run(command)),
        Command::Config(told) => match matches.subcommand() {
            Some((_, of_command)) => config(&told, &report::settings(of_command, &told.settings.data_dir)),
            None => Ok(()),
        },
        Command::RotateSessionKey(settings) => on_runtime(rotate_session_key(settings)),
        Command::Openapi => say(&http::openapi_json(&http::table())),
        Command::Health(settings) => health(settings.listen),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "satchel: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Jobs, dispatched payments and database work share this runtime; requests have workers of their own.
fn on_runtime(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(work)
}

fn say(text: &str) -> Result<(), Failure> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

async fn serve(settings: Settings) -> Result<(), Failure> {
    let filter =
        EnvFilter::try_new(&settings.log).map_err(|error| format!("SATCHEL_LOG {:?}: {error}", settings.log))?;
    let log = fmt::layer().with_writer(std::io::stderr);
    let log = match settings.observing.log_format {
        LogFormat::Human => log.with_filter(filter).boxed(),
        LogFormat::Json => log.json().flatten_event(true).with_filter(filter).boxed(),
    };
    let collector = settings.observing.otlp_endpoint.as_ref();
    let traces = collector.map(Traces::to).transpose().map_err(|error| format!("SATCHEL_OTLP_ENDPOINT: {error}"))?;
    tracing_subscriber::registry().with(log).with(traces.as_ref().map(Traces::layer)).init();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let parts = Parts::open(&settings).await?;
    let database = match parts.store.name() {
        "SQLite" => format!("SQLite, {}", settings.data_dir.join(DATABASE_FILE).display()),
        other => other.to_owned(),
    };
    let app = App::start(&settings, parts).await?;
    // a server whose standard output nobody reads any more works all the same
    if let Err(error) = greet(&settings, &app, &database) {
        tracing::info!(%error, "the greeting could not be written");
    }
    let again = tokio::select! {
        _ = interrupt.recv() => false,
        _ = terminate.recv() => false,
        () = app.restart_wanted() => true,
    };
    let _ = say(if again { "Starting anew: open requests may finish." } else { "Stopping: open requests may finish." });
    app.stop().await;
    if let Some(traces) = traces {
        traces.finish().await;
    }
    if again { Err(begin_anew().into()) } else { Ok(()) }
}

/// Replaces this program by the one that is now at its place, with the same arguments; answers only when that fails.
fn begin_anew() -> String {
    let mut arguments = std::env::args_os();
    let called = arguments.next().map(PathBuf::from);
    // after an update the running program's own file is gone, and what it was called by leads to the new one
    let program = std::env::current_exe().ok().filter(|path| path.exists()).or(called);
    let Some(program) = program else { return "the program does not know its own name".to_owned() };
    let error = std::process::Command::new(&program).args(arguments).exec();
    format!("{} cannot be started anew: {error}", program.display())
}

fn greet(settings: &Settings, app: &App, database: &str) -> Result<(), Failure> {
    let url = settings.public_url(app.address())?;
    let (source, network) = (app.ledger().source_name(), app.ledger().network());
    let play = if network == "mainnet" { "" } else { " — play money, no real bitcoin" };
    say(&format!("Satchel {} listens on {url}", env!("CARGO_PKG_VERSION")))?;
    say(&format!("  data       {}", settings.data_dir.display()))?;
    say(&format!("  database   {database}"))?;
    say(&format!("  Lightning  {source} node, {network}{play}"))?;
    say(&format!("  API        {url}/docs"))?;
    if app.is_install_open() {
        say(&format!("  The super user has no password yet. Set it at {url}/first_install"))?;
        say("  or with PUT /api/v1/auth/first_install {\"username\", \"password\", \"password_repeat\"}.")?;
    }
    Ok(())
}

async fn migrate(settings: Settings) -> Result<(), Failure> {
    let store = app::open_store(&settings).await?;
    say(&format!("The {} database is up to date.", store.name()))
}

/// The parts of the server for a command of its own: alone in the data folder, or beside a server that runs where
/// the database is one that servers share.
async fn offline(settings: &Settings) -> Result<Parts, Failure> {
    if settings.postgres()?.is_none() && !settings.data_dir.join(DATABASE_FILE).exists() {
        return Err(format!("there is no database in {}", settings.data_dir.display()).into());
    }
    match Parts::open(settings).await {
        Err(StartError::Busy(_)) if settings.postgres()?.is_some() => Ok(Parts::open_beside(settings).await?),
        other => Ok(other?),
    }
}

fn answer(as_json: bool, json: &Value, text: &str) -> Result<(), Failure> {
    if as_json { say(&serde_json::to_string_pretty(json)?) } else { say(text) }
}

fn config(told: &Told, settings: &[report::Setting]) -> Result<(), Failure> {
    let line = |one: &report::Setting| format!("{:<40} {:<11} {}", one.name, one.origin, one.value);
    let lines: Vec<String> = settings.iter().map(line).collect();
    answer(told.json, &json!({ "settings": settings }), &lines.join("\n"))
}

async fn rotate_session_key(settings: Settings) -> Result<(), Failure> {
    let parts = offline(&settings).await?;
    let number = parts.store.session_key_rotate(parts.clock.now()).await?;
    say(&format!("Session key {number} signs from now on; sessions signed before stay good."))
}

/// Asks over plain HTTP on the address that the settings name; any address means this machine.
fn health(listen: SocketAddr) -> Result<(), Failure> {
    let ip = match listen.ip() {
        ip if ip.is_unspecified() && ip.is_ipv4() => [127, 0, 0, 1].into(),
        ip if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let patience = Duration::from_secs(3);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(ip, listen.port()), patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer)?;
    let status = answer.split_whitespace().nth(1).unwrap_or_default();
    // before the first install everything is redirected, and the server is well
    if matches!(status, "200" | "307") { say("ok") } else { Err(format!("the server answers {status:?}").into()) }
}
