//! Herds that live on: what a killed run left is taken over by the next.

use super::*;

#[test]
fn a_killed_herd_is_taken_over_and_what_runs_in_its_namespaces_hardly_notices() {
    let (host, _router) = Host::with_dnsmasq();
    let capture = Capture::start(&host);
    let before = host.snapshot();
    killed_online(&host, 10);
    let held = acknowledged(&capture.messages());
    let first_life = capture.messages().len();
    let ping = host.start(
        "ping",
        &[
            "ip",
            "netns",
            "exec",
            "ns3",
            "ping",
            "-n",
            "-i",
            "0.05",
            "10.66.0.1",
        ],
    );
    for life in 1..=2 {
        let lanherd = host.up(10, &["--adopt"]);
        lanherd.wait_online(10, seconds(60));
        assert!(
            lanherd
                .stderr()
                .contains("10 clients of a killed run of pool ns are taken over"),
            "{}",
            lanherd.stderr()
        );
        let seen = capture.messages().split_off(first_life);
        let is = |kind| seen.iter().filter(move |seen| seen.kind() == Some(kind));
        assert_eq!(is(MessageType::Discover).count(), 0, "life {life}");
        assert!(
            is(MessageType::Request).all(|seen| seen.has(OptionCode::RequestedIpAddress)
                && !seen.has(OptionCode::ServerIdentifier)),
            "INIT-REBOOT (RFC 2131, 4.3.2)"
        );
        assert_eq!(acknowledged(&seen), held, "life {life}");
        assert_eq!(written_down(&host), held, "life {life}");
        killed(lanherd);
    }
    // While nobody runs the lanherd, its address still answers.
    ping.signal(Signal::SIGINT);
    let pinged = ping.finish(seconds(10)).stdout;
    assert!(pinged.contains(" 0% packet loss"), "{pinged}");

    let lanherd = host.up(8, &["--adopt"]);
    lanherd.wait_online(8, seconds(60));
    assert!(
        lanherd.stderr().contains("sent RELEASE for 2 leases"),
        "{}",
        lanherd.stderr()
    );
    interrupted(lanherd);
    assert_eq!(released(&capture.messages()), held);
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_router_that_has_forgotten_its_leases_gives_those_who_were_taken_over_new_ones_alone() {
    let (host, router) = Host::with_dnsmasq();
    let before = host.snapshot();
    killed_online(&host, 4);
    router.die();
    let range = "10.66.3.0,10.66.3.250";
    let _other = Router::dnsmasq(&host, range, "1h", &["--dhcp-authoritative"]);
    let herd = host.up(4, &["--adopt"]);
    herd.wait_online(4, seconds(60));
    for number in 1..=4 {
        let namespace = format!("ns{number}");
        let addresses = host.addresses(&namespace);
        assert_eq!(addresses.len(), 1, "{addresses:?}");
        assert!(addresses[0].starts_with("10.66.3."), "{addresses:?}");
        let default = host.must(&["ip", "-n", &namespace, "route", "show", "default"]);
        assert_eq!(default.lines().count(), 1, "{default}");
        host.must(&[
            "ip",
            "netns",
            "exec",
            &namespace,
            "ping",
            "-c1",
            "-W5",
            "10.66.0.1",
        ]);
    }
    interrupted(herd);
    let mut after = host.snapshot();
    after.processes.clone_from(&before.processes);
    assert_eq!(after, before);
}

#[test]
fn a_living_herd_is_not_taken_over_and_the_refusal_names_its_process() {
    let (host, _router) = Host::with_dnsmasq();
    let herd = host.up(2, &[]);
    herd.wait_online(2, seconds(60));
    let second = host.up(2, &["--adopt"]).finish(seconds(30));
    assert_ne!(second.code, Some(0));
    assert!(
        second.stderr.contains("the pool ns is alive in process ")
            && second
                .stderr
                .contains("stop it, or choose another --pool name"),
        "{}",
        second.stderr
    );
    assert_eq!(host.addresses("ns2").len(), 1, "it goes on");
    interrupted(herd);
}

#[test]
fn the_lab_has_nothing_to_adopt_and_says_so() {
    let host = Host::new();
    let refused = host.lanherd(&["up", "--lab", "--clients", "1", "--adopt"]);
    let refused = refused.finish(seconds(30));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("--adopt"), "{}", refused.stderr);
}
