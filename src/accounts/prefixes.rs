//! Access lists in the older shape: reading and writing by prefixes of paths, on the same stored lists.
//!
//! `read` and `write` of a prefix are the entries `READ <prefix>` and `WRITE <prefix>`. A list that was written in the
//! newer shape shows a flag where it names everything that the flag stands for.

use super::{
    AccountError, Accounts, acl,
    keys::{Grant, Wanted},
    policy::{Catalogue, Operation, Principal},
};
use crate::domain::{
    Account, CredentialId,
    credential::{Acl, Credential, CredentialKind, HandedOut, Restrictions},
};

/// A prefix that lists in the older shape know: the first three parts of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    /// `/api/v1/wallet`.
    pub path: String,
    /// `Wallet`.
    pub name: String,
}

/// What is allowed under a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixRights {
    /// The prefix.
    pub path: String,
    /// Everything that changes nothing.
    pub read: bool,
    /// Everything that changes something.
    pub write: bool,
}

/// The longest that a token can be good for, in minutes: a hundred years.
const MINUTES_MAX: i64 = 100 * 365 * 24 * 60;
const WRONG_PASSWORD: AccountError = AccountError::Unauthenticated("Invalid credentials.");
const NO_SUCH_LIST: AccountError = AccountError::Unauthenticated("Invalid ACL id.");

/// The prefixes of every route, by name.
fn prefixes(catalogue: &Catalogue) -> Vec<Prefix> {
    let mut found: Vec<Prefix> = Vec::new();
    for operation in catalogue.operations() {
        if let Some(prefix) = prefix_of(operation)
            && !found.contains(&prefix)
        {
            found.push(prefix);
        }
    }
    found.sort_by_key(|prefix| prefix.name.to_lowercase());
    found
}

fn prefix_of(operation: &Operation) -> Option<Prefix> {
    let mut parts = operation.path.trim_start_matches('/').split('/');
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    let (("api", "v1", word) | (word, "api", "v1")) = (first, second, third) else { return None };
    let mut letters = word.chars();
    let name = letters.next().map(|first| first.to_uppercase().chain(letters).collect())?;
    Some(Prefix { path: format!("/{first}/{second}/{third}"), name })
}

impl Accounts {
    /// The prefixes that lists in the older shape know.
    pub fn prefixes(&self) -> Vec<Prefix> {
        prefixes(&self.catalogue)
    }

    /// What a list allows under each prefix.
    pub fn prefix_rights(&self, acl: &Acl) -> Vec<PrefixRights> {
        let routes = acl::compile_known(&self.catalogue, &acl.entry_list());
        let all = |word: &str, path: &str| {
            let meant = acl::named(&self.catalogue, &format!("{word} {path}"));
            meant != super::policy::RouteSet::default() && routes.covers(&meant)
        };
        let rights = |prefix: Prefix| PrefixRights {
            read: all("READ", &prefix.path),
            write: all("WRITE", &prefix.path),
            path: prefix.path,
        };
        self.prefixes().into_iter().map(rights).collect()
    }

    /// The lists that a principal may read, each with its tokens.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn acls_with_tokens(&self, principal: &Principal) -> Result<Vec<(Acl, Vec<Credential>)>, AccountError> {
        let tokens = self.living_tokens(principal).await?;
        let lists = self.acls(principal).await?;
        let of = |acl: &Acl| tokens.iter().filter(|one| one.acl_id.as_ref() == Some(&acl.id)).rev().cloned().collect();
        Ok(lists.into_iter().map(|acl| (acl.clone(), of(&acl))).collect())
    }

    /// Is it the account's password? An account without one has none that is right.
    ///
    /// # Errors
    /// 401 when it is not; 429 after too many that were not.
    pub async fn confirm_password(&self, principal: &Principal, password: String) -> Result<Account, AccountError> {
        let account = self.account(&principal.account).await?;
        if self.is_password(&account, password).await? { Ok(account) } else { Err(WRONG_PASSWORD) }
    }

    /// Replaces a list as a whole; tokens that are not named end. An unknown id makes a new list that allows nothing.
    ///
    /// # Errors
    /// 401 for a wrong password, 403 for what the principal does not hold himself.
    pub async fn acl_put(
        &self,
        principal: &Principal,
        password: String,
        id: &str,
        name: String,
        rights: &[PrefixRights],
        tokens: &[String],
    ) -> Result<(), AccountError> {
        self.confirm_password(principal, password).await?;
        if self.store.acl_find(id.to_owned()).await?.is_none_or(|acl| acl.account_id != principal.account) {
            return self.acl_create(principal, name, &[]).await.map(|_| ());
        }
        let known = self.prefixes();
        let mut entries = Vec::new();
        for right in rights.iter().filter(|right| known.iter().any(|prefix| prefix.path == right.path)) {
            for (word, wanted) in [("READ", right.read), ("WRITE", right.write)] {
                let entry = format!("{word} {}", right.path);
                // a prefix that no token can reach stays closed, as before
                if wanted && acl::compile(&self.catalogue, &[&entry]).is_ok() {
                    entries.push(entry);
                }
            }
        }
        let keep: Vec<CredentialId> = tokens.iter().filter_map(|id| id.parse().ok()).collect();
        self.acl_replace(principal, id, name, &entries, keep).await
    }

    /// Deletes a list; one that is not there is deleted already.
    ///
    /// # Errors
    /// 401 for a wrong password, 403 for a list that the principal may not change.
    pub async fn acl_drop(&self, principal: &Principal, password: String, id: &str) -> Result<(), AccountError> {
        self.confirm_password(principal, password).await?;
        match self.acl_delete(principal, id).await {
            Err(AccountError::Missing(_)) => Ok(()),
            other => other,
        }
    }

    /// Mints a token that is good for so many minutes.
    ///
    /// # Errors
    /// In the order and the words that LNbits clients know.
    pub async fn token_for_minutes(
        &self,
        principal: &Principal,
        password: String,
        acl: &str,
        name: String,
        minutes: i64,
    ) -> Result<HandedOut, AccountError> {
        if minutes <= 0 {
            return Err(AccountError::invalid("Expiration time must be in the future."));
        }
        if minutes > MINUTES_MAX {
            return Err(AccountError::Invalid(format!("Expiration time is at most {MINUTES_MAX} minutes.")));
        }
        self.confirm_for_tokens(principal, password, acl).await?;
        let wanted = Wanted {
            name,
            grant: Grant::List(acl.to_owned()),
            wallets: None,
            limits: Restrictions::default(),
            expires_at: Some(self.clock.now().plus_seconds(minutes * 60)),
        };
        Ok(self.mint(principal, CredentialKind::AclToken, wanted).await?.secret)
    }

    /// Ends a token; one that is not there has ended already.
    ///
    /// # Errors
    /// In the order and the words that LNbits clients know.
    pub async fn token_drop(
        &self,
        principal: &Principal,
        password: String,
        acl: &str,
        token: &str,
    ) -> Result<(), AccountError> {
        self.confirm_for_tokens(principal, password, acl).await?;
        match self.revoke(principal, CredentialKind::AclToken, Some(acl), token).await {
            Err(AccountError::Missing(_)) => Ok(()),
            other => other,
        }
    }

    async fn confirm_for_tokens(&self, principal: &Principal, password: String, acl: &str) -> Result<(), AccountError> {
        let account = self.confirm_password(principal, password).await?;
        if account.username.is_none() {
            return Err(AccountError::invalid("Username must be configured."));
        }
        match self.acl(principal, acl).await {
            Err(AccountError::Missing(_)) => Err(NO_SUCH_LIST),
            other => other.map(|_| ()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::policy::{Catalogue, Operation, Right},
        prefixes,
    };

    #[test]
    fn prefixes_are_the_first_three_parts_of_api_paths() {
        let op = |path| Operation { method: "GET".into(), path, fork: "", right: Right::WalletRead };
        let paths = [
            "/api/v1/wallets",
            "/api/v1/wallet/{id}",
            "/api/v1/wallet",
            "/users/api/v1/balance",
            "/docs",
            "/api/docs/swagger.json",
        ];
        let found = prefixes(&Catalogue::new(paths.map(op).to_vec()));
        let found: Vec<_> = found.iter().map(|prefix| (prefix.path.as_str(), prefix.name.as_str())).collect();
        assert_eq!(found, [("/users/api/v1", "Users"), ("/api/v1/wallet", "Wallet"), ("/api/v1/wallets", "Wallets")]);
    }
}
