//! Socket filters: programs of the classic Berkeley packet filter, which the kernel runs on each packet.
#![allow(
    clippy::cast_possible_truncation,
    reason = "libc gives the 16-bit operation codes as u32, and no program is longer than a jump can reach"
)]

use libc::{
    BPF_ABS, BPF_ALU, BPF_B, BPF_H, BPF_IND, BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JMP, BPF_JSET, BPF_K,
    BPF_LD, BPF_LDX, BPF_LSH, BPF_MISC, BPF_MSH, BPF_RET, BPF_TAX,
};
use socket2::SockFilter;

use crate::config::{LINK_INDEX, LOOPBACK};
use crate::frame::{CLIENT_PORT, SERVER_PORT};
use crate::frame6::{
    DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT, LISTENER_REPORT, NEIGHBOUR_ADVERTISEMENT,
    NEIGHBOUR_SOLICITATION, REDIRECT, ROUTER_ADVERTISEMENT, ROUTER_SOLICITATION,
};

/// A filter that passes nothing.
pub(super) fn nothing() -> [SockFilter; 1] {
    [op(BPF_RET | BPF_K, 0, 0, 0)]
}

/// What the raw socket on the parent is handed beside DHCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Passed {
    /// Whether ARP packets are.
    pub arp: bool,
    /// Neighbour discovery and DHCPv6.
    pub ipv6: bool,
}

/// Passes whole IPv4/UDP datagrams for ports 68 and 67, and ARP packets and IPv6 if asked for, without a VLAN tag. What clients
/// send to servers tells of another herd that has the same MACs.
///
/// Of IPv6 it passes ICMPv6 of types 134 to 137 (RFC 4861) and UDP for port 546, also behind one extension header, and first
/// fragments of these: they are to be ignored (RFC 6980), and that is to be told.
///
/// Offsets count from the Ethernet header. A frame with a VLAN tag belongs to another LAN, though the kernel hands it
/// on with the tag taken off.
pub(crate) fn for_clients(passed: Passed) -> Vec<SockFilter> {
    const VLAN_TAG_PRESENT: u32 =
        (libc::SKF_AD_OFF + libc::SKF_AD_VLAN_TAG_PRESENT).cast_unsigned();
    const MORE_FRAGMENTS_OR_OFFSET: u32 = 0x3fff;
    let arp = if passed.arp { PASS } else { DROP };
    let others = if passed.ipv6 { 13 } else { DROP };
    let mut program = vec![
        load(BPF_B, VLAN_TAG_PRESENT),
        is(0, 2, DROP),
        load(BPF_H, 12),
        is(libc::ETH_P_ARP.cast_unsigned(), arp, 4),
        is(libc::ETH_P_IP.cast_unsigned(), 5, others),
        load(BPF_B, 23),
        is(libc::IPPROTO_UDP.cast_unsigned(), 7, DROP),
        load(BPF_H, 20),
        has(MORE_FRAGMENTS_OR_OFFSET, DROP, 9),
        Op::Do(BPF_LDX | BPF_B | BPF_MSH, 14),
        Op::Do(BPF_LD | BPF_H | BPF_IND, 16),
        is(u32::from(CLIENT_PORT), PASS, 12),
        is(u32::from(SERVER_PORT), PASS, DROP),
    ];
    if passed.ipv6 {
        program.extend(ipv6());
    }
    assembled(&program)
}

/// The operations 13 to 40 of [`for_clients`].
fn ipv6() -> [Op; 28] {
    const HOP_BY_HOP: u32 = libc::IPPROTO_HOPOPTS.cast_unsigned();
    const ROUTING: u32 = libc::IPPROTO_ROUTING.cast_unsigned();
    const FRAGMENT: u32 = libc::IPPROTO_FRAGMENT.cast_unsigned();
    const DESTINATION: u32 = libc::IPPROTO_DSTOPTS.cast_unsigned();
    const ICMP: u32 = libc::IPPROTO_ICMPV6.cast_unsigned();
    const UDP: u32 = libc::IPPROTO_UDP.cast_unsigned();
    const LATER_FRAGMENT: u32 = 0xfff8;
    const TYPE: usize = 39;
    [
        is(libc::ETH_P_IPV6.cast_unsigned(), 14, DROP),
        // The next header.
        load(BPF_B, 20),
        is(ICMP, 21, 16),
        is(UDP, 23, 17),
        is(FRAGMENT, 25, 18),
        is(HOP_BY_HOP, 32, 19),
        is(DESTINATION, 32, 20),
        is(ROUTING, 32, DROP),
        load(BPF_B, 54),
        always(TYPE),
        load(BPF_H, 56),
        is(u32::from(DHCP6_CLIENT_PORT), PASS, DROP),
        // A fragment: its offset, and what it is of.
        load(BPF_H, 56),
        has(LATER_FRAGMENT, DROP, 27),
        load(BPF_B, 54),
        is(UDP, PASS, 29),
        is(ICMP, 30, DROP),
        load(BPF_B, 62),
        always(TYPE),
        // Behind another header, whose length stands in it in units of eight bytes, without the first.
        load(BPF_B, 54),
        is(FRAGMENT, PASS, 34),
        is(ICMP, 35, DROP),
        load(BPF_B, 55),
        Op::Do(BPF_ALU | BPF_LSH | BPF_K, 3),
        Op::Do(BPF_MISC | BPF_TAX, 0),
        Op::Do(BPF_LD | BPF_B | BPF_IND, 62),
        Op::If(BPF_JGE, u32::from(ROUTER_ADVERTISEMENT), 40, DROP),
        Op::If(BPF_JGT, u32::from(REDIRECT), DROP, PASS),
    ]
}

/// Passes what hosts say to routers: `ICMPv6` of types 133, 135 and 136 (RFC 4861), reports of multicast listeners (type 143 behind
/// the router alert of RFC 3810, 5), and UDP for port 547. For a socket that receives IPv6 only; offsets count from the Ethernet
/// header.
pub(crate) fn for_routers() -> Vec<SockFilter> {
    const HOP_BY_HOP: u32 = libc::IPPROTO_HOPOPTS.cast_unsigned();
    const ICMP: u32 = libc::IPPROTO_ICMPV6.cast_unsigned();
    const UDP: u32 = libc::IPPROTO_UDP.cast_unsigned();
    let program = [
        // The next header.
        load(BPF_B, 20),
        is(ICMP, 4, 2),
        is(UDP, 8, 3),
        is(HOP_BY_HOP, 10, DROP),
        load(BPF_B, 54),
        is(u32::from(ROUTER_SOLICITATION), PASS, 6),
        is(u32::from(NEIGHBOUR_SOLICITATION), PASS, 7),
        is(u32::from(NEIGHBOUR_ADVERTISEMENT), PASS, DROP),
        load(BPF_H, 56),
        is(u32::from(DHCP6_SERVER_PORT), PASS, DROP),
        // The router alert takes eight bytes with its header.
        load(BPF_B, 54),
        is(ICMP, 12, DROP),
        load(BPF_B, 62),
        is(u32::from(LISTENER_REPORT), PASS, DROP),
    ];
    assembled(&program)
}

/// Passes what `NETLINK_ROUTE` tells of things that were taken away: links, addresses and routes removed, links that are
/// down; of the link's IPv6 addresses those for which the kernel has found out whether somebody has them (RFC 4862, 5.4), and of
/// its routers those that answer or do not (RFC 4861, 7.3).
/// Offsets count from the header of the message, whose numbers are in the host's byte order (netlink(7)).
pub(super) fn for_losses() -> Vec<SockFilter> {
    /// Where the lowest byte of a number stands that has this many bytes.
    const fn lowest(of: u32) -> u32 {
        if cfg!(target_endian = "little") {
            0
        } else {
            of - 1
        }
    }
    const TYPE: u32 = 4 + lowest(2);
    const LINK_FLAGS: u32 = 24 + lowest(4);
    const ADDRESS_FAMILY: u32 = 16;
    const ADDRESS_FLAGS: u32 = 18;
    const ADDRESS_SCOPE: u32 = 19;
    const EVERYWHERE: u32 = 0;
    const ADDRESS_LINK: u32 = 20 + lowest(4);
    const IPV6: u32 = libc::AF_INET6.cast_unsigned();
    const DAD_FAILED: u32 = 0x08;
    const TENTATIVE_OR_WITHOUT_DAD: u32 = 0x40 | 0x02;
    const NEIGHBOUR_STATE: u32 = 24 + lowest(2);
    const NEIGHBOUR_FLAGS: u32 = 26;
    const REACHABLE_OR_FAILED: u32 = 0x02 | 0x20;
    const ROUTER: u32 = 0x80;
    let program = [
        // All these types, and the link's number, are below 256.
        load(BPF_B, TYPE),
        is(u32::from(libc::RTM_DELLINK), PASS, 2),
        is(u32::from(libc::RTM_DELROUTE), PASS, 3),
        is(u32::from(libc::RTM_NEWLINK), 4, 6),
        load(BPF_B, LINK_FLAGS),
        has(libc::IFF_UP.cast_unsigned(), DROP, PASS),
        is(u32::from(libc::RTM_DELADDR), 7, 14),
        load(BPF_B, ADDRESS_FAMILY),
        is(IPV6, 9, PASS),
        load(BPF_B, ADDRESS_LINK),
        is(LINK_INDEX, PASS, 11),
        // That of a delegated prefix, and not the loopback's own.
        is(LOOPBACK, 12, DROP),
        load(BPF_B, ADDRESS_SCOPE),
        is(EVERYWHERE, PASS, DROP),
        is(u32::from(libc::RTM_NEWADDR), 15, 22),
        load(BPF_B, ADDRESS_FAMILY),
        is(IPV6, 17, DROP),
        load(BPF_B, ADDRESS_LINK),
        is(LINK_INDEX, 19, DROP),
        load(BPF_B, ADDRESS_FLAGS),
        has(DAD_FAILED, PASS, 21),
        has(TENTATIVE_OR_WITHOUT_DAD, DROP, PASS),
        is(u32::from(libc::RTM_NEWNEIGH), 23, DROP),
        load(BPF_B, ADDRESS_FAMILY),
        is(IPV6, 25, DROP),
        load(BPF_B, ADDRESS_LINK),
        is(LINK_INDEX, 27, DROP),
        load(BPF_B, NEIGHBOUR_STATE),
        has(REACHABLE_OR_FAILED, 29, DROP),
        load(BPF_B, NEIGHBOUR_FLAGS),
        has(ROUTER, PASS, DROP),
    ];
    assembled(&program)
}

/// An operation of a program.
#[derive(Debug, Clone, Copy)]
enum Op {
    /// This, with its operand; the next operation follows.
    Do(u32, u32),
    /// A comparison with its operand, and the numbers of the operations that follow if it holds, and if not.
    If(u32, u32, usize, usize),
}

/// In place of an operation's number: the packet is passed, or dropped.
const PASS: usize = usize::MAX;
const DROP: usize = usize::MAX - 1;

/// Loads what stands at this offset.
const fn load(size: u32, offset: u32) -> Op {
    Op::Do(BPF_LD | size | BPF_ABS, offset)
}

const fn is(value: u32, then: usize, otherwise: usize) -> Op {
    Op::If(BPF_JEQ, value, then, otherwise)
}

/// Whether any of these bits is set.
const fn has(bits: u32, then: usize, otherwise: usize) -> Op {
    Op::If(BPF_JSET, bits, then, otherwise)
}

const fn always(then: usize) -> Op {
    Op::If(BPF_JGE, 0, then, then)
}

/// The program as the kernel takes it, where jumps count from the next operation and only lead forward.
fn assembled(program: &[Op]) -> Vec<SockFilter> {
    let end = program.len();
    let mut operations: Vec<_> = program
        .iter()
        .enumerate()
        .map(|(at, operation)| match *operation {
            Op::Do(code, operand) => op(code, 0, 0, operand),
            Op::If(comparison, operand, then, otherwise) => {
                let jump = |to: usize| {
                    let to = match to {
                        PASS => end,
                        DROP => end + 1,
                        to => to,
                    };
                    (to - at - 1) as u8
                };
                let code = BPF_JMP | comparison | BPF_K;
                op(code, jump(then), jump(otherwise), operand)
            }
        })
        .collect();
    operations.push(op(BPF_RET | BPF_K, 0, 0, u32::MAX));
    operations.push(op(BPF_RET | BPF_K, 0, 0, 0));
    operations
}

/// One operation: where to go on from a comparison, counted from the next operation, and its operand.
fn op(code: u32, jump_true: u8, jump_false: u8, operand: u32) -> SockFilter {
    SockFilter::new(code as u16, jump_true, jump_false, operand)
}
