//! The network of a first run: our node, one more node that is the world outside, and a chain for the two.
//!
//! All of it is in this process and none of it is worth anything; but the channel, the invoices and the payments are
//! what they are on any other network. It lies in the data folder and goes on where it was after a restart. Where the
//! channel is used up on one side, the world outside opens another.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use bitcoin::{
    Network,
    hashes::{Hash, HashEngine, sha512},
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream, stream::BoxStream};
use ldk_node::lightning::ln::msgs::SocketAddress;
use tokio::{
    runtime::Runtime,
    sync::watch,
    time::{sleep, timeout},
};

use super::{ChainSource, EmbeddedNode, Options, outgoing::GENEROUS};
use crate::{
    clock::Clock,
    domain::{Msat, PaymentId, bolt11},
    funding::{
        AttemptRef, Capabilities, Description, Driver, FundingSource, Home, InvoiceError, InvoiceOrder, InvoiceRef,
        InvoiceState, IssuedInvoice, NodeStatus, Outcome, OutsideWorld, Payee, PaymentOrder, Positioned, Setup,
        SourceDown,
        regtest::{Access, Chain},
    },
};

/// Chosen by `PlayNetwork`.
pub const DRIVER: Driver = Driver {
    class: "PlayNetwork",
    name: "play",
    title: "Own node on a private network (play money)",
    fields: &[],
    open: |_, setup| Ok(open(setup)),
};

/// A channel's size in satoshi; half of it lies on each side.
const CHANNEL_SAT: u64 = 10_000_000;
/// When less than this can be sent one way, in millisatoshi, another channel is opened.
const LOW_MSAT: u64 = 1_000_000_000;
/// What each node gets on chain, in satoshi.
const COINS_SAT: u64 = 50_000_000;
/// Blocks after which a channel can be used.
const DEEP: u32 = 6;
/// How long a step of the beginning may take.
const STEP: Duration = Duration::from_secs(30);
/// How often the two nodes try to meet.
const TRIES: u32 = 100;
/// Between two looks at how the channels stand.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What runs once it was opened.
struct Running {
    ours: EmbeddedNode,
    world: EmbeddedNode,
    chain: Arc<Chain>,
}

type State = Result<Option<Arc<Running>>, SourceDown>;

/// The network, which opens while the server starts.
pub struct PlayNetwork {
    state: watch::Receiver<State>,
    /// Carries the chain and the look at the channels.
    runtime: Option<Runtime>,
}

/// Begins to open the network in its home; without a home it stays a name.
fn open(setup: &Setup) -> Arc<dyn FundingSource> {
    let (tell, state) = watch::channel(Ok(None));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("play").enable_all().build();
    let runtime = match (runtime, setup.home.clone()) {
        (Ok(runtime), Some(home)) => {
            let clock = setup.clock.clone();
            runtime.spawn(async move {
                let opened = begin(&home, clock).await;
                if let Err(down) = &opened {
                    tracing::error!(%down, "the play network does not start");
                }
                let running = opened.as_ref().ok().map(Arc::clone);
                drop(tell.send_replace(opened.map(Some)));
                if let Some(running) = running {
                    look_after(&running).await;
                }
            });
            Some(runtime)
        }
        (Ok(runtime), None) => {
            runtime.shutdown_background();
            drop(tell.send_replace(Err(SourceDown("the play network has no folder".to_owned()))));
            None
        }
        (Err(error), _) => {
            drop(tell.send_replace(Err(SourceDown(format!("the play network has no runtime: {error}")))));
            None
        }
    };
    Arc::new(PlayNetwork { state, runtime })
}

impl PlayNetwork {
    /// What runs, once it does.
    async fn running(&self) -> Result<Arc<Running>, SourceDown> {
        let mut state = self.state.clone();
        let opened = state.wait_for(|state| !matches!(state, Ok(None))).await;
        let opened = opened.map_err(|_| SourceDown("the play network is being stopped".to_owned()))?.clone();
        opened?.ok_or_else(|| SourceDown("the play network is starting".to_owned()))
    }

    /// What runs, if it does already.
    fn running_now(&self) -> Result<Arc<Running>, String> {
        match &*self.state.borrow() {
            Ok(Some(running)) => Ok(Arc::clone(running)),
            Ok(None) => Err("the play network is starting".to_owned()),
            Err(down) => Err(down.0.clone()),
        }
    }
}

impl Drop for PlayNetwork {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn begin(home: &Home, clock: Clock) -> Result<Arc<Running>, SourceDown> {
    let folder = home.folder.join("play");
    let down = |error: std::io::Error| SourceDown(format!("the play network's folder cannot be made: {error}"));
    for part in ["ours", "world"] {
        std::fs::create_dir_all(folder.join(part)).map_err(down)?;
    }
    let chain = Chain::open(Some(&folder.join("chain")))?;
    let access = chain.serve(&clock).await?;
    tokio::spawn(Arc::clone(&chain).mine_what_waits());
    let address = free_address().map_err(down)?;
    let of = |name: &'static str, listen: Option<String>| {
        let seed = seed(&home.vault.derived(&format!("play network/{name}")));
        options(name, &folder.join(name), &clock, &access, seed, listen)
    };
    let (ours, world) = futures_util::join!(
        EmbeddedNode::open(of("ours", None)),
        EmbeddedNode::open(of("world", Some(address.clone()))),
    );
    let running = Arc::new(Running { ours: ours?, world: world?, chain });
    running.meet(&address).await?;
    if running.ours.node().list_channels().is_empty() {
        running.fund().await?;
        running.open_channel(&running.ours, &running.world, &address).await?;
    }
    running.until_usable().await?;
    Ok(running)
}

fn options(
    name: &'static str,
    folder: &Path,
    clock: &Clock,
    access: &Access,
    seed: [u8; 64],
    listen: Option<String>,
) -> Options {
    let chain = ChainSource::Bitcoind {
        host: "127.0.0.1".to_owned(),
        port: access.port,
        user: access.user.clone(),
        password: access.password.clone(),
    };
    let (clock, folder) = (clock.clone(), folder.to_owned());
    let name = if name == "ours" { DRIVER.name } else { name };
    Options { name, clock, folder, network: Network::Regtest, chain, seed, listen, alias: None }
}

/// 64 bytes that follow from 32.
fn seed(secret: &[u8; 32]) -> [u8; 64] {
    let mut engine = sha512::Hash::engine();
    engine.input(secret);
    sha512::Hash::from_engine(engine).to_byte_array()
}

/// An address of this machine where nobody listens.
fn free_address() -> std::io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.to_string())
}

impl Running {
    /// Connects our node to the other one, which may need a moment until it listens.
    async fn meet(&self, address: &str) -> Result<(), SourceDown> {
        let (world, address) = (self.world.node().node_id(), socket(address)?);
        let mut tries = 0_u32;
        loop {
            let to = address.clone();
            let connected = self.ours.blocking(move |node| node.connect(world, to, false)).await?;
            let Err(error) = connected else { return Ok(()) };
            tries = tries.saturating_add(1);
            if tries > TRIES {
                return Err(SourceDown(format!("the two nodes of the play network do not meet: {error}")));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Gives both nodes coins.
    async fn fund(&self) -> Result<(), SourceDown> {
        for node in [&self.ours, &self.world] {
            let address = node.blocking(|node| node.onchain_payment().new_address()).await?.map_err(failed)?;
            self.chain.give(address.script_pubkey(), COINS_SAT)?;
        }
        self.mine(1).await
    }

    async fn open_channel(&self, from: &EmbeddedNode, to: &EmbeddedNode, address: &str) -> Result<(), SourceDown> {
        let (peer, address) = (to.node().node_id(), socket(address)?);
        let half = CHANNEL_SAT.saturating_mul(500);
        let opened = from.blocking(move |node| node.open_channel(peer, address, CHANNEL_SAT, Some(half), None));
        opened.await?.map_err(failed)?;
        Ok(())
    }

    /// Mines and lets both nodes see it.
    async fn mine(&self, blocks: u32) -> Result<(), SourceDown> {
        self.chain.mine(blocks)?;
        for node in [&self.ours, &self.world] {
            node.sync().await?;
        }
        Ok(())
    }

    /// Mines until a channel can be used from both sides.
    async fn until_usable(&self) -> Result<(), SourceDown> {
        let usable = |node: &EmbeddedNode| {
            let channels = node.node().list_channels();
            !channels.is_empty() && channels.iter().any(|channel| channel.is_usable)
        };
        let waiting = async {
            while !usable(&self.ours) || !usable(&self.world) {
                let shallow = |channel: &ldk_node::ChannelDetails| channel.confirmations.unwrap_or(0) < DEEP;
                let funded = self.ours.node().list_channels().iter().all(|channel| channel.funding_txo.is_some());
                if funded && self.ours.node().list_channels().iter().any(shallow) {
                    self.mine(1).await?;
                }
                sleep(Duration::from_millis(10)).await;
            }
            Ok(())
        };
        let late = |_| SourceDown("no channel of the play network can be used".to_owned());
        timeout(STEP, waiting).await.map_err(late)?
    }

    /// Has the world outside open another channel, where one side of those there are is used up.
    async fn refill(&self) -> Result<(), SourceDown> {
        let channels = self.ours.node().list_channels();
        if channels.iter().any(|channel| !channel.is_channel_ready) {
            return self.mine(1).await;
        }
        let out: u64 = channels.iter().map(|channel| channel.outbound_capacity_msat).sum();
        let into: u64 = channels.iter().map(|channel| channel.inbound_capacity_msat).sum();
        if out >= LOW_MSAT && into >= LOW_MSAT {
            return Ok(());
        }
        self.fund().await?;
        let Some(address) = self.world.node().listening_addresses().and_then(|all| all.first().cloned()) else {
            return Ok(());
        };
        self.open_channel(&self.ours, &self.world, &address.to_string()).await?;
        tracing::info!("the play network gets another channel");
        Ok(())
    }
}

/// Keeps the channels open in both directions for as long as the network is there.
async fn look_after(running: &Running) {
    loop {
        sleep(LOOK_EVERY).await;
        if let Err(down) = running.refill().await {
            tracing::warn!(%down, "the play network's channels cannot be looked after; trying again");
        }
    }
}

fn socket(address: &str) -> Result<SocketAddress, SourceDown> {
    address.parse().map_err(|_| SourceDown("the play network's address is none".to_owned()))
}

fn failed(error: ldk_node::NodeError) -> SourceDown {
    SourceDown(format!("the play network: {error}"))
}

impl FundingSource for PlayNetwork {
    fn name(&self) -> &'static str {
        DRIVER.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    fn status(&self) -> BoxFuture<'_, Result<NodeStatus, SourceDown>> {
        async { self.running().await?.ours.status().await }.boxed()
    }

    fn create_invoice(&self, order: InvoiceOrder) -> BoxFuture<'_, Result<IssuedInvoice, InvoiceError>> {
        async { self.running().await?.ours.create_invoice(order).await }.boxed()
    }

    fn pay(&self, order: PaymentOrder) -> BoxFuture<'_, Outcome> {
        async {
            match self.running().await {
                Ok(running) => FundingSource::pay(&running.ours, order).await,
                Err(down) => Outcome::NotSent(down.0),
            }
        }
        .boxed()
    }

    fn lookup_payment(&self, attempt: AttemptRef) -> BoxFuture<'_, Outcome> {
        async {
            match self.running().await {
                Ok(running) => running.ours.lookup_payment(attempt).await,
                Err(down) => Outcome::Unknown(down.0),
            }
        }
        .boxed()
    }

    fn lookup_invoice(&self, invoice: InvoiceRef) -> BoxFuture<'_, Result<InvoiceState, SourceDown>> {
        async { self.running().await?.ours.lookup_invoice(invoice).await }.boxed()
    }

    fn settle_invoice(&self, preimage: [u8; 32]) -> BoxFuture<'_, Result<(), InvoiceError>> {
        async move { self.running().await?.ours.settle_invoice(preimage).await }.boxed()
    }

    fn cancel_invoice(&self, payment_hash: crate::domain::PaymentHash) -> BoxFuture<'_, Result<(), InvoiceError>> {
        async { self.running().await?.ours.cancel_invoice(payment_hash).await }.boxed()
    }

    fn events(&self, after: i64) -> BoxStream<'_, Result<Positioned, SourceDown>> {
        // the journal has no end: what is handed on here ends when whoever listens does
        let (sender, receiver) = tokio::sync::mpsc::channel(64);
        let state = self.running();
        let pump = async move {
            let running = match state.await {
                Ok(running) => running,
                Err(down) => return drop(sender.send(Err(down)).await),
            };
            let mut events = running.ours.events(after);
            while let Some(event) = events.next().await {
                if sender.send(event).await.is_err() {
                    return;
                }
            }
        };
        let told = stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
        let pumped = stream::once(pump).filter_map(|()| std::future::ready(None));
        stream::select(told, pumped).boxed()
    }

    fn outside(&self) -> Option<&dyn OutsideWorld> {
        Some(self)
    }
}

impl OutsideWorld for PlayNetwork {
    fn pay(&self, bolt11: &str, amount: Option<Msat>) -> Result<(), String> {
        let running = self.running_now()?;
        let invoice = bolt11::parse(bolt11).map_err(|error| error.0)?;
        let amount = amount.or(invoice.amount).ok_or("the invoice names no amount; give one")?;
        if invoice.amount.is_some_and(|asked| asked > amount) {
            return Err("the invoice takes no less than it asks for".to_owned());
        }
        if invoice.parsed.get_payee_pub_key() != running.ours.node().node_id() {
            return Err("the invoice is not from this node".to_owned());
        }
        let attempt = PaymentId(0);
        let order = PaymentOrder { attempt, payee: Payee::Invoice(Box::new(invoice)), amount, fee_limit: GENEROUS };
        on_a_thread(move || running.world.begin_sending(&order))?
    }

    fn issue(&self, amount: Msat, memo: &str, expiry_seconds: u64) -> Result<String, String> {
        let running = self.running_now()?;
        let order =
            InvoiceOrder { amount, description: Description::Text(memo.to_owned()), expiry_seconds, hold: None };
        on_a_thread(move || running.world.issue_now(&order))?
    }
}

/// Waits for work that must not run where nobody may wait.
fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    std::thread::spawn(work).join().map_err(|_| "the world outside failed".to_owned())
}
