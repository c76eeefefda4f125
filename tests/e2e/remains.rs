//! Nothing remains, whatever becomes of the files, descriptors and processes on which cleaning up relies.

use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;

use super::common::host::Host;
use super::common::{seconds, wait_for};

/// The names of namespaces of pool `ns`, and the folders of its resolvers.
fn left(host: &Host) -> Vec<String> {
    ["/run/netns", "/etc/netns"]
        .into_iter()
        .filter_map(|folder| fs::read_dir(host.path(folder)).ok())
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("ns"))
        .collect()
}

#[test]
fn with_too_few_descriptors_nothing_is_said_to_be_gone_that_is_not() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    for round in 0..3 {
        let script = "ulimit -n 64; exec /run/bin/lanherd up --parent lan0 --clients 60 --mode private --for 2s \
                      --lease-timeout 5s --intensity 2";
        let outcome = host
            .start("lanherd", &["sh", "-c", script])
            .finish(seconds(120));
        let left = left(&host);
        let claims = outcome.stdout.contains("nothing left behind");
        assert!(
            !claims || left.is_empty(),
            "{round}: {left:?}\n{}",
            outcome.stdout
        );
        let clean = host.lanherd(&["clean"]).finish(seconds(60));
        assert_eq!(clean.code, Some(0), "{}", clean.stderr);
        assert_eq!(host.snapshot(), before, "{round}");
    }
}

#[test]
fn what_was_written_down_may_be_taken_away_while_the_herd_runs() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    let herd = host.up(3, &[]);
    host.wait_configured(3, seconds(30));
    let script = "rm -rf /run/lanherd/ns /etc/netns/ns1 /etc/netns/ns2";
    host.must(&["sh", "-c", script]);
    // It is missed although nobody writes anything: leases last an hour.
    wait_for("the records are made again", seconds(30), || {
        let made = [
            "lock",
            "about",
            "ns1",
            "ns2",
            "ns3",
            "ns1.lease",
            "ns2.lease",
            "ns3.lease",
            "control",
        ];
        made.iter()
            .all(|name| host.path(&format!("/run/lanherd/ns/{name}")).exists())
            .then_some(())
    });
    let ps = host.lanherd(&["ps"]).finish(seconds(20));
    assert_eq!(ps.code, Some(0), "{}\n{}", ps.stdout, ps.stderr);
    host.must(&["sh", "-c", script]);
    herd.signal(Signal::SIGINT);
    let outcome = herd.finish(seconds(60));
    assert_eq!(left(&host), [""; 0], "{}", outcome.stderr);
    let words = "somebody has removed what lanherd keeps in /run/lanherd/ns";
    assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
    let after = host.snapshot();
    assert_eq!(
        (after.links, after.processes),
        (before.links, before.processes)
    );
}

#[test]
fn a_full_run_is_told_as_such_and_leaves_nothing() {
    let (host, _router) = Host::with_dnsmasq();
    host.must(&["mkdir", "/run/lanherd"]);
    let options = "size=1m,nr_inodes=12,mode=755";
    host.must(&[
        "mount",
        "-t",
        "tmpfs",
        "-o",
        options,
        "tmpfs",
        "/run/lanherd",
    ]);
    let before = host.snapshot();
    let arguments = [
        "up",
        "--parent",
        "lan0",
        "--clients",
        "20",
        "--for",
        "1s",
        "--lease-timeout",
        "5s",
    ];
    let outcome = host.lanherd(&arguments).finish(seconds(120));
    let told = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(told.contains("its file system is full"), "{told}");
    assert!(!told.contains("max_net_namespaces"), "{told}");
    assert_eq!(host.snapshot(), before);
    // Also where there is no room for the lock.
    host.must(&["mount", "-o", "remount,nr_inodes=2", "/run/lanherd"]);
    let outcome = host.lanherd(&arguments).finish(seconds(60));
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    let words = "its file system is full";
    assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_file_that_is_no_pool_hides_none() {
    let (host, _router) = Host::with_dnsmasq();
    let herd = host.up(1, &[]);
    host.wait_configured(1, seconds(30));
    fs::write(host.path("/run/lanherd/stray"), "").expect("written");
    fs::create_dir(host.path("/run/lanherd/odd")).expect("made");
    fs::create_dir(host.path("/run/lanherd/odd/lock")).expect("made");
    let ps = host.lanherd(&["ps"]).finish(seconds(20));
    assert_eq!(ps.code, Some(0), "{}", ps.stderr);
    assert!(ps.stdout.contains("1 of 1 clients online"), "{}", ps.stdout);
    herd.signal(Signal::SIGINT);
    let outcome = herd.finish(seconds(30));
    assert_eq!(outcome.code, Some(130), "{}", outcome.stderr);
    assert!(!host.path("/run/lanherd/ns").exists());
    assert!(host.path("/run/lanherd/stray").exists());
}

/// Widens the moment between fork and the request to be killed with the parent to two seconds.
const SLOW: &str = r"
#define _GNU_SOURCE
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>
int prctl(int option, ...) {
    va_list more;
    va_start(more, option);
    unsigned long first = va_arg(more, unsigned long);
    va_end(more);
    if (option == 1) usleep(2000000);
    return syscall(SYS_prctl, option, first, 0, 0, 0);
}
";

/// Processes of the whole machine whose command line has this word.
fn processes(word: &str) -> usize {
    let all = fs::read_dir("/proc").expect("a /proc").flatten();
    all.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .filter(|line| String::from_utf8_lossy(line).contains(word))
        .count()
}

fn has_child(pid: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten();
    tasks.flatten().any(|task| {
        fs::read_to_string(task.path().join("children")).is_ok_and(|found| !found.is_empty())
    })
}

#[test]
fn a_command_that_has_only_just_been_started_does_not_survive_a_kill() {
    let (host, _router) = Host::with_dnsmasq();
    let (source, library) = (host.folder().join("slow.c"), host.folder().join("slow.so"));
    fs::write(&source, SLOW).expect("written");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status()
        .expect("the test needs a C compiler");
    assert!(compiled.success());
    let preload = format!("LD_PRELOAD={}", library.display());
    let arguments = host.up_arguments(1, &["--run-command", "sleep 86415", "--every", "1s"]);
    let command: Vec<&str> = ["env", &preload, "/run/bin/lanherd"]
        .into_iter()
        .chain(arguments.iter().map(String::as_str))
        .collect();
    let herd = host.start("lanherd", &command);
    let pid = herd.pid();
    wait_for("a command begins", seconds(60), || {
        has_child(pid).then_some(())
    });
    herd.signal(Signal::SIGKILL);
    herd.finish(seconds(10));
    // When it would have begun.
    std::thread::sleep(seconds(4));
    assert_eq!(processes("86415"), 0);
    let clean = host.lanherd(&["clean"]).finish(seconds(30));
    assert_eq!(clean.code, Some(0), "{}", clean.stderr);
}
