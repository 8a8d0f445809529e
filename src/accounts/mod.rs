//! Accounts: who somebody is, what his credentials allow, and which wallets are his.

pub mod acl;
mod credentials;
mod error;
mod grants;
mod install;
mod login;
mod operators;
mod password;
pub mod policy;
mod profile;
mod shares;
mod tokens;
mod wallets;

use std::sync::Arc;

pub use error::AccountError;
use grants::Grants;
pub use login::{Login, Registration};
pub use operators::{NewOperator, Operator, OperatorChange};
use password::Passwords;
use policy::Catalogue;
pub use profile::{PasswordChange, ProfileChange};
pub use shares::{SharedWallet, Through, WalletView};
use tokens::Tokens;
pub use wallets::{WalletCard, WalletWithKeys};

use crate::{clock::Clock, domain::limits::Limits, store::Store, vault::Vault};

/// Everything about people and their credentials. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    vault: Vault,
    clock: Clock,
    limits: Arc<Limits>,
    tokens: Arc<Tokens>,
    passwords: Passwords,
    grants: Arc<Grants>,
    catalogue: Arc<Catalogue>,
    install_token: Option<Arc<str>>,
}

/// What the accounts are built from.
pub struct Setup {
    /// The database.
    pub store: Store,
    /// Secrets at rest.
    pub vault: Vault,
    /// Time and randomness.
    pub clock: Clock,
    /// The operator's limits.
    pub limits: Arc<Limits>,
    /// The secret that signs session tokens, when the operator brings one from another server.
    pub auth_secret: Option<String>,
    /// What the first install asks for, when the operator set one.
    pub install_token: Option<String>,
    /// Every operation that the server offers.
    pub catalogue: Arc<Catalogue>,
}

impl Accounts {
    /// Puts it together.
    pub fn new(setup: Setup) -> Self {
        let secret = match setup.auth_secret {
            Some(secret) => secret.into_bytes(),
            None => setup.vault.derived("session tokens").to_vec(),
        };
        Self {
            tokens: Arc::new(Tokens::new(&secret)),
            passwords: Passwords::new(setup.clock.clone()),
            grants: Arc::default(),
            install_token: setup.install_token.map(Into::into),
            store: setup.store,
            vault: setup.vault,
            clock: setup.clock,
            limits: setup.limits,
            catalogue: setup.catalogue,
        }
    }

    /// How long a login lasts, in minutes.
    pub fn session_minutes(&self) -> i64 {
        self.limits.session_minutes
    }

    /// Forgets what is remembered of credentials if any server on this database changed one.
    ///
    /// # Errors
    /// When the database is not available; then everything is forgotten.
    pub async fn follow_changes(&self) -> Result<(), AccountError> {
        match self.store.counter("credentials".to_owned()).await {
            Ok(changes) => {
                self.grants.changed_to(changes);
                Ok(())
            }
            Err(error) => {
                self.grants.forget();
                Err(error.into())
            }
        }
    }
}
