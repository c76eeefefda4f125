//! What is wrong with routers' messages, by kind: what is counted and told of a link, whoever hears it.

use std::fmt;

use crate::message::Body;
use crate::options::NdOption;
use crate::packet::Packet;
use crate::remark::RemarkReason;
use crate::slaac::{Ignored, MIN_MTU};
use crate::{Reason, Remark};

/// One kind of flaw of a message: a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flaw {
    /// The message was refused; the word is that of the [`Reason`].
    Refused(&'static str),
    /// An option, or with `None` a field, was not used as it stands.
    Remark(Option<u8>, RemarkReason),
    /// An option could be read, and is of no use to any host.
    Ignored(u8, Ignored),
}

impl Flaw {
    /// The flaw of a packet that was refused; `None`: it is only something else.
    pub const fn of_reason(reason: &Reason) -> Option<Self> {
        if reason.is_malformed() {
            Some(Self::Refused(reason.as_str()))
        } else {
            None
        }
    }

    /// The flaw of an option that was not used as it stands.
    pub const fn of_remark(remark: &Remark) -> Self {
        Self::Remark(remark.option, remark.reason)
    }

    /// All that is wrong with a valid packet, whoever hears it, each with its offset, counted from the IPv6 header, in the order
    /// in which they stand. What only some host has no use for, as an MTU above its own, is none.
    pub fn of_packet(packet: &Packet) -> Vec<(Self, usize)> {
        let remarks = packet.message.notes.remarks().iter();
        let mut flaws: Vec<_> = remarks
            .filter(|remark| remark.reason.is_malformed())
            .map(|remark| (Self::of_remark(remark), remark.offset))
            .collect();
        if matches!(packet.message.body, Body::RouterAdvertisement(_)) {
            for (at, option) in packet.message.options.iter().enumerate() {
                if let Some(reason) = of_option(option) {
                    let offset = packet.message.notes.offset(at).unwrap_or_default();
                    flaws.push((Self::Ignored(option.code(), reason), offset));
                }
            }
        }
        flaws.sort_by_key(|(_, offset)| *offset);
        flaws
    }

    /// The option that it is about.
    pub const fn option(self) -> Option<u8> {
        match self {
            Self::Remark(option, _) => option,
            Self::Ignored(option, _) => Some(option),
            Self::Refused(_) => None,
        }
    }

    /// Its word, without the option.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Refused(word) => word,
            Self::Remark(_, reason) => reason.as_str(),
            Self::Ignored(_, reason) => reason.as_str(),
        }
    }
}

/// Why no host has a use for the option.
fn of_option(option: &NdOption) -> Option<Ignored> {
    match option {
        NdOption::Prefix(information) => information.unusable().or_else(|| {
            let for_addresses = information.unusable_for_addresses();
            for_addresses.filter(|_| information.autonomous)
        }),
        NdOption::Mtu(mtu) if *mtu < MIN_MTU => Some(Ignored::MtuOutOfRange),
        _ => None,
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.option() {
            Some(option) => write!(f, "option {option}: {}", self.reason()),
            None => write!(f, "{}", self.reason()),
        }
    }
}

impl serde::Serialize for Flaw {
    /// Writes the text that it is shown as.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;
    use crate::options::PrefixInformation;
    use crate::{Lifetime, Mac, Prefix, RouterAdvertisement};

    fn pio(prefix: Prefix, valid: u32, preferred: u32, autonomous: bool) -> NdOption {
        NdOption::Prefix(PrefixInformation {
            prefix,
            on_link: true,
            autonomous,
            router_address: false,
            delegation_preferred: false,
            valid: Lifetime::from_secs(valid),
            preferred: Lifetime::from_secs(preferred),
        })
    }

    #[test]
    fn what_is_wrong_with_an_advertisement_is_told_with_its_place_whoever_hears_it() {
        let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0);
        let prefix = |length| Prefix::new(address, length).expect("a prefix");
        let options = vec![
            pio(prefix(64), 100, 100, true),
            pio(prefix(64), 100, 101, true),
            pio(prefix(56), 100, 100, true),
            pio(prefix(56), 100, 100, false),
            pio(Prefix::LINK_LOCAL_64, 100, 100, true),
            NdOption::Mtu(1279),
            NdOption::Mtu(9000),
        ];
        let mac = Mac([2, 0, 0x5e, 0x10, 0, 1]);
        let router = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
        let body = RouterAdvertisement::default();
        let sent = Packet::router_advertisement(mac, router, body, options);
        let packet = Packet::decode(&sent.encode()).expect("valid");
        let flaws = Flaw::of_packet(&packet);
        let told: Vec<String> = flaws
            .iter()
            .map(|(flaw, at)| format!("{flaw} at {at}"))
            .collect();
        assert_eq!(
            told,
            [
                "option 3: preferred_beyond_valid at 88",
                "option 3: prefix_length at 120",
                "option 3: link_local_prefix at 184",
                "option 5: mtu_out_of_range at 216",
            ]
        );
    }

    #[test]
    fn what_is_something_else_is_no_flaw() {
        assert_eq!(Flaw::of_reason(&Reason::NotNeighbourDiscovery), None);
        let flaw = Flaw::of_reason(&Reason::HopLimit(64)).expect("a flaw");
        assert_eq!(flaw.to_string(), "hop_limit");
    }
}
