//! Live control: other processes ask a running pool, and run programs as its clients.

mod program_of_a_client;
mod requests;
mod unprivileged;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::common::host::{Host, PARENT};
use super::common::process::{Outcome, Running};
use super::common::{seconds, wait_for};

const NOBODY: u32 = 65534;
const AS_NOBODY: [&str; 8] = [
    "setpriv",
    "--reuid",
    "65534",
    "--regid",
    "65534",
    "--clear-groups",
    "--inh-caps=-all",
    "--bounding-set=-all",
];
const BINARY: &str = "/run/bin/lanherd";

/// Runs lanherd to its end.
fn lanherd(host: &Host, arguments: &[&str]) -> Outcome {
    host.lanherd(arguments).finish(seconds(60))
}

/// Runs lanherd, which must succeed; its standard output.
#[track_caller]
fn told(host: &Host, arguments: &[&str]) -> String {
    let outcome = lanherd(host, arguments);
    assert_eq!(outcome.code, Some(0), "{arguments:?}: {}", outcome.stderr);
    outcome.stdout
}

/// Runs lanherd, which must refuse with `code`, saying each of `words`.
#[track_caller]
fn refused(host: &Host, arguments: &[&str], code: i32, words: &[&str]) {
    let outcome = lanherd(host, arguments);
    assert_eq!(outcome.code, Some(code), "{arguments:?}: {outcome:?}");
    for word in words {
        assert!(
            outcome.stderr.contains(word),
            "{arguments:?}: {word:?} is not in {}",
            outcome.stderr
        );
    }
}

fn herd(host: &Host, pool: &str) -> Option<Value> {
    let outcome = lanherd(host, &["ps", "--json", "--pool", pool]);
    (outcome.code == Some(0)).then(|| serde_json::from_str(&outcome.stdout).expect("json"))
}

/// The field of client `number`, as `ps --json` tells it.
fn field(herd: &Value, number: u64, name: &str) -> Value {
    let clients = herd["clients"].as_array().expect("clients");
    let client = clients.iter().find(|client| client["number"] == number);
    client.unwrap_or_else(|| panic!("client {number} is not in {herd}"))[name].clone()
}

/// Waits until `clients` of the pool are online, and gives the herd.
#[track_caller]
fn online(host: &Host, pool: &str, clients: usize) -> Value {
    wait_for(&format!("{clients} of {pool} online"), seconds(60), || {
        let herd = herd(host, pool)?;
        let all = herd["clients"].as_array()?;
        let online = all.iter().filter(|client| client["phase"] == "online");
        (online.count() == clients).then(|| herd.clone())
    })
}

/// A lab with `clients` clients in a pool of this name, all online.
fn lab(host: &Host, pool: &str, clients: usize) -> Running {
    let count = clients.to_string();
    let running = host.lanherd(&["up", "--lab", "--pool", pool, "--clients", &count]);
    online(host, pool, clients);
    running
}

/// Whatever the commands do to a herd of four, on whatever it stands.
fn assert_controlled(host: &Host) {
    let before = online(host, "ns", 4);
    let table = told(host, &["ps"]);
    for word in ["ns1", "ns4", "online", "4 of 4 clients online"] {
        assert!(table.contains(word), "{word:?} is not in {table}");
    }
    assert!(field(&before, 1, "lease_remaining_seconds").as_u64() > Some(0));

    let events = host.lanherd(&["events", "--json"]);
    wait_for("events are followed", seconds(10), || {
        // The pool tells nothing before the next thing happens, so something has to.
        told(host, &["renew", "2"]);
        events.stdout().contains("renewed").then_some(())
    });

    assert_eq!(told(host, &["add", "2"]), "clients 5 to 6 join\n");
    online(host, "ns", 6);
    assert_eq!(told(host, &["restart", "1,3"]), "2 clients restart\n");
    let after = wait_for("clients 1 and 3 were restarted", seconds(30), || {
        let herd = online(host, "ns", 6);
        (field(&herd, 1, "restarts") == 1 && field(&herd, 3, "restarts") == 1).then_some(herd)
    });
    for name in ["mac", "address"] {
        assert_eq!(field(&after, 1, name), field(&before, 1, name));
    }
    assert_eq!(told(host, &["release", "2"]), "1 client told to release\n");
    wait_for("client 2 has released its lease", seconds(10), || {
        (field(&herd(host, "ns")?, 2, "phase") == "released").then_some(())
    });
    told(host, &["renew", "2"]);
    online(host, "ns", 6);
    assert_eq!(
        told(host, &["remove", "5-6"]),
        "2 clients left, 2 RELEASEs sent\n"
    );
    let left = lanherd(host, &["remove", "5"]);
    assert_eq!(left.code, Some(2), "{}", left.stderr);
    assert!(left.stderr.contains("client 5 has left"), "{}", left.stderr);
    assert_eq!(
        told(host, &["chaos", "crash", "4"]),
        "crash was made to 1 client\n"
    );
    wait_for("client 4 is back", seconds(30), || {
        let herd = online(host, "ns", 4);
        (field(&herd, 4, "restarts") == 1).then_some(())
    });

    assert_eq!(told(host, &["stop"]), "stopped\n");
    let outcome = events.finish(seconds(10));
    assert_eq!(
        outcome.code,
        Some(0),
        "events end with the pool: {}",
        outcome.stderr
    );
    let events: Vec<Value> = outcome
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("an event a line"))
        .collect();
    let has = |client: u64, what: &str, to: &str| {
        let is = |event: &&Value| {
            event["client"] == client
                && event["event"] == what
                && (to.is_empty() || event["to"] == to)
        };
        assert!(
            events.iter().any(|event| is(&event)),
            "no {what} {to} of {client}"
        );
    };
    has(5, "phase", "online");
    has(1, "bound", "");
    has(2, "lost", "");
    has(5, "phase", "gone");
    has(4, "failed", "");
    let sequence: Vec<u64> = events
        .iter()
        .filter_map(|e| e["sequence"].as_u64())
        .collect();
    assert!(
        sequence.windows(2).all(|pair| pair[0] + 1 == pair[1]),
        "{sequence:?}"
    );
}

/// What programs see that run as client 2.
fn assert_whole_client(host: &Host) {
    let exec = |command: &[&str]| lanherd(host, &[&["exec", "2", "--"], command].concat());
    let address = field(&online(host, "ns", 4), 2, "address");
    let address = address.as_str().expect("an address").to_owned();
    let seen = exec(&["ip", "-4", "-o", "address", "show", "dev", "lan0"]);
    assert!(seen.stdout.contains(&address), "{address}: {seen:?}");
    let resolver = exec(&["cat", "/etc/resolv.conf"]);
    assert!(
        resolver.stdout.starts_with("# lanherd: ns2"),
        "{resolver:?}"
    );
    assert!(resolver.stdout.contains("\nnameserver "), "{resolver:?}");
    let links = exec(&["ls", "/sys/class/net"]);
    assert_eq!(links.stdout, "lan0\nlo\n", "{links:?}");
    assert_eq!(
        exec(&["ping", "-c", "1", "-W", "5", "8.8.8.8"]).code,
        Some(0)
    );
    assert_eq!(exec(&["sh", "-c", "exit 7"]).code, Some(7));
    assert_eq!(exec(&["pwd"]).stdout, "/\n");
    // SIGPIPE is as a shell has it: `yes` ends with `head`.
    assert_eq!(exec(&["sh", "-c", "yes | head -1"]).stdout, "y\n");

    let missing = exec(&["no-such-program"]);
    assert_eq!(missing.code, Some(127), "{missing:?}");
    assert!(missing.stderr.contains("no-such-program"), "{missing:?}");
    assert_eq!(exec(&["/etc"]).code, Some(126));
    refused(
        host,
        &["exec", "99", "--", "id"],
        2,
        &["client 99", "from 1 to 4"],
    );

    // A terminal is passed through: the program's is the one that script(1) has made.
    let on_terminal = [
        "script",
        "--quiet",
        "--return",
        "--command",
        "/run/bin/lanherd exec 2 -- sh -c 'test -t 0 && test -t 1 && tty; exit 5'",
        "/dev/null",
    ];
    let outcome = host.run(&on_terminal);
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    assert!(outcome.stdout.contains("/dev/pts/"), "{outcome:?}");
}

#[test]
fn a_lab_is_controlled_from_outside_of_its_sandbox() {
    let host = Host::new();
    let before = host.snapshot();
    let run = lab(&host, "ns", 4);
    assert_controlled(&host);
    let outcome = run.finish(seconds(30));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(
        outcome.stdout.contains("4 of 4 clients online"),
        "{}",
        outcome.stdout
    );
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_herd_on_a_real_parent_is_controlled_and_leaves_no_lease_and_no_socket() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    let run = host.up(4, &[]);
    assert_controlled(&host);
    let outcome = run.finish(seconds(30));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(host.report().total("online"), 4);
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_program_runs_as_a_client_of_a_real_parent() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    let run = host.up(4, &[]);
    assert_whole_client(&host);
    run.signal(Signal::SIGINT);
    run.finish(seconds(30));
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_program_runs_as_a_client_of_a_lab() {
    let host = Host::new();
    let before = host.snapshot();
    let run = lab(&host, "ns", 4);
    assert_whole_client(&host);
    run.signal(Signal::SIGINT);
    run.finish(seconds(30));
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_signal_to_the_program_is_the_programs_own() {
    let host = Host::new();
    let _run = lab(&host, "ns", 2);
    let sleeper = host.lanherd(&["exec", "1", "sleep", "1000"]);
    wait_for("the program has taken lanherd's place", seconds(10), || {
        let name = fs::read_to_string(format!("/proc/{}/comm", sleeper.pid())).ok()?;
        (name == "sleep\n").then_some(())
    });
    sleeper.signal(Signal::SIGINT);
    assert_eq!(sleeper.finish(seconds(10)).code, None, "SIGINT ends it");
}

#[test]
fn where_run_netns_is_there_already_a_lab_covers_it_and_leaves_it_as_it_was() {
    let host = Host::new();
    host.must(&["ip", "netns", "add", "other"]);
    let before = host.snapshot();
    let run = lab(&host, "ns", 4);
    assert_whole_client(&host);
    run.signal(Signal::SIGINT);
    let outcome = run.finish(seconds(30));
    assert_eq!(outcome.code, Some(130), "{}", outcome.stderr);
    assert!(
        outcome.stdout.contains("nothing left behind"),
        "{outcome:?}"
    );
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_lab_that_outlives_a_herd_on_a_real_parent_leaves_nothing_either() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    let real = host.up(2, &["--pool", "real"]);
    online(&host, "real", 2);
    let lab = lab(&host, "lab", 2);
    refused(
        &host,
        &["ps"],
        2,
        &["2 pools are alive: lab, real", "--pool"],
    );
    refused(
        &host,
        &["ps", "--pool", "other"],
        3,
        &["other", "lab, real"],
    );
    assert!(
        told(
            &host,
            &[
                "exec",
                "--pool",
                "real",
                "1",
                "--",
                "cat",
                "/etc/resolv.conf"
            ]
        )
        .contains("real1")
    );
    // The same name is refused, wherever it is wanted.
    for arguments in [
        &["up", "--lab", "--clients", "1", "--pool", "real"][..],
        &["up", "--lab", "--clients", "1", "--pool", "lab"],
        &["up", "--parent", "lan0", "--clients", "1", "--pool", "lab"],
    ] {
        refused(&host, arguments, 3, &["is alive in process", "--pool"]);
    }
    let clean = told(&host, &["clean"]);
    assert!(
        clean.contains("pool lab is alive") && clean.contains("pool real is alive"),
        "{clean}"
    );

    told(&host, &["stop", "--pool", "real"]);
    assert_eq!(real.finish(seconds(30)).code, Some(0));
    assert!(
        !host.path("/run/netns").exists(),
        "the lab does not need it"
    );
    // Nor does it lose its own names with the host's.
    std::thread::sleep(Duration::from_millis(700));
    online(&host, "lab", 2);
    told(&host, &["stop"]);
    let outcome = lab.finish(seconds(30));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(
        !outcome.stderr.contains("failed client"),
        "{}",
        outcome.stderr
    );
    assert_eq!(host.snapshot(), before);
    refused(&host, &["ps"], 3, &["no pool", "lanherd up"]);
}

#[test]
fn a_killed_lab_is_not_alive_and_its_folder_is_taken_over_or_cleaned_up() {
    let host = Host::new();
    let before = host.snapshot();
    let run = lab(&host, "ns", 2);
    let other = lab(&host, "other", 1);
    run.signal(Signal::SIGKILL);
    run.finish(seconds(10));
    assert!(host.path("/run/lanherd/ns/control").exists());
    refused(&host, &["ps", "--pool", "ns"], 3, &["no pool ns"]);

    let again = lab(&host, "ns", 3);
    again.signal(Signal::SIGKILL);
    again.finish(seconds(10));
    let clean = told(&host, &["clean"]);
    assert!(
        clean.contains("/run/lanherd/ns") && clean.contains("pool other is alive"),
        "{clean}"
    );
    assert!(!host.path("/run/lanherd/ns").exists());
    online(&host, "other", 1);
    told(&host, &["stop"]);
    other.finish(seconds(30));
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_killed_herd_on_a_real_parent_leaves_a_socket_that_clean_and_the_next_start_remove() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    for then in ["clean", "start"] {
        let run = host.up(2, &[]);
        online(&host, "ns", 2);
        run.signal(Signal::SIGKILL);
        run.finish(seconds(10));
        assert!(host.path("/run/lanherd/ns/control").exists());
        refused(&host, &["ps"], 3, &["no pool"]);
        if then == "clean" {
            told(&host, &["clean"]);
        } else {
            let run = host.up(2, &[]);
            online(&host, "ns", 2);
            told(&host, &["stop"]);
            assert_eq!(run.finish(seconds(30)).code, Some(0));
        }
        assert_eq!(host.snapshot().files, before.files);
    }
}

#[test]
fn the_socket_and_its_folder_are_for_the_owner_only() {
    let host = Host::new();
    let _run = lab(&host, "ns", 1);
    let mode = |path: &str| {
        let metadata = fs::metadata(host.path(path)).expect(path);
        (metadata.mode() & 0o777, metadata.uid())
    };
    assert_eq!(mode("/run/lanherd/ns"), (0o700, 0));
    assert_eq!(mode("/run/lanherd/ns/control"), (0o600, 0));
    let as_nobody = || {
        let command = [&AS_NOBODY[..], &[BINARY, "ps"]].concat();
        host.start("lanherd", &command).finish(seconds(30))
    };
    let outcome = as_nobody();
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(outcome.stderr.contains("no pool of yours"), "{outcome:?}");

    // Were the modes ever wrong, the pool itself refuses whoever is neither its user nor root.
    for (path, mode) in [
        ("", 0o755),
        ("/ns", 0o755),
        ("/ns/lock", 0o644),
        ("/ns/control", 0o666),
    ] {
        let path = host.path(&format!("/run/lanherd{path}"));
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("root may");
    }
    let outcome = as_nobody();
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(
        outcome.stderr.contains("not yours (user 65534)"),
        "{outcome:?}"
    );
}
