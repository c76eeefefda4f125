//! The floor's DHCP and router discovery: just enough bytes to be served, read with just enough care to be safe.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;

use lanherd::identity::Mac;
use socket2::{Domain, SockAddr, SockFilter, Socket, Type};

/// What a server granted.
pub struct Grant {
    pub address: Ipv4Addr,
    pub prefix_len: u8,
    pub router: Ipv4Addr,
    pub server: Ipv4Addr,
    pub server_mac: Mac,
}

/// What a server says that matters here.
pub enum Reply {
    Offer(Grant),
    Ack(Grant),
}

const ETHERNET: usize = 14;
const IP: usize = 20;
const UDP: usize = 8;
const OPTIONS: usize = ETHERNET + IP + UDP + 240;

/// The type of a router advertisement (RFC 4861, 4.2), and where its options begin behind the IPv6 header.
const ADVERTISEMENT: u8 = 134;
const ADVERTISED: usize = 16;
const IP6: usize = 40;

/// The lowest transaction number; a client's index is added, so that a reply names its client.
const XID: u32 = 0x6265_0000;

/// What a router advertised.
pub struct Advertised {
    /// The first half of the client's address.
    pub prefix: [u8; 8],
    pub router: Ipv6Addr,
    pub router_mac: Mac,
}

/// The herd's only raw socket on `parent`: deaf until its filter, IPv4 UDP to port 68 and router advertisements, is in place.
#[allow(unsafe_code, reason = "AF_PACKET has no safe address type")]
pub fn open(parent: &str) -> io::Result<Socket> {
    let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
    let load = |size: u16, at| SockFilter::new(0x20 | size, 0, 0, at);
    let unless = |value, skip| SockFilter::new(0x15, 0, skip, value);
    socket.attach_filter(&[
        load(0x08, 12), // ethertype, half word
        unless(0x0800, 5),
        load(0x10, 23), // protocol, byte
        unless(17, 9),
        SockFilter::new(0xb1, 0, 0, 14), // x = length of the IP header
        SockFilter::new(0x48, 0, 0, 16), // half word at x + 16: the UDP destination
        SockFilter::new(0x15, 5, 6, 68),
        unless(0x86dd, 5),
        load(0x10, 20), // next header, byte
        unless(58, 3),
        load(0x10, 54), // ICMPv6 type, byte
        unless(ADVERTISEMENT.into(), 1),
        SockFilter::new(0x06, 0, 0, 0x4_0000), // keep
        SockFilter::new(0x06, 0, 0, 0),        // drop
    ])?;
    let one: libc::c_int = 1;
    let index = super::kernel::index_of(parent)?;
    // SAFETY: the pointer and the length describe `one`, which outlives the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_IGNORE_OUTGOING,
            (&raw const one).cast(),
            4,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    socket.set_recv_buffer_size(4 << 20)?;
    // SAFETY: `storage` is zeroed and larger than a `sockaddr_ll`, which is written whole.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, length| {
            let link = storage.cast::<libc::sockaddr_ll>();
            (*link).sll_family = libc::AF_PACKET as u16;
            (*link).sll_protocol = (libc::ETH_P_ALL as u16).to_be();
            (*link).sll_ifindex = index as i32;
            *length = size_of::<libc::sockaddr_ll>() as u32;
            Ok(())
        })?
    };
    socket.bind(&address)?;
    Ok(socket)
}

/// A DISCOVER as a whole frame.
pub fn discover(mac: Mac, index: usize) -> Vec<u8> {
    frame(mac, index, &[53, 1, 1])
}

/// The REQUEST that takes up `grant`.
pub fn request(mac: Mac, index: usize, grant: &Grant) -> Vec<u8> {
    let mut options = vec![53, 1, 3, 50, 4];
    options.extend(grant.address.octets());
    options.extend([54, 4]);
    options.extend(grant.server.octets());
    frame(mac, index, &options)
}

fn frame(mac: Mac, index: usize, options: &[u8]) -> Vec<u8> {
    const DHCP: usize = 300;
    let mut frame = vec![0; ETHERNET + IP + UDP + DHCP];
    frame[..6].fill(0xff);
    frame[6..12].copy_from_slice(&mac.octets());
    frame[12..14].copy_from_slice(&[8, 0]);
    let ip = &mut frame[ETHERNET..];
    ip[0] = 0x45;
    ip[2..4].copy_from_slice(&((IP + UDP + DHCP) as u16).to_be_bytes());
    ip[8] = 64;
    ip[9] = 17;
    ip[16..20].fill(0xff);
    let sum = checksum(&ip[..IP]);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    let udp = &mut ip[IP..];
    udp[..4].copy_from_slice(&[0, 68, 0, 67]);
    udp[4..6].copy_from_slice(&((UDP + DHCP) as u16).to_be_bytes()); // no checksum: allowed in IPv4
    let dhcp = &mut udp[UDP..];
    dhcp[..3].copy_from_slice(&[1, 1, 6]);
    dhcp[4..8].copy_from_slice(&(XID + index as u32).to_be_bytes());
    dhcp[28..34].copy_from_slice(&mac.octets());
    dhcp[236..240].copy_from_slice(&[99, 130, 83, 99]);
    dhcp[240..240 + options.len()].copy_from_slice(options);
    let end = 240 + options.len();
    dhcp[end..end + 6].copy_from_slice(&[55, 3, 1, 3, 6, 255]);
    frame
}

/// The client and what it was told, where `frame` is an OFFER or an ACK of ours.
pub fn read(frame: &[u8]) -> Option<(usize, Reply)> {
    let dhcp = frame.get(ETHERNET + IP + UDP..)?;
    let xid = u32::from_be_bytes(dhcp.get(4..8)?.try_into().ok()?);
    let index = xid.checked_sub(XID)? as usize;
    let mut kind = 0;
    let mut grant = Grant {
        address: address(dhcp.get(16..20)?)?,
        prefix_len: 24,
        router: Ipv4Addr::UNSPECIFIED,
        server: Ipv4Addr::UNSPECIFIED,
        server_mac: Mac(frame.get(6..12)?.try_into().ok()?),
    };
    let mut rest = frame.get(OPTIONS..)?;
    while let [code, after @ ..] = rest {
        match code {
            0 => rest = after,
            255 => break,
            _ => {
                let length = usize::from(*after.first()?);
                let value = after.get(1..=length)?;
                match code {
                    53 => kind = *value.first()?,
                    1 => grant.prefix_len = u32::from(address(value)?).leading_ones() as u8,
                    3 => grant.router = address(value)?,
                    54 => grant.server = address(value)?,
                    _ => {}
                }
                rest = &after[1 + length..];
            }
        }
    }
    match kind {
        2 => Some((index, Reply::Offer(grant))),
        5 => Some((index, Reply::Ack(grant))),
        _ => None,
    }
}

/// A router solicitation as a whole frame, from the client's link-local address (RFC 4861, 4.1).
pub fn solicitation(mac: Mac) -> Vec<u8> {
    let body = [133, 0, 0, 0, 0, 0, 0, 0, 1, 1];
    let mut frame = vec![0x33, 0x33, 0, 0, 0, 2];
    frame.extend(mac.octets());
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 16, 58, 255]);
    frame.extend(link_local(mac).octets());
    frame.extend(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2).octets());
    frame.extend(body);
    frame.extend(mac.octets());
    // The pseudo header (RFC 8200, 8.1) has length and next header in other places, and the same sum.
    let mut summed = frame[ETHERNET + 8..].to_vec();
    summed.extend([0, 16, 0, 58]);
    let sum = checksum(&summed);
    frame[ETHERNET + IP6 + 2..][..2].copy_from_slice(&sum.to_be_bytes());
    frame
}

/// Whom an advertisement is for, and what it says, where `frame` is one that gives a prefix.
pub fn read_advertisement(frame: &[u8]) -> Option<(Mac, Advertised)> {
    if frame.get(12..14)? != [0x86, 0xdd] || *frame.get(ETHERNET + IP6)? != ADVERTISEMENT {
        return None;
    }
    let router: [u8; 16] = frame.get(ETHERNET + 8..ETHERNET + 24)?.try_into().ok()?;
    let mut options = frame.get(ETHERNET + IP6 + ADVERTISED..)?;
    loop {
        let length = usize::from(*options.get(1)?) * 8;
        let option = options.get(..length).filter(|option| !option.is_empty())?;
        // Prefix information, with its A flag (RFC 4861, 4.6.2).
        if option[0] == 3 && length == 32 && option[3] & 0x40 != 0 {
            let advertised = Advertised {
                prefix: option[16..24].try_into().ok()?,
                router: router.into(),
                router_mac: Mac(frame[6..12].try_into().ok()?),
            };
            return Some((Mac(frame[..6].try_into().ok()?), advertised));
        }
        options = &options[length..];
    }
}

/// The client's link-local address, by its MAC (RFC 4291, appendix A).
pub fn link_local(mac: Mac) -> Ipv6Addr {
    formed([0xfe, 0x80, 0, 0, 0, 0, 0, 0], mac)
}

/// The client's address below a prefix, by its MAC.
pub fn formed(prefix: [u8; 8], mac: Mac) -> Ipv6Addr {
    let mac = mac.octets();
    let mut octets = [0; 16];
    octets[..8].copy_from_slice(&prefix);
    octets[8..11].copy_from_slice(&mac[..3]);
    octets[8] ^= 2;
    octets[11..13].copy_from_slice(&[0xff, 0xfe]);
    octets[13..].copy_from_slice(&mac[3..]);
    octets.into()
}

fn address(bytes: &[u8]) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    Some(octets.into())
}

/// An ICMP echo request (RFC 792).
pub fn echo_request(index: usize) -> [u8; 64] {
    let mut packet = [0; 64];
    packet[0] = 8;
    packet[4..6].copy_from_slice(&(index as u16).to_be_bytes());
    let sum = checksum(&packet);
    packet[2..4].copy_from_slice(&sum.to_be_bytes());
    packet
}

/// Whether an IPv4 packet holds an ICMP echo reply.
pub fn is_echo_reply(packet: &[u8]) -> bool {
    packet
        .first()
        .is_some_and(|first| packet.get(usize::from(first & 15) * 4) == Some(&0))
}

/// An ICMPv6 echo request (RFC 4443, 4.1); the kernel adds its checksum.
pub fn echo6_request(index: usize) -> [u8; 64] {
    let mut packet = [0; 64];
    packet[0] = 128;
    packet[4..6].copy_from_slice(&(index as u16).to_be_bytes());
    packet
}

/// Whether an ICMPv6 message is an echo reply.
pub fn is_echo6_reply(message: &[u8]) -> bool {
    message.first() == Some(&129)
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
