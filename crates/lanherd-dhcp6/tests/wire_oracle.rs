//! Every kind of message that the client sends, and what a server sends, read back by an independent decoder, `dhcproto`; and what that
//! writes, read by ours. It is asked only what it is right about: it ends a message silently at an option that it dislikes, panics on
//! some in debug builds, writes options 15 and 16 with wrong lengths, and sorts all by their numbers.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "this is how a test fails"
)]

use std::collections::BTreeSet;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use dhcproto::v6::{self, DhcpOption};
use dhcproto::{Decodable, Decoder, Encodable, Encoder};
use lanherd_dhcp6::{
    Arrival, Client, Config, DadOutcome, Duid, Event, Ia, IaAddress, IaKind, IaPrefix, Mac,
    Message, MessageType, Options, Output, Status, StatusCode, code,
};
use proptest::prelude::*;

const MAC: Mac = Mac([2, 0, 0x5e, 0x10, 0, 1]);

/// The other decoder's message.
fn other(message: &Message) -> v6::Message {
    let bytes = message.encode().expect("short");
    v6::Message::decode(&mut Decoder::new(&bytes)).expect("a message")
}

/// Options in words, as ours has them; in the order of their numbers, as the other decoder sorts them.
fn ours(options: &Options) -> Vec<String> {
    let mut words: Vec<(u16, String)> = options
        .iter()
        .map(|option| {
            let nested = ours(&option.nested);
            let value = &option.value;
            let word = if let Some(ia) = Ia::read(option) {
                format!("{} {} {} {} {nested:?}", ia.kind, ia.iaid, ia.t1, ia.t2)
            } else if let Some(it) = IaAddress::read(option) {
                format!("{} {} {} {nested:?}", it.address, it.preferred, it.valid)
            } else if let Some(it) = IaPrefix::read(option) {
                format!("{} {} {} {nested:?}", it.prefix, it.preferred, it.valid)
            } else {
                format!("{} {value:?}", option.code)
            };
            (option.code, word)
        })
        .collect();
    words.sort_by_key(|(code, _)| *code);
    words.into_iter().map(|(_, word)| word).collect()
}

/// The same as the other decoder has them.
fn theirs(options: &v6::DhcpOptions) -> Vec<String> {
    options.iter().map(their).collect()
}

fn their(option: &DhcpOption) -> String {
    let list = |addresses: &[Ipv6Addr]| -> Vec<u8> {
        addresses.iter().flat_map(Ipv6Addr::octets).collect()
    };
    match option {
        DhcpOption::ClientId(value) => format!("1 {value:?}"),
        DhcpOption::ServerId(value) => format!("2 {value:?}"),
        DhcpOption::IANA(ia) => {
            format!("na {} {} {} {:?}", ia.id, ia.t1, ia.t2, theirs(&ia.opts))
        }
        DhcpOption::IAPD(ia) => {
            format!("pd {} {} {} {:?}", ia.id, ia.t1, ia.t2, theirs(&ia.opts))
        }
        DhcpOption::IAAddr(it) => {
            let nested = theirs(&it.opts);
            format!(
                "{} {} {} {nested:?}",
                it.addr, it.preferred_life, it.valid_life
            )
        }
        DhcpOption::IAPrefix(it) => {
            let nested = theirs(&it.opts);
            let (preferred, valid) = (it.preferred_lifetime, it.valid_lifetime);
            format!(
                "{}/{} {preferred} {valid} {nested:?}",
                it.prefix_ip, it.prefix_len
            )
        }
        DhcpOption::ORO(requests) => {
            let codes = requests.opts.iter().map(|code| u16::from(*code));
            let value: Vec<u8> = codes.flat_map(u16::to_be_bytes).collect();
            format!("6 {value:?}")
        }
        DhcpOption::Preference(value) => format!("7 {:?}", [*value]),
        DhcpOption::ElapsedTime(value) => format!("8 {:?}", value.to_be_bytes()),
        DhcpOption::StatusCode(status) => {
            let mut value = u16::from(status.status).to_be_bytes().to_vec();
            value.extend(status.msg.as_bytes());
            format!("13 {value:?}")
        }
        DhcpOption::RapidCommit => "14 []".to_owned(),
        DhcpOption::ReconfMsg(kind) => format!("19 {:?}", [u8::from(*kind)]),
        DhcpOption::ReconfAccept => "20 []".to_owned(),
        DhcpOption::DomainNameServers(servers) => format!("23 {:?}", list(servers)),
        DhcpOption::InformationRefreshTime(seconds) => {
            format!("32 {:?}", seconds.to_be_bytes())
        }
        DhcpOption::Unknown(unknown) => {
            format!("{} {:?}", u16::from(unknown.code()), unknown.data())
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_agree(message: &Message) {
    let other = other(message);
    assert_eq!(
        u8::from(other.msg_type()),
        message.message_type.number(),
        "{message:?}"
    );
    assert_eq!(other.xid_num(), message.xid);
    assert_eq!(theirs(other.opts()), ours(&message.options));
}

/// A server's answer with everything that the other decoder knows.
fn answer(question: &Message, kind: MessageType) -> Message {
    let mut answer = Message::answer_to(question, kind);
    let server = Duid::uuid([5; 16]);
    answer.options.push(code::SERVER_ID, server.as_bytes());
    for asked in question.options.ias() {
        let mut ia = Ia::new(asked.kind, asked.iaid);
        (ia.t1, ia.t2) = (1800, 2880);
        if ia.kind == IaKind::Addresses {
            let address = "2001:db8::7".parse().expect("an address");
            ia.options
                .push_address(&IaAddress::new(address, 3600, 7200));
        } else {
            let prefix = "2001:db8:7700::/56".parse().expect("a prefix");
            ia.options.push_prefix(&IaPrefix::new(prefix, 3600, 7200));
        }
        ia.options.push_status(&Status {
            code: StatusCode::Success,
            message: Some("success".into()),
        });
        answer.options.push_ia(&ia);
    }
    answer
        .options
        .push(code::PREFERENCE, [255])
        .push_addresses(
            code::DNS_SERVERS,
            &["2001:db8::53".parse().expect("an address")],
        )
        .push(code::INFORMATION_REFRESH_TIME, 7200_u32.to_be_bytes());
    answer
}

/// Lets a client live with a server, and gives all that both sent.
fn life(orders: &[fn(&mut Client, Instant)]) -> Vec<Message> {
    let config = Config {
        start_delay: Duration::ZERO..=Duration::ZERO,
        reconfigure: true,
        ..Config::new(MAC).with_prefix(MAC, Some(56))
    };
    let mut client = Client::new(config, fastrand::Rng::with_seed(7));
    let mut now = Instant::now();
    let mut sent = Vec::new();
    let arrival = Arrival {
        source: "fe80::1".parse().expect("an address"),
        destination: "fe80::2".parse().expect("an address"),
    };
    for order in orders {
        order(&mut client, now);
        for _ in 0..4 {
            while let Some(output) = client.poll_output() {
                match output {
                    Output::Transmit(question) => {
                        let kind = match question.message_type {
                            MessageType::Solicit => MessageType::Advertise,
                            _ => MessageType::Reply,
                        };
                        let reply = answer(&question, kind);
                        sent.push(question);
                        client.handle_message(&reply, arrival, now);
                        sent.push(reply);
                    }
                    Output::Event(Event::Probe { addresses, .. }) => {
                        for address in addresses {
                            client.handle_dad(address, DadOutcome::Unique, now);
                        }
                    }
                    Output::Event(_) => {}
                }
            }
            // Delays, but not as far as T1.
            let due = client.poll_timeout();
            let soon = due.filter(|due| *due < now + Duration::from_secs(60));
            if let Some(due) = soon {
                now = now.max(due);
                client.handle_timeout(now);
            }
        }
    }
    sent
}

// RFC 9915, 18.2.2: REQUEST names the chosen server, and has all that is wanted with what it offered.
// RFC 9915, 18.2.8: DECLINE names the lease's server, and has the addresses that somebody else has, and no prefix.
#[test]
fn an_independent_decoder_reads_every_kind_of_message_as_it_was_meant() {
    // CONFIRM is for who has no prefix.
    let mut kinds = BTreeSet::new();
    let mut sent = life(&[
        Client::start,
        Client::renew,
        Client::rebind,
        Client::inform,
        Client::decline,
        Client::release,
    ]);
    let mut confirm = Message::new(MessageType::Confirm, 9);
    confirm.options.push(code::CLIENT_ID, [0, 3, 0, 1, 2]);
    let mut ia = Ia::new(IaKind::Addresses, 1);
    let address = "2001:db8::7".parse().expect("an address");
    ia.options.push_address(&IaAddress::new(address, 0, 0));
    confirm.options.push_ia(&ia);
    sent.push(confirm);
    let mut reconfigure = Message::new(MessageType::Reconfigure, 0);
    reconfigure.options.push(code::RECONFIGURE_MESSAGE, [11]);
    sent.push(reconfigure);
    for message in &sent {
        kinds.insert(message.message_type);
        assert_agree(message);
    }
    let all: BTreeSet<MessageType> = MessageType::ALL.iter().copied().collect();
    assert_eq!(kinds, all);
}

#[test]
fn what_the_independent_encoder_writes_is_read_as_it_was_meant() {
    let mut question = Message::new(MessageType::Request, 0x01_0203);
    question.options.push(code::CLIENT_ID, [1, 2, 3, 4]);
    question.options.push_ia(&Ia::new(IaKind::Addresses, 7));
    question.options.push_ia(&Ia::new(IaKind::Prefixes, 8));
    let theirs = other(&answer(&question, MessageType::Reply));
    let mut bytes = Vec::new();
    theirs
        .encode(&mut Encoder::new(&mut bytes))
        .expect("encoded");
    let read = Message::decode(&bytes).expect("a message");
    assert_eq!(read.notes.malformed(), []);
    assert_agree(&read);
    let leased: Vec<u32> = read.options.ias().map(|ia| ia.iaid).collect();
    assert_eq!(leased, [7, 8]);
}

proptest! {
    #[test]
    fn both_read_the_same_of_any_lease(
        iaid: u32, times: (u32, u32), lifetimes: (u32, u32), bits: u128, length in 0_u8..=128, text in "[a-z ]{0,40}",
    ) {
        let mut message = Message::new(MessageType::Reply, iaid);
        for kind in [IaKind::Addresses, IaKind::Prefixes] {
            let mut ia = Ia::new(kind, iaid);
            (ia.t1, ia.t2) = times;
            let address = Ipv6Addr::from_bits(bits);
            if kind == IaKind::Addresses {
                ia.options.push_address(&IaAddress::new(address, lifetimes.0, lifetimes.1));
            } else {
                let prefix = lanherd_dhcp6::Prefix::new(address, length).expect("a prefix");
                ia.options.push_prefix(&IaPrefix::new(prefix, lifetimes.0, lifetimes.1));
            }
            ia.options.push_status(&Status { code: StatusCode::NoBinding, message: Some(text.clone()) });
            message.options.push_ia(&ia);
        }
        assert_agree(&message);
    }
}
