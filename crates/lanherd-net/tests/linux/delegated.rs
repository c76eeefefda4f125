//! Clients that are routers of links of their own: what of a delegated prefix stands in the kernel, and what becomes of it.

use std::net::Ipv6Addr;
use std::process::Command;

use lanherd_net::icmp::EchoRequest;
use lanherd_net::lan::ipv6::{Address6, Addressing6, Delegated6};
use lanherd_net::lan::{PingCause, PingOutcome, Port};
use lanherd_net::linux::{LanConfig, LinuxLan, MacvlanMode};
use lanherd_types::family::Families;
use lanherd_types::ipv6::Prefix;

use super::ipv6::{
    BEYOND, PATIENCE, addressing, answered, attach, behind_router6, link_local, router6,
    unconfigured, until_in,
};
use lanherd_testkit::world::{
    Router, config, echo_request, end, in_a_world, ip, open, soon, until,
};

/// The client's address on its own link.
const BEHIND: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 9, 0x8000, 0, 0, 0, 1);

fn delegated(seconds: u64) -> Delegated6 {
    Delegated6 {
        prefix: Prefix::new(BEHIND, 60).expect("a prefix"),
        address: Some(BEHIND),
        preferred_until: Some(until_in(seconds / 2)),
        valid_until: Some(until_in(seconds)),
    }
}

/// What a client has to which that prefix is delegated.
fn as_router(last: u16, seconds: u64) -> Addressing6 {
    Addressing6 {
        delegated: vec![delegated(seconds)],
        ..addressing(last)
    }
}

fn behind(number: u32) -> String {
    ip(&format!(
        "-n ns{number} -6 -o -d address show dev lo scope global"
    ))
}

fn unreachable(number: u32) -> String {
    ip(&format!("-n ns{number} -6 route show type unreachable"))
}

/// An echo request that comes from the link behind the client.
fn from_behind(sequence: u16) -> EchoRequest {
    EchoRequest {
        source: Some(BEHIND),
        ..echo_request(BEYOND, sequence)
    }
}

/// Has the router know the way to what it has delegated.
fn routed(router: &Router, last: u16) {
    let gateway = link_local(last);
    router.ip(&format!(
        "route replace 2001:db8:9:8000::/60 via {gateway} dev far0"
    ));
}

/// What a ping of the router's comes to.
fn pinged(router: &Router, target: &str) -> String {
    let output = router.run(|| {
        Command::new("ping")
            .args(["-n", "-c", "1", "-W", "5", target])
            .output()
            .expect("ping")
    });
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_delegated_prefix_has_an_address_on_a_link_of_its_own_and_the_rest_of_it_is_unreachable() {
    behind_router6(MacvlanMode::Bridge, async |lan, router| {
        let (port, told) = attach(lan, Families::Dual, 1).await;
        port.configure6(as_router(7, 3_600)).await.expect("set");
        let set = behind(1);
        for part in [
            "inet6 2001:db8:9:8000::1/128",
            "valid_lft 3600sec preferred_lft 1800sec",
        ] {
            assert!(set.contains(part), "{part}: {set}");
        }
        let set = unreachable(1);
        for part in ["unreachable 2001:db8:9:8000::/60", "proto dhcp"] {
            assert!(set.contains(part), "{part}: {set}");
        }
        // The kernel sends from the address on the link, unless it is told otherwise.
        answered(&port, BEYOND, 1).await;
        assert_eq!(
            port.ping(from_behind(2), PATIENCE / 5).await,
            PingOutcome::Lost(PingCause::Timeout),
            "the router does not know the way back"
        );
        routed(router, 7);
        let outcome = port.ping(from_behind(3), PATIENCE).await;
        assert!(matches!(outcome, PingOutcome::Reply(_)), "{outcome:?}");
        // From beyond: the address answers, and everything beside it is said to be unreachable, rather than to go in a circle.
        let said = pinged(router, &BEHIND.to_string());
        assert!(said.contains("1 received"), "{said}");
        for beside in ["2001:db8:9:8000::2", "2001:db8:9:8005::1"] {
            let said = pinged(router, beside);
            assert!(said.contains("Destination unreachable"), "{beside}: {said}");
        }
        assert_eq!(unconfigured(&told), [""; 0]);

        // It ends with its lease.
        port.configure6(addressing(7)).await.expect("set");
        assert_eq!((behind(1), unreachable(1)), (String::new(), String::new()));
        answered(&port, BEYOND, 4).await;
    });
}

#[test]
fn what_goes_through_a_route_comes_from_the_temporary_address_until_there_is_another() {
    behind_router6(MacvlanMode::Bridge, async |lan, _| {
        let (port, _) = attach(lan, Families::Ipv6, 1).await;
        let chosen = || ip(&format!("-n ns1 -6 route get {BEYOND}"));
        let mut wanted = addressing(7);
        port.configure6(wanted.clone()).await.expect("set");
        assert!(chosen().contains("src 2001:db8:9::7"), "{}", chosen());
        for last in [0x100, 0x101] {
            let temporary = Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, last);
            wanted.addresses.truncate(2);
            wanted.addresses.push(Address6 {
                address: temporary,
                ..wanted.addresses[1]
            });
            wanted.sources = vec![temporary];
            port.configure6(wanted.clone()).await.expect("set");
            assert!(
                chosen().contains(&format!("src {temporary}")),
                "{}",
                chosen()
            );
            answered(&port, BEYOND, last).await;
        }
        port.configure6(addressing(7)).await.expect("set");
        assert!(chosen().contains("src 2001:db8:9::7"), "{}", chosen());
        answered(&port, BEYOND, 9).await;
    });
}

#[test]
fn the_kernel_ends_what_nobody_renews_and_what_somebody_removes_is_told() {
    behind_router6(MacvlanMode::Bridge, async |lan, _| {
        let (port, told) = attach(lan, Families::Ipv6, 1).await;
        port.configure6(as_router(7, 3_600)).await.expect("set");
        ip("-n ns1 -6 address del 2001:db8:9:8000::1/128 dev lo");
        soon("it is told", || !unconfigured(&told).is_empty()).await;
        assert_eq!(
            unconfigured(&told),
            ["address 2001:db8:9:8000::1/128 was removed by somebody else"]
        );
        port.configure6(as_router(7, 3_600)).await.expect("set");
        assert!(
            behind(1).contains("2001:db8:9:8000::1/128"),
            "{}",
            behind(1)
        );
        // The tester may be killed at any time.
        port.configure6(as_router(7, 2)).await.expect("set");
        until("the lifetime ends", || behind(1).is_empty()).await;
        assert_eq!(unconfigured(&told).len(), 1, "{:?}", told.events());
        // A route that leads nowhere has no end of its own.
        port.configure6(addressing(7)).await.expect("set");
        assert_eq!(unreachable(1), "");
    });
}

#[test]
fn a_router_that_is_taken_over_keeps_its_prefix_until_it_is_known_what_is_right() {
    in_a_world(|| async {
        let router = router6();
        routed(&router, 7);
        let adopt = || async {
            let config = LanConfig {
                adopt: Some(1),
                ..config()
            };
            LinuxLan::open(config).await.expect("opened")
        };
        {
            let lan = open().await;
            let (port, _) = attach(&lan, Families::Ipv6, 1).await;
            port.configure6(as_router(7, 3_600)).await.expect("set");
            // And killed: dropped without being closed.
        }
        let (lan, _) = adopt().await;
        let (port, told) = attach(&lan, Families::Ipv6, 1).await;
        let first = Addressing6 {
            keeps_found: true,
            ..addressing(7)
        };
        let configured = port.configure6(first).await.expect("set");
        assert!(configured.keeps_found && behind(1).contains("8000::1/128"));
        let outcome = port.ping(from_behind(1), PATIENCE).await;
        assert!(matches!(outcome, PingOutcome::Reply(_)), "{outcome:?}");
        port.configure6(as_router(7, 7_200)).await.expect("set");
        assert!(behind(1).contains("valid_lft 7"), "{}", behind(1));
        assert_eq!(unconfigured(&told), [""; 0]);
        drop((port, lan));

        // One that is no router any more has nothing of it left.
        let (lan, _) = adopt().await;
        let (port, _) = attach(&lan, Families::Ipv6, 1).await;
        port.configure6(addressing(7)).await.expect("set");
        assert_eq!((behind(1), unreachable(1)), (String::new(), String::new()));
        port.configure6(as_router(7, 3_600)).await.expect("set");
        drop((port, lan));

        let (lan, _) = adopt().await;
        let (port, _) = attach(&lan, Families::Ipv4, 1).await;
        assert_eq!((behind(1), unreachable(1)), (String::new(), String::new()));
        drop(port);
        end(&lan).await;
    });
}
