//! Minting, listing, rotating and ending what is handed out: named API keys and tokens of access lists.

use super::{
    AccountError, Accounts, acl,
    credentials::{GENERATIONS_MAX, family_of_kind},
    delegation::{Lineage, check_limits},
    policy::{Principal, RouteSet},
    uses::Used,
};
use crate::{
    domain::{
        CredentialId, Time, WalletId,
        credential::{Credential, CredentialKind, HandedOut, Restrictions, Scope},
        ids::array_from_hex,
    },
    store::{Refusal, StoreError, types::Rotation},
};

/// What a new credential is for.
#[derive(Debug, Clone)]
pub enum Grant {
    /// One of the presets.
    Preset(Scope),
    /// What the access list of this id names.
    List(String),
}

/// A credential that somebody wants to hand out.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What he calls it.
    pub name: String,
    /// What it is for.
    pub grant: Grant,
    /// The wallets it reaches; all that its maker reaches when absent.
    pub wallets: Option<Vec<String>>,
    /// Its limits; those of its maker hold besides.
    pub limits: Restrictions,
    /// When it ends by itself.
    pub expires_at: Option<Time>,
}

/// A new secret, shown this once.
pub struct Minted {
    /// What is remembered of it.
    pub shown: HandedOutCredential,
    /// The secret.
    pub secret: HandedOut,
}

/// A credential as lists show it.
pub struct HandedOutCredential {
    /// The row, with the last use as far as this server knows.
    pub credential: Credential,
    /// `active`, `expired` or `revoked`.
    pub status: &'static str,
    /// When the secret before the last rotation was last used, while it is still good.
    pub old_secret_used_at: Option<Time>,
}

/// Names are for people: anything printable, up to this many characters.
const NAME_MAX: usize = 100;
/// Most live credentials of one family in an account.
const LIVE_MAX: usize = 1000;
/// Ids are short; one that is taken is drawn again.
pub(super) const ID_TRIES: usize = 5;
/// The longest that a rotated secret stays good, in seconds: a week.
pub(super) const OVERLAP_MAX: i64 = 7 * 24 * 3600;

impl Accounts {
    /// Hands out a new credential.
    ///
    /// # Errors
    /// 400 when a value makes no sense, 403 when it is more than the principal holds himself.
    pub async fn mint(
        &self,
        principal: &Principal,
        kind: CredentialKind,
        wanted: Wanted,
    ) -> Result<Minted, AccountError> {
        let now = self.clock.now();
        check_name(&wanted.name)?;
        check_values(&wanted.limits)?;
        if wanted.expires_at.is_some_and(|end| end <= now) {
            return Err(AccountError::invalid("Expiration time must be in the future."));
        }
        let (scope, acl_id, routes) = self.granted(principal, kind, wanted.grant).await?;
        let wallets = match &wanted.wallets {
            Some(names) => Some(self.own_wallets(principal, names).await?),
            None => None,
        };
        self.check_routes(principal, &routes)?;
        check_limits(principal, wallets.as_deref(), &wanted.limits, wanted.expires_at)?;
        let lineage = self.lineage(&principal.account).await?;
        if let Some(minter) = principal.credential()
            && lineage.generations(minter) > GENERATIONS_MAX
        {
            let text = format!(
                "At most {} credentials can stand in line, each minted by the one before.",
                GENERATIONS_MAX + 1
            );
            return Err(AccountError::Forbidden(text));
        }
        let live = lineage.of_kind(kind).iter().filter(|one| lineage.status(&one.id, now) == "active").count();
        if live >= LIVE_MAX {
            return Err(AccountError::Invalid(format!("An account has at most {LIVE_MAX} of these. Revoke some.")));
        }
        // what is not said is taken over, so that what lists show is what holds
        let own = principal.credential().map(|_| &principal.policy);
        let wallets = wallets.or_else(|| own.and_then(|own| own.wallets.clone()));
        let limits = Restrictions {
            max_amount_msat: wanted.limits.max_amount_msat.or(own.and_then(|own| own.max_amount).map(|most| most.0)),
            max_fee_msat: wanted.limits.max_fee_msat.or(own.and_then(|own| own.max_fee).map(|most| most.0)),
            ..wanted.limits
        };
        let blank = Credential {
            id: [0; 4].into(),
            kind,
            account_id: principal.account.clone(),
            minted_by: principal.credential().cloned(),
            name: wanted.name,
            secret_hash: Vec::new(),
            previous_hash: None,
            previous_until: None,
            scope,
            acl_id,
            wallets: wallets.map(|wallets| serde_json::to_string(&wallets).unwrap_or_default()),
            limits: serde_json::to_string(&limits).unwrap_or_default(),
            created_at: now,
            expires_at: wanted.expires_at.or(own.and_then(|own| own.expires_at)),
            revoked_at: None,
            last_used_at: None,
            last_used_ip: None,
        };
        for _ in 0..ID_TRIES {
            let secret = HandedOut::new(kind, self.clock.bytes(), self.clock.bytes());
            let credential = Credential { id: secret.id.clone(), secret_hash: secret.hash().to_vec(), ..blank.clone() };
            match self.store.credential_create(credential.clone()).await {
                Err(StoreError::Refused(Refusal::Taken(_))) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => {
                    let shown = HandedOutCredential { credential, status: "active", old_secret_used_at: None };
                    return Ok(Minted { shown, secret });
                }
            }
        }
        Err(AccountError::invalid("No free id was found for it. Try again."))
    }

    /// What a grant comes to, for a credential of this family.
    async fn granted(
        &self,
        principal: &Principal,
        kind: CredentialKind,
        grant: Grant,
    ) -> Result<(Scope, Option<String>, RouteSet), AccountError> {
        let carried = self.catalogue.allowed(family_of_kind(kind));
        match grant {
            Grant::Preset(scope) => Ok((scope, None, self.catalogue.within(scope).and(&carried))),
            Grant::List(id) => {
                let acl = self.acl(principal, &id).await?;
                let named = acl::compile_known(&self.catalogue, &acl.entry_list());
                Ok((Scope::Acl, Some(acl.id), named.and(&carried)))
            }
        }
    }

    /// The account's living wallets of these names.
    async fn own_wallets(&self, principal: &Principal, names: &[String]) -> Result<Vec<WalletId>, AccountError> {
        if names.is_empty() {
            return Err(AccountError::invalid("wallets: name at least one, or leave it out for all."));
        }
        let known = self.store.wallet_list(principal.account.clone(), false).await?;
        let mut wallets: Vec<WalletId> = Vec::new();
        for name in names {
            let unknown = || {
                let shown: String = name.chars().take(40).collect();
                AccountError::Invalid(format!("wallets: {shown:?} is not a wallet of this account."))
            };
            let wallet = known.iter().find(|wallet| wallet.id.as_str() == name).ok_or_else(unknown)?;
            if !wallets.contains(&wallet.id) {
                wallets.push(wallet.id.clone());
            }
        }
        Ok(wallets)
    }

    /// What the principal may see of what his account handed out, newest first: all of a family, or the tokens
    /// of one access list.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn handed_out(
        &self,
        principal: &Principal,
        kind: CredentialKind,
        acl: Option<&str>,
    ) -> Result<Vec<HandedOutCredential>, AccountError> {
        let lineage = self.lineage(&principal.account).await?;
        let old_uses = self.store.credential_old_uses(principal.account.clone()).await?;
        let of_list = |one: &&Credential| acl.is_none_or(|acl| one.acl_id.as_deref() == Some(acl));
        let own = |one: &&Credential| lineage.manages(principal, &one.id);
        let shown = lineage.of_kind(kind).into_iter().filter(of_list).filter(own).map(|one| {
            let old = old_uses.iter().find(|(id, _, _)| *id == one.id).map(|(_, at, _)| *at);
            self.shown(one, &lineage, old)
        });
        Ok(shown.collect())
    }

    /// The row with what this server knows besides.
    fn shown(&self, one: &Credential, lineage: &Lineage, old_use: Option<Time>) -> HandedOutCredential {
        let now = self.clock.now();
        let last = |old_secret| self.uses.last(&Used::Credential { id: one.id.clone(), old_secret });
        let mut credential = one.clone();
        for known in [last(true), last(false)].into_iter().flatten() {
            if credential.last_used_at.is_none_or(|at| at <= known.at) {
                credential.last_used_at = Some(known.at);
                credential.last_used_ip = known.from.map(|from| from.to_canonical().to_string());
            }
        }
        let overlaps = one.previous_until.is_some_and(|until| until > now);
        HandedOutCredential {
            credential,
            status: lineage.status(&one.id, now),
            old_secret_used_at: last(true).map(|known| known.at).max(old_use).filter(|_| overlaps),
        }
    }

    /// One that the principal may see and end.
    ///
    /// # Errors
    /// When there is none such.
    pub async fn handed_out_one(
        &self,
        principal: &Principal,
        kind: CredentialKind,
        id: &str,
    ) -> Result<HandedOutCredential, AccountError> {
        let lineage = self.lineage(&principal.account).await?;
        let id: CredentialId = id.parse().map_err(|()| missing(kind))?;
        let found = lineage.find(&id).filter(|one| one.kind == kind && lineage.manages(principal, &one.id));
        Ok(self.shown(found.ok_or(missing(kind))?, &lineage, None))
    }

    /// Ends one; ending it again changes nothing.
    ///
    /// # Errors
    /// When there is none such.
    pub async fn revoke(
        &self,
        principal: &Principal,
        kind: CredentialKind,
        acl: Option<&str>,
        id: &str,
    ) -> Result<(), AccountError> {
        let found = self.handed_out_one(principal, kind, id).await?.credential;
        if acl.is_some_and(|acl| found.acl_id.as_deref() != Some(acl)) {
            return Err(missing(kind));
        }
        self.store.credential_revoke(principal.account.clone(), found.id, self.clock.now()).await?;
        self.grants.forget();
        Ok(())
    }

    /// Gives an API key a new secret; the old one stays good for so many seconds.
    ///
    /// # Errors
    /// When there is none such, or it is over.
    pub async fn rotate(&self, principal: &Principal, id: &str, overlap_seconds: i64) -> Result<Minted, AccountError> {
        const CHANGED: &str = "This API key was rotated or revoked meanwhile. Read it again.";
        if !(0..=OVERLAP_MAX).contains(&overlap_seconds) {
            return Err(AccountError::Invalid(format!("overlap_seconds: 0 to {OVERLAP_MAX}.")));
        }
        if principal.old_secret {
            // or a secret that is on its way out would turn itself into the new one
            let text = "This secret was rotated out; only the new one can rotate.";
            return Err(AccountError::Forbidden(text.to_owned()));
        }
        let kind = CredentialKind::ApiKey;
        let found = self.handed_out_one(principal, kind, id).await?;
        if found.status != "active" {
            let text = format!("This API key is {}; mint a new one.", found.status);
            return Err(AccountError::Invalid(text));
        }
        let was = found.credential;
        let bytes = array_from_hex(was.id.as_str()).ok_or(missing(kind))?;
        let secret = HandedOut::new(kind, bytes, self.clock.bytes());
        let previous_until = self.clock.now().plus_seconds(overlap_seconds);
        let rotation = Rotation {
            id: was.id.clone(),
            was: was.secret_hash.clone(),
            secret_hash: secret.hash().to_vec(),
            previous_until,
        };
        match self.store.credential_rotate(rotation).await {
            Err(StoreError::Refused(Refusal::Changed(_))) => return Err(AccountError::invalid(CHANGED)),
            other => other?,
        }
        self.grants.forget();
        let credential = Credential { previous_until: Some(previous_until), ..was };
        Ok(Minted { shown: HandedOutCredential { credential, status: "active", old_secret_used_at: None }, secret })
    }
}

const fn missing(kind: CredentialKind) -> AccountError {
    match kind {
        CredentialKind::ApiKey => AccountError::Missing("API key not found."),
        CredentialKind::AclToken | CredentialKind::Anonymous => AccountError::Missing("Token not found."),
    }
}

pub(super) fn check_name(name: &str) -> Result<(), AccountError> {
    if name.chars().count() > NAME_MAX || name.chars().any(char::is_control) || name.trim().is_empty() {
        return Err(AccountError::Invalid(format!("name: 1 to {NAME_MAX} printable characters.")));
    }
    Ok(())
}

/// Limits that make no sense are refused rather than kept.
fn check_values(limits: &Restrictions) -> Result<(), AccountError> {
    let amounts = [limits.max_amount_msat, limits.max_fee_msat, limits.budget_msat];
    if amounts.into_iter().flatten().any(|amount| amount < 0) {
        return Err(AccountError::invalid("limits: an amount is at least 0."));
    }
    match (limits.budget_msat, limits.budget_period) {
        (Some(_), None) => Err(AccountError::invalid("limits: budget_msat needs a budget_period: day, week or month.")),
        (None, Some(_)) => Err(AccountError::invalid("limits: budget_period needs a budget_msat.")),
        _ => Ok(()),
    }
}
