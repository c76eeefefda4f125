//! Which client gets which address.

use std::collections::BTreeSet;

use super::*;

#[test]
fn an_offered_address_is_kept_for_its_client_until_the_offer_lapses() {
    let mut lan = Lan::with_range("10.77.0.10-10.77.0.10");
    assert_eq!(lan.discover(1), Some(FIRST));
    assert_eq!(lan.discover(2), None);
    assert_eq!(lan.server.counters().exhausted, 1);
    lan.wait(59);
    assert_eq!(lan.discover(2), None);
    lan.wait(1);
    assert_eq!(lan.discover(2), Some(FIRST));
    assert!(is_nak(lan.select(1, FIRST)));
}

#[test]
fn a_client_gets_the_same_address_again_after_release_and_after_expiry() {
    let mut lan = Lan::new(&LabConfig::default());
    assert_eq!((lan.join(1), lan.join(2)), (FIRST, SECOND));
    assert_eq!(lan.send(&releasing(1, FIRST)), None);
    assert_eq!(lan.server.active(), 1);
    assert_ne!(lan.join(3), FIRST);
    assert_eq!(lan.join(1), FIRST);
    lan.wait(3600);
    lan.server.expire(lan.now);
    assert_eq!(lan.server.active(), 0);
    assert_eq!(lan.join(2), SECOND);
}

#[test]
fn when_every_address_was_used_the_one_free_for_longest_is_given_out() {
    let mut lan = Lan::with_range("10.77.0.10-10.77.0.11");
    lan.join(1);
    lan.join(2);
    lan.send(&releasing(2, SECOND));
    lan.send(&releasing(1, FIRST));
    assert_eq!(lan.join(3), SECOND);
    assert_eq!(lan.join(4), FIRST);
    assert_eq!(lan.discover(1), None);
}

#[test]
fn clients_that_come_and_go_use_no_more_addresses_than_a_leases_time_needs() {
    let mut lan = Lan::new(&LabConfig::default());
    let mut used = BTreeSet::new();
    // Every five minutes one comes, and goes without a word: its lease lasts an hour, and then it rests for an hour.
    for client in 0..200 {
        used.insert(lan.join(client));
        lan.wait(300);
    }
    assert_eq!(used.len(), 24, "{used:?}");
    // The latest may still have theirs back.
    let before = lan.join(195);
    assert_eq!(lan.join(195), before);
    assert!(used.contains(&before));
}

#[test]
fn a_router_that_is_reset_again_and_again_uses_no_more_addresses_either() {
    let mut lan = Lan::new(&LabConfig::default());
    let mut used = BTreeSet::new();
    for _ in 0..50 {
        used.extend((0..5).map(|client| lan.join(client)));
        lan.wait(1_200);
        lan.server.expire(lan.now);
        lan.server.bindings.forget_everything();
    }
    assert_eq!(used.len(), 5 * 4, "{used:?}");
}

#[test]
fn an_address_that_somebody_may_still_think_his_goes_to_no_other_while_there_are_fresh_ones() {
    let mut lan = Lan::new(&LabConfig::default());
    assert_eq!(lan.join(1), FIRST);
    lan.send(&releasing(1, FIRST));
    lan.wait(3_599);
    assert_eq!(lan.join(2), SECOND);
    lan.wait(1);
    assert_eq!(lan.join(3), FIRST);
    let mut forever = Lan::new(&LabConfig {
        lease: LeaseTime::Infinite,
        ..LabConfig::default()
    });
    assert_eq!(forever.join(1), FIRST);
    forever.send(&releasing(1, FIRST));
    forever.wait(1_000_000);
    assert_eq!(forever.join(2), SECOND);
}

#[test]
fn a_requested_address_is_given_where_it_is_free_and_in_the_range() {
    let mut lan = Lan::new(&LabConfig::default());
    let mut ask = |client, address| {
        let mut message = Message::request(MessageType::Discover, mac(client), 7);
        message
            .options
            .push_addresses(code::REQUESTED_ADDRESS, &[address]);
        lan.send(&message).expect("an offer").message.yiaddr
    };
    let wanted = Ipv4Addr::new(10, 77, 3, 4);
    assert_eq!(ask(1, wanted), wanted);
    assert_eq!(ask(2, wanted), FIRST);
    assert_eq!(ask(3, ROUTER), SECOND);
    assert_eq!(
        ask(4, Ipv4Addr::new(192, 168, 0, 9)),
        Ipv4Addr::new(10, 77, 0, 12)
    );
}

#[test]
fn clients_are_told_apart_by_client_id_before_hardware_address() {
    let mut lan = Lan::new(&LabConfig::default());
    let mut offer = |client: u8, id: u8| {
        let mut discover = Message::request(MessageType::Discover, mac(client), 7);
        discover.options.push(code::CLIENT_ID, [0, id]);
        lan.send(&discover).expect("an offer").message.yiaddr
    };
    assert_eq!(offer(1, 1), FIRST);
    assert_eq!(offer(2, 1), FIRST);
    assert_eq!(offer(1, 2), SECOND);
}

/// However clients come, go, lie and repeat themselves: no address is anybody's twice, and the books agree.
#[test]
fn no_address_is_ever_leased_twice() {
    let mut rng = fastrand::Rng::with_seed(7);
    let mut lan = Lan::with_range("10.77.0.10-10.77.0.40");
    for _ in 0..50_000 {
        let client = rng.u8(1..60);
        let address = Ipv4Addr::new(10, 77, 0, rng.u8(5..45));
        let mut decline = rebooting(client, address);
        decline
            .options
            .remove(code::MESSAGE_TYPE)
            .push(code::MESSAGE_TYPE, [MessageType::Decline.number()]);
        match rng.u8(0..8) {
            0..4 => {
                if let Some(address) = lan.discover(client).filter(|_| rng.bool()) {
                    assert_eq!(granted(lan.select(client, address)), Some(address));
                }
            }
            4 => drop(lan.send(&releasing(client, address))),
            5 => drop(lan.send(&renewing(client, address))),
            6 => drop(lan.send(&rebooting(client, address))),
            _ if rng.u8(0..20) == 0 => drop(lan.send(&decline)),
            _ => lan.wait(rng.u64(0..100)),
        }
        let leases: Vec<Leased> = lan.server.leases().collect();
        let mut macs: Vec<Mac> = leases.iter().map(|lease| lease.mac).collect();
        macs.sort();
        macs.dedup();
        assert_eq!(
            (macs.len(), leases.len()),
            (lan.server.active(), lan.server.active())
        );
        assert!(
            leases
                .iter()
                .all(|lease| (10..=40).contains(&lease.address.octets()[3]))
        );
    }
    assert!(
        lan.server.counters().exhausted > 0,
        "the pool was never empty"
    );
}
