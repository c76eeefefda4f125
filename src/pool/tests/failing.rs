use super::*;
use crate::dhcp::options::{MessageType, code};
use crate::lab::{AddressRange, LeaseTime};
use crate::lan::fake::{Behaviour, Trouble};
use crate::phase::Cause;

fn temporary(config: &mut PoolConfig) {
    config.restart.restart = Restart::Temporary;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_panics_is_restarted_as_itself_and_harms_no_other() {
    let herd = Herd::with(|_| {}).await;
    herd.lan.trouble(2, Trouble::PanicsOnce);
    herd.create(3).await;
    assert_eq!(herd.settle().await.of(Phase::Online), 3);

    let client = herd.client(2).await;
    let failure = client.failure.as_ref().expect("what happened");
    assert_eq!(
        (failure.cause, client.restarts),
        (Cause::Crashed, 1),
        "{failure}"
    );
    assert!(failure.detail.contains("scripted"), "{failure}");
    for other in [1, 3] {
        assert_eq!(herd.client(other).await.restarts, 0);
    }
    let sent = herd.lan.sent_by(mac(&client));
    let kinds: Vec<_> = sent.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(
        kinds,
        [
            MessageType::Discover,
            MessageType::Request,
            MessageType::Request
        ]
    );
    let reboot = &sent[2].1.options;
    assert_eq!(
        reboot.address(code::REQUESTED_ADDRESS),
        client.lease.map(|lease| lease.address)
    );
    assert_eq!(
        reboot.address(code::SERVER_ID),
        None,
        "INIT-REBOOT names no server"
    );
    assert!(herd.metric(r#"lanherd_supervisor_restarts_total{cause="crashed",supervisor="ns"} 1"#));
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_taken_name_is_final_and_stays_untouched() {
    let herd = Herd::with(|_| {}).await;
    herd.lan.trouble(2, Trouble::NameTaken);
    herd.create(3).await;
    let census = herd.settle().await;
    assert_eq!((census.of(Phase::Online), census.of(Phase::Failed)), (2, 1));
    let client = herd.client(2).await;
    assert_eq!(
        client.failure.map(|failure| failure.cause),
        Some(Cause::NameTaken)
    );
    assert_eq!(client.restarts, 0);
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_mute_server_is_waited_for_until_the_deadline_and_named() {
    let herd = Herd::with(temporary).await;
    herd.lan.behave(Behaviour::Mute);
    herd.create(2).await;
    tokio::time::sleep(Duration::from_secs(119)).await;
    assert_eq!(
        herd.pool.census().await.expect("a census").of(Phase::Dhcp),
        2
    );
    assert_eq!(herd.settle().await.of(Phase::Failed), 2);
    let failure = herd.client(1).await.failure.expect("a failure");
    assert_eq!(failure.cause, Cause::NoOffer);
    assert!(failure.detail.contains("DHCPDISCOVER"), "{failure}");
    assert!(herd.metric(r#"lanherd_client_failures_total{cause="no_offer",stage="dhcp"} 2"#));
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn garbage_a_siblings_answers_and_endless_naks_are_each_told_apart() {
    for (behaviour, cause, word) in [
        (Behaviour::SendsGarbage, Cause::Malformed, "malformed"),
        (
            Behaviour::AnswersToTheSibling,
            Cause::NoOffer,
            "another hardware address",
        ),
        (Behaviour::NaksEveryRequest, Cause::Nak, "DHCPNAK"),
    ] {
        let herd = Herd::with(temporary).await;
        herd.lan.behave(behaviour);
        herd.create(1).await;
        assert_eq!(herd.settle().await.of(Phase::Failed), 1);
        let failure = herd.client(1).await.failure.expect("a failure");
        assert_eq!(failure.cause, cause, "{behaviour:?}: {failure}");
        assert!(failure.detail.contains(word), "{behaviour:?}: {failure}");
        // The server of the NAKs has a binding of each offer; it is not ours to release.
        herd.lan.behave(Behaviour::Answers);
        tokio::time::sleep(Duration::from_secs(7_200)).await;
        herd.pool.tear_down().await.expect("a tear-down");
        assert!(herd.lan.namespaces().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_is_given_up_when_its_budget_is_spent_and_comes_back_if_the_server_does() {
    let change = |config: &mut PoolConfig| {
        config.lease_deadline = Duration::from_secs(20);
        config.restart.intensity = 2;
    };
    let herd = Herd::with(change).await;
    herd.lan.behave(Behaviour::Mute);
    herd.create(1).await;
    assert_eq!(herd.settle().await.of(Phase::Failed), 1);
    assert_eq!(herd.client(1).await.restarts, 2);
    assert!(herd.metric(r#"lanherd_supervisor_give_ups_total{supervisor="ns"} 1"#));
    assert!(herd.metric(r#"lanherd_supervisor_budget_used_ratio{supervisor="ns"} 1"#));
    herd.end().await;

    let herd = Herd::with(change).await;
    herd.lan.behave(Behaviour::Mute);
    herd.create(1).await;
    tokio::time::sleep(Duration::from_secs(25)).await;
    herd.lan.behave(Behaviour::Answers);
    assert_eq!(herd.settle().await.of(Phase::Online), 1);
    assert_eq!(herd.client(1).await.restarts, 1);
    assert!(herd.metric(r#"lanherd_supervisor_budget_used_ratio{supervisor="ns"} 0.5"#));
    tokio::time::sleep(Duration::from_secs(601)).await;
    assert!(herd.metric(r#"lanherd_supervisor_budget_used_ratio{supervisor="ns"} 0"#));
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn more_clients_than_addresses_leaves_the_rest_without_an_offer() {
    let range = AddressRange::new([10, 0, 0, 10].into(), [10, 0, 0, 14].into()).expect("a range");
    let herd = Herd::on(
        &LabConfig {
            range,
            ..LabConfig::default()
        },
        temporary,
    )
    .await;
    herd.create(8).await;
    let census = herd.settle().await;
    assert_eq!((census.of(Phase::Online), census.of(Phase::Failed)), (5, 3));
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_dies_half_way_lets_leases_expire_and_addresses_go() {
    let lease = LeaseTime::Finite(Duration::from_secs(600));
    let herd = Herd::on(
        &LabConfig {
            lease,
            ..LabConfig::default()
        },
        temporary,
    )
    .await;
    herd.create(5).await;
    herd.settle().await;
    herd.lan.behave(Behaviour::Mute);
    tokio::time::sleep(Duration::from_secs(595)).await;
    assert_eq!(
        herd.lan.namespaces().values().flatten().count(),
        5,
        "held until it expires"
    );
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(herd.lan.namespaces().values().flatten().count(), 0);
    assert_eq!(
        herd.pool.census().await.expect("a census").of(Phase::Dhcp),
        5
    );
    assert!(herd.metric(r#"lanherd_dhcp_lease_expirations_total{group="ns"} 5"#));
    assert_eq!(herd.settle().await.of(Phase::Failed), 5);
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_for_days_without_being_lost() {
    let herd = Herd::with(|_| {}).await;
    herd.create(5).await;
    herd.settle().await;
    let before = herd.lan.namespaces();
    tokio::time::sleep(Duration::from_secs(3 * 86_400)).await;
    assert_eq!(herd.lan.namespaces(), before);
    assert!(herd.metric(r#"lanherd_clients{group="ns",phase="online"} 5"#));
    assert!(herd.metric(r#"lanherd_dhcp_lease_expirations_total{group="ns"} 0"#));
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_parent_is_waited_for() {
    let herd = Herd::with(|_| {}).await;
    herd.create(5).await;
    herd.settle().await;
    herd.lan.cut("the parent lan0 was deleted");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(herd.settle().await.of(Phase::Online), 5);
    let failure = herd.client(1).await.failure.expect("a failure");
    assert_eq!(failure.cause, Cause::ParentGone);
    assert!(failure.detail.contains("lan0"), "{failure}");
    herd.end().await;
}
