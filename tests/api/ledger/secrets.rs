//! What is left of secrets after everything has happened: nothing in the database, nothing in the log.

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

use reqwest::Method;
use satchel::domain::ids::array_from_hex;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use super::process::{Folder, Process, program, text};
use crate::harness::{Caller, PASSWORD, hash_of};

const PASSWORD_OF_ALICE: &str = "a rather secret password";
const WRONG_PASSWORD: &str = "a wrong secret password";
/// Secrets that the operator gives by environment.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("SATCHEL_MASTER_KEY", "8e1f0c6ab5d24973b0a1c2d3e4f5061728394a5b6c7d8e9fa0b1c2d3e4f50617"),
    ("AUTH_SECRET_KEY", "what session tokens are signed with"),
    ("GITHUB_CLIENT_ID", "the name of our application"),
    ("GITHUB_CLIENT_SECRET", "the secret of our application"),
];

/// Every way in which the secret could stand there: as it is shown, and as the bytes that its hex or base32 means.
fn stands_in(haystack: &[u8], secret: &str) -> bool {
    let found = |needle: &[u8]| haystack.windows(needle.len()).any(|window| window == needle);
    // of `sk_<id>_<secret>` the last part is what nobody may know
    let hex = secret.rsplit('_').next().unwrap_or(secret);
    found(hex.as_bytes())
        || found(hex.to_uppercase().as_bytes())
        || array_from_hex::<32>(hex).is_some_and(|bytes| found(&bytes))
        || array_from_hex::<16>(hex).is_some_and(|bytes| found(&bytes))
        || Secret::try_from_base32(secret).is_ok_and(|bytes| secret.len() == 32 && found(bytes.as_bytes()))
}

/// What is minted under a key of idempotency is kept for a while, and must be sealed.
async fn mint(caller: &Caller, path: &str, body: Value, name: &str) -> Value {
    let key = format!("mint-{}", path.replace('/', "-"));
    let bytes = body.to_string().into_bytes();
    let answer = caller.raw(Method::POST, path, Some(bytes), &[("Idempotency-Key", &key)]).await.ok();
    assert!(answer[name].is_string(), "no {name} in {answer}");
    answer
}

/// Pays; answers the preimage.
async fn preimage_of(process: &Process, admin_key: &str, bolt11: &str) -> String {
    assert_eq!(process.pay(admin_key, bolt11).await.status, 201);
    let path = format!("/api/v1/payments/{}", hash_of(bolt11));
    for _ in 0..400 {
        if let Value::String(preimage) = &process.key(admin_key).get(&path).await.ok()["preimage"] {
            return preimage.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("{bolt11} was never paid");
}

/// Turns one-time codes on; answers their secret, a code, and what takes a code's place.
async fn one_time_codes(alice: &Caller) -> Vec<String> {
    let secret = text(&alice.post("/api/v1/auth/totp", json!({})).await.ok(), "secret");
    let codes = Builder::new().with_secret(Secret::try_from_base32(&secret).unwrap()).with_account_name("x");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let code = codes.build().unwrap().generate(now).to_string();
    let on = alice.put("/api/v1/auth/totp", json!({ "code": code })).await.ok();
    let recovery = on["recovery_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned());
    recovery.chain([secret]).collect()
}

/// Every kind of secret that the server hands out or is told, each used once.
async fn everything(process: &Process) -> Vec<String> {
    let anybody = Caller::of(&process.url, None);
    let root = process.install().await;
    let body = json!({ "username": "alice", "password": PASSWORD_OF_ALICE, "password_repeat": PASSWORD_OF_ALICE });
    let first = text(&anybody.post("/api/v1/auth/register", body).await.ok(), "access_token");
    let login = |password: &str| json!({ "username": "alice", "password": password });
    let session = text(&anybody.post("/api/v1/auth", login(PASSWORD_OF_ALICE)).await.ok(), "access_token");
    assert_eq!(anybody.post("/api/v1/auth", login(WRONG_PASSWORD)).await.status, 401);
    let alice = process.bearer(&session);
    let id = text(&alice.get("/api/v1/auth").await.ok(), "id");

    let (payer, shop) = (process.wallet(&root, 10_000).await, process.wallet(&root, 0).await);
    let own = alice.get("/api/v1/wallets").await.ok()[0].clone();
    let mut secrets: Vec<String> =
        [&payer, &shop, &own].iter().flat_map(|wallet| [text(wallet, "adminkey"), text(wallet, "inkey")]).collect();
    let (payer, shop) = (text(&payer, "adminkey"), text(&shop, "inkey"));
    for bolt11 in [
        process.invoice(&shop, 100).await,
        process.outside(&root, 10_000, "").await,
        process.outside(&root, 10_000, "sim:lost").await,
    ] {
        secrets.push(preimage_of(process, &payer, &bolt11).await);
    }
    // an invoice that is open has a preimage that is worth money
    process.invoice(&shop, 50).await;
    anybody.get(&format!("/api/v1/wallet?api-key={shop}")).await.ok();

    let key = mint(&alice, "/api/v1/api-keys", json!({ "name": "till" }), "key").await;
    let rotated = mint(&alice, &format!("/api/v1/api-keys/{}/rotate", text(&key, "id")), json!({}), "key").await;
    let list = json!({ "name": "list", "allowed_endpoints": ["GET /api/v1/wallet"] });
    let list = text(&alice.post("/api/v1/auth/acls", list).await.ok(), "id");
    let token = mint(&alice, &format!("/api/v1/auth/acls/{list}/tokens"), json!({ "name": "reader" }), "token").await;
    let stranger = anybody.post("/api/v1/session", json!({})).await.ok();
    let handed_out =
        [text(&key, "key"), text(&rotated, "key"), text(&token, "token"), text(&stranger["account"], "session_key")];
    for secret in &handed_out {
        let caller = process.bearer(secret);
        caller.get("/api/v1/api-keys/self").await;
        caller.get("/api/v1/wallet").await;
    }
    secrets.extend(handed_out);

    let reset = process.bearer(&root).put(&format!("/users/api/v1/user/{id}/reset_password"), json!({})).await.ok();
    secrets.push(reset.as_str().unwrap().to_owned());
    secrets.extend(one_time_codes(&alice).await);
    let events = json!({ "kind": 27235, "content": "nonsense" }).to_string();
    let header = [("Authorization", format!("Nostr {events}"))];
    let nostr: Vec<(&str, &str)> = header.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert!(anybody.raw(Method::POST, "/api/v1/auth/nostr", None, &nostr).await.status >= 400);
    secrets.extend([root, first, session]);
    secrets.extend([PASSWORD, PASSWORD_OF_ALICE, WRONG_PASSWORD].map(str::to_owned));
    secrets
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_stands_in_the_database_or_in_the_log() {
    let folder = Folder::new();
    let mut debug = program(&folder, "serve");
    debug.env("SATCHEL_LOG", "debug").envs(ENVIRONMENT);
    let mut process = Process::start_with(&folder, debug).await;
    let mut secrets = everything(&process).await;
    let given = ENVIRONMENT.iter().filter(|(name, _)| *name != "GITHUB_CLIENT_ID");
    secrets.extend(given.map(|(_, secret)| (*secret).to_owned()));
    let read = |name: &str| fs::read(folder.file(name)).unwrap();
    let places =
        [("database", read("satchel.sqlite3")), ("its log", read("satchel.sqlite3-wal")), ("log", read("log"))];
    process.kill();
    assert!(places[1].1.len() > 10_000 && String::from_utf8_lossy(&places[2].1).contains("DEBUG"));
    // what is looked for would be found
    assert!(stands_in(&places[1].1, "alice") && secrets.len() > 30);
    for (place, bytes) in &places {
        for secret in &secrets {
            assert!(!stands_in(bytes, secret), "{secret} stands in the {place}");
        }
    }
    for secret in &secrets {
        assert!(!stands_in(process.greeting.as_bytes(), secret));
    }
}
