//! DUIDs: how clients and servers call themselves (RFC 9915, 11).

use std::fmt;
use std::str::FromStr;

use lanherd_types::identity::Mac;
use lanherd_types::words;

/// Ethernet among the hardware types (IANA, ARP parameters).
const ETHERNET: u16 = 1;

words! {
    /// How a DUID was made.
    DuidKind {
        /// Type 1: a link-layer address and the time (RFC 9915, 11.2).
        LinkLayerTime = "llt",
        /// Type 2: by a vendor (RFC 9915, 11.3).
        Enterprise = "en",
        /// Type 3: a link-layer address (RFC 9915, 11.4).
        LinkLayer = "ll",
        /// Type 4: a UUID (RFC 6355).
        Uuid = "uuid",
        /// Another type, or a length that the type cannot have. It is a DUID all the same, for it is opaque.
        Other = "other",
    }
}

/// A DUID. Whoever receives one compares it and looks no further (RFC 9915, 11); [`Duid::kind`] and [`Duid::mac`] are for people.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Duid(Vec<u8>);

impl Duid {
    /// The fewest bytes: the type, and one (RFC 9915, 11.1).
    pub const MIN_LEN: usize = 3;
    /// The most bytes: the type, and 128 (RFC 9915, 11.1).
    // RFC 9915, 11.1: a DUID has 3 to 130 bytes, and is compared, never read.
    pub const MAX_LEN: usize = 130;

    /// Type 3, of an Ethernet address: the same after every restart, without being stored.
    // RFC 9915, 11.4: a DUID of a client's own follows from its hardware address, the same after a restart.
    pub fn link_layer(mac: Mac) -> Self {
        let mut bytes = vec![0, 3];
        bytes.extend(ETHERNET.to_be_bytes());
        bytes.extend(mac.octets());
        Self(bytes)
    }

    /// Type 1: an Ethernet address, and seconds since midnight of 1 January 2000, UTC.
    pub fn link_layer_time(mac: Mac, seconds: u32) -> Self {
        let mut bytes = vec![0, 1];
        bytes.extend(ETHERNET.to_be_bytes());
        bytes.extend(seconds.to_be_bytes());
        bytes.extend(mac.octets());
        Self(bytes)
    }

    /// Type 2: a vendor's number (IANA, Private Enterprise Numbers), and what the vendor calls the device; `None` where that has no
    /// byte or more than 124.
    pub fn enterprise(number: u32, identifier: &[u8]) -> Option<Self> {
        let bytes = [&[0, 2], number.to_be_bytes().as_slice(), identifier].concat();
        (!identifier.is_empty())
            .then(|| Self::from_bytes(&bytes))
            .flatten()
    }

    /// A DUID of type 4, which is made from a UUID (RFC 6355).
    pub fn uuid(uuid: [u8; 16]) -> Self {
        Self([[0, 4].as_slice(), &uuid].concat())
    }

    /// Any bytes; `None` where they are fewer than 3 or more than 130.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        (Self::MIN_LEN..=Self::MAX_LEN)
            .contains(&bytes.len())
            .then(|| Self(bytes.to_vec()))
    }

    /// All its bytes, the two of its type first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// How it was made.
    pub fn kind(&self) -> DuidKind {
        match self.0.as_slice() {
            [0, 1, _, _, _, _, _, _, _, ..] => DuidKind::LinkLayerTime,
            [0, 2, _, _, _, _, _, ..] => DuidKind::Enterprise,
            [0, 3, _, _, _, ..] => DuidKind::LinkLayer,
            [0, 4, uuid @ ..] if uuid.len() == 16 => DuidKind::Uuid,
            _ => DuidKind::Other,
        }
    }

    /// The Ethernet address that it was made of, if it was.
    pub fn mac(&self) -> Option<Mac> {
        match self.0.as_slice() {
            [0, 3, 0, 1, mac @ ..] | [0, 1, 0, 1, _, _, _, _, mac @ ..] => {
                mac.try_into().ok().map(Mac)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Duid {
    /// Pairs of hexadecimal digits with colons between, as servers log them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { ":" };
            write!(f, "{separator}{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Duid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no DUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no DUID: write its 3 to 130 bytes as pairs of hexadecimal digits, as 00:03:00:01:02:00:5e:10:00:01"
)]
pub struct DuidError(String);

impl FromStr for Duid {
    type Err = DuidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let byte = |pair: &str| {
            let is_pair = pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
            is_pair.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
        };
        let bytes: Option<Vec<u8>> = text.split(':').map(byte).collect();
        bytes
            .and_then(|bytes| Self::from_bytes(&bytes))
            .ok_or_else(|| DuidError(text.to_owned()))
    }
}

lanherd_types::serde_as_text!(Duid);

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac([2, 0, 0x5e, 0x10, 0, 1]);

    // RFC 9915, 11.4: a DUID of a client's own follows from its hardware address, the same after a restart.
    #[test]
    fn each_kind_has_its_bytes_and_is_known_by_them() {
        let uuid = [7; 16];
        let enterprise = Duid::enterprise(32473, &[0x0c, 0xc0, 0x84, 0xd3, 3, 0, 9, 0x12]);
        let enterprise = enterprise.expect("a DUID");
        // The example of RFC 9915, 11.3.
        assert_eq!(
            enterprise.to_string(),
            "00:02:00:00:7e:d9:0c:c0:84:d3:03:00:09:12"
        );
        for (duid, text, kind, mac) in [
            (
                Duid::link_layer(MAC),
                "00:03:00:01:02:00:5e:10:00:01",
                DuidKind::LinkLayer,
                Some(MAC),
            ),
            (
                Duid::link_layer_time(MAC, 0x0102_0304),
                "00:01:00:01:01:02:03:04:02:00:5e:10:00:01",
                DuidKind::LinkLayerTime,
                Some(MAC),
            ),
            (
                enterprise,
                "00:02:00:00:7e:d9:0c:c0:84:d3:03:00:09:12",
                DuidKind::Enterprise,
                None,
            ),
            (
                Duid::uuid(uuid),
                "00:04:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07",
                DuidKind::Uuid,
                None,
            ),
        ] {
            assert_eq!(duid.to_string(), text);
            assert_eq!((duid.kind(), duid.mac()), (kind, mac));
            assert_eq!(text.parse(), Ok(duid));
        }
        assert_eq!(Duid::link_layer(MAC), Duid::link_layer(MAC));
    }

    // RFC 9915, 11.1: a DUID has 3 to 130 bytes, and is compared, never read.
    #[test]
    fn any_3_to_130_bytes_are_a_duid_and_others_are_none() {
        for (length, is_duid) in [(0, false), (2, false), (3, true), (130, true), (131, false)] {
            let bytes = vec![0xff; length];
            assert_eq!(Duid::from_bytes(&bytes).is_some(), is_duid, "{length}");
        }
        // Types that cannot have this length, and one that nobody has defined.
        for text in ["00:03:00", "00:04:01:02", "00:01:00:01:00", "12:34:56"] {
            let duid: Duid = text.parse().expect("a DUID");
            assert_eq!((duid.kind(), duid.mac()), (DuidKind::Other, None), "{text}");
        }
        assert_eq!(Duid::enterprise(1, &[]), None);
        assert_eq!(Duid::enterprise(1, &[0; 125]), None);
        for text in ["", "00:03", "00:03:0", "00:03:+1", "0003000102"] {
            assert_eq!(text.parse::<Duid>(), Err(DuidError(text.to_owned())));
        }
    }
}
