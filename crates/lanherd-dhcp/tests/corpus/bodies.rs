//! What the fuzz targets do with their bytes, and what must hold whatever the bytes are.
//!
//! Included by path: by the fuzz targets, and by the tests that replay seeds and try random bytes.

#![allow(dead_code, reason = "each fuzz target uses one of the two")]

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use lanherd_dhcp::Mac;
use lanherd_dhcp::{
    Arp, ArpOp, Client, ClientId, Config, Event, Lease, Lifetime, LossReason, MAX_HOSTS,
    MAX_ROUTES, Message, MessageType, OfferPolicy, Op, Output, Transmit, Unanswered, code,
};

const MAC: Mac = Mac([2, 0, 0x5e, 0x10, 0, 1]);
const RIVAL: Mac = Mac([2, 0, 0x5e, 0x10, 0, 99]);
const HOSTS: [Ipv4Addr; 4] = [
    Ipv4Addr::new(10, 0, 0, 1),
    Ipv4Addr::new(10, 0, 0, 2),
    Ipv4Addr::new(10, 0, 0, 50),
    Ipv4Addr::UNSPECIFIED,
];
/// Lease times and timers, in seconds, that are likely to be on some edge.
const SECONDS: [u32; 8] = [0, 1, 2, 60, 100, 3600, u32::MAX - 1, u32::MAX];

/// Bytes are a message or an error, and a message that was read can be written and read again.
pub fn wire(data: &[u8]) {
    let Ok(message) = Message::decode(data) else {
        return;
    };
    let noted = message.notes.malformed();
    assert!(noted.len() <= 254, "each code once");
    for remark in noted {
        let offset = remark.offset.expect("it stood in a message");
        assert_eq!(data[offset], remark.option);
        assert!(!message.options.contains(remark.option));
    }
    let bytes = message.encode();
    assert!(bytes.len() >= 300);
    let again = Message::decode(&bytes);
    assert_eq!(again.as_ref(), Ok(&message));
    assert_eq!(again.map(|again| again.notes.malformed().len()), Ok(0));
    let now = Instant::now();
    if let Ok(grant) = Lease::from_ack(&message, now, &mut fastrand::Rng::with_seed(0)) {
        check_lease(&grant.lease);
        let kinds: BTreeSet<_> = grant
            .remarks
            .iter()
            .map(|remark| (remark.option, remark.reason))
            .collect();
        assert_eq!(kinds.len(), grant.remarks.len(), "one remark for each");
    }
    for (code, _) in message.options.iter() {
        let text = message.options.text(code).unwrap_or_default();
        assert!(!text.contains(char::is_control));
        let _ = (
            message.options.addresses(code),
            message.options.seconds(code),
            message.options.short(code),
        );
    }
}

/// Bytes are a script of messages, commands and waits; a client survives it with its promises kept.
///
/// Returns the states and events that the script led to.
pub fn client(data: &[u8]) -> BTreeSet<&'static str> {
    let mut script = Script(data);
    let mut rig = Rig::new(&mut script);
    while let Some(step) = script.next() {
        match step % 20 {
            0 => rig.wait(Duration::from_millis(u64::from(script.byte()) * 50)),
            1 => rig.wait(Duration::from_secs(u64::from(script.byte()) * 60)),
            2 => rig.wait_for_timer(),
            3 => rig.sleep(Duration::from_secs(u64::from(script.byte()) * 30)),
            4 => rig.command(Client::start),
            5 => {
                let address = HOSTS[script.index(HOSTS.len())];
                rig.command(|client, now| client.reboot(address, now));
            }
            6 => rig.command(Client::renew),
            7 => rig.command(Client::rebind),
            8 => rig.command(Client::release),
            9 => {
                let length = usize::from(script.byte());
                rig.receive_bytes(script.take(length));
            }
            12 => rig.command(Client::decline),
            13 => rig.command(Client::inform),
            14 => rig.command(Client::reconnect),
            15 | 16 => {
                let arp = rig.arp(&mut script);
                rig.command(|client, now| client.handle_arp(&arp, now));
            }
            _ => {
                let reply = rig.reply(&mut script);
                let mut bytes = reply.encode();
                // Now and then one byte of it is another.
                if script.byte() > 200 {
                    let place = script.index(bytes.len());
                    bytes[place] = script.byte();
                }
                rig.receive_bytes(&bytes);
            }
        }
    }
    rig.seen
}

/// Reads bytes; zeros where there are none left.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    fn index(&mut self, length: usize) -> usize {
        usize::from(u16::from_be_bytes([self.byte(), self.byte()])) % length
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// A client with a clock, and what is known about it from the outside.
struct Rig {
    client: Client,
    start: Instant,
    now: Instant,
    /// What it has, going by its events.
    held: Option<Lease>,
    last: Option<Message>,
    /// Messages and commands so far.
    inputs: u64,
    /// Messages that it sent because of a timer.
    spontaneous: u64,
    /// ARP packets that it sent.
    arps: u64,
    seen: BTreeSet<&'static str>,
}

impl Rig {
    fn new(script: &mut Script<'_>) -> Self {
        let choice = script.byte();
        let mut config = Config::new(MAC);
        if choice & 1 != 0 {
            config.start_delay = Duration::ZERO..=Duration::ZERO;
        }
        if choice & 2 != 0 {
            config.offers = OfferPolicy::Window(Duration::from_secs(u64::from(choice >> 5)));
        }
        if choice & 4 != 0 {
            config.client_id = ClientId::Mac;
        }
        config.broadcast = choice & 8 != 0;
        config.conflict_detection = choice & 16 != 0;
        config.rapid_commit = choice & 32 != 0;
        config.v6_only = choice & 64 != 0;
        let start = Instant::now();
        Self {
            client: Client::new(config, fastrand::Rng::with_seed(u64::from(choice))),
            start,
            now: start,
            held: None,
            last: None,
            inputs: 0,
            spontaneous: 0,
            arps: 0,
            seen: BTreeSet::new(),
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.client.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.handle_timers();
        }
        self.now = end;
    }

    fn wait_for_timer(&mut self) {
        if let Some(due) = self.client.poll_timeout() {
            self.now = self.now.max(due);
            self.handle_timers();
        }
    }

    fn sleep(&mut self, time: Duration) {
        self.now += time;
        self.handle_timers();
    }

    /// Handles what is due; a client never asks for the same moment over and over.
    fn handle_timers(&mut self) {
        let is_due = |rig: &Self| rig.client.poll_timeout().is_some_and(|due| due <= rig.now);
        for _ in 0..4 {
            self.client.handle_timeout(self.now);
            self.spontaneous += self.drain();
            if !is_due(self) {
                break;
            }
        }
        assert!(
            !is_due(self),
            "the client spins in {:?}",
            self.client.state()
        );
        // Every lease gives rise to three messages at most before it is over (RENEW, REBIND, DISCOVER), every INFORM to
        // three more, every refusal to one; all the others are at least three seconds apart.
        let elapsed = (self.now - self.start).as_secs();
        assert!(
            self.spontaneous <= 4 * self.inputs + elapsed / 3 + 4,
            "a storm"
        );
    }

    /// Some host's ARP packet, likely about the address that matters.
    fn arp(&self, script: &mut Script<'_>) -> Arp {
        let choice = script.byte();
        let ours = self.client.listens_for().unwrap_or(HOSTS[2]);
        let pick = |is_ours: bool, host: usize| if is_ours { ours } else { HOSTS[host] };
        Arp {
            op: if choice & 1 == 0 {
                ArpOp::Request
            } else {
                ArpOp::Reply
            },
            sender_mac: if choice & 2 == 0 { RIVAL } else { MAC },
            sender: pick(choice & 4 == 0, script.index(HOSTS.len())),
            target_mac: Mac::default(),
            target: pick(choice & 8 == 0, script.index(HOSTS.len())),
        }
    }

    fn command(&mut self, command: impl FnOnce(&mut Client, Instant)) {
        self.inputs += 1;
        command(&mut self.client, self.now);
        assert!(self.drain() <= 1);
    }

    fn receive_bytes(&mut self, bytes: &[u8]) {
        let Ok(message) = Message::decode(bytes) else {
            return;
        };
        self.inputs += 1;
        self.client.handle_message(&message, self.now);
        assert!(self.drain() <= 1);
    }

    /// Some server's answer to the last message, more or less right.
    fn reply(&self, script: &mut Script<'_>) -> Message {
        let kinds = [
            MessageType::Offer,
            MessageType::Ack,
            MessageType::Ack,
            MessageType::Nak,
        ];
        let kind = kinds[script.index(kinds.len())];
        let mut reply = match &self.last {
            Some(request) => Message::reply_to(request, kind),
            None => Message {
                op: Op::Reply,
                ..Message::request(kind, MAC, 0)
            },
        };
        let choice = script.byte();
        let asked = self.last.as_ref().and_then(|request| {
            let address = request
                .options
                .address(code::REQUESTED_ADDRESS)
                .unwrap_or(request.ciaddr);
            (!address.is_unspecified()).then_some(address)
        });
        reply.yiaddr = match asked {
            Some(address) if choice & 1 == 0 => address,
            Some(_) | None => HOSTS[script.index(HOSTS.len())],
        };
        if choice & 2 == 0 {
            let server = HOSTS[if choice & 4 == 0 {
                0
            } else {
                script.index(HOSTS.len())
            }];
            reply.options.push(code::SERVER_ID, server.octets());
        }
        if choice & 8 == 0 {
            reply.options.push(
                code::LEASE_TIME,
                SECONDS[script.index(SECONDS.len())].to_be_bytes(),
            );
        }
        if choice & 16 != 0 {
            reply.options.push(
                code::RENEWAL_TIME,
                SECONDS[script.index(SECONDS.len())].to_be_bytes(),
            );
            reply.options.push(
                code::REBINDING_TIME,
                SECONDS[script.index(SECONDS.len())].to_be_bytes(),
            );
        }
        if choice & 64 != 0 {
            reply.options.push(code::RAPID_COMMIT, []);
        }
        // Seldom, or few scripts would ever come to a lease.
        if choice > 224 {
            let seconds = SECONDS[script.index(SECONDS.len())];
            reply.options.push(code::V6_ONLY, seconds.to_be_bytes());
        }
        if choice & 32 != 0 {
            let code = script.byte();
            let length = usize::from(script.byte() % 40);
            reply.options.push(code, script.take(length));
        }
        reply
    }

    /// Takes all outputs and checks them; how many messages were among them.
    fn drain(&mut self) -> u64 {
        let mut messages = 0;
        self.seen.insert(self.client.state().as_str());
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    messages += 1;
                    check_transmit(&transmit);
                    self.last = Some(transmit.message);
                }
                Output::Arp(arp) => {
                    self.arps += 1;
                    self.check_arp(&arp);
                }
                Output::Event(event) => self.note(event),
            }
        }
        // Every grant gives rise to three probes and two announcements, every conflict to one announcement.
        assert!(self.arps <= 5 * self.inputs, "a storm of ARP packets");
        assert_eq!(
            self.client.lease(),
            self.held.as_ref(),
            "the events and the state differ"
        );
        if let Some(lease) = &self.held {
            assert!(
                lease.expires_at().is_none_or(|end| end > self.now),
                "a lease beyond its end"
            );
        }
        messages
    }

    fn note(&mut self, event: Event) {
        self.seen.insert(match &event {
            Event::Bound { reboot: true, .. } => "event: rebooted",
            Event::Bound { reboot: false, .. } => "event: bound",
            Event::Renewed { by, .. } => by.as_str(),
            Event::Lost(LossReason::V6Only) => "event: lost v6_only",
            Event::Lost(reason) => reason.as_str(),
            Event::Refused { .. } => "event: refused",
            Event::Conflict { .. } => "event: conflict",
            Event::Defended { .. } => "event: defended",
            Event::Informed { .. } => "event: informed",
            Event::V6Only { .. } => "event: v6_only",
            Event::Unanswered(what) => what.as_str(),
            Event::Ignored { reason, .. } => reason.as_str(),
            Event::Remarked { remark, .. } => remark.reason.as_str(),
        });
        match event {
            Event::Bound { lease, .. } => {
                assert_eq!(self.held, None, "bound twice");
                check_lease(&lease);
                self.held = Some(lease);
            }
            Event::Renewed { lease, .. } => {
                let address = self.held.as_ref().map(|held| held.address);
                assert_eq!(address, Some(lease.address), "another address");
                check_lease(&lease);
                self.held = Some(lease);
            }
            Event::Lost(
                LossReason::Expired
                | LossReason::Nak
                | LossReason::Released
                | LossReason::Conflict
                | LossReason::Declined
                | LossReason::V6Only,
            ) => {
                assert!(self.held.take().is_some(), "lost what was not held");
            }
            Event::Unanswered(Unanswered::Requesting) | Event::V6Only { .. } => {
                assert_eq!(self.held, None);
            }
            Event::Informed { .. } | Event::Unanswered(Unanswered::Informing) => {
                assert!(self.held.is_some());
            }
            Event::Defended { address, against } => {
                assert_eq!(self.held.as_ref().map(|held| held.address), Some(address));
                assert_eq!(against, RIVAL);
            }
            Event::Conflict { address, holder } => {
                let held = self.held.as_ref();
                assert!(held.is_none_or(|held| held.address == address));
                assert_eq!(holder, RIVAL);
            }
            // After a refusal the loss of a lease that is held follows.
            Event::Refused { .. }
            | Event::Unanswered(Unanswered::Rebooting)
            | Event::Ignored { .. }
            | Event::Remarked { .. } => {}
        }
    }
}

impl Rig {
    /// Before it holds an address it only asks; afterwards it only tells.
    fn check_arp(&self, arp: &Arp) {
        assert_eq!(Arp::parse(&arp.encode()).as_ref(), Some(arp));
        let expected = match &self.held {
            Some(lease) => Arp::announcement(MAC, lease.address),
            None => Arp::probe(MAC, arp.target),
        };
        assert!(*arp == expected && is_host(arp.target), "{arp:?}");
    }
}

fn check_lease(lease: &Lease) {
    assert!(is_host(lease.address) && is_host(lease.server_id));
    assert!((1..=32).contains(&lease.prefix_len));
    assert!(lease.address != lease.server_id && !lease.address.is_link_local());
    let host = lease.address.to_bits() & u32::MAX.checked_shr(lease.prefix_len.into()).unwrap_or(0);
    let last = u32::MAX.checked_shr(lease.prefix_len.into()).unwrap_or(0);
    assert!(lease.prefix_len > 30 || (host != 0 && host != last));
    assert!(!lease.routers.contains(&lease.address) && lease.router() != Some(lease.address));
    assert!(lease.routers.len() <= MAX_HOSTS && lease.dns.len() <= MAX_HOSTS);
    assert!(lease.routes.len() <= MAX_ROUTES && lease.search.len() <= 32);
    assert!(lease.routers.iter().chain(&lease.dns).copied().all(is_host));
    assert!(lease.routes.iter().all(|route| route.prefix_len <= 32));
    assert!(lease.mtu.is_none_or(|mtu| mtu >= 576));
    let is_name = |name: &String| {
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        (1..=253).contains(&name.len()) && name.bytes().all(is_safe)
    };
    assert!(lease.search.iter().chain(&lease.domain).all(is_name));
    match lease.lifetime {
        Lifetime::Infinite => assert_eq!(lease.expires_at(), None),
        Lifetime::Finite {
            lease: whole,
            t1,
            t2,
        } => {
            assert!(Duration::ZERO < t1 && t1 < t2 && t2 < whole);
            let times = (lease.renew_at(), lease.rebind_at(), lease.expires_at());
            assert!(
                lease.requested_at.checked_add(t1) == times.0
                    && times.0 < times.1
                    && times.1 < times.2
            );
        }
    }
}

fn check_transmit(transmit: &Transmit) {
    let Transmit {
        message,
        source,
        destination,
    } = transmit;
    assert_eq!(Message::decode(&message.encode()).as_ref(), Ok(message));
    assert_eq!(
        (message.op, message.chaddr, message.ciaddr),
        (Op::Request, MAC, *source)
    );
    assert!(*destination == Ipv4Addr::BROADCAST || (is_host(*destination) && is_host(*source)));
    let has = |code| message.options.address(code).is_some_and(is_host);
    match message.message_type() {
        Some(MessageType::Release) => assert!(message.secs == 0 && has(code::SERVER_ID)),
        Some(MessageType::Decline) => {
            assert!(message.secs == 0 && message.ciaddr.is_unspecified());
            assert!(has(code::SERVER_ID) && has(code::REQUESTED_ADDRESS));
            assert_eq!(*destination, Ipv4Addr::BROADCAST);
        }
        Some(MessageType::Inform) => {
            assert!(is_host(message.ciaddr) && is_host(*destination));
            assert!(!has(code::SERVER_ID) && !has(code::REQUESTED_ADDRESS));
        }
        Some(MessageType::Discover | MessageType::Request) => {}
        other => panic!("a client sent {other:?}"),
    }
}

fn is_host(address: Ipv4Addr) -> bool {
    !(address.octets()[0] == 0 || address.is_loopback() || address.octets()[0] >= 224)
}
