//! A stranger on the LAN, and the frames that it makes, byte by byte: none of it is lanherd's own code.

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use lanherd::identity::Mac;
use lanherd_net::router_socket::RouterSocket;
use tokio::time::{sleep, timeout};

pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
pub const ALL_NODES_MAC: Mac = Mac([0x33, 0x33, 0, 0, 0, 1]);
/// Where the stranger speaks from.
pub const STRANGER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0xbad, 0, 0, 1);
pub const STRANGER_MAC: Mac = Mac([0x02, 0xba, 0xd0, 0, 0, 1]);

const ICMPV6: u8 = 58;
const UDP: u8 = 17;
const FRAGMENT: u8 = 44;

/// The ends of a frame.
#[derive(Debug, Clone, Copy)]
pub struct Ends {
    pub mac: Mac,
    pub source: Ipv6Addr,
    pub to_mac: Mac,
    pub to: Ipv6Addr,
}

impl Ends {
    /// From the stranger to everybody.
    pub const TO_ALL: Self = Self {
        mac: STRANGER_MAC,
        source: STRANGER,
        to_mac: ALL_NODES_MAC,
        to: ALL_NODES,
    };
}

/// The checksum of IPv6 (RFC 8200, 8.1).
fn checksum(ends: &Ends, protocol: u8, content: &[u8]) -> u16 {
    let length = u32::try_from(content.len()).expect("short").to_be_bytes();
    let addresses = [ends.source.octets(), ends.to.octets()].concat();
    let all = [&addresses, &length[..], &[0, 0, 0, protocol], content].concat();
    let mut sum: u32 = 0;
    for pair in all.chunks(2) {
        sum += u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from);
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    match !u16::try_from(sum).expect("folded") {
        0 => 0xffff,
        sum => sum,
    }
}

/// A packet of IPv6 in its frame.
fn packet(ends: &Ends, next_header: u8, hop_limit: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("short").to_be_bytes();
    let mut frame = [ends.to_mac.octets(), ends.mac.octets()].concat();
    frame.extend([
        0x86,
        0xdd,
        0x60,
        0,
        0,
        0,
        length[0],
        length[1],
        next_header,
        hop_limit,
    ]);
    frame.extend(ends.source.octets());
    frame.extend(ends.to.octets());
    frame.extend(content);
    frame
}

fn summed(ends: &Ends, message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    message[2..4].fill(0);
    let sum = checksum(ends, ICMPV6, &message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

/// A message of `ICMPv6` with a right checksum.
pub fn icmp6(ends: &Ends, hop_limit: u8, message: &[u8]) -> Vec<u8> {
    packet(ends, ICMPV6, hop_limit, &summed(ends, message))
}

/// The same in fragments (RFC 8200, 4.5).
pub fn icmp6_in_fragments(ends: &Ends, message: &[u8]) -> Vec<Vec<u8>> {
    fragments(ends, ICMPV6, &summed(ends, message))
}

fn fragments(ends: &Ends, protocol: u8, content: &[u8]) -> Vec<Vec<u8>> {
    const PIECE: usize = 1_232;
    let pieces = content.chunks(PIECE).enumerate();
    let pieces = pieces.map(|(number, piece)| {
        let offset = number * PIECE;
        let more = u16::from(offset + piece.len() < content.len());
        let offset = (u16::try_from(offset).expect("a packet's") | more).to_be_bytes();
        let header = [protocol, 0, offset[0], offset[1], 0, 0, 0xba, 0xd0];
        packet(ends, FRAGMENT, 255, &[&header[..], piece].concat())
    });
    pieces.collect()
}

fn datagram(ends: &Ends, message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len() + 8)
        .expect("short")
        .to_be_bytes();
    let mut datagram = [0x02, 0x23, 0x02, 0x22, length[0], length[1], 0, 0].to_vec();
    datagram.extend(message);
    let sum = checksum(ends, UDP, &datagram).to_be_bytes();
    datagram[6..8].copy_from_slice(&sum);
    datagram
}

/// A message of a DHCPv6 server's.
pub fn dhcp6(ends: &Ends, message: &[u8]) -> Vec<u8> {
    packet(ends, UDP, 64, &datagram(ends, message))
}

/// The same in fragments.
pub fn dhcp6_in_fragments(ends: &Ends, message: &[u8]) -> Vec<Vec<u8>> {
    fragments(ends, UDP, &datagram(ends, message))
}

/// A router advertisement (RFC 4861, 4.2) with these options.
pub fn advertisement(lifetime: u16, options: &[Vec<u8>]) -> Vec<u8> {
    let mut message = vec![134, 0, 0, 0, 64, 0];
    message.extend(lifetime.to_be_bytes());
    message.extend([0; 8]);
    message.extend(options.concat());
    message
}

/// A prefix that hosts may form addresses of (RFC 4861, 4.6.2), valid and preferred for so many seconds.
pub fn prefix(prefix: Ipv6Addr, seconds: u32) -> Vec<u8> {
    let mut option = vec![3, 4, 64, 0xc0];
    option.extend(seconds.to_be_bytes());
    option.extend(seconds.to_be_bytes());
    option.extend([0; 4]);
    option.extend(prefix.octets());
    option
}

/// A route of 64 bits (RFC 4191, 2.3), much preferred.
pub fn route(prefix: Ipv6Addr, seconds: u32) -> Vec<u8> {
    let mut option = vec![24, 2, 64, 0x08];
    option.extend(seconds.to_be_bytes());
    option.extend(&prefix.octets()[..8]);
    option
}

/// A stranger's place on the LAN.
pub struct Stranger(RouterSocket);

impl Stranger {
    pub fn on(interface: &str) -> Self {
        let index = nix::net::if_::if_nametoindex(interface).expect("an interface");
        Self(RouterSocket::open(index).expect("this test needs root: it sends as anybody may"))
    }

    /// Puts a frame on the link, and waits for room.
    pub async fn send(&self, frame: &[u8]) {
        let started = Instant::now();
        while let Err(error) = self.0.send(frame) {
            assert!(started.elapsed() < Duration::from_secs(10), "{error}");
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Forgets what it has heard so far.
    pub async fn forget(&self) {
        let nothing = |_: &[u8]| None::<()>;
        self.hear(Duration::from_millis(100), nothing).await;
    }

    /// Waits for a frame of which this makes something.
    pub async fn hear<T>(
        &self,
        limit: Duration,
        mut made: impl FnMut(&[u8]) -> Option<T>,
    ) -> Option<T> {
        let mut buffer = RouterSocket::buffer();
        let listening = async {
            loop {
                while let Ok(length) = self.0.try_receive(&mut buffer) {
                    if let Some(made) = made(&buffer[..length]) {
                        return made;
                    }
                }
                if self.0.readable().await.is_err() {
                    sleep(Duration::from_millis(10)).await;
                }
            }
        };
        timeout(limit, listening).await.ok()
    }
}
