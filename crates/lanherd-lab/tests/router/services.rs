//! Pings, names and web pages, as they should be and in trouble.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::process::Command;
use std::time::{Duration, Instant};

use lanherd_lab::{LEAK_STEP, Lab, LabConfig, LabError};
use lanherd_types::fault::Fault;
use simple_dns::{RCODE, TYPE};

use super::names::{ask, ask_at_once};
use crate::{LONG, effects, enter, eventually, in_router, lease_is_had, plug_in, start};
use lanherd_testkit::isolated::{sh, text};

pub const ROUTER: &str = "10.77.0.1";
const ALIASES: [&str; 3] = ["8.8.8.8", "1.1.1.1", "203.0.113.80"];

/// The test itself takes a place on the LAN.
pub fn join_the_lan() {
    sh("ip address add 10.77.0.9/16 dev lab0; ip route add default via 10.77.0.1");
}

/// What `ping` says of so many requests, a few milliseconds apart.
pub fn pings(count: u32, target: &str, more: &str) -> String {
    let ping = format!("ping -n -c {count} -i 0.003 -W 2 {more} {target}");
    let output = Command::new("sh")
        .args(["-c", &ping])
        .output()
        .expect("ping");
    text(&output)
}

/// How many were answered.
pub fn received(said: &str) -> u32 {
    let words: Vec<&str> = said.split_whitespace().collect();
    let at = words.iter().position(|word| word.starts_with("received"));
    let at = at.unwrap_or_else(|| panic!("{said}"));
    words[at - 1].parse().expect("a number")
}

fn ignores_pings() -> bool {
    in_router("cat /proc/sys/net/ipv4/icmp_echo_ignore_all") == "1"
}

pub fn some_pings_are_lost_by_the_router_and_its_aliases_until_the_fault_is_over() {
    enter();
    let lab = start(LabConfig::default());
    join_the_lan();
    assert!(!ignores_pings());
    lab.inject(Fault::PingLoss, LONG).expect("begun");
    eventually("the router answers by itself", ignores_pings);
    let mut lost = 0;
    for target in [&[ROUTER], &ALIASES[..]].concat() {
        let said = pings(200, target, "");
        let answered = received(&said);
        // 140 are expected, with a standard deviation of 6.5.
        assert!((100..180).contains(&answered), "{target}: {said}");
        assert!(said.contains(&format!("64 bytes from {target}")), "{said}");
        assert!(!said.contains("DUP") && !said.contains("wrong"), "{said}");
        lost += u64::from(200 - answered);
    }
    assert_eq!(effects(&lab, Fault::PingLoss), lost);
    // In fragments, as the kernel would.
    assert!(received(&pings(20, "8.8.8.8", "-s 4000")) > 0);
    lab.handle().end(Fault::PingLoss);
    eventually("the kernel answers", || !ignores_pings());
    for target in [&[ROUTER], &ALIASES[..]].concat() {
        let said = pings(50, target, "");
        assert!(received(&said) == 50 && !said.contains("DUP"), "{said}");
    }

    // It ends by itself, too, and under a flood nothing is answered twice.
    lab.inject(Fault::PingLoss, Duration::from_secs(1))
        .expect("begun");
    let said = pings(600, ROUTER, "");
    assert!(received(&said) > 400 && !said.contains("DUP"), "{said}");
    assert!(!ignores_pings());
}

pub fn pings_are_answered_twice_by_the_router_and_its_aliases_until_the_fault_is_over() {
    enter();
    let lab = start(LabConfig::default());
    join_the_lan();
    lab.inject(Fault::PingDuplicates, LONG).expect("begun");
    eventually("the router answers by itself", ignores_pings);
    let targets = [&[ROUTER], &ALIASES[..]].concat();
    for target in &targets {
        let said = pings(50, target, "");
        // ping(8) does not wait for that of the last.
        assert_eq!(
            (received(&said), said.matches("DUP!").count()),
            (50, 49),
            "{said}"
        );
    }
    assert_eq!(
        effects(&lab, Fault::PingDuplicates),
        50 * targets.len() as u64
    );
    lab.handle().end(Fault::PingDuplicates);
    eventually("the kernel answers", || !ignores_pings());
    let said = pings(50, ROUTER, "");
    assert!(received(&said) == 50 && !said.contains("DUP"), "{said}");
}

pub fn pings_are_lost_without_privilege_too() {
    enter();
    let lab = start(LabConfig {
        faults: vec![Fault::PingLoss],
        ..LabConfig::default()
    });
    join_the_lan();
    let said = pings(200, "8.8.8.8", "");
    assert!((100..180).contains(&received(&said)), "{said}");
    lab.heal();
    eventually("the kernel answers", || {
        received(&pings(20, "8.8.8.8", "")) == 20
    });
}

/// The last round trip that was printed, in milliseconds.
fn last_round_trip(said: &str) -> f64 {
    let last = said.lines().rfind(|line| line.contains("time="));
    let time = last.and_then(|line| line.split("time=").nth(1));
    let time = time.and_then(|rest| rest.split_whitespace().next());
    time.unwrap_or_else(|| panic!("{said}"))
        .parse()
        .expect("a time")
}

pub fn a_leak_slows_everything_down_and_is_gone_when_the_fault_is_over() {
    enter();
    let lab = start(LabConfig::default());
    join_the_lan();
    lab.inject(Fault::RouterLeak, LONG).expect("begun");
    eventually("the router answers by itself", ignores_pings);
    let said = pings(1_500, "8.8.8.8", "");
    assert_eq!(received(&said), 1_500, "{said}");
    let late = LEAK_STEP.as_secs_f64() * 1e3 * 1_500.0;
    let took = last_round_trip(&said);
    println!("the 1500th ping took {took} ms, {late} ms of them for the leak");
    assert!((late..late + 25.0).contains(&took), "{took}");
    // Whatever else is asked comes as late.
    let took = |done: &dyn Fn()| {
        let began = Instant::now();
        done();
        began.elapsed()
    };
    let late = LEAK_STEP * 1_500;
    let names = || assert_eq!(ask(ROUTER, "dns.google", TYPE::A).0, RCODE::NoError);
    let pages = || assert_eq!(get("8.8.8.8", "/").0, 200);
    assert!(took(&names) >= late);
    assert!(took(&pages) >= late);
    assert_eq!(effects(&lab, Fault::RouterLeak), 1_502);
    lab.heal();
    eventually("the kernel answers", || !ignores_pings());
    assert!(last_round_trip(&pings(20, "8.8.8.8", "")) < 10.0);
    assert!(took(&names) < late && took(&pages) < late);
}

/// Status, head and body of what is there.
pub fn get(server: &str, path: &str) -> (u16, String, Vec<u8>) {
    let server = (server, 80).to_socket_addrs().expect("an address").next();
    let server = server.expect("an address");
    let mut stream =
        TcpStream::connect_timeout(&server, Duration::from_secs(5)).expect("connected");
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a timeout");
    let request = format!("GET {path} HTTP/1.1\r\nHost: www.lab.test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let end = answer
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .expect("a head");
    let body = answer.split_off(end + 4);
    let head = String::from_utf8(answer).expect("a head");
    let status = head.split(' ').nth(1).expect("a status");
    (status.parse().expect("a status"), head, body)
}

pub fn the_lab_has_web_pages_on_each_of_its_addresses() {
    enter();
    let lab = start(LabConfig::default());
    join_the_lan();
    for server in [&[ROUTER], &ALIASES[..]].concat() {
        let (status, head, body) = get(server, "/");
        assert_eq!(status, 200);
        assert!(head.contains("text/plain"), "{head}");
        assert!(!body.is_empty());
    }
    let (_, www) = ask("8.8.8.8", "www.lab.test", TYPE::A);
    assert_eq!(www, ["203.0.113.80"]);
    let (status, head, body) = get(&www[0], "/bytes/5000000");
    assert_eq!((status, body.len()), (200, 5_000_000));
    assert!(
        head.to_lowercase().contains("content-length: 5000000"),
        "{head}"
    );
    assert_eq!(get(ROUTER, "/status/418").0, 418);
    assert_eq!(get(ROUTER, "/bytes/9999999999").0, 400);
    assert_eq!(get(ROUTER, "/nothing").0, 404);
    let began = Instant::now();
    assert_eq!(get(ROUTER, "/delay/300").0, 200);
    assert!(began.elapsed() >= Duration::from_millis(300));

    lab.inject(Fault::HttpUnavailable, LONG).expect("begun");
    for path in ["/", "/bytes/5"] {
        assert_eq!(get(&www[0], path).0, 503);
    }
    assert_eq!(effects(&lab, Fault::HttpUnavailable), 2);
    lab.heal();
    assert_eq!(get(&www[0], "/").0, 200);
    // Whoever says nothing is in nobody's way.
    let idle: Vec<_> = (0..100)
        .map(|_| TcpStream::connect((ROUTER, 80)).expect("connected"))
        .collect();
    assert_eq!(get(ROUTER, "/").0, 200);
    drop(idle);
}

pub fn what_is_broken_from_the_beginning_is_so_until_it_is_ended() {
    enter();
    let lab = start(LabConfig {
        faults: vec![Fault::PingLoss, Fault::DhcpMute, Fault::DnsServfail],
        ..LabConfig::default()
    });
    assert!(ignores_pings(), "the kernel answers the first pings");
    join_the_lan();
    plug_in(&lab, "ns1");
    let standing: Vec<Fault> = lab.faults().into_iter().map(|(fault, _)| fault).collect();
    assert_eq!(
        standing,
        [Fault::DhcpMute, Fault::DnsServfail, Fault::PingLoss]
    );
    assert_eq!(ask_at_once(1).0, [RCODE::ServerFailure]);
    assert!(received(&pings(100, ROUTER, "")) < 100);
    assert!(!lease_is_had("ns1"));
    // What comes to an end by itself ends without them.
    let handle = lab.handle();
    handle.inject(Fault::DhcpSlow, LONG).expect("begun");
    handle.calm();
    assert_eq!(lab.faults().len(), 3);
    handle.end(Fault::DhcpMute);
    assert!(lease_is_had("ns1"));
    handle.end(Fault::PingLoss);
    eventually("the kernel answers", || !ignores_pings());
    assert_eq!(received(&pings(100, ROUTER, "")), 100);
    assert_eq!(lab.faults(), [(Fault::DnsServfail, None)]);
    handle.begin(Fault::PingLoss).expect("begun");
    eventually("the router answers by itself", ignores_pings);
    lab.heal();
    assert_eq!(lab.faults(), []);
    eventually("the kernel answers", || !ignores_pings());
    match Lab::start(LabConfig {
        faults: vec![Fault::Crash],
        ..LabConfig::default()
    }) {
        Err(error @ LabError::Fault(_)) => assert!(error.to_string().contains("crash")),
        other => panic!("{other:?}"),
    }
}

pub fn an_address_that_nobody_has_is_unreachable_at_once() {
    enter();
    let lab = start(LabConfig::default());
    plug_in(&lab, "ns1");
    sh("ip -n ns1 address add 10.77.0.9/16 dev eth0; ip -n ns1 route add default via 10.77.0.1");
    // More than the kernel's default limits on such answers would let through.
    let ping = "ip netns exec ns1 ping -c 20 -i 0.002 -W 2 203.0.113.1";
    let output = Command::new("sh")
        .args(["-c", ping])
        .output()
        .expect("ping");
    let said = text(&output);
    assert!(
        said.contains("From 10.77.0.1") && said.contains("Destination Net Unreachable"),
        "{said}"
    );
    assert!(said.contains("100% packet loss"), "{said}");
    assert!(
        said.matches("Unreachable").count() >= 5 && !output.status.success(),
        "{said}"
    );
}
