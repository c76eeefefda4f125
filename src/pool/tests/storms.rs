//! Random sequences of messages, deaths, faults and time; the same seed gives the same storm.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::*;
use crate::fault::Fault;
use crate::lan::fake::{Behaviour, Trouble};
use crate::target::Target;

/// One thing that happens to a herd.
async fn happen(herd: &Herd, rng: &mut fastrand::Rng, asked: &mut Vec<JoinHandle<bool>>) {
    let somebody = |rng: &mut fastrand::Rng| {
        Selection::Numbers((0..3).map(|_| ClientNumber(rng.u32(1..=20))).collect())
    };
    match rng.u8(..18) {
        0 => drop(herd.pool.create(rng.u32(1..=4)).await.expect("created")),
        1 => {
            let (pool, which) = (herd.pool.clone(), somebody(rng));
            asked.push(tokio::spawn(
                async move { pool.remove(which).await.is_ok() },
            ));
        }
        2 => {
            let spec = PingSpec::times(Target::Router, rng.u32(1..=20));
            let (pool, which) = (herd.pool.clone(), somebody(rng));
            asked.push(tokio::spawn(
                async move { pool.ping(which, spec).await.is_ok() },
            ));
        }
        3 => drop(herd.pool.renew(somebody(rng)).await.expect("told")),
        4 => drop(herd.pool.release(somebody(rng)).await.expect("told")),
        5 => herd.lan.behave(match rng.u8(..7) {
            0 => Behaviour::Mute,
            4 => Behaviour::Gives(Ipv4Addr::new(10, 77, 9, 9)),
            1 => Behaviour::NaksEveryRequest,
            2 => Behaviour::SendsGarbage,
            3 => Behaviour::AnswersToTheSibling,
            _ => Behaviour::Answers,
        }),
        6 => herd.lan.trouble(
            rng.u32(1..=20),
            match rng.u8(..4) {
                0 => Trouble::NameTaken,
                1 => Trouble::HangsWhenConfigured,
                _ => Trouble::PanicsOnce,
            },
        ),
        7 if rng.u8(..4) == 0 => herd.lan.cut("the parent lan0 was deleted"),
        8 => assert!(herd.pool.restart(somebody(rng)).await.is_ok()),
        9 => {
            let order = *rng.choice(Order::ALL).expect("an order");
            herd.pool.order(somebody(rng), order).await.expect("told");
        }
        10 | 11 => {
            let fault = *rng.choice(Fault::ALL).expect("a fault");
            drop(
                herd.pool
                    .inject_fault(somebody(rng), fault)
                    .await
                    .expect("results"),
            );
        }
        12 => {
            let (pool, which) = (herd.pool.clone(), somebody(rng));
            asked.push(tokio::spawn(
                async move { pool.vanish(which).await.is_ok() },
            ));
        }
        13 => {
            let (pool, pause) = (herd.pool.clone(), Duration::from_secs(rng.u64(..200)));
            asked.push(tokio::spawn(async move {
                matches!(pool.flap(pause).await, Ok(Ok(())))
            }));
        }
        14 => match rng.u8(..3) {
            0 => herd.lan.remove_parent(),
            1 => herd.lan.unplug(),
            _ => herd.lan.restore(),
        },
        15 => herd.lan.reset_server(&LabConfig::default()),
        _ => tokio::time::sleep(Duration::from_millis(rng.u64(..60_000))).await,
    }
}

/// What must hold at any time.
async fn look(herd: &Herd) {
    let status = herd.pool.status().await.expect("a status");
    let names: BTreeSet<_> = status
        .clients
        .iter()
        .map(|c| &c.identity.namespace)
        .collect();
    let macs: BTreeSet<_> = status.clients.iter().map(mac).collect();
    assert_eq!(
        (names.len(), macs.len()),
        (status.clients.len(), status.clients.len())
    );
    let mut addresses = BTreeSet::new();
    for client in &status.clients {
        // Only who is online has one: a lease that has ended stays in the status as the last one.
        let lease = client
            .lease
            .as_ref()
            .filter(|_| client.phase == Phase::Online);
        let is_new = lease.is_none_or(|lease| addresses.insert(lease.address));
        assert!(is_new, "{client:?}: a sibling has that address");
    }
    let owned: BTreeSet<_> = herd.lan.namespaces().into_keys().collect();
    assert!(
        owned.iter().all(|name| names.contains(name)),
        "{owned:?} of {names:?}"
    );
    let census = herd.pool.census().await.expect("a census");
    assert_eq!(census.total() as usize, status.clients.len());
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_requests_are_answered_and_nothing_is_left() {
    for seed in 0..60 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let herd = Herd::with(|config| {
            config.seed = Seed(seed);
            config.outstanding = NonZeroU32::new(rng.u32(1..=8)).expect("above 0");
            config.lease_deadline = Duration::from_secs(30);
            config.restart.restart = *rng.choice(Restart::ALL).expect("a type");
            config.dhcp.conflict_detection = rng.bool();
        })
        .await;
        let mut asked = Vec::new();
        herd.create(rng.u32(1..=8)).await;
        for _ in 0..rng.u32(10..60) {
            happen(&herd, &mut rng, &mut asked).await;
            look(&herd).await;
        }
        herd.lan.behave(Behaviour::Answers);
        herd.lan.restore();
        for answer in asked {
            assert!(
                answer.await.expect("no panic"),
                "seed {seed}: not answered in time"
            );
        }
        let report = herd.pool.tear_down().await.expect("a tear-down");
        assert_eq!(report.errors, [], "seed {seed}");
        assert!(
            herd.lan.namespaces().is_empty(),
            "seed {seed}: {:?}",
            herd.lan.namespaces()
        );
        assert_eq!(herd.lan.violations(), Vec::<String>::new(), "seed {seed}");
        // A server that was deaf when a lease was released has it until it expires.
        tokio::time::sleep(Duration::from_secs(7_200)).await;
        assert_eq!(herd.lan.leases(), 0, "seed {seed}");
        for phase in Phase::ALL
            .iter()
            .filter(|p| !matches!(p, Phase::Gone | Phase::Failed))
        {
            let line = format!(r#"lanherd_clients{{group="ns",phase="{phase}"}} 0"#);
            assert!(herd.metric(&line), "seed {seed}: not {line}");
        }
    }
}
