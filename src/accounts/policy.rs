//! What a credential allows.
//!
//! Every credential, of whatever family, resolves to one [`Principal`] with one [`Policy`]; a route
//! asks whether its own bit is set there, and no handler asks which kind of credential it was.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;

use super::WalletCard;
use crate::domain::{
    AccountId, CredentialId, Msat, SessionId, Time, WalletId,
    column::word_enum,
    credential::{Budget, Period, Restrictions, Scope, Spender},
    share::ShareRights,
};

word_enum! {
    /// What a route asks of its caller, weakest first.
    #[derive(PartialOrd, Ord)]
    Right {
        /// Nothing.
        Public = "Public",
        /// Asking what one's own credential allows.
        Introspect = "Introspect",
        /// Reading a wallet and its payments.
        WalletRead = "WalletRead",
        /// Making invoices.
        WalletReceive = "WalletReceive",
        /// Paying, and changing what is remembered of payments.
        WalletSend = "WalletSend",
        /// Renaming, changing and deleting the wallet.
        WalletManage = "WalletManage",
        /// Letting other people use the wallet.
        WalletShare = "WalletShare",
        /// The account's wallets: listing, making and restoring them, and what they add up to.
        Wallets = "Wallets",
        /// The account: its profile and its people.
        Account = "Account",
        /// Handing out credentials for the account: keys, access lists, tokens.
        Credentials = "Credentials",
        /// What lets somebody into the account: passwords, logins, second factors.
        AccountSecrets = "AccountSecrets",
        /// Other people's accounts and wallets; never their keys.
        Users = "Users",
        /// The whole server.
        SuperUser = "SuperUser",
    }
}

/// The families of credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// A wallet's invoice key.
    InvoiceKey,
    /// A wallet's admin key.
    AdminKey,
    /// The key of an anonymous session.
    AnonymousKey,
    /// A token of an access list; the list bounds it further.
    AclToken,
    /// A named API key; its scope bounds it further.
    ApiKey,
    /// A login's session token.
    Session,
    /// The session token of an account that administers others.
    AdminSession,
    /// The super user's session token.
    SuperUserSession,
}

impl Family {
    /// Every family, weakest first.
    pub const ALL: [Self; 8] = [
        Self::InvoiceKey,
        Self::AdminKey,
        Self::AnonymousKey,
        Self::AclToken,
        Self::ApiKey,
        Self::Session,
        Self::AdminSession,
        Self::SuperUserSession,
    ];

    /// **The** table: which credential can carry which right.
    pub const fn rights(self) -> &'static [Right] {
        use Right::{
            Account, AccountSecrets, Credentials, Introspect, Public, Users, WalletManage, WalletRead, WalletReceive,
            WalletSend, WalletShare, Wallets,
        };
        match self {
            Self::InvoiceKey => &[Public, WalletRead, WalletReceive],
            Self::AdminKey => &[Public, WalletRead, WalletReceive, WalletSend, WalletManage, WalletShare],
            Self::AnonymousKey => &[Public, Introspect, WalletRead, WalletReceive, WalletSend, WalletManage, Wallets],
            Self::AclToken | Self::ApiKey => &[
                Public,
                Introspect,
                WalletRead,
                WalletReceive,
                WalletSend,
                WalletManage,
                WalletShare,
                Wallets,
                Account,
                Credentials,
            ],
            Self::Session => &[
                Public,
                Introspect,
                WalletRead,
                WalletReceive,
                WalletSend,
                WalletManage,
                WalletShare,
                Wallets,
                Account,
                Credentials,
                AccountSecrets,
            ],
            Self::AdminSession => &[
                Public,
                Introspect,
                WalletRead,
                WalletReceive,
                WalletSend,
                WalletManage,
                WalletShare,
                Wallets,
                Account,
                Credentials,
                AccountSecrets,
                Users,
            ],
            Self::SuperUserSession => Right::ALL,
        }
    }

    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvoiceKey => "invoice key",
            Self::AdminKey => "admin key",
            Self::AnonymousKey => "anonymous session",
            Self::AclToken => "ACL token",
            Self::ApiKey => "API key",
            Self::Session | Self::AdminSession | Self::SuperUserSession => "session",
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

    /// Everything that a scope names; what an access list names is compiled from the list.
    pub fn within(&self, scope: Scope) -> RouteSet {
        let named = |operation: &Operation| match scope {
            Scope::Full => true,
            Scope::Read => operation.method == "GET",
            Scope::Stats => operation.method == "GET" && is_statistic(operation.path),
            Scope::Receive => matches!(operation.right, Right::WalletRead | Right::WalletReceive),
            Scope::Acl => false,
        };
        let named = |operation: &Operation| match operation.right {
            Right::Introspect => true,
            Right::Public => scope != Scope::Stats,
            _ => named(operation),
        };
        self.operations.iter().enumerate().filter(|(_, op)| named(op)).map(|(number, _)| number).collect()
    }

    /// Everything that a share with these rights lets its member do with the wallet. Its end, its keys and its other
    /// members stay the owner's.
    pub fn shared(&self, rights: ShareRights) -> RouteSet {
        let named = |operation: &Operation| match operation.right {
            Right::Public => true,
            // LNbits shows a mirror its name and balance as long as anything is allowed: who pays must know it
            Right::WalletRead => rights.view || rights.any() && is_overview(operation),
            Right::WalletReceive => rights.receive,
            Right::WalletSend => rights.send,
            Right::WalletManage => rights.manage && operation.method != "DELETE",
            _ => false,
        };
        self.operations.iter().enumerate().filter(|(_, op)| named(op)).map(|(number, _)| number).collect()
    }

    /// What asks for this right.
    pub fn asking(&self, right: Right) -> RouteSet {
        let numbered = self.operations.iter().enumerate();
        numbered.filter(|(_, op)| op.right == right).map(|(number, _)| number).collect()
    }

    /// Everything that a family of credentials may do.
    pub fn allowed(&self, family: Family) -> RouteSet {
        self.by_family.iter().find(|(known, _)| *known == family).map_or_else(RouteSet::default, |(_, set)| *set)
    }
}

/// Does the operation answer a wallet's name and balance and nothing else?
fn is_overview(operation: &Operation) -> bool {
    operation.method == "GET" && operation.path == "/api/v1/wallet"
}

/// Does the path answer counts and totals and nothing else?
fn is_statistic(path: &str) -> bool {
    path.starts_with("/api/v1/payments/stats/") || path == "/api/v1/payments/history"
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

    /// Is everything of the other in it, too?
    pub fn covers(&self, other: &Self) -> bool {
        self.and(other) == *other
    }

    /// What is in one of them.
    pub fn or(&self, other: &Self) -> Self {
        let mut either = *self;
        for (mine, theirs) in either.0.iter_mut().zip(other.0) {
            *mine |= theirs;
        }
        either
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Which operations.
    pub routes: RouteSet,
    /// Which wallets of the account; `None` for all.
    pub wallets: Option<Vec<WalletId>>,
    /// The largest payment.
    pub max_amount: Option<Msat>,
    /// The most that routing one payment may cost.
    pub max_fee: Option<Msat>,
    /// The budgets that its spending counts against: its own and those of the credentials that minted it.
    pub budgets: Vec<Budget>,
    /// The networks it may be used from: one of each list. No list, no restriction.
    pub sources: Vec<Vec<IpNet>>,
    /// Until when; `None` for ever.
    pub expires_at: Option<Time>,
}

impl Policy {
    /// Allows these operations without further limits.
    pub fn of(routes: RouteSet) -> Self {
        Self {
            routes,
            wallets: None,
            max_amount: None,
            max_fee: None,
            budgets: Vec::new(),
            sources: Vec::new(),
            expires_at: None,
        }
    }

    /// Within these limits; what it spends of their budget is counted under this name.
    pub fn limited(self, limits: Restrictions, counted_as: CredentialId) -> Self {
        let budget = limits.budget_msat.map(|most| Budget {
            credential: counted_as,
            limit: Msat(most),
            period: limits.budget_period.unwrap_or(Period::Month),
        });
        let bounds = Self {
            max_amount: limits.max_amount_msat.map(Msat),
            max_fee: limits.max_fee_msat.map(Msat),
            budgets: budget.into_iter().collect(),
            sources: if limits.source_ips.is_empty() { Vec::new() } else { vec![limits.source_ips] },
            ..Self::of(self.routes)
        };
        self.within(&bounds)
    }

    /// What both allow: a credential never exceeds the one that minted it.
    pub fn within(self, other: &Self) -> Self {
        let wallets = match (self.wallets, &other.wallets) {
            (Some(mine), Some(theirs)) => Some(mine.into_iter().filter(|wallet| theirs.contains(wallet)).collect()),
            (mine, theirs) => mine.or_else(|| theirs.clone()),
        };
        Self {
            routes: self.routes.and(&other.routes),
            wallets,
            max_amount: least(self.max_amount, other.max_amount),
            max_fee: least(self.max_fee, other.max_fee),
            budgets: [self.budgets, other.budgets.clone()].concat(),
            sources: [self.sources, other.sources.clone()].concat(),
            expires_at: least(self.expires_at, other.expires_at),
        }
    }

    /// What bounds its payments.
    pub fn spender(&self) -> Spender {
        Spender { max_amount: self.max_amount, max_fee: self.max_fee, budgets: self.budgets.clone() }
    }

    /// May it be used on this wallet of its account?
    pub fn reaches(&self, wallet: &WalletId) -> bool {
        self.wallets.as_ref().is_none_or(|wallets| wallets.contains(wallet))
    }

    /// May it be used from this address?
    pub fn admits(&self, from: IpAddr) -> bool {
        let from = from.to_canonical();
        self.sources.iter().all(|networks| networks.iter().any(|network| network.contains(&from)))
    }

    /// Is there anything that it may not do, or not always, although its routes allow it? Such a
    /// credential must not learn a key that has no such bounds.
    pub fn is_bounded(&self) -> bool {
        let Self { routes: _, wallets, max_amount, max_fee, budgets, sources, expires_at } = self;
        let amounts = max_amount.is_some() || max_fee.is_some() || !budgets.is_empty();
        amounts || wallets.is_some() || !sources.is_empty() || expires_at.is_some()
    }
}

fn least<T: Ord + Copy>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Which wallet keys somebody may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// Admin keys.
    pub admin_key: bool,
    /// Invoice keys.
    pub invoice_key: bool,
}

/// Which credential it is: the name under which its use is counted, limited and remembered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Bearing {
    /// A wallet's admin key.
    AdminKey(WalletId),
    /// A wallet's invoice key.
    InvoiceKey(WalletId),
    /// A login.
    Session(SessionId),
    /// The account's id, where the operator lets that do.
    AccountId,
    /// A key or token that was handed out.
    Credential(CredentialId),
}

/// Somebody who proved who he is.
#[derive(Debug, Clone)]
pub struct Principal {
    /// Whose account.
    pub account: AccountId,
    /// The one wallet that the credential is for; `None` when it reaches several of the account's.
    pub wallet: Option<Arc<WalletCard>>,
    /// What it allows.
    pub policy: Policy,
    /// The family of the credential.
    pub family: Family,
    /// Which credential it was.
    pub bearing: Bearing,
    /// Name of the account's tier.
    pub tier: Arc<str>,
    /// Did it come by the secret that its last rotation replaced?
    pub old_secret: bool,
    /// When the login happened, if it is one.
    pub login_at: Option<Time>,
    /// Which keys it may see: never one that can do more than itself.
    pub sight: Sight,
}

impl Principal {
    /// The login that it is, if it is one.
    pub fn session(&self) -> Option<&SessionId> {
        match &self.bearing {
            Bearing::Session(id) => Some(id),
            _ => None,
        }
    }

    /// The handed-out credential that it is, if it is one.
    pub fn credential(&self) -> Option<&CredentialId> {
        match &self.bearing {
            Bearing::Credential(id) => Some(id),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
