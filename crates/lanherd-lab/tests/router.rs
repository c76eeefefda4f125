//! The lab against the real kernel, and against the DHCP clients that people use.
//!
//! Each test moves into a sandbox first, so that nothing of it can reach the host.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test prints what it measured, and ends where it cannot go on"
)]

#[path = "router/clients.rs"]
mod clients;
#[path = "router/faults.rs"]
mod faults;
#[path = "router/ipv6.rs"]
mod ipv6;
#[path = "router/lifetime.rs"]
mod lifetime;
#[path = "router/names.rs"]
mod names;
#[path = "router/services.rs"]
mod services;
#[path = "router/streams.rs"]
mod streams;

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clients::{
    a_lease_that_runs_out_is_forgotten_and_so_is_its_neighbour,
    dhclient_gets_a_lease_and_reaches_google_dns, dhcpcd_gets_a_lease_and_reaches_google_dns,
    three_thousand_bindings_fit_the_neighbour_table, udhcpc_gets_a_lease_and_reaches_google_dns,
    udhcpc_renews_and_releases_and_the_router_forgets_its_neighbour,
};
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
use ipv6::{
    a_router_that_reboots_has_its_addresses_again_and_advertises,
    a_thousand_addresses_fit_the_neighbour_table_on_the_routers_side,
    another_number_takes_the_place_of_the_first_which_is_withdrawn,
    dhclient_leases_an_address_and_a_prefix_and_gives_them_back,
    dhcpcd_takes_an_address_by_rapid_commit_and_reaches_google_dns,
    hosts_configure_themselves_reach_everything_and_hear_the_router_leave,
    names_pages_and_pings_are_served_over_ipv6_on_each_address,
    rdisc6_is_answered_by_unicast_with_all_that_is_configured,
};
use lanherd_dhcp::Message;
use lanherd_dhcp::options::{MessageType, code};
use lanherd_lab::{Lab, LabConfig};
use lanherd_net::sandbox;
use lanherd_testkit::isolated::sh;
use lanherd_types::fault::Fault;
use lanherd_types::identity::Mac;
use lifetime::{
    a_killed_lab_vanishes_with_its_process, a_lab_needs_no_privilege_in_a_sandbox,
    a_stopped_or_dropped_lab_leaves_no_link, an_interface_of_the_same_name_is_never_taken_over,
    run_a_lab_until_killed, start_a_lab_where_it_is_forbidden,
    the_first_message_after_the_start_arrives, the_uplink_is_silent,
    without_privilege_and_sandbox_the_lab_says_what_to_do,
};
use names::{
    a_resolver_in_trouble_is_mute_fails_or_answers_only_so_many_at_once,
    the_lab_resolves_aliases_itself_and_its_clients,
};
use services::{
    a_leak_slows_everything_down_and_is_gone_when_the_fault_is_over,
    an_address_that_nobody_has_is_unreachable_at_once,
    pings_are_answered_twice_by_the_router_and_its_aliases_until_the_fault_is_over,
    pings_are_lost_without_privilege_too,
    some_pings_are_lost_by_the_router_and_its_aliases_until_the_fault_is_over,
    the_lab_has_web_pages_on_each_of_its_addresses,
    what_is_broken_from_the_beginning_is_so_until_it_is_ended,
};
use streams::{
    a_slow_link_carries_little_in_both_directions_until_the_fault_is_over,
    streams_to_the_labs_sink_go_both_ways_over_both_families,
};

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
    Caller: streams_to_the_labs_sink_go_both_ways_over_both_families,
    Caller: a_slow_link_carries_little_in_both_directions_until_the_fault_is_over,
    Caller: hosts_configure_themselves_reach_everything_and_hear_the_router_leave,
    Caller: rdisc6_is_answered_by_unicast_with_all_that_is_configured,
    Caller: names_pages_and_pings_are_served_over_ipv6_on_each_address,
    Caller: another_number_takes_the_place_of_the_first_which_is_withdrawn,
    Caller: a_router_that_reboots_has_its_addresses_again_and_advertises,
    Caller: dhclient_leases_an_address_and_a_prefix_and_gives_them_back,
    Caller: dhcpcd_takes_an_address_by_rapid_commit_and_reaches_google_dns,
    Caller: a_thousand_addresses_fit_the_neighbour_table_on_the_routers_side,
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
