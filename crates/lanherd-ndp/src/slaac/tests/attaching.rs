//! The link was away, and came back: the same, or another.

use super::*;

fn attached(same_link: bool) -> Event {
    Event::Attached { same_link }
}

// RFC 6059, 5.5.1: when the link is back routers are asked at once, without a delay.
// RFC 6059, 5.7.2: when the link is back, what the first router says tells whether it is the same.
#[test]
fn s28_a_link_that_comes_back_is_asked_at_once_and_what_stood_stands_on() {
    let mut harness = Harness::configured();
    harness.until(600.0);
    harness.tell(Host::reconnect);
    assert_eq!(
        (harness.state(), harness.solicitations()),
        ("soliciting", vec![600.0])
    );
    assert_eq!(harness.addresses().len(), 1);
    harness.until(600.5);
    harness.receive(&ra(1800, vec![pio(home(), DAY, 4 * HOUR)]));
    let happened = harness.happened();
    assert!(happened.contains(&attached(true)), "{happened:?}");
    assert_eq!(harness.changed(), []);
    assert_eq!(harness.state(), "configured");
    harness.until(700.0);
    assert_eq!(harness.sent.len(), 1);
}

// RFC 8981, 3.6: on another link all temporary addresses are removed.
// RFC 6059, 5.7.2: when the link is back, what the first router says tells whether it is the same.
#[test]
fn s28_on_another_link_everything_of_the_old_one_goes() {
    let config = Config {
        temporary: Some(TemporaryPolicy::RFC_8981),
        ..config()
    };
    let mut harness = Harness::configured_with(config, DAY, 4 * HOUR);
    let old: Vec<_> = harness.addresses().iter().map(|it| it.address).collect();
    harness.tell(Host::reconnect);
    harness.receive(&ra_from(
        OTHER_ROUTER,
        body(1800),
        vec![pio(other(), DAY, DAY)],
    ));
    let happened = harness.happened();
    assert!(happened.contains(&attached(false)), "{happened:?}");
    for address in &old {
        let why = AddressLoss::Moved;
        let lost = Event::AddressLost {
            address: *address,
            why,
        };
        assert!(happened.contains(&lost), "{happened:?}");
    }
    let lost = Event::RouterLost {
        router: ROUTER,
        why: RouterLoss::Moved,
    };
    assert!(happened.contains(&lost));
    assert!(
        harness
            .addresses()
            .iter()
            .all(|it| other().contains(it.address))
    );
    assert_eq!(harness.routes(), [(Prefix::DEFAULT, OTHER_ROUTER)]);
    assert_eq!(harness.on_link(), [other()]);
}

#[test]
fn s28_another_router_with_a_known_prefix_is_on_the_same_link_and_an_equal_address_of_another_is_not()
 {
    let mut harness = Harness::configured();
    harness.tell(Host::reconnect);
    harness.receive(&ra_from(
        OTHER_ROUTER,
        body(1800),
        vec![pio(home(), DAY, DAY)],
    ));
    assert!(harness.happened().contains(&attached(true)));
    assert_eq!(harness.routes().len(), 2);
    // fe80::1 is what half of all routers are called.
    let mut harness = Harness::configured();
    harness.tell(Host::reconnect);
    let packet = Packet::router_advertisement(
        RIVAL,
        ROUTER,
        body(1800),
        vec![NdOption::SourceLinkLayer(RIVAL), pio(other(), DAY, DAY)],
    );
    harness.receive(&packet);
    assert!(harness.happened().contains(&attached(false)));
}

// RFC 6059, 5.7.2: when the link is back, what the first router says tells whether it is the same.
#[test]
fn s28_a_known_router_is_on_the_same_link_whatever_it_carries() {
    for lifetime in [0, 1800] {
        let mut harness = Harness::configured();
        harness.tell(Host::reconnect);
        harness.receive(&ra(lifetime, vec![]));
        assert!(harness.happened().contains(&attached(true)));
        assert_eq!(harness.addresses().len(), 1);
    }
}

#[test]
fn s28_where_nobody_answers_what_stood_stands_until_its_time() {
    let mut harness = Harness::configured_with(config(), DAY, DAY);
    harness.tell(Host::reconnect);
    harness.until(100.0);
    assert_eq!(harness.solicitations(), [0.0, 4.0, 8.0]);
    let unanswered = Event::Unanswered { solicitations: 3 };
    assert!(harness.happened().contains(&unanswered));
    assert_eq!(
        (harness.state(), harness.addresses().len()),
        ("configured", 1)
    );
    harness.until(f64::from(DAY));
    assert_eq!(
        (harness.state(), harness.addresses().len()),
        ("listening", 0)
    );
}

#[test]
fn a_link_that_comes_back_before_the_host_began_begins_it() {
    let config = Config {
        start_delay: Duration::from_secs(1)..=Duration::from_secs(1),
        ..config()
    };
    let mut harness = Harness::soliciting_with(config);
    harness.tell(Host::reconnect);
    assert_eq!(
        (harness.state(), harness.solicitations()),
        ("soliciting", vec![0.0])
    );
}
