//! Timelines on a virtual clock: what is sent, at which second.

mod acquiring;
mod choosing;
mod conflict;
mod duid;
mod flaws;
mod holding;
mod orders;
mod rapid;
mod refusing;
mod remembered;
mod strangers;
mod two_machines;
mod v6only;

use std::time::Duration;

use super::*;
use crate::{ArpOp, MessageType, Op, RemarkReason};
use lanherd_types::identity::Mac;

const MAC: Mac = Mac([2, 0, 0x5e, 0x10, 0, 1]);
/// Another host on the LAN.
const RIVAL: Mac = Mac([2, 0, 0x5e, 0x10, 0, 99]);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);
const OTHER_SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 2);
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 50);
const OTHER_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 51);

/// An hour's lease with T1 and T2 of the server, so that the timeline has no fuzz.
const HOUR: Terms = Terms {
    lease: 3600,
    t1: Some(1800),
    t2: Some(3150),
};

#[derive(Clone, Copy)]
struct Terms {
    lease: u32,
    t1: Option<u32>,
    t2: Option<u32>,
}

impl Terms {
    const fn of(lease: u32) -> Self {
        Self {
            lease,
            t1: None,
            t2: None,
        }
    }
}

/// A client that starts at second 0, without a delay.
fn config() -> Config {
    Config {
        start_delay: Duration::ZERO..=Duration::ZERO,
        ..Config::new(MAC)
    }
}

/// A client, its clock, and what it has sent and said.
struct Harness {
    client: Client,
    start: Instant,
    now: Instant,
    sent: Vec<(f64, Transmit)>,
    arps: Vec<(f64, Arp)>,
    events: Vec<(f64, Event)>,
}

impl Harness {
    fn new(config: Config, seed: u64) -> Self {
        let start = Instant::now();
        let client = Client::new(config, fastrand::Rng::with_seed(seed));
        Self {
            client,
            start,
            now: start,
            sent: Vec::new(),
            arps: Vec::new(),
            events: Vec::new(),
        }
    }

    /// A client that has sent its first DISCOVER.
    fn selecting_with(config: Config) -> Self {
        let mut harness = Self::new(config, 1);
        harness.tell(Client::start);
        harness.until(0.0);
        harness
    }

    fn selecting() -> Self {
        Self::selecting_with(config())
    }

    /// A client that was offered [`ADDRESS`] and has requested it.
    fn requesting() -> Self {
        Self::requesting_with(config())
    }

    fn requesting_with(config: Config) -> Self {
        let mut harness = Self::selecting_with(config);
        harness.receive(&harness.offer(SERVER, ADDRESS));
        harness
    }

    /// A client that holds [`ADDRESS`] since second 0, its clock there.
    fn bound_on(terms: Terms) -> Self {
        let mut harness = Self::requesting();
        harness.receive(&harness.ack(SERVER, ADDRESS, terms));
        harness.forget();
        harness
    }

    fn bound() -> Self {
        Self::bound_on(HOUR)
    }

    /// A client that has asked to have [`ADDRESS`] again.
    fn rebooting() -> Self {
        Self::rebooting_with(config())
    }

    fn rebooting_with(config: Config) -> Self {
        let mut harness = Self::new(config, 1);
        harness.tell(|client, now| client.reboot(ADDRESS, now));
        harness.until(0.0);
        harness
    }

    fn seconds(&self) -> f64 {
        (self.now - self.start).as_secs_f64()
    }

    fn tell(&mut self, command: impl FnOnce(&mut Client, Instant)) {
        command(&mut self.client, self.now);
        self.drain();
    }

    fn receive(&mut self, message: &Message) {
        self.client.handle_message(message, self.now);
        self.drain();
    }

    fn hear(&mut self, arp: &Arp) {
        self.client.handle_arp(arp, self.now);
        self.drain();
    }

    /// Lets the time pass until `seconds`, every timer being handled when it is due.
    fn until(&mut self, seconds: f64) {
        let end = self.start + Duration::from_secs_f64(seconds);
        while let Some(due) = self.client.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.client.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// Lets the time pass until `seconds` with nobody there to handle a timer, and then handles one.
    fn sleep_until(&mut self, seconds: f64) {
        self.now = self.start + Duration::from_secs_f64(seconds);
        self.client.handle_timeout(self.now);
        self.drain();
    }

    fn drain(&mut self) {
        let seconds = self.seconds();
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Transmit(transmit) => self.sent.push((seconds, transmit)),
                Output::Arp(arp) => self.arps.push((seconds, arp)),
                Output::Event(event) => self.events.push((seconds, event)),
            }
        }
    }

    fn forget(&mut self) {
        self.sent.clear();
        self.arps.clear();
        self.events.clear();
    }

    fn forget_events(&mut self) {
        self.events.clear();
    }

    /// What was sent, by type, with the seconds.
    fn kinds(&self) -> Vec<(f64, MessageType)> {
        let kind = |transmit: &Transmit| transmit.message.message_type().expect("a type");
        self.sent
            .iter()
            .map(|(seconds, transmit)| (*seconds, kind(transmit)))
            .collect()
    }

    fn state(&self) -> &'static str {
        self.client.state().as_str()
    }

    /// The seconds at which something was sent.
    fn times(&self) -> Vec<f64> {
        self.sent.iter().map(|(seconds, _)| *seconds).collect()
    }

    fn last(&self) -> &Transmit {
        &self.sent.last().expect("something sent").1
    }

    /// What happened, without the times; forgotten afterwards.
    fn happened(&mut self) -> Vec<Event> {
        self.events.drain(..).map(|(_, event)| event).collect()
    }

    fn ignored(&mut self) -> Vec<Ignored> {
        let reason = |event| match event {
            Event::Ignored { reason, .. } => reason,
            other => panic!("{other:?}"),
        };
        self.happened().into_iter().map(reason).collect()
    }

    /// The options that were remarked upon, and why; forgotten afterwards, like everything else that happened.
    fn remarked(&mut self) -> Vec<(u8, RemarkReason)> {
        let remark = |event| match event {
            Event::Remarked { remark, .. } => Some((remark.option, remark.reason)),
            _ => None,
        };
        self.happened().into_iter().filter_map(remark).collect()
    }

    fn reply(&self, kind: MessageType, server: Ipv4Addr) -> Message {
        let mut reply = Message::reply_to(&self.last().message, kind);
        reply.options.push(code::SERVER_ID, server.octets());
        reply
    }

    fn offer(&self, server: Ipv4Addr, address: Ipv4Addr) -> Message {
        let mut offer = self.reply(MessageType::Offer, server);
        offer.yiaddr = address;
        offer.options.push(code::LEASE_TIME, 3600_u32.to_be_bytes());
        offer
    }

    fn ack(&self, server: Ipv4Addr, address: Ipv4Addr, terms: Terms) -> Message {
        let mut ack = self.reply(MessageType::Ack, server);
        ack.yiaddr = address;
        ack.options
            .push(code::LEASE_TIME, terms.lease.to_be_bytes());
        if let Some(t1) = terms.t1 {
            ack.options.push(code::RENEWAL_TIME, t1.to_be_bytes());
        }
        if let Some(t2) = terms.t2 {
            ack.options.push(code::REBINDING_TIME, t2.to_be_bytes());
        }
        ack
    }

    fn nak(&self, server: Ipv4Addr) -> Message {
        self.reply(MessageType::Nak, server)
    }
}

/// A message in one line: type, then what tells the kinds of REQUEST apart, then where it goes.
fn line(transmit: &Transmit) -> String {
    let Transmit {
        message,
        source,
        destination,
    } = transmit;
    let kind = message.message_type().map_or("?", MessageType::as_str);
    let option = |code: u8| {
        message
            .options
            .address(code)
            .map_or(String::new(), |address| format!(" {code}={address}"))
    };
    format!(
        "{kind} ciaddr={}{}{} {source} > {destination}",
        message.ciaddr,
        option(code::REQUESTED_ADDRESS),
        option(code::SERVER_ID),
    )
}

fn lines(harness: &Harness) -> Vec<String> {
    harness
        .sent
        .iter()
        .map(|(_, transmit)| line(transmit))
        .collect()
}

/// Asserts that the waits between `times` are `expected`, each `fuzz` off at most.
#[track_caller]
fn assert_waits(times: &[f64], expected: &[f64], fuzz: f64) {
    let waits: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits.len(), expected.len(), "{waits:?}");
    for (wait, expected) in waits.iter().zip(expected) {
        assert!((wait - expected).abs() <= fuzz + 1e-6, "{waits:?}");
    }
}
