//! How a lab begins and ends: with what privilege, beside what, and what is left of it.

use std::net::Ipv4Addr;
use std::process::Stdio;
use std::time::Duration;

use lanherd_lab::{Lab, LabConfig, LabError};

use crate::{BareClients, Daemon, enter, eventually, exists, in_router, plug_in, start, works};
use lanherd_testkit::isolated::{part, sh, text};

pub fn a_lab_needs_no_privilege_in_a_sandbox() {
    enter();
    let lab = start(LabConfig::default());
    plug_in(&lab, "ns1");
    let _daemon = Daemon::start("ns1", &["udhcpc", "-f", "-i", "eth0"]);
    works(&lab, "ns1");
}

pub fn a_stopped_or_dropped_lab_leaves_no_link() {
    enter();
    let lab = start(LabConfig {
        uplink: "wan0".to_owned(),
        ..LabConfig::default()
    });
    assert_eq!(
        (lab.uplink(), lab.router()),
        ("wan0", Ipv4Addr::new(10, 77, 0, 1))
    );
    assert!(exists("wan0"));
    assert!(in_router("ip -o link show lan").contains(&lab.router_mac().to_string()));
    lab.stop().expect("a clean end");
    assert!(!exists("wan0"));
    for _ in 0..3 {
        drop(start(LabConfig::default()));
        assert!(!exists("lab0"));
    }
    // One whose uplink somebody else removed still ends well.
    let lab = start(LabConfig::default());
    sh("ip link delete lab0");
    lab.stop().expect("a clean end");
}

pub fn an_interface_of_the_same_name_is_never_taken_over() {
    enter();
    sh("ip link add lab0 type veth peer name other");
    let before = sh("ip -o link show lab0");
    match Lab::start(LabConfig::default()) {
        Err(error @ LabError::UplinkTaken(_)) => {
            assert!(error.to_string().contains("lab0"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(sh("ip -o link show lab0"), before);
}

pub fn without_privilege_and_sandbox_the_lab_says_what_to_do() {
    use std::os::unix::process::CommandExt;
    let output = part("start_a_lab_where_it_is_forbidden")
        .uid(65534)
        .gid(65534)
        .output()
        .expect("started, as root");
    assert!(output.status.success(), "{}", text(&output));
}

pub fn start_a_lab_where_it_is_forbidden() {
    match Lab::start(LabConfig::default()) {
        Err(error @ LabError::NoPrivilege(_)) => {
            assert!(error.to_string().contains("run as root"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

pub fn run_a_lab_until_killed() {
    let _lab = start(LabConfig::default());
    println!("ready");
    std::thread::sleep(Duration::from_secs(60));
}

pub fn a_killed_lab_vanishes_with_its_process() {
    use std::io::{BufRead, BufReader};
    enter();
    let mut child = part("run_a_lab_until_killed")
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("a pipe"))
        .read_line(&mut line)
        .expect("a line");
    assert_eq!(line, "ready\n");
    assert!(exists("lab0"));
    child.kill().expect("SIGKILL");
    child.wait().expect("its end");
    eventually("the uplink is gone", || !exists("lab0"));
    start(LabConfig::default())
        .stop()
        .expect("another lab in its place");
}

pub fn the_first_message_after_the_start_arrives() {
    enter();
    for round in 0..30 {
        let lab = start(LabConfig::default());
        BareClients::new().join(&lab, 0);
        eventually(
            &format!("the server hears the client in round {round}"),
            || lab.counters().acks == 1,
        );
        lab.stop().expect("a clean end");
    }
}

pub fn the_uplink_is_silent() {
    enter();
    let _lab = start(LabConfig {
        mtu: Some(1400),
        ..LabConfig::default()
    });
    assert_eq!(sh("ip -o address show dev lab0"), "");
    assert_eq!(in_router("ip -6 -o address show dev lan"), "");
    assert!(sh("ip link show lab0").contains("mtu 1400"));
    assert!(in_router("ip link show lan").contains("mtu 1400"));
}
