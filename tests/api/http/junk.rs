//! Nonsense to every route: it is refused with a word on what to change, nothing is written, and nobody
//! gets a 500.

use satchel::{
    accounts::acl,
    domain::filter::Listing,
    http::{catalogue, table},
};
use serde_json::{Value, json};

use super::{
    assert_explained, samples,
    world::{Kind, World},
};
use crate::harness::Answer;

fn junk() -> Vec<Value> {
    let deep = (0..60).fold(json!(1), |inner, _| json!([inner]));
    vec![
        Value::Null,
        json!(true),
        json!([]),
        json!([null]),
        json!({}),
        json!({ "a": { "b": [] } }),
        deep,
        json!(""),
        json!("\u{0}"),
        json!("💸 \u{202e} é"),
        json!("'; DROP TABLE payments; --"),
        json!("x".repeat(100_000)),
        json!(-1),
        json!(1.5),
        json!(9_223_372_036_854_775_808_u64),
        json!(i64::MIN),
        json!(1e30),
        json!("NaN"),
        json!("-1"),
    ]
}

const PARTS: &[&str] =
    &["%00", "-1", "1.5", "NaN", "%F0%9F%92%B8", "%ff%fe", "%2e%2e%2f", "%27%20OR%201=1", "null", "%"];
const QUERY: &[&str] = &[
    "limit",
    "offset",
    "sortby",
    "direction",
    "search",
    "amount",
    "amount[gt]",
    "time[le]",
    "labels[every]",
    "group",
    "count_by",
    "recheck_pending",
    "invoice",
    "wallet_id",
    "api-key",
];

/// All money and every record of the server.
async fn written(world: &World) -> String {
    let ledger = world.server.ledger();
    let listing = Listing { limit: 1, ..Listing::default() };
    let (_, total) = ledger.page(satchel::domain::payment::Scope::All, listing).await.unwrap();
    let all = Listing { limit: 1000, ..Listing::default() };
    let wallets = ledger.by_wallet(satchel::domain::payment::Scope::All, all).await.unwrap();
    let sums: Vec<_> = wallets.iter().map(|wallet| (wallet.wallet.to_string(), wallet.total)).collect();
    format!("{total} {sums:?}")
}

fn check(name: &str, sent: &str, answer: &Answer) {
    let sent: String = sent.chars().take(200).collect();
    assert_ne!(answer.status, 0);
    let moves_money = name.contains("/payments") || name.contains("/simulation/") || name.contains("/balance");
    let fine = answer.status < 500 || (answer.status == 520 && moves_money);
    assert!(fine, "{name} answers {} to {sent}: {}", answer.status, answer.text);
    if answer.status >= 400 {
        assert_explained(answer);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_in_any_field_is_refused_and_leaves_no_trace() {
    let mut world = World::new().await;
    for operation in catalogue(&table()).operations() {
        let name = acl::name(operation);
        let sample = samples::of(&name);
        let Some(body) = sample.body else { continue };
        let kind = if name.contains("/users/") || name.contains("/admin/") { Kind::SuperUser } else { Kind::Session };
        let subject = world.subject(kind).await;
        let path = (sample.path)(&subject);
        let mut bodies: Vec<Value> = junk();
        for (field, _) in body(&subject).as_object().unwrap() {
            for value in junk() {
                let mut changed = body(&subject);
                changed[field] = value;
                bodies.push(changed);
            }
        }
        for sent in bodies {
            let before = written(&world).await;
            let answer = subject.send(&operation.method, &path, Some(sent.clone())).await;
            check(&name, &sent.to_string(), &answer);
            // what was paid from outside a moment ago arrives when it arrives
            if answer.status >= 400 && !name.ends_with("/simulation/pay") {
                assert_eq!(written(&world).await, before, "{name} wrote something and answered {}", answer.text);
            }
        }
    }
    world.server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_in_any_path_and_query_is_refused() {
    let mut world = World::new().await;
    for operation in catalogue(&table()).operations() {
        let name = acl::name(operation);
        let kind = if name.contains("/users/") || name.contains("/admin/") { Kind::SuperUser } else { Kind::Session };
        let subject = world.subject(kind).await;
        let body = samples::of(&name).body.map(|body| body(&subject));
        if let Some((head, rest)) = operation.path.split_once('{') {
            let tail = rest.split_once('}').unwrap().1;
            for part in PARTS.iter().map(|part| (*part).to_owned()).chain(["p".repeat(5000)]) {
                let path = format!("{head}{part}{tail}");
                check(&name, &path, &subject.send(&operation.method, &path, body.clone()).await);
            }
        }
        if operation.method == "GET" {
            let path = (samples::of(&name).path)(&subject);
            let path = path.split('?').next().unwrap();
            for parameter in QUERY {
                for value in PARTS {
                    let path = format!("{path}?{parameter}={value}");
                    check(&name, &path, &subject.send("GET", &path, None).await);
                }
            }
            check(&name, "broken query", &subject.send("GET", &format!("{path}?%&=&%zz=%00&&&"), None).await);
        }
    }
    world.server.assert_sound().await;
}
