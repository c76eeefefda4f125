//! DHCPv6 leases of a herd over lives, deaths and departures, and herds that do without IPv4.

use super::*;
use crate::client::ipv6::{AddressOrigin, Ipv6EventKind};
use crate::dhcp6;
use crate::family::Families;
use crate::fault::Fault;
use crate::lab::Ipv6Config;
use crate::phase::Cause;

/// A herd whose router has addresses leased, beside or in place of those that are formed.
async fn leasing(change: impl FnOnce(&mut PoolConfig)) -> Herd {
    let lab = LabConfig {
        ipv6: Some(Ipv6Config {
            managed: true,
            autonomous: false,
            ..Ipv6Config::default()
        }),
        ..LabConfig::default()
    };
    Herd::on(&lab, |config| {
        config.families = Families::Dual;
        config.restart.backoff = Duration::from_secs(2);
        change(config);
    })
    .await
}

/// How many of these messages a client has sent.
fn sent6(herd: &Herd, client: &ClientStatus, kind: dhcp6::MessageType) -> usize {
    let frames = herd.lan.frames_of(mac(client)).into_iter();
    // UDP, to the port of servers.
    let messages = frames.filter(|frame| frame.get(20) == Some(&17) && frame[56..58] == [2, 35]);
    messages
        .filter_map(|frame| dhcp6::Message::decode(&frame[62..]).ok())
        .filter(|message| message.message_type == kind)
        .count()
}

fn leased(client: &ClientStatus) -> Vec<std::net::Ipv6Addr> {
    let state = client.ipv6.as_ref().expect("a state");
    let global = state.global();
    global
        .filter(|it| it.origin == AddressOrigin::Dhcp6)
        .map(|it| it.address)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn leases_are_held_by_one_client_each_and_all_are_given_back() {
    let herd = leasing(|_| {}).await;
    herd.create(5).await;
    assert_eq!(herd.settle().await.of(Phase::Online), 5);
    assert_eq!(herd.lan.leases6(), 5);
    let mut all = std::collections::BTreeSet::new();
    for number in 1..=5 {
        all.extend(leased(&herd.client(number).await));
    }
    assert_eq!(all.len(), 5);
    // One leaves, one vanishes.
    let one = |number| Selection::Numbers(vec![ClientNumber(number)]);
    let report = herd.pool.remove(one(1)).await.expect("left");
    assert_eq!(
        (report.clients, report.releases_sent),
        (1, 2),
        "of each family one"
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(herd.lan.leases6(), 4);
    herd.pool.vanish(one(2)).await.expect("vanished");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        (herd.lan.leases6(), herd.lan.leases()),
        (4, 4),
        "both are kept"
    );
    herd.lan.reset_server(&LabConfig::default());
    let lan = herd.lan.clone();
    assert_eq!(herd.end().await.releases_sent, 2 * 3);
    assert_eq!(lan.leases6(), 1, "of the one that vanished");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_died_has_its_lease_confirmed_in_its_next_life() {
    let herd = leasing(|_| {}).await;
    herd.create(2).await;
    herd.settle().await;
    let before = herd.client(1).await;
    herd.lan.cut("a test wants it");
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(herd.settle().await.of(Phase::Online), 2);
    let client = herd.client(1).await;
    assert_eq!(client.restarts, 1);
    assert_eq!(leased(&client), leased(&before));
    let kinds = [
        dhcp6::MessageType::Solicit,
        dhcp6::MessageType::Confirm,
        dhcp6::MessageType::Release,
    ];
    assert_eq!(kinds.map(|kind| sent6(&herd, &client, kind)), [1, 1, 0]);
    let lan = herd.lan.clone();
    herd.end().await;
    assert_eq!(lan.leases6(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_lease_of_one_that_is_dead_for_good_is_given_back_in_its_name() {
    let herd = leasing(|config| config.restart.backoff = Duration::from_secs(600)).await;
    herd.create(1).await;
    herd.settle().await;
    herd.lan.cut("a test wants it");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let client = herd.client(1).await;
    assert_eq!((client.phase, herd.lan.leases6()), (Phase::Backoff, 1));
    let lan = herd.lan.clone();
    let report = herd.end().await;
    assert_eq!(
        (report.releases_sent, report.releases_unsent),
        (2, 0),
        "of each family one"
    );
    assert_eq!(lan.leases6(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_was_taken_over_has_its_lease_confirmed() {
    let first = leasing(|_| {}).await;
    first.create(1).await;
    first.settle().await;
    let before = first.client(1).await;
    let held = {
        use crate::lan::Lan as _;
        first
            .lan
            .remembered6(&before.identity)
            .expect("written down")
    };
    assert_eq!(
        Some(&held.lease),
        before.ipv6.as_ref().expect("a state").lease.as_deref()
    );
    let lan = first.lan.clone();
    // The process is killed: nothing is given back. Another begins beside what it left.
    first.pool.mailbox.actor.stop(None);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(lan.leases6(), 1);
    lan.remember6(ClientNumber(1), Some(held));
    let mut config = PoolConfig::new(PoolName::default());
    config.families = Families::Dual;
    let metrics = config.metrics().expect("families of different names");
    let pool = Pool::start(Arc::new(lan.clone()), config, metrics.clone());
    let pool = pool.await.expect("a pool");
    let second = Herd { lan, pool, metrics };
    second.create(1).await;
    assert_eq!(second.settle().await.of(Phase::Online), 1);
    let client = second.client(1).await;
    assert_eq!(leased(&client), leased(&before));
    assert_eq!(sent6(&second, &client, dhcp6::MessageType::Confirm), 1);
    let lan = second.lan.clone();
    second.end().await;
    assert_eq!(lan.leases6(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_two_of_the_herd_were_to_have_is_trouble_told_with_both_numbers() {
    let herd = leasing(|_| {}).await;
    let lasts = Duration::from_secs(20);
    herd.lan
        .inject6(Fault::Dhcp6Duplicates, lasts)
        .expect("begun");
    let mut events = herd.pool.events().expect("events");
    herd.create(2).await;
    assert_eq!(herd.settle().await.of(Phase::Online), 2);
    let mut troubles = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let EventKind::Troubled { cause, detail, .. } = event.what {
            troubles.push((cause, detail));
        }
    }
    let (cause, detail) = troubles.first().expect("told");
    assert_eq!(*cause, Cause::AddressConflict);
    assert!(detail.contains("ns1") && detail.contains("ns2"), "{detail}");
    let conflicts = troubles.len();
    assert!(herd.metric(&format!(
        r#"lanherd_dad_conflicts_total{{group="ns"}} {conflicts}"#
    )));
    assert!(
        herd.metric(r#"lanherd_dhcp_address_conflicts_total{group="ns"} 0"#),
        "that is IPv4's"
    );
    let (one, other) = (herd.client(1).await, herd.client(2).await);
    assert_ne!(leased(&one), leased(&other));
    herd.end().await;
}

// A client that is told to do without IPv4 does so where IPv6 is enough (RFC 8925, 3.2).
#[tokio::test(start_paused = true)]
async fn a_client_that_is_told_to_do_without_ipv4_is_online_by_ipv6() {
    let lab = |pref64| LabConfig {
        v6_only: Some(Duration::from_secs(1800)),
        ipv6: Some(Ipv6Config {
            pref64,
            ..Ipv6Config::default()
        }),
        ..LabConfig::default()
    };
    for pref64 in [Some(Ipv6Config::PREF64), None] {
        let herd = Herd::on(&lab(pref64), |config| {
            config.families = Families::Dual;
            config.dhcp.personas.push(Persona {
                v6_only: Some(true),
                ..Persona::default()
            });
        })
        .await;
        herd.create(2).await;
        assert_eq!(herd.settle().await.of(Phase::Online), 2);
        tokio::time::sleep(Duration::from_secs(60)).await;
        let client = herd.client(1).await;
        assert!(client.lease.is_none() && client.ipv6.expect("a state").is_usable);
        let figures = herd.pool.figures().await.expect("figures");
        let told = figures.ipv6_events.get(&Ipv6EventKind::NoNat64).copied();
        // Without a NAT64 nothing of the rest of the world is reached: that is told, once a client.
        assert_eq!(told, if pref64.is_some() { None } else { Some(2) });
        herd.end().await;
    }
}
