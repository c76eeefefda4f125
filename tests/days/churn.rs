//! A day of soak: clients come, leave, vanish and are struck by faults.

use std::time::Duration;

use lanherd::activity::ping::PingSpec;
use lanherd::lab::{LabConfig, LeaseTime};
use lanherd::target::Target;

use super::{Herd, MINUTE};

const CLIENTS: u32 = 100;

#[tokio::test(start_paused = true)]
async fn a_day_of_churn_and_faults_ends_with_what_it_began_with() {
    a_day(24).await;
}

// Two herds of a hundred rather than one of two hundred: they run side by side.
#[tokio::test(start_paused = true)]
async fn another_day_of_churn_and_faults_ends_with_what_it_began_with() {
    a_day(25).await;
}

async fn a_day(seed: u64) {
    let lab = LabConfig {
        lease: LeaseTime::Finite(10 * MINUTE),
        ..LabConfig::default()
    };
    let herd = Herd::on(&lab, |config| {
        config.restart.intensity = 1_000;
        config.activities = vec![PingSpec::every(Target::Router, 10 * MINUTE).into()];
    })
    .await;
    let mut rng = fastrand::Rng::with_seed(seed);
    herd.create(CLIENTS).await;
    herd.settle().await;
    tokio::time::sleep(15 * MINUTE).await;
    let first = herd.held().await;
    assert_eq!(
        (first.online, first.addresses, first.leases),
        (CLIENTS, 100, 100)
    );
    let mut injected = 0;
    let end = tokio::time::Instant::now() + Duration::from_secs(24 * 3600);
    while tokio::time::Instant::now() < end {
        for _ in 0..8 {
            let leaving = herd.some(&mut rng, 3).await;
            herd.pool.remove(leaving).await.expect("a report");
            let vanishing = herd.some(&mut rng, 2).await;
            herd.pool.vanish(vanishing).await.expect("a report");
            herd.create(5).await;
            herd.fault(&lab, &mut rng).await;
            injected += 1;
            tokio::time::sleep(5 * MINUTE).await;
        }
        herd.settle().await;
        // Leases of those that vanished run out, and restarts cease to count.
        tokio::time::sleep(15 * MINUTE).await;
        let why = format!("after {injected} faults");
        herd.holds_as_at(&first, &why).await;
    }
    assert!(injected > 50, "{injected}");
    let status = herd.pool.status().await.expect("a status");
    assert!(status.clients.len() <= 120, "{}", status.clients.len());
    herd.pool.tear_down().await.expect("a tear-down");
    assert_eq!(herd.lan.violations(), Vec::<String>::new());
}
