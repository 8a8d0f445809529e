//! From a thread that writes to a task that reads, with a few buffers between them.

use std::io::{self, BufWriter, Write};

use tokio::sync::mpsc;

/// Size of a part.
const PART: usize = 64 * 1024;
/// Parts that wait to be read; then writing waits.
const WAITING: usize = 4;

/// The end that is written to.
pub(super) struct Parts(mpsc::Sender<io::Result<Vec<u8>>>);

/// A new pipe.
pub(super) fn pipe() -> (Parts, mpsc::Receiver<io::Result<Vec<u8>>>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Parts(sender), receiver)
}

impl Parts {
    /// Where to write. Must be used on a thread that may block.
    pub(super) fn writer(&self) -> BufWriter<Sender<'_>> {
        BufWriter::with_capacity(PART, Sender(&self.0))
    }

    /// Tells the reader that this is not all of it.
    pub(super) fn fail(&self, error: io::Error) {
        // a reader that went away need not be told
        let _ = self.0.blocking_send(Err(error));
    }
}

pub(super) struct Sender<'a>(&'a mpsc::Sender<io::Result<Vec<u8>>>);

impl Write for Sender<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads it any more");
        self.0.blocking_send(Ok(bytes.to_vec())).map_err(gone)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
