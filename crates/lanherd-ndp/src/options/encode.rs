//! Options onto the wire.

use lanherd_types::domain_name::write_uncompressed;
use lanherd_types::identity::Mac;

use super::{EncryptedDns, NdOption, Pref64, PrefixInformation, RouteInformation};
use crate::Lifetime;

/// The longest option in bytes: 255 units of 8 (RFC 4861, 4.6).
const MAX_LEN: usize = 255 * 8;

/// Writes an option, with zeros up to a multiple of 8 bytes. One that does not fit, or says what cannot be said, is left
/// out.
pub(crate) fn encode_option(bytes: &mut Vec<u8>, option: &NdOption) {
    let start = bytes.len();
    bytes.extend([option.code(), 0]);
    let is_sayable = write_value(bytes, option);
    let length = (bytes.len() - start).next_multiple_of(8);
    if !is_sayable || length > MAX_LEN {
        bytes.truncate(start);
        return;
    }
    bytes.resize(start + length, 0);
    bytes[start + 1] = u8::try_from(length / 8).unwrap_or(u8::MAX);
}

/// Whether it could be written.
fn write_value(bytes: &mut Vec<u8>, option: &NdOption) -> bool {
    match option {
        NdOption::SourceLinkLayer(Mac(octets)) | NdOption::TargetLinkLayer(Mac(octets)) => {
            bytes.extend(octets);
        }
        NdOption::Prefix(information) => write_prefix(bytes, information),
        NdOption::RedirectedHeader(header) => {
            bytes.extend([0; 6]);
            bytes.extend(header);
        }
        NdOption::Mtu(mtu) => {
            bytes.extend([0; 2]);
            bytes.extend(mtu.to_be_bytes());
        }
        NdOption::Nonce(value) | NdOption::Other { value, .. } => bytes.extend(value),
        NdOption::Route(route) => write_route(bytes, route),
        NdOption::Resolvers(resolvers) => {
            write_reserved_and_lifetime(bytes, resolvers.lifetime);
            for server in &resolvers.servers {
                bytes.extend(server.octets());
            }
        }
        NdOption::SearchList(list) => {
            write_reserved_and_lifetime(bytes, list.lifetime);
            for name in &list.names {
                write_uncompressed(bytes, name);
            }
        }
        NdOption::CaptivePortal(uri) => bytes.extend(uri.as_bytes()),
        NdOption::Pref64(pref64) => return write_pref64(bytes, pref64),
        NdOption::EncryptedDns(encrypted) => return write_encrypted_dns(bytes, encrypted),
    }
    true
}

fn write_reserved_and_lifetime(bytes: &mut Vec<u8>, lifetime: Lifetime) {
    bytes.extend([0; 2]);
    bytes.extend(lifetime.as_secs().to_be_bytes());
}

fn write_prefix(bytes: &mut Vec<u8>, information: &PrefixInformation) {
    let flags = [
        (information.on_link, 0x80),
        (information.autonomous, 0x40),
        (information.router_address, 0x20),
        (information.delegation_preferred, 0x10),
    ];
    let flags: u8 = flags
        .iter()
        .filter(|(set, _)| *set)
        .map(|(_, bit)| bit)
        .sum();
    bytes.extend([information.prefix.length(), flags]);
    bytes.extend(information.valid.as_secs().to_be_bytes());
    bytes.extend(information.preferred.as_secs().to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(information.prefix.address().octets());
}

/// As short as the prefix allows (RFC 4191, 2.3).
fn write_route(bytes: &mut Vec<u8>, route: &RouteInformation) {
    let room = match route.prefix.length() {
        0 => 0,
        1..=64 => 8,
        _ => 16,
    };
    bytes.extend([route.prefix.length(), route.preference.bits() << 3]);
    bytes.extend(route.lifetime.as_secs().to_be_bytes());
    bytes.extend(&route.prefix.address().octets()[..room]);
}

fn write_pref64(bytes: &mut Vec<u8>, pref64: &Pref64) -> bool {
    let code = Pref64::LENGTHS
        .iter()
        .position(|length| *length == pref64.prefix.length());
    let Some(code) = code.and_then(|code| u16::try_from(code).ok()) else {
        return false;
    };
    // RFC 8781, 4.1: the lifetime is counted in eights of seconds.
    let seconds = pref64.lifetime.as_secs().min(Pref64::MAX_LIFETIME);
    let scaled = u16::try_from(seconds.next_multiple_of(8)).unwrap_or(!0b111);
    bytes.extend((scaled | code).to_be_bytes());
    bytes.extend(&pref64.prefix.address().octets()[..12]);
    true
}

fn write_encrypted_dns(bytes: &mut Vec<u8>, encrypted: &EncryptedDns) -> bool {
    let mut name = Vec::new();
    if !write_uncompressed(&mut name, &encrypted.name) {
        return false;
    }
    bytes.extend(encrypted.priority.to_be_bytes());
    bytes.extend(encrypted.lifetime.as_secs().to_be_bytes());
    let mut part = |length: usize, value: &[u8]| {
        let Ok(length) = u16::try_from(length) else {
            return false;
        };
        bytes.extend(length.to_be_bytes());
        bytes.extend(value);
        true
    };
    let mut is_sayable = part(name.len(), &name);
    if !encrypted.addresses.is_empty() || !encrypted.parameters.is_empty() {
        let octets = encrypted.addresses.iter().map(std::net::Ipv6Addr::octets);
        let octets: Vec<u8> = octets.flatten().collect();
        is_sayable &= part(octets.len(), &octets);
        is_sayable &= part(encrypted.parameters.len(), &encrypted.parameters);
    }
    is_sayable
}
