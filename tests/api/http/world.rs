//! Everybody who may knock at the door, each with a wallet, payments and a name of his own.

use std::time::Duration;

use satchel::{
    accounts::{
        acl,
        policy::{Catalogue, Family, Right, RouteSet},
    },
    domain::{Time, credential::Scope},
    http::{catalogue, table},
};
use serde_json::{Value, json};

use super::{
    shared::{Friends, Shared},
    text,
};
use crate::harness::{Answer, Caller, PASSWORD, Server, Wallet};

/// The kinds of callers, in the order of the page.
pub(super) const KINDS: [Kind; 18] = [
    Kind::Anonymous,
    Kind::InvoiceKey,
    Kind::AdminKey,
    Kind::AnonymousSession,
    Kind::TokenAll,
    Kind::TokenRead,
    Kind::KeyFull,
    Kind::KeyRead,
    Kind::KeyStats,
    Kind::KeyReceive,
    Kind::Session,
    Kind::Administrator,
    Kind::SuperUser,
    Kind::ExpiredKey,
    Kind::RevokedKey,
    Kind::DeletedKey,
    Kind::UnknownKey,
    Kind::GarbageToken,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Anonymous,
    InvoiceKey,
    AdminKey,
    AnonymousSession,
    /// A token of a list that names everything that a list can.
    TokenAll,
    /// A token of a list that names every GET.
    TokenRead,
    KeyFull,
    KeyRead,
    KeyStats,
    KeyReceive,
    Session,
    /// The login of an account with the admin flag.
    Administrator,
    SuperUser,
    ExpiredKey,
    RevokedKey,
    DeletedKey,
    UnknownKey,
    GarbageToken,
}

impl Kind {
    /// Its place on the page.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Anonymous => "none",
            Self::InvoiceKey => "invoice",
            Self::AdminKey => "admin",
            Self::AnonymousSession => "anonym",
            Self::TokenAll => "acl",
            Self::TokenRead => "acl-get",
            Self::KeyFull => "full",
            Self::KeyRead => "read",
            Self::KeyStats => "stats",
            Self::KeyReceive => "receive",
            Self::Session => "session",
            Self::Administrator => "adminis",
            Self::SuperUser => "super",
            Self::ExpiredKey => "expired",
            Self::RevokedKey => "revoked",
            Self::DeletedKey => "deleted",
            Self::UnknownKey => "unknown",
            Self::GarbageToken => "garbage",
        }
    }

    /// What it may do, besides what anybody may.
    pub(super) fn routes(self, catalogue: &Catalogue) -> RouteSet {
        let scoped = |scope| catalogue.allowed(Family::ApiKey).and(&catalogue.within(scope));
        match self {
            Self::InvoiceKey => catalogue.allowed(Family::InvoiceKey),
            Self::AdminKey => catalogue.allowed(Family::AdminKey),
            Self::AnonymousSession => catalogue.allowed(Family::AnonymousKey),
            Self::TokenAll => catalogue.allowed(Family::AclToken),
            Self::TokenRead => {
                let reads = acl::compile(catalogue, &entries(Some("GET"))).unwrap();
                reads.or(&catalogue.asking(Right::Introspect))
            }
            Self::KeyFull => scoped(Scope::Full),
            Self::KeyRead => scoped(Scope::Read),
            Self::KeyStats => scoped(Scope::Stats),
            Self::KeyReceive => scoped(Scope::Receive),
            Self::Session => catalogue.allowed(Family::Session),
            Self::Administrator => catalogue.allowed(Family::AdminSession),
            Self::SuperUser => catalogue.allowed(Family::SuperUserSession),
            Self::Anonymous
            | Self::ExpiredKey
            | Self::RevokedKey
            | Self::DeletedKey
            | Self::UnknownKey
            | Self::GarbageToken => RouteSet::default(),
        }
    }
}

/// Everything that an access list can name, or all of it with this method.
fn entries(method: Option<&str>) -> Vec<String> {
    let catalogue = catalogue(&table());
    let grantable = catalogue.operations().iter().filter(|op| Family::AclToken.rights().contains(&op.right));
    let grantable = grantable.filter(|op| method.is_none_or(|method| op.method == method));
    grantable.map(acl::name).collect()
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
    /// An access list of his, made by himself if he can; a token of it, and an API key.
    pub(super) acl: String,
    pub(super) token: String,
    pub(super) key: String,
    /// Somebody else's account and its wallet.
    pub(super) other: (String, String),
    /// Who shares which wallets with him and uses his.
    pub(super) shared: Shared,
}

/// A server with a super user and somebody who pays and is paid.
pub(super) struct World {
    pub(super) server: Server,
    partner: Wallet,
    friends: Friends,
    count: usize,
}

impl World {
    pub(super) async fn new() -> Self {
        let server = Server::start().await;
        server.super_user().await;
        // who guesses at his password keeps nobody else waiting
        server.user("guest").await;
        let partner = server.wallet(100_000).await;
        // an alarm to look at, under the number that samples mention
        partner.pay(&server.outside_invoice(1_000_000, "sim:overcharge")).await.ok();
        let friends = Friends::new(&server).await;
        Self { server, partner, friends, count: 0 }
    }

    /// Somebody of this kind who was never here before.
    pub(super) async fn subject(&mut self, kind: Kind) -> Subject {
        self.count += 1;
        let name = format!("user{}", self.count);
        let account = match kind {
            Kind::SuperUser => Some((self.server.super_user().await, "root".to_owned())),
            Kind::Administrator => {
                let session = self.server.user(&name).await;
                let id = text(&session.get("/api/v1/auth").await.ok(), "id");
                let flag = format!("/users/api/v1/user/{id}/admin");
                self.server.super_user().await.put(&flag, json!({})).await.ok();
                Some((session, name))
            }
            Kind::Session
            | Kind::TokenAll
            | Kind::TokenRead
            | Kind::KeyFull
            | Kind::KeyRead
            | Kind::KeyStats
            | Kind::KeyReceive
            | Kind::ExpiredKey
            | Kind::RevokedKey => Some((self.server.user(&name).await, name)),
            _ => None,
        };
        let mut kept = ["0".repeat(32), "0".repeat(8), "0".repeat(8)];
        let mut username = "nobody".to_owned();
        let mut login = None;
        let (caller, wallet) = match account {
            Some((session, name)) => {
                username = name;
                let wallet = session.post("/api/v1/wallet", json!({ "name": "mine" })).await.ok();
                let caller = self.bearer_of(&session, kind).await;
                kept = handed_out(&session, &caller).await;
                login = Some(session);
                (caller, wallet)
            }
            None if kind == Kind::AnonymousSession => {
                let opened = self.server.anybody().post("/api/v1/session", json!({})).await.ok();
                (self.server.bearer(&text(&opened["account"], "session_key")), opened["wallet"].clone())
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
                (caller, wallet)
            }
        };
        let user = text(&wallet, "user");
        let [acl, token, api_key] = kept;
        let key = self.server.key(&text(&wallet, "adminkey"));
        let order = |sat: i64| json!({ "out": false, "amount": sat, "memo": "sample" });
        let received = key.post("/api/v1/payments", order(50)).await.ok();
        assert_eq!(self.partner.pay(&text(&received, "bolt11")).await.status, 201);
        let open = key.post("/api/v1/payments", order(1)).await.ok();
        let to_pay = self.partner.new_invoice(1).await;
        let shared =
            self.friends.share(&key, &text(&wallet, "id"), login.as_ref().map(|login| (login, &*username))).await;
        if kind == Kind::DeletedKey {
            key.delete("/api/v1/wallet").await.ok();
        }
        let other = self.server.anybody().post("/api/v1/account", json!({ "name": "other" })).await.ok();
        Subject {
            other: (text(&other, "user"), text(&other, "id")),
            caller,
            wallet: text(&wallet, "id"),
            admin_key: text(&wallet, "adminkey"),
            user,
            username,
            free_name: format!("free{}", self.count),
            received: text(&received, "payment_hash"),
            open: text(&open, "bolt11"),
            to_pay: text(&to_pay, "bolt11"),
            acl,
            token,
            key: api_key,
            shared,
        }
    }

    /// What a session hands out to somebody of this kind; itself, if the kind is its own.
    async fn bearer_of(&self, session: &Caller, kind: Kind) -> Caller {
        let (scope, expires_at) = match kind {
            Kind::TokenAll | Kind::TokenRead => {
                let entries = entries((kind == Kind::TokenRead).then_some("GET"));
                let list = json!({ "name": "everything", "allowed_endpoints": entries });
                let list = session.post("/api/v1/auth/acls", list).await.ok();
                let path = format!("/api/v1/auth/acls/{}/tokens", text(&list, "id"));
                let minted = session.post(&path, json!({ "name": "token" })).await.ok();
                return self.server.bearer(&text(&minted, "token"));
            }
            Kind::KeyFull | Kind::RevokedKey => ("full", None),
            Kind::ExpiredKey => ("full", Some(self.server.clock.now())),
            Kind::KeyRead => ("read", None),
            Kind::KeyStats => ("stats", None),
            Kind::KeyReceive => ("receive", None),
            _ => return session.clone(),
        };
        let expires_at = expires_at.map(|now| Time(now.0 + 1_000_000).to_string());
        let wanted = json!({ "name": "key", "scope": scope, "expires_at": expires_at });
        let minted = session.post("/api/v1/api-keys", wanted).await.ok();
        match kind {
            Kind::RevokedKey => {
                session.delete(&format!("/api/v1/api-keys/{}", text(&minted, "id"))).await.ok();
            }
            Kind::ExpiredKey => tokio::time::sleep(Duration::from_millis(1100)).await,
            _ => {}
        }
        self.server.bearer(&text(&minted, "key"))
    }
}

/// A list, a token of it, and a key: made by himself if he can, by his login if he cannot.
async fn handed_out(session: &Caller, caller: &Caller) -> [String; 3] {
    let mut made = Vec::new();
    let list = json!({ "name": "his", "allowed_endpoints": ["GET /api/v1/wallet"] });
    for (path, body) in [
        ("/api/v1/auth/acls", list),
        ("/api/v1/auth/acls/{}/tokens", json!({ "name": "his" })),
        ("/api/v1/api-keys", json!({ "name": "his", "scope": "receive" })),
    ] {
        let path = path.replace("{}", made.first().map_or("", String::as_str));
        let mut answer = caller.post(&path, body.clone()).await;
        if answer.status != 201 {
            answer = session.post(&path, body).await;
        }
        made.push(text(&answer.ok(), "id"));
    }
    made.try_into().unwrap()
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
