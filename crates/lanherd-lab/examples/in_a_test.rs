//! Tests against a router that can be broken, as they would stand in your own crate: `cargo test -p lanherd-lab --example
//! in_a_test`. As root, or under `unshare --user --map-root-user`. Needs iproute2.

#![allow(clippy::expect_used, reason = "this is how a test fails")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use lanherd_lab::{Lab, LabConfig};
use lanherd_net::sandbox;
use lanherd_types::fault::Fault;

/// The program under test: fetches a page of the router, and tells the status.
fn fetch(lab: &Lab, path: &str) -> String {
    let mut stream = TcpStream::connect((lab.router(), 80)).expect("connected");
    let limit = Some(Duration::from_secs(5));
    stream.set_read_timeout(limit).expect("a limit");
    let request = format!("GET {path} HTTP/1.1\r\nHost: router\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.lines().next().unwrap_or_default().to_owned()
}

/// Runs a test beside a router of its own, in a network of its own.
fn beside_a_router(test: impl FnOnce(Lab) + Send + 'static) {
    let inside = || {
        let lab = Lab::start(LabConfig::default()).expect("a router");
        let host = lab.router().to_bits() + 100;
        let address = format!("{}/24", std::net::Ipv4Addr::from_bits(host));
        let added = Command::new("ip")
            .args(["address", "add", &address, "dev", lab.uplink()])
            .status();
        assert!(added.expect("iproute2").success(), "{address}");
        test(lab);
    };
    sandbox::on_a_thread(inside).expect("a sandbox");
}

#[cfg_attr(test, test)]
fn a_page_is_fetched() {
    beside_a_router(|lab| assert_eq!(fetch(&lab, "/"), "HTTP/1.1 200 OK"));
}

#[cfg_attr(test, test)]
fn while_the_web_server_is_unavailable_it_says_so_and_then_it_is_back() {
    beside_a_router(|lab| {
        lab.inject(Fault::HttpUnavailable, Duration::from_secs(60))
            .expect("a fault");
        assert_eq!(fetch(&lab, "/"), "HTTP/1.1 503 Service Unavailable");
        assert_eq!(lab.fault_effects().get(&Fault::HttpUnavailable), Some(&1));
        lab.heal();
        assert_eq!(fetch(&lab, "/"), "HTTP/1.1 200 OK");
    });
}

#[allow(clippy::print_stdout, reason = "an example shows its result")]
fn main() {
    let started = Instant::now();
    a_page_is_fetched();
    while_the_web_server_is_unavailable_it_says_so_and_then_it_is_back();
    println!("both hold, in {:?}", started.elapsed());
}
