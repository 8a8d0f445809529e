//! A Bitcoin chain of one's own, in this process: blocks with real proof of work at the target of regtest, real
//! witness commitments, maturity and time locks, and the part of bitcoind's JSON-RPC that a Lightning node asks for.
//!
//! Why: play money is to behave as money does, channels and all, on a machine that has no bitcoind. The coins are
//! worth nothing, which is why scripts are not judged: whoever is on this chain is in this process. Every block is
//! appended to a file, so that a server that starts again finds the chain where it was; a block that was written half
//! is dropped, and what lies in nobody's block the nodes send again.

mod ledger;
mod rpc;
#[cfg(test)]
mod tests;

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bitcoin::{
    Block, ScriptBuf, Txid,
    consensus::{Decodable, encode::serialize},
};
use tokio::sync::Notify;

use self::ledger::Ledger;
pub use self::rpc::Access;
use super::SourceDown;

/// After the first transaction came in, others may join it in its block for so long.
const GATHER: Duration = Duration::from_millis(20);
/// Coins of a block can be spent after so many more.
const MATURITY: u32 = 100;

/// The chain.
pub struct Chain {
    ledger: Mutex<Ledger>,
    file: Mutex<Option<File>>,
    /// Rings when a transaction waits for a block.
    waiting: Notify,
}

impl Chain {
    /// Opens the chain that the file holds, or begins one with enough blocks for coins to be spent. Without a file it
    /// is forgotten when it is dropped.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(path: Option<&Path>) -> Result<Arc<Self>, SourceDown> {
        let down = |error: std::io::Error| SourceDown(format!("the file of the play chain cannot be used: {error}"));
        let mut ledger = Ledger::new();
        let mut file = None;
        if let Some(path) = path {
            let known = std::fs::read(path).or_else(|error| {
                if error.kind() == std::io::ErrorKind::NotFound { Ok(Vec::new()) } else { Err(error) }
            });
            let known = known.map_err(down)?;
            let whole = replay(&mut ledger, &known);
            let opened = OpenOptions::new().create(true).append(true).open(path).map_err(down)?;
            opened.set_len(whole).map_err(down)?;
            file = Some(opened);
        }
        let chain = Arc::new(Self { ledger: Mutex::new(ledger), file: Mutex::new(file), waiting: Notify::new() });
        while chain.height() <= MATURITY {
            chain.mine(1)?;
        }
        Ok(chain)
    }

    /// How many blocks there are above the first one.
    pub fn height(&self) -> u32 {
        self.ledger().height()
    }

    /// Puts what waits into a block, and as many empty ones behind it as are asked for.
    ///
    /// # Errors
    /// When a block cannot be written down.
    pub fn mine(&self, blocks: u32) -> Result<(), SourceDown> {
        for _ in 0..blocks {
            let mut ledger = self.ledger();
            let block = ledger.next_block(now()).map_err(SourceDown)?;
            // written first: a node must not have seen what is not there after a restart
            self.write(&block)?;
            ledger.connect(block);
        }
        Ok(())
    }

    /// Takes the last blocks off and puts one more in their place; what they held waits again. The first of the new
    /// blocks is empty, so that whoever waits for a transaction sees it unconfirmed.
    ///
    /// # Errors
    /// When there are not so many, or the new ones cannot be written down.
    pub fn reorganize(&self, blocks: u32) -> Result<(), SourceDown> {
        let mut ledger = self.ledger();
        let held = ledger.disconnect(blocks).map_err(SourceDown)?;
        drop(ledger);
        self.rewrite()?;
        self.mine(blocks.saturating_add(1))?;
        let mut ledger = self.ledger();
        for transaction in held {
            // one that depends on a coin of a block that is gone is gone as well
            let _ = ledger.accept(transaction);
        }
        Ok(())
    }

    /// Sends coins that nobody needs to a script, and answers in which transaction.
    ///
    /// # Errors
    /// When no coin is large enough.
    pub fn give(&self, script: ScriptBuf, sat: u64) -> Result<Txid, SourceDown> {
        let sent = self.ledger().give(script, sat).map_err(SourceDown)?;
        self.waiting.notify_one();
        Ok(sent)
    }

    /// How many transactions wait for a block.
    pub fn waiting(&self) -> usize {
        self.ledger().waiting()
    }

    /// Mines whenever something waits, for as long as the chain is in use.
    pub async fn mine_what_waits(self: Arc<Self>) {
        loop {
            self.waiting.notified().await;
            tokio::time::sleep(GATHER).await;
            if self.waiting() > 0
                && let Err(error) = self.mine(1)
            {
                tracing::error!(%error, "a block of the play chain cannot be written");
            }
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, block: &Block) -> Result<(), SourceDown> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = file.as_mut() else { return Ok(()) };
        let written = file.write_all(&serialize(block)).and_then(|()| file.flush());
        written.map_err(|error| SourceDown(format!("a block cannot be written: {error}")))
    }

    /// Writes all blocks anew, after some were taken off.
    fn rewrite(&self) -> Result<(), SourceDown> {
        let blocks = self.ledger().all();
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = file.as_mut() else { return Ok(()) };
        let text: Vec<u8> = blocks.iter().skip(1).flat_map(serialize).collect();
        let written = file.set_len(0).and_then(|()| file.write_all(&text)).and_then(|()| file.flush());
        written.map_err(|error| SourceDown(format!("the blocks cannot be written: {error}")))
    }
}

/// Connects the blocks of a file; answers how many bytes of it were whole.
fn replay(ledger: &mut Ledger, mut bytes: &[u8]) -> u64 {
    let all = bytes.len();
    let mut whole = 0;
    while let Ok(block) = Block::consensus_decode(&mut bytes) {
        if block.header.prev_blockhash != ledger.tip() {
            break;
        }
        ledger.connect(block);
        whole = all.saturating_sub(bytes.len());
    }
    u64::try_from(whole).unwrap_or(0)
}

fn now() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}
