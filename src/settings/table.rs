//! **The** table of settings. What `GET`, `PUT` and `PATCH` know, the defaults, the documentation: all of it is read
//! off here.
//!
//! The names are those of LNbits where it has them; ours begin with `satchel_`.

use serde_json::{Value, json};

use super::{
    Effective, audit,
    key::{Key, now, stored},
    kind::{Item, Kind, network},
    money, others, rates,
};
use crate::{
    config::{
        Secret,
        logins::{Client, GITHUB, GOOGLE, Github, Issuer, LoginMethod},
    },
    domain::Msat,
};

/// All groups of settings, in the order of the documentation.
pub const GROUPS: &[(&str, &[Key])] = &[
    ("Users and accounts", USERS),
    ("Authentication", LOGINS),
    ("Payments, fees, limits", money::PAYMENTS),
    ("Security and rates", money::SECURITY),
    ("Site and wallets", money::SITE),
    ("Exchange rates", rates::RATES),
    ("Audit", audit::AUDIT),
    ("Notifications", others::NOTIFICATIONS),
    (FUNDING, others::FUNDING),
    ("Fiat providers", others::FIAT),
    ("Assets", rates::ASSETS),
    ("Node, extensions", others::MORE),
];

/// The group that a reset leaves alone.
pub const FUNDING: &str = "Funding source";

/// Every setting.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    GROUPS.iter().flat_map(|(_, keys)| keys.iter())
}

/// The setting of this name.
pub fn find(name: &str) -> Option<&'static Key> {
    keys().find(|key| key.name == name)
}

/// More than anybody needs, and far from where sums overflow.
pub(super) const SATS_MAX: i64 = 2_100_000_000_000_000;
const TEN_YEARS_MINUTES: i64 = 5_256_000;
const METHODS: &[&str] = &[
    "user-id-only",
    "username-password",
    "nostr-auth-nip98",
    "google-auth",
    "github-auth",
    "keycloak-auth",
    "oidc-auth",
];

/// A plain field of the limits: how it is read, and how it is written.
macro_rules! field {
    ($name:literal, $kind:expr, limits.$($field:ident).+, $of:expr, $doc:expr) => {
        now($name, $kind, |all| json!(all.limits.$($field).+), |all, value| {
            all.limits.$($field).+ = $of(value);
            Ok(())
        }, $doc)
    };
}

pub(super) use field;

/// A client's settings at a provider.
macro_rules! issuer {
    ($provider:ident, $known:expr, $id:literal, $secret:literal, $url:literal, $org:literal, $icon:literal) => {
        [
            now(
                $url,
                Kind::Url,
                |all| json!(all.logins.$provider.as_ref().map(|issuer| &issuer.discovery_url)),
                |all, value| {
                    let issuer = all.logins.$provider.get_or_insert_with(|| blank($known));
                    issuer.discovery_url = text(value).trim_end_matches('/').to_owned();
                    Ok(())
                },
                "Where its OpenID Connect discovery document is.",
            )
            .or_null(),
            now(
                $id,
                Kind::Text(500),
                |all| json!(all.logins.$provider.as_ref().map_or("", |issuer| &issuer.client.id)),
                |all, value| {
                    all.logins.$provider.get_or_insert_with(|| blank($known)).client.id = text(value);
                    Ok(())
                },
                "What the provider calls this server; empty when it is not used. Allow the method too.",
            )
            .or_null(),
            now(
                $secret,
                Kind::Text(2000),
                |all| json!(all.logins.$provider.as_ref().and_then(|issuer| shown(&issuer.client))),
                |all, value| {
                    all.logins.$provider.get_or_insert_with(|| blank($known)).client.secret = secret(value);
                    Ok(())
                },
                "How this server proves that it is the one.",
            )
            .or_null()
            .secret(),
            stored($org, Kind::Text(200), "null", "Name of the organisation on the button of a login page."),
            stored($icon, Kind::Text(2000), "null", "Icon on the button of a login page."),
        ]
    };
}

const USERS: &[Key] = &[
    stored(
        "lnbits_admin_users",
        Kind::List(Item::Id),
        "[]",
        "Ids of ordinary admins; this server has one super user and no others.",
    ),
    now(
        "lnbits_allowed_users",
        Kind::List(Item::Id),
        |all| json!(all.limits.allowed_users.iter().map(ToString::to_string).collect::<Vec<_>>()),
        |all, value| {
            all.limits.allowed_users = texts(value).iter().filter_map(|id| id.parse().ok()).collect();
            Ok(())
        },
        "If there are any, only these accounts and the super user may do anything, and no account is opened.",
    ),
    field!(
        "lnbits_allow_new_accounts",
        Kind::Flag,
        limits.allow_new_accounts,
        flag,
        "May accounts be opened: by registration, without a login, by Nostr, by a provider?"
    ),
    field!(
        "lnbits_require_user_activation",
        Kind::Flag,
        limits.activation.required,
        flag,
        "Does registering by name and password take an invitation code?"
    ),
    stored("lnbits_user_activation_by_email", Kind::Flag, "false", "Activation by e-mail."),
    stored("lnbits_user_activation_by_payment", Kind::Flag, "false", "Activation by a payment."),
    field!(
        "lnbits_user_activation_by_invitation_code",
        Kind::Flag,
        limits.activation.by_code,
        flag,
        "Will an invitation code do?"
    ),
    field!(
        "lnbits_register_reusable_activation_code",
        Kind::Text(256),
        limits.activation.reusable_code,
        text,
        "An invitation code that is good as often as it is used."
    )
    .sealed(),
    field!(
        "lnbits_register_one_time_activation_codes",
        Kind::List(Item::Text),
        limits.activation.one_time_codes,
        texts,
        "Invitation codes that are good once; a code leaves the list when it is used."
    )
    .sealed(),
    field!(
        "lnbits_max_users",
        Kind::Int(0, i64::MAX),
        limits.max_users,
        int,
        "How many accounts there may be, the super user's included; 0 for as many as come."
    ),
    field!(
        "satchel_allow_anonymous_sessions",
        Kind::Flag,
        limits.allow_anonymous_sessions,
        flag,
        "May anybody open an anonymous session?"
    ),
    stored(
        "lnbits_ln_address_mode",
        Kind::Word(&["core_first", "extension_first", "extension_only"]),
        "\"extension_first\"",
        "Who answers for lightning addresses.",
    ),
    field!(
        "lnbits_allow_custom_wallet_lightning_addresses",
        Kind::Flag,
        limits.lnurl.own_addresses,
        flag,
        "May users choose lightning addresses?"
    ),
    stored("lnbits_charge_wallet_lightning_addresses", Kind::Flag, "false", "Do lightning addresses cost something?"),
    stored(
        "lnbits_wallet_lightning_address_price_sats",
        Kind::Int(0, SATS_MAX),
        "1000",
        "What a lightning address costs.",
    ),
    field!(
        "lnbits_wallet_lightning_address_blacklist",
        Kind::List(Item::Text),
        limits.lnurl.reserved_names,
        texts,
        "Words that no lightning address which a user chooses has among its parts."
    ),
    stored("cleanup_wallets_days", Kind::Int(0, 36_500), "90", "When unused wallets may be cleaned up."),
];

const GOOGLE_KEYS: [Key; 5] = issuer!(
    google,
    GOOGLE,
    "google_client_id",
    "google_client_secret",
    "google_discovery_url",
    "google_client_custom_org",
    "google_client_custom_icon"
);
const KEYCLOAK: [Key; 5] = issuer!(
    keycloak,
    "",
    "keycloak_client_id",
    "keycloak_client_secret",
    "keycloak_discovery_url",
    "keycloak_client_custom_org",
    "keycloak_client_custom_icon"
);
const OIDC: [Key; 5] = issuer!(
    oidc,
    "",
    "oidc_client_id",
    "oidc_client_secret",
    "oidc_discovery_url",
    "oidc_client_custom_org",
    "oidc_client_custom_icon"
);

const LOGINS: &[Key] = &[
    field!("auth_token_expire_minutes", Kind::Int(1, TEN_YEARS_MINUTES), limits.session_minutes, int, "How long a login lasts that begins from now on."),
    now(
        "auth_allowed_methods",
        Kind::List(Item::Word(METHODS)),
        |all| json!(all.logins.methods.iter().map(|method| method.name()).collect::<Vec<_>>()),
        |all, value| {
            all.logins.methods = texts(value).iter().filter_map(|name| name.parse::<LoginMethod>().ok()).collect();
            Ok(())
        },
        "How people may log in. A provider needs its client besides.",
    ),
    stored("auth_all_methods", Kind::List(Item::Word(METHODS)), r#"["user-id-only","username-password","nostr-auth-nip98","google-auth","github-auth","keycloak-auth","oidc-auth"]"#, "All methods that there are.").fixed(),
    field!("auth_credetials_update_threshold", Kind::Int(0, 86_400), limits.fresh_login_seconds, int, "How old a login may be, in seconds, for changing what lets people in."),
    stored("auth_authentication_cache_minutes", Kind::Int(0, 1440), "10", "How long others remember credentials; here a change is seen at once."),
    now(
        "nostr_absolute_request_urls",
        Kind::List(Item::Url),
        |all| json!(all.logins.nostr_urls),
        |all, value| {
            all.logins.nostr_urls = texts(value);
            Ok(())
        },
        "Bases of URLs that a NIP-98 event may be signed for, beside the server's public URL.",
    ),
    GOOGLE_KEYS[0], GOOGLE_KEYS[1], GOOGLE_KEYS[2], GOOGLE_KEYS[3], GOOGLE_KEYS[4],
    now("github_client_id", Kind::Text(500), |all| json!(all.logins.github.as_ref().map_or("", |github| &github.client.id)), |all, value| {
        github(all).client.id = text(value);
        Ok(())
    }, "What the provider calls this server; empty when it is not used. Allow the method too.").or_null(),
    now("github_client_secret", Kind::Text(2000), |all| json!(all.logins.github.as_ref().and_then(|github| shown(&github.client))), |all, value| {
        github(all).client.secret = secret(value);
        Ok(())
    }, "How this server proves that it is the one.").or_null().secret(),
    KEYCLOAK[0], KEYCLOAK[1], KEYCLOAK[2], KEYCLOAK[3], KEYCLOAK[4],
    OIDC[0], OIDC[1], OIDC[2], OIDC[3], OIDC[4],
];

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(super) fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

pub(super) fn flag(value: &Value) -> bool {
    value.as_bool().unwrap_or_default()
}

pub(super) fn rate(value: &Value) -> u32 {
    u32::try_from(int(value)).unwrap_or(u32::MAX)
}

pub(super) fn sat(value: &Value) -> Msat {
    Msat::from_sat(int(value)).unwrap_or(Msat::MAX)
}

pub(super) fn bound(most: Option<Msat>) -> Value {
    json!(most.unwrap_or_default().sat_floor())
}

/// Percent to thousandths of a percent.
pub(super) fn milli(value: &Value) -> i64 {
    format!("{:.0}", value.as_f64().unwrap_or_default() * 1000.0).parse().unwrap_or_default()
}

pub(super) fn percent(milli_percent: i64) -> Value {
    json!(i32::try_from(milli_percent).map_or(0.0, |milli| f64::from(milli) / 1000.0))
}

pub(super) fn networks(list: &[ipnet::IpNet]) -> Value {
    json!(list.iter().map(ToString::to_string).collect::<Vec<_>>())
}

pub(super) fn read_networks(value: &Value) -> Vec<ipnet::IpNet> {
    texts(value).iter().filter_map(|text| network(text).ok()).collect()
}

fn secret(value: &Value) -> Option<Secret> {
    Some(text(value)).filter(|text| !text.is_empty()).map(Secret::from)
}

/// That there is a secret; it is never shown.
fn shown(client: &Client) -> Option<&str> {
    client.secret.as_ref().map(Secret::reveal)
}

fn blank(discovery_url: &str) -> Issuer {
    Issuer { discovery_url: discovery_url.to_owned(), client: Client { id: String::new(), secret: None } }
}

fn github(all: &mut Effective) -> &mut Github {
    all.logins.github.get_or_insert_with(|| Github {
        url: GITHUB.0.to_owned(),
        api_url: GITHUB.1.to_owned(),
        client: Client { id: String::new(), secret: None },
    })
}
