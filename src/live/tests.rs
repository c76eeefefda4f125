//! A herd on the in-memory LAN, followed.

use std::sync::Arc;

use tokio::time::timeout;

use super::*;
use crate::fault::Fault;
use crate::lab::LabConfig;
use crate::lan::fake::FakeLan;
use crate::phase::{Cause, Phase};
use crate::pool::{EventKind, PoolConfig, Selection};

const PATIENCE: Duration = Duration::from_secs(20);

/// A pool that stands, and its watch.
async fn herd(clients: u32) -> (Pool, Watch) {
    let config = PoolConfig::new(PoolName::default());
    let metrics = config.metrics().expect("metrics");
    let lan = FakeLan::new(&LabConfig::default());
    let pool = Pool::start(Arc::new(lan), config, metrics)
        .await
        .expect("a pool");
    let watch = Live::watch(pool.clone(), PoolName::default()).expect("a watch");
    pool.create(clients).await.expect("clients");
    pool.settled(PATIENCE).await.expect("settled");
    (pool, watch)
}

/// Follows the feed until something like this has happened; returns all that was heard on the way.
async fn hear(live: &Live, after: u64, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut positions = live.positions().expect("a feed");
    let (mut heard, mut latest): (Vec<Event>, u64) = (Vec::new(), after);
    let hearing = async {
        loop {
            let replay = live.since(latest);
            assert_eq!(replay.missed, 0);
            latest = replay.events.last().map_or(latest, |event| event.sequence);
            heard.extend(replay.events);
            if heard.iter().any(&wanted) {
                return;
            }
            positions.changed().await.expect("news");
        }
    };
    timeout(PATIENCE, hearing).await.expect("in time");
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_the_feed_has_every_event_once_and_in_order() {
    let (pool, watch) = herd(5).await;
    let live = watch.live();
    let crash = pool.inject_fault(Selection::Numbers(vec![ClientNumber(3)]), Fault::Crash);
    crash.await.expect("injected");
    let is_crash = |event: &Event| {
        matches!(
            event.what,
            EventKind::Failed {
                cause: Cause::Crashed,
                ..
            }
        ) && event.client == Some(ClientNumber(3))
    };
    let heard = hear(live, 0, is_crash).await;
    let sequences: Vec<u64> = heard.iter().map(|event| event.sequence).collect();
    let expected: Vec<u64> = (1..).take(heard.len()).collect();
    assert_eq!(sequences, expected);
    let first = |event: &Event| {
        matches!(
            event.what,
            EventKind::Phase {
                from: Phase::Queued,
                ..
            }
        )
    };
    assert_eq!(heard.iter().filter(|event| first(event)).count(), 5);
    pool.tear_down().await.expect("torn down");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_all_clients_and_the_events_after_it_make_the_next_picture() {
    let (pool, watch) = herd(4).await;
    let live = watch.live();
    let before = live.clients().await.expect("clients");
    assert!(
        before
            .clients
            .iter()
            .all(|cell| cell.phase == Phase::Online)
    );
    let gone = |event: &Event| {
        matches!(
            event.what,
            EventKind::Phase {
                to: Phase::Gone,
                ..
            }
        )
    };
    let which = Selection::Numbers(vec![ClientNumber(2)]);
    pool.remove(which).await.expect("removed");
    let heard = hear(live, before.sequence, gone).await;
    assert!(heard.iter().all(|event| event.sequence > before.sequence));
    tokio::time::sleep(FRESH).await;
    let after = live.clients().await.expect("clients");
    assert_eq!(
        after.clients.get(1).map(|cell| cell.phase),
        Some(Phase::Gone)
    );
    assert!(after.sequence >= heard.last().map_or(0, |event| event.sequence));
    pool.tear_down().await.expect("torn down");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_is_closed_when_the_pool_ends_and_when_nobody_watches_any_more() {
    let (pool, watch) = herd(1).await;
    let mut positions = watch.live().positions().expect("a feed");
    pool.tear_down().await.expect("torn down");
    drop(pool);
    let closed = async { while positions.changed().await.is_ok() {} };
    timeout(PATIENCE, closed).await.expect("closed");

    let (pool, watch) = herd(1).await;
    let live = Arc::clone(watch.live());
    let mut positions = live.positions().expect("a feed");
    drop(watch);
    let closed = async { while positions.changed().await.is_ok() {} };
    timeout(PATIENCE, closed).await.expect("closed");
    assert!(live.positions().is_err());
    pool.tear_down().await.expect("torn down");
}
