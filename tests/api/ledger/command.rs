//! The program itself: what it says, what it refuses, what it proves, and what it keeps to itself.

use std::{fs, process::Output, time::Duration};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use satchel::domain::ids::array_from_hex;
use serde_json::{Value, json};

use super::process::{Folder, Process, check, program, text};
use crate::harness::{Caller, PASSWORD, hash_of};

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

/// Every way in which the secret could stand there: as it is shown, and as the bytes that its hex means.
fn stands_in(haystack: &[u8], secret: &str) -> bool {
    let found = |needle: &[u8]| haystack.windows(needle.len()).any(|window| window == needle);
    found(secret.as_bytes())
        || found(secret.to_uppercase().as_bytes())
        || array_from_hex::<32>(secret).is_some_and(|bytes| found(&bytes))
        || array_from_hex::<16>(secret).is_some_and(|bytes| found(&bytes))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_stands_in_the_database_or_in_the_log() {
    let folder = Folder::new();
    let mut debug = program(&folder, "serve");
    debug.env("SATCHEL_LOG", "debug");
    let mut process = Process::start_with(&folder, debug).await;
    let root = process.install().await;
    let (password, anybody) = ("a rather secret password", Caller::of(&process.url, None));
    let body = json!({ "username": "alice", "password": password, "password_repeat": password });
    let alice = text(&anybody.post("/api/v1/auth/register", body).await.ok(), "access_token");
    let login = json!({ "username": "alice", "password": password });
    let session = text(&anybody.post("/api/v1/auth", login).await.ok(), "access_token");
    let wrong =
        anybody.post("/api/v1/auth", json!({ "username": "alice", "password": "a wrong secret password" })).await;
    assert!(wrong.status >= 400);
    let (payer, shop) = (process.wallet(&root, 10_000).await, process.wallet(&root, 0).await);
    let wallets = process.bearer(&alice).get("/api/v1/wallets").await.ok();
    let keys: Vec<String> = [&payer, &shop, &wallets[0]]
        .into_iter()
        .flat_map(|wallet: &Value| [text(wallet, "adminkey"), text(wallet, "inkey")])
        .collect();
    let mut preimages = Vec::new();
    for bolt11 in [
        process.invoice(&keys[3], 100).await,
        process.outside(&root, 10_000, "").await,
        process.outside(&root, 10_000, "sim:lost").await,
    ] {
        assert_eq!(process.pay(&keys[0], &bolt11).await.status, 201);
        let mut preimage = Value::Null;
        for _ in 0..400 {
            let path = format!("/api/v1/payments/{}", hash_of(&bolt11));
            preimage = process.key(&keys[0]).get(&path).await.ok()["preimage"].clone();
            if preimage.is_string() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        preimages.push(preimage.as_str().unwrap().to_owned());
    }
    // an invoice that is open has a preimage that is worth money
    process.invoice(&keys[3], 50).await;
    let secrets: Vec<String> = [password, "a wrong secret password", PASSWORD].map(str::to_owned).to_vec();
    let secrets: Vec<String> = secrets.into_iter().chain(keys).chain(preimages).chain([root, alice, session]).collect();
    let read = |name: &str| fs::read(folder.file(name)).unwrap();
    let places =
        [("database", read("satchel.sqlite3")), ("its log", read("satchel.sqlite3-wal")), ("log", read("log"))];
    process.kill();
    assert!(places[1].1.len() > 10_000 && String::from_utf8_lossy(&places[2].1).contains("DEBUG"));
    // what is looked for would be found
    assert!(stands_in(&places[1].1, "alice"));
    for (place, bytes) in &places {
        for secret in &secrets {
            assert!(!stands_in(bytes, secret), "{secret} stands in the {place}");
        }
    }
    for secret in &secrets {
        assert!(!stands_in(process.greeting.as_bytes(), secret));
    }
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
