//! A login provider: an issuer of OpenID Connect and a GitHub on one socket, strict where real ones are.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    web::{self, Data, Form, Query},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use reqwest::Method;
use satchel::{
    clock::Clock,
    config::logins::{Client, Github, Issuer, LoginMethod, Logins, Provider as Kind},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Answer, Caller, Server};

const CLIENT: &str = "satchel at home";
const SECRET: &str = "hush & co: 100% + ü";

/// How an id token is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forgery {
    Audience,
    Audiences,
    Party,
    Issuer,
    Nonce,
    NoNonce,
    Expired,
    Future,
    AlgNone,
    PublicKeyAsSecret,
    ForeignKey,
    UnknownKid,
    OtherAlgorithm,
    None,
    Subject,
}

/// Who is logged in at the provider.
#[derive(Debug, Clone)]
pub(crate) struct Somebody {
    pub(crate) subject: String,
    pub(crate) email: Option<String>,
    pub(crate) verified: bool,
}

pub(crate) fn somebody(subject: &str, email: &str, verified: bool) -> Somebody {
    Somebody { subject: subject.into(), email: Some(email.into()), verified }
}

struct Grant {
    challenge: String,
    redirect_uri: String,
    nonce: Option<String>,
    who: Somebody,
}

pub(crate) struct State {
    url: String,
    clock: Clock,
    pub(crate) who: Somebody,
    pub(crate) forgery: Option<Forgery>,
    /// Does the id token tell the e-mail, or only the user info endpoint?
    pub(crate) email_in_token: bool,
    /// The names of the keys that are published; the first signs.
    pub(crate) keys: Vec<&'static str>,
    pub(crate) keys_asked: usize,
    codes: HashMap<String, Grant>,
    tokens: HashMap<String, Somebody>,
    count: usize,
}

/// A provider that runs until it is dropped.
pub(crate) struct Provider {
    pub(crate) url: String,
    state: Data<Mutex<State>>,
    handle: ServerHandle,
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

fn der(name: &str) -> &'static [u8] {
    match name {
        "first" => include_bytes!("keys/rsa_first.der"),
        "second" => include_bytes!("keys/rsa_second.der"),
        _ => include_bytes!("keys/ec.der"),
    }
}

fn key(name: &str) -> (Algorithm, EncodingKey) {
    if name == "ec" {
        (Algorithm::ES256, EncodingKey::from_ec_der(der(name)))
    } else {
        (Algorithm::RS256, EncodingKey::from_rsa_der(der(name)))
    }
}

fn published(name: &str) -> Value {
    let (algorithm, key) = key(name);
    let mut jwk = Jwk::from_encoding_key(&key, algorithm).unwrap();
    jwk.common.key_id = Some(name.to_owned());
    let mut jwk = serde_json::to_value(jwk).unwrap();
    jwk["use"] = "sig".into();
    jwk
}

impl Provider {
    pub(crate) async fn start(clock: Clock) -> Self {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        let state = Data::new(Mutex::new(State {
            url: url.clone(),
            clock,
            who: somebody("1001", "alice@example.org", true),
            forgery: None,
            email_in_token: true,
            keys: vec!["first", "ec"],
            keys_asked: 0,
            codes: HashMap::new(),
            tokens: HashMap::new(),
            count: 0,
        }));
        let shared = state.clone();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .route("/.well-known/openid-configuration", web::get().to(discovery))
                .route("/jwks", web::get().to(jwks))
                .route("/authorize", web::get().to(authorize))
                .route("/login/oauth/authorize", web::get().to(authorize))
                .route("/token", web::post().to(token))
                .route("/login/oauth/access_token", web::post().to(github_token))
                .route("/userinfo", web::get().to(user_info))
                .route("/api/user", web::get().to(github_user))
                .route("/api/user/emails", web::get().to(github_emails))
        });
        let server = server.workers(1).disable_signals().listen(socket).unwrap().run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { url, state, handle }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Settings of a server that knows this provider under all four names.
    pub(crate) fn logins(&self) -> Logins {
        let client = Client { id: CLIENT.into(), secret: Some(SECRET.to_owned().into()) };
        let issuer =
            Issuer { discovery_url: format!("{}/.well-known/openid-configuration", self.url), client: client.clone() };
        Logins {
            methods: LoginMethod::ALL.to_vec(),
            google: Some(issuer.clone()),
            keycloak: Some(issuer.clone()),
            oidc: Some(issuer),
            github: Some(Github { url: self.url.clone(), api_url: format!("{}/api", self.url), client }),
            ..Logins::default()
        }
    }

    /// What a browser does from the first click until it is back at our door: the callback's path and the cookie.
    pub(crate) async fn visit(&self, server: &Server, caller: &Caller, path: &str) -> (String, String) {
        let start = caller.get(path).await;
        assert_eq!(start.status, 303, "{}", start.text);
        let cookie = cookie(&start, "sso_state");
        let back = leave(start.headers["location"].to_str().unwrap()).await;
        (back.strip_prefix(&server.url).unwrap().to_owned(), cookie)
    }

    /// The same and the callback.
    pub(crate) async fn browse(&self, server: &Server, kind: Kind) -> Answer {
        let (back, cookie) = self.visit(server, &server.anybody(), &format!("/api/v1/auth/{}", kind.name())).await;
        come_back(&server.anybody(), &back, &cookie).await
    }

    /// A code that an app fetches itself, with the verifier and where it was sent to.
    pub(crate) async fn code(&self, nonce: Option<&str>) -> Value {
        let (verifier, redirect_uri) = ("v".repeat(50), "app://callback");
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        let mut url = reqwest::Url::parse(&format!("{}/authorize", self.url)).unwrap();
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", redirect_uri),
            ("state", "s"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        if let Some(nonce) = nonce {
            url.query_pairs_mut().append_pair("nonce", nonce);
        }
        let back = reqwest::Url::parse(&leave(url.as_str()).await).unwrap();
        let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        json!({ "code": code, "code_verifier": verifier, "redirect_uri": redirect_uri, "nonce": nonce })
    }
}

/// Where the provider sends a browser that it sees at this URL.
async fn leave(url: &str) -> String {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let there = client.get(url).send().await.unwrap();
    assert_eq!(there.status(), 302);
    there.headers()["location"].to_str().unwrap().to_owned()
}

/// The callback, by a browser with this cookie.
pub(crate) async fn come_back(caller: &Caller, path: &str, cookie: &str) -> Answer {
    caller.raw(Method::GET, path, None, &[("Cookie", cookie)]).await
}

/// `name=value` of a cookie that an answer sets.
pub(crate) fn cookie(answer: &Answer, name: &str) -> String {
    let mut set = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let found = set.rfind(|text| text.starts_with(&format!("{name}=")));
    found.unwrap_or_else(|| panic!("no cookie {name}")).split(';').next().unwrap().to_owned()
}

type Shared = Data<Mutex<State>>;
type Pairs = HashMap<String, String>;

async fn discovery(state: Shared) -> HttpResponse {
    let state = state.lock().unwrap();
    let at = |path: &str| format!("{}/{path}", state.url);
    HttpResponse::Ok().json(json!({
        "issuer": state.url, "authorization_endpoint": at("authorize"), "token_endpoint": at("token"),
        "jwks_uri": at("jwks"), "userinfo_endpoint": at("userinfo"),
        // one that claims such a thing is not to be believed
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    }))
}

async fn jwks(state: Shared) -> HttpResponse {
    let mut state = state.lock().unwrap();
    state.keys_asked += 1;
    let mut keys: Vec<Value> = state.keys.iter().map(|name| published(name)).collect();
    keys.push(json!({ "kty": "oct", "kid": "shared", "k": "c2VjcmV0" }));
    keys.push(json!({ "kty": "unheard of", "kid": "new" }));
    HttpResponse::Ok().json(json!({ "keys": keys }))
}

async fn authorize(state: Shared, Query(asked): Query<Pairs>) -> HttpResponse {
    let mut state = state.lock().unwrap();
    assert_eq!(asked["response_type"], "code");
    assert_eq!(asked["client_id"], CLIENT);
    assert_eq!(asked["code_challenge_method"], "S256");
    state.count += 1;
    let code = format!("code-{}", state.count);
    let grant = Grant {
        challenge: asked["code_challenge"].clone(),
        redirect_uri: asked["redirect_uri"].clone(),
        nonce: asked.get("nonce").cloned(),
        who: state.who.clone(),
    };
    state.codes.insert(code.clone(), grant);
    let mut back = reqwest::Url::parse(&asked["redirect_uri"]).unwrap();
    back.query_pairs_mut().append_pair("code", &code).append_pair("state", &asked["state"]).append_pair("iss", "x");
    HttpResponse::Found().insert_header(("Location", back.as_str())).finish()
}

fn refused(error: &str) -> HttpResponse {
    HttpResponse::BadRequest().json(json!({ "error": error, "error_description": "no" }))
}

/// The grant that a code stands for, once, if everything about the request is right.
fn redeem(state: &mut State, form: &Pairs) -> Result<Grant, &'static str> {
    if form.get("grant_type").map(String::as_str) != Some("authorization_code") {
        return Err("unsupported_grant_type");
    }
    let grant = state.codes.remove(&form["code"]).ok_or("invalid_grant")?;
    let verifier = form.get("code_verifier").ok_or("invalid_request")?;
    let proven = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == grant.challenge;
    if !proven || form.get("redirect_uri") != Some(&grant.redirect_uri) {
        return Err("invalid_grant");
    }
    Ok(grant)
}

fn access_token(state: &mut State, who: &Somebody) -> String {
    state.count += 1;
    let token = format!("access-{}", state.count);
    state.tokens.insert(token.clone(), who.clone());
    token
}

async fn token(state: Shared, request: HttpRequest, Form(form): Form<Pairs>) -> HttpResponse {
    let mut state = state.lock().unwrap();
    let basic = request.headers().get("authorization").and_then(|value| value.to_str().unwrap().strip_prefix("Basic "));
    let encoded = |text: &str| {
        let mut url = reqwest::Url::parse("http://x").unwrap();
        url.query_pairs_mut().append_key_only(text);
        url.query().unwrap().to_owned()
    };
    let expected = BASE64_STANDARD.encode(format!("{}:{}", encoded(CLIENT), encoded(SECRET)));
    if basic != Some(expected.as_str()) {
        return HttpResponse::Unauthorized().json(json!({ "error": "invalid_client" }));
    }
    let grant = match redeem(&mut state, &form) {
        Ok(grant) => grant,
        Err(error) => return refused(error),
    };
    let access = access_token(&mut state, &grant.who);
    let mut answer = json!({ "access_token": access, "token_type": "Bearer", "expires_in": 300 });
    if state.forgery != Some(Forgery::None) {
        answer["id_token"] = id_token(&state, &grant).into();
    }
    HttpResponse::Ok().json(answer)
}

fn id_token(state: &State, grant: &Grant) -> String {
    let now = state.clock.now().unix();
    let mut claims = json!({
        "iss": state.url, "sub": grant.who.subject, "aud": CLIENT, "azp": CLIENT,
        "iat": now, "exp": now + 300, "nonce": grant.nonce,
    });
    if state.email_in_token {
        claims["email"] = json!(grant.who.email);
        claims["email_verified"] = json!(grant.who.verified);
    }
    let name = state.keys[0];
    let (algorithm, mut signing) = key(name);
    let mut header = Header { kid: Some(name.to_owned()), ..Header::new(algorithm) };
    match state.forgery {
        None | Some(Forgery::None | Forgery::Subject) => {}
        Some(Forgery::Audience) => claims["aud"] = json!("somebody else"),
        Some(Forgery::Audiences) => {
            claims["aud"] = json!([CLIENT, "somebody else"]);
            claims.as_object_mut().unwrap().remove("azp");
        }
        Some(Forgery::Party) => claims["azp"] = json!("somebody else"),
        Some(Forgery::Issuer) => claims["iss"] = json!("https://evil.example"),
        Some(Forgery::Nonce) => claims["nonce"] = json!("another"),
        Some(Forgery::NoNonce) => drop(claims.as_object_mut().unwrap().remove("nonce")),
        Some(Forgery::Expired) => claims["exp"] = json!(now - 61),
        Some(Forgery::Future) => claims["iat"] = json!(now + 61),
        Some(Forgery::AlgNone) => {
            let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
            return format!("{}.{}.", part(json!({ "alg": "none", "typ": "JWT", "kid": name })), part(claims));
        }
        Some(Forgery::PublicKeyAsSecret) => {
            header.alg = Algorithm::HS256;
            signing = EncodingKey::from_secret(include_bytes!("keys/rsa_first.pub.pem"));
        }
        Some(Forgery::ForeignKey) => signing = key("second").1,
        Some(Forgery::UnknownKid) => header.kid = Some("nobody's".into()),
        Some(Forgery::OtherAlgorithm) => {
            header.alg = Algorithm::RS512; // the right key, but not what the issuer signs with
        }
    }
    encode(&header, &claims, &signing).unwrap()
}

fn bearer(state: &State, request: &HttpRequest) -> Option<Somebody> {
    let header = request.headers().get("authorization")?.to_str().ok()?;
    state.tokens.get(header.strip_prefix("Bearer ")?).cloned()
}

async fn user_info(state: Shared, request: HttpRequest) -> HttpResponse {
    let state = state.lock().unwrap();
    let Some(who) = bearer(&state, &request) else { return HttpResponse::Unauthorized().finish() };
    let subject = if state.forgery == Some(Forgery::Subject) { "another" } else { &who.subject };
    HttpResponse::Ok().json(json!({ "sub": subject, "email": who.email, "email_verified": who.verified.to_string() }))
}

async fn github_token(state: Shared, Form(form): Form<Pairs>) -> HttpResponse {
    let mut state = state.lock().unwrap();
    if form.get("client_id").map(String::as_str) != Some(CLIENT)
        || form.get("client_secret").map(String::as_str) != Some(SECRET)
    {
        return HttpResponse::Ok().json(json!({ "error": "incorrect_client_credentials" }));
    }
    match redeem(&mut state, &form) {
        // GitHub says it with 200
        Err(_) => HttpResponse::Ok().json(json!({ "error": "bad_verification_code" })),
        Ok(grant) => {
            let token = access_token(&mut state, &grant.who);
            HttpResponse::Ok().json(json!({ "access_token": token, "token_type": "bearer", "scope": "user:email" }))
        }
    }
}

async fn github_user(state: Shared, request: HttpRequest) -> HttpResponse {
    assert!(request.headers().contains_key("user-agent"), "GitHub refuses requests without");
    let state = state.lock().unwrap();
    let Some(who) = bearer(&state, &request) else { return HttpResponse::Unauthorized().finish() };
    HttpResponse::Ok().json(json!({ "id": who.subject.parse::<u64>().unwrap(), "login": "x", "email": null }))
}

async fn github_emails(state: Shared, request: HttpRequest) -> HttpResponse {
    let state = state.lock().unwrap();
    let Some(who) = bearer(&state, &request) else { return HttpResponse::Unauthorized().finish() };
    let mut emails = vec![json!({ "email": "other@example.org", "primary": false, "verified": true })];
    emails.extend(who.email.map(|email| json!({ "email": email, "primary": true, "verified": who.verified })));
    HttpResponse::Ok().json(emails)
}
