//! The audit log's chain: whatever is done to its lines is found and told by number.

use satchel::{
    clock::Clock,
    domain::{
        Time,
        audit::{AuditLine, Verdict},
    },
    observe::AuditLog,
    store::Store,
    vault::Vault,
};

use crate::{databases::Database, harness::MASTER};

/// Runs a body with its database on both.
macro_rules! on_both_raw {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() { super::$name(super::Database::sqlite()).await; })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() { super::$name(super::Database::postgres().await).await; })*
        }
    };
}

on_both_raw! {
    a_chain_that_nobody_touched_is_whole,
    whatever_is_done_to_a_line_is_found,
    ends_that_were_forged_are_found_even_when_the_log_goes_on,
    what_age_takes_away_is_no_fault,
    several_servers_write_one_chain,
}

const NOW: Time = Time::from_unix(1_800_000_000);

/// The log of a server on this store, with its writer.
fn log(store: &Store) -> AuditLog {
    let clock = Clock::seeded(NOW, 1);
    let log = AuditLog::new(store.clone(), &Vault::new(MASTER, clock.clone()), clock);
    let writer = log.clone();
    tokio::spawn(async move { writer.run().await });
    log
}

/// A line that is kept for so many seconds.
fn line(path: &str, kept: i64) -> AuditLine {
    AuditLine {
        id: 0,
        created_at: NOW,
        duration_us: 5,
        component: "core".into(),
        request_method: "POST".into(),
        path: path.into(),
        request_path: None,
        details: Some("{}".into()),
        response_code: 404,
        account_id: None,
        family: Some("session".into()),
        credential_id: None,
        ip_address: None,
        request_id: "request".into(),
        delete_at: NOW.plus_seconds(kept),
        hash: Vec::new(),
    }
}

async fn filled(store: &Store, lines: usize) -> AuditLog {
    let log = log(store);
    for number in 0..lines {
        log.record(line(&format!("/{number}"), 100));
    }
    assert!(log.flush().await);
    log
}

fn faults(verdict: &Verdict) -> Vec<&str> {
    verdict.faults.iter().map(String::as_str).collect()
}

async fn a_chain_that_nobody_touched_is_whole(database: Database) {
    let log = log(&database.store);
    assert_eq!(log.verify().await.unwrap(), Verdict::default());
    let log = filled(&database.store, 2500).await;
    let verdict = log.verify().await.unwrap();
    assert_eq!((verdict.lines, verdict.last, faults(&verdict)), (2500, 2500, vec![]));
    let other = Vault::new([8; 32], Clock::system());
    let stranger = AuditLog::new(database.store.clone(), &other, Clock::system());
    assert!(!stranger.verify().await.unwrap().faults.is_empty(), "another master secret proves nothing");
}

async fn whatever_is_done_to_a_line_is_found(database: Database) {
    let log = filled(&database.store, 9).await;
    let copy = "CREATE TABLE copy AS SELECT * FROM audit";
    database.execute(copy).await.unwrap();
    let altered = |number: i64| format!("line {number} was altered or is not where it was written");
    let cases = [
        ("UPDATE audit SET path = '/x' WHERE id = 3", vec![altered(3)]),
        ("UPDATE audit SET response_code = 200 WHERE id = 1", vec![altered(1)]),
        ("UPDATE audit SET account_id = 'x' WHERE id = 9", vec![altered(9)]),
        ("UPDATE audit SET details = NULL WHERE id = 4", vec![altered(4)]),
        ("UPDATE audit SET family = NULL, ip_address = 'session' WHERE id = 4", vec![altered(4)]),
        ("UPDATE audit SET delete_at = delete_at + 1 WHERE id = 5", vec![altered(5)]),
        ("DELETE FROM audit WHERE id = 1", vec!["line 1 is missing".into()]),
        ("DELETE FROM audit WHERE id IN (4, 5)", vec!["the lines 4 to 5 are missing".into()]),
        ("DELETE FROM audit WHERE id > 7", vec!["the lines 8 to 9 are missing".into()]),
        ("DELETE FROM audit", vec!["the lines 1 to 9 are missing".into()]),
        (
            "UPDATE audit SET id = -1 WHERE id = 3; UPDATE audit SET id = 3 WHERE id = 4; UPDATE audit SET id = 4 WHERE id = -1",
            vec![altered(3), altered(4), altered(5)],
        ),
        (
            "DELETE FROM audit WHERE id = 8; UPDATE audit SET id = 8 WHERE id = 9",
            vec![altered(8), "line 9 is missing".into()],
        ),
    ];
    for (sql, expected) in cases {
        database.execute(sql).await.unwrap();
        assert_eq!(log.verify().await.unwrap().faults, expected, "{sql}");
        database.execute("DELETE FROM audit; INSERT INTO audit SELECT * FROM copy").await.unwrap();
        assert_eq!(log.verify().await.unwrap().faults, Vec::<String>::new(), "put back after {sql}");
    }
}

async fn ends_that_were_forged_are_found_even_when_the_log_goes_on(database: Database) {
    let log = filled(&database.store, 6).await;
    // cut off the last two lines and say that the chain ended before them
    let cut = "UPDATE audit_chain SET last = 4, last_hash = (SELECT hash FROM audit WHERE id = 4); \
               DELETE FROM audit WHERE id > 4";
    database.execute(cut).await.unwrap();
    let verdict = log.verify().await.unwrap();
    assert_eq!(faults(&verdict), ["the record of the chain's ends was altered"]);
    log.record(line("/after", 100));
    assert!(log.flush().await);
    let verdict = log.verify().await.unwrap();
    assert_eq!(faults(&verdict), ["line 5 was altered or is not where it was written"], "hidden by what came after");

    database.execute("DELETE FROM audit_chain").await.unwrap();
    assert!(!log.verify().await.unwrap().faults.is_empty());
    log.record(line("/later", 100));
    assert!(log.flush().await);
    let verdict = log.verify().await.unwrap();
    assert!(faults(&verdict).contains(&"line 6 was altered or is not where it was written"), "{verdict:?}");
}

async fn what_age_takes_away_is_no_fault(database: Database) {
    let log = log(&database.store);
    for (number, kept) in [10, 10, 10, 500, 10, 500].into_iter().enumerate() {
        log.record(line(&format!("/{number}"), kept));
    }
    assert!(log.flush().await);
    log.forget(NOW.plus_seconds(5)).await.unwrap();
    assert_eq!(log.verify().await.unwrap().lines, 6, "nothing is old enough");
    // the fifth is old enough, but the fourth, which it follows, is not
    log.forget(NOW.plus_seconds(60)).await.unwrap();
    let verdict = log.verify().await.unwrap();
    assert_eq!((verdict.lines, verdict.last, faults(&verdict)), (3, 6, vec![]));
    log.record(line("/more", 500));
    assert!(log.flush().await);
    assert_eq!(faults(&log.verify().await.unwrap()), Vec::<&str>::new());
    database.execute("DELETE FROM audit WHERE id = 4").await.unwrap();
    assert_eq!(faults(&log.verify().await.unwrap()), ["line 4 is missing"], "that was not age");
    log.forget(NOW.plus_seconds(10_000)).await.unwrap();
    let verdict = log.verify().await.unwrap();
    assert_eq!((verdict.lines, faults(&verdict)), (0, vec![]));
    log.record(line("/new", 500));
    assert!(log.flush().await);
    assert_eq!((log.verify().await.unwrap().lines, log.verify().await.unwrap().last), (1, 8));
}

async fn several_servers_write_one_chain(database: Database) {
    // SQLite has one server; its stores here are two writers on one file, which is harder still
    let stores = [database.reopened().await, database.reopened().await, database.store.clone()];
    let mut writers = Vec::new();
    for store in stores {
        writers.push(tokio::spawn(async move {
            let log = log(&store);
            for number in 0..60 {
                log.record(line(&format!("/{number}"), 100));
                if number % 7 == 0 {
                    assert!(log.flush().await);
                }
            }
            assert!(log.flush().await);
            log
        }));
    }
    let mut verdict = Verdict::default();
    for writer in writers {
        verdict = writer.await.unwrap().verify().await.unwrap();
    }
    assert_eq!((verdict.lines, verdict.last, faults(&verdict)), (180, 180, vec![]));
}
