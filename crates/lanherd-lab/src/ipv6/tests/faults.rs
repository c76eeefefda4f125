//! Faults of the router and of neighbour discovery, and what they leave.

use super::*;

/// Whether an option is the one that is looked for.
type IsIt = fn(&NdOption) -> bool;

#[test]
fn faults_of_when_it_advertises() {
    let mut lan = Ipv6Lan::new();
    lan.run(SECOND);
    lan.inject(Fault::RaMute);
    lan.solicit();
    assert_eq!(lan.advertisements(60 * SECOND).len(), 0);
    assert!(lan.effects(Fault::RaMute) >= 3);
    lan.heal();
    assert_eq!(
        lan.advertisements(4 * SECOND).len(),
        1,
        "it is right again, and says so"
    );

    lan.inject(Fault::RaSilent);
    assert_eq!(lan.advertisements(2000 * SECOND).len(), 0);
    lan.solicit();
    assert_eq!(lan.advertisements(SECOND).len(), 1);
    lan.heal();

    lan.inject(Fault::RaSlow);
    let (at, _) = lan.solicited();
    assert_eq!((at, lan.effects(Fault::RaSlow)), (3 * SECOND, 1));
    lan.heal();

    lan.inject(Fault::RaFlood);
    lan.run(SECOND);
    let all = lan.advertisements(10 * SECOND);
    assert_eq!(all.len(), 20);
    lan.solicit();
    let all = lan.advertisements(Duration::from_millis(100));
    assert!(
        all.iter()
            .any(|(_, packet)| packet.destination.is_multicast())
    );
    lan.heal();
    lan.run(4 * SECOND);
    assert!(lan.advertisements(60 * SECOND).len() <= 3);
}

#[test]
fn faults_of_what_a_router_says_of_itself() {
    let mut lan = Ipv6Lan::new();
    lan.inject(Fault::RaZeroLifetime);
    assert_eq!(body(&lan.solicited().1).lifetime, 0);
    lan.heal();
    assert_eq!(body(&lan.solicited().1).lifetime, 2700);

    lan.inject(Fault::RaFlap);
    lan.run(SECOND);
    let all = lan.advertisements(12 * SECOND);
    let lifetimes: Vec<_> = all
        .iter()
        .map(|(_, packet)| body(packet).lifetime)
        .collect();
    assert_eq!(lifetimes.len(), 4);
    assert!(
        lifetimes.windows(2).all(|pair| pair[0] != pair[1]),
        "{lifetimes:?}"
    );
    lan.heal();

    lan.inject(Fault::RaLongLifetimes);
    let (_, said) = lan.solicited();
    assert_eq!(body(&said).lifetime, 9000);
    assert_eq!(prefixes(&said)[0], "2001:db8:77::/64 604800/2592000");
    lan.heal();

    lan.run(4 * SECOND);
    lan.inject(Fault::RaWrongRouter);
    let all = lan.advertisements(4 * SECOND);
    assert_eq!(
        (all[0].1.source, body(&all[0].1).lifetime),
        (LINK_LOCAL, 0),
        "the right one is gone"
    );
    assert!(
        all[1..]
            .iter()
            .all(|(_, packet)| packet.source != LINK_LOCAL)
    );
    let absent = all[1].1.source;
    lan.heal();
    let all = lan.advertisements(4 * SECOND);
    assert_eq!(
        (all[0].1.source, body(&all[0].1).lifetime),
        (absent, 0),
        "the wrong one goes"
    );
    assert_eq!(all[1].1.source, LINK_LOCAL);

    lan.inject(Fault::RaRogue);
    let all = lan.advertisements(4 * SECOND);
    let sources: Vec<_> = all.iter().map(|(_, packet)| packet.source).collect();
    assert_eq!((sources.len(), sources[0]), (2, LINK_LOCAL));
    assert_eq!(body(&all[1].1).preference, lanherd_ndp::Preference::High);
    assert_eq!(prefixes(&all[1].1), ["2001:db8:bad::/64 1800/1800"]);
    lan.heal();
    let all = lan.advertisements(4 * SECOND);
    assert_eq!(prefixes(&all[0].1), ["2001:db8:bad::/64 0/0"]);

    lan.inject(Fault::RaGarbage);
    lan.run(4 * SECOND);
    lan.solicit();
    assert!(!lan.run(SECOND).is_empty());
    for _ in 0..50 {
        lan.solicit();
    }
    assert_eq!(lan.advertisements(SECOND).len(), 0);
    assert!(lan.effects(Fault::RaGarbage) > 50);
}

#[test]
fn faults_of_what_a_router_says_of_prefixes_and_resolvers() {
    let mut lan = Ipv6Lan::new();
    lan.inject(Fault::RaNoAutonomous);
    let (_, said) = lan.solicited();
    let is_autonomous = |option: &NdOption| matches!(option, NdOption::Prefix(it) if it.autonomous);
    assert!(!said.message.options.iter().any(is_autonomous));
    lan.heal();
    assert!(lan.solicited().1.message.options.iter().any(is_autonomous));

    let right = (address("fd00:77::1"), 2700);
    assert_eq!(resolvers(&lan.solicited().1), [right]);
    for (fault, expected) in [
        (Fault::RaNoDns, vec![]),
        (
            Fault::RaWrongDns,
            vec![(address("2001:db8:77::dead"), 2700)],
        ),
        (Fault::RaShortDns, vec![(right.0, 60)]),
    ] {
        lan.inject(fault);
        assert_eq!(resolvers(&lan.solicited().1), expected, "{fault}");
        assert!(lan.effects(fault) > 0, "{fault}");
        lan.heal();
    }

    lan.inject(Fault::RaRenumber);
    let withdrawn = |said: &Packet, prefix: &str| {
        let starts = format!("{prefix} 0/");
        prefixes(said).iter().any(|it| it.starts_with(&starts))
    };
    let (_, said) = lan.solicited();
    assert!(prefixes(&said)[0].starts_with("2001:db8:78::/64 2700"));
    assert!(withdrawn(&said, "2001:db8:77::/64"));
    lan.heal();

    lan.inject(Fault::RaStalePrefix);
    let (_, said) = lan.solicited();
    assert_eq!(prefixes(&said), ["2001:db8:79::/64 2700/5400", USUAL[1]]);
    let on_lan = lan.addressing().lan;
    assert!(
        on_lan.contains(&(address("2001:db8:79::1"), 64)) && on_lan.len() == 3,
        "{on_lan:?}"
    );
    lan.heal();
    let (_, said) = lan.solicited();
    assert!(withdrawn(&said, "2001:db8:78::/64"), "it is told at last");

    lan.inject(Fault::RaForgetsPrefix);
    assert!(prefixes(&lan.solicited().1)[0].starts_with("2001:db8:79::/64"));
    let reboot = Some(SECOND);
    lan.state
        .inject(Fault::RouterReboot, reboot, lan.now)
        .expect("begun");
    lan.run(2 * SECOND);
    lan.state.begin_ipv6(lan.now);
    assert_eq!(
        prefixes(&lan.solicited().1),
        ["2001:db8:7a::/64 2700/5400", USUAL[1]]
    );
    assert!(lan.effects(Fault::RaForgetsPrefix) > 0);
}

#[test]
fn faults_of_neighbour_discovery() {
    let mut lan = Ipv6Lan::new();
    let usual = lan.addressing();
    assert!(usual.lan.contains(&(LINK_LOCAL, 64)) && usual.black_holes.is_empty());
    lan.inject(Fault::NdMute);
    let mute = lan.addressing();
    assert!(
        !mute
            .lan
            .iter()
            .any(|(address, _)| usual.lan.iter().any(|(usual, _)| usual == address))
    );
    assert!(mute.own.contains(&address("2001:db8:77::1")));
    assert_eq!(mute.on_link.len(), 2, "it still reaches hosts");
    lan.probe(HOST, LINK_LOCAL);
    assert_eq!(lan.effects(Fault::NdMute), 1);
    lan.heal();
    assert_eq!(lan.addressing(), usual);

    let wanted = address("2001:db8:77::9:9");
    assert_eq!(lan.probe(HOST, wanted), None);
    lan.inject(Fault::NdAnswersAll);
    assert_eq!(lan.probe(HOST, wanted), Some(crate::topology::ROUTER_MAC));
    lan.heal();
    lan.inject(Fault::DadSquatter);
    assert_eq!(
        lan.probe(HOST, HOSTS),
        None,
        "it leaves link-local addresses alone"
    );
    let squatter = lan.probe(HOST, wanted);
    assert!(squatter.is_some_and(|mac| mac != HOST));
    assert_eq!(lan.probe(HOST, wanted), squatter);
    assert_eq!(
        lan.probe(HOST, address("2001:db8:77::9:a")),
        None,
        "the second is free"
    );
    assert_eq!(
        lan.probe(Mac([2, 0, 0, 0, 0, 8]), address("2001:db8:77::8")),
        squatter
    );
    assert_eq!(lan.effects(Fault::DadSquatter), 3);
    lan.heal();
    assert_eq!(lan.probe(HOST, wanted), None);
}

#[test]
fn faults_beyond_the_lan_take_the_addresses_away_and_let_what_is_sent_there_vanish() {
    let mut lan = Ipv6Lan::new();
    let usual = lan.addressing();
    let google = Ipv6Config::GOOGLE;
    let translated = address("64:ff9b::808:808");
    assert!(usual.own.contains(&google) && usual.own.contains(&translated));
    lan.inject(Fault::Pref64Dead);
    let dead = lan.addressing();
    assert!(dead.own.contains(&google) && !dead.own.contains(&translated));
    assert_eq!(dead.black_holes, [Ipv6Config::PREF64]);
    lan.heal();
    lan.inject(Fault::V6Blackhole);
    let lost = lan.addressing();
    assert_eq!((lost.own.len(), lost.lan), (0, usual.lan.clone()));
    assert_eq!(lost.black_holes, [lanherd_ndp::Prefix::DEFAULT]);
    lan.heal();
    assert_eq!(lan.addressing(), usual);
    // The same addresses are served throughout.
    let served = lan.state.served();
    assert!(served.contains(&IpAddr::V6(google)) && served.contains(&IpAddr::V6(translated)));
}

#[test]
fn a_fault_of_ipv6_is_refused_where_the_lab_does_not_speak_it() {
    let mut state = State::new(&LabConfig::default(), Instant::now()).expect("a router");
    let error = state.inject(Fault::RaMute, Some(SECOND), Instant::now());
    let error = error.expect_err("refused").to_string();
    assert!(
        error.contains("ra_mute is of ipv6") && error.contains("[ipv6]"),
        "{error}"
    );
}

#[test]
fn faults_of_flags_lengths_routes_and_the_sites_own_prefix() {
    let mut lan = Ipv6Lan::new();
    let has = |lan: &mut Ipv6Lan, is_so: fn(&NdOption) -> bool| {
        let said = lan.solicited().1;
        said.message.options.iter().any(is_so)
    };
    let is_on_link = |option: &NdOption| matches!(option, NdOption::Prefix(it) if it.on_link);
    let is_short =
        |option: &NdOption| matches!(option, NdOption::Prefix(it) if it.prefix.length() == 63);
    let is_route = |option: &NdOption| matches!(option, NdOption::Route(_));
    let faults: [(Fault, IsIt, bool); 3] = [
        (Fault::RaNoOnLink, is_on_link, false),
        (Fault::RaWrongPrefix, is_short, true),
        (Fault::RaNoRoute, is_route, false),
    ];
    for (fault, is_so, under_it) in faults {
        assert_eq!(has(&mut lan, is_so), !under_it, "{fault}");
        lan.inject(fault);
        assert_eq!(has(&mut lan, is_so), under_it, "{fault}");
        assert!(lan.effects(fault) > 0, "{fault}");
        lan.heal();
    }
    lan.inject(Fault::RaNewUla);
    assert_eq!(prefixes(&lan.solicited().1), USUAL);
    let reboot = Some(SECOND);
    lan.state
        .inject(Fault::RouterReboot, reboot, lan.now)
        .expect("begun");
    lan.run(2 * SECOND);
    lan.state.begin_ipv6(lan.now);
    let changed = [USUAL[0], "fd00:77:1::/64 2700/5400"];
    assert_eq!(prefixes(&lan.solicited().1), changed);
    assert!(lan.effects(Fault::RaNewUla) > 0);
}

// By RFC 7084 (G-4, G-5 and L-3): no default router without a line, and routes to the site's own prefixes all the same.
#[test]
fn a_router_whose_line_is_down_says_at_once_that_it_is_no_default_router() {
    let mut lan = Ipv6Lan::new();
    let usual = lan.addressing();
    lan.run(60 * SECOND);
    lan.state.set_wan(true, lan.now);
    let (after, said) = lan.advertisements(SECOND).remove(0);
    assert_eq!((after, body(&said).lifetime), (Duration::ZERO, 0));
    let routes = |packet: &Packet| {
        let options = packet.message.options.iter();
        let lifetimes = options.filter_map(|option| match option {
            NdOption::Route(route) => Some(route.lifetime.as_secs()),
            _ => None,
        });
        lifetimes.collect::<Vec<_>>()
    };
    assert_eq!(routes(&said), [2700, 2700]);
    assert_eq!(lan.addressing().black_holes, [lanherd_ndp::Prefix::DEFAULT]);
    lan.inject(Fault::RaDefaultWithoutWan);
    assert_eq!(body(&lan.solicited().1).lifetime, 2700);
    assert!(lan.effects(Fault::RaDefaultWithoutWan) > 0);
    lan.heal();
    lan.state.set_wan(false, lan.now);
    assert_eq!(body(&lan.solicited().1).lifetime, 2700);
    assert_eq!(lan.addressing(), usual);
}
