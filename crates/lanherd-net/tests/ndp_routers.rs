//! The IPv6 host's state machine against radvd, over the real kernel: that its frames are answered, that what is advertised is what
//! it learns, and what a router that ceases and comes back with another prefix does to it. Needs root, iproute2 and radvd.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml allows them in test functions only, and all of this is one test program"
)]

use std::fs::{self, Permissions};
use std::net::Ipv6Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use lanherd_ndp::slaac::{
    AddressKind, Change, Config, DhcpWanted, Event, Output, RouterLoss, Secret, Verification,
};
use lanherd_ndp::{Host, Mac, Packet, Preference, Prefix};
use lanherd_net::listener::Listener;

use lanherd_testkit::world::{PARENT, in_a_world, ip};

const LOG: &str = "/run/radvd.log";
const MAC: Mac = Mac([2, 0, 0x5e, 0x10, 0, 0x77]);
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

/// A router on the parent's far end.
struct Radvd(Child);

impl Radvd {
    fn start(options: &str) -> Self {
        let config = "/run/radvd.conf";
        let text = format!(
            "interface far0 {{ AdvSendAdvert on; MinRtrAdvInterval 200; MaxRtrAdvInterval 600; {options} }};"
        );
        fs::write(config, text).expect("written");
        // radvd reads none that others may write, the world's /etc is empty, and radvd wants to know who root is.
        fs::write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n").expect("written");
        fs::set_permissions(config, Permissions::from_mode(0o644)).expect("set");
        let child = Command::new("radvd")
            .args(["-n", "-C", config, "-p", "/run/radvd.pid"])
            .args(["-m", "logfile", "-l", LOG])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the test needs radvd (Debian package radvd)");
        Self(child)
    }

    /// Ends it as a system that shuts down does, so that it says farewell.
    fn cease(mut self) {
        let process = i32::try_from(self.0.id()).expect("a process");
        kill(Pid::from_raw(process), Signal::SIGTERM).expect("told");
        self.0.wait().expect("ended");
    }
}

impl Drop for Radvd {
    fn drop(&mut self) {
        // It would live on in the world's namespaces, and they with it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The far end of the cable as a router has it: `fe80::1`, and forwarding, without which radvd is mute.
fn prepare() {
    ip("link set far0 down");
    ip("link set far0 addrgenmode none");
    ip("link set far0 up");
    ip(&format!("address add {ROUTER}/64 dev far0 nodad"));
    fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").expect("written");
}

/// A host that is not there but for its frames.
struct Driven {
    listener: Listener,
    host: Host,
    events: Vec<Event>,
    changes: Vec<Change>,
}

impl Driven {
    fn start() -> Self {
        let mut config = Config::new(MAC, Secret([7; 16]));
        config.start_delay = Duration::ZERO..=Duration::ZERO;
        let mut driven = Self {
            listener: Listener::open(PARENT).expect("opened"),
            host: Host::new(config, fastrand::Rng::with_seed(1)),
            events: Vec::new(),
            changes: Vec::new(),
        };
        driven.host.start(Instant::now());
        driven
    }

    fn drain(&mut self) {
        while let Some(output) = self.host.poll_output() {
            match output {
                Output::Transmit(packet) => {
                    let frame = packet.to_frame().expect("a frame");
                    self.listener.send(&frame).expect("sent");
                }
                Output::Configure(change) => {
                    // Nobody else is on this cable.
                    if let Change::SetAddress(it) = change
                        && it.is_tentative
                    {
                        let unique = Verification::Unique;
                        let now = Instant::now();
                        self.host.handle_verification(it.address, unique, now);
                    }
                    self.changes.push(change);
                }
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    /// Lets it run until such an event has come; gives it, and forgets it and those before.
    async fn until(&mut self, what: &str, is_meant: impl Fn(&Event) -> bool) -> Event {
        let started = Instant::now();
        loop {
            self.host.handle_timeout(Instant::now());
            self.drain();
            if let Some(at) = self.events.iter().position(&is_meant) {
                return self.events.drain(..=at).next_back().expect("the event");
            }
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "waited in vain until {what}: {:?}\n{}",
                self.events,
                fs::read_to_string(LOG).unwrap_or_default()
            );
            let next = self.listener.next();
            let Ok(frame) = tokio::time::timeout(Duration::from_millis(50), next).await else {
                continue;
            };
            let frame = frame.expect("the interface is up");
            if let Ok(packet) = Packet::from_frame(&frame.bytes) {
                self.host.handle_packet(&packet, Instant::now());
                self.drain();
            }
        }
    }

    fn address(&self, prefix: Prefix) -> Option<Ipv6Addr> {
        let mut all = self.host.addresses();
        let stable = all.find(|it| it.kind == AddressKind::Stable && prefix.contains(it.address));
        stable.map(|it| it.address)
    }
}

fn prefix(text: &str) -> Prefix {
    let (address, length) = text.split_once('/').expect("a prefix");
    let length = length.parse().expect("a length");
    Prefix::new(address.parse().expect("an address"), length).expect("a prefix")
}

#[test]
fn a_host_learns_from_radvd_what_radvd_was_told() {
    in_a_world(|| async {
        prepare();
        let _radvd = Radvd::start(
            "AdvOtherConfigFlag on; AdvLinkMTU 1480; AdvDefaultPreference high; \
             prefix 2001:db8:77::/64 { AdvValidLifetime 3600; AdvPreferredLifetime 1800; }; \
             prefix fd00:77::/64 { AdvOnLink off; }; \
             route fd00:99::/48 { AdvRoutePreference low; }; \
             RDNSS 2001:db8:77::1 fe80::1 { }; DNSSL lan.test { };",
        );
        let mut driven = Driven::start();
        let answered = |event: &Event| matches!(event, Event::Answered { .. });
        let Event::Answered { router, after, .. } = driven.until("it is answered", answered).await
        else {
            panic!("another event");
        };
        assert_eq!(router, ROUTER);
        // Three solicitations are 8 s apart: the first may have come before radvd.
        assert!(after < Duration::from_secs(9), "{after:?}");
        let found = |event: &Event| matches!(event, Event::RouterFound { .. });
        let Event::RouterFound { preference, .. } = driven.until("it has a router", found).await
        else {
            panic!("another event");
        };
        assert_eq!(preference, Preference::High);

        let host = &driven.host;
        assert_eq!(host.state().as_str(), "configured");
        let global = prefix("2001:db8:77::/64");
        assert!(
            driven.address(global).is_some() && driven.address(prefix("fd00:77::/64")).is_some()
        );
        let routes: Vec<_> = host.routes().map(|it| (it.prefix, it.gateway)).collect();
        assert!(
            routes.contains(&(Prefix::DEFAULT, Some(ROUTER))),
            "{routes:?}"
        );
        assert!(
            routes.contains(&(prefix("fd00:99::/48"), Some(ROUTER))),
            "{routes:?}"
        );
        assert!(routes.contains(&(global, None)), "{routes:?}");
        assert_eq!(routes.len(), 3, "{routes:?}");
        assert_eq!(
            host.resolvers(),
            ["2001:db8:77::1", "fe80::1"].map(|it| it.parse::<Ipv6Addr>().expect("an address"))
        );
        assert_eq!(host.search(), ["lan.test"]);
        assert_eq!(host.dhcp_wanted(), DhcpWanted::Stateless);
        let mtu = driven.changes.iter().find_map(|change| match change {
            Change::SetLink(link) => link.mtu,
            _ => None,
        });
        assert_eq!(mtu, Some(1480));
        let ignored = driven
            .events
            .iter()
            .find(|it| matches!(it, Event::Ignored { .. } | Event::Remarked { .. }));
        assert_eq!(ignored, None);
    });
}

#[test]
fn a_router_that_ceases_is_lost_and_one_that_comes_back_with_another_prefix_is_renumbered() {
    in_a_world(|| async {
        prepare();
        let (old, new) = (prefix("2001:db8:77::/64"), prefix("2001:db8:88::/64"));
        let radvd = Radvd::start("prefix 2001:db8:77::/64 { };");
        let mut driven = Driven::start();
        let found = |event: &Event| matches!(event, Event::RouterFound { .. });
        driven.until("it has a router", found).await;
        assert!(driven.address(old).is_some());
        // Who has answered a solicitation, by unicast, has begun to look for signals.
        driven.host.solicit(Instant::now());
        let unicast = |event: &Event| matches!(event, Event::Answered { unicast: true, .. });
        driven.until("it is answered for itself", unicast).await;
        radvd.cease();
        let lost = |event: &Event| {
            let why = RouterLoss::Withdrawn;
            *event
                == Event::RouterLost {
                    router: ROUTER,
                    why,
                }
        };
        driven.until("its router ceases", lost).await;
        assert_eq!(
            (driven.host.state().as_str(), driven.host.default_router()),
            ("listening", None)
        );
        // Of the prefix radvd has said nothing: it stays.
        assert!(driven.address(old).is_some());
        let _radvd = Radvd::start("prefix 2001:db8:88::/64 { };");
        driven.host.solicit(Instant::now());
        let renumbered = |event: &Event| matches!(event, Event::PrefixRenumbered { .. });
        let event = driven.until("the prefix is another", renumbered).await;
        let wanted = Event::PrefixRenumbered {
            router: ROUTER,
            old,
            new,
            announced: false,
        };
        assert_eq!(event, wanted);
        assert!(driven.address(old).is_some() && driven.address(new).is_some());
        assert_eq!(driven.host.default_router(), Some(ROUTER));
    });
}
