//! Settings of payments, of who may call how often, and of the site.

use serde_json::{Value, json};

use super::{
    key::{Key, now, stored},
    kind::{Item, Kind},
    table::{SATS_MAX, bound, field, flag, int, milli, networks, percent, rate, read_networks, sat, text, texts},
};
use crate::domain::{Msat, tier::Tiers};

pub(super) const PAYMENTS: &[Key] = &[
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

pub(super) const SECURITY: &[Key] = &[
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
    now("lnbits_callback_url_rules", Kind::List(Item::Text), |all| json!(all.limits.callbacks.origins), |all, value| {
        all.limits.callbacks.origins = patterns(value)?;
        Ok(())
    }, "Regular expressions of origins (`https://host:port`) that callbacks may go to; none for any."),
    field!("lnbits_callback_allow_private_ips", Kind::Flag, limits.callbacks.allow_private, flag, "May callbacks go to private addresses?"),
    field!("lnbits_lnurl_redirect_url_rules", Kind::List(Item::Text), limits.lnurl.redirect_rules, texts, "Regular expressions of what LNURL services may redirect to: one must fit the origin or the whole URL."),
    field!("lnbits_lnurl_allow_private_ips", Kind::Flag, limits.lnurl.allow_private, flag, "May LNURLs lead to private addresses, and to those without encryption?"),
];

pub(super) const SITE: &[Key] = &[
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

/// Regular expressions, each of which is one.
fn patterns(value: &Value) -> Result<Vec<String>, String> {
    let patterns = texts(value);
    for pattern in &patterns {
        regex::Regex::new(pattern).map_err(|_| format!("{pattern:?} is no regular expression"))?;
    }
    Ok(patterns)
}
