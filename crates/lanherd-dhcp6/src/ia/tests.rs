use proptest::prelude::*;

use super::*;

fn prefix(text: &str) -> Prefix {
    text.parse().expect("a prefix")
}

// RFC 6603, 4.2: an excluded prefix is longer than the delegated one, and only the bits between stand in the option.
#[test]
fn an_excluded_prefix_stands_in_the_bits_between() {
    // The first is the example of RFC 6603, 4.2.
    for (delegated, excluded, bytes) in [
        (
            "2001:db8:dead:bee0::/59",
            "2001:db8:dead:beef::/64",
            [64, 0x78].as_slice(),
        ),
        (
            "2001:db8:77::/48",
            "2001:db8:77:1234::/64",
            &[64, 0x12, 0x34],
        ),
        ("2001:db8:77::/48", "2001:db8:77:8000::/49", &[49, 0x80]),
        ("::/0", "8000::/1", &[1, 0x80]),
    ] {
        let (delegated, excluded) = (prefix(delegated), ExcludedPrefix(prefix(excluded)));
        assert_eq!(excluded.to_bytes(delegated), bytes);
        assert_eq!(ExcludedPrefix::parse(delegated, bytes), Some(excluded));
    }
    let delegated = prefix("2001:db8:77::/48");
    for bad in [
        [].as_slice(),
        &[64],
        &[64, 1],
        &[64, 1, 2, 3],
        &[48, 1],
        &[47, 1],
        &[129, 1, 2],
        &[255, 0, 0, 0],
    ] {
        assert_eq!(ExcludedPrefix::parse(delegated, bad), None, "{bad:?}");
    }
    let foreign = ExcludedPrefix(prefix("2001:db8:78::/64"));
    assert!(foreign.to_bytes(delegated).is_empty());
}

proptest! {
    // RFC 6603, 4.2: an excluded prefix is longer than the delegated one, and only the bits between stand in the option.
    #[test]
    fn any_excluded_prefix_reads_back(bits: u128, length in 0_u8..128, more in 1_u8..=128, number: u128) {
        let delegated = Prefix::new(Ipv6Addr::from_bits(bits), length).expect("a prefix");
        let longer = length.saturating_add(more).min(128);
        let room = 1_u128.checked_shl(u32::from(longer - length));
        let excluded = delegated
            .part(longer, room.map_or(number, |room| number % room))
            .map(ExcludedPrefix)
            .expect("a part");
        prop_assert!(delegated.contains(excluded.0.address()));
        let bytes = excluded.to_bytes(delegated);
        prop_assert_eq!(ExcludedPrefix::parse(delegated, &bytes), Some(excluded));
    }

    #[test]
    fn identity_associations_read_back(iaid: u32, t1: u32, t2: u32, bits: u128, length in 0_u8..=128, lifetimes: (u32, u32)) {
        let address = Ipv6Addr::from_bits(bits);
        for kind in IaKind::ALL.iter().copied() {
            let mut ia = Ia::new(kind, iaid);
            if kind != IaKind::TemporaryAddresses {
                (ia.t1, ia.t2) = (t1, t2);
            }
            ia.options.push_address(&IaAddress::new(address, lifetimes.0, lifetimes.1));
            let prefix = Prefix::new(address, length).expect("a prefix");
            ia.options.push_prefix(&IaPrefix::new(prefix, lifetimes.0, lifetimes.1));
            let option = ia.to_option();
            prop_assert_eq!(Ia::read(&option), Some(ia.clone()));
            prop_assert_eq!(ia.addresses().next().map(|it| it.address), Some(address));
            prop_assert_eq!(ia.prefixes().next().map(|it| it.prefix), Some(prefix));
        }
    }
}
