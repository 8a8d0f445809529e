//! The program is killed in the middle of everything, again and again, and loses nothing.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use diesel::{
    Connection, QueryableByName, RunQueryDsl, SqliteConnection,
    connection::SimpleConnection,
    sql_query,
    sql_types::{BigInt, Bool, Text},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    process::{Folder, Process, check, text, try_post, try_send},
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

        look(process, actors).await?;
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

/// The super user takes note of every alarm, so that the source sends again.
async fn look(process: &Process, actors: &Actors) -> Option<()> {
    let root = process.bearer(&actors.root);
    let open = try_send(&root, Method::GET, "/admin/api/v1/alarms?acknowledged=false&limit=0", None).await?.ok();
    for alarm in open["data"].as_array().unwrap() {
        let path = format!("/admin/api/v1/alarms/{}", alarm["id"]);
        try_send(&root, Method::PUT, &path, Some(json!({ "acknowledged": true }))).await?.ok();
    }
    Some(())
}

/// What the node wrote down: amounts received, what left for good, and which attempts it knows.
#[derive(Default)]
struct Journal {
    received: HashMap<String, i64>,
    sent: HashMap<String, Vec<i64>>,
    attempts: HashSet<i64>,
    paid: HashSet<i64>,
}

impl Journal {
    fn read(folder: &Folder) -> Self {
        let (mut journal, mut costs) = (Self::default(), HashMap::new());
        for line in folder.journal().lines() {
            let fact: Value = serde_json::from_str(line).unwrap();
            let hash = text(&fact, "hash");
            let amount = |name: &str| fact[name].as_i64().unwrap();
            match fact["fact"].as_str().unwrap() {
                "received" => drop(journal.received.insert(hash, amount("amount"))),
                "accepted" => {
                    costs.insert(amount("attempt"), amount("amount") + amount("fee"));
                    journal.attempts.insert(amount("attempt"));
                }
                "ended" => {
                    let attempt = amount("attempt");
                    journal.attempts.insert(attempt);
                    if fact["ending"] == "paid" {
                        assert!(journal.paid.insert(attempt), "attempt {attempt} was paid twice");
                        journal.sent.entry(hash).or_default().push(costs[&attempt]);
                    }
                }
                other => panic!("unknown fact {other}"),
            }
        }
        journal
    }
}

/// A payment as the database has it. What pays outside is one attempt, which the node knows by this id.
#[derive(QueryableByName, Debug)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Text)]
    payment_hash: String,
    #[diesel(sql_type = Bool)]
    dispatched: bool,
}

impl Row {
    fn all(folder: &Folder) -> Vec<Self> {
        let mut conn = SqliteConnection::establish(folder.file("satchel.sqlite3").to_str().unwrap()).unwrap();
        conn.batch_execute("PRAGMA busy_timeout=5000; PRAGMA query_only=ON;").unwrap();
        let sql = "SELECT id, kind, status, payment_hash, dispatched_at IS NOT NULL AS dispatched FROM payments";
        sql_query(sql).load(&mut conn).unwrap()
    }

    fn is(&self, kind: &str, status: &str) -> bool {
        self.kind == kind && self.status == status
    }

    /// Marked as handed over, and never reached the node: it stays held, since nobody can tell it from a
    /// payment under way.
    fn in_the_dark(&self, journal: &Journal) -> bool {
        self.is("external", "pending") && self.dispatched && !journal.attempts.contains(&self.id)
    }

    /// Still to be booked.
    fn open(&self, journal: &Journal) -> bool {
        let awaited = self.kind != "invoice" || journal.received.contains_key(&self.payment_hash);
        self.status == "pending" && awaited && !self.in_the_dark(journal)
    }
}

/// Waits until everything is booked that the node knows.
async fn until_booked(folder: &Folder) -> (Journal, Vec<Row>) {
    let begin = Instant::now();
    loop {
        let (journal, rows) = (Journal::read(folder), Row::all(folder));
        let open: Vec<_> = rows.iter().filter(|row| row.open(&journal)).collect();
        if open.is_empty() {
            return (journal, rows);
        }
        assert!(begin.elapsed() < Duration::from_secs(40), "never booked, though the node knows: {open:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
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
        look(&process, &actors).await.unwrap();
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
    let (journal, rows) = until_booked(&folder).await;
    let settled: HashSet<i64> = rows.iter().filter(|row| row.is("external", "success")).map(|row| row.id).collect();
    assert_eq!(settled, journal.paid, "the ledger and the node disagree about which attempts were paid");
    // a hash has one attempt at most that has not failed
    let in_the_dark: HashSet<_> =
        rows.iter().filter(|row| row.in_the_dark(&journal)).map(|row| row.payment_hash.as_str()).collect();
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
        } else if is(payment, "pending") && in_the_dark.contains(hash.as_str()) {
            balance -= cost;
            dark += 1;
        } else {
            assert!(is(payment, "failed"), "{payment}");
        }
    }
    assert_eq!(dark, in_the_dark.len());
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
