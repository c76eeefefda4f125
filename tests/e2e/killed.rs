//! After SIGKILL, at whatever moment: nothing is left on the machine, nor at the server.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use dhcproto::v4::MessageType;
use nix::sys::signal::Signal;

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
        dry.stdout.matches("would release 10.66.").count(),
        10,
        "{}",
        dry.stdout
    );
    let clean = host.lanherd(&["clean"]).finish(seconds(30));
    assert_eq!(clean.code, Some(0), "{}", clean.stderr);
    for (_, address) in &held {
        let line = format!("released {address} of ns");
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
        next.stderr.contains("released 10 leases"),
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
            .contains("could not be released: 3, since interface lan0 does not exist"),
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
