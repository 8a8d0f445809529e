//! Traces of the running program, as a collector gets them.

use std::sync::{Arc, Mutex};

use actix_web::{App, HttpResponse, HttpServer, web};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value, trace::v1::Span,
};
use prost::Message;
use serde_json::json;

use super::process::{Folder, Process, program, text};

type Received = Arc<Mutex<Vec<web::Bytes>>>;

/// Takes what is sent to `/v1/traces`.
async fn collector() -> (String, Received) {
    let received = Received::default();
    let shelf = web::Data::from(Arc::clone(&received));
    let take = |shelf: web::Data<Mutex<Vec<web::Bytes>>>, body: web::Bytes| async move {
        shelf.lock().unwrap().push(body);
        HttpResponse::Ok().content_type("application/x-protobuf").body("")
    };
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shelf.clone())
            .app_data(web::PayloadConfig::new(1 << 24))
            .route("/v1/traces", web::post().to(take))
    })
    .workers(1)
    .bind(("127.0.0.1", 0))
    .unwrap();
    let url = format!("http://{}", server.addrs()[0]);
    tokio::spawn(server.run());
    (url, received)
}

fn spans(received: &Received) -> Vec<Span> {
    let bodies = received.lock().unwrap().clone();
    let requests = bodies.into_iter().map(|body| ExportTraceServiceRequest::decode(body).unwrap());
    requests
        .flat_map(|request| request.resource_spans)
        .flat_map(|of| {
            let named = of.resource.unwrap().attributes.iter().any(|attribute| {
                attribute.key == "service.name"
                    && attribute.value.as_ref().unwrap().value
                        == Some(any_value::Value::StringValue("satchel".to_owned()))
            });
            assert!(named, "the service has no name");
            of.scope_spans
        })
        .flat_map(|scope| scope.spans)
        .collect()
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    Some(match found.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => text.clone(),
        any_value::Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_can_be_followed_from_the_request_to_database_and_node() {
    let folder = Folder::new();
    let (url, received) = collector().await;
    let mut serve = program(&folder, "serve");
    serve.env("SATCHEL_OTLP_ENDPOINT", &url).env_remove("OTEL_SERVICE_NAME").env("OTEL_BSP_SCHEDULE_DELAY", "50");
    let process = Process::start_with(&folder, serve).await;
    let root = process.install().await;
    let wallet = process.wallet(&root, 1000).await;
    let (admin, invoice) = (text(&wallet, "adminkey"), text(&wallet, "inkey"));
    let bolt11 = process.outside(&root, 10_000, "").await;

    let answer = reqwest::Client::new()
        .post(format!("{}/api/v1/payments", process.url))
        .header("X-Api-Key", &admin)
        .header("X-Request-Id", "of-this-very-test")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .json(&json!({ "out": true, "bolt11": bolt11 }))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    let refused = reqwest::get(format!("{}/api/v1/ws/{invoice}", process.url)).await.unwrap();
    assert!(refused.status().is_client_error());

    let ours = |span: &&Span| attribute(span, "id").as_deref() == Some("of-this-very-test");
    super::until("the span of the request arrives", || async { spans(&received).iter().any(|span| ours(&span)) }).await;
    let all = spans(&received);
    let request = all.iter().find(ours).unwrap();
    assert_eq!(request.name, "POST /api/v1/payments");
    let told = ["http.request.method", "http.route", "http.response.status_code"].map(|key| attribute(request, key));
    assert_eq!(told, ["POST", "/api/v1/payments", "201"].map(|text| Some(text.to_owned())));
    // the caller's trace goes on
    assert_eq!(request.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes());
    assert_eq!(request.parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
    let within = |system: &str| {
        all.iter().filter(|span| span.trace_id == request.trace_id && attribute(span, system).is_some()).count()
    };
    assert!(within("db.operation.name") >= 2, "the hold and the settlement are seen");
    let paid = all.iter().find(|span| span.name == "pay" && span.trace_id == request.trace_id).unwrap();
    assert_eq!(attribute(paid, "rpc.system.name").as_deref(), Some("simulated"));

    // nothing that opens anything leaves the house
    let sent = received.lock().unwrap().concat();
    for secret in [&admin, &invoice, &root, &bolt11] {
        assert!(!sent.windows(secret.len()).any(|part| part == secret.as_bytes()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sent_yet_is_sent_when_the_server_stops() {
    let folder = Folder::new();
    let (url, received) = collector().await;
    let mut serve = program(&folder, "serve");
    // nothing is sent before an hour is over
    serve.env("SATCHEL_OTLP_ENDPOINT", &url).env("OTEL_BSP_SCHEDULE_DELAY", "3600000");
    let mut process = Process::start_with(&folder, serve).await;
    process.install().await;
    assert!(received.lock().unwrap().is_empty());
    process.stop();
    assert!(spans(&received).iter().any(|span| span.name == "PUT /api/v1/auth/first_install"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_costs_nobody_anything_and_a_wrong_address_is_refused_at_once() {
    let folder = Folder::new();
    let mut serve = program(&folder, "serve");
    serve.env("SATCHEL_OTLP_ENDPOINT", "http://127.0.0.1:9").env("OTEL_BSP_SCHEDULE_DELAY", "10");
    let mut process = Process::start_with(&folder, serve).await;
    process.install().await;
    process.stop();
    let mut serve = program(&folder, "serve");
    let output = serve.env("SATCHEL_OTLP_ENDPOINT", "collector:4318").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("http://127.0.0.1:4318"), "{said}");
}
