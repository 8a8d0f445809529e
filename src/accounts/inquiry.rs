//! "What may I do?" and "would this request pass, and if not, by which rule?", without doing anything.

use std::net::IpAddr;

use super::{
    AccountError, Accounts, acl,
    policy::{Operation, Principal, Right},
};
use crate::domain::{
    Msat, Time, WalletId,
    credential::{Budget, Credential},
};

/// A request that somebody thinks of making.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path, with or without a query.
    pub path: String,
    /// Does it pay? Only where one route both receives and pays.
    pub out: Option<bool>,
    /// What it pays.
    pub amount: Option<Msat>,
    /// Which wallet it names.
    pub wallet: Option<String>,
    /// From where.
    pub from: Option<IpAddr>,
    /// When; now, unless said.
    pub at: Option<Time>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The policy lets it through. Whether it succeeds is another matter.
    Allowed,
    /// It does not.
    Refused {
        /// Which rule: `endpoint`, `right`, `expires_at`, `source_ips`, `wallets`, `max_amount_msat`, `budget_msat`.
        rule: &'static str,
        /// For people.
        detail: String,
        /// The right that is missing and the endpoint that asks for it.
        missing: Option<(Right, String)>,
    },
}

/// A budget, and how much of it is spent in its present period, where that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetState {
    /// Whose, how much, how often.
    pub budget: Budget,
    /// Spent or held in the present period.
    pub spent: Option<Msat>,
}

impl BudgetState {
    /// What is left of it.
    pub fn left(&self) -> Option<Msat> {
        self.spent.map(|spent| Msat(self.budget.limit.0.saturating_sub(spent.0).max(0)))
    }
}

fn refused(rule: &'static str, detail: impl Into<String>) -> Verdict {
    Verdict::Refused { rule, detail: detail.into(), missing: None }
}

impl Accounts {
    /// The endpoints that a principal may use, as access lists name them.
    pub fn endpoints(&self, principal: &Principal) -> Vec<String> {
        let operations = self.catalogue.operations().iter().enumerate();
        let allowed =
            operations.filter(|(number, op)| op.right == Right::Public || principal.policy.routes.contains(*number));
        allowed.map(|(_, operation)| acl::name(operation)).collect()
    }

    /// The row of the handed-out credential that a principal bears, if he bears one.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn own_credential(&self, principal: &Principal) -> Result<Option<Credential>, AccountError> {
        match principal.credential() {
            Some(id) => Ok(self.store.credential_find(id.clone()).await?),
            None => Ok(None),
        }
    }

    /// The budgets that a principal's spending counts against, and what is spent of them.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn budgets(&self, principal: &Principal) -> Result<Vec<BudgetState>, AccountError> {
        let mut states = Vec::new();
        for budget in &principal.policy.budgets {
            let spent = self.store.budget_spent(budget.clone(), self.clock.now()).await?;
            states.push(BudgetState { budget: budget.clone(), spent: Some(spent.spent) });
        }
        Ok(states)
    }

    /// Would the request pass?
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn would_pass(&self, principal: &Principal, question: &Question) -> Result<Verdict, AccountError> {
        let path = question.path.split('?').next().unwrap_or_default();
        let Some((number, operation)) = self.operation(&question.method, path, question.out) else {
            let asked: String = format!("{} {path}", question.method).chars().take(200).collect();
            return Ok(refused("endpoint", format!("There is no endpoint {asked:?}.")));
        };
        let policy = &principal.policy;
        let who = principal.family.name();
        if operation.right != Right::Public && !policy.routes.contains(number) {
            let endpoint = acl::name(operation);
            let detail = format!("This {who} lacks {endpoint:?}.");
            return Ok(Verdict::Refused { rule: "right", detail, missing: Some((operation.right, endpoint)) });
        }
        if operation.right == Right::Public {
            return Ok(Verdict::Allowed); // anybody may, from anywhere
        }
        let at = question.at.unwrap_or_else(|| self.clock.now());
        if policy.expires_at.is_some_and(|end| end <= at) {
            return Ok(refused("expires_at", format!("This {who} ends before that.")));
        }
        if question.from.is_some_and(|from| !policy.admits(from)) {
            return Ok(refused("source_ips", format!("This {who} may not be used from this address.")));
        }
        if let Some(verdict) = self.on_wallet(principal, operation, path, question.wallet.as_deref()).await? {
            return Ok(verdict);
        }
        let amount = question.amount.filter(|_| operation.right == Right::WalletSend);
        let Some(amount) = amount else { return Ok(Verdict::Allowed) };
        if let Some(most) = policy.max_amount.filter(|most| amount > *most) {
            return Ok(refused("max_amount_msat", format!("This {who} pays at most {} msat at once.", most.0)));
        }
        for state in self.budgets(principal).await? {
            let left = state.left().unwrap_or(state.budget.limit);
            if amount > left {
                let detail =
                    format!("{} msat are left of this {who}'s budget for the {}.", left.0, state.budget.period);
                return Ok(refused("budget_msat", detail));
            }
        }
        Ok(Verdict::Allowed)
    }

    /// What stands against acting on the wallet that is meant, if anything.
    async fn on_wallet(
        &self,
        principal: &Principal,
        operation: &Operation,
        path: &str,
        named: Option<&str>,
    ) -> Result<Option<Verdict>, AccountError> {
        let in_path = part(operation.path, path, "{wallet_id}").and_then(|id| id.parse::<WalletId>().ok());
        if in_path.is_some_and(|id| !principal.policy.reaches(&id)) {
            return Ok(Some(refused("wallets", format!("This {} is not for that wallet.", principal.family.name()))));
        }
        let of_wallet =
            [Right::WalletRead, Right::WalletReceive, Right::WalletSend, Right::WalletManage, Right::WalletShare];
        if !of_wallet.contains(&operation.right) {
            return Ok(None);
        }
        match self.wallet_of(principal, named).await {
            Ok(_) => Ok(None),
            Err(error @ AccountError::Store(_)) => Err(error),
            Err(error) => Ok(Some(refused("wallets", error.to_string()))),
        }
    }

    /// The operation that a request comes by. Fixed words go before variable parts, as they do in the server.
    fn operation(&self, method: &str, path: &str, out: Option<bool>) -> Option<(usize, &Operation)> {
        let numbered = self.catalogue.operations().iter().enumerate();
        let wanted_fork = if out.unwrap_or(true) { "send" } else { "receive" };
        let candidates = numbered.filter(|(_, op)| {
            let fork = op.fork.is_empty() || op.fork == wanted_fork;
            fork && op.method.eq_ignore_ascii_case(method) && fits(op.path, path)
        });
        candidates.min_by_key(|(_, op)| op.path.matches('{').count())
    }
}

/// Is the path one of this template?
fn fits(template: &str, path: &str) -> bool {
    let (mut words, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (words.next(), given.next()) {
            (None, None) => return true,
            (Some(word), Some(part)) if word == part || (word.starts_with('{') && !part.is_empty()) => {}
            _ => return false,
        }
    }
}

/// What stands in the path where the template has this variable.
fn part<'a>(template: &str, path: &'a str, variable: &str) -> Option<&'a str> {
    template.split('/').zip(path.split('/')).find(|(word, _)| *word == variable).map(|(_, part)| part)
}
