//! One of the two standard streams, as a thread of its own writes to it.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// So many bytes are written at a time, so that a slow reader's progress can be seen.
const CHUNK: usize = 4096;

/// A stream that is written to without the standard library's locks: whoever hangs in a write holds none that others want.
#[derive(Debug)]
pub struct Sink {
    file: File,
    /// Counts chunks that were written, or given up.
    progress: AtomicU64,
}

impl Sink {
    /// Writes to standard output.
    pub fn stdout() -> io::Result<Self> {
        Self::of(io::stdout().as_fd())
    }

    /// Writes to standard error.
    pub fn stderr() -> io::Result<Self> {
        Self::of(io::stderr().as_fd())
    }

    /// The end of a pipe.
    #[cfg(test)]
    pub fn of_pipe(writer: io::PipeWriter) -> Self {
        Self {
            file: std::os::fd::OwnedFd::from(writer).into(),
            progress: AtomicU64::new(0),
        }
    }

    fn of(descriptor: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Self {
            file: descriptor.try_clone_to_owned()?.into(),
            progress: AtomicU64::new(0),
        })
    }

    /// Whether whoever reads this reads the other as well: a terminal is one reader, and so is one pipe or file.
    pub fn is_read_with(&self, other: &Self) -> bool {
        if self.file.is_terminal() && other.file.is_terminal() {
            return true;
        }
        match (self.file.metadata(), other.file.metadata()) {
            (Ok(one), Ok(two)) => (one.dev(), one.ino()) == (two.dev(), two.ino()),
            _ => false,
        }
    }

    /// How far this has come: a number that grows with each piece that is written or given up.
    pub fn progress(&self) -> u64 {
        self.progress.load(Ordering::Relaxed)
    }

    /// Writes all of it, and waits for the reader as long as it takes. What cannot be written is lost: the reader has gone, the
    /// disk is full, and there is nobody else to tell.
    pub fn write(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let chunk = bytes.get(..CHUNK).unwrap_or(bytes);
            match (&self.file).write(chunk) {
                Ok(0) => return,
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Somebody who shares the terminal or the pipe has made it non-blocking.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let mut polled = [PollFd::new(self.file.as_fd(), PollFlags::POLLOUT)];
                    let _ = poll(&mut polled, PollTimeout::NONE);
                    continue;
                }
                Err(_) => return,
            }
            self.progress.fetch_add(1, Ordering::Relaxed);
        }
    }
}
