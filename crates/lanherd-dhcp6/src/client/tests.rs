//! Timelines on a virtual clock: what is sent, at which second.

mod acquiring;
mod choosing;
mod confirming;
mod holding;
mod informing;
mod leaving;
mod prefixes;
mod probing;
mod reconfiguring;
mod refusing;
mod strangers;
mod two_machines;

use std::time::Duration;

use super::*;
use crate::lease::Gone;
use crate::options::code;
use crate::{
    Ia, IaAddress, IaKind, IaPrefix, MessageType, Prefix, RemarkReason, Status, StatusCode,
};
use lanherd_types::identity::Mac;

const MAC: Mac = Mac([2, 0, 0x5e, 0x10, 0, 1]);
/// The number of the client's identity associations.
const IAID: u32 = 0x5e10_0001;
/// Another host on the link.
const RIVAL: Mac = Mac([2, 0, 0x5e, 0x10, 0, 99]);
const ADDRESS: &str = "2001:db8:77::50";
const OTHER_ADDRESS: &str = "2001:db8:77::51";
const PREFIX: &str = "2001:db8:7700::/56";

/// An hour's lease with T1 and T2 of the server.
const HOUR: Terms = Terms {
    t1: 1800,
    t2: 2880,
    preferred: 3600,
    valid: 7200,
};

#[derive(Clone, Copy)]
struct Terms {
    t1: u32,
    t2: u32,
    preferred: u32,
    valid: u32,
}

impl Terms {
    /// Of which T1 and T2 are left to the client.
    const fn of(preferred: u32, valid: u32) -> Self {
        Self {
            t1: 0,
            t2: 0,
            preferred,
            valid,
        }
    }
}

fn address(text: &str) -> Ipv6Addr {
    text.parse().expect("an address")
}

fn prefix(text: &str) -> Prefix {
    text.parse().expect("a prefix")
}

/// The DUID of server `number`.
fn server(number: u8) -> Duid {
    Duid::link_layer(Mac([2, 0, 0x5e, 0xff, 0, number]))
}

/// A client that starts at second 0, without a delay, and believes its server.
fn config() -> Config {
    Config {
        start_delay: Duration::ZERO..=Duration::ZERO,
        duplicate_detection: false,
        ..Config::new(MAC)
    }
}

/// An identity association for addresses, with these.
fn leased(addresses: &[&str], terms: Terms) -> Ia {
    let mut ia = Ia::new(IaKind::Addresses, IAID);
    (ia.t1, ia.t2) = (terms.t1, terms.t2);
    for text in addresses {
        let leased = IaAddress::new(address(text), terms.preferred, terms.valid);
        ia.options.push_address(&leased);
    }
    ia
}

/// The same for prefixes.
fn delegated(prefixes: &[&str], terms: Terms) -> Ia {
    let mut ia = Ia::new(IaKind::Prefixes, IAID);
    (ia.t1, ia.t2) = (terms.t1, terms.t2);
    for text in prefixes {
        let leased = IaPrefix::new(prefix(text), terms.preferred, terms.valid);
        ia.options.push_prefix(&leased);
    }
    ia
}

fn status(code: StatusCode) -> Status {
    Status {
        code,
        message: None,
    }
}

/// An identity association that is refused.
fn refused(kind: IaKind, code: StatusCode) -> Ia {
    let mut ia = Ia::new(kind, IAID);
    ia.options.push_status(&status(code));
    ia
}

/// From a server on the link to the client.
fn arrival() -> Arrival {
    Arrival {
        source: address("fe80::1"),
        destination: address("fe80::2"),
    }
}

/// A client, its clock, and what it has sent and said.
struct Harness {
    client: Client,
    start: Instant,
    now: Instant,
    sent: Vec<(f64, Message)>,
    events: Vec<(f64, Event)>,
    /// What was sent last, also when it is forgotten.
    last: Option<Message>,
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
            events: Vec::new(),
            last: None,
        }
    }

    /// A client that has sent its first SOLICIT.
    fn soliciting_with(config: Config) -> Self {
        let mut harness = Self::new(config, 1);
        harness.tell(Client::start);
        harness.until(0.0);
        harness
    }

    fn soliciting() -> Self {
        Self::soliciting_with(config())
    }

    /// A client that was offered [`ADDRESS`] by server 1 and has requested it.
    fn requesting_with(config: Config) -> Self {
        let mut harness = Self::soliciting_with(config);
        let mut offer = harness.answer(MessageType::Advertise, 1, &[leased(&[ADDRESS], HOUR)]);
        offer.options.push(code::PREFERENCE, [255]);
        harness.receive(&offer);
        harness
    }

    fn requesting() -> Self {
        Self::requesting_with(config())
    }

    /// A client that holds [`ADDRESS`] since second 0, its clock there.
    fn bound_on(terms: Terms) -> Self {
        let mut harness = Self::requesting();
        harness.reply(1, &[leased(&[ADDRESS], terms)]);
        harness.forget();
        harness
    }

    fn bound() -> Self {
        Self::bound_on(HOUR)
    }

    /// A client that holds what server 1 leased in these.
    fn holding(config: Config, ias: &[Ia]) -> Self {
        let mut harness = Self::soliciting_with(config);
        let mut offer = harness.answer(MessageType::Advertise, 1, ias);
        offer.options.push(code::PREFERENCE, [255]);
        harness.receive(&offer);
        harness.reply(1, ias);
        harness.forget();
        harness
    }

    fn seconds(&self) -> f64 {
        (self.now - self.start).as_secs_f64()
    }

    fn at(&self, seconds: f64) -> Instant {
        self.start + Duration::from_secs_f64(seconds)
    }

    fn tell(&mut self, command: impl FnOnce(&mut Client, Instant)) {
        command(&mut self.client, self.now);
        self.drain();
    }

    fn receive(&mut self, message: &Message) {
        self.receive_from(message, arrival());
    }

    /// Over the wire.
    fn receive_from(&mut self, message: &Message, arrival: Arrival) {
        let bytes = message.encode().expect("short");
        let message = Message::decode(&bytes).expect("a message");
        self.client.handle_message(&message, arrival, self.now);
        self.drain();
    }

    /// Lets the time pass until `seconds`, every timer being handled when it is due.
    fn until(&mut self, seconds: f64) {
        let end = self.at(seconds);
        while let Some(due) = self.client.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.client.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// Lets the time pass until `seconds` with nobody there to handle a timer, and then handles one.
    fn sleep_until(&mut self, seconds: f64) {
        self.now = self.at(seconds);
        self.client.handle_timeout(self.now);
        self.drain();
    }

    fn drain(&mut self) {
        let seconds = self.seconds();
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Transmit(message) => {
                    self.last = Some(message.clone());
                    self.sent.push((seconds, message));
                }
                Output::Event(event) => self.events.push((seconds, event)),
            }
        }
    }

    fn forget(&mut self) {
        self.sent.clear();
        self.events.clear();
    }

    fn state(&self) -> &'static str {
        self.client.state().as_str()
    }

    /// The seconds at which a message of that type was sent.
    fn times(&self, kind: MessageType) -> Vec<f64> {
        let of_kind = self.sent.iter().filter(|(_, it)| it.message_type == kind);
        of_kind.map(|(seconds, _)| *seconds).collect()
    }

    fn last(&self) -> &Message {
        self.last.as_ref().expect("something sent")
    }

    /// What was sent, in a line each; forgotten afterwards.
    fn lines(&mut self) -> Vec<String> {
        self.sent
            .drain(..)
            .map(|(_, message)| line(&message))
            .collect()
    }

    /// What happened, without the times; forgotten afterwards.
    fn happened(&mut self) -> Vec<Event> {
        self.events.drain(..).map(|(_, event)| event).collect()
    }

    fn ignored(&mut self) -> Vec<Ignored> {
        let reason = |event| match event {
            Event::Ignored { reason, .. } => Some(reason),
            _ => None,
        };
        self.happened().into_iter().filter_map(reason).collect()
    }

    /// The options that were remarked upon, and why; forgotten afterwards, like everything else that happened.
    fn remarked(&mut self) -> Vec<(u16, RemarkReason)> {
        let remark = |event| match event {
            Event::Remarked { remark, .. } => Some((remark.option, remark.reason)),
            _ => None,
        };
        self.happened().into_iter().filter_map(remark).collect()
    }

    /// The statuses that were refusals; forgotten afterwards.
    fn refusals(&mut self) -> Vec<(Option<IaKind>, StatusCode)> {
        let refusal = |event| match event {
            Event::Refused { refusal, .. } => {
                Some((refusal.ia.map(|(kind, _)| kind), refusal.status.code))
            }
            _ => None,
        };
        self.happened().into_iter().filter_map(refusal).collect()
    }

    /// The answer of server `number` to what was sent last.
    fn answer(&self, kind: MessageType, number: u8, ias: &[Ia]) -> Message {
        let mut answer = Message::answer_to(self.last(), kind);
        answer
            .options
            .push(code::SERVER_ID, server(number).as_bytes());
        for ia in ias {
            answer.options.push_ia(ia);
        }
        answer
    }

    /// Server `number` replies with these.
    fn reply(&mut self, number: u8, ias: &[Ia]) {
        let reply = self.answer(MessageType::Reply, number, ias);
        self.receive(&reply);
    }

    /// Server `number` replies with this status, and these.
    fn reply_status(&mut self, number: u8, code: StatusCode, ias: &[Ia]) {
        let mut reply = self.answer(MessageType::Reply, number, ias);
        reply.options.push_status(&status(code));
        self.receive(&reply);
    }

    /// The addresses in use.
    fn used(&self) -> Vec<Ipv6Addr> {
        let lease = self.client.lease();
        lease.map_or(Vec::new(), |lease| {
            lease.addresses().map(|it| it.address).collect()
        })
    }
}

/// A message in one line: its type, the server that it names, and what stands in its identity associations.
fn line(message: &Message) -> String {
    let mut words = vec![message.message_type.to_string()];
    if let Some(named) = message.options.duid(code::SERVER_ID) {
        let number = named.as_bytes().last().copied().unwrap_or_default();
        words.push(format!("to {number}"));
    }
    for ia in message.options.ias() {
        let mut held: Vec<String> = ia.addresses().map(|it| it.address.to_string()).collect();
        held.extend(ia.prefixes().map(|it| it.prefix.to_string()));
        words.push(format!("{}[{}]", ia.kind, held.join(" ")));
    }
    words.join(" ")
}

/// Asserts that the waits between `times` are as `expected`, to a part of them.
#[track_caller]
fn assert_waits(times: &[f64], expected: &[f64], part: f64) {
    let waits: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits.len(), expected.len(), "{waits:?}");
    for (wait, expected) in waits.iter().zip(expected) {
        assert!((wait - expected).abs() <= part * expected, "{waits:?}");
    }
}
