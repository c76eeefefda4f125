//! Advertisements that are handed to the machine past the client's actor.

use super::*;
use crate::client::decoded::Decoded;

fn decoded(advertised: &Advertised) -> Arc<Decoded> {
    Arc::new(Packet::from_frame(&advertisement(advertised)))
}

/// What becomes of an advertisement, with what its client has to do then.
fn offer(shared: &SharedStack6, advertised: &Advertised, now: Instant) -> (Offered, Vec<Output6>) {
    let offered = shared.offer(|| decoded(advertised), now);
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
    let router = shared.lock().host.default_routers();
    let ends = router[0].until.moment().expect("an end");
    assert_eq!(ends, now + Duration::from_secs(1800));
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
