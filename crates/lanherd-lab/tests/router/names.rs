//! What the lab resolves, and its resolver in trouble.

use std::net::{Ipv4Addr, Ipv6Addr, ToSocketAddrs as _, UdpSocket};
use std::time::{Duration, Instant};

use lanherd_lab::{DNS_UNDER_WAY, DNS_UPSTREAM, LabConfig};
use lanherd_types::fault::Fault;
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, Question, RCODE, TYPE};

use super::services::{ROUTER, join_the_lan};
use crate::{Daemon, LONG, effects, enter, plug_in, start, works};
use lanherd_testkit::isolated::sh;

/// Asks so many questions at once; what came back, and when the last did.
pub fn ask_at_once(count: usize) -> (Vec<RCODE>, Duration) {
    let mut query = Packet::new_query(7);
    let name = Name::new("dns.google").expect("a name");
    let question = Question::new(name, TYPE::A.into(), CLASS::IN.into(), false);
    query.questions.push(question);
    let query = query.build_bytes_vec().expect("bytes");
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket
        .set_read_timeout(Some(Duration::from_millis(800)))
        .expect("a timeout");
    let began = Instant::now();
    for _ in 0..count {
        socket.send_to(&query, (ROUTER, 53)).expect("sent");
    }
    let (mut codes, mut last) = (Vec::new(), Duration::ZERO);
    let mut buffer = [0; 1500];
    while codes.len() < count
        && let Ok((length, _)) = socket.recv_from(&mut buffer)
    {
        let reply = Packet::parse(&buffer[..length]).expect("a message");
        codes.push(reply.rcode());
        last = began.elapsed();
    }
    (codes, last)
}

pub fn a_resolver_in_trouble_is_mute_fails_or_answers_only_so_many_at_once() {
    enter();
    let lab = start(LabConfig::default());
    join_the_lan();
    assert_eq!(ask_at_once(1).0, [RCODE::NoError]);
    lab.inject(Fault::DnsMute, LONG).expect("begun");
    assert_eq!(ask_at_once(1).0, []);
    lab.heal();
    lab.inject(Fault::DnsServfail, LONG).expect("begun");
    assert_eq!(ask_at_once(2).0, [RCODE::ServerFailure; 2]);
    lab.heal();
    lab.inject(Fault::DnsLimit, LONG).expect("begun");
    let (codes, took) = ask_at_once(DNS_UNDER_WAY);
    assert_eq!(codes, [RCODE::NoError; DNS_UNDER_WAY]);
    assert!(took >= DNS_UPSTREAM, "{took:?}");
    let (codes, took) = ask_at_once(DNS_UNDER_WAY + 50);
    println!("150 answers and 50 refusals in {took:.2?}");
    let refused = codes.iter().filter(|code| **code == RCODE::Refused);
    assert_eq!((codes.len(), refused.count()), (DNS_UNDER_WAY + 50, 50));
    lab.heal();
    let (codes, _) = ask_at_once(DNS_UNDER_WAY + 50);
    assert_eq!(codes, [RCODE::NoError; DNS_UNDER_WAY + 50]);
    for (fault, times) in [
        (Fault::DnsMute, 1),
        (Fault::DnsServfail, 2),
        (Fault::DnsLimit, 350),
    ] {
        assert_eq!(effects(&lab, fault), times, "{fault}");
    }
}

/// Asks the server at `address` over this namespace's stack.
pub fn ask(server: &str, name: &str, kind: TYPE) -> (RCODE, Vec<String>) {
    let mut query = Packet::new_query(7);
    query.questions.push(Question::new(
        Name::new(name).expect("a name"),
        kind.into(),
        CLASS::IN.into(),
        false,
    ));
    let server = (server, 53).to_socket_addrs().expect("an address").next();
    let server = server.expect("an address");
    let any = if server.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = UdpSocket::bind(any).expect("a socket");
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a timeout");
    socket
        .send_to(&query.build_bytes_vec().expect("bytes"), server)
        .expect("sent");
    let mut buffer = [0; 1500];
    let (length, from) = socket.recv_from(&mut buffer).expect("an answer");
    assert_eq!(from, server);
    let reply = Packet::parse(&buffer[..length]).expect("a message");
    let answers = reply.answers.iter().map(|record| match &record.rdata {
        RData::A(a) => Ipv4Addr::from(a.address).to_string(),
        RData::AAAA(a) => Ipv6Addr::from(a.address).to_string(),
        RData::PTR(name) => name.0.to_string(),
        other => format!("{other:?}"),
    });
    (reply.rcode(), answers.collect())
}

pub fn the_lab_resolves_aliases_itself_and_its_clients() {
    enter();
    let lab = start(LabConfig::default());
    plug_in(&lab, "ns1");
    let _daemon = Daemon::start(
        "ns1",
        &["udhcpc", "-f", "-i", "eth0", "-x", "hostname:Phone"],
    );
    works(&lab, "ns1");
    let phone = lab.leases()[0].address.to_string();
    // The test itself takes a place on the LAN.
    sh("ip address add 10.77.0.9/16 dev lab0; ip route add default via 10.77.0.1");
    let found = |name: &str| (RCODE::NoError, vec![name.to_owned()]);
    for server in ["10.77.0.1", "8.8.8.8", "1.1.1.1"] {
        assert_eq!(ask(server, "dns.google", TYPE::A), found("8.8.8.8"));
        assert_eq!(ask(server, "router.lab.test", TYPE::A), found("10.77.0.1"));
        assert_eq!(ask(server, "phone.LAB.test", TYPE::A), found(&phone));
        assert_eq!(
            ask(server, "1.1.1.1.in-addr.arpa", TYPE::PTR),
            found("one.one.one.one")
        );
        assert_eq!(
            ask(server, "dns.google", TYPE::AAAA),
            (RCODE::NoError, Vec::new())
        );
        assert_eq!(
            ask(server, "example.com", TYPE::A),
            (RCODE::NameError, Vec::new())
        );
    }
}
