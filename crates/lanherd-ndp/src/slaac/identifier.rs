//! Interface identifiers: the lower 64 bits of addresses.

use std::hash::Hasher;
use std::net::Ipv6Addr;

use lanherd_types::identity::Mac;
use lanherd_types::ipv6::Prefix;
use siphasher::sip::SipHasher24;

/// What identifiers are made from that nobody else knows; the same in every run of one seed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret(pub [u8; 16]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// How a host makes the identifiers of its lasting addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identifiers {
    /// From the hardware address (RFC 4291, appendix A).
    Eui64,
    /// Opaque, another for each prefix, and the same whenever the host is on that network (RFC 7217).
    Stable {
        /// The secret key.
        secret: Secret,
        /// What tells this network from others that advertise the same prefix; empty: nothing does.
        network: Vec<u8>,
    },
    /// Opaque, and the same for all prefixes, as Windows has it.
    Random {
        /// What it is made from.
        secret: Secret,
    },
}

impl Identifiers {
    /// Whether another can be made, when somebody else has the address of the first.
    pub(super) const fn has_others(&self) -> bool {
        !matches!(self, Self::Eui64)
    }

    /// The address in `prefix`, of 64 bits, that the host makes at the given attempt, counted from 0. What cannot be an
    /// identifier of a host is passed over, like one that somebody else has (RFC 7217, 5).
    pub(super) fn address(&self, prefix: Prefix, mac: Mac, attempt: u32) -> Ipv6Addr {
        let identifier = match self {
            Self::Eui64 => eui64(mac),
            Self::Stable { secret, network } => {
                // RFC 7217, 5: an identifier depends on prefix, interface, network, counter and secret.
                let octets = prefix.address().octets();
                let parts = [&octets[..8], &mac.octets(), network];
                unreserved(|salt| pseudorandom(*secret, &parts, attempt, salt))
            }
            Self::Random { secret } => {
                let parts = [b"random".as_slice(), &mac.octets()];
                unreserved(|salt| pseudorandom(*secret, &parts, attempt, salt))
            }
        };
        join(prefix, identifier)
    }
}

/// The first that is not reserved.
// RFC 8981, 3.3.1: an identifier that is reserved is not used.
fn unreserved(mut make: impl FnMut(u32) -> u64) -> u64 {
    let mut salt = 0;
    loop {
        let identifier = make(salt);
        if !is_reserved(identifier) {
            return identifier;
        }
        salt += 1;
    }
}

/// The hardware address with `ff:fe` in its middle, and its universal bit turned over.
// RFC 4291, 2.5.1: an identifier of 64 bits is made of a hardware address of 48.
fn eui64(mac: Mac) -> u64 {
    let octets = mac.octets().map(u64::from);
    let [high, low] = [&octets[..3], &octets[3..]]
        .map(|half| half.iter().fold(0, |joined, octet| joined << 8 | octet));
    (high << 40 | 0xff_fe00_0000 | low) ^ 0x0200_0000_0000_0000
}

/// `SipHash-2-4` (Aumasson and Bernstein, 2012): a pseudorandom function with a key of 128 bits and 64 bits of output.
fn pseudorandom(secret: Secret, parts: &[&[u8]], attempt: u32, salt: u32) -> u64 {
    let mut hasher = SipHasher24::new_with_key(&secret.0);
    for part in parts {
        // The length keeps parts apart.
        hasher.write(&(part.len() as u64).to_be_bytes());
        hasher.write(part);
    }
    hasher.write(&attempt.to_be_bytes());
    hasher.write(&salt.to_be_bytes());
    hasher.finish()
}

/// Whether no host may make such an identifier by chance.
const fn is_reserved(identifier: u64) -> bool {
    // The anycast address of the subnet's routers (RFC 4291, 2.6.1), those of RFC 2526, and IANA's block of Ethernet
    // addresses (RFC 5453; RFC 6543, 6).
    identifier == 0
        || identifier >= 0xfdff_ffff_ffff_ff80 && identifier <= 0xfdff_ffff_ffff_ffff
        || identifier >> 24 == 0x02_005e_fffe
}

/// An identifier of a temporary address.
// RFC 8981, 3.3.1: the identifier of a temporary address is random, a new one each time.
pub(super) fn temporary(rng: &mut fastrand::Rng) -> u64 {
    unreserved(|_| rng.u64(..))
}

/// The address with that identifier in a prefix of 64 bits.
pub(super) fn join(prefix: Prefix, identifier: u64) -> Ipv6Addr {
    let high = prefix.address().to_bits() & !u128::from(u64::MAX);
    Ipv6Addr::from_bits(high | u128::from(identifier))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const MAC: Mac = Mac([0x02, 0, 0x5e, 0x10, 0, 0x01]);
    const SECRET: Secret = Secret([7; 16]);

    fn prefix(text: &str) -> Prefix {
        Prefix::new(text.parse().expect("an address"), 64).expect("a prefix")
    }

    fn stable(network: &[u8]) -> Identifiers {
        Identifiers::Stable {
            secret: SECRET,
            network: network.to_vec(),
        }
    }

    // RFC 4291, 2.5.1: an identifier of 64 bits is made of a hardware address of 48.
    #[test]
    fn an_eui_64_shows_the_hardware_address() {
        let address = Identifiers::Eui64.address(prefix("2001:db8:77::"), MAC, 0);
        assert_eq!(address.to_string(), "2001:db8:77::5eff:fe10:1");
        // The example of the RFC: 00-00-5e-..., universal.
        let universal = Mac([0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde]);
        assert_eq!(eui64(universal), 0x3656_78ff_fe9a_bcde);
    }

    // RFC 7217, 5: an identifier depends on prefix, interface, network, counter and secret.
    #[test]
    fn a_stable_identifier_is_the_same_in_every_run_and_differs_in_whatever_it_depends_on() {
        let first = stable(b"").address(prefix("2001:db8:77::"), MAC, 0);
        assert_eq!(first, stable(b"").address(prefix("2001:db8:77::"), MAC, 0));
        let other_mac = Mac([0x02, 0, 0x5e, 0x10, 0, 0x02]);
        let other_secret = Identifiers::Stable {
            secret: Secret([8; 16]),
            network: Vec::new(),
        };
        let others = [
            stable(b"").address(prefix("2001:db8:78::"), MAC, 0),
            stable(b"home").address(prefix("2001:db8:77::"), MAC, 0),
            stable(b"").address(prefix("2001:db8:77::"), other_mac, 0),
            stable(b"").address(prefix("2001:db8:77::"), MAC, 1),
            other_secret.address(prefix("2001:db8:77::"), MAC, 0),
            Identifiers::Random { secret: SECRET }.address(prefix("2001:db8:77::"), MAC, 0),
        ];
        let low = |address: Ipv6Addr| address.to_bits() & u128::from(u64::MAX);
        let all: HashSet<u128> = others.into_iter().chain([first]).map(low).collect();
        assert_eq!(all.len(), 7);
    }

    #[test]
    fn a_random_identifier_is_the_same_for_all_prefixes() {
        let random = Identifiers::Random { secret: SECRET };
        let low = |text| random.address(prefix(text), MAC, 0).to_bits() & u128::from(u64::MAX);
        assert_eq!(low("2001:db8:77::"), low("fe80::"));
    }

    // RFC 8981, 3.3.1: an identifier that is reserved is not used.
    #[test]
    fn identifiers_that_are_reserved_are_passed_over() {
        for reserved in [
            0,
            0xfdff_ffff_ffff_ff80,
            0xfdff_ffff_ffff_ffff,
            0x0200_5eff_fe00_5213,
        ] {
            assert!(is_reserved(reserved), "{reserved:x}");
        }
        for free in [
            1,
            0xfdff_ffff_ffff_ff7f,
            0xfe00_0000_0000_0000,
            0x0200_5eff_fd00_0000,
        ] {
            assert!(!is_reserved(free), "{free:x}");
        }
        let mut made = [0, 0xfdff_ffff_ffff_ff80, 7].into_iter();
        assert_eq!(unreserved(|_| made.next().expect("one that is free")), 7);
    }

    #[test]
    fn siphash_is_that_of_its_authors() {
        // Appendix A of the paper: key 00 01 ... 0f, message 00 01 ... 0e.
        let key: [u8; 16] = std::array::from_fn(|at| u8::try_from(at).expect("a byte"));
        let mut hasher = SipHasher24::new_with_key(&key);
        hasher.write(&key[..15]);
        assert_eq!(hasher.finish(), 0xa129_ca61_49be_45e5);
    }
}
