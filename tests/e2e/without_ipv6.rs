//! Kernels, interfaces and routers without IPv6, under a program that would like to have it.

use super::common::host::Host;
use super::common::seconds;

/// Runs the rest of its arguments where no socket of IPv6 can be made, as on a kernel that was started with `ipv6.disable=1`: a filter of
/// system calls (seccomp(2)) has socket(2) answer as such a kernel does (ipv6(7)).
const NO_IPV6: &str = r#"
import ctypes, os, struct, sys
NUMBER = {"x86_64": 41, "aarch64": 198, "riscv64": 198}[os.uname().machine]
AF_INET6, EAFNOSUPPORT = 10, 97
step = lambda code, yes, no, value: struct.pack("HBBI", code, yes, no, value)
LOAD, EQUALS, RETURN = 0x20, 0x15, 0x06
program = b"".join([
    step(LOAD, 0, 0, 0), step(EQUALS, 0, 3, NUMBER),
    step(LOAD, 0, 0, 16), step(EQUALS, 0, 1, AF_INET6),
    step(RETURN, 0, 0, 0x00050000 | EAFNOSUPPORT),
    step(RETURN, 0, 0, 0x7fff0000),
])
kept = ctypes.create_string_buffer(program)
filter = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(kept)))
libc = ctypes.CDLL(None, use_errno=True)
for call in [(38, 1, 0, 0, 0), (22, 2, ctypes.c_void_p(ctypes.addressof(filter)), 0, 0)]:
    if libc.prctl(*call) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[1], sys.argv[1:])
"#;

/// What it says where the kernel has none.
const SAYS: &str =
    "his kernel does not speak IPv6 (it was started with ipv6.disable=1, or built without it)";

fn without<'a>(command: &[&'a str]) -> Vec<&'a str> {
    let runner = ["python3", "-c", NO_IPV6, "/run/bin/lanherd"];
    [&runner, command].concat()
}

#[test]
fn on_a_kernel_without_ipv6_the_demo_says_so_and_shows_ipv4() {
    let host = Host::new();
    let before = host.snapshot();
    let outcome = host
        .start("lanherd", &without(&["demo", "--clients", "3"]))
        .finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let says = format!("T{SAYS}, so the demo shows IPv4 alone.");
    assert!(outcome.stderr.contains(&says), "{}", outcome.stderr);
    for words in ["ns3", "10.77.", "3 of 3 pings answered"] {
        assert!(outcome.stdout.contains(words), "{}", outcome.stdout);
    }
    assert!(!outcome.stdout.contains("2001:db8:"), "{}", outcome.stdout);
    assert_eq!(host.snapshot(), before);
}

#[test]
fn who_asks_for_ipv6_of_a_kernel_without_it_is_told_the_remedy() {
    let host = Host::new();
    let before = host.snapshot();
    for command in [
        &["demo", "--family", "dual"][..],
        &["up", "--lab", "--family", "ipv6", "--clients", "2"],
        &[
            "soak",
            "--parent",
            "up0",
            "--family",
            "dual",
            "--clients",
            "2",
        ],
    ] {
        let outcome = host.start("lanherd", &without(command)).finish(seconds(60));
        assert_eq!(outcome.code, Some(3), "{command:?}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains(&format!("error: t{SAYS}")),
            "{}",
            outcome.stderr
        );
        assert!(
            outcome.stderr.contains("run with --family ipv4"),
            "{}",
            outcome.stderr
        );
    }
    assert_eq!(host.snapshot(), before);
}

#[test]
fn scenarios_of_ipv6_are_inconclusive_where_the_kernel_has_none() {
    let host = Host::new();
    let before = host.snapshot();
    let feature = host.folder().join("ipv6.feature");
    let steps = "Given I create 2 dual-stack virtual clients using macvlan\nWhen all clients attempt to ping the router\nThen all clients should respond successfully\n";
    std::fs::write(&feature, format!("Feature: F\nScenario: S\n{steps}")).expect("written");
    for (options, code) in [(&["--lab"][..], 125), (&["--lab", "--family", "dual"], 3)] {
        let command = [&["bdd", feature.to_str().expect("a name")], options].concat();
        let outcome = host
            .start("lanherd", &without(&command))
            .finish(seconds(60));
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        assert_eq!(outcome.code, Some(code), "{said}");
        assert!(
            said.contains(SAYS) && said.contains("run with --family ipv4"),
            "{said}"
        );
    }
    assert_eq!(host.snapshot(), before);
}

#[test]
fn where_interfaces_are_told_to_do_without_ipv6_the_demo_shows_both_families() {
    let host = Host::new();
    host.must(&[
        "sh",
        "-ec",
        "for all in all default; do echo 1 >/proc/sys/net/ipv6/conf/$all/disable_ipv6; done",
    ]);
    let before = host.snapshot();
    let outcome = host
        .lanherd(&["demo", "--clients", "3"])
        .finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    for words in ["10.77.", "2001:db8:77:", "6 of 6 pings answered"] {
        assert!(outcome.stdout.contains(words), "{}", outcome.stdout);
    }
    assert_eq!(host.snapshot(), before);
}

#[test]
fn beside_a_router_of_ipv4_alone_a_dual_herd_says_what_is_missing_and_the_remedy() {
    let (host, _router) = Host::with_dnsmasq();
    let outcome = host
        .up(
            3,
            &[
                "--family",
                "dual",
                "--lease-timeout",
                "6s",
                "--ping",
                "router",
                "--for",
                "3s",
            ],
        )
        .finish(seconds(90));
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    for words in [
        "ns1, ns2, ns3: partial, no IPv6: router: no_router: no router advertisement for",
        "If the router is meant to have IPv4 alone, run with --family ipv4;",
        "IPv4 100 %, IPv6 0 %",
    ] {
        assert!(
            outcome.stdout.contains(words),
            "{words:?} is not in\n{}",
            outcome.stdout
        );
    }
    assert!(
        outcome.stderr.contains("run with --family ipv4"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("3 partial (one of two families)"),
        "{}",
        outcome.stderr
    );
}
