//! The program is killed while real payments fly: afterwards the books and the node agree to the millisatoshi.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    process::{Folder, Process, program, text, try_post},
    until,
};

const KILLS: usize = 3;
const CREDIT: i64 = 1_000_000;

async fn start(folder: &Folder) -> Process {
    let mut serve = program(folder, "serve");
    serve.env_remove("SATCHEL_FUNDING");
    Process::start_with(folder, serve).await
}

/// The node against the books, once the node has said of every payment what the books say.
async fn agreed(process: &Process, root: &str) -> Value {
    let root = process.bearer(root);
    until("the books and the node agree", || async {
        let report = root.get("/admin/api/v1/reconciliation").await.ok();
        report[0]["node_msat"].is_i64() && report[0]["differences"] == json!([]) && report[0]["held_msat"] == 0
    })
    .await;
    root.get("/admin/api/v1/reconciliation").await.ok()[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn s27_killed_with_payments_in_flight_the_books_and_the_node_agree() {
    let folder = Folder::new();
    let mut process = start(&folder).await;
    assert!(process.greeting.contains("regtest — play money"), "{}", process.greeting);
    let root = process.install().await;
    let wallet = process.wallet(&root, CREDIT).await;
    let (admin, invoice) = (text(&wallet, "adminkey"), text(&wallet, "inkey"));
    let before = agreed(&process, &root).await;
    for _ in 0..KILLS {
        let mut flying = Vec::new();
        for sat in 1..=8 {
            let theirs = process.outside(&root, sat * 100_000, "shoes").await;
            let ours = process.invoice(&invoice, sat).await;
            let (payer, outside) = (process.key(&admin), process.bearer(&root));
            flying.push(tokio::spawn(async move {
                drop(try_post(&outside, "/admin/api/v1/simulation/pay", json!({ "bolt11": ours })).await);
                drop(try_post(&payer, "/api/v1/payments", json!({ "out": true, "bolt11": theirs })).await);
            }));
        }
        tokio::time::sleep(Duration::from_millis(400)).await;
        process.kill();
        for flight in flying {
            flight.await.unwrap();
        }
        process = start(&folder).await;
        agreed(&process, &root).await;
    }
    // what the wallet lost and won is what the node lost and won
    let after = until_still(&process, &root).await;
    let wallet = process.balance(&invoice).await;
    let node = after["node_msat"].as_i64().unwrap() - before["node_msat"].as_i64().unwrap();
    assert_eq!(wallet - CREDIT * 1000, node, "{before:#} {after:#}");
    process.stop();
    let mut check = program(&folder, "check");
    let checked = check.env_remove("SATCHEL_FUNDING").args(["--node", "--json"]).output().unwrap();
    let said: Value = serde_json::from_slice(&checked.stdout).unwrap_or_else(|_| {
        panic!("{} {}", String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr))
    });
    assert_eq!((&said["sound"], &said["nodes"][0]["differences"]), (&json!(true), &json!([])), "{said:#}");
    assert_eq!(said["nodes"][0]["node_msat"], after["node_msat"]);
}

/// The report once nothing is under way any more on either side of the channel.
async fn until_still(process: &Process, root: &str) -> Value {
    let mut last = agreed(process, root).await;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let next = agreed(process, root).await;
        if next["node_msat"] == last["node_msat"] && next["owed_msat"] == last["owed_msat"] {
            return next;
        }
        last = next;
    }
    panic!("it never comes to rest: {last:#}");
}
