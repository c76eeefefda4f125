//! Streams of traffic to the lab's sink.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use lanherd_lab::{Ipv6Config, LabConfig, SLOW_LINK_RATE};
use lanherd_stream::client::{DirectionStreamed, StreamFailure, Streamed, stream};
use lanherd_stream::limiter::Limiter;
use lanherd_stream::protocol::{Directions, Open};
use lanherd_types::fault::Fault;
use tokio::net::TcpStream;

use super::names::ask;
use super::services::join_the_lan;
use crate::{LONG, effects, enter, eventually, start};
use lanherd_testkit::isolated::sh;
use simple_dns::TYPE;

fn both(rate: Option<u64>, ms: u64) -> Open {
    Open {
        directions: Directions::Both,
        rate,
        lasts: Duration::from_millis(ms),
        congestion_control: None,
    }
}

/// One stream to that address from the test's own place on the LAN.
fn streamed(to: IpAddr, open: &Open) -> Result<Streamed, StreamFailure<io::Error>> {
    let to = SocketAddr::new(to, lanherd_stream::PORT);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let control = TcpStream::connect(to).await.expect("connected");
        let connect = || TcpStream::connect(to);
        stream(control, open, Duration::from_secs(60), connect).await
    })
}

/// Both directions of a stream that came to its end.
fn directions(streamed: Streamed) -> [DirectionStreamed; 2] {
    [streamed.up, streamed.down].map(|one| one.expect("both ways"))
}

pub fn streams_to_the_labs_sink_go_both_ways_over_both_families() {
    enter();
    let lab = start(LabConfig {
        ipv6: Some(Ipv6Config::default()),
        ..LabConfig::default()
    });
    join_the_lan();
    sh("ip -6 address add 2001:db8:77::9/64 dev lab0 nodad
        ip -6 route add default via fe80::1 dev lab0");
    let known = |kind| {
        let (_, found) = ask("8.8.8.8", "sink.lab.test", kind);
        found[0].parse::<IpAddr>().expect("an address")
    };
    let addresses = [known(TYPE::A), known(TYPE::AAAA)];
    assert_eq!(
        addresses,
        [
            IpAddr::from(LabConfig::SINK),
            IpAddr::from(Ipv6Config::SINK)
        ]
    );
    for address in addresses {
        let all = directions(streamed(address, &both(Some(2_000_000), 1_000)).expect("streamed"));
        for one in all {
            assert!(
                (1_800_000.0..2_100_000.0).contains(&one.goodput()),
                "{address}: {one:?}"
            );
        }
        for one in directions(streamed(address, &both(None, 500)).expect("streamed")) {
            assert!(one.goodput() > 20e6, "{address}: {one:?}");
        }
    }
    drop(lab);
}

pub fn a_slow_link_carries_little_in_both_directions_until_the_fault_is_over() {
    enter();
    let lab = start(LabConfig::default());
    join_the_lan();
    let sink = IpAddr::from(LabConfig::SINK);
    lab.inject(Fault::SlowLink, LONG).expect("begun");
    let is_limited = || sh("tc qdisc show dev lab0").contains("tbf");
    eventually("the link is slow", is_limited);
    assert_eq!(effects(&lab, Fault::SlowLink), 1);
    for one in directions(streamed(sink, &both(None, 2_000)).expect("streamed")) {
        let most = f64::from(SLOW_LINK_RATE);
        assert!((0.3 * most..most).contains(&one.goodput()), "{one:?}");
        assert_eq!(one.limiter, Limiter::Network, "{one:?}");
    }
    lab.heal();
    eventually("the link is fast again", || !is_limited());
    for one in directions(streamed(sink, &both(None, 500)).expect("streamed")) {
        assert!(one.goodput() > 20e6, "{one:?}");
    }
}
