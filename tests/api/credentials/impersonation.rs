//! The super user in somebody else's place: begun by cookie, seen in the list, ended by going back.

use reqwest::Method;
use serde_json::{Value, json};

use super::people::{assert_refused, id_of, text, token};
use crate::harness::{Answer, Server};

const PATH: &str = "/api/v1/auth/impersonate";

async fn send(server: &Server, method: Method, cookies: &[(&str, &str)], body: Value) -> Answer {
    let cookies: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let body = (body != Value::Null).then(|| body.to_string().into_bytes());
    server.anybody().raw(method, PATH, body, &[("Cookie", &cookies.join("; "))]).await
}

/// The value that an answer gives a cookie; `None` when it does not mention it.
fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let all = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned());
    let prefix = format!("{name}=");
    all.into_iter().find_map(|line| line.strip_prefix(&prefix).map(|rest| rest.split(';').next().unwrap().to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_super_user_goes_and_comes_back() {
    let server = Server::start().await;
    let root = server.super_user().await;
    let own = token(&server, "root").await;
    let alice = server.user("alice").await;
    let id = id_of(&alice).await;
    let begun = send(&server, Method::POST, &[("cookie_access_token", &own)], json!({ "usr": id })).await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    let borrowed = text(&begun.body, "access_token");
    assert_eq!(cookie(&begun, "cookie_access_token").as_deref(), Some(borrowed.as_str()));
    assert_eq!(cookie(&begun, "admin_access_token").as_deref(), Some(own.as_str()));
    assert_eq!(cookie(&begun, "is_lnbits_user_impersonated").as_deref(), Some("true"));
    let seen = server.bearer(&borrowed).get("/api/v1/auth").await.ok();
    assert_eq!((&seen["id"], &seen["super_user"]), (&json!(id), &json!(false)));
    // alice sees who it was
    let list = alice.get("/api/v1/auth/sessions").await.ok();
    let marks: Vec<&Value> = list.as_array().unwrap().iter().map(|session| &session["impersonated_by"]).collect();
    assert_eq!(marks.iter().filter(|mark| mark.is_string()).count(), 1, "{list}");
    assert!(marks.contains(&&json!(id_of(&root).await)));

    let cookies = [("cookie_access_token", borrowed.as_str()), ("admin_access_token", own.as_str())];
    let back = send(&server, Method::DELETE, &cookies, Value::Null).await;
    assert_eq!(text(&back.clone().ok(), "access_token"), own);
    assert_eq!(cookie(&back, "cookie_access_token").as_deref(), Some(own.as_str()));
    assert!(cookie(&back, "admin_access_token").unwrap().trim_matches('"').is_empty());
    assert_eq!(server.bearer(&borrowed).get("/api/v1/auth").await.status, 401, "the borrowed login is over");
    assert_eq!(server.bearer(&own).get("/api/v1/auth").await.status, 200);
    assert_eq!(alice.get("/api/v1/auth").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_borrowed_ends_when_the_super_user_logs_out() {
    let server = Server::start().await;
    let own = {
        server.super_user().await;
        token(&server, "root").await
    };
    let alice = server.user("alice").await;
    let mine = [("cookie_access_token", own.as_str())];
    let begun = send(&server, Method::POST, &mine, json!({ "usr": id_of(&alice).await })).await.ok();
    let borrowed = server.bearer(&text(&begun, "access_token"));
    assert_eq!(borrowed.get("/api/v1/auth").await.status, 200);
    server.bearer(&own).post("/api/v1/auth/logout", json!({})).await.ok();
    assert_eq!(borrowed.get("/api/v1/auth").await.status, 401);
    assert_eq!(alice.get("/api/v1/auth").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_borrowed_is_refused() {
    let server = Server::start().await;
    let root = server.super_user().await;
    let own = token(&server, "root").await;
    let alice = server.user("alice").await;
    let id = id_of(&alice).await;
    let only_cookies = "Only cookie based impersonation is allowed.";
    assert_refused(&root.post(PATH, json!({ "usr": id })).await, 401, "unauthenticated", only_cookies);
    let mine = [("cookie_access_token", own.as_str())];
    let himself = json!({ "usr": id_of(&root).await });
    let refused = send(&server, Method::POST, &mine, himself).await;
    assert_refused(&refused, 403, "forbidden", "You cannot impersonate yourself.");
    for nobody in ["nonsense", "0123456789abcdef0123456789abcdef"] {
        let refused = send(&server, Method::POST, &mine, json!({ "usr": nobody })).await;
        assert_refused(&refused, 401, "unauthenticated", "User ID does not exist.");
    }
    let hers = token(&server, "alice").await;
    let refused = send(&server, Method::POST, &[("cookie_access_token", &hers)], json!({ "usr": id })).await;
    assert_eq!((refused.status, cookie(&refused, "cookie_access_token")), (403, None));

    let nothing = "No admin access token found to stop impersonation.";
    let refused = send(&server, Method::DELETE, &[("cookie_access_token", &hers)], Value::Null).await;
    assert_refused(&refused, 401, "unauthenticated", nothing);
    // what stands in the cookie is looked at: another user's token, or anything, is not handed back as a login
    let other = token(&server, "alice").await;
    for (kept, detail) in [(other.as_str(), nothing), ("forged", "Invalid access token.")] {
        let cookies = [("cookie_access_token", hers.as_str()), ("admin_access_token", kept)];
        let refused = send(&server, Method::DELETE, &cookies, Value::Null).await;
        assert_refused(&refused, 401, "unauthenticated", detail);
        assert_eq!(cookie(&refused, "cookie_access_token"), None);
    }
}
