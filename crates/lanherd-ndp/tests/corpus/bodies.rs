//! What the fuzz targets do with their bytes, and what must hold whatever the bytes are.
//!
//! Included by path: by the fuzz targets, and by the tests that replay seeds and try random bytes.

#![allow(dead_code, reason = "each fuzz target uses one of the two")]

mod promises;
mod rig;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use lanherd_ndp::options::{
    EncryptedDns, Pref64, PrefixInformation, Resolvers, RouteInformation, SearchList,
};
use lanherd_ndp::slaac::{
    AddressKind, Change, Config, DhcpPolicy, Event, HostType, Identifiers, InterfaceAddress,
    Output, Route, Secret, Solicitations, TemporaryPolicy, Verification,
};
use lanherd_ndp::{
    Body, Host, Lifetime, Mac, Message, NdOption, NeighbourAdvertisement, Packet, Preference,
    Prefix, Reason, Refused, RouterAdvertisement,
};

use self::rig::Rig;

const MAC: Mac = Mac([2, 0, 0x5e, 0x10, 0, 50]);
const RIVAL: Mac = Mac([2, 0, 0x5e, 0x10, 0, 99]);
/// Lifetimes, in seconds, that are likely to be on some edge.
const SECONDS: [u32; 10] = [0, 1, 2, 6, 60, 1800, 7200, 7201, u32::MAX - 1, u32::MAX];
const DAY: Duration = Duration::from_secs(86_400);

/// Bytes are a frame that is a valid packet or refused, and a packet that was read can be written and read again.
pub fn packet(data: &[u8]) {
    read(data, Packet::from_frame(data), 14);
    read(data, Packet::decode(data), 0);
    // Few bytes have the right checksum by chance.
    let mut bytes = data.to_vec();
    if let Err(Refused {
        reason: Reason::Checksum { right, .. },
        offset,
        ..
    }) = Packet::decode(&bytes)
    {
        bytes[offset..offset + 2].copy_from_slice(&right.to_be_bytes());
        let outcome = Packet::decode(&bytes);
        let is_checksum = |refused: &Refused| matches!(refused.reason, Reason::Checksum { .. });
        assert!(!outcome.as_ref().is_err_and(is_checksum));
        read(&bytes, outcome, 0);
    }
}

fn read(data: &[u8], outcome: Result<Packet, Refused>, header: usize) {
    let packet = match outcome {
        Ok(packet) => packet,
        Err(refused) => {
            assert!(refused.offset <= data.len(), "{refused}");
            assert!(Reason::WORDS.contains(&refused.reason.as_str()));
            assert!(!refused.to_string().contains(char::is_control));
            return;
        }
    };
    let bytes = &data[header..];
    let notes = &packet.message.notes;
    for remark in notes.remarks() {
        assert!(remark.offset + remark.length <= bytes.len(), "{remark}");
        if let Some(option) = remark.option {
            assert_eq!(bytes[remark.offset], option);
        }
    }
    for (at, option) in packet.message.options.iter().enumerate() {
        let offset = notes.offset(at).expect("it stood in a packet");
        assert_eq!(bytes[offset], option.code());
        check_option(option);
    }
    let again = Packet::decode(&packet.encode()).expect("what is written can be read");
    assert_eq!(again.message, packet.message);
    assert_eq!(
        (again.source, again.destination),
        (packet.source, packet.destination)
    );
    assert_eq!(
        again.message.notes.remarks().len(),
        0,
        "{:?}",
        again.message.notes
    );
}

fn check_option(option: &NdOption) {
    let is_prefix = |prefix: Prefix| {
        assert_eq!(Prefix::new(prefix.address(), prefix.length()), Some(prefix));
    };
    match option {
        NdOption::Prefix(information) => is_prefix(information.prefix),
        NdOption::Route(route) => is_prefix(route.prefix),
        NdOption::Pref64(pref64) => {
            is_prefix(pref64.prefix);
            assert!(Pref64::LENGTHS.contains(&pref64.prefix.length()));
            assert!(pref64.lifetime.as_secs() <= Pref64::MAX_LIFETIME);
        }
        NdOption::Resolvers(resolvers) => {
            assert!((1..=32).contains(&resolvers.servers.len()));
            assert!(!resolvers.servers.iter().any(Ipv6Addr::is_multicast));
        }
        NdOption::SearchList(list) => {
            assert!((1..=32).contains(&list.names.len()));
            assert!(list.names.iter().all(|name| is_name(name)));
        }
        NdOption::EncryptedDns(encrypted) => assert!(is_name(&encrypted.name)),
        NdOption::CaptivePortal(uri) => {
            assert!((1..=255).contains(&uri.len()) && uri.bytes().all(|it| it.is_ascii_graphic()));
        }
        NdOption::SourceLinkLayer(mac) | NdOption::TargetLinkLayer(mac) => {
            assert_eq!(mac.octets()[0] & 1, 0);
        }
        NdOption::Mtu(_)
        | NdOption::Nonce(_)
        | NdOption::RedirectedHeader(_)
        | NdOption::Other { .. } => {}
    }
}

fn is_name(name: &str) -> bool {
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=253).contains(&name.len()) && name.bytes().all(is_safe)
}

/// Bytes are a script of packets, commands and waits; a host survives it with its promises kept.
///
/// Returns the states and events that the script led to.
pub fn host(data: &[u8]) -> BTreeSet<&'static str> {
    let mut script = Script(data);
    let mut rig = Rig::new(&mut script);
    while let Some(step) = script.next() {
        match step % 20 {
            0 => rig.wait(Duration::from_millis(u64::from(script.byte()) * 50)),
            1 => rig.wait(Duration::from_secs(u64::from(script.byte()) * 60)),
            2 => rig.wait_for_timer(),
            3 => rig.sleep(Duration::from_secs(u64::from(script.byte()) * 600)),
            4 => {
                rig.triggers += 1;
                rig.command(Host::start);
            }
            5 => rig.command(Host::stop),
            6 => {
                rig.triggers += 1;
                rig.command(Host::solicit);
            }
            7 => {
                rig.triggers += 1;
                rig.command(Host::reconnect);
            }
            8 => {
                rig.kernel.clear();
                rig.routes.clear();
                rig.command(Host::repeat);
            }
            9 => {
                let router = router(&mut script);
                rig.command(|host, now| host.handle_unreachable(router, now));
            }
            10 => {
                let router = router(&mut script);
                rig.command(|host, now| host.handle_reachable(router, now));
            }
            11..=13 => rig.verify(&mut script),
            14 => rig.neighbour(&mut script),
            _ => rig.advertise(&mut script),
        }
    }
    rig.command(Host::stop);
    assert_eq!(
        (rig.kernel.len(), rig.routes.len()),
        (0, 0),
        "something stands"
    );
    assert_eq!(
        (rig.formed.len(), rig.defaults.len()),
        (0, 0),
        "something was not told"
    );
    rig.seen
}

fn router(script: &mut Script<'_>) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1 + u16::from(script.byte() % 20))
}

/// Reads bytes; zeros where there are none left.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    fn choose<T: Copy>(&mut self, among: &[T]) -> T {
        among[usize::from(self.byte()) % among.len()]
    }
}
