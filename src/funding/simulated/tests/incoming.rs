use std::str::FromStr;

use lightning_invoice::{Bolt11Invoice, Bolt11InvoiceDescriptionRef, Currency};

use super::*;
use crate::funding::{InvoiceRef, IssuedInvoice};

#[tokio::test]
async fn an_invoice_is_signed_and_says_what_was_ordered() {
    let node = node();
    let issued = node.invoice(21_000).await;
    assert!(issued.bolt11.starts_with("lnbcrt210n1"), "{}", issued.bolt11);

    let read = Bolt11Invoice::from_str(&issued.bolt11).unwrap();
    read.check_signature().unwrap();
    assert_eq!(read.currency(), Currency::Regtest);
    assert_eq!(read.amount_milli_satoshis(), Some(21_000));
    assert_eq!(read.payment_hash().to_string(), issued.payment_hash.as_str());
    assert_eq!(PaymentHash::of(&issued.preimage.unwrap()), issued.payment_hash);
    assert_eq!(read.expires_at().unwrap().as_secs(), 1_800_003_600);
    assert_eq!(issued.expires_at, START.plus_seconds(3600));
    assert!(read.min_final_cltv_expiry_delta() >= 18);
    let features = read.features().unwrap();
    assert!(features.requires_variable_length_onion() && features.requires_payment_secret());
    assert!(features.supports_basic_mpp() && !features.requires_basic_mpp());
    assert!(
        matches!(read.description(), Bolt11InvoiceDescriptionRef::Direct(text) if text.to_string() == "a cup of tea")
    );

    let other = bolt11::parse(&node.issue(Msat(1000), "", 60).unwrap()).unwrap();
    assert_ne!(other.parsed.get_payee_pub_key(), read.get_payee_pub_key(), "the outside world is another node");
}

#[tokio::test]
async fn a_description_can_be_a_hash_and_an_amount_can_be_left_open() {
    let node = node();
    let order =
        InvoiceOrder { amount: Msat::ZERO, description: Description::Hash([9; 32]), expiry_seconds: 60, hold: None };
    let read = bolt11::parse(&node.create_invoice(order).await.unwrap().bolt11).unwrap();
    assert_eq!(read.amount, None);
    assert!(
        matches!(read.parsed.description(), Bolt11InvoiceDescriptionRef::Hash(hash) if hash.0.to_string() == "09".repeat(32))
    );

    let order = |amount, text: String, expiry_seconds| {
        node.create_invoice(InvoiceOrder {
            amount: Msat(amount),
            description: Description::Text(text),
            expiry_seconds,
            hold: None,
        })
    };
    assert!(order(-1, String::new(), 60).await.is_err());
    assert!(order(Msat::MAX.0 + 1, String::new(), 60).await.is_err());
    assert!(order(1, "x".repeat(640), 60).await.is_err());
    assert!(order(1, "x".repeat(639), 60).await.is_ok());
    assert!(order(1, String::new(), 0).await.is_err());
    assert!(order(1, String::new(), u64::MAX).await.is_err());
}

#[tokio::test]
async fn an_invoice_is_paid_from_outside_once() {
    let node = node();
    let issued = node.invoice(50_000).await;
    assert_eq!(node.lookup_invoice(reference(&issued)).await.unwrap(), InvoiceState::Open);
    assert!(node.receive(&issued.bolt11, Some(Msat(49_999))).unwrap_err().contains("no less"));
    assert!(node.receive(&issued.bolt11, Some(Msat(100_001))).is_err());
    node.receive(&issued.bolt11, Some(Msat(100_000))).unwrap();
    assert!(node.receive(&issued.bolt11, None).unwrap_err().contains("already"));

    let state = node.lookup_invoice(reference(&issued)).await.unwrap();
    assert_eq!(state, InvoiceState::Paid { amount: Msat(100_000), preimage: issued.preimage });
    assert_eq!(node.balance().await, 1_000_100_000);
}

#[tokio::test]
async fn what_cannot_be_paid_is_refused() {
    let clock = clock();
    let node = node_at(&clock);
    let open = node.invoice(0).await;
    assert!(node.receive(&open.bolt11, None).unwrap_err().contains("names no amount"));
    assert!(node.receive(&open.bolt11, Some(Msat::ZERO)).is_err());
    assert!(node.receive(&open.bolt11, Some(Msat(1))).is_ok());
    assert!(node.receive(&node.issue(Msat(1000), "", 60).unwrap(), None).unwrap_err().contains("not from this node"));
    assert!(node.receive("lnbcrt1nonsense", None).is_err());

    let stale = node.invoice(1000).await;
    clock.advance(3600);
    assert!(node.receive(&stale.bolt11, None).unwrap_err().contains("expired"));
    assert_eq!(node.balance().await, 1_000_000_001);

    node.set_down(true);
    assert!(node.receive(&open.bolt11, None).is_err());
    assert!(node.status().await.is_err());
    assert!(node.lookup_invoice(reference(&open)).await.is_err());
}

fn reference(issued: &IssuedInvoice) -> InvoiceRef {
    let IssuedInvoice { bolt11, payment_hash, source_ref, .. } = issued.clone();
    InvoiceRef { payment_hash, source_ref, bolt11, issued_at: Time::from_unix(0) }
}
