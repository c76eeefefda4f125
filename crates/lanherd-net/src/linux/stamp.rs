//! When the kernel had what a socket received (`SO_TIMESTAMPNS`, socket(7)), as a span from a moment before.
//!
//! So the time until the process comes to read, which grows with the herd and with whatever else the machine does, is in no
//! figure. (The kernel begins to stamp a moment after the machine's first socket that wants it was opened; until then it
//! stamps datagrams when they are read, and TCP segments not at all. A herd has such a socket open for each client.)

use std::io::{self, IoSliceMut};
use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};
use nix::sys::time::TimeSpec;

/// Two clocks that were read one after the other differ by less, unless one of them was set in between.
const TOLERANCE: Duration = Duration::from_millis(1);
/// So often the two clocks are read at most.
const MOST_READINGS: u32 = 4;

/// A moment, by the clock that times spans and by the one that the kernel stamps with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub steady: Instant,
    pub wall: SystemTime,
}

impl Moment {
    /// Read anew where the tester was kept from running in between, so that the two agree.
    pub fn now() -> Self {
        let mut tries = 0;
        loop {
            let (steady, wall) = (Instant::now(), SystemTime::now());
            tries += 1;
            if steady.elapsed() < TOLERANCE / 2 || tries == MOST_READINGS {
                return Self { steady, wall };
            }
        }
    }

    /// How long it took from here to the stamp of an answer that was `read` later.
    ///
    /// The stamp's clock may be set at any time, to any time. Where it was, or there is no stamp, the time until the
    /// answer was read stands for it: never less than the truth.
    pub fn until(self, stamp: Option<SystemTime>, read: Self) -> Duration {
        let at_most = read.steady.saturating_duration_since(self.steady);
        let since = |later: SystemTime| later.duration_since(self.wall).ok();
        let was_set = |span: Duration| span.abs_diff(at_most) > TOLERANCE;
        match (stamp.and_then(since), since(read.wall)) {
            (Some(stamped), Some(by_wall)) if !was_set(by_wall) => stamped.min(at_most),
            _ => at_most,
        }
    }
}

/// What was received from a socket in one go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    /// Bytes that were put into the buffer.
    pub length: usize,
    /// The address of the sender, where the socket tells it.
    pub from: Option<SocketAddr>,
    /// When the kernel received it, where the kernel tells. Of a stream: the last of the segments that the bytes are from.
    pub stamp: Option<SystemTime>,
    /// Which of the client's own addresses it came to, where the socket was told to tell (`IPV6_RECVPKTINFO`, ipv6(7)).
    pub own: Option<Ipv6Addr>,
}

/// Receives what has arrived; `WouldBlock` where nothing has.
pub(crate) fn receive(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<Received> {
    let mut control = nix::cmsg_space!(TimeSpec, libc::in6_pktinfo);
    let mut parts = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut control),
        MsgFlags::MSG_DONTWAIT,
    )?;
    let (mut stamp, mut own) = (None, None);
    for control in message.cmsgs()? {
        match control {
            ControlMessageOwned::ScmTimestampns(at) => stamp = moment(at),
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                own = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr));
            }
            _ => {}
        }
    }
    Ok(Received {
        length: message.bytes,
        from: message.address.as_ref().and_then(address),
        stamp,
        own,
    })
}

/// The address of either family; `None`: it is of neither, as that of a stream.
fn address(from: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = from.as_sockaddr_in().map(|v4| SocketAddr::V4((*v4).into()));
    v4.or_else(|| {
        from.as_sockaddr_in6()
            .map(|v6| SocketAddr::V6((*v6).into()))
    })
}

fn moment(stamp: TimeSpec) -> Option<SystemTime> {
    let seconds = u64::try_from(stamp.tv_sec()).ok()?;
    let nanoseconds = u32::try_from(stamp.tv_nsec()).ok()?;
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn micros(count: u64) -> Duration {
        Duration::from_micros(count)
    }

    #[test]
    fn a_round_trip_ends_at_the_kernels_stamp_unless_the_clock_was_set_meanwhile() {
        let sent = Moment::now();
        // Read 50 ms later, when the clock says that so much has passed; stamped at, round trip: microseconds.
        for (by_wall, stamp, took) in [
            (50_000, Some(80), 80),
            (50_000, Some(49_999), 49_999),
            (50_900, Some(80), 80),
            // The clock was set forward, and back.
            (3_600_000_000, Some(80), 50_000),
            (3_600_000_000, Some(3_600_000_000), 50_000),
            (20, Some(20), 50_000),
            // There is no stamp, or it is of after the reading.
            (50_000, None, 50_000),
            (50_000, Some(50_600), 50_000),
        ] {
            let read = Moment {
                steady: sent.steady + micros(50_000),
                wall: sent.wall + micros(by_wall),
            };
            let stamp = stamp.map(|stamp| sent.wall + micros(stamp));
            assert_eq!(sent.until(stamp, read), micros(took), "{by_wall} {stamp:?}");
        }
        let read = Moment {
            steady: sent.steady + micros(300),
            wall: sent.wall - micros(1),
        };
        let before = Some(sent.wall - micros(1));
        assert_eq!(sent.until(before, read), micros(300));
    }
}
