//! The API as its callers see it: real requests, and what comes back.

mod access_lists;
mod accounts;
mod credentials;
mod documents;
mod events;
mod install;
mod invoices;
mod junk;
mod lists;
mod live;
mod matrix;
mod payments;
mod samples;
mod shared;
mod transport;
mod values;
mod wallets;
mod world;

use serde_json::Value;

use crate::harness::Answer;

/// Compares a page with the snapshot of this name beside this file.
fn assert_page(name: &str, page: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("snapshots");
    settings.bind(|| insta::assert_snapshot!(name, page));
}

/// A text of a JSON object.
fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no text {name} in {value}")).to_owned()
}

/// Every error says what is wrong, has a code, and names its request as the header does.
#[track_caller]
fn assert_explained(answer: &Answer) {
    let body = &answer.body;
    let explained = match &body["detail"] {
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => {
            let whole = |entry: &Value| {
                entry["loc"].as_array().is_some_and(|loc| !loc.is_empty())
                    && entry["msg"].as_str().is_some_and(|msg| !msg.is_empty())
                    && entry["type"].as_str().is_some_and(|kind| !kind.is_empty())
            };
            !list.is_empty() && list.iter().all(whole)
        }
        _ => false,
    };
    assert!(explained, "{} {}", answer.status, answer.text);
    let known = |code: &satchel::http::Code| body["code"] == code.as_str() && code.status() == answer.status;
    assert!(satchel::http::Code::ALL.iter().any(known), "an unknown code, or not this status's: {}", answer.text);
    assert_eq!(body["request_id"].as_str(), answer.headers["x-request-id"].to_str().ok(), "{}", answer.text);
}

/// The one entry of a list of wrong values, as `(loc, msg, type)`.
#[track_caller]
fn wrong(answer: &Answer) -> (Value, String, String) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_explained(answer);
    let entry = &answer.body["detail"][0];
    (entry["loc"].clone(), text(entry, "msg"), text(entry, "type"))
}

/// A refusal with this status and text.
#[track_caller]
fn assert_refused(answer: &Answer, status: u16, detail: &str) {
    assert_eq!((answer.status, answer.detail()), (status, detail), "{}", answer.text);
    assert_explained(answer);
}
