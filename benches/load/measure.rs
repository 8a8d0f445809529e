//! The measurements, in the order in which they are run.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::load::Failure;
use crate::load::api::{Account, Api, Wallet};
use crate::load::drive::{Outcome, Plan, run};
use crate::load::export;
use crate::load::http::{Connection, Credential, request};
use crate::load::judge::{bolt11, field, is_invoice, is_ok, is_page, is_paid};
use crate::load::listen;
use crate::load::process::{Folder, Server, memory_mib};
use crate::load::seed;
use crate::load::table::{self, progress};
use crate::{Args, Measurement};

const WALLETS: usize = 16;
const SMALL_WALLET_PAYMENTS: usize = 100;
/// Filling the big wallet stops here, full or not.
const FILL_MAX: Duration = Duration::from_mins(20);
const INVOICES_MAX: usize = 100_000;
const HANGING_PAYMENTS: usize = 32;
/// Few enough that the cores have time left: waiting in line would hide what is asked for.
const HANG_READERS: usize = 8;
/// Well within the 30 s of hanging.
const HANG_MAX: Duration = Duration::from_secs(15);
/// Each with the node well and hanging: what else the machine does changes from one minute to the next.
const HANG_ROUNDS: usize = 5;
/// Hanging ends after 30 s, and the requests with it.
const HANG_ENDS: Duration = Duration::from_mins(1);
/// For 32 payments to reach the node.
const HANG_BEGINS: Duration = Duration::from_millis(500);
const SETTLE: Duration = Duration::from_secs(1);

/// A server in the middle of being measured.
struct Bench<'a> {
    args: &'a Args,
    address: SocketAddr,
    pid: Option<u32>,
    account: Account,
    /// Satchel's own, if it was started here.
    database: Option<PathBuf>,
    sellers: Vec<Wallet>,
    buyers: Vec<Wallet>,
}

pub(crate) async fn all(args: &Args) -> Result<(), Failure> {
    let folder = Folder::new()?;
    let server = match args.url {
        Some(_) => None,
        None => Some(Server::spawn(&args.spawn, folder.path()).await?),
    };
    let address = args.url.or(server.as_ref().map(|server| server.address));
    let address = address.ok_or("neither started nor running")?;
    table::begin(&setting(args)?)?;
    if let Some(server) = &server {
        report_start(args, server, "empty").await?;
    }

    let api = Api::enter(address, &args.super_user, &args.super_password).await?;
    let account = api.register().await?;
    let sellers = account.wallets(WALLETS).await?;
    let buyers = account.wallets(WALLETS).await?;
    for buyer in &buyers {
        api.fund(buyer).await?;
    }
    let pid = server.as_ref().map(Server::pid);
    let database = Some(folder.path().join("data").join(satchel::config::DATABASE_FILE));
    let database = database.filter(|file| server.is_some() && file.exists());
    let bench = Bench { args, address, pid, account, database, sellers, buyers };
    bench.speed(&api).await?;

    if let Some(server) = server {
        if args.wants(Measurement::Memory) {
            table::fact("memory at the end", &memory(&server))?;
        }
        // The end of a server that is killed is worth a row, too.
        match server.stop().await {
            Ok(status) if ExitStatus::success(&status) => {}
            Ok(status) => table::fact("stop", &format!("ended with {status}"))?,
            Err(error) => table::fact("stop", &error.to_string())?,
        }
        if args.wants(Measurement::Start) || args.wants(Measurement::Memory) {
            let again = Server::spawn(&args.spawn, folder.path()).await?;
            report_start(args, &again, "filled").await?;
        }
    }
    Ok(())
}

/// What a reader must know to compare two tables.
fn setting(args: &Args) -> Result<String, Failure> {
    let server = match args.url {
        Some(address) => format!("running at {address}"),
        None => format!("`{}`", args.spawn.display()),
    };
    let cores = std::thread::available_parallelism()?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    let Args { clients, seconds, .. } = args;
    Ok(format!("Server: {server}; {clients} clients, {seconds} s per row; {cores} cores, load average {load} before."))
}

async fn report_start(args: &Args, server: &Server, state: &str) -> Result<(), Failure> {
    if args.wants(Measurement::Start) {
        let took_ms = server.start_time.as_secs_f64() * 1_000.0;
        table::fact(&format!("start, {state} data folder"), &format!("{took_ms:.0} ms"))?;
    }
    if args.wants(Measurement::Memory) {
        sleep(SETTLE).await;
        table::fact(&format!("memory after start, {state} data folder"), &memory(server))?;
    }
    Ok(())
}

fn memory(server: &Server) -> String {
    memory_mib(server.pid()).map_or_else(|| "unknown".to_owned(), |mib| format!("{mib:.1} MiB"))
}

impl Bench<'_> {
    async fn speed(&self, api: &Api) -> Result<(), Failure> {
        let wants = |measurement| self.args.wants(measurement);
        let bare = if wants(Measurement::Bare) { Some(self.bare().await?) } else { None };
        if wants(Measurement::Balance) {
            let (wallet, payments) = self.filled_wallet(SMALL_WALLET_PAYMENTS).await?;
            self.balance(&wallet, payments, bare.as_ref()).await?;
        }
        if wants(Measurement::Invoice) {
            let plan = self.plan(self.invoice_requests(&self.sellers));
            table::row("invoice", &run(plan, is_invoice).await, "")?;
        }
        if wants(Measurement::Payment) {
            self.payment("payment, 16 buyers", &self.buyers).await?;
        }
        if wants(Measurement::Hot) {
            let hot = self.buyers.get(..1).unwrap_or_default();
            self.payment("payment, one buyer", hot).await?;
        }
        if wants(Measurement::Token) {
            self.token().await?;
        }
        let of_big = [Measurement::Balance, Measurement::List, Measurement::Export];
        if self.args.rows > 0 && of_big.into_iter().any(wants) {
            let (wallet, payments) = self.filled_wallet(self.args.rows).await?;
            if wants(Measurement::Balance) {
                self.balance(&wallet, payments, bare.as_ref()).await?;
            }
            if wants(Measurement::List) {
                self.list(&wallet, payments).await?;
            }
            if wants(Measurement::Export) {
                export::table_of(self.address, self.pid, &wallet, payments).await?;
            }
        }
        if wants(Measurement::Listeners) {
            self.listeners().await?;
        }
        if let Some(pid) = self.pid.filter(|_| wants(Measurement::Sockets)) {
            listen::idle(self.address, pid, &self.sellers).await?;
        }
        if wants(Measurement::Hang) {
            self.hang(api).await?;
        }
        Ok(())
    }

    /// The usual plan: all clients for the whole time.
    fn plan(&self, requests: Vec<Vec<u8>>) -> Plan {
        Plan {
            address: self.address,
            requests,
            clients: self.args.clients,
            warm: self.args.warm(),
            time: self.args.time(),
            limit: usize::MAX,
            pid: self.pid,
        }
    }

    /// actix-web alone.
    async fn bare(&self) -> Result<Outcome<()>, Failure> {
        let server = Server::spawn_bare(self.args.bare_workers).await?;
        let ask = request(server.address, "GET", "/api/v1/wallet", Credential::None, None);
        let plan = Plan { address: server.address, pid: Some(server.pid()), ..self.plan(vec![ask]) };
        let outcome = run(plan, is_ok).await;
        table::row("bare", &outcome, "")?;
        Ok(outcome)
    }

    async fn balance(&self, wallet: &Wallet, payments: usize, bare: Option<&Outcome<()>>) -> Result<(), Failure> {
        let outcome = run(self.plan(self.balance_requests([wallet])), is_ok).await;
        let note = bare.map(|bare| compare(&outcome, bare));
        let name = format!("balance, {payments} payments in the wallet");
        Ok(table::row(&name, &outcome, &note.unwrap_or_default())?)
    }

    async fn payment(&self, name: &str, buyers: &[Wallet]) -> Result<(), Failure> {
        // As many invoices as can be made in the time in which they are to be paid.
        let plan = self.plan(self.invoice_requests(&self.sellers));
        let made = run(Plan { limit: INVOICES_MAX, ..plan }, bolt11).await;
        let requests: Vec<_> = (made.kept.iter().zip(buyers.iter().cycle()))
            .map(|(bolt11, buyer)| self.pay_request(buyer, bolt11))
            .collect();
        let invoices = requests.len();
        // Each is paid once, so there is nothing to warm up with.
        let plan = Plan { limit: invoices, warm: Duration::ZERO, ..self.plan(requests) };
        let paid = run(plan, is_paid).await;
        let all_paid = if paid.kept.len() == invoices { "all " } else { "" };
        let note = format!("{all_paid}{} of {invoices} invoices", paid.kept.len());
        Ok(table::row(name, &paid, &note)?)
    }

    async fn listeners(&self) -> Result<(), Failure> {
        let (Some(payee), Some(payer)) = (self.sellers.first(), self.buyers.first()) else { return Ok(()) };
        let plan = self.plan(self.invoice_requests(std::slice::from_ref(payee)));
        let made = run(Plan { limit: listen::WANTED, warm: Duration::ZERO, clients: 1, ..plan }, bolt11).await;
        let payments: Vec<_> = made.kept.iter().map(|bolt11| self.pay_request(payer, bolt11)).collect();
        listen::heard(self.address, payee, &payments).await
    }

    /// Twice in turn, so that a neighbour who comes or goes shows.
    async fn token(&self) -> Result<(), Failure> {
        let Some(tokens) = self.account.acl_tokens(&self.sellers).await? else {
            table::fact("balance, ACL tokens", "not measured: this server has no access lists by entries")?;
            return Ok(());
        };
        let by_token = |token: &String| request(self.address, "GET", "/api/v1/wallet", Credential::Bearer(token), None);
        let by_token: Vec<_> = tokens.iter().map(by_token).collect();
        for _ in 0..2 {
            let keys = run(self.plan(self.balance_requests(&self.sellers)), is_ok).await;
            table::row("balance, wallet keys", &keys, "")?;
            let tokens = run(self.plan(by_token.clone()), is_ok).await;
            let share = 100.0 * tokens.per_second() / keys.per_second();
            table::row("balance, ACL tokens", &tokens, &format!("{share:.1} % of wallet keys"))?;
        }
        Ok(())
    }

    async fn list(&self, wallet: &Wallet, payments: usize) -> Result<(), Failure> {
        for (name, path) in [
            (format!("list, 20 of {payments}"), "/api/v1/payments?limit=20".to_owned()),
            (format!("list, 20 of {payments} and their number"), "/api/v1/payments/paginated?limit=20".to_owned()),
            (
                format!("list, 20 of {payments} from the middle"),
                format!("/api/v1/payments?limit=20&offset={}", payments / 2),
            ),
        ] {
            let key = Credential::Key(&wallet.invoice_key);
            let ask = request(self.address, "GET", &path, key, None);
            let plan = Plan { clients: 1, ..self.plan(vec![ask]) };
            table::row(&name, &run(plan, is_page).await, "1 client")?;
        }
        Ok(())
    }

    async fn hang(&self, api: &Api) -> Result<(), Failure> {
        let (mut well, mut hanging, mut states) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..HANG_ROUNDS {
            let mut pays = Vec::new();
            for buyer in self.buyers.iter().cycle().take(HANGING_PAYMENTS) {
                let Some(bolt11) = api.outside_invoice("sim:hang").await? else {
                    table::fact("hang", "not measured: this server has no simulated node")?;
                    return Ok(());
                };
                pays.push(self.pay_request(buyer, &bolt11));
            }
            well.push(run(self.watch(), is_ok).await);
            let mut payments = self.send_apart(pays);
            sleep(HANG_BEGINS).await;
            hanging.push(run(self.watch(), is_ok).await);
            states.push(states_of(&mut payments));
            // The next round begins with a node that is well.
            let _ = timeout(HANG_ENDS, async { while payments.join_next().await.is_some() {} }).await;
        }
        let note = format!("{HANG_READERS} clients; medians of {HANG_ROUNDS} rounds");
        table::medians("balance, node well", &well, &note)?;
        let note = format!("{note}; payments: {}", states.join("; "));
        Ok(table::medians("balance, 32 payments hang", &hanging, &note)?)
    }

    /// Few clients that read balances.
    fn watch(&self) -> Plan {
        let time = self.args.time().min(HANG_MAX);
        Plan { clients: HANG_READERS, time, ..self.plan(self.balance_requests(&self.buyers)) }
    }

    /// Sends each request on a connection of its own; each task ends with its answer's `status`.
    fn send_apart(&self, requests: Vec<Vec<u8>>) -> JoinSet<Option<(u16, String)>> {
        let mut tasks = JoinSet::new();
        for request in requests {
            let mut connection = Connection::new(self.address);
            tasks.spawn(async move {
                let answer = connection.send(&request).await;
                answer.ok().and_then(|(status, body)| Some((status, field(body, "status")?.to_owned())))
            });
        }
        tasks
    }

    /// A new wallet with this many payments, or as many as time allowed.
    async fn filled_wallet(&self, payments: usize) -> Result<(Wallet, usize), Failure> {
        progress(&format!("making a wallet with {payments} payments"));
        let begun = Instant::now();
        let wallets = self.account.wallets(1).await?;
        let wallet = wallets.first().cloned().ok_or("no wallet")?;
        let requests = self.invoice_requests(&wallets);
        let plan = Plan { warm: Duration::ZERO, time: FILL_MAX, limit: payments, ..self.plan(requests) };
        if let Some(database) = self.database.as_ref().filter(|_| payments > 1) {
            if run(Plan { limit: 1, clients: 1, ..plan }, is_invoice).await.kept.len() != 1 {
                return Err("no invoice to copy".into());
            }
            seed::history(database, payments - 1)?;
            progress(&format!("… took {} s", begun.elapsed().as_secs()));
            return Ok((wallet, payments));
        }
        let made = run(plan, is_invoice).await;
        if let Some(complaint) = made.complaint {
            progress(&format!("{} invoices were not made; first: {complaint}", made.errors));
        }
        Ok((wallet, made.kept.len()))
    }

    fn invoice_requests(&self, wallets: &[Wallet]) -> Vec<Vec<u8>> {
        let body = json!({"out": false, "amount": 10, "memo": "bench"});
        let post = |wallet: &Wallet| {
            let key = Credential::Key(&wallet.invoice_key);
            request(self.address, "POST", "/api/v1/payments", key, Some(&body))
        };
        wallets.iter().map(post).collect()
    }

    fn pay_request(&self, buyer: &Wallet, bolt11: &str) -> Vec<u8> {
        let body = json!({"out": true, "bolt11": bolt11});
        let key = Credential::Key(&buyer.admin_key);
        request(self.address, "POST", "/api/v1/payments", key, Some(&body))
    }

    fn balance_requests<'w>(&self, wallets: impl IntoIterator<Item = &'w Wallet>) -> Vec<Vec<u8>> {
        let get = |wallet: &Wallet| {
            let key = Credential::Key(&wallet.invoice_key);
            request(self.address, "GET", "/api/v1/wallet", key, None)
        };
        wallets.into_iter().map(get).collect()
    }
}

/// What has become of payments so far.
fn states_of(payments: &mut JoinSet<Option<(u16, String)>>) -> String {
    let (mut pending, mut other) = (0, 0);
    while let Some(done) = payments.try_join_next() {
        match done {
            Ok(Some((201, status))) if status == "pending" => pending += 1,
            _ => other += 1,
        }
    }
    format!("{} unanswered, {pending} pending, {other} ended", payments.len())
}

/// The rate suffers from whatever else runs; CPU time hardly does.
fn compare(outcome: &Outcome<()>, bare: &Outcome<()>) -> String {
    let rate = 100.0 * outcome.per_second() / bare.per_second();
    let cpu = outcome.cpu_us_per_request().zip(bare.cpu_us_per_request());
    let cpu = cpu.map(|(cpu, bare)| format!(", {:.1} × its CPU time", cpu / bare));
    format!("{rate:.1} % of bare{}", cpu.unwrap_or_default())
}
