//! A client under a script, and what must hold whatever the script says.

use super::*;

/// A client with a clock, and what is known about it from the outside.
pub struct Rig {
    client: Client,
    now: Instant,
    /// What it uses, going by its events.
    used: Option<Lease>,
    /// A lease of before.
    pub stored: Option<Lease>,
    last: Option<Message>,
    /// When the last messages were sent.
    sent: VecDeque<Instant>,
    pub seen: BTreeSet<&'static str>,
}

impl Rig {
    pub fn new(script: &mut Script<'_>) -> Self {
        let choice = script.byte();
        let mut config = Config::new(MAC);
        config.ias = vec![WantedIa::addresses(1)];
        if choice & 1 != 0 {
            config.start_delay = Duration::ZERO..=Duration::ZERO;
        }
        if choice & 2 != 0 {
            config.ias.push(WantedIa::prefixes(1, Some(56)));
        }
        config.duplicate_detection = choice & 4 != 0;
        config.rapid_commit = choice & 8 != 0;
        config.reconfigure = choice & 16 != 0;
        config.is_anonymous = choice & 32 != 0;
        config.detects_replay = choice & 64 == 0;
        Self {
            client: Client::new(config, fastrand::Rng::with_seed(u64::from(choice))),
            now: Instant::now(),
            used: None,
            stored: None,
            last: None,
            sent: VecDeque::new(),
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
        self.handle_timers();
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
        for _ in 0..6 {
            self.client.handle_timeout(self.now);
            self.drain();
            if !is_due(self) {
                break;
            }
        }
        assert!(
            !is_due(self),
            "the client spins in {:?}",
            self.client.state()
        );
    }

    pub fn command(&mut self, command: impl FnOnce(&mut Client, Instant)) {
        command(&mut self.client, self.now);
        self.drain();
    }

    pub fn receive_bytes(&mut self, bytes: &[u8]) {
        let Ok(message) = Message::decode(bytes) else {
            return;
        };
        let arrival = Arrival {
            source: HOSTS[3],
            destination: HOSTS[0],
        };
        self.client.handle_message(&message, arrival, self.now);
        self.drain();
    }

    fn server(number: usize) -> Duid {
        let number = u8::try_from(number).expect("a small number");
        Duid::link_layer(Mac([2, 0, 0, 0, 0, number]))
    }

    pub fn reconfigure(script: &mut Script<'_>) -> Message {
        let mut message = Message::new(MessageType::Reconfigure, 0);
        let kinds = [5, 6, 11, 7];
        message
            .options
            .push(code::SERVER_ID, Self::server(script.index(2)).as_bytes())
            .push(code::CLIENT_ID, Duid::link_layer(MAC).as_bytes())
            .push(code::RECONFIGURE_MESSAGE, [kinds[script.index(4)]]);
        let key = if script.byte() < 200 {
            KEY
        } else {
            ReconfigureKey([4; 16])
        };
        key.sign(&mut message, u64::from(script.byte()))
            .expect("short");
        message
    }

    /// Some server's answer to the last message, more or less right.
    pub fn reply(&self, script: &mut Script<'_>) -> Message {
        let choice = script.byte();
        let is_solicit = self
            .last
            .as_ref()
            .is_some_and(|last| last.message_type == MessageType::Solicit);
        let kind = if is_solicit && choice & 1 == 0 {
            MessageType::Advertise
        } else {
            MessageType::Reply
        };
        let mut reply = match &self.last {
            Some(question) => Message::answer_to(question, kind),
            None => Message::new(kind, 0),
        };
        let server = if choice & 2 == 0 { 0 } else { script.index(3) };
        reply
            .options
            .push(code::SERVER_ID, Self::server(server).as_bytes());
        for kind in [IaKind::Addresses, IaKind::Prefixes] {
            let what = script.byte();
            if what >= 224 {
                continue;
            }
            let mut ia = Ia::new(kind, 1 + u32::from(what == 223));
            (ia.t1, ia.t2) = if what & 1 == 0 {
                (0, 0)
            } else {
                (script.seconds(), script.seconds())
            };
            for _ in 0..=script.index(2) {
                let host = HOSTS[if what & 2 == 0 {
                    script.index(3)
                } else {
                    script.index(6)
                }];
                let (preferred, valid) = if what & 4 == 0 {
                    (3600, 7200)
                } else {
                    (script.seconds(), script.seconds())
                };
                if kind == IaKind::Addresses {
                    let leased = IaAddress::new(host, preferred, valid);
                    ia.options.push_address(&leased);
                } else {
                    let prefix = Prefix::new(host, 48 + script.byte() % 8).expect("a prefix");
                    let leased = IaPrefix::new(prefix, preferred, valid);
                    ia.options.push_prefix(&leased);
                }
            }
            if what & 0x38 == 0x38 {
                ia.options.push(code::STATUS, [0, script.byte() % 9]);
            }
            reply.options.push_ia(&ia);
        }
        if choice & 4 != 0 {
            reply.options.push(code::RAPID_COMMIT, []);
        }
        if choice & 8 != 0 {
            reply.options.push(code::PREFERENCE, [script.byte() | 0xf0]);
        }
        if choice & 0x70 == 0x70 {
            reply
                .options
                .push(code::STATUS, [0, script.byte() % 9, b'n', b'o']);
        }
        if choice & 0x90 == 0x90 {
            reply
                .options
                .push_option(KEY.to_option(script.byte().into()));
        }
        if choice & 0xa0 == 0xa0 {
            let code = u16::from(script.byte());
            let length = usize::from(script.byte() % 40);
            reply.options.push(code, script.take(length));
        }
        reply
    }

    /// Takes all outputs and checks them.
    fn drain(&mut self) {
        self.seen.insert(self.client.state().as_str());
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Transmit(message) => {
                    check_transmit(&message, self.client.config());
                    self.last = Some(message);
                    self.sent.push_back(self.now);
                    while self.sent.len() > 21 {
                        self.sent.pop_front();
                    }
                    // RFC 9915, 14.1.
                    let is_flood =
                        self.sent.len() == 21 && self.now - self.sent[0] < Duration::from_secs(20);
                    assert!(!is_flood, "a flood");
                }
                Output::Event(event) => self.note(event),
            }
        }
        // What it uses is what it said; what is being probed beside it is not said yet.
        let lease = self.client.lease();
        assert_eq!(
            lease.is_some(),
            self.used.is_some(),
            "events and state differ"
        );
        let (Some(lease), Some(used)) = (lease, &self.used) else {
            return;
        };
        let is_probing = matches!(self.client.state().as_str(), "probing" | "declining");
        let has = |address: Ipv6Addr| lease.addresses().any(|it| it.address == address);
        assert!(
            used.addresses().all(|it| has(it.address)),
            "{used:?} {lease:?}"
        );
        if !is_probing {
            assert_eq!(used.addresses().count(), lease.addresses().count());
            assert_eq!(used.prefixes().count(), lease.prefixes().count());
        }
        assert!(
            lease.next_end().is_none_or(|end| end > self.now),
            "beyond its end"
        );
    }

    fn note(&mut self, event: Event) {
        self.seen.insert(match &event {
            Event::Probe { .. } => "event: probe",
            Event::Bound { by, .. } | Event::Renewed { by, .. } => by.as_str(),
            Event::Gone { .. } => "event: gone",
            Event::Lost(reason) => reason.as_str(),
            Event::Ignored { reason, .. } => reason.as_str(),
            Event::Remarked { remark, .. } => remark.reason.as_str(),
            Event::FromAfar { .. } => "event: from afar",
            Event::Refused { refusal, .. } => refusal.status.code.as_str(),
            Event::Unanswered(what) => what.as_str(),
            Event::Conflict { .. } => "event: conflict",
            Event::Informed(_) => "event: informed",
            Event::Reconfigured { .. } => "event: reconfigured",
            Event::Answered(_) => "event: answered",
            Event::RateLimited { .. } => "event: rate limited",
        });
        match event {
            Event::Bound { lease, .. } => {
                assert!(self.used.is_none(), "bound twice");
                check_lease(&lease);
                self.stored = Some(lease.clone());
                self.used = Some(lease);
            }
            Event::Renewed { lease, .. } => {
                assert!(self.used.is_some(), "renewed without a lease");
                check_lease(&lease);
                self.used = Some(lease);
            }
            Event::Gone { what, .. } => {
                let used = self.used.as_mut().expect("a lease in use");
                assert!(!what.is_empty());
                for ia in &mut used.ias {
                    ia.addresses
                        .retain(|leased| !what.addresses.contains(&leased.address));
                    ia.prefixes
                        .retain(|leased| !what.prefixes.contains(&leased.prefix));
                }
            }
            Event::Lost(_) => {
                assert!(self.used.take().is_some(), "lost what was not used");
            }
            Event::Probe { lease, addresses } => {
                assert!(self.client.config().duplicate_detection && !addresses.is_empty());
                check_lease(&lease);
            }
            _ => {}
        }
    }
}
