//! A client's echo requests, over a raw socket of its own for each family, and how long the network took to answer them.
//!
//! A round trip begins just before the request is handed to the kernel and ends where the kernel itself has stamped the
//! answer (`SO_TIMESTAMPNS`, socket(7)). So the time until the process comes to read it, which grows with the herd, is
//! not in it; and an answer that came in time is no loss, however late it is read. (The kernel begins to stamp a moment after
//! the machine's first socket that wants it was opened; until then it stamps when an answer is read.)
//!
//! A raw socket receives every answer that comes to the namespace, those to a `ping(8)` that a command runs there as well. An
//! answer, an answer that comes again, or an error counts only if it carries what only that request carried
//! ([`EchoRequest`]); everything else is ignored.
//!
//! Who owns what: [`PingSocket`] is what is open; when it is dropped, it is read no more, and every ping that still waits ends at
//! once. The [`Pinger`] is shared by the pings, and by the [`PingReader`], which reads the sockets of all clients.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use etherparse::icmpv4::{TYPE_DEST_UNREACH, TYPE_ECHO_REPLY, TYPE_TIME_EXCEEDED};
use etherparse::icmpv6;
use nix::sys::socket::sockopt::{Ipv6RecvPacketInfo, ReceiveTimestampns};
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg, setsockopt};
use parking_lot::Mutex;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::oneshot;

use super::ping_reader::{PingReader, Readable, ReadingGuard};
use super::scope::scoped;
use super::stamp::{Moment, Received, receive};
use crate::icmp::{self, Belonging, IcmpEvent, Verdict};
use crate::lan::{EchoRequest, PingCause, PingOutcome};
use crate::sys;
use lanherd_types::family::Family;

/// The ICMP types that the socket receives.
const RECEIVED_TYPES: [u8; 3] = [TYPE_ECHO_REPLY, TYPE_DEST_UNREACH, TYPE_TIME_EXCEEDED];
/// The same of ICMPv6.
const RECEIVED_TYPES_V6: [u8; 4] = [
    icmpv6::TYPE_ECHO_REPLY,
    icmpv6::TYPE_DST_UNREACH,
    icmpv6::TYPE_PACKET_TOO_BIG,
    icmpv6::TYPE_TIME_EXCEEDED,
];
/// Longer than any packet on an Ethernet that answers what is sent here.
const LONGEST: usize = 2_048;
/// Packets read before other tasks get their turn.
const BURST: usize = 64;
/// How many requests of a client are remembered after they were answered.
const REMEMBERED: usize = 32;
/// After how long a request is handed to the kernel again that it had no room for.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(2);

/// The answer to a request, or the error about it.
#[derive(Debug, Clone, Copy)]
struct Answer {
    verdict: Verdict,
    /// When the kernel received it.
    stamp: Option<SystemTime>,
    read: Moment,
}

impl Answer {
    /// The outcome of the request, which was sent at `sent`.
    fn outcome(self, sent: Moment, timeout: Duration) -> PingOutcome {
        match self.verdict {
            Verdict::Reply => match sent.until(self.stamp, self.read) {
                took if took <= timeout => PingOutcome::Reply(took),
                _ => PingOutcome::Lost(PingCause::Timeout),
            },
            Verdict::Unreachable => PingOutcome::Lost(PingCause::Unreachable),
            Verdict::HostDown => PingOutcome::Lost(PingCause::HostDown),
            Verdict::TimeExceeded => PingOutcome::Lost(PingCause::TtlExceeded),
            Verdict::SourceRefused => PingOutcome::Lost(PingCause::SourceRefused),
            Verdict::TooBig => PingOutcome::Lost(PingCause::TooBig),
        }
    }
}

/// A ping that waits for its answer.
#[derive(Debug)]
struct Waiting {
    request: EchoRequest,
    tell: oneshot::Sender<Answer>,
    /// Whether an answer came that has the request's numbers, but not what was sent.
    was_altered: bool,
}

/// A client's ICMP socket, open and read.
pub(super) struct PingSocket {
    pinger: Arc<Pinger>,
    _reading: ReadingGuard,
}

impl PingSocket {
    /// Opens the socket in the calling thread's namespace, to be read by this reader.
    pub fn open(family: Family, reader: &Arc<PingReader>) -> io::Result<Self> {
        let kind = Type::RAW.nonblocking();
        let socket = match family {
            Family::Ipv4 => {
                let socket = Socket::new(Domain::IPV4, kind, Some(Protocol::ICMPV4))?;
                sys::deliver_only_icmp(socket.as_raw_fd(), &RECEIVED_TYPES)?;
                socket
            }
            Family::Ipv6 => {
                let socket = Socket::new(Domain::IPV6, kind, Some(Protocol::ICMPV6))?;
                sys::deliver_only_icmp6(socket.as_raw_fd(), &RECEIVED_TYPES_V6)?;
                setsockopt(&socket, Ipv6RecvPacketInfo, &true)?;
                socket
            }
        };
        setsockopt(&socket, ReceiveTimestampns, &true)?;
        let pinger = Arc::new(Pinger {
            family,
            socket: socket.into(),
            waiting: Mutex::new(Some(HashMap::new())),
            answered: Mutex::default(),
        });
        Ok(Self {
            _reading: reader.register(Arc::<Pinger>::clone(&pinger))?,
            pinger,
        })
    }

    /// Returns what sends pings over the socket.
    pub fn pinger(&self) -> Arc<Pinger> {
        Arc::clone(&self.pinger)
    }
}

impl Drop for PingSocket {
    fn drop(&mut self) {
        self.pinger.waiting.lock().take();
    }
}

/// Sends pings over a client's ICMP socket, and hands each its answer.
pub(super) struct Pinger {
    family: Family,
    socket: OwnedFd,
    /// The pings that wait, by sequence number; `None` once the socket is closed.
    waiting: Mutex<Option<HashMap<u16, Waiting>>>,
    answered: Mutex<Answered>,
}

/// The latest requests that were answered, and how often each was answered again.
#[derive(Debug, Default)]
struct Answered(VecDeque<(EchoRequest, u32)>);

impl Answered {
    /// Notes a request that was answered while a ping waited for it.
    fn remember(&mut self, request: EchoRequest) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        // Most clients ping once in a while, and there are thousands of them.
        self.0.reserve_exact(1);
        self.0.push_back((request, 0));
    }

    /// Counts an answer that no ping waited for.
    fn again(&mut self, event: &IcmpEvent<'_>) {
        let is_known = |known: EchoRequest| event.belongs_to(known) == Belonging::Own;
        if let Some((_, times)) = self.0.iter_mut().find(|(known, _)| is_known(*known)) {
            *times = times.saturating_add(1);
        }
    }

    /// Returns how many answers came again from `target`, and begins to count anew.
    fn take(&mut self, target: IpAddr) -> u64 {
        let of_target = self
            .0
            .iter_mut()
            .filter(|(request, _)| request.target == target);
        of_target
            .map(|(_, times)| u64::from(std::mem::take(times)))
            .sum()
    }
}

impl Pinger {
    /// Sends a request and waits for its outcome. The timeout counts from the beginning, the round trip from sending.
    pub async fn ping(&self, request: EchoRequest, timeout: Duration) -> io::Result<PingOutcome> {
        let Some((guard, mut answer)) = self.expect(request) else {
            return Ok(PingOutcome::Lost(PingCause::Tester));
        };
        let mut sent = None;
        let received = {
            let exchange = pin!(async {
                sent = Some(self.send(request).await?);
                Ok::<_, io::Error>((&mut answer).await.ok())
            });
            tokio::time::timeout(timeout, exchange).await
        };
        let received = match received {
            Ok(received) => received?,
            Err(_) => {
                // It may be there, and nobody has come to read it yet.
                match self.read_burst() {
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                    _ => answer.try_recv().ok(),
                }
            }
        };
        let was_altered = guard.was_altered();
        drop(guard);
        Ok(match (sent, received) {
            (Some(sent), Some(received)) => received.outcome(sent, timeout),
            (Some(_), None) if was_altered => PingOutcome::Lost(PingCause::Malformed),
            (Some(_), None) if self.waiting.lock().is_some() => {
                PingOutcome::Lost(PingCause::Timeout)
            }
            // The socket was closed; or had no room for the request all the time.
            (Some(_) | None, _) => PingOutcome::Lost(PingCause::Tester),
        })
    }

    /// Answers of `target` beyond the first to a request, of the latest [`REMEMBERED`] that were answered, since this was
    /// last asked.
    pub fn duplicates(&self, target: IpAddr) -> u64 {
        // What came with the first may not have been read yet. An error is the next ping's to tell.
        let _ = self.read_burst();
        self.answered.lock().take(target)
    }

    /// Registers a ping that waits, until the guard is dropped; `None` where the socket is closed, or another ping waits for
    /// the same sequence number.
    fn expect(&self, request: EchoRequest) -> Option<(WaitGuard<'_>, oneshot::Receiver<Answer>)> {
        let (tell, answer) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        let all = waiting.as_mut()?;
        if all.contains_key(&request.sequence) {
            return None;
        }
        let who = Waiting {
            request,
            tell,
            was_altered: false,
        };
        all.insert(request.sequence, who);
        let guard = WaitGuard {
            pinger: self,
            sequence: request.sequence,
        };
        Some((guard, answer))
    }

    /// Sends a request; returns the moment before it was handed to the kernel, at the last try.
    async fn send(&self, request: EchoRequest) -> io::Result<Moment> {
        loop {
            match send(&self.socket, request) {
                // The socket has rarely no room: as long as much that was sent waits for the link addresses of its targets.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tokio::time::sleep(NO_ROOM_PAUSE).await;
                }
                sent => return sent,
            }
        }
    }

    /// What was received, as an event about a request.
    fn event<'a>(&self, bytes: &'a [u8], received: &Received) -> Option<IcmpEvent<'a>> {
        match (self.family, received.from, received.own) {
            (Family::Ipv4, ..) => icmp::read(bytes),
            (Family::Ipv6, Some(SocketAddr::V6(from)), Some(own)) => {
                icmp::read_v6(bytes, *from.ip(), own)
            }
            (Family::Ipv6, ..) => None,
        }
    }
}

impl Readable for Pinger {
    fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Reads packets, at most [`BURST`] of them; ends with `WouldBlock` where there are no more.
    ///
    /// The list of waiting pings is locked meanwhile: whatever was read has been handed on when this returns.
    fn read_burst(&self) -> io::Result<()> {
        let mut waiting = self.waiting.lock();
        let Some(all) = waiting.as_mut() else {
            return Ok(());
        };
        let mut packet = [0; LONGEST];
        for _ in 0..BURST {
            let received = receive(&self.socket, &mut packet)?;
            // No message is empty: somebody has shut the socket down, and it would be said again and again.
            if received.length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let read = Moment::now();
            let stamp = received.stamp;
            let bytes = packet.get(..received.length).unwrap_or_default();
            let Some(event) = self.event(bytes, &received) else {
                continue;
            };
            let verdict = event.verdict;
            if let Entry::Occupied(mut who) = all.entry(event.sequence) {
                let request = who.get().request;
                match event.belongs_to(request) {
                    Belonging::Own => {
                        let answer = Answer {
                            verdict,
                            stamp,
                            read,
                        };
                        // Whoever waited may have given up at this very moment.
                        let _ = who.remove().tell.send(answer);
                        if verdict == Verdict::Reply {
                            self.answered.lock().remember(request);
                        }
                        continue;
                    }
                    Belonging::Altered => who.get_mut().was_altered = true,
                    Belonging::Foreign => {}
                }
            }
            if verdict == Verdict::Reply {
                self.answered.lock().again(&event);
            }
        }
        Ok(())
    }
}

/// Hands a request to the kernel, which does not wait; returns the moment before.
fn send(socket: &OwnedFd, request: EchoRequest) -> io::Result<Moment> {
    let message = request.message();
    let to = SockaddrStorage::from(scoped(SocketAddr::new(request.target, 0)));
    let source = request.source.map(|source| libc::in6_pktinfo {
        ipi6_addr: libc::in6_addr {
            s6_addr: source.octets(),
        },
        ipi6_ifindex: 0,
    });
    let control = source.as_ref().map(ControlMessage::Ipv6PacketInfo);
    let sent = Moment::now();
    sendmsg(
        socket.as_raw_fd(),
        &[IoSlice::new(&message)],
        control.as_slice(),
        MsgFlags::MSG_DONTWAIT,
        Some(&to),
    )?;
    Ok(sent)
}

/// Keeps a ping registered as waiting until it is dropped.
struct WaitGuard<'a> {
    pinger: &'a Pinger,
    sequence: u16,
}

impl WaitGuard<'_> {
    /// Whether an answer came that does not carry what was sent.
    fn was_altered(&self) -> bool {
        let waiting = self.pinger.waiting.lock();
        let own = waiting.as_ref().and_then(|all| all.get(&self.sequence));
        own.is_some_and(|who| who.was_altered)
    }
}

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        if let Some(all) = self.pinger.waiting.lock().as_mut() {
            all.remove(&self.sequence);
            // A client that waits for nothing keeps no room for it: there are thousands of them.
            if all.is_empty() {
                *all = HashMap::new();
            }
        }
    }
}

#[cfg(test)]
mod tests;
