use std::{fs::OpenOptions, io::Write, time::Duration};

use super::*;

#[tokio::test]
async fn a_restarted_node_tells_what_it_told_before() {
    let (clock, file) = (clock(), Scratch::new());
    let node = file.open(&clock);
    let (paid, unpaid) = (node.invoice(1000).await, node.invoice(2000).await);
    assert_eq!(file.text(), "", "issuing writes nothing");
    node.receive(&paid.bolt11, None).unwrap();
    let arrived = node.foreign(5_000_000, "sim:lost");
    let late = node.foreign(7_000_000, "sim:late");
    let failed = node.foreign(9_000_000, "sim:fail");
    for (invoice, attempt) in [(&arrived, 1), (&late, 2), (&failed, 3)] {
        node.spend(order(invoice, attempt)).await;
    }
    let before = (node.look(&arrived.payment_hash, 1).await, node.look(&late.payment_hash, 2).await);
    drop(node);

    let node = file.open(&clock);
    assert_eq!((node.look(&arrived.payment_hash, 1).await, node.look(&late.payment_hash, 2).await), before);
    assert!(is_failure_of(&node.look(&failed.payment_hash, 3).await, 3));
    assert_eq!(node.balance().await, 1_000_001_000 - 5_005_000);
    assert!(node.receive(&paid.bolt11, None).is_err(), "paid before the restart");
    node.receive(&unpaid.bolt11, None).unwrap();
    clock.advance(60);
    assert_eq!(fee_of(&node.look(&late.payment_hash, 2).await, &late.payment_hash), Some(7000));
    assert_eq!(node.sends_of(&arrived.payment_hash), 1);
    let lines = node.balance().await;
    drop(node);
    assert_eq!(file.open(&clock).balance().await, lines);
}

#[tokio::test]
async fn a_torn_last_line_is_dropped_and_anything_else_is_refused() {
    let (clock, file) = (clock(), Scratch::new());
    let node = file.open(&clock);
    for amount in [1000, 2000, 4000] {
        node.receive(&node.invoice(amount).await.bolt11, None).unwrap();
    }
    drop(node);
    let whole = file.text();
    let torn = &whole[..whole.len() - 10];
    for (text, balance) in [
        (torn.to_owned(), 1_000_003_000),
        (format!("{torn}\n"), 1_000_003_000),
        (format!("{whole}\0\0\0"), 1_000_007_000),
        (format!("{whole}{{\"fact\":"), 1_000_007_000),
    ] {
        std::fs::write(&file.0, text).unwrap();
        let node = file.open(&clock);
        assert_eq!(node.balance().await, balance);
        node.receive(&node.invoice(8000).await.bolt11, None).unwrap();
        drop(node);
        assert_eq!(file.open(&clock).balance().await, balance + 8000, "what follows a torn line is whole");
    }
    std::fs::write(&file.0, whole.replacen("received", "eceived", 1)).unwrap();
    let options = || Options { journal: Some(file.0.clone()), ..Options::new(clock.clone(), SECRET) };
    assert!(SimulatedNode::open(options()).err().unwrap().0.contains("line 1 is not a fact"));
}

#[tokio::test]
async fn one_journal_serves_one_node() {
    let (clock, file) = (clock(), Scratch::new());
    let _first = file.open(&clock);
    let second = Options { journal: Some(file.0.clone()), ..Options::new(clock, SECRET) };
    assert!(SimulatedNode::open(second).err().unwrap().0.contains("in use"));
}

/// What cannot be written down is told to nobody, and the node heals by itself (scenario 30).
#[tokio::test]
async fn a_full_disk_makes_the_node_unsure_and_then_it_recovers() {
    let (clock, file) = (clock(), Scratch::new());
    let node = file.open(&clock);
    let (invoice, other) = (node.foreign(1000, ""), node.foreign(1000, ""));
    node.set_disk_full(true);
    assert!(matches!(node.spend(order(&invoice, 1)).await, Outcome::Unknown(_)));
    assert!(matches!(node.spend(order(&other, 2)).await, Outcome::NotSent(_)));
    assert!(matches!(node.look(&invoice.payment_hash, 1).await, Outcome::Unknown(_)));
    assert!(node.status().await.is_err());
    assert_eq!(file.text(), "");

    // what a write that broke off left behind is cut off
    OpenOptions::new().append(true).open(&file.0).unwrap().write_all(b"{\"fac").unwrap();
    node.set_disk_full(false);
    for _ in 0..100 {
        if node.status().await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(fee_of(&node.look(&invoice.payment_hash, 1).await, &invoice.payment_hash), Some(0));
    drop(node);
    assert_eq!(file.open(&clock).balance().await, 1_000_000_000 - 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_payments_at_once_are_all_written() {
    let (clock, file) = (clock(), Scratch::new());
    let node = file.open(&clock);
    let tasks = (0..200).map(|number| {
        let (node, invoice) = (Arc::clone(&node), node.foreign(1000, ""));
        tokio::spawn(async move { fee_of(&node.spend(order(&invoice, number)).await, &invoice.payment_hash) })
    });
    for task in tasks.collect::<Vec<_>>() {
        assert_eq!(task.await.unwrap(), Some(0));
    }
    drop(node);
    assert_eq!(file.text().lines().count(), 400);
    assert_eq!(file.open(&clock).balance().await, 1_000_000_000 - 200 * 1000);
}
