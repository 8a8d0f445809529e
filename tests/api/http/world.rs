//! Everybody who may knock at the door, each with a wallet, payments and a name of his own.

use serde_json::{Value, json};

use super::text;
use crate::harness::{Answer, Caller, PASSWORD, Server, Wallet};

/// The kinds of callers, in the order of the page.
pub(super) const KINDS: [Kind; 8] = [
    Kind::Anonymous,
    Kind::InvoiceKey,
    Kind::AdminKey,
    Kind::Session,
    Kind::SuperUser,
    Kind::DeletedKey,
    Kind::UnknownKey,
    Kind::GarbageToken,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Anonymous,
    InvoiceKey,
    AdminKey,
    Session,
    SuperUser,
    DeletedKey,
    UnknownKey,
    GarbageToken,
}

/// A caller and the things of his that samples mention.
pub(super) struct Subject {
    pub(super) caller: Caller,
    pub(super) wallet: String,
    pub(super) admin_key: String,
    pub(super) user: String,
    pub(super) username: String,
    /// A name that nobody has yet.
    pub(super) free_name: String,
    /// A receipt of his wallet.
    pub(super) received: String,
    /// An invoice of his wallet that nobody paid yet.
    pub(super) open: String,
    /// An invoice of somebody else on this server.
    pub(super) to_pay: String,
}

/// A server with a super user and somebody who pays and is paid.
pub(super) struct World {
    pub(super) server: Server,
    partner: Wallet,
    count: usize,
}

impl World {
    pub(super) async fn new() -> Self {
        let server = Server::start().await;
        server.super_user().await;
        let partner = server.wallet(100_000).await;
        // an alarm to look at, under the number that samples mention
        partner.pay(&server.outside_invoice(1_000_000, "sim:overcharge")).await.ok();
        Self { server, partner, count: 0 }
    }

    /// Somebody of this kind who was never here before.
    pub(super) async fn subject(&mut self, kind: Kind) -> Subject {
        self.count += 1;
        let name = format!("user{}", self.count);
        let (account, token) = match kind {
            Kind::Session => (Some(self.server.user(&name).await), name),
            Kind::SuperUser => (Some(self.server.super_user().await), "root".to_owned()),
            _ => (None, "nobody".to_owned()),
        };
        let (caller, wallet, user) = match account {
            Some(session) => {
                let wallet = session.post("/api/v1/wallet", json!({ "name": "mine" })).await.ok();
                let user = text(&wallet, "user");
                (session, wallet, user)
            }
            None => {
                let wallet = self.server.anybody().post("/api/v1/account", json!({ "name": "mine" })).await.ok();
                let caller = match kind {
                    Kind::InvoiceKey => self.server.key(&text(&wallet, "inkey")),
                    Kind::AdminKey | Kind::DeletedKey => self.server.key(&text(&wallet, "adminkey")),
                    Kind::UnknownKey => self.server.key("0123456789abcdef0123456789abcdef"),
                    Kind::GarbageToken => self.server.bearer("garbage"),
                    _ => self.server.anybody(),
                };
                let user = text(&wallet, "user");
                (caller, wallet, user)
            }
        };
        let key = self.server.key(&text(&wallet, "adminkey"));
        let order = |sat: i64| json!({ "out": false, "amount": sat, "memo": "sample" });
        let received = key.post("/api/v1/payments", order(50)).await.ok();
        assert_eq!(self.partner.pay(&text(&received, "bolt11")).await.status, 201);
        let open = key.post("/api/v1/payments", order(1)).await.ok();
        let to_pay = self.partner.new_invoice(1).await;
        if kind == Kind::DeletedKey {
            key.delete("/api/v1/wallet").await.ok();
        }
        Subject {
            caller,
            wallet: text(&wallet, "id"),
            admin_key: text(&wallet, "adminkey"),
            user,
            username: token,
            free_name: format!("free{}", self.count),
            received: text(&received, "payment_hash"),
            open: text(&open, "bolt11"),
            to_pay: text(&to_pay, "bolt11"),
        }
    }
}

impl Subject {
    /// Sends a request that names his wallet, as sessions with several wallets must.
    pub(super) async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let body = body.map(|body| body.to_string().into_bytes());
        self.raw(method, path, body).await
    }

    /// The same, with any bytes.
    pub(super) async fn raw(&self, method: &str, path: &str, body: Option<Vec<u8>>) -> Answer {
        self.caller.raw(method.parse().unwrap(), path, body, &[("X-Wallet-Id", &self.wallet)]).await
    }

    /// What everybody's password is.
    pub(super) fn password(&self) -> &'static str {
        PASSWORD
    }
}
