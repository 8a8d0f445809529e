//! `satchel serve | migrate | check | restore | rotate-session-key | openapi | health`.

use std::{
    io::{BufRead, IsTerminal, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};
use satchel::{
    app::{self, App, Parts, StartError},
    backup,
    clock::Clock,
    config::{DATABASE_FILE, LogFormat, Settings},
    http, store,
};
use tokio::signal::unix::{SignalKind, signal};

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
    Check(Check),
    /// Make a data folder (or fill an empty PostgreSQL) from a backup. The pass phrase is read from
    /// `SATCHEL_BACKUP_PASS_PHRASE`, or else asked for.
    Restore(Restore),
    /// Let a new key sign session tokens; nobody has to log in again. The server must not be running, unless
    /// it uses PostgreSQL: then ask it by POST /admin/api/v1/session-keys/rotate.
    RotateSessionKey(Settings),
    /// Print the OpenAPI document.
    Openapi,
    /// Ask the running server whether it is well; fails when it is not.
    Health(Settings),
}

#[derive(clap::Args)]
struct Check {
    #[command(flatten)]
    settings: Settings,
    /// Look at the audit log as well: is a line missing, altered or moved?
    #[arg(long)]
    audit: bool,
}

#[derive(clap::Args)]
struct Restore {
    /// The backup.
    file: PathBuf,
    #[command(flatten)]
    settings: Settings,
}

type Failure = Box<dyn std::error::Error>;

/// Runs the command that the arguments name.
pub(crate) fn run() -> ExitCode {
    let command = Cli::parse().command.unwrap_or_else(|| match Cli::parse_from(["satchel", "serve"]).command {
        Some(command) => command,
        None => Command::Openapi,
    });
    let outcome = match command {
        Command::Serve(settings) => on_runtime(serve(settings)),
        Command::Migrate(settings) => on_runtime(migrate(settings)),
        Command::Check(command) => on_runtime(check(command.settings, command.audit)),
        Command::Restore(command) => on_runtime(restore(command.file, command.settings)),
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
    let filter = tracing_subscriber::EnvFilter::try_new(&settings.log)
        .map_err(|error| format!("SATCHEL_LOG {:?}: {error}", settings.log))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.observing.log_format {
        LogFormat::Human => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
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
    let play = if source == "simulated" { " — play money, no real bitcoin" } else { "" };
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

async fn check(settings: Settings, audit: bool) -> Result<(), Failure> {
    if settings.postgres()?.is_none() && !settings.data_dir.join(DATABASE_FILE).exists() {
        return Err(format!("there is no database in {}", settings.data_dir.display()).into());
    }
    let parts = match Parts::open(&settings).await {
        Err(StartError::Busy(_)) if settings.postgres()?.is_some() => Parts::open_beside(&settings).await?,
        other => other?,
    };
    let report = parts.ledger().check().await?;
    say(&report.to_string())?;
    let mut faults = report.faults.len();
    if audit {
        let verdict = parts.audit().verify().await?;
        for fault in &verdict.faults {
            say(&format!("FAULT: audit log: {fault}"))?;
        }
        let word = if verdict.faults.is_empty() { "whole" } else { "NOT whole" };
        say(&format!("The audit log has {} lines and is {word}.", verdict.lines))?;
        faults += verdict.faults.len();
    }
    if faults == 0 { Ok(()) } else { Err(format!("{faults} faults").into()) }
}

async fn restore(file: PathBuf, settings: Settings) -> Result<(), Failure> {
    let clock = Clock::system();
    let folder = settings.data_dir.clone();
    app::make_folder(&folder)?;
    let pass_phrase = pass_phrase()?;
    let url = settings.postgres()?;
    let restored = backup::restore(&file, &folder, url.is_some(), pass_phrase, &clock)?;
    if let Some((dump, url)) = restored.dump.as_ref().zip(url) {
        store::load_dump(dump, url).await.map_err(|error| {
            format!("{error}. The dump is {}; load it into an empty database by pg_restore.", dump.display())
        })?;
        std::fs::remove_file(dump)?;
    }
    let store = app::open_store(&settings).await?;
    let detail = format!(
        "the database was restored from a backup of {}: compare the ledger with the node before more is sent",
        restored.created_at
    );
    store.alarm_restored(settings.funding.name().to_owned(), detail, clock.now()).await?;
    say(&format!("Restored into {} what was backed up at {}.", folder.display(), restored.created_at))?;
    say("The node is asked about everything that was in flight then. Nothing is sent until the super user has")?;
    say("looked at the alarms (GET /admin/api/v1/alarms) and acknowledged them.")
}

/// From the environment, or from whoever sits there.
fn pass_phrase() -> Result<String, Failure> {
    if let Ok(given) = std::env::var("SATCHEL_BACKUP_PASS_PHRASE") {
        return Ok(given);
    }
    if std::io::stdin().is_terminal() {
        write!(std::io::stderr(), "Pass phrase (it will show): ")?;
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

async fn rotate_session_key(settings: Settings) -> Result<(), Failure> {
    let parts = match Parts::open(&settings).await {
        Err(StartError::Busy(_)) if settings.postgres()?.is_some() => Parts::open_beside(&settings).await?,
        other => other?,
    };
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
