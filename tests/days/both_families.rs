//! Hours of a herd with both families, while routers and clients are broken in every way that there is: everybody comes back in both.

use std::collections::BTreeSet;

use lanherd::family::{Families, Family};
use lanherd::fault::{Aim, Fault};
use lanherd::lab::{Ipv6Config, LabConfig, LeaseTime};
use lanherd::phase::Phase;

use super::{Herd, MINUTE};

const CLIENTS: u32 = 30;

/// Every address of the herd, each held by one client alone.
async fn look(herd: &Herd) {
    let status = herd.pool.status().await.expect("a status");
    let mut all = BTreeSet::new();
    for client in status.clients.iter().filter(|it| it.phase == Phase::Online) {
        let state = client.ipv6.as_ref().expect("it is online in both");
        for held in state.addresses.iter().filter(|held| held.is_assigned()) {
            assert!(all.insert(held.address), "{} is held by two", held.address);
        }
        assert!(client.lease.is_some() && client.by_family.get(Family::Ipv6).is_some());
    }
}

async fn hours(seed: u64, hours: u32) {
    let lab = LabConfig {
        lease: LeaseTime::Finite(10 * MINUTE),
        ipv6: Some(Ipv6Config {
            managed: true,
            preferred: 10 * MINUTE,
            valid: 20 * MINUTE,
            router_lifetime: 10 * MINUTE,
            interval: MINUTE,
            ..Ipv6Config::default()
        }),
        ..LabConfig::default()
    };
    let herd = Herd::on(&lab, |config| {
        config.families = Families::Dual;
        config.restart.intensity = 1_000;
    })
    .await;
    let mut rng = fastrand::Rng::with_seed(seed);
    herd.create(CLIENTS).await;
    herd.settle().await;
    tokio::time::sleep(15 * MINUTE).await;
    let first = herd.held().await;
    assert_eq!((first.online, first.leases), (CLIENTS, 30), "{first:?}");
    let mut of_ipv6: Vec<Fault> = Fault::ALL.to_vec();
    of_ipv6.retain(|fault| {
        let word = fault.as_str();
        let is_of_ipv6 = ["ra_", "nd_", "dad_", "dhcp6_"]
            .iter()
            .any(|it| word.starts_with(it));
        fault.aim() == Aim::Router && is_of_ipv6
    });
    for _ in 0..hours {
        for _ in 0..6 {
            let leaving = herd.some(&mut rng, 1).await;
            herd.pool.remove(leaving).await.expect("a report");
            let vanishing = herd.some(&mut rng, 1).await;
            herd.pool.vanish(vanishing).await.expect("a report");
            herd.create(2).await;
            match rng.u8(..4) {
                0 => herd.fault(&lab, &mut rng).await,
                1 => herd.lan.renumber6(),
                _ => {
                    let fault = *rng.choice(&of_ipv6).expect("a fault");
                    let lasts = MINUTE * rng.u32(1..20);
                    herd.lan.inject6(fault, lasts).expect("begun");
                    tokio::time::sleep(lasts).await;
                }
            }
            tokio::time::sleep(2 * MINUTE).await;
            look(&herd).await;
        }
        // Leases of those that vanished run out, as does what a rogue router said.
        tokio::time::sleep(180 * MINUTE).await;
        herd.settle().await;
        herd.holds_as_at(&first, "").await;
        look(&herd).await;
    }
    herd.pool.tear_down().await.expect("a tear-down");
    tokio::time::sleep(MINUTE).await;
    assert_eq!(herd.lan.violations(), Vec::<String>::new());
    assert_eq!(herd.lan.namespaces().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn hours_of_faults_of_both_families_end_with_everybody_online_in_both() {
    hours(0, 3).await;
}

// Side by side with those.
#[tokio::test(start_paused = true)]
async fn other_hours_of_faults_of_both_families_end_with_everybody_online_in_both() {
    hours(1, 3).await;
}
