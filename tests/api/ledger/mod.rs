//! Money under bad conditions: many at once, a node that lies or says nothing, a server that is killed, a
//! disk that is full.
//!
//! | scenario | here | elsewhere |
//! |---|---|---|
//! | 1–3 sums and balances | at the end of every test here; `killed` | `store::model`, `store::audit` |
//! | 4–5 two hundred at once, one or two servers | `spending` | `store::outgoing`, `store::transfers` |
//! | 6–12 fees, limits, numbers | `spending` | |
//! | 8, 19 a source that broke its word | `alarms` | `store::alarms` |
//! | 13–21, 24 outcomes that nobody knows yet | `unknown`, `patience` | `funding::simulated::tests` |
//! | 22–23 clients and answers that go missing | `unknown`, `patience` | |
//! | 25–28 crashes | `crash` (at every labelled point), `killed` (by `kill -9`) | `store::transfers` (28) |
//! | 29 webhooks | | `webhooks` |
//! | 30 disk full, database gone | `outage` | |
//! | 31 restore of a backup | `backup` | |
//! | 32–40 same invoice, same hash | `invoices`, `receipts` | `store::receiving` |
//! | 41–42 hold invoices | `holds` | |
//! | 43 in flight for a day | `patience` | |
//! | 69 funding source down | `outage` | |
//!
//! The command line (check, a second server, the first start) is in `command`; what is kept of secrets in `secrets`.

mod alarms;
mod backup;
mod command;
mod command_users;
mod crash;
pub(crate) mod double;
mod holds;
mod invoices;
mod killed;
mod killed_play;
mod nothing_asked;
mod outage;
mod patience;
mod process;
mod receipts;
mod replayed;
mod secrets;
mod spending;
mod traces;
mod unknown;

use std::{future::Future, time::Duration};

use satchel::domain::{Payment, Status};
use serde_json::{Value, json};

use crate::harness::{Answer, Server, Wallet, hash_of};

/// Asks until it is so. The bound is far beyond what anything that works takes.
#[track_caller]
fn until<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        for _ in 0..1200 {
            if ask().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("never: {what} ({place})");
    }
}

/// The wallet's record of a payment as it stands, without asking the node.
async fn record(server: &Server, wallet: &Wallet, bolt11: &str) -> Payment {
    server.ledger().find(&hash_of(bolt11).to_string(), Some(&wallet.id)).await.unwrap()
}

/// Waits until the record stands so, without asking the node: the server has to find out by itself.
#[track_caller]
fn until_recorded<'a>(
    server: &'a Server,
    wallet: &'a Wallet,
    bolt11: &'a str,
    status: Status,
) -> impl Future<Output = ()> + 'a {
    until(status.as_str(), move || async move { record(server, wallet, bolt11).await.status == status })
}

/// Lets time go by, a minute at each look, until the node was asked so many times more; the payment must
/// stay pending. (Time goes on while a question is under way: its answer schedules the next one.)
async fn until_asked(server: &Server, wallet: &Wallet, bolt11: &str, more: i64) {
    let before = record(server, wallet, bolt11).await.checks;
    until("the node is asked", || async {
        server.clock.advance(60);
        let now = record(server, wallet, bolt11).await;
        assert_eq!(now.status, Status::Pending, "{now:?}");
        now.checks >= before + more
    })
    .await;
}

/// What the answer is about, for programs.
fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

/// A payment that was accepted: what it says of itself.
fn accepted(answer: &Answer) -> &str {
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.body["status"].as_str().unwrap()
}

async fn pay_with(wallet: &Wallet, bolt11: &str, name: &str, msat: i64) -> Answer {
    let mut body = json!({ "out": true, "bolt11": bolt11 });
    body[name] = Value::from(msat);
    wallet.admin.post("/api/v1/payments", body).await
}

/// The payment request of a new invoice.
async fn invoice_of(wallet: &Wallet, sat: i64) -> String {
    wallet.new_invoice(sat).await["bolt11"].as_str().unwrap().to_owned()
}
