//! What an audit finds under each fault of the lab's IPv6: an hour and a half on a paused clock.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where it cannot go on"
)]

use std::collections::BTreeSet;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use lanherd::family::Families;
use lanherd::fault::Fault;
use lanherd::identity::{ClientNumber, Identity, Mac, PoolName, Seed};
use lanherd::lan::{Lan, Port, PortEvent};
use lanherd_audit::{Audit, Settings, Solicitor};
use lanherd_lab::fake::FakeLan;
use lanherd_lab::{Ipv6Config, LabConfig};
use lanherd_ndp::{Body, Message, NdOption, NeighbourAdvertisement, Packet};
use tokio::sync::mpsc;

const MINUTE: Duration = Duration::from_secs(60);
const LASTS: Duration = Duration::from_secs(5_400);
/// The address that the lab's router advertises from, and its MAC.
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const ROUTER_MAC: Mac = Mac([0x02, 0x6c, 0x61, 0x6e, 0x68, 0x01]);

/// When the fault begins, and what happens beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// It is there before anybody listens.
    Before,
    /// After the first minute.
    Later,
    /// So, and half an hour later the router reboots.
    BeforeReboot,
}

/// The requirement that is named under each fault. Addresses are leased (M flag), unless a row below says otherwise.
const FOUND: &[(Fault, When, &str)] = &[
    (Fault::RaMute, When::Later, "ra-router-lifetime"),
    (Fault::RaSilent, When::Later, "ra-router-lifetime"),
    (Fault::RaFlood, When::Later, "ra-rate"),
    (Fault::RaFlap, When::Later, "ra-flaps"),
    (Fault::RaWrongRouter, When::Later, "nd-answers"),
    (Fault::RaRogue, When::Later, "ra-several-routers"),
    (Fault::RaStalePrefix, When::Later, "ra-stale-prefix"),
    (
        Fault::RaForgetsPrefix,
        When::BeforeReboot,
        "ra-stale-prefix",
    ),
    (Fault::RaNewUla, When::BeforeReboot, "ra-stale-prefix"),
    (Fault::RaNoAutonomous, When::Later, "ra-prefix-flags"),
    (Fault::RaNoOnLink, When::Later, "ra-prefix-flags"),
    (Fault::RaNoDns, When::Later, "ra-resolver-lifetime"),
    (Fault::RaNoDns, When::Before, "ra-no-resolver"),
    (Fault::RaShortDns, When::Later, "ra-resolver-lifetime"),
    (Fault::RaLongLifetimes, When::Later, "ra-lifetime-limits"),
    (Fault::RaGarbage, When::Later, "ra-valid"),
    (Fault::RaWrongPrefix, When::Later, "ra-autonomous-length"),
    (Fault::RaNoRoute, When::Before, "ra-route"),
    (Fault::NdMute, When::Before, "nd-answers"),
    (Fault::Dhcp6Mute, When::Before, "dhcp6-flags"),
    // No question of a host that is in no group comes to the server.
    (Fault::MldSnooping, When::Before, "dhcp6-flags"),
    (Fault::Dhcp6Garbage, When::Before, "dhcp6-readable"),
];

/// What nobody can tell who only listens and asks once, and why.
const NOT_FOUND: &[(Fault, &str)] = &[
    (Fault::RaSlow, "an answer may take 3.5 s (RFC 4861, 6.2.6)"),
    (
        Fault::RaZeroLifetime,
        "a router may be no default router; the report says so",
    ),
    (Fault::RaRenumber, "that is right"),
    (Fault::RaWrongDns, "resolvers are not asked"),
    (
        Fault::RaDefaultWithoutWan,
        "whether there is a line is not seen",
    ),
    (
        Fault::NdAnswersAll,
        "no address is asked for that nobody has",
    ),
    (Fault::DadSquatter, "no address is taken"),
    (Fault::Dhcp6Slow, "no RFC bounds the time"),
    (
        Fault::Dhcp6Exhausted,
        "a pool may be empty; the report says so",
    ),
    (Fault::Dhcp6NoBinding, "no lease is taken"),
    (Fault::Dhcp6NotOnLink, "no lease is taken"),
    (Fault::Dhcp6Duplicates, "no lease is taken"),
    (Fault::Dhcp6LostReplies, "no lease is taken"),
    (Fault::Dhcp6KeepsStale, "no lease is taken"),
    (Fault::Dhcp6Forgets, "no lease is taken"),
    (Fault::Dhcp6NoPrefix, "a server may have none to delegate"),
    (Fault::Dhcp6NoRoute, "nothing is sent through the router"),
    (Fault::DnsNoAaaa, "resolvers are not asked"),
    (Fault::V6Blackhole, "nothing is sent through the router"),
    (Fault::Pref64Dead, "nothing is sent through the router"),
];

/// The LAN of an audit: what it sends is heard by the lab's router, and what that sends by it.
struct AuditedLan {
    lan: FakeLan,
    port: <FakeLan as Lan>::Port,
    events: mpsc::UnboundedReceiver<PortEvent>,
    audit: Audit,
    solicitor: Solicitor,
    began: Instant,
    is_mute: bool,
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl AuditedLan {
    async fn new(managed: bool) -> Self {
        let lan = FakeLan::new(&LabConfig {
            ipv6: Some(Ipv6Config {
                managed,
                other: managed,
                // By RFC 7772, 4, seven an hour are enough; the default is more.
                interval: 25 * MINUTE,
                ..Ipv6Config::default()
            }),
            ..LabConfig::default()
        });
        let solicitor = Solicitor::new(&mut fastrand::Rng::with_seed(7));
        let mut identity = Identity::derive(&PoolName::default(), ClientNumber(1), Seed(7));
        identity.mac = solicitor.mac();
        let (sender, events) = mpsc::unbounded_channel();
        let inbox = Box::new(move |event| drop(sender.send(event)));
        let port = lan.attach_speaking(Families::Ipv6, &identity, inbox);
        Self {
            port: port.await.expect("attached"),
            lan,
            events,
            audit: Audit::new(Settings {
                interface: "lan0".to_owned(),
                link_mtu: 1_500,
                solicitor: solicitor.clone(),
                solicits: true,
            }),
            solicitor,
            began: now(),
            is_mute: false,
        }
    }

    fn hear(&mut self, frame: &[u8]) {
        let at = now().saturating_duration_since(self.began);
        if let Some(answer) = self.audit.hear(at, frame) {
            self.send(&answer);
        }
    }

    fn send(&mut self, frame: &[u8]) {
        // What is no frame of IPv6 is for a DHCP server, which is not of this LAN.
        let _ = self.port.transmit6(frame);
        if let Some(answer) = self.kernels_answer(frame) {
            self.hear(&answer);
        }
    }

    /// The router's kernel says where the router is.
    fn kernels_answer(&self, frame: &[u8]) -> Option<Vec<u8>> {
        let asked = Packet::from_frame(frame).ok()?;
        let is_asked = asked.message.body == Body::NeighbourSolicitation { target: ROUTER };
        if self.is_mute || !is_asked {
            return None;
        }
        let said = NeighbourAdvertisement {
            router: true,
            solicited: true,
            override_: true,
            target: ROUTER,
        };
        let body = Body::NeighbourAdvertisement(said);
        let message = Message::new(body, vec![NdOption::TargetLinkLayer(ROUTER_MAC)]);
        let mut answer = Packet::new(ROUTER_MAC, ROUTER, self.solicitor.link_local(), message);
        answer.destination_mac = Some(self.solicitor.mac());
        answer.to_frame()
    }

    /// Listens for so long, as `lanherd audit` does.
    async fn listen(&mut self, lasts: Duration) {
        let end = tokio::time::sleep(lasts);
        tokio::pin!(end);
        let mut looks = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                () = &mut end => return,
                _ = looks.tick() => {
                    let at = now().saturating_duration_since(self.began);
                    for question in self.audit.questions(at) {
                        self.send(&question);
                    }
                }
                Some(event) = self.events.recv() => match event {
                    PortEvent::Icmp6(packet) | PortEvent::Dhcp6(packet) => self.hear(&packet.frame),
                    _ => {}
                }
            }
        }
    }

    /// The requirements that something was found to break.
    fn named(self) -> BTreeSet<&'static str> {
        let now = now().saturating_duration_since(self.began);
        let report = self.audit.report(now, 0);
        let names = report.breaches.iter().map(|breach| breach.requirement);
        names.collect()
    }
}

/// What an audit names that begins with the lab's router, which is broken by this fault.
async fn found_under(fault: Fault, when: When, managed: bool) -> BTreeSet<&'static str> {
    let mut lan = AuditedLan::new(managed).await;
    if when != When::Before {
        lan.listen(MINUTE).await;
    }
    lan.lan.inject6(fault, 2 * LASTS).expect("begun");
    lan.is_mute = fault == Fault::NdMute;
    if when == When::BeforeReboot {
        lan.listen(30 * MINUTE).await;
        lan.lan.reboot6();
    }
    lan.listen(LASTS).await;
    lan.named()
}

fn is_of_ipv6(fault: Fault) -> bool {
    let words = [
        "ra_",
        "nd_",
        "dad_",
        "mld_",
        "dhcp6_",
        "v6_",
        "pref64_",
        "dns_no_aaaa",
    ];
    words.iter().any(|word| fault.as_str().starts_with(word))
}

#[tokio::test(start_paused = true)]
async fn under_each_fault_of_ipv6_an_audit_names_what_is_wrong() {
    for (fault, when, requirement) in FOUND {
        // Where addresses are leased, prefixes may lack the A flag, and there are resolvers.
        let managed = !matches!(fault, Fault::RaNoAutonomous | Fault::RaNoDns);
        let named = found_under(*fault, *when, managed).await;
        assert!(named.contains(requirement), "{fault}: {named:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_audit_cannot_tell_it_does_not_guess() {
    for (fault, why) in NOT_FOUND {
        let named = found_under(*fault, When::Before, true).await;
        assert_eq!(named, BTreeSet::new(), "{fault}, though {why}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_router_that_is_right_an_audit_names_nothing() {
    for beside in [None, Some(Fault::RaRenumber)] {
        let mut lan = AuditedLan::new(true).await;
        lan.listen(30 * MINUTE).await;
        match beside {
            Some(fault) => lan.lan.inject6(fault, LASTS).expect("begun"),
            None => lan.lan.set_wan6(true),
        }
        lan.listen(30 * MINUTE).await;
        lan.lan.reboot6();
        lan.listen(LASTS).await;
        assert_eq!(lan.named(), BTreeSet::new(), "{beside:?}");
    }
    // It leases addresses only where it says so.
    let mut lan = AuditedLan::new(false).await;
    lan.listen(LASTS).await;
    assert_eq!(lan.named(), BTreeSet::new());
}

#[test]
fn every_fault_of_ipv6_is_found_or_is_said_not_to_be_and_why() {
    for fault in Fault::ALL.iter().filter(|fault| is_of_ipv6(**fault)) {
        let is_found = FOUND.iter().any(|(found, ..)| found == fault);
        let is_excused = NOT_FOUND.iter().any(|(not_found, _)| not_found == fault);
        assert!(
            is_found != is_excused,
            "{fault} stands in neither list, or in both"
        );
    }
}
