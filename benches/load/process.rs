//! The processes measured: starting, waiting for, watching and stopping them.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::load::Failure;
use crate::load::http::{Connection, Credential, request};

/// A server that does not answer by then has not started.
const START_MAX: Duration = Duration::from_mins(2);
/// After a polite request to stop; longer than any hanging payment is waited for.
const STOP_MAX: Duration = Duration::from_secs(45);
const POLL: Duration = Duration::from_millis(2);
/// `utime` and `stime` in /proc/PID/stat are in units of 1/100 s on every Linux (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// A child process that serves HTTP; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From the start of the process to its first answer.
    pub(crate) start_time: Duration,
}

impl Server {
    /// Starts `program` with Satchel's command line and waits for its health route.
    pub(crate) async fn spawn(program: &Path, folder: &Path) -> Result<Self, Failure> {
        let address = free_address()?;
        let log = folder.join("server.log");
        let mut command = Command::new(program);
        command.args(["serve", "--listen", &address.to_string(), "--data-dir"]);
        command.arg(folder.join("data"));
        // What is measured is the server, not its patience.
        command.env("SATCHEL_WALLET_REQUESTS_PER_MINUTE", "0").env("SATCHEL_ANONYMOUS_REQUESTS_PER_MINUTE", "0");
        let output = File::options().create(true).append(true).open(&log)?;
        command.stdout(output.try_clone()?).stderr(output);
        let started = Self::start(command, address, "/api/v1/health").await;
        started.map_err(|error| {
            let said = fs::read_to_string(&log).unwrap_or_default();
            format!("{error}; its output:\n{said}").into()
        })
    }

    /// Starts this very program again as the bare server.
    pub(crate) async fn spawn_bare(workers: usize) -> Result<Self, Failure> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--serve-bare", &address.port().to_string()]);
        command.args(["--bare-workers", &workers.to_string()]);
        Self::start(command, address, "/").await
    }

    async fn start(mut command: Command, address: SocketAddr, health: &str) -> Result<Self, Failure> {
        let begun = Instant::now();
        let child = command.stdin(Stdio::null()).spawn()?;
        let mut server = Self { child, address, start_time: Duration::ZERO };
        let ask = request(address, "GET", health, Credential::None, None);
        while begun.elapsed() < START_MAX {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("the server ended while starting: {status}").into());
            }
            // The reference redirects even its health route until it is installed.
            if let Ok((200..400, _)) = Connection::new(address).send(&ask).await {
                server.start_time = begun.elapsed();
                return Ok(server);
            }
            sleep(POLL).await;
        }
        Err("the server did not answer in time".into())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks the server to stop, as an init system does, and waits.
    pub(crate) async fn stop(mut self) -> Result<ExitStatus, Failure> {
        let pid = self.pid().to_string();
        Command::new("sh").args(["-c", "kill -TERM \"$0\"", &pid]).status()?;
        let begun = Instant::now();
        while begun.elapsed() < STOP_MAX {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            sleep(POLL).await;
        }
        Err("the server did not stop when asked to, and was killed".into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only if the process has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// A fresh folder on the disk that holds the build, so that fsync costs what it costs; removed
/// when dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Result<Self, Failure> {
        let name = format!("load-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left behind at worst, in a folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Resident memory, in MiB.
pub(crate) fn memory_mib(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u32 = line.split_whitespace().next()?.parse().ok()?;
    Some(f64::from(kib) / 1024.0)
}

/// CPU time used so far by all threads of the process, in and out of the kernel.
pub(crate) fn cpu_time(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses and may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * (user + system))
}
