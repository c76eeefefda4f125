//! After SIGKILL, at whatever moment: nothing is left on the machine, nor at the server.

mod adopted;

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use dhcproto::v4::{MessageType, OptionCode};
use lanherd::identity::Mac;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::common::capture::{Capture, Seen};
use super::common::host::Host;
use super::common::process::Running;
use super::common::router::{Router, unplug};
use super::common::{seconds, wait_for};

/// Who has which address.
type Holders = BTreeSet<(Vec<u8>, Ipv4Addr)>;

/// Ends a run as the kernel does when memory is out.
fn killed(herd: Running) {
    herd.signal(Signal::SIGKILL);
    herd.finish(seconds(10));
}

/// A herd that is online and then killed.
fn killed_online(host: &Host, clients: u32) {
    let herd = host.up(clients, &[]);
    host.wait_configured(clients, seconds(30));
    killed(herd);
}

fn acknowledged(seen: &[Seen]) -> Holders {
    seen.iter()
        .filter(|seen| seen.kind() == Some(MessageType::Ack))
        .map(|seen| (seen.message.chaddr().to_vec(), seen.message.yiaddr()))
        .collect()
}

/// What was released, each by the MAC that holds it.
fn released(seen: &[Seen]) -> Holders {
    seen.iter()
        .filter(|seen| seen.kind() == Some(MessageType::Release))
        .map(|seen| {
            assert_eq!(seen.source_mac, seen.message.chaddr(), "{seen:?}");
            assert_eq!(seen.source, seen.message.ciaddr(), "{seen:?}");
            (seen.message.chaddr().to_vec(), seen.message.ciaddr())
        })
        .collect()
}

/// The leases that are written down on the machine.
fn written_down(host: &Host) -> Holders {
    let Ok(files) = fs::read_dir(host.path("/run/lanherd/ns")) else {
        return Holders::new();
    };
    files
        .flatten()
        .filter(|file| file.path().extension().is_some_and(|end| end == "lease"))
        .map(|file| {
            let text = fs::read_to_string(file.path()).expect("a lease");
            let lease: Value = serde_json::from_str(&text).expect("JSON");
            let value = |value: &Value| {
                let value = value.as_str();
                value.unwrap_or_else(|| panic!("{text}")).to_owned()
            };
            let mac: Mac = value(&lease["mac"]).parse().expect("a MAC");
            let prefix = value(&lease["dhcp4"]["address"]);
            let (address, _) = prefix.split_once('/').expect("a prefix");
            let address = address.parse().expect("an address");
            (mac.octets().to_vec(), address)
        })
        .collect()
}

fn interrupted(herd: Running) {
    herd.signal(Signal::SIGINT);
    let outcome = herd.finish(seconds(30));
    assert_eq!(outcome.code, Some(130), "{}", outcome.stderr);
}

#[test]
fn clean_releases_the_leases_of_a_killed_herd_each_in_its_holders_name() {
    let (host, router) = Host::with_dnsmasq();
    let capture = Capture::start(&host);
    let before = host.snapshot();
    killed_online(&host, 10);
    let held = acknowledged(&capture.messages());
    assert_eq!(held.len(), 10, "{held:?}");

    let dry = host.lanherd(&["clean", "--dry-run"]).finish(seconds(30));
    assert_eq!(
        dry.stdout.matches("would send RELEASE for 10.66.").count(),
        10,
        "{}",
        dry.stdout
    );
    let clean = host.lanherd(&["clean"]).finish(seconds(30));
    assert_eq!(clean.code, Some(0), "{}", clean.stderr);
    for (_, address) in &held {
        let line = format!("sent RELEASE for {address} of ns");
        assert!(
            clean.stdout.contains(&line),
            "no {line:?} in {}",
            clean.stdout
        );
    }
    capture.wait_for("ten releases", seconds(5), |seen| {
        (released(seen) == held).then_some(())
    });
    wait_for("the server has taken them back", seconds(5), || {
        (router.log().matches("DHCPRELEASE(lan) 10.66.").count() == 10).then_some(())
    });
    assert!(!router.log().contains("unknown lease"), "{}", router.log());
    assert_eq!(host.snapshot(), before);
    let again = host.lanherd(&["clean"]).finish(seconds(30));
    assert_eq!(again.stdout, "nothing is left of killed runs\n");
}

#[test]
fn the_next_start_releases_them_before_it_asks_for_new_ones() {
    let (host, _router) = Host::with_dnsmasq();
    let capture = Capture::start(&host);
    let before = host.snapshot();
    killed_online(&host, 10);
    let held = acknowledged(&capture.messages());
    let heard = capture.messages().len();

    let next = host.up(3, &["--for", "1s"]).finish(seconds(60));
    assert_eq!(next.code, Some(0), "{}", next.stderr);
    assert!(
        next.stderr.contains("sent RELEASE for 10 leases"),
        "{}",
        next.stderr
    );
    let seen = capture.messages().split_off(heard);
    let first = seen
        .iter()
        .position(|seen| seen.kind() == Some(MessageType::Discover))
        .expect("the next herd asks");
    assert_eq!(released(&seen[..first]), held);
    assert_eq!(host.snapshot(), before);
}

#[test]
fn clean_without_the_parent_says_that_the_leases_stay_and_cleans_the_machine_all_the_same() {
    let (host, _router) = Host::with_dnsmasq();
    let mut before = host.snapshot();
    killed_online(&host, 3);
    unplug(&host);
    let clean = host.lanherd(&["clean"]).finish(seconds(30));
    assert_eq!(clean.code, Some(0), "{}", clean.stderr);
    assert!(
        clean
            .stderr
            .contains("no RELEASE could be sent: 3, since interface lan0 does not exist"),
        "{}",
        clean.stderr
    );
    before.links.remove("lan0");
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_lease_that_has_run_out_meanwhile_is_nobodys_to_release() {
    let host = Host::new();
    let _router = Router::udhcpd(&host, "10.66.2.1", "10.66.2.9", 4);
    let capture = Capture::start(&host);
    killed_online(&host, 2);
    std::thread::sleep(seconds(5));
    let clean = host.lanherd(&["clean"]).finish(seconds(30));
    assert_eq!(clean.code, Some(0), "{}", clean.stderr);
    assert!(!clean.stdout.contains("released"), "{}", clean.stdout);
    assert_eq!(released(&capture.messages()), Holders::new());
}

#[test]
fn a_parent_that_has_another_name_by_now_is_found_by_its_number() {
    let (host, _router) = Host::with_dnsmasq();
    let capture = Capture::start(&host);
    killed_online(&host, 3);
    let held = acknowledged(&capture.messages());
    host.must(&["ip", "link", "set", "lan0", "down"]);
    host.must(&["ip", "link", "set", "lan0", "name", "lan9", "up"]);
    wait_for("it has a carrier", seconds(10), || {
        host.must(&["ip", "link", "show", "lan9"])
            .contains("LOWER_UP")
            .then_some(())
    });
    let clean = host.lanherd(&["clean"]).finish(seconds(30));
    assert_eq!(clean.code, Some(0), "{}", clean.stderr);
    capture.wait_for("three releases", seconds(5), |seen| {
        (released(seen) == held).then_some(())
    });
}

/// The moments of one run in which it is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// So long after its start.
    Joining(Duration),
    /// So long after it was told to leave.
    Leaving(Duration),
}

impl Moment {
    fn random(rng: &mut fastrand::Rng, round: u32) -> Self {
        if round.is_multiple_of(3) {
            Self::Leaving(Duration::from_millis(rng.u64(0..60)))
        } else {
            Self::Joining(Duration::from_millis(rng.u64(0..300)))
        }
    }

    /// Starts a herd and kills it then.
    fn kill(self, host: &Host, more: &[&str]) {
        let herd = host.up(20, more);
        let wait = match self {
            Self::Joining(wait) => {
                herd.pid();
                wait
            }
            Self::Leaving(wait) => {
                herd.wait_online(20, seconds(60));
                herd.signal(Signal::SIGINT);
                wait
            }
        };
        std::thread::sleep(wait);
        // It may have been faster, and ended.
        herd.kill();
        herd.finish(seconds(10));
    }
}

#[test]
fn killed_at_any_moment_nothing_is_left_on_the_machine_nor_at_the_server_of_what_was_known() {
    let (host, _router) = Host::with_dnsmasq();
    let capture = Capture::start(&host);
    let before = host.snapshot();
    let mut rng = fastrand::Rng::with_seed(20);
    let mut known_at_all = 0;
    for round in 0..20 {
        let moment = Moment::random(&mut rng, round);
        let heard = capture.messages().len();
        moment.kill(&host, &[]);
        let known = written_down(&host);
        known_at_all += known.len();
        if round.is_multiple_of(2) {
            let clean = host.lanherd(&["clean"]).finish(seconds(30));
            assert_eq!(clean.code, Some(0), "{round} {moment:?}: {}", clean.stderr);
        } else {
            let next = host.up(1, &["--for", "0s"]).finish(seconds(30));
            assert_eq!(next.code, Some(0), "{round} {moment:?}: {}", next.stderr);
        }
        // Also what was granted while nobody lived who could have heard of it.
        capture.wait_for(
            &format!("{round} {moment:?}: releases"),
            seconds(5),
            |seen| {
                let granted = acknowledged(&seen[heard..]);
                let released = released(&seen[heard..]);
                (released.is_superset(&known) && released.is_superset(&granted)).then_some(())
            },
        );
        assert_eq!(host.snapshot(), before, "{round} {moment:?}");
    }
    assert!(
        known_at_all > 40,
        "too early to tell: {known_at_all} leases"
    );
}

#[test]
fn killed_at_any_moment_the_herd_is_taken_over_with_the_addresses_that_were_known() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    let mut rng = fastrand::Rng::with_seed(21);
    let mut known_at_all = 0;
    for round in 0..6 {
        let moment = Moment::random(&mut rng, round);
        // Every other time it is itself a herd that was taken over.
        let more: &[&str] = if round % 2 == 0 { &[] } else { &["--adopt"] };
        moment.kill(&host, more);
        let known = written_down(&host);
        known_at_all += known.len();
        let herd = host.up(20, &["--adopt"]);
        herd.wait_online(20, seconds(60));
        let kept = written_down(&host);
        // dnsmasq may offer one address to two clients at one time: it remembers no offers. What both have requested by then, and
        // so have written down, one of them can keep.
        for (mac, address) in &known {
            let wants = |lease: &&(Vec<u8>, Ipv4Addr)| lease.1 == *address;
            let is_kept = match known.iter().filter(wants).count() {
                1 => kept.contains(&(mac.clone(), *address)),
                _ => kept.iter().filter(wants).count() == 1,
            };
            assert!(
                is_kept,
                "{round} {moment:?}: {address} of {mac:x?}: {known:?}, then {kept:?}"
            );
        }
        assert_eq!(kept.len(), 20, "{round} {moment:?}");
        for number in [1, 20] {
            let address = host.addresses(&format!("ns{number}"));
            assert_eq!(address.len(), 1, "{round} {moment:?}: ns{number}");
        }
        if round % 2 == 0 {
            killed(herd);
        } else {
            interrupted(herd);
            assert_eq!(host.snapshot(), before, "{round} {moment:?}");
        }
    }
    assert!(
        known_at_all > 20,
        "too early to tell: {known_at_all} leases"
    );
}

/// What the machine has on `lan0` apart from the herd's.
fn configuration(host: &Host) -> String {
    let mut text = String::new();
    for what in [
        "-br link show lan0",
        "route show dev lan0",
        "-6 -o address show dev lan0 scope global",
        "-6 route show dev lan0 proto boot",
    ] {
        let words = ["ip"].into_iter().chain(what.split(' '));
        text += &host.must(&words.collect::<Vec<_>>());
    }
    text
}

#[test]
fn a_parent_that_was_down_on_purpose_is_as_it_was_after_clean_and_after_the_next_start() {
    let (host, _router) = Host::with_dnsmasq();
    for command in [
        "addr add 192.0.2.5/24 dev lan0",
        "-6 addr add 2001:db8::5/64 dev lan0 nodad",
        "route add default via 192.0.2.1",
        "-6 route add default via 2001:db8::1",
    ] {
        host.must(
            &["ip"]
                .into_iter()
                .chain(command.split(' '))
                .collect::<Vec<_>>(),
        );
    }
    let (before, files) = (configuration(&host), host.snapshot());
    for cleans in [true, false] {
        let herd = host.up(3, &[]);
        host.wait_configured(3, seconds(30));
        let flap = host.lanherd(&["chaos", "flap-parent", "--for", "60s"]);
        wait_for("the parent is down", seconds(30), || {
            configuration(&host).contains("DOWN").then_some(())
        });
        killed(herd);
        flap.finish(seconds(30));
        assert!(
            configuration(&host).contains("DOWN"),
            "a kill leaves it down"
        );
        let said = if cleans {
            let dry = host.lanherd(&["clean", "--dry-run"]).finish(seconds(30));
            assert!(dry.stdout.contains("would bring lan0 up again"), "{dry:?}");
            let clean = host.lanherd(&["clean"]).finish(seconds(60));
            assert_eq!(clean.code, Some(0), "{}", clean.stderr);
            assert_eq!(
                clean.stdout.matches(" of ns").count(),
                3,
                "{}",
                clean.stdout
            );
            clean.stdout
        } else {
            let next = host.up(3, &["--for", "1s"]).finish(seconds(60));
            assert_eq!(next.code, Some(0), "{}", next.stderr);
            next.stderr
        };
        assert!(
            said.contains("lan0, which a killed run had taken down, is up again"),
            "{said}"
        );
        assert_eq!(configuration(&host), before);
        assert_eq!(host.snapshot(), files);
    }
}
