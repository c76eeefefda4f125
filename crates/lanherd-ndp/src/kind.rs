//! The messages of neighbour discovery, by name.

use lanherd_types::words;

words! {
    /// What a message of neighbour discovery is (RFC 4861, 4).
    MessageKind {
        /// A host asks who routes (type 133).
        RouterSolicitation = "router_solicitation",
        /// A router says that it does, and with what (type 134).
        RouterAdvertisement = "router_advertisement",
        /// Somebody asks for the holder of an address (type 135).
        NeighbourSolicitation = "neighbour_solicitation",
        /// The holder of an address says so (type 136).
        NeighbourAdvertisement = "neighbour_advertisement",
        /// A router names a better next hop (type 137).
        Redirect = "redirect",
    }
}

impl MessageKind {
    /// The kind of that `ICMPv6` type; `None`: it is none of neighbour discovery.
    pub const fn of_type(number: u8) -> Option<Self> {
        match number {
            133 => Some(Self::RouterSolicitation),
            134 => Some(Self::RouterAdvertisement),
            135 => Some(Self::NeighbourSolicitation),
            136 => Some(Self::NeighbourAdvertisement),
            137 => Some(Self::Redirect),
            _ => None,
        }
    }

    /// The `ICMPv6` type.
    pub const fn number(self) -> u8 {
        match self {
            Self::RouterSolicitation => 133,
            Self::RouterAdvertisement => 134,
            Self::NeighbourSolicitation => 135,
            Self::NeighbourAdvertisement => 136,
            Self::Redirect => 137,
        }
    }

    /// The length of its fixed fields in bytes, the checksum's header included: what a message has at least.
    pub const fn least_length(self) -> usize {
        match self {
            Self::RouterSolicitation => 8,
            Self::RouterAdvertisement => 16,
            Self::NeighbourSolicitation | Self::NeighbourAdvertisement => 24,
            Self::Redirect => 40,
        }
    }

    /// The name for a person to read.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RouterSolicitation => "router solicitation",
            Self::RouterAdvertisement => "router advertisement",
            Self::NeighbourSolicitation => "neighbour solicitation",
            Self::NeighbourAdvertisement => "neighbour advertisement",
            Self::Redirect => "redirect",
        }
    }
}
