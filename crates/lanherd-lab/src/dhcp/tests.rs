//! The server, message by message, on a clock that only the tests move.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::LabConfig;

const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 10);
const SECOND: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 11);

fn mac(number: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, number])
}

/// A server and a clock.
struct Lan {
    server: Server,
    now: Instant,
}

impl Lan {
    fn new(config: &LabConfig) -> Self {
        Self {
            server: Server::new(config.server()),
            now: Instant::now(),
        }
    }

    fn with_range(range: &str) -> Self {
        Self::new(&LabConfig {
            range: range.parse().expect("a range"),
            ..LabConfig::default()
        })
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn send(&mut self, message: &Message) -> Option<Reply> {
        self.server.handle(message, self.now)
    }

    fn discover(&mut self, client: u8) -> Option<Ipv4Addr> {
        let reply = self.send(&Message::request(MessageType::Discover, mac(client), 7))?;
        assert_eq!(reply.message.message_type(), Some(MessageType::Offer));
        Some(reply.message.yiaddr)
    }

    fn select(&mut self, client: u8, address: Ipv4Addr) -> Option<Reply> {
        let server = self.server.config.subnet.router();
        self.send(&selecting(client, address, server))
    }

    /// Through DISCOVER and REQUEST to a lease.
    fn join(&mut self, client: u8) -> Ipv4Addr {
        let address = self.discover(client).expect("an offer");
        assert_eq!(granted(self.select(client, address)), Some(address));
        address
    }
}

fn selecting(client: u8, address: Ipv4Addr, server: Ipv4Addr) -> Message {
    let mut message = rebooting(client, address);
    message.options.push_addresses(code::SERVER_ID, &[server]);
    message
}

fn rebooting(client: u8, address: Ipv4Addr) -> Message {
    let mut message = Message::request(MessageType::Request, mac(client), 7);
    message
        .options
        .push_addresses(code::REQUESTED_ADDRESS, &[address]);
    message
}

fn renewing(client: u8, address: Ipv4Addr) -> Message {
    let mut message = Message::request(MessageType::Request, mac(client), 7);
    message.ciaddr = address;
    message
}

fn releasing(client: u8, address: Ipv4Addr) -> Message {
    let mut message = Message::request(MessageType::Release, mac(client), 7);
    message.ciaddr = address;
    message
}

fn granted(reply: Option<Reply>) -> Option<Ipv4Addr> {
    let message = reply?.message;
    (message.message_type() == Some(MessageType::Ack)).then_some(message.yiaddr)
}

fn is_nak(reply: Option<Reply>) -> bool {
    reply.is_some_and(|reply| {
        let message = reply.message;
        let is_nak = message.message_type() == Some(MessageType::Nak);
        // RFC 2131, table 3.
        assert!(
            !is_nak
                || message.yiaddr.is_unspecified() && !message.options.contains(code::LEASE_TIME)
        );
        is_nak
    })
}

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
