//! Credentials as a test needs them, written past the API that mints them.

use satchel::domain::{
    AccountId, CredentialId, WalletId,
    credential::{Credential, CredentialKind, HandedOut, Period, Restrictions, Scope},
};
use serde_json::{Value, json};

use crate::harness::{Answer, Caller, Server, Wallet};

/// Somebody with a funded wallet, who mints API keys.
pub(super) struct Holder {
    pub(super) account: AccountId,
    pub(super) session: Caller,
    pub(super) wallet: WalletId,
}

/// A key that was minted.
#[derive(Clone)]
pub(super) struct Minted {
    pub(super) id: CredentialId,
    pub(super) secret: String,
    pub(super) caller: Caller,
}

impl Holder {
    pub(super) async fn new(server: &Server, name: &str, sat: i64) -> Self {
        let session = server.user(name).await;
        let account = session.get("/api/v1/auth").await.ok()["id"].as_str().unwrap().parse().unwrap();
        let wallet: WalletId = session.get("/api/v1/wallets").await.ok()[0]["id"].as_str().unwrap().parse().unwrap();
        if sat > 0 {
            server.ledger().adjust(wallet.clone(), satchel::domain::Msat(sat * 1000)).await.unwrap();
        }
        Self { account, session, wallet }
    }

    pub(super) async fn mint(&self, server: &Server, limits: Restrictions, by: Option<&Minted>) -> Minted {
        let kind = CredentialKind::ApiKey;
        let secret = HandedOut::new(kind, server.clock.bytes(), server.clock.bytes());
        let credential = Credential {
            id: secret.id.clone(),
            kind,
            account_id: self.account.clone(),
            minted_by: by.map(|parent| parent.id.clone()),
            name: "test".into(),
            secret_hash: secret.hash().to_vec(),
            previous_hash: None,
            previous_until: None,
            scope: Scope::Full,
            acl_id: None,
            wallets: None,
            limits: serde_json::to_string(&limits).unwrap(),
            created_at: server.clock.now(),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
            last_used_ip: None,
        };
        server.store.credential_create(credential).await.unwrap();
        let caller = server.key(secret.reveal());
        Minted { id: secret.id.clone(), secret: secret.reveal().to_owned(), caller }
    }

    pub(super) async fn balance(&self, server: &Server) -> i64 {
        server.store.wallet_balance(self.wallet.clone()).await.unwrap().unwrap().0
    }
}

/// So many sat in each such period.
pub(super) fn budget(sat: i64, period: Period) -> Restrictions {
    Restrictions { budget_msat: Some(sat * 1000), budget_period: Some(period), ..Restrictions::default() }
}

impl Minted {
    pub(super) async fn pay(&self, bolt11: &str) -> Answer {
        self.caller.post("/api/v1/payments", order(bolt11)).await
    }
}

pub(super) fn order(bolt11: &str) -> Value {
    json!({ "out": true, "bolt11": bolt11 })
}

/// The payment request of a new invoice.
pub(super) async fn invoice_of(wallet: &Wallet, sat: i64) -> String {
    wallet.new_invoice(sat).await["bolt11"].as_str().unwrap().to_owned()
}

/// What the answer is about, for programs.
pub(super) fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}
