//! Money that comes in: credited once, however often and however late it is reported.

use futures_util::future::join_all;
use satchel::domain::{Msat, Status};

use super::{invoice_of, until, until_recorded};
use crate::harness::{Plan, Server, hash_of};

#[tokio::test(flavor = "multi_thread")]
async fn s38_what_the_node_settled_is_credited_after_expiry_too() {
    let server = Plan::sqlite().seeded().start().await;
    let shop = server.wallet(0).await;
    let (first, second) = (invoice_of(&shop, 10).await, invoice_of(&shop, 10).await);
    // paid in time while the server was away, noticed after the invoice had expired
    let node = server.node.clone();
    let (keys, id) = (shop.admin_key.clone(), shop.id.clone());
    let plan = server.stop().await;
    satchel::funding::OutsideWorld::pay(node.as_ref(), &first, None).unwrap();
    plan.clock.advance(4000);
    let server = plan.start().await;
    let holds = |msat| {
        let (server, id) = (&server, id.clone());
        async move { server.ledger().balance(&id).await.unwrap() == Some(Msat(msat)) }
    };
    until("it is credited", || holds(10_000)).await;
    // recorded as expired, and then reported
    let shop = crate::harness::Wallet { admin: server.key(&keys), invoice: server.key(&keys), ..shop };
    until_recorded(&server, &shop, &second, Status::Failed).await;
    server.ledger().receive(hash_of(&second), Msat(10_000), None).await.unwrap();
    until("it is credited", || holds(20_000)).await;
    let seen = shop.invoice.get(&format!("/api/v1/payments/{}", hash_of(&second))).await.ok();
    assert_eq!(seen["status"], "success");
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s39_a_receipt_told_a_hundred_times_is_credited_once() {
    for plan in [Plan::sqlite(), Plan::postgres().await] {
        let server = plan.start().await;
        server.node.duplicate_events(true);
        server.node.reorder_events(true);
        let shop = server.wallet(0).await;
        let requests = join_all((0..20).map(|_| invoice_of(&shop, 10))).await;
        let told = requests.iter().flat_map(|bolt11| {
            let (ledger, hash) = (server.ledger().clone(), hash_of(bolt11));
            ledger.pay_from_outside(bolt11, None).unwrap();
            let poll = format!("/api/v1/payments/{hash}");
            (0..5).map(move |_| (ledger.clone(), hash.clone(), poll.clone()))
        });
        join_all(told.collect::<Vec<_>>().into_iter().map(|(ledger, hash, poll)| {
            let shop = &shop;
            async move {
                let (told, seen) =
                    futures_util::future::join(ledger.receive(hash, Msat(10_000), None), shop.invoice.get(&poll)).await;
                told.unwrap();
                assert_eq!(seen.status, 200);
            }
        }))
        .await;
        // the stream has come to the end once it reports what came last
        server.node.disconnect();
        let last = invoice_of(&shop, 1).await;
        server.ledger().pay_from_outside(&last, None).unwrap();
        until("the last is credited", || async {
            server.ledger().balance(&shop.id).await.unwrap() == Some(Msat(201_000))
        })
        .await;
        assert_eq!(server.store.audit().await.unwrap().alarms, 0);
        server.assert_sound().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s40_a_receipt_during_an_interruption_is_credited_after_it() {
    let server = Server::start().await;
    let shop = server.wallet(0).await;
    for round in 1..=3 {
        let requests = [invoice_of(&shop, 10).await, invoice_of(&shop, 10).await];
        server.node.disconnect();
        server.ledger().pay_from_outside(&requests[0], None).unwrap();
        server.node.disconnect();
        server.ledger().pay_from_outside(&requests[1], None).unwrap();
        // nobody asks for it: the server has to hear of it by itself
        until("it is credited", || async {
            server.ledger().balance(&shop.id).await.unwrap() == Some(Msat(round * 20_000))
        })
        .await;
    }
    server.assert_sound().await;
}
