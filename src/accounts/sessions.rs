//! Logins: beginning them, listing and ending one's own, and the keys that sign their tokens.

use super::{AccountError, Accounts, login::Login, policy::Principal};
use crate::{
    domain::{Account, AccountId, SessionId, account::Session},
    store::{Refusal, StoreError},
};

/// The key that signs session tokens.
pub struct SigningKey {
    /// Which: one more with each rotation.
    pub number: i64,
    /// Its name in the tokens (`kid`).
    pub id: String,
}

impl Accounts {
    /// A login of this account that begins now and has its full life before it.
    pub(super) fn fresh_session(&self, account: &AccountId, user_agent: &str) -> Session {
        let now = self.clock.now();
        Session {
            id: self.clock.uuid().into(),
            account_id: account.clone(),
            created_at: now,
            expires_at: now.plus_seconds(self.limits().session_minutes.saturating_mul(60)),
            revoked_at: None,
            user_agent: user_agent.chars().filter(|c| !c.is_control()).take(200).collect(),
            last_used_at: None,
            last_used_ip: None,
            impersonated_by: None,
        }
    }

    /// Writes a login and signs its token.
    pub(super) async fn begin_session(&self, account: &Account, session: Session) -> Result<Login, AccountError> {
        let token = self.tokens.sign(account, &session);
        let access_token = token.ok_or_else(|| AccountError::invalid("The session could not be signed."))?;
        self.store.session_create(session).await?;
        Ok(Login { access_token })
    }

    /// The caller's own logins that are alive, newest first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn sessions(&self, principal: &Principal) -> Result<Vec<Session>, AccountError> {
        Ok(self.store.session_list(principal.account.clone(), self.clock.now()).await?)
    }

    /// Ends one of the caller's own logins.
    ///
    /// # Errors
    /// When it is not his, or is over.
    pub async fn end_session(&self, principal: &Principal, id: &str) -> Result<(), AccountError> {
        let missing = || AccountError::Missing("Session not found.");
        let id: SessionId = id.parse().map_err(|()| missing())?;
        let ended = self.store.session_revoke_own(principal.account.clone(), id, self.clock.now()).await?;
        self.end_impersonations(principal).await?;
        self.grants.forget();
        if ended { Ok(()) } else { Err(missing()) }
    }

    /// Ends all of the caller's logins but the one he calls with.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn end_other_sessions(&self, principal: &Principal) -> Result<(), AccountError> {
        let keep = principal.session().cloned();
        self.store.session_revoke_others(principal.account.clone(), keep, self.clock.now()).await?;
        self.end_impersonations(principal).await?;
        self.grants.forget();
        Ok(())
    }

    /// Lets a new key sign session tokens; those that are signed already stay good as long as their sessions live.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn rotate_session_key(&self) -> Result<SigningKey, AccountError> {
        loop {
            match self.store.session_key_rotate(self.clock.now()).await {
                Err(StoreError::Refused(Refusal::Taken(_))) => {} // another server rotated at the same moment
                Err(error) => return Err(error.into()),
                Ok(_) => break,
            }
        }
        self.load_session_keys().await?;
        let (number, id) = self.tokens.current();
        Ok(SigningKey { number, id })
    }

    /// Reads which keys sign and check session tokens. To be called before the first request is served.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn load_session_keys(&self) -> Result<(), AccountError> {
        let rotations = self.store.session_key_list().await?;
        self.tokens.know(&rotations, self.limits().session_minutes);
        Ok(())
    }
}
