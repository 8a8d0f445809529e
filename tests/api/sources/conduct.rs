//! The stories. Each is told with every driver, see [`conduct`].

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use satchel::{
    clock::Clock,
    domain::{Msat, PaymentHash},
    funding::{
        Description, Fields, InvoiceOrder, InvoiceState, Outcome, OutsideWorld, Payee, PaymentOrder, Positioned, Setup,
        SourceEvent, Spontaneous,
        simulated::{Ending, Script},
    },
};

use super::{
    bench::{Bench, LIMIT, PATIENCE, Row, is_paid},
    desk::{Trouble, reference},
    front::Weather,
};

/// Tells all stories with one driver.
macro_rules! conduct {
    ($row:expr; $($story:ident)*) => {
        $(
            #[test]
            fn $story() {
                $crate::sources::bench::run($crate::sources::conduct::$story(&$row));
            }
        )*
    };
    ($row:expr) => {
        $crate::sources::conduct::conduct!($row;
            it_says_how_it_is
            it_pays_and_proves_it
            s07_it_tells_what_routing_cost
            it_says_when_a_payment_failed_for_good
            s09_it_keeps_the_fee_limit
            s13_a_payment_under_way_is_under_way
            s13_what_settles_late_is_paid
            s13_what_fails_late_has_failed
            s15_an_error_of_the_server_is_not_a_failure
            s15_an_error_before_anything_was_done_is_not_a_failure
            s15_an_order_that_was_cut_off_is_not_a_failure
            s15_an_answer_that_was_cut_off_is_not_a_failure
            s15_nonsense_is_not_a_failure
            s16_a_refused_connection_is_a_definite_failure
            s17_what_is_not_found_yet_is_not_over
            s18_an_earlier_failure_says_nothing_of_this_attempt
            s20_a_wrong_preimage_proves_nothing
            s22_whoever_stops_waiting_changes_nothing
            s27_what_is_sent_twice_leaves_once
            s37_a_failed_payment_can_be_tried_again
            it_issues_what_was_ordered
            it_commits_to_a_description_elsewhere
            it_tells_of_receipts
            s39_it_tells_what_it_told_before_only_once_more
            s40_it_goes_on_where_it_was_cut_off
            s40_it_tells_what_arrived_while_nobody_listened
            it_knows_what_became_of_an_invoice
            it_can_do_what_it_says
            it_comes_back_when_the_other_side_does
            a_wrong_secret_is_named_and_not_repeated
            what_is_missing_is_named
        );
    };
}
pub(super) use conduct;

pub async fn it_says_how_it_is(row: &'static Row) {
    let bench = Bench::open(row).await;
    let status = bench.source.status().await.unwrap();
    assert_eq!(status.balance.0 / 1000, bench.desk.balance().await.0 / 1000);
    assert_eq!(status.network, lightning_invoice::Currency::Regtest);
    assert!(!status.identity.is_empty());
    let again = bench.reopened("unused", "").unwrap().status().await.unwrap();
    assert_eq!(status.identity, again.identity);
}

pub async fn it_pays_and_proves_it(row: &'static Row) {
    let bench = Bench::open(row).await;
    let invoice = bench.foreign(Msat(21_000));
    let order = bench.order(&invoice);
    let question = bench.question(&order);
    let outcome = bench.pay_shortly(&order).await;
    let outcome =
        if is_paid(&outcome) { outcome } else { bench.ask_until(&Bench::knowing(&question, &outcome), is_paid).await };
    proves(&outcome, &invoice.payment_hash);
    // with and without the name that the answer gave it
    proves(&bench.ask_until(&Bench::knowing(&question, &outcome), is_paid).await, &invoice.payment_hash);
    proves(&bench.ask_until(&question, is_paid).await, &invoice.payment_hash);
    assert_eq!(bench.desk.node.sends_of(&invoice.payment_hash), 1);
}

pub async fn s07_it_tells_what_routing_cost(row: &'static Row) {
    let bench = Bench::open(row).await;
    let invoice = bench.scripted(Script::Fee(7_000));
    let order = bench.order(&invoice);
    let question = bench.question(&order);
    let answer = bench.pay_shortly(&order).await;
    let outcome =
        if is_paid(&answer) { answer } else { bench.ask_until(&Bench::knowing(&question, &answer), is_paid).await };
    let Outcome::Paid { fee, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(fee, Msat(7_000));
}

pub async fn it_says_when_a_payment_failed_for_good(row: &'static Row) {
    let bench = Bench::open(row).await;
    let invoice = bench.scripted(Script::Fail);
    let order = bench.order(&invoice);
    let question = bench.question(&order);
    let outcome = bench.pay_shortly(&order).await;
    let failed = |outcome: &Outcome| match outcome {
        Outcome::Failed { attempt, .. } => *attempt == order.attempt,
        Outcome::NotSent(_) => true,
        _ => false,
    };
    if !failed(&outcome) {
        let outcome = bench.ask_until(&Bench::knowing(&question, &outcome), failed).await;
        assert!(failed(&outcome), "{outcome:?}");
    }
    assert_eq!(bench.desk.node.sends_of(&invoice.payment_hash), 0);
}

pub async fn s09_it_keeps_the_fee_limit(row: &'static Row) {
    let bench = Bench::open(row).await;
    if !bench.source.capabilities().fee_limit {
        return;
    }
    let invoice = bench.scripted(Script::Fee(9_000));
    let limit = bench.source.price(Msat(21_000)).map_or(Msat(8_000), |price| Msat(price.0 - 1));
    let order = PaymentOrder { fee_limit: limit, ..bench.order(&invoice) };
    let question = bench.question(&order);
    let outcome = bench.pay_shortly(&order).await;
    if !matches!(outcome, Outcome::Failed { .. } | Outcome::NotSent(_)) {
        let wanted = |outcome: &Outcome| matches!(outcome, Outcome::Failed { .. });
        bench.ask_until(&Bench::knowing(&question, &outcome), wanted).await;
    }
    assert_eq!(bench.desk.node.sends_of(&invoice.payment_hash), 0);
    // and what fits is passed on to the millisatoshi, or at least not above it
    let invoice = bench.foreign(Msat(21_000));
    let order = PaymentOrder { fee_limit: Msat(12_345), ..bench.order(&invoice) };
    bench.pay_shortly(&order).await;
    if let Some(attempt) = bench.desk.attempts().iter().find(|attempt| attempt.hash == invoice.payment_hash) {
        assert!(
            bench.source.price(Msat(21_000)).is_some() || attempt.fee_limit <= Msat(12_345),
            "{}",
            attempt.fee_limit
        );
        assert!(attempt.fee_limit >= Msat(12_000) || bench.source.price(Msat(21_000)).is_some());
    }
}

pub async fn s13_a_payment_under_way_is_under_way(row: &'static Row) {
    let bench = Bench::open(row).await;
    let invoice = bench.scripted(Script::Never);
    let order = bench.order(&invoice);
    let question = bench.question(&order);
    let outcome = bench.pay_shortly(&order).await;
    assert!(matches!(outcome, Outcome::InFlight { .. } | Outcome::Unknown(_)), "{outcome:?}");
    for _ in 0..3 {
        let said = bench.source.lookup_payment(Bench::knowing(&question, &outcome)).await;
        assert!(matches!(said, Outcome::InFlight { .. }), "{said:?}");
    }
    bench.desk.node.resolve(&invoice.payment_hash, Ending::Paid);
    proves(&bench.ask_until(&question, is_paid).await, &invoice.payment_hash);
}

pub async fn s13_what_settles_late_is_paid(row: &'static Row) {
    let bench = Bench::open(row).await;
    let invoice = bench.scripted(Script::Delay(2500, Ending::Paid));
    let order = bench.order(&invoice);
    let question = bench.question(&order);
    let outcome = bench.pay_shortly(&order).await;
    assert!(matches!(outcome, Outcome::InFlight { .. } | Outcome::Unknown(_)), "{outcome:?}");
    bench.desk.node.resolve(&invoice.payment_hash, Ending::Paid);
    proves(&bench.ask_until(&question, is_paid).await, &invoice.payment_hash);
}

pub async fn s13_what_fails_late_has_failed(row: &'static Row) {
    let bench = Bench::open(row).await;
    let invoice = bench.scripted(Script::Never);
    let order = bench.order(&invoice);
    let question = bench.question(&order);
    let outcome = bench.pay_shortly(&order).await;
    bench.desk.node.resolve(&invoice.payment_hash, Ending::Failed("no route".into()));
    let failed = |said: &Outcome| matches!(said, Outcome::Failed { attempt, .. } if *attempt == order.attempt);
    bench.ask_until(&Bench::knowing(&question, &outcome), failed).await;
}

pub async fn s15_an_error_of_the_server_is_not_a_failure(row: &'static Row) {
    troubled(row, Trouble::ErrorAfter).await;
}

pub async fn s15_nonsense_is_not_a_failure(row: &'static Row) {
    troubled(row, Trouble::Nonsense).await;
}

pub async fn s15_an_answer_that_was_cut_off_is_not_a_failure(row: &'static Row) {
    troubled(row, Trouble::Cut).await;
}

pub async fn s22_whoever_stops_waiting_changes_nothing(row: &'static Row) {
    troubled(row, Trouble::Silence).await;
}

/// The order was carried out, and nobody heard of it.
async fn troubled(row: &'static Row, trouble: Trouble) {
    let bench = Bench::open(row).await;
    // whatever a driver asks before its first order is out of the way
    bench.source.status().await.unwrap();
    let invoice = bench.foreign(Msat(21_000));
    let order = bench.order(&invoice);
    let question = bench.question(&order);
    bench.desk.trouble_next(trouble);
    let outcome = bench.pay_shortly(&order).await;
    assert!(!matches!(outcome, Outcome::NotSent(_) | Outcome::Failed { .. }), "{trouble:?}: {outcome:?}");
    proves(&bench.ask_until(&Bench::knowing(&question, &outcome), is_paid).await, &invoice.payment_hash);
    proves(&bench.ask_until(&question, is_paid).await, &invoice.payment_hash);
    assert_eq!(bench.desk.node.sends_of(&invoice.payment_hash), 1);
}

pub async fn s15_an_error_before_anything_was_done_is_not_a_failure(row: &'static Row) {
    let bench = Bench::open(row).await;
    bench.source.status().await.unwrap();
    let invoice = bench.foreign(Msat(21_000));
    let order = bench.order(&invoice);
    let question = bench.question(&order);
    bench.desk.trouble_next(Trouble::ErrorBefore);
    let outcome = bench.pay_shortly(&order).await;
    assert!(matches!(outcome, Outcome::Unknown(_) | Outcome::NotFound | Outcome::InFlight { .. }), "{outcome:?}");
    let said = bench.source.lookup_payment(question).await;
    assert!(matches!(said, Outcome::NotFound | Outcome::Unknown(_)), "{said:?}");
    assert_eq!(bench.desk.node.sends_of(&invoice.payment_hash), 0);
}

pub async fn s15_an_order_that_was_cut_off_is_not_a_failure(row: &'static Row) {
    let bench = Bench::open(row).await;
    bench.source.status().await.unwrap();
    let invoice = bench.foreign(Msat(21_000));
    bench.front.weather(Weather::CutOrders).await;
    let outcome = bench.pay_shortly(&bench.order(&invoice)).await;
    bench.front.weather(Weather::Clear).await;
    assert!(!is_paid(&outcome), "{outcome:?}");
    bench.is_true(&outcome, &invoice.payment_hash).await;
}

pub async fn s16_a_refused_connection_is_a_definite_failure(row: &'static Row) {
    let bench = Bench::open(row).await;
    bench.source.status().await.unwrap();
    bench.front.close().await;
    let invoice = bench.foreign(Msat(21_000));
    let outcome = bench.pay_shortly(&bench.order(&invoice)).await;
    assert!(matches!(outcome, Outcome::NotSent(_)), "{outcome:?}");
    let said = bench.source.lookup_payment(bench.question(&bench.order(&invoice))).await;
    assert!(matches!(said, Outcome::Unknown(_)), "{said:?}");
    assert!(bench.source.status().await.is_err());
}

pub async fn s17_what_is_not_found_yet_is_not_over(row: &'static Row) {
    let bench = Bench::open(row).await;
    let invoice = bench.scripted(Script::NotFoundThen(3));
    let order = bench.order(&invoice);
    let question = bench.question(&order);
    let outcome = bench.pay_shortly(&order).await;
    assert!(!matches!(outcome, Outcome::NotSent(_) | Outcome::Failed { .. }), "{outcome:?}");
    let known = Bench::knowing(&question, &outcome);
    let paid = bench.ask_until(&known, |said| {
        assert!(!matches!(said, Outcome::Failed { .. } | Outcome::NotSent(_)), "{said:?}");
        is_paid(said)
    });
    proves(&paid.await, &invoice.payment_hash);
    let nobody = bench.question(&bench.order(&bench.foreign(Msat(1_000))));
    let said = bench.source.lookup_payment(nobody).await;
    assert!(matches!(said, Outcome::NotFound | Outcome::Unknown(_)), "{said:?}");
    assert!(said == Outcome::NotFound || !bench.source.capabilities().consistent_not_found, "{said:?}");
}

pub async fn s18_an_earlier_failure_says_nothing_of_this_attempt(row: &'static Row) {
    let bench = Bench::open(row).await;
    let invoice = bench.scripted(Script::StaleFailed);
    let order = bench.order(&invoice);
    let question = bench.question(&order);
    let outcome = bench.pay_shortly(&order).await;
    assert!(!matches!(outcome, Outcome::NotSent(_) | Outcome::Failed { .. }), "{outcome:?}");
    let paid = bench.ask_until(&question, |said| {
        assert!(!matches!(said, Outcome::Failed { .. }), "the failure of another attempt: {said:?}");
        is_paid(said)
    });
    proves(&paid.await, &invoice.payment_hash);
}

pub async fn s20_a_wrong_preimage_proves_nothing(row: &'static Row) {
    let bench = Bench::open(row).await;
    let invoice = bench.scripted(Script::WrongPreimage);
    let order = bench.order(&invoice);
    let question = bench.question(&order);
    let outcome = bench.pay_shortly(&order).await;
    for said in [outcome.clone(), bench.source.lookup_payment(Bench::knowing(&question, &outcome)).await] {
        match &said {
            // the ledger compares, and does not believe it
            Outcome::Paid { preimage, .. } => assert_ne!(PaymentHash::of(preimage), invoice.payment_hash),
            Outcome::Unknown(_) | Outcome::InFlight { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

pub async fn s27_what_is_sent_twice_leaves_once(row: &'static Row) {
    let bench = Bench::open(row).await;
    let invoice = bench.foreign(Msat(21_000));
    let order = bench.order(&invoice);
    let question = bench.question(&order);
    bench.pay_shortly(&order).await;
    bench.ask_until(&question, is_paid).await;
    let again = bench.order(&invoice);
    let outcome = bench.pay_shortly(&again).await;
    assert!(!matches!(outcome, Outcome::NotSent(_) | Outcome::Failed { .. }), "it was paid: {outcome:?}");
    let invoice = bench.scripted(Script::Never);
    bench.pay_shortly(&bench.order(&invoice)).await;
    let outcome = bench.pay_shortly(&bench.order(&invoice)).await;
    assert!(!matches!(outcome, Outcome::NotSent(_) | Outcome::Failed { .. }), "it is under way: {outcome:?}");
    bench.desk.node.resolve(&invoice.payment_hash, Ending::Paid);
    assert_eq!(bench.desk.node.sends_of(&invoice.payment_hash), 1);
}

pub async fn s37_a_failed_payment_can_be_tried_again(row: &'static Row) {
    let bench = Bench::open(row).await;
    let invoice = bench.scripted(Script::Fail);
    let order = bench.order(&invoice);
    let question = bench.question(&order);
    let outcome = bench.pay_shortly(&order).await;
    if !matches!(outcome, Outcome::Failed { .. } | Outcome::NotSent(_)) {
        let wanted = |said: &Outcome| matches!(said, Outcome::Failed { .. });
        bench.ask_until(&Bench::knowing(&question, &outcome), wanted).await;
    }
    let again = bench.order(&invoice);
    let question = bench.question(&again);
    bench.pay_shortly(&again).await;
    proves(&bench.ask_until(&question, is_paid).await, &invoice.payment_hash);
}

pub async fn it_issues_what_was_ordered(row: &'static Row) {
    let bench = Bench::open(row).await;
    let issued = bench.source.create_invoice(Bench::invoice_order(Msat(123_000))).await.unwrap();
    let parsed = satchel::domain::bolt11::parse(&issued.bolt11).unwrap();
    assert_eq!(parsed.amount, Some(Msat(123_000)));
    assert_eq!(parsed.description, "a cup of coffee");
    assert_eq!((parsed.payment_hash, parsed.expires_at), (issued.payment_hash.clone(), issued.expires_at));
    let valid = issued.expires_at.unix() - bench.desk.now().unix();
    assert!((895..=905).contains(&valid), "{valid}");
    if let Some(preimage) = issued.preimage {
        assert_eq!(PaymentHash::of(&preimage), issued.payment_hash);
    }
    assert_eq!(bench.desk.invoices().len(), 1);
}

pub async fn it_commits_to_a_description_elsewhere(row: &'static Row) {
    let bench = Bench::open(row).await;
    let order = InvoiceOrder { description: Description::Hash([7; 32]), ..Bench::invoice_order(Msat(5_000)) };
    // a provider that has no field for it says so, and never issues something else
    if let Ok(issued) = bench.source.create_invoice(order).await {
        let parsed = satchel::domain::bolt11::parse(&issued.bolt11).unwrap().parsed;
        let hash = parsed.into_signed_raw();
        let committed: &[u8; 32] = hash.description_hash().unwrap().0.as_ref();
        assert_eq!(committed, &[7; 32]);
    }
}

pub async fn it_tells_of_receipts(row: &'static Row) {
    let bench = Bench::open(row).await;
    let issued = bench.source.create_invoice(Bench::invoice_order(Msat(42_000))).await.unwrap();
    if !bench.source.capabilities().reports {
        return;
    }
    let mut events = bench.source.events(0);
    let mut heard = Box::pin(next_receipt(&mut events));
    // both before and after somebody listens
    assert!(tokio::time::timeout(Duration::from_millis(700), &mut heard).await.is_err());
    bench.receive(&issued.bolt11);
    let (hash, amount, _) = heard.await;
    assert_eq!((hash, amount), (issued.payment_hash, Msat(42_000)));
}

pub async fn s39_it_tells_what_it_told_before_only_once_more(row: &'static Row) {
    let bench = Bench::open(row).await;
    if !bench.source.capabilities().reports {
        return;
    }
    let mut hashes = Vec::new();
    for _ in 0..3 {
        let issued = bench.source.create_invoice(Bench::invoice_order(Msat(2_000))).await.unwrap();
        bench.receive(&issued.bolt11);
        hashes.push(issued.payment_hash);
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    let mut events = bench.source.events(0);
    let mut positions = Vec::new();
    let mut seen = Vec::new();
    while !hashes.iter().all(|hash| seen.contains(hash)) {
        let (hash, _, position) = next_receipt(&mut events).await;
        seen.push(hash);
        positions.push(position);
    }
    assert!(positions.is_sorted(), "{positions:?}");
    drop(events);
    // from the end on, what was told may come once more, and nothing is told for ever
    let last = *positions.last().unwrap();
    let mut events = bench.source.events(last);
    let mut again = 0;
    while tokio::time::timeout(Duration::from_millis(700), next_receipt(&mut events)).await.is_ok() {
        again += 1;
        assert!(again <= 6, "it tells the same again and again");
    }
}

pub async fn s40_it_goes_on_where_it_was_cut_off(row: &'static Row) {
    let bench = Bench::open(row).await;
    if !bench.source.capabilities().reports {
        return;
    }
    let first = bench.source.create_invoice(Bench::invoice_order(Msat(3_000))).await.unwrap();
    let second = bench.source.create_invoice(Bench::invoice_order(Msat(4_000))).await.unwrap();
    bench.receive(&first.bolt11);
    let mut at = 0;
    at = follow(&bench, at, &first.payment_hash).await;
    // the connection is lost while somebody listens; the other side goes on
    let listening = Arc::clone(&bench.source);
    let cut = Arc::clone(&bench.front);
    let lost = tokio::spawn(async move {
        let mut events = listening.events(at);
        while let Some(Ok(_)) = events.next().await {}
    });
    tokio::time::sleep(Duration::from_millis(700)).await;
    cut.close().await;
    bench.receive(&second.bolt11);
    tokio::time::sleep(Duration::from_millis(1200)).await;
    cut.reopen().await;
    lost.abort();
    follow(&bench, at, &second.payment_hash).await;
}

pub async fn s40_it_tells_what_arrived_while_nobody_listened(row: &'static Row) {
    let bench = Bench::open(row).await;
    if !bench.source.capabilities().reports {
        return;
    }
    let issued = bench.source.create_invoice(Bench::invoice_order(Msat(3_000))).await.unwrap();
    bench.receive(&issued.bolt11);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let at = follow(&bench, 0, &issued.payment_hash).await;
    let issued = bench.source.create_invoice(Bench::invoice_order(Msat(4_000))).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    bench.receive(&issued.bolt11);
    // a driver that begins anew, as after a restart
    let source = bench.reopened("unused", "").unwrap();
    let mut events = source.events(at);
    loop {
        let (hash, amount, _) = next_receipt(&mut events).await;
        if hash == issued.payment_hash {
            assert_eq!(amount, Msat(4_000));
            break;
        }
    }
}

pub async fn it_knows_what_became_of_an_invoice(row: &'static Row) {
    let bench = Bench::open(row).await;
    let issued = bench.source.create_invoice(Bench::invoice_order(Msat(9_000))).await.unwrap();
    let known = satchel::funding::InvoiceRef {
        payment_hash: issued.payment_hash.clone(),
        source_ref: issued.source_ref.clone(),
        bolt11: issued.bolt11.clone(),
        issued_at: bench.desk.now(),
    };
    assert_eq!(bench.source.lookup_invoice(known.clone()).await.unwrap(), InvoiceState::Open);
    bench.receive(&issued.bolt11);
    let paid = async {
        loop {
            match bench.source.lookup_invoice(known.clone()).await.unwrap() {
                InvoiceState::Paid { amount, preimage } => return (amount, preimage),
                InvoiceState::Open => tokio::time::sleep(Duration::from_millis(50)).await,
                other => panic!("{other:?}"),
            }
        }
    };
    let (amount, preimage) = tokio::time::timeout(PATIENCE, paid).await.unwrap();
    assert_eq!(amount, Msat(9_000));
    assert!(preimage.is_none_or(|preimage| PaymentHash::of(&preimage) == issued.payment_hash));
    // nobody knows one of somebody else's
    let foreign = bench.foreign(Msat(1_000));
    let other = satchel::funding::InvoiceRef {
        payment_hash: foreign.payment_hash,
        source_ref: None,
        bolt11: foreign.text,
        ..known
    };
    if let Ok(state) = bench.source.lookup_invoice(other).await {
        assert!(matches!(state, InvoiceState::Unknown | InvoiceState::Open | InvoiceState::Closed), "{state:?}");
    }
}

pub async fn it_can_do_what_it_says(row: &'static Row) {
    let bench = Bench::open(row).await;
    let able = bench.source.capabilities();
    let open = bench.source.create_invoice(Bench::invoice_order(Msat::ZERO)).await;
    if able.amountless {
        let issued = open.unwrap();
        assert_eq!(satchel::domain::bolt11::parse(&issued.bolt11).unwrap().amount, None);
        let text = bench.desk.node.issue(Msat::ZERO, "any", 600).unwrap();
        let invoice = satchel::domain::bolt11::parse(&text).unwrap();
        let amount = Some(Msat(17_000));
        let order = bench.order(&satchel::domain::bolt11::Invoice { amount, ..invoice.clone() });
        let order = PaymentOrder { payee: Payee::Invoice(Box::new(invoice)), ..order };
        let question = bench.question(&order);
        bench.pay_shortly(&order).await;
        bench.ask_until(&question, is_paid).await;
        assert_eq!(bench.desk.attempts().last().unwrap().amount, Msat(17_000));
    } else {
        assert!(open.is_err());
    }
    let preimage = [9; 32];
    let node: [u8; 33] = bench.foreign(Msat(1)).parsed.get_payee_pub_key().serialize();
    let payee = Payee::Node(Spontaneous { node, preimage });
    let order = PaymentOrder { payee, ..bench.order(&bench.foreign(Msat(11_000))) };
    let question = bench.question(&order);
    let outcome = bench.pay_shortly(&order).await;
    if able.keysend {
        bench.ask_until(&question, is_paid).await;
        assert_eq!(bench.desk.node.sends_of(&PaymentHash::of(&preimage)), 1);
    } else {
        assert!(matches!(outcome, Outcome::NotSent(_)), "{outcome:?}");
    }
    holds(&bench, able.hold).await;
}

async fn holds(bench: &Bench, able: bool) {
    let preimages = [[3_u8; 32], [4_u8; 32]];
    for (at, preimage) in preimages.iter().enumerate() {
        let hold = Some(PaymentHash::of(preimage));
        let order = InvoiceOrder { hold: hold.clone(), ..Bench::invoice_order(Msat(6_000)) };
        let issued = bench.source.create_invoice(order).await;
        if !able {
            assert!(issued.is_err());
            continue;
        }
        let issued = issued.unwrap();
        assert_eq!(Some(issued.payment_hash.clone()), hold);
        let known = reference(&bench.desk.invoice_by_hash(issued.payment_hash.as_str()).unwrap());
        let known = satchel::funding::InvoiceRef { source_ref: issued.source_ref.clone(), ..known };
        assert_eq!(bench.source.lookup_invoice(known.clone()).await.unwrap(), InvoiceState::Open);
        bench.receive(&issued.bolt11);
        let held = bench.source.lookup_invoice(known.clone()).await.unwrap();
        assert!(matches!(held, InvoiceState::Held { amount: Msat(6_000), .. }), "{held:?}");
        let mut events = bench.source.events(0);
        let told = async {
            loop {
                if let Some(Ok((_, SourceEvent::InvoiceHeld { payment_hash, .. }))) = events.next().await
                    && payment_hash == issued.payment_hash
                {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, told).await.expect("nobody tells of what is held");
        // s41: saying so twice is no error, and the other word comes too late
        if at == 0 {
            bench.source.settle_invoice(*preimage).await.unwrap();
            bench.source.settle_invoice(*preimage).await.unwrap();
            assert!(bench.source.cancel_invoice(issued.payment_hash.clone()).await.is_err());
            let state = bench.source.lookup_invoice(known).await.unwrap();
            assert!(matches!(state, InvoiceState::Paid { amount: Msat(6_000), .. }), "{state:?}");
        } else {
            bench.source.cancel_invoice(issued.payment_hash.clone()).await.unwrap();
            bench.source.cancel_invoice(issued.payment_hash.clone()).await.unwrap();
            assert!(bench.source.settle_invoice(*preimage).await.is_err());
            assert_eq!(bench.source.lookup_invoice(known).await.unwrap(), InvoiceState::Closed);
        }
    }
}

pub async fn it_comes_back_when_the_other_side_does(row: &'static Row) {
    let bench = Bench::open(row).await;
    bench.source.status().await.unwrap();
    bench.front.close().await;
    assert!(bench.source.status().await.is_err());
    assert!(bench.source.create_invoice(Bench::invoice_order(Msat(1_000))).await.is_err());
    bench.front.reopen().await;
    let back = async {
        while bench.source.status().await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, back).await.unwrap();
    let invoice = bench.foreign(Msat(21_000));
    let order = bench.order(&invoice);
    let question = bench.question(&order);
    bench.pay_shortly(&order).await;
    bench.ask_until(&question, is_paid).await;
}

pub async fn a_wrong_secret_is_named_and_not_repeated(row: &'static Row) {
    let bench = Bench::open(row).await;
    let (name, secret) = row.wrong_secret;
    let source = bench.reopened(name, secret).unwrap();
    let refused = source.status().await.unwrap_err().to_string();
    assert!(!refused.contains(secret), "{refused}");
    assert!(refused.len() > 20, "{refused}");
    let invoice = bench.foreign(Msat(21_000));
    let paying = source.pay(bench.order(&invoice));
    let outcome = tokio::time::timeout(Duration::from_millis(1500), paying).await;
    let outcome = outcome.unwrap_or(Outcome::Unknown("nobody waits any more".into()));
    assert!(!is_paid(&outcome) && !format!("{outcome:?}").contains(secret), "{outcome:?}");
    assert_eq!(bench.desk.node.sends_of(&invoice.payment_hash), 0);
}

pub async fn what_is_missing_is_named(row: &'static Row) {
    let bench = Bench::open(row).await;
    let mut fields = (row.fields)(&bench.served, &bench.front.door);
    fields.retain(|(name, _)| *name != row.needed);
    let opened = (row.driver.open)(&Fields::new(fields), &Setup::new(Clock::system()));
    let fault = opened.err().expect("it opens without what it needs");
    assert_eq!(fault.name, row.needed);
    assert!(fault.text.len() > 10, "{}", fault.text);
    for name in row.fields_read() {
        assert!(row.driver.fields.contains(&name), "{name} is not among the driver's settings");
    }
}

impl Row {
    fn fields_read(&self) -> Vec<&'static str> {
        vec![self.needed, self.wrong_secret.0]
    }
}

fn proves(outcome: &Outcome, hash: &PaymentHash) {
    let Outcome::Paid { preimage, fee, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(PaymentHash::of(preimage), *hash);
    assert!(*fee >= Msat::ZERO && *fee <= LIMIT, "{fee}");
}

type Events<'a> = futures_util::stream::BoxStream<'a, Result<Positioned, satchel::funding::SourceDown>>;

/// The next receipt: its hash, its amount, its position.
async fn next_receipt(events: &mut Events<'_>) -> (PaymentHash, Msat, i64) {
    let next = async {
        loop {
            let (position, event) = events.next().await.expect("the stream ended").unwrap();
            if let SourceEvent::InvoicePaid { payment_hash, amount, .. } = event {
                return (payment_hash, amount, position);
            }
        }
    };
    tokio::time::timeout(PATIENCE, next).await.expect("nobody tells of a receipt")
}

/// Listens from a position on, opening the stream again whenever it ends, until this receipt comes.
async fn follow(bench: &Bench, after: i64, wanted: &PaymentHash) -> i64 {
    let found = async {
        let mut at = after;
        loop {
            let mut events = bench.source.events(at);
            while let Some(Ok((position, event))) = events.next().await {
                at = at.max(position);
                if matches!(&event, SourceEvent::InvoicePaid { payment_hash, .. } if payment_hash == wanted) {
                    return at;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("the receipt is not told of")
}
