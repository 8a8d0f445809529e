//! How people may log in: which methods, and the providers that vouch for them.

use std::str::FromStr;

use super::{ConfigError, Secret};

/// A way to log in, by the names that administrators of such servers know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginMethod {
    /// The account's id alone. Off unless switched on: the id is no secret that anybody keeps.
    UserId,
    /// User name or e-mail, and a password.
    Password,
    /// A signed Nostr event (NIP-98).
    Nostr,
    /// A provider's word.
    Provider(Provider),
}

/// Who vouches for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Google, by OpenID Connect.
    Google,
    /// GitHub, by OAuth 2.0 and its own API.
    Github,
    /// A Keycloak, by OpenID Connect.
    Keycloak,
    /// Any other issuer of OpenID Connect.
    Oidc,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Google, Self::Github, Self::Keycloak, Self::Oidc];

    /// Its part of a path.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::Github => "github",
            Self::Keycloak => "keycloak",
            Self::Oidc => "oidc",
        }
    }
}

impl FromStr for Provider {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|provider| provider.name() == text).ok_or(())
    }
}

impl LoginMethod {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::UserId,
        Self::Password,
        Self::Nostr,
        Self::Provider(Provider::Google),
        Self::Provider(Provider::Github),
        Self::Provider(Provider::Keycloak),
        Self::Provider(Provider::Oidc),
    ];

    /// Its word in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserId => "user-id-only",
            Self::Password => "username-password",
            Self::Nostr => "nostr-auth-nip98",
            Self::Provider(Provider::Google) => "google-auth",
            Self::Provider(Provider::Github) => "github-auth",
            Self::Provider(Provider::Keycloak) => "keycloak-auth",
            Self::Provider(Provider::Oidc) => "oidc-auth",
        }
    }
}

impl FromStr for LoginMethod {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|method| method.name() == text).ok_or(())
    }
}

/// This server as a client of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// What the provider calls it.
    pub id: String,
    /// How it proves that it is the one; a public client has none.
    pub secret: Option<Secret>,
}

/// An issuer of OpenID Connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Where its discovery document is (OpenID Connect Discovery 1.0, section 4).
    pub discovery_url: String,
    /// Who we are to it.
    pub client: Client,
}

/// GitHub, or an enterprise's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Github {
    /// Where people log in, without a slash at the end.
    pub url: String,
    /// Its API, without a slash at the end.
    pub api_url: String,
    /// Who we are to it.
    pub client: Client,
}

/// How people may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logins {
    /// Allowed methods.
    pub methods: Vec<LoginMethod>,
    /// Google, if configured.
    pub google: Option<Issuer>,
    /// GitHub, if configured.
    pub github: Option<Github>,
    /// Keycloak, if configured.
    pub keycloak: Option<Issuer>,
    /// Another issuer, if configured.
    pub oidc: Option<Issuer>,
    /// Bases of the URLs that a NIP-98 event may be signed for, beside the server's public URL.
    pub nostr_urls: Vec<String>,
}

impl Default for Logins {
    fn default() -> Self {
        Self {
            methods: vec![LoginMethod::Password, LoginMethod::Nostr],
            google: None,
            github: None,
            keycloak: None,
            oidc: None,
            nostr_urls: Vec::new(),
        }
    }
}

/// Where Google's discovery document is.
pub const GOOGLE: &str = "https://accounts.google.com/.well-known/openid-configuration";

/// GitHub itself, and its API.
pub const GITHUB: (&str, &str) = ("https://github.com", "https://api.github.com");

impl Logins {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// Names the variable that makes no sense.
    pub fn load() -> Result<Self, ConfigError> {
        Self::read(|name| std::env::var(name).ok())
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let text = |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let url = |name: &str, default: Option<&str>| match text(name).or_else(|| default.map(str::to_owned)) {
            Some(url) if url.starts_with("https://") || url.starts_with("http://") => {
                Ok(Some(url.trim_end_matches('/').to_owned()))
            }
            Some(url) => Err(invalid(format!("{name} must begin with https://, not {url:?}"))),
            None => Ok(None),
        };
        let client = |name: &str| {
            let secret = text(&format!("{name}_CLIENT_SECRET")).map(Secret::from);
            text(&format!("{name}_CLIENT_ID")).map(|id| Client { id, secret })
        };
        let issuer = |name: &str, default: Option<&str>| {
            let Some(client) = client(name) else { return Ok(None) };
            let variable = format!("{name}_DISCOVERY_URL");
            let discovery_url = url(&variable, default)?;
            let missing = || invalid(format!("{name}_CLIENT_ID is set, but {variable} is not"));
            Ok::<_, ConfigError>(Some(Issuer { discovery_url: discovery_url.ok_or_else(missing)?, client }))
        };
        let github = client("GITHUB").map(|client| {
            let web = url("GITHUB_URL", Some(GITHUB.0))?.unwrap_or_default();
            let api_url = url("GITHUB_API_URL", Some(GITHUB.1))?.unwrap_or_default();
            Ok::<_, ConfigError>(Github { url: web, api_url, client })
        });
        let mut logins = Self {
            google: issuer("GOOGLE", Some(GOOGLE))?,
            github: github.transpose()?,
            keycloak: issuer("KEYCLOAK", None)?,
            oidc: issuer("OIDC", None)?,
            nostr_urls: list(&text("NOSTR_ABSOLUTE_REQUEST_URLS").unwrap_or_default()),
            ..Self::default()
        };
        for url in &mut logins.nostr_urls {
            *url = url.trim_end_matches('/').to_owned();
        }
        let named = list(&text("AUTH_ALLOWED_METHODS").unwrap_or_default());
        if named.is_empty() {
            let configured = Provider::ALL.into_iter().filter(|provider| logins.is_configured(*provider));
            let configured: Vec<_> = configured.map(LoginMethod::Provider).collect();
            logins.methods.extend(configured);
        } else {
            logins.methods = named.iter().map(|name| method(name)).collect::<Result<_, _>>()?;
        }
        Ok(logins)
    }

    /// Do we know how to ask this provider?
    pub fn is_configured(&self, provider: Provider) -> bool {
        match provider {
            Provider::Google => self.google.is_some(),
            Provider::Github => self.github.is_some(),
            Provider::Keycloak => self.keycloak.is_some(),
            Provider::Oidc => self.oidc.is_some(),
        }
    }

    /// May people log in this way?
    pub fn allows(&self, method: LoginMethod) -> bool {
        let possible = match method {
            LoginMethod::Provider(provider) => self.is_configured(provider),
            _ => true,
        };
        possible && self.methods.contains(&method)
    }
}

fn invalid(text: String) -> ConfigError {
    ConfigError::Invalid(text)
}

fn method(name: &str) -> Result<LoginMethod, ConfigError> {
    name.parse().map_err(|()| {
        let all = LoginMethod::ALL.map(LoginMethod::name).join(", ");
        invalid(format!("AUTH_ALLOWED_METHODS knows no {name:?}; it knows {all}"))
    })
}

/// A list as JSON or with commas; spaces do not count.
fn list(text: &str) -> Vec<String> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let json: Option<Vec<String>> = serde_json::from_str(&text).ok();
    json.unwrap_or_else(|| text.split(',').map(str::to_owned).collect()).into_iter().filter(|s| !s.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::{LoginMethod, Logins, Provider};

    fn read(pairs: &[(&str, &str)]) -> Result<Logins, String> {
        let value = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Logins::read(value).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_configured_is_allowed_unless_the_operator_says_otherwise() {
        let none = read(&[]).unwrap();
        assert!(none.allows(LoginMethod::Password) && none.allows(LoginMethod::Nostr));
        assert!(!none.allows(LoginMethod::UserId) && !none.allows(LoginMethod::Provider(Provider::Google)));
        let google = [("GOOGLE_CLIENT_ID", "id"), ("GOOGLE_CLIENT_SECRET", "hidden")];
        let some = read(&google).unwrap();
        assert!(some.allows(LoginMethod::Provider(Provider::Google)));
        assert!(!format!("{some:?}").contains("hidden"));
        for methods in ["user-id-only, google-auth", r#"["user-id-only", "google-auth"]"#] {
            let some = read(&[google[0], google[1], ("AUTH_ALLOWED_METHODS", methods)]).unwrap();
            assert_eq!(some.methods, [LoginMethod::UserId, LoginMethod::Provider(Provider::Google)]);
            assert!(!some.allows(LoginMethod::Password));
        }
    }

    #[test]
    fn what_cannot_work_is_refused_at_start() {
        for (pairs, word) in [
            ([("AUTH_ALLOWED_METHODS", "passwords"), ("", "")], "passwords"),
            ([("KEYCLOAK_CLIENT_ID", "id"), ("", "")], "KEYCLOAK_DISCOVERY_URL"),
            ([("OIDC_CLIENT_ID", "id"), ("OIDC_DISCOVERY_URL", "issuer.example")], "OIDC_DISCOVERY_URL"),
        ] {
            assert!(read(&pairs).unwrap_err().contains(word), "{pairs:?}");
        }
    }
}
