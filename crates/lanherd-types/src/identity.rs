//! Who a client is: everything is derived from the pool's name, the client's number and the seed; nothing is stored.
//!
//! Because identity is a pure function, a restarted client is the same device to the router, and a run can be
//! repeated with the same MAC addresses by giving the same seed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a pool; its clients' namespaces are called `<pool>1 … <pool>N`.
///
/// Lower-case ASCII letters, digits, `-` and `_`; begins with a letter and does not end in a digit, so that no
/// client of one pool can bear the name of another pool's (`ns1` + `1` would be `ns` + `11`); at most 12 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolName(String);

impl PoolName {
    /// The longest name, in bytes: with ten digits it still fits a host name label.
    pub const MAX_LEN: usize = 12;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the namespace of client `number`: `ns` and 3 give `ns3`.
    pub fn namespace(&self, number: ClientNumber) -> String {
        format!("{}{number}", self.0)
    }

    /// The number of the client whose namespace is called so; `None` where no client's of this pool is.
    pub fn number_of(&self, namespace: &str) -> Option<ClientNumber> {
        let number = ClientNumber(namespace.strip_prefix(self.as_str())?.parse().ok()?);
        (self.namespace(number) == namespace).then_some(number)
    }
}

impl Default for PoolName {
    fn default() -> Self {
        Self("ns".to_owned())
    }
}

/// Why a text is no pool name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no pool name: use 1 to 12 lower-case letters, digits, - or _, beginning with a letter and not ending in a digit"
)]
pub struct PoolNameError(String);

crate::serde_as_text!(PoolName, Mac);

impl FromStr for PoolName {
    type Err = PoolNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let well_formed = text.len() <= Self::MAX_LEN
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
            && !text.ends_with(|c: char| c.is_ascii_digit());
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(PoolNameError(text.to_owned()))
        }
    }
}

impl fmt::Display for PoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of a client in its pool, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientNumber(pub u32);

impl fmt::Display for ClientNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number from which MACs and every random choice of a run are derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// A generator for one purpose of one client: streams with different `stream` words are unrelated.
    pub fn rng(self, number: ClientNumber, stream: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(mix(self.0 ^ mix(u64::from(number.0) ^ mix(stream))))
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The address of all stations, `ff:ff:ff:ff:ff:ff`.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// The MAC of client `number`: locally administered, unicast (IEEE 802-2014, 8.2.2).
    ///
    /// The first two octets come from seed and pool, the other four are a permutation of the number under the same
    /// key, so two clients of one pool never share one, and the addresses look random: dnsmasq hashes MACs to
    /// addresses, and sequential ones collide in its hash.
    pub fn derive(pool: &PoolName, number: ClientNumber, seed: Seed) -> Self {
        let key = pool
            .0
            .bytes()
            .fold(mix(seed.0), |key, byte| mix(key ^ u64::from(byte)));
        let [first, second, ..] = key.to_be_bytes();
        let [a, b, c, d] = permute(number.0, key).to_be_bytes();
        // Bit 0 clear: unicast. Bit 1 set: locally administered.
        Self([(first & 0b1111_1100) | 0b10, second, a, b, c, d])
    }

    /// The six octets.
    pub fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, octet) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { ":" };
            write!(f, "{separator}{octet:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no MAC address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no MAC address: write it as 02:00:5e:10:00:01")]
pub struct MacError(String);

impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || MacError(text.to_owned());
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts.next().filter(|p| p.len() == 2).ok_or_else(refuse)?;
            *octet = u8::from_str_radix(part, 16).map_err(|_| refuse())?;
        }
        if parts.next().is_some() {
            return Err(refuse());
        }
        Ok(Self(octets))
    }
}

/// What one client is called, everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its number in the pool.
    pub number: ClientNumber,
    /// Its network namespace, also its host name (DHCP option 12).
    pub namespace: String,
    /// The address of its macvlan.
    pub mac: Mac,
}

impl Identity {
    /// The namespace of another client of the same pool.
    pub fn sibling(&self, number: ClientNumber) -> String {
        // No pool's name ends in a digit.
        let pool = self
            .namespace
            .trim_end_matches(|c: char| c.is_ascii_digit());
        format!("{pool}{number}")
    }

    /// The identity of client `number` of `pool` under `seed`.
    pub fn derive(pool: &PoolName, number: ClientNumber, seed: Seed) -> Self {
        Self {
            number,
            namespace: pool.namespace(number),
            mac: Mac::derive(pool, number, seed),
        }
    }
}

/// The finaliser of `SplitMix64` (Steele, Lea, Flood 2014): every output bit depends on every input bit.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A permutation of the 32-bit numbers under `key`: a Feistel network of four rounds, a bijection by construction.
#[allow(
    clippy::cast_possible_truncation,
    reason = "the halves of a 32-bit word"
)]
fn permute(value: u32, key: u64) -> u32 {
    let (mut left, mut right) = ((value >> 16) as u16, value as u16);
    for round in 0..4_u64 {
        let scrambled = mix(key ^ (round << 32) ^ u64::from(right)) as u16;
        (left, right) = (right, left ^ scrambled);
    }
    u32::from(left) << 16 | u32::from(right)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn pool(name: &str) -> PoolName {
        name.parse().expect("a pool name")
    }

    #[test]
    fn no_two_clients_of_a_pool_share_a_mac_and_each_is_local_and_unicast() {
        let pool = pool("ns");
        let macs: HashSet<Mac> = (1..=20_000)
            .map(|n| Mac::derive(&pool, ClientNumber(n), Seed(7)))
            .inspect(|mac| assert_eq!(mac.0[0] & 0b11, 0b10, "{mac}"))
            .collect();
        assert_eq!(macs.len(), 20_000);
    }

    #[test]
    fn the_same_seed_gives_the_same_identity_and_another_seed_or_pool_another() {
        let one = Identity::derive(&pool("ns"), ClientNumber(3), Seed(7));
        assert_eq!(one, Identity::derive(&pool("ns"), ClientNumber(3), Seed(7)));
        assert_eq!(one.namespace, "ns3");
        assert_ne!(one.mac, Mac::derive(&pool("ns"), ClientNumber(3), Seed(8)));
        assert_ne!(one.mac, Mac::derive(&pool("lan"), ClientNumber(3), Seed(7)));
    }

    #[test]
    fn pool_names_that_could_collide_or_break_paths_are_refused() {
        for bad in [
            "",
            "ns1",
            "1ns",
            "Ns",
            "a/b",
            "..",
            "a b",
            "thirteenchars",
            "näme",
        ] {
            assert!(bad.parse::<PoolName>().is_err(), "{bad:?} was accepted");
        }
        for good in ["ns", "phones", "iot-lab", "a1b"] {
            assert!(good.parse::<PoolName>().is_ok(), "{good:?} was refused");
        }
    }

    #[test]
    fn a_namespaces_name_tells_the_number_of_its_client_and_no_others() {
        let pool = pool("ns");
        for number in [1, 37, u32::MAX].map(ClientNumber) {
            assert_eq!(pool.number_of(&pool.namespace(number)), Some(number));
        }
        for other in ["ns", "ns01", "ns+1", "ns1x", "lan1", "ns4294967296", ""] {
            assert_eq!(pool.number_of(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_mac_reads_back_as_it_is_written() {
        let mac = Mac([0x02, 0, 0x5e, 0x10, 0, 0xff]);
        assert_eq!(mac.to_string().parse(), Ok(mac));
        for bad in [
            "",
            "02:00:5e:10:00",
            "02:00:5e:10:00:01:02",
            "02-00-5e-10-00-01",
            "02:00:5e:10:00:1",
        ] {
            assert!(bad.parse::<Mac>().is_err(), "{bad:?} was accepted");
        }
    }
}
