//! What a session token has to be (RELIABILITY 59).

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, decode_header, encode};
use satchel::{clock::Clock, domain::Account, vault::Vault};
use serde_json::{Value, json};

use crate::harness::{Answer, MASTER, PASSWORD, Plan, Server};

/// A server, a live token, and what it says.
async fn logged_in() -> (Server, String, Header, Value) {
    let server = Plan::sqlite().seeded().start().await;
    server.user("alice").await;
    let login = server.anybody().post("/api/v1/auth", json!({ "username": "alice", "password": PASSWORD })).await.ok();
    let token = login["access_token"].as_str().unwrap().to_owned();
    let header = decode_header(&token).unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    (server, token, header, serde_json::from_slice(&claims).unwrap())
}

async fn with(server: &Server, token: &str) -> Answer {
    server.bearer(token).get("/api/v1/auth").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_signed_by_this_server_in_the_one_way_it_signs() {
    let (server, token, header, claims) = logged_in().await;
    assert_eq!(with(&server, &token).await.status, 200);
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let (head, body) = (serde_json::to_value(&header).unwrap(), part(&claims));
    let signature = token.rsplit('.').next().unwrap();
    let mut forged = Vec::new();
    for name in ["none", "None", "NONE", "nOnE", "HS256"] {
        let mut head = head.clone();
        head["alg"] = name.into();
        forged.push(format!("{}.{body}.", part(&head)));
    }
    for name in ["none", "HS512", "RS256", "ES256"] {
        let mut head = head.clone();
        head["alg"] = name.into();
        forged.push(format!("{}.{body}.{signature}", part(&head)));
    }
    let secret = Vault::new(MASTER, Clock::system()).derived("session tokens");
    let of = |algorithm, kid: Option<&str>| Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
    let kid = header.kid.as_deref();
    let rsa = EncodingKey::from_rsa_pem(include_bytes!("keys/rsa_first.pem")).unwrap();
    let public = EncodingKey::from_secret(include_bytes!("keys/rsa_first.pub.pem"));
    let guessed = EncodingKey::from_secret(b"secret");
    for (header, key) in [
        (of(Algorithm::HS512, kid), &EncodingKey::from_secret(&secret)),
        (of(Algorithm::RS256, kid), &rsa),
        (of(Algorithm::HS256, kid), &public),
        (of(Algorithm::HS256, kid), &guessed),
        (of(Algorithm::HS256, Some("00000000")), &guessed),
        (of(Algorithm::HS256, None), &guessed),
        (of(Algorithm::HS256, Some("00000000")), &EncodingKey::from_secret(&secret)),
    ] {
        forged.push(encode(&header, &claims, key).unwrap());
    }
    forged.extend([String::from("."), "a.b.c".into(), token[..token.len() - 2].into(), format!("{token}.x")]);
    for token in forged {
        let answer = with(&server, &token).await;
        assert_eq!((answer.status, answer.detail()), (401, "Invalid access token."), "{token}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_dies_with_its_time_its_session_and_its_account() {
    let (server, token, _, _) = logged_in().await;
    server.bearer(&token).post("/api/v1/auth/logout", json!({})).await.ok();
    let out = with(&server, &token).await;
    assert_eq!((out.status, out.detail()), (401, "Session expired."));

    let (server, token, _, claims) = logged_in().await;
    assert_eq!(with(&server, &token).await.status, 200, "remembered from here on");
    server.clock.advance(claims["exp"].as_i64().unwrap() - server.clock.now().unix());
    let old = with(&server, &token).await;
    assert_eq!((old.status, old.detail()), (401, "Session expired."));

    let (server, token, _, claims) = logged_in().await;
    let id: satchel::domain::AccountId = claims["sub"].as_str().unwrap().parse().unwrap();
    let stored = server.store.account_find(id).await.unwrap().unwrap();
    let was = stored.updated_at;
    server.store.account_update(Account { activated: false, ..stored }, was).await.unwrap();
    let shut = with(&server, &token).await;
    assert_eq!((shut.status, shut.detail()), (401, "User not found."));
}
