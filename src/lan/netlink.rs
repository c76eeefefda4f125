//! A small synchronous `NETLINK_ROUTE` client: it sends a batch of requests in one system call and reads every answer.
//!
//! Synchronous on purpose: most requests wait for the kernel's RTNL lock, whoever sends them, so they belong on a
//! thread that may wait. A socket stays in the namespace it was opened in, whatever thread uses it later.

pub mod request;

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
    NlasIterator,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::LinkMessage;
use netlink_packet_route::route::RouteProtocol;
use netlink_sys::protocols::NETLINK_ROUTE;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};

pub use request::Request;

use crate::dhcp::Route;

/// The kernel never puts more than this into one part of an answer to a reader who reads this much (`NLMSG_GOODSIZE`).
const RECEIVE_BUFFER: usize = 8192;
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
        /// The errno.
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
    fn into_io(self) -> io::Error {
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

    /// Sends all requests in one go and reads an answer to each, in order; a refusal does not keep the kernel from
    /// carrying out the requests after it.
    pub fn send(
        &mut self,
        requests: impl IntoIterator<Item = Request>,
    ) -> io::Result<Vec<Result<(), NetlinkError>>> {
        let first = self.sequence.wrapping_add(1);
        let mut batch = Vec::new();
        for request in requests {
            self.append(&mut batch, request.message, request.flags | NLM_F_ACK);
        }
        let mut answers: Vec<Option<_>> = Vec::new();
        answers.resize_with(
            self.sequence.wrapping_sub(first).wrapping_add(1) as usize,
            || None,
        );
        self.socket.send(&batch, 0)?;
        let mut outstanding = answers.len();
        while outstanding > 0 {
            self.receive(|header, payload| {
                let NetlinkPayload::Error(answer) = payload else {
                    return;
                };
                let place = header.sequence_number.wrapping_sub(first) as usize;
                if let Some(slot @ None) = answers.get_mut(place) {
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
        Ok(answers.into_iter().flatten().collect())
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
        let length = recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
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
