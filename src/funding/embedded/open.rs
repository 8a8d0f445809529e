//! Opening the node.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bitcoin::Network;
use ldk_node::{
    BuildError, Builder, Node,
    config::{AnchorChannelsConfig, Config},
    lightning::ln::msgs::SocketAddress,
    logger::{LogLevel, LogRecord, LogWriter},
};
use lightning_invoice::Currency;
use tokio::runtime::Runtime;

use super::{EmbeddedNode, Journal, listen};
use crate::{clock::Clock, funding::SourceDown};

/// What a channel keeps on chain for the day it has to be closed, in satoshi.
const RESERVE_SAT: u64 = 25_000;

/// How long the chain's side may take to say which chain it is.
const CHAIN_WAIT: Duration = Duration::from_secs(10);

/// Where the node learns of blocks.
pub enum ChainSource {
    /// A bitcoind, over JSON-RPC.
    Bitcoind { host: String, port: u16, user: String, password: String },
    /// An Esplora server.
    Esplora(String),
    /// An Electrum server.
    Electrum(String),
}

/// How to open a node.
pub struct Options {
    /// The short name of its driver.
    pub name: &'static str,
    /// Time.
    pub clock: Clock,
    /// Where it keeps its channels.
    pub folder: PathBuf,
    /// The network.
    pub network: Network,
    /// Where it learns of blocks.
    pub chain: ChainSource,
    /// All its keys follow from it.
    pub seed: [u8; 64],
    /// Where others reach it, as `host:port`; without one it only calls.
    pub listen: Option<String>,
    /// What it calls itself; needed for channels that others may route through.
    pub alias: Option<String>,
}

impl EmbeddedNode {
    /// Opens a node and starts it, on a runtime of its own.
    ///
    /// # Errors
    /// Says in words what is wrong: the folder, the chain, the network.
    pub async fn open(options: Options) -> Result<Self, SourceDown> {
        of_one_network(&options.folder, options.network)?;
        options.chain.is_of(options.network).await?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("lightning")
            .enable_all()
            .build()
            .map_err(|error| SourceDown(format!("the node's runtime cannot be made: {error}")))?;
        let opened = runtime.handle().clone();
        let journal = options.folder.join("events.jsonl");
        let (clock, network, name) = (options.clock.clone(), currency(options.network), options.name);
        let handle = opened.clone();
        let built = opened.spawn_blocking(move || start(options, handle)).await;
        let built = built.unwrap_or_else(|_| Err(SourceDown("the node could not be opened".to_owned())));
        let node = match built {
            Ok(node) => node,
            Err(down) => {
                runtime.shutdown_background();
                return Err(down);
            }
        };
        Self::listening(name, node, &journal, clock, network, runtime)
    }

    fn listening(
        name: &'static str,
        node: Arc<Node>,
        journal: &std::path::Path,
        clock: Clock,
        network: Currency,
        runtime: Runtime,
    ) -> Result<Self, SourceDown> {
        let journal = match Journal::open(journal) {
            Ok(journal) => Arc::new(journal),
            Err(down) => {
                runtime.shutdown_background();
                return Err(down);
            }
        };
        let handle = runtime.handle().clone();
        handle.spawn(listen(Arc::clone(&node), Arc::clone(&journal)));
        Ok(Self { name, node, journal, clock, network, handle, runtime: Some(runtime) })
    }
}

/// A folder belongs to one network for good: channels of another would be lost in it.
fn of_one_network(folder: &Path, network: Network) -> Result<(), SourceDown> {
    let down = |error: std::io::Error| SourceDown(format!("the node's folder cannot be used: {error}"));
    let mark = folder.join("network");
    match std::fs::read_to_string(&mark) {
        Ok(known) if known.trim() == network.to_string() => Ok(()),
        Ok(known) => Err(SourceDown(format!(
            "the node's folder is of the network {}, not of {network}; each network needs a data folder of its own",
            known.trim()
        ))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&mark, network.to_string())).map_err(down)
        }
        Err(error) => Err(down(error)),
    }
}

impl ChainSource {
    /// Is this chain of the network that the node is to be on?
    async fn is_of(&self, network: Network) -> Result<(), SourceDown> {
        let client = reqwest::Client::builder().timeout(CHAIN_WAIT).no_proxy().build();
        let client = client.map_err(|error| SourceDown(error.to_string()))?;
        let away = |who: &str, error: &reqwest::Error| {
            let why = if error.is_timeout() { "it does not answer in time" } else { "it does not answer" };
            SourceDown(format!("{who} cannot be reached: {why}"))
        };
        let genesis = bitcoin::constants::genesis_block(network).block_hash().to_string();
        let told = match self {
            Self::Bitcoind { host, port, user, password } => {
                let body = serde_json::json!({ "method": "getblockhash", "params": [0], "id": 0 });
                let asked = client.post(format!("http://{host}:{port}/")).basic_auth(user, Some(password)).json(&body);
                let answer = asked.send().await.map_err(|error| away("bitcoind", &error))?;
                if matches!(answer.status().as_u16(), 401 | 403) {
                    return Err(SourceDown("bitcoind does not know this user and password".to_owned()));
                }
                let answer: serde_json::Value = answer.json().await.map_err(|error| away("bitcoind", &error))?;
                answer.get("result").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
            }
            Self::Esplora(url) => {
                let asked = client.get(format!("{}/block-height/0", url.trim_end_matches('/')));
                let answer = asked.send().await.map_err(|error| away("the Esplora server", &error))?;
                answer.text().await.map_err(|error| away("the Esplora server", &error))?
            }
            // it tells the first block when the node asks for it
            Self::Electrum(_) => return Ok(()),
        };
        if told.trim() == genesis {
            return Ok(());
        }
        Err(SourceDown(format!(
            "the chain that the node is to follow is not {network}: its first block is another one"
        )))
    }
}

/// Builds the node and starts it. Blocks.
fn start(options: Options, handle: tokio::runtime::Handle) -> Result<Arc<Node>, SourceDown> {
    let folder = options.folder.to_str().ok_or_else(|| SourceDown("the data folder's name is no text".to_owned()))?;
    let config = Config {
        storage_dir_path: folder.to_owned(),
        network: options.network,
        anchor_channels_config: Some(AnchorChannelsConfig {
            per_channel_reserve_sats: RESERVE_SAT,
            ..AnchorChannelsConfig::default()
        }),
        ..Config::default()
    };
    let mut builder = Builder::from_config(config);
    builder.set_runtime(handle).set_entropy_seed_bytes(options.seed).set_custom_logger(Arc::new(Log));
    match options.chain {
        ChainSource::Bitcoind { host, port, user, password } => {
            builder.set_chain_source_bitcoind_rpc(host, port, user, password)
        }
        ChainSource::Esplora(url) => builder.set_chain_source_esplora(url, None),
        ChainSource::Electrum(url) => builder.set_chain_source_electrum(url, None),
    };
    if let Some(address) = options.listen {
        let parsed: SocketAddress = address
            .parse()
            .map_err(|_| SourceDown(format!("{address:?} is no address to listen on, such as 0.0.0.0:9735")))?;
        builder.set_listening_addresses(vec![parsed]).map_err(not_built)?;
    }
    if let Some(alias) = options.alias {
        builder.set_node_alias(alias).map_err(not_built)?;
    }
    let node = builder.build().map_err(not_built)?;
    node.start().map_err(|error| SourceDown(format!("the node does not start: {error}")))?;
    Ok(Arc::new(node))
}

fn not_built(error: BuildError) -> SourceDown {
    SourceDown(match error {
        BuildError::NetworkMismatch => {
            "the node's folder is of another network; each network needs a data folder of its own".to_owned()
        }
        BuildError::ReadFailed | BuildError::WriteFailed | BuildError::StoragePathAccessFailed => {
            format!("the node's folder cannot be read or written: {error}")
        }
        other => format!("the node cannot be opened: {other}"),
    })
}

fn currency(network: Network) -> Currency {
    match network {
        Network::Bitcoin => Currency::Bitcoin,
        Network::Signet => Currency::Signet,
        Network::Regtest => Currency::Regtest,
        _ => Currency::BitcoinTestnet,
    }
}

/// Passes on what the node says of itself. Most of it is of interest to nobody but its makers.
struct Log;

impl LogWriter for Log {
    fn log(&self, record: LogRecord<'_>) {
        let (said, part) = (record.args, record.module_path);
        match record.level {
            LogLevel::Error => tracing::warn!(target: "satchel::node", part, "{said}"),
            LogLevel::Warn => tracing::info!(target: "satchel::node", part, "{said}"),
            LogLevel::Info | LogLevel::Debug => tracing::debug!(target: "satchel::node", part, "{said}"),
            LogLevel::Trace | LogLevel::Gossip => tracing::trace!(target: "satchel::node", part, "{said}"),
        }
    }
}
