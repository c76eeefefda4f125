//! A day of soak on the paused clock: what is held does not grow with time.

use super::*;
use crate::fault::Fault;
use crate::lab::LeaseTime;
use crate::lan::fake::Behaviour;
use crate::target::Target;

const CLIENTS: u32 = 100;
pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// What a herd holds when nothing happens.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) online: u32,
    pub(super) namespaces: usize,
    pub(super) addresses: usize,
    pub(super) leases: usize,
    pub(super) inboxes: usize,
    pub(super) tasks: usize,
}

pub(super) async fn held(herd: &Herd) -> Held {
    let namespaces = herd.lan.namespaces();
    Held {
        online: herd.settle().await.of(Phase::Online),
        addresses: namespaces.values().flatten().count(),
        namespaces: namespaces.len(),
        leases: herd.lan.leases(),
        inboxes: herd.lan.inboxes(),
        tasks: tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks(),
    }
}

/// Some clients that have not left.
pub(super) async fn some(herd: &Herd, rng: &mut fastrand::Rng, count: usize) -> Selection {
    let status = herd.pool.status().await.expect("a status");
    let mut numbers: Vec<_> = status
        .clients
        .iter()
        .filter(|client| client.phase != Phase::Gone)
        .map(|client| client.identity.number)
        .collect();
    rng.shuffle(&mut numbers);
    numbers.truncate(count);
    Selection::Numbers(numbers)
}

pub(super) async fn fault(herd: &Herd, lab: &LabConfig, rng: &mut fastrand::Rng) {
    match rng.u8(..8) {
        0 => {
            herd.lan.behave(Behaviour::Mute);
            tokio::time::sleep(MINUTE * rng.u32(1..15)).await;
            herd.lan.behave(Behaviour::Answers);
        }
        1 => herd.lan.reset_server(lab),
        2 => {
            let flapped = herd.pool.flap(MINUTE * rng.u32(1..15)).await;
            flapped.expect("an answer").expect("flapped");
        }
        3 => {
            herd.lan.remove_parent();
            tokio::time::sleep(MINUTE * rng.u32(1..15)).await;
            herd.lan.restore();
        }
        _ => {
            let faults = [
                Fault::Crash,
                Fault::KillSockets,
                Fault::RemoveAddress,
                Fault::DeleteLink,
                Fault::DeleteNamespace,
                Fault::Vanish,
            ];
            let which = some(herd, rng, 10).await;
            let fault = *rng.choice(&faults).expect("a fault");
            herd.pool.inject_fault(which, fault).await.expect("results");
        }
    }
}

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
    let first = held(&herd).await;
    assert_eq!(
        (first.online, first.addresses, first.leases),
        (CLIENTS, 100, 100)
    );
    let mut injected = 0;
    let end = tokio::time::Instant::now() + Duration::from_secs(24 * 3600);
    while tokio::time::Instant::now() < end {
        for _ in 0..8 {
            let leaving = some(&herd, &mut rng, 3).await;
            herd.pool.remove(leaving).await.expect("a report");
            let vanishing = some(&herd, &mut rng, 2).await;
            herd.pool.vanish(vanishing).await.expect("a report");
            herd.create(5).await;
            fault(&herd, &lab, &mut rng).await;
            injected += 1;
            tokio::time::sleep(5 * MINUTE).await;
        }
        herd.settle().await;
        // Leases of those that vanished run out, and restarts cease to count.
        tokio::time::sleep(15 * MINUTE).await;
        let now = held(&herd).await;
        // A message, or a ping, may be on its way.
        assert!(
            now.tasks.abs_diff(first.tasks) <= 5,
            "{now:?}, not {first:?}"
        );
        let tasks = first.tasks;
        assert_eq!(Held { tasks, ..now }, first, "after {injected} faults");
    }
    assert!(injected > 50, "{injected}");
    let status = herd.pool.status().await.expect("a status");
    assert!(status.clients.len() <= 120, "{}", status.clients.len());
    herd.pool.tear_down().await.expect("a tear-down");
    assert_eq!(herd.lan.violations(), Vec::<String>::new());
}
