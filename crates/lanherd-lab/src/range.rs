//! The addresses that the lab's DHCP server gives out, and the subnet that follows from them.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// A range of IPv4 addresses, both ends included: `10.77.0.10-10.77.255.250`.
///
/// All are addresses that a host can have, the first is not above the last, and a subnet of 8 to 30 bits holds them all
/// with room for a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressRange {
    first: u32,
    last: u32,
    subnet: Subnet,
}

/// Why two addresses, or a text, are no range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressRangeError {
    /// It is not `FIRST-LAST`.
    #[error("{0:?} is no address range: write it as 10.77.0.10-10.77.255.250")]
    Malformed(String),
    /// The first address is above the last.
    #[error("the range {0}-{1} runs backwards: put the lower address first")]
    Backwards(Ipv4Addr, Ipv4Addr),
    /// It holds addresses that no host can have: 0/8, loopback, or from 224.0.0.0.
    #[error(
        "the range {0}-{1} holds addresses that no host can have: choose private ones, such as 10.77.0.10-10.77.255.250"
    )]
    Unusable(Ipv4Addr, Ipv4Addr),
    /// No subnet of at least 8 bits has room for it and a router.
    #[error("the range {0}-{1} is too wide: it must fit, with a router, into one /8")]
    TooWide(Ipv4Addr, Ipv4Addr),
}

impl AddressRange {
    /// The range from `first` to `last`.
    pub fn new(first: Ipv4Addr, last: Ipv4Addr) -> Result<Self, AddressRangeError> {
        if first > last {
            return Err(AddressRangeError::Backwards(first, last));
        }
        if !is_host(first) || !is_host(last) {
            return Err(AddressRangeError::Unusable(first, last));
        }
        let subnet = (8..=30)
            .rev()
            .find_map(|prefix_len| Subnet::for_range(first, last, prefix_len))
            .ok_or(AddressRangeError::TooWide(first, last))?;
        Ok(Self {
            first: first.to_bits(),
            last: last.to_bits(),
            subnet,
        })
    }

    /// The lowest address.
    pub fn first(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.first)
    }

    /// The highest address.
    pub fn last(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.last)
    }

    /// How many addresses it holds; at least one.
    #[allow(clippy::len_without_is_empty, reason = "a range is never empty")]
    pub fn len(self) -> u32 {
        self.last - self.first + 1
    }

    /// Whether `address` lies in it.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&address.to_bits())
    }

    /// The subnet in which a router can give this range out.
    ///
    /// The smallest prefix in which the range leaves the network and the broadcast address alone, and leaves an address
    /// for the router: the subnet's first or, where the range begins with that, its last.
    pub fn subnet(self) -> Subnet {
        self.subnet
    }

    /// An address that is given to nobody: the highest that a host of the subnet could have, beyond the range and not the
    /// router's. Where the range leaves none, the one above the subnet.
    pub(super) fn vacant(self) -> Ipv4Addr {
        let Subnet {
            network, router, ..
        } = self.subnet;
        let broadcast = self.subnet.broadcast().to_bits();
        let above = (self.last + 1..broadcast).rev();
        let below = (network + 1..self.first).rev();
        let vacant = above.chain(below).find(|address| *address != router);
        Ipv4Addr::from_bits(vacant.unwrap_or(broadcast + 1))
    }
}

/// `address` can be a host's: not of 0/8, loopback, multicast or above.
fn is_host(address: Ipv4Addr) -> bool {
    (1..224).contains(&address.octets()[0]) && !address.is_loopback()
}

impl Default for AddressRange {
    /// `10.77.0.10-10.77.255.250`: 65,521 addresses behind 10.77.0.1/16.
    fn default() -> Self {
        let network = Ipv4Addr::new(10, 77, 0, 0).to_bits();
        Self {
            first: network + 10,
            last: network + 0xfffa,
            subnet: Subnet {
                network,
                prefix_len: 16,
                router: network + 1,
            },
        }
    }
}

lanherd_types::serde_as_text!(AddressRange);

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first(), self.last())
    }
}

impl FromStr for AddressRange {
    type Err = AddressRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || AddressRangeError::Malformed(text.to_owned());
        let (first, last) = text.split_once('-').ok_or_else(malformed)?;
        let parse = |end: &str| end.trim().parse::<Ipv4Addr>().map_err(|_| malformed());
        Self::new(parse(first)?, parse(last)?)
    }
}

/// A subnet and its router's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subnet {
    network: u32,
    prefix_len: u8,
    router: u32,
}

impl Subnet {
    /// The subnet of `prefix_len` bits (at most 30) with the addresses from `first` to `last`, if it has room for them.
    fn for_range(first: Ipv4Addr, last: Ipv4Addr, prefix_len: u8) -> Option<Self> {
        let network = first.to_bits() & mask(prefix_len);
        let broadcast = network | !mask(prefix_len);
        let range = first.to_bits()..=last.to_bits();
        let has_room = !range.contains(&network) && last.to_bits() < broadcast;
        let router = [network + 1, broadcast - 1]
            .into_iter()
            .find(|router| has_room && !range.contains(router))?;
        Some(Self {
            network,
            prefix_len,
            router,
        })
    }

    /// The router's address.
    pub fn router(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.router)
    }

    /// The number of bits in the prefix.
    pub fn prefix_len(self) -> u8 {
        self.prefix_len
    }

    /// The subnet mask.
    pub fn mask(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(mask(self.prefix_len))
    }

    /// The network's own address.
    pub fn network(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.network)
    }

    /// The broadcast address.
    pub fn broadcast(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.network | !mask(self.prefix_len))
    }

    /// Whether `address` lies in it.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        address.to_bits() & mask(self.prefix_len) == self.network
    }
}

fn mask(prefix_len: u8) -> u32 {
    u32::MAX
        .checked_shl(32 - u32::from(prefix_len))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(range: &str) -> String {
        let range: AddressRange = range.parse().expect("a range");
        let subnet = range.subnet();
        assert!(subnet.contains(subnet.router()) && !range.contains(subnet.router()));
        format!(
            "{}/{} {}",
            subnet.network(),
            subnet.prefix_len(),
            subnet.router()
        )
    }

    #[test]
    fn the_router_is_the_first_address_of_the_smallest_subnet_that_leaves_it_one() {
        assert_eq!(subnet("10.77.0.10-10.77.255.250"), "10.77.0.0/16 10.77.0.1");
        assert_eq!(
            subnet("192.168.1.100-192.168.1.199"),
            "192.168.1.0/24 192.168.1.1"
        );
        assert_eq!(
            subnet("192.168.1.2-192.168.1.5"),
            "192.168.1.0/29 192.168.1.1"
        );
    }

    #[test]
    fn a_range_that_begins_with_the_first_address_leaves_the_last_to_the_router() {
        assert_eq!(
            subnet("192.168.1.1-192.168.1.250"),
            "192.168.1.0/24 192.168.1.254"
        );
        assert_eq!(
            subnet("192.168.1.1-192.168.1.254"),
            "192.168.0.0/23 192.168.0.1"
        );
        assert_eq!(subnet("10.0.0.5-10.0.0.5"), "10.0.0.4/30 10.0.0.6");
    }

    #[test]
    fn the_widest_range_still_has_a_router_and_a_wider_one_is_refused() {
        assert_eq!(subnet("10.0.0.2-10.255.255.254"), "10.0.0.0/8 10.0.0.1");
        assert!("10.0.0.1-10.255.255.254".parse::<AddressRange>().is_err());
    }

    #[test]
    fn what_is_no_range_is_refused_with_its_reason() {
        let error = |text: &str| text.parse::<AddressRange>().expect_err(text).to_string();
        assert!(error("10.0.0.1").contains("no address range"));
        assert!(error("10.0.0.9-10.0.0.1").contains("backwards"));
        assert!(error("127.0.0.1-127.0.0.9").contains("no host"));
        assert!(error("0.0.0.0-0.0.0.9").contains("no host"));
        assert!(error("224.0.0.1-224.0.0.9").contains("no host"));
        assert!(error("10.0.0.1-11.0.0.1").contains("too wide"));
    }

    #[test]
    fn an_address_that_is_given_to_nobody_is_of_the_subnet_where_that_has_room() {
        let vacant = |text: &str| {
            let range: AddressRange = text.parse().expect("a range");
            range.vacant().to_string()
        };
        assert_eq!(vacant("10.77.0.10-10.77.255.250"), "10.77.255.254");
        assert_eq!(vacant("192.168.1.1-192.168.1.250"), "192.168.1.253");
        assert_eq!(vacant("192.168.1.1-192.168.1.253"), "192.168.2.0");
        assert_eq!(vacant("192.168.1.3-192.168.1.254"), "192.168.1.2");
        assert_eq!(vacant("10.0.0.5-10.0.0.5"), "10.0.0.8");
        for text in ["10.0.0.2-10.255.255.254", "192.168.1.2-192.168.1.5"] {
            let range: AddressRange = text.parse().expect("a range");
            assert!(!range.contains(range.vacant()) && range.vacant() != range.subnet().router());
        }
    }

    #[test]
    fn a_range_reads_back_as_it_is_written() {
        let range = AddressRange::default();
        assert_eq!(range.to_string().parse(), Ok(range));
        assert_eq!(range.len(), 65_521);
        assert_eq!(AddressRange::new(range.first(), range.last()), Ok(range));
    }
}
