//! What a server tells beside addresses and prefixes: resolvers, search list, time servers, captive portal.

use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

use super::options::code;
use super::walk::suboptions;
use super::{Options, Remark, RemarkReason};
use lanherd_types::domain_name::NameList;
use lanherd_types::ipv6::is_host;

/// How many name servers, and how many time servers, are kept: more than any host asks in turn (glibc asks three).
pub const MAX_SERVERS: usize = 8;
/// How many names of a search list are kept.
pub const MAX_SEARCH_NAMES: usize = 32;
/// The longest address of a captive portal that is kept, in bytes.
const MAX_URI_LEN: usize = 2048;

/// The suboptions of option 56 (RFC 5908, 4): a server's address, a multicast group, a server's name.
const NTP_ADDRESS: u16 = 1;
const NTP_MULTICAST: u16 = 2;
const NTP_NAME: u16 = 3;

/// A time server (RFC 5908, 4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NtpServer {
    /// The address of one server.
    Address(Ipv6Addr),
    /// The group to which it sends.
    Multicast(Ipv6Addr),
    /// A name, which has to be looked up.
    Name(String),
}

/// What a server tells beside addresses and prefixes. All of it is checked: addresses are those of hosts, names have only a domain
/// name's characters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Parameters {
    /// Option 23, in the server's order of preference; at most [`MAX_SERVERS`]. Link-local ones are meant on this link.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<Ipv6Addr>,
    /// Option 24; at most [`MAX_SEARCH_NAMES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
    /// Option 31; at most [`MAX_SERVERS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sntp: Vec<Ipv6Addr>,
    /// Option 56; at most [`MAX_SERVERS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ntp: Vec<NtpServer>,
    /// Option 103: a URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captive_portal: Option<String>,
}

impl Parameters {
    /// What stands in `options`, and what of it was not used as it stands.
    pub fn read(options: &Options) -> (Self, Vec<Remark>) {
        let mut reader = Reader {
            options,
            remarks: Vec::new(),
        };
        let parameters = Self {
            dns: reader.hosts(code::DNS_SERVERS),
            search: reader.search(),
            sntp: reader.hosts(code::SNTP_SERVERS),
            ntp: reader.ntp(),
            captive_portal: reader.captive_portal(),
        };
        (parameters, reader.remarks)
    }
}

struct Reader<'a> {
    options: &'a Options,
    remarks: Vec<Remark>,
}

impl Reader<'_> {
    fn remark(&mut self, option: u16, reason: RemarkReason) {
        let is_known = |known: &Remark| (known.option, known.reason) == (option, reason);
        if !self.remarks.iter().any(is_known) {
            let found = self.options.first(option);
            self.remarks.push(Remark {
                option,
                inside: None,
                offset: found.and_then(super::DhcpOption::offset),
                length: found.map_or(0, super::DhcpOption::wire_len),
                reason,
            });
        }
    }

    fn hosts(&mut self, code: u16) -> Vec<Ipv6Addr> {
        let mut hosts = Vec::new();
        for address in self.options.addresses(code) {
            if !is_host(address) {
                self.remark(code, RemarkReason::Value);
            } else if hosts.len() == MAX_SERVERS {
                self.remark(code, RemarkReason::OverLimit);
            } else if !hosts.contains(&address) {
                hosts.push(address);
            }
        }
        hosts
    }

    // RFC 9915, 10: names in options are not compressed, and one that is no name is passed over.
    fn search(&mut self) -> Vec<String> {
        let value = self.options.get(code::DOMAIN_SEARCH).unwrap_or_default();
        let list = NameList::read_uncompressed(value, false, MAX_SEARCH_NAMES);
        if list.dropped > 0 {
            self.remark(code::DOMAIN_SEARCH, RemarkReason::Value);
        }
        if list.beyond > 0 {
            self.remark(code::DOMAIN_SEARCH, RemarkReason::OverLimit);
        }
        list.names
    }

    fn ntp(&mut self) -> Vec<NtpServer> {
        let mut servers = Vec::new();
        let value = self.options.get(code::NTP_SERVERS).unwrap_or_default();
        for (kind, value) in suboptions(value) {
            let address = || <[u8; 16]>::try_from(value).ok().map(Ipv6Addr::from);
            let server = match kind {
                NTP_ADDRESS => address()
                    .filter(|address| is_host(*address))
                    .map(NtpServer::Address),
                NTP_MULTICAST => address()
                    .filter(Ipv6Addr::is_multicast)
                    .map(NtpServer::Multicast),
                NTP_NAME => {
                    let mut list = NameList::read_uncompressed(value, false, 1);
                    list.names.pop().map(NtpServer::Name)
                }
                // Suboptions of later RFCs are passed over as options are (RFC 9915, 16).
                _ => continue,
            };
            match server {
                Some(server) if servers.len() < MAX_SERVERS => servers.push(server),
                Some(_) => self.remark(code::NTP_SERVERS, RemarkReason::OverLimit),
                None => self.remark(code::NTP_SERVERS, RemarkReason::Value),
            }
        }
        servers
    }

    /// A URI has only the visible characters of ASCII (RFC 3986, 2).
    fn captive_portal(&mut self) -> Option<String> {
        let value = self.options.get(code::CAPTIVE_PORTAL)?;
        let is_uri = value.len() <= MAX_URI_LEN && value.iter().all(u8::is_ascii_graphic);
        if !is_uri {
            self.remark(code::CAPTIVE_PORTAL, RemarkReason::Value);
            return None;
        }
        String::from_utf8(value.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: u16, value: &[u8]) -> (Parameters, Vec<(u16, RemarkReason)>) {
        let mut options = Options::new();
        options.push(code, value);
        let (parameters, remarks) = Parameters::read(&options);
        let remarks = remarks.iter().map(|it| (it.option, it.reason)).collect();
        (parameters, remarks)
    }

    fn address(text: &str) -> Ipv6Addr {
        text.parse().expect("an address")
    }

    #[test]
    fn name_servers_are_hosts_and_not_too_many() {
        let list = |texts: &[&str]| -> Vec<u8> {
            let octets = texts.iter().flat_map(|text| address(text).octets());
            octets.collect()
        };
        let value = list(&[
            "fe80::1",
            "::",
            "2001:db8::53",
            "ff02::1",
            "::1",
            "::ffff:1.2.3.4",
        ]);
        assert_eq!(
            read(code::DNS_SERVERS, &value),
            (
                Parameters {
                    dns: vec![address("fe80::1"), address("2001:db8::53")],
                    ..Parameters::default()
                },
                vec![(code::DNS_SERVERS, RemarkReason::Value)]
            )
        );
        let many: Vec<u8> = (1..=9)
            .flat_map(|host| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host).octets())
            .collect();
        let (parameters, remarks) = read(code::DNS_SERVERS, &many);
        assert_eq!(parameters.dns.len(), MAX_SERVERS);
        assert_eq!(remarks, [(code::DNS_SERVERS, RemarkReason::OverLimit)]);
    }

    // RFC 9915, 10: names in options are not compressed, and one that is no name is passed over.
    #[test]
    fn a_search_list_is_read_without_compression() {
        let (parameters, remarks) = read(code::DOMAIN_SEARCH, b"\x03lan\x04test\0\x03a b\0\x01x\0");
        assert_eq!(parameters.search, ["lan.test", "x"]);
        assert_eq!(remarks, [(code::DOMAIN_SEARCH, RemarkReason::Value)]);
        let (parameters, remarks) = read(code::DOMAIN_SEARCH, b"\x03lan\0\x01a\xc0\0");
        assert_eq!(parameters.search, ["lan"]);
        assert_eq!(remarks, [(code::DOMAIN_SEARCH, RemarkReason::Value)]);
    }

    #[test]
    fn time_servers_are_addresses_groups_and_names() {
        let mut value = Vec::new();
        for (kind, part) in [
            (1_u16, address("2001:db8::123").octets().to_vec()),
            (2, address("ff05::101").octets().to_vec()),
            (3, b"\x03ntp\x04test\0".to_vec()),
            (9, vec![1, 2, 3]),
            (1, vec![1, 2, 3]),
        ] {
            value.extend(kind.to_be_bytes());
            value.extend(u16::try_from(part.len()).expect("short").to_be_bytes());
            value.extend(part);
        }
        let (parameters, remarks) = read(code::NTP_SERVERS, &value);
        assert_eq!(
            parameters.ntp,
            [
                NtpServer::Address(address("2001:db8::123")),
                NtpServer::Multicast(address("ff05::101")),
                NtpServer::Name("ntp.test".into()),
            ]
        );
        assert_eq!(remarks, [(code::NTP_SERVERS, RemarkReason::Value)]);
    }

    #[test]
    fn a_captive_portal_is_one_line_of_visible_characters() {
        let (parameters, remarks) = read(code::CAPTIVE_PORTAL, b"https://portal.test/api");
        assert_eq!(
            parameters.captive_portal.as_deref(),
            Some("https://portal.test/api")
        );
        assert_eq!(remarks, []);
        for bad in [b"a b".as_slice(), b"a\nb", b"\xff", &[b'a'; 3000]] {
            let (parameters, remarks) = read(code::CAPTIVE_PORTAL, bad);
            assert_eq!(parameters.captive_portal, None);
            assert_eq!(remarks, [(code::CAPTIVE_PORTAL, RemarkReason::Value)]);
        }
    }
}
