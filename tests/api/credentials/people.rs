//! Small things that the tests of credentials share.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Caller, PASSWORD, Server};

/// A text of a JSON object.
pub(super) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no text {name} in {value}")).to_owned()
}

/// Logs somebody in by password; the answer, whatever it is.
pub(super) async fn login(server: &Server, name: &str) -> Answer {
    server.anybody().post("/api/v1/auth", json!({ "username": name, "password": PASSWORD })).await
}

/// The token of a login that must succeed.
pub(super) async fn token(server: &Server, name: &str) -> String {
    text(&login(server, name).await.ok(), "access_token")
}

/// A request with a one-time code.
pub(super) async fn with_code(caller: &Caller, method: Method, path: &str, body: Option<Value>, code: &str) -> Answer {
    let body = body.map(|body| body.to_string().into_bytes());
    caller.raw(method, path, body, &[("X-OTP-Code", code)]).await
}

/// The id of the caller's account.
pub(super) async fn id_of(caller: &Caller) -> String {
    text(&caller.get("/api/v1/auth").await.ok(), "id")
}

/// A refusal with this status, code and text.
#[track_caller]
pub(super) fn assert_refused(answer: &Answer, status: u16, code: &str, detail: &str) {
    let found = (answer.status, answer.body["code"].as_str().unwrap_or_default(), answer.detail());
    assert_eq!(found, (status, code, detail), "{}", answer.text);
}
