//! What stands in an answer, and which way it goes.

use super::*;

#[test]
fn answers_go_the_way_that_the_client_can_hear() {
    let mut lan = Lan::new(&LabConfig::default());
    let mut discover = Message::request(MessageType::Discover, mac(1), 7);
    let mut way = |message: &Message| lan.send(message).map(|reply| reply.to);
    assert_eq!(
        way(&discover),
        Some(ReplyTo::Hardware {
            address: FIRST,
            mac: mac(1)
        })
    );
    discover.broadcast = true;
    assert_eq!(way(&discover), Some(ReplyTo::Broadcast));
    discover.giaddr = Ipv4Addr::new(10, 77, 0, 2);
    assert_eq!(way(&discover), Some(ReplyTo::Relay(discover.giaddr)));
    discover.giaddr = Ipv4Addr::new(10, 78, 0, 2);
    assert_eq!(way(&discover), None, "a relay of another network");
}

#[test]
fn a_relayed_nak_is_marked_for_broadcast() {
    let mut lan = Lan::new(&LabConfig::default());
    let mut request = renewing(1, FIRST);
    request.giaddr = Ipv4Addr::new(10, 77, 0, 2);
    let reply = lan.send(&request).expect("a nak");
    assert!(reply.message.broadcast);
    assert_eq!(reply.to, ReplyTo::Relay(request.giaddr));
    assert!(is_nak(Some(reply)));
}

fn codes(reply: Option<Reply>) -> Vec<u8> {
    reply
        .expect("a reply")
        .message
        .options
        .iter()
        .map(|(code, _)| code)
        .collect()
}

#[test]
fn parameters_come_in_the_order_asked_for_but_the_mask_before_the_routers() {
    let mut lan = Lan::new(&LabConfig {
        t2: Some(Duration::from_secs(3000)),
        ..LabConfig::default()
    });
    let mut discover = Message::request(MessageType::Discover, mac(1), 7);
    discover.options.push(code::CLIENT_ID, [1, 2, 3]);
    let fixed = [
        code::MESSAGE_TYPE,
        code::CLIENT_ID,
        code::SERVER_ID,
        code::LEASE_TIME,
        code::REBINDING_TIME,
    ];
    let all = [
        code::SUBNET_MASK,
        code::ROUTERS,
        code::DNS_SERVERS,
        code::BROADCAST_ADDRESS,
        code::DOMAIN_NAME,
    ];
    assert_eq!(codes(lan.send(&discover)), [&fixed[..], &all[..]].concat());
    let list = [
        code::DOMAIN_NAME,
        code::ROUTERS,
        code::ROUTERS,
        200,
        code::SUBNET_MASK,
        code::LEASE_TIME,
    ];
    discover.options.push(code::PARAMETER_REQUESTS, list);
    let asked = [code::SUBNET_MASK, code::DOMAIN_NAME, code::ROUTERS];
    assert_eq!(
        codes(lan.send(&discover)),
        [&fixed[..], &asked[..]].concat()
    );
}

#[test]
fn options_given_by_hand_are_always_sent_and_what_a_relay_added_comes_last() {
    let mut lan = Lan::new(&LabConfig {
        options: vec![(200, vec![1])],
        mtu: Some(1400),
        ..LabConfig::default()
    });
    let mut discover = Message::request(MessageType::Discover, mac(1), 7);
    discover
        .options
        .push(code::PARAMETER_REQUESTS, [code::MTU])
        .push(RELAY_AGENT_INFORMATION, [1, 1, 9]);
    let reply = lan.send(&discover).expect("an offer");
    assert_eq!(reply.message.options.short(code::MTU), Some(1400));
    let codes = codes(Some(reply));
    assert_eq!(
        codes[codes.len() - 3..],
        [code::MTU, 200, RELAY_AGENT_INFORMATION]
    );
}

/// A DISCOVER with options 80 and 108 as wanted.
fn wishes(rapid_commit: bool, v6_only: bool) -> Message {
    let mut message = Message::request(MessageType::Discover, mac(1), 7);
    if rapid_commit {
        message.options.push(code::RAPID_COMMIT, []);
    }
    if v6_only {
        message
            .options
            .push(code::PARAMETER_REQUESTS, [code::SUBNET_MASK, code::V6_ONLY]);
    }
    message
}

#[test]
fn a_discover_with_rapid_commit_is_acknowledged_at_once_where_that_is_wanted() {
    let mut lan = Lan::new(&LabConfig {
        rapid_commit: true,
        ..LabConfig::default()
    });
    let reply = lan.send(&wishes(true, false)).expect("an answer").message;
    assert_eq!(reply.message_type(), Some(MessageType::Ack));
    assert_eq!(
        reply.options.get(code::RAPID_COMMIT).as_deref(),
        Some([].as_slice())
    );
    assert_eq!((reply.yiaddr, lan.server.active()), (FIRST, 1));
    assert_eq!(
        (lan.server.counters().acks, lan.server.counters().offers),
        (1, 0)
    );

    let offer = lan.send(&wishes(false, false)).expect("an answer").message;
    assert_eq!(offer.message_type(), Some(MessageType::Offer));

    let mut lan = Lan::new(&LabConfig::default());
    let offer = lan.send(&wishes(true, false)).expect("an answer").message;
    assert_eq!(offer.message_type(), Some(MessageType::Offer));
    assert!(!offer.options.contains(code::RAPID_COMMIT));
}

#[test]
fn option_108_goes_to_those_who_ask_and_they_are_not_committed_to_an_address() {
    let mut lan = Lan::new(&LabConfig {
        rapid_commit: true,
        v6_only: Some(Duration::from_secs(1800)),
        ..LabConfig::default()
    });
    let offer = lan.send(&wishes(true, true)).expect("an answer").message;
    assert_eq!(offer.message_type(), Some(MessageType::Offer));
    assert_eq!(offer.options.seconds(code::V6_ONLY), Some(1800));

    let mut lan = Lan::new(&LabConfig {
        v6_only: Some(Duration::from_secs(1800)),
        ..LabConfig::default()
    });
    let offer = lan.send(&wishes(false, false)).expect("an answer").message;
    assert!(!offer.options.contains(code::V6_ONLY));
}
