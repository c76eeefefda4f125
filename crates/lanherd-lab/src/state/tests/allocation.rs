//! A server that gives addresses away wrongly, or has none.

use super::*;

#[test]
fn an_exhausted_server_turns_away_whoever_is_new_and_serves_whoever_has_an_address() {
    let mut lan = StateLan::new();
    lan.join(1);
    lan.join(2);
    lan.send(&holding(MessageType::Release, 2, SECOND));
    let (_, offered) = lan.ask(&discover(4)).expect("an offer");
    lan.inject(Fault::DhcpExhausted, 10);
    assert_eq!(lan.ask(&discover(3)), None);
    assert_eq!(lan.ask(&discover(2)), None, "its address is given away");
    assert_eq!(lan.reboot(2, SECOND), NAK);
    assert_eq!(
        lan.select(4, offered),
        ack(offered),
        "it was offered before"
    );
    assert_eq!(lan.renew(1, FIRST), ack(FIRST));
    assert_eq!(lan.ask(&discover(1)), Some((MessageType::Offer, FIRST)));
    assert_eq!(lan.effects(Fault::DhcpExhausted), 3);
    assert_eq!(lan.state.server().counters().exhausted, 2);
    lan.wait(10_000);
    assert_eq!(lan.join(2), SECOND);
    lan.join(3);
}

#[test]
fn an_address_that_is_given_twice_is_either_clients_to_renew_until_the_server_is_well_again() {
    let mut lan = StateLan::new();
    lan.join(1);
    lan.inject(Fault::DhcpDuplicates, 10_000);
    assert_eq!(lan.join(2), FIRST);
    assert_eq!(lan.state.dhcp().active(), 2);
    assert_eq!(lan.state.dhcp().holder(FIRST), Some(mac(1)));
    let mut leased: Vec<_> = lan
        .state
        .dhcp()
        .leases()
        .map(|lease| (lease.address, lease.mac))
        .collect();
    leased.sort();
    assert_eq!(leased, [(FIRST, mac(1)), (FIRST, mac(2))]);
    lan.wait(1_800_000);
    for client in [1, 2] {
        lan.state
            .hear(&holding(MessageType::Request, client, FIRST), lan.now);
        let out = lan.out();
        let reply = Message::decode(&out[0].bytes).expect("a message");
        assert_eq!(reply.message_type(), Some(MessageType::Ack));
        // By ARP it could reach the other one.
        let to = ReplyTo::Hardware {
            address: FIRST,
            mac: mac(client),
        };
        assert_eq!(out[0].to, to);
    }
    assert_eq!(lan.reboot(2, FIRST), ack(FIRST));
    lan.wait(3_599_000);
    assert_eq!(lan.state.dhcp().active(), 2, "both leases were extended");
    lan.renew(1, FIRST);
    lan.renew(2, FIRST);
    assert!(lan.effects(Fault::DhcpDuplicates) >= 4);
    lan.wait(3_600_000);
    assert_eq!(lan.state.dhcp().active(), 0, "both leases ran out");
    assert_eq!(lan.state.dhcp().holder(FIRST), None);
}

#[test]
fn when_a_server_is_well_again_only_the_rightful_client_keeps_what_was_given_twice() {
    let mut lan = StateLan::new();
    lan.join(1);
    lan.inject(Fault::DhcpDuplicates, 10);
    lan.join(2);
    lan.wait(10_000);
    assert!(
        lan.state.dhcp_mut().take_vacated().contains(&FIRST),
        "it is not corrected"
    );
    assert_eq!(lan.state.dhcp().active(), 1);
    assert_eq!(lan.renew(1, FIRST), ack(FIRST));
    assert_eq!(lan.renew(2, FIRST), NAK);
    assert_eq!(lan.join(2), SECOND);
    assert_eq!(lan.state.dhcp().active(), 2);
}

#[test]
fn a_client_that_declines_or_releases_anothers_address_takes_it_from_nobody() {
    for kind in [MessageType::Decline, MessageType::Release] {
        let mut lan = StateLan::new();
        lan.join(1);
        lan.inject(Fault::DhcpDuplicates, 10);
        lan.join(2);
        let mut goodbye = holding(kind, 2, Ipv4Addr::UNSPECIFIED);
        match kind {
            MessageType::Release => goodbye.ciaddr = FIRST,
            _ => drop(
                goodbye
                    .options
                    .push_addresses(code::REQUESTED_ADDRESS, &[FIRST]),
            ),
        }
        assert_eq!(lan.ask(&goodbye), None);
        assert_eq!(lan.state.dhcp().active(), 1);
        assert_eq!(lan.renew(2, FIRST), NAK);
        assert_eq!(lan.renew(1, FIRST), ack(FIRST));
    }
}

#[test]
fn a_server_that_gives_addresses_twice_serves_the_first_client_and_old_ones_as_usual() {
    let mut lan = StateLan::new();
    lan.inject(Fault::DhcpDuplicates, 10);
    assert_eq!(lan.join(1), FIRST);
    assert_eq!(
        lan.effects(Fault::DhcpDuplicates),
        0,
        "there was nothing to give twice"
    );
    assert_eq!(lan.renew(1, FIRST), ack(FIRST));
    assert_eq!(lan.ask(&discover(1)), Some((MessageType::Offer, FIRST)));
}

#[test]
fn leases_that_end_early_are_refused_and_given_to_others() {
    let mut lan = StateLan::new();
    assert_eq!((lan.join(1), lan.join(2)), (FIRST, SECOND));
    lan.inject(Fault::DhcpExpireEarly, 9);
    lan.wait(0);
    assert_eq!(lan.effects(Fault::DhcpExpireEarly), 2);
    assert_eq!(lan.state.dhcp().active(), 0);
    assert_eq!(lan.renew(1, FIRST), NAK);
    assert_eq!(lan.reboot(2, SECOND), NAK);
    // Each is given what was the other's, although it would like its own back.
    let mut wishing = discover(1);
    wishing
        .options
        .push_addresses(code::REQUESTED_ADDRESS, &[FIRST]);
    assert_eq!(lan.ask(&wishing), Some((MessageType::Offer, SECOND)));
    assert_eq!(lan.select(1, SECOND), ack(SECOND));
    assert_eq!(lan.join(2), FIRST);
    assert_eq!(lan.state.next_deadline(), Some(lan.now + EARLY));
    lan.wait(2_000);
    assert_eq!(lan.renew(1, SECOND), NAK);
    lan.wait(8_000);
    let addresses = [lan.join(1), lan.join(2)];
    lan.wait(60_000);
    for (client, address) in (1..).zip(addresses) {
        assert_eq!(lan.renew(client, address), ack(address));
    }
}

#[test]
fn of_forgotten_leases_those_are_given_to_others_whose_holders_still_use_them() {
    let mut lan = StateLan::new();
    let [first, second, third] = [1, 2, 3].map(|client| lan.join(client));
    lan.inject(Fault::DhcpExpireEarly, 60);
    lan.wait(0);
    lan.send(&holding(MessageType::Release, 1, first));
    // Clients 2 and 3 never asked since, so they use theirs after the next time as well.
    lan.wait(2_000);
    assert_eq!(lan.join(1), second, "not its own, nor what is nobody's");
    assert_eq!(lan.join(4), third);
    lan.send(&holding(MessageType::Release, 2, second));
    let fifth = lan.join(5);
    assert!(
        ![second, third].contains(&fifth),
        "{fifth} is leased to another"
    );
}

#[test]
fn a_short_pool_has_addresses_for_five_clients_at_a_time() {
    let mut lan = StateLan::new();
    lan.inject(Fault::DhcpShortPool, 100_000);
    for client in 1..=5 {
        lan.join(client);
    }
    assert_eq!(lan.ask(&discover(6)), None);
    assert_eq!(lan.renew(1, FIRST), ack(FIRST), "it has its address");
    assert_eq!(lan.ask(&discover(2)), Some((MessageType::Offer, SECOND)));
    assert_eq!(lan.effects(Fault::DhcpShortPool), 1);
    assert_eq!(lan.state.server().counters().exhausted, 1);
    // The place of one that left is another's, and then not its own any more.
    lan.send(&holding(MessageType::Release, 1, FIRST));
    let seventh = lan.ask(&discover(7)).expect("an offer").1;
    assert_eq!(lan.ask(&discover(1)), None);
    assert_eq!(lan.reboot(1, FIRST), NAK);
    // An offer takes a place for a minute; who comes too late is refused although its address is free.
    lan.wait(60_000);
    lan.join(8);
    assert_eq!(lan.select(7, seventh), NAK);
    assert_eq!(lan.state.dhcp().active(), 5);
    lan.heal();
    lan.join(1);
    lan.join(7);
}

#[test]
fn a_pool_that_becomes_short_takes_no_lease_away() {
    let mut lan = StateLan::new();
    let addresses: Vec<_> = (1..=8).map(|client| lan.join(client)).collect();
    lan.inject(Fault::DhcpShortPool, 10);
    for (client, address) in (1..).zip(addresses) {
        assert_eq!(lan.renew(client, address), ack(address));
    }
    assert_eq!(lan.ask(&discover(9)), None);
}

#[test]
fn the_server_gives_its_own_address_to_whoever_asks_and_nothing_is_wrong_with_the_books() {
    let mut lan = StateLan::new();
    lan.inject(Fault::DhcpOwnAddress, 60);
    assert_eq!(lan.ask(&discover(1)), Some((MessageType::Offer, ROUTER)));
    assert_eq!(lan.effects(Fault::DhcpOwnAddress), 1);
    lan.wait(60_000);
    assert_eq!(lan.join(1), FIRST);
}
