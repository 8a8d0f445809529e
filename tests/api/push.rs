//! Web push, from outside: the test is the browser and its push service.

use std::time::Duration;

use aes_gcm::{
    Aes128Gcm,
    aead::{Aead, KeyInit},
};
use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, Mac};
use p256::{
    PublicKey, SecretKey,
    ecdh::diffie_hellman,
    ecdsa::{Signature, VerifyingKey, signature::Verifier},
    elliptic_curve::sec1::ToEncodedPoint,
};
use satchel::domain::webhook::CallbackRules;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    harness::{Caller, Plan, Server},
    receiver::Receiver,
};

/// A browser with its own place at a push service.
struct Browser {
    secret: SecretKey,
    auth: [u8; 16],
    endpoint: String,
}

fn keyed(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).unwrap();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

impl Browser {
    fn new(service: &Receiver, number: u8) -> Self {
        let endpoint = format!("{}/to/{number}", service.url);
        Self { secret: SecretKey::from_slice(&[number; 32]).unwrap(), auth: [number; 16], endpoint }
    }

    fn public(&self) -> Vec<u8> {
        self.secret.public_key().to_encoded_point(false).as_bytes().to_vec()
    }

    fn subscription(&self) -> Value {
        let keys = json!({ "p256dh": BASE64.encode(self.public()), "auth": BASE64.encode(self.auth) });
        json!({ "endpoint": self.endpoint, "expirationTime": null, "keys": keys })
    }

    async fn subscribe(&self, as_whom: &Caller) -> Value {
        let body = json!({ "subscription": self.subscription().to_string() });
        let made = as_whom.post("/api/v1/webpush", body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.body
    }

    async fn unsubscribe(&self, as_whom: &Caller) -> Value {
        let encoded = self.endpoint.replace(':', "%3A").replace('/', "%2F");
        let named = BASE64_STANDARD.encode(encoded).replace('+', "%2B").replace('=', "%3D");
        as_whom.delete(&format!("/api/v1/webpush?endpoint={named}")).await.ok()
    }

    /// RFC 8291, from the browser's side.
    fn read(&self, sealed: &[u8]) -> Value {
        let (salt, rest) = sealed.split_at(16);
        let (record, rest) = rest.split_at(4);
        assert_eq!(record, 4096_u32.to_be_bytes());
        let (theirs, sealed) = rest[1..].split_at(usize::from(rest[0]));
        let point = PublicKey::from_sec1_bytes(theirs).unwrap();
        let shared = diffie_hellman(self.secret.to_nonzero_scalar(), point.as_affine());
        let first = keyed(&self.auth, &[shared.raw_secret_bytes()]);
        let input = keyed(&first, &[b"WebPush: info\0", &self.public(), theirs, &[1]]);
        let second = keyed(salt, &[&input]);
        let key = keyed(&second, &[b"Content-Encoding: aes128gcm\0\x01"]);
        let nonce = keyed(&second, &[b"Content-Encoding: nonce\0\x01"]);
        let cipher = Aes128Gcm::new_from_slice(&key[..16]).unwrap();
        let opened = cipher.decrypt((&nonce[..12]).try_into().unwrap(), sealed).unwrap();
        assert_eq!(opened.last(), Some(&2), "the last record");
        serde_json::from_slice(&opened[..opened.len() - 1]).unwrap()
    }
}

/// A server that may send to services on this machine.
fn open(plan: Plan) -> Plan {
    let mut plan = plan;
    plan.limits.callbacks = CallbackRules { origins: Vec::new(), allow_private: true };
    plan
}

/// The wallet of somebody who is logged in: its id and its keys.
async fn wallet_of(user: &Caller) -> (String, String, String) {
    let wallet = user.get("/api/v1/wallets").await.ok()[0].clone();
    let text = |name: &str| wallet[name].as_str().unwrap().to_owned();
    (text("id"), text("inkey"), text("adminkey"))
}

/// Has somebody pay so many satoshi to the wallet with this key.
async fn receive(server: &Server, key: &str, sat: i64) {
    let order = json!({ "out": false, "amount": sat, "memo": "for the tea" });
    let invoice = server.key(key).post("/api/v1/payments", order).await.ok();
    server.wallet(sat).await.pay(invoice["bolt11"].as_str().unwrap()).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_told_what_nobody_else_can_read() {
    let server = open(Plan::sqlite()).start().await;
    let (service, alice, bob) = (Receiver::start().await, server.user("alice").await, server.user("bob").await);
    let (id, invoice_key, admin_key) = wallet_of(&alice).await;
    let browser = Browser::new(&service, 7);
    // what happened before is no news
    receive(&server, &invoice_key, 5).await;
    let made = browser.subscribe(&alice).await;
    assert_eq!(
        (&made["endpoint"], &made["host"]),
        (&json!(browser.endpoint), &json!(server.url.replace("http://", "")))
    );
    assert_eq!(made["data"], browser.subscription().to_string());
    assert_eq!(browser.subscribe(&alice).await["user"], made["user"], "once more is the same");
    receive(&server, &invoice_key, 21).await;
    service.wait_for(1).await;
    let paid = server.outside_invoice(3000, "");
    server.key(&admin_key).post("/api/v1/payments", json!({ "out": true, "bolt11": paid })).await.ok();
    service.wait_for(2).await;
    let said = |text: &str| {
        let calls = service.calls();
        let told: Vec<Value> = calls.iter().map(|call| browser.read(&call.body)).collect();
        told.into_iter().find(|told| told["body"].as_str().unwrap().contains(text)).unwrap()
    };
    let received = said("received");
    assert_eq!(received["body"], "You just received 21 sats!\nfor the tea");
    assert_eq!(received["url"], format!("{}/wallet?wal={id}", server.url));
    assert!(received["title"].as_str().unwrap().starts_with("Satchel: "), "{received}");
    assert!(said("sent")["body"].as_str().unwrap().starts_with("You just sent 3 sats!"));
    // the push service reads nothing of it, and knows who sends
    {
        let calls = service.calls();
        let call = &calls[0];
        assert_eq!((call.path.as_str(), call.headers["content-encoding"].as_str()), ("/to/7", "aes128gcm"));
        assert_eq!((call.headers["ttl"].as_str(), call.headers["urgency"].as_str()), ("3600", "high"));
        let (token, key) = call.headers["authorization"].strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let signed = format!("{}.{}", parts[0], parts[1]);
        let signature = Signature::from_slice(&BASE64.decode(parts[2]).unwrap()).unwrap();
        let public = VerifyingKey::from_sec1_bytes(&BASE64.decode(key).unwrap()).unwrap();
        public.verify(signed.as_bytes(), &signature).unwrap();
        let claims: Value = serde_json::from_slice(&BASE64.decode(parts[1]).unwrap()).unwrap();
        assert_eq!(claims["aud"], service.url);
        let left = claims["exp"].as_i64().unwrap() - server.clock.now().unix();
        assert!((1..=24 * 3600).contains(&left), "{left}");
    }
    let told = alice.get("/api/v1/webpush").await.ok();
    let key = BASE64.decode(told["public_key"].as_str().unwrap()).unwrap();
    assert_eq!((key.len(), key[0]), (65, 4));
    // it is hers alone, and ends when she says so
    assert_eq!(browser.unsubscribe(&bob).await["count"], 0);
    assert_eq!(server.key(&admin_key).get("/api/v1/webpush").await.status, 401);
    assert_eq!(browser.unsubscribe(&alice).await["count"], 1);
    assert_eq!(browser.unsubscribe(&alice).await["count"], 0);
    receive(&server, &invoice_key, 1).await;
    // somebody else is told of his own, and of nothing that was hers
    let other = Browser::new(&service, 8);
    other.subscribe(&bob).await;
    receive(&server, &wallet_of(&bob).await.1, 2).await;
    service.wait_for(3).await;
    let calls = service.calls();
    assert_eq!(
        (calls.len(), other.read(&calls[2].body)["body"].as_str()),
        (3, Some("You just received 2 sats!\nfor the tea"))
    );
}

async fn what_is_not_taken_is_sent_again(plan: Plan) {
    let server = open(plan).start().await;
    let (service, alice) = (Receiver::start().await, server.user("alice").await);
    let (_, key, _) = wallet_of(&alice).await;
    let (slow, gone) = (Browser::new(&service, 7), Browser::new(&service, 8));
    slow.subscribe(&alice).await;
    service.answers(&[500]);
    receive(&server, &key, 1).await;
    service.wait_for(1).await;
    // the server stops and the rest is sent by another one; both together send each message once
    let first = server.stop().await.start().await;
    let second = first.twin().start().await;
    first.clock.advance(120);
    service.wait_for(2).await;
    let told: Vec<Value> = service.calls().iter().map(|call| slow.read(&call.body)).collect();
    // the address of the server is another one by now
    assert_eq!((&told[0]["body"], &told[0]["tag"]), (&told[1]["body"], &told[1]["tag"]), "the same once more");
    for sat in 2..7 {
        receive(&first, &key, sat).await;
    }
    service.wait_for(7).await;
    // a browser that is gone is forgotten, and nothing waits for it
    let login = json!({ "username": "alice", "password": crate::harness::PASSWORD });
    let token = first.anybody().post("/api/v1/auth", login).await.ok();
    let alice = first.bearer(token["access_token"].as_str().unwrap());
    assert_eq!(slow.unsubscribe(&alice).await["count"], 1);
    gone.subscribe(&alice).await;
    service.answers(&[410]);
    receive(&first, &key, 9).await;
    service.wait_for(8).await;
    for _ in 0..1000 {
        if !first.store.push_any().await.unwrap() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(gone.unsubscribe(&alice).await["count"], 0);
    let calls = service.calls();
    let slow: Vec<_> =
        calls.iter().filter(|call| call.path == "/to/7").map(|call| slow.read(&call.body)["tag"].clone()).collect();
    let mut once = slow.clone();
    once.sort_by_key(ToString::to_string);
    once.dedup();
    assert_eq!((slow.len(), once.len()), (7, 6), "each once, but for the one that was not taken: {slow:?}");
    drop(second);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_send_each_message_once() {
    what_is_not_taken_is_sent_again(Plan::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_browser_is_refused() {
    let server = Server::start().await;
    let alice = server.user("alice").await;
    let service = Receiver::start().await;
    let mut good = Browser::new(&service, 7);
    let try_it = async |subscription: String| {
        let answer = alice.post("/api/v1/webpush", json!({ "subscription": subscription })).await;
        assert_eq!(answer.status, 400, "{subscription}: {}", answer.text);
        answer
    };
    let refused = try_it(good.subscription().to_string()).await;
    assert_eq!(refused.detail(), "Cannot create webpush notification");
    assert_eq!(refused.body["reason"], "subscription: its endpoint is not an address of https.");
    good.endpoint = "https://push.example/1".into();
    for (name, value) in [
        ("endpoint", json!("javascript:alert(1)")),
        ("endpoint", json!("https://user:secret@push.example/")),
        ("endpoint", json!(format!("https://push.example/{}", "x".repeat(2100)))),
        ("endpoint", Value::Null),
        ("keys", json!({})),
        ("keys", json!({ "p256dh": BASE64.encode([4; 65]), "auth": BASE64.encode([1; 16]) })),
        ("keys", json!({ "p256dh": BASE64.encode(good.public()), "auth": "AA" })),
    ] {
        let mut subscription = good.subscription();
        subscription[name] = value;
        try_it(subscription.to_string()).await;
    }
    try_it("nonsense".into()).await;
    try_it("x".repeat(5000)).await;
    for number in 0..55 {
        good.endpoint = format!("https://push.example/{number}");
        let body = json!({ "subscription": good.subscription().to_string() });
        assert_eq!(alice.post("/api/v1/webpush", body).await.status, if number < 50 { 201 } else { 400 }, "{number}");
    }
    assert_eq!(alice.delete("/api/v1/webpush?endpoint=%C3%A9").await.status, 400);
    let root = server.super_user().await;
    let set = async |value: Value| root.put("/admin/api/v1/settings", json!({ "lnbits_webpush_privkey": value })).await;
    assert_eq!(set(json!("short")).await.status, 400);
    let before = alice.get("/api/v1/webpush").await.ok();
    set(json!(BASE64.encode([9; 32]))).await.ok();
    assert_ne!(alice.get("/api/v1/webpush").await.ok(), before, "the operator's own key");
    let shown = root.get("/admin/api/v1/settings").await.ok();
    assert!(!shown.to_string().contains(&BASE64.encode([9; 32])), "it is shown");
}
