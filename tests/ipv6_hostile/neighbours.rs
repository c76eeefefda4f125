//! Forged neighbour advertisements, redirects, and errors.

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use lanherd::client::ipv6::Ipv6EventKind;
use lanherd::pool::EventKind;
use lanherd_testkit::world::ip;

use super::stranger::{Ends, STRANGER, STRANGER_MAC, icmp6};
use super::{Beside, CLIENTS, PATIENCE, ROUTER, beside_a_stranger};

/// Who answers that it has an address (RFC 4861, 4.4), with the O flag.
fn claim(address: Ipv6Addr) -> Vec<u8> {
    let mut message = vec![136, 0, 0, 0, 0x20, 0, 0, 0];
    message.extend(address.octets());
    message.extend([2, 1]);
    message.extend(STRANGER_MAC.octets());
    let ends = Ends {
        source: address,
        ..Ends::TO_ALL
    };
    icmp6(&ends, 255, &message)
}

/// The address that somebody wants to have, and asks for before it does (RFC 4862, 5.4.2).
fn tentative(frame: &[u8]) -> Option<Ipv6Addr> {
    let content = frame.get(14..)?;
    let is_dad = content[6] == 58 && content[8..24] == [0; 16] && content.get(40) == Some(&135);
    let target: [u8; 16] = content.get(48..64)?.try_into().ok()?;
    is_dad.then(|| target.into())
}

async fn what_is_said_of_addresses_in_use_changes_nothing(beside: &Beside) {
    let before = beside.standing().await;
    for state in beside.states().await {
        for address in &state.addresses {
            beside.stranger.send(&claim(address.address)).await;
        }
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    beside.mended(&before).await;
}

async fn a_redirect_or_an_error_by_a_stranger_changes_nothing(beside: &Beside) {
    let before = beside.standing().await;
    let routes = |number: u32| {
        let shown = ip(&format!("-n ns{number} -6 route show"));
        shown.lines().filter(|line| line.contains("bad")).count()
    };
    let google = Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888);
    for client in beside.clients().await {
        let state = client.ipv6.expect("a state");
        let own = state.global().next().expect("an address").address;
        for source in [STRANGER, ROUTER] {
            let ends = Ends {
                source,
                to: own,
                to_mac: client.identity.mac,
                ..Ends::TO_ALL
            };
            // A redirect to the stranger (RFC 4861, 4.5); and one that a router has forwarded.
            let mut redirect = vec![137, 0, 0, 0, 0, 0, 0, 0];
            redirect.extend(STRANGER.octets());
            redirect.extend(google.octets());
            beside.stranger.send(&icmp6(&ends, 64, &redirect)).await;
            if source == STRANGER {
                beside.stranger.send(&icmp6(&ends, 255, &redirect)).await;
            }
            // What a packet of its own is said to have met: no route, a policy, a link that takes 68 bytes (RFC 4443, 3.1 and 3.2).
            let mut packet = [0x60, 0, 0, 0, 0, 8, 58, 64].to_vec();
            packet.extend(own.octets());
            packet.extend(google.octets());
            packet.extend([128, 0, 0, 0, 0, 7, 0, 7]);
            for head in [
                [1, 0, 0, 0, 0, 0, 0, 0],
                [1, 5, 0, 0, 0, 0, 0, 0],
                [2, 0, 0, 0, 0, 0, 0, 68],
            ] {
                beside
                    .stranger
                    .send(&icmp6(&ends, 64, &[&head[..], &packet].concat()))
                    .await;
            }
        }
    }
    // That it was forwarded each client tells once.
    beside
        .until_counted("ipv6_events_total", "kind=\"malformed\"", CLIENTS.into())
        .await;
    beside.mended(&before).await;
    for number in 1..=CLIENTS {
        assert_eq!(routes(number), 0, "client {number}");
        // No link of IPv6 takes less than 1,280 bytes (RFC 8200, 5).
        let way = ip(&format!("-n ns{number} -6 route get {google}"));
        let mut words = way
            .split_whitespace()
            .skip_while(|word| *word != "mtu")
            .skip(1);
        let mtu = words
            .next()
            .map_or(1500, |mtu| mtu.parse().expect("a number"));
        assert!((1280..=1500).contains(&mtu), "{way}");
    }
}

async fn who_claims_addresses_that_are_tried_is_told_and_another_is_used(beside: &Beside) {
    /// So many of its addresses a client tries another for (RFC 7217, 6; three at most).
    const CLAIMED: usize = 2;
    let mut events = beside.pool.events().expect("events");
    let conflicts = beside.counted("dad_conflicts_total", "");
    beside.stranger.forget().await;
    beside.pool.create(1).await.expect("created");
    let mut claimed = Vec::new();
    while claimed.len() < CLAIMED {
        let wanted = beside.stranger.hear(PATIENCE, tentative).await;
        let wanted = wanted.expect("a question");
        beside.stranger.send(&claim(wanted)).await;
        if !claimed.contains(&wanted) {
            claimed.push(wanted);
        }
    }
    beside.online(CLIENTS + 1).await;
    let has = beside.states().await.pop().expect("the new one");
    for address in &has.addresses {
        assert!(!claimed.contains(&address.address), "{claimed:?} {has:#?}");
    }
    assert_eq!(beside.counted("dad_conflicts_total", "") - conflicts, 2);
    // The holder is named, by its hardware address.
    let started = Instant::now();
    let mut told = 0;
    while told < CLAIMED {
        assert!(started.elapsed() < PATIENCE, "{told} were told");
        let Ok(event) = events.try_recv() else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        if let EventKind::Ipv6 { kind, detail, .. } = event.what {
            let is_it = kind == Ipv6EventKind::AddressDuplicate;
            told += usize::from(is_it && detail.contains(&STRANGER_MAC.to_string()));
        }
    }
}

#[test]
fn who_forges_neighbours_redirects_and_errors_keeps_no_client_from_an_address_and_blames_no_router()
{
    beside_a_stranger(async |beside| {
        what_is_said_of_addresses_in_use_changes_nothing(beside).await;
        a_redirect_or_an_error_by_a_stranger_changes_nothing(beside).await;
        who_claims_addresses_that_are_tried_is_told_and_another_is_used(beside).await;
    });
}
