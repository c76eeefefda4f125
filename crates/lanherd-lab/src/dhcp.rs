//! A DHCP server (RFC 2131, 4.3) without a socket or a clock: a message in, at most one out.
//!
//! It serves the lab, and stands opposite the client's state machine in simulations on a virtual clock.

mod bindings;
mod config;
mod reply;
mod trouble;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

pub use config::ServerConfig;
pub use reply::{Reply, ReplyTo};
pub(super) use trouble::{Doubled, Troubled};

use bindings::{Bindings, ClientKey, Hold, Holding, Record};

use super::config::{LeaseTime, seconds};
use lanherd_dhcp::options::{MessageType, code};
use lanherd_dhcp::{Message, wire::Op};
use lanherd_types::identity::Mac;

/// RFC 3046: what a relay agent added comes back to it, at the end.
const RELAY_AGENT_INFORMATION: u8 = 82;

/// What a server has seen and done since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// How many DHCPDISCOVERs were received.
    pub discovers: u64,
    /// How many DHCPREQUESTs were received.
    pub requests: u64,
    /// How many DHCPDECLINEs were received.
    pub declines: u64,
    /// How many DHCPRELEASEs were received.
    pub releases: u64,
    /// How many DHCPINFORMs were received.
    pub informs: u64,
    /// How many DHCPOFFERs were sent.
    pub offers: u64,
    /// How many DHCPACKs were sent.
    pub acks: u64,
    /// How many DHCPNAKs were sent.
    pub naks: u64,
    /// DHCPDISCOVERs left unanswered because no address was free.
    pub exhausted: u64,
    /// Messages that a server does not answer, or not from that client.
    pub ignored: u64,
}

/// An address that is leased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// The address, which is one of the server's range.
    pub address: Ipv4Addr,
    /// The client's hardware address.
    pub mac: Mac,
    /// The host name it gave (option 12), if it can be one.
    pub host_name: Option<String>,
    /// When the lease ends; `None`: never.
    pub expires_at: Option<Instant>,
}

/// A DHCPv4 server (RFC 2131, 4.3): what it has leased to whom, and what it has counted.
#[derive(Debug)]
pub struct Server {
    config: ServerConfig,
    bindings: Bindings,
    counters: Counters,
}

impl Server {
    /// A server that knows nobody yet.
    pub fn new(config: ServerConfig) -> Self {
        let lease = match config.lease {
            LeaseTime::Infinite => None,
            LeaseTime::Finite(lease) => Some(lease),
        };
        Self {
            bindings: Bindings::new(config.range, lease),
            config,
            counters: Counters::default(),
        }
    }

    /// Takes in a client's message; gives the answer, if there is to be one.
    pub fn handle(&mut self, message: &Message, now: Instant) -> Option<Reply> {
        self.expire(now);
        let from_elsewhere =
            !message.giaddr.is_unspecified() && !self.config.subnet.contains(message.giaddr);
        let kind = match (message.op, message.message_type()) {
            (Op::Request, Some(kind)) if !from_elsewhere => kind,
            (Op::Request | Op::Reply, _) => return self.ignore(),
        };
        let reply = match kind {
            MessageType::Discover => self.discover(message, now),
            MessageType::Request => self.request(message, now),
            MessageType::Decline => self.decline(message, now),
            MessageType::Release => self.release(message),
            MessageType::Inform => self.inform(message),
            MessageType::Offer | MessageType::Ack | MessageType::Nak => self.ignore(),
        };
        if let Some(reply) = &reply {
            match reply.message.message_type() {
                Some(MessageType::Offer) => self.counters.offers += 1,
                Some(MessageType::Ack) => self.counters.acks += 1,
                Some(MessageType::Nak) => self.counters.naks += 1,
                Some(_) | None => {}
            }
        }
        reply
    }

    /// Frees the addresses whose offers and leases have run out.
    pub fn expire(&mut self, now: Instant) {
        self.bindings.expire(now);
    }

    /// When [`Self::expire`] next has something to do; `None`: never, as things are.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.bindings.next_deadline()
    }

    /// The addresses that clients have left since the last call; some may be held again.
    pub fn take_vacated(&mut self) -> Vec<Ipv4Addr> {
        self.bindings.take_vacated()
    }

    /// Who is offered or leased `address`.
    pub fn holder(&self, address: Ipv4Addr) -> Option<Mac> {
        Some(self.bindings.holding(address)?.mac)
    }

    /// The host name of who is offered or leased `address`.
    pub fn host_name(&self, address: Ipv4Addr) -> Option<&str> {
        self.bindings.holding(address)?.host_name.as_deref()
    }

    /// The address of the client that gave this host name, in lower case; where several did, the latest's.
    pub fn with_host_name(&self, name: &str) -> Option<Ipv4Addr> {
        self.bindings.with_host_name(name)
    }

    /// What is leased, in no order.
    pub fn leases(&self) -> impl Iterator<Item = Leased> {
        self.bindings
            .bound()
            .map(|(address, holding)| holding.leased(address))
    }

    /// How many addresses are leased.
    pub fn active(&self) -> usize {
        self.bindings.bound_count()
    }

    /// What was seen and done so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// RFC 2131, 4.3.1; RFC 4039, 3.2.
    fn discover(&mut self, message: &Message, now: Instant) -> Option<Reply> {
        self.counters.discovers += 1;
        let client = ClientKey::of(message);
        let requested = message.options.address(code::REQUESTED_ADDRESS);
        let Some(address) = self.bindings.choose(&client, requested) else {
            self.counters.exhausted += 1;
            return None;
        };
        // One that is to do without IPv4 needs no lease.
        if self.config.rapid_commit
            && message.options.contains(code::RAPID_COMMIT)
            && self.v6_only_for(message).is_none()
        {
            return Some(self.bind(client, message, address, now));
        }
        let hold = match self.bindings.record(&client) {
            // The lease goes on until the client has taken the new one.
            Some(Record::Held(_, hold @ Hold::Bound { .. })) => hold,
            Some(Record::Held(_, Hold::Offered { .. }) | Record::Past(_)) | None => Hold::Offered {
                until: now + self.config.offer_hold,
            },
        };
        self.bindings.hold(address, holding(client, message, hold));
        Some(self.grant(MessageType::Offer, message, address))
    }

    /// RFC 2131, 4.3.2 and table 4.
    fn request(&mut self, message: &Message, now: Instant) -> Option<Reply> {
        self.counters.requests += 1;
        let client = ClientKey::of(message);
        let record = self.bindings.record(&client);
        let requested = message.options.address(code::REQUESTED_ADDRESS);
        let held = Some(message.ciaddr).filter(|address| !address.is_unspecified());
        match (message.options.address(code::SERVER_ID), requested, held) {
            // It chose another server: what was offered is free.
            (Some(server), ..) if server != self.config.subnet.router() => {
                if let Some(Record::Held(address, Hold::Offered { .. })) = record {
                    self.bindings.release(address);
                }
                self.ignore()
            }
            // SELECTING.
            (Some(_), Some(address), None)
                if record.is_some_and(|record| record.address() == address) =>
            {
                Some(self.bind(client, message, address, now))
            }
            (Some(_), Some(address), None) => {
                Some(self.refuse(message, &format!("{address} was not offered to you")))
            }
            // INIT-REBOOT.
            (None, Some(address), None) => self.reboot(client, record, message, address, now),
            // RENEWING or REBINDING, which differ in the way the message came.
            (_, _, Some(address)) if record.is_some_and(|record| record.address() == address) => {
                Some(self.bind(client, message, address, now))
            }
            (_, _, Some(address)) => {
                Some(self.refuse(message, &format!("{address} is not leased to you")))
            }
            (_, None, None) => self.ignore(),
        }
    }

    /// "If the network is not correct: DHCPNAK. If the DHCP server has no record of this client, then it MUST remain
    /// silent" (RFC 2131, 4.3.2), but this one is alone, and knows when the address is somebody else's.
    fn reboot(
        &mut self,
        client: ClientKey,
        record: Option<Record>,
        message: &Message,
        address: Ipv4Addr,
        now: Instant,
    ) -> Option<Reply> {
        let is_elses = self
            .bindings
            .holding(address)
            .is_some_and(|holding| holding.client != client);
        if !self.config.subnet.contains(address) {
            return Some(self.refuse(message, &format!("{address} is not of this network")));
        }
        match record {
            Some(record) if record.address() == address => {
                Some(self.bind(client, message, address, now))
            }
            Some(_) => Some(self.refuse(message, &format!("{address} is not leased to you"))),
            None if is_elses => {
                Some(self.refuse(message, &format!("{address} is leased to another client")))
            }
            None => self.ignore(),
        }
    }

    /// RFC 2131, 4.3.3.
    fn decline(&mut self, message: &Message, now: Instant) -> Option<Reply> {
        self.counters.declines += 1;
        let address = message.options.address(code::REQUESTED_ADDRESS)?;
        match self.bindings.record(&ClientKey::of(message)) {
            Some(Record::Held(held, _)) if held == address => {
                self.bindings
                    .decline(address, now + self.config.decline_hold);
                None
            }
            Some(_) | None => self.ignore(),
        }
    }

    /// RFC 2131, 4.3.4. The client is remembered, and gets the address back while nobody else has had it.
    fn release(&mut self, message: &Message) -> Option<Reply> {
        self.counters.releases += 1;
        match self.bindings.record(&ClientKey::of(message)) {
            Some(Record::Held(held, _)) if held == message.ciaddr => {
                self.bindings.release(held);
                None
            }
            Some(_) | None => self.ignore(),
        }
    }

    /// RFC 2131, 4.3.5: parameters, no lease.
    fn inform(&mut self, message: &Message) -> Option<Reply> {
        self.counters.informs += 1;
        if message.ciaddr.is_unspecified() {
            return self.ignore();
        }
        let mut reply = self.answer(MessageType::Ack, message);
        reply.ciaddr = message.ciaddr;
        self.add_parameters(&mut reply, message);
        Some(Reply::granting(message, reply))
    }

    fn bind(
        &mut self,
        client: ClientKey,
        message: &Message,
        address: Ipv4Addr,
        now: Instant,
    ) -> Reply {
        let hold = self.lease_from(now);
        self.bindings.hold(address, holding(client, message, hold));
        self.grant(MessageType::Ack, message, address)
    }

    fn lease_from(&self, now: Instant) -> Hold {
        let until = match self.config.lease {
            LeaseTime::Infinite => None,
            LeaseTime::Finite(lease) => now.checked_add(lease),
        };
        Hold::Bound { until }
    }

    /// An OFFER or an ACK of `address` (RFC 2131, table 3); an ACK to a DISCOVER says that it is one (RFC 4039, 3.2).
    fn grant(&self, kind: MessageType, message: &Message, address: Ipv4Addr) -> Reply {
        let mut reply = self.answer(kind, message);
        reply.yiaddr = address;
        if kind == MessageType::Ack {
            reply.ciaddr = message.ciaddr;
        }
        reply
            .options
            .push(code::LEASE_TIME, self.config.lease.seconds().to_be_bytes());
        if let LeaseTime::Finite(_) = self.config.lease {
            let timers = [
                (code::RENEWAL_TIME, self.config.t1),
                (code::REBINDING_TIME, self.config.t2),
            ];
            for (code, timer) in timers {
                if let Some(timer) = timer {
                    reply.options.push(code, seconds(timer).to_be_bytes());
                }
            }
        }
        if kind == MessageType::Ack && message.message_type() == Some(MessageType::Discover) {
            reply.options.push(code::RAPID_COMMIT, []);
        }
        if let Some(wait) = self.v6_only_for(message) {
            reply
                .options
                .push(code::V6_ONLY, seconds(wait).to_be_bytes());
        }
        self.add_parameters(&mut reply, message);
        Reply::granting(message, reply)
    }

    /// How long the client is to do without IPv4, if it asks (RFC 8925, 3.3).
    fn v6_only_for(&self, message: &Message) -> Option<Duration> {
        let wanted = message.options.get(code::PARAMETER_REQUESTS)?;
        self.config
            .v6_only
            .filter(|_| wanted.contains(&code::V6_ONLY))
    }

    /// A NAK (RFC 2131, table 3).
    fn refuse(&self, message: &Message, why: &str) -> Reply {
        let mut reply = self.answer(MessageType::Nak, message);
        reply.options.push(code::MESSAGE, why.as_bytes());
        Reply::refusing(message, reply)
    }

    fn answer(&self, kind: MessageType, message: &Message) -> Message {
        let mut reply = Message::reply_to(message, kind);
        reply
            .options
            .push_addresses(code::SERVER_ID, &[self.config.subnet.router()]);
        reply
    }

    /// The parameters, in the order in which the client asks for them, but the mask before the routers (RFC 2132, 3.3).
    fn add_parameters(&self, reply: &mut Message, message: &Message) {
        let known = &self.config.known;
        let wanted: Vec<u8> = match message.options.get(code::PARAMETER_REQUESTS) {
            Some(list) if list.contains(&code::SUBNET_MASK) => {
                [&[code::SUBNET_MASK], list.as_ref()].concat()
            }
            Some(list) => list.into_owned(),
            None => known.iter().map(|(code, _)| code).collect(),
        };
        for code in wanted {
            if let Some(value) = known.get(code).filter(|_| !reply.options.contains(code)) {
                reply.options.push(code, value);
            }
        }
        for (code, value) in self.config.always.iter() {
            reply.options.push(code, value);
        }
        if let Some(value) = message.options.get(RELAY_AGENT_INFORMATION) {
            reply.options.push(RELAY_AGENT_INFORMATION, value);
        }
    }

    fn ignore(&mut self) -> Option<Reply> {
        self.counters.ignored += 1;
        None
    }
}

impl Holding {
    fn leased(&self, address: Ipv4Addr) -> Leased {
        Leased {
            address,
            mac: self.mac,
            host_name: self.host_name.clone(),
            expires_at: self.hold.until(),
        }
    }
}

fn holding(client: ClientKey, message: &Message, hold: Hold) -> Holding {
    let host_name = message
        .options
        .text(code::HOST_NAME)
        .map(|name| name.to_ascii_lowercase());
    Holding {
        client,
        mac: message.chaddr,
        host_name: host_name.filter(|name| is_label(name)),
        hold,
    }
}

/// RFC 1123, 2.1: letters, digits and hyphens, 1 to 63, no hyphen at an end.
fn is_label(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

#[cfg(test)]
mod tests;
