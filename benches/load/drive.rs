//! The closed loop: every client sends its next request when the answer to the last one is in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::load::http::Connection;
use crate::load::process;

/// After this many failed answers in a row a client gives up.
const FAILURES_MAX: u32 = 100;
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(20);

/// What to send, by how many clients and for how long.
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    /// Sent in turn, from the beginning again when all have been sent.
    pub(crate) requests: Vec<Vec<u8>>,
    pub(crate) clients: usize,
    /// Requests begun in this first part are sent but not counted.
    pub(crate) warm: Duration,
    pub(crate) time: Duration,
    /// The end comes after this many requests even if there is time left.
    pub(crate) limit: usize,
    /// The process whose CPU time is charged.
    pub(crate) pid: Option<u32>,
}

/// What came of it.
pub(crate) struct Outcome<T> {
    /// What was taken from the good answers.
    pub(crate) kept: Vec<T>,
    pub(crate) errors: u32,
    /// The first answer that was not good, for the log.
    pub(crate) complaint: Option<String>,
    /// One per counted good answer, sorted.
    latencies_us: Vec<u32>,
    /// From the end of the warm-up to the last answer.
    elapsed: Duration,
    cpu: Option<Duration>,
}

impl<T> Outcome<T> {
    pub(crate) fn per_second(&self) -> f64 {
        self.count() / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Nearest-rank percentile.
    pub(crate) fn percentile_ms(&self, percent: usize) -> f64 {
        let rank = (self.latencies_us.len() * percent).div_ceil(100).max(1);
        let latency_us = self.latencies_us.get(rank - 1).copied().unwrap_or(0);
        f64::from(latency_us) / 1_000.0
    }

    /// CPU time of the server per good answer, in microseconds.
    pub(crate) fn cpu_us_per_request(&self) -> Option<f64> {
        let cpu = self.cpu.filter(|_| !self.latencies_us.is_empty())?;
        Some(cpu.as_secs_f64() * 1e6 / self.count())
    }

    fn count(&self) -> f64 {
        f64::from(u32::try_from(self.latencies_us.len()).unwrap_or(u32::MAX))
    }
}

/// What the clients of one run have in common.
struct Shared {
    address: SocketAddr,
    requests: Vec<Vec<u8>>,
    issued: AtomicUsize,
    limit: usize,
    counts_from: Instant,
    ends: Instant,
}

impl Shared {
    fn next_request(&self) -> Option<&[u8]> {
        let number = self.issued.fetch_add(1, Ordering::Relaxed);
        if number >= self.limit || Instant::now() >= self.ends {
            return None;
        }
        let turn = number.checked_rem(self.requests.len())?;
        self.requests.get(turn).map(Vec::as_slice)
    }
}

struct Tally<T> {
    latencies_us: Vec<u32>,
    kept: Vec<T>,
    errors: u32,
    complaint: Option<String>,
}

/// Runs the plan. `judge` sees status and body: `Some` if the answer is the wanted one.
pub(crate) async fn run<T: Send + 'static>(plan: Plan, judge: fn(u16, &[u8]) -> Option<T>) -> Outcome<T> {
    let counts_from = Instant::now() + plan.warm;
    let shared = Arc::new(Shared {
        address: plan.address,
        requests: plan.requests,
        issued: AtomicUsize::new(0),
        limit: plan.limit,
        counts_from,
        ends: counts_from + plan.time,
    });
    let mut clients = JoinSet::new();
    for _ in 0..plan.clients {
        clients.spawn(client(Arc::clone(&shared), judge));
    }

    sleep(plan.warm).await;
    let cpu_before = plan.pid.and_then(process::cpu_time);
    let mut total = Tally { latencies_us: Vec::new(), kept: Vec::new(), errors: 0, complaint: None };
    while let Some(client) = clients.join_next().await {
        match client {
            Ok(mut tally) => {
                total.latencies_us.append(&mut tally.latencies_us);
                total.kept.append(&mut tally.kept);
                total.errors += tally.errors;
                total.complaint = total.complaint.or(tally.complaint);
            }
            Err(broken) => {
                total.errors += 1;
                total.complaint = total.complaint.or(Some(broken.to_string()));
            }
        }
    }
    let elapsed = counts_from.elapsed();
    let cpu_after = plan.pid.and_then(process::cpu_time);
    total.latencies_us.sort_unstable();
    Outcome {
        kept: total.kept,
        errors: total.errors,
        complaint: total.complaint,
        latencies_us: total.latencies_us,
        elapsed,
        cpu: cpu_before.zip(cpu_after).map(|(before, after)| after.saturating_sub(before)),
    }
}

async fn client<T>(shared: Arc<Shared>, judge: fn(u16, &[u8]) -> Option<T>) -> Tally<T> {
    let mut tally = Tally { latencies_us: Vec::new(), kept: Vec::new(), errors: 0, complaint: None };
    let mut connection = Connection::new(shared.address);
    let mut failures_in_a_row = 0;
    while failures_in_a_row < FAILURES_MAX {
        let Some(request) = shared.next_request() else {
            break;
        };
        let begun = Instant::now();
        let answer = connection.send(request).await;
        let latency_us = begun.elapsed().as_micros();
        let complaint = match answer {
            Ok((status, body)) => {
                if let Some(kept) = judge(status, body) {
                    tally.kept.push(kept);
                    if begun >= shared.counts_from {
                        tally.latencies_us.push(u32::try_from(latency_us).unwrap_or(u32::MAX));
                    }
                    failures_in_a_row = 0;
                    continue;
                }
                let body = body.get(..300).unwrap_or(body);
                format!("{status} {}", String::from_utf8_lossy(body))
            }
            Err(error) => error.to_string(),
        };
        failures_in_a_row += 1;
        tally.errors += 1;
        tally.complaint.get_or_insert(complaint);
        sleep(PAUSE_AFTER_FAILURE).await;
    }
    tally
}
