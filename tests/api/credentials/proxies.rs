//! Where a request came from is asked of trusted proxies only.

use reqwest::Method;
use satchel::domain::{
    credential::{CredentialKind, Restrictions},
    tier::Tiers,
};
use serde_json::json;

use super::tiers::{assert_over, count_down, counting, mint};
use crate::harness::{Answer, PASSWORD, Plan, Server};

/// Every test's server is called from 127.0.0.1, which this makes a proxy.
fn behind_a_proxy(tiers: &mut Tiers) {
    tiers.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
    tiers.anonymous_requests_per_minute = 2;
}

async fn from(server: &Server, headers: &[(&str, &str)]) -> Answer {
    server.anybody().raw(Method::GET, "/api/v1/tiers", None, headers).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_say_that_he_is_somebody_else() {
    let server = counting(Plan::sqlite(), |tiers| tiers.anonymous_requests_per_minute = 3).start().await;
    for (left, header) in [
        (2, ("X-Forwarded-For", "203.0.113.1")),
        (1, ("Forwarded", "for=203.0.113.2")),
        (0, ("X-Forwarded-For", "203.0.113.3, 10.0.0.1")),
    ] {
        assert_eq!(count_down(&from(&server, &[header]).await).1, left);
    }
    assert_over(&from(&server, &[("X-Forwarded-For", "203.0.113.4")]).await, "anonymous", 3, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_is_believed_as_far_as_it_saw() {
    let server = counting(Plan::sqlite(), behind_a_proxy).start().await;
    let left = |answer: Answer| count_down(&answer).1;
    assert_eq!(left(from(&server, &[("X-Forwarded-For", "203.0.113.1")]).await), 1);
    assert_eq!(left(from(&server, &[("X-Forwarded-For", "203.0.113.2")]).await), 1);
    // what the client itself wrote stands further left
    let spoofed = from(&server, &[("X-Forwarded-For", "198.51.100.9, 203.0.113.1")]).await;
    assert_eq!(left(spoofed), 0, "the last one counts");
    let over = from(&server, &[("X-Forwarded-For", "198.51.100.8, 203.0.113.1, 10.1.1.1")]).await;
    assert_over(&over, "anonymous", 2, 30);
    let lines = [("X-Forwarded-For", "198.51.100.7"), ("X-Forwarded-For", "203.0.113.1")];
    assert_over(&from(&server, &lines).await, "anonymous", 2, 30);
    assert_over(&from(&server, &[("Forwarded", "for=\"203.0.113.1:4711\";proto=https")]).await, "anonymous", 2, 30);
    assert_eq!(left(from(&server, &[("Forwarded", "for=\"[2001:db8::1]\"")]).await), 1);
    assert_eq!(left(from(&server, &[("X-Forwarded-For", "2001:db8::ffff")]).await), 0, "one network");
    // the proxy itself, or one that does not say for whom it asks
    assert_eq!(left(from(&server, &[]).await), 1);
    assert_eq!(left(from(&server, &[("X-Forwarded-For", "unknown")]).await), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_certain_networks_asks_where_the_request_came_from() {
    let limits = Restrictions { source_ips: vec!["203.0.113.0/24".parse().unwrap()], ..Restrictions::default() };
    let inside = [("X-Forwarded-For", "203.0.113.7")];
    for trusted in [false, true] {
        let proxies = |tiers: &mut Tiers| {
            if trusted {
                behind_a_proxy(tiers);
                tiers.anonymous_requests_per_minute = 0;
            }
        };
        let server = counting(Plan::sqlite(), proxies).start().await;
        let alice = server.user("alice").await;
        let key = server.key(&mint(&server, &alice, CredentialKind::ApiKey, &limits).await);
        let get = async |headers: &[(&str, &str)]| key.raw(Method::GET, "/api/v1/wallet", None, headers).await.status;
        assert_eq!(get(&inside).await, if trusted { 200 } else { 403 });
        for outside in ["203.0.114.7", "203.0.113.7, 198.51.100.1", "203.0.113.7, nonsense"] {
            assert_eq!(get(&[("X-Forwarded-For", outside)]).await, 403, "{outside}");
        }
        let contradiction = [inside[0], ("Forwarded", "for=198.51.100.1")];
        assert_eq!(get(&contradiction).await, 403, "one of the two the client wrote");
        assert_eq!(get(&[]).await, 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_are_secure_when_a_trusted_proxy_says_https() {
    for trusted in [false, true] {
        let proxies = |tiers: &mut Tiers| {
            if trusted {
                behind_a_proxy(tiers);
                tiers.anonymous_requests_per_minute = 0;
            }
        };
        let server = counting(Plan::sqlite(), proxies).start().await;
        server.user("alice").await;
        let body = json!({ "username": "alice", "password": PASSWORD }).to_string().into_bytes();
        for (header, https) in [
            (("X-Forwarded-Proto", "https"), true),
            (("X-Forwarded-Proto", "http"), false),
            (("X-Forwarded-Proto", "https, http"), false),
            (("Forwarded", "for=203.0.113.1;proto=https"), true),
            (("X-Other", "x"), false),
        ] {
            let answer = server.anybody().raw(Method::POST, "/api/v1/auth", Some(body.clone()), &[header]).await;
            let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|c| c.to_str().unwrap()).collect();
            assert!(cookies.iter().any(|cookie| cookie.starts_with("cookie_access_token=ey")), "{cookies:?}");
            let secure = cookies.iter().all(|cookie| cookie.contains("; Secure"));
            assert_eq!(secure, https && trusted, "{header:?} {cookies:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_do_not_follow_a_strangers_word() {
    let spoof =
        [("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "https"), ("Forwarded", "host=evil.example")];
    let server = counting(Plan::sqlite(), |_| ()).start().await;
    let answer = server.anybody().raw(Method::GET, "/api/v1/wallet/", None, &spoof).await;
    assert_eq!(
        (answer.status, answer.headers["location"].to_str().unwrap()),
        (307, &*format!("{}/api/v1/wallet", server.url))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_in_the_query_can_be_switched_off() {
    let server = counting(Plan::sqlite(), |tiers| tiers.allow_query_keys = false).start().await;
    let wallet = server.wallet(1).await;
    let query = format!("/api/v1/wallet?api-key={}", wallet.invoice_key);
    let answer = server.anybody().get(&query).await;
    assert_eq!(answer.status, 401);
    assert!(answer.detail().contains("header X-Api-Key"), "{}", answer.text);
    assert_eq!(wallet.invoice.get(&query).await.status, 200, "the header counts");
}
