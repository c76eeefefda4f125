//! A host of DHCPv6, and the faults that keep a lease from it.

pub(super) mod delegation;

use super::*;

/// A client of DHCPv6 on that LAN.
struct Dhcp6Host {
    mac: Mac,
    client: Client,
    events: Vec<Event>,
}

impl Dhcp6Host {
    fn start(lan: &Ipv6Lan, last: u8) -> Self {
        let mac = Mac([2, 0, 0, 0, 0, last]);
        let mut config = Config::new(mac);
        config.start_delay = Duration::ZERO..=Duration::ZERO;
        let mut client = Client::new(config, fastrand::Rng::with_seed(last.into()));
        client.start(lan.now);
        Self {
            mac,
            client,
            events: Vec::new(),
        }
    }

    fn link_local(&self) -> Ipv6Addr {
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, self.mac.0[5].into())
    }

    /// Lets both run for so long.
    fn run(&mut self, lan: &mut Ipv6Lan, lasts: Duration) {
        let end = lan.now + lasts;
        while lan.now < end {
            self.client.handle_timeout(lan.now);
            while let Some(output) = self.client.poll_output() {
                match output {
                    Output::Transmit(message) => {
                        let ends = Ends6::to_group(self.mac, self.link_local(), SERVERS);
                        let bytes = message.encode().expect("short");
                        lan.hear(&dhcp6_frame(&ends, &bytes).expect("short"));
                    }
                    Output::Event(Event::Probe { addresses, .. }) => {
                        for address in addresses {
                            self.client.handle_dad(address, DadOutcome::Unique, lan.now);
                        }
                    }
                    Output::Event(event) => self.events.push(event),
                }
            }
            let due = self.client.poll_timeout().unwrap_or(end);
            let step = due.min(end).saturating_duration_since(lan.now);
            for (_, frame) in lan.run(step.clamp(Duration::from_millis(1), SECOND / 10)) {
                let Some(packet) = Packet6::from_frame(&frame, lan.now) else {
                    continue;
                };
                if packet.link_destination != self.mac {
                    continue;
                }
                if let Ok(message) = DhcpMessage::decode(packet.content()) {
                    let arrival = lanherd_dhcp6::Arrival {
                        source: packet.source,
                        destination: packet.destination,
                    };
                    self.client.handle_message(&message, arrival, lan.now);
                }
            }
        }
    }

    fn addresses(&self) -> Vec<String> {
        let lease = self.client.lease();
        let leased = lease.into_iter().flat_map(lanherd_dhcp6::Lease::addresses);
        leased.map(|it| it.address.to_string()).collect()
    }

    /// The statuses that it was refused with.
    fn refusals(&self) -> Vec<StatusCode> {
        let refused = self.events.iter().filter_map(|event| match event {
            Event::Refused { refusal, .. } => Some(refusal.status.code),
            _ => None,
        });
        refused.collect()
    }
}

#[test]
fn faults_by_which_no_lease_is_had_and_one_is_had_when_they_are_over() {
    for (fault, code) in [
        (Fault::Dhcp6Mute, None),
        (Fault::Dhcp6LostReplies, None),
        (Fault::Dhcp6Garbage, None),
        (Fault::Dhcp6Exhausted, Some(StatusCode::NoAddrsAvail)),
        (Fault::Dhcp6NotOnLink, Some(StatusCode::NotOnLink)),
    ] {
        let mut lan = Ipv6Lan::with(|ipv6| ipv6.dhcp.rapid_commit = false);
        lan.inject(fault);
        let mut host = Dhcp6Host::start(&lan, 5);
        host.run(&mut lan, 20 * SECOND);
        assert_eq!(host.addresses(), Vec::<String>::new(), "{fault}");
        assert!(lan.effects(fault) > 0, "{fault}");
        assert!(
            code.is_none_or(|code| host.refusals().contains(&code)),
            "{fault}: {:?}",
            host.events
        );
        lan.heal();
        host.run(&mut lan, 120 * SECOND);
        assert_eq!(host.addresses().len(), 1, "{fault}");
    }
}

#[test]
fn faults_by_which_a_lease_is_late_lost_or_not_its_own() {
    let mut lan = Ipv6Lan::with(|ipv6| {
        ipv6.dhcp.t1 = Some(10 * SECOND);
        ipv6.dhcp.t2 = Some(20 * SECOND);
    });
    lan.inject(Fault::Dhcp6Slow);
    let mut host = Dhcp6Host::start(&lan, 5);
    host.run(&mut lan, 2 * SECOND);
    assert_eq!(host.addresses().len(), 0);
    host.run(&mut lan, 10 * SECOND);
    assert_eq!(host.addresses().len(), 1);
    lan.heal();

    let own = host.addresses();
    for fault in [Fault::Dhcp6NoBinding, Fault::Dhcp6Forgets] {
        lan.inject(fault);
        host.events.clear();
        host.run(&mut lan, 30 * SECOND);
        assert!(lan.effects(fault) > 0, "{fault}");
        assert!(!host.events.is_empty(), "{fault}");
        lan.heal();
        host.run(&mut lan, 60 * SECOND);
        assert_eq!(host.addresses().len(), 1, "{fault}");
    }

    lan.inject(Fault::Dhcp6Duplicates);
    let mut other = Dhcp6Host::start(&lan, 6);
    other.run(&mut lan, 5 * SECOND);
    assert_eq!(other.addresses(), host.addresses());
    assert!(lan.effects(Fault::Dhcp6Duplicates) > 0);
    drop(own);
    lan.heal();

    lan.inject(Fault::Dhcp6KeepsStale);
    host.run(&mut lan, 40 * SECOND);
    assert!(
        host.addresses()[0].starts_with("2001:db8:77:"),
        "{:?}",
        host.addresses()
    );
    assert!(lan.effects(Fault::Dhcp6KeepsStale) > 0);
    let said = lan.solicited().1;
    assert!(prefixes(&said)[0].starts_with("2001:db8:78:"));
    lan.heal();
    host.run(&mut lan, 40 * SECOND);
    let after = host.addresses();
    assert_eq!(after.len(), 1, "{after:?}");
    assert!(after[0].starts_with("2001:db8:78:"), "{after:?}");
}
