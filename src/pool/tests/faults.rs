use super::*;
use crate::dhcp::options::{MessageType, code};
use crate::family::Families;
use crate::fault::Fault;
use crate::lan::fake::Behaviour;
use crate::phase::Cause;

async fn online(clients: u32) -> Herd {
    let herd = Herd::with(|_| {}).await;
    herd.create(clients).await;
    herd.settle().await;
    herd
}

fn only(number: u32) -> Selection {
    Selection::Numbers(vec![ClientNumber(number)])
}

#[tokio::test(start_paused = true)]
async fn each_fault_of_a_client_is_noticed_mended_counted_and_measured_and_harms_no_other() {
    for (fault, cause, restarts) in [
        (Fault::Crash, Cause::Crashed, 1),
        (Fault::KillSockets, Cause::SocketLost, 1),
        (Fault::DeleteLink, Cause::LinkLost, 1),
        (Fault::DeleteNamespace, Cause::NamespaceGone, 1),
        (Fault::RemoveAddress, Cause::AddressLost, 0),
    ] {
        let herd = online(3).await;
        let before = herd.client(2).await;
        let made = herd
            .pool
            .inject_fault(only(2), fault)
            .await
            .expect("results");
        assert_eq!(made, [(ClientNumber(2), Ok(()))], "{fault}");
        tokio::time::sleep(Duration::from_secs(5)).await;
        let after = herd.client(2).await;
        assert_eq!(after.phase, Phase::Online, "{fault}");
        assert_eq!(after.restarts, restarts, "{fault}");
        assert_eq!(
            after.failure.map(|failure| failure.cause),
            Some(cause),
            "{fault}"
        );
        let address = |client: &ClientStatus| client.lease.as_ref().map(|lease| lease.address);
        assert_eq!(address(&herd.client(2).await), address(&before), "{fault}");
        assert_eq!(herd.client(1).await.failure, None, "{fault}");
        let counted = format!(r#"lanherd_faults_injected_total{{fault="{fault}"}} 1"#);
        let measured =
            format!(r#"lanherd_recovery_duration_seconds_count{{fault="{fault}",share="1"}} 1"#);
        assert!(herd.metric(&counted) && herd.metric(&measured), "{fault}");
        let figures = herd.pool.figures().await.expect("figures");
        let [told] = figures.latest_faults[..] else {
            panic!("{:?}", figures.latest_faults);
        };
        assert_eq!((told.fault, told.clients, told.offline), (fault, 1, 1));
        let recovered = told.recovered.expect("it is back");
        assert!(recovered < Duration::from_secs(5), "{told:?}");
        herd.end().await;
    }
}

/// The clients that ended for good, in the order of their numbers.
fn forgotten(herd: &Herd) -> Vec<u32> {
    let mut numbers: Vec<_> = herd.lan.forgotten().iter().map(|number| number.0).collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test(start_paused = true)]
async fn who_vanishes_as_a_fault_comes_back_without_a_memory() {
    let herd = online(1).await;
    herd.pool
        .inject_fault(only(1), Fault::Vanish)
        .await
        .expect("results");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let client = herd.client(1).await;
    assert_eq!(client.phase, Phase::Online);
    let kinds: Vec<_> = herd
        .lan
        .sent_by(mac(&client))
        .into_iter()
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(forgotten(&herd), [0; 0], "it has another life");
    let (discover, request) = (MessageType::Discover, MessageType::Request);
    assert_eq!(
        kinds,
        [discover, request, discover, request],
        "and no release"
    );
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn who_vanishes_for_good_leaves_its_lease_with_the_server() {
    let herd = online(5).await;
    let which = Selection::Numbers((1..=3).map(ClientNumber).collect());
    let report = herd.pool.vanish(which).await.expect("a report");
    assert_eq!((report.clients, report.releases_sent), (3, 0));
    assert_eq!(herd.lan.namespaces().len(), 2);
    assert_eq!(herd.lan.leases(), 5);
    assert_eq!(forgotten(&herd), [1, 2, 3]);
    herd.pool.tear_down().await.expect("a tear-down");
    assert_eq!(forgotten(&herd), [1, 2, 3, 4, 5]);
    tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
    assert_eq!(herd.lan.leases(), 0, "they ran out");
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_aims_at_nobody_of_the_herd_is_refused_with_its_name() {
    let herd = online(1).await;
    let refused = herd
        .pool
        .inject_fault(only(1), Fault::DhcpMute)
        .await
        .expect("results");
    let (_, Err(error)) = &refused[0] else {
        panic!("{refused:?}");
    };
    assert!(error.to_string().contains("dhcp_mute"), "{error}");
    assert_eq!(
        herd.pool
            .inject_fault(only(99), Fault::Crash)
            .await
            .expect("results"),
        []
    );
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_parent_that_flaps_is_recovered_from() {
    let herd = online(10).await;
    herd.pool
        .flap(Duration::from_secs(5))
        .await
        .expect("an answer")
        .expect("flapped");
    assert_eq!(herd.settle().await.of(Phase::Online), 10);
    let measured = r#"lanherd_recovery_duration_seconds_count{fault="flap_parent",share="1"} 1"#;
    assert!(herd.metric(measured));
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_on_demand_costs_no_budget_and_asks_for_the_same_address() {
    let herd = Herd::with(|config| config.restart.restart = Restart::Temporary).await;
    herd.create(3).await;
    herd.settle().await;
    assert_eq!(herd.pool.restart(only(2)).await, Ok(1));
    assert_eq!(herd.pool.restart(only(99)).await, Ok(0));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let client = herd.client(2).await;
    assert_eq!(
        (client.phase, client.restarts, client.failure.clone()),
        (Phase::Online, 1, None)
    );
    let sent = herd.lan.sent_by(mac(&client));
    assert!(
        sent[2].1.options.contains(code::REQUESTED_ADDRESS) && sent.len() == 3,
        "{sent:?}"
    );
    assert!(herd.metric(r#"lanherd_supervisor_restarts_total{cause="ordered",supervisor="ns"} 1"#));
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_was_given_up_can_be_restarted() {
    let herd = Herd::with(|config| config.restart.restart = Restart::Temporary).await;
    herd.lan.behave(Behaviour::Mute);
    herd.create(1).await;
    assert_eq!(herd.settle().await.of(Phase::Failed), 1);
    herd.lan.behave(Behaviour::Answers);
    assert_eq!(herd.pool.restart(Selection::All).await, Ok(1));
    assert_eq!(herd.settle().await.of(Phase::Online), 1);
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn no_two_clients_hold_one_address_whatever_the_server_gives() {
    let herd = Herd::with(|config| config.lease_deadline = Duration::from_secs(60)).await;
    let one = "10.77.0.99".parse().expect("an address");
    herd.lan.behave(Behaviour::Gives(one));
    herd.create(2).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    let (first, second) = (herd.client(1).await, herd.client(2).await);
    assert_eq!((first.phase, second.phase), (Phase::Online, Phase::Dhcp));
    let failure = second.failure.clone().expect("a conflict");
    assert_eq!(failure.cause, Cause::AddressConflict);
    for word in ["ns1", "ns2", "10.77.0.99"] {
        assert!(failure.detail.contains(word), "{failure}");
    }
    let declined = herd
        .lan
        .sent_by(mac(&second))
        .into_iter()
        .any(|(kind, _)| kind == MessageType::Decline);
    assert!(declined);
    assert!(!herd.metric(r#"lanherd_dhcp_address_conflicts_total{group="ns"} 0"#));
    herd.lan.behave(Behaviour::Answers);
    assert_eq!(herd.settle().await.of(Phase::Online), 2);
    herd.pool.tear_down().await.expect("a tear-down");
    assert_eq!(herd.lan.violations(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_address_that_a_stranger_has_is_declined_when_conflicts_are_looked_for() {
    let herd = Herd::with(|config| config.dhcp.conflict_detection = true).await;
    let stranger = crate::identity::Mac([2, 9, 9, 9, 9, 9]);
    herd.lan
        .squat("10.77.0.10".parse().expect("an address"), stranger);
    herd.create(1).await;
    assert_eq!(herd.settle().await.of(Phase::Online), 1);
    let client = herd.client(1).await;
    let address = client.lease.as_ref().expect("a lease").address;
    assert_ne!(address.to_string(), "10.77.0.10");
    let failure = client.failure.as_ref().expect("a conflict");
    assert_eq!(failure.cause, Cause::AddressConflict);
    assert!(failure.detail.contains(&stranger.to_string()), "{failure}");
    assert!(herd.metric(r#"lanherd_dhcp_address_conflicts_total{group="ns"} 1"#));
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn orders_are_carried_out_at_once() {
    let herd = online(1).await;
    let mut events = herd.pool.events().expect("events");
    for order in [Order::Renew, Order::Rebind, Order::Inform, Order::Decline] {
        assert_eq!(herd.pool.order(only(1), order).await, Ok(1), "{order}");
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    assert_eq!(herd.settle().await.of(Phase::Online), 1);
    let sent = herd.lan.sent_by(mac(&herd.client(1).await));
    let kinds: Vec<_> = sent.iter().skip(2).map(|(kind, _)| *kind).collect();
    let (request, inform, decline) = (
        MessageType::Request,
        MessageType::Inform,
        MessageType::Decline,
    );
    assert_eq!(
        kinds,
        [
            request,
            request,
            inform,
            decline,
            MessageType::Discover,
            request
        ]
    );
    let mut informed = false;
    while let Ok(event) = events.try_recv() {
        informed |= matches!(event.what, EventKind::Informed { .. });
    }
    assert!(informed);
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn groups_have_policies_and_labels_of_their_own() {
    let phones: GroupName = "phones".parse().expect("a name");
    let herd = Herd::with(|config| {
        config.restart.restart = Restart::Temporary;
        config.groups = vec![Group {
            name: phones.clone(),
            restart: RestartPolicy::default(),
            families: Families::default(),
            dhcp: DhcpSettings::default(),
            activities: Vec::new(),
        }];
    })
    .await;
    herd.create(2).await;
    assert_eq!(
        herd.pool
            .create_in(phones.clone(), 2)
            .await
            .expect("clients")
            .len(),
        2
    );
    herd.settle().await;
    herd.pool
        .inject_fault(Selection::All, Fault::KillSockets)
        .await
        .expect("results");
    let census = herd.settle().await;
    assert_eq!((census.of(Phase::Failed), census.of(Phase::Online)), (2, 2));
    assert!(herd.metric(r#"lanherd_clients{group="ns",phase="failed"} 2"#));
    assert!(herd.metric(r#"lanherd_clients{group="phones",phase="online"} 2"#));
    assert!(herd.metric(r#"lanherd_supervisor_give_ups_total{supervisor="phones"} 0"#));
    assert_eq!(herd.pool.restart(Selection::Group(phones)).await, Ok(2));
    let like = herd
        .pool
        .replace(vec![ClientNumber(3), ClientNumber(1)])
        .await;
    assert_eq!(like.expect("clients").len(), 2);
    assert_eq!(herd.client(5).await.group.as_str(), "phones");
    assert_eq!(herd.client(6).await.group.as_str(), "ns");
    let nobody = herd
        .pool
        .create_in("tablets".parse().expect("a name"), 1)
        .await;
    assert_eq!(nobody, Err(PoolError::NoSuchGroup("ns, phones".to_owned())));
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_a_killed_process_left_is_asked_for_again() {
    let herd = online(1).await;
    let lease = herd.client(1).await.lease.expect("a lease");
    let wanted = lease.address;
    herd.lan.remember(
        2,
        dhcp::Lease {
            address: "10.77.0.200".parse().expect("one"),
            ..lease.clone()
        },
    );
    // Two records of one address: only one client can have it.
    herd.lan.remember(3, lease);
    herd.create(2).await;
    herd.settle().await;
    let two = herd.client(2).await;
    let first = &herd.lan.sent_by(mac(&two))[0];
    assert_eq!(first.0, MessageType::Request);
    assert_eq!(
        first.1.options.address(code::REQUESTED_ADDRESS),
        "10.77.0.200".parse().ok()
    );
    let three = herd.client(3).await;
    assert_eq!(herd.lan.sent_by(mac(&three))[0].0, MessageType::Discover);
    assert_ne!(three.lease.map(|lease| lease.address), Some(wanted));
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_follows_the_events_sees_the_end_of_the_pool() {
    let herd = online(1).await;
    let mut events = herd.pool.events().expect("events");
    herd.pool.tear_down().await.expect("a tear-down");
    let mut last = None;
    loop {
        match events.recv().await {
            Ok(event) => last = Some(event),
            Err(error) => {
                assert_eq!(error, broadcast::error::RecvError::Closed);
                break;
            }
        }
    }
    let last = last.expect("an event");
    assert!(
        matches!(
            last.what,
            EventKind::Phase {
                to: Phase::Gone,
                ..
            }
        ),
        "{last:?}"
    );
    assert!(herd.pool.events().is_err());
}
