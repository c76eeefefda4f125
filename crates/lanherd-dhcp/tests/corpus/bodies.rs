//! What the fuzz targets do with their bytes, and what must hold whatever the bytes are.
//!
//! Included by path: by the fuzz targets, and by the tests that replay seeds and try random bytes.

#![allow(dead_code, reason = "each fuzz target uses one of the two")]

mod rig;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use lanherd_dhcp::Mac;
use lanherd_dhcp::{
    Arp, ArpOp, Client, ClientId, Config, Event, Lease, Lifetime, LossReason, MAX_HOSTS,
    MAX_ROUTES, Message, MessageType, OfferPolicy, Op, Output, Transmit, Unanswered, code,
};

use self::rig::Rig;

const MAC: Mac = Mac([2, 0, 0x5e, 0x10, 0, 1]);
const RIVAL: Mac = Mac([2, 0, 0x5e, 0x10, 0, 99]);
const HOSTS: [Ipv4Addr; 4] = [
    Ipv4Addr::new(10, 0, 0, 1),
    Ipv4Addr::new(10, 0, 0, 2),
    Ipv4Addr::new(10, 0, 0, 50),
    Ipv4Addr::UNSPECIFIED,
];
/// Lease times and timers, in seconds, that are likely to be on some edge.
const SECONDS: [u32; 8] = [0, 1, 2, 60, 100, 3600, u32::MAX - 1, u32::MAX];

/// Bytes are a message or an error, and a message that was read can be written and read again.
pub fn wire(data: &[u8]) {
    let Ok(message) = Message::decode(data) else {
        return;
    };
    let noted = message.notes.malformed();
    assert!(noted.len() <= 254, "each code once");
    for remark in noted {
        let offset = remark.offset.expect("it stood in a message");
        assert_eq!(data[offset], remark.option);
        assert!(!message.options.contains(remark.option));
    }
    let bytes = message.encode();
    assert!(bytes.len() >= 300);
    let again = Message::decode(&bytes);
    assert_eq!(again.as_ref(), Ok(&message));
    assert_eq!(again.map(|again| again.notes.malformed().len()), Ok(0));
    let now = Instant::now();
    if let Ok(grant) = Lease::from_ack(&message, now, &mut fastrand::Rng::with_seed(0)) {
        check_lease(&grant.lease);
        let kinds: BTreeSet<_> = grant
            .remarks
            .iter()
            .map(|remark| (remark.option, remark.reason))
            .collect();
        assert_eq!(kinds.len(), grant.remarks.len(), "one remark for each");
    }
    for (code, _) in message.options.iter() {
        let text = message.options.text(code).unwrap_or_default();
        assert!(!text.contains(char::is_control));
        let _ = (
            message.options.addresses(code),
            message.options.seconds(code),
            message.options.short(code),
        );
    }
}

/// Bytes are a script of messages, commands and waits; a client survives it with its promises kept.
///
/// Returns the states and events that the script led to.
pub fn client(data: &[u8]) -> BTreeSet<&'static str> {
    let mut script = Script(data);
    let mut rig = Rig::new(&mut script);
    while let Some(step) = script.next() {
        match step % 20 {
            0 => rig.wait(Duration::from_millis(u64::from(script.byte()) * 50)),
            1 => rig.wait(Duration::from_secs(u64::from(script.byte()) * 60)),
            2 => rig.wait_for_timer(),
            3 => rig.sleep(Duration::from_secs(u64::from(script.byte()) * 30)),
            4 => rig.command(Client::start),
            5 => {
                let address = HOSTS[script.index(HOSTS.len())];
                rig.command(|client, now| client.reboot(address, now));
            }
            6 => rig.command(Client::renew),
            7 => rig.command(Client::rebind),
            8 => rig.command(Client::release),
            9 => {
                let length = usize::from(script.byte());
                rig.receive_bytes(script.take(length));
            }
            12 => rig.command(Client::decline),
            13 => rig.command(Client::inform),
            14 => rig.command(Client::reconnect),
            15 | 16 => {
                let arp = rig.arp(&mut script);
                rig.command(|client, now| client.handle_arp(&arp, now));
            }
            _ => {
                let reply = rig.reply(&mut script);
                let mut bytes = reply.encode();
                // Now and then one byte of it is another.
                if script.byte() > 200 {
                    let place = script.index(bytes.len());
                    bytes[place] = script.byte();
                }
                rig.receive_bytes(&bytes);
            }
        }
    }
    rig.seen
}

/// Reads bytes; zeros where there are none left.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    fn index(&mut self, length: usize) -> usize {
        usize::from(u16::from_be_bytes([self.byte(), self.byte()])) % length
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

fn check_lease(lease: &Lease) {
    assert!(is_host(lease.address) && is_host(lease.server_id));
    assert!((1..=32).contains(&lease.prefix_len));
    assert!(lease.address != lease.server_id && !lease.address.is_link_local());
    let host = lease.address.to_bits() & u32::MAX.checked_shr(lease.prefix_len.into()).unwrap_or(0);
    let last = u32::MAX.checked_shr(lease.prefix_len.into()).unwrap_or(0);
    assert!(lease.prefix_len > 30 || (host != 0 && host != last));
    assert!(!lease.routers.contains(&lease.address) && lease.router() != Some(lease.address));
    assert!(lease.routers.len() <= MAX_HOSTS && lease.dns.len() <= MAX_HOSTS);
    assert!(lease.routes.len() <= MAX_ROUTES && lease.search.len() <= 32);
    assert!(lease.routers.iter().chain(&lease.dns).copied().all(is_host));
    assert!(lease.routes.iter().all(|route| route.prefix_len <= 32));
    assert!(lease.mtu.is_none_or(|mtu| mtu >= 576));
    let is_name = |name: &String| {
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        (1..=253).contains(&name.len()) && name.bytes().all(is_safe)
    };
    assert!(lease.search.iter().chain(&lease.domain).all(is_name));
    match lease.lifetime {
        Lifetime::Infinite => assert_eq!(lease.expires_at(), None),
        Lifetime::Finite {
            lease: whole,
            t1,
            t2,
        } => {
            assert!(Duration::ZERO < t1 && t1 < t2 && t2 < whole);
            let times = (lease.renew_at(), lease.rebind_at(), lease.expires_at());
            assert!(
                lease.requested_at.checked_add(t1) == times.0
                    && times.0 < times.1
                    && times.1 < times.2
            );
        }
    }
}

fn check_transmit(transmit: &Transmit) {
    let Transmit {
        message,
        source,
        destination,
    } = transmit;
    assert_eq!(Message::decode(&message.encode()).as_ref(), Ok(message));
    assert_eq!(
        (message.op, message.chaddr, message.ciaddr),
        (Op::Request, MAC, *source)
    );
    assert!(*destination == Ipv4Addr::BROADCAST || (is_host(*destination) && is_host(*source)));
    let has = |code| message.options.address(code).is_some_and(is_host);
    match message.message_type() {
        Some(MessageType::Release) => assert!(message.secs == 0 && has(code::SERVER_ID)),
        Some(MessageType::Decline) => {
            assert!(message.secs == 0 && message.ciaddr.is_unspecified());
            assert!(has(code::SERVER_ID) && has(code::REQUESTED_ADDRESS));
            assert_eq!(*destination, Ipv4Addr::BROADCAST);
        }
        Some(MessageType::Inform) => {
            assert!(is_host(message.ciaddr) && is_host(*destination));
            assert!(!has(code::SERVER_ID) && !has(code::REQUESTED_ADDRESS));
        }
        Some(MessageType::Discover | MessageType::Request) => {}
        other => panic!("a client sent {other:?}"),
    }
}

fn is_host(address: Ipv4Addr) -> bool {
    !(address.octets()[0] == 0 || address.is_loopback() || address.octets()[0] >= 224)
}
