//! Passkeys (`WebAuthn` Level 3): making, listing and removing them, and logging in with one.
//!
//! A passkey counts as both factors: it is made and used only with user verification, so that whoever
//! answers has the device and its PIN or finger. What a browser is asked to sign lies in the database, so
//! that any server can take the answer, and the first answer takes it away.

use std::borrow::Borrow;

use serde_json::Value;
use webauthn_rp::{
    AuthenticatedCredential, DiscoverableAuthentication16, DiscoverableAuthenticationServerState,
    DiscoverableCredentialRequestOptions, PublicKeyCredentialCreationOptions, Registration, RegistrationServerState,
    bin::{Decode, Encode},
    request::{
        AsciiDomain, ExtensionInfo, PublicKeyCredentialDescriptor, RpId,
        auth::AuthenticationVerificationOptions,
        register::{
            CredProtect, PublicKeyCredentialUserEntity, RegistrationVerificationOptions, UserHandle16, Username,
        },
    },
    response::{
        AuthTransports, CredentialId, SentChallenge,
        register::{CompressedPubKey, DynamicState, StaticState},
    },
};

use super::{AccountError, Accounts, login::Login, policy::Principal};
use crate::{
    domain::{
        Account, AccountId,
        factor::{Challenge, ChallengeKind, Passkey},
        ids::{array_from_hex, to_hex},
    },
    store::{Refusal, StoreError},
};

/// How long a browser may take to answer, in seconds; the library's own limit is the same.
const ANSWER_SECONDS: i64 = 300;
/// The most passkeys that an account can have.
const PASSKEYS_MAX: usize = 50;
/// The longest name of a passkey, in characters.
const NAME_MAX: usize = 100;

/// A public key as it is stored.
type StoredKey = CompressedPubKey<[u8; 32], [u8; 32], [u8; 48], Vec<u8>>;

/// Who asks for signatures: the server, by its public address.
pub(super) struct RelyingParty {
    id: RpId,
    /// What browsers say they are looking at.
    origin: String,
}

impl RelyingParty {
    /// The one at this address; `None` when it is an IP address, because passkeys are bound to names. On this
    /// machine's own addresses it is `localhost`.
    pub(super) fn at(public_url: &str) -> Option<Self> {
        let (scheme, rest) = public_url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => (host, Some(port)),
            _ => (authority, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let host = match host.parse::<std::net::IpAddr>() {
            Ok(address) if address.is_loopback() => "localhost".to_owned(),
            Ok(_) => return None,
            Err(_) => host,
        };
        let id = RpId::Domain(AsciiDomain::try_from(host.clone()).ok()?);
        // browsers leave the usual port away
        let usual = matches!((scheme, port), ("https", Some("443")) | ("http", Some("80")));
        let port = port.filter(|_| !usual).map(|port| format!(":{port}")).unwrap_or_default();
        Some(Self { id, origin: format!("{scheme}://{host}{port}") })
    }
}

impl Accounts {
    /// Asks a browser to make a passkey; the answer goes to [`Self::passkey_register`].
    ///
    /// # Errors
    /// When the account asks for a one-time code and has not got one, or the server has no name.
    pub async fn passkey_register_start(
        &self,
        principal: &Principal,
        code: Option<&str>,
    ) -> Result<Value, AccountError> {
        let party = self.relying_party()?;
        // whoever has a passkey needs no code any more: it takes one to get there
        self.confirm(&principal.account, code).await?;
        let account = self.account(&principal.account).await?;
        let known = self.store.passkey_list(account.id.clone()).await?;
        if known.len() >= PASSKEYS_MAX {
            return Err(AccountError::Invalid(format!("An account has at most {PASSKEYS_MAX} passkeys.")));
        }
        let exclude = known.into_iter().filter_map(|passkey| {
            let id = CredentialId::<Vec<u8>>::decode(passkey.credential_id).ok()?;
            // no hints: the browser finds out how to reach the device
            Some(PublicKeyCredentialDescriptor { id, transports: AuthTransports::decode(0).ok()? })
        });
        let (handle, name, id) = (handle(&account.id), name_of(&account), account.id.to_string());
        let name = Username::try_from(name.as_str()).or_else(|_| Username::try_from(id.as_str()));
        let user = PublicKeyCredentialUserEntity { name: name.map_err(|_| broken())?, id: &handle, display_name: None };
        let mut options = PublicKeyCredentialCreationOptions::passkey(&party.id, user, exclude.collect());
        // Every login asks for the person anyway (`userVerification`). Who insists that the device enforces it, too, is
        // refused by browsers whose devices do not know how.
        options.extensions.cred_protect = CredProtect::UserVerificationRequired(ExtensionInfo::AllowDontEnforceValue);
        let (server, client) = options.start_ceremony().map_err(|_| broken())?;
        let asked = serde_json::to_value(&client).map_err(|_| broken())?;
        let state = server.encode().map_err(|_| broken())?;
        self.ask(ChallengeKind::Register, Some(account.id), server.borrow(), state).await?;
        Ok(asked)
    }

    /// Takes a browser's answer and remembers the passkey.
    ///
    /// # Errors
    /// When it does not answer what was asked of this account, or came too late.
    pub async fn passkey_register(
        &self,
        principal: &Principal,
        name: Option<String>,
        answer: &str,
    ) -> Result<Passkey, AccountError> {
        let party = self.relying_party()?;
        let name = name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| "Passkey".to_owned());
        if name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
            return Err(AccountError::Invalid(format!("A passkey's name has at most {NAME_MAX} characters.")));
        }
        let unreadable =
            |error| AccountError::Invalid(format!("This is not an answer to a passkey challenge: {error}."));
        let registration = Registration::from_json_relaxed(answer.as_bytes()).map_err(unreadable)?;
        let challenge = registration.challenge_relaxed().map_err(unreadable)?;
        let asked = self.take(ChallengeKind::Register, &challenge).await?;
        let asked = asked.filter(|asked| asked.account_id.as_ref() == Some(&principal.account)).ok_or_else(stale)?;
        let state = RegistrationServerState::<16>::decode(asked.state.as_slice()).map_err(|_| broken())?;
        let rules = RegistrationVerificationOptions::<&str, &str> {
            allowed_origins: &[&party.origin],
            error_on_unsolicited_extensions: false,
            ..RegistrationVerificationOptions::default()
        };
        let made = state
            .verify(&party.id, &registration, &rules)
            .map_err(|error| AccountError::Invalid(format!("The passkey was not accepted: {error}.")))?;
        let passkey = Passkey {
            id: to_hex(&self.clock.uuid()),
            account_id: principal.account.clone(),
            name,
            credential_id: made.id().as_ref().to_vec(),
            static_state: made.static_state().encode().map_err(|_| broken())?,
            dynamic_state: made.dynamic_state().encode().map_err(|_| broken())?.to_vec(),
            created_at: self.clock.now(),
            last_used_at: None,
        };
        match self.store.passkey_create(passkey.clone()).await {
            Err(StoreError::Refused(Refusal::Taken(_))) => {
                Err(AccountError::invalid("This passkey is registered already."))
            }
            Err(error) => Err(error.into()),
            Ok(()) => Ok(passkey),
        }
    }

    /// The account's passkeys, oldest first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn passkeys(&self, principal: &Principal) -> Result<Vec<Passkey>, AccountError> {
        Ok(self.store.passkey_list(principal.account.clone()).await?)
    }

    /// Removes one of the account's passkeys. Asks for a one-time code, where the account has them.
    ///
    /// # Errors
    /// When there is none such, or a code is missing or wrong.
    pub async fn passkey_remove(
        &self,
        principal: &Principal,
        id: &str,
        code: Option<&str>,
    ) -> Result<(), AccountError> {
        let missing = || AccountError::Missing("Passkey not found.");
        if !self.passkeys(principal).await?.iter().any(|passkey| passkey.id == id) {
            return Err(missing());
        }
        self.confirm(&principal.account, code).await?;
        let gone = self.store.passkey_delete(principal.account.clone(), id.to_owned()).await?;
        if gone { Ok(()) } else { Err(missing()) }
    }

    /// Asks a browser to sign with a passkey: with any of its owner's, or with one of the account of this name.
    /// Whether there is such an account, the question does not show.
    ///
    /// # Errors
    /// When the server has no name, or the database is not available.
    pub async fn passkey_login_start(&self, username: Option<&str>) -> Result<Value, AccountError> {
        let party = self.relying_party()?;
        let account = match username {
            Some(name) => {
                let found = self.store.account_by_login(name.to_lowercase()).await?.map(|account| account.id);
                // nobody's: no passkey answers for it
                Some(found.unwrap_or_else(|| self.clock.uuid().into()))
            }
            None => None,
        };
        let options = DiscoverableCredentialRequestOptions::passkey(&party.id);
        let (server, client) = options.start_ceremony().map_err(|_| broken())?;
        let asked = serde_json::to_value(&client).map_err(|_| broken())?;
        let state = server.encode().map_err(|_| broken())?;
        self.ask(ChallengeKind::Login, account, server.borrow(), state).await?;
        Ok(asked)
    }

    /// Logs in with a browser's answer.
    ///
    /// # Errors
    /// When it does not answer what was asked, is of no passkey that is known, or its account is out of use.
    pub async fn passkey_login(&self, answer: &str, user_agent: String) -> Result<Login, AccountError> {
        let owner = self.passkey_check(answer).await?;
        let account = self.store.account_find(owner).await?.filter(|account| account.activated);
        let account = account.ok_or(AccountError::Unauthenticated("User not found."))?;
        self.start_session(&account, user_agent).await
    }

    /// Takes a passkey's answer in place of a one-time code.
    pub(super) async fn second_factor_by_passkey(&self, account: &AccountId, answer: &str) -> Result<(), AccountError> {
        if self.passkey_check(answer).await? == *account { Ok(()) } else { Err(REFUSED) }
    }

    /// Whose passkey signed?
    async fn passkey_check(&self, answer: &str) -> Result<AccountId, AccountError> {
        let party = self.relying_party()?;
        let unreadable =
            |error| AccountError::Invalid(format!("This is not an answer to a passkey challenge: {error}."));
        let answer = DiscoverableAuthentication16::from_json_relaxed(answer.as_bytes()).map_err(unreadable)?;
        let challenge = answer.challenge_relaxed().map_err(unreadable)?;
        let asked = self.take(ChallengeKind::Login, &challenge).await?.ok_or_else(stale)?;
        let found = self.store.passkey_find(answer.raw_id().as_ref().to_vec()).await?.ok_or(REFUSED)?;
        if asked.account_id.is_some_and(|wanted| wanted != found.account_id) {
            return Err(REFUSED);
        }
        let state = DiscoverableAuthenticationServerState::decode(asked.state.as_slice()).map_err(|_| broken())?;
        let owner = handle(&found.account_id);
        let fixed = StaticState::<StoredKey>::decode(found.static_state.as_slice()).map_err(|_| broken())?;
        let moving = <[u8; 7]>::try_from(found.dynamic_state.as_slice()).map_err(|_| broken())?;
        let moving = DynamicState::decode(moving).map_err(|_| broken())?;
        let mut credential =
            AuthenticatedCredential::new(answer.raw_id(), &owner, fixed, moving).map_err(|_| broken())?;
        let rules = AuthenticationVerificationOptions::<&str, &str> {
            allowed_origins: &[&party.origin],
            error_on_unsolicited_extensions: false,
            ..AuthenticationVerificationOptions::default()
        };
        if let Err(error) = state.verify(&party.id, &answer, &mut credential, &rules) {
            tracing::info!(passkey = found.id, %error, "a passkey's answer was refused");
            return Err(REFUSED);
        }
        let was = found.dynamic_state.clone();
        let used = Passkey {
            dynamic_state: credential.dynamic_state().encode().map_err(|_| broken())?.to_vec(),
            last_used_at: Some(self.clock.now()),
            ..found
        };
        if self.store.passkey_used(used.clone(), was).await? { Ok(used.account_id) } else { Err(REFUSED) }
    }

    fn relying_party(&self) -> Result<&RelyingParty, AccountError> {
        self.relying_party.as_deref().ok_or_else(|| {
            AccountError::invalid(
                "Passkeys are bound to a domain name: set SATCHEL_PUBLIC_URL to one, not to an address.",
            )
        })
    }

    /// Remembers what was asked.
    async fn ask(
        &self,
        kind: ChallengeKind,
        account_id: Option<AccountId>,
        challenge: &SentChallenge,
        state: Vec<u8>,
    ) -> Result<(), AccountError> {
        let id = id_of(challenge);
        let now = self.clock.now();
        let challenge = Challenge { id, kind, account_id, state, expires_at: now.plus_seconds(ANSWER_SECONDS) };
        Ok(self.store.challenge_create(challenge, now).await?)
    }

    /// Takes away what was asked with this challenge; `None` when nothing was, or it is too long ago.
    async fn take(&self, kind: ChallengeKind, challenge: &SentChallenge) -> Result<Option<Challenge>, AccountError> {
        let taken = self.store.challenge_take(id_of(challenge), kind).await?;
        Ok(taken.filter(|challenge| challenge.expires_at > self.clock.now()))
    }
}

const REFUSED: AccountError = AccountError::Unauthenticated("The passkey was not accepted.");

fn stale() -> AccountError {
    AccountError::invalid("This challenge was answered before, is too old, or was never asked. Start again.")
}

fn broken() -> AccountError {
    AccountError::Store(StoreError::Unavailable("a passkey or its challenge cannot be read or written".to_owned()))
}

/// A challenge's row: the 128 random bits in hex.
fn id_of(challenge: &SentChallenge) -> String {
    let Ok(bits) = challenge.encode();
    to_hex(&bits.to_be_bytes())
}

/// How devices name the account: its id, which says nothing about a person.
fn handle(account: &AccountId) -> UserHandle16 {
    let bytes = array_from_hex(account.as_str()).unwrap_or_default();
    let Ok(handle) = UserHandle16::decode(bytes);
    handle
}

/// What the device shows its owner.
fn name_of(account: &Account) -> String {
    account.username.clone().or_else(|| account.email.clone()).unwrap_or_else(|| account.id.to_string())
}

#[cfg(test)]
mod tests {
    use super::RelyingParty;

    #[test]
    fn a_relying_party_has_a_name() {
        for (url, id, origin) in [
            ("https://wallet.example.org", "wallet.example.org", "https://wallet.example.org"),
            ("https://Wallet.Example.org:443/x", "wallet.example.org", "https://wallet.example.org"),
            ("https://example.org:8443", "example.org", "https://example.org:8443"),
            ("http://127.0.0.1:5000", "localhost", "http://localhost:5000"),
            ("http://[::1]:5000", "localhost", "http://localhost:5000"),
            ("http://localhost", "localhost", "http://localhost"),
        ] {
            let party = RelyingParty::at(url).unwrap();
            assert_eq!((party.id.as_ref(), party.origin.as_str()), (id, origin), "{url}");
        }
        for url in ["http://203.0.113.7:5000", "https://[2001:db8::1]", "nonsense"] {
            assert!(RelyingParty::at(url).is_none(), "{url}");
        }
    }
}
