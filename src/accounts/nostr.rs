//! Logins by a signed Nostr event: NIP-98, HTTP Auth.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use nostr::{event::Event, key::PublicKey, nips::nip19::FromBech32};
use sha2::{Digest, Sha256};

use super::{AccountError, Accounts, Login, login::Visitor, policy::Principal};
use crate::{
    config::logins::LoginMethod,
    domain::{Account, AccountId, Time, ids::to_hex},
};

/// The kind of an HTTP Auth event.
const KIND: u16 = 27_235;
/// How far an event's time may be from ours, in seconds.
const SKEW_SECONDS: i64 = 60;
/// How long used events are remembered, in seconds; longer than any of them could be presented again.
const REMEMBERED_SECONDS: i64 = 10 * SKEW_SECONDS;

/// Base64 as clients write it: with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads the header `Authorization: Nostr <base64 of the event>` and checks id and signature (NIP-01, BIP-340).
///
/// # Errors
/// Says what is wrong, in the words that LNbits clients know.
pub fn parse(header: Option<&str>) -> Result<Event, AccountError> {
    let header = header.ok_or_else(|| AccountError::invalid("Nostr Auth header missing."))?;
    let mut words = header.split_whitespace();
    let (scheme, event) = match (words.next(), words.next(), words.next()) {
        (Some(scheme), Some(event), None) => (scheme, event),
        (_, _, Some(_)) => return Err(AccountError::invalid("too many values to unpack (expected 2)")),
        (first, ..) => {
            let got = usize::from(first.is_some());
            return Err(AccountError::Invalid(format!("not enough values to unpack (expected 2, got {got})")));
        }
    };
    if !scheme.eq_ignore_ascii_case("nostr") {
        return Err(AccountError::invalid("Invalid Authorization scheme."));
    }
    let json = BASE64.decode(event).ok();
    let event = json.and_then(|json| serde_json::from_slice::<Event>(&json).ok());
    let event = event.ok_or_else(|| AccountError::invalid("Nostr login event cannot be parsed."))?;
    event.verify().map_err(|_| AccountError::invalid("Nostr login event is not valid."))?;
    Ok(event)
}

/// Is the event for a POST to one of these URLs, with this body, now?
///
/// # Errors
/// Says what is wrong, in the words that LNbits clients know.
pub fn check(event: &Event, urls: &[String], body: &[u8], now: Time) -> Result<(), AccountError> {
    if u16::from(event.kind) != KIND {
        return Err(AccountError::invalid("Invalid event kind."));
    }
    let signed_at = i64::try_from(event.created_at.as_secs()).unwrap_or(i64::MAX);
    if now.unix().abs_diff(signed_at) > SKEW_SECONDS.unsigned_abs() {
        let text = format!("More than {SKEW_SECONDS} seconds have passed since the event was signed.");
        return Err(AccountError::Invalid(text));
    }
    let method = tag(event, "method").ok_or_else(|| AccountError::invalid("Tag 'method' is missing."))?;
    if !method.eq_ignore_ascii_case("post") {
        return Err(AccountError::invalid("Invalid value for tag 'method'."));
    }
    let url = tag(event, "u").ok_or_else(|| AccountError::invalid("Tag 'u' for URL is missing."))?;
    if !urls.iter().any(|allowed| allowed == url) {
        let shown: String = url.chars().take(200).collect();
        return Err(AccountError::Invalid(format!("Invalid value for tag 'u': '{shown}'.")));
    }
    if let Some(payload) = tag(event, "payload")
        && !payload.eq_ignore_ascii_case(&to_hex(&Sha256::digest(body)))
    {
        return Err(AccountError::invalid("Invalid value for tag 'payload': it is not the SHA-256 of the body."));
    }
    Ok(())
}

/// The value of the first tag of this name that has one; tags may have any number of parts.
fn tag<'e>(event: &'e Event, name: &str) -> Option<&'e str> {
    event.tags.iter().find_map(|tag| match tag.as_slice() {
        [first, value, ..] if first == name => Some(value.as_str()),
        _ => None,
    })
}

/// The URLs that a login event may be signed for: the one it is sent to, and the short one that existing clients
/// sign. Whoever runs the server on his own machine says `localhost` as often as `127.0.0.1`.
fn urls(public_url: &str, further: &[String]) -> Vec<String> {
    let mut bases = vec![public_url.to_owned()];
    bases.extend(public_url.strip_prefix("http://127.0.0.1").map(|rest| format!("http://localhost{rest}")));
    bases.extend(further.iter().cloned());
    bases.iter().flat_map(|base| [format!("{base}/nostr"), format!("{base}/api/v1/auth/nostr")]).collect()
}

/// A public key as people paste it, `npub1…` or hex, in lower-case hex.
///
/// # Errors
/// Says what is wrong with it.
pub fn public_key(text: &str) -> Result<String, AccountError> {
    let text = text.trim().to_ascii_lowercase();
    let (key, what) = if text.starts_with("npub") {
        (PublicKey::from_bech32(&text), "npub1")
    } else if text.len() == 64 {
        (PublicKey::from_hex(&text), "hex")
    } else {
        return Err(AccountError::invalid("Key has wrong length."));
    };
    let key = key.ok().filter(|key| key.xonly().is_ok());
    key.map(|key| key.to_hex()).ok_or_else(|| AccountError::Invalid(format!("Key is not valid {what}.")))
}

impl Accounts {
    /// Logs in whoever signed the event; a key that nobody has opens a new account.
    ///
    /// # Errors
    /// Says what is wrong with the event; when the key's account is closed; when there are no new accounts.
    pub async fn login_nostr(
        &self,
        header: Option<&str>,
        body: &[u8],
        public_url: &str,
        visitor: Visitor,
    ) -> Result<Login, AccountError> {
        if !self.logins().allows(LoginMethod::Nostr) {
            return Err(AccountError::Forbidden("Login with Nostr Auth not allowed.".into()));
        }
        let now = self.clock.now();
        self.throttle.begin(None, visitor.address, false, now)?;
        let event = parse(header)?;
        check(&event, &urls(public_url, &self.logins().nostr_urls), body, now)?;
        if !self.store.nostr_event_use(event.id.to_hex(), now).await? {
            return Err(AccountError::invalid("This event was used before. Sign a new one."));
        }
        let account = self.of_pubkey(event.pubkey.to_hex()).await?;
        if !account.activated {
            return Err(AccountError::Unauthenticated("User is not activated."));
        }
        self.second_factor(&account.id, visitor.code.as_deref()).await?;
        self.throttle.succeeded(None, visitor.address, now);
        self.start_session(&account, visitor.user_agent).await
    }

    async fn of_pubkey(&self, pubkey: String) -> Result<Account, AccountError> {
        if let Some(account) = self.store.account_by_pubkey(pubkey.clone()).await? {
            return Ok(account);
        }
        self.check_open()?;
        let account = Account { pubkey: Some(pubkey.clone()), ..self.fresh_account("nostr") };
        let wallet = self.new_wallet(&account.id, None)?;
        match self.admit(account.clone(), wallet.wallet, None).await {
            Ok(()) => Ok(account),
            // perhaps the same person, at the same time, by another event
            Err(error) => self.store.account_by_pubkey(pubkey).await?.ok_or(error),
        }
    }

    /// Gives the caller's account a Nostr key to log in with.
    ///
    /// # Errors
    /// When the login is not fresh, the account another one, or the key malformed or somebody else's.
    pub async fn change_pubkey(
        &self,
        principal: &Principal,
        user_id: &str,
        pubkey: &str,
    ) -> Result<AccountId, AccountError> {
        self.check_fresh(principal)?;
        if user_id != principal.account.as_str() {
            return Err(AccountError::invalid("Invalid user ID."));
        }
        let pubkey = public_key(pubkey)?;
        let owner = self.store.account_by_pubkey(pubkey.clone()).await?;
        if owner.is_some_and(|owner| owner.id != principal.account) {
            return Err(AccountError::invalid("Public key already in use."));
        }
        self.store.account_set_pubkey(principal.account.clone(), pubkey).await?;
        self.grants.forget();
        Ok(principal.account.clone())
    }

    /// Forgets Nostr events that nobody could log in with any more.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn forget_events(&self) -> Result<(), AccountError> {
        Ok(self.store.nostr_event_forget(self.clock.now().plus_seconds(-REMEMBERED_SECONDS)).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::{public_key, urls};

    #[test]
    fn keys_are_read_in_both_forms() {
        // NIP-19's own example
        let hex = "3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d";
        let npub = "npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6";
        assert_eq!(public_key(npub).unwrap(), hex);
        assert_eq!(public_key(&hex.to_uppercase()).unwrap(), hex);
        for (bad, why) in [
            (npub.replace("gkw", "gkx"), "Key is not valid npub1."),
            ("ab".into(), "Key has wrong length."),
            ("z".repeat(64), "Key is not valid hex."),
            ("f".repeat(64), "Key is not valid hex."),
        ] {
            assert_eq!(public_key(&bad).unwrap_err().to_string(), why);
        }
    }

    #[test]
    fn an_event_may_name_the_long_or_the_short_url() {
        let all = urls("http://127.0.0.1:5000", &["https://w.example".into()]);
        for url in ["http://127.0.0.1:5000/nostr", "http://localhost:5000/api/v1/auth/nostr", "https://w.example/nostr"]
        {
            assert!(all.iter().any(|one| one == url), "{url}");
        }
        assert_eq!(all.len(), 6);
    }
}
