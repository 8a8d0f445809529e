//! What must not be set together.

use super::{Effective, Fault};
use crate::config::{
    Logins,
    logins::{LoginMethod, Provider},
};

/// A provider counts as configured when there is all that it takes.
pub(super) fn finish(logins: &mut Logins) {
    for issuer in [&mut logins.google, &mut logins.keycloak, &mut logins.oidc] {
        if issuer.as_ref().is_some_and(|issuer| issuer.client.id.is_empty() || issuer.discovery_url.is_empty()) {
            *issuer = None;
        }
    }
    if logins.github.as_ref().is_some_and(|github| github.client.id.is_empty()) {
        logins.github = None;
    }
}

/// What contradicts itself in these settings, as far as a change of these names is about it.
pub(super) fn contradictions(all: &Effective, names: &[&str]) -> Vec<Fault> {
    let about = |prefixes: &[&str]| names.iter().any(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)));
    let mut faults = Vec::new();
    let fee = &all.limits.service_fee;
    if fee.milli_percent > 0 && fee.wallet.is_none() && about(&["lnbits_service_fee"]) {
        faults.push(Fault::of("lnbits_service_fee_wallet", "a service fee is set, but no wallet that gets it"));
    }
    if all.logins.methods.is_empty() && about(&["auth_allowed_methods"]) {
        faults.push(Fault::of("auth_allowed_methods", "nobody could log in: name one method at least"));
    }
    for provider in Provider::ALL {
        let named = all.logins.methods.contains(&LoginMethod::Provider(provider));
        let client = format!("{}_", provider.name());
        if named && !all.logins.is_configured(provider) && about(&["auth_allowed_methods", &client]) {
            let what = match provider {
                Provider::Google | Provider::Github => "client_id",
                Provider::Keycloak | Provider::Oidc => "discovery_url and client_id",
            };
            let method = LoginMethod::Provider(provider).name();
            faults
                .push(Fault::of("auth_allowed_methods", format!("{method} is allowed, but {client}{what} is not set")));
        }
    }
    faults
}
