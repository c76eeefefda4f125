//! What a client sends, as the wire carries it and as the independent decoder reads it.

use std::time::Instant;

use dhcproto::Decoder;
use lanherd_dhcp::{Output, Transmit};

use super::*;

/// A message as the wire carries it and as the independent decoder reads it.
pub struct Capture {
    pub bytes: Vec<u8>,
    pub read: v4::Message,
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
}

impl Capture {
    fn of(transmit: &Transmit) -> Self {
        let bytes = transmit.message.encode();
        let read = v4::Message::decode(&mut Decoder::new(&bytes)).expect("a message");
        Self {
            bytes,
            read,
            source: transmit.source,
            destination: transmit.destination,
        }
    }

    /// The options' codes in their order on the wire, walked here because the decoder sorts them.
    pub fn codes(&self) -> Vec<u8> {
        let mut codes = Vec::new();
        let mut options = &self.bytes[240..];
        while let [code, length, rest @ ..] = options {
            if *code == 255 {
                break;
            }
            codes.push(*code);
            options = &rest[usize::from(*length)..];
        }
        codes
    }

    /// The value of an option, walked here because the decoder knows too little of some.
    pub fn value(&self, wanted: u8) -> Option<Vec<u8>> {
        let mut options = &self.bytes[240..];
        while let [code, length, rest @ ..] = options {
            let (value, rest) = rest.split_at(usize::from(*length));
            match *code {
                255 => break,
                code if code == wanted => return Some(value.to_vec()),
                _ => options = rest,
            }
        }
        None
    }

    pub fn address(&self, code: OptionCode) -> Option<Ipv4Addr> {
        match self.read.opts().get(code)? {
            DhcpOption::RequestedIpAddress(address) | DhcpOption::ServerIdentifier(address) => {
                Some(*address)
            }
            other => panic!("{other:?}"),
        }
    }
}

pub fn config() -> Config {
    Config {
        start_delay: Duration::ZERO..=Duration::ZERO,
        client_id: ClientId::Mac,
        hostname: Some("ns1".to_owned()),
        ..Config::new(Mac(MAC))
    }
}

/// A client and its clock.
pub struct Harness {
    pub client: Client,
    pub now: Instant,
}

impl Harness {
    pub fn new(config: Config) -> Self {
        Self {
            client: Client::new(config, fastrand::Rng::with_seed(7)),
            now: Instant::now(),
        }
    }

    /// The message that the client has just sent.
    pub fn sent(&mut self) -> (Message, Capture) {
        let transmit =
            std::iter::from_fn(|| self.client.poll_output()).find_map(|output| match output {
                Output::Transmit(transmit) => Some(transmit),
                Output::Arp(_) | Output::Event(_) => None,
            });
        let transmit = transmit.expect("a message");
        (transmit.message.clone(), Capture::of(&transmit))
    }

    /// The message that the next timer brings.
    pub fn after_timer(&mut self) -> (Message, Capture) {
        self.now = self.client.poll_timeout().expect("a timer");
        self.client.handle_timeout(self.now);
        self.sent()
    }

    pub fn answer(&mut self, request: &Message, kind: MessageType) {
        let mut reply = Message::reply_to(request, kind);
        reply.yiaddr = ADDRESS;
        reply.options.push(code::SERVER_ID, SERVER.octets());
        reply.options.push(code::LEASE_TIME, 3600_u32.to_be_bytes());
        self.client.handle_message(&reply, self.now);
    }
}

/// DECLINE and INFORM of a client that holds [`ADDRESS`].
pub fn orders(config: &Config) -> [Capture; 2] {
    [Client::decline, Client::inform].map(|order| {
        let mut harness = Harness::new(config.clone());
        harness.client.start(harness.now);
        let (message, _) = harness.after_timer();
        harness.answer(&message, MessageType::Offer);
        let (message, _) = harness.sent();
        harness.answer(&message, MessageType::Ack);
        while harness.client.poll_output().is_some() {}
        harness.now += Duration::from_secs(30);
        order(&mut harness.client, harness.now);
        harness.sent().1
    })
}

/// One of each kind that belongs to a lease: DISCOVER, the REQUESTs of SELECTING, RENEWING and REBINDING, RELEASE, the REQUEST of INIT-REBOOT.
pub fn captures(config: &Config) -> [Capture; 6] {
    let mut harness = Harness::new(config.clone());
    harness.client.start(harness.now);
    let (message, discover) = harness.after_timer();
    harness.answer(&message, MessageType::Offer);
    let (message, selecting) = harness.sent();
    harness.answer(&message, MessageType::Ack);
    let (_, renewing) = harness.after_timer();
    while harness.client.state().as_str() == "renewing" {
        harness.now = harness.client.poll_timeout().expect("a timer");
        while harness.client.poll_output().is_some() {}
        harness.client.handle_timeout(harness.now);
    }
    let (_, rebinding) = harness.sent();
    harness.client.release(harness.now);
    let (_, release) = harness.sent();

    let mut harness = Harness::new(config.clone());
    harness.client.reboot(ADDRESS, harness.now);
    let (_, rebooting) = harness.after_timer();
    [discover, selecting, renewing, rebinding, release, rebooting]
}
