//! Socket filters: programs of the classic Berkeley packet filter, which the kernel runs on each packet.
#![allow(
    clippy::cast_possible_truncation,
    reason = "libc gives the 16-bit operation codes as u32"
)]

use libc::{
    BPF_ABS, BPF_B, BPF_H, BPF_IND, BPF_JEQ, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_LDX, BPF_MSH,
    BPF_RET,
};
use socket2::SockFilter;

use crate::frame::{CLIENT_PORT, SERVER_PORT};

/// Passes nothing.
pub(super) fn nothing() -> [SockFilter; 1] {
    [op(BPF_RET | BPF_K, 0, 0, 0)]
}

/// Passes whole IPv4/UDP datagrams for ports 68 and 67, and ARP packets if asked for, without a VLAN tag. What clients send
/// to servers tells of another herd that has the same MACs.
///
/// Offsets count from the Ethernet header. A frame with a VLAN tag belongs to another LAN, though the kernel hands it
/// on with the tag taken off.
pub(super) fn for_clients(with_arp: bool) -> [SockFilter; 15] {
    const VLAN_TAG_PRESENT: u32 =
        (libc::SKF_AD_OFF + libc::SKF_AD_VLAN_TAG_PRESENT).cast_unsigned();
    const MORE_FRAGMENTS_OR_OFFSET: u32 = 0x3fff;
    let arp_goes_to = if with_arp { 9 } else { 10 };
    [
        op(BPF_LD | BPF_B | BPF_ABS, 0, 0, VLAN_TAG_PRESENT),
        op(BPF_JMP | BPF_JEQ | BPF_K, 0, 12, 0),
        op(BPF_LD | BPF_H | BPF_ABS, 0, 0, 12),
        op(
            BPF_JMP | BPF_JEQ | BPF_K,
            arp_goes_to,
            0,
            libc::ETH_P_ARP.cast_unsigned(),
        ),
        op(
            BPF_JMP | BPF_JEQ | BPF_K,
            0,
            9,
            libc::ETH_P_IP.cast_unsigned(),
        ),
        op(BPF_LD | BPF_B | BPF_ABS, 0, 0, 23),
        op(
            BPF_JMP | BPF_JEQ | BPF_K,
            0,
            7,
            libc::IPPROTO_UDP.cast_unsigned(),
        ),
        op(BPF_LD | BPF_H | BPF_ABS, 0, 0, 20),
        op(BPF_JMP | BPF_JSET | BPF_K, 5, 0, MORE_FRAGMENTS_OR_OFFSET),
        op(BPF_LDX | BPF_B | BPF_MSH, 0, 0, 14),
        op(BPF_LD | BPF_H | BPF_IND, 0, 0, 16),
        op(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, u32::from(CLIENT_PORT)),
        op(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, u32::from(SERVER_PORT)),
        op(BPF_RET | BPF_K, 0, 0, u32::MAX),
        op(BPF_RET | BPF_K, 0, 0, 0),
    ]
}

/// Passes what `NETLINK_ROUTE` tells of things that were taken away: links, addresses and routes removed, links that are
/// down. Offsets count from the header of the message, whose numbers are in the host's byte order (netlink(7)).
pub(super) fn for_losses() -> [SockFilter; 9] {
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
    let is = |kind: u16, jump| op(BPF_JMP | BPF_JEQ | BPF_K, jump, 0, u32::from(kind));
    [
        // All these types are below 256.
        op(BPF_LD | BPF_B | BPF_ABS, 0, 0, TYPE),
        is(libc::RTM_DELLINK, 5),
        is(libc::RTM_DELADDR, 4),
        is(libc::RTM_DELROUTE, 3),
        op(
            BPF_JMP | BPF_JEQ | BPF_K,
            0,
            3,
            u32::from(libc::RTM_NEWLINK),
        ),
        op(BPF_LD | BPF_B | BPF_ABS, 0, 0, LINK_FLAGS),
        op(
            BPF_JMP | BPF_JSET | BPF_K,
            1,
            0,
            libc::IFF_UP.cast_unsigned(),
        ),
        op(BPF_RET | BPF_K, 0, 0, u32::MAX),
        op(BPF_RET | BPF_K, 0, 0, 0),
    ]
}

/// One operation: where to go on from a comparison, counted from the next operation, and its operand.
fn op(code: u32, jump_true: u8, jump_false: u8, operand: u32) -> SockFilter {
    SockFilter::new(code as u16, jump_true, jump_false, operand)
}
