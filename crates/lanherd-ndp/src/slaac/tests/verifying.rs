//! Addresses that are verified before they are used, and what becomes of those that somebody else has.

use super::*;
use crate::message::{Body, Message, NeighbourAdvertisement};

fn verifying() -> Config {
    Config {
        verifies: true,
        gratuitous_advertisements: true,
        ..config()
    }
}

impl Harness {
    fn link_local(&self) -> InterfaceAddress {
        let mut all = self.host.addresses();
        *all.find(|it| it.kind == AddressKind::LinkLocal)
            .expect("one")
    }
}

// RFC 4862, 5.3: a host forms a link-local address, which does not end, when it starts.
// RFC 4862, 5.4: each address is verified before it is used, unless that is turned off.
#[test]
fn s15_each_address_is_verified_before_it_is_used() {
    let mut harness = Harness::soliciting_with(verifying());
    let link_local = harness.link_local();
    assert_eq!(
        (link_local.valid, link_local.is_tentative),
        (Until::NEVER, true)
    );
    assert_eq!((harness.state(), harness.sent.len()), ("tentative", 0));
    assert_eq!(harness.host.link_local(), None);
    harness.until(1.0);
    harness.verify(link_local.address, Verification::Unique);
    assert_eq!(
        (harness.state(), harness.solicitations()),
        ("soliciting", vec![1.0])
    );
    assert_eq!(harness.host.link_local(), Some(link_local.address));
    harness.receive(&ra(1800, vec![pio(home(), DAY, DAY)]));
    let address = harness.address();
    assert!(address.is_tentative);
    let usable = Event::AddressUsable {
        address: address.address,
        kind: AddressKind::Stable,
    };
    assert!(!harness.happened().contains(&usable));
    harness.verify(address.address, Verification::Unique);
    assert_eq!(harness.happened(), [usable]);
    // Said again it is nothing new.
    harness.verify(address.address, Verification::Unique);
    assert_eq!(harness.happened(), []);
}

// RFC 9131, 4.1: a new address is told to all routers, without the override flag.
#[test]
fn s17_an_address_is_told_to_the_routers_once_it_can_be_used() {
    let mut harness = Harness::soliciting_with(verifying());
    harness.verify(harness.link_local().address, Verification::Unique);
    harness.receive(&ra(1800, vec![pio(home(), DAY, DAY)]));
    assert_eq!(harness.sent.len(), 1);
    let address = harness.address().address;
    harness.verify(address, Verification::Unique);
    let told = Packet::gratuitous_advertisement(MAC, address);
    assert_eq!(harness.sent.last().map(|it| &it.1), Some(&told));
    assert_eq!(harness.sent.len(), 2);
    // A device may not.
    let config = Config {
        gratuitous_advertisements: false,
        ..verifying()
    };
    let mut harness = Harness::soliciting_with(config);
    harness.receive(&ra(1800, vec![pio(home(), DAY, DAY)]));
    harness.verify(harness.address().address, Verification::Unique);
    assert_eq!(harness.sent.len(), 0);
}

// RFC 7217, 6: an address that somebody else has is replaced by the next, three times, after up to 1 s.
#[test]
fn s16_a_stable_address_that_somebody_else_has_is_followed_by_the_next_three_times() {
    let run = |seed| {
        let mut harness = Harness::new(verifying(), seed);
        harness.tell(Host::start);
        harness.until(0.0);
        harness.receive(&ra(1800, vec![pio(home(), DAY, DAY)]));
        let mut tried = Vec::new();
        for attempt in 0..4 {
            let address = harness.address().address;
            tried.push(address);
            harness.forget();
            harness.verify(address, Verification::Duplicate(None));
            assert_eq!(harness.addresses(), []);
            assert_eq!(harness.changed(), [Change::RemoveAddress(address)]);
            harness.until(f64::from(attempt) + 1.0);
        }
        harness.until(3600.0);
        harness.receive(&ra(1800, vec![pio(home(), DAY, DAY)]));
        assert_eq!(harness.addresses(), []);
        tried
    };
    // The same ones in every run.
    assert_eq!(run(1), run(2));
    assert_eq!(
        run(1)
            .iter()
            .collect::<std::collections::BTreeSet<_>>()
            .len(),
        4
    );
}

// RFC 4862, 5.4.5: a host whose link-local address of its hardware address is another's stops.
#[test]
fn s16_a_duplicate_of_the_hardware_address_ends_it_all_until_the_link_is_another() {
    let config = Config {
        identifiers: Identifiers::Eui64,
        ..verifying()
    };
    let mut harness = Harness::soliciting_with(config);
    harness.receive(&ra(1800, vec![pio(home(), DAY, DAY)]));
    let link_local = harness.link_local().address;
    harness.forget();
    harness.verify(link_local, Verification::Duplicate(Some(RIVAL)));
    let happened = harness.happened();
    let duplicate = Event::AddressDuplicate {
        address: link_local,
        holder: Some(RIVAL),
        retried: false,
    };
    assert_eq!(happened[..2], [duplicate, Event::Disabled]);
    assert_eq!(
        (harness.state(), harness.host.addresses().count()),
        ("disabled", 0)
    );
    harness.receive(&ra(1800, vec![pio(home(), DAY, DAY)]));
    assert_eq!(harness.ignored(), [(Ignored::NotStarted, None)]);
    harness.until(3600.0);
    assert_eq!(harness.sent.len(), 0);
    harness.tell(Host::reconnect);
    assert_eq!(
        (harness.state(), harness.link_local().address),
        ("tentative", link_local)
    );
    // A global address of that kind is given up alone.
    harness.verify(link_local, Verification::Unique);
    harness.receive(&ra(1800, vec![pio(home(), DAY, DAY)]));
    harness.verify(harness.address().address, Verification::Duplicate(None));
    harness.until(7200.0);
    assert_eq!(
        (harness.addresses(), harness.state()),
        (vec![], "listening")
    );
}

// RFC 7217, 6: an address that somebody else has is replaced by the next, three times, after up to 1 s.
#[test]
fn s16_a_link_local_address_of_chance_is_followed_by_the_next_and_then_the_host_stops() {
    let mut harness = Harness::soliciting_with(verifying());
    for attempt in 0..4 {
        assert_eq!(harness.state(), "tentative");
        let address = harness.link_local().address;
        harness.verify(address, Verification::Duplicate(None));
        harness.until(f64::from(attempt) + 1.0);
    }
    assert_eq!(harness.state(), "disabled");
    // With the second it goes on.
    let mut harness = Harness::soliciting_with(verifying());
    harness.verify(harness.link_local().address, Verification::Duplicate(None));
    harness.until(1.0);
    harness.verify(harness.link_local().address, Verification::Unique);
    assert_eq!(harness.state(), "soliciting");
}

#[test]
fn s16_who_was_heard_to_have_the_address_is_named() {
    let speaks = |mac, target: Ipv6Addr| {
        let body = Body::NeighbourAdvertisement(NeighbourAdvertisement {
            router: false,
            solicited: false,
            override_: true,
            target,
        });
        let message = Message::new(body, vec![NdOption::TargetLinkLayer(mac)]);
        Packet::new(mac, target, crate::packet::ALL_NODES, message)
    };
    let asks = |mac, target| Packet::duplicate_address_detection(mac, target);
    for speak in [speaks, asks] {
        let mut harness = Harness::soliciting_with(verifying());
        let address = harness.link_local().address;
        // Its own voice is nobody else's.
        harness.receive(&speak(MAC, address));
        harness.receive(&speak(RIVAL, "fe80::77".parse().expect("an address")));
        harness.receive(&speak(RIVAL, address));
        harness.forget();
        harness.verify(address, Verification::Duplicate(None));
        let duplicate = Event::AddressDuplicate {
            address,
            holder: Some(RIVAL),
            retried: true,
        };
        assert_eq!(harness.happened(), [duplicate]);
    }
}

#[test]
fn s15_an_address_that_nobody_says_anything_about_is_told_and_routers_are_asked_from_nobody() {
    let mut harness = Harness::soliciting_with(verifying());
    let address = harness.link_local().address;
    harness.until(100.0);
    let unanswered = Event::VerificationUnanswered(address);
    let told: Vec<_> = harness
        .events
        .iter()
        .filter(|it| it.1 == unanswered)
        .collect();
    assert_eq!((told.len(), told[0].0), (1, 10.0));
    assert_eq!(harness.solicitations(), [10.0, 14.0, 18.0]);
    assert!(
        harness
            .sent
            .iter()
            .all(|(_, packet)| packet.source.is_unspecified())
    );
    // It goes on when the answer comes at last.
    harness.verify(address, Verification::Unique);
    harness.receive(&ra(1800, vec![]));
    assert_eq!(harness.state(), "configured");
}

#[test]
fn an_address_in_use_that_somebody_else_claims_is_replaced_too() {
    let mut harness = Harness::configured();
    let address = harness.address().address;
    harness.verify(address, Verification::Duplicate(Some(RIVAL)));
    harness.until(1.0);
    assert_ne!(harness.address().address, address);
    assert_eq!(harness.state(), "configured");
}
