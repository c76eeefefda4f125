mod own_clients;

use super::*;
use lanherd_dhcp6::{
    Arrival, Authentication, Client, Config, DadOutcome, Event, Ia, IaAddress, IaPrefix,
    LossReason, Output,
};
use std::collections::BTreeSet;

const SERVER: Mac = Mac([2, 0, 0, 0, 0, 1]);
const PREFERRED: Duration = Duration::from_secs(2700);
const VALID: Duration = Duration::from_secs(5400);

fn mac(last: u8) -> Mac {
    Mac([2, 0, 0, 0, 1, last])
}

fn link_local(last: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 1, last.into())
}

fn prefix(text: &str) -> Prefix {
    text.parse().expect("a prefix")
}

fn numbers() -> LinkNumbers {
    LinkNumbers {
        prefixes: vec![prefix("2001:db8:77::/64"), prefix("fd00:77::/64")],
        has_addresses: true,
        delegated: Some(prefix("2001:db8:77:8000::/49")),
        resolvers: vec!["fd00:77::1".parse().expect("an address")],
    }
}

struct Tried {
    server: Dhcp6Server,
    numbers: LinkNumbers,
    rng: fastrand::Rng,
    now: Instant,
}

impl Tried {
    fn new(change: impl FnOnce(&mut Dhcp6Config)) -> Self {
        let mut config = Dhcp6Config::default();
        change(&mut config);
        let search = Some("lab.test".to_owned());
        Self {
            server: Dhcp6Server::new(config, SERVER, (PREFERRED, VALID), search),
            numbers: numbers(),
            rng: fastrand::Rng::with_seed(7),
            now: Instant::now(),
        }
    }

    fn hear(&mut self, message: &Message, client: u8) -> Option<Message> {
        self.hear_from(message, client, true)
    }

    fn hear_from(&mut self, message: &Message, client: u8, is_to_all: bool) -> Option<Message> {
        let origin = Origin {
            mac: mac(client),
            source: link_local(client),
            is_to_all,
        };
        let (numbers, rng) = (&self.numbers, &mut self.rng);
        let answer = self
            .server
            .handle(message, origin, numbers, rng, self.now)?;
        // As it comes off the wire.
        let bytes = answer.encode().expect("short");
        let read = Message::decode(&bytes).expect("a message");
        assert!(read.notes.malformed().is_empty(), "{:?}", read.notes);
        Some(read)
    }

    fn expects(&mut self, message: &Message, client: u8) -> Message {
        let answer = self.hear(message, client);
        answer.unwrap_or_else(|| panic!("no answer to {message:?}"))
    }
}

fn asks(kind: MessageType, client: u8) -> Message {
    let mut message = Message::new(kind, 7);
    let duid = Duid::link_layer(mac(client));
    message.options.push(code::CLIENT_ID, duid.as_bytes());
    let is_for_one = matches!(
        kind,
        MessageType::Request | MessageType::Renew | MessageType::Release | MessageType::Decline
    );
    if is_for_one {
        let server = Duid::link_layer(SERVER);
        message.options.push(code::SERVER_ID, server.as_bytes());
    }
    message
}

fn about(kind: MessageType, client: u8, leased: &[&str]) -> Message {
    let mut message = asks(kind, client);
    let mut addresses = Ia::new(IaKind::Addresses, 1);
    let mut prefixes = Ia::new(IaKind::Prefixes, 2);
    for text in leased {
        match text.parse() {
            Ok(address) => {
                addresses
                    .options
                    .push_address(&IaAddress::new(address, 0, 0));
            }
            Err(_) => {
                prefixes
                    .options
                    .push_prefix(&IaPrefix::new(prefix(text), 0, 0));
            }
        }
    }
    message.options.push_ia(&addresses);
    if leased.iter().any(|text| text.contains('/')) {
        message.options.push_ia(&prefixes);
    }
    message
}

/// What an answer gives, with lifetimes, and the status of each identity association.
fn given(message: &Message) -> Vec<String> {
    let mut all = Vec::new();
    for ia in message.options.ias() {
        all.extend(
            ia.addresses()
                .map(|it| format!("{} {}/{}", it.address, it.preferred, it.valid)),
        );
        all.extend(
            ia.prefixes()
                .map(|it| format!("{} {}/{}", it.prefix, it.preferred, it.valid)),
        );
        if ia.options.contains(code::STATUS) {
            all.push(ia.status().code.to_string());
        }
    }
    all
}

fn hint() -> &'static str {
    "2001:db8:77::1:5"
}

#[test]
fn a_client_is_offered_and_leased_what_it_would_like_and_keeps_it() {
    let mut tried = Tried::new(|_| {});
    let wanted = [hint(), "2001:db8:77:8010::/60"];
    let offer = tried.expects(&about(MessageType::Solicit, 1, &wanted), 1);
    assert_eq!(offer.message_type, MessageType::Advertise);
    let both = [
        "2001:db8:77::1:5 2700/5400",
        "2001:db8:77:8010::/60 2700/5400",
    ];
    assert_eq!(given(&offer), both);
    let ia = offer.options.ias().next().expect("one");
    assert_eq!((ia.t1, ia.t2), (1350, 2160));
    // Somebody else would like it as well.
    let other = tried.expects(&about(MessageType::Solicit, 2, &[hint()]), 2);
    assert_ne!(given(&other), [both[0]]);
    let reply = tried.expects(&about(MessageType::Request, 1, &wanted), 1);
    assert_eq!(
        (reply.message_type, given(&reply)),
        (MessageType::Reply, both.map(str::to_owned).to_vec())
    );
    tried.now += VALID / 2;
    for kind in [MessageType::Renew, MessageType::Rebind] {
        let reply = tried.expects(&about(kind, 1, &wanted), 1);
        assert_eq!(given(&reply), both);
    }
    let leased: Vec<_> = tried
        .server
        .leased(&tried.numbers)
        .map(|it| it.leased.to_string())
        .collect();
    assert_eq!(leased.len(), 2, "{leased:?}");
    assert_eq!(
        tried.server.delegations(&tried.numbers),
        [(prefix("2001:db8:77:8010::/60"), link_local(1))]
    );
    tried.now += VALID;
    let gone = tried.expects(&about(MessageType::Renew, 1, &[hint()]), 1);
    assert_eq!(given(&gone), ["NoBinding"]);
}

// By RFC 9915 (18.3.1): a SOLICIT with rapid commit may be answered by a REPLY.
#[test]
fn rapid_commit_is_granted_where_it_is_asked_for_and_configured() {
    for (configured, asked, kind) in [
        (true, true, MessageType::Reply),
        (true, false, MessageType::Advertise),
        (false, true, MessageType::Advertise),
    ] {
        let mut tried = Tried::new(|config| config.rapid_commit = configured);
        let mut solicit = about(MessageType::Solicit, 1, &[]);
        if asked {
            solicit.options.push(code::RAPID_COMMIT, []);
        }
        let answer = tried.expects(&solicit, 1);
        let is_rapid = kind == MessageType::Reply;
        assert_eq!(answer.message_type, kind);
        assert_eq!(answer.options.contains(code::RAPID_COMMIT), is_rapid);
        assert_eq!(
            tried.server.leased(&tried.numbers).count(),
            usize::from(is_rapid)
        );
    }
}

#[test]
fn addresses_are_leased_only_where_the_router_says_so_and_prefixes_always() {
    let mut tried = Tried::new(|_| ());
    tried.numbers.has_addresses = false;
    let solicit = about(MessageType::Solicit, 1, &[hint(), "2001:db8:77:8010::/60"]);
    let offered = given(&tried.expects(&solicit, 1));
    assert!(
        offered.len() == 2 && offered[0].contains("NoAddrsAvail") && offered[1].contains("/60 "),
        "{offered:?}"
    );
    tried.numbers.has_addresses = true;
    let offered = given(&tried.expects(&solicit, 1));
    assert!(offered[0].starts_with("2001:db8:77::1:"), "{offered:?}");
}

#[test]
fn whoever_comes_too_late_is_told_that_nothing_is_free_until_something_is() {
    let mut tried = Tried::new(|config| {
        config.range = "::1:0-::1:0".parse().expect("a range");
        config.delegated = None;
    });
    tried.expects(&about(MessageType::Request, 1, &[]), 1);
    let full = about(MessageType::Solicit, 2, &["2001:db8:77::1:0", "::/60"]);
    let answer = tried.expects(&full, 2);
    assert_eq!(given(&answer), ["NoAddrsAvail", "NoPrefixAvail"]);
    assert_eq!(tried.server.counters().exhausted, 2);
    let released = tried.expects(&about(MessageType::Release, 1, &["2001:db8:77::1:0"]), 1);
    assert_eq!(
        (released.options.status().code, given(&released).len()),
        (StatusCode::Success, 0)
    );
    let again = tried.expects(&about(MessageType::Release, 1, &["2001:db8:77::1:0"]), 1);
    assert_eq!(
        (again.options.status().code, given(&again)),
        (StatusCode::Success, vec!["NoBinding".to_owned()])
    );
    let answer = tried.expects(&about(MessageType::Request, 2, &[]), 2);
    assert_eq!(given(&answer), ["2001:db8:77::1:0 2700/5400"]);
    // What is found in use is given to nobody for a while.
    tried.expects(&about(MessageType::Decline, 2, &["2001:db8:77::1:0"]), 2);
    let answer = tried.expects(&about(MessageType::Request, 1, &[]), 1);
    assert_eq!(given(&answer), ["NoAddrsAvail"]);
    tried.now += Dhcp6Config::default().decline_hold;
    let answer = tried.expects(&about(MessageType::Request, 1, &[]), 1);
    assert_eq!(given(&answer), ["2001:db8:77::1:0 2700/5400"]);
}

// RFC 9915, 18.3.2 to 18.3.5.
#[test]
fn what_is_of_another_link_is_refused_confirmed_or_ended_as_the_message_asks() {
    let mut tried = Tried::new(|_| {});
    let foreign = "2001:db8:99::5";
    let answer = tried.expects(&about(MessageType::Request, 1, &[foreign]), 1);
    assert_eq!(given(&answer), ["NotOnLink"]);
    for (address, code) in [
        (foreign, StatusCode::NotOnLink),
        ("fd00:77::5", StatusCode::Success),
    ] {
        let answer = tried.expects(&about(MessageType::Confirm, 1, &[address]), 1);
        assert_eq!(answer.options.status().code, code);
    }
    assert_eq!(tried.hear(&about(MessageType::Confirm, 1, &[]), 1), None);
    let answer = tried.expects(&about(MessageType::Rebind, 1, &[foreign]), 1);
    assert_eq!(given(&answer), ["2001:db8:99::5 0/0"]);
    let answer = tried.expects(&about(MessageType::Rebind, 1, &[hint()]), 1);
    assert_eq!(given(&answer), ["NoBinding"]);
}

// By RFC 9096 (3.5): after a change of the prefix, what was leased is ended with lifetimes of 0 and something new is given beside it.
#[test]
fn after_a_change_of_the_prefix_the_new_address_comes_with_the_end_of_the_old_one() {
    let mut tried = Tried::new(|_| {});
    let wanted = [hint(), "2001:db8:77:8010::/60"];
    tried.expects(&about(MessageType::Request, 1, &wanted), 1);
    tried.numbers.prefixes[0] = prefix("2001:db8:78::/64");
    tried.numbers.delegated = Some(prefix("2001:db8:78:8000::/49"));
    let answer = tried.expects(&about(MessageType::Renew, 1, &wanted), 1);
    assert_eq!(
        given(&answer),
        [
            "2001:db8:78::1:5 2700/5400",
            "2001:db8:77::1:5 0/0",
            "2001:db8:78:8010::/60 2700/5400",
            "2001:db8:77:8010::/60 0/0",
        ]
    );
}

// By RFC 9915 (16): messages that are not for this server, or not whole, are discarded.
#[test]
fn what_is_not_for_this_server_is_not_answered() {
    let mut tried = Tried::new(|_| {});
    let other = Duid::link_layer(mac(99));
    let mut to_another = about(MessageType::Request, 1, &[]);
    to_another.options.set(code::SERVER_ID, other.as_bytes());
    let mut nameless = about(MessageType::Solicit, 1, &[]);
    nameless.options.remove(code::CLIENT_ID);
    let mut named = about(MessageType::Solicit, 1, &[]);
    named
        .options
        .push(code::SERVER_ID, Duid::link_layer(SERVER).as_bytes());
    let mut informs_of_ia = about(MessageType::InformationRequest, 1, &[]);
    informs_of_ia.xid = 9;
    let answers = asks(MessageType::Reply, 1);
    for bad in [to_another, nameless, named, informs_of_ia, answers] {
        assert_eq!(tried.hear(&bad, 1), None, "{bad:?}");
    }
    let unicast = about(MessageType::Renew, 1, &[]);
    let answer = tried.hear_from(&unicast, 1, false).expect("an answer");
    assert_eq!(answer.options.status().code, StatusCode::UseMulticast);
    assert_eq!(
        tried.hear_from(&about(MessageType::Solicit, 1, &[]), 1, false),
        None
    );
    assert_eq!(tried.server.counters().ignored, 6);
}

// RFC 9915, 18.3.6.
#[test]
fn parameters_are_told_to_whoever_asks_for_them_even_without_a_name() {
    let mut tried = Tried::new(|config| {
        config.sol_max_rt = Some(Duration::from_secs(120));
        config.refresh = Some(Duration::from_secs(900));
    });
    let mut informs = Message::new(MessageType::InformationRequest, 7);
    let wanted = [
        code::DNS_SERVERS,
        code::DOMAIN_SEARCH,
        code::SOL_MAX_RT,
        code::INFORMATION_REFRESH_TIME,
        999,
    ];
    let oro: Vec<u8> = wanted.iter().flat_map(|code| code.to_be_bytes()).collect();
    informs.options.push(code::OPTION_REQUEST, oro.clone());
    let answer = tried.expects(&informs, 1);
    assert_eq!(
        answer.options.addresses(code::DNS_SERVERS),
        tried.numbers.resolvers
    );
    assert_eq!(
        answer.options.get(code::DOMAIN_SEARCH),
        Some(b"\x03lab\x04test\0".as_slice())
    );
    assert_eq!(answer.options.seconds(code::SOL_MAX_RT), Some(120));
    assert_eq!(
        answer.options.seconds(code::INFORMATION_REFRESH_TIME),
        Some(900)
    );
    let mut solicit = about(MessageType::Solicit, 1, &[]);
    solicit.options.push(code::OPTION_REQUEST, oro);
    let answer = tried.expects(&solicit, 1);
    assert!(!answer.options.contains(code::INFORMATION_REFRESH_TIME));
    assert!(answer.options.contains(code::DNS_SERVERS));
}

#[test]
fn ranges_of_hosts_read_back_as_they_are_written() {
    let range = HostRange::default();
    assert_eq!(
        (range.to_string().as_str(), range.len()),
        ("::1:0-::1:ffff", 65_536)
    );
    for text in ["::1:0-::1:ffff", "::1000-::1fff", "::2-::2:0:0:1"] {
        let range: HostRange = text.parse().expect(text);
        assert_eq!(range.to_string().parse(), Ok(range), "{text}");
    }
    for bad in [
        "",
        "::5",
        "::1-::9",
        "::9-::5",
        "2001:db8::1-2001:db8::9",
        "a-b",
    ] {
        assert!(bad.parse::<HostRange>().is_err(), "{bad:?} was accepted");
    }
}
