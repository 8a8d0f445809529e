//! Settings of exchange rates and of files that users keep here.

use serde_json::json;

use super::{
    key::{Key, now},
    kind::{Item, Kind},
    table::{field, flag, int, text, texts},
};
use crate::domain::asset::AssetKind;

/// More than anybody needs.
const SECONDS_MAX: i64 = 31_536_000;

pub(super) const RATES: &[Key] = &[
    now(
        "satchel_rates",
        Kind::Text(10_000),
        |all| json!(all.limits.rates.source.to_string()),
        |all, value| {
            all.limits.rates.source = text(value).parse()?;
            Ok(())
        },
        "Where exchange rates come from: `services`, `off`, or `fixed:EUR=65000,USD=70000` (units for a bitcoin) for tests and demonstrations.",
    ),
    field!(
        "lnbits_exchange_rate_cache_seconds",
        Kind::Int(0, SECONDS_MAX),
        limits.rates.cache_seconds,
        int,
        "After how long a rate that somebody wanted within the last hour is asked for again; a rate that nobody confirms holds for ten minutes."
    ),
    field!(
        "lnbits_exchange_history_size",
        Kind::Int(0, 10_000),
        limits.rates.history_size,
        int,
        "How many rates of the past are remembered, until the server stops."
    ),
    field!(
        "lnbits_exchange_history_refresh_interval_seconds",
        Kind::Int(0, SECONDS_MAX),
        limits.rates.history_seconds,
        int,
        "How long lies between two of them."
    ),
    field!(
        "lnbits_price_aggregator_enabled",
        Kind::Flag,
        limits.rates.aggregator,
        flag,
        "Is one service asked before the others?"
    ),
    field!(
        "lnbits_price_aggregator_url",
        Kind::Url,
        limits.rates.aggregator_url,
        text,
        "That service: `GET <url>/rate/<code>` answers `rates.median`."
    ),
    now(
        "lnbits_exchange_rate_providers",
        Kind::Objects,
        |all| json!(all.limits.rates.providers),
        |all, value| {
            all.limits.rates.providers = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
            Ok(())
        },
        "Services that are asked where that one is silent; what most of them say counts: `{name, api_url, path, exclude_to, ticker_conversion}`.",
    ),
];

pub(super) const ASSETS: &[Key] = &[
    now(
        "lnbits_max_asset_size_mb",
        Kind::Number(0.0, 100.0),
        |all| json!(all.limits.assets.size_mb()),
        |all, value| {
            all.limits.assets.set_size_mb(value.as_f64().unwrap_or_default());
            Ok(())
        },
        "The largest file, in megabytes.",
    ),
    now(
        "lnbits_assets_allowed_mime_types",
        Kind::List(Item::Text),
        |all| json!(all.limits.assets.types),
        |all, value| {
            all.limits.assets.types = texts(value);
            Ok(())
        },
        "Types of files that are taken; of these the server knows PNG, JPEG and WebP.",
    ),
    field!(
        "lnbits_asset_thumbnail_width",
        Kind::Int(1, 256),
        limits.assets.thumbnail_width,
        int,
        "The most that a small copy is wide."
    ),
    field!(
        "lnbits_asset_thumbnail_height",
        Kind::Int(1, 256),
        limits.assets.thumbnail_height,
        int,
        "The most that it is high."
    ),
    now(
        "lnbits_asset_thumbnail_format",
        Kind::Word(&["png", "jpeg", "webp"]),
        |all| json!(all.limits.assets.thumbnail.extension()),
        |all, value| {
            all.limits.assets.thumbnail = AssetKind::named(&text(value)).ok_or("no such type")?;
            Ok(())
        },
        "Its type.",
    ),
    field!(
        "lnbits_max_assets_per_user",
        Kind::Int(0, 1_000_000),
        limits.assets.most_per_user,
        int,
        "How many files a user keeps; administrators keep as many as they like."
    ),
    now(
        "lnbits_assets_no_limit_users",
        Kind::List(Item::Id),
        |all| json!(all.limits.assets.unlimited.iter().map(ToString::to_string).collect::<Vec<_>>()),
        |all, value| {
            all.limits.assets.unlimited = texts(value).iter().filter_map(|id| id.parse().ok()).collect();
            Ok(())
        },
        "Users with as many as they like.",
    ),
];
