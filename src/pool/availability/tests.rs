use proptest::prelude::*;

use super::*;

const ONE: ClientNumber = ClientNumber(1);

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn group() -> GroupName {
    "ns".parse().expect("a name")
}

/// What befalls a client, a second after the one before.
#[derive(Debug, Clone, Copy)]
enum Step {
    Enters(Phase),
    Fails(Cause),
    /// Because of a fault that was made on purpose.
    IsStruck(Cause),
    /// Because the tester had stood still.
    IsExcused(Cause),
    /// For a minute.
    StandsStill,
    /// A second in which nothing happens.
    Waits,
}
use Step::{Enters, Fails, IsExcused, IsStruck, StandsStill, Waits};

fn befalls(all: &mut AvailabilityTracker, client: ClientNumber, step: Step, now: &mut Instant) {
    match step {
        Enters(phase) => all.entered(client, phase, *now),
        Fails(cause) => all.failed(client, cause, Blame::Itself, *now),
        IsStruck(cause) => all.failed(client, cause, Blame::Fault(Fault::Crash), *now),
        IsExcused(cause) => all.failed(client, cause, Blame::Tester, *now),
        StandsStill => {
            all.stood_still(*now, *now + seconds(60));
            *now += seconds(60);
        }
        Waits => {}
    }
}

fn after(steps: &[Step]) -> Uptime {
    let (mut all, mut now) = (AvailabilityTracker::default(), Instant::now());
    all.add(ONE, group(), now);
    for step in steps {
        befalls(&mut all, ONE, *step, &mut now);
        now += seconds(1);
    }
    all.settle(now);
    let (wanted, usable) = all.of(ONE, now);
    assert_eq!((wanted, usable), (all.all().wanted(), all.all().usable));
    all.all()
}

/// From its admission to its first time online.
const JOIN: [Step; 3] = [
    Enters(Phase::Namespace),
    Enters(Phase::Dhcp),
    Enters(Phase::Online),
];

/// What a case is called; what its client did once it had joined and been online for a second; usable and unavailable seconds,
/// the latter by cause.
type Case = (&'static str, &'static [Step], u64, &'static [(Cause, u64)]);

#[allow(clippy::too_many_lines, reason = "a table")]
#[test]
fn what_a_client_goes_through_counts_as_it_should() {
    use Cause::{Crashed, LeaseExpired, NoCarrier, NoOffer};
    let cases: &[Case] = &[
        ("online", &[Waits], 2, &[]),
        (
            "it leaves",
            &[Enters(Phase::Leaving), Enters(Phase::Gone), Waits],
            1,
            &[],
        ),
        (
            "it rests as it was told to, and joins again",
            &[
                Enters(Phase::Released),
                Enters(Phase::Dhcp),
                Enters(Phase::Online),
            ],
            2,
            &[],
        ),
        (
            "that it does not get a lease then counts from when it asked",
            &[Enters(Phase::Released), Enters(Phase::Dhcp), Fails(NoOffer)],
            1,
            &[(NoOffer, 2)],
        ),
        (
            "the carrier goes, and comes back",
            &[
                Fails(NoCarrier),
                Enters(Phase::NoCarrier),
                Enters(Phase::Queued),
                Enters(Phase::Dhcp),
                Enters(Phase::Online),
            ],
            2,
            &[(NoCarrier, 4)],
        ),
        (
            "each second has the cause that was the latest then",
            &[
                Fails(LeaseExpired),
                Enters(Phase::Dhcp),
                Fails(NoOffer),
                Enters(Phase::Backoff),
                Enters(Phase::Queued),
                Enters(Phase::Online),
            ],
            2,
            &[(LeaseExpired, 2), (NoOffer, 3)],
        ),
        (
            "one that was given up is wanted all the same",
            &[Fails(Crashed), Enters(Phase::Failed), Waits, Waits],
            1,
            &[(Crashed, 4)],
        ),
        (
            "an ordered restart fails nobody",
            &[
                Enters(Phase::Backoff),
                Enters(Phase::Queued),
                Enters(Phase::Dhcp),
                Enters(Phase::Online),
            ],
            2,
            &[],
        ),
        (
            "what the tester did is nobody's",
            &[
                StandsStill,
                IsExcused(LeaseExpired),
                Enters(Phase::Dhcp),
                Enters(Phase::Online),
            ],
            3,
            &[],
        ),
        (
            "but what comes after it is",
            &[
                StandsStill,
                IsExcused(LeaseExpired),
                Enters(Phase::Dhcp),
                Fails(NoOffer),
            ],
            2,
            &[(NoOffer, 1)],
        ),
        (
            "while the tester stands still the router does not get better",
            &[Fails(NoCarrier), Enters(Phase::NoCarrier), StandsStill],
            1,
            &[(NoCarrier, 3)],
        ),
    ];
    for (what, then, usable, unavailable) in cases {
        let told = after(&[&JOIN[..], then].concat());
        assert_eq!(told.usable, seconds(*usable), "{what}: {told:?}");
        let unavailable: BTreeMap<_, _> = unavailable
            .iter()
            .map(|(cause, lasted)| (*cause, seconds(*lasted)))
            .collect();
        assert_eq!(told.unavailable, unavailable, "{what}: {told:?}");
    }
}

#[test]
fn a_way_on_which_nothing_fails_is_time_to_join_and_one_that_fails_counts_from_admission_on() {
    let queue = [Waits, Waits];
    let joined = after(&[&queue[..], &JOIN[..]].concat());
    assert_eq!(joined.wanted(), seconds(1));
    assert_eq!(joined.availability(), Some(1.0));
    let way = [
        Waits,
        Enters(Phase::Namespace),
        Enters(Phase::Dhcp),
        Fails(Cause::NoOffer),
        Enters(Phase::Backoff),
    ];
    let failed = after(&way);
    assert_eq!(failed.wanted(), seconds(4), "{failed:?}");
    assert_eq!(failed.availability(), Some(0.0));
    assert_eq!(
        after(&way[..3]).availability(),
        None,
        "nothing is known yet"
    );
}

#[test]
fn what_faults_took_on_purpose_is_told_apart_and_so_is_what_the_tester_did() {
    let told = after(
        &[
            &JOIN[..],
            &[
                IsStruck(Cause::Crashed),
                Enters(Phase::Backoff),
                Fails(Cause::NoOffer),
                Enters(Phase::Online),
                Fails(Cause::NoOffer),
                StandsStill,
                Enters(Phase::Online),
            ],
        ]
        .concat(),
    );
    // The second life that failed was the fault's, too; the third trouble was not.
    assert_eq!(
        told.on_purpose,
        BTreeMap::from([(Fault::Crash, seconds(3))])
    );
    let by_cause = [(Cause::NoOffer, seconds(3)), (Cause::Crashed, seconds(2))];
    assert_eq!(told.unavailable, BTreeMap::from(by_cause));
    assert_eq!(told.tester, seconds(60));
}

#[test]
fn whoever_is_not_back_long_after_the_tester_stood_still_is_down_for_its_own_cause() {
    let (mut all, start) = (AvailabilityTracker::default(), Instant::now());
    all.add(ONE, group(), start);
    all.entered(ONE, Phase::Online, start);
    all.failed(ONE, Cause::NoCarrier, Blame::Tester, start);
    let still_down = all.excused_no_longer(start + seconds(31));
    assert_eq!(still_down, [(ONE, Cause::NoCarrier)]);
    all.settle(start + seconds(41));
    assert_eq!(all.all().tester, seconds(31));
    assert_eq!(all.all().wanted(), seconds(10));
}

#[test]
fn the_sums_keep_the_time_of_those_that_were_forgotten_and_tell_groups_apart() {
    let (mut all, start) = (AvailabilityTracker::default(), Instant::now());
    let phones: GroupName = "phones".parse().expect("a name");
    for (number, group) in [(ONE, group()), (ClientNumber(2), phones.clone())] {
        all.add(number, group, start);
        all.entered(number, Phase::Online, start);
    }
    all.entered(ONE, Phase::Gone, start + seconds(5));
    all.forget(ONE, start + seconds(20));
    all.settle(start + seconds(20));
    assert_eq!(all.groups[&group()].uptime.usable, seconds(5));
    assert_eq!(all.groups[&phones].uptime.usable, seconds(20));
    assert_eq!(all.all().usable, seconds(25));
}

fn any_step() -> impl Strategy<Value = Step> {
    let cause = proptest::sample::select(Cause::ALL);
    prop_oneof![
        proptest::sample::select(Phase::ALL).prop_map(Enters),
        cause.clone().prop_map(Fails),
        cause.clone().prop_map(IsStruck),
        cause.prop_map(IsExcused),
        Just(StandsStill),
        Just(Waits),
    ]
}

proptest! {
    /// Whatever befalls which client: what all are charged together, however often somebody looks, is what each was by itself.
    #[test]
    fn the_sums_are_those_of_the_clients(
        steps in proptest::collection::vec((1..4_u32, any_step()), 0..60),
        looks in proptest::bool::ANY,
    ) {
        let (mut all, mut now) = (AvailabilityTracker::default(), Instant::now());
        let numbers = (1..4).map(ClientNumber);
        for number in numbers.clone() {
            all.add(number, group(), now);
        }
        for (number, step) in steps {
            befalls(&mut all, ClientNumber(number), step, &mut now);
            now += seconds(1);
            if looks {
                all.settle(now);
            }
        }
        all.settle(now);
        let own = numbers.map(|number| all.of(number, now));
        let (wanted, usable) = own.fold((seconds(0), seconds(0)), |sum, own| (sum.0 + own.0, sum.1 + own.1));
        prop_assert_eq!((wanted, usable), (all.all().wanted(), all.all().usable));
    }

    /// Whatever befalls a client: no second is counted twice, the sums only grow, and they are the same however often
    /// they are looked at.
    #[test]
    fn every_second_is_counted_once_at_most(steps in proptest::collection::vec(any_step(), 0..60)) {
        let mut before = Uptime::default();
        for end in 0..=steps.len() {
            let told = after(&steps[..end]);
            let still = steps[..end].iter().filter(|step| matches!(step, StandsStill)).count() as u64;
            prop_assert!(told.wanted() + told.tester <= seconds(end as u64 + 60 * still));
            prop_assert!(told.wanted() >= before.wanted() && told.usable >= before.usable);
            prop_assert!(told.on_purpose.values().sum::<Duration>() + told.usable <= told.wanted());
            prop_assert!(told.availability().is_none_or(|share| (0.0..=1.0).contains(&share)));
            let mut sum = told.since(&before);
            sum.add(&before);
            prop_assert_eq!(&sum, &told);
            before = told;
        }
    }
}
