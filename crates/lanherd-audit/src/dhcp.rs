//! What DHCP servers say, and what of it breaks a requirement.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use lanherd_dhcp::{Ignored, Lease, Message, MessageType, Op, code};
use lanherd_net::frame::DhcpDatagram;
use lanherd_types::identity::Mac;

use crate::breach::Breaches;
use crate::requirement::{self as req, Requirement};
use crate::solicitor::Solicitor;

/// How many servers are kept apart: a hostile host can make up any number.
pub(crate) const MAX_SERVERS: usize = 32;

/// What servers must not send (RFC 2131, table 3).
const NOT_IN_REPLIES: [u8; 3] = [
    code::REQUESTED_ADDRESS,
    code::PARAMETER_REQUESTS,
    code::MAX_MESSAGE_SIZE,
];

/// One server: all messages with one server identifier from one MAC.
#[derive(Debug)]
pub(crate) struct ServerLog {
    pub(crate) name: String,
    /// How many messages of each type.
    pub(crate) messages: BTreeMap<MessageType, u64>,
    /// The latest that offers or grants an address.
    pub(crate) latest: Option<Message>,
    /// The lease in it, as a client reads it.
    pub(crate) lease: Option<Lease>,
}

/// All DHCPv4 servers that were heard.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    pub(crate) seen: BTreeMap<(Option<Ipv4Addr>, Mac), ServerLog>,
}

impl Servers {
    /// Takes a message to a client.
    pub(crate) fn hear(
        &mut self,
        at: Duration,
        datagram: &DhcpDatagram<'_>,
        solicitor: &Solicitor,
        breaches: &mut Breaches,
    ) {
        let mac = datagram.source;
        let message = match Message::decode(datagram.payload) {
            Ok(message) => message,
            Err(error) => {
                breaches.add(
                    at,
                    &req::DHCP_READABLE,
                    &mac.to_string(),
                    error.as_str(),
                    || error.to_string(),
                );
                return;
            }
        };
        if message.op != Op::Reply {
            return;
        }
        let address = message.options.address(code::SERVER_ID);
        let key = (address, mac);
        if self.seen.len() >= MAX_SERVERS && !self.seen.contains_key(&key) {
            return;
        }
        let server = self.seen.entry(key).or_insert_with(|| ServerLog {
            name: match address {
                Some(address) => format!("{address} ({mac})"),
                None => mac.to_string(),
            },
            messages: BTreeMap::new(),
            latest: None,
            lease: None,
        });
        let check = Check {
            at,
            name: server.name.clone(),
            message: &message,
        };
        check.options(breaches);
        let Some(kind) = message.message_type() else {
            check.breach(breaches, &req::DHCP_MESSAGE_TYPE, "", || {
                "option 53 is missing".to_owned()
            });
            return;
        };
        *server.messages.entry(kind).or_default() += 1;
        if solicitor.has_asked(&message) {
            check.answer_to_us(datagram, solicitor, breaches);
        }
        let grants = match kind {
            MessageType::Offer => true,
            // The answer to an INFORM has neither an address nor a lease time (RFC 2131, 4.3.5).
            MessageType::Ack => !message.yiaddr.is_unspecified(),
            MessageType::Nak => {
                check.server_id(breaches);
                false
            }
            _ => false,
        };
        if grants {
            server.lease = check.lease(breaches);
            server.latest = Some(message);
        }
    }
}

/// One message of a server, as it is looked at.
struct Check<'a> {
    at: Duration,
    name: String,
    message: &'a Message,
}

impl Check<'_> {
    fn breach(
        &self,
        breaches: &mut Breaches,
        requirement: &Requirement,
        kind: impl Into<String>,
        what: impl FnOnce() -> String,
    ) {
        let word = self
            .message
            .message_type()
            .map_or("message", MessageType::as_str);
        breaches.add(self.at, requirement, &self.name, kind, || {
            format!("{}: {}", word.to_uppercase(), what())
        });
    }

    /// What holds for the options of all messages of servers.
    fn options(&self, breaches: &mut Breaches) {
        let Self { message, .. } = self;
        for remark in message.notes.malformed() {
            self.breach(
                breaches,
                &req::DHCP_OPTION,
                remark.option.to_string(),
                || remark.to_string(),
            );
        }
        for option in NOT_IN_REPLIES {
            if message.options.contains(option) {
                self.breach(
                    breaches,
                    &req::DHCP_NOT_IN_REPLY,
                    option.to_string(),
                    || format!("option {option}{}", self.place(option)),
                );
            }
        }
        let position = |wanted: u8| message.options.iter().position(|(code, _)| code == wanted);
        if let (Some(mask), Some(routers)) = (position(code::SUBNET_MASK), position(code::ROUTERS))
            && routers < mask
        {
            self.breach(breaches, &req::DHCP_MASK_FIRST, "", || {
                format!(
                    "option 3{} comes before option 1{}",
                    self.place(code::ROUTERS),
                    self.place(code::SUBNET_MASK)
                )
            });
        }
    }

    fn place(&self, option: u8) -> String {
        let offset = self.message.notes.offset(option);
        offset.map_or_else(String::new, |offset| format!(" at byte {offset}"))
    }

    fn server_id(&self, breaches: &mut Breaches) {
        if self.message.options.address(code::SERVER_ID).is_none() {
            self.breach(breaches, &req::DHCP_SERVER_ID, "", || {
                "option 54 is missing or malformed".to_owned()
            });
        }
    }

    /// An answer to what we have sent ourselves, of which we know what it answers.
    fn answer_to_us(
        &self,
        datagram: &DhcpDatagram<'_>,
        solicitor: &Solicitor,
        breaches: &mut Breaches,
    ) {
        if datagram.destination != Mac::BROADCAST {
            self.breach(breaches, &req::DHCP_BROADCAST, "", || {
                format!("it is for {}", datagram.destination)
            });
        }
        let echoed = self.message.options.get(code::CLIENT_ID);
        if echoed.as_deref() != Some(&solicitor.client_id()[..]) {
            self.breach(breaches, &req::DHCP_CLIENT_ID, "", || match echoed {
                None => "option 61 is missing".to_owned(),
                Some(_) => format!(
                    "option 61{} is not the one that was sent",
                    self.place(code::CLIENT_ID)
                ),
            });
        }
    }

    /// What an offered or granted address comes with; `None`: no client can use it.
    fn lease(&self, breaches: &mut Breaches) -> Option<Lease> {
        let Self { message, .. } = self;
        // Neither the moment nor the fuzz of T1 and T2 is looked at.
        let read = Lease::from_ack(message, Instant::now(), &mut fastrand::Rng::with_seed(0));
        let grant = match read {
            Ok(grant) => grant,
            Err(reason) => {
                self.refused(reason, breaches);
                return None;
            }
        };
        for remark in &grant.remarks {
            // Of T1 and T2 more can be told, below.
            let is_timer = matches!(remark.option, code::RENEWAL_TIME | code::REBINDING_TIME);
            if remark.reason.is_malformed() && !is_timer {
                let kind = format!("{} {}", remark.option, remark.reason);
                self.breach(breaches, &req::DHCP_OPTION, kind, || remark.to_string());
            }
        }
        if !message.options.contains(code::SUBNET_MASK) {
            self.breach(breaches, &req::DHCP_MASK, "", || {
                format!(
                    "option 1 is missing: {} becomes a /{}",
                    grant.lease.address, grant.lease.prefix_len
                )
            });
        }
        let network = |address: Ipv4Addr| {
            let shift = 32_u32.saturating_sub(grant.lease.prefix_len.into());
            u64::from(address.to_bits()) >> shift
        };
        for router in &grant.lease.routers {
            if network(*router) != network(grant.lease.address) {
                self.breach(breaches, &req::DHCP_ROUTER, "", || {
                    format!(
                        "option 3{} names {router}, and the address is {}/{}",
                        self.place(code::ROUTERS),
                        grant.lease.address,
                        grant.lease.prefix_len
                    )
                });
            }
        }
        self.timers(breaches);
        Some(grant.lease)
    }

    fn refused(&self, reason: Ignored, breaches: &mut Breaches) {
        let requirement = match reason {
            Ignored::NoServerId => &req::DHCP_SERVER_ID,
            Ignored::NoLeaseTime | Ignored::ZeroLeaseTime => &req::DHCP_LEASE_TIME,
            _ => &req::DHCP_ADDRESS,
        };
        self.breach(breaches, requirement, reason.as_str(), || {
            format!(
                "{} is for nobody: {}",
                self.message.yiaddr,
                reason.explain()
            )
        });
    }

    fn timers(&self, breaches: &mut Breaches) {
        let seconds = |option| self.message.options.seconds(option);
        let lease = seconds(code::LEASE_TIME).filter(|lease| *lease != u32::MAX);
        let (t1, t2) = (seconds(code::RENEWAL_TIME), seconds(code::REBINDING_TIME));
        let is_later = |early: Option<u32>, late: Option<u32>| {
            early.zip(late).is_some_and(|(early, late)| early >= late)
        };
        if is_later(t1, t2) || is_later(t2, lease) || is_later(t1, lease) {
            let text =
                |time: Option<u32>| time.map_or("none".to_owned(), |time| format!("{time} s"));
            self.breach(breaches, &req::DHCP_TIMERS, "", || {
                format!("T1 {}, T2 {}, lease {}", text(t1), text(t2), text(lease))
            });
        }
    }
}
