//! A backup of the running program, restored and run: scenario 31 of the reliability list. The node went on
//! after the backup; what the restored ledger does not know of it is reported, and nothing is sent until a person
//! has looked.

use std::{fs, process::Command};

use serde_json::{Value, json};

use super::{
    process::{Folder, Process, check, program, text},
    until,
};
use crate::{
    databases::OwnDatabase,
    harness::{Caller, hash_of},
};

const PASS_PHRASE: &str = "correct horse battery staple";

async fn back_up(process: &Process, root: &str, to: &std::path::Path) {
    let order = json!({ "pass_phrase": PASS_PHRASE });
    let url = format!("{}/admin/api/v1/backup", process.url);
    let answer = reqwest::Client::new().post(url).bearer_auth(root).json(&order).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let name = answer.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(name.contains(".tar.age"), "{name}");
    fs::write(to, answer.bytes().await.unwrap()).unwrap();
}

fn restore(folder: &Folder, file: &std::path::Path, pass_phrase: &str) -> std::process::Output {
    restore_by(program(folder, "restore"), file, pass_phrase)
}

fn restore_by(mut command: Command, file: &std::path::Path, pass_phrase: &str) -> std::process::Output {
    command.arg(file).env("SATCHEL_BACKUP_PASS_PHRASE", pass_phrase);
    tokio::task::block_in_place(|| command.output().unwrap())
}

fn said(output: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

async fn alarms(process: &Process, root: &str) -> Vec<Value> {
    let open = process.bearer(root).get("/admin/api/v1/alarms?acknowledged=false&sortby=created_at").await.ok();
    open["data"].as_array().unwrap().clone()
}

/// The node's journal, in which everything that is under way ends now.
fn due_now(journal: &str) -> String {
    let now = satchel::clock::Clock::system().now().0;
    let line = |line: &str| {
        let mut fact: Value = serde_json::from_str(line).unwrap();
        if fact["due"].is_i64() {
            fact["due"] = now.into();
        }
        format!("{fact}\n")
    };
    journal.lines().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn s31_a_restored_backup_asks_first_and_pays_nothing_twice() {
    let (old, new) = (Folder::new(), Folder::new());
    let mut process = Process::start(&old).await;
    let root = process.install().await;
    let wallet = process.wallet(&root, 1000).await;
    let key = text(&wallet, "adminkey");
    let slow = process.outside(&root, 10_000, "sim:hang").await;
    let before = process.outside(&root, 20_000, "").await;
    assert_eq!(process.pay(&key, &before).await.status, 201);
    process.pay(&key, &slow).await;
    let file = old.file("backup.tar.age");
    back_up(&process, &root, &file).await;
    let after = process.outside(&root, 30_000, "").await;
    assert_eq!(process.pay(&key, &after).await.body["status"], "success");
    assert!(
        !fs::read_dir(&old.0).unwrap().any(|entry| entry.unwrap().file_name().to_string_lossy().contains(".backup"))
    );
    process.kill();
    // what a server that was killed in the middle of a backup left behind goes at the next start
    fs::create_dir(old.file(".backup-left")).unwrap();
    Process::start(&old).await.kill();
    assert!(!old.file(".backup-left").exists());

    // the node goes on as it was; only the ledger is an older one
    fs::write(new.file("simulated-node.jsonl"), due_now(&old.journal())).unwrap();
    let output = restore(&new, &file, "another pass phrase");
    assert!(!output.status.success() && said(&output).contains("pass phrase is not the one"), "{}", said(&output));
    assert!(!new.file("satchel.sqlite3").exists() && !new.file("master.key").exists());
    let output = restore(&new, &file, PASS_PHRASE);
    assert!(output.status.success(), "{}", said(&output));
    let output = restore(&new, &file, PASS_PHRASE);
    assert!(!output.status.success() && said(&output).contains("already"), "{}", said(&output));
    let output = check(&new);
    assert!(output.status.success() && said(&output).contains("restored"), "{}", said(&output));

    let process = Process::start(&new).await;
    assert!(process.greeting.contains("listens on") && !process.greeting.contains("first_install"));
    // the payment that the ledger does not know of is found at the node
    until("the missing payment is reported", || async {
        alarms(&process, &root).await.iter().any(|alarm| text(alarm, "detail").contains(&hash_of(&after).to_string()))
    })
    .await;
    let known = hash_of(&before).to_string();
    assert!(!alarms(&process, &root).await.iter().any(|alarm| text(alarm, "detail").contains(&known)));
    // what was in flight is asked about, without being sent again
    until("the payment in flight ends", || async {
        let path = format!("/api/v1/payments/{}", hash_of(&slow));
        process.key(&key).get(&path).await.body["paid"] == true
    })
    .await;
    for bolt11 in [&after, &process.outside(&root, 5000, "").await] {
        let refused = process.pay(&key, bolt11).await;
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (503, &json!("funding_source_unavailable")),
            "{}",
            refused.text
        );
        assert!(refused.detail().contains("/admin/api/v1/alarms/"), "{}", refused.text);
    }
    for alarm in alarms(&process, &root).await {
        let path = format!("/admin/api/v1/alarms/{}", alarm["id"]);
        process.bearer(&root).put(&path, json!({ "acknowledged": true })).await.ok();
    }
    let next = process.outside(&root, 5000, "").await;
    assert_eq!(process.pay(&key, &next).await.body["status"], "success");
    // the node paid it after the backup, and does not pay it again
    process.pay(&key, &after).await;
    let journal = new.journal();
    let hash = hash_of(&after).to_string();
    let sent = journal.lines().filter(|line| line.contains("ccepted") && line.contains(&hash)).count();
    assert_eq!(sent, 1, "{journal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_backup_or_not_all_of_one_is_refused_whole() {
    let (old, new) = (Folder::new(), Folder::new());
    let process = Process::start(&old).await;
    let root = process.install().await;
    let file = old.file("backup.tar.age");
    back_up(&process, &root, &file).await;
    let whole = fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    for bytes in [b"nonsense".to_vec(), whole[..whole.len() - 10].to_vec(), whole[..70_000].to_vec(), flipped] {
        fs::write(&file, bytes).unwrap();
        let output = restore(&new, &file, PASS_PHRASE);
        assert!(!output.status.success(), "{}", said(&output));
        assert_eq!(fs::read_dir(&new.0).unwrap().count(), 0, "{}", said(&output));
    }
    fs::write(&file, &whole).unwrap();
    let output = restore(&new, &file, PASS_PHRASE);
    assert!(output.status.success(), "{}", said(&output));
    // neither the key nor a password hash can be read in it
    let master = fs::read(old.file("master.key")).unwrap();
    assert_eq!(fs::read(new.file("master.key")).unwrap(), master);
    assert!(!whole.windows(master.len()).any(|window| window == master));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_a_line_of_the_audit_log_that_was_altered() {
    use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
    let folder = Folder::new();
    let mut process = Process::start(&folder).await;
    let root = process.install().await;
    let wallet = process.wallet(&root, 0).await;
    for _ in 0..3 {
        process.pay(&text(&wallet, "adminkey"), "nonsense").await;
    }
    process.bearer(&root).get("/audit/api/v1").await.ok();
    process.kill();
    let audited = || tokio::task::block_in_place(|| program(&folder, "check").arg("--audit").output().unwrap());
    let output = audited();
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("The audit log has 3 lines and is whole."), "{}", said(&output));
    let mut conn = SqliteConnection::establish(folder.file("satchel.sqlite3").to_str().unwrap()).unwrap();
    conn.batch_execute("UPDATE audit SET response_code = 201 WHERE id = 2").unwrap();
    drop(conn);
    let output = audited();
    assert!(!output.status.success() && said(&output).contains("line 2 was altered"), "{}", said(&output));
    assert!(check(&folder).status.success(), "the ledger itself is sound");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_super_user_starts_the_program_anew() {
    let folder = Folder::new();
    // a port of its own, so that the new program is found where the old one was
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut serve = Command::new(env!("CARGO_BIN_EXE_satchel"));
    serve.args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data-dir"]).arg(&folder.0);
    serve.env("SATCHEL_LOG_FORMAT", "json").env("SATCHEL_LOG", "debug");
    for name in ["DATABASE_URL", "SATCHEL_MASTER_KEY", "SATCHEL_PUBLIC_URL", "AUTH_SECRET_KEY", "SATCHEL_FUNDING"] {
        serve.env_remove(name);
    }
    let process = Process::start_with(&folder, serve).await;
    let root = process.install().await;
    let ask = Caller::of(&process.url, Some(("Authorization", &format!("Bearer {root}"))));
    let asked = ask.post("/admin/api/v1/restart", json!({})).await;
    assert_eq!(asked.clone().ok(), json!({ "status": "Success" }));
    let id = asked.headers["x-request-id"].to_str().unwrap().to_owned();
    // the new one has answered no request yet
    until("it begins anew", || async {
        let answer = ask.attempt(reqwest::Method::GET, "/metrics", None, &[]).await;
        answer.is_ok_and(|answer| answer.status == 200 && !answer.text.contains("/admin/api/v1/restart"))
    })
    .await;
    assert_eq!(ask.get("/api/v1/auth").await.status, 200, "the same data, the same session");
    let log = fs::read_to_string(folder.file("log")).unwrap();
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    let told = |line: &&Value| line["message"].as_str().is_some_and(|text| text.contains("starts the server anew"));
    let line = lines.iter().find(told).unwrap_or_else(|| panic!("{log}"));
    assert_eq!(line["span"]["id"], id, "the request's id is with what it logged: {line}");
}

/// A command of the program that works on this PostgreSQL.
fn on(database: &OwnDatabase, folder: &Folder, command: &str) -> Command {
    let mut program = program(folder, command);
    program.env("DATABASE_URL", &database.url);
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_postgresql_fills_an_empty_one() {
    let (old, new) = (Folder::new(), Folder::new());
    let (before, after) = (OwnDatabase::new().await, OwnDatabase::new().await);
    let process = Process::start_with(&old, on(&before, &old, "serve")).await;
    let root = process.install().await;
    let key = text(&process.wallet(&root, 1000).await, "adminkey");
    let file = old.file("backup.tar.age");
    back_up(&process, &root, &file).await;
    drop(process);

    let output = restore_by(on(&after, &new, "restore"), &file, PASS_PHRASE);
    assert!(output.status.success(), "{}", said(&output));
    assert!(!fs::read_dir(&new.0).unwrap().any(|entry| entry.unwrap().file_name().to_string_lossy().contains("dump")));
    // a database that is in use is not written over
    let third = Folder::new();
    let output = restore_by(on(&after, &third, "restore"), &file, PASS_PHRASE);
    assert!(!output.status.success() && said(&output).contains("already exists"), "{}", said(&output));

    let mut checking = on(&after, &new, "check");
    let output = checking.args(["--audit", "--json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["sound"], &report["owed_msat"]), (&json!(true), &json!(1_000_000)), "{report}");
    assert_eq!(report["audit_log"]["whole"], true, "{report}");
    let process = Process::start_with(&new, on(&after, &new, "serve")).await;
    assert_eq!(process.balance(&key).await, 1_000_000);
    assert!(!alarms(&process, &root).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_pg_dump_a_backup_says_what_to_run() {
    let (folder, tools, database) = (Folder::new(), Folder::new(), OwnDatabase::new().await);
    let bash = ["/bin/bash", "/usr/bin/bash"].into_iter().find(|path| fs::exists(path).unwrap()).unwrap();
    std::os::unix::fs::symlink(bash, tools.file("bash")).unwrap();
    let mut serve = on(&database, &folder, "serve");
    serve.env("PATH", &tools.0);
    let process = Process::start_with(&folder, serve).await;
    let root = process.install().await;
    let order = json!({ "pass_phrase": PASS_PHRASE });
    let answer = process.bearer(&root).post("/admin/api/v1/backup", order).await;
    assert_eq!((answer.status, &answer.body["code"]), (501, &json!("backup_unsupported")), "{}", answer.text);
    assert!(answer.detail().contains("pg_dump --format=custom"), "{}", answer.text);
    assert!(
        !fs::read_dir(&folder.0).unwrap().any(|entry| entry.unwrap().file_name().to_string_lossy().contains(".backup"))
    );
}
