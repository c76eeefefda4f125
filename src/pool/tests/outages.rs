use super::*;
use crate::fault::Fault;
use crate::lab::LeaseTime;
use crate::lan::fake::Behaviour;
use crate::phase::Cause;

/// Leases of a minute, as a soak has them.
fn lab() -> LabConfig {
    LabConfig {
        lease: LeaseTime::Finite(Duration::from_secs(60)),
        ..LabConfig::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_router_is_one_outage_costs_no_budget_and_everybody_comes_back() {
    let herd = Herd::on(&lab(), |config| {
        config.restart.intensity = 2;
        config.outstanding = NonZeroU32::new(10).expect("above 0");
        config.lease_deadline = Duration::from_secs(30);
    })
    .await;
    herd.create(40).await;
    herd.settle().await;
    let mut events = herd.pool.events().expect("events");
    herd.lan.behave(Behaviour::Mute);
    tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
    assert_eq!(herd.lan.leases(), 0);
    assert!(herd.metric("lanherd_outages_total 1"));
    assert!(herd.metric(r#"lanherd_supervisor_give_ups_total{supervisor="ns"} 0"#));
    herd.lan.behave(Behaviour::Answers);
    let back = tokio::time::Instant::now();
    assert_eq!(herd.settle().await.of(Phase::Online), 40);
    assert!(
        back.elapsed() < Duration::from_secs(90),
        "{:?}",
        back.elapsed()
    );
    assert!(herd.metric("lanherd_outages_total 1"));
    assert!(herd.metric(r#"lanherd_supervisor_budget_used_ratio{supervisor="ns"} 0"#));
    for share in Share::ALL {
        let line = format!(
            r#"lanherd_recovery_duration_seconds_count{{fault="outage",share="{share}"}} 1"#
        );
        assert!(herd.metric(&line), "{line}");
    }
    // Far more happened than is kept for a reader that does not read; the whole is told nevertheless, in order.
    let mut told = Vec::new();
    loop {
        match events.try_recv() {
            Ok(event) => told.push(event.what),
            Err(broadcast::error::TryRecvError::Lagged(_)) => {}
            Err(_) => break,
        }
    }
    assert!(
        matches!(
            told.last(),
            Some(EventKind::OutageBack {
                share: Share::All,
                ..
            })
        ),
        "{:?}",
        told.last()
    );
    assert!(
        told.iter()
            .any(|what| matches!(what, EventKind::OutageEnded { clients: 40, .. }))
    );
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_herd_that_comes_back_keeps_to_its_rate_and_to_what_may_be_outstanding() {
    let herd = Herd::with(|config| {
        config.outstanding = NonZeroU32::new(5).expect("above 0");
        config.join_rate = Some("10/s".parse().expect("a rate"));
    })
    .await;
    herd.create(50).await;
    herd.settle().await;
    herd.lan.remove_parent();
    tokio::time::sleep(Duration::from_secs(600)).await;
    herd.lan.restore();
    let back = tokio::time::Instant::now();
    assert_eq!(herd.settle().await.of(Phase::Online), 50);
    assert!(
        back.elapsed() > Duration::from_secs(4),
        "{:?}",
        back.elapsed()
    );
    assert!(herd.lan.most_attaching() <= 5);
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_parent_that_is_gone_for_an_hour_is_one_outage() {
    let herd = Herd::with(|config| config.restart.intensity = 1).await;
    herd.create(20).await;
    herd.settle().await;
    herd.lan.remove_parent();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let failure = herd.client(3).await.failure.expect("a failure");
    assert_eq!(failure.cause, Cause::ParentGone);
    herd.lan.restore();
    assert_eq!(herd.settle().await.of(Phase::Online), 20);
    assert!(herd.metric("lanherd_outages_total 1"));
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_pool_of_addresses_that_is_too_small_is_no_outage() {
    let lab = LabConfig {
        range: "10.77.0.10-10.77.0.14".parse().expect("a range"),
        ..LabConfig::default()
    };
    let herd = Herd::on(&lab, |config| config.restart.intensity = 1).await;
    herd.create(20).await;
    let census = herd.settle().await;
    assert_eq!(
        (census.of(Phase::Online), census.of(Phase::Failed)),
        (5, 15)
    );
    assert!(herd.metric("lanherd_outages_total 0"));
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn crashes_of_the_whole_herd_are_not_the_routers() {
    let herd = Herd::with(|_| {}).await;
    herd.create(10).await;
    herd.settle().await;
    let crashed = herd.pool.inject_fault(Selection::All, Fault::Crash);
    assert!(
        crashed
            .await
            .expect("results")
            .iter()
            .all(|(_, result)| result.is_ok())
    );
    assert_eq!(herd.settle().await.of(Phase::Online), 10);
    assert!(herd.metric("lanherd_outages_total 0"));
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_carrier_that_comes_back_finds_every_lease_confirmed_by_init_reboot() {
    let herd = Herd::with(|config| config.outstanding = NonZeroU32::new(4).expect("above 0")).await;
    herd.create(20).await;
    herd.settle().await;
    let before = herd.lan.namespaces();
    herd.lan.unplug();
    tokio::time::sleep(Duration::from_secs(20)).await;
    let census = herd.pool.census().await.expect("a census");
    assert_eq!(census.of(Phase::NoCarrier), 20);
    herd.lan.restore();
    assert_eq!(herd.settle().await.of(Phase::Online), 20);
    assert_eq!(
        herd.lan.namespaces(),
        before,
        "the same namespaces with the same addresses"
    );
    assert!(herd.metric(r#"lanherd_dhcp_renew_duration_seconds_count{kind="reboot"} 20"#));
    assert!(herd.metric("lanherd_outages_total 1"));
    let client = herd.client(1).await;
    assert_eq!(
        (client.restarts, client.failure.map(|f| f.cause)),
        (0, Some(Cause::NoCarrier))
    );
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn leases_that_end_while_there_is_no_carrier_are_asked_for_when_it_is_back() {
    let herd = Herd::on(&lab(), |_| {}).await;
    herd.create(10).await;
    herd.settle().await;
    herd.lan.unplug();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let census = herd.pool.census().await.expect("a census");
    assert_eq!(
        census.of(Phase::NoCarrier),
        10,
        "nobody is restarted for that"
    );
    assert_eq!(herd.lan.namespaces().values().flatten().count(), 0);
    herd.lan.restore();
    assert_eq!(herd.settle().await.of(Phase::Online), 10);
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_remembered_and_costs_availability() {
    let herd = Herd::with(|_| {}).await;
    herd.create(4).await;
    herd.settle().await;
    assert_eq!(availability(&herd).await, None, "no time has gone by");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(availability(&herd).await, Some(1.0));
    herd.lan.remove_parent();
    tokio::time::sleep(Duration::from_secs(20)).await;
    let on = herd.pool.figures().await.expect("figures");
    let [outage] = &on.latest_outages[..] else {
        panic!("{:?}", on.latest_outages);
    };
    assert_eq!((outage.clients, outage.of, outage.ended), (4, 4, None));
    herd.lan.restore();
    herd.settle().await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let figures = herd.pool.figures().await.expect("figures");
    let [outage] = &figures.latest_outages[..] else {
        panic!("{:?}", figures.latest_outages);
    };
    assert!(outage.back.contains_key(&Share::All), "{outage:?}");
    let ended = outage.ended.expect("it is over");
    let lasted = ended.saturating_sub(outage.began);
    let uptime = &figures.uptime;
    let lost: Duration = uptime.unavailable.values().sum();
    assert!(lasted >= Duration::from_secs(20), "{outage:?}");
    assert!(
        lost >= Duration::from_secs(80) && lost <= 4 * lasted,
        "{uptime:?}"
    );
    let share = figures.availability().expect("a share");
    assert!((0.7..0.9).contains(&share), "{share}");
    let client = herd.client(1).await;
    assert!(client.usable < client.wanted, "{client:?}");
    let text = herd.metrics.render();
    let counted = |family: &str| {
        let start = format!("lanherd_{family}{{group=\"ns\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&start));
        line.and_then(|value| value.parse::<f64>().ok())
            .unwrap_or_else(|| panic!("no {family}"))
    };
    // They are three seconds behind at most, of four clients.
    let wanted = uptime.wanted().as_secs_f64() - counted("client_wanted_seconds_total");
    let usable = uptime.usable.as_secs_f64() - counted("client_usable_seconds_total");
    assert!((0.0..=12.1).contains(&wanted), "{wanted}");
    assert!((0.0..=12.1).contains(&usable), "{usable}");
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn pools_that_count_in_the_same_metrics_one_after_the_other_add_up_their_clients_time() {
    let config = || PoolConfig::new(PoolName::default());
    let metrics = config().metrics().expect("families");
    // Shorter and shorter, and none a multiple of the seconds between two updates.
    for seconds in [100, 40, 2] {
        let lan = Arc::new(FakeLan::new(&LabConfig::default()));
        let pool = Pool::start(lan, config(), metrics.clone());
        let pool = pool.await.expect("a pool");
        pool.create(2).await.expect("clients");
        pool.settled(LONG).await.expect("a herd that settles");
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        pool.tear_down().await.expect("a tear-down");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let text = metrics.render();
    for family in ["client_wanted_seconds_total", "client_usable_seconds_total"] {
        let start = format!("lanherd_{family}{{group=\"ns\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&start));
        let told: f64 = line.expect(family).parse().expect("a number");
        assert!((283.9..285.0).contains(&told), "{family} {told}");
    }
}

async fn availability(herd: &Herd) -> Option<f64> {
    herd.pool.figures().await.expect("figures").availability()
}

/// As by SIGSTOP: time goes on, and nothing runs.
async fn stand_still(lasts: Duration) {
    tokio::time::advance(lasts).await;
}

#[tokio::test(start_paused = true)]
async fn leases_that_ran_out_while_the_tester_stood_still_are_no_outage_of_the_router() {
    let herd = Herd::on(&lab(), |_| {}).await;
    herd.create(10).await;
    herd.settle().await;
    let mut events = herd.pool.events().expect("events");
    tokio::time::sleep(Duration::from_secs(20)).await;
    stand_still(Duration::from_secs(300)).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(herd.settle().await.of(Phase::Online), 10);
    let figures = herd.pool.figures().await.expect("figures");
    assert_eq!((figures.outages, figures.leases_lost), (0, 0));
    assert_eq!(figures.leases_lost_by_tester, 10);
    assert_eq!(figures.availability(), Some(1.0), "{:?}", figures.uptime);
    assert!(figures.uptime.tester >= Duration::from_secs(3_000));
    assert!(figures.uptime.usable < Duration::from_secs(10 * 60));
    assert_eq!(figures.stalls, 1);
    let mut stalls = 0;
    while let Ok(event) = events.try_recv() {
        stalls += u32::from(matches!(event.what, EventKind::TesterStoodStill { .. }));
        let is_outage = matches!(event.what, EventKind::OutageBegan { .. });
        assert!(!is_outage, "{event:?}");
    }
    assert_eq!(stalls, 1);
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_router_that_is_dead_when_the_tester_runs_again_is_found_out() {
    let herd = Herd::on(&lab(), |config| {
        config.lease_deadline = Duration::from_secs(20);
    })
    .await;
    herd.create(10).await;
    herd.settle().await;
    herd.lan.behave(Behaviour::Mute);
    stand_still(Duration::from_secs(300)).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let figures = herd.pool.figures().await.expect("figures");
    assert_eq!(figures.outages, 1);
    let lost: Duration = figures.uptime.unavailable.values().sum();
    assert!(lost >= Duration::from_secs(300), "{:?}", figures.uptime);
    herd.lan.behave(Behaviour::Answers);
    herd.settle().await;
    herd.end().await;
}
