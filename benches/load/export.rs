//! A wallet's whole history as one file: how long it takes, and what memory the server needs for it.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::load::Failure;
use crate::load::api::Wallet;
use crate::load::http::{Credential, request};
use crate::load::process::memory_mib;
use crate::load::table;

const PART: usize = 256 * 1024;
/// The server's memory is looked at whenever so much more has come.
const LOOK_EVERY: usize = 4 * 1024 * 1024;
/// What ends an answer in chunks.
const END: &[u8] = b"\r\n0\r\n\r\n";

pub(crate) async fn table_of(
    address: SocketAddr,
    pid: Option<u32>,
    wallet: &Wallet,
    rows: usize,
) -> Result<(), Failure> {
    let memory = || pid.and_then(memory_mib).unwrap_or_default();
    let ask = request(address, "GET", "/api/v1/payments/export.csv", Credential::Key(&wallet.invoice_key), None);
    let (before, begun) = (memory(), Instant::now());
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&ask).await?;
    let (mut part, mut tail) = (vec![0; PART], Vec::new());
    let (mut bytes, mut lines, mut looked, mut most) = (0, 0, 0, before);
    while !tail.ends_with(END) {
        let read = stream.read(&mut part).await?;
        let new = part.get(..read).filter(|new| !new.is_empty()).ok_or("the table ends too soon")?;
        bytes += read;
        lines += new.split(|byte| *byte == b'\n').count() - 1;
        tail.extend_from_slice(new);
        tail.drain(..tail.len().saturating_sub(END.len()));
        if bytes - looked >= LOOK_EVERY {
            looked = bytes;
            most = most.max(memory());
        }
    }
    let took = begun.elapsed().as_secs_f64();
    let mib = bytes / (1024 * 1024);
    let note = format!("{took:.1} s, {mib} MiB, {lines} lines; memory {before:.1} MiB before, {most:.1} MiB at most");
    Ok(table::fact(&format!("export of {rows} payments"), &note)?)
}
