//! The lab against the real kernel, and against the DHCP clients that people use.
//!
//! Each test moves into a sandbox first, so that nothing of it can reach the host.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test prints what it measured, and ends where it cannot go on"
)]

#[path = "router/faults.rs"]
mod faults;
#[path = "router/services.rs"]
mod services;

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use faults::{
    a_client_with_a_wrong_router_or_a_wrong_dns_server_reaches_nothing_by_it,
    a_fault_is_refused_once_the_lab_has_ended,
    a_lease_that_ends_early_is_refused_and_the_client_gets_another,
    a_lease_whose_acknowledgement_is_lost_is_bound_all_the_same,
    a_router_that_reboots_takes_the_carrier_along_and_comes_back_as_it_was,
    a_router_that_was_reset_refuses_the_lease_and_its_client_gets_another,
    a_server_that_gives_no_lease_is_well_again_when_it_is_healed,
    a_server_that_refuses_whoever_has_a_lease_gives_it_anew,
    a_short_pool_serves_five_clients_and_no_sixth, a_slow_server_gives_a_lease_late,
    an_address_that_is_given_twice_is_renewed_for_both,
};
use lanherd_dhcp::Message;
use lanherd_dhcp::options::{MessageType, code};
use lanherd_lab::{Lab, LabConfig, LabError, LeaseTime};
use lanherd_net::sandbox;
use lanherd_testkit::isolated::{part, sh, text};
use lanherd_types::fault::Fault;
use lanherd_types::identity::Mac;
use services::{
    a_leak_slows_everything_down_and_is_gone_when_the_fault_is_over,
    a_resolver_in_trouble_is_mute_fails_or_answers_only_so_many_at_once,
    pings_are_answered_twice_by_the_router_and_its_aliases_until_the_fault_is_over,
    pings_are_lost_without_privilege_too,
    some_pings_are_lost_by_the_router_and_its_aliases_until_the_fault_is_over,
    the_lab_has_web_pages_on_each_of_its_addresses,
    what_is_broken_from_the_beginning_is_so_until_it_is_ended,
};
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, Question, RCODE, TYPE};

lanherd_testkit::isolated_tests! {
    Nobody: a_lab_needs_no_privilege_in_a_sandbox,
    Nobody: pings_are_lost_without_privilege_too,
    Caller: pings_are_answered_twice_by_the_router_and_its_aliases_until_the_fault_is_over,
    Caller: a_stopped_or_dropped_lab_leaves_no_link,
    Caller: an_interface_of_the_same_name_is_never_taken_over,
    Caller: without_privilege_and_sandbox_the_lab_says_what_to_do,
    Caller: a_killed_lab_vanishes_with_its_process,
    Caller: the_first_message_after_the_start_arrives,
    Caller: the_uplink_is_silent,
    Caller: dhclient_gets_a_lease_and_reaches_google_dns,
    Caller: dhcpcd_gets_a_lease_and_reaches_google_dns,
    Caller: udhcpc_gets_a_lease_and_reaches_google_dns,
    Caller: udhcpc_renews_and_releases_and_the_router_forgets_its_neighbour,
    Caller: a_lease_that_runs_out_is_forgotten_and_so_is_its_neighbour,
    Caller: an_address_that_nobody_has_is_unreachable_at_once,
    Caller: the_lab_resolves_aliases_itself_and_its_clients,
    Caller: three_thousand_bindings_fit_the_neighbour_table,
    Caller: a_router_that_reboots_takes_the_carrier_along_and_comes_back_as_it_was,
    Caller: a_router_that_was_reset_refuses_the_lease_and_its_client_gets_another,
    Caller: a_server_that_gives_no_lease_is_well_again_when_it_is_healed,
    Caller: a_lease_whose_acknowledgement_is_lost_is_bound_all_the_same,
    Caller: a_short_pool_serves_five_clients_and_no_sixth,
    Caller: a_client_with_a_wrong_router_or_a_wrong_dns_server_reaches_nothing_by_it,
    Caller: a_server_that_refuses_whoever_has_a_lease_gives_it_anew,
    Caller: a_slow_server_gives_a_lease_late,
    Caller: an_address_that_is_given_twice_is_renewed_for_both,
    Caller: a_lease_that_ends_early_is_refused_and_the_client_gets_another,
    Caller: a_fault_is_refused_once_the_lab_has_ended,
    Caller: some_pings_are_lost_by_the_router_and_its_aliases_until_the_fault_is_over,
    Caller: a_leak_slows_everything_down_and_is_gone_when_the_fault_is_over,
    Caller: a_resolver_in_trouble_is_mute_fails_or_answers_only_so_many_at_once,
    Caller: the_lab_has_web_pages_on_each_of_its_addresses,
    Caller: what_is_broken_from_the_beginning_is_so_until_it_is_ended,
    ;
    run_a_lab_until_killed,
    start_a_lab_where_it_is_forbidden,
}

/// Moves into a sandbox. Must come first.
fn enter() {
    if let Err(error) = sandbox::enter() {
        panic!("{error}");
    }
}

fn start(config: LabConfig) -> Lab {
    match Lab::start(config) {
        Ok(lab) => lab,
        Err(error) => panic!("{error}"),
    }
}

fn exists(link: &str) -> bool {
    Command::new("ip")
        .args(["link", "show", link])
        .output()
        .expect("ip")
        .status
        .success()
}

/// Waits until `condition` holds, half a minute at most: dhcpcd alone takes ten seconds to see whether its address is free.
fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(
            Instant::now() < deadline,
            "in half a minute it did not happen that {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a script in the router's namespace, which has no name: by way of the thread that lives there.
fn in_router(script: &str) -> String {
    let tasks = fs::read_dir("/proc/self/task")
        .expect("tasks")
        .map(|task| task.expect("a task").path());
    let is_lab = |task: &std::path::PathBuf| {
        fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == "lanherd-lab")
    };
    let task = tasks.into_iter().find(is_lab).expect("the lab's thread");
    let tid = task
        .file_name()
        .expect("a thread id")
        .to_string_lossy()
        .into_owned();
    let namespace = format!("/proc/{}/task/{tid}/ns/net", std::process::id());
    sh(&format!("nsenter --net={namespace} sh -ec '{script}'"))
}

/// Makes a named namespace with a macvlan called eth0 on the lab's uplink.
fn plug_in(lab: &Lab, client: &str) {
    let uplink = lab.uplink();
    sh(&format!(
        "ip netns add {client}
         ip link add link {uplink} name eth0 netns {client} type macvlan mode private
         ip netns exec {client} ip link set lo up
         ip netns exec {client} ip link set eth0 up
         mkdir -p /etc/netns/{client}; touch /etc/netns/{client}/resolv.conf"
    ));
}

/// A client's daemon, ended with the test.
struct Daemon(Child);

/// Puts a program into a process namespace of its own, all of which ends when the program does.
const APART: [&str; 5] = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];

impl Daemon {
    fn start(client: &str, program: &[&str]) -> Self {
        let child = Command::new("ip")
            .args(["netns", "exec", client])
            .args(program)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        Self(child)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Longer than any test: it is healed instead.
const LONG: Duration = Duration::from_secs(600);

fn effects(lab: &Lab, fault: Fault) -> u64 {
    lab.fault_effects().get(&fault).copied().unwrap_or(0)
}

/// Asks for a lease, three messages a second apart; after a refusal it would go on for ever.
fn lease_is_had(client: &str) -> bool {
    let ask = [
        "timeout", "8", "udhcpc", "-f", "-q", "-n", "-t", "3", "-T", "1", "-i", "eth0",
    ];
    Command::new("ip")
        .args(["netns", "exec", client])
        .args(ask)
        .output()
        .expect("udhcpc")
        .status
        .success()
}

/// What a client that has its lease must be able to do.
fn works(lab: &Lab, client: &str) {
    eventually("the client has its address and a route", || {
        let address = sh(&format!("ip -n {client} -4 -o address show dev eth0"));
        let route = sh(&format!("ip -n {client} route show default"));
        address.contains("/16") && route.contains(&lab.router().to_string())
    });
    sh(&format!(
        "ip netns exec {client} ping -c 1 -W 5 {}",
        lab.router()
    ));
    sh(&format!("ip netns exec {client} ping -c 1 -W 5 8.8.8.8"));
    let [lease] = &lab.leases()[..] else {
        panic!("{:?}", lab.leases())
    };
    let address = sh(&format!("ip -n {client} -4 -o address show dev eth0"));
    assert!(
        address.contains(&format!("{}/16", lease.address)),
        "{address} is not {lease:?}"
    );
    assert!(sh(&format!("ip -n {client} link show eth0")).contains(&lease.mac.to_string()));
}

fn a_lab_needs_no_privilege_in_a_sandbox() {
    enter();
    let lab = start(LabConfig::default());
    plug_in(&lab, "ns1");
    let _daemon = Daemon::start("ns1", &["udhcpc", "-f", "-i", "eth0"]);
    works(&lab, "ns1");
}

fn a_stopped_or_dropped_lab_leaves_no_link() {
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

fn an_interface_of_the_same_name_is_never_taken_over() {
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

fn without_privilege_and_sandbox_the_lab_says_what_to_do() {
    use std::os::unix::process::CommandExt;
    let output = part("start_a_lab_where_it_is_forbidden")
        .uid(65534)
        .gid(65534)
        .output()
        .expect("started, as root");
    assert!(output.status.success(), "{}", text(&output));
}

fn start_a_lab_where_it_is_forbidden() {
    match Lab::start(LabConfig::default()) {
        Err(error @ LabError::NoPrivilege(_)) => {
            assert!(error.to_string().contains("run as root"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

fn run_a_lab_until_killed() {
    let _lab = start(LabConfig::default());
    println!("ready");
    std::thread::sleep(Duration::from_secs(60));
}

fn a_killed_lab_vanishes_with_its_process() {
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

fn the_first_message_after_the_start_arrives() {
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

fn the_uplink_is_silent() {
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

fn dhclient_gets_a_lease_and_reaches_google_dns() {
    enter();
    let lab = start(LabConfig::default());
    plug_in(&lab, "ns1");
    // A pid file would be read by a dhclient of another process namespace, and somebody else's process killed.
    let dhclient = ["dhclient", "--no-pid", "-lf", "/run/lanherd/leases"];
    let _daemon = Daemon::start(
        "ns1",
        &[&APART[..], &dhclient[..], &["-d", "eth0"]].concat(),
    );
    works(&lab, "ns1");
    sh(&format!(
        "ip netns exec ns1 {} -r eth0 2>&1",
        dhclient.join(" ")
    ));
    eventually("the lease is released", || lab.active() == 0);
}

fn dhcpcd_gets_a_lease_and_reaches_google_dns() {
    enter();
    let lab = start(LabConfig::default());
    plug_in(&lab, "ns1");
    // Its state would be the host's, and outlive the test, and its helper processes would, too.
    sh("mount -t tmpfs lanherd /var/lib/dhcpcd");
    let dhcpcd = ["dhcpcd", "-B", "-4", "eth0"];
    let _daemon = Daemon::start("ns1", &[&APART[..], &dhcpcd[..]].concat());
    works(&lab, "ns1");
}

fn udhcpc_gets_a_lease_and_reaches_google_dns() {
    enter();
    let lab = start(LabConfig::default());
    plug_in(&lab, "ns1");
    let _daemon = Daemon::start(
        "ns1",
        &["udhcpc", "-f", "-i", "eth0", "-x", "hostname:phone"],
    );
    works(&lab, "ns1");
    assert_eq!(lab.leases()[0].host_name.as_deref(), Some("phone"));
}

fn udhcpc_renews_and_releases_and_the_router_forgets_its_neighbour() {
    enter();
    let lab = start(LabConfig::default());
    plug_in(&lab, "ns1");
    let daemon = Daemon::start("ns1", &["udhcpc", "-f", "-R", "-i", "eth0"]);
    works(&lab, "ns1");
    let neighbours = || in_router("ip neighbour show nud permanent");
    assert!(neighbours().contains(&lab.leases()[0].mac.to_string()));
    sh(&format!("kill -USR1 {}", daemon.0.id()));
    eventually("the lease is renewed", || lab.counters().acks == 2);
    sh(&format!("kill {}", daemon.0.id()));
    eventually("the lease is released", || lab.counters().releases == 1);
    assert_eq!(lab.active(), 0);
    eventually("the neighbour is forgotten", || neighbours().is_empty());
    assert_eq!(lab.counters().naks, 0);
}

fn a_lease_that_runs_out_is_forgotten_and_so_is_its_neighbour() {
    enter();
    let lab = start(LabConfig {
        lease: LeaseTime::Finite(Duration::from_secs(1)),
        ..LabConfig::default()
    });
    let herd = BareClients::new();
    herd.join(&lab, 0);
    eventually("it has its lease", || lab.active() == 1);
    assert_ne!(in_router("ip neighbour show nud permanent"), "");
    eventually("the lease runs out", || lab.active() == 0);
    eventually("the neighbour is forgotten", || {
        in_router("ip neighbour show nud permanent").is_empty()
    });
}

fn an_address_that_nobody_has_is_unreachable_at_once() {
    enter();
    let lab = start(LabConfig::default());
    plug_in(&lab, "ns1");
    sh("ip -n ns1 address add 10.77.0.9/16 dev eth0; ip -n ns1 route add default via 10.77.0.1");
    // More than the kernel's default limits on such answers would let through.
    let ping = "ip netns exec ns1 ping -c 20 -i 0.002 -W 2 203.0.113.1";
    let output = Command::new("sh")
        .args(["-c", ping])
        .output()
        .expect("ping");
    let said = text(&output);
    assert!(
        said.contains("From 10.77.0.1") && said.contains("Destination Net Unreachable"),
        "{said}"
    );
    assert!(said.contains("100% packet loss"), "{said}");
    assert!(
        said.matches("Unreachable").count() >= 5 && !output.status.success(),
        "{said}"
    );
}

/// Asks the server at `address` over this namespace's stack.
fn ask(server: &str, name: &str, kind: TYPE) -> (RCODE, Vec<String>) {
    let mut query = Packet::new_query(7);
    query.questions.push(Question::new(
        Name::new(name).expect("a name"),
        kind.into(),
        CLASS::IN.into(),
        false,
    ));
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a timeout");
    socket
        .send_to(&query.build_bytes_vec().expect("bytes"), (server, 53))
        .expect("sent");
    let mut buffer = [0; 1500];
    let (length, from) = socket.recv_from(&mut buffer).expect("an answer");
    assert_eq!(from.ip().to_string(), server);
    let reply = Packet::parse(&buffer[..length]).expect("a message");
    let answers = reply.answers.iter().map(|record| match &record.rdata {
        RData::A(a) => Ipv4Addr::from(a.address).to_string(),
        RData::PTR(name) => name.0.to_string(),
        other => format!("{other:?}"),
    });
    (reply.rcode(), answers.collect())
}

fn the_lab_resolves_aliases_itself_and_its_clients() {
    enter();
    let lab = start(LabConfig::default());
    plug_in(&lab, "ns1");
    let _daemon = Daemon::start(
        "ns1",
        &["udhcpc", "-f", "-i", "eth0", "-x", "hostname:Phone"],
    );
    works(&lab, "ns1");
    let phone = lab.leases()[0].address.to_string();
    // The test itself takes a place on the LAN.
    sh("ip address add 10.77.0.9/16 dev lab0; ip route add default via 10.77.0.1");
    let found = |name: &str| (RCODE::NoError, vec![name.to_owned()]);
    for server in ["10.77.0.1", "8.8.8.8", "1.1.1.1"] {
        assert_eq!(ask(server, "dns.google", TYPE::A), found("8.8.8.8"));
        assert_eq!(ask(server, "router.lab.test", TYPE::A), found("10.77.0.1"));
        assert_eq!(ask(server, "phone.LAB.test", TYPE::A), found(&phone));
        assert_eq!(
            ask(server, "1.1.1.1.in-addr.arpa", TYPE::PTR),
            found("one.one.one.one")
        );
        assert_eq!(
            ask(server, "dns.google", TYPE::AAAA),
            (RCODE::NoError, Vec::new())
        );
        assert_eq!(
            ask(server, "example.com", TYPE::A),
            (RCODE::NameError, Vec::new())
        );
    }
}

/// Clients that only send: what comes back is counted at the server.
struct BareClients(UdpSocket);

impl BareClients {
    fn new() -> Self {
        let socket = UdpSocket::bind("0.0.0.0:68").expect("a socket");
        socket.set_broadcast(true).expect("broadcast");
        let socket = socket2::Socket::from(socket);
        socket
            .bind_device(Some(b"lab0"))
            .expect("bound to the uplink");
        Self(socket.into())
    }

    /// The client of that number asks for an address, and then for the one that must have been offered.
    fn join(&self, lab: &Lab, number: u32) {
        let [_, _, a, b] = number.to_be_bytes();
        let mac = Mac([0x02, 0, 0, 0, a, b]);
        let mut request = Message::request(MessageType::Request, mac, number);
        let address = Ipv4Addr::from_bits(Ipv4Addr::new(10, 77, 0, 10).to_bits() + number);
        request
            .options
            .push_addresses(code::REQUESTED_ADDRESS, &[address])
            .push_addresses(code::SERVER_ID, &[lab.router()]);
        for message in [
            Message::request(MessageType::Discover, mac, number),
            request,
        ] {
            self.0
                .send_to(&message.encode(), (Ipv4Addr::BROADCAST, 67))
                .expect("sent");
        }
    }
}

/// More than `gc_thresh3`, which counts the entries of all namespaces, has room for.
fn three_thousand_bindings_fit_the_neighbour_table() {
    const CLIENTS: u32 = 3_000;
    enter();
    let lab = start(LabConfig::default());
    let herd = BareClients::new();
    let began = Instant::now();
    for number in 0..CLIENTS {
        herd.join(&lab, number);
        // As many in flight as a herd would have.
        while lab.counters().requests + 64 < u64::from(number) {
            std::thread::yield_now();
        }
    }
    eventually("all are answered", || {
        lab.counters().acks == u64::from(CLIENTS)
    });
    let took = began.elapsed();
    println!(
        "{CLIENTS} leases in {took:.2?}: {:.0} replies a second",
        f64::from(2 * CLIENTS) / took.as_secs_f64()
    );
    assert_eq!(lab.active(), CLIENTS as usize);
    assert_eq!(
        in_router("ip -4 neighbour show nud permanent | wc -l"),
        CLIENTS.to_string()
    );
}
