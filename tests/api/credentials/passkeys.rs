//! Passkeys, made and used by a device of this file's own: what a browser and an authenticator would send.

use data_encoding::BASE64URL_NOPAD as BASE64;
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    people::{assert_refused, id_of, login, text, with_code},
    totp::enrol,
};
use crate::harness::{Answer, Caller, PASSWORD, Plan, Server};

const REFUSED: &str = "The passkey was not accepted.";
const STALE: &str = "This challenge was answered before, is too old, or was never asked. Start again.";

/// Present, and verified by PIN or finger.
const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
/// The new key follows.
const ATTESTED: u8 = 0x40;

/// An authenticator with one key, and the browser that it is plugged into.
#[derive(Clone)]
struct Device {
    key: SigningKey,
    id: [u8; 16],
    handle: String,
    uses: u32,
    flags: u8,
    origin: String,
}

impl Device {
    fn new(server: &Server, number: u8) -> Self {
        let key = SigningKey::from_bytes(&[number; 32].into()).unwrap();
        let flags = PRESENT | VERIFIED;
        Self { key, id: [number; 16], handle: String::new(), uses: 0, flags, origin: origin(server) }
    }

    fn client_data(&self, what: &str, options: &Value) -> String {
        let challenge = text(options, "challenge");
        json!({ "type": what, "challenge": challenge, "origin": self.origin, "crossOrigin": false }).to_string()
    }

    fn data(&mut self, flags: u8) -> Vec<u8> {
        self.uses += 1;
        let mut data = Sha256::digest("localhost").to_vec();
        data.push(flags);
        data.extend(self.uses.to_be_bytes());
        data
    }

    /// `RegistrationResponseJSON`.
    fn make(&mut self, options: &Value) -> Value {
        assert_eq!((&options["rp"]["id"], &options["attestation"]), (&json!("localhost"), &json!("none")));
        assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
        self.handle = text(&options["user"], "id");
        let client = self.client_data("webauthn.create", options);
        let mut data = self.data(self.flags | ATTESTED);
        data.extend([0; 16]);
        data.extend([0, 16]);
        data.extend(self.id);
        // a COSE key (RFC 9053): EC2, ES256, P-256, x, y
        let point = self.key.verifying_key().to_encoded_point(false);
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(point.x().unwrap());
        data.extend([0x22, 0x58, 0x20]);
        data.extend(point.y().unwrap());
        // CBOR of {"fmt": "none", "attStmt": {}, "authData": data}
        let mut object = vec![0xa3];
        object.extend(b"\x63fmt\x64none\x67attStmt\xa0\x68authData\x58");
        object.push(u8::try_from(data.len()).unwrap());
        object.extend(data);
        let response = json!({
            "clientDataJSON": BASE64.encode(client.as_bytes()), "attestationObject": BASE64.encode(&object),
            "transports": ["internal"]
        });
        self.answer(&response)
    }

    /// `AuthenticationResponseJSON`.
    fn sign(&mut self, options: &Value) -> Value {
        let client = self.client_data("webauthn.get", options);
        let data = self.data(self.flags);
        let signed = [data.as_slice(), &Sha256::digest(&client)].concat();
        let signature: Signature = self.key.sign(&signed);
        let response = json!({
            "clientDataJSON": BASE64.encode(client.as_bytes()), "authenticatorData": BASE64.encode(&data),
            "signature": BASE64.encode(signature.to_der().as_bytes()), "userHandle": self.handle
        });
        self.answer(&response)
    }

    fn answer(&self, response: &Value) -> Value {
        let id = BASE64.encode(&self.id);
        json!({
            "id": id, "rawId": id, "type": "public-key", "response": response, "clientExtensionResults": {},
            "authenticatorAttachment": "platform"
        })
    }
}

/// What a browser shows the server as: a server on this machine's own address is `localhost`.
fn origin(server: &Server) -> String {
    server.url.replace("127.0.0.1", "localhost")
}

async fn asked(who: &Caller) -> Value {
    who.post("/api/v1/auth/passkeys/register/start", json!({})).await.ok()
}

async fn finish(who: &Caller, credential: Value) -> Answer {
    let body = json!({ "name": "phone", "credential": credential });
    who.post("/api/v1/auth/passkeys/register/finish", body).await
}

/// Somebody's new passkey; its id.
async fn register(who: &Caller, device: &mut Device) -> String {
    let options = asked(who).await;
    text(&finish(who, device.make(&options)).await.ok(), "id")
}

async fn start_login(server: &Server, body: Value) -> Value {
    server.anybody().post("/api/v1/auth/passkey/start", body).await.ok()
}

async fn finish_login(server: &Server, credential: &Value) -> Answer {
    server.anybody().post("/api/v1/auth/passkey/finish", json!({ "credential": credential })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_logs_in_without_name_password_or_code() {
    let server = Plan::sqlite().seeded().start().await;
    let alice = server.user("alice").await;
    let mut device = Device::new(&server, 1);
    let id = register(&alice, &mut device).await;
    enrol(&server, &alice).await;
    let list = alice.get("/api/v1/auth/passkeys").await.ok();
    assert_eq!(
        (&list[0]["id"], &list[0]["name"], &list[0]["last_used_at"]),
        (&json!(id), &json!("phone"), &json!(null))
    );
    for body in [json!({}), json!({ "username": "Alice" })] {
        let options = start_login(&server, body).await;
        assert_eq!((&options["allowCredentials"], &options["userVerification"]), (&json!([]), &json!("required")));
        let done = finish_login(&server, &device.sign(&options)).await;
        assert_eq!(done.status, 200, "{}", done.text);
        assert!(done.headers.get_all("set-cookie").iter().any(|c| c.to_str().unwrap().contains("HttpOnly")));
        let user = server.bearer(&text(&done.body, "access_token")).get("/api/v1/auth").await.ok();
        assert_eq!(user["id"], json!(id_of(&alice).await));
    }
    assert!(alice.get("/api/v1/auth/passkeys").await.ok()[0]["last_used_at"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_device_did_not_sign_for_this_server_is_refused() {
    let server = Plan::sqlite().seeded().start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut device = Device::new(&server, 1);
    register(&alice, &mut device).await;
    let sign = |spoil: fn(&mut Device), body: Value| {
        let mut spoilt = device.clone();
        spoil(&mut spoilt);
        let server = &server;
        async move {
            let options = start_login(server, body).await;
            finish_login(server, &spoilt.sign(&options)).await
        }
    };
    let spoils: [fn(&mut Device); 6] = [
        |device| device.key = SigningKey::from_bytes(&[9; 32].into()).unwrap(),
        |device| device.id = [9; 16],
        |device| device.origin = "https://evil.example".to_owned(),
        |device| device.flags = PRESENT,
        |device| device.uses = 0, // a copy of the device: its counter does not go on
        |device| device.handle = BASE64.encode(&[9; 16]),
    ];
    for (number, spoil) in spoils.into_iter().enumerate() {
        let refused = sign(spoil, json!({})).await;
        assert_eq!((number, refused.status, refused.detail()), (number, 401, REFUSED), "{}", refused.text);
    }
    for name in ["bob", "nobody"] {
        let refused = sign(|_| (), json!({ "username": name })).await;
        assert_refused(&refused, 401, "unauthenticated", REFUSED);
    }
    // an answer counts once, and soon
    let options = start_login(&server, json!({})).await;
    let answer = device.sign(&options);
    assert_eq!(finish_login(&server, &answer).await.status, 200);
    assert_refused(&finish_login(&server, &answer).await, 400, "invalid_request", STALE);
    let options = start_login(&server, json!({})).await;
    server.clock.advance(301);
    assert_refused(&finish_login(&server, &device.sign(&options)).await, 400, "invalid_request", STALE);
    for nonsense in [json!({}), json!({ "id": "x" }), json!({ "response": {} })] {
        assert_eq!(finish_login(&server, &nonsense).await.status, 400);
    }
    // a registration's challenge is its account's, and no login's
    let options = asked(&alice).await;
    let mut other = Device::new(&server, 2);
    assert_refused(&finish(&bob, other.make(&options)).await, 400, "invalid_request", STALE);
    let options = asked(&alice).await;
    other.handle = device.handle.clone();
    assert_refused(&finish_login(&server, &other.sign(&options)).await, 400, "invalid_request", STALE);
    let options = asked(&alice).await;
    other.flags = PRESENT;
    assert_eq!(finish(&alice, other.make(&options)).await.status, 400, "without verification");
    let options = asked(&bob).await;
    let again = finish(&bob, Device::new(&server, 1).make(&options)).await;
    assert_refused(&again, 400, "invalid_request", "This passkey is registered already.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_passkey_opens_nothing() {
    let server = Plan::sqlite().seeded().start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut device = Device::new(&server, 1);
    let id = register(&alice, &mut device).await;
    let (authenticator, _) = enrol(&server, &alice).await;
    let path = format!("/api/v1/auth/passkeys/{id}");
    assert_refused(&bob.delete(&path).await, 404, "not_found", "Passkey not found.");
    assert_eq!(alice.delete(&path).await.body["code"], "otp_required");
    let code = authenticator.fresh();
    assert_eq!(with_code(&alice, reqwest::Method::DELETE, &path, None, &code).await.status, 200);
    assert_refused(&alice.delete(&path).await, 404, "not_found", "Passkey not found.");
    let options = start_login(&server, json!({})).await;
    assert_refused(&finish_login(&server, &device.sign(&options)).await, 401, "unauthenticated", REFUSED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_takes_a_codes_place_beside_a_password() {
    let server = Plan::sqlite().seeded().start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut device, mut bobs) = (Device::new(&server, 1), Device::new(&server, 2));
    register(&alice, &mut device).await;
    register(&bob, &mut bobs).await;
    enrol(&server, &alice).await;
    assert_eq!(login(&server, "alice").await.body["code"], "otp_required");
    for (own, password, status) in [(false, PASSWORD, 401), (true, "wrong horse", 401), (true, PASSWORD, 200)] {
        let device = if own { &mut device } else { &mut bobs };
        let options = start_login(&server, json!({})).await;
        let body = json!({ "username": "alice", "password": password, "passkey": device.sign(&options) });
        let answer = server.anybody().post("/api/v1/auth", body).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
}

/// A browser may be answered by one server and answer to another.
#[tokio::test(flavor = "multi_thread")]
async fn another_server_takes_the_answer() {
    let here = Plan::postgres().await.start().await;
    let there = here.twin().start().await;
    let alice = here.user("alice").await;
    let mut device = Device::new(&there, 1);
    let options = asked(&alice).await;
    let token = super::people::token(&here, "alice").await;
    finish(&there.bearer(&token), device.make(&options)).await.ok();
    let options = start_login(&here, json!({})).await;
    assert_eq!(finish_login(&there, &device.sign(&options)).await.status, 200);
    // the same answer, to all servers at once, counts once
    let options = start_login(&there, json!({})).await;
    let answer = device.sign(&options);
    let tries = (0..4).map(|_| finish_login(&there, &answer));
    let outcomes: Vec<u16> = futures_util::future::join_all(tries).await.iter().map(|answer| answer.status).collect();
    assert_eq!(outcomes.iter().filter(|status| **status == 200).count(), 1, "{outcomes:?}");
}
