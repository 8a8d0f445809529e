//! The super user looking at an account as its owner does. The login is marked, so that its owner sees who it was.

use super::{
    AccountError, Accounts,
    login::Login,
    policy::{Family, Principal},
};
use crate::domain::{AccountId, account::Session};

impl Accounts {
    /// Begins a login to another account. It ends with the super user's own at the latest.
    ///
    /// # Errors
    /// When there is no such account, or it is his own or out of use.
    pub async fn impersonate(
        &self,
        super_user: &Principal,
        target: &str,
        user_agent: &str,
    ) -> Result<Login, AccountError> {
        const NOBODY: AccountError = AccountError::Unauthenticated("User ID does not exist.");
        let id: AccountId = target.replace('-', "").to_lowercase().parse().map_err(|()| NOBODY)?;
        if id == super_user.account {
            return Err(AccountError::Forbidden("You cannot impersonate yourself.".into()));
        }
        let account = self.store.account_find(id).await?.ok_or(NOBODY)?;
        if account.super_user || account.admin {
            return Err(AccountError::Forbidden("You cannot impersonate another admin user.".into()));
        }
        if !account.activated {
            return Err(AccountError::Forbidden("This account is not active.".into()));
        }
        let fresh = self.fresh_session(&account.id, user_agent);
        let ends = super_user.policy.expires_at.map_or(fresh.expires_at, |end| end.min(fresh.expires_at));
        let session = Session { expires_at: ends, impersonated_by: Some(super_user.account.clone()), ..fresh };
        self.begin_session(&account, session).await
    }

    /// Goes back to the super user's own login, whose token the browser kept, and ends the other.
    ///
    /// # Errors
    /// When that token is not one of the super user.
    pub async fn stop_impersonating(&self, caller: &Principal, own_token: &str) -> Result<(), AccountError> {
        let own = self.by_token(own_token).await?;
        if own.family != Family::SuperUserSession {
            return Err(AccountError::Unauthenticated("No admin access token found to stop impersonation."));
        }
        let Some(session) = caller.session().cloned() else { return Ok(()) };
        let found = self.store.session_find(session).await?;
        if found.is_some_and(|(session, _)| session.impersonated_by.is_some()) {
            self.logout(caller).await?;
        }
        Ok(())
    }

    /// Whoever ends a login of the super user's ends what was begun from it, too.
    pub(super) async fn end_impersonations(&self, principal: &Principal) -> Result<(), AccountError> {
        if principal.family == Family::SuperUserSession {
            self.store.session_revoke_impersonated(principal.account.clone(), self.clock.now()).await?;
        }
        Ok(())
    }
}
