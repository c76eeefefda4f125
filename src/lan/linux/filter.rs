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

use crate::lan::frame::CLIENT_PORT;

/// Passes nothing.
pub(super) fn nothing() -> [SockFilter; 1] {
    [op(BPF_RET | BPF_K, 0, 0, 0)]
}

/// Passes whole IPv4/UDP datagrams for port 68 without a VLAN tag; the place for ARP is beside the first comparison.
///
/// Offsets count from the Ethernet header. A frame with a VLAN tag belongs to another LAN, though the kernel hands it
/// on with the tag taken off.
pub(super) fn for_clients() -> [SockFilter; 13] {
    const VLAN_TAG_PRESENT: u32 =
        (libc::SKF_AD_OFF + libc::SKF_AD_VLAN_TAG_PRESENT).cast_unsigned();
    const MORE_FRAGMENTS_OR_OFFSET: u32 = 0x3fff;
    [
        op(BPF_LD | BPF_B | BPF_ABS, 0, 0, VLAN_TAG_PRESENT),
        op(BPF_JMP | BPF_JEQ | BPF_K, 0, 10, 0),
        op(BPF_LD | BPF_H | BPF_ABS, 0, 0, 12),
        op(
            BPF_JMP | BPF_JEQ | BPF_K,
            0,
            8,
            libc::ETH_P_IP.cast_unsigned(),
        ),
        op(BPF_LD | BPF_B | BPF_ABS, 0, 0, 23),
        op(
            BPF_JMP | BPF_JEQ | BPF_K,
            0,
            6,
            libc::IPPROTO_UDP.cast_unsigned(),
        ),
        op(BPF_LD | BPF_H | BPF_ABS, 0, 0, 20),
        op(BPF_JMP | BPF_JSET | BPF_K, 4, 0, MORE_FRAGMENTS_OR_OFFSET),
        op(BPF_LDX | BPF_B | BPF_MSH, 0, 0, 14),
        op(BPF_LD | BPF_H | BPF_IND, 0, 0, 16),
        op(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, u32::from(CLIENT_PORT)),
        op(BPF_RET | BPF_K, 0, 0, u32::MAX),
        op(BPF_RET | BPF_K, 0, 0, 0),
    ]
}

/// One operation: where to go on from a comparison, counted from the next operation, and its operand.
fn op(code: u32, jump_true: u8, jump_false: u8, operand: u32) -> SockFilter {
    SockFilter::new(code as u16, jump_true, jump_false, operand)
}
