//! The part of bitcoind's JSON-RPC that a Lightning node asks for, over HTTP on this machine alone.

use std::{net::Ipv4Addr, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use bitcoin::{
    BlockHash, OutPoint, Transaction, Txid,
    consensus::encode::{deserialize_hex, serialize_hex},
};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use super::{Chain, ledger::Ledger};
use crate::{clock::Clock, domain::ids::to_hex, funding::SourceDown};

/// The longest request that is read.
const REQUEST_MAX: usize = 8 * 1024 * 1024;

/// How to reach a chain.
#[derive(Clone)]
pub struct Access {
    /// The port on 127.0.0.1.
    pub port: u16,
    /// The user's name.
    pub user: String,
    /// The password, made anew for every run.
    pub password: String,
}

type Answer = Result<Value, (i64, String)>;

impl Chain {
    /// Serves the chain on a port of this machine, to whoever knows the password, for as long as the runtime lives.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn serve(self: &Arc<Self>, clock: &Clock) -> Result<Access, SourceDown> {
        let down = |error: std::io::Error| SourceDown(format!("the play chain finds no port: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(down)?;
        let port = listener.local_addr().map_err(down)?.port();
        let access = Access { port, user: "play".to_owned(), password: to_hex(&clock.bytes::<32>()) };
        let key = format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", access.user, access.password)));
        let chain = Arc::clone(self);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (chain, key) = (Arc::clone(&chain), key.clone());
                tokio::spawn(async move {
                    // whoever hangs up has nothing more to ask
                    drop(converse(&chain, stream, &key).await);
                });
            }
        });
        Ok(access)
    }

    fn call(&self, method: &str, params: &[Value]) -> Answer {
        if method == "sendrawtransaction" {
            let transaction: Transaction =
                deserialize_hex(text(params, 0)?).map_err(|_| refusal(-22, "TX decode failed"))?;
            let sent = self.ledger().accept(transaction).map_err(|(code, why)| refusal(code, why))?;
            self.waiting.notify_one();
            return Ok(json!(sent.to_string()));
        }
        read(&self.ledger(), method, params)
    }
}

fn read(ledger: &Ledger, method: &str, params: &[Value]) -> Answer {
    match method {
        "getblockchaininfo" => Ok(json!({
            "chain": "regtest", "blocks": ledger.height(), "headers": ledger.height(),
            "bestblockhash": ledger.tip().to_string(), "initialblockdownload": false,
        })),
        "getblockhash" => {
            let height = params.first().and_then(Value::as_u64).and_then(|height| u32::try_from(height).ok());
            let block = height.and_then(|height| ledger.block(height));
            let block = block.ok_or_else(|| refusal(-8, "Block height out of range"))?;
            Ok(json!(block.block_hash().to_string()))
        }
        "getblockheader" => header(ledger, &hash(params)?),
        "getblock" => {
            let height = ledger.height_of(&hash(params)?);
            let block = height.and_then(|height| ledger.block(height));
            Ok(json!(serialize_hex(block.ok_or_else(|| refusal(-5, "Block not found"))?)))
        }
        "gettxout" => {
            let vout = params.get(1).and_then(Value::as_u64).and_then(|vout| u32::try_from(vout).ok()).unwrap_or(0);
            Ok(ledger.coin(&OutPoint { txid: name(params)?, vout }).map_or(
                Value::Null,
                |(output, height, coinbase)| {
                    json!({
                        "confirmations": ledger.height().saturating_sub(height).saturating_add(1),
                        "value": output.value.to_btc(), "coinbase": coinbase,
                        "scriptPubKey": { "hex": output.script_pubkey.to_hex_string() },
                    })
                },
            ))
        }
        "getrawtransaction" => {
            let found = ledger.transaction(&name(params)?);
            let found = found.ok_or_else(|| refusal(-5, "No such mempool or blockchain transaction"))?;
            Ok(json!(serialize_hex(found)))
        }
        "getrawmempool" => Ok(ledger.names_of_waiting().iter().map(Txid::to_string).collect()),
        "getmempoolentry" => {
            let entry = ledger.entry(&name(params)?);
            let (time, height) = entry.ok_or_else(|| refusal(-5, "Transaction not in mempool"))?;
            Ok(json!({ "time": time, "height": height }))
        }
        "getmempoolinfo" => Ok(json!({
            "loaded": true, "size": ledger.waiting(), "mempoolminfee": 0.00001, "minrelaytxfee": 0.00001,
        })),
        "estimatesmartfee" => Ok(json!({ "feerate": 0.00002, "blocks": params.first() })),
        _ => Err(refusal(-32601, &format!("Method not found: {method}"))),
    }
}

fn header(ledger: &Ledger, hash: &BlockHash) -> Answer {
    let missing = || refusal(-5, "Block not found");
    let height = ledger.height_of(hash).ok_or_else(missing)?;
    let header = ledger.block(height).ok_or_else(missing)?.header;
    let work = ledger.work(height).ok_or_else(missing)?;
    let mut told = json!({
        "hash": hash.to_string(), "height": height, "version": header.version.to_consensus(),
        "merkleroot": header.merkle_root.to_string(), "time": header.time, "nonce": header.nonce,
        "bits": format!("{:08x}", header.bits.to_consensus()), "chainwork": to_hex(&work.to_be_bytes()),
        "confirmations": ledger.height().saturating_sub(height).saturating_add(1),
    });
    if let Some(fields) = told.as_object_mut().filter(|_| height > 0) {
        fields.insert("previousblockhash".to_owned(), header.prev_blockhash.to_string().into());
    }
    Ok(told)
}

fn refusal(code: i64, why: &str) -> (i64, String) {
    (code, why.to_owned())
}

fn text(params: &[Value], at: usize) -> Result<&str, (i64, String)> {
    params.get(at).and_then(Value::as_str).ok_or_else(|| refusal(-8, "missing parameter"))
}

fn hash(params: &[Value]) -> Result<BlockHash, (i64, String)> {
    text(params, 0)?.parse().map_err(|_| refusal(-8, "not a block hash"))
}

fn name(params: &[Value]) -> Result<Txid, (i64, String)> {
    text(params, 0)?.parse().map_err(|_| refusal(-8, "not a transaction id"))
}

/// Answers one request after the other on a connection.
async fn converse(chain: &Chain, stream: TcpStream, key: &str) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    while let Some((may, body)) = request(&mut read, key).await? {
        let (status, answer) = if may { answered(chain, &body) } else { ("401 Unauthorized", Value::Null) };
        let answer = answer.to_string();
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", answer.len());
        write.write_all(format!("{head}{answer}").as_bytes()).await?;
    }
    Ok(())
}

fn answered(chain: &Chain, body: &[u8]) -> (&'static str, Value) {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let method = asked.get("method").and_then(Value::as_str).unwrap_or_default();
    let params = asked.get("params").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let id = asked.get("id").cloned().unwrap_or_default();
    match chain.call(method, params) {
        Ok(result) => ("200 OK", json!({ "result": result, "error": null, "id": id })),
        Err((code, message)) => {
            let error = json!({ "code": code, "message": message });
            ("500 Internal Server Error", json!({ "result": null, "error": error, "id": id }))
        }
    }
}

/// The next request: whether it may be answered, and its body. None when the caller has hung up.
async fn request(
    read: &mut BufReader<tokio::net::tcp::OwnedReadHalf>,
    key: &str,
) -> std::io::Result<Option<(bool, Vec<u8>)>> {
    let (mut length, mut may, mut first) = (0, false, true);
    loop {
        let mut line = String::new();
        if read.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let line = line.trim();
        if line.is_empty() && !first {
            break;
        }
        first = false;
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        } else if name.eq_ignore_ascii_case("authorization") {
            may = bool::from(value.trim().as_bytes().ct_eq(key.as_bytes()));
        }
    }
    if length > REQUEST_MAX {
        return Ok(None);
    }
    let mut body = vec![0; length];
    read.read_exact(&mut body).await?;
    Ok(Some((may, body)))
}
