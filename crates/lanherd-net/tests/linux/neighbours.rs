//! Neighbours of clients: they are asked for as any other, and do not count in the one ARP table of the kernel's.

use std::time::Duration;

use lanherd_dhcp::Lease;
use lanherd_net::lan::{PingOutcome, Port, PortEvent};

use lanherd_testkit::world::{
    ROUTER, attach_told, behind_a_router, echo_request, ip, lease, until,
};

/// What the kernel says of the client's neighbour of that address.
fn neighbour(address: &str) -> String {
    ip(&format!(
        "-n ns1 -4 neigh show to {address} dev lan0 nud all"
    ))
}

#[test]
fn the_routers_place_is_not_counted_and_nobody_is_asked_before_somebody_is_spoken_to() {
    behind_a_router(async |lan, router| {
        router.ip("addr add 10.9.0.53/24 dev far0");
        let (port, told) = attach_told(lan, 1).await;
        let leased = Lease {
            dns: vec![[10, 9, 0, 53].into()],
            ..lease(7)
        };
        let ping = |sequence| port.ping(echo_request(ROUTER, sequence), Duration::from_secs(5));
        port.configure(&leased).await.expect("configured");
        for address in ["10.9.0.1", "10.9.0.53"] {
            let place = neighbour(address);
            assert!(place.contains("extern_learn"), "{place}");
            assert!(
                !place.contains("lladdr") && !place.contains("INCOMPLETE"),
                "{place}"
            );
        }
        assert!(matches!(ping(1).await, PingOutcome::Reply(_)));
        let known = neighbour("10.9.0.1");
        for part in ["extern_learn", "REACHABLE", &router.mac().to_string()] {
            assert!(known.contains(part), "{part}: {known}");
        }
        // A renewal leaves what is known.
        port.configure(&leased).await.expect("renewed");
        assert_eq!(neighbour("10.9.0.1"), known);

        router.ip("link set far0 down");
        until("they are gone", || neighbour("10.9.0.53").is_empty()).await;
        router.ip("link set far0 up");
        until("it is told", || {
            told.events().contains(&PortEvent::CarrierBack)
        })
        .await;
        port.configure(&leased).await.expect("confirmed");
        assert!(neighbour("10.9.0.53").contains("extern_learn"));
        assert!(matches!(ping(2).await, PingOutcome::Reply(_)));

        port.configure(&lease(7)).await.expect("configured");
        assert_eq!(neighbour("10.9.0.53"), "");
        assert!(neighbour("10.9.0.1").contains("extern_learn"));
        port.deconfigure().await.expect("deconfigured");
        assert_eq!(neighbour("10.9.0.1"), "");
    });
}
