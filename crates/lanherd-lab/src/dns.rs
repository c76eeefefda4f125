//! The lab's DNS responder (RFC 1035): pure, a query in, an answer out.
//!
//! It knows the well-known names of the aliases, the router's, the web server's, and every client's by its host name. To the rest of the
//! world it says that there is no such name: nothing is ever asked of another server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use simple_dns::rdata::{A, AAAA, PTR, RData};
use simple_dns::{CLASS, Name, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, RCODE, ResourceRecord};

use super::LabConfig;
use super::dhcp::Server;
use super::ipv6::{Ipv6Config, Ipv6Router};

/// Names that the well-known resolvers have on the real internet, and those of web sites (RFC 2606, 3).
const WELL_KNOWN: [(&str, IpAddr); 14] = [
    ("dns.google", IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8))),
    ("dns.google", IpAddr::V4(Ipv4Addr::new(8, 8, 4, 4))),
    ("dns.google", IpAddr::V6(Ipv6Config::GOOGLE)),
    (
        "dns.google",
        IpAddr::V6(Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8844)),
    ),
    ("one.one.one.one", IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1))),
    ("one.one.one.one", IpAddr::V4(Ipv4Addr::new(1, 0, 0, 1))),
    ("one.one.one.one", IpAddr::V6(Ipv6Config::CLOUDFLARE)),
    (
        "one.one.one.one",
        IpAddr::V6(Ipv6Addr::new(0x2606, 0x4700, 0x4700, 0, 0, 0, 0, 0x1001)),
    ),
    ("www.example.com", IpAddr::V4(LabConfig::WEB)),
    ("www.example.com", IpAddr::V6(Ipv6Config::WEB)),
    ("www.example.org", IpAddr::V4(LabConfig::WEB)),
    ("www.example.org", IpAddr::V6(Ipv6Config::WEB)),
    ("ipv4.example.com", IpAddr::V4(LabConfig::WEB)),
    ("ipv6.example.com", IpAddr::V6(Ipv6Config::WEB)),
];
/// The name by which hosts find the prefix of a NAT64, and its addresses (RFC 7050, 8).
const IPV4_ONLY: (&str, [Ipv4Addr; 2]) = (
    "ipv4only.arpa",
    [Ipv4Addr::new(192, 0, 0, 170), Ipv4Addr::new(192, 0, 0, 171)],
);
/// How long answers may be remembered, in seconds: not for long, as clients come and go.
const TTL: u32 = 10;
/// The fixed fields of a message (RFC 1035, 4.1.1), in bytes.
const HEADER_LEN: usize = 12;

/// The names that do not come from leases.
#[derive(Debug, Clone)]
pub struct Zone {
    fixed: Vec<(String, IpAddr)>,
    /// The router's name: of its IPv6 addresses it has those of now.
    router: String,
    domain: Option<String>,
}

impl Zone {
    /// The names of a lab.
    pub fn new(config: &LabConfig) -> Self {
        let domain = config
            .domain
            .as_deref()
            .map(|domain| domain.trim_matches('.').to_ascii_lowercase());
        let here = |host: &str| match &domain {
            Some(domain) => format!("{host}.{domain}"),
            None => host.to_owned(),
        };
        // Of several names, an address has the first.
        let own = [
            (here("router"), IpAddr::V4(config.subnet().router())),
            (here("www"), IpAddr::V4(LabConfig::WEB)),
            (here("www"), IpAddr::V6(Ipv6Config::WEB)),
            (here("sink"), IpAddr::V4(LabConfig::SINK)),
            (here("sink"), IpAddr::V6(Ipv6Config::SINK)),
        ];
        let known = WELL_KNOWN.map(|(name, address)| (name.to_owned(), address));
        let is_there = |(_, address): &(String, IpAddr)| match address {
            IpAddr::V4(address) => {
                *address == config.subnet().router() || config.aliases.contains(address)
            }
            IpAddr::V6(address) => {
                let ipv6 = config.ipv6.as_ref();
                ipv6.is_some_and(|ipv6| ipv6.aliases.contains(address))
            }
        };
        let router = here("router");
        let has_nat64 = config
            .ipv6
            .as_ref()
            .is_some_and(|ipv6| ipv6.pref64.is_some());
        let (name, addresses) = IPV4_ONLY;
        let only = addresses.map(|address| (name.to_owned(), IpAddr::V4(address)));
        let only = only.into_iter().filter(|_| has_nat64);
        let fixed = own.into_iter().chain(known).filter(is_there);
        let fixed = fixed.chain(only).collect();
        Self {
            fixed,
            router,
            domain,
        }
    }

    /// The answer to `query`; `None` where there is to be none: it is no query at all.
    pub fn answer(&self, query: &[u8], server: &Server) -> Option<Vec<u8>> {
        self.answer_with(query, Hosts::of(server))
    }

    /// The same, with the IPv6 addresses of the router and of clients.
    pub(super) fn answer_with(&self, query: &[u8], hosts: Hosts<'_>) -> Option<Vec<u8>> {
        respond(query, |question| self.resolve(question, hosts))
    }

    /// The answer of a resolver that does not look for one; `None` as in [`Self::answer`].
    pub(super) fn fail(query: &[u8], rcode: RCODE) -> Option<Vec<u8>> {
        respond(query, |query| {
            let mut reply = reply_to(&query);
            *reply.rcode_mut() = rcode;
            reply.questions = query.questions;
            reply
        })
    }

    fn resolve<'q>(&self, query: Packet<'q>, hosts: Hosts<'_>) -> Packet<'q> {
        let mut reply = reply_to(&query);
        reply.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
        let Some(question) = query.questions.into_iter().next() else {
            *reply.rcode_mut() = RCODE::FormatError;
            return reply;
        };
        if !matches!(question.qclass, QCLASS::CLASS(CLASS::IN) | QCLASS::ANY) {
            *reply.rcode_mut() = RCODE::NotImplemented;
            reply.questions.push(question);
            return reply;
        }
        let name = question.qname.to_string().to_ascii_lowercase();
        let mut known = self.look_up(&name, hosts);
        if hosts.knows_no_ipv6 {
            known.retain(|data| !matches!(data, RData::AAAA(_)));
        } else {
            translate(&mut known, hosts);
        }
        if known.is_empty() {
            *reply.rcode_mut() = RCODE::NameError;
        }
        reply.answers = known
            .into_iter()
            .filter(|data| match question.qtype {
                QTYPE::ANY => true,
                QTYPE::TYPE(kind) => data.type_code() == kind,
                _ => false,
            })
            .map(|data| ResourceRecord::new(question.qname.clone(), CLASS::IN, TTL, data))
            .collect();
        reply.questions.push(question);
        reply
    }

    /// All records of `name`, which is in lower case.
    fn look_up(&self, name: &str, hosts: Hosts<'_>) -> Vec<RData<'static>> {
        if let Some(address) = reverse(name) {
            let pointer = self
                .name_of(address, hosts)
                .map(|name| Name::new(&name).map(Name::into_owned));
            return pointer
                .and_then(Result::ok)
                .map(|name| RData::PTR(PTR(name)))
                .into_iter()
                .collect();
        }
        let fixed = self
            .fixed
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, address)| *address);
        let host = match &self.domain {
            Some(domain) => name
                .strip_suffix(domain.as_str())
                .and_then(|rest| rest.strip_suffix('.')),
            None => Some(name),
        };
        let router = (name == self.router).then(|| routers(hosts));
        let hosts = host.map(|host| hosts_called(host, hosts));
        let beside = router
            .into_iter()
            .flatten()
            .chain(hosts.into_iter().flatten());
        fixed
            .chain(beside)
            .map(|address| match address {
                IpAddr::V4(address) => RData::A(A::from(address)),
                IpAddr::V6(address) => RData::AAAA(AAAA::from(address)),
            })
            .collect()
    }

    fn name_of(&self, address: IpAddr, hosts: Hosts<'_>) -> Option<String> {
        if let Some((name, _)) = self.fixed.iter().find(|(_, known)| *known == address) {
            return Some(name.clone());
        }
        if routers(hosts).contains(&address) {
            return Some(self.router.clone());
        }
        let Hosts { server, ipv6, .. } = hosts;
        let host = match address {
            IpAddr::V4(address) => server.host_name(address)?.to_owned(),
            IpAddr::V6(address) => {
                let ipv6 = ipv6?;
                let mac = ipv6.holder(address)?;
                let leased = server.leases().find(|lease| lease.mac == mac);
                let leased = leased.and_then(|lease| lease.host_name);
                let own = || ipv6.name_of(address).map(str::to_owned);
                leased.or_else(own)?
            }
        };
        Some(match &self.domain {
            Some(domain) => format!("{host}.{domain}"),
            None => host,
        })
    }
}

/// What is known of the LAN's hosts: by the DHCP server, and by IPv6.
#[derive(Clone, Copy)]
pub(super) struct Hosts<'a> {
    pub(super) server: &'a Server,
    pub(super) ipv6: Option<&'a Ipv6Router>,
    /// Whether no IPv6 address is told.
    pub(super) knows_no_ipv6: bool,
}

impl<'a> Hosts<'a> {
    /// Those of IPv4 alone.
    const fn of(server: &'a Server) -> Self {
        Self {
            server,
            ipv6: None,
            knows_no_ipv6: false,
        }
    }
}

/// Makes up AAAA records for a name that has none, where the lab is to.
// By RFC 6147 (5.1): AAAA records are made of A records where there are no others.
fn translate(known: &mut Vec<RData<'static>>, hosts: Hosts<'_>) {
    if known.iter().any(|data| matches!(data, RData::AAAA(_))) {
        return;
    }
    let made_up: Vec<_> = known
        .iter()
        .filter_map(|data| match data {
            RData::A(a) => hosts.ipv6?.made_up(Ipv4Addr::from(a.address)),
            _ => None,
        })
        .collect();
    known.extend(made_up.into_iter().map(|it| RData::AAAA(AAAA::from(it))));
}

/// The router's own IPv6 addresses.
fn routers(hosts: Hosts<'_>) -> Vec<IpAddr> {
    let addresses = hosts.ipv6.map(Ipv6Router::global_addresses);
    addresses.into_iter().flatten().map(IpAddr::from).collect()
}

/// The addresses of the client that gave this host name.
fn hosts_called(host: &str, hosts: Hosts<'_>) -> Vec<IpAddr> {
    let Hosts { server, ipv6, .. } = hosts;
    let leased = server.with_host_name(host);
    let by_lease = leased.and_then(|address| server.holder(address));
    let by_name = ipv6.and_then(|ipv6| ipv6.called(host));
    let by_name = by_name.filter(|mac| by_lease != Some(*mac));
    let mut addresses: Vec<_> = leased.map(IpAddr::from).into_iter().collect();
    for mac in by_lease.into_iter().chain(by_name) {
        let heard = ipv6.map(|ipv6| ipv6.addresses_of(mac));
        addresses.extend(heard.into_iter().flatten().map(IpAddr::from));
    }
    addresses
}

/// Lets `resolve` answer what is a question; what is none is answered as such, or not at all.
fn respond<'q>(query: &'q [u8], resolve: impl FnOnce(Packet<'q>) -> Packet<'q>) -> Option<Vec<u8>> {
    let header = query.get(..HEADER_LEN)?;
    // An answer to an answer would go on for ever.
    if header[2] & 0x80 != 0 {
        return None;
    }
    let id = u16::from_be_bytes([header[0], header[1]]);
    // The counts are looked at before they are believed: one question, no answers, at most an OPT record.
    let [questions, answers, authorities, extra] =
        [4, 6, 8, 10].map(|at| u16::from_be_bytes([header[at], header[at + 1]]));
    let reply = match Packet::parse(query) {
        _ if (questions, answers, authorities) != (1, 0, 0) || extra > 1 => {
            bare(id, header, RCODE::FormatError)
        }
        Err(_) => bare(id, header, RCODE::FormatError),
        Ok(packet) if packet.opcode() != OPCODE::StandardQuery => {
            bare(id, header, RCODE::NotImplemented)
        }
        Ok(packet) => resolve(packet),
    };
    reply.build_bytes_vec_compressed().ok()
}

/// An answer that says nothing yet.
fn reply_to<'q>(query: &Packet<'q>) -> Packet<'q> {
    let mut reply = Packet::new_reply(query.id());
    reply.set_flags(PacketFlag::RECURSION_AVAILABLE);
    if query.has_flags(PacketFlag::RECURSION_DESIRED) {
        reply.set_flags(PacketFlag::RECURSION_DESIRED);
    }
    reply
}

/// The address in `4.3.2.1.in-addr.arpa` (RFC 1035, 3.5), or in the 32 digits before `ip6.arpa` (RFC 3596, 2.5).
fn reverse(name: &str) -> Option<IpAddr> {
    if let Some(address) = name.strip_suffix(".in-addr.arpa") {
        let [a, b, c, d] = address.parse::<Ipv4Addr>().ok()?.octets();
        return Some(Ipv4Addr::new(d, c, b, a).into());
    }
    let digits = name.strip_suffix(".ip6.arpa")?.split('.');
    let digit = |text: &str| match text.as_bytes() {
        [digit] => char::from(*digit).to_digit(16),
        _ => None,
    };
    let digits: Vec<u32> = digits.rev().map(digit).collect::<Option<_>>()?;
    let bits = digits
        .iter()
        .fold(0_u128, |bits, digit| bits << 4 | u128::from(*digit));
    (digits.len() == 32).then(|| Ipv6Addr::from_bits(bits).into())
}

/// An answer that is nothing but a refusal.
fn bare<'q>(id: u16, header: &[u8], rcode: RCODE) -> Packet<'q> {
    let mut reply = Packet::new_reply(id);
    if header[2] & 1 != 0 {
        reply.set_flags(PacketFlag::RECURSION_DESIRED);
    }
    *reply.rcode_mut() = rcode;
    reply
}

#[cfg(test)]
mod tests;
