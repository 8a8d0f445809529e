//! Accounts: who somebody is, what his credentials allow, and which wallets are his.

pub mod acl;
mod addresses;
mod anonymous;
mod credentials;
mod delegation;
mod error;
mod grants;
mod identities;
mod impersonation;
mod inquiry;
mod install;
mod keys;
mod lists;
mod login;
pub mod nostr;
mod operators;
mod passkeys;
mod password;
pub mod policy;
mod prefixes;
mod profile;
mod rates;
mod resets;
mod sessions;
mod shares;
mod sightings;
mod sso;
mod throttle;
mod tiers;
mod tokens;
mod totp;
mod users;
mod uses;
mod wallets;

use std::sync::{Arc, atomic::AtomicBool};

pub use anonymous::AnonymousSession;
use arc_swap::Guard;
pub use error::{AccountError, Beyond};
use grants::Grants;
pub use inquiry::{BudgetState, Question, Verdict};
pub use keys::{Grant, HandedOutCredential, Minted, Wanted};
pub use login::{Factor, Login, Registration, Visitor};
pub use operators::{NewOperator, Operator, OperatorChange};
use passkeys::RelyingParty;
use password::Passwords;
use policy::Catalogue;
pub use prefixes::{Prefix, PrefixRights};
pub use profile::{PasswordChange, ProfileChange};
pub use rates::Counted;
use rates::Rates;
pub use resets::Reset;
pub use sessions::SigningKey;
pub use shares::{SharedWallet, Through, WalletView};
use sightings::Sightings;
use sso::Providers;
pub use sso::{STATE_SECONDS, SsoDone, SsoExchange, SsoReturn, SsoStart};
use throttle::Throttle;
pub use tiers::{Lack, TierOffer};
use tokens::Tokens;
use totp::WrongCodes;
pub use totp::{Enrolment, TotpStatus};
pub use users::{UserDraft, UserTotals};
use uses::Uses;
pub use wallets::{WalletCard, WalletWithKeys};

use crate::{clock::Clock, config::Logins, domain::limits::Limits, settings::Settings, store::Store, vault::Vault};

/// Everything about people and their credentials. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    vault: Vault,
    clock: Clock,
    settings: Settings,
    sso: Arc<Providers>,
    throttle: Arc<Throttle>,
    tokens: Arc<Tokens>,
    passwords: Passwords,
    grants: Arc<Grants>,
    uses: Arc<Uses>,
    sightings: Arc<Sightings>,
    rates: Arc<Rates>,
    catalogue: Arc<Catalogue>,
    install_token: Option<Arc<str>>,
    installed: Arc<AtomicBool>,
    wrong_codes: Arc<WrongCodes>,
    relying_party: Option<Arc<RelyingParty>>,
}

/// What the accounts are built from.
pub struct Setup {
    /// The database.
    pub store: Store,
    /// Secrets at rest.
    pub vault: Vault,
    /// Time and randomness.
    pub clock: Clock,
    /// The operator's limits, and how people may log in.
    pub settings: Settings,
    /// The secret that signs session tokens, when the operator brings one from another server.
    pub auth_secret: Option<String>,
    /// What the first install asks for, when the operator set one.
    pub install_token: Option<String>,
    /// Every operation that the server offers.
    pub catalogue: Arc<Catalogue>,
    /// The address under which people reach the server.
    pub public_url: String,
}

impl Accounts {
    /// Puts it together.
    pub fn new(setup: Setup) -> Self {
        let tokens = Tokens::new(setup.vault.clone(), setup.auth_secret);
        Self {
            tokens: Arc::new(tokens),
            passwords: Passwords::new(setup.clock.clone()),
            grants: Arc::default(),
            uses: Arc::default(),
            sightings: Arc::default(),
            rates: Arc::new(Rates::new(setup.clock.clone())),
            install_token: setup.install_token.map(Into::into),
            store: setup.store,
            vault: setup.vault,
            clock: setup.clock,
            sso: Arc::new(Providers::new(&setup.settings.logins())),
            settings: setup.settings,
            throttle: Arc::default(),
            catalogue: setup.catalogue,
            installed: Arc::default(),
            wrong_codes: Arc::default(),
            relying_party: RelyingParty::at(&setup.public_url).map(Arc::new),
        }
    }

    /// Moves whenever a credential may have ended or changed, here or on another server: what was resolved
    /// before has to be resolved again.
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.grants.watch()
    }

    /// The operator's limits, as they are now.
    fn limits(&self) -> Guard<Arc<Limits>> {
        self.settings.limits()
    }

    /// How people may log in, as it is now.
    fn logins(&self) -> Arc<Logins> {
        self.settings.logins()
    }

    /// May this account do anything here? The super user may in any case.
    pub fn may_act(&self, account: &crate::domain::AccountId) -> bool {
        self.limits().allows(account)
    }

    /// How long a login lasts, in minutes.
    pub fn session_minutes(&self) -> i64 {
        self.limits().session_minutes
    }

    /// Forgets what is remembered of credentials if any server on this database changed one.
    ///
    /// # Errors
    /// When the database is not available; then everything is forgotten.
    pub async fn follow_changes(&self) -> Result<(), AccountError> {
        match self.store.counter("credentials".to_owned()).await {
            Ok(changes) => {
                if self.grants.is_behind(changes) {
                    // forgotten first: what was resolved is stale whether or not the keys can be read
                    self.grants.forget();
                    self.load_session_keys().await?;
                    self.grants.changed_to(changes);
                }
                Ok(())
            }
            Err(error) => {
                self.grants.forget();
                Err(error.into())
            }
        }
    }
}
