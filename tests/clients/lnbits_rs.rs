//! The same wallet story with the unmodified client crate `lnbits-rs`.

use std::time::Duration;

use lnbits_rs::LNBitsClient;
use lnbits_rs::api::invoice::CreateInvoiceRequest;
use lnbits_rs::api::{LNBitsEndpoint, LNBitsRequestKey};

/// The two keys of a wallet.
pub(super) struct Keys {
    pub admin: String,
    pub invoice: String,
}

fn client(url: &str, admin: &str, invoice: &str) -> LNBitsClient {
    // The crate ignores the wallet id.
    LNBitsClient::new("", admin, invoice, url, None).expect("lnbits-rs: client")
}

fn order(sat: u64, memo: &str) -> CreateInvoiceRequest {
    CreateInvoiceRequest {
        amount: sat,
        unit: "sat".into(),
        memo: Some(memo.into()),
        expiry: Some(600),
        internal: None,
        out: false,
    }
}

/// The crate's own wallet type has no balance, so this reads the answer as it came.
async fn balance(client: &LNBitsClient) -> i64 {
    let text = client.make_get(LNBitsEndpoint::Wallet, LNBitsRequestKey::InvoiceRead).await.expect("lnbits-rs: wallet");
    let json: serde_json::Value = serde_json::from_str(&text).expect("lnbits-rs: wallet is not JSON");
    assert!(json.get("adminkey").is_none(), "the invoice key was told the admin key");
    json["balance"].as_i64().expect("lnbits-rs: balance is not a whole number")
}

/// Wallet A needs no money, wallet B at least 100 sat. Panics at the first deviation.
pub(super) async fn story(url: &str, a: Keys, b: Keys) {
    let payee = client(url, &a.admin, &a.invoice);
    let payer = client(url, &b.admin, &b.invoice);

    let details = payee.get_wallet_details().await.expect("wallet details");
    assert!(!details.name.is_empty(), "the wallet has no name");
    assert_eq!(details.id, None, "the invoice key was told the wallet id");
    let before = (balance(&payee).await, balance(&payer).await);
    assert!(before.1 >= 100_000, "wallet B needs 100 sat for this story, it has {} msat", before.1);

    payee.subscribe_to_websocket().await.expect("websocket of the payee");
    payer.subscribe_to_websocket().await.expect("websocket of the payer");

    let invoice = payee.create_invoice(&order(21, "lnbits-rs")).await.expect("create an invoice");
    let hash = invoice.payment_hash().to_owned();
    assert_eq!(hash.len(), 64, "payment hash {hash:?}");
    assert!(!payee.is_invoice_paid(&hash).await.expect("is it paid"), "a fresh invoice is paid");
    let open = payee.get_payment_info(&hash).await.expect("details of the open invoice");
    assert!(!open.paid && open.preimage.is_none(), "the open invoice: {open:?}");
    assert_eq!(open.details.status, "pending");
    assert_eq!((open.details.amount, open.details.memo.as_str()), (21_000, "lnbits-rs"));
    assert_eq!(open.details.bolt11, invoice.bolt11());
    assert!(payer.is_invoice_paid(&hash).await.is_err(), "another wallet's invoice is visible");

    // LNbits 1.6 has no `secret` in this answer, so the crate cannot read it there; what it can read must be right.
    if let Ok(decoded) = payee.decode_invoice(invoice.bolt11()).await {
        assert_eq!(decoded.payment_hash, hash);
        assert_eq!((decoded.amount_msat, decoded.description.as_str()), (21_000, "lnbits-rs"));
        assert_eq!(decoded.expiry, 600.0);
    }

    let weak = client(url, &b.invoice, &b.invoice);
    assert!(weak.pay_invoice(invoice.bolt11(), None).await.is_err(), "an invoice key paid");
    let stranger = client(url, &"0".repeat(32), &"0".repeat(32));
    assert!(stranger.get_wallet_details().await.is_err(), "an unknown key has a wallet");
    assert!(stranger.pay_invoice(invoice.bolt11(), None).await.is_err(), "an unknown key paid");
    assert!(payer.pay_invoice("nonsense", None).await.is_err(), "nonsense was paid");
    assert_eq!((balance(&payee).await, balance(&payer).await), before, "a refusal moved money");

    let paid = payer.pay_invoice(invoice.bolt11(), None).await.expect("pay");
    assert_eq!(paid.payment_hash, hash);
    assert_eq!(
        (balance(&payee).await, balance(&payer).await),
        (before.0 + 21_000, before.1 - 21_000),
        "balances after the payment"
    );
    let told = next(&payee, Duration::from_secs(10)).await;
    assert_eq!(told.as_deref(), Some(hash.as_str()), "the payee's websocket");

    for (who, client, amount) in [("payee", &payee, 21_000), ("payer", &payer, -21_000)] {
        assert!(client.is_invoice_paid(&hash).await.expect("is it paid"), "not paid, says the {who}'s wallet");
        let info = client.get_payment_info(&hash).await.expect("details of the payment");
        assert!(info.paid, "not paid, say the {who}'s details");
        assert_eq!((info.details.amount, info.details.status.as_str()), (amount, "success"), "details of the {who}");
        assert_eq!(info.preimage.as_ref().map(String::len), Some(64), "preimage for the {who}");
    }
    assert!(payer.pay_invoice(invoice.bolt11(), None).await.is_err(), "an invoice was paid twice");
    assert!(payee.is_invoice_paid(&"00".repeat(32)).await.is_err(), "an unknown payment was found");

    // And back, so that the next story finds the wallets as this one did.
    let back = payer.create_invoice(&order(21, "lnbits-rs back")).await.expect("create an invoice");
    payee.pay_invoice(back.bolt11(), None).await.expect("pay back");
    assert_eq!((balance(&payee).await, balance(&payer).await), before, "balances at the end");
    // The crate drops outgoing payments (amount below zero), so this is the first the payer hears.
    let told = next(&payer, Duration::from_secs(10)).await;
    assert_eq!(told.as_deref(), Some(back.payment_hash()), "the payer's websocket");
}

async fn next(client: &LNBitsClient, within: Duration) -> Option<String> {
    let receiver = client.receiver();
    let mut receiver = receiver.lock().await;
    tokio::time::timeout(within, receiver.recv()).await.ok().flatten()
}
