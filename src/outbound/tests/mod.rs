//! Over real sockets: what the client does, and what it does not do.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

/// A server which answers each request with what `script` says to its text. Counts what it was asked.
async fn server(script: impl Fn(&str) -> String + Send + Sync + 'static) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, count) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let (asked, script) = (Arc::clone(&count), Arc::new(script));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (asked, script) = (Arc::clone(&asked), Arc::clone(&script));
            tokio::spawn(async move {
                let mut text = Vec::new();
                let mut chunk = [0; 4096];
                while !is_whole(&text) {
                    let read = stream.read(&mut chunk).await.unwrap();
                    if read == 0 {
                        return;
                    }
                    text.extend_from_slice(&chunk[..read]);
                }
                asked.fetch_add(1, Ordering::SeqCst);
                let answer = script(&String::from_utf8_lossy(&text));
                stream.write_all(answer.as_bytes()).await.unwrap();
                if answer.ends_with("…") {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    (address, count)
}

fn is_whole(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    body.len() >= length.unwrap_or(0)
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn moved(status: u16, to: &str) -> String {
    format!("HTTP/1.1 {status} Moved\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

fn open() -> Policy {
    Policy { allow_private: true, ..Policy::default() }
}

fn open_to(rule: &str) -> Policy {
    Policy { redirects: Rules::read([rule]), ..open() }
}

async fn get(policy: &Policy, url: String) -> Result<Reply, OutboundError> {
    Outbound::new().send(policy, Request::get(url)).await
}

#[tokio::test]
async fn a_reply_has_status_headers_and_body() {
    let (address, _) = server(|_| "HTTP/1.1 418 No\r\nx-a: b\r\ncontent-length: 2\r\n\r\nhi".to_owned()).await;
    let reply = get(&open(), format!("http://{address}/path")).await.unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (418, b"hi".as_slice()));
    assert_eq!(reply.headers["x-a"], "b");
    assert!(!reply.is_success());
}

#[tokio::test]
async fn a_post_has_its_headers_and_its_body() {
    let (address, _) = server(|text| ok(&text.replace("\r\n", "|"))).await;
    let request = Request::post(format!("http://{address}/hook"), b"{\"a\":1}".to_vec()).header("X-Signed", "v1=9");
    let reply = Outbound::new().send(&open(), request).await.unwrap();
    let text = String::from_utf8(reply.body).unwrap();
    assert!(text.starts_with("POST /hook HTTP/1.1"), "{text}");
    assert!(text.contains("x-signed: v1=9") && text.contains("content-type: application/json"), "{text}");
    assert!(text.ends_with("{\"a\":1}"), "{text}");
}

#[tokio::test]
async fn headers_which_frame_the_message_cannot_be_set() {
    for (name, value) in [("Host", "a"), ("Content-Length", "1"), ("a b", "c"), ("x", "a\r\nb: c")] {
        let request = Request::get("http://127.0.0.1:1/").header(name, value);
        assert_eq!(Outbound::new().send(&open(), request).await.unwrap_err(), OutboundError::InvalidHeader, "{name}");
    }
}

#[tokio::test]
async fn private_addresses_are_refused_before_anything_is_sent() {
    let (address, asked) = server(|_| ok("secret")).await;
    let port = address.port();
    let hosts = ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "017700000001"];
    for host in hosts {
        for scheme in ["http", "https"] {
            let error = get(&Policy::default(), format!("{scheme}://{host}:{port}/")).await.unwrap_err();
            assert_eq!(error, OutboundError::Private, "{scheme} {host}");
            assert!(error.is_refusal());
        }
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn some_addresses_are_refused_always() {
    for host in ["169.254.169.254", "0.0.0.0", "[::]", "224.0.0.1", "[fe80::1]"] {
        assert_eq!(get(&open(), format!("http://{host}/")).await.unwrap_err(), OutboundError::Private, "{host}");
    }
}

#[tokio::test]
async fn without_encryption_only_to_private_addresses() {
    let error = get(&open(), "http://1.1.1.1/".to_owned()).await.unwrap_err();
    assert_eq!(error, OutboundError::PlainHttp);
}

#[tokio::test]
async fn a_url_is_checked_before_it_is_asked() {
    let cases = [
        ("", OutboundError::InvalidUrl),
        ("nothing", OutboundError::InvalidUrl),
        ("https://", OutboundError::NoHost),
        ("ftp://host/", OutboundError::Scheme),
        ("file:///etc/passwd", OutboundError::Scheme),
        ("https://user@host/", OutboundError::Credentials),
        ("https://:word@host/", OutboundError::Credentials),
        ("https://host:99999/", OutboundError::Port),
        ("https://host:0/", OutboundError::Port),
    ];
    for (url, error) in cases {
        assert_eq!(target(url).unwrap_err(), error, "{url}");
    }
    assert_eq!(target(&format!("https://host/{}", "a".repeat(9_000))).unwrap_err(), OutboundError::InvalidUrl);
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_the_connection_goes_there() {
    let (address, asked) = server(|text| ok(text.lines().find(|line| line.starts_with("host")).unwrap())).await;
    let looked_up = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&looked_up);
    let outbound = Outbound::with_resolver(move |host, _| {
        assert_eq!(host, "service.invalid");
        count.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { Ok(vec![address]) })
    });
    let url = format!("http://service.invalid:{}/", address.port());
    let reply = outbound.send(&open(), Request::get(url)).await.unwrap();
    assert_eq!(reply.body, format!("host: service.invalid:{}", address.port()).into_bytes());
    assert_eq!((looked_up.load(Ordering::SeqCst), asked.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test]
async fn one_forbidden_address_among_allowed_ones_refuses_the_name() {
    let addresses = vec!["1.1.1.1:443".parse().unwrap(), "10.0.0.1:443".parse().unwrap()];
    let outbound = Outbound::with_resolver(move |_, _| {
        let addresses = addresses.clone();
        Box::pin(async move { Ok(addresses) })
    });
    let asked = outbound.send(&Policy::default(), Request::get("https://service.invalid/")).await;
    assert_eq!(asked.unwrap_err(), OutboundError::Private);
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_unresolved() {
    let outbound = Outbound::with_resolver(|_, _| Box::pin(async { Ok(Vec::new()) }));
    let asked = outbound.send(&open(), Request::get("https://service.invalid/")).await;
    assert_eq!(asked.unwrap_err(), OutboundError::Unresolved);
}

#[tokio::test]
async fn redirects_need_a_rule() {
    let (goal, reached) = server(|_| ok("goal")).await;
    let (door, _) = server(move |_| moved(302, &format!("http://{goal}/"))).await;
    let url = format!("http://{door}/");
    assert_eq!(get(&open(), url.clone()).await.unwrap_err(), OutboundError::Redirect);
    assert_eq!(get(&open_to("https://other"), url.clone()).await.unwrap_err(), OutboundError::Redirect);
    assert_eq!(reached.load(Ordering::SeqCst), 0);
    assert_eq!(get(&open_to("http://127\\.0\\.0\\.1:\\d+"), url).await.unwrap().body, b"goal");
}

#[tokio::test]
async fn each_target_of_a_redirect_is_checked_like_the_first_url() {
    for (to, error) in [
        ("http://169.254.169.254/", OutboundError::Private),
        ("http://1.1.1.1/", OutboundError::PlainHttp),
        ("http://a:b@127.0.0.1/", OutboundError::Credentials),
        ("ftp://127.0.0.1/", OutboundError::Scheme),
    ] {
        let (door, _) = server(move |_| moved(307, to)).await;
        assert_eq!(get(&open_to(".*"), format!("http://{door}/")).await.unwrap_err(), error, "{to}");
    }
}

#[tokio::test]
async fn redirects_end_after_three_and_never_take_a_post_along() {
    let (ring, asked) = server(|_| moved(301, "/again")).await;
    let url = format!("http://{ring}/");
    assert_eq!(get(&open_to(".*"), url.clone()).await.unwrap_err(), OutboundError::Redirect);
    assert_eq!(asked.load(Ordering::SeqCst), 4);
    let post = Outbound::new().send(&open_to(".*"), Request::post(url, Vec::new())).await;
    assert_eq!(post.unwrap_err(), OutboundError::Redirect);
    assert_eq!(asked.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn headers_stay_with_their_origin() {
    let (goal, _) = server(|text| ok(&text.to_ascii_lowercase())).await;
    let (door, _) = server(move |_| moved(303, &format!("http://{goal}/"))).await;
    let request = Request::get(format!("http://{door}/")).header("Authorization", "Bearer word");
    let reply = Outbound::new().send(&open_to(".*"), request).await.unwrap();
    assert!(!String::from_utf8(reply.body).unwrap().contains("bearer"));
}

#[tokio::test]
async fn no_more_is_read_than_the_bound() {
    let policy = Policy { max_body: 10, ..open() };
    let (announced, _) = server(|_| ok("12345678901")).await;
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\n123456\r\n5\r\n78901\r\n0\r\n\r\n";
    let (grown, _) = server(|_| chunked.to_owned()).await;
    let (fitting, _) = server(|_| ok("1234567890")).await;
    for address in [announced, grown] {
        assert_eq!(get(&policy, format!("http://{address}/")).await.unwrap_err(), OutboundError::TooLarge);
    }
    assert_eq!(get(&policy, format!("http://{fitting}/")).await.unwrap().body.len(), 10);
}

#[tokio::test]
async fn a_body_that_does_not_end_is_late_and_one_that_breaks_off_is_no_reply() {
    let policy = Policy { timeout: Duration::from_millis(300), ..open() };
    let (slow, _) = server(|_| "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc…".to_owned()).await;
    assert_eq!(get(&policy, format!("http://{slow}/")).await.unwrap_err(), OutboundError::Late);
    let (broken, _) = server(|_| "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc".to_owned()).await;
    assert_eq!(get(&open(), format!("http://{broken}/")).await.unwrap_err(), OutboundError::Unreachable);
}
