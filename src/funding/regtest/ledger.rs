//! Blocks, coins, and what waits for a block.

use std::collections::{HashMap, HashSet};

use bitcoin::{
    Amount, Block, BlockHash, Network, OutPoint, ScriptBuf, Sequence, Target, Transaction, TxIn, TxMerkleNode, TxOut,
    Txid, Witness, Work,
    absolute::LockTime,
    block::{Header, Version},
    constants::genesis_block,
    hashes::Hash,
    opcodes,
    script::{Builder, PushBytesBuf},
    transaction::Version as TxVersion,
};

use super::MATURITY;

/// What a block may give at first, in satoshi; half of it every 150 blocks, as on every regtest.
const SUBSIDY: u64 = 50_0000_0000;
const HALVING: u32 = 150;
/// What a gift pays for its place in a block, in satoshi.
const GIFT_FEE: u64 = 500;

/// Why a transaction is not taken: bitcoind's number for it, and its words.
pub(super) type Refused = (i64, &'static str);

struct Coin {
    output: TxOut,
    height: u32,
    coinbase: bool,
}

struct Waiting {
    transaction: Transaction,
    /// When it came in, in seconds.
    pub(super) time: u32,
    /// How high the chain was then.
    pub(super) height: u32,
}

pub(super) struct Ledger {
    blocks: Vec<Block>,
    work: Vec<Work>,
    heights: HashMap<BlockHash, u32>,
    transactions: HashMap<Txid, u32>,
    coins: HashMap<OutPoint, Coin>,
    waiting: HashMap<Txid, Waiting>,
    /// In the order in which they came.
    order: Vec<Txid>,
    /// Coins that waiting transactions spend.
    spent: HashMap<OutPoint, Txid>,
    /// Coins that anybody may spend.
    gifts: Vec<OutPoint>,
    mined: i64,
}

impl Ledger {
    pub(super) fn new() -> Self {
        let mut ledger = Self {
            blocks: Vec::new(),
            work: Vec::new(),
            heights: HashMap::new(),
            transactions: HashMap::new(),
            coins: HashMap::new(),
            waiting: HashMap::new(),
            order: Vec::new(),
            spent: HashMap::new(),
            gifts: Vec::new(),
            mined: 0,
        };
        ledger.connect(genesis_block(Network::Regtest));
        // the first block's coin can never be spent
        ledger.coins.clear();
        ledger.gifts.clear();
        ledger
    }

    /// The height of the next block.
    fn next(&self) -> u32 {
        u32::try_from(self.blocks.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn height(&self) -> u32 {
        self.next().saturating_sub(1)
    }

    pub(super) fn tip(&self) -> BlockHash {
        self.blocks.last().map_or_else(BlockHash::all_zeros, Block::block_hash)
    }

    pub(super) fn all(&self) -> Vec<Block> {
        self.blocks.clone()
    }

    pub(super) fn waiting(&self) -> usize {
        self.order.len()
    }

    pub(super) fn names_of_waiting(&self) -> &[Txid] {
        &self.order
    }

    /// When a waiting transaction came in, and at which height.
    pub(super) fn entry(&self, id: &Txid) -> Option<(u32, u32)> {
        self.waiting.get(id).map(|waiting| (waiting.time, waiting.height))
    }

    /// The block at a height.
    pub(super) fn block(&self, height: u32) -> Option<&Block> {
        self.blocks.get(usize::try_from(height).ok()?)
    }

    pub(super) fn height_of(&self, hash: &BlockHash) -> Option<u32> {
        self.heights.get(hash).copied()
    }

    /// All work up to a height.
    pub(super) fn work(&self, height: u32) -> Option<Work> {
        self.work.get(usize::try_from(height).ok()?).copied()
    }

    pub(super) fn transaction(&self, id: &Txid) -> Option<&Transaction> {
        if let Some(waiting) = self.waiting.get(id) {
            return Some(&waiting.transaction);
        }
        let block = self.block(*self.transactions.get(id)?)?;
        block.txdata.iter().find(|transaction| transaction.compute_txid() == *id)
    }

    /// A coin that nobody spent in a block: the output, its height, and whether it is a block's own.
    pub(super) fn coin(&self, at: &OutPoint) -> Option<(TxOut, u32, bool)> {
        self.coins.get(at).map(|coin| (coin.output.clone(), coin.height, coin.coinbase))
    }

    fn spendable(&self, at: &OutPoint) -> Option<(TxOut, u32, bool)> {
        self.coin(at).or_else(|| {
            let waiting = self.waiting.get(&at.txid)?;
            let output = waiting.transaction.output.get(usize::try_from(at.vout).ok()?)?;
            Some((output.clone(), self.next(), false))
        })
    }

    /// Takes a transaction to wait for a block. A newcomer that spends the same coins takes the place of the older.
    pub(super) fn accept(&mut self, transaction: Transaction) -> Result<Txid, Refused> {
        let id = transaction.compute_txid();
        if self.waiting.contains_key(&id) {
            return Ok(id);
        }
        if self.transactions.contains_key(&id) {
            return Err((-27, "Transaction outputs already in utxo set"));
        }
        let next = self.next();
        let counts = transaction.input.iter().any(|input| input.sequence != Sequence::MAX);
        if let (LockTime::Blocks(height), true) = (transaction.lock_time, counts)
            && height.to_consensus_u32() >= next
        {
            return Err((-26, "non-final"));
        }
        let mut brought: u64 = 0;
        let mut rivals = HashSet::new();
        for input in &transaction.input {
            let found = self.spendable(&input.previous_output);
            let (output, height, coinbase) = found.ok_or((-25, "bad-txns-inputs-missingorspent"))?;
            if coinbase && next < height.saturating_add(MATURITY) {
                return Err((-26, "bad-txns-premature-spend-of-coinbase"));
            }
            if let Some(bitcoin::relative::LockTime::Blocks(blocks)) = input.sequence.to_relative_lock_time()
                && transaction.version >= TxVersion::TWO
                && next < height.saturating_add(u32::from(blocks.value()))
            {
                return Err((-26, "non-BIP68-final"));
            }
            rivals.extend(self.spent.get(&input.previous_output).copied());
            brought = brought.saturating_add(output.value.to_sat());
        }
        let given = transaction.output.iter().fold(0_u64, |sum, output| sum.saturating_add(output.value.to_sat()));
        if given > brought {
            return Err((-26, "bad-txns-in-belowout"));
        }
        for rival in rivals {
            self.evict(rival);
        }
        for input in &transaction.input {
            self.spent.insert(input.previous_output, id);
        }
        self.order.push(id);
        self.waiting.insert(id, Waiting { transaction, time: super::now(), height: self.height() });
        Ok(id)
    }

    fn evict(&mut self, id: Txid) {
        let Some(gone) = self.waiting.remove(&id) else { return };
        self.order.retain(|other| *other != id);
        for input in &gone.transaction.input {
            self.spent.remove(&input.previous_output);
        }
        let spends = |waiting: &Waiting| waiting.transaction.input.iter().any(|input| input.previous_output.txid == id);
        let children: Vec<Txid> =
            self.waiting.iter().filter(|(_, waiting)| spends(waiting)).map(|(child, _)| *child).collect();
        for child in children {
            self.evict(child);
        }
    }

    /// Sends a coin that anybody may spend; what is left of it anybody may spend as well.
    pub(super) fn give(&mut self, script: ScriptBuf, sat: u64) -> Result<Txid, String> {
        let needed = sat.saturating_add(GIFT_FEE);
        let next = self.next();
        let found = self.gifts.iter().find_map(|at| {
            let coin = self.coins.get(at)?;
            let ripe = !coin.coinbase || next >= coin.height.saturating_add(MATURITY);
            let free = !self.spent.contains_key(at);
            (ripe && free && coin.output.value.to_sat() > needed).then_some((*at, coin.output.value.to_sat()))
        });
        let (at, value) = found.ok_or("the play chain has no coin that is large enough")?;
        let input = TxIn {
            previous_output: at,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness: Witness::new(),
        };
        let output = vec![
            TxOut { value: Amount::from_sat(sat), script_pubkey: script },
            TxOut { value: Amount::from_sat(value.saturating_sub(needed)), script_pubkey: anybody() },
        ];
        let gift = Transaction { version: TxVersion::TWO, lock_time: LockTime::ZERO, input: vec![input], output };
        self.accept(gift).map_err(|(_, why)| why.to_owned())
    }

    /// The next block, with all that waits. It is not connected yet.
    pub(super) fn next_block(&mut self, now: u32) -> Result<Block, String> {
        let height = self.next();
        let before = self.blocks.last().ok_or("the play chain has no block")?;
        self.mined = self.mined.saturating_add(1);
        let waiting = self.order.iter().filter_map(|id| Some(self.waiting.get(id)?.transaction.clone()));
        let coinbase = Transaction {
            version: TxVersion::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: OutPoint::null(),
                // the height (BIP 34), and a number that makes each block its own
                script_sig: Builder::new()
                    .push_int(height.into())
                    .push_int(self.mined)
                    .push_int(now.into())
                    .push_opcode(opcodes::OP_0)
                    .into_script(),
                sequence: Sequence::MAX,
                witness: Witness::from_slice(&[[0_u8; 32]]),
            }],
            output: vec![TxOut {
                value: Amount::from_sat(SUBSIDY.checked_shr(height / HALVING).unwrap_or(0)),
                script_pubkey: anybody(),
            }],
        };
        let header = Header {
            version: Version::from_consensus(0x2000_0000),
            prev_blockhash: before.block_hash(),
            merkle_root: TxMerkleNode::all_zeros(),
            time: now.max(before.header.time.saturating_add(1)),
            bits: Target::MAX_ATTAINABLE_REGTEST.to_compact_lossy(),
            nonce: 0,
        };
        let mut block = Block { header, txdata: std::iter::once(coinbase).chain(waiting).collect() };
        commit_to_witnesses(&mut block).ok_or("a block of the play chain cannot be put together")?;
        let target = Target::from_compact(block.header.bits);
        while block.header.validate_pow(target).is_err() {
            block.header.nonce = block.header.nonce.wrapping_add(1);
        }
        Ok(block)
    }

    /// Puts a block on top.
    pub(super) fn connect(&mut self, block: Block) {
        let height = self.next();
        for (number, transaction) in block.txdata.iter().enumerate() {
            let id = transaction.compute_txid();
            if self.waiting.remove(&id).is_some() {
                self.order.retain(|other| *other != id);
            }
            for input in &transaction.input {
                self.coins.remove(&input.previous_output);
                self.spent.remove(&input.previous_output);
                self.gifts.retain(|gift| *gift != input.previous_output);
            }
            for (vout, output) in (0_u32..).zip(&transaction.output) {
                if output.script_pubkey.is_op_return() {
                    continue;
                }
                let at = OutPoint { txid: id, vout };
                if output.script_pubkey == anybody() {
                    self.gifts.push(at);
                }
                self.coins.insert(at, Coin { output: output.clone(), height, coinbase: number == 0 });
            }
            self.transactions.insert(id, height);
        }
        let work = block.header.work();
        let total = self.work.last().map_or(work, |before| *before + work);
        self.work.push(total);
        self.heights.insert(block.block_hash(), height);
        self.blocks.push(block);
    }

    /// Takes the last blocks off; answers the transactions that they held, but for the blocks' own.
    pub(super) fn disconnect(&mut self, blocks: u32) -> Result<Vec<Transaction>, String> {
        let keep = self.height().checked_sub(blocks).filter(|keep| *keep > MATURITY);
        let keep = keep.ok_or("the play chain is not that long")?;
        let mut held = Vec::new();
        let mut again = Self::new();
        again.mined = self.mined;
        for (height, block) in (0_u32..).zip(self.blocks.drain(..)).skip(1) {
            if height <= keep {
                again.connect(block);
            } else {
                held.extend(block.txdata.into_iter().skip(1));
            }
        }
        held.extend(self.order.iter().filter_map(|id| Some(self.waiting.remove(id)?.transaction)));
        *self = again;
        Ok(held)
    }
}

/// What anybody may spend.
fn anybody() -> ScriptBuf {
    Builder::new().push_opcode(opcodes::OP_TRUE).into_script()
}

/// BIP 141: the block's own transaction commits to all witnesses.
fn commit_to_witnesses(block: &mut Block) -> Option<()> {
    let root = block.witness_root()?;
    let commitment = Block::compute_witness_commitment(&root, &[0; 32]);
    let mut data = vec![0xaa, 0x21, 0xa9, 0xed];
    data.extend_from_slice(&commitment.to_byte_array());
    let script_pubkey = ScriptBuf::new_op_return(PushBytesBuf::try_from(data).ok()?);
    block.txdata.first_mut()?.output.push(TxOut { value: Amount::ZERO, script_pubkey });
    block.header.merkle_root = block.compute_merkle_root()?;
    Some(())
}
