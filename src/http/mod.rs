//! The API: the route table and one file per resource. A handler takes apart what came in, asks the
//! accounts or the ledger, and shapes what goes out; it decides nothing about money or rights.

mod account;
mod acl_legacy;
mod acls;
mod admin;
mod admission;
mod anonymous;
mod answer;
mod api_keys;
mod assets;
mod audit;
mod auth;
mod body;
mod events;
mod files;
mod funding;
mod handed_out;
mod idempotency;
mod impersonation;
mod lenient;
mod links;
mod lnurl;
mod nostr;
mod observe;
mod openapi;
mod operators;
mod origin;
mod passkeys;
mod payments;
mod permission;
mod problem;
mod qr;
mod rates;
mod route;
mod server;
mod sessions;
mod settings;
mod shapes;
mod sharing;
mod shell;
mod site;
mod spans;
mod sso;
mod system;
mod tiers;
mod tiny;
mod totp;
mod user_admin;
mod users;
mod wallets;
mod webhooks;
mod webpush;
mod websocket;

use std::{net::TcpListener, sync::Arc, time::Duration};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer, ResponseError,
    dev::Server,
    http::header,
    middleware::from_fn,
    web::{self, Bytes, Data},
};
pub use admission::{Rules, rules};
pub use permission::Permission;
pub use problem::{Code, Problem};
pub use route::Route;

use tokio::sync::{Notify, watch};

use crate::{
    accounts::{
        Accounts,
        policy::{Catalogue, Family, Principal},
    },
    backup::Backup,
    clock::Clock,
    config::MetricsFor,
    domain::Time,
    events::Events,
    idempotency::Idempotency,
    keepsakes::Keepsakes,
    ledger::Ledger,
    links::Links,
    lnurl::Lnurl,
    observe::{AuditLog, JobBook, Metrics},
    push::Pushes,
    settings::Settings,
    webhooks::Webhooks,
};

/// What handlers reach for.
pub struct House {
    /// People and credentials.
    pub accounts: Accounts,
    /// Money.
    pub ledger: Ledger,
    /// What the super user decides.
    pub settings: Settings,
    /// Live updates.
    pub events: Events,
    /// Requests that may come twice.
    pub idempotency: Idempotency,
    /// Time and randomness.
    pub clock: Clock,
    /// When the server started.
    pub started: Time,
    /// The address under which people reach the server, without a slash at the end.
    pub public_url: String,
    /// Every operation, numbered.
    pub catalogue: Arc<Catalogue>,
    /// How requests of each operation are counted, and what they take.
    pub rules: Rules,
    /// The OpenAPI document.
    pub openapi: Bytes,
    /// Turns true when the server begins to stop: connections that would go on for ever end then.
    pub stopping: watch::Receiver<bool>,
    /// Who did what.
    pub audit: AuditLog,
    /// Numbers about everything.
    pub metrics: Metrics,
    /// Who may read these.
    pub metrics_for: MetricsFor,
    /// What goes on in the background.
    pub jobs: JobBook,
    /// Pictures, and short names for addresses.
    pub keepsakes: Keepsakes,
    /// LNURL links of wallets here.
    pub links: Links,
    /// What others offer by LNURL.
    pub lnurl: Lnurl,
    /// Where events are reported to.
    pub webhooks: Webhooks,
    /// Browsers that are told of payments.
    pub pushes: Pushes,
    /// Copies of everything.
    pub backup: Backup,
    /// Is told when the server is to begin anew.
    pub restart: Arc<Notify>,
}

impl House {
    /// May this principal do what only the super user may?
    fn is_super_user(principal: &Principal) -> bool {
        principal.family == Family::SuperUserSession
    }
}

/// The whole table.
pub fn table() -> Vec<Route> {
    [
        route::under("Login", auth::routes()),
        route::under("Login", nostr::routes()),
        route::under("Login", sso::routes()),
        route::under("Account", account::routes()),
        route::under("Login", anonymous::routes()),
        route::under("Access lists", acls::routes()),
        route::under("Access lists", acl_legacy::routes()),
        route::under("API keys", api_keys::routes()),
        route::under("Account", sessions::routes()),
        route::under("Second factors", totp::routes()),
        route::under("Second factors", passkeys::routes()),
        route::under("Super user", impersonation::routes()),
        route::under("Wallets", wallets::routes()),
        route::under("Sharing", sharing::routes()),
        route::under("Sharing", operators::routes()),
        route::under("Payments", payments::routes()),
        route::under("LNURL", lnurl::routes()),
        route::under("LNURL", lnurl::served()),
        route::under("LNURL", links::routes()),
        route::under("Exchange rates", rates::routes()),
        route::under("Keepsakes", assets::routes()),
        route::under("Keepsakes", tiny::routes()),
        route::under("Keepsakes", qr::routes()),
        route::under("Live updates", websocket::routes()),
        route::under("Live updates", events::routes()),
        route::under("Webhooks", webhooks::routes()),
        route::under("Live updates", webpush::routes()),
        route::under("Tiers", tiers::routes()),
        route::under("Users", user_admin::routes()),
        route::under("Super user", users::routes()),
        route::under("Super user", admin::routes()),
        route::under("Super user", funding::routes()),
        route::under("Super user", audit::routes()),
        route::under("Super user", server::routes()),
        route::under("Super user", settings::routes()),
        route::under("Server", system::routes()),
        route::under("Server", site::routes()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub use webhooks::words;

/// Numbers the table's operations.
pub fn catalogue(table: &[Route]) -> Catalogue {
    route::catalogue(table)
}

/// The OpenAPI document of the table, as JSON.
pub fn openapi_json(table: &[Route]) -> String {
    serde_json::to_string_pretty(&openapi::document(table)).unwrap_or_default()
}

/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long open requests may take to finish when the server stops, in seconds.
const SHUTDOWN_SECONDS: u64 = 20;

/// Starts serving on a bound socket.
///
/// # Errors
/// When the socket cannot be used.
pub fn serve(socket: TcpListener, workers: usize, table: Arc<Vec<Route>>, house: House) -> std::io::Result<Server> {
    let house = Data::new(house);
    let server = HttpServer::new(move || {
        let table_for_fallback = Arc::clone(&table);
        App::new()
            .app_data(house.clone())
            .wrap(from_fn(shell::shell))
            .configure(|config| route::mount(&table, config))
            .default_service(web::to(move |request: HttpRequest| {
                std::future::ready(admission::stranger(&request).map(|()| fallback(&table_for_fallback, &request)))
            }))
    })
    .workers(workers)
    .keep_alive(Duration::from_secs(75))
    .client_request_timeout(HEAD_TIMEOUT)
    .shutdown_timeout(SHUTDOWN_SECONDS)
    .disable_signals()
    .listen(socket)?;
    Ok(server.run())
}

/// A path that only lacks or has too much of a slash at its end is sent to the right one.
fn fallback(table: &[Route], request: &HttpRequest) -> HttpResponse {
    let path = request.path();
    let other = match path.strip_suffix('/') {
        Some(shorter) => shorter.to_owned(),
        None => format!("{path}/"),
    };
    if route::knows(table, &other) && !path.contains("//") {
        let query =
            if request.query_string().is_empty() { String::new() } else { format!("?{}", request.query_string()) };
        let scheme = if origin::is_https(request) { "https" } else { "http" };
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let location = format!("{scheme}://{host}{other}{query}");
        return HttpResponse::TemporaryRedirect().insert_header((header::LOCATION, location)).finish();
    }
    Problem::new(Code::NotFound, "Not Found").error_response()
}

/// The answer when the events cannot be read.
fn unavailable(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "the database cannot be asked");
    Problem::new(Code::DatabaseUnavailable, "The database is not available now. Try again later.")
}
