//! The router's DHCPv6 on the LAN: datagrams in and out.

use std::collections::HashMap;
use std::net::Ipv6Addr;
use std::time::Instant;

use lanherd_dhcp6::{IaKind, Message, MessageType, ReconfigureKind, StatusCode, code};
use lanherd_types::domain_name::NameList;
use lanherd_types::fault::Fault;
use lanherd_types::identity::Mac;

use super::advertisement::resolvers;
use super::config::LINK_LOCAL;
use super::frames::{DhcpDatagram, to_client};
use super::router::Ipv6Router;
use crate::dhcp6::{Dhcp6Counters, Dhcp6Leased, LinkNumbers, Origin};
use crate::faults::garbage::Dhcp6Shape;
use crate::faults::{Faults, SLOW};
use crate::topology::ROUTER_MAC;

/// As many as a herd has clients.
const MOST_NAMES: usize = 1 << 16;

/// Host names that clients of DHCPv6 give (RFC 4704), in lower case.
#[derive(Debug, Default)]
pub(super) struct HostNames {
    by_name: HashMap<String, Mac>,
    by_mac: HashMap<Mac, String>,
}

impl HostNames {
    /// Keeps the first label of the name in option 39; its first byte is flags.
    fn hear(&mut self, message: &Message, mac: Mac) {
        let value = message.options.get(code::CLIENT_FQDN).unwrap_or_default();
        // By RFC 4704 (4.2): a name that is not whole has no zero at its end.
        let written = [value.get(1..).unwrap_or_default(), &[0]].concat();
        let names = NameList::read_uncompressed(&written, true, 1).names;
        let Some(name) = names.first().and_then(|name| name.split('.').next()) else {
            return;
        };
        let name = name.to_ascii_lowercase();
        if self.by_mac.get(&mac) == Some(&name) || self.by_mac.len() >= MOST_NAMES {
            return;
        }
        if let Some(before) = self.by_mac.insert(mac, name.clone()) {
            self.by_name.remove(&before);
        }
        self.by_name.insert(name, mac);
    }
}

impl Ipv6Router {
    /// A client of DHCPv6 says something.
    pub(super) fn hear_dhcp(&mut self, datagram: &DhcpDatagram, faults: &mut Faults, now: Instant) {
        if faults.is_on(Fault::Dhcp6Mute, now) {
            faults.count(Fault::Dhcp6Mute, 1);
            return;
        }
        let message = match Message::decode(datagram.message) {
            Ok(message) => message,
            Err(error) => {
                tracing::debug!(%error, "a dhcpv6 message that cannot be read");
                return;
            }
        };
        self.heard.hear(datagram.source, datagram.mac, now);
        self.names.hear(&message, datagram.mac);
        let origin = Origin {
            mac: datagram.mac,
            source: datagram.source,
            is_to_all: datagram.destination.is_multicast(),
        };
        let answer = self.answer_dhcp(&message, origin, faults, now);
        if message.message_type == MessageType::Decline {
            for declined in message
                .options
                .ias()
                .flat_map(|ia| ia.addresses().collect::<Vec<_>>())
            {
                self.heard.forget(declined.address);
            }
        }
        if let Some(answer) = answer {
            self.note_leased(&answer, datagram.mac, now);
            self.send_answer(datagram, &answer, faults, now);
        }
    }

    /// The server's answer, or what a fault puts in its place.
    fn answer_dhcp(
        &mut self,
        message: &Message,
        origin: Origin,
        faults: &mut Faults,
        now: Instant,
    ) -> Option<Message> {
        use MessageType::{Confirm, Rebind, Renew, Request, Solicit};
        let kind = message.message_type;
        let mut refused = |fault, refusal: Option<Message>| {
            let refusal = refusal.filter(|_| faults.is_on(fault, now))?;
            faults.count(fault, 1);
            Some(refusal)
        };
        let is_extension = matches!(kind, Renew | Rebind);
        let no_binding = is_extension.then(|| self.dhcp.refuse(message, StatusCode::NoBinding));
        let not_on_link = matches!(kind, Request | Confirm)
            .then(|| self.dhcp.refuse(message, StatusCode::NotOnLink));
        let is_new = matches!(kind, Solicit | Request) && !self.dhcp.knows(message);
        let exhausted = is_new.then(|| self.dhcp.refuse(message, StatusCode::NoAddrsAvail));
        let refusal = refused(Fault::Dhcp6NoBinding, no_binding)
            .or_else(|| refused(Fault::Dhcp6NotOnLink, not_on_link))
            .or_else(|| refused(Fault::Dhcp6Exhausted, exhausted));
        if refusal.is_some() {
            return refusal;
        }
        let stale = self.trouble.stale.clone();
        let mut numbers = stale.clone().unwrap_or_else(|| self.numbers());
        let wants_prefix = message.options.ias().any(|ia| ia.kind == IaKind::Prefixes);
        if wants_prefix && faults.is_on(Fault::Dhcp6NoPrefix, now) {
            numbers.delegated = None;
            faults.count(Fault::Dhcp6NoPrefix, 1);
        }
        let server = &mut self.dhcp;
        let mut answer = server.handle(message, origin, &numbers, &mut self.rng, now)?;
        if stale.is_some() && answer.options.ias().next().is_some() {
            faults.count(Fault::Dhcp6KeepsStale, 1);
        }
        if faults.is_on(Fault::Dhcp6Duplicates, now) && server.double(&mut answer, &numbers) {
            faults.count(Fault::Dhcp6Duplicates, 1);
        }
        Some(answer)
    }

    /// What is leased is where its client is, before the client has said so.
    fn note_leased(&mut self, answer: &Message, mac: Mac, now: Instant) {
        if answer.message_type != MessageType::Reply {
            return;
        }
        for ia in answer.options.ias() {
            for leased in ia.addresses().filter(|leased| leased.valid > 0) {
                self.heard.hear(leased.address, mac, now);
            }
        }
    }

    /// Puts an answer into the queue. Between the server, which is right, and the wire.
    fn send_answer(
        &mut self,
        datagram: &DhcpDatagram,
        answer: &Message,
        faults: &mut Faults,
        now: Instant,
    ) {
        let is_reply = answer.message_type == MessageType::Reply;
        if is_reply && faults.is_on(Fault::Dhcp6LostReplies, now) {
            faults.count(Fault::Dhcp6LostReplies, 1);
            return;
        }
        let mut due = now;
        if faults.is_on(Fault::Dhcp6Slow, now) {
            faults.count(Fault::Dhcp6Slow, 1);
            due += SLOW;
        }
        let mut bytes = answer.encode().ok();
        if faults.is_on(Fault::Dhcp6Garbage, now) {
            faults.count(Fault::Dhcp6Garbage, 1);
            let shape = Dhcp6Shape::ALL[self.rng.usize(..Dhcp6Shape::ALL.len())];
            bytes = bytes.map(|bytes| shape.spoil(bytes, &mut self.rng));
        }
        let frame = bytes.and_then(|bytes| datagram.answer(ROUTER_MAC, LINK_LOCAL, &bytes));
        if let Some(frame) = frame {
            self.send_frame(frame, due);
        } else {
            tracing::debug!("a dhcpv6 answer that is too long");
        }
    }

    /// Has every client that accepts it ask again.
    pub(crate) fn reconfigure(&mut self, kind: ReconfigureKind, now: Instant) {
        let kind = match kind {
            ReconfigureKind::Renew => MessageType::Renew,
            ReconfigureKind::Rebind => MessageType::Rebind,
            ReconfigureKind::InformationRequest => MessageType::InformationRequest,
        };
        for outgoing in self.dhcp.reconfigure(kind) {
            let Ok(bytes) = outgoing.message.encode() else {
                continue;
            };
            let (server, client) = ((ROUTER_MAC, LINK_LOCAL), (outgoing.mac, outgoing.to));
            if let Some(frame) = to_client(server, client, &bytes) {
                self.send_frame(frame, now);
            }
        }
    }

    /// Of what leases are made now.
    pub(super) fn numbers(&self) -> LinkNumbers {
        let delegated = self.config.dhcp.delegated;
        LinkNumbers {
            prefixes: self.numbering.current().collect(),
            // By RFC 4861 (4.2): the M flag says that there are addresses.
            has_addresses: self.config.managed,
            delegated: delegated.map(|prefix| self.numbering.now(prefix)),
            resolvers: resolvers(&self.config, &self.numbering),
        }
    }

    /// The server forgets every lease and every key.
    pub(crate) fn forget_leases(&mut self) {
        self.dhcp.forget_everything();
    }

    /// What is leased.
    pub(crate) fn leases(&self) -> Vec<Dhcp6Leased> {
        self.dhcp.leased(&self.numbers()).collect()
    }

    /// What the server has seen and done.
    pub(crate) const fn counters(&self) -> Dhcp6Counters {
        self.dhcp.counters()
    }

    /// The hardware address of the client that calls itself so, in lower case.
    pub(crate) fn called(&self, name: &str) -> Option<Mac> {
        self.names.by_name.get(name).copied()
    }

    /// What the client with that address calls itself.
    pub(crate) fn name_of(&self, address: Ipv6Addr) -> Option<&str> {
        let mac = self.heard.holder(address)?;
        self.names.by_mac.get(&mac).map(String::as_str)
    }
}
