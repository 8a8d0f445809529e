//! Somebody who uses everybody's wallets and lets everybody use one of his, for samples of sharing.

use serde_json::json;

use super::text;
use crate::harness::{Caller, Server};

/// `friend`, and `stranger`, whom nobody invited yet.
pub(super) struct Friends {
    friend: Caller,
}

/// What is shared between a subject and his friend.
pub(super) struct Shared {
    /// The share of the subject's wallet that the friend has accepted: its name, and his mirror.
    pub(super) request: String,
    pub(super) mirror: String,
    /// The friend as one of the subject's operators.
    pub(super) operator: String,
    /// An invitation that the subject has not answered yet.
    pub(super) invitation: String,
}

impl Friends {
    pub(super) async fn new(server: &Server) -> Self {
        server.user("stranger").await;
        Self { friend: server.user("friend").await }
    }

    /// Shares a wallet with the friend and, if somebody is logged in, a wallet of the friend with him.
    pub(super) async fn share(&self, key: &Caller, wallet: &str, login: Option<(&Caller, &str)>) -> Shared {
        let invite = json!({ "username": "friend", "status": "invite_sent", "permissions": ["view-payments"] });
        let request = text(&key.put("/api/v1/wallet/share/invite", invite).await.ok(), "request_id");
        let accept = json!({ "wallet_type": "lightning-shared", "shared_wallet_id": wallet });
        let mirror = text(&self.friend.post("/api/v1/wallet", accept).await.ok(), "id");
        let nobody = "0".repeat(32);
        let Some((login, name)) = login else {
            return Shared { request, mirror, operator: nobody.clone(), invitation: nobody };
        };
        let operator = text(&login.get("/api/v1/operators").await.ok()[0], "id");
        let theirs = text(&self.friend.post("/api/v1/wallet", json!({ "name": "theirs" })).await.ok(), "id");
        let invite = json!({ "username": name, "role": "view", "wallets": [theirs] });
        self.friend.post("/api/v1/operators/invite", invite).await.ok();
        let invitations = login.get("/api/v1/operators/invitations").await.ok();
        let invitation = invitations.as_array().unwrap().iter().find(|invitation| invitation["wallet_id"] == *theirs);
        Shared { request, mirror, operator, invitation: text(invitation.unwrap(), "id") }
    }
}
