//! What somebody else's page, and who got hold of a cookie, cannot do.

use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::kit::Browser;
use crate::harness::{PASSWORD, Server};

/// Serves one page, for ever, at an address of the same site (a site has no port).
async fn foreign_page(html: String) -> String {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = socket.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                html.len()
            );
            let _ = stream.write_all(format!("{head}{html}").as_bytes()).await;
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_somebody_else_does_nothing_in_ones_name() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    server.user("mallory").await;
    let mut browser = Browser::open(&server).await;
    browser.sign_in("alice").await;
    // a form whose only field makes a body that reads as JSON
    let form = |path: &str, body: &str| {
        let (start, end) = body.split_at(body.len() - 2);
        format!(
            "<form method=post enctype=text/plain action='{}{path}'><input name='{start}' value='{end}'></form><script>addEventListener('load', () => setTimeout(() => document.forms[0].submit()))</script>",
            server.url
        )
    };
    let wallet = form("/api/v1/wallet", "{\"name\":\"stolen\",\"x\":\"\"}");
    let login = form("/api/v1/auth", &format!("{{\"username\":\"mallory\",\"password\":\"{PASSWORD}\",\"x\":\"\"}}"));
    let logout = form("/api/v1/auth/logout", "{\"x\":\"\"}");
    browser.expects(401);
    browser.expects(404);
    for page in [wallet, login, logout] {
        let url = foreign_page(format!("<!doctype html><title>x</title><link rel=icon href=data:,>{page}")).await;
        browser.knows(&url);
        browser.client.goto(&url).await.unwrap();
        browser.until(&format!("location.origin === {}", json!(server.url))).await;
    }
    // by script, too
    let script = format!(
        "<script>fetch('{}/api/v1/wallet', {{ method: 'POST', mode: 'no-cors', credentials: 'include', body: '{{\"name\":\"stolen\"}}' }}).finally(() => {{ document.title = 'sent'; }})</script>",
        server.url
    );
    let url = foreign_page(format!("<!doctype html><title>x</title><link rel=icon href=data:,>{script}")).await;
    browser.knows(&url);
    browser.client.goto(&url).await.unwrap();
    browser.until("document.title === 'sent'").await;
    let wallets = alice.get("/api/v1/wallets").await.ok();
    assert_eq!(wallets.as_array().unwrap().len(), 1, "{wallets}");
    // nobody else is signed in now, and nobody is signed out
    browser.visit("/account").await;
    browser.until("document.querySelector('input[autocomplete=username]')?.value === 'alice'").await;
    // what does not happen from there does happen from here
    let made = browser
        .run(
            "return fetch('/api/v1/wallet', { method: 'POST', body: '{\"name\":\"mine\"}' }).then((one) => one.status)",
        )
        .await;
    assert_eq!(made, 200);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_cookie_is_out_of_scripts_reach_and_ends_with_the_session() {
    let server = Server::start().await;
    server.user("alice").await;
    let browser = Browser::open(&server).await;
    browser.sign_in("alice").await;
    let seen = browser.run("return document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage })").await;
    assert!(!seen.as_str().unwrap().contains("eyJ"), "{seen}");
    let cookie = browser.client.get_named_cookie("cookie_access_token").await.unwrap();
    assert_eq!(
        (cookie.http_only(), cookie.same_site().map(|one| one.to_string())),
        (Some(true), Some("Lax".to_owned()))
    );
    let stolen = format!("cookie_access_token={}", cookie.value());
    let body = Some(json!({ "name": "stolen" }).to_string().into_bytes());
    let act = |from: &'static str| {
        let (server, body, stolen) = (&server, body.clone(), stolen.clone());
        async move {
            let headers = [("Cookie", stolen.as_str()), ("Origin", from)];
            server.anybody().raw(Method::POST, "/api/v1/wallet", body, &headers).await.status
        }
    };
    // sent along by a browser for another page
    assert_eq!(act("http://127.0.0.1:1").await, 401);
    assert_eq!(act("null").await, 401);
    browser.press("Sign out").await;
    browser.control("Sign in with a passkey").await;
    let answer = server.anybody().raw(Method::GET, "/api/v1/auth", None, &[("Cookie", &stolen)]).await;
    assert_eq!(answer.status, 401, "{}", answer.text);
    let own: &'static str = Box::leak(server.url.clone().into_boxed_str());
    assert_eq!(act(own).await, 401);
    browser.close().await;
}
