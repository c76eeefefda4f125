//! The options of a message, off the wire: our own walker, which names the option and the byte of whatever it refuses.

use std::net::Ipv6Addr;
use std::ops::Range;

use lanherd_types::domain_name::NameList;
use lanherd_types::identity::Mac;
use lanherd_types::ipv6::{Prefix, is_host};

use super::{
    EncryptedDns, MAX_OPTIONS, MAX_URI_LEN, NdOption, Pref64, Preference, PrefixInformation,
    Resolvers, RouteInformation, SearchList, code,
};
use crate::Lifetime;
use crate::error::{Reason, Wrong};
use crate::kind::MessageKind;
use crate::remark::{Notes, Remark, RemarkReason};

/// Options are counted in eights of bytes (RFC 4861, 4.6).
const UNIT: usize = 8;
/// How many resolvers, and how many names, of one option are kept.
const MAX_SERVERS: usize = 32;
const MAX_NAMES: usize = 32;

/// Why an option is passed over as a whole.
type Flawed = RemarkReason;

/// The options that stand in `place` of the packet `bytes`, a message of that kind.
pub(crate) fn decode_options(
    bytes: &[u8],
    place: Range<usize>,
    kind: MessageKind,
) -> Result<(Vec<NdOption>, Notes), Wrong> {
    let mut options = Vec::new();
    let mut notes = Notes::default();
    let mut is_full = false;
    let mut offset = place.start;
    while offset < place.end {
        let (number, option) = one(bytes, offset, place.end)?;
        let length = option.len() + 2;
        let mut remark = |reason| {
            notes.remarks.push(Remark {
                option: Some(number),
                offset,
                length,
                reason,
            });
        };
        if options.len() >= MAX_OPTIONS {
            // The walk goes on: an option of length 0 behind it voids the message all the same.
            if !is_full {
                remark(RemarkReason::OverLimit);
            }
            is_full = true;
        } else if !belongs_into(number, kind) {
            // RFC 4861, 4.6.1: an option that does not belong into a message is ignored.
            remark(RemarkReason::Misplaced);
        } else {
            match read(number, option) {
                Ok((option, partly)) => {
                    if let Some(reason) = partly {
                        remark(reason);
                    }
                    options.push(option);
                    notes.offsets.push(offset);
                }
                // RFC 4861, 6.1.2: unknown options are passed over, and a malformed one costs itself alone.
                Err(reason) => remark(reason),
            }
        }
        offset += length;
    }
    Ok((options, notes))
}

/// The option at `offset`: its type, and what follows type and length.
fn one(bytes: &[u8], offset: usize, end: usize) -> Result<(u8, &[u8]), Wrong> {
    let number = bytes[offset];
    let truncated = Wrong::new(Reason::TruncatedOption(number), offset);
    let Some(&units) = bytes[..end].get(offset + 1) else {
        return Err(truncated);
    };
    // RFC 4861, 4.6: a message with an option of length 0 is discarded.
    if units == 0 {
        return Err(Wrong::new(Reason::ZeroLengthOption(number), offset));
    }
    match bytes[..end].get(offset + 2..offset + usize::from(units) * UNIT) {
        Some(value) => Ok((number, value)),
        None => Err(truncated),
    }
}

/// Whether an option has a place in such a message. One that is not known here may.
const fn belongs_into(number: u8, kind: MessageKind) -> bool {
    match number {
        code::SOURCE_LINK_LAYER => matches!(
            kind,
            MessageKind::RouterSolicitation
                | MessageKind::RouterAdvertisement
                | MessageKind::NeighbourSolicitation
        ),
        code::TARGET_LINK_LAYER => matches!(
            kind,
            MessageKind::NeighbourAdvertisement | MessageKind::Redirect
        ),
        code::REDIRECTED_HEADER => matches!(kind, MessageKind::Redirect),
        code::PREFIX
        | code::MTU
        | code::ROUTE
        | code::RESOLVERS
        | code::SEARCH_LIST
        | code::CAPTIVE_PORTAL
        | code::PREF64
        | code::ENCRYPTED_DNS => matches!(kind, MessageKind::RouterAdvertisement),
        _ => true,
    }
}

/// What an option says, and what of it was passed over.
fn read(number: u8, value: &[u8]) -> Result<(NdOption, Option<Flawed>), Flawed> {
    let whole = |option| Ok((option, None));
    match number {
        code::SOURCE_LINK_LAYER => whole(NdOption::SourceLinkLayer(hardware_address(value)?)),
        code::TARGET_LINK_LAYER => whole(NdOption::TargetLinkLayer(hardware_address(value)?)),
        code::PREFIX => prefix_information(value),
        code::REDIRECTED_HEADER => {
            let header = value.get(6..).ok_or(RemarkReason::Length)?;
            whole(NdOption::RedirectedHeader(header.to_vec()))
        }
        code::MTU => {
            let &[_, _, a, b, c, d] = value else {
                return Err(RemarkReason::Length);
            };
            whole(NdOption::Mtu(u32::from_be_bytes([a, b, c, d])))
        }
        code::NONCE => whole(NdOption::Nonce(value.to_vec())),
        code::ROUTE => route_information(value),
        code::RESOLVERS => resolvers(value),
        code::SEARCH_LIST => search_list(value),
        code::CAPTIVE_PORTAL => captive_portal(value),
        code::PREF64 => pref64(value),
        code::ENCRYPTED_DNS => encrypted_dns(value),
        code => whole(NdOption::Other {
            code,
            value: value.to_vec(),
        }),
    }
}

/// Of Ethernet: one unit (RFC 2464, 6), and no group's address.
fn hardware_address(value: &[u8]) -> Result<Mac, Flawed> {
    let octets: [u8; 6] = value.try_into().map_err(|_| RemarkReason::Length)?;
    if octets[0] & 1 == 1 {
        return Err(RemarkReason::Value);
    }
    Ok(Mac(octets))
}

fn word_at(value: &[u8], offset: usize) -> Option<u32> {
    let bytes = value.get(offset..offset + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

fn short_at(value: &[u8], offset: usize) -> Option<usize> {
    let bytes = value.get(offset..offset + 2)?;
    Some(usize::from(u16::from_be_bytes(bytes.try_into().ok()?)))
}

/// The prefix in `bytes`, of 16 at most, and whether it has bits beyond its length.
fn prefix(bytes: &[u8], length: u8) -> Result<(Prefix, Option<Flawed>), Flawed> {
    let mut octets = [0; 16];
    octets[..bytes.len()].copy_from_slice(bytes);
    let address = Ipv6Addr::from(octets);
    let prefix = Prefix::new(address, length).ok_or(RemarkReason::Value)?;
    let beyond = (prefix.address() != address).then_some(RemarkReason::HostBits);
    Ok((prefix, beyond))
}

fn prefix_information(value: &[u8]) -> Result<(NdOption, Option<Flawed>), Flawed> {
    let &[length, flags, ref rest @ ..] = value else {
        return Err(RemarkReason::Length);
    };
    let (Some(valid), Some(preferred), Some(bytes)) =
        (word_at(rest, 0), word_at(rest, 4), rest.get(12..))
    else {
        return Err(RemarkReason::Length);
    };
    if bytes.len() != 16 {
        return Err(RemarkReason::Length);
    }
    let (prefix, beyond) = prefix(bytes, length)?;
    let router_address = flags & 0x20 != 0;
    let information = PrefixInformation {
        prefix,
        on_link: flags & 0x80 != 0,
        autonomous: flags & 0x40 != 0,
        router_address,
        delegation_preferred: flags & 0x10 != 0,
        valid: Lifetime::from_secs(valid),
        preferred: Lifetime::from_secs(preferred),
    };
    // With the R flag a whole address stands there by right (RFC 6275, 7.2).
    let beyond = beyond.filter(|_| !router_address);
    Ok((NdOption::Prefix(information), beyond))
}

fn route_information(value: &[u8]) -> Result<(NdOption, Option<Flawed>), Flawed> {
    let &[length, flags, ref rest @ ..] = value else {
        return Err(RemarkReason::Length);
    };
    let (Some(lifetime), Some(bytes)) = (word_at(rest, 0), rest.get(4..)) else {
        return Err(RemarkReason::Length);
    };
    // RFC 4191, 2.3: a route's option has room for its prefix, or it is ignored.
    if bytes.len() > 16 || usize::from(length.min(128)) > bytes.len() * 8 {
        return Err(RemarkReason::Length);
    }
    let (prefix, beyond) = prefix(bytes, length)?;
    // RFC 4191, 2.3: a route of the reserved preference is ignored.
    let preference = Preference::of_bits(flags >> 3).ok_or(RemarkReason::Value)?;
    let route = RouteInformation {
        prefix,
        preference,
        lifetime: Lifetime::from_secs(lifetime),
    };
    Ok((NdOption::Route(route), beyond))
}

// RFC 8106, 5.3.1: resolvers are unicast addresses in an option of odd length, or it is discarded.
fn resolvers(value: &[u8]) -> Result<(NdOption, Option<Flawed>), Flawed> {
    let (Some(lifetime), Some(bytes)) = (word_at(value, 2), value.get(6..)) else {
        return Err(RemarkReason::Length);
    };
    if bytes.is_empty() || !bytes.len().is_multiple_of(16) {
        return Err(RemarkReason::Length);
    }
    let all = addresses(bytes);
    let mut servers: Vec<_> = all.iter().copied().filter(|it| is_host(*it)).collect();
    if servers.is_empty() {
        return Err(RemarkReason::Value);
    }
    let partly = if servers.len() < all.len() {
        Some(RemarkReason::Value)
    } else {
        (servers.len() > MAX_SERVERS).then_some(RemarkReason::OverLimit)
    };
    servers.truncate(MAX_SERVERS);
    let resolvers = Resolvers {
        lifetime: Lifetime::from_secs(lifetime),
        servers,
    };
    Ok((NdOption::Resolvers(resolvers), partly))
}

fn addresses(bytes: &[u8]) -> Vec<Ipv6Addr> {
    let address = |octets: &[u8]| <[u8; 16]>::try_from(octets).ok().map(Ipv6Addr::from);
    bytes.chunks(16).filter_map(address).collect()
}

// RFC 8106, 5.3.1: a search list has room for a name, or it is discarded.
fn search_list(value: &[u8]) -> Result<(NdOption, Option<Flawed>), Flawed> {
    let (Some(lifetime), Some(bytes)) = (word_at(value, 2), value.get(6..)) else {
        return Err(RemarkReason::Length);
    };
    if bytes.is_empty() {
        return Err(RemarkReason::Length);
    }
    let found = NameList::read_uncompressed(bytes, true, MAX_NAMES);
    if found.names.is_empty() {
        return Err(RemarkReason::Value);
    }
    let partly = if found.dropped > 0 {
        Some(RemarkReason::Value)
    } else {
        (found.beyond > 0).then_some(RemarkReason::OverLimit)
    };
    let list = SearchList {
        lifetime: Lifetime::from_secs(lifetime),
        names: found.names,
    };
    Ok((NdOption::SearchList(list), partly))
}

// RFC 8910, 2.3: the URI of a captive portal is padded with zeros, and need not end with one.
fn captive_portal(value: &[u8]) -> Result<(NdOption, Option<Flawed>), Flawed> {
    let end = value.iter().rposition(|byte| *byte != 0);
    let uri = &value[..end.map_or(0, |last| last + 1)];
    let is_uri = !uri.is_empty() && uri.iter().all(u8::is_ascii_graphic);
    if !is_uri {
        return Err(RemarkReason::Value);
    }
    if uri.len() > MAX_URI_LEN {
        return Err(RemarkReason::OverLimit);
    }
    let uri = String::from_utf8(uri.to_vec()).map_err(|_| RemarkReason::Value)?;
    Ok((NdOption::CaptivePortal(uri), None))
}

fn pref64(value: &[u8]) -> Result<(NdOption, Option<Flawed>), Flawed> {
    let &[high, low, ref bytes @ ..] = value else {
        return Err(RemarkReason::Length);
    };
    // RFC 8781, 4: the option has 16 bytes, or it is ignored.
    if bytes.len() != 12 {
        return Err(RemarkReason::Length);
    }
    let scaled = u16::from_be_bytes([high, low]);
    let length = Pref64::LENGTHS.get(usize::from(scaled & 0b111));
    let (prefix, beyond) = prefix(bytes, *length.ok_or(RemarkReason::Value)?)?;
    // RFC 8781, 4.1: the lifetime is counted in eights of seconds.
    let lifetime = Lifetime::from_secs(u32::from(scaled & !0b111));
    Ok((NdOption::Pref64(Pref64 { prefix, lifetime }), beyond))
}

// RFC 9463, 6.1: resolvers over encrypted connections have a name, and may have addresses and parameters.
fn encrypted_dns(value: &[u8]) -> Result<(NdOption, Option<Flawed>), Flawed> {
    let (Some(priority), Some(lifetime), Some(name_length)) =
        (short_at(value, 0), word_at(value, 2), short_at(value, 6))
    else {
        return Err(RemarkReason::Length);
    };
    let rest = &value[8..];
    let name = rest.get(..name_length).ok_or(RemarkReason::Length)?;
    let mut found = NameList::read_uncompressed(name, false, 1);
    let name = match found.names.pop() {
        Some(name) if found.dropped == 0 && found.beyond == 0 => name,
        _ => return Err(RemarkReason::Value),
    };
    let rest = &rest[name_length..];
    // The length of nothing is a padding of zeros, too.
    let address_length = short_at(rest, 0).unwrap_or(0);
    let rest = rest.get(2..).unwrap_or_default();
    let bytes = rest.get(..address_length).ok_or(RemarkReason::Length)?;
    if !bytes.len().is_multiple_of(16) {
        return Err(RemarkReason::Length);
    }
    let addresses = addresses(bytes);
    if !addresses.iter().copied().all(is_host) {
        return Err(RemarkReason::Value);
    }
    let rest = &rest[address_length..];
    let parameters_length = short_at(rest, 0).unwrap_or(0);
    let rest = rest.get(2..).unwrap_or_default();
    let parameters = rest.get(..parameters_length).ok_or(RemarkReason::Length)?;
    let encrypted = EncryptedDns {
        priority: u16::try_from(priority).unwrap_or(u16::MAX),
        lifetime: Lifetime::from_secs(lifetime),
        name,
        addresses,
        parameters: parameters.to_vec(),
    };
    Ok((NdOption::EncryptedDns(encrypted), None))
}
