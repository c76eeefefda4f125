//! What DHCPv6 servers say, and what of it breaks a requirement.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::time::Duration;

use lanherd_dhcp6::{
    Duid, Ia, Message, MessageType, Parameters, RemarkReason, Status, StatusCode, code,
};
use lanherd_net::frame6::{Ends6, dhcp6_frame};
use lanherd_net::lan::ipv6::Packet6;
use lanherd_types::identity::Mac;

use crate::breach::Breaches;
use crate::dhcp::MAX_SERVERS;
use crate::requirement::{self as req, Requirement};
use crate::solicitor::Solicitor;

/// `All_DHCP_Relay_Agents_and_Servers` (RFC 9915, 7.1).
const SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);

/// The frame that carries `message` from a client to all servers of the link; `None`: it is too long for one.
pub(crate) fn to_servers((mac, source): (Mac, Ipv6Addr), message: &[u8]) -> Option<Vec<u8>> {
    dhcp6_frame(&Ends6::to_group(mac, source, SERVERS), message)
}

/// One server: all messages with one server identifier.
#[derive(Debug)]
pub(crate) struct Dhcp6ServerLog {
    pub(crate) name: String,
    pub(crate) duid: Option<Duid>,
    /// How many messages of each type.
    pub(crate) messages: BTreeMap<MessageType, u64>,
    /// Whether it has leased or offered an address or a prefix.
    pub(crate) leases: bool,
    /// What is leased, of the latest that has anything.
    pub(crate) associations: Vec<Ia>,
    pub(crate) parameters: Parameters,
    /// The latest status, where it is no success.
    pub(crate) status: Option<Status>,
}

/// All DHCPv6 servers that were heard.
#[derive(Debug, Default)]
pub(crate) struct Dhcp6Servers {
    pub(crate) seen: BTreeMap<(Option<Vec<u8>>, Mac), Dhcp6ServerLog>,
}

impl Dhcp6Servers {
    /// Takes a message to a client.
    pub(crate) fn hear(
        &mut self,
        at: Duration,
        packet: &Packet6,
        solicitor: &Solicitor,
        breaches: &mut Breaches,
    ) {
        let (mac, source) = (packet.link_source, packet.source);
        let sender = format!("{source} ({mac})");
        let message = match Message::decode(packet.content()) {
            Ok(message) => message,
            Err(error) => {
                breaches.add(at, &req::DHCP6_READABLE, &sender, error.as_str(), || {
                    error.to_string()
                });
                return;
            }
        };
        let duid = message.options.duid(code::SERVER_ID);
        let key = (duid.as_ref().map(|duid| duid.as_bytes().to_vec()), mac);
        if self.seen.len() >= MAX_SERVERS && !self.seen.contains_key(&key) {
            return;
        }
        let server = self.seen.entry(key).or_insert_with(|| Dhcp6ServerLog {
            name: sender,
            duid,
            messages: BTreeMap::new(),
            leases: false,
            associations: Vec::new(),
            parameters: Parameters::default(),
            status: None,
        });
        *server.messages.entry(message.message_type).or_default() += 1;
        let check = Dhcp6Check {
            at,
            name: &server.name,
            message: &message,
        };
        check.identifiers(solicitor, breaches);
        check.options(breaches);
        let associations: Vec<Ia> = message.options.ias().collect();
        check.associations(&associations, breaches);
        let (parameters, remarks) = Parameters::read(&message.options);
        for remark in remarks {
            if remark.reason.is_malformed() {
                check.breach(
                    breaches,
                    &req::DHCP6_OPTION,
                    remark.option.to_string(),
                    || remark.to_string(),
                );
            }
        }
        server.parameters = parameters;
        let statuses = associations
            .iter()
            .map(Ia::status)
            .chain([message.options.status()]);
        server.status = statuses
            .into_iter()
            .find(|status| status.code != StatusCode::Success);
        let is_leased = |ia: &Ia| {
            ia.addresses().any(|address| address.valid > 0)
                || ia.prefixes().any(|prefix| prefix.valid > 0)
        };
        if associations.iter().any(is_leased) {
            server.leases = true;
            server.associations = associations;
        }
    }
}

/// One message of a server, as it is looked at.
struct Dhcp6Check<'a> {
    at: Duration,
    name: &'a str,
    message: &'a Message,
}

impl Dhcp6Check<'_> {
    fn breach(
        &self,
        breaches: &mut Breaches,
        requirement: &Requirement,
        kind: impl Into<String>,
        what: impl FnOnce() -> String,
    ) {
        let word = self.message.message_type.as_str().to_uppercase();
        breaches.add(self.at, requirement, self.name, kind, || {
            format!("{word}: {}", what())
        });
    }

    fn identifiers(&self, solicitor: &Solicitor, breaches: &mut Breaches) {
        let options = &self.message.options;
        if options.duid(code::SERVER_ID).is_none() {
            self.breach(breaches, &req::DHCP6_IDENTIFIERS, "2", || {
                "option 2, the server identifier, is missing or malformed".to_owned()
            });
        }
        let own = Duid::link_layer(solicitor.mac());
        if solicitor.has_asked6(self.message)
            && options.get(code::CLIENT_ID) != Some(own.as_bytes())
        {
            self.breach(breaches, &req::DHCP6_IDENTIFIERS, "1", || {
                "option 1 is missing, or not the client identifier that was sent".to_owned()
            });
        }
    }

    fn options(&self, breaches: &mut Breaches) {
        for remark in self.message.notes.malformed() {
            let requirement = match remark.reason {
                RemarkReason::Lifetimes => &req::DHCP6_LIFETIMES,
                RemarkReason::Timers => &req::DHCP6_TIMERS,
                _ => &req::DHCP6_OPTION,
            };
            let kind = format!("{:?} {} {}", remark.inside, remark.option, remark.reason);
            self.breach(breaches, requirement, kind, || remark.to_string());
        }
    }

    fn associations(&self, associations: &[Ia], breaches: &mut Breaches) {
        for ia in associations {
            let place = |offset: Option<usize>| {
                offset.map_or_else(String::new, |offset| format!(" at byte {offset}"))
            };
            let (t1, t2) = (ia.t1, ia.t2);
            if t1 > t2 && t2 > 0 {
                self.breach(breaches, &req::DHCP6_TIMERS, ia.kind.as_str(), || {
                    format!(
                        "option {}{}: T1 {t1} s, T2 {t2} s",
                        ia.kind.code(),
                        place(ia.offset)
                    )
                });
            }
            let addresses = ia.addresses().map(|held| {
                (
                    held.address.to_string(),
                    held.preferred,
                    held.valid,
                    held.offset,
                )
            });
            let prefixes = ia.prefixes().map(|held| {
                (
                    held.prefix.to_string(),
                    held.preferred,
                    held.valid,
                    held.offset,
                )
            });
            for (held, preferred, valid, offset) in addresses.chain(prefixes) {
                if preferred > valid {
                    self.breach(breaches, &req::DHCP6_LIFETIMES, &held, || {
                        format!(
                            "{held}{} is preferred for {preferred} s and valid for {valid} s",
                            place(offset)
                        )
                    });
                }
            }
        }
    }
}
