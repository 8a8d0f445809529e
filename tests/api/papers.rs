//! Payments to take away: tables, statements and receipts, from outside.

use satchel::domain::{Kind, Msat, PaymentHash, Status, Time, WalletId, payment::NewPayment};
use serde_json::json;

use crate::harness::{Plan, Server};

fn record(wallet: &WalletId, number: i64) -> NewPayment {
    let hash = PaymentHash::of(&std::array::from_fn(|at| number.to_be_bytes().get(at).copied().unwrap_or(3)));
    let at = Time::from_unix(1_700_000_000 + number / 7);
    NewPayment {
        wallet_id: wallet.clone(),
        kind: Kind::Invoice,
        status: Status::Pending,
        checking_id: hash.to_string(),
        payment_hash: hash,
        amount_msat: Msat(1000 + number),
        fee_msat: Msat::ZERO,
        hold_msat: Msat::ZERO,
        fee_limit_msat: Msat::ZERO,
        memo: format!("number {number}"),
        bolt11: String::new(),
        preimage_sealed: None,
        expires_at: Time::from_unix(4_000_000_000),
        webhook: None,
        tag: None,
        extension: None,
        labels: "[]".into(),
        extra: "{}".into(),
        external_id: None,
        source: "simulated".into(),
        source_ref: None,
        created_at: at,
        updated_at: at,
        next_check_at: None,
        idempotency: None,
    }
}

async fn history(server: &Server, wallet: &WalletId, rows: std::ops::Range<i64>) {
    let numbers: Vec<i64> = rows.collect();
    for part in numbers.chunks(500) {
        let writes = part.iter().map(|number| server.store.invoice_create(record(wallet, *number)));
        for written in futures_util::future::join_all(writes).await {
            written.unwrap();
        }
    }
}

/// A long history comes in parts, complete and in order, each payment once, however many have the same time.
async fn a_long_history(plan: Plan, rows: i64) {
    let server = plan.start().await;
    let wallet = server.wallet(0).await;
    history(&server, &wallet.id, 0..rows).await;
    let url = format!("{}/api/v1/payments/export.csv?limit=3", server.url);
    let mut answer = server.client.get(url).header("X-Api-Key", &wallet.invoice_key).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/csv"));
    assert!(!answer.headers().contains_key("content-length"), "it was written as a whole");
    let (mut text, mut largest) = (Vec::new(), 0);
    while let Some(chunk) = answer.chunk().await.unwrap() {
        largest = largest.max(chunk.len());
        text.extend_from_slice(&chunk);
    }
    assert!(largest < text.len() / 4, "{largest} of {}", text.len());
    let text = String::from_utf8(text).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), usize::try_from(rows).unwrap() + 1);
    let number = |line: &&str| -> i64 {
        let (_, rest) = line.split_once(",number ").unwrap();
        rest.split_once(',').unwrap().0.parse().unwrap()
    };
    let mut numbers: Vec<i64> = lines[1..].iter().map(number).collect();
    assert!(numbers.is_sorted_by_key(|number| number / 7), "not in the order of time");
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..rows), "not each payment once");
    let filtered = wallet.invoice.get("/api/v1/payments/export.csv?amount[lt]=1003").await.text;
    assert_eq!(filtered.lines().count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_is_streamed() {
    a_long_history(Plan::sqlite(), 50_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_is_streamed_from_postgres() {
    a_long_history(Plan::postgres().await, 5_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_have_worth_and_no_formulas_and_nobody_elses_payments() {
    let server = Server::start().await;
    let user = server.user("walter").await;
    let first = user.get("/api/v1/wallets").await.ok()[0].clone();
    let second = user.post("/api/v1/wallet", json!({ "name": "second" })).await.ok();
    let key = |wallet: &serde_json::Value| server.key(wallet["adminkey"].as_str().unwrap());
    key(&first).patch("/api/v1/wallet", json!({ "currency": "USD" })).await.ok();
    let new = |memo: &str| json!({ "out": false, "amount": 2, "unit": "EUR", "memo": memo, "external_id": "=x" });
    let evil = "=HYPERLINK(\"http://a.example\",\"x\")";
    key(&first).post("/api/v1/payments", new(evil)).await.ok();
    key(&second).post("/api/v1/payments", new("tea, please")).await.ok();
    key(&server_wallet(&server).await).post("/api/v1/payments", new("hidden")).await.ok();
    let table = key(&first).get("/api/v1/payments/export.csv").await.text;
    let line = table.lines().nth(1).unwrap();
    let worth = ",pending,invoice,4000.000,0.000,USD,4,100000,EUR,2,";
    assert!(line.contains(worth), "{line}");
    assert!(line.contains(",\"'=HYPERLINK(\"\"http://a.example\"\",\"\"x\"\")\",,,\"'=x\","), "{line}");
    assert_eq!(table.lines().count(), 2);
    let all = user.get("/api/v1/payments/all/export.csv").await.text;
    assert!(all.lines().count() == 3 && all.contains("\"tea, please\"") && !all.contains("hidden"), "{all}");
    let root = server.super_user().await.get("/api/v1/payments/all/export.csv").await.text;
    assert!(root.contains("hidden") && root.contains("tea"));
    let bad = key(&first).get("/api/v1/payments/export.csv?amount=much").await;
    assert_eq!(bad.status, 400);
}

async fn server_wallet(server: &Server) -> serde_json::Value {
    server.anybody().post("/api/v1/account", json!({ "name": "other" })).await.ok()
}

/// What stands on the pages: texts in parentheses, or in hexadecimal digits where they have more than ASCII.
fn shown(pdf: &str) -> String {
    assert!(pdf.starts_with("%PDF-") && pdf.trim_end().ends_with("%%EOF"), "{}", &pdf[..40]);
    let hexadecimal = regex::Regex::new("<([0-9A-Fa-f]+)> Tj").unwrap();
    let texts = hexadecimal.replace_all(pdf, |found: &regex::Captures| {
        let bytes = data_encoding::HEXUPPER_PERMISSIVE.decode(found[1].as_bytes()).unwrap();
        bytes.into_iter().map(char::from).collect::<String>()
    });
    texts.replace("\\(", "(").replace("\\)", ")")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_says_everything_about_a_payment() {
    let server = Server::start().await;
    let (payer, payee) = (server.wallet(100_000).await, server.wallet(0).await);
    payer.admin.patch("/api/v1/wallet", json!({ "currency": "USD" })).await.ok();
    let memo = "Кофе ☕ (2x) – 東京";
    let new = json!({ "out": false, "amount": 5000, "memo": memo });
    let invoice = payee.invoice.post("/api/v1/payments", new).await.ok();
    let hash = invoice["payment_hash"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/payments/{hash}/receipt.pdf");
    let open = payee.invoice.get(&path).await;
    assert_eq!((open.status, open.detail()), (400, "Only payments that succeeded have a receipt."));
    let sent = payer.pay(invoice["bolt11"].as_str().unwrap()).await.ok();
    let answer = payer.invoice.get(&path).await;
    assert_eq!((answer.status, answer.headers["content-type"].to_str().unwrap()), (200, "application/pdf"));
    assert!(answer.headers["content-disposition"].to_str().unwrap().contains("receipt.pdf"));
    let text = shown(&answer.text);
    let time = sent["time"].as_str().unwrap();
    for part in [&hash, sent["preimage"].as_str().unwrap(), "5000.000 sat", "5 USD", "Kofe", "(2x)", time, "0.000 sat"]
    {
        assert!(text.contains(part), "no {part}");
    }
    assert!(shown(&payee.invoice.get(&path).await.text).contains("received"));
    // the hash alone opens nothing
    let stranger = server.wallet(0).await;
    assert_eq!(stranger.invoice.get(&path).await.status, 404);
    assert_eq!(server.anybody().get(&path).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_adds_up_over_its_span() {
    let server = Plan::sqlite().seeded().start().await;
    let wallet = server.wallet(1000).await;
    server.clock.advance(100);
    let from = server.clock.now().unix();
    assert_eq!(wallet.pay(&server.outside_invoice(300_000, "tea for two")).await.status, 201);
    server.clock.advance(100);
    let to = server.clock.now().unix();
    server.ledger().adjust(wallet.id.clone(), Msat(50_500)).await.unwrap();
    let fee = wallet.invoice.get("/api/v1/payments").await.ok();
    let fee = fee.as_array().unwrap().iter().map(|payment| payment["fee"].as_i64().unwrap().abs()).sum::<i64>();
    let balance = |msat: i64| format!("{}.{:03} sat", msat / 1000, msat % 1000);
    let page = wallet.invoice.get(&format!("/api/v1/payments/statement.pdf?from={from}&to={to}")).await;
    let text = shown(&page.text);
    for part in ["1000.000 sat", "-300.000", "tea for two", &balance(700_000 - fee)] {
        assert!(text.contains(part), "no {part}");
    }
    assert!(!text.contains("50.500"), "that was later");
    let whole = shown(&wallet.invoice.get("/api/v1/payments/statement.pdf?from=2020-01-01").await.text);
    assert!(whole.contains(&balance(750_500 - fee)) && whole.contains("50.500"));
    for query in ["from=soon", "from=2027-01-02&to=2027-01-01"] {
        assert_eq!(wallet.invoice.get(&format!("/api/v1/payments/statement.pdf?{query}")).await.status, 400, "{query}");
    }
}
