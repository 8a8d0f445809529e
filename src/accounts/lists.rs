//! Access lists: making, reading, changing and deleting them.
//!
//! A login manages all lists of its account. A handed-out credential changes only lists that it, or what descends
//! from it, made; it may read, and mint tokens for, those that name nothing beyond what it holds.

use super::{
    AccountError, Accounts, acl,
    delegation::Lineage,
    keys::check_name,
    policy::{Principal, RouteSet},
};
use crate::domain::{
    CredentialId,
    credential::{Acl, CredentialKind},
    ids::to_hex,
};

/// Most entries in a list, and most lists in an account.
const ENTRIES_MAX: usize = 500;
const LISTS_MAX: usize = 200;
/// The longest an entry can be, in bytes.
const ENTRY_MAX: usize = 300;

const MISSING: AccountError = AccountError::Missing("Access list not found.");

/// Who may do what with an account's lists.
struct Shelf {
    lineage: Lineage,
    makers: Vec<(String, CredentialId)>,
}

impl Shelf {
    /// May the principal change and delete it?
    fn changes(&self, principal: &Principal, acl: &Acl) -> bool {
        let made_by = self.makers.iter().find(|(list, _)| *list == acl.id).map(|(_, maker)| maker);
        match (principal.credential(), made_by) {
            (None, _) => true,
            (Some(own), Some(maker)) => self.lineage.descends(maker, own),
            (Some(_), None) => false,
        }
    }
}

impl Accounts {
    /// The lists that a principal may read, oldest first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn acls(&self, principal: &Principal) -> Result<Vec<Acl>, AccountError> {
        let shelf = self.shelf(principal).await?;
        let lists = self.store.acl_list(principal.account.clone()).await?;
        Ok(lists.into_iter().filter(|acl| self.reads(&shelf, principal, acl)).collect())
    }

    /// One of them.
    ///
    /// # Errors
    /// When there is none such.
    pub async fn acl(&self, principal: &Principal, id: &str) -> Result<Acl, AccountError> {
        let acl = self.own_acl(principal, id).await?;
        let shelf = self.shelf(principal).await?;
        if self.reads(&shelf, principal, &acl) { Ok(acl) } else { Err(MISSING) }
    }

    /// Makes a list.
    ///
    /// # Errors
    /// 400 with the entry that matches no endpoint, 403 with the first that the principal does not hold himself.
    pub async fn acl_create(
        &self,
        principal: &Principal,
        name: String,
        entries: &[String],
    ) -> Result<Acl, AccountError> {
        check_name(&name)?;
        let (entries, routes) = self.compiled(entries)?;
        self.check_routes(principal, &routes)?;
        if self.store.acl_list(principal.account.clone()).await?.len() >= LISTS_MAX {
            return Err(AccountError::Invalid(format!("An account has at most {LISTS_MAX} access lists.")));
        }
        let now = self.clock.now();
        let acl = Acl {
            id: to_hex(&self.clock.uuid()),
            account_id: principal.account.clone(),
            name,
            entries: stored(&entries),
            created_at: now,
            updated_at: now,
        };
        self.store.acl_create(acl.clone(), principal.credential().cloned()).await?;
        Ok(acl)
    }

    /// Changes a list; its tokens allow what it names from then on.
    ///
    /// # Errors
    /// As for making one, and when the list is not the principal's to change.
    pub async fn acl_change(
        &self,
        principal: &Principal,
        id: &str,
        name: Option<String>,
        entries: Option<&[String]>,
    ) -> Result<Acl, AccountError> {
        let acl = self.changed(principal, id, name, entries).await?;
        self.store.acl_save(acl.clone()).await?;
        self.grants.forget();
        Ok(acl)
    }

    /// Replaces a list and ends its tokens but these.
    ///
    /// # Errors
    /// As for changing one.
    pub(super) async fn acl_replace(
        &self,
        principal: &Principal,
        id: &str,
        name: String,
        entries: &[String],
        keep: Vec<CredentialId>,
    ) -> Result<(), AccountError> {
        let acl = self.changed(principal, id, Some(name), Some(entries)).await?;
        self.store.acl_replace(acl, keep, self.clock.now()).await?;
        self.grants.forget();
        Ok(())
    }

    /// Deletes a list and ends its tokens.
    ///
    /// # Errors
    /// When there is none such, or it is not the principal's to delete.
    pub async fn acl_delete(&self, principal: &Principal, id: &str) -> Result<(), AccountError> {
        let acl = self.changeable(principal, id).await?.0;
        self.store.acl_delete(principal.account.clone(), acl.id, self.clock.now()).await?;
        self.grants.forget();
        Ok(())
    }

    /// A list as it is to be written.
    async fn changed(
        &self,
        principal: &Principal,
        id: &str,
        name: Option<String>,
        entries: Option<&[String]>,
    ) -> Result<Acl, AccountError> {
        let (mut acl, shelf) = self.changeable(principal, id).await?;
        if let Some(name) = name {
            check_name(&name)?;
            acl.name = name;
        }
        if let Some(entries) = entries {
            let (entries, routes) = self.compiled(entries)?;
            self.check_routes(principal, &routes)?;
            self.check_bystanders(&shelf, principal, &acl, &routes)?;
            acl.entries = stored(&entries);
        }
        acl.updated_at = self.clock.now();
        Ok(acl)
    }

    /// What others handed out for a list is bounded by it and not by this principal's limits: he may not widen it.
    fn check_bystanders(
        &self,
        shelf: &Shelf,
        principal: &Principal,
        acl: &Acl,
        routes: &RouteSet,
    ) -> Result<(), AccountError> {
        let Some(own) = principal.credential() else { return Ok(()) };
        let before = acl::compile_known(&self.catalogue, &acl.entry_list());
        let now = self.clock.now();
        let live = |id: &CredentialId| shelf.lineage.status(id, now) == "active";
        let bystander = |id: &CredentialId| live(id) && (id == own || !shelf.lineage.descends(id, own));
        if before.covers(routes) || !shelf.lineage.on_list(&acl.id).any(|one| bystander(&one.id)) {
            return Ok(());
        }
        let who = principal.family.name();
        let text = format!("This {who} cannot widen the list: tokens that it did not mint depend on it.");
        Err(AccountError::Forbidden(text))
    }

    async fn changeable(&self, principal: &Principal, id: &str) -> Result<(Acl, Shelf), AccountError> {
        let acl = self.own_acl(principal, id).await?;
        let shelf = self.shelf(principal).await?;
        if shelf.changes(principal, &acl) {
            return Ok((acl, shelf));
        }
        if self.reads(&shelf, principal, &acl) {
            let text = format!("This {} may not change a list that it did not make.", principal.family.name());
            return Err(AccountError::Forbidden(text));
        }
        Err(MISSING)
    }

    fn reads(&self, shelf: &Shelf, principal: &Principal, acl: &Acl) -> bool {
        let routes = acl::compile_known(&self.catalogue, &acl.entry_list());
        shelf.changes(principal, acl) || self.check_routes(principal, &routes).is_ok()
    }

    async fn own_acl(&self, principal: &Principal, id: &str) -> Result<Acl, AccountError> {
        let found = self.store.acl_find(id.to_owned()).await?;
        found.filter(|acl| acl.account_id == principal.account).ok_or(MISSING)
    }

    async fn shelf(&self, principal: &Principal) -> Result<Shelf, AccountError> {
        let lineage = self.lineage(&principal.account).await?;
        Ok(Shelf { lineage, makers: self.store.acl_makers(principal.account.clone()).await? })
    }

    /// The entries without repetitions, and the operations that they name.
    fn compiled(&self, entries: &[String]) -> Result<(Vec<String>, RouteSet), AccountError> {
        let mut tidy: Vec<String> = Vec::new();
        for entry in entries {
            let entry = entry.split_whitespace().collect::<Vec<_>>().join(" ");
            if entry.len() > ENTRY_MAX {
                return Err(AccountError::Invalid(format!(
                    "allowed_endpoints: an entry has at most {ENTRY_MAX} bytes."
                )));
            }
            if !tidy.contains(&entry) {
                tidy.push(entry);
            }
        }
        if tidy.len() > ENTRIES_MAX {
            return Err(AccountError::Invalid(format!("allowed_endpoints: at most {ENTRIES_MAX} entries.")));
        }
        let routes = acl::compile(&self.catalogue, &tidy)
            .map_err(|unknown| AccountError::Invalid(format!("allowed_endpoints: {unknown}")))?;
        Ok((tidy, routes))
    }

    /// The tokens of a list that a principal may see and that were not ended.
    ///
    /// # Errors
    /// When the database is not available.
    pub(super) async fn living_tokens(
        &self,
        principal: &Principal,
    ) -> Result<Vec<crate::domain::credential::Credential>, AccountError> {
        let all = self.handed_out(principal, CredentialKind::AclToken, None).await?;
        Ok(all.into_iter().filter(|one| one.status != "revoked").map(|one| one.credential).collect())
    }
}

fn stored(entries: &[String]) -> String {
    serde_json::to_string(entries).unwrap_or_default()
}
