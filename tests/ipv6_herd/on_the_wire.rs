//! A whole life of a herd as tshark reads it: what is sent is well-formed and at its time, and what lanherd says of it is so.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lanherd::dhcp6::MessageType;
use lanherd::pool::Selection;
use lanherd_testkit::world::in_a_world;

use super::PATIENCE;
use super::daemon::{Daemon, SHORT, prepare};
use super::decoder::ipv6::{
    Leased, advertisements_are_counted, any_of, by_kind, exchanges, is_counted,
    is_sent_again_in_time, is_well_formed, messages, solicits_in_time,
};
use super::decoder::{Decoded, Recording};
use super::herd::{Herd, ONLINE, global, seconds_until};

/// The clients that have IPv6.
const OF_IPV6: [usize; 4] = [3, 4, 5, 6];

/// What lanherd said of a client before it gave its lease back.
struct Said {
    mac: String,
    address: Ipv6Addr,
    link_local: Ipv6Addr,
    /// What is left of the valid lifetime, in seconds.
    valid: Option<u64>,
}

/// What lanherd said in a whole life.
struct Life {
    macs: Vec<String>,
    said: Vec<Said>,
    metrics: String,
    /// When there was a router first, in seconds of the recording's clock.
    first_router: f64,
}

async fn until(what: &str, server: &Daemon, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what}\n{}", server.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Until Kea has received so many of these since it was started.
async fn until_heard(kea: &Daemon, kind: &str, times: usize) {
    let words = format!(" {kind} (type ");
    until(kind, kea, || kea.log().matches(&words).count() >= times).await;
}

/// Joins without a router, without a server and with both; renews, rebinds, loses its carrier, is renumbered, and gives all back.
async fn live() -> Life {
    let dnsmasq = Daemon::dnsmasq(&[]);
    let log = || dnsmasq.log();
    let herd = Herd::start().await;
    // Three solicitations: within 1 s, and at most 4.4 s and 9.3 s later each.
    tokio::time::sleep(Duration::from_secs(18)).await;
    let first_router = SystemTime::now().duration_since(UNIX_EPOCH).expect("now");
    let radvd = Daemon::radvd("AdvManagedFlag on; prefix fd00:77::/64 { AdvAutonomous off; };");
    tokio::time::sleep(Duration::from_secs(11)).await;
    let kea = Daemon::kea(&SHORT);
    herd.until(ONLINE, log).await;
    until_heard(&kea, "RENEW", 8).await;
    drop(kea);
    tokio::time::sleep(Duration::from_secs(SHORT.rebind)).await;
    let kea = Daemon::kea(&SHORT);
    until_heard(&kea, "REBIND", 4).await;
    let flapped = herd.pool.flap(Duration::from_millis(500)).await;
    flapped.expect("told").expect("flapped");
    until_heard(&kea, "CONFIRM", 4).await;
    herd.until(ONLINE, log).await;
    // Another prefix, and nothing said of the first.
    drop(radvd);
    let _radvd = Daemon::radvd("AdvManagedFlag on; prefix fd00:78::/64 { };");
    let is_new = |address: &Ipv6Addr| address.segments()[1] == 0x78;
    let has_new = |number: &usize| global(*number).iter().any(is_new);
    until("renumbered", &kea, || OF_IPV6.iter().all(has_new)).await;
    herd.until(ONLINE, log).await;
    let (mut macs, mut said) = (Vec::new(), Vec::new());
    for number in 1..=6 {
        let client = herd.client(number).await;
        let mac = client.identity.mac.to_string();
        macs.push(mac.clone());
        let Some(state) = client.ipv6 else { continue };
        let lease = state.lease.as_ref().expect("a lease");
        let leased: Vec<_> = lease.addresses().collect();
        let [leased] = leased[..] else {
            panic!("{lease:?}")
        };
        said.push(Said {
            mac,
            address: leased.address,
            link_local: state.link_local().expect("an address"),
            valid: seconds_until(leased.lifetimes.valid_until),
        });
    }
    herd.pool.release(Selection::All).await.expect("told");
    until_heard(&kea, "RELEASE", 4).await;
    let metrics = herd.metrics.clone();
    herd.end().await;
    Life {
        macs,
        said,
        metrics: metrics.render(),
        first_router: first_router.as_secs_f64(),
    }
}

fn is_as_said(wire: &Decoded, said: &Said) {
    let mac = &said.mac;
    let sent = messages(wire, &format!("eth.src == {mac}"));
    let exchanges = exchanges(&sent);
    for exchange in &exchanges {
        is_sent_again_in_time(exchange);
    }
    let longest = |kind: MessageType| {
        let those = exchanges.iter().filter(|it| it[0].kind == kind);
        those.map(|it| it.len()).max()
    };
    // There was no server for eleven seconds, and later none for longer than until T2.
    assert!(longest(MessageType::Solicit) >= Some(3), "{sent:#?}");
    // The server's last word about the address is what lanherd says.
    let received = messages(wire, &format!("eth.dst == {mac}"));
    let ids: BTreeSet<u32> = sent.iter().map(|it| it.xid).collect();
    assert!(received.iter().all(|it| ids.contains(&it.xid)));
    let is_lease = |leased: &Leased| leased.valid > 0;
    let mut those = received.iter().rev();
    let last = those.find(|it| it.addresses.iter().any(is_lease));
    let last = last.expect("a lease");
    let expected = Leased {
        address: said.address,
        preferred: SHORT.preferred,
        valid: SHORT.valid,
    };
    assert_eq!(last.addresses, [expected]);
    assert_eq!(last.timers, [SHORT.renew, SHORT.rebind]);
    let is_of_it = |left: u64| (SHORT.valid / 2..=SHORT.valid).contains(&left);
    assert!(said.valid.is_some_and(is_of_it), "{:?}", said.valid);
    // What was given back is what was leased.
    let released = sent.iter().find(|it| it.kind == MessageType::Release);
    let released = released.expect("a RELEASE");
    assert_eq!(released.addresses.len(), 1, "{released:?}");
    assert_eq!(released.addresses[0].address, said.address);
    // Nobody else has spoken from its address.
    for address in [said.link_local, said.address] {
        let filter = format!("ipv6.src == {address} && eth.src != {mac}");
        assert_eq!(wire.rows(&filter, ["frame.number"]), [] as [[String; 1]; 0]);
    }
}

#[test]
fn tshark_finds_no_fault_with_a_whole_life_of_a_herd_and_reads_what_lanherd_says() {
    in_a_world(|| async {
        prepare();
        let recording = Recording::start("far0", Path::new("/run"));
        let life = live().await;
        let wire = recording.end();

        is_well_formed(&wire, &life.macs);
        is_counted(&wire, &life.metrics, &life.macs);
        advertisements_are_counted(&wire, &life.metrics);
        let sent = by_kind(&messages(&wire, &any_of(&life.macs, "src")));
        for kind in [
            MessageType::Solicit,
            MessageType::Request,
            MessageType::Renew,
            MessageType::Rebind,
            MessageType::Confirm,
            MessageType::Release,
        ] {
            let count = sent.get(&kind).copied().unwrap_or(0);
            assert!(count >= 4, "{count} of {kind}: {sent:?}");
        }
        assert_eq!(life.said.len(), OF_IPV6.len());
        let own = life.said.iter().map(|said| (said.address, &said.mac));
        assert_eq!(own.collect::<BTreeMap<_, _>>().len(), OF_IPV6.len());
        for said in &life.said {
            solicits_in_time(&wire, &said.mac, life.first_router);
            is_as_said(&wire, said);
        }
    });
}
