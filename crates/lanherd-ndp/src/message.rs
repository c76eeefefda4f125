//! The messages of neighbour discovery (RFC 4861, 4): fixed fields, and the options in the order in which they stand.

use std::net::Ipv6Addr;
use std::ops::Range;
use std::time::Duration;

use lanherd_types::identity::Mac;

use crate::Lifetime;
use crate::error::{Reason, Wrong};
use crate::kind::MessageKind;
use crate::options::{NdOption, Preference, decode_options, encode_option};
use crate::remark::{Notes, Remark, RemarkReason};

/// A message, without the packet that it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it says.
    pub body: Body,
    /// The options, in the order in which they stand. Malformed ones are not among them, but in the notes.
    pub options: Vec<NdOption>,
    /// What was noted when it was read; empty for one that was not.
    pub notes: Notes,
}

/// The fixed fields of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// A host asks who routes.
    RouterSolicitation,
    /// A router says that it does.
    RouterAdvertisement(RouterAdvertisement),
    /// Somebody asks for the holder of an address.
    NeighbourSolicitation {
        /// The address whose holder is asked for.
        target: Ipv6Addr,
    },
    /// The holder of an address says so.
    NeighbourAdvertisement(NeighbourAdvertisement),
    /// A router names a better next hop.
    Redirect {
        /// The next hop; the destination itself, where that is on the link.
        target: Ipv6Addr,
        /// Whither it is the better one.
        destination: Ipv6Addr,
    },
}

/// The fixed fields of a router advertisement (RFC 4861, 4.2; RFC 4191, 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::struct_excessive_bools, reason = "the flags of the message")]
pub struct RouterAdvertisement {
    /// The hop limit for what hosts send; `None`: unspecified (0).
    pub hop_limit: Option<u8>,
    /// The M flag: addresses are to be had by `DHCPv6`.
    pub managed: bool,
    /// The O flag: other parameters are to be had by `DHCPv6`.
    pub other: bool,
    /// The H flag: the router is a home agent (RFC 6275, 7.1).
    pub home_agent: bool,
    /// The P flag: the router passes on what another advertises (RFC 4389, 4.1.3.3).
    pub proxy: bool,
    /// How much the router is preferred; of a router whose lifetime is 0, always medium.
    pub preference: Preference,
    /// For how many seconds it is a default router; 0: it is none.
    pub lifetime: u16,
    /// How long a neighbour is taken for reachable after it was; `None`: unspecified (0).
    pub reachable: Option<Duration>,
    /// How long after a neighbour solicitation the next is sent; `None`: unspecified (0).
    pub retransmit: Option<Duration>,
}

impl Default for RouterAdvertisement {
    /// Of a router that is none: nothing is specified.
    fn default() -> Self {
        Self {
            hop_limit: None,
            managed: false,
            other: false,
            home_agent: false,
            proxy: false,
            preference: Preference::Medium,
            lifetime: 0,
            reachable: None,
            retransmit: None,
        }
    }
}

/// The fixed fields of a neighbour advertisement (RFC 4861, 4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NeighbourAdvertisement {
    /// The R flag: the sender is a router.
    pub router: bool,
    /// The S flag: it was asked.
    pub solicited: bool,
    /// The O flag: it replaces what was known.
    pub override_: bool,
    /// The address that it is about.
    pub target: Ipv6Addr,
}

impl Message {
    /// A message with that body and those options.
    pub fn new(body: Body, options: Vec<NdOption>) -> Self {
        Self {
            body,
            options,
            notes: Notes::default(),
        }
    }

    /// What it is.
    pub const fn kind(&self) -> MessageKind {
        match self.body {
            Body::RouterSolicitation => MessageKind::RouterSolicitation,
            Body::RouterAdvertisement(_) => MessageKind::RouterAdvertisement,
            Body::NeighbourSolicitation { .. } => MessageKind::NeighbourSolicitation,
            Body::NeighbourAdvertisement(_) => MessageKind::NeighbourAdvertisement,
            Body::Redirect { .. } => MessageKind::Redirect,
        }
    }

    /// The first source link-layer address among the options.
    pub fn source_link_layer(&self) -> Option<Mac> {
        self.options.iter().find_map(|option| match option {
            NdOption::SourceLinkLayer(mac) => Some(*mac),
            _ => None,
        })
    }

    /// The first target link-layer address among the options.
    pub fn target_link_layer(&self) -> Option<Mac> {
        self.options.iter().find_map(|option| match option {
            NdOption::TargetLinkLayer(mac) => Some(*mac),
            _ => None,
        })
    }

    /// Reads the `ICMPv6` message that stands in `place` of the packet `bytes`, and is of that kind. Its checksum is somebody
    /// else's concern.
    pub(crate) fn decode(
        bytes: &[u8],
        place: Range<usize>,
        kind: MessageKind,
    ) -> Result<Self, Wrong> {
        let start = place.start;
        let code = bytes.get(start + 1).copied().unwrap_or_default();
        // RFC 4861, 6.1.2: a message with a code other than 0 is discarded.
        if code != 0 {
            return Err(Wrong::new(Reason::Code(code), start + 1));
        }
        let least = kind.least_length();
        let fixed = &bytes[place.clone()];
        // RFC 4861, 6.1.2: a message without all of its fixed fields is discarded.
        if fixed.len() < least {
            let reason = Reason::TooShort {
                length: fixed.len(),
                least,
            };
            return Err(Wrong::new(reason, start));
        }
        let mut header_remark = None;
        let body = match kind {
            MessageKind::RouterSolicitation => Body::RouterSolicitation,
            MessageKind::RouterAdvertisement => {
                let (body, reserved) = router_advertisement(fixed);
                header_remark = reserved.then_some(start + 5);
                Body::RouterAdvertisement(body)
            }
            MessageKind::NeighbourSolicitation => Body::NeighbourSolicitation {
                target: address_at(fixed, 8),
            },
            MessageKind::NeighbourAdvertisement => {
                let flags = fixed[4];
                Body::NeighbourAdvertisement(NeighbourAdvertisement {
                    router: flags & 0x80 != 0,
                    solicited: flags & 0x40 != 0,
                    override_: flags & 0x20 != 0,
                    target: address_at(fixed, 8),
                })
            }
            MessageKind::Redirect => Body::Redirect {
                target: address_at(fixed, 8),
                destination: address_at(fixed, 24),
            },
        };
        let (options, mut notes) = decode_options(bytes, start + least..place.end, kind)?;
        if let Some(offset) = header_remark {
            let remark = Remark {
                option: None,
                offset,
                length: 1,
                reason: RemarkReason::ReservedPreference,
            };
            notes.remarks.insert(0, remark);
        }
        Ok(Self {
            body,
            options,
            notes,
        })
    }

    /// Writes the message with a checksum of 0.
    pub(crate) fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend([self.kind().number(), 0, 0, 0]);
        match &self.body {
            Body::RouterSolicitation => bytes.extend([0; 4]),
            Body::RouterAdvertisement(body) => write_router_advertisement(bytes, body),
            Body::NeighbourSolicitation { target } => {
                bytes.extend([0; 4]);
                bytes.extend(target.octets());
            }
            Body::NeighbourAdvertisement(body) => {
                let flags = flags(&[
                    (body.router, 0x80),
                    (body.solicited, 0x40),
                    (body.override_, 0x20),
                ]);
                bytes.extend([flags, 0, 0, 0]);
                bytes.extend(body.target.octets());
            }
            Body::Redirect {
                target,
                destination,
            } => {
                bytes.extend([0; 4]);
                bytes.extend(target.octets());
                bytes.extend(destination.octets());
            }
        }
        for option in &self.options {
            encode_option(bytes, option);
        }
    }
}

fn address_at(bytes: &[u8], offset: usize) -> Ipv6Addr {
    let mut octets = [0; 16];
    octets.copy_from_slice(&bytes[offset..offset + 16]);
    octets.into()
}

fn word_at(bytes: &[u8], offset: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[offset..offset + 4]);
    u32::from_be_bytes(word)
}

fn flags(all: &[(bool, u8)]) -> u8 {
    all.iter().filter(|(set, _)| *set).map(|(_, bit)| bit).sum()
}

/// The fixed fields, and whether the preference is the reserved one.
fn router_advertisement(fixed: &[u8]) -> (RouterAdvertisement, bool) {
    let flags = fixed[5];
    let lifetime = u16::from_be_bytes([fixed[6], fixed[7]]);
    let milliseconds = |offset| {
        let value = word_at(fixed, offset);
        // RFC 4861, 6.3.4: 0 is unspecified, and changes nothing.
        (value != 0).then(|| Duration::from_millis(u64::from(value)))
    };
    let preference = Preference::of_bits(flags >> 3);
    // RFC 4191, 2.2: the preference of a router whose lifetime is 0 is ignored.
    let used = preference.filter(|_| lifetime != 0);
    let body = RouterAdvertisement {
        hop_limit: Some(fixed[4]).filter(|limit| *limit != 0),
        managed: flags & 0x80 != 0,
        other: flags & 0x40 != 0,
        home_agent: flags & 0x20 != 0,
        proxy: flags & 0x04 != 0,
        // RFC 4191, 2.2: the reserved preference of a router counts as medium.
        preference: used.unwrap_or(Preference::Medium),
        lifetime,
        reachable: milliseconds(8),
        retransmit: milliseconds(12),
    };
    (body, preference.is_none())
}

fn write_router_advertisement(bytes: &mut Vec<u8>, body: &RouterAdvertisement) {
    let bits = flags(&[
        (body.managed, 0x80),
        (body.other, 0x40),
        (body.home_agent, 0x20),
        (body.proxy, 0x04),
    ]);
    let preference = match body.lifetime {
        0 => Preference::Medium,
        _ => body.preference,
    };
    bytes.extend([body.hop_limit.unwrap_or(0), bits | preference.bits() << 3]);
    bytes.extend(body.lifetime.to_be_bytes());
    for time in [body.reachable, body.retransmit] {
        let milliseconds = time.map_or(0, |time| time.as_millis());
        let milliseconds = u32::try_from(milliseconds).unwrap_or(u32::MAX);
        bytes.extend(milliseconds.to_be_bytes());
    }
}

impl RouterAdvertisement {
    /// Its lifetime as a default router.
    pub fn router_lifetime(&self) -> Lifetime {
        Lifetime::from_secs(self.lifetime.into())
    }
}
