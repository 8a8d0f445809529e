//! The dashboard: its pages and the parts they are made of, all of them in the program itself.

use std::{collections::BTreeMap, sync::LazyLock};

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    http::{Method, header},
    web::{Bytes, Data, Json},
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{
    House,
    body::{PathPart, PathParts},
    permission::{Caller, Public},
    problem::{Code, Problem},
    route::{Route, route},
};
use crate::{config::logins::LoginMethod, domain::ids::to_hex};

/// Addresses of the dashboard and what is there. One document serves all of them: which page it shows, it reads from
/// the address.
const PAGES: &[(&str, &str)] = &[
    ("/", "The start page: signing in."),
    ("/first_install", "The page on which the super user is named."),
    ("/wallet", "A wallet: what it holds, receiving, sending, and what happened."),
    ("/wallets", "The account's wallets."),
    ("/account", "The account: profile, password, second factors, sessions."),
    ("/keys", "Keys and access."),
    ("/server", "What the super user sees and decides."),
];

pub fn routes() -> Vec<Route> {
    let pages = PAGES.iter().map(|(path, about)| route(Method::GET, path, Public, page).doc(about));
    let others = [
        route(Method::GET, "/docs", Public, docs).doc("This page."),
        route(Method::GET, "/static/{file}", Public, file).doc("A part of a page."),
        route(Method::GET, "/static/{folder}/{file}", Public, file_in).doc("A part of a page."),
        route(Method::GET, "/api/v1/server", Public, server).doc(
            "Says what somebody has to know before he signs in: how he may, and whether the money is real.\n\
            It is answered before the first install, too.",
        ),
    ];
    pages.chain(others).collect()
}

macro_rules! parts {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!("../web/", $name)))),*]
    };
}

/// The files, by the names they have below `src/web` and `/static`.
const PARTS: &[(&str, &[u8])] = parts![
    "app.html",
    "app.css",
    "app.js",
    "satchel.svg",
    "docs/docs.css",
    "docs/docs.html",
    "docs/docs.js",
    "docs/openapi.js",
    "docs/prose.js",
    "docs/request.js",
    "docs/schema-tree.js",
    "docs/try.js",
    "i18n/de.js",
    "i18n/en.js",
    "i18n/es.js",
    "pages/account.js",
    "pages/chart.js",
    "pages/export.js",
    "pages/factors.js",
    "pages/first-install.js",
    "pages/history.js",
    "pages/missing.js",
    "pages/payment.js",
    "pages/receive.js",
    "pages/send.js",
    "pages/signin.js",
    "pages/wallet.js",
    "pages/wallets.js",
    "ui/dialog.js",
    "ui/kit.js",
    "ui/qr.js",
];

/// A file as it is sent.
#[derive(Clone)]
pub struct Part {
    content_type: &'static str,
    content: Bytes,
    /// How long it is good without asking again.
    cache: &'static str,
    /// Changes whenever the content does (RFC 9110, 8.8.3); weak, because it may be sent compressed.
    etag: String,
}

static TABLE: LazyLock<BTreeMap<&'static str, Part>> = LazyLock::new(|| {
    let part = |(name, content): &(&'static str, &'static [u8])| {
        let digest = to_hex(Sha256::digest(content).get(..12).unwrap_or_default());
        let part = Part {
            content_type: content_type(name),
            content: Bytes::from_static(content),
            // a picture of yesterday fits with the pages of today; a script of yesterday does not
            cache: if content_type(name) == PICTURE { "public, max-age=86400" } else { "no-cache" },
            etag: format!("W/\"{digest}\""),
        };
        (*name, part)
    };
    PARTS.iter().map(part).collect()
});

const PICTURE: &str = "image/svg+xml";

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("png") => "image/png",
        _ => PICTURE,
    }
}

/// Pages run only what this server serves, and load nothing from anywhere else.
const CONTENT_SECURITY: &str =
    "default-src 'self'; object-src 'none'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'";

impl Responder for Part {
    type Body = BoxBody;
    /// A browser asks every time whether the pages it keeps are still good, and is told in a few bytes that they are.
    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let kept = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        let is_good = kept.is_some_and(|kept| kept.split(',').any(|tag| tag.trim() == self.etag));
        let mut response = if is_good { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response
            .insert_header((header::CACHE_CONTROL, self.cache))
            .insert_header((header::ETAG, self.etag))
            .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((header::REFERRER_POLICY, "no-referrer"));
        if is_good {
            return response.finish();
        }
        response.insert_header((header::CONTENT_TYPE, self.content_type)).body(self.content)
    }
}

fn part(name: &str) -> Result<Part, Problem> {
    TABLE.get(name).cloned().ok_or_else(|| Problem::new(Code::NotFound, "Not Found"))
}

async fn page(_: Caller<Public>) -> Result<Part, Problem> {
    part("app.html")
}

async fn docs(_: Caller<Public>) -> Result<Part, Problem> {
    part("docs/docs.html")
}

async fn file(_: Caller<Public>, PathPart(name): PathPart<String>) -> Result<Part, Problem> {
    part(&name)
}

async fn file_in(_: Caller<Public>, PathParts(folder, name): PathParts<String, String>) -> Result<Part, Problem> {
    part(&format!("{folder}/{name}"))
}

/// What somebody has to know before he signs in.
#[expect(clippy::struct_excessive_bools, reason = "each says something of its own, by its name on the wire")]
#[derive(Serialize, ToSchema)]
struct ServerShape {
    /// What the operator calls it.
    site_title: String,
    /// Has the super user a name already?
    installed: bool,
    /// Is the money play money, and nothing of it real?
    play_money: bool,
    /// The Lightning network of its invoices.
    network: &'static str,
    /// How people may log in: `username-password`, `nostr-auth-nip98`, `google-auth`, `github-auth`, `keycloak-auth`,
    /// `oidc-auth`, `user-id-only`.
    login_methods: Vec<&'static str>,
    /// May people open accounts themselves?
    registration: bool,
    /// Do they need an invitation code for it?
    invitation_code: bool,
    /// The currency amounts are shown in besides satoshi, unless a wallet has its own.
    currency: Option<String>,
}

async fn server(_: Caller<Public>, house: Data<House>) -> Result<Json<ServerShape>, Problem> {
    let (limits, logins) = (house.settings.limits().clone(), house.settings.logins());
    let methods = LoginMethod::ALL.into_iter().filter(|method| logins.allows(*method));
    Ok(Json(ServerShape {
        site_title: limits.site_title.clone(),
        installed: house.accounts.is_installed().await?,
        play_money: house.ledger.is_play_money(),
        network: house.ledger.network(),
        login_methods: methods.map(LoginMethod::name).collect(),
        registration: limits.is_open() && logins.allows(LoginMethod::Password),
        invitation_code: limits.activation.required,
        currency: limits.default_currency.clone(),
    }))
}
