//! The numbers, their names, and who may read them.

use std::collections::BTreeSet;

use satchel::{
    config::{MetricsFor, Observing},
    observe::METRICS,
};

use crate::harness::{Plan, Server};

async fn start(metrics: MetricsFor) -> Server {
    Plan { observing: Observing { metrics, ..Observing::default() }, ..Plan::sqlite() }.start().await
}

/// The value of the sample that begins like this.
#[track_caller]
fn value(page: &str, sample: &str) -> f64 {
    let found = page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no {sample} in\n{page}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_names_are_those_that_dashboards_were_made_for() {
    let names: Vec<String> = METRICS.iter().map(|(name, kind, about)| format!("{name} {kind}: {about}")).collect();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("metrics", names.join("\n"));
    });
    let server = Server::start().await;
    let page = server.super_user().await.get("/metrics").await.text;
    let known: BTreeSet<&str> = METRICS.iter().map(|(name, ..)| *name).collect();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
        assert!(known.contains(base) || known.contains(name), "{line}");
        let value = line.rsplit(' ').next().unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_payments_and_the_node_are_counted() {
    let server = Server::start().await;
    let wallet = server.wallet(100).await;
    let paid = server.outside_invoice(10_000, "");
    wallet.pay(&paid).await.ok();
    wallet.pay("nonsense").await;
    let stuck = server.outside_invoice(10_000, "sim:hang");
    wallet.pay(&stuck).await;
    let root = server.super_user().await;
    let page = root.get("/metrics").await.text;
    let route = "method=\"POST\",route=\"/api/v1/payments\"";
    let requests = |class: &str| format!("satchel_http_requests_total{{{route},status=\"{class}\"}}");
    assert_eq!((value(&page, &requests("2xx")), value(&page, &requests("5xx"))), (2.0, 1.0));
    let buckets = format!("satchel_http_request_duration_seconds_bucket{{{route},status=\"2xx\",le=\"+Inf\"}}");
    assert_eq!(value(&page, &buckets), 2.0);
    assert!(value(&page, &format!("satchel_http_request_duration_seconds_sum{{{route},status=\"2xx\"}}")) > 0.0);
    assert_eq!(value(&page, "satchel_payments{kind=\"external\",state=\"success\"}"), 1.0);
    assert_eq!(value(&page, "satchel_payments{kind=\"external\",state=\"pending\"}"), 1.0);
    assert_eq!(value(&page, "satchel_funding_up{source=\"simulated\"}"), 1.0);
    assert_eq!(value(&page, "satchel_funding_balance_msat{source=\"simulated\"}"), 999_990_000.0);
    assert_eq!(value(&page, "satchel_database_up"), 1.0);
    assert!(value(&page, "process_resident_memory_bytes") > 1e6);
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_read_them_is_a_setting() {
    let server = start(MetricsFor::Off).await;
    assert_eq!(server.super_user().await.get("/metrics").await.status, 404);
    let server = start(MetricsFor::SuperUser).await;
    assert_eq!(server.anybody().get("/metrics").await.status, 401);
    assert_eq!(server.user("alice").await.get("/metrics").await.status, 403);
    let answer = server.super_user().await.get("/metrics").await;
    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let server = start(MetricsFor::Networks("127.0.0.0/8".parse().unwrap())).await;
    assert_eq!(server.anybody().get("/metrics").await.status, 200);
    let server = start(MetricsFor::Networks("10.0.0.0/8".parse().unwrap())).await;
    assert_eq!(server.anybody().get("/metrics").await.status, 401);
    assert_eq!(server.super_user().await.get("/metrics").await.status, 200);
}
