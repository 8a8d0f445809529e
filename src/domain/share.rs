//! Wallets that are used by others than their owners: who may what, and within which limits.

use diesel::prelude::{Insertable, Queryable, Selectable};
use sha2::{Digest, Sha256};

use super::{
    Account, AccountId, CredentialId, Time, Wallet, WalletId, column::text_enum, credential::Restrictions, ids::to_hex,
};

text_enum! {
    /// Where a share stands. One that was declined is disabled and was never accepted.
    ShareStatus {
        /// The member has not answered yet.
        Invited = "invited",
        /// It can be used.
        Active = "active",
        /// It cannot be used now.
        Disabled = "disabled",
    }
}

text_enum! {
    /// What a share is for, in one word.
    ShareRole {
        /// Reading.
        View = "view",
        /// Reading, receiving and paying within the limits.
        Operate = "operate",
        /// The same, and naming the wallet. Its keys, its end and its other members stay the owner's.
        Admin = "admin",
        /// Rights that were picked one by one.
        Custom = "custom",
    }
}

impl ShareRole {
    /// The rights that come with the role; `None` where they are picked one by one.
    pub const fn rights(self) -> Option<ShareRights> {
        match self {
            Self::View => Some(ShareRights { view: true, receive: false, send: false, manage: false }),
            Self::Operate => Some(ShareRights { view: true, receive: true, send: true, manage: false }),
            Self::Admin => Some(ShareRights { view: true, receive: true, send: true, manage: true }),
            Self::Custom => None,
        }
    }

    /// The role of this name that comes with rights of its own.
    pub fn preset(word: &str) -> Option<Self> {
        word.parse().ok().filter(|role: &Self| role.rights().is_some())
    }
}

/// What a member may do with a shared wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a right of its own")]
pub struct ShareRights {
    /// Read its payments.
    pub view: bool,
    /// Make invoices.
    pub receive: bool,
    /// Pay.
    pub send: bool,
    /// Change how it is named and shown.
    pub manage: bool,
}

/// The names of the rights that LNbits clients know.
const VIEW: &str = "view-payments";
const RECEIVE: &str = "receive-payments";
const SEND: &str = "send-payments";

impl ShareRights {
    /// Only reading.
    pub const VIEW: Self = Self { view: true, receive: false, send: false, manage: false };

    /// Is there anything that it allows?
    pub const fn any(self) -> bool {
        self.view || self.receive || self.send || self.manage
    }

    /// By name.
    pub fn names(self) -> Vec<&'static str> {
        let named = [(self.view, "view"), (self.receive, "receive"), (self.send, "send"), (self.manage, "manage")];
        named.into_iter().filter(|(held, _)| *held).map(|(_, name)| name).collect()
    }

    /// As LNbits clients name them; they have no name for changing the wallet.
    pub fn permissions(self) -> Vec<&'static str> {
        let named = [(self.view, VIEW), (self.receive, RECEIVE), (self.send, SEND)];
        named.into_iter().filter(|(held, _)| *held).map(|(_, name)| name).collect()
    }

    /// Reads those names.
    ///
    /// # Errors
    /// The first name that is not one.
    pub fn of_permissions(names: &[String]) -> Result<Self, String> {
        let mut rights = Self::default();
        for name in names {
            match name.as_str() {
                VIEW => rights.view = true,
                RECEIVE => rights.receive = true,
                SEND => rights.send = true,
                other => return Err(other.to_owned()),
            }
        }
        Ok(rights)
    }
}

/// A wallet that its owner lets somebody else use, as the store remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = crate::store::schema::shares)]
#[expect(clippy::struct_excessive_bools, reason = "each is a right of its own")]
pub struct Share {
    /// Names it.
    pub id: CredentialId,
    /// The wallet that is shared.
    pub wallet_id: WalletId,
    /// The member: whom it is shared with.
    pub account_id: AccountId,
    /// User name or e-mail by which the owner invited him; no more than that is the owner's to know.
    pub invitee: String,
    /// May he read its payments?
    pub may_view: bool,
    /// May he make invoices?
    pub may_receive: bool,
    /// May he pay?
    pub may_send: bool,
    /// May he name it?
    pub may_manage: bool,
    /// The same in a word.
    pub role: ShareRole,
    /// JSON of [`Restrictions`].
    pub limits: String,
    /// Under which name his spending is counted. Shares of one owner with one member count as one.
    pub budget_id: CredentialId,
    /// Where it stands.
    pub status: ShareStatus,
    /// The member's own wallet that stands for the shared one, with keys of its own.
    pub mirror_wallet_id: Option<WalletId>,
    /// Who invited him.
    pub invited_by: AccountId,
    /// When he accepted. He is asked once, even if the share is disabled in between.
    pub accepted_at: Option<Time>,
    /// When he was invited.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}

impl Share {
    /// What the member may do.
    pub const fn rights(&self) -> ShareRights {
        ShareRights { view: self.may_view, receive: self.may_receive, send: self.may_send, manage: self.may_manage }
    }

    /// Its limits. A row that cannot be read allows nothing to be spent.
    pub fn restrictions(&self) -> Restrictions {
        let nothing = || Restrictions { max_amount_msat: Some(0), max_fee_msat: Some(0), ..Restrictions::default() };
        serde_json::from_str(&self.limits).unwrap_or_else(|_| nothing())
    }

    /// The name of the invitation, as LNbits clients know it.
    pub fn request_id(&self) -> String {
        request_id(&self.account_id, &self.wallet_id)
    }
}

/// Hex of the SHA-256 of the member's and the wallet's id, one after the other.
pub fn request_id(member: &AccountId, wallet: &WalletId) -> String {
    to_hex(&Sha256::digest(format!("{member}{wallet}")))
}

/// The name under which an owner knows a member: the same for all wallets and for ever. It is not the member's
/// account id, because that opens the account where logins by user id are allowed.
pub fn operator_id(owner: &AccountId, member: &AccountId) -> String {
    let digest = Sha256::digest(format!("operator/{owner}/{member}"));
    to_hex(digest.get(..16).unwrap_or_default())
}

/// A share with both of its ends.
#[derive(Debug, Clone)]
pub struct OpenShare {
    /// The share.
    pub share: Share,
    /// The wallet that is shared.
    pub wallet: Wallet,
    /// Its owner.
    pub owner: Account,
}

impl OpenShare {
    /// Can it be used now? Not after the end of the wallet, nor while its owner is disabled.
    pub fn is_open(&self) -> bool {
        let living = !self.wallet.deleted && self.wallet.source_wallet_id.is_none() && self.owner.activated;
        self.share.status == ShareStatus::Active && living
    }
}

#[cfg(test)]
mod tests {
    use super::{ShareRights, ShareRole, operator_id, request_id};
    use crate::domain::{AccountId, WalletId};

    #[test]
    fn permissions_read_back() {
        let names = ["send-payments", "view-payments"].map(str::to_owned);
        let rights = ShareRights::of_permissions(&names).unwrap();
        assert_eq!(rights.permissions(), ["view-payments", "send-payments"]);
        assert_eq!(ShareRights::of_permissions(&["steal".to_owned()]), Err("steal".to_owned()));
        assert!(!ShareRights::default().any() && ShareRole::View.rights() == Some(ShareRights::VIEW));
    }

    #[test]
    fn names_follow_from_their_ends() {
        let (owner, member, wallet) = (AccountId::from([1; 16]), AccountId::from([2; 16]), WalletId::from([3; 16]));
        let digest = request_id(&member, &wallet);
        assert_eq!((digest.len(), digest.clone()), (64, request_id(&member, &wallet)));
        assert_ne!(operator_id(&owner, &member), operator_id(&member, &owner));
        assert_eq!(operator_id(&owner, &member).len(), 32);
    }
}
