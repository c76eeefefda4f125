//! A small synchronous `NETLINK_ROUTE` client: it sends requests in batches, each in one system call, and reads every
//! answer.
//!
//! Synchronous on purpose: most requests wait for the kernel's RTNL lock, whoever sends them, so they belong on a
//! thread that may wait. A socket stays in the namespace it was opened in, whatever thread uses it later.
//!
//! The kernel carries a request out while it is sent, and drops an acknowledgement that the socket's buffer has no room
//! for, and all that follow until the buffer has been emptied. So a batch is never larger than the acknowledgements that
//! fit, a drop is an error that leaves the socket empty, and no answer is waited for longer than five seconds.

pub mod request;
pub mod request6;
pub mod shaping;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
    NlasIterator,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use netlink_packet_route::neighbour::NeighbourState;
use netlink_packet_route::route::RouteProtocol;
use netlink_sys::protocols::NETLINK_ROUTE;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv};

pub use request::Request;

use lanherd_dhcp::Route;
use lanherd_types::ipv6::Prefix;

/// For how long a thread that changes network settings is waited for. The kernel changes them under one lock (RTNL), and no
/// limit of a socket's ends a call that waits for it. The longest that lanherd does is the closing of a herd, which takes seconds
/// for thousands; a lab begins and ends in milliseconds, and in hundreds of them among thousands of links.
pub const RTNL_LIMIT: Duration = Duration::from_secs(60);

/// The kernel never puts more than this into one part of an answer to a reader who reads this much (`NLMSG_GOODSIZE`).
const RECEIVE_BUFFER: usize = 8192;
/// Requests that are sent at one time. The kernel accounts for less than 1 KiB for each acknowledgement, and a socket has
/// room for 208 KiB of them by default (`net.core.rmem_default`).
const BATCH: usize = 64;
/// Datagrams that are thrown away at most after an overflow: more than there is ever room for.
const MOST_DRAINED: usize = 10_000;
/// How long an answer is waited for. It is there when the request has been sent; only a dump is continued while it is
/// read.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// `NLMSGERR_ATTR_MSG` of `linux/netlink.h`: the kernel's own words for what was wrong.
const ATTRIBUTE_MESSAGE: u16 = 1;
/// The request's header, which the kernel quotes in front of such attributes.
const QUOTED_HEADER: usize = 16;

/// What the kernel answered to a request that it refused.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The kernel's error, with its own words where it had some.
    #[error("{error}{}", explained(.words))]
    Refused {
        /// The error number that the kernel answered with.
        error: io::Error,
        /// The extended acknowledgement's text; empty where there is none.
        words: String,
    },
    /// The conversation itself failed.
    #[error("netlink: {0}")]
    Conversation(#[from] io::Error),
}

impl NetlinkError {
    /// The errno, in either case.
    pub fn io(&self) -> &io::Error {
        match self {
            Self::Refused { error, .. } | Self::Conversation(error) => error,
        }
    }

    /// The errno as an error of its own.
    pub fn into_io(self) -> io::Error {
        match self {
            Self::Refused { error, .. } | Self::Conversation(error) => error,
        }
    }

    /// Whether the kernel answered with this errno.
    pub fn is(&self, errno: Errno) -> bool {
        self.io().raw_os_error() == Some(errno as i32)
    }
}

fn explained(words: &str) -> String {
    if words.is_empty() {
        String::new()
    } else {
        format!(" ({words})")
    }
}

/// A conversation with the kernel about the namespace that it was opened in.
pub struct Netlink {
    socket: netlink_sys::Socket,
    sequence: u32,
}

impl Netlink {
    /// Opens one in the calling thread's namespace.
    pub fn open() -> io::Result<Self> {
        let socket = netlink_sys::Socket::new(NETLINK_ROUTE)?;
        socket.set_cap_ack(true)?;
        socket.set_ext_ack(true)?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    /// Sends all requests and reads an answer to each, in order; a refusal does not keep the kernel from carrying out the
    /// requests after it. Of any number, at most 64 are under way at one time.
    ///
    /// An error says that the conversation itself failed: the requests before it may have been carried out, those after
    /// it were not sent.
    pub fn send(
        &mut self,
        requests: impl IntoIterator<Item = Request>,
    ) -> io::Result<Vec<Result<(), NetlinkError>>> {
        let mut requests = requests.into_iter().peekable();
        let mut answers = Vec::new();
        while requests.peek().is_some() {
            self.send_batch(requests.by_ref().take(BATCH), &mut answers)?;
        }
        Ok(answers)
    }

    fn send_batch(
        &mut self,
        requests: impl Iterator<Item = Request>,
        answers: &mut Vec<Result<(), NetlinkError>>,
    ) -> io::Result<()> {
        let first = self.sequence.wrapping_add(1);
        let mut batch = Vec::new();
        for request in requests {
            self.append(&mut batch, request.message, request.flags | NLM_F_ACK);
        }
        let mut answered: Vec<Option<_>> = Vec::new();
        answered.resize_with(
            self.sequence.wrapping_sub(first).wrapping_add(1) as usize,
            || None,
        );
        self.socket.send(&batch, 0)?;
        let mut outstanding = answered.len();
        while outstanding > 0 {
            self.receive(|header, payload| {
                let NetlinkPayload::Error(answer) = payload else {
                    return;
                };
                let place = header.sequence_number.wrapping_sub(first) as usize;
                if let Some(slot @ None) = answered.get_mut(place) {
                    *slot = Some(answer.code.map_or(Ok(()), |_| {
                        Err(NetlinkError::Refused {
                            error: answer.to_io(),
                            words: words(&answer.header),
                        })
                    }));
                    outstanding -= 1;
                }
            })?;
        }
        answers.extend(answered.into_iter().flatten());
        Ok(())
    }

    /// Sends one request and reads its answer.
    pub fn send_one(&mut self, request: Request) -> Result<(), NetlinkError> {
        self.send([request])?.into_iter().collect()
    }

    /// The number that another namespace has in this one (nsid); gives it one where it has none.
    pub fn number(&mut self, namespace: &impl AsRawFd) -> io::Result<i32> {
        match self.send_one(request::number(namespace)) {
            Ok(()) => {}
            Err(error) if error.is(Errno::EEXIST) => {}
            Err(error) => return Err(error.into_io()),
        }
        let numbers = self.collect(request::get_number(namespace), NLM_F_ACK, |message| {
            request::number_of(&message)
        })?;
        let none = || io::Error::new(io::ErrorKind::NotFound, "the namespace has no number");
        numbers.into_iter().next().ok_or_else(none)
    }

    /// The numbers (nsids) that other namespaces have in this one; those of namespaces that are about to end among them.
    pub(super) fn numbers(&mut self) -> io::Result<Vec<i32>> {
        self.collect(request::get_numbers(), NLM_F_DUMP, |message| {
            request::number_of(&message)
        })
    }

    /// Whether the namespace of that number is there, and something keeps it.
    pub(super) fn is_alive(&mut self, number: i32) -> io::Result<bool> {
        let asked = self.collect(request::get_by_number(number), NLM_F_ACK, |message| {
            request::number_of(&message)
        });
        match asked {
            Ok(found) => Ok(found.contains(&number)),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The link with this index in the namespace of that number; `None` where there is none.
    pub(super) fn link_in(&mut self, number: i32, index: u32) -> io::Result<Option<LinkMessage>> {
        self.one_link(request::get_link_in(number, index))
    }

    /// The link called `name`; `None` where there is none.
    pub fn link(&mut self, name: &str) -> io::Result<Option<LinkMessage>> {
        self.one_link(request::get_link(name))
    }

    /// The link with this number; `None` where there is none.
    pub fn link_by_index(&mut self, index: u32) -> io::Result<Option<LinkMessage>> {
        self.one_link(request::get_link_by_index(index))
    }

    fn one_link(&mut self, wanted: RouteNetlinkMessage) -> io::Result<Option<LinkMessage>> {
        match self.collect(wanted, NLM_F_ACK, a_link) {
            Ok(mut links) => Ok(links.pop()),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All links of the namespace.
    pub fn links(&mut self) -> io::Result<Vec<LinkMessage>> {
        let everything = RouteNetlinkMessage::GetLink(LinkMessage::default());
        self.collect(everything, NLM_F_DUMP, a_link)
    }

    /// The IPv4 addresses of a link, with the lengths of their prefixes.
    pub fn addresses(&mut self, index: u32) -> io::Result<Vec<(Ipv4Addr, u8)>> {
        self.collect(request::get_addresses(), NLM_F_DUMP, |message| {
            request::address_of(&message, index)
        })
    }

    /// The IPv4 unicast routes through a link, of the main table, and who has set each.
    pub fn routes(&mut self, index: u32) -> io::Result<Vec<(Route, RouteProtocol)>> {
        self.collect(request::get_routes(), NLM_F_DUMP, |message| {
            request::route_of(&message, index)
        })
    }

    /// The IPv6 addresses of a link.
    pub(crate) fn addresses6(&mut self, index: u32) -> io::Result<Vec<request6::FoundAddress>> {
        self.collect(request6::get_addresses(), NLM_F_DUMP, |message| {
            request6::address_of(&message, index)
        })
    }

    /// The IPv6 routes through a link that lanherd has set, or an advertisement.
    pub(crate) fn routes6(&mut self, index: u32) -> io::Result<Vec<request6::RouteKey>> {
        self.collect(request6::get_routes(), NLM_F_DUMP, |message| {
            request6::route_of(&message, index)
        })
    }

    /// The delegated prefixes of which lanherd has set that they are unreachable as a whole.
    pub(crate) fn unreachable6(&mut self) -> io::Result<Vec<Prefix>> {
        self.collect(request6::get_routes(), NLM_F_DUMP, |message| {
            request6::unreachable_of(&message)
        })
    }

    /// Whether the kernel takes what comes for an IPv6 address. Of an address about which nobody is asked that begins some time
    /// after it has been set.
    pub(crate) fn receives6(&mut self, address: Ipv6Addr) -> io::Result<bool> {
        let asked = self.collect(request6::get_route_to(address), NLM_F_ACK, |message| {
            Some(request6::is_local(&message))
        });
        match asked {
            Ok(told) => Ok(told.contains(&true)),
            Err(error) if error.raw_os_error() == Some(libc::ENETUNREACH) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The IPv6 neighbours on a link, and the states of their entries.
    pub(crate) fn neighbours6(
        &mut self,
        index: u32,
    ) -> io::Result<Vec<(Ipv6Addr, NeighbourState)>> {
        self.collect(request6::get_neighbours(), NLM_F_DUMP, |message| {
            request6::neighbour_of(&message, index)
        })
    }

    /// All that the kernel tells in answer to a question for a list.
    pub(super) fn dump(
        &mut self,
        wanted: RouteNetlinkMessage,
    ) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.collect(wanted, NLM_F_DUMP, Some)
    }

    fn append(&mut self, batch: &mut Vec<u8>, message: RouteNetlinkMessage, flags: u16) {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = flags | NLM_F_REQUEST;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        message.finalize();
        let start = batch.len();
        // Messages are a multiple of four bytes long, so the next one is aligned as it must be.
        batch.resize(start + message.buffer_len().next_multiple_of(4), 0);
        message.serialize(&mut batch[start..]);
    }

    /// Asks, and reads what `take` takes of the answers until the kernel says that there are no more.
    fn collect<T>(
        &mut self,
        wanted: RouteNetlinkMessage,
        flags: u16,
        take: impl Fn(RouteNetlinkMessage) -> Option<T>,
    ) -> io::Result<Vec<T>> {
        let mut batch = Vec::new();
        self.append(&mut batch, wanted, flags);
        self.socket.send(&batch, 0)?;
        let sequence = self.sequence;
        let mut taken = Vec::new();
        let mut end = None;
        while end.is_none() {
            self.receive(|header, payload| {
                if header.sequence_number != sequence {
                    return;
                }
                match payload {
                    NetlinkPayload::InnerMessage(message) => taken.extend(take(message)),
                    NetlinkPayload::Done(_) => end = Some(Ok(())),
                    NetlinkPayload::Error(answer) => {
                        end = Some(answer.code.map_or(Ok(()), |_| Err(answer.to_io())));
                    }
                    _ => {}
                }
            })?;
        }
        end.unwrap_or(Ok(())).map(|()| taken)
    }

    /// Reads one datagram and hands on each message in it.
    fn receive(
        &self,
        mut each: impl FnMut(NetlinkHeader, NetlinkPayload<RouteNetlinkMessage>),
    ) -> io::Result<()> {
        let mut buffer = [0; RECEIVE_BUFFER];
        let length = self.receive_within(ANSWER_LIMIT, &mut buffer)?;
        let mut rest = &buffer[..length];
        while !rest.is_empty() {
            let message = NetlinkMessage::deserialize(rest)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            let advance = (message.header.length as usize).next_multiple_of(4);
            each(message.header, message.payload);
            rest = rest.get(advance..).unwrap_or_default();
        }
        Ok(())
    }
}

impl Netlink {
    /// Throws away what waits to be read: a socket that has overflowed takes no answer until it is empty.
    fn drain(&self, buffer: &mut [u8]) {
        for _ in 0..MOST_DRAINED {
            match recv(self.socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(_) | Err(Errno::ENOBUFS | Errno::EINTR) => {}
                Err(_) => break,
            }
        }
    }

    /// Reads one datagram that comes within `limit`.
    fn receive_within(&self, limit: Duration, buffer: &mut [u8]) -> io::Result<usize> {
        let deadline = Instant::now() + limit;
        loop {
            match recv(self.socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => return Ok(length),
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(Errno::ENOBUFS) => {
                    self.drain(buffer);
                    return Err(io::Error::other(
                        "the kernel had no room for an answer on the netlink socket, and dropped it (ENOBUFS)",
                    ));
                }
                Err(error) => return Err(error.into()),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let words =
                    format!("the kernel did not answer on the netlink socket within {limit:?}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, words));
            }
            let mut asked = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            match poll(
                &mut asked,
                PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX),
            ) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn a_link(message: RouteNetlinkMessage) -> Option<LinkMessage> {
    match message {
        RouteNetlinkMessage::NewLink(link) => Some(link),
        _ => None,
    }
}

/// The kernel's words in an extended acknowledgement.
fn words(quoted: &[u8]) -> String {
    let attributes = quoted.get(QUOTED_HEADER..).unwrap_or_default();
    NlasIterator::new(attributes)
        .flatten()
        .find(|attribute| attribute.kind() == ATTRIBUTE_MESSAGE)
        .map(|attribute| {
            String::from_utf8_lossy(attribute.value())
                .trim_end_matches('\0')
                .to_owned()
        })
        .unwrap_or_default()
}

/// What an interface is called.
pub(crate) fn name_of(link: &LinkMessage) -> Option<&String> {
    link.attributes
        .iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::IfName(name) => Some(name),
            _ => None,
        })
}

#[cfg(test)]
mod tests;
