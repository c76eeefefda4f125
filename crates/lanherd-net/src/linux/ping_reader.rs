//! The one task that reads the ping sockets of all clients.
//!
//! A task for each socket, and a place for it among the runtime's own descriptors, would take more room than all else that a
//! socket needs here, and a herd has two of them for each client. So all stand in one epoll instance (epoll(7)), and the runtime
//! watches that alone.

use std::collections::HashMap;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use parking_lot::Mutex;
use tokio::io::Interest;

use crate::sys;

/// Sockets that are read before other tasks get their turn.
const SOCKETS_AT_ONCE: usize = 64;
/// How long a socket rests after an error, so that one that stays does not spin.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// A socket that is read when something has come for it.
pub(super) trait Readable: Send + Sync {
    /// The socket, which does not block.
    fn socket(&self) -> BorrowedFd<'_>;

    /// Reads what has come, some of it at a time.
    fn read_burst(&self) -> io::Result<()>;
}

/// Reads the ping sockets that are registered with it.
pub(super) struct PingReader {
    epoll: Epoll,
    registered: Mutex<Registered>,
}

#[derive(Default)]
struct Registered {
    by_number: HashMap<u64, Arc<dyn Readable>>,
    /// The number that was given last; none is given twice.
    latest: u64,
}

impl PingReader {
    /// Without a socket yet.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            registered: Mutex::default(),
        })
    }

    /// Has a socket read from now on, until the result is dropped.
    pub fn register(self: &Arc<Self>, pinger: Arc<dyn Readable>) -> io::Result<ReadingGuard> {
        let mut registered = self.registered.lock();
        registered.latest += 1;
        let number = registered.latest;
        self.watch(number, &*pinger)?;
        registered.by_number.insert(number, pinger);
        Ok(ReadingGuard {
            reader: Arc::clone(self),
            number,
        })
    }

    fn watch(&self, number: u64, pinger: &dyn Readable) -> io::Result<()> {
        let event = EpollEvent::new(EpollFlags::EPOLLIN, number);
        Ok(self.epoll.add(pinger.socket(), event)?)
    }

    /// Reads for ever, as a task of the runtime in whose context it is awaited; ends where the runtime does.
    pub async fn read(self: Arc<Self>) {
        let watched = self.epoll.0.try_clone().and_then(|epoll: OwnedFd| {
            // It is readable while one of those in it is.
            sys::drive(epoll, Interest::READABLE)
        });
        let watched = match watched {
            Ok(watched) => watched,
            Err(error) => return tracing::error!(%error, "answers to pings cannot be read"),
        };
        while let Ok(mut ready) = watched.readable().await {
            // Where nothing is there it is waited for the next.
            if let Ok(Err(error)) = ready.try_io(|_| self.read_some()) {
                tracing::debug!(%error, "waiting for answers to pings");
                tokio::time::sleep(ERROR_PAUSE).await;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Reads some sockets that have something; `WouldBlock`: none has.
    fn read_some(self: &Arc<Self>) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); SOCKETS_AT_ONCE];
        let count = match self.epoll.wait(&mut events, EpollTimeout::ZERO) {
            Err(Errno::EINTR) => return Ok(()),
            waited => waited?,
        };
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        for event in events.iter().take(count) {
            let number = event.data();
            let pinger = self.registered.lock().by_number.get(&number).cloned();
            let Some(pinger) = pinger else { continue };
            match without_panic(|| pinger.read_burst()) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    tracing::debug!(%error, "reading answers to pings");
                    self.rest(number, &*pinger);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Leaves a socket alone for a while.
    fn rest(self: &Arc<Self>, number: u64, pinger: &dyn Readable) {
        // It fails where the socket was taken out meanwhile.
        if self.epoll.delete(pinger.socket()).is_err() {
            return;
        }
        let reader = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(ERROR_PAUSE).await;
            let registered = reader.registered.lock();
            if let Some(pinger) = registered.by_number.get(&number)
                && let Err(error) = reader.watch(number, &**pinger)
            {
                tracing::warn!(%error, "answers to a client's pings are read no more");
            }
        });
    }
}

/// What a client's answers make panic ends that client's reading for a while, and nobody else's.
fn without_panic(read: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let read = catch_unwind(AssertUnwindSafe(read));
    read.unwrap_or_else(|_| Err(io::Error::other("what came made the reading panic")))
}

/// While it lives, a ping socket is read.
pub(super) struct ReadingGuard {
    reader: Arc<PingReader>,
    number: u64,
}

impl Drop for ReadingGuard {
    fn drop(&mut self) {
        let mut registered = self.reader.registered.lock();
        if let Some(pinger) = registered.by_number.remove(&self.number) {
            // It is not in there while it rests.
            let _ = self.reader.epoll.delete(pinger.socket());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_of_the_one_socket() {
        assert!(without_panic(|| Ok(())).is_ok());
        let again = without_panic(|| Err(io::ErrorKind::WouldBlock.into()));
        assert_eq!(
            again.expect_err("as it was").kind(),
            io::ErrorKind::WouldBlock
        );
        let panicked = without_panic(|| panic!("scripted")).expect_err("told");
        assert_ne!(panicked.kind(), io::ErrorKind::WouldBlock);
    }
}
