//! From a presented credential to a principal: in one place, once per request.

use std::{future::Future, pin::Pin, sync::Arc};

use sha2::{Digest, Sha256};

use super::{
    AccountError, Accounts, WalletCard, acl,
    policy::{Bearing, Family, Policy, Principal, Right, RouteSet, Sight},
    tokens::BadToken,
};
use crate::{
    config::logins::LoginMethod,
    domain::{
        Account, Msat, Time, Wallet, WalletId,
        credential::{Budget, Credential, CredentialKind, HandedOut, Scope},
    },
    store::StoreError,
    vault::Vault,
};

/// How long a chain of credentials may be of which each minted the next.
pub(super) const GENERATIONS_MAX: usize = 8;

impl Accounts {
    /// Who holds this API key: a wallet's key, or a secret that was handed out?
    ///
    /// # Errors
    /// When nobody does, or not any more.
    pub async fn by_api_key(&self, key: &str) -> Result<Arc<Principal>, AccountError> {
        if HandedOut::resembles(key) { self.by_secret(key).await } else { self.by_wallet_key(key).await }
    }

    /// Who holds this bearer token: a login's, or a secret that was handed out?
    ///
    /// # Errors
    /// When nobody does, or not any more.
    pub async fn by_bearer(&self, token: &str) -> Result<Arc<Principal>, AccountError> {
        if HandedOut::resembles(token) { self.by_secret(token).await } else { self.by_token(token).await }
    }

    /// Who holds this wallet key?
    ///
    /// # Errors
    /// When no living wallet of an active account has it.
    pub async fn by_wallet_key(&self, key: &str) -> Result<Arc<Principal>, AccountError> {
        let fingerprint = self.vault.fingerprint(key);
        if let Some(known) = self.grants.get(&fingerprint) {
            return Ok(known);
        }
        let generation = self.grants.generation();
        let found = self.store.wallet_by_key(fingerprint.to_vec()).await?;
        let (wallet, owner) = found
            .filter(|(wallet, owner)| !wallet.deleted && owner.activated)
            .ok_or(AccountError::Missing("Wallet not found."))?;
        let is_admin_key = same(&wallet.admin_key_hash, &fingerprint);
        let (family, bearing) = if is_admin_key {
            (Family::AdminKey, Bearing::AdminKey(wallet.id.clone()))
        } else {
            (Family::InvoiceKey, Bearing::InvoiceKey(wallet.id.clone()))
        };
        let principal = Arc::new(Principal {
            account: owner.id,
            wallet: Some(Arc::new(WalletCard::open(&self.vault, wallet)?)),
            policy: Policy::of(self.catalogue.allowed(family)),
            family,
            bearing,
            tier: owner.tier.into(),
            old_secret: false,
            login_at: None,
            sight: Sight { admin_key: is_admin_key, invoice_key: true },
        });
        let principal = self.through_mirror(principal).await?;
        self.grants.put(fingerprint, Arc::clone(&principal), generation);
        Ok(principal)
    }

    /// Whose login is this token?
    ///
    /// # Errors
    /// When it is forged, expired or revoked, or its account is gone or disabled.
    pub async fn by_token(&self, token: &str) -> Result<Arc<Principal>, AccountError> {
        let fingerprint: [u8; 32] = Sha256::digest(token).into();
        let now = self.clock.now();
        if let Some(known) = self.grants.get(&fingerprint) {
            return if over(&known.policy, now) { Err(EXPIRED) } else { Ok(known) };
        }
        let generation = self.grants.generation();
        let mut checked = self.tokens.check(token, now);
        if checked == Err(BadToken::UnknownKey) {
            self.load_session_keys().await?; // another server may have rotated a moment ago
            checked = self.tokens.check(token, now);
        }
        let id = checked.map_err(|bad| match bad {
            BadToken::Expired => EXPIRED,
            BadToken::Invalid | BadToken::UnknownKey => INVALID,
        })?;
        let (session, account) = self.store.session_find(id).await?.ok_or(INVALID)?;
        if session.revoked_at.is_some() || session.expires_at <= now {
            return Err(EXPIRED);
        }
        if !account.activated {
            return Err(AccountError::Unauthenticated("User not found."));
        }
        let family = family_of(&account);
        let principal = Arc::new(Principal {
            wallet: None,
            policy: Policy { expires_at: Some(session.expires_at), ..Policy::of(self.catalogue.allowed(family)) },
            family,
            bearing: Bearing::Session(session.id),
            tier: account.tier.into(),
            old_secret: false,
            login_at: Some(session.created_at),
            sight: Sight { admin_key: true, invoice_key: true },
            account: account.id,
        });
        self.grants.put(fingerprint, Arc::clone(&principal), generation);
        Ok(principal)
    }

    /// Whose account has this id, which here stands for a login? `None` where the operator does not let it.
    /// Nothing is remembered of it, so that it ends with the setting, the account and its second factor's absence.
    ///
    /// # Errors
    /// When it is no account's id, the account may not be used so, or it asks for a second factor.
    pub async fn by_account_id(&self, id: &str) -> Result<Option<Arc<Principal>>, AccountError> {
        if !self.logins().allows(LoginMethod::UserId) {
            return Ok(None);
        }
        let unreadable = |()| AccountError::Invalid("usr: an account's id has 32 hexadecimal digits.".into());
        let id = id.replace('-', "").to_ascii_lowercase().parse().map_err(unreadable)?;
        let found = self.store.account_find(id).await?.filter(|account| account.activated);
        let account = found.ok_or(AccountError::Unauthenticated("User not found."))?;
        if account.super_user || account.admin {
            return Err(AccountError::Forbidden("User id only access for admins is forbidden.".into()));
        }
        // a one-time code is good once, so it cannot come with each request: such an account logs in
        self.second_factor(&account.id, None).await?;
        Ok(Some(Arc::new(Principal {
            wallet: None,
            policy: Policy::of(self.catalogue.allowed(Family::Session)),
            family: Family::Session,
            bearing: Bearing::AccountId,
            tier: account.tier.into(),
            old_secret: false,
            login_at: None,
            sight: Sight { admin_key: true, invoice_key: true },
            account: account.id,
        })))
    }

    /// Who holds this API key, token or anonymous session key?
    ///
    /// # Errors
    /// 401 when it is malformed, unknown or was ended; 403 when it has expired.
    pub async fn by_secret(&self, secret: &str) -> Result<Arc<Principal>, AccountError> {
        let fingerprint: [u8; 32] = Sha256::digest(secret).into();
        let now = self.clock.now();
        if let Some(known) = self.grants.get(&fingerprint) {
            return if over(&known.policy, now) { Err(expired(known.family)) } else { Ok(known) };
        }
        let generation = self.grants.generation();
        let handed_out: HandedOut = secret.parse().map_err(|()| UNKNOWN)?;
        let found = self.store.credential_find(handed_out.id.clone()).await?;
        let mut credential = found.filter(|found| found.kind == handed_out.kind).ok_or(UNKNOWN)?;
        let old_secret = !same(&credential.secret_hash, &fingerprint);
        if old_secret {
            let previous = credential.previous_hash.as_ref().is_some_and(|hash| same(hash, &fingerprint));
            if !previous {
                return Err(UNKNOWN);
            }
            // the secret before a rotation ends with its overlap
            let ends = credential.previous_until.map(|until| credential.expires_at.map_or(until, |end| end.min(until)));
            credential.expires_at = ends.or(Some(now));
        }
        let family = family_of_kind(credential.kind);
        if credential.revoked_at.is_some() {
            return Err(ended(family));
        }
        let account = self.store.account_find(credential.account_id.clone()).await?.ok_or(UNKNOWN)?;
        if !account.activated {
            return Err(AccountError::Unauthenticated("User not found."));
        }
        let own_expiry = credential.expires_at;
        let policy = self.policy_of(credential.clone(), 0).await?.ok_or(ended(family))?;
        if over(&policy, now) {
            return Err(expired(family));
        }
        let sight = match family {
            Family::AnonymousKey => Sight { admin_key: true, invoice_key: true },
            _ => self.sight_of(&Policy { expires_at: own_expiry.or(policy.expires_at), ..policy.clone() }),
        };
        let principal = Arc::new(Principal {
            wallet: None,
            policy,
            family,
            bearing: Bearing::Credential(credential.id),
            tier: account.tier.into(),
            old_secret,
            login_at: None,
            sight,
            account: account.id,
        });
        self.grants.put(fingerprint, Arc::clone(&principal), generation);
        Ok(principal)
    }

    /// What a handed-out credential allows: what its family, its scope and its own limits allow, within
    /// what the credential that minted it allows. `None` when one of its ancestors was ended.
    pub(super) fn policy_of(
        &self,
        credential: Credential,
        generation: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Policy>, AccountError>> + Send + '_>> {
        Box::pin(async move {
            if generation > GENERATIONS_MAX || credential.revoked_at.is_some() {
                return Ok(None);
            }
            let scoped = self.routes_of(&credential).await?;
            let routes = self.catalogue.allowed(family_of_kind(credential.kind)).and(&scoped);
            let limits = credential.restrictions();
            let budget = limits.budget_msat.map(|most| Budget {
                credential: credential.id.clone(),
                limit: Msat(most),
                period: limits.budget_period.unwrap_or(crate::domain::credential::Period::Month),
            });
            let policy = Policy {
                routes,
                wallets: credential.wallet_list(),
                max_amount: limits.max_amount_msat.map(Msat),
                max_fee: limits.max_fee_msat.map(Msat),
                budgets: budget.into_iter().collect(),
                sources: if limits.source_ips.is_empty() { Vec::new() } else { vec![limits.source_ips] },
                expires_at: credential.expires_at,
            };
            let Some(parent) = credential.minted_by else { return Ok(Some(policy)) };
            let Some(parent) = self.store.credential_find(parent).await? else { return Ok(None) };
            let bound = self.policy_of(parent, generation + 1).await?;
            Ok(bound.map(|bound| policy.within(&bound)))
        })
    }

    async fn routes_of(&self, credential: &Credential) -> Result<RouteSet, AccountError> {
        let Some(acl) = &credential.acl_id else { return Ok(self.catalogue.within(credential.scope)) };
        debug_assert_eq!(credential.scope, Scope::Acl, "the database keeps it so");
        let acl = self.store.acl_find(acl.clone()).await?;
        let named = acl.map_or_else(RouteSet::default, |acl| acl::compile_known(&self.catalogue, &acl.entry_list()));
        Ok(named.or(&self.catalogue.asking(Right::Introspect)))
    }

    /// The wallet keys that a credential with this policy may see: those that can do no more than itself.
    fn sight_of(&self, policy: &Policy) -> Sight {
        let covers = |family| !policy.is_bounded() && policy.routes.covers(&self.catalogue.allowed(family));
        Sight { admin_key: covers(Family::AdminKey), invoice_key: covers(Family::InvoiceKey) }
    }

    /// The wallet that a principal acts on: the credential's own, or the one it names among the
    /// account's, or the account's only one.
    ///
    /// # Errors
    /// When it names none and has several, or names one that is not its own.
    pub async fn wallet_of(&self, principal: &Principal, named: Option<&str>) -> Result<Arc<WalletCard>, AccountError> {
        if let Some(own) = &principal.wallet {
            return Ok(Arc::clone(own));
        }
        let only = match principal.policy.wallets.as_deref() {
            Some([only]) => Some(only.as_str()),
            _ => None,
        };
        let named = named.or(only);
        let remembered = named.and_then(|name| self.grants.wallet(&name.parse().ok()?));
        let own = |card: &Arc<WalletCard>| card.account == principal.account && principal.policy.reaches(&card.id);
        if let Some(card) = remembered.filter(own) {
            return Ok(card);
        }
        let generation = self.grants.generation();
        let wallet = match named {
            Some(name) => self.own_wallet(principal, name).await?,
            None => {
                let mut wallets = self.store.wallet_list(principal.account.clone(), false).await?;
                wallets.retain(|wallet| principal.policy.reaches(&wallet.id));
                match (wallets.pop(), wallets.is_empty()) {
                    (Some(only), true) => only,
                    (Some(_), false) => return Err(AccountError::WalletNotNamed),
                    (None, _) => return Err(AccountError::Missing("Wallet not found.")),
                }
            }
        };
        let card = Arc::new(WalletCard::open(&self.vault, wallet)?);
        self.grants.put_wallet(&card, generation);
        Ok(card)
    }

    async fn own_wallet(&self, principal: &Principal, name: &str) -> Result<Wallet, AccountError> {
        let id: WalletId = name.parse().map_err(|()| AccountError::Missing("Wallet not found."))?;
        let found = self.store.wallet_find(id).await?.filter(|wallet| !wallet.deleted);
        let wallet = found.ok_or(AccountError::Missing("Wallet not found."))?;
        if wallet.account_id != principal.account {
            // a key is told that it belongs elsewhere; to a person, other people's wallets do not exist
            return Err(match principal.family {
                Family::ApiKey => AccountError::Forbidden("This API key belongs to another account.".into()),
                _ => AccountError::Missing("Wallet not found."),
            });
        }
        if !principal.policy.reaches(&wallet.id) {
            let who = principal.family.name();
            return Err(AccountError::Forbidden(format!("This {who} is not for wallet {}.", wallet.id)));
        }
        Ok(wallet)
    }
}

const EXPIRED: AccountError = AccountError::Unauthenticated("Session expired.");
const INVALID: AccountError = AccountError::Unauthenticated("Invalid access token.");

const UNKNOWN: AccountError = AccountError::Unauthenticated("Invalid API key or token.");

/// The answer to a credential that was ended; LNbits clients know the one for tokens.
fn ended(family: Family) -> AccountError {
    match family {
        Family::AclToken => AccountError::Forbidden("Invalid token id.".into()),
        Family::AnonymousKey => AccountError::Unauthenticated("This anonymous session has ended."),
        _ => AccountError::Unauthenticated("This API key was revoked."),
    }
}

fn expired(family: Family) -> AccountError {
    match family {
        Family::ApiKey => AccountError::Forbidden("API key has expired".into()),
        _ => EXPIRED,
    }
}

pub(super) fn family_of_kind(kind: CredentialKind) -> Family {
    match kind {
        CredentialKind::ApiKey => Family::ApiKey,
        CredentialKind::AclToken => Family::AclToken,
        CredentialKind::Anonymous => Family::AnonymousKey,
    }
}

fn family_of(account: &Account) -> Family {
    match account {
        Account { super_user: true, .. } => Family::SuperUserSession,
        Account { admin: true, .. } => Family::AdminSession,
        _ => Family::Session,
    }
}

fn over(policy: &Policy, now: Time) -> bool {
    policy.expires_at.is_some_and(|end| end <= now)
}

fn same(stored: &[u8], computed: &[u8; 32]) -> bool {
    use subtle::ConstantTimeEq;
    stored.ct_eq(computed).into()
}

impl WalletCard {
    /// Opens a wallet's sealed keys.
    pub(super) fn open(vault: &Vault, wallet: Wallet) -> Result<Self, AccountError> {
        let open = |sealed: &[u8]| vault.open_text(sealed, &format!("wallet/{}", wallet.id));
        let keys = open(&wallet.admin_key_sealed).zip(open(&wallet.invoice_key_sealed));
        let Some((admin_key, invoice_key)) = keys else {
            let why = format!(
                "the keys of wallet {} do not open: is the master secret the one they were sealed with?",
                wallet.id
            );
            return Err(AccountError::Store(StoreError::Unavailable(why)));
        };
        let (id, account, name, source) = (wallet.id, wallet.account_id, wallet.name, wallet.source_wallet_id);
        Ok(Self { id, account, name, admin_key, invoice_key, source, through: None })
    }
}
