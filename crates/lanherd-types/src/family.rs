//! The family of an address: the same words in metrics, reports, logs and Gherkin.

use std::net::IpAddr;

use crate::words;

words! {
    /// The version of IP that an address, or what goes to it, is of.
    Family {
        /// The Internet Protocol of RFC 791.
        Ipv4 = "ipv4",
        /// The Internet Protocol, version 6, of RFC 8200.
        Ipv6 = "ipv6",
    }
}

impl Family {
    /// How people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        }
    }

    /// The family of `address`.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }
}

words! {
    /// Which families a client is to have addresses of.
    #[derive(Default)]
    Families {
        /// Only IPv4: of IPv6 nothing is sent, and nothing taken.
        #[default]
        Ipv4 = "ipv4",
        /// Only IPv6: no address of IPv4 is asked for.
        Ipv6 = "ipv6",
        /// Both IPv4 and IPv6.
        Dual = "dual",
    }
}

impl Families {
    /// Whether `family` is one of them.
    pub const fn include(self, family: Family) -> bool {
        match self {
            Self::Ipv4 => matches!(family, Family::Ipv4),
            Self::Ipv6 => matches!(family, Family::Ipv6),
            Self::Dual => true,
        }
    }

    /// Each of them.
    pub fn each(self) -> impl Iterator<Item = Family> {
        let all = Family::ALL.iter().copied();
        all.filter(move |family| self.include(*family))
    }
}

/// Something of each family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByFamily<T> {
    /// That of IPv4.
    pub ipv4: T,
    /// That of IPv6.
    pub ipv6: T,
}

impl<T> ByFamily<T> {
    /// What `make` makes of each.
    pub fn of(mut make: impl FnMut(Family) -> T) -> Self {
        Self {
            ipv4: make(Family::Ipv4),
            ipv6: make(Family::Ipv6),
        }
    }

    /// That of `family`.
    pub const fn get(&self, family: Family) -> &T {
        match family {
            Family::Ipv4 => &self.ipv4,
            Family::Ipv6 => &self.ipv6,
        }
    }

    /// The same, to be changed.
    pub const fn get_mut(&mut self, family: Family) -> &mut T {
        match family {
            Family::Ipv4 => &mut self.ipv4,
            Family::Ipv6 => &mut self.ipv6,
        }
    }

    /// Both, IPv4 first.
    pub fn iter(&self) -> impl Iterator<Item = (Family, &T)> {
        [(Family::Ipv4, &self.ipv4), (Family::Ipv6, &self.ipv6)].into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_tells_its_family_and_a_mapped_one_is_still_ipv6() {
        let family = |text: &str| Family::of(text.parse().expect("an address"));
        assert_eq!(family("192.0.2.1"), Family::Ipv4);
        assert_eq!(family("2001:db8::1"), Family::Ipv6);
        assert_eq!(family("::ffff:192.0.2.1"), Family::Ipv6);
    }

    #[test]
    fn dual_is_both_families_and_the_others_are_one_each() {
        let included = |families: Families| {
            let included = Family::ALL.iter().map(|family| families.include(*family));
            included.collect::<Vec<_>>()
        };
        assert_eq!(included(Families::Ipv4), [true, false]);
        assert_eq!(included(Families::Ipv6), [false, true]);
        assert_eq!(included(Families::Dual), [true, true]);
        assert_eq!(Families::default(), Families::Ipv4);
        assert!(Families::Ipv6.each().eq([Family::Ipv6]));
        assert!(Families::Dual.each().eq([Family::Ipv4, Family::Ipv6]));
    }

    #[test]
    fn what_is_kept_by_family_is_found_by_family() {
        let mut lengths = ByFamily::of(|family| family.as_str().len());
        *lengths.get_mut(Family::Ipv6) = 128;
        assert_eq!(
            (*lengths.get(Family::Ipv4), *lengths.get(Family::Ipv6)),
            (4, 128)
        );
        assert!(
            lengths
                .iter()
                .eq([(Family::Ipv4, &4), (Family::Ipv6, &128)])
        );
    }
}
