//! Bodies: how they may be written, and what is said of those that cannot be read.

use reqwest::Method;
use serde_json::{Value, json};

use super::{assert_explained, assert_refused, wrong};
use crate::harness::{Answer, Server, Wallet};

async fn posted(wallet: &Wallet, body: &[u8], headers: &[(&str, &str)]) -> Answer {
    wallet.invoice.raw(Method::POST, "/api/v1/payments", Some(body.to_vec()), headers).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_content_type_of_a_body_does_not_matter() {
    let server = Server::start().await;
    let wallet = server.wallet(0).await;
    let body = br#"{"out": false, "amount": 1, "webhook": "", "unknown_key": {"a": [1]}}"#;
    assert_eq!(posted(&wallet, body, &[]).await.status, 201);
    for kind in [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
        "nonsense",
    ] {
        assert_eq!(posted(&wallet, body, &[("Content-Type", kind)]).await.status, 201, "{kind}");
    }
    let marked = [b"\xef\xbb\xbf".as_slice(), body].concat();
    assert_eq!(posted(&wallet, &marked, &[]).await.status, 201, "with a byte order mark");
    let form = posted(&wallet, b"out=false&amount=1", &[("Content-Type", "application/x-www-form-urlencoded")]).await;
    assert_eq!(form.status, 400);
    assert_explained(&form);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_json_is_located() {
    let server = Server::start().await;
    let wallet = server.wallet(0).await;
    for (body, offset) in [
        ("{", 0),
        (r#"{"out": false,, "amount": 1}"#, 14),
        ("{\"out\": false,\n\n \"amount\": 01}", 28),
        (r#"{"amount": NaN}"#, 11),
        (r#"{"amount": 1} {"#, 14),
    ] {
        let answer = posted(&wallet, body.as_bytes(), &[]).await;
        let (loc, msg, kind) = wrong(&answer);
        assert_eq!((msg.as_str(), kind.as_str()), ("JSON decode error", "json_invalid"), "{body}");
        assert_eq!(loc[0], "body");
        let found = loc[1].as_u64().unwrap();
        assert!(found.abs_diff(offset) <= 1, "{body}: {found} instead of {offset}");
    }
    for bytes in [b"\xff\xfe{\0}\0".as_slice(), b"{\"memo\": \"\xc3\x28\"}", b"\0", b"{\"a\": \"\\ud800\"}"] {
        assert_eq!(wrong(&posted(&wallet, bytes, &[]).await).2, "json_invalid", "{bytes:?}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(wrong(&posted(&wallet, deep.as_bytes(), &[]).await).2, "json_invalid");
    let deep = format!("{{\"extra\": {}1{}}}", "{\"a\":".repeat(20_000), "}".repeat(20_000));
    assert_eq!(wrong(&posted(&wallet, deep.as_bytes(), &[]).await).2, "json_invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_body_is_an_empty_one_where_nothing_is_required() {
    let server = Server::start().await;
    let wallet = server.wallet(0).await;
    let patch = |body: Option<&str>| {
        wallet.admin.raw(Method::PATCH, "/api/v1/wallet", body.map(|body| body.as_bytes().to_vec()), &[])
    };
    for body in [None, Some(""), Some("  \n"), Some("{}"), Some("[]")] {
        assert_eq!(patch(body).await.status, 200, "{body:?}");
    }
    let register = |body: &'static str| {
        let anybody = server.anybody();
        async move { anybody.raw(Method::POST, "/api/v1/auth/register", Some(body.into()), &[]).await }
    };
    for body in ["", "null"] {
        let (loc, msg, kind) = wrong(&register(body).await);
        assert_eq!((loc, msg.as_str(), kind.as_str()), (json!(["body"]), "field required", "value_error.missing"));
    }
    for body in ["{}", "[]"] {
        assert_eq!(wrong(&register(body).await).0, json!(["body", "username"]), "{body}");
    }
    for body in ["[1]", "1", "true", "\"text\"", "[{}]"] {
        let (loc, msg, kind) = wrong(&register(body).await);
        assert_eq!(
            (loc, msg.as_str(), kind.as_str()),
            (json!(["body"]), "value is not a valid dict", "type_error.dict"),
            "{body}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_has_a_limit() {
    let server = Server::start().await;
    let wallet = server.wallet(0).await;
    let body = |bytes: usize| {
        let frame = json!({ "out": false, "amount": 1, "ignored": "" }).to_string();
        frame.replace("\"\"", &format!("\"{}\"", "x".repeat(bytes - frame.len()))).into_bytes()
    };
    assert_eq!(posted(&wallet, &body(256 * 1024), &[]).await.status, 201);
    let large = posted(&wallet, &body(256 * 1024 + 1), &[]).await;
    assert_refused(&large, 413, "A body has at most 262144 bytes.");
    assert_eq!(wallet.invoice.get("/api/v1/payments").await.ok().as_array().unwrap().len(), 1);
}

/// Wrong types are named where they stand, in the words that clients know.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_types_are_named() {
    let server = Server::start().await;
    let wallet = server.wallet(0).await;
    let integer = ("value is not a valid integer", "type_error.integer");
    let text = ("str type expected", "type_error.str");
    let dict = ("value is not a valid dict", "type_error.dict");
    let list = ("value is not a valid list", "type_error.list");
    let truth = ("value could not be parsed to a boolean", "type_error.bool");
    let negative = ("ensure this value is greater than or equal to 0", "value_error.number.not_ge");
    let cases: [(&str, Value, (&str, &str)); 22] = [
        ("amount", json!("abc"), integer),
        ("amount", json!({}), integer),
        ("amount", json!([1]), integer),
        ("amount", json!(true), integer),
        ("amount", json!(-1), negative),
        ("amount", json!("-1"), negative),
        ("amount", json!(1.5), ("value must be a whole number", "value_error.number.not_whole")),
        ("amount", json!(null), ("field required", "value_error.missing")),
        ("out", json!("maybe"), truth),
        ("out", json!(2), truth),
        ("out", json!(null), ("none is not an allowed value", "type_error.none.not_allowed")),
        ("memo", json!([]), text),
        ("memo", json!({}), text),
        ("memo", json!(true), text),
        ("memo", json!("a\u{0}b"), ("NUL characters are not allowed", "value_error.str")),
        (
            "memo",
            json!("m".repeat(641)),
            ("ensure this value has at most 640 characters", "value_error.any_str.max_length"),
        ),
        ("expiry", json!(-5), negative),
        ("expiry", json!("soon"), integer),
        ("extra", json!("text"), dict),
        ("extra", json!([1]), dict),
        ("labels", json!("rent"), list),
        ("labels", json!(null), ("none is not an allowed value", "type_error.none.not_allowed")),
    ];
    for (field, value, (msg, kind)) in cases {
        let mut body = json!({ "out": false, "amount": 1 });
        body[field] = value.clone();
        let answer = wallet.invoice.post("/api/v1/payments", body).await;
        assert_eq!(answer.status, 400, "{field}: {value}: {}", answer.text);
        assert_eq!(wrong(&answer), (json!(["body", field]), msg.into(), kind.into()), "{field}: {value}");
    }
    let mut body = json!({ "out": false, "amount": 1, "labels": ["a", 7] });
    let inside = wrong(&wallet.invoice.post("/api/v1/payments", body.clone()).await);
    assert_eq!(inside, (json!(["body", "labels", 1]), text.0.into(), text.1.into()));
    body["labels"] = json!([]);
    for (amount, sat) in [(json!("12"), 12), (json!(3.0), 3), (json!(" 7 "), 7)] {
        body["amount"] = amount;
        assert_eq!(wallet.invoice.post("/api/v1/payments", body.clone()).await.ok()["amount"], sat * 1000);
    }
    assert_eq!(wallet.invoice.get("/api/v1/payments/paginated").await.ok()["total"], 3);
}
