//! Every boot setting: what it is and where it came from. Secrets are told as set or not set.

use std::path::Path;

use clap::{ArgMatches, Args, Command, parser::ValueSource};

use super::{Settings, secrets::MASTER_FILE};

/// A boot setting, as the server would read it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Setting {
    /// Its environment variable.
    pub name: String,
    /// Its flag, if it has one.
    pub flag: Option<String>,
    /// Its value; of a secret, `set` or `not set`; what holds instead where nothing was said.
    pub value: String,
    /// `flag`, `environment`, `file` or `default`.
    pub origin: &'static str,
    /// Is its value kept to the server itself?
    pub secret: bool,
}

/// Settings that are environment variables only; whether each is a secret.
const ENVIRONMENT: &[(&str, bool)] = &[
    ("SATCHEL_FIRST_INSTALL_TOKEN", true),
    ("AUTH_SECRET_KEY", true),
    ("AUTH_ALLOWED_METHODS", false),
    ("GOOGLE_CLIENT_ID", false),
    ("GOOGLE_CLIENT_SECRET", true),
    ("GOOGLE_DISCOVERY_URL", false),
    ("GITHUB_CLIENT_ID", false),
    ("GITHUB_CLIENT_SECRET", true),
    ("GITHUB_URL", false),
    ("GITHUB_API_URL", false),
    ("KEYCLOAK_CLIENT_ID", false),
    ("KEYCLOAK_CLIENT_SECRET", true),
    ("KEYCLOAK_DISCOVERY_URL", false),
    ("OIDC_CLIENT_ID", false),
    ("OIDC_CLIENT_SECRET", true),
    ("OIDC_DISCOVERY_URL", false),
    ("NOSTR_ABSOLUTE_REQUEST_URLS", false),
];

const NOT_SET: &str = "not set";

/// All of them: those of the command line, as these matches of it say, and those of the environment.
pub fn settings(matches: &ArgMatches, data_dir: &Path) -> Vec<Setting> {
    let command = Settings::augment_args(Command::new("satchel"));
    let of_flags = command.get_arguments().filter_map(|arg| {
        let name = arg.get_env()?.to_string_lossy().into_owned();
        let secret = arg.is_hide_env_values_set();
        let (value, origin) = read(matches, arg, secret);
        Some(Setting { name, flag: arg.get_long().map(|long| format!("--{long}")), value, origin, secret })
    });
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
    let master = match variable("SATCHEL_MASTER_KEY") {
        Some(_) => ("set", "environment"),
        None if data_dir.join(MASTER_FILE).exists() => ("set", "file"),
        None => (NOT_SET, "default"),
    };
    let master = ("SATCHEL_MASTER_KEY", master.0.to_owned(), master.1, true);
    let of_environment = ENVIRONMENT.iter().map(|(name, secret)| match variable(name) {
        Some(_) if *secret => (*name, "set".to_owned(), "environment", true),
        Some(text) => (*name, text.trim().to_owned(), "environment", false),
        None => (*name, NOT_SET.to_owned(), "default", *secret),
    });
    let of_environment = std::iter::once(master).chain(of_environment).map(|(name, value, origin, secret)| Setting {
        name: name.to_owned(),
        flag: None,
        value,
        origin,
        secret,
    });
    of_flags.chain(of_environment).collect()
}

fn read(matches: &ArgMatches, arg: &clap::Arg, secret: bool) -> (String, &'static str) {
    let id = arg.get_id().as_str();
    let raw = matches.get_raw(id).and_then(|mut values| values.next()).map(|text| text.to_string_lossy().into_owned());
    let raw = raw.filter(|text| !text.is_empty());
    let origin = match matches.value_source(id) {
        Some(ValueSource::CommandLine) => "flag",
        Some(ValueSource::EnvVariable) => "environment",
        _ => "default",
    };
    match raw {
        Some(_) if secret => ("set".to_owned(), origin),
        Some(text) => (text, origin),
        // what holds instead stands at the end of the setting's own description
        None => {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let instead = help.rsplit_once("[default: ").and_then(|(_, rest)| rest.split(']').next());
            (instead.unwrap_or(NOT_SET).to_owned(), "default")
        }
    }
}
