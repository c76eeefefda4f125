//! How fast the lab's link is: as fast as this machine, but under [`Fault::SlowLink`](lanherd_types::fault::Fault::SlowLink).

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use tokio::sync::watch;

use super::sleep_until;
use crate::Shared;
use lanherd_net::netlink::Netlink;
use lanherd_net::netlink::shaping::{TokenBucket, lift_rate_limit, limit_rate};

/// What the lab's link carries in each direction, for all clients together, under
/// [`Fault::SlowLink`](lanherd_types::fault::Fault::SlowLink): in bits a second.
pub const SLOW_LINK_RATE: u32 = 4_000_000;
/// The link's queue holds as much as it carries in this time.
const QUEUE_TIME: u32 = 10;
/// The MTU where nothing is said, in bytes, and the head of a frame.
const MTU: u16 = 1_500;
const HEAD: u32 = 18;
/// How long until a link that would not change is told again.
const RETRY: Duration = Duration::from_secs(1);

/// One end of the link, in the namespace that it was opened in.
pub(crate) struct LinkEnd {
    netlink: Netlink,
    index: u32,
}

impl LinkEnd {
    /// Of the link of that number in the calling thread's namespace.
    pub(crate) fn open(index: u32) -> io::Result<Self> {
        let netlink = Netlink::open()?;
        Ok(Self { netlink, index })
    }

    fn set(&mut self, is_slow: bool, mtu: u32) -> io::Result<()> {
        let bytes = SLOW_LINK_RATE / 8;
        let bucket = TokenBucket {
            rate: bytes,
            // Two packets.
            burst: 2 * (mtu + HEAD),
            queue: bytes / QUEUE_TIME,
        };
        let request = if is_slow {
            limit_rate(self.index, &bucket)
        } else {
            lift_rate_limit(self.index)
        };
        match self.netlink.send_one(request) {
            // It is fast already: somebody else made it so.
            Err(error) if !is_slow && error.is(Errno::ENOENT) => Ok(()),
            done => done.map_err(|error| io::Error::other(error.to_string())),
        }
    }
}

/// Has both ends be as fast as they are to be.
pub(super) struct LinkRate {
    ends: [LinkEnd; 2],
    mtu: u32,
    shared: Arc<Shared>,
    changes: watch::Receiver<()>,
    /// What both ends were set to last; `None` where one may have been set and the other not.
    is_slow: Option<bool>,
}

impl LinkRate {
    pub(super) fn new(ends: [LinkEnd; 2], mtu: Option<u16>, shared: Arc<Shared>) -> Self {
        Self {
            ends,
            mtu: mtu.unwrap_or(MTU).into(),
            changes: shared.changes(),
            shared,
            is_slow: Some(false),
        }
    }

    /// Serves for ever: the rate changes where the fault begins, and where it ends.
    pub(super) async fn serve(mut self) {
        loop {
            let (is_slow, end) = {
                let (mut state, now) = (self.shared.state(), Instant::now());
                state.tick(now);
                (state.is_slow(now), state.next_end())
            };
            let mut retry = None;
            if self.is_slow != Some(is_slow) {
                let mut ends = self.ends.iter_mut();
                let set = ends.try_for_each(|end| end.set(is_slow, self.mtu));
                match set {
                    Ok(()) => self.is_slow = Some(is_slow),
                    Err(error) => {
                        self.is_slow = None;
                        tracing::warn!(%error, is_slow, "the lab's link has not changed its rate, for which the kernel needs the module sch_tbf");
                        retry = Some(Instant::now() + RETRY);
                    }
                }
            }
            tokio::select! {
                () = sleep_until(end.into_iter().chain(retry).min()) => {}
                // The sender is in what is shared, and so outlives this.
                _ = self.changes.changed() => {}
            }
        }
    }
}
