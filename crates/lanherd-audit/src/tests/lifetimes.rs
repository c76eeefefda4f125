//! What ends before it is advertised again, or vanishes.

use lanherd_ndp::options::SearchList;

use super::*;

#[test]
fn a_lifetime_that_ends_before_the_next_advertisement_is_told_during_and_at_the_end() {
    let short = RouterAdvertisement {
        lifetime: 10,
        ..body()
    };
    let frame = || advertisement(short, sound_options());
    assert_eq!(found(&[(1.0, frame()), (10.5, frame())], 20.0), []);
    let breaches = found(&[(1.0, frame()), (16.0, frame())], 20.0);
    assert_eq!(names(&breaches), ["ra-router-lifetime"]);
    assert_eq!(
        breaches[0].what,
        "the router lifetime is 10 s, and for 15.0 s none came"
    );
    assert_eq!(
        names(&found(&[(1.0, frame())], 20.0)),
        ["ra-router-lifetime"]
    );
    // Infinite resolvers, and withdrawn ones, do not lapse; 60 s do.
    for (lifetime, lapses) in [(u32::MAX, false), (60, true)] {
        let options = vec![resolvers(lifetime)];
        let breaches = found(&[(1.0, advertisement(body(), options))], 100.0);
        assert_eq!(
            names(&breaches).contains(&"ra-resolver-lifetime"),
            lapses,
            "{lifetime}"
        );
    }
    let search = NdOption::SearchList(SearchList {
        lifetime: Lifetime::from_secs(5),
        names: vec!["lan.test".to_owned()],
    });
    let options = vec![resolvers(1800), search];
    let breaches = found(&[(1.0, advertisement(body(), options))], 100.0);
    assert_eq!(names(&breaches), ["ra-resolver-lifetime"]);
    assert!(
        breaches[0].what.starts_with("the search list lives 5 s"),
        "{breaches:?}"
    );
}

#[test]
fn what_did_not_come_is_not_told_where_frames_were_lost() {
    let mut audit = audit();
    let short = RouterAdvertisement {
        lifetime: 10,
        ..body()
    };
    audit.hear(seconds(1.0), &advertisement(short, sound_options()));
    let report = audit.report(seconds(20.0), 3);
    assert_eq!(report.breaches, []);
    assert_eq!(
        (report.withheld.frames_lost, report.withheld.breaches),
        (3, 1)
    );
    assert!(
        report
            .to_string()
            .contains("3 frames were lost on this machine")
    );
}

// The renumbering that strands hosts (RFC 9096, 3.5).
#[test]
fn a_prefix_that_vanishes_while_it_is_preferred_is_stale_and_one_that_was_deprecated_is_not() {
    let with = |option: NdOption| {
        let route = route("2001:db8::", 32, 1800);
        advertisement(body(), vec![resolvers(1800), route, option])
    };
    let old = || with(prefix("2001:db8:1::", 64, 1800, 3600));
    let new = || with(prefix("2001:db8:2::", 64, 1800, 3600));
    let breaches = found(
        &[
            (1.0, old()),
            (10.0, new()),
            (20.0, new()),
            (30.0, new()),
            (40.0, new()),
        ],
        50.0,
    );
    assert_eq!(names(&breaches), ["ra-stale-prefix"]);
    assert_eq!(breaches[0].times, 1);
    assert!(
        breaches[0]
            .what
            .starts_with("2001:db8:1::/64 stood in no advertisement since 29.0 s")
    );
    let deprecated = with(prefix("2001:db8:1::", 64, 0, 3600));
    let frames = [
        (1.0, old()),
        (10.0, deprecated),
        (20.0, new()),
        (30.0, new()),
        (40.0, new()),
    ];
    assert_eq!(found(&frames, 50.0), []);
    // Options may be spread over several advertisements (RFC 4861, 6.2.3).
    let frames = [(1.0, old()), (10.0, new()), (20.0, old()), (30.0, new())];
    assert_eq!(found(&frames, 50.0), []);
}

// Whoever was not listening has missed nothing.
#[test]
fn a_time_in_which_nobody_listened_is_no_gap() {
    let packet = |lifetime| {
        let body = RouterAdvertisement { lifetime, ..body() };
        Packet::from_frame(&advertisement(body, sound_options())).expect("an advertisement")
    };
    let follow = |is_interrupted: bool, late: f64| {
        let mut routers = RouterAudit::new(1500);
        assert!(routers.hear(seconds(1.0), Duration::ZERO, &packet(30)));
        if is_interrupted {
            routers.interrupted();
        }
        assert!(routers.hear(seconds(90.0), seconds(late), &packet(30)));
        names(&routers.findings(seconds(91.0), Duration::ZERO).breaches)
    };
    assert_eq!(follow(false, 0.0), ["ra-router-lifetime"]);
    assert_eq!(follow(false, 60.0), [""; 0], "it may have come in time");
    assert_eq!(follow(true, 0.0), [""; 0]);
}
