//! What holds for every request, whatever it asks.

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{assert_explained, assert_refused};
use crate::harness::{Answer, Server};

/// Sends bytes as they are and reads until the server closes.
async fn wire(server: &Server, bytes: &[u8]) -> String {
    let address = server.url.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // a server that has heard enough may reset the connection after its answer
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_are_404() {
    let server = Server::start().await;
    for path in ["/nothing", "/api/v1/nothing", "//", "/api//v1/wallet", "/api/v1/payments/a/b/c", "/static/none.js"] {
        assert_refused(&server.anybody().get(path).await, 404, "Not Found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_are_405_and_the_right_ones_are_named() {
    let server = Server::start().await;
    let paths = [
        (Method::DELETE, "/api/v1/auth/register", "POST"),
        (Method::POST, "/api/v1/health", "GET"),
        (Method::HEAD, "/api/v1/wallet", "GET, POST, PUT, PATCH, DELETE"),
        (Method::HEAD, "/", "GET"),
        (Method::PATCH, "/api/v1/payments", "POST, GET"),
        (Method::OPTIONS, "/api/v1/wallets", "GET"),
        (Method::TRACE, "/api/v1/wallets", "GET"),
        ("BREW".parse().unwrap(), "/api/v1/wallets", "GET"),
    ];
    for (method, path, allow) in paths {
        let answer = server.anybody().send(method.clone(), path, None).await;
        assert_eq!(answer.status, 405, "{method} {path}");
        let mut allowed: Vec<&str> = answer.headers["allow"].to_str().unwrap().split(", ").collect();
        let mut expected: Vec<&str> = allow.split(", ").collect();
        allowed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(allowed, expected, "{method} {path}");
        if method != Method::HEAD {
            assert_refused(&answer, 405, "Method Not Allowed");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slash_too_many_or_too_few_is_redirected() {
    let server = Server::start().await;
    for (path, to) in [
        ("/api/v1/wallet/", "/api/v1/wallet"),
        ("/api/v1/payments/?limit=3&x=%20", "/api/v1/payments?limit=3&x=%20"),
        ("/docs/", "/docs"),
    ] {
        let answer = server.anybody().get(path).await;
        assert_eq!(answer.status, 307, "{path}");
        assert_eq!(answer.headers["location"].to_str().unwrap(), format!("{}{to}", server.url));
    }
    let posted = server.anybody().post("/api/v1/auth/", json!({})).await;
    assert_eq!(posted.status, 307);
    let host = [("Host", "shop.example:8443")];
    let named = server.anybody().raw(Method::GET, "/api/v1/wallet/", None, &host).await;
    assert_eq!(named.headers["location"], "http://shop.example:8443/api/v1/wallet");
    // never to another server
    for path in ["//example.com/", "//example.com", "/\\example.com/"] {
        assert_eq!(server.anybody().get(path).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_of_other_origins_are_answered() {
    let server = Server::start().await;
    let ask = [
        ("Origin", "https://pos.example"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "x-api-key, content-type"),
    ];
    for path in ["/api/v1/payments", "/api/v1/wallet", "/nothing"] {
        let answer = server.anybody().raw(Method::OPTIONS, path, None, &ask).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, "OK"), "{path}");
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
        assert_eq!(answer.headers["access-control-max-age"], "600");
        assert_eq!(answer.headers["access-control-allow-methods"], "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");
        let headers = answer.headers["access-control-allow-headers"].to_str().unwrap().to_lowercase();
        for name in ["x-api-key", "authorization", "content-type", "x-wallet-id"] {
            assert!(headers.contains(name), "{headers}");
        }
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    }
    let origin = [("Origin", "https://pos.example")];
    for (path, status) in [("/api/v1/health", 200), ("/api/v1/wallet", 401), ("/nothing", 404), ("/docs/", 307)] {
        let answer = server.anybody().raw(Method::GET, path, None, &origin).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.headers["access-control-allow-origin"], "*", "{path}");
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_names_its_request() {
    let server = Server::start().await;
    let id = |answer: &Answer| answer.headers["x-request-id"].to_str().unwrap().to_owned();
    let mut seen = std::collections::HashSet::new();
    for path in ["/", "/api/v1/health", "/api/v1/wallet", "/nothing", "/docs/", "/api/v1/auth/register", "/docs"] {
        let answer = server.anybody().get(path).await;
        assert!(seen.insert(id(&answer)), "{path} has the id of another request");
        if answer.status >= 400 {
            assert_explained(&answer);
        }
    }
    for (given, kept) in [
        ("0123abcd", true),
        ("a1b2c3d4-e5f6-7890-abcd-ef0123456789", true),
        ("short", false),
        ("with space in it", false),
        ("<script>alert(1)</script>", false),
        (&"x".repeat(65), false),
    ] {
        let answer = server.anybody().raw(Method::GET, "/api/v1/wallet", None, &[("X-Request-Id", given)]).await;
        assert_eq!(id(&answer) == given, kept, "{given}");
        assert_explained(&answer);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_answers_are_compressed_for_those_who_take_it() {
    let server = Server::start().await;
    let get = |path: &str, accept: &'static str| {
        let request = server.client.get(format!("{}{path}", server.url)).header("Accept-Encoding", accept);
        async move {
            let response = request.send().await.unwrap();
            let coding = response.headers().get("content-encoding").map(|value| value.to_str().unwrap().to_owned());
            (coding, response.headers().contains_key("vary"), response.bytes().await.unwrap())
        }
    };
    let (plain, _, whole) = get("/openapi.json", "identity").await;
    let (coding, varies, small) = get("/openapi.json", "br;q=1.0, gzip").await;
    assert_eq!((plain, coding.as_deref(), varies), (None, Some("gzip"), true));
    assert!(whole.starts_with(b"{") && small.starts_with(&[0x1f, 0x8b]) && small.len() * 2 < whole.len());
    assert_eq!(get("/api/v1/health", "gzip").await.0, None, "a short answer");
    assert_eq!(get("/openapi.json", "gzip;q=0").await.0, None, "a client that refuses it");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_http_is_closed_with_an_answer() {
    let server = Server::start().await;
    let huge = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Junk: {}\r\n\r\n", "j".repeat(300_000));
    for (bytes, statuses) in [
        (huge.as_bytes(), ["431", "400"]),
        (b"NONSENSE\r\n\r\n".as_slice(), ["400", "400"]),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", ["400", "400"]),
        (b"POST /api/v1/auth HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ["400", "400"]),
    ] {
        let answer = wire(&server, bytes).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(statuses.contains(&status), "{answer}");
    }
    assert_eq!(server.anybody().get("/api/v1/health").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_broken_framing_is_refused_or_dropped() {
    let server = Server::start().await;
    let wallet = server.wallet(100).await;
    let head = format!(
        "POST /api/v1/payments HTTP/1.1\r\nHost: x\r\nX-Api-Key: {}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
        wallet.admin_key
    );
    let answer = wire(&server, format!("{head}zz\r\n{{}}\r\n0\r\n\r\n").as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(wallet.balance().await, 100_000);
}
