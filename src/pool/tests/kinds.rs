//! Lookups, fetches and commands under the pool.

mod fetches;
mod lookups;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::activity::command::{CommandDetail, CommandSpec};
use crate::activity::connect::ConnectDetail;
use crate::activity::dns::{DnsDetail, DnsSpec};
use crate::activity::http::{HttpCause, HttpDetail, HttpPhase, HttpSpec};
use crate::activity::ping::PingDetail;
use crate::activity::{Kind, Subject};
use crate::host_name::HostName;
use crate::stats::ActivityStats;
use crate::target::Target;
use crate::url::Url;

const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1));
const RESOLVER: SocketAddr = SocketAddr::new(ROUTER, 53);

fn name(text: &str) -> HostName {
    text.parse().expect(text)
}

fn ping_detail(stats: &ActivityStats) -> &PingDetail {
    PingDetail::of(&stats.detail).expect("of pings")
}

fn dns(stats: &ActivityStats) -> &DnsDetail {
    DnsDetail::of(&stats.detail).expect("of lookups")
}

fn http(stats: &ActivityStats) -> &HttpDetail {
    HttpDetail::of(&stats.detail).expect("of fetches")
}

fn command_detail(stats: &ActivityStats) -> &CommandDetail {
    CommandDetail::of(&stats.detail).expect("of commands")
}

const WEB: SocketAddr = SocketAddr::new(ROUTER, 80);

/// A herd of that many clients, all online.
async fn online(count: u32) -> Herd {
    let herd = Herd::with(|_| {}).await;
    herd.create(count).await;
    herd.settle().await;
    herd
}

async fn command(herd: &Herd, spec: CommandSpec) -> ActivityStats {
    let report = herd.pool.command(Selection::All, spec).await;
    let clients = report.expect("a report").clients;
    clients.into_values().next().expect("a client")
}

#[tokio::test(start_paused = true)]
async fn a_command_knows_whose_it_is_and_its_exit_code_is_told() {
    let herd = online(1).await;
    let address = herd.client(1).await.lease.expect("a lease").address;
    let stats = command(&herd, CommandSpec::once("env")).await;
    assert!(stats.is_success());
    assert_eq!(
        command_detail(&stats).output,
        format!(
            "LANHERD_CLIENT=1\nLANHERD_NAMESPACE=ns1\nLANHERD_ADDRESS={address}\nLANHERD_ROUTER={ROUTER}\n"
        )
    );
    let stats = command(&herd, CommandSpec::once("exit 3")).await;
    assert_eq!((stats.answers["3"], stats.successes()), (1, 0));
    let said = stats.last_failure().expect("one");
    assert!(
        said.starts_with(r#""exit 3": exit code 3: LANHERD_ROUTER="#),
        "{said}"
    );
    assert_eq!(
        herd.client(1)
            .await
            .activity(&Subject::Command("exit 3".into()))
            .expect("figures")
            .attempts(),
        1
    );
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_command_that_takes_too_long_is_no_exit_and_the_next_is_not_kept_waiting() {
    let herd = online(1).await;
    let spec = CommandSpec::times("sleep 60", 3);
    let began = tokio::time::Instant::now();
    let stats = command(&herd, spec).await;
    assert_eq!(stats.failed["timeout"], 3);
    assert_eq!((stats.attempts(), stats.time.count()), (3, 0));
    let longest = CommandSpec::DEFAULT_TIMEOUT + Duration::from_secs(3);
    assert!(began.elapsed() < longest, "{:?}", began.elapsed());
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn commands_that_are_wanted_faster_than_they_end_are_run_a_few_at_a_time() {
    let herd = online(1).await;
    let spec = CommandSpec {
        interval: Duration::from_millis(1),
        ..CommandSpec::times("sleep 1", 40)
    };
    let began = tokio::time::Instant::now();
    let stats = command(&herd, spec).await;
    assert_eq!((stats.attempts(), stats.successes()), (40, 40));
    let took = began.elapsed().as_secs_f64();
    assert!((3.0..3.5).contains(&took), "three times sixteen: {took}");
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_timed_and_one_that_is_refused_names_its_cause() {
    let herd = online(2).await;
    herd.lan.serve_tcp(WEB, drop);
    let connect = async |text: &str| {
        let subject = Kind::Connect.read(text).expect(text);
        let report = herd.pool.run(Selection::All, Activity::new(subject)).await;
        report.expect("a report").clients
    };
    for text in ["router:80", "router.lab.test:80"] {
        for stats in connect(text).await.values() {
            assert!(stats.is_success(), "{stats:?}");
            assert_eq!(stats.time.max(), Some(Duration::from_millis(2)));
            let detail = ConnectDetail::of(&stats.detail).expect("of connections");
            assert_eq!(detail.server, Some(WEB));
        }
    }
    for (text, cause) in [
        ("router:81", "refused"),
        ("nobody.lab.test:80", "no_name"),
        ("client 9:80", "no_target"),
    ] {
        for stats in connect(text).await.values() {
            assert_eq!(stats.failed, [(cause, 1)].into(), "{text}");
            assert_eq!((stats.successes(), stats.time.count()), (0, 0));
        }
    }
    assert!(herd.metric(r#"lanherd_connections_total{outcome="connected"} 4"#));
    assert!(herd.metric(r#"lanherd_connections_total{outcome="refused"} 2"#));
    let client = herd.client(1).await;
    let refused = client.activity(&Kind::Connect.read("router:81").expect("one"));
    let said = refused.expect("figures").last_failure().expect("one");
    assert!(
        said.starts_with("router:81 (10.77.0.1:81): refused: "),
        "{said}"
    );
    herd.end().await;
}
