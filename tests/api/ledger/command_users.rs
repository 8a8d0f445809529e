//! The program when nobody can log in: accounts, passwords and settings from the command line.

use std::{
    io::Write,
    process::{Output, Stdio},
};

use serde_json::{Value, json};

use super::process::{Folder, Process, program, text};
use crate::harness::{Caller, PASSWORD};

fn run(folder: &Folder, words: &[&str], stdin: Option<&str>) -> Output {
    // the helper puts the settings behind the first word, where sub-commands do not expect them
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_satchel"));
    for (name, value) in program(folder, "serve").get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.args(words).args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(&folder.0);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin.unwrap_or_default().as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{}", said(output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON: {}", said(output)))
}

async fn login(process: &Process, name: &str, password: &str) -> u16 {
    let body = json!({ "username": name, "password": password });
    Caller::of(&process.url, None).post("/api/v1/auth", body).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_the_folder_lets_people_in_and_out() {
    let folder = Folder::new();
    assert!(said(&run(&folder, &["user", "list"], None)).contains("there is no database"));
    let mut process = Process::start(&folder).await;
    let root = process.install().await;
    let body = json!({ "username": "alice", "password": PASSWORD, "password_repeat": PASSWORD });
    Caller::of(&process.url, None).post("/api/v1/auth/register", body).await.ok();
    let busy = run(&folder, &["user", "list"], None);
    assert!(!busy.status.success() && said(&busy).contains("another server uses the data folder"), "{}", said(&busy));
    process.kill();

    let listed = json_of(&run(&folder, &["user", "list", "--json"], None));
    let names: Vec<_> = listed["users"].as_array().unwrap().iter().map(|user| text(user, "username")).collect();
    assert_eq!(names, ["root", "alice"]);
    assert!(said(&run(&folder, &["user", "list"], None)).contains("super user"));

    // a key for one, a password for the super user, the door for nobody but one
    let made = json_of(&run(&folder, &["user", "reset-password", "ALICE", "--json"], None));
    let short = run(&folder, &["user", "reset-password", "root", "--stdin"], Some("short\n"));
    assert!(!short.status.success() && said(&short).contains("8 to 50"), "{}", said(&short));
    let set = run(&folder, &["user", "reset-password", "root", "--stdin"], Some("a new password\n"));
    assert!(set.status.success() && !said(&set).contains("a new password"), "{}", said(&set));
    let nobody = run(&folder, &["user", "reset-password", "carol"], None);
    assert!(!nobody.status.success() && said(&nobody).contains("User not found."), "{}", said(&nobody));

    let mut process = Process::start(&folder).await;
    assert_eq!(process.bearer(&root).get("/api/v1/auth").await.status, 401, "a login from before");
    assert_eq!((login(&process, "root", PASSWORD).await, login(&process, "root", "a new password").await), (401, 200));
    let reset = json!({ "reset_key": made["reset_key"], "password": "hers again", "password_repeat": "hers again" });
    Caller::of(&process.url, None).put("/api/v1/auth/reset", reset).await.ok();
    assert_eq!(login(&process, "alice", "hers again").await, 200);
    process.kill();

    let closed = json_of(&run(&folder, &["user", "deactivate", "alice", "--json"], None));
    assert_eq!(closed["user"]["activated"], false);
    assert!(!run(&folder, &["user", "deactivate", "root"], None).status.success());
    let mut process = Process::start(&folder).await;
    assert_eq!(login(&process, "alice", "hers again").await, 401);
    process.kill();
    assert!(run(&folder, &["user", "activate", "alice"], None).status.success());
    let process = Process::start(&folder).await;
    assert_eq!(login(&process, "alice", "hers again").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_answers_in_json() {
    let folder = Folder::new();
    Process::start(&folder).await.kill();
    let report = json_of(&run(&folder, &["check", "--json"], None));
    assert_eq!((&report["sound"], &report["faults"], &report["owed_msat"]), (&json!(true), &json!([]), &json!(0)));
}

#[test]
fn config_says_what_holds_and_where_it_came_from() {
    let folder = Folder::new();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_satchel"));
    command.env_clear().args(["config", "--json", "--log", "warn", "--data-dir"]).arg(&folder.0);
    let secret = "postgres://somebody:hidden@127.0.0.1/x";
    command.env("DATABASE_URL", secret).env("SATCHEL_LISTEN", "127.0.0.1:7").env("AUTH_SECRET_KEY", "hidden");
    std::fs::write(folder.file("master.key"), "hidden").unwrap();
    let output = command.output().unwrap();
    let shown = json_of(&output);
    let shown = shown["settings"].as_array().unwrap();
    for (name, value, origin) in [
        ("SATCHEL_LISTEN", "127.0.0.1:7", "environment"),
        ("SATCHEL_LOG", "warn", "flag"),
        ("SATCHEL_FUNDING", "play", "default"),
        ("SATCHEL_WALLET_REQUESTS_PER_MINUTE", "1200", "default"),
        ("DATABASE_URL", "set", "environment"),
        ("AUTH_SECRET_KEY", "set", "environment"),
        ("SATCHEL_MASTER_KEY", "set", "file"),
        ("SATCHEL_FIRST_INSTALL_TOKEN", "not set", "default"),
    ] {
        let found = shown.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!((&found["value"], &found["origin"]), (&json!(value), &json!(origin)), "{name}");
    }
    assert!(!said(&output).contains("hidden"), "{}", said(&output));
    // every setting that the README knows
    let readme = include_str!("../../../README.md");
    let rows = readme.lines().filter(|line| line.starts_with("| `"));
    let known =
        rows.flat_map(|row| row.split('|').nth(1).unwrap().split(',').map(|cell| cell.trim().trim_matches('`')));
    for name in known.filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_')) {
        assert!(shown.iter().any(|one| one["name"] == name), "{name} is missing");
    }
}
