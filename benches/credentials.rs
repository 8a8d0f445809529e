//! What stands before every request, as a Markdown table: recognising a credential that is remembered,
//! looking up whether it allows the operation, and counting the request.
//!
//! ```text
//! cargo bench --bench credentials
//! ```
//!
//! One thread, no HTTP; `cargo bench --bench load -- --only token` compares wallet keys and ACL tokens over
//! HTTP. The wanted: recognising and looking up in less than 2 µs, and 200 entries for the price of 2.

use std::{
    fs,
    hint::black_box,
    io::Write as _,
    net::{IpAddr, Ipv4Addr},
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use satchel::{
    accounts::{
        Accounts, Registration, Setup, acl,
        policy::{Catalogue, Principal},
    },
    clock::Clock,
    config::Logins,
    domain::{
        AccountId,
        credential::{Acl, Credential, CredentialKind, HandedOut, Scope},
        ids::to_hex,
        limits::Limits,
    },
    http,
    settings::{Effective, Settings, Values},
    store::Store,
    vault::Vault,
};

type Failure = Box<dyn std::error::Error>;

/// How often each is done in one round; the best round counts, for the others had neighbours.
const TIMES: u32 = 100_000;
const ROUNDS: usize = 7;

fn main() -> ExitCode {
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS; // `cargo test --all-targets` runs it, too
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("credentials-{}", std::process::id()));
    let done = measure(&folder);
    let _ = fs::remove_dir_all(&folder);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let store = Store::open_sqlite(&folder.join("satchel.sqlite3"))?;
        let clock = Clock::system();
        let catalogue = Arc::new(http::catalogue(&http::table()));
        // counted, but never refused
        let mut limits = Limits::default();
        limits.tiers.wallet_requests_per_minute = u32::MAX;
        for tier in limits.tiers.by_name.values_mut() {
            tier.requests_per_minute = u32::MAX;
        }
        let accounts = Accounts::new(Setup {
            store: store.clone(),
            vault: Vault::new(clock.bytes(), clock.clone()),
            clock: clock.clone(),
            settings: Settings::new(
                store.clone(),
                Vault::new(clock.bytes(), clock.clone()),
                clock.clone(),
                Effective { limits, logins: Logins::default() },
                Values::new(),
            ),
            auth_secret: None,
            install_token: None,
            catalogue: Arc::clone(&catalogue),
            public_url: "http://127.0.0.1:5000".into(),
        });
        let wallet = accounts.anonymous(None).await?;
        let session = accounts.register(registration()).await?.access_token;
        let owner = wallet.wallet.account_id.clone();
        let two = handed_out(&store, &clock, &catalogue, &owner, CredentialKind::AclToken, Some(2)).await?;
        let many = handed_out(&store, &clock, &catalogue, &owner, CredentialKind::AclToken, Some(200)).await?;
        let key = handed_out(&store, &clock, &catalogue, &owner, CredentialKind::ApiKey, None).await?;
        let bench = Bench { accounts, number: number_of(&catalogue, "GET /api/v1/wallet").ok_or("no such route")? };

        writeln!(
            std::io::stdout(),
            "| credential | recognised and looked up, ns | and counted, ns |\n|---|---:|---:|"
        )?;
        bench.row("wallet key", &wallet.admin_key).await?;
        bench.row("session token", &session).await?;
        bench.row("API key", &key).await?;
        bench.row("ACL token, 2 entries", &two).await?;
        bench.row("ACL token, 200 entries", &many).await
    })
}

struct Bench {
    accounts: Accounts,
    /// Of the operation that is looked up.
    number: usize,
}

impl Bench {
    async fn row(&self, name: &str, secret: &str) -> Result<(), Failure> {
        let (mut looked_up, mut counted) = (Duration::MAX, Duration::MAX);
        for _ in 0..ROUNDS {
            looked_up = looked_up.min(self.round(secret, |_| true).await?);
            counted = counted.min(
                self.round(secret, |principal| {
                    self.accounts.count_principal(principal).is_some_and(|counted| counted.retry_after.is_none())
                })
                .await?,
            );
        }
        let each = |round: Duration| (round / TIMES).as_nanos();
        Ok(writeln!(std::io::stdout(), "| {name} | {} | {} |", each(looked_up), each(counted))?)
    }

    async fn round(&self, secret: &str, further: impl Fn(&Principal) -> bool) -> Result<Duration, Failure> {
        let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let begun = Instant::now();
        for _ in 0..TIMES {
            let secret = black_box(secret);
            let principal = if secret.starts_with("ey") {
                self.accounts.by_bearer(secret).await?
            } else {
                self.accounts.by_api_key(secret).await?
            };
            let policy = &principal.policy;
            let may = policy.routes.contains(black_box(self.number)) && policy.admits(from) && further(&principal);
            if !black_box(may) {
                return Err("a credential was refused".into());
            }
        }
        Ok(begun.elapsed())
    }
}

fn registration() -> Registration {
    let password = "load generator".to_owned();
    Registration {
        username: "bench".into(),
        password_repeat: password.clone(),
        password,
        email: None,
        user_agent: String::new(),
        bearer: None,
        invitation_code: None,
    }
}

/// A key, or a token of an access list with so many entries.
async fn handed_out(
    store: &Store,
    clock: &Clock,
    catalogue: &Catalogue,
    owner: &AccountId,
    kind: CredentialKind,
    entries: Option<usize>,
) -> Result<String, Failure> {
    let now = clock.now();
    let acl_id = entries.map(|_| to_hex(&clock.uuid()));
    if let (Some(count), Some(id)) = (entries, &acl_id) {
        let names = catalogue.operations().iter().map(acl::name).cycle();
        // the operation that is looked up, and any others
        let entries: Vec<_> = std::iter::once("GET /api/v1/wallet".to_owned()).chain(names).take(count).collect();
        let acl = Acl {
            id: id.clone(),
            account_id: owner.clone(),
            name: "bench".into(),
            entries: serde_json::to_string(&entries)?,
            created_at: now,
            updated_at: now,
        };
        store.acl_save(acl).await?;
    }
    let secret = HandedOut::new(kind, clock.bytes(), clock.bytes());
    let credential = Credential {
        id: secret.id.clone(),
        kind,
        account_id: owner.clone(),
        minted_by: None,
        name: "bench".into(),
        secret_hash: secret.hash().to_vec(),
        previous_hash: None,
        previous_until: None,
        scope: if acl_id.is_some() { Scope::Acl } else { Scope::Full },
        acl_id,
        wallets: None,
        limits: "{}".into(),
        created_at: now,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
        last_used_ip: None,
    };
    store.credential_create(credential).await?;
    Ok(secret.reveal().to_owned())
}

fn number_of(catalogue: &Catalogue, name: &str) -> Option<usize> {
    catalogue.operations().iter().position(|operation| acl::name(operation) == name)
}
