//! A server of its own for every test: real sockets, real HTTP, a simulated node that the test
//! scripts, and callers of every kind.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use lightning_invoice::Currency;
use reqwest::{Client, Method, header};
use satchel::{
    app::{App, Parts},
    clock::Clock,
    config::{Funding, Logins, MasterKey, Observing, Secrets, Settings, Traffic},
    domain::{
        Account, Msat, PaymentHash, Status, Time, WalletId,
        fiat::RatePolicy,
        limits::Limits,
        tier::{Capability, Tiers},
    },
    funding::{
        FundingSource,
        simulated::{Options, SimulatedNode},
    },
    ledger::Ledger,
    sources::Given,
    store::Store,
};
use serde_json::{Value, json};

use crate::databases::Database;

/// The master secret of every test server.
pub(crate) const MASTER: [u8; 32] = [7; 32];
/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse";
/// What is stored of it.
const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$QwSEWMS6YPaouu8hIdUXkg$i+iu5qsfKjwvvU5LTTtHwaM19JtkrRRMdqBWY2tRVYc";

/// A running server with everything that a test wants to reach into.
pub(crate) struct Server {
    pub(crate) app: Option<App>,
    pub(crate) node: Arc<SimulatedNode>,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) url: String,
    pub(crate) client: Client,
    limits: Limits,
    logins: Logins,
    source: Option<Arc<dyn FundingSource>>,
    _database: Option<Arc<Database>>,
}

/// What a test server is made of.
pub(crate) struct Plan {
    pub(crate) database: Arc<Database>,
    pub(crate) clock: Clock,
    pub(crate) limits: Limits,
    pub(crate) logins: Logins,
    pub(crate) node: Option<Arc<SimulatedNode>>,
    /// What the server takes for its node, where that is not the simulated node itself.
    pub(crate) source: Option<Arc<dyn FundingSource>>,
    pub(crate) install_token: Option<String>,
    /// Has the super user a name already?
    pub(crate) installed: bool,
    pub(crate) observing: Observing,
}

impl Plan {
    /// SQLite, the system's clock, the default limits (with a short wait for the node).
    pub(crate) fn sqlite() -> Self {
        Self::on(Database::sqlite())
    }

    pub(crate) async fn postgres() -> Self {
        Self::on(Database::postgres().await)
    }

    fn on(database: Database) -> Self {
        // nobody outside is asked what bitcoin costs
        let source = "fixed:EUR=50000,USD=100000".parse().unwrap();
        let rates = RatePolicy { source, ..RatePolicy::default() };
        let limits = Limits { pay_wait_ms: 300, tiers: lenient_tiers(), rates, ..Limits::default() };
        Self {
            database: Arc::new(database),
            clock: Clock::system(),
            limits,
            logins: Logins::default(),
            node: None,
            source: None,
            install_token: None,
            installed: true,
            observing: Observing::default(),
        }
    }

    /// A clock that stands still until the test moves it, and ids that are the same every time.
    pub(crate) fn seeded(self) -> Self {
        Self { clock: Clock::seeded(Time::from_unix(1_800_000_000), 42), ..self }
    }

    pub(crate) async fn start(self) -> Server {
        let node = self.node.unwrap_or_else(|| SimulatedNode::open(Options::new(self.clock.clone(), [9; 32])).unwrap());
        let store = self.database.reopened().await;
        let parts = Parts {
            store: store.clone(),
            source: Given::Source(self.source.clone().unwrap_or_else(|| node.clone()), Currency::Regtest),
            folder: None,
            secrets: Secrets {
                master: MasterKey(MASTER),
                install_token: self.install_token.map(|token| token.parse().unwrap()),
                auth_secret: None,
            },
            clock: self.clock.clone(),
            limits: self.limits.clone(),
            logins: self.logins.clone(),
            environment: satchel::settings::Values::new(),
            lock: None,
        };
        let settings = Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: PathBuf::from("/nonexistent"),
            public_url: None,
            database_url: None,
            funding: Funding::Simulated,
            log: "off".into(),
            traffic: Traffic::default(),
            observing: self.observing.clone(),
        };
        let app = App::start(&settings, parts).await.unwrap();
        if self.installed {
            install(&store).await;
        }
        let url = format!("http://{}", app.address());
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Server {
            app: Some(app),
            node,
            store,
            clock: self.clock,
            url,
            client,
            limits: self.limits,
            logins: self.logins,
            source: self.source,
            _database: Some(self.database),
        }
    }
}

/// Names the super user, unless that was done before.
async fn install(store: &Store) {
    let account = store.account_super_user().await.unwrap().unwrap();
    let named = Account {
        username: Some("root".into()),
        username_key: Some("root".into()),
        password_hash: Some(PASSWORD_HASH.into()),
        provider: "lnbits".into(),
        ..account
    };
    drop(store.account_first_install(named).await);
}

/// The usual tiers without their bounds: a test that is about them sets its own.
fn lenient_tiers() -> Tiers {
    let mut tiers = Tiers { wallet_requests_per_minute: 0, anonymous_requests_per_minute: 0, ..Tiers::default() };
    for tier in tiers.by_name.values_mut() {
        tier.requests_per_minute = 0;
        tier.capabilities = Capability::ALL.to_vec();
    }
    tiers
}

impl Server {
    /// The usual one: SQLite and the system's clock.
    pub(crate) async fn start() -> Self {
        Plan::sqlite().start().await
    }

    /// The ledger behind the API, for looking, not for doing.
    pub(crate) fn ledger(&self) -> &Ledger {
        self.app.as_ref().unwrap().ledger()
    }

    /// Stops it; the database and the node go on and can be started with again.
    pub(crate) async fn stop(mut self) -> Plan {
        self.app.take().unwrap().stop().await;
        self.twin()
    }

    /// A plan for one more server on the same database and the same node.
    pub(crate) fn twin(&self) -> Plan {
        Plan {
            database: self._database.clone().unwrap(),
            clock: self.clock.clone(),
            limits: self.limits.clone(),
            logins: self.logins.clone(),
            node: Some(self.node.clone()),
            source: self.source.clone(),
            install_token: None,
            installed: true,
            observing: Observing::default(),
        }
    }

    /// Somebody without any credential.
    pub(crate) fn anybody(&self) -> Caller {
        Caller { client: self.client.clone(), url: self.url.clone(), header: None }
    }

    /// Somebody with a wallet key.
    pub(crate) fn key(&self, key: &str) -> Caller {
        Caller { header: Some(("X-Api-Key".into(), key.to_owned())), ..self.anybody() }
    }

    /// Somebody with a session token.
    pub(crate) fn bearer(&self, token: &str) -> Caller {
        Caller { header: Some(("Authorization".into(), format!("Bearer {token}"))), ..self.anybody() }
    }

    /// The super user, logged in.
    pub(crate) async fn super_user(&self) -> Caller {
        let answer = self.anybody().post("/api/v1/auth", json!({ "username": "root", "password": PASSWORD })).await;
        self.bearer(answer.ok()["access_token"].as_str().unwrap())
    }

    /// A registered user, logged in.
    pub(crate) async fn user(&self, name: &str) -> Caller {
        let body = json!({ "username": name, "password": PASSWORD, "password_repeat": PASSWORD });
        let answer = self.anybody().post("/api/v1/auth/register", body).await.ok();
        self.bearer(answer["access_token"].as_str().unwrap())
    }

    /// A fresh wallet of a fresh anonymous account, holding so many satoshi.
    pub(crate) async fn wallet(&self, sat: i64) -> Wallet {
        let made = self.anybody().post("/api/v1/account", json!({ "name": "test" })).await.ok();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        let id: WalletId = text("id").parse().unwrap();
        if sat > 0 {
            self.ledger().adjust(id.clone(), Msat(sat * 1000)).await.unwrap();
        }
        Wallet {
            id,
            admin: self.key(&text("adminkey")),
            invoice: self.key(&text("inkey")),
            admin_key: text("adminkey"),
            invoice_key: text("inkey"),
        }
    }

    /// An invoice of the outside world; its memo scripts what becomes of it.
    pub(crate) fn outside_invoice(&self, msat: i64, memo: &str) -> String {
        self.ledger().invoice_from_outside(Msat(msat), memo, 3600).unwrap()
    }

    /// The ledger must be sound, always.
    pub(crate) async fn assert_sound(&self) {
        let report = self.ledger().check().await.unwrap();
        assert!(report.faults.is_empty(), "{report}");
    }

    /// Waits (bounded) until the payment of this hash in this wallet has the status.
    pub(crate) async fn until(&self, wallet: &Wallet, hash: &str, status: Status) -> Value {
        for _ in 0..200 {
            let answer = wallet.invoice.get(&format!("/api/v1/payments/{hash}")).await;
            if answer.status == 200 && answer.body["status"] == status.as_str() {
                return answer.body;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("payment {hash} never became {status}");
    }
}

/// A wallet with callers for both of its keys.
pub(crate) struct Wallet {
    pub(crate) id: WalletId,
    pub(crate) admin: Caller,
    pub(crate) invoice: Caller,
    pub(crate) admin_key: String,
    pub(crate) invoice_key: String,
}

impl Wallet {
    /// Millisatoshi, as the API says.
    pub(crate) async fn balance(&self) -> i64 {
        self.invoice.get("/api/v1/wallet").await.ok()["balance"].as_i64().unwrap()
    }

    /// A new invoice over so many satoshi.
    pub(crate) async fn new_invoice(&self, sat: i64) -> Value {
        let answer =
            self.invoice.post("/api/v1/payments", json!({ "out": false, "amount": sat, "memo": "test" })).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body
    }

    /// Pays a payment request.
    pub(crate) async fn pay(&self, bolt11: &str) -> Answer {
        self.admin.post("/api/v1/payments", json!({ "out": true, "bolt11": bolt11 })).await
    }
}

/// The payment hash of a payment request.
pub(crate) fn hash_of(bolt11: &str) -> PaymentHash {
    satchel::domain::bolt11::peek(bolt11).unwrap().payment_hash
}

/// Somebody who sends requests.
#[derive(Clone)]
pub(crate) struct Caller {
    client: Client,
    url: String,
    header: Option<(String, String)>,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: header::HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    /// The body of an answer that must be a success.
    pub(crate) fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.text);
        self.body
    }

    /// The error's `detail`, where it is a text.
    pub(crate) fn detail(&self) -> &str {
        self.body["detail"].as_str().unwrap_or_default()
    }
}

impl Caller {
    /// Somebody who calls a server at this address, with this header.
    pub(crate) fn of(url: &str, header: Option<(&str, &str)>) -> Self {
        let header = header.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { client: Client::new(), url: url.to_owned(), header }
    }

    /// The same at another server.
    pub(crate) fn at(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// Begins to read an answer that goes on.
    pub(crate) async fn open(&self, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let mut request = self.client.get(format!("{}{path}", self.url));
        for (name, value) in
            self.header.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(headers.iter().copied())
        {
            request = request.header(name, value);
        }
        request.send().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body)).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.raw(method, path, body.map(|body| body.to_string().into_bytes()), &[]).await
    }

    /// Any bytes as the body, and further headers.
    pub(crate) async fn raw(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.attempt(method, path, body, headers).await.unwrap()
    }

    /// The same for a server that may be gone.
    pub(crate) async fn attempt(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> reqwest::Result<Answer> {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some((name, value)) = &self.header {
            request = request.header(name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        // a stream goes on for ever: what is in it is for the tests that listen
        let stream = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let text = if stream { String::new() } else { response.text().await? };
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status, headers, body, text })
    }
}
