//! Boot settings: what the server must know before it can look into its database.
//!
//! Each is a flag of `satchel serve` and an environment variable:
//!
//! - `SATCHEL_LISTEN`: address and port to listen on.
//! - `SATCHEL_DATA_DIR`: the folder of the database, the master secret and the simulated node.
//! - `SATCHEL_PUBLIC_URL`: the address under which people reach the server.
//! - `DATABASE_URL`: `postgres://…` to use PostgreSQL instead of SQLite in the data folder.
//! - `SATCHEL_FUNDING`: the funding source.
//! - `SATCHEL_LOG` and `SATCHEL_LOG_FORMAT`: what is logged, and how.
//! - `SATCHEL_METRICS`: who may read `/metrics`.
//! - `SATCHEL_OTLP_ENDPOINT`: where traces are sent.
//! - `SATCHEL_TRUSTED_PROXIES`, `SATCHEL_WALLET_REQUESTS_PER_MINUTE` and `SATCHEL_ANONYMOUS_REQUESTS_PER_MINUTE`:
//!   whose word on a request's origin is taken, and how often one may call.
//!
//! Secrets are environment variables only, so that they do not show in the list of processes:
//!
//! - `SATCHEL_MASTER_KEY`: 64 hex digits; else `master.key` in the data folder.
//! - `SATCHEL_FIRST_INSTALL_TOKEN`: what the first install asks for.
//! - `AUTH_SECRET_KEY`: signs session tokens; for servers that move here and bring theirs along.
//!
//! So are the settings of logins, by the names that administrators of such servers know:
//!
//! - `AUTH_ALLOWED_METHODS`: `user-id-only`, `username-password`, `nostr-auth-nip98`, `google-auth`, `github-auth`,
//!   `keycloak-auth`, `oidc-auth`; else password, Nostr and every provider that is configured.
//! - `GOOGLE_CLIENT_ID`, `GOOGLE_CLIENT_SECRET`, `GOOGLE_DISCOVERY_URL`: logins by Google.
//! - `GITHUB_CLIENT_ID`, `GITHUB_CLIENT_SECRET`, `GITHUB_URL`, `GITHUB_API_URL`: logins by GitHub.
//! - `KEYCLOAK_CLIENT_ID`, `KEYCLOAK_CLIENT_SECRET`, `KEYCLOAK_DISCOVERY_URL`: logins by a Keycloak.
//! - `OIDC_CLIENT_ID`, `OIDC_CLIENT_SECRET`, `OIDC_DISCOVERY_URL`: logins by any other OpenID Connect issuer.
//! - `NOSTR_ABSOLUTE_REQUEST_URLS`: bases of URLs that login events may be signed for, beside the public URL.

pub mod logins;
mod observing;
pub mod report;
mod secrets;
mod traffic;

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
pub use logins::Logins;
pub use observing::{Collector, LogFormat, MetricsFor, Observing};
pub use secrets::{MasterKey, Secret, Secrets};
pub use traffic::{Networks, Traffic};

/// The database file in the data folder.
pub const DATABASE_FILE: &str = "satchel.sqlite3";

/// What `satchel serve` is told.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Address and port to listen on.
    #[arg(long, env = "SATCHEL_LISTEN", default_value = "127.0.0.1:5000")]
    pub listen: SocketAddr,
    /// Folder of the database, the master secret and the simulated node.
    #[arg(long, env = "SATCHEL_DATA_DIR", default_value = "./data")]
    pub data_dir: PathBuf,
    /// Address under which people reach the server, such as `https://wallet.example.org`
    /// [default: http:// and the listen address].
    #[arg(long, env = "SATCHEL_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// `postgres://…` to use PostgreSQL [default: SQLite in the data folder].
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<Secret>,
    /// The funding source, unless the settings choose another: `play` is a Lightning node of the server's own on a
    /// private network of play money, `simulated` one that only pretends, for tests and benchmarks.
    #[arg(long, env = "SATCHEL_FUNDING", default_value = "play")]
    pub funding: Funding,
    /// What is logged: `error`, `warn`, `info`, `debug`, or such per module (`info,satchel::http=debug`).
    #[arg(long, env = "SATCHEL_LOG", default_value = "info")]
    pub log: String,
    /// Who calls, and how often.
    #[command(flatten)]
    pub traffic: Traffic,
    /// What operators get to see.
    #[command(flatten)]
    pub observing: Observing,
}

/// The funding sources that a server can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Funding {
    /// A Lightning node inside this process, on a private network of play money.
    Play,
    /// A node that only pretends.
    Simulated,
}

impl Funding {
    /// The class of its driver.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Play => "PlayNetwork",
            Self::Simulated => "FakeWallet",
        }
    }
}

/// What cannot be started with.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A setting makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// A file cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

impl Settings {
    /// The address under which people reach the server, without a slash at its end.
    ///
    /// # Errors
    /// When it is neither an http nor an https URL.
    pub fn public_url(&self, listening: SocketAddr) -> Result<String, ConfigError> {
        let url =
            self.public_url.clone().filter(|url| !url.is_empty()).unwrap_or_else(|| format!("http://{listening}"));
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        match rest {
            Some(host) if !host.is_empty() && !host.starts_with('/') => Ok(url.trim_end_matches('/').to_owned()),
            _ => Err(ConfigError::Invalid(format!(
                "SATCHEL_PUBLIC_URL must begin with http:// or https:// and name a host, not {url:?}"
            ))),
        }
    }

    /// The PostgreSQL to use, if one was named.
    ///
    /// # Errors
    /// When the URL names another database.
    pub fn postgres(&self) -> Result<Option<&str>, ConfigError> {
        match self.database_url.as_ref().map(Secret::reveal).filter(|url| !url.is_empty()) {
            None => Ok(None),
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => Ok(Some(url)),
            Some(_) => Err(ConfigError::Invalid(
                "DATABASE_URL must begin with postgres:// (leave it away for SQLite in the data folder)".into(),
            )),
        }
    }
}
