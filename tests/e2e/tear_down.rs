//! The end of a herd: what the server hears of it, and what is said of what could not be done.

use std::fs;

use dhcproto::v4::MessageType;
use nix::sys::signal::Signal;

use super::common::capture::{Capture, Seen};
use super::common::host::{Host, PARENT};
use super::common::{seconds, wait_for};

fn releases(seen: &[Seen]) -> usize {
    let is_release = |seen: &&Seen| seen.kind() == Some(MessageType::Release);
    seen.iter().filter(is_release).count()
}

#[test]
fn a_server_that_reads_one_message_each_millisecond_hears_every_release() {
    let host = Host::new();
    // A server as slow as one with a lease file, and with the room that a socket has by default.
    let script = r"
import socket, struct, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, 25, b'lan\0')
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
s.bind(('0.0.0.0', 67))
leases, released = {}, 0
print('ready', flush=True)
while True:
    m = s.recv(2048)
    o, i = {}, 240
    while i < len(m) and m[i] != 255:
        if m[i] == 0: i += 1; continue
        o[m[i]] = m[i + 2:i + 2 + m[i + 1]]; i += 2 + m[i + 1]
    kind = o.get(53, b'\0')[0]
    if kind == 7:
        released += 1; print('released', released, flush=True); time.sleep(0.001); continue
    answer = {1: 2, 3: 5}.get(kind)
    if not answer: continue
    n = leases.setdefault(m[28:34], len(leases) + 1)
    y = bytes([10, 66, 1 + n // 250, 1 + n % 250])
    r = bytes([2, 1, 6, 0]) + m[4:8] + bytes(8) + y + bytes(8) + m[28:44] + bytes(192) + bytes([99, 130, 83, 99, 53, 1, answer])
    r += bytes([54, 4, 10, 66, 0, 1, 51, 4, 0, 0, 14, 16, 1, 4, 255, 255, 0, 0, 3, 4, 10, 66, 0, 1, 255])
    s.sendto(r, ('255.255.255.255', 68))
";
    // It is the server that is slow, and not the machine that it runs on.
    let command = ["nice", "-n", "-20", "python3", "-c", script];
    let server = host.start_on_router("server", &command);
    wait_for("the server serves", seconds(10), || {
        server.stdout().contains("ready").then_some(())
    });
    let herd = host.up(200, &["--mode", "private", "--for", "500ms"]);
    let outcome = herd.finish(seconds(120));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    wait_for("every release is heard", seconds(30), || {
        server.stdout().contains("released 200\n").then_some(())
    });

    // All at once by order, too.
    let herd = host.up(200, &["--mode", "private"]);
    wait_for("all have a lease", seconds(60), || {
        let listed = host.lanherd(&["ps"]).finish(seconds(30)).stdout;
        (listed.matches(" online").count() >= 200).then_some(())
    });
    let told = host.lanherd(&["release", "all"]).finish(seconds(30));
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    wait_for("every release is heard", seconds(30), || {
        server.stdout().contains("released 400\n").then_some(())
    });
    herd.signal(Signal::SIGINT);
    herd.finish(seconds(60));
}

#[test]
fn a_namespace_that_a_descriptor_elsewhere_keeps_is_told_and_answers_no_more() {
    let (host, _router) = Host::with_dnsmasq();
    let herd = host.up(2, &[]);
    host.wait_configured(2, seconds(30));
    let address = host.addresses("ns1").remove(0);
    let address = address.split('/').next().expect("an address").to_owned();
    let keeper = host.start(
        "keeper",
        &["sh", "-c", "exec 9</run/netns/ns1; echo; exec sleep 300"],
    );
    wait_for("it is open", seconds(10), || {
        (!keeper.stdout().is_empty()).then_some(())
    });
    herd.signal(Signal::SIGINT);
    let outcome = herd.finish(seconds(60));
    assert!(
        outcome
            .stderr
            .contains("namespace ns1 could not be removed")
            && outcome
                .stderr
                .contains("(sleep) still has it open or mounted; its link is deleted"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stdout.contains("1 thing left behind"),
        "{}",
        outcome.stdout
    );
    assert_eq!(host.report().total("leaked_objects"), 1);
    let ping = host
        .start_on_router("ping", &["ping", "-c", "1", "-W", "1", &address])
        .finish(seconds(20));
    assert_eq!(
        ping.code,
        Some(1),
        "{address} still answers: {}",
        ping.stdout
    );
    // Its MAC is free.
    let next = host.up(2, &["--for", "1s"]).finish(seconds(60));
    assert_eq!(next.code, Some(0), "{}", next.stderr);
    // A run that ends by itself says it in its exit code.
    let herd = host.up(2, &["--for", "3s"]);
    host.wait_configured(2, seconds(30));
    let second = host.start(
        "keeper",
        &["sh", "-c", "exec 9</run/netns/ns2; echo; exec sleep 300"],
    );
    wait_for("it is open", seconds(10), || {
        (!second.stdout().is_empty()).then_some(())
    });
    assert_eq!(herd.finish(seconds(60)).code, Some(1));
}

#[test]
fn leases_that_cannot_be_released_for_want_of_a_carrier_are_told_and_clean_releases_them() {
    let (host, _router) = Host::with_dnsmasq();
    let capture = Capture::start(&host);
    let before = host.snapshot();
    let herd = host.up(3, &[]);
    host.wait_configured(3, seconds(30));
    let far = |state: &str| {
        let set = host.start_on_router("ip", &["ip", "link", "set", "lan", state]);
        assert_eq!(set.finish(seconds(10)).code, Some(0));
    };
    far("down");
    wait_for("the herd knows", seconds(10), || {
        herd.stderr().contains("has no carrier").then_some(())
    });
    herd.signal(Signal::SIGINT);
    let outcome = herd.finish(seconds(60));
    assert!(
        outcome
            .stderr
            .contains("for 3 leases no RELEASE could be sent")
            && outcome.stderr.contains("lanherd clean"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stdout.contains("no RELEASE sent for 3 leases")
            && !outcome.stdout.contains("nothing left behind"),
        "{}",
        outcome.stdout
    );
    assert_eq!(host.report().total("leases_unreleased"), 3);
    assert_eq!(releases(&capture.messages()), 0);
    let names = fs::read_dir(host.path("/run/netns")).expect("the folder");
    assert_eq!(
        names.count(),
        0,
        "only what is written down of the leases stays"
    );
    far("up");
    wait_for("the carrier is back", seconds(10), || {
        let link = host.must(&["ip", "-br", "link", "show", PARENT]);
        link.contains("LOWER_UP").then_some(())
    });
    let clean = host.lanherd(&["clean"]).finish(seconds(60));
    assert_eq!(clean.code, Some(0), "{}", clean.stderr);
    assert_eq!(
        clean.stdout.matches(" of ns").count(),
        3,
        "{}",
        clean.stdout
    );
    capture.wait_for("three releases", seconds(10), |seen| {
        (releases(seen) == 3).then_some(())
    });
    assert_eq!(host.snapshot(), before);
}
