//! s48: the program is killed while it carries out requests with an `Idempotency-Key`; asked again, each is answered,
//! and none of them was done twice.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    process::{Folder, Process, check, text},
    until,
};
use crate::harness::{Answer, Caller};

const KILLS: usize = 8;
const CREDIT: i64 = 100_000;
const SAT: i64 = 7;

/// A request that may have to be sent again.
#[derive(Debug, Clone)]
struct Ask {
    what: What,
    key: String,
    body: Value,
    answered: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Invoice,
    Payment,
    TopUp,
}

struct Actors {
    root: String,
    payer: Value,
    shop: Value,
    asked: Mutex<Vec<Ask>>,
}

impl Actors {
    async fn send(&self, process: &Process, ask: &Ask) -> Option<Answer> {
        let (caller, method, path): (Caller, _, _) = match ask.what {
            What::Invoice => (process.key(&text(&self.shop, "inkey")), Method::POST, "/api/v1/payments"),
            What::Payment => (process.key(&text(&self.payer, "adminkey")), Method::POST, "/api/v1/payments"),
            What::TopUp => (process.bearer(&self.root), Method::PUT, "/users/api/v1/balance"),
        };
        let body = Some(ask.body.to_string().into_bytes());
        caller.attempt(method, path, body, &[("Idempotency-Key", &ask.key)]).await.ok()
    }

    /// Sends it for the first time; `None` once the server is gone.
    async fn ask(&self, process: &Process, what: What, name: &str, body: Value) -> Option<Answer> {
        let ask = Ask { what, key: format!("{what:?}/{name}"), body, answered: false };
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(ask.clone());
            asked.len() - 1
        };
        let answer = self.send(process, &ask).await?;
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
        self.asked.lock().unwrap()[number].answered = true;
        Some(answer)
    }

    async fn turn(&self, process: &Process, name: &str) -> Option<()> {
        let made = self.ask(process, What::Invoice, name, json!({ "out": false, "amount": SAT })).await?;
        let pay = json!({ "out": true, "bolt11": text(&made.ok(), "bolt11") });
        self.ask(process, What::Payment, name, pay).await?;
        self.ask(process, What::TopUp, name, json!({ "id": self.payer["id"], "amount": 1 })).await?;
        Some(())
    }

    fn count(&self, which: impl Fn(&Ask) -> bool) -> usize {
        self.asked.lock().unwrap().iter().filter(|ask| which(ask)).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s48_killed_at_any_moment_what_is_asked_again_was_done_once() {
    let folder = Folder::new();
    let process = Process::start(&folder).await;
    let root = process.install().await;
    let (payer, shop) = (process.wallet(&root, CREDIT).await, process.wallet(&root, 0).await);
    let actors = Arc::new(Actors { root, payer, shop, asked: Mutex::default() });
    drop(process);
    for round in 0..KILLS {
        let process = Arc::new(Process::start(&folder).await);
        let before = actors.count(|ask| ask.answered);
        let lanes: Vec<_> = (0..4)
            .map(|lane| {
                let (process, actors) = (Arc::clone(&process), Arc::clone(&actors));
                tokio::spawn(async move {
                    for number in 0.. {
                        if actors.turn(&process, &format!("{round}/{lane}/{number}")).await.is_none() {
                            return;
                        }
                    }
                })
            })
            .collect();
        until("there is traffic", || async { actors.count(|ask| ask.answered) >= before + 5 + round % 5 }).await;
        tokio::time::sleep(Duration::from_micros(u64::try_from(round * 1700).unwrap())).await;
        let killed = std::process::Command::new("kill").args(["-9", &process.id().to_string()]).status().unwrap();
        assert!(killed.success());
        for lane in lanes {
            lane.await.unwrap();
        }
    }
    let mut process = Process::start(&folder).await;
    let asked = actors.asked.lock().unwrap().clone();
    for ask in &asked {
        let answer = actors.send(&process, ask).await.unwrap();
        assert!(matches!(answer.status, 200 | 201), "{ask:?}: {}", answer.text);
        let again = actors.send(&process, ask).await.unwrap();
        assert_eq!((again.status, again.text), (answer.status, answer.text));
        assert_eq!(again.headers["idempotency-replayed"], "true");
    }
    let of = |what| i64::try_from(actors.count(|ask| ask.what == what)).unwrap();
    let (paid, added) = (of(What::Payment) * SAT * 1000, of(What::TopUp) * 1000);
    let balances = (
        process.balance(&text(&actors.payer, "adminkey")).await,
        process.balance(&text(&actors.shop, "adminkey")).await,
    );
    assert_eq!(balances, (CREDIT * 1000 - paid + added, paid));
    let path = "/api/v1/payments/paginated?limit=1";
    let made = process.key(&text(&actors.shop, "inkey")).get(path).await.ok()["total"].as_i64().unwrap();
    assert_eq!(made, of(What::Invoice), "each invoice was issued once");
    assert!(actors.count(|ask| !ask.answered) > 0, "nothing was interrupted");
    process.kill();
    let output = check(&folder);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
