//! What each message of a client does: to a lease, and to what is known of its client.

use super::*;

#[test]
fn a_client_that_chose_another_server_gives_its_offer_back() {
    let mut lan = Lan::with_range("10.77.0.10-10.77.0.10");
    lan.discover(1);
    assert_eq!(
        lan.send(&selecting(1, FIRST, Ipv4Addr::new(10, 77, 0, 2))),
        None
    );
    assert_eq!(lan.discover(2), Some(FIRST));
}

#[test]
fn a_request_for_an_address_that_was_not_offered_is_refused() {
    let mut lan = Lan::new(&LabConfig::default());
    lan.discover(1);
    assert!(is_nak(lan.select(1, SECOND)));
    assert!(is_nak(lan.select(2, FIRST)));
}

#[test]
fn after_a_reboot_the_right_address_is_granted_a_wrong_one_refused_and_a_stranger_ignored() {
    let mut lan = Lan::new(&LabConfig::default());
    lan.join(1);
    lan.join(2);
    assert_eq!(granted(lan.send(&rebooting(1, FIRST))), Some(FIRST));
    assert!(
        is_nak(lan.send(&rebooting(1, SECOND))),
        "another address than its own"
    );
    assert!(
        is_nak(lan.send(&rebooting(3, SECOND))),
        "another client's address"
    );
    assert!(
        is_nak(lan.send(&rebooting(3, Ipv4Addr::new(192, 168, 0, 9)))),
        "another network's address"
    );
    assert_eq!(
        lan.send(&rebooting(3, Ipv4Addr::new(10, 77, 9, 9))),
        None,
        "a server without a record is silent"
    );
}

#[test]
fn renewing_extends_the_lease_from_now_on_and_only_for_its_holder() {
    let mut lan = Lan::new(&LabConfig::default());
    lan.join(1);
    lan.wait(1800);
    let reply = lan.send(&renewing(1, FIRST)).expect("an ack");
    assert_eq!(reply.to, ReplyTo::Unicast(FIRST));
    assert_eq!(reply.message.ciaddr, FIRST);
    assert_eq!(granted(Some(reply)), Some(FIRST));
    assert_eq!(
        lan.server.next_deadline(),
        Some(lan.now + Duration::from_secs(3600))
    );
    let refused = lan.send(&renewing(2, FIRST));
    assert_eq!(
        refused.as_ref().map(|reply| reply.to),
        Some(ReplyTo::Broadcast)
    );
    assert!(is_nak(refused));
}

#[test]
fn an_infinite_lease_has_no_deadline_and_no_timers() {
    let mut lan = Lan::new(&LabConfig {
        lease: LeaseTime::Infinite,
        t1: Some(Duration::from_secs(5)),
        ..LabConfig::default()
    });
    let address = lan.discover(1).expect("an offer");
    let ack = lan.select(1, address).expect("an ack").message;
    assert_eq!(ack.options.seconds(code::LEASE_TIME), Some(u32::MAX));
    assert_eq!(ack.options.seconds(code::RENEWAL_TIME), None);
    assert_eq!(lan.server.next_deadline(), None);
}

#[test]
fn a_declined_address_is_set_aside_and_comes_back_after_ten_minutes() {
    let mut lan = Lan::with_range("10.77.0.10-10.77.0.10");
    lan.join(1);
    let mut decline = rebooting(2, FIRST);
    decline
        .options
        .remove(code::MESSAGE_TYPE)
        .push(code::MESSAGE_TYPE, [MessageType::Decline.number()]);
    assert_eq!(lan.send(&decline), None);
    assert_eq!(
        lan.server.active(),
        1,
        "another client's decline counts for nothing"
    );
    decline.chaddr = mac(1);
    lan.send(&decline);
    assert_eq!((lan.server.active(), lan.discover(1)), (0, None));
    lan.wait(600);
    assert_eq!(lan.discover(1), Some(FIRST));
}

#[test]
fn a_release_of_somebody_elses_address_is_ignored() {
    let mut lan = Lan::new(&LabConfig::default());
    lan.join(1);
    lan.send(&releasing(2, FIRST));
    lan.send(&releasing(1, SECOND));
    assert_eq!(lan.server.active(), 1);
}

#[test]
fn inform_is_answered_with_parameters_and_no_lease() {
    let mut lan = Lan::new(&LabConfig {
        t1: Some(Duration::from_secs(5)),
        ..LabConfig::default()
    });
    let mut inform = Message::request(MessageType::Inform, mac(1), 7);
    assert_eq!(lan.send(&inform), None);
    inform.ciaddr = Ipv4Addr::new(10, 77, 0, 5);
    let reply = lan.send(&inform).expect("an ack");
    assert_eq!(reply.to, ReplyTo::Unicast(inform.ciaddr));
    assert_eq!(granted(Some(reply.clone())), Some(Ipv4Addr::UNSPECIFIED));
    assert_eq!(reply.message.options.addresses(code::ROUTERS), [ROUTER]);
    for absent in [code::LEASE_TIME, code::RENEWAL_TIME, code::REBINDING_TIME] {
        assert!(!reply.message.options.contains(absent), "{absent}");
    }
    assert_eq!(lan.server.active(), 0);
}

#[test]
fn a_discover_of_a_client_that_has_a_lease_does_not_end_it() {
    let mut lan = Lan::new(&LabConfig::default());
    lan.join(1);
    assert_eq!(lan.discover(1), Some(FIRST));
    lan.wait(120);
    lan.server.expire(lan.now);
    assert_eq!(lan.server.active(), 1);
}

#[test]
fn servers_messages_and_bootp_are_ignored() {
    let mut lan = Lan::new(&LabConfig::default());
    let mut reply = Message::request(MessageType::Discover, mac(1), 7);
    reply.op = Op::Reply;
    let mut bootp = Message::request(MessageType::Discover, mac(1), 7);
    bootp.options.remove(code::MESSAGE_TYPE);
    let offer = Message::request(MessageType::Offer, mac(1), 7);
    let empty = Message::request(MessageType::Request, mac(1), 7);
    for message in [reply, bootp, offer, empty] {
        assert_eq!(lan.send(&message), None);
    }
    assert_eq!(lan.server.counters().ignored, 4);
}

#[test]
fn host_names_are_known_while_the_lease_lasts_and_only_if_they_can_be_labels() {
    let mut lan = Lan::new(&LabConfig::default());
    for (client, name) in [(1, "Phone"), (2, "a b"), (3, "-x"), (4, "")] {
        let mut discover = Message::request(MessageType::Discover, mac(client), 7);
        discover.options.push(code::HOST_NAME, name.as_bytes());
        lan.send(&discover);
    }
    assert_eq!(lan.server.with_host_name("phone"), Some(FIRST));
    assert_eq!(lan.server.host_name(FIRST), Some("phone"));
    assert_eq!(lan.server.host_name(SECOND), None);
    lan.wait(60);
    lan.server.expire(lan.now);
    assert_eq!(lan.server.with_host_name("phone"), None);
}

#[test]
fn vacated_addresses_are_told_once() {
    let mut lan = Lan::new(&LabConfig::default());
    lan.join(1);
    assert!(lan.server.take_vacated().is_empty());
    lan.send(&releasing(1, FIRST));
    assert_eq!(lan.server.take_vacated(), [FIRST]);
    assert!(lan.server.take_vacated().is_empty());
}
