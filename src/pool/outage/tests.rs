use super::*;

/// A herd of so many clients that are all online.
fn herd(clients: u32) -> (OutageWatch, Instant) {
    let (mut watch, now) = (OutageWatch::default(), Instant::now());
    for number in (1..=clients).map(ClientNumber) {
        watch.add(number, Family::Ipv4);
        assert_eq!(watch.came_up(number, Family::Ipv4, now), []);
    }
    (watch, now)
}

fn down(
    watch: &mut OutageWatch,
    numbers: impl IntoIterator<Item = u32>,
    now: Instant,
) -> Vec<Notice> {
    let numbers = numbers.into_iter().map(ClientNumber);
    numbers
        .flat_map(|n| watch.went_down(n, Families::Ipv4, Cause::NoCarrier, None, now))
        .collect()
}

fn up(
    watch: &mut OutageWatch,
    numbers: impl IntoIterator<Item = u32>,
    now: Instant,
) -> Vec<Notice> {
    let numbers = numbers.into_iter().map(ClientNumber);
    numbers
        .flat_map(|n| watch.came_up(n, Family::Ipv4, now))
        .collect()
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn more_than_half_of_the_herd_down_at_one_time_is_one_outage() {
    let (mut watch, start) = herd(10);
    assert_eq!(down(&mut watch, 1..=5, start), []);
    assert!(!watch.is_on());
    let began = down(&mut watch, [6], start + seconds(3));
    assert!(
        matches!(&began[..], [Notice::Began { taken, of: 10, family: None }] if taken.len() == 6),
        "{began:?}"
    );
    assert_eq!(
        down(&mut watch, 7..=10, start + seconds(4)),
        [],
        "still the same one"
    );
    assert!(watch.is_on());
}

#[test]
fn failures_that_are_mended_before_the_next_ones_are_none() {
    let (mut watch, start) = herd(4);
    for round in 0..100 {
        let now = start + seconds(round);
        assert_eq!(down(&mut watch, 1..=2, now), []);
        assert_eq!(up(&mut watch, 1..=2, now), []);
        assert_eq!(down(&mut watch, 3..=4, now), []);
        assert_eq!(up(&mut watch, 3..=4, now), []);
    }
}

#[test]
fn the_way_back_is_told_at_half_at_95_percent_and_at_the_last_client() {
    let (mut watch, start) = herd(20);
    down(&mut watch, 1..=20, start);
    assert_eq!(
        up(&mut watch, [1], start + seconds(10)),
        [Notice::FirstBack(Family::Ipv4)]
    );
    let (share, took) = (Share::Half, seconds(11));
    assert_eq!(
        up(&mut watch, 2..=10, start + took),
        [Notice::Back { share, took }]
    );
    let (share, took) = (Share::Most, seconds(12));
    let ended = Notice::Ended {
        took,
        clients: 20,
        family: None,
    };
    assert_eq!(
        up(&mut watch, 11..=19, start + took),
        [Notice::Back { share, took }, ended]
    );
    assert!(!watch.is_on());
    let (share, took) = (Share::All, seconds(60));
    assert_eq!(
        up(&mut watch, [20], start + took),
        [Notice::Back { share, took }]
    );
}

#[test]
fn who_goes_down_again_is_not_back_and_who_leaves_is_not_waited_for() {
    let (mut watch, start) = herd(4);
    down(&mut watch, 1..=4, start);
    up(&mut watch, [1], start);
    down(&mut watch, [1], start);
    assert_eq!(up(&mut watch, [2], start), []);
    assert!(watch.is_on());
    for number in [1, 3] {
        watch.remove(ClientNumber(number), Families::Ipv4, start);
    }
    assert!(watch.is_on());
    let notices = watch.remove(ClientNumber(4), Families::Ipv4, start);
    assert!(
        notices.contains(&Notice::Ended {
            took: seconds(0),
            clients: 1,
            family: None,
        }),
        "{notices:?}"
    );
    assert!(!watch.is_on());
}

#[test]
fn an_outage_whose_clients_all_leave_ends_with_them() {
    let (mut watch, start) = herd(3);
    down(&mut watch, 1..=3, start);
    let notices: Vec<_> = (1..=3)
        .flat_map(|n| watch.remove(ClientNumber(n), Families::Ipv4, start))
        .collect();
    assert_eq!(
        notices,
        [Notice::Ended {
            took: seconds(0),
            clients: 0,
            family: None,
        }]
    );
    assert!(!watch.is_on());
}

#[test]
fn clients_that_never_came_online_are_no_outage_beside_those_that_did() {
    let (mut watch, start) = herd(4);
    for number in (5..=100).map(ClientNumber) {
        watch.add(number, Family::Ipv4);
    }
    assert_eq!(down(&mut watch, 5..=100, start), []);
}

#[test]
fn a_router_that_never_answered_anybody_is_one() {
    let (mut watch, start) = (OutageWatch::default(), Instant::now());
    for number in (1..=10).map(ClientNumber) {
        watch.add(number, Family::Ipv4);
    }
    assert_eq!(down(&mut watch, 1..=5, start), []);
    assert!(matches!(
        &down(&mut watch, [6], start)[..],
        [Notice::Began { .. }]
    ));
    assert_eq!(
        up(&mut watch, [7], start),
        [Notice::FirstBack(Family::Ipv4)]
    );
}

#[test]
fn one_or_two_clients_are_never_one() {
    let (mut watch, start) = herd(2);
    assert_eq!(down(&mut watch, 1..=2, start), []);
}

#[test]
fn a_second_outage_begins_only_after_the_first_is_over() {
    let (mut watch, start) = herd(40);
    down(&mut watch, 1..=40, start);
    up(&mut watch, 1..=39, start);
    assert!(!watch.is_on());
    let began = down(&mut watch, 1..=21, start + seconds(100));
    assert!(matches!(&began[..], [Notice::Began { .. }]), "{began:?}");
}

#[test]
fn an_outage_is_remembered_with_its_share_its_cause_and_the_way_back() {
    let (mut watch, start) = herd(20);
    let origin = start.checked_sub(seconds(7)).expect("a moment before");
    down(&mut watch, 1..=10, start + seconds(3));
    for (number, cause) in [(11, Cause::LeaseExpired), (12, Cause::NoCarrier)] {
        watch.went_down(
            ClientNumber(number),
            Families::Ipv4,
            cause,
            None,
            start + seconds(4),
        );
    }
    let fault = Some(Fault::FlapParent);
    watch.went_down(
        ClientNumber(13),
        Families::Ipv4,
        Cause::NoOffer,
        fault,
        start + seconds(5),
    );
    let mut outage = Outage {
        began: seconds(10),
        ended: None,
        clients: 13,
        of: 20,
        cause: Cause::NoCarrier,
        fault: None,
        family: None,
        back: BTreeMap::new(),
    };
    assert_eq!(watch.latest(origin), [outage.clone()]);
    up(&mut watch, 1..=7, start + seconds(13));
    up(&mut watch, 8..=13, start + seconds(23));
    outage.ended = Some(seconds(30));
    outage.back = BTreeMap::from([
        (Share::Half, seconds(10)),
        (Share::Most, seconds(20)),
        (Share::All, seconds(20)),
    ]);
    assert!((outage.share() - 0.65).abs() < 1e-9, "{}", outage.share());
    assert_eq!(watch.latest(origin), [outage]);
}

#[test]
fn an_outage_that_a_fault_made_says_so() {
    let (mut watch, start) = herd(4);
    for number in (1..=4).map(ClientNumber) {
        let fault = Some(Fault::DhcpMute);
        watch.went_down(number, Families::Ipv4, Cause::LeaseExpired, fault, start);
    }
    let latest = watch.latest(start);
    assert_eq!(
        latest.first().and_then(|outage| outage.fault),
        Some(Fault::DhcpMute)
    );
    let clients = latest.first().map(|outage| (outage.clients, outage.of));
    assert_eq!(clients, Some((4, 4)));
}

#[test]
fn of_the_outages_the_latest_are_remembered() {
    let (mut watch, start) = herd(3);
    for round in 0..Outage::KEPT as u64 + 7 {
        let now = start + seconds(10 * round);
        down(&mut watch, 1..=3, now);
        up(&mut watch, 1..=3, now + seconds(1));
    }
    let latest = watch.latest(start);
    assert_eq!(latest.len(), Outage::KEPT);
    assert_eq!(latest.first().map(|outage| outage.began), Some(seconds(70)));
}

/// A herd of so many clients that are online in both families.
fn dual_herd(clients: u32) -> (OutageWatch, Instant) {
    let (mut watch, now) = (OutageWatch::default(), Instant::now());
    for number in (1..=clients).map(ClientNumber) {
        for family in Families::Dual.each() {
            watch.add(number, family);
            assert_eq!(watch.came_up(number, family, now), []);
        }
    }
    (watch, now)
}

fn down_in(
    watch: &mut OutageWatch,
    families: Families,
    numbers: impl IntoIterator<Item = u32>,
    now: Instant,
) -> Vec<Notice> {
    let numbers = numbers.into_iter().map(ClientNumber);
    numbers
        .flat_map(|n| watch.went_down(n, families, Cause::RouterLost, None, now))
        .collect()
}

#[test]
fn an_outage_of_one_family_while_the_other_is_well_is_one_of_that_family() {
    let (mut watch, start) = dual_herd(10);
    let began = down_in(&mut watch, Families::Ipv6, 1..=6, start);
    let ipv6 = Some(Family::Ipv6);
    assert!(
        matches!(&began[..], [Notice::Began { taken, of: 10, family }] if taken.len() == 6 && *family == ipv6),
        "{began:?}"
    );
    assert!(watch.is_on_in(ipv6) && watch.is_on_in(None));
    assert!(!watch.is_on_in(Some(Family::Ipv4)));
    assert_eq!(
        up(&mut watch, [1], start),
        [],
        "in IPv4 it was up all the time"
    );
    let back: Vec<_> = (1..=6)
        .flat_map(|n| watch.came_up(ClientNumber(n), Family::Ipv6, start + seconds(4)))
        .collect();
    assert_eq!(back.first(), Some(&Notice::FirstBack(Family::Ipv6)));
    let ended = Notice::Ended {
        took: seconds(4),
        clients: 6,
        family: ipv6,
    };
    assert!(back.contains(&ended), "{back:?}");
    let latest = watch.latest(start);
    let told = latest.first().map(|outage| (outage.family, outage.clients));
    assert_eq!((latest.len(), told), (1, Some((ipv6, 6))));
}

#[test]
fn a_router_that_is_down_in_both_families_is_one_outage_and_not_two() {
    let (mut watch, start) = dual_herd(10);
    let began = down_in(&mut watch, Families::Dual, 1..=10, start);
    assert!(
        matches!(
            &began[..],
            [Notice::Began {
                of: 10,
                family: None,
                ..
            }]
        ),
        "{began:?}"
    );
    assert_eq!(
        up(&mut watch, 1..=10, start),
        [Notice::FirstBack(Family::Ipv4)],
        "nobody is back before both families are"
    );
    let back: Vec<_> = (1..=10)
        .flat_map(|n| watch.came_up(ClientNumber(n), Family::Ipv6, start + seconds(9)))
        .collect();
    let ended = Notice::Ended {
        took: seconds(9),
        clients: 10,
        family: None,
    };
    assert!(back.contains(&ended), "{back:?}");
    let told: Vec<_> = watch
        .latest(start)
        .iter()
        .map(|outage| outage.family)
        .collect();
    assert_eq!(told, [None]);
}

#[test]
fn an_outage_that_spreads_to_the_other_family_stays_one() {
    let (mut watch, start) = dual_herd(10);
    down_in(&mut watch, Families::Ipv6, 1..=10, start);
    // Less than half: they are taken by the outage, which is still one of IPv6.
    assert_eq!(down(&mut watch, 1..=5, start), []);
    let told = |watch: &OutageWatch| watch.latest(start).first().map(|outage| outage.family);
    assert_eq!(told(&watch), Some(Some(Family::Ipv6)));
    let spread = Notice::Spread {
        family: Family::Ipv4,
        clients: 6,
        of: 10,
    };
    assert_eq!(down(&mut watch, 6..=10, start), [spread]);
    assert_eq!(told(&watch), Some(None));
    assert_eq!(watch.latest(start).len(), 1);
}

#[test]
fn of_a_client_that_does_without_a_family_only_the_other_is_waited_for() {
    let (mut watch, start) = dual_herd(4);
    down_in(&mut watch, Families::Dual, 1..=4, start);
    let mut notices = Vec::new();
    for number in (1..=4).map(ClientNumber) {
        notices.extend(watch.remove(number, Families::Ipv4, start));
        notices.extend(watch.came_up(number, Family::Ipv6, start));
    }
    assert!(
        notices
            .iter()
            .any(|one| matches!(one, Notice::Ended { clients: 4, .. })),
        "{notices:?}"
    );
    assert!(!watch.is_on());
}
