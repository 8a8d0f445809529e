use std::time::Duration;

use futures_util::StreamExt;

use super::*;
use crate::funding::{Positioned, SourceEvent, simulated::Ending};

async fn receive(node: &SimulatedNode, amounts: &[i64]) {
    for amount in amounts {
        node.receive(&node.invoice(*amount).await.bolt11, None).unwrap();
    }
}

/// Positions and amounts of the next few events.
async fn read(node: &SimulatedNode, after: i64, count: usize) -> Vec<(i64, i64)> {
    let amount = |event: Result<Positioned, _>| match event.unwrap() {
        (position, SourceEvent::InvoicePaid { amount, .. }) => (position, amount.0),
        (position, SourceEvent::InvoiceHeld { .. } | SourceEvent::PaymentChanged { .. }) => (position, 0),
    };
    node.events(after).take(count).map(amount).collect().await
}

#[tokio::test]
async fn a_reader_takes_up_where_it_left_off_also_after_a_restart() {
    let (clock, file) = (clock(), Scratch::new());
    let node = file.open(&clock);
    receive(&node, &[1, 2]).await;
    node.spend(order(&node.foreign(1000, ""), 1)).await;
    receive(&node, &[3]).await;
    let all = [(1, 1), (2, 2), (3, 0), (4, 3)];
    assert_eq!(read(&node, 0, 4).await, all);
    assert_eq!(read(&node, 2, 2).await, all[2..]);
    drop(node);
    let node = file.open(&clock);
    assert_eq!(read(&node, 1, 3).await, all[1..]);
    assert_eq!(read(&node, 900, 4).await, all, "a position from a journal that is gone");
    assert_eq!(read(&node, -1, 4).await, all);
}

#[tokio::test]
async fn a_waiting_reader_hears_what_happens_and_when_a_payment_ends_by_itself() {
    let node = node_at(&Clock::system());
    let mut events = node.events(0);
    let short = Duration::from_millis(20);
    assert!(tokio::time::timeout(short, events.next()).await.is_err(), "nothing has happened");
    receive(&node, &[5]).await;
    assert_eq!(events.next().await.unwrap().unwrap().0, 1);

    // the caller dies, so that only the reader is left to notice the end
    let held = node.foreign(1000, "");
    node.script_next(Script::Delay(50, Ending::Paid));
    node.set_hook(|point, _| point == Point::PayAccepted);
    assert!(tokio::time::timeout(short, node.spend(order(&held, 1))).await.is_err());
    let changed = SourceEvent::PaymentChanged { payment_hash: held.payment_hash };
    assert_eq!(events.next().await.unwrap().unwrap(), (2, changed));
}

#[tokio::test]
async fn a_lost_connection_ends_the_stream_with_an_error() {
    let node = node();
    receive(&node, &[1, 2]).await;
    let mut events = node.events(0);
    assert!(events.next().await.unwrap().is_ok());
    node.disconnect();
    assert!(events.next().await.unwrap().is_err());
    assert!(events.next().await.is_none());
    assert_eq!(read(&node, 1, 1).await, [(2, 2)], "a new stream works");

    let mut events = node.events(2);
    node.set_down(true);
    assert!(events.next().await.unwrap().is_err());
    assert!(node.events(0).next().await.unwrap().is_err());
    node.set_down(false);
    assert_eq!(read(&node, 0, 1).await, [(1, 1)]);
}

#[tokio::test]
async fn events_can_come_twice_and_out_of_order() {
    let node = node();
    receive(&node, &[1, 2, 3]).await;
    node.duplicate_events(true);
    assert_eq!(read(&node, 1, 4).await, [(2, 2), (2, 2), (3, 3), (3, 3)]);
    node.duplicate_events(false);
    node.reorder_events(true);
    assert_eq!(read(&node, 0, 3).await, [(3, 3), (2, 2), (1, 1)]);
}
