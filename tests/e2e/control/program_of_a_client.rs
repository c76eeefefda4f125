//! Programs that run as a client, of a real parent or of a lab.

use super::*;

#[test]
fn a_program_starts_when_the_client_is_online_in_all_its_families_or_at_once_if_that_is_asked_for()
{
    let host = Host::new();
    let one = ["up", "--clients", "1", "--pool"];
    let dual = host.lanherd(&[&one[..], &["ns", "--lab", "--family", "dual"]].concat());
    let shown = "ip -6 -o address show dev lan0 scope global";
    let exec = |more: &[&str]| {
        let command = [
            &["exec", "--pool", "ns"],
            more,
            &["1", "--", "sh", "-c", shown],
        ];
        lanherd(&host, &command.concat())
    };
    // Before there is a pool, and a namespace, it is refused.
    let seen = wait_for("the program has run", seconds(60), || {
        Some(exec(&[])).filter(|outcome| outcome.code == Some(0))
    });
    // One address is enough to be online: that of another prefix may be verified yet.
    let is_verified = |line: &str| line.contains("inet6") && !line.contains("tentative");
    assert!(seen.stdout.lines().any(is_verified), "{seen:?}");
    let told_of = told(&host, &["ps", "--routers"]);
    for words in [
        "router fe80::1 (",
        "2001:db8:77::/64: preferred 2700 s, valid 5400 s; LA",
        "for 2700 s, preference medium; flags none",
        "fd00:77::/48 (medium, 2700 s)",
    ] {
        assert!(told_of.contains(words), "{words:?} is not in {told_of}");
    }
    let listed = herd(&host, "ns").expect("a herd");
    assert_eq!(listed["routers"][0]["managed"], false, "{listed:#}");
    assert_eq!(listed["routers"][0]["prefixes"][0]["on_link"], true);
    drop(dual);

    // Where nobody answers, the client is not online before it is given up, half a minute later.
    let mute = host.lanherd(&[&one[..], &["mute", "--parent", PARENT]].concat());
    let at_once = wait_for("a program has run at once", seconds(60), || {
        let command = [
            "exec",
            "--pool",
            "mute",
            "--now",
            "1",
            "--",
            "ls",
            "/sys/class/net",
        ];
        Some(lanherd(&host, &command)).filter(|outcome| outcome.code == Some(0))
    });
    assert_eq!((&*at_once.stdout, &*at_once.stderr), ("lan0\nlo\n", ""));
    let waiting = host.lanherd(&["exec", "--pool", "mute", "1", "--", "true"]);
    wait_for("it is told what is waited for", seconds(20), || {
        let told = waiting.stderr();
        told.contains("--now starts the program at once")
            .then_some(())
    });
    drop(mute);
}
