//! The router in trouble, message by message, on a clock that only the tests move.

mod services;

use std::net::Ipv4Addr;

use super::*;
use lanherd_types::identity::Mac;

const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 10);
const SECOND: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 11);

fn mac(number: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, number])
}

fn discover(client: u8) -> Message {
    Message::request(MessageType::Discover, mac(client), 7)
}

/// A client that has no address yet asks for one: to select an offer with a server, and to reboot without.
fn request(client: u8, address: Ipv4Addr, server: Option<Ipv4Addr>) -> Message {
    let mut message = Message::request(MessageType::Request, mac(client), 7);
    let requested = code::REQUESTED_ADDRESS;
    message.options.push_addresses(requested, &[address]);
    if let Some(server) = server {
        message.options.push_addresses(code::SERVER_ID, &[server]);
    }
    message
}

/// A message of a client that has this address.
fn holding(kind: MessageType, client: u8, address: Ipv4Addr) -> Message {
    let mut message = Message::request(kind, mac(client), 7);
    message.ciaddr = address;
    message
}

/// A router and a clock.
struct StateLan {
    state: State,
    now: Instant,
}

impl StateLan {
    fn new() -> Self {
        Self {
            state: State::new(&LabConfig::default(), Instant::now()).expect("a router"),
            now: Instant::now(),
        }
    }

    fn wait(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
        self.state.tick(self.now);
    }

    fn inject(&mut self, fault: Fault, seconds: u64) {
        let lasts = Duration::from_secs(seconds);
        self.state
            .inject(fault, Some(lasts), self.now)
            .expect("begun");
    }

    fn heal(&mut self) {
        self.state.end_faults(self.now, |_, _| true);
    }

    fn effects(&self, fault: Fault) -> u64 {
        self.state.effects().get(&fault).copied().unwrap_or(0)
    }

    /// What is put on the wire now.
    fn out(&mut self) -> Vec<Outgoing> {
        std::iter::from_fn(|| self.state.next_out(self.now)).collect()
    }

    /// What is answered at once.
    fn send(&mut self, message: &Message) -> Option<Message> {
        self.state.hear(message, self.now);
        let mut out = self.out();
        assert!(out.len() <= 1, "{out:?}");
        out.pop()
            .map(|out| Message::decode(&out.bytes).expect("a message"))
    }

    /// The kind of the answer, and its address.
    fn ask(&mut self, message: &Message) -> Option<(MessageType, Ipv4Addr)> {
        let reply = self.send(message)?;
        let kind = reply.message_type().expect("a kind");
        if kind == MessageType::Nak {
            // RFC 2131, table 3.
            assert!(reply.yiaddr.is_unspecified() && reply.ciaddr.is_unspecified());
            assert!(!reply.options.contains(code::LEASE_TIME));
            assert_eq!(reply.options.address(code::SERVER_ID), Some(ROUTER));
        }
        Some((kind, reply.yiaddr))
    }

    fn select(&mut self, client: u8, address: Ipv4Addr) -> Option<(MessageType, Ipv4Addr)> {
        self.ask(&request(client, address, Some(ROUTER)))
    }

    fn renew(&mut self, client: u8, address: Ipv4Addr) -> Option<(MessageType, Ipv4Addr)> {
        self.ask(&holding(MessageType::Request, client, address))
    }

    fn reboot(&mut self, client: u8, address: Ipv4Addr) -> Option<(MessageType, Ipv4Addr)> {
        self.ask(&request(client, address, None))
    }

    /// Through DISCOVER and REQUEST to a lease.
    fn join(&mut self, client: u8) -> Ipv4Addr {
        let (_, address) = self.ask(&discover(client)).expect("an offer");
        assert_eq!(self.select(client, address), ack(address));
        address
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "what it is compared with is optional"
)]
fn ack(address: Ipv4Addr) -> Option<(MessageType, Ipv4Addr)> {
    Some((MessageType::Ack, address))
}

const NAK: Option<(MessageType, Ipv4Addr)> = Some((MessageType::Nak, Ipv4Addr::UNSPECIFIED));

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
fn the_router_and_the_dns_server_that_are_named_are_nobody() {
    let nobody = vec![Ipv4Addr::new(10, 77, 255, 254)];
    let faults = [
        (Fault::DhcpWrongRouter, code::ROUTERS),
        (Fault::DhcpWrongDns, code::DNS_SERVERS),
    ];
    let mut lan = StateLan::new();
    for (fault, wrong) in faults {
        lan.inject(fault, 10);
        let messages = [
            discover(1),
            request(1, FIRST, Some(ROUTER)),
            holding(MessageType::Inform, 1, FIRST),
        ];
        for message in &messages {
            let reply = lan.send(message).expect("an answer");
            for (_, code) in faults {
                let named = reply.options.addresses(code);
                let right = vec![ROUTER];
                assert_eq!(named, if code == wrong { &nobody } else { &right }.clone());
            }
        }
        assert_eq!(lan.effects(fault), 3);
        // Who does not ask for it is not told it.
        let mut modest = discover(2);
        modest
            .options
            .push(code::PARAMETER_REQUESTS, [code::SUBNET_MASK]);
        let reply = lan.send(&modest).expect("an offer");
        assert!(!reply.options.contains(wrong));
        assert_eq!(lan.effects(fault), 3);
        lan.wait(10_000);
        let reply = lan.send(&messages[0]).expect("an offer");
        assert_eq!(reply.options.addresses(wrong), [ROUTER]);
    }
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

#[test]
fn exactly_one_option_is_malformed_and_it_is_one_that_clients_can_do_without() {
    let mut lan = StateLan::new();
    lan.inject(Fault::DhcpMalformedOption, 60);
    let mut asks = discover(1);
    asks.options
        .set(code::PARAMETER_REQUESTS, [code::DNS_SERVERS]);
    lan.state.hear(&asks, lan.now);
    let sent: Vec<_> = lan.out().into_iter().collect();
    let [out] = &sent[..] else {
        panic!("{sent:?}");
    };
    let message = Message::decode(&out.bytes).expect("a message");
    let codes: Vec<u8> = message
        .notes
        .malformed()
        .iter()
        .map(|remark| remark.option)
        .collect();
    assert_eq!(codes, [code::DNS_SERVERS]);
    assert_eq!(lan.effects(Fault::DhcpMalformedOption), 1);
    lan.wait(60_000);
    assert_eq!(lan.join(1), FIRST);
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

#[test]
fn garbage_is_sent_in_every_shape_and_nothing_is_wrong_with_the_books() {
    let mut lan = StateLan::new();
    lan.inject(Fault::DhcpGarbage, 60);
    let mut sent = Vec::new();
    for _ in 0..100 {
        lan.state.hear(&discover(1), lan.now);
        sent.extend(lan.out());
    }
    assert_eq!((sent.len(), lan.effects(Fault::DhcpGarbage)), (100, 100));
    for out in &sent {
        assert!(
            Message::decode(&out.bytes).is_ok_and(|message| message.xid != 7)
                || Message::decode(&out.bytes).is_err()
        );
    }
    assert!(sent.iter().any(|out| out.bytes.is_empty()));
    assert!(sent.iter().any(|out| out.bytes.len() >= 300));
    lan.wait(60_000);
    assert_eq!(lan.join(1), FIRST);
}

#[test]
fn a_lab_that_has_ended_takes_no_fault() {
    let mut lan = StateLan::new();
    lan.state.end();
    let made = lan.state.inject(Fault::DhcpMute, None, lan.now);
    assert_eq!(made, Err(LabFaultError::Ended));
}

/// Whatever clients say while whatever is broken: afterwards each can join, and no address is anybody's twice.
#[test]
fn after_any_mixture_of_faults_it_is_a_correct_router_again() {
    let faults: Vec<Fault> = Fault::ALL
        .iter()
        .copied()
        .filter(|fault| fault.aim() == lanherd_types::fault::Aim::Router)
        .collect();
    let mut rng = fastrand::Rng::with_seed(3);
    let mut lan = StateLan::new();
    for round in 0..100 {
        // Of all at once most would be hidden by others.
        let mixture = rng.choose_multiple(faults.iter().copied(), 4);
        for _ in 0..200 {
            let client = rng.u8(1..30);
            let leases = lan.state.dhcp().leases();
            let own = leases.filter(|lease| lease.mac == mac(client));
            let own = own.map(|lease| lease.address).min();
            let any = Ipv4Addr::new(10, 77, 0, rng.u8(8..40));
            let address = own.filter(|_| rng.bool()).unwrap_or(any);
            match rng.u8(0..11) {
                0 => lan.inject(mixture[rng.usize(..4)], rng.u64(1..20)),
                1 => lan.wait(rng.u64(0..3_000)),
                2 => lan.state.hear(&discover(client), lan.now),
                3 => lan
                    .state
                    .hear(&request(client, address, Some(ROUTER)), lan.now),
                4 => lan.state.hear(&request(client, address, None), lan.now),
                5 => lan
                    .state
                    .hear(&holding(MessageType::Request, client, address), lan.now),
                6 => drop(lan.say(Service::Dns, &services::query("dns.google"))),
                7 => drop(lan.say(Service::Echo, &services::ping())),
                8 => drop(lan.state.hear_request(lan.now)),
                9 => lan
                    .state
                    .hear(&holding(MessageType::Release, client, address), lan.now),
                _ => drop(lan.out()),
            }
        }
        lan.heal();
        lan.out();
        assert_eq!(lan.state.faults(lan.now), []);
        let mut addresses: Vec<Ipv4Addr> = (1..30).map(|client| lan.join(client)).collect();
        for (client, address) in (1..).zip(&addresses) {
            assert_eq!(lan.renew(client, *address), ack(*address), "round {round}");
        }
        addresses.sort();
        addresses.dedup();
        assert_eq!((addresses.len(), lan.state.dhcp().active()), (29, 29));
        // Some begin the next round anew.
        let leases: Vec<_> = lan.state.dhcp().leases().collect();
        for lease in leases.iter().filter(|_| rng.bool()) {
            let [.., client] = lease.mac.octets();
            lan.send(&holding(MessageType::Release, client, lease.address));
        }
    }
    for fault in faults {
        assert!(lan.effects(fault) > 0, "{fault} changed nothing");
    }
}
