//! Herds that are to have IPv6.

use std::collections::BTreeSet;

use super::*;
use crate::activity::command::{CommandDetail, CommandSpec};
use crate::client::ipv6::Ipv6EventKind;
use crate::family::{Families, Family};
use crate::fault::Fault;
use crate::lab::Ipv6Config;
use crate::phase::{Cause, Stage};

/// With IPv6, or without, and a deadline that is soon over.
async fn dual(ipv6: Option<Ipv6Config>, change: impl FnOnce(&mut PoolConfig)) -> Herd {
    let lab = LabConfig {
        ipv6,
        ..LabConfig::default()
    };
    Herd::on(&lab, |config| {
        config.families = Families::Dual;
        config.lease_deadline = Duration::from_secs(30);
        change(config);
    })
    .await
}

/// All that has been told so far.
fn told(events: &mut broadcast::Receiver<Event>) -> Vec<EventKind> {
    std::iter::from_fn(|| events.try_recv().ok())
        .map(|event| event.what)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_all_clients_pass_over_in_one_advertisement_counts_once() {
    let herd = dual(Some(Ipv6Config::default()), |_| {}).await;
    herd.create(6).await;
    herd.settle().await;
    let before = herd.metric_value(r#"lanherd_router_advertisements_total{kind="multicast"}"#);
    let lasts = Duration::from_secs(1_800);
    herd.lan.inject6(Fault::RaGarbage, lasts).expect("begun");
    tokio::time::sleep(lasts).await;
    let total = herd.metric_value(r#"lanherd_router_advertisements_total{kind="multicast"}"#);
    let text = herd.metrics.render();
    let ignored: Vec<(&str, f64)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("lanherd_router_advertisements_ignored_total"))
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(labels, value)| (labels, value.parse().expect("a number")))
        .filter(|(_, count)| *count > 0.0)
        .collect();
    assert!(total > before && !ignored.is_empty(), "{total} {ignored:?}");
    for (labels, count) in ignored {
        assert!(count <= total - before, "{labels}: {count} of {total}");
    }
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn dual_clients_are_online_in_both_families_and_counted_by_family() {
    let herd = dual(Some(Ipv6Config::default()), |_| {}).await;
    herd.create(4).await;
    assert_eq!(herd.settle().await.of(Phase::Online), 4);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let status = herd.pool.status().await.expect("a status");
    let mut addresses = BTreeSet::new();
    for client in &status.clients {
        for (family, status) in client.by_family.iter() {
            let status = status.as_ref().expect("it is to have both");
            assert!(
                status.is_up && status.took.is_some(),
                "{family}: {status:?}"
            );
            assert!(status.usable >= Duration::from_secs(50), "{status:?}");
            assert_eq!(status.usable, status.wanted);
        }
        let ipv6 = client.ipv6.as_ref().expect("it has told of it");
        assert!(ipv6.is_usable);
        addresses.extend(ipv6.addresses.iter().map(|held| held.address));
    }
    // A link-local one and one of each of two prefixes; no two clients share any.
    assert_eq!(addresses.len(), 3 * 4);
    let figures = herd.pool.figures().await.expect("figures");
    for family in Families::Dual.each() {
        let uptime = &figures.uptime_by_family[&family];
        assert_eq!(uptime.availability(), Some(1.0), "{family}");
        assert!(uptime.usable >= Duration::from_secs(4 * 50), "{family}");
    }
    assert_eq!(figures.ipv6_events[&Ipv6EventKind::RouterFound], 4);
    assert_eq!(figures.stale_prefix.count, 0);
    for line in [
        r#"lanherd_clients_usable{family="ipv4",group="ns"} 4"#,
        r#"lanherd_clients_usable{family="ipv6",group="ns"} 4"#,
        r#"lanherd_addresses{family="ipv4",state="preferred"} 4"#,
        r#"lanherd_addresses{family="ipv6",state="preferred"} 12"#,
        r#"lanherd_prefixes{state="preferred"} 2"#,
        r#"lanherd_slaac_acquire_duration_seconds_count{outcome="usable"} 4"#,
        r#"lanherd_ipv6_events_total{kind="router_found"} 4"#,
        r#"lanherd_family_outages_total{family="ipv6"} 0"#,
        // One each that answered its solicitation.
        r#"lanherd_router_advertisements_total{kind="unicast"} 4"#,
    ] {
        assert!(
            herd.metric(line),
            "{line} is not in\n{}",
            herd.metrics.render()
        );
    }
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_herd_that_is_to_have_only_ipv4_says_nothing_by_family() {
    let herd = Herd::with(|_| {}).await;
    herd.create(3).await;
    herd.settle().await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let figures = herd.pool.figures().await.expect("figures");
    assert!(figures.uptime_by_family.is_empty() && figures.outages_by_family.is_empty());
    let rendered = herd.metrics.render();
    for family in [
        "clients_usable{",
        "lanherd_addresses{",
        "ipv6_events_total{",
    ] {
        assert!(!rendered.contains(family), "{family}");
    }
    let client = herd.client(1).await;
    let status = client.by_family.ipv4.expect("it is to have it");
    assert!(status.is_up && client.by_family.ipv6.is_none());
    herd.end().await;
}

/// What a herd's first client has told of its commands: how many there were, and the latest output.
async fn commands(herd: &Herd) -> (u64, String) {
    let client = herd.client(1).await;
    let own = client.activities.iter().find_map(|own| {
        let detail = CommandDetail::of(&own.detail)?;
        Some((own.attempts(), detail.output.clone()))
    });
    own.unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn commands_of_a_dual_client_wait_for_ipv6_until_it_is_known_not_to_come() {
    for ipv6 in [Some(Ipv6Config::default()), None] {
        let is_there = ipv6.is_some();
        let began = tokio::time::Instant::now();
        let herd = dual(ipv6, |config| {
            let every_second = CommandSpec {
                count: None,
                interval: Duration::from_millis(100),
                ..CommandSpec::once("true")
            };
            config.activities = vec![every_second.into()];
        })
        .await;
        herd.create(1).await;
        let (mut attempts, mut output) = (0, String::new());
        while attempts == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            (attempts, output) = commands(&herd).await;
            assert!(began.elapsed() < Duration::from_secs(60), "no command");
        }
        assert!(!output.contains("LANHERD_ADDRESS=\n"), "{output}");
        let is_empty = output.contains("LANHERD_ADDRESS6=\n");
        assert_eq!(is_empty, !is_there, "{output}");
        // Half a minute is the deadline of this herd.
        assert_eq!(began.elapsed() >= Duration::from_secs(30), !is_there);
        herd.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_ipv6_a_dual_client_is_partial_keeps_its_lease_and_is_not_restarted() {
    let herd = dual(None, |_| {}).await;
    let mut events = herd.pool.events().expect("events");
    herd.create(2).await;
    let census = herd.settle().await;
    assert_eq!(census.of(Phase::Partial), 2, "{census:?}");
    tokio::time::sleep(Duration::from_secs(600)).await;
    let client = herd.client(1).await;
    assert_eq!((client.phase, client.restarts), (Phase::Partial, 0));
    assert!(client.lease.is_some());
    let failure = client.failure.expect("it failed in IPv6");
    assert_eq!(
        (failure.family, failure.stage, failure.cause),
        (Some(Family::Ipv6), Stage::Router, Cause::NoRouter)
    );
    assert!(client.by_family.ipv4.expect("wanted").is_up);
    let ipv6 = client.by_family.ipv6.expect("wanted");
    assert!(!ipv6.is_up && ipv6.usable.is_zero());
    assert!(ipv6.wanted >= Duration::from_secs(590), "{ipv6:?}");
    let figures = herd.pool.figures().await.expect("figures");
    assert_eq!(
        figures.uptime_by_family[&Family::Ipv4].availability(),
        Some(1.0)
    );
    assert_eq!(
        figures.uptime_by_family[&Family::Ipv6].availability(),
        Some(0.0)
    );
    // Of a client that lacks one of its families no second counts as usable.
    assert_eq!(figures.availability(), Some(0.0));
    assert_eq!(
        figures.failures[&Cause::NoRouter],
        2,
        "once each, and not each time"
    );
    assert_eq!(figures.outages, 0, "two are never one");
    let down = told(&mut events);
    let down = down.iter().filter(|what| {
        matches!(
            what,
            EventKind::FamilyDown {
                family: Family::Ipv6,
                cause: Cause::NoRouter,
                ..
            }
        )
    });
    assert_eq!(down.count(), 2);
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_ipv6_while_ipv4_is_well_is_one_of_ipv6() {
    let herd = dual(None, |_| {}).await;
    let mut events = herd.pool.events().expect("events");
    herd.create(6).await;
    herd.settle().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let began: Vec<_> = told(&mut events)
        .into_iter()
        .filter(|what| matches!(what, EventKind::OutageBegan { .. }))
        .collect();
    assert!(
        matches!(
            began[..],
            [EventKind::OutageBegan {
                family: Some(Family::Ipv6),
                of: 6,
                ..
            }]
        ),
        "{began:?}"
    );
    let figures = herd.pool.figures().await.expect("figures");
    assert_eq!((figures.outages, figures.restarts), (1, 0));
    assert_eq!(figures.outages_by_family, [(Family::Ipv6, 1)].into());
    assert_eq!(figures.latest_outages[0].family, Some(Family::Ipv6));
    assert!(herd.metric(r#"lanherd_family_outages_total{family="ipv6"} 1"#));
    assert!(herd.metric(r#"lanherd_family_outages_total{family="ipv4"} 0"#));
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_router_that_is_down_in_both_families_is_one_outage_and_everybody_comes_back_in_both() {
    let herd = dual(Some(Ipv6Config::default()), |_| {}).await;
    herd.create(6).await;
    assert_eq!(herd.settle().await.of(Phase::Online), 6);
    let mut events = herd.pool.events().expect("events");
    herd.lan.unplug();
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(!herd.client(1).await.by_family.ipv6.expect("wanted").is_up);
    herd.lan.restore();
    assert_eq!(herd.settle().await.of(Phase::Online), 6);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let told: Vec<_> = told(&mut events)
        .into_iter()
        .filter(|what| {
            matches!(
                what,
                EventKind::OutageBegan { .. }
                    | EventKind::OutageSpread { .. }
                    | EventKind::OutageEnded { .. }
            )
        })
        .collect();
    assert!(
        matches!(
            told[..],
            [
                EventKind::OutageBegan { family: None, .. },
                EventKind::OutageEnded {
                    family: None,
                    clients: 6,
                    ..
                }
            ]
        ),
        "{told:?}"
    );
    let figures = herd.pool.figures().await.expect("figures");
    let by_family = [(Family::Ipv4, 1), (Family::Ipv6, 1)].into();
    assert_eq!((figures.outages, figures.outages_by_family), (1, by_family));
    for client in herd.pool.status().await.expect("a status").clients {
        for (family, status) in client.by_family.iter() {
            assert!(status.as_ref().expect("wanted").is_up, "{family}");
        }
    }
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn clients_of_ipv6_alone_are_online_without_a_lease() {
    let herd = dual(Some(Ipv6Config::default()), |config| {
        config.families = Families::Ipv6;
    })
    .await;
    herd.create(3).await;
    assert_eq!(herd.settle().await.of(Phase::Online), 3);
    let client = herd.client(2).await;
    assert!(client.lease.is_none() && client.by_family.ipv4.is_none());
    assert!(client.by_family.ipv6.expect("wanted").is_up);
    let figures = herd.pool.figures().await.expect("figures");
    let families: Vec<_> = figures.uptime_by_family.keys().copied().collect();
    assert_eq!(families, [Family::Ipv6]);
    herd.end().await;
}
