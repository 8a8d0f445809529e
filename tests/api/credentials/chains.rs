//! Nobody mints more than he holds: chains of credentials of which each minted the next.

use std::collections::BTreeSet;

use proptest::{
    collection::vec,
    option,
    prelude::{Just, Strategy, any},
    prop_oneof,
    sample::subsequence,
    test_runner::{Config, TestCaseError, TestRunner},
};
use serde_json::{Value, json};

use super::{only_wallet, text};
use crate::harness::{Caller, Server};

const KEYS: &str = "/api/v1/api-keys";
const SELF: &str = "/api/v1/api-keys/self";

/// What lists of the test name: enough to mint, to read and to spend.
const ENTRIES: &[&str] = &[
    "POST /api/v1/api-keys",
    "POST /api/v1/auth/acls",
    "GET /api/v1/auth/acls",
    "POST /api/v1/auth/acls/{acl_id}/tokens",
    "GET /api/v1/wallet",
    "GET /api/v1/wallets",
    "POST /api/v1/wallet",
    "POST /api/v1/payments#receive",
    "POST /api/v1/payments#send",
    "PUT /api/v1/auth/me",
];

/// One attempt to mint.
#[derive(Debug, Clone)]
struct Attempt {
    /// A preset, or a list of these entries.
    grant: Result<&'static str, Vec<&'static str>>,
    as_token: bool,
    /// Numbers of wallets.
    wallets: Option<Vec<usize>>,
    max_amount: Option<i64>,
    budget: Option<(i64, &'static str)>,
    source: Option<&'static str>,
    /// In days from now.
    expires: Option<i64>,
}

fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
    let preset = prop_oneof![4 => Just("full"), 1 => Just("read"), 1 => Just("stats"), 1 => Just("receive")];
    let grant = prop_oneof![
        preset.prop_map(Ok),
        subsequence(ENTRIES, 5..=ENTRIES.len()).prop_map(Err),
        Just(Err(ENTRIES.to_vec())),
    ];
    let wallets = option::of(prop_oneof![Just(vec![0, 1, 2]), Just(vec![0, 1]), Just(vec![0]), Just(vec![2])]);
    let budget = option::of((prop_oneof![Just(10_000_i64), Just(50_000)], prop_oneof![Just("day"), Just("month")]));
    let source = option::of(prop_oneof![Just("127.0.0.0/8"), Just("127.0.0.1/32"), Just("0.0.0.0/0")]);
    let amount = option::of(prop_oneof![Just(1000_i64), Just(5000), Just(9000)]);
    let attempt = (grant, any::<bool>(), wallets, amount, budget, source, option::of(1..10_i64)).prop_map(
        |(grant, as_token, wallets, max_amount, budget, source, expires)| Attempt {
            grant,
            as_token,
            wallets,
            max_amount,
            budget,
            source,
            expires,
        },
    );
    vec(attempt, 1..7)
}

struct Bench {
    server: Server,
    owner: Caller,
    wallets: Vec<String>,
}

impl Bench {
    /// Tries to mint; the secret, if it was granted. What is refused says why.
    async fn mint(&self, by: &Caller, attempt: &Attempt) -> Option<Caller> {
        let now = self.server.clock.now();
        let mut body = json!({ "name": "link", "limits": {} });
        if let Some(wallets) = &attempt.wallets {
            body["wallets"] = wallets.iter().map(|number| json!(self.wallets[*number])).collect();
        }
        if let Some(days) = attempt.expires {
            body["expires_at"] = json!(now.plus_seconds(days * 86_400).to_string());
        }
        if let Some(amount) = attempt.max_amount {
            body["limits"]["max_amount_msat"] = json!(amount);
        }
        if let Some((amount, period)) = attempt.budget {
            body["limits"]["budget_msat"] = json!(amount);
            body["limits"]["budget_period"] = json!(period);
        }
        if let Some(source) = attempt.source {
            body["limits"]["source_ips"] = json!([source]);
        }
        let list = match &attempt.grant {
            Ok(scope) => {
                body["scope"] = json!(scope);
                None
            }
            Err(entries) => {
                // by whoever mints, or, as a trap, by the owner
                let list = json!({ "name": "list", "allowed_endpoints": entries });
                let mut made = by.post("/api/v1/auth/acls", list.clone()).await;
                if made.status == 403 {
                    made = self.owner.post("/api/v1/auth/acls", list).await;
                }
                if made.status != 201 {
                    return None; // the account has as many as it may
                }
                Some(text(&made.body, "id"))
            }
        };
        let answer = match list {
            Some(list) if attempt.as_token => by.post(&format!("/api/v1/auth/acls/{list}/tokens"), body).await,
            Some(list) => {
                body["acl_id"] = json!(list);
                by.post(KEYS, body).await
            }
            None => by.post(KEYS, body).await,
        };
        match answer.status {
            201 => {
                let secret = answer.body["key"].as_str().or(answer.body["token"].as_str()).unwrap();
                Some(self.server.bearer(secret))
            }
            status => {
                assert!(matches!(status, 400 | 403 | 404), "{}", answer.text);
                None
            }
        }
    }
}

fn set(value: &Value) -> Option<BTreeSet<String>> {
    Some(value.as_array()?.iter().map(|one| one.as_str().unwrap().to_owned()).collect())
}

/// Is what the younger may do within what the elder may?
fn within(younger: &Value, elder: &Value) -> Result<(), TestCaseError> {
    let subset = |name: &str| match (set(&younger[name]), set(&elder[name])) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(mine), Some(theirs)) => mine.is_subset(&theirs),
    };
    let at_most = |name: &str| match (younger["limits"][name].as_i64(), elder["limits"][name].as_i64()) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(mine), Some(theirs)) => mine <= theirs,
    };
    let ends = match (younger["expires_at"].as_str(), elder["expires_at"].as_str()) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(mine), Some(theirs)) => mine <= theirs, // one format, one zone
    };
    let budgets = elder["budgets"].as_array().unwrap().iter();
    let shares = budgets.into_iter().all(|budget| younger["budgets"].as_array().unwrap().contains(budget));
    let restricted = elder["limits"]["source_ips"].is_null() || !younger["limits"]["source_ips"].is_null();
    let all = subset("endpoints") && subset("wallets") && at_most("max_amount_msat") && ends && shares && restricted;
    proptest::prop_assert!(all, "{younger} exceeds {elder}");
    Ok(())
}

/// Scenario 56.
#[tokio::test(flavor = "multi_thread")]
async fn no_chain_of_mint_operations_yields_what_the_first_credential_lacked() {
    let server = Server::start().await;
    let owner = server.user("owner").await;
    let mut wallets = vec![only_wallet(&owner).await];
    for name in ["second", "third"] {
        wallets.push(text(&owner.post("/api/v1/wallet", json!({ "name": name })).await.ok(), "id"));
    }
    let bench = Bench { server, owner, wallets };
    let links = std::cell::Cell::new(0);
    // most attempts are refused, as they should be: it goes on until enough of them were not
    for _ in 0..10 {
        let mut runner = TestRunner::new(Config { cases: 24, max_shrink_iters: 20, ..Config::default() });
        let outcome = runner.run(&attempts(), |chain| {
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(async {
                    let mut line: Vec<Value> = Vec::new();
                    let mut holder = bench.owner.clone();
                    for attempt in &chain {
                        let Some(next) = bench.mint(&holder, attempt).await else { continue };
                        let own = next.get(SELF).await.ok();
                        for elder in &line {
                            within(&own, elder)?;
                        }
                        links.set(links.get() + usize::from(!line.is_empty()));
                        line.push(own);
                        holder = next;
                    }
                    Ok(())
                })
            })
        });
        outcome.unwrap();
        if links.get() > 5 {
            return;
        }
    }
    panic!("only {} links were minted: the test says nothing", links.get());
}

/// Scenario 55.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_key_minted_is_bounded_by_it_and_ends_with_it() {
    let server = Server::start().await;
    let owner = server.user("owner").await;
    let first = only_wallet(&owner).await;
    let second = text(&owner.post("/api/v1/wallet", json!({ "name": "second" })).await.ok(), "id");
    let limits = json!({
        "max_amount_msat": 5000, "max_fee_msat": 50, "budget_msat": 70_000, "budget_period": "week",
        "source_ips": ["127.0.0.0/8"]
    });
    let body = json!({ "name": "p", "wallets": [first], "limits": limits, "expires_at": "2040-01-01T00:00:00Z" });
    let parent = owner.post(KEYS, body).await.ok();
    let by_parent = server.key(&text(&parent, "key"));
    for (name, value, exceeded) in [
        ("wallets", json!([first, second]), "wallets"),
        ("expires_at", json!("2040-01-01T00:00:01Z"), "expires_at"),
        ("limits", json!({ "max_amount_msat": 5001 }), "max_amount_msat"),
        ("limits", json!({ "max_fee_msat": 51 }), "max_fee_msat"),
        ("limits", json!({ "budget_msat": 70_001, "budget_period": "week" }), "budget_msat"),
        ("limits", json!({ "budget_msat": 70_001, "budget_period": "day" }), "budget_msat"),
        ("limits", json!({ "budget_msat": 420_001, "budget_period": "month" }), "budget_msat"),
        ("limits", json!({ "source_ips": ["0.0.0.0/0"] }), "source_ips"),
        ("limits", json!({ "source_ips": ["127.0.0.1", "10.0.0.1"] }), "source_ips"),
    ] {
        let mut body = json!({ "name": "c" });
        body[name] = value;
        let answer = by_parent.post(KEYS, body.clone()).await;
        assert_eq!((answer.status, &answer.body["exceeded"]), (403, &json!(exceeded)), "{body}: {}", answer.text);
    }
    assert_eq!(by_parent.get(KEYS).await.ok().as_array().unwrap().len(), 1, "nothing was minted");
    let child = by_parent.post(KEYS, json!({ "name": "c" })).await.ok();
    assert_eq!((&child["wallets"], &child["expires_at"]), (&parent["wallets"], &parent["expires_at"]));
    let by_child = server.key(&text(&child, "key"));
    let (own, elder) = (by_child.get(SELF).await.ok(), by_parent.get(SELF).await.ok());
    within(&own, &elder).unwrap();
    assert_eq!(own["budgets"][0]["credential"], parent["id"], "they share one budget");
    let foreign = by_child.get(&format!("/api/v1/wallet?wallet_id={second}")).await;
    assert_eq!(foreign.status, 403, "{}", foreign.text);
    let narrow = json!({ "name": "r", "scope": "receive" });
    let narrow = server.key(&text(&by_child.post(KEYS, narrow).await.ok(), "key"));
    let minted = narrow.post(KEYS, json!({ "name": "x" })).await;
    assert_eq!((minted.status, &minted.body["missing_right"]), (403, &json!("Credentials")), "{}", minted.text);
    owner.delete(&format!("{KEYS}/{}", text(&parent, "id"))).await.ok();
    for dead in [&by_child, &narrow] {
        assert_eq!(dead.get("/api/v1/wallet").await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_credentials_has_an_end() {
    let server = Server::start().await;
    let mut holder = server.user("owner").await;
    let mut line = 0;
    loop {
        let answer = holder.post(KEYS, json!({ "name": "link" })).await;
        if answer.status != 201 {
            assert_eq!(answer.status, 403, "{}", answer.text);
            assert!(answer.detail().contains("in line"), "{}", answer.text);
            break;
        }
        holder = server.key(&text(&answer.body, "key"));
        assert_eq!(holder.get("/api/v1/wallet").await.status, 200, "what is minted works");
        line += 1;
    }
    assert_eq!(line, 9);
}
