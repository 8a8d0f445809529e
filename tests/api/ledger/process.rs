//! The real program as a child process, to be killed, starved and read.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    time::Duration,
};

use reqwest::Method;
use satchel::{clock::Clock, domain::ids::to_hex};
use serde_json::{Value, json};

use crate::harness::{Answer, Caller, PASSWORD};

/// A folder in memory's file system, gone when dropped.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        let parent = if Path::new("/dev/shm").is_dir() { PathBuf::from("/dev/shm") } else { std::env::temp_dir() };
        let path = parent.join(format!("satchel-{}", to_hex(&Clock::system().bytes::<12>())));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What the simulated node has written down.
    pub(super) fn journal(&self) -> String {
        fs::read_to_string(self.file("simulated-node.jsonl")).unwrap_or_default()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A command of the program on this folder, with nothing of the developer's own settings.
pub(super) fn program(folder: &Folder, command: &str) -> Command {
    let mut program = Command::new("bash");
    // writing beyond the limit of a file's size is to fail, not to kill
    program.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_satchel"), command]);
    program.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(&folder.0);
    for name in ["DATABASE_URL", "SATCHEL_LOG", "SATCHEL_MASTER_KEY", "SATCHEL_PUBLIC_URL", "AUTH_SECRET_KEY"] {
        program.env_remove(name);
    }
    program.env("SATCHEL_WALLET_REQUESTS_PER_MINUTE", "0").env("SATCHEL_ANONYMOUS_REQUESTS_PER_MINUTE", "0");
    program.env("SATCHEL_FUNDING", "simulated").env_remove("SATCHEL_FIRST_INSTALL_TOKEN");
    program
}

/// Runs `satchel check`.
pub(super) fn check(folder: &Folder) -> Output {
    program(folder, "check").output().unwrap()
}

/// A running server; killed when dropped.
pub(super) struct Process {
    child: Child,
    pub(super) url: String,
    /// What it said when it started.
    pub(super) greeting: String,
}

impl Process {
    pub(super) async fn start(folder: &Folder) -> Self {
        Self::start_with(folder, program(folder, "serve")).await
    }

    /// Starts it and waits until it listens. Its log goes to the file `log` in the folder.
    pub(super) async fn start_with(folder: &Folder, mut program: Command) -> Self {
        let log = File::options().create(true).append(true).open(folder.file("log")).unwrap();
        let mut child = program.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (lines, said) = mpsc::channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        let (mut url, mut greeting) = (None, String::new());
        // the greeting's last line names the API, or how to install
        while let Ok(line) =
            said.recv_timeout(if url.is_none() { Duration::from_secs(20) } else { Duration::from_millis(20) })
        {
            if let Some((_, at)) = line.split_once(" listens on ") {
                url = Some(at.to_owned());
            }
            greeting.push_str(&line);
            greeting.push('\n');
        }
        let Some(url) = url else {
            panic!("it did not start: {}", fs::read_to_string(folder.file("log")).unwrap_or_default())
        };
        Self { child, url, greeting }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, and waits until it has.
    pub(super) fn stop(&mut self) {
        assert!(Command::new("kill").arg(self.id().to_string()).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }

    pub(super) fn key(&self, key: &str) -> Caller {
        Caller::of(&self.url, Some(("X-Api-Key", key)))
    }

    pub(super) fn bearer(&self, token: &str) -> Caller {
        Caller::of(&self.url, Some(("Authorization", &format!("Bearer {token}"))))
    }

    /// The super user's token, after the first install.
    pub(super) async fn install(&self) -> String {
        let body = json!({ "username": "root", "password": PASSWORD, "password_repeat": PASSWORD });
        text(&Caller::of(&self.url, None).put("/api/v1/auth/first_install", body).await.ok(), "access_token")
    }

    /// A new wallet with so many satoshi, as the API describes it.
    pub(super) async fn wallet(&self, root: &str, sat: i64) -> Value {
        let wallet = Caller::of(&self.url, None).post("/api/v1/account", json!({ "name": "test" })).await.ok();
        if sat > 0 {
            let credit = json!({ "id": wallet["id"], "amount": sat });
            self.bearer(root).put("/users/api/v1/balance", credit).await.ok();
        }
        wallet
    }

    /// A request of the outside world.
    pub(super) async fn outside(&self, root: &str, msat: i64, memo: &str) -> String {
        let body = json!({ "amount_msat": msat, "memo": memo });
        text(&self.bearer(root).post("/admin/api/v1/simulation/invoice", body).await.ok(), "bolt11")
    }

    /// A new invoice of the wallet with this key.
    pub(super) async fn invoice(&self, key: &str, sat: i64) -> String {
        let body = json!({ "out": false, "amount": sat });
        text(&self.key(key).post("/api/v1/payments", body).await.ok(), "bolt11")
    }

    pub(super) async fn pay(&self, key: &str, bolt11: &str) -> Answer {
        self.key(key).post("/api/v1/payments", json!({ "out": true, "bolt11": bolt11 })).await
    }

    /// What the wallet with this key holds, in msat.
    pub(super) async fn balance(&self, key: &str) -> i64 {
        self.key(key).get("/api/v1/wallet").await.ok()["balance"].as_i64().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A request to a server that may be killed meanwhile.
pub(super) async fn try_post(caller: &Caller, path: &str, body: Value) -> Option<Answer> {
    try_send(caller, Method::POST, path, Some(body)).await
}

/// The same with any method.
pub(super) async fn try_send(caller: &Caller, method: Method, path: &str, body: Option<Value>) -> Option<Answer> {
    let body = body.map(|body| body.to_string().into_bytes());
    tokio::time::timeout(Duration::from_secs(20), caller.attempt(method, path, body, &[])).await.unwrap().ok()
}

/// A member of an object that must be a text.
pub(super) fn text(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_else(|| panic!("no {name} in {object}")).to_owned()
}
