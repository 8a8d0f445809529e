//! One-time codes (TOTP, RFC 6238): enrolment, recovery codes, and the places that ask for one.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use totp_rs::Builder;

use super::{
    AccountError, Accounts,
    policy::{Family, Principal},
};
use crate::{
    domain::{Account, AccountId, Msat, Time, factor::Totp, ids::to_hex},
    store::StoreError,
};

/// Recovery codes that are handed out at enrolment.
const RECOVERY_CODES: usize = 10;
/// Wrong codes in a row that go without a pause.
const FREE_TRIES: u32 = 5;
/// The pause after the last of them, in seconds; each further wrong code doubles it, up to an hour.
const PAUSE_SECONDS: (i64, i64) = (30, 3600);
/// Accounts whose wrong codes are remembered at most; beyond, those without a pause are forgotten.
const REMEMBERED: usize = 10_000;

/// A secret for an authenticator.
pub struct Enrolment {
    /// Base32, to be typed.
    pub secret: String,
    /// `otpauth://…`, to be scanned.
    pub otpauth_uri: String,
}

/// What an account has of one-time codes.
#[derive(Debug, Default)]
pub struct TotpStatus {
    /// Are codes asked for?
    pub enabled: bool,
    /// Sends of more than this ask for one, too.
    pub above_sat: Option<i64>,
    /// Recovery codes that were not used yet.
    pub recovery_codes: i64,
}

/// Wrong codes in a row, by account. In memory: a restart forgives.
#[derive(Default)]
pub(super) struct WrongCodes(Mutex<HashMap<AccountId, (u32, Time)>>);

impl WrongCodes {
    /// Until when no code of this account is looked at.
    fn paused(&self, account: &AccountId, now: Time) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(account).is_some_and(|(_, until)| now < *until)
    }

    fn wrong(&self, account: &AccountId, now: Time) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.retain(|_, (_, until)| now < *until);
        }
        let (count, until) = known.entry(account.clone()).or_insert((0, now));
        *count = count.saturating_add(1);
        if let Some(beyond) = count.checked_sub(FREE_TRIES) {
            let (first, most) = PAUSE_SECONDS;
            *until = now.plus_seconds(first.checked_shl(beyond.min(10)).unwrap_or(most).min(most));
        }
    }

    fn right(&self, account: &AccountId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(account);
    }
}

/// Whether a code was shown, and how it was.
enum Shown {
    /// The account asks for none.
    NotAsked,
    Missing,
    Wrong,
    Right,
}

impl Accounts {
    /// Makes a secret. Nothing asks for codes until [`Self::totp_enable`] saw one.
    ///
    /// # Errors
    /// When codes are on already.
    pub async fn totp_begin(&self, principal: &Principal) -> Result<Enrolment, AccountError> {
        let account = self.account(&principal.account).await?;
        let secret: [u8; 20] = self.clock.bytes();
        let codes = codes(secret.to_vec(), &label(&account))?;
        let row = Totp {
            secret_sealed: self.vault.seal(&secret, &context(&account.id)),
            account_id: account.id,
            enabled: false,
            last_step: 0,
            above_sat: None,
            created_at: self.clock.now(),
        };
        if !self.store.totp_begin(row).await? {
            return Err(AccountError::invalid("One-time codes are on already. Turn them off first."));
        }
        let otpauth_uri = codes.to_url().map_err(|_| broken())?;
        Ok(Enrolment { secret: codes.secret().to_base32(), otpauth_uri })
    }

    /// Turns codes on with a first one, and answers the recovery codes.
    ///
    /// # Errors
    /// When there is no secret, codes are on already, or the code is wrong.
    pub async fn totp_enable(&self, principal: &Principal, code: &str) -> Result<Vec<String>, AccountError> {
        let account = &principal.account;
        let none = || AccountError::invalid("There is no secret to confirm. Ask for one by POST first.");
        let row = self.store.totp_find(account.clone()).await?.ok_or_else(none)?;
        if row.enabled {
            return Err(AccountError::invalid("One-time codes are on already."));
        }
        let now = self.clock.now();
        if self.wrong_codes.paused(account, now) {
            return Err(AccountError::TooManyCodes);
        }
        let Some(step) = self.step_of(&row, code)? else {
            self.wrong_codes.wrong(account, now);
            return Err(AccountError::invalid("Invalid one-time code."));
        };
        let recovery: Vec<String> = (0..RECOVERY_CODES).map(|_| recovery_code(self.clock.bytes())).collect();
        let hashes = recovery.iter().map(|code| self.recovery_hash(account, code)).collect();
        if !self.store.totp_enable(Totp { last_step: step, ..row }, hashes).await? {
            return Err(AccountError::invalid("One-time codes are on already."));
        }
        self.wrong_codes.right(account);
        Ok(recovery)
    }

    /// Turns codes off. Asks for one.
    ///
    /// # Errors
    /// When they are not on, or the code is missing or wrong.
    pub async fn totp_disable(&self, principal: &Principal, code: Option<&str>) -> Result<(), AccountError> {
        if !self.totp_status(principal).await?.enabled {
            return Err(AccountError::invalid("One-time codes are not on."));
        }
        self.confirm(&principal.account, code).await?;
        Ok(self.store.totp_end(principal.account.clone()).await?)
    }

    /// What the account has of one-time codes.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn totp_status(&self, principal: &Principal) -> Result<TotpStatus, AccountError> {
        let found = self.store.totp_find(principal.account.clone()).await?.filter(|totp| totp.enabled);
        let Some(totp) = found else { return Ok(TotpStatus::default()) };
        let recovery_codes = self.store.recovery_code_count(principal.account.clone()).await?;
        Ok(TotpStatus { enabled: true, above_sat: totp.above_sat, recovery_codes })
    }

    /// Says above which amount sends ask for a code. Asks for one itself.
    ///
    /// # Errors
    /// When codes are not on, or the code is missing or wrong.
    pub async fn totp_above(
        &self,
        principal: &Principal,
        above_sat: Option<i64>,
        code: Option<&str>,
    ) -> Result<(), AccountError> {
        self.confirm(&principal.account, code).await?;
        if !self.store.totp_set_above(principal.account.clone(), above_sat).await? && above_sat.is_some() {
            return Err(AccountError::invalid(
                "One-time codes are not on: turn them on by POST /api/v1/auth/totp first.",
            ));
        }
        Ok(())
    }

    /// Asks for the second factor of a login, if the account has one. To be called after the first factor was
    /// right and before the session is started.
    ///
    /// # Errors
    /// 401 when a code is missing, wrong, or used; 429 after too many wrong ones.
    pub async fn second_factor(&self, account: &AccountId, code: Option<&str>) -> Result<(), AccountError> {
        match self.code_shown(account, code).await? {
            Shown::NotAsked | Shown::Right => Ok(()),
            Shown::Missing => Err(AccountError::OtpRequired),
            Shown::Wrong => Err(AccountError::Unauthenticated("Invalid one-time code.")),
        }
    }

    /// Asks for a code before something happens that a session alone must not do.
    ///
    /// # Errors
    /// 403 when a code is missing, wrong, or used; 429 after too many wrong ones.
    pub async fn confirm(&self, account: &AccountId, code: Option<&str>) -> Result<(), AccountError> {
        match self.code_shown(account, code).await? {
            Shown::NotAsked | Shown::Right => Ok(()),
            Shown::Missing => Err(AccountError::OtpToGoOn),
            Shown::Wrong => Err(AccountError::Forbidden("Invalid one-time code.".into())),
        }
    }

    /// Asks for a code before a person pays more than what the account lets pass without. Keys and tokens have
    /// limits of their own and are not asked; what the ledger cannot read it refuses itself.
    ///
    /// # Errors
    /// As [`Self::confirm`].
    pub async fn confirm_payment(
        &self,
        principal: &Principal,
        amount: impl FnOnce() -> Option<Msat>,
        code: Option<&str>,
    ) -> Result<(), AccountError> {
        if !matches!(principal.family, Family::Session | Family::AdminSession | Family::SuperUserSession) {
            return Ok(());
        }
        let found = self.store.totp_find(principal.account.clone()).await?;
        let Some(above) = found.filter(|totp| totp.enabled).and_then(|totp| totp.above_sat) else { return Ok(()) };
        let Some(amount) = amount() else { return Ok(()) };
        if amount <= Msat::from_sat(above).unwrap_or(Msat::MAX) {
            return Ok(());
        }
        self.confirm(&principal.account, code).await
    }

    async fn code_shown(&self, account: &AccountId, code: Option<&str>) -> Result<Shown, AccountError> {
        let found = self.store.totp_find(account.clone()).await?;
        let Some(totp) = found.filter(|totp| totp.enabled) else { return Ok(Shown::NotAsked) };
        let Some(code) = code.map(str::trim).filter(|code| !code.is_empty()) else { return Ok(Shown::Missing) };
        let now = self.clock.now();
        if self.wrong_codes.paused(account, now) {
            return Err(AccountError::TooManyCodes);
        }
        let right = match self.step_of(&totp, code)? {
            // only the first to show a step's code gets through, on whichever server
            Some(step) => self.store.totp_use(account.clone(), step).await?,
            None => self.store.recovery_code_use(account.clone(), self.recovery_hash(account, code)).await?,
        };
        if right {
            self.wrong_codes.right(account);
            Ok(Shown::Right)
        } else {
            self.wrong_codes.wrong(account, now);
            Ok(Shown::Wrong)
        }
    }

    /// The step whose code this is, one step to either side included.
    fn step_of(&self, totp: &Totp, code: &str) -> Result<Option<i64>, AccountError> {
        let secret = self.vault.open(&totp.secret_sealed, &context(&totp.account_id)).ok_or_else(broken)?;
        let now = u64::try_from(self.clock.now().unix()).unwrap_or(0);
        let code: String = code.chars().filter(|c| *c != ' ').collect();
        let step = codes(secret, "account")?.check(&code, now);
        Ok(step.and_then(|step| i64::try_from(step).ok()))
    }

    /// How a recovery code is remembered: people may write it with or without its dashes.
    fn recovery_hash(&self, account: &AccountId, code: &str) -> Vec<u8> {
        let plain: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
        self.vault.fingerprint(&format!("recovery/{account}/{}", plain.to_lowercase())).to_vec()
    }
}

/// Six digits every 30 seconds by HMAC-SHA-1: what every authenticator can do.
fn codes(secret: Vec<u8>, account: &str) -> Result<totp_rs::Totp, AccountError> {
    let builder = Builder::new().with_secret(secret).with_skew(1).with_issuer(Some("Satchel"));
    builder.with_account_name(account).build().map_err(|_| broken())
}

/// What the authenticator calls the account. A colon would end the issuer's name.
fn label(account: &Account) -> String {
    let name = account.username.clone().or_else(|| account.email.clone());
    name.unwrap_or_else(|| account.id.to_string()).replace(':', "")
}

/// `xxxx-xxxx-xxxx-xxxx`: 64 random bits, and only a keyed hash of them is stored.
fn recovery_code(random: [u8; 8]) -> String {
    let (groups, _) = random.as_chunks::<2>();
    groups.iter().map(|group| to_hex(group)).collect::<Vec<_>>().join("-")
}

fn context(account: &AccountId) -> String {
    format!("totp/{account}")
}

fn broken() -> AccountError {
    let why = "a TOTP secret does not open: is the master secret the one it was sealed with?";
    AccountError::Store(StoreError::Unavailable(why.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{WrongCodes, codes};
    use crate::domain::Time;

    /// RFC 6238, appendix B: the last six of its eight digits.
    #[test]
    fn the_codes_are_those_of_the_rfc() {
        let codes = codes(b"12345678901234567890".to_vec(), "test").unwrap();
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(codes.generate(time).to_string(), code);
            for near in [time - 30, time, time + 30] {
                assert_eq!(codes.check(code, near), Some(time / 30));
            }
            assert_eq!(codes.check(code, time + 60), None);
        }
    }

    #[test]
    fn wrong_codes_pause_longer_and_longer() {
        let (wrong, account) = (WrongCodes::default(), [1; 16].into());
        let mut now = Time::from_unix(1000);
        for _ in 0..5 {
            assert!(!wrong.paused(&account, now));
            wrong.wrong(&account, now);
        }
        for seconds in [30, 60, 120] {
            assert!(wrong.paused(&account, now.plus_seconds(seconds - 1)));
            now = now.plus_seconds(seconds);
            assert!(!wrong.paused(&account, now));
            wrong.wrong(&account, now);
        }
        wrong.right(&account);
        assert!(!wrong.paused(&account, now));
    }
}
