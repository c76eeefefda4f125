//! Every kind of message that the client sends, read back by an independent decoder and compared field by field with
//! RFC 2131 (4.3.2, 4.4.1 and table 5).

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "this is how a test fails"
)]

#[path = "wire_oracle/capture.rs"]
mod capture;

use std::net::Ipv4Addr;
use std::time::Duration;

use dhcproto::Decodable;
use dhcproto::v4::{self, DhcpOption, OptionCode};
use lanherd_dhcp::Mac;
use lanherd_dhcp::{Client, ClientId, Config, Message, MessageType, VendorOptions, code};

use self::capture::{Harness, captures, config, orders};

const MAC: [u8; 6] = [2, 0, 0x5e, 0x10, 0, 1];
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 50);
const NOWHERE: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
const EVERYWHERE: Ipv4Addr = Ipv4Addr::BROADCAST;

// RFC 2131, table 5: a REQUEST for an offer has the xid of the OFFER.
// RFC 2131, table 5: secs is the time since the client began, and 0 in RELEASE and DECLINE.
// RFC 2131, 4.3.2: a REQUEST for an offer has options 50 and 54, and ciaddr 0.
// RFC 2131, 4.4.2: a REQUEST for a remembered address has option 50, and not 54.
// RFC 2131, 4.4.5: RENEWING asks the lease's server, with ciaddr and neither 50 nor 54.
// RFC 2131, 4.4.5: REBINDING asks everybody, with ciaddr and neither 50 nor 54.
// RFC 2131, 4.4.4: a conflict makes the client DECLINE, to everybody, with 50 and 54 and ciaddr 0.
// RFC 2131, table 5: RELEASE goes to the server, with ciaddr and 54, and asks for nothing.
// RFC 2131, 4.4.3: INFORM has ciaddr, and none of 50, 51 and 54.
#[test]
fn each_message_has_the_fields_that_rfc_2131_gives_it() {
    use v4::MessageType::{Decline, Discover, Inform, Release, Request};
    let [discover, selecting, renewing, rebinding, release, rebooting] = captures(&config());
    let [decline, inform] = orders(&config());

    // Type, ciaddr, option 50, option 54, source, destination.
    let expected = [
        (
            &discover, Discover, NOWHERE, None, None, NOWHERE, EVERYWHERE,
        ),
        (
            &selecting,
            Request,
            NOWHERE,
            Some(ADDRESS),
            Some(SERVER),
            NOWHERE,
            EVERYWHERE,
        ),
        (&renewing, Request, ADDRESS, None, None, ADDRESS, SERVER),
        (
            &rebinding, Request, ADDRESS, None, None, ADDRESS, EVERYWHERE,
        ),
        (
            &release,
            Release,
            ADDRESS,
            None,
            Some(SERVER),
            ADDRESS,
            SERVER,
        ),
        (
            &rebooting,
            Request,
            NOWHERE,
            Some(ADDRESS),
            None,
            NOWHERE,
            EVERYWHERE,
        ),
        (
            &decline,
            Decline,
            NOWHERE,
            Some(ADDRESS),
            Some(SERVER),
            NOWHERE,
            EVERYWHERE,
        ),
        (&inform, Inform, ADDRESS, None, None, ADDRESS, SERVER),
    ];
    for (capture, kind, ciaddr, requested, server, source, destination) in expected {
        let read = &capture.read;
        assert_eq!(read.opts().msg_type(), Some(kind));
        assert_eq!(read.ciaddr(), ciaddr, "{kind:?}");
        assert_eq!(
            capture.address(OptionCode::RequestedIpAddress),
            requested,
            "{kind:?}"
        );
        assert_eq!(
            capture.address(OptionCode::ServerIdentifier),
            server,
            "{kind:?}"
        );
        assert_eq!(
            (capture.source, capture.destination),
            (source, destination),
            "{kind:?}"
        );

        assert_eq!(
            (read.opcode(), read.htype(), read.hlen()),
            (v4::Opcode::BootRequest, v4::HType::Eth, 6)
        );
        assert_eq!((read.chaddr(), read.hops()), (MAC.as_slice(), 0));
        assert_eq!(
            (read.yiaddr(), read.siaddr(), read.giaddr()),
            (NOWHERE, NOWHERE, NOWHERE)
        );
        assert_eq!((read.sname(), read.fname()), (None, None));
        assert!(!read.flags().broadcast());
        assert!(capture.bytes.len() >= 300);
    }
    assert_eq!(discover.read.xid(), selecting.read.xid());
    assert_eq!((decline.read.secs(), inform.read.secs()), (0, 0));
}

// RFC 2132, 9.10: option 57 says how long a message may be, and never less than 576.
// RFC 2131, 4.4.1: the list of wanted parameters is the same in all messages.
// RFC 2131, table 5: RELEASE goes to the server, with ciaddr and 54, and asks for nothing.
// RFC 2131, 3.1(6): RELEASE has the client identifier under which the lease was won.
// RFC 3442: option 121 is asked for before option 3.
#[test]
fn every_message_that_asks_for_a_lease_asks_for_the_same_and_says_how_much_it_can_take() {
    let [discover, selecting, renewing, rebinding, release, rebooting] = captures(&config());
    let wanted: Vec<OptionCode> = [1, 121, 3, 6, 15, 119, 26, 58, 59]
        .map(OptionCode::from)
        .into();
    let [decline, inform] = orders(&config());
    for capture in [
        &discover, &selecting, &renewing, &rebinding, &rebooting, &inform,
    ] {
        let get = |code| capture.read.opts().get(code).cloned();
        assert_eq!(
            get(OptionCode::ParameterRequestList),
            Some(DhcpOption::ParameterRequestList(wanted.clone()))
        );
        assert_eq!(
            get(OptionCode::MaxMessageSize),
            Some(DhcpOption::MaxMessageSize(1500))
        );
        assert_eq!(
            get(OptionCode::Hostname),
            Some(DhcpOption::Hostname("ns1".to_owned()))
        );
    }
    assert_eq!(release.codes(), [53, 61, 54], "none of 50, 55, 60, 12");
    assert_eq!(decline.codes(), [53, 61, 50, 54], "none of 55, 60, 12");
    for capture in [
        discover, selecting, renewing, rebinding, release, rebooting, decline, inform,
    ] {
        assert_eq!(capture.codes()[0], 53);
        assert_eq!(
            capture.read.opts().get(OptionCode::ClientIdentifier),
            Some(&DhcpOption::ClientIdentifier(
                [[1].as_slice(), &MAC].concat()
            ))
        );
    }
}

#[test]
fn a_client_without_an_identifier_or_a_name_sends_neither() {
    let config = Config {
        client_id: ClientId::None,
        hostname: None,
        ..config()
    };
    let codes = captures(&config).map(|capture| capture.codes());
    assert_eq!(codes[0], [53, 57, 55]);
    assert_eq!(codes[1], [53, 50, 54, 57, 55]);
    assert_eq!(codes[2], [53, 57, 55]);
    assert_eq!(codes[3], [53, 57, 55]);
    assert_eq!(codes[4], [53, 54]);
    assert_eq!(codes[5], [53, 50, 57, 55]);
}

// RFC 2131, 4.1: the broadcast flag is set only when asked for, and only without an address.
#[test]
fn the_broadcast_flag_stands_only_in_messages_of_a_client_without_an_address() {
    let flags = captures(&Config {
        broadcast: true,
        ..config()
    })
    .map(|capture| capture.read.flags().broadcast());
    assert_eq!(flags, [true, true, false, false, false, true]);
}

/// Everything that a device may say about itself, by RFCs 2132, 3004 and 3925.
fn talkative() -> Config {
    Config {
        client_id: ClientId::Duid,
        vendor_class: Some("MSFT 5.0".to_owned()),
        user_class: vec!["office".to_owned(), "printer".to_owned()],
        vendor_options: vec![
            VendorOptions {
                enterprise: 3561,
                data: vec![1, 2, 0xca, 0xfe],
            },
            VendorOptions {
                enterprise: 9,
                data: Vec::new(),
            },
        ],
        rapid_commit: true,
        v6_only: true,
        extra: vec![(93, vec![0, 7]), (12, b"other".to_vec())],
        ..config()
    }
}

// RFC 2131, 3.1(6): RELEASE has the client identifier under which the lease was won.
#[test]
fn what_a_device_says_about_itself_is_read_as_it_was_meant() {
    let [discover, selecting, renewing, _, release, rebooting] = captures(&talkative());
    let [decline, inform] = orders(&talkative());
    let expected: [(u8, &[u8]); 6] = [
        (60, b"MSFT 5.0"),
        (77, b"\x06office\x07printer"),
        (125, &[0, 0, 0x0d, 0xe9, 4, 1, 2, 0xca, 0xfe, 0, 0, 0, 9, 0]),
        (55, &[1, 121, 3, 6, 15, 119, 26, 58, 59, 108]),
        (93, &[0, 7]),
        (12, b"other"),
    ];
    for capture in [&discover, &selecting, &renewing, &rebooting, &inform] {
        for (code, value) in expected {
            assert_eq!(capture.value(code).as_deref(), Some(value), "option {code}");
        }
        let codes = capture.codes();
        let count = codes.into_iter().filter(|code| *code == 12).count();
        assert_eq!(count, 1, "replaced");
    }
    assert_eq!(
        discover.codes(),
        [53, 61, 80, 57, 55, 60, 77, 125, 93, 12],
        "the usual order"
    );
    assert_eq!(discover.value(80).as_deref(), Some([].as_slice()));
    assert!(!selecting.codes().contains(&80) && !inform.codes().contains(&80));
    let duid = [255, 0x5e, 0x10, 0, 1, 0, 3, 0, 1, 2, 0, 0x5e, 0x10, 0, 1];
    for capture in [
        discover, selecting, renewing, release, rebooting, decline, inform,
    ] {
        assert_eq!(capture.value(61).as_deref(), Some(duid.as_slice()));
    }
}

#[test]
fn a_stated_order_rules_all_options_of_all_messages() {
    let config = Config {
        option_order: vec![55, 53, 60, 50, 12, 54, 61],
        ..talkative()
    };
    let codes = captures(&config).map(|capture| capture.codes());
    assert_eq!(codes[0], [55, 53, 60, 12, 61, 80, 57, 77, 125, 93]);
    assert_eq!(codes[1], [55, 53, 60, 50, 12, 54, 61, 57, 77, 125, 93]);
    assert_eq!(codes[4], [53, 54, 61]);
    let codes = orders(&config).map(|capture| capture.codes());
    assert_eq!(codes[0], [53, 50, 54, 61]);
    assert_eq!(codes[1], [55, 53, 60, 12, 61, 57, 77, 125, 93]);
}

// RFC 2131, 4.4.3: INFORM has ciaddr, and none of 50, 51 and 54.
#[test]
fn what_is_the_state_machines_cannot_be_added_by_hand() {
    let config = Config {
        extra: vec![
            (53, vec![9]),
            (50, vec![1; 4]),
            (54, vec![1; 4]),
            (61, vec![1, 2]),
            (52, vec![3]),
            (80, vec![]),
            (51, vec![0, 0, 1, 0]),
        ],
        max_message_size: None,
        ..config()
    };
    let [discover, ..] = captures(&config);
    assert_eq!(discover.codes(), [53, 61, 12, 55, 51]);
    let [_, inform] = orders(&config);
    assert_eq!(inform.codes(), [53, 61, 12, 55], "no 51 (table 5)");
}

// RFC 2132, 9.10: option 57 says how long a message may be, and never less than 576.
#[test]
fn the_smallest_message_size_announced_is_576() {
    let [discover, ..] = captures(&Config {
        max_message_size: Some(100),
        ..config()
    });
    let size = discover.read.opts().get(OptionCode::MaxMessageSize);
    assert_eq!(size, Some(&DhcpOption::MaxMessageSize(576)));
}

// RFC 2131, table 5: secs is the time since the client began, and 0 in RELEASE and DECLINE.
// RFC 2131, 3.1(3): a REQUEST for an offer has the secs of its DISCOVER.
#[test]
fn secs_grows_until_an_offer_stays_in_its_request_and_is_zero_in_release() {
    let mut harness = Harness::new(config());
    harness.client.start(harness.now);
    let start = harness.now;
    let (_, first) = harness.after_timer();
    harness.after_timer();
    let (message, third) = harness.after_timer();
    assert_eq!(first.read.secs(), 0);
    assert_eq!(
        u64::from(third.read.secs()),
        (harness.now - start).as_secs()
    );
    assert!(third.read.secs() >= 10);
    harness.answer(&message, MessageType::Offer);
    let (_, request) = harness.sent();
    assert_eq!(request.read.secs(), third.read.secs());
    let (message, again) = harness.after_timer();
    assert_eq!(again.read.secs(), third.read.secs());
    harness.answer(&message, MessageType::Ack);
    harness.after_timer();
    harness.client.release(harness.now);
    assert_eq!(harness.sent().1.read.secs(), 0);
}

/// 312 bytes of options and more, as RFC 2131 (2) makes every client accept.
// RFC 2131, 2: a message of 312 bytes of options and more is accepted.
#[test]
fn a_large_ack_is_accepted() {
    let mut harness = Harness::new(config());
    harness.client.start(harness.now);
    let (message, _) = harness.after_timer();
    harness.answer(&message, MessageType::Offer);
    let (request, _) = harness.sent();
    let mut ack = Message::reply_to(&request, MessageType::Ack);
    ack.yiaddr = ADDRESS;
    for _ in 0..4 {
        ack.options.push(224, vec![7; 250]);
    }
    ack.options
        .push(code::SERVER_ID, SERVER.octets())
        .push(code::LEASE_TIME, 3600_u32.to_be_bytes());
    let bytes = ack.encode();
    assert!(bytes.len() > 1200);
    harness.client.handle_message(
        &Message::decode(&bytes).expect("a large message"),
        harness.now,
    );
    assert_eq!(
        harness.client.lease().map(|lease| lease.address),
        Some(ADDRESS)
    );
}

/// The other way round: what an independent encoder writes is read here.
#[test]
fn an_independent_encoders_ack_is_read_as_it_was_meant() {
    use dhcproto::{Encodable, Encoder};
    let mut ack = v4::Message::new(NOWHERE, ADDRESS, SERVER, NOWHERE, &MAC);
    ack.set_opcode(v4::Opcode::BootReply).set_xid(0xfeed_f00d);
    let options = ack.opts_mut();
    options.insert(DhcpOption::MessageType(v4::MessageType::Ack));
    options.insert(DhcpOption::ServerIdentifier(SERVER));
    options.insert(DhcpOption::AddressLeaseTime(3600));
    options.insert(DhcpOption::SubnetMask(Ipv4Addr::new(255, 255, 255, 0)));
    options.insert(DhcpOption::Router(vec![SERVER]));
    options.insert(DhcpOption::DomainNameServer(vec![
        SERVER,
        Ipv4Addr::new(8, 8, 8, 8),
    ]));
    options.insert(DhcpOption::DomainName("home.arpa".to_owned()));
    let mut bytes = Vec::new();
    ack.encode(&mut Encoder::new(&mut bytes))
        .expect("an encoded message");

    let read = Message::decode(&bytes).expect("a message");
    assert_eq!(
        (read.xid, read.yiaddr, read.siaddr, read.chaddr),
        (0xfeed_f00d, ADDRESS, SERVER, Mac(MAC))
    );
    assert_eq!(read.message_type(), Some(MessageType::Ack));
    assert_eq!(
        read.options.addresses(code::DNS_SERVERS),
        [SERVER, Ipv4Addr::new(8, 8, 8, 8)]
    );
    assert_eq!(
        read.options.text(code::DOMAIN_NAME).as_deref(),
        Some("home.arpa")
    );
    assert_eq!(read.options.seconds(code::LEASE_TIME), Some(3600));
}
