//! What single advertisements say, and what routers of one link say beside each other.

use super::*;

#[test]
fn a_router_that_does_all_right_breaks_nothing_and_is_told_whole() {
    let mut audit = audit();
    for at in [1.0, 5.0, 12.0] {
        audit.hear(seconds(at), &advertisement(body(), sound_options()));
    }
    let report = audit.report(seconds(30.0), 0);
    assert_eq!(report.breaches, []);
    let [router] = &report.routers[..] else {
        panic!("{report:?}")
    };
    assert_eq!((router.to_all, router.to_one), (3, 0));
    assert_eq!(router.shortest_gap_seconds, Some(4.0));
    assert_eq!(router.longest_gap_seconds, Some(7.0));
    assert_eq!(router.prefixes[0].prefix, "2001:db8:77::/64");
    let text = report.to_string();
    for line in [
        "router fe80::1 (02:00:00:00:00:01)",
        "3 to all, 0 to one host; to all every 4.0 to 7.0 s",
        "for 1800 s, preference medium; flags none",
        "2001:db8:77::/64: preferred 1800 s, valid 3600 s; LA",
        "resolvers        fe80::1",
        "broken: 0 must, 0 should; worth knowing: 0",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

// RFC 4861, 6.1.2.
#[test]
fn an_advertisement_that_hosts_must_drop_is_told_with_its_byte() {
    let mut forwarded = advertisement(body(), sound_options());
    forwarded[14 + 7] = 64;
    let mut spoilt = advertisement(body(), sound_options());
    spoilt[14 + 40 + 4] ^= 1;
    let global = Packet::router_advertisement(ROUTER, address("2001:db8::1"), body(), vec![]);
    let breaches = found(
        &[
            (1.0, forwarded.clone()),
            (9.0, forwarded),
            (20.0, spoilt),
            (30.0, global.to_frame().expect("a frame")),
        ],
        40.0,
    );
    assert_eq!(names(&breaches), ["ra-valid"; 3]);
    let forwarded = breaches
        .iter()
        .find(|breach| breach.what == "byte 7: its hop limit is 64, not 255")
        .expect("the one that was forwarded");
    assert_eq!((forwarded.times, forwarded.first_seconds), (2, 1.0));
    assert_eq!(forwarded.sender, "fe80::1 (02:00:00:00:00:01)");
}

#[test]
fn values_that_cannot_be_are_told_each_by_its_requirement() {
    let with = |option: NdOption| {
        let mut options = sound_options();
        options.push(option);
        names(&found(&[(1.0, advertisement(body(), options))], 2.0))
    };
    assert_eq!(
        with(prefix("2001:db8:78::", 64, 2600, 1800)),
        ["ra-preferred-lifetime"]
    );
    assert_eq!(
        with(prefix("2001:db8:78::", 56, 1800, 3600)),
        ["ra-autonomous-length"]
    );
    assert_eq!(
        with(prefix("fe80::", 64, 1800, 3600)),
        ["ra-link-local-prefix"]
    );
    assert_eq!(
        with(prefix("2001:db8:78::", 64, 604_800, 2_592_000)),
        ["ra-lifetime-limits"]
    );
    assert_eq!(
        with(prefix("2001:db8:78::", 64, u32::MAX, u32::MAX)),
        ["ra-lifetime-limits"]
    );
    assert_eq!(with(NdOption::Mtu(1279)), ["ra-mtu"]);
    assert_eq!(with(NdOption::Mtu(1501)), ["ra-mtu"]);
    assert_eq!(with(NdOption::Mtu(1500)), [""; 0]);
    assert_eq!(
        with(NdOption::SourceLinkLayer(OTHER)),
        [""; 0],
        "the first counts"
    );
    let stranger = vec![NdOption::SourceLinkLayer(OTHER), resolvers(1800)];
    let breaches = found(&[(1.0, advertisement(body(), stranger))], 2.0);
    assert_eq!(names(&breaches), ["ra-link-layer"]);
    let breaches = found(&[(1.0, advertisement(body(), vec![]))], 2.0);
    assert_eq!(names(&breaches), ["ra-no-resolver"]);
    let other = RouterAdvertisement {
        other: true,
        ..body()
    };
    assert_eq!(found(&[(1.0, advertisement(other, vec![]))], 2.0), []);
}

// RFC 4861, 6.2.6.
#[test]
fn two_to_all_within_three_seconds_are_too_near_and_a_farewell_is_not() {
    let often = [
        (1.0, advertisement(body(), sound_options())),
        (2.5, advertisement(body(), sound_options())),
        (5.45, advertisement(body(), sound_options())),
    ];
    let breaches = found(&often, 10.0);
    assert_eq!(names(&breaches), ["ra-rate"]);
    assert_eq!(
        (breaches[0].times, breaches[0].what.as_str()),
        (1, "two are 1.5 s apart")
    );
    let gone = RouterAdvertisement {
        lifetime: 0,
        ..body()
    };
    let farewell = [
        (1.0, advertisement(body(), sound_options())),
        (2.0, advertisement(gone, sound_options())),
        (2.1, advertisement(gone, sound_options())),
    ];
    assert_eq!(found(&farewell, 10.0), []);
}

#[test]
fn a_router_that_withdraws_itself_and_returns_flaps() {
    let gone = RouterAdvertisement {
        lifetime: 0,
        ..body()
    };
    let frames = [
        (1.0, advertisement(body(), sound_options())),
        (5.0, advertisement(gone, sound_options())),
        (9.0, advertisement(body(), sound_options())),
    ];
    let breaches = found(&frames, 10.0);
    assert_eq!(names(&breaches), ["ra-flaps"]);
    assert_eq!(
        breaches[0].what,
        "router lifetime 0, and 1800 s again 4.0 s later"
    );
}

// RFC 4861, 6.2.7.
#[test]
fn two_routers_are_told_and_held_against_each_other() {
    let managed = RouterAdvertisement {
        managed: true,
        hop_limit: None,
        ..body()
    };
    let mut options = sound_options();
    options[0] = NdOption::SourceLinkLayer(OTHER);
    let other = Packet::router_advertisement(OTHER, address("fe80::2"), managed, options);
    let frames = [
        (1.0, advertisement(body(), sound_options())),
        (2.0, other.to_frame().expect("a frame")),
    ];
    let breaches = found(&frames, 3.0);
    assert_eq!(names(&breaches), ["ra-consistent", "ra-several-routers"]);
    assert_eq!(
        breaches[0].what,
        "the M flag: 0; fe80::2 (02:00:00:00:00:02) says 1"
    );
}

// RFC 2464, 2.
#[test]
fn what_mtu_a_router_may_advertise_depends_on_ethernet_and_not_on_a_smaller_interface() {
    let of = |link_mtu, advertised| {
        let mut audit = Audit::new(Settings {
            link_mtu,
            ..settings(false)
        });
        let mut options = sound_options();
        options.push(NdOption::Mtu(advertised));
        audit.hear(seconds(1.0), &advertisement(body(), options));
        names(&audit.report(seconds(2.0), 0).breaches)
    };
    assert_eq!(of(1400, 1500), [""; 0]);
    assert_eq!(of(9000, 9000), [""; 0]);
    assert_eq!(of(9000, 9001), ["ra-mtu"]);
}

#[test]
fn an_option_of_a_length_that_cannot_be_is_told_with_its_byte() {
    let mut options = sound_options();
    options.push(NdOption::Other {
        code: lanherd_ndp::code::MTU,
        value: vec![0; 14],
    });
    let breaches = found(&[(1.0, advertisement(body(), options))], 2.0);
    assert_eq!(names(&breaches), ["ra-option"]);
    assert!(
        breaches[0].what.starts_with("option 5 at byte "),
        "{breaches:?}"
    );
}

#[test]
fn more_than_seven_an_hour_are_told_after_ten_minutes() {
    let every = |gap: f64, end: f64| {
        let mut audit = audit();
        let mut at = 0.0;
        while at < end {
            audit.hear(seconds(at), &advertisement(body(), sound_options()));
            at += gap;
        }
        names(&audit.report(seconds(end), 0).breaches)
    };
    assert_eq!(every(100.0, 700.0), ["ra-often"]);
    assert_eq!(every(100.0, 500.0), [""; 0]);
    assert_eq!(every(600.0, 3_700.0), [""; 0]);
}

// RFC 4861, 6.2.7.
#[test]
fn routers_that_count_the_same_lifetime_down_agree() {
    let of = |others: u32| {
        let mut options = sound_options();
        options[0] = NdOption::SourceLinkLayer(OTHER);
        options[1] = prefix("2001:db8:77::", 64, others, 3_600);
        let other = Packet::router_advertisement(OTHER, address("fe80::2"), body(), options);
        let frames = [
            (1.0, advertisement(body(), sound_options())),
            (101.0, other.to_frame().expect("a frame")),
        ];
        names(&found(&frames, 102.0))
    };
    assert_eq!(of(1_700), ["ra-several-routers"]);
    assert_eq!(of(1_600), ["ra-consistent", "ra-several-routers"]);
}

// RFC 7084, 4.3 and RFC 9096, 3.4.
#[test]
fn what_a_home_router_is_to_advertise_is_told_where_it_does_not() {
    let flags = |on_link, autonomous, managed| {
        let NdOption::Prefix(said) = prefix("2001:db8:77::", 64, 1800, 3600) else {
            unreachable!("a prefix");
        };
        let said = PrefixInformation {
            on_link,
            autonomous,
            ..said
        };
        let body = RouterAdvertisement { managed, ..body() };
        let options = vec![
            NdOption::Prefix(said),
            route("2001:db8::", 32, 1800),
            resolvers(1800),
        ];
        names(&found(&[(1.0, advertisement(body, options))], 2.0))
    };
    assert_eq!(flags(true, true, false), [""; 0]);
    assert_eq!(flags(false, true, true), ["ra-prefix-flags"]);
    assert_eq!(flags(true, false, false), ["ra-prefix-flags"]);
    assert_eq!(flags(true, false, true), [""; 0], "addresses are leased");
    let with = |body: RouterAdvertisement, options: &[NdOption]| {
        let options = [&[resolvers(1800)], options].concat();
        found(&[(1.0, advertisement(body, options))], 2.0)
    };
    let global = || prefix("2001:db8:77::", 64, 1800, 3600);
    let unrouted = with(body(), &[global()]);
    assert_eq!(names(&unrouted), ["ra-route"]);
    assert_eq!(unrouted[0].what, "no option 24 covers 2001:db8:77::/64");
    let longer = with(body(), &[global(), route("2001:db8:77:0:8000::", 65, 1800)]);
    assert_eq!(names(&longer), ["ra-route"]);
    let old = prefix("2001:db8:76::", 64, 0, 3600);
    let routed = route("2001:db8:77::", 48, 1800);
    assert_eq!(with(body(), &[global(), old.clone(), routed.clone()]), []);
    let local = [
        prefix("fd00:77::", 64, 1800, 3600),
        route("fd00:77::", 48, 1800),
    ];
    let alone = with(body(), &[&local[..], std::slice::from_ref(&old)].concat());
    assert_eq!(names(&alone), ["ra-unique-local-only"]);
    assert_eq!(
        alone[0].what,
        "the router lifetime is 1800 s, and only fd00:77::/64 is preferred"
    );
    assert_eq!(names(&with(body(), &[old])), ["ra-unique-local-only"]);
    let none = RouterAdvertisement {
        lifetime: 0,
        ..body()
    };
    assert_eq!(with(none, &local), []);
    let long = RouterAdvertisement {
        lifetime: 9001,
        ..body()
    };
    let long = with(long, &[global(), routed.clone()]);
    assert_eq!(names(&long), ["ra-lifetime-limits"]);
    assert_eq!(long[0].what, "the router lifetime is 9001 s");
    let default = |lifetime| [global(), routed.clone(), route("::", 0, lifetime)];
    assert_eq!(with(body(), &default(1800)), []);
    assert_eq!(names(&with(body(), &default(0))), ["ra-default-route"]);
    assert_eq!(names(&with(none, &default(1800))), ["ra-default-route"]);
}

// Whatever a hostile host says, each is blamed for what it said itself, and no more is kept than the bounds say.
#[test]
fn a_stranger_that_withdraws_the_prefix_of_another_is_the_one_who_is_told() {
    let right = || advertisement(body(), sound_options());
    let withdrawal = vec![
        NdOption::SourceLinkLayer(OTHER),
        prefix("2001:db8:77::", 64, 0, 0),
    ];
    let none = RouterAdvertisement {
        lifetime: 0,
        ..body()
    };
    let stranger = Packet::router_advertisement(OTHER, address("fe80::bad"), none, withdrawal);
    let stranger = stranger.to_frame().expect("a frame");
    let frames = [(1.0, right()), (5.0, stranger), (9.0, right())];
    let breaches = found(&frames, 10.0);
    assert_eq!(names(&breaches), ["ra-consistent"]);
    let told = format!("{} {}", breaches[0].sender, breaches[0].what);
    assert!(
        told.contains("fe80::bad") && told.contains("0 s preferred, 0 s valid"),
        "{told}"
    );
}

#[test]
fn hundreds_of_options_and_values_at_their_bounds_are_told_by_kind_and_kept_within_bounds() {
    let mut options = sound_options();
    options.push(prefix("2001:db8:80::", 63, u32::MAX, u32::MAX));
    options.push(prefix("2001:db8:80::", 64, 0, u32::MAX));
    for number in 0..40_u16 {
        let bits = (0x2001_0db8_u128 << 96) | (u128::from(number) << 80) | (0x99 << 64);
        let address = Ipv6Addr::from_bits(bits).to_string();
        options.push(prefix(&address, 64, 1, 1));
        options.push(route(&address, 64, u32::MAX));
    }
    let longest = RouterAdvertisement {
        lifetime: u16::MAX,
        ..body()
    };
    let mut audit = audit();
    for at in 1..20 {
        let frame = advertisement(longest, options.clone());
        audit.hear(seconds(f64::from(at) * 4.0), &frame);
    }
    let report = audit.report(seconds(90.0), 0);
    let mut told = names(&report.breaches);
    told.dedup();
    assert_eq!(told, ["ra-autonomous-length", "ra-lifetime-limits"]);
    let [router] = &report.routers[..] else {
        panic!("one router")
    };
    assert_eq!(
        (router.lifetime_seconds, router.prefixes.len()),
        (u16::MAX, 43)
    );
    let endless = router
        .prefixes
        .iter()
        .find(|it| it.prefix == "2001:db8:80::/63");
    assert_eq!(endless.and_then(|it| it.valid_seconds), None);
}
