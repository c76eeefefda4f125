//! A server that is silent, late, or refuses.

use super::*;

#[test]
fn a_mute_server_neither_answers_nor_hears_until_it_is_well_again() {
    let mut lan = StateLan::new();
    lan.join(1);
    lan.inject(Fault::DhcpMute, 10);
    assert_eq!(lan.ask(&discover(2)), None);
    assert_eq!(lan.renew(1, FIRST), None);
    lan.send(&holding(MessageType::Release, 1, FIRST));
    assert_eq!(lan.state.dhcp().active(), 1, "the release was heard");
    assert_eq!(lan.effects(Fault::DhcpMute), 3);
    lan.wait(10_000);
    assert_eq!(lan.renew(1, FIRST), ack(FIRST));
    assert_eq!(lan.join(2), SECOND);
    assert_eq!(lan.effects(Fault::DhcpMute), 3);
}

#[test]
fn a_slow_servers_replies_come_three_seconds_late_and_in_their_order() {
    let mut lan = StateLan::new();
    lan.inject(Fault::DhcpSlow, 60);
    for client in 1..=3 {
        assert_eq!(lan.ask(&discover(client)), None);
        lan.wait(1_000);
    }
    // t = 3 s: the first is due, and each further second another.
    for client in 1..=3 {
        assert_eq!(lan.state.next_deadline(), Some(lan.now));
        let out = lan.out();
        assert_eq!(out.len(), 1, "{client}");
        let reply = Message::decode(&out[0].bytes).expect("a message");
        assert_eq!(reply.chaddr, mac(client));
        lan.wait(1_000);
    }
    assert_eq!(lan.effects(Fault::DhcpSlow), 3);
}

#[test]
fn what_a_slow_server_owes_is_sent_at_once_when_it_is_well_again_before_anything_new() {
    let mut lan = StateLan::new();
    lan.inject(Fault::DhcpSlow, 2);
    lan.ask(&discover(1));
    lan.wait(2_000);
    lan.state.hear(&discover(2), lan.now);
    let macs: Vec<Mac> = lan
        .out()
        .iter()
        .map(|out| Message::decode(&out.bytes).expect("a message").chaddr)
        .collect();
    assert_eq!(macs, [mac(1), mac(2)]);
}

#[test]
fn a_refusing_server_refuses_every_request_and_only_requests() {
    let mut lan = StateLan::new();
    lan.join(1);
    lan.inject(Fault::DhcpNak, 10);
    assert_eq!(lan.renew(1, FIRST), NAK);
    assert_eq!(lan.reboot(1, FIRST), NAK);
    assert_eq!(lan.ask(&discover(2)), Some((MessageType::Offer, SECOND)));
    assert_eq!(lan.select(2, SECOND), NAK);
    let other = Ipv4Addr::new(10, 77, 0, 2);
    assert_eq!(
        lan.ask(&request(2, SECOND, Some(other))),
        None,
        "another server was asked"
    );
    assert_eq!(
        (
            lan.effects(Fault::DhcpNak),
            lan.state.server().counters().naks
        ),
        (3, 3)
    );
    lan.wait(10_000);
    assert_eq!(lan.renew(1, FIRST), ack(FIRST));
    assert_eq!(lan.join(2), SECOND);
}

#[test]
fn a_refusing_server_does_not_commit_at_once_either() {
    let mut lan = StateLan::new();
    let config = LabConfig {
        rapid_commit: true,
        ..LabConfig::default()
    };
    lan.state = State::new(&config, lan.now).expect("a router");
    lan.inject(Fault::DhcpNak, 10);
    let mut rapid = discover(1);
    rapid.options.push(code::RAPID_COMMIT, []);
    assert_eq!(lan.ask(&rapid), Some((MessageType::Offer, FIRST)));
    lan.wait(10_000);
    assert_eq!(lan.ask(&rapid), ack(FIRST));
}

#[test]
fn a_router_that_is_down_answers_nothing_and_comes_back_with_its_leases() {
    let mut lan = StateLan::new();
    lan.join(1);
    lan.inject(Fault::DhcpSlow, 60);
    lan.renew(1, FIRST);
    lan.inject(Fault::RouterReboot, 20);
    assert!(lan.state.is_down(lan.now));
    lan.wait(3_000);
    assert_eq!(lan.out(), [], "what waited is lost");
    assert_eq!(lan.ask(&discover(2)), None);
    lan.heal();
    assert!(!lan.state.is_down(lan.now));
    assert_eq!(lan.reboot(1, FIRST), ack(FIRST));
    assert_eq!(lan.effects(Fault::RouterReboot), 1);
}

#[test]
fn acknowledgements_are_lost_although_the_leases_stand() {
    let mut lan = StateLan::new();
    lan.inject(Fault::DhcpLostAcks, 10);
    assert_eq!(lan.ask(&discover(1)), Some((MessageType::Offer, FIRST)));
    assert_eq!(lan.select(1, FIRST), None);
    assert_eq!(lan.renew(1, FIRST), None);
    assert_eq!(lan.ask(&holding(MessageType::Inform, 1, FIRST)), None);
    assert_eq!(lan.reboot(1, SECOND), NAK, "only what is granted is lost");
    let counters = lan.state.server().counters();
    assert_eq!((lan.state.dhcp().active(), counters.acks), (1, 3));
    assert_eq!(lan.effects(Fault::DhcpLostAcks), 3);
    lan.wait(10_000);
    assert_eq!(lan.renew(1, FIRST), ack(FIRST));
}

#[test]
fn whoever_says_that_it_has_a_lease_is_refused_and_may_have_it_anew() {
    let mut lan = StateLan::new();
    lan.join(1);
    lan.inject(Fault::DhcpNakKnown, 10);
    assert_eq!(lan.reboot(1, FIRST), NAK);
    assert_eq!(lan.renew(1, FIRST), NAK);
    assert_eq!(lan.reboot(2, SECOND), NAK, "it was never known");
    assert_eq!(lan.effects(Fault::DhcpNakKnown), 3);
    assert_eq!(lan.join(1), FIRST);
    assert_eq!(lan.join(2), SECOND);
    assert_eq!(lan.effects(Fault::DhcpNakKnown), 3);
    lan.wait(10_000);
    assert_eq!(lan.reboot(1, FIRST), ack(FIRST));
}

#[test]
fn a_router_that_was_reset_knows_nobody_and_says_so() {
    let mut lan = StateLan::new();
    lan.join(1);
    lan.join(2);
    lan.inject(Fault::RouterReset, 5);
    lan.wait(1_000);
    lan.inject(Fault::RouterReset, 5);
    assert_eq!(lan.state.dhcp().active(), 0);
    lan.wait(5_000);
    assert_eq!(lan.reboot(1, FIRST), NAK, "silence would cost it a minute");
    assert_eq!(lan.renew(2, SECOND), NAK);
    // The other may still use what it had.
    let third = Ipv4Addr::new(10, 77, 0, 12);
    assert_eq!(lan.join(2), third);
    assert_eq!(lan.reboot(2, third), ack(third));
    assert_eq!(
        lan.effects(Fault::RouterReset),
        1,
        "it was extended, not repeated"
    );
}
