use super::*;

/// A herd of so many clients that are all online.
fn herd(clients: u32) -> (OutageWatch, Instant) {
    let (mut watch, now) = (OutageWatch::default(), Instant::now());
    for number in (1..=clients).map(ClientNumber) {
        watch.add(number);
        assert_eq!(watch.came_up(number, now), []);
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
        .flat_map(|n| watch.went_down(n, Cause::NoCarrier, None, now))
        .collect()
}

fn up(
    watch: &mut OutageWatch,
    numbers: impl IntoIterator<Item = u32>,
    now: Instant,
) -> Vec<Notice> {
    let numbers = numbers.into_iter().map(ClientNumber);
    numbers.flat_map(|n| watch.came_up(n, now)).collect()
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
        matches!(&began[..], [Notice::Began { taken, of: 10 }] if taken.len() == 6),
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
        [Notice::FirstBack]
    );
    let (share, took) = (Share::Half, seconds(11));
    assert_eq!(
        up(&mut watch, 2..=10, start + took),
        [Notice::Back { share, took }]
    );
    let (share, took) = (Share::Most, seconds(12));
    let ended = Notice::Ended { took, clients: 20 };
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
        watch.remove(ClientNumber(number), start);
    }
    assert!(watch.is_on());
    let notices = watch.remove(ClientNumber(4), start);
    assert!(
        notices.contains(&Notice::Ended {
            took: seconds(0),
            clients: 1
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
        .flat_map(|n| watch.remove(ClientNumber(n), start))
        .collect();
    assert_eq!(
        notices,
        [Notice::Ended {
            took: seconds(0),
            clients: 0
        }]
    );
    assert!(!watch.is_on());
}

#[test]
fn clients_that_never_came_online_are_no_outage_beside_those_that_did() {
    let (mut watch, start) = herd(4);
    for number in (5..=100).map(ClientNumber) {
        watch.add(number);
    }
    assert_eq!(down(&mut watch, 5..=100, start), []);
}

#[test]
fn a_router_that_never_answered_anybody_is_one() {
    let (mut watch, start) = (OutageWatch::default(), Instant::now());
    for number in (1..=10).map(ClientNumber) {
        watch.add(number);
    }
    assert_eq!(down(&mut watch, 1..=5, start), []);
    assert!(matches!(
        &down(&mut watch, [6], start)[..],
        [Notice::Began { .. }]
    ));
    assert_eq!(up(&mut watch, [7], start), [Notice::FirstBack]);
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
        watch.went_down(ClientNumber(number), cause, None, start + seconds(4));
    }
    let fault = Some(Fault::FlapParent);
    watch.went_down(ClientNumber(13), Cause::NoOffer, fault, start + seconds(5));
    let mut outage = Outage {
        began: seconds(10),
        ended: None,
        clients: 13,
        of: 20,
        cause: Cause::NoCarrier,
        fault: None,
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
        watch.went_down(number, Cause::LeaseExpired, fault, start);
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
