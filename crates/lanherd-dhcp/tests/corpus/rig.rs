//! A client under a script, and what must hold whatever the script says.

use super::*;

/// A client with a clock, and what is known about it from the outside.
pub struct Rig {
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
    pub seen: BTreeSet<&'static str>,
}

impl Rig {
    pub fn new(script: &mut Script<'_>) -> Self {
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

    pub fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.client.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.handle_timers();
        }
        self.now = end;
    }

    pub fn wait_for_timer(&mut self) {
        if let Some(due) = self.client.poll_timeout() {
            self.now = self.now.max(due);
            self.handle_timers();
        }
    }

    pub fn sleep(&mut self, time: Duration) {
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
    pub fn arp(&self, script: &mut Script<'_>) -> Arp {
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

    pub fn command(&mut self, command: impl FnOnce(&mut Client, Instant)) {
        self.inputs += 1;
        command(&mut self.client, self.now);
        assert!(self.drain() <= 1);
    }

    pub fn receive_bytes(&mut self, bytes: &[u8]) {
        let Ok(message) = Message::decode(bytes) else {
            return;
        };
        self.inputs += 1;
        self.client.handle_message(&message, self.now);
        assert!(self.drain() <= 1);
    }

    /// Some server's answer to the last message, more or less right.
    pub fn reply(&self, script: &mut Script<'_>) -> Message {
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
