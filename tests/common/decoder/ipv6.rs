//! What clients say over IPv6, judged by what tshark reads of it.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

use lanherd::dhcp6::MessageType;

use super::Decoded;

/// How late a busy machine may be with a message, and how early the next of the same exchange may then come, in seconds.
const SLACK: f64 = 0.35;
/// All servers and relays (RFC 9915, 7.1).
const ALL_SERVERS: &str = "ff02::1:2";

/// A DHCPv6 message of or for a client, as tshark reads it.
#[derive(Debug, Clone)]
pub struct Message {
    /// When it stood on the wire, in seconds.
    pub at: f64,
    pub kind: MessageType,
    pub xid: u32,
    /// How long the client says that it has been trying, in seconds.
    pub elapsed: Option<f64>,
    pub addresses: Vec<Leased>,
    /// T1 and T2 of its IA, in seconds.
    pub timers: Vec<u64>,
}

/// An address in an IA, with its lifetimes in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leased {
    pub address: Ipv6Addr,
    pub preferred: u64,
    pub valid: u64,
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    let number = text.parse();
    number.unwrap_or_else(|_| panic!("{text:?} is no number"))
}

fn all<T: std::str::FromStr>(text: &str) -> Vec<T> {
    let several = text.split(',').filter(|word| !word.is_empty());
    several.map(number).collect()
}

/// The DHCPv6 messages of a filter.
pub fn messages(wire: &Decoded, filter: &str) -> Vec<Message> {
    let fields = [
        "frame.time_epoch",
        "dhcpv6.msgtype",
        "dhcpv6.xid",
        "dhcpv6.elapsed_time",
        "dhcpv6.iaaddr.ip",
        "dhcpv6.iaaddr.pref_lifetime",
        "dhcpv6.iaaddr.valid_lifetime",
        "dhcpv6.iaid.t1",
        "dhcpv6.iaid.t2",
    ];
    let of_row = |[at, kind, xid, elapsed, address, preferred, valid, t1, t2]: [String; 9]| {
        let lifetimes = all::<u64>(&preferred).into_iter().zip(all(&valid));
        let addresses = all(&address).into_iter().zip(lifetimes);
        Message {
            at: number(&at),
            kind: MessageType::from_number(number(&kind)).expect("a type"),
            xid: u32::from_str_radix(xid.trim_start_matches("0x"), 16).expect("an id"),
            elapsed: (!elapsed.is_empty()).then(|| number::<f64>(&elapsed) / 1000.0),
            addresses: addresses
                .map(|(address, (preferred, valid))| Leased {
                    address,
                    preferred,
                    valid,
                })
                .collect(),
            timers: [all::<u64>(&t1), all(&t2)].concat(),
        }
    };
    let filter = format!("dhcpv6 && ({filter})");
    wire.rows(&filter, fields).into_iter().map(of_row).collect()
}

/// The messages of one exchange have one transaction id, which no other exchange of the client has.
pub fn exchanges(sent: &[Message]) -> Vec<&[Message]> {
    let exchanges: Vec<_> = sent.chunk_by(|a, b| a.xid == b.xid).collect();
    let ids: BTreeSet<u32> = exchanges.iter().map(|of| of[0].xid).collect();
    assert_eq!(ids.len(), exchanges.len(), "{sent:#?}");
    for exchange in &exchanges {
        let is_one = exchange.iter().all(|it| it.kind == exchange[0].kind);
        assert!(is_one, "{exchange:#?}");
    }
    exchanges
}

/// The first and the longest time until a message is sent again, in seconds (RFC 9915, 7.6).
fn timeouts(kind: MessageType) -> (f64, f64) {
    match kind {
        MessageType::Solicit | MessageType::InformationRequest => (1.0, 3600.0),
        MessageType::Request => (1.0, 30.0),
        MessageType::Confirm => (1.0, 4.0),
        MessageType::Renew | MessageType::Rebind => (10.0, 600.0),
        MessageType::Release | MessageType::Decline => (1.0, f64::INFINITY),
        other => panic!("a client sends no {other}"),
    }
}

// Retransmissions of an exchange have its transaction id, and are sent 0.9 to 1.1 of the initial time apart, then 1.9 to
// 2.1 of the time before (RFC 9915, 15).
pub fn is_sent_again_in_time(exchange: &[Message]) {
    let (first, longest) = timeouts(exchange[0].kind);
    let mut before = None;
    for pair in exchange.windows(2) {
        let gap = pair[1].at - pair[0].at;
        let (least, most) = match before {
            // The first SOLICIT waits for all servers: never less than a second (18.2.1).
            None if exchange[0].kind == MessageType::Solicit => (first, first * 1.1),
            None => (first * 0.9, first * 1.1),
            Some(before) if before * 2.0 > longest => (longest * 0.9, longest * 1.1),
            Some(before) => (before * 1.9, before * 2.1),
        };
        // What came before was late as well, so that twice its time may be off by twice that.
        let slack = if before.is_some() { 3.0 * SLACK } else { SLACK };
        assert!(
            (least - slack..=most + slack).contains(&gap),
            "{gap:.3} s, not {least:.3} to {most:.3} s, in {exchange:#?}"
        );
        before = Some(gap);
    }
    // 0 in the first message of an exchange, and then the time since (RFC 9915, 21.9).
    for message in exchange {
        let elapsed = message.elapsed.expect("option 8");
        let since = message.at - exchange[0].at;
        assert!(
            (elapsed - since).abs() < SLACK,
            "{elapsed} s, {since} s after the first: {exchange:#?}"
        );
    }
    assert!(exchange[0].elapsed < Some(0.01), "{exchange:#?}");
}

/// What a counter of the metrics says, by the words of its line.
fn counted(metrics: &str, family: &str, labels: &[String]) -> u64 {
    let of_family = metrics.lines().filter(|line| line.starts_with(family));
    let meant = of_family.filter(|line| labels.iter().all(|label| line.contains(label.as_str())));
    let values = meant.map(|line| number::<u64>(line.split_whitespace().last().expect("a value")));
    values.sum()
}

/// Neither tshark nor its experts find fault with these frames.
pub fn has_no_flaws(wire: &Decoded, of_whom: &str) {
    let flawed = "_ws.malformed || _ws.expert.severity >= 0x00600000";
    let fields = ["frame.number", "frame.protocols", "_ws.expert.message"];
    let filter = format!("({of_whom}) && ({flawed})");
    assert_eq!(wire.rows(&filter, fields), [] as [[String; 3]; 0]);
}

/// What clients have sent is without flaws, and sent as the RFCs say.
pub fn is_well_formed(wire: &Decoded, macs: &[String]) {
    let of_herd = any_of(macs, "src");
    has_no_flaws(wire, &of_herd);
    let fields = ["frame.number", "frame.protocols"];
    // DHCPv6 comes from the client's link-local address and port 546, to all servers (RFC 9915, 7 and 14).
    let filter = format!(
        "({of_herd}) && dhcpv6 && !(ipv6.src == fe80::/64 && ipv6.dst == {ALL_SERVERS} && udp.srcport == 546 && udp.dstport == 547 && udp.checksum.status == 1)"
    );
    assert_eq!(wire.rows(&filter, fields), [] as [[String; 2]; 0]);
    // Neighbour discovery is of this link alone (RFC 4861).
    let filter = format!(
        "({of_herd}) && icmpv6.type >= 133 && icmpv6.type <= 136 && !(ipv6.hlim == 255 && icmpv6.checksum.status == 1)"
    );
    assert_eq!(wire.rows(&filter, fields), [] as [[String; 2]; 0]);
}

// The first wait is of four seconds, and each is double the one before, until a router answers (RFC 7559, 2).
pub fn solicits_in_time(wire: &Decoded, mac: &str, until: f64) {
    let filter = format!("eth.src == {mac} && icmpv6.type == 133");
    let fields = ["frame.time_epoch", "ipv6.src", "icmpv6.opt.src_linkaddr"];
    let rows = wire.rows(&filter, fields);
    for [_, source, link_address] in &rows {
        // From the unspecified address without it, from a link-local address with it (RFC 4861, 4.1).
        let is_named = link_address.eq_ignore_ascii_case(mac);
        assert!(if source == "::" {
            link_address.is_empty()
        } else {
            is_named
        });
    }
    let times: Vec<f64> = rows.iter().map(|[at, ..]| number(at)).collect();
    let times: Vec<f64> = times.into_iter().filter(|at| *at < until).collect();
    assert!(times.len() >= 3, "{mac}: {times:?}");
    let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let is_doubled = gaps.windows(2).all(|pair| {
        let ratio = pair[1] / pair[0];
        (1.9 - SLACK..=2.1 + SLACK).contains(&ratio)
    });
    let first = gaps[0];
    assert!(
        (first - 4.0).abs() < 0.4 + SLACK && is_doubled,
        "{mac}: {gaps:?}"
    );
}

/// How many messages of each kind there are.
pub fn by_kind(messages: &[Message]) -> BTreeMap<MessageType, u64> {
    let mut counts = BTreeMap::new();
    for message in messages {
        *counts.entry(message.kind).or_default() += 1;
    }
    counts
}

/// Each kind of DHCPv6 message is counted by lanherd as often as it stands on the wire.
pub fn is_counted(wire: &Decoded, metrics: &str, macs: &[String]) {
    for (direction, end) in [("sent", "src"), ("received", "dst")] {
        let messages = messages(wire, &any_of(macs, end));
        for (kind, on_the_wire) in by_kind(&messages) {
            let labels = [
                format!("direction=\"{direction}\""),
                format!("type=\"{kind}\""),
            ];
            let counted = counted(metrics, "lanherd_dhcp6_messages_total", &labels);
            assert_eq!(counted, on_the_wire, "{direction} {kind}");
        }
    }
}

/// Each advertisement to all is counted once, from where the herd was there before the first.
pub fn advertisements_are_counted(wire: &Decoded, metrics: &str) {
    let to_all = "icmpv6.type == 134 && ipv6.dst == ff02::1";
    let on_the_wire = wire.rows(to_all, ["frame.number"]).len();
    let labels = ["kind=\"multicast\"".to_owned()];
    let counted = counted(metrics, "lanherd_router_advertisements_total", &labels);
    assert_eq!(usize::try_from(counted), Ok(on_the_wire));
}

/// A display filter: an end of the frame is one of these.
pub fn any_of(macs: &[String], end: &str) -> String {
    let all: Vec<String> = macs
        .iter()
        .map(|mac| format!("eth.{end} == {mac}"))
        .collect();
    all.join(" || ")
}
