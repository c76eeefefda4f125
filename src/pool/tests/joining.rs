use std::collections::BTreeSet;

use super::*;
use crate::dhcp::options::{MessageType, code};

#[tokio::test(start_paused = true)]
async fn every_client_gets_a_name_a_mac_and_an_address_of_its_own() {
    let herd = Herd::with(|_| {}).await;
    herd.create(200).await;
    let census = herd.settle().await;
    assert_eq!((census.of(Phase::Online), census.total()), (200, 200));

    let status = herd.pool.status().await.expect("a status");
    let names: BTreeSet<_> = status
        .clients
        .iter()
        .map(|c| c.identity.namespace.clone())
        .collect();
    let macs: BTreeSet<_> = status.clients.iter().map(mac).collect();
    let standing = herd.lan.namespaces();
    let addresses: BTreeSet<_> = standing.values().flatten().collect();
    assert_eq!((names.len(), macs.len(), addresses.len()), (200, 200, 200));
    assert_eq!(names, standing.keys().cloned().collect());
    for client in &status.clients {
        let lease = client.lease.as_ref().expect("a lease");
        assert_eq!(
            standing.get(&client.identity.namespace),
            Some(&Some(lease.address))
        );
        assert!(
            client.join >= client.dhcp && client.dhcp > Some(Duration::ZERO),
            "{client:?}"
        );
    }
    assert!(herd.metric(r#"lanherd_clients{group="ns",phase="online"} 200"#));
    assert!(herd.metric(r#"lanherd_clients_wanted{group="ns"} 200"#));
    assert_eq!(herd.end().await.releases_sent, 200);
}

#[tokio::test(start_paused = true)]
async fn no_more_clients_join_at_one_time_than_may_be_outstanding() {
    let herd = Herd::with(|config| config.outstanding = NonZeroU32::new(7).expect("7")).await;
    herd.create(100).await;
    herd.settle().await;
    assert_eq!(herd.lan.most_attaching(), 7);
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn as_many_outstanding_as_clients_is_enough() {
    let herd = Herd::with(|config| config.outstanding = NonZeroU32::new(10).expect("10")).await;
    herd.create(10).await;
    assert_eq!(herd.settle().await.of(Phase::Online), 10);
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn clients_join_at_the_join_rate() {
    let herd = Herd::with(|config| config.join_rate = "10/s".parse().ok()).await;
    herd.create(30).await;
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    let census = herd.pool.census().await.expect("a census");
    assert_eq!(
        (census.of(Phase::Online), census.of(Phase::Queued)),
        (11, 19)
    );
    herd.settle().await;
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_introduces_itself_by_its_name_and_mac() {
    let herd = Herd::with(|_| {}).await;
    herd.create(1).await;
    herd.settle().await;
    let sent = herd.lan.sent_by(mac(&herd.client(1).await));
    let kinds: Vec<_> = sent.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [MessageType::Discover, MessageType::Request]);
    for (_, message) in &sent {
        assert_eq!(
            message.options.text(code::HOST_NAME).as_deref(),
            Some("ns1")
        );
        let id = message
            .options
            .get(code::CLIENT_ID)
            .expect("a client identifier");
        assert_eq!(id[1..], mac(&herd.client(1).await).octets());
    }
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn nobody_or_too_many_are_refused_and_nothing_is_made() {
    let herd = Herd::with(|_| {}).await;
    assert_eq!(herd.pool.create(0).await, Err(PoolError::NoClients));
    let many = herd.pool.create(MAX_CLIENTS + 1).await;
    assert_eq!(
        many,
        Err(PoolError::TooManyClients(u64::from(MAX_CLIENTS) + 1))
    );
    assert!(herd.lan.namespaces().is_empty());
    assert_eq!(herd.settle().await.total(), 0);
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_asks_in_the_same_words() {
    let mut transcripts = Vec::new();
    for _ in 0..2 {
        let herd = Herd::with(|config| config.seed = Seed(42)).await;
        herd.create(3).await;
        herd.settle().await;
        let mac = mac(&herd.client(2).await);
        transcripts.push((mac, herd.lan.sent_by(mac)));
        herd.end().await;
    }
    assert_eq!(transcripts[0], transcripts[1]);
}
