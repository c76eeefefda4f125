//! What the fuzz targets do with their bytes, and what must hold whatever the bytes are.
//!
//! Included by path: by the fuzz targets, and by the tests that replay seeds and try random bytes.

#![allow(dead_code, reason = "each fuzz target uses one of the two")]

mod rig;

use std::collections::{BTreeSet, VecDeque};
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use lanherd_dhcp6::{
    Arrival, Authentication, Client, Config, DadOutcome, Duid, Event, Ia, IaAddress, IaKind,
    IaPrefix, Lease, MAX_LEASES, Mac, Message, MessageType, Output, Parameters, Prefix,
    ReconfigureKey, WantedIa, code,
};

use self::rig::Rig;

const MAC: Mac = Mac([2, 0, 0x5e, 0x10, 0, 1]);
const KEY: ReconfigureKey = ReconfigureKey([3; 16]);
/// Addresses that servers name: usable ones, and others.
const HOSTS: [Ipv6Addr; 6] = [
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2),
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 3),
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1),
    Ipv6Addr::UNSPECIFIED,
];
const SECONDS: [u32; 8] = [0, 1, 60, 600, 3600, 7200, 86_400, u32::MAX];

/// Bytes are a message or an error; a message is written as it was read, and no typed read of it panics.
pub fn wire(bytes: &[u8]) {
    let Ok(message) = Message::decode(bytes) else {
        return;
    };
    for remark in message.notes.malformed() {
        assert!(remark.offset.is_some_and(|offset| offset < bytes.len()));
        assert!(!remark.to_string().is_empty());
    }
    let options = &message.options;
    _ = Parameters::read(options);
    _ = Authentication::read(options);
    _ = (options.status(), options.requests());
    for ia in options.ias() {
        assert_eq!(
            Ia::read(&ia.to_option()).map(|read| read.iaid),
            Some(ia.iaid)
        );
        assert!(
            ia.addresses()
                .all(|leased| leased.offset < Some(bytes.len()))
        );
        for leased in ia.prefixes() {
            assert!(leased.prefix.length() <= 128);
            _ = leased.excluded();
        }
    }
    _ = KEY.verifies(&message);
    let written = message.encode().expect("no longer than it was");
    assert!(written.len() <= bytes.len());
    if message.notes.malformed().is_empty() {
        assert_eq!(written, bytes);
    }
    let again = Message::decode(&written).expect("what was written");
    assert_eq!(again, message);
    assert!(again.notes.malformed().is_empty());
}

/// A client lives through a script, and keeps its promises; what it went through.
pub fn client(bytes: &[u8]) -> BTreeSet<&'static str> {
    let mut script = Script(bytes);
    let mut rig = Rig::new(&mut script);
    while let Some(step) = script.next() {
        match step % 32 {
            0 => rig.wait(Duration::from_millis(u64::from(script.byte()) * 50)),
            1 => rig.wait(Duration::from_secs(u64::from(script.byte()) * 60)),
            2 => rig.wait_for_timer(),
            3 => rig.sleep(Duration::from_secs(u64::from(script.byte()) * 30)),
            4 => rig.command(Client::start),
            5 => {
                if let Some(lease) = rig.stored.clone() {
                    rig.command(|client, now| client.restore(lease, now));
                }
            }
            6 => rig.command(Client::renew),
            7 => rig.command(Client::rebind),
            8 => rig.command(Client::release),
            9 => {
                let length = usize::from(script.byte());
                rig.receive_bytes(script.take(length));
            }
            10 => rig.command(Client::confirm),
            11 => rig.command(Client::decline),
            12 => rig.command(Client::inform),
            13 => rig.command(Client::reconnect),
            14 | 15 => {
                let address = HOSTS[script.index(3)];
                let outcome = if script.byte() < 64 {
                    DadOutcome::Duplicate { holder: None }
                } else {
                    DadOutcome::Unique
                };
                rig.command(|client, now| client.handle_dad(address, outcome, now));
            }
            16 => {
                let message = Rig::reconfigure(&mut script);
                rig.receive_bytes(&message.encode().expect("short"));
            }
            _ => {
                let reply = rig.reply(&mut script);
                let mut bytes = reply.encode().expect("short");
                // Now and then one byte of it is another.
                if script.byte() > 220 {
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
        usize::from(self.byte()) % length
    }

    fn seconds(&mut self) -> u32 {
        SECONDS[self.index(SECONDS.len())]
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

fn check_lease(lease: &Lease) {
    assert!(!lease.is_empty());
    for ia in &lease.ias {
        assert!(
            !ia.is_empty() && ia.addresses.len() <= MAX_LEASES && ia.prefixes.len() <= MAX_LEASES
        );
    }
    for leased in lease.addresses() {
        let address = leased.address;
        assert!(!address.is_multicast() && !address.is_unspecified() && !address.is_loopback());
        assert!(!address.is_unicast_link_local());
        let lifetimes = leased.lifetimes;
        let is_ordered = match (lifetimes.preferred_until, lifetimes.valid_until) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(preferred), Some(valid)) => preferred <= valid,
        };
        assert!(is_ordered, "{lifetimes:?}");
    }
    assert!(lease.prefixes().all(|leased| leased.prefix.length() > 0));
    assert!(lease.parameters.dns.len() <= 8 && lease.parameters.search.len() <= 32);
}

fn check_transmit(message: &Message, config: &Config) {
    let bytes = message.encode().expect("short");
    let read = Message::decode(&bytes).expect("a message");
    assert!(read.notes.malformed().is_empty(), "{read:?}");
    assert_eq!(read, *message);
    assert!(!message.message_type.is_servers());
    assert!(message.options.short(code::ELAPSED_TIME).is_some());
    let is_information = message.message_type == MessageType::InformationRequest;
    assert_eq!(
        message.options.contains(code::CLIENT_ID),
        !(is_information && config.is_anonymous)
    );
    let names_server = message.options.contains(code::SERVER_ID);
    match message.message_type {
        MessageType::Request | MessageType::Renew | MessageType::Release | MessageType::Decline => {
            assert!(names_server);
        }
        MessageType::InformationRequest => assert_eq!(message.options.ias().count(), 0),
        _ => assert!(!names_server),
    }
    for ia in message.options.ias() {
        assert_eq!((ia.t1, ia.t2), (0, 0));
        assert!(ia.addresses().all(|it| (it.preferred, it.valid) == (0, 0)));
        assert!(ia.prefixes().all(|it| (it.preferred, it.valid) == (0, 0)));
        if matches!(
            message.message_type,
            MessageType::Decline | MessageType::Confirm
        ) {
            assert!(ia.kind == IaKind::Addresses && ia.addresses().count() > 0);
        }
    }
}
