//! Forged advertisements of routers.

use std::fs;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use lanherd::identity::Mac;
use lanherd_testkit::world::ip;
use tokio::time::sleep;

use super::stranger::{
    ALL_NODES, ALL_NODES_MAC, Ends, STRANGER, STRANGER_MAC, advertisement, icmp6,
    icmp6_in_fragments, prefix, route,
};
use super::{Beside, CLIENTS, PATIENCE, ROUTER, beside_a_stranger};

const IGNORED: &str = "router_advertisements_ignored_total";
/// A prefix that nobody should have an address of.
const BAD: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 0, 0);
const CHECKSUM: usize = 14 + 40 + 2;

const fn bad(number: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0xbad, number, 0, 0, 0, 0)
}

/// An advertisement by which a router would take everything over.
fn hijack() -> Vec<u8> {
    advertisement(9_000, &[prefix(BAD, 9_000), route(bad(1), 9_000)])
}

/// What hosts must drop, each with its reason (RFC 4861, 6.1.2; RFC 6980).
fn dropped() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let to_all = Ends::TO_ALL;
    let right = icmp6(&to_all, 255, &hijack());
    let mut summed_wrong = right.clone();
    summed_wrong[CHECKSUM] ^= 1;
    let mut coded = hijack();
    coded[1] = 1;
    let global = Ends {
        source: Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 0, 1),
        ..to_all
    };
    let with = |option: &[u8]| icmp6(&to_all, 255, &[&hijack(), option].concat());
    // As much as a packet holds, of options that seem to hold each other.
    let nests: Vec<_> = (0..2_040_u32).map(|_| prefix(BAD, 9_000)).collect();
    let huge = advertisement(9_000, &nests);
    vec![
        ("hop_limit", vec![icmp6(&to_all, 64, &hijack())]),
        (
            "source_not_link_local",
            vec![icmp6(&global, 255, &hijack())],
        ),
        ("checksum", vec![summed_wrong]),
        ("code", vec![icmp6(&to_all, 255, &coded)]),
        (
            "zero_length_option",
            vec![with(&[5, 0, 0, 0, 0, 0, 0x05, 0])],
        ),
        (
            "truncated_option",
            vec![with(&[5, 255, 0, 0, 0, 0, 0x05, 0])],
        ),
        ("too_short", vec![icmp6(&to_all, 255, &hijack()[..12])]),
        ("fragmented", icmp6_in_fragments(&to_all, &huge)),
    ]
}

async fn what_is_malformed_changes_nothing(beside: &Beside) {
    let before = beside.standing().await;
    for (reason, frames) in dropped() {
        let label = format!("reason=\"{reason}\"");
        assert_eq!(beside.counted(IGNORED, &label), 0, "{reason}");
        for frame in &frames {
            beside.stranger.send(frame).await;
        }
        beside.until_counted(IGNORED, &label, 1).await;
    }
    for (reason, _) in dropped() {
        let label = format!("reason=\"{reason}\"");
        // One that comes to all clients is one.
        assert_eq!(beside.counted(IGNORED, &label), 1, "{reason}");
    }
    assert_eq!(beside.standing().await, before);
    // The list of names leads back to its own beginning (RFC 1035, 4.1.4): there are no pointers in it (RFC 8106, 5.2).
    let pointer = [
        31, 3, 0, 0, 0, 0, 0, 60, 3, b'b', b'a', b'd', 0xc0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    let frame = icmp6(&Ends::TO_ALL, 255, &advertisement(0, &[pointer.to_vec()]));
    beside.stranger.send(&frame).await;
    beside
        .until_counted("router_advertisement_remarks_total", "option=\"31\"", 1)
        .await;
    for state in beside.states().await {
        assert!(
            state.search.iter().all(|name| !name.contains("bad")),
            "{:?}",
            state.search
        );
    }
}

/// How many lines `ip` prints of each client.
fn most(arguments: &str) -> usize {
    let lines =
        (1..=CLIENTS).map(|number| ip(&format!("-n ns{number} -6 {arguments}")).lines().count());
    lines.max().unwrap_or_default()
}

async fn what_is_too_much_is_bounded_and_ends(beside: &Beside) {
    /// For how long it lasts, in seconds.
    const LASTS: u32 = 8;
    let before = beside.standing().await;
    for number in 0..300_u16 {
        let [high, low] = number.to_be_bytes();
        let ends = Ends {
            mac: Mac([0x02, 0xba, 0xd1, 0, high, low]),
            source: Ipv6Addr::new(0xfe80, 0, 0, 0, 0xbad, 1, 0, number),
            ..Ends::TO_ALL
        };
        let options = [
            prefix(bad(number), LASTS),
            route(bad(0x1000 + number), LASTS),
        ];
        let lifetime = LASTS.try_into().expect("short");
        beside
            .stranger
            .send(&icmp6(&ends, 255, &advertisement(lifetime, &options)))
            .await;
        sleep(Duration::from_millis(3)).await;
    }
    // The same from one: as many as a packet has room for, and again.
    for packet in 0..7_u16 {
        let prefixes: Vec<_> = (0..43)
            .map(|n| prefix(bad(0x2000 + 43 * packet + n), LASTS))
            .collect();
        beside
            .stranger
            .send(&icmp6(&Ends::TO_ALL, 255, &advertisement(0, &prefixes)))
            .await;
        let routes: Vec<_> = (0..43)
            .map(|n| route(bad(0x3000 + 43 * packet + n), LASTS))
            .collect();
        let lifetime = LASTS.try_into().expect("short");
        beside
            .stranger
            .send(&icmp6(
                &Ends::TO_ALL,
                255,
                &advertisement(lifetime, &routes),
            ))
            .await;
        sleep(Duration::from_millis(3)).await;
    }
    sleep(Duration::from_secs(1)).await;
    for state in beside.states().await {
        assert!(state.routers.len() <= 16, "{}", state.routers.len());
        assert!(state.addresses.len() <= 64, "{}", state.addresses.len());
    }
    assert!(
        most("-o address show dev lan0") <= 64,
        "{}",
        most("-o address show dev lan0")
    );
    assert!(most("-o route show") <= 200, "{}", most("-o route show"));
    beside.online(CLIENTS).await;
    beside.mended(&before).await;
}

async fn lifetimes_of_0_by_a_stranger_last_no_longer_than_to_the_routers_next_word(
    beside: &Beside,
) {
    let before = beside.standing().await;
    let own = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 0);
    let nothing = advertisement(0, &[prefix(own, 0), route(own, 0)]);
    // In its own name, and in that of the router.
    beside
        .stranger
        .send(&icmp6(&Ends::TO_ALL, 255, &nothing))
        .await;
    beside.mended(&before).await;
    let forged = Ends {
        source: ROUTER,
        ..Ends::TO_ALL
    };
    beside.stranger.send(&icmp6(&forged, 255, &nothing)).await;
    // What it said in the router's name stands apart, by its hardware address.
    let started = Instant::now();
    loop {
        let heard = beside.pool.routers().await.expect("heard").findings.routers;
        let of = |mac: Mac| {
            let name = format!("{ROUTER} ({mac})");
            let found = heard.iter().find(|router| router.name == name);
            found.map(|router| router.lifetime_seconds)
        };
        assert!(of(beside.lab.router_mac()) > Some(0), "{heard:#?}");
        if of(STRANGER_MAC).is_some() {
            assert_eq!(of(STRANGER_MAC), Some(0), "{heard:#?}");
            break;
        }
        assert!(started.elapsed() < PATIENCE, "{heard:#?}");
        sleep(Duration::from_millis(20)).await;
    }
    beside.mended(&before).await;
}

/// What the test's process has in memory, in KiB.
fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/status").expect("a status");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    kib.expect("a figure").parse().expect("a number")
}

async fn a_flood_is_outlived_in_bounded_memory(beside: &Beside) {
    const PER_SECOND: u16 = 2_000;
    let before = (beside.standing().await, resident());
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    for number in 0..5 * PER_SECOND {
        if number % (PER_SECOND / 100) == 0 {
            ticks.tick().await;
        }
        // Each says something else.
        let message = advertisement(0, &[route(bad(number), 1)]);
        let ends = Ends {
            mac: STRANGER_MAC,
            source: STRANGER,
            to_mac: ALL_NODES_MAC,
            to: ALL_NODES,
        };
        beside.stranger.send(&icmp6(&ends, 255, &message)).await;
    }
    beside.mended(&before.0).await;
    let grown = resident().saturating_sub(before.1);
    assert!(grown < 64 * 1024, "{grown} KiB more");
}

#[test]
fn forged_advertisements_are_told_with_their_reason_or_bounded_and_blame_no_router() {
    beside_a_stranger(async |beside| {
        what_is_malformed_changes_nothing(beside).await;
        lifetimes_of_0_by_a_stranger_last_no_longer_than_to_the_routers_next_word(beside).await;
        what_is_too_much_is_bounded_and_ends(beside).await;
        a_flood_is_outlived_in_bounded_memory(beside).await;
    });
}
