//! LNURL from outside: what wallets offer by their lightning addresses, and what they do with what others offer.

use std::sync::{Arc, Mutex};

use bitcoin::{
    hashes::Hash,
    secp256k1::{Message, PublicKey, Secp256k1, SecretKey, ecdsa::Signature},
};
use lightning_invoice::{Currency, InvoiceBuilder, PaymentSecret};
use satchel::domain::{
    bolt11,
    ids::{array_from_hex, from_hex},
    limits::Limits,
    lnurl::LnurlPolicy,
    webhook::CallbackRules,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Plan, Server, Wallet, hash_of};

/// Servers that may speak to services on this machine.
pub(crate) fn open(plan: Plan) -> Plan {
    let lnurl = LnurlPolicy { allow_private: true, own_addresses: true, ..LnurlPolicy::default() };
    let callbacks = CallbackRules { origins: Vec::new(), allow_private: false };
    let limits = Limits { lnurl, callbacks, ..plan.limits.clone() };
    Plan { limits, ..plan }
}

pub(crate) async fn named(server: &Server, sat: i64, name: &str) -> Wallet {
    let wallet = server.wallet(sat).await;
    let answer = wallet.admin.patch("/api/v1/wallet", json!({ "lightning_address": name })).await.ok();
    assert_eq!(answer["lightning_address"], name.to_lowercase());
    wallet
}

pub(crate) fn host(server: &Server) -> String {
    server.url.trim_start_matches("http://").to_owned()
}

/// A service which answers every path with what `script` says to it; remembers what it was asked.
async fn service(script: impl Fn(&str) -> String + Send + Sync + 'static) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 16 * 1024];
            let read = stream.read(&mut head).await.unwrap();
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let body = script(&path);
            heard.lock().unwrap().push(path);
            let answer =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, asked)
}

fn asked_for(path: &str, name: &str) -> String {
    let url = reqwest::Url::parse(&format!("http://host{path}")).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_choose_addresses_where_the_operator_lets_them() {
    let shut = Server::start().await;
    let wallet = shut.wallet(0).await;
    let refused = wallet.admin.patch("/api/v1/wallet", json!({ "lightning_address": "alice" })).await;
    assert_eq!((refused.status, refused.detail()), (403, "Users cannot specify Lightning Addresses."));

    for plan in [Plan::sqlite(), Plan::postgres().await] {
        let server = open(plan).start().await;
        let alice = named(&server, 0, "Alice").await;
        // the one that it has is never wrong
        alice.admin.patch("/api/v1/wallet", json!({ "lightning_address": "alice", "name": "same" })).await.ok();
        let other = server.wallet(0).await;
        for (name, text) in [
            (" ", "Lightning Address is required."),
            ("a+b", "Lightning Address cannot include tags."),
            ("a@b", "Enter only the Lightning Address name before @."),
            ("ä", "Lightning Address can only contain lowercase letters, numbers, dash, underscore, and dot."),
            ("the.ADMIN", "Lightning Address contains a reserved word."),
        ] {
            let refused = other.admin.patch("/api/v1/wallet", json!({ "lightning_address": name })).await;
            assert_eq!((refused.status, refused.detail()), (400, text), "{name}");
        }
        let taken = other.admin.patch("/api/v1/wallet", json!({ "lightning_address": "alice" })).await;
        assert!((400..500).contains(&taken.status), "{}", taken.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_offers_and_issues_invoices_to_the_millisatoshi() {
    let server = open(Plan::sqlite()).start().await;
    let alice = named(&server, 0, "alice").await;
    let (anybody, host) = (server.anybody(), host(&server));
    let offer = anybody.get("/.well-known/lnurlp/ALICE").await.ok();
    let metadata = format!(r#"[["text/plain", "Payment to alice@{host}"], ["text/identifier", "alice@{host}"]]"#);
    let callback = format!("http://{host}/api/v1/lnurl/wallet/alice/cb");
    assert_eq!(
        offer,
        json!({
            "tag": "payRequest", "callback": callback, "minSendable": 1000,
            "maxSendable": 2_100_000_000_000_000_000_i64, "metadata": metadata, "commentAllowed": 799,
        })
    );
    let path = "/api/v1/lnurl/wallet/alice/cb";
    let answer = anybody.get(&format!("{path}?amount=5500&comment=tea%20%26%20cake")).await.ok();
    assert_eq!((&answer["routes"], &answer["disposable"]), (&json!([]), &json!(false)));
    let invoice = bolt11::parse(answer["pr"].as_str().unwrap()).unwrap();
    assert_eq!(invoice.amount.unwrap().0, 5500);
    let committed = invoice.parsed.description().to_string();
    let expected: String = Sha256::digest(metadata.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(committed.contains(&expected), "{committed}");

    let verify = answer["verify"].as_str().unwrap().strip_prefix(&server.url).unwrap().to_owned();
    let open = anybody.get(&verify).await.ok();
    assert_eq!(open, json!({ "status": "OK", "settled": false, "preimage": null, "pr": answer["pr"] }));
    let payer = server.wallet(100).await;
    payer.pay(answer["pr"].as_str().unwrap()).await.ok();
    let settled = anybody.get(&verify).await.ok();
    assert_eq!(settled["settled"], true);
    let preimage = from_hex(settled["preimage"].as_str().unwrap()).unwrap();
    let hash: [u8; 32] = Sha256::digest(preimage).into();
    assert_eq!(satchel::domain::PaymentHash::from(hash), invoice.payment_hash);
    assert_eq!((payer.balance().await, alice.balance().await), (94_500, 5500));
    let record = alice.invoice.get("/api/v1/payments").await.ok()[0].clone();
    assert_eq!(record["memo"], format!("Payment to alice@{host}"));
    assert_eq!(
        (&record["tag"], &record["extra"]["lnaddress"], &record["extra"]["comment"]),
        (&json!("wallet_lightning_address"), &json!(format!("alice@{host}")), &json!("tea & cake"))
    );

    let tagged = anybody.get("/.well-known/lnurlp/alice+shop").await.ok();
    assert_eq!(tagged["callback"], format!("http://{host}/api/v1/lnurl/wallet/alice+shop/cb"));
    assert!(tagged["metadata"].as_str().unwrap().ends_with(r#", ["text/tag", "shop"]]"#));
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payers_are_told_what_is_wrong() {
    let server = open(Plan::sqlite()).start().await;
    let alice = named(&server, 0, "alice").await;
    let anybody = server.anybody();
    let reason = async |path: &str| anybody.get(path).await.ok()["reason"].as_str().unwrap_or_default().to_owned();
    let cb = "/api/v1/lnurl/wallet/alice/cb";
    assert_eq!(reason(&format!("{cb}?amount=999")).await, "Amount is smaller than minimum 1000.");
    assert_eq!(reason(&format!("{cb}?amount=-5")).await, "Amount is smaller than minimum 1000.");
    assert_eq!(
        reason(&format!("{cb}?amount=2100000000000000001")).await,
        "Amount is greater than maximum 2100000000000000000."
    );
    assert_eq!(
        reason(&format!("{cb}?amount=1000&comment={}", "a".repeat(800))).await,
        "Got a comment with 800 characters, but can only accept 799"
    );
    assert_ne!(reason(&format!("{cb}?amount=2100000000000000000")).await, "");
    for path in
        ["/.well-known/lnurlp/nobody", "/.well-known/lnurlp/a%20b", "/api/v1/lnurl/wallet/nobody/cb?amount=1000"]
    {
        assert_eq!(reason(path).await, "Lightning address not found.", "{path}");
    }
    for path in [cb.to_owned(), format!("{cb}?amount=much"), format!("{cb}?amount=1000.5")] {
        assert_eq!(anybody.get(&path).await.status, 400, "{path}");
    }
    // other invoices are nobody's business
    let hash = alice.new_invoice(1).await["payment_hash"].as_str().unwrap().to_owned();
    assert_eq!(anybody.get(&format!("/api/v1/lnurl/verify/{hash}")).await.ok()["status"], "ERROR");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_scans_and_pays_a_lightning_address() {
    let server = open(Plan::sqlite()).start().await;
    let alice = named(&server, 0, "alice").await;
    let (payer, address) = (server.wallet(100).await, format!("alice@{}", host(&server)));
    let offer = payer.invoice.post("/api/v1/lnurlscan", json!({ "lnurl": address })).await.ok();
    assert_eq!(offer, server.anybody().get("/.well-known/lnurlp/alice").await.ok());
    let pay = async |body: Value| payer.admin.post("/api/v1/payments/lnurl", body).await;
    let paid = pay(json!({ "lnurl": address, "amount": 5500, "comment": "tea" })).await;
    assert_eq!(paid.status, 200, "{}", paid.text);
    assert_eq!((&paid.body["status"], &paid.body["amount"]), (&json!("success"), &json!(-5500)));
    assert_eq!((&paid.body["extra"]["comment"], &paid.body["extra"]["stored"]), (&json!("tea"), &json!(true)));
    assert_eq!((payer.balance().await, alice.balance().await), (94_500, 5500));
    pay(json!({ "res": offer, "amount": 1000 })).await.ok();
    assert_eq!((payer.balance().await, alice.balance().await), (93_500, 6500));
    // a place that can be paid again is remembered, once; its owner may change the list
    let stored = async || payer.admin.get("/api/v1/wallet").await.ok()["id"].clone();
    let id = stored().await;
    let links = async || server.store.wallet_find(payer.id.clone()).await.unwrap().unwrap().stored_paylinks;
    let kept: Value = serde_json::from_str(&links().await).unwrap();
    assert_eq!((kept.as_array().unwrap().len(), &kept[0]["lnurl"]), (1, &json!(address)));
    let path = format!("/api/v1/wallet/stored_paylinks/{}", id.as_str().unwrap());
    let new = json!({ "links": [{ "lnurl": "tea@shop.example", "label": "tea", "last_used": 5 }] });
    assert_eq!(payer.admin.put(&path, new.clone()).await.ok(), new["links"]);
    assert_eq!(payer.admin.put(&path, json!({ "links": [{ "lnurl": "" }] })).await.status, 400);
    let refused = alice.admin.put(&path, new).await;
    assert_eq!((refused.status, refused.detail()), (403, "You cannot modify this wallet"));

    // another server asks this one
    let elsewhere = open(Plan::sqlite()).start().await.wallet(0).await;
    let seen = elsewhere.invoice.post("/api/v1/lnurlscan", json!({ "lnurl": address })).await.ok();
    assert_eq!(seen, offer);

    for (body, text) in [
        (json!({ "amount": 1000 }), "Missing LNURL or LnurlPayResponse data."),
        (json!({ "lnurl": address, "amount": 999 }), "Amount 999 not in range 1000 - 2100000000000000000"),
        (
            json!({ "lnurl": address, "amount": 1000, "comment": "a".repeat(800) }),
            "Comment length 800 exceeds allowed length 799",
        ),
        (json!({ "lnurl": "nonsense", "amount": 1000 }), "Invalid LNURL."),
        (json!({ "lnurl": format!("nobody@{}", host(&server)), "amount": 1000 }), "Lightning address not found."),
    ] {
        let refused = pay(body.clone()).await;
        assert_eq!((refused.status, refused.detail()), (400, text), "{body}");
    }
    assert_eq!(
        payer.invoice.post("/api/v1/payments/lnurl", json!({ "lnurl": address, "amount": 1000 })).await.status,
        403
    );
    assert_eq!(payer.balance().await, 93_500);
    server.assert_sound().await;
}

/// LUD-10: what is sealed is read once the preimage is known, and not before.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_sealed_is_read_by_who_paid() {
    use cbc::cipher::{BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7};
    let server = open(Plan::sqlite()).start().await;
    let (payer, payee) = (server.wallet(100).await, server.wallet(0).await);
    let preimage = [5; 32];
    let held =
        json!({ "out": false, "amount": 7, "payment_hash": satchel::domain::PaymentHash::of(&preimage).to_string() });
    let pr = payee.invoice.post("/api/v1/payments", held).await.ok()["bolt11"].as_str().unwrap().to_owned();
    let hash = hash_of(&pr).to_string();
    let sealer = cbc::Encryptor::<aes::Aes256>::new(&preimage.into(), &[7; 16].into());
    let sealed = sealer.encrypt_padded_vec::<Pkcs7>(b"the code is 1234");
    let encoded = |bytes: &[u8]| data_encoding::BASE64.encode(bytes);
    let (ciphertext, iv) = (encoded(&sealed), encoded(&[7; 16]));
    let (address, _) = service(move |_| {
        let action = json!({ "tag": "aes", "description": "code", "ciphertext": ciphertext, "iv": iv });
        json!({ "pr": pr, "routes": [], "successAction": action }).to_string()
    })
    .await;
    let offer = json!({
        "tag": "payRequest", "callback": format!("http://{address}/"), "minSendable": 1000, "maxSendable": 9000,
        "metadata": "[[\"text/plain\", \"code\"]]",
    });
    let paid = payer.admin.post("/api/v1/payments/lnurl", json!({ "res": offer, "amount": 7000 })).await.ok();
    assert_eq!((&paid["status"], &paid["extra"]["success_action_text"]), (&json!("pending"), &Value::Null));
    let preimage = satchel::domain::ids::to_hex(&preimage);
    payee.admin.post("/api/v1/payments/settle", json!({ "preimage": preimage })).await.ok();
    let found = server.until(&payer, &hash, satchel::domain::Status::Success).await;
    assert_eq!(found["details"]["extra"]["success_action_text"], "the code is 1234");
}

/// An invoice of another network, or one that commits to a description.
fn foreign(currency: Currency, msat: u64, description: &str) -> String {
    let key = SecretKey::from_slice(&[3; 32]).unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    InvoiceBuilder::new(currency)
        .description_hash(bitcoin::hashes::sha256::Hash::hash(description.as_bytes()))
        .payment_hash(bitcoin::hashes::sha256::Hash::hash(description.as_bytes()))
        .payment_secret(PaymentSecret([5; 32]))
        .duration_since_epoch(now)
        .min_final_cltv_expiry_delta(24)
        .amount_milli_satoshis(msat)
        .build_signed(|message| Secp256k1::new().sign_ecdsa_recoverable(message, &key))
        .unwrap()
        .to_string()
}

/// s65: what is not exactly what was asked for is not paid.
#[tokio::test(flavor = "multi_thread")]
async fn s65_invoices_of_services_are_checked_before_they_are_paid() {
    let server = open(Plan::sqlite()).start().await;
    let wallet = server.wallet(100).await;
    let (right, dear) = (server.outside_invoice(7000, ""), server.outside_invoice(8000, ""));
    let metadata = "[[\"text/plain\", \"cake\"]]";
    let elsewhere = foreign(Currency::Bitcoin, 7000, metadata);
    let other = foreign(Currency::Regtest, 7000, "[[\"text/plain\", \"pie\"]]");
    let (hash, expected) = (hash_of(&right).to_string(), right.clone());
    let (address, asked) = service(move |path| {
        let pr = match path.split('?').next().unwrap() {
            "/right" => &right,
            "/dear" => &dear,
            "/elsewhere" => &elsewhere,
            "/other" => &other,
            "/none" => return json!({ "status": "ERROR", "reason": "sold out" }).to_string(),
            "/huge" => return "x".repeat(300_000),
            _ => return "<html>".into(),
        };
        let action = json!({ "tag": "message", "message": "thanks" });
        json!({ "pr": pr, "routes": [], "successAction": action, "disposable": true }).to_string()
    })
    .await;
    let pay = async |path: &str| {
        let offer = json!({
            "tag": "payRequest", "callback": format!("http://{address}{path}"), "minSendable": 1000, "maxSendable": 9000,
            "metadata": metadata,
        });
        wallet.admin.post("/api/v1/payments/lnurl", json!({ "res": offer, "amount": 7000 })).await
    };
    let refused = pay("/elsewhere").await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert_eq!(refused.detail(), "This invoice is for mainnet; this server works on regtest.");
    for (path, text) in [
        ("/other", "LNURL service returned an invoice for another description."),
        ("/dear", "LNURL service returned an invalid invoice amount."),
        ("/none", "sold out"),
        ("/huge", "LNURL response is too large."),
        ("/page", "Invalid LNURL response."),
    ] {
        let refused = pay(path).await;
        assert_eq!((refused.status, refused.detail()), (400, text), "{path}");
    }
    assert_eq!(wallet.balance().await, 100_000);
    let held = wallet.admin.get("/api/v1/payments").await.ok();
    assert!(held.as_array().unwrap().iter().all(|payment| payment["amount"].as_i64() > Some(0)), "{held}");
    let paid = pay("/right?id=1").await.ok();
    assert_eq!((&paid["bolt11"], &paid["memo"]), (&json!(expected), &json!("cake")));
    assert_eq!(paid["extra"]["success_action"], r#"{"tag":"message","message":"thanks"}"#);
    assert!(paid["extra"].get("stored").is_none());
    server.until(&wallet, &hash, satchel::domain::Status::Success).await;
    assert_eq!(asked.lock().unwrap().last().unwrap(), "/right?id=1&amount=7000");
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_inside_is_asked_unless_the_operator_allows_it() {
    let server = Server::start().await;
    let wallet = server.wallet(0).await;
    let (address, asked) = service(|_| "{}".into()).await;
    let port = address.rsplit_once(':').unwrap().1.to_owned();
    let refused = "LNURL request target resolves to a private or non-global IP address.";
    for link in [
        format!("lnurlp://127.0.0.1:{port}/"),
        format!("https://localhost:{port}/"),
        format!("me@{address}"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
    ] {
        let answer = wallet.invoice.post("/api/v1/lnurlscan", json!({ "lnurl": link })).await;
        assert_eq!((answer.status, answer.detail()), (400, refused), "{link}");
    }
    let answer = wallet.invoice.post("/api/v1/lnurlscan", json!({ "lnurl": "https://a:b@host.example/" })).await;
    assert_eq!((answer.status, answer.detail()), (400, "LNURL request URL must not include credentials."));
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_logs_in_with_a_key_of_its_own() {
    let server = open(Plan::sqlite()).start().await;
    let (wallet, other) = (server.wallet(0).await, server.wallet(0).await);
    let (address, asked) = service(|_| json!({ "status": "OK" }).to_string()).await;
    let k1 = "e2af6254a8df433264fa23f67eb8188635d15ce883e8fc020989d5f82ae6f11e";
    let link = format!("keyauth://{address}/login?tag=login&k1={k1}&action=login");
    let login = wallet.invoice.post("/api/v1/lnurlscan", json!({ "lnurl": link })).await.ok();
    assert_eq!((&login["tag"], &login["k1"]), (&json!("login"), &json!(k1)));
    assert!(asked.lock().unwrap().is_empty(), "a scan must not log in");
    let body = json!({ "callback": login["callback"], "k1": k1 });
    for caller in [&wallet, &wallet, &other] {
        assert_eq!(caller.admin.post("/api/v1/lnurlauth", body.clone()).await.ok(), json!({ "status": "OK" }));
    }
    assert_eq!(wallet.invoice.post("/api/v1/lnurlauth", body.clone()).await.status, 403);
    let paths = asked.lock().unwrap().clone();
    let keys: Vec<String> = paths.iter().map(|path| asked_for(path, "key")).collect();
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[0], keys[2]);
    for path in &paths {
        let message = Message::from_digest(array_from_hex(&asked_for(path, "k1")).unwrap());
        let signature = Signature::from_der(&from_hex(&asked_for(path, "sig")).unwrap()).unwrap();
        let key: PublicKey = asked_for(path, "key").parse().unwrap();
        Secp256k1::verification_only().verify_ecdsa(&message, &signature, &key).unwrap();
        assert_eq!((asked_for(path, "tag"), asked_for(path, "action")), ("login".into(), "login".into()));
    }
    let refused = wallet.admin.post("/api/v1/lnurlauth", json!({ "callback": body["callback"], "k1": "00" })).await;
    assert_eq!((refused.status, refused.detail()), (400, "Invalid LNURL-auth challenge."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_is_asked_to_pay_an_invoice() {
    let server = open(Plan::sqlite()).start().await;
    let wallet = server.wallet(0).await;
    let invoice = wallet.new_invoice(5).await["bolt11"].as_str().unwrap().to_owned();
    let dear = wallet.new_invoice(50).await["bolt11"].as_str().unwrap().to_owned();
    let own = Arc::new(Mutex::new(String::new()));
    let address = Arc::clone(&own);
    let (host, asked) = service(move |path| match path {
        "/card" => json!({
            "tag": "withdrawRequest", "callback": format!("http://{}/pay", address.lock().unwrap()), "k1": "k",
            "minWithdrawable": 1000, "maxWithdrawable": 10_000, "defaultDescription": "",
        })
        .to_string(),
        _ => json!({ "status": "OK" }).to_string(),
    })
    .await;
    own.lock().unwrap().clone_from(&host);
    let tap = async |pr: &str, link: String| {
        server.anybody().post(&format!("/api/v1/payments/{pr}/pay-with-nfc"), json!({ "lnurl_w": link })).await
    };
    let done = tap(&invoice, format!("lnurlw://{host}/card")).await.ok();
    assert_eq!(done["message"], "Payment sent with NFC.");
    let last = asked.lock().unwrap().last().unwrap().clone();
    assert_eq!((asked_for(&last, "pr"), asked_for(&last, "k1")), (invoice.clone(), "k".into()));
    for (pr, link, text) in [
        (&invoice, format!("lnurlp://{host}/card"), "LNURL-withdraw lud17 not provided."),
        (&invoice, format!("lnurlw://{host}/other"), "Invalid LNURL-withdraw response."),
        (&dear, format!("lnurlw://{host}/card"), "Amount 50000 not in range 1000 - 10000"),
    ] {
        let refused = tap(pr, link).await;
        assert_eq!((refused.status, refused.detail()), (400, text));
    }
}
