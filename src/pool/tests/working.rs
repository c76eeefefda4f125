use super::*;

use std::net::IpAddr;

use crate::activity::ping::PingDetail;
use crate::dhcp::options::MessageType;
use crate::lan::fake::{Behaviour, DOUBLE, RTT, SILENT, Trouble};
use crate::stats::ActivityStats;
use crate::target::Target;

fn ping_detail(stats: &ActivityStats) -> &PingDetail {
    PingDetail::of(&stats.detail).expect("of pings")
}

#[tokio::test(start_paused = true)]
async fn all_clients_ping_at_the_same_time_and_each_has_its_figures() {
    let herd = Herd::with(|_| {}).await;
    herd.create(50).await;
    herd.settle().await;
    let began = tokio::time::Instant::now();
    let spec = PingSpec::times(Target::GoogleDns, 3);
    let report = herd
        .pool
        .ping(Selection::All, spec)
        .await
        .expect("a report");
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    assert!(report.is_success());
    assert_eq!(report.clients.len(), 50);
    for stats in report.clients.values() {
        assert_eq!(
            (ping_detail(stats).sent, stats.successes(), stats.time.max()),
            (3, 3, Some(RTT))
        );
        assert_eq!(
            ping_detail(stats).address,
            Target::GoogleDns.address(crate::family::Family::Ipv4)
        );
    }
    let client = herd.client(7).await;
    let kept = client.activity(&Target::GoogleDns.into()).expect("figures");
    assert_eq!((ping_detail(kept).sent, kept.successes()), (3, 3));
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn each_client_has_gauges_of_its_own_only_where_they_are_asked_for() {
    for wanted in [false, true] {
        let herd = Herd::with(|config| config.metrics_per_client = wanted).await;
        herd.create(2).await;
        herd.settle().await;
        let only = Selection::Numbers(vec![ClientNumber(2)]);
        let spec = PingSpec::once(Target::GoogleDns);
        herd.pool.ping(only.clone(), spec).await.expect("a report");
        let made = herd.pool.inject_fault(only, Fault::Crash).await;
        made.expect("results");
        tokio::time::sleep(Duration::from_secs(5)).await;
        let rtt = format!(
            r#"lanherd_client_ping_rtt_seconds{{client="ns2"}} {}"#,
            RTT.as_secs_f64()
        );
        for line in [
            r#"lanherd_client_up{client="ns1"} 1"#,
            r#"lanherd_client_up{client="ns2"} 1"#,
            r#"lanherd_client_restarts{client="ns1"} 0"#,
            r#"lanherd_client_restarts{client="ns2"} 1"#,
            &rtt,
        ] {
            assert_eq!(
                herd.metric(line),
                wanted,
                "{line}\n{}",
                herd.metrics.render()
            );
        }
        assert_eq!(herd.metrics.render().contains(r#"client="ns"#), wanted);
        herd.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_twice_is_counted_as_such_and_as_one_answer() {
    let herd = Herd::with(|_| {}).await;
    herd.create(2).await;
    herd.settle().await;
    let spec = PingSpec::times(Target::Address(DOUBLE.into()), 3);
    let report = herd.pool.ping(Selection::All, spec).await.expect("one");
    for stats in report.clients.values() {
        assert_eq!((stats.successes(), ping_detail(stats).duplicates), (3, 3));
        assert!(stats.is_success());
    }
    let figures = herd.pool.figures().await.expect("figures");
    let all: Vec<_> = figures.activities.values().collect();
    assert_eq!((all[0].successes(), ping_detail(all[0]).duplicates), (6, 6));
    let counted = format!(r#"lanherd_ping_duplicates_total{{family="ipv4",target="{DOUBLE}"}} 6"#);
    assert!(herd.metric(&counted), "{}", herd.metrics.render());
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_router_is_each_clients_own() {
    let herd = Herd::with(|_| {}).await;
    herd.create(2).await;
    herd.settle().await;
    let report = herd
        .pool
        .ping(Selection::All, PingSpec::once(Target::Router))
        .await
        .expect("one");
    let router = herd.client(1).await.lease.and_then(|lease| lease.router());
    assert!(router.is_some());
    assert!(
        report
            .clients
            .values()
            .all(|stats| ping_detail(stats).address == router.map(IpAddr::from)),
        "{report:?}"
    );
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_of_the_herd_is_pinged_at_the_address_that_it_holds_at_that_moment() {
    let herd = Herd::with(|_| {}).await;
    herd.create(2).await;
    herd.settle().await;
    let address = herd.client(2).await.lease.map(|lease| lease.address);
    let (first, second) = (ClientNumber(1), ClientNumber(2));
    let ping = || {
        let spec = PingSpec::once(Target::Client(second));
        herd.pool.ping(Selection::Numbers(vec![first]), spec)
    };
    let report = ping().await.expect("a report");
    assert!(report.is_success() && address.is_some());
    assert_eq!(
        ping_detail(&report.clients[&first]).address,
        address.map(IpAddr::from)
    );

    let released = herd.pool.release(Selection::Numbers(vec![second])).await;
    assert_eq!(released, Ok(1));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let report = ping().await.expect("a report");
    let stats = &report.clients[&first];
    assert_eq!(stats.main_cause(), Some("no_target"));
    assert_eq!(
        stats.last_failure().expect("one"),
        "client 2: no_target: client 2 holds no address"
    );
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_target_is_a_result_with_a_cause() {
    let herd = Herd::with(|_| {}).await;
    herd.create(2).await;
    herd.settle().await;
    let spec = PingSpec::once(Target::Address(SILENT.into()));
    let report = herd
        .pool
        .ping(Selection::All, spec)
        .await
        .expect("a report");
    assert!(!report.is_success());
    for (_, stats) in report.failed() {
        assert_eq!(
            (ping_detail(stats).sent, stats.main_cause()),
            (1, Some("timeout"))
        );
    }
    assert_eq!(
        herd.settle().await.of(Phase::Online),
        2,
        "a lost ping ends nobody"
    );
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_empty_selection_is_no_success() {
    let herd = Herd::with(|_| {}).await;
    herd.create(1).await;
    herd.settle().await;
    let nobody = Selection::Numbers(vec![ClientNumber(9)]);
    let report = herd
        .pool
        .ping(nobody, PingSpec::once(Target::Router))
        .await
        .expect("a report");
    assert!(report.clients.is_empty() && !report.is_success());
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn clients_that_are_not_online_or_die_meanwhile_are_reported_not_waited_for() {
    let herd = Herd::with(|_| {}).await;
    herd.create(3).await;
    herd.settle().await;
    herd.pool
        .release(Selection::Numbers(vec![ClientNumber(1)]))
        .await
        .expect("told");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let pool = herd.pool.clone();
    let long = PingSpec::times(Target::Router, 60);
    let run = tokio::spawn(async move { pool.ping(Selection::All, long).await });
    tokio::time::sleep(Duration::from_millis(4_500)).await;
    herd.pool
        .remove(Selection::Numbers(vec![ClientNumber(2)]))
        .await
        .expect("removed");
    let report = run.await.expect("no panic").expect("a report");
    let figures = |number| {
        let stats = &report.clients[&ClientNumber(number)];
        (stats.successes(), stats.main_cause())
    };
    assert_eq!(figures(1), (0, Some("offline")));
    assert_eq!(figures(2), (5, Some("offline")));
    assert_eq!(figures(3), (60, None));
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn standing_pings_go_on_at_their_interval_and_over_a_restart() {
    let spec = PingSpec::every(Target::CloudflareDns, Duration::from_secs(1));
    let herd = Herd::with(|config| config.activities.push(spec.into())).await;
    herd.lan.trouble(1, Trouble::PanicsOnce);
    herd.create(2).await;
    herd.settle().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    for number in [1, 2] {
        let client = herd.client(number).await;
        let stats = client.activity(&Target::CloudflareDns.into());
        let stats = stats.expect("figures");
        assert!(
            (59..=61).contains(&stats.successes()),
            "client {number}: {stats:?}"
        );
        assert_eq!(ping_detail(stats).sent, stats.successes());
    }
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_all_do_besides_begins_and_ends_when_it_is_said_for_those_there_and_those_to_come() {
    let own = PingSpec::every(Target::GoogleDns, Duration::from_secs(1));
    let herd = Herd::with(|config| config.activities.push(own.into())).await;
    herd.create(2).await;
    herd.settle().await;
    let answered = async |number, target: &Target| {
        let client = herd.client(number).await;
        let pings = client.activity(&target.clone().into());
        pings.map_or(0, ActivityStats::successes)
    };
    let extra = PingSpec::every(Target::Router, Duration::from_secs(1));
    let set = herd.pool.set_extra_activities(vec![extra.into()]).await;
    set.expect("a pool");
    herd.create(1).await;
    herd.settle().await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    for number in 1..=3 {
        let pings = answered(number, &Target::Router).await;
        assert!((9..=11).contains(&pings), "{pings} of client {number}");
    }
    let restarted = herd.pool.restart(Selection::All).await;
    assert_eq!(restarted.expect("a pool"), 3);
    herd.settle().await;
    let set = herd.pool.set_extra_activities(Vec::new()).await;
    set.expect("a pool");
    let (router, own) = (
        answered(1, &Target::Router).await,
        answered(1, &Target::GoogleDns).await,
    );
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(answered(1, &Target::Router).await, router, "it ended");
    let more = answered(1, &Target::GoogleDns).await - own;
    assert!((9..=11).contains(&more), "{more}: the group's own go on");
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn standing_pings_wait_while_their_client_is_offline_and_then_go_on() {
    let spec = PingSpec::every(Target::CloudflareDns, Duration::from_secs(1));
    let herd = Herd::with(|config| config.activities.push(spec.into())).await;
    herd.create(1).await;
    herd.settle().await;
    let sent = async || {
        ping_detail(
            herd.client(1)
                .await
                .activity(&Target::CloudflareDns.into())
                .expect("figures"),
        )
        .sent
    };
    let one = || Selection::Numbers(vec![ClientNumber(1)]);
    for round in 1..=3 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(herd.pool.release(one()).await, Ok(1));
        tokio::time::sleep(Duration::from_secs(5)).await;
        let before = sent().await;
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(sent().await, before, "round {round}");
        assert!(
            before.abs_diff(60 * round) <= 2 * round,
            "{round}: {before}"
        );
        assert_eq!(herd.pool.renew(one()).await, Ok(1));
    }
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_released_client_stays_without_a_lease_until_it_is_told_to_renew() {
    let herd = Herd::with(|_| {}).await;
    herd.create(2).await;
    herd.settle().await;
    let second = || Selection::Numbers(vec![ClientNumber(2)]);
    assert_eq!(herd.pool.release(second()).await, Ok(1));
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(herd.client(2).await.phase, Phase::Released);
    assert_eq!(herd.lan.leases(), 1);
    assert_eq!(herd.lan.namespaces()["ns2"], None, "the address is gone");
    assert_eq!(herd.pool.renew(second()).await, Ok(1));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(herd.client(2).await.phase, Phase::Online);
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn renewing_extends_the_lease_at_once() {
    let herd = Herd::with(|_| {}).await;
    herd.create(1).await;
    herd.settle().await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    let before = herd
        .client(1)
        .await
        .lease
        .and_then(|lease| lease.expires_at());
    assert_eq!(herd.pool.renew(Selection::All).await, Ok(1));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let client = herd.client(1).await;
    let after = client.lease.as_ref().and_then(dhcp::Lease::expires_at);
    assert_eq!(after.zip(before).map(|(a, b)| (a - b).as_secs()), Some(100));
    let (kind, message) = herd.lan.sent_by(mac(&client)).pop().expect("a message");
    assert_eq!(kind, MessageType::Request);
    assert_eq!(
        Some(message.ciaddr),
        client.lease.map(|lease| lease.address)
    );
    assert!(herd.metric(r#"lanherd_dhcp_renew_duration_seconds_count{kind="renew"} 1"#));
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn telling_a_client_that_asks_already_to_renew_changes_nothing() {
    let herd = Herd::with(|config| config.restart.restart = Restart::Temporary).await;
    herd.lan.behave(Behaviour::Mute);
    herd.create(1).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    herd.pool.renew(Selection::All).await.expect("told");
    let rest = PoolConfig::LEASE_DEADLINE.saturating_sub(Duration::from_secs(61));
    tokio::time::sleep(rest).await;
    assert_eq!(herd.client(1).await.phase, Phase::Dhcp);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        herd.client(1).await.phase,
        Phase::Failed,
        "the deadline was not put off"
    );
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_does_not_wait_for_clients_that_fail_meanwhile() {
    let herd = Herd::with(|_| {}).await;
    herd.create(3).await;
    herd.settle().await;
    let pool = herd.pool.clone();
    let long = PingSpec::times(Target::Router, 60);
    let run = tokio::spawn(async move { pool.ping(Selection::All, long).await });
    tokio::time::sleep(Duration::from_millis(4_500)).await;
    herd.lan.cut("the parent lan0 was deleted");
    let began = tokio::time::Instant::now();
    let report = run.await.expect("no panic").expect("a report");
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    for stats in report.clients.values() {
        assert_eq!(
            (stats.successes(), stats.main_cause()),
            (5, Some("offline"))
        );
    }
    herd.end().await;
}
