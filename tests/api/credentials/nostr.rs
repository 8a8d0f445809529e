//! Logins by a signed Nostr event. The events are made here by hand, from NIP-01, not by the server's library.

use base64::{Engine, prelude::BASE64_STANDARD};
use bitcoin::{
    key::{Keypair, Secp256k1},
    secp256k1::Message,
};
use reqwest::Method;
use satchel::{
    config::{Logins, logins::LoginMethod},
    domain::{Account, Time, ids::to_hex},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Answer, Caller, Plan, Server};

const ALICE: [u8; 32] = [11; 32];
const BOB: [u8; 32] = [12; 32];
const PATH: &str = "/api/v1/auth/nostr";

fn keys(secret: &[u8]) -> Keypair {
    Keypair::from_seckey_slice(&Secp256k1::new(), secret).unwrap()
}

fn pubkey(secret: &[u8]) -> String {
    keys(secret).x_only_public_key().0.to_string()
}

/// A public key that belongs to this name alone.
pub(crate) fn pubkey_of(name: &str) -> String {
    pubkey(&Sha256::digest(name))
}

/// Signs what NIP-01 says.
pub(crate) fn signed(secret: &[u8], created_at: i64, kind: u64, tags: Value, content: &str) -> Value {
    let pubkey = pubkey(secret);
    let id: [u8; 32] = Sha256::digest(json!([0, pubkey, created_at, kind, tags, content]).to_string()).into();
    let sig = Secp256k1::new().sign_schnorr_no_aux_rand(&Message::from_digest(id), &keys(secret));
    json!({
        "id": to_hex(&id), "pubkey": pubkey, "created_at": created_at, "kind": kind, "tags": tags, "content": content,
        "sig": sig.to_string(),
    })
}

fn header(event: &Value) -> String {
    format!("Nostr {}", BASE64_STANDARD.encode(event.to_string()))
}

struct House {
    server: Server,
    count: std::cell::Cell<u32>,
}

impl House {
    async fn new(plan: Plan) -> Self {
        Self { server: plan.start().await, count: std::cell::Cell::new(0) }
    }

    fn now(&self) -> i64 {
        self.server.clock.now().unix()
    }

    fn tags(&self) -> Value {
        json!([["u", format!("{}{PATH}", self.server.url)], ["method", "POST"]])
    }

    /// An event that is right, and like no other.
    fn event(&self, secret: &[u8]) -> Value {
        self.with_tags(secret, self.tags())
    }

    fn with_tags(&self, secret: &[u8], tags: Value) -> Value {
        self.count.set(self.count.get() + 1);
        signed(secret, self.now(), 27_235, tags, &self.count.get().to_string())
    }

    async fn send(&self, event: &Value) -> Answer {
        sent(&self.server.anybody(), &header(event), None).await
    }

    async fn account(&self, login: Answer) -> Value {
        let token = login.ok()["access_token"].as_str().unwrap().to_owned();
        self.server.bearer(&token).get("/api/v1/auth").await.ok()
    }
}

async fn sent(caller: &Caller, header: &str, body: Option<&str>) -> Answer {
    caller.raw(Method::POST, PATH, body.map(|body| body.into()), &[("Authorization", header)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_an_account_and_comes_back_to_it() {
    let house = House::new(Plan::sqlite().seeded()).await;
    let first = house.account(house.send(&house.event(&ALICE)).await).await;
    assert_eq!((&first["pubkey"], &first["username"]), (&json!(pubkey(&ALICE)), &Value::Null));
    assert_eq!(first["extra"]["provider"], "nostr");
    assert_eq!(first["wallets"].as_array().unwrap().len(), 1);
    let again = house.account(house.send(&house.event(&ALICE)).await).await;
    assert_eq!(again["id"], first["id"]);
    let other = house.account(house.send(&house.event(&BOB)).await).await;
    assert_ne!(other["id"], first["id"]);
    // the short URL that existing clients sign, the scheme and the method in any case, padding or none
    let short = json!([["method", "post"], ["u", format!("{}/nostr", house.server.url)]]);
    let event = house.with_tags(&ALICE, short);
    let unpadded = header(&event).replace("Nostr", "nOSTR").trim_end_matches('=').to_owned();
    assert_eq!(house.account(sent(&house.server.anybody(), &unpadded, None).await).await["id"], first["id"]);
    house.server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_for_this_request_and_this_minute() {
    let house = House::new(Plan::sqlite().seeded()).await;
    let (now, url) = (house.now(), format!("{}{PATH}", house.server.url));
    let event = |tags: Value| house.with_tags(&ALICE, tags);
    let at = |time: i64| signed(&ALICE, time, 27_235, house.tags(), "");
    let changed = |field: &str, value: Value| {
        let mut event = house.event(&ALICE);
        event[field] = value;
        event
    };
    let other = house.event(&BOB);
    for (event, text) in [
        (changed("content", "x".into()), "Nostr login event is not valid."),
        (changed("pubkey", other["pubkey"].clone()), "Nostr login event is not valid."),
        (changed("sig", other["sig"].clone()), "Nostr login event is not valid."),
        (changed("id", other["id"].clone()), "Nostr login event is not valid."),
        (changed("id", "x".into()), "Nostr login event cannot be parsed."),
        (changed("created_at", json!(-1)), "Nostr login event cannot be parsed."),
        (json!({}), "Nostr login event cannot be parsed."),
        (json!([]), "Nostr login event cannot be parsed."),
        (signed(&ALICE, now, 1, house.tags(), ""), "Invalid event kind."),
        (at(now - 61), "More than 60 seconds have passed since the event was signed."),
        (at(now + 61), "More than 60 seconds have passed since the event was signed."),
        (at(i64::MAX), "More than 60 seconds have passed since the event was signed."),
        (event(json!([["u", url]])), "Tag 'method' is missing."),
        (event(json!([["u", url], ["method"]])), "Tag 'method' is missing."),
        (event(json!([["u", url], ["method", "GET"]])), "Invalid value for tag 'method'."),
        (event(json!([["method", "POST"]])), "Tag 'u' for URL is missing."),
        (
            event(json!([["method", "POST"], ["u", "https://evil.example/api/v1/auth/nostr"]])),
            "Invalid value for tag 'u': 'https://evil.example/api/v1/auth/nostr'.",
        ),
        (event(json!([["method", "POST"], ["u", ""]])), "Invalid value for tag 'u': ''."),
    ] {
        let answer = house.send(&event).await;
        assert_eq!((answer.status, answer.detail()), (400, text), "{event}");
    }
    for skew in [-60, 60] {
        assert_eq!(house.send(&at(now + skew)).await.status, 200, "{skew}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_is_none_is_said() {
    let house = House::new(Plan::sqlite().seeded()).await;
    let anybody = house.server.anybody();
    let missing = anybody.post(PATH, json!({})).await;
    assert_eq!((missing.status, missing.detail()), (400, "Nostr Auth header missing."));
    for (header, text) in [
        ("Nostr", "not enough values to unpack (expected 2, got 1)"),
        ("Nostr a b", "too many values to unpack (expected 2)"),
        ("Bearer abc", "Invalid Authorization scheme."),
        ("Nostr !!!", "Nostr login event cannot be parsed."),
        ("Nostr bnVsbA==", "Nostr login event cannot be parsed."),
    ] {
        let answer = sent(&anybody, header, None).await;
        assert_eq!((answer.status, answer.detail()), (400, text), "{header}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_good_once_on_every_server() {
    let plan = Plan::postgres().await;
    let house = House::new(plan.seeded()).await;
    let tags = json!([["method", "POST"], ["u", "https://wallet.example/nostr"]]);
    // for whoever stands before them, both are one address
    let twin = || {
        let mut plan = house.server.twin();
        plan.logins.nostr_urls = vec!["https://wallet.example".into()];
        plan.start()
    };
    let (one, other) = (twin().await, twin().await);
    let event = header(&house.with_tags(&ALICE, tags.clone()));
    assert_eq!(sent(&one.anybody(), &event, None).await.status, 200);
    for server in [&one, &other] {
        let again = sent(&server.anybody(), &event, None).await;
        assert_eq!((again.status, again.detail()), (400, "This event was used before. Sign a new one."));
    }
    // at the same time, too
    let event = header(&house.with_tags(&BOB, tags));
    let doors = [one.anybody(), other.anybody()];
    let all = (0..6).map(|number| {
        let (door, event) = (doors[number % 2].clone(), event.clone());
        async move { sent(&door, &event, None).await.status }
    });
    let mut statuses = futures_util::future::join_all(all).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400, 400, 400, 400, 400]);
}

#[tokio::test(flavor = "multi_thread")]
async fn used_events_are_forgotten_when_nobody_can_use_them() {
    let database = crate::databases::Database::sqlite();
    let (store, now) = (database.store.clone(), Time::from_unix(1_800_000_000));
    assert!(store.nostr_event_use("a".into(), now).await.unwrap());
    assert!(!store.nostr_event_use("a".into(), now).await.unwrap());
    store.nostr_event_forget(now).await.unwrap();
    assert!(!store.nostr_event_use("a".into(), now).await.unwrap(), "not older than that");
    store.nostr_event_forget(now.plus_seconds(1)).await.unwrap();
    assert!(store.nostr_event_use("a".into(), now).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_tag_is_the_hash_of_the_body() {
    let house = House::new(Plan::sqlite().seeded()).await;
    let body = r#"{"any": "body"}"#;
    let hash = to_hex(&Sha256::digest(body));
    let with = |payload: &str| {
        let mut tags = house.tags();
        tags.as_array_mut().unwrap().push(json!(["payload", payload]));
        header(&house.with_tags(&ALICE, tags))
    };
    let anybody = house.server.anybody();
    assert_eq!(sent(&anybody, &with(&hash), Some(body)).await.status, 200);
    assert_eq!(sent(&anybody, &with(&hash.to_uppercase()), Some(body)).await.status, 200);
    assert_eq!(sent(&anybody, &with(&to_hex(&Sha256::digest(""))), None).await.status, 200);
    for (payload, body) in [(hash.as_str(), Some("{}")), (&hash, None), ("", Some(body))] {
        let answer = sent(&anybody, &with(payload), body).await;
        assert_eq!(answer.status, 400);
        assert!(answer.detail().starts_with("Invalid value for tag 'payload'"), "{}", answer.text);
    }
    assert_eq!(sent(&anybody, &header(&house.event(&ALICE)), Some(body)).await.status, 200, "no tag, no question");
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_of_any_length_break_nothing() {
    let house = House::new(Plan::sqlite().seeded()).await;
    let url = format!("{}{PATH}", house.server.url);
    for before in [json!(["x"]), json!(["a", "b", "c"]), json!(["method"]), json!(["u"]), json!(["", "", "", ""])] {
        let tags = json!([before, ["u", url, "more", "and more"], ["method", "POST", "x"], ["payload"]]);
        assert_eq!(house.send(&house.with_tags(&ALICE, tags)).await.status, 200, "{before}");
    }
    let empty = house.send(&house.with_tags(&ALICE, json!([[], ["u", url], ["method", "POST"]]))).await;
    assert_eq!((empty.status, empty.detail()), (400, "Nostr login event cannot be parsed."), "NIP-01 has no such tag");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_shut_out_stays_out() {
    let house = House::new(Plan::sqlite().seeded()).await;
    let account = house.account(house.send(&house.event(&ALICE)).await).await;
    let stored = house.server.store.account_by_pubkey(pubkey(&ALICE)).await.unwrap().unwrap();
    assert_eq!(account["id"], stored.id.as_str());
    let was = stored.updated_at;
    house.server.store.account_update(Account { activated: false, ..stored }, was).await.unwrap();
    let shut = house.send(&house.event(&ALICE)).await;
    assert_eq!((shut.status, shut.detail()), (401, "User is not activated."));

    let mut plan = Plan::sqlite().seeded();
    plan.limits.allow_new_accounts = false;
    let house = House::new(plan).await;
    let closed = house.send(&house.event(&ALICE)).await;
    assert_eq!((closed.status, closed.detail()), (400, "Account creation is disabled."));

    let logins = Logins { methods: vec![LoginMethod::Password], ..Logins::default() };
    let house = House::new(Plan { logins, ..Plan::sqlite().seeded() }).await;
    let off = house.send(&house.event(&ALICE)).await;
    assert_eq!((off.status, off.detail()), (403, "Login with Nostr Auth not allowed."));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_can_be_given_a_key() {
    let house = House::new(Plan::sqlite().seeded()).await;
    let carol = house.server.user("carol").await;
    let id = carol.get("/api/v1/auth").await.ok()["id"].as_str().unwrap().to_owned();
    let put = |user: &str, pubkey: &str| {
        let (carol, body) = (carol.clone(), json!({ "user_id": user, "pubkey": pubkey }));
        async move { carol.put("/api/v1/auth/pubkey", body).await }
    };
    let taken = house.account(house.send(&house.event(&BOB)).await).await;
    for (user, key, text) in [
        (taken["id"].as_str().unwrap(), pubkey(&ALICE), "Invalid user ID."),
        (&id, pubkey(&BOB), "Public key already in use."),
        (&id, pubkey(&BOB).to_uppercase(), "Public key already in use."),
        (&id, "ab".into(), "Key has wrong length."),
        (&id, "z".repeat(64), "Key is not valid hex."),
        (&id, "npub1qqq".into(), "Key is not valid npub1."),
    ] {
        let answer = put(user, &key).await;
        assert_eq!((answer.status, answer.detail()), (400, text), "{key}");
    }
    // NIP-19's own example, and then hex in capitals
    let npub = "npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6";
    let account = put(&id, npub).await.ok();
    assert_eq!(account["pubkey"], "3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d");
    let account = put(&id, &pubkey(&ALICE).to_uppercase()).await.ok();
    assert_eq!(account["pubkey"], pubkey(&ALICE));
    assert_eq!(house.account(house.send(&house.event(&ALICE)).await).await["id"], id.as_str());
    house.server.clock.advance(121);
    let late = put(&id, &pubkey(&ALICE)).await;
    assert!(late.detail().starts_with("You can only update your credentials in the first 120 seconds."));
}

proptest::proptest! {
    /// The same as the fuzz target, in every run: whatever the header, it is refused with a word or really signed.
    #[test]
    fn no_header_is_a_surprise(text in ".{0,200}", cut in 0usize..600, put in proptest::char::any()) {
        use satchel::accounts::nostr::{check, parse, public_key};
        let event = signed(&ALICE, 1_800_000_000, 27_235, json!([["u", "x"], ["method", "POST"], [text.clone()]]), &text);
        let json = event.to_string();
        let broken: String = json.chars().take(cut).chain([put]).chain(json.chars().skip(cut + 1)).collect();
        for header in [text.clone(), format!("Nostr {text}"), format!("Nostr {}", BASE64_STANDARD.encode(&broken))] {
            if let Ok(read) = parse(Some(&header)) {
                let _ = check(&read, &["x".to_owned()], text.as_bytes(), Time::from_unix(1_800_000_000));
            }
        }
        let read = parse(Some(&header(&event))).unwrap();
        assert!(check(&read, &["x".to_owned()], b"", Time::from_unix(1_800_000_000)).is_ok());
        let _ = public_key(&text);
    }
}
