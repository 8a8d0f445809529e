//! What a credential allows.
//!
//! Every credential, of whatever family, resolves to one [`Principal`] with one [`Policy`]; a route
//! asks whether its own bit is set there, and no handler asks which kind of credential it was.

use std::sync::Arc;

use super::WalletCard;
use crate::domain::{AccountId, SessionId, Time};

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Right {
    /// Nothing.
    Public,
    /// Reading a wallet and its payments.
    WalletRead,
    /// Making invoices.
    WalletReceive,
    /// Paying, and changing what is remembered of payments.
    WalletSend,
    /// Renaming, changing and deleting the wallet.
    WalletManage,
    /// The account: its profile and all its wallets.
    Account,
    /// What lets somebody else into the account: passwords and new credentials.
    AccountSecrets,
    /// The whole server.
    SuperUser,
}

impl Right {
    /// Every right, weakest first.
    pub const ALL: [Self; 8] = [
        Self::Public,
        Self::WalletRead,
        Self::WalletReceive,
        Self::WalletSend,
        Self::WalletManage,
        Self::Account,
        Self::AccountSecrets,
        Self::SuperUser,
    ];

    /// Its name, as the documentation shows it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "Public",
            Self::WalletRead => "WalletRead",
            Self::WalletReceive => "WalletReceive",
            Self::WalletSend => "WalletSend",
            Self::WalletManage => "WalletManage",
            Self::Account => "Account",
            Self::AccountSecrets => "AccountSecrets",
            Self::SuperUser => "SuperUser",
        }
    }
}

/// The families of credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// A wallet's admin key.
    AdminKey,
    /// A wallet's invoice key.
    InvoiceKey,
    /// A login's session token.
    Session,
    /// The super user's session token.
    SuperUserSession,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 4] = [Self::InvoiceKey, Self::AdminKey, Self::Session, Self::SuperUserSession];

    /// **The** table: which credential carries which right.
    pub const fn rights(self) -> &'static [Right] {
        use Right::{Account, AccountSecrets, Public, WalletManage, WalletRead, WalletReceive, WalletSend};
        match self {
            Self::InvoiceKey => &[Public, WalletRead, WalletReceive],
            Self::AdminKey => &[Public, WalletRead, WalletReceive, WalletSend, WalletManage],
            Self::Session => &[Public, WalletRead, WalletReceive, WalletSend, WalletManage, Account, AccountSecrets],
            Self::SuperUserSession => &Right::ALL,
        }
    }
}

/// One operation that the server offers: a method on a path, or one of the things that it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path's template, such as `/api/v1/payments/{payment_hash}`.
    pub path: &'static str,
    /// Which of several things the route does, such as `receive` and `send`; empty where it does one.
    pub fork: &'static str,
    /// What it asks for.
    pub right: Right,
}

/// All operations, in the order of the route table: an operation's place is its number.
#[derive(Debug, Default)]
pub struct Catalogue {
    operations: Vec<Operation>,
    by_family: Vec<(Family, RouteSet)>,
}

impl Catalogue {
    /// Numbers the operations. There may be at most [`RouteSet::CAPACITY`].
    pub fn new(operations: Vec<Operation>) -> Self {
        let by_family = Family::ALL.map(|family| {
            let allowed = |operation: &Operation| family.rights().contains(&operation.right);
            (family, operations.iter().enumerate().filter(|(_, op)| allowed(op)).map(|(number, _)| number).collect())
        });
        Self { operations, by_family: by_family.to_vec() }
    }

    /// The operations in order.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Everything that a family of credentials may do.
    pub fn allowed(&self, family: Family) -> RouteSet {
        self.by_family.iter().find(|(known, _)| *known == family).map_or_else(RouteSet::default, |(_, set)| *set)
    }
}

/// A set of operations by their numbers: asking costs the same for two as for two hundred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RouteSet([u64; 8]);

impl RouteSet {
    /// The most operations a server can have.
    pub const CAPACITY: usize = 512;

    /// Adds an operation. Numbers beyond the capacity are not added, and so never allowed.
    pub fn insert(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    /// Is the operation in it?
    pub fn contains(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    /// What is in both.
    pub fn and(&self, other: &Self) -> Self {
        let mut both = *self;
        for (mine, theirs) in both.0.iter_mut().zip(other.0) {
            *mine &= theirs;
        }
        both
    }
}

impl FromIterator<usize> for RouteSet {
    fn from_iter<I: IntoIterator<Item = usize>>(numbers: I) -> Self {
        let mut set = Self::default();
        numbers.into_iter().for_each(|number| set.insert(number));
        set
    }
}

/// What a credential allows, compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Which operations.
    pub routes: RouteSet,
    /// Until when; `None` for ever.
    pub expires_at: Option<Time>,
}

/// Somebody who proved who he is.
#[derive(Debug, Clone)]
pub struct Principal {
    /// Whose account.
    pub account: AccountId,
    /// The one wallet that the credential is for; `None` when it reaches all of the account's.
    pub wallet: Option<Arc<WalletCard>>,
    /// What it allows.
    pub policy: Policy,
    /// The login it belongs to, for credentials that are one.
    pub session: Option<SessionId>,
    /// When that login happened.
    pub login_at: Option<Time>,
    /// May it see secret keys? An invoice key must not learn the admin key.
    pub sees_admin_key: bool,
}

#[cfg(test)]
mod tests {
    use super::{Catalogue, Family, Operation, Right, RouteSet};

    #[test]
    fn a_route_set_holds_what_was_put_in() {
        let set: RouteSet = [0, 63, 64, 511, 512, 9999].into_iter().collect();
        for number in [0, 63, 64, 511] {
            assert!(set.contains(number));
        }
        for number in [1, 65, 510, 512, 9999] {
            assert!(!set.contains(number));
        }
        assert_eq!(set.and(&[64, 65].into_iter().collect()), [64].into_iter().collect());
    }

    #[test]
    fn families_get_what_their_rights_allow() {
        let operation = |right| Operation { method: "GET".into(), path: "/", fork: "", right };
        let catalogue = Catalogue::new(Right::ALL.map(operation).to_vec());
        let may = |family| (0..8).filter(|n| catalogue.allowed(family).contains(*n)).collect::<Vec<_>>();
        assert_eq!(may(Family::InvoiceKey), [0, 1, 2]);
        assert_eq!(may(Family::AdminKey), [0, 1, 2, 3, 4]);
        assert_eq!(may(Family::Session), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(may(Family::SuperUserSession), [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}
