//! What an audit sends, when it may: a question for each protocol, from a host that does not exist otherwise.
//!
//! Its MAC is made up (locally administered), and with it its link-local address; nothing of it stands in the kernel. Servers that
//! have an answer for it ask for its hardware address first (RFC 4861, 7.2.2), so these questions are answered here. It takes no
//! lease: a DHCPDISCOVER and a SOLICIT without rapid commit bind nothing (RFC 2131, 3.1; RFC 9915, 18.3.1).

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use lanherd_dhcp::{Message, MessageType, code};
use lanherd_dhcp6::{self as dhcp6, Duid, Ia, IaKind};
use lanherd_ndp::packet::solicited_node;
use lanherd_ndp::{Body, Message as NdMessage, NdOption, NeighbourAdvertisement, Packet};
use lanherd_net::frame::to_server;
use lanherd_types::identity::Mac;

/// What is asked for: mask, routers, name servers, domain, MTU, lease time, T1, T2, search list, routes, IPv6-only.
const DHCP_REQUESTS: [u8; 11] = [1, 3, 6, 15, 26, 51, 58, 59, 108, 119, 121];
/// What is asked for of servers of addresses: name servers, search list, `SOL_MAX_RT`; and of others: when to ask again,
/// `INF_MAX_RT` (RFC 9915, 21.7).
const SOLICIT_REQUESTS: [u16; 3] = [23, 24, 82];
const INFORMATION_REQUESTS: [u16; 4] = [23, 24, 32, 83];
/// The `IAID`; there is one association of each kind.
const IAID: u32 = 1;

/// The part of a number that a `DHCPv6` transaction has: 24 bits (RFC 9915, 8).
const fn transaction(number: u32) -> u32 {
    number & 0x00ff_ffff
}

/// The host that asks.
#[derive(Debug, Clone)]
pub struct Solicitor {
    mac: Mac,
    xid: u32,
}

impl Solicitor {
    /// One whose MAC and transaction numbers are drawn from `rng`.
    pub fn new(rng: &mut fastrand::Rng) -> Self {
        let mut mac = [0; 6];
        rng.fill(&mut mac);
        // Locally administered, unicast (IEEE 802, 8.4).
        mac[0] = 0x02;
        Self {
            mac: Mac(mac),
            xid: rng.u32(..),
        }
    }

    /// The MAC that it asks with.
    pub const fn mac(&self) -> Mac {
        self.mac
    }

    /// Its link-local address: `fe80::/64` and the modified EUI-64 of its MAC (RFC 4291, appendix A).
    pub fn link_local(&self) -> Ipv6Addr {
        let mac = self.mac.octets();
        let mut octets = [0; 16];
        octets[..2].copy_from_slice(&[0xfe, 0x80]);
        octets[8..11].copy_from_slice(&mac[..3]);
        octets[8] ^= 0x02;
        octets[11..13].copy_from_slice(&[0xff, 0xfe]);
        octets[13..].copy_from_slice(&mac[3..]);
        octets.into()
    }

    /// Its client identifier: hardware type and address (RFC 2132, 9.14).
    pub fn client_id(&self) -> [u8; 7] {
        let mut identifier = [1; 7];
        identifier[1..].copy_from_slice(&self.mac.octets());
        identifier
    }

    /// Whether a server's message answers this host.
    pub fn has_asked(&self, answer: &Message) -> bool {
        answer.chaddr == self.mac && answer.xid == self.xid
    }

    /// Whether a server's `DHCPv6` message answers this host.
    pub fn has_asked6(&self, answer: &dhcp6::Message) -> bool {
        let asked = [self.xid, self.xid.wrapping_add(1)];
        asked.map(transaction).contains(&answer.xid)
    }

    /// The question for routers, as a frame.
    pub(crate) fn router_solicitation(&self) -> Option<Vec<u8>> {
        Packet::router_solicitation(self.mac, self.link_local()).to_frame()
    }

    /// The question for the link-layer address of a neighbour, as a frame.
    pub(crate) fn neighbour_solicitation(&self, target: Ipv6Addr) -> Option<Vec<u8>> {
        let body = Body::NeighbourSolicitation { target };
        let message = NdMessage::new(body, vec![NdOption::SourceLinkLayer(self.mac)]);
        Packet::new(self.mac, self.link_local(), solicited_node(target), message).to_frame()
    }

    /// The question for DHCP servers, as a frame.
    pub(crate) fn discover(&self) -> Option<Vec<u8>> {
        let mut message = Message::request(MessageType::Discover, self.mac, self.xid);
        // Heard by everybody, so that whoever else listens sees the same.
        message.broadcast = true;
        message
            .options
            .push(code::CLIENT_ID, self.client_id())
            .push(code::PARAMETER_REQUESTS, DHCP_REQUESTS);
        to_server(
            (self.mac, Ipv4Addr::UNSPECIFIED),
            (Mac::BROADCAST, Ipv4Addr::BROADCAST),
            &message.encode(),
        )
    }

    /// The question for servers of addresses, as a frame, so long after the first of its kind.
    pub(crate) fn solicit(&self, elapsed: Duration) -> Option<Vec<u8>> {
        let mut message = dhcp6::Message::new(dhcp6::MessageType::Solicit, transaction(self.xid));
        message.options.push_ia(&Ia::new(IaKind::Addresses, IAID));
        self.to_dhcp6_servers(message, &SOLICIT_REQUESTS, elapsed)
    }

    /// The question for servers of anything else, likewise: where the O flag alone is advertised, a server may answer nothing but this
    /// (RFC 9915, 18.3.6).
    pub(crate) fn request_information(&self, elapsed: Duration) -> Option<Vec<u8>> {
        let kind = dhcp6::MessageType::InformationRequest;
        let message = dhcp6::Message::new(kind, transaction(self.xid.wrapping_add(1)));
        self.to_dhcp6_servers(message, &INFORMATION_REQUESTS, elapsed)
    }

    fn to_dhcp6_servers(
        &self,
        mut message: dhcp6::Message,
        requests: &[u16],
        elapsed: Duration,
    ) -> Option<Vec<u8>> {
        // In hundredths of a second (RFC 9915, 21.9).
        let elapsed = u16::try_from(elapsed.as_millis() / 10).unwrap_or(u16::MAX);
        message
            .options
            .push(
                dhcp6::code::CLIENT_ID,
                Duid::link_layer(self.mac).as_bytes(),
            )
            .push(dhcp6::code::ELAPSED_TIME, elapsed.to_be_bytes())
            .push_requests(requests);
        crate::dhcp6::to_servers((self.mac, self.link_local()), &message.encode().ok()?)
    }

    /// The answer to whoever asks for this host's hardware address; `None`: nobody does.
    pub fn answer(&self, question: &Packet) -> Option<Vec<u8>> {
        let Body::NeighbourSolicitation { target } = question.message.body else {
            return None;
        };
        if target != self.link_local() || question.source.is_unspecified() {
            return None;
        }
        let body = Body::NeighbourAdvertisement(NeighbourAdvertisement {
            router: false,
            solicited: true,
            override_: true,
            target,
        });
        let message = NdMessage::new(body, vec![NdOption::TargetLinkLayer(self.mac)]);
        let mut packet = Packet::new(self.mac, target, question.source, message);
        packet.destination_mac = question.source_mac;
        packet.to_frame()
    }
}

#[cfg(test)]
mod tests {
    use lanherd_net::frame::dhcp_client;

    use super::*;

    fn solicitor() -> Solicitor {
        Solicitor::new(&mut fastrand::Rng::with_seed(7))
    }

    // RFC 4291, appendix A.
    #[test]
    fn the_link_local_address_is_made_of_the_mac() {
        let solicitor = Solicitor {
            mac: Mac([0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee]),
            xid: 1,
        };
        let expected: Ipv6Addr = "fe80::aa:bbff:fecc:ddee".parse().expect("an address");
        assert_eq!(solicitor.link_local(), expected);
    }

    #[test]
    fn the_questions_are_whole_frames_of_one_host_that_is_locally_administered() {
        let solicitor = solicitor();
        let questions: Vec<Vec<u8>> = [
            solicitor.router_solicitation(),
            solicitor.discover(),
            solicitor.solicit(Duration::ZERO),
            solicitor.request_information(Duration::ZERO),
        ]
        .into_iter()
        .map(|frame| frame.expect("a frame"))
        .collect();
        assert_eq!(solicitor.mac().octets()[0] & 0b11, 0b10);
        for frame in &questions {
            assert_eq!(frame[6..12], solicitor.mac().octets());
        }
        let asked = Packet::from_frame(&questions[0]).expect("neighbour discovery");
        assert_eq!(asked.message.body, Body::RouterSolicitation);
        assert_eq!(dhcp_client(&questions[1]), Some(solicitor.mac()));
    }

    #[test]
    fn only_a_question_for_its_own_address_is_answered() {
        let solicitor = solicitor();
        let router = Mac([2, 0, 0, 0, 0, 1]);
        let fe80: Ipv6Addr = "fe80::1".parse().expect("an address");
        let ask = |target, source| {
            let message = NdMessage::new(Body::NeighbourSolicitation { target }, Vec::new());
            let packet = Packet::new(router, source, target, message);
            solicitor.answer(&packet)
        };
        let answer = ask(solicitor.link_local(), fe80).expect("an answer");
        let answer = Packet::from_frame(&answer).expect("neighbour discovery");
        assert_eq!(answer.destination_mac, Some(router));
        assert_eq!(answer.message.target_link_layer(), Some(solicitor.mac()));
        assert_eq!(ask(fe80, fe80), None);
        // Duplicate address detection by another is for its holder, which this host is not for longer than the audit.
        assert_eq!(ask(solicitor.link_local(), Ipv6Addr::UNSPECIFIED), None);
    }
}
