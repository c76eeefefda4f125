//! A client's echo requests, over a raw socket of its own, and how long the network took to answer them.
//!
//! A round trip begins just before the request is handed to the kernel and ends where the kernel itself has stamped the
//! answer (`SO_TIMESTAMPNS`, socket(7)). So the time until the process comes to read it, which grows with the herd, is
//! not in it; and an answer that came in time is no loss, however late it is read. (The kernel begins to stamp a moment after
//! the machine's first socket that wants it was opened; until then it stamps when an answer is read.)
//!
//! Who owns what: [`Echoes`] owns the task that reads; when it is dropped, whoever still waits is told at once.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, sendto, setsockopt};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::lan::icmp::{self, DESTINATION_UNREACHABLE, ECHO_REPLY, Echo, TIME_EXCEEDED, Word};
use crate::lan::{PingCause, PingOutcome, sys};

/// What the socket is to hear.
const HEARD: [u8; 3] = [ECHO_REPLY, DESTINATION_UNREACHABLE, TIME_EXCEEDED];
/// Longer than any packet on an Ethernet that answers what is sent here.
const LONGEST: usize = 2_048;
/// Packets read before other tasks get their turn.
const BURST: usize = 64;
/// How many requests of a client are remembered after they were answered.
const REMEMBERED: usize = 32;
/// How long reading rests after an error, so that one that stays does not spin.
const ERROR_PAUSE: Duration = Duration::from_millis(100);
/// Two clocks that were read one after the other differ by less, unless one of them was set in between.
const TOLERANCE: Duration = Duration::from_millis(1);
/// So often the two clocks are read at most.
const MOST_READINGS: u32 = 4;

/// A moment, by the clock that times spans and by the one that the kernel stamps with.
#[derive(Debug, Clone, Copy)]
struct Moment {
    steady: Instant,
    wall: SystemTime,
}

impl Moment {
    /// Read anew where the tester was kept from running in between, so that the two agree.
    fn now() -> Self {
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
    fn until(self, stamp: Option<SystemTime>, read: Self) -> Duration {
        let at_most = read.steady.saturating_duration_since(self.steady);
        let since = |later: SystemTime| later.duration_since(self.wall).ok();
        let was_set = |span: Duration| span.abs_diff(at_most) > TOLERANCE;
        match (stamp.and_then(since), since(read.wall)) {
            (Some(stamped), Some(by_wall)) if !was_set(by_wall) => stamped.min(at_most),
            _ => at_most,
        }
    }
}

/// What was heard of a request.
#[derive(Debug, Clone, Copy)]
struct Answer {
    word: Word,
    /// When the kernel had it.
    stamp: Option<SystemTime>,
    read: Moment,
}

impl Answer {
    /// What that makes of a request that was sent then.
    fn outcome(self, sent: Moment, timeout: Duration) -> PingOutcome {
        match self.word {
            Word::Reply => match sent.until(self.stamp, self.read) {
                took if took <= timeout => PingOutcome::Reply(took),
                _ => PingOutcome::Lost(PingCause::Timeout),
            },
            Word::Unreachable => PingOutcome::Lost(PingCause::Unreachable),
            Word::HostDown => PingOutcome::Lost(PingCause::HostDown),
            Word::TimeExceeded => PingOutcome::Lost(PingCause::TtlExceeded),
        }
    }
}

/// Who waits for what.
#[derive(Debug)]
struct Waiting {
    echo: Echo,
    tell: oneshot::Sender<Answer>,
}

/// The socket, open.
pub(super) struct Echoes {
    line: Arc<Line>,
    reader: JoinHandle<()>,
}

impl Echoes {
    /// Opens it in the calling thread's namespace, for the runtime in whose context this is called.
    pub fn open() -> io::Result<Self> {
        let kind = Type::RAW.nonblocking();
        let socket = Socket::new(Domain::IPV4, kind, Some(Protocol::ICMPV4))?;
        sys::deliver_only_icmp(socket.as_raw_fd(), &HEARD)?;
        setsockopt(&socket, ReceiveTimestampns, &true)?;
        let line = Arc::new(Line {
            socket: sys::drive(socket.into(), Interest::READABLE | Interest::WRITABLE)?,
            waiting: Mutex::new(Some(HashMap::new())),
            answered: Mutex::default(),
        });
        let reader = tokio::spawn(Arc::clone(&line).read());
        Ok(Self { line, reader })
    }

    /// What pings are sent over.
    pub fn line(&self) -> Arc<Line> {
        Arc::clone(&self.line)
    }
}

impl Drop for Echoes {
    fn drop(&mut self) {
        self.line.waiting().take();
        self.reader.abort();
    }
}

/// The socket, shared by its pings.
pub(super) struct Line {
    socket: AsyncFd<OwnedFd>,
    /// By sequence number; none once the socket is closed.
    waiting: Mutex<Option<HashMap<u16, Waiting>>>,
    answered: Mutex<Answered>,
}

/// The latest requests that were answered, and how often again.
#[derive(Debug, Default)]
struct Answered(VecDeque<(Echo, u32)>);

impl Answered {
    /// A request was answered that somebody waited for.
    fn remember(&mut self, echo: Echo) {
        // Sequence numbers come round again.
        self.0.retain(|(known, _)| *known != echo);
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((echo, 0));
    }

    /// An answer came that nobody waited for.
    fn again(&mut self, echo: Echo) {
        if let Some((_, times)) = self.0.iter_mut().find(|(known, _)| *known == echo) {
            *times = times.saturating_add(1);
        }
    }

    /// How often that was, and from now on is counted anew.
    fn take(&mut self, target: Ipv4Addr) -> u64 {
        let of_target = self.0.iter_mut().filter(|(echo, _)| echo.target == target);
        of_target
            .map(|(_, times)| u64::from(std::mem::take(times)))
            .sum()
    }
}

impl Line {
    /// Sends a request and waits for what comes of it. The timeout counts from the beginning, the round trip from sending.
    pub async fn ping(
        &self,
        target: Ipv4Addr,
        id: u16,
        sequence: u16,
        timeout: Duration,
    ) -> io::Result<PingOutcome> {
        let echo = Echo {
            target,
            id,
            sequence,
        };
        let Some((place, mut answer)) = self.expect(echo) else {
            return Ok(PingOutcome::Lost(PingCause::Tester));
        };
        let mut sent = None;
        let heard = tokio::time::timeout(timeout, async {
            sent = Some(self.send(echo).await?);
            Ok::<_, io::Error>((&mut answer).await.ok())
        })
        .await;
        let heard = match heard {
            Ok(heard) => heard?,
            Err(_) => {
                // It may be there, and nobody has come to read it yet.
                match self.read_burst() {
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                    _ => answer.try_recv().ok(),
                }
            }
        };
        drop(place);
        Ok(match (sent, heard) {
            (Some(sent), Some(heard)) => heard.outcome(sent, timeout),
            (Some(_), None) if self.waiting().is_some() => PingOutcome::Lost(PingCause::Timeout),
            // The socket was closed; or had no room for the request all the time.
            (Some(_) | None, _) => PingOutcome::Lost(PingCause::Tester),
        })
    }

    /// Answers of `target` beyond the first to a request, of the latest [`REMEMBERED`] that were answered, since this was
    /// last asked.
    pub fn duplicates(&self, target: Ipv4Addr) -> u64 {
        // What came with the first may not have been read yet. An error is the next ping's to tell.
        let _ = self.read_burst();
        self.answered().take(target)
    }

    /// Notes who waits, until the place is dropped; `None` where the socket is closed, or somebody waits for the same.
    fn expect(&self, echo: Echo) -> Option<(Place<'_>, oneshot::Receiver<Answer>)> {
        let (tell, answer) = oneshot::channel();
        let mut waiting = self.waiting();
        let all = waiting.as_mut()?;
        if all.contains_key(&echo.sequence) {
            return None;
        }
        all.insert(echo.sequence, Waiting { echo, tell });
        let place = Place {
            line: self,
            sequence: echo.sequence,
        };
        Some((place, answer))
    }

    /// Returns the moment before it was handed over, at the latest try.
    async fn send(&self, echo: Echo) -> io::Result<Moment> {
        let request = echo.request();
        let to = SockaddrIn::from(SocketAddrV4::new(echo.target, 0));
        self.socket
            .async_io(Interest::WRITABLE, |socket| {
                let sent = Moment::now();
                sendto(socket.as_raw_fd(), &request, &to, MsgFlags::MSG_DONTWAIT)?;
                Ok(sent)
            })
            .await
    }

    /// Reads for ever.
    async fn read(self: Arc<Self>) {
        loop {
            let read = match self.socket.readable().await {
                Ok(mut ready) => match ready.try_io(|_| self.read_burst()) {
                    Ok(read) => read,
                    // Nothing more there.
                    Err(_) => Ok(()),
                },
                Err(error) => Err(error),
            };
            if let Err(error) = read {
                tracing::debug!(%error, "reading answers to pings");
                tokio::time::sleep(ERROR_PAUSE).await;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Reads what is there, some of it at a time; ends with `WouldBlock` where that was all.
    ///
    /// Nobody else looks meanwhile: what was taken from the socket has been told when this returns.
    fn read_burst(&self) -> io::Result<()> {
        let mut waiting = self.waiting();
        let Some(all) = waiting.as_mut() else {
            return Ok(());
        };
        let mut packet = [0; LONGEST];
        let mut control = nix::cmsg_space!(TimeSpec);
        for _ in 0..BURST {
            let (length, stamp) = receive(self.socket.get_ref(), &mut packet, &mut control)?;
            let read = Moment::now();
            let Some((echo, word)) = packet.get(..length).and_then(icmp::heard) else {
                continue;
            };
            match all.entry(echo.sequence) {
                Entry::Occupied(who) if who.get().echo == echo => {
                    // Whoever waited may have given up at this very moment.
                    let _ = who.remove().tell.send(Answer { word, stamp, read });
                    if word == Word::Reply {
                        self.answered().remember(echo);
                    }
                }
                _ if word == Word::Reply => self.answered().again(echo),
                _ => {}
            }
        }
        Ok(())
    }

    fn answered(&self) -> MutexGuard<'_, Answered> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Option<HashMap<u16, Waiting>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody's place among those that wait.
struct Place<'a> {
    line: &'a Line,
    sequence: u16,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(all) = self.line.waiting().as_mut() {
            all.remove(&self.sequence);
        }
    }
}

/// One packet's length, and when the kernel had it.
fn receive(
    socket: &OwnedFd,
    packet: &mut [u8],
    control: &mut [u8],
) -> io::Result<(usize, Option<SystemTime>)> {
    let mut parts = [IoSliceMut::new(packet)];
    let message = recvmsg::<()>(
        socket.as_raw_fd(),
        &mut parts,
        Some(control),
        MsgFlags::MSG_DONTWAIT,
    )?;
    let stamp = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(stamp) => moment(stamp),
        _ => None,
    });
    Ok((message.bytes, stamp))
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

    #[test]
    fn an_answer_that_comes_again_counts_for_its_target_until_it_is_asked_for() {
        let echo = |host, sequence| Echo {
            target: Ipv4Addr::new(10, 77, 0, host),
            id: 7,
            sequence,
        };
        let target = |host| echo(host, 0).target;
        let mut answered = Answered::default();
        // Nobody waited for this one, so it was too late.
        answered.again(echo(1, 0));
        answered.remember(echo(1, 1));
        answered.remember(echo(2, 2));
        for again in [echo(1, 1), echo(1, 1), echo(2, 2), echo(1, 2), echo(1, 9)] {
            answered.again(again);
        }
        assert_eq!((answered.take(target(1)), answered.take(target(2))), (2, 1));
        assert_eq!((answered.take(target(1)), answered.take(target(2))), (0, 0));
        answered.again(echo(1, 1));
        assert_eq!(answered.take(target(1)), 1);
        // As many as are remembered, and no more, however many there are.
        for sequence in 0..1_000 {
            answered.remember(echo(1, sequence));
        }
        for sequence in 0..1_000 {
            answered.again(echo(1, sequence));
        }
        assert_eq!(answered.take(target(1)), REMEMBERED as u64);
        // The numbers come round again.
        answered.again(echo(1, 999));
        answered.remember(echo(1, 999));
        assert_eq!(answered.take(target(1)), 0);
    }

    #[test]
    fn an_answer_that_came_in_time_and_was_read_late_is_one_and_one_that_came_late_is_none() {
        let sent = Moment::now();
        let read = Moment {
            steady: sent.steady + micros(90_000),
            wall: sent.wall + micros(90_000),
        };
        let outcome = |stamp| {
            let answer = Answer {
                word: Word::Reply,
                stamp: Some(sent.wall + micros(stamp)),
                read,
            };
            answer.outcome(sent, micros(50_000))
        };
        assert_eq!(outcome(50_000), PingOutcome::Reply(micros(50_000)));
        assert_eq!(outcome(50_001), PingOutcome::Lost(PingCause::Timeout));
    }
}
