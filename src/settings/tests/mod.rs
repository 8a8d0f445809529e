use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Effect, Effective, Values, compose, environment, table, written};

#[test]
fn every_default_is_a_value_of_its_setting() {
    let (all, mut names) = (Effective::default(), BTreeSet::new());
    for key in table::keys() {
        assert!(names.insert(key.name), "{} is there twice", key.name);
        let default = match key.effect {
            Effect::Now { read, .. } => read(&all),
            _ => serde_json::from_str(key.default).unwrap_or_else(|error| panic!("{}: {error}", key.name)),
        };
        assert_eq!(key.read(&default), Ok(default.clone()), "{}", key.name);
        assert!(key.doc.ends_with('.') || key.doc.ends_with('?'), "{}", key.name);
    }
}

/// What is written is what is read again, for every setting that holds at once.
#[test]
fn what_is_put_into_force_is_what_is_shown() {
    for key in table::keys() {
        let Effect::Now { read, write } = key.effect else { continue };
        let other = match (key.name, key.kind.json_type()) {
            ("satchel_tiers", _) => {
                json!({ "free": { "requests_per_minute": 7, "capabilities": ["read"], "price_sat": 0 } })
            }
            // It takes nothing but false.
            ("lnbits_audit_log_request_body", _) => json!(false),
            ("lnbits_audit_include_paths" | "lnbits_audit_exclude_paths", _) => json!(["/a/.*"]),
            ("lnbits_audit_http_methods", _) => json!(["GET"]),
            ("auth_allowed_methods", _) => json!(["user-id-only"]),
            ("lnbits_service_fee_wallet", _) => json!("0123456789abcdef0123456789abcdef"),
            ("lnbits_rate_limit_unit", _) => json!("hour"),
            ("lnbits_default_accounting_currency", _) => json!("CHF"),
            ("lnbits_allowed_currencies", _) => json!(["CHF"]),
            ("satchel_rates", _) => json!("fixed:EUR=65000"),
            ("lnbits_asset_thumbnail_format", _) => json!("webp"),
            ("lnbits_allowed_users" | "lnbits_assets_no_limit_users", _) => json!(["0123456789abcdef0123456789abcdef"]),
            ("lnbits_exchange_rate_providers", _) => json!([
                { "name": "n", "api_url": "https://a.example", "path": "$.a", "exclude_to": [], "ticker_conversion": [] }
            ]),
            ("lnbits_webpush_privkey", _) => json!("CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk"),
            ("nostr_absolute_request_urls", _) => json!(["https://a.example"]),
            ("lnbits_register_one_time_activation_codes", _) => json!(["abc"]),
            (_, "boolean") => json!(!read(&Effective::default()).as_bool().unwrap()),
            (_, "integer") => json!(7),
            (_, "number") => json!(1.5),
            (_, "array") => json!(["10.0.0.0/8"]),
            _ => json!("https://a.example"),
        };
        let mut all = Effective::default();
        assert_eq!(key.read(&other), Ok(other.clone()), "{}", key.name);
        write(&mut all, &other).unwrap();
        assert_eq!(read(&all), other, "{}", key.name);
        if key.nullable {
            write(&mut all, &Value::Null).unwrap();
        }
    }
}

#[test]
fn a_provider_takes_a_client_and_a_place() {
    let values = |pairs: &[(&'static str, &str)]| -> Values {
        pairs.iter().map(|(name, value)| (*name, json!(value))).collect()
    };
    let all = |pairs| compose(&Effective::default(), &values(pairs), |key, text| panic!("{}: {text}", key.name)).logins;
    assert!(all(&[("google_client_id", "id")]).google.is_some());
    assert!(all(&[("google_client_secret", "secret")]).google.is_none());
    assert!(all(&[("oidc_client_id", "id")]).oidc.is_none());
    assert!(all(&[("oidc_client_id", "id"), ("oidc_discovery_url", "https://issuer.example/d")]).oidc.is_some());
    assert!(all(&[("github_client_id", "id")]).github.is_some());
}

#[test]
fn variables_give_defaults_and_are_checked() {
    let read = |name: &'static str, value: &'static str| {
        let mut all = Effective::default();
        let others = environment(&mut all, |asked| (asked == name).then(|| value.to_owned()));
        others.map(|others| (all, others)).map_err(|error| error.to_string())
    };
    assert_eq!(read("LNBITS_RESERVE_FEE_MIN", "5000").unwrap().0.limits.reserve_fee_min.0, 5000);
    assert_eq!(read("LNBITS_ALLOWED_IPS", "10.0.0.1, 10.1.0.0/16").unwrap().0.limits.allowed_ips.len(), 2);
    assert_eq!(read("LNBITS_DENOMINATION", "msat").unwrap().1.get("lnbits_denomination"), Some(&json!("msat")));
    // the flag of the command line has read this one
    assert!(read("SATCHEL_TRUSTED_PROXIES", "10.0.0.1").unwrap().0.limits.tiers.trusted_proxies.is_empty());
    assert!(read("LNBITS_RESERVE_FEE_MIN", "much").unwrap_err().contains("LNBITS_RESERVE_FEE_MIN"));
}

#[test]
fn written_defaults_of_lists_are_lists() {
    let list = table::find("auth_all_methods").map(written);
    assert_eq!(list.and_then(|list| list.get(0).cloned()), Some(json!("user-id-only")));
}
