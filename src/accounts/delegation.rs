//! Who minted whom, and what may be handed on: nobody mints more than he holds.

use std::collections::HashMap;

use super::{
    AccountError, Accounts, Beyond, acl,
    credentials::GENERATIONS_MAX,
    policy::{Principal, Right, RouteSet},
};
use crate::domain::{
    AccountId, CredentialId, Time, WalletId,
    credential::{Budget, Credential, CredentialKind, Period, Restrictions},
};

/// Everything that an account handed out, ended or not.
pub(super) struct Lineage(HashMap<CredentialId, Credential>);

impl Lineage {
    /// Does `younger` come from `older`, in whatever generation, or is it the same?
    pub(super) fn descends(&self, younger: &CredentialId, older: &CredentialId) -> bool {
        self.line(younger).any(|ancestor| ancestor.id == *older)
    }

    /// How many credentials stand in line from the first to this one.
    pub(super) fn generations(&self, id: &CredentialId) -> usize {
        self.line(id).count()
    }

    /// `active`, `expired` or `revoked`: a credential ends with the one that minted it.
    pub(super) fn status(&self, id: &CredentialId, now: Time) -> &'static str {
        if self.line(id).any(|one| one.revoked_at.is_some()) {
            return "revoked";
        }
        let over = |one: &Credential| one.expires_at.is_some_and(|end| end <= now);
        if self.line(id).any(over) { "expired" } else { "active" }
    }

    /// Those of a family, newest first.
    pub(super) fn of_kind(&self, kind: CredentialKind) -> Vec<&Credential> {
        let mut found: Vec<_> = self.0.values().filter(|one| one.kind == kind).collect();
        found.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.id.cmp(&b.id)));
        found
    }

    pub(super) fn find(&self, id: &CredentialId) -> Option<&Credential> {
        self.0.get(id)
    }

    /// Those that an access list bounds.
    pub(super) fn on_list<'a>(&'a self, acl: &'a str) -> impl Iterator<Item = &'a Credential> {
        self.0.values().filter(move |one| one.acl_id.as_deref() == Some(acl))
    }

    /// The credential, the one that minted it, and so on.
    fn line<'a>(&'a self, id: &CredentialId) -> impl Iterator<Item = &'a Credential> {
        let first = self.0.get(id);
        let next = |one: &&'a Credential| one.minted_by.as_ref().and_then(|parent| self.0.get(parent));
        std::iter::successors(first, next).take(2 * GENERATIONS_MAX)
    }

    /// May this principal see and end it? A login may with all of its account's, a handed-out credential with
    /// itself and what descends from it.
    pub(super) fn manages(&self, principal: &Principal, id: &CredentialId) -> bool {
        principal.credential().is_none_or(|own| self.descends(id, own))
    }
}

impl Accounts {
    pub(super) async fn lineage(&self, account: &AccountId) -> Result<Lineage, AccountError> {
        let mut all = HashMap::new();
        for kind in [CredentialKind::ApiKey, CredentialKind::AclToken] {
            let those = self.store.credential_list(account.clone(), kind).await?;
            all.extend(those.into_iter().map(|one| (one.id.clone(), one)));
        }
        Ok(Lineage(all))
    }

    /// Does the principal hold all of these operations? What anybody may do is nobody's to hand on.
    ///
    /// # Errors
    /// Names the first that he lacks.
    pub(super) fn check_routes(&self, principal: &Principal, routes: &RouteSet) -> Result<(), AccountError> {
        let operations = self.catalogue.operations().iter().enumerate();
        let lacks = |number: &usize| routes.contains(*number) && !principal.policy.routes.contains(*number);
        let mut missing = operations.filter(|(number, op)| op.right != Right::Public && lacks(number));
        let Some((_, operation)) = missing.next() else { return Ok(()) };
        let (who, endpoint) = (principal.family.name(), acl::name(operation));
        let text = format!("This {who} cannot hand on what it does not hold: it lacks {endpoint:?}.");
        Err(beyond(Beyond { text, missing: Some((operation.right, endpoint)), exceeded: None }))
    }
}

/// Does the principal hold all of this, limits included? What is not said is taken over from him.
///
/// # Errors
/// Names the limit that is exceeded.
pub(super) fn check_limits(
    principal: &Principal,
    wallets: Option<&[WalletId]>,
    limits: &Restrictions,
    expires_at: Option<Time>,
) -> Result<(), AccountError> {
    if principal.credential().is_none() {
        return Ok(()); // a login's end is not the end of what it hands out
    }
    let own = &principal.policy;
    let more = |asked: Option<i64>, most: Option<i64>| asked.zip(most).is_some_and(|(asked, most)| asked > most);
    let elsewhere = |wallets: &[WalletId]| wallets.iter().any(|wallet| !own.reaches(wallet));
    let outside = |list: &Vec<ipnet::IpNet>| {
        limits.source_ips.iter().any(|network| !list.iter().any(|wider| wider.contains(network)))
    };
    let budget = limits.budget_msat.zip(limits.budget_period);
    let overspends = |(most, period): (i64, Period)| own.budgets.iter().any(|bound| most > within(bound, period));
    let exceeded = [
        ("wallets", wallets.is_some_and(elsewhere)),
        ("max_amount_msat", more(limits.max_amount_msat, own.max_amount.map(|most| most.0))),
        ("max_fee_msat", more(limits.max_fee_msat, own.max_fee.map(|most| most.0))),
        ("budget_msat", budget.is_some_and(overspends)),
        ("source_ips", own.sources.iter().any(outside)),
        ("expires_at", more(expires_at.map(|end| end.0), own.expires_at.map(|end| end.0))),
    ];
    let Some((limit, _)) = exceeded.into_iter().find(|(_, exceeded)| *exceeded) else { return Ok(()) };
    let who = principal.family.name();
    let text = format!("This {who} cannot hand on more than it holds: {limit} exceeds its own.");
    Err(beyond(Beyond { text, missing: None, exceeded: Some(limit) }))
}

fn beyond(what: Beyond) -> AccountError {
    AccountError::Beyond(Box::new(what))
}

/// The most that this budget lets through in such a period, in msat.
fn within(budget: &Budget, period: Period) -> i64 {
    // the most windows of the budget that begin in one period
    let windows = match (budget.period, period) {
        (Period::Day, Period::Week) => 7,
        (Period::Day, Period::Month) => 31,
        (Period::Week, Period::Month) => 6,
        _ => 1,
    };
    budget.limit.0.saturating_mul(windows)
}
