//! What is written and read, by two decoders that are not ours: etherparse for headers and checksums, tcpdump for the messages
//! and their options; and captures of radvd, dnsmasq and Linux, as ours read them.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "this is how a test fails"
)]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::net::Ipv6Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lanherd_ndp::options::{
    EncryptedDns, Pref64, PrefixInformation, Resolvers, RouteInformation, SearchList,
};
use lanherd_ndp::slaac::{Config, Identifiers, Secret};
use lanherd_ndp::{
    Body, Host, Lifetime, Mac, Message, NdOption, NeighbourAdvertisement, Packet, Preference,
    Prefix, RouterAdvertisement,
};

const ROUTER: Mac = Mac([2, 0, 0x5e, 0x10, 0, 1]);
const HOST: Mac = Mac([2, 0, 0x5e, 0x10, 0, 0x50]);

fn address(text: &str) -> Ipv6Addr {
    text.parse().expect("an address")
}

fn prefix(text: &str) -> Prefix {
    let (address, length) = text.split_once('/').expect("a prefix");
    let length = length.parse().expect("a length");
    Prefix::new(address.parse().expect("an address"), length).expect("a prefix")
}

fn seed(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seeds/packet");
    fs::read(folder.join(name)).expect("a seed")
}

/// What tcpdump says of frames: for each the line of the packet, and those of its message, without the bytes in hexadecimal.
fn tcpdump(frames: &[Vec<u8>]) -> Vec<Vec<String>> {
    // A file of the format that libpcap has had from its beginning, of link type Ethernet.
    let mut file = [0xa1b2_c3d4_u32, 0x0002_0004, 0, 0, 65_535, 1]
        .map(u32::to_be_bytes)
        .concat();
    for (second, frame) in (1_u32..).zip(frames) {
        let length = u32::try_from(frame.len()).expect("a short frame");
        file.extend([second, 0, length, length].map(u32::to_be_bytes).concat());
        file.extend(frame);
    }
    let mut tcpdump = Command::new("tcpdump")
        .args(["-r", "-", "-vvv", "-n", "-t"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("tcpdump is installed: ./scripts/test packages");
    let mut input = tcpdump.stdin.take().expect("its input");
    let writer = std::thread::spawn(move || input.write_all(&file));
    let output = tcpdump.wait_with_output().expect("it ends");
    writer.join().expect("it ends").expect("it is read");
    let text = String::from_utf8(output.stdout).expect("text");
    let mut packets: Vec<Vec<String>> = Vec::new();
    for line in text.lines() {
        if !line.starts_with('\t') {
            packets.push(vec![line.to_owned()]);
        } else if !line.trim_start().starts_with("0x") {
            let packet = packets.last_mut().expect("a packet");
            packet.push(line.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    assert_eq!(packets.len(), frames.len(), "{text}");
    packets
}

/// A lifetime as tcpdump writes it.
fn time(lifetime: Lifetime) -> String {
    match lifetime {
        Lifetime::INFINITE => "infinity".to_owned(),
        finite => format!("{}s", finite.as_secs()),
    }
}

fn listed(flags: &[(bool, &str)]) -> String {
    let set: Vec<&str> = flags
        .iter()
        .filter(|(set, _)| *set)
        .map(|(_, name)| *name)
        .collect();
    if set.is_empty() {
        "none".to_owned()
    } else {
        set.join(", ")
    }
}

/// A message as ours reads it, as tcpdump writes it; `end` is where its packet ends.
fn lines(packet: &Packet, end: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if let Body::RouterAdvertisement(body) = packet.message.body {
        let milliseconds = |time: Option<Duration>| time.map_or(0, |time| time.as_millis());
        let flags = [
            (body.managed, "managed"),
            (body.other, "other stateful"),
            (body.home_agent, "home agent"),
            (body.proxy, "ND proxy"),
        ];
        lines.push(format!(
            "hop limit {}, Flags [{}], pref {}, router lifetime {}s, reachable time {}ms, retrans timer {}ms",
            body.hop_limit.unwrap_or(0),
            listed(&flags),
            body.preference,
            body.lifetime,
            milliseconds(body.reachable),
            milliseconds(body.retransmit),
        ));
    }
    for (at, option) in packet.message.options.iter().enumerate() {
        let offset = |at| packet.message.notes.offset(at);
        let length = offset(at + 1).unwrap_or(end) - offset(at).expect("it was read");
        lines.push(option_line(option, length));
    }
    lines
}

fn option_line(option: &NdOption, length: usize) -> String {
    let size = format!("length {length} ({})", length / 8);
    match option {
        NdOption::SourceLinkLayer(mac) => {
            format!("source link-address option (1), length 8 (1): {mac}")
        }
        NdOption::TargetLinkLayer(mac) => {
            format!("destination link-address option (2), length 8 (1): {mac}")
        }
        NdOption::Mtu(mtu) => format!("mtu option (5), length 8 (1): {mtu}"),
        NdOption::Prefix(it) => {
            let flags = [
                (it.on_link, "onlink"),
                (it.autonomous, "auto"),
                (it.router_address, "router"),
            ];
            format!(
                "prefix info option (3), length 32 (4): {}, Flags [{}], valid time {}, pref. time {}",
                it.prefix,
                listed(&flags),
                time(it.valid),
                time(it.preferred)
            )
        }
        NdOption::Route(route) => format!(
            "route info option (24), {size}: {}, pref={}, lifetime={}",
            route.prefix,
            route.preference,
            time(route.lifetime)
        ),
        NdOption::Resolvers(resolvers) => {
            let servers = resolvers.servers.iter();
            let servers: Vec<String> = servers.map(|it| format!("addr: {it}")).collect();
            let lifetime = resolvers.lifetime.as_secs();
            format!(
                "rdnss option (25), {size}: lifetime {lifetime}s, {}",
                servers.join(" ")
            )
        }
        NdOption::SearchList(list) => {
            let names: Vec<String> = list.names.iter().map(|name| format!("{name}.")).collect();
            let lifetime = list.lifetime.as_secs();
            format!(
                "dnssl option (31), {size}: lifetime {lifetime}s, domain(s): {}",
                names.join(" ")
            )
        }
        // Which option it is and how long tcpdump says of those that it does not know.
        other => format!("unknown option ({}), {size}:", other.code()),
    }
}

/// Compares what ours and the others make of a packet that ours wrote, or read.
fn compare(frames: &[Vec<u8>]) {
    for (frame, told) in frames.iter().zip(tcpdump(frames)) {
        let packet = Packet::from_frame(frame).expect("valid");
        let name = match packet.message.body {
            Body::RouterSolicitation => "router solicitation".to_owned(),
            Body::RouterAdvertisement(_) => "router advertisement".to_owned(),
            Body::NeighbourSolicitation { target } => {
                format!("neighbor solicitation, length N, who has {target}")
            }
            Body::NeighbourAdvertisement(body) => {
                let flags = [
                    (body.router, "router"),
                    (body.solicited, "solicited"),
                    (body.override_, "override"),
                ];
                let flags = listed(&flags);
                format!(
                    "neighbor advertisement, length N, tgt is {}, Flags [{flags}]",
                    body.target
                )
            }
            Body::Redirect { .. } => "redirect".to_owned(),
        };
        let length = format!("length {}", frame.len() - 54);
        let wanted = format!(
            "{} > {}: [icmp6 sum ok] ICMP6, {}",
            packet.source,
            packet.destination,
            name.replace("length N", &length)
        );
        assert!(told[0].contains(&wanted), "{}\n{wanted}", told[0]);
        assert!(told[0].contains("hlim 255"), "{}", told[0]);
        assert_eq!(told[1..], lines(&packet, frame.len() - 14), "{packet:?}");

        let ethernet = etherparse::Ethernet2Slice::from_slice_without_fcs(frame).expect("a frame");
        assert_eq!(Some(Mac(ethernet.source())), packet.source_mac);
        let ipv6 = etherparse::Ipv6Slice::from_slice(ethernet.payload_slice()).expect("a packet");
        let header = ipv6.header();
        assert_eq!(header.source_addr(), packet.source);
        let icmp = etherparse::Icmpv6Slice::from_slice(ipv6.payload().payload).expect("a message");
        assert!(icmp.is_checksum_valid(header.source(), header.destination()));
    }
}

#[test]
fn captures_of_radvd_dnsmasq_and_linux_are_read_as_tcpdump_reads_them() {
    let frames = [
        "radvd_multicast",
        "radvd_unicast",
        "dnsmasq_multicast",
        "dnsmasq_unicast",
        "linux_router_solicitation",
        "linux_dad",
        "linux_dad_global",
        "linux_dad_unique_local",
        "linux_neighbour_solicitation",
        "linux_neighbour_advertisement",
    ];
    compare(&frames.map(seed));
}

#[test]
fn whatever_ours_writes_two_others_read_the_same() {
    let mut rng = fastrand::Rng::with_seed(1);
    let frames: Vec<Vec<u8>> = (0..500)
        .map(|_| any_packet(&mut rng).to_frame().expect("a frame"))
        .collect();
    compare(&frames);
}

fn any_packet(rng: &mut fastrand::Rng) -> Packet {
    let host = address("fe80::50");
    let target = Ipv6Addr::from_bits(0xfe80 << 112 | u128::from(rng.u64(1..)));
    match rng.u8(..8) {
        0 => Packet::router_solicitation(HOST, host),
        1 => Packet::router_solicitation(HOST, Ipv6Addr::UNSPECIFIED),
        2 => Packet::duplicate_address_detection(HOST, target),
        3 => Packet::gratuitous_advertisement(HOST, target),
        4 => {
            let body = Body::NeighbourAdvertisement(NeighbourAdvertisement {
                router: rng.bool(),
                solicited: rng.bool(),
                override_: rng.bool(),
                target,
            });
            let message = Message::new(body, vec![NdOption::TargetLinkLayer(HOST)]);
            let mut packet = Packet::new(HOST, host, address("fe80::1"), message);
            packet.destination_mac = Some(ROUTER);
            packet
        }
        _ => {
            let body = RouterAdvertisement {
                hop_limit: Some(rng.u8(1..)).filter(|_| rng.bool()),
                managed: rng.bool(),
                other: rng.bool(),
                home_agent: rng.bool(),
                proxy: false,
                preference: Preference::ALL[rng.usize(..3)],
                lifetime: rng.u16(1..),
                reachable: Some(Duration::from_millis(rng.u32(1..).into())).filter(|_| rng.bool()),
                retransmit: Some(Duration::from_millis(rng.u32(1..).into())).filter(|_| rng.bool()),
            };
            let options = (0..rng.u8(..8)).map(|_| any_option(rng)).collect();
            Packet::router_advertisement(ROUTER, address("fe80::1"), body, options)
        }
    }
}

fn any_option(rng: &mut fastrand::Rng) -> NdOption {
    let lifetime = |rng: &mut fastrand::Rng| {
        Lifetime::from_secs([0, 1, 1800, rng.u32(..), u32::MAX][rng.usize(..5)])
    };
    let any_address =
        |rng: &mut fastrand::Rng| Ipv6Addr::from_bits(0x2001 << 112 | rng.u128(..1 << 112));
    match rng.u8(..9) {
        0 => NdOption::Mtu(rng.u32(..)),
        1 => NdOption::Prefix(PrefixInformation {
            prefix: Prefix::new(any_address(rng), rng.u8(0..=128)).expect("a prefix"),
            on_link: rng.bool(),
            autonomous: rng.bool(),
            router_address: false,
            delegation_preferred: false,
            valid: lifetime(rng),
            preferred: lifetime(rng),
        }),
        2 => NdOption::Route(RouteInformation {
            prefix: Prefix::new(any_address(rng), rng.u8(0..=128)).expect("a prefix"),
            preference: Preference::ALL[rng.usize(..3)],
            lifetime: lifetime(rng),
        }),
        3 => NdOption::Resolvers(Resolvers {
            lifetime: lifetime(rng),
            servers: (0..rng.u8(1..5)).map(|_| any_address(rng)).collect(),
        }),
        4 => NdOption::SearchList(SearchList {
            lifetime: lifetime(rng),
            names: (0..rng.u8(1..4))
                .map(|at| format!("lan{at}.{}.test", "a".repeat(rng.usize(1..30))))
                .collect(),
        }),
        5 => NdOption::Pref64(Pref64 {
            prefix: prefix("64:ff9b::/96"),
            lifetime: Lifetime::from_secs(1800),
        }),
        6 => NdOption::EncryptedDns(EncryptedDns {
            priority: rng.u16(..),
            lifetime: lifetime(rng),
            name: "dns.test".to_owned(),
            addresses: (0..rng.u8(..3)).map(|_| any_address(rng)).collect(),
            parameters: Vec::new(),
        }),
        7 => NdOption::Nonce((0..6).map(|_| rng.u8(..)).collect()),
        _ => NdOption::SourceLinkLayer(ROUTER),
    }
}

#[test]
fn radvd_says_all_that_it_was_told_to_say() {
    let packet = Packet::from_frame(&seed("radvd_multicast")).expect("valid");
    let Body::RouterAdvertisement(body) = packet.message.body else {
        panic!("{packet:?}");
    };
    assert_eq!(
        (body.lifetime, body.preference, body.other),
        (1800, Preference::High, true)
    );
    let is_route = |option: &&NdOption| matches!(option, NdOption::Route(_));
    let route = packet.message.options.iter().find(is_route);
    let wanted = NdOption::Route(RouteInformation {
        prefix: prefix("fd00:99::/48"),
        preference: Preference::Low,
        lifetime: Lifetime::from_secs(600),
    });
    assert_eq!(route, Some(&wanted));
    assert_eq!(packet.message.notes.remarks(), []);
    assert_eq!(packet.source_mac, Some(ROUTER));
}

#[test]
fn a_host_forms_the_addresses_that_linux_formed_from_the_same_advertisement() {
    let mut config = Config::new(HOST, Secret([0; 16]));
    config.identifiers = Identifiers::Eui64;
    let mut host = Host::new(config, fastrand::Rng::with_seed(1));
    let now = Instant::now();
    host.start(now);
    host.handle_timeout(now + Duration::from_secs(1));
    let heard = Packet::from_frame(&seed("radvd_multicast")).expect("valid");
    host.handle_packet(&heard, now + Duration::from_secs(2));
    let formed: BTreeSet<Ipv6Addr> = host.addresses().map(|it| it.address).collect();
    let asked = |name| match Packet::from_frame(&seed(name)).expect("valid").message.body {
        Body::NeighbourSolicitation { target } => target,
        other => panic!("{other:?}"),
    };
    let of_linux = ["linux_dad", "linux_dad_global", "linux_dad_unique_local"].map(asked);
    assert_eq!(formed, BTreeSet::from(of_linux));
}

#[test]
fn what_no_daemon_here_sends_is_read_from_bytes_that_were_put_together_by_hand() {
    let packet = Packet::from_frame(&seed("pref64_portal_dnr")).expect("valid");
    let wanted = [
        NdOption::Pref64(Pref64 {
            prefix: prefix("64:ff9b::/96"),
            lifetime: Lifetime::from_secs(1800),
        }),
        NdOption::CaptivePortal("https://portal.test".to_owned()),
        NdOption::EncryptedDns(EncryptedDns {
            priority: 1,
            lifetime: Lifetime::from_secs(1800),
            name: "dns.test".to_owned(),
            addresses: vec![address("2001:db8:77::53")],
            parameters: b"\0\x01\0\x03\x02h2".to_vec(),
        }),
    ];
    assert_eq!(packet.message.options, wanted);
}

#[test]
fn hostile_frames_are_refused_each_for_its_reason() {
    for (name, reason, offset) in [
        ("hop_limit_64", "hop_limit", 7),
        ("bad_checksum", "checksum", 42),
        ("code_1", "code", 41),
        ("zero_length_option", "zero_length_option", 56),
        ("option_past_the_end", "truncated_option", 56),
        ("global_source", "source_not_link_local", 8),
        ("too_short", "too_short", 40),
        ("fragmented", "fragmented", 40),
        ("truncated", "truncated", 4),
    ] {
        let refused = Packet::from_frame(&seed(name)).expect_err(name);
        assert_eq!(
            (refused.reason.as_str(), refused.offset),
            (reason, offset),
            "{name}"
        );
    }
    assert!(Packet::from_frame(&seed("hop_by_hop")).is_ok());
}
