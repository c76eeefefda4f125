//! What every option says, byte by byte, and the fixed fields before them.

use std::time::Duration;

use super::*;
use crate::Lifetime;
use crate::options::{
    EncryptedDns, Pref64, Preference, PrefixInformation, Resolvers, RouteInformation, SearchList,
};

// RFC 4861, 6.1.2: unknown options are passed over, and a malformed one costs itself alone.
#[test]
fn options_that_are_not_known_are_kept_as_they_stand_and_malformed_ones_are_named() {
    let unknown = [200, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];
    let long_link_layer = [1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mtu = [5, 1, 0, 0, 0, 0, 5, 220];
    let (options, remarks) = read(&[&unknown[..], &long_link_layer, &mtu].concat());
    let other = NdOption::Other {
        code: 200,
        value: (1..=14).collect(),
    };
    assert_eq!(options, [other, NdOption::Mtu(1500)]);
    assert_eq!(remarks, [(Some(1), OPTIONS + 16, RemarkReason::Length)]);
}

/// For each type of option lengths, in units of 8 bytes, that it cannot have.
const WRONG_LENGTHS: [(u8, &[usize]); 9] = [
    (code::SOURCE_LINK_LAYER, &[2, 3, 255]),
    (code::PREFIX, &[1, 2, 3, 5]),
    (code::MTU, &[2, 3]),
    (code::ROUTE, &[4, 5]),
    (code::RESOLVERS, &[1, 2, 4, 6]),
    (code::SEARCH_LIST, &[1]),
    (code::PREF64, &[1, 3]),
    (code::ENCRYPTED_DNS, &[1]),
    (code::TARGET_LINK_LAYER, &[]),
];

// RFC 4861, 6.1.2: unknown options are passed over, and a malformed one costs itself alone.
// RFC 8781, 4: the option has 16 bytes, or it is ignored.
// RFC 8106, 5.3.1: a search list has room for a name, or it is discarded.
#[test]
fn known_options_of_a_wrong_length_are_named_each_with_its_place() {
    for (code, lengths) in WRONG_LENGTHS {
        for &units in lengths {
            let mut option = vec![0; units * 8];
            option[0] = code;
            option[1] = u8::try_from(units).expect("a length");
            let wanted = (Some(code), OPTIONS + 8, RemarkReason::Length);
            let all = [&[5, 1, 0, 0, 0, 0, 5, 220], option.as_slice()].concat();
            assert_eq!(
                read(&all),
                (vec![NdOption::Mtu(1500)], vec![wanted]),
                "{code}: {units}"
            );
        }
    }
}

// RFC 4861, 4.6.1: an option that does not belong into a message is ignored.
#[test]
fn an_option_of_another_message_is_passed_over() {
    let (options, remarks) = read(&[2, 1, 2, 0, 0x5e, 0x10, 0, 50]);
    assert_eq!(options, []);
    assert_eq!(remarks, [(Some(2), OPTIONS, RemarkReason::Misplaced)]);
    let fixed = [135, 0, 0, 0, 0, 0, 0, 0];
    let mtu = [5, 1, 0, 0, 0, 0, 5, 220];
    let message = [&fixed, address("fe80::50").octets().as_slice(), &mtu].concat();
    let packet = Packet::decode(&packet_of("fe80::1", "fe80::50", &message)).expect("valid");
    assert_eq!(
        packet.message.notes.remarks()[0].reason,
        RemarkReason::Misplaced
    );
}

// RFC 4861, 4.6.2: bits of a prefix beyond its length are ignored.
// RFC 4861, 4.6.2: a lifetime of 0xffffffff does not end.
#[test]
fn a_prefix_has_its_flags_its_lifetimes_and_no_bits_beyond_its_length() {
    let mut option = vec![
        3,
        4,
        64,
        0x80 | 0x40 | 0x10,
        0,
        0,
        0,
        100,
        0xff,
        0xff,
        0xff,
        0xff,
        0,
        0,
        0,
        0,
    ];
    option.extend(address("2001:db8:77::").octets());
    let information = PrefixInformation {
        prefix: prefix("2001:db8:77::/64"),
        on_link: true,
        autonomous: true,
        router_address: false,
        delegation_preferred: true,
        valid: Lifetime::from_secs(100),
        preferred: Lifetime::INFINITE,
    };
    assert_eq!(information.valid.duration(), Some(Duration::from_secs(100)));
    assert_eq!(information.preferred.duration(), None);
    let whole = NdOption::Prefix(information);
    assert_eq!(read(&option), (vec![whole.clone()], vec![]));
    option[31] = 1;
    let remark = (Some(3), OPTIONS, RemarkReason::HostBits);
    assert_eq!(read(&option), (vec![whole], vec![remark]));
    // With the R flag the whole address is meant.
    option[3] |= 0x20;
    assert_eq!(read(&option).1, []);
    option[2] = 129;
    assert_eq!(
        read(&option),
        (vec![], vec![(Some(3), OPTIONS, RemarkReason::Value)])
    );
}

// RFC 4191, 2.3: a route's option has room for its prefix, or it is ignored.
// RFC 4191, 2.3: a route of the reserved preference is ignored.
#[test]
fn a_route_is_as_long_as_its_prefix_needs() {
    let header = |units, length, flags| vec![24, units, length, flags, 0, 0, 7, 8];
    let route = |text, preference| {
        NdOption::Route(RouteInformation {
            prefix: prefix(text),
            preference,
            lifetime: Lifetime::from_secs(1800),
        })
    };
    let octets = address("2001:db8:99::").octets();
    let default = route("::/0", Preference::High);
    assert_eq!(read(&header(1, 0, 0x08)).0, vec![default.clone()]);
    assert_eq!(
        read(&[header(3, 0, 0x08), vec![0; 16]].concat()).0,
        [default]
    );
    let short = [header(2, 48, 0x18), octets[..8].to_vec()].concat();
    assert_eq!(
        read(&short),
        (vec![route("2001:db8:99::/48", Preference::Low)], vec![])
    );
    for (option, reason) in [
        (header(1, 48, 0), RemarkReason::Length),
        (
            [header(2, 65, 0), octets[..8].to_vec()].concat(),
            RemarkReason::Length,
        ),
        (
            [header(2, 48, 0x10), octets[..8].to_vec()].concat(),
            RemarkReason::Value,
        ),
        (
            [header(3, 129, 0), octets.to_vec()].concat(),
            RemarkReason::Value,
        ),
    ] {
        let remark = (Some(24), OPTIONS, reason);
        assert_eq!(read(&option), (vec![], vec![remark]), "{option:?}");
    }
}

// RFC 8106, 5.3.1: resolvers are unicast addresses in an option of odd length, or it is discarded.
#[test]
fn resolvers_are_hosts() {
    let of = |servers: &[&str]| {
        let units = u8::try_from(1 + 2 * servers.len()).expect("a length");
        let octets = servers.iter().flat_map(|server| address(server).octets());
        [vec![25, units, 0, 0, 0, 0, 7, 8], octets.collect()].concat()
    };
    let resolvers = |servers: &[&str]| {
        NdOption::Resolvers(Resolvers {
            lifetime: Lifetime::from_secs(1800),
            servers: servers.iter().map(|server| address(server)).collect(),
        })
    };
    let four = ["2001:db8::1", "fe80::1", "2001:db8::3", "2001:db8::4"];
    assert_eq!(read(&of(&four)), (vec![resolvers(&four)], vec![]));
    let remark = (Some(25), OPTIONS, RemarkReason::Value);
    let partly = of(&["ff02::fb", "2001:db8::1"]);
    assert_eq!(
        read(&partly),
        (vec![resolvers(&["2001:db8::1"])], vec![remark])
    );
    for nobody in ["::", "::1", "ff02::fb", "::ffff:192.0.2.1"] {
        assert_eq!(read(&of(&[nobody])), (vec![], vec![remark]));
    }
}

// RFC 8106, 5.2: names of a search list are not compressed, and are padded with zeros.
#[test]
fn a_search_list_keeps_the_names_that_are_some() {
    let list = [
        b"\x1f\x04\0\0\0\0\x07\x08".as_slice(),
        b"\x03lan\x04test\0\x03a b\0\0\0\0\0\0\0\0\0\0",
    ]
    .concat();
    let names = NdOption::SearchList(SearchList {
        lifetime: Lifetime::from_secs(1800),
        names: vec!["lan.test".to_owned()],
    });
    let remark = (Some(31), OPTIONS, RemarkReason::Value);
    assert_eq!(read(&list), (vec![names], vec![remark]));
    let nothing = [b"\x1f\x02\0\0\0\0\x07\x08".as_slice(), &[0; 8]].concat();
    assert_eq!(read(&nothing), (vec![], vec![remark]));
}

// RFC 8910, 2.3: the URI of a captive portal is padded with zeros, and need not end with one.
#[test]
fn a_captive_portal_is_a_printable_text() {
    let portal = |text: &str| NdOption::CaptivePortal(text.to_owned());
    assert_eq!(
        read(b"\x25\x02https://a.b\0\0\0"),
        (vec![portal("https://a.b")], vec![])
    );
    assert_eq!(
        read(b"\x25\x02https://ab.cde").0,
        [portal("https://ab.cde")]
    );
    for bad in [
        b"\x25\x01\0\0\0\0\0\0",
        b"\x25\x01a\nb\0\0\0",
        b"\x25\x01a\0b\0\0\0",
    ] {
        let remark = (Some(37), OPTIONS, RemarkReason::Value);
        assert_eq!(read(bad), (vec![], vec![remark]), "{bad:?}");
    }
    let long = [vec![37, 33], vec![b'a'; 256], vec![0; 6]].concat();
    assert_eq!(
        read(&long).1,
        [(Some(37), OPTIONS, RemarkReason::OverLimit)]
    );
}

// RFC 8781, 4: the prefix has one of six lengths, or the option is ignored.
// RFC 8781, 4.1: the lifetime is counted in eights of seconds.
#[test]
fn a_nat64_prefix_has_one_of_six_lengths_and_a_lifetime_in_eights_of_seconds() {
    let octets = address("64:ff9b::").octets();
    for (code, length) in (0_u8..).zip(Pref64::LENGTHS) {
        let option = [&[38, 2, 0x01, 0x40 | code], &octets[..12]].concat();
        let wanted = NdOption::Pref64(Pref64 {
            prefix: prefix(&format!("64:ff9b::/{length}")),
            lifetime: Lifetime::from_secs(320),
        });
        assert_eq!(read(&option), (vec![wanted], vec![]));
    }
    for code in [6, 7] {
        let option = [&[38, 2, 0x01, 0x40 | code], &octets[..12]].concat();
        assert_eq!(
            read(&option),
            (vec![], vec![(Some(38), OPTIONS, RemarkReason::Value)])
        );
    }
    for (asked, sent) in [
        (0, 0),
        (1, 8),
        (1800, 1800),
        (1801, 1808),
        (65_528, 65_528),
        (u32::MAX, 65_528),
    ] {
        let option = NdOption::Pref64(Pref64 {
            prefix: prefix("64:ff9b::/96"),
            lifetime: Lifetime::from_secs(asked),
        });
        let read = Packet::decode(&advertisement(vec![option]).encode()).expect("valid");
        let NdOption::Pref64(pref64) = &read.message.options[0] else {
            panic!("{read:?}");
        };
        assert_eq!(pref64.lifetime.as_secs(), sent);
    }
}

// RFC 9463, 6.1: resolvers over encrypted connections have a name, and may have addresses and parameters.
#[test]
fn encrypted_resolvers_are_told_with_and_without_addresses() {
    let name_only = b"\x90\x03\0\x01\0\0\x07\x08\0\x0a\x03dns\x04test\0\0\0\0\0";
    let mut wanted = EncryptedDns {
        priority: 1,
        lifetime: Lifetime::from_secs(1800),
        name: "dns.test".to_owned(),
        addresses: Vec::new(),
        parameters: Vec::new(),
    };
    assert_eq!(
        read(name_only),
        (vec![NdOption::EncryptedDns(wanted.clone())], vec![])
    );
    wanted.addresses = vec![address("2001:db8::53"), address("fe80::53")];
    // alpn=h2 (RFC 9460, 7.1).
    wanted.parameters = b"\0\x01\0\x03\x02h2".to_vec();
    let option = NdOption::EncryptedDns(wanted);
    let bytes = advertisement(vec![option.clone()]).encode();
    assert_eq!(read(&bytes[OPTIONS..]), (vec![option], vec![]));
    for bad in [
        b"\x90\x03\0\x01\0\0\x07\x08\0\x40\x03dns\x04test\0\0\0\0\0".as_slice(),
        b"\x90\x03\0\x01\0\0\x07\x08\0\x0a\x03dns\x05test\0\0\0\0\0",
        b"\x90\x03\0\x01\0\0\x07\x08\0\x0a\x03dns\x04test\0\0\x10\0\0",
    ] {
        assert_eq!(read(bad).0, [], "{bad:?}");
        assert_eq!(read(bad).1.len(), 1, "{bad:?}");
    }
}

// RFC 4191, 2.2: the reserved preference of a router counts as medium.
// RFC 4191, 2.2: the preference of a router whose lifetime is 0 is ignored.
// RFC 4861, 6.3.4: 0 is unspecified, and changes nothing.
#[test]
fn the_fixed_fields_of_an_advertisement() {
    let fixed = |flags, lifetime| {
        let message = [
            134, 0, 0, 0, 0, flags, 0, lifetime, 0, 0, 0x75, 0x30, 0, 0, 0, 0,
        ];
        let bytes = packet_of("fe80::1", "ff02::1", &message);
        let packet = Packet::decode(&bytes).expect("valid");
        let Body::RouterAdvertisement(body) = packet.message.body else {
            panic!("{packet:?}");
        };
        (body, packet.message.notes.remarks().to_vec())
    };
    let (body, remarks) = fixed(0x80 | 0x40 | 0x20 | 0x08 | 0x04, 9);
    let wanted = RouterAdvertisement {
        hop_limit: None,
        managed: true,
        other: true,
        home_agent: true,
        proxy: true,
        preference: Preference::High,
        lifetime: 9,
        reachable: Some(Duration::from_secs(30)),
        retransmit: None,
    };
    assert_eq!((body, remarks), (wanted, vec![]));
    assert_eq!(fixed(0x18, 9).0.preference, Preference::Low);
    assert_eq!(fixed(0x18, 0).0.preference, Preference::Medium);
    let (body, remarks) = fixed(0x10, 9);
    assert_eq!(body.preference, Preference::Medium);
    let at = (remarks[0].option, remarks[0].offset, remarks[0].reason);
    assert_eq!(at, (None, MESSAGE + 5, RemarkReason::ReservedPreference));
}

#[test]
fn a_message_of_more_options_than_are_kept_is_cut_and_says_so_once() {
    let (options, remarks) = read(&[5, 1, 0, 0, 0, 0, 5, 220].repeat(300));
    let remark = (Some(5), OPTIONS + 256 * 8, RemarkReason::OverLimit);
    assert_eq!((options.len(), remarks), (256, vec![remark]));
}
