//! A herd on the lab while its router is broken in each way that there is, one after another.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test prints what it measured, and ends where it cannot go on"
)]

#[path = "common/decoder/mod.rs"]
mod decoder;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::decoder::Recording;
use self::decoder::ipv6::{
    any_of, by_kind, exchanges, has_no_flaws, is_counted, is_sent_again_in_time, is_well_formed,
    messages,
};
use lanherd::activity::ping::PingSpec;
use lanherd::dhcp6::MessageType;
use lanherd::family::Families;
use lanherd::fault::{Aim, Fault};
use lanherd::identity::{ClientNumber, Mac, PoolName, Seed};
use lanherd::lab::{Ipv6Config, Lab, LabConfig, LeaseTime};
use lanherd::lan::linux::{LanConfig, LinuxLan};
use lanherd::metrics::Metrics;
use lanherd::phase::Phase;
use lanherd::pool::{Pool, PoolConfig, Selection};
use lanherd::sandbox;
use lanherd::target::Target;
use lanherd_testkit::isolated::sh;
use lanherd_types::test_folder::TestFolder;
use simple_dns::{CLASS, Name, Packet, Question, TYPE};

lanherd_testkit::isolated_tests! {
    Caller: a_herd_comes_back_online_after_each_fault_of_the_router,
    Caller: a_dual_herd_comes_back_online_after_each_fault_of_ipv6,
    Caller: tshark_finds_no_fault_with_a_dual_herd_nor_with_the_labs_router,
    ;
}

fn effects(lab: &Lab, fault: Fault) -> u64 {
    lab.fault_effects().get(&fault).copied().unwrap_or(0)
}

/// The test itself takes a place on the LAN.
fn join_the_lan() {
    sh("ip address add 10.77.0.9/16 dev lab0");
}

/// A name, a page and some pings; what comes of them is the fault's.
fn use_all(lab: &Lab) {
    let patience = Some(Duration::from_secs(2));
    let mut query = Packet::new_query(7);
    let name = Name::new_unchecked("dns.google");
    query
        .questions
        .push(Question::new(name, TYPE::A.into(), CLASS::IN.into(), false));
    let resolver = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    let query = query.build_bytes_vec().expect("a query");
    resolver.send_to(&query, (lab.router(), 53)).expect("asked");
    let mut stream = TcpStream::connect((lab.router(), 80)).expect("connected");
    stream.set_read_timeout(patience).expect("a limit");
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: router\r\nConnection: close\r\n\r\n")
        .expect("asked");
    let _ = stream.read_to_end(&mut Vec::new());
    let router = lab.router().to_string();
    let pings = Command::new("ping")
        .args(["-n", "-q", "-c", "50", "-i", "0.003", "-W", "2", &router])
        .output();
    pings.expect("ping");
}

/// A herd in the lab, of which whoever fails is back before the test loses patience.
async fn herd_on(
    lab: &Lab,
    name: &str,
    clients: u32,
    adjust: impl FnOnce(&mut PoolConfig),
) -> (LinuxLan, Pool) {
    let name: PoolName = name.parse().expect("a name");
    let neighbour = Some((lab.router(), lab.router_mac()));
    let config = LanConfig {
        neighbour,
        ..LanConfig::new(lab.uplink(), name.clone())
    };
    let (lan, _) = LinuxLan::open(config).await.expect("a lan");
    let metrics = Metrics::new(&name, Seed(7)).expect("metrics");
    let mut config = PoolConfig::new(name);
    config.restart.intensity = 1_000;
    config.restart.backoff_ceiling = Duration::from_secs(1);
    adjust(&mut config);
    let pool = Pool::start(Arc::new(lan.clone()), config, metrics)
        .await
        .expect("a pool");
    pool.create(clients).await.expect("created");
    join_the_lan();
    (lan, pool)
}

fn a_herd_comes_back_online_after_each_fault_of_the_router() {
    const CLIENTS: u32 = 6;
    sandbox::enter().expect("a sandbox");
    let lab = Lab::start(LabConfig {
        lease: LeaseTime::Finite(Duration::from_secs(8)),
        ..LabConfig::default()
    })
    .expect("a lab");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let (lan, pool) = herd_on(&lab, "fa", CLIENTS, |_| ()).await;
        works_as_a_herd(&lab, &pool, CLIENTS, "at the beginning").await;
        for fault in Fault::ALL.iter().copied() {
            // This herd, and its lab, speak IPv4 only.
            if fault.aim() != Aim::Router || fault.family().is_some() {
                continue;
            }
            let is_of_leases = ["dhcp_", "router_re"]
                .iter()
                .any(|kind| fault.as_str().starts_with(kind));
            // Longer than half of a lease: each client renews in it.
            let seconds = if is_of_leases { 6 } else { 2 };
            lab.inject(fault, Duration::from_secs(seconds))
                .expect("begun");
            tokio::time::sleep(Duration::from_millis(500)).await;
            if !is_of_leases {
                use_all(&lab);
            }
            if matches!(
                fault,
                Fault::DhcpDuplicates | Fault::DhcpExhausted | Fault::DhcpShortPool
            ) {
                // Only those who come anew notice.
                pool.remove(Selection::Numbers(vec![newest(&pool).await]))
                    .await
                    .expect("removed");
                pool.create(1).await.expect("created");
            }
            while !lab.faults().is_empty() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let ended = Instant::now();
            works_as_a_herd(&lab, &pool, CLIENTS, fault.as_str()).await;
            let (took, effects) = (ended.elapsed(), effects(&lab, fault));
            println!("{fault}: {effects} effects; the herd works {took:.1?} after its end");
            assert!(effects > 0, "{fault} changed nothing");
        }
        pool.tear_down().await.expect("torn down");
        assert_eq!(lab.active(), 0, "a lease was kept");
        assert_eq!(lan.close().await.len(), 0);
    });
}

/// Asks the lab's resolver for an IPv6 address; what comes of it is the fault's.
fn look_up_ipv6(lab: &Lab) {
    let mut query = Packet::new_query(7);
    let name = Name::new_unchecked("dns.google");
    let question = Question::new(name, TYPE::AAAA.into(), CLASS::IN.into(), false);
    query.questions.push(question);
    let resolver = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    let query = query.build_bytes_vec().expect("a query");
    resolver.send_to(&query, (lab.router(), 53)).expect("asked");
}

fn a_dual_herd_comes_back_online_after_each_fault_of_ipv6() {
    const CLIENTS: u32 = 4;
    sandbox::enter().expect("a sandbox");
    let mut ipv6 = Ipv6Config {
        interval: Duration::from_secs(3),
        managed: true,
        ..Ipv6Config::default()
    };
    ipv6.dhcp.t1 = Some(Duration::from_secs(3));
    ipv6.dhcp.t2 = Some(Duration::from_secs(5));
    let lab = Lab::start(LabConfig {
        ipv6: Some(ipv6),
        ..LabConfig::default()
    })
    .expect("a lab");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let (lan, pool) = herd_on(&lab, "six", CLIENTS, |config| {
            config.families = Families::Dual;
            config.lease_deadline = Duration::from_secs(15);
        })
        .await;
        sh("ip address add fe80::9/64 dev lab0 nodad");
        works_over_ipv6(&pool, CLIENTS, "at the beginning").await;
        for fault in Fault::ALL.iter().copied() {
            // A switch forgets who listens after minutes only: the lab's own tests have a clock for that. Delegated prefixes are for
            // clients that are routers: those of features/ipv6_delegation.feature.
            if fault.family().is_none()
                || matches!(
                    fault,
                    Fault::MldSnooping | Fault::Dhcp6NoPrefix | Fault::Dhcp6NoRoute
                )
            {
                continue;
            }
            lab.inject(fault, Duration::from_secs(7)).expect("begun");
            if fault == Fault::RaDefaultWithoutWan {
                lab.handle().wan_down();
            }
            if fault == Fault::RaForgetsPrefix {
                let reboot = Duration::from_millis(500);
                lab.inject(Fault::RouterReboot, reboot).expect("begun");
            }
            // Somebody comes anew while it is so.
            pool.remove(Selection::Numbers(vec![newest(&pool).await]))
                .await
                .expect("removed");
            pool.create(1).await.expect("created");
            look_up_ipv6(&lab);
            // The test asks where the router is; clients know that already.
            sh("ip -6 neigh flush dev lab0; ping -n -c 1 -W 1 fe80::1%lab0 || true");
            while !lab.faults().is_empty() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            if fault == Fault::RaDefaultWithoutWan {
                lab.handle().wan_up();
            }
            // Who found its link-local address in use does without IPv6 from then on (RFC 4862, 5.4.5).
            if fault == Fault::NdAnswersAll {
                let status = pool.status().await.expect("a status");
                let newcomer = status.clients.iter().map(|it| it.identity.number).max();
                let newcomer = Selection::Numbers(newcomer.into_iter().collect());
                pool.remove(newcomer).await.expect("removed");
                pool.create(1).await.expect("created");
            }
            let ended = Instant::now();
            works_over_ipv6(&pool, CLIENTS, fault.as_str()).await;
            let (took, effects) = (ended.elapsed(), effects(&lab, fault));
            println!("{fault}: {effects} effects; the herd works {took:.1?} after its end");
            assert!(effects > 0, "{fault} changed nothing");
        }
        pool.tear_down().await.expect("torn down");
        assert_eq!(lan.close().await.len(), 0);
        assert_eq!(lab.leases6().len(), 0, "a lease was kept");
    });
}

/// A lab that leases addresses for a moment.
fn lab_of_short_leases() -> Lab {
    let mut ipv6 = Ipv6Config {
        interval: Duration::from_secs(5),
        managed: true,
        ..Ipv6Config::default()
    };
    ipv6.dhcp.t1 = Some(Duration::from_secs(3));
    ipv6.dhcp.t2 = Some(Duration::from_secs(7));
    Lab::start(LabConfig {
        ipv6: Some(ipv6),
        ..LabConfig::default()
    })
    .expect("a lab")
}

/// Joins, renews, rebinds while the server is mute, loses its carrier, is renumbered, and gives its leases back.
async fn lives(lab: &Lab, pool: &Pool, clients: u32) {
    pool.create(clients).await.expect("created");
    works_over_ipv6(pool, clients, "at the beginning").await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    lab.inject(Fault::Dhcp6Mute, Duration::from_secs(9))
        .expect("begun");
    while !lab.faults().is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // What was sent in vain is sent again ten seconds later at most (RFC 9915, 7.6).
    tokio::time::sleep(Duration::from_secs(12)).await;
    let flapped = pool.flap(Duration::from_millis(500)).await;
    flapped.expect("told").expect("flapped");
    works_over_ipv6(pool, clients, "after the carrier was away").await;
    lab.handle().renumber();
    tokio::time::sleep(Duration::from_secs(6)).await;
    works_over_ipv6(pool, clients, "with another prefix").await;
    let released = pool.release(Selection::All).await.expect("told");
    assert_eq!(released, clients);
    let started = Instant::now();
    while !lab.leases6().is_empty() {
        assert!(started.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn tshark_finds_no_fault_with_a_dual_herd_nor_with_the_labs_router() {
    const CLIENTS: u32 = 4;
    sandbox::enter().expect("a sandbox");
    let folder = TestFolder::new("wire");
    let lab = lab_of_short_leases();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (macs, metrics, wire) = runtime.block_on(async {
        let name: PoolName = "wire".parse().expect("a name");
        let neighbour = Some((lab.router(), lab.router_mac()));
        let config = LanConfig {
            neighbour,
            ..LanConfig::new(lab.uplink(), name.clone())
        };
        let recording = Recording::start(lab.uplink(), folder.path());
        let (lan, _) = LinuxLan::open(config).await.expect("a lan");
        let metrics = Metrics::new(&name, Seed(7)).expect("metrics");
        let mut config = PoolConfig::new(name);
        config.families = Families::Dual;
        let pool = Pool::start(Arc::new(lan.clone()), config, metrics.clone());
        let pool = pool.await.expect("a pool");
        lives(&lab, &pool, CLIENTS).await;
        let status = pool.status().await.expect("a status");
        let macs = status.clients.iter().map(|it| it.identity.mac.to_string());
        let macs: Vec<String> = macs.collect();
        pool.tear_down().await.expect("torn down");
        assert_eq!(lan.close().await.len(), 0);
        (macs, metrics.render(), recording.end())
    });
    is_well_formed(&wire, &macs);
    is_counted(&wire, &metrics, &macs);
    // The router's kernel leaves checksums to a card that is not there.
    let router = format!(
        "eth.src == {} && !(udp.checksum.status == 0) && !(tcp.checksum.status == 0)",
        lab.router_mac()
    );
    has_no_flaws(&wire, &router);
    let sent = by_kind(&messages(&wire, &any_of(&macs, "src")));
    for kind in [
        MessageType::Solicit,
        MessageType::Renew,
        MessageType::Rebind,
        MessageType::Release,
    ] {
        let count = sent.get(&kind).copied().unwrap_or(0);
        assert!(count >= u64::from(CLIENTS), "{count} of {kind}: {sent:?}");
    }
    for mac in &macs {
        let sent = messages(&wire, &format!("eth.src == {mac}"));
        for exchange in exchanges(&sent) {
            is_sent_again_in_time(exchange);
        }
    }
}

/// Waits until every client is online over both families, and what is beyond the LAN answers over IPv6.
async fn works_over_ipv6(pool: &Pool, clients: u32, when: &str) {
    let deadline = Instant::now() + Duration::from_secs(90);
    let google = Target::Address(Ipv6Config::GOOGLE.into());
    loop {
        let status = pool.status().await.expect("a status");
        let online = status.clients.iter();
        let online = online.filter(|client| client.phase == Phase::Online);
        let online: Vec<ClientNumber> = online.map(|client| client.identity.number).collect();
        let are_all = online.len() == clients as usize;
        let (online, spec) = (Selection::Numbers(online), PingSpec::once(google.clone()));
        let answers = async {
            pool.ping(online, spec)
                .await
                .expect("a report")
                .is_success()
        };
        if are_all && answers.await {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{when}: not every client works: {:#?}",
            status
                .clients
                .iter()
                .map(|client| (
                    client.identity.number,
                    client.phase,
                    &client.failure,
                    &client.by_family
                ))
                .collect::<Vec<_>>()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn newest(pool: &Pool) -> ClientNumber {
    let status = pool.status().await.expect("a status");
    let online = status
        .clients
        .iter()
        .filter(|client| client.phase == Phase::Online);
    online
        .map(|client| client.identity.number)
        .max()
        .expect("somebody online")
}

/// Waits until every client is online with an address of its own, which the lab agrees with, and reaches the router.
async fn works_as_a_herd(lab: &Lab, pool: &Pool, clients: u32, when: &str) {
    let deadline = Instant::now() + Duration::from_secs(45);
    loop {
        let status = pool.status().await.expect("a status");
        let online = status.clients.iter();
        let online = online.filter(|client| client.phase == Phase::Online);
        let held: BTreeSet<(Ipv4Addr, Mac)> = online
            .clone()
            .filter_map(|client| Some((client.lease.as_ref()?.address, client.identity.mac)))
            .collect();
        let leased = lab.leases().into_iter();
        let leased: BTreeSet<_> = leased.map(|lease| (lease.address, lease.mac)).collect();
        let addresses: BTreeSet<Ipv4Addr> = held.iter().map(|(address, _)| *address).collect();
        let online: Vec<ClientNumber> = online.map(|client| client.identity.number).collect();
        let (online, spec) = (Selection::Numbers(online), PingSpec::once(Target::Router));
        let report = pool.ping(online, spec).await.expect("a report");
        if addresses.len() == clients as usize && held == leased && report.is_success() {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{when}: not every client works: {:?}",
            status
                .clients
                .iter()
                .map(|client| (client.phase, &client.failure, &client.lease))
                .collect::<Vec<_>>()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
