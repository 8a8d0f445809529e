//! The state of the server: ready, status, jobs, the ledger against the node.

use serde_json::{Value, json};

use crate::harness::Server;

#[tokio::test(flavor = "multi_thread")]
async fn ready_looks_at_the_node() {
    let server = Server::start().await;
    assert_eq!(server.anybody().get("/api/v1/ready").await.ok(), json!({ "ready": true }));
    server.node.set_down(true);
    let answer = server.anybody().get("/api/v1/ready").await;
    assert_eq!((answer.status, &answer.body["missing"]), (503, &json!(["funding_source"])), "{}", answer.text);
    assert_eq!(server.anybody().get("/api/v1/health").await.status, 200);
    let root = server.super_user().await;
    let status = root.get("/api/v1/status").await.ok();
    assert_eq!(status["funding_source_balance_msat"], Value::Null);
    assert!(status["funding_source_error"].as_str().unwrap().contains("not reachable"), "{status}");
    server.node.set_down(false);
    let status = root.get("/api/v1/status").await.ok();
    assert_eq!(
        (&status["funding_source_balance_msat"], &status["funding_source_error"]),
        (&json!(1_000_000_000), &json!(null))
    );
    let status = server.user("alice").await.get("/api/v1/status").await.ok();
    assert!(status.get("funding_source_balance_msat").is_none(), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_is_held_against_the_node() {
    let server = Server::start().await;
    server.wallet(1234).await;
    let root = server.super_user().await;
    let state = root.get("/admin/api/v1/audit").await.ok();
    assert_eq!((&state["lnbits_balance_sats"], &state["node_balance_sats"]), (&json!(1234), &json!(1_000_000)));
    assert_eq!((&state["spare_msat"], &state["faults"]), (&json!(998_766_000), &json!([])));
    server.node.set_down(true);
    let state = root.get("/admin/api/v1/audit").await.ok();
    assert_eq!((&state["lnbits_balance_sats"], &state["node_balance_sats"]), (&json!(1234), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn work_in_the_background_is_listed_with_how_it_went() {
    let server = Server::start().await;
    let root = server.super_user().await;
    let mut jobs = Vec::new();
    for _ in 0..100 {
        jobs = root.get("/admin/api/v1/monitor").await.ok().as_array().unwrap().clone();
        if jobs.iter().any(|job| job["name"] == "self-check" && job["ok"] == true) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let of = |name: &str| jobs.iter().find(|job| job["name"] == name).unwrap_or_else(|| panic!("no {name}: {jobs:#?}"));
    assert_eq!((&of("self-check")["ok"], &of("self-check")["error"]), (&json!(true), &Value::Null));
    assert_eq!(of("self-check")["every_seconds"], 86_400.0);
    assert!(of("credentials")["runs"].as_i64().unwrap() > 0 && of("audit log")["every_seconds"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_the_server_is_not_asked_by_get() {
    let server = Server::start().await;
    let root = server.super_user().await;
    for path in ["/admin/api/v1/restart", "/admin/api/v1/backup"] {
        let answer = root.get(path).await;
        assert_eq!((answer.status, answer.headers["allow"].to_str().unwrap()), (405, "POST"), "{}", answer.text);
    }
    let short = root.post("/admin/api/v1/backup", json!({ "pass_phrase": "too short" })).await;
    assert_eq!((short.status, &short.body["detail"][0]["loc"]), (400, &json!(["body", "pass_phrase"])));
    assert_eq!(root.post("/admin/api/v1/backup", json!({})).await.status, 400);
}
