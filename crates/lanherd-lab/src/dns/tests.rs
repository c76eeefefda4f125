use super::*;
use lanherd_dhcp::Message;
use lanherd_dhcp::options::{MessageType, code};
use lanherd_types::identity::Mac;
use simple_dns::{Question, TYPE};

fn zone_and_server(config: &LabConfig) -> (Zone, Server) {
    let mut server = Server::new(config.server());
    let mut discover = Message::request(MessageType::Discover, Mac([2, 0, 0, 0, 0, 1]), 7);
    discover.options.push(code::HOST_NAME, *b"Phone");
    server.handle(&discover, std::time::Instant::now());
    (Zone::new(config), server)
}

fn query(name: &str, kind: QTYPE, class: QCLASS) -> Vec<u8> {
    let mut query = Packet::new_query(4711);
    query.set_flags(PacketFlag::RECURSION_DESIRED);
    query
        .questions
        .push(Question::new(Name::new_unchecked(name), kind, class, false));
    query.build_bytes_vec().expect("bytes")
}

fn ask_with(config: &LabConfig, name: &str, kind: impl Into<QTYPE>) -> (RCODE, Vec<String>) {
    let (zone, server) = zone_and_server(config);
    let bytes = zone
        .answer(&query(name, kind.into(), CLASS::IN.into()), &server)
        .expect("an answer");
    let reply = Packet::parse(&bytes).expect("a message");
    assert_eq!(reply.id(), 4711);
    assert!(reply.has_flags(PacketFlag::RESPONSE | PacketFlag::RECURSION_DESIRED));
    assert_eq!(reply.questions.len(), 1);
    let answers = reply.answers.iter().map(|record| match &record.rdata {
        RData::A(a) => Ipv4Addr::from(a.address).to_string(),
        RData::PTR(name) => name.0.to_string(),
        other => format!("{other:?}"),
    });
    (reply.rcode(), answers.collect())
}

fn ask(name: &str, kind: impl Into<QTYPE>) -> (RCODE, Vec<String>) {
    ask_with(&LabConfig::default(), name, kind)
}

#[test]
fn known_names_have_an_address_and_known_addresses_a_name() {
    let found = |text: &str| (RCODE::NoError, vec![text.to_owned()]);
    assert_eq!(ask("dns.google", TYPE::A), found("8.8.8.8"));
    assert_eq!(ask("ONE.one.one.ONE", TYPE::A), found("1.1.1.1"));
    assert_eq!(ask("router.lab.test", TYPE::A), found("10.77.0.1"));
    assert_eq!(ask("phone.lab.test", TYPE::A), found("10.77.0.10"));
    assert_eq!(ask("phone.lab.test", QTYPE::ANY), found("10.77.0.10"));
    assert_eq!(ask("8.8.8.8.in-addr.arpa", TYPE::PTR), found("dns.google"));
    for name in ["www.lab.test", "www.example.com", "www.EXAMPLE.org"] {
        assert_eq!(ask(name, TYPE::A), found("203.0.113.80"));
    }
    assert_eq!(
        ask("80.113.0.203.in-addr.arpa", TYPE::PTR),
        found("www.lab.test")
    );
    assert_eq!(
        ask("1.0.77.10.in-addr.arpa", TYPE::PTR),
        found("router.lab.test")
    );
    assert_eq!(
        ask("10.0.77.10.in-addr.arpa", TYPE::PTR),
        found("phone.lab.test")
    );
}

#[test]
fn a_known_name_without_that_type_is_no_error_and_an_unknown_name_is() {
    assert_eq!(ask("dns.google", TYPE::AAAA), (RCODE::NoError, Vec::new()));
    assert_eq!(
        ask("phone.lab.test", TYPE::MX),
        (RCODE::NoError, Vec::new())
    );
    for unknown in [
        "google.com",
        "phone",
        "phone.lab.testx",
        "lab.test",
        "9.0.77.10.in-addr.arpa",
        "x.in-addr.arpa",
    ] {
        assert_eq!(
            ask(unknown, TYPE::A),
            (RCODE::NameError, Vec::new()),
            "{unknown}"
        );
    }
}

#[test]
fn without_a_domain_names_stand_alone_and_without_an_alias_its_name_is_unknown() {
    let config = LabConfig {
        domain: None,
        aliases: Vec::new(),
        ..LabConfig::default()
    };
    assert_eq!(
        ask_with(&config, "phone", TYPE::A),
        (RCODE::NoError, vec!["10.77.0.10".to_owned()])
    );
    assert_eq!(
        ask_with(&config, "router", TYPE::A),
        (RCODE::NoError, vec!["10.77.0.1".to_owned()])
    );
    for name in ["dns.google", "www", "www.example.com"] {
        assert_eq!(ask_with(&config, name, TYPE::A).0, RCODE::NameError);
    }
}

fn rcode(query: &[u8]) -> Option<RCODE> {
    let (zone, server) = zone_and_server(&LabConfig::default());
    let answer = zone.answer(query, &server)?;
    Some(Packet::parse(&answer).expect("a message").rcode())
}

#[test]
fn what_it_does_not_do_is_said() {
    let mut update = query("dns.google", TYPE::A.into(), CLASS::IN.into());
    update[2] |= 5 << 3;
    assert_eq!(rcode(&update), Some(RCODE::NotImplemented));
    let chaos = query("version.bind", TYPE::TXT.into(), CLASS::CH.into());
    assert_eq!(rcode(&chaos), Some(RCODE::NotImplemented));
    let mut two = query("dns.google", TYPE::A.into(), CLASS::IN.into());
    two[5] = 2;
    assert_eq!(rcode(&two), Some(RCODE::FormatError));
    let mut huge = two.clone();
    huge[4..12].fill(0xff);
    assert_eq!(rcode(&huge), Some(RCODE::FormatError));
    assert_eq!(rcode(&two[..20]), Some(RCODE::FormatError));
}

#[test]
fn a_failure_says_what_was_asked_and_is_none_to_what_is_no_question() {
    for code in [RCODE::ServerFailure, RCODE::Refused] {
        let good = query("dns.google", TYPE::A.into(), CLASS::IN.into());
        let bytes = Zone::fail(&good, code).expect("an answer");
        let reply = Packet::parse(&bytes).expect("a message");
        assert_eq!((reply.id(), reply.rcode()), (4711, code));
        assert_eq!(reply.questions[0].qname.to_string(), "dns.google");
        assert!(reply.answers.is_empty());
        let bytes = Zone::fail(&good[..20], code).expect("an answer");
        let reply = Packet::parse(&bytes).expect("a message");
        assert_eq!(reply.rcode(), RCODE::FormatError);
        assert_eq!(Zone::fail(&good[..11], code), None);
    }
}

#[test]
fn answers_and_scraps_are_not_answered() {
    let mut answer = query("dns.google", TYPE::A.into(), CLASS::IN.into());
    answer[2] |= 0x80;
    assert_eq!(rcode(&answer), None);
    assert_eq!(rcode(&answer[..11]), None);
    assert_eq!(rcode(&[]), None);
}

#[test]
fn no_bytes_make_it_panic() {
    let (zone, server) = zone_and_server(&LabConfig::default());
    let mut rng = fastrand::Rng::with_seed(7);
    let good = query(
        "10.0.77.10.in-addr.arpa",
        TYPE::PTR.into(),
        CLASS::IN.into(),
    );
    for _ in 0..100_000 {
        let mut bytes = good.clone();
        for _ in 0..rng.usize(1..6) {
            let at = rng.usize(..bytes.len());
            bytes[at] = rng.u8(..);
        }
        bytes.truncate(rng.usize(..=bytes.len()));
        if let Some(answer) = zone.answer(&bytes, &server) {
            Packet::parse(&answer).expect("an answer that can be read");
        }
    }
}
