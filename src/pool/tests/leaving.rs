use super::*;
use crate::client::Order;
use crate::dhcp::options::MessageType;
use crate::lan::fake::{Behaviour, Trouble};
use crate::phase::Cause;

#[tokio::test(start_paused = true)]
async fn a_tear_down_while_clients_join_leaves_nothing() {
    for millis in [0, 1, 3, 5, 6, 7, 8, 9, 10, 12, 15] {
        let herd = Herd::with(|_| {}).await;
        herd.create(150).await;
        tokio::time::sleep(Duration::from_millis(millis)).await;
        let report = herd.end().await;
        assert_eq!(report.clients, 150, "after {millis} ms");
        assert_eq!(report.errors, [], "after {millis} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn clients_that_leave_release_their_leases_and_their_numbers_are_not_used_again() {
    let herd = Herd::with(|_| {}).await;
    herd.create(5).await;
    herd.settle().await;
    let mac = mac(&herd.client(3).await);
    let which = Selection::Numbers(vec![ClientNumber(3), ClientNumber(4), ClientNumber(99)]);
    let report = herd.pool.remove(which).await.expect("a report");
    assert_eq!((report.clients, report.releases_sent), (2, 2));
    assert_eq!(
        herd.lan.sent_by(mac).last().map(|(kind, _)| *kind),
        Some(MessageType::Release)
    );
    assert_eq!(herd.lan.namespaces().len(), 3);
    assert_eq!(herd.pool.create(1).await, Ok(vec![ClientNumber(6)]));
    let census = herd.settle().await;
    assert_eq!((census.of(Phase::Online), census.of(Phase::Gone)), (4, 2));
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_leave_is_killed_and_its_lease_released_in_its_name() {
    let herd = Herd::with(|_| {}).await;
    herd.lan.trouble(1, Trouble::HangsWhenConfigured);
    herd.create(2).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let stuck = herd.client(1).await;
    assert_eq!(stuck.phase, Phase::Configure);
    let lan = herd.lan.clone();
    let report = herd.end().await;
    assert_eq!((report.clients, report.releases_sent), (2, 2));
    assert_eq!(
        lan.sent_by(mac(&stuck)).last().map(|(kind, _)| *kind),
        Some(MessageType::Release)
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_is_reported_and_stops_no_other() {
    let herd = Herd::with(|_| {}).await;
    herd.lan.trouble(2, Trouble::CannotBeRemoved);
    herd.create(3).await;
    herd.settle().await;
    let metrics = herd.metrics.clone();
    let report = herd.end().await;
    assert_eq!(report.clients, 3);
    assert!(
        metrics
            .render()
            .lines()
            .any(|l| l == r#"lanherd_leaked_objects{kind="namespace"} 1"#)
    );
    let [(ClientNumber(2), error)] = &report.errors[..] else {
        panic!("{report:?}")
    };
    assert!(error.to_string().contains("namespace ns2"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_client_between_two_lives_leaves_too_and_gives_back_what_it_held() {
    let herd = Herd::with(|config| config.restart.backoff = Duration::from_secs(60)).await;
    herd.lan.trouble(1, Trouble::PanicsOnce);
    herd.create(1).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let client = herd.client(1).await;
    assert_eq!(client.phase, Phase::Backoff);
    assert_eq!(
        client.failure.map(|failure| failure.cause),
        Some(Cause::Crashed)
    );
    assert_eq!(herd.lan.leases(), 1);
    assert_eq!(herd.end().await.releases_sent, 1);
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_is_stopped_without_a_tear_down_leaves_no_namespace() {
    let herd = Herd::with(|_| {}).await;
    herd.create(20).await;
    tokio::time::sleep(Duration::from_millis(8)).await;
    assert_ne!(herd.lan.namespaces().len(), 0);
    herd.pool.mailbox.actor.stop(None);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(herd.lan.namespaces().is_empty());
    assert_eq!(herd.pool.status().await.err(), Some(PoolError::Ended));
}

#[tokio::test(start_paused = true)]
async fn a_mute_server_does_not_keep_the_herd_from_leaving() {
    let herd = Herd::with(|_| {}).await;
    herd.lan.behave(Behaviour::Mute);
    herd.create(100).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let began = tokio::time::Instant::now();
    herd.end().await;
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_is_being_torn_down_takes_no_more_clients() {
    let herd = Herd::with(|_| {}).await;
    herd.lan.trouble(1, Trouble::HangsWhenConfigured);
    herd.create(1).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let pool = herd.pool.clone();
    let ending = tokio::spawn(async move { pool.tear_down().await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(herd.pool.create(1).await, Err(PoolError::Closing));
    assert!(ending.await.expect("no panic").is_ok());
}

#[tokio::test(start_paused = true)]
async fn clients_that_wait_to_join_do_not_join_only_to_leave() {
    let herd = Herd::with(|config| config.outstanding = NonZeroU32::new(4).expect("4")).await;
    herd.create(200).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    let lan = herd.lan.clone();
    assert_eq!(herd.end().await.clients, 200);
    assert_eq!(lan.attached(), 4);
}

/// Nobody answers a RELEASE, and what overruns a server's socket is lost: between two there is a pause, and only a few are
/// ever sent at one time.
const AT_LEAST: Duration = Duration::from_millis(2 * (200 - 10));

#[tokio::test(start_paused = true)]
async fn a_herd_that_is_torn_down_releases_its_leases_one_after_the_other() {
    let herd = Herd::with(|_| {}).await;
    herd.create(200).await;
    herd.settle().await;
    let began = tokio::time::Instant::now();
    assert_eq!(herd.end().await.releases_sent, 200);
    let took = began.elapsed();
    assert!(took >= AT_LEAST && took < AT_LEAST * 8, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_herd_that_is_told_to_release_its_leases_does_it_one_after_the_other() {
    let herd = Herd::with(|_| {}).await;
    herd.create(200).await;
    herd.settle().await;
    let began = tokio::time::Instant::now();
    let told = herd.pool.order(Selection::All, Order::Release).await;
    assert_eq!(told, Ok(200));
    while herd.lan.leases() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let took = began.elapsed();
    assert!(took >= AT_LEAST && took < AT_LEAST * 8, "{took:?}");
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn leases_of_a_dead_herd_are_released_one_after_the_other() {
    let herd = Herd::with(|config| config.restart.backoff = Duration::from_secs(60)).await;
    for number in 1..=200 {
        herd.lan.trouble(number, Trouble::PanicsOnce);
    }
    herd.create(200).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(herd.lan.leases(), 200);
    let began = tokio::time::Instant::now();
    assert_eq!(herd.end().await.releases_sent, 200);
    let took = began.elapsed();
    assert!(took >= AT_LEAST && took < AT_LEAST * 8, "{took:?}");
}
