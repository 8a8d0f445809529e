//! The program is killed in the middle of everything, again and again, and loses nothing.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    process::{Folder, Process, check, text, try_post},
    until,
};
use crate::harness::hash_of;

const KILLS: usize = 25;
const CREDIT: i64 = 100_000;
const MEMOS: &[&str] = &["", "sim:fail", "sim:lost", "sim:fee 100", "sim:refused", "sim:overcharge"];

/// What clients were told before their server died.
#[derive(Default)]
struct Told {
    /// Hashes of payments that were answered as `success`.
    paid: Mutex<HashSet<String>>,
    /// Hashes of invoices that the outside world was told to have paid.
    received: Mutex<HashSet<String>>,
    /// Requests from outside that were tried, to be tried again.
    tried: Mutex<Vec<String>>,
    answers: AtomicUsize,
}

/// Who does it, with which credentials.
struct Actors {
    root: String,
    payer: String,
    shop: String,
}

impl Told {
    async fn pay(&self, process: &Process, actors: &Actors, bolt11: &str) -> Option<()> {
        let body = json!({ "out": true, "bolt11": bolt11 });
        let answer = try_post(&process.key(&actors.payer), "/api/v1/payments", body).await?;
        self.answers.fetch_add(1, Ordering::SeqCst);
        assert!(matches!(answer.status, 201 | 503 | 520), "{}", answer.text);
        if answer.status == 201 && answer.body["status"] == "success" {
            self.paid.lock().unwrap().insert(hash_of(bolt11).to_string());
        }
        Some(())
    }

    /// One thing of each kind; `None` once the server is gone.
    async fn turn(&self, process: &Process, actors: &Actors, number: usize) -> Option<()> {
        let (root, shop) = (process.bearer(&actors.root), process.key(&actors.shop));
        let order = json!({ "out": false, "amount": 7 });
        let bolt11 = text(&try_post(&shop, "/api/v1/payments", order.clone()).await?.ok(), "bolt11");
        self.pay(process, actors, &bolt11).await?;

        let memo = MEMOS[number % MEMOS.len()];
        let order_outside = json!({ "amount_msat": 10_000, "memo": memo });
        let bolt11 = text(&try_post(&root, "/admin/api/v1/simulation/invoice", order_outside).await?.ok(), "bolt11");
        self.tried.lock().unwrap().push(bolt11.clone());
        self.pay(process, actors, &bolt11).await?;
        let before = {
            let tried = self.tried.lock().unwrap();
            tried[number * 7 % tried.len()].clone()
        };
        self.pay(process, actors, &before).await?;

        let bolt11 = text(&try_post(&shop, "/api/v1/payments", order).await?.ok(), "bolt11");
        let answer = try_post(&root, "/admin/api/v1/simulation/pay", json!({ "bolt11": bolt11 })).await?.ok();
        assert_eq!(answer["success"], true);
        self.received.lock().unwrap().insert(hash_of(&bolt11).to_string());
        Some(())
    }
}

/// What the node wrote down: amounts received, what left for good, and which attempts began.
#[derive(Default)]
struct Journal {
    received: HashMap<String, i64>,
    sent: HashMap<String, Vec<i64>>,
    begun: HashSet<String>,
}

impl Journal {
    fn read(folder: &Folder) -> Self {
        let (mut journal, mut costs) = (Self::default(), HashMap::new());
        for line in folder.journal().lines() {
            let fact: Value = serde_json::from_str(line).unwrap();
            let (hash, attempt) = (text(&fact, "hash"), fact["attempt"].as_i64());
            match fact["fact"].as_str().unwrap() {
                "received" => drop(journal.received.insert(hash, fact["amount"].as_i64().unwrap())),
                "accepted" => {
                    costs.insert(attempt, fact["amount"].as_i64().unwrap() + fact["fee"].as_i64().unwrap());
                    journal.begun.insert(hash);
                }
                "ended" if fact["ending"] == "paid" => journal.sent.entry(hash).or_default().push(costs[&attempt]),
                "ended" => drop(journal.begun.insert(hash)),
                other => panic!("unknown fact {other}"),
            }
        }
        journal
    }
}

/// All payments of the wallet with this key.
async fn payments(process: &Process, key: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let path = format!("/api/v1/payments/paginated?limit=500&offset={}", all.len());
        let page = process.key(key).get(&path).await.ok();
        let page = page["data"].as_array().unwrap().clone();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

fn is(payment: &Value, status: &str) -> bool {
    payment["status"] == status
}

#[tokio::test(flavor = "multi_thread")]
async fn s25_to_s28_killed_at_any_moment_it_loses_nothing_and_pays_nothing_twice() {
    let folder = Folder::new();
    let process = Process::start(&folder).await;
    let root = process.install().await;
    let (payer, shop) = (process.wallet(&root, CREDIT).await, process.wallet(&root, 0).await);
    let actors = Arc::new(Actors { root, payer: text(&payer, "adminkey"), shop: text(&shop, "inkey") });
    let told = Arc::new(Told::default());
    drop(process);
    for round in 0..KILLS {
        let process = Arc::new(Process::start(&folder).await);
        let before = told.answers.load(Ordering::SeqCst);
        let turns: Vec<_> = (0..4)
            .map(|lane| {
                let (process, actors, told) = (Arc::clone(&process), Arc::clone(&actors), Arc::clone(&told));
                tokio::spawn(async move {
                    for number in 0.. {
                        if told.turn(&process, &actors, round + lane + number).await.is_none() {
                            return;
                        }
                    }
                })
            })
            .collect();
        // after so many answers, and then somewhere within what follows
        until("there is traffic", || async { told.answers.load(Ordering::SeqCst) >= before + 2 + round % 7 }).await;
        let micros = u64::try_from(round * 1700 % 13_000).unwrap();
        tokio::time::sleep(Duration::from_micros(micros)).await;
        let killed = std::process::Command::new("kill").args(["-9", &process.id().to_string()]).status().unwrap();
        assert!(killed.success());
        for turn in turns {
            turn.await.unwrap();
        }
    }

    let mut process = Process::start(&folder).await;
    // what was marked as handed over and never reached the node stays held: nobody can tell it from a
    // payment under way
    let in_the_dark = |payment: &Value, journal: &Journal| {
        is(payment, "pending") && !journal.begun.contains(payment["payment_hash"].as_str().unwrap())
    };
    until("everything that the node knows is booked", || async {
        let (journal, sent) = (Journal::read(&folder), payments(&process, &actors.payer).await);
        let got = payments(&process, &actors.shop).await;
        let open = |payment: &&Value| is(payment, "pending") && !in_the_dark(payment, &journal);
        let owed = |payment: &&Value| {
            is(payment, "pending") && journal.received.contains_key(payment["payment_hash"].as_str().unwrap())
        };
        !sent.iter().any(|payment| open(&payment)) && !got.iter().any(|payment| owed(&payment))
    })
    .await;
    let journal = Journal::read(&folder);
    let (sent, got) = (payments(&process, &actors.payer).await, payments(&process, &actors.shop).await);
    let (mut balance, mut earned) = (CREDIT * 1000, 0);
    let (mut paid, mut outside, mut dark) = (HashSet::new(), 0, 0);
    for payment in sent.iter().filter(|payment| payment["amount"].as_i64().unwrap() < 0) {
        let hash = text(payment, "payment_hash");
        let cost = -payment["amount"].as_i64().unwrap() - payment["fee"].as_i64().unwrap();
        let inside = text(payment, "checking_id").starts_with("internal_");
        let at_the_node = journal.sent.get(&hash).cloned().unwrap_or_default();
        assert!(at_the_node.len() <= 1, "{hash} left {} times", at_the_node.len());
        if is(payment, "success") {
            assert!(paid.insert(hash.clone()), "{hash} was booked twice");
            balance -= cost;
            if inside {
                assert!(at_the_node.is_empty());
                earned += cost;
            } else {
                assert_eq!(at_the_node, [cost], "{payment}");
                outside += 1;
            }
        } else if in_the_dark(payment, &journal) {
            balance -= cost;
            dark += 1;
        } else {
            assert!(is(payment, "failed"), "{payment}");
        }
    }
    for (hash, costs) in &journal.sent {
        assert!(paid.contains(hash), "{costs:?} left for {hash}, and the ledger does not know");
    }
    earned += journal.received.values().sum::<i64>();
    let credited = got.iter().filter(|payment| is(payment, "success")).count();
    for hash in told.paid.lock().unwrap().iter() {
        assert!(paid.contains(hash), "{hash} was answered as a success and is none");
    }
    for hash in told.received.lock().unwrap().iter() {
        assert!(journal.received.contains_key(hash), "the receipt for {hash} is lost");
    }
    assert_eq!((process.balance(&actors.payer).await, process.balance(&actors.shop).await), (balance, earned));
    assert_eq!(i64::try_from(credited).unwrap() * 7000, earned);
    assert!(outside >= KILLS && credited >= KILLS, "too little happened: {outside} out, {credited} in, {dark} dark");
    process.kill();
    let output = check(&folder);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
