//! Numbers about the server, in the text format that Prometheus reads (version 0.0.4).
//!
//! A request costs three additions to numbers of its route, which nobody locks. What has to be asked of the
//! database and the node is asked when somebody reads, at most every few seconds and never for long. The format
//! is a handful of lines, so it is written here: the crates for it keep histograms behind locks.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use super::{AuditLog, JobBook};
use crate::{
    clock::Clock,
    domain::{Kind, Msat, Status, Time},
    events::Events,
    ledger::Ledger,
    store::Store,
};

/// Every metric: name, type, what it says.
pub const METRICS: &[(&str, &str, &str)] = &[
    ("satchel_build_info", "gauge", "1, with the version as a label."),
    ("satchel_http_requests_total", "counter", "Requests by route and class of status; other is what met no route."),
    ("satchel_http_request_duration_seconds", "histogram", "How long requests took to be answered."),
    ("satchel_payments", "gauge", "Payments by kind and state; counted once a minute at most."),
    (
        "satchel_payments_in_flight_oldest_seconds",
        "gauge",
        "Age of the oldest payment in flight; 0 when there is none.",
    ),
    ("satchel_alarms_open", "gauge", "Alarms that nobody acknowledged."),
    ("satchel_self_check_ok", "gauge", "1 when the last self-check found the ledger sound, else 0."),
    ("satchel_self_check_timestamp_seconds", "gauge", "When the last self-check ended."),
    ("satchel_funding_up", "gauge", "1 when the funding source answers, else 0."),
    (
        "satchel_funding_balance_msat",
        "gauge",
        "What the funding source holds, in millisatoshi; absent when it does not answer.",
    ),
    ("satchel_database_up", "gauge", "1 when the database answers, else 0."),
    ("satchel_database_queue", "gauge", "Operations that wait for the database."),
    ("satchel_outbox_lag_events", "gauge", "Events that listeners were not told yet."),
    ("satchel_audit_queue", "gauge", "Lines that wait to be written to the audit log."),
    (
        "satchel_audit_dropped_total",
        "counter",
        "Lines of the audit log that were dropped because its writer did not keep up.",
    ),
    ("satchel_job_runs_total", "counter", "Runs of background work that ended."),
    ("satchel_job_failures_total", "counter", "Runs of background work that failed."),
    ("satchel_job_last_run_timestamp_seconds", "gauge", "When background work last ended a run."),
    ("process_resident_memory_bytes", "gauge", "Memory of this process."),
    ("process_start_time_seconds", "gauge", "When this server started."),
];

/// Upper bounds of the latency buckets, in microseconds.
const BOUNDS_US: [u64; 12] =
    [1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000, 30_000_000];
/// How old what was asked of others may be.
const FRESH: Duration = Duration::from_secs(5);
/// Payments are counted no more often than this, and than takes this part of the time.
const COUNT_EVERY: Duration = Duration::from_mins(1);
const COUNT_SHARE: u32 = 60;
/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// The answers of one route in one class of status.
#[derive(Default)]
struct Cell {
    buckets: [AtomicU64; BOUNDS_US.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

/// What was asked of the database and the node.
#[derive(Debug, Clone, Default)]
pub struct Gauges {
    payments: Vec<(Kind, Status, i64)>,
    oldest: Option<Time>,
    alarms: i64,
    node: Option<Msat>,
    database: bool,
    lag: Option<i64>,
}

#[derive(Default)]
struct Kept {
    gauges: Option<(Instant, Gauges)>,
    /// When payments may be counted again.
    count_from: Option<Instant>,
}

/// The numbers of this server.
pub struct Metrics {
    routes: Vec<(String, &'static str)>,
    /// Five classes of status for each route, and for what met none.
    cells: Vec<[Cell; 5]>,
    kept: Mutex<Kept>,
    store: Store,
    ledger: Ledger,
    events: Events,
    audit: AuditLog,
    jobs: JobBook,
    clock: Clock,
    started: Time,
}

impl Metrics {
    /// Numbers for operations of these methods and templates.
    pub fn new(
        routes: Vec<(String, &'static str)>,
        store: Store,
        ledger: Ledger,
        events: Events,
        audit: AuditLog,
        jobs: JobBook,
        clock: Clock,
    ) -> Self {
        let cells = routes.iter().map(|_| Default::default()).chain([Default::default()]).collect();
        let started = clock.now();
        Self { routes, cells, kept: Mutex::default(), store, ledger, events, audit, jobs, clock, started }
    }

    /// Counts an answer of the operation with this number, or of none.
    pub fn answered(&self, number: Option<usize>, status: u16, took: Duration) {
        let place = number.unwrap_or(self.routes.len());
        let class = usize::from(status / 100).saturating_sub(1);
        let Some(cell) = self.cells.get(place).and_then(|cells| cells.get(class)) else { return };
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = BOUNDS_US.iter().position(|bound| micros <= *bound).and_then(|at| cell.buckets.get(at)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        cell.count.fetch_add(1, Ordering::Relaxed);
        cell.sum_us.fetch_add(micros, Ordering::Relaxed);
    }

    /// All numbers as text.
    pub async fn text(&self) -> String {
        let gauges = self.gauges().await;
        let mut page = Page(BTreeMap::new());
        page.put("satchel_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        self.put_requests(&mut page);
        self.put_gauges(&mut page, &gauges);
        self.put_jobs(&mut page);
        page.put("satchel_database_queue", &[], self.store.waiting());
        page.put("satchel_audit_queue", &[], self.audit.waiting());
        page.put("satchel_audit_dropped_total", &[], self.audit.dropped());
        if let Some(bytes) = resident_bytes() {
            page.put("process_resident_memory_bytes", &[], bytes);
        }
        page.put("process_start_time_seconds", &[], self.started.unix());
        page.write()
    }

    async fn gauges(&self) -> Gauges {
        let mut kept = self.kept.lock().await;
        if let Some((_, gauges)) = kept.gauges.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return gauges.clone();
        }
        let count = kept.count_from.is_none_or(|from| Instant::now() >= from);
        let asked = async {
            let node = self.ledger.node_balance().await.ok();
            let since = Instant::now();
            let payments = if count { Some(self.store.payment_states().await?) } else { None };
            let pause = COUNT_EVERY.max(since.elapsed().saturating_mul(COUNT_SHARE));
            let oldest = self.store.payment_oldest_in_flight().await?;
            Ok::<_, crate::store::StoreError>((node, payments, pause, oldest, self.store.alarm_count_open().await?))
        };
        let (asked, lag) = futures_util::join!(tokio::time::timeout(PATIENCE * 2, asked), self.events.lag());
        let before = kept.gauges.take().map(|(_, gauges)| gauges).unwrap_or_default();
        let gauges = match asked {
            Ok(Ok((node, payments, pause, oldest, alarms))) => {
                if payments.is_some() {
                    kept.count_from = Some(Instant::now() + pause);
                }
                let payments = payments.unwrap_or(before.payments);
                Gauges { payments, oldest, alarms, node, database: true, lag }
            }
            _ => Gauges { database: false, node: None, lag: None, ..before },
        };
        kept.gauges = Some((Instant::now(), gauges.clone()));
        gauges
    }

    fn put_requests(&self, page: &mut Page) {
        let places = self.routes.iter().map(|(method, path)| (method.as_str(), *path)).chain([("other", "other")]);
        for ((method, route), cells) in places.zip(&self.cells) {
            for (cell, class) in cells.iter().zip(["1xx", "2xx", "3xx", "4xx", "5xx"]) {
                let count = cell.count.load(Ordering::Relaxed);
                if count == 0 {
                    continue;
                }
                let labels = [("method", method), ("route", route), ("status", class)];
                page.put("satchel_http_requests_total", &labels, count);
                let (name, mut sum) = ("satchel_http_request_duration_seconds", 0);
                for (bucket, bound) in cell.buckets.iter().zip(BOUNDS_US) {
                    sum += bucket.load(Ordering::Relaxed);
                    let bound = seconds(bound);
                    let labels = [labels[0], labels[1], labels[2], ("le", bound.as_str())];
                    page.part(name, "_bucket", &labels, sum);
                }
                // an answer that is being counted right now may be in a bucket and not in the count yet
                let count = count.max(sum);
                page.part(name, "_bucket", &[labels[0], labels[1], labels[2], ("le", "+Inf")], count);
                page.part(name, "_sum", &labels, seconds(cell.sum_us.load(Ordering::Relaxed)));
                page.part(name, "_count", &labels, count);
            }
        }
    }

    fn put_gauges(&self, page: &mut Page, gauges: &Gauges) {
        for (kind, status, count) in &gauges.payments {
            page.put("satchel_payments", &[("kind", kind.as_str()), ("state", status.as_str())], count);
        }
        let age = gauges.oldest.map_or(0, |oldest| self.clock.now().unix().saturating_sub(oldest.unix()).max(0));
        page.put("satchel_payments_in_flight_oldest_seconds", &[], age);
        page.put("satchel_alarms_open", &[], gauges.alarms);
        let name = self.ledger.source_name();
        let source = [("source", name.as_str())];
        page.put("satchel_funding_up", &source, u8::from(gauges.node.is_some()));
        if let Some(balance) = gauges.node {
            page.put("satchel_funding_balance_msat", &source, balance.0);
        }
        page.put("satchel_database_up", &[], u8::from(gauges.database));
        if let Some(lag) = gauges.lag {
            page.put("satchel_outbox_lag_events", &[], lag);
        }
    }

    fn put_jobs(&self, page: &mut Page) {
        for job in self.jobs.list() {
            let name = [("job", job.name)];
            page.put("satchel_job_runs_total", &name, job.runs);
            page.put("satchel_job_failures_total", &name, job.failures);
            let Some(last) = job.last_run else { continue };
            page.put("satchel_job_last_run_timestamp_seconds", &name, last.unix());
            if job.name == "self-check" {
                page.put("satchel_self_check_ok", &[], u8::from(job.last_error.is_none()));
                page.put("satchel_self_check_timestamp_seconds", &[], last.unix());
            }
        }
    }
}

/// Samples by metric.
struct Page(BTreeMap<&'static str, String>);

impl Page {
    fn put(&mut self, name: &'static str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.part(name, "", labels, value);
    }

    fn part(&mut self, name: &'static str, part: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let text = self.0.entry(name).or_default();
        // labels are words of the program: none has a quote, a backslash or a line break in it
        let labels: Vec<String> = labels.iter().map(|(label, word)| format!("{label}=\"{word}\"")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        // a text takes whatever is written to it
        let _ = writeln!(text, "{name}{part}{labels} {value}");
    }

    fn write(self) -> String {
        let samples = |name: &str| self.0.get(name).map_or("", String::as_str);
        let metric = |(name, kind, about): &(&str, &str, &str)| {
            format!("# HELP {name} {about}\n# TYPE {name} {kind}\n{}", samples(name))
        };
        METRICS.iter().map(metric).collect()
    }
}

/// Microseconds as seconds, without rounding.
fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// Memory of this process, where the system tells it as Linux does.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib.saturating_mul(1024))
}
