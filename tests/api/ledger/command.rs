//! The program itself: what it says, what it refuses and what it proves.

use std::process::Output;

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use serde_json::json;

use super::process::{Folder, Process, check, program, text};
use crate::harness::Caller;

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_says_where_everything_is() {
    let folder = Folder::new();
    let mut process = Process::start(&folder).await;
    let data = folder.0.display().to_string();
    for needle in [process.url.as_str(), &data, "satchel.sqlite3", "simulated", "play money", "/first_install"] {
        assert!(process.greeting.contains(needle), "{needle} is missing in\n{}", process.greeting);
    }
    assert!(process.url.starts_with("http://127.0.0.1:"));
    process.install().await;
    process.kill();
    let again = Process::start(&folder).await;
    assert!(!again.greeting.contains("first_install"), "{}", again.greeting);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_folder_does_not_start() {
    let folder = Folder::new();
    let process = Process::start(&folder).await;
    let output = tokio::task::block_in_place(|| {
        // bounded: a second server that does start is stopped by timeout(1)
        std::process::Command::new("timeout")
            .arg("20")
            .arg(env!("CARGO_BIN_EXE_satchel"))
            .args(["serve", "--listen"])
            .args(["127.0.0.1:0", "--data-dir"])
            .arg(&folder.0)
            .output()
            .unwrap()
    });
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let needle = format!("another server uses the data folder {}", folder.0.display());
    assert!(said(&output).contains(&needle), "{}", said(&output));
    assert_eq!(Caller::of(&process.url, None).get("/api/v1/health").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_a_balance_that_was_tampered_with() {
    let folder = Folder::new();
    let mut process = Process::start(&folder).await;
    let root = process.install().await;
    let (payer, shop) = (process.wallet(&root, 1000).await, process.wallet(&root, 0).await);
    let bolt11 = process.invoice(&text(&shop, "inkey"), 100).await;
    assert_eq!(process.pay(&text(&payer, "adminkey"), &bolt11).await.status, 201);
    assert!(!check(&folder).status.success(), "checked beside a running server");
    process.kill();
    let output = check(&folder);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("The ledger is sound."), "{}", said(&output));
    let id = text(&shop, "id");
    let mut conn = SqliteConnection::establish(folder.file("satchel.sqlite3").to_str().unwrap()).unwrap();
    conn.batch_execute(&format!("UPDATE wallets SET balance_msat = balance_msat + 1 WHERE id = '{id}'")).unwrap();
    drop(conn);
    let output = check(&folder);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains(&format!("wallet {id}")), "{}", said(&output));
    assert!(said(&output).contains("NOT sound"), "{}", said(&output));
}

#[test]
fn check_makes_no_database_where_there_is_none() {
    let folder = Folder::new();
    let output = check(&folder);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("there is no database"), "{}", said(&output));
    assert!(!folder.file("satchel.sqlite3").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_sessions_rotates_from_the_command_line() {
    let folder = Folder::new();
    let mut process = Process::start(&folder).await;
    let root = process.install().await;
    let rotate = || program(&folder, "rotate-session-key").output().unwrap();
    assert!(!rotate().status.success(), "beside a running server");
    process.kill();
    let output = rotate();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("Session key 1 signs from now on"), "{}", said(&output));
    let again = Process::start(&folder).await;
    assert_eq!(again.bearer(&root).get("/api/v1/auth").await.status, 200);
    let rotated = again.bearer(&root).post("/admin/api/v1/session-keys/rotate", json!({})).await.ok();
    assert_eq!(rotated["number"], 2);
}
