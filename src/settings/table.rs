//! **The** table of settings. What `GET`, `PUT` and `PATCH` know, the defaults, the documentation: all of it is read
//! off here.
//!
//! The names are those of LNbits where it has them; ours begin with `satchel_`.

use serde_json::{Value, json};

use super::{
    Effective,
    key::{Key, now, stored},
    kind::{Item, Kind, network},
    others,
};
use crate::{
    config::{
        Secret,
        logins::{Client, GITHUB, GOOGLE, Github, Issuer, LoginMethod},
    },
    domain::{Msat, tier::Tiers},
};

/// All groups of settings, in the order of the documentation.
pub const GROUPS: &[(&str, &[Key])] = &[
    ("Users and accounts", USERS),
    ("Authentication", LOGINS),
    ("Payments, fees, limits", PAYMENTS),
    ("Security and rates", SECURITY),
    ("Site and wallets", SITE),
    ("Exchange rates", others::RATES),
    ("Audit", others::AUDIT),
    ("Notifications", others::NOTIFICATIONS),
    (FUNDING, others::FUNDING),
    ("Fiat providers", others::FIAT),
    ("Node, assets, extensions", others::MORE),
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
const SATS_MAX: i64 = 2_100_000_000_000_000;
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
    stored(
        "lnbits_allow_custom_wallet_lightning_addresses",
        Kind::Flag,
        "false",
        "May users choose lightning addresses?",
    ),
    stored("lnbits_charge_wallet_lightning_addresses", Kind::Flag, "false", "Do lightning addresses cost something?"),
    stored(
        "lnbits_wallet_lightning_address_price_sats",
        Kind::Int(0, SATS_MAX),
        "1000",
        "What a lightning address costs.",
    ),
    stored(
        "lnbits_wallet_lightning_address_blacklist",
        Kind::List(Item::Text),
        r#"["admin","info","support","help","security"]"#,
        "Names that no lightning address has.",
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

const PAYMENTS: &[Key] = &[
    now(
        "lnbits_reserve_fee_min",
        Kind::Int(0, 1_000_000_000),
        |all| json!(all.limits.reserve_fee_min.0),
        |all, value| {
            all.limits.reserve_fee_min = Msat(int(value));
            Ok(())
        },
        "Smallest routing fee that is set aside for a payment, in millisatoshi.",
    ),
    now(
        "lnbits_reserve_fee_percent",
        Kind::Number(0.0, 100.0),
        |all| percent(all.limits.reserve_fee_milli_percent),
        |all, value| {
            all.limits.reserve_fee_milli_percent = milli(value);
            Ok(())
        },
        "Routing fee that is set aside, in percent of the amount.",
    ),
    now(
        "lnbits_service_fee",
        Kind::Number(0.0, 100.0),
        |all| percent(all.limits.service_fee.milli_percent),
        |all, value| {
            all.limits.service_fee.milli_percent = milli(value);
            Ok(())
        },
        "What the house takes of every payment that arrives, in percent; the payer pays it.",
    ),
    now(
        "lnbits_service_fee_max",
        Kind::Int(0, SATS_MAX),
        |all| json!(all.limits.service_fee.max.sat_floor()),
        |all, value| {
            all.limits.service_fee.max = sat(value);
            Ok(())
        },
        "The most that the house takes of a payment, in satoshi; 0 for no cap.",
    ),
    now(
        "lnbits_service_fee_wallet",
        Kind::Id,
        |all| json!(all.limits.service_fee.wallet.as_ref().map(ToString::to_string)),
        |all, value| {
            all.limits.service_fee.wallet = text(value).parse().ok();
            Ok(())
        },
        "The wallet that gets it; nothing is taken without one.",
    )
    .or_null(),
    field!(
        "lnbits_service_fee_ignore_internal",
        Kind::Flag,
        limits.service_fee.ignore_internal,
        flag,
        "Are payments between two wallets of this server free of it?"
    ),
    now(
        "lnbits_wallet_limit_max_balance",
        Kind::Int(0, SATS_MAX),
        |all| bound(all.limits.bounds.max_balance),
        |all, value| {
            all.limits.bounds.max_balance = Some(sat(value)).filter(|sat| *sat > Msat::ZERO);
            Ok(())
        },
        "The most that a wallet may come to hold by new invoices, payments from here and top-ups, in satoshi; 0 for no bound. What arrives over Lightning is booked in any case.",
    ),
    now(
        "lnbits_wallet_limit_daily_max_withdraw",
        Kind::Int(0, SATS_MAX),
        |all| bound(all.limits.bounds.max_daily),
        |all, value| {
            all.limits.bounds.max_daily = Some(sat(value)).filter(|sat| *sat > Msat::ZERO);
            Ok(())
        },
        "The most that may leave a wallet in a day (UTC), fees not counted, in satoshi; 0 for no bound.",
    ),
    now(
        "lnbits_wallet_limit_secs_between_trans",
        Kind::Int(0, 31_536_000),
        |all| json!(all.limits.bounds.pause_seconds.unwrap_or(0)),
        |all, value| {
            all.limits.bounds.pause_seconds = Some(int(value)).filter(|seconds| *seconds > 0);
            Ok(())
        },
        "So many seconds lie between any payment of a wallet and its next outgoing one; 0 for none.",
    ),
    field!("lnbits_only_allow_incoming_payments", Kind::Flag, limits.only_incoming, flag, "May wallets only be paid?"),
    now(
        "lnbits_max_outgoing_payment_amount_sats",
        Kind::Int(0, SATS_MAX),
        |all| json!(all.limits.max_outgoing.sat_floor()),
        |all, value| {
            all.limits.max_outgoing = sat(value);
            Ok(())
        },
        "Largest payment over Lightning, in satoshi.",
    ),
    now(
        "lnbits_max_incoming_payment_amount_sats",
        Kind::Int(0, SATS_MAX),
        |all| json!(all.limits.max_incoming.sat_floor()),
        |all, value| {
            all.limits.max_incoming = sat(value);
            Ok(())
        },
        "Largest invoice, in satoshi.",
    ),
    field!(
        "lightning_invoice_expiry",
        Kind::Int(1, 31_536_000),
        limits.invoice_expiry_seconds,
        int,
        "How long an invoice is valid unless its maker says otherwise, in seconds."
    ),
    now(
        "lnbits_funding_source_pay_invoice_wait_seconds",
        Kind::Int(0, 600),
        |all| json!(all.limits.pay_wait_ms / 1000),
        |all, value| {
            all.limits.pay_wait_ms = u64::try_from(int(value)).unwrap_or(0).max(1) * 1000;
            Ok(())
        },
        "How long a payment's request waits for the node before it answers `pending`, in seconds; 1 at least.",
    ),
    now(
        "lnbits_default_accounting_currency",
        Kind::Text(5),
        |all| json!(all.limits.default_currency),
        |all, value| {
            all.limits.default_currency = match text(value) {
                none if none.trim().is_empty() => None,
                code => Some(super::kind::currency(&code)?),
            };
            Ok(())
        },
        "The accounting currency of new wallets.",
    )
    .or_null(),
    now(
        "lnbits_allowed_currencies",
        Kind::List(Item::Currency),
        |all| json!(all.limits.allowed_currencies),
        |all, value| {
            all.limits.allowed_currencies = texts(value).into_iter().collect();
            Ok(())
        },
        "The currencies that wallets may have; all when the list is empty.",
    ),
    stored("lnbits_denomination", Kind::Text(20), "\"sats\"", "How others show amounts."),
    stored(
        "lnbits_funding_source_pending_interval_seconds",
        Kind::Int(0, 86_400),
        "1800",
        "How often others ask about payments in flight; here each has a schedule of its own.",
    ),
    stored(
        "funding_source_max_retries",
        Kind::Int(0, 1000),
        "4",
        "How often others call a lost node; here it is called until it is there.",
    ),
    stored(
        "lnbits_watchdog_switch_to_voidwallet",
        Kind::Flag,
        "false",
        "Stored; this server never changes its funding source by itself.",
    ),
    stored("lnbits_watchdog_interval_minutes", Kind::Int(0, 525_600), "60", "How often the balances are compared."),
    stored("lnbits_watchdog_delta", Kind::Int(0, SATS_MAX), "1000000", "By how much they may be apart."),
];

const SECURITY: &[Key] = &[
    now("lnbits_rate_limit_no", Kind::Int(1, 1_000_000), |all| json!(all.limits.address_rate.number), |all, value| {
        all.limits.address_rate.number = value.as_i64().and_then(|number| number.try_into().ok());
        Ok(())
    }, "A bound to the requests of each address, counting those without a credential; the narrower one of this and `satchel_anonymous_requests_per_minute` counts.").or_null(),
    now("lnbits_rate_limit_unit", Kind::Word(&["second", "minute", "hour", "day"]), |all| match all.limits.address_rate.unit.as_str() {
        "" => json!("minute"),
        unit => json!(unit),
    }, |all, value| {
        all.limits.address_rate.unit = text(value);
        Ok(())
    }, "In which time so many requests may come."),
    now("lnbits_allowed_ips", Kind::List(Item::Network), |all| networks(&all.limits.allowed_ips), |all, value| {
        all.limits.allowed_ips = read_networks(value);
        Ok(())
    }, "Addresses and networks that are let in although they are blocked."),
    now("lnbits_blocked_ips", Kind::List(Item::Network), |all| networks(&all.limits.blocked_ips), |all, value| {
        all.limits.blocked_ips = read_networks(value);
        Ok(())
    }, "Addresses and networks whose requests are refused."),
    now("satchel_wallet_requests_per_minute", Kind::Int(0, 1_000_000_000), |all| json!(all.limits.tiers.wallet_requests_per_minute), |all, value| {
        all.limits.tiers.wallet_requests_per_minute = rate(value);
        Ok(())
    }, "Requests a minute for each wallet key and each login; 0 for as many as it likes.").by_flag(),
    now("satchel_anonymous_requests_per_minute", Kind::Int(0, 1_000_000_000), |all| json!(all.limits.tiers.anonymous_requests_per_minute), |all, value| {
        all.limits.tiers.anonymous_requests_per_minute = rate(value);
        Ok(())
    }, "Requests a minute for each address, counting those without a credential; 0 for as many as it likes.").by_flag(),
    now("satchel_tiers", Kind::Tiers, |all| json!(all.limits.tiers.by_name), |all, value| {
        let tiers = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
        all.limits.tiers = Tiers { by_name: tiers, ..all.limits.tiers.clone() };
        Ok(())
    }, "The tiers of API keys by name, `free` among them: `{\"requests_per_minute\", \"capabilities\", \"price_sat\"}`."),
    field!("satchel_allow_query_keys", Kind::Flag, limits.tiers.allow_query_keys, flag, "Are wallet keys accepted in the query string, where they end up in logs?"),
    now("satchel_trusted_proxies", Kind::List(Item::Network), |all| networks(&all.limits.tiers.trusted_proxies), |all, value| {
        all.limits.tiers.trusted_proxies = read_networks(value);
        Ok(())
    }, "Reverse proxies whose word on a request's origin is taken.").by_flag(),
    stored("lnbits_callback_url_rules", Kind::List(Item::Text), r#"["https?://([a-zA-Z0-9.-]+\\.[a-zA-Z]{2,})(:\\d+)?"]"#, "Regular expressions of origins that callbacks may go to."),
    stored("lnbits_callback_allow_private_ips", Kind::Flag, "false", "May callbacks go to private addresses?"),
    stored("lnbits_lnurl_redirect_url_rules", Kind::List(Item::Text), "[]", "Regular expressions of what LNURLs may redirect to."),
    stored("lnbits_lnurl_allow_private_ips", Kind::Flag, "false", "May LNURLs lead to private addresses?"),
];

const SITE: &[Key] = &[
    field!(
        "lnbits_site_title",
        Kind::Text(640),
        limits.site_title,
        text,
        "The site's name, and the memo of an invoice whose maker gave none."
    ),
    now(
        "lnbits_default_wallet_name",
        Kind::Text(100),
        |all| json!(all.limits.default_wallet_name),
        |all, value| {
            let name = text(value);
            if name.trim().is_empty() || name.chars().any(char::is_control) {
                return Err("a wallet's name has 1 to 100 printable characters".into());
            }
            all.limits.default_wallet_name = name;
            Ok(())
        },
        "The name of a wallet whose maker gave none.",
    ),
    stored(
        "lnbits_site_tagline",
        Kind::Text(1000),
        "\"free and open-source lightning wallet\"",
        "A line under the site's name.",
    ),
    stored("lnbits_site_description", Kind::Text(20_000), "null", "What the site says of itself."),
    stored("lnbits_baseurl", Kind::Url, "null", "Where others believe to be reached; here SATCHEL_PUBLIC_URL says so."),
    stored("lnbits_hide_api", Kind::Flag, "false", "Does a dashboard hide the API's documentation?"),
    stored("lnbits_theme_options", Kind::List(Item::Text), "[]", "Themes to choose from."),
    stored("lnbits_custom_logo", Kind::Text(2000), "null", "A logo."),
    stored("lnbits_custom_image", Kind::Text(2000), "null", "An image of the start page."),
    stored("lnbits_custom_badge", Kind::Text(200), "null", "A badge beside the logo."),
    stored("lnbits_custom_badge_color", Kind::Text(50), "\"warning\"", "The badge's colour."),
    stored("lnbits_ad_space_enabled", Kind::Flag, "false", "Is there a space for partners?"),
    stored("lnbits_ad_space_title", Kind::Text(200), "\"Supported by\"", "The title of that space."),
    stored("lnbits_ad_space", Kind::Text(20_000), "\"\"", "What is in that space."),
    stored("lnbits_default_theme", Kind::Text(50), "null", "A theme."),
    stored("lnbits_default_reaction", Kind::Text(100), "null", "An animation when money arrives."),
    stored("lnbits_default_border", Kind::Text(100), "null", "A border."),
    stored("lnbits_default_gradient", Kind::Flag, "null", "A gradient."),
    stored("lnbits_default_bgimage", Kind::Text(2000), "null", "A background."),
    stored("lnbits_show_home_page_elements", Kind::Flag, "true", "Does the start page show all of its parts?"),
    stored("lnbits_qr_logo", Kind::Text(2000), "null", "A logo in QR codes."),
    stored("lnbits_apple_touch_icon", Kind::Text(2000), "null", "An icon for telephones."),
];

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

fn flag(value: &Value) -> bool {
    value.as_bool().unwrap_or_default()
}

fn rate(value: &Value) -> u32 {
    u32::try_from(int(value)).unwrap_or(u32::MAX)
}

fn sat(value: &Value) -> Msat {
    Msat::from_sat(int(value)).unwrap_or(Msat::MAX)
}

fn bound(most: Option<Msat>) -> Value {
    json!(most.unwrap_or_default().sat_floor())
}

/// Percent to thousandths of a percent.
fn milli(value: &Value) -> i64 {
    format!("{:.0}", value.as_f64().unwrap_or_default() * 1000.0).parse().unwrap_or_default()
}

fn percent(milli_percent: i64) -> Value {
    json!(i32::try_from(milli_percent).map_or(0.0, |milli| f64::from(milli) / 1000.0))
}

fn networks(list: &[ipnet::IpNet]) -> Value {
    json!(list.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn read_networks(value: &Value) -> Vec<ipnet::IpNet> {
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
