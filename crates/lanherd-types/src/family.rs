//! The family of an address: the same words in metrics, reports, logs and Gherkin.

use std::net::IpAddr;

use crate::words;

words! {
    /// The version of IP that an address, or what goes to it, is of.
    Family {
        /// RFC 791.
        Ipv4 = "ipv4",
        /// RFC 8200.
        Ipv6 = "ipv6",
    }
}

impl Family {
    /// The family of `address`.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
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
}
