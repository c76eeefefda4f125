//! Advertisements that are handed to the machine past the client's actor.

use super::*;
use crate::client::decoded::Decoded;
use crate::client::{Aggregator, ClientActor, ClientArgs, ClientMsg};
use crate::identity::Identity;

fn decoded(advertised: &Advertised) -> Arc<Decoded> {
    Arc::new(Packet::from_frame(&advertisement(advertised)))
}

/// What becomes of an advertisement, with what its client has to do then.
fn offer(shared: &SharedStack6, advertised: &Advertised, now: Instant) -> (Offered, Vec<Output6>) {
    let offered = shared.offer(|| decoded(advertised), now);
    let offered = offered.expect("no panic");
    let mut stack = shared.lock();
    let outputs = std::iter::from_fn(|| stack.poll_output()).collect();
    (offered, outputs)
}

/// A client of that router, usable, whose actor is at rest.
fn usable(router: &Advertised) -> (Arc<SharedStack6>, Instant) {
    let mut timeline = Timeline::new(|config| config.set_verifies(false));
    timeline.router = Some(router.clone());
    timeline.start();
    timeline.run(1.0);
    // With the first that prolongs lifetimes it is known when the kernel has to be told of that.
    timeline.advertise();
    timeline.run(1.0);
    assert!(timeline.stack.is_usable());
    let wakes_at = timeline.stack.poll_timeout();
    let shared = SharedStack6::new(timeline.stack);
    shared.wakes_at(wakes_at);
    (shared, timeline.now)
}

#[test]
fn one_that_says_what_the_one_before_said_leaves_the_actor_at_rest_and_prolongs_lifetimes() {
    let router = advertised(false, false, &[prefix(PREFIX, 1800, 3600)]);
    let (shared, mut now) = usable(&router);
    let due = shared.lock().host.poll_timeout();
    for _ in 0..10 {
        now += Duration::from_secs(10);
        assert_eq!(offer(&shared, &router, now), (Offered::Taken, Vec::new()));
    }
    assert_eq!(shared.lock().host.poll_timeout(), due);
    // It counts from the latest of them.
    for (after, is_usable) in [(1799, true), (1801, false)] {
        shared
            .lock()
            .handle_timeout(now + Duration::from_secs(after));
        assert_eq!(shared.lock().is_usable(), is_usable, "{after}");
    }
}

#[test]
fn one_of_which_something_follows_wakes_the_actor_once_and_others_wait_until_it_has_seen_to_it() {
    let router = advertised(false, false, &[prefix(PREFIX, 1800, 3600)]);
    let (shared, now) = usable(&router);
    let mut goes = router.clone();
    goes.body.lifetime = 0;
    let (offered, outputs) = offer(&shared, &goes, now);
    assert_eq!(offered, Offered::Follows);
    assert!(outputs.iter().any(|it| matches!(it, Output6::Lost(_))));
    assert_eq!(offer(&shared, &router, now).0, Offered::Refused);
    // It takes the message that woke it.
    shared.engage();
    shared.disengage();
    assert_eq!(offer(&shared, &router, now).0, Offered::Refused);
    shared.lock().handle_discovery(&decoded(&router), now);
    assert!(shared.lock().is_usable());
    while shared.lock().poll_output().is_some() {}
    let wakes_at = shared.lock().poll_timeout();
    shared.wakes_at(wakes_at);
    shared.disengage();
    assert_eq!(offer(&shared, &router, now).0, Offered::Taken);
}

#[test]
fn one_that_ends_something_before_the_actor_wakes_wakes_it() {
    let router = advertised(false, false, &[prefix(PREFIX, 1800, 3600)]);
    let (shared, now) = usable(&router);
    // By little enough that the kernel need not be told.
    let mut sooner = router.clone();
    sooner.body.lifetime = 1799;
    shared.wakes_at(Some(now + Duration::from_secs(100_000)));
    assert_eq!(offer(&shared, &sooner, now).0, Offered::Follows);
}

#[test]
fn none_is_taken_while_the_actor_works_or_ipv6_cannot_be_used() {
    let router = advertised(false, false, &[prefix(PREFIX, 1800, 3600)]);
    let (shared, now) = usable(&router);
    shared.engage();
    assert_eq!(offer(&shared, &router, now).0, Offered::Refused);
    shared.disengage();
    assert_eq!(offer(&shared, &router, now).0, Offered::Taken);
    shared.lock().carrier_lost(now);
    while shared.lock().poll_output().is_some() {}
    assert_eq!(offer(&shared, &router, now).0, Offered::Refused);
}

#[test]
fn a_machine_that_panics_ends_nobody_who_reads_for_all_and_waits_for_its_actor() {
    let router = advertised(false, false, &[prefix(PREFIX, 1800, 3600)]);
    let (shared, now) = usable(&router);
    let panic = shared
        .offer(|| panic!("scripted"), now)
        .expect_err("it did");
    assert_eq!(panic.downcast_ref(), Some(&"scripted"));
    assert_eq!(offer(&shared, &router, now).0, Offered::Refused);
}

#[tokio::test(start_paused = true)]
async fn an_actor_ends_by_the_panic_of_its_machine() {
    use crate::identity::{ClientNumber, PoolName, Seed};
    use crate::lab::LabConfig;
    use crate::lan::fake::FakeLan;
    use crate::metrics::Metrics;
    use crate::tester::TesterFigures;

    let identity = Identity::derive(&PoolName::default(), ClientNumber(1), Seed(7));
    let metrics = Metrics::new(&PoolName::default(), Seed(7)).expect("families");
    let aggregator = Aggregator::new(metrics.clone(), TesterFigures::default());
    let args = ClientArgs {
        dhcp: crate::dhcp::Config::new(identity.mac),
        ipv6: Some(Config::new(identity.mac, Secret([7; 16]), LIMIT)),
        identity: Arc::new(identity),
        lan: Arc::new(FakeLan::new(&LabConfig::default())),
        families: lanherd_types::family::Families::Dual,
        remembered6: None,
        rng: fastrand::Rng::with_seed(7),
        remembered: None,
        lease_deadline: LIMIT,
        activities: Arc::new([]),
        addresses: Arc::default(),
        releases: Arc::default(),
        metrics: Arc::new(metrics),
        aggregator: Arc::new(aggregator),
        stats: Arc::default(),
        events: Arc::new(|_| {}),
    };
    let spawned = ractor::Actor::spawn(None, ClientActor::default(), args).await;
    let (actor, task) = spawned.expect("spawned");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(actor.get_status(), ractor::ActorStatus::Running);
    let panicked = ClientMsg::Panicked(Box::new("scripted"));
    actor.cast(panicked).expect("it lives");
    let ended = tokio::time::timeout(Duration::from_secs(10), task).await;
    ended.expect("it ends").expect("ractor has caught it");
}
