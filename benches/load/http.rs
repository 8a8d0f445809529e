//! HTTP/1.1 as small as a load generator can have it: request bytes are made once, before the
//! clock starts, and an answer is read into one reused buffer. No pipelining, no redirects.

use std::fmt::Write as _;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// No answer after this long is an error.
const PATIENCE: Duration = Duration::from_mins(1);
/// A head longer than this is not an answer of a server measured here.
const HEAD_BYTES_MAX: usize = 64 * 1024;
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
const READ_BYTES: usize = 16 * 1024;

/// What a request shows to be let in.
#[derive(Clone, Copy)]
pub(crate) enum Credential<'a> {
    None,
    Key(&'a str),
    Bearer(&'a str),
}

/// The bytes of one request, body included.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    credential: Credential<'_>,
    body: Option<&serde_json::Value>,
) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\n");
    // Writing to a String cannot fail.
    let _ = match credential {
        Credential::None => Ok(()),
        Credential::Key(key) => write!(text, "x-api-key: {key}\r\n"),
        Credential::Bearer(token) => write!(text, "authorization: Bearer {token}\r\n"),
    };
    if let Some(body) = body {
        let body = body.to_string();
        let _ = write!(text, "content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    } else {
        text.push_str("\r\n");
    }
    text.into_bytes()
}

/// A keep-alive connection that opens itself when first used, and again after a failure.
pub(crate) struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
    /// How many bytes of `buffer` belong to the current answer.
    filled: usize,
    /// The body of an answer that came in chunks.
    joined: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, buffer: vec![0; READ_BYTES], filled: 0, joined: Vec::new() }
    }

    /// Sends one request and reads its whole answer: status and body.
    pub(crate) async fn send(&mut self, request: &[u8]) -> io::Result<(u16, &[u8])> {
        // Taken out while in use: any failure, and a caller that gives up, closes it.
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect().await?,
        };
        let head = timeout(PATIENCE, self.exchange(&mut stream, request)).await??;
        if head.keep_alive {
            self.stream = Some(stream);
        }
        let body = match head.framing {
            Framing::Length(length) => self.buffer.get(head.end..head.end + length),
            Framing::Chunked => Some(self.joined.as_slice()),
        };
        Ok((head.status, body.unwrap_or_default()))
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let stream = timeout(PATIENCE, TcpStream::connect(self.address)).await??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn exchange(&mut self, stream: &mut TcpStream, request: &[u8]) -> io::Result<Head> {
        let mut rest = request;
        while !rest.is_empty() {
            let sent = poll_fn(|task| Pin::new(&mut *stream).poll_write(task, rest)).await?;
            rest = rest.get(sent..).unwrap_or_default();
        }
        self.filled = 0;
        let head = loop {
            self.read_more(stream).await?;
            if let Some(head) = parse_head(self.received())? {
                break head;
            }
            if self.filled > HEAD_BYTES_MAX {
                return Err(invalid("the head of the answer has no end"));
            }
        };
        match head.framing {
            Framing::Length(length) => {
                if length > BODY_BYTES_MAX {
                    return Err(invalid("the answer is too long"));
                }
                while self.filled < head.end + length {
                    self.read_more(stream).await?;
                }
            }
            Framing::Chunked => loop {
                let chunks = self.received().get(head.end..).unwrap_or_default();
                if let Some(joined) = join_chunks(chunks)? {
                    self.joined = joined;
                    break;
                }
                if self.filled > BODY_BYTES_MAX {
                    return Err(invalid("the answer is too long"));
                }
                self.read_more(stream).await?;
            },
        }
        Ok(head)
    }

    fn received(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }

    async fn read_more(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        if self.buffer.len() == self.filled {
            self.buffer.resize(self.filled * 2, 0);
        }
        let free = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let mut free = ReadBuf::new(free);
        poll_fn(|task| Pin::new(&mut *stream).poll_read(task, &mut free)).await?;
        let read = free.filled().len();
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.filled += read;
        Ok(())
    }
}

enum Framing {
    Length(usize),
    Chunked,
}

struct Head {
    status: u16,
    /// Where the body begins.
    end: usize,
    framing: Framing,
    keep_alive: bool,
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// `None` until the blank line has arrived.
fn parse_head(bytes: &[u8]) -> io::Result<Option<Head>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = bytes.get(..end).and_then(|head| str::from_utf8(head).ok());
    let mut lines = text.ok_or_else(|| invalid("not text"))?.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|line| line.get(..3)?.parse().ok())
        .ok_or_else(|| invalid("no status line"))?;
    let mut head = Head { status, end: end + 4, framing: Framing::Length(0), keep_alive: true };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            let length = value.parse().map_err(|_| invalid("bad content-length"))?;
            head.framing = Framing::Length(length);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            head.framing = Framing::Chunked;
        } else if name.eq_ignore_ascii_case("connection") {
            head.keep_alive = !value.eq_ignore_ascii_case("close");
        }
    }
    Ok(Some(head))
}

/// The chunks put together; `None` until the last one has arrived. Trailers are not expected.
fn join_chunks(bytes: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut joined = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(line) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = rest.get(..line).and_then(|size| str::from_utf8(size).ok());
        let size = size.and_then(|size| size.split(';').next());
        let size = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
        let size = size.filter(|&size| size <= BODY_BYTES_MAX);
        let size = size.ok_or_else(|| invalid("bad chunk size"))?;
        let begin = line + 2;
        let Some(chunk) = rest.get(begin..begin + size) else {
            return Ok(None);
        };
        let Some(after) = rest.get(begin + size + 2..) else {
            return Ok(None);
        };
        if size == 0 {
            return Ok(Some(joined));
        }
        joined.extend_from_slice(chunk);
        rest = after;
    }
    Ok(None)
}
