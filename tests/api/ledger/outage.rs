//! A full disk, a database that is gone, a node that is down: refused with a reason, and nothing lost; when
//! it is over, no restart is needed.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use satchel::domain::Msat;
use serde_json::json;

use super::{
    accepted, code, invoice_of,
    process::{Folder, Process, check, program, text},
    until,
};
use crate::harness::{Plan, Wallet, hash_of};

/// Limits how large a file the process may write.
fn limit_files(process: &Process, bytes: &str) {
    let status = Command::new("prlimit")
        .args([format!("--fsize={bytes}"), format!("--pid={}", process.id())])
        .status()
        .expect("prlimit (package util-linux) is needed");
    assert!(status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn s30_on_a_full_disk_nothing_is_sent_and_reads_go_on() {
    let folder = Folder::new();
    let mut process = Process::start(&folder).await;
    let root = process.install().await;
    let (payer, shop) = (process.wallet(&root, 10_000).await, process.wallet(&root, 0).await);
    let (key, shop_key) = (text(&payer, "adminkey"), text(&shop, "inkey"));
    let ours = process.invoice(&shop_key, 100).await;
    let foreign = process.outside(&root, 10_000, "").await;
    for round in 0..3 {
        let journal = folder.journal();
        let written = fs::metadata(folder.file("satchel.sqlite3-wal")).unwrap().len();
        let before = process.balance(&key).await;
        limit_files(&process, &format!("{written}:"));
        let next = process.outside(&root, 10_000, "").await;
        for bolt11 in [&foreign, &ours, &next] {
            let answer = process.pay(&key, bolt11).await;
            assert_eq!(code(&answer), (503, "database_unavailable"), "round {round}: {}", answer.text);
        }
        let order = json!({ "out": false, "amount": 1 });
        let answer = process.key(&shop_key).post("/api/v1/payments", order).await;
        assert_eq!(code(&answer), (503, "database_unavailable"), "{}", answer.text);
        assert_eq!(folder.journal(), journal, "the node was told of a payment that is not on disk");
        assert_eq!(process.balance(&key).await, before);
        assert_eq!(process.key(&key).get("/api/v1/payments").await.status, 200);
        limit_files(&process, "unlimited");
        assert_eq!(accepted(&process.pay(&key, &next).await), "success", "round {round}");
        assert_eq!(process.balance(&key).await, before - 10_000);
    }
    assert_eq!(accepted(&process.pay(&key, &foreign).await), "success");
    assert_eq!(accepted(&process.pay(&key, &ours).await), "success");
    assert_eq!(process.balance(&key).await, 10_000_000 - 40_000 - 100_000);
    process.kill();
    assert!(check(&folder).status.success());
}

/// A PostgreSQL of the test's own, to be stopped and started.
struct Cluster {
    folder: Folder,
    bin: PathBuf,
    port: u16,
}

impl Cluster {
    fn new() -> Self {
        let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
            .map(|entries| entries.map(|entry| entry.unwrap().path().join("bin")).collect())
            .unwrap_or_default();
        found.retain(|bin| bin.join("initdb").exists());
        found.sort();
        let bin = found.pop().expect("no PostgreSQL programs: apt-get install postgresql");
        // a port that is free now; nobody else takes one so low for an outgoing connection
        let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let first = 12_000 + u16::try_from(std::process::id() % 7000).unwrap();
        let port = (first..first + 100).find(free).unwrap();
        let cluster = Self { folder: Folder::new(), bin, port };
        let data = cluster.folder.file("data");
        if cluster.is_root() {
            let status = Command::new("chown").arg("postgres:").arg(&cluster.folder.0).status().unwrap();
            assert!(status.success());
        }
        fs::set_permissions(&cluster.folder.0, fs::Permissions::from_mode(0o755)).unwrap();
        cluster.run("initdb", &["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        assert!(data.exists());
        cluster
    }

    fn is_root(&self) -> bool {
        fs::metadata("/proc/self").unwrap().uid() == 0
    }

    fn run(&self, name: &str, args: &[&str]) {
        let program = self.bin.join(name);
        let mut command = if self.is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.arg(format!("--pgdata={}", self.folder.file("data").display())).args(args).current_dir("/");
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(status.success(), "{name} {args:?}");
    }

    fn start(&self) {
        let socket = self.folder.0.display();
        let options =
            format!("--options=-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={socket} -F", self.port);
        self.run("pg_ctl", &["--log=/dev/null", "--timeout=30", &options, "-w", "start"]);
    }

    fn stop(&self) {
        self.run("pg_ctl", &["--mode=immediate", "-w", "stop"]);
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.stop())));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s30_without_its_database_it_refuses_and_goes_on_when_it_is_back() {
    let cluster = tokio::task::block_in_place(Cluster::new);
    tokio::task::block_in_place(|| cluster.start());
    let folder = Folder::new();
    let mut shared = program(&folder, "serve");
    shared.env("DATABASE_URL", cluster.url());
    let process = Process::start_with(&folder, shared).await;
    let root = process.install().await;
    let (payer, shop) = (process.wallet(&root, 10_000).await, process.wallet(&root, 0).await);
    let (key, shop_key) = (text(&payer, "adminkey"), text(&shop, "inkey"));
    let ours = process.invoice(&shop_key, 100).await;
    let foreign = process.outside(&root, 10_000, "").await;
    for round in 0..3 {
        let journal = folder.journal();
        let before = process.balance(&key).await;
        // requests that are under way when the database goes
        let (caller, own) = (process.key(&shop_key), process.invoice(&shop_key, 1).await);
        let busy: Vec<_> = (0..8)
            .map(|_| {
                let (caller, path) = (caller.clone(), format!("/api/v1/payments/{}", hash_of(&own)));
                tokio::spawn(async move {
                    loop {
                        let made = caller.post("/api/v1/payments", json!({ "out": false, "amount": 1 })).await;
                        let read = caller.get(&path).await;
                        for answer in [&made, &read] {
                            assert!(matches!(answer.status, 200 | 201 | 503), "{} {}", answer.status, answer.text);
                        }
                        if made.status == 503 {
                            return;
                        }
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(100)).await;
        tokio::task::block_in_place(|| cluster.stop());
        for requests in busy {
            tokio::time::timeout(Duration::from_secs(30), requests).await.unwrap().unwrap();
        }
        for bolt11 in [&ours, &foreign] {
            let answer = process.pay(&key, bolt11).await;
            assert_eq!(code(&answer), (503, "database_unavailable"), "round {round}: {}", answer.text);
        }
        for path in ["/api/v1/wallet", "/api/v1/payments"] {
            let answer = process.key(&key).get(path).await;
            assert_eq!(code(&answer), (503, "database_unavailable"), "round {round}: {}", answer.text);
        }
        assert_eq!(process.key(&key).get("/api/v1/health").await.status, 200);
        assert_eq!(folder.journal(), journal);
        tokio::task::block_in_place(|| cluster.start());
        until("it is back", || async { process.key(&key).get("/api/v1/wallet").await.status == 200 }).await;
        assert_eq!(process.balance(&key).await, before);
    }
    for bolt11 in [&ours, &foreign] {
        assert_eq!(accepted(&process.pay(&key, bolt11).await), "success");
    }
    assert_eq!((process.balance(&key).await, process.balance(&shop_key).await), (9_890_000, 100_000));
    // on a shared database the check may run beside the server
    let output = program(&folder, "check").env("DATABASE_URL", cluster.url()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn s69_without_its_node_it_reads_and_pays_inside_and_needs_no_restart() {
    let server = Plan::sqlite().start().await;
    let (payer, shop) = (server.wallet(10_000).await, server.wallet(0).await);
    let requests = futures_util::future::join_all((0..4).map(|_| invoice_of(&shop, 100))).await;
    let keys = [payer.admin_key.clone(), shop.invoice_key.clone()];
    let plan = server.stop().await;
    // down at the start
    plan.node.as_ref().unwrap().set_down(true);
    let server = plan.start().await;
    let payer = Wallet { admin: server.key(&keys[0]), invoice: server.key(&keys[0]), ..payer };
    let shop = Wallet { admin: server.key(&keys[1]), invoice: server.key(&keys[1]), ..shop };
    for round in 0..2_usize {
        let balance = payer.balance().await;
        let foreign = server.outside_invoice(10_000, "");
        assert_eq!(code(&payer.pay(&foreign).await), (503, "funding_source_unavailable"), "round {round}");
        let order = json!({ "out": false, "amount": 1 });
        let refused = shop.invoice.post("/api/v1/payments", order).await;
        assert_eq!(code(&refused), (503, "funding_source_unavailable"), "round {round}");
        assert_eq!(payer.balance().await, balance);
        assert_eq!(payer.invoice.get("/api/v1/payments").await.status, 200);
        assert_eq!(accepted(&payer.pay(&requests[round * 2]).await), "success", "inside it needs no node");
        server.node.set_down(false);
        assert_eq!(accepted(&payer.pay(&foreign).await), "success", "round {round}");
        invoice_of(&shop, 1).await;
        server.ledger().pay_from_outside(&requests[round * 2 + 1], None).unwrap();
        let gained = i64::try_from(round + 1).unwrap() * 200_000;
        until("the receipt is heard of", || async {
            server.ledger().balance(&shop.id).await.unwrap() == Some(Msat(gained))
        })
        .await;
        // down in mid-run
        server.node.set_down(true);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.assert_sound().await;
}
