use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{HeaderMap, Manner, NoAnswer, get, post};

fn manner() -> Manner {
    Manner {
        allow_private: true,
        plain_http: true,
        redirects: Vec::new(),
        patience: Duration::from_secs(5),
        answer_max: 1000,
    }
}

/// A server that answers each connection with the next of these texts; `{at}` stands for where it listens.
async fn serves(answers: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let own = at.clone();
    tokio::spawn(async move {
        for answer in answers {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            let _ = socket.read(&mut head).await.unwrap();
            socket.write_all(answer.replace("{at}", &own).as_bytes()).await.unwrap();
            if answer.is_empty() {
                tokio::time::sleep(Duration::from_mins(1)).await;
            }
        }
    });
    at
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";

#[tokio::test]
async fn what_is_allowed_is_answered() {
    let at = serves(&[OK, OK]).await;
    let answer = get(&format!("{at}/x"), &manner()).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"hi"[..]));
    assert_eq!(post(&at, HeaderMap::new(), b"x".to_vec(), &manner()).await.unwrap().status, 200);
}

#[tokio::test]
async fn private_addresses_are_not_connected_to_by_number_or_by_name() {
    let at = serves(&[OK]).await;
    let port = at.rsplit(':').next().unwrap().to_owned();
    let public = Manner { allow_private: false, ..manner() };
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0"] {
        let answer = get(&format!("http://{host}:{port}/"), &public).await;
        assert_eq!(answer.unwrap_err(), NoAnswer::Private, "{host}");
    }
    let strict = Manner { plain_http: false, ..public };
    assert_eq!(get(&at, &strict).await.unwrap_err(), NoAnswer::Plain);
    let near = Manner { plain_http: false, ..manner() };
    assert_eq!(get("http://1.1.1.1/", &near).await.unwrap_err(), NoAnswer::Plain);
    assert_eq!(get(&format!("http://localhost:{port}/"), &near).await.unwrap().status, 200);
}

#[tokio::test]
async fn addresses_that_are_none_are_refused() {
    for (url, reason) in [
        ("file:///etc/passwd", NoAnswer::Scheme),
        ("gopher://a.example", NoAnswer::Scheme),
        ("http://user:pw@127.0.0.1/", NoAnswer::Credentials),
        ("http://", NoAnswer::Unreadable),
        ("x", NoAnswer::Unreadable),
    ] {
        assert_eq!(get(url, &manner()).await.unwrap_err(), reason, "{url}");
    }
    assert_eq!(get("http://nobody.invalid/", &manner()).await.unwrap_err(), NoAnswer::Unresolved);
}

const INWARD: &str =
    "HTTP/1.1 302 Found\r\nlocation: file:///etc/passwd\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const AWAY: &str = "HTTP/1.1 302 Found\r\nlocation: {at}/there\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn redirects_are_followed_by_the_rules_alone() {
    let at = serves(&[AWAY]).await;
    assert_eq!(get(&at, &manner()).await.unwrap_err(), NoAnswer::Redirect);
    let at = serves(&[AWAY, OK]).await;
    let following = Manner { redirects: vec!["http://127\\.0\\.0\\.1:\\d+/there".into()], ..manner() };
    assert_eq!(get(&at, &following).await.unwrap().status, 200);
    let at = serves(&[AWAY, AWAY, AWAY, AWAY]).await;
    assert_eq!(get(&at, &following).await.unwrap_err(), NoAnswer::Redirect);
    let at = serves(&[INWARD]).await;
    let anywhere = Manner { redirects: vec![".*".into()], ..manner() };
    assert_eq!(get(&at, &anywhere).await.unwrap_err(), NoAnswer::Scheme);
    // what was sent is not sent on
    let at = serves(&[AWAY]).await;
    assert_eq!(post(&at, HeaderMap::new(), Vec::new(), &anywhere).await.unwrap().status, 302);
}

#[tokio::test]
async fn answers_are_bounded_in_size_and_time() {
    let large = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n320\r\n";
    let text: &'static str = Box::leak(format!("{large}{0}\r\n320\r\n{0}\r\n", "x".repeat(800)).into_boxed_str());
    let at = serves(Box::leak(Box::new([text]))).await;
    assert_eq!(get(&at, &manner()).await.unwrap_err(), NoAnswer::TooLarge);
    let at = serves(&[""]).await;
    let hasty = Manner { patience: Duration::from_millis(200), ..manner() };
    assert_eq!(get(&at, &hasty).await.unwrap_err(), NoAnswer::Late);
}
