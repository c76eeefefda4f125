//! A lab that is bad on purpose, as somebody would try it who has just installed lanherd.

use nix::sys::signal::Signal;

use super::common::host::{Host, PARENT};
use super::common::report::Report;
use super::common::{seconds, wait_for};

#[test]
fn a_lab_with_faults_is_bad_from_the_first_message_and_says_in_the_end_how_bad_it_was() {
    let host = Host::new();
    let lab = host.lanherd(&["lab", "--fault", "ping-loss", "--fault", "dhcp_wrong_dns"]);
    wait_for("the lab is ready", seconds(10), || {
        lab.stdout().contains("end it:").then_some(())
    });
    let said = lab.stdout();
    assert!(
        said.contains("broken on purpose: ping_loss, dhcp_wrong_dns"),
        "{said}"
    );
    let plug_in = "ip netns add phone
        ip link add link lab0 name eth0 netns phone type macvlan mode private
        ip -n phone link set lo up
        ip -n phone link set eth0 up
        mkdir -p /etc/netns/phone && touch /etc/netns/phone/resolv.conf
        ip netns exec phone udhcpc -f -q -n -i eth0";
    host.must(&["sh", "-ec", plug_in]);
    let resolver = host.resolver("phone").expect("a resolver file");
    assert!(resolver.contains("10.77.255.254"), "{resolver}");
    let ping = "ip netns exec phone ping -n -c 100 -i 0.005 -W 1 8.8.8.8";
    let pinged = host.run(&["sh", "-c", ping]).stdout;
    let lost = 100 - pinged.matches("bytes from 8.8.8.8").count();
    assert!((10..50).contains(&lost), "{pinged}");
    lab.signal(Signal::SIGINT);
    let outcome = lab.finish(seconds(10));
    let told = format!("ping_loss changed something {lost} times");
    assert!(outcome.stdout.contains(&told), "{}", outcome.stdout);
    assert!(
        outcome
            .stdout
            .contains("dhcp_wrong_dns changed something 2 times"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn a_herd_on_a_lab_with_a_short_pool_has_five_clients_online_and_fails() {
    let host = Host::new();
    let path = host.folder().join("report.json");
    let outcome = host
        .lanherd(&[
            "up",
            "--lab",
            "--lab-fault",
            "dhcp-short-pool",
            "--clients",
            "7",
            "--lease-timeout",
            "8s",
            "--intensity",
            "0",
            "--for",
            "1s",
            "--report",
            &path.to_string_lossy(),
        ])
        .finish(seconds(60));
    assert_eq!(
        outcome.code,
        Some(1),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
    let report = Report::read(&path);
    assert_eq!(report.total("online"), 5);
    assert_eq!(
        report.0["parameters"]["lab"]["faults"],
        serde_json::json!(["dhcp_short_pool"])
    );
}

#[test]
fn what_is_no_fault_of_a_lab_is_a_usage_error_with_the_remedy() {
    let host = Host::new();
    for (arguments, words) in [
        (&["lab", "--fault", "flood"][..], "ping_loss"),
        (&["lab", "--fault", "crash"], "use it on clients"),
        (
            &["up", "--lab", "--clients", "1", "--lab-fault", "vanish"],
            "use it on clients",
        ),
        (
            &[
                "up",
                "--parent",
                PARENT,
                "--clients",
                "1",
                "--lab-fault",
                "ping-loss",
            ],
            "choose the lab",
        ),
    ] {
        let outcome = host.lanherd(arguments).finish(seconds(10));
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains(words),
            "{arguments:?}: {}",
            outcome.stderr
        );
    }
}
