//! The audit log as the super user sees it.

use reqwest::Method;
use satchel::domain::{
    audit::{AuditPolicy, Patterns},
    limits::Limits,
};
use serde_json::{Value, json};

use crate::harness::{PASSWORD, Plan, Server};

/// The lines that a listing gives.
async fn lines(server: &Server, query: &str) -> Vec<Value> {
    let page = server.super_user().await.get(&format!("/audit/api/v1?{query}")).await.ok();
    let lines = page["data"].as_array().unwrap().clone();
    assert_eq!(page["total"], lines.len(), "{page}");
    lines
}

async fn with(policy: AuditPolicy) -> Server {
    let plan = Plan::sqlite();
    let limits = Limits { audit: policy, ..plan.limits.clone() };
    Plan { limits, ..plan }.start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_is_recorded_with_who_and_what() {
    let server = Server::start().await;
    let wallet = server.wallet(0).await;
    let refused = wallet.pay("lnbc1nonsense").await;
    let line = &lines(&server, "response_code=520").await[0];
    assert_eq!(line["request_method"], "POST");
    assert_eq!((&line["path"], &line["request_path"]), (&json!("/api/v1/payments"), &json!("/api/v1/payments")));
    assert_eq!(line["credential"], "admin key");
    assert_eq!(line["credential_id"], wallet.id.to_string());
    assert_eq!(line["request_id"], refused.body["request_id"]);
    assert_eq!((&line["component"], &line["request_type"]), (&json!("core"), &json!("http")));
    assert!(line["user_id"].is_string() && line["duration"].as_f64().unwrap() > 0.0, "{line}");
    assert_eq!(line["ip_address"], Value::Null, "addresses are not recorded by default");

    let user = server.user("alice").await;
    user.send(Method::DELETE, "/api/v1/wallet/0123456789abcdef0123456789abcdef", None).await;
    let line = &lines(&server, "path[like]=wallet_id").await[0];
    assert_eq!((&line["credential"], &line["response_code"]), (&json!("session"), &json!("404")), "{line}");
    assert_eq!(line["request_path"], "/api/v1/wallet/0123456789abcdef0123456789abcdef");
    assert_eq!(line["path"], "/api/v1/wallet/{wallet_id}");
}

#[tokio::test(flavor = "multi_thread")]
async fn successes_and_questions_are_recorded_when_the_operator_wants_it() {
    let all = AuditPolicy {
        http_methods: vec!["GET".into(), "POST".into()],
        http_response_codes: Patterns::parse(vec![".*".into()]).unwrap(),
        exclude_paths: Patterns::parse(vec!["/audit.*".into(), "/api/v1/auth.*".into()]).unwrap(),
        log_ip_address: true,
        retention_days: 0,
        ..AuditPolicy::default()
    };
    let server = with(all).await;
    let wallet = server.wallet(0).await;
    wallet.invoice.get("/api/v1/wallet?limit=3&token=hidden").await.ok();
    let found = lines(&server, "request_method=GET").await;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["ip_address"], "127.0.0.1");
    assert_eq!(found[0]["request_details"], json!({ "query_params": { "limit": "3", "token": "********" } }));
    let (made, kept) = (found[0]["created_at"].as_str().unwrap(), found[0]["delete_at"].as_str().unwrap());
    let days = |text: &str| satchel::domain::Time::parse(text).unwrap().unix() / 86_400;
    assert_eq!(days(kept) - days(made), 365);
    let none = with(AuditPolicy { enabled: false, ..AuditPolicy::default() }).await;
    none.wallet(0).await.pay("nonsense").await;
    assert!(lines(&none, "").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_recorded_wherever_it_is_put() {
    let all = AuditPolicy {
        http_methods: ["GET", "POST", "PUT", "PATCH", "DELETE"].map(str::to_owned).to_vec(),
        http_response_codes: Patterns::parse(vec![".*".into()]).unwrap(),
        include_paths: Patterns::parse(vec![".*".into()]).unwrap(),
        log_ip_address: true,
        ..AuditPolicy::default()
    };
    let server = with(all).await;
    let wallet = server.wallet(10).await;
    let user = server.user("alice").await;
    for key in [&wallet.admin_key, &wallet.invoice_key] {
        for path in [
            format!("/api/v1/ws/{key}"),
            format!("/api/v1/payments/{key}"),
            format!("/api/v1/wallet?api-key={key}"),
            format!("/api/v1/payments?{key}"),
            format!("/api/v1/payments?x[{key}]=1"),
        ] {
            server.key(key).get(&path).await;
            server.anybody().get(&path).await;
        }
    }
    let made = user.post("/api/v1/api-keys", json!({ "name": "till", "scope": "read" })).await;
    let login = json!({ "username": "alice", "password": PASSWORD });
    let token = server.anybody().post("/api/v1/auth", login).await.ok()["access_token"].as_str().unwrap().to_owned();
    server.anybody().get(&format!("/api/v1/auth/google/token?code={token}&state={token}")).await;
    let text = server.super_user().await.get("/audit/api/v1?limit=0").await.text;
    assert!(text.contains("/api/v1/ws/********"), "{text}");
    let secret = made.body["key"].as_str().unwrap_or("no key").to_owned();
    for secret in [&wallet.admin_key, &wallet.invoice_key, &token, &secret, &PASSWORD.to_owned()] {
        assert!(!text.contains(secret.as_str()), "{secret} is in the audit log: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_counts_know_the_usual_grammar() {
    let server = Server::start().await;
    let wallet = server.wallet(0).await;
    for _ in 0..3 {
        wallet.pay("nonsense").await;
    }
    server.anybody().post("/api/v1/auth", json!({ "username": "nobody", "password": PASSWORD })).await;
    let root = server.super_user().await;
    let stats = root.get("/audit/api/v1/stats").await.ok();
    assert_eq!(stats["request_method"], json!([{ "field": "POST", "total": 4.0 }]));
    assert_eq!(stats["response_code"][0], json!({ "field": "520", "total": 3.0 }));
    assert_eq!(stats["component"], json!([{ "field": "core", "total": 4.0 }]));
    assert_eq!(stats["long_duration"].as_array().unwrap().len(), 2, "{stats}");
    let narrowed = root.get("/audit/api/v1/stats?response_code=520").await.ok();
    assert_eq!(narrowed["long_duration"].as_array().unwrap().len(), 1);
    let page = root.get("/audit/api/v1?sortby=duration&direction=desc&limit=1&offset=1&search=payments").await.ok();
    assert_eq!((page["total"].as_i64(), page["data"].as_array().unwrap().len()), (Some(3), 1), "{page}");
    assert_eq!(root.get("/audit/api/v1?sortby=colour").await.status, 400);
    assert_eq!(root.get("/audit/api/v1?response_code=x").await.status, 400);
    assert_eq!(wallet.admin.get("/audit/api/v1").await.status, 401);
    assert_eq!(server.user("alice").await.get("/audit/api/v1").await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_before_an_orderly_stop_is_there_after_it() {
    let server = Server::start().await;
    let wallet = server.wallet(0).await;
    for _ in 0..40 {
        wallet.pay("nonsense").await;
    }
    let again = server.stop().await.start().await;
    assert_eq!(lines(&again, "response_code=520&limit=0").await.len(), 40);
}
