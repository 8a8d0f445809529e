//! The few calls that prepare a server: accounts, wallets, money. One connection per call; none
//! of these is measured.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::load::Failure;
use crate::load::http::{Connection, Credential, request};

/// Enough for every payment of a run, and less than the most the reference accepts at once.
const FUNDS_SAT: u32 = 9_000_000;
const PASSWORD: &str = "load generator";

/// A server in whose name the super user acts.
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    super_token: String,
}

/// The two keys of a wallet.
#[derive(Clone)]
pub(crate) struct Wallet {
    id: String,
    pub(crate) admin_key: String,
    pub(crate) invoice_key: String,
}

/// An account with all wallets of the run.
pub(crate) struct Account {
    address: SocketAddr,
    token: String,
}

impl Api {
    /// Installs the server, or logs in if that has been done, and lifts its rate limits.
    pub(crate) async fn enter(address: SocketAddr, name: &str, password: &str) -> Result<Self, Failure> {
        let path = "/api/v1/auth/first_install";
        let install = json!({"username": name, "password": password, "password_repeat": password});
        let (mut status, mut answer) = call(address, "PUT", path, Credential::None, Some(&install)).await?;
        if status != 200 {
            let login = json!({"username": name, "password": password});
            (status, answer) = call(address, "POST", "/api/v1/auth", Credential::None, Some(&login)).await?;
        }
        let super_token = text(status, &answer, "access_token")?;
        let api = Self { address, super_token };
        // Each server knows its own settings and refuses the others' names.
        for (setting, unlimited) in [
            ("satchel_wallet_requests_per_minute", json!(0)),
            ("satchel_anonymous_requests_per_minute", json!(0)),
            ("satchel_tiers", json!({"free": {"requests_per_minute": 0, "capabilities": ["read"], "price_sat": 0}})),
            ("lnbits_rate_limit_no", json!(1_000_000_000)),
        ] {
            let body = json!({setting: unlimited});
            api.call_as_super("PUT", "/admin/api/v1/settings", Some(&body)).await?;
        }
        Ok(api)
    }

    /// A new account.
    pub(crate) async fn register(&self) -> Result<Account, Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
        let body = json!({
            "username": format!("load{now:x}"),
            "password": PASSWORD,
            "password_repeat": PASSWORD,
        });
        let path = "/api/v1/auth/register";
        let (status, answer) = call(self.address, "POST", path, Credential::None, Some(&body)).await?;
        let token = text(status, &answer, "access_token")?;
        Ok(Account { address: self.address, token })
    }

    /// Puts money into a wallet.
    pub(crate) async fn fund(&self, wallet: &Wallet) -> Result<(), Failure> {
        let body = json!({"id": wallet.id, "amount": FUNDS_SAT});
        let path = "/users/api/v1/balance";
        match self.call_as_super("PUT", path, Some(&body)).await? {
            (200, _) => Ok(()),
            (status, answer) => Err(format!("funding a wallet: {status} {answer}").into()),
        }
    }

    /// An invoice of the simulated outside world; `None` if the server has no such world.
    pub(crate) async fn outside_invoice(&self, memo: &str) -> Result<Option<String>, Failure> {
        let body = json!({"amount_msat": 10_000, "memo": memo});
        let path = "/admin/api/v1/simulation/invoice";
        match self.call_as_super("POST", path, Some(&body)).await? {
            (404 | 405, _) => Ok(None),
            (status, answer) => text(status, &answer, "bolt11").map(Some),
        }
    }

    async fn call_as_super(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value), Failure> {
        call(self.address, method, path, Credential::Bearer(&self.super_token), body).await
    }
}

impl Account {
    /// New wallets of this account.
    pub(crate) async fn wallets(&self, count: usize) -> Result<Vec<Wallet>, Failure> {
        let mut wallets = Vec::new();
        for _ in 0..count {
            let token = Credential::Bearer(&self.token);
            let body = json!({"name": "load"});
            let (status, answer) = call(self.address, "POST", "/api/v1/wallet", token, Some(&body)).await?;
            wallets.push(Wallet {
                id: text(status, &answer, "id")?,
                admin_key: text(status, &answer, "adminkey")?,
                invoice_key: text(status, &answer, "inkey")?,
            });
        }
        Ok(wallets)
    }
}

impl Account {
    /// A token for each of these wallets, all of one access list; `None` if the server has none such.
    pub(crate) async fn acl_tokens(&self, wallets: &[Wallet]) -> Result<Option<Vec<String>>, Failure> {
        let path = "/api/v1/auth/acls";
        let body = json!({"name": "load", "allowed_endpoints": ["GET /api/v1/wallet", "GET /api/v1/payments"]});
        let session = Credential::Bearer(&self.token);
        let (status, answer) = call(self.address, "POST", path, session, Some(&body)).await?;
        if matches!(status, 404 | 405) {
            return Ok(None);
        }
        let path = format!("{path}/{}/tokens", text(status, &answer, "id")?);
        let mut tokens = Vec::new();
        for wallet in wallets {
            let body = json!({"name": "load", "wallets": [wallet.id]});
            let (status, answer) = call(self.address, "POST", &path, session, Some(&body)).await?;
            tokens.push(text(status, &answer, "token")?);
        }
        Ok(Some(tokens))
    }
}

async fn call(
    address: SocketAddr,
    method: &str,
    path: &str,
    credential: Credential<'_>,
    body: Option<&Value>,
) -> Result<(u16, Value), Failure> {
    let bytes = request(address, method, path, credential, body);
    let mut connection = Connection::new(address);
    let answer = connection.send(&bytes).await;
    let (status, body) = answer.map_err(|error| format!("{method} {path}: {error}"))?;
    // An answer without JSON is judged by its status alone.
    Ok((status, serde_json::from_slice(body).unwrap_or_default()))
}

fn text(status: u16, answer: &Value, field: &str) -> Result<String, Failure> {
    let found = answer.get(field).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| format!("no {field} in: {status} {answer}").into())
}
